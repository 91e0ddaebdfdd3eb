"""One transfer, with what carrier, parties and models do as data."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from hookflash.errors import ConfigError
from hookflash.events.call import Outcome
from hookflash.events.transfer import (
    AttemptEnder,
    BeginBriefing,
    BeginScreening,
    BridgeConfirmed,
    BridgeFailed,
    BriefingDeclined,
    BriefingDone,
    BriefingFailed,
    CancelDial,
    Dial,
    DialRefused,
    EndLeg,
    FinishTransfer,
    HoldCaller,
    HoldLineHeard,
    Introduce,
    IntroductionDone,
    LegAnswered,
    LegCreated,
    LegEnded,
    LegRinging,
    MakeSummary,
    Merge,
    PrepareFailed,
    PrepareTransfer,
    RefuseTransfer,
    ReturnCaller,
    SayHoldLine,
    SessionEnding,
    SummaryFailed,
    SummaryReady,
    SupervisorJudged,
    SupervisorPressed,
    SupervisorSpoke,
    TellAttempt,
    TellPhase,
    TransferAttempt,
    TransferCommand,
    TransferEvent,
    TransferPrepared,
    TransferRequested,
    UndoMerge,
    WarmTransferPhase,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.events.turn import CallerLeft, DigitReceived, TranscriptFinal
from hookflash.events.voicemail import VoicemailVerdict
from hookflash.machines.transfer import TransferMachine, TransferState
from hookflash.machines.transfer_config import (
    APOLOGIES,
    DEFAULT_APOLOGY,
    FAREWELLS,
    TransferConfig,
    TransferTarget,
)
from hookflash.sansio import Machine

P, R = WarmTransferPhase, WarmTransferReason
HUMAN, MACHINE = VoicemailVerdict.HUMAN, VoicemailVerdict.MACHINE
FAX, IVR, UNKNOWN = VoicemailVerdict.FAX, VoicemailVerdict.IVR, VoicemailVerdict.UNKNOWN

type_check: Machine[TransferEvent, TransferCommand] = TransferMachine()

PREPARED = TransferPrepared(
    caller_call_id="CA-caller",
    caller_participant_id="leg-caller",
    room_id="room-1",
    session_id="session-1",
    briefing_agent_id="agent-1",
    fallback_summary="Rules: wants a refund.",
)
SUMMARY = "Ann wants a refund."
TWO = TransferConfig(
    targets=(
        TransferTarget(name="Desk", ring_timeout=20.0),
        TransferTarget(name="Billing Agent", ring_timeout=30.0),
    )
)
GROUP = msgspec.structs.replace(TWO, together=True)

Said = list[tuple[float, TransferCommand]]
Step = tuple[float, TransferEvent]


@dataclass
class Play:
    """A machine whose every deadline is kept."""

    config: TransferConfig = field(default_factory=TransferConfig)

    def __post_init__(self) -> None:
        self.machine = TransferMachine(self.config)
        self.said: Said = []

    def run(self, *steps: Step, until: float | None = None) -> Said:
        """Feed the events; return what was said from then on, with the moments."""
        before = len(self.said)
        for moment, event in steps:
            self._wait(moment)
            self._say(moment, list(self.machine.receive(event, moment)))
        if until is not None:
            self._wait(until)
        return self.said[before:]

    def state(self) -> TransferState:
        return self.machine.state

    def _wait(self, moment: float) -> None:
        while (deadline := self.machine.deadline()) is not None and deadline <= moment:
            self._say(deadline, list(self.machine.tick(deadline)))
            assert self.machine.deadline() != deadline, "a tick at the deadline must get past it"

    def _say(self, moment: float, commands: list[TransferCommand]) -> None:
        self.said += [(moment, command) for command in commands]


def tell(
    phase: WarmTransferPhase, room: str | None = None, **data: str | float | None
) -> TellPhase:
    return TellPhase(phase=phase, data=dict(data), consultation_room_id=room)


def room(phase: WarmTransferPhase, **data: str | float | None) -> TellPhase:
    return tell(phase, "room-1", **data)


def stopped(phase: WarmTransferPhase, reason: str, sip_code: int | None = None) -> TellPhase:
    return room(phase, reason=reason, sip_code=sip_code)


def phases(said: Said) -> list[WarmTransferPhase]:
    return [command.phase for _, command in said if isinstance(command, TellPhase)]


def result(said: Said) -> WarmTransferResult:
    (found,) = (command.result for _, command in said if isinstance(command, FinishTransfer))
    return found


def without_accounts(said: Said) -> Said:
    """All but what is told of the attempts and the result, which other tests look at."""
    return [one for one in said if not isinstance(one[1], TellAttempt | FinishTransfer)]


# Stages of the usual transfer: on hold from 0.25, dialled at 3, ringing from 4, answered at 8, a
# person at 9, taken at 20, connected at 20.125.

ASKED: tuple[Step, ...] = ((0.0, TransferRequested(start_time=1.5e9)),)
HELD: tuple[Step, ...] = (*ASKED, (0.25, PREPARED))
SUMMED_UP: tuple[Step, ...] = (*HELD, (1.5, SummaryReady(summary=SUMMARY)))
DIALLED: tuple[Step, ...] = (*SUMMED_UP, (3.0, HoldLineHeard()))
CREATED: tuple[Step, ...] = (*DIALLED, (3.25, LegCreated(target=0, call_id="CA-0")))
RINGING: tuple[Step, ...] = (*CREATED, (4.0, LegRinging(target=0)))
ANSWERED: tuple[Step, ...] = (*RINGING, (8.0, LegAnswered(target=0, participant_id="leg-0")))
BRIEFED: tuple[Step, ...] = (*ANSWERED, (9.0, SupervisorJudged(target=0, verdict=HUMAN)))
TAKEN: tuple[Step, ...] = (*BRIEFED, (20.0, BriefingDone(target=0)))
MERGED: tuple[Step, ...] = (*TAKEN, (20.125, BridgeConfirmed(target=0)))

DIALED_AT_3 = TransferAttempt(target=0, destination="Supervisor", call_id="CA-0", dialed_at=3.0)
RANG_AT_4 = msgspec.structs.replace(DIALED_AT_3, ringing_at=4.0)
ANSWERED_AT_8 = msgspec.structs.replace(RANG_AT_4, answered_at=8.0)
HUMAN_AT_9 = msgspec.structs.replace(ANSWERED_AT_8, human_at=9.0)
TAKEN_AT_20 = msgspec.structs.replace(HUMAN_AT_9, accepted_at=20.0)
MERGED_AT_20 = msgspec.structs.replace(TAKEN_AT_20, merged_at=20.125)


def play(*steps: Step, config: TransferConfig | None = None) -> Play:
    begun = Play(config or TransferConfig())
    begun.run(*steps)
    return begun


# W1: the happy path.


def test_w01_the_happy_path_tells_each_phase_once_and_in_order() -> None:
    transfer = Play()
    said = transfer.run(*MERGED, until=100.0)
    assert said == [
        (0.0, tell(P.STARTED, start_time=1.5e9)),
        (0.0, PrepareTransfer()),
        (0.25, HoldCaller()),
        (0.25, SayHoldLine(text="Please hold on while I find somebody for you.")),
        (0.25, tell(P.CALLER_ON_HOLD)),
        (0.25, tell(P.SUMMARY_GENERATING)),
        (0.25, MakeSummary()),
        (1.5, tell(P.SUMMARY_READY, summary=SUMMARY, source="llm")),
        (3.0, room(P.CONSULTATION_ROOM_CREATED, consultation_room_id="room-1")),
        (3.0, Dial(target=0)),
        (
            3.25,
            room(
                P.SUPERVISOR_DIALED,
                supervisor_call_id="CA-0",
                consultation_room_id="room-1",
                target=0,
            ),
        ),
        (8.0, room(P.SUPERVISOR_JOINED, supervisor_participant_id="leg-0", target=0)),
        (8.0, BeginScreening(target=0)),
        (9.0, room(P.BRIEFING_STARTED, target=0)),
        (9.0, BeginBriefing(target=0, summary=SUMMARY)),
        (20.0, room(P.BRIEFING_COMPLETE, resolution="ready")),
        (20.0, Merge(target=0)),
        (
            20.125,
            room(
                P.CALL_SWITCHED,
                caller_call_id="CA-caller",
                consultation_room_id="room-1",
                caller_participant_id="leg-caller",
            ),
        ),
        (22.125, TellAttempt(attempt=MERGED_AT_20)),
        (
            22.125,
            room(
                P.TRANSFER_COMPLETE,
                consultation_session_id="session-1",
                supervisor_participant_id="leg-0",
                caller_participant_id="leg-caller",
                briefing_agent_participant_id="agent-1",
            ),
        ),
        (
            22.125,
            FinishTransfer(
                result=WarmTransferResult(
                    success=True,
                    phase=P.TRANSFER_COMPLETE,
                    attempts=(MERGED_AT_20,),
                    seconds=22.125,
                    summary=SUMMARY,
                    consultation_room_id="room-1",
                    consultation_session_id="session-1",
                    supervisor_call_id="CA-0",
                    supervisor_participant_id="leg-0",
                    switched_call_id="CA-caller",
                    caller_participant_id="leg-caller",
                    briefing_agent_participant_id="agent-1",
                    human_agent_identity="Supervisor",
                )
            ),
        ),
    ]
    assert result(said).error is None
    assert transfer.state() is TransferState.DONE
    assert transfer.machine.deadline() is None


def test_w01_compat_order_tells_the_hold_after_the_summary_and_dials_after_both() -> None:
    compat = TransferConfig(compat_order=True)
    said = Play(compat).run(*MERGED, until=100.0)
    assert phases(said) == [
        *(P.STARTED, P.SUMMARY_GENERATING, P.SUMMARY_READY, P.CALLER_ON_HOLD),
        *(P.CONSULTATION_ROOM_CREATED, P.SUPERVISOR_DIALED, P.SUPERVISOR_JOINED),
        *(P.BRIEFING_STARTED, P.BRIEFING_COMPLETE, P.CALL_SWITCHED, P.TRANSFER_COMPLETE),
    ]
    slow = play(*HELD, (3.0, HoldLineHeard()), config=compat)
    assert slow.run((5.0, SummaryReady(summary=SUMMARY))) == [
        (5.0, tell(P.SUMMARY_READY, summary=SUMMARY, source="llm")),
        (5.0, tell(P.CALLER_ON_HOLD)),
        (5.0, room(P.CONSULTATION_ROOM_CREATED, consultation_room_id="room-1")),
        (5.0, Dial(target=0)),
    ]


# W2 and W16, as far as the machine decides them.


def test_nobody_is_dialled_before_the_hold_line_was_heard() -> None:
    transfer = play(*SUMMED_UP)
    assert transfer.run(until=15.0) == []
    assert transfer.run(until=15.25) == [
        (15.25, room(P.CONSULTATION_ROOM_CREATED, consultation_room_id="room-1")),
        (15.25, Dial(target=0)),
    ]
    assert transfer.run((15.5, HoldLineHeard())) == []


def test_the_summary_is_made_while_it_rings_and_the_fallback_comes_in_time() -> None:
    transfer = play(*HELD, (3.0, HoldLineHeard()), (3.25, LegCreated(target=0, call_id="CA-0")))
    assert transfer.state() is TransferState.DIALING
    assert transfer.run(until=9.0) == [
        (
            8.25,
            room(P.SUMMARY_READY, summary="Rules: wants a refund.", source="fallback"),
        )
    ]
    late = (10.0, SummaryReady(summary=SUMMARY))
    assert transfer.run(late, (11.0, SummaryFailed())) == []
    briefed = transfer.run(
        (12.0, LegAnswered(target=0)), (13.0, SupervisorJudged(target=0, verdict=HUMAN))
    )
    assert briefed[-1] == (13.0, BeginBriefing(target=0, summary="Rules: wants a refund."))


def test_the_summarys_time_begins_with_the_hold() -> None:
    assert play(*ASKED, (9.0, PREPARED)).run(until=17.0) == [
        (17.0, tell(P.SUMMARY_READY, summary="Rules: wants a refund.", source="fallback"))
    ]


@pytest.mark.parametrize("event", [SummaryFailed(), SummaryReady(summary="  ")])
def test_a_summary_that_fails_or_is_empty_is_replaced_at_once(event: TransferEvent) -> None:
    assert play(*HELD).run((1.0, event)) == [
        (1.0, tell(P.SUMMARY_READY, summary="Rules: wants a refund.", source="fallback"))
    ]


def test_a_person_who_is_quicker_than_the_summary_is_briefed_when_it_comes() -> None:
    transfer = play(
        *HELD,
        (1.0, HoldLineHeard()),
        (2.0, LegAnswered(target=0)),
        (3.0, SupervisorJudged(target=0, verdict=HUMAN)),
    )
    assert transfer.state() is TransferState.BRIEFING
    # They cannot take what they do not know yet.
    early = transfer.run(
        (3.5, BriefingDone(target=0)), (3.75, SupervisorPressed(target=0, digit="1"))
    )
    assert early == []
    assert transfer.run((4.0, SummaryReady(summary=SUMMARY))) == [
        (4.0, room(P.SUMMARY_READY, summary=SUMMARY, source="llm")),
        (4.0, room(P.BRIEFING_STARTED, target=0)),
        (4.0, BeginBriefing(target=0, summary=SUMMARY)),
    ]


def test_a_person_who_is_lost_before_the_summary_came_was_not_briefed() -> None:
    transfer = play(*HELD, (1.0, HoldLineHeard()), (2.0, LegAnswered(target=0)), config=TWO)
    transfer.run((3.0, SupervisorJudged(target=0, verdict=HUMAN)))
    said = transfer.run((3.5, LegEnded(target=0, outcome=Outcome.COMPLETED)))
    assert without_accounts(said) == [(3.5, Dial(target=1))]


# W3 and W4: nobody is reached.


def test_w03_nobody_answers_in_time() -> None:
    transfer = play(*RINGING, config=TransferConfig(join_within=10.0))
    attempt = msgspec.structs.replace(
        RANG_AT_4, ended_at=13.0, reason=R.SUPERVISOR_JOIN_TIMEOUT, ended_by=AttemptEnder.AGENT
    )
    said = transfer.run(until=100.0)
    assert said == [
        (13.0, CancelDial(target=0)),
        (13.0, TellAttempt(attempt=attempt)),
        (13.0, ReturnCaller(reason=R.SUPERVISOR_JOIN_TIMEOUT, words=DEFAULT_APOLOGY)),
        (13.0, stopped(P.TRANSFER_CANCELLED, "supervisor_join_timeout")),
        (
            13.0,
            FinishTransfer(
                result=WarmTransferResult(
                    success=False,
                    phase=P.TRANSFER_CANCELLED,
                    reason=R.SUPERVISOR_JOIN_TIMEOUT,
                    attempts=(attempt,),
                    seconds=13.0,
                    summary=SUMMARY,
                    consultation_room_id="room-1",
                    consultation_session_id="session-1",
                    supervisor_call_id="CA-0",
                    caller_participant_id="leg-caller",
                    briefing_agent_participant_id="agent-1",
                )
            ),
        ),
    ]
    assert result(said).error == "supervisor_join_timeout"
    assert result(said).switched_call_id is None


def test_a_phone_that_rings_out_before_that_counts_as_no_answer() -> None:
    assert result(play(*RINGING).run(until=100.0)).reason is R.SUPERVISOR_NO_ANSWER


@pytest.mark.parametrize(
    ("outcome", "reason", "ender"),
    [
        (Outcome.BUSY, R.SUPERVISOR_BUSY, AttemptEnder.SUPERVISOR),
        (Outcome.NO_ANSWER, R.SUPERVISOR_NO_ANSWER, AttemptEnder.CARRIER),
        (Outcome.REJECTED, R.SUPERVISOR_REJECTED, AttemptEnder.SUPERVISOR),
        (Outcome.FAILED, R.SUPERVISOR_UNREACHABLE, AttemptEnder.CARRIER),
        (Outcome.CANCELED, R.SUPERVISOR_UNREACHABLE, AttemptEnder.CARRIER),
        (Outcome.COMPLETED, R.SUPERVISOR_UNREACHABLE, AttemptEnder.CARRIER),
        (Outcome.VOICEMAIL, R.VOICEMAIL, AttemptEnder.CARRIER),
    ],
)
def test_w04_a_call_that_fails_says_why_at_once(
    outcome: Outcome, reason: WarmTransferReason, ender: AttemptEnder
) -> None:
    ended = LegEnded(target=0, outcome=outcome, cause="the cause", sip_code=486)
    said = play(*RINGING).run((5.0, ended), until=500.0)
    attempt = msgspec.structs.replace(
        RANG_AT_4, ended_at=5.0, reason=reason, ended_by=ender, cause="the cause", sip_code=486
    )
    apology = APOLOGIES.get(reason, DEFAULT_APOLOGY)
    assert said[:-1] == [
        (5.0, TellAttempt(attempt=attempt)),
        (5.0, ReturnCaller(reason=reason, words=apology)),
        (5.0, stopped(P.TRANSFER_CANCELLED, reason.value, 486)),
    ]
    assert (result(said).reason, result(said).sip_code) == (reason, 486)


def test_an_order_to_dial_that_the_carrier_refuses_fails_the_transfer() -> None:
    said = play(*DIALLED).run((3.5, DialRefused(target=0, cause="21211")))
    assert without_accounts(said) == [
        (3.5, ReturnCaller(reason=R.DIAL_FAILED, words=DEFAULT_APOLOGY)),
        (3.5, stopped(P.TRANSFER_FAILED, "dial_failed")),
    ]
    assert result(said).attempts == (
        TransferAttempt(
            target=0,
            destination="Supervisor",
            dialed_at=3.0,
            ended_at=3.5,
            reason=R.DIAL_FAILED,
            cause="21211",
            ended_by=AttemptEnder.CARRIER,
        ),
    )


# W5 and W6: who answered.


def test_w05_an_answer_that_comes_before_the_carriers_receipt_counts() -> None:
    transfer = play(*DIALLED)
    dialled = room(
        P.SUPERVISOR_DIALED, supervisor_call_id="CA-0", consultation_room_id="room-1", target=0
    )
    assert transfer.run(
        (3.5, LegAnswered(target=0, participant_id="leg-0", call_id="CA-0")),
        (3.75, LegCreated(target=0, call_id="CA-0")),
        (4.0, LegRinging(target=0)),
        (4.0, LegAnswered(target=0)),
        (4.0, DialRefused(target=0)),
    ) == [
        (3.5, dialled),
        (3.5, room(P.SUPERVISOR_JOINED, supervisor_participant_id="leg-0", target=0)),
        (3.5, BeginScreening(target=0)),
    ]
    assert transfer.state() is TransferState.SCREENING


def test_w06_a_display_name_is_no_evidence() -> None:
    named = TransferConfig(targets=(TransferTarget(name="Billing Agent"),))
    assert result(Play(named).run(*MERGED, until=30.0)).human_agent_identity == "Billing Agent"


# W7, W8, W20: screening, declining, keys.


def test_w07_a_supervisor_declines_with_a_reason() -> None:
    transfer = play(*BRIEFED)
    said = transfer.run((15.0, BriefingDeclined(target=0, reason="in a meeting")))
    assert without_accounts(said) == [
        (15.0, room(P.BRIEFING_COMPLETE, resolution="declined")),
        (15.0, EndLeg(target=0, words=FAREWELLS[R.DECLINED])),
        (15.0, ReturnCaller(reason=R.DECLINED, words=APOLOGIES[R.DECLINED])),
        (15.0, stopped(P.TRANSFER_CANCELLED, "declined")),
    ]
    assert result(said).decline_reason == "in a meeting"
    # What was said in the same breath comes too late.
    assert transfer.run((15.0, BriefingDone(target=0))) == []


@pytest.mark.parametrize("verdict", [MACHINE, FAX])
def test_w08_a_mailbox_is_told_nothing(verdict: VoicemailVerdict) -> None:
    transfer = Play()
    transfer.run(*ANSWERED, (9.0, SupervisorSpoke(target=0)))
    said = transfer.run((10.0, SupervisorJudged(target=0, verdict=verdict)))
    assert without_accounts(said) == [
        (10.0, EndLeg(target=0)),
        (10.0, ReturnCaller(reason=R.VOICEMAIL, words=APOLOGIES[R.VOICEMAIL])),
        (10.0, stopped(P.TRANSFER_CANCELLED, "voicemail")),
    ]
    assert not any(isinstance(one, BeginBriefing) for _, one in transfer.said)


def test_w08_words_for_a_mailbox_are_not_said_even_if_there_are_some() -> None:
    config = TransferConfig(farewells={R.VOICEMAIL: "Goodbye, mailbox."})
    said = play(*ANSWERED, config=config).run((9.0, SupervisorJudged(target=0, verdict=MACHINE)))
    assert said[0] == (9.0, EndLeg(target=0))


def test_a_verdict_that_is_corrected_stops_the_briefing() -> None:
    transfer = play(*BRIEFED)
    assert transfer.run((11.0, SupervisorJudged(target=0, verdict=HUMAN))) == []
    said = transfer.run((12.0, SupervisorJudged(target=0, verdict=MACHINE)))
    assert without_accounts(said)[:2] == [
        (12.0, room(P.BRIEFING_COMPLETE, resolution="voicemail")),
        (12.0, EndLeg(target=0)),
    ]


@pytest.mark.parametrize("steps", [TAKEN, MERGED])
def test_a_verdict_that_comes_after_their_yes_changes_nothing(steps: tuple[Step, ...]) -> None:
    transfer = play(*steps)
    state = transfer.state()
    assert transfer.run((20.25, SupervisorJudged(target=0, verdict=MACHINE))) == []
    assert transfer.state() is state


@pytest.mark.parametrize(("verdict", "briefed"), [(HUMAN, True), (MACHINE, False)])
def test_a_verdict_that_comes_before_the_answer_counts_once_it_is_answered(
    verdict: VoicemailVerdict, briefed: bool
) -> None:
    transfer = play(*RINGING, (7.5, SupervisorJudged(target=0, verdict=verdict)))
    assert transfer.state() is TransferState.RINGING
    said = [one for _, one in transfer.run((8.0, LegAnswered(target=0)))]
    assert (BeginBriefing(target=0, summary=SUMMARY) in said) is briefed
    assert (EndLeg(target=0) in said) is not briefed
    assert (BeginScreening(target=0) in said) is briefed, "they are greeted before they are told"


@pytest.mark.parametrize("verdict", [None, IVR, VoicemailVerdict.CALL_SCREENING])
def test_what_has_not_shown_to_be_a_person_in_time_is_given_up(
    verdict: VoicemailVerdict | None,
) -> None:
    transfer = play(*ANSWERED)
    if verdict is not None:
        transfer.run((9.0, SupervisorJudged(target=0, verdict=verdict)))
    transfer.run((10.0, SupervisorSpoke(target=0)))
    said = transfer.run(until=100.0)
    apology = ReturnCaller(reason=R.SUPERVISOR_NOT_CONFIRMED, words=DEFAULT_APOLOGY)
    assert without_accounts(said) == [
        (38.0, EndLeg(target=0)),
        (38.0, apology),
        (38.0, stopped(P.TRANSFER_CANCELLED, "supervisor_not_confirmed")),
    ]


def test_whoever_speaks_after_nobody_had_spoken_is_a_person() -> None:
    transfer = play(*ANSWERED, (11.0, SupervisorJudged(target=0, verdict=UNKNOWN)))
    assert transfer.state() is TransferState.SCREENING
    transfer.run((13.0, SupervisorSpoke(target=0)))
    assert transfer.state() is TransferState.BRIEFING


def test_whoever_speaks_is_a_person_if_nobody_judges() -> None:
    transfer = play(
        *ANSWERED, (9.0, SupervisorSpoke(target=0)), config=TransferConfig(judged=False)
    )
    assert transfer.state() is TransferState.BRIEFING


@pytest.mark.parametrize("judged", [True, False])
def test_w20_a_key_accepts_without_a_model(judged: bool) -> None:
    config = TransferConfig(key_only=True, judged=judged)
    transfer = play(*ANSWERED, config=config)
    # A voice proves nothing, and takes nothing.
    unproven = transfer.run(
        (9.0, SupervisorJudged(target=0, verdict=HUMAN)),
        (9.5, SupervisorSpoke(target=0)),
        (10.0, SupervisorPressed(target=0, digit="7")),
    )
    assert unproven == []
    assert transfer.run(
        (11.0, SupervisorPressed(target=0, digit="1")),
        (12.0, BriefingDone(target=0)),
        (13.0, SupervisorJudged(target=0, verdict=MACHINE)),
        (14.0, SupervisorPressed(target=0, digit="1")),
    ) == [
        (11.0, room(P.BRIEFING_STARTED, target=0)),
        (11.0, BeginBriefing(target=0, summary=SUMMARY)),
        (14.0, room(P.BRIEFING_COMPLETE, resolution="ready")),
        (14.0, Merge(target=0)),
    ]


@pytest.mark.parametrize("steps", [ANSWERED, BRIEFED])
def test_w20_a_key_declines(steps: tuple[Step, ...]) -> None:
    said = play(*steps).run((10.0, SupervisorPressed(target=0, digit="2")))
    assert (10.0, EndLeg(target=0, words=FAREWELLS[R.DECLINED])) in said
    assert (result(said).reason, result(said).decline_reason) == (R.DECLINED, None)


# W9: the briefing takes too long, or breaks down.


def test_w09_a_supervisor_who_says_neither_is_not_given_the_caller() -> None:
    said = play(*BRIEFED).run(until=500.0)
    assert without_accounts(said) == [
        (189.0, room(P.BRIEFING_COMPLETE, resolution="timeout")),
        (189.0, EndLeg(target=0, words=FAREWELLS[R.BRIEFING_TIMEOUT])),
        (189.0, ReturnCaller(reason=R.BRIEFING_TIMEOUT, words=APOLOGIES[R.BRIEFING_TIMEOUT])),
        (189.0, stopped(P.TRANSFER_CANCELLED, "briefing_timeout")),
    ]


def test_w09_unless_that_is_what_was_asked_for() -> None:
    config = TransferConfig(briefing_timeout_connects=True)
    transfer = play(*BRIEFED, config=config)
    assert transfer.run(until=190.0) == [
        (189.0, room(P.BRIEFING_COMPLETE, resolution="timeout")),
        (189.0, Merge(target=0)),
    ]
    said = transfer.run((190.0, BridgeConfirmed(target=0)), until=500.0)
    assert result(said).success
    assert result(said).attempts[0].accepted_at is None


@pytest.mark.parametrize("steps", [ANSWERED, BRIEFED])
def test_a_briefing_that_breaks_down_gives_the_caller_back(steps: tuple[Step, ...]) -> None:
    said = play(*steps).run((10.0, BriefingFailed(target=0)))
    assert (10.0, EndLeg(target=0)) in said
    assert result(said).reason is R.BRIEFING_FAILED


# W10: the supervisor is gone.

HUNG_UP = LegEnded(target=0, outcome=Outcome.COMPLETED)
LOST = ReturnCaller(reason=R.SUPERVISOR_DISCONNECTED, words=APOLOGIES[R.SUPERVISOR_DISCONNECTED])
CANCELLED_BY_LOSS = stopped(P.TRANSFER_CANCELLED, "supervisor_disconnected")


def test_w10a_they_hang_up_in_the_briefing() -> None:
    said = play(*BRIEFED).run((15.0, HUNG_UP))
    assert without_accounts(said) == [
        (15.0, room(P.BRIEFING_COMPLETE, resolution="supervisor_disconnected")),
        (15.0, LOST),
        (15.0, CANCELLED_BY_LOSS),
    ]
    assert result(said).attempts[0].ended_by is AttemptEnder.SUPERVISOR


def test_w10b_they_hang_up_after_their_yes() -> None:
    said = play(*TAKEN).run((20.0625, HUNG_UP), (20.125, BridgeConfirmed(target=0)))
    assert without_accounts(said) == [
        (20.0625, UndoMerge(target=0)),
        (20.0625, LOST),
        (20.0625, CANCELLED_BY_LOSS),
    ]
    assert (result(said).success, result(said).rollback) == (False, False)


def test_w10c_they_hang_up_within_two_seconds_of_the_switch() -> None:
    said = play(*MERGED).run((22.0, HUNG_UP), until=100.0)
    attempt = msgspec.structs.replace(
        MERGED_AT_20,
        ended_at=22.0,
        reason=R.SUPERVISOR_DISCONNECTED,
        ended_by=AttemptEnder.SUPERVISOR,
    )
    assert said == [
        (22.0, UndoMerge(target=0)),
        (22.0, TellAttempt(attempt=attempt)),
        (22.0, LOST),
        (22.0, CANCELLED_BY_LOSS),
        (
            22.0,
            FinishTransfer(
                result=WarmTransferResult(
                    success=False,
                    phase=P.TRANSFER_CANCELLED,
                    reason=R.SUPERVISOR_DISCONNECTED,
                    rollback=True,
                    attempts=(attempt,),
                    seconds=22.0,
                    summary=SUMMARY,
                    consultation_room_id="room-1",
                    consultation_session_id="session-1",
                    supervisor_call_id="CA-0",
                    supervisor_participant_id="leg-0",
                    caller_participant_id="leg-caller",
                    briefing_agent_participant_id="agent-1",
                )
            ),
        ),
    ]


def test_who_hangs_up_later_has_had_the_caller() -> None:
    transfer = play(*MERGED)
    assert result(transfer.run(until=22.125)).success
    assert transfer.run((22.25, HUNG_UP), (22.25, CallerLeft()), until=100.0) == []


# W11 and the tasks' own: the caller is gone, or wants back.


@pytest.mark.parametrize(
    ("steps", "release"),
    [
        (HELD, None),
        (SUMMED_UP, None),
        (DIALLED, CancelDial(target=0)),
        (RINGING, CancelDial(target=0)),
        (ANSWERED, EndLeg(target=0, words=FAREWELLS[R.CALLER_DISCONNECTED])),
        (BRIEFED, EndLeg(target=0, words=FAREWELLS[R.CALLER_DISCONNECTED])),
        (TAKEN, EndLeg(target=0, words=FAREWELLS[R.CALLER_DISCONNECTED])),
        (MERGED, EndLeg(target=0, words=FAREWELLS[R.CALLER_DISCONNECTED])),
    ],
)
def test_w11_the_caller_hangs_up_and_the_supervisor_is_released_without_an_apology(
    steps: tuple[Step, ...], release: TransferCommand | None
) -> None:
    moment = steps[-1][0] + 0.0625
    said = play(*steps).run((moment, CallerLeft()), until=100.0)
    released = [] if release is None else [(moment, release)]
    place = None if len(steps) < len(DIALLED) else "room-1"
    assert without_accounts(said) == [
        *released,
        (moment, tell(P.TRANSFER_CANCELLED, place, reason="caller_disconnected", sip_code=None)),
    ]
    assert (result(said).error, result(said).rollback) == ("caller_disconnected", False)


def test_a_caller_who_leaves_while_their_call_is_looked_up_was_never_on_hold() -> None:
    said = play(*ASKED).run((0.125, CallerLeft()))
    assert without_accounts(said) == [
        (0.125, tell(P.TRANSFER_CANCELLED, reason="caller_disconnected", sip_code=None))
    ]


@pytest.mark.parametrize(
    "wish",
    [
        DigitReceived(digit="*"),
        TranscriptFinal(text="Oh, never mind."),
        TranscriptFinal(text="Can we go back, please?"),
        TranscriptFinal(text="NEVER MIND - I'll call tomorrow."),
        TranscriptFinal(text="You know what, never mind, thank you."),
        TranscriptFinal(text="I can't wait, cancel the transfer."),
    ],
)
def test_a_caller_who_waits_may_change_their_mind(wish: TransferEvent) -> None:
    said = play(*BRIEFED).run((10.0, wish))
    assert without_accounts(said) == [
        (10.0, EndLeg(target=0, words=FAREWELLS[R.CALLER_CANCELLED])),
        (10.0, ReturnCaller(reason=R.CALLER_CANCELLED, words=APOLOGIES[R.CALLER_CANCELLED])),
        (10.0, stopped(P.TRANSFER_CANCELLED, "caller_cancelled")),
    ]


@pytest.mark.parametrize(
    "words",
    [
        "Never in my mind",
        "I told him never mind the dishes we will do them later",
        "I never mind waiting for a person",
        "I have to go back to work",
        "I don't want to go back.",
        "Please do not cancel the transfer!",
        "",
    ],
)
def test_what_else_a_caller_says_or_keys_on_hold_changes_nothing(words: str) -> None:
    transfer = play(*RINGING)
    assert transfer.run((5.0, TranscriptFinal(text=words)), (6.0, DigitReceived(digit="1"))) == []
    assert transfer.state() is TransferState.RINGING


@pytest.mark.parametrize(
    "wish", ["Ach, schon gut!", "C'est bon, laissez tomber.", "算了", "Schon gut, ich melde mich."]
)
def test_the_wish_may_be_one_of_another_language(wish: str) -> None:
    phrases = ("Schon gut", "laissez  tomber.", "算了")
    transfer = Play(TransferConfig(cancel_phrases=phrases))
    transfer.run(*BRIEFED)
    said = transfer.run((10.0, TranscriptFinal(text=wish)))
    assert stopped(P.TRANSFER_CANCELLED, "caller_cancelled") in [one for _, one in said]


def test_a_wish_that_comes_with_the_merge_is_too_late() -> None:
    transfer = play(*TAKEN)
    assert transfer.run((20.0625, DigitReceived(digit="*"))) == []
    assert transfer.state() is TransferState.MERGING


# W12: they cannot be connected.


def test_w12_a_switch_that_fails_gives_the_caller_back_and_tells_the_supervisor() -> None:
    said = play(*TAKEN).run((20.5, BridgeFailed(target=0)))
    assert without_accounts(said) == [
        (20.5, UndoMerge(target=0)),
        (20.5, EndLeg(target=0, words=FAREWELLS[R.SWITCH_FAILED])),
        (20.5, ReturnCaller(reason=R.SWITCH_FAILED, words=APOLOGIES[R.SWITCH_FAILED])),
        (20.5, stopped(P.TRANSFER_FAILED, "switch_failed")),
    ]
    assert (result(said).error, result(said).switched_call_id) == ("switch_failed", None)


def test_w12_so_does_one_of_which_nothing_is_heard() -> None:
    said = play(*TAKEN).run(until=100.0)
    assert said[0] == (30.0, UndoMerge(target=0))
    assert (result(said).reason, result(said).rollback) == (R.SWITCH_FAILED, False)


def test_a_bridge_that_breaks_at_once_gives_the_caller_back() -> None:
    said = play(*MERGED).run((21.0, BridgeFailed(target=0)))
    assert (result(said).reason, result(said).rollback) == (R.SWITCH_FAILED, True)


# W13: the session closes.


@pytest.mark.parametrize(
    ("steps", "commands"),
    [
        (ASKED, []),
        (HELD, [ReturnCaller(reason=R.SESSION_CLOSED)]),
        (RINGING, [CancelDial(target=0), ReturnCaller(reason=R.SESSION_CLOSED)]),
        (BRIEFED, [EndLeg(target=0), ReturnCaller(reason=R.SESSION_CLOSED)]),
        (
            TAKEN,
            [UndoMerge(target=0), EndLeg(target=0), ReturnCaller(reason=R.SESSION_CLOSED)],
        ),
    ],
)
def test_w13_a_session_that_closes_ends_everything_at_once(
    steps: tuple[Step, ...], commands: list[TransferCommand]
) -> None:
    said = play(*steps).run((steps[-1][0] + 0.0625, SessionEnding()), until=100.0)
    done = [one for _, one in without_accounts(said)]
    assert done[:-1] == commands
    assert isinstance(done[-1], TellPhase)
    assert (done[-1].phase, done[-1].data["reason"]) == (P.TRANSFER_CANCELLED, "session_closed")
    assert result(said).error == "session_closed"


def test_w13_parties_who_have_each_other_are_left_alone() -> None:
    said = play(*MERGED).run((20.5, SessionEnding()))
    assert [type(one) for _, one in said] == [TellAttempt, TellPhase, FinishTransfer]
    assert result(said).success


# W14 and W15.


@pytest.mark.parametrize("steps", [ASKED, HELD, DIALLED, RINGING, ANSWERED, BRIEFED, TAKEN, MERGED])
def test_w14_a_second_request_is_refused_and_changes_nothing(steps: tuple[Step, ...]) -> None:
    transfer = play(*steps)
    state, deadline = transfer.state(), transfer.machine.deadline()
    assert transfer.run((steps[-1][0], TransferRequested())) == [(steps[-1][0], RefuseTransfer())]
    assert (transfer.state(), transfer.machine.deadline()) == (state, deadline)


@pytest.mark.parametrize("reason", [R.NOT_A_PHONE_CALL, R.CALL_LOOKUP_FAILED])
def test_w15_a_call_that_cannot_be_transferred_fails_before_the_caller_hears_anything(
    reason: WarmTransferReason,
) -> None:
    transfer = Play()
    said = transfer.run(*ASKED, (1.0, PrepareFailed(reason=reason)), (2.0, PREPARED))
    assert said == [
        (0.0, tell(P.STARTED, start_time=1.5e9)),
        (0.0, PrepareTransfer()),
        (1.0, tell(P.TRANSFER_FAILED, reason=reason.value, sip_code=None)),
        (
            1.0,
            FinishTransfer(
                result=WarmTransferResult(
                    success=False, phase=P.TRANSFER_FAILED, reason=reason, seconds=1.0
                )
            ),
        ),
    ]


def test_w15_so_does_one_that_cannot_be_looked_up_in_time() -> None:
    said = play(*ASKED).run(until=20.0)
    assert [moment for moment, _ in said] == [10.0, 10.0]
    assert result(said).reason is R.CALL_LOOKUP_FAILED


# W19: several destinations.


def test_w19_the_next_is_tried_and_the_caller_hears_one_hold_line() -> None:
    transfer = Play(TWO)
    said = transfer.run(
        *CREATED,
        (5.0, LegEnded(target=0, outcome=Outcome.BUSY, cause="busy", sip_code=486)),
        (5.25, LegCreated(target=1, call_id="CA-1")),
        (8.0, LegAnswered(target=1, participant_id="leg-1")),
        (9.0, SupervisorJudged(target=1, verdict=HUMAN)),
        (20.0, BriefingDone(target=1)),
        (20.25, BridgeConfirmed(target=1)),
        until=100.0,
    )
    told = [one for _, one in said]
    assert sum(isinstance(one, SayHoldLine) for one in told) == 1
    assert sum(isinstance(one, HoldCaller) for one in told) == 1
    assert [one for one in told if isinstance(one, Dial)] == [Dial(target=0), Dial(target=1)]
    assert phases(said).count(P.CONSULTATION_ROOM_CREATED) == 1
    assert phases(said).count(P.SUPERVISOR_DIALED) == 2
    assert result(said).success
    assert result(said).supervisor_call_id == "CA-1"
    assert result(said).attempts == (
        TransferAttempt(
            target=0,
            destination="Desk",
            call_id="CA-0",
            dialed_at=3.0,
            ended_at=5.0,
            reason=R.SUPERVISOR_BUSY,
            cause="busy",
            sip_code=486,
            ended_by=AttemptEnder.SUPERVISOR,
        ),
        TransferAttempt(
            target=1,
            destination="Billing Agent",
            call_id="CA-1",
            dialed_at=5.0,
            answered_at=8.0,
            human_at=9.0,
            accepted_at=20.0,
            merged_at=20.25,
        ),
    )


LOSSES: list[tuple[tuple[Step, ...], TransferEvent]] = [
    (DIALLED, DialRefused(target=0)),
    (RINGING, LegEnded(target=0, outcome=Outcome.REJECTED)),
    (ANSWERED, SupervisorJudged(target=0, verdict=MACHINE)),
    (ANSWERED, SupervisorPressed(target=0, digit="2")),
    (BRIEFED, BriefingDeclined(target=0)),
    (BRIEFED, BriefingFailed(target=0)),
    (BRIEFED, HUNG_UP),
]


@pytest.mark.parametrize(("steps", "loss"), LOSSES)
def test_whatever_becomes_of_one_before_the_merge_the_next_is_tried(
    steps: tuple[Step, ...], loss: TransferEvent
) -> None:
    transfer = play(*steps, config=TWO)
    said = [one for _, one in transfer.run((10.0, loss))]
    assert said[-1] == Dial(target=1)
    assert not any(isinstance(one, ReturnCaller) for one in said)
    assert transfer.state() is TransferState.DIALING


def test_each_has_its_own_time_to_ring() -> None:
    said = play(*RINGING, config=TWO).run(until=100.0)
    dialled = [(moment, one) for moment, one in said if isinstance(one, Dial | CancelDial)]
    assert dialled == [
        (23.0, CancelDial(target=0)),
        (23.0, Dial(target=1)),
        (53.0, CancelDial(target=1)),
    ]
    assert result(said).reason is R.SUPERVISOR_NO_ANSWER


def test_the_time_to_find_a_person_is_for_all_of_them_and_begins_anew_when_one_was_lost() -> None:
    config = msgspec.structs.replace(TWO, join_within=25.0)
    said = play(*RINGING, config=config).run(until=100.0)
    assert said[-1][0] == 28.0
    assert result(said).reason is R.SUPERVISOR_JOIN_TIMEOUT
    lost = play(*BRIEFED, config=config).run((60.0, HUNG_UP), until=200.0)
    assert (lost[-1][0], result(lost).reason) == (85.0, R.SUPERVISOR_JOIN_TIMEOUT)


# A ring group.


def test_all_phones_of_a_group_ring_and_the_first_person_is_asked() -> None:
    transfer = play(*SUMMED_UP, config=GROUP)
    assert transfer.run((3.0, HoldLineHeard())) == [
        (3.0, room(P.CONSULTATION_ROOM_CREATED, consultation_room_id="room-1")),
        (3.0, Dial(target=0)),
        (3.0, Dial(target=1)),
    ]
    transfer.run((4.0, LegRinging(target=0)), (5.0, LegAnswered(target=1)))
    assert transfer.state() is TransferState.SCREENING
    # A mailbox that is quicker than a person does not win.
    said = transfer.run((6.0, SupervisorJudged(target=1, verdict=MACHINE)))
    assert without_accounts(said) == [(6.0, EndLeg(target=1))]
    assert transfer.state() is TransferState.RINGING
    assert not transfer.run((7.0, LegEnded(target=1, outcome=Outcome.COMPLETED)))


def test_those_who_were_slower_are_told_or_cancelled() -> None:
    three = msgspec.structs.replace(GROUP, targets=(*GROUP.targets, TransferTarget()))
    transfer = play(*DIALLED, config=three)
    transfer.run((5.0, LegAnswered(target=0)), (6.0, LegAnswered(target=2)))
    said = transfer.run((7.0, SupervisorPressed(target=2, digit="1")))
    assert without_accounts(said) == [
        (7.0, EndLeg(target=0, words=FAREWELLS[R.ANSWERED_ELSEWHERE])),
        (7.0, CancelDial(target=1)),
        (7.0, room(P.BRIEFING_STARTED, target=2)),
        (7.0, BeginBriefing(target=2, summary=SUMMARY)),
    ]
    assert transfer.run((7.5, SupervisorPressed(target=0, digit="1"))) == []
    # And when the one who was asked declines, nobody is left.
    said = transfer.run((9.0, BriefingDeclined(target=2)))
    assert [one.reason for one in result(said).attempts] == [
        *(R.ANSWERED_ELSEWHERE, R.ANSWERED_ELSEWHERE, R.DECLINED)
    ]


# An introduction.

INTRODUCED = TransferConfig(introduction="Ann, this is Bob. Bob, Ann.")


def test_the_agent_may_introduce_them_before_it_leaves() -> None:
    transfer = play(*TAKEN, config=INTRODUCED)
    said = transfer.run((20.125, BridgeConfirmed(target=0)), (24.0, IntroductionDone()), until=99.0)
    assert [one for one in said if not isinstance(one[1], TellPhase)][:2] == [
        (20.125, Introduce(target=0, text="Ann, this is Bob. Bob, Ann.")),
        (26.0, TellAttempt(attempt=MERGED_AT_20)),
    ]
    assert result(said).success


def test_an_introduction_that_does_not_end_does_not_hold_them_up() -> None:
    said = play(*MERGED, config=INTRODUCED).run(until=99.0)
    assert (said[-1][0], result(said).success) == (42.125, True)


def test_a_supervisor_who_hangs_up_during_the_introduction_is_lost() -> None:
    said = play(*MERGED, config=INTRODUCED).run((23.0, HUNG_UP))
    assert said[0] == (23.0, UndoMerge(target=0))
    assert result(said).rollback


# Calls that come into being late.


def test_an_order_that_is_taken_after_it_was_cancelled_is_cancelled_again() -> None:
    transfer = play(*DIALLED)
    assert (3.125, CancelDial(target=0)) in transfer.run((3.125, CallerLeft()))
    assert transfer.run((3.5, LegCreated(target=0, call_id="CA-0"))) == [
        (3.5, CancelDial(target=0))
    ]
    # They took up the phone while we hung up.
    answered = LegAnswered(target=0)
    assert transfer.run((3.75, answered), (3.75, answered)) == [(3.75, EndLeg(target=0))]
    created = LegCreated(target=0, call_id="CA-0")
    assert transfer.run((4.0, created), (4.0, DialRefused(target=0)), (5.0, HUNG_UP)) == []
    assert transfer.run((6.0, created), (6.0, answered)) == []


def test_an_order_that_was_refused_after_it_was_cancelled_needs_nothing_more() -> None:
    transfer = play(*DIALLED, (3.125, CallerLeft()))
    assert transfer.run((3.5, DialRefused(target=0)), (4.0, LegAnswered(target=0))) == []


def test_a_call_that_was_given_up_may_answer_while_the_next_one_rings() -> None:
    transfer = play(*RINGING, config=TWO)
    transfer.run(until=23.0)
    assert transfer.run((23.25, LegAnswered(target=0))) == [(23.25, EndLeg(target=0))]
    assert transfer.state() is TransferState.DIALING


# What it can be told.


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: TransferConfig(targets=()), "targets"),
    (lambda: TransferTarget(ring_timeout=0.0), "ring_timeout"),
    (lambda: TransferConfig(join_within=0.0), "join_within"),
    (lambda: TransferConfig(brief_within=math.inf), "brief_within"),
    (lambda: TransferConfig(watch_for=math.nan), "watch_for"),
    (lambda: TransferConfig(accept_key="12"), "accept_key"),
    (lambda: TransferConfig(cancel_key="A"), "cancel_key"),
    (lambda: TransferConfig(decline_key="1"), "decline_key"),
    (lambda: TransferConfig(accept_key="", key_only=True), "accept_key"),
    (lambda: TransferConfig(cancel_phrases=("back", " .")), "cancel_phrases"),
]


@pytest.mark.parametrize(("make", "named"), BAD)
def test_what_cannot_work_is_refused_by_name(make: Callable[[], object], named: str) -> None:
    with pytest.raises(ConfigError, match=f"^{named} "):
        make()


def test_words_can_be_ones_own() -> None:
    config = TransferConfig(
        hold_line="Moment.",
        apologies={R.DECLINED: "Leider nein."},
        farewells={R.DECLINED: "Danke."},
    )
    transfer = Play(config)
    said = transfer.run(*BRIEFED, (10.0, BriefingDeclined(target=0)))
    spoken = [one for _, one in said if isinstance(one, SayHoldLine | EndLeg | ReturnCaller)]
    assert spoken == [
        SayHoldLine(text="Moment."),
        EndLeg(target=0, words="Danke."),
        ReturnCaller(reason=R.DECLINED, words="Leider nein."),
    ]

"""Handing a caller to a person: what the transfer machine hears, says, and comes to.

A transfer tries its destinations, the *targets*, which are counted from 0. Each is dialled at most
once, so a target's number also names its leg. The person at the far end is the *supervisor*.

The names and values of phases and reasons are VideoSDK's as far as it has them.
"""

from enum import StrEnum
from typing import TypeAlias

import msgspec

from hookflash.events.base import Record, named
from hookflash.events.call import Outcome
from hookflash.events.session import SessionRecord
from hookflash.events.turn import CallerLeft, DigitReceived, TranscriptFinal
from hookflash.events.voicemail import VoicemailVerdict

__all__ = [
    "AttemptEnder",
    "BeginBriefing",
    "BeginScreening",
    "BridgeConfirmed",
    "BridgeFailed",
    "BriefingDeclined",
    "BriefingDone",
    "BriefingFailed",
    "CallTransferred",
    "CancelDial",
    "Dial",
    "DialRefused",
    "EndLeg",
    "FinishTransfer",
    "HoldCaller",
    "HoldLineHeard",
    "Introduce",
    "IntroductionDone",
    "LegAnswered",
    "LegCreated",
    "LegEnded",
    "LegRinging",
    "MakeSummary",
    "Merge",
    "PhaseData",
    "PrepareFailed",
    "PrepareTransfer",
    "RefuseTransfer",
    "ReturnCaller",
    "SayHoldLine",
    "SessionEnding",
    "SummaryFailed",
    "SummaryReady",
    "SummarySource",
    "SupervisorJudged",
    "SupervisorPressed",
    "SupervisorSpoke",
    "TellAttempt",
    "TellPhase",
    "TransferAttempt",
    "TransferCommand",
    "TransferEvent",
    "TransferPrepared",
    "TransferRequested",
    "UndoMerge",
    "WarmTransferAttemptEnded",
    "WarmTransferPhase",
    "WarmTransferPhaseReached",
    "WarmTransferReason",
    "WarmTransferResult",
]


class WarmTransferPhase(StrEnum):
    """How far a transfer has come. The last three are terminal: exactly one of them is told."""

    STARTED = "started"
    CALLER_ON_HOLD = "caller_on_hold"
    SUMMARY_GENERATING = "summary_generating"
    SUMMARY_READY = "summary_ready"
    CONSULTATION_ROOM_CREATED = "consultation_room_created"
    SUPERVISOR_DIALED = "supervisor_dialed"
    """Once for each target that is dialled."""
    SUPERVISOR_JOINED = "supervisor_joined"
    """Somebody, or something, answered."""
    BRIEFING_STARTED = "briefing_started"
    """A person is on the line and hears the summary."""
    BRIEFING_COMPLETE = "briefing_complete"
    CALL_SWITCHED = "call_switched"
    """Caller and supervisor hear each other."""
    TRANSFER_COMPLETE = "transfer_complete"
    TRANSFER_CANCELLED = "transfer_cancelled"
    TRANSFER_FAILED = "transfer_failed"


class WarmTransferReason(StrEnum):
    """Why a transfer, or one attempt of it, came to nothing."""

    DECLINED = "declined"
    VOICEMAIL = "voicemail"
    """A mailbox or a fax answered."""
    SUPERVISOR_DISCONNECTED = "supervisor_disconnected"
    """They hung up after they had answered."""
    SUPERVISOR_JOIN_TIMEOUT = "supervisor_join_timeout"
    """No person was reached in all the time that there was."""
    SUPERVISOR_BUSY = "supervisor_busy"
    SUPERVISOR_NO_ANSWER = "supervisor_no_answer"
    SUPERVISOR_REJECTED = "supervisor_rejected"
    SUPERVISOR_UNREACHABLE = "supervisor_unreachable"
    """The call failed: a number that does not exist, a network that is down."""
    SUPERVISOR_NOT_CONFIRMED = "supervisor_not_confirmed"
    """Something answered, and did not show in time that it is a person."""
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    """Of an attempt: another destination of the group was quicker."""
    BRIEFING_TIMEOUT = "briefing_timeout"
    BRIEFING_FAILED = "briefing_failed"
    """Nothing could be said to the supervisor."""
    DIAL_FAILED = "dial_failed"
    """The carrier did not take the order to dial."""
    SWITCH_FAILED = "switch_failed"
    """Caller and supervisor could not be connected, or were torn apart at once."""
    CALLER_DISCONNECTED = "caller_disconnected"
    CALLER_CANCELLED = "caller_cancelled"
    """The caller wants to go on with the agent after all."""
    SESSION_CLOSED = "session_closed"
    NOT_A_PHONE_CALL = "not_a_phone_call"
    CALL_LOOKUP_FAILED = "call_lookup_failed"
    """It could not be found out which call the caller's is, or there was no room to be had."""
    ALREADY_IN_PROGRESS = "already_in_progress"


class SummarySource(StrEnum):
    """Who wrote a summary."""

    LLM = "llm"
    FALLBACK = "fallback"
    """Rules: the model failed, was too slow, or there is none."""


class AttemptEnder(StrEnum):
    """Who ended an attempt."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    CARRIER = "carrier"


PhaseData: TypeAlias = dict[str, str | int | float | None]
"""What is told with a phase."""


class TransferAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One destination that was dialled. Times are seconds since the transfer was asked for.

    Attributes:
        target: its place among the destinations, from 0.
        destination: its display name.
        call_id: the carrier's name for the call; None if it never had one.
        dialed_at: when the order to dial was given.
        ringing_at: when it began to ring; None if it was never seen to.
        answered_at: when somebody or something answered.
        human_at: when it was proven to be a person.
        accepted_at: when they took the call.
        merged_at: when caller and supervisor began to hear each other.
        ended_at: when the attempt was over; None if the supervisor has the caller.
        reason: why it came to nothing; None if it did not.
        decline_reason: what the supervisor gave as theirs.
        cause: the carrier's own word or code for how the call ended.
        sip_code: the SIP status that it ended with, where the carrier tells.
        ended_by: who ended it.
    """

    target: int
    destination: str
    call_id: str | None = None
    dialed_at: float
    ringing_at: float | None = None
    answered_at: float | None = None
    human_at: float | None = None
    accepted_at: float | None = None
    merged_at: float | None = None
    ended_at: float | None = None
    reason: WarmTransferReason | None = None
    decline_reason: str | None = None
    cause: str | None = None
    sip_code: int | None = None
    ended_by: AttemptEnder | None = None


class WarmTransferResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a transfer came to.

    Attributes:
        success: the supervisor has the caller.
        phase: the terminal phase.
        reason: why not; None if it is a success.
        decline_reason: in the supervisor's words, if `reason` is `declined`.
        sip_code: what the last call ended with, where the carrier tells.
        rollback: caller and supervisor were connected, and the caller was brought back.
        attempts: the destinations that were dialled, in that order.
        seconds: from the request to the end.
        summary: what the supervisor was, or would have been, told.
        consultation_room_id: where agent and supervisor spoke; None if it did not come to that.
        consultation_session_id: the session of the briefing.
        supervisor_call_id: the last call to a supervisor.
        supervisor_participant_id: their leg.
        switched_call_id: the caller's call; None unless the supervisor has it.
        caller_participant_id: the caller's leg.
        briefing_agent_participant_id: the agent that briefs.
        human_agent_identity: display name of the destination that has the caller; empty if none.
    """

    success: bool
    phase: WarmTransferPhase
    reason: WarmTransferReason | None = None
    decline_reason: str | None = None
    sip_code: int | None = None
    rollback: bool = False
    attempts: tuple[TransferAttempt, ...] = ()
    seconds: float = 0.0
    summary: str | None = None
    consultation_room_id: str | None = None
    consultation_session_id: str | None = None
    supervisor_call_id: str | None = None
    supervisor_participant_id: str | None = None
    switched_call_id: str | None = None
    caller_participant_id: str | None = None
    briefing_agent_participant_id: str | None = None
    human_agent_identity: str = ""

    @property
    def error(self) -> str | None:
        """The reason as text; None if it is a success."""
        return None if self.reason is None else self.reason.value


# What happened.


@named("transfer.requested")
class TransferRequested(Record, frozen=True, kw_only=True):
    """The program wants the caller handed over.

    Attributes:
        start_time: now, in seconds since 1970.
    """

    start_time: float = 0.0


@named("transfer.prepared")
class TransferPrepared(Record, frozen=True, kw_only=True):
    """The caller's call is known, and there is somewhere to speak to a supervisor.

    Attributes:
        caller_call_id: the carrier's name for the caller's call.
        caller_participant_id: the caller's leg.
        room_id: of the bridge or conference.
        session_id: of the briefing's session.
        briefing_agent_id: of the agent that will brief.
        fallback_summary: taken from the conversation by rules, for when the model gives none.
    """

    caller_call_id: str
    caller_participant_id: str = ""
    room_id: str = ""
    session_id: str = ""
    briefing_agent_id: str = ""
    fallback_summary: str = ""


@named("transfer.prepare_failed")
class PrepareFailed(Record, frozen=True, kw_only=True):
    """`PrepareTransfer` came to nothing.

    Attributes:
        reason: `not_a_phone_call` or `call_lookup_failed`.
    """

    reason: WarmTransferReason


@named("transfer.hold_line_heard")
class HoldLineHeard(Record, frozen=True, kw_only=True):
    """The hold line was played to its end, or could not be."""


@named("transfer.summary_ready")
class SummaryReady(Record, frozen=True, kw_only=True):
    """The model has written the summary; an empty one counts as none."""

    summary: str


@named("transfer.summary_failed")
class SummaryFailed(Record, frozen=True, kw_only=True):
    """There is no model, or it failed."""


@named("transfer.leg_created")
class LegCreated(Record, frozen=True, kw_only=True):
    """The carrier took the order to dial. It may come after the answer."""

    target: int
    call_id: str


@named("transfer.dial_refused")
class DialRefused(Record, frozen=True, kw_only=True):
    """The carrier did not take the order to dial, or gave no answer to it: there is no leg.

    Attributes:
        target: which.
        cause: the carrier's word or code, fit for a log.
    """

    target: int
    cause: str | None = None


@named("transfer.leg_ringing")
class LegRinging(Record, frozen=True, kw_only=True):
    """The supervisor's phone rings."""

    target: int


@named("transfer.leg_answered")
class LegAnswered(Record, frozen=True, kw_only=True):
    """Somebody or something answered, and audio goes both ways.

    Attributes:
        target: which.
        participant_id: the leg.
        call_id: the carrier's name for the call, if it is known.
    """

    target: int
    participant_id: str = ""
    call_id: str | None = None


@named("transfer.leg_ended")
class LegEnded(Record, frozen=True, kw_only=True):
    """The call to a target is over, answered or not, whoever ended it.

    Attributes:
        target: which.
        outcome: how.
        cause: the carrier's own word or code.
        sip_code: SIP status, 100 to 699, where the carrier tells.
    """

    target: int
    outcome: Outcome
    cause: str | None = None
    sip_code: int | None = None


@named("transfer.supervisor_spoke")
class SupervisorSpoke(Record, frozen=True, kw_only=True):
    """Words were heard from the far end."""

    target: int


@named("transfer.supervisor_pressed")
class SupervisorPressed(Record, frozen=True, kw_only=True):
    """The far end pressed a key."""

    target: int
    digit: str


@named("transfer.supervisor_judged")
class SupervisorJudged(Record, frozen=True, kw_only=True):
    """It was decided who answered; it may be corrected, and may come before the answer."""

    target: int
    verdict: VoicemailVerdict


@named("transfer.briefing_done")
class BriefingDone(Record, frozen=True, kw_only=True):
    """The supervisor said that they take the call."""

    target: int


@named("transfer.briefing_declined")
class BriefingDeclined(Record, frozen=True, kw_only=True):
    """The supervisor said that they do not.

    Attributes:
        target: which.
        reason: in their words; empty if they gave none.
    """

    target: int
    reason: str = ""


@named("transfer.briefing_failed")
class BriefingFailed(Record, frozen=True, kw_only=True):
    """Screening or briefing broke down: nothing can be said to the supervisor."""

    target: int


@named("transfer.bridge_confirmed")
class BridgeConfirmed(Record, frozen=True, kw_only=True):
    """Caller and supervisor hear each other."""

    target: int


@named("transfer.bridge_failed")
class BridgeFailed(Record, frozen=True, kw_only=True):
    """They could not be connected; or they were, and the bridge broke."""

    target: int


@named("transfer.introduction_done")
class IntroductionDone(Record, frozen=True, kw_only=True):
    """The introduction was heard, or could not be said."""


@named("transfer.session_ending")
class SessionEnding(Record, frozen=True, kw_only=True):
    """The agent's session closes, or the program gave the transfer up."""


# What to do.


@named("transfer.refuse")
class RefuseTransfer(Record, frozen=True, kw_only=True):
    """A transfer is under way already; the second request is an error of its caller's."""


@named("transfer.prepare")
class PrepareTransfer(Record, frozen=True, kw_only=True):
    """Find the caller's call, and make room: `TransferPrepared` or `PrepareFailed` answers.

    The caller hears nothing of it yet.
    """


@named("transfer.hold_caller")
class HoldCaller(Record, frozen=True, kw_only=True):
    """Take the caller from the agent, onto hold music.

    From here to `ReturnCaller`, or to a bridge that is confirmed, the caller hears music without
    a gap: under what is said, while the bridge is being made, and when it is undone. The agent
    neither hears nor answers the caller; their words and keys go to the machine.
    """


@named("transfer.say_hold_line")
class SayHoldLine(Record, frozen=True, kw_only=True):
    """Say this to the caller, over the music; `HoldLineHeard` answers. Said once."""

    text: str


@named("transfer.make_summary")
class MakeSummary(Record, frozen=True, kw_only=True):
    """Let the model sum the conversation up: `SummaryReady` or `SummaryFailed` answers."""


@named("transfer.dial")
class Dial(Record, frozen=True, kw_only=True):
    """Call a target: `LegCreated` or `DialRefused` answers. Said at most once for each."""

    target: int


@named("transfer.cancel_dial")
class CancelDial(Record, frozen=True, kw_only=True):
    """End a call that, as far as we know, was not answered.

    It is said before the carrier has taken the order, too, and then again once it has.
    """

    target: int


@named("transfer.end_leg")
class EndLeg(Record, frozen=True, kw_only=True):
    """End a call that was answered.

    Attributes:
        target: which.
        words: to be said before, without interruption; empty: hang up at once.
    """

    target: int
    words: str = ""


@named("transfer.begin_screening")
class BeginScreening(Record, frozen=True, kw_only=True):
    """Find out whether a person answered: greet, ask, and listen. Say nothing private."""

    target: int


@named("transfer.begin_briefing")
class BeginBriefing(Record, frozen=True, kw_only=True):
    """A person is on the line: tell them the summary, and ask whether they take the call."""

    target: int
    summary: str


@named("transfer.merge")
class Merge(Record, frozen=True, kw_only=True):
    """Let caller and supervisor hear each other; the briefing is over.

    `BridgeConfirmed` or `BridgeFailed` answers. The music ends where the bridge's sound begins.
    """

    target: int


@named("transfer.introduce")
class Introduce(Record, frozen=True, kw_only=True):
    """Say this to both, in the bridge; `IntroductionDone` answers."""

    target: int
    text: str


@named("transfer.undo_merge")
class UndoMerge(Record, frozen=True, kw_only=True):
    """Take the caller out of the bridge, as far as they are in it, back onto the music.

    `ReturnCaller` always follows.
    """

    target: int


@named("transfer.return_caller")
class ReturnCaller(Record, frozen=True, kw_only=True):
    """Give the caller back to the agent, who hears and answers them as before the transfer.

    Attributes:
        reason: why there is no transfer.
        words: for the caller. The music gives way to their first sound, or ends at once if there
            are none.
    """

    reason: WarmTransferReason
    words: str = ""


@named("transfer.tell_phase")
class TellPhase(Record, frozen=True, kw_only=True):
    """Tell the session's listeners.

    Attributes:
        phase: which.
        data: what VideoSDK's payload has under the same keys, and more; not the carrier's raw
            answers, which may hold numbers.
        consultation_room_id: None before there is one.
    """

    phase: WarmTransferPhase
    data: PhaseData = msgspec.field(default_factory=PhaseData)
    consultation_room_id: str | None = None


@named("transfer.tell_attempt")
class TellAttempt(Record, frozen=True, kw_only=True):
    """An attempt is over, for good or ill: tell the session's listeners."""

    attempt: TransferAttempt


@named("transfer.finish")
class FinishTransfer(Record, frozen=True, kw_only=True):
    """The transfer is over: give the program its result. Said exactly once.

    If it is a success the bridge stays, and ends by itself when either side hangs up; else close
    what was made for the transfer. After this the machine still ends calls that come into being
    late, so keep feeding it until every dialled target is refused or ended, or was answered and is
    the one that has the caller.
    """

    result: WarmTransferResult


TransferEvent: TypeAlias = (
    TransferRequested
    | TransferPrepared
    | PrepareFailed
    | HoldLineHeard
    | SummaryReady
    | SummaryFailed
    | LegCreated
    | DialRefused
    | LegRinging
    | LegAnswered
    | LegEnded
    | SupervisorSpoke
    | SupervisorPressed
    | SupervisorJudged
    | BriefingDone
    | BriefingDeclined
    | BriefingFailed
    | BridgeConfirmed
    | BridgeFailed
    | IntroductionDone
    | CallerLeft
    | DigitReceived
    | TranscriptFinal
    | SessionEnding
)
"""`CallerLeft`, `DigitReceived` and `TranscriptFinal` are the caller's."""
TransferCommand: TypeAlias = (
    RefuseTransfer
    | PrepareTransfer
    | HoldCaller
    | SayHoldLine
    | MakeSummary
    | Dial
    | CancelDial
    | EndLeg
    | BeginScreening
    | BeginBriefing
    | Merge
    | Introduce
    | UndoMerge
    | ReturnCaller
    | TellPhase
    | TellAttempt
    | FinishTransfer
)


# What a session tells.


@named("warm_transfer")
class WarmTransferPhaseReached(SessionRecord, frozen=True, kw_only=True):
    """A transfer has come so far.

    Attributes:
        phase: how far.
        data: what is known about it; see the transfer machine's page.
        timestamp: seconds since 1970.
        consultation_room_id: None before there is one.
    """

    phase: WarmTransferPhase
    data: PhaseData = msgspec.field(default_factory=PhaseData)
    timestamp: float = 0.0
    consultation_room_id: str | None = None


@named("warm_transfer.attempt")
class WarmTransferAttemptEnded(SessionRecord, frozen=True, kw_only=True):
    """An attempt to reach a supervisor is over, for good or ill."""

    attempt: TransferAttempt


@named("call_transfer")
class CallTransferred(SessionRecord, frozen=True, kw_only=True):
    """A transfer without a word before has worked, or has not.

    Attributes:
        success: the two are connected; the session closes.
        outcome: how the call to the other party ended; `completed` if they are connected.
        via: who connects them: `carrier` or `bridge`.
        cause: the carrier's own word or code.
        sip_code: the SIP status that it ended with, where the carrier tells.
    """

    success: bool
    outcome: Outcome
    via: str
    cause: str | None = None
    sip_code: int | None = None

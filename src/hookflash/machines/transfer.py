"""Handing a caller to a person, with a way back for every failure.

Drawn as a diagram in `docs/design/transfer.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import TypeAlias, assert_never

import msgspec

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
    PhaseData,
    PrepareFailed,
    PrepareTransfer,
    RefuseTransfer,
    ReturnCaller,
    SayHoldLine,
    SessionEnding,
    SummaryFailed,
    SummaryReady,
    SummarySource,
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
from hookflash.machines.assent import FILLERS, NEGATORS
from hookflash.machines.endpointing import words
from hookflash.machines.transfer_config import (
    APOLOGIES,
    DEFAULT_APOLOGY,
    FAREWELLS,
    TransferConfig,
)

__all__ = [
    "TRANSITIONS",
    "TransferMachine",
    "TransferState",
]

_Commands: TypeAlias = list[TransferCommand]
_SupervisorEvent: TypeAlias = (
    SupervisorSpoke
    | SupervisorPressed
    | BriefingDone
    | BriefingDeclined
    | BriefingFailed
    | BridgeConfirmed
    | BridgeFailed
)
_LegEvent: TypeAlias = (
    LegCreated
    | DialRefused
    | LegRinging
    | LegAnswered
    | LegEnded
    | SupervisorJudged
    | _SupervisorEvent
)
_Phase = WarmTransferPhase
_Reason = WarmTransferReason

# A wish to be back with the agent is short; what is longer is said to somebody in the room.
_MOST_WORDS_OF_A_WISH = 8
_WRAPPING_WORDS = """
actually ah all alright eh er hey hm just know no now oh ok okay please right so sorry thank thanks
then uh um well what yeah yes you
"""
# Words in which it may be wrapped: "You know what, never mind, thank you."
_WRAPPING = frozenset(_WRAPPING_WORDS.split())


class TransferState(StrEnum):
    """How far the transfer has come."""

    WAITING = "waiting"
    """It was not asked for yet."""
    PREPARING = "preparing"
    """The caller's call is being looked up; the caller is still with the agent."""
    HOLDING = "holding"
    """The caller is on hold and hears the hold line; nobody is dialled."""
    DIALING = "dialing"
    """Somebody is dialled; no phone rings yet."""
    RINGING = "ringing"
    """A phone rings; nobody has answered."""
    SCREENING = "screening"
    """Somebody or something has answered: is it a person?"""
    BRIEFING = "briefing"
    """A person is being told what it is about."""
    MERGING = "merging"
    """They take the call; the bridge is being made."""
    INTRODUCING = "introducing"
    """Caller and supervisor hear each other, and the agent."""
    MERGED = "merged"
    """They have each other; for a moment the caller can still be brought back."""
    DONE = "done"
    """The result is told; calls that come into being late are ended."""


_S = TransferState
_HUNT = (_S.DIALING, _S.RINGING, _S.SCREENING)
_ON_HOLD = (_S.HOLDING, *_HUNT, _S.BRIEFING)
_TOGETHER = (_S.INTRODUCING, _S.MERGED)


def _row(
    state: TransferState, others: Mapping[str, tuple[TransferState, ...]]
) -> Mapping[str, tuple[TransferState, ...]]:
    """Add to a state's own row what all states between hold and merge have in common."""
    row: dict[str, tuple[TransferState, ...]] = {TransferRequested.name: (state,)}
    if state is not _S.HOLDING:
        calls = (LegCreated, DialRefused, LegRinging, LegAnswered)
        row |= {event.name: (state,) for event in calls}
    row |= {event.name: (_S.DONE,) for event in (CallerLeft, SessionEnding)}
    if state in _ON_HOLD:
        row |= {SummaryReady.name: (state,), SummaryFailed.name: (state,)}
        row |= {event.name: (state, _S.DONE) for event in (DigitReceived, TranscriptFinal)}
    return {**row, **others}


TRANSITIONS: Mapping[TransferState, Mapping[str, tuple[TransferState, ...]]] = {
    _S.WAITING: {TransferRequested.name: (_S.PREPARING,)},
    _S.PREPARING: {
        TransferRequested.name: (_S.PREPARING,),
        TransferPrepared.name: (_S.HOLDING,),
        PrepareFailed.name: (_S.DONE,),
        CallerLeft.name: (_S.DONE,),
        SessionEnding.name: (_S.DONE,),
        "tick": (_S.DONE,),
    },
    _S.HOLDING: _row(
        _S.HOLDING,
        {
            HoldLineHeard.name: (_S.HOLDING, _S.DIALING),
            SummaryReady.name: (_S.HOLDING, _S.DIALING),
            SummaryFailed.name: (_S.HOLDING, _S.DIALING),
            "tick": (_S.HOLDING, _S.DIALING),
        },
    ),
    _S.DIALING: _row(
        _S.DIALING,
        {
            DialRefused.name: (_S.DIALING, _S.DONE),
            LegRinging.name: (_S.DIALING, _S.RINGING),
            LegAnswered.name: (_S.DIALING, _S.SCREENING, _S.BRIEFING, _S.DONE),
            LegEnded.name: (_S.DIALING, _S.DONE),
            SupervisorJudged.name: (_S.DIALING,),
            "tick": (_S.DIALING, _S.DONE),
        },
    ),
    _S.RINGING: _row(
        _S.RINGING,
        {
            DialRefused.name: (_S.RINGING, _S.DIALING, _S.DONE),
            LegAnswered.name: (_S.RINGING, _S.DIALING, _S.SCREENING, _S.BRIEFING, _S.DONE),
            LegEnded.name: (_S.RINGING, _S.DIALING, _S.DONE),
            SupervisorJudged.name: (_S.RINGING,),
            "tick": (_S.RINGING, _S.DIALING, _S.DONE),
        },
    ),
    _S.SCREENING: _row(
        _S.SCREENING,
        {
            LegAnswered.name: (_S.SCREENING, _S.BRIEFING),
            LegEnded.name: (*_HUNT, _S.DONE),
            SupervisorSpoke.name: (_S.SCREENING, _S.BRIEFING),
            SupervisorPressed.name: (*_HUNT, _S.BRIEFING, _S.DONE),
            SupervisorJudged.name: (*_HUNT, _S.BRIEFING, _S.DONE),
            BriefingDeclined.name: (*_HUNT, _S.DONE),
            BriefingFailed.name: (*_HUNT, _S.DONE),
            "tick": (*_HUNT, _S.DONE),
        },
    ),
    _S.BRIEFING: _row(
        _S.BRIEFING,
        {
            LegEnded.name: (_S.BRIEFING, _S.DIALING, _S.DONE),
            SupervisorPressed.name: (_S.BRIEFING, _S.MERGING, _S.DIALING, _S.DONE),
            SupervisorJudged.name: (_S.BRIEFING, _S.DIALING, _S.DONE),
            BriefingDone.name: (_S.BRIEFING, _S.MERGING),
            BriefingDeclined.name: (_S.BRIEFING, _S.DIALING, _S.DONE),
            BriefingFailed.name: (_S.BRIEFING, _S.DIALING, _S.DONE),
            "tick": (_S.BRIEFING, _S.MERGING, _S.DIALING, _S.DONE),
        },
    ),
    _S.MERGING: _row(
        _S.MERGING,
        {
            LegEnded.name: (_S.MERGING, _S.DONE),
            BridgeConfirmed.name: (_S.MERGING, _S.INTRODUCING, _S.MERGED),
            BridgeFailed.name: (_S.MERGING, _S.DONE),
            "tick": (_S.DONE,),
        },
    ),
    _S.INTRODUCING: _row(
        _S.INTRODUCING,
        {
            LegEnded.name: (_S.INTRODUCING, _S.DONE),
            BridgeFailed.name: (_S.INTRODUCING, _S.DONE),
            IntroductionDone.name: (_S.MERGED,),
            "tick": (_S.MERGED,),
        },
    ),
    _S.MERGED: _row(
        _S.MERGED,
        {
            LegEnded.name: (_S.MERGED, _S.DONE),
            BridgeFailed.name: (_S.MERGED, _S.DONE),
            "tick": (_S.DONE,),
        },
    ),
    _S.DONE: {event.name: (_S.DONE,) for event in (LegCreated, DialRefused, LegAnswered, LegEnded)},
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""


class _Stage(StrEnum):
    """Where one leg is."""

    DIALED = "dialed"
    RINGING = "ringing"
    ANSWERED = "answered"
    RELEASED = "released"
    """We have ended it, and the carrier has not confirmed that."""
    GONE = "gone"
    """It is over, or the bridge's."""


_LIVE = (_Stage.DIALED, _Stage.RINGING, _Stage.ANSWERED)
_STATE_OF: Mapping[_Stage, TransferState] = {
    _Stage.DIALED: _S.DIALING,
    _Stage.RINGING: _S.RINGING,
    _Stage.ANSWERED: _S.SCREENING,
}
_MACHINES = (VoicemailVerdict.MACHINE, VoicemailVerdict.FAX)


class _Leg:
    """One target that was dialled: where its leg is, and what will be said of the attempt."""

    def __init__(self, attempt: TransferAttempt, dialed_at: float) -> None:
        self.attempt = attempt
        self.stage = _Stage.DIALED
        self.since = dialed_at  # the order to dial, then the answer; on the machine's clock
        self.participant_id = ""
        self.answered = False
        self.verdict: VoicemailVerdict | None = None
        self.pressed = False  # the accept key: no machine does that
        self.told = False  # the phase that says it was dialled

    @property
    def target(self) -> int:
        return self.attempt.target

    @property
    def live(self) -> bool:
        return self.stage in _LIVE

    def note(self, **changes: float | str | WarmTransferReason | AttemptEnder | None) -> None:
        """Add to the account of the attempt, unless that was told already."""
        if self.attempt.ended_at is None:
            self.attempt = msgspec.structs.replace(self.attempt, **changes)


class TransferMachine:
    """Decides how one caller is handed over, and brings them back whenever that fails.

    Whatever is reported, in whatever order, it ends: every state but the first has a deadline. At
    the end the caller is with the supervisor, with the agent, or gone; every call that was made is
    ended or is the supervisor's; and `FinishTransfer` is said once, after one terminal phase. It
    does not know how the parties are connected: bridge and conference look alike from here.
    """

    def __init__(self, config: TransferConfig | None = None) -> None:
        """Wait for the request. A machine serves one transfer."""
        self._config = config or TransferConfig()
        self._wishes = [words(phrase) for phrase in self._config.cancel_phrases]
        self._state = TransferState.WAITING
        self._began = 0.0
        self._entered_at = 0.0  # the present state, of those that have a time of their own
        self._held_at = 0.0
        self._hunting_since = 0.0
        self._prepared = TransferPrepared(caller_call_id="")
        self._hold_line_heard = False
        self._summary: str | None = None
        self._briefing_since: float | None = None
        self._room: str | None = None
        self._legs: dict[int, _Leg] = {}
        self._person: _Leg | None = None  # the leg on which a person was proven to be
        self._last: _Leg | None = None  # whose attempt was over last

    @property
    def state(self) -> TransferState:
        """How far the transfer has come."""
        return self._state

    def receive(self, event: TransferEvent, now: float) -> Sequence[TransferCommand]:
        """Take one event; return what to do about it, in order."""
        legal = TRANSITIONS[self._state].get(event.name)
        if legal is None:
            return []
        commands = self._take(event, now)
        assert self._state in legal, (event.name, self._state)
        return commands

    def deadline(self) -> float | None:
        """Return when the first of all that is waited for has taken too long."""
        return min((moment for moment, _ in self._waits()), default=None)

    def tick(self, now: float) -> Sequence[TransferCommand]:
        """Return what to do about all that has taken too long."""
        commands: _Commands = []
        while waits := self._waits():
            moment, overdue = min(waits, key=lambda wait: wait[0])
            if now < moment:
                break
            legal = TRANSITIONS[self._state]["tick"]
            commands += overdue(now)
            assert self._state in legal, ("tick", self._state)
        return commands

    def _waits(self) -> list[tuple[float, Callable[[float], _Commands]]]:
        """Return what is waited for: until when, and what to do then. Of a tie the first counts."""
        config = self._config
        waits: list[tuple[float, Callable[[float], _Commands]]] = []
        if self._state in _ON_HOLD and self._summary is None:
            waits.append((self._held_at + config.summary_within, self._fall_back))
        match self._state:
            case _S.WAITING | _S.DONE:
                pass
            case _S.PREPARING:
                late = partial(self._stop, _Reason.CALL_LOOKUP_FAILED)
                waits.append((self._entered_at + config.prepare_within, late))
            case _S.HOLDING:
                if not self._hold_line_heard:
                    due = self._entered_at + config.hold_line_within
                    waits.append((due, self._hold_line_over))
            case _S.DIALING | _S.RINGING | _S.SCREENING:
                late = partial(self._stop, _Reason.SUPERVISOR_JOIN_TIMEOUT)
                waits.append((self._hunting_since + config.join_within, late))
                waits += [self._leg_wait(leg) for leg in self._live_legs()]
            case _S.BRIEFING:
                if self._briefing_since is not None:
                    due = self._briefing_since + config.brief_within
                    waits.append((due, self._briefing_over))
            case _S.MERGING:
                late = partial(self._stop, _Reason.SWITCH_FAILED)
                waits.append((self._entered_at + config.merge_within, late))
            case _S.INTRODUCING:
                waits.append((self._entered_at + config.introduce_within, self._introduced))
            case _S.MERGED:
                waits.append((self._entered_at + config.watch_for, self._complete))
            case _:
                assert_never(self._state)
        return waits

    def _leg_wait(self, leg: _Leg) -> tuple[float, Callable[[float], _Commands]]:
        if leg.stage is _Stage.ANSWERED:
            late = partial(self._lose, leg, _Reason.SUPERVISOR_NOT_CONFIRMED)
            return leg.since + self._config.screen_within, late
        late = partial(self._lose, leg, _Reason.SUPERVISOR_NO_ANSWER)
        return leg.since + self._config.targets[leg.target].ring_timeout, late

    def _take(self, event: TransferEvent, now: float) -> _Commands:
        match event:
            case TransferRequested():
                return self._requested(event, now)
            case TransferPrepared():
                return self._hold(event, now)
            case PrepareFailed():
                return self._stop(event.reason, now)
            case HoldLineHeard():
                return self._hold_line_over(now)
            case SummaryReady():
                return self._summed_up(event.summary, SummarySource.LLM, now)
            case SummaryFailed():
                return self._fall_back(now)
            case CallerLeft():
                return self._stop(_Reason.CALLER_DISCONNECTED, now)
            case DigitReceived():
                wished = event.digit == self._config.cancel_key
                return self._stop(_Reason.CALLER_CANCELLED, now) if wished else []
            case TranscriptFinal():
                wished = self._wants_back(event.text)
                return self._stop(_Reason.CALLER_CANCELLED, now) if wished else []
            case SessionEnding():
                if self._state in _TOGETHER:  # they have each other; nobody needs the session
                    return self._complete(now)
                return self._stop(_Reason.SESSION_CLOSED, now)
            case IntroductionDone():
                return self._introduced(now)
            case _:
                leg = self._legs.get(event.target)
                return [] if leg is None else self._leg_reported(leg, event, now)

    def _leg_reported(self, leg: _Leg, event: _LegEvent, now: float) -> _Commands:
        match event:
            case LegCreated():
                return self._created(leg, event.call_id)
            case DialRefused():
                return self._refused(leg, event, now)
            case LegRinging():
                return self._rings(leg, now)
            case LegAnswered():
                return self._answered(leg, event, now)
            case LegEnded():
                return self._ended(leg, event, now)
            case SupervisorJudged():
                return self._judged(leg, event.verdict, now)
            case _:
                # All others are of people, and of no interest once we have hung up on them.
                talks = leg.stage is _Stage.ANSWERED
                return self._supervisor_acted(leg, event, now) if talks else []

    def _supervisor_acted(self, leg: _Leg, event: _SupervisorEvent, now: float) -> _Commands:
        match event:
            case SupervisorSpoke():
                unasked = self._config.judged and leg.verdict is not VoicemailVerdict.UNKNOWN
                return [] if self._config.key_only or unasked else self._proven(leg, now)
            case SupervisorPressed():
                return self._pressed(leg, event.digit, now)
            case BriefingDone():
                by_voice = leg is self._person and not self._config.key_only
                return self._accepted(leg, now) if by_voice else []
            case BriefingDeclined():
                leg.note(decline_reason=event.reason or None)
                return self._lose(leg, _Reason.DECLINED, now)
            case BriefingFailed():
                return self._lose(leg, _Reason.BRIEFING_FAILED, now)
            case BridgeConfirmed():
                return self._merged(leg, now)
            case BridgeFailed():
                return self._stop(_Reason.SWITCH_FAILED, now)
            case _:
                assert_never(event)

    # Up to the first order to dial.

    def _requested(self, event: TransferRequested, now: float) -> _Commands:
        if self._state is not _S.WAITING:
            return [RefuseTransfer()]
        self._began = now
        self._enter(_S.PREPARING, now)
        return [self._tell(_Phase.STARTED, start_time=event.start_time), PrepareTransfer()]

    def _hold(self, prepared: TransferPrepared, now: float) -> _Commands:
        self._prepared = prepared
        self._held_at = now
        self._enter(_S.HOLDING, now)
        tell = [] if self._config.compat_order else [self._tell(_Phase.CALLER_ON_HOLD)]
        return [
            HoldCaller(),
            SayHoldLine(text=self._config.hold_line),
            *tell,
            self._tell(_Phase.SUMMARY_GENERATING),
            MakeSummary(),
        ]

    def _hold_line_over(self, now: float) -> _Commands:
        self._hold_line_heard = True
        return self._hunt(now)

    def _fall_back(self, now: float) -> _Commands:
        return self._summed_up(self._prepared.fallback_summary, SummarySource.FALLBACK, now)

    def _summed_up(self, summary: str, source: SummarySource, now: float) -> _Commands:
        if self._summary is not None:
            return []
        if source is SummarySource.LLM and not summary.strip():
            return self._fall_back(now)
        self._summary = summary
        commands: _Commands = [
            self._tell(_Phase.SUMMARY_READY, summary=summary, source=source.value)
        ]
        if self._config.compat_order:
            commands.append(self._tell(_Phase.CALLER_ON_HOLD))
        if self._state is _S.HOLDING:
            return commands + self._hunt(now)
        return commands + self._brief(now)

    # Looking for a person.

    def _hunt(self, now: float) -> _Commands:
        """Begin, once the caller knows what is going on."""
        waits_for_summary = self._config.compat_order and self._summary is None
        if not self._hold_line_heard or waits_for_summary:
            return []
        self._room = self._prepared.room_id
        commands: _Commands = [
            self._tell(_Phase.CONSULTATION_ROOM_CREATED, consultation_room_id=self._room)
        ]
        count = len(self._config.targets) if self._config.together else 1
        commands += [self._dial(target, now) for target in range(count)]
        return commands

    def _dial(self, target: int, now: float) -> Dial:
        if self._state not in _HUNT:
            self._hunting_since = now
        name = self._config.targets[target].name
        attempt = TransferAttempt(target=target, destination=name, dialed_at=now - self._began)
        self._legs[target] = _Leg(attempt, now)
        self._state = self._furthest()
        return Dial(target=target)

    def _created(self, leg: _Leg, call_id: str) -> _Commands:
        leg.note(call_id=call_id)
        if leg.stage is _Stage.RELEASED:
            return [] if leg.answered else [CancelDial(target=leg.target)]
        return self._tell_dialed(leg) if leg.live else []

    def _tell_dialed(self, leg: _Leg) -> _Commands:
        if leg.told:
            return []
        leg.told = True
        return [
            self._tell(
                _Phase.SUPERVISOR_DIALED,
                supervisor_call_id=leg.attempt.call_id,
                consultation_room_id=self._room,
                target=leg.target,
            )
        ]

    def _refused(self, leg: _Leg, event: DialRefused, now: float) -> _Commands:
        if leg.stage is _Stage.RELEASED and not leg.answered:
            leg.stage = _Stage.GONE
        if leg.stage not in (_Stage.DIALED, _Stage.RINGING):
            return []
        leg.stage = _Stage.GONE
        leg.note(cause=event.cause, ended_by=AttemptEnder.CARRIER)
        return self._lose(leg, _Reason.DIAL_FAILED, now)

    def _rings(self, leg: _Leg, now: float) -> _Commands:
        if leg.stage is _Stage.DIALED:
            leg.stage = _Stage.RINGING
            leg.note(ringing_at=now - self._began)
            self._state = self._furthest()
        return []

    def _answered(self, leg: _Leg, event: LegAnswered, now: float) -> _Commands:
        if leg.answered or leg.stage is _Stage.GONE:
            return []
        leg.answered = True
        if leg.stage is _Stage.RELEASED:  # they took up the phone while we hung up
            return [EndLeg(target=leg.target)]
        leg.stage = _Stage.ANSWERED
        leg.since = now
        leg.participant_id = event.participant_id
        leg.note(answered_at=now - self._began, call_id=event.call_id or leg.attempt.call_id)
        self._state = self._furthest()
        commands = [
            *self._tell_dialed(leg),
            self._tell(
                _Phase.SUPERVISOR_JOINED,
                supervisor_participant_id=event.participant_id,
                target=leg.target,
            ),
        ]
        foretold = leg.verdict
        known = [] if foretold is None else self._judged(leg, foretold, now)
        screening = [BeginScreening(target=leg.target)] if leg.live else []
        return [*commands, *screening, *known]

    def _judged(self, leg: _Leg, verdict: VoicemailVerdict, now: float) -> _Commands:
        leg.verdict = verdict
        if leg.stage is not _Stage.ANSWERED or leg.pressed:
            return []
        if verdict in _MACHINES:
            return self._lose(leg, _Reason.VOICEMAIL, now)
        if verdict is VoicemailVerdict.HUMAN and not self._config.key_only:
            return self._proven(leg, now)
        return []

    def _pressed(self, leg: _Leg, digit: str, now: float) -> _Commands:
        if digit == self._config.decline_key:
            return self._lose(leg, _Reason.DECLINED, now)
        if digit != self._config.accept_key:
            return []
        leg.pressed = True
        if leg is self._person:
            return self._accepted(leg, now)
        return self._proven(leg, now)

    def _ended(self, leg: _Leg, event: LegEnded, now: float) -> _Commands:
        was, leg.stage = leg.stage, _Stage.GONE
        if was not in _LIVE:
            return []
        leg.note(cause=event.cause, sip_code=event.sip_code)
        answered = was is _Stage.ANSWERED
        match event.outcome:
            case Outcome.VOICEMAIL:
                reason = _Reason.VOICEMAIL
            case _ if answered:
                reason = _Reason.SUPERVISOR_DISCONNECTED
            case Outcome.BUSY:
                reason = _Reason.SUPERVISOR_BUSY
            case Outcome.NO_ANSWER:
                reason = _Reason.SUPERVISOR_NO_ANSWER
            case Outcome.REJECTED:
                reason = _Reason.SUPERVISOR_REJECTED
            case Outcome.FAILED | Outcome.CANCELED | Outcome.COMPLETED:
                reason = _Reason.SUPERVISOR_UNREACHABLE
            case _:
                assert_never(event.outcome)
        theirs = answered or event.outcome in (Outcome.BUSY, Outcome.REJECTED)
        leg.note(ended_by=AttemptEnder.SUPERVISOR if theirs else AttemptEnder.CARRIER)
        if leg is self._person and self._state is not _S.BRIEFING:
            return self._stop(reason, now)
        return self._lose(leg, reason, now)

    def _lose(self, leg: _Leg, reason: WarmTransferReason, now: float) -> _Commands:
        """Give one attempt up; go on with the others, or with the next, or not at all."""
        commands: _Commands = []
        if leg is self._person:
            if self._briefing_since is not None:
                resolution = "timeout" if reason is _Reason.BRIEFING_TIMEOUT else reason.value
                commands.append(self._tell(_Phase.BRIEFING_COMPLETE, resolution=resolution))
            self._person = self._briefing_since = None
        commands += self._release(leg, reason, now)
        following = len(self._legs)
        if self._live_legs():
            self._state = self._furthest()
        elif following < len(self._config.targets):
            commands.append(self._dial(following, now))
        else:
            commands += self._stop(reason, now)
        return commands

    def _release(self, leg: _Leg, reason: WarmTransferReason, now: float) -> _Commands:
        """End the leg unless it is over, and account for the attempt."""
        commands: _Commands = []
        if leg.stage is _Stage.ANSWERED:
            said = {**FAREWELLS, **self._config.farewells}.get(reason, "")
            mailbox = reason is _Reason.VOICEMAIL  # it would record them
            commands.append(EndLeg(target=leg.target, words="" if mailbox else said))
        elif leg.live:
            commands.append(CancelDial(target=leg.target))
        if leg.live:
            leg.stage = _Stage.RELEASED
            leg.note(ended_by=AttemptEnder.AGENT)
        leg.note(reason=reason, ended_at=now - self._began)
        self._last = leg
        return [*commands, TellAttempt(attempt=leg.attempt)]

    def _live_legs(self) -> list[_Leg]:
        return [leg for leg in self._legs.values() if leg.live]

    def _furthest(self) -> TransferState:
        """Return the state of a hunt: that of the leg which has come furthest."""
        stages = {leg.stage for leg in self._live_legs()}
        return _STATE_OF[max(stages, key=_LIVE.index)]

    # With a person.

    def _proven(self, leg: _Leg, now: float) -> _Commands:
        if self._person is not None:
            return []
        self._person = leg
        leg.note(human_at=now - self._began)
        self._enter(_S.BRIEFING, now)
        commands: _Commands = []
        for other in self._live_legs():
            if other is not leg:
                commands += self._release(other, _Reason.ANSWERED_ELSEWHERE, now)
        return commands + self._brief(now)

    def _brief(self, now: float) -> _Commands:
        """Begin, once there are both a person and a summary."""
        if self._person is None or self._summary is None:
            return []
        self._briefing_since = now
        target = self._person.target
        return [
            self._tell(_Phase.BRIEFING_STARTED, target=target),
            BeginBriefing(target=target, summary=self._summary),
        ]

    def _briefing_over(self, now: float) -> _Commands:
        leg = self._person
        assert leg is not None
        if self._config.briefing_timeout_connects:
            return self._connect(leg, "timeout", now)
        return self._lose(leg, _Reason.BRIEFING_TIMEOUT, now)

    def _accepted(self, leg: _Leg, now: float) -> _Commands:
        if self._briefing_since is None:  # they do not know yet what they would take
            return []
        leg.note(accepted_at=now - self._began)
        return self._connect(leg, "ready", now)

    def _connect(self, leg: _Leg, resolution: str, now: float) -> _Commands:
        self._enter(_S.MERGING, now)
        return [
            self._tell(_Phase.BRIEFING_COMPLETE, resolution=resolution),
            Merge(target=leg.target),
        ]

    def _merged(self, leg: _Leg, now: float) -> _Commands:
        leg.note(merged_at=now - self._began)
        told = self._tell(
            _Phase.CALL_SWITCHED,
            caller_call_id=self._prepared.caller_call_id,
            consultation_room_id=self._room,
            caller_participant_id=self._prepared.caller_participant_id,
        )
        if self._config.introduction is None:
            self._enter(_S.MERGED, now)
            return [told]
        self._enter(_S.INTRODUCING, now)
        return [told, Introduce(target=leg.target, text=self._config.introduction)]

    def _introduced(self, now: float) -> _Commands:
        self._enter(_S.MERGED, now)
        return []

    # The ends.

    def _complete(self, now: float) -> _Commands:
        leg = self._person
        assert leg is not None
        self._state = _S.DONE
        leg.stage = _Stage.GONE
        prepared = self._prepared
        return [
            TellAttempt(attempt=leg.attempt),
            self._tell(
                _Phase.TRANSFER_COMPLETE,
                consultation_session_id=prepared.session_id,
                supervisor_participant_id=leg.participant_id,
                caller_participant_id=prepared.caller_participant_id,
                briefing_agent_participant_id=prepared.briefing_agent_id,
            ),
            FinishTransfer(result=self._result(_Phase.TRANSFER_COMPLETE, None, leg, now)),
        ]

    def _stop(self, reason: WarmTransferReason, now: float) -> _Commands:
        """There is no transfer: undo what was done, and bring back a caller who is there."""
        commands: _Commands = []
        was, self._state = self._state, _S.DONE
        returns = was is not _S.PREPARING and reason is not _Reason.CALLER_DISCONNECTED
        leg = self._person
        if leg is not None and was in (_S.MERGING, *_TOGETHER) and returns:
            commands.append(UndoMerge(target=leg.target))
        for live in self._legs.values():
            # A person whose own hanging up ends this is gone, but not accounted for yet.
            if live.live or (live is leg and live.attempt.reason is None):
                commands += self._release(live, reason, now)
        if returns:
            apology = {**APOLOGIES, **self._config.apologies}.get(reason, DEFAULT_APOLOGY)
            commands.append(ReturnCaller(reason=reason, words=apology))
        failed = (
            _Reason.SWITCH_FAILED,
            _Reason.DIAL_FAILED,
            _Reason.NOT_A_PHONE_CALL,
            _Reason.CALL_LOOKUP_FAILED,
        )
        phase = _Phase.TRANSFER_FAILED if reason in failed else _Phase.TRANSFER_CANCELLED
        result = self._result(phase, reason, leg or self._last, now)
        told = self._tell(phase, reason=reason.value, sip_code=result.sip_code)
        return [*commands, told, FinishTransfer(result=result)]

    def _result(
        self,
        phase: WarmTransferPhase,
        reason: WarmTransferReason | None,
        leg: _Leg | None,
        now: float,
    ) -> WarmTransferResult:
        success = reason is None
        attempt = leg.attempt if leg is not None else None
        rollback = (
            reason not in (None, _Reason.CALLER_DISCONNECTED)
            and attempt is not None
            and attempt.merged_at is not None
        )
        theirs = attempt if attempt is not None and attempt.reason is reason else None
        prepared = self._prepared
        return WarmTransferResult(
            success=success,
            phase=phase,
            reason=reason,
            decline_reason=theirs.decline_reason if theirs is not None else None,
            sip_code=theirs.sip_code if theirs is not None else None,
            rollback=rollback,
            attempts=tuple(leg.attempt for leg in self._legs.values()),
            seconds=now - self._began,
            summary=self._summary,
            consultation_room_id=self._room,
            consultation_session_id=prepared.session_id or None,
            supervisor_call_id=attempt.call_id if attempt is not None else None,
            supervisor_participant_id=(leg.participant_id or None) if leg is not None else None,
            switched_call_id=prepared.caller_call_id if success else None,
            caller_participant_id=prepared.caller_participant_id or None,
            briefing_agent_participant_id=prepared.briefing_agent_id or None,
            human_agent_identity=attempt.destination if success and attempt is not None else "",
        )

    def _enter(self, state: TransferState, now: float) -> None:
        self._state = state
        self._entered_at = now

    def _tell(self, phase: WarmTransferPhase, **data: str | float | None) -> TellPhase:
        return TellPhase(phase=phase, data=PhaseData(data), consultation_room_id=self._room)

    def _wants_back(self, text: str) -> bool:
        spoken = words(text)
        if len(spoken) > _MOST_WORDS_OF_A_WISH:
            return False
        return any(_wishes(spoken, phrase) for phrase in self._wishes)


def _wishes(spoken: list[str], phrase: list[str]) -> bool:
    """Whether somebody begins or ends with a phrase, and does not say that they do not want it."""
    for at in range(len(spoken) - len(phrase) + 1):
        end = at + len(phrase)
        before, after = spoken[:at], spoken[end:]
        wrapped = _WRAPPING.issuperset(before) or _WRAPPING.issuperset(after)
        if spoken[at:end] == phrase and wrapped and not _negates(before):
            return True
    return False


def _negates(before: list[str]) -> bool:
    """Whether words turn what comes after them into its opposite: "I don't want to ..."."""
    last = next((word for word in reversed(before) if word not in FILLERS), "")
    return last in NEGATORS or last == "cannot" or last.endswith("n't")

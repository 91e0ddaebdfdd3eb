"""The life of one call, from what the carrier and the media path say about it."""

import math
from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.call import (
    AskCarrier,
    CallAnswered,
    CallCommand,
    CallEnded,
    CallEvent,
    CallRinging,
    CallState,
    CarrierStatus,
    Direction,
    EndCarrierCall,
    HangupRequested,
    LegLost,
    LegUp,
    MediaLent,
    Outcome,
)

__all__ = ["TRANSITIONS", "CallConfig", "CallMachine"]

TRANSITIONS: Mapping[CallState, Mapping[str, tuple[CallState, ...]]] = {
    CallState.DIALING: {
        CarrierStatus.name: (
            CallState.DIALING,
            CallState.RINGING,
            CallState.ANSWERED,
            CallState.ENDED,
        ),
        LegUp.name: (CallState.ANSWERED,),
        HangupRequested.name: (CallState.ENDING,),
        "tick": (CallState.DIALING, CallState.ENDING),
    },
    CallState.RINGING: {
        CarrierStatus.name: (CallState.RINGING, CallState.ANSWERED, CallState.ENDED),
        LegUp.name: (CallState.ANSWERED,),
        HangupRequested.name: (CallState.ENDING,),
        "tick": (CallState.RINGING, CallState.ENDING),
    },
    CallState.ANSWERED: {
        CarrierStatus.name: (CallState.ANSWERED, CallState.ENDED),
        LegUp.name: (CallState.ANSWERED,),
        LegLost.name: (CallState.ENDING,),
        MediaLent.name: (CallState.AWAY,),
        HangupRequested.name: (CallState.ENDING,),
        "tick": (CallState.ANSWERED, CallState.ENDING),
    },
    CallState.AWAY: {
        CarrierStatus.name: (CallState.AWAY, CallState.ENDED),
        LegUp.name: (CallState.ANSWERED,),
        HangupRequested.name: (CallState.ENDING,),
        "tick": (CallState.AWAY,),
    },
    CallState.ENDING: {
        CarrierStatus.name: (CallState.ENDING, CallState.ENDED),
        "tick": (CallState.ENDING, CallState.ENDED),
    },
    CallState.ENDED: {},
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""


class CallConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How long each stage of a call may last, in seconds above 0.

    Raises:
        ConfigError: a field is out of its range.
    """

    ring_timeout: float = 60.0
    """From the carrier taking the order to the first ring, and from the first ring to an answer.
    Twilio's own default for ringing."""
    leg_timeout: float = 15.0
    """From the answer to an open media path. Twilio gives a webhook 15 s."""
    hangup_timeout: float = 5.0
    """From our order to end the call to the carrier's word that it did. Reports of an ended
    call come within a second or two; more than this and the report was lost."""
    away_check: float = 30.0
    """Between two questions to the carrier whether a call whose media it has still lives. Only a
    lost report needs one."""
    settle: float = 2.0
    """From the peer ending the media path to the carrier's word on how the call ended; the two
    travel by different ways and either may be first."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in self.__struct_fields__:
            seconds: float = getattr(self, name)
            if not 0 < seconds < math.inf:
                msg = f"{name} is {seconds}; give seconds above 0"
                raise ConfigError(msg)


class _Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a call will be said to have come to."""

    outcome: Outcome
    reason: str
    ours: bool = True
    """We end it: the carrier's report confirms that, and does not rename it."""
    unconfirmed: "_Verdict | None" = None
    """The call may go on: what it has come to if the carrier does not say that it is over, and we
    end it (again)."""


_HUNG_UP = _Verdict(outcome=Outcome.COMPLETED, reason="caller_hung_up", ours=False)
_WE_CLOSED = _Verdict(outcome=Outcome.COMPLETED, reason="hangup")
_LINK_LOST = _Verdict(outcome=Outcome.FAILED, reason="link_lost")
_PEER_CLOSED = msgspec.structs.replace(_HUNG_UP, unconfirmed=_LINK_LOST)
# Of a call that was lent: the carrier may follow an order long after we gave it up.
_TAKEN_OR_HUNG_UP = msgspec.structs.replace(_HUNG_UP, unconfirmed=_HUNG_UP)
_NO_MEDIA = _Verdict(outcome=Outcome.FAILED, reason="no_media")
_NO_ANSWER = _Verdict(outcome=Outcome.NO_ANSWER, reason="timeout")


class CallMachine:
    """Decides where one call is, and ends it on every path out.

    A call only moves forward: a report of an earlier state than the present one changes nothing,
    so late, repeated and reordered reports do no harm and their `sequence` is not needed.
    `CallRinging` and `CallAnswered` are said at most once, `CallEnded` exactly once and last. An
    answer passes over ringing in silence: no `CallRinging` is made up for a call that was never
    seen to ring.

    The first event is a `CarrierStatus`: the order to call was taken (`DIALING`), or a call comes
    in (`RINGING`). The clocks run from there.
    """

    def __init__(self, direction: Direction, config: CallConfig | None = None) -> None:
        self._direction = direction
        self._config = config or CallConfig()
        self._state = CallState.DIALING
        self._deadline: float | None = None
        self._answered_at: float | None = None
        self._over_at: float | None = None  # when the talking ended; CallEnded may come later
        self._was_lent = False
        self._verdict = _HUNG_UP

    @property
    def state(self) -> CallState:
        """Where the call is."""
        return self._state

    def receive(self, event: CallEvent, now: float) -> Sequence[CallCommand]:
        """Take one event; return what to tell, and whether to end the carrier's call."""
        legal = TRANSITIONS[self._state].get(event.name)
        if legal is None:
            return []
        match event:
            case CarrierStatus():
                commands = self._carrier_status(event, now)
            case LegUp():
                commands = self._answer(now, None)
            case MediaLent():
                self._state = CallState.AWAY
                self._was_lent = True
                self._deadline = now + self._config.away_check
                commands = []
            case LegLost():
                commands = self._leg_lost(event.reason, now)
            case HangupRequested():
                commands = self._hang_up(event.reason, now)
            case _:
                assert_never(event)
        assert self._state in legal, (event.name, self._state)
        return commands

    def tick(self, now: float) -> Sequence[CallCommand]:
        """Return what to do about a stage that has lasted too long."""
        legal = TRANSITIONS[self._state].get("tick")
        if legal is None or self._deadline is None or now < self._deadline:
            return []
        commands = self._time_out(now)
        assert self._state in legal, ("tick", self._state)
        return commands

    def deadline(self) -> float | None:
        """Return when the present stage has lasted too long; None if it may last."""
        return self._deadline

    def _carrier_status(self, event: CarrierStatus, now: float) -> list[CallCommand]:
        before_answer = self._state in (CallState.DIALING, CallState.RINGING)
        if event.state is CallState.ENDED:
            return [self._ended_by_carrier(event, now)]
        if event.state is CallState.ANSWERED and before_answer:
            return self._answer(now, now + self._config.leg_timeout)
        if event.state is CallState.RINGING and self._state is CallState.DIALING:
            self._state = CallState.RINGING
            self._deadline = now + self._config.ring_timeout
            return [CallRinging()]
        if self._state is CallState.DIALING and self._deadline is None:
            self._deadline = now + self._config.ring_timeout
        return []

    def _answer(self, now: float, leg_due: float | None) -> list[CallCommand]:
        self._deadline = leg_due
        was, self._state = self._state, CallState.ANSWERED
        if was in (CallState.ANSWERED, CallState.AWAY):
            return []
        self._answered_at = now
        return [CallAnswered()]

    def _leg_lost(self, reason: str, now: float) -> list[CallCommand]:
        match reason:
            case "peer_stopped":
                return self._settle(_TAKEN_OR_HUNG_UP if self._was_lent else _HUNG_UP, now)
            case "peer_closed":
                return self._settle(_PEER_CLOSED, now)
            case "we_closed":
                # A hang-up request would have left this state: nobody is with the caller.
                return self._end(_WE_CLOSED, now)
            case _:
                return self._end(_LINK_LOST, now)

    def _hang_up(self, reason: str, now: float) -> list[CallCommand]:
        outcome = Outcome.CANCELED
        if self._state in (CallState.ANSWERED, CallState.AWAY):
            # Whoever finds out that a machine has answered hangs up with that reason.
            machine = reason == Outcome.VOICEMAIL
            outcome = Outcome.VOICEMAIL if machine else Outcome.COMPLETED
        verdict = _Verdict(outcome=outcome, reason=reason)
        if self._state is CallState.AWAY:  # closing a stream would not end it, so ask again
            verdict = msgspec.structs.replace(verdict, unconfirmed=verdict)
        return self._end(verdict, now)

    def _time_out(self, now: float) -> list[CallCommand]:
        if self._state is CallState.ANSWERED:
            return self._end(_NO_MEDIA, now)
        if self._state is CallState.AWAY:
            self._deadline = now + self._config.away_check
            return [AskCarrier()]
        if self._state is not CallState.ENDING:
            return self._end(_NO_ANSWER, now)
        if self._verdict.unconfirmed is not None:
            return self._end(self._verdict.unconfirmed, now)
        return [self._ended(self._verdict, now, None)]

    def _settle(self, verdict: _Verdict, now: float) -> list[CallCommand]:
        """The peer ended it: give the carrier a moment to say how."""
        self._leave(verdict, now, self._config.settle)
        return []

    def _end(self, verdict: _Verdict, now: float) -> list[CallCommand]:
        """End it ourselves, and give the carrier a moment to confirm."""
        self._leave(verdict, now, self._config.hangup_timeout)
        # An incoming call that rings here cannot be cancelled by us, only ended.
        unanswered = self._answered_at is None
        return [EndCarrierCall(cancel=unanswered and self._direction is Direction.OUTBOUND)]

    def _leave(self, verdict: _Verdict, now: float, within: float) -> None:
        self._state = CallState.ENDING
        self._verdict = verdict
        self._deadline = now + within
        if self._over_at is None:
            self._over_at = now

    def _ended_by_carrier(self, event: CarrierStatus, now: float) -> CallEnded:
        if self._verdict.ours:
            return self._ended(self._verdict, now, event.cause)
        verdict = self._verdict
        if self._answered_at is None:
            # Without the carrier's word: a caller gave up, or our own call came to nothing.
            inbound = self._direction is Direction.INBOUND
            unsaid = Outcome.CANCELED if inbound else Outcome.FAILED
            verdict = _Verdict(outcome=event.outcome or unsaid, reason="carrier")
        elif event.outcome not in (None, Outcome.COMPLETED):
            verdict = _Verdict(outcome=event.outcome, reason="carrier")
        return self._ended(verdict, now, event.cause)

    def _ended(self, verdict: _Verdict, now: float, cause: str | None) -> CallEnded:
        self._state = CallState.ENDED
        self._deadline = None
        over_at = now if self._over_at is None else self._over_at
        answered_at = over_at if self._answered_at is None else self._answered_at
        return CallEnded(
            outcome=verdict.outcome,
            reason=verdict.reason,
            cause=cause,
            duration=over_at - answered_at,
        )

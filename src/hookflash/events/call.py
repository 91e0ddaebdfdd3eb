"""The life of a call: what the call machine sees and says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "CallAnswered",
    "CallCommand",
    "CallEnded",
    "CallEvent",
    "CallLifecycleEvent",
    "CallRinging",
    "CallState",
    "CarrierStatus",
    "Direction",
    "EndCarrierCall",
    "HangupRequested",
    "LegLost",
    "LegUp",
    "Outcome",
]


class Direction(StrEnum):
    """Who phoned whom."""

    INBOUND = "inbound"
    """The party phoned us."""
    OUTBOUND = "outbound"
    """We phoned the party."""


class CallState(StrEnum):
    """Where a call is in its life."""

    DIALING = "dialing"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDING = "ending"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a call ended. One vocabulary for every carrier."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELED = "canceled"
    VOICEMAIL = "voicemail"


# What happened.


@named("call.carrier_status")
@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierStatus(Record):
    """The carrier reported where the call is. Reports may be late, repeated or out of order.

    Attributes:
        state: `DIALING`, `RINGING`, `ANSWERED` or `ENDED`.
        outcome: how it ended, when it did.
        cause: the carrier's own word or code for the cause.
        sequence: the carrier's count of its reports, if it has one.
    """

    state: CallState
    outcome: Outcome | None = None
    cause: str | None = None
    sequence: int | None = None


@named("call.leg_up")
@dataclass(frozen=True, slots=True, kw_only=True)
class LegUp(Record):
    """The call's media path is open; somebody (or something) answered."""


@named("call.leg_lost")
@dataclass(frozen=True, slots=True, kw_only=True)
class LegLost(Record):
    """The call's media path closed.

    Attributes:
        reason: `peer_stopped`, `peer_closed`, `link_lost`, `we_closed`, `protocol`.
    """

    reason: str


@named("call.hangup_requested")
@dataclass(frozen=True, slots=True, kw_only=True)
class HangupRequested(Record):
    """Our side wants the call to end."""

    reason: str = "hangup"


# What to do or tell.


@named("call.end_carrier_call")
@dataclass(frozen=True, slots=True, kw_only=True)
class EndCarrierCall(Record):
    """Tell the carrier to end the call. Said at most once.

    Attributes:
        cancel: True if it is a call that we placed and that, as far as we know, was not answered
            yet. If the carrier then says that it was, it must be ended all the same.
    """

    cancel: bool


@named("call.ringing")
@dataclass(frozen=True, slots=True, kw_only=True)
class CallRinging(Record):
    """The far end rings."""


@named("call.answered")
@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswered(Record):
    """The call was answered."""


@named("call.ended")
@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Record):
    """The call is over. Said exactly once.

    Attributes:
        outcome: how.
        reason: our word for it: `caller_hung_up`, `link_lost`, `no_media`, `timeout`, `carrier`
            (its outcome says more), or what the hang-up request said, `hangup` unless told.
        cause: the carrier's own word or code, if it gave one.
        duration: seconds from the answer to the end of the talking; 0.0 if never answered.
    """

    outcome: Outcome
    reason: str
    cause: str | None = None
    duration: float = 0.0


CallEvent: TypeAlias = CarrierStatus | LegUp | LegLost | HangupRequested
CallLifecycleEvent: TypeAlias = CallRinging | CallAnswered | CallEnded
CallCommand: TypeAlias = EndCarrierCall | CallRinging | CallAnswered | CallEnded

"""The life of a call: what the call machine sees and says."""

from enum import StrEnum
from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "AskCarrier",
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
    "MediaLent",
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
    AWAY = "away"
    """Answered, and the carrier has its media: it waits, or talks to others, without us."""
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
class CarrierStatus(Record, frozen=True, kw_only=True):
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
class LegUp(Record, frozen=True, kw_only=True):
    """The call's media path is open, for the first time or again; somebody answered."""


@named("call.leg_lost")
class LegLost(Record, frozen=True, kw_only=True):
    """The call's media path closed.

    Attributes:
        reason: `peer_stopped`, `peer_closed`, `link_lost`, `we_closed`, `protocol`.
    """

    reason: str


@named("call.media_lent")
class MediaLent(Record, frozen=True, kw_only=True):
    """The carrier is about to take the media of an answered call away; the call goes on."""


@named("call.hangup_requested")
class HangupRequested(Record, frozen=True, kw_only=True):
    """Our side wants the call to end."""

    reason: str = "hangup"


# What to do or tell.


@named("call.end_carrier_call")
class EndCarrierCall(Record, frozen=True, kw_only=True):
    """Tell the carrier to end the call. Said at most once.

    Attributes:
        cancel: True if it is a call that we placed and that, as far as we know, was not answered
            yet. If the carrier then says that it was, it must be ended all the same.
    """

    cancel: bool


@named("call.ask_carrier")
class AskCarrier(Record, frozen=True, kw_only=True):
    """Ask the carrier where the call is: its reports get lost. A `CarrierStatus` answers."""


@named("call.ringing")
class CallRinging(Record, frozen=True, kw_only=True):
    """The far end rings."""


@named("call.answered")
class CallAnswered(Record, frozen=True, kw_only=True):
    """The call was answered."""


@named("call.ended")
class CallEnded(Record, frozen=True, kw_only=True):
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


CallEvent: TypeAlias = CarrierStatus | LegUp | LegLost | MediaLent | HangupRequested
CallLifecycleEvent: TypeAlias = CallRinging | CallAnswered | CallEnded
CallCommand: TypeAlias = EndCarrierCall | AskCarrier | CallRinging | CallAnswered | CallEnded

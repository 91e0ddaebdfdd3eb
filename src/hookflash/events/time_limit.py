"""How long a call may last."""

from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "LimitReached",
    "LimitStarted",
    "LimitStopped",
    "LimitWarning",
    "TimeLimitCommand",
    "TimeLimitEvent",
]


@named("limit.started")
class LimitStarted(Record, frozen=True, kw_only=True):
    """The time counts from now."""


@named("limit.stopped")
class LimitStopped(Record, frozen=True, kw_only=True):
    """There is no limit any more: the call is over, or a person has it."""


@named("limit.warning")
class LimitWarning(Record, frozen=True, kw_only=True):
    """Tell the caller that the time is nearly up.

    Attributes:
        left: seconds until it is.
    """

    left: float


@named("limit.reached")
class LimitReached(Record, frozen=True, kw_only=True):
    """The time is up: say goodbye."""


TimeLimitEvent: TypeAlias = LimitStarted | LimitStopped
TimeLimitCommand: TypeAlias = LimitWarning | LimitReached

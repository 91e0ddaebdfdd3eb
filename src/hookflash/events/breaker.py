"""A provider's health: what its circuit breaker sees and says."""

from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "AttemptAbandoned",
    "AttemptFailed",
    "AttemptStarted",
    "AttemptSucceeded",
    "BreakerClosed",
    "BreakerCommand",
    "BreakerEvent",
    "BreakerOpened",
]


# What happened.


@named("breaker.attempt_started")
class AttemptStarted(Record, frozen=True, kw_only=True):
    """A request goes to the provider."""


@named("breaker.attempt_succeeded")
class AttemptSucceeded(Record, frozen=True, kw_only=True):
    """The provider works: it began to answer.

    Attributes:
        seconds: how long it took to begin; None if there was nothing to measure from.
    """

    seconds: float | None = None


@named("breaker.attempt_failed")
class AttemptFailed(Record, frozen=True, kw_only=True):
    """The provider refused, broke off, or gave nothing in time.

    Attributes:
        reason: short stable word, as `HookflashError.reason`.
        permanent: whether no later attempt can succeed (a package or a setting is missing).
    """

    reason: str
    permanent: bool = False


@named("breaker.attempt_abandoned")
class AttemptAbandoned(Record, frozen=True, kw_only=True):
    """The request was given up by us before the provider could show whether it works."""


# What to tell.


@named("breaker.opened")
class BreakerOpened(Record, frozen=True, kw_only=True):
    """Ask others from now on.

    Attributes:
        reason: of the last failure; `slow` if it only took too long.
        seconds: until it is tried again; None if it is not tried again.
    """

    reason: str
    seconds: float | None = None


@named("breaker.closed")
class BreakerClosed(Record, frozen=True, kw_only=True):
    """The provider works again."""


BreakerEvent: TypeAlias = AttemptStarted | AttemptSucceeded | AttemptFailed | AttemptAbandoned
BreakerCommand: TypeAlias = BreakerOpened | BreakerClosed

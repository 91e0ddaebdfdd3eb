"""What a machine is: it decides, and never acts."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

__all__ = ["Machine"]

EventT_contra = TypeVar("EventT_contra", contravariant=True)
CommandT_co = TypeVar("CommandT_co", covariant=True)


class Machine(Protocol[EventT_contra, CommandT_co]):
    """A pure decider. Its owner (`runtime.Driver`) feeds events and carries out the commands.

    The owner must call `receive` for each event in the order in which they happened, and
    `tick` once `now` has reached `deadline()`. Both may be called with any event in any state:
    what a remote side does wrongly is ignored, never raised. `now` is seconds on a monotonic
    clock and never goes back. After each call the owner carries out the returned commands in
    order and reads `deadline()` again.
    """

    def receive(self, event: EventT_contra, now: float) -> Sequence[CommandT_co]:
        """Take one event; return what to do about it, in order."""
        ...

    def deadline(self) -> float | None:
        """Return the earliest time at which `tick` must be called, or None."""
        ...

    def tick(self, now: float) -> Sequence[CommandT_co]:
        """Time has passed; return what to do about it. Calling early or late is harmless."""
        ...

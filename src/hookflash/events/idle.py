"""Silence on the line: what the idle machine sees and asks for."""

from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "Activity",
    "BusyChanged",
    "IdleCommand",
    "IdleEvent",
    "IdleStopped",
    "WakeUp",
]


@named("idle.activity")
class Activity(Record, frozen=True, kw_only=True):
    """Somebody was heard (or pressed a key): the count of silence begins anew."""


@named("idle.busy_changed")
class BusyChanged(Record, frozen=True, kw_only=True):
    """A reason not to count silence began or ended.

    Attributes:
        why: as `Doing`.
        busy: True when it began.
    """

    why: str
    busy: bool


@named("idle.stopped")
class IdleStopped(Record, frozen=True, kw_only=True):
    """The call is over; never wake again."""


@named("idle.wake_up")
class WakeUp(Record, frozen=True, kw_only=True):
    """The line was silent for the configured time.

    Attributes:
        count: 1 for the first silence since somebody spoke, 2 for the next, and so on.
    """

    count: int


IdleEvent: TypeAlias = Activity | BusyChanged | IdleStopped
IdleCommand: TypeAlias = WakeUp

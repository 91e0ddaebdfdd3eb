"""Silence on the line: what the idle machine sees and asks for."""

from dataclasses import dataclass
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
@dataclass(frozen=True, slots=True, kw_only=True)
class Activity(Record):
    """Somebody was heard (or pressed a key): the count of silence begins anew."""


@named("idle.busy_changed")
@dataclass(frozen=True, slots=True, kw_only=True)
class BusyChanged(Record):
    """A reason not to count silence began or ended.

    Attributes:
        why: `caller_speaking`, `agent_speaking`, `thinking`, `tool`, `on_hold`, `transfer`.
        busy: True when it began.
    """

    why: str
    busy: bool


@named("idle.stopped")
@dataclass(frozen=True, slots=True, kw_only=True)
class IdleStopped(Record):
    """The call is over; never wake again."""


@named("idle.wake_up")
@dataclass(frozen=True, slots=True, kw_only=True)
class WakeUp(Record):
    """The line was silent for the configured time.

    Attributes:
        count: 1 for the first silence since somebody spoke, 2 for the next, and so on.
    """

    count: int


IdleEvent: TypeAlias = Activity | BusyChanged | IdleStopped
IdleCommand: TypeAlias = WakeUp

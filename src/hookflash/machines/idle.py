"""How long the line has been silent, and when to say something about it."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.idle import (
    Activity,
    BusyChanged,
    IdleCommand,
    IdleEvent,
    IdleStopped,
    WakeUp,
)

__all__ = ["TRANSITIONS", "IdleConfig", "IdleMachine", "IdleState"]

_CALLER_SPEAKING = "caller_speaking"


class IdleState(StrEnum):
    """Whether silence is being counted."""

    WAITING = "waiting"
    """Nothing has happened yet; there is no moment to count from."""
    COUNTING = "counting"
    """Nobody is busy; silence adds up."""
    PAUSED = "paused"
    """There is a reason not to count."""
    STOPPED = "stopped"
    """The call is over."""


TRANSITIONS: Mapping[IdleState, Mapping[str, tuple[IdleState, ...]]] = {
    IdleState.WAITING: {
        Activity.name: (IdleState.COUNTING,),
        BusyChanged.name: (IdleState.WAITING, IdleState.PAUSED),
        IdleStopped.name: (IdleState.STOPPED,),
    },
    IdleState.COUNTING: {
        Activity.name: (IdleState.COUNTING,),
        BusyChanged.name: (IdleState.COUNTING, IdleState.PAUSED),
        IdleStopped.name: (IdleState.STOPPED,),
        "tick": (IdleState.COUNTING,),
    },
    IdleState.PAUSED: {
        Activity.name: (IdleState.PAUSED,),
        BusyChanged.name: (IdleState.PAUSED, IdleState.COUNTING),
        IdleStopped.name: (IdleState.STOPPED,),
    },
    IdleState.STOPPED: {},
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""


class IdleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How long a silence may last.

    Raises:
        ConfigError: a field is out of its range.
    """

    wake_up: float | tuple[float, ...] | None
    """Seconds of silence before each wake-up, above 0; a tuple gives those of each in turn, and
    none follows the last until the caller is heard again; None never wakes. There is no default:
    ten seconds is polite to one caller and a nuisance to one who looks for a card."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        steps = self.wake_up if isinstance(self.wake_up, tuple) else (self.wake_up,)
        for seconds in steps:
            if seconds is not None and not 0 < seconds < math.inf:
                msg = f"wake_up is {seconds}; give seconds above 0, or None for never"
                raise ConfigError(msg)

    def seconds(self, count: int) -> float | None:
        """Return how much silence is borne after so many wake-ups; None: any."""
        if not isinstance(self.wake_up, tuple):
            return self.wake_up
        return self.wake_up[count] if count < len(self.wake_up) else None


class IdleMachine:
    """Counts the silence while nobody is busy and says `WakeUp` each time it lasted too long.

    Reasons to be busy are counted by name: two tools at once are two beginnings and two ends.
    When the last one ends the silence begins anew. An end without its beginning is ignored.
    """

    def __init__(self, config: IdleConfig) -> None:
        self._config = config
        self._state = IdleState.WAITING
        self._silent_since = 0.0
        self._count = 0
        self._busy: Counter[str] = Counter()

    @property
    def state(self) -> IdleState:
        """Whether silence is being counted."""
        return self._state

    def receive(self, event: IdleEvent, now: float) -> Sequence[IdleCommand]:
        """Take one event. Only time makes commands, so there are none."""
        legal = TRANSITIONS[self._state].get(event.name)
        if legal is None:
            return []
        match event:
            case Activity():
                self._count = 0
                self._silent_since = now
                if self._state is IdleState.WAITING:
                    self._state = IdleState.COUNTING
            case BusyChanged():
                self._busy_changed(event, now)
            case IdleStopped():
                self._state = IdleState.STOPPED
            case _:
                assert_never(event)
        assert self._state in legal, (event.name, self._state)
        return []

    def tick(self, now: float) -> Sequence[IdleCommand]:
        """Return a wake-up if the silence has lasted; a late tick brings one, not several."""
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return []
        self._count += 1
        self._silent_since = now
        return [WakeUp(count=self._count)]

    def deadline(self) -> float | None:
        """Return when the present silence has lasted too long; None while it is not counted."""
        seconds = self._config.seconds(self._count)
        if "tick" not in TRANSITIONS[self._state] or seconds is None:
            return None
        return self._silent_since + seconds

    def _busy_changed(self, event: BusyChanged, now: float) -> None:
        if event.why == _CALLER_SPEAKING:
            self._count = 0
        if event.busy:
            self._busy[event.why] += 1
            self._state = IdleState.PAUSED
            return
        if self._busy[event.why] > 0:
            self._busy[event.why] -= 1
            if not self._busy.total():
                self._silent_since = now
                self._state = IdleState.COUNTING

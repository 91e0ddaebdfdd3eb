"""How long a call may last: a warning, then the end.

Drawn as a diagram in `docs/design/time_limit.md`.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.time_limit import (
    LimitReached,
    LimitStarted,
    LimitStopped,
    LimitWarning,
    TimeLimitCommand,
    TimeLimitEvent,
)

__all__ = ["TRANSITIONS", "TimeLimitConfig", "TimeLimitMachine", "TimeLimitState"]


class TimeLimitState(StrEnum):
    """How far the time has run."""

    WAITING = "waiting"
    RUNNING = "running"
    WARNED = "warned"
    OVER = "over"


_S = TimeLimitState

TRANSITIONS: Mapping[TimeLimitState, Mapping[str, tuple[TimeLimitState, ...]]] = {
    _S.WAITING: {LimitStarted.name: (_S.RUNNING,), LimitStopped.name: (_S.OVER,)},
    _S.RUNNING: {LimitStopped.name: (_S.OVER,), "tick": (_S.WARNED, _S.OVER)},
    _S.WARNED: {LimitStopped.name: (_S.OVER,), "tick": (_S.OVER,)},
    _S.OVER: {},
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""


class TimeLimitConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How long a call may last.

    Raises:
        ConfigError: a field is out of its range.
    """

    most: float | None = None
    """Seconds; None: any time."""
    warn_before: float = 30.0
    """How many seconds before the end the warning is said; 0 gives none."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.most is not None and not 0 < self.most < math.inf:
            msg = f"most is {self.most}; give seconds above 0, or None for any time"
            raise ConfigError(msg)
        if not 0 <= self.warn_before < math.inf:
            msg = f"warn_before is {self.warn_before}; give seconds, 0 or more"
            raise ConfigError(msg)


class TimeLimitMachine:
    """Counts a call's time. A limit shorter than the warning's time gives no warning."""

    def __init__(self, config: TimeLimitConfig) -> None:
        """Wait for the start."""
        self._config = config
        self._state = _S.WAITING
        self._began = 0.0

    @property
    def state(self) -> TimeLimitState:
        """How far the time has run."""
        return self._state

    def receive(self, event: TimeLimitEvent, now: float) -> Sequence[TimeLimitCommand]:
        """Take one event. Only time makes commands, so there are none."""
        if event.name not in TRANSITIONS[self._state]:
            return []
        match event:
            case LimitStarted():
                self._began = now
                self._state = _S.RUNNING
            case LimitStopped():
                self._state = _S.OVER
            case _:
                assert_never(event)
        return []

    def deadline(self) -> float | None:
        """Return when to warn, or to end."""
        most = self._config.most
        if most is None or "tick" not in TRANSITIONS[self._state]:
            return None
        warns = self._state is _S.RUNNING and 0 < self._config.warn_before < most
        return self._began + most - (self._config.warn_before if warns else 0)

    def tick(self, now: float) -> Sequence[TimeLimitCommand]:
        """Warn, or end. A tick that is late for both ends."""
        deadline, most = self.deadline(), self._config.most
        if deadline is None or most is None or now < deadline:
            return []
        left = self._began + most - now
        if left > 0:
            self._state = _S.WARNED
            return [LimitWarning(left=left)]
        self._state = _S.OVER
        return [LimitReached()]

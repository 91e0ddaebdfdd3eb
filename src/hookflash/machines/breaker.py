"""Whether a provider is fit to be asked: a circuit breaker with half-open probes.

The pattern is Michael Nygard's (*Release It!*, 2007): after failures a provider is left alone for
a while, then one request probes it while all others still go elsewhere.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.breaker import (
    AttemptAbandoned,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    BreakerClosed,
    BreakerCommand,
    BreakerEvent,
    BreakerOpened,
)

__all__ = ["TRANSITIONS", "BreakerConfig", "BreakerMachine", "BreakerState"]

_SLOW = "slow"
# 2**20 rests of a millisecond are longer than any that is allowed.
_MOST_DOUBLINGS = 20


class BreakerState(StrEnum):
    """How far a provider is trusted."""

    CLOSED = "closed"
    """It works: everyone may ask it."""
    OPEN = "open"
    """It failed: it is left alone for a while."""
    HALF_OPEN = "half_open"
    """The while is over: the next request will try it."""
    PROBING = "probing"
    """One request tries it; the others go elsewhere."""
    DISABLED = "disabled"
    """It is not tried any more."""


TRANSITIONS: Mapping[BreakerState, Mapping[str, tuple[BreakerState, ...]]] = {
    BreakerState.CLOSED: {
        AttemptSucceeded.name: (BreakerState.CLOSED, BreakerState.OPEN, BreakerState.DISABLED),
        AttemptFailed.name: (BreakerState.CLOSED, BreakerState.OPEN, BreakerState.DISABLED),
    },
    BreakerState.OPEN: {
        AttemptSucceeded.name: (BreakerState.OPEN, BreakerState.CLOSED),
        AttemptFailed.name: (BreakerState.OPEN, BreakerState.DISABLED),
        "tick": (BreakerState.OPEN, BreakerState.HALF_OPEN),
    },
    BreakerState.HALF_OPEN: {
        AttemptStarted.name: (BreakerState.PROBING,),
        AttemptSucceeded.name: (BreakerState.HALF_OPEN, BreakerState.CLOSED),
        AttemptFailed.name: (BreakerState.HALF_OPEN, BreakerState.DISABLED),
    },
    BreakerState.PROBING: {
        AttemptSucceeded.name: (BreakerState.CLOSED, BreakerState.OPEN, BreakerState.DISABLED),
        AttemptFailed.name: (BreakerState.OPEN, BreakerState.DISABLED),
        AttemptAbandoned.name: (BreakerState.HALF_OPEN,),
        "tick": (BreakerState.PROBING, BreakerState.HALF_OPEN),
    },
    BreakerState.DISABLED: {
        AttemptSucceeded.name: (BreakerState.DISABLED, BreakerState.CLOSED),
    },
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""


class BreakerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When a provider is left alone, and for how long.

    Raises:
        ConfigError: a field is out of its range.
    """

    temporary_disable_sec: float = 60.0
    """Seconds that a provider is left alone after it failed, above 0. Doubled each time that it
    fails again when it is tried."""
    max_disable_sec: float = 600.0
    """The longest such while in seconds; at least `temporary_disable_sec`."""
    permanent_disable_after_attempts: int | None = None
    """After so many whiles without a success between them it is not tried any more, 1 or more.
    None tries for ever: health is shared by all calls of a process, so what was given up would
    stay so until the process ends."""
    consecutive_failures: int = 1
    """How many failures in a row end the trust, 1 or more. Each costs a caller the wait for the
    next provider, so one is enough."""
    latency_threshold_ms: float | None = None
    """An answer that takes longer than so many milliseconds to begin is slow, above 0; None
    takes any time as good that the timeouts let pass."""
    consecutive_latency_hits: int = 3
    """How many slow answers in a row count as a failure, 1 or more."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 0 < self.temporary_disable_sec < math.inf:
            msg = f"temporary_disable_sec is {self.temporary_disable_sec}; give seconds above 0"
            raise ConfigError(msg)
        if not self.temporary_disable_sec <= self.max_disable_sec < math.inf:
            msg = (
                f"max_disable_sec is {self.max_disable_sec}; give seconds, "
                f"temporary_disable_sec ({self.temporary_disable_sec}) or more"
            )
            raise ConfigError(msg)
        limit, threshold = self.permanent_disable_after_attempts, self.latency_threshold_ms
        if limit is not None and limit < 1:
            msg = f"permanent_disable_after_attempts is {limit}; give 1 or more, or None for never"
            raise ConfigError(msg)
        if threshold is not None and not 0 < threshold < math.inf:
            msg = f"latency_threshold_ms is {threshold}; give milliseconds above 0, or None"
            raise ConfigError(msg)
        for name in ("consecutive_failures", "consecutive_latency_hits"):
            count = getattr(self, name)
            if count < 1:
                msg = f"{name} is {count}; give 1 or more"
                raise ConfigError(msg)


class BreakerMachine:
    """Says when a provider must be left alone, and when it works again.

    Attempts are not told apart: a result may come from a request that began before the state
    changed. So a failure counts only where trust is at stake (closed, probing), and a success
    that is not slow ends any distrust, whoever brings it.
    """

    def __init__(self, config: BreakerConfig) -> None:
        self._config = config
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._slow = 0
        self._openings = 0
        self._until = 0.0
        self._commands: list[BreakerCommand] = []

    @property
    def state(self) -> BreakerState:
        """How far the provider is trusted."""
        return self._state

    @property
    def available(self) -> bool:
        """Whether the next request may go to the provider."""
        return self._state in {BreakerState.CLOSED, BreakerState.HALF_OPEN}

    def receive(self, event: BreakerEvent, now: float) -> Sequence[BreakerCommand]:
        """Take one event; return what to tell of it."""
        legal = TRANSITIONS[self._state].get(event.name)
        if legal is None:
            return []
        match event:
            case AttemptStarted():
                self._state = BreakerState.PROBING
                # A probe whose end nobody reports must not bar the way for ever.
                self._until = now + self._config.temporary_disable_sec
            case AttemptSucceeded():
                self._succeeded(event, now)
            case AttemptFailed():
                self._failed(event, now)
            case AttemptAbandoned():
                self._state = BreakerState.HALF_OPEN
            case _:
                assert_never(event)
        assert self._state in legal, (event.name, self._state)
        return self._take_commands()

    def tick(self, now: float) -> Sequence[BreakerCommand]:
        """End the while, or a probe that never came back."""
        deadline = self.deadline()
        if deadline is not None and now >= deadline:
            self._state = BreakerState.HALF_OPEN
        return []

    def deadline(self) -> float | None:
        """Return when the provider may be tried again; None if nothing is waited for."""
        return self._until if "tick" in TRANSITIONS[self._state] else None

    def _succeeded(self, event: AttemptSucceeded, now: float) -> None:
        self._failures = 0
        threshold = self._config.latency_threshold_ms
        if threshold is None or event.seconds is None or event.seconds * 1000 <= threshold:
            self._slow = 0
            self._openings = 0
            if self._state is not BreakerState.CLOSED:
                self._state = BreakerState.CLOSED
                self._commands.append(BreakerClosed())
        elif self._state is BreakerState.PROBING:
            self._open(_SLOW, now)
        elif self._state is BreakerState.CLOSED:
            self._slow += 1
            if self._slow >= self._config.consecutive_latency_hits:
                self._open(_SLOW, now)

    def _failed(self, event: AttemptFailed, now: float) -> None:
        if event.permanent:
            self._disable(event.reason)
        elif self._state is BreakerState.PROBING:
            self._open(event.reason, now)
        elif self._state is BreakerState.CLOSED:
            self._failures += 1
            if self._failures >= self._config.consecutive_failures:
                self._open(event.reason, now)

    def _open(self, reason: str, now: float) -> None:
        config = self._config
        self._failures = self._slow = 0
        self._openings += 1
        limit = config.permanent_disable_after_attempts
        if limit is not None and self._openings >= limit:
            self._disable(reason)
            return
        doublings = min(self._openings - 1, _MOST_DOUBLINGS)
        seconds = min(config.temporary_disable_sec * 2**doublings, config.max_disable_sec)
        self._state = BreakerState.OPEN
        self._until = now + seconds
        self._commands.append(BreakerOpened(reason=reason, seconds=seconds))

    def _disable(self, reason: str) -> None:
        self._state = BreakerState.DISABLED
        self._commands.append(BreakerOpened(reason=reason))

    def _take_commands(self) -> Sequence[BreakerCommand]:
        commands, self._commands = self._commands, []
        return commands

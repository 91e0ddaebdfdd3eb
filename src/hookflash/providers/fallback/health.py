"""How healthy each provider is, as all calls of the process have found it."""

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self, assert_never
from weakref import WeakKeyDictionary

from hookflash.errors import ConfigError, HookflashError, MissingExtra
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
from hookflash.machines.breaker import BreakerConfig, BreakerMachine, BreakerState
from hookflash.providers.base import Provider

__all__ = ["Attempt", "Health", "health_of"]

_log = logging.getLogger("hookflash.providers")


class Health:
    """One provider's breaker. It logs changes of health, and nothing of single requests.

    The machine is told the time whenever it is asked, so it needs no timer and may be made
    outside of a loop. Another loop has another clock: there health is learnt anew.

    Attributes:
        reason: why the provider was last left alone; empty if it never was.
    """

    def __init__(self, name: str, config: BreakerConfig) -> None:
        """Trust the provider. `name` is for the log."""
        self.reason = ""
        self._name = name
        self._config = config
        self._machine = BreakerMachine(config)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def available(self) -> bool:
        """Whether the next request may go to the provider, be it as its probe."""
        return self._woken().available

    @property
    def trusted(self) -> bool:
        """Whether it works, as far as anyone knows."""
        return self._woken().state is BreakerState.CLOSED

    def attempt(self, then: Callable[[], None]) -> "Attempt":
        """Begin a request, as a context; `then` is called after each verdict on it."""
        return Attempt(self, then)

    def tell(self, event: BreakerEvent) -> None:
        """Something came of a request."""
        machine = self._woken()
        for command in machine.receive(event, asyncio.get_running_loop().time()):
            self._obey(command)

    def _woken(self) -> BreakerMachine:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self._machine = BreakerMachine(self._config)
        self._machine.tick(loop.time())
        return self._machine

    def _obey(self, command: BreakerCommand) -> None:
        match command:
            case BreakerOpened():
                self.reason = command.reason
                if command.seconds is None:
                    _log.error("%s is given up (%s)", self._name, command.reason)
                else:
                    _log.warning(
                        "%s is left alone for %.0f s (%s)",
                        self._name,
                        command.seconds,
                        command.reason,
                    )
            case BreakerClosed():
                _log.warning("%s works again", self._name)
            case _:
                assert_never(command)


class Attempt:
    """One request to one provider. A context: without a verdict it counts as given up by us."""

    def __init__(self, health: Health, then: Callable[[], None]) -> None:
        """Made by `Health.attempt`."""
        self._health = health
        self._then = then
        self._judged = False

    def __enter__(self) -> Self:
        self._health.tell(AttemptStarted())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._judged:
            self._health.tell(AttemptAbandoned())

    def succeeded(self, seconds: float | None = None) -> None:
        """The provider began to answer, after so many seconds (None: not measured)."""
        self._tell(AttemptSucceeded(seconds=seconds))

    def failed(self, error: HookflashError) -> None:
        """The provider failed; a wrong setting or a missing package is not tried again."""
        permanent = isinstance(error, (ConfigError, MissingExtra))
        self._tell(AttemptFailed(reason=error.reason, permanent=permanent))

    def _tell(self, event: AttemptSucceeded | AttemptFailed) -> None:
        self._judged = True
        self._health.tell(event)
        self._then()


def health_of(provider: Provider, name: str, config: BreakerConfig) -> Health:
    """Return the process's one `Health` of this provider under these settings."""
    by_config = _known.setdefault(provider, {})
    if config not in by_config:
        by_config[config] = Health(name, config)
    return by_config[config]


_known: "WeakKeyDictionary[Provider, dict[BreakerConfig, Health]]" = WeakKeyDictionary()

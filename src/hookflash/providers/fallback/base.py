"""What the three fallbacks have in common: whom to ask next, for how long, and who must know."""

import asyncio
import copy
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from typing import ClassVar, Generic, Self, TypedDict, TypeVar

import msgspec

from hookflash.errors import (
    ConfigError,
    HookflashError,
    LinkTimeout,
    MissingExtra,
    ProviderError,
    UsageError,
)
from hookflash.machines.breaker import BreakerConfig
from hookflash.providers.base import Provider, ProviderSwitch
from hookflash.providers.fallback.health import Health, health_of
from hookflash.runtime import clock

__all__ = ["Fallback", "HealthOptions", "Slot", "is_request", "positive", "reason_for"]

_log = logging.getLogger("hookflash.providers")

T = TypeVar("T")
ProviderT = TypeVar("ProviderT", bound=Provider)

_RECOVERED = "recovered"


class HealthOptions(TypedDict, total=False):
    """When a provider is left alone, and for how long: the fields of `BreakerConfig`."""

    temporary_disable_sec: float
    max_disable_sec: float
    permanent_disable_after_attempts: int | None
    consecutive_failures: int
    latency_threshold_ms: float | None
    consecutive_latency_hits: int


class Slot(msgspec.Struct, Generic[ProviderT], eq=False):
    """A provider in its place.

    Attributes:
        provider: who is asked.
        name: its name, with its number if another has the same.
        health: shared with all fallbacks of the same settings that have this provider.
        prepared: whether its `prepare` has succeeded.
    """

    provider: ProviderT
    name: str
    health: Health
    prepared: bool = False

    async def prepare(self) -> None:
        """Prepare the provider, unless it is."""
        if not self.prepared:
            await self.provider.prepare()
            self.prepared = True


class Fallback(Provider, Generic[ProviderT]):
    """Providers of one kind, the best first. The first that works is asked.

    Attributes:
        name: that of the provider which is asked at present.
        stage: what they are: `stt`, `llm` or `tts`.
        slots: the providers, in order.
    """

    stage: ClassVar[str]

    def __init__(
        self,
        providers: Sequence[ProviderT],
        kind: type[object],
        *,
        prepare_timeout: float,
        health: HealthOptions,
    ) -> None:
        """Take the providers; see the subclasses."""
        if not providers:
            msg = f"{type(self).__name__} needs at least one {kind.__name__}, better two"
            raise UsageError(msg)
        for provider in providers:
            if not isinstance(provider, kind):
                msg = f"{type(self).__name__} takes {kind.__name__}s, not {provider!r}"
                raise UsageError(msg)
        if len(set(providers)) < len(providers):
            msg = f"{type(self).__name__} was given the same provider twice"
            raise UsageError(msg)
        self._prepare_timeout = positive("prepare_timeout", prepare_timeout)
        self._config = BreakerConfig(**health)
        self.slots = self._seated(providers)
        self._current = self.slots[0]
        self.name = self._current.name
        self._listeners: list[Callable[[ProviderSwitch], None]] = []

    def _seated(self, providers: Sequence[ProviderT]) -> tuple[Slot[ProviderT], ...]:
        return tuple(
            Slot(provider, name, health_of(provider, f"{self.stage} {name}", self._config))
            for provider, name in zip(providers, _names(providers), strict=True)
        )

    def with_providers(self, providers: Sequence[ProviderT]) -> Self:
        """Return a fallback of the same settings with these providers instead."""
        return copy.copy(self).seat(providers)

    def seat(self, providers: Sequence[ProviderT]) -> Self:
        """Take these providers instead, with nobody listening yet. Return itself."""
        self.slots = self._seated(providers)
        self._current = self.slots[0]
        self.name = self._current.name
        self._listeners = []
        return self

    @property
    def current(self) -> ProviderT:
        """The provider that is asked at present."""
        return self._current.provider

    def on_switch(self, listener: Callable[[ProviderSwitch], None]) -> Callable[[], None]:
        """Be told when another provider takes over, for whichever call. Returns what ends it."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    async def prepare(self) -> None:
        """Prepare all that are not yet. It is enough if one can be.

        Raises:
            HookflashError: none can be prepared; this is the first one's error.
        """
        waiting = [slot for slot in self.slots if not slot.prepared]
        fit = [slot for slot in waiting if slot.health.available]
        if not fit and len(waiting) == len(self.slots):
            fit = waiting
        errors = await asyncio.gather(*(self._prepare(slot) for slot in fit))
        if not any(slot.prepared for slot in self.slots):
            raise next(error for error in errors if error is not None)

    async def aclose(self) -> None:
        """Free all, also if one cannot be; then raise its error. Idempotent."""
        for slot in self.slots:
            slot.prepared = False
        closing = (slot.provider.aclose() for slot in self.slots)
        for outcome in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def next_slot(self, tried: Collection[Slot[ProviderT]]) -> Slot[ProviderT] | None:
        """Return whom to ask, who was not tried for this request; None if nobody is left.

        If none is available, the first is asked all the same: it may work, and nothing else can.
        """
        self.review()
        for slot in self.slots:
            if slot not in tried and slot.health.available:
                return slot
        return None if self.slots[0] in tried else self.slots[0]

    def variants(self, vary: Callable[[ProviderT], ProviderT]) -> Self:
        """Return a fallback of the same settings with a variant of each provider that has one.

        Raises:
            UsageError: none has; this is the first one's error.
        """
        found: list[ProviderT] = []
        refusals: list[UsageError] = []
        for slot in self.slots:
            try:
                found.append(vary(slot.provider))
            except UsageError as exc:
                refusals.append(exc)
        if not found:
            raise refusals[0]
        return self.with_providers(found)

    def review(self) -> None:
        """See who is asked from now on, and tell if it is another."""
        trusted = next((slot for slot in self.slots if slot.health.trusted), None)
        if trusted is None or trusted is self._current:
            return
        old, self._current = self._current, trusted
        self.name = trusted.name
        better = self.slots.index(trusted) < self.slots.index(old)
        switch = ProviderSwitch(
            stage=self.stage,
            old=old.name,
            new=trusted.name,
            reason=_RECOVERED if better else old.health.reason,
        )
        for listener in tuple(self._listeners):
            listener(switch)

    async def ask(
        self,
        slot: Slot[ProviderT],
        request: Callable[[ProviderT], AsyncGenerator[T, None]],
        *,
        first_within: float,
        next_within: float,
        counts: Callable[[T], bool],
        may_be_empty: bool,
    ) -> AsyncGenerator[T, None]:
        """Make one request to one provider, and judge the provider by what comes of it.

        Args:
            slot: who.
            request: begins the request.
            first_within: seconds within which the first item that counts must come.
            next_within: seconds within which each further item must come.
            counts: whether an item is an answer at all.
            may_be_empty: whether an answer without such an item is fine.

        Raises:
            PeerError, LinkError, ConfigError, MissingExtra: the provider failed.
            UsageError: the request is wrong; the provider's health is as it was.
        """
        with slot.health.attempt(self.review) as attempt:
            began = clock.now()
            deadline = began + first_within
            answered = False
            try:
                async with asyncio.timeout_at(deadline):
                    await slot.prepare()
                async with aclosing(request(slot.provider)) as items:
                    while True:
                        async with asyncio.timeout_at(deadline):
                            item = await anext(items, None)
                        if item is None:
                            break
                        if not answered and counts(item):
                            answered = True
                            attempt.succeeded(clock.now() - began)
                        yield item
                        if answered:
                            # How long the listener took over it is not the provider's doing.
                            deadline = clock.now() + next_within
                if not answered and not may_be_empty:
                    msg = f"{slot.name} gave nothing"
                    raise ProviderError(msg, retryable=True)
            except Exception as exc:
                if is_request(exc):
                    raise
                error = reason_for(exc, slot.name)
                attempt.failed(error)
                raise error from exc

    async def _prepare(self, slot: Slot[ProviderT]) -> HookflashError | None:
        """Prepare one; return why it cannot be."""
        with slot.health.attempt(self.review) as attempt:
            try:
                async with asyncio.timeout(self._prepare_timeout):
                    await slot.prepare()
            except Exception as exc:  # noqa: BLE001  # judged here, raised if all others fail too
                error = reason_for(exc, slot.name)
                attempt.failed(error)
                return error
        return None


def is_request(error: Exception) -> bool:
    """Whether an error is about what was asked, not about who was asked."""
    return isinstance(error, UsageError) and not isinstance(error, (ConfigError, MissingExtra))


def reason_for(error: Exception, name: str) -> HookflashError:
    """Return a provider's failure as one of our errors; log it if it is a bug of the provider."""
    if isinstance(error, HookflashError):
        return error
    if isinstance(error, TimeoutError):
        return LinkTimeout(f"{name} gave nothing in time")
    _log.error("the provider %s raised", name, exc_info=error)
    return ProviderError(f"{type(error).__name__} in {name}")


def positive(name: str, seconds: float) -> float:
    """Return a number of seconds that is above 0.

    Raises:
        ConfigError: it is not, or without end.
    """
    if not 0 < seconds < float("inf"):
        msg = f"{name} is {seconds}; give seconds above 0"
        raise ConfigError(msg)
    return seconds


def _names(providers: Sequence[Provider]) -> list[str]:
    """Return the providers' names; the second `openai` is `openai-2`."""
    plain = [provider.name or type(provider).__name__ for provider in providers]
    counts = [plain[: index + 1].count(name) for index, name in enumerate(plain)]
    return [name if n == 1 else f"{name}-{n}" for name, n in zip(plain, counts, strict=True)]

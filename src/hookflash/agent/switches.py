"""Tells a session's listeners when one provider takes over from another."""

from collections.abc import Callable, Iterable

from hookflash.agent.emitter import Emitter
from hookflash.events.providers import ProviderSwitched
from hookflash.providers.base import Provider, ProviderSwitch

__all__ = ["Switches"]


class Switches:
    """Follows the providers of one session's pipeline."""

    def __init__(self, emitter: Emitter) -> None:
        """Follow none yet."""
        self._emitter = emitter
        self._ends: list[Callable[[], None]] = []

    def follow(self, providers: Iterable[Provider]) -> None:
        """Follow these from now on, and no others."""
        self.close()
        self._ends = [provider.on_switch(self._tell) for provider in providers]

    def close(self) -> None:
        """Follow none any more. Idempotent."""
        for end in self._ends:
            end()
        self._ends = []

    def _tell(self, switch: ProviderSwitch) -> None:
        self._emitter.tell(
            ProviderSwitched,
            stage=switch.stage,
            old=switch.old,
            new=switch.new,
            reason=switch.reason,
        )

"""Addresses of ours that a carrier can reach."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from hookflash.audio.frames import Pcm
from hookflash.carriers.base import Answer, PlaySound, Webhook

__all__ = ["Address", "AddressBook", "AddressGiver", "Responder"]

Responder: TypeAlias = Callable[[Webhook], Awaitable[Answer | None]]
"""Reads what the carrier tells, and says what it shall do; None: nothing new."""


class Address(Protocol):
    """Where the carrier finds something of ours until it is closed."""

    @property
    def url(self) -> str:
        """In full."""
        ...

    def close(self) -> None:
        """Have nothing there any more. Idempotent."""
        ...


class AddressGiver(Protocol):
    """Who has addresses that the carrier can reach."""

    def callback(self, responder: Responder) -> Address:
        """Let the carrier tell us something; its signature is checked before `responder` is asked.

        Raises:
            UsageError: there are too many.
        """
        ...

    def sound(self, pcm: Pcm, rate: int) -> Address:
        """Let the carrier fetch a sound, PCM16 mono at `rate` Hz, as a WAV file.

        Raises:
            UsageError: there are too many.
        """
        ...


class AddressBook:
    """Addresses that are made for one purpose, and closed together."""

    def __init__(self, giver: AddressGiver) -> None:
        """Begin with none."""
        self._giver = giver
        self._addresses: list[Address] = []

    def callback(self, responder: Responder) -> Address:
        """As `AddressGiver.callback`."""
        return self._kept(self._giver.callback(responder))

    def document(self, answer: Answer) -> str:
        """Have an instruction somewhere; return the URL."""

        async def document(_webhook: Webhook) -> Answer:
            return answer

        return self.callback(document).url

    def sound(self, pcm: Pcm, rate: int, *, forever: bool = False) -> PlaySound:
        """Let the carrier play a sound of ours, PCM16 mono at `rate` Hz, once or without end."""
        return PlaySound(url=self._kept(self._giver.sound(pcm, rate)).url, forever=forever)

    def close(self) -> None:
        """Close them all. Idempotent."""
        for address in self._addresses:
            address.close()
        self._addresses.clear()

    def _kept(self, address: Address) -> Address:
        self._addresses.append(address)
        return address

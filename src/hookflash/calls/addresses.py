"""Addresses of ours that a carrier can reach."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from hookflash.carriers.base import Answer, Webhook

__all__ = ["Address", "Responder"]

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

"""The composition root of a serving process: carriers, webhooks, media sockets, calls."""

from hookflash.server.app import App
from hookflash.server.settings import Settings

__all__ = ["App", "Settings"]

"""Keys that the caller presses, one by one, for the program."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from hookflash.agent.emitter import Emitter
from hookflash.runtime.tasks import TaskOwner

__all__ = ["DTMFHandler", "KeyCalls", "OnKey"]

_log = logging.getLogger("hookflash.agent")

OnKey: TypeAlias = Callable[[str], Awaitable[None] | None]
"""A function or coroutine function of a key: one of `0-9 * # A-D`."""

_MOST = 256
"""Keys that wait for a callback which does not return; what comes then is dropped."""


class DTMFHandler:
    """What to do when the caller presses a key, for `AgentSession(dtmf_handler=...)`.

    The callback gets every key, also in sensitive mode, in the order in which they were pressed,
    and the next one only when it has returned. One that raises causes an `error` event, and the
    next key comes all the same. Numbers are collected beside it, as without it. One handler may
    serve many sessions.
    """

    def __init__(self, callback: OnKey | None = None) -> None:
        """Take the callback; None does nothing until `set_callback`."""
        self.callback = callback

    def set_callback(self, callback: OnKey | None) -> None:
        """Call another function from the next key on; None: none."""
        self.callback = callback


class KeyCalls:
    """Calls one handler for the keys of one session."""

    def __init__(self, handler: DTMFHandler, owner: TaskOwner, emitter: Emitter) -> None:
        """Begin, in a task of `owner`."""
        self._handler = handler
        self._emitter = emitter
        self._keys: asyncio.Queue[str] = asyncio.Queue(_MOST)
        owner.start(self._run(), name="keys")

    def take(self, digit: str) -> None:
        """The caller pressed a key."""
        if self._keys.full():
            self._emitter.tell_error("handler", "keys_dropped", "the key callback does not return")
            return
        self._keys.put_nowait(digit)

    async def _run(self) -> None:
        while True:
            digit = await self._keys.get()
            callback = self._handler.callback
            if callback is None:
                continue
            try:
                pending = callback(digit)
                if pending is not None:
                    await pending
            except Exception as exc:  # noqa: BLE001  # the program's function: supervised here
                # Its message and its frames may hold the key.
                _log.error("the key callback raised %s", type(exc).__name__)
                self._emitter.tell_error("handler", "handler_failed", type(exc).__name__)

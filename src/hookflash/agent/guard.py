"""Runs what the program gave a session to run: hooks, callbacks. Its failure is an event."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from hookflash.agent.emitter import Emitter
from hookflash.agent.tools import StopResponse

__all__ = ["Guard"]

_log = logging.getLogger("hookflash.agent")

# What a coroutine gets to clean up when it is cancelled, before we go on without it.
_GRACE = 1.0


class Guard:
    """Stands between a program's coroutines and the session."""

    def __init__(self, emitter: Emitter) -> None:
        """`emitter` is told of failures."""
        self._emitter = emitter

    async def run(
        self,
        work: Awaitable[None],
        *,
        within: float | None = None,
        enough: Awaitable[None] | None = None,
    ) -> bool:
        """Await the program's coroutine, at most so many seconds, or until it had `enough` time.

        Returns:
            False if it raised `StopResponse`, or was cancelled by itself.
        """
        running = asyncio.ensure_future(work)
        limit = asyncio.Future[None]() if enough is None else asyncio.ensure_future(enough)
        waits = {running, limit}
        late = False
        try:
            await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            late = not running.done()
        finally:
            for waited in waits:
                waited.cancel()
            await asyncio.wait(waits, timeout=_GRACE)
        if late:
            self.failed("hook", TimeoutError())
            return True
        if running.cancelled():
            return False
        error = running.exception()
        if error is None or isinstance(error, StopResponse):
            return error is None
        self.failed("hook", error)
        return True

    async def call(self, what: str, call_back: Callable[[], Awaitable[None] | None]) -> None:
        """Call the program's function, plain or `async`; `what` names it in the event."""
        try:
            pending = call_back()
        except Exception as exc:  # noqa: BLE001  # the program's: an event, no more
            self.failed(what, exc)
            return
        if pending is not None:
            await self.run(pending)

    def failed(self, what: str, error: BaseException) -> None:
        """Something of the program's raised; `what` names it in the event's message."""
        _log.error("%s raised", what, exc_info=error)
        self._emitter.tell_error("hook", "hook_failed", f"{what}: {type(error).__name__}")

"""Tells listeners what happens. Handlers are functions or coroutine functions; one that raises
hurts nobody: the error becomes an event of its own.
"""  # noqa: D205

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from hookflash.errors import UsageError
from hookflash.events import Record
from hookflash.runtime.tasks import TaskOwner

__all__ = ["Emitter", "Handler"]

_log = logging.getLogger("hookflash.agent")

RecordT = TypeVar("RecordT", bound=Record)
Handler = Callable[[RecordT], Awaitable[None] | None]
HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[None] | None])


class Emitter:
    """Subscriptions by event class or by dotted name; `*` takes all.

    Functions are called at once, in the order in which they subscribed. Coroutine functions run
    one after the other in a task of their own, in the order of the events.
    """

    def __init__(self, on_error: Callable[[str], None]) -> None:
        """`on_error(kind of exception)` hears of handlers that raised."""
        self._handlers: list[tuple[str, Callable[[Any], Awaitable[None] | None]]] = []
        self._on_error = on_error
        self._pending: asyncio.Queue[Awaitable[None]] = asyncio.Queue()
        self._owner: TaskOwner | None = None

    @overload
    def on(self, event: type[RecordT], handler: Handler[RecordT]) -> Handler[RecordT]: ...
    @overload
    def on(self, event: str, handler: Handler[Any]) -> Handler[Any]: ...
    @overload
    def on(self, event: type[Record] | str) -> Callable[[HandlerT], HandlerT]: ...

    def on(self, event: type[Record] | str, handler: Handler[Any] | None = None) -> Any:
        """Subscribe; as a decorator if no handler is given.

        Raises:
            UsageError: the event class has no name.
        """
        name = event if isinstance(event, str) else event.name
        if not name:
            msg = f"{event!r} is no event"
            raise UsageError(msg)

        def subscribe(subscriber: HandlerT) -> HandlerT:
            self._handlers.append((name, subscriber))
            return subscriber

        return subscribe if handler is None else subscribe(handler)

    def off(self, handler: Callable[..., Awaitable[None] | None]) -> None:
        """End all subscriptions of a handler. Idempotent."""
        self._handlers = [(name, other) for name, other in self._handlers if other is not handler]

    def start(self, owner: TaskOwner) -> None:
        """Begin to run coroutine handlers in a task of `owner`."""
        self._owner = owner
        owner.start(self._run(), name="handlers")

    def emit(self, event: Record) -> None:
        """Tell everyone."""
        for name, handler in tuple(self._handlers):
            if name not in (event.name, "*"):
                continue
            try:
                pending = handler(event)
            except Exception as exc:  # noqa: BLE001  # a user's handler: supervised here
                self._failed(exc)
                continue
            if pending is not None:
                self._pending.put_nowait(pending)

    async def drain(self) -> None:
        """Wait until the coroutine handlers have seen everything emitted so far."""
        if self._owner is not None and not self._owner.closed:
            await self._pending.join()

    async def _run(self) -> None:
        try:
            while True:
                pending = await self._pending.get()
                try:
                    await pending
                except Exception as exc:  # noqa: BLE001  # as above
                    self._failed(exc)
                finally:
                    self._pending.task_done()
        finally:
            while not self._pending.empty():
                rest = self._pending.get_nowait()
                if asyncio.iscoroutine(rest):
                    rest.close()

    def _failed(self, exc: Exception) -> None:
        _log.error("an event handler raised", exc_info=exc)
        self._on_error(type(exc).__name__)

"""Tells listeners what happens in a session.

Handlers are functions or coroutine functions. One that raises hurts nobody: the error becomes an
event of its own.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import msgspec

from hookflash.errors import UsageError
from hookflash.events import Record
from hookflash.events.session import ErrorOccurred, SessionRecord
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner

__all__ = ["Emitter", "Handler"]

_log = logging.getLogger("hookflash.agent")

_DRAIN_WITHIN = 5.0

RecordT = TypeVar("RecordT", bound=Record)
Handler = Callable[[RecordT], Awaitable[None] | None]
HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[None] | None])


class Emitter:
    """Subscriptions by event class or by dotted name; `*` takes all.

    Functions are called at once, in the order in which they subscribed. Coroutine functions run
    one after the other in a task of their own, in the order of the events.

    Attributes:
        turn: the caller's turn that events belong to; empty outside of turns.
    """

    def __init__(self) -> None:
        """Begin to count; events carry seconds since now."""
        self.turn = ""
        self._began = clock.now()
        self._sequence = 0
        self._due: deque[SessionRecord] = deque()
        self._telling = False
        self._handlers: list[tuple[str, Callable[[Any], Awaitable[None] | None]]] = []
        self._pending: asyncio.Queue[tuple[SessionRecord, Awaitable[None]]] = asyncio.Queue()
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
        self._handlers = [(name, other) for name, other in self._handlers if other != handler]

    def start(self, owner: TaskOwner) -> None:
        """Begin to run coroutine handlers in a task of `owner`."""
        self._owner = owner
        owner.start(self._run(), name="handlers")

    def now(self) -> float:
        """Return the seconds since the session was made."""
        return clock.now() - self._began

    def since_began(self, moment: float) -> float:
        """Return a moment of the loop's clock in seconds since the session was made."""
        return moment - self._began

    def tell(self, kind: type[SessionRecord], **fields: Any) -> None:
        """Make the next event of this class, of the present turn unless told, and tell everyone."""
        fields.setdefault("turn", self.turn)
        self._sequence += 1
        self._tell(kind(sequence=self._sequence, at=self.now(), **fields))

    def retell(self, record: SessionRecord) -> None:
        """Tell everyone an event made elsewhere; it is given its number and time here."""
        self._sequence += 1
        self._tell(msgspec.structs.replace(record, sequence=self._sequence, at=self.now()))

    def _tell(self, event: SessionRecord) -> None:
        """Tell everyone. What a handler causes is told when all have been told of its cause."""
        self._due.append(event)
        if self._telling:
            return
        self._telling = True
        try:
            while self._due:
                self._deliver(self._due.popleft())
        finally:
            self._telling = False

    def _deliver(self, event: SessionRecord) -> None:
        for name, handler in tuple(self._handlers):
            if name not in (event.name, "*"):
                continue
            try:
                pending = handler(event)
            except Exception as exc:  # noqa: BLE001  # a user's handler: supervised here
                self._failed(exc, event)
                continue
            if pending is not None:
                self._pending.put_nowait((event, pending))

    def tell_error(
        self, source: str, reason: str, message: str, *, recoverable: bool = True
    ) -> None:
        """Tell of a failure, and log it. `message` holds no words of the caller."""
        _log.warning("%s: %s (%s)", source, reason, message)
        self.tell(
            ErrorOccurred, source=source, reason=reason, message=message, recoverable=recoverable
        )

    async def drain(self) -> None:
        """Wait until the coroutine handlers have seen everything told so far; not for ever."""
        if self._owner is None or self._owner.closed:
            return
        try:
            async with asyncio.timeout(_DRAIN_WITHIN):
                await self._pending.join()
        except TimeoutError:
            _log.warning("event handlers did not end within %.0f s", _DRAIN_WITHIN)

    async def _run(self) -> None:
        try:
            while True:
                event, pending = await self._pending.get()
                try:
                    await pending
                except Exception as exc:  # noqa: BLE001  # as above
                    self._failed(exc, event)
                finally:
                    self._pending.task_done()
        finally:
            while not self._pending.empty():
                _, rest = self._pending.get_nowait()
                if asyncio.iscoroutine(rest):
                    rest.close()

    def _failed(self, exc: Exception, event: SessionRecord) -> None:
        _log.error("an event handler raised", exc_info=exc)
        if not isinstance(event, ErrorOccurred):  # or a handler of errors would go round for ever
            self.tell_error("handler", "handler_failed", type(exc).__name__)

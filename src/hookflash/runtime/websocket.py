"""A server's WebSocket as two calls: messages come by callback, sending never blocks.

`converse` joins an accepted ASGI WebSocket to a listener. On our own server (`runtime.serve`) the
messages come straight from the socket's callback, without queue or task; on any other ASGI server
they go through its `receive` and `send`, with the same result and more work.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

__all__ = ["DIRECT", "MAX_MESSAGE_BYTES", "Attach", "Socket", "SocketListener", "converse"]

DIRECT = "hookflash.direct"
"""Name of the ASGI scope extension that offers an `Attach`."""

MAX_MESSAGE_BYTES = 65_536
"""The largest message or request that we read. A carrier's media message is about 400 bytes;
Plivo allows 64 KB, the most of any."""

# A peer that takes no more data: 256 KB are about 13 s of media messages.
MAX_UNSENT_BYTES = 262_144


class Socket(Protocol):
    """Our end of a WebSocket."""

    def send(self, text: str) -> None:
        """Send one text message. Dropped silently once the socket is closing.

        A peer that does not take its data is closed (1013) when more than 256 KB wait.
        """
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin to close. Idempotent."""
        ...


class SocketListener(Protocol):
    """What is told about a WebSocket."""

    def message_received(self, message: bytes, is_text: bool) -> None:
        """One whole message came."""
        ...

    def socket_closed(self, code: int) -> None:
        """No message follows. Called exactly once; 1006 if the peer vanished."""
        ...


Attach = Callable[[SocketListener], Socket]


async def converse(websocket: WebSocket, join: Callable[[Socket], SocketListener]) -> None:
    """Let a listener have an accepted WebSocket until it is closed.

    Args:
        websocket: accepted.
        join: is given our end, returns the listener.
    """
    extensions = cast("dict[str, Attach]", websocket.scope.get("extensions") or {})
    attach = extensions.get(DIRECT)
    if attach is not None:
        await _converse_directly(attach, join)
        return
    socket = _AsgiSocket(websocket)
    listener = join(socket)
    writer = asyncio.create_task(socket.write(), name="websocket-writer")
    code = 1006
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                code = int(message.get("code") or 1005)
                break
            text = message.get("text")
            if text is not None:
                listener.message_received(text.encode(), True)
            else:
                listener.message_received(message.get("bytes") or b"", False)
    except WebSocketDisconnect as exc:
        code = exc.code
    finally:
        writer.cancel()
        await asyncio.wait([writer])
        listener.socket_closed(code)


async def _converse_directly(attach: Attach, join: Callable[[Socket], SocketListener]) -> None:
    closed = asyncio.get_running_loop().create_future()
    door = _Door(closed)
    socket = attach(door)
    door.listener = join(socket)
    try:
        code = await asyncio.shield(closed)
    except asyncio.CancelledError:
        socket.close(1001)
        door.listener.socket_closed(1006)
        raise
    door.listener.socket_closed(code)


class _Door:
    """Passes messages on and remembers the close for the task that waits for it."""

    def __init__(self, closed: "asyncio.Future[int]") -> None:
        self._closed = closed
        self.listener: SocketListener = self

    def message_received(self, message: bytes, is_text: bool) -> None:
        if self.listener is not self:
            self.listener.message_received(message, is_text)

    def socket_closed(self, code: int) -> None:
        if not self._closed.done():
            self._closed.set_result(code)


class _AsgiSocket:
    """Our end on a foreign ASGI server: a bounded queue and a task that empties it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._unsent: deque[str] = deque()
        self._unsent_bytes = 0
        self._close: tuple[int, str] | None = None
        self._wake = asyncio.Event()

    def send(self, text: str) -> None:
        if self._close is not None:
            return
        self._unsent.append(text)
        self._unsent_bytes += len(text)
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            self.close(1013, "too slow")
        self._wake.set()

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self._close is None:
            self._close = (code, reason)
            self._wake.set()

    async def write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._unsent:
                text = self._unsent.popleft()
                self._unsent_bytes -= len(text)
                await self._websocket.send_text(text)
            if self._close is not None:
                if self._websocket.application_state is WebSocketState.CONNECTED:
                    await self._websocket.close(*self._close)
                return

"""Uvicorn's WebSocket with the door that `converse` looks for: messages without queue or task."""

from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

from hookflash.runtime.websocket import DIRECT, MAX_UNSENT_BYTES, Socket, SocketListener

__all__ = ["DirectWebSocketProtocol"]

# RFC 6455 section 5.2: FIN and opcode 1 (text); lengths 126 and 127 announce 16 and 64 bits.
_FIN_TEXT = 0x81
_MAX_TINY = 125
_MAX_SHORT = 65_535


class DirectWebSocketProtocol(WebSocketsSansIOProtocol):
    """Speaks ASGI until the application attaches a listener; then calls it.

    The ASGI application stays in charge of the handshake, so authentication and routing are the
    same on every server. Offered in the scope as the extension `hookflash.direct`.
    """

    _listener: SocketListener | None = None

    def handle_connect(self, event: Request) -> None:
        """Offer the extension in the scope, which the superclass has just made."""
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions = cast("dict[str, object]", self.scope.get("extensions"))
            extensions[DIRECT] = self.attach

    def attach(self, listener: SocketListener) -> Socket:
        """Send all further messages to `listener`; what already waits goes first."""
        self._listener = listener
        while not self.queue.empty():
            message = self.queue.get_nowait()
            if message["type"] == "websocket.receive":
                text = message.get("text")
                data = text.encode() if text is not None else message.get("bytes") or b""
                listener.message_received(data, text is not None)
            elif message["type"] == "websocket.disconnect":
                listener.socket_closed(message.get("code") or 1006)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        return _DirectSocket(self)

    def send_receive_event_to_app(self) -> None:
        """Hand a whole message to the listener, or queue it if there is none yet."""
        if self._listener is None:
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if not self.close_sent:
            self._listener.message_received(bytes(data), self.curr_msg_data_type == "text")

    def begin_close(self, code: int, reason: str) -> None:
        """Send a close frame; the transport ends when the peer answers, or after 10 s."""
        if self.conn.state is not State.OPEN:
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def handle_close(self, event: Frame) -> None:
        """Answer the peer's close and tell the listener its code."""
        super().handle_close(event)
        if self._listener is not None:
            received = self.conn.close_rcvd
            self._listener.socket_closed(received.code if received is not None else 1005)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener; a loss without a close handshake is 1006."""
        super().connection_lost(exc)
        if self._listener is not None:
            sent = self.conn.close_sent
            self._listener.socket_closed(sent.code if sent is not None else 1006)


class _DirectSocket:
    """Our end, writing frames straight to the transport."""

    __slots__ = ("_protocol", "_transport")

    def __init__(self, protocol: DirectWebSocketProtocol) -> None:
        self._protocol = protocol
        self._transport = protocol.transport

    def send(self, text: str) -> None:
        # RFC 6455 section 5.2; a server does not mask.
        transport = self._transport
        if self._protocol.close_sent or transport.is_closing():
            return
        payload = text.encode()
        size = len(payload)
        if size <= _MAX_TINY:
            head = bytes((_FIN_TEXT, size))
        elif size <= _MAX_SHORT:
            head = bytes((_FIN_TEXT, 126, size >> 8, size & 0xFF))
        else:
            head = bytes((_FIN_TEXT, 127)) + size.to_bytes(8, "big")
        transport.write(head + payload)
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            # It would not read a close frame either.
            transport.abort()

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._protocol.begin_close(code, reason)

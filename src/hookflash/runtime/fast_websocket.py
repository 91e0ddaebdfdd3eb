"""Uvicorn's WebSocket with the door that `converse` looks for: messages without queue or task."""

from typing import cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from hookflash.runtime.websocket import DIRECT, MAX_UNSENT_BYTES, Socket, SocketListener

try:
    from websockets.speedups import apply_mask
except ImportError:  # no wheel for this platform
    from websockets.utils import apply_mask

__all__ = ["DirectWebSocketProtocol"]

# RFC 6455 section 5.2: FIN and opcode 1 (text); lengths 126 and 127 announce 16 and 64 bits.
_FIN = 0x80
_FIN_TEXT = _FIN | Opcode.TEXT
_MASKED = 0x80
_MAX_TINY = 125
_MAX_SHORT = 65_535
_TINY_HEAD = 6
_SHORT_HEAD = 8
# The first bytes of frames that are whole messages.
_WHOLE = frozenset(_FIN | opcode for opcode in (Opcode.TEXT, Opcode.BINARY, *CTRL_OPCODES))


class DirectWebSocketProtocol(WebSocketsSansIOProtocol):
    """Speaks ASGI until the application attaches a listener; then calls it.

    The ASGI application stays in charge of the handshake, so authentication and routing are the
    same on every server. Offered in the scope as the extension `hookflash.direct`.
    """

    _listener: SocketListener | None = None
    _cuts: bool | None = None
    """Whether we cut frames ourselves; None before the handshake, False once it got too hard."""
    _rest: bytes = b""

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames; give whole text messages to the listener right away.

        All other frames go to the general parser, one by one. It takes over for good at the first
        frame that is not a whole message from a client (fragments, 64-bit lengths, no mask).
        """
        if not self._cuts:
            super().data_received(data)
            if self._cuts is None and self.handshake_initiated:
                # With nothing behind the request the parser stands between two frames.
                self._cuts = data.endswith(b"\r\n\r\n")
            return
        if self._rest:
            data = self._rest + data
        at, have = 0, len(data)
        while have - at >= _TINY_HEAD:
            size = data[at + 1] - _MASKED
            body = at + _TINY_HEAD
            if size == _MAX_TINY + 1 and have - at >= _SHORT_HEAD:
                size = data[at + 2] << 8 | data[at + 3]
                body = at + _SHORT_HEAD
            elif not 0 <= size <= _MAX_TINY + 1 or data[at] not in _WHOLE:
                self._cuts = False
                self._rest = b""
                super().data_received(data[at:])
                return
            end = body + size
            if end > have:
                break
            if data[at] == _FIN_TEXT and self._listener is not None:
                if not self.close_sent and not self.transport.is_closing():
                    text = apply_mask(data[body:end], data[body - 4 : body])
                    self._listener.message_received(text, True)
            else:
                super().data_received(data[at:end])
            at = end
        self._rest = data[at:]

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

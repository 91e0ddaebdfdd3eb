"""The carrier's end of a media WebSocket, without queues or tasks.

Messages are handed over from the socket's own callback and sent straight to the transport, so
that one ticker can serve hundreds of streams. The protocol is the `websockets` library's.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final, Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

__all__ = ["MediaSocket", "Refusal", "SocketListener"]

MAX_MESSAGE_BYTES: Final = 2_097_152
"""The largest message that is read from the application; the stream ends at a larger one."""

# An application that reads nothing for about 50 s.
_MAX_UNSENT_BYTES = 1_048_576
_CLOSE_TIMEOUT = 5.0


class SocketListener(Protocol):
    """Hears what comes from the application."""

    def message_received(self, text: bytes) -> None:
        """A text message."""
        ...

    def binary_received(self) -> None:
        """A binary message, which the protocol does not have."""
        ...

    def socket_closed(self, code: int) -> None:
        """The connection is over; said once.

        The code is the application's; ours if it broke the protocol (1002, 1007, 1009); 1006 if
        there was no closing handshake.
        """
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a WebSocket could not be opened.

    Attributes:
        code: the vendor's.
        message: our words.
    """

    code: str
    message: str


class MediaSocket(asyncio.Protocol):
    """One WebSocket, from the upgrade on."""

    def __init__(self, protocol: ClientProtocol, signature: str, listener: SocketListener) -> None:
        """Made by `open`."""
        self._protocol = protocol
        self._signature = signature
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self._upgraded: asyncio.Future[Refusal | None] = loop.create_future()
        self._is_upgraded = False
        self._closing: asyncio.TimerHandle | None = None
        self._fragments: list[bytes] = []
        self._fragments_are_text = True
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done when the connection is gone."""

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        signature: str,
        listener: SocketListener,
        timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> "MediaSocket | Refusal":
        """Connect and upgrade.

        Args:
            url: `ws://` or `wss://`.
            signature: for `X-Twilio-Signature`.
            listener: hears everything from the first message on.
            timeout: seconds for connection and upgrade together.
            tls: for `wss://`; None is the system's trust.
        """
        try:
            uri = parse_uri(url)
        except (InvalidURI, ValueError):  # ValueError: an impossible port
            return Refusal("31923", "the stream's URL is malformed")
        protocol = ClientProtocol(uri, max_size=MAX_MESSAGE_BYTES)
        socket = cls(protocol, signature, listener)
        context = (tls or ssl.create_default_context()) if uri.secure else None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                await loop.create_connection(lambda: socket, uri.host, uri.port, ssl=context)
                refusal = await socket._upgraded
        except TimeoutError:
            socket.abort()
            return Refusal("31901", f"no WebSocket in {timeout:g} s")
        except ssl.SSLError as exc:
            return Refusal("31910", f"TLS failed: {exc.reason}")
        except OSError as exc:
            return Refusal("31902", f"the connection was refused: {exc.strerror}")
        except asyncio.CancelledError:
            socket.abort()
            raise
        if refusal is not None:
            socket.abort()
            return refusal
        return socket

    @property
    def is_open(self) -> bool:
        """Whether messages can still be sent."""
        return self._protocol.state is OPEN

    def send(self, text: str) -> None:
        """Send one message; dropped once the socket is closing.

        An application that takes no data until 1 MB waits is cut off.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or self._protocol.state is not OPEN:
            return
        self._protocol.send_text(text.encode())
        for data in self._protocol.data_to_send():
            transport.write(data)
        if transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            transport.abort()

    def close(self, code: int = 1000) -> None:
        """Begin to close; the connection is gone after 5 s at the latest. Idempotent."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(code)
            self._flush()
            self._arm_close()

    def abort(self) -> None:
        """Drop the connection. Idempotent."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        request = self._protocol.connect()
        request.headers["X-Twilio-Signature"] = self._signature
        request.headers["User-Agent"] = "Twilio.TmeWs/1.0"
        self._protocol.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Pass messages on."""
        protocol = self._protocol
        protocol.receive_data(data)
        self._flush()
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._frame_received(event)
        if not self._upgraded.done():
            if protocol.handshake_exc is not None:
                self._upgraded.set_result(_refusal(protocol.handshake_exc))
            elif protocol.state is OPEN:
                self._is_upgraded = True
                self._upgraded.set_result(None)
        if protocol.close_expected():
            self._arm_close()

    def eof_received(self) -> None:
        """The application half-closed."""
        self._protocol.receive_eof()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener."""
        if self._closing is not None:
            self._closing.cancel()
        self._protocol.receive_eof()
        if not self._upgraded.done():
            self._upgraded.set_result(
                Refusal("31920", "the connection ended before the upgrade was answered")
            )
        elif self._is_upgraded:
            self._listener.socket_closed(self._close_code())
        if not self.lost.done():
            self.lost.set_result(None)

    def _close_code(self) -> int:
        """Return why it ended: the application's word, or ours if we found a fault of its."""
        received, sent = self._protocol.close_rcvd, self._protocol.close_sent
        if received is not None:
            return received.code
        return sent.code if sent is not None and sent.code != 1000 else 1006

    def _frame_received(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._fragments_are_text = frame.opcode is Opcode.TEXT
                if frame.fin:
                    self._message_received(bytes(frame.data))
                else:
                    self._fragments = [bytes(frame.data)]
            case Opcode.CONT:
                self._fragments.append(bytes(frame.data))
                if frame.fin:
                    message = b"".join(self._fragments)
                    self._fragments = []
                    self._message_received(message)
            case _:
                # Pings are answered and closes mirrored by the protocol.
                return

    def _message_received(self, message: bytes) -> None:
        if self._fragments_are_text:
            self._listener.message_received(message)
        else:
            self._listener.binary_received()

    def _flush(self) -> None:
        transport = self._transport
        assert transport is not None
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()

    def _arm_close(self) -> None:
        if self._closing is None and self._transport is not None:
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(_CLOSE_TIMEOUT, self._transport.abort)


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return Refusal("31920", f"the upgrade was answered with {status}, not 101")
    return Refusal("31920", "the upgrade was not answered as RFC 6455 wants it")

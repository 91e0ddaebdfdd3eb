"""A leg over a carrier's media WebSocket: the carrier dials us and streams the call's audio.

The socket's first messages say which stream it is; `claim` then decides whether it may have the
call. Until it said yes, nothing is heard from it and nothing is told to it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from hookflash.audio.frames import Framer
from hookflash.audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from hookflash.errors import ProtocolError
from hookflash.events.media import (
    AudioReceived,
    DigitPressed,
    MarkReturned,
    MediaEvent,
    StreamConnected,
    StreamRefused,
    StreamStarted,
    StreamStopped,
)
from hookflash.legs.base import Leg, LegCapabilities
from hookflash.runtime.tape import Tape
from hookflash.runtime.websocket import Socket
from hookflash.wire import twilio_media

__all__ = ["TWILIO", "MediaDialect", "MediaStreamDoor", "MediaStreamLeg", "MediaWriter"]

_log = logging.getLogger("hookflash.legs.media_stream")

_START_WITHIN = 10.0
"""Seconds that a socket has to say what it is."""
_MOST_REFUSED = 1_000
"""Messages that we ignore before we take the peer for broken and close (RFC 6455 code 1008)."""
_POLICY = 1008


class MediaWriter(Protocol):
    """Spells what we send on one stream."""

    def media(self, payload: bytes) -> str:
        """Append audio in the stream's encoding."""
        ...

    def mark(self, name: str) -> str:
        """Ask for a mark."""
        ...

    def clear(self) -> str:
        """Drop unplayed audio."""
        ...


class MediaDialect(msgspec.Struct, frozen=True, kw_only=True):
    """How a carrier spells media streams.

    Attributes:
        name: the carrier's.
        parse: reads a message; never raises.
        writer: makes the writer for a stream.
        capabilities: what the carrier's streams can do.
    """

    name: str
    parse: Callable[[bytes], MediaEvent]
    writer: Callable[[str], MediaWriter]
    capabilities: LegCapabilities


TWILIO = MediaDialect(
    name="twilio",
    parse=twilio_media.parse,
    writer=twilio_media.AppWriter,
    capabilities=LegCapabilities(marks=True, clear=True),
)

_Codec = Callable[[bytes], bytes]
_CODECS: Mapping[str, tuple[_Codec, _Codec]] = {
    "mulaw": (ulaw_decode, ulaw_encode),
    "alaw": (alaw_decode, alaw_encode),
    "l16": (bytes, bytes),
}


class MediaStreamLeg(Leg):
    """A leg whose audio a carrier streams to us."""

    def __init__(
        self,
        socket: Socket,
        dialect: MediaDialect,
        started: StreamStarted,
        *,
        tape: Tape | None = None,
    ) -> None:
        """Take over a socket whose stream has been described.

        Raises:
            ProtocolError: the stream's encoding is none that we speak.
        """
        codec = _CODECS.get(started.encoding)
        if codec is None:
            msg = f"media encoding {started.encoding!r} is not supported"
            raise ProtocolError(msg)
        self.stream_id = started.stream_id
        self.refused: Counter[str] = Counter()
        self._dialect = dialect
        self._encoding = started.encoding
        self._socket = socket
        self._decode, self._encode = codec
        self._writer = dialect.writer(started.stream_id)
        self._framer = Framer(started.sample_rate)
        self._aligned = True
        super().__init__(
            sample_rate=started.sample_rate, capabilities=dialect.capabilities, tape=tape
        )

    def relink(self, socket: Socket, started: StreamStarted) -> bool:
        """Go on with another socket in place of the one that ended; return whether that is done.

        It is not if the leg is over, if it does not wait for another link (`outlives_link`), or if
        the stream is not like the first one.
        """
        alike = (started.encoding, started.sample_rate) == (self._encoding, self.sample_rate)
        if self.closed or not self.outlives_link or not alike:
            return False
        self._link_over("replaced")  # the carrier may describe the new one first
        self.stream_id = started.stream_id
        self._socket = socket
        self._writer = self._dialect.writer(started.stream_id)
        self._framer = Framer(started.sample_rate)
        self._link_up()
        return True

    # From the socket.

    def is_on(self, socket: Socket) -> bool:
        """Whether this socket is its link, and not one before it."""
        return self._socket is socket

    def event_received(self, event: MediaEvent) -> None:
        """Take what the carrier said."""
        match event:
            case AudioReceived():
                if event.track != "inbound":
                    return
                pcm = self._decode(event.payload)
                # The usual case: every message is one frame, and nothing needs to be re-cut.
                self._aligned = self._aligned and len(pcm) == self._frame_bytes
                if self._aligned:
                    self._heard_audio(pcm)
                    return
                for frame in self._framer.push(pcm):
                    self._heard_audio(frame)
            case MarkReturned():
                self._mark_returned(event.mark)
            case DigitPressed():
                self._heard_digit(event.digit)
            case StreamStopped():
                self._link_over("peer_stopped")
                self._socket.close()
            case StreamRefused():
                self._refuse(event.why)
            case StreamStarted():
                self._refuse("second_start")
            case StreamConnected():
                pass

    def link_closed(self, code: int) -> None:
        """The socket is gone."""
        self._link_over("peer_closed" if code == 1000 else "link_lost")

    def _refuse(self, why: str) -> None:
        self.refused[why] += 1
        if self.refused[why] == 1:
            _log.warning("media stream: ignored a message (%s)", why)
        if self.refused.total() > _MOST_REFUSED:
            self._over("protocol")
            self._socket.close(_POLICY, "too many malformed messages")

    # To the socket.

    def _send_frame(self, pcm: bytes) -> None:
        self._socket.send(self._writer.media(self._encode(pcm)))

    def _send_mark(self, mark: str) -> None:
        self._socket.send(self._writer.mark(mark))

    def _send_clear(self) -> None:
        self._socket.send(self._writer.clear())

    def _shut(self, reason: str) -> None:
        self._socket.close(1000, reason)


class MediaStreamDoor:
    """What a carrier's fresh socket talks to, as a `runtime.websocket.SocketListener`.

    It waits for the stream's description, asks `claim` whose call it is, and from then on passes
    everything to the leg.
    """

    def __init__(
        self,
        socket: Socket,
        dialect: MediaDialect,
        claim: Callable[[StreamStarted, Socket], MediaStreamLeg | None],
    ) -> None:
        """Begin to wait.

        Args:
            socket: our end.
            dialect: how the carrier spells.
            claim: given the description, returns the leg, or None to turn the socket away.
        """
        self._socket = socket
        self._dialect = dialect
        self._claim = claim
        self._leg: MediaStreamLeg | None = None
        self._turned_away = False
        self._timer = asyncio.get_running_loop().call_later(_START_WITHIN, self._too_late)

    def message_received(self, message: bytes, is_text: bool) -> None:
        """Take one message."""
        event = self._dialect.parse(message) if is_text else StreamRefused(why="binary")
        if self._leg is not None:
            if self._leg.is_on(self._socket):
                self._leg.event_received(event)
        elif self._turned_away:
            return
        elif isinstance(event, StreamStarted):
            self._timer.cancel()
            self._leg = self._claim(event, self._socket)
            if self._leg is None:
                self._turn_away("no call waits for this stream")
        elif not isinstance(event, StreamConnected):
            self._turn_away("the stream was not described first")

    def socket_closed(self, code: int) -> None:
        """The socket is gone."""
        self._timer.cancel()
        if self._leg is not None and self._leg.is_on(self._socket):
            self._leg.link_closed(code)

    def _too_late(self) -> None:
        self._turn_away("the stream was not described in time")

    def _turn_away(self, why: str) -> None:
        self._timer.cancel()
        self._turned_away = True
        _log.warning("media stream turned away: %s", why)
        self._socket.close(_POLICY, why)

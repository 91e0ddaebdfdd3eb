"""Media Streams, the carrier's side: one WebSocket that carries a call's sound.

A bidirectional stream (`<Connect><Stream>`) also plays what the application sends, by the rules
of `PlayoutBuffer`; a fork (`<Start><Stream>`) only copies.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import asyncio
from typing import Final, Literal, assert_never
from urllib.parse import urlsplit

from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.emulator.account import Account
from hookflash.emulator.buffer import PlayoutBuffer
from hookflash.emulator.call import EmulatedCall
from hookflash.emulator.line import SILENCE
from hookflash.emulator.log import SocketMessage
from hookflash.emulator.media_socket import MediaSocket, Refusal
from hookflash.events.media import ClearAudio, PlayAudio, SendMark, StreamRefused
from hookflash.runtime.clock import now, wall
from hookflash.wire.signatures import twilio_signature
from hookflash.wire.twilio_media import CarrierWriter, parse_from_app, refusal_code
from hookflash.wire.twiml import Stream, Track

__all__ = ["MediaStream"]

_CONNECT_SECONDS: Final = 10.0
_FRAME_CODES: Final = 160
_SILENT_CODES: Final = b"\xff" * _FRAME_CODES
# The longest call, and fewer marks than it has frames: what is beyond can never be played.
_MAX_QUEUED_CODES: Final = 4 * 3600 * 8000
_MAX_PENDING_MARKS: Final = 100_000
_MAX_URL_CHARACTERS: Final = 2048
_LOOPBACK: Final = ("localhost", "::1")
_RIFF: Final = b"RIFF"

_Side = Literal["inbound", "outbound"]
_Direction = Literal["to_app", "from_app"]
_TRACKS: Final[dict[Track, tuple[_Side, ...]]] = {
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}


class MediaStream:
    """One stream of a call: a tap that sends, and a source that plays what comes back."""

    def __init__(
        self, account: Account, call: EmulatedCall, stream: Stream, *, bidirectional: bool
    ) -> None:
        """Describe it; `open` connects.

        Args:
            account: whose.
            call: whose sound.
            stream: as the TwiML has it, its callback's URL absolute.
            bidirectional: whether the application's audio is played.
        """
        self.sid = account.sids.new("MZ")
        self.name = stream.name
        self.is_live = False
        self.bidirectional = bidirectional
        self._account = account
        self._call = call
        self._stream = stream
        self._writer = CarrierWriter(stream_id=self.sid, call_id=call.sid, account_id=account.sid)
        self._tracks = _TRACKS[stream.track]
        self._buffer = PlayoutBuffer()
        self._socket: MediaSocket | None = None
        self._began = 0.0
        self._breaking: asyncio.TimerHandle | None = None
        self._runs: dict[str, SocketMessage] = {}
        self._binary_seen = False
        self._linted: set[str] = set()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the application has closed, or `stop` was called."""

    # Life.

    async def open(self) -> bool:
        """Connect, greet and describe; sound flows from the call's next tick.

        Returns:
            Whether that worked. If not, a notice and a `stream-error` callback say why.
        """
        call = self._call
        call.streams.append(self)
        url, refusal = self._checked_url()
        socket: MediaSocket | Refusal
        if refusal is None:
            socket = await MediaSocket.open(
                url,
                signature=twilio_signature(self._account.auth_token, url),
                listener=self,
                timeout=_CONNECT_SECONDS,
                tls=self._account.settings.tls,
            )
        else:
            socket = refusal
        if isinstance(socket, Refusal):
            self._account.notice(
                socket.code, socket.message, call_sid=call.sid, url=self._stream.url
            )
            self._tell("stream-error", socket.message)
            self._finish()
            return False
        self._account.sockets.add(socket)
        socket.lost.add_done_callback(lambda _: self._account.sockets.discard(socket))
        if self.ended.done() or call.is_over:
            socket.close()
            self._finish()
            return False
        self._socket = socket
        self.is_live = True
        self._began = now()
        self._send("connected", self._writer.connected())
        parameters = {one.name: one.value for one in self._stream.parameters}
        self._send("start", self._writer.start(parameters, tracks=self._tracks))
        breaks = self._account.faults.stream_breaks()
        if breaks is not None:
            self._breaking = asyncio.get_running_loop().call_later(breaks, self.drop)
        call.add_tap(self)
        self._tell("stream-started")
        return True

    def stop(self) -> None:
        """Say that no audio follows, and close. Idempotent."""
        if self.is_live and self._socket is not None:
            self._send("stop", self._writer.stop())
            self._socket.close()
            self._note("to_app", "close", "1000")
            self._tell("stream-stopped")
        self._finish()

    def drop(self) -> None:
        """Cut the connection without a word; the call goes on as if it had broken. Idempotent."""
        if self._socket is not None:
            self._socket.abort()

    def _finish(self) -> None:
        self.is_live = False
        if self._breaking is not None:
            self._breaking.cancel()
        self._call.remove_tap(self)
        if not self.ended.done():
            self.ended.set_result(None)

    def _checked_url(self) -> tuple[str, Refusal | None]:
        """Return the address as it is dialled, or what is wrong with it."""
        written = self._stream.url
        url = written.partition("?")[0].partition("#")[0]
        if url != written:
            self._account.lint(
                "stream_query",
                "the query of a stream's URL is not delivered; pass a Parameter instead",
                call_sid=self._call.sid,
            )
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            return url, Refusal("31923", "the stream's URL is malformed")
        if parts.scheme not in {"ws", "wss"}:
            return url, Refusal("31922", "the stream's URL must begin with wss://")
        if not host or len(url) > _MAX_URL_CHARACTERS:
            return url, Refusal("31923", "the stream's URL is malformed")
        near = host in _LOOPBACK or host.startswith("127.")
        if parts.scheme == "ws" and not (near and self._account.settings.ws_on_loopback):
            return url, Refusal("31922", "the stream's URL must begin with wss://")
        if self.bidirectional and self._tracks != ("inbound",):
            return url, Refusal("31941", "a stream in <Connect> has the inbound track only")
        return url, None

    # To the application: called by the call.

    def frame(self, spoken: bytes, heard: bytes, deadline: float) -> None:
        """Send the call's 20 ms."""
        socket = self._socket
        if socket is None:
            return
        timestamp = max(0, round((deadline - self._began) * 1000))
        for track in self._tracks:
            pcm = spoken if track == "inbound" else heard
            codes = _SILENT_CODES if pcm is SILENCE else ulaw_encode(pcm)
            socket.send(self._writer.media(codes, timestamp, track))
            self._note_audio("to_app", deadline)

    def key(self, digit: str) -> None:
        """Report a key that the far end pressed. Forks do not hear of keys."""
        if self.is_live and self.bidirectional:
            self._send("dtmf", self._writer.dtmf(digit), digit)

    def next_frame(self) -> bytes:
        """Play: return what the far end hears next."""
        buffer = self._buffer
        if buffer.pending:
            self._return_marks(buffer.passed())
        else:
            buffer.passed()
        codes = buffer.take(_FRAME_CODES)
        if codes is None or codes == _SILENT_CODES:
            return SILENCE
        return ulaw_decode(codes)

    def _return_marks(self, names: list[str]) -> None:
        for name in names:
            self._send("mark", self._writer.mark(name), name)

    def _send(self, event: str, text: str, about: str = "") -> None:
        if self._socket is not None:
            self._socket.send(text)
            self._note("to_app", event, about)

    # From the application: called by the socket.

    def message_received(self, text: bytes) -> None:
        """Obey, or warn and ignore."""
        if not self.is_live:
            return
        command = parse_from_app(text, self.sid)
        if isinstance(command, StreamRefused):
            self._refuse(command)
            return
        if not self.bidirectional:
            self._refuse(StreamRefused(why="unidirectional"))
            return
        match command:
            case PlayAudio(payload=payload):
                if self._buffer.queued + len(payload) > _MAX_QUEUED_CODES:
                    self._refuse(StreamRefused(why="size"))
                    return
                self._note_audio("from_app", now())
                if payload[:4] == _RIFF:
                    self._lint("wav_header", "the payload begins with a WAV header")
                self._buffer.play(payload)
                limit = self._account.settings.lint_queued_seconds
                if self._buffer.queued > limit * 8000:
                    self._lint("queued_audio", f"more than {limit:g} s of audio are queued")
            case SendMark(mark=name):
                if self._buffer.pending >= _MAX_PENDING_MARKS:
                    self._refuse(StreamRefused(why="size"))
                    return
                self._note("from_app", "mark", name)
                self._return_marks(self._buffer.mark(name))
                if self._buffer.pending > self._account.settings.lint_pending_marks:
                    self._lint("pending_marks", "very many marks are pending")
            case ClearAudio():
                self._note("from_app", "clear")
                self._return_marks(self._buffer.clear())
            case _:
                assert_never(command)

    def binary_received(self) -> None:
        """Warn once, ignore."""
        self._note("from_app", "refused", "binary")
        self._lint("binary_frame", "media streams carry text messages only")
        if not self._binary_seen:
            self._binary_seen = True
            self._warn(refusal_code(StreamRefused(why="binary")), "binary")

    def socket_closed(self, code: int) -> None:
        """The application closed, or the connection broke."""
        if not self.is_live:
            return
        self._note("from_app", "close", str(code))
        if code not in {1000, 1001, 1005}:
            self._account.notice(
                "31921" if code == 1006 else "31924",
                f"the WebSocket closed with {code}",
                call_sid=self._call.sid,
                url=self._stream.url,
            )
            self._tell("stream-error", f"the WebSocket closed with {code}")
        self._tell("stream-stopped")
        self._finish()

    def _refuse(self, refused: StreamRefused) -> None:
        self._note("from_app", "refused", refused.why)
        self._warn(refusal_code(refused), refused.why)
        if refused.why == "stream":
            self._lint("stream_sid", "every message to the carrier names its streamSid")

    def _warn(self, code: str, why: str) -> None:
        self._account.notice(
            code,
            f"a message was ignored: {why}",
            call_sid=self._call.sid,
            url=self._stream.url,
            level="warning",
        )

    # Keeping account.

    def _note(self, direction: _Direction, event: str, text: str = "") -> SocketMessage:
        self._runs.pop(direction, None)
        return self._account.log.add(
            SocketMessage(
                call_sid=self._call.sid,
                stream_sid=self.sid,
                direction=direction,
                event=event,
                text=text,
                until=now(),
            )
        )

    def _note_audio(self, direction: _Direction, moment: float) -> None:
        run = self._runs.get(direction)
        if run is None:
            self._runs[direction] = self._note(direction, "media")
        else:
            run.count += 1
            run.until = moment

    def _lint(self, rule: str, message: str) -> None:
        if rule not in self._linted:
            self._linted.add(rule)
            self._account.lint(rule, message, call_sid=self._call.sid)

    def _tell(self, event: str, error: str = "") -> None:
        """Post a stream's callback; the answer is of no account."""
        url = self._stream.status_callback
        if url is None:
            return
        fields = {
            "AccountSid": self._account.sid,
            "CallSid": self._call.sid,
            "StreamSid": self.sid,
            "StreamEvent": event,
            "Timestamp": wall().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if self.name is not None:
            fields["StreamName"] = self.name
        if error:
            fields["StreamError"] = error
        self._call.post("stream", url, self._stream.status_callback_method, fields)

"""Twilio Media Streams: the JSON messages on the WebSocket, in both directions.

Each end has one function that reads and one class that writes:

| | reads | writes |
|---|---|---|
| our App | `parse` | `AppWriter` |
| the carrier (our emulator) | `parse_from_app` | `CarrierWriter` |

Reading never raises: a message that cannot be understood becomes a `StreamRefused`. Audio
messages are written by joining a fixed text around the payload, since there are fifty a second
for each call; the result is the same, byte by byte, as that of a compact `json.dumps`.

All messages are WebSocket *text* frames. Both readers also take `bytes`, for libraries that hand
over the frame's UTF-8 undecoded; refusing binary frames is up to whoever reads the socket.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import json
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypeAlias, assert_never

import msgspec

from hookflash.events.media import (
    AudioReceived,
    ClearAudio,
    DigitPressed,
    MarkReturned,
    MediaCommand,
    MediaEvent,
    PlayAudio,
    SendMark,
    StreamConnected,
    StreamRefused,
    StreamStarted,
    StreamStopped,
)

__all__ = [
    "MAX_COMMAND_TEXT",
    "MAX_EVENT_PAYLOAD",
    "MAX_EVENT_TEXT",
    "AppWriter",
    "CarrierWriter",
    "Payload",
    "parse",
    "parse_from_app",
    "refusal_code",
]

MAX_EVENT_TEXT: Final = 65_536
"""The longest message that we read from a carrier, in characters (or bytes, if given bytes)."""

MAX_EVENT_PAYLOAD: Final = 16_384
"""The most audio that we take in one message from a carrier: bytes, two seconds of G.711.
Twilio sends 160."""

MAX_COMMAND_TEXT: Final = 1_048_576
"""The longest message that the carrier's side reads: 98 seconds of G.711 in one message.
Twilio documents no limit."""

Payload: TypeAlias = bytes | bytearray | memoryview
"""Encoded audio. A memoryview must be contiguous."""

_ENCODINGS: Final = {"audio/x-mulaw": "mulaw", "audio/x-alaw": "alaw", "audio/x-l16": "l16"}
_SPELLED_ENCODINGS: Final = {ours: theirs for theirs, ours in _ENCODINGS.items()}

_Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
# The decoders below are lenient in one thing: a number may be written as text. Twilio writes its
# counters so, and not all that imitate it do.
_Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Hertz: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=192_000)]
_Key: TypeAlias = Literal[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"
]

# What a message must hold for us to understand it. Fields that we do not use are not looked at:
# a carrier may change them as it likes.


class _Event(msgspec.Struct, tag_field="event", rename="camel", gc=False):
    pass


class _Connected(_Event, tag="connected"):
    pass


class _Format(msgspec.Struct, rename="camel", gc=False):
    encoding: str
    sample_rate: _Hertz


class _StartBody(msgspec.Struct, rename="camel"):
    stream_sid: _Id
    call_sid: _Id
    account_sid: _Id
    media_format: _Format
    custom_parameters: dict[str, str] = {}


class _Start(_Event, tag="start"):
    start: _StartBody


class _MediaBody(msgspec.Struct, gc=False):
    payload: bytes
    timestamp: _Milliseconds | None = None
    track: Literal["inbound", "outbound"] = "inbound"


class _Media(_Event, tag="media"):
    media: _MediaBody


class _DtmfBody(msgspec.Struct, gc=False):
    digit: _Key


class _Dtmf(_Event, tag="dtmf"):
    dtmf: _DtmfBody


class _MarkBody(msgspec.Struct, gc=False):
    name: str


class _Mark(_Event, tag="mark"):
    mark: _MarkBody


class _Stop(_Event, tag="stop"):
    pass


class _Command(msgspec.Struct, tag_field="event", rename="camel", gc=False):
    stream_sid: str


class _PlayBody(msgspec.Struct, gc=False):
    payload: bytes


class _Play(_Command, tag="media"):
    media: _PlayBody


class _SendMark(_Command, tag="mark"):
    mark: _MarkBody


class _Clear(_Command, tag="clear"):
    pass


class _AnyEvent(msgspec.Struct):
    event: str


class _AnyPayload(msgspec.Struct):
    payload: str


class _AnyMedia(msgspec.Struct):
    media: _AnyPayload


_events: Final = msgspec.json.Decoder(
    _Connected | _Start | _Media | _Dtmf | _Mark | _Stop, strict=False
)
_commands: Final = msgspec.json.Decoder(_Play | _SendMark | _Clear)
_any_event: Final = msgspec.json.Decoder(_AnyEvent)
_any_media: Final = msgspec.json.Decoder(_AnyMedia)

_EVENT_NAMES: Final = frozenset({"connected", "start", "media", "dtmf", "mark", "stop"})
_COMMAND_NAMES: Final = frozenset({"media", "mark", "clear"})

# UnicodeError: a lone surrogate in a str. RecursionError: objects nested a thousand deep.
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)


def parse(text: str | bytes) -> MediaEvent:
    """Read one message from the carrier.

    Counters may be numbers or text, fields may come in any order, fields that we do not know
    are ignored, and so are `sequenceNumber` and `chunk`.

    Returns:
        The event; `StreamRefused` if the message cannot be understood: it is longer than
        `MAX_EVENT_TEXT` or carries more than `MAX_EVENT_PAYLOAD` (`size`), is not JSON (`json`),
        is an event that we do not know (`unknown_event`), lacks a field or has one of a wrong
        type or value (`type`), has a payload that is not base64 (`base64`), or describes audio
        that is not µ-law, A-law or linear (`encoding`).
    """
    if len(text) > MAX_EVENT_TEXT:
        return StreamRefused(why="size")
    try:
        message = _events.decode(text)
    except _UNREADABLE:
        return StreamRefused(why=_why_unreadable(text, _EVENT_NAMES))
    match message:
        case _Media(media=media):
            if len(media.payload) > MAX_EVENT_PAYLOAD:
                return StreamRefused(why="size")
            return AudioReceived(
                payload=media.payload, timestamp_ms=media.timestamp, track=media.track
            )
        case _Mark(mark=mark):
            return MarkReturned(mark=mark.name)
        case _Dtmf(dtmf=dtmf):
            return DigitPressed(digit=dtmf.digit)
        case _Connected():
            return StreamConnected()
        case _Start(start=start):
            return _started(start)
        case _Stop():
            return StreamStopped()
        case _:
            assert_never(message)


def _started(start: _StartBody) -> StreamStarted | StreamRefused:
    encoding = _ENCODINGS.get(start.media_format.encoding)
    if encoding is None:
        return StreamRefused(why="encoding")
    return StreamStarted(
        stream_id=start.stream_sid,
        call_id=start.call_sid,
        account_id=start.account_sid,
        encoding=encoding,
        sample_rate=start.media_format.sample_rate,
        parameters=start.custom_parameters,
    )


def parse_from_app(text: str | bytes, stream_id: str) -> MediaCommand | StreamRefused:
    """Read one message from the App, as the carrier does.

    Args:
        text: the message.
        stream_id: the stream on whose socket it came; each message must name it.

    Returns:
        The command; `StreamRefused` with the reasons of `parse`, or `stream` if it names another
        stream. `refusal_code` gives the warning that Twilio would log.
    """
    if len(text) > MAX_COMMAND_TEXT:
        return StreamRefused(why="size")
    try:
        message = _commands.decode(text)
    except _UNREADABLE:
        return StreamRefused(why=_why_unreadable(text, _COMMAND_NAMES))
    if message.stream_sid != stream_id:
        return StreamRefused(why="stream")
    match message:
        case _Play(media=media):
            return PlayAudio(payload=media.payload)
        case _SendMark(mark=mark):
            return SendMark(mark=mark.name)
        case _Clear():
            return ClearAudio()
        case _:
            assert_never(message)


def refusal_code(refused: StreamRefused) -> str:
    """Return the code of the warning that Twilio logs for a message that it refuses.

    31950 for one that cannot be read at all, 31951 for one that can, but makes no sense.
    """
    return "31950" if refused.why in {"binary", "json", "size"} else "31951"


def _why_unreadable(text: str | bytes, names: frozenset[str]) -> str:
    """Say in one word what is wrong with a message that did not decode.

    Decoding again, each time asking for less, costs more than reading the decoder's message,
    but does not hang on its wording. The caller has bounded the length.
    """
    try:
        event = _any_event.decode(text).event
    except msgspec.ValidationError:
        return "type"
    except _UNREADABLE:
        return "json"
    if event not in names:
        return "unknown_event"
    if event != "media":
        return "type"
    try:
        payload = _any_media.decode(text).media.payload
    except msgspec.ValidationError:
        return "type"
    return "type" if _is_base64(payload) else "base64"


def _is_base64(text: str) -> bool:
    try:
        msgspec.convert(text, bytes)
    except msgspec.ValidationError:
        return False
    return True


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _base64(payload: Payload) -> str:
    return b2a_base64(payload, newline=False).decode("ascii")


class AppWriter:
    """Writes what our App says on one bidirectional stream.

    `media`, `mark` and `clear` return one text message each; `dump` takes any command.
    """

    __slots__ = ("_clear", "_mark", "_media")

    def __init__(self, stream_id: str) -> None:
        """Prepare the texts that stay the same for the stream's life."""
        sid = _json(stream_id)
        self._media = f'{{"event":"media","streamSid":{sid},"media":{{"payload":"'
        self._mark = f'{{"event":"mark","streamSid":{sid},"mark":{{"name":'
        self._clear = f'{{"event":"clear","streamSid":{sid}}}'

    def media(self, payload: Payload) -> str:
        """Ask to append audio, in the stream's encoding and without any header, to the buffer."""
        return f'{self._media}{_base64(payload)}"}}}}'

    def mark(self, name: str) -> str:
        """Ask to be told when what was sent before this has been played."""
        return f"{self._mark}{_json(name)}}}}}"

    def clear(self) -> str:
        """Ask to drop the audio that has not been played. All pending marks come back at once."""
        return self._clear

    def dump(self, command: MediaCommand) -> str:
        """Write any command."""
        match command:
            case PlayAudio(payload=payload):
                return self.media(payload)
            case SendMark(mark=name):
                return self.mark(name)
            case ClearAudio():
                return self.clear()
            case _:
                assert_never(command)


class CarrierWriter:
    """Writes what the carrier says on one stream, and counts as it does.

    Call `connected` once, then `start` once, then the others in any order, `stop` last.
    `start` has sequence number 1; each message after it counts one more. Chunks are counted from
    1 for each track by itself; Twilio does not document how it counts them with two tracks.
    """

    __slots__ = ("_account_id", "_call_id", "_chunks", "_sequence", "_sid", "_stream_id")

    def __init__(self, *, stream_id: str, call_id: str, account_id: str) -> None:
        """Prepare to write for the stream of these names: MZ..., CA... and AC..."""
        self._stream_id = stream_id
        self._call_id = call_id
        self._account_id = account_id
        self._sid = _json(stream_id)
        self._sequence = 0
        self._chunks = {"inbound": 0, "outbound": 0}

    def connected(self) -> str:
        """Greet. This message names no stream and has no sequence number."""
        return _json({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(
        self,
        parameters: Mapping[str, str],
        *,
        tracks: Sequence[Literal["inbound", "outbound"]] = ("inbound",),
        encoding: Literal["mulaw", "alaw", "l16"] = "mulaw",
        sample_rate: int = 8000,
    ) -> str:
        """Describe the stream.

        Args:
            parameters: the `<Parameter>`s of the TwiML that asked for the stream.
            tracks: what will be sent.
            encoding: of the audio; Twilio has only µ-law.
            sample_rate: Hz; Twilio has only 8000.
        """
        return self._numbered(
            "start",
            {
                "accountSid": self._account_id,
                "streamSid": self._stream_id,
                "callSid": self._call_id,
                "tracks": list(tracks),
                "mediaFormat": {
                    "encoding": _SPELLED_ENCODINGS[encoding],
                    "sampleRate": sample_rate,
                    "channels": 1,
                },
                "customParameters": dict(parameters),
            },
        )

    def media(
        self,
        payload: Payload,
        timestamp_ms: int,
        track: Literal["inbound", "outbound"] = "inbound",
    ) -> str:
        """Send audio.

        Args:
            payload: encoded audio; Twilio sends 20 ms, 160 bytes.
            timestamp_ms: milliseconds since the stream began.
            track: `inbound` is what the party at the other end says.
        """
        self._sequence += 1
        self._chunks[track] = chunk = self._chunks[track] + 1
        return (
            f'{{"event":"media","sequenceNumber":"{self._sequence}","streamSid":{self._sid},'
            f'"media":{{"track":"{track}","chunk":"{chunk}","timestamp":"{timestamp_ms}",'
            f'"payload":"{_base64(payload)}"}}}}'
        )

    def dtmf(self, digit: str) -> str:
        """Report a key, one of `0-9 * # A-D`. The track is spelled as TwiML spells it."""
        return self._numbered("dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """Return a mark: what was queued before it was played, or dropped."""
        return self._numbered("mark", {"name": name})

    def stop(self) -> str:
        """Say that no audio follows."""
        return self._numbered("stop", {"accountSid": self._account_id, "callSid": self._call_id})

    def _numbered(self, event: str, body: Mapping[str, object]) -> str:
        self._sequence += 1
        return _json(
            {
                "event": event,
                "sequenceNumber": str(self._sequence),
                "streamSid": self._stream_id,
                event: body,
            }
        )

"""What crosses a media stream, whichever way a carrier spells it."""

from dataclasses import dataclass, field
from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "AudioReceived",
    "ClearAudio",
    "DigitPressed",
    "MarkReturned",
    "MediaCommand",
    "MediaEvent",
    "PlayAudio",
    "SendMark",
    "StreamConnected",
    "StreamRefused",
    "StreamStarted",
    "StreamStopped",
]


@named("media.connected")
@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConnected(Record):
    """The carrier opened the stream and greeted; its description follows. Not all carriers do."""


@named("media.started")
@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStarted(Record):
    """The carrier described the stream; audio follows.

    Attributes:
        stream_id: the carrier's name for this stream.
        call_id: the carrier's name for the call.
        account_id: the carrier's name for the account.
        encoding: `mulaw`, `alaw` or `l16`.
        sample_rate: Hz.
        parameters: what our instructions to the carrier asked it to repeat here.
    """

    stream_id: str
    call_id: str
    account_id: str
    encoding: str
    sample_rate: int
    parameters: dict[str, str] = field(default_factory=dict[str, str])


@named("media.audio")
@dataclass(frozen=True, slots=True, kw_only=True)
class AudioReceived(Record):
    """One chunk of the peer's audio, in the stream's encoding. Never written to a tape.

    Attributes:
        payload: encoded audio.
        timestamp_ms: position in the stream, if the carrier says it.
        track: `inbound` or `outbound`.
    """

    payload: bytes
    timestamp_ms: int | None = None
    track: str = "inbound"


@named("media.digit")
@dataclass(frozen=True, slots=True, kw_only=True)
class DigitPressed(Record):
    """The peer pressed a key that the carrier reported: one of `0-9 * # A-D`."""

    digit: str


@named("media.mark_returned")
@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReturned(Record):
    """The carrier's player passed (or, after a clear, dropped) our mark."""

    mark: str


@named("media.stopped")
@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStopped(Record):
    """The carrier says that no audio follows."""


@named("media.refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRefused(Record):
    """A message that could not be understood; it was ignored.

    Attributes:
        why: short stable word: `json`, `type`, `binary`, `base64`, `size`, `unknown_event`,
            `encoding` (the stream's audio is of a kind that we do not know), `stream` (it is
            meant for another stream).
    """

    why: str


@named("media.play")
@dataclass(frozen=True, slots=True, kw_only=True)
class PlayAudio(Record):
    """Append encoded audio to the carrier's buffer."""

    payload: bytes


@named("media.mark")
@dataclass(frozen=True, slots=True, kw_only=True)
class SendMark(Record):
    """Ask to be told when everything queued before this was played."""

    mark: str


@named("media.clear")
@dataclass(frozen=True, slots=True, kw_only=True)
class ClearAudio(Record):
    """Drop what the carrier has queued and not played."""


MediaEvent: TypeAlias = (
    StreamConnected
    | StreamStarted
    | AudioReceived
    | DigitPressed
    | MarkReturned
    | StreamStopped
    | StreamRefused
)
MediaCommand: TypeAlias = PlayAudio | SendMark | ClearAudio

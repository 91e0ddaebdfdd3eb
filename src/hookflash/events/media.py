"""What crosses a media stream, whichever way a carrier spells it."""

from typing import TypeAlias

import msgspec

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
class StreamConnected(Record, frozen=True, kw_only=True):
    """The carrier opened the stream and greeted; its description follows. Not all carriers do."""


@named("media.started")
class StreamStarted(Record, frozen=True, kw_only=True):
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
    parameters: dict[str, str] = msgspec.field(default_factory=dict[str, str])


@named("media.audio")
class AudioReceived(Record, frozen=True, kw_only=True):
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
class DigitPressed(Record, frozen=True, kw_only=True):
    """The peer pressed a key that the carrier reported: one of `0-9 * # A-D`."""

    digit: str


@named("media.mark_returned")
class MarkReturned(Record, frozen=True, kw_only=True):
    """The carrier's player passed (or, after a clear, dropped) our mark."""

    mark: str


@named("media.stopped")
class StreamStopped(Record, frozen=True, kw_only=True):
    """The carrier says that no audio follows."""


@named("media.refused")
class StreamRefused(Record, frozen=True, kw_only=True):
    """A message that could not be understood; it was ignored.

    Attributes:
        why: short stable word: `json`, `type`, `binary`, `base64`, `size`, `unknown_event`,
            `encoding` (the stream's audio is of a kind that we do not know), `stream` (it is
            meant for another stream).
    """

    why: str


@named("media.play")
class PlayAudio(Record, frozen=True, kw_only=True):
    """Append encoded audio to the carrier's buffer."""

    payload: bytes


@named("media.mark")
class SendMark(Record, frozen=True, kw_only=True):
    """Ask to be told when everything queued before this was played."""

    mark: str


@named("media.clear")
class ClearAudio(Record, frozen=True, kw_only=True):
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

"""What a session tells of its call's recording."""

from hookflash.events.base import named
from hookflash.events.session import SessionRecord

__all__ = [
    "RecordingDeclined",
    "RecordingPaused",
    "RecordingResumed",
    "RecordingStarted",
    "RecordingStopped",
]


@named("recording.started")
class RecordingStarted(SessionRecord, frozen=True, kw_only=True):
    """The call is being recorded.

    Attributes:
        path: the file.
    """

    path: str


@named("recording.declined")
class RecordingDeclined(SessionRecord, frozen=True, kw_only=True):
    """The call is not recorded, because the caller did not consent.

    Attributes:
        reason: `no`, `unclear` (an answer that is neither yes nor no), or `silence`.
    """

    reason: str


@named("recording.paused")
class RecordingPaused(SessionRecord, frozen=True, kw_only=True):
    """The recording holds silence from now on."""


@named("recording.resumed")
class RecordingResumed(SessionRecord, frozen=True, kw_only=True):
    """The recording holds sound again."""


@named("recording.stopped")
class RecordingStopped(SessionRecord, frozen=True, kw_only=True):
    """The recording is over, and its file finished.

    Attributes:
        path: the file.
        seconds: how long it is.
        pauses: from when to when it was paused, in seconds of the file; overlaps are merged.
        failed: whether it ended because it could not be written.
    """

    path: str
    seconds: float
    pauses: tuple[tuple[float, float], ...] = ()
    failed: bool = False

"""What was queued, sent and heard: what the playout machine sees and says.

Positions and lengths are milliseconds of audio within one utterance.
"""

from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "AudioQueued",
    "AudioSent",
    "MarkPassed",
    "PlaceMark",
    "PlayoutCleared",
    "PlayoutClosed",
    "PlayoutCommand",
    "PlayoutEvent",
    "PlayoutHeld",
    "UtteranceClosed",
    "UtteranceFinished",
    "UtteranceStarted",
]

# What happened.


@named("playout.queued")
class AudioQueued(Record, frozen=True, kw_only=True):
    """More audio of an utterance waits on our side. The first one opens the utterance."""

    utterance: str
    ms: float


@named("playout.closed")
class UtteranceClosed(Record, frozen=True, kw_only=True):
    """Everything that the utterance has to say is queued; no more follows."""

    utterance: str


@named("playout.sent")
class AudioSent(Record, frozen=True, kw_only=True):
    """Audio was handed to the peer at real-time pace.

    Reported for a run of frames at once: at the start and end of the utterance, before each
    mark, pause and clear. So the sent position is exact whenever a decision needs it.

    Attributes:
        began: when the first frame of the run was handed over, in the machine's seconds.
    """

    utterance: str
    ms: float
    began: float


@named("playout.mark_passed")
class MarkPassed(Record, frozen=True, kw_only=True):
    """The peer returned a mark. Unknown and repeated marks are ignored."""

    mark: str


@named("playout.held")
class PlayoutHeld(Record, frozen=True, kw_only=True):
    """Playing was paused and the peer told to drop what it had not played.

    The audio after the heard position stays queued; it will be sent again, or cleared.
    """


@named("playout.cleared")
class PlayoutCleared(Record, frozen=True, kw_only=True):
    """Everything not yet played was dropped, on our side and (a clear was sent) on the peer's.

    Attributes:
        utterance: drop only this one; None drops all. If it has begun (some of it was sent), the
            peer was told to drop what it had not played, so what was sent of utterances behind it
            is unsent again, as after a hold.
    """

    utterance: str | None = None


@named("playout.leg_closed")
class PlayoutClosed(Record, frozen=True, kw_only=True):
    """The leg is gone; nothing more can be heard."""


# What to do or tell.


@named("playout.place_mark")
class PlaceMark(Record, frozen=True, kw_only=True):
    """Send this mark now, behind the audio sent so far."""

    mark: str


@named("playout.started")
class UtteranceStarted(Record, frozen=True, kw_only=True):
    """The party begins to hear this utterance."""

    utterance: str


@named("playout.finished")
class UtteranceFinished(Record, frozen=True, kw_only=True):
    """Nothing more of this utterance will be heard.

    Attributes:
        played_ms: how much of it was heard; never more than was sent.
        total_ms: how much of it was queued.
        interrupted: True if it was cut short (cleared, or the leg closed) before its end.
    """

    utterance: str
    played_ms: float
    total_ms: float
    interrupted: bool


PlayoutEvent: TypeAlias = (
    AudioQueued
    | UtteranceClosed
    | AudioSent
    | MarkPassed
    | PlayoutHeld
    | PlayoutCleared
    | PlayoutClosed
)
PlayoutCommand: TypeAlias = PlaceMark | UtteranceStarted | UtteranceFinished

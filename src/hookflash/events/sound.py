"""Sounds around the speech, as a session tells of them."""

from enum import StrEnum

from hookflash.events.base import named
from hookflash.events.session import SessionRecord

__all__ = ["SoundEnded", "SoundKind", "SoundStarted"]


class SoundKind(StrEnum):
    """What a sound is for."""

    BACKGROUND = "background"
    THINKING = "thinking"
    HOLD = "hold"


@named("sound.started")
class SoundStarted(SessionRecord, frozen=True, kw_only=True):
    """A sound begins under the speech.

    Attributes:
        sound: what it is for.
        label: the built-in sound's name, or the file's.
    """

    sound: SoundKind
    label: str


@named("sound.ended")
class SoundEnded(SessionRecord, frozen=True, kw_only=True):
    """A sound under the speech has ended or begins to fade out.

    Attributes:
        sound: what it was for.
    """

    sound: SoundKind

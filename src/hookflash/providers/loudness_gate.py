"""Tells sound from silence, so that silence need not be decoded: pure.

No judge of speech: a voice-activity detector is that. The gate may open for noise, which costs
work; it must not stay shut for soft speech.
"""

import math

from hookflash.audio.levels import rms_dbfs

__all__ = ["LoudnessGate"]

_ABOVE_FLOOR_DB = 9.0
_LOWEST_DBFS = -58.0  # Below this a telephone line carries nothing but its own noise.
_HIGHEST_DBFS = -36.0  # Above this it is a voice, however loud the room.
_FLOOR_RISES_DB = 3.0  # Per second; it falls at once.
_FIRST_FLOOR_DBFS = -65.0


class LoudnessGate:
    """Compares each block with the quietest that the line has been lately."""

    def __init__(self, block: float) -> None:
        """Expect blocks of so many seconds."""
        self._rise = _FLOOR_RISES_DB * block
        self._floor = _FIRST_FLOOR_DBFS

    def push(self, pcm: bytes) -> bool:
        """Take the next block; return whether it is loud enough to be worth listening to."""
        level = rms_dbfs(pcm)
        if level == -math.inf:
            return False
        self._floor = min(level, self._floor + self._rise)
        limit = min(max(self._floor + _ABOVE_FLOOR_DB, _LOWEST_DBFS), _HIGHEST_DBFS)
        return level >= limit

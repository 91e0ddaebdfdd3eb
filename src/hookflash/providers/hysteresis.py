"""Turns probabilities of speech into changes of mind: pure, vectorised over many calls.

A change of mind needs a candidate. While a call is silent, a window at or above the start
threshold makes one; a window below the stop threshold kills it; one in between leaves it alone.
When the candidate has lived for the confirmation time the call speaks, since the candidate's
beginning. The way back is the mirror image. So a single loud window, a breath within a sentence
and a probability that hovers between the thresholds change nothing.
"""

from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from hookflash.errors import UsageError

__all__ = ["Change", "Hysteresis", "SileroConfig"]

# Window times are sums of floats; a window that ends a confirmation exactly must count.
_TOLERANCE = 1e-6


class SileroConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When speech has begun and when it has ended.

    Attributes:
        start_threshold: probability from which a window counts as speech, 0.0 to 1.0. 0.5 is
            the network's own working point.
        stop_threshold: probability below which a window counts as silence; lower than
            `start_threshold`, so that soft endings of words stay speech.
        min_speech: seconds of speech that confirm a beginning. 0.2 passes "no" and "yes" and
            stops clicks and coughs; barge-in cannot react sooner.
        min_silence: seconds of silence that confirm an end. 0.35 is longer than the closures
            within words; the turn's own endpointing comes on top.
    """

    start_threshold: float = 0.5
    stop_threshold: float = 0.35
    min_speech: float = 0.2
    min_silence: float = 0.35

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: the thresholds are not `0 < stop <= start < 1`, or a time is negative.
        """
        if not 0.0 < self.stop_threshold <= self.start_threshold < 1.0:
            msg = "thresholds must satisfy 0 < stop_threshold <= start_threshold < 1"
            raise UsageError(msg)
        if self.min_speech < 0.0 or self.min_silence < 0.0:
            msg = "min_speech and min_silence must not be negative"
            raise UsageError(msg)


Change: TypeAlias = tuple[int, bool, float]
"""A slot that changed its mind, whether it speaks now, and since when (seconds)."""


class Hysteresis:
    """The minds of many calls, one slot each."""

    def __init__(self, config: SileroConfig, slots: int) -> None:
        """Start with this many silent slots."""
        self._config = config
        self._speaking = np.zeros(slots, dtype=np.bool_)
        # When the candidate for the other state began; infinity: there is none.
        self._since = np.full(slots, np.inf)

    def grow(self, slots: int) -> None:
        """Make room for this many slots; the new ones are silent."""
        more = slots - len(self._speaking)
        self._speaking = np.concatenate((self._speaking, np.zeros(more, dtype=np.bool_)))
        self._since = np.concatenate((self._since, np.full(more, np.inf)))

    def reset(self, slot: int) -> None:
        """Make a slot silent, for a new call."""
        self._speaking[slot] = False
        self._since[slot] = np.inf

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return self._speaking.nbytes + self._since.nbytes

    def judge(
        self,
        slots: NDArray[np.intp],
        probabilities: NDArray[np.float32],
        began: NDArray[np.float64],
        ended: NDArray[np.float64],
    ) -> list[Change]:
        """Take one window of each of these slots; return those that changed their mind.

        Args:
            slots: which slots, each once.
            probabilities: how likely their window is speech.
            began: when the window's first sample was received, in seconds.
            ended: when its last sample was received.
        """
        config = self._config
        speaking = self._speaking[slots]
        loud = probabilities >= config.start_threshold
        soft = probabilities < config.stop_threshold
        toward = np.where(speaking, soft, loud)
        away = np.where(speaking, loud, soft)
        since = np.where(toward, np.minimum(self._since[slots], began), self._since[slots])
        since[away] = np.inf
        needed = np.where(speaking, config.min_silence, config.min_speech) - _TOLERANCE
        changed = ended - since >= needed
        changes: list[Change] = []
        if changed.any():
            at = np.flatnonzero(changed)
            changes = list(
                zip(slots[at].tolist(), (~speaking[at]).tolist(), since[at].tolist(), strict=True)
            )
            self._speaking[slots[at]] = ~speaking[at]
            since[at] = np.inf
        self._since[slots] = since
        return changes

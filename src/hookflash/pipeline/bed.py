"""A bed: one sound under the speech on one leg, faded in and out, and softer while one speaks."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hookflash.audio.frames import FRAME_MS, Pcm, frame_bytes, samples
from hookflash.errors import UsageError

__all__ = ["Bed"]

_FRAME = FRAME_MS / 1000
# Music gives way as fast as a word begins, and comes back so late and slowly that the pauses of
# speech do not let it pump: sentences are up to about half a second apart.
_DUCK_ATTACK = 0.06
_DUCK_HOLD = 0.6
_DUCK_RELEASE = 0.8


class Bed:
    """A sound as a `legs.base.LegBed`: lay it with `leg.lay_bed(bed)`.

    Loudness changes smoothly: within a frame it moves in a straight line, from frame to frame
    along a sine for fades (so that two beds that cross-fade keep their power) and evenly in
    decibels for ducking.
    """

    def __init__(
        self,
        pcm: Pcm,
        rate: int,
        *,
        volume: float = 1.0,
        looping: bool = False,
        fade_in: float = 0.0,
        duck_db: float = 0.0,
        on_over: Callable[[], None] | None = None,
    ) -> None:
        """Begin at the sound's beginning.

        Args:
            pcm: PCM16 mono, at least one sample; not copied.
            rate: Hz, the leg's.
            volume: factor, 0 to 1.
            looping: begin again where it ends.
            fade_in: seconds until it is at its volume.
            duck_db: decibels, 0 or more, by which it is softer while somebody speaks; infinity
                silences it.
            on_over: called once when it has ended or faded out, not when the leg closed. It is
                called while the leg makes a frame: it must not raise, nor use the leg.

        Raises:
            UsageError: no samples, or a number outside its range.
        """
        self._wave: npt.NDArray[np.int16] = samples(pcm)
        if not self._wave.size:
            msg = "a bed needs at least one sample"
            raise UsageError(msg)
        if not (0.0 <= volume <= 1.0 and fade_in >= 0.0 and duck_db >= 0.0):
            msg = (
                "a bed has a volume of 0 to 1, and neither fade_in nor duck_db below 0; not"
                f" {volume!r}, {fade_in!r} and {duck_db!r}"
            )
            raise UsageError(msg)
        self._count = frame_bytes(rate) // 2
        self._slope = ((np.arange(self._count) + 1) / self._count).astype(np.float32)
        self._at = 0
        self._volume = volume
        self._looping = looping
        self._duck = 10.0 ** (-duck_db / 20)
        self._on_over = on_over
        self._over = False
        self._ending = False
        # Both go from 0 to 1: how far it is faded in, and how far it stands back for speech.
        self._shown = 0.0 if fade_in else 1.0
        self._show_to = 1.0
        self._show_step = _FRAME / max(fade_in, _FRAME)
        self._ducked = 0.0
        self._quiet = _DUCK_HOLD
        self._gain = self._gain_now()

    @property
    def over(self) -> bool:
        """Whether nothing more of it will sound."""
        return self._over

    def fade(self, to: float, seconds: float) -> None:
        """Go to a share of its volume, 0 to 1, within so many seconds, and go on there."""
        self._show_to = to
        self._show_step = abs(to - self._shown) * _FRAME / max(seconds, _FRAME)

    def fade_out(self, seconds: float) -> None:
        """Fade to nothing, and end."""
        self._ending = True
        self.fade(0.0, seconds)

    def next_frame(self, *, speech: bool) -> bytes | None:
        """Return the next 20 ms, or None once it is over."""
        if not self._over and (
            (self._ending and self._shown == 0.0)
            or (not self._looping and self._at >= self._wave.size)
        ):
            self._over = True
            if self._on_over is not None:
                self._on_over()
        if self._over:
            return None
        before = self._gain
        if self._moves(speech=speech):
            self._gain = self._gain_now()
        wave = self._next_wave()
        if before == self._gain:
            return wave.tobytes() if before == 1.0 else _scaled(wave, np.float32(before))
        change = self._slope * np.float32(self._gain - before)
        return _scaled(wave, (change + np.float32(before)).astype(np.float32, copy=False))

    def _next_wave(self) -> npt.NDArray[np.int16]:
        begin, end = self._at, self._at + self._count
        if end <= self._wave.size:
            self._at = end
            return self._wave[begin:end]
        if self._looping:
            self._at = end % self._wave.size
            return self._wave.take(range(begin, end), mode="wrap")
        self._at = end
        last = np.zeros(self._count, np.int16)
        last[: self._wave.size - begin] = self._wave[begin:]
        return last

    def _moves(self, *, speech: bool) -> bool:
        """Let 20 ms pass for both envelopes; return whether one of them moved."""
        self._quiet = 0.0 if speech else min(self._quiet + _FRAME, _DUCK_HOLD)
        shown = _toward(self._shown, self._show_to, self._show_step)
        if self._quiet < _DUCK_HOLD:
            ducked = _toward(self._ducked, 1.0, _FRAME / _DUCK_ATTACK)
        else:
            ducked = _toward(self._ducked, 0.0, _FRAME / _DUCK_RELEASE)
        moved = shown != self._shown or ducked != self._ducked
        self._shown, self._ducked = shown, ducked
        return moved

    def _gain_now(self) -> float:
        return float(self._volume * math.sin(math.pi / 2 * self._shown) * self._duck**self._ducked)


def _toward(value: float, target: float, step: float) -> float:
    # Steps are no exact fractions: what is left of the last one must not take a frame more.
    if abs(target - value) <= step + 1e-9:
        return target
    return value + math.copysign(step, target - value)


def _scaled(wave: npt.NDArray[np.int16], gain: np.float32 | npt.NDArray[np.float32]) -> bytes:
    # A gain is at most 1, so nothing saturates.
    scaled = np.multiply(wave, gain, dtype=np.float32)
    return np.rint(scaled, out=scaled).astype("<i2").tobytes()

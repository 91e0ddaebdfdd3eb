"""Hearing keys in the audio: a DTMF receiver after ITU-T Q.24.

Every 5 ms the last 30 ms are weighed with a Gaussian and compared with sines just below, at and
just above each of the eight frequencies, in one matrix product. A Gaussian's spectrum is a
Gaussian, so the ratio of the two outer probes says exactly how far off a frequency is, and the
middle one then says exactly how strong it is (Gasior and Gonzalez, CERN AB-Note-2004-021). A
moment sounds like a key if

- a frequency of each group is within `TOLERANCE` of its nominal value,
- the two are off by about as much (`MAX_SKEW`) and about equally strong
  (`MAX_LOW_OVER_HIGH_DB`, `MAX_HIGH_OVER_LOW_DB`),
- both are loud enough (`MIN_TONE_DBFS`), and
- they are `MIN_PURITY` of all energy. Speech fails this: it is rarely two sines only.

A key is down once four such moments in a row agree, and up once seven in a row do not sound like
it. `docs/design/audio.md` puts the limits beside those of Q.24.
"""

import functools
import math
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from hookflash.audio.frames import Pcm, check_rate, samples
from hookflash.audio.levels import amplitude
from hookflash.audio.tones import DTMF_DIGITS, DTMF_HIGH_HZ, DTMF_LOW_HZ
from hookflash.errors import UsageError

__all__ = [
    "MAX_HIGH_OVER_LOW_DB",
    "MAX_LOW_OVER_HIGH_DB",
    "MAX_SKEW",
    "MIN_PURITY",
    "MIN_TONE_DBFS",
    "TOLERANCE",
    "DtmfDetector",
    "DtmfDigit",
]

TOLERANCE: Final = 0.022
"""Relative frequency error that is taken: Q.24 wants 1.5 % taken and 3.5 % refused."""
MAX_SKEW: Final = 0.034
"""Most that the relative errors of the two tones may differ: a keypad's by 3 % at worst. The third
and fourth harmonic of a high voice (4:3) come within 3.8 % of the `*` key."""
MAX_LOW_OVER_HIGH_DB: Final = 9.5
"""How much stronger the low tone may be: Q.24 gives 8 dB for AT&T, 5 for NTT."""
MAX_HIGH_OVER_LOW_DB: Final = 5.5
"""How much stronger the high tone may be: Q.24 gives 4 dB for AT&T, 5 for NTT."""
MIN_TONE_DBFS: Final = -42.0
"""Least RMS level of either tone: AT&T receivers take -25 dBm0, which is -31 dBFS."""
MIN_PURITY: Final = 0.85
"""Least share of the two tones in the energy: at 15 dB signal to noise they have 0.97."""

_HOP_MS = 5
_WINDOW_MS = 30
_SIGMA_MS = 5.5
_PROBE_HZ = 20.0
# Moments in a row. A tone of 40 ms fills 6, one of 23 ms at most 3.
_PRESS = 4
# A gap of 10 ms spoils at most 5 moments, one of 40 ms at least 9.
_RELEASE = 7
# How far inside a tone its first and last moment lie on average: there the weight outside is
# 1 - MIN_PURITY (1.04 sigma), and the grid of moments adds half a hop. Measured.
_INSIDE_MS = 8.9
# Samples in the windows analysed at a time. It bounds memory, and keeps the product below the
# size (about a million multiplications) at which OpenBLAS wakes its threads: on a busy machine
# they wait for one another and a block takes twenty times as long.
_BLOCK = 9600
_FREQUENCIES = np.array(DTMF_LOW_HZ + DTMF_HIGH_HZ, np.float32)
# The power of a probe that is d Hz off falls by exp(-_FALL * d * d).
_FALL = np.float32((2 * math.pi * _SIGMA_MS / 1000) ** 2)
_HZ_PER_LOG = np.float32(1 / (4 * float(_FALL) * _PROBE_HZ))
_FARTHEST = np.square(TOLERANCE * _FREQUENCIES)
_LOW_OVER_HIGH = 10 ** (MAX_LOW_OVER_HIGH_DB / 10)
_HIGH_OVER_LOW = 10 ** (MAX_HIGH_OVER_LOW_DB / 10)

_Floats = npt.NDArray[np.float32]


class DtmfDigit(msgspec.Struct, frozen=True, kw_only=True):
    """One press of a key.

    Attributes:
        digit: one of `0-9 * # A-D`.
        started_ms: when it began, in milliseconds of audio pushed before; within 5 ms.
        duration_ms: how long it was held; within 6 ms.
    """

    digit: str
    started_ms: float
    duration_ms: float


class _Press(msgspec.Struct):
    """A key that is down: its place in `DTMF_DIGITS`, its first and its latest moment."""

    key: int
    first: int
    last: int


class DtmfDetector:
    """Finds pressed keys in one stream of mono PCM.

    Each press is reported once, when the key is up: about 40 ms after its tone ended. However
    the stream is cut into pushes, the reports are the same. Audio that is a clean pair of sines
    at a key's two frequencies is that key, whoever makes it: a synthesiser may play one.
    A 20 ms frame costs about 25 microseconds, one of silence 7.
    """

    def __init__(self, rate: int) -> None:
        """Prepare for a stream.

        Args:
            rate: Hz, 8,000 or more and a multiple of 200.

        Raises:
            UsageError: another rate.
        """
        if check_rate(rate) % 200 or rate < 8000:
            msg = f"DTMF detection needs 8000 Hz or more, in multiples of 200 Hz, not {rate}"
            raise UsageError(msg)
        self._hop = rate * _HOP_MS // 1000
        self._width = rate * _WINDOW_MS // 1000
        self._weights, self._probes = _tables(self._width, rate)
        self._least_power = amplitude(MIN_TONE_DBFS) ** 2
        # What later windows still need. The first window looks back into silence.
        self._held: _Floats = np.zeros(self._width - self._hop, np.float32)
        self._moment = 0
        self._run_key = -1
        self._run_first = 0
        self._press: _Press | None = None

    @property
    def held(self) -> bool:
        """Whether a key is down: from some 25 ms after its tone began to 40 ms after its end."""
        return self._press is not None

    def push(self, pcm: Pcm) -> list[DtmfDigit]:
        """Take any number of samples; return the keys that are up since the last push.

        Raises:
            UsageError: an odd number of bytes.
        """
        held = np.concatenate((self._held, samples(pcm)), dtype=np.float32)
        count = max(0, (held.size - self._width) // self._hop + 1)
        released: list[DtmfDigit] = []
        block = _BLOCK // self._width
        for start in range(0, count, block):
            keys = self._listen(held[start * self._hop :], min(block, count - start))
            self._follow(keys, released)
        self._held = held[count * self._hop :]
        return released

    def flush(self) -> list[DtmfDigit]:
        """Say that the stream is over; return the key that was still down, if any."""
        return self.push(bytes(2 * (self._width + self._hop * _RELEASE)))

    def _listen(self, wave: _Floats, count: int) -> list[int]:
        """Return which key each of `count` moments sounds like, -1 for none."""
        keys = [-1] * count
        size = wave.itemsize
        shape, strides = (count, self._width), (size * self._hop, size)
        # A copy, because BLAS takes no overlapping rows.
        windows = np.ndarray(shape, wave.dtype, wave, 0, strides).copy()
        energy = (windows * windows) @ self._weights
        if energy.max() < 2 * self._least_power:
            return keys
        parts = windows @ self._probes
        parts *= parts
        # One step of one sample is some 1e-3 here: this only keeps the logarithm finite.
        power = parts[:, :24] + parts[:, 24:] + np.float32(1e-6)
        off = np.log(power[:, 16:] / power[:, :8]) * _HZ_PER_LOG
        squared = off * off
        peaks = power[:, 8:16] * np.exp(_FALL * np.minimum(squared, _FARTHEST[-1]))
        peaks *= squared < _FARTHEST
        low, high = peaks[:, :4].max(axis=1), peaks[:, 4:].max(axis=1)
        fits = (
            (low + high >= MIN_PURITY * energy)
            & (low <= _LOW_OVER_HIGH * high)
            & (high <= _HIGH_OVER_LOW * low)
            & (np.minimum(low, high) >= self._least_power)
        )
        for moment in np.flatnonzero(fits).tolist():
            row = int(peaks[moment, :4].argmax())
            column = int(peaks[moment, 4:].argmax())
            errors = off[moment] / _FREQUENCIES
            if abs(errors[row] - errors[4 + column]) < MAX_SKEW:
                keys[moment] = 4 * row + column
        return keys

    def _follow(self, keys: list[int], released: list[DtmfDigit]) -> None:
        """Turn moments into presses; append those that are over to `released`."""
        for key in keys:
            moment = self._moment
            self._moment += 1
            if key != self._run_key:
                self._run_key, self._run_first = key, moment
            sure = key >= 0 and moment - self._run_first + 1 >= _PRESS
            press = self._press
            if press is not None:
                if key == press.key:
                    press.last = moment
                elif sure or moment - press.last >= _RELEASE:
                    released.append(_report(press))
                    self._press = press = None
            if press is None and sure:
                self._press = _Press(key, self._run_first, moment)


def _report(press: _Press) -> DtmfDigit:
    # The middle of a moment's window.
    first = (press.first + 1) * _HOP_MS - _WINDOW_MS / 2
    return DtmfDigit(
        digit=DTMF_DIGITS[press.key],
        started_ms=max(0.0, first - _INSIDE_MS),
        duration_ms=(press.last - press.first) * _HOP_MS + 2 * _INSIDE_MS,
    )


@functools.lru_cache(maxsize=8)
def _tables(width: int, rate: int) -> tuple[_Floats, _Floats]:
    """Return the window and the probes: cosines then sines, each below, at, above the eight.

    With them a weighted sum of squares is a mean square, and the sum of the squares of a cosine
    and a sine probe is the mean square of the sine it found. All detectors share them.
    """
    time = (np.arange(width) - (width - 1) / 2) / rate
    weights = np.exp(-0.5 * (time / (_SIGMA_MS / 1000)) ** 2)
    weights /= weights.sum()
    hz = np.concatenate([_FREQUENCIES + shift for shift in (-_PROBE_HZ, 0.0, _PROBE_HZ)])
    phase = 2 * np.pi * np.outer(time, hz)
    probes = np.concatenate((np.cos(phase), np.sin(phase)), axis=1)
    probes *= math.sqrt(2) * weights[:, None]
    return weights.astype(np.float32), probes.astype(np.float32)

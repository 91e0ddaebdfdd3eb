"""Hearing an answering machine's beep, and a fax, by how far a tone stands out of the band.

Every 10 ms the last 64 ms are weighed with a Gaussian and transformed. Where one sine, or two,
hold so much of the telephone band's energy that they are `MIN_SNR_DB` above the rest, that moment
sounds like a tone. A tone is reported if

- its frequency is within `MIN_HZ` and `MAX_HZ` and keeps within `MAX_DRIFT_HZ`,
- it lasts `MIN_MS` (a pair: `MIN_PAIR_MS`) to `MAX_MS`; or, at a fax's 2,100 Hz (ITU-T T.30), it
  goes on for `FAX_MS`,
- it ends in silence (a drop of `DROP_DB`), and no other tone came just before it: melodies, sung
  vowels, and the three tones before a network's announcement go on or were going on,
- and it is no key, and no ringing, busy or dial tone (ITU-T E.180, supplement 2).
"""

import functools
import math
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from hookflash.audio.frames import Pcm, check_rate, samples
from hookflash.audio.levels import amplitude
from hookflash.audio.tones import DTMF_HIGH_HZ, DTMF_LOW_HZ
from hookflash.errors import UsageError

__all__ = [
    "DROP_DB",
    "FAX_MS",
    "MAX_DRIFT_HZ",
    "MAX_HZ",
    "MAX_MS",
    "MIN_HZ",
    "MIN_MS",
    "MIN_PAIR_MS",
    "MIN_SNR_DB",
    "MIN_TONE_DBFS",
    "SteadyTone",
    "ToneDetector",
]

MIN_HZ: Final = 390.0
"""Lowest beep; below are the voices' fundamentals, and dial tones."""
MAX_HZ: Final = 2120.0
"""Highest beep, and the fax answer tone of 2,100 Hz with its tolerance of 15 Hz."""
MIN_MS: Final = 120.0
"""Shortest beep. Speech rarely keeps one sine for so long."""
MIN_PAIR_MS: Final = 240.0
"""Shortest beep of two sines: a vowel's two strongest harmonics last for half of that."""
MAX_MS: Final = 3000.0
"""Longest beep."""
FAX_MS: Final = 800.0
"""A 2,100 Hz tone is reported once it has lasted so long. T.30 sends it for 2.6 to 4 s."""
MIN_SNR_DB: Final = 10.0
"""Least level of the tone over everything else in the band. G.711's own noise is at 35 dB."""
MIN_TONE_DBFS: Final = -42.0
"""Least RMS level: 10 dB above the noise of a loud line."""
MAX_DRIFT_HZ: Final = 8.0
"""Most that a moment's frequency may differ from the tone's. A sung or spoken vowel drifts more."""
DROP_DB: Final = 12.0
"""How much quieter it is after the tone."""

_HOP_MS = 10
_WINDOW_MS = 64
_SIGMA_MS = 12.0
# A sine's energy lies within this distance of it: 4.5 sigma of the Gaussian's spectrum.
_LOBE_HZ = 30.0
_BAND_HZ = (250.0, 3600.0)
_SAME_HZ = 25.0
# Quiet moments that say that the tone is over, and loud ones of another kind that say that it
# was none. The window that holds a reversal of phase spoils seven.
_QUIET = 5
_OTHER = 9
# How long another tone spoils the one after it.
_MELODY = 10
# Where the weight of a tone that fills half of the window is: its edge.
_EDGE = 0.5
_FAX_HZ = 2100.0
_FAX_TOLERANCE_HZ = 15.0
# Two sines are both heard if the weaker has this share of the stronger's power.
_SECOND = 0.1
# Of call progress, in Hz: alone (425 and its neighbours are rung and engaged in most of the
# world), and in pairs (North America; the United Kingdom). E.180, supplement 2.
_PROGRESS = (400.0, 425.0, 450.0)
_PROGRESS_TOLERANCE_HZ = 6.0
_PROGRESS_PAIRS = ((350.0, 440.0), (440.0, 480.0), (480.0, 620.0), (400.0, 450.0))
_PAIR_TOLERANCE = 0.025

_Floats = npt.NDArray[np.float32]


class SteadyTone(msgspec.Struct, frozen=True, kw_only=True):
    """A tone that stood out.

    Attributes:
        hz: its frequency, within 3 Hz; of two, the stronger.
        second_hz: that of the weaker, if there were two.
        started_ms: when it began, in milliseconds of audio pushed before; within 10 ms.
        ms: how long it lasted, within 20 ms; of a fax tone, until now.
    """

    hz: float
    second_hz: float | None
    started_ms: float
    ms: float


class _Moment(msgspec.Struct, frozen=True):
    """What one window sounds like: a tone (or two), and how strong everything is."""

    hz: float
    second_hz: float
    power: float


class _Run(msgspec.Struct):
    """A tone that may be going on: its moments, and those since that were none of it."""

    hz: float
    second_hz: float
    first: int
    tainted: bool
    powers: list[float] = msgspec.field(default_factory=list[float])
    own: int = 0
    quiet: int = 0
    other: int = 0
    reported: bool = False


class ToneDetector:
    """Finds steady tones in one stream of mono PCM.

    Each is reported once: some 90 ms after its end, or, a fax's, while it goes on. However the
    stream is cut into pushes, the reports are the same. A 20 ms frame costs about 60 microseconds,
    one of silence 10.
    """

    def __init__(self, rate: int) -> None:
        """Prepare for a stream.

        Args:
            rate: Hz, 8,000 or more and a multiple of 500.

        Raises:
            UsageError: another rate.
        """
        if check_rate(rate) % 500 or rate < 8000:
            msg = f"tone detection needs 8000 Hz or more, in multiples of 500 Hz, not {rate}"
            raise UsageError(msg)
        self._hop = rate * _HOP_MS // 1000
        self._width = rate * _WINDOW_MS // 1000
        self._step = rate / self._width
        self._window = _gaussian(self._width, rate)
        low, high = (round(hz / self._step) for hz in _BAND_HZ)
        self._band = slice(low, high + 1)
        self._low = low
        self._lobe = round(_LOBE_HZ / self._step)
        self._least = amplitude(MIN_TONE_DBFS) ** 2
        # The first window looks back into silence.
        self._held: _Floats = np.zeros(self._width - self._hop, np.float32)
        self._at = 0
        self._run: _Run | None = None
        self._melody_until = -1

    def push(self, pcm: Pcm) -> list[SteadyTone]:
        """Take any number of samples; return the tones found since the last push.

        Raises:
            UsageError: an odd number of bytes.
        """
        held = np.concatenate((self._held, samples(pcm)), dtype=np.float32)
        count = max(0, (held.size - self._width) // self._hop + 1)
        found: list[SteadyTone] = []
        for index in range(count):
            start = index * self._hop
            tone = self._follow(self._listen(held[start : start + self._width]))
            self._at += 1
            if tone is not None:
                found.append(tone)
        self._held = held[count * self._hop :]
        return found

    def _listen(self, wave: _Floats) -> _Moment:
        """Say what a window sounds like; `hz` is 0 if it is no tone."""
        weighed = wave * self._window
        power = float(weighed @ weighed)
        if power < self._least / 32:
            return _Moment(0.0, 0.0, power)
        spectrum = np.fft.rfft(weighed)[self._band]
        energies: npt.NDArray[np.float64] = np.square(spectrum.real) + np.square(spectrum.imag)
        total = float(energies.sum())
        hz, share = self._take_peak(energies)
        second_hz, second = self._take_peak(energies)
        if second < _SECOND * share:
            second_hz = second = 0.0
        rest = total - share - second
        if share + second < rest * 10 ** (MIN_SNR_DB / 10):
            return _Moment(0.0, 0.0, power)
        return _Moment(hz, second_hz, power)

    def _take_peak(self, energies: npt.NDArray[np.float64]) -> tuple[float, float]:
        """Return the strongest sine's frequency and energy, and take it away."""
        top = int(energies.argmax())
        lobe = slice(max(0, top - self._lobe), top + self._lobe + 1)
        share = float(energies[lobe].sum())
        # A Gaussian's spectrum is a Gaussian: its logarithm is a parabola, through three points.
        hz = float(top)
        if 0 < top < energies.size - 1:
            left, middle, right = np.log(energies[top - 1 : top + 2] + 1e-9).tolist()
            bend = left - 2 * middle + right
            if bend < 0:
                hz += 0.5 * (left - right) / bend
        energies[lobe] = 0.0
        return (hz + self._low) * self._step, share

    def _follow(self, moment: _Moment) -> SteadyTone | None:
        """Put a moment to the tone that goes on, or end it, or begin one."""
        run = self._run
        if run is None:
            self._begin(moment)
            return None
        run.powers.append(moment.power)
        if moment.hz and _same(run, moment):
            run.own += 1
            # The mean of what was heard of it: the first moments hold only its beginning.
            run.hz += (moment.hz - run.hz) / min(run.own, 8)
            run.other = run.quiet = 0
            return self._fax(run)
        if moment.power < max(run.powers) * 10 ** (-DROP_DB / 10):
            run.quiet += 1
            if run.quiet >= _QUIET:
                self._run = None
                return self._ended(run)
            return None
        run.quiet = 0
        run.other += 1
        if run.other >= _OTHER or run.own < 3:
            if run.own * _HOP_MS >= MIN_MS / 2:
                self._melody_until = self._at + _MELODY
            self._run = None
            self._begin(moment)
        return None

    def _begin(self, moment: _Moment) -> None:
        if moment.hz and moment.power >= self._least / 8:
            self._run = _Run(
                moment.hz, moment.second_hz, self._at, self._at <= self._melody_until, own=1
            )
            self._run.powers.append(moment.power)

    def _fax(self, run: _Run) -> SteadyTone | None:
        """Report a tone of 2,100 Hz that has lasted; what is left of it is not reported again."""
        if run.reported or run.tainted or abs(run.hz - _FAX_HZ) > _FAX_TOLERANCE_HZ:
            return None
        tone = self._measured(run)
        if tone.ms < FAX_MS or not self._is_strong(run):
            return None
        run.reported = True
        return tone

    def _ended(self, run: _Run) -> SteadyTone | None:
        tone = self._measured(run)
        if run.reported or run.tainted or not self._is_strong(run):
            return None
        shortest = MIN_MS if tone.second_hz is None else MIN_PAIR_MS
        if not MIN_HZ <= tone.hz <= MAX_HZ or not shortest <= tone.ms <= MAX_MS:
            return None
        # Moments of its own, less those in which it rises and falls.
        if run.own * _HOP_MS < 0.8 * tone.ms or _is_signal(tone.hz, tone.second_hz):
            return None
        return tone

    def _is_strong(self, run: _Run) -> bool:
        return max(run.powers) >= self._least

    def _measured(self, run: _Run) -> SteadyTone:
        """Find the edges: where half of the window's weight is filled."""
        powers = run.powers
        steady = sorted(powers)[-max(1, run.own // 2)]
        loud = [place for place, power in enumerate(powers) if power >= _EDGE * steady]
        first, last = loud[0], loud[-1]
        # The middle of a moment's window.
        middle = (run.first + first + 1) * _HOP_MS - _WINDOW_MS / 2
        return SteadyTone(
            hz=round(run.hz, 1),
            second_hz=round(run.second_hz, 1) or None,
            started_ms=max(0.0, middle),
            ms=float((last - first) * _HOP_MS),
        )


def _same(run: _Run, moment: _Moment) -> bool:
    # The first moments hold only the tone's beginning, and may be some Hz off.
    tolerance = _SAME_HZ if run.own < 3 else MAX_DRIFT_HZ
    return abs(moment.hz - run.hz) <= tolerance


def _is_signal(hz: float, second_hz: float | None) -> bool:
    """Whether a tone is a key, or the network's ringing, busy or dial tone."""
    if second_hz is None:
        return any(abs(hz - known) <= _PROGRESS_TOLERANCE_HZ for known in _PROGRESS)
    low, high = sorted((hz, second_hz))
    if any(_near(low, key) for key in DTMF_LOW_HZ) and any(
        _near(high, key) for key in DTMF_HIGH_HZ
    ):
        return True
    return any(_near(low, first) and _near(high, other) for first, other in _PROGRESS_PAIRS)


def _near(hz: float, nominal: float) -> bool:
    return abs(hz - nominal) <= _PAIR_TOLERANCE * nominal


@functools.lru_cache(maxsize=8)
def _gaussian(width: int, rate: int) -> _Floats:
    """Return the window, so that a windowed sine's energy is its mean square."""
    time = (np.arange(width) - (width - 1) / 2) / rate
    window = np.exp(-0.25 * (time / (_SIGMA_MS / 1000)) ** 2)
    window /= math.sqrt(float(window @ window))
    return window.astype(np.float32)

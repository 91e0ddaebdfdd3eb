"""Sounds made by formula: an office, a keyboard, music on hold, ringing, a chime.

They are computed, so that nobody's recording is in them, and always come out the same. All of
them are made for the telephone: what matters lies between 200 and 3,400 Hz. Those that loop join
without a seam, for everything in them wraps around from the end to the beginning.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from hookflash.audio.frames import pcm_bytes, sample_count
from hookflash.audio.levels import amplitude
from hookflash.audio.tones import ringback
from hookflash.errors import UsageError

__all__ = ["BUILT_IN_SOUNDS", "built_in_sound"]

_Wave = npt.NDArray[np.floating]

_LOWEST_RATE = 8000
_TELEPHONE_TOP_HZ = 3400.0


@functools.lru_cache(maxsize=32)
def built_in_sound(name: str, rate: int = 8000) -> bytes:
    """Return a sound as PCM at `rate` Hz, made at the first call and kept.

    | name         | what                                   | length | loudness        |
    |--------------|----------------------------------------|--------|-----------------|
    | `office`     | air, distant voices, a key now and then | 24 s   | RMS -34 dBFS    |
    | `keyboard`   | somebody types                         | 12 s   | peaks -12 dBFS  |
    | `hold_music` | quiet chords, plucked and slow          | 32 s   | RMS -22 dBFS    |
    | `ringback`   | North American ringing                 | 6 s    | RMS -19 dBFS on |
    | `chime`      | two soft bells; not a loop             | 1.6 s  | peak -10 dBFS   |

    Raises:
        UsageError: no sound has that name, or the rate is below 8,000 Hz.
    """
    make = _MAKERS.get(name)
    if make is None:
        msg = f"no built-in sound is called {name!r}; there are {', '.join(BUILT_IN_SOUNDS)}"
        raise UsageError(msg)
    if rate < _LOWEST_RATE:
        msg = f"built-in sounds need at least {_LOWEST_RATE} Hz, not {rate}"
        raise UsageError(msg)
    return make(rate)


class _Chance:
    """Numbers between 0 and 1 that look like chance and are always the same.

    From numpy's PCG64 itself: its raw output is promised never to change, what `Generator` makes
    of it is not.
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def many(self, count: int) -> _Wave:
        return (self._bits.random_raw(count) >> np.uint64(11)) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.many(1)[0])


def _noise(chance: _Chance, count: int, rate: int, curve: Callable[[_Wave], _Wave]) -> _Wave:
    """Make noise whose spectrum follows `curve` (of Hz), RMS 1. Its end joins its beginning."""
    spectrum = np.fft.rfft(chance.many(count) - 0.5)
    wave = np.fft.irfft(spectrum * curve(np.fft.rfftfreq(count, 1 / rate)), count)
    wave /= np.sqrt(np.mean(wave**2))
    return wave


def _band(hz: _Wave, low: float, high: float) -> _Wave:
    """Pass what lies between two frequencies; both edges fall by 48 dB an octave."""
    safe = np.maximum(hz, 1e-3)
    passed: _Wave = 1 / ((1 + (low / safe) ** 16) * (1 + (safe / high) ** 16))
    return passed


def _edges(time: _Wave, rise: float, fall: float) -> _Wave:
    """Return the gains that let a piece rise and fall within so many seconds."""
    gains: _Wave = np.minimum(1.0, time / rise) * np.minimum(1.0, (time[-1] - time) / fall)
    return gains


def _add(wave: _Wave, at: int, piece: _Wave) -> None:
    """Add a piece that may reach beyond the end, and then goes on at the beginning."""
    before = piece[: wave.size - at]
    wave[at : at + before.size] += before
    beyond = piece[before.size :]
    wave[: beyond.size] += beyond


def _to_rms(wave: _Wave, dbfs: float) -> bytes:
    return pcm_bytes(wave * (amplitude(dbfs) / np.sqrt(np.mean(wave**2))))


def _to_peak(wave: _Wave, dbfs: float) -> bytes:
    return pcm_bytes(wave * (amplitude(dbfs) / np.max(np.abs(wave))))


def _office(rate: int) -> bytes:
    chance = _Chance(1)
    count = sample_count(rate, 24_000)
    # Ventilation: noise that falls by 6 dB an octave.
    room = _noise(
        chance, count, rate, lambda hz: _band(hz, 120, _TELEPHONE_TOP_HZ) * 200 / (hz + 100)
    )
    for _ in range(5):
        room += 0.5 * _murmur(chance, count, rate)
    keys = np.zeros(count)
    moment = 0.0
    while (moment := moment + chance.between(1.5, 4.0)) < 23.0:
        for _ in range(1 + int(chance.between(0, 4))):
            moment += chance.between(0.1, 0.2)
            _add(keys, sample_count(rate, moment * 1000), _key(chance, rate))
    room += 2.0 * keys
    return _to_rms(room, -34.0)


def _murmur(chance: _Chance, count: int, rate: int) -> _Wave:
    """Make somebody who talks too far off to be understood: speech's rhythm on a band of noise."""
    middle = chance.between(300, 700)
    voice = _noise(chance, count, rate, lambda hz: _band(hz, middle * 0.7, middle * 1.5))
    # Syllables come about four in a second, sentences last some seconds.
    syllables = _noise(chance, count, rate, lambda hz: _band(hz, 2.0, 6.0))
    sentences = _noise(chance, count, rate, lambda hz: _band(hz, 0.08, 0.4))
    voice *= np.clip(syllables + 0.3, 0, 2) * np.clip(sentences, 0, 1.5)
    return voice


def _keyboard(rate: int) -> bytes:
    chance = _Chance(2)
    wave = np.zeros(sample_count(rate, 12_000))
    moment = 0.15
    while moment < 11.3:
        # A word or two, and a look at the screen.
        for _ in range(4 + int(chance.between(0, 9))):
            loud = chance.between(0.55, 1.0)
            _add(wave, sample_count(rate, moment * 1000), loud * _key(chance, rate))
            # The key comes up again, more softly.
            up = moment + chance.between(0.06, 0.09)
            _add(wave, sample_count(rate, up * 1000), 0.3 * loud * _key(chance, rate))
            moment += chance.between(0.10, 0.24)
            if moment > 11.5:
                break
        moment += chance.between(0.3, 0.9)
    return _to_peak(wave, -12.0)


def _key(chance: _Chance, rate: int) -> _Wave:
    """Make one key going down: a click, and the thump of the desk under it. Peak about 1."""
    count = sample_count(rate, 60)
    time = np.arange(count) / rate
    pitch = chance.between(1600, 2600)
    click = _noise(chance, count, rate, lambda hz: _band(hz, pitch * 0.7, pitch * 1.3))
    thump = np.sin(2 * np.pi * chance.between(220, 300) * time)
    wave = 0.4 * click * np.exp(-time / 0.006) + 0.35 * thump * np.exp(-time / 0.014)
    wave *= _edges(time, 0.001, 0.01)
    return wave


# Equal temperament, A4 = 440 Hz (ISO 16), by MIDI note number.
def _hz(note: int) -> float:
    return 440.0 * 2 ** ((note - 69) / 12)


_CHORDS: Sequence[Sequence[int]] = (
    (60, 67, 71, 76, 79),  # C major seventh
    (57, 64, 67, 72, 76),  # A minor seventh
    (62, 69, 72, 77, 81),  # D minor seventh
    (55, 65, 71, 74, 79),  # G seventh
    (64, 67, 71, 74, 79),  # E minor seventh
    (57, 64, 67, 72, 79),  # A minor seventh
    (53, 65, 69, 72, 76),  # F major seventh
    (55, 62, 69, 72, 77),  # G ninth, suspended
)
_PATTERN = (0, 1, 2, 3, 4, 3, 2, 1)


def _hold_music(rate: int) -> bytes:
    """Make eight chords of four seconds, each held softly and plucked note by note."""
    chord_seconds = 4.0
    count = sample_count(rate, 1000 * chord_seconds * len(_CHORDS))
    wave = np.zeros(count)
    for number, chord in enumerate(_CHORDS):
        begin = number * chord_seconds
        for note in chord:
            _add(wave, sample_count(rate, begin * 1000), 0.16 * _held(_hz(note), rate))
        for step, place in enumerate(_PATTERN):
            at = begin + step * chord_seconds / len(_PATTERN)
            loud = 0.8 if step == 0 else 0.55
            _add(wave, sample_count(rate, at * 1000), loud * _plucked(_hz(chord[place]), rate))
    return _to_rms(wave, -22.0)


def _held(hz: float, rate: int) -> _Wave:
    """Make a note of a soft organ that swells and goes, and overlaps the next chord."""
    time = np.arange(sample_count(rate, 4600)) / rate
    wave = np.sin(2 * np.pi * hz * time) + 0.3 * np.sin(4 * np.pi * hz * time + 0.5)
    wave *= np.sin(np.pi * time / 4.6) ** 2
    return wave


def _plucked(hz: float, rate: int) -> _Wave:
    """Make a note of something like an electric piano: overtones that die away sooner."""
    time = np.arange(sample_count(rate, 2200)) / rate
    wave = np.zeros(time.size)
    for overtone, share in ((1, 1.0), (2, 0.45), (3, 0.2), (4, 0.12)):
        if overtone * hz < _TELEPHONE_TOP_HZ:
            decay = np.exp(-time * (1.6 + 1.1 * overtone))
            wave += share * decay * np.sin(2 * np.pi * overtone * hz * time)
    wave *= _edges(time, 0.006, 0.2)
    return wave


def _ringback(rate: int) -> bytes:
    return ringback(rate)


def _chime(rate: int) -> bytes:
    wave = np.zeros(sample_count(rate, 1600))
    for at, note in ((0.0, 76), (0.25, 81)):
        time = np.arange(sample_count(rate, 1600 - 1000 * at)) / rate
        # A bell's overtones are no multiples: 2.76 and 5.4 are those of a free bar.
        bell = np.zeros(time.size)
        for ratio, share, fall in ((1.0, 1.0, 3.5), (2.76, 0.25, 9.0), (5.4, 0.08, 20.0)):
            if _hz(note) * ratio < _TELEPHONE_TOP_HZ:
                bell += share * np.exp(-fall * time) * np.sin(2 * np.pi * _hz(note) * ratio * time)
        wave[wave.size - time.size :] += bell * _edges(time, 0.004, 0.1)
    return _to_peak(wave, -10.0)


_MAKERS: Mapping[str, Callable[[int], bytes]] = {
    "chime": _chime,
    "hold_music": _hold_music,
    "keyboard": _keyboard,
    "office": _office,
    "ringback": _ringback,
}

BUILT_IN_SOUNDS = tuple(_MAKERS)
"""The names of the built-in sounds."""

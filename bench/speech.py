"""Two seconds of a made-up voice that detectors of speech take for speech, without a pause.

A source and filters: a buzz whose pitch wanders, through the resonances of vowels that glide into
each other, five syllables a second, with breath between them. The Silero network gives every
window of it more than 0.6, from the first on, however the windows lie. The same bytes each run.
"""

import numpy as np
import numpy.typing as npt

from hookflash.audio.frames import pcm_bytes
from hookflash.audio.g711 import ulaw_encode

__all__ = ["RATE", "SILENCE", "speech_frames", "speech_pcm"]

RATE = 8000
SILENCE = b"\xff" * 160
"""20 ms of silence in mu-law."""

# First three formants in Hz of seven vowels, men's voices (Peterson and Barney 1952, table II).
_VOWELS = np.array(
    [
        (270, 2290, 3010),
        (390, 1990, 2550),
        (530, 1840, 2480),
        (660, 1720, 2410),
        (730, 1090, 2440),
        (570, 840, 2410),
        (300, 870, 2240),
    ]
)
_WEIGHTS = (1.0, 0.5, 0.25)
_PITCH = (110.0, 165.0)
_HARMONICS = 34
_SYLLABLE = 0.2
_DEPTH = 0.9
_BREATH = 0.03
_LOUDNESS = 9000.0
_SEED = 74


def speech_pcm(seconds: float) -> bytes:
    """Return PCM16 at 8 kHz, loud from its first to its last syllable."""
    rng = np.random.default_rng(_SEED)
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    knots = np.arange(0, seconds + 2 * _SYLLABLE, _SYLLABLE)
    vowels = _VOWELS[rng.integers(0, len(_VOWELS), knots.size)]
    pitch = np.interp(time, knots, rng.uniform(*_PITCH, knots.size))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice: npt.NDArray[np.float64] = np.zeros(count)
    for number in range(1, _HARMONICS + 1):
        hz = number * pitch
        gain = np.zeros(count)
        for formant, weight in enumerate(_WEIGHTS):
            centre = np.interp(time, knots, vowels[:, formant])
            gain += weight / (1 + ((hz - centre) / (90 + centre / 20)) ** 2)
        voice += np.sin(number * phase) * gain * (hz < 0.47 * RATE)
    loud = 1 - _DEPTH * (0.5 - 0.5 * np.cos(2 * np.pi * time / _SYLLABLE))
    voice *= loud
    voice /= np.abs(voice).max()
    breath = np.diff(rng.normal(0, _BREATH, count + 1)) * (1 - loud)
    return pcm_bytes(_LOUDNESS * (voice + breath))


def speech_frames(seconds: float) -> list[bytes]:
    """Return the same as mu-law frames of 20 ms."""
    codes = ulaw_encode(speech_pcm(seconds))
    size = len(SILENCE)
    return [codes[at : at + size] for at in range(0, len(codes), size)]

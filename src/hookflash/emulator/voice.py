"""Who speaks when the emulator has words to say: `<Say>`, and far ends given text."""

from typing import Protocol

import numpy as np

from hookflash.audio.frames import pcm_bytes

__all__ = ["SECONDS_PER_CHARACTER", "Voice", "placeholder_voice"]

SECONDS_PER_CHARACTER = 0.06
"""Length of placeholder speech: 17 characters a second, as fast as people read aloud."""

_RATE = 8000
_SYLLABLE = 0.2
_PITCHES = (180.0, 220.0, 160.0, 200.0)


class Voice(Protocol):
    """Turns text into sound."""

    async def __call__(self, text: str, voice: str | None) -> bytes:
        """Return `text` spoken: PCM16 little-endian mono at 8 kHz.

        Args:
            text: plain words; speech markup has been removed.
            voice: the name of a voice, as written by whoever speaks; None for the usual one.
        """
        ...


async def placeholder_voice(text: str, voice: str | None) -> bytes:
    """Return a hum in the rhythm of syllables, so that nothing needs a synthesiser.

    It lasts 0.06 s for each character, without the blanks around the text, and at least 0.2 s,
    rounded up to whole 20 ms frames; five syllables a second that change pitch, at about -20
    dBFS. Loud enough for every speech detector that goes by energy; no words for a recogniser.
    """
    seconds = max(0.2, SECONDS_PER_CHARACTER * len(text.strip()))
    frames = -(-round(seconds * 1000) // 20)
    time = np.arange(frames * 160) / _RATE
    pitch = np.asarray(_PITCHES)[(time / _SYLLABLE).astype(int) % len(_PITCHES)]
    phase = 2 * np.pi * np.cumsum(pitch) / _RATE
    # Harmonics give it the spectrum of a vowel; the raised cosine opens and closes the syllable
    # to a tenth, so that it never falls silent within an utterance.
    tone = np.sin(phase) + 0.6 * np.sin(3 * phase) + 0.3 * np.sin(7 * phase)
    opening = 0.55 - 0.45 * np.cos(2 * np.pi * time / _SYLLABLE)
    return pcm_bytes(6500 * tone * opening)

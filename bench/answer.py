"""What the measured agents hear and say, and how patient they are: the same for all systems.

Imported by servers of other virtual environments, so it needs nothing but Python.
"""

import math
from array import array

__all__ = ["ANSWER", "QUESTION", "RATE", "SILENCE", "START", "THRESHOLD", "answer_pcm"]

QUESTION = "What are your opening hours today?"
ANSWER = "We are open from nine until six today."
RATE = 8000
START = 0.2
"""Seconds of speech before it counts."""
SILENCE = 0.35
"""Seconds of silence before the caller's turn is over."""
THRESHOLD = 0.5
"""The probability of speech that counts as speech."""


def answer_pcm() -> bytes:
    """Return three seconds of 440 Hz, PCM16 at 8 kHz."""
    step = 2 * math.pi * 440 / RATE
    return array("h", (int(3277 * math.sin(step * at)) for at in range(3 * RATE))).tobytes()

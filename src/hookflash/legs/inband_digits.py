"""Keys by their sound, for peers that do not report them; each key once, though some do both."""

from collections import deque
from typing import Final

from hookflash.audio.dtmf import DtmfDetector, DtmfDigit
from hookflash.audio.frames import Pcm, duration_ms

__all__ = ["SAME_KEY_WITHIN", "InbandDigits"]

SAME_KEY_WITHIN: Final = 1.0
"""Seconds between a tone and a report within which both are the same press of a key. Gateways that
turn tones into reports take some 0.1 s; a person cannot press the key again and again have only
one of each noticed, because each tone answers for one report."""

_FORGET_AFTER = 10.0
"""Seconds that a report waits for its tone: as long as anybody holds a key down."""
_MOST = 64


class InbandDigits:
    """Hears one party's keys. Costs some 25 microseconds a frame, 7 in silence."""

    def __init__(self, rate: int) -> None:
        """Listen from now on.

        Args:
            rate: Hz, as `audio.dtmf.DtmfDetector` takes it.

        Raises:
            UsageError: another rate.
        """
        self._rate = rate
        self._detector = DtmfDetector(rate)
        self._heard_ms = 0.0
        # What waits for its twin: reports without a tone yet, and tones without a report.
        self._reported: deque[tuple[str, float]] = deque(maxlen=_MOST)
        self._sounded: deque[tuple[str, float]] = deque(maxlen=_MOST)

    @property
    def held(self) -> bool:
        """Whether a key's tone is sounding: what is heard now is no speech."""
        return self._detector.held

    def hear(self, pcm: Pcm, at: float) -> list[str]:
        """Take audio whose end came `at`; return the keys in it that were not reported before."""
        self._heard_ms += duration_ms(pcm, self._rate)
        return [
            press.digit for press in self._detector.push(pcm) if not self._was_reported(press, at)
        ]

    def report(self, digit: str, at: float) -> bool:
        """The peer reports a key; return whether it is news, or the tone was heard before."""
        _expire(self._sounded, at - SAME_KEY_WITHIN)
        for sounded in self._sounded:
            if sounded[0] == digit:
                self._sounded.remove(sounded)
                return False
        self._reported.append((digit, at))
        return True

    def _was_reported(self, press: DtmfDigit, at: float) -> bool:
        began = at - (self._heard_ms - press.started_ms) / 1000
        ended = began + press.duration_ms / 1000
        _expire(self._reported, at - _FORGET_AFTER)
        for reported in self._reported:
            if reported[0] == press.digit and (
                began - SAME_KEY_WITHIN <= reported[1] <= ended + SAME_KEY_WITHIN
            ):
                self._reported.remove(reported)
                return True
        self._sounded.append((press.digit, at))
        return False


def _expire(waiting: deque[tuple[str, float]], before: float) -> None:
    while waiting and waiting[0][1] < before:
        waiting.popleft()

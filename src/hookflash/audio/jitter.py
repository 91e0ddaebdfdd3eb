"""Frames that come as the network lets them through, taken one every 20 ms, with little delay."""

import functools
from collections import deque

import numpy as np
import numpy.typing as npt

from hookflash.audio.frames import FRAME_MS, Pcm, pcm_bytes, samples

__all__ = ["JitterBuffer", "crossfade", "fade_in", "fade_out"]

_FRAME = FRAME_MS / 1000
# A frame that comes less than this before it is taken will be late the next time.
_GUARD = 0.002
# After so many takes in vain (100 ms) it was no delay: the party was silent, and begins anew.
_IDLE = 5
# More than 120 ms are not kept: of a burst the newest 40 ms are.
_MOST = 6
_KEPT = 2
# Takes without need of a delay before it is given back: two seconds, and up to a minute.
_PATIENCE = 100
_MOST_PATIENCE = 3000


class JitterBuffer:
    """What one party says, on its way to one other who takes 20 ms every 20 ms.

    It begins as low as it can: the first frame is held until the next take, if that is 2 ms off
    or more. From then on:

    - A frame that is *late* is replaced by the one before it, played backwards and faded out, so
      that there is no step. It is played when it comes, faded in; all that follows has 20 ms more
      of delay, which is 20 ms more of tolerance.
    - A frame that is *missing* is replaced in the same way, and adds no delay.
    - *Early* frames wait. When for two seconds none was needed before its time, the two frames
      around the surplus are cross-faded into one. Each late frame doubles that time, up to a
      minute, so that a line that is late again and again is left its delay.
    - A *burst* after a stall leaves its newest 40 ms if there are more than 120, cross-faded into.
    - *Drift* of the party's clock is one of the above once in a while: at 50 ppm a frame is
      missing, or too many, every 400 s.

    All frames have the same size. Not more than one party takes from it. It knows no clock.

    Attributes:
        late: how often a frame was late or missing.
        skipped: how many were left out to give delay back.
        over: whether it was closed and has faded out.
    """

    __slots__ = (
        "_closing",
        "_frames",
        "_last",
        "_least",
        "_missed",
        "_patience",
        "_taken",
        "_wait_until",
        "late",
        "over",
        "skipped",
    )

    def __init__(self) -> None:
        self.late = 0
        self.skipped = 0
        self.over = False
        self._frames: deque[tuple[bytes, float]] = deque()
        self._last = b""
        self._missed = _IDLE
        self._wait_until = 0.0
        self._closing = False
        # Since the last look: how many were taken, and the shortest time that one had waited.
        self._taken = 0
        self._least = float("inf")
        self._patience = _PATIENCE

    def push(self, frame: bytes, at: float) -> None:
        """Take a frame that came now; `at` in seconds."""
        if not self._frames and self._missed:
            if self._missed >= _IDLE:
                self._wait_until = at + _GUARD
            else:
                self.late += 1
                self._patience = min(2 * self._patience, _MOST_PATIENCE)
            self._look_anew()
        self._frames.append((frame, at))
        if len(self._frames) > _MOST:
            self._skip(len(self._frames) - _KEPT)

    def pull(self, at: float) -> bytes | None:
        """Return the next 20 ms; None if there is nothing to hear. `at` is now, in seconds."""
        if self._closing:
            self.over = True
            if self._missed:
                return None
            return fade_out(self._frames[0][0]) if self._frames else _trailing_off(self._last)
        if not self._frames or at < self._wait_until:
            self._missed += 1
            return _trailing_off(self._last) if self._missed == 1 else None
        if self._missed:
            self._missed = 0
            self._last = fade_in(self._frames.popleft()[0])
            return self._last
        self._taken += 1
        self._least = min(self._least, at - self._frames[0][1])
        if self._taken >= self._patience:
            surplus = min(int((self._least - _GUARD) / _FRAME), len(self._frames) - 1)
            if surplus > 0:
                self._skip(surplus)
            self._look_anew()
        self._last = self._frames.popleft()[0]
        return self._last

    def close(self) -> None:
        """Let the next take be the last one, faded out. Idempotent."""
        self._closing = True

    def __len__(self) -> int:
        """How many frames wait."""
        return len(self._frames)

    def _look_anew(self) -> None:
        self._taken = 0
        self._least = float("inf")

    def _skip(self, count: int) -> None:
        """Leave out so many frames, between the first and the one behind them."""
        first, _ = self._frames.popleft()
        for _ in range(count - 1):
            self._frames.popleft()
        after, came = self._frames.popleft()
        self._frames.appendleft((crossfade(first, after), came))
        self.skipped += count


def fade_in(pcm: Pcm) -> bytes:
    """Raise `pcm` from silence to its own level, along half a cosine."""
    wave = samples(pcm)
    return pcm_bytes(wave * _rise(wave.size))


def fade_out(pcm: Pcm) -> bytes:
    """Lower `pcm` from its own level to silence, along half a cosine."""
    wave = samples(pcm)
    return pcm_bytes(wave * _rise(wave.size)[::-1])


def crossfade(before: Pcm, after: Pcm) -> bytes:
    """Lower one and raise the other; both have the same length."""
    first, second = samples(before), samples(after)
    rise = _rise(first.size)
    return pcm_bytes(first * rise[::-1] + second * rise)


def _trailing_off(frame: Pcm) -> bytes:
    """Go on after a frame without a step: back through it, and out."""
    wave = samples(frame)
    return pcm_bytes(wave[::-1] * _rise(wave.size)[::-1])


@functools.cache
def _rise(count: int) -> npt.NDArray[np.float32]:
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / max(1, count))
    rise.setflags(write=False)
    return rise.astype(np.float32)

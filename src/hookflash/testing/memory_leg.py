"""A leg whose far side is in memory, with a carrier's buffer in between."""

import asyncio
from collections import deque

from hookflash.audio.frames import FRAME_MS, frame_bytes
from hookflash.legs.base import Leg, LegCapabilities
from hookflash.runtime.tape import Tape
from hookflash.runtime.ticker import TICK

__all__ = ["MemoryLeg"]


class MemoryLeg(Leg):
    """Behaves as a carrier's media stream does: a buffer, marks, and a clear that returns marks.

    The far side is you: `say` and `press` speak to the leg, `heard` is what reached your ear.
    """

    def __init__(
        self,
        sample_rate: int = 8000,
        *,
        marks: bool = True,
        clear: bool = True,
        tape: Tape | None = None,
    ) -> None:
        """Open a leg.

        Args:
            sample_rate: Hz on both sides.
            marks: whether the carrier in between returns marks.
            clear: whether it can drop what it has not played.
            tape: where the playout machine writes.
        """
        super().__init__(
            sample_rate=sample_rate,
            capabilities=LegCapabilities(marks=marks, clear=clear),
            tape=tape,
        )
        self.received: list[tuple[float, bytes]] = []
        """Every frame that was sent, and when it arrived at the carrier."""
        self.clears: list[float] = []
        """When the carrier was told to drop its buffer."""
        self.close_reason: str | None = None
        """Why our side closed, if it did."""
        self._played: list[tuple[float, bytes]] = []
        self._buffered_until = 0.0
        self._marks: deque[tuple[str, asyncio.TimerHandle]] = deque()

    # The far side.

    async def say(self, pcm: bytes) -> None:
        """Speak to the leg in real time: one frame every 20 ms, the last padded."""
        size = frame_bytes(self.sample_rate)
        moment = self._loop.time()
        for start in range(0, len(pcm), size):
            self.hear(pcm[start : start + size].ljust(size, b"\0"))
            moment += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, moment - self._loop.time()))

    def hear(self, frame: bytes) -> None:
        """Let the leg hear one frame now."""
        if not self.closed:
            self._heard_audio(frame)

    def press(self, digits: str) -> None:
        """Press keys."""
        for digit in digits:
            if not self.closed:
                self._heard_digit(digit)

    def hang_up(self) -> None:
        """The far side hangs up."""
        self._over("peer_stopped")

    def lose(self) -> None:
        """The link breaks."""
        self._over("link_lost")

    @property
    def heard(self) -> bytes:
        """The audio that reached the far ear until now, gaps left out."""
        now = self._loop.time()
        parts: list[bytes] = []
        for at, frame in self._played:
            share = min(1.0, max(0.0, (now - at) / TICK))
            parts.append(frame[: 2 * round(len(frame) / 2 * share)])
        return b"".join(parts)

    # As the carrier.

    def _send_frame(self, pcm: bytes) -> None:
        now = self._loop.time()
        self.received.append((now, pcm))
        at = max(now, self._buffered_until)
        self._played.append((at, pcm))
        self._buffered_until = at + TICK

    def _send_mark(self, mark: str) -> None:
        if self.capabilities.marks:
            at = max(self._loop.time(), self._buffered_until)
            self._marks.append((mark, self._loop.call_at(at, self._return_mark, mark)))

    def _return_mark(self, mark: str) -> None:
        self._marks.popleft()
        self._mark_returned(mark)

    def _send_clear(self) -> None:
        now = self._loop.time()
        self.clears.append(now)
        kept: list[tuple[float, bytes]] = []
        for at, frame in self._played:
            if at + TICK <= now:
                kept.append((at, frame))
            elif at < now:
                share = (now - at) / TICK
                kept.append((at, frame[: 2 * round(len(frame) / 2 * share)]))
        self._played = kept
        self._buffered_until = now
        pending, self._marks = self._marks, deque()
        for mark, timer in pending:
            timer.cancel()
            self._loop.call_soon(self._mark_returned, mark)

    def _shut(self, reason: str) -> None:
        self.close_reason = reason
        for _, timer in self._marks:
            timer.cancel()
        self._marks.clear()

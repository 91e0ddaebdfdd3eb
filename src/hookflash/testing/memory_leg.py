"""A leg whose far side is in memory, with a carrier's buffer in between."""

import asyncio
from collections import deque

from hookflash.audio.frames import FRAME_MS, frame_bytes
from hookflash.legs.base import DigitsBy, Leg, LegCapabilities
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
        digits_in: DigitsBy = "signal",
        digits_out: DigitsBy = "audio",
        tape: Tape | None = None,
    ) -> None:
        """Open a leg.

        Args:
            sample_rate: Hz on both sides.
            marks: whether the carrier in between returns marks.
            clear: whether it can drop what it has not played.
            digits_in: whether the carrier reports keys, or only their tones come.
            digits_out: whether keys are tones, or the carrier sends them.
            tape: where the playout machine writes.
        """
        super().__init__(
            sample_rate=sample_rate,
            capabilities=LegCapabilities(
                marks=marks, clear=clear, digits_in=digits_in, digits_out=digits_out
            ),
            tape=tape,
        )
        self.received: list[tuple[float, bytes]] = []
        """Every frame that was sent, and when it arrived at the carrier."""
        self.clears: list[float] = []
        """When the carrier was told to drop its buffer."""
        self.digits_sent: list[tuple[float, str]] = []
        """The keys that the carrier was told to send, and when, if `digits_out` is `signal`."""
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
        return b"".join(self._until_now(at, frame) for at, frame in self._played)

    # As the carrier.

    def _send_frame(self, pcm: bytes) -> None:
        now = self._loop.time()
        self.received.append((now, pcm))
        at = max(now, self._buffered_until)
        self._played.append((at, pcm))
        self._buffered_until = at + TICK

    def _until_now(self, at: float, frame: bytes) -> bytes:
        """Return what has been played of a frame that began at `at`."""
        return frame[: 2 * max(0, round((self._loop.time() - at) * self.sample_rate))]

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
        self._played = [(at, self._until_now(at, frame)) for at, frame in self._played if at < now]
        self._buffered_until = now
        pending, self._marks = self._marks, deque()
        for mark, timer in pending:
            timer.cancel()
            self._loop.call_soon(self._mark_returned, mark)

    def _send_digit(self, digit: str) -> None:
        self.digits_sent.append((self._loop.time(), digit))

    def _shut(self, reason: str) -> None:
        self.close_reason = reason
        for _, timer in self._marks:
            timer.cancel()
        self._marks.clear()

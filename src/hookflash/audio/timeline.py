"""A track of sound on which everything lies where it was heard."""

from hookflash.audio.frames import Pcm, check_rate, sample_count, samples
from hookflash.audio.mix import mix

__all__ = ["Timeline"]


class Timeline:
    """One party's side of a recording: mono PCM by time, silence where there was none.

    Times are milliseconds since the recording began, and are rounded to the nearest sample.
    There are two ways to put sound on it:

    - `place` and `blend` put it exactly where they are told, over what is there.
    - `append` takes frames as they come from a line, with the times at which they came, and
      puts them end to end. A frame that is late by no more than the tolerance is jitter; one
      that is later leaves a gap of silence. When frames held up on the way then arrive all at
      once, the gap closes again, until the track lags no more than the tolerance.

    A long call need not stay in memory: `take` hands out what is settled and forgets it.

    ```python
    caller, agent = Timeline(8000), Timeline(8000)
    ...
    until = now_ms - 1000
    writer.write(interleave([caller.take(until), agent.take(until)]))
    ```

    Attributes:
        rate: Hz.
        tolerance_ms: how late a frame may be before there is a gap.
    """

    def __init__(self, rate: int, *, tolerance_ms: float = 60.0, start_ms: float = 0.0) -> None:
        """Begin an empty track.

        Args:
            rate: Hz.
            tolerance_ms: three frames by default, what a jitter buffer usually holds.
            start_ms: where it begins, as if all before had been taken.

        Raises:
            UsageError: a rate that is none, or a negative tolerance or start.
        """
        self.rate = check_rate(rate)
        self.tolerance_ms = tolerance_ms
        self._tolerance = sample_count(rate, tolerance_ms)
        self._track = bytearray()
        # Samples before this one were taken.
        self._origin = sample_count(rate, start_ms)
        # The gap that `append` left last: where it lies and how many samples of it are left.
        self._gap_at = 0
        self._gap = 0

    @property
    def start_ms(self) -> float:
        """Where it begins: the end of what was taken."""
        return self._origin * 1000 / self.rate

    @property
    def end_ms(self) -> float:
        """Where the sound ends: the end of what was put latest in time."""
        return self._end * 1000 / self.rate

    def place(self, at_ms: float, pcm: Pcm) -> None:
        """Put `pcm` at `at_ms`, in the place of what is there. What lies before a `take` is lost.

        Raises:
            UsageError: a negative time, or an odd number of bytes.
        """
        start, pcm = self._fit(at_ms, pcm)
        self._reach(start)
        self._track[2 * start : 2 * start + len(pcm)] = pcm

    def blend(self, at_ms: float, pcm: Pcm) -> None:
        """Add `pcm` at `at_ms` to what is there, saturating. What lies before a `take` is lost.

        Raises:
            UsageError: a negative time, or an odd number of bytes.
        """
        start, pcm = self._fit(at_ms, pcm)
        self._reach(start)
        place = slice(2 * start, 2 * start + len(pcm))
        self._track[place] = mix((self._track[place], pcm))

    def append(self, at_ms: float, pcm: Pcm) -> None:
        """Put a frame that came at `at_ms` after the one before; see the class for the rules.

        `at_ms` is when the frame began: the carrier's timestamp where there is one, else the time
        of arrival. It never overwrites.

        Raises:
            UsageError: a negative time, or an odd number of bytes.
        """
        samples(pcm)
        late = sample_count(self.rate, at_ms) - self._end
        if late > self._tolerance:
            self._gap_at, self._gap = self._end, late
            self._reach(self._end + late - self._origin)
        elif -late > self._tolerance and self._gap:
            closed = min(-late, self._gap, max(0, self._gap_at + self._gap - self._origin))
            first = self._gap_at + self._gap - closed - self._origin
            del self._track[2 * first : 2 * (first + closed)]
            self._gap -= closed
        self._track += pcm

    def truncate_from(self, at_ms: float) -> None:
        """Drop everything from `at_ms` on: it was never heard. Beyond the end, do nothing.

        Raises:
            UsageError: a negative time.
        """
        keep = max(0, sample_count(self.rate, at_ms) - self._origin)
        del self._track[2 * keep :]
        if self._gap_at + self._gap > self._end:
            self._gap = 0

    def pcm(self, until_ms: float | None = None) -> bytes:
        """Return the track as far as `until_ms`, cut or filled with silence; None for its end.

        What was taken before is not in it.

        Raises:
            UsageError: a negative time.
        """
        if until_ms is None:
            return bytes(self._track)
        size = 2 * max(0, sample_count(self.rate, until_ms) - self._origin)
        return bytes(self._track[:size]).ljust(size, b"\0")

    def take(self, until_ms: float) -> bytes:
        """Return the track from the last take to `until_ms`, as `pcm` does, and forget it.

        Leave a second or so, for what may still be cut off or closed up.

        Raises:
            UsageError: a negative time.
        """
        taken = self.pcm(until_ms)
        del self._track[: len(taken)]
        self._origin += len(taken) // 2
        return taken

    @property
    def _end(self) -> int:
        return self._origin + len(self._track) // 2

    def _reach(self, count: int) -> None:
        """Fill the track with silence up to `count` samples."""
        self._track += bytes(max(0, 2 * count - len(self._track)))

    def _fit(self, at_ms: float, pcm: Pcm) -> tuple[int, Pcm]:
        """Return where on the track `pcm` goes, without what was taken already."""
        samples(pcm)
        start = sample_count(self.rate, at_ms) - self._origin
        return (start, pcm) if start >= 0 else (0, pcm[-2 * start :])

"""Recording one party until it falls silent."""

import asyncio

from hookflash.audio.levels import rms_dbfs
from hookflash.emulator.line import FRAME_SECONDS, LOUD_DBFS, SILENCE

__all__ = ["Recorder"]


class Recorder:
    """A tap that keeps what the far end speaks; `done` when `<Record>` would end."""

    def __init__(self, *, timeout: float, max_length: float, finish_on_key: str) -> None:
        """Listen from the next frame on.

        Args:
            timeout: seconds of silence that end it; 0 is never.
            max_length: seconds.
            finish_on_key: keys, each of which ends it.
        """
        self._quiet_frames = round(timeout / FRAME_SECONDS)
        self._max_frames = round(max_length / FRAME_SECONDS)
        self._finish_on_key = finish_on_key
        self._frames: list[bytes] = []
        self._first_loud: int | None = None
        self._last_loud = -1
        self.ended_by = ""
        """The key that ended it."""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def has_sound(self) -> bool:
        """Whether anything was said."""
        return self._first_loud is not None

    def frame(self, spoken: bytes, heard: bytes, deadline: float) -> None:
        """Keep 20 ms."""
        if self.done.done():
            return
        if spoken is not SILENCE and rms_dbfs(spoken) > LOUD_DBFS:
            self._last_loud = len(self._frames)
            if self._first_loud is None:
                self._first_loud = self._last_loud
        self._frames.append(spoken)
        quiet = len(self._frames) - 1 - self._last_loud
        if len(self._frames) >= self._max_frames or 0 < self._quiet_frames <= quiet:
            self.done.set_result(None)

    def key(self, digit: str) -> None:
        """End, if this key ends it."""
        if digit in self._finish_on_key and not self.done.done():
            self.ended_by = digit
            self.done.set_result(None)

    def pcm(self, *, trim: bool) -> bytes:
        """Return the sound, PCM16 at 8 kHz; `trim` drops silence at both ends."""
        if trim:
            if self._first_loud is None:
                return b""
            return b"".join(self._frames[self._first_loud : self._last_loud + 1])
        return b"".join(self._frames)

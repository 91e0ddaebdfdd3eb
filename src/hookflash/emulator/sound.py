"""What a call plays towards its far end, frame by frame."""

import asyncio
import io
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Protocol

from hookflash.audio.mix import mix
from hookflash.audio.resample import Resampler
from hookflash.audio.sounds import built_in_sound
from hookflash.audio.wav import read_wav, split
from hookflash.emulator.line import RATE, SILENCE, cut

__all__ = ["Channel", "Clip", "Loop", "Output", "Relay", "Source", "wav_pcm"]


class Source(Protocol):
    """Something that plays."""

    def next_frame(self) -> bytes:
        """Return the next 20 ms; silence when there is nothing to play."""
        ...


class Output(Protocol):
    """Something into which sound can be played: a call, or one ear of it."""

    def playing(self, source: Source) -> AbstractContextManager[None]:
        """Play `source` while the block runs."""
        ...


class Channel:
    """Something into which one sound at a time can be played; silence while there is none."""

    def __init__(self) -> None:
        self._source: Source | None = None

    @contextmanager
    def playing(self, source: Source) -> Generator[None]:
        """Play `source` while the block runs, instead of what was playing."""
        before, self._source = self._source, source
        try:
            yield
        finally:
            if self._source is source:
                self._source = before

    def next_frame(self) -> bytes:
        """Return the next 20 ms."""
        return SILENCE if self._source is None else self._source.next_frame()

    def close(self) -> None:
        """Play nothing any more of what plays now."""
        self._source = None


class Clip:
    """A sound with an end; `done` when its last frame has been played."""

    def __init__(
        self,
        frames: Sequence[bytes],
        *,
        keys: Sequence[str] = (),
        on_key: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare to play.

        Args:
            frames: 20 ms each.
            keys: for each frame the key that begins in it, or "".
            on_key: told of each key when its frame is played.
        """
        self._frames = frames
        self._keys = keys
        self._on_key = on_key
        self._place = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not frames:
            self.done.set_result(None)

    def next_frame(self) -> bytes:
        """Return the next 20 ms; silence after the end."""
        place = self._place
        if place >= len(self._frames):
            if not self.done.done():
                self.done.set_result(None)
            return SILENCE
        self._place += 1
        if self._keys and self._keys[place] and self._on_key is not None:
            self._on_key(self._keys[place])
        return self._frames[place]


class Loop:
    """A sound without end: it begins again when it is over."""

    def __init__(self, frames: Sequence[bytes]) -> None:
        """Begin at the first of `frames`, 20 ms each."""
        self._frames = frames
        self._place = -1

    @classmethod
    def ringing(cls) -> "Loop":
        """Return the ringing that a caller hears while somebody is dialled: North American."""
        return cls(_built_in("ringback"))

    @classmethod
    def music(cls) -> "Loop":
        """Return the music that a party hears who waits or is on hold."""
        return cls(_built_in("hold_music"))

    def next_frame(self) -> bytes:
        """Return the next 20 ms."""
        self._place = (self._place + 1) % len(self._frames)
        return self._frames[self._place]


class Relay:
    """One direction between two bridged calls: what one party speaks, the other hears."""

    # As deep as a stalled peer may fall behind: 100 ms.
    _DEPTH = 5

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=self._DEPTH)

    def frame(self, spoken: bytes, heard: bytes, deadline: float) -> None:
        """Tap of the call whose party speaks."""
        self._frames.append(spoken)

    def next_frame(self) -> bytes:
        """Source of the call whose party hears."""
        return self._frames.popleft() if self._frames else SILENCE


@cache
def _built_in(name: str) -> Sequence[bytes]:
    """Return a built-in sound in frames, made once for the process."""
    return tuple(cut(built_in_sound(name, RATE)))


def wav_pcm(file: bytes) -> bytes:
    """Return the sound of a WAV file as PCM16 mono at 8 kHz; channels are added up.

    Raises:
        UsageError: not a WAV file, or one of an unknown kind.
    """
    wav = read_wav(io.BytesIO(file))
    pcm = wav.pcm if wav.channels == 1 else mix(split(wav.pcm, wav.channels))
    resampler = Resampler(wav.rate, RATE)
    return resampler.push(pcm) + resampler.flush()

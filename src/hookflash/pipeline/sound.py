"""Sounds to play on calls: from a file, from PCM, or built in; decoded once for all calls."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from hookflash.audio.frames import Pcm, check_rate, duration_ms, pcm_bytes, sample_count, samples
from hookflash.audio.resample import Resampler
from hookflash.audio.sounds import BUILT_IN_SOUNDS, built_in_sound
from hookflash.audio.wav import read_wav
from hookflash.errors import ConfigError, HookflashError, MissingExtra, UsageError

__all__ = ["MAX_SOUND_SECONDS", "Sound", "SoundSource", "check_source", "sound_of"]

MAX_SOUND_SECONDS = 600.0
"""The longest sound that is taken: ten minutes of music on hold are 10 MB at 8 kHz. What is
longer belongs to a stream, not into memory."""
_MAX_FILE_BYTES = 128_000_000
_CACHE_BYTES = 256_000_000
_EDGE_MS = 5.0
_BLOCK = 1 << 16


class Sound:
    """A piece of audio that can be played on any call, at any rate. Safe to share, also by threads.

    Attributes:
        label: the file's name, or the built-in sound's; for logs and errors.
    """

    def __init__(self, label: str, render: Callable[[int], bytes]) -> None:
        """Made by `from_file`, `from_pcm` and `built_in`.

        Args:
            label: see above.
            render: makes the PCM for a sample rate; called once for each.
        """
        self.label = label
        self._render = render
        self._rendered: dict[int, bytes] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_file(cls, path: str | PathLike[str]) -> "Sound":
        """Read a file: WAV by ourselves, everything else by `soundfile` (the extra `sound`).

        Channels are mixed to one, and 5 ms at both ends are faded, so that the sound neither
        clicks nor has a seam when it loops. The same file, unchanged, is decoded once in a
        process. Reads in the calling thread.

        Raises:
            ConfigError: there is no such file, it is none that can be read, or it is empty,
                larger than 128 MB or longer than ten minutes. The message names it and says what
                is wrong.
            MissingExtra: it is no WAV file, and `soundfile` is not installed.
        """
        return _files.find(Path(path))

    @classmethod
    def from_pcm(cls, pcm: Pcm, rate: int) -> "Sound":
        """Take PCM16 mono at `rate` Hz as it is.

        Raises:
            UsageError: an odd number of bytes, none, or a rate that is none.
        """
        if not samples(pcm).size:
            msg = "a sound without a sample cannot be played"
            raise UsageError(msg)
        return cls("pcm", partial(_resample, bytes(pcm), check_rate(rate)))

    @classmethod
    def built_in(cls, name: str) -> "Sound":
        """Take one of `hookflash.audio.sounds`: `office`, `keyboard`, `hold_music`, ...

        Raises:
            ConfigError: none has that name.
        """
        if name not in BUILT_IN_SOUNDS:
            msg = f"no built-in sound is called {name!r}; there are {', '.join(BUILT_IN_SOUNDS)}"
            raise ConfigError(msg)
        return cls(name, partial(built_in_sound, name))

    def pcm(self, rate: int) -> bytes:
        """Return it as PCM16 mono at `rate` Hz, made at the first call and kept.

        Raises:
            UsageError: a rate that is none, or to which it cannot be converted.
        """
        with self._lock:
            rendered = self._rendered.get(rate)
            if rendered is None:
                rendered = self._rendered[rate] = self._render(rate)
            return rendered

    async def ready(self, rate: int) -> bytes:
        """Return `pcm(rate)`; the first time it is made in a thread, for it may take a second.

        Raises:
            UsageError: as `pcm`.
        """
        if rate in self._rendered:
            return self._rendered[rate]
        return await asyncio.to_thread(self.pcm, rate)

    def duration_ms(self) -> float:
        """Return how long it lasts, in milliseconds."""
        return duration_ms(self.pcm(8000), 8000)

    def __repr__(self) -> str:
        return f"Sound({self.label!r})"


SoundSource: TypeAlias = str | PathLike[str] | Sound
"""A built-in sound's name, a path, or a `Sound`."""


def check_source(source: object, field: str) -> None:
    """Check as far as is possible without decoding that there is such a sound.

    Args:
        source: what was given.
        field: the setting's name, for the error.

    Raises:
        ConfigError: it is neither, or there is no such file.
    """
    if isinstance(source, Sound) or (isinstance(source, str) and source in BUILT_IN_SOUNDS):
        return
    try:
        path = Path(cast("str", source))
    except TypeError as exc:
        kind = type(source).__name__
        msg = f"{field} is of type {kind}; give a path, a built-in sound's name or a Sound"
        raise ConfigError(msg) from exc
    if not path.is_file():
        names = ", ".join(BUILT_IN_SOUNDS)
        msg = f"{field}: there is no file {str(path)!r}, and the built-in sounds are {names}"
        raise ConfigError(msg)


async def sound_of(source: SoundSource) -> Sound:
    """Return the sound that is meant. A file is read in a thread.

    Raises:
        ConfigError, MissingExtra: as `Sound.from_file`.
    """
    if isinstance(source, Sound):
        return source
    if isinstance(source, str) and source in BUILT_IN_SOUNDS:
        return Sound.built_in(source)
    return await asyncio.to_thread(Sound.from_file, source)


class _Files:
    """Sounds that were read from files, the least used ones forgotten beyond so many bytes."""

    def __init__(self) -> None:
        self._sounds: OrderedDict[tuple[Path, int, int], tuple[Sound, int]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, path: Path) -> Sound:
        try:
            found = path.stat()
            if not path.is_file():
                msg = f"{path} is not a file"
                raise ConfigError(msg)
        except OSError as exc:
            msg = f"{path} cannot be read: {exc.strerror}"
            raise ConfigError(msg) from exc
        if found.st_size > _MAX_FILE_BYTES:
            msg = f"{path} has {found.st_size} bytes; a sound file has at most {_MAX_FILE_BYTES}"
            raise ConfigError(msg)
        key = (path.resolve(), found.st_mtime_ns, found.st_size)
        # Held while decoding, so that calls that begin together decode a file once.
        with self._lock:
            if key in self._sounds:
                self._sounds.move_to_end(key)
                return self._sounds[key][0]
            pcm, rate = _decode(path)
            sound = Sound(path.name, partial(_resample_file, path, pcm, rate))
            self._sounds[key] = (sound, len(pcm))
            while sum(size for _, size in self._sounds.values()) > _CACHE_BYTES:
                self._sounds.popitem(last=False)
            return sound


_files = _Files()


def _decode(path: Path) -> tuple[bytes, int]:
    """Read a file as mono PCM and its rate, its edges softened."""
    try:
        with path.open("rb") as file:
            is_wav = file.read(12)[::8] == b"RW"
        pcm, rate = _decode_wav(path) if is_wav else _decode_other(path)
    except OSError as exc:
        msg = f"{path} cannot be read: {exc.strerror}"
        raise ConfigError(msg) from exc
    if not pcm:
        msg = f"{path} holds no sound"
        raise ConfigError(msg)
    return _soften(pcm, rate), rate


def _decode_wav(path: Path) -> tuple[bytes, int]:
    try:
        wav = read_wav(path)
    except UsageError as exc:
        try:
            # There are WAV files, such as those of floats, that others read and we do not.
            return _decode_other(path)
        except HookflashError:
            msg = f"{path}: {exc}"
            raise ConfigError(msg) from exc
    wave = samples(wav.pcm).reshape(-1, wav.channels)
    _check_length(path, len(wave), wav.rate)
    if wav.channels == 1:
        return wav.pcm, wav.rate
    return pcm_bytes(wave.mean(axis=1)), wav.rate


class _SoundFile(Protocol):
    """What is used of `soundfile.SoundFile`, which has no types."""

    @property
    def samplerate(self) -> int: ...
    def blocks(
        self, blocksize: int, *, dtype: str, always_2d: bool
    ) -> Iterable[npt.NDArray[np.float32]]: ...
    def close(self) -> None: ...


def _decode_other(path: Path) -> tuple[bytes, int]:
    try:
        import soundfile
    except (ImportError, OSError) as exc:  # OSError: the package is there, its library is not
        package = "soundfile"
        raise MissingExtra(package, "sound") from exc
    mono = bytearray()
    try:
        file = cast("_SoundFile", soundfile.SoundFile(str(path)))
        try:
            rate = file.samplerate
            for block in file.blocks(_BLOCK, dtype="float32", always_2d=True):
                mono += pcm_bytes(block.mean(axis=1) * 32768)
                _check_length(path, len(mono) // 2, rate)
        finally:
            file.close()
    except soundfile.SoundFileError as exc:
        msg = f"{path} is no sound file that can be read: {exc}"
        raise ConfigError(msg) from exc
    return bytes(mono), rate


def _check_length(path: Path, count: int, rate: int) -> None:
    if count > MAX_SOUND_SECONDS * rate:
        msg = f"{path} is longer than {MAX_SOUND_SECONDS:.0f} s; give a shorter file"
        raise ConfigError(msg)


def _soften(pcm: bytes, rate: int) -> bytes:
    wave = samples(pcm).astype(np.float64)
    edge = min(sample_count(rate, _EDGE_MS), wave.size // 2)
    rise = np.arange(edge) / max(1, edge)
    wave[:edge] *= rise
    wave[wave.size - edge :] *= rise[::-1]
    return pcm_bytes(wave)


def _resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    resampler = Resampler(from_rate, to_rate)
    return resampler.push(pcm) + resampler.flush()


def _resample_file(path: Path, pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    try:
        return _resample(pcm, from_rate, to_rate)
    except UsageError as exc:
        msg = f"{path}: {exc}"
        raise ConfigError(msg) from exc

"""Ogg Opus files (RFC 7845), bit by bit, through `soundfile` (the extra `sound`)."""

from pathlib import Path
from typing import Final, Protocol, cast

from hookflash.audio.frames import Pcm
from hookflash.errors import MissingExtra, UsageError

__all__ = ["OPUS_RATES", "OpusWriter"]

OPUS_RATES: Final = (8000, 12000, 16000, 24000, 48000)
"""Hz that the codec takes (RFC 6716, section 2)."""


class OpusWriter:
    """Writes one Opus file. A killed process leaves a file that plays, all but its last second.

    Encoding two channels at 8 kHz costs some 13 ms of a core for each second of sound. Write often
    and little, so that it does not keep others waiting.
    """

    def __init__(self, path: Path, rate: int, channels: int = 1) -> None:
        """Create the file, or empty the one that is there.

        Raises:
            MissingExtra: `soundfile` is not installed.
            UsageError: a rate that Opus does not have.
            OSError: the path cannot be written.
        """
        try:
            import soundfile
        except (ImportError, OSError) as exc:  # OSError: the package is there, its library not
            package = "soundfile"
            raise MissingExtra(package, "sound") from exc
        if rate not in OPUS_RATES:
            msg = f"Opus has the rates {', '.join(map(str, OPUS_RATES))} Hz, not {rate}: record WAV"
            raise UsageError(msg)
        # Python says more precisely than the library why a path cannot be written.
        path.open("wb").close()
        self._error: type[Exception] = soundfile.SoundFileError
        try:
            self._file = cast(
                "_SoundFile",
                soundfile.SoundFile(
                    str(path), "w", samplerate=rate, channels=channels, format="OGG", subtype="OPUS"
                ),
            )
        except soundfile.SoundFileError as exc:
            raise _unwritable(path, exc) from exc
        self._path = path

    def write(self, pcm: Pcm) -> None:
        """Append interleaved PCM16.

        Raises:
            OSError: the disk is full.
        """
        try:
            self._file.buffer_write(pcm, dtype="int16")
        except self._error as exc:
            raise _unwritable(self._path, exc) from exc

    def close(self) -> None:
        """Finish the file. Calling it again does nothing.

        Raises:
            OSError: the disk is full.
        """
        try:
            self._file.close()
        except self._error as exc:
            raise _unwritable(self._path, exc) from exc


def _unwritable(path: Path, exc: Exception) -> OSError:
    return OSError(None, f"the Opus file cannot be written ({exc})", str(path))


class _SoundFile(Protocol):
    """What is used of `soundfile.SoundFile`, which has no types."""

    def buffer_write(self, data: Pcm, dtype: str) -> None: ...
    def close(self) -> None: ...

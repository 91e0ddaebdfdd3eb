"""WAV files (RIFF/WAVE): read what telephony leaves about, write 16-bit PCM.

Paths and binary files are read and written at once, in the calling thread.
"""

import io
import struct
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self, TypeAlias

import msgspec
import numpy as np

from hookflash.audio.frames import Pcm, check_rate, samples
from hookflash.audio.g711 import alaw_decode, ulaw_decode
from hookflash.errors import UsageError

__all__ = ["Wav", "WavFile", "WavWriter", "interleave", "read_wav", "split", "write_wav"]

WavFile: TypeAlias = str | PathLike[str] | BinaryIO
"""A path, or a file open in binary mode."""

# Format tags of RFC 2361.
_PCM, _ALAW, _ULAW, _EXTENSIBLE = 1, 6, 7, 0xFFFE
# What follows the tag in the sub-format of an extensible header (KSDATAFORMAT_SUBTYPE_*).
_SUBFORMAT_TAIL = bytes.fromhex("0000 0000 1000 8000 00aa 0038 9b71")
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_MAX_CHANNELS = 32
# Sizes in the header have 32 bits, and RIFF's own includes 36 bytes of header.
_MAX_DATA = 0xFFFF_FFFF - 36


class Wav(msgspec.Struct, frozen=True):
    """What a WAV file holds.

    Attributes:
        rate: Hz.
        channels: 1 for mono, 2 for stereo.
        pcm: 16-bit samples, the channels interleaved.
    """

    rate: int
    channels: int
    pcm: bytes


def read_wav(source: WavFile) -> Wav:
    """Read a WAV file of 8, 16, 24 or 32-bit PCM, mu-law or A-law as 16-bit PCM.

    A file whose sound is shorter than its header says is read as far as it goes: that is what a
    killed recorder, or a program that wrote to a pipe, leaves behind.

    Raises:
        UsageError: it is no WAV file, its header is cut off or contradicts itself, or its
            encoding is another one; the message says which.
        OSError: the path cannot be read.
    """
    with _opened(source, "rb") as file:
        magic = _read(file, 12)
        if len(magic) < 12 or magic[:4] != b"RIFF" or magic[8:] != b"WAVE":
            msg = "this is not a WAV file: it does not begin with RIFF and WAVE"
            raise UsageError(msg)
        layout: _Layout | None = None
        while True:
            head = _read(file, 8)
            if len(head) < 8:
                msg = "this WAV file ends before its sound begins"
                raise UsageError(msg)
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                if layout is None:
                    msg = "this WAV file does not say its format before its sound"
                    raise UsageError(msg)
                return layout.decode(_read(file, size))
            # Chunks are padded to an even size.
            chunk = _read(file, size + size % 2)[:size]
            if name == b"fmt ":
                layout = _layout(chunk)


def write_wav(target: WavFile, pcm: Pcm, rate: int, channels: int = 1) -> None:
    """Write interleaved 16-bit PCM as a WAV file.

    Raises:
        UsageError: not a whole number of samples of all channels, or a rate or number of
            channels that is none, or more than 4 GiB.
        OSError: the path cannot be written.
    """
    _check_block(len(pcm), channels)
    _check_size(len(pcm))
    header = _header(len(pcm), rate, channels)
    with _opened(target, "wb") as file:
        file.write(header)
        file.write(pcm)


def interleave(tracks: Sequence[Pcm]) -> bytes:
    """Put mono tracks of one rate side by side; the shorter ones go on as silence.

    Raises:
        UsageError: an odd number of bytes, or a number of tracks that no file has.
    """
    _check_channels(len(tracks))
    sound = np.zeros((max(map(len, tracks)) // 2, len(tracks)), "<i2")
    for channel, track in enumerate(tracks):
        wave = samples(track)
        sound[: wave.size, channel] = wave
    return sound.tobytes()


def split(pcm: Pcm, channels: int) -> list[bytes]:
    """Take interleaved PCM apart into one mono track for each channel.

    Raises:
        UsageError: not a whole number of samples of all channels.
    """
    _check_block(len(pcm), channels)
    return [track.tobytes() for track in samples(pcm).reshape(-1, channels).T]


class WavWriter:
    """Writes a WAV file bit by bit, so that a killed process leaves a recording that plays.

    After `flush`, and by itself after each second of sound, the file on disk is a whole WAV file:
    its header says how much is there. Use it as a context manager, or call `close`.

    Attributes:
        rate: Hz.
        channels: how many are interleaved.
        written: bytes of sound so far.
    """

    def __init__(self, path: str | PathLike[str], rate: int, channels: int = 1) -> None:
        """Create the file, or empty the one that is there.

        Raises:
            UsageError: a rate or number of channels that is none.
            OSError: the path cannot be written.
        """
        header = _header(0, rate, channels)
        self.rate = rate
        self.channels = channels
        self.written = 0
        self._unsaid = 0
        self._file: io.BufferedWriter = Path(path).open("wb")  # noqa: SIM115  (close does it)
        self._file.write(header)
        try:
            self._file.flush()
        except OSError:
            with suppress(OSError):  # it tries to write the header once more
                self._file.close()
            raise

    def write(self, pcm: Pcm) -> None:
        """Append interleaved PCM.

        Raises:
            UsageError: not a whole number of samples of all channels, a file grown beyond 4 GiB,
                or a writer that is closed.
            OSError: the disk is full.
        """
        if self._file.closed:
            msg = "this WavWriter is closed: open another file"
            raise UsageError(msg)
        _check_block(len(pcm), self.channels)
        _check_size(self.written + len(pcm))
        self._file.write(pcm)
        self.written += len(pcm)
        self._unsaid += len(pcm)
        if self._unsaid >= 2 * self.rate * self.channels:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system and make the header say so."""
        if self._file.closed or not self._unsaid:
            return
        # Sound first: a header that promises too little is harmless.
        self._file.flush()
        self._file.seek(0)
        self._file.write(_header(self.written, self.rate, self.channels))
        self._file.seek(0, io.SEEK_END)
        self._unsaid = 0

    def close(self) -> None:
        """Flush and close. Calling it again does nothing."""
        try:
            self.flush()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Layout(msgspec.Struct, frozen=True):
    """The format chunk: `tag` and `bits` name one of the encodings that we read."""

    tag: int
    channels: int
    rate: int
    bits: int

    def decode(self, sound: bytes) -> Wav:
        # A recording that was cut off may end inside a sample.
        block = self.channels * self.bits // 8
        sound = sound[: len(sound) // block * block]
        match self.tag, self.bits:
            case (7, _):
                pcm = ulaw_decode(sound)
            case (6, _):
                pcm = alaw_decode(sound)
            case (_, 8):
                # Eight-bit samples, alone among all, are unsigned.
                wave = np.frombuffer(sound, np.uint8).astype(np.int16)
                pcm = ((wave - 128) << 8).astype("<i2").tobytes()
            case (_, 16):
                pcm = sound
            case _:
                pcm = _narrow(sound, self.bits // 8)
        return Wav(self.rate, self.channels, pcm)


def _narrow(sound: bytes, size: int) -> bytes:
    """Turn samples of 3 or 4 bytes into 16-bit ones, to the nearest step."""
    octets = np.frombuffer(sound, np.uint8).reshape(-1, size)
    # The two upper bytes are the sample; the bit below them says whether to round up.
    wave = octets[:, -2:].copy().view("<i2").ravel().astype(np.int32)
    wave += octets[:, -3] >> 7
    return np.minimum(wave, 32767).astype("<i2").tobytes()


def _layout(chunk: bytes) -> _Layout:
    if len(chunk) < 16:
        msg = "the format header of this WAV file is cut off"
        raise UsageError(msg)
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 40 and chunk[26:40] == _SUBFORMAT_TAIL:
        tag = struct.unpack_from("<H", chunk, 24)[0]
    readable = bits in {8, 16, 24, 32} if tag == _PCM else tag in {_ALAW, _ULAW} and bits == 8
    if not readable:
        msg = (
            f"WAV format tag {tag} with {bits} bits is not read: "
            "convert it to PCM of 8, 16, 24 or 32 bits, mu-law or A-law"
        )
        raise UsageError(msg)
    _check_channels(channels)
    check_rate(rate)
    if block != channels * bits // 8:
        msg = f"this WAV header contradicts itself: {channels} x {bits} bits in {block} bytes"
        raise UsageError(msg)
    return _Layout(tag, channels, rate, bits)


def _header(size: int, rate: int, channels: int) -> bytes:
    _check_channels(channels)
    bytes_per_second = 2 * check_rate(rate) * channels
    return _HEADER.pack(
        *(b"RIFF", size + 36, b"WAVE", b"fmt ", 16, _PCM, channels, rate),
        *(bytes_per_second, 2 * channels, 16, b"data", size),
    )


def _check_channels(channels: int) -> None:
    if type(channels) is not int or not 0 < channels <= _MAX_CHANNELS:
        msg = f"a WAV file has 1 to {_MAX_CHANNELS} channels, not {channels!r}"
        raise UsageError(msg)


def _check_block(size: int, channels: int) -> None:
    _check_channels(channels)
    if size % (2 * channels):
        msg = f"{size} bytes are not a whole number of 16-bit samples for {channels} channels"
        raise UsageError(msg)


def _check_size(size: int) -> None:
    if size > _MAX_DATA:
        msg = "a WAV file holds at most 4 GiB: write another file"
        raise UsageError(msg)


def _read(file: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, or what there is.

    In pieces: a header may claim gigabytes, which a single read would set aside at once.
    """
    pieces: list[bytes] = []
    while size > 0 and (piece := file.read(min(size, 1 << 20))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _opened(target: WavFile, mode: Literal["rb", "wb"]) -> AbstractContextManager[BinaryIO]:
    if isinstance(target, str | PathLike):
        return Path(target).open(mode)
    # The caller opened it, the caller closes it.
    return nullcontext(target)

"""PCM as the rest of hookflash carries it: little-endian 16-bit mono `bytes`, in 20 ms frames."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hookflash.errors import UsageError

__all__ = [
    "FRAME_MS",
    "Framer",
    "Pcm",
    "check_rate",
    "duration_ms",
    "frame_bytes",
    "pcm_bytes",
    "sample_count",
    "samples",
    "silence",
]

FRAME_MS = 20
"""Length of a frame in milliseconds: what Twilio, Plivo and RTP (RFC 3551, table 4) send."""

Pcm: TypeAlias = bytes | bytearray | memoryview
"""Signed 16-bit little-endian samples, one channel unless said otherwise."""

_MAX_RATE = 768_000


def check_rate(rate: int) -> int:
    """Return `rate` if it is a sample rate in Hz, from 1 to 768,000.

    Raises:
        UsageError: it is not.
    """
    # bool is an int to Python, but never a rate.
    if type(rate) is not int or not 0 < rate <= _MAX_RATE:
        msg = f"a sample rate is a whole number of Hz from 1 to {_MAX_RATE}, not {rate!r}"
        raise UsageError(msg)
    return rate


def sample_count(rate: int, ms: float) -> int:
    """Return how many samples at `rate` Hz last `ms` milliseconds, to the nearest sample.

    Raises:
        UsageError: `rate` is no sample rate, or `ms` is negative or not finite.
    """
    if not 0.0 <= ms < float("inf"):
        msg = f"a duration is a finite number of milliseconds, 0 or more, not {ms!r}"
        raise UsageError(msg)
    return round(check_rate(rate) * ms / 1000)


def frame_bytes(rate: int) -> int:
    """Return the size in bytes of a 20 ms frame at `rate` Hz: 320 at 8 kHz, 640 at 16 kHz.

    Raises:
        UsageError: 20 ms at this rate is not a whole number of samples (11,025 Hz, say).
    """
    if check_rate(rate) * FRAME_MS % 1000:
        msg = f"20 ms at {rate} Hz is not a whole number of samples: use a multiple of 50 Hz"
        raise UsageError(msg)
    return 2 * rate * FRAME_MS // 1000


def duration_ms(pcm: Pcm, rate: int) -> float:
    """Return how long mono `pcm` plays at `rate` Hz, in milliseconds."""
    return len(pcm) * 500 / check_rate(rate)


def silence(rate: int, ms: float) -> bytes:
    """Return `ms` milliseconds of digital silence at `rate` Hz, to the nearest sample."""
    return bytes(2 * sample_count(rate, ms))


def samples(pcm: Pcm) -> npt.NDArray[np.int16]:
    """View `pcm` as an array of samples; nothing is copied.

    Raises:
        UsageError: a byte count that is odd, so half a sample somewhere.
    """
    if len(pcm) % 2:
        msg = f"16-bit PCM has an even number of bytes, not {len(pcm)}: keep the odd byte back"
        raise UsageError(msg)
    return np.frombuffer(pcm, dtype="<i2")


def pcm_bytes(wave: npt.NDArray[np.floating]) -> bytes:
    """Round an array in units of one 16-bit step to PCM; what is too loud saturates."""
    rounded: npt.NDArray[np.floating] = np.rint(wave)
    np.minimum(rounded, 32767, out=rounded)
    np.maximum(rounded, -32768, out=rounded)
    return rounded.astype("<i2").tobytes()


class Framer:
    """Cuts a stream of PCM of any chunk size into whole 20 ms frames.

    ```python
    framer = Framer(8000)
    for chunk in voice:
        for frame in framer.push(chunk):
            leg.send(frame)
    if (last := framer.flush()) is not None:
        leg.send(last)
    ```

    Call `flush` (or `clear`) where an utterance ends: its tail must not open the next one.
    """

    def __init__(self, rate: int) -> None:
        self._size = frame_bytes(rate)
        self._rest = b""

    def push(self, pcm: Pcm) -> list[bytes]:
        """Take PCM (an odd byte count is fine); return the frames that are now whole."""
        size = self._size
        buffer = self._rest + pcm
        whole = len(buffer) - len(buffer) % size
        self._rest = buffer[whole:]
        return [buffer[start : start + size] for start in range(0, whole, size)]

    def flush(self) -> bytes | None:
        """Return the unfinished frame padded with silence, or None if there is none."""
        rest, self._rest = self._rest, b""
        # Half a sample is noise, not sound.
        rest = rest[: len(rest) // 2 * 2]
        return rest.ljust(self._size, b"\0") if rest else None

    def clear(self) -> None:
        """Forget the unfinished frame: what it belongs to will not be played."""
        self._rest = b""

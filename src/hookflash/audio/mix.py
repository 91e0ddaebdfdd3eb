"""Adding sounds together and changing their loudness."""

import math
from collections.abc import Sequence

import numpy as np

from hookflash.audio.frames import Pcm, pcm_bytes, samples
from hookflash.errors import UsageError

__all__ = ["mix", "scale"]


def mix(frames: Sequence[Pcm], gains: Sequence[float] | None = None) -> bytes:
    """Add PCM of one rate, sample by sample; what is too loud saturates, it never wraps.

    Args:
        frames: what to add. Shorter ones go on as silence. None at all gives `b""`.
        gains: a factor for each frame, such as 0.2 for music under speech. None leaves all as
            they are, which costs less.

    Raises:
        UsageError: an odd number of bytes, a number of gains that is not the number of frames,
            or a gain that is not finite.
    """
    if gains is not None:
        if len(gains) != len(frames):
            msg = f"mix needs one gain for each frame: {len(frames)} frames, {len(gains)} gains"
            raise UsageError(msg)
        if not all(map(math.isfinite, gains)):
            msg = "a gain is a finite factor, such as 0.5"
            raise UsageError(msg)
    if not frames:
        return b""
    length = max(map(len, frames)) // 2
    if gains is None:
        # Sums of 65,536 frames fit.
        total = np.zeros(length, np.int32)
        for frame in frames:
            wave = samples(frame)
            total[: wave.size] += wave
        np.minimum(total, 32767, out=total)
        np.maximum(total, -32768, out=total)
        return total.astype("<i2").tobytes()
    blend = np.zeros(length)
    for frame, gain in zip(frames, gains, strict=True):
        wave = samples(frame)
        blend[: wave.size] += wave * gain
    return pcm_bytes(blend)


def scale(pcm: Pcm, gain_db: float) -> bytes:
    """Make `pcm` louder (saturating) or softer by `gain_db` decibels; `-inf` silences it.

    Raises:
        UsageError: an odd number of bytes, or a gain that is not below 200 dB.
    """
    if not gain_db < 200.0:
        msg = f"a gain in decibels is a number below 200, not {gain_db!r}"
        raise UsageError(msg)
    return pcm_bytes(samples(pcm) * 10.0 ** (gain_db / 20))

"""How loud: levels in dBFS.

0 dBFS is a square wave between the two ends of the 16-bit range (RMS 32,768), which telephony
calls dBov (ITU-T G.100.1, RFC 6464). A full-scale sine is therefore -3.01 dBFS. On a mu-law line
0 dBm0 is -6.22 dBFS and on an A-law line -6.15 (G.711, tables 5 and 6).
"""

import math

import numpy as np

from hookflash.audio.frames import Pcm, samples

__all__ = ["amplitude", "peak_dbfs", "rms_dbfs"]

_FULL_SCALE = 32768.0


def rms_dbfs(pcm: Pcm) -> float:
    """Return the RMS level of `pcm` in dBFS, at most 0; `-inf` for silence or no audio.

    Raises:
        UsageError: an odd number of bytes.
    """
    wave = samples(pcm).astype(np.float64)
    if not wave.size:
        return -math.inf
    return _dbfs(math.sqrt(float(wave @ wave) / wave.size))


def peak_dbfs(pcm: Pcm) -> float:
    """Return the level of the largest sample in dBFS, at most 0; `-inf` for silence or no audio.

    Raises:
        UsageError: an odd number of bytes.
    """
    wave = samples(pcm)
    if not wave.size:
        return -math.inf
    return _dbfs(float(max(int(wave.max()), -int(wave.min()))))


def amplitude(dbfs: float) -> float:
    """Return the RMS, in 16-bit steps, of a sound at `dbfs`: 32,768 for 0, 0 for `-inf`."""
    return _FULL_SCALE * math.pow(10.0, dbfs / 20)


def _dbfs(steps: float) -> float:
    return 20.0 * math.log10(steps / _FULL_SCALE) if steps else -math.inf

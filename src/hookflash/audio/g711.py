"""G.711: 8-bit mu-law and A-law to 16-bit PCM and back, by table.

Both tables of a law come from one list, the widths of the 128 quantising intervals of a
polarity (ITU-T G.711 11/88, tables 1a and 2a). The decoder's value is the middle of its interval.
The encoder finds the interval that a magnitude lies in. Where the standard leaves a choice, for
a sample exactly on a decision value, we choose as the ITU's own program does (G.191, module
G711): magnitudes of negative samples are taken in one's complement, so -1 has magnitude 0. That
makes the laws exactly symmetrical about -1/2.

mu-law has two zeros, 0xFF (+0) and 0x7F (-0), that both decode to 0; 0 encodes to 0xFF. Every
other code of either law survives decoding and encoding.
"""

import numpy as np
import numpy.typing as npt

from hookflash.audio.frames import Pcm, samples

__all__ = ["alaw_decode", "alaw_encode", "ulaw_decode", "ulaw_encode"]

_Table = tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]


def _tables(widths: list[int], step: int, positive: int, inverted: int) -> _Table:
    """Build the decode (256 values) and encode (65,536 codes) tables of a law.

    Args:
        widths: of the intervals 0 to 127, in the standard's own unit.
        step: that unit in steps of 16-bit PCM.
        positive: the bit that says "not negative" before inversion.
        inverted: the bits of a code that are inverted on the line.
    """
    edges = np.concatenate(([0], np.cumsum(widths)))
    middles = (edges[:-1] + edges[1:]) * step // 2
    if widths[0] == 1:
        # mu-law's first interval reaches from -1 to +1: its middle is zero.
        middles[0] = 0

    index = np.arange(128)
    decode = np.empty(256, "<i2")
    decode[(index | positive) ^ inverted] = middles
    decode[index ^ inverted] = -middles

    # How many of the 32,768 magnitudes lie in each interval; the last takes the overload too.
    spans = np.asarray(widths) * step
    spans[-1] += 32768 - edges[-1] * step
    magnitudes = np.repeat(index, spans)
    encode = np.empty(65536, np.uint8)
    encode[:32768] = (magnitudes | positive) ^ inverted
    # Read as unsigned, -1 is 65535 and -32768 is 32768.
    encode[32768:] = magnitudes[::-1] ^ inverted
    return decode, encode


# Table 2a, unit 1/8159 of overload: 1 of 1, 15 of 2, then 16 each of 4, 8 ... 256; all bits but
# the polarity are inverted on the line.
_ULAW_DECODE, _ULAW_ENCODE = _tables(
    [1] + [2] * 15 + [1 << s for s in range(2, 9) for _ in range(16)], 4, 0x80, 0x7F
)
# Table 1a, unit 1/4096 of overload: 32 of 2, then 16 each of 4, 8 ... 128; the even bits are
# inverted on the line.
_ALAW_DECODE, _ALAW_ENCODE = _tables(
    [2] * 32 + [1 << s for s in range(2, 8) for _ in range(16)], 8, 0x80, 0x55
)


def _octets(table: npt.NDArray[np.int16]) -> tuple[bytes, bytes]:
    """Return the low and the high bytes of a decode table."""
    return table.tobytes()[::2], table.tobytes()[1::2]


_ULAW_OCTETS = _octets(_ULAW_DECODE)
_ALAW_OCTETS = _octets(_ALAW_DECODE)


def _decode(codes: Pcm, tables: tuple[bytes, bytes]) -> bytes:
    # For the 20 ms of a telephone frame this takes half as long as numpy, whose machinery is
    # rarely in the processor's cache when a frame comes.
    low, high = tables
    octets = bytes(codes)
    pcm = bytearray(2 * len(octets))
    pcm[::2] = octets.translate(low)
    pcm[1::2] = octets.translate(high)
    return bytes(pcm)


def ulaw_decode(codes: Pcm) -> bytes:
    """Decode mu-law octets to PCM: twice as many bytes, values within +-32,124."""
    return _decode(codes, _ULAW_OCTETS)


def ulaw_encode(pcm: Pcm) -> bytes:
    """Encode PCM to mu-law octets: half as many bytes.

    Raises:
        UsageError: an odd number of bytes.
    """
    return _ULAW_ENCODE.take(samples(pcm).view("<u2")).tobytes()


def alaw_decode(codes: Pcm) -> bytes:
    """Decode A-law octets to PCM: twice as many bytes, values within +-32,256, never 0."""
    return _decode(codes, _ALAW_OCTETS)


def alaw_encode(pcm: Pcm) -> bytes:
    """Encode PCM to A-law octets: half as many bytes.

    Raises:
        UsageError: an odd number of bytes.
    """
    return _ALAW_ENCODE.take(samples(pcm).view("<u2")).tobytes()

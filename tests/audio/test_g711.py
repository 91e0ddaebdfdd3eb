"""The tables here are typed from ITU-T G.711 (11/88) and know nothing of the implementation."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable

import numpy as np
import pytest

from hookflash.audio.frames import samples
from hookflash.audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from hookflash.audio.levels import rms_dbfs
from hookflash.errors import UsageError

Codec = Callable[[bytes], bytes]
EVERY_CODE = bytes(range(256))
EVERY_VALUE = list(range(-32768, 32768))
EVERY_SAMPLE = np.arange(-32768, 32768).astype("<i2").tobytes()


def decision_values(segments: list[tuple[int, int]], first: int) -> list[int]:
    """Columns 2 and 3 of tables 1a and 2a: a segment's end, the size of its intervals."""
    values = [0, first]
    for end, size in segments:
        values += range(values[-1] + size, end + 1, size)
    return values


# Decision values 0 to 128 of one polarity.
ULAW_DECISIONS = decision_values(
    [(31, 2), (95, 4), (223, 8), (479, 16), (991, 32), (2015, 64), (4063, 128), (8159, 256)], 1
)
ALAW_DECISIONS = decision_values(
    [(64, 2), (128, 4), (256, 8), (512, 16), (1024, 32), (2048, 64), (4096, 128)], 2
)
# Those between two intervals, in steps of 16-bit PCM.
ULAW_INNER = [4 * value for value in ULAW_DECISIONS[1:-1]]
ALAW_INNER = [8 * value for value in ALAW_DECISIONS[1:-1]]


def interval(value: int, inner: list[int]) -> int:
    """Find the interval of a sample; one on a decision value belongs to the upper one.

    Negative values are one's complement, as in the ITU's own program (G.191): on a decision value
    they belong to the lower one.
    """
    return bisect_right(inner, value) if value >= 0 else bisect_left(inner, -value)


def ulaw_standard(value: int) -> int:
    number = interval(value, ULAW_INNER)
    return 0xFF - number if value >= 0 else 0x7F - number


def alaw_standard(value: int) -> int:
    number = interval(value, ALAW_INNER)
    return (number | 0x80 if value >= 0 else number) ^ 0b01010101


def test_the_decision_values_are_those_of_the_standard() -> None:
    assert len(ULAW_DECISIONS) == len(ALAW_DECISIONS) == 129
    assert ULAW_DECISIONS[:18] == [0, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 35]
    assert ULAW_DECISIONS[-2:] == [7903, 8159]
    assert ALAW_DECISIONS[:4] == [0, 2, 4, 6]
    assert ALAW_DECISIONS[-2:] == [3968, 4096]


def test_every_ulaw_code_decodes_to_the_middle_of_its_interval() -> None:
    decoded = samples(ulaw_decode(EVERY_CODE)).tolist()
    for number in range(128):
        middle = 2 * (ULAW_DECISIONS[number] + ULAW_DECISIONS[number + 1]) if number else 0
        assert decoded[0xFF - number] == middle
        assert decoded[0x7F - number] == -middle


def test_every_alaw_code_decodes_to_the_middle_of_its_interval() -> None:
    decoded = samples(alaw_decode(EVERY_CODE)).tolist()
    for number in range(128):
        middle = 4 * (ALAW_DECISIONS[number] + ALAW_DECISIONS[number + 1])
        assert decoded[(number | 0x80) ^ 0x55] == middle
        assert decoded[number ^ 0x55] == -middle


def test_well_known_codes_have_their_well_known_values() -> None:
    assert samples(ulaw_decode(b"\x80\x00\xff\x7f\xfe\x8f")).tolist() == [
        32124,
        -32124,
        0,
        0,
        8,
        16764,
    ]
    assert samples(alaw_decode(b"\xaa\x2a\xd5\x55")).tolist() == [32256, -32256, 8, -8]


def test_every_sample_is_ulaw_encoded_by_the_decision_values() -> None:
    assert list(ulaw_encode(EVERY_SAMPLE)) == [ulaw_standard(value) for value in EVERY_VALUE]


def test_every_sample_is_alaw_encoded_by_the_decision_values() -> None:
    assert list(alaw_encode(EVERY_SAMPLE)) == [alaw_standard(value) for value in EVERY_VALUE]


def test_every_code_survives_but_the_negative_zero_of_ulaw() -> None:
    there_and_back = ulaw_encode(ulaw_decode(EVERY_CODE))
    assert there_and_back == EVERY_CODE[:0x7F] + b"\xff" + EVERY_CODE[0x80:]
    assert alaw_encode(alaw_decode(EVERY_CODE)) == EVERY_CODE


@pytest.mark.parametrize(
    ("encode", "decode"), [(ulaw_encode, ulaw_decode), (alaw_encode, alaw_decode)]
)
def test_a_second_trip_changes_nothing_more(encode: Codec, decode: Codec) -> None:
    once = decode(encode(EVERY_SAMPLE))
    assert decode(encode(once)) == once
    assert once != EVERY_SAMPLE


@pytest.mark.parametrize(
    ("encode", "decode"), [(ulaw_encode, ulaw_decode), (alaw_encode, alaw_decode)]
)
def test_louder_never_becomes_softer(encode: Codec, decode: Codec) -> None:
    heard = samples(decode(encode(EVERY_SAMPLE))).astype(int)
    assert np.all(np.diff(heard) >= 0)
    # One's complement: the law is a mirror image of itself about -1/2.
    assert np.array_equal(heard, -heard[::-1])


@pytest.mark.parametrize(
    ("encode", "decode"), [(ulaw_encode, ulaw_decode), (alaw_encode, alaw_decode)]
)
@pytest.mark.parametrize("dbfs", [-6.0, -20.0, -30.0])
def test_a_sine_keeps_the_quality_of_a_telephone(encode: Codec, decode: Codec, dbfs: float) -> None:
    # G.712, figure 11 asks a whole connection for 33 dB in this range.
    sine = 32767 * 10 ** (dbfs / 20) * np.sin(2 * np.pi * 1020 / 8000 * np.arange(8000))
    pcm = np.rint(sine).astype("<i2").tobytes()
    noise = samples(decode(encode(pcm))) - sine
    assert 20 * np.log10(np.std(sine) / np.std(noise)) > 33.0


@pytest.mark.parametrize(
    ("decode", "codes", "dbfs"),
    [
        (ulaw_decode, "1e 0b 0b 1e 9e 8b 8b 9e", -6.22),
        (alaw_decode, "34 21 21 34 b4 a1 a1 b4", -6.15),
    ],
)
def test_the_digital_milliwatt_has_its_level(decode: Codec, codes: str, dbfs: float) -> None:
    # G.711, tables 5 and 6: a 1 kHz sine of 0 dBm0, 3.17 (3.14) dB below the loudest sine.
    assert rms_dbfs(decode(bytes.fromhex(codes))) == pytest.approx(dbfs, abs=0.02)


def test_nothing_is_nothing() -> None:
    assert ulaw_encode(b"") == ulaw_decode(b"") == alaw_encode(b"") == alaw_decode(b"") == b""


def test_any_buffer_will_do() -> None:
    assert ulaw_decode(bytearray(b"\xff\x80")) == ulaw_decode(memoryview(b"\xff\x80"))
    assert alaw_encode(bytearray(4)) == alaw_encode(memoryview(bytes(4))) == b"\xd5\xd5"


@pytest.mark.parametrize("encode", [ulaw_encode, alaw_encode])
def test_half_a_sample_cannot_be_encoded(encode: Codec) -> None:
    with pytest.raises(UsageError, match="even number of bytes"):
        encode(b"abc")

import numpy as np
import pytest

from hookflash.audio.frames import (
    FRAME_MS,
    Framer,
    check_rate,
    duration_ms,
    frame_bytes,
    pcm_bytes,
    sample_count,
    samples,
    silence,
)
from hookflash.errors import UsageError


def test_a_frame_is_20_ms() -> None:
    assert FRAME_MS == 20
    assert [frame_bytes(rate) for rate in (8000, 16000, 22050, 24000, 44100, 48000)] == [
        320,
        640,
        882,
        960,
        1764,
        1920,
    ]


@pytest.mark.parametrize("rate", [11025, 8001, 49])
def test_a_rate_at_which_20_ms_is_no_whole_number_of_samples_has_no_frame(rate: int) -> None:
    with pytest.raises(UsageError, match="multiple of 50 Hz"):
        frame_bytes(rate)


@pytest.mark.parametrize("rate", [0, -8000, 768_001, True, 8000.0])
def test_nonsense_is_not_a_rate(rate: int) -> None:
    with pytest.raises(UsageError, match="sample rate"):
        check_rate(rate)


def test_duration_counts_16_bit_samples() -> None:
    assert duration_ms(bytes(320), 8000) == 20.0
    assert duration_ms(bytes(2), 16000) == 0.0625
    assert duration_ms(b"", 8000) == 0.0


def test_silence_lasts_to_the_nearest_sample() -> None:
    assert silence(8000, 20) == bytes(320)
    assert silence(8000, 0.1) == bytes(2)
    assert silence(8000, 0) == b""


@pytest.mark.parametrize("ms", [-1.0, float("inf"), float("nan")])
def test_a_duration_is_finite_and_not_negative(ms: float) -> None:
    with pytest.raises(UsageError, match="milliseconds"):
        sample_count(8000, ms)


def test_samples_are_signed_little_endian() -> None:
    assert samples(b"\x00\x80\xff\xff\x01\x00\xff\x7f").tolist() == [-32768, -1, 1, 32767]
    assert samples(bytearray(2)).tolist() == [0]
    assert samples(memoryview(b"\x02\x00")).tolist() == [2]


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(UsageError, match="even number of bytes, not 3"):
        samples(b"abc")


def test_a_wave_is_rounded_and_saturated() -> None:
    wave = np.array([0.4, 0.6, -0.6, 40000.0, -40000.0])
    assert samples(pcm_bytes(wave)).tolist() == [0, 1, -1, 32767, -32768]
    assert wave[3] == 40000.0


def test_a_framer_cuts_any_chunks_into_the_same_frames() -> None:
    pcm = bytes(range(256)) * 5
    framer = Framer(8000)
    frames = [frame for start in range(0, 1280, 7) for frame in framer.push(pcm[start : start + 7])]
    assert frames == [pcm[0:320], pcm[320:640], pcm[640:960], pcm[960:1280]]
    assert framer.flush() is None


def test_the_last_frame_is_padded_with_silence_and_does_not_leak() -> None:
    framer = Framer(8000)
    assert framer.push(b"\x01\x02" * 5) == []
    assert framer.flush() == b"\x01\x02" * 5 + bytes(310)
    assert framer.flush() is None
    assert framer.push(b"\x03\x04" * 160) == [b"\x03\x04" * 160]


def test_a_cleared_framer_has_forgotten_the_unfinished_frame() -> None:
    framer = Framer(16000)
    assert framer.push(b"\x01\x02" * 319) == []
    framer.clear()
    assert framer.push(memoryview(b"\x03\x04" * 320)) == [b"\x03\x04" * 320]
    assert framer.flush() is None


def test_a_flushed_framer_drops_half_a_sample() -> None:
    framer = Framer(8000)
    framer.push(b"\x01\x02\x03")
    assert framer.flush() == b"\x01\x02" + bytes(318)
    framer.push(b"\x01")
    assert framer.flush() is None

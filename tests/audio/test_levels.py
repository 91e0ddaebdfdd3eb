import math

import numpy as np
import pytest

from hookflash.audio.frames import pcm_bytes
from hookflash.audio.levels import amplitude, peak_dbfs, rms_dbfs
from hookflash.errors import UsageError


def sine(dbfs: float) -> bytes:
    return pcm_bytes(32767 * 10 ** (dbfs / 20) * np.sin(np.arange(8000) * 2 * np.pi / 8))


def test_the_loudest_square_wave_is_0_dbfs() -> None:
    square = np.array([-32768, 32767] * 400).astype("<i2").tobytes()
    assert rms_dbfs(square) == pytest.approx(0.0, abs=0.001)
    assert peak_dbfs(square) == 0.0


def test_the_loudest_sine_is_3_db_below() -> None:
    assert rms_dbfs(sine(0.0)) == pytest.approx(-3.01, abs=0.001)
    assert peak_dbfs(sine(0.0)) == pytest.approx(0.0, abs=0.001)
    assert rms_dbfs(sine(-20.0)) == pytest.approx(-23.01, abs=0.01)


def test_the_peak_may_be_negative() -> None:
    assert peak_dbfs(b"\x00\x80\x00\x00") == 0.0
    assert peak_dbfs(b"\x00\xc0\x00\x20") == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("pcm", [b"", bytes(320)])
def test_silence_has_no_level(pcm: bytes) -> None:
    assert rms_dbfs(pcm) == peak_dbfs(pcm) == -math.inf


def test_the_smallest_sound_is_90_db_down() -> None:
    assert rms_dbfs(b"\x01\x00") == peak_dbfs(b"\xff\xff") == pytest.approx(-90.31, abs=0.01)


def test_an_amplitude_is_the_level_of_a_square_wave() -> None:
    assert amplitude(0.0) == 32768.0
    assert amplitude(-6.0206) == pytest.approx(16384.0, abs=0.1)
    assert amplitude(-math.inf) == 0.0


def test_half_a_sample_has_no_level() -> None:
    with pytest.raises(UsageError, match="even number of bytes"):
        rms_dbfs(b"a")
    with pytest.raises(UsageError, match="even number of bytes"):
        peak_dbfs(b"a")

import math

import numpy as np
import pytest

from hookflash.audio.frames import samples
from hookflash.audio.mix import mix, scale
from hookflash.errors import UsageError


def pcm(*values: int) -> bytes:
    return np.array(values, "<i2").tobytes()


def test_frames_are_added_sample_by_sample() -> None:
    assert mix([pcm(1, 2, -3), pcm(10, -20, 30)]) == pcm(11, -18, 27)


def test_too_loud_saturates_and_never_wraps() -> None:
    assert mix([pcm(30000, -30000)] * 2) == pcm(32767, -32768)
    assert mix([pcm(30000, -30000)] * 3 + [pcm(-32768, 32767)]) == pcm(32767, -32768)
    assert mix([pcm(30000, -30000)] * 2, [1.0, 1.0]) == pcm(32767, -32768)


def test_sums_beyond_the_range_may_come_back_into_it() -> None:
    assert mix([pcm(30000), pcm(30000), pcm(-30000)]) == pcm(30000)


def test_a_shorter_frame_goes_on_as_silence() -> None:
    assert mix([pcm(1), pcm(10, 20, 30), b""]) == pcm(11, 20, 30)
    assert mix([pcm(2), pcm(10, 20)], [0.5, 1.0]) == pcm(11, 20)


def test_nothing_mixed_is_nothing() -> None:
    assert mix([]) == b""
    assert mix([], []) == b""
    assert mix([b"", b""]) == b""


def test_a_gain_is_a_factor() -> None:
    assert mix([pcm(1000, -1000), pcm(100, 100)], [0.25, -1.0]) == pcm(150, -350)


def test_the_inputs_stay_as_they_were() -> None:
    first = bytearray(pcm(5, 6))
    assert mix([first, memoryview(pcm(1, 1))]) == pcm(6, 7)
    assert first == pcm(5, 6)


@pytest.mark.parametrize("gains", [[1.0], [1.0, 1.0, 1.0], []])
def test_every_frame_needs_its_gain(gains: list[float]) -> None:
    with pytest.raises(UsageError, match="one gain for each frame: 2 frames"):
        mix([pcm(1), pcm(2)], gains)


@pytest.mark.parametrize("gain", [math.inf, math.nan])
def test_a_gain_is_finite(gain: float) -> None:
    with pytest.raises(UsageError, match="finite factor"):
        mix([pcm(1)], [gain])


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(UsageError, match="even number of bytes"):
        mix([b"abc"])


def test_scaling_is_in_decibels() -> None:
    assert samples(scale(pcm(10000, -10000), -20.0)).tolist() == [1000, -1000]
    assert samples(scale(pcm(1000), 6.0)).tolist() == [1995]
    assert scale(pcm(20000, -20000), 6.0) == pcm(32767, -32768)
    assert scale(pcm(7), 0.0) == pcm(7)
    assert scale(pcm(7), -math.inf) == pcm(0)


@pytest.mark.parametrize("gain_db", [200.0, math.inf, math.nan])
def test_a_gain_in_decibels_is_not_endless(gain_db: float) -> None:
    with pytest.raises(UsageError, match="below 200"):
        scale(pcm(1), gain_db)

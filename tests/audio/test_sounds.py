import hashlib
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from hookflash.audio.frames import duration_ms, samples
from hookflash.audio.levels import peak_dbfs, rms_dbfs
from hookflash.audio.sounds import BUILT_IN_SOUNDS, built_in_sound
from hookflash.errors import UsageError

LOOPS = ("hold_music", "keyboard", "office", "ringback")


Wave = npt.NDArray[np.floating]


def spectrum(pcm: bytes, rate: int) -> tuple[Wave, Wave]:
    wave = samples(pcm).astype(np.float64)
    return np.fft.rfftfreq(wave.size, 1 / rate), np.abs(np.fft.rfft(wave)) ** 2


def share(pcm: bytes, rate: int, low: float, high: float) -> float:
    """The part of the power that lies between two frequencies."""
    hz, power = spectrum(pcm, rate)
    return float(power[(hz >= low) & (hz < high)].sum() / power.sum())


def test_the_names_are_as_documented() -> None:
    assert BUILT_IN_SOUNDS == ("chime", "hold_music", "keyboard", "office", "ringback")


@pytest.mark.parametrize(
    ("name", "ms", "rms", "peak"),
    [
        ("chime", 1_600, -24.0, -10.0),
        ("hold_music", 32_000, -22.0, -9.4),
        ("keyboard", 12_000, -38.6, -12.0),
        ("office", 24_000, -34.0, -18.5),
        ("ringback", 6_000, -23.8, -13.1),
    ],
)
def test_length_and_loudness_are_as_documented(
    name: str, ms: float, rms: float, peak: float
) -> None:
    pcm = built_in_sound(name, 8000)
    assert duration_ms(pcm, 8000) == ms
    assert rms_dbfs(pcm) == pytest.approx(rms, abs=0.3)
    assert peak_dbfs(pcm) == pytest.approx(peak, abs=0.3)


@pytest.mark.parametrize("name", BUILT_IN_SOUNDS)
def test_what_matters_lies_in_the_telephone_band(name: str) -> None:
    assert share(built_in_sound(name, 8000), 8000, 200, 3400) > 0.8


@pytest.mark.parametrize("name", BUILT_IN_SOUNDS)
def test_a_faster_rate_gives_the_same_sound(name: str) -> None:
    slow, fast = built_in_sound(name, 8000), built_in_sound(name, 16000)
    assert duration_ms(slow, 8000) == duration_ms(fast, 16000)
    for low, high in ((200, 700), (700, 1500), (1500, 3400)):
        both = share(slow, 8000, low, high), share(fast, 16000, low, high)
        assert both[0] == pytest.approx(both[1], abs=0.12)


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_joins_without_a_step(name: str) -> None:
    wave = samples(built_in_sound(name, 8000)).astype(int)
    steps = np.abs(np.diff(wave))
    seam = abs(int(wave[0]) - int(wave[-1]))
    # No larger than what is usual in the sound, or inaudible.
    assert seam <= max(float(np.percentile(steps, 99)), 8.0)


def test_a_sound_is_made_once_and_always_comes_out_the_same() -> None:
    first = built_in_sound("keyboard", 8000)
    assert built_in_sound("keyboard", 8000) is first
    built_in_sound.cache_clear()
    again = built_in_sound("keyboard", 8000)
    assert again is not first
    assert hashlib.sha256(again).digest() == hashlib.sha256(first).digest()


def test_somebody_types_in_bursts_with_pauses() -> None:
    wave = np.abs(samples(built_in_sound("keyboard", 8000)).astype(float))
    loud = wave.reshape(-1, 160).max(axis=1) > 1000
    strokes = sum(later and not sooner for sooner, later in pairwise(loud))
    assert 60 < strokes < 120  # down and up
    quiet = max(len(run) for run in "".join(".#"[int(on)] for on in loud).split("#"))
    assert 10 < quiet < 75  # 0.2 s to 1.5 s


def test_the_music_moves() -> None:
    pcm = built_in_sound("hold_music", 8000)
    strongest: list[float] = []
    for start in range(0, len(pcm), 64_000):
        hz, power = spectrum(pcm[start : start + 64_000], 8000)
        strongest.append(float(hz[power.argmax()]))
    assert len(set(strongest)) >= 4
    assert all(150 < hz < 1000 for hz in strongest)


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no built-in sound is called 'rain'; there are chime, "):
        built_in_sound("rain", 8000)
    with pytest.raises(UsageError, match="at least 8000 Hz, not 4000"):
        built_in_sound("office", 4000)

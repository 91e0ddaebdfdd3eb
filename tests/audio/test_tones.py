import math

import numpy as np
import pytest

from hookflash.audio.frames import samples, silence
from hookflash.audio.levels import peak_dbfs, rms_dbfs
from hookflash.audio.tones import (
    DTMF_DIGITS,
    DTMF_HIGH_HZ,
    DTMF_LOW_HZ,
    beep,
    busy,
    dtmf_tones,
    fax_cng,
    ringback,
    tone,
)
from hookflash.errors import UsageError


def level_at(pcm: bytes, hz: float, rate: int = 8000) -> float:
    """Level in dBFS of the sine at `hz` in audio that is a whole number of its periods."""
    wave = samples(pcm).astype(float) / 32768
    turns = np.exp(-2j * np.pi * hz / rate * np.arange(wave.size))
    return float(20 * np.log10(np.abs(wave @ turns) / wave.size * math.sqrt(2) + 1e-12))


def loud(pcm: bytes, rate: int = 8000) -> list[bool]:
    """Which 10 ms pieces are not silent."""
    size = 2 * rate // 100
    return [any(pcm[start : start + size]) for start in range(0, len(pcm), size)]


def test_a_tone_has_its_frequencies_in_equal_measure() -> None:
    pcm = tone((400.0, 1500.0), 1000, level_dbfs=-13.0)
    assert len(pcm) == 16000
    assert level_at(pcm, 400.0) == pytest.approx(-16.0, abs=0.1)
    assert level_at(pcm, 1500.0) == pytest.approx(-16.0, abs=0.1)
    assert level_at(pcm, 800.0) < -60.0
    assert rms_dbfs(pcm) == pytest.approx(-13.0, abs=0.1)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_a_tone_is_the_same_at_any_rate(rate: int) -> None:
    pcm = tone((1000.0,), 1000, rate=rate, level_dbfs=-20.0)
    assert len(pcm) == 2 * rate
    assert level_at(pcm, 1000.0, rate) == pytest.approx(-20.0, abs=0.1)


def test_a_tone_does_not_click() -> None:
    wave = samples(tone((1000.0,), 100, level_dbfs=-6.0)).astype(int)
    assert abs(wave[0]) < 200
    assert abs(wave[-1]) < 200
    # The steepest step of the steady sine is the steepest of all.
    assert np.abs(np.diff(wave)).max() == np.abs(np.diff(wave[100:700])).max()


def test_a_tone_rises_within_the_5_ms_of_q23() -> None:
    wave = np.abs(samples(tone((1000.0,), 100, level_dbfs=-6.0)))
    assert wave[: 5 * 8].max() == wave.max()


@pytest.mark.parametrize("ms", [0.0, 0.1, 1.0])
def test_even_the_shortest_tone_has_its_length(ms: float) -> None:
    assert len(tone((1000.0,), ms)) == len(silence(8000, ms))


@pytest.mark.parametrize("frequencies", [(), (0.0,), (4000.0,), (440.0, -1.0), (math.nan,)])
def test_a_tone_lies_between_0_and_the_nyquist_frequency(frequencies: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="between 0 and 4000 Hz"):
        tone(frequencies, 100)


def test_a_tone_that_would_clip_is_refused() -> None:
    assert peak_dbfs(tone((1000.0,), 100, level_dbfs=-3.02)) > -0.1
    with pytest.raises(UsageError, match=r"at most -3\.0 dBFS"):
        tone((1000.0,), 100, level_dbfs=-2.9)
    with pytest.raises(UsageError, match=r"at most -6\.0 dBFS"):
        tone((697.0, 1209.0), 100, level_dbfs=-5.9)
    with pytest.raises(UsageError, match="without clipping"):
        tone((697.0, 1209.0), 100, level_dbfs=math.nan)


@pytest.mark.parametrize("place", range(16))
def test_every_key_is_its_row_and_its_column(place: int) -> None:
    # 1000 ms are a whole number of periods of all the frequencies.
    pcm = dtmf_tones(DTMF_DIGITS[place], tone_ms=1000)[:16000]
    levels = {hz: level_at(pcm, hz) for hz in DTMF_LOW_HZ + DTMF_HIGH_HZ}
    row, column = sorted(levels, key=lambda hz: levels[hz])[-2:]
    assert {row, column} == {DTMF_LOW_HZ[place // 4], DTMF_HIGH_HZ[place % 4]}
    assert levels[row] == pytest.approx(-16.0, abs=0.1)
    assert abs(levels[row] - levels[column]) < 0.05
    assert sorted(levels.values())[-3] < -50.0


def test_the_keypad_is_that_of_q23() -> None:
    assert DTMF_DIGITS == "123A456B789C*0#D"
    assert DTMF_LOW_HZ == (697.0, 770.0, 852.0, 941.0)
    assert DTMF_HIGH_HZ == (1209.0, 1336.0, 1477.0, 1633.0)


def test_tones_and_gaps_have_their_lengths() -> None:
    pcm = dtmf_tones("12", tone_ms=60, gap_ms=40)
    assert loud(pcm) == ([True] * 6 + [False] * 4) * 2


def test_a_w_waits_half_a_second_and_a_capital_w_a_whole_one() -> None:
    pcm = dtmf_tones("1wW2")
    assert loud(pcm) == [True] * 10 + [False] * 160 + [True] * 10 + [False] * 10
    assert dtmf_tones("w", 16000) == bytes(16000)


def test_letters_may_be_small() -> None:
    assert dtmf_tones("abcd") == dtmf_tones("ABCD")


def test_no_digits_make_no_sound() -> None:
    assert dtmf_tones("") == b""


@pytest.mark.parametrize("digits", ["12E4", "1 2", "1,2", "\u0661", "-5"])
def test_other_digits_are_refused_but_not_repeated(digits: str) -> None:
    with pytest.raises(UsageError, match=r"0-9, \*, #, A-D, and w or W") as refusal:
        dtmf_tones(digits)
    assert digits not in str(refusal.value)


@pytest.mark.parametrize(("tone_ms", "gap_ms"), [(39.0, 100.0), (100.0, 39.0), (math.nan, 100.0)])
def test_tones_too_short_for_q24_are_refused(tone_ms: float, gap_ms: float) -> None:
    with pytest.raises(UsageError, match="at least 40 ms"):
        dtmf_tones("1", tone_ms=tone_ms, gap_ms=gap_ms)


def test_a_beep_is_1000_hz() -> None:
    assert len(beep(16000)) == 2 * 3200
    assert level_at(beep(ms=500.0), 1000.0) == pytest.approx(-13.0, abs=0.1)


def test_a_fax_calls_at_1100_hz_for_half_a_second_in_three_and_a_half() -> None:
    pcm = fax_cng(ms=7000.0)
    assert loud(pcm) == ([True] * 50 + [False] * 300) * 2
    assert level_at(pcm[:8000], 1100.0) == pytest.approx(-13.0, abs=0.1)


def test_ringback_rings_two_seconds_in_six() -> None:
    pcm = ringback(ms=12000.0)
    assert loud(pcm) == ([True] * 200 + [False] * 400) * 2
    assert level_at(pcm[:32000], 440.0) == pytest.approx(-22.0, abs=0.1)
    assert level_at(pcm[:32000], 480.0) == pytest.approx(-22.0, abs=0.1)


def test_busy_goes_on_and_off_every_half_second() -> None:
    pcm = busy(16000, 2000.0)
    assert loud(pcm, 16000) == ([True] * 50 + [False] * 50) * 2
    assert level_at(pcm[:16000], 480.0, 16000) == pytest.approx(-27.0, abs=0.1)
    assert level_at(pcm[:16000], 620.0, 16000) == pytest.approx(-27.0, abs=0.1)


def test_a_cadence_that_is_cut_short_still_ends_softly() -> None:
    wave = samples(ringback(ms=7000.0)).astype(int)
    assert wave.size == 56000
    assert abs(wave[-1]) < 200
    assert not wave[16000:48000].any()

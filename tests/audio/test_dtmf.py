import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from hookflash.audio.dtmf import DtmfDetector, DtmfDigit
from hookflash.audio.frames import Pcm, pcm_bytes
from hookflash.audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from hookflash.audio.tones import DTMF_DIGITS, DTMF_HIGH_HZ, DTMF_LOW_HZ, dtmf_tones
from hookflash.errors import UsageError

Floats = npt.NDArray[np.float64]
RATE = 8000


def key(
    digit: str,
    ms: float = 60.0,
    *,
    dbfs: float = -13.0,
    twist_db: float = 0.0,
    low_error: float = 0.0,
    high_error: float = 0.0,
    rate: int = RATE,
) -> Floats:
    """Make a key's two sines: `dbfs` is the RMS of both, `twist_db` high over low."""
    place = DTMF_DIGITS.index(digit)
    power = (32768 * 10 ** (dbfs / 20)) ** 2
    share = 1 / (1 + 10 ** (twist_db / 10))
    time = np.arange(round(ms * rate / 1000)) / rate
    low = DTMF_LOW_HZ[place // 4] * (1 + low_error)
    high = DTMF_HIGH_HZ[place % 4] * (1 + high_error)
    wave: Floats = math.sqrt(2 * power * share) * np.sin(2 * np.pi * low * time + 1.0)
    wave += math.sqrt(2 * power * (1 - share)) * np.sin(2 * np.pi * high * time)
    return wave


def quiet(ms: float, rate: int = RATE) -> Floats:
    return np.zeros(round(ms * rate / 1000))


def noisy(wave: Floats, dbfs: float) -> Floats:
    return wave + np.random.default_rng(5).normal(0, 32768 * 10 ** (dbfs / 20), wave.size)


def presses(wave: Floats | Pcm, rate: int = RATE) -> list[DtmfDigit]:
    pcm = pcm_bytes(wave) if isinstance(wave, np.ndarray) else wave
    detector = DtmfDetector(rate)
    return detector.push(pcm) + detector.flush()


def keys(wave: Floats | Pcm, rate: int = RATE) -> str:
    return "".join(press.digit for press in presses(wave, rate))


def at_every_offset(sound: Floats, count: int = 40) -> Floats:
    """Repeat a sound, each time one sample later in the detector's 5 ms."""
    once = np.concatenate((sound, quiet(100), np.zeros(-sound.size % 40 + 1)))
    return np.tile(once, count)


def all_keys(
    ms: float = 60.0,
    *,
    dbfs: float = -13.0,
    twist_db: float = 0.0,
    low_error: float = 0.0,
    high_error: float = 0.0,
) -> Floats:
    parts: list[Floats] = []
    for digit in DTMF_DIGITS:
        sound = key(
            digit,
            ms,
            dbfs=dbfs,
            twist_db=twist_db,
            low_error=low_error,
            high_error=high_error,
        )
        parts += (sound, quiet(60))
    return np.concatenate(parts)


def through_ulaw(pcm: bytes) -> bytes:
    return ulaw_decode(ulaw_encode(pcm))


def through_alaw(pcm: bytes) -> bytes:
    return alaw_decode(alaw_encode(pcm))


def unchanged(pcm: bytes) -> bytes:
    return pcm


LINES = pytest.mark.parametrize("line", [unchanged, through_ulaw, through_alaw])


def test_a_press_is_reported_with_its_digit_its_time_and_its_length() -> None:
    wave = np.concatenate((quiet(200), key("5", 100), quiet(100), key("#", 40)))
    assert presses(wave) == [
        DtmfDigit(digit="5", started_ms=201.1, duration_ms=97.8),
        DtmfDigit(digit="#", started_ms=401.1, duration_ms=37.8),
    ]


def test_times_and_lengths_are_right_within_a_few_milliseconds() -> None:
    for number, press in enumerate(presses(at_every_offset(key("5", 67)))):
        # 67 ms, 100 ms of silence and what rounds them up to whole 5 ms, and a sample.
        assert press.started_ms == pytest.approx(number * 170.125, abs=5)
        assert press.duration_ms == pytest.approx(67, abs=6)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 32000, 44000, 48000])
def test_what_is_generated_is_detected_at_any_rate(rate: int) -> None:
    assert keys(dtmf_tones(DTMF_DIGITS, rate, tone_ms=50, gap_ms=50), rate) == DTMF_DIGITS


@LINES
@pytest.mark.parametrize("dbfs", [-3.0, -6.0, -13.0, -20.0, -30.0, -35.0])
def test_every_key_is_heard_at_15_db_over_white_noise(
    line: Callable[[bytes], bytes], dbfs: float
) -> None:
    # At -3 dBFS the peaks are clipped, as on a line that is far too loud.
    wave = noisy(all_keys(dbfs=dbfs), dbfs - 15)
    assert keys(line(pcm_bytes(wave))) == DTMF_DIGITS


@LINES
def test_every_key_is_heard_at_10_db_too(line: Callable[[bytes], bytes]) -> None:
    assert keys(line(pcm_bytes(noisy(all_keys(), -23.0)))) == DTMF_DIGITS


def test_keys_below_the_least_level_are_not_heard() -> None:
    assert keys(all_keys(dbfs=-45.0)) == ""


@pytest.mark.parametrize("snr_db", [15.0, 100.0])
@pytest.mark.parametrize("digit", ["1", "D", "6"])
def test_40_ms_are_heard_wherever_they_fall(digit: str, snr_db: float) -> None:
    assert keys(noisy(at_every_offset(key(digit, 40)), -13.0 - snr_db)) == digit * 40


@pytest.mark.parametrize("snr_db", [15.0, 100.0])
@pytest.mark.parametrize("digit", ["1", "D", "6"])
def test_23_ms_are_not_heard_wherever_they_fall(digit: str, snr_db: float) -> None:
    assert keys(noisy(at_every_offset(key(digit, 23)), -13.0 - snr_db)) == ""


@pytest.mark.parametrize(("low", "high"), [(1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (-1, 0)])
def test_frequencies_off_by_one_and_a_half_percent_are_heard(low: int, high: int) -> None:
    wave = all_keys(low_error=0.015 * low, high_error=0.015 * high, ms=50)
    assert keys(noisy(wave, -28.0)) == DTMF_DIGITS


@pytest.mark.parametrize(("low", "high"), [(0.035, 0), (-0.035, 0), (0, 0.035), (0, -0.035)])
def test_one_frequency_off_by_three_and_a_half_percent_is_refused(low: float, high: float) -> None:
    assert keys(all_keys(low_error=low, high_error=high, ms=200)) == ""


@pytest.mark.parametrize("twist_db", [-8.0, 4.0])
def test_the_twist_of_att_is_taken(twist_db: float) -> None:
    assert keys(noisy(all_keys(twist_db=twist_db, ms=50), -28.0)) == DTMF_DIGITS


@pytest.mark.parametrize("twist_db", [-5.0, 5.0])
def test_the_twist_of_ntt_is_taken(twist_db: float) -> None:
    assert keys(all_keys(twist_db=twist_db, ms=50)) == DTMF_DIGITS


@pytest.mark.parametrize("twist_db", [-12.0, 8.0])
def test_more_twist_is_refused(twist_db: float) -> None:
    assert keys(all_keys(twist_db=twist_db, ms=200)) == ""


def test_everything_at_its_worst_at_once_is_still_heard() -> None:
    for twist_db, low, high in ((-8.0, 0.015, -0.015), (4.0, 0.015, 0.015), (-8.0, -0.015, 0.015)):
        sound = key("8", 40, twist_db=twist_db, low_error=low, high_error=high)
        assert keys(noisy(at_every_offset(sound), -28.0)) == "8" * 40


@pytest.mark.parametrize("gap_ms", [1.0, 5.0, 10.0])
@pytest.mark.parametrize("digit", ["1", "0", "C"])
def test_an_interruption_does_not_make_two_presses_of_one(digit: str, gap_ms: float) -> None:
    sound = key(digit, 110)
    sound[400 : 400 + round(gap_ms * 8)] = 0
    assert keys(at_every_offset(sound)) == digit * 40


@pytest.mark.parametrize("digit", ["1", "0", "C"])
def test_a_pause_of_40_ms_makes_two_presses(digit: str) -> None:
    sound = np.concatenate((key(digit, 40), quiet(40), key(digit, 40)))
    assert keys(at_every_offset(sound)) == digit * 80
    assert keys(noisy(at_every_offset(sound), -28.0)) == digit * 80


def test_a_new_key_needs_no_pause() -> None:
    wave = np.concatenate([key(digit, 60) for digit in "14*0"])
    assert keys(wave) == "14*0"


def test_a_key_that_is_held_is_one_press() -> None:
    (press,) = presses(np.concatenate((quiet(50), key("7", 10_000), quiet(50))))
    assert press.digit == "7"
    assert press.duration_ms == pytest.approx(10_000, abs=6)


def test_a_press_is_reported_once_the_key_is_up_for_certain() -> None:
    detector = DtmfDetector(RATE)
    assert detector.push(pcm_bytes(key("3", 200))) == []
    reports = [detector.push(bytes(80)) for _ in range(20)]
    assert [bool(report) for report in reports].index(True) * 5 + 5 == 40
    assert [press.digit for report in reports for press in report] == ["3"]
    assert detector.flush() == []


def test_a_key_that_is_down_at_the_end_is_reported_by_the_flush() -> None:
    detector = DtmfDetector(RATE)
    assert detector.push(pcm_bytes(key("9", 40))) == []
    assert [press.digit for press in detector.flush()] == ["9"]
    assert detector.flush() == []


@pytest.mark.parametrize("size", [2, 38, 320, 642, 100_000])
def test_the_reports_do_not_depend_on_how_the_stream_is_cut(size: int) -> None:
    pcm = pcm_bytes(noisy(np.concatenate((quiet(33), all_keys(ms=45)[:4000])), -30.0))
    detector = DtmfDetector(RATE)
    found = [press for i in range(0, len(pcm), size) for press in detector.push(pcm[i : i + size])]
    assert found + detector.flush() == presses(pcm)
    assert len(presses(pcm)) == 5


@pytest.mark.parametrize("hz", [*DTMF_LOW_HZ, *DTMF_HIGH_HZ, 350.0, 1000.0, 1100.0])
def test_one_sine_is_no_key(hz: float) -> None:
    assert keys(10000 * np.sin(2 * np.pi * hz / RATE * np.arange(8000))) == ""


@pytest.mark.parametrize(
    "pair", [(697.0, 770.0), (1209.0, 1633.0), (350.0, 440.0), (941.0, 1100.0)]
)
def test_two_sines_that_are_not_a_row_and_a_column_are_no_key(pair: tuple[float, float]) -> None:
    turns = 2 * np.pi / RATE * np.arange(8000)
    assert keys(8000 * np.sin(pair[0] * turns) + 8000 * np.sin(pair[1] * turns)) == ""


def test_tones_with_overtones_are_no_key() -> None:
    # A voice or an instrument that happens to hit the frequencies has overtones; a phone has not.
    pure = all_keys(ms=100)
    turns = 2 * np.pi / RATE * np.arange(800)
    low, high = 697.0, 1336.0
    sines = np.sin(low * turns) + np.sin(high * turns)
    overtones = np.sin(2 * low * turns) + np.sin(2 * high * turns)
    assert keys(np.concatenate((quiet(50), 6000 * (sines + 0.1 * overtones)))) == "2"
    assert keys(np.concatenate((quiet(50), 6000 * (sines + 0.5 * overtones)))) == ""
    assert keys(pure) == DTMF_DIGITS


def test_the_third_and_fourth_harmonic_of_a_high_voice_are_no_star_key() -> None:
    for pitch in np.linspace(300.0, 325.0, 26):
        turns = 2 * np.pi * pitch / RATE * np.arange(1600)
        assert keys(8000 * (np.sin(3 * turns) + np.sin(4 * turns))) == ""


@pytest.mark.parametrize("rate", [4000, 7800, 11025, 22050, 44100])
def test_other_rates_are_refused(rate: int) -> None:
    with pytest.raises(UsageError, match=f"multiples of 200 Hz, not {rate}"):
        DtmfDetector(rate)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(UsageError, match="even number of bytes"):
        DtmfDetector(RATE).push(b"abc")

from itertools import permutations, repeat

import numpy as np
import numpy.typing as npt
import pytest

from hookflash.audio.frames import pcm_bytes, samples
from hookflash.audio.resample import Resampler
from hookflash.errors import UsageError

RATES = (8000, 16000, 22050, 24000, 44100, 48000)
PAIRS = list(permutations(RATES, 2))
Floats = npt.NDArray[np.float64]


def sine(hz: float, rate: int, seconds: float = 0.3) -> Floats:
    return 20000 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)


def convert(wave: Floats, from_rate: int, to_rate: int) -> Floats:
    resampler = Resampler(from_rate, to_rate)
    return samples(resampler.push(pcm_bytes(wave)) + resampler.flush()).astype(np.float64)


def gain_db(hz: float, from_rate: int, to_rate: int) -> float:
    wave = sine(hz, from_rate)
    middle = convert(wave, from_rate, to_rate)[to_rate // 10 : -to_rate // 10]
    return float(20 * np.log10(np.std(middle) / np.std(wave) + 1e-9))


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_a_stream_gives_the_same_bytes_however_it_is_cut(from_rate: int, to_rate: int) -> None:
    noise = np.random.default_rng(1).normal(0, 6000, from_rate // 10)
    pcm = pcm_bytes(noise)
    resampler = Resampler(from_rate, to_rate)
    at_once = resampler.push(pcm) + resampler.flush()
    for size in (122, 2 * from_rate // 50, 4098):
        pieces = [resampler.push(pcm[i : i + size]) for i in range(0, len(pcm), size)]
        assert b"".join(pieces) + resampler.flush() == at_once


def test_a_stream_may_come_sample_by_sample() -> None:
    pcm = pcm_bytes(sine(1000.0, 16000, 0.02))
    resampler = Resampler(16000, 24000)
    at_once = resampler.push(pcm) + resampler.flush()
    pieces = [resampler.push(pcm[i : i + 2]) for i in range(0, len(pcm), 2)]
    assert b"".join(pieces) + resampler.flush() == at_once


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_every_20_ms_give_20_ms_after_a_short_and_constant_delay(
    from_rate: int, to_rate: int
) -> None:
    resampler = Resampler(from_rate, to_rate)
    frame = bytes(2 * from_rate // 50)
    out = [len(resampler.push(frame)) for _ in range(50)]
    assert out[1:] == list(repeat(2 * to_rate // 50, 49))
    held_back = 1000 * (to_rate - sum(out) / 2) / to_rate
    assert held_back == pytest.approx(resampler.delay_ms, abs=1000 / to_rate)
    assert resampler.delay_ms <= 5.63
    assert sum(out) + len(resampler.flush()) == 2 * to_rate


def test_the_delay_is_half_the_filter_at_the_lower_rate() -> None:
    delays = {pair: Resampler(*pair).delay_ms for pair in ((8000, 48000), (24000, 8000))}
    assert delays == {(8000, 48000): 5.625, (24000, 8000): pytest.approx(5.583, abs=0.001)}
    assert Resampler(16000, 48000).delay_ms == pytest.approx(2.81, abs=0.01)
    assert Resampler(24000, 48000).delay_ms == pytest.approx(1.88, abs=0.01)


@pytest.mark.parametrize(("from_rate", "to_rate"), PAIRS)
def test_the_passband_is_flat(from_rate: int, to_rate: int) -> None:
    nyquist = min(from_rate, to_rate) / 2
    for share in (0.02, 0.25, 0.5, 0.75, 0.85, 0.9):
        assert gain_db(share * nyquist, from_rate, to_rate) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(("from_rate", "to_rate"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_what_is_above_the_new_nyquist_frequency_does_not_fold_down(
    from_rate: int, to_rate: int
) -> None:
    above = np.linspace(1.01 * to_rate / 2, 0.99 * from_rate / 2, 5)
    assert max(gain_db(hz, from_rate, to_rate) for hz in above) < -70.0


@pytest.mark.parametrize(("from_rate", "to_rate"), [pair for pair in PAIRS if pair[0] < pair[1]])
def test_no_images_appear_above_the_old_nyquist_frequency(from_rate: int, to_rate: int) -> None:
    for share in (0.1, 0.5, 0.85):
        out = convert(sine(share * from_rate / 2, from_rate), from_rate, to_rate)
        middle = out[to_rate // 10 : -to_rate // 10]
        spectrum = np.abs(np.fft.rfft(middle * np.blackman(middle.size)))
        hz = np.fft.rfftfreq(middle.size, 1 / to_rate)
        images = spectrum[hz > from_rate / 2]
        assert 20 * np.log10(images.max() / spectrum.max()) < -70.0


@pytest.mark.parametrize(("from_rate", "to_rate"), [(24000, 8000), (8000, 16000), (22050, 8000)])
def test_time_is_not_shifted(from_rate: int, to_rate: int) -> None:
    out = convert(sine(440.0, from_rate), from_rate, to_rate)
    ideal = sine(440.0, to_rate)
    middle = slice(to_rate // 10, -to_rate // 10)
    assert np.abs(out - ideal)[middle].max() < 8.0


def test_a_constant_stays_constant() -> None:
    for pair in PAIRS:
        out = convert(np.full(pair[0] // 5, 1000.0), *pair)
        assert set(out[out.size // 4 : -out.size // 4]) == {1000.0}


def test_silence_stays_silent() -> None:
    assert not convert(np.zeros(24000), 24000, 8000).any()


def test_too_loud_saturates() -> None:
    square = np.where(sine(1000.0, 8000) >= 0, 32767.0, -32768.0)
    out = convert(square, 8000, 16000)
    assert out.max() == 32767.0
    assert out.min() == -32768.0


def test_equal_rates_pass_through() -> None:
    resampler = Resampler(8000, 8000)
    assert resampler.push(b"\x01\x02\x03\x04") == b"\x01\x02\x03\x04"
    assert resampler.push(memoryview(b"\x01\x02")) == b"\x01\x02"
    assert resampler.flush() == b""
    assert resampler.delay_ms == 0.0
    with pytest.raises(UsageError, match="even number of bytes"):
        resampler.push(b"a")


def test_a_flushed_resampler_begins_anew() -> None:
    resampler = Resampler(24000, 8000)
    first = resampler.push(pcm_bytes(sine(300.0, 24000))) + resampler.flush()
    second = resampler.push(pcm_bytes(sine(300.0, 24000))) + resampler.flush()
    assert first == second
    assert resampler.flush() == b""


@pytest.mark.parametrize(("taken", "given"), [(1, 1), (2, 1), (3, 1), (4, 2), (160, 54)])
def test_a_part_of_a_sample_counts_as_a_whole(taken: int, given: int) -> None:
    resampler = Resampler(24000, 8000)
    assert len(resampler.push(bytes(2 * taken)) + resampler.flush()) == 2 * given


@pytest.mark.parametrize(("from_rate", "to_rate"), [(11025, 8000), (32000, 8000), (7999, 8000)])
def test_uncommon_rates_work_too(from_rate: int, to_rate: int) -> None:
    out = convert(sine(440.0, from_rate), from_rate, to_rate)
    middle = slice(to_rate // 10, to_rate // 5)
    assert np.abs(out[middle] - sine(440.0, to_rate)[middle]).max() < 8.0


@pytest.mark.parametrize(
    ("from_rate", "to_rate"), [(0, 8000), (8000, 0), (-8000, 8000), (8000, 10**9), (True, 8000)]
)
def test_nonsense_is_no_rate(from_rate: int, to_rate: int) -> None:
    with pytest.raises(UsageError, match="sample rate"):
        Resampler(from_rate, to_rate)


def test_rates_of_no_simple_ratio_are_refused() -> None:
    with pytest.raises(UsageError, match="simpler ratio than 44099 to 48000"):
        Resampler(44099, 48000)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(UsageError, match="even number of bytes"):
        Resampler(8000, 16000).push(b"abc")


def test_it_agrees_with_libsoxr() -> None:
    soxr = pytest.importorskip("soxr")
    spectrum = np.fft.rfft(np.random.default_rng(2).normal(0, 4000, 24000))
    spectrum[np.fft.rfftfreq(24000, 1 / 24000) > 3400] = 0
    speech = np.fft.irfft(spectrum, 24000)
    theirs = np.asarray(soxr.resample(speech, 24000, 8000, quality="VHQ"))
    difference = (convert(speech, 24000, 8000) - theirs)[200:-200]
    assert 20 * np.log10(np.std(difference) / np.std(theirs)) < -60.0

"""Beeps and fax tones among speech, keys and the network's own tones."""

from collections.abc import Iterable

import numpy as np
import pytest

from hookflash.audio import (
    Pcm,
    beep,
    busy,
    dtmf_tones,
    fax_cng,
    ringback,
    silence,
    tone,
    ulaw_decode,
    ulaw_encode,
)
from hookflash.audio.frames import pcm_bytes, samples
from hookflash.audio.levels import amplitude
from hookflash.audio.steady_tones import FAX_MS, SteadyTone, ToneDetector
from hookflash.errors import UsageError

RATE = 8000
HALF = silence(RATE, 500.0)


def found(pcm: Pcm, *, chunk: int = 320, rate: int = RATE) -> list[SteadyTone]:
    """Push it as a mu-law line would bring it."""
    line = ulaw_decode(ulaw_encode(bytes(pcm)))
    detector = ToneDetector(rate)
    return [
        tone for start in range(0, len(line), chunk) for tone in detector.push(line[start:][:chunk])
    ]


def noisy(pcm: bytes, dbfs: float) -> bytes:
    chance = np.random.default_rng(7)
    wave = samples(pcm).astype(np.float64)
    return pcm_bytes(wave + amplitude(dbfs) * chance.standard_normal(wave.size))


def only(tones: Iterable[SteadyTone]) -> SteadyTone:
    (one,) = tones
    return one


@pytest.mark.parametrize("hz", [440.0, 500.0, 620.0, 850.0, 1000.0, 1400.0, 2000.0])
@pytest.mark.parametrize("ms", [140.0, 500.0, 1000.0, 2900.0])
def test_beeps_are_found_and_measured(hz: float, ms: float) -> None:
    heard = only(found(HALF + tone((hz,), ms) + HALF))
    assert heard.hz == pytest.approx(hz, abs=3.0)
    assert heard.second_hz is None
    assert heard.started_ms == pytest.approx(500.0, abs=10.0)
    assert heard.ms == pytest.approx(ms, abs=20.0)


def test_a_beep_of_two_sines_is_found() -> None:
    heard = only(found(HALF + tone((950.0, 1400.0), 400.0) + HALF))
    assert sorted((heard.hz, heard.second_hz or 0.0)) == pytest.approx([950.0, 1400.0], abs=3.0)


@pytest.mark.parametrize("level", [-4.0, -13.0, -30.0, -40.0])
def test_loud_and_soft_beeps_are_found(level: float) -> None:
    assert len(found(HALF + tone((1000.0,), 300.0, level_dbfs=level) + HALF)) == 1


@pytest.mark.parametrize(("noise", "heard"), [(-50.0, 1), (-35.0, 1), (-26.0, 0)])
def test_a_beep_must_stand_out_of_the_noise(noise: float, heard: int) -> None:
    line = noisy(HALF + tone((1000.0,), 300.0, level_dbfs=-20.0) + HALF, noise)
    assert len(found(line)) == heard


def test_a_beep_is_reported_within_110_ms_of_its_end() -> None:
    detector = ToneDetector(RATE)
    line = HALF + beep(ms=300.0) + HALF
    times = [
        start / 16 + 20
        for start in range(0, len(line), 320)
        if detector.push(line[start : start + 320])
    ]
    assert len(times) == 1
    assert 800.0 < times[0] <= 910.0


@pytest.mark.parametrize(
    "pcm",
    [
        dtmf_tones("0123456789*#ABCD", tone_ms=300.0),
        ringback(ms=12_000.0),
        busy(ms=3000.0),
        tone((350.0, 440.0), 2000.0),
        tone((425.0,), 1000.0),
        tone((950.0,), 330.0) + tone((1400.0,), 330.0) + tone((1800.0,), 330.0),
        tone((1000.0,), 100.0),
        tone((1000.0,), 3300.0),
        tone((300.0,), 500.0),
        tone((2500.0,), 500.0),
        tone((1000.0,), 500.0, level_dbfs=-46.0),
        b"".join(tone((hz,), 200.0) for hz in (660.0, 880.0, 990.0, 660.0, 880.0)),
    ],
    ids=[
        *("keys", "ringback", "busy", "dial tone", "ringing elsewhere", "intercept", "short"),
        *("long", "low", "high", "faint", "melody"),
    ],
)
def test_other_tones_are_no_beeps(pcm: bytes) -> None:
    assert found(HALF + pcm + HALF) == []


def test_noise_and_a_gliding_voice_are_no_beeps() -> None:
    time = np.arange(4 * RATE) / RATE
    glide = 6000 * np.sin(2 * np.pi * (600.0 * time + 60.0 * time**2))
    assert found(pcm_bytes(glide) + HALF) == []
    assert found(noisy(silence(RATE, 10_000.0), -30.0)) == []


def test_a_calling_fax_is_half_a_second_of_1100_hz_every_three_and_a_half() -> None:
    heard = found(fax_cng(ms=8000.0))
    assert [round(one.started_ms, -2) for one in heard] == [0.0, 3500.0, 7000.0]
    assert [one.hz for one in heard] == pytest.approx([1100.0] * 3, abs=3.0)
    assert [one.ms for one in heard] == pytest.approx([500.0] * 3, abs=20.0)


def test_an_answering_fax_is_reported_while_its_tone_goes_on_and_once() -> None:
    heard = only(found(HALF + tone((2100.0,), 3500.0) + HALF))
    assert heard.hz == pytest.approx(2100.0, abs=3.0)
    assert heard.ms == pytest.approx(FAX_MS, abs=10.0)


def test_a_modems_reversals_of_phase_do_not_hide_it() -> None:
    # ITU-T V.8: a reversal every 450 ms, and 15 Hz of modulation by a fifth.
    time = np.arange(4 * RATE) / RATE
    phase = np.pi * (np.floor(time / 0.45) % 2)
    swing = 1 + 0.2 * np.sin(2 * np.pi * 15 * time)
    answer = pcm_bytes(6000 * swing * np.sin(2 * np.pi * 2100 * time + phase))
    assert only(found(HALF + answer + HALF)).hz == pytest.approx(2100.0, abs=5.0)


def test_a_beep_right_behind_a_voice_is_found() -> None:
    time = np.arange(RATE) / RATE
    pitch = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 3 * time)) / RATE
    voice = np.sum([np.sin(k * pitch) / k for k in range(1, 12)], axis=0)
    heard = only(found(pcm_bytes(4000 * voice) + silence(RATE, 60.0) + beep(ms=400.0) + HALF))
    assert heard.hz == pytest.approx(1000.0, abs=3.0)


@pytest.mark.parametrize("chunk", [2, 30, 160, 999 * 2, 100_000])
def test_the_cut_of_the_stream_does_not_matter(chunk: int) -> None:
    line = HALF + beep(ms=300.0) + HALF + tone((620.0,), 200.0) + HALF
    assert found(line, chunk=chunk) == found(line)


def test_wide_band_audio_is_as_good() -> None:
    line = silence(16_000, 500.0) + beep(16_000, ms=300.0) + silence(16_000, 500.0)
    assert only(found(line, chunk=640, rate=16_000)).hz == pytest.approx(1000.0, abs=3.0)


@pytest.mark.parametrize("rate", [7000, 11_025])
def test_other_rates_are_refused(rate: int) -> None:
    with pytest.raises(UsageError, match="tone detection needs 8000 Hz or more"):
        ToneDetector(rate)

import numpy as np

from hookflash.audio.levels import amplitude
from hookflash.providers.loudness_gate import LoudnessGate


def block(dbfs: float, seed: int = 0) -> bytes:
    wave = np.random.default_rng(seed).standard_normal(160) * amplitude(dbfs)
    return np.clip(wave, -32768, 32767).astype("<i2").tobytes()


def opened(levels: list[float]) -> list[bool]:
    gate = LoudnessGate(0.02)
    return [gate.push(block(level, seed)) for seed, level in enumerate(levels)]


def test_digital_silence_and_the_noise_of_a_line_keep_it_shut() -> None:
    gate = LoudnessGate(0.02)
    assert not gate.push(bytes(320))
    assert not gate.push(b"")
    assert opened([-65.0] * 100) == [False] * 100


def test_speech_opens_it_at_once_even_if_it_is_soft() -> None:
    assert opened([-70.0] * 20 + [-45.0])[-1]
    assert opened([-20.0])[-1]


def test_steady_noise_closes_it_again_after_some_seconds() -> None:
    found = opened([-48.0] * 500)
    assert found[0]
    assert not any(found[-50:])


def test_a_loud_voice_passes_in_any_room() -> None:
    assert opened([-40.0] * 1000 + [-25.0])[-1]

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from hookflash.errors import MissingExtra, ProviderError, UsageError
from hookflash.providers import silero_weights
from hookflash.providers.silero_network import SileroNetwork
from hookflash.providers.silero_weights import find_silero_file, read_silero_weights


def sounds(calls: int, samples: int, rate: int) -> NDArray[np.float32]:
    """Gliding voiced syllables and noise, of every loudness."""
    chance = np.random.default_rng(calls + rate)
    at = np.arange(samples) / rate
    rows: list[NDArray[np.float64]] = []
    for _ in range(calls):
        pitch = chance.uniform(80, 250) * (1 + 0.2 * np.sin(2 * np.pi * 3 * at))
        phase = 2 * np.pi * np.cumsum(pitch) / rate
        voice = np.zeros(samples)
        for k in range(1, 9):
            voice += np.sin(k * phase) * np.exp(-(((k * pitch - 700) / 400) ** 2))
        voice *= np.sin(2 * np.pi * chance.uniform(1, 4) * at) > 0
        noise = chance.standard_normal(samples) * 10 ** chance.uniform(-5, -1)
        rows.append(np.clip(voice * chance.uniform(0.01, 0.3) + noise, -1, 1))
    return np.array(rows, dtype=np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize(("calls", "windows"), [(1, 1900), (7, 300), (200, 25)])
def test_it_agrees_with_onnxruntime_over_minutes_with_state_carried(
    rate: int, calls: int, windows: int
) -> None:
    path = find_silero_file()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    reference = onnxruntime.InferenceSession(str(path), options)
    network = SileroNetwork(rate, read_silero_weights(path)[rate])
    state = np.zeros((2, calls, 128), dtype=np.float32)
    theirs = state.copy()
    context = np.zeros((calls, network.context), dtype=np.float32)
    audio = sounds(calls, windows * network.window, rate)
    worst, loudest = 0.0, 0.0
    for start in range(0, audio.shape[1], network.window):
        window = np.concatenate((context, audio[:, start : start + network.window]), axis=1)
        context = window[:, -network.context :]
        ours = network.probabilities(window, state)
        feed = {"input": window, "state": theirs, "sr": np.array(rate, dtype=np.int64)}
        expected, theirs = reference.run(None, feed)
        worst = max(worst, float(np.abs(ours - expected[:, 0]).max()))
        loudest = max(loudest, float(ours.max()))
    assert worst < 1e-5
    assert loudest > 0.5, "some of it sounded like speech"


def test_weights_of_another_rate_are_refused() -> None:
    weights = read_silero_weights(find_silero_file())
    with pytest.raises(UsageError, match="16000 Hz, not 8000"):
        SileroNetwork(8000, weights[16000])


def test_a_damaged_file_is_refused_however_it_is_damaged(tmp_path: Path) -> None:
    whole = find_silero_file().read_bytes()
    chance = np.random.default_rng(1)
    path = tmp_path / "silero.onnx"
    damaged = [b"", b"\xff" * 40, whole[:1000], whole[: len(whole) // 2], bytes(17 << 20)]
    damaged += [chance.bytes(200) for _ in range(50)]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ProviderError):
            read_silero_weights(path)


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silero_weights, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"hookflash\[local\]"):
        find_silero_file()

"""What a voice-activity window costs: our numpy network beside onnxruntime.

    ./scripts/bench vad

Prints microseconds of CPU per 32 ms window at several batch sizes. One thread each: numpy's
OpenBLAS would otherwise spend a second core for no gain in time.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Callable

import numpy as np
import onnxruntime

from hookflash.providers.silero_network import SileroNetwork
from hookflash.providers.silero_weights import find_silero_file, read_silero_weights

__all__ = ["print_vad"]

WINDOWS = 3000


def microseconds(judge: Callable[[], object], batch: int) -> float:
    """Return the best of three, per window."""
    rounds = max(10, WINDOWS // batch)
    judge()
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for _ in range(rounds):
            judge()
        best = min(best, (time.process_time() - began) / rounds / batch)
    return best * 1e6


def print_vad() -> None:
    """Print it for both rates and several batch sizes."""
    path = find_silero_file()
    weights = read_silero_weights(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options)
    chance = np.random.default_rng(0)
    print("CPU us per window    batch   numpy   onnxruntime   ratio")
    for rate in (8000, 16000):
        network = SileroNetwork(rate, weights[rate])
        for batch in (1, 8, 32, 128):
            shape = (batch, network.context + network.window)
            window = (chance.standard_normal(shape) * 0.1).astype(np.float32)
            state = np.zeros((2, batch, 128), dtype=np.float32)
            feed = {"input": window, "state": state.copy(), "sr": np.array(rate, dtype=np.int64)}
            ours = microseconds(lambda: network.probabilities(window, state), batch)  # noqa: B023
            theirs = microseconds(lambda: session.run(None, feed), batch)  # noqa: B023
            print(f"{rate:>12} Hz {batch:>10} {ours:>7.1f} {theirs:>13.1f} {theirs / ours:>7.1f}")

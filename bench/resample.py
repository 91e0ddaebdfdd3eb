"""What streaming resampling costs and how late it is: ours against libsoxr, in 20 ms frames."""

import time

import numpy as np
import soxr

from hookflash.audio.resample import Resampler

__all__ = ["print_resampling"]

_PAIRS = (
    (8000, 16000),
    (16000, 8000),
    (24000, 8000),
    (22050, 8000),
    (48000, 8000),
    (16000, 24000),
)
_FRAMES = 500


def print_resampling() -> None:
    """Print, for each pair of rates, microseconds per 20 ms frame and the lag of the output."""
    print(
        f"{'Hz':>14} {'ours us':>8} {'soxr us':>8} {'ratio':>6} "
        f"{'our lag ms':>11} {'soxr lag ms, least and most':>28}"
    )
    rng = np.random.default_rng(1)
    for source, target in _PAIRS:
        count = source // 50
        frames = [rng.normal(0, 3000, count).astype(np.int16) for _ in range(_FRAMES)]
        ours = Resampler(source, target)
        our_us, _ = _stream(lambda f, r=ours: len(r.push(f.tobytes())) // 2, frames, source, target)
        theirs = soxr.ResampleStream(source, target, 1, dtype="int16", quality="HQ")
        soxr_us, lags = _stream(
            lambda f, r=theirs: len(r.resample_chunk(f)), frames, source, target
        )
        print(
            f"{source:>6}>{target:<7} {our_us:8.1f} {soxr_us:8.1f} {our_us / soxr_us:6.1f} "
            f"{ours.delay_ms:11.1f} {min(lags):16.1f} {max(lags):11.1f}"
        )


def _stream(
    push: object, frames: "list[np.ndarray]", source: int, target: int
) -> tuple[float, list[float]]:
    """Push frames; return microseconds for each, and how far the output was behind after each."""
    assert callable(push)
    lags: list[float] = []
    taken = given = 0
    spent = 0.0
    for frame in frames:
        began = time.perf_counter()
        given += push(frame)
        spent += time.perf_counter() - began
        taken += len(frame)
        lags.append(1000 * (taken / source - given / target))
    return spent / len(frames) * 1e6, lags[20:]

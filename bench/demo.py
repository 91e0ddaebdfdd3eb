"""How much faster than life `hookflash demo --fast` is."""

import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

from bench.runs import ROOT

__all__ = ["print_demo"]


def print_demo() -> None:
    """Run it; print its time, the length of the call that it held, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "hookflash.cli", "demo", "--fast", "--record", folder],
            stdout=subprocess.DEVNULL,
            check=False,
            cwd=ROOT,
        )
        took = time.perf_counter() - began
        lengths = [_seconds(path) for path in Path(folder).rglob("*.wav")]
    if done.returncode != 0 or not lengths:
        raise SystemExit(f"the demo failed (exit code {done.returncode})")
    call = max(lengths)
    print(f"{took:.1f} s for a call of {call:.1f} s: {took / call:.2f} of its real time")


def _seconds(path: Path) -> float:
    with wave.open(str(path)) as recording:
        frames, rate = recording.getnframes(), recording.getframerate()
    return float(frames / rate)

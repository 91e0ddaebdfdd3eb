"""Runs one system under one load: two processes on two cores, and what they said."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from bench.answer import SILENCE

__all__ = ["ROOT", "SYSTEMS", "Result", "System", "cores", "pipecat_python", "run"]

ROOT = Path(__file__).resolve().parent.parent
_CACHE = ROOT / ".bench"
_PIPECAT = ("pipecat-ai[silero,websocket]==1.14.*", "uvicorn", "uvloop")
_STOP_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class System:
    """Something that can be called.

    Attributes:
        name: its row in the table.
        module: its server.
        lead: seconds that it sends ahead of real time when it begins to speak.
    """

    name: str
    module: str
    lead: float


SYSTEMS = {
    system.name: system
    for system in (
        System("hookflash", "bench.hookflash_server", 0.04),
        System("floor", "bench.floor_server", 0.0),
        System("pipecat", "bench.pipecat_server", 0.04),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one system did under one load. Triples are the median, the 99th percentile, the most.

    Attributes:
        system: its name.
        calls: how many at once.
        cpu_ms: CPU milliseconds, user and system, of all threads, per second of one call.
        mb: growth of resident memory per call since one call had come and gone, megabytes.
        base_mb: resident memory at that moment.
        late_ms: how long the caller had to wait for a frame.
        jitter_ms: how far a frame was behind the system's own pace.
        turn_ms: from the end of the caller's speech to the first frame of the answer, beyond the
            silence that the system was told to wait.
        barge_in_ms: from the caller's first sound over the agent to the agent's `clear`.
        turns: how many were answered.
        missed_turns: how many were not within three seconds.
        missed_barge_ins: how often the agent had not hushed when the caller had finished.
        lost_calls: calls that the system closed.
        load_cpu: share of its core that the load generator took.
        load_late_ms: how late the load's own frames were.
    """

    system: str
    calls: int
    cpu_ms: float
    mb: float
    base_mb: float
    late_ms: tuple[float, float, float]
    jitter_ms: tuple[float, float, float]
    turn_ms: tuple[float, float, float]
    barge_in_ms: tuple[float, float, float]
    turns: int
    missed_turns: int
    missed_barge_ins: int
    lost_calls: int
    load_cpu: float
    load_late_ms: tuple[float, float, float]

    @property
    def saturated(self) -> bool:
        """Whether more calls make no sense."""
        return self.missed_turns + self.missed_barge_ins + self.lost_calls > 0

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def cores() -> tuple[int | None, int | None]:
    """Return a core for the server and one for the load; None where there is no choice."""
    ours = sorted(os.sched_getaffinity(0))
    return (ours[0], ours[1]) if len(ours) > 1 else (None, None)


def pipecat_python() -> Path | None:
    """Return the Python that has Pipecat, installing it the first time; None if that fails."""
    home = _CACHE / "pipecat"
    python = home / "bin" / "python"
    installed = home / "installed"
    if installed.exists():
        return python
    print(f"installing Pipecat into {home} (once) ...", file=sys.stderr, flush=True)
    for command in (
        [sys.executable, "-m", "venv", str(home)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PIPECAT],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"Pipecat cannot be installed: {done.stderr[-300:]}", file=sys.stderr)
            return None
    installed.touch()
    return python


def run(
    system: System,
    calls: int,
    seconds: float,
    *,
    settle: float = 6.0,
    python: Path | None = None,
    profile: Path | None = None,
) -> Result:
    """Serve and call; both processes are new.

    Args:
        system: what is measured.
        calls: how many at once.
        seconds: how long it is measured.
        settle: how long one call is held before the load, so that whatever is loaded once, is;
            and the load before it is measured, so that everyone has spoken and been answered.
        python: the system's interpreter; None is ours.
        profile: where to write a profile of it.
    """
    server_core, load_core = cores()
    serve = [str(python or sys.executable), "-m", system.module]
    if profile is not None:
        serve += ["--profile", str(profile)]
    with _process(serve, server_core) as server:
        url = _line(server)["ready"]
        load = [sys.executable, "-m", "bench.callers", url, "--calls", str(calls)]
        load += ["--seconds", str(seconds), "--lead", str(system.lead)]
        load += ["--settle", str(settle)]
        with _process(load, load_core) as callers:
            _expect(callers, "warm")
            base = _ask(server)
            _write(callers, "go")
            _expect(callers, "begin")
            before = _ask(server)
            _expect(callers, "end")
            after = _ask(server)
            found = _line(callers)
    passed = after["at"] - before["at"]
    turn = found["turn_ms"]
    return Result(
        system=system.name,
        calls=calls,
        cpu_ms=1000 * (after["cpu"] - before["cpu"]) / passed / calls,
        mb=(after["rss_mb"] - base["rss_mb"]) / calls,
        base_mb=base["rss_mb"],
        late_ms=found["late_ms"],
        jitter_ms=found["jitter_ms"],
        turn_ms=(turn[0] - 1000 * SILENCE, turn[1] - 1000 * SILENCE, turn[2] - 1000 * SILENCE),
        barge_in_ms=found["barge_in_ms"],
        turns=found["turns"],
        missed_turns=found["missed_turns"],
        missed_barge_ins=found["missed_barge_ins"],
        lost_calls=found["lost_calls"],
        load_cpu=found["own_cpu"],
        load_late_ms=found["own_late_ms"],
    )


@contextmanager
def _process(command: list[str], core: int | None) -> Iterator["subprocess.Popen[str]"]:
    """Start a process on one core; end it by ending its standard input, and wait.

    It is pinned before it begins, so that libraries that start a thread for each core they see
    (OpenBLAS, onnxruntime) see one.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LOGURU_LEVEL": "ERROR"}
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, ours if core is None else {core})
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=ROOT,
        )
    finally:
        os.sched_setaffinity(0, ours)
    try:
        yield process
        _stream(process.stdin).close()
        process.wait(_STOP_WITHIN)
    except subprocess.TimeoutExpired:
        print(f"{command[2]} did not stop by itself", file=sys.stderr)
    finally:
        process.kill()
        process.wait()
        _stream(process.stdout).close()


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _write(process: "subprocess.Popen[str]", line: str) -> None:
    stream = _stream(process.stdin)
    stream.write(f"{line}\n")
    stream.flush()


def _line(process: "subprocess.Popen[str]") -> Any:
    line = _stream(process.stdout).readline()
    if not line:
        raise SystemExit("a process of the bench ended; what it said is above")
    return json.loads(line)


def _ask(server: "subprocess.Popen[str]") -> Any:
    _write(server, "usage")
    return _line(server)


def _expect(process: "subprocess.Popen[str]", at: str) -> None:
    line = _line(process)
    assert line == {"at": at}, line

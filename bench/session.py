"""What a session costs beyond the bare pipeline, what it leaves behind, and how fast it answers.

Each part runs in a process of its own, so that none inherits what another has left.
"""

import argparse
import asyncio
import gc
import json
import math
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench.answer import ANSWER, RATE
from bench.gauge import usage
from bench.instant import InstantLLM, InstantSTT, InstantTTS
from bench.report import machine
from bench.runs import ROOT
from hookflash import Agent, AgentSession, Pipeline, SessionOptions
from hookflash.agent import RecordConfig
from hookflash.audio.frames import frame_bytes
from hookflash.errors import HookflashError
from hookflash.events.turn import AgentSpeechEnded, AgentSpeechStarted, EndTurn, Trouble
from hookflash.machines.digits import DigitsConfig
from hookflash.machines.turn import TurnConfig
from hookflash.pipeline.ears import Ears
from hookflash.pipeline.hooks import RunningHooks
from hookflash.pipeline.voice import Speaking, Voice
from hookflash.providers.base import VAD, VoiceStream, VoiceVerdict
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner
from hookflash.testing import MemoryLeg

__all__ = ["main", "print_session"]

_RESULTS = ROOT / "bench" / "results"
_DOCS = ROOT / "docs" / "reference" / "measures.md"
_BEGIN = "<!-- measured: begin -->\n"
_END = "<!-- measured: end -->\n"

_FRAME = 0.02
_LOUD = b"\x00\x20" * (frame_bytes(RATE) // 2)
_QUIET = bytes(frame_bytes(RATE))
_ENDPOINTING = 0.3
_START = 0.2

_TURN = TurnConfig(
    complete_delay=_ENDPOINTING,
    min_delay=_ENDPOINTING,
    max_delay=_ENDPOINTING,
    min_duration=_START,
    detector_stop=_ENDPOINTING,
)
_OPTIONS = SessionOptions(turn=_TURN)


class _GateStream(VoiceStream):
    """Speech is a loud frame; 0.2 s of it begin speech, 0.3 s without end it."""

    def __init__(self, on_verdict: Callable[[VoiceVerdict], None]) -> None:
        self._tell = on_verdict
        self._speaking = False
        self._since: float | None = None

    def push(self, pcm: bytes, at: float) -> None:
        if (pcm[1] != 0) is self._speaking:
            self._since = None
            return
        if self._since is None:
            self._since = at - _FRAME
        wait = _ENDPOINTING if self._speaking else _START
        if at - self._since >= wait - _FRAME / 4:
            self._speaking = not self._speaking
            self._tell(VoiceVerdict(speaking=self._speaking, at=self._since))
            self._since = None

    def close(self) -> None:
        """Nothing to free."""


class _Gate(VAD):
    name = "gate"

    def watch(self, sample_rate: int, on_verdict: Callable[[VoiceVerdict], None]) -> _GateStream:
        """Open a stream."""
        return _GateStream(on_verdict)


def _pipeline() -> Pipeline:
    return Pipeline(stt=InstantSTT(), llm=InstantLLM(), tts=InstantTTS(), vad=_Gate())


class _Bare:
    """Ears and voice, and between them as little as makes a conversation: no session."""

    def __init__(self, leg: MemoryLeg, pipeline: Pipeline) -> None:
        self._owner = TaskOwner("bare")
        hooks = RunningHooks((), within=1.0, failed=lambda _point, _error: None)
        self._ears = Ears(
            leg,
            self,
            stt=pipeline.stt,
            vad=pipeline.vad,
            hooks=hooks,
            owner=self._owner,
            turn=_TURN,
            digits=DigitsConfig(),
        )
        self._voice = Voice(leg, pipeline.tts, first_audio_within=5.0, hooks=hooks)
        self._speaking: Speaking | None = None

    async def aclose(self) -> None:
        await self._ears.aclose()
        await self._owner.aclose()

    def turn_ended(self, turn: EndTurn) -> None:
        speaking = self._speaking = self._voice.begin(self._owner, on_begin=self._began)
        self._owner.start(self._settle(speaking), name="settle")
        speaking.push(ANSWER)
        speaking.finish()

    def _began(self) -> None:
        self._ears.tell(AgentSpeechStarted())

    async def _settle(self, speaking: Speaking) -> None:
        await speaking.spoken()
        self._ears.tell(AgentSpeechEnded())

    def interrupted(self, reason: str) -> None:
        if self._speaking is not None:
            self._speaking.stop()

    def number_keyed(self, digits: str) -> None:
        pass

    def digit_keyed(self, digit: str) -> None:
        pass

    def caller_speaking(self, speaking: bool, at: float) -> None:
        pass

    def words_heard(self, text: str, final: bool) -> None:
        pass

    def speech_paused(self) -> None:
        pass

    def speech_resumed(self) -> None:
        pass

    def not_understood(self, trouble: Trouble) -> None:
        pass

    def ear_failed(self, source: str, error: HookflashError, recoverable: bool) -> None:
        raise error


async def _calls(leg: MemoryLeg, seconds: float, phase: float) -> list[float]:
    """Two seconds of speech and two of silence by turns; return when each speech ended."""
    await asyncio.sleep(phase)
    ends: list[float] = []
    began = clock.now()
    for count in range(round(seconds / _FRAME)):
        await clock.sleep_until(began + (count + 1) * _FRAME)
        loud = count % 200 < 100
        leg.hear(_LOUD if loud else _QUIET)
        if count % 200 == 99:
            ends.append(clock.now())
    return ends


# What a session costs.


async def _cost(calls: int, seconds: float, options: SessionOptions | None) -> float:
    """CPU milliseconds per call-second of so many calls at once, on virtual time.

    Without options it is the bare pipeline.
    """
    pipeline = _pipeline()
    legs = [MemoryLeg() for _ in range(calls)]
    bare: list[_Bare] = []
    sessions: list[AgentSession[None]] = []
    for leg in legs:
        if options is not None:
            session = AgentSession[None](Agent("Be brief."), pipeline, options=options)
            await session.start(leg)
            sessions.append(session)
        else:
            bare.append(_Bare(leg, pipeline))
    phases = [4 * index / calls for index in range(calls)]
    warm = [_calls(leg, 8.0, phase) for leg, phase in zip(legs, phases, strict=True)]
    await asyncio.gather(*warm)
    gc.collect()
    before = time.process_time()
    held = [_calls(leg, seconds, phase) for leg, phase in zip(legs, phases, strict=True)]
    await asyncio.gather(*held)
    used = time.process_time() - before
    # Whoever does not answer, or does not hush, is cheap.
    assert all(len(leg.clears) >= seconds / 4 for leg in legs)
    for session in sessions:
        await session.close()
    for one in bare:
        await one.aclose()
    for leg in legs:
        leg.hang_up()
    await asyncio.sleep(10.0)
    return 1000 * used / (calls * seconds)


def measure_cost(options: argparse.Namespace) -> dict[str, Any]:
    """The two in turn, several times; the medians."""
    with tempfile.TemporaryDirectory() as folder:
        record = RecordConfig(directory=Path(folder))
        kinds = {"bare": None, "session": _OPTIONS, "recorded": replace(_OPTIONS, record=record)}
        costs: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(options.rounds):
            for kind, how in kinds.items():
                run = _cost(options.calls, options.seconds, how)
                costs[kind].append(clock.run(run, virtual=True))
    found = {kind: statistics.median(each) for kind, each in costs.items()}
    found["overhead"] = found["session"] - found["bare"]
    found["record"] = found["recorded"] - found["session"]
    return found


# What a session leaves behind.


async def _open_and_close(count: int) -> None:
    """Sessions one after the other, each with a turn; on virtual time."""
    pipeline = _pipeline()
    for _ in range(count):
        leg = MemoryLeg()
        session = AgentSession[None](Agent("Be brief."), pipeline, options=_OPTIONS)
        await session.start(leg)
        for loud in [True] * 30 + [False] * 30:
            leg.hear(_LOUD if loud else _QUIET)
            await asyncio.sleep(_FRAME)
        await session.close()
        leg.hang_up()
        call = session.call
        assert call is not None
        await call.aclose()
        del leg, session, call


def measure_leak(options: argparse.Namespace) -> dict[str, Any]:
    """What is left in Python's memory, and of tasks and threads."""
    return clock.run(_left_behind(options.sessions, traced=True), virtual=True)


def measure_resident(options: argparse.Namespace) -> dict[str, Any]:
    """What is left of memory as the system sees it, which tracing would blur."""
    return clock.run(_left_behind(options.sessions, traced=False), virtual=True)


async def _left_behind(sessions: int, *, traced: bool) -> dict[str, Any]:
    """Half as many to warm up, then the measured ones."""
    await _open_and_close(sessions // 2)
    await asyncio.sleep(10.0)
    if traced:
        tracemalloc.start()
    gc.collect()
    tasks, threads = len(asyncio.all_tasks()), threading.active_count()
    python, resident = tracemalloc.get_traced_memory()[0], usage()["rss_mb"]
    await _open_and_close(sessions)
    await asyncio.sleep(10.0)
    gc.collect()
    return {
        "sessions": sessions,
        "tasks": len(asyncio.all_tasks()) - tasks,
        "threads": threading.active_count() - threads,
        "python_mb": (tracemalloc.get_traced_memory()[0] - python) / 2**20,
        "rss_mb": usage()["rss_mb"] - resident,
    }


# How fast a session answers.


class _Floor:
    """The least that answers: 0.3 s after the last loud frame, the tone goes out."""

    def __init__(self, leg: MemoryLeg) -> None:
        self._leg = leg
        self._loop = asyncio.get_running_loop()
        self._quiet_since: float | None = None
        self._answered = True
        self._tone = InstantTTS()._tone  # noqa: SLF001  # the bench's own
        leg.listen(self)

    def audio_received(self, pcm: bytes, at: float) -> None:
        if pcm[1] != 0:
            if self._answered:
                self._leg.clear()
            self._answered, self._quiet_since = False, None
            return
        if self._quiet_since is None:
            self._quiet_since = at - _FRAME
        if not self._answered and at - self._quiet_since >= _ENDPOINTING - _FRAME / 4:
            self._answered = True
            self._leg.play(self._tone)

    def digit_received(self, digit: str, at: float) -> None:
        """None comes."""

    def leg_closed(self, reason: str) -> None:
        """It is over."""


async def _latencies(calls: int, seconds: float) -> tuple[list[float], list[float]]:
    """Milliseconds from the end of each speech to the first frame of its answer, in real time.

    Of the floor and of sessions, at the same time: what disturbs the machine disturbs both.
    """
    pipeline = _pipeline()
    legs = [MemoryLeg() for _ in range(2 * calls)]
    sessions: list[AgentSession[None]] = []
    for leg in legs[:calls]:
        _Floor(leg)
    for leg in legs[calls:]:
        session = AgentSession[None](Agent("Be brief."), pipeline, options=_OPTIONS)
        await session.start(leg)
        sessions.append(session)
    phases = [4 * index / calls for index in range(calls)] * 2
    ends = await asyncio.gather(
        *(_calls(leg, seconds, phase) for leg, phase in zip(legs, phases, strict=True))
    )
    await asyncio.sleep(0.5)
    found: tuple[list[float], list[float]] = ([], [])
    for index, (leg, moments) in enumerate(zip(legs, ends, strict=True)):
        for moment in moments[1:]:  # the first is for warming up
            first = next((at for at, _ in leg.received if at > moment), float("inf"))
            found[index // calls].append(1000 * (first - moment))
    for session in sessions:
        await session.close()
    for leg in legs:
        leg.hang_up()
    return found


def measure_latency(options: argparse.Namespace) -> dict[str, Any]:
    """The two side by side."""
    floor, session = clock.run(_latencies(options.live_calls, options.live_seconds))
    found: dict[str, Any] = {"turns": len(session)}
    for name, times in (("floor", sorted(floor)), ("session", sorted(session))):
        found[f"{name}_p50"] = times[math.ceil(0.5 * len(times)) - 1]
        found[f"{name}_p95"] = times[math.ceil(0.95 * len(times)) - 1]
    for share in ("p50", "p95"):
        found[f"beyond_{share}"] = found[f"session_{share}"] - found[f"floor_{share}"]
    return found


_PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "cost": measure_cost,
    "leak": measure_leak,
    "resident": measure_resident,
    "latency": measure_latency,
}


def print_session(*, docs: bool) -> None:
    """Measure every part in a new process; print the table, and keep it."""
    found: dict[str, dict[str, Any]] = {}
    for part in _PARTS:
        print(f"{part} ...", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "bench.session", part]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT)
        found[part] = json.loads(done.stdout)
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", **machine()}
    page = f"`./scripts/bench session`\n\n{_table(found)}\n{_measured_with(about)}"
    print(_table(found))
    _RESULTS.mkdir(parents=True, exist_ok=True)
    body = json.dumps({"about": about, "results": found}, indent=1)
    (_RESULTS / "session.json").write_text(body + "\n", "utf-8")
    (_RESULTS / "session.md").write_text(page, "utf-8")
    if docs:
        head, _, rest = _DOCS.read_text("utf-8").partition(_BEGIN)
        _, _, tail = rest.partition(_END)
        _DOCS.write_text(f"{head}{_BEGIN}\n{page}\n{_END}{tail}", "utf-8")


def _table(found: dict[str, dict[str, Any]]) -> str:
    cost, leak, late = found["cost"], found["leak"], found["latency"]
    rows = (
        ("figure", "measured", "limit"),
        ("---", "---:", "---:"),
        ("CPU of the bare pipeline, ms per call-second", f"{cost['bare']:.2f}", ""),
        ("CPU of a session beyond it, ms per call-second", f"{cost['overhead']:.2f}", "1"),
        ("CPU of a record beyond that, ms per call-second", f"{cost['record']:.2f}", ""),
        (f"tasks left by {leak['sessions']} sessions", f"{leak['tasks']}", "0"),
        ("threads left", f"{leak['threads']}", "0"),
        ("Python's memory left, MB", f"{leak['python_mb']:.2f}", "1"),
        ("resident memory left, MB", f"{found['resident']['rss_mb']:.2f}", "1"),
        (
            f"end of speech to first audio out, ms, p50 and p95 of {late['turns']} turns",
            f"{late['session_p50']:.0f}, {late['session_p95']:.0f}",
            "",
        ),
        ("the same, floor", f"{late['floor_p50']:.0f}, {late['floor_p95']:.0f}", ""),
        ("beyond the floor", f"{late['beyond_p50']:.1f}, {late['beyond_p95']:.1f}", "20"),
    )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _measured_with(about: dict[str, str]) -> str:
    return f"Measured with {'; '.join(f'{name} {value}' for name, value in about.items())}.\n"


def main() -> None:
    """Measure one part and print it as JSON; for `print_session`."""
    parser = argparse.ArgumentParser(prog="python -m bench.session")
    parser.add_argument("part", choices=_PARTS)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--live-calls", type=int, default=8)
    parser.add_argument("--live-seconds", type=float, default=20.0)
    options = parser.parse_args()
    found = _PARTS[options.part](options)
    print(json.dumps(found))


if __name__ == "__main__":
    main()

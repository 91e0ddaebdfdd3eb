"""The demo, as a person runs it: with real speech, on virtual time."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hookflash.audio.levels import rms_dbfs
from hookflash.audio.wav import read_wav, split
from hookflash.runtime.replay import replay


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hookflash.cli", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )


@pytest.mark.slow
def test_the_demo_serves_its_caller(tmp_path: Path) -> None:
    result = demo("--fast", "--record", str(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    shown = result.stdout
    assert "What are your opening hours?" in shown
    assert "the caller interrupts" in shown
    assert shown.count("  yes  ") == 5
    assert "NO" not in shown
    (recording,) = tmp_path.glob("*.wav")
    wav = read_wav(recording)
    assert (wav.channels, wav.rate) == (2, 8000)
    seconds = len(wav.pcm) / 4 / wav.rate
    assert 20 < seconds < 90
    for side in split(wav.pcm, 2):
        assert rms_dbfs(side) > -45, "both sides are on the recording"
    (tape,) = tmp_path.glob("*.tape.jsonl")
    assert replay(tape.read_bytes().splitlines()).differences == ()
    (transcript,) = tmp_path.glob("*.txt")
    lines = transcript.read_text()
    assert "caller: What are your opening hours?" in lines
    assert "[interrupted]" in lines
    assert "4217" not in shown


@pytest.mark.slow
def test_two_fast_demos_are_the_same_call(tmp_path: Path) -> None:
    calls: list[list[tuple[float, str]]] = []
    for name in ("a", "b"):
        assert demo("--fast", "--record", str(tmp_path / name)).returncode == 0
        (path,) = (tmp_path / name).glob("*.txt")
        lines = [line.strip().split(maxsplit=1) for line in path.read_text().splitlines()]
        calls.append([(float(at), words) for at, words in lines])
    for (at, words), (other_at, other_words) in zip(*calls, strict=True):
        # A busy kernel may hand a packet over a tick late; a word more or less is then heard.
        assert abs(at - other_at) < 0.3
        assert words == other_words or words.endswith("[interrupted]")


def test_a_person_can_type(tmp_path: Path) -> None:
    talk = [
        ("How can I help you?", "what are your opening hours"),
        ("public holidays.", "when is my appointment"),
        ("booking number.", "4217"),
        ("anything else?", "goodbye"),
        ("Thank you for calling. Goodbye.", ""),
    ]
    command = [sys.executable, "-u", "-m", "hookflash.cli", "demo", "--text"]
    with subprocess.Popen(
        [*command, "--record", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "300"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        shown = ""
        for wanted, answer in talk:
            while wanted not in shown:
                read = os.read(process.stdout.fileno(), 4096).decode()
                assert read, shown
                shown += read
            shown = ""
            process.stdin.write(f"{answer}\n".encode())
            process.stdin.flush()
        assert process.wait(timeout=30) == 0


def test_what_cannot_work_is_said_in_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    result = demo("--fast", "--record", str(blocked / "x"))
    assert (result.returncode, "--record" in result.stderr) == (2, True), result.stderr
    result = demo("--fast", "--llm", "http://127.0.0.1:9/v1")
    assert (result.returncode, "--model" in result.stderr) == (2, True), result.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = demo("--fast", "--record", str(tmp_path / "calls"), "--port", port)
    assert (result.returncode, "--port" in result.stderr) == (2, True), result.stderr
    for shown in (result.stdout, result.stderr):
        assert "Traceback" not in shown

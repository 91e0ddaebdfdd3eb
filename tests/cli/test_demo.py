"""The demo, as a person runs it: with real speech, on virtual time."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hookflash.audio.levels import rms_dbfs
from hookflash.audio.wav import read_wav, split
from hookflash.cli import main
from hookflash.runtime.replay import replay


def started(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "hookflash.cli", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "120"},
    )


def called(folder: Path) -> list[tuple[float, str]]:
    (path,) = folder.glob("*.txt")
    lines = [line.strip().split(maxsplit=1) for line in path.read_text().splitlines()]
    return [(float(at), words) for at, words in lines]


@pytest.mark.slow
def test_the_demo_serves_its_caller_and_is_the_same_call_each_time(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    demos = [started("--fast", "--record", str(folder)) for folder in folders]
    shown, other_shown = (each.communicate(timeout=120)[0] for each in demos)
    assert [each.returncode for each in demos] == [0, 0], shown + other_shown
    for (at, words), (other_at, other_words) in zip(*map(called, folders), strict=True):
        # A busy kernel may hand a packet over a tick late; a word more or less is then heard.
        assert abs(at - other_at) < 0.3
        assert words == other_words or words.endswith("[interrupted]")
    tmp_path = folders[0]
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


def test_a_person_can_type(tmp_path: Path) -> None:
    talk = [
        ("How can I help you?", "when is my appointment"),
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


def test_what_cannot_work_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()

    def refused(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["hookflash", "demo", "--fast", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.run()
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "--record" in refused("--record", str(blocked / "x"))
    assert "--model" in refused("--llm", "http://127.0.0.1:9/v1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert "--port" in refused("--record", str(tmp_path / "calls"), "--port", port)

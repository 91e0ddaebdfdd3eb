"""The demos of tasks, as a person watches them: on real sockets, on virtual time."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hookflash.cli.told import ToldSTT
from hookflash.runtime import clock
from hookflash.runtime.replay import replay

_RESULTS = {
    "email": "GetEmailResult(email_address='jane_doe@example.com')",
    "digits": "GetDtmfResult(4 digits)",
    "card": "card_number=Secret(••••), security_code=Secret(••••)",
    "survey": "TaskGroupResult(task_results={'visit': 'good', 'again': ",
}


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
@pytest.mark.parametrize("task", list(_RESULTS))
def test_a_task_is_done_on_a_call(task: str, tmp_path: Path) -> None:
    result = demo("--task", task, "--fast", "--record", str(tmp_path))
    assert result.returncode == 0, result.stdout + result.stderr
    shown = result.stdout
    assert _RESULTS[task] in shown
    assert shown.count("  yes  ") >= 3
    assert "NO " not in shown
    assert "Is that right?" in shown or "say yes" in shown, "the read-back"
    told = "the ears are TOLD" in shown
    assert told is (task != "digits")
    assert ("(the ears are told these words)" in shown) is told
    for secret in ("4242424242424242", "4217"):
        assert secret not in shown
    (tape,) = tmp_path.glob("*.tape.jsonl")
    assert replay(tape.read_bytes().splitlines()).differences == ()


def test_another_task_is_refused_by_name() -> None:
    result = demo("--task", "poetry")
    assert result.returncode == 2
    assert "--task is 'poetry'; give email, digits, card, survey" in result.stderr
    result = demo("--task", "email", "--text")
    assert result.returncode == 2
    assert "leave out --text, --llm and --model" in result.stderr


def test_told_ears_give_words_once_speech_was_heard_and_not_before() -> None:
    async def main() -> None:
        ears = ToldSTT()
        ears.tell("nobody listens")
        hearing = ears.listen(8000)
        heard: list[str] = []

        async def listen() -> None:
            async for transcript in hearing.transcripts():
                assert transcript.final
                heard.append(transcript.text)

        listening = asyncio.create_task(listen())
        ears.tell("one")
        await asyncio.sleep(1)
        assert heard == []
        hearing.flush()
        await asyncio.sleep(1)
        assert heard == ["one"]
        hearing.flush()
        await asyncio.sleep(1)
        ears.tell("two")
        await asyncio.sleep(1)
        assert heard == ["one", "two"]
        await hearing.aclose()
        await listening

    clock.run(main(), virtual=True)

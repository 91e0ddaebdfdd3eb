"""The demos of tasks, as a person watches them: on real sockets, on virtual time."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hookflash.cli import main
from hookflash.cli.told import ToldSTT
from hookflash.errors import UsageError
from hookflash.runtime import clock
from hookflash.runtime.replay import replay

_RESULTS = {
    "email": "GetEmailResult(email_address='jane_doe@example.com')",
    "digits": "GetDtmfResult(4 digits)",
    "card": "card_number=Secret(••••), security_code=Secret(••••)",
    "survey": "TaskGroupResult(task_results={'visit': 'good', 'again': ",
}


@pytest.mark.slow
@pytest.mark.parametrize("task", list(_RESULTS))
def test_a_task_is_done_on_a_call(task: str, tmp_path: Path) -> None:
    given = ["demo", "--task", task, "--fast", "--record", str(tmp_path)]
    result = CliRunner().invoke(main._cli, given, env={"COLUMNS": "120"}, catch_exceptions=False)
    shown = result.output
    assert result.exit_code == 0, shown
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
    for arguments, why in (
        (["--task", "poetry"], "--task is 'poetry'; give email, digits, card, survey"),
        (["--task", "email", "--text"], "leave out --text, --llm and --model"),
    ):
        refused = CliRunner().invoke(main._cli, ["demo", *arguments]).exception
        assert isinstance(refused, UsageError)
        assert why in str(refused)


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

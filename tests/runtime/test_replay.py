import asyncio
import json
from pathlib import Path

import pytest
from tests.agent.stage import on_stage

from hookflash.agent import Agent
from hookflash.errors import UsageError
from hookflash.runtime import clock
from hookflash.runtime.replay import replay
from hookflash.runtime.tape import Tape, read_tape


def record(path: Path | None = None) -> Tape:
    async def main() -> Tape:
        tape = Tape(path)
        async with on_stage(Agent(), ["We open at nine.", "Goodbye."], tape=tape) as stage:
            stage.session.say("one two three four five six")
            await asyncio.sleep(0.5)
            await stage.caller_says("wait when do you open")
            await asyncio.sleep(1)
            stage.leg.press("42#")
            await asyncio.sleep(3)
        tape.close()
        return tape

    return clock.run(main(), virtual=True)


def test_a_replayed_tape_gives_identical_decisions() -> None:
    lines = record().lines()
    result = replay(lines)
    assert result.differences == ()
    assert set(result.machines) >= {"playout", "turn", "digits", "idle"}
    assert result.decisions > 20


def test_a_changed_tape_shows_where_it_differs() -> None:
    lines = [json.loads(line) for line in record().lines()]
    index = next(i for i, line in enumerate(lines) if line.get("commands"))
    lines[index]["commands"][0]["name"] = "something.else"
    result = replay(json.dumps(line) for line in lines)
    (difference,) = result.differences
    assert difference.line == index + 1
    assert "something.else" in difference.recorded


def test_a_tape_on_disk_reads_back_and_its_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "call.tape.jsonl"
    record(path)
    whole = path.read_bytes()
    count = len(list(read_tape(whole.splitlines())))
    assert count == len(record().lines())
    torn = whole[: len(whole) - 10]
    assert len(list(read_tape(torn.splitlines()))) == count - 1
    assert replay(torn.splitlines()).differences == ()


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "the tape is empty"),
        (['{"t":0}'], "line 1 is not a line of a tape"),
        (["nonsense", '{"t":0,"machine":"m","open":"X"}'], "line 1 is not JSON"),
        (['{"t":0,"machine":"turn","open":"NoMachine"}'], "no NoMachine in this version"),
        (['{"t":0,"machine":"turn","commands":[]}'], "line 1 of the tape cannot be replayed"),
    ],
)
def test_what_is_no_tape_is_said_to_be_none(lines: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        replay(lines)

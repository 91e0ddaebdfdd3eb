from pathlib import Path

import pytest
from tests.agent.test_record import HEAD
from typer.testing import CliRunner

from hookflash.agent.record import load_record
from hookflash.cli import main
from hookflash.errors import UsageError

runner = CliRunner()

JOURNAL = b"\n".join(
    [
        HEAD,
        b'{"event":{"name":"turn.completed","sequence":1,"at":2.0,"turn":"t1",'
        b'"text":"when","reason":"silence","speech_ended":1.5}}',
        b'{"event":{"name":"agent.utterance_began","sequence":2,"at":2.25,"turn":"t1",'
        b'"utterance":"r1"}}',
        b'{"event":{"name":"agent.utterance_spoken","sequence":3,"at":3.25,"turn":"t1",'
        b'"utterance":"r1","said":"at nine","heard":"at nine","played_ms":1000.0,'
        b'"interrupted":false}}',
        b'{"event":{"name":"error","sequence":4,"at":4.0,"turn":"t1","source":"llm",'
        b'"reason":"timeout","message":"","recoverable":true}}',
        b'{"event":{"na',
    ]
)


def test_a_journal_becomes_a_record_and_both_are_shown(tmp_path: Path) -> None:
    journal, made = tmp_path / "call-1.journal.jsonl", tmp_path / "call-1.record.json"
    journal.write_bytes(JOURNAL)
    first = runner.invoke(main._cli, ["record", str(journal)])
    assert first.exit_code == 0, first.output
    assert first.output.startswith(f"recovered into {made}")
    assert journal.exists()
    assert load_record(made) == load_record(journal)
    second = runner.invoke(main._cli, ["record", str(made)])
    assert second.output == first.output.partition("\n")[2]
    assert "process died, after 4.0 s" in second.output
    assert "error at 4.0 s: llm, timeout" in second.output
    rows = [line.split() for line in second.output.splitlines()]
    assert ["2.0", "when", "at", "nine", "ended", "750"] in rows
    assert ["latency", "750", "750", "750", "1"] in rows


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "c.record.json").mkdir()
    journal = tmp_path / "c.journal.jsonl"
    journal.write_bytes(JOURNAL)
    result = runner.invoke(main._cli, ["record", str(journal)])
    assert isinstance(result.exception, UsageError)
    assert str(result.exception).startswith("cannot write")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "c.journal.jsonl",
        "c.record.json",
    ]


@pytest.mark.parametrize("name", ["absent.record.json", "absent.journal.jsonl"])
def test_a_file_that_is_not_there_is_said(tmp_path: Path, name: str) -> None:
    result = runner.invoke(main._cli, ["record", str(tmp_path / name)])
    assert isinstance(result.exception, UsageError)

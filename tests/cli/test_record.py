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


def test_a_transfer_is_shown_with_its_attempts_and_their_times(tmp_path: Path) -> None:
    lines = [
        HEAD,
        b'{"event":{"name":"warm_transfer","sequence":1,"turn":"","at":5.0,"phase":"started"}}',
        b'{"event":{"name":"warm_transfer.attempt","sequence":2,"turn":"","at":9.0,"attempt":{"target":0,'
        b'"destination":"Ann","dialed_at":2.0,"ringing_at":2.5,"ended_at":4.0,'
        b'"reason":"supervisor_busy","cause":"486","sip_code":486,"ended_by":"supervisor"}}}',
        b'{"event":{"name":"warm_transfer.attempt","sequence":3,"turn":"","at":9.0,"attempt":{"target":1,'
        b'"destination":"Bob","dialed_at":4.0,"ringing_at":4.5,"answered_at":6.0,"human_at":7.0,'
        b'"accepted_at":15.0,"merged_at":15.1}}}',
        b'{"event":{"name":"warm_transfer","sequence":4,"turn":"","at":22.0,"phase":"transfer_complete"}}',
    ]
    journal = tmp_path / "call-1.journal.jsonl"
    journal.write_bytes(b"\n".join(lines))
    shown = runner.invoke(main._cli, ["record", str(journal)], env={"COLUMNS": "120"})
    assert shown.exit_code == 0, shown.output
    assert "transfer at 5.0 s: transfer_complete, after 17.0 s" in shown.output
    rows = [line.split() for line in shown.output.splitlines()]
    assert ["Ann", "2.0", "2.5", "4.0", "busy,", "486", "supervisor"] in rows
    assert ["Bob", "4.0", "4.5", "6.0", "7.0", "15.0", "15.1", "connected"] in rows


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

"""What is kept of a session: the journal while it lives, the record when it is over."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hookflash.agent.emitter import Emitter
from hookflash.agent.record import (
    PROCESS_DIED,
    CallRecord,
    Journal,
    RecordConfig,
    load_record,
    record_path,
    recover,
    write_record,
)
from hookflash.calls import Call
from hookflash.errors import ConfigError, UsageError
from hookflash.events.measures import ModelFinished, VoiceFinished
from hookflash.events.session import (
    DtmfReceived,
    ErrorOccurred,
    SessionClosedEvent,
    SessionStarted,
    TurnCompleted,
    TurnMetrics,
    TurnOutcome,
    UserTranscription,
    UtteranceBegan,
    UtteranceSpoken,
)
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolCall, ToolOutput
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner
from hookflash.testing import MemoryLeg


class Desk:
    """A session's events and history, told by hand, and the journal that is kept of them."""

    def __init__(self, folder: Path, call: Call, owner: TaskOwner, **config: Any) -> None:
        self._folder = folder
        self.emitter = Emitter()
        self.history = ChatContext()
        self.hidden = False
        self.errors: list[ErrorOccurred] = []
        self.emitter.on(ErrorOccurred, self.errors.append)
        self.journal = Journal(
            RecordConfig(directory=folder, **config),
            session="session-1",
            call=call,
            emitter=self.emitter,
            history=lambda: ChatContext(self.history.items),
            owner=owner,
            sensitive=lambda: self.hidden,
        )

    def lines(self) -> list[dict[str, Any]]:
        assert self.journal.path is not None
        return [json.loads(line) for line in self.journal.path.read_bytes().splitlines()]

    def folder(self) -> list[Path]:
        return list(self._folder.iterdir())

    def message(self, role: ChatRole, text: str) -> None:
        self.history.add(ChatMessage(role=role, text=text))


@asynccontextmanager
async def desk(folder: Path, **config: Any) -> AsyncGenerator[Desk, None]:
    leg = MemoryLeg()
    call = Call(direction="inbound", from_="+14155550100", to="+15550100", carrier_call_id="CA1")
    call.attach(leg)
    owner = TaskOwner("test")
    try:
        yield Desk(folder, call, owner, **config)
    finally:
        await owner.aclose()
        leg.hang_up()
        await call.aclose()


async def talk(desk: Desk) -> None:
    """A question and its answer, a tool, a key."""
    tell = desk.emitter.tell
    tell(SessionStarted)
    await asyncio.sleep(2.0)
    tell(UserTranscription, text="book", final=False)
    tell(UserTranscription, text="book me in", final=True)
    desk.emitter.turn = "t1"
    tell(TurnCompleted, text="book me in", reason="silence", speech_ended=1.6)
    desk.message(ChatRole.USER, "book me in")
    desk.history.add(ToolCall(call_id="c1", tool="book", arguments='{"name":"Ann"}'))
    desk.history.add(ToolOutput(call_id="c1", tool="book", output="booked for Ann"))
    usage = {"input_tokens": 50, "output_tokens": 7}
    tell(ModelFinished, utterance="r1", began=2.0, first_text=2.1, ended=2.4, **usage)
    await asyncio.sleep(0.6)
    tell(UtteranceBegan, utterance="r1")
    await asyncio.sleep(1.0)
    tell(VoiceFinished, utterance="r1", began=2.1, first_audio=2.2, ended=2.5, characters=11)
    said = {"said": "You are in.", "heard": "You are in.", "interrupted": False}
    tell(UtteranceSpoken, utterance="r1", played_ms=1000.0, **said)
    desk.message(ChatRole.ASSISTANT, "You are in.")
    tell(TurnMetrics, outcome=TurnOutcome.ANSWERED, latency=1.0)
    tell(DtmfReceived, digit="7")
    desk.emitter.tell_error("llm", "timeout", "nothing for 10 s")


def record_of(folder: Path, **config: Any) -> tuple[CallRecord, str]:
    async def main() -> Path:
        async with desk(folder, **config) as place:
            await talk(place)
            leg = place.journal._call.leg
            assert isinstance(leg, MemoryLeg)
            leg.hang_up()
            place.emitter.tell(SessionClosedEvent, reason="caller_hung_up")
            file = await place.journal.finish("caller_hung_up")
            assert file is not None
            assert place.journal.path is None
            return file

    file = clock.run(main(), virtual=True)
    assert [path.name for path in folder.iterdir()] == [file.name]
    return load_record(file), file.read_text("utf-8")


def test_the_record_holds_call_turns_history_usage_measures_errors_and_events(
    tmp_path: Path,
) -> None:
    record, text = record_of(tmp_path / "new")
    assert (record.session, record.ended) == ("session-1", "caller_hung_up")
    assert record.began == "2026-01-01T00:00:00+00:00"
    assert (record.call.direction, record.call.carrier_call_id) == ("inbound", "CA1")
    assert (record.call.outcome, record.call.reason) == ("completed", "caller_hung_up")
    (turn,) = record.turns
    assert (turn.text, turn.heard, turn.reason, turn.at) == (
        "book me in",
        "You are in.",
        "silence",
        2.0,
    )
    assert turn.metrics is not None
    assert turn.metrics.latency == pytest.approx(1.0)
    assert turn.metrics.outcome is TurnOutcome.ANSWERED
    assert record.history == (
        {"type": "message", "role": "user", "text": "book me in", "interrupted": False},
        {
            "type": "function_call",
            "call_id": "c1",
            "tool": "book",
            "arguments": '{"name":"Ann"}',
        },
        {
            "type": "function_call_output",
            "call_id": "c1",
            "tool": "book",
            "output": "booked for Ann",
            "is_error": False,
        },
        {"type": "message", "role": "assistant", "text": "You are in.", "interrupted": False},
    )
    assert (record.usage.input_tokens, record.usage.output_tokens) == (50, 7)
    assert record.usage.characters == 11
    assert record.usage.seconds == pytest.approx(3.6)
    assert record.metrics.latency.p50 == pytest.approx(1.0)
    assert [error["reason"] for error in record.errors] == ["timeout"]
    assert [event["name"] for event in record.events] == [
        "session.started",
        "user.transcription",
        "turn.completed",
        "llm.finished",
        "agent.utterance_began",
        "tts.finished",
        "agent.utterance_spoken",
        "turn.metrics",
        "dtmf.received",
        "error",
        "session.closed",
    ]
    assert '"from": "+1415•••0100"' in text
    assert "+14155550100" not in text


def test_numbers_are_kept_whole_when_that_is_asked_for(tmp_path: Path) -> None:
    record, _ = record_of(tmp_path, numbers=True)
    assert (record.call.from_, record.call.to) == ("+14155550100", "+15550100")


def test_without_content_no_word_and_no_digit_is_kept(tmp_path: Path) -> None:
    record, text = record_of(tmp_path, content=False)
    for word in ("book me in", "You are in", "Ann", '"7"', "nothing for"):
        assert word not in text
    assert [turn.text for turn in record.turns] == [""]
    assert [item.get("role") for item in record.history] == ["user", None, None, "assistant"]
    assert record.metrics.latency.count == 1
    assert record.usage.characters == 11


def test_what_is_sensitive_is_never_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as place:
            place.hidden = True
            place.emitter.tell(DtmfReceived, digit="4")
            place.emitter.tell(TurnCompleted, text="four one one", reason="silence")
            place.hidden = False
            place.emitter.tell(DtmfReceived, digit="9")
            await asyncio.sleep(1.0)
            events = [line["event"] for line in place.lines() if "event" in line]
            assert [event.get("digit", event.get("text")) for event in events] == ["", "", "9"]

    clock.run(main(), virtual=True)


def test_the_journal_is_written_within_half_a_second_and_only_when_there_is_news(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with desk(tmp_path) as place:
            assert [list(line) for line in place.lines()] == [
                ["journal", "session", "began", "call"]
            ]
            place.emitter.tell(SessionStarted)
            place.message(ChatRole.ASSISTANT, "Hello")
            await asyncio.sleep(0.51)
            assert place.lines()[1:] == [
                {"event": {"name": "session.started", "sequence": 1, "at": 0.0, "turn": ""}},
                {
                    "history": 0,
                    "items": [
                        {
                            "type": "message",
                            "role": "assistant",
                            "text": "Hello",
                            "interrupted": False,
                        }
                    ],
                },
            ]
            await asyncio.sleep(5.0)
            assert len(place.lines()) == 3

    clock.run(main(), virtual=True)


def test_words_that_are_being_said_are_replaced_as_more_of_them_is_heard(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as place:
            place.message(ChatRole.USER, "hello")
            for heard in ("We", "We are", "We are open."):
                place.history = ChatContext(place.history.items[:1])
                place.message(ChatRole.ASSISTANT, heard)
                await asyncio.sleep(0.51)
            await asyncio.sleep(0.1)
            found = [line["history"] for line in place.lines() if "history" in line]
            assert found == [0, 1, 1]
            assert place.journal.path is not None
            record = load_record(place.journal.path)
            assert [item["text"] for item in record.history] == ["hello", "We are open."]

    clock.run(main(), virtual=True)


def test_two_sessions_on_one_call_have_a_record_each(tmp_path: Path) -> None:
    async def main() -> str:
        async with desk(tmp_path) as first:
            call = first.journal._call
            owner = TaskOwner("second")
            second = Desk(tmp_path, call, owner)
            assert first.journal.path != second.journal.path
            files = [await one.journal.finish("closed") for one in (first, second)]
            third = Desk(tmp_path, call, owner)
            await third.journal.finish("closed")
            assert None not in files
            await owner.aclose()
            return call.id

    call = clock.run(main(), virtual=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{call}{which}.record.json" for which in ("", "-2", "-3")
    )


def test_a_disk_that_fails_is_an_error_event_and_the_session_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path / "kept") as place:
            assert place.journal.path is not None
            place.journal.path.unlink()
            place.journal.path.parent.rmdir()
            place.emitter.tell(SessionStarted)
            await asyncio.sleep(1.0)
            place.emitter.tell(DtmfReceived, digit="1")
            await asyncio.sleep(1.0)
            assert await place.journal.finish("closed") is None
            assert [(error.source, error.reason) for error in place.errors] == [("record", "disk")]

    clock.run(main(), virtual=True)


def test_what_happens_after_the_end_is_not_kept(tmp_path: Path) -> None:
    async def main() -> CallRecord:
        async with desk(tmp_path) as place:
            file = await place.journal.finish("closed")
            assert file is not None
            place.emitter.tell(SessionStarted)
            place.journal.flush()
            assert [path.name for path in place.folder()] == [file.name]
            return load_record(file)

    assert clock.run(main(), virtual=True).events == ()


def test_a_handler_that_is_a_method_can_be_unsubscribed() -> None:
    async def main() -> None:
        emitter, told = Emitter(), list[object]()
        emitter.on("*", told.append)
        emitter.off(told.append)
        emitter.tell(SessionStarted)
        assert told == []

    clock.run(main(), virtual=True)


def test_a_journal_that_somebody_spoiled_is_an_error_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as place:
            assert place.journal.path is not None
            place.journal.path.write_bytes(b"spoiled\n")
            assert await place.journal.finish("closed") is None
            assert [error.source for error in place.errors] == ["record"]

    clock.run(main(), virtual=True)


def test_a_folder_that_cannot_be_made_is_an_error_event_too(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def main() -> None:
        leg = MemoryLeg()
        call = Call.of_leg(leg)
        owner = TaskOwner("test")
        emitter = Emitter()
        errors: list[ErrorOccurred] = []
        emitter.on(ErrorOccurred, errors.append)
        journal = Journal(
            RecordConfig(directory=tmp_path / "file"),
            session="session-1",
            call=call,
            emitter=emitter,
            history=ChatContext,
            owner=owner,
        )
        assert journal.path is None
        emitter.tell(SessionStarted)
        await asyncio.sleep(1.0)
        assert await journal.finish("closed") is None
        assert [error.source for error in errors] == ["record"]
        await owner.aclose()
        leg.hang_up()
        await call.aclose()

    clock.run(main(), virtual=True)


DIES = """
import asyncio, sys
from pathlib import Path
from hookflash.agent import Agent, SessionOptions
from hookflash.agent.record import RecordConfig
from hookflash.runtime import clock
from tests.agent.stage import on_stage

async def main() -> None:
    options = SessionOptions(record=RecordConfig(directory=Path(sys.argv[1])))
    script = ["We open at nine. And so on, day by day, and by night."]
    async with on_stage(Agent("Be brief."), script, options=options) as it:
        await it.caller_says("when do you open")
        await asyncio.sleep(1.7)
        print("there", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

clock.run(main(), virtual=True)
"""


@pytest.mark.real_time
def test_a_killed_process_leaves_a_journal_from_which_the_record_is_made(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DIES, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    (journal,) = tmp_path.iterdir()
    record = load_record(journal)
    assert record.ended == PROCESS_DIED
    assert record.call.outcome is None
    (turn,) = record.turns
    assert turn.text == "when do you open"
    assert turn.metrics is not None
    assert turn.metrics.outcome is TurnOutcome.ENDED
    assert turn.metrics.latency is not None
    # The words that were heard until the last half second are there, the rest is not.
    *before, last = [item["text"] for item in record.history]
    assert before == ["Be brief.", "when do you open"]
    assert last is not None
    assert last.startswith("We open at nine. And")
    assert not last.endswith("night.")
    write_record(record, record_path(journal))
    assert load_record(record_path(journal)) == record


HEAD = (
    b'{"journal":1,"session":"s","began":"2026-01-01T00:00:00+00:00",'
    b'"call":{"id":"c","direction":"inbound"}}'
)


def test_torn_and_foreign_lines_are_left_out() -> None:
    completed = b'{"event":{"name":"turn.completed","sequence":1,"at":2.0,"turn":"t1",'
    lines = [
        HEAD,
        b"[1]",
        b'{"event":{"name":"from.the.future","at":1.0}}',
        b'{"event":7}',
        b'{"history":"x","items":[]}',
        completed + b'"text":"hi","reason":"silence"}}',
        b'{"event":{"name":"turn.compl',
    ]
    record = recover(lines)
    assert record.ended == PROCESS_DIED
    assert [turn.text for turn in record.turns] == ["hi"]
    assert record.turns[0].metrics is not None
    assert record.turns[0].metrics.outcome is TurnOutcome.ENDED
    assert [event["name"] for event in record.events] == ["from.the.future", "turn.completed"]


def test_words_that_came_after_a_turn_of_a_realtime_model_are_its_words() -> None:
    def event(at: float, **fields: object) -> bytes:
        body = {"sequence": 1, "at": at, "turn": "t1", **fields}
        return json.dumps({"event": body}).encode()

    record = recover(
        [
            HEAD,
            event(2.0, name="turn.completed", text="", reason="silence"),
            event(2.5, name="user.transcription", text="when do you open", final=True),
            event(6.0, name="caller.speech_began", began=5.8),
            event(7.0, name="user.transcription", text="and close", final=True),
        ]
    )
    assert [turn.text for turn in record.turns] == ["when do you open"]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"not json\n", b'{"journal":2}\n'])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "some.journal.jsonl"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="no journal of a session"):
        load_record(file)


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "some.record.json"
    file.write_text('{"record":1}', "utf-8")
    with pytest.raises(UsageError, match="no record of a session"):
        load_record(file)
    with pytest.raises(UsageError, match="cannot read"):
        load_record(tmp_path / "absent.record.json")


@pytest.mark.parametrize("every", [0.0, -1.0, 1.5, float("nan")])
def test_writing_less_than_once_a_second_is_refused(every: float) -> None:
    with pytest.raises(ConfigError, match="every is"):
        RecordConfig(directory=Path("/nowhere"), every=every)

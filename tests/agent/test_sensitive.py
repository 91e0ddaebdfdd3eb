import asyncio
import json
import logging
from pathlib import Path

import pytest
from tests.agent.stage import Stage, on_stage

from hookflash.agent import Agent
from hookflash.agent.answers import Answer
from hookflash.agent.keys import DTMFHandler
from hookflash.audio.tones import tone
from hookflash.audio.wav import read_wav, split
from hookflash.errors import SessionClosed
from hookflash.events import to_wire
from hookflash.events.recording import RecordingPaused, RecordingResumed
from hookflash.events.session import DtmfReceived, TurnCompleted
from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.machines.endpointing import spoken_digits
from hookflash.runtime import clock
from hookflash.runtime.replay import replay
from hookflash.runtime.tape import Tape

CARD = "4111111111111111"
SPOKEN = "it is four one double one, 4111 and one one one one, eleven eleven"


def told(stage: Stage) -> str:
    """Everything that listeners were told, and that the model was sent."""
    lines = [json.dumps(to_wire(event), ensure_ascii=False) for event in stage.events]
    lines += [repr(context.items) for context in stage.llm.requests]
    lines += stage.items
    return "\n".join(lines)


def test_a_keyed_card_number_is_known_to_nobody_but_who_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tape = Tape()
    keys: list[str] = []

    async def main() -> None:
        handler = DTMFHandler(keys.append)
        async with on_stage(Agent(), ["Hello again."], tape=tape, dtmf_handler=handler) as stage:
            with stage.session.sensitive() as secret:
                asking = asyncio.create_task(secret.answer())
                await asyncio.sleep(1.0)
                for digit in f"{CARD}#":
                    stage.leg.press(digit)
                    await asyncio.sleep(0.2)
                assert await asking == Answer(text=CARD, keyed=True)
            await asyncio.sleep(5.0)
            assert stage.llm.requests == []  # nobody replied to it
            await stage.caller_says("did you get it")
            await asyncio.sleep(5.0)
            assert stage.items == [
                "user: Keypad: ••••••••••••••••",
                "user: did you get it",
                "assistant: Hello again.",
            ]
            received = stage.of(DtmfReceived)
            assert {event.digit for event in received} == {"•"}
            assert all(event.sensitive for event in received)
            (keyed, _) = stage.of(TurnCompleted)
            assert keyed.text == f"Keypad: {'•' * 16}"
            assert CARD not in told(stage)

    with caplog.at_level(logging.DEBUG):
        clock.run(main(), virtual=True)
    assert "".join(keys) == f"{CARD}#"
    lines = tape.lines()
    assert any('"digit":"•"' in line for line in lines)
    assert any('"digit":"#"' in line for line in lines)
    assert not any(f'"digit":"{digit}"' in line for line in lines for digit in "0123456789")
    assert replay(lines).differences == ()
    assert CARD not in caplog.text


def test_a_spoken_card_number_is_known_to_nobody_but_who_asked() -> None:
    tape = Tape()

    async def main() -> None:
        async with on_stage(Agent(), ["Thank you."], tape=tape) as stage:
            stage.session.expect(ExpectationSet(expects=Expectation.DIGITS, length=16))
            async with stage.session.sensitive() as secret:
                asking = asyncio.create_task(secret.answer(within=30))
                await stage.caller_says(SPOKEN, lasting=5.0)
                assert await asking == Answer(text=SPOKEN, keyed=False)
            assert stage.llm.requests == []
            words = [to_wire(event)["text"] for event in stage.events if "text" in to_wire(event)]
            assert len(words) == 3  # two transcriptions and the turn
            assert all(set(spoken_digits(text)) <= {"0"} for text in words)
            assert stage.items == [
                "user: it is • • double •, •••• and • • • •, •• ••",
            ]

    clock.run(main(), virtual=True)
    words = [json.loads(line) for line in tape.lines()]
    texts = [
        record["text"]
        for line in words
        for record in (line.get("event", {}), *line.get("commands", ()))
        if "text" in record
    ]
    assert texts
    assert all(set(spoken_digits(text)) <= {"0"} for text in texts)
    # The machine counted masks as digits: sixteen were expected, and the turn was over at once.
    (end,) = [r for line in words for r in line.get("commands", ()) if r["name"] == "turn.end"]
    assert end["reason"] == "complete"
    assert replay(tape.lines()).differences == ()


def test_without_anybody_asking_the_model_answers_a_masked_number() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Thanks."]) as stage:
            with stage.session.sensitive():
                stage.leg.press("4217#")
                await asyncio.sleep(3.0)
            (request,) = stage.llm.requests
            assert request.last_user_text() == "Keypad: ••••"
            assert stage.items == ["user: Keypad: ••••", "assistant: Thanks."]

    clock.run(main(), virtual=True)


def test_what_the_agent_reads_back_is_not_seen_either() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            with stage.session.sensitive():
                saying = stage.session.say("One moment: your code is 4 2 1 7, right?")
                await saying
            assert saying.spoken_text == "One moment: your code is 4 2 1 7, right?"
            assert stage.items == ["assistant: One moment: your code is • • • •, right?"]
            assert "4 2 1 7" not in told(stage)

    clock.run(main(), virtual=True)


def test_after_it_numbers_are_seen_again() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Fine.", "Fine."]) as stage:
            with stage.session.sensitive(), stage.session.sensitive():
                stage.leg.press("1#")
            await asyncio.sleep(3.0)
            stage.leg.press("42#")
            await asyncio.sleep(3.0)
            assert [item for item in stage.items if item.startswith("user")] == [
                "user: Keypad: •",
                "user: Keypad: 42",
            ]
            assert [event.digit for event in stage.of(DtmfReceived)] == ["•", "•", "4", "2", "#"]

    clock.run(main(), virtual=True)


def test_the_recording_is_silent_while_it_lasts(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        async with on_stage(Agent()) as stage:
            stage.session.start_recording(path)
            talking = asyncio.create_task(stage.leg.say(tone((600.0,), 5000)))
            await asyncio.sleep(1.0)
            with stage.session.sensitive():
                await asyncio.sleep(1.0)
                stage.session.resume_recording()  # does not help
                await asyncio.sleep(1.0)
            await talking
            told = [event.name for event in stage.events if event.name.startswith("recording")]
            assert told == ["recording.started", "recording.paused", "recording.resumed"]
            assert [round(e.at, 2) for e in stage.of(RecordingPaused)] == [1.0]
            assert [round(e.at, 2) for e in stage.of(RecordingResumed)] == [3.0]

    clock.run(main(), virtual=True)
    party, _ = split(read_wav(path).pcm, 2)
    assert not any(party[2 * 8000 : 2 * 24000])
    assert any(party[: 2 * 8000])
    assert any(party[2 * 24000 :])


def test_a_recording_that_begins_in_sensitive_mode_begins_silent(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        async with on_stage(Agent()) as stage:
            with stage.session.sensitive():
                stage.session.start_recording(path)
                await stage.leg.say(tone((600.0,), 1000))

    clock.run(main(), virtual=True)
    assert not any(read_wav(path).pcm)


def test_waiting_for_an_answer_ends_in_time_and_with_the_session() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            with stage.session.sensitive() as secret:
                assert await secret.answer(within=2.0) is None
                waiting = asyncio.create_task(secret.answer())
                await asyncio.sleep(1.0)
                stage.leg.hang_up()
                with pytest.raises(SessionClosed):
                    await waiting

    clock.run(main(), virtual=True)

"""The programs of the pages on keys and recordings, run."""

import asyncio
from pathlib import Path

import pytest
from docs.snippets import digits, record_calls
from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import SessionOptions
from hookflash.audio.dtmf import DtmfDetector
from hookflash.audio.wav import read_wav
from hookflash.calls import Call
from hookflash.machines.digits import DigitsConfig
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD
from hookflash.testing.scripted import Calls


def test_the_card_is_charged_and_the_model_never_sees_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    charged: list[str] = []
    monkeypatch.setattr(digits, "charge", charged.append)

    async def main() -> Stage:
        async with on_stage(digits.Payments(), [[Calls("take_card")], "Thank you."]) as stage:
            await stage.caller_says("I would like to pay")
            await asyncio.sleep(5.0)
            stage.leg.press("4111111111111111#")
            await asyncio.sleep(5.0)
            return stage

    stage = clock.run(main(), virtual=True)
    assert charged == ["4111111111111111"]
    assert "output take_card: The card was charged." in stage.items
    assert not any("4111" in repr(context.items) for context in stage.llm.requests)


def test_a_tool_is_not_given_up_while_the_caller_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    charged: list[str] = []
    monkeypatch.setattr(digits, "charge", charged.append)

    async def main() -> None:
        options = SessionOptions(tool_timeout=3.0, digits=DigitsConfig(pause=10.0))
        script: Script = [[Calls("take_card")], "Thank you."]
        async with on_stage(digits.Payments(), script, options=options) as stage:
            await stage.caller_says("I would like to pay")
            await stage.session.wait_for_playout()
            await asyncio.sleep(4.0)
            for key in "4111#":
                stage.leg.press(key)
                await asyncio.sleep(2.5)

    clock.run(main(), virtual=True)
    assert charged == ["4111"]


def test_the_workshop_is_dialled() -> None:
    async def main() -> str:
        script: Script = [[Calls("dial_workshop")], "It rings."]
        async with on_stage(digits.Payments(), script) as stage:
            await stage.caller_says("the workshop please")
            await asyncio.sleep(10.0)
            heard = b"".join(pcm for _, pcm in stage.leg.received)
        return "".join(each.digit for each in DtmfDetector(8000).push(heard))

    assert clock.run(main(), virtual=True) == "2*17"


def test_the_key_for_a_person_is_noticed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Pipeline, "local", lambda: Pipeline(llm=ScriptedLLM(), tts=ScriptedTTS()))

    async def main() -> None:
        leg = MemoryLeg()
        call = Call.of_leg(leg)
        serving = asyncio.create_task(digits.answer(call))
        await asyncio.sleep(5.0)
        leg.press("50")
        await asyncio.sleep(1.0)
        leg.hang_up()
        await serving
        await call.aclose()

    clock.run(main(), virtual=True)
    assert capsys.readouterr().out == "the caller wants a person\n"


def test_a_call_is_recorded_once_the_caller_has_agreed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("soundfile")
    monkeypatch.chdir(tmp_path)
    ears = ScriptedSTT()
    pipeline = Pipeline(stt=ears, llm=ScriptedLLM(), tts=ScriptedTTS(), vad=ScriptedVAD())
    monkeypatch.setattr(Pipeline, "local", lambda: pipeline)

    async def main() -> None:
        leg = MemoryLeg()
        call = Call.of_leg(leg)
        serving = asyncio.create_task(record_calls.answer(call))
        await asyncio.sleep(8.0)
        ears.hearing.final("yes sure")
        await asyncio.sleep(8.0)
        leg.hang_up()
        await serving
        await call.aclose()

    clock.run(main(), virtual=True)
    (file,) = (tmp_path / "recordings").iterdir()
    assert capsys.readouterr().out.startswith(f"recordings/{file.name}: ")


def test_a_call_is_recorded_by_party_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        stage = Stage(record_calls.FrontDesk(), recording=record_calls.by_party)
        call = Call.of_leg(stage.leg)
        following = asyncio.create_task(record_calls.follow_to_the_end(stage.session, call))
        await asyncio.sleep(3.0)
        call.handed_over = True  # as a transfer does
        await stage.session.close("transferred")
        await asyncio.sleep(4.0)
        assert capsys.readouterr().out == ""
        stage.leg.hang_up()
        await following
        await call.aclose()

    clock.run(main(), virtual=True)
    (file,) = (tmp_path / "recordings").iterdir()
    assert capsys.readouterr().out == f"recordings/{file.name}: 7 s\n"
    assert read_wav(file).channels == 3

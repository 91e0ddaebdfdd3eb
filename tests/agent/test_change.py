"""Parts of a pipeline can be changed in mid-call: all that was asked for, or nothing."""

import asyncio

import pytest
from tests.agent.stage import on_stage

from hookflash.agent import Agent
from hookflash.errors import ProviderError, UsageError
from hookflash.events.session import PipelineChanged
from hookflash.pipeline import Pipeline
from hookflash.providers.base import Hearing
from hookflash.providers.espeak import EspeakTTS
from hookflash.runtime import clock
from hookflash.testing import ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD


class Broken(ScriptedLLM):
    async def prepare(self) -> None:
        msg = "no such model"
        raise ProviderError(msg)


class WrongRate(ScriptedSTT):
    def listen(self, sample_rate: int) -> "Hearing":  # type: ignore[override]
        msg = f"{sample_rate} Hz cannot be used"
        raise UsageError(msg)


def test_every_part_can_be_changed_while_the_agent_speaks() -> None:
    async def main() -> None:
        async with on_stage(Agent("Be brief."), ["Never."]) as stage:
            session = stage.session
            handle = session.say("one two three four five")
            await asyncio.sleep(0.3)
            ears, mind = ScriptedSTT(), ScriptedLLM(["Hi."])
            voice, eyes = ScriptedTTS(), ScriptedVAD()
            await session.change(
                stt=ears, llm=mind, tts=voice, vad=eyes, instructions="Be very brief."
            )
            await handle
            assert handle.spoken_text == "one two three four five", "what was begun is said"
            stage.stt, stage.vad = ears, eyes
            await stage.caller_says("hello")
            await asyncio.sleep(3)
            assert stage.items == [
                "system: Be very brief.",
                "assistant: one two three four five",
                "user: hello",
                "assistant: Hi.",
            ]
            assert voice.spoken[-1] == "Hi."
            assert stage.llm.requests == []
            assert mind.requests[0].instructions == "Be very brief."
            (changed,) = stage.of(PipelineChanged)
            assert changed.what == ("stt", "llm", "tts", "vad", "instructions")
            assert session.pipeline == Pipeline(
                stt=ears, llm=mind, tts=voice, vad=eyes, hooks=stage.pipeline.hooks
            )

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("broken", ["llm", "stt"])
def test_a_part_that_cannot_work_leaves_everything_as_it_was(broken: str) -> None:
    async def main() -> None:
        async with on_stage(Agent("Be brief."), ["Hello."]) as stage:
            before = stage.session.pipeline
            with pytest.raises((ProviderError, UsageError)):
                await stage.session.change(
                    tts=ScriptedTTS(),
                    llm=Broken() if broken == "llm" else ScriptedLLM(["Wrong."]),
                    stt=WrongRate() if broken == "stt" else None,
                    vad=ScriptedVAD(),
                    instructions="Never.",
                )
            assert stage.session.pipeline is before
            assert stage.of(PipelineChanged) == []
            await stage.caller_says("hello")
            await asyncio.sleep(3)
            assert stage.items == ["system: Be brief.", "user: hello", "assistant: Hello."]
            assert stage.tts.spoken[-1] == "Hello."

    clock.run(main(), virtual=True)


def test_another_voice_and_language_are_variants_of_the_synthesiser() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            stage.session.pipeline = before = Pipeline(
                llm=stage.llm, tts=stage.tts, vad=stage.vad, hooks=stage.pipeline.hooks
            )
            await stage.session.change(voice="bell", language="de")
            after = stage.session.pipeline.tts
            assert isinstance(after, ScriptedTTS)
            assert (after.voice, after.language) == ("bell", "de")
            assert before.tts is stage.tts
            await stage.session.say("Guten Tag")
            assert after.spoken[-1] == "Guten Tag"
            assert "Guten Tag" not in stage.tts.spoken

    clock.run(main(), virtual=True)


def test_a_language_that_the_recogniser_does_not_know_changes_nothing() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            before = stage.session.pipeline
            with pytest.raises(UsageError, match="no choice of languages"):
                await stage.session.change(language="de")
            assert stage.session.pipeline is before
            with pytest.raises(UsageError, match="nothing to change"):
                await stage.session.change()

    clock.run(main(), virtual=True)


def test_espeak_keeps_its_variant_in_another_language() -> None:
    assert EspeakTTS("en-us+f3").variant(language="de").identity.split("/")[2] == "de+f3"
    assert EspeakTTS("en-us+f3").variant(voice="en-gb").identity.split("/")[2] == "en-gb"


def test_words_that_the_old_recogniser_still_has_are_not_lost() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Good."]) as stage:
            old = stage.stt.hearing
            stage.vad.voice.verdict(True, stage.now())
            await asyncio.sleep(0.4)
            stage.vad.voice.verdict(False, stage.now())
            await stage.session.change(stt=ScriptedSTT())
            await asyncio.sleep(0.2)
            old.final("yes please")
            await asyncio.sleep(3)
            assert stage.items == ["user: yes please", "assistant: Good."]

    clock.run(main(), virtual=True)

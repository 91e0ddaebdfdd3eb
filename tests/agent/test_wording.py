"""A session says words and remembers what was written."""

import asyncio

from docs.snippets import text_for_speech
from tests.agent.stage import APOLOGY, on_stage
from tests.server.street import OURS, THEIRS, street

from hookflash.agent import Agent, AgentSession, SessionOptions
from hookflash.calls import Call
from hookflash.emulator import Line, person
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg, ScriptedLLM, ScriptedTTS


def test_the_synthesiser_is_given_words_and_the_history_holds_what_was_written() -> None:
    async def main() -> None:
        script = ["Room **204** is $89.50.\n- Check-in: 3 PM 🎉"]
        async with on_stage(Agent("Be brief."), script) as stage:
            await stage.caller_says("which room")
            await asyncio.sleep(8)
            assert stage.tts.spoken == [
                APOLOGY,
                "Room two oh four is eighty-nine dollars and fifty cents.",
                "Check-in: three P M.",
            ]
            assert stage.items[-1] == ("assistant: Room **204** is $89.50. - Check-in: 3 PM 🎉")

    clock.run(main(), virtual=True)


def test_of_a_sum_that_was_cut_short_nothing_is_remembered() -> None:
    async def main() -> None:
        async with on_stage(Agent("Be brief.")) as stage:
            handle = stage.session.say("Your total is $89.50 with tax.")
            # 200 ms a word: "Your total is eighty-nine dollars and".
            await asyncio.sleep(1.25)
            handle.interrupt()
            await handle
            assert handle.spoken_text == "Your total is"
            assert stage.items[-1] == "assistant: Your total is [cut]"

    clock.run(main(), virtual=True)


def test_hooks_see_what_will_be_spoken() -> None:
    async def main() -> None:
        async with on_stage(Agent("Be brief.")) as stage:
            seen: list[str] = []
            stage.session.hooks.on("tts.words")(seen.append)
            await stage.session.say("It is 3:30 PM.")
            assert seen == ["It is three thirty P M."]

    clock.run(main(), virtual=True)


def test_a_line_of_marks_alone_is_not_synthesised() -> None:
    async def main() -> None:
        async with on_stage(Agent("Be brief.")) as stage:
            await stage.session.say("```sh\nmake all\n```\nThen call us.")
            assert stage.tts.spoken == [APOLOGY, "make all", "Then call us."]
            assert stage.items[-1] == "assistant: ```sh make all ``` Then call us."

    clock.run(main(), virtual=True)


def test_without_wording_the_text_is_given_as_it_is() -> None:
    async def main() -> None:
        options = SessionOptions(apology=APOLOGY, wording=None)
        async with on_stage(Agent("Be brief."), options=options) as stage:
            await stage.session.say("**$5** at 3 PM.")
            assert stage.tts.spoken == [APOLOGY, "**$5** at 3 PM."]

    clock.run(main(), virtual=True)


def test_another_language_in_mid_call_words_its_numbers_too() -> None:
    async def main() -> None:
        leg, english = MemoryLeg(), ScriptedTTS()
        session: AgentSession[None] = AgentSession(
            Agent("Be brief."), Pipeline(llm=ScriptedLLM(), tts=english)
        )
        await session.start(leg)
        await session.change(language="de")
        german = session.pipeline.tts
        assert isinstance(german, ScriptedTTS)
        await session.say("Am 3. März um 15:30 Uhr.")
        assert german.spoken[-1] == "Am dritten März um fünfzehn Uhr dreißig."
        await session.close()
        leg.close()
        assert session.call is not None
        await session.call.aclose()

    clock.run(main(), virtual=True)


def test_the_words_go_down_a_real_line_and_the_written_ones_into_the_history() -> None:
    voice = ScriptedTTS()
    history: list[str] = []

    async def stays(line: Line) -> None:
        await line.wait_quiet(timeout=20)
        line.hang_up()

    async def main() -> None:
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(
                    Agent("Be brief."), Pipeline(llm=ScriptedLLM(), tts=voice)
                )
                await session.start(call)
                await session.say("Your code is **4821**.")
                await session.wait_closed()
                history.extend(str(item) for item in session.history.items)

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await call.ended()
            await place.app.drain()
            ((start, end),) = call.line.heard.speech(gap=1.0)
            # Seven words of 200 ms: "Your code is four eight two one."
            assert 1.3 < end - start < 1.5

    clock.run(main(), virtual=True)
    assert voice.spoken[-1] == "Your code is four eight two one."
    assert "**4821**" in history[-1]


def test_the_snippets_of_the_page_run() -> None:
    text_for_speech.test_what_is_said()

    async def main() -> None:
        pipeline = Pipeline(llm=ScriptedLLM(), tts=ScriptedTTS())
        session = text_for_speech.make_session(pipeline)
        assert session.options.wording is text_for_speech.WORDING
        await asyncio.sleep(0)

    clock.run(main(), virtual=True)

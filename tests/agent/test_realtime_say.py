"""Words that the program gives, said in a realtime model's own voice."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from random import Random
from typing import Any

import pytest
from tests.agent.realtime_stage import RealtimeStage, Script, on_realtime_stage
from tests.agent.transfer_stage import ANN, Desk

from hookflash.agent import Agent, HoldMusic, RunContext, SessionOptions, function_tool
from hookflash.audio.frames import samples
from hookflash.calls.transfer_types import WarmTransferConfig
from hookflash.errors import LinkError, ProviderError, UsageError
from hookflash.events.session import UtteranceSpoken
from hookflash.providers import openai_realtime
from hookflash.testing import ScriptedSTT, ScriptedVAD
from hookflash.testing.realtime_server import Drops, Refuses
from hookflash.testing.scripted import Calls, Says

Run = Callable[[Coroutine[Any, Any, None]], None]
SYSTEM = "system: Be brief."


def agent() -> Agent:
    return Agent("Be brief.")


def heard(stage: RealtimeStage) -> list[str]:
    return [event.heard for event in stage.of(UtteranceSpoken)]


def recited(stage: RealtimeStage) -> list[str]:
    """What each answer beside the conversation was to say."""
    return [
        request["instructions"].partition("\n\n")[2]
        for request in stage.there.requests
        if request.get("conversation") == "none"
    ]


def test_words_are_said_beside_the_models_conversation_and_it_is_told_of_them(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent(), ["Yes."]) as stage:
            handle = await stage.session.say("This call is recorded.")
            assert (handle.spoken_text, handle.error) == ("This call is recorded.", None)
            assert stage.there.texts == []
            (request,) = stage.there.requests
            assert request.keys() == {
                *("metadata", "conversation", "input", "instructions", "tools", "tool_choice")
            }
            assert (request["conversation"], request["input"], request["tools"]) == ("none", [], [])
            assert recited(stage) == ["This call is recorded."]
            loud = [pcm for _, pcm in stage.leg.received if samples(pcm).any()]
            assert len(loud) == 4 * 200 // 20, "four words of 200 ms"

            await stage.session.reply()
            assert stage.there.texts == ["assistant: This call is recorded.", "assistant: Yes."]
            said = ["assistant: This call is recorded.", "assistant: Yes."]
            assert stage.items == [SYSTEM, *said]
            assert stage.there.errors == []

    virtual_time(main())


def test_words_that_the_model_says_instead_are_what_was_said_and_heard(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent(), aside=["Hello there, dear."]) as stage:
            handle = await stage.session.say("Hello.")
            assert handle.spoken_text == "Hello there, dear."
            (spoken,) = stage.of(UtteranceSpoken)
            assert (spoken.said, spoken.heard) == ("Hello there, dear.", "Hello there, dear.")
            assert stage.items == [SYSTEM, "assistant: Hello there, dear."]

    virtual_time(main())


def test_of_words_that_are_cut_short_only_those_heard_are_known(virtual_time: Run) -> None:
    async def main() -> None:
        aside: Script = [Says("One two three four five six.", pace=0.25)]
        async with on_realtime_stage(agent(), ["Yes."], aside=aside) as stage:
            handle = stage.session.say("One two three four five six.")
            await asyncio.sleep(0.62)
            stage.session.interrupt()
            await handle
            assert (handle.spoken_text, handle.interrupted) == ("One two", True)
            await stage.session.reply()
            assert stage.items == [SYSTEM, "assistant: One two [cut]", "assistant: Yes."]
            assert stage.there.texts == ["assistant: One two", "assistant: Yes."]
            done = [each for each in stage.there.sent if each["type"] == "response.done"]
            assert [each["response"]["status"] for each in done] == ["cancelled", "completed"]
            assert (stage.there.truncated, stage.there.errors) == ([], [])

    virtual_time(main())


def test_words_that_are_dropped_before_they_began_are_cancelled_once_they_do(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent(), ["Yes."], aside=[Says("One.", delay=5.0)]) as stage:
            handle = stage.session.say("One.")
            await asyncio.sleep(0)
            stage.session.interrupt()
            await handle
            reply = await stage.session.reply()
            assert (handle.spoken_text, reply.spoken_text) == ("", "Yes.")
            assert stage.there.errors == []

    virtual_time(main())


def test_words_that_are_not_to_be_kept_are_known_to_nobody_afterwards(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent(), ["Yes."]) as stage:
            await stage.session.say("Still here.", add_to_chat_context=False)
            await stage.session.reply()
            assert heard(stage) == ["Still here.", "Yes."]
            assert stage.items == [SYSTEM, "assistant: Yes."]
            assert stage.there.texts == ["assistant: Yes."]

    virtual_time(main())


def test_words_that_come_one_by_one_are_said_when_all_are_there(virtual_time: Run) -> None:
    async def words() -> AsyncIterator[str]:
        for word in ("One", " two", " three."):
            await asyncio.sleep(0.1)
            yield word

    async def main() -> None:
        async with on_realtime_stage(agent()) as stage:
            await stage.session.say(words())
            assert recited(stage) == ["One two three."]
            assert heard(stage) == ["One two three."]
            await stage.session.say("  ")
            assert len(stage.there.requests) == 1, "nothing to say"

    virtual_time(main())


def test_what_a_tool_says_is_heard_before_the_answer_however_long_it_is(virtual_time: Run) -> None:
    class Reads(Agent):
        @function_tool
        async def read(self, ctx: RunContext[None]) -> str:
            """Read aloud."""
            ctx.session.say("One two three.")
            await asyncio.sleep(0.1)
            return "read"

    async def main() -> None:
        script: Script = [Calls("read", {}, "call_r"), "That is all."]
        # The model takes three seconds to make it: its next answer waits for that.
        slow: Script = [Says("One two three.", pace=1.5)]
        async with on_realtime_stage(Reads("Be brief."), script, aside=slow) as stage:
            await stage.session.reply()
            assert heard(stage) == ["One two three.", "That is all."]
            assert stage.there.errors == []
            assert [item for item in stage.items if item.startswith("assistant")] == [
                "assistant: One two three.",
                "assistant: That is all.",
            ]

    virtual_time(main())


def test_a_model_that_fails_at_it_is_asked_again_and_then_the_handle_knows(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        aside: Script = [Refuses(), "Hello.", *[Refuses()] * 3]
        async with on_realtime_stage(agent(), aside=aside) as stage:
            handle = await stage.session.say("Hello.")
            assert (handle.spoken_text, handle.error) == ("Hello.", None)
            handle = await stage.session.say("Bye.")
            assert isinstance(handle.error, ProviderError)
            assert stage.errors() == [("realtime", "provider_failed")] * 4
            assert heard(stage) == ["Hello."], "and no apology for it"

    virtual_time(main())


def test_a_connection_that_breaks_before_a_word_is_heard_costs_nothing(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent(), aside=[Drops()]) as stage:
            handle = await stage.session.say("Hello.")
            assert (handle.spoken_text, handle.error) == ("Hello.", None)
            assert len(stage.server.conversations) == 2

    virtual_time(main())


def test_words_that_break_off_are_not_begun_anew(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent(), aside=[["One two", Drops()]]) as stage:
            handle = await stage.session.say("One two three four.")
            assert isinstance(handle.error, LinkError)
            assert heard(stage) == ["One two"]

    virtual_time(main())


def test_numbers_are_not_given_to_the_model_while_they_are_concealed(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent()) as stage:
            with stage.session.sensitive():
                handle = await stage.session.say("Your code is 4 7 1 1.")
                assert isinstance(handle.error, UsageError)
                await stage.session.say("One moment.")
            assert recited(stage) == ["One moment."]

    virtual_time(main())


def test_a_model_that_says_no_words_it_is_given_leaves_say_to_a_synthesiser(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent(), recites=False) as stage:
            with pytest.raises(UsageError, match=r"Pipeline\(tts=...\), or audio.*reply"):
                stage.session.say("Hello.")

    virtual_time(main())


def test_a_provider_that_promises_it_in_vain_fails_each_time_and_holds_nothing_up(
    virtual_time: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(openai_realtime._Conversation, "recite")

    async def main() -> None:
        async with on_realtime_stage(agent(), ["Yes."]) as stage:
            for _ in range(2):
                handle = await stage.session.say("Hello.")
                assert isinstance(handle.error, UsageError)
            reply = await stage.session.reply()
            assert reply.spoken_text == "Yes."
            assert stage.errors() == [("realtime", "usage")] * 2

    virtual_time(main())


def test_speech_without_words_is_asked_about_in_the_models_voice(virtual_time: Run) -> None:
    async def main() -> None:
        stt, vad = ScriptedSTT(), ScriptedVAD()
        async with on_realtime_stage(agent(), stt=stt, vad=vad) as stage:
            await stage.caller_speaks(0.6)
            await asyncio.sleep(6.0)
            assert heard(stage) == ["Pardon?"]

    virtual_time(main())


def test_a_caller_on_hold_hears_the_lines_of_comfort_in_the_models_voice(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with on_realtime_stage(agent()) as stage:
            music = HoldMusic(comfort=("Still here.", "One moment."), comfort_every=5.0)
            stage.session.hold(music)
            await asyncio.sleep(13.0)
            stage.session.unhold()
            assert heard(stage) == ["Still here.", "One moment."]
            assert stage.items == [SYSTEM]

    virtual_time(main())


# A transfer.

# No beep, which would be a mailbox's.
VOICE = Random(4711).randbytes(12_000)
OPTIONS = SessionOptions(
    hold_music=HoldMusic(comfort=("Still looking.",), comfort_every=8.0), wording=None
)


def test_a_whole_transfer_is_spoken_in_the_models_voice(virtual_time: Run) -> None:
    async def main() -> None:
        decline = Calls("decline_transfer", {"reason": "no time"})
        hears = ["I want a person.", "Hello?", "I have no time."]
        async with on_realtime_stage(
            agent(), ["Hello.", decline], hears=hears, options=OPTIONS
        ) as stage:
            call, desk = stage.session.call, Desk()
            assert call is not None
            call.control = desk
            await stage.caller_speaks(1.0)
            await asyncio.sleep(4.0)
            config = WarmTransferConfig(ANN, hold_line="One moment.")
            transfer = asyncio.create_task(stage.session.warm_transfer(config))
            await desk.rings()
            assert heard(stage) == ["Hello.", "One moment."], "before anybody is called"
            await asyncio.sleep(12.0)
            assert heard(stage)[2:] == ["Still looking."]
            leg = desk.answer()
            await asyncio.sleep(3.0)
            await leg.say(VOICE + bytes(16_000))
            await asyncio.sleep(10.0)
            briefing = stage.server.conversations[1]
            told = [
                request["instructions"].partition("\n\n")[2]
                for request in briefing.requests
                if request.get("conversation") == "none"
            ]
            assert told[0] == "Hello, I have a caller for you."
            assert "I want a person." in told[-1]
            assert told[-1].endswith("To decline, say no, or press 2.")
            await leg.say(VOICE + bytes(16_000))
            result = await transfer
            assert (result.reason, result.decline_reason) == ("declined", "no time")
            assert heard(stage)[-1].startswith("I'm sorry")
            await asyncio.sleep(6.0)
            farewell = briefing.requests[-1]["instructions"].partition("\n\n")[2]
            assert farewell
            assert briefing.closed
            assert [there.errors for there in stage.server.conversations] == [[], []]
            assert stage.errors() == []
            await desk.calls[0].aclose()

    virtual_time(main())

"""Hooks see and may change what goes through each stage; their faults hurt nobody."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.agent.stage import Script, on_stage

from hookflash.agent import Agent, SessionOptions, function_tool
from hookflash.errors import UsageError
from hookflash.events.session import ErrorOccurred
from hookflash.pipeline.hooks import Hooks
from hookflash.providers.base import Transcript
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolCall, ToolOutput
from hookflash.runtime import clock
from hookflash.testing import Calls


def test_every_stage_can_be_seen_and_changed() -> None:
    class Teller(Agent):
        @function_tool
        async def balance(self, account: str) -> str:
            """Tell the balance."""
            return f"{account}: 5"

    async def main() -> None:
        script: Script = [[Calls("balance", {"account": "x"})], "You have five pounds."]
        async with on_stage(Teller("Be brief."), script) as stage:
            hooks = stage.session.hooks
            heard: list[str] = []

            @hooks.on("stt.words")
            async def correct(words: Transcript) -> Transcript:
                await asyncio.sleep(0.01)
                return Transcript(text=words.text.replace("ballots", "balance"), final=words.final)

            @hooks.on("user_turn.ended")
            def tidy(text: str) -> str:
                return text.capitalize()

            @hooks.on("llm.request")
            def add_knowledge(context: ChatContext) -> ChatContext:
                return context.fork("The bank is closed.")

            @hooks.on("tool.call")
            def real_account(call: ToolCall) -> ToolCall:
                return ToolCall(call_id=call.call_id, tool=call.tool, arguments='{"account": "7"}')

            @hooks.on("tool.output")
            def hide(output: ToolOutput) -> ToolOutput:
                return ToolOutput(call_id=output.call_id, tool=output.tool, output="five")

            @hooks.on("llm.words")
            async def shout(words: AsyncIterator[str]) -> AsyncIterator[str]:
                async for word in words:
                    yield word.upper()

            @hooks.on("tts.words")
            def slow_down(text: str) -> str:
                return text.replace("FIVE", "FIVE ...")

            @hooks.on("tts.audio")
            def hush(pcm: bytes) -> bytes:
                return bytes(len(pcm))

            @hooks.on("agent_turn.ended")
            def note(text: str) -> None:
                heard.append(text)

            await stage.caller_says("my ballots please")
            await asyncio.sleep(4)
            assert stage.items == [
                "system: Be brief.",
                "user: My balance please",
                'call balance({"account": "7"})',
                "output balance: five",
                "assistant: YOU HAVE FIVE POUNDS.",
            ]
            assert heard == ["YOU HAVE FIVE POUNDS."]
            assert stage.tts.spoken[-1] == "YOU HAVE FIVE ... POUNDS."
            assert not any(stage.leg.heard)
            assert all("closed" in request.instructions for request in stage.llm.requests)

    clock.run(main(), virtual=True)


def test_the_callers_audio_passes_through_its_hook_before_anybody_hears_it() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            seen: list[int] = []

            @stage.session.hooks.on("stt.audio")
            def count(pcm: bytes) -> None:
                seen.append(len(pcm))

            await stage.leg.say(bytes(3200))
            assert seen == [320] * 10
            assert stage.stt.hearing.pushed == 3200

    clock.run(main(), virtual=True)


def test_hooks_of_the_pipeline_run_for_all_its_sessions_and_before_their_own() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            stage.pipeline.hooks.on("tts.words")(lambda text: f"{text} one")
            stage.session.hooks.on("tts.words")(lambda text: f"{text} two")
            await stage.session.say("zero")
            assert stage.tts.spoken[-1] == "zero one two"
            assert stage.items == ["assistant: zero"]

    clock.run(main(), virtual=True)


def test_a_hook_that_raises_or_hangs_is_an_event_and_the_value_goes_on_as_it_was() -> None:
    async def main() -> None:
        options = SessionOptions(hook_within=0.5)
        async with on_stage(Agent(), ["We open at nine."], options=options) as stage:
            hooks = stage.session.hooks

            @hooks.on("stt.words")
            def raises(words: Transcript) -> Transcript:
                raise RuntimeError

            @hooks.on("llm.request")
            async def hangs(context: ChatContext) -> None:
                await asyncio.sleep(60)

            @hooks.on("llm.words")
            async def breaks(words: AsyncIterator[str]) -> AsyncIterator[str]:
                yield await anext(words)
                raise RuntimeError

            @hooks.on("tts.audio")
            def odd(pcm: bytes) -> bytes:
                raise ValueError

            await stage.caller_says("when do you open")
            await asyncio.sleep(5)
            assert stage.items == ["user: when do you open", "assistant: We open at nine."]
            errors = stage.of(ErrorOccurred)
            assert {error.source for error in errors} == {"hook"}
            assert {error.message.partition(":")[0] for error in errors} == {
                "stt.words",
                "llm.request",
                "llm.words",
                "tts.audio",
            }

    clock.run(main(), virtual=True)


def test_a_point_that_does_not_exist_and_a_coroutine_where_nothing_may_wait_are_refused() -> None:
    hooks = Hooks()
    with pytest.raises(UsageError, match=r"they are: stt\.audio"):
        hooks.on("stt")  # type: ignore[call-overload]

    async def wait(pcm: bytes) -> bytes:
        return pcm

    with pytest.raises(UsageError, match="give a plain function"):
        hooks.on("stt.audio")(wait)  # type: ignore[arg-type]


def test_a_hook_can_be_taken_away() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            hook = stage.session.hooks.on("tts.words")(lambda text: "changed")
            stage.session.hooks.remove(hook)
            stage.session.hooks.remove(hook)
            await stage.session.say("as it was")
            assert stage.tts.spoken[-1] == "as it was"

    clock.run(main(), virtual=True)


def test_what_a_hook_changes_of_a_request_does_not_enter_the_history() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Yes."]) as stage:

            @stage.session.hooks.on("llm.request")
            def add(context: ChatContext) -> ChatContext:
                more = context.fork()
                more.add(ChatMessage(role=ChatRole.USER, text="(knows the house)"))
                return more

            await stage.session.reply(user_input="are you open")
            assert stage.llm.requests[0].last_user_text() == "(knows the house)"
            assert stage.items == ["user: are you open", "assistant: Yes."]

    clock.run(main(), virtual=True)

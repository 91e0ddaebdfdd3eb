"""Models that stand in for each other: no word lost, none said twice."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from hookflash.errors import (
    ConfigError,
    HookflashError,
    LinkError,
    LinkTimeout,
    MissingExtra,
    ProviderError,
    UsageError,
)
from hookflash.providers.base import (
    LLM,
    LlmChunk,
    ProviderSwitch,
    TextDelta,
    ToolCallReady,
    Usage,
)
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolCall, ToolSchema
from hookflash.providers.fallback import FallbackLLM
from hookflash.runtime import clock
from hookflash.testing import Calls, Fails, Says, ScriptedLLM

BROKEN = LinkError("the stream broke off")
CONTEXT = ChatContext(
    [
        ChatMessage(role=ChatRole.SYSTEM, text="You answer the telephone."),
        ChatMessage(role=ChatRole.USER, text="When are you open?"),
    ]
)


class Model(ScriptedLLM):
    """A scripted model with a name, that counts how often it was prepared."""

    def __init__(self, name: str, *script: object, unfit: Exception | None = None) -> None:
        super().__init__(script)  # type: ignore[arg-type]  # lists of steps, as given
        self.name = name
        self.unfit = unfit
        self.prepared = 0

    async def prepare(self) -> None:
        self.prepared += 1
        if self.unfit is not None:
            raise self.unfit


async def answer(llm: LLM, context: ChatContext = CONTEXT) -> list[str]:
    """Return the pieces of an answer; tool calls as `call NAME`."""
    pieces: list[str] = []
    async with aclosing(llm.chat(context)) as chunks:
        async for chunk in chunks:
            match chunk:
                case TextDelta():
                    pieces.append(chunk.text)
                case ToolCallReady():
                    pieces.append(f"call {chunk.call.tool}")
                case Usage():
                    pieces.append(f"used {chunk.output_tokens}")
    return pieces


async def said(llm: LLM) -> str:
    return "".join(await answer(llm))


def test_the_first_model_answers_as_long_as_it_works() -> None:
    async def main() -> None:
        first, second = Model("first", "We open at nine."), Model("second")
        llm = FallbackLLM([first, second])
        assert await answer(llm) == ["We open at nine."]
        assert (len(first.requests), len(second.requests)) == (1, 0)

    clock.run(main(), virtual=True)


def test_before_the_first_word_the_next_model_is_asked_the_same() -> None:
    async def main() -> None:
        first, second = Model("first", Fails(BROKEN)), Model("second", Says("At nine."))
        llm = FallbackLLM([first, second])
        assert await said(llm) == "At nine."
        assert second.requests == [CONTEXT]

    clock.run(main(), virtual=True)


def test_a_model_that_hangs_is_given_up_in_time() -> None:
    async def main() -> None:
        first, second = Model("first", Says("Late.", delay=9)), Model("second", "Now.")
        llm = FallbackLLM([first, second], first_chunk_timeout=2.0)
        began = clock.now()
        assert await said(llm) == "Now."
        assert clock.now() - began == 2.0
        assert first.cancelled == 1

    clock.run(main(), virtual=True)


def test_a_model_that_hangs_between_words_is_given_up_in_time() -> None:
    async def main() -> None:
        first = Model("first", [Says("We open at"), Says(" ten.", delay=9)])
        second = Model("second", "at nine.")
        llm = FallbackLLM([first, second], idle_timeout=1.5)
        began = clock.now()
        assert await said(llm) == "We open at nine."
        assert clock.now() - began == 1.5

    clock.run(main(), virtual=True)


def test_after_words_the_next_model_goes_on_behind_them() -> None:
    async def main() -> None:
        first = Model("first", ["We open at nine. We close", Fails(BROKEN)])
        second = Model("second", "close at five.")
        llm = FallbackLLM([first, second])
        assert await said(llm) == "We open at nine. We close at five."
        (asked,) = second.requests
        *before, last = asked.items
        assert tuple(before[1:]) == CONTEXT.items[1:]
        # The word that might have gone on was not given out.
        assert last == ChatMessage(role=ChatRole.ASSISTANT, text="We open at nine. We")
        assert asked.instructions.startswith("You answer the telephone.\n\nThe last assistant")
        assert len(CONTEXT) == 2

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("We open at nine and", "close at five.", "We open at nine close at five."),
        ("We are op", "open at nine.", "We are open at nine."),
        ("We are op", "We are open at nine.", "We are open at nine."),
        ("We open at nine.", " We close at five.", "We open at nine. We close at five."),
        ("We open at nine. ", "at nine. We close.", "We open at nine. We close."),
        ("Nine to five. Or", "", "Nine to five."),
        ("Open from nine ", ", as ever.", "Open from nine, as ever."),
        ("Open from nine!", "nine! Bye.", "Open from nine! nine! Bye."),
        ("It is that", "that one.", "It is that one."),
        ("Well,", "Well, yes.", "Well, yes."),
        ("Call 5 5 ", "5 5 1 2.", "Call 5 5 5 5 1 2."),
        ("Dial five five ", "five five one.", "Dial five five five five one."),
        ("It is seven two ", "seven two one.", "It is seven two one."),
        ("Yes, we do.", "Yes, we do. Come at nine.", "Yes, we do. Come at nine."),
        ("Come at ", "come at", "Come at"),
        ("営業は九時", "から五時です。", "営業は九時から五時です。"),
    ],
)
def test_words_are_joined_whole_and_repetitions_left_out(
    before: str, after: str, whole: str
) -> None:
    async def main() -> None:
        for size in (1, 3, 100):
            first = Model("first", [*sliced(before, size), Fails(BROKEN)])
            second = Model("second", sliced(after, size))
            assert await said(FallbackLLM([first, second])) == whole

    clock.run(main(), virtual=True)


def sliced(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_without_a_failure_the_text_comes_out_as_it_went_in(size: int) -> None:
    text = " Well: it's 3.50 euros (a half-price), isn't it?  Yes!\nAt 9 o'clock - 九時です ok "

    async def main() -> None:
        llm = FallbackLLM([Model("first", sliced(text, size))])
        pieces = await answer(llm)
        assert "".join(pieces) == text

    clock.run(main(), virtual=True)


def test_a_third_model_goes_on_behind_the_words_of_both() -> None:
    async def main() -> None:
        llm = FallbackLLM(
            [
                Model("a", ["We open at nine, ", Fails(BROKEN)]),
                Model("b", ["and close at ", Fails(BROKEN)]),
                Model("c", "five."),
            ]
        )
        assert await said(llm) == "We open at nine, and close at five."

    clock.run(main(), virtual=True)


def test_after_a_tool_call_the_error_is_raised_for_the_tool_may_be_running() -> None:
    async def main() -> None:
        first = Model("first", [Calls("book"), Fails(BROKEN)])
        second = Model("second", Calls("book"))
        with pytest.raises(LinkError, match="broke off"):
            await answer(FallbackLLM([first, second]))
        assert second.requests == []

    clock.run(main(), virtual=True)


def test_words_before_a_tool_call_come_before_it() -> None:
    async def main() -> None:
        llm = FallbackLLM([Model("first", ["One moment", Calls("book"), "Then"])])
        assert await answer(llm) == ["One", " moment", "call book", "Then"]

    clock.run(main(), virtual=True)


def test_an_answer_of_nothing_is_a_failure() -> None:
    async def main() -> None:
        first, second = Model("first", ["", " "]), Model("second", "Yes.")
        llm = FallbackLLM([first, second])
        assert (await said(llm)).strip() == "Yes."
        assert llm.current is second

    clock.run(main(), virtual=True)


def test_when_all_fail_the_last_error_is_raised_and_next_time_the_first_is_asked_again() -> None:
    async def main() -> None:
        first = Model("first", Fails(BROKEN), "Here I am.", "And again.")
        second = Model("second", Fails(ProviderError("no credit")))
        llm = FallbackLLM([first, second])
        with pytest.raises(ProviderError, match="no credit"):
            await answer(llm)
        assert await said(llm) == "Here I am."
        assert await said(llm) == "And again."
        assert len(second.requests) == 1

    clock.run(main(), virtual=True)


def test_when_nobody_else_is_left_the_first_is_asked_once_more() -> None:
    async def main() -> None:
        first = Model("first", Fails(BROKEN), "It is me again.")
        second = Model("second", "For now.", Fails(BROKEN))
        llm = FallbackLLM([first, second])
        assert await said(llm) == "For now."
        assert await said(llm) == "It is me again."
        assert llm.name == "first"

    clock.run(main(), virtual=True)


class Buggy(LLM):
    """A provider with a bug: what it raises is none of our errors."""

    name = "buggy"

    async def chat(
        self,
        context: ChatContext,
        *,
        tools: Sequence[ToolSchema] = (),
        tool_choice: str | None = None,
    ) -> AsyncGenerator[LlmChunk, None]:
        for missing in ("choices",):
            raise KeyError(missing)
        yield TextDelta(text="")


def test_a_bug_of_a_provider_is_a_failure_like_any_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        llm = FallbackLLM([Buggy(), Model("second", "Yes.")])
        assert await said(llm) == "Yes."
        with pytest.raises(ProviderError, match="KeyError in buggy"):
            await answer(FallbackLLM([Buggy()]))

    clock.run(main(), virtual=True)
    assert "the provider buggy raised" in caplog.text


def test_a_request_that_is_wrong_is_wrong_for_all() -> None:
    async def main() -> None:
        first = Model("first", Fails(UsageError("tool_choice names no tool")), "Yes.")
        second = Model("second")
        llm = FallbackLLM([first, second])
        with pytest.raises(UsageError, match="names no tool"):
            await answer(llm)
        assert await said(llm) == "Yes."
        assert second.requests == []

    clock.run(main(), virtual=True)


def test_a_failed_model_is_left_alone_for_all_calls_until_a_probe_succeeds() -> None:
    async def main() -> None:
        first = Model("first", Fails(BROKEN), Says("Back.", delay=1.0), "Still here.")
        second = Model("second")
        llm = FallbackLLM([first, second], temporary_disable_sec=30)
        # Another fallback with the same models knows what the first has learnt.
        other = FallbackLLM([first, second], temporary_disable_sec=30)
        assert await said(llm) == "All right."
        assert await said(other) == "All right."
        assert len(first.requests) == 1
        await asyncio.sleep(30)
        # One request probes; others do not wait for what comes of it.
        probe = asyncio.create_task(said(llm))
        await asyncio.sleep(0.5)
        assert await said(other) == "All right."
        assert await probe == "Back."
        assert await said(other) == "Still here."

    clock.run(main(), virtual=True)


def test_a_caller_who_leaves_during_the_probe_leaves_it_to_the_next() -> None:
    async def main() -> None:
        first = Model("first", Fails(BROKEN), Says("Late.", delay=1.0), "Back.")
        llm = FallbackLLM([first, Model("second")])
        await said(llm)
        await asyncio.sleep(60)
        probe = asyncio.create_task(said(llm))
        await asyncio.sleep(0.5)
        probe.cancel()
        await asyncio.wait([probe])
        assert await said(llm) == "Back."

    clock.run(main(), virtual=True)


def test_closing_the_answer_ends_the_request_and_blames_nobody() -> None:
    async def main() -> None:
        first = Model("first", Says("one two three", pace=1.0), "Again.")
        llm = FallbackLLM([first, Model("second")])
        async with aclosing(llm.chat(CONTEXT)) as chunks:
            assert await anext(chunks) == TextDelta(text="one")
        assert first.cancelled == 1
        assert await said(llm) == "Again."

    clock.run(main(), virtual=True)


def test_how_long_the_listener_takes_is_not_the_models_doing() -> None:
    async def main() -> None:
        first = Model("first", [f"{word} " for word in ("one", "two", "three", "four")])
        llm = FallbackLLM([first, Model("second")], idle_timeout=1.0)
        async with aclosing(llm.chat(CONTEXT)) as chunks:
            async for _ in chunks:
                await asyncio.sleep(3.0)
        assert llm.current is first

    clock.run(main(), virtual=True)


def test_slow_answers_in_a_row_switch_to_the_next() -> None:
    async def main() -> None:
        slow = Model("slow", *[Says("So.", delay=0.9)] * 9)
        second = Model("second")
        llm = FallbackLLM([slow, second], latency_threshold_ms=500, consecutive_latency_hits=2)
        answers = [await said(llm) for _ in range(3)]
        assert answers == ["So.", "So.", "All right."]

    clock.run(main(), virtual=True)


def test_switches_are_told_once_and_a_change_of_health_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "hookflash.providers")

    async def main() -> None:
        first = Model("openai", Fails(BROKEN), "Back.")
        llm = FallbackLLM([first, Model("openai")])
        switches: list[ProviderSwitch] = []
        end = llm.on_switch(switches.append)
        for _ in range(3):
            await said(llm)
        assert switches == [
            ProviderSwitch(stage="llm", old="openai", new="openai-2", reason="link")
        ]
        await asyncio.sleep(60)
        await said(llm)
        assert switches[1:] == [
            ProviderSwitch(stage="llm", old="openai-2", new="openai", reason="recovered")
        ]
        end()
        end()

    clock.run(main(), virtual=True)
    assert [record.getMessage() for record in caplog.records] == [
        "llm openai is left alone for 60 s (link)",
        "llm openai works again",
    ]


def test_preparing_succeeds_if_one_can_be_and_the_others_are_left_alone() -> None:
    async def main() -> None:
        gone = Model("gone", unfit=MissingExtra("openai", "openai"))
        down = Model("down", "Up again.", unfit=LinkError("no route"))
        fine = Model("fine")
        llm = FallbackLLM([gone, down, fine])
        await llm.prepare()
        await llm.prepare()
        assert [model.prepared for model in (gone, down, fine)] == [1, 1, 1]
        assert llm.current is fine
        down.unfit = None
        await asyncio.sleep(60)
        assert await said(llm) == "Up again."
        assert down.prepared == 2
        assert gone.requests == []
        await llm.aclose()

    clock.run(main(), virtual=True)


def test_preparing_fails_if_none_can_be() -> None:
    async def main() -> None:
        llm = FallbackLLM(
            [
                Model("first", unfit=ConfigError("there is no key")),
                Model("second", unfit=LinkError("no route")),
            ]
        )
        for _ in range(2):
            with pytest.raises(ConfigError, match="there is no key"):
                await llm.prepare()

    clock.run(main(), virtual=True)


def test_a_model_that_hangs_in_preparing_holds_nobody_up_for_ever() -> None:
    class Hanging(Model):
        async def prepare(self) -> None:
            await asyncio.sleep(1000)

    async def main() -> None:
        llm = FallbackLLM([Hanging("hanging"), Model("second")], prepare_timeout=4.0)
        await llm.prepare()
        assert clock.now() == 4.0
        assert await said(llm) == "All right."
        with pytest.raises(LinkTimeout, match="hanging gave nothing in time"):
            await FallbackLLM([Hanging("hanging")]).prepare()

    clock.run(main(), virtual=True)


def test_closing_closes_all_and_tells_of_the_one_that_failed_at_it() -> None:
    class Stuck(Model):
        async def aclose(self) -> None:
            raise LinkError("stuck")

    class Closing(Model):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    async def main() -> None:
        last = Closing("last")
        with pytest.raises(LinkError, match="stuck"):
            await FallbackLLM([Stuck("stuck"), last]).aclose()
        assert last.closed

    clock.run(main(), virtual=True)


def test_on_another_loop_health_is_learnt_anew() -> None:
    first = Model("first", Fails(BROKEN), "On a new loop.")
    llm = FallbackLLM([first, Model("second")])

    async def main() -> str:
        return await said(llm)

    assert clock.run(main(), virtual=True) == "All right."
    assert clock.run(main(), virtual=True) == "On a new loop."


def test_what_cannot_be_a_fallback_is_refused() -> None:
    model = Model("first")
    with pytest.raises(UsageError, match="FallbackLLM needs at least one LLM, better two"):
        FallbackLLM([])
    with pytest.raises(UsageError, match="FallbackLLM was given the same provider twice"):
        FallbackLLM([model, model])
    with pytest.raises(UsageError, match="FallbackLLM takes LLMs, not 'gpt'"):
        FallbackLLM(["gpt"])  # type: ignore[list-item]  # wrong on purpose
    for field in ("first_chunk_timeout", "idle_timeout", "prepare_timeout"):
        with pytest.raises(ConfigError, match=f"{field} is 0; give seconds above 0"):
            FallbackLLM([model], **{field: 0})
    with pytest.raises(ConfigError, match="temporary_disable_sec is 0"):
        FallbackLLM([model], temporary_disable_sec=0)


def test_errors_of_our_own_kind_pass_as_they_are() -> None:
    error = ProviderError("held back", code="content_filter")

    async def main() -> None:
        with pytest.raises(HookflashError) as raised:
            await answer(FallbackLLM([Model("first", Fails(error))]))
        assert raised.value is error

    clock.run(main(), virtual=True)


def test_the_call_ids_of_the_model_are_kept() -> None:
    async def main() -> None:
        llm = FallbackLLM([Model("first", Calls("book", call_id="c7"))])
        chunks = [chunk async for chunk in llm.chat(CONTEXT)]
        call = ToolCall(call_id="c7", tool="book", arguments="{}")
        assert chunks == [ToolCallReady(call=call)]

    clock.run(main(), virtual=True)

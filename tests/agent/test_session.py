import asyncio

import pytest
from tests.agent.stage import APOLOGY, Script, Stage, on_stage

from hookflash.agent import (
    Agent,
    AgentSession,
    RunContext,
    SessionOptions,
    StopResponse,
    function_tool,
)
from hookflash.errors import LinkError, ProviderError, SessionClosed, UsageError
from hookflash.events.session import (
    AgentState,
    ErrorOccurred,
    FalseInterruption,
    LineSilent,
    SessionClosedEvent,
    SpeechInterrupted,
    TurnCompleted,
    TurnMetrics,
)
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.runtime.tape import Tape
from hookflash.testing import Calls, Fails, MemoryLeg, Says, ScriptedTTS

TEN = "one two three four five six seven eight nine ten"


def test_say_returns_at_once_and_the_handle_is_done_when_it_was_heard() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            began = stage.now()
            handle = stage.session.say(TEN)
            assert not handle.done()
            assert await handle is handle
            assert stage.now() - began == pytest.approx(2.0, abs=0.05)
            assert (handle.interrupted, handle.spoken_text) == (False, TEN)
            assert stage.items == [f"assistant: {TEN}"]

    clock.run(main(), virtual=True)


def test_history_holds_the_words_that_were_heard() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            handle = stage.session.say(TEN)
            await asyncio.sleep(0.9)
            assert stage.items == ["assistant: one two three four"]
            assert stage.session.interrupt()
            await handle
            assert handle.interrupted
            assert handle.spoken_text == "one two three four"
            assert stage.items == ["assistant: one two three four [cut]"]
            assert not stage.session.interrupt()
            assert stage.items == ["assistant: one two three four [cut]"]

    clock.run(main(), virtual=True)


def test_an_interruption_of_nothing_changes_nothing() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            before = len(stage.events)
            assert not stage.session.interrupt()
            assert not stage.session.interrupt()
            assert stage.items == []
            assert len(stage.events) == before

    clock.run(main(), virtual=True)


def test_what_is_not_interruptible_is_heard_in_full_and_the_next_waits() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            first = stage.session.say("one two three", interruptible=False)
            second = stage.session.say("four five")
            await asyncio.sleep(0.3)
            with pytest.raises(UsageError, match="not interruptible"):
                first.interrupt()
            await second
            assert first.done()
            assert stage.items == ["assistant: one two three", "assistant: four five"]

            third = stage.session.say(TEN, interruptible=False)
            await asyncio.sleep(0.5)
            third.interrupt(force=True)
            await third
            assert third.interrupted
            assert third.spoken_text == "one two"

    clock.run(main(), virtual=True)


def test_cancelling_a_waiter_never_cancels_the_utterance() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            handle = stage.session.say(TEN)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(handle, 0.05)
            assert not handle.done()
            assert await handle.wait(0.05) is False
            done: list[str] = []
            handle.add_done_callback(lambda each: done.append(each.id))
            await handle
            await asyncio.sleep(0)
            assert done == [handle.id]
            assert not handle.interrupted

    clock.run(main(), virtual=True)


def test_a_turn_is_answered_while_the_model_still_speaks() -> None:
    async def main() -> None:
        script: Script = [Says("We open at nine. We close at five every day.", pace=0.5)]
        options = SessionOptions(think_ahead=False)
        async with on_stage(Agent("Be brief."), script, options=options) as stage:
            await stage.caller_says("when do you open")
            await asyncio.sleep(3.0)
            assert stage.leg.received, "the first sentence is heard before the model has finished"
            await asyncio.sleep(10)
            assert stage.items == [
                "system: Be brief.",
                "user: when do you open",
                "assistant: We open at nine. We close at five every day.",
            ]
            (turn,) = stage.of(TurnCompleted)
            assert turn.text == "when do you open"
            (metrics,) = stage.of(TurnMetrics)
            assert metrics.latency == pytest.approx(
                metrics.endpointing + metrics.llm_first_text + 2.0, abs=0.05
            )

    clock.run(main(), virtual=True)


def test_barge_in_stops_the_model_and_the_voice_and_keeps_what_was_heard() -> None:
    async def main() -> None:
        script: Script = [Says(TEN + ".", pace=0.0), "Yes, we do."]
        async with on_stage(Agent(), script) as stage:
            await stage.caller_says("count")
            await asyncio.sleep(1.5)
            await stage.caller_says("do you have parking")
            await asyncio.sleep(3)
            assert stage.items[0] == "user: count"
            assert stage.items[1].startswith("assistant: one two")
            assert stage.items[1].endswith("[cut]")
            assert stage.items[2:] == ["user: do you have parking", "assistant: Yes, we do."]
            (interrupted,) = stage.of(SpeechInterrupted)
            assert interrupted.reason == "words"
            assert len(stage.leg.clears) >= 1

    clock.run(main(), virtual=True)


def test_a_cough_pauses_speech_and_it_goes_on_at_the_same_place() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            handle = stage.session.say(TEN)
            await asyncio.sleep(0.8)
            voice = stage.vad.voice
            onset = stage.now() - 0.25
            voice.verdict(True, onset)
            await asyncio.sleep(0.1)
            assert stage.leg.paused
            voice.verdict(False, stage.now())
            await handle
            assert not handle.interrupted
            assert handle.spoken_text == TEN
            assert len(stage.of(FalseInterruption)) == 1
            assert len(stage.leg.heard) == pytest.approx(2.0 * 16000, abs=320)

    clock.run(main(), virtual=True)


def test_a_tool_is_run_and_its_output_answered() -> None:
    class Desk(Agent):
        @function_tool
        async def hours(self, day: str) -> str:
            """Look up the opening hours.

            Args:
                day: day of the week
            """
            return f"{day}: nine to five"

    async def main() -> None:
        script: Script = [[Calls("hours", {"day": "Monday"})], "From nine to five."]
        async with on_stage(Desk(), script) as stage:
            await stage.caller_says("monday hours")
            await asyncio.sleep(4)
            assert stage.items == [
                "user: monday hours",
                'call hours({"day": "Monday"})',
                "output hours: Monday: nine to five",
                "assistant: From nine to five.",
            ]

    clock.run(main(), virtual=True)


def test_say_in_a_tool_is_heard_before_the_tool_returns() -> None:
    class Desk(Agent):
        @function_tool
        async def look(self, ctx: RunContext[None]) -> str:
            """Look it up."""
            await ctx.session.say("one moment")
            return "ok"

    async def main() -> None:
        script: Script = [[Calls("look")], "Found it."]
        async with on_stage(Desk(), script) as stage:
            await stage.caller_says("look it up")
            await asyncio.sleep(4)
            assert stage.items == [
                "user: look it up",
                "call look({})",
                "assistant: one moment",
                "output look: ok",
                "assistant: Found it.",
            ]

    clock.run(main(), virtual=True)


def test_reply_in_a_tool_is_heard_and_does_not_deadlock() -> None:
    class Desk(Agent):
        @function_tool
        async def look(self, ctx: RunContext[None]) -> str:
            """Look it up."""
            handle = await ctx.session.reply("Say that you are looking.")
            return handle.spoken_text

    async def main() -> None:
        script: Script = [[Calls("look")], "I am looking.", "Found it."]
        async with on_stage(Desk(), script) as stage:
            await stage.caller_says("look it up")
            await asyncio.sleep(5)
            assert stage.items[1:] == [
                "call look({})",
                "assistant: I am looking.",
                "output look: I am looking.",
                "assistant: Found it.",
            ]

    clock.run(main(), virtual=True)


def test_parallel_calls_are_each_answered_exactly_once() -> None:
    running: list[int] = []
    most: list[int] = []

    class Desk(Agent):
        @function_tool
        async def slow(self, number: int) -> int:
            """Be slow."""
            running.append(number)
            most.append(len(running))
            await asyncio.sleep(1)
            running.remove(number)
            return number

        @function_tool
        def plain(self) -> dict[str, int]:
            """Be synchronous."""
            return {"answer": 42}

        @function_tool
        async def broken(self) -> str:
            """Break."""
            raise ValueError("secret detail")

    async def main() -> None:
        script: Script = [
            [
                Calls("slow", {"number": "1"}),
                Calls("slow", {"number": 2, "x": 1}),
                Calls("plain"),
                Calls("broken"),
                Calls("nowhere"),
            ],
            "Done.",
        ]
        async with on_stage(Desk(), script) as stage:
            await stage.caller_says("go")
            await asyncio.sleep(5)
            outputs = [item for item in stage.items if item.startswith(("output", "error"))]
            assert len(outputs) == 5
            assert "output slow: 1" in outputs
            assert "output slow: 2" in outputs
            assert 'output plain: {"answer": 42}' in outputs or (
                'output plain: {"answer":42}' in outputs
            )
            (broken,) = [item for item in outputs if item.startswith("error broken")]
            assert "secret detail" not in broken
            (nowhere,) = [item for item in outputs if item.startswith("error nowhere")]
            assert "slow, plain, broken" in nowhere
            assert stage.items[-1] == "assistant: Done."
            assert max(most) == 2
            warned = {(error.reason, error.message) for error in stage.of(ErrorOccurred)}
            assert warned == {
                ("unknown_arguments", "slow: x"),
                ("tool_failed", "broken: ValueError"),
            }

    clock.run(main(), virtual=True)


def test_a_failing_model_is_an_event_and_a_spoken_apology_and_the_next_turn_works() -> None:
    async def main() -> None:
        script: Script = [[Fails(ProviderError("refused", status=500))], "Yes."]
        async with on_stage(Agent(), script) as stage:
            await stage.caller_says("hello")
            await asyncio.sleep(3)
            (error,) = stage.of(ErrorOccurred)
            assert (error.source, error.recoverable) == ("llm", True)
            assert stage.items == ["user: hello", f"assistant: {APOLOGY}"]
            assert stage.session.agent_state is AgentState.IDLE
            await stage.caller_says("hello again")
            await asyncio.sleep(3)
            assert stage.items[2:] == ["user: hello again", "assistant: Yes."]

    clock.run(main(), virtual=True)


def test_a_model_that_breaks_off_says_its_whole_sentences_and_then_apologises() -> None:
    async def main() -> None:
        script: Script = [["We open at nine. We close a", Fails(LinkError("gone"))]]
        async with on_stage(Agent(), script) as stage:
            await stage.caller_says("hours please")
            await asyncio.sleep(5)
            assert stage.items == [
                "user: hours please",
                "assistant: We open at nine.",
                f"assistant: {APOLOGY}",
            ]

    clock.run(main(), virtual=True)


def test_a_silent_model_is_given_up_within_its_deadline() -> None:
    async def main() -> None:
        options = SessionOptions(apology=APOLOGY, llm_within=2.0)
        async with on_stage(Agent(), [Says("late", delay=60)], options=options) as stage:
            await stage.caller_says("hello")
            ended = stage.now()
            await asyncio.sleep(5)
            (error,) = stage.of(ErrorOccurred)
            assert error.reason == "timeout"
            assert stage.items == ["user: hello", f"assistant: {APOLOGY}"]
            assert stage.leg.received[0][0] - ended < 3.0

    clock.run(main(), virtual=True)


def test_an_empty_answer_is_an_error_not_a_silence() -> None:
    async def main() -> None:
        async with on_stage(Agent(), [[]]) as stage:
            await stage.caller_says("hello")
            await asyncio.sleep(3)
            assert stage.items == ["user: hello", f"assistant: {APOLOGY}"]

    clock.run(main(), virtual=True)


def test_a_failing_voice_is_an_event_and_the_apology_is_heard_all_the_same() -> None:
    async def main() -> None:
        # The apology is rendered first; then each sentence fails.
        broken = ScriptedTTS(fails=[None, ProviderError("mute"), ProviderError("mute")])
        async with on_stage(Agent(), ["Hello there."], tts=broken) as stage:
            await asyncio.sleep(0.1)
            await stage.caller_says("hello")
            await asyncio.sleep(4)
            (error,) = stage.of(ErrorOccurred)
            assert error.source == "tts"
            assert stage.items == ["user: hello", f"assistant: {APOLOGY}"]

    clock.run(main(), virtual=True)


def test_a_recogniser_that_breaks_is_opened_again() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Yes."]) as stage:
            stage.stt.hearing.fail(LinkError("gone"))
            await asyncio.sleep(2)
            assert len(stage.stt.streams) == 2
            assert stage.items == [f"assistant: {APOLOGY}"]
            await stage.caller_says("hello")
            await asyncio.sleep(3)
            assert stage.items[1:] == ["user: hello", "assistant: Yes."]

    clock.run(main(), virtual=True)


def test_reply_instructions_do_not_enter_the_history() -> None:
    async def main() -> None:
        async with on_stage(Agent("Be brief."), ["Hello!", "And goodbye."]) as stage:
            first = stage.session.reply("Greet the caller.")
            second = stage.session.reply("Say goodbye.", tool_choice="none")
            await asyncio.gather(first, second)
            assert (first.spoken_text, second.spoken_text) == ("Hello!", "And goodbye.")
            assert stage.llm.requests[0].instructions == "Be brief.\n\nGreet the caller."
            assert stage.llm.choices == [None, "none"]
            assert stage.items == [
                "system: Be brief.",
                "assistant: Hello!",
                "assistant: And goodbye.",
            ]

    clock.run(main(), virtual=True)


def test_user_input_given_by_the_program_enters_the_history() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Hello!"]) as stage:
            await stage.session.reply(user_input="hi")
            assert stage.items == ["user: hi", "assistant: Hello!"]

    clock.run(main(), virtual=True)


def test_stop_response_in_the_hook_gives_no_reply() -> None:
    class Quiet(Agent):
        async def on_user_turn_completed(self, text: str) -> None:
            raise StopResponse

    async def main() -> None:
        async with on_stage(Quiet(), ["never"]) as stage:
            await stage.caller_says("hello")
            await asyncio.sleep(3)
            assert stage.items == ["user: hello"]

    clock.run(main(), virtual=True)


def test_rounds_of_tools_are_bounded() -> None:
    class Desk(Agent):
        @function_tool
        def again(self) -> str:
            """Again."""
            return "again"

    async def main() -> None:
        script: Script = [[Calls("again")] for _ in range(2)]
        options = SessionOptions(max_tool_steps=2, apology=APOLOGY)
        async with on_stage(Desk(), [*script, "Enough."], options=options) as stage:
            await stage.caller_says("go")
            await asyncio.sleep(3)
            assert stage.llm.choices == [None, None, "none"]
            assert stage.items[-1] == "assistant: Enough."

    clock.run(main(), virtual=True)


def test_keys_become_a_turn() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Thank you."]) as stage:
            stage.leg.press("42#")
            await asyncio.sleep(3)
            assert stage.items == ["user: Keypad: 42", "assistant: Thank you."]

    clock.run(main(), virtual=True)


def test_silence_wakes_the_agent_counted_from_the_last_played_frame() -> None:
    async def main() -> None:
        async with on_stage(Agent(), wake_up=5.0) as stage:
            woken: list[float] = []
            stage.session.on_wake_up = lambda: woken.append(stage.now())
            await stage.session.say(TEN)
            ended = stage.now()
            await asyncio.sleep(11)
            assert woken == pytest.approx([ended + 5, ended + 10], abs=0.1)
            assert [event.count for event in stage.of(LineSilent)] == [1, 2]

    clock.run(main(), virtual=True)


def test_the_caller_hanging_up_closes_the_session() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            handle = stage.session.say(TEN)
            await asyncio.sleep(0.5)
            stage.leg.hang_up()
            assert await stage.session.wait_closed() == "caller_hung_up"
            assert handle.done()
            assert stage.items == ["assistant: one two [cut]"]
            (closed,) = stage.of(SessionClosedEvent)
            assert closed.reason == "caller_hung_up"

    clock.run(main(), virtual=True)


def test_a_closed_session_refuses_speech_and_keeps_its_history() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            await stage.session.say("hello")
            await stage.session.close()
            await stage.session.close()
            with pytest.raises(SessionClosed):
                stage.session.say("again")
            with pytest.raises(SessionClosed):
                stage.session.reply()
            assert not stage.session.interrupt()
            assert stage.items == ["assistant: hello"]

    clock.run(main(), virtual=True)


def test_hangup_in_a_tool_lets_the_goodbye_be_heard() -> None:
    class Desk(Agent):
        @function_tool
        async def end_call(self, ctx: RunContext[None]) -> None:
            """End the call."""
            ctx.session.say("Goodbye then.")
            await ctx.session.hangup()

    async def main() -> None:
        async with on_stage(Desk(), [[Calls("end_call")], "never"]) as stage:
            await stage.caller_says("bye")
            assert await stage.session.wait_closed() == "hangup"
            assert stage.leg.closed
            assert stage.items == [
                "user: bye",
                "call end_call({})",
                "assistant: Goodbye then.",
                "error end_call: The call ended.",
            ]

    clock.run(main(), virtual=True)


def test_a_raising_handler_hurts_nobody() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            seen: list[str] = []

            @stage.session.on("agent.utterance_spoken")
            def bad(_event: object) -> None:
                raise ValueError

            @stage.session.on("agent.utterance_spoken")
            async def good(event: object) -> None:
                await asyncio.sleep(0.1)
                seen.append(type(event).__name__)

            await stage.session.say("hello")
            await asyncio.sleep(0.2)
            assert seen == ["UtteranceSpoken"]
            (error,) = stage.of(ErrorOccurred)
            assert error.source == "handler"

    clock.run(main(), virtual=True)


def test_a_session_without_parts_says_what_is_missing() -> None:
    async def main() -> None:
        leg = MemoryLeg()
        session: AgentSession[None] = AgentSession(Agent(), Pipeline())
        with pytest.raises(SessionClosed, match="call start"):
            session.say("hello")
        await session.start(leg)
        with pytest.raises(UsageError, match="no synthesiser"):
            session.say("hello")
        with pytest.raises(UsageError, match="no synthesiser"):
            session.reply()
        with pytest.raises(UsageError, match="started already"):
            await session.start(leg)
        with pytest.raises(UsageError, match="no userdata"):
            _ = session.userdata
        await session.say("ready", audio=bytes(1600))
        assert [each.text for each in session.history.messages] == ["ready"]
        await session.close()
        leg.close()
        assert session.call is not None
        await session.call.aclose()

    clock.run(main(), virtual=True)


def test_a_failing_on_enter_closes_the_session_and_is_raised() -> None:
    class Broken(Agent):
        async def on_enter(self) -> None:
            raise ValueError("no greeting")

    async def main() -> None:
        stage = Stage(Broken())
        with pytest.raises(ValueError, match="no greeting"):
            await stage.session.start(stage.leg)
        assert stage.session.closed
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)


def test_two_runs_of_the_same_call_give_the_same_tape() -> None:
    async def main() -> tuple[str, ...]:
        tape = Tape()
        async with on_stage(Agent(), ["Certainly. We open at nine."], tape=tape) as stage:
            await stage.caller_says("when do you open")
            await asyncio.sleep(5)
        return tape.lines()

    first = clock.run(main(), virtual=True)
    assert first == clock.run(main(), virtual=True)
    assert len(first) > 5


def test_what_a_handler_causes_is_told_after_its_cause_to_everyone() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Yes."]) as stage:
            seen: list[str] = []
            stage.session.on("turn.completed", lambda _: stage.session.hold())
            stage.session.on("*", lambda event: seen.append(event.name))
            await stage.caller_says("hello")
            await asyncio.sleep(1)
            assert seen.index("turn.completed") < seen.index("call.hold_changed")
            assert [event.sequence for event in stage.events] == sorted(  # type: ignore[attr-defined]
                event.sequence  # type: ignore[attr-defined]
                for event in stage.events
            )

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("ms_per_word", [140, 180, 220])
def test_an_utterance_longer_than_what_is_synthesised_ahead_is_heard_whole(
    ms_per_word: int,
) -> None:
    async def main() -> None:
        async with on_stage(Agent(), tts=ScriptedTTS(ms_per_word=ms_per_word)) as stage:
            sentence = "This sentence has seven words in it."
            began = stage.now()
            handle = await stage.session.say(" ".join([sentence] * 20))
            assert handle.spoken_text == " ".join([sentence] * 20)
            assert stage.now() - began == pytest.approx(140 * ms_per_word / 1000, abs=0.1)

    clock.run(main(), virtual=True, longest=120.0)

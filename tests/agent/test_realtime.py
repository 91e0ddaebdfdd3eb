"""Sessions with a realtime model: the official SDK on a real socket against our server."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from tests.agent.realtime_stage import Script, on_realtime_stage
from tests.agent.stage import APOLOGY

from hookflash.agent import Agent, RunContext, SessionOptions, StopResponse, function_tool
from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.audio.tones import beep
from hookflash.errors import ConfigError, ProviderError, UsageError
from hookflash.events.session import (
    AgentState,
    AgentStateChanged,
    FalseInterruption,
    LineSilent,
    SessionClosedEvent,
    SpeechInterrupted,
    ToolFinished,
    TurnCompleted,
    TurnMetrics,
    UserTranscription,
    UtteranceSpoken,
)
from hookflash.pipeline import Pipeline
from hookflash.providers.openai_realtime import OpenAIRealtime
from hookflash.testing import ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD
from hookflash.testing.realtime_server import Drops, Heard, Refuses, Sends
from hookflash.testing.scripted import Calls, Says

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, None]], None]


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__("Be brief.")
        self.turns: list[str] = []

    async def on_user_turn_completed(self, text: str) -> None:
        self.turns.append(text)

    @function_tool
    async def hours(self, day: str) -> str:
        """Look up when we are open.

        Args:
            day: Which day.
        """
        await asyncio.sleep(0.2 if day == "Monday" else 0.1)
        return f"{day}: nine to five"


SYSTEM = "system: Be brief."
LONG = "We open at nine and we close at five in the afternoon on every day but Sunday."


def kinds(received: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in received]


# Turns.


def test_the_model_speaks_and_its_words_are_in_the_history(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Good morning, Harbour Dental."]) as stage:
            handle = await stage.session.reply("Greet the caller.")
            assert handle.spoken_text == "Good morning, Harbour Dental."
            assert (handle.error, handle.interrupted) == (None, False)
            assert stage.items == [SYSTEM, "assistant: Good morning, Harbour Dental."]
            (request,) = stage.there.requests
            assert request["instructions"] == "Be brief.\n\nGreet the caller."
            assert stage.there.session["instructions"] == "Be brief."
            (spoken,) = stage.of(UtteranceSpoken)
            assert spoken.played_ms == 800.0
            states = [event.new for event in stage.of(AgentStateChanged)]
            assert states == [
                AgentState.IDLE,
                AgentState.THINKING,
                AgentState.SPEAKING,
                AgentState.IDLE,
            ]
            assert stage.there.errors == []

    virtual_time(main())


def test_a_turn_is_answered_at_once_and_its_words_take_their_place_when_they_come(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        agent = Desk()
        hears = [Heard("When are you open?", delay=1.0)]
        async with on_realtime_stage(agent, [LONG], hears=hears) as stage:
            await stage.caller_speaks(0.8)
            await asyncio.sleep(1.1)
            assert stage.session.agent_state is AgentState.SPEAKING
            assert (agent.turns, stage.of(UserTranscription)) == ([], [])
            assert stage.items == [SYSTEM, "assistant: We open at"]
            await asyncio.sleep(5.0)
            assert stage.items == [SYSTEM, "user: When are you open?", f"assistant: {LONG}"]
            assert agent.turns == ["When are you open?"]
            (turn,) = stage.of(TurnCompleted)
            (*partials, final) = stage.of(UserTranscription)
            assert [event.text for event in partials] == [
                "When",
                "When are",
                "When are you",
                "When are you open?",
            ]
            assert (final.final, final.text, final.turn) == (True, "When are you open?", turn.turn)
            (metrics,) = stage.of(TurnMetrics)
            assert metrics.latency == pytest.approx(0.5, abs=0.03)  # silence_duration_ms
            assert metrics.output_tokens == 10
            assert stage.errors() == []

    virtual_time(main())


def test_several_late_transcripts_each_find_their_own_turn(virtual_time: Run) -> None:
    async def main() -> None:
        hears = [Heard("first", delay=4.0), Heard("second", delay=0.1)]
        async with on_realtime_stage(Desk(), ["One.", "Two."], hears=hears) as stage:
            await stage.caller_speaks(0.5)
            await asyncio.sleep(1.5)
            await stage.caller_speaks(0.5)
            await asyncio.sleep(4.0)
            assert stage.items == [
                SYSTEM,
                "user: first",
                "assistant: One.",
                "user: second",
                "assistant: Two.",
            ]

    virtual_time(main())


def test_without_transcription_turns_are_answered_all_the_same(virtual_time: Run) -> None:
    async def main() -> None:
        agent = Desk()
        async with on_realtime_stage(agent, ["Yes."], transcription=None) as stage:
            await stage.caller_speaks(0.5)
            await asyncio.sleep(1.5)
            assert stage.items == [SYSTEM, "assistant: Yes."]
            assert agent.turns == [""]
            assert len(stage.of(TurnCompleted)) == 1

    virtual_time(main())


def test_audio_goes_both_ways_in_the_octets_of_the_line(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Hello."]) as stage:
            await stage.session.reply()
            await stage.caller_speaks(0.4)
            await asyncio.sleep(0.1)
            heard = b"".join(frame for _, frame in stage.leg.received)
            assert ulaw_decode(ulaw_encode(heard)) == heard
            said = ulaw_encode(beep(ms=20))
            assert bytes(stage.there.audio).count(said) == 20
            assert set(bytes(stage.there.audio).replace(said, b"")) == {0xFF}

    virtual_time(main())


def test_the_program_may_refuse_an_answer_when_it_knows_the_words(virtual_time: Run) -> None:
    class Strict(Desk):
        async def on_user_turn_completed(self, text: str) -> None:
            if text == "never mind":
                raise StopResponse

    async def main() -> None:
        hears = [Heard("never mind", delay=0.5), Heard("hello")]
        async with on_realtime_stage(Strict(), [LONG, "Hello."], hears=hears) as stage:
            await stage.caller_speaks(0.5)
            await asyncio.sleep(1.5)
            (spoken,) = stage.of(UtteranceSpoken)
            assert spoken.interrupted
            assert spoken.played_ms == pytest.approx(500, abs=20)
            await stage.caller_speaks(0.5)
            await asyncio.sleep(1.5)
            assert stage.items[-2:] == ["user: hello", "assistant: Hello."]

    virtual_time(main())


# Interruptions.


def test_the_model_forgets_what_the_caller_did_not_hear(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), [LONG, "Sure."], hears=["stop please"]) as stage:
            handle = stage.session.reply()
            await asyncio.sleep(1.0)
            await stage.caller_speaks(0.6)
            await asyncio.sleep(1.5)
            first, second = stage.of(UtteranceSpoken)
            ((_, truncated),) = stage.there.truncated
            assert abs(truncated - first.played_ms) <= 20
            assert handle.interrupted
            assert len(stage.leg.heard) / 16 == pytest.approx(truncated + 200, abs=20)
            assert stage.items == [
                SYSTEM,
                "assistant: We open at nine and we [cut]",
                "user: stop please",
                "assistant: Sure.",
            ]
            assert [event.reason for event in stage.of(SpeechInterrupted)] == ["speech"]
            assert second.heard == "Sure."
            assert stage.there.errors == []

    virtual_time(main())


def test_an_answer_that_is_still_being_made_is_cancelled(virtual_time: Run) -> None:
    async def main() -> None:
        slow = Says(LONG, pace=0.3)
        async with on_realtime_stage(Desk(), [slow, "Sure."], hears=["stop"]) as stage:
            stage.session.reply()
            await asyncio.sleep(1.0)
            await stage.caller_speaks(0.6)
            await asyncio.sleep(1.5)
            assert kinds(stage.there.received)[1:] == [
                "response.create",
                "response.cancel",
                "conversation.item.truncate",
                "response.create",
            ]
            assert stage.there.errors == []
            assert stage.items[-1] == "assistant: Sure."

    virtual_time(main())


def test_of_an_answer_that_was_not_heard_at_all_nothing_stays(virtual_time: Run) -> None:
    async def main() -> None:
        slow = Says("Let me see.", delay=3.0)
        async with on_realtime_stage(Desk(), [slow, "Sure."], hears=["hello"]) as stage:
            handle = stage.session.reply()
            await asyncio.sleep(0.5)
            await stage.caller_speaks(0.6)
            await asyncio.sleep(1.5)
            assert (handle.interrupted, handle.spoken_text) == (True, "")
            assert stage.items == [SYSTEM, "user: hello", "assistant: Sure."]
            assert stage.there.texts == ["user: hello", "assistant: Sure."]
            assert stage.there.errors == []

    virtual_time(main())


def test_speech_that_may_not_be_interrupted_goes_on_and_the_turn_is_answered_behind_it(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), [LONG, "Sure."], hears=["stop"]) as stage:
            handle = stage.session.reply(interruptible=False)
            await asyncio.sleep(0.5)
            await stage.caller_speaks(0.6)
            await asyncio.sleep(5.0)
            assert handle.spoken_text == LONG
            assert stage.items == [SYSTEM, f"assistant: {LONG}", "user: stop", "assistant: Sure."]
            assert stage.there.truncated == []

    virtual_time(main())


def test_with_a_detector_of_ours_a_cough_is_a_false_interruption(virtual_time: Run) -> None:
    async def main() -> None:
        # The model's own detector does not hear it: the cough is too short for it.
        async with on_realtime_stage(
            Desk(), [LONG], vad=ScriptedVAD(), transcription=None
        ) as stage:
            handle = stage.session.reply()
            await asyncio.sleep(1.0)
            loop = asyncio.get_running_loop()
            assert stage.vad is not None
            stage.vad.voice.verdict(True, loop.time() - 0.2)
            await asyncio.sleep(0.3)
            assert stage.leg.paused
            stage.vad.voice.verdict(False, loop.time())
            await handle
            assert len(stage.of(FalseInterruption)) == 1
            assert handle.spoken_text == LONG
            assert stage.there.truncated == []

    virtual_time(main())


def test_with_a_detector_of_ours_speech_interrupts_and_the_model_is_cut_where_it_was_hushed(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with on_realtime_stage(
            Desk(), [LONG, "Sure."], vad=ScriptedVAD(), hears=["no wait"]
        ) as stage:
            stage.session.reply()
            await asyncio.sleep(1.0)
            await stage.caller_speaks(2.0)
            await asyncio.sleep(2.0)
            first, _ = stage.of(UtteranceSpoken)
            ((_, truncated),) = stage.there.truncated
            assert abs(truncated - first.played_ms) <= 20
            assert truncated == pytest.approx(1200, abs=40)  # hushed once it was sure
            assert [event.reason for event in stage.of(SpeechInterrupted)] == ["duration"]
            assert stage.items[-2:] == ["user: no wait", "assistant: Sure."]
            assert stage.errors() == []

    virtual_time(main())


def test_a_detector_of_ours_can_end_the_turns_of_a_model_that_does_not(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(
            Desk(), ["Yes."], vad=ScriptedVAD(), hears=["are you there"], turn_detection=None
        ) as stage:
            await asyncio.sleep(2.0)
            assert len(stage.there.audio) == 0
            await stage.caller_speaks(1.0)
            await asyncio.sleep(2.0)
            assert stage.items == [SYSTEM, "user: are you there", "assistant: Yes."]
            # From before the speech was noticed until 0.5 s after it: not the silence around it.
            sent_ms = len(stage.there.audio) / 8
            assert 1500 <= sent_ms <= 2200
            (metrics,) = stage.of(TurnMetrics)
            assert metrics.latency == pytest.approx(0.5, abs=0.04)  # min_delay
            assert stage.errors() == []

    virtual_time(main())


# Tools.


def test_parallel_tool_calls_are_each_answered_once_and_then_the_model_speaks(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        script: Script = [
            [
                "One moment.",
                Calls("hours", {"day": "Monday"}, "call_m"),
                Calls("hours", {"day": "Tuesday"}, "call_t"),
            ],
            "From nine to five.",
        ]
        async with on_realtime_stage(Desk(), script, hears=["when?"]) as stage:
            await stage.caller_speaks(0.5)
            await asyncio.sleep(3.0)
            assert stage.items == [
                SYSTEM,
                "user: when?",
                "assistant: One moment.",
                'call hours({"day": "Monday"})',
                'call hours({"day": "Tuesday"})',
                "output hours: Tuesday: nine to five",
                "output hours: Monday: nine to five",
                "assistant: From nine to five.",
            ]
            outputs = [
                event["item"]["call_id"]
                for event in stage.there.received
                if event["type"] == "conversation.item.create"
            ]
            assert outputs == ["call_t", "call_m"]
            assert len(stage.of(ToolFinished)) == 2
            assert stage.there.errors == []
            assert len(stage.there.requests) == 2

    virtual_time(main())


def test_the_last_round_of_tools_must_end_in_words(virtual_time: Run) -> None:
    async def main() -> None:
        call = Calls("hours", {"day": "Friday"})
        options = SessionOptions(max_tool_steps=1)
        async with on_realtime_stage(Desk(), [call, "Done."], options=options) as stage:
            await stage.session.reply(tool_choice="required")
            choices = [request.get("tool_choice") for request in stage.there.requests]
            assert choices == ["required", "none"]

    virtual_time(main())


def test_tools_that_both_ask_for_a_reply_get_one_each(virtual_time: Run) -> None:
    class Chatty(Agent):
        @function_tool
        async def left(self, ctx: RunContext[None]) -> str:
            """Speak."""
            return (await ctx.session.reply("left")).spoken_text

        @function_tool
        async def right(self, ctx: RunContext[None]) -> str:
            """Speak."""
            return (await ctx.session.reply("right")).spoken_text

    async def main() -> None:
        script: Script = [[Calls("left"), Calls("right")], "Left words.", "Right words.", "Both."]
        async with on_realtime_stage(Chatty(), script) as stage:
            await asyncio.wait_for(stage.session.reply(), 20)
            assert stage.items[-3:] == [
                "output left: Left words.",
                "output right: Right words.",
                "assistant: Both.",
            ]
            assert stage.there.errors == []
            assert stage.errors() == []

    virtual_time(main())


def test_a_tool_of_an_interrupted_answer_still_answers_the_model(virtual_time: Run) -> None:
    class Slow(Agent):
        @function_tool
        async def book(self) -> str:
            """Book."""
            await asyncio.sleep(2.0)
            return "booked"

    async def main() -> None:
        script: Script = [Calls("book"), "Go ahead.", "It is booked."]
        async with on_realtime_stage(Slow(), script, hears=["wait", "and?"]) as stage:
            stage.session.reply()
            await asyncio.sleep(0.3)
            await stage.caller_speaks(0.5)
            await asyncio.sleep(3.0)
            await stage.caller_speaks(0.5)
            await asyncio.sleep(1.5)
            assert stage.there.texts == [
                "function_call: book {}",
                "user: wait",
                "assistant: Go ahead.",
                "function_call_output: booked",
                "user: and?",
                "assistant: It is booked.",
            ]
            assert stage.there.errors == []

    virtual_time(main())


def test_a_tool_hands_over_and_the_model_is_given_the_new_part(virtual_time: Run) -> None:
    class Sales(Agent):
        def __init__(self) -> None:
            super().__init__("Sell.", inherit_context=False)

        async def on_enter(self) -> None:
            await self.session.reply("Introduce yourself.")

    class Front(Agent):
        @function_tool
        async def to_sales(self) -> Agent:
            """Hand over."""
            return Sales()

    async def main() -> None:
        script: Script = ["Hello.", Calls("to_sales"), "Sales here."]
        async with on_realtime_stage(Front("Desk."), script) as stage:
            await stage.session.reply()
            await stage.session.reply()
            await asyncio.sleep(3.0)
            assert stage.there.session["instructions"] == "Sell."
            assert stage.there.session["tools"] == []
            assert stage.there.requests[-1]["instructions"] == "Sell.\n\nIntroduce yourself."
            assert stage.there.texts == ["assistant: Sales here."]
            assert stage.there.errors == []

    virtual_time(main())


# What is said and done besides.


def test_ready_made_audio_is_said_and_the_model_knows_of_it(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Yes."]) as stage:
            await stage.session.say("This call is recorded.", audio=beep(ms=400))
            await stage.session.reply()
            assert stage.there.texts == ["assistant: This call is recorded.", "assistant: Yes."]
            assert stage.items == [
                SYSTEM,
                "assistant: This call is recorded.",
                "assistant: Yes.",
            ]

    virtual_time(main())


def test_of_what_was_said_besides_the_model_knows_what_was_heard(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(
            Desk(), ["Yes.", "Yes."], tts=ScriptedTTS(), modality="audio"
        ) as stage:
            say = stage.session.say("One two three four five.")
            handle = stage.session.reply()
            await asyncio.sleep(0.5)
            say.interrupt()
            await handle
            assert stage.there.texts == ["assistant: One two", "assistant: Yes."]

    virtual_time(main())


def test_words_that_are_being_said_while_the_model_is_asked_are_put_right_later(
    virtual_time: Run,
) -> None:
    class Reads(Agent):
        @function_tool
        async def read(self, ctx: RunContext[None]) -> str:
            """Read aloud."""
            ctx.session.say("One two three four five six.")
            await asyncio.sleep(0.1)
            return "read"

    async def main() -> None:
        script: Script = [Calls("read", {}, "call_r"), Says("And so on.", delay=5.0), "Yes."]
        async with on_realtime_stage(
            Reads("Read."), script, tts=ScriptedTTS(), modality="audio"
        ) as stage:
            stage.session.reply()
            await asyncio.sleep(0.5)
            assert stage.there.texts[1] == "assistant: One two three four five six."
            stage.session.interrupt()
            await stage.session.reply()
            assert stage.there.texts == [
                "function_call: read {}",
                "assistant: One two",
                "function_call_output: read",
                "assistant: Yes.",
            ]
            assert stage.there.errors == []

    virtual_time(main())


def test_words_given_for_the_caller_and_keys_reach_the_model(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["One.", "Two."]) as stage:
            await stage.session.reply(user_input="I am at the door.")
            stage.leg.press("42#")
            await asyncio.sleep(2.0)
            assert stage.there.texts == [
                "user: I am at the door.",
                "assistant: One.",
                "user: Keypad: 42",
                "assistant: Two.",
            ]

    virtual_time(main())


def test_new_instructions_hold_from_the_next_answer_on(virtual_time: Run) -> None:
    async def main() -> None:
        agent = Desk()
        async with on_realtime_stage(agent) as stage:
            await stage.session.reply()
            agent.instructions = "Be long."
            await stage.session.reply()
            assert kinds(stage.there.received) == [
                "session.update",
                "response.create",
                "session.update",
                "response.create",
            ]
            assert stage.there.session["instructions"] == "Be long."

    virtual_time(main())


def test_a_silent_line_wakes_the_agent(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Are you there?"], wake_up=5.0) as stage:

            def ask() -> None:
                stage.session.reply("Ask.")

            stage.session.on_wake_up = ask
            await asyncio.sleep(6.0)
            assert len(stage.of(LineSilent)) == 1
            assert stage.items == [SYSTEM, "assistant: Are you there?"]

    virtual_time(main())


def test_what_is_sensitive_is_not_heard_by_the_model(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk()) as stage:
            await asyncio.sleep(0.1)
            with stage.session.sensitive():
                await stage.caller_speaks(1.0)
                await asyncio.sleep(0.1)
            assert set(bytes(stage.there.audio)) == {0xFF}

    virtual_time(main())


def test_an_answer_that_the_program_waits_for_is_not_replied_to(virtual_time: Run) -> None:
    async def main() -> None:
        agent = Desk()
        async with on_realtime_stage(agent, hears=[Heard("yes please", delay=0.5)]) as stage:
            waiting = asyncio.create_task(stage.session._answers.wait(10.0))
            await stage.caller_speaks(0.6)
            answer = await waiting
            assert answer is not None
            assert (answer.text, answer.keyed) == ("yes please", False)
            assert stage.items == [SYSTEM, "user: yes please"]
            assert (stage.there.requests, agent.turns) == ([], [])

    virtual_time(main())


def test_a_turn_while_speech_is_held_is_answered_when_it_is_released(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Yes."], hears=["hello?"]) as stage:
            conversation = stage.session._conversation
            assert conversation is not None
            conversation.hold_speech("test")
            await stage.caller_speaks(0.6)
            await asyncio.sleep(1.0)
            assert stage.there.requests == []
            conversation.release_speech("test")
            await asyncio.sleep(1.0)
            assert stage.items == [SYSTEM, "user: hello?", "assistant: Yes."]

    virtual_time(main())


# Hybrids.


def test_our_ears_give_the_model_words_and_no_audio(virtual_time: Run) -> None:
    async def main() -> None:
        stt, vad = ScriptedSTT(["When are you open?"]), ScriptedVAD()
        async with on_realtime_stage(Desk(), ["At nine."], stt=stt, vad=vad) as stage:
            await stage.caller_speaks(0.8)
            await asyncio.sleep(2.0)
            assert stage.items == [SYSTEM, "user: When are you open?", "assistant: At nine."]
            assert stage.there.texts == ["user: When are you open?", "assistant: At nine."]
            assert len(stage.there.audio) == 0
            assert stage.there.session["audio"]["input"]["turn_detection"] is None
            (turn,) = stage.of(TurnCompleted)
            assert turn.text == "When are you open?"

    virtual_time(main())


def test_our_voice_speaks_what_the_model_writes(virtual_time: Run) -> None:
    async def main() -> None:
        tts = ScriptedTTS()
        async with on_realtime_stage(Desk(), ["At nine. Or ten."], tts=tts, hears=["when"]) as s:
            await s.caller_speaks(0.6)
            await asyncio.sleep(2.5)
            assert s.there.session["output_modalities"] == ["text"]
            assert tts.spoken[-1] == "At nine. Or ten."
            assert s.items == [SYSTEM, "user: when", "assistant: At nine. Or ten."]
            await s.session.say("Goodbye.")
            assert s.items[-1] == "assistant: Goodbye."

    virtual_time(main())


def test_words_in_our_voice_that_were_not_heard_are_replaced_in_the_model(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with on_realtime_stage(
            Desk(), [LONG, "Sure."], tts=ScriptedTTS(), hears=["stop"]
        ) as stage:
            stage.session.reply()
            await asyncio.sleep(1.0)
            await stage.caller_speaks(0.6)
            await asyncio.sleep(1.5)
            assert stage.items == [
                SYSTEM,
                "assistant: We open at nine and [cut]",
                "user: stop",
                "assistant: Sure.",
            ]
            # In its place: before what the caller said then.
            assert stage.there.texts == [
                "assistant: We open at nine and",
                "user: stop",
                "assistant: Sure.",
            ]
            assert stage.there.errors == []

    virtual_time(main())


def test_hooks_may_rewrite_the_words_of_a_model_that_writes(virtual_time: Run) -> None:
    async def main() -> None:
        tts = ScriptedTTS()
        async with on_realtime_stage(Desk(), ["At nine."], tts=tts) as stage:

            @stage.session.hooks.on("llm.words")
            async def shout(words: Any) -> Any:
                async for word in words:
                    yield word.upper()

            await stage.session.reply()
            assert tts.spoken[-1] == "AT NINE."

    virtual_time(main())


# When it fails.


def test_a_broken_connection_is_replaced_by_one_that_knows_everything(virtual_time: Run) -> None:
    async def main() -> None:
        script: Script = ["Hello.", Calls("hours", {"day": "Monday"}, "call_m"), "Nine.", "Yes."]
        async with on_realtime_stage(Desk(), script, hears=["when", "sure?"]) as stage:
            await stage.session.reply()
            await stage.caller_speaks(0.5)
            await asyncio.sleep(2.0)
            before = stage.there
            before.drop()
            await asyncio.sleep(1.0)
            assert stage.there is not before
            seeded = [
                "assistant: Hello.",
                "user: when",
                'function_call: hours {"day": "Monday"}',
                "function_call_output: Monday: nine to five",
                "assistant: Nine.",
            ]
            assert stage.there.texts == seeded
            assert stage.there.session["instructions"] == "Be brief."
            await stage.caller_speaks(0.5)
            await asyncio.sleep(1.5)
            assert stage.there.texts == [*seeded, "user: sure?", "assistant: Yes."]
            assert stage.there.errors == []
            assert stage.errors() == [("realtime", "link")]

    virtual_time(main())


def test_an_answer_that_breaks_off_goes_on_from_where_it_was_heard(virtual_time: Run) -> None:
    async def main() -> None:
        script: Script = [["We open at nine.", Drops()], "And close at five."]
        async with on_realtime_stage(Desk(), script) as stage:
            handle = await stage.session.reply("Tell.")
            assert handle.error is None
            assert handle.spoken_text == "We open at nine. And close at five."
            (request,) = stage.there.requests
            assert request["instructions"].startswith("Be brief.\n\nTell.\n\nThe line to you broke")
            assert stage.there.texts == [
                "assistant: We open at nine.",
                "assistant: And close at five.",
            ]

    virtual_time(main())


def test_an_answer_that_never_began_is_asked_for_again(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), [Drops(), "Yes."], hears=["hello?"]) as stage:
            await stage.caller_speaks(0.5)
            await asyncio.sleep(2.0)
            assert stage.items == [SYSTEM, "user: hello?", "assistant: Yes."]
            assert "instructions" not in stage.there.requests[0]

    virtual_time(main())


def test_a_turn_that_went_down_with_the_connection_is_asked_for(virtual_time: Run) -> None:
    async def main() -> None:
        hears = [Heard("lost", delay=5.0)]
        async with on_realtime_stage(Desk(), [Drops(), "Pardon?"], hears=hears) as stage:
            await stage.caller_speaks(0.5)
            await asyncio.sleep(2.0)
            assert stage.items == [SYSTEM, "assistant: Pardon?"]
            assert "say it again" in stage.there.requests[0]["instructions"]

    virtual_time(main())


def test_speech_during_a_reconnect_is_not_lost(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Yes."], hears=["are you there"]) as stage:
            speaking = asyncio.create_task(stage.caller_speaks(1.0))
            await asyncio.sleep(0.2)
            stage.there.drop()
            await speaking
            await asyncio.sleep(1.5)
            assert stage.items == [SYSTEM, "user: are you there", "assistant: Yes."]
            assert bytes(stage.there.audio).count(ulaw_encode(beep(ms=20))) == 50

    virtual_time(main())


def test_a_model_that_cannot_be_had_ends_the_call_with_an_apology(virtual_time: Run) -> None:
    async def main() -> None:
        tts = ScriptedTTS()
        async with on_realtime_stage(Desk(), refusing=[401], tts=tts) as stage:
            assert await asyncio.wait_for(stage.session.wait_closed(), 5) == "error"
            (spoken,) = stage.of(UtteranceSpoken)
            assert spoken.heard == APOLOGY
            assert stage.errors() == [("realtime", "provider_failed")]
            (closed,) = stage.of(SessionClosedEvent)
            assert closed.reason == "error"

    virtual_time(main())


def test_without_any_voice_a_dead_model_ends_the_call_at_once(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), refusing=[503] * 4) as stage:
            handle = stage.session.reply()
            assert await asyncio.wait_for(stage.session.wait_closed(), 5) == "error"
            await handle
            assert isinstance(handle.error, ProviderError) or handle.interrupted
            assert stage.errors() == [("realtime", "provider_failed")] * 4

    virtual_time(main())


def test_a_model_that_is_busy_at_first_is_tried_again(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Hello."], refusing=[429, 503]) as stage:
            handle = await stage.session.reply()
            assert handle.spoken_text == "Hello."
            assert stage.errors() == [("realtime", "provider_failed")] * 2

    virtual_time(main())


def test_a_failed_answer_is_asked_for_again(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), [Refuses(), "Yes."]) as stage:
            handle = await stage.session.reply()
            assert (handle.spoken_text, handle.error) == ("Yes.", None)
            assert stage.errors() == [("realtime", "provider_failed")]

    virtual_time(main())


def test_a_model_that_keeps_failing_is_apologised_for_by_our_voice(virtual_time: Run) -> None:
    async def main() -> None:
        script: Script = [Refuses()] * 3 + ["Fine again."]
        async with on_realtime_stage(
            Desk(), script, tts=ScriptedTTS(), modality="audio", hears=["hello", "hello"]
        ) as stage:
            await stage.caller_speaks(0.5)
            await asyncio.sleep(2.0)
            assert stage.items == [SYSTEM, "user: hello", f"assistant: {APOLOGY}"]
            assert stage.session.agent_state is AgentState.IDLE
            (metrics,) = stage.of(TurnMetrics)
            assert metrics.outcome == "failed"
            await stage.caller_speaks(0.5)
            await asyncio.sleep(2.0)
            assert stage.items[-1] == "assistant: Fine again."

    virtual_time(main())


def test_without_a_voice_of_ours_the_model_itself_says_the_apology(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), [Refuses()] * 3) as stage:
            handle = await stage.session.reply()
            assert isinstance(handle.error, ProviderError)
            assert stage.items == [SYSTEM, f"assistant: {APOLOGY}"]
            assert stage.there.requests[-1]["conversation"] == "none"

    virtual_time(main())


def test_a_model_that_says_no_words_it_is_given_is_asked_to_apologise(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), [*[Refuses()] * 3, "Sorry."], recites=False) as stage:
            handle = await stage.session.reply()
            assert isinstance(handle.error, ProviderError)
            assert stage.items == [SYSTEM, "assistant: Sorry."]
            assert f'word for word: "{APOLOGY}"' in stage.there.requests[-1]["instructions"]

    virtual_time(main())


def test_an_error_that_will_not_pass_is_not_asked_for_again(virtual_time: Run) -> None:
    async def main() -> None:
        broke = Refuses("insufficient_quota", "invalid_request_error")
        async with on_realtime_stage(Desk(), [broke], tts=ScriptedTTS()) as stage:
            handle = await stage.session.reply()
            assert isinstance(handle.error, ProviderError)
            assert len(stage.there.requests) == 1

    virtual_time(main())


def test_a_model_that_says_nothing_is_given_up_and_apologised_for(virtual_time: Run) -> None:
    async def main() -> None:
        options = SessionOptions(apology=APOLOGY, llm_within=2.0)
        script: Script = [Says("Hm.", delay=60.0), "Yes."]
        async with on_realtime_stage(
            Desk(), script, options=options, tts=ScriptedTTS(), modality="audio"
        ) as stage:
            await stage.session.reply()
            await asyncio.sleep(1.0)
            assert stage.items == [SYSTEM, f"assistant: {APOLOGY}"]
            assert stage.errors() == [("realtime", "timeout")]
            # The line to it may be dead: the next answer comes over another.
            await stage.session.reply()
            assert stage.items[-1] == "assistant: Yes."
            assert [each.closed for each in stage.server.conversations] == [True, False]
            assert stage.there.texts == [f"assistant: {APOLOGY}", "assistant: Yes."]

    virtual_time(main())


def test_an_empty_answer_is_a_failure(virtual_time: Run) -> None:
    async def main() -> None:
        nothing = Sends({"type": "rate_limits.updated", "rate_limits": []})
        async with on_realtime_stage(Desk(), [nothing, "Yes."]) as stage:
            handle = await stage.session.reply()
            assert handle.spoken_text == "Yes."
            assert stage.errors() == [("realtime", "provider_failed")]

    virtual_time(main())


def test_a_refused_request_is_an_error_event_and_nothing_more(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Yes."]) as stage:
            await asyncio.sleep(0.1)
            error = {"type": "server_error", "code": "hiccup", "message": "secret words"}
            stage.there.tell("error", error=error)
            handle = await stage.session.reply()
            assert handle.spoken_text == "Yes."
            (event,) = [event for event in stage.events if event.name == "error"]
            assert "secret" not in event.message  # type: ignore[attr-defined]

    virtual_time(main())


def test_the_connection_is_renewed_in_silence_before_the_vendor_ends_it(virtual_time: Run) -> None:
    async def main() -> None:
        script: Script = ["Hello.", "Yes.", "And yes."]
        async with on_realtime_stage(Desk(), script, hears=["busy"], longest=330.0) as stage:
            await stage.session.reply()
            first = stage.there

            def closed() -> list[bool]:
                return [each.closed for each in stage.server.conversations]

            # Five minutes before the end, but not while somebody speaks.
            await asyncio.sleep(28.0)
            assert closed() == [False]
            await stage.caller_speaks(3.0)
            assert closed() == [False]
            await asyncio.sleep(3.0)
            assert closed() == [True, False]
            assert stage.there.texts == ["assistant: Hello.", "user: busy", "assistant: Yes."]
            handle = await stage.session.reply()
            assert handle.spoken_text == "And yes."
            assert stage.errors() == []
            assert first.errors == []

    virtual_time(main())


def test_a_closed_session_leaves_no_connection(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), [Says(LONG, pace=0.5)]) as stage:
            handle = stage.session.reply()
            await asyncio.sleep(1.0)
            await stage.session.close()
            await asyncio.sleep(0.1)
            assert stage.there.closed
            assert handle.interrupted
            assert stage.items[-1].startswith("assistant: We")

    virtual_time(main())


def test_the_caller_hangs_up_in_the_middle_of_an_answer(virtual_time: Run) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), [LONG]) as stage:
            stage.session.reply()
            await asyncio.sleep(1.0)
            stage.leg.hang_up()
            assert await asyncio.wait_for(stage.session.wait_closed(), 5) == "caller_hung_up"
            assert stage.items == [SYSTEM, "assistant: We open at nine and we [cut]"]

    virtual_time(main())


# Pipelines that cannot be.


def test_two_minds_are_refused() -> None:
    with pytest.raises(ConfigError, match="two minds"):
        Pipeline(realtime=OpenAIRealtime(), llm=ScriptedLLM())


def test_a_pipeline_in_which_nobody_notices_the_end_of_a_turn_is_refused() -> None:
    with pytest.raises(ConfigError, match="turn_detection, or Pipeline a vad"):
        Pipeline(realtime=OpenAIRealtime(turn_detection=None))
    Pipeline(realtime=OpenAIRealtime(turn_detection=None), vad=ScriptedVAD())
    Pipeline(realtime=OpenAIRealtime(turn_detection=None), stt=ScriptedSTT())


def test_ears_and_mind_of_a_realtime_session_cannot_be_swapped_in_the_middle(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with on_realtime_stage(Desk(), ["Yes."]) as stage:
            with pytest.raises(UsageError, match="hears the caller itself"):
                await stage.session.change(stt=ScriptedSTT())
            with pytest.raises(ConfigError, match="two minds"):
                await stage.session.change(llm=ScriptedLLM())
            await stage.session.change(tts=ScriptedTTS())
            await stage.session.say("Hello.")
            await stage.caller_speaks(0.5)
            await asyncio.sleep(1.0)
            assert stage.items[-1] == "assistant: Yes."

    virtual_time(main())

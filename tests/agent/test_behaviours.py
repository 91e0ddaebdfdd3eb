"""What users of sessions expect, one test each, under the names by which we know them.

A1 to A17 are what the peers' users asked for and did not get; P1 and on come from thinking about
telephone calls.
"""

import asyncio
import dataclasses
from itertools import pairwise
from typing import Any

import pytest
from tests.agent.stage import APOLOGY, Script, on_stage

from hookflash.agent import (
    Agent,
    AgentSession,
    RunContext,
    SessionOptions,
    SpeechMode,
    WakeUpStep,
    function_tool,
    wake_up_ladder,
)
from hookflash.errors import ProviderError, SessionClosed, UsageError
from hookflash.events.session import (
    AgentState,
    AgentStateChanged,
    AgentSwitched,
    ErrorOccurred,
    FalseInterruption,
    LineSilent,
    SessionClosedEvent,
    SpeechInterrupted,
    TurnCompleted,
    UserState,
    UserStateChanged,
)
from hookflash.machines.time_limit import TimeLimitConfig
from hookflash.machines.turn import TurnConfig
from hookflash.providers.chat import AgentHandoff, ToolCall, ToolOutput
from hookflash.runtime import clock
from hookflash.testing import Calls, Fails, MemoryLeg, Says


def state(session: AgentSession[Any]) -> str:
    """What the agent is at, read anew (a type checker takes a property for a constant)."""
    return session.agent_state.value


TEN = "one two three four five six seven eight nine ten"


def test_a01_asking_about_voicemail_never_raises() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            assert stage.session.is_voicemail_detected is False
            assert stage.session.voicemail_verdict is None

    clock.run(main(), virtual=True)


def test_a02_say_returns_at_once_and_is_one_message_when_it_was_heard() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            began = stage.now()
            handle = stage.session.say(TEN)
            assert stage.now() - began < 0.01
            assert not handle.done()
            await handle
            assert stage.now() - began == pytest.approx(2.0, abs=0.05)
            assert handle.finished_at == pytest.approx(stage.now(), abs=0.02)
            assert stage.items == [f"assistant: {TEN}"]

    clock.run(main(), virtual=True)


def test_a03_an_interrupted_say_is_one_message_with_the_words_that_were_played() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            handle = stage.session.say(TEN)
            await asyncio.sleep(0.9)
            assert stage.session.interrupt() is True
            await handle
            assert handle.interrupted
            (message,) = stage.session.history.messages
            assert message.interrupted
            assert message.text in {"one two three four", "one two three four five"}
            assert stage.session.interrupt() is False
            assert len(stage.session.history) == 1

    clock.run(main(), virtual=True)


def test_a04_interrupting_an_idle_session_changes_nothing() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            before = list(stage.events)
            assert [stage.session.interrupt(), stage.session.interrupt()] == [False, False]
            assert stage.items == []
            assert stage.events == before

    clock.run(main(), virtual=True)


def test_a05_speech_that_may_not_be_interrupted_is_heard_in_full_before_the_next() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            first = stage.session.say("one two three", interruptible=False)
            await asyncio.sleep(0.1)
            second = stage.session.say("four")
            with pytest.raises(UsageError):
                first.interrupt()
            await second
            assert stage.items == ["assistant: one two three", "assistant: four"]
            third = stage.session.say(TEN, interruptible=False)
            await asyncio.sleep(0.3)
            third.interrupt(force=True)
            assert await third.wait(0.1)

    clock.run(main(), virtual=True)


class Looker(Agent):
    @function_tool
    async def look(self, ctx: RunContext[Any]) -> str:
        """Look it up."""
        await ctx.session.say("one moment")
        return "ok"


def test_a06_a_tool_that_speaks_is_heard_before_it_returns() -> None:
    async def main() -> None:
        script: Script = [[Calls("look")], "It is open."]
        async with on_stage(Looker(), script) as stage:
            await stage.caller_says("is it open")
            await asyncio.sleep(4)
            assert stage.items == [
                "user: is it open",
                "call look({})",
                "assistant: one moment",
                "output look: ok",
                "assistant: It is open.",
            ]

    clock.run(main(), virtual=True)


def test_a07_reply_instructions_are_for_one_request_and_replies_keep_their_order() -> None:
    async def main() -> None:
        async with on_stage(Agent("Be brief."), ["Hello.", "Goodbye."]) as stage:
            first = stage.session.reply("Greet the user")
            second = stage.session.reply("Say goodbye")
            await second
            assert first.done()
            assert (first.spoken_text, second.spoken_text) == ("Hello.", "Goodbye.")
            assert [r.instructions.count("Greet the user") for r in stage.llm.requests] == [1, 0]
            history = stage.session.get_context_history(include_system_messages=True)
            assert [entry["text"] for entry in history] == ["Be brief.", "Hello.", "Goodbye."]

    clock.run(main(), virtual=True)


def test_a08_a_failing_model_is_an_event_an_apology_and_a_living_session() -> None:
    async def main() -> None:
        script: Script = [[Fails(ProviderError("refused", status=500))], "Yes."]
        async with on_stage(Agent(), script) as stage:
            await stage.caller_says("hello")
            await stage.session.wait_for_idle()
            await asyncio.sleep(2)
            (error,) = stage.of(ErrorOccurred)
            assert (error.source, error.recoverable) == ("llm", True)
            assert stage.tts.spoken[-1] == APOLOGY
            assert stage.session.agent_state is AgentState.IDLE
            await stage.caller_says("again")
            await asyncio.sleep(2)
            assert stage.items == [
                "user: hello",
                f"assistant: {APOLOGY}",
                "user: again",
                "assistant: Yes.",
            ]

    clock.run(main(), virtual=True)


@dataclasses.dataclass
class Table:
    seats: int
    name: str


class Odd(Agent):
    @function_tool
    async def raises(self) -> str:
        """Raise."""
        raise ValueError

    @function_tool
    def plain(self) -> str:
        """Be no coroutine."""
        return "plain"

    @function_tool
    async def table(self) -> Table:
        """Give a dataclass."""
        return Table(4, "Ann")


def test_a09_every_call_has_exactly_one_output_and_the_model_is_asked_again() -> None:
    async def main() -> None:
        script: Script = [
            [Calls("unknown"), Calls("raises"), Calls("plain"), Calls("table")],
            "There you are.",
        ]
        async with on_stage(Odd(), script) as stage:
            await stage.session.reply("Try everything")
            outputs = [i for i in stage.session.history.items if isinstance(i, ToolOutput)]
            calls = [i for i in stage.session.history.items if isinstance(i, ToolCall)]
            assert sorted(o.call_id for o in outputs) == sorted(c.call_id for c in calls)
            by_tool = {o.tool: o for o in outputs}
            assert by_tool["unknown"].is_error
            assert by_tool["raises"].is_error
            assert by_tool["plain"].output == "plain"
            assert by_tool["table"].output == '{"seats":4,"name":"Ann"}'
            assert len(stage.llm.requests) == 2
            assert stage.items[-1] == "assistant: There you are."

    clock.run(main(), virtual=True)


class Counter(Agent):
    got: object = None

    @function_tool
    async def count(self, n: int) -> str:
        """Count to n."""
        self.got = n
        return "counted"


def test_a10_arguments_are_coerced_and_unknown_ones_ignored_with_a_warning() -> None:
    async def main() -> None:
        agent = Counter()
        script: Script = [[Calls("count", {"n": "5", "x": 1})], "Done."]
        async with on_stage(agent, script) as stage:
            await stage.session.reply("Count")
            assert agent.got == 5
            assert [e.reason for e in stage.of(ErrorOccurred)] == ["unknown_arguments"]

    clock.run(main(), virtual=True)


def test_a11_a_short_answer_before_the_question_ends_is_kept_and_answered() -> None:
    async def main() -> None:
        options = SessionOptions(turn=TurnConfig(min_words=2))
        async with on_stage(Agent(), ["Good."], options=options) as stage:
            stage.session.say("Shall I book you a table for ten people?")
            await asyncio.sleep(1.5)
            stage.vad.voice.verdict(True, stage.now() - 0.1)
            await asyncio.sleep(0.1)
            stage.stt.hearing.final("yes")
            stage.vad.voice.verdict(False, stage.now())
            await asyncio.sleep(4)
            assert stage.of(SpeechInterrupted) == []
            assert [turn.text for turn in stage.of(TurnCompleted)] == ["yes"]
            assert len(stage.llm.requests) == 1
            assert stage.items == [
                "assistant: Shall I book you a table for ten people?",
                "user: yes",
                "assistant: Good.",
            ]

    clock.run(main(), virtual=True)


def test_a12_a_noise_pauses_speech_which_goes_on_where_it_was() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            handle = stage.session.say(TEN)
            await asyncio.sleep(0.4)
            stage.vad.voice.verdict(True, stage.now())
            await asyncio.sleep(0.6)
            assert stage.leg.paused
            stage.vad.voice.verdict(False, stage.now())
            await handle
            assert stage.items == [f"assistant: {TEN}"]
            assert not handle.interrupted
            assert len(stage.of(FalseInterruption)) == 1

    clock.run(main(), virtual=True)


def test_a13_silence_counts_from_the_last_played_frame_and_not_on_hold() -> None:
    async def main() -> None:
        async with on_stage(Agent(), wake_up=5.0) as stage:
            woken: list[float] = []
            stage.session.on_wake_up = lambda: woken.append(stage.now())
            await stage.session.say("one two three four five")
            ended = stage.now()
            await asyncio.sleep(10.5)
            assert woken == [pytest.approx(ended + 5, abs=0.05), pytest.approx(ended + 10, abs=0.1)]
            stage.session.hold()
            await asyncio.sleep(25)
            assert len(woken) == 2
            stage.session.unhold()
            back = stage.now()
            await asyncio.sleep(5.1)
            assert woken[2] == pytest.approx(back + 5, abs=0.05)

    clock.run(main(), virtual=True)


def test_a14_a_waiter_that_gives_up_leaves_the_utterance_alone() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            handle = stage.session.say(TEN)
            other = asyncio.ensure_future(handle.wait())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(handle, 0.05)
            assert not handle.done()
            assert await other
            assert not handle.interrupted

    clock.run(main(), virtual=True)


def test_a16_a_closed_session_is_clear_about_it() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Hello."]) as stage:
            session = stage.session
            await session.say("goodbye now")
            before = asyncio.all_tasks()
            await session.close()
            await session.close()
            for call in (session.say, session.reply):
                with pytest.raises(SessionClosed):
                    call("too late")
            assert session.interrupt() is False
            assert session.get_context_history() == [
                {
                    "type": "message",
                    "role": "assistant",
                    "text": "goodbye now",
                    "interrupted": False,
                }
            ]
            ours = [task for task in asyncio.all_tasks() - before if session.id in task.get_name()]
            assert ours == []
            assert len(stage.of(SessionClosedEvent)) == 1

    clock.run(main(), virtual=True)


class Diary(list[str]):
    pass


class Desk(Agent):
    def __init__(self, diary: Diary, name: str, to: "Agent | None" = None, greets: bool = True):
        super().__init__(f"You are {name}.")
        self.diary = diary
        self.name = name
        self.to = to
        self.greets = greets

    async def on_enter(self) -> None:
        self.diary.append(f"{self.name} enters")
        if self.greets:
            await self.session.say(f"{self.name} here.")

    async def on_exit(self) -> None:
        self.diary.append(f"{self.name} exits")

    @function_tool
    async def pass_on(self) -> Agent:
        """Pass the caller on."""
        assert self.to is not None
        return self.to


class Billing(Desk):
    pass


def test_a17_a_hand_off_runs_each_hook_once_and_leaves_one_system_message() -> None:
    async def main() -> None:
        diary = Diary()
        billing = Billing(diary, "Billing")
        script: Script = [[Calls("pass_on")], "Your bill is paid."]
        async with on_stage(Desk(diary, "Reception", billing), script) as stage:
            await stage.caller_says("my bill please")
            await asyncio.sleep(3)
            live = len(asyncio.all_tasks())
            assert diary == ["Reception enters", "Reception exits", "Billing enters"]
            (switched,) = stage.of(AgentSwitched)
            assert (switched.old, switched.new) == ("Desk", "Billing")
            assert stage.session.agent is billing
            assert AgentHandoff(old="Desk", new="Billing") in stage.session.history.items
            await stage.caller_says("is it paid")
            await asyncio.sleep(3)
            assert len(asyncio.all_tasks()) == live
            request = stage.llm.requests[-1]
            systems = [m.text for m in request.messages if m.role == "system"]
            assert systems == ["You are Billing."]
            assert [m.text for m in request.messages[1:]] == [
                "Reception here.",
                "my bill please",
                "Billing here.",
                "is it paid",
            ]
            assert len(stage.llm.requests) == 2, "the greeting answered; the model was not asked"

    clock.run(main(), virtual=True)


# Found by thinking about telephone calls.


def test_p01_an_agent_that_takes_over_in_silence_is_followed_by_the_model() -> None:
    async def main() -> None:
        diary = Diary()
        billing = Billing(diary, "Billing", greets=False)
        script: Script = [[Calls("pass_on")], "How can I help with your bill?"]
        async with on_stage(Desk(diary, "Reception", billing, greets=False), script) as stage:
            await stage.caller_says("my bill please")
            await asyncio.sleep(3)
            assert stage.items[-1] == "assistant: How can I help with your bill?"
            assert stage.llm.requests[-1].instructions == "You are Billing."

    clock.run(main(), virtual=True)


def test_p02_an_agent_that_does_not_inherit_is_shown_nothing_of_before() -> None:
    class Fresh(Agent):
        def __init__(self) -> None:
            super().__init__("You are new here.", inherit_context=False)

    async def main() -> None:
        async with on_stage(Agent("You were here."), ["Secret told.", "Hello."]) as stage:
            await stage.session.reply("Tell the secret")
            await stage.session.update_agent(Fresh())
            await stage.session.reply(user_input="hello")
            request = stage.llm.requests[-1]
            assert [m.text for m in request.messages] == ["You are new here.", "hello"]
            assert "assistant: Secret told." in stage.items, "the record has it all"

    clock.run(main(), virtual=True)


def test_p03_the_ladder_asks_twice_says_goodbye_and_hangs_up() -> None:
    async def main() -> None:
        async with on_stage(Agent(), wake_up=wake_up_ladder(6.0)) as stage:
            await stage.session.say("Hello.")
            reason = await asyncio.wait_for(stage.session.wait_closed(), 60)
            assert reason == "silence"
            assert stage.items == [
                "assistant: Hello.",
                "assistant: Are you still there?",
                "assistant: Hello? I can't hear you.",
                "assistant: I'll hang up now. Please call again. Goodbye.",
            ]
            assert [event.count for event in stage.of(LineSilent)] == [1, 2, 3]
            assert stage.leg.closed

    clock.run(main(), virtual=True)


def test_p04_a_caller_who_answers_the_reprompt_begins_the_ladder_anew() -> None:
    async def main() -> None:
        steps = (WakeUpStep(after=4.0, say="Still there?"), WakeUpStep(after=4.0, hang_up=True))
        async with on_stage(Agent(), ["Good."], wake_up=steps) as stage:
            await asyncio.sleep(5)
            await stage.caller_says("yes I am")
            await asyncio.sleep(6)
            assert [event.count for event in stage.of(LineSilent)] == [1, 1]
            assert not stage.session.closed

    clock.run(main(), virtual=True)


def test_p05_a_call_that_lasts_too_long_is_warned_and_ended_with_a_goodbye() -> None:
    async def main() -> None:
        options = SessionOptions(
            time_limit=TimeLimitConfig(most=60.0, warn_before=20.0),
            time_limit_warning="Twenty seconds.",
            time_limit_goodbye="Time is up.",
        )
        async with on_stage(Agent(), options=options) as stage:
            began = stage.now()
            reason = await asyncio.wait_for(stage.session.wait_closed(), 100)
            assert reason == "time_limit"
            assert stage.now() - began == pytest.approx(60.7, abs=0.5)
            assert stage.items == ["assistant: Twenty seconds.", "assistant: Time is up."]
            assert stage.leg.closed

    clock.run(main(), virtual=True)


def test_p06_the_last_word_of_an_agent_is_heard_before_the_line_goes_dead() -> None:
    class Polite(Agent):
        async def on_exit(self) -> None:
            self.session.say("Have a nice day.")

    async def main() -> None:
        async with on_stage(Polite()) as stage:
            stage.session.say("That is all.")
            await stage.session.hangup()
            assert stage.items == ["assistant: That is all.", "assistant: Have a nice day."]
            assert stage.leg.closed
            assert stage.of(SpeechInterrupted) == []

    clock.run(main(), virtual=True)


def test_p07_leaving_lets_speech_end_and_keeps_the_call() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            stage.session.say("I leave you with my colleague.")
            await stage.session.leave()
            assert stage.items == ["assistant: I leave you with my colleague."]
            assert not stage.leg.closed
            assert await stage.session.wait_closed() == "left"

    clock.run(main(), virtual=True)


def test_p08_a_caller_on_hold_is_not_heard_and_what_waits_is_said_afterwards() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Never asked."]) as stage:
            stage.session.hold()
            assert state(stage.session) == "on_hold"
            handle = stage.session.say("Thank you for holding.")
            await stage.leg.say(b"\x40\x00" * 8000)
            await asyncio.sleep(5)
            assert not handle.done()
            assert stage.tts.spoken == [APOLOGY]
            assert stage.stt.hearing.pushed == 16000, "it is given silence"
            stage.session.unhold()
            await handle
            assert state(stage.session) == "idle"
            assert handle.spoken_text == "Thank you for holding."

    clock.run(main(), virtual=True)


def test_p09_urgent_speech_goes_before_what_waits_or_replaces_it() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            say = stage.session.say
            first = say(TEN)
            low = say("low", priority=-1)
            normal = say("normal")
            high = say("high", priority=5)
            await asyncio.sleep(0.5)
            urgent = say("urgent", mode=SpeechMode.INTERRUPT)
            await low
            assert first.interrupted
            order = sorted((urgent, high, normal, low), key=lambda each: each.finished_at or 0.0)
            assert [each.spoken_text for each in order] == ["high", "urgent", "normal", "low"]

            dropped = [say(TEN), say("never")]
            await asyncio.sleep(0.3)
            last = say("instead", mode=SpeechMode.REPLACE)
            await last
            assert [each.interrupted for each in dropped] == [True, True]
            assert last.spoken_text == "instead"

    clock.run(main(), virtual=True)


def test_p10_a_hook_that_waits_for_its_own_speech_does_not_deadlock() -> None:
    class Checker(Agent):
        async def on_user_turn_completed(self, text: str) -> None:
            await self.session.say("Let me see.")

    async def main() -> None:
        options = SessionOptions(think_ahead=False)
        async with on_stage(Checker(), ["Yes."], options=options) as stage:
            await stage.caller_says("are you open")
            await asyncio.sleep(5)
            assert stage.items == [
                "user: are you open",
                "assistant: Let me see.",
                "assistant: Yes.",
            ]

    clock.run(main(), virtual=True)


def test_p11_an_agent_without_a_model_answers_from_its_hook() -> None:
    class Parrot(Agent):
        async def on_user_turn_completed(self, text: str) -> None:
            self.session.say(f"You said {text}.")

    async def main() -> None:
        async with on_stage(Parrot()) as stage:
            conversation = stage.session._conversation
            assert conversation is not None
            conversation.replace_llm(None)
            await stage.caller_says("hello")
            await asyncio.sleep(3)
            assert stage.items == ["user: hello", "assistant: You said hello."]

    clock.run(main(), virtual=True)


def test_p12_the_caller_hanging_up_in_a_tool_leaves_a_whole_history() -> None:
    class Slow(Agent):
        @function_tool
        async def wait(self) -> str:
            """Take long."""
            await asyncio.sleep(60)
            return "late"

    async def main() -> None:
        async with on_stage(Slow(), [[Says("One moment."), Calls("wait")]]) as stage:
            stage.session.reply("Wait")
            await asyncio.sleep(2)
            assert stage.session.agent_state is AgentState.TOOL_RUNNING
            stage.leg.hang_up()
            assert await stage.session.wait_closed() == "caller_hung_up"
            assert stage.items == [
                "assistant: One moment.",
                "call wait({})",
                "error wait: The call ended.",
            ]

    clock.run(main(), virtual=True)


def test_p13_speech_asked_for_when_the_line_is_gone_is_no_exception() -> None:
    class Late(Agent):
        async def on_exit(self) -> None:
            handle = self.session.say("Hello?")
            await handle
            assert handle.spoken_text == ""

    async def main() -> None:
        async with on_stage(Late()) as stage:
            stage.leg.hang_up()
            assert await stage.session.wait_closed() == "caller_hung_up"
            assert stage.items == []
            assert [e for e in stage.of(ErrorOccurred) if e.source == "hook"] == []

    clock.run(main(), virtual=True)


def test_p14_the_caller_counts_as_away_until_heard_again() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Here you are."]) as stage:
            await asyncio.sleep(15.1)
            assert [event.new for event in stage.of(UserStateChanged)] == [UserState.AWAY]
            await stage.session.say("Are you there?")
            assert [event.new for event in stage.of(UserStateChanged)] == [UserState.AWAY]
            await stage.caller_says("sorry I was looking for my card")
            await asyncio.sleep(3)
            assert [event.new for event in stage.of(UserStateChanged)][1:] == [
                UserState.SPEAKING,
                UserState.IDLE,
                UserState.LISTENING,
                UserState.IDLE,
            ]

    clock.run(main(), virtual=True)


def test_p15_on_enter_can_wait_for_the_far_side_to_be_there() -> None:
    class Greeter(Agent):
        async def on_enter(self) -> None:
            await self.session.say("Hello.")

    async def main() -> None:
        leg = MemoryLeg()
        async with on_stage(Agent()) as other:
            session: AgentSession[None] = AgentSession(Greeter(), other.pipeline)
            starting = asyncio.ensure_future(session.start(leg, wait_for_participant=True))
            await asyncio.sleep(3)
            assert leg.received == []
            await leg.say(bytes(320))
            await starting
            assert [m.text for m in session.history.messages] == ["Hello."]
            await session.close()
            leg.close()
            assert session.call is not None
            await session.call.aclose()

    clock.run(main(), virtual=True)


def test_p16_words_and_audio_may_come_as_streams() -> None:
    async def words() -> Any:
        for word in ("Your ", "order ", "is ", "ready."):
            await asyncio.sleep(0.1)
            yield word

    async def audio() -> Any:
        for _ in range(10):
            yield b"\x10\x20" * 160

    async def main() -> None:
        async with on_stage(Agent()) as stage:
            spoken = await stage.session.say(words())
            chimed = await stage.session.say("chime", audio=audio())
            assert (spoken.spoken_text, chimed.spoken_text) == ("Your order is ready.", "chime")
            assert stage.tts.spoken == [APOLOGY, "Your order is ready."]
            assert stage.leg.heard.endswith(b"\x10\x20" * 1600)

    clock.run(main(), virtual=True)


def test_p17_states_follow_a_table_and_every_event_is_numbered_and_timed() -> None:
    async def main() -> None:
        script: Script = [[Calls("look")], "It is open."]
        async with on_stage(Looker(), script) as stage:
            await stage.caller_says("is it open")
            await asyncio.sleep(5)
            states = [(event.old, event.new) for event in stage.of(AgentStateChanged)]
            assert [new for _, new in states] == [
                AgentState.IDLE,
                AgentState.LISTENING,
                AgentState.IDLE,
                AgentState.THINKING,
                AgentState.TOOL_RUNNING,
                AgentState.SPEAKING,
                AgentState.TOOL_RUNNING,
                AgentState.THINKING,
                AgentState.SPEAKING,
                AgentState.IDLE,
            ]
            assert all(one[1] == two[0] for one, two in pairwise(states))
            sequence = [event.sequence for event in stage.events]  # type: ignore[attr-defined]
            assert sequence == sorted(set(sequence))
            times = [event.at for event in stage.events]  # type: ignore[attr-defined]
            assert times == sorted(times)

    clock.run(main(), virtual=True)

"""Tools in a session: what the caller hears meanwhile, and that each call is answered once."""

import asyncio
import dataclasses
import time
from typing import Any

import pytest
from tests.agent.stage import APOLOGY, Script, Stage, on_stage

from hookflash.agent import Agent, Filler, RunContext, SessionOptions, function_tool
from hookflash.agent.tools import AnyTool
from hookflash.errors import ConfigError, UsageError
from hookflash.events.session import (
    AgentSwitched,
    ErrorOccurred,
    ToolFinished,
    ToolStarted,
    UtteranceBegan,
    UtteranceSpoken,
)
from hookflash.events.tools import ToolProgress
from hookflash.runtime.clock import run
from hookflash.testing import ScriptedTTS
from hookflash.testing.scripted import Calls, Says, Step


def options(**changes: Any) -> SessionOptions:
    return SessionOptions(apology=APOLOGY, not_understood="Pardon?", **changes)


def spoken(stage: Stage) -> list[tuple[float, str]]:
    """When each utterance began to be heard, to a tenth of a second, and its words."""
    words = [event.said for event in stage.of(UtteranceSpoken) if event.heard]
    began = [round(event.at, 1) for event in stage.of(UtteranceBegan)]
    return list(zip(began, words, strict=True))


def slow(seconds: float, **policy: Any) -> AnyTool:
    """A tool that takes its time."""

    @function_tool(name="look", **policy)
    async def look(thing: str = "it") -> str:
        await asyncio.sleep(seconds)
        return f"{thing} seen"

    return look


def answered(stage: Stage) -> list[str]:
    return [item for item in stage.items if item.startswith(("call", "output", "error"))]


def errors(stage: Stage) -> list[tuple[str, str, str]]:
    return [(event.source, event.reason, event.message) for event in stage.of(ErrorOccurred)]


# Fillers.


def test_a_filler_is_said_after_a_second_of_quiet_and_the_answer_follows() -> None:
    async def main() -> None:
        agent = Agent("Be brief.", [slow(2.0, filler="One moment.")])
        async with on_stage(agent, [Calls("look"), "Seen."]) as stage:
            await stage.session.reply()
            assert spoken(stage) == [(1.0, "One moment."), (2.0, "Seen.")]
            assert stage.items == [
                "system: Be brief.",
                "call look({})",
                "assistant: One moment.",
                "output look: it seen",
                "assistant: Seen.",
            ]

    run(main(), virtual=True)


def test_a_quick_tool_has_no_filler() -> None:
    async def main() -> None:
        agent = Agent(tools=[slow(0.9, filler="One moment.")])
        async with on_stage(agent, [Calls("look"), "Seen."]) as stage:
            await stage.session.reply()
            await asyncio.sleep(30)
            assert spoken(stage) == [(0.9, "Seen.")]

    run(main(), virtual=True)


def test_the_quiet_counts_from_the_end_of_what_the_model_says() -> None:
    async def main() -> None:
        agent = Agent(tools=[slow(4.0, filler="One moment.")])
        script: Script = [["Let me look that up now.", Calls("look")], "Seen."]
        async with on_stage(agent, script) as stage:
            await stage.session.reply()
            # Six words of 200 ms, a second of quiet.
            assert spoken(stage) == [
                (0.0, "Let me look that up now."),
                (2.2, "One moment."),
                (4.0, "Seen."),
            ]

    run(main(), virtual=True)


def test_fillers_come_again_in_turn_after_quiet_and_not_for_ever() -> None:
    async def main() -> None:
        filler = Filler(texts=("Moment.", "Still looking."), after=0.5, every=4.0, most=3)
        agent = Agent(tools=[slow(25.0, filler=filler, timeout=60)])
        async with on_stage(agent, [Calls("look"), "Seen."]) as stage:
            await stage.session.reply()
            assert spoken(stage) == [
                (0.5, "Moment."),
                (4.7, "Still looking."),
                (9.1, "Moment."),
                (25.0, "Seen."),
            ]

    run(main(), virtual=True)


def test_a_filler_that_nobody_has_begun_to_hear_is_dropped_when_the_tool_returns() -> None:
    async def main() -> None:
        agent = Agent(tools=[slow(1.2, filler="One moment.")])
        tts = ScriptedTTS(delay=0.5)
        async with on_stage(agent, [Calls("look"), "Seen."], tts=tts) as stage:
            await stage.session.reply()
            assert "One moment." in tts.spoken
            assert spoken(stage) == [(1.7, "Seen.")]
            assert [item for item in stage.items if "moment" in item] == []

    run(main(), virtual=True)


def test_a_filler_that_is_being_heard_is_heard_to_its_end() -> None:
    async def main() -> None:
        agent = Agent(tools=[slow(1.2, filler="One moment please, I look.")])
        async with on_stage(agent, [Calls("look"), "Seen."]) as stage:
            await stage.session.reply()
            assert spoken(stage) == [(1.0, "One moment please, I look."), (2.0, "Seen.")]
            assert not any(event.interrupted for event in stage.of(UtteranceSpoken))

    run(main(), virtual=True)


def test_a_filler_waits_while_the_caller_speaks_and_ends_with_an_interruption() -> None:
    async def main() -> None:
        agent = Agent(tools=[slow(5.0, filler="One moment.")])
        async with on_stage(agent, [Calls("look"), "Going on."]) as stage:
            reply = stage.session.reply()
            await asyncio.sleep(0.9)
            stage.vad.voice.verdict(True, stage.now())
            await asyncio.sleep(1.0)
            stage.vad.voice.verdict(False, stage.now())
            await asyncio.sleep(0.6)
            assert spoken(stage) == []
            stage.session.interrupt()
            await reply
            await asyncio.sleep(10)
            assert "One moment." not in stage.tts.spoken

    run(main(), virtual=True)


def test_a_filler_may_be_made_by_a_function_plain_or_not() -> None:
    async def later(call: Any) -> str:
        await asyncio.sleep(0.1)
        return f"Doing {call.tool}."

    async def main() -> None:
        for texts in (lambda call: f"Doing {call.tool}.", later):
            agent = Agent(tools=[slow(3.0, filler=Filler(texts=texts))])
            async with on_stage(agent, [Calls("look"), "Seen."]) as stage:
                await stage.session.reply()
                assert [words for _, words in spoken(stage)] == ["Doing look.", "Seen."]

    run(main(), virtual=True)


def test_a_filler_that_fails_or_has_nothing_to_say_costs_nothing_but_itself() -> None:
    def broken(call: Any) -> str:
        raise KeyError(call.tool)

    async def main() -> None:
        for texts, told in (
            (broken, [("tool", "filler_failed", "look: KeyError")]),
            (lambda call: "", []),
        ):
            agent = Agent(tools=[slow(20.0, filler=Filler(texts=texts))])
            async with on_stage(agent, [Calls("look"), "Seen."]) as stage:
                await stage.session.reply()
                assert spoken(stage) == [(20.0, "Seen.")]
                assert errors(stage) == told

    run(main(), virtual=True)


def test_tools_side_by_side_do_not_fill_over_each_other() -> None:
    async def main() -> None:
        filler = Filler(texts=("Working.",), after=1.0, every=3.0, most=2)

        @function_tool(filler=filler)
        async def one() -> str:
            await asyncio.sleep(6.0)
            return "1"

        @function_tool(filler=filler)
        async def two() -> str:
            await asyncio.sleep(6.0)
            return "2"

        agent = Agent(tools=[one, two])
        async with on_stage(agent, [[Calls("one"), Calls("two")], "Done."]) as stage:
            await stage.session.reply()
            assert spoken(stage) == [
                (1.0, "Working."),
                (2.2, "Working."),
                (5.4, "Working."),
                (6.0, "Done."),
            ]

    run(main(), virtual=True)


def test_the_sessions_filler_is_for_tools_without_one_and_a_plain_function_is_filled_too() -> None:
    async def main() -> None:
        agent = Agent(tools=[slow(1.5), slow(1.5, filler="")][:1])
        setting = options(tool_filler=Filler(texts=("Bear with me.",)))
        async with on_stage(agent, [Calls("look"), "Seen."], options=setting) as stage:
            await stage.session.reply()
            assert spoken(stage) == [(1.0, "Bear with me."), (1.6, "Seen.")]
        silent = Agent(tools=[slow(1.5, filler="")])
        async with on_stage(silent, [Calls("look"), "Seen."], options=setting) as stage:
            await stage.session.reply()
            assert spoken(stage) == [(1.5, "Seen.")]

    run(main(), virtual=True)


# Progress.


def test_progress_is_an_event_and_is_spoken_if_asked_and_puts_the_filler_off() -> None:
    async def main() -> None:
        @function_tool(filler="One moment.")
        async def book(ctx: RunContext[None]) -> str:
            await asyncio.sleep(0.8)
            ctx.update("half way")
            await asyncio.sleep(0.8)
            ctx.update("Nearly there.", say=True)
            await asyncio.sleep(1.3)
            return "booked"

        async with on_stage(Agent(tools=[book]), [Calls("book"), "Booked."]) as stage:
            await stage.session.reply()
            assert [(event.text, event.said, event.tool) for event in stage.of(ToolProgress)] == [
                ("half way", False, "book"),
                ("Nearly there.", True, "book"),
            ]
            assert spoken(stage) == [(1.6, "Nearly there."), (2.9, "Booked.")]

    run(main(), virtual=True)


def test_a_plain_function_tells_its_progress_from_its_thread() -> None:
    async def main() -> None:
        @function_tool
        def book(ctx: RunContext[None]) -> str:
            ctx.update("Nearly there.", say=True)
            time.sleep(0.02)
            return "booked"

        async with on_stage(Agent(tools=[book]), [Calls("book"), "Booked."]) as stage:
            await stage.session.reply()
            assert [words for _, words in spoken(stage)] == ["Nearly there.", "Booked."]
            assert stage.items[1:3] == ["assistant: Nearly there.", "output book: booked"]

    run(main(), virtual=True)


# Interruption.


def test_a_tool_that_finishes_does_not_keep_the_caller_from_the_next_answer() -> None:
    async def main() -> None:
        script: Script = [Calls("look"), "Of course."]
        async with on_stage(Agent(tools=[slow(20.0)]), script) as stage:
            reply = stage.session.reply()
            await asyncio.sleep(2)
            assert stage.session.interrupt()
            await reply
            assert stage.now() == 2.0
            await stage.caller_says("something else please")
            await asyncio.sleep(5)
            assert [words for _, words in spoken(stage)] == ["Of course."]
            assert stage.of(ToolFinished) == []
            await asyncio.sleep(20)
            assert stage.items == [
                "call look({})",
                "user: something else please",
                "assistant: Of course.",
                "output look: it seen",
            ]
            assert [round(event.seconds, 3) for event in stage.of(ToolFinished)] == [20.0]
            # Nobody is answered whom nobody asked.
            assert len(stage.llm.requests) == 2

    run(main(), virtual=True)


def test_a_tool_that_is_to_be_cancelled_is_answered_once_that_it_was() -> None:
    ended: list[str] = []

    @function_tool(on_interrupt="cancel")
    async def look() -> str:
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "seen"

    async def main() -> None:
        async with on_stage(Agent(tools=[look]), [Calls("look")]) as stage:
            reply = stage.session.reply()
            await asyncio.sleep(2)
            stage.session.interrupt()
            await reply
            await asyncio.sleep(30)
            assert ended == ["cancelled"]
            assert answered(stage) == [
                "call look({})",
                "error look: Cancelled: the caller interrupted before the tool was done.",
            ]
            (finished,) = stage.of(ToolFinished)
            assert (finished.is_error, round(finished.seconds, 3)) == (True, 2.0)
            assert errors(stage) == []

    run(main(), virtual=True)


def test_a_tool_that_is_done_in_spite_of_being_cancelled_tells_the_truth() -> None:
    @function_tool(on_interrupt="cancel")
    async def book() -> str:
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
        return "booked"

    async def main() -> None:
        async with on_stage(Agent(tools=[book]), [Calls("book")]) as stage:
            reply = stage.session.reply()
            await asyncio.sleep(2)
            stage.session.interrupt()
            await reply
            await asyncio.sleep(1)
            assert answered(stage) == ["call book({})", "output book: booked"]

    run(main(), virtual=True)


def test_a_tool_that_cannot_be_cancelled_is_answered_for_and_told_of() -> None:
    release = asyncio.Event()

    @function_tool(timeout=3)
    async def stubborn() -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "at last"

    async def main() -> None:
        async with on_stage(Agent(tools=[stubborn]), [Calls("stubborn"), "Sorry."]) as stage:
            await stage.session.reply()
            assert answered(stage) == [
                "call stubborn({})",
                "error stubborn: The tool took too long and was stopped.",
            ]
            assert errors(stage) == [
                ("tool", "tool_stuck", "stubborn does not let itself be cancelled")
            ]
            assert spoken(stage) == [(5.0, "Sorry.")]
            release.set()

    run(main(), virtual=True)


def test_an_agent_that_a_tool_returns_after_the_interruption_still_takes_over() -> None:
    class Billing(Agent):
        async def on_enter(self) -> None:
            self.session.say("Billing here.")

    @function_tool
    async def transfer() -> Agent:
        await asyncio.sleep(3)
        return Billing("You do billing.")

    async def main() -> None:
        async with on_stage(Agent(tools=[transfer]), [Calls("transfer")]) as stage:
            reply = stage.session.reply()
            await asyncio.sleep(1)
            stage.session.interrupt()
            await reply
            await asyncio.sleep(5)
            assert [(event.old, event.new) for event in stage.of(AgentSwitched)] == [
                ("Agent", "Billing")
            ]
            assert spoken(stage) == [(3.0, "Billing here.")]

    run(main(), virtual=True)


# Duplicates.


def counted(seconds: float, **policy: Any) -> tuple[AnyTool, list[str]]:
    runs: list[str] = []

    @function_tool(**policy)
    async def book(day: str, hour: int = 9) -> str:
        runs.append(day)
        await asyncio.sleep(seconds)
        return f"{day} at {hour}"

    return book, runs


TWICE: list[Step] = [
    Calls("book", {"day": "Monday", "hour": 9}),
    Calls("book", {"hour": 9, "day": "Monday"}),
]


def test_a_repeated_call_runs_again_unless_told_otherwise() -> None:
    async def main() -> None:
        book, runs = counted(1.0)
        async with on_stage(Agent(tools=[book]), [TWICE, "Booked."]) as stage:
            await stage.session.reply()
            assert runs == ["Monday", "Monday"]

    run(main(), virtual=True)


def test_a_repeated_call_can_be_rejected_while_the_first_runs_and_after_it_succeeded() -> None:
    async def main() -> None:
        book, runs = counted(1.0, on_duplicate="reject")
        other = Calls("book", {"day": "Tuesday", "hour": 9})
        async with on_stage(Agent(tools=[book]), [TWICE, TWICE[1], other, "Booked."]) as stage:
            await stage.session.reply()
            assert runs == ["Monday", "Tuesday"]
            outputs = [item for item in stage.items if item.startswith(("output", "error"))]
            assert outputs == [
                "error book: Not run: the same call is already under way, and its answer will "
                "follow. Do not repeat it.",
                "output book: Monday at 9",
                "error book: Not run: the same call has just been answered. Use that answer; do "
                "not repeat it.",
                "output book: Tuesday at 9",
            ]

    run(main(), virtual=True)


def test_a_repeated_call_can_share_the_answer_of_the_first() -> None:
    async def main() -> None:
        book, runs = counted(1.0, on_duplicate="join")
        async with on_stage(Agent(tools=[book]), [TWICE, TWICE[1], "Booked."]) as stage:
            await stage.session.reply()
            assert runs == ["Monday"]
            outputs = [item for item in stage.items if item.startswith(("output", "error"))]
            assert outputs == ["output book: Monday at 9"] * 3
            assert len(stage.of(ToolStarted)) == len(stage.of(ToolFinished)) == 3

    run(main(), virtual=True)


def test_the_next_reply_joins_a_tool_that_still_runs_and_begins_anew_after_it() -> None:
    async def main() -> None:
        book, runs = counted(6.0, on_duplicate="join")
        script: Script = [TWICE[0], TWICE[1], "Booked.", TWICE[0], "Again."]
        async with on_stage(Agent(tools=[book]), script) as stage:
            first = stage.session.reply()
            await asyncio.sleep(1)
            stage.session.interrupt()
            await first
            await stage.session.reply()
            assert (runs, spoken(stage)) == (["Monday"], [(6.0, "Booked.")])
            await stage.session.reply()
            assert runs == ["Monday", "Monday"]

    run(main(), virtual=True)


def test_a_call_that_failed_may_be_repeated() -> None:
    runs: list[int] = []

    @function_tool(on_duplicate="reject")
    async def look() -> str:
        runs.append(1)
        if len(runs) == 1:
            raise OSError
        return "seen"

    async def main() -> None:
        script: Script = [Calls("look"), Calls("look"), "Seen."]
        async with on_stage(Agent(tools=[look]), script) as stage:
            await stage.session.reply()
            assert answered(stage)[1::2] == [
                "error look: The tool failed.",
                "output look: seen",
            ]

    run(main(), virtual=True)


# Limits.


def test_a_tool_that_leaves_the_caller_in_silence_is_given_up() -> None:
    async def main() -> None:
        agent = Agent(tools=[slow(3600)])
        async with on_stage(agent, [Calls("look"), "That takes too long."]) as stage:
            await stage.session.reply()
            assert answered(stage) == [
                "call look({})",
                "error look: The tool took too long and was stopped.",
            ]
            assert spoken(stage) == [(30.0, "That takes too long.")]

    run(main(), virtual=True)


def test_a_tool_that_talks_with_the_caller_may_take_its_time() -> None:
    @function_tool
    async def read_out(ctx: RunContext[None]) -> str:
        for _ in range(6):
            await ctx.session.say("one two three four five")
            await asyncio.sleep(8)
        return "read"

    async def main() -> None:
        setting = options(tool_timeout=10)
        async with on_stage(
            Agent(tools=[read_out]), [Calls("read_out"), "Was that all?"], options=setting
        ) as stage:
            await stage.session.reply()
            assert stage.items[-2:] == ["output read_out: read", "assistant: Was that all?"]
            assert stage.now() > 54

    run(main(), virtual=True)


def test_a_tool_keeps_its_own_timeout_whatever_is_said() -> None:
    async def main() -> None:
        agent = Agent(tools=[slow(3600, timeout=12, filler=Filler(every=2.0))])
        async with on_stage(agent, [Calls("look"), "No."]) as stage:
            await stage.session.reply()
            assert spoken(stage)[-1] == (12.0, "No.")

    run(main(), virtual=True)


def test_a_long_answer_is_cut_and_says_so() -> None:
    @function_tool
    async def look() -> str:
        return "x" * 1000

    async def main() -> None:
        setting = options(tool_output_limit=100)
        async with on_stage(Agent(tools=[look]), [Calls("look"), "X."], options=setting) as stage:
            await stage.session.reply()
            assert answered(stage)[1] == (
                f"output look: {'x' * 100}\n[Cut here: 900 more characters.]"
            )

    run(main(), virtual=True)


def test_a_model_that_calls_without_end_gets_an_answer_for_each_call() -> None:
    async def main() -> None:
        many: list[Step] = [Calls("look", {"thing": str(number)}) for number in range(18)]
        async with on_stage(Agent(tools=[slow(0.1)]), [many, "Well."]) as stage:
            await stage.session.reply()
            outputs = [item for item in stage.items if item.startswith(("output", "error"))]
            assert len(outputs) == 18
            refused = "Not run: more than 16 calls at once. Call again for what still matters."
            assert outputs[:2] == [f"error look: {refused}"] * 2

    run(main(), virtual=True)


def test_ids_that_a_model_uses_again_are_told_apart() -> None:
    async def main() -> None:
        script: Script = [
            [Calls("look", call_id="call_0"), Calls("look", call_id="call_0")],
            Calls("look", call_id="call_0"),
            Calls("look", call_id=""),
            "Seen.",
        ]
        async with on_stage(Agent(tools=[slow(0.1)]), script) as stage:
            await stage.session.reply()
            assert answered(stage) == [
                "call look({})",
                "call look({})",
                "output look: it seen",
                "output look: it seen",
                *["call look({})", "output look: it seen"] * 2,
            ]
            ids = [event.call_id for event in stage.of(ToolStarted)]
            assert len(set(ids)) == 4
            assert ids[0] == "call_0"

    run(main(), virtual=True)


def test_the_sessions_limits_are_checked() -> None:
    for wrong, message in (
        ({"tool_timeout": 0.0}, "tool_timeout is 0.0; give seconds above 0"),
        ({"tool_output_limit": 99}, "tool_output_limit is 99; give characters, 100 or more"),
        ({"tool_servers_within": -1.0}, "tool_servers_within is -1.0; give seconds from 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            options(**wrong)


# Whatever a tool does.


@dataclasses.dataclass
class Visit:
    day: str
    people: int


def test_a09_whatever_is_called_is_answered_once_and_something_is_spoken() -> None:
    @function_tool
    async def broken() -> str:
        msg = "no such table"
        raise RuntimeError(msg)

    @function_tool
    def plain() -> Visit:
        return Visit("Monday", 2)

    async def main() -> None:
        script: Script = [[Calls("nothing"), Calls("broken"), Calls("plain")], "There you are."]
        async with on_stage(Agent(tools=[broken, plain]), script) as stage:
            await stage.session.reply()
            assert sorted(answered(stage)[3:]) == [
                "error broken: The tool failed.",
                "error nothing: There is no tool of that name. The tools are: broken, plain.",
                'output plain: {"day":"Monday","people":2}',
            ]
            assert len(stage.llm.requests) == 2
            assert [words for _, words in spoken(stage)] == ["There you are."]
            assert errors(stage) == [("tool", "tool_failed", "broken: RuntimeError")]

    run(main(), virtual=True)


def test_a10_arguments_are_converted_and_unknown_ones_left_out_with_a_warning() -> None:
    @function_tool
    async def double(n: int) -> int:
        return 2 * n

    async def main() -> None:
        script: Script = [Calls("double", {"n": "5", "x" * 60: 1}), "Ten."]
        async with on_stage(Agent(tools=[double]), script) as stage:
            await stage.session.reply()
            assert answered(stage)[1] == "output double: 10"
            assert errors(stage) == [("tool", "unknown_arguments", f"double: {'x' * 40}")]

    run(main(), virtual=True)


def test_a_context_of_a_kind_that_the_session_does_not_give_is_answered_as_a_failure() -> None:
    class Other(RunContext[None]):
        """Nobody makes one."""

    @function_tool
    async def odd(ctx: Other) -> str:
        return "never"

    async def main() -> None:
        async with on_stage(Agent(tools=[odd]), [Calls("odd"), "Hm."]) as stage:
            await stage.session.reply()
            assert answered(stage)[1] == "error odd: The tool failed."
            assert errors(stage) == [("tool", "tool_failed", "odd: UsageError")]

    run(main(), virtual=True)


def test_the_end_of_the_call_answers_what_still_runs() -> None:
    async def main() -> None:
        async with on_stage(Agent(tools=[slow(3600)]), [Calls("look")]) as stage:
            stage.session.reply()
            await asyncio.sleep(1)
            await stage.session.close()
            assert answered(stage) == ["call look({})", "error look: The call ended."]

    run(main(), virtual=True)


def test_tools_can_be_changed_and_the_agents_own_stay_and_are_not_doubled() -> None:
    class Desk(Agent):
        @function_tool
        async def hours(self) -> str:
            return "nine to five"

    look = slow(0.1)

    async def main() -> None:
        desk = Desk()
        assert list(desk.tools) == ["hours"]
        desk.update_tools([desk.hours, look, look])
        assert list(desk.tools) == ["hours", "look"]
        with pytest.raises(UsageError, match="two tools are named 'look'"):
            desk.update_tools([look, slow(0.2)])
        assert list(desk.tools) == ["hours", "look"]
        async with on_stage(desk, [Calls("look"), "Seen.", Calls("look"), "No."]) as stage:
            await stage.session.reply()
            desk.update_tools([])
            await stage.session.reply()
            assert [item for item in answered(stage) if not item.startswith("call")] == [
                "output look: it seen",
                "error look: There is no tool of that name. The tools are: hours.",
            ]

    run(main(), virtual=True)


def test_a_reply_that_speaks_before_its_tool_says_each_once() -> None:
    async def main() -> None:
        script: Script = [[Says("Let me see."), Calls("look")], "Seen."]
        async with on_stage(Agent(tools=[slow(0.1)]), script) as stage:
            await stage.session.reply()
            assert stage.items == [
                "assistant: Let me see.",
                "call look({})",
                "output look: it seen",
                "assistant: Seen.",
            ]

    run(main(), virtual=True)

"""An agent that has the line for a while, and gives it back on every path.

Tests with a number are what users of awaitable tasks know by that number; the others of the list
are beside the tasks they are about.
"""

import asyncio
from typing import Any

import pytest
from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import Agent, RunContext, ToolError, function_tool
from hookflash.errors import CallerHungUp, TaskCancelled, TaskTimedOut
from hookflash.events.session import AgentState, AgentStateChanged, ErrorOccurred
from hookflash.events.tasks import TaskEnded, TaskStarted
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole
from hookflash.runtime import clock
from hookflash.tasks.task import AgentTask
from hookflash.testing import Calls, Says


class GetColour(AgentTask[str]):
    def __init__(self, question: str = "Which colour?", **options: Any) -> None:
        super().__init__("Get a colour.", **options)
        self.question = question

    async def on_enter(self) -> None:
        self.session.say(self.question)

    @function_tool
    async def colour(self, name: str) -> None:
        """Take the colour."""
        self.complete(name)

    @function_tool
    async def decline(self) -> None:
        """They will not say."""
        self.complete(ToolError("no colour"))


class Painter(Agent):
    def __init__(self, task: Any = GetColour) -> None:
        super().__init__("You paint.")
        self.make = task
        self.got: list[object] = []

    @function_tool
    async def paint(self) -> str:
        """Paint the house."""
        try:
            colour = await self.make()
        except BaseException as exc:
            self.got.append(exc)
            raise
        self.got.append(colour)
        return f"painted {colour}"


SCRIPT: Script = [[Calls("paint")], [Calls("colour", {"name": "red"})], "It is red now."]


def on_line(stage: Stage) -> str:
    """Who has the line."""
    return type(stage.session.agent).__name__


async def paint(stage: Stage) -> None:
    await stage.caller_says("paint my house")
    await asyncio.sleep(2)


def test_a_tool_awaits_a_task_that_talks_with_the_caller() -> None:
    async def main() -> None:
        agent = Painter()
        async with on_stage(agent, SCRIPT) as stage:
            await paint(stage)
            assert on_line(stage) == "GetColour"
            assert stage.session.current_agent.instructions == "Get a colour."
            assert stage.session.agent_state is AgentState.IDLE, "the caller is waited for"
            await stage.caller_says("red please")
            await asyncio.sleep(3)
            assert agent.got == ["red"]
            assert on_line(stage) == "Painter"
            assert stage.items == [
                "system: You paint.",
                "user: paint my house",
                "call paint({})",
                "assistant: Which colour?",
                "user: red please",
                'call colour({"name": "red"})',
                "output colour: Done.",
                "output paint: painted red",
                "assistant: It is red now.",
            ]
            first, inner, last = stage.llm.requests
            assert [m.text for m in first.messages] == ["You paint.", "paint my house"]
            assert [m.text for m in inner.messages] == [
                "Get a colour.",
                "Which colour?",
                "red please",
            ]
            assert [type(item).__name__ for item in last.items] == [
                "ChatMessage",
                "ChatMessage",
                "ChatMessage",
                "ChatMessage",
                "ToolCall",
                "ToolOutput",
            ], "what was said, not what the task did; the call right before its output"
            assert [e.task for e in stage.of(TaskStarted)] == ["GetColour"]
            assert [e.outcome for e in stage.of(TaskEnded)] == ["done"]

    clock.run(main(), virtual=True)


def test_the_caller_may_interrupt_the_task_and_not_the_reply_that_waits_for_it() -> None:
    async def main() -> None:
        agent = Painter(lambda: GetColour("one two three four five six seven eight nine ten"))
        script: Script = [
            [Calls("paint")],
            "Any colour you like.",
            [Calls("colour", {"name": "blue"})],
            "Blue it is.",
        ]
        async with on_stage(agent, script) as stage:
            await stage.caller_says("paint my house")
            await asyncio.sleep(1.2)
            await stage.caller_says("which ones are there")
            await asyncio.sleep(3)
            assert any(item.endswith("[cut]") for item in stage.items)
            await stage.caller_says("blue then")
            await asyncio.sleep(3)
            assert agent.got == ["blue"]
            assert stage.items[-1] == "assistant: Blue it is."

    clock.run(main(), virtual=True)


def test_a_task_in_on_enter_begins_when_the_greeting_was_heard() -> None:
    class Greeter(Agent):
        colour = ""

        async def on_enter(self) -> None:
            self.session.say("Hello there.")
            self.colour = await GetColour()
            await self.session.say(f"Thank you for {self.colour}.")

    async def main() -> None:
        agent = Greeter()
        script: Script = [[Calls("colour", {"name": "red"})]]
        stage = Stage(agent, script)
        starting = asyncio.ensure_future(stage.session.start(stage.leg))
        await asyncio.sleep(3)
        await stage.caller_says("red")
        await starting
        assert agent.colour == "red"
        assert [i for i in stage.items if i.startswith("assistant")] == [
            "assistant: Hello there.",
            "assistant: Which colour?",
            "assistant: Thank you for red.",
        ]
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)


def test_tasks_nest_and_each_level_gets_the_line_back() -> None:
    class Outer(AgentTask[str]):
        async def on_enter(self) -> None:
            first = await GetColour("First colour?")
            second = await GetColour("Second colour?")
            self.complete(f"{first} and {second}")

    async def main() -> None:
        agent = Painter(Outer)
        script: Script = [
            [Calls("paint")],
            [Calls("colour", {"name": "red"})],
            [Calls("colour", {"name": "blue"})],
            "Done.",
        ]
        async with on_stage(agent, script) as stage:
            await paint(stage)
            await stage.caller_says("red")
            await asyncio.sleep(2)
            await stage.caller_says("blue")
            await asyncio.sleep(3)
            assert agent.got == ["red and blue"]
            assert [e.task for e in stage.of(TaskEnded)] == ["GetColour", "GetColour", "Outer"]
            assert stage.session.agent is agent
            assert stage.items[-1] == "assistant: Done."

    clock.run(main(), virtual=True)


def test_34_two_tools_of_one_turn_that_await_tasks_run_one_after_the_other() -> None:
    class Both(Agent):
        order: list[str]

        @function_tool
        async def one(self) -> str:
            """One."""
            return await GetColour("One?")

        @function_tool
        async def two(self) -> str:
            """Two."""
            return await GetColour("Two?")

    async def main() -> None:
        script: Script = [
            [Calls("one"), Calls("two")],
            [Calls("colour", {"name": "red"})],
            [Calls("colour", {"name": "blue"})],
            "Both done.",
        ]
        async with on_stage(Both(), script) as stage:
            await paint(stage)
            await stage.caller_says("red")
            await asyncio.sleep(2)
            await stage.caller_says("blue")
            await asyncio.sleep(3)
            spoken = [i for i in stage.items if i.startswith(("assistant", "output o", "output t"))]
            assert spoken == [
                "assistant: One?",
                "output one: red",
                "assistant: Two?",
                "output two: blue",
                "assistant: Both done.",
            ]

    clock.run(main(), virtual=True)


def test_tasks_in_gather_run_in_order() -> None:
    class Gatherer(Agent):
        got: list[str]

        @function_tool
        async def both(self) -> str:
            """Both."""
            self.got = await asyncio.gather(*map(ask, ("One?", "Two?")))
            return "both"

    async def ask(question: str) -> str:
        return await GetColour(question)

    async def main() -> None:
        agent = Gatherer()
        script: Script = [
            [Calls("both")],
            [Calls("colour", {"name": "red"})],
            [Calls("colour", {"name": "blue"})],
            "Done.",
        ]
        async with on_stage(agent, script) as stage:
            await paint(stage)
            await stage.caller_says("red")
            await asyncio.sleep(2)
            await stage.caller_says("blue")
            await asyncio.sleep(3)
            assert agent.got == ["red", "blue"]

    clock.run(main(), virtual=True)


# Every way out gives the line back.


@pytest.mark.parametrize("how", ["wait_for", "timeout", "own"])
def test_33_a_task_that_takes_too_long_is_ended_and_the_agent_goes_on(how: str) -> None:
    class Impatient(Painter):
        @function_tool
        async def paint(self) -> str:
            """Paint."""
            try:
                if how == "wait_for":
                    await asyncio.wait_for(GetColour(), 5)
                elif how == "timeout":
                    async with asyncio.timeout(5):
                        await GetColour()
                else:
                    await GetColour(timeout=5)
            except (TimeoutError, TaskTimedOut) as exc:
                self.got.append(type(exc).__name__)
            return "no colour"

    async def main() -> None:
        agent = Impatient()
        async with on_stage(agent, [[Calls("paint")], "Never mind."]) as stage:
            await stage.caller_says("paint my house")
            await asyncio.sleep(10)
            assert agent.got == ["TaskTimedOut" if how == "own" else "TimeoutError"]
            assert stage.session.agent is agent
            assert stage.items[-1] == "assistant: Never mind."
            assert stage.session.agent_state is AgentState.IDLE

    clock.run(main(), virtual=True)


def test_a_declined_task_is_the_tools_error() -> None:
    async def main() -> None:
        agent = Painter()
        script: Script = [[Calls("paint")], [Calls("decline")], "All right."]
        async with on_stage(agent, script) as stage:
            await paint(stage)
            await stage.caller_says("I will not say")
            await asyncio.sleep(3)
            assert stage.items[-2:] == ["error paint: no colour", "assistant: All right."]
            assert stage.session.agent is agent

    clock.run(main(), virtual=True)


def test_31_an_on_enter_that_raises_is_raised_where_the_task_is_awaited() -> None:
    class Broken(GetColour):
        async def on_enter(self) -> None:
            raise ValueError

    async def main() -> None:
        agent = Painter(Broken)
        async with on_stage(agent, [[Calls("paint")], "Sorry."]) as stage:
            await paint(stage)
            assert [type(got) for got in agent.got] == [ValueError]
            assert stage.session.agent is agent
            assert stage.items[-1] == "assistant: Sorry."
            assert [e.outcome for e in stage.of(TaskEnded)] == ["failed"]

    clock.run(main(), virtual=True)


def test_the_caller_hanging_up_ends_the_task_within_a_second() -> None:
    async def main() -> None:
        agent = Painter()
        async with on_stage(agent, SCRIPT) as stage:
            await paint(stage)
            began = stage.now()
            stage.leg.hang_up()
            await stage.session.wait_closed()
            assert stage.now() - began < 1.0
            assert [type(got) for got in agent.got] == [CallerHungUp]

    clock.run(main(), virtual=True)


def test_32_closing_the_session_ends_the_task_within_a_second() -> None:
    async def main() -> None:
        agent = Painter()
        async with on_stage(agent, SCRIPT) as stage:
            await paint(stage)
            began = stage.now()
            await stage.session.close()
            assert stage.now() - began < 1.0
            assert [type(got) for got in agent.got] == [TaskCancelled]

    clock.run(main(), virtual=True)


def test_a_hand_off_from_outside_cancels_all_tasks() -> None:
    class Next(Agent):
        async def on_enter(self) -> None:
            await self.session.say("Next here.")

    async def main() -> None:
        agent = Painter(lambda: Outer())

        class Outer(AgentTask[str]):
            async def on_enter(self) -> None:
                self.complete(await GetColour())

        async with on_stage(agent, SCRIPT) as stage:
            await paint(stage)
            following = Next("You are next.")
            await stage.session.update_agent(following)
            assert stage.session.agent is following
            assert [type(got) for got in agent.got] == [TaskCancelled]
            assert stage.items[-1] == "assistant: Next here."
            assert {e.outcome for e in stage.of(TaskEnded)} == {"task_cancelled"}
            await stage.caller_says("hello")
            await asyncio.sleep(3)
            assert stage.llm.requests[-1].instructions == "You are next."

    clock.run(main(), virtual=True)


def test_a_tool_of_a_task_may_hand_the_call_to_another_agent() -> None:
    class Person(Agent):
        async def on_enter(self) -> None:
            await self.session.say("Somebody else here.")

    class Escape(GetColour):
        @function_tool
        async def person(self) -> Agent:
            """Get somebody else."""
            return Person("You are somebody else.")

    async def main() -> None:
        agent = Painter(Escape)
        async with on_stage(agent, [[Calls("paint")], [Calls("person")]]) as stage:
            await paint(stage)
            await stage.caller_says("somebody else please")
            await asyncio.sleep(4)
            assert isinstance(stage.session.agent, Person)
            assert [type(got) for got in agent.got] == [TaskCancelled]
            assert stage.items[-1] == "assistant: Somebody else here."
            await stage.caller_says("hello")
            await asyncio.sleep(2)
            assert stage.items[-1] == "assistant: All right."

    clock.run(main(), virtual=True)


def test_30_a_cancelled_task_says_so() -> None:
    async def main() -> None:
        made: list[GetColour] = []

        def make() -> GetColour:
            made.append(GetColour())
            return made[-1]

        agent = Painter(make)
        async with on_stage(agent, [[Calls("paint")], "Very well."]) as stage:
            await paint(stage)
            made[0].cancel()
            await asyncio.sleep(2)
            (error,) = agent.got
            assert isinstance(error, ToolError)
            assert str(error) == "AgentTask get_colour is cancelled"
            assert made[0].done()
            assert stage.items[-1] == "assistant: Very well."

    clock.run(main(), virtual=True)


def test_30_misuse_is_a_runtime_error() -> None:
    async def main() -> None:
        task = GetColour()
        with pytest.raises(RuntimeError, match="should only be awaited inside tool_functions"):
            await task
        task.complete("red")
        with pytest.raises(RuntimeError, match="GetColour is already done"):
            task.complete("blue")

        class Twice(Painter):
            @function_tool
            async def paint(self) -> str:
                """Paint."""
                again = GetColour()
                await again
                try:
                    await again
                except RuntimeError as exc:
                    self.got.append(str(exc))
                return "painted"

        agent = Twice()
        script: Script = [[Calls("paint")], [Calls("colour", {"name": "red"})], "Done."]
        async with on_stage(agent, script) as stage:
            await paint(stage)
            await stage.caller_says("red")
            await asyncio.sleep(3)
            assert agent.got == ["GetColour is not re-entrant, await only once"]

    clock.run(main(), virtual=True)


def test_a_task_is_shown_what_it_is_given() -> None:
    async def main() -> None:
        given = ChatContext([ChatMessage(role=ChatRole.USER, text="I like red.")])
        agent = Painter(lambda: GetColour(chat_ctx=given))
        async with on_stage(agent, SCRIPT) as stage:
            await paint(stage)
            await stage.caller_says("you know")
            await asyncio.sleep(2)
            assert [m.text for m in stage.llm.requests[1].messages] == [
                "Get a colour.",
                "I like red.",
                "Which colour?",
                "you know",
            ]

        agent = Painter(lambda: GetColour(inherit_context=True))
        async with on_stage(agent, SCRIPT) as stage:
            await paint(stage)
            await stage.caller_says("you know")
            await asyncio.sleep(2)
            assert [m.text for m in stage.llm.requests[1].messages] == [
                "Get a colour.",
                "paint my house",
                "Which colour?",
                "you know",
            ]

    clock.run(main(), virtual=True)


def test_silence_in_a_task_wakes_and_does_not_end_the_tool_that_waits() -> None:
    async def main() -> None:
        agent = Painter()
        async with on_stage(agent, SCRIPT, wake_up=8.0) as stage:
            woken: list[float] = []
            stage.session.on_wake_up = lambda: woken.append(stage.now())
            await paint(stage)
            await asyncio.sleep(60)
            assert len(woken) >= 6
            await stage.caller_says("red, sorry")
            await asyncio.sleep(3)
            assert agent.got == ["red"]
            assert stage.of(ErrorOccurred) == []
            states = [event.new for event in stage.of(AgentStateChanged)]
            assert states[-1] is AgentState.IDLE

    clock.run(main(), virtual=True)


def test_what_the_task_says_last_is_heard_before_the_agent_goes_on() -> None:
    class Thankful(GetColour):
        @function_tool
        async def colour(self, name: str) -> None:
            """Take the colour."""
            self.session.say("Thank you very much.")
            self.complete(name)

        async def on_exit(self) -> None:
            await self.session.say("I give you back.")

    async def main() -> None:
        agent = Painter(Thankful)
        async with on_stage(agent, SCRIPT) as stage:
            await paint(stage)
            await stage.caller_says("red please")
            await asyncio.sleep(5)
            assert [i for i in stage.items if i.startswith("assistant")] == [
                "assistant: Which colour?",
                "assistant: Thank you very much.",
                "assistant: I give you back.",
                "assistant: It is red now.",
            ]

    clock.run(main(), virtual=True)


def test_a_slow_model_of_the_task_is_no_obstacle_to_its_timeout() -> None:
    async def main() -> None:
        agent = Painter(lambda: GetColour(timeout=4))
        script: Script = [[Calls("paint")], [Says("Hmm.", delay=8)], "Never mind."]
        async with on_stage(agent, script) as stage:
            await paint(stage)
            await stage.caller_says("red")
            await asyncio.sleep(6)
            assert [type(got) for got in agent.got] == [TaskTimedOut]
            assert stage.items[-1] == "assistant: Never mind."

    clock.run(main(), virtual=True)


def test_a_tool_knows_its_own_reply_in_a_task() -> None:
    class Contextual(AgentTask[str]):
        @function_tool
        async def colour(self, ctx: RunContext[None], name: str) -> None:
            """Take the colour."""
            await ctx.session.say("Noted.")
            await ctx.wait_for_playout()
            self.complete(name)

    async def main() -> None:
        agent = Painter(Contextual)
        async with on_stage(agent, SCRIPT) as stage:
            await paint(stage)
            await stage.caller_says("red")
            await asyncio.sleep(4)
            assert agent.got == ["red"]

    clock.run(main(), virtual=True)

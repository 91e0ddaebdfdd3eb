"""A group of tasks: order, going back, results that survive."""

import asyncio
from functools import partial
from typing import Any

import pytest
from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import Agent, ToolError, function_tool
from hookflash.errors import (
    CallerHungUp,
    ConfigError,
    LinkTimeout,
    TaskCancelled,
    TaskTimedOut,
    UsageError,
)
from hookflash.events.session import ErrorOccurred
from hookflash.events.task_group import TaskGroupProgress
from hookflash.events.tasks import TaskEnded, TaskStarted
from hookflash.pipeline import Pipeline
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole
from hookflash.providers.rules import RuleLLM
from hookflash.runtime import clock
from hookflash.tasks.group import TaskCompletedEvent, TaskGroup, TaskGroupResult
from hookflash.tasks.task import AgentTask
from hookflash.testing import Calls, Fails, Says


class Ask(AgentTask[str]):
    """Asks one thing, and keeps notes of what it was told on the way."""

    def __init__(self, question: str, log: list[str]) -> None:
        super().__init__(f"Ask: {question}")
        self.question = question
        self.log = log
        self.notes: list[str] = []

    async def on_enter(self) -> None:
        self.log.append(f"enter {self.question}")
        self.session.say(f"{self.question}?")

    @function_tool
    async def note(self, text: str) -> str:
        """Keep a part of the answer."""
        self.notes.append(text)
        return "Noted."

    @function_tool
    async def answer(self, text: str) -> None:
        """Take the answer."""
        self.complete(" ".join([*self.notes, text]))

    @function_tool
    async def decline(self) -> None:
        """They will not say."""
        self.complete(ToolError(f"no {self.question}"))


class Clerk(Agent):
    """Awaits a group of tasks a, b and c, as many as asked for."""

    def __init__(self, ids: str = "ab", **options: Any) -> None:
        super().__init__("You are a clerk.")
        self.ids = ids
        self.depends: dict[str, list[str]] = options.pop("depends", {})
        self.make: Any = options.pop("make", Ask)
        self.options = options
        self.log: list[str] = []
        self.got: list[object] = []
        self.completed: list[str] = []

    async def completes(self, event: TaskCompletedEvent) -> None:
        assert isinstance(event.agent_task, AgentTask)
        self.completed.append(f"{event.task_id}={event.result}")

    @function_tool
    async def form(self) -> str:
        """Fill in the form."""
        group = TaskGroup(on_task_completed=self.completes, **self.options)
        for name in self.ids:
            group.add(
                partial(self.make, name, self.log),
                id=name,
                description=f"Asks {name}",
                depends_on=self.depends.get(name, ()),
            )
        try:
            result = await group
        except BaseException as exc:
            self.got.append(exc)
            raise
        self.got.append(result.task_results)
        return "filled in"


def answers(text: str) -> list[Calls]:
    return [Calls("answer", {"text": text})]


def back(*ids: str) -> list[Calls]:
    return [Calls("out_of_scope", {"task_ids": list(ids)})]


async def converse(stage: Stage, *turns: str) -> None:
    for turn in turns:
        await stage.caller_says(turn)
        await asyncio.sleep(2.5)


def steps(stage: Stage) -> list[str]:
    return [f"{e.task} {e.step} {e.done}/{e.total}" for e in stage.of(TaskGroupProgress)]


def plays(agent: Clerk, script: Script, *turns: str, **options: Any) -> Stage:
    """Hold the conversation; return the stage when it is over."""

    async def main() -> Stage:
        async with on_stage(agent, script, **options) as stage:
            await converse(stage, "fill in the form", *turns)
            if agent.got:
                assert stage.session.agent is agent
            return stage

    return clock.run(main(), virtual=True)


FORM: Script = [[Calls("form")]]
NO_SUMMARY: dict[str, Any] = {"summarize_chat_ctx": False}


def test_tasks_run_in_order_and_their_results_come_by_id() -> None:
    agent = Clerk(**NO_SUMMARY)
    stage = plays(agent, [*FORM, answers("1"), answers("2"), "Done."], "one", "two")
    assert agent.got == [{"a": "1", "b": "2"}]
    assert agent.completed == ["a=1", "b=2"]
    assert [event.task for event in stage.of(TaskStarted)] == ["TaskGroup", "Ask", "Ask"]
    assert [event.outcome for event in stage.of(TaskEnded)] == ["done", "done", "done"]
    assert steps(stage) == [
        "a started 0/2",
        "a completed 1/2",
        "b started 1/2",
        "b completed 2/2",
    ]
    assert stage.items[-1] == "assistant: Done."


def test_a_later_task_is_shown_what_was_said_before_and_no_tool_calls() -> None:
    agent = Clerk(**NO_SUMMARY)
    stage = plays(agent, [*FORM, answers("1"), answers("2"), "Done."], "one", "two")
    assert [m.text for m in stage.llm.requests[2].messages] == [
        "Ask: b",
        "a?",
        "one",
        "b?",
        "two",
    ]
    assert all(isinstance(item, ChatMessage) for item in stage.llm.requests[2].items)


def test_all_tasks_are_shown_what_the_group_is_given() -> None:
    given = ChatContext([ChatMessage(role=ChatRole.USER, text="I am in a hurry.")])
    agent = Clerk(chat_ctx=given, **NO_SUMMARY)
    stage = plays(agent, [*FORM, answers("1"), answers("2"), "Done."], "one", "two")
    assert [m.text for m in stage.llm.requests[1].messages][:2] == ["Ask: a", "I am in a hurry."]
    assert [m.text for m in stage.llm.requests[2].messages][:2] == ["Ask: b", "I am in a hurry."]
    assert "I am in a hurry." not in [m.text for m in stage.llm.requests[3].messages]


def test_26_the_caller_goes_back_and_the_interrupted_task_goes_on_with_what_it_had() -> None:
    agent = Clerk(**NO_SUMMARY)
    script: Script = [
        *FORM,
        answers("1"),
        [Calls("note", {"text": "half"})],
        "And the rest?",
        back("a"),
        answers("new"),
        "And the rest of b?",
        answers("2"),
        "Done.",
    ]
    stage = plays(agent, script, "one", "half of it", "no, change the first", "new", "two")
    assert agent.got == [{"a": "new", "b": "half 2"}]
    assert agent.completed == ["a=1", "a=new", "b=half 2"]
    assert agent.log == ["enter a", "enter b", "enter a"], "b was suspended, not begun anew"
    assert steps(stage) == [
        "a started 0/2",
        "a completed 1/2",
        "b started 1/2",
        "b suspended 1/2",
        "a started 1/2",
        "a completed 1/2",
        "b resumed 1/2",
        "b completed 2/2",
    ]
    assert "output out_of_scope: That is done. Go on where you were: Asks b" in stage.items


def test_26_the_way_back_is_absent_in_the_first_task_and_until_the_caller_has_spoken() -> None:
    class Eager(Ask):
        async def on_enter(self) -> None:
            self.session.reply("Begin.")

    seen: list[list[str]] = []

    async def main() -> None:
        agent = Clerk(make=Eager, **NO_SUMMARY)
        script: Script = [*FORM, "a?", answers("1"), "b?", answers("2"), "Done."]
        async with on_stage(agent, script) as stage:
            ask = stage.llm.chat

            def chat(context: ChatContext, **options: Any) -> Any:
                seen.append([tool.name for tool in options["tools"]])
                return ask(context, **options)

            stage.llm.chat = chat  # type: ignore[method-assign]  # to see the tools
            await converse(stage, "fill in the form", "one", "two")

    clock.run(main(), virtual=True)
    own = ["note", "answer", "decline"]
    assert seen == [["form"], own, own, own, [*own, "out_of_scope"], ["form"]]


def test_27_bad_ids_are_refused_and_the_task_goes_on() -> None:
    agent = Clerk("abc", **NO_SUMMARY)
    script: Script = [
        *FORM,
        answers("1"),
        back("zzz"),
        back("b"),
        back(),
        "Sorry?",
        back("c"),
        "What was that?",
        answers("2"),
        answers("3"),
        "Done.",
    ]
    stage = plays(agent, script, "one", "go back", "to the third", "two", "three")
    assert [i for i in stage.items if i.startswith("error")] == [
        "error out_of_scope: unable to regress, invalid task id zzz",
        "error out_of_scope: unable to regress, invalid task id b",
        "error out_of_scope: unable to regress, no task id was given",
        "error out_of_scope: unable to regress, invalid task id c",
    ]
    assert agent.got == [{"a": "1", "b": "2", "c": "3"}]


def test_the_model_is_told_which_tasks_it_can_go_back_to() -> None:
    schemas: list[Any] = []

    class Curious(Ask):
        @function_tool
        async def answer(self, text: str) -> None:
            """Take the answer."""
            schemas.append(self.tools["out_of_scope"].schema if len(self.tools) > 3 else None)
            self.complete(text)

    plays(
        Clerk("abc", make=Curious, **NO_SUMMARY),
        [*FORM, answers("1"), answers("2"), answers("3"), "Done."],
        "one",
        "two",
        "three",
    )
    assert schemas[0] is None
    assert schemas[2].name == "out_of_scope"
    assert schemas[2].description.endswith('{"a": "Asks a", "b": "Asks b"}')
    assert schemas[2].parameters["properties"]["task_ids"]["items"] == {
        "type": "string",
        "enum": ["a", "b"],
    }


def test_the_way_back_takes_another_name_than_the_tasks_own_tools() -> None:
    class Own(Ask):
        @function_tool
        async def out_of_scope(self) -> str:
            """Another thing of the same name."""
            return "mine"

    agent = Clerk(make=Own, **NO_SUMMARY)
    script: Script = [
        *FORM,
        answers("1"),
        [Calls("out_of_scope"), Calls("group_out_of_scope", {"task_ids": ["a"]})],
        answers("new"),
        answers("2"),
        "Done.",
    ]
    stage = plays(agent, script, "one", "change the first", "new", "two")
    assert "output out_of_scope: mine" in stage.items
    assert agent.got == [{"a": "new", "b": "2"}]


def test_several_tasks_are_done_again_in_the_order_asked_for_and_each_once() -> None:
    agent = Clerk("abc", **NO_SUMMARY)
    script: Script = [
        *FORM,
        answers("1"),
        answers("2"),
        back("b", "a", "b"),
        answers("B"),
        answers("A"),
        "And c?",
        answers("3"),
        "Done.",
    ]
    plays(agent, script, "one", "two", "change both", "bee", "ay", "three")
    assert agent.got == [{"a": "A", "b": "B", "c": "3"}]
    assert agent.log == ["enter a", "enter b", "enter c", "enter b", "enter a"]


def test_from_a_task_done_again_the_caller_may_go_back_further_but_not_to_what_waits() -> None:
    agent = Clerk("abc", **NO_SUMMARY)
    script: Script = [
        *FORM,
        answers("1"),
        answers("2"),
        back("b"),
        back("c"),
        "No?",
        back("a"),
        answers("A"),
        "And b?",
        answers("B"),
        "And c?",
        answers("3"),
        "Done.",
    ]
    stage = plays(
        agent, script, "one", "two", "change b", "change c", "change a", "ay", "bee", "three"
    )
    assert "error out_of_scope: unable to regress, invalid task id c" in stage.items
    assert agent.got == [{"a": "A", "b": "B", "c": "3"}]


def test_an_answer_that_changes_outdates_those_that_depend_on_it() -> None:
    agent = Clerk("abcd", depends={"b": ["a"], "c": ["b"]}, **NO_SUMMARY)
    script: Script = [
        *FORM,
        *(answers(text) for text in ("1", "2", "3")),
        back("a"),
        answers("new"),
        "And d?",
        answers("4"),
        answers("5"),
        answers("6"),
        "Done.",
    ]
    stage = plays(agent, script, *"123", "change a", "new", "four", "five", "six")
    assert agent.got == [{"a": "new", "b": "5", "c": "6", "d": "4"}]
    assert [step for step in steps(stage) if "outdated" in step] == [
        "b outdated 2/4",
        "c outdated 1/4",
    ]


def test_an_answer_that_stays_the_same_outdates_nothing() -> None:
    agent = Clerk("abc", depends={"b": ["a"]}, **NO_SUMMARY)
    script: Script = [
        *FORM,
        *(answers(text) for text in ("1", "2")),
        back("a"),
        answers("1"),
        "And c?",
        answers("3"),
        "Done.",
    ]
    plays(agent, script, *"12", "change a", "no, it is right", "three")
    assert agent.got == [{"a": "1", "b": "2", "c": "3"}]
    assert agent.log == ["enter a", "enter b", "enter c", "enter a"]


def test_an_interrupted_task_that_depends_on_the_changed_answer_begins_anew() -> None:
    agent = Clerk(depends={"b": ["a"]}, **NO_SUMMARY)
    script: Script = [
        *FORM,
        answers("1"),
        [Calls("note", {"text": "stale"})],
        "And?",
        back("a"),
        answers("new"),
        answers("2"),
        "Done.",
    ]
    stage = plays(agent, script, "one", "half", "change a", "new", "two")
    assert agent.got == [{"a": "new", "b": "2"}]
    assert agent.log == ["enter a", "enter b", "enter a", "enter b"]
    assert [step for step in steps(stage) if step.startswith("b")] == [
        "b started 1/2",
        "b suspended 1/2",
        "b outdated 1/2",
        "b started 1/2",
        "b completed 2/2",
    ]


def test_28_what_a_task_raises_ends_the_group_once_and_nothing_is_summed_up() -> None:
    agent = Clerk()
    stage = plays(agent, [*FORM, [Calls("decline")], "Too bad."], "no")
    (error,) = agent.got
    assert isinstance(error, ToolError)
    assert str(error) == "no a"
    assert agent.log == ["enter a"]
    assert len(stage.llm.requests) == 3, "none for a summary"
    assert stage.items[-2:] == ["error form: no a", "assistant: Too bad."]
    assert [event.message for event in stage.of(ErrorOccurred)] == ["form: ToolError"]


def test_28_exceptions_are_results_if_asked_for() -> None:
    agent = Clerk(return_exceptions=True, **NO_SUMMARY)
    plays(agent, [*FORM, [Calls("decline")], answers("2"), "Done."], "no", "two")
    ((results),) = agent.got
    assert isinstance(results, dict)
    assert isinstance(results["a"], ToolError)
    assert results["b"] == "2"
    assert agent.completed == ["b=2"]


def test_what_a_task_raises_when_done_again_ends_the_group() -> None:
    agent = Clerk(**NO_SUMMARY)
    script: Script = [*FORM, answers("1"), back("a"), [Calls("decline")], "Too bad."]
    stage = plays(agent, script, "one", "change a", "no, never mind")
    assert [str(got) for got in agent.got] == ["no a"]
    assert stage.items[-1] == "assistant: Too bad."
    assert [event.outcome for event in stage.of(TaskEnded)] == ["done"] + ["tool_failed"] * 3


def test_an_on_enter_that_raises_ends_the_group() -> None:
    class Broken(Ask):
        async def on_enter(self) -> None:
            raise ValueError

    agent = Clerk(make=Broken, **NO_SUMMARY)
    plays(agent, [*FORM, "Sorry."])
    assert [type(got) for got in agent.got] == [ValueError]


def test_what_the_callback_raises_ends_the_group() -> None:
    class Fussy(Clerk):
        async def completes(self, event: TaskCompletedEvent) -> None:
            raise ToolError("not that one")

    agent = Fussy(**NO_SUMMARY)
    plays(agent, [*FORM, answers("1"), "Sorry."], "one")
    assert [str(got) for got in agent.got] == ["not that one"]


def test_the_agent_is_shown_a_summary_instead_of_the_dialogue() -> None:
    agent = Clerk()
    script: Script = [*FORM, answers("1"), answers("2"), "They said one and two.", "Done."]
    stage = plays(agent, script, "one", "two")
    asked, last = stage.llm.requests[-2:]
    assert asked.messages[0].text.startswith("Sum up this part of a phone call")
    assert asked.messages[1].text == "Agent: a?\nCaller: one\nAgent: b?\nCaller: two"
    assert [getattr(item, "text", type(item).__name__) for item in last.items] == [
        "You are a clerk.",
        "fill in the form",
        "ToolCall",
        "<chat_history_summary>\nThey said one and two.\n</chat_history_summary>",
        "ToolOutput",
    ]
    heard = "\n".join(stage.items)
    assert "summary" not in heard, "nobody said it"
    assert "assistant: b?" in heard
    assert agent.got == [{"a": "1", "b": "2"}]


def test_a_group_may_be_a_task_of_a_group() -> None:
    class Inner(TaskGroup):
        def __init__(self, question: str, log: list[str]) -> None:
            super().__init__()
            for name in (f"{question}1", f"{question}2"):
                self.add(partial(Ask, name, log), id=name, description=f"Asks {name}")

    agent = Clerk(make=Inner)
    script: Script = [
        *FORM,
        answers("1"),
        answers("2"),
        "They said one and two.",
        answers("3"),
        answers("4"),
        "They said three and four.",
        "They said it all.",
        "Done.",
    ]
    stage = plays(agent, script, "one", "two", "three", "four")
    assert agent.got == [
        {
            "a": TaskGroupResult(task_results={"a1": "1", "a2": "2"}),
            "b": TaskGroupResult(task_results={"b1": "3", "b2": "4"}),
        }
    ]
    whole, last = stage.llm.requests[-2:]
    assert whole.messages[1].text.count("They said") == 2
    summaries = [m.text for m in last.messages if "chat_history_summary" in m.text]
    assert summaries == ["<chat_history_summary>\nThey said it all.\n</chat_history_summary>"]


@pytest.mark.parametrize(
    ("step", "reason"), [(Fails(LinkTimeout("no")), "timeout"), (Says("late", 9), "timeout")]
)
def test_29_results_survive_a_summary_that_fails(step: Any, reason: str) -> None:
    agent = Clerk(summarize_within=1.0)
    script: Script = [*FORM, answers("1"), answers("2"), [step], "Done."]
    stage = plays(agent, script, "one", "two")
    assert agent.got == [{"a": "1", "b": "2"}]
    assert [(e.source, e.reason, e.recoverable) for e in stage.of(ErrorOccurred)] == [
        ("llm", reason, True)
    ]
    assert [m.text for m in stage.llm.requests[-1].messages][2:] == ["a?", "one", "b?", "two"]


def test_only_a_task_can_be_summed_up() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            with pytest.raises(UsageError, match="only what was said in a task"):
                stage.session.sum_up("They said nothing.")

    clock.run(main(), virtual=True)


def test_a_rule_driven_mind_sums_up_nothing() -> None:
    class Told(AgentTask[str]):
        async def on_enter(self) -> None:
            await self.session.say("One moment.")
            self.complete("1")

    class Greeter(Agent):
        got: TaskGroupResult

        async def on_enter(self) -> None:
            group = TaskGroup().add(Told, id="a", description="Tells something")
            self.got = await group

    async def main() -> None:
        agent = Greeter()
        stage = Stage(agent)
        stage.session.pipeline = Pipeline(
            stt=stage.stt, llm=RuleLLM(), tts=stage.tts, vad=stage.vad
        )
        await stage.session.start(stage.leg)
        assert agent.got.task_results == {"a": "1"}
        assert stage.of(ErrorOccurred) == []
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)


def test_hanging_up_ends_the_group_even_if_exceptions_are_results() -> None:
    async def main() -> None:
        agent = Clerk(return_exceptions=True)
        async with on_stage(agent, FORM) as stage:
            await converse(stage, "fill in the form")
            began = stage.now()
            stage.leg.hang_up()
            await stage.session.wait_closed()
            assert stage.now() - began < 1.0
            assert [type(got) for got in agent.got] == [CallerHungUp]
            assert agent.log == ["enter a"]

    clock.run(main(), virtual=True)


def test_a_group_that_takes_too_long_is_ended() -> None:
    async def main() -> None:
        agent = Clerk(timeout=5, **NO_SUMMARY)
        async with on_stage(agent, [*FORM, "Never mind."]) as stage:
            await converse(stage, "fill in the form")
            await asyncio.sleep(8)
            assert [type(got) for got in agent.got] == [TaskTimedOut]
            assert stage.session.agent is agent
            assert stage.items[-1] == "assistant: Never mind."

    clock.run(main(), virtual=True)


def test_an_interrupted_task_whose_time_is_over_ends_the_group() -> None:
    class Hasty(Ask):
        def __init__(self, question: str, log: list[str]) -> None:
            super().__init__(question, log)
            self._timeout = 8.0 if question == "b" else None

    agent = Clerk(make=Hasty, **NO_SUMMARY)
    stage = plays(agent, [*FORM, answers("1"), back("a"), "Too bad."], "one", "change a", "", "")
    assert [type(got) for got in agent.got] == [TaskTimedOut]
    assert agent.log == ["enter a", "enter b", "enter a"]
    assert [event.outcome for event in stage.of(TaskEnded)].count("done") == 1


def test_closing_the_session_in_a_task_done_again_ends_all() -> None:
    async def main() -> None:
        agent = Clerk(**NO_SUMMARY)
        async with on_stage(agent, [*FORM, answers("1"), back("a")]) as stage:
            await converse(stage, "fill in the form", "one", "change a")
            assert agent.log == ["enter a", "enter b", "enter a"]
            began = stage.now()
            await stage.session.close()
            assert stage.now() - began < 1.0
            assert [type(got) for got in agent.got] == [TaskCancelled]

    clock.run(main(), virtual=True)


def test_groups_that_cannot_be_are_refused() -> None:
    async def main() -> None:
        def make() -> Ask:
            return Ask("a", [])

        group = TaskGroup()
        with pytest.raises(UsageError, match=r"add\(\) at least one"):
            await group
        group.add(make, id="a", description="A")
        with pytest.raises(UsageError, match="id is 'a'"):
            group.add(make, id="a", description="A")
        with pytest.raises(UsageError, match="id is ''"):
            group.add(make, id="", description="A")
        with pytest.raises(UsageError, match="depends_on names 'c'"):
            group.add(make, id="b", description="B", depends_on=["c"])
        with pytest.raises(ConfigError, match="summarize_within is 0"):
            TaskGroup(summarize_within=0)
        with pytest.raises(ConfigError, match="timeout is -1"):
            TaskGroup(timeout=-1)

    clock.run(main(), virtual=True)

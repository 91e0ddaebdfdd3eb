"""Whatever happens in whatever order, a session ends well: a property of all of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.agent.stage import Stage

from hookflash.agent import Agent, SpeechMode, ToolError, function_tool
from hookflash.errors import ProviderError, UsageError
from hookflash.events.session import AgentState, AgentStateChanged, UtteranceSpoken
from hookflash.events.status import DoingBegan, DoingEnded, StatusStarted
from hookflash.machines.status import TRANSITIONS
from hookflash.providers.chat import ChatContext, ChatMessage, ToolCall, ToolOutput
from hookflash.runtime import clock
from hookflash.tasks.task import AgentTask
from hookflash.testing import Calls, Fails, Says, ScriptedTTS
from hookflash.testing.scripted import Step


class Ask(AgentTask[str]):
    async def on_enter(self) -> None:
        self.session.say("Which one would you like?")

    @function_tool
    async def take(self) -> str:
        """Take it."""
        self.finish("taken")
        return "taken"


class Clerk(Agent):
    def __init__(self, name: str = "first") -> None:
        super().__init__(f"You are the {name} clerk.")

    async def on_enter(self) -> None:
        self.session.say("Good morning.")

    @function_tool
    async def quick(self) -> str:
        """Be quick."""
        return "quick"

    @function_tool(on_interrupt="cancel")
    async def slow(self) -> str:
        """Be slow, and say so."""
        self.session.say("One moment.")
        await asyncio.sleep(3)
        return "slow"

    @function_tool
    async def fail(self) -> str:
        """Fail."""
        msg = "it cannot be done"
        raise ToolError(msg)

    @function_tool
    async def ask(self) -> str:
        """Ask the caller."""
        return await Ask(timeout=8.0)

    @function_tool
    async def pass_on(self) -> Agent:
        """Pass the caller on."""
        return Clerk("next")


STEPS: st.SearchStrategy[Step] = st.one_of(
    st.sampled_from(["All right.", "We open at nine, and close at five every day of the week."]),
    st.builds(
        Says, st.just("Let me think about that for a while."), pace=st.sampled_from([0, 0.3])
    ),
    st.builds(Calls, st.sampled_from(["quick", "slow", "fail", "ask", "take", "pass_on", "none"])),
    st.just(Fails(ProviderError("refused"))),
)
ASKING: list[Step] = [Calls("ask"), Calls("quick")]
SCRIPTS = st.lists(st.just(ASKING) | st.lists(STEPS, min_size=1, max_size=3), max_size=8)

Action = Callable[[Stage], Any]


def caller(text: str) -> Action:
    return lambda stage: stage.caller_says(text)


def noise(stage: Stage) -> Any:
    async def cough() -> None:
        stage.vad.voice.verdict(True, stage.now())
        await asyncio.sleep(0.3)
        stage.vad.voice.verdict(False, stage.now())

    return cough()


ACTIONS: dict[str, Action] = {
    "question": caller("when do you open"),
    "stop": caller("stop"),
    "yes": caller("yes"),
    "noise": noise,
    "key": lambda stage: stage.leg.press("1"),
    "number": lambda stage: stage.leg.press("123#"),
    "say": lambda stage: stage.session.say("This is said by the program."),
    "urgent": lambda stage: stage.session.say("This is urgent.", mode=SpeechMode.INTERRUPT),
    "instead": lambda stage: stage.session.say("This instead.", mode=SpeechMode.REPLACE),
    "firm": lambda stage: stage.session.say("Not to be interrupted.", interruptible=False),
    "reply": lambda stage: stage.session.reply("Say something."),
    "interrupt": lambda stage: stage.session.interrupt(),
    "force": lambda stage: stage.session.interrupt(force=True),
    "hold": lambda stage: stage.session.hold(),
    "unhold": lambda stage: stage.session.unhold(),
    "hand over": lambda stage: stage.session.update_agent(Clerk("other")),
    "change": lambda stage: stage.session.change(tts=ScriptedTTS()),
    "wait": lambda stage: asyncio.sleep(4),
}


@dataclass(frozen=True)
class Happening:
    what: str
    pause: float


HAPPENINGS = st.lists(
    st.builds(Happening, st.sampled_from(sorted(ACTIONS)), st.sampled_from([0.0, 0.05, 0.4, 1.5])),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(script=SCRIPTS, happenings=HAPPENINGS, end=st.sampled_from(["close", "hang up", "leave"]))
def test_a_session_ends_well(
    script: list[list[Step]], happenings: list[Happening], end: str
) -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        stage = Stage(Clerk(), script)
        await stage.session.start(stage.leg)
        doing: list[asyncio.Future[Any]] = []
        for happening in happenings:
            await asyncio.sleep(happening.pause)
            done = ACTIONS[happening.what](stage)
            if asyncio.iscoroutine(done):
                doing.append(asyncio.ensure_future(done))
        await asyncio.sleep(1)
        stage.session.unhold()
        stage.vad.voice.verdict(False, stage.now())
        await asyncio.sleep(60)
        assert stage.session.agent_state is AgentState.IDLE, "it has come to rest"
        assert not stage.leg.paused
        for result in await asyncio.gather(*doing, return_exceptions=True):
            assert result is None or isinstance(result, (UsageError, ToolError)), repr(result)
        check_history(stage)
        check_states(stage)
        await finish(stage, end)
        check_history(stage)
        assert stage.session.call is not None
        stage.leg.close()
        await stage.session.call.aclose()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before

    clock.run(main(), virtual=True)


async def finish(stage: Stage, end: str) -> None:
    if end == "hang up":
        stage.leg.hang_up()
        await stage.session.wait_closed()
    elif end == "leave":
        await stage.session.leave()
    else:
        await stage.session.close()


def check_history(stage: Stage) -> None:
    """Each call has one output, what stands there was heard, and every model could be shown it."""
    history = stage.session.history
    ChatContext(history.items)
    calls = [item.call_id for item in history.items if isinstance(item, ToolCall)]
    outputs = [item.call_id for item in history.items if isinstance(item, ToolOutput)]
    assert sorted(calls) == sorted(outputs)
    heard = [event.heard for event in stage.of(UtteranceSpoken) if event.heard]
    said = [m.text for m in history.messages if m.role == "assistant"]
    assert sorted(heard) == sorted(said)
    for request in stage.llm.requests:
        assert sum(isinstance(i, ChatMessage) and i.role == "system" for i in request.items) <= 1


def check_states(stage: Stage) -> None:
    """Every change of state is one that the table has."""
    legal = {
        (old, new)
        for old, row in TRANSITIONS.items()
        for name in (StatusStarted.name, DoingBegan.name, DoingEnded.name)
        for new in row.get(name, ())
    }
    for event in stage.of(AgentStateChanged):
        assert (event.old, event.new) in legal

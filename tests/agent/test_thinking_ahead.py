"""A reply may be thought of before it is certain that the caller has finished."""

import asyncio

from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import Agent, SessionOptions, function_tool
from hookflash.errors import ProviderError
from hookflash.events.session import ErrorOccurred, TurnMetrics
from hookflash.runtime import clock
from hookflash.testing import Calls, Fails, Says


async def speak(stage: Stage, *segments: str, gap: float) -> None:
    """Say a turn in segments, each with its own final words, so many seconds apart."""
    for index, segment in enumerate(segments):
        if index:
            await asyncio.sleep(gap)
        onset = stage.now()
        await asyncio.sleep(0.3)
        stage.vad.voice.verdict(True, onset)
        await asyncio.sleep(0.3)
        stage.vad.voice.verdict(False, stage.now())
        stage.stt.hearing.final(segment)


def latency(*, think_ahead: bool) -> float:
    async def main() -> float:
        options = SessionOptions(think_ahead=think_ahead)
        script: Script = [Says("At nine.", delay=0.4)]
        async with on_stage(Agent(), script, options=options) as stage:
            await speak(stage, "when do you open", gap=0)
            await asyncio.sleep(3)
            (metrics,) = stage.of(TurnMetrics)
            assert stage.items == ["user: when do you open", "assistant: At nine."]
            assert len(stage.llm.requests) == 1
            return float(metrics.latency)

    return clock.run(main(), virtual=True)


def test_the_models_time_passes_while_the_turn_is_being_judged() -> None:
    saved = latency(think_ahead=False) - latency(think_ahead=True)
    assert 0.25 < saved <= 0.45


def test_a_caller_who_goes_on_is_answered_for_the_whole_turn_and_no_guess_is_left() -> None:
    async def main() -> None:
        script: Script = [Says("Wrong.", delay=2.0), "On the terrace."]
        async with on_stage(Agent(), script) as stage:
            await speak(stage, "a table and", "on the terrace please", gap=0.2)
            await asyncio.sleep(3)
            assert stage.items == [
                "user: a table and on the terrace please",
                "assistant: On the terrace.",
            ]
            assert "Wrong." not in stage.tts.spoken
            assert stage.llm.cancelled == 1

    clock.run(main(), virtual=True)


def test_a_tool_that_was_asked_for_ahead_runs_once_and_only_when_the_turn_is_over() -> None:
    class Booker(Agent):
        def __init__(self) -> None:
            super().__init__()
            self.booked: list[float] = []

        @function_tool
        async def book(self) -> str:
            """Book."""
            self.booked.append(asyncio.get_running_loop().time())
            return "booked"

    async def main() -> None:
        agent = Booker()
        async with on_stage(agent, [[Calls("book")], "It is booked."]) as stage:
            await speak(stage, "book it", gap=0)
            said = stage.now()
            assert agent.booked == []
            await asyncio.sleep(3)
            (at,) = agent.booked
            assert at > said + 0.1
            assert stage.items[-1] == "assistant: It is booked."

    clock.run(main(), virtual=True)


def test_a_model_that_fails_ahead_fails_as_if_it_were_asked_in_time() -> None:
    async def main() -> None:
        async with on_stage(Agent(), [[Fails(ProviderError("refused"))]]) as stage:
            await speak(stage, "hello", gap=0)
            await asyncio.sleep(3)
            assert [event.source for event in stage.of(ErrorOccurred)] == ["llm"]
            assert stage.items == ["user: hello", "assistant: Sorry."]

    clock.run(main(), virtual=True)


def test_a_guess_is_dropped_when_the_conversation_has_moved_on() -> None:
    class Knowing(Agent):
        async def on_user_turn_completed(self, text: str) -> None:
            self.instructions = "You know better now."

    async def main() -> None:
        async with on_stage(Knowing("You know nothing."), ["Ahead.", "In time."]) as stage:
            await speak(stage, "hello", gap=0)
            await asyncio.sleep(3)
            assert stage.items[-1] == "assistant: In time."
            assert stage.llm.requests[-1].instructions == "You know better now."

    clock.run(main(), virtual=True)


def test_no_more_than_three_guesses_are_made_in_a_turn() -> None:
    async def main() -> None:
        script: Script = [Says("No.", delay=5)] * 3 + ["Yes."]
        async with on_stage(Agent(), script) as stage:
            await speak(stage, "one and", "two and", "three and", "four and", "five", gap=0.1)
            await asyncio.sleep(3)
            assert len(stage.llm.requests) == 4
            assert stage.items == [
                "user: one and two and three and four and five",
                "assistant: Yes.",
            ]

    clock.run(main(), virtual=True)

"""Keys and turns that a program takes away from the conversation."""

import asyncio

from tests.agent.realtime_stage import on_realtime_stage
from tests.agent.stage import on_stage

from hookflash.agent import Agent
from hookflash.agent.answers import Answer
from hookflash.events.session import DtmfReceived, TurnCompleted
from hookflash.runtime import clock
from hookflash.testing.realtime_server import Heard


def test_keys_go_to_the_one_who_took_them_last_and_then_back() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Thanks."]) as stage:
            first: list[str] = []
            second: list[str] = []
            release_first = stage.session.take_keys(first.append)
            release_second = stage.session.take_keys(second.append)
            stage.leg.press("1")
            release_second()
            release_second()
            stage.leg.press("2")
            release_first()
            stage.leg.press("34#")
            await asyncio.sleep(3.0)
            assert (first, second) == (["2"], ["1"])
            assert [event.digit for event in stage.of(DtmfReceived)] == list("1234#")
            assert [event.text for event in stage.of(TurnCompleted)] == ["Keypad: 34"]

    clock.run(main(), virtual=True)


def test_a_key_that_is_taken_hushes_the_agent_and_ends_the_turn_before_it() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            order: list[str] = []

            def turn(answer: Answer) -> bool:
                order.append(answer.text)
                return True

            stage.session.take_keys(order.append)
            stage.session.take_turns(turn)
            saying = stage.session.say("one two three four five six seven eight")
            await asyncio.sleep(0.5)
            stage.leg.press("1")
            await asyncio.sleep(0.1)
            assert saying.interrupted
            stage.stt.hearing.final("two")
            await asyncio.sleep(0.1)
            stage.leg.press("3")
            assert order == ["1", "two", "3"]

    clock.run(main(), virtual=True)


def test_taken_keys_are_masked_to_others_in_sensitive_mode() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Thanks."]) as stage:
            taken: list[str] = []
            release = stage.session.take_keys(taken.append)
            with stage.session.sensitive():
                stage.leg.press("42")
            release()
            stage.leg.press("17#")
            await asyncio.sleep(3.0)
            assert taken == ["4", "2"]
            assert [event.digit for event in stage.of(DtmfReceived)] == list("••17#")
            assert [event.text for event in stage.of(TurnCompleted)] == ["Keypad: 17"]

    clock.run(main(), virtual=True)


def test_a_turn_is_offered_to_the_latest_first_and_answered_if_nobody_takes_it() -> None:
    async def main() -> None:
        async with on_stage(Agent(), ["Answered."]) as stage:
            asked: list[str] = []

            def taker(name: str, wants: str) -> None:
                def take(answer: Answer) -> bool:
                    asked.append(f"{name}: {answer.text}")
                    return answer.text == wants

                stage.session.take_turns(take)

            taker("first", "red")
            taker("second", "blue")
            for text in ("blue", "red", "green"):
                await stage.caller_says(text)
                await asyncio.sleep(2.0)
            assert asked == [
                "second: blue",
                "second: red",
                "first: red",
                "second: green",
                "first: green",
            ]
            assert stage.items == [
                "user: blue",
                "user: red",
                "user: green",
                "assistant: Answered.",
            ]
            assert len(stage.llm.requests) == 1, "nothing is thought of ahead of a taker"

    clock.run(main(), virtual=True)


def test_of_what_a_realtime_model_hears_it_answers_what_nobody_takes() -> None:
    async def main() -> None:
        hears = [Heard("four two", delay=0.3), Heard("who are you", delay=0.3)]
        async with on_realtime_stage(Agent(), ["Me."], hears=hears) as stage:
            asked: list[str] = []

            def take(answer: Answer) -> bool:
                asked.append(answer.text)
                return answer.text == "four two"

            stage.session.take_turns(take)
            for _ in range(2):
                await stage.caller_speaks(0.6)
                await asyncio.sleep(4.0)
            assert asked == ["four two", "who are you"]
            assert stage.items[-3:] == ["user: four two", "user: who are you", "assistant: Me."]

    clock.run(main(), virtual=True)

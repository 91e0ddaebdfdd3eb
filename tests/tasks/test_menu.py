"""A menu: keys, and the words that stand for them."""

import asyncio
from typing import Any

import pytest
from tests.agent.stage import Script, Stage
from tests.tasks.desk import keys, play_call, said

from hookflash.errors import CallerHungUp, ConfigError
from hookflash.events.session import TurnCompleted, UtteranceSpoken
from hookflash.events.turn import Expectation
from hookflash.runtime import clock
from hookflash.tasks.errors import CaptureDeclined, DtmfCollectionError
from hookflash.tasks.menu import DtmfMenu
from hookflash.testing import Calls

ASK = "For sales, press 1. For technical help, press 2. For the operator, press 0."


def departments(**options: Any) -> DtmfMenu[str]:
    return DtmfMenu(
        {"1": "sales", "2": "technical_help", "0": "the operator"},
        words={"2": ("technical help", "support", "broken")},
        **options,
    )


def test_a_key_chooses_at_once() -> None:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(3.0)
        await keys(stage, "2")

    desk, stage = play_call(departments, play)
    assert desk.got == ["technical_help"]
    assert said(stage) == [ASK]


def test_a_key_cuts_the_menu_short() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "0")
        await asyncio.sleep(2.0)

    desk, stage = play_call(departments, play)
    assert desk.got == ["the operator"]
    assert [text.endswith("[cut]") for text in said(stage)] == [True]
    assert [event.text for event in stage.of(TurnCompleted)] == ["take my number"]


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("sales please", "sales"),
        ("it's broken", "technical_help"),
        ("two", "technical_help"),
        ("number one please", "sales"),
        ("the operator", "the operator"),
    ],
)
@pytest.mark.parametrize("mind", ["model", "rules"])
def test_a_word_or_a_spoken_number_chooses(words: str, chosen: str, mind: str) -> None:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(3.0)
        await stage.caller_says(words)

    desk, stage = play_call(lambda: departments(mind=mind), play)
    assert desk.got == [chosen]
    assert len(stage.llm.requests) == 2, "the desk's own"


def test_a_spoken_number_that_is_no_key_chooses_nothing() -> None:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(3.0)
        await stage.caller_says("three")
        await asyncio.sleep(5.0)
        await keys(stage, "7")
        await asyncio.sleep(5.0)
        await keys(stage, "1")

    desk, stage = play_call(lambda: departments(mind="rules"), play)
    assert desk.got == ["sales"]
    assert said(stage)[1].startswith("Sorry, that is not one of the choices. For sales")


def test_a_model_understands_what_is_none_of_the_words() -> None:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(3.0)
        await stage.caller_says("I would like to buy a boat")
        await asyncio.sleep(3.0)

    script: Script = [
        [Calls("choose_option", {"key": "9"})],
        [Calls("choose_option", {"key": "1"})],
    ]
    desk, stage = play_call(departments, play, script)
    assert desk.got == ["sales"]
    assert "error choose_option: There is no option '9'. The keys are 1, 2, 0." in stage.items


def test_silence_and_wrong_keys_are_bounded() -> None:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(3.0)
        await keys(stage, "9")
        await asyncio.sleep(30.0)

    desk, stage = play_call(lambda: departments(max_attempts=2), play)
    (error,) = desk.got
    assert isinstance(error, DtmfCollectionError)
    assert (str(error), error.reason) == (
        "The caller chose none of the options.",
        "attempts_exceeded",
    )

    desk, stage = play_call(lambda: departments(max_attempts=2, first_digit_timeout=3.0), play)
    assert said(stage)[1].startswith("Sorry, that is not one")

    async def silent(stage: Stage) -> None:
        await asyncio.sleep(30.0)

    desk, stage = play_call(lambda: departments(max_attempts=2), silent)
    assert desk.got[0].reason == "no_input"
    assert said(stage)[1] == f"Sorry, I did not get anything. {ASK}"


def test_a_person_a_refusal_and_a_hang_up() -> None:
    async def asks(stage: Stage) -> None:
        await asyncio.sleep(3.0)
        await stage.caller_says("let me talk to a human being")

    def two() -> DtmfMenu[int]:
        return DtmfMenu({"1": 1, "2": 2}, prompt="One or two?", mind="rules")

    desk, _ = play_call(two, asks)
    (error,) = desk.got
    assert isinstance(error, CaptureDeclined)
    assert str(error) == "couldn't get the choice: the caller wants a person"

    async def leaves(stage: Stage) -> None:
        stage.leg.hang_up()
        await asyncio.sleep(1.0)

    desk, _ = play_call(two, leaves)
    assert [type(got) for got in desk.got] == [CallerHungUp]


def test_a_model_declines_and_a_menu_takes_no_longer_than_it_may() -> None:
    async def speaks(stage: Stage) -> None:
        await asyncio.sleep(3.0)
        await stage.caller_says("none of that is for me")

    script: Script = [[Calls("decline_menu", {"reason": "none of them"})]]
    desk, _ = play_call(departments, speaks, script)
    assert [str(error) for error in desk.got] == ["couldn't get the choice: none of them"]

    async def noise(stage: Stage) -> None:
        await asyncio.sleep(5.0)
        stage.vad.voice.verdict(True, clock.now())
        await asyncio.sleep(11.0)
        stage.stt.hearing.final("")
        stage.vad.voice.verdict(False, clock.now())
        await keys(stage, "1")

    desk, stage = play_call(lambda: departments(total_timeout=10.0), noise)
    assert desk.got == ["sales"]
    again = stage.of(UtteranceSpoken)[1]
    assert again.said == f"Sorry, that took too long. {ASK}"


def test_a_longer_code_is_waited_for() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "1")
        await asyncio.sleep(4.0)

    async def whole(stage: Stage) -> None:
        await keys(stage, "12")

    def extensions() -> DtmfMenu[str]:
        return DtmfMenu({"1": "front", "12": "back"}, prompt="Which extension?")

    assert play_call(extensions, play)[0].got == ["front"]
    assert play_call(extensions, whole)[0].got == ["back"]


def test_the_recogniser_is_told_the_words() -> None:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(3.0)

    _, stage = play_call(departments, play)
    choices = [
        each.words for each in stage.stt.hearing.expectations if each.expects is Expectation.CHOICE
    ]
    assert choices[0] == ("sales", "technical help", "support", "broken", "the operator")


def test_what_cannot_be_is_refused_by_name() -> None:
    async def main() -> None:
        for options, extra, named in (
            ({}, {}, "options is empty"),
            ({"1": 1}, {}, "prompt is missing"),
            ({"x": "sales"}, {}, "codes holds 'x'"),
            ({"": "sales"}, {}, "codes holds ''"),
            ({"1": "sales"}, {"words": {"2": ("x",)}}, "words has '2'"),
            ({"1": "sales"}, {"max_attempts": 0}, "attempts is 0"),
        ):
            with pytest.raises(ConfigError, match=named):
                DtmfMenu(options, **extra)

    clock.run(main(), virtual=True)

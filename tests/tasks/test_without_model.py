"""The same tasks without a language model: the task itself asks, understands and reads back."""

import asyncio
from datetime import date, time
from typing import Any

import pytest
from tests.agent.stage import Stage, on_stage
from tests.tasks.callers import WANTS, Asks, said

from hookflash.agent import Agent
from hookflash.errors import CallerHungUp
from hookflash.pipeline import Pipeline
from hookflash.providers.rules import RuleLLM
from hookflash.runtime import clock
from hookflash.tasks.address import GetAddressTask
from hookflash.tasks.birth import GetDOBTask
from hookflash.tasks.email import GetEmailResult, GetEmailTask
from hookflash.tasks.errors import AttemptsExceeded, CaptureDeclined
from hookflash.tasks.name import GetNameResult, GetNameTask
from hookflash.tasks.phone import GetPhoneNumberTask

ASKED = "What is your email address?"
IN_PARTS = "Let us take it in two parts. What comes before the at sign?"
SPELLED = "Please spell what comes before the at sign, letter by letter."
JANE = "I have jane dot doe at gmail dot com. Is that right?"


def talk(task: Any, turns: list[str], **options: Any) -> tuple[Any, list[str]]:
    """Let a caller say, or key, these turns; return the outcome and what the task said.

    A turn of digits alone is keyed; an empty one is 13 seconds of silence.
    """
    found: list[tuple[Any, list[str]]] = []

    async def main() -> None:
        agent = Asks(lambda: task(mind="rules", **options))
        async with on_stage(agent, [WANTS, *["That is all."] * 30]) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(8)
            for turn in turns:
                await say(stage, turn)
            outcome = agent.got[0] if agent.got else None
            found.append((outcome, [text for text in said(stage) if text != "That is all."]))

    clock.run(main(), virtual=True)
    return found[0]


async def say(stage: Stage, turn: str) -> None:
    if not turn:
        await asyncio.sleep(13)
    elif turn.isdecimal():
        for key in turn:
            stage.leg.press(key)
            await asyncio.sleep(0.2)
        await asyncio.sleep(12)
        return
    else:
        await stage.caller_says(turn)
    await asyncio.sleep(10)


def test_an_address_is_asked_for_read_back_and_agreed_to() -> None:
    outcome, heard = talk(GetEmailTask, ["um it's jane dot doe at g mail dot com", "yes please"])
    assert outcome == GetEmailResult("jane.doe@gmail.com")
    assert heard == [ASKED, JANE]


def test_the_key_1_agrees_and_the_key_2_does_not() -> None:
    outcome, _ = talk(GetEmailTask, ["jane dot doe at gmail dot com", "1"])
    assert outcome == GetEmailResult("jane.doe@gmail.com")
    outcome, heard = talk(GetEmailTask, ["jane dot doe at gmail dot com", "2"])
    assert outcome is None
    assert heard[2] == f"Sorry about that. {IN_PARTS}"


def test_each_failure_is_followed_by_another_question_until_it_gives_up() -> None:
    turns = ["my dog is brown", "my dog", "brown", "my cat", "black"]
    outcome, heard = talk(GetEmailTask, turns, max_attempts=3)
    assert heard == [
        ASKED,
        f"Sorry, something is missing. {IN_PARTS}",
        "And what comes after the at sign?",
        f"Sorry, something is missing. {SPELLED}",
        "And now please spell what comes after the at sign.",
        "I am sorry, I could not get the email address.",
    ]
    assert isinstance(outcome, AttemptsExceeded)
    assert str(outcome) == "couldn't get the email address: 3 attempts have failed"
    assert (outcome.field, outcome.attempts, outcome.reason) == (
        "email address", 3, "attempts_exceeded",
    )  # fmt: skip


def test_an_address_is_put_together_from_its_parts() -> None:
    turns = ["my dog is brown", "jane dot doe", "gmail dot com", "yes"]
    outcome, heard = talk(GetEmailTask, turns)
    assert outcome == GetEmailResult("jane.doe@gmail.com")
    assert heard[2] == "And what comes after the at sign?"


def test_a_correction_goes_on_where_the_value_was_heard() -> None:
    turns = ["j a n e at example dot com", "no, b as in boy", "yes"]
    outcome, heard = talk(GetEmailTask, turns)
    assert outcome == GetEmailResult("janb@example.com")
    assert heard[2].startswith("I have j as in juliett, a as in alfa, n as in november, b as in")


def test_a_whole_new_value_replaces_the_one_that_was_read_back() -> None:
    turns = ["jon at example dot com", "no, it's joan at example dot com", "yes"]
    outcome, _ = talk(GetEmailTask, turns)
    assert outcome == GetEmailResult("joan@example.com")


def test_a_yes_with_a_but_is_no_yes() -> None:
    outcome, heard = talk(GetEmailTask, ["jane dot doe at gmail dot com", "yes but wait"])
    assert outcome is None
    assert len(heard) == 3


def test_saying_the_value_again_agrees_to_it() -> None:
    turns = ["jane dot doe at gmail dot com"] * 2
    outcome, _ = talk(GetEmailTask, turns)
    assert outcome == GetEmailResult("jane.doe@gmail.com")


def test_a_slip_of_a_known_domain_is_asked_about() -> None:
    turns = ["jane at gmial dot com", "no", "yes"]
    outcome, heard = talk(GetEmailTask, turns)
    assert heard[1] == "I have jane at gmail dot com. Is that right?"
    assert "g as in golf, m as in mike, i as in india, a as in alfa, l" in heard[2]
    assert outcome == GetEmailResult("jane@gmial.com")


def test_a_yes_to_a_read_back_that_was_not_heard_does_not_count() -> None:
    async def main() -> None:
        agent = Asks(lambda: GetEmailTask(mind="rules"))
        async with on_stage(agent, [WANTS, *["That is all."] * 30]) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(8)
            await stage.caller_says("jane dot doe at gmail dot com", lasting=1.0)
            await asyncio.sleep(0.3)
            await stage.caller_says("yes")
            await asyncio.sleep(6)
            assert agent.got == []
            heard = said(stage)
            assert heard[1].endswith("[cut]")
            assert heard[2] == JANE
            await stage.caller_says("yes")
            await asyncio.sleep(2)
            assert agent.got == [GetEmailResult("jane.doe@gmail.com")]

    clock.run(main(), virtual=True)


# The other tasks.


@pytest.mark.parametrize("answer", ["four one five five five five oh one nine nine", "4155550199"])
def test_a_phone_number_is_said_or_keyed(answer: str) -> None:
    outcome, heard = talk(GetPhoneNumberTask, [answer, "yes"])
    assert outcome.phone_number == "+14155550199"
    assert heard == [
        "What is your phone number? You can say it, or use the keypad.",
        "I have plus one, four one five, five five five, zero one nine nine. Is that right?",
    ]


def test_too_few_keys_are_followed_by_another_question() -> None:
    outcome, heard = talk(GetPhoneNumberTask, ["41555", "4155550199", "1"])
    assert outcome.phone_number == "+14155550199"
    assert heard[1] == (
        "Sorry, something is missing. "
        "Let us take it in two parts. What is the area code? Say its digits."
    )


def test_too_many_keys_are_followed_by_another_question() -> None:
    outcome, heard = talk(GetPhoneNumberTask, ["41555501991234567", "415", "5550199", "1"])
    assert heard[1].startswith("Sorry, that does not seem right. Let us take it in two parts.")
    assert outcome.phone_number == "+14155550199"


def test_a_name_is_asked_for_part_by_part_when_it_is_not_clear() -> None:
    turns = ["4242", "jane", "doe", "yes"]
    outcome, heard = talk(GetNameTask, turns, last_name=True)
    assert outcome == GetNameResult(first_name="Jane", last_name="Doe")
    assert heard[:3] == [
        "What is your full name?",
        "Sorry, that does not seem right. What is your first name?",
        "What is your last name?",
    ]


def test_a_date_that_may_be_two_is_asked_about() -> None:
    outcome, heard = talk(GetDOBTask, ["three four eighty four", "no", "yes"])
    assert outcome.date_of_birth == date(1984, 4, 3)
    assert heard[1:] == [
        "I have March fourth, nineteen eighty-four. Is that right?",
        "I have April third, nineteen eighty-four. Is that right?",
    ]


def test_a_date_is_keyed_step_by_step() -> None:
    turns = ["my dog is brown", "1984", "3", "4", "1"]
    outcome, _ = talk(GetDOBTask, turns)
    assert outcome.date_of_birth == date(1984, 3, 4)


def test_a_time_of_birth_is_asked_for_after_the_date() -> None:
    turns = ["march fourth nineteen eighty four", "half past two in the afternoon", "yes"]
    outcome, heard = talk(GetDOBTask, turns, include_time=True)
    assert (outcome.date_of_birth, outcome.time_of_birth) == (date(1984, 3, 4), time(14, 30))
    assert heard[1] == "And at what time of the day were you born?"


def test_a_postal_address_is_taken_apart() -> None:
    answer = "four fifty main street salt lake city utah eight four one oh one"
    outcome, _ = talk(GetAddressTask, [answer, "yes"])
    assert outcome.address == "450 Main Street Salt Lake City UT 84101 United States"


# What callers do besides answering.


@pytest.mark.parametrize("task", [GetEmailTask, GetNameTask, GetPhoneNumberTask, GetDOBTask])
def test_who_wants_a_person_is_let_go(task: Any) -> None:
    outcome, heard = talk(task, ["can I speak to someone please"])
    assert isinstance(outcome, CaptureDeclined)
    assert outcome.reason == "the caller wants a person"
    assert heard[-1] == "All right."


def test_who_does_not_want_to_say_is_let_go() -> None:
    outcome, _ = talk(GetEmailTask, ["I would rather not say"])
    assert isinstance(outcome, CaptureDeclined)
    assert str(outcome) == "couldn't get the email address: the caller does not want to say"


def test_a_repetition_and_a_moment_are_no_failures() -> None:
    turns = ["hold on", "could you repeat that", "jane dot doe at gmail dot com", "yes"]
    outcome, heard = talk(GetEmailTask, turns, max_attempts=1)
    assert outcome == GetEmailResult("jane.doe@gmail.com")
    assert heard == [ASKED, "Take your time.", ASKED, JANE]


def test_silence_is_asked_about_and_then_given_up() -> None:
    outcome, heard = talk(GetEmailTask, ["", "", ""], max_attempts=3)
    assert isinstance(outcome, AttemptsExceeded)
    assert heard == [
        ASKED,
        f"I did not hear anything. {IN_PARTS}",
        f"I did not hear anything. {SPELLED}",
        "I am sorry, I could not get the email address.",
    ]


def test_silence_after_a_read_back_is_followed_by_a_slower_one() -> None:
    outcome, heard = talk(GetNameTask, ["jane", "", "yes"])
    assert outcome == GetNameResult(first_name="Jane")
    assert heard[1:] == [
        "I have Jane. Is that right?",
        "I have Jane, j as in juliett, a as in alfa, n as in november, e as in echo. "
        "Press 1 for yes, or 2 for no. Is that right?",
    ]


def test_keys_during_the_question_are_the_answer() -> None:
    async def main() -> None:
        agent = Asks(lambda: GetPhoneNumberTask(mind="rules"))
        async with on_stage(agent, [WANTS, *["That is all."] * 30]) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(0.8)
            await say(stage, "4155550199")
            await say(stage, "yes")
            assert [result.phone_number for result in agent.got] == ["+14155550199"]

    clock.run(main(), virtual=True)


def test_noise_does_not_end_a_task() -> None:
    async def main() -> None:
        agent = Asks(lambda: GetEmailTask(mind="rules"))
        async with on_stage(agent, [WANTS, *["That is all."] * 30]) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(5)
            stage.vad.voice.verdict(True, stage.now())
            await asyncio.sleep(1)
            stage.vad.voice.verdict(False, stage.now())
            stage.stt.hearing.final("")
            await asyncio.sleep(4)
            assert said(stage) == [ASKED, "Pardon?"]
            await stage.caller_says("jane dot doe at gmail dot com")
            await asyncio.sleep(6)
            await stage.caller_says("yes")
            await asyncio.sleep(3)
            assert agent.got == [GetEmailResult("jane.doe@gmail.com")]

    clock.run(main(), virtual=True)


def test_hanging_up_is_its_own_error() -> None:
    async def main() -> None:
        agent = Asks(lambda: GetEmailTask(mind="rules"))
        async with on_stage(agent, [WANTS]) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(5)
            stage.leg.hang_up()
            await stage.session.wait_closed()
            assert [type(error) for error in agent.got] == [CallerHungUp]

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("llm", [RuleLLM(), None])
def test_without_a_model_that_reads_instructions_the_task_leads(llm: RuleLLM | None) -> None:
    class Greets(Agent):
        got: GetNameResult | None = None

        async def on_enter(self) -> None:
            self.got = await GetNameTask()
            await self.session.say(f"Hello {self.got.full_name}.")

    async def main() -> None:
        agent = Greets()
        stage = Stage(agent)
        stage.session.pipeline = Pipeline(stt=stage.stt, vad=stage.vad, tts=stage.tts, llm=llm)
        starting = asyncio.ensure_future(stage.session.start(stage.leg))
        await asyncio.sleep(3)
        await stage.caller_says("my name is jane")
        await asyncio.sleep(3)
        await stage.caller_says("that's right")
        await starting
        assert said(stage) == [
            "What is your first name?", "I have Jane. Is that right?", "Hello Jane.",
        ]  # fmt: skip
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)

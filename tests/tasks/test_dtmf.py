"""Digits that the caller keys or says, behaviour by behaviour."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tests.agent.realtime_stage import on_realtime_stage
from tests.agent.stage import Script, Stage, on_stage
from tests.tasks.desk import Desk, keys, play_call, said

from hookflash.agent import SessionOptions
from hookflash.errors import CallerHungUp, ConfigError, LinkTimeout, TaskTimedOut, ToolError
from hookflash.events import to_wire
from hookflash.events.session import DtmfReceived, ErrorOccurred, TurnCompleted
from hookflash.machines.turn import TurnConfig
from hookflash.providers.chat import ToolCall
from hookflash.runtime import clock
from hookflash.runtime.replay import replay
from hookflash.runtime.tape import Tape
from hookflash.tasks.dtmf import (
    DtmfEvent,
    GetDtmfResult,
    GetDtmfTask,
    dtmf_event_to_code,
    format_dtmf,
)
from hookflash.tasks.errors import CaptureDeclined
from hookflash.testing import Calls
from hookflash.testing.realtime_server import Heard
from hookflash.testing.scripted import Fails

ASK = "Your code, please."
OURS = "Please enter your 3 digits on your keypad, or say them."
READ_BACK = "I have 1, 2, 3. If that is right, press 1 or say yes. To do it again, press 2."


def three(**options: Any) -> Callable[[], GetDtmfTask]:
    options.setdefault("prompt", ASK)
    return lambda: GetDtmfTask(3, **options)


# The behaviours.


def test_14_no_digits_are_no_number() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="num_digits is 0"):
            GetDtmfTask(num_digits=0)
        with pytest.raises(ConfigError, match="num_digits is 65"):
            GetDtmfTask(num_digits=65)

    clock.run(main(), virtual=True)


def test_15_it_is_complete_with_the_last_key_at_once() -> None:
    pressed: list[float] = []

    async def play(stage: Stage) -> None:
        await keys(stage, "12")
        pressed.append(clock.now())
        stage.leg.press("3")
        await asyncio.sleep(3.0)

    desk, stage = play_call(three(), play)
    assert desk.got == [GetDtmfResult(user_input="1 2 3")]
    assert desk.digits == ["123"]
    assert desk.at - pressed[0] < 0.05
    # The keys were no turn, nor is a word of the caller's made up for the model.
    assert stage.items == [
        "system: You are a desk.",
        "user: take my number",
        "call collect({})",
        f"assistant: {ASK}",
        "output collect: collected",
        "assistant: All right.",
    ]


def test_16_too_few_digits_are_asked_for_again_and_then_an_error_with_no_digits() -> None:
    async def play(stage: Stage) -> None:
        for _ in range(3):
            await keys(stage, "12#")
            await asyncio.sleep(6.0)

    desk, stage = play_call(three(), play)
    assert isinstance(desk.error, ToolError)
    assert str(desk.error) == "Digits input not fully received. Expect 3 digits, got 2"
    assert (desk.error.reason, desk.error.digits_count) == ("too_short", 2)
    again = f"Sorry, that was 2 digits. {OURS}"
    assert said(stage) == [ASK, again, again]

    async def play_once(stage: Stage) -> None:
        await keys(stage, "12#")
        await asyncio.sleep(3.0)

    desk, _ = play_call(three(max_attempts=1), play_once)
    assert str(desk.error) == "Digits input not fully received. Expect 3 digits, got 2"


def test_17_the_stop_key_alone_is_no_failure() -> None:
    async def play(stage: Stage) -> None:
        stage.leg.press("#")
        await asyncio.sleep(6.0)
        await keys(stage, "123")

    desk, stage = play_call(three(), play)
    assert desk.digits == ["123"]
    assert said(stage) == [ASK, f"Sorry, I got no digits. {OURS}"]


def test_18_the_callers_voice_holds_the_timer() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "12")
        stage.vad.voice.verdict(True, clock.now())
        await asyncio.sleep(6.0)  # longer than the 4 s between digits
        stage.vad.voice.verdict(False, clock.now())
        await asyncio.sleep(3.5)
        stage.leg.press("3")
        await asyncio.sleep(3.0)

    desk, _ = play_call(three(), play)
    assert desk.digits == ["123"]


def test_19_keys_during_a_question_that_cannot_be_cut_short_are_kept() -> None:
    long = "one two three four five six seven eight nine ten eleven twelve your code please"

    async def play(stage: Stage) -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        desk = Desk(three(prompt=long, interruptible=False))
        async with on_stage(desk, [[Calls("collect")]]) as stage:
            await stage.caller_says("take my number")
            await asyncio.sleep(1.0)
            question = stage.session.current_utterance
            assert question is not None
            await keys(stage, "123", every=0.1)
            assert not question.done()
            await asyncio.sleep(5.0)
            assert desk.digits == ["123"]
            assert not question.interrupted
            assert question.finished_at is not None
            assert 0 <= desk.at - question.finished_at < 0.05
            assert stage.of(ErrorOccurred) == []

    clock.run(main(), virtual=True)


def test_20_a_model_cannot_confirm_other_digits_than_those_that_were_keyed() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "123")
        await asyncio.sleep(7.0)
        await stage.caller_says("that is about it I guess so")
        await asyncio.sleep(4.0)
        await stage.caller_says("as I told you before my friend")
        await asyncio.sleep(3.0)

    script: Script = [
        [Calls("confirm_inputs", {"inputs": ["9", "9", "9"]})],
        "Is it right?",
        [Calls("confirm_inputs", {"inputs": ["1", "2", "3"]})],
    ]
    desk, stage = play_call(three(ask_for_confirmation=True), play, script)
    assert desk.digits == ["123"]
    (error,) = (item for item in stage.items if item.startswith("error"))
    assert "not the digits that the caller keyed or said" in error
    assert said(stage) == [ASK, READ_BACK, "Is it right?"]


def test_21_a_caller_who_neither_keys_nor_speaks_is_given_up() -> None:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(45.0)

    desk, stage = play_call(three(first_digit_timeout=5.0), play)
    assert (desk.error.reason, desk.error.digits_count) == ("no_input", 0)
    assert desk.error.attempts == 3
    again = f"Sorry, I did not get anything. {OURS}"
    assert said(stage) == [ASK, again, again]


# What others got wrong, in the order of their list.


def test_defect_01_listeners_end_with_the_task() -> None:
    async def main() -> None:
        desk = Desk(three())
        async with on_stage(desk, [[Calls("collect")]]) as stage:

            def listening() -> list[object]:
                handlers = [handler for _, handler in stage.session._emitter._handlers]
                return [
                    each
                    for each in handlers
                    if isinstance(getattr(each, "__self__", None), GetDtmfTask)
                ]

            await stage.caller_says("take my number")
            await asyncio.sleep(2.0)
            assert listening()
            await keys(stage, "123")
            await asyncio.sleep(3.0)
            assert listening() == []
            # And the keys are the conversation's again.
            await keys(stage, "42#")
            await asyncio.sleep(1.0)
            assert stage.of(TurnCompleted)[-1].text == "Keypad: 42"

    clock.run(main(), virtual=True)


def test_defect_02_there_are_three_timers() -> None:
    async def slow(stage: Stage) -> None:
        await asyncio.sleep(2.0)
        await keys(stage, "1111", every=3.0)
        await asyncio.sleep(5.0)

    # Four keys, then a pause: the number is complete.
    desk, _ = play_call(lambda: GetDtmfTask(prompt=ASK, minimum=4, maximum=6), slow)
    assert desk.digits == ["1111"]
    desk, stage = play_call(lambda: GetDtmfTask(prompt=ASK, first_digit_timeout=1.5), slow)
    assert "Sorry, I did not get anything. " in said(stage)[1]
    desk, stage = play_call(
        lambda: GetDtmfTask(6, prompt=ASK, total_timeout=10.0, max_attempts=1), slow
    )
    assert (desk.error.reason, desk.error.digits_count) == ("timeout", 3)


def test_defect_03_and_04_a_failed_attempt_is_no_end() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "#")
        await asyncio.sleep(6.0)
        await keys(stage, "1#")
        await asyncio.sleep(6.0)
        await keys(stage, "123")

    desk, stage = play_call(three(reprompts=("Again.", "Once more.")), play)
    assert desk.digits == ["123"]
    assert said(stage) == [ASK, "Again.", "Once more."]


def test_attempts_that_fail_in_different_ways_are_attempts_exceeded() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "1#")
        await asyncio.sleep(20.0)

    desk, _ = play_call(three(max_attempts=2), play)
    assert (desk.error.reason, desk.error.attempts) == ("attempts_exceeded", 2)


@pytest.mark.parametrize(
    ("options", "question"),
    [
        ({"num_digits": 4}, "Please enter your 4 digits on your keypad, or say them."),
        ({"num_digits": 4, "voice": False}, "Please enter your 4 digits on your keypad."),
        (
            {"minimum": 3, "maximum": 5},
            "Please enter your 3 to 5 digits on your keypad, and then the hash key, or say them.",
        ),
        (
            {"minimum": 3, "dtmf_stop_event": None},
            "Please enter at least 3 digits on your keypad, or say them.",
        ),
        ({}, "Please enter your number on your keypad, and then the hash key, or say it."),
    ],
)
def test_without_a_prompt_the_question_says_what_is_wanted(
    options: dict[str, Any], question: str
) -> None:
    async def main() -> None:
        assert GetDtmfTask(**options).ask() == question

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("answer", ["1", "yes please", "one"])
def test_defect_05_keys_and_voice_confirm_without_a_model(answer: str) -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "999")
        await asyncio.sleep(7.0)
        await keys(stage, "2")
        await asyncio.sleep(6.0)
        await keys(stage, "123")
        await asyncio.sleep(7.0)
        if answer == "1":
            await keys(stage, answer)
        else:
            await stage.caller_says(answer)
        await asyncio.sleep(3.0)

    desk, stage = play_call(three(ask_for_confirmation=True, mind="rules"), play)
    assert desk.digits == ["123"]
    assert said(stage) == [
        ASK,
        READ_BACK.replace("1, 2, 3", "9, 9, 9"),
        f"All right, once more. {OURS}",
        READ_BACK,
    ]
    assert len(stage.llm.requests) == 2, "the desk's own"


def test_defect_05_a_model_cannot_record_digits_that_nobody_gave() -> None:
    async def play(stage: Stage) -> None:
        await stage.caller_says("you have it in your records")
        await asyncio.sleep(4.0)
        await keys(stage, "123")
        await asyncio.sleep(2.0)

    script: Script = [[Calls("record_inputs", {"inputs": ["9", "9", "9"]})], "Please key it."]
    desk, stage = play_call(three(), play, script)
    assert desk.digits == ["123"]
    assert sum("not the digits that the caller keyed" in item for item in stage.items) == 1


def test_defect_06_a_yes_counts_when_the_read_back_was_heard() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "123")
        await asyncio.sleep(0.5)
        stage.leg.press("1")  # while it is being read
        await asyncio.sleep(0.5)
        assert isinstance(stage.session.agent, GetDtmfTask)
        assert not stage.session.agent.done()
        await asyncio.sleep(7.0)

    desk, stage = play_call(three(ask_for_confirmation=True), play)
    assert desk.digits == ["123"]
    assert said(stage) == [ASK, READ_BACK]


def test_defect_06_a_model_cannot_confirm_in_the_turn_of_the_read_back() -> None:
    async def main() -> None:
        task = GetDtmfTask(3, ask_for_confirmation=True, prompt=ASK)
        async with on_stage(Desk(lambda: task), [[Calls("collect")]]) as stage:
            await stage.caller_says("take my number")
            await asyncio.sleep(2.0)
            await keys(stage, "123")
            for wait in (0.5, 7.0):  # while it is read, and before the caller has said a word
                await asyncio.sleep(wait)
                with pytest.raises(ToolError, match="the user must confirm the digits explicitly"):
                    task._confirm("123")

    clock.run(main(), virtual=True)


def test_defect_07_keys_and_voice_at_once_are_no_error() -> None:
    async def play(stage: Stage) -> None:
        speaking = asyncio.create_task(stage.caller_says("one two three"))
        await keys(stage, "123456")
        await speaking
        await asyncio.sleep(2.0)

    desk, stage = play_call(three(), play)
    assert desk.digits == ["123"]
    assert stage.of(ErrorOccurred) == []


def test_defect_08_an_answer_that_cannot_be_cut_short_loses_no_digits() -> None:
    async def play(stage: Stage) -> None:
        stage.session.say("one two three four five six seven eight", interruptible=False)
        await asyncio.sleep(0.3)
        await keys(stage, "12")
        await asyncio.sleep(4.0)
        await keys(stage, "3")
        await asyncio.sleep(2.0)

    desk, _ = play_call(three(), play)
    assert desk.digits == ["123"]


def test_defect_09_a_key_that_is_no_digit_fails_the_attempt_and_no_more() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "1A3")
        await asyncio.sleep(6.0)
        await keys(stage, "123")

    desk, stage = play_call(three(), play)
    assert desk.digits == ["123"]
    assert said(stage) == [ASK, f"Sorry, I did not understand that. {OURS}"]


def test_defect_11_nobody_sees_secret_digits(caplog: pytest.LogCaptureFixture) -> None:
    tape = Tape()

    async def play(stage: Stage) -> None:
        await keys(stage, "482#")
        await asyncio.sleep(5.0)
        await stage.caller_says("four eight two nine one seven")
        await asyncio.sleep(6.0)
        stage.leg.press("1")
        await asyncio.sleep(3.0)

    secret: dict[str, Any] = {"prompt": ASK, "sensitive": True, "ask_for_confirmation": True}
    with caplog.at_level(logging.DEBUG):
        desk, stage = play_call(lambda: GetDtmfTask(6, **secret), play, tape=tape)
    assert desk.digits == ["482917"]
    assert repr(desk.got) == "[GetDtmfResult(6 digits)]"
    assert "I have 6 digits. If that is right" in said(stage)[-1]
    seen = [
        *stage.items,
        *(repr(context.items) for context in stage.llm.requests),
        *(str(to_wire(event)) for event in stage.events),
        *tape.lines(),
        *(record.getMessage() for record in caplog.records),
    ]
    for digit in ("482917", "four eight", *(f"'digit': '{key}'" for key in "0123456789")):
        assert not [text for text in seen if digit in text or digit.replace("'", '"') in text]
    assert [event.digit for event in stage.of(DtmfReceived)] == ["•"] * 5
    assert replay(tape.lines()).differences == ()


def test_defect_12_the_number_is_there_with_and_without_spaces() -> None:
    result = GetDtmfResult.from_dtmf_inputs([DtmfEvent.ONE, DtmfEvent.ZERO])
    assert (result.user_input, result.digits) == ("1 0", "10")
    assert format_dtmf([DtmfEvent.ONE, DtmfEvent.POUND]) == "1 #"
    assert [dtmf_event_to_code(event) for event in DtmfEvent] == [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 10, 11, 12, 13, 14, 15,
    ]  # fmt: skip


def test_defect_15_another_number_during_the_read_back_is_taken() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "999")
        await asyncio.sleep(0.5)
        await keys(stage, "456")
        await asyncio.sleep(7.0)
        await keys(stage, "1")
        await asyncio.sleep(2.0)

    desk, stage = play_call(three(ask_for_confirmation=True), play)
    assert desk.digits == ["456"]
    assert said(stage)[1].endswith("[cut]")


def test_defect_17_spoken_digits_are_understood_and_counted() -> None:
    async def play(stage: Stage) -> None:
        await stage.caller_says("it is one two three four, thank you")
        await asyncio.sleep(6.0)
        await stage.caller_says("um, double five and a six")
        await asyncio.sleep(3.0)

    desk, stage = play_call(three(), play)
    assert desk.digits == ["556"]
    assert said(stage) == [ASK, f"Sorry, that was 4 digits. {OURS}"]


# Keys and voice.


def test_keys_and_spoken_digits_mix() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "1")
        await stage.caller_says("two")
        await keys(stage, "3")
        await asyncio.sleep(2.0)

    desk, _ = play_call(three(), play)
    assert desk.digits == ["123"]


def test_a_whole_number_that_is_spoken_replaces_what_was_keyed() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "12")
        await stage.caller_says("no, it is four five six")
        await asyncio.sleep(2.0)

    desk, _ = play_call(three(), play)
    assert desk.digits == ["456"]


def test_without_voice_only_keys_count() -> None:
    async def play(stage: Stage) -> None:
        await stage.caller_says("one two three")
        await asyncio.sleep(4.0)
        await keys(stage, "456")
        await asyncio.sleep(2.0)

    desk, _ = play_call(three(voice=False), play, ["Please key it."])
    assert desk.digits == ["456"]


def test_a_model_may_say_which_of_two_numbers_the_caller_meant() -> None:
    async def play(stage: Stage) -> None:
        await stage.caller_says("one two three or one two four")
        await asyncio.sleep(4.0)

    script: Script = [[Calls("record_inputs", {"inputs": ["1", "2", "4"]})]]
    desk, stage = play_call(three(), play, script)
    assert desk.digits == ["124"]
    assert said(stage) == [ASK]


def test_the_clear_and_back_keys_correct() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "99*")
        await asyncio.sleep(6.0)
        await keys(stage, "19A23")
        await asyncio.sleep(2.0)

    desk, stage = play_call(three(back_key=DtmfEvent.A, max_attempts=1), play)
    assert desk.digits == ["123"]
    assert said(stage) == [ASK, f"All right. {OURS}"]


def test_what_is_keyed_after_the_end_is_no_turn() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "1234#", every=0.2)
        await asyncio.sleep(5.0)

    desk, stage = play_call(three(), play)
    assert desk.digits == ["123"]
    assert [event.text for event in stage.of(TurnCompleted)] == ["take my number"]


def test_keys_that_were_pressed_before_the_question_count_if_they_stand_alone() -> None:
    async def main(then: str) -> tuple[list[str], list[str]]:
        desk = Desk(three())
        async with on_stage(desk, [[Calls("collect")]]) as stage:
            await stage.caller_says("take my number")
            stage.leg.press("12")
            await asyncio.sleep(1.0)
            await keys(stage, then)
            await asyncio.sleep(12.0)
            if not desk.got:
                await keys(stage, "789")
                await asyncio.sleep(1.0)
            return desk.digits, said(stage)

    digits, heard = clock.run(main(""), virtual=True)
    assert digits == ["789"], "12 alone was too short"
    assert heard[1] == f"Sorry, that was 2 digits. {OURS}"
    digits, heard = clock.run(main("3"), virtual=True)
    assert digits == ["789"], "and is never put behind the 3"
    assert heard[1] == f"Sorry, that was 1 digit. {OURS}"


def test_a_realtime_model_says_what_the_task_wants_said() -> None:
    async def main() -> None:
        desk = Desk(three(first_digit_timeout=4.0))
        async with on_realtime_stage(
            desk, [[Calls("collect")], "Your code?", "Sorry?", "Thank you."], hears=[Heard("hi")]
        ) as stage:
            await stage.caller_speaks(0.6)
            await asyncio.sleep(9.0)
            for key in "123":
                stage.leg.press(key)
            await asyncio.sleep(4.0)
            assert desk.digits == ["123"]
            assert [item for item in stage.items if item.startswith("assistant")] == [
                "assistant: Your code?",
                "assistant: Sorry?",
                "assistant: Thank you.",
            ]

    clock.run(main(), virtual=True)


def test_a_number_of_any_length_ends_at_the_stop_key() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "12345678#")
        await asyncio.sleep(2.0)

    desk, stage = play_call(GetDtmfTask, play, ["Your account number?"])
    assert desk.digits == ["12345678"]
    assert said(stage) == ["Your account number?"], "the model asked"
    assert stage.llm.choices[1] == "none"


def test_keys_that_do_not_interrupt_count_all_the_same() -> None:
    async def main() -> None:
        desk = Desk(three(prompt="one two three four five six seven eight nine ten"))
        options = SessionOptions(turn=TurnConfig(digits_interrupt=False))
        async with on_stage(desk, [[Calls("collect")]], options=options) as stage:
            await stage.caller_says("take my number")
            await asyncio.sleep(1.0)
            await keys(stage, "123", every=0.1)
            await asyncio.sleep(2.0)
            assert desk.digits == ["123"]

    clock.run(main(), virtual=True)


def test_a_yes_may_be_said_where_digits_must_be_keyed() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "123")
        await asyncio.sleep(7.0)
        await stage.caller_says("yes")

    desk, _ = play_call(three(voice=False, ask_for_confirmation=True), play)
    assert desk.digits == ["123"]


def test_keys_after_speech_wait_for_its_words_but_not_for_long() -> None:
    at: list[float] = []

    async def play(stage: Stage) -> None:
        stage.vad.voice.verdict(True, clock.now())  # a noisy room: no words will come
        await asyncio.sleep(0.5)
        at.append(clock.now())
        await keys(stage, "123", every=0.1)

    desk, _ = play_call(three(), play)
    assert desk.digits == ["123"]
    assert 1.4 < desk.at - at[0] < 1.6


# Callers who do something else.


def test_a_model_answers_what_is_no_number() -> None:
    async def play(stage: Stage) -> None:
        await stage.caller_says("why do you need it")
        await asyncio.sleep(6.0)
        await keys(stage, "123")
        await asyncio.sleep(2.0)

    desk, stage = play_call(three(), play, ["To find your file."])
    assert desk.digits == ["123"]
    assert said(stage) == [ASK, "To find your file."]


def test_a_model_declines_for_the_caller() -> None:
    async def play(stage: Stage) -> None:
        await stage.caller_says("can I talk to a person")
        await asyncio.sleep(3.0)

    script: Script = [[Calls("decline_dtmf_capture", {"reason": "wants a person"})], "I see."]
    desk, _ = play_call(three(), play, script)
    (error,) = desk.got
    assert isinstance(error, CaptureDeclined)
    assert str(error) == "couldn't get the digits: wants a person"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("can I talk to a person", "the caller wants a person"),
        ("I would rather not say", "the caller does not want to say"),
    ],
)
def test_without_a_model_the_task_gives_up_politely(words: str, why: str) -> None:
    async def play(stage: Stage) -> None:
        await stage.caller_says(words)
        await asyncio.sleep(3.0)

    desk, _ = play_call(three(mind="rules"), play)
    (error,) = desk.got
    assert isinstance(error, CaptureDeclined)
    assert (error.field, error.reason) == ("digits", why)


def test_without_a_model_an_off_topic_answer_a_wait_and_a_repetition() -> None:
    async def play(stage: Stage) -> None:
        for words in ("I like trains very much", "hold on please", "could you repeat that"):
            await stage.caller_says(words)
            await asyncio.sleep(5.0)
        await keys(stage, "123")
        await asyncio.sleep(2.0)

    desk, stage = play_call(three(mind="rules"), play)
    again = f"Sorry, I did not understand that. {OURS}"
    assert desk.digits == ["123"]
    assert said(stage) == [ASK, again, "Of course, take your time.", again]


def test_noise_is_bounded_by_the_total_time() -> None:
    async def play(stage: Stage) -> None:
        for _ in range(30):  # a detector that hears speech where there is none
            stage.vad.voice.verdict(True, clock.now())
            await asyncio.sleep(1.0)
            stage.vad.voice.verdict(False, clock.now())
            stage.stt.hearing.final("")
            await asyncio.sleep(0.5)

    desk, _ = play_call(three(total_timeout=10.0, max_attempts=2), play)
    assert desk.error.reason == "timeout"


def test_a_caller_who_never_says_whether_it_is_right_is_given_up() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "123")
        await asyncio.sleep(60.0)

    desk, stage = play_call(three(ask_for_confirmation=True), play)
    assert (desk.error.reason, desk.error.digits_count) == ("attempts_exceeded", 3)
    assert str(desk.error) == "The caller did not confirm what they keyed or said."
    assert said(stage) == [ASK, READ_BACK, READ_BACK, READ_BACK]


def test_hanging_up_ends_it() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "12")
        stage.leg.hang_up()
        await asyncio.sleep(1.0)

    desk, _ = play_call(three(), play)
    assert [type(got) for got in desk.got] == [CallerHungUp]


def test_its_timeout_is_that_of_every_task() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "12", every=3.0)
        await asyncio.sleep(3.0)

    desk, _ = play_call(three(timeout=5.0), play)
    assert [type(got) for got in desk.got] == [TaskTimedOut]


def test_a_model_that_fails_to_ask_is_followed_by_our_question() -> None:
    async def play(stage: Stage) -> None:
        await asyncio.sleep(15.0)
        await keys(stage, "123")
        await asyncio.sleep(2.0)

    desk, stage = play_call(three(prompt=None), play, [[Fails(LinkTimeout("no answer"))]])
    assert desk.digits == ["123"]
    assert said(stage)[-1] == f"Sorry, I did not get anything. {OURS}"


def test_the_calls_of_the_model_hold_no_digits() -> None:
    async def play(stage: Stage) -> None:
        await keys(stage, "123")
        await asyncio.sleep(2.0)

    _, stage = play_call(three(), play)
    calls = [item for item in stage.session.history.items if isinstance(item, ToolCall)]
    assert [call.tool for call in calls] == ["collect"]


def test_the_tape_of_a_number_replays() -> None:
    tape = Tape()

    async def play(stage: Stage) -> None:
        await keys(stage, "1#")
        await asyncio.sleep(6.0)
        await keys(stage, "123")
        await asyncio.sleep(7.0)
        await keys(stage, "1")
        await asyncio.sleep(2.0)

    desk, _ = play_call(three(ask_for_confirmation=True), play, tape=tape)
    assert desk.digits == ["123"]
    played = replay(tape.lines())
    assert "keypad" in played.machines
    assert played.differences == ()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"minimum": 0}, "minimum is 0"),
        ({"minimum": 5, "maximum": 4}, "minimum is 5 and maximum is 4"),
        ({"maximum": 65}, "maximum is 65"),
        ({"num_digits": 3, "maximum": 4}, "give num_digits, or minimum and maximum"),
        ({"dtmf_input_timeout": 0.0}, "between_digits is 0.0"),
        ({"first_digit_timeout": -1.0}, "first_digit is -1.0"),
        ({"total_timeout": float("nan")}, "total is nan"),
        ({"max_attempts": 0}, "attempts is 0"),
        ({"dtmf_stop_event": DtmfEvent.STAR}, "stop_key, clear_key and back_key"),
        ({"back_key": DtmfEvent.ONE}, "stop_key, clear_key and back_key"),
        ({"mind": "both"}, "mind is 'both'"),
        ({"prompt": " "}, "prompt is empty"),
        ({"timeout": 0.0}, "timeout is 0.0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options: dict[str, Any], named: str) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match=named):
            GetDtmfTask(**options)

    clock.run(main(), virtual=True)

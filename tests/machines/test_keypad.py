import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import ConfigError
from hookflash.events.idle import BusyChanged
from hookflash.events.keypad import (
    AnswerUnclear,
    AskAgain,
    DigitsSpoken,
    EntryAnswered,
    EntryEnd,
    EntryFailed,
    EntryTaken,
    EntryTrouble,
    HushQuestion,
    KeypadCommand,
    KeypadEvent,
    QuestionHeard,
    ReadBack,
)
from hookflash.events.turn import CallerLeft, DigitReceived
from hookflash.machines.keypad import TRANSITIONS, KeypadConfig, KeypadMachine, KeypadState

CALLER, AGENT = "caller", "agent"


def asked(**config: Any) -> KeypadMachine:
    """A machine whose question was heard at 1.0."""
    machine = KeypadMachine(KeypadConfig(**config))
    assert machine.receive(QuestionHeard(), 1.0) == ()
    return machine


def press(machine: KeypadMachine, keys: str, at: float) -> list[KeypadCommand]:
    """Keys 0.3 s apart."""
    said: list[KeypadCommand] = []
    for index, key in enumerate(keys):
        said += machine.receive(DigitReceived(digit=key), at + index * 0.3)
    return said


def again(trouble: EntryTrouble, attempt: int, count: int) -> AskAgain:
    return AskAgain(trouble=trouble, attempt=attempt, digits_count=count)


def taken(digits: str, by: EntryEnd) -> EntryTaken:
    return EntryTaken(digits=digits, by=by)


def test_the_last_digit_completes_it() -> None:
    machine = asked(minimum=3, maximum=3)
    assert press(machine, "12", 2.0) == []
    assert machine.entry == "12"
    assert press(machine, "3", 3.0) == [taken("123", EntryEnd.LENGTH)]
    assert machine.state is KeypadState.OVER
    assert machine.deadline() is None
    assert press(machine, "4", 3.1) == []


def test_the_stop_key_or_a_pause_completes_what_is_long_enough() -> None:
    assert press(asked(), "12#", 2.0) == [taken("12", EntryEnd.STOP_KEY)]
    machine = asked(between_digits=2.0)
    press(machine, "12", 2.0)
    assert machine.deadline() == 4.3
    assert machine.tick(4.2) == ()
    assert machine.tick(4.3) == (taken("12", EntryEnd.PAUSE),)


def test_nothing_in_time_is_asked_for_again_and_given_up() -> None:
    machine = asked(first_digit=5.0, attempts=2)
    assert machine.deadline() == 6.0
    assert machine.tick(6.0) == (again(EntryTrouble.NO_INPUT, 1, 0),)
    assert machine.deadline() is None, "the question is being asked"
    assert machine.receive(QuestionHeard(whole=False), 9.0) == ()
    assert machine.deadline() == 14.0
    assert machine.tick(14.0) == (
        EntryFailed(trouble=EntryTrouble.NO_INPUT, same=True, attempts=2, digits_count=0),
    )


def test_too_few_then_too_many_then_an_end() -> None:
    machine = asked(minimum=3, maximum=4, attempts=3)
    assert press(machine, "12#", 2.0) == [again(EntryTrouble.TOO_SHORT, 1, 2)]
    machine.receive(QuestionHeard(), 5.0)
    assert machine.receive(DigitsSpoken(digits="12345"), 6.0) == (
        again(EntryTrouble.TOO_LONG, 2, 5),
    )
    machine.receive(QuestionHeard(), 9.0)
    assert press(machine, "#", 10.0) == [
        EntryFailed(trouble=EntryTrouble.TOO_SHORT, same=False, attempts=3, digits_count=0)
    ]


def test_keys_that_are_no_digits_are_invalid() -> None:
    assert press(asked(clear_key=""), "1*2#", 2.0) == [again(EntryTrouble.INVALID, 1, 3)]
    assert asked().receive(AnswerUnclear(), 2.0) == (again(EntryTrouble.INVALID, 1, 0),)
    keying = asked()
    press(keying, "1", 2.0)
    assert keying.receive(AnswerUnclear(), 3.0) == ()
    assert keying.entry == "1"


def test_the_clear_key_is_no_failed_attempt_and_the_back_key_takes_one_away() -> None:
    machine = asked(back_key="A", attempts=1, maximum=3)
    assert press(machine, "12*", 2.0) == [again(EntryTrouble.CLEARED, 0, 2)]
    machine.receive(QuestionHeard(), 4.0)
    assert press(machine, "A1AA", 5.0) == []
    assert machine.state is KeypadState.WAITING
    assert press(machine, "1A23", 6.4) == []
    assert press(machine, "4", 8.0) == [taken("234", EntryEnd.LENGTH)]


def test_timers_stand_still_while_somebody_is_busy_and_begin_anew() -> None:
    machine = asked(between_digits=4.0, total=1000.0)
    press(machine, "1", 2.0)
    for why in (CALLER, AGENT):
        assert machine.receive(BusyChanged(why=why, busy=True), 3.0) == ()
    machine.receive(BusyChanged(why=CALLER, busy=False), 9.0)
    assert machine.deadline() == 1001.0
    machine.receive(BusyChanged(why=AGENT, busy=False), 10.0)
    assert machine.deadline() == 14.0


def test_nothing_holds_the_time_for_the_whole() -> None:
    machine = asked(total=20.0)
    machine.receive(BusyChanged(why=CALLER, busy=True), 2.0)
    press(machine, "1", 3.0)
    assert machine.deadline() == 21.0
    assert machine.tick(21.0) == (again(EntryTrouble.TIMEOUT, 1, 1),)


def test_keys_during_the_question_count() -> None:
    machine = KeypadMachine(KeypadConfig(maximum=3))
    assert machine.deadline() is None
    assert press(machine, "12", 1.0) == []
    assert machine.deadline() is None
    machine.receive(QuestionHeard(whole=False), 2.0)
    assert machine.deadline() == 6.0
    assert press(machine, "3", 3.0) == [taken("123", EntryEnd.LENGTH)]


def test_spoken_digits_are_added_or_replace() -> None:
    machine = asked(maximum=4)
    press(machine, "1", 2.0)
    assert machine.receive(DigitsSpoken(digits="23"), 3.0) == ()
    assert machine.entry == "123"
    assert machine.receive(DigitsSpoken(digits="99", whole=True), 4.0) == ()
    assert machine.entry == "99"
    assert machine.receive(DigitsSpoken(digits="11"), 5.0) == (taken("9911", EntryEnd.LENGTH),)


def test_codes_are_complete_when_no_longer_one_begins_alike() -> None:
    codes: dict[str, Any] = {"codes": ("1", "12", "*"), "stop_key": "", "clear_key": ""}
    assert press(asked(**codes), "12", 2.0) == [taken("12", EntryEnd.LENGTH)]
    assert press(asked(**codes), "*", 2.0) == [taken("*", EntryEnd.LENGTH)]
    assert press(asked(**codes), "13", 2.0) == [again(EntryTrouble.INVALID, 1, 2)]
    waits = asked(**codes)
    assert press(waits, "1", 2.0) == []
    assert waits.tick(6.0) == (taken("1", EntryEnd.PAUSE),)


def confirming(**config: Any) -> KeypadMachine:
    """A machine that has read 123 back, heard at 4.0."""
    machine = asked(maximum=3, confirm=True, **config)
    assert press(machine, "123", 2.0) == [ReadBack(digits="123")]
    machine.receive(QuestionHeard(), 4.0)
    assert machine.read_back_heard
    return machine


def test_1_confirms_and_2_asks_again() -> None:
    assert press(confirming(), "1", 5.0) == [taken("123", EntryEnd.LENGTH)]
    for no in ("2", "*"):
        assert press(confirming(), no, 5.0) == [again(EntryTrouble.REJECTED, 1, 3)]
    assert confirming().receive(EntryAnswered(right=True), 5.0) == (taken("123", EntryEnd.LENGTH),)
    assert confirming().receive(EntryAnswered(right=False), 5.0) == (
        again(EntryTrouble.REJECTED, 1, 3),
    )
    assert press(confirming(), "#", 5.0) == [], "one too many after the number"


def test_a_yes_waits_for_the_read_back_and_does_not_count_if_it_was_cut() -> None:
    machine = asked(maximum=3, confirm=True)
    press(machine, "123", 2.0)
    assert press(machine, "1", 2.7) == []
    assert machine.receive(QuestionHeard(), 4.0) == (taken("123", EntryEnd.LENGTH),)

    machine = asked(maximum=3, confirm=True)
    press(machine, "123", 2.0)
    machine.receive(QuestionHeard(whole=False), 2.7)
    assert not machine.read_back_heard
    assert press(machine, "1", 3.0) == [ReadBack(digits="123")]


def test_another_number_instead_of_an_answer_is_taken() -> None:
    machine = asked(maximum=3, confirm=True)
    press(machine, "123", 2.0)
    assert press(machine, "456", 3.0) == [HushQuestion(), ReadBack(digits="456")]
    machine = confirming(total=20.0)
    assert press(machine, "4", 5.0) == []
    assert machine.entry == "4"
    assert machine.receive(DigitsSpoken(digits="789", whole=True), 6.0) == (ReadBack(digits="789"),)


def test_no_answer_and_an_unclear_one_read_it_back_again_until_the_end() -> None:
    machine = confirming(first_digit=5.0)
    assert machine.deadline() == 9.0
    assert machine.tick(9.0) == (ReadBack(digits="123"),)
    machine.receive(QuestionHeard(), 12.0)
    assert machine.receive(AnswerUnclear(), 13.0) == (ReadBack(digits="123"),)
    machine.receive(QuestionHeard(), 16.0)
    assert machine.receive(AnswerUnclear(), 17.0) == (
        EntryFailed(trouble=EntryTrouble.UNCONFIRMED, same=True, attempts=3, digits_count=3),
    )


def test_the_caller_leaves() -> None:
    for machine in (asked(), confirming()):
        assert machine.receive(CallerLeft(), 9.0) == ()
        assert machine.state is KeypadState.OVER
        assert machine.deadline() is None


def test_a_wrong_setting_is_named() -> None:
    mistakes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"minimum": 3, "maximum": 2}, "minimum is 3 and maximum is 2"),
        ({"between_digits": 0}, "between_digits is 0"),
        ({"attempts": 21}, "attempts is 21"),
        ({"clear_key": "#"}, "three different keys"),
        ({"stop_key": "##"}, "three different keys"),
        ({"codes": ("1#",)}, "codes holds '1#'"),
        ({"total": math.inf}, "total is inf"),
    )
    for config, named in mistakes:
        with pytest.raises(ConfigError, match=named):
            KeypadConfig(**config)


EVENTS: st.SearchStrategy[KeypadEvent] = st.one_of(
    st.sampled_from("0123456789*#A").map(lambda key: DigitReceived(digit=key)),
    st.builds(DigitsSpoken, digits=st.text("0123456789", min_size=1), whole=st.booleans()),
    st.builds(QuestionHeard, whole=st.booleans()),
    st.builds(EntryAnswered, right=st.booleans()),
    st.builds(BusyChanged, why=st.sampled_from([CALLER, AGENT]), busy=st.booleans()),
    st.just(AnswerUnclear()),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(EVENTS, st.floats(0, 9)), max_size=60),
    st.booleans(),
    st.integers(1, 4),
)
def test_it_ends_once_and_with_a_number_that_fits(
    script: list[tuple[KeypadEvent, float]], confirm: bool, length: int
) -> None:
    machine = KeypadMachine(KeypadConfig(minimum=length, maximum=4, confirm=confirm))
    now, ends = 0.0, 0
    for event, wait in script:
        now += wait
        said = [*machine.tick(now), *machine.receive(event, now)]
        for command in said:
            if isinstance(command, EntryTaken):
                assert length <= len(command.digits) <= 4
                assert command.digits.isdecimal()
            ends += isinstance(command, (EntryTaken, EntryFailed))
    assert ends == (machine.state is KeypadState.OVER)


def test_every_state_but_the_last_can_be_left() -> None:
    assert [state for state, row in TRANSITIONS.items() if not row] == [KeypadState.OVER]

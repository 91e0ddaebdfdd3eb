from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.events.digits import DigitsEntered
from hookflash.events.turn import CallerLeft, DigitReceived, Expectation, ExpectationSet
from hookflash.machines.digits import (
    TRANSITIONS,
    DigitsConfig,
    DigitsEvent,
    DigitsMachine,
    DigitsState,
)


def keyed(machine: DigitsMachine, digits: str, at: float) -> list[DigitsEntered]:
    said: list[DigitsEntered] = []
    for index, digit in enumerate(digits):
        said += machine.receive(DigitReceived(digit=digit), at + index * 0.3)
    return said


def test_a_pause_completes_the_number() -> None:
    machine = DigitsMachine()
    assert keyed(machine, "42", 1.0) == []
    assert machine.state is DigitsState.KEYING
    assert machine.deadline() == 3.3
    assert machine.tick(3.2) == ()
    assert machine.tick(3.3) == (DigitsEntered(digits="42", reason="pause"),)
    assert machine.deadline() is None
    assert machine.tick(9.0) == ()


def test_the_finish_key_completes_the_number_and_is_not_part_of_it() -> None:
    machine = DigitsMachine()
    assert keyed(machine, "4*2#", 1.0) == [DigitsEntered(digits="4*2", reason="finish_key")]
    assert keyed(machine, "#", 5.0) == []
    assert machine.state is DigitsState.WAITING


def test_the_expected_length_completes_the_number_at_once() -> None:
    machine = DigitsMachine()
    machine.receive(ExpectationSet(expects=Expectation.DIGITS, length=4), 0.0)
    assert keyed(machine, "4217", 1.0) == [DigitsEntered(digits="4217", reason="length")]
    machine.receive(ExpectationSet(expects=Expectation.YES_NO, length=4), 5.0)
    assert keyed(machine, "4217", 6.0) == []


def test_another_finish_key_or_none_can_be_set() -> None:
    machine = DigitsMachine(DigitsConfig(finish_key="*", pause=1.0))
    assert keyed(machine, "1#*", 0.0) == [DigitsEntered(digits="1#", reason="finish_key")]
    machine = DigitsMachine(DigitsConfig(finish_key=""))
    assert keyed(machine, "1#*", 0.0) == []


def test_a_number_without_end_is_cut() -> None:
    machine = DigitsMachine()
    assert keyed(machine, "1" * 64, 0.0) == [DigitsEntered(digits="1" * 64, reason="length")]


def test_after_the_caller_left_nothing_happens() -> None:
    machine = DigitsMachine()
    keyed(machine, "42", 0.0)
    assert machine.receive(CallerLeft(), 1.0) == ()
    assert machine.deadline() is None
    assert keyed(machine, "1#", 2.0) == []
    assert machine.state is DigitsState.GONE


events = st.one_of(
    st.sampled_from("0123456789*#A").map(lambda digit: DigitReceived(digit=digit)),
    st.builds(
        ExpectationSet,
        expects=st.sampled_from(Expectation),
        length=st.none() | st.integers(1, 6),
    ),
    st.just(CallerLeft()),
)


@settings(deadline=None)
@given(st.lists(st.tuples(events, st.floats(0, 5)), max_size=60))
def test_no_key_is_lost_and_replays_are_identical(steps: list[tuple[DigitsEvent, float]]) -> None:
    def play() -> tuple[list[DigitsEntered], str]:
        machine, now, keys = DigitsMachine(), 0.0, ""
        said: list[DigitsEntered] = []
        for event, wait in steps:
            now += wait
            before = machine.state
            said += machine.tick(now)
            assert machine.state in (before, *TRANSITIONS[before].get("tick", ()))
            before = machine.state
            if isinstance(event, DigitReceived) and before is not DigitsState.GONE:
                keys += event.digit
            if isinstance(event, CallerLeft):
                # What is unfinished then is dropped: nobody is left to answer.
                keys = "".join(each.digits for each in said)
            said += machine.receive(event, now)
            assert machine.state in (before, *TRANSITIONS[before].get(event.name, ()))
        said += machine.tick(now + 10)
        assert machine.deadline() is None
        return said, keys

    said, keys = play()
    assert (said, keys) == play()
    assert "".join(each.digits for each in said) == keys.replace("#", "")

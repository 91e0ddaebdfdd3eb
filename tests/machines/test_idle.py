"""Silence on the line, and what interrupts its count."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import ConfigError
from hookflash.events.idle import (
    Activity,
    BusyChanged,
    IdleCommand,
    IdleEvent,
    IdleStopped,
    WakeUp,
)
from hookflash.machines.idle import TRANSITIONS, IdleConfig, IdleMachine, IdleState
from hookflash.sansio import Machine

TEN_SECONDS = IdleConfig(wake_up=10.0)

type_check: Machine[IdleEvent, IdleCommand] = IdleMachine(TEN_SECONDS)


def drive(
    machine: IdleMachine, *steps: tuple[float, IdleEvent], until: float
) -> list[tuple[float, int]]:
    """Feed the events, tick at every deadline, return when each wake-up came and its count."""
    woken: list[tuple[float, int]] = []

    def wait(moment: float) -> None:
        while (deadline := machine.deadline()) is not None and deadline <= moment:
            woken.extend((deadline, command.count) for command in machine.tick(deadline))
            assert machine.deadline() != deadline, "a tick at the deadline must get past it"

    for moment, event in steps:
        wait(moment)
        assert machine.receive(event, moment) == []
    wait(until)
    return woken


def busy(why: str = "agent_speaking") -> BusyChanged:
    return BusyChanged(why=why, busy=True)


def free(why: str = "agent_speaking") -> BusyChanged:
    return BusyChanged(why=why, busy=False)


def test_each_further_silence_wakes_with_the_next_count() -> None:
    machine = IdleMachine(TEN_SECONDS)
    assert drive(machine, (0.0, Activity()), until=35.0) == [(10.0, 1), (20.0, 2), (30.0, 3)]


def test_activity_begins_the_count_anew() -> None:
    machine = IdleMachine(TEN_SECONDS)
    woken = drive(machine, (0.0, Activity()), (14.0, Activity()), until=40.0)
    assert woken == [(10.0, 1), (24.0, 1), (34.0, 2)]


def test_nothing_is_counted_before_something_has_happened() -> None:
    machine = IdleMachine(TEN_SECONDS)
    assert machine.state is IdleState.WAITING
    assert machine.deadline() is None
    assert machine.tick(1000.0) == []
    assert drive(machine, (1000.0, free()), until=2000.0) == []
    assert machine.state is IdleState.WAITING


def test_silence_is_counted_anew_when_the_agent_stops_and_the_count_is_kept() -> None:
    machine = IdleMachine(TEN_SECONDS)
    woken = drive(machine, (0.0, Activity()), (11.0, busy()), (15.0, free()), until=40.0)
    assert woken == [(10.0, 1), (25.0, 2), (35.0, 3)]


def test_the_callers_speech_resets_the_count() -> None:
    machine = IdleMachine(TEN_SECONDS)
    woken = drive(
        machine,
        (0.0, Activity()),
        (11.0, busy("caller_speaking")),
        (30.0, free("caller_speaking")),
        until=45.0,
    )
    assert woken == [(10.0, 1), (40.0, 1)]


def test_a_key_pressed_while_the_agent_speaks_resets_the_count_only() -> None:
    machine = IdleMachine(TEN_SECONDS)
    woken = drive(
        machine,
        (0.0, Activity()),
        (11.0, busy()),
        (12.0, Activity()),
        (15.0, free()),
        until=30.0,
    )
    assert woken == [(10.0, 1), (25.0, 1)]


def test_the_last_of_several_reasons_ends_the_pause() -> None:
    machine = IdleMachine(TEN_SECONDS)
    woken = drive(
        machine,
        (0.0, busy("thinking")),
        (1.0, busy("tool")),
        (2.0, free("thinking")),
        (20.0, free("tool")),
        until=30.0,
    )
    assert woken == [(30.0, 1)]


def test_two_tools_at_once_are_two_reasons() -> None:
    machine = IdleMachine(TEN_SECONDS)
    woken = drive(
        machine,
        (0.0, busy("tool")),
        (1.0, busy("tool")),
        (2.0, free("tool")),
        (20.0, free("tool")),
        until=30.0,
    )
    assert woken == [(30.0, 1)]


def test_an_end_without_its_beginning_changes_nothing() -> None:
    machine = IdleMachine(TEN_SECONDS)
    woken = drive(
        machine,
        (0.0, Activity()),
        (5.0, free("tool")),
        (12.0, busy()),
        (13.0, free("tool")),
        (40.0, free()),
        until=50.0,
    )
    assert woken == [(10.0, 1), (50.0, 2)]


def test_after_the_call_nobody_is_woken() -> None:
    machine = IdleMachine(TEN_SECONDS)
    woken = drive(
        machine,
        (0.0, Activity()),
        (5.0, IdleStopped()),
        (6.0, Activity()),
        (7.0, busy()),
        (8.0, free()),
        (9.0, IdleStopped()),
        until=60.0,
    )
    assert woken == []
    assert machine.tick(60.0) == []
    assert machine.state is IdleState.STOPPED


def test_without_a_wake_up_time_silence_may_last() -> None:
    machine = IdleMachine(IdleConfig(wake_up=None))
    assert drive(machine, (0.0, Activity()), until=1e9) == []
    assert machine.tick(1e9) == []


def test_a_late_tick_wakes_once_and_an_early_one_never() -> None:
    machine = IdleMachine(TEN_SECONDS)
    machine.receive(Activity(), 0.0)
    assert machine.tick(9.75) == []
    assert machine.tick(45.0) == [WakeUp(count=1)]
    assert machine.tick(45.0) == []
    assert machine.deadline() == 55.0


@pytest.mark.parametrize("wake_up", [0.0, -1.0, math.nan, math.inf])
def test_a_wake_up_time_that_cannot_be_is_refused(wake_up: float) -> None:
    with pytest.raises(ConfigError, match=r"wake_up is .*; give seconds above 0, or None"):
        IdleConfig(wake_up=wake_up)


REASONS = st.sampled_from(["caller_speaking", "agent_speaking", "tool"])
EVENTS: st.SearchStrategy[IdleEvent | None] = st.one_of(
    st.just(None),
    st.just(Activity()),
    st.builds(BusyChanged, why=REASONS, busy=st.booleans()),
    st.just(IdleStopped()),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 30.0), EVENTS), max_size=40))
def test_for_any_events_it_wakes_only_a_silent_line_and_stays_within_its_table(
    steps: list[tuple[float, IdleEvent | None]],
) -> None:
    machine, fresh = IdleMachine(TEN_SECONDS), IdleMachine(TEN_SECONDS)
    now, active_at = 0.0, 0.0
    count = 0
    for after, event in steps:
        now += after
        before = machine.state
        if event is None:
            commands = machine.tick(now)
            assert fresh.tick(now) == commands
        else:
            commands = machine.receive(event, now)
            assert fresh.receive(event, now) == commands
        name = "tick" if event is None else event.name
        assert machine.state in TRANSITIONS[before].get(name, (before,))
        if isinstance(event, Activity):
            active_at, count = now, 0
        elif isinstance(event, BusyChanged) and event.why == "caller_speaking":
            count = 0
        if commands:
            count += 1
            assert commands == [WakeUp(count=count)]
            assert before is IdleState.COUNTING
            assert now >= active_at + 10.0
        if machine.state is IdleState.COUNTING:
            deadline = machine.deadline()
            assert deadline is not None
            assert deadline <= now + 10.0
        else:
            assert machine.deadline() is None


def test_each_move_in_the_table_can_be_made() -> None:
    made: set[tuple[IdleState, str, IdleState]] = set()
    firsts: list[list[IdleEvent]] = [[], [Activity()], [busy()], [IdleStopped()]]
    for first in firsts:
        for event in (Activity(), busy(), free(), free("tool"), IdleStopped(), None):
            machine = IdleMachine(TEN_SECONDS)
            for one in first:
                machine.receive(one, 0.0)
            before = machine.state
            name = "tick" if event is None else event.name
            if event is None:
                machine.tick(60.0)
            else:
                machine.receive(event, 1.0)
            if name in TRANSITIONS[before]:
                made.add((before, name, machine.state))
    assert made == {
        (before, name, after)
        for before, row in TRANSITIONS.items()
        for name, afters in row.items()
        for after in afters
    }


def test_steps_have_their_own_silences_and_none_follows_the_last() -> None:
    machine = IdleMachine(IdleConfig(wake_up=(8.0, 5.0)))
    machine.receive(Activity(), 0.0)
    assert machine.tick(8.0) == [WakeUp(count=1)]
    assert machine.deadline() == 13.0
    assert machine.tick(13.0) == [WakeUp(count=2)]
    assert machine.deadline() is None
    machine.receive(Activity(), 20.0)
    assert machine.deadline() == 28.0
    with pytest.raises(ConfigError, match=r"wake_up is -1"):
        IdleConfig(wake_up=(8.0, -1.0))

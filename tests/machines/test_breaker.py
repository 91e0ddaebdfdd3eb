"""Whether a provider may be asked, from what came of asking it."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import ConfigError
from hookflash.events.breaker import (
    AttemptAbandoned,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    BreakerClosed,
    BreakerCommand,
    BreakerEvent,
    BreakerOpened,
)
from hookflash.machines.breaker import TRANSITIONS, BreakerConfig, BreakerMachine, BreakerState
from hookflash.sansio import Machine

PLAIN = BreakerConfig()

type_check: Machine[BreakerEvent, BreakerCommand] = BreakerMachine(PLAIN)


def failed(reason: str = "timeout") -> AttemptFailed:
    return AttemptFailed(reason=reason)


def may_ask(machine: BreakerMachine) -> bool:
    return machine.available


def state_of(machine: BreakerMachine) -> BreakerState:
    return machine.state


def opened(machine: BreakerMachine, at: float = 0.0) -> BreakerMachine:
    machine.receive(failed(), at)
    assert state_of(machine) is BreakerState.OPEN
    return machine


def probing(machine: BreakerMachine, at: float = 60.0) -> BreakerMachine:
    opened(machine, at - 60.0)
    machine.tick(at)
    machine.receive(AttemptStarted(), at)
    assert state_of(machine) is BreakerState.PROBING
    return machine


def test_one_failure_opens_it_for_a_minute() -> None:
    machine = BreakerMachine(PLAIN)
    assert may_ask(machine)
    assert machine.receive(AttemptStarted(), 0.0) == []
    assert machine.receive(failed(), 3.0) == [BreakerOpened(reason="timeout", seconds=60.0)]
    assert not may_ask(machine)
    assert machine.deadline() == 63.0
    assert machine.tick(62.5) == []
    assert not may_ask(machine)
    assert machine.tick(63.0) == []
    assert state_of(machine) is BreakerState.HALF_OPEN
    assert may_ask(machine)
    assert machine.deadline() is None


def test_only_one_request_probes_and_its_success_closes() -> None:
    machine = BreakerMachine(PLAIN)
    opened(machine)
    machine.tick(60.0)
    assert may_ask(machine)
    assert machine.receive(AttemptStarted(), 60.0) == []
    assert not may_ask(machine)
    assert machine.receive(AttemptSucceeded(seconds=0.5), 60.5) == [BreakerClosed()]
    assert may_ask(machine)
    assert state_of(machine) is BreakerState.CLOSED


def test_each_failed_probe_doubles_the_rest_up_to_the_longest() -> None:
    machine = BreakerMachine(BreakerConfig(temporary_disable_sec=60, max_disable_sec=200))
    now, rests = 0.0, list[float | None]()
    for _ in range(4):
        (command,) = machine.receive(failed(), now)
        assert isinstance(command, BreakerOpened)
        rests.append(command.seconds)
        now += command.seconds or 0.0
        machine.tick(now)
        machine.receive(AttemptStarted(), now)
    assert rests == [60.0, 120.0, 200.0, 200.0]


def test_a_success_forgets_how_long_the_rests_were() -> None:
    machine = probing(BreakerMachine(PLAIN))
    assert machine.receive(failed(), 61.0) == [BreakerOpened(reason="timeout", seconds=120.0)]
    machine.tick(181.0)
    machine.receive(AttemptStarted(), 181.0)
    machine.receive(AttemptSucceeded(), 182.0)
    assert machine.receive(failed(), 183.0) == [BreakerOpened(reason="timeout", seconds=60.0)]


def test_failures_of_requests_that_began_before_it_opened_change_nothing() -> None:
    machine = opened(BreakerMachine(PLAIN))
    assert [machine.receive(failed(), 0.1 * n) for n in range(1, 20)] == [[]] * 19
    assert machine.deadline() == 60.0
    machine.tick(60.0)
    assert machine.receive(failed(), 60.0) == []
    assert state_of(machine) is BreakerState.HALF_OPEN


def test_a_success_closes_it_whoever_brings_it() -> None:
    machine = opened(BreakerMachine(PLAIN))
    assert machine.receive(AttemptSucceeded(), 5.0) == [BreakerClosed()]
    machine = opened(BreakerMachine(PLAIN))
    machine.tick(60.0)
    assert machine.receive(AttemptSucceeded(), 60.0) == [BreakerClosed()]


def test_a_probe_that_was_given_up_leaves_the_way_to_the_next() -> None:
    machine = probing(BreakerMachine(PLAIN))
    assert machine.receive(AttemptAbandoned(), 61.0) == []
    assert state_of(machine) is BreakerState.HALF_OPEN


def test_a_probe_whose_end_nobody_reports_bars_the_way_for_one_rest_only() -> None:
    machine = probing(BreakerMachine(PLAIN), at=60.0)
    assert machine.deadline() == 120.0
    machine.tick(119.0)
    assert not may_ask(machine)
    machine.tick(120.0)
    assert may_ask(machine)


def test_so_many_failures_in_a_row_open_it() -> None:
    machine = BreakerMachine(BreakerConfig(consecutive_failures=3))
    assert machine.receive(failed(), 0.0) == []
    assert machine.receive(failed(), 1.0) == []
    assert machine.receive(AttemptSucceeded(), 2.0) == []
    assert machine.receive(failed(), 3.0) == []
    assert machine.receive(failed(), 4.0) == []
    assert machine.receive(failed("link"), 5.0) == [BreakerOpened(reason="link", seconds=60.0)]


def test_so_many_slow_answers_in_a_row_open_it() -> None:
    machine = BreakerMachine(BreakerConfig(latency_threshold_ms=800))
    slow, fast = AttemptSucceeded(seconds=0.9), AttemptSucceeded(seconds=0.8)
    assert [machine.receive(each, 0.0) for each in (slow, slow, fast, slow, slow)] == [[]] * 5
    assert machine.receive(slow, 1.0) == [BreakerOpened(reason="slow", seconds=60.0)]


def test_a_slow_answer_ends_no_distrust_and_a_slow_probe_confirms_it() -> None:
    machine = BreakerMachine(BreakerConfig(latency_threshold_ms=800))
    slow = AttemptSucceeded(seconds=0.9)
    opened(machine)
    assert machine.receive(slow, 1.0) == []
    assert state_of(machine) is BreakerState.OPEN
    machine.tick(60.0)
    assert machine.receive(slow, 60.0) == []
    assert state_of(machine) is BreakerState.HALF_OPEN
    machine.receive(AttemptStarted(), 60.0)
    assert machine.receive(slow, 61.0) == [BreakerOpened(reason="slow", seconds=120.0)]


def test_an_answer_that_was_not_measured_is_not_slow() -> None:
    machine = probing(BreakerMachine(BreakerConfig(latency_threshold_ms=1)))
    assert machine.receive(AttemptSucceeded(), 61.0) == [BreakerClosed()]


@pytest.mark.parametrize("state", list(BreakerState)[:-1])
def test_what_can_never_work_is_disabled_from_any_state(state: BreakerState) -> None:
    machine = BreakerMachine(PLAIN)
    if state is not BreakerState.CLOSED:
        opened(machine)
    if state in {BreakerState.HALF_OPEN, BreakerState.PROBING}:
        machine.tick(60.0)
    if state is BreakerState.PROBING:
        machine.receive(AttemptStarted(), 60.0)
    assert state_of(machine) is state
    never = AttemptFailed(reason="missing_extra", permanent=True)
    assert machine.receive(never, 60.0) == [BreakerOpened(reason="missing_extra")]
    assert state_of(machine) is BreakerState.DISABLED
    assert machine.deadline() is None
    assert machine.tick(1e9) == []
    assert machine.receive(never, 1e9) == []
    assert not may_ask(machine)


def test_after_so_many_rests_it_is_given_up_until_it_proves_to_work() -> None:
    machine = BreakerMachine(BreakerConfig(permanent_disable_after_attempts=2))
    assert machine.receive(failed(), 0.0) == [BreakerOpened(reason="timeout", seconds=60.0)]
    machine.tick(60.0)
    machine.receive(AttemptStarted(), 60.0)
    assert machine.receive(failed(), 61.0) == [BreakerOpened(reason="timeout")]
    assert machine.receive(AttemptSucceeded(), 62.0) == [BreakerClosed()]
    assert state_of(machine) is BreakerState.CLOSED


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temporary_disable_sec": 0.0}, "temporary_disable_sec is 0.0; give seconds above 0"),
        ({"temporary_disable_sec": math.nan}, "temporary_disable_sec is nan"),
        ({"max_disable_sec": 30.0}, "max_disable_sec is 30.0; give seconds, temporary_disable_sec"),
        ({"permanent_disable_after_attempts": 0}, "permanent_disable_after_attempts is 0; give 1"),
        ({"latency_threshold_ms": -1.0}, "latency_threshold_ms is -1.0; give milliseconds"),
        ({"consecutive_failures": 0}, "consecutive_failures is 0; give 1 or more"),
        ({"consecutive_latency_hits": 0}, "consecutive_latency_hits is 0; give 1 or more"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(
    fields: Mapping[str, float], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        BreakerConfig(**fields)  # type: ignore[arg-type]  # wrong on purpose


EVENTS: st.SearchStrategy[BreakerEvent | None] = st.one_of(
    st.just(None),
    st.just(AttemptStarted()),
    st.builds(AttemptSucceeded, seconds=st.none() | st.floats(0.0, 2.0)),
    st.builds(AttemptFailed, reason=st.just("timeout"), permanent=st.booleans()),
    st.just(AttemptAbandoned()),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 100.0), EVENTS), max_size=40))
def test_for_any_events_it_keeps_to_its_table_and_tells_each_change_once(
    steps: list[tuple[float, BreakerEvent | None]],
) -> None:
    config = BreakerConfig(latency_threshold_ms=500, permanent_disable_after_attempts=4)
    machine = BreakerMachine(config)
    now, told_open = 0.0, False
    for after, event in steps:
        now += after
        before = machine.state
        commands = machine.tick(now) if event is None else machine.receive(event, now)
        name = "tick" if event is None else event.name
        assert machine.state in TRANSITIONS[before].get(name, (before,))
        for command in commands:
            if isinstance(command, BreakerClosed):
                assert told_open
            told_open = isinstance(command, BreakerOpened)
        assert told_open is (machine.state is not BreakerState.CLOSED)

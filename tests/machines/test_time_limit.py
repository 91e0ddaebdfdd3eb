import pytest

from hookflash.errors import ConfigError
from hookflash.events.time_limit import LimitReached, LimitStarted, LimitStopped, LimitWarning
from hookflash.machines.time_limit import TimeLimitConfig, TimeLimitMachine, TimeLimitState


def running(most: float | None, warn_before: float = 30.0) -> TimeLimitMachine:
    machine = TimeLimitMachine(TimeLimitConfig(most=most, warn_before=warn_before))
    assert machine.receive(LimitStarted(), 10.0) == []
    return machine


def test_a_warning_comes_before_the_end() -> None:
    machine = running(120.0)
    assert machine.deadline() == 100.0
    assert machine.tick(99.0) == []
    assert machine.tick(100.0) == [LimitWarning(left=30.0)]
    assert machine.deadline() == 130.0
    assert machine.tick(130.0) == [LimitReached()]
    assert machine.deadline() is None
    assert machine.state is TimeLimitState.OVER


def test_a_short_limit_or_no_wish_for_it_gives_no_warning() -> None:
    assert running(20.0).tick(30.0) == [LimitReached()]
    assert running(60.0, warn_before=0).tick(70.0) == [LimitReached()]


def test_a_tick_that_is_late_for_both_ends() -> None:
    assert running(120.0).tick(500.0) == [LimitReached()]


def test_without_a_limit_or_once_stopped_nothing_comes() -> None:
    assert running(None).deadline() is None
    machine = running(60.0)
    machine.receive(LimitStopped(), 20.0)
    assert machine.deadline() is None
    assert machine.tick(100.0) == []
    assert machine.receive(LimitStarted(), 100.0) == []


@pytest.mark.parametrize(("most", "warn"), [(0.0, 1.0), (float("inf"), 1.0), (10.0, -1.0)])
def test_what_cannot_work_is_refused(most: float, warn: float) -> None:
    with pytest.raises(ConfigError, match="seconds"):
        TimeLimitConfig(most=most, warn_before=warn)

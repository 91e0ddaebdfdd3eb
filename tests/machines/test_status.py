import pytest

from hookflash.errors import ConfigError
from hookflash.events.session import AgentState as A
from hookflash.events.session import UserState as U
from hookflash.events.status import (
    AgentIs,
    CallerActive,
    Doing,
    DoingBegan,
    DoingEnded,
    StatusStarted,
    UserIs,
)
from hookflash.machines.status import TRANSITIONS, StatusConfig, StatusMachine


def began(what: Doing) -> DoingBegan:
    return DoingBegan(what=what)


def ended(what: Doing) -> DoingEnded:
    return DoingEnded(what=what)


def started() -> StatusMachine:
    machine = StatusMachine()
    assert machine.receive(StatusStarted(), 0.0) == [AgentIs(old=A.STARTING, new=A.IDLE)]
    return machine


def test_what_goes_on_decides_what_the_agent_is_at_the_weightiest_first() -> None:
    machine = started()
    assert machine.receive(began(Doing.CALLER_SPEAKING), 1.0) == [
        AgentIs(old=A.IDLE, new=A.LISTENING),
        UserIs(old=U.IDLE, new=U.SPEAKING),
    ]
    assert machine.receive(began(Doing.THINKING), 2.0) == [AgentIs(old=A.LISTENING, new=A.THINKING)]
    assert machine.receive(began(Doing.TOOL), 3.0) == [AgentIs(old=A.THINKING, new=A.TOOL_RUNNING)]
    assert machine.receive(ended(Doing.CALLER_SPEAKING), 4.0) == [
        UserIs(old=U.SPEAKING, new=U.IDLE)
    ]
    assert machine.receive(began(Doing.AGENT_SPEAKING), 5.0) == [
        AgentIs(old=A.TOOL_RUNNING, new=A.SPEAKING),
        UserIs(old=U.IDLE, new=U.LISTENING),
    ]
    assert machine.receive(began(Doing.ON_HOLD), 6.0) == [AgentIs(old=A.SPEAKING, new=A.ON_HOLD)]
    assert machine.receive(began(Doing.TRANSFERRING), 7.0) == [
        AgentIs(old=A.ON_HOLD, new=A.TRANSFERRING)
    ]
    assert machine.receive(began(Doing.CLOSING), 8.0) == [
        AgentIs(old=A.TRANSFERRING, new=A.CLOSING)
    ]


def test_two_tools_at_once_are_two_beginnings_and_two_ends() -> None:
    machine = started()
    machine.receive(began(Doing.TOOL), 1.0)
    assert machine.receive(began(Doing.TOOL), 1.0) == []
    assert machine.receive(ended(Doing.TOOL), 2.0) == []
    assert machine.receive(ended(Doing.TOOL), 3.0) == [AgentIs(old=A.TOOL_RUNNING, new=A.IDLE)]
    assert machine.receive(ended(Doing.TOOL), 4.0) == []


def test_before_the_start_nothing_shows_and_afterwards_what_goes_on_does() -> None:
    machine = StatusMachine()
    assert machine.receive(began(Doing.THINKING), 0.0) == []
    assert machine.state is A.STARTING
    assert machine.deadline() is None
    assert machine.receive(StatusStarted(), 1.0) == [AgentIs(old=A.STARTING, new=A.THINKING)]


def test_closing_is_the_end_of_it() -> None:
    machine = started()
    machine.receive(began(Doing.CLOSING), 1.0)
    assert machine.receive(began(Doing.THINKING), 2.0) == []
    assert machine.receive(ended(Doing.CLOSING), 3.0) == []
    assert machine.state is A.CLOSING
    assert TRANSITIONS[A.CLOSING] == {}


def test_a_caller_of_whom_nothing_is_heard_is_away_until_they_are() -> None:
    machine = started()
    machine.receive(began(Doing.AGENT_SPEAKING), 1.0)
    assert machine.deadline() is None
    machine.receive(ended(Doing.AGENT_SPEAKING), 3.0)
    assert machine.deadline() == 18.0
    assert machine.tick(17.9) == []
    assert machine.tick(18.0) == [UserIs(old=U.IDLE, new=U.AWAY)]
    assert machine.deadline() is None
    assert machine.receive(began(Doing.AGENT_SPEAKING), 20.0) == [
        AgentIs(old=A.IDLE, new=A.SPEAKING)
    ], "what we say does not bring them back"
    assert machine.receive(CallerActive(), 21.0) == [UserIs(old=U.AWAY, new=U.LISTENING)]


def test_speaking_brings_a_caller_back() -> None:
    machine = started()
    machine.tick(15.0)
    assert machine.user is U.AWAY
    assert machine.receive(began(Doing.CALLER_SPEAKING), 16.0) == [
        AgentIs(old=A.IDLE, new=A.LISTENING),
        UserIs(old=U.AWAY, new=U.SPEAKING),
    ]


def test_nobody_is_ever_away_if_that_is_switched_off() -> None:
    machine = StatusMachine(StatusConfig(away_after=None))
    machine.receive(StatusStarted(), 0.0)
    assert machine.deadline() is None
    with pytest.raises(ConfigError, match="away_after is 0"):
        StatusConfig(away_after=0)

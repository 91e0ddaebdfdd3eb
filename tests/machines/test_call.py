"""One call's life, with what the carrier and the media path say as data."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import ConfigError
from hookflash.events.call import (
    AskCarrier,
    CallAnswered,
    CallCommand,
    CallEnded,
    CallEvent,
    CallRinging,
    CallState,
    CarrierStatus,
    Direction,
    EndCarrierCall,
    HangupRequested,
    LegLost,
    LegUp,
    MediaLent,
    Outcome,
)
from hookflash.machines.call import TRANSITIONS, CallConfig, CallMachine
from hookflash.sansio import Machine

INBOUND, OUTBOUND = Direction.INBOUND, Direction.OUTBOUND

type_check: Machine[CallEvent, CallCommand] = CallMachine(INBOUND)


def drive(
    machine: CallMachine, *steps: tuple[float, CallEvent], until: float = 1000.0
) -> list[tuple[float, CallCommand]]:
    """Feed the events, tick at every deadline, return each command with its time."""
    said: list[tuple[float, CallCommand]] = []

    def wait(moment: float) -> None:
        while (deadline := machine.deadline()) is not None and deadline <= moment:
            said.extend((deadline, command) for command in machine.tick(deadline))
            assert machine.deadline() != deadline, "a tick at the deadline must get past it"

    for moment, event in steps:
        wait(moment)
        said.extend((moment, command) for command in machine.receive(event, moment))
    wait(until)
    return said


def status(
    state: CallState, outcome: Outcome | None = None, cause: str | None = None
) -> CarrierStatus:
    return CarrierStatus(state=state, outcome=outcome, cause=cause)


DIALING = status(CallState.DIALING)
RINGING = status(CallState.RINGING)
ANSWERED = status(CallState.ANSWERED)
COMPLETED = status(CallState.ENDED, Outcome.COMPLETED)
STOPPED = LegLost(reason="peer_stopped")


def ended(
    outcome: Outcome, reason: str, duration: float = 0.0, cause: str | None = None
) -> CallEnded:
    return CallEnded(outcome=outcome, reason=reason, cause=cause, duration=duration)


HUNG_UP_AFTER_30 = ended(Outcome.COMPLETED, "caller_hung_up", 30.0)


# The usual call.


def test_an_outbound_call_is_dialled_rings_is_answered_and_ends() -> None:
    machine = CallMachine(OUTBOUND)
    said = drive(
        machine,
        (0.0, DIALING),
        (1.0, RINGING),
        (5.0, ANSWERED),
        (5.5, LegUp()),
        (35.0, STOPPED),
        (35.5, COMPLETED),
    )
    assert said == [
        (1.0, CallRinging()),
        (5.0, CallAnswered()),
        (35.5, HUNG_UP_AFTER_30),
    ]
    assert machine.state is CallState.ENDED


def test_an_inbound_call_rings_and_is_answered_by_its_leg() -> None:
    said = drive(
        CallMachine(INBOUND), (0.0, RINGING), (0.25, LegUp()), (30.25, COMPLETED), (30.5, STOPPED)
    )
    assert said == [
        (0.0, CallRinging()),
        (0.25, CallAnswered()),
        (30.25, HUNG_UP_AFTER_30),
    ]


def test_an_answer_passes_over_ringing_in_silence() -> None:
    said = drive(
        CallMachine(OUTBOUND),
        (0.0, DIALING),
        (1.0, ANSWERED),
        (1.25, RINGING),
        (1.5, DIALING),
        (1.75, LegUp()),
        (2.0, ANSWERED),
        until=500.0,
    )
    assert said == [(1.0, CallAnswered())]


def test_a_leg_answers_before_the_carrier_says_so() -> None:
    said = drive(
        CallMachine(OUTBOUND), (0.0, DIALING), (1.0, LegUp()), (2.0, ANSWERED), (2.0, LegUp())
    )
    assert said == [(1.0, CallAnswered())]


def test_a_report_of_a_state_that_carriers_do_not_report_is_ignored() -> None:
    machine = CallMachine(OUTBOUND)
    assert machine.receive(status(CallState.ENDING), 0.0) == []
    assert machine.state is CallState.DIALING
    assert machine.deadline() == 60.0


# Calls that nobody answers.


@pytest.mark.parametrize(
    "outcome", [Outcome.BUSY, Outcome.NO_ANSWER, Outcome.REJECTED, Outcome.FAILED]
)
def test_a_call_that_is_not_answered_ends_with_the_carriers_word(outcome: Outcome) -> None:
    said = drive(
        CallMachine(OUTBOUND),
        (0.0, DIALING),
        (1.0, RINGING),
        (4.0, status(CallState.ENDED, outcome, "486")),
    )
    assert said == [(1.0, CallRinging()), (4.0, ended(outcome, "carrier", cause="486"))]


@pytest.mark.parametrize(
    ("direction", "outcome"), [(INBOUND, Outcome.CANCELED), (OUTBOUND, Outcome.FAILED)]
)
def test_an_unanswered_end_without_an_outcome_is_named_by_who_phoned(
    direction: Direction, outcome: Outcome
) -> None:
    said = drive(CallMachine(direction), (0.0, status(CallState.ENDED)))
    assert said == [(0.0, ended(outcome, "carrier"))]


@pytest.mark.parametrize(("direction", "cancel"), [(INBOUND, False), (OUTBOUND, True)])
def test_a_call_that_rings_too_long_is_ended_as_not_answered(
    direction: Direction, cancel: bool
) -> None:
    said = drive(
        CallMachine(direction),
        (0.0, RINGING),
        (30.0, RINGING),
        (61.0, status(CallState.ENDED, Outcome.CANCELED, "487")),
    )
    assert said == [
        (0.0, CallRinging()),
        (60.0, EndCarrierCall(cancel=cancel)),
        (61.0, ended(Outcome.NO_ANSWER, "timeout", cause="487")),
    ]


def test_a_call_that_never_rings_is_ended_too() -> None:
    said = drive(CallMachine(OUTBOUND), (0.0, DIALING), (30.0, DIALING))
    assert said == [
        (60.0, EndCarrierCall(cancel=True)),
        (65.0, ended(Outcome.NO_ANSWER, "timeout")),
    ]


def test_the_first_ring_starts_the_ringing_time() -> None:
    said = drive(CallMachine(OUTBOUND), (0.0, DIALING), (50.0, RINGING), until=109.0)
    assert said == [(50.0, CallRinging())]


def test_an_answer_at_the_last_moment_is_an_answer() -> None:
    machine = CallMachine(OUTBOUND)
    machine.receive(RINGING, 0.0)
    assert machine.receive(ANSWERED, 60.5) == [CallAnswered()]


# The media path.


def test_an_answered_call_that_gets_no_leg_is_ended() -> None:
    said = drive(
        CallMachine(OUTBOUND), (0.0, DIALING), (5.0, ANSWERED), (10.0, ANSWERED), (21.0, COMPLETED)
    )
    assert said == [
        (5.0, CallAnswered()),
        (20.0, EndCarrierCall(cancel=False)),
        (21.0, ended(Outcome.FAILED, "no_media", 15.0)),
    ]


def test_a_far_end_that_stops_has_hung_up_even_if_the_carrier_never_says_so() -> None:
    said = drive(CallMachine(INBOUND), (0.0, LegUp()), (30.0, STOPPED))
    assert said == [(0.0, CallAnswered()), (32.0, HUNG_UP_AFTER_30)]


def test_how_a_stopped_call_ended_is_the_carriers_to_say() -> None:
    said = drive(
        CallMachine(INBOUND),
        (0.0, LegUp()),
        (30.0, STOPPED),
        (31.0, status(CallState.ENDED, Outcome.FAILED, "500")),
    )
    assert said == [
        (0.0, CallAnswered()),
        (31.0, ended(Outcome.FAILED, "carrier", 30.0, "500")),
    ]


def test_a_stopped_call_that_ended_without_an_outcome_was_hung_up() -> None:
    said = drive(
        CallMachine(INBOUND), (0.0, LegUp()), (30.0, STOPPED), (31.0, status(CallState.ENDED))
    )
    assert said == [(0.0, CallAnswered()), (31.0, HUNG_UP_AFTER_30)]


def test_a_socket_closed_by_the_peer_is_a_hang_up_if_the_carrier_says_that_it_ended() -> None:
    said = drive(
        CallMachine(INBOUND),
        (0.0, LegUp()),
        (30.0, LegLost(reason="peer_closed")),
        (31.0, COMPLETED),
    )
    assert said == [(0.0, CallAnswered()), (31.0, HUNG_UP_AFTER_30)]


def test_a_socket_closed_by_the_peer_is_a_lost_link_if_the_carrier_says_nothing() -> None:
    said = drive(
        CallMachine(INBOUND),
        (0.0, LegUp()),
        (30.0, LegLost(reason="peer_closed")),
        (33.0, COMPLETED),
    )
    assert said == [
        (0.0, CallAnswered()),
        (32.0, EndCarrierCall(cancel=False)),
        (33.0, ended(Outcome.FAILED, "link_lost", 30.0)),
    ]


@pytest.mark.parametrize("reason", ["link_lost", "protocol", "something new"])
def test_a_call_whose_link_is_lost_is_ended_by_us(reason: str) -> None:
    said = drive(CallMachine(INBOUND), (0.0, LegUp()), (30.0, LegLost(reason=reason)))
    assert said == [
        (0.0, CallAnswered()),
        (30.0, EndCarrierCall(cancel=False)),
        (35.0, ended(Outcome.FAILED, "link_lost", 30.0)),
    ]


def test_a_leg_that_we_closed_without_a_hang_up_leaves_nobody_with_the_caller() -> None:
    said = drive(
        CallMachine(INBOUND),
        (0.0, LegUp()),
        (30.0, LegLost(reason="we_closed")),
        (30.0, HangupRequested(reason="goodbye")),
        (30.5, COMPLETED),
    )
    assert said == [
        (0.0, CallAnswered()),
        (30.0, EndCarrierCall(cancel=False)),
        (30.5, ended(Outcome.COMPLETED, "hangup", 30.0)),
    ]


def test_a_leg_lost_before_the_answer_is_ignored() -> None:
    machine = CallMachine(OUTBOUND)
    said = drive(machine, (0.0, RINGING), (1.0, STOPPED), until=30.0)
    assert said == [(0.0, CallRinging())]
    assert machine.state is CallState.RINGING


# Our own hang-up.


def test_a_hang_up_ends_the_carriers_call_once_and_waits_for_its_word() -> None:
    said = drive(
        CallMachine(INBOUND),
        (0.0, LegUp()),
        (30.0, HangupRequested(reason="goodbye")),
        (30.0, HangupRequested()),
        (30.0, LegLost(reason="we_closed")),
        (30.5, ANSWERED),
        (31.0, status(CallState.ENDED, Outcome.COMPLETED, "16")),
        (31.0, COMPLETED),
    )
    assert said == [
        (0.0, CallAnswered()),
        (30.0, EndCarrierCall(cancel=False)),
        (31.0, ended(Outcome.COMPLETED, "goodbye", 30.0, "16")),
    ]


def test_a_hang_up_because_a_machine_has_answered_is_an_outcome_of_its_own() -> None:
    said = drive(
        CallMachine(OUTBOUND),
        (0.0, LegUp()),
        (30.0, HangupRequested(reason="voicemail")),
        (31.0, COMPLETED),
    )
    assert said == [
        (0.0, CallAnswered()),
        (30.0, EndCarrierCall(cancel=False)),
        (31.0, ended(Outcome.VOICEMAIL, "voicemail", 30.0)),
    ]


def test_a_hang_up_that_the_carrier_never_confirms_ends_the_call_all_the_same() -> None:
    said = drive(CallMachine(INBOUND), (0.0, LegUp()), (30.0, HangupRequested()))
    assert said == [
        (0.0, CallAnswered()),
        (30.0, EndCarrierCall(cancel=False)),
        (35.0, ended(Outcome.COMPLETED, "hangup", 30.0)),
    ]


@pytest.mark.parametrize(("direction", "cancel"), [(INBOUND, False), (OUTBOUND, True)])
@pytest.mark.parametrize("first", [DIALING, RINGING])
def test_a_hang_up_before_the_answer_cancels(
    direction: Direction, cancel: bool, first: CarrierStatus
) -> None:
    said = drive(CallMachine(direction), (0.0, first), (5.0, HangupRequested()), (6.0, LegUp()))
    assert said[-2:] == [
        (5.0, EndCarrierCall(cancel=cancel)),
        (10.0, ended(Outcome.CANCELED, "hangup")),
    ]


def test_a_hang_up_after_the_far_end_stopped_changes_nothing() -> None:
    said = drive(CallMachine(INBOUND), (0.0, LegUp()), (30.0, STOPPED), (30.5, HangupRequested()))
    assert said == [(0.0, CallAnswered()), (32.0, HUNG_UP_AFTER_30)]


def test_nothing_follows_the_end() -> None:
    machine = CallMachine(INBOUND)
    drive(machine, (0.0, COMPLETED))
    for event in (DIALING, RINGING, ANSWERED, COMPLETED, LegUp(), STOPPED, HangupRequested()):
        assert machine.receive(event, 1.0) == []
    assert machine.tick(1000.0) == []
    assert machine.deadline() is None


def test_an_early_tick_does_nothing() -> None:
    machine = CallMachine(OUTBOUND)
    assert machine.tick(0.0) == []
    machine.receive(RINGING, 0.0)
    assert machine.tick(59.75) == []
    assert machine.state is CallState.RINGING


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("setting", ["ring_timeout", "leg_timeout", "hangup_timeout", "settle"])
def test_a_time_that_cannot_be_is_refused_by_its_name(setting: str, value: float) -> None:
    times: Mapping[str, float] = {setting: value}
    with pytest.raises(ConfigError, match=setting):
        CallConfig(**times)


def test_the_times_are_the_configured_ones() -> None:
    config = CallConfig(ring_timeout=20.0, leg_timeout=3.0, hangup_timeout=1.0, settle=0.5)
    ringing = CallMachine(OUTBOUND, config)
    ringing.receive(RINGING, 0.0)
    answered = CallMachine(OUTBOUND, config)
    answered.receive(ANSWERED, 0.0)
    stopped = CallMachine(OUTBOUND, config)
    stopped.receive(LegUp(), 0.0)
    stopped.receive(STOPPED, 0.0)
    ending = CallMachine(OUTBOUND, config)
    ending.receive(HangupRequested(), 0.0)
    machines = (ringing, answered, stopped, ending)
    assert [machine.deadline() for machine in machines] == [20.0, 3.0, 0.5, 1.0]


# Any events at any times.

EVENTS: st.SearchStrategy[CallEvent | None] = st.one_of(
    st.just(None),
    st.builds(
        CarrierStatus,
        state=st.sampled_from(CallState),
        outcome=st.one_of(st.none(), st.sampled_from(Outcome)),
        sequence=st.one_of(st.none(), st.integers(0, 5)),
    ),
    st.just(LegUp()),
    st.builds(
        LegLost,
        reason=st.sampled_from(
            ["peer_stopped", "peer_closed", "link_lost", "we_closed", "protocol", ""]
        ),
    ),
    st.just(HangupRequested()),
)
STEPS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 2.0, 5.0, 15.0, 60.0]), EVENTS), max_size=15)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(Direction), STEPS)
def test_for_any_events_a_call_says_each_thing_once_in_order_and_ends(
    direction: Direction, steps: list[tuple[float, CallEvent | None]]
) -> None:
    machine, fresh = CallMachine(direction), CallMachine(direction)
    said: list[CallCommand] = []
    now = 0.0

    def feed(event: CallEvent | None) -> None:
        before = machine.state
        if event is None:
            commands = machine.tick(now)
            assert fresh.tick(now) == commands
        else:
            commands = machine.receive(event, now)
            assert fresh.receive(event, now) == commands
        name = "tick" if event is None else event.name
        assert machine.state in TRANSITIONS[before].get(name, (before,))
        said.extend(commands)

    for after, event in steps:
        now += after
        feed(event)
    if machine.state is not CallState.ENDED:
        feed(HangupRequested())
    for _ in range(3):
        deadline = machine.deadline()
        if deadline is not None:
            now = max(now, deadline)
            feed(None)
    assert machine.state is CallState.ENDED
    assert machine.deadline() is None

    kinds = [type(command) for command in said]
    assert kinds.count(EndCarrierCall) <= 1
    lifecycle = [kind for kind in kinds if kind is not EndCarrierCall]
    order = [CallRinging, CallAnswered, CallEnded]
    assert lifecycle == [kind for kind in order if kind in lifecycle]
    assert kinds[-1] is CallEnded
    end = said[-1]
    assert isinstance(end, CallEnded)
    assert end.duration >= 0.0
    if CallAnswered not in kinds:
        assert end.duration == 0.0


@settings(max_examples=100, deadline=None)
@given(
    st.permutations([DIALING, RINGING, ANSWERED, RINGING, ANSWERED]),
    st.integers(0, 5),
)
def test_reports_in_any_order_lead_to_the_same_end(
    reports: list[CarrierStatus], leg_up_after: int
) -> None:
    machine = CallMachine(OUTBOUND)
    events: list[CallEvent] = [*reports]
    events.insert(leg_up_after, LegUp())
    steps = [(0.0, event) for event in events]
    said = drive(machine, *steps, (30.0, STOPPED), (30.0, COMPLETED), (30.0, RINGING))
    assert [command for _, command in said if command != CallRinging()] == [
        CallAnswered(),
        HUNG_UP_AFTER_30,
    ]


# Calls whose media the carrier has.


def test_a_call_whose_media_is_lent_goes_on_without_it_and_the_carrier_ends_it() -> None:
    machine = CallMachine(INBOUND)
    said = drive(
        machine, (0.0, LegUp()), (10.0, MediaLent()), (10.5, STOPPED), (30.0, COMPLETED), until=50.0
    )
    assert said == [(0.0, CallAnswered()), (30.0, HUNG_UP_AFTER_30)]


def test_a_call_whose_media_is_back_ends_with_it_again() -> None:
    machine = CallMachine(OUTBOUND)
    said = drive(
        machine,
        (0.0, LegUp()),
        (10.0, MediaLent()),
        (20.0, LegUp()),
        (30.0, STOPPED),
        (30.5, COMPLETED),
        until=500.0,
    )
    assert said == [(0.0, CallAnswered()), (30.5, HUNG_UP_AFTER_30)]


def test_a_call_that_was_lent_is_ended_when_its_media_stops_and_no_report_comes() -> None:
    machine = CallMachine(INBOUND)
    said = drive(
        machine,
        (0.0, LegUp()),
        (10.0, MediaLent()),
        (20.0, LegUp()),
        (30.0, STOPPED),
        until=500.0,
    )
    assert said == [
        (0.0, CallAnswered()),
        (32.0, EndCarrierCall(cancel=False)),
        (37.0, HUNG_UP_AFTER_30),
    ]


def test_a_call_that_the_carrier_has_is_ended_twice_if_it_does_not_say_that_it_is_over() -> None:
    machine = CallMachine(INBOUND)
    said = drive(
        machine,
        (0.0, LegUp()),
        (10.0, MediaLent()),
        (20.0, HangupRequested()),
        until=500.0,
    )
    assert said == [
        (0.0, CallAnswered()),
        (20.0, EndCarrierCall(cancel=False)),
        (25.0, EndCarrierCall(cancel=False)),
        (30.0, ended(Outcome.COMPLETED, "hangup", 20.0)),
    ]


def test_the_carrier_is_asked_again_and_again_about_a_call_that_it_has() -> None:
    machine = CallMachine(INBOUND)
    said = drive(machine, (0.0, LegUp()), (10.0, MediaLent()), (45.0, ANSWERED), until=80.0)
    assert said == [(0.0, CallAnswered()), (40.0, AskCarrier()), (70.0, AskCarrier())]


def test_a_call_that_the_carrier_has_can_be_hung_up() -> None:
    said = drive(
        CallMachine(OUTBOUND),
        (0.0, LegUp()),
        (10.0, MediaLent()),
        (20.0, HangupRequested()),
        (20.5, COMPLETED),
    )
    assert said == [
        (0.0, CallAnswered()),
        (20.0, EndCarrierCall(cancel=False)),
        (20.5, ended(Outcome.COMPLETED, "hangup", 20.0)),
    ]


def test_each_move_in_the_table_can_be_made() -> None:
    made: set[tuple[CallState, str, CallState]] = set()
    firsts: list[list[CallEvent]] = [
        [],
        [DIALING],
        [RINGING],
        [ANSWERED],
        [LegUp(), LegLost(reason="peer_closed")],
        [LegUp(), MediaLent()],
        [HangupRequested()],
        [COMPLETED],
    ]
    events = (
        DIALING,
        RINGING,
        ANSWERED,
        COMPLETED,
        LegUp(),
        STOPPED,
        MediaLent(),
        HangupRequested(),
    )
    for first in firsts:
        for event, now in [*((event, 1.0) for event in events), (None, 0.0), (None, 1000.0)]:
            machine = CallMachine(OUTBOUND)
            for one in first:
                machine.receive(one, 0.0)
            before = machine.state
            name = "tick" if event is None else event.name
            if event is None:
                machine.tick(now)
            else:
                machine.receive(event, now)
            if name in TRANSITIONS[before]:
                made.add((before, name, machine.state))
    assert made == {
        (before, name, after)
        for before, row in TRANSITIONS.items()
        for name, afters in row.items()
        for after in afters
    }

"""What holds whatever is reported, in whatever order, from every state that can be reached."""

import copy
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.events.call import Outcome
from hookflash.events.transfer import (
    BeginBriefing,
    BeginScreening,
    BridgeConfirmed,
    BridgeFailed,
    BriefingDeclined,
    BriefingDone,
    BriefingFailed,
    CancelDial,
    Dial,
    DialRefused,
    EndLeg,
    FinishTransfer,
    HoldCaller,
    HoldLineHeard,
    Introduce,
    IntroductionDone,
    LegAnswered,
    LegCreated,
    LegEnded,
    LegRinging,
    Merge,
    PrepareFailed,
    ReturnCaller,
    SayHoldLine,
    SessionEnding,
    SummaryFailed,
    SummaryReady,
    SupervisorJudged,
    SupervisorPressed,
    SupervisorSpoke,
    TellAttempt,
    TellPhase,
    TransferCommand,
    TransferEvent,
    TransferPrepared,
    TransferRequested,
    UndoMerge,
    WarmTransferPhase,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.events.turn import CallerLeft, DigitReceived, TranscriptFinal
from hookflash.events.voicemail import VoicemailVerdict
from hookflash.machines.transfer import TRANSITIONS, TransferMachine, TransferState
from hookflash.machines.transfer_config import TransferConfig, TransferTarget
from hookflash.runtime.replay import replay
from hookflash.runtime.tape import Tape

TERMINAL = {
    WarmTransferPhase.TRANSFER_COMPLETE,
    WarmTransferPhase.TRANSFER_CANCELLED,
    WarmTransferPhase.TRANSFER_FAILED,
}
PREPARED = TransferPrepared(caller_call_id="CA-caller", room_id="room", fallback_summary="Rules.")


def of_leg(target: int) -> list[TransferEvent]:
    """All that may be reported of one leg."""
    return [
        LegCreated(target=target, call_id=f"CA-{target}"),
        DialRefused(target=target),
        LegRinging(target=target),
        LegAnswered(target=target),
        LegEnded(target=target, outcome=Outcome.BUSY),
        LegEnded(target=target, outcome=Outcome.COMPLETED),
        SupervisorSpoke(target=target),
        SupervisorPressed(target=target, digit="1"),
        SupervisorPressed(target=target, digit="2"),
        SupervisorJudged(target=target, verdict=VoicemailVerdict.HUMAN),
        SupervisorJudged(target=target, verdict=VoicemailVerdict.MACHINE),
        SupervisorJudged(target=target, verdict=VoicemailVerdict.UNKNOWN),
        BriefingDone(target=target),
        BriefingDeclined(target=target, reason="busy"),
        BriefingFailed(target=target),
        BridgeConfirmed(target=target),
        BridgeFailed(target=target),
    ]


OF_NO_LEG: list[TransferEvent] = [
    TransferRequested(),
    PREPARED,
    PrepareFailed(reason=WarmTransferReason.NOT_A_PHONE_CALL),
    HoldLineHeard(),
    SummaryReady(summary="Model."),
    SummaryFailed(),
    IntroductionDone(),
    CallerLeft(),
    DigitReceived(digit="*"),
    DigitReceived(digit="5"),
    TranscriptFinal(text="never mind"),
    TranscriptFinal(text="hello"),
    SessionEnding(),
]
ONE = TransferConfig()
TWO_TARGETS = (TransferTarget(ring_timeout=20.0), TransferTarget(ring_timeout=60.0))
CONFIGS = [
    ONE,
    TransferConfig(
        key_only=True, introduction="Hello both.", compat_order=True, briefing_timeout_connects=True
    ),
    TransferConfig(targets=TWO_TARGETS, judged=False, introduction="Hello both."),
    TransferConfig(targets=TWO_TARGETS, together=True, screen_within=15.0),
]


@dataclass
class Far:
    """What became of one call, as the carrier sees it."""

    exists: bool = False
    answered: bool = False
    over: bool = False
    ended_by_us: bool = False


@dataclass
class World:
    """A machine, and what its commands do to the caller and the calls."""

    config: TransferConfig
    now: float = 0.0
    calls: dict[int, Far] = field(default_factory=dict)
    caller_hears: str = "agent"
    caller_there: bool = True
    bridged: int | None = None
    proofs: set[int] = field(default_factory=set)
    silent_at_first: set[int] = field(default_factory=set)
    said: list[TransferCommand] = field(default_factory=list)
    result: WarmTransferResult | None = None
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.machine = TransferMachine(self.config)
        self.tape = Tape()
        self.tape.open_machine(0.0, "transfer", "TransferMachine", self.config)

    def feed(self, event: TransferEvent | None) -> None:
        before, name = self.machine.state, "tick" if event is None else event.name
        if event is not None:
            due = 1
            self._happens(event)
            commands = self.machine.receive(event, self.now)
        else:
            due = sum(moment <= self.now for moment, _ in self.machine._waits())
            commands = self.machine.tick(self.now)
        after = self.machine.state
        if name not in TRANSITIONS[before]:
            assert (commands, after) == ([], before)
        elif due == 1:
            self.seen.add((before, name, after))
        self.tape.write(self.now, "transfer", event, commands)
        for command in commands:
            self._obeys(command)
        assert (self.machine.deadline() is None) == (
            after in (TransferState.WAITING, TransferState.DONE)
        )
        deadline = self.machine.deadline()
        assert deadline is None or deadline > self.now or event is not None
        if after is not TransferState.DONE and after is not TransferState.PREPARING:
            waits = "agent" if after is TransferState.WAITING else "music"
            together = after in (TransferState.INTRODUCING, TransferState.MERGED)
            assert self.caller_hears == ("bridge" if together else waits)

    def _happens(self, event: TransferEvent) -> None:
        """Keep the account of the far ends, whatever the machine makes of the event."""
        if isinstance(event, CallerLeft) and self.machine.state is not TransferState.WAITING:
            self.caller_there = False
        far = self.calls.get(getattr(event, "target", -1))
        if far is None or far.over:
            return
        match event:
            case LegCreated():
                far.exists, far.ended_by_us = True, far.ended_by_us and far.answered
            case LegAnswered() if not far.answered:
                far.exists = far.answered = True
                far.ended_by_us = False
            case LegEnded():
                far.over = True
            case DialRefused() if not far.answered:
                far.over = True
            case SupervisorJudged():
                if event.verdict is VoicemailVerdict.HUMAN and not self.config.key_only:
                    self.proofs.add(event.target)
                if event.verdict is VoicemailVerdict.UNKNOWN:
                    self.silent_at_first.add(event.target)
            case SupervisorPressed() if far.answered and event.digit == "1":
                self.proofs.add(event.target)
            case SupervisorSpoke() if far.answered and not self.config.key_only:
                if not self.config.judged or event.target in self.silent_at_first:
                    self.proofs.add(event.target)
            case BridgeConfirmed() if self.machine.state is TransferState.MERGING:
                if event.target == self.bridged:
                    self.caller_hears = "bridge"
            case _:
                pass

    def _obeys(self, command: TransferCommand) -> None:
        self.said.append(command)
        if self.result is not None:
            assert isinstance(command, CancelDial | EndLeg)
        if isinstance(
            command,
            CancelDial | EndLeg | BeginScreening | BeginBriefing | Merge | Introduce | UndoMerge,
        ):
            assert command.target in self.calls
        match command:
            case HoldCaller():
                assert self.caller_hears == "agent"
                self.caller_hears = "music"
            case Dial():
                assert command.target not in self.calls
                assert self.caller_hears == "music"
                self.calls[command.target] = Far()
            case CancelDial():
                assert not self.calls[command.target].answered
                self.calls[command.target].ended_by_us = True
            case EndLeg():
                assert self.calls[command.target].answered
                self.calls[command.target].ended_by_us = True
            case BeginScreening():
                assert self.calls[command.target].answered
            case BeginBriefing():
                assert command.target in self.proofs
                assert command.summary
            case Merge():
                assert command.target in self.proofs
                self.bridged = command.target
            case UndoMerge():
                assert self.bridged == command.target
                self.bridged, self.caller_hears = None, "music"
            case ReturnCaller():
                assert self.caller_there
                assert self.caller_hears == "music"
                self.caller_hears = "agent"
            case FinishTransfer():
                self.result = command.result
            case _:
                pass

    def late(self) -> None:
        """Time passes until nothing more is waited for."""
        for _ in range(50):
            deadline = self.machine.deadline()
            if deadline is None:
                return
            self.now = max(self.now, deadline)
            self.feed(None)
        raise AssertionError("the deadlines never end")

    def check_end(self) -> None:
        """Check that everybody is somewhere, and every call is ended or the caller's."""
        if self.machine.state is TransferState.WAITING:
            assert self.said == []
            return
        assert self.machine.state is TransferState.DONE
        result = self.result
        assert result is not None
        terminal = [
            one.phase for one in self.said if isinstance(one, TellPhase) and one.phase in TERMINAL
        ]
        assert terminal == [result.phase]
        assert sum(isinstance(one, FinishTransfer) for one in self.said) == 1
        assert sum(isinstance(one, SayHoldLine) for one in self.said) <= 1
        told = [one.attempt for one in self.said if isinstance(one, TellAttempt)]
        assert sorted(one.target for one in told) == sorted(self.calls)
        assert {one.target: one for one in told} == {one.target: one for one in result.attempts}
        for attempt in result.attempts:
            assert (attempt.reason is None) == (attempt.ended_at is None)
        # The orders to dial that were on their way arrive; some are even answered.
        for target in list(self.calls):
            self.feed(LegCreated(target=target, call_id=f"CA-{target}"))
            if target % 2:
                self.feed(LegAnswered(target=target))
        for target, far in self.calls.items():
            kept = result.success and target == self.bridged
            assert far.over or kept or (far.exists and far.ended_by_us), target
            assert not (kept and far.ended_by_us)
        if result.success:
            assert self.caller_hears == "bridge"
            assert self.bridged is not None
        elif self.caller_there:
            assert self.caller_hears == "agent"
            assert result.switched_call_id is None


# Any events at any times.


@dataclass(frozen=True)
class Step:
    """One thing that happens `after` seconds after the one before."""

    after: float
    event: TransferEvent | None


PATH: list[TransferEvent] = [
    TransferRequested(),
    PREPARED,
    SummaryReady(summary="Model."),
    HoldLineHeard(),
    LegCreated(target=0, call_id="CA-0"),
    LegRinging(target=0),
    LegAnswered(target=0),
    SupervisorPressed(target=0, digit="1"),
    SupervisorPressed(target=0, digit="1"),
    BridgeConfirmed(target=0),
    IntroductionDone(),
]
# Target 2 does not exist.
EVERYTHING = [*OF_NO_LEG, *(event for target in range(3) for event in of_leg(target))]
STEPS = st.lists(
    st.builds(
        Step,
        after=st.one_of(
            st.just(0.0), st.sampled_from([0.5, 2.0, 8.0, 20.0, 30.0]), st.floats(0.0, 200.0)
        ),
        event=st.one_of(st.none(), st.sampled_from(EVERYTHING)),
    ),
    max_size=25,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(CONFIGS), st.integers(0, len(PATH)), STEPS, st.booleans())
def test_no_order_of_events_leaves_anybody_behind(
    config: TransferConfig, begun: int, steps: Sequence[Step], punctual: bool
) -> None:
    world = World(config)
    for event in PATH[:begun]:
        world.now += 0.25
        world.feed(event)
    for step in steps:
        until = world.now + step.after
        while punctual and (deadline := world.machine.deadline()) is not None:
            if deadline > until:
                break
            world.now = max(world.now, deadline)
            world.feed(None)
        world.now = until
        world.feed(step.event)
    world.late()
    world.check_end()
    assert replay(world.tape.lines()).differences == ()


# Every event in every state.


def fingerprint(world: World) -> str:
    """What the machine's future depends on, but for the moments."""
    machine = world.machine
    legs: list[object] = []
    for leg in machine._legs.values():
        if leg.live:
            legs.append(
                (leg.stage, leg.verdict, leg.pressed, leg.told, leg.attempt.call_id is None)
            )
        else:
            legs.append((leg.stage, leg.answered))
    person = None if machine._person is None else machine._person.target
    if machine.state is TransferState.DONE:
        return json.dumps([machine.state, legs, world.caller_there])
    rest = (
        machine._hold_line_heard,
        machine._summary is None,
        machine._briefing_since is None,
        world.caller_there,
    )
    return json.dumps([machine.state, legs, person, *rest])


def branch(world: World) -> World:
    """Return a copy that may go another way. (Deep copies take ten times as long.)"""
    other = copy.copy(world)
    other.calls = {target: copy.copy(far) for target, far in world.calls.items()}
    other.proofs, other.silent_at_first = set(world.proofs), set(world.silent_at_first)
    other.said, other.seen, other.tape = list(world.said), set(), Tape()
    machine = other.machine = copy.copy(world.machine)
    machine._legs = {target: copy.copy(leg) for target, leg in world.machine._legs.items()}
    if machine._person is not None:
        machine._person = machine._legs[machine._person.target]
    if machine._last is not None:
        machine._last = machine._legs[machine._last.target]
    return other


def explore(config: TransferConfig, events: Sequence[TransferEvent]) -> list[World]:
    """Return a world for each state, in all its detail, that any order of the events leads to."""
    begin = World(config)
    found = {fingerprint(begin): begin}
    queue = deque([begin])
    while queue:
        world = queue.popleft()
        for event in (None, *events):
            following = branch(world)
            if event is None:
                following.now = following.machine.deadline() or following.now
            following.feed(event)
            world.seen |= following.seen
            mark = fingerprint(following)
            if mark not in found:
                found[mark] = following
                queue.append(following)
    return list(found.values())


SEEN_WITH_ONE: list[TransferEvent] = [
    event
    for target in range(2)
    for event in (
        LegCreated(target=target, call_id=f"CA-{target}"),
        LegEnded(target=target, outcome=Outcome.BUSY),
        SupervisorJudged(target=target, verdict=VoicemailVerdict.UNKNOWN),
    )
]


def test_from_every_state_that_can_be_reached_everybody_gets_somewhere() -> None:
    seen: set[tuple[str, str, str]] = set()
    for config in CONFIGS:
        targets = range(len(config.targets))
        events = [*OF_NO_LEG, *(event for target in targets for event in of_leg(target))]
        if len(targets) > 1:  # what changes nothing between them was seen with one
            events = [event for event in events if event not in SEEN_WITH_ONE]
        for world in explore(config, events):
            seen |= world.seen
            world.late()
            world.check_end()
    # And the table is exact: all that it allows was seen.
    assert seen == {
        (before, name, after)
        for before, row in TRANSITIONS.items()
        for name, following in row.items()
        for after in following
    }

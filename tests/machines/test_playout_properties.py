"""What holds for every order of events, and against a peer that plays what it is sent."""

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import UsageError
from hookflash.events.playout import (
    AudioQueued,
    AudioSent,
    MarkPassed,
    PlaceMark,
    PlayoutCleared,
    PlayoutClosed,
    PlayoutCommand,
    PlayoutEvent,
    PlayoutHeld,
    UtteranceClosed,
    UtteranceFinished,
    UtteranceStarted,
)
from hookflash.machines.playout import PlayoutConfig, PlayoutMachine, PlayoutState

# Any events at any times.

NAMES = ("a", "b", "c", "d")


@dataclass(frozen=True)
class Step:
    """One thing that happens `after` seconds after the one before."""

    after: float
    kind: str
    who: str
    amount: float


KINDS = (
    *("queue", "queue", "close", "send", "send", "send"),
    *("mark", "mark", "junk", "hold", "clear", "drop", "wait", "tick"),
)
STEPS = st.lists(
    st.builds(
        Step,
        after=st.one_of(
            st.just(0.0), st.sampled_from([0.02, 0.25, 1.0, 2.25]), st.floats(0.0, 5.0)
        ),
        kind=st.sampled_from(KINDS),
        who=st.sampled_from(NAMES),
        amount=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0)),
    ),
    max_size=40,
)
CONFIGS = st.builds(
    PlayoutConfig,
    marks=st.booleans(),
    mark_every_ms=st.sampled_from([20.0, 333.3, 1000.0]),
    mark_tolerance=st.sampled_from([0.0, 0.25, 3.0]),
    finish_grace=st.sampled_from([0.0, 0.1, 2.0]),
)


@dataclass
class Play:
    """A machine, its tape, and what every step is checked against."""

    config: PlayoutConfig
    now: float = 0.0
    queued: dict[str, float] = field(default_factory=dict)
    finished: dict[str, UtteranceFinished] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    most: dict[str, float] = field(default_factory=dict)
    tape: list[tuple[float, PlayoutEvent | None]] = field(default_factory=list)
    commands: list[list[PlayoutCommand]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine = PlayoutMachine(self.config)

    def feed(self, event: PlayoutEvent | None) -> None:
        if event is None:
            commands = list(self.machine.tick(self.now))
        else:
            try:
                commands = list(self.machine.receive(event, self.now))
            except UsageError:
                # Only our own player can be wrong.
                assert isinstance(event, AudioQueued | UtteranceClosed | AudioSent)
                return
        self.tape.append((self.now, event))
        self.commands.append(commands)
        if isinstance(event, AudioQueued) and event.utterance not in self.finished:
            self.queued[event.utterance] = self.queued.get(event.utterance, 0.0) + event.ms
        for command in commands:
            match command:
                case PlaceMark():
                    assert self.config.marks
                    assert command.mark not in self.marks
                    self.marks.append(command.mark)
                case UtteranceStarted():
                    assert command.utterance not in self.started
                    assert command.utterance not in self.finished
                    self.started.append(command.utterance)
                case UtteranceFinished():
                    assert command.utterance not in self.finished
                    assert command.total_ms == self.queued[command.utterance]
                    assert command.played_ms == self.machine.heard_ms(command.utterance, self.now)
                    assert command.played_ms == 0 or command.utterance in self.started
                    if not command.interrupted:
                        assert command.played_ms == command.total_ms
                    self.finished[command.utterance] = command
        self.check()

    def check(self) -> None:
        for name, queued in self.queued.items():
            heard = self.machine.heard_ms(name, self.now)
            assert 0 <= heard <= self.machine.sent_ms(name) <= queued
            # An overdue mark takes back what the clock ran ahead of it, and no more.
            most = self.most.get(name, 0.0)
            doubt = self.config.mark_tolerance * 1000 + 1e-6 if self.config.marks else 0.0
            assert heard >= most - doubt
            self.most[name] = max(most, heard)
        deadline = self.machine.deadline()
        assert deadline is None or deadline > self.now

    def follow(self, step: Step) -> None:
        self.now += step.after
        match step.kind:
            case "queue":
                self.feed(AudioQueued(utterance=step.who, ms=2000.0 * step.amount))
            case "close":
                self.feed(UtteranceClosed(utterance=step.who))
            case "send":
                left = self.queued.get(step.who, 100.0)
                if step.who in self.queued:
                    left -= self.machine.sent_ms(step.who)
                began = self.now - step.after * step.amount
                self.feed(AudioSent(utterance=step.who, ms=left * step.amount, began=began))
            case "mark":
                if self.marks:
                    place = round(step.amount * (len(self.marks) - 1))
                    self.feed(MarkPassed(mark=self.marks[place]))
            case "junk":
                self.feed(MarkPassed(mark=step.who))
            case "hold":
                before = {
                    name: self.machine.heard_ms(name, self.now)
                    for name in self.queued
                    if self.machine.state is not PlayoutState.CLOSED
                }
                self.feed(PlayoutHeld())
                for name, heard in before.items():
                    assert self.machine.heard_ms(name, self.now) >= heard
            case "clear":
                self.feed(PlayoutCleared())
            case "drop":
                self.feed(PlayoutCleared(utterance=step.who))
            case "wait":
                for _ in range(200):
                    deadline = self.machine.deadline()
                    if deadline is None:
                        break
                    self.now = max(self.now, deadline)
                    self.feed(None)
                else:
                    raise AssertionError("the deadlines never end")
            case _:
                self.feed(None)


@settings(max_examples=300, deadline=None)
@given(CONFIGS, STEPS)
def test_no_order_of_events_breaks_the_account(config: PlayoutConfig, steps: list[Step]) -> None:
    play = Play(config)
    for step in steps:
        play.follow(step)
    play.feed(PlayoutClosed())
    assert set(play.finished) == set(play.queued)
    assert play.machine.deadline() is None
    for step in steps:
        play.follow(step)
    assert set(play.finished) == set(play.queued)

    fresh = PlayoutMachine(config)
    replayed = [
        list(fresh.tick(now) if event is None else fresh.receive(event, now))
        for now, event in play.tape
    ]
    assert replayed == play.commands


@settings(max_examples=100, deadline=None)
@given(CONFIGS, STEPS)
def test_what_is_all_sent_and_closed_ends_without_help(
    config: PlayoutConfig, steps: list[Step]
) -> None:
    play = Play(config)
    for step in steps:
        play.follow(step)
    for name in list(play.queued):
        if name not in play.finished:
            play.feed(UtteranceClosed(utterance=name))
            play.follow(Step(after=0.0, kind="send", who=name, amount=1.0))
    play.follow(Step(after=0.0, kind="wait", who="a", amount=0.0))
    assert play.machine.state is PlayoutState.IDLE
    assert set(play.finished) == set(play.queued)


# A peer that plays what it is sent, one millisecond at a time.


@dataclass
class Peer:
    """A FIFO of audio and marks at the far end of a line with a delay; times in whole ms."""

    delay: int
    on_the_way: deque[tuple[int, str, str, int]] = field(default_factory=deque)
    coming_back: deque[tuple[int, str]] = field(default_factory=deque)
    buffer: deque[tuple[str, str]] = field(default_factory=deque)
    played: dict[str, int] = field(default_factory=dict)

    def send(self, now: int, kind: str, what: str = "", count: int = 1) -> None:
        self.on_the_way.append((now + self.delay, kind, what, count))

    def live(self, now: int) -> None:
        """Take in what arrives at `now`, then play for one millisecond."""
        while self.on_the_way and self.on_the_way[0][0] == now:
            _, kind, what, count = self.on_the_way.popleft()
            if kind == "clear":
                marks = [name for kind, name in self.buffer if kind == "mark"]
                self.coming_back.extend((now + self.delay, name) for name in marks)
                self.buffer.clear()
            else:
                self.buffer.extend([(kind, what)] * count)
        self.return_marks(now)
        if self.buffer:
            _, utterance = self.buffer.popleft()
            self.played[utterance] = self.played.get(utterance, 0) + 1
        self.return_marks(now + 1)

    def return_marks(self, now: int) -> None:
        while self.buffer and self.buffer[0][0] == "mark":
            self.coming_back.append((now + self.delay, self.buffer.popleft()[1]))


@dataclass
class Player:
    """Paces frames of at most 20 ms to the peer and reports them in runs, as a leg does."""

    machine: PlayoutMachine
    peer: Peer
    now: int = 0
    left: dict[str, int] = field(default_factory=dict)  # ms not sent yet, in order
    run: tuple[str, int, int] | None = None  # utterance, ms, when it began
    held: bool = False
    sent: dict[str, int] = field(default_factory=dict)
    finished: list[UtteranceFinished] = field(default_factory=list)

    def feed(self, event: PlayoutEvent | None) -> None:
        now = self.now / 1000
        commands = self.machine.tick(now) if event is None else self.machine.receive(event, now)
        for command in commands:
            if isinstance(command, PlaceMark):
                self.peer.send(self.now, "mark", command.mark)
            elif isinstance(command, UtteranceFinished):
                self.finished.append(command)

    def say(self, utterance: str, ms: int) -> None:
        self.left[utterance] = ms
        self.feed(AudioQueued(utterance=utterance, ms=ms))
        self.feed(UtteranceClosed(utterance=utterance))

    def report(self) -> None:
        if self.run is not None:
            utterance, ms, began = self.run
            self.run = None
            self.feed(AudioSent(utterance=utterance, ms=ms, began=began / 1000))

    def hold(self) -> None:
        self.report()
        self.feed(PlayoutHeld())
        self.peer.send(self.now, "clear")
        self.held = True
        done = {one.utterance for one in self.finished}
        for utterance, said in tuple(self.left.items()):
            if utterance not in done:
                total = said + self.sent.get(utterance, 0)
                sent = round(self.machine.sent_ms(utterance))
                self.sent[utterance] = sent
                self.left[utterance] = total - sent

    def clear(self) -> None:
        self.report()
        self.feed(PlayoutCleared())
        self.peer.send(self.now, "clear")
        self.left.clear()
        self.held = False

    def live(self) -> None:
        """One millisecond of the player, then of the peer, then of the line back."""
        while self.peer.coming_back and self.peer.coming_back[0][0] <= self.now:
            self.feed(MarkPassed(mark=self.peer.coming_back.popleft()[1]))
        deadline = self.machine.deadline()
        if deadline is not None and deadline <= self.now / 1000:
            self.feed(None)
        speaking = next((name for name, ms in self.left.items() if ms > 0), None)
        if self.now % 20 == 0 and not self.held and speaking is not None:
            first = speaking not in self.sent
            frame = min(20, self.left[speaking])
            self.peer.send(self.now, "ms", speaking, frame)
            self.sent[speaking] = self.sent.get(speaking, 0) + frame
            self.left[speaking] -= frame
            _, ms, began = self.run or (speaking, 0, self.now)
            self.run = (speaking, ms + frame, began)
            if first or self.left[speaking] == 0 or ms + frame >= 200:
                self.report()
        self.peer.live(self.now)
        self.now += 1


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 1200),
        st.sampled_from(["say", "say", "hold", "resume", "clear"]),
        st.integers(1, 800),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 110), st.booleans(), ACTIONS)
def test_an_honest_peer_has_played_exactly_what_the_machine_says_was_heard(
    delay: int, marks: bool, actions: list[tuple[int, str, int]]
) -> None:
    peer = Peer(delay)
    player = Player(PlayoutMachine(PlayoutConfig(marks=marks, mark_every_ms=200.0)), peer)
    said: list[str] = []
    for pause, action, ms in actions:
        if action == "say":
            said.append(f"u{len(said)}")
            player.say(said[-1], ms)
        elif action == "hold":
            player.hold()
        elif action == "resume":
            player.held = False
        else:
            player.clear()
        for _ in range(pause):
            player.live()
    player.held = False
    for _ in range(len(said) * 800 + 3000):
        player.live()
    heard = {one.utterance: one.played_ms for one in player.finished}
    assert heard == pytest.approx({name: peer.played.get(name, 0) for name in said}, abs=1e-3)

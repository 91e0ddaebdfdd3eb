"""Whatever happens, in whatever order, at whatever times: what the turn machine promises.

The machine is watched from outside, by its events and commands alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.events.turn import (
    AgentSpeechEnded,
    AgentSpeechStarted,
    AgentThinking,
    BackchannelHeard,
    CallerLeft,
    DigitReceived,
    EndTurn,
    Expectation,
    ExpectationSet,
    FlushTranscript,
    PausePlayout,
    ReportTrouble,
    ResumePlayout,
    SpeechStarted,
    SpeechStopped,
    StopPlayout,
    TranscriptFinal,
    TranscriptPartial,
    TurnCommand,
    TurnEndReason,
    TurnEvent,
    TurnJudged,
)
from hookflash.machines.turn import TurnConfig, TurnMachine, TurnState

# Finals and partials draw from different words, so that one can tell whose words came out.
FINAL_WORDS = ("mhm", "yeah", "stop", "yes", "table", "and", "five", "...", "")
PARTIAL_WORDS = ("okay", "uh", "wait", "please", "chair", "or", "six", "??", "")


@dataclass(frozen=True)
class Happening:
    """An event, how long after the one before it, and whether deadlines before it are kept."""

    pause: float
    event: TurnEvent
    lag: float | None  # seconds by which a speech report is late
    punctual: bool


def texts(vocabulary: Sequence[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(vocabulary), max_size=3).map(" ".join)


EVENTS: st.SearchStrategy[TurnEvent] = st.one_of(
    st.just(SpeechStarted()),
    st.just(SpeechStopped()),
    texts(PARTIAL_WORDS).map(lambda text: TranscriptPartial(text=text)),
    texts(FINAL_WORDS).map(lambda text: TranscriptFinal(text=text)),
    st.sampled_from([True, True, False]).map(lambda may: AgentSpeechStarted(interruptible=may)),
    st.just(AgentSpeechEnded()),
    st.booleans().map(lambda active: AgentThinking(active=active)),
    st.just(DigitReceived(digit="5")),
    st.builds(
        ExpectationSet,
        expects=st.sampled_from(Expectation),
        length=st.none() | st.integers(0, 3),
        words=st.just(("table",)),
    ),
    st.builds(TurnJudged, text=texts(FINAL_WORDS), completeness=st.floats(0.0, 1.0)),
)
PAUSES = st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5]) | st.floats(0.0, 70.0)
SCRIPTS = st.lists(
    st.builds(
        Happening,
        pause=PAUSES,
        event=EVENTS,
        lag=st.none() | st.floats(-1.0, 3.0),
        punctual=st.sampled_from([True, True, True, False]),
    ),
    max_size=40,
)
STARTS = st.sampled_from([0.0, 0.1, 12345.678, 1e9])
CONFIGS = st.sampled_from(
    [
        TurnConfig(),
        TurnConfig(min_words=2, interrupt_duration=None, digits_interrupt=False),
        TurnConfig(max_turn=1.5, max_pause=1.0),
        TurnConfig(
            complete_delay=0.0,
            min_delay=0.0,
            max_delay=0.0,
            min_duration=0.0,
            interrupt_duration=0.0,
            detector_stop=0.0,
            false_interruption_timeout=0.0,
            max_pause=0.0,
            answer_window=0.0,
            min_speech=0.0,
            no_transcript_timeout=0.0,
        ),
    ]
)


@dataclass
class Witness:
    """Feeds a machine and checks each command against what it has seen happen."""

    config: TurnConfig
    now: float
    machine: TurnMachine = field(init=False)
    tape: list[tuple[float, TurnEvent | None, list[TurnCommand]]] = field(init=False)

    def __post_init__(self) -> None:
        self.machine = TurnMachine(self.config)
        self.tape = []
        self.speaking = False
        self.audible = False  # what was begun, and neither ended nor stopped
        self.interruptible = True
        self.thinking = False
        self.paused_at: float | None = None
        self.left = False
        self.words_in: list[str] = []
        self.words_out: list[str] = []

    def feed(self, event: TurnEvent, now: float) -> None:
        self.now = now
        due = self._note(event)
        commands = self.machine.receive(event, now)
        assert sum(isinstance(command, FlushTranscript) for command in commands) >= due
        self._check(event, commands)

    def tick(self, now: float) -> None:
        self.now = now
        self._check(None, self.machine.tick(now))

    def keep_deadlines(self, until: float) -> None:
        """Tick at each deadline; every tick must bring the next one nearer to none."""
        while (deadline := self.machine.deadline()) is not None and deadline <= until:
            assert deadline > self.now
            self.tick(deadline)
            longest = self.config.max_pause
            assert self.paused_at is None or self.now <= self.paused_at + longest

    def _note(self, event: TurnEvent) -> int:
        """Keep account of the event; return how many flushes it must bring."""
        if self.left:
            return 0
        match event:
            case SpeechStarted():
                self.speaking = True
            case SpeechStopped():
                was_speaking, self.speaking = self.speaking, False
                return int(was_speaking)
            case TranscriptFinal():
                if any(word.isalpha() for word in event.text.split()):
                    self.words_in += event.text.split()
            case AgentSpeechStarted():
                self.audible = True
                self.interruptible = event.interruptible
            case AgentSpeechEnded():
                self.audible = False
            case AgentThinking():
                self.thinking = event.active
            case CallerLeft():
                self.left = True
            case TranscriptPartial() | DigitReceived() | ExpectationSet() | TurnJudged():
                pass
            case _:
                assert_never(event)
        return 0

    def _check(self, event: TurnEvent | None, commands: Sequence[TurnCommand]) -> None:
        self.tape.append((self.now, event, list(commands)))
        for command in commands:
            match command:
                case PausePlayout():
                    assert self.paused_at is None
                    assert self.audible
                    assert self.interruptible
                    assert self.speaking
                    self.paused_at = self.now
                case ResumePlayout():
                    assert self.paused_at is not None
                    self.paused_at = None
                case StopPlayout():
                    self._check_stop(command, event)
                case EndTurn():
                    assert command.text.strip()
                    if command.reason is TurnEndReason.LEFT:
                        assert isinstance(event, CallerLeft)
                    else:
                        assert not self.audible
                        assert not self.thinking
                    ended = command.speech_ended_at
                    assert ended is None or ended <= self.now
                    self.words_out += command.text.split()
                case BackchannelHeard():
                    assert command.text.strip()
                    self.words_out += command.text.split()
                case FlushTranscript():
                    pass
                case ReportTrouble():
                    assert not self.audible
                case _:
                    assert_never(command)
        deadline = self.machine.deadline()
        assert deadline is None or deadline > self.now

    def _check_stop(self, command: StopPlayout, event: TurnEvent | None) -> None:
        if command.reason == "left":
            assert isinstance(event, CallerLeft)
            assert self.paused_at is not None
        elif self.audible:
            assert self.interruptible
        else:
            assert self.thinking
        if command.reason == "keys":
            assert isinstance(event, DigitReceived)
        self.audible = False
        self.thinking = False
        self.paused_at = None


def at(event: TurnEvent, now: float, lag: float | None) -> TurnEvent:
    """Give a speech report the moment that it reports."""
    moment = None if lag is None else now - lag
    match event:
        case SpeechStarted():
            return SpeechStarted(onset=moment)
        case SpeechStopped():
            return SpeechStopped(offset=moment)
        case _:
            return event


def play(script: Sequence[Happening], config: TurnConfig, start: float) -> Witness:
    witness = Witness(config=config, now=start)
    now = start
    for happening in script:
        now += happening.pause
        if happening.punctual:
            witness.keep_deadlines(now)
        witness.feed(at(happening.event, now, happening.lag), now)
    return witness


def from_finals(words_out: Sequence[str]) -> list[str]:
    return [word for word in words_out if word in FINAL_WORDS]


@settings(max_examples=300, deadline=None)
@given(script=SCRIPTS, config=CONFIGS, start=STARTS)
def test_the_machine_comes_to_rest_and_no_final_is_lost(
    script: Sequence[Happening], config: TurnConfig, start: float
) -> None:
    witness = play(script, config, start)
    for event in (SpeechStopped(), AgentThinking(active=False), AgentSpeechEnded()):
        witness.feed(event, witness.now)
    witness.keep_deadlines(math.inf)
    assert witness.machine.state is TurnState.QUIET
    assert witness.machine.deadline() is None
    assert witness.paused_at is None
    assert from_finals(witness.words_out) == witness.words_in


@settings(max_examples=150, deadline=None)
@given(script=SCRIPTS, afterwards=SCRIPTS, config=CONFIGS, start=STARTS)
def test_a_caller_who_leaves_takes_no_final_along(
    script: Sequence[Happening],
    afterwards: Sequence[Happening],
    config: TurnConfig,
    start: float,
) -> None:
    witness = play(script, config, start)
    witness.feed(CallerLeft(), witness.now)
    assert witness.paused_at is None
    assert from_finals(witness.words_out) == witness.words_in
    for happening in afterwards:
        assert witness.machine.receive(happening.event, witness.now) == []
        assert witness.machine.deadline() is None
    assert witness.machine.state is TurnState.LEFT


@settings(max_examples=100, deadline=None)
@given(script=SCRIPTS, config=CONFIGS, start=STARTS)
def test_a_replayed_tape_gives_the_same_commands(
    script: Sequence[Happening], config: TurnConfig, start: float
) -> None:
    fresh = TurnMachine(config)
    for now, event, commands in play(script, config, start).tape:
        again = fresh.tick(now) if event is None else fresh.receive(event, now)
        assert list(again) == commands


@settings(max_examples=100, deadline=None)
@given(script=SCRIPTS, config=CONFIGS, early=st.floats(0.0, 1.0, exclude_max=True))
def test_a_tick_before_the_deadline_changes_nothing(
    script: Sequence[Happening], config: TurnConfig, early: float
) -> None:
    witness = play(script, config, 0.0)
    deadline = witness.machine.deadline()
    if deadline is None:
        return
    between = witness.now + early * (deadline - witness.now)
    if between < deadline:
        assert witness.machine.tick(between) == []
    assert witness.machine.deadline() == deadline

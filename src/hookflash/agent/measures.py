"""What a session was like in figures, worked out from its events and from nothing else.

So that a journal, or any other list of a session's events, can be measured again and gives the
same figures. Nothing here reads a clock.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from hookflash.agent.emitter import Emitter
from hookflash.agent.utterance import UtteranceHandle
from hookflash.events.measures import (
    AgentHushed,
    CallerSpeechBegan,
    CallerSpeechEnded,
    ModelFinished,
    VoiceFinished,
)
from hookflash.events.session import (
    ErrorOccurred,
    FalseInterruption,
    SessionRecord,
    SpeechInterrupted,
    ToolFinished,
    ToolMeasure,
    ToolStarted,
    TurnCompleted,
    TurnMetrics,
    TurnOutcome,
    UserTranscription,
    UtteranceBegan,
    UtteranceSpoken,
)

__all__ = ["Distribution", "Measures", "SessionMetrics", "TurnMeter", "measure"]

Span = tuple[float, float]

_TWO_FRAMES = 0.04
_BY_VOICE = frozenset({"words", "stop_word", "duration", "speech"})


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """How a figure was spread. None where nothing was measured.

    Percentiles are by nearest rank: the smallest value that at least so many were not above.

    Attributes:
        count: how many were measured.
        p50: the median.
        p95: the 95th percentile.
        most: the largest.
    """

    count: int = 0
    p50: float | None = None
    p95: float | None = None
    most: float | None = None

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Distribution":
        """Sum up values; None ones were not measured."""
        known = sorted(value for value in values if value is not None)
        if not known:
            return cls()

        def rank(share: float) -> float:
            return known[math.ceil(share * len(known)) - 1]

        return cls(count=len(known), p50=rank(0.5), p95=rank(0.95), most=known[-1])


class SessionMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """A session in figures, as of one moment. Times are seconds.

    Attributes:
        seconds: since the session was made.
        turns: the caller's turns that are over, answers included, by `TurnOutcome`.
        latency: from the end of the caller's speech to the first sound heard of the answer.
        endpointing: from the end of the caller's speech to the decision that the turn is over.
        stt: from the end of the caller's speech to the recogniser's last words.
        llm_first_text: from that decision to the model's first words.
        llm_total: the model at work for one answer.
        tts_first_audio: from the first text for the synthesiser to its first audio.
        barge_in: from the caller's first sound over the agent to its silence.
        tool: how long one call of a tool ran.
        failed_tools: how many of these failed.
        interruptions: how often the agent was cut short.
        false_interruptions: how often it hushed for nothing.
        caller_speech: seconds in which the caller was heard.
        agent_speech: seconds in which the agent was.
        talk_over: seconds in which both were.
        dead_air: seconds in which nobody was though an answer was due, of the turns that are over.
        input_tokens: what the model read, as far as it says.
        output_tokens: what the model wrote, as far as it says.
        characters: what was given to the synthesiser.
        errors: how many, by `ErrorOccurred.source`.
    """

    seconds: float = 0.0
    turns: dict[str, int] = {}  # msgspec copies it
    latency: Distribution = Distribution()
    endpointing: Distribution = Distribution()
    stt: Distribution = Distribution()
    llm_first_text: Distribution = Distribution()
    llm_total: Distribution = Distribution()
    tts_first_audio: Distribution = Distribution()
    barge_in: Distribution = Distribution()
    tool: Distribution = Distribution()
    failed_tools: int = 0
    interruptions: int = 0
    false_interruptions: int = 0
    caller_speech: float = 0.0
    agent_speech: float = 0.0
    talk_over: float = 0.0
    dead_air: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    characters: int = 0
    errors: dict[str, int] = {}  # as above


class _Turn(msgspec.Struct, kw_only=True):
    """A turn whose answer is not over, and when things happened."""

    decided: float
    speech_ended: float | None
    words_at: float | None
    first_text: float | None = None
    model: list[Span] = msgspec.field(default_factory=list[Span])
    tts_first_audio: float | None = None
    heard_from: float | None = None
    heard_until: float | None = None
    barge_in: float | None = None
    interruptions: int = 0
    false_interruptions: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    characters: int = 0
    tools: list[ToolMeasure] = msgspec.field(default_factory=list[ToolMeasure])


class _Audible(msgspec.Struct, kw_only=True):
    """An utterance that is being heard, or would be if the agent had not hushed."""

    utterance: str
    turn: str
    since: float | None
    heard: float = 0.0


class Measures:
    """Takes a session's events in order; gives figures at any time."""

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self.turns: list[TurnMetrics] = []
        """The turns that are over."""
        self._open: dict[str, _Turn] = {}
        self._turn_of: dict[str, str] = {}
        self._turn_of_call: dict[str, str] = {}
        self._caller: list[Span] = []
        self._caller_since: float | None = None
        self._words_at: float | None = None
        self._between_turns = False
        self._agent: list[Span] = []
        self._audible: list[_Audible] = []
        self._hushed_after: float | None = None
        self._barge_ins: list[float] = []
        self._tools: list[ToolMeasure] = []
        self._interruptions = 0
        self._false_interruptions = 0
        self._input_tokens = 0
        self._output_tokens = 0
        self._characters = 0
        self._errors: Counter[str] = Counter()
        self._now = 0.0

    def feed(self, event: SessionRecord) -> None:
        """Take the next event. Those that say nothing of interest are ignored."""
        self._now = max(self._now, event.at)
        match event:
            case CallerSpeechBegan():
                self._caller_since = event.began
                if self._between_turns:  # what a realtime model heard in the last one came late
                    self._between_turns, self._words_at = False, None
            case CallerSpeechEnded():
                if self._caller_since is not None:
                    self._caller.append((self._caller_since, event.ended))
                    self._caller_since = None
            case UserTranscription(final=True):
                self._words_at = event.at
            case TurnCompleted():
                self._turn_begins(event)
            case ModelFinished():
                self._model_finished(event)
            case VoiceFinished():
                self._voice_finished(event)
            case ToolStarted():
                self._turn_of_call[event.call_id] = event.turn
            case ToolFinished():
                self._tool_finished(event)
            case UtteranceBegan():
                self._utterance_began(event)
            case UtteranceSpoken():
                self._utterance_spoken(event)
            case AgentHushed():
                self._hushed_after = self._hush_latency(event.at)
                self._hush(event.at)
            case FalseInterruption():
                self._resume(event)
            case SpeechInterrupted():
                self._interrupted(event)
            case ErrorOccurred():
                self._errors[event.source] += 1
            case TurnMetrics():
                if event.turn in self._open:  # a list of events is measured again
                    self.finish_turn(event.turn, event.outcome, event.at)
            case _:
                pass

    @property
    def open_turns(self) -> Sequence[str]:
        """The turns whose answers are not over, oldest first."""
        return tuple(self._open)

    def finish_turn(self, turn: str, outcome: TurnOutcome, at: float) -> TurnMetrics | None:
        """The answer to a turn is over at `at`; return its figures, or None if it is not open.

        An answer of which nothing was heard counts as `SILENT`. The figures' own sequence number
        is 0; whoever tells them gives them the next.
        """
        known = self._open.pop(turn, None)
        if known is None:
            return None
        self._turn_of = {key: value for key, value in self._turn_of.items() if value != turn}
        if outcome is TurnOutcome.ANSWERED and known.heard_from is None:
            outcome = TurnOutcome.SILENT
        began, decided = known.speech_ended, known.decided
        waited = decided if began is None else began
        goes_on = any(each.turn == turn and each.since is not None for each in self._audible)
        until = at if goes_on or known.heard_until is None else known.heard_until
        metrics = TurnMetrics(
            sequence=0,
            at=at,
            turn=turn,
            outcome=outcome,
            latency=_after(began, known.heard_from),
            endpointing=_after(began, decided),
            stt=_after(began, known.words_at),
            llm_first_text=_after(decided, known.first_text),
            llm_total=_length(known.model) if known.model else None,
            tts_first_audio=known.tts_first_audio,
            playout=_after(known.heard_from, until),
            barge_in=known.barge_in,
            interruptions=known.interruptions,
            false_interruptions=known.false_interruptions,
            dead_air=self._silence(waited, until),
            talk_over=self._talk_over(decided, at),
            input_tokens=known.input_tokens,
            output_tokens=known.output_tokens,
            characters=known.characters,
            tools=tuple(known.tools),
        )
        self.turns.append(metrics)
        return metrics

    def snapshot(self, at: float | None = None) -> SessionMetrics:
        """Return the session in figures as of `at` (in its seconds), or of the newest event."""
        now = self._now if at is None else at
        turns = self.turns
        return SessionMetrics(
            seconds=now,
            turns=dict(Counter(turn.outcome.value for turn in turns)),
            latency=Distribution.of(turn.latency for turn in turns),
            endpointing=Distribution.of(turn.endpointing for turn in turns),
            stt=Distribution.of(turn.stt for turn in turns),
            llm_first_text=Distribution.of(turn.llm_first_text for turn in turns),
            llm_total=Distribution.of(turn.llm_total for turn in turns),
            tts_first_audio=Distribution.of(turn.tts_first_audio for turn in turns),
            barge_in=Distribution.of(self._barge_ins),
            tool=Distribution.of(tool.seconds for tool in self._tools),
            failed_tools=sum(tool.is_error for tool in self._tools),
            interruptions=self._interruptions,
            false_interruptions=self._false_interruptions,
            caller_speech=_length(self._caller_spans(0.0, now)),
            agent_speech=_length(self._agent_spans(0.0, now)),
            talk_over=self._talk_over(0.0, now),
            dead_air=math.fsum(turn.dead_air for turn in turns),
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            characters=self._characters,
            errors=dict(self._errors),
        )

    # Whose it is.

    def _of(self, utterance: str, event: SessionRecord) -> str:
        """The turn that an utterance answers: the one during which it was first told of."""
        return self._turn_of.setdefault(utterance, event.turn)

    # What happened.

    def _turn_begins(self, event: TurnCompleted) -> None:
        spoke = event.speech_ended is not None
        self._open[event.turn] = _Turn(
            decided=event.at,
            speech_ended=event.speech_ended,
            words_at=self._words_at if spoke else None,
        )
        self._between_turns, self._words_at = True, None

    def _model_finished(self, event: ModelFinished) -> None:
        self._input_tokens += event.input_tokens
        self._output_tokens += event.output_tokens
        turn = self._open.get(self._of(event.utterance, event))
        if turn is not None:
            turn.model.append((event.began, event.ended))
            turn.input_tokens += event.input_tokens
            turn.output_tokens += event.output_tokens
            if turn.first_text is None:
                turn.first_text = event.first_text

    def _voice_finished(self, event: VoiceFinished) -> None:
        self._characters += event.characters
        turn = self._open.get(self._of(event.utterance, event))
        if turn is not None:
            turn.characters += event.characters
            if turn.tts_first_audio is None:
                turn.tts_first_audio = _after(event.began, event.first_audio)

    def _tool_finished(self, event: ToolFinished) -> None:
        tool = ToolMeasure(tool=event.tool, seconds=event.seconds, is_error=event.is_error)
        self._tools.append(tool)
        turn = self._open.get(self._turn_of_call.pop(event.call_id, event.turn))
        if turn is not None:
            turn.tools.append(tool)

    def _utterance_began(self, event: UtteranceBegan) -> None:
        name = self._of(event.utterance, event)
        self._audible.append(_Audible(utterance=event.utterance, turn=name, since=event.at))
        turn = self._open.get(name)
        if turn is not None and turn.heard_from is None:
            turn.heard_from = event.at

    def _utterance_spoken(self, event: UtteranceSpoken) -> None:
        name = self._of(event.utterance, event)
        if name not in self._open:
            self._turn_of.pop(event.utterance, None)
        each = next((one for one in self._audible if one.utterance == event.utterance), None)
        if each is None:
            return
        self._audible.remove(each)
        rest = max(0.0, event.played_ms / 1000 - each.heard)
        if each.since is None and rest < _TWO_FRAMES:
            rest = 0.0  # our clock and the carrier's differ by as much
        # What was heard after a hush that nobody told the end of was heard last.
        since = max(event.at - rest, 0.0) if each.since is None else each.since
        until = min(event.at, since + rest)
        if until > since:
            self._agent.append((since, until))
            self._heard_until(name, until)

    def _heard_until(self, name: str, until: float) -> None:
        turn = self._open.get(name)
        if turn is not None:
            turn.heard_until = max(until, turn.heard_until or until)

    def _hush_latency(self, at: float) -> float | None:
        """Seconds from the caller's first sound over the agent until now; None if there is none."""
        since = [each.since for each in self._audible if each.since is not None]
        if not since or self._caller_since is None:
            return None
        return max(0.0, at - max(self._caller_since, min(since)))

    def _hush(self, at: float) -> None:
        for each in self._audible:
            if each.since is not None:
                self._agent.append((each.since, at))
                each.heard += at - each.since
                each.since = None
                self._heard_until(each.turn, at)

    def _resume(self, event: FalseInterruption) -> None:
        self._false_interruptions += 1
        self._hushed_after = None
        for each in self._audible:
            each.since = event.at if each.since is None else each.since
        turn = self._open.get(event.turn)
        if turn is not None:
            turn.false_interruptions += 1

    def _interrupted(self, event: SpeechInterrupted) -> None:
        latency = self._hushed_after
        if latency is None:
            latency = self._hush_latency(event.at)
        self._hushed_after = None
        self._interruptions += 1
        turn = self._open.get(event.turn)
        if turn is not None:
            turn.interruptions += 1
        if event.reason in _BY_VOICE and latency is not None:
            self._barge_ins.append(latency)
            if turn is not None:
                turn.barge_in = latency

    # Who was heard when.

    def _caller_spans(self, since: float, until: float) -> list[Span]:
        spans = self._caller
        if self._caller_since is not None:
            spans = [*spans, (self._caller_since, until)]
        return _clipped(spans, since, until)

    def _agent_spans(self, since: float, until: float) -> list[Span]:
        going_on = [(each.since, until) for each in self._audible if each.since is not None]
        return _clipped([*self._agent, *going_on], since, until)

    def _silence(self, since: float, until: float) -> float:
        heard = self._caller_spans(since, until) + self._agent_spans(since, until)
        return max(0.0, until - since - _length(heard))

    def _talk_over(self, since: float, until: float) -> float:
        caller, agent = self._caller_spans(since, until), self._agent_spans(since, until)
        return max(0.0, _length(caller) + _length(agent) - _length(caller + agent))


class TurnMeter:
    """Measures a live session: hears all its events, and tells `TurnMetrics` when a turn is over.

    Attributes:
        measures: the figures so far.
    """

    def __init__(self, emitter: Emitter, *, closing: Callable[[], bool]) -> None:
        """Begin to listen.

        Args:
            emitter: the session's; made before anyone else subscribes.
            closing: whether the session is being closed.
        """
        self.measures = Measures()
        self._emitter = emitter
        self._closing = closing
        self._answered: set[str] = set()
        emitter.on("*", self.measures.feed)

    def answers(self, turn: str, handle: UtteranceHandle) -> None:
        """A reply to a turn was queued; the turn is over when the reply is."""
        self._answered.add(turn)
        handle.add_done_callback(lambda done: self._over(turn, done))

    def next_turn(self) -> None:
        """The caller has completed another turn: those that nobody replied to are over."""
        for turn in self.measures.open_turns:
            if turn not in self._answered:
                self._finish(turn, TurnOutcome.SILENT)

    def close(self) -> None:
        """The session is over, and so is every turn. Idempotent."""
        for turn in self.measures.open_turns:
            self._finish(turn, TurnOutcome.ENDED)

    def snapshot(self) -> SessionMetrics:
        """Return the figures as of now."""
        return self.measures.snapshot(self._emitter.now())

    def _over(self, turn: str, handle: UtteranceHandle) -> None:
        if handle.error is not None:
            outcome = TurnOutcome.FAILED
        elif handle.interrupted:
            outcome = TurnOutcome.ENDED if self._closing() else TurnOutcome.INTERRUPTED
        else:
            outcome = TurnOutcome.ANSWERED
        self._finish(turn, outcome)

    def _finish(self, turn: str, outcome: TurnOutcome) -> None:
        self._answered.discard(turn)
        metrics = self.measures.finish_turn(turn, outcome, self._emitter.now())
        if metrics is not None:
            self._emitter.retell(metrics)


def measure(events: Iterable[SessionRecord]) -> Measures:
    """Measure a session again from its events; turns that have no end, ended with the last."""
    measures = Measures()
    at = 0.0
    for event in events:
        measures.feed(event)
        at = max(at, event.at)
    for turn in measures.open_turns:
        measures.finish_turn(turn, TurnOutcome.ENDED, at)
    return measures


def _after(began: float | None, then: float | None) -> float | None:
    """Seconds between two moments; 0.0 if the second came first, None if one is not known."""
    return None if began is None or then is None else max(0.0, then - began)


def _clipped(spans: Iterable[Span], since: float, until: float) -> list[Span]:
    return [
        (max(begin, since), min(end, until))
        for begin, end in spans
        if end > since and begin < until
    ]


def _length(spans: Iterable[Span]) -> float:
    """How long at least one of the spans lasts."""
    total, reached = 0.0, -math.inf
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total

"""Spans and metrics of a session for OpenTelemetry, through whatever the program has set up.

    instrument(session)

before `start`, and the session tells the program's tracer and meter provider (or the two it is
given) what happens:

| span | from | to |
|---|---|---|
| `session` | the agent has the line | the session is over |
| `turn` | the caller's first sound of the turn | nothing more of its answer will be heard |
| `stt` | the caller stopped speaking | the recogniser had the last words |
| `llm` | a request to the model was sent | it was over |
| `tts` | the synthesiser was given the first text | it gave the last audio |
| `tool` | a tool was called | it answered |
| `playout` | the caller began to hear an utterance | nothing more of it will be heard |

`turn` is within `session`; the others are within their turn, or within `session` outside of turns.
Their times are those that were measured, not those at which the spans were made. Attributes hold
ids, names, counts and times, under the names of OpenTelemetry's conventions for generative AI
where it has one; words only if `content` is chosen.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from hookflash.errors import MissingExtra
from hookflash.events.measures import CallerSpeechBegan, ModelFinished, VoiceFinished
from hookflash.events.session import (
    ErrorOccurred,
    FalseInterruption,
    SessionClosedEvent,
    SessionRecord,
    SessionStarted,
    SpeechInterrupted,
    ToolFinished,
    ToolStarted,
    TurnCompleted,
    TurnMetrics,
    UserTranscription,
    UtteranceBegan,
    UtteranceSpoken,
)
from hookflash.runtime import clock

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram, Meter, MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

__all__ = ["Told", "instrument"]

Attributes = dict[str, str | bool | int | float]

_SCOPE = "hookflash"
# Seconds. Callers notice the difference between 0.3 and 0.5; above 4 they ask whether anyone is
# there.
_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0)


class Told(Protocol):
    """What has an id and tells its events: an `AgentSession`."""

    @property
    def id(self) -> str:
        """The session's id."""
        ...

    def on(self, event: str, handler: Callable[[SessionRecord], None]) -> object:
        """Subscribe."""
        ...


def instrument(
    session: Told,
    *,
    content: bool = False,
    tracer_provider: "TracerProvider | None" = None,
    meter_provider: "MeterProvider | None" = None,
) -> None:
    """Let OpenTelemetry know what happens in a session; before its `start`, and once.

    The session's span belongs to the span that is current now, if there is one.

    Args:
        session: whose.
        content: whether spans hold the words of both sides.
        tracer_provider: None takes the one that the program has set.
        meter_provider: as `tracer_provider`.

    Raises:
        MissingExtra: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry import context, metrics, trace
    except ImportError as exc:
        package = "opentelemetry-sdk"
        raise MissingExtra(package, "telemetry") from exc

    spans = _Spans(
        session.id,
        trace.get_tracer(_SCOPE, tracer_provider=tracer_provider),
        context.get_current(),
        content=content,
    )
    figures = _Figures(metrics.get_meter(_SCOPE, meter_provider=meter_provider))
    session.on("*", spans.happened)
    session.on("*", figures.happened)


class _Spans:
    """The spans of one session."""

    def __init__(self, session: str, tracer: "Tracer", within: "Context", *, content: bool) -> None:
        self._session = session
        self._tracer = tracer
        self._within = within
        self._content = content
        self._origin: float | None = None
        self._root: Span | None = None
        self._turns: dict[str, Span] = {}
        self._tools: dict[str, tuple[float, str]] = {}
        self._heard: dict[str, list[float]] = {}
        self._caller_began: float | None = None
        self._words_at: float | None = None

    def happened(self, event: SessionRecord) -> None:
        """Make what spans the event tells of."""
        if self._origin is None:
            began = clock.wall() - timedelta(seconds=event.at)
            self._origin = began.timestamp()
        match event:
            case SessionStarted():
                self._root = self._tracer.start_span(
                    "session",
                    self._within,
                    start_time=self._ns(event.at),
                    attributes={"session.id": self._session},
                )
            case CallerSpeechBegan():
                if self._caller_began is None:  # the first of a turn
                    self._caller_began, self._words_at = event.began, None
            case UserTranscription(final=True):
                self._words_at = event.at
            case TurnCompleted():
                self._turn(event)
            case ModelFinished():
                span = (event.began, event.ended)
                self._piece("llm", event.turn, span, _of_model(event), event.failed)
            case VoiceFinished():
                span = (event.began, event.ended)
                self._piece("tts", event.turn, span, _of_voice(event), event.failed)
            case ToolStarted():
                self._tools[event.call_id] = (event.at, event.turn)
            case ToolFinished():
                self._tool(event)
            case UtteranceBegan():
                self._heard.setdefault(event.utterance, []).append(event.at)
            case UtteranceSpoken():
                self._playout(event)
            case TurnMetrics():
                self._turn_over(event)
            case SpeechInterrupted() | FalseInterruption():
                self._parent(event.turn).add_event(event.name, timestamp=self._ns(event.at))
            case ErrorOccurred():
                about: Attributes = {"hookflash.source": event.source, "error.type": event.reason}
                parent = self._parent(event.turn)
                parent.add_event(event.name, about, timestamp=self._ns(event.at))
            case SessionClosedEvent():
                self._close(event)
            case _:
                pass

    def _turn(self, event: TurnCompleted) -> None:
        began = event.at if self._caller_began is None else self._caller_began
        self._caller_began = None
        about: Attributes = {"hookflash.turn.id": event.turn, "hookflash.turn.reason": event.reason}
        if self._content:
            about["hookflash.turn.text"] = event.text
        self._turns[event.turn] = self._start("turn", self._root, began, about)
        words_at, self._words_at = self._words_at, None
        if event.speech_ended is not None and words_at is not None:
            span = (event.speech_ended, max(event.speech_ended, words_at))
            self._piece("stt", event.turn, span, {})

    def _turn_over(self, event: TurnMetrics) -> None:
        span = self._turns.pop(event.turn, None)
        if span is None:
            return
        about: Attributes = {}
        for name in event.__struct_fields__:
            value = getattr(event, name)
            if name not in _NOT_FIGURES and value is not None:
                about[f"hookflash.turn.{name}"] = value
        span.set_attributes(about | {"hookflash.turn.outcome": event.outcome.value})
        span.end(self._ns(event.at))

    def _tool(self, event: ToolFinished) -> None:
        began, turn = self._tools.pop(event.call_id, (event.at - event.seconds, event.turn))
        about: Attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.tool,
            "gen_ai.tool.call.id": event.call_id,
        }
        failed = "tool_failed" if event.is_error else ""
        self._piece("tool", turn, (began, event.at), about, failed)

    def _playout(self, event: UtteranceSpoken) -> None:
        times = self._heard.get(event.utterance, [])
        if not times:
            return
        began = times.pop(0)
        if not times:
            del self._heard[event.utterance]
        about: Attributes = {
            "hookflash.utterance.id": event.utterance,
            "hookflash.played_ms": event.played_ms,
            "hookflash.interrupted": event.interrupted,
        }
        if self._content:
            about |= {"hookflash.said": event.said, "hookflash.heard": event.heard}
        self._piece("playout", event.turn, (began, event.at), about)

    def _close(self, event: SessionClosedEvent) -> None:
        for span in self._turns.values():
            span.end(self._ns(event.at))
        self._turns.clear()
        if self._root is not None:
            self._root.set_attribute("hookflash.session.ended", event.reason)
            if event.reason == "error":
                _fail(self._root, "error")
            self._root.end(self._ns(event.at))

    def _piece(
        self,
        name: str,
        turn: str,
        span: tuple[float, float],
        about: Attributes,
        failed: str = "",
    ) -> None:
        """Make a span of work that is over."""
        piece = self._start(name, self._turns.get(turn, self._root), span[0], about)
        if failed and failed != "stopped":
            _fail(piece, failed)
        piece.end(self._ns(span[1]))

    def _start(self, name: str, parent: "Span | None", at: float, about: Attributes) -> "Span":
        from opentelemetry.trace import set_span_in_context

        within = self._within if parent is None else set_span_in_context(parent, self._within)
        return self._tracer.start_span(name, within, start_time=self._ns(at), attributes=about)

    def _parent(self, turn: str) -> "Span":
        from opentelemetry.trace import INVALID_SPAN

        return self._turns.get(turn) or self._root or INVALID_SPAN

    def _ns(self, at: float) -> int:
        """A moment of the session in nanoseconds since 1970."""
        return round(((self._origin or 0.0) + at) * 1e9)


# The ids and the sums that are attributes of their own, or of other spans.
_NOT_FIGURES = frozenset({"sequence", "at", "turn", "outcome", "tools"})


def _of_model(event: ModelFinished) -> Attributes:
    about: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": event.provider,
        "gen_ai.usage.input_tokens": event.input_tokens,
        "gen_ai.usage.output_tokens": event.output_tokens,
        "hookflash.tool_calls": event.tool_calls,
        "hookflash.utterance.id": event.utterance,
    }
    if event.first_text is not None:
        about["hookflash.first_text"] = event.first_text - event.began
    return about


def _of_voice(event: VoiceFinished) -> Attributes:
    about: Attributes = {
        "hookflash.provider.name": event.provider,
        "hookflash.characters": event.characters,
        "hookflash.audio_ms": event.audio_ms,
        "hookflash.utterance.id": event.utterance,
    }
    if event.first_audio is not None:
        about["hookflash.first_audio"] = event.first_audio - event.began
    return about


def _fail(span: "Span", reason: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", reason)
    span.set_status(Status(StatusCode.ERROR))


class _Figures:
    """The metrics of one session; the meter adds up those of all."""

    def __init__(self, meter: "Meter") -> None:
        def seconds(name: str, what: str) -> "Histogram":
            return meter.create_histogram(
                name, unit="s", description=what, explicit_bucket_boundaries_advisory=_BUCKETS
            )

        self._of_turn = {
            field: seconds(f"hookflash.turn.{field}", what)
            for field, what in (
                ("latency", "End of the caller's speech to the first sound heard of the answer"),
                ("endpointing", "End of the caller's speech to the decision that the turn is over"),
                ("stt", "End of the caller's speech to the recogniser's last words"),
                ("llm_first_text", "End of the turn to the model's first words"),
                ("tts_first_audio", "First text for the synthesiser to its first audio"),
                ("barge_in", "First sound over the agent to its silence"),
                ("dead_air", "Nobody heard though an answer was due"),
                ("talk_over", "Both heard"),
            )
        }
        self._tool = seconds("hookflash.tool.duration", "A tool's run")
        self._live = meter.create_up_down_counter("hookflash.sessions.live", "{session}")
        self._sessions = meter.create_counter("hookflash.sessions", "{session}")
        self._turns = meter.create_counter("hookflash.turns", "{turn}")
        self._errors = meter.create_counter("hookflash.errors", "{error}")
        self._hushed = meter.create_counter("hookflash.interruptions", "{interruption}")
        self._tokens = meter.create_counter("hookflash.tokens", "{token}")
        self._characters = meter.create_counter("hookflash.tts.characters", "{character}")
        self._is_live = False

    def happened(self, event: SessionRecord) -> None:
        """Count it."""
        match event:
            case SessionStarted():
                self._is_live = True
                self._live.add(1)
            case SessionClosedEvent():
                self._live.add(-1 if self._is_live else 0)
                self._is_live = False
                self._sessions.add(1)
            case TurnMetrics():
                self._turns.add(1, {"outcome": event.outcome.value})
                for name, histogram in self._of_turn.items():
                    value: Any = getattr(event, name)
                    if value is not None:
                        histogram.record(value)
            case ToolFinished():
                self._tool.record(event.seconds, {"failed": event.is_error})
            case ErrorOccurred():
                about = {"hookflash.source": event.source, "error.type": event.reason}
                self._errors.add(1, about)
            case SpeechInterrupted():
                self._hushed.add(1, {"false": False})
            case FalseInterruption():
                self._hushed.add(1, {"false": True})
            case ModelFinished():
                self._tokens.add(event.input_tokens, {"gen_ai.token.type": "input"})
                self._tokens.add(event.output_tokens, {"gen_ai.token.type": "output"})
            case VoiceFinished():
                self._characters.add(event.characters)
            case _:
                pass

"""The figures of a serving process, in the text that Prometheus reads.

Each `App` has its own registry: two in one process do not count each other's calls. Labels take
their values from fixed lists, so that no caller and no model can make new series.
"""

from collections.abc import Callable

from hookflash.errors import MissingExtra
from hookflash.events.call import CallEnded
from hookflash.events.measures import ModelFinished, VoiceFinished
from hookflash.events.session import (
    ErrorOccurred,
    FalseInterruption,
    SessionClosedEvent,
    SessionRecord,
    SpeechInterrupted,
    ToolFinished,
    TurnMetrics,
)

__all__ = ["PrometheusFigures"]

# Seconds. Callers notice the difference between 0.3 and 0.5; above 4 they ask whether anyone is
# there.
_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 20.0)
# A program may end a session with any word of its own.
_REASONS = frozenset(
    {
        *("hangup", "caller_hung_up", "link_lost", "closed", "error", "left", "silence"),
        *("time_limit", "shutdown", "voicemail"),
    }
)
_OTHER = "other"
_MOST_ERRORS = 200


class PrometheusFigures:
    """Counts what the sessions and calls of one App tell."""

    def __init__(self, calls_live: Callable[[], int]) -> None:
        """Begin at nothing.

        Args:
            calls_live: how many calls live now.

        Raises:
            MissingExtra: prometheus-client is not installed.
        """
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError as exc:
            package = "prometheus-client"
            raise MissingExtra(package, "telemetry") from exc
        registry = self._registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"hookflash_{name}", what, labels, registry=registry)

        def seconds(name: str, what: str) -> Histogram:
            name = f"hookflash_{name}_seconds"
            return Histogram(name, what, buckets=_BUCKETS, registry=registry)

        live = Gauge("hookflash_calls_live", "Calls that live now.", registry=registry)
        live.set_function(calls_live)
        self._calls = counter("calls", "Calls that ended.", "direction", "outcome")
        self._sessions = counter("sessions", "Sessions that ended.", "reason")
        self._turns = counter("turns", "Turns of callers that are over.", "outcome")
        self._errors = counter("errors", "Errors that sessions told.", "source", "reason")
        self._hushed = counter("interruptions", "How often agents fell silent.", "kind")
        self._tokens = counter("llm_tokens", "Tokens of language models.", "type")
        self._characters = counter("tts_characters", "Characters given to synthesisers.")
        self._tools = counter("tools", "Calls of tools that ended.", "result")
        self._dead_air = counter(
            "dead_air_seconds", "Seconds in which nobody was heard though an answer was due."
        )
        self._talk_over = counter("talk_over_seconds", "Seconds in which both sides were heard.")
        self._of_turn: dict[str, Histogram] = {
            field: seconds(f"turn_{field}", what)
            for field, what in (
                ("latency", "End of the caller's speech to the first sound heard of the answer."),
                ("endpointing", "End of the caller's speech to the decision that it is a turn."),
                ("stt", "End of the caller's speech to the recogniser's last words."),
                ("llm_first_text", "End of the turn to the model's first words."),
                ("tts_first_audio", "First text for the synthesiser to its first audio."),
                ("barge_in", "First sound over the agent to the agent's silence."),
            )
        }
        self._known_errors: set[tuple[str, str]] = set()

    def happened(self, event: SessionRecord) -> None:
        """Count what a session tells."""
        match event:
            case TurnMetrics():
                self._turn(event)
            case ErrorOccurred():
                self._error(event)
            case ToolFinished():
                self._tools.labels("failed" if event.is_error else "answered").inc()
            case ModelFinished():
                self._tokens.labels("input").inc(event.input_tokens)
                self._tokens.labels("output").inc(event.output_tokens)
            case VoiceFinished():
                self._characters.inc(event.characters)
            case SpeechInterrupted():
                self._hushed.labels("barge_in" if event.reason != "program" else "program").inc()
            case FalseInterruption():
                self._hushed.labels("false").inc()
            case SessionClosedEvent():
                reason = event.reason if event.reason in _REASONS else _OTHER
                self._sessions.labels(reason).inc()
            case _:
                pass

    def call_ended(self, direction: str, ended: CallEnded) -> None:
        """Count a call that is over."""
        self._calls.labels(direction, ended.outcome.value).inc()

    def text(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def _turn(self, event: TurnMetrics) -> None:
        self._turns.labels(event.outcome.value).inc()
        self._dead_air.inc(event.dead_air)
        self._talk_over.inc(event.talk_over)
        for name, histogram in self._of_turn.items():
            value: float | None = getattr(event, name)
            if value is not None:
                histogram.observe(value)

    def _error(self, event: ErrorOccurred) -> None:
        # Providers and programs may have reasons of their own, but not without end.
        kind = (event.source, event.reason)
        if kind not in self._known_errors and len(self._known_errors) >= _MOST_ERRORS:
            kind = (_OTHER, _OTHER)
        self._known_errors.add(kind)
        self._errors.labels(*kind).inc()

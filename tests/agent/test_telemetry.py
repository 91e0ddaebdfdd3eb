"""What a program's own OpenTelemetry hears of a session."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hookflash.agent.telemetry import instrument
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
    ToolMeasure,
    ToolStarted,
    TurnCompleted,
    TurnMetrics,
    TurnOutcome,
    UserTranscription,
    UtteranceBegan,
    UtteranceSpoken,
)
from hookflash.runtime import clock

# Virtual time begins here: 2026-01-01, in nanoseconds.
EPOCH = 1_767_225_600 * 10**9


class Told:
    """Tells what it is told to."""

    id = "session-1"

    def __init__(self) -> None:
        self._handlers: list[Callable[[SessionRecord], None]] = []
        self._sequence = 0

    def on(self, event: str, handler: Callable[[SessionRecord], None]) -> None:
        assert event == "*"
        self._handlers.append(handler)

    def tell(self, at: float, kind: type[SessionRecord], turn: str = "", **fields: Any) -> None:
        self._sequence += 1
        event = kind(sequence=self._sequence, at=at, turn=turn, **fields)
        for handler in self._handlers:
            handler(event)


def call(told: Told, *, reason: str = "caller_hung_up") -> None:
    """A greeting, a turn with a tool and an interruption, and the end."""
    told.tell(0.0, SessionStarted)
    told.tell(0.5, UtteranceBegan, utterance="hello")
    said: dict[str, Any] = {"said": "Good day.", "heard": "Good day.", "interrupted": False}
    told.tell(1.5, UtteranceSpoken, utterance="hello", played_ms=1000.0, **said)
    told.tell(2.2, CallerSpeechBegan, began=2.0)
    told.tell(3.1, UserTranscription, text="book me in", final=True)
    ended: dict[str, Any] = {"text": "book me in", "reason": "silence", "speech_ended": 3.0}
    told.tell(3.5, TurnCompleted, "t1", **ended)
    told.tell(3.7, ToolStarted, "t1", tool="book", call_id="c1")
    asked: dict[str, Any] = {
        "utterance": "r1",
        "provider": "local",
        "began": 3.5,
        "input_tokens": 50,
    }
    told.tell(3.7, ModelFinished, "t1", ended=3.7, tool_calls=1, output_tokens=4, **asked)
    told.tell(4.2, ToolFinished, "t1", tool="book", call_id="c1", is_error=True, seconds=0.5)
    told.tell(4.8, UtteranceBegan, "t1", utterance="r1")
    told.tell(5.0, FalseInterruption, "t1")
    told.tell(5.8, SpeechInterrupted, "t1", reason="words")
    voice: dict[str, Any] = {"began": 4.6, "first_audio": 4.75, "ended": 4.9, "characters": 12}
    told.tell(5.8, VoiceFinished, "t1", utterance="r1", provider="espeak", **voice)
    cut: dict[str, Any] = {"said": "You are booked.", "heard": "You are", "interrupted": True}
    told.tell(5.8, UtteranceSpoken, "t1", utterance="r1", played_ms=1000.0, **cut)
    told.tell(
        5.9, ErrorOccurred, "t1", source="llm", reason="timeout", message="m", recoverable=True
    )
    figures: dict[str, Any] = {"latency": 1.8, "endpointing": 0.5, "barge_in": 0.2, "dead_air": 1.8}
    tools = (ToolMeasure(tool="book", seconds=0.5, is_error=True),)
    outcome = TurnOutcome.INTERRUPTED
    told.tell(5.9, TurnMetrics, "t1", outcome=outcome, tools=tools, **figures)
    told.tell(9.0, SessionClosedEvent, reason=reason)


def spans_of(*, content: bool = False, reason: str = "caller_hung_up") -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def main() -> None:
        told = Told()
        instrument(told, content=content, tracer_provider=provider, meter_provider=MeterProvider())
        call(told, reason=reason)

    clock.run(main(), virtual=True)
    return list(exporter.get_finished_spans())


def test_spans_stand_within_each_other_at_the_times_that_were_measured() -> None:
    spans = spans_of()
    names = {span.context.span_id: span.name for span in spans if span.context is not None}

    def row(span: ReadableSpan) -> tuple[str, str, float, float]:
        parent = "" if span.parent is None else names[span.parent.span_id]
        assert span.start_time is not None
        assert span.end_time is not None
        return span.name, parent, (span.start_time - EPOCH) / 1e9, (span.end_time - EPOCH) / 1e9

    assert [row(span) for span in spans] == [
        ("playout", "session", 0.5, 1.5),
        ("stt", "turn", 3.0, 3.1),
        ("llm", "turn", 3.5, 3.7),
        ("tool", "turn", 3.7, 4.2),
        ("tts", "turn", 4.6, 4.9),
        ("playout", "turn", 4.8, 5.8),
        ("turn", "session", 2.0, 5.9),
        ("session", "", 0.0, 9.0),
    ]


def test_attributes_hold_names_counts_and_times_and_no_words() -> None:
    spans = {span.name: dict(span.attributes or {}) for span in spans_of()}
    assert spans == {
        "session": {"session.id": "session-1", "hookflash.session.ended": "caller_hung_up"},
        "turn": {
            "hookflash.turn.id": "t1",
            "hookflash.turn.reason": "silence",
            "hookflash.turn.outcome": "interrupted",
            "hookflash.turn.latency": 1.8,
            "hookflash.turn.endpointing": 0.5,
            "hookflash.turn.barge_in": 0.2,
            "hookflash.turn.dead_air": 1.8,
            "hookflash.turn.talk_over": 0.0,
            "hookflash.turn.interruptions": 0,
            "hookflash.turn.false_interruptions": 0,
            "hookflash.turn.input_tokens": 0,
            "hookflash.turn.output_tokens": 0,
            "hookflash.turn.characters": 0,
        },
        "stt": {},
        "llm": {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "local",
            "gen_ai.usage.input_tokens": 50,
            "gen_ai.usage.output_tokens": 4,
            "hookflash.tool_calls": 1,
            "hookflash.utterance.id": "r1",
        },
        "tool": {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "book",
            "gen_ai.tool.call.id": "c1",
            "error.type": "tool_failed",
        },
        "tts": {
            "hookflash.provider.name": "espeak",
            "hookflash.characters": 12,
            "hookflash.audio_ms": 0.0,
            "hookflash.utterance.id": "r1",
            "hookflash.first_audio": pytest.approx(0.15),
        },
        "playout": {  # the second one, of the same name
            "hookflash.utterance.id": "r1",
            "hookflash.played_ms": 1000.0,
            "hookflash.interrupted": True,
        },
    }


def test_words_are_told_when_they_are_asked_for() -> None:
    spans = {span.name: dict(span.attributes or {}) for span in spans_of(content=True)}
    assert spans["turn"]["hookflash.turn.text"] == "book me in"
    assert spans["playout"]["hookflash.said"] == "You are booked."
    assert spans["playout"]["hookflash.heard"] == "You are"


def test_what_failed_and_what_was_cut_short_is_marked() -> None:
    spans = {span.name: span for span in spans_of(reason="error")}
    failed = [name for name, span in spans.items() if not span.status.is_unset]
    assert failed == ["tool", "session"]
    assert [
        (event.name, dict(event.attributes or {}), (event.timestamp - EPOCH) / 1e9)
        for event in spans["turn"].events
    ] == [
        ("agent.false_interruption", {}, 5.0),
        ("agent.speech_interrupted", {}, 5.8),
        ("error", {"hookflash.source": "llm", "error.type": "timeout"}, 5.9),
    ]


def test_a_turn_that_the_end_of_the_session_cut_off_is_ended_too() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def main() -> None:
        told = Told()
        instrument(told, tracer_provider=provider, meter_provider=MeterProvider())
        told.tell(0.0, SessionStarted)
        told.tell(3.5, TurnCompleted, "t1", text="hm", reason="keypad")
        told.tell(4.0, SessionClosedEvent, reason="closed")

    clock.run(main(), virtual=True)
    turn, session = exporter.get_finished_spans()
    assert (turn.name, turn.end_time) == ("turn", EPOCH + 4 * 10**9)
    assert session.name == "session"


def test_metrics_count_and_spread_what_was_measured() -> None:
    reader = InMemoryMetricReader()

    async def main() -> None:
        told = Told()
        instrument(told, tracer_provider=TracerProvider(), meter_provider=MeterProvider([reader]))
        call(told)

    clock.run(main(), virtual=True)
    assert points(reader) == {
        "hookflash.sessions.live": [({}, 0)],
        "hookflash.sessions": [({}, 1)],
        "hookflash.turns": [({"outcome": "interrupted"}, 1)],
        "hookflash.turn.latency": [({}, 1.8)],
        "hookflash.turn.endpointing": [({}, 0.5)],
        "hookflash.turn.barge_in": [({}, 0.2)],
        "hookflash.turn.dead_air": [({}, 1.8)],
        "hookflash.turn.talk_over": [({}, 0.0)],
        "hookflash.tool.duration": [({"failed": True}, 0.5)],
        "hookflash.errors": [({"hookflash.source": "llm", "error.type": "timeout"}, 1)],
        "hookflash.interruptions": [({"false": True}, 1), ({"false": False}, 1)],
        "hookflash.tokens": [
            ({"gen_ai.token.type": "input"}, 50),
            ({"gen_ai.token.type": "output"}, 4),
        ],
        "hookflash.tts.characters": [({}, 12)],
    }


def points(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, Any], Any]]]:
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    return {
        metric.name: [
            (dict(point.attributes or {}), getattr(point, "sum", getattr(point, "value", None)))
            for point in metric.data.data_points
        ]
        for metric in scope.metrics
    }


class Collector(BaseHTTPRequestHandler):
    """Takes protobuf over HTTP, as any OpenTelemetry collector does."""

    received: ClassVar[list[tuple[str, str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def collector() -> Iterator[str]:
    Collector.received.clear()
    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.real_time
def test_a_collector_gets_spans_and_metrics_over_http() -> None:
    with collector() as url:
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{url}/v1/metrics"))
        meters = MeterProvider([reader])

        async def main() -> None:
            told = Told()
            instrument(told, tracer_provider=traces, meter_provider=meters)
            call(told)

        clock.run(main(), virtual=True)
        traces.shutdown()
        meters.shutdown()
        received = list(Collector.received)
    spans: list[str] = []
    metrics: set[str] = set()
    for path, kind, body in received:
        assert kind == "application/x-protobuf"
        if path == "/v1/traces":
            request = ExportTraceServiceRequest.FromString(body)
            spans += [
                span.name
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]
        else:
            assert path == "/v1/metrics"
            measured = ExportMetricsServiceRequest.FromString(body)
            metrics |= {
                metric.name
                for resource in measured.resource_metrics
                for scope in resource.scope_metrics
                for metric in scope.metrics
            }
    assert spans == ["playout", "stt", "llm", "tool", "tts", "playout", "turn", "session"]
    assert "hookflash.turn.latency" in metrics


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("opentelemetry", "opentelemetry.trace", "opentelemetry.metrics"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"hookflash\[telemetry\]"):
        instrument(Told())

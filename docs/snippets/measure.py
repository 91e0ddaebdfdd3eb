"""A front desk whose calls are measured, traced and written down."""

from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from hookflash import Agent, AgentSession, App, Call, Pipeline, SessionOptions, Settings
from hookflash.agent import RecordConfig, instrument
from hookflash.agent.record import load_record
from hookflash.events.session import TurnMetrics


def send_traces(collector: str) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{collector}/v1/traces")))
    trace.set_tracer_provider(provider)
    return provider


app = App(settings=Settings.load(metrics=True))


class FrontDesk(Agent):
    async def on_enter(self) -> None:
        await self.session.say("Harbour Dental, how can I help?")


@app.on_call
async def answer(call: Call) -> None:
    options = SessionOptions(record=RecordConfig(directory=Path("records"), content=False))
    session: AgentSession[None] = AgentSession(FrontDesk(), Pipeline.local(), options=options)
    instrument(session)
    watch(session)
    await session.start(call, run_until_shutdown=True)


def watch(session: AgentSession[None]) -> None:
    @session.on(TurnMetrics)
    def slow(turn: TurnMetrics) -> None:
        if turn.latency is not None and turn.latency > 2.0:
            print(f"{turn.latency:.1f} s, of these {turn.llm_first_text} s the model's")

    @session.on("session.closed")
    def over(_: object) -> None:
        found = session.metrics
        print(f"{found.latency.p95} s at the worst, {found.output_tokens} tokens")


def worst_turn(file: Path) -> str:
    record = load_record(file)
    slowest = max(
        (turn for turn in record.turns if turn.metrics is not None),
        key=lambda turn: turn.metrics.latency or 0.0 if turn.metrics else 0.0,
    )
    return f"{slowest.text!r} was answered {slowest.heard!r}"

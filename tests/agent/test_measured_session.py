"""A whole session, measured: turns, totals, the record, and what a program's telemetry hears."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.agent.stage import APOLOGY, Script, Stage, on_stage

from hookflash.agent import Agent, SessionOptions, function_tool
from hookflash.agent.measures import Distribution, measure
from hookflash.agent.record import RecordConfig, load_record
from hookflash.agent.telemetry import instrument
from hookflash.errors import ProviderError
from hookflash.events.measures import ModelFinished, VoiceFinished
from hookflash.events.session import SessionClosedEvent, SessionRecord, TurnMetrics, TurnOutcome
from hookflash.runtime import clock
from hookflash.testing import ScriptedTTS
from hookflash.testing.scripted import Calls, Fails, Says

TEN = "one two three four five six seven eight nine ten"


def run(scene: Any) -> None:
    clock.run(scene, virtual=True)


def near(value: float) -> Any:
    return pytest.approx(value, abs=0.021)  # a frame


class Front(Agent):
    async def on_enter(self) -> None:
        await self.session.say("Good day.")

    @function_tool
    async def look_up(self) -> str:
        """Look something up."""
        await asyncio.sleep(1.0)
        return "nine to five"


def test_a_turn_is_measured_from_the_ear_of_the_caller() -> None:
    async def main() -> None:
        script: Script = [Says("We open at nine.", delay=0.4)]
        options = SessionOptions(apology=APOLOGY, think_ahead=False)
        async with on_stage(Front(), script, tts=ScriptedTTS(delay=0.1), options=options) as stage:
            await asyncio.sleep(1.0)
            await stage.caller_says("when do you open")
            await asyncio.sleep(4.0)
            (turn,) = stage.of(TurnMetrics)
            assert turn.outcome is TurnOutcome.ANSWERED
            assert turn.endpointing == near(0.5)
            assert turn.stt == near(0.3)
            assert turn.llm_first_text == near(0.4)
            assert turn.llm_total == near(0.4)
            assert turn.tts_first_audio == near(0.1)
            assert turn.latency == near(1.0)
            assert turn.dead_air == near(1.0)
            assert turn.playout == near(0.8)
            assert turn.characters == len("We open at nine.")
            assert (turn.interruptions, turn.talk_over, turn.barge_in) == (0, 0.0, None)

            found = stage.session.metrics
            assert found.turns == {"answered": 1}
            assert found.latency == Distribution(
                count=1, p50=turn.latency, p95=turn.latency, most=turn.latency
            )
            assert found.caller_speech == near(0.6)
            assert found.agent_speech == near(0.4 + 0.8)
            assert found.characters == len("Good day.") + len("We open at nine.")
            assert found.seconds == near(stage.now())

    run(main())


def test_an_answer_thought_of_ahead_took_no_time_after_the_turn() -> None:
    async def main() -> None:
        async with on_stage(Agent(), [Says("We open at nine.", delay=0.1)]) as stage:
            await stage.caller_says("when do you open")
            await asyncio.sleep(3.0)
            (turn,) = stage.of(TurnMetrics)
            assert turn.llm_first_text == 0.0
            assert turn.latency == near(0.5)
            (asked,) = stage.of(ModelFinished)
            assert asked.began < asked.first_text < asked.at

    run(main())


def test_a_tool_with_its_silence_is_measured_within_its_turn() -> None:
    async def main() -> None:
        script: Script = [Calls("look_up"), "At nine."]
        async with on_stage(Front(), script) as stage:
            await asyncio.sleep(1.0)
            await stage.caller_says("when do you open")
            await asyncio.sleep(4.0)
            (turn,) = stage.of(TurnMetrics)
            (tool,) = turn.tools
            assert (tool.tool, tool.is_error, tool.seconds) == ("look_up", False, near(1.0))
            assert turn.latency == near(0.5 + 1.0)
            assert turn.dead_air == near(1.5)
            assert [asked.tool_calls for asked in stage.of(ModelFinished)] == [1, 0]
            assert stage.session.metrics.tool.count == 1

    run(main())


def test_an_interruption_is_measured_to_the_silence_of_the_agent() -> None:
    async def main() -> None:
        async with on_stage(Agent(), [TEN + ".", "Yes."]) as stage:
            await stage.caller_says("count")
            await asyncio.sleep(1.2)
            await stage.caller_says("do you have parking")
            await asyncio.sleep(3.0)
            cut, whole = stage.of(TurnMetrics)
            assert (cut.outcome, whole.outcome) == (TurnOutcome.INTERRUPTED, TurnOutcome.ANSWERED)
            assert cut.interruptions == 1
            # The detector takes 0.2 s to be sure, and the agent hushes at once.
            assert cut.barge_in == near(0.2)
            assert cut.talk_over == near(0.2)
            assert whole.talk_over == 0.0
            assert stage.session.metrics.barge_in.count == 1

    run(main())


def test_a_noise_over_the_agent_is_a_false_interruption() -> None:
    async def main() -> None:
        async with on_stage(Agent(), [TEN + "."]) as stage:
            await stage.caller_says("count")
            await asyncio.sleep(1.2)
            onset = stage.now()
            await asyncio.sleep(0.2)
            stage.vad.voice.verdict(True, onset)
            await asyncio.sleep(0.4)
            stage.vad.voice.verdict(False, stage.now() - 0.3)
            await asyncio.sleep(6.0)
            (turn,) = stage.of(TurnMetrics)
            assert (turn.outcome, turn.false_interruptions) == (TurnOutcome.ANSWERED, 1)
            assert (turn.interruptions, turn.barge_in) == (0, None)
            assert stage.session.metrics.false_interruptions == 1
            assert stage.session.metrics.agent_speech == near(2.0)

    run(main())


def test_a_model_that_fails_leaves_a_failed_turn_and_an_error_in_the_totals() -> None:
    async def main() -> None:
        async with on_stage(Agent(), [Fails(ProviderError("no"))]) as stage:
            await stage.caller_says("hello")
            await asyncio.sleep(3.0)
            (turn,) = stage.of(TurnMetrics)
            assert turn.outcome is TurnOutcome.FAILED
            assert turn.latency is not None
            assert [asked.failed for asked in stage.of(ModelFinished)] == ["provider_failed"]
            assert stage.session.metrics.errors == {"llm": 1}

    run(main())


def test_a_synthesiser_that_fails_is_told_so() -> None:
    async def main() -> None:
        voice = ScriptedTTS(fails=[None, ProviderError("no")])  # the apology is made beforehand
        async with on_stage(Agent(), ["At nine."], tts=voice) as stage:
            await stage.caller_says("when")
            await asyncio.sleep(3.0)
            assert [made.failed for made in stage.of(VoiceFinished)] == ["provider_failed"]
            assert [turn.outcome for turn in stage.of(TurnMetrics)] == [TurnOutcome.FAILED]

    run(main())


def test_the_end_of_the_session_ends_its_turns_before_it_is_told() -> None:
    async def main() -> None:
        stage: Stage
        async with on_stage(Agent(), [TEN + "."]) as stage:
            await stage.caller_says("count")
            await asyncio.sleep(1.0)
        assert [type(event) for event in stage.events][-2:] == [TurnMetrics, SessionClosedEvent]
        (turn,) = stage.of(TurnMetrics)
        assert turn.outcome is TurnOutcome.ENDED
        assert stage.session.metrics.turns == {"ended": 1}

    run(main())


def test_the_events_of_a_session_measured_again_give_the_same_figures() -> None:
    async def main() -> None:
        script: Script = [Calls("look_up"), TEN + ".", "Yes, we do."]
        async with on_stage(Front(), script) as stage:
            await asyncio.sleep(1.0)
            await stage.caller_says("when do you open")
            await asyncio.sleep(3.0)
            await stage.caller_says("do you have parking")
            await asyncio.sleep(3.0)
        events = [event for event in stage.events if isinstance(event, SessionRecord)]
        again = measure(events)
        assert again.snapshot(10.0) == stage.session._meter.measures.snapshot(10.0)
        told = [turn for turn in events if isinstance(turn, TurnMetrics)]
        assert len(told) == 2
        for old, new in zip(told, again.turns, strict=True):
            assert [getattr(old, name) for name in old.__struct_fields__[1:]] == [
                getattr(new, name) for name in new.__struct_fields__[1:]
            ]

    run(main())


def test_a_session_is_written_down(tmp_path: Path) -> None:
    async def main() -> None:
        options = SessionOptions(apology=APOLOGY, record=RecordConfig(directory=tmp_path))
        async with on_stage(Front(), ["At nine."], options=options) as stage:
            await stage.caller_says("when do you open")
            await asyncio.sleep(3.0)
            stage.leg.hang_up()
            await stage.session.wait_closed()
        assert stage.session.call is not None
        record = load_record(tmp_path / f"{stage.session.call.id}.record.json")
        assert (record.session, record.ended) == (stage.session.id, "caller_hung_up")
        assert record.call.outcome == "completed"
        assert [(turn.text, turn.heard) for turn in record.turns] == [
            ("when do you open", "At nine.")
        ]
        assert [item["text"] for item in record.history] == [
            "Good day.",
            "when do you open",
            "At nine.",
        ]
        assert record.metrics.turns == {"answered": 1}

    run(main())


def test_what_is_sensitive_stays_out_of_the_record(tmp_path: Path) -> None:
    async def main() -> None:
        options = SessionOptions(apology=APOLOGY, record=RecordConfig(directory=tmp_path))
        async with on_stage(Agent(), ["Thank you."], options=options) as stage:
            with stage.session.sensitive():
                stage.leg.press("4111#")
                await stage.caller_says("for one one one")
                await asyncio.sleep(3.0)

    run(main())
    (file,) = tmp_path.iterdir()
    text = file.read_text("utf-8")
    for words in ("4111", '"4"', "for one"):
        assert words not in text


def test_a_session_is_followed_by_open_telemetry() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def main() -> None:
        stage = Stage(Agent(), [Calls("absent"), "At nine."])
        instrument(stage.session, tracer_provider=provider, meter_provider=MeterProvider())
        await stage.session.start(stage.leg)
        await stage.caller_says("when do you open")
        await asyncio.sleep(3.0)
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    run(main())
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == [
        "stt",
        "llm",
        "tool",
        "llm",
        "tts",
        "playout",
        "turn",
        "session",
    ]
    for span in spans:
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time
    turn = spans[-2]
    assert all(
        span.parent is not None and span.parent.span_id == turn.context.span_id
        for span in spans[:-2]
        if turn.context is not None
    )

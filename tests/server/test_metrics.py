"""What Prometheus reads of a serving process."""

import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.pretty import pretty_repr
from tests.server.street import OURS, THEIRS, Street, street

from hookflash import Agent, AgentSession, App, Call, Pipeline, Settings
from hookflash.agent.record import load_record
from hookflash.audio.tones import beep
from hookflash.emulator import Line, person
from hookflash.errors import ConfigError, MissingExtra
from hookflash.events.call import CallEnded, Outcome
from hookflash.events.measures import ModelFinished, VoiceFinished
from hookflash.events.session import (
    ErrorOccurred,
    FalseInterruption,
    SessionClosedEvent,
    SessionRecord,
    SpeechInterrupted,
    ToolFinished,
    TurnMetrics,
    TurnOutcome,
)
from hookflash.runtime import clock
from hookflash.server.prometheus import PrometheusFigures
from hookflash.testing import ScriptedLLM, ScriptedTTS

COUNT: dict[str, Any] = {"sequence": 1, "at": 1.0}


def lines(figures: PrometheusFigures) -> set[str]:
    """What is exposed: no comments, no buckets, nothing that is 0, no times of making."""
    text, _ = figures.text()
    return {
        line
        for line in text.decode().splitlines()
        if not line.startswith("#") and "_created" not in line and "_bucket" not in line
        if not line.endswith(" 0.0")
    }


def test_what_sessions_and_calls_tell_is_counted() -> None:
    figures = PrometheusFigures(lambda: 3)
    events: list[SessionRecord] = [
        TurnMetrics(**COUNT, latency=0.7, endpointing=0.5, dead_air=0.7, talk_over=0.25),
        TurnMetrics(**COUNT, latency=0.9, outcome=TurnOutcome.INTERRUPTED, barge_in=0.2),
        ErrorOccurred(**COUNT, source="llm", reason="timeout", message="", recoverable=True),
        ToolFinished(**COUNT, tool="any", call_id="c1", is_error=True, seconds=1.0),
        ModelFinished(
            **COUNT, utterance="r", began=0.0, ended=1.0, input_tokens=40, output_tokens=9
        ),
        VoiceFinished(**COUNT, utterance="r", began=0.0, ended=1.0, characters=21),
        SpeechInterrupted(**COUNT, reason="words"),
        SpeechInterrupted(**COUNT, reason="program"),
        FalseInterruption(**COUNT),
        SessionClosedEvent(**COUNT, reason="caller_hung_up"),
        SessionClosedEvent(**COUNT, reason="order 4711 is done"),
    ]
    for event in events:
        figures.happened(event)
    figures.call_ended("inbound", CallEnded(outcome=Outcome.COMPLETED, reason="caller_hung_up"))
    assert lines(figures) == {
        "hookflash_calls_live 3.0",
        'hookflash_calls_total{direction="inbound",outcome="completed"} 1.0',
        'hookflash_sessions_total{reason="caller_hung_up"} 1.0',
        'hookflash_sessions_total{reason="other"} 1.0',
        'hookflash_turns_total{outcome="answered"} 1.0',
        'hookflash_turns_total{outcome="interrupted"} 1.0',
        'hookflash_errors_total{reason="timeout",source="llm"} 1.0',
        'hookflash_tools_total{result="failed"} 1.0',
        'hookflash_llm_tokens_total{type="input"} 40.0',
        'hookflash_llm_tokens_total{type="output"} 9.0',
        "hookflash_tts_characters_total 21.0",
        'hookflash_interruptions_total{kind="barge_in"} 1.0',
        'hookflash_interruptions_total{kind="program"} 1.0',
        'hookflash_interruptions_total{kind="false"} 1.0',
        "hookflash_dead_air_seconds_total 0.7",
        "hookflash_talk_over_seconds_total 0.25",
        "hookflash_turn_latency_seconds_count 2.0",
        "hookflash_turn_latency_seconds_sum 1.6",
        "hookflash_turn_endpointing_seconds_count 1.0",
        "hookflash_turn_endpointing_seconds_sum 0.5",
        "hookflash_turn_barge_in_seconds_count 1.0",
        "hookflash_turn_barge_in_seconds_sum 0.2",
    }


def test_two_apps_in_one_process_do_not_count_each_others_calls() -> None:
    one, other = PrometheusFigures(lambda: 0), PrometheusFigures(lambda: 0)
    one.happened(FalseInterruption(**COUNT))
    assert lines(other) == set()


def test_reasons_without_end_become_one() -> None:
    figures = PrometheusFigures(lambda: 0)
    for number in range(300):
        error = ErrorOccurred(
            **COUNT, source="llm", reason=f"reason-{number}", message="", recoverable=True
        )
        figures.happened(error)
    series = {line for line in lines(figures) if line.startswith("hookflash_errors_total")}
    assert len(series) == 201
    assert 'hookflash_errors_total{reason="other",source="other"} 100.0' in series


async def asks(line: Line) -> None:
    await line.wait_speech()
    await line.wait_quiet()
    line.press("5#")
    await line.wait_speech()
    await line.wait_quiet()
    await line.say(beep(ms=200))
    line.hang_up()


async def held(place: Street, app: App) -> None:
    """One call: a greeting, a key, an answer."""
    pipeline = Pipeline(llm=ScriptedLLM(["We open at nine."]), tts=ScriptedTTS())

    class Front(Agent):
        async def on_enter(self) -> None:
            await self.session.say("Good day to you.")

    @app.on_call
    async def answer(call: Call) -> None:
        await AgentSession[None](Front(), pipeline).start(call, run_until_shutdown=True)

    call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(asks))
    await call.ended()
    await app.drain()


def test_a_call_is_counted_and_read_over_http_by_who_has_the_token(tmp_path: Path) -> None:
    async def main() -> tuple[list[str], list[int], str]:
        settings = Settings(metrics=True, metrics_token="let me in", record_dir=tmp_path)
        async with street(settings=settings) as place:
            await held(place, place.app)
            refused: list[int] = []
            async with httpx.AsyncClient(base_url=place.address.http) as client:
                for headers in ({}, {"authorization": "Bearer let me"}):
                    refused.append((await client.get("/metrics", headers=headers)).status_code)
                token = {"authorization": "Bearer let me in"}
                answer = await client.get("/metrics", headers=token)
            return answer.text.splitlines(), refused, answer.headers["content-type"]

    found, refused, kind = clock.run(main(), virtual=True)
    assert refused == [401, 401]
    assert kind.startswith("text/plain")
    for line in (
        "hookflash_calls_live 0.0",
        'hookflash_calls_total{direction="inbound",outcome="completed"} 1.0',
        'hookflash_sessions_total{reason="caller_hung_up"} 1.0',
        'hookflash_turns_total{outcome="answered"} 1.0',
        f"hookflash_tts_characters_total {len('Good day to you.We open at nine.')}.0",
    ):
        assert line in found
    # The same folder that holds the tape holds the session's record.
    (file,) = tmp_path.glob("*.record.json")
    record = load_record(file)
    assert (record.ended, record.call.outcome) == ("caller_hung_up", "completed")
    assert [(turn.text, turn.heard) for turn in record.turns] == [("Keypad: 5", "We open at nine.")]


def test_without_the_setting_there_is_nothing_to_read() -> None:
    async def main() -> None:
        async with street() as place, httpx.AsyncClient(base_url=place.address.http) as client:
            assert (await client.get("/metrics")).status_code == 404

    clock.run(main(), virtual=True)


def test_without_a_token_set_everyone_may_read() -> None:
    async def main() -> None:
        async with (
            street(settings=Settings(metrics=True)) as place,
            httpx.AsyncClient(base_url=place.address.http) as client,
        ):
            answer = await client.get("/metrics")
            assert answer.status_code == 200
            assert "hookflash_calls_live 0.0" in answer.text

    clock.run(main(), virtual=True)


def test_settings_read_the_switch_and_hide_the_token() -> None:
    environment = {"HOOKFLASH_METRICS": "True", "HOOKFLASH_METRICS_TOKEN": "hush"}
    settings = Settings.load(environment=environment, file=Path("absent.toml"))
    assert (settings.metrics, settings.metrics_token) == (True, "hush")
    assert "hush" not in repr(settings)
    assert "hush" not in pretty_repr(settings)
    with pytest.raises(ConfigError, match="metrics must be true or false"):
        Settings.load(environment={"HOOKFLASH_METRICS": "maybe"}, file=Path("absent.toml"))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtra, match=r"hookflash\[telemetry\]"):
        App(settings=Settings(metrics=True))

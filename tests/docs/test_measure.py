"""The snippet of the page on measuring runs."""

import asyncio
import runpy
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from tests.agent.stage import Script, on_stage

from hookflash.agent import Agent, RecordConfig, SessionOptions
from hookflash.runtime import clock
from hookflash.testing import ScriptedTTS
from hookflash.testing.scripted import Says

ROOT = Path(__file__).resolve().parents[2]


def test_the_snippet_watches_a_session_and_reads_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[object] = []
    monkeypatch.setattr(trace, "set_tracer_provider", given.append)
    snippet = runpy.run_path(str(ROOT / "docs/snippets/measure.py"))
    assert snippet["app"].settings.metrics

    async def main() -> None:
        options = SessionOptions(record=RecordConfig(directory=tmp_path), think_ahead=False)
        script: Script = ["At nine.", Says("At five.", delay=3.0)]
        async with on_stage(Agent(), script, options=options, tts=ScriptedTTS()) as stage:
            snippet["watch"](stage.session)
            for question in ("when do you open", "when do you close"):
                await stage.caller_says(question)
                await asyncio.sleep(5.0)

    clock.run(main(), virtual=True)
    slow, over = capsys.readouterr().out.splitlines()
    assert slow.startswith("3.5 s, of these 3.0")
    assert over.startswith("3.5")
    (file,) = tmp_path.iterdir()
    assert snippet["worst_turn"](file) == "'when do you close' was answered 'At five.'"

    provider = snippet["send_traces"]("http://127.0.0.1:1")
    assert isinstance(provider, TracerProvider)
    assert given == [provider]
    provider.shutdown()

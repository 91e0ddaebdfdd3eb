"""The documentation shows files that run, and links that lead somewhere."""

import asyncio
import re
import runpy
from pathlib import Path

import pytest
from docs.snippets import test_my_agent
from tests.server.street import OURS, THEIRS, street

from hookflash import App, Pipeline
from hookflash.cli.main import load_app
from hookflash.emulator import CarrierEmulator, Line, person
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.runtime import clock
from hookflash.runtime.serve import serving

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "ARCHITECTURE.md"])
PROGRAMS = [page for page in PAGES if page.parent.name in {ROOT.name, "how-to"}]
SNIPPETS = [path.read_text("utf-8") for path in sorted((ROOT / "docs/snippets").glob("*.py"))]
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def dedented(block: str, indent: str) -> str:
    return re.sub(f"^{indent}", "", block, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_in_the_start_and_how_to_pages_is_a_snippet_that_runs(page: Path) -> None:
    for indent, block in BLOCK.findall(page.read_text("utf-8")):
        code = dedented(block, indent).strip()
        wanted = re.sub(r"\s+", " ", code)
        assert any(wanted in re.sub(r"\s+", " ", snippet) for snippet in SNIPPETS), code


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_snippet_of_a_test_passes() -> None:
    test_my_agent.test_the_caller_is_told_the_hours()


def test_the_agent_of_the_front_page_answers_the_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret")
    app = load_app(ROOT / "docs/snippets/front_desk.py")
    caller = EspeakTTS("en-us+f2", words_per_minute=140)

    async def speak(text: str, voice: str | None) -> bytes:
        return await speak_pcm(caller, text, 8000)

    async def asks(line: Line) -> None:
        await line.wait_quiet(timeout=20)
        await line.say("When are you open?")
        await line.wait_speech()
        await line.wait_quiet(timeout=20)

    async def main() -> list[float]:
        emulator = CarrierEmulator(voice=speak, account_sid="AC" + "0" * 32, auth_token="secret")
        async with emulator as carrier, serving(app) as address:
            app.public_url = address.http
            carrier.add_number(OURS, voice_url=f"{address.http}/twilio/voice")
            call = carrier.call(to=OURS, from_=THEIRS, far_end=person(asks))
            await call.ended()
            await app.drain()
        await Pipeline.local().aclose()
        await caller.aclose()
        return [end - start for start, end in call.line.heard.speech()]

    greeting, *answer = clock.run(main(), virtual=True)
    assert 1.0 < greeting < 3.0
    assert 2.0 < sum(answer) < 6.0


def test_the_snippet_points_a_number_at_the_app() -> None:
    point = runpy.run_path(str(ROOT / "docs/snippets/point_number.py"))["point"]

    async def main() -> None:
        async with street() as place:
            app: App = place.app
            (line,) = await app.carrier.lines(OURS)
            await app.carrier.point(line.line_id, voice_url="")
            await point(app, OURS)
            (line,) = await app.carrier.lines(OURS)
            assert line.voice_url == f"{app.public_url}/twilio/voice"
            await asyncio.sleep(0)

    clock.run(main(), virtual=True)

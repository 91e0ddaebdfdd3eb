"""Providers that fail in the middle of a call, over real sockets."""

import asyncio
import runpy
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import pytest
from tests.server.street import OURS, THEIRS, street

from hookflash import Agent, AgentSession, Call, Pipeline
from hookflash.audio.frames import duration_ms
from hookflash.audio.levels import rms_dbfs
from hookflash.audio.tones import beep
from hookflash.emulator import Line, person
from hookflash.errors import LinkError, ProviderError
from hookflash.events.providers import ProviderSwitched
from hookflash.events.session import ErrorOccurred
from hookflash.providers.base import (
    STT,
    VAD,
    Hearing,
    Transcript,
    VoiceStream,
    VoiceVerdict,
)
from hookflash.providers.fallback import FallbackLLM, FallbackSTT, FallbackTTS
from hookflash.runtime import clock
from hookflash.testing import Fails, ScriptedLLM, ScriptedTTS

ROOT = Path(__file__).resolve().parents[2]
LOST = LinkError("the stream broke off")


class Meter(Hearing):
    """Takes down how long the caller was loud; breaks after so many milliseconds of it."""

    def __init__(self, rate: int, breaks_after: float | None) -> None:
        self._rate = rate
        self._breaks_after = breaks_after
        self._loud = 0.0
        self._out: asyncio.Queue[Transcript | None] = asyncio.Queue()

    def push(self, pcm: bytes) -> None:
        if rms_dbfs(pcm) > -40:
            self._loud += duration_ms(pcm, self._rate)
        if self._breaks_after is not None and self._loud > self._breaks_after:
            raise ConnectionResetError

    def flush(self) -> None:
        self._out.put_nowait(Transcript(text=f"loud for {self._loud:.0f} ms", final=True))

    async def transcripts(self) -> AsyncGenerator[Transcript, None]:
        while (found := await self._out.get()) is not None:
            yield found

    async def aclose(self) -> None:
        self._out.put_nowait(None)


class MeterSTT(STT):
    def __init__(self, name: str, breaks_after: float | None = None) -> None:
        self.name = name
        self._breaks_after = breaks_after

    def listen(self, sample_rate: int) -> Meter:
        return Meter(sample_rate, self._breaks_after)


class LoudVAD(VAD):
    """Takes sound for speech."""

    def watch(self, sample_rate: int, on_verdict: Callable[[VoiceVerdict], None]) -> VoiceStream:
        return LoudStream(on_verdict)


class LoudStream(VoiceStream):
    def __init__(self, on_verdict: Callable[[VoiceVerdict], None]) -> None:
        self._on_verdict = on_verdict
        self._heard_at: float | None = None

    def push(self, pcm: bytes, at: float) -> None:
        if rms_dbfs(pcm) > -40:
            if self._heard_at is None:
                self._on_verdict(VoiceVerdict(speaking=True, at=at))
            self._heard_at = at
        elif self._heard_at is not None and at - self._heard_at > 0.3:
            self._on_verdict(VoiceVerdict(speaking=False, at=self._heard_at))
            self._heard_at = None

    def close(self) -> None:
        pass


def test_ears_mind_and_voice_fail_in_one_turn_and_the_caller_is_answered() -> None:
    async def beeps(line: Line) -> None:
        await line.wait(2.0)
        await line.say(beep(ms=1000))
        await line.wait(8.0)
        line.hang_up()

    async def main() -> None:
        pipeline = Pipeline(
            stt=FallbackSTT([MeterSTT("a", breaks_after=500), MeterSTT("b")]),
            llm=FallbackLLM(
                [
                    ScriptedLLM([["You were loud for a sec", Fails(LOST)]]),
                    ScriptedLLM(["loud for a second, I believe."]),
                ]
            ),
            tts=FallbackTTS([ScriptedTTS(fails=[ProviderError("no credit")]), ScriptedTTS()]),
            vad=LoudVAD(),
        )
        switched: list[tuple[str, str, str]] = []
        errors: list[ErrorOccurred] = []
        histories: list[Sequence[str]] = []
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(Agent(), pipeline)
                session.on(
                    ProviderSwitched,
                    lambda event: switched.append((event.stage, event.new, event.reason)),
                )
                session.on(ErrorOccurred, errors.append)
                await session.start(call, run_until_shutdown=True)
                histories.append([message.text for message in session.history.messages])

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(beeps))
            await call.ended()
            await place.app.drain()
            speech = call.line.heard.speech()
        assert errors == []
        assert sorted(switched) == [
            ("llm", "scripted-2", "link"),
            ("stt", "b", "provider_failed"),
            ("tts", "scripted-2", "provider_failed"),
        ]
        ((asked, answered),) = histories
        assert answered == "You were loud for a second, I believe."
        loud = int(asked.split()[2])
        assert abs(loud - 1000) <= 20
        # Eight words of 200 ms each.
        assert abs(sum(end - start for start, end in speech) - 1.6) < 0.1

    clock.run(main(), virtual=True)


def test_the_snippet_answers_with_whatever_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret")
    monkeypatch.chdir(tmp_path)
    snippet = runpy.run_path(str(ROOT / "docs/snippets/fallback.py"))

    async def listens(line: Line) -> None:
        await line.wait_speech()
        await line.wait_quiet()
        line.hang_up()

    async def main() -> float:
        await snippet["keep_the_greetings_ready"]()
        assert len(list((tmp_path / "speech").glob("*.speech"))) == 2
        async with street() as place:
            place.app.on_call(snippet["answer"])
            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(listens))
            await call.ended()
            await place.app.drain()
            speech = call.line.heard.speech()
        await snippet["pipeline"].aclose()
        return sum(end - start for start, end in speech)

    # No key for the first model and no server for the second: the rules answer.
    assert clock.run(main(), virtual=True) > 0.5
    assert snippet["mind"].slots[0].prepared is False

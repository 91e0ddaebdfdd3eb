"""A session with a realtime model on a memory leg: its server is real, its mind a script."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.agent.stage import APOLOGY, short

from hookflash.agent import Agent, AgentSession, SessionOptions
from hookflash.audio.tones import beep
from hookflash.events import Record
from hookflash.pipeline import Pipeline
from hookflash.providers.base import STT, TTS
from hookflash.providers.openai_realtime import OpenAIRealtime, SilenceTurns
from hookflash.testing import MemoryLeg, ScriptedVAD
from hookflash.testing.realtime_server import (
    Heard,
    RealtimeServer,
    RealtimeStep,
    ServedConversation,
)

Script = Sequence[RealtimeStep | Sequence[RealtimeStep]]

_SILENCE = bytes(320)
_SPEECH = beep(ms=20)


class RealtimeStage:
    """Everything at hand."""

    def __init__(
        self,
        agent: Agent,
        server: RealtimeServer,
        *,
        stt: STT | None = None,
        tts: TTS | None = None,
        vad: ScriptedVAD | None = None,
        wake_up: float | None = None,
        options: SessionOptions | None = None,
        longest: float | None = None,
        recites: bool = True,
        **model: Any,
    ) -> None:
        self.server = server
        self.leg = MemoryLeg()
        self.vad = vad
        model.setdefault("turn_detection", SilenceTurns())
        self.model = OpenAIRealtime(base_url=server.base_url, **model)
        self.model.longest = longest
        self.model.recites = recites
        self.pipeline = Pipeline(realtime=self.model, stt=stt, tts=tts, vad=vad)
        self.session: AgentSession[Any] = AgentSession(
            agent,
            self.pipeline,
            wake_up=wake_up,
            options=options or SessionOptions(apology=APOLOGY, not_understood="Pardon?"),
        )
        self.events: list[Record] = []
        self.session.on("*", self.events.append)
        self._loud = 0
        self._line = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        """The line is never still: 20 ms of sound or silence every 20 ms."""
        loop = asyncio.get_running_loop()
        moment = loop.time()
        while True:
            self.leg.hear(_SPEECH if self._loud > 0 else _SILENCE)
            self._loud -= 1
            moment += 0.02
            await asyncio.sleep(max(0.0, moment - loop.time()))

    async def caller_speaks(self, seconds: float) -> None:
        """The caller makes sounds; a detector of ours, if there is one, notices as real ones do."""
        loop = asyncio.get_running_loop()
        if self.vad is not None:
            voice, onset = self.vad.voice, loop.time()
            loop.call_later(0.2, voice.verdict, True, onset)
            loop.call_later(seconds + 0.35, voice.verdict, False, onset + seconds)
        self._loud = round(seconds / 0.02)
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        await self.session.close()
        self._line.cancel()
        with suppress(asyncio.CancelledError):
            await self._line
        self.leg.close()
        call = self.session.call
        assert call is not None
        await call.aclose()
        await self.pipeline.aclose()

    def of(self, kind: type[Record]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    @property
    def there(self) -> ServedConversation:
        """The newest conversation, as the server sees it."""
        return self.server.conversation

    @property
    def items(self) -> list[str]:
        """The history in short."""
        return [short(item) for item in self.session.history.items]

    def errors(self) -> list[tuple[str, str]]:
        return [(event.source, event.reason) for event in self.events if event.name == "error"]  # type: ignore[attr-defined]


@asynccontextmanager
async def on_realtime_stage(
    agent: Agent,
    script: Script = (),
    *,
    aside: Script = (),
    hears: Sequence[str | Heard] = (),
    refusing: Sequence[int] = (),
    longest: float | None = None,
    **options: Any,
) -> AsyncIterator[RealtimeStage]:
    async with RealtimeServer(
        script, recites=aside, hears=hears, refusing=refusing, longest=longest
    ) as server:
        stage = RealtimeStage(agent, server, longest=longest, **options)
        try:
            await stage.session.start(stage.leg)
            yield stage
        finally:
            await stage.close()

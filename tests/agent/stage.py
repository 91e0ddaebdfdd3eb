"""A session on a memory leg with scripted providers: what the tests of sessions play on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hookflash.agent import Agent, AgentSession, SessionOptions, WakeUpStep
from hookflash.events import Record
from hookflash.pipeline import Pipeline
from hookflash.providers.base import TurnDetector
from hookflash.providers.chat import AgentHandoff, ChatItem, ChatMessage, ToolCall, ToolOutput
from hookflash.runtime.tape import Tape
from hookflash.testing import MemoryLeg, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD
from hookflash.testing.scripted import Step

APOLOGY = "Sorry."

Script = Sequence[Step | Sequence[Step]]


class Stage:
    """Everything at hand."""

    def __init__(
        self,
        agent: Agent,
        script: Script = (),
        *,
        tts: ScriptedTTS | None = None,
        turn_detector: TurnDetector | None = None,
        wake_up: float | Sequence[WakeUpStep] | None = None,
        options: SessionOptions | None = None,
        tape: Tape | None = None,
        userdata: Any = None,
        **session: Any,
    ) -> None:
        self.leg = MemoryLeg(tape=tape)
        self.stt = ScriptedSTT()
        self.vad = ScriptedVAD()
        self.llm = ScriptedLLM(script)
        self.tts = tts or ScriptedTTS()
        self.pipeline = Pipeline(
            stt=self.stt, llm=self.llm, tts=self.tts, vad=self.vad, turn_detector=turn_detector
        )
        self.session: AgentSession[Any] = AgentSession(
            agent,
            self.pipeline,
            wake_up=wake_up,
            options=options or SessionOptions(apology=APOLOGY, not_understood="Pardon?"),
            userdata=userdata,
            **session,
        )
        self.events: list[Record] = []
        self.session.on("*", self.events.append)
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        return self._loop.time()

    async def caller_says(self, text: str, *, lasting: float = 0.6) -> None:
        """The caller speaks: detector and recogniser behave as real ones do."""
        voice, hearing = self.vad.voice, self.stt.hearing
        onset = self.now()
        await asyncio.sleep(0.2)
        voice.verdict(True, onset)
        await asyncio.sleep(max(0.0, lasting - 0.2))
        hearing.partial(text)
        offset = self.now()
        await asyncio.sleep(0.3)
        voice.verdict(False, offset)
        hearing.final(text)

    def of(self, kind: type[Record]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]

    @property
    def items(self) -> list[str]:
        """The history in short."""
        return [short(item) for item in self.session.history.items]


def short(item: ChatItem) -> str:
    match item:
        case ChatMessage():
            return f"{item.role}: {item.text}" + (" [cut]" if item.interrupted else "")
        case ToolCall():
            return f"call {item.tool}({item.arguments})"
        case ToolOutput():
            return f"{'error' if item.is_error else 'output'} {item.tool}: {item.output}"
        case AgentHandoff():
            return f"hand-off {item.old} to {item.new}"


@asynccontextmanager
async def on_stage(agent: Agent, script: Script = (), **options: Any) -> AsyncIterator[Stage]:
    stage = Stage(agent, script, **options)
    await stage.session.start(stage.leg)
    try:
        yield stage
    finally:
        await stage.session.close()
        stage.leg.close()
        # The call around a bare leg ends with the leg.
        call = stage.session.call
        assert call is not None
        await call.aclose()

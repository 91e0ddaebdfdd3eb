"""Ears, mind and voice that cost nothing, so that what is measured is everything else."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from bench.answer import ANSWER, QUESTION, answer_pcm
from hookflash.providers.base import (
    LLM,
    STT,
    TTS,
    Hearing,
    LlmChunk,
    SpeechChunk,
    TextDelta,
    Transcript,
)
from hookflash.providers.chat import ChatContext, ToolSchema

__all__ = ["InstantLLM", "InstantSTT", "InstantTTS"]


class InstantHearing(Hearing):
    """Has the caller's words as soon as the caller has stopped."""

    def __init__(self) -> None:
        self._flushed: asyncio.Queue[bool] = asyncio.Queue()

    def push(self, pcm: bytes) -> None:
        """Not listen."""

    def flush(self) -> None:
        """Give the words."""
        self._flushed.put_nowait(True)

    async def transcripts(self) -> AsyncIterator[Transcript]:
        """The same question, each time."""
        while await self._flushed.get():
            yield Transcript(text=QUESTION, final=True)

    async def aclose(self) -> None:
        """End `transcripts`."""
        self._flushed.put_nowait(False)


class InstantSTT(STT):
    """Recognises without listening."""

    name = "instant"

    def listen(self, sample_rate: int) -> InstantHearing:
        """Open a stream."""
        return InstantHearing()


class InstantLLM(LLM):
    """Answers without thinking."""

    name = "instant"

    async def chat(
        self,
        context: ChatContext,
        *,
        tools: Sequence[ToolSchema] = (),
        tool_choice: str | None = None,
    ) -> AsyncGenerator[LlmChunk, None]:
        """One sentence, whole."""
        yield TextDelta(text=ANSWER)


class InstantTTS(TTS):
    """Three seconds of a tone, all at once, made beforehand."""

    name = "instant"

    def __init__(self) -> None:
        self._tone = answer_pcm()

    async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """The tone."""
        yield SpeechChunk(pcm=self._tone)

"""Ears and voice for a person at a keyboard: typed lines instead of speech."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from hookflash.providers.base import (
    STT,
    TTS,
    Hearing,
    SpeechChunk,
    Transcript,
    WordTime,
)

__all__ = ["MuteTTS", "TypedSTT"]

_MS_PER_WORD = 60


class _TypedHearing(Hearing):
    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()

    def push(self, pcm: bytes) -> None:
        """A keyboard makes no sound."""

    def flush(self) -> None:
        """A line is final when it comes."""

    def type(self, line: str) -> None:
        self._lines.put_nowait(line)

    async def transcripts(self) -> AsyncIterator[Transcript]:
        while (line := await self._lines.get()) is not None:
            yield Transcript(text=line, final=True, confidence=1.0)

    async def aclose(self) -> None:
        self._lines.put_nowait(None)


class TypedSTT(STT):
    """A recogniser that understands what is typed, perfectly."""

    name = "typed"

    def __init__(self) -> None:
        """Begin without a listener."""
        self._hearing: _TypedHearing | None = None

    def listen(self, sample_rate: int) -> Hearing:
        """Open the stream that typed lines go to."""
        self._hearing = _TypedHearing()
        return self._hearing

    def type(self, line: str) -> None:
        """Say a line."""
        if self._hearing is not None:
            self._hearing.type(line)


class MuteTTS(TTS):
    """A voice that says nothing, a little faster than a person reads."""

    name = "mute"

    async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Give silence for each word."""
        silence = bytes(2 * sample_rate * _MS_PER_WORD // 1000)
        for index, word in enumerate(text.split(), start=1):
            yield SpeechChunk(
                pcm=silence, words=(WordTime(word=word, end_ms=index * _MS_PER_WORD),)
            )

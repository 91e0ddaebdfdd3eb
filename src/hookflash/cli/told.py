"""Ears that are told what was said, for a demonstration of what needs free speech."""

import asyncio
from collections.abc import AsyncIterator

from hookflash.providers.base import STT, Hearing, Transcript

__all__ = ["ToldSTT"]


class _ToldHearing(Hearing):
    def __init__(self) -> None:
        self._told: list[str] = []
        self._wanted = False
        self._out: asyncio.Queue[str | None] = asyncio.Queue()

    def push(self, pcm: bytes) -> None:
        """It does not listen: the words are told."""

    def flush(self) -> None:
        """Somebody was heard to speak, and to stop."""
        self._wanted = True
        self._give()

    def tell(self, words: str) -> None:
        self._told.append(words)
        self._give()

    def _give(self) -> None:
        if self._wanted and self._told:
            self._wanted = False
            self._out.put_nowait(self._told.pop(0))

    async def transcripts(self) -> AsyncIterator[Transcript]:
        while (words := await self._out.get()) is not None:
            yield Transcript(text=words, final=True)

    async def aclose(self) -> None:
        self._out.put_nowait(None)


class ToldSTT(STT):
    """No recogniser: it is told the caller's words, and gives them when speech was heard.

    Whether somebody speaks, and when they are done, is found in the sound by the detector, as ever.
    """

    name = "told"

    def __init__(self) -> None:
        """Begin without a listener."""
        self._hearing: _ToldHearing | None = None

    def listen(self, sample_rate: int) -> Hearing:
        """Open the stream that is told."""
        self._hearing = _ToldHearing()
        return self._hearing

    def tell(self, words: str) -> None:
        """Say what the caller has just said aloud. They are given once the speech has ended."""
        if self._hearing is not None:
            self._hearing.tell(words)

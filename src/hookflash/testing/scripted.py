"""Providers that do as they are told: for tests of agents, and for load tests."""

import asyncio
import json
import math
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hookflash.errors import HookflashError
from hookflash.events.turn import ExpectationSet
from hookflash.providers.base import (
    LLM,
    STT,
    TTS,
    VAD,
    Hearing,
    LlmChunk,
    SpeechChunk,
    TextDelta,
    ToolCallReady,
    Transcript,
    VoiceStream,
    VoiceVerdict,
    WordTime,
)
from hookflash.providers.chat import ChatContext, ToolCall, ToolSchema

__all__ = ["Calls", "Fails", "Says", "ScriptedLLM", "ScriptedSTT", "ScriptedTTS", "ScriptedVAD"]


# Ears.


class ScriptedHearing(Hearing):
    """A stream whose transcripts the test gives."""

    def __init__(self, answers: "asyncio.Queue[str]") -> None:
        """Made by `ScriptedSTT.listen`."""
        self._answers = answers
        self._out: asyncio.Queue[Transcript | HookflashError | None] = asyncio.Queue()
        self.pushed = 0
        """Bytes of audio pushed."""
        self.expectations: list[ExpectationSet] = []

    def push(self, pcm: bytes) -> None:
        """Count the audio."""
        self.pushed += len(pcm)

    def flush(self) -> None:
        """Give the next prepared answer, if there is one."""
        if not self._answers.empty():
            self.final(self._answers.get_nowait())

    def expect(self, expectation: ExpectationSet, tools: Sequence[ToolSchema] = ()) -> None:
        """Remember it."""
        self.expectations.append(expectation)

    def partial(self, text: str) -> None:
        """Recognise words that may still change."""
        self._out.put_nowait(Transcript(text=text, final=False))

    def final(self, text: str) -> None:
        """Recognise words for good."""
        self._out.put_nowait(Transcript(text=text, final=True))

    def fail(self, error: HookflashError) -> None:
        """Break."""
        self._out.put_nowait(error)

    async def transcripts(self) -> AsyncIterator[Transcript]:
        """Give what the test gave."""
        while (item := await self._out.get()) is not None:
            if isinstance(item, HookflashError):
                raise item
            yield item

    async def aclose(self) -> None:
        """End `transcripts`."""
        self._out.put_nowait(None)


class ScriptedSTT(STT):
    """A recogniser that hears what it is told.

    Prepared answers are given one for each flush (the end of speech), over all streams; or use
    `hearing` to say words whenever you like.
    """

    name = "scripted"

    def __init__(self, answers: Iterable[str] = ()) -> None:
        """Prepare answers."""
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        for answer in answers:
            self._answers.put_nowait(answer)
        self.streams: list[ScriptedHearing] = []

    @property
    def hearing(self) -> ScriptedHearing:
        """The newest stream."""
        return self.streams[-1]

    def listen(self, sample_rate: int) -> ScriptedHearing:
        """Open a stream."""
        stream = ScriptedHearing(self._answers)
        self.streams.append(stream)
        return stream


# Voice activity.


class ScriptedVoice(VoiceStream):
    """A stream whose verdicts the test gives."""

    def __init__(self, on_verdict: Callable[[VoiceVerdict], None]) -> None:
        """Made by `ScriptedVAD.watch`."""
        self._on_verdict = on_verdict
        self.closed = False

    def push(self, pcm: bytes, at: float) -> None:
        """Ignore the audio."""

    def close(self) -> None:
        """Give no further verdict."""
        self.closed = True

    def verdict(self, speaking: bool, at: float) -> None:
        """Change its mind."""
        if not self.closed:
            self._on_verdict(VoiceVerdict(speaking=speaking, at=at))


class ScriptedVAD(VAD):
    """A detector that detects what it is told."""

    name = "scripted"

    def __init__(self) -> None:
        """Begin without streams."""
        self.streams: list[ScriptedVoice] = []

    @property
    def voice(self) -> ScriptedVoice:
        """The newest stream."""
        return self.streams[-1]

    def watch(self, sample_rate: int, on_verdict: Callable[[VoiceVerdict], None]) -> ScriptedVoice:
        """Open a stream."""
        stream = ScriptedVoice(on_verdict)
        self.streams.append(stream)
        return stream


# Mind.


@dataclass(frozen=True, slots=True)
class Says:
    """The model says this.

    Attributes:
        text: its words, given word by word.
        delay: seconds before the first.
        pace: seconds between words.
    """

    text: str
    delay: float = 0.0
    pace: float = 0.0


@dataclass(frozen=True, slots=True)
class Calls:
    """The model calls a tool."""

    tool: str
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    call_id: str | None = None
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Fails:
    """The model breaks here."""

    error: HookflashError
    delay: float = 0.0


Step = Says | Calls | Fails | str


class ScriptedLLM(LLM):
    """A model that says what it is told: one list of steps for each request.

    When the script is used up, it says `otherwise`.
    """

    name = "scripted"

    def __init__(
        self, script: Iterable[Step | Sequence[Step]] = (), *, otherwise: str = "All right."
    ) -> None:
        """Take the script; a single step stands for a list of one."""
        self._script = [
            [entry] if isinstance(entry, (str, Says, Calls, Fails)) else list(entry)
            for entry in script
        ]
        self._otherwise = otherwise
        self._minted = 0
        self.requests: list[ChatContext] = []
        """What each request was about."""
        self.choices: list[str | None] = []
        """The tool choice of each request."""
        self.cancelled = 0
        """How many requests were closed before their end."""

    async def chat(
        self,
        context: ChatContext,
        *,
        tools: Sequence[ToolSchema] = (),
        tool_choice: str | None = None,
    ) -> AsyncGenerator[LlmChunk, None]:
        """Follow the script."""
        self.requests.append(context)
        self.choices.append(tool_choice)
        steps: Sequence[Step] = self._script.pop(0) if self._script else [self._otherwise]
        whole = False
        try:
            for step in steps:
                match step:
                    case str():
                        yield TextDelta(text=step)
                    case Says():
                        await asyncio.sleep(step.delay)
                        for index, word in enumerate(step.text.split(" ")):
                            if index:
                                await asyncio.sleep(step.pace)
                            yield TextDelta(text=word if index == 0 else f" {word}")
                    case Calls():
                        await asyncio.sleep(step.delay)
                        self._minted += 1
                        yield ToolCallReady(
                            call=ToolCall(
                                call_id=step.call_id or f"call-{self._minted}",
                                tool=step.tool,
                                arguments=json.dumps(dict(step.arguments)),
                            )
                        )
                    case Fails():
                        await asyncio.sleep(step.delay)
                        whole = True
                        raise step.error
            whole = True
        finally:
            self.cancelled += not whole


# Voice.


class ScriptedTTS(TTS):
    """A voice that hums: each word lasts the same time, and its end is known.

    Attributes:
        spoken: the texts it was given.
        voice: what `variant` was asked for.
        language: as `voice`.
    """

    name = "scripted"

    def __init__(
        self,
        *,
        ms_per_word: int = 200,
        delay: float = 0.0,
        fails: Iterable[HookflashError | None] = (),
    ) -> None:
        """Set how it speaks.

        Args:
            ms_per_word: milliseconds that each word lasts; a multiple of 20.
            delay: seconds before the first audio of each text.
            fails: for each text in turn, the error to raise instead, or None.
        """
        self.ms_per_word = ms_per_word
        self.delay = delay
        self.spoken: list[str] = []
        self.voice = "hum"
        self.language = "en"
        self._fails = list(fails)

    @property
    def identity(self) -> str:
        """Its pace; it has no voice."""
        return f"scripted/{self.ms_per_word}/{self.voice}/{self.language}"

    def variant(self, *, voice: str | None = None, language: str | None = None) -> "ScriptedTTS":
        """Return one that hums alike and remembers what it is asked to be."""
        other = ScriptedTTS(ms_per_word=self.ms_per_word, delay=self.delay)
        other.voice = voice or self.voice
        other.language = language or self.language
        return other

    async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Hum 440 Hz at -20 dBFS, word by word."""
        self.spoken.append(text)
        await asyncio.sleep(self.delay)
        error = self._fails.pop(0) if self._fails else None
        if error is not None:
            raise error
        hum = _hum(self.ms_per_word, sample_rate)
        for index, word in enumerate(text.split(), start=1):
            yield SpeechChunk(
                pcm=hum, words=(WordTime(word=word, end_ms=index * self.ms_per_word),)
            )


@lru_cache(maxsize=32)
def _hum(ms: int, sample_rate: int) -> bytes:
    count = sample_rate * ms // 1000
    step = 2 * math.pi * 440 / sample_rate
    return array("h", (int(3277 * math.sin(step * index)) for index in range(count))).tobytes()

"""What ears, minds and voices must do. Everything above this room sees only this page.

Audio is PCM16 little-endian mono. A provider that needs another rate than it is given resamples
inside itself (`hookflash.audio.Resampler`).

Failures: a provider raises `ProviderError` (it answered no), `LinkError` (no answer), and maps
foreign exceptions to these at its boundary. `asyncio.CancelledError` always passes through, and
cancelling must stop the work and free what it holds.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self, TypeAlias

import msgspec

from hookflash.errors import UsageError
from hookflash.events.turn import ExpectationSet
from hookflash.providers.chat import ChatContext, ToolCall, ToolSchema

__all__ = [
    "LLM",
    "STT",
    "TTS",
    "VAD",
    "Hearing",
    "LlmChunk",
    "Provider",
    "ProviderSwitch",
    "SpeechChunk",
    "TextDelta",
    "ToolCallReady",
    "Transcript",
    "TurnDetector",
    "Usage",
    "VoiceStream",
    "VoiceVerdict",
    "WordTime",
]


class ProviderSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """From now on another provider is asked.

    Attributes:
        stage: `stt`, `llm` or `tts`.
        old: the name of the one that was asked until now.
        new: the name of the one that is asked from now on.
        reason: why the old one is not asked any more, as `HookflashError.reason`, or `slow`; or
            `recovered`, if the new one works again.
    """

    stage: str
    old: str
    new: str
    reason: str


class Provider(ABC):  # noqa: B024  # what is abstract is added by each kind
    """Something with a name that may hold resources. One serves all calls of a process."""

    name: str = ""
    """Short stable word for events, metrics and errors, such as `openai`."""

    async def prepare(self) -> None:  # noqa: B027  # most have nothing to load
        """Load models and open connections, so that the first call does not wait. Idempotent.

        Raises:
            MissingExtra: a package that it needs is not installed.
            ProviderError: it cannot work as configured.
        """

    async def aclose(self) -> None:  # noqa: B027  # nor to free
        """Free everything. Idempotent; `prepare` may follow again."""

    def on_switch(self, listener: Callable[[ProviderSwitch], None]) -> Callable[[], None]:
        """Be told when another provider takes over; only those that fall back ever tell.

        The listener is called on the loop's thread and must not block. Returns what ends it.
        """
        return lambda: None

    async def __aenter__(self) -> Self:
        await self.prepare()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


# Ears: speech to text.


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """Words recognised in one segment of speech.

    Attributes:
        text: the words; for a partial, all words of the segment so far.
        final: True if this segment will not change any more.
        confidence: 0.0 to 1.0 where the recogniser gives one.
        start: seconds from the start of the stream to the segment's first sound, if known.
        end: seconds from the start of the stream to its last sound, if known.
    """

    text: str
    final: bool
    confidence: float | None = None
    start: float | None = None
    end: float | None = None


class Hearing(ABC):
    """One call's stream through a recogniser: audio in, transcripts out."""

    @abstractmethod
    def push(self, pcm: bytes) -> None:
        """Take the next audio, in order and without gaps. Never blocks, never raises for audio."""

    @abstractmethod
    def flush(self) -> None:
        """Ask for the final words of what was pushed so far (the caller has fallen silent).

        A recogniser that ends segments by itself may ignore this.
        """

    def expect(self, expectation: ExpectationSet, tools: Sequence[ToolSchema] = ()) -> None:  # noqa: B027
        """Be told what kind of answer comes next, and what the agent can do.

        Recognisers with grammars or hints use it from the next segment on; others ignore it.
        """

    @abstractmethod
    def transcripts(self) -> AsyncIterator[Transcript]:
        """Iterate over partial and final transcripts until the stream is closed.

        Raises:
            ProviderError: the recogniser failed; the stream is then over.
            LinkError: it cannot be reached any more.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """End the stream; `transcripts` then ends. Idempotent."""


class STT(Provider):
    """A recogniser."""

    def variant(self, *, language: str) -> "STT":
        """Return the same recogniser for another language (BCP 47); this one is not changed.

        Raises:
            UsageError: it does not know that language.
        """
        msg = f"{self.name or type(self).__name__} has no choice of languages"
        raise UsageError(msg)

    @abstractmethod
    def listen(self, sample_rate: int) -> Hearing:
        """Open a stream for one call.

        Args:
            sample_rate: Hz of the audio that will be pushed.

        Raises:
            UsageError: that rate cannot be used.
        """


# Voice activity.


class VoiceVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The detector changed its mind.

    Attributes:
        speaking: True if the party began to speak, False if it stopped.
        at: when the speech began or ended, in seconds of the clock that `push` was given. It
            lies before now by the detector's confirmation time.
    """

    speaking: bool
    at: float


class VoiceStream(ABC):
    """One call's stream through a voice-activity detector."""

    @abstractmethod
    def push(self, pcm: bytes, at: float) -> None:
        """Take the next audio.

        Args:
            pcm: any length; normally one 20 ms frame.
            at: when its last sample was received, in seconds of the runtime's clock.
        """

    @abstractmethod
    def close(self) -> None:
        """Free the slot. Idempotent; no verdict follows."""


class VAD(Provider):
    """A voice-activity detector that may batch the inference of many calls."""

    @abstractmethod
    def watch(self, sample_rate: int, on_verdict: Callable[[VoiceVerdict], None]) -> VoiceStream:
        """Open a stream for one call; `on_verdict` is called on the loop's thread.

        Raises:
            UsageError: that rate cannot be used.
        """


# End of turn.


class TurnDetector(Provider):
    """Judges from the words (and optionally audio) whether a turn is complete."""

    @abstractmethod
    async def completeness(self, context: ChatContext, text: str) -> float:
        """Return how likely it is that `text` is a whole turn, 0.0 to 1.0."""


# Mind: language model.


class TextDelta(msgspec.Struct, frozen=True, kw_only=True):
    """The next piece of the model's words."""

    text: str


class ToolCallReady(msgspec.Struct, frozen=True, kw_only=True):
    """The model wants a tool; its arguments are complete."""

    call: ToolCall


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What the request cost, as far as the model says."""

    input_tokens: int = 0
    output_tokens: int = 0


LlmChunk: TypeAlias = TextDelta | ToolCallReady | Usage


class LLM(Provider):
    """A language model.

    Attributes:
        reads_instructions: whether it does what it is told in words, such as to sum something up.
    """

    reads_instructions = True

    @abstractmethod
    def chat(
        self,
        context: ChatContext,
        *,
        tools: Sequence[ToolSchema] = (),
        tool_choice: str | None = None,
    ) -> AsyncGenerator[LlmChunk, None]:
        """Answer the conversation, streaming.

        The iterator is an async generator: closing it ends the request.

        Args:
            context: the conversation; not changed.
            tools: what the model may call.
            tool_choice: `auto`, `none`, `required`, or a tool's name; None lets the model choose.

        Raises:
            ProviderError: the model refused or failed.
            LinkError: it cannot be reached, or the stream broke off.
        """


# Voice: text to speech.


class WordTime(msgspec.Struct, frozen=True, kw_only=True):
    """One spoken word and when it ends.

    Attributes:
        word: as it stands in the text, with its punctuation.
        end_ms: milliseconds from the start of the synthesised text to the end of the word.
    """

    word: str
    end_ms: float


class SpeechChunk(msgspec.Struct, frozen=True, kw_only=True):
    """Some audio, and the words whose times became known with it."""

    pcm: bytes
    words: tuple[WordTime, ...] = ()


class TTS(Provider):
    """A synthesiser."""

    @property
    def identity(self) -> str:
        """What tells its sound from others': vendor, model, voice, language, speed and the like.

        Two synthesisers with the same identity sound the same, today and tomorrow, so that what
        one spoke may be kept for the other. By default nothing sounds like this very object.
        """
        return f"{self.name}@{id(self):x}"

    def variant(self, *, voice: str | None = None, language: str | None = None) -> "TTS":
        """Return the same synthesiser with another voice or language; this one is not changed.

        Args:
            voice: as the vendor names it.
            language: BCP 47, such as `de`.

        Raises:
            UsageError: it does not have that.
        """
        msg = f"{self.name or type(self).__name__} has no choice of voices or languages"
        raise UsageError(msg)

    @abstractmethod
    def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak a text (a sentence or less), streaming.

        The iterator is an async generator: closing it ends the request.

        Args:
            text: plain text, no markup.
            sample_rate: Hz in which the audio is wanted; the provider resamples.

        Raises:
            ProviderError: it cannot speak this.
            LinkError: it cannot be reached, or the stream broke off.
        """

"""What a realtime model must do: it hears and speaks by itself, over one connection per call.

One conversation is one connection. It has items (messages, tool calls, their outputs) in an order,
as the history of a session has; whoever runs the conversation keeps the two alike by `add`,
`truncate` and `delete`. The model answers when it is asked to (`respond`) and never by itself, so
that hooks, the speech queue and tools work as they do with other minds. A vendor whose model
answers each turn unasked is tamed inside its provider: it keeps what comes until it is asked for.

Audio crosses this border as PCM16 little-endian mono at the call's own rate. On the wire it has one
of the model's `formats`; `AudioBridge` converts.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from hookflash.audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from hookflash.audio.resample import Resampler
from hookflash.errors import HookflashError, UsageError
from hookflash.providers.base import Provider, Usage
from hookflash.providers.chat import ChatItem, ToolCall, ToolSchema

__all__ = [
    "AudioBridge",
    "AudioDelta",
    "AudioEncoding",
    "AudioFormat",
    "CallerCommitted",
    "CallerSpeech",
    "CallerWords",
    "RealtimeConversation",
    "RealtimeEvent",
    "RealtimeModel",
    "RealtimeSetup",
    "RealtimeTrouble",
    "ResponseDone",
    "ResponseStarted",
    "ResponseStatus",
    "ToolCallAsked",
    "WordsDelta",
    "best_format",
]

# Audio formats.


class AudioEncoding(StrEnum):
    """How samples are written on the wire."""

    ULAW = "ulaw"
    """G.711 mu-law, 8 kHz."""
    ALAW = "alaw"
    """G.711 A-law, 8 kHz."""
    PCM16 = "pcm16"
    """16-bit little-endian."""


class AudioFormat(msgspec.Struct, frozen=True, kw_only=True):
    """What a model takes and gives.

    Attributes:
        encoding: how samples are written.
        sample_rate: Hz.
    """

    encoding: AudioEncoding
    sample_rate: int


def best_format(formats: Sequence[AudioFormat], sample_rate: int) -> AudioFormat:
    """Return the first format that has the call's rate, or else the one with the highest rate.

    Args:
        formats: what the model knows, the dearest first.
        sample_rate: Hz of the call.

    Raises:
        UsageError: there is no format.
    """
    if not formats:
        msg = "a realtime model must name at least one audio format"
        raise UsageError(msg)
    for candidate in formats:
        if candidate.sample_rate == sample_rate:
            return candidate
    return max(formats, key=lambda candidate: candidate.sample_rate)


class AudioBridge:
    """Converts one call's audio to a model's format and back.

    G.711 at the call's rate is only spelled differently, never resampled: what came from a
    telephone as mu-law goes to the model in the same octets (negative zero, 0x7F, becomes zero).

    Attributes:
        format: what the model takes.
    """

    def __init__(self, audio_format: AudioFormat, sample_rate: int) -> None:
        """Begin one conversation.

        Args:
            audio_format: what the model takes and gives.
            sample_rate: Hz of the call.

        Raises:
            UsageError: rates that cannot be converted.
        """
        self.format = audio_format
        self._up = Resampler(sample_rate, audio_format.sample_rate)
        self._down = Resampler(audio_format.sample_rate, sample_rate)
        self._odd = b""

    def to_model(self, pcm: bytes) -> bytes:
        """Take the call's next audio; return what is ready for the model, maybe nothing."""
        wave = self._up.push(pcm)
        match self.format.encoding:
            case AudioEncoding.ULAW:
                return ulaw_encode(wave)
            case AudioEncoding.ALAW:
                return alaw_encode(wave)
            case AudioEncoding.PCM16:
                return wave

    def from_model(self, octets: bytes) -> bytes:
        """Take the model's next audio, cut anywhere; return what is ready for the call."""
        match self.format.encoding:
            case AudioEncoding.ULAW:
                wave = ulaw_decode(octets)
            case AudioEncoding.ALAW:
                wave = alaw_decode(octets)
            case AudioEncoding.PCM16:
                wave = self._odd + octets
                whole = len(wave) & ~1
                wave, self._odd = wave[:whole], wave[whole:]
        return self._down.push(wave)

    def flush(self) -> bytes:
        """Return the rest of one utterance of the model's; the next begins anew."""
        self._odd = b""
        return self._down.flush()


# What a conversation is set up with.


class RealtimeSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversation needs to know from its start.

    Attributes:
        sample_rate: Hz of the audio that is pushed and wanted back.
        instructions: what the model is told about its part.
        tools: what it may call.
        hears: whether audio will be pushed; else the caller's words come as messages.
        speaks: whether it shall answer in audio; else in text, which somebody else speaks.
    """

    sample_rate: int
    instructions: str = ""
    tools: tuple[ToolSchema, ...] = ()
    hears: bool = True
    speaks: bool = True


# What comes from it.


class CallerSpeech(msgspec.Struct, frozen=True, kw_only=True):
    """The model's own detector hears the caller begin or cease to speak.

    Attributes:
        speaking: True if they began.
        ago: how many seconds before now that was, as far as the detector's settings tell.
    """

    speaking: bool
    ago: float = 0.0


class CallerCommitted(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller said until now became an item: their turn is over.

    Attributes:
        item_id: of the item; its words may follow.
    """

    item_id: str


class CallerWords(msgspec.Struct, frozen=True, kw_only=True):
    """The words of an item of the caller's. They may come after the answer to them began.

    Attributes:
        item_id: of the item.
        text: all words so far; empty and final if none were found.
        final: True if they will not change any more.
    """

    item_id: str
    text: str
    final: bool


class ResponseStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The model begins to answer.

    Attributes:
        request: what `respond` was given; all that belongs to the answer repeats it.
    """

    request: str


class AudioDelta(msgspec.Struct, frozen=True, kw_only=True):
    """The next audio of an answer.

    Attributes:
        request: which answer.
        item_id: the item that it belongs to, for `truncate`.
        pcm: PCM16 at the call's rate.
    """

    request: str
    item_id: str
    pcm: bytes


class WordsDelta(msgspec.Struct, frozen=True, kw_only=True):
    """The next words of an answer: those of its audio, or the answer itself if it is text.

    They may run ahead of the audio or lag behind it.
    """

    request: str
    item_id: str
    text: str


class ToolCallAsked(msgspec.Struct, frozen=True, kw_only=True):
    """The model wants a tool; its arguments are complete.

    Attributes:
        request: which answer.
        item_id: the call's own item.
        call: what is asked.
    """

    request: str
    item_id: str
    call: ToolCall


class ResponseStatus(StrEnum):
    """How an answer ended."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    INCOMPLETE = "incomplete"
    """Cut off by a limit of length or by a filter; `ResponseDone.error` says which."""
    FAILED = "failed"


class ResponseDone(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more of an answer comes. Said once for each `respond`, unless the link broke.

    Attributes:
        request: which answer.
        status: how it ended.
        usage: what it cost, if the model says so.
        error: why, if it failed or is incomplete.
    """

    request: str
    status: ResponseStatus
    usage: Usage | None = None
    error: HookflashError | None = None


class RealtimeTrouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was sent was refused; the conversation goes on."""

    error: HookflashError


RealtimeEvent: TypeAlias = (
    CallerSpeech
    | CallerCommitted
    | CallerWords
    | ResponseStarted
    | AudioDelta
    | WordsDelta
    | ToolCallAsked
    | ResponseDone
    | RealtimeTrouble
)


class RealtimeConversation(ABC):
    """One call's connection to a realtime model.

    What is asked of it is sent in order, and never blocks nor raises: a connection that breaks
    ends `events`, and what is asked afterwards is dropped.
    """

    @abstractmethod
    def push(self, pcm: bytes) -> None:
        """Let the model hear the caller's next audio, PCM16 at the setup's rate."""

    @abstractmethod
    def commit(self) -> None:
        """Say that the caller's turn is over, where the model does not detect it."""

    @abstractmethod
    def clear(self) -> None:
        """Forget the audio that is not yet part of an item."""

    @abstractmethod
    def respond(
        self, request: str, *, instructions: str | None = None, tool_choice: str | None = None
    ) -> None:
        """Ask for an answer. At most one is made at a time.

        Args:
            request: a name for it, unique in the conversation.
            instructions: instead of the setup's, for this answer alone.
            tool_choice: `auto`, `none`, `required`, or a tool's name; None lets the model choose.
        """

    def recite(self, request: str, text: str) -> None:
        """Ask the model's voice for exactly these words, beside the conversation.

        What comes of it is told as that of an answer, is no item of the conversation, and counts as
        the one answer that is made at a time. The model may still say other words; those that it
        says are what `WordsDelta` tells.

        Args:
            request: a name for it, unique in the conversation.
            text: what to say.

        Raises:
            UsageError: the model cannot; see `RealtimeModel.recites`.
        """
        msg = "this realtime model does not say words that it is given"
        raise UsageError(msg)

    @abstractmethod
    def cancel(self, request: str) -> None:
        """Stop an answer; its `ResponseDone` follows. Nothing happens if it is over."""

    @abstractmethod
    def add(self, item: ChatItem, *, item_id: str, after: str | None = None) -> None:
        """Put into the conversation what was said or done outside of it.

        Args:
            item: a message of any role, a tool call, or a tool's output.
            item_id: a name for it, unique in the conversation, at most 32 letters and digits.
            after: the item behind which it stands; empty means at the beginning, None at the
                end. Models that know no order put it at the end.
        """

    @abstractmethod
    def truncate(self, item_id: str, played_ms: float) -> None:
        """Let the model forget what the caller did not hear of an answer's audio.

        Args:
            item_id: of the answer's item.
            played_ms: how much was heard; 0 deletes the item.
        """

    @abstractmethod
    def delete(self, item_id: str) -> None:
        """Take an item out of the conversation."""

    @abstractmethod
    def update(self, *, instructions: str, tools: Sequence[ToolSchema]) -> None:
        """Change what the setup said, from the next answer on."""

    @abstractmethod
    def events(self) -> AsyncIterator[RealtimeEvent]:
        """Iterate over what comes, until the conversation is closed by us. Called once.

        Raises:
            ProviderError: the model ended the conversation.
            LinkError: the connection broke.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """End the conversation; `events` then ends. Idempotent."""


class RealtimeModel(Provider):
    """A model that hears and speaks.

    Attributes:
        detects_turns: whether the model says when the caller's turn is over. If not, a voice
            detector of ours must, and `RealtimeConversation.commit` tells it.
        speaks: whether it can answer in audio; None means that it does unless there is a
            synthesiser.
        recites: whether its voice says words that it is given; then its conversations `recite`.
        longest: seconds after which the vendor ends a conversation; None means never. It is
            renewed before that, in a moment of silence.
    """

    detects_turns: bool = True
    speaks: bool | None = None
    recites: bool = False
    longest: float | None = None

    @abstractmethod
    async def connect(self, setup: RealtimeSetup) -> RealtimeConversation:
        """Open a conversation for one call; returns when the model has taken the setup.

        Raises:
            ProviderError: the model refused; `retryable` says whether to try again.
            LinkError: it cannot be reached, or gave no answer in time.
            UsageError: the call's rate cannot be converted.
        """

"""OpenAI's Realtime API: a model that hears and speaks, over one WebSocket per call.

Through the official `openai` SDK (2.x and 3.x), in the form of general availability. Telephone
calls go in G.711 mu-law, as they came; other rates as 24 kHz PCM. The model detects the caller's
turns, but answers only when it is asked to.

Protocol: https://platform.openai.com/docs/api-reference/realtime-client-events and
https://platform.openai.com/docs/guides/realtime-conversations
"""

import asyncio
import base64
import binascii
import json
import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias, cast
from urllib.parse import urlsplit

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from hookflash.errors import (
    ConfigError,
    HookflashError,
    LinkError,
    LinkTimeout,
    MissingExtra,
    ProtocolError,
    ProviderError,
)
from hookflash.providers.base import Usage
from hookflash.providers.chat import (
    AgentHandoff,
    ChatItem,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
    ToolSchema,
)
from hookflash.providers.openai_account import openai_account
from hookflash.providers.realtime import (
    AudioBridge,
    AudioDelta,
    AudioEncoding,
    AudioFormat,
    CallerCommitted,
    CallerSpeech,
    CallerWords,
    RealtimeConversation,
    RealtimeEvent,
    RealtimeModel,
    RealtimeSetup,
    RealtimeTrouble,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    ToolCallAsked,
    WordsDelta,
    best_format,
)
from hookflash.runtime.tasks import TaskOwner

if TYPE_CHECKING:
    import openai
    from openai.resources.realtime.realtime import AsyncRealtimeConnection
    from openai.types.realtime import InputAudioBufferAppendEvent, RealtimeClientEventParam
    from openai.types.websocket_connection_options import WebSocketConnectionOptions

__all__ = ["OpenAIRealtime", "SemanticTurns", "SilenceTurns"]

_Json: TypeAlias = dict[str, object]

# RealtimeAudioFormats of the SDK: G.711 has its one rate, PCM takes 24 kHz and no other.
_ULAW = AudioFormat(encoding=AudioEncoding.ULAW, sample_rate=8000)
_PCM = AudioFormat(encoding=AudioEncoding.PCM16, sample_rate=24_000)
_FORMATS = (_ULAW, _PCM)
_SPELLED: Mapping[AudioFormat, _Json] = {
    _ULAW: {"type": "audio/pcmu"},
    _PCM: {"type": "audio/pcm", "rate": 24_000},
}
# The vendor ends a conversation after 60 minutes.
_LONGEST = 3600.0
# The largest message that we read. Audio comes in pieces of some 10 KB.
_MAX_MESSAGE = 4 << 20
# The library's own logger tells at DEBUG what is on the wire: the key, and what was said.
_silent = logging.getLogger("hookflash.providers.openai_realtime.wire")
_silent.setLevel(logging.INFO)
_OPTIONS = {
    "max_size": _MAX_MESSAGE,
    "compression": None,
    "close_timeout": 2.0,  # a dead line answers no close, and somebody waits for the next
    "logger": _silent,
}
# 20 s of audio that the vendor does not take: the line is dead, whatever TCP says.
_MAX_UNSENT = 1000
# Words of the server that are safe to repeat: codes and names of fields.
_WORD = re.compile(r"[A-Za-z0-9_.\[\]-]{1,64}")
# What it takes to have words said: the vendor's guide, "create responses with no context".
_RECITE = (
    "Say exactly the following, word for word, in the language in which it is written. Add "
    "nothing, leave nothing out, and do not answer it, even if it is a question or a request."
)
_MODES = frozenset({"auto", "none", "required"})
_CANCEL_TOO_LATE = "response_cancel_not_active"


class SilenceTurns(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's turn is over when they are silent (`server_vad`).

    Attributes:
        threshold: 0.0 to 1.0; higher needs louder speech.
        prefix_padding_ms: how much audio before the detected beginning counts as speech.
        silence_duration_ms: how long the caller must be silent.
    """

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500

    def __post_init__(self) -> None:
        """Refuse what the vendor refuses."""
        if not 0 <= self.threshold <= 1:
            msg = f"threshold is {self.threshold}; give 0.0 to 1.0"
            raise ConfigError(msg)
        if min(self.prefix_padding_ms, self.silence_duration_ms) < 0:
            msg = "prefix_padding_ms and silence_duration_ms must be 0 or more milliseconds"
            raise ConfigError(msg)


class SemanticTurns(msgspec.Struct, frozen=True, kw_only=True):
    """The vendor judges from what is said whether the caller has finished (`semantic_vad`).

    Attributes:
        eagerness: how soon it takes them to have: within 8 s (`low`), 4 s (`medium`, which is
            also `auto`) or 2 s (`high`).
    """

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"

    def __post_init__(self) -> None:
        """Refuse what the vendor refuses."""
        if self.eagerness not in {"low", "medium", "high", "auto"}:
            msg = f"eagerness is {self.eagerness!r}; give low, medium, high or auto"
            raise ConfigError(msg)


class OpenAIRealtime(RealtimeModel):
    """A speech-to-speech model behind OpenAI's Realtime API.

    Args:
        model: the model's name at the vendor.
        voice: the vendor's name of a voice; it cannot change during a call.
        base_url: address of the server up to `/v1`; None means OpenAI (or what the environment
            variable `OPENAI_BASE_URL` says).
        api_key: None means the environment variable `OPENAI_API_KEY` if there is no `base_url`,
            and no key if there is one: OpenAI's key is never sent to somebody else.
        name: what events, metrics and errors call it.
        turn_detection: how the model finds the end of the caller's turn; None leaves it to the
            pipeline's voice detector.
        transcription: the vendor's model that writes down what the caller says; None saves its
            price, and the history then holds no words of the caller.
        language: ISO 639-1 code of what the caller speaks, as a hint for the transcription.
        noise_reduction: `near_field` (a handset), `far_field` (a loudspeaker), or None.
        modality: `audio` or `text`; None means audio unless the pipeline has a synthesiser.
        max_output_tokens: at most so many tokens per answer, 1 to 4096; None leaves it open.
        connect_within: seconds within which the vendor must have taken the connection.

    Raises:
        ConfigError: a field is out of its range.
    """

    def __init__(
        self,
        model: str = "gpt-realtime",
        *,
        voice: str = "marin",
        base_url: str | None = None,
        api_key: str | None = None,
        name: str = "openai-realtime",
        turn_detection: SilenceTurns | SemanticTurns | None = SilenceTurns(),  # noqa: B008  # frozen
        transcription: str | None = "gpt-4o-mini-transcribe",
        language: str | None = None,
        noise_reduction: Literal["near_field", "far_field"] | None = None,
        modality: Literal["audio", "text"] | None = None,
        max_output_tokens: int | None = None,
        connect_within: float = 10.0,
    ) -> None:
        if not model or not voice:
            msg = "model and voice must not be empty"
            raise ConfigError(msg)
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            msg = "base_url must begin with http:// or https://, as in https://example.com/v1"
            raise ConfigError(msg)
        if noise_reduction not in {None, "near_field", "far_field"}:
            msg = f"noise_reduction is {noise_reduction!r}; give near_field, far_field or None"
            raise ConfigError(msg)
        if modality not in {None, "audio", "text"}:
            msg = f"modality is {modality!r}; give audio, text or None"
            raise ConfigError(msg)
        if max_output_tokens is not None and not 1 <= max_output_tokens <= 4096:
            msg = f"max_output_tokens is {max_output_tokens}; give 1 to 4096"
            raise ConfigError(msg)
        if not connect_within > 0:
            msg = "connect_within must be above 0 seconds"
            raise ConfigError(msg)
        self.name = name
        self.model = model
        self.detects_turns = turn_detection is not None
        self.speaks = None if modality is None else modality == "audio"
        self.recites = True
        self.longest = _LONGEST
        self._voice = voice
        self._base_url = base_url
        self._api_key = api_key
        self._turns = turn_detection
        self._transcription = transcription
        self._language = language
        self._noise_reduction = noise_reduction
        self._max_output_tokens = max_output_tokens
        self._connect_within = connect_within
        self._client: openai.AsyncOpenAI | None = None
        self._append: type[InputAudioBufferAppendEvent] | None = None

    async def prepare(self) -> None:
        """Load the SDK (about a second). Nothing is sent yet.

        Raises:
            MissingExtra: the SDK is not installed.
            ConfigError: there is no key for OpenAI.
        """
        if self._client is None:
            self._client = await asyncio.to_thread(self._make_client)

    async def aclose(self) -> None:
        """Free everything. Conversations must be closed. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def connect(self, setup: RealtimeSetup) -> RealtimeConversation:
        """Open a conversation. See `RealtimeModel.connect`.

        Raises:
            ProviderError: the vendor refused. The message holds neither the key nor words of the
                conversation.
            LinkTimeout: no answer in time.
            LinkError: the vendor cannot be reached.
            MissingExtra: the SDK is not installed.
            ConfigError: there is no key for OpenAI.
        """
        await self.prepare()
        assert self._client is not None
        wire = best_format(_FORMATS, setup.sample_rate)
        bridge = AudioBridge(wire, setup.sample_rate)
        connection: AsyncRealtimeConnection | None = None
        try:
            async with asyncio.timeout(self._connect_within):
                connection = await self._client.realtime.connect(
                    model=self.model,
                    websocket_connection_options=cast("WebSocketConnectionOptions", _OPTIONS),
                ).enter()
                await _send(connection, {"type": "session.update", "session": self._session(setup)})
                await self._accepted(connection)
        except BaseException as exc:
            if connection is not None:
                await connection.close()
            if (mapped := self._mapped(exc)) is None:
                raise
            # The original may repeat the key in its headers.
            raise mapped from None
        return _Conversation(
            self, connection, bridge, transcribes=setup.hears and self._transcribes
        )

    def append_event(self, audio: str) -> "InputAudioBufferAppendEvent":
        """Spell audio for the wire; a model of the SDK's own, for it writes those the fastest."""
        assert self._append is not None
        return self._append(type="input_audio_buffer.append", audio=audio)

    @property
    def silence(self) -> float:
        """Seconds of silence after which the detector reports the end of speech."""
        if isinstance(self._turns, SilenceTurns):
            return self._turns.silence_duration_ms / 1000
        return 0.0

    @property
    def _transcribes(self) -> bool:
        return self._transcription is not None

    def refusal(self, error: Mapping[str, object]) -> HookflashError:
        """Say in our own words what an `error` of the server means."""
        code, kind = _word(error.get("code")), _word(error.get("type"))
        if code == "session_expired":
            msg = f"{self.name}: the conversation reached the vendor's longest duration"
            return LinkError(msg)
        parameter = _word(error.get("param"))
        retryable = kind in {"server_error", "rate_limit_error"} or code in {
            "rate_limit_exceeded",
            "server_error",
            "conversation_already_has_active_response",
        }
        if code in {"invalid_api_key", "insufficient_quota"}:
            retryable = False
        why = "the server failed" if kind == "server_error" else "the request was refused"
        told = ", ".join(part for part in (code or kind, parameter) if part)
        msg = f"{self.name}: {why}" + (f" ({told})" if told else "")
        return ProviderError(msg, code=code or kind, retryable=retryable)

    def _session(self, setup: RealtimeSetup) -> _Json:
        audio_format = _SPELLED[best_format(_FORMATS, setup.sample_rate)]
        hears: _Json = {"format": audio_format, "turn_detection": None, "transcription": None}
        if setup.hears:
            hears["turn_detection"] = self._detection()
            if self._transcription is not None:
                transcription: _Json = {"model": self._transcription}
                if self._language is not None:
                    transcription["language"] = self._language
                hears["transcription"] = transcription
        if self._noise_reduction is not None:
            hears["noise_reduction"] = {"type": self._noise_reduction}
        session: _Json = {
            "type": "realtime",
            "instructions": setup.instructions,
            "output_modalities": ["audio" if setup.speaks else "text"],
            "audio": {
                "input": hears,
                "output": {"format": audio_format, "voice": self._voice},
            },
            "tools": [_tool(schema) for schema in setup.tools],
            "tool_choice": "auto",
        }
        if self._max_output_tokens is not None:
            session["max_output_tokens"] = self._max_output_tokens
        return session

    def _detection(self) -> _Json | None:
        # Who answers, and when, is decided on our side.
        ours: _Json = {"create_response": False, "interrupt_response": False}
        match self._turns:
            case None:
                return None
            case SilenceTurns():
                return {
                    "type": "server_vad",
                    "threshold": self._turns.threshold,
                    "prefix_padding_ms": self._turns.prefix_padding_ms,
                    "silence_duration_ms": self._turns.silence_duration_ms,
                    **ours,
                }
            case SemanticTurns():
                return {"type": "semantic_vad", "eagerness": self._turns.eagerness, **ours}

    def _make_client(self) -> "openai.AsyncOpenAI":
        try:
            import openai
            from openai.types.realtime import InputAudioBufferAppendEvent
        except ImportError as exc:
            raise MissingExtra("openai", "openai") from exc

        key, url = openai_account(self._api_key, self._base_url)
        self._append = InputAudioBufferAppendEvent
        return openai.AsyncOpenAI(api_key=key, base_url=url, max_retries=0)

    async def _accepted(self, connection: "AsyncRealtimeConnection") -> None:
        """Wait until the server has taken the setup."""
        while True:
            match _parsed(await connection.recv_bytes()):
                case {"type": "session.updated"}:
                    return
                case {"type": "error", "error": error}:
                    raise self.refusal(_object(error))
                case _:
                    pass

    def _mapped(self, exc: BaseException) -> HookflashError | None:
        """Return an error of ours for what went wrong while connecting; None lets it pass."""
        if isinstance(exc, HookflashError):
            return exc
        if isinstance(exc, InvalidStatus):
            status = exc.response.status_code
            reasons = {401: "the key was refused", 403: "the key was refused"}
            reasons |= {404: f"there is no model {self.model} at this address"}
            reasons |= {429: "too many requests"}
            why = reasons.get(status, "the connection was refused")
            msg = f"{self.name}: {why} ({status})"
            retryable = status in {408, 429} or status >= 500
            return ProviderError(msg, status=status, retryable=retryable)
        if isinstance(exc, TimeoutError):
            msg = f"{self.name}: no answer within {self._connect_within:.1f} s"
            return LinkTimeout(msg)
        if isinstance(exc, (OSError, WebSocketException)):
            host = urlsplit(self._base_url or "").hostname or "the vendor"
            msg = f"{self.name}: cannot connect to {host} ({type(exc).__name__})"
            return LinkError(msg)
        return None


class _Conversation(RealtimeConversation):
    """One WebSocket. A task sends what waits; whoever iterates over `events` reads."""

    def __init__(
        self,
        model: OpenAIRealtime,
        connection: "AsyncRealtimeConnection",
        bridge: AudioBridge,
        *,
        transcribes: bool,
    ) -> None:
        self._model = model
        self._connection = connection
        self._bridge = bridge
        self._transcribes = transcribes
        self._outbox: deque[_Json | InputAudioBufferAppendEvent] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._stalled = False
        # Requests that the server has not begun, and those that it has, by its own name for them.
        self._asked: deque[str] = deque()
        self._active: dict[str, str] = {}
        self._unwanted: set[str] = set()
        self._words: dict[str, str] = {}
        self._owner = TaskOwner(model.name)
        self._owner.start(self._write(), name="writer")

    # What is asked of it.

    def push(self, pcm: bytes) -> None:
        if octets := self._bridge.to_model(pcm):
            audio = base64.b64encode(octets).decode()
            self._post(self._model.append_event(audio))

    def commit(self) -> None:
        self._post({"type": "input_audio_buffer.commit"})

    def clear(self) -> None:
        self._post({"type": "input_audio_buffer.clear"})

    def respond(
        self, request: str, *, instructions: str | None = None, tool_choice: str | None = None
    ) -> None:
        response: _Json = {"metadata": {"request": request}}
        if instructions is not None:
            response["instructions"] = instructions
        if tool_choice is not None:
            named = {"type": "function", "name": tool_choice}
            response["tool_choice"] = tool_choice if tool_choice in _MODES else named
        self._ask(request, response)

    def recite(self, request: str, text: str) -> None:
        response: _Json = {
            "metadata": {"request": request},
            "conversation": "none",
            # What it does not know, it cannot answer instead.
            "input": [],
            "instructions": f"{_RECITE}\n\n{text}",
            "tools": [],
            "tool_choice": "none",
        }
        self._ask(request, response)

    def _ask(self, request: str, response: _Json) -> None:
        self._asked.append(request)
        self._post({"type": "response.create", "event_id": request, "response": response})

    def cancel(self, request: str) -> None:
        for response_id, known in self._active.items():
            if known == request:
                self._post({"type": "response.cancel", "response_id": response_id})
                return
        if request in self._asked:
            # Without an id the vendor cancels only what belongs to the conversation.
            self._unwanted.add(request)

    def add(self, item: ChatItem, *, item_id: str, after: str | None = None) -> None:
        body: _Json = {"type": "conversation.item.create", "item": _item(item, item_id)}
        if after is not None:
            body["previous_item_id"] = after or "root"
        self._post(body)

    def truncate(self, item_id: str, played_ms: float) -> None:
        # An item that nothing was heard of may have no audio yet, and then cannot be cut.
        if played_ms < 1:
            self.delete(item_id)
            return
        self._post(
            {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": 0,
                "audio_end_ms": int(played_ms),
            }
        )

    def delete(self, item_id: str) -> None:
        self._post({"type": "conversation.item.delete", "item_id": item_id})

    def update(self, *, instructions: str, tools: Sequence[ToolSchema]) -> None:
        session: _Json = {
            "type": "realtime",
            "instructions": instructions,
            "tools": [_tool(schema) for schema in tools],
        }
        self._post({"type": "session.update", "session": session})

    async def aclose(self) -> None:
        self._closing = True
        await self._owner.aclose()
        await self._connection.close()

    # What comes.

    async def events(self) -> AsyncIterator[RealtimeEvent]:
        while True:
            try:
                message = await self._connection.recv_bytes()
            except ConnectionClosed as exc:
                if self._closing:
                    return
                code = exc.rcvd.code if exc.rcvd is not None else 1006
                msg = f"{self._model.name}: the connection was lost ({code})"
                raise (LinkTimeout if self._stalled else LinkError)(msg) from None
            for event in self._read(_parsed(message)):
                yield event

    def _read(self, body: _Json) -> list[RealtimeEvent]:
        """Return what a message of the server's says.

        Raises:
            LinkError: the server ends the conversation.
        """
        item_id = _text(body.get("item_id"))
        match body.get("type"):
            case "input_audio_buffer.speech_started":
                return [CallerSpeech(speaking=True)]
            case "input_audio_buffer.speech_stopped":
                return [CallerSpeech(speaking=False, ago=self._model.silence)]
            case "input_audio_buffer.committed" if item_id:
                committed = CallerCommitted(item_id=item_id)
                nothing = CallerWords(item_id=item_id, text="", final=True)
                return [committed] if self._transcribes else [committed, nothing]
            case "conversation.item.input_audio_transcription.delta" if item_id:
                text = self._words.get(item_id, "") + _text(body.get("delta"))
                self._words[item_id] = text
                return [CallerWords(item_id=item_id, text=text, final=False)]
            case "conversation.item.input_audio_transcription.completed" if item_id:
                self._words.pop(item_id, None)
                text = _text(body.get("transcript"))
                return [CallerWords(item_id=item_id, text=text, final=True)]
            case "conversation.item.input_audio_transcription.failed" if item_id:
                said = self._words.pop(item_id, "")
                error = self._model.refusal(_object(body.get("error")))
                return [
                    CallerWords(item_id=item_id, text=said, final=True),
                    RealtimeTrouble(error=error),
                ]
            case "response.created":
                return self._began(_object(body.get("response")))
            case "response.done":
                return self._done(_object(body.get("response")))
            case "error":
                return self._refused(_object(body.get("error")))
            case None:
                msg = f"{self._model.name}: a message without a type"
                return [RealtimeTrouble(error=ProtocolError(msg))]
            case kind:
                request = self._active.get(_text(body.get("response_id")))
                return [] if request is None else self._grew(request, str(kind), item_id, body)

    def _grew(self, request: str, kind: str, item_id: str, body: _Json) -> list[RealtimeEvent]:
        """Read a piece of an answer that is being made."""
        match kind:
            case "response.output_audio.delta" if item_id:
                try:
                    octets = base64.b64decode(_text(body.get("delta")), validate=True)
                except binascii.Error:
                    msg = f"{self._model.name}: audio that is not base64"
                    return [RealtimeTrouble(error=ProtocolError(msg))]
                return self._audio(request, item_id, self._bridge.from_model(octets))
            case "response.output_audio.done" if item_id:
                return self._audio(request, item_id, self._bridge.flush())
            case "response.output_audio_transcript.delta" | "response.output_text.delta" if item_id:
                text = _text(body.get("delta"))
                return [WordsDelta(request=request, item_id=item_id, text=text)] if text else []
            case "response.output_item.done":
                item = _object(body.get("item"))
                whole = item.get("status", "completed") == "completed"
                if item.get("type") != "function_call" or not whole:
                    return []
                call = ToolCall(
                    call_id=_text(item.get("call_id")),
                    tool=_text(item.get("name")),
                    arguments=_text(item.get("arguments")) or "{}",
                )
                if not call.call_id or not call.tool:
                    msg = f"{self._model.name}: a tool call without a name or an id"
                    return [RealtimeTrouble(error=ProtocolError(msg))]
                return [ToolCallAsked(request=request, item_id=_text(item.get("id")), call=call)]
            case _:
                return []

    def _audio(self, request: str, item_id: str, pcm: bytes) -> list[RealtimeEvent]:
        return [AudioDelta(request=request, item_id=item_id, pcm=pcm)] if pcm else []

    def _began(self, response: _Json) -> list[RealtimeEvent]:
        request = _text(_object(response.get("metadata")).get("request"))
        if request not in self._asked:
            return []
        self._asked.remove(request)
        self._active[_text(response.get("id"))] = request
        if request in self._unwanted:
            self._unwanted.discard(request)
            self.cancel(request)
        return [ResponseStarted(request=request)]

    def _done(self, response: _Json) -> list[RealtimeEvent]:
        request = self._active.pop(_text(response.get("id")), None)
        if request is None:
            return []
        self._bridge.flush()
        details = _object(response.get("status_details"))
        error: HookflashError | None = None
        match response.get("status"):
            case "completed":
                status = ResponseStatus.COMPLETED
            case "cancelled":
                status = ResponseStatus.CANCELLED
            case "incomplete":
                status = ResponseStatus.INCOMPLETE
                reason = _word(details.get("reason"))
                msg = f"{self._model.name}: the answer was cut off ({reason})"
                error = ProviderError(msg, code=reason)
            case _:
                status = ResponseStatus.FAILED
                error = self._model.refusal(_object(details.get("error")))
        counts = _object(response.get("usage"))
        usage = Usage(
            input_tokens=_count(counts.get("input_tokens")),
            output_tokens=_count(counts.get("output_tokens")),
        )
        return [
            ResponseDone(
                request=request, status=status, usage=usage if counts else None, error=error
            )
        ]

    def _refused(self, error: _Json) -> list[RealtimeEvent]:
        if error.get("code") == _CANCEL_TOO_LATE:
            return []
        mapped = self._model.refusal(error)
        if isinstance(mapped, LinkError):
            raise mapped
        request = _text(error.get("event_id"))
        if request in self._asked:
            self._asked.remove(request)
            self._unwanted.discard(request)
            failed = ResponseStatus.FAILED
            return [ResponseDone(request=request, status=failed, error=mapped)]
        return [RealtimeTrouble(error=mapped)]

    # Sending.

    def _post(self, body: "_Json | InputAudioBufferAppendEvent") -> None:
        if self._closing or self._stalled:
            return
        self._outbox.append(body)
        if len(self._outbox) > _MAX_UNSENT:
            self._stalled = True
            self._outbox.clear()
            self._owner.start(self._connection.close(code=1001), name="stalled")
        self._wake.set()

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._outbox:
                    await _send(self._connection, self._outbox.popleft())
        except ConnectionClosed:
            # The reader learns of it, too, and says so.
            self._outbox.clear()


async def _send(
    connection: "AsyncRealtimeConnection", body: "_Json | InputAudioBufferAppendEvent"
) -> None:
    if isinstance(body, dict):
        await connection.send(cast("RealtimeClientEventParam", body))
    else:
        await connection.send(body)


# Spelling.


def _tool(schema: ToolSchema) -> _Json:
    return {
        "type": "function",
        "name": schema.name,
        "description": schema.description,
        "parameters": schema.parameters or {"type": "object", "properties": {}},
    }


def _item(item: ChatItem, item_id: str) -> _Json:
    match item:
        case ChatMessage():
            kind = "output_text" if item.role is ChatRole.ASSISTANT else "input_text"
            content = [{"type": kind, "text": item.text}]
            return {"id": item_id, "type": "message", "role": item.role.value, "content": content}
        case ToolCall():
            return {
                "id": item_id,
                "type": "function_call",
                "call_id": item.call_id,
                "name": item.tool,
                "arguments": item.arguments,
            }
        case ToolOutput():
            return {
                "id": item_id,
                "type": "function_call_output",
                "call_id": item.call_id,
                "output": item.output,
            }
        case AgentHandoff():
            content = [{"type": "input_text", "text": f"{item.new} took over from {item.old}."}]
            return {"id": item_id, "type": "message", "role": "system", "content": content}


def _parsed(message: bytes) -> _Json:
    """Return a message of the server's as an object; an empty one if it is none."""
    try:
        return _object(json.loads(message))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> _Json:
    return cast("_Json", value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _word(value: object) -> str | None:
    """Return a code or a field's name that the server gave, if it looks like one."""
    text = str(value)
    return text if value is not None and _WORD.fullmatch(text) else None

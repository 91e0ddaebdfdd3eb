"""A local server that speaks OpenAI's Realtime protocol: for tests of realtime models.

It checks what it is sent against the official SDK's own types, and refuses what the vendor refuses
(a truncation beyond the audio, a second answer at a time, an unknown item). It hears by energy,
understands what the test prepared, and answers by a script; a voice that hums stands for speech.
Beside the conversation it says what it is told to, as an obedient model would.

Sources: the types of the `openai` package, https://platform.openai.com/docs/api-reference/realtime,
and error texts as reported in public issues.
"""

import array
import asyncio
import base64
import binascii
import copy
import json
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast, get_args

import pydantic
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from hookflash.audio.frames import frame_bytes
from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.audio.levels import rms_dbfs
from hookflash.errors import MissingExtra, UsageError
from hookflash.runtime.serve import serving
from hookflash.runtime.tasks import TaskOwner
from hookflash.runtime.websocket import Socket, converse
from hookflash.testing.scripted import Calls, Says

if TYPE_CHECKING:
    from openai.types.realtime import RealtimeClientEvent

__all__ = [
    "Drops",
    "Heard",
    "RealtimeServer",
    "RealtimeStep",
    "Refuses",
    "Sends",
    "ServedConversation",
    "ServedItem",
]

_Json: TypeAlias = dict[str, Any]

# A hum at -20 dBFS is heard, a telephone's noise is not.
_LOUD_DBFS = -45.0
_ONSET_FRAMES = 3
# The vendor wants 100 ms of audio before it makes an item of it.
_LEAST_MS = 100
_MOST_ID = 32


@dataclass(frozen=True, slots=True)
class Refuses:
    """The answer fails here.

    Attributes:
        code: the vendor's word for it.
        kind: the vendor's class of errors: `server_error` or `invalid_request_error`.
    """

    code: str = "server_error"
    kind: str = "server_error"


@dataclass(frozen=True, slots=True)
class Drops:
    """The connection breaks here."""

    code: int = 1011


@dataclass(frozen=True, slots=True)
class Sends:
    """The server sends this, whatever it is: a message, or a text that is none."""

    message: Mapping[str, object] | str


@dataclass(frozen=True, slots=True)
class Heard:
    """What the server understands of an item of the caller's.

    Attributes:
        text: its words.
        delay: seconds after the end of the turn until it has them.
        fails: whether the transcription fails instead.
    """

    text: str
    delay: float = 0.0
    fails: bool = False


RealtimeStep: TypeAlias = str | Says | Calls | Refuses | Drops | Sends


@dataclass(slots=True)
class ServedItem:
    """An item of a conversation as the server knows it.

    Attributes:
        id: its name.
        body: as the protocol spells it.
        audio_ms: how much audio of the model's it has; 0 for all that is not the model's speech.
    """

    id: str
    body: _Json
    audio_ms: float = 0.0

    @property
    def text(self) -> str:
        """Its words, its call's name and arguments, or its output."""
        parts = [
            str(part.get("text") or part.get("transcript") or "")
            for part in self.body.get("content", ())
        ]
        call = [str(self.body.get(key, "")) for key in ("name", "arguments", "output")]
        return " ".join(part for part in (*parts, *call) if part)


@dataclass(slots=True)
class _Answer:
    """An answer that is being made."""

    id: str
    metadata: _Json
    spoken: bool
    aside: bool
    """Whether it is no part of the conversation."""
    output: list[_Json] = field(default_factory=list[_Json])
    task: "asyncio.Task[None] | None" = None


class _Refused(Exception):  # never leaves this file
    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class RealtimeServer:
    """Serves on loopback while its `async with` block runs.

    Attributes:
        base_url: what `OpenAIRealtime(base_url=...)` is given.
        conversations: one for each connection, the oldest first.
        ms_per_word: milliseconds that each spoken word lasts.
    """

    def __init__(
        self,
        script: Iterable[RealtimeStep | Sequence[RealtimeStep]] = (),
        *,
        otherwise: str = "All right.",
        recites: Iterable[RealtimeStep | Sequence[RealtimeStep]] = (),
        hears: Iterable[str | Heard] = (),
        key: str | None = None,
        refusing: Iterable[int] = (),
        longest: float | None = None,
        ms_per_word: int = 200,
    ) -> None:
        """Prepare a server.

        Args:
            script: the steps of each answer, over all connections; one stands for a list of one.
            otherwise: what it says when the script is used up.
            recites: the steps of each answer beside the conversation (`conversation` is `none`);
                used up, it says what stands behind the first empty line of its instructions.
            hears: the words of each of the caller's turns, in order.
            key: the key that it wants; None takes any.
            refusing: HTTP statuses with which it refuses the next connections.
            longest: seconds after which it ends a conversation.
            ms_per_word: milliseconds that each spoken word lasts, a multiple of 20.
        """
        self.base_url = ""
        self.conversations: list[ServedConversation] = []
        self.ms_per_word = ms_per_word
        self.script = _steps(script)
        self.recites = _steps(recites)
        self.hears = deque(Heard(words) if isinstance(words, str) else words for words in hears)
        self.otherwise = otherwise
        self._key = key
        self._refusing = deque(refusing)
        self._longest = longest
        self._events = _event_types()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = Starlette(routes=[WebSocketRoute("/v1/realtime", self._serve)])
        address = await self._stack.enter_async_context(serving(app))
        self.base_url = f"{address.http}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        for conversation in self.conversations:
            conversation.drop(1001)
        await self._stack.aclose()

    @property
    def conversation(self) -> "ServedConversation":
        """The newest one.

        Raises:
            UsageError: nobody has connected yet.
        """
        if not self.conversations:
            msg = "nobody has connected to the realtime server yet"
            raise UsageError(msg)
        return self.conversations[-1]

    async def _serve(self, websocket: WebSocket) -> None:
        status = self._refusing.popleft() if self._refusing else None
        if self._key is not None:
            given = websocket.headers.get("authorization")
            status = status or (None if given == f"Bearer {self._key}" else 401)
        if status is not None:
            await websocket.send_denial_response(Response(status_code=status))
            return
        await websocket.accept()
        conversation: ServedConversation | None = None

        def join(socket: Socket) -> ServedConversation:
            nonlocal conversation
            model = websocket.query_params.get("model", "")
            conversation = ServedConversation(self, socket, self._events, model)
            self.conversations.append(conversation)
            if self._longest is not None:
                asyncio.get_running_loop().call_later(self._longest, conversation.expire)
            return conversation

        try:
            await converse(websocket, join)
        finally:
            if conversation is not None:
                await conversation.aclose()


class ServedConversation:
    """One connection, as the server sees it.

    Attributes:
        model: the model that was asked for.
        session: its settings as of now, as the protocol spells them.
        items: the conversation.
        received: what came, but the audio.
        sent: what was sent, but the audio.
        audio: the octets of the caller's audio.
        requests: what each answer was asked with.
        truncated: the item and milliseconds of each truncation that was carried out.
        errors: the codes of what was refused.
        closed: whether the connection is over.
    """

    def __init__(
        self,
        server: RealtimeServer,
        socket: Socket,
        events: "Mapping[str, type[RealtimeClientEvent]]",
        model: str,
    ) -> None:
        """Greet. Made by the server."""
        self.model = model
        self.session: _Json = {
            "type": "realtime",
            "model": model,
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "turn_detection": {"type": "server_vad"},
                    "transcription": None,
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "alloy"},
            },
            "tools": [],
        }
        self.items: list[ServedItem] = []
        self.received: list[_Json] = []
        self.sent: list[_Json] = []
        self.audio = bytearray()
        self.requests: list[_Json] = []
        self.truncated: list[tuple[str, int]] = []
        self.errors: list[str] = []
        self.closed = False
        self._server = server
        self._socket = socket
        self._events = events
        self._owner = TaskOwner("realtime server")
        self._count = 0
        self._buffer = bytearray()
        self._judged = 0
        self._loud = 0
        self._quiet = 0
        self._speaking: str | None = None
        self._answer: _Answer | None = None
        self._has_spoken = False
        self._tell("session.created", session=self.session)

    @property
    def texts(self) -> list[str]:
        """The conversation in short: role or type, and words."""
        return [f"{item.body.get('role', item.body['type'])}: {item.text}" for item in self.items]

    def drop(self, code: int = 1011) -> None:
        """Break the connection."""
        self._socket.close(code)

    def expire(self) -> None:
        """End the conversation as the vendor does when it lasted too long."""
        if not self.closed:
            self._complain("session_expired", "Your session hit the maximum duration.")
            self.drop(1001)

    async def aclose(self) -> None:
        """Let all tasks end."""
        await self._owner.aclose()

    # As the socket's listener.

    def message_received(self, message: bytes, is_text: bool) -> None:
        """Take one message of the client's."""
        event_id: object = None
        try:
            body = _parsed(message)
            event_id = None if body is None else body.get("event_id")
            self._take(self._checked(body))
        except ValueError:
            self._complain("invalid_json", "The message is not JSON.")
        except _Refused as refused:
            self._complain(refused.code, str(refused), param=refused.param, event_id=event_id)

    def socket_closed(self, code: int) -> None:
        """The client is gone."""
        self.closed = True
        if self._answer is not None and self._answer.task is not None:
            self._answer.task.cancel()

    # What is asked.

    def _checked(self, message: _Json | None) -> _Json:
        if message is None:
            code = "invalid_request_error"
            raise _Refused(code, "The message must be an object.")
        kind = self._events.get(str(message.get("type")))
        if kind is None:
            raise _Refused("invalid_value", "There is no event of that type.", "type")
        try:
            model = cast("pydantic.BaseModel", kind.model_validate(message))
        except pydantic.ValidationError as exc:
            where = ".".join(str(part) for part in exc.errors()[0]["loc"])
            raise _Refused("invalid_value", "The value is not valid.", where) from exc
        if (unknown := _unknown(model)) is not None:
            raise _Refused("unknown_parameter", "There is no such parameter.", unknown)
        return message

    def _take(self, body: _Json) -> None:
        kind = body["type"]
        if kind == "input_audio_buffer.append":
            self._hear(body["audio"])
            return
        self.received.append(body)
        match kind:
            case "session.update":
                self._update(body["session"])
            case "input_audio_buffer.commit":
                self._commit()
            case "input_audio_buffer.clear":
                self._buffer.clear()
                self._tell("input_audio_buffer.cleared")
            case "conversation.item.create":
                self._create(body["item"], body.get("previous_item_id"))
            case "conversation.item.truncate":
                self._truncate(body["item_id"], body["audio_end_ms"])
            case "conversation.item.delete":
                self.items.remove(self._find(body["item_id"], "item_delete_invalid_item_id"))
                self._tell("conversation.item.deleted", item_id=body["item_id"])
            case "response.create":
                self._respond(body.get("response") or {})
            case "response.cancel":
                self._cancel(body.get("response_id"))
            case _:
                raise _Refused("invalid_value", "This server does not know that event.", "type")

    def _update(self, change: _Json) -> None:
        merged = _merged(copy.deepcopy(self.session), change)
        if merged.get("model") != self.session["model"]:
            raise _Refused("cannot_update_model", "The model cannot be changed.", "session.model")
        voice = merged["audio"]["output"].get("voice")
        if self._has_spoken and voice != self.session["audio"]["output"].get("voice"):
            raise _Refused("cannot_update_voice", "The voice has been heard.", "session.voice")
        self.session = merged
        self._tell("session.updated", session=self.session)

    def _create(self, body: _Json, previous: str | None) -> None:
        body = {"id": self._name("item"), "status": "completed", **body}
        item_id = str(body["id"])
        if len(item_id) > _MOST_ID:
            raise _Refused("string_above_max_length", "The id is too long.", "item.id")
        if any(item.id == item_id for item in self.items):
            raise _Refused("invalid_value", "There is an item of that id.", "item.id")
        if body["type"] == "function_call_output":
            calls = [item.body.get("call_id") for item in self.items if "arguments" in item.body]
            if body["call_id"] not in calls:
                code = "invalid_tool_call_id"
                raise _Refused(code, "There is no tool call of that id.", "item.call_id")
        self._insert(ServedItem(item_id, body), previous)

    def _insert(self, item: ServedItem, previous: str | None) -> None:
        if previous is None:
            at = len(self.items)
        elif previous == "root":
            at = 0
        else:
            code = "item_create_invalid_previous_item_id"
            at = self.items.index(self._find(previous, code)) + 1
        before = self.items[at - 1].id if at else None
        self.items.insert(at, item)
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._tell(kind, item=item.body, previous_item_id=before)

    def _truncate(self, item_id: str, end_ms: int) -> None:
        item = self._find(item_id, "item_truncate_invalid_item_id")
        if not item.audio_ms:
            code = "unsupported_content_type"
            raise _Refused(code, "Only model output audio messages can be truncated", "item_id")
        if end_ms > item.audio_ms:
            have = int(item.audio_ms)
            text = f"Audio content of {have}ms is already shorter than {end_ms}ms"
            raise _Refused("invalid_value", text, "audio_end_ms")
        item.audio_ms = end_ms
        item.body["content"] = [{"type": "output_audio", "transcript": None}]
        self.truncated.append((item_id, end_ms))
        self._tell(
            "conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=end_ms
        )

    def _find(self, item_id: str, code: str) -> ServedItem:
        for item in self.items:
            if item.id == item_id:
                return item
        raise _Refused(code, f"Item with item_id not found: {item_id}", "item_id")

    # Hearing.

    @property
    def _input(self) -> _Json:
        return cast("_Json", self.session["audio"]["input"])

    def _hear(self, audio: str) -> None:
        try:
            octets = base64.b64decode(audio, validate=True)
        except binascii.Error as exc:
            raise _Refused("invalid_value", "The audio is not base64.", "audio") from exc
        self.audio += octets
        self._buffer += octets
        detection = self._input.get("turn_detection")
        if detection is None:
            return
        size = _octets_per_ms(self._input["format"]) * 20
        while self._judged + size <= len(self.audio):
            frame = bytes(self.audio[self._judged : self._judged + size])
            self._judged += size
            self._judge(rms_dbfs(_pcm(self._input["format"], frame)) > _LOUD_DBFS, detection)

    def _judge(self, loud: bool, detection: _Json) -> None:
        """Take 20 ms: was somebody heard?"""
        now_ms = self._judged // _octets_per_ms(self._input["format"])
        self._loud = self._loud + 1 if loud else 0
        self._quiet = 0 if loud else self._quiet + 1
        if self._speaking is None:
            if self._loud >= _ONSET_FRAMES:
                self._speaking = self._name("item")
                self._tell(
                    "input_audio_buffer.speech_started",
                    item_id=self._speaking,
                    audio_start_ms=max(0, now_ms - 20 * self._loud),
                )
                if detection.get("interrupt_response", True) and self._answer is not None:
                    self._end(self._answer, "cancelled", {"reason": "turn_detected"})
            return
        if self._quiet * 20 < (detection.get("silence_duration_ms") or 500):
            return
        item_id, self._speaking = self._speaking, None
        self._tell("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=now_ms)
        self._commit(item_id)
        if detection.get("create_response", True) and self._answer is None:
            self._respond({})

    def _commit(self, item_id: str | None = None) -> None:
        if len(self._buffer) < _LEAST_MS * _octets_per_ms(self._input["format"]):
            raise _Refused("input_audio_buffer_commit_empty", "There is too little audio.")
        self._buffer.clear()
        self._speaking = None
        content = [{"type": "input_audio", "transcript": None}]
        body = {"type": "message", "role": "user", "content": content, "status": "completed"}
        item = ServedItem(item_id or self._name("item"), body)
        item.body["id"] = item.id
        before = self.items[-1].id if self.items else None
        self._tell("input_audio_buffer.committed", item_id=item.id, previous_item_id=before)
        self._insert(item, None)
        if self._input.get("transcription") is not None:
            heard = self._server.hears.popleft() if self._server.hears else Heard("")
            self._owner.start(self._transcribe(item, heard), name="transcription")

    async def _transcribe(self, item: ServedItem, heard: Heard) -> None:
        await asyncio.sleep(heard.delay)
        about: _Json = {"item_id": item.id, "content_index": 0}
        prefix = "conversation.item.input_audio_transcription"
        if heard.fails:
            error = {"type": "server_error", "code": "transcription_failed", "message": "No."}
            self._tell(f"{prefix}.failed", **about, error=error)
            return
        for word in _in_words(heard.text):
            self._tell(f"{prefix}.delta", **about, delta=word)
        item.body["content"][0]["transcript"] = heard.text
        usage = {"type": "duration", "seconds": 1.0}
        self._tell(f"{prefix}.completed", **about, transcript=heard.text, usage=usage)

    # Answering.

    def _respond(self, params: _Json) -> None:
        if self._answer is not None:
            code = "conversation_already_has_active_response"
            raise _Refused(code, "Conversation already has an active response in progress")
        self.requests.append(params)
        modalities = params.get("output_modalities") or self.session["output_modalities"]
        answer = _Answer(
            self._name("resp"),
            params.get("metadata") or {},
            spoken="audio" in modalities,
            aside=params.get("conversation") == "none",
        )
        self._answer = answer
        self._tell("response.created", response=self._response(answer, "in_progress"))
        if answer.aside:
            script = self._server.recites
            _, _, otherwise = str(params.get("instructions", "")).partition("\n\n")
        else:
            script, otherwise = self._server.script, self._server.otherwise
        steps = script.popleft() if script else [otherwise]
        answer.task = self._owner.start(self._follow(answer, steps), name=answer.id)

    def _cancel(self, response_id: str | None) -> None:
        answer = self._answer
        # Without an id, what belongs to the conversation is meant.
        meant = answer is not None and (
            response_id == answer.id or (response_id is None and not answer.aside)
        )
        if answer is None or not meant:
            code = "response_cancel_not_active"
            raise _Refused(code, "Cancellation failed: no active response found")
        self._end(answer, "cancelled", {"reason": "client_cancelled"})

    async def _follow(self, answer: _Answer, steps: Sequence[RealtimeStep]) -> None:
        for step in steps:
            match step:
                case str():
                    await self._say(answer, Says(step))
                case Says():
                    await asyncio.sleep(step.delay)
                    await self._say(answer, step)
                case Calls():
                    await asyncio.sleep(step.delay)
                    self._call(answer, step)
                case Refuses():
                    error = {"type": step.kind, "code": step.code, "message": "It failed."}
                    self._end(answer, "failed", {"error": error})
                    return
                case Drops():
                    self.drop(step.code)
                    return
                case Sends():
                    message = step.message
                    text = message if isinstance(message, str) else json.dumps(dict(message))
                    self._socket.send(text.replace("RESPONSE", answer.id))
        self._end(answer, "completed")

    async def _say(self, answer: _Answer, says: Says) -> None:
        item = self._begin(answer, {"type": "message", "role": "assistant", "content": []})
        kind = "output_audio" if answer.spoken else "output_text"
        key = "transcript" if answer.spoken else "text"
        part: _Json = {"type": kind, key: ""}
        item.body["content"].append(part)
        about: _Json = {"response_id": answer.id, "item_id": item.id, "output_index": 0}
        about["content_index"] = 0
        audio_format = self.session["audio"]["output"]["format"]
        hum = _hum(self._server.ms_per_word, audio_format)
        for index, word in enumerate(_in_words(says.text)):
            if index:
                await asyncio.sleep(says.pace)
            part[key] += word
            if not answer.spoken:
                self._tell("response.output_text.delta", **about, delta=word)
                continue
            self._tell("response.output_audio_transcript.delta", **about, delta=word)
            self._has_spoken = True
            item.audio_ms += self._server.ms_per_word
            delta = base64.b64encode(hum).decode()
            self._tell("response.output_audio.delta", **about, delta=delta)
            await asyncio.sleep(0)
        if answer.spoken:
            self._tell("response.output_audio.done", **about)
            self._tell("response.output_audio_transcript.done", **about, transcript=part[key])
        else:
            self._tell("response.output_text.done", **about, text=part[key])
        self._finish(answer, item)

    def _call(self, answer: _Answer, calls: Calls) -> None:
        arguments = json.dumps(dict(calls.arguments))
        body: _Json = {"type": "function_call", "name": calls.tool, "arguments": arguments}
        body["call_id"] = calls.call_id or self._name("call")
        item = self._begin(answer, body)
        self._tell(
            "response.function_call_arguments.done",
            response_id=answer.id,
            item_id=item.id,
            output_index=0,
            call_id=body["call_id"],
            name=calls.tool,
            arguments=arguments,
        )
        self._finish(answer, item)

    def _begin(self, answer: _Answer, body: _Json) -> ServedItem:
        item = ServedItem(self._name("item"), body)
        item.body |= {"id": item.id, "status": "in_progress"}
        answer.output.append(item.body)
        about: _Json = {"response_id": answer.id, "output_index": 0}
        self._tell("response.output_item.added", **about, item=item.body)
        if not answer.aside:
            self.items.append(item)
            self._tell("conversation.item.added", item=item.body, previous_item_id=None)
        return item

    def _finish(self, answer: _Answer, item: ServedItem, status: str = "completed") -> None:
        item.body["status"] = status
        about: _Json = {"response_id": answer.id, "output_index": 0}
        self._tell("response.output_item.done", **about, item=item.body)
        if not answer.aside:
            self._tell("conversation.item.done", item=item.body, previous_item_id=None)

    def _end(self, answer: _Answer, status: str, details: _Json | None = None) -> None:
        if self._answer is not answer:
            return
        self._answer = None
        if answer.task is not None and answer.task is not asyncio.current_task():
            answer.task.cancel()
        for item in self.items:
            if item.body in answer.output and item.body["status"] == "in_progress":
                self._finish(answer, item, "incomplete")
        response = self._response(answer, status)
        response["status_details"] = {"type": status, **(details or {})}
        response["usage"] = {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30}
        self._tell("response.done", response=response)

    def _response(self, answer: _Answer, status: str) -> _Json:
        return {
            "object": "realtime.response",
            "id": answer.id,
            "status": status,
            "metadata": answer.metadata or None,
            "output": answer.output,
        }

    # Telling.

    def tell(self, kind: str, **fields: object) -> None:
        """Send an event, whatever the conversation is at."""
        self._tell(kind, **fields)

    def _tell(self, kind: str, **fields: object) -> None:
        if self.closed:
            return
        text = json.dumps({"type": kind, "event_id": self._name("event"), **fields})
        if "audio.delta" not in kind:
            self.sent.append(json.loads(text))
        self._socket.send(text)

    def _complain(
        self, code: str, message: str, *, param: str | None = None, event_id: object = None
    ) -> None:
        self.errors.append(code)
        error = {"type": "invalid_request_error", "code": code, "message": message}
        self._tell("error", error={**error, "param": param, "event_id": event_id})

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{len(self._server.conversations)}_{self._count}"


def _steps(
    script: Iterable[RealtimeStep | Sequence[RealtimeStep]],
) -> deque[Sequence[RealtimeStep]]:
    return deque(
        entry if isinstance(entry, (list, tuple)) else [entry]  # type: ignore[list-item]
        for entry in script
    )


def _event_types() -> "dict[str, type[RealtimeClientEvent]]":
    """Return the SDK's own classes of what a client may send, by their names."""
    try:
        from openai.types.realtime import RealtimeClientEvent
    except ImportError as exc:
        raise MissingExtra("openai", "openai") from exc
    (union, *_) = get_args(RealtimeClientEvent)
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(union)}


def _parsed(message: bytes) -> _Json | None:
    """Return a message as an object; None if it is something else.

    Raises:
        ValueError: it is not JSON.
    """
    body: object = json.loads(message)
    return cast("_Json", body) if isinstance(body, dict) else None


def _unknown(value: object) -> str | None:
    """Return a field that the SDK's type does not have, at any depth."""
    if isinstance(value, pydantic.BaseModel):
        for name in value.model_extra or ():
            return name
        return next(filter(None, (_unknown(part) for _, part in value)), None)
    if isinstance(value, list):
        return next(filter(None, map(_unknown, cast("list[object]", value))), None)
    return None


def _merged(settings: _Json, change: _Json) -> _Json:
    for key, value in change.items():
        nested = settings.get(key)
        if isinstance(value, dict) and isinstance(nested, dict):
            settings[key] = _merged(cast("_Json", nested), cast("_Json", value))
        else:
            settings[key] = value
    return settings


def _in_words(text: str) -> list[str]:
    """Cut a text so that each piece begins with its space."""
    return [word if index == 0 else f" {word}" for index, word in enumerate(text.split(" "))]


def _octets_per_ms(audio_format: _Json) -> int:
    return 8 if audio_format["type"] in {"audio/pcmu", "audio/pcma"} else 48


def _pcm(audio_format: _Json, octets: bytes) -> bytes:
    return ulaw_decode(octets) if audio_format["type"] == "audio/pcmu" else octets


def _hum(ms: int, audio_format: _Json) -> bytes:
    """Return 440 Hz at -20 dBFS peak in the wire's format."""
    rate = 8000 if audio_format["type"] == "audio/pcmu" else 24_000
    step = 2 * math.pi * 440 / rate
    count = frame_bytes(rate) // 2 * ms // 20
    wave = array.array("h", (int(3277 * math.sin(step * index)) for index in range(count)))
    return ulaw_encode(wave.tobytes()) if rate == 8000 else wave.tobytes()

"""Language models that speak OpenAI's Chat Completions, wherever they run.

OpenAI itself, and the many servers that imitate its protocol: Ollama, llama.cpp, vLLM, LM Studio,
Groq, Together and others. They imitate it more or less well, so what comes back is read leniently
and what is asked for is cut down to what the server takes.

Protocol: https://platform.openai.com/docs/api-reference/chat
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, cast
from urllib.parse import urlsplit

import httpx

from hookflash.errors import (
    LinkError,
    LinkTimeout,
    MissingExtra,
    ProviderError,
    UsageError,
)
from hookflash.providers.base import LLM, LlmChunk, TextDelta, ToolCallReady, Usage
from hookflash.providers.chat import (
    ChatContext,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
    ToolSchema,
)
from hookflash.providers.openai_account import openai_account
from hookflash.runtime.chance import new_id
from hookflash.runtime.clock import now

if TYPE_CHECKING:
    import openai

__all__ = ["OpenAILLM"]

_Json: TypeAlias = dict[str, object]

_PATH = "/chat/completions"
# A caller speaks every few seconds; a new TLS connection for each turn would cost it 100 ms or
# more. The SDK's own limit is five seconds.
_KEEP_ALIVE = 120.0
_CONNECTIONS = 1000
# After the end of an answer its usage may follow, and the end of the stream. Neither is worth more.
_TRAILER = 1.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_JSON_TYPE = "application/json"
_END = object()
_TOOLS_NOT_STREAMED = "tools_not_streamed"
# Words of a server that are safe to repeat: codes and names of fields.
_WORD = re.compile(r"[A-Za-z0-9_.\[\]-]{1,48}")
# What a request may be refused with because of an option that the server does not know.
_UNKNOWN_OPTION = frozenset({400, 422})
_RETRYABLE = frozenset({408, 409, 425, 429})


class OpenAILLM(LLM):
    """A model behind a Chat Completions API, through the official `openai` SDK (1.60 to 3.x).

    Args:
        model: the model's name at the server.
        base_url: address of the server up to `/v1`; None means OpenAI (or what the environment
            variable `OPENAI_BASE_URL` says).
        api_key: None means the environment variable `OPENAI_API_KEY` if there is no `base_url`,
            and no key if there is one: OpenAI's key is never sent to somebody else.
        name: what events, metrics and errors call it.
        temperature: 0.0 to 2.0; None leaves it to the server.
        max_output_tokens: at most so many tokens per answer; None leaves it to the server.
        first_token_timeout: seconds from the request to the first sign of an answer. A local
            server that loads the model on its first request may need 60.
        idle_timeout: seconds between two signs of an answer after that.
        extra_body: more fields for the request's JSON body; they win over ours.
        headers: more HTTP headers.

    Raises:
        UsageError: the base URL is no URL, or a number is out of range.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        name: str = "openai",
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        first_token_timeout: float = 10.0,
        idle_timeout: float = 10.0,
        extra_body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            msg = "base_url must begin with http:// or https://, as in http://localhost:11434/v1"
            raise UsageError(msg)
        if min(first_token_timeout, idle_timeout) <= 0:
            msg = "first_token_timeout and idle_timeout must be above 0 seconds"
            raise UsageError(msg)
        if temperature is not None and not 0 <= temperature <= 2:
            msg = "temperature must be from 0.0 to 2.0"
            raise UsageError(msg)
        if max_output_tokens is not None and max_output_tokens < 1:
            msg = "max_output_tokens must be at least 1"
            raise UsageError(msg)
        self.name = name
        self.model = model
        self._base_url = base_url
        self._api_key = api_key
        self._temperature = temperature
        self._max_output_tokens = max_output_tokens
        self._first_token_timeout = first_token_timeout
        self._idle_timeout = idle_timeout
        self._extra_body = dict(extra_body or {})
        self._headers = dict(headers or {})
        self._client: openai.AsyncOpenAI | None = None
        # What the server turned out not to take.
        self._tells_usage = True
        self._streams_tools = True

    async def prepare(self) -> None:
        """Load the SDK (about a second) and make the client. Nothing is sent yet.

        Raises:
            MissingExtra: the SDK is not installed.
            ConfigError: there is no key for OpenAI.
        """
        await self._connected()

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def chat(
        self,
        context: ChatContext,
        *,
        tools: Sequence[ToolSchema] = (),
        tool_choice: str | None = None,
    ) -> AsyncGenerator[LlmChunk, None]:
        """Answer the conversation, streaming. See `LLM.chat`.

        Words come as they are written, without what stands between `<think>` and `</think>`;
        tool calls and the usage come at the end. If the stream breaks off, what came before has
        been given, and no tool call.

        Raises:
            ProviderError: the server refused. Its `retryable` says whether to try again; the
                message holds neither the key nor words of the conversation.
            LinkTimeout: no first token in time, or none after it.
            LinkError: the server cannot be reached, or the stream broke off.
            UsageError: `tool_choice` names no tool.
            MissingExtra: the SDK is not installed.
            ConfigError: there is no key for OpenAI.
        """
        body = self._body(context, tools, tool_choice)
        reply = _Reply(item.call_id for item in context.items if isinstance(item, ToolCall))
        client = await self._connected()
        deadline = now() + self._first_token_timeout
        stream = await self._open(client, body, deadline)
        whole = stream is None
        if stream is None:
            for delta in reply.take(await self._whole(client, body), whole=True):
                yield delta
            self._streams_tools = False
        else:
            try:
                # Some servers take no notice of `stream`.
                whole = stream.response.headers.get("content-type", "").startswith(_JSON_TYPE)
                while True:
                    try:
                        chunk = await self._next(stream, deadline, whole=whole)
                    except LinkError:
                        if reply.finished:
                            break
                        raise
                    for delta in reply.take(chunk, whole=whole):
                        yield delta
                    if whole or chunk is _END:
                        break
                    if reply.finished:
                        deadline = now() + _TRAILER
                    elif reply.alive:
                        deadline = now() + self._idle_timeout
            finally:
                await stream.close()
        if not reply.finished and whole:
            msg = f"{self.name}: the answer holds no choice"
            raise ProviderError(msg, retryable=True)
        if not reply.finished:
            msg = f"{self.name}: the answer broke off"
            raise LinkError(msg)
        if reply.filtered:
            msg = f"{self.name}: the answer was held back by a content filter"
            raise ProviderError(msg, code="content_filter")
        for last in reply.rest():
            yield last

    def _body(
        self, context: ChatContext, tools: Sequence[ToolSchema], tool_choice: str | None
    ) -> _Json:
        body: _Json = {"model": self.model, "messages": _messages(context)}
        if self._temperature is not None:
            body["temperature"] = self._temperature
        if self._max_output_tokens is not None:
            # OpenAI's newer models refuse the old name, and most others know only that.
            field = "max_completion_tokens" if self._is_openai() else "max_tokens"
            body[field] = self._max_output_tokens
        if tools:
            body["tools"] = [_tool(schema) for schema in tools]
            if tool_choice in {"auto", "none", "required"}:
                body["tool_choice"] = tool_choice
            elif tool_choice is not None:
                if all(schema.name != tool_choice for schema in tools):
                    msg = f"tool_choice names no tool of this request: {tool_choice!r}"
                    raise UsageError(msg)
                body["tool_choice"] = {"type": "function", "function": {"name": tool_choice}}
        return {**body, **self._extra_body}

    def _is_openai(self) -> bool:
        url = self._base_url or os.environ.get("OPENAI_BASE_URL")
        return not url or (urlsplit(url).hostname or "").endswith("openai.com")

    async def _connected(self) -> "openai.AsyncOpenAI":
        if self._client is None:
            # Loading the SDK takes about a second, the system's certificates 30 ms.
            return self._adopted(await asyncio.to_thread(self._connect))
        return self._client

    def _adopted(self, client: "openai.AsyncOpenAI") -> "openai.AsyncOpenAI":
        """Keep a new client, unless another call made one meanwhile (nothing is open yet)."""
        if self._client is None:
            self._client = client
        return self._client

    def _connect(self) -> "openai.AsyncOpenAI":
        try:
            import openai
        except ImportError as exc:
            raise MissingExtra("openai", "openai") from exc

        key, url = openai_account(self._api_key, self._base_url)
        host = urlsplit(url or "").hostname or ""
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE,
        )
        return openai.AsyncOpenAI(
            api_key=key,
            base_url=url,
            max_retries=0,
            timeout=openai.Timeout(None),
            default_headers=self._headers,
            http_client=openai.DefaultAsyncHttpxClient(
                limits=limits,
                # A proxy from the environment cannot reach this machine.
                trust_env=host not in _LOOPBACK,
            ),
        )

    async def _open(
        self, client: "openai.AsyncOpenAI", body: _Json, deadline: float
    ) -> "openai.AsyncStream[object] | None":
        """Begin a streamed answer; None if this server gives none to a request with tools."""
        import openai

        has_tools = "tools" in body
        if has_tools and not self._streams_tools:
            return None
        tells_usage = self._tells_usage
        while True:
            asked = {**body, "stream": True}
            if tells_usage:
                asked.setdefault("stream_options", {"include_usage": True})
            try:
                with self._boundary():
                    async with asyncio.timeout_at(deadline):
                        # Not `chat.completions.create`: its models cost four times as much per
                        # chunk as the bare JSON, and fail on what servers may do to it.
                        stream = await client.post(
                            _PATH,
                            cast_to=object,
                            body=asked,
                            stream=True,
                            stream_cls=openai.AsyncStream[object],
                        )
            except ProviderError as refusal:
                if has_tools and refusal.code == _TOOLS_NOT_STREAMED:
                    return None
                if not tells_usage or refusal.status not in _UNKNOWN_OPTION:
                    raise
                tells_usage = False
            else:
                self._tells_usage = tells_usage
                return stream

    async def _next(
        self, stream: "openai.AsyncStream[object]", deadline: float, *, whole: bool
    ) -> object:
        """Return the stream's next chunk, `_END` behind the last; or all of it as one answer."""
        with self._boundary():
            async with asyncio.timeout_at(deadline):
                if whole:
                    return json.loads(await stream.response.aread())
                return await anext(stream, _END)

    async def _whole(self, client: "openai.AsyncOpenAI", body: _Json) -> object:
        """Ask for an answer in one piece."""
        with self._boundary():
            async with asyncio.timeout(self._first_token_timeout + self._idle_timeout):
                return await client.post(_PATH, cast_to=object, body=body)

    @contextmanager
    def _boundary(self) -> Generator[None]:
        """Turn the SDK's errors into ours.

        Answers of the server are cut loose from their originals: those may repeat the key or
        the conversation, and whoever logs ours would log them too.
        """
        import openai

        try:
            yield
        except openai.APIStatusError as exc:
            raise self._refusal(exc.status_code, exc) from None
        except (openai.APIConnectionError, httpx.RequestError) as exc:
            cause = exc.__cause__ or exc
            msg = f"{self.name}: the connection failed ({type(cause).__name__})"
            raise LinkError(msg) from exc
        except openai.APIError as exc:
            raise self._refusal(None, exc) from None
        except TimeoutError as exc:
            msg = f"{self.name}: no token in time"
            raise LinkTimeout(msg) from exc
        except ValueError:
            msg = f"{self.name}: the answer is not JSON"
            raise ProviderError(msg, retryable=True) from None

    def _refusal(self, status: int | None, exc: "openai.APIError") -> ProviderError:
        """Say in our own words what the server refused."""
        detail = exc.message.lower().replace("stream_options", "")
        code = _word(exc.code) or _word(exc.type)
        if status is None and code is not None and code.isdigit():
            status = int(code)
        retryable = status is None or status in _RETRYABLE or status >= 500
        if code == "insufficient_quota":
            retryable, why = False, "the account has no credit left"
        elif status in {401, 403}:
            why = "the key was refused"
        elif status == 429:
            why = "too many requests"
        elif "tool" in detail and "stream" in detail:
            code, why = _TOOLS_NOT_STREAMED, "tools cannot be streamed"
        elif "tool" in detail and "support" in detail:
            why = f"the model {self.model} cannot use tools"
        elif "context" in detail and re.search("length|size|window|exceed|too long", detail):
            why = "the conversation is longer than the model's context"
        elif status == 404 or ("model" in detail and "not exist" in detail):
            why = f"there is no model {self.model} at this address"
        elif parameter := _word(exc.param):
            why = f"the request was refused because of {parameter}"
        elif status is None:
            retryable = code != "invalid_request_error"
            why = "the answer ended in an error"
        else:
            why = "the server failed" if status >= 500 else "the request was refused"
        told = ", ".join(dict.fromkeys(str(part) for part in (status, code) if part))
        msg = f"{self.name}: {why}" + (f" ({told})" if told else "")
        return ProviderError(msg, status=status, code=code, retryable=retryable)


def _word(value: object) -> str | None:
    """Return a code or a field's name that a server gave, if it looks like one."""
    text = str(value)
    return text if value is not None and _WORD.fullmatch(text) else None


# What is sent.


def _tool(schema: ToolSchema) -> _Json:
    return {
        "type": "function",
        "function": {
            "name": schema.name,
            "description": schema.description,
            "parameters": schema.parameters or {"type": "object", "properties": {}},
        },
    }


def _messages(context: ChatContext) -> list[_Json]:
    """Lay out a conversation as the protocol wants it.

    Calls that stand together become one assistant message, with the words said around them, and
    their outputs follow at once. Calls without an output are left out, as the protocol forbids
    them. Messages of one role in a row become one, because some chat templates insist that the
    roles alternate; and what the system says later is added to its first message, because some
    take it nowhere else.
    """
    items = context.items
    outputs = {
        item.call_id: (index, item)
        for index, item in enumerate(items)
        if isinstance(item, ToolOutput)
    }
    messages: list[_Json] = []
    told: set[int] = set()
    index = 0
    while index < len(items):
        item = items[index]
        index += 1
        if isinstance(item, ChatMessage):
            if index - 1 not in told:
                _add_text(messages, item.role, item.text)
        elif isinstance(item, ToolCall):
            calls = [item]
            while index < len(items) and isinstance(following := items[index], ToolCall):
                calls.append(following)
                index += 1
            calls = [call for call in calls if call.call_id in outputs]
            if not calls:
                continue
            # What the agent said while the tools ran was said before their outputs were known.
            last = max(outputs[call.call_id][0] for call in calls)
            for place in range(index, last):
                said = items[place]
                if isinstance(said, ChatMessage) and said.role is ChatRole.ASSISTANT:
                    told.add(place)
                    _add_text(messages, said.role, said.text)
            if not messages or messages[-1]["role"] != "assistant":
                messages.append({"role": "assistant", "content": ""})
            messages[-1]["tool_calls"] = [_call(call) for call in calls]
            messages.extend(
                {
                    "role": "tool",
                    "tool_call_id": call.call_id,
                    "content": outputs[call.call_id][1].output,
                }
                for call in calls
            )
    return messages


def _add_text(messages: list[_Json], role: ChatRole, text: str) -> None:
    if not text.strip():
        return
    before = messages[-1] if messages else None
    if role is ChatRole.SYSTEM and messages:
        if messages[0]["role"] != role.value:
            messages.insert(0, {"role": role.value, "content": ""})
        before = messages[0]
    if before is not None and before["role"] == role.value:
        before["content"] = f"{before['content']}\n{text}".lstrip("\n")
    else:
        messages.append({"role": role.value, "content": text})


def _call(call: ToolCall) -> _Json:
    # Servers parse the arguments of earlier calls, and fail if they cannot.
    function = {"name": call.tool, "arguments": call.arguments if _is_object(call) else "{}"}
    return {"id": call.call_id, "type": "function", "function": function}


def _is_object(call: ToolCall) -> bool:
    try:
        return isinstance(json.loads(call.arguments), dict)
    except (ValueError, RecursionError):
        return False


# What comes back.


class _Draft:
    """A tool call that is being written."""

    __slots__ = ("arguments", "call_id", "index", "name")

    def __init__(self, index: object, call_id: str, name: str) -> None:
        self.index = index
        self.call_id = call_id
        self.name = name
        self.arguments = ""

    def is_whole(self) -> bool:
        try:
            json.loads(self.arguments)
        except (ValueError, RecursionError):
            return False
        return True


class _Reply:
    """Reads the chunks of one answer.

    Attributes:
        alive: whether anything of the answer was seen, be it a thought.
        finished: whether the server said why the answer ended.
        filtered: whether a content filter ended it.
    """

    def __init__(self, used_ids: Iterable[str]) -> None:
        self.alive = False
        self.finished = False
        self.filtered = False
        self._used = set(used_ids)
        self._words = _Words()
        self._drafts: list[_Draft] = []
        self._usage: Usage | None = None

    def take(self, chunk: object, *, whole: bool = False) -> list[TextDelta]:
        """Read a chunk of a stream, or a whole answer; return what can be spoken of it."""
        spoken = ""
        fields = _object(chunk)
        self._take_usage(_object(fields.get("usage")))
        for choice in map(_object, _list(fields.get("choices"))):
            if choice.get("index") not in {0, None}:
                continue
            delta = _object(choice.get("delta")) or _object(choice.get("message"))
            text = _text(delta.get("content")) or _text(delta.get("refusal"))
            spoken += self._words.push(text)
            calls = [_object(call) for call in _list(delta.get("tool_calls"))]
            for call in calls:
                self._take_call(call)
            thought = delta.get("reasoning_content") or delta.get("reasoning")
            self.alive = self.alive or bool(text or calls or thought)
            reason = choice.get("finish_reason")
            self.finished = self.finished or whole or bool(reason)
            self.filtered = self.filtered or reason == "content_filter"
        return [TextDelta(text=spoken)] if spoken else []

    def rest(self) -> list[LlmChunk]:
        """Return what is certain only at the end."""
        rest: list[LlmChunk] = []
        if spoken := self._words.flush():
            rest.append(TextDelta(text=spoken))
        for draft in self._drafts:
            if not draft.name:
                continue
            call_id = draft.call_id
            if not call_id or call_id in self._used:
                call_id = new_id("call")
            self._used.add(call_id)
            call = ToolCall(call_id=call_id, tool=draft.name, arguments=draft.arguments or "{}")
            rest.append(ToolCallReady(call=call))
        if self._usage is not None:
            rest.append(self._usage)
        return rest

    def _take_usage(self, usage: _Json) -> None:
        counts = [usage.get(key) for key in ("prompt_tokens", "completion_tokens")]
        if any(isinstance(count, int) for count in counts):
            read, written = (count if isinstance(count, int) else 0 for count in counts)
            self._usage = Usage(input_tokens=read, output_tokens=written)

    def _take_call(self, call: _Json) -> None:
        function = _object(call.get("function"))
        call_id = _text(call.get("id"))
        name = _text(function.get("name"))
        draft = self._draft_for(call.get("index"), call_id, name)
        draft.call_id = draft.call_id or call_id
        draft.name = draft.name or name
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            draft.arguments += arguments
        elif arguments is not None:
            draft.arguments = json.dumps(arguments)

    def _draft_for(self, index: object, call_id: str, name: str) -> _Draft:
        """Find the call that a fragment continues, or begin another.

        The index alone should tell, but some servers leave it out and some always write 0. A
        new id then begins a new call, and so does a name behind arguments that are complete.
        """
        for draft in reversed(self._drafts):
            if call_id and call_id == draft.call_id and draft.index == index:
                return draft
            if draft.index == index:
                another_id = bool(call_id and draft.call_id and call_id != draft.call_id)
                another_call = bool(name and draft.name and draft.is_whole() and not call_id)
                if not another_id and not another_call:
                    return draft
                break
        draft = _Draft(index, call_id, name)
        self._drafts.append(draft)
        return draft


_TAG = re.compile(r"</?think>")
_TAGS = ("<think>", "</think>")


class _Words:
    """Takes an answer's text; gives it back without thoughts and without leading space."""

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._begun = False

    def push(self, text: str) -> str:
        self._held += text
        spoken = ""
        while tag := _TAG.search(self._held):
            if not self._thinking:
                spoken += self._held[: tag.start()]
            self._thinking = tag[0] == _TAGS[0]
            self._held = self._held[tag.end() :]
        # The end of the text may be the beginning of a tag.
        start = self._held.rfind("<")
        whole = start < 0 or not any(mark.startswith(self._held[start:]) for mark in _TAGS)
        cut = len(self._held) if whole else start
        if not self._thinking:
            spoken += self._held[:cut]
        self._held = self._held[cut:]
        return self._trimmed(spoken)

    def flush(self) -> str:
        spoken = "" if self._thinking else self._held
        self._held = ""
        return self._trimmed(spoken)

    def _trimmed(self, spoken: str) -> str:
        if not self._begun:
            spoken = spoken.lstrip()
            self._begun = bool(spoken)
        return spoken


def _object(value: object) -> _Json:
    return cast("_Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    """Return text, also if it comes as a list of parts."""
    if isinstance(value, list):
        parts = map(_object, cast("list[object]", value))
        return "".join(text for part in parts if isinstance(text := part.get("text"), str))
    return value if isinstance(value, str) else ""

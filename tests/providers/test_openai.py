"""The Chat Completions client: the official SDK against servers on loopback."""

import asyncio
import json
import runpy
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from hookflash.agent.tools import ToolContext
from hookflash.errors import (
    ConfigError,
    HookflashError,
    LinkError,
    LinkTimeout,
    MissingExtra,
    ProviderError,
    UsageError,
)
from hookflash.providers.base import LlmChunk, TextDelta, ToolCallReady, Usage
from hookflash.providers.chat import (
    ChatContext,
    ChatItem,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
    ToolSchema,
)
from hookflash.providers.openai import OpenAILLM
from hookflash.runtime.clock import now, run
from hookflash.runtime.serve import serving

Json: TypeAlias = dict[str, Any]
Answer: TypeAlias = Callable[[Json], Awaitable[Response]]

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-very-secret-4711"
LOOK = ToolSchema(
    name="look",
    description="Look something up.",
    parameters={"type": "object", "properties": {"n": {"type": "integer"}}},
)
WAVE = ToolSchema(name="wave", description="Wave.")


# The server's side.


@dataclass
class Server:
    """A Chat Completions server that answers as it is told, one answer per request."""

    answers: list[Answer]
    asked: list[Json] = field(default_factory=list[Json])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    clients: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    url: str = ""

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        assert request.client is not None
        self.clients.append((request.client.host, request.client.port))
        return await self.answers.pop(0)(body)


@asynccontextmanager
async def server_with(*answers: Answer) -> AsyncIterator[Server]:
    server = Server(list(answers))
    route = Route("/v1/chat/completions", server.complete, methods=["POST"])
    async with serving(Starlette(routes=[route])) as address:
        server.url = f"{address.http}/v1"
        yield server
    assert not server.answers, "the client asked less often than expected"


@asynccontextmanager
async def client_of(*answers: Answer, **options: Any) -> AsyncIterator[tuple[OpenAILLM, Server]]:
    async with (
        server_with(*answers) as server,
        OpenAILLM("m", base_url=server.url, **options) as llm,
    ):
        yield llm, server


def piece(content: object = None, *, finish: str | None = None, **delta: object) -> Json:
    """One chunk of a stream."""
    if content is not None:
        delta["content"] = content
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def call_piece(index: int | None, call_id: str | None, name: str | None, arguments: object) -> Json:
    """One chunk with a fragment of a tool call; what is None is left out."""
    function = {"name": name, "arguments": arguments}
    fragment: Json = {
        "index": index,
        "id": call_id,
        "type": "function",
        "function": {key: value for key, value in function.items() if value is not None},
    }
    return piece(tool_calls=[{key: v for key, v in fragment.items() if v is not None}])


def streamed(*chunks: Json | float | str, done: bool = True) -> Answer:
    """Answer with these chunks; a number waits so many seconds, a text goes out as it is."""

    async def body() -> AsyncIterator[str]:
        for chunk in chunks:
            if isinstance(chunk, int | float):
                await asyncio.sleep(chunk)
            elif isinstance(chunk, str):
                yield chunk
            else:
                yield f"data: {json.dumps(chunk)}\n\n"
        if done:
            yield "data: [DONE]\n\n"

    async def answer(_: Json) -> Response:
        return StreamingResponse(body(), media_type="text/event-stream")

    return answer


def refused(status: int, message: str = "no", **error: object) -> Answer:
    async def answer(_: Json) -> Response:
        return JSONResponse({"error": {"message": message, **error}}, status_code=status)

    return answer


def whole(message: Json, finish: str | None = "stop", **more: object) -> Answer:
    async def answer(_: Json) -> Response:
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        return JSONResponse({"id": "c1", "object": "chat.completion", "choices": [choice], **more})

    return answer


# The client's side.


def asking(*items: ChatItem) -> ChatContext:
    return ChatContext(items or [ChatMessage(role=ChatRole.USER, text="hello")])


async def collect(
    llm: OpenAILLM,
    context: ChatContext | None = None,
    tools: Sequence[ToolSchema] = (),
    tool_choice: str | None = None,
) -> list[LlmChunk]:
    answer = llm.chat(context or asking(), tools=tools, tool_choice=tool_choice)
    return [chunk async for chunk in answer]


def answered(
    *answers: Answer, tools: Sequence[ToolSchema] = (), **options: Any
) -> tuple[list[LlmChunk], Server]:
    """Ask a server once; return what came, and the server."""

    async def main() -> tuple[list[LlmChunk], Server]:
        async with client_of(*answers, **options) as (llm, server):
            return await collect(llm, tools=tools), server

    return run(main(), virtual=True)


def failure(
    *answers: Answer, tools: Sequence[ToolSchema] = (), **options: Any
) -> tuple[HookflashError, list[LlmChunk], float]:
    """Ask a server that fails; return the error, what came before it, and when."""

    async def main() -> tuple[HookflashError, list[LlmChunk], float]:
        async with client_of(*answers, **options) as (llm, _):
            return await failing(llm, tools)

    return run(main(), virtual=True)


async def failing(
    llm: OpenAILLM, tools: Sequence[ToolSchema] = ()
) -> tuple[HookflashError, list[LlmChunk], float]:
    given: list[LlmChunk] = []
    try:
        async for chunk in llm.chat(asking(), tools=tools):
            given.append(chunk)
    except HookflashError as exc:
        return exc, given, now()
    pytest.fail("it did not fail")


def texts(chunks: Sequence[LlmChunk]) -> list[str]:
    return [chunk.text for chunk in chunks if isinstance(chunk, TextDelta)]


def calls(chunks: Sequence[LlmChunk]) -> list[tuple[str, str]]:
    return [(c.call.tool, c.call.arguments) for c in chunks if isinstance(c, ToolCallReady)]


def ids(chunks: Sequence[LlmChunk]) -> list[str]:
    return [c.call.call_id for c in chunks if isinstance(c, ToolCallReady)]


END = piece(finish="stop")


# Text.


def test_words_come_as_they_are_written_and_the_usage_at_the_end() -> None:
    usage = {"id": "c1", "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 2}}
    given, server = answered(
        streamed(piece("", role="assistant"), piece("Good"), piece(" day"), END, usage)
    )
    assert given == [
        TextDelta(text="Good"),
        TextDelta(text=" day"),
        Usage(input_tokens=11, output_tokens=2),
    ]
    assert server.asked == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hello"}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
    ]


def test_each_word_is_given_before_the_next_is_written() -> None:
    async def main() -> list[tuple[str, float]]:
        async with client_of(streamed(piece("one"), 3, piece(" two"), 3, END)) as (llm, _):
            began = now()
            return [
                (chunk.text, now() - began)
                async for chunk in llm.chat(asking())
                if isinstance(chunk, TextDelta)
            ]

    assert run(main(), virtual=True) == [("one", 0.0), (" two", 3.0)]


def test_the_request_carries_what_was_configured() -> None:
    async def main() -> Server:
        async with server_with(streamed(END)) as server:
            llm = OpenAILLM(
                "m",
                base_url=server.url,
                api_key=KEY,
                temperature=0.5,
                max_output_tokens=200,
                extra_body={"seed": 7, "stream_options": {"x": 1}},
                headers={"X-Title": "desk"},
            )
            async with llm:
                await collect(llm, tools=[LOOK, WAVE], tool_choice="look")
            return server

    server = run(main(), virtual=True)
    assert server.asked == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hello"}],
            "temperature": 0.5,
            "max_tokens": 200,
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "look",
                        "description": "Look something up.",
                        "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}},
                    },
                },
                {
                    "type": "function",
                    "function": {
                        "name": "wave",
                        "description": "Wave.",
                        "parameters": {"type": "object", "properties": {}},
                    },
                },
            ],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "seed": 7,
            "stream": True,
            "stream_options": {"x": 1},
        }
    ]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert server.headers[0]["x-title"] == "desk"


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_the_models_freedom_to_call_tools_is_passed_on(choice: str) -> None:
    async def main() -> Server:
        async with client_of(streamed(END)) as (llm, server):
            await collect(llm, tools=[WAVE], tool_choice=choice)
            return server

    assert run(main(), virtual=True).asked[0]["tool_choice"] == choice


def test_two_first_requests_at_once_are_both_answered() -> None:
    async def main() -> list[list[LlmChunk]]:
        answers = [streamed(piece("Yes."), END), streamed(piece("Yes."), END)]
        async with server_with(*answers) as server:
            llm = OpenAILLM("m", base_url=server.url)
            both = list(await asyncio.gather(collect(llm), collect(llm)))
            await llm.aclose()
            return both

    assert run(main(), virtual=True) == [[TextDelta(text="Yes.")]] * 2


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        (["<think>hm, 1 < 2</think>\n\nYes."], ["Yes."]),
        (["<", "th", "ink>", "hm", "</thi", "nk", ">", "\n", " Yes", "."], ["Yes", "."]),
        (["\n", "Yes", " <think>x</think>", "no"], ["Yes", " ", "no"]),
        (["a <b> < c", " <thin", " air"], ["a <b> < c", " ", "<thin air"]),
        (["so it is.</think>", "Yes"], ["so it is.", "Yes"]),
        (["5 <"], ["5 ", "<"]),
        (["<think>for ever"], []),
    ],
)
def test_thoughts_are_not_spoken_however_their_tags_are_split(
    chunks: list[str], words: list[str]
) -> None:
    given, _ = answered(streamed(*map(piece, chunks), END))
    assert texts(given) == words


def test_chunks_that_make_no_sense_are_passed_over() -> None:
    given, _ = answered(
        streamed(
            ": a comment\n\n",
            "event: ping\ndata: {}\n\n",
            "data: []\n\n",
            "data: null\n\n",
            'data: {"choices": null, "usage": {"prompt_tokens": null}}\n\n',
            'data: {"choices": [null, {"delta": null}, {"delta": {"content": 5}}]}\n\n',
            'data: {"choices": [{"index": 1, "delta": {"content": "another"}}]}\n\n',
            'data: {"choices": [{"delta": {"content": [{"type": "text", "text": "A"}, 3]}}]}\n\n',
            'data: {"choices": [{"delta": {"tool_calls": [null, {"function": 3}]}}]}\n\n',
            piece(refusal="I may not."),
            END,
        )
    )
    assert given == [TextDelta(text="A"), TextDelta(text="I may not.")]


def test_a_server_that_does_not_end_the_stream_after_the_answer_is_not_waited_for() -> None:
    async def main() -> tuple[list[LlmChunk], float]:
        answer = streamed(piece("Yes."), call_piece(0, "a", "look", "{}"), END, 60)
        async with client_of(answer) as (llm, _):
            return await collect(llm, tools=[LOOK]), now()

    given, at = run(main(), virtual=True)
    assert (texts(given), calls(given)) == (["Yes."], [("look", "{}")])
    assert at == pytest.approx(1.0, abs=0.1)


# Tools.


def test_a_tool_call_in_fragments_is_given_whole_at_the_end() -> None:
    given, _ = answered(
        streamed(
            piece("One moment."),
            call_piece(0, "call_a", "look", ""),
            call_piece(0, None, None, '{"n"'),
            call_piece(0, None, None, ": 5}"),
            piece(finish="tool_calls"),
        ),
        tools=[LOOK],
    )
    assert given == [
        TextDelta(text="One moment."),
        ToolCallReady(call=ToolCall(call_id="call_a", tool="look", arguments='{"n": 5}')),
    ]


def test_parallel_calls_keep_their_order_and_their_fragments_apart() -> None:
    given, _ = answered(
        streamed(
            call_piece(0, "call_a", "look", '{"n"'),
            call_piece(1, "call_b", "wave", ""),
            call_piece(0, None, None, ": 5}"),
            call_piece(1, None, None, "{}"),
            piece(finish="tool_calls"),
        ),
        tools=[LOOK, WAVE],
    )
    assert calls(given) == [("look", '{"n": 5}'), ("wave", "{}")]
    assert ids(given) == ["call_a", "call_b"]


WHOLE_CALLS = [
    # Everything in one chunk, and `stop` as the reason.
    [
        piece(
            tool_calls=[
                {"index": 0, "id": "a", "function": {"name": "look", "arguments": '{"n": 1}'}},
                {"index": 1, "id": "b", "function": {"name": "wave", "arguments": "{}"}},
            ]
        )
    ],
    # The index is always 0, the ids differ.
    [call_piece(0, "a", "look", '{"n": 1}'), call_piece(0, "b", "wave", "{}")],
    # The index is always 0, and there are no ids.
    [call_piece(0, None, "look", '{"n": 1}'), call_piece(0, None, "wave", "{}")],
    # There is no index.
    [call_piece(None, "a", "look", '{"n": 1}'), call_piece(None, "b", "wave", "{}")],
    [call_piece(None, None, "look", '{"n": 1}'), call_piece(None, None, "wave", "{}")],
    # No index, fragments.
    [
        call_piece(None, "a", "look", '{"n'),
        call_piece(None, None, None, '": 1}'),
        call_piece(None, "b", "wave", None),
    ],
    # Id and name are repeated with every fragment.
    [
        call_piece(0, "a", "look", '{"n'),
        call_piece(0, "a", "look", '": 1}'),
        call_piece(1, "b", "wave", "{"),
        call_piece(1, "b", "wave", "}"),
    ],
    # The name is repeated, and there are no ids.
    [
        call_piece(0, None, "look", '{"n'),
        call_piece(0, None, "look", '": 1}'),
        call_piece(1, None, "wave", "{}"),
    ],
    # The arguments are an object.
    [call_piece(0, "a", "look", {"n": 1}), call_piece(1, "b", "wave", {})],
    # Empty texts instead of nothing.
    [
        call_piece(0, "a", "look", '{"n": 1}'),
        call_piece(0, "", "", ""),
        call_piece(1, "", "wave", ""),
        call_piece(2, "c", "", "{}"),
    ],
]


@pytest.mark.parametrize("chunks", WHOLE_CALLS)
def test_calls_are_told_apart_whatever_the_server_leaves_out(chunks: list[Json]) -> None:
    given, _ = answered(streamed(*chunks, END), tools=[LOOK, WAVE])
    assert calls(given) == [("look", '{"n": 1}'), ("wave", "{}")]
    assert len(set(ids(given))) == 2
    assert all(ids(given))


def test_a_call_id_that_the_conversation_already_has_is_replaced() -> None:
    context = asking(
        ChatMessage(role=ChatRole.USER, text="again"),
        ToolCall(call_id="look:0", tool="look", arguments="{}"),
        ToolOutput(call_id="look:0", tool="look", output="5"),
    )

    async def main() -> list[str]:
        answer = streamed(call_piece(0, "look:0", "look", "{}"), END)
        async with client_of(answer) as (llm, _):
            return ids(await collect(llm, context, [LOOK]))

    (call_id,) = run(main(), virtual=True)
    assert call_id.startswith("call_")


# The conversation.


def sent(*items: ChatItem) -> list[Json]:
    async def main() -> list[Json]:
        async with client_of(streamed(END)) as (llm, server):
            await collect(llm, ChatContext(items))
            messages: list[Json] = server.asked[0]["messages"]
            return messages

    return run(main(), virtual=True)


def system(text: str) -> ChatMessage:
    return ChatMessage(role=ChatRole.SYSTEM, text=text)


def user(text: str) -> ChatMessage:
    return ChatMessage(role=ChatRole.USER, text=text)


def agent(text: str) -> ChatMessage:
    return ChatMessage(role=ChatRole.ASSISTANT, text=text)


def call(call_id: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id=call_id, tool="look", arguments=arguments)


def output(call_id: str, text: str) -> ToolOutput:
    return ToolOutput(call_id=call_id, tool="look", output=text)


def sent_call(call_id: str, arguments: str = "{}") -> Json:
    function = {"name": "look", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def sent_output(call_id: str, text: str) -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def test_calls_of_one_answer_stand_in_one_message_and_their_outputs_follow() -> None:
    assert sent(
        ChatMessage(role=ChatRole.SYSTEM, text="Be brief."),
        user("both please"),
        agent("I will look."),
        call("a", '{"n": 1}'),
        call("b"),
        output("b", "two"),
        output("a", "one"),
        agent("One and two."),
    ) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "both please"},
        {
            "role": "assistant",
            "content": "I will look.",
            "tool_calls": [sent_call("a", '{"n": 1}'), sent_call("b")],
        },
        sent_output("a", "one"),
        sent_output("b", "two"),
        {"role": "assistant", "content": "One and two."},
    ]


def test_what_was_said_while_a_tool_ran_does_not_part_it_from_its_output() -> None:
    assert sent(
        user("look"),
        call("a"),
        agent("One moment."),
        user("hurry"),
        output("a", "one"),
        call("b"),
        output("b", "two"),
    ) == [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "One moment.", "tool_calls": [sent_call("a")]},
        sent_output("a", "one"),
        {"role": "user", "content": "hurry"},
        {"role": "assistant", "content": "", "tool_calls": [sent_call("b")]},
        sent_output("b", "two"),
    ]


def test_calls_without_an_output_and_empty_messages_are_not_sent() -> None:
    assert sent(
        agent("Hello."),
        user("look"),
        call("lost"),
        agent(""),
        user("are you there"),
        call("a"),
        call("lost too"),
        output("a", "one"),
    ) == [
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "look\nare you there"},
        {"role": "assistant", "content": "", "tool_calls": [sent_call("a")]},
        sent_output("a", "one"),
    ]


def test_what_the_system_says_later_is_added_to_what_it_said_first() -> None:
    assert sent(system("Be brief."), user("hello"), system("Nobody took the call.")) == [
        {"role": "system", "content": "Be brief.\nNobody took the call."},
        {"role": "user", "content": "hello"},
    ]
    assert sent(user("hello"), system("Nobody took the call."), user("well?")) == [
        {"role": "system", "content": "Nobody took the call."},
        {"role": "user", "content": "hello\nwell?"},
    ]


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "5", "[" * 20_000])
def test_arguments_that_a_server_could_not_parse_are_sent_as_an_empty_object(
    arguments: str,
) -> None:
    messages = sent(user("look"), call("a", arguments), output("a", "no"))
    assert messages[1]["tool_calls"] == [sent_call("a", "{}")]


# Servers that take less.


def test_an_option_that_the_server_refuses_is_dropped_once_and_for_all() -> None:
    async def main() -> Server:
        answers = [
            refused(400, "Unrecognized request argument supplied: stream_options"),
            streamed(piece("Yes."), END),
            streamed(piece("Again."), END),
        ]
        async with client_of(*answers) as (llm, server):
            assert texts(await collect(llm)) == ["Yes."]
            assert texts(await collect(llm)) == ["Again."]
            return server

    server = run(main(), virtual=True)
    assert ["stream_options" in body for body in server.asked] == [True, False, False]


def test_a_request_that_is_refused_without_its_options_too_keeps_them_the_next_time() -> None:
    async def main() -> Server:
        answers = [refused(400), refused(400), streamed(END)]
        async with client_of(*answers) as (llm, server):
            error, given, _ = await failing(llm)
            assert (str(error), given) == ("openai: the request was refused (400)", [])
            assert not error.retryable
            await collect(llm)
            return server

    server = run(main(), virtual=True)
    assert ["stream_options" in body for body in server.asked] == [True, False, True]


@pytest.mark.parametrize("status", [400, 500])
def test_a_server_that_cannot_stream_with_tools_is_asked_for_whole_answers(status: int) -> None:
    fragment = {"type": "function", "function": {"name": "look", "arguments": '{"n": 5}'}}

    async def main() -> Server:
        answers = [
            refused(status, "Cannot use tools with stream", code=status, type="server_error"),
            whole(
                {"content": "<think>x</think> One moment.", "tool_calls": [fragment]},
                usage={"prompt_tokens": 3, "completion_tokens": 4},
            ),
            whole({"content": None, "tool_calls": [fragment]}, "tool_calls"),
            streamed(piece("No tools, no trouble."), END),
        ]
        async with client_of(*answers) as (llm, server):
            given = await collect(llm, tools=[LOOK])
            assert texts(given) == ["One moment."]
            assert calls(given) == [("look", '{"n": 5}')]
            assert given[-1] == Usage(input_tokens=3, output_tokens=4)
            assert calls(await collect(llm, tools=[LOOK])) == [("look", '{"n": 5}')]
            assert texts(await collect(llm)) == ["No tools, no trouble."]
            return server

    server = run(main(), virtual=True)
    assert [body.get("stream", False) for body in server.asked] == [True, False, False, True]


def test_a_server_that_ignores_stream_is_understood() -> None:
    given, _ = answered(whole({"content": "All at once."}, finish=None))
    assert texts(given) == ["All at once."]


def test_no_key_is_needed_where_a_server_is_named_and_openais_is_not_sent_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    _, server = answered(streamed(END))
    assert server.headers[0]["authorization"] == "Bearer none"


def test_the_environment_names_server_and_key_together(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> Server:
        async with server_with(streamed(END)) as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            monkeypatch.setenv("OPENAI_API_KEY", KEY)
            async with OpenAILLM("m", max_output_tokens=5) as llm:
                await collect(llm)
            return server

    server = run(main(), virtual=True)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert server.asked[0]["max_tokens"] == 5


def test_openai_without_a_key_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ConfigError, match="set OPENAI_API_KEY or pass api_key="):
        run(OpenAILLM("m").prepare())


@pytest.mark.skipif(
    version("openai").startswith("2."), reason="SDK 2.x closes the connection behind [DONE]"
)
def test_a_connection_is_kept_for_the_next_turn() -> None:
    async def main() -> Server:
        async with client_of(streamed(END), streamed(END)) as (llm, server):
            await collect(llm)
            # The server here closes after 5 s; the client alone would wait 120 s.
            await asyncio.sleep(4.5)
            await collect(llm)
            return server

    server = run(main(), virtual=True)
    assert server.clients[0] == server.clients[1]


def test_it_can_be_used_again_after_closing() -> None:
    async def main() -> None:
        async with server_with(streamed(END), streamed(END)) as server:
            llm = OpenAILLM("m", base_url=server.url)
            await llm.aclose()
            await collect(llm)
            await llm.aclose()
            await llm.aclose()
            await collect(llm)
            await llm.aclose()

    run(main(), virtual=True)


# Errors.


@pytest.mark.parametrize(
    ("status", "error", "message", "retryable"),
    [
        (401, {"code": "invalid_api_key"}, "the key was refused (401, invalid_api_key)", False),
        (403, {}, "the key was refused (403)", False),
        (404, {"code": "none_such"}, "there is no model m at this address (404, none_such)", False),
        (408, {}, "the request was refused (408)", True),
        (429, {"type": "requests"}, "too many requests (429, requests)", True),
        (
            429,
            {"code": "insufficient_quota"},
            "the account has no credit left (429, insufficient_quota)",
            False,
        ),
        (500, {"code": 500}, "the server failed (500)", True),
        (503, {"type": "not a word: hello"}, "the server failed (503)", True),
    ],
)
def test_a_refusal_says_whether_to_try_again(
    status: int, error: Json, message: str, retryable: bool
) -> None:
    failed, given, _ = failure(refused(status, "said hello", **error))
    assert isinstance(failed, ProviderError)
    assert str(failed) == f"openai: {message}"
    assert (failed.status, failed.retryable, given) == (status, retryable, [])


@pytest.mark.parametrize(
    ("message", "error", "told"),
    [
        ("m does not support tools", {}, "the model m cannot use tools (400)"),
        (
            "This model's maximum context length is 8192 tokens",
            {"code": "context_length_exceeded"},
            "the conversation is longer than the model's context (400, context_length_exceeded)",
        ),
        ("The model `m` does not exist", {}, "there is no model m at this address (400)"),
        ("bad", {"param": "temperature"}, "the request was refused because of temperature (400)"),
    ],
)
def test_a_refusal_is_explained_in_our_words(message: str, error: Json, told: str) -> None:
    failed, _, _ = failure(refused(400, message, **error), refused(400, message, **error))
    assert str(failed) == f"openai: {told}"


def test_neither_the_key_nor_the_conversation_is_in_an_error() -> None:
    answers = [refused(status, f"Incorrect key {KEY} for 'hello'") for status in (401, 400, 400)]

    async def main() -> list[HookflashError]:
        async with client_of(*answers, api_key=KEY) as (llm, _):
            assert KEY not in repr(llm)
            return [(await failing(llm))[0] for _ in range(2)]

    for error in run(main(), virtual=True):
        shown = "".join(traceback.format_exception(error))
        assert KEY not in shown
        assert "hello" not in shown.split("ProviderError:")[-1]


def test_an_error_inside_the_stream_comes_after_the_words_before_it() -> None:
    failed, given, _ = failure(
        streamed(piece("Well,"), 'data: {"error": {"message": "boom", "code": 502}}\n\n')
    )
    assert (str(failed), failed.retryable) == ("openai: the server failed (502)", True)
    assert given == [TextDelta(text="Well,")]


def test_an_invalid_request_inside_the_stream_is_not_to_be_tried_again() -> None:
    failed, _, _ = failure(
        streamed('data: {"error": {"message": "x", "type": "invalid_request_error"}}\n\n')
    )
    assert str(failed) == "openai: the answer ended in an error (invalid_request_error)"
    assert not failed.retryable


def test_an_answer_that_is_not_json_is_a_provider_error() -> None:
    failed, given, _ = failure(streamed(piece("Well,"), "data: <html>\n\n"))
    assert isinstance(failed, ProviderError)
    assert (str(failed), failed.retryable) == ("openai: the answer is not JSON", True)
    assert given == [TextDelta(text="Well,")]


@pytest.mark.parametrize("finish", [None, "stop"])
def test_a_whole_answer_without_a_choice_is_a_provider_error(finish: str | None) -> None:
    async def empty(_: Json) -> Response:
        return JSONResponse({"choices": [], "finish_reason": finish})

    failed, _, _ = failure(empty)
    assert isinstance(failed, ProviderError)
    assert str(failed) == "openai: the answer holds no choice"


def test_a_content_filter_is_a_provider_error() -> None:
    failed, given, _ = failure(streamed(piece("Well,"), piece(finish="content_filter")))
    assert isinstance(failed, ProviderError)
    assert (failed.code, failed.retryable) == ("content_filter", False)
    assert given == [TextDelta(text="Well,")]


def test_a_page_that_is_no_api_is_a_link_error() -> None:
    async def page(_: Json) -> Response:
        return PlainTextResponse("hello")

    failed, given, _ = failure(page)
    assert isinstance(failed, LinkError)
    assert (str(failed), given) == ("openai: the answer broke off", [])


def test_no_first_token_in_time_is_a_timeout_whether_headers_came_or_not() -> None:
    async def silent(_: Json) -> Response:
        await asyncio.sleep(60)
        return PlainTextResponse("late")

    for answer in (silent, streamed(piece("", role="assistant"), 60, END)):
        failed, given, at = failure(answer, first_token_timeout=7.0, idle_timeout=1.0)
        assert isinstance(failed, LinkTimeout)
        assert str(failed) == "openai: no token in time"
        assert given == []
        assert at == pytest.approx(7.0, abs=0.1)


def test_a_slow_first_token_within_the_limit_is_waited_for() -> None:
    given, _ = answered(streamed(29, piece("Here."), END), first_token_timeout=30.0)
    assert texts(given) == ["Here."]


def test_silence_after_the_first_token_is_a_timeout_and_thinking_is_no_silence() -> None:
    thought = piece(reasoning_content="hm")
    failed, given, at = failure(
        streamed(2, thought, 2, thought, 2, piece("Well"), 60, END),
        first_token_timeout=5.0,
        idle_timeout=3.0,
    )
    assert isinstance(failed, LinkTimeout)
    assert given == [TextDelta(text="Well")]
    assert at == pytest.approx(9.0, abs=0.1)


def test_a_whole_answer_has_both_times_together() -> None:
    async def slow(_: Json) -> Response:
        await asyncio.sleep(60)
        return PlainTextResponse("late")

    failed, _, at = failure(
        refused(500, "tools cannot be streamed"),
        slow,
        tools=[LOOK],
        first_token_timeout=4.0,
        idle_timeout=3.0,
    )
    assert isinstance(failed, LinkTimeout)
    assert at == pytest.approx(7.0, abs=0.1)


def test_a_server_that_is_not_there_is_a_link_error() -> None:
    async def main() -> HookflashError:
        async with OpenAILLM("m", base_url="http://127.0.0.1:9/v1") as llm:
            return (await failing(llm))[0]

    failed = run(main(), virtual=True)
    assert type(failed) is LinkError
    assert str(failed).startswith("openai: the connection failed (")


async def drops(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, after: Sequence[Json]
) -> None:
    """Speak HTTP up to the middle of an answer, then hang up."""
    await reader.readuntil(b"\r\n\r\n")
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    writer.write(head.encode())
    for chunk in after:
        line = f"data: {json.dumps(chunk)}\n\n"
        writer.write(f"{len(line):x}\r\n{line}\r\n".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ([], []),
        ([piece("Your appointment"), piece(" is at")], ["Your appointment", " is at"]),
        ([piece("One moment."), call_piece(0, "a", "look", "{}")], ["One moment."]),
    ],
)
def test_a_dropped_connection_is_a_link_error_after_the_words_before_it(
    after: list[Json], words: list[str]
) -> None:
    async def main() -> tuple[HookflashError, list[LlmChunk]]:
        def serve(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> Coroutine[Any, Any, None]:
            return drops(reader, writer, after)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with OpenAILLM("m", base_url=f"http://127.0.0.1:{port}/v1") as llm:
                failed, given, _ = await failing(llm)
                return failed, given

    failed, given = run(main(), virtual=True)
    assert type(failed) is LinkError
    assert str(failed) == "openai: the connection failed (RemoteProtocolError)"
    assert (texts(given), calls(given)) == (words, [])


def test_a_stream_that_ends_early_but_politely_is_a_link_error_too() -> None:
    failed, given, _ = failure(streamed(piece("Your appointment is at"), done=False))
    assert isinstance(failed, LinkError)
    assert (str(failed), texts(given)) == (
        "openai: the answer broke off",
        ["Your appointment is at"],
    )


@dataclass
class Watched:
    """An endless answer, and whether the server has noticed that nobody listens."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, _: Json) -> Response:
        return StreamingResponse(self._body(), media_type="text/event-stream")

    async def _body(self) -> AsyncIterator[str]:
        try:
            while True:
                self.begun.set()
                yield f"data: {json.dumps(piece('and '))}\n\n"
                await asyncio.sleep(1)
        finally:
            self.ended.set()


def test_closing_the_answer_ends_the_request_at_the_server() -> None:
    async def main() -> list[str]:
        watched = Watched()
        async with client_of(watched.answer) as (llm, _):
            heard: list[str] = []
            async with aclosing(llm.chat(asking())) as answer:
                async for chunk in answer:
                    heard.append(str(chunk))
                    if len(heard) == 3:
                        break
            async with asyncio.timeout(2):
                await watched.ended.wait()
            return heard

    assert len(run(main(), virtual=True)) == 3


@pytest.mark.parametrize("after", [0.0, 2.5])
def test_cancelling_ends_the_request_at_the_server(after: float) -> None:
    async def main() -> None:
        watched = Watched()
        async with client_of(watched.answer) as (llm, _):
            task = asyncio.create_task(collect(llm))
            await watched.begun.wait()
            await asyncio.sleep(after)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(2):
                await watched.ended.wait()

    run(main(), virtual=True)


# The program's own mistakes.


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"base_url": "localhost:11434/v1"}, "must begin with http://"),
        ({"first_token_timeout": 0}, "above 0 seconds"),
        ({"idle_timeout": -1}, "above 0 seconds"),
        ({"temperature": 3}, "from 0.0 to 2.0"),
        ({"max_output_tokens": 0}, "at least 1"),
    ],
)
def test_options_that_cannot_be_are_refused(options: Json, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        OpenAILLM("m", **options)


def test_a_tool_choice_that_names_no_tool_is_refused() -> None:
    with pytest.raises(UsageError, match="names no tool"):
        run(collect(OpenAILLM("m", base_url="http://x/v1"), tools=[LOOK], tool_choice="jump"))


def test_a_missing_sdk_is_named_with_the_extra_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"hookflash\[openai\]"):
        run(OpenAILLM("m", base_url="http://x/v1").prepare())


def test_the_module_loads_no_sdk() -> None:
    program = "import sys, hookflash.providers.openai; print('openai' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


# The documentation.


def test_the_snippet_asks_a_model_and_its_tool_is_one_a_model_can_call() -> None:
    snippet = runpy.run_path(str(ROOT / "docs/snippets/use_a_language_model.py"))
    assert snippet["mind_at_openai"]().model == "gpt-4.1-mini"
    assert snippet["mind_on_this_machine"]().model == "llama3.1:8b"

    async def main() -> str:
        async with client_of(streamed(piece("Good"), piece(" day."), END)) as (llm, _):
            words: str = await snippet["try_out"](llm, "hello")
            return words

    assert run(main(), virtual=True) == "Good day."
    (tool,) = snippet["FrontDesk"]().tools.values()
    context = ToolContext(ToolCall(call_id="a", tool="free_times", arguments=""))
    result = run(tool.call('{"day": "Monday", "people": "2"}', context))
    assert result.output == '["half past nine","eleven"]'

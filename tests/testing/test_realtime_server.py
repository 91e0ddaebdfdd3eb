"""The server for tests, spoken to by hand: what the vendor refuses, it refuses."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets

from hookflash.audio.g711 import ulaw_encode
from hookflash.audio.tones import beep
from hookflash.errors import UsageError
from hookflash.testing.realtime_server import Heard, RealtimeServer
from hookflash.testing.scripted import Says

Run = Callable[[Coroutine[Any, Any, None]], None]
Json = dict[str, Any]


class Client:
    def __init__(self, server: RealtimeServer, socket: websockets.ClientConnection) -> None:
        self.server = server
        self._socket = socket

    async def send(self, message: Json | str) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self._socket.send(text)
        await asyncio.sleep(0.05)

    async def next(self, kind: str) -> Json:
        while True:
            message: Json = json.loads(await self._socket.recv())
            if message["type"] == kind:
                return message

    @property
    def errors(self) -> list[str]:
        return self.server.conversation.errors


@asynccontextmanager
async def client(*script: Any, **options: Any) -> AsyncIterator[Client]:
    async with RealtimeServer(script, **options) as server:
        url = server.base_url.replace("http", "ws") + "/realtime?model=gpt-realtime"
        async with websockets.connect(url, compression=None) as socket:
            one = Client(server, socket)
            await one.next("session.created")
            yield one


def message(text: str, item_id: str, role: str = "user", **more: Any) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    item = {"type": "message", "id": item_id, "role": role, "content": content}
    return {"type": "conversation.item.create", "item": item, **more}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("no JSON", "invalid_json"),
        ("[]", "invalid_request_error"),
        ({"type": "no.such"}, "invalid_value"),
        ({"type": "conversation.item.truncate", "item_id": "a"}, "invalid_value"),
        ({"type": "response.create", "responce": {}}, "unknown_parameter"),
        ({"type": "response.create", "response": {"voice": "x"}}, "unknown_parameter"),
        ({"type": "response.cancel"}, "response_cancel_not_active"),
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty"),
        ({"type": "input_audio_buffer.append", "audio": "no base64!"}, "invalid_value"),
        (
            {
                "type": "conversation.item.truncate",
                "item_id": "a",
                "content_index": 0,
                "audio_end_ms": 5,
            },
            "item_truncate_invalid_item_id",
        ),
        ({"type": "conversation.item.delete", "item_id": "a"}, "item_delete_invalid_item_id"),
        (message("x", "a", previous_item_id="b"), "item_create_invalid_previous_item_id"),
        (message("x", "a" * 33), "string_above_max_length"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "c", "output": ""},
            },
            "invalid_tool_call_id",
        ),
        (
            {"type": "session.update", "session": {"type": "realtime", "model": "other"}},
            "cannot_update_model",
        ),
        ({"type": "output_audio_buffer.clear"}, "invalid_value"),
    ],
)
def test_what_the_vendor_refuses_is_refused(sent: Json | str, code: str, virtual_time: Run) -> None:
    async def main() -> None:
        async with client() as one:
            if isinstance(sent, dict):
                sent["event_id"] = "mine"
            await one.send(sent)
            event = await one.next("error")
            assert event["error"]["code"] == code
            assert event["error"]["event_id"] == ("mine" if isinstance(sent, dict) else None)
            assert one.errors == [code]

    virtual_time(main())


def test_two_items_of_one_id_are_refused(virtual_time: Run) -> None:
    async def main() -> None:
        async with client() as one:
            await one.send(message("x", "a"))
            await one.send(message("y", "a"))
            assert one.errors == ["invalid_value"]
            assert one.server.conversation.texts == ["user: x"]

    virtual_time(main())


def test_only_audio_that_is_there_can_be_truncated(virtual_time: Run) -> None:
    async def main() -> None:
        async with client("One two.") as one:
            await one.send({"type": "response.create"})
            (item,) = one.server.conversation.items
            await one.send(message("typed", "t", "assistant"))
            cut = {"type": "conversation.item.truncate", "content_index": 0}
            await one.send({**cut, "item_id": "t", "audio_end_ms": 0})
            await one.send({**cut, "item_id": item.id, "audio_end_ms": 401})
            assert one.errors == ["unsupported_content_type", "invalid_value"]
            await one.send({**cut, "item_id": item.id, "audio_end_ms": 400})
            assert one.server.conversation.truncated == [(item.id, 400)]
            assert one.server.conversation.texts == ["assistant: ", "assistant: typed"]

    virtual_time(main())


def test_a_voice_that_was_heard_cannot_change(virtual_time: Run) -> None:
    async def main() -> None:
        async with client("One.") as one:
            change = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
            await one.send({"type": "session.update", "session": change})
            await one.send({"type": "response.create"})
            change["audio"] = {"output": {"voice": "marin"}}
            await one.send({"type": "session.update", "session": change})
            assert one.errors == ["cannot_update_voice"]

    virtual_time(main())


def test_unless_told_otherwise_it_answers_by_itself_and_hushes_when_the_caller_speaks(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        async with client(Says("One two three four.", pace=1.0), hears=[Heard("hi")]) as one:
            formats = {"format": {"type": "audio/pcmu"}}
            session = {"type": "realtime", "audio": {"input": formats, "output": formats}}
            await one.send({"type": "session.update", "session": session})

            async def speak(pcm: bytes) -> None:
                audio = base64.b64encode(ulaw_encode(pcm)).decode()
                await one.send({"type": "input_audio_buffer.append", "audio": audio})

            await speak(beep(ms=300) + bytes(16_000))
            await one.next("response.created")
            await asyncio.sleep(1.5)
            await speak(beep(ms=300))
            done = await one.next("response.done")
            assert done["response"]["status"] == "cancelled"
            assert done["response"]["status_details"]["reason"] == "turn_detected"
            assert one.server.conversation.texts[1] == "assistant: One two"

    virtual_time(main())


def test_beside_the_conversation_it_says_what_it_is_told_and_keeps_nothing(
    virtual_time: Run,
) -> None:
    async def main() -> None:
        aside = {"conversation": "none", "input": [], "instructions": "Say this:\n\nOne.\n\nTwo."}
        async with client("Mine.", recites=["Something else."]) as one:
            told: list[str] = []
            for response in (aside, aside, {}):
                await one.send({"type": "response.create", "response": response})
                done = await one.next("response.done")
                (item,) = done["response"]["output"]
                told.append(item["content"][0]["transcript"])
            assert told == ["Something else.", "One.\n\nTwo.", "Mine."]
            assert one.server.conversation.texts == ["assistant: Mine."]
            assert one.errors == []

    virtual_time(main())


def test_only_an_id_cancels_what_is_said_beside_the_conversation(virtual_time: Run) -> None:
    async def main() -> None:
        aside = {"conversation": "none", "instructions": "Say this:\n\nOne."}
        async with client(recites=[Says("One two.", pace=1.0)]) as one:
            await one.send({"type": "response.create", "response": aside})
            created = await one.next("response.created")
            await one.send({"type": "response.cancel"})
            assert one.errors == ["response_cancel_not_active"]
            response_id = created["response"]["id"]
            await one.send({"type": "response.cancel", "response_id": response_id})
            done = await one.next("response.done")
            assert done["response"]["status"] == "cancelled"

    virtual_time(main())


def test_it_counts_only_those_who_came() -> None:
    with pytest.raises(UsageError, match="nobody has connected"):
        _ = RealtimeServer().conversation

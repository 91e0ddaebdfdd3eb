"""The Realtime client: the official SDK against our server, which checks against its types."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pydantic
import pytest
from openai.types.realtime import RealtimeServerEvent

from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.audio.tones import beep
from hookflash.errors import (
    ConfigError,
    HookflashError,
    LinkError,
    LinkTimeout,
    MissingExtra,
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
from hookflash.providers.openai_realtime import OpenAIRealtime, SemanticTurns, SilenceTurns
from hookflash.providers.realtime import (
    AudioDelta,
    CallerCommitted,
    CallerSpeech,
    CallerWords,
    RealtimeConversation,
    RealtimeEvent,
    RealtimeSetup,
    RealtimeTrouble,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    ToolCallAsked,
    WordsDelta,
)
from hookflash.runtime import clock
from hookflash.testing.realtime_server import (
    Drops,
    Heard,
    RealtimeServer,
    RealtimeStep,
    Refuses,
    Sends,
)
from hookflash.testing.scripted import Calls, Says

KEY = "sk-very-secret-4711"
SETUP = RealtimeSetup(sample_rate=8000, instructions="Be brief.")
LOOK = ToolSchema(
    name="look",
    description="Look something up.",
    parameters={"type": "object", "properties": {"n": {"type": "integer"}}},
)
WAVE = ToolSchema(name="wave", description="Wave.")
Script = Sequence[RealtimeStep | Sequence[RealtimeStep]]


class Talk:
    """A conversation with the server, and what came of it."""

    def __init__(self, server: RealtimeServer, link: RealtimeConversation) -> None:
        self.server = server
        self.link = link
        self.events: list[RealtimeEvent] = []
        self.ended: HookflashError | None = None
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for event in self.link.events():
                self.events.append(event)
        except HookflashError as exc:
            self.ended = exc

    async def say(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 320):
            self.link.push(pcm[start : start + 320])
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self.link.aclose()
        await self._task

    def of(self, *kinds: type[RealtimeEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def words(self) -> str:
        return "".join(event.text for event in self.of(WordsDelta))

    @property
    def audio(self) -> bytes:
        return b"".join(event.pcm for event in self.of(AudioDelta))


@asynccontextmanager
async def talk(
    script: Script = (),
    *,
    setup: RealtimeSetup = SETUP,
    hears: Sequence[str | Heard] = (),
    **options: Any,
) -> AsyncIterator[Talk]:
    async with RealtimeServer(script, hears=hears) as server:
        model = OpenAIRealtime(base_url=server.base_url, **options)
        talking = Talk(server, await model.connect(setup))
        try:
            yield talking
        finally:
            await talking.close()
            await model.aclose()


def run(main: Coroutine[Any, Any, None]) -> None:
    clock.run(main, virtual=True)


# The setup.


def test_a_telephone_call_is_set_up_in_mu_law_and_never_answers_by_itself() -> None:
    async def main() -> None:
        setup = RealtimeSetup(sample_rate=8000, instructions="Be brief.", tools=(LOOK, WAVE))
        async with talk(setup=setup, voice="cedar", language="en", max_output_tokens=300) as one:
            (update,) = one.server.conversation.received
            assert update == {
                "type": "session.update",
                "session": {
                    "type": "realtime",
                    "instructions": "Be brief.",
                    "output_modalities": ["audio"],
                    "audio": {
                        "input": {
                            "format": {"type": "audio/pcmu"},
                            "turn_detection": {
                                "type": "server_vad",
                                "threshold": 0.5,
                                "prefix_padding_ms": 300,
                                "silence_duration_ms": 500,
                                "create_response": False,
                                "interrupt_response": False,
                            },
                            "transcription": {"model": "gpt-4o-mini-transcribe", "language": "en"},
                        },
                        "output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"},
                    },
                    "tools": [
                        {
                            "type": "function",
                            "name": "look",
                            "description": "Look something up.",
                            "parameters": {
                                "type": "object",
                                "properties": {"n": {"type": "integer"}},
                            },
                        },
                        {
                            "type": "function",
                            "name": "wave",
                            "description": "Wave.",
                            "parameters": {"type": "object", "properties": {}},
                        },
                    ],
                    "tool_choice": "auto",
                    "max_output_tokens": 300,
                },
            }
            assert one.server.conversation.model == "gpt-realtime"

    run(main())


def test_a_wider_call_goes_as_24_khz_pcm() -> None:
    async def main() -> None:
        setup = RealtimeSetup(sample_rate=16_000)
        async with talk(["Hello."], setup=setup) as one:
            session = one.server.conversation.session
            assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
            one.link.push(bytes(640))
            one.link.push(bytes(640))
            one.link.respond("a")
            await asyncio.sleep(0.1)
            assert 1750 <= len(one.server.conversation.audio) <= 1920  # 2.8 ms are held back
            assert len(one.audio) == 6400  # 200 ms

    run(main())


def test_a_model_that_only_reads_and_writes_is_told_so() -> None:
    async def main() -> None:
        setup = RealtimeSetup(sample_rate=8000, hears=False, speaks=False)
        async with talk(["Hello there."], setup=setup, noise_reduction="near_field") as one:
            session = one.server.conversation.session
            assert session["output_modalities"] == ["text"]
            assert session["audio"]["input"]["turn_detection"] is None
            assert session["audio"]["input"]["transcription"] is None
            assert session["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
            one.link.respond("a")
            await asyncio.sleep(0.1)
            assert one.words == "Hello there."
            assert one.audio == b""

    run(main())


@pytest.mark.parametrize(
    ("turns", "wire"),
    [
        (None, None),
        (
            SemanticTurns(eagerness="high"),
            {
                "type": "semantic_vad",
                "eagerness": "high",
                "create_response": False,
                "interrupt_response": False,
            },
        ),
    ],
)
def test_other_ways_to_end_a_turn(turns: SemanticTurns | None, wire: object) -> None:
    async def main() -> None:
        async with talk(turn_detection=turns, transcription=None) as one:
            heard = one.server.conversation.session["audio"]["input"]
            assert (heard["turn_detection"], heard["transcription"]) == (wire, None)

    run(main())


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"model": ""}, "model"),
        ({"base_url": "example.com"}, "base_url"),
        ({"noise_reduction": "loud"}, "noise_reduction"),
        ({"modality": "video"}, "modality"),
        ({"max_output_tokens": 0}, "1 to 4096"),
        ({"max_output_tokens": 5000}, "1 to 4096"),
        ({"connect_within": 0.0}, "connect_within"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(options: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        OpenAIRealtime(**options)


def test_turn_detection_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"threshold is 1\.5; give 0\.0 to 1\.0"):
        SilenceTurns(threshold=1.5)
    with pytest.raises(ConfigError, match="silence_duration_ms"):
        SilenceTurns(silence_duration_ms=-1)
    with pytest.raises(ConfigError, match="eagerness is 'keen'"):
        SemanticTurns(eagerness="keen")  # type: ignore[arg-type]  # that is the point


# Listening.


def test_the_servers_detector_and_transcription_become_events() -> None:
    async def main() -> None:
        async with talk(hears=[Heard("two words", delay=0.3)]) as one:
            await one.say(beep(ms=400) + bytes(16_000))
            (item,) = one.server.conversation.items
            assert one.events == [
                CallerSpeech(speaking=True),
                CallerSpeech(speaking=False, ago=0.5),
                CallerCommitted(item_id=item.id),
                CallerWords(item_id=item.id, text="two", final=False),
                CallerWords(item_id=item.id, text="two words", final=False),
                CallerWords(item_id=item.id, text="two words", final=True),
            ]

    run(main())


def test_without_transcription_the_words_are_known_to_be_unknown() -> None:
    async def main() -> None:
        async with talk(transcription=None) as one:
            await one.say(beep(ms=400) + bytes(16_000))
            (item,) = one.server.conversation.items
            assert one.events[2:] == [
                CallerCommitted(item_id=item.id),
                CallerWords(item_id=item.id, text="", final=True),
            ]

    run(main())


def test_a_failed_transcription_is_trouble_and_ends_the_wait() -> None:
    async def main() -> None:
        async with talk(hears=[Heard("", fails=True)]) as one:
            await one.say(beep(ms=400) + bytes(16_000))
            (words,) = one.of(CallerWords)
            (trouble,) = one.of(RealtimeTrouble)
            assert (words.text, words.final) == ("", True)
            assert trouble.error.code == "transcription_failed"

    run(main())


def test_the_callers_octets_arrive_unchanged() -> None:
    async def main() -> None:
        octets = ulaw_encode(beep(ms=500))
        async with talk() as one:
            await one.say(ulaw_decode(octets))
            await asyncio.sleep(0.1)
            assert bytes(one.server.conversation.audio) == octets

    run(main())


def test_a_turn_can_be_ended_and_audio_forgotten_from_here() -> None:
    async def main() -> None:
        async with talk(turn_detection=None, hears=["yes"]) as one:
            await one.say(beep(ms=200))
            one.link.clear()
            one.link.commit()
            await asyncio.sleep(0.1)
            assert one.server.conversation.errors == ["input_audio_buffer_commit_empty"]
            await one.say(beep(ms=200))
            one.link.commit()
            await asyncio.sleep(0.1)
            assert one.server.conversation.texts == ["user: yes"]

    run(main())


# Answering.


def test_an_answer_comes_as_words_and_audio_and_ends_with_what_it_cost() -> None:
    async def main() -> None:
        async with talk(["Hello there."]) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.1)
            (item,) = one.server.conversation.items
            kinds = [type(event) for event in one.events]
            assert kinds == [
                ResponseStarted,
                WordsDelta,
                AudioDelta,
                WordsDelta,
                AudioDelta,
                ResponseDone,
            ]
            assert {event.request for event in one.events} == {"r1"}  # type: ignore[union-attr]
            assert {event.item_id for event in one.of(WordsDelta, AudioDelta)} == {item.id}
            assert one.words == "Hello there."
            assert len(one.audio) == 2 * 8000 * 400 // 1000
            assert one.events[-1] == ResponseDone(
                request="r1",
                status=ResponseStatus.COMPLETED,
                usage=Usage(input_tokens=20, output_tokens=10),
            )

    run(main())


def test_instructions_and_tool_choice_are_for_one_answer() -> None:
    async def main() -> None:
        async with talk(setup=RealtimeSetup(sample_rate=8000, tools=(LOOK,))) as one:
            for number, choice in enumerate([None, "none", "look"]):
                one.link.respond(f"r{number}", instructions="Just so.", tool_choice=choice)
                await asyncio.sleep(0.1)
            assert one.server.conversation.requests == [
                {"metadata": {"request": "r0"}, "instructions": "Just so."},
                {
                    "metadata": {"request": "r1"},
                    "instructions": "Just so.",
                    "tool_choice": "none",
                },
                {
                    "metadata": {"request": "r2"},
                    "instructions": "Just so.",
                    "tool_choice": {"type": "function", "name": "look"},
                },
            ]
            assert one.server.conversation.errors == []

    run(main())


def test_words_are_recited_without_the_conversation_and_leave_nothing_in_it() -> None:
    async def main() -> None:
        async with talk(setup=RealtimeSetup(sample_rate=8000, tools=(LOOK,))) as one:
            one.link.recite("r1", "What do you want?\n\nWell?")
            await asyncio.sleep(0.1)
            (request,) = one.server.conversation.requests
            instructions = request.pop("instructions")
            assert instructions.startswith("Say exactly the following, word for word")
            assert instructions.endswith("\n\nWhat do you want?\n\nWell?")
            assert request == {
                "metadata": {"request": "r1"},
                "conversation": "none",
                "input": [],
                "tools": [],
                "tool_choice": "none",
            }
            assert one.words == "What do you want?\n\nWell?"
            assert len(one.audio) > 0
            assert {event.request for event in one.events} == {"r1"}  # type: ignore[union-attr]
            assert one.events[-1] == ResponseDone(
                request="r1",
                status=ResponseStatus.COMPLETED,
                usage=Usage(input_tokens=20, output_tokens=10),
            )
            assert one.server.conversation.items == []
            assert one.server.conversation.errors == []

    run(main())


def test_words_that_are_recited_are_cancelled_whether_or_not_they_had_begun() -> None:
    async def main() -> None:
        async with talk() as one:
            one.server.recites.extend([[Says("one two three", pace=0.5)], [Says("x", delay=5.0)]])
            one.link.recite("r1", "one two three")
            await asyncio.sleep(0.7)
            one.link.cancel("r1")
            await asyncio.sleep(0.1)
            one.link.recite("r2", "four")
            one.link.cancel("r2")
            await asyncio.sleep(0.1)
            assert one.words == "one two"
            assert [(event.request, event.status) for event in one.of(ResponseDone)] == [
                ("r1", ResponseStatus.CANCELLED),
                ("r2", ResponseStatus.CANCELLED),
            ]
            cancels = [
                each for each in one.server.conversation.received if "cancel" in each["type"]
            ]
            assert all(each["response_id"] for each in cancels), "else another would be meant"
            assert one.server.conversation.errors == []

    run(main())


def test_tool_calls_come_whole_and_their_outputs_go_back() -> None:
    async def main() -> None:
        script: Script = [[Calls("look", {"n": 1}, "call_a"), Calls("wave", {}, "call_b")]]
        async with talk(script) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.1)
            assert [event.call for event in one.of(ToolCallAsked)] == [
                ToolCall(call_id="call_a", tool="look", arguments='{"n": 1}'),
                ToolCall(call_id="call_b", tool="wave", arguments="{}"),
            ]
            one.link.add(ToolOutput(call_id="call_a", tool="look", output="seen"), item_id="out1")
            await asyncio.sleep(0.1)
            assert one.server.conversation.errors == []
            assert one.server.conversation.texts[-1] == "function_call_output: seen"

    run(main())


def test_a_cancelled_answer_ends_whether_or_not_it_had_begun() -> None:
    async def main() -> None:
        async with talk([Says("one two three", pace=0.5), Says("four", delay=0.5)]) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.7)
            one.link.cancel("r1")
            one.link.respond("r2")
            one.link.cancel("r2")
            await asyncio.sleep(1.0)
            one.link.cancel("r2")
            await asyncio.sleep(0.1)
            assert one.words == "one two"
            assert [(event.request, event.status) for event in one.of(ResponseDone)] == [
                ("r1", ResponseStatus.CANCELLED),
                ("r2", ResponseStatus.CANCELLED),
            ]
            assert one.server.conversation.errors == []

    run(main())


def test_a_second_answer_at_a_time_fails_and_the_first_goes_on() -> None:
    async def main() -> None:
        async with talk([Says("one two", pace=0.5)]) as one:
            one.link.respond("r1")
            one.link.respond("r2")
            await asyncio.sleep(1.0)
            second, first = one.of(ResponseDone)
            assert (first.request, first.status) == ("r1", ResponseStatus.COMPLETED)
            assert (second.request, second.status) == ("r2", ResponseStatus.FAILED)
            assert second.error.code == "conversation_already_has_active_response"
            assert second.error.retryable

    run(main())


@pytest.mark.parametrize(
    ("step", "code", "retryable"),
    [
        (Refuses(), "server_error", True),
        (Refuses("rate_limit_exceeded", "invalid_request_error"), "rate_limit_exceeded", True),
        (Refuses("insufficient_quota", "invalid_request_error"), "insufficient_quota", False),
    ],
)
def test_a_failed_answer_says_why_and_whether_to_ask_again(
    step: Refuses, code: str, retryable: bool
) -> None:
    async def main() -> None:
        async with talk([step]) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.1)
            (done,) = one.of(ResponseDone)
            assert done.status is ResponseStatus.FAILED
            assert isinstance(done.error, ProviderError)
            assert (done.error.code, done.error.retryable) == (code, retryable)

    run(main())


def test_an_answer_that_hits_a_limit_says_which() -> None:
    async def main() -> None:
        end = {
            "type": "response.done",
            "response": {
                "id": "RESPONSE",
                "status": "incomplete",
                "status_details": {"type": "incomplete", "reason": "max_output_tokens"},
            },
        }
        async with talk([["Hello", Sends(end)]]) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.1)
            (done,) = one.of(ResponseDone)
            assert done.status is ResponseStatus.INCOMPLETE
            assert "max_output_tokens" in str(done.error)

    run(main())


# What the model knows.


def test_messages_of_every_kind_take_their_place() -> None:
    async def main() -> None:
        async with talk() as one:

            def add(item: ChatItem, item_id: str, after: str | None = None) -> None:
                one.link.add(item, item_id=item_id, after=after)

            add(ChatMessage(role=ChatRole.USER, text="Hi."), "a")
            add(ChatMessage(role=ChatRole.ASSISTANT, text="Hello."), "b")
            add(ToolCall(call_id="c1", tool="look", arguments="{}"), "d")
            add(ToolOutput(call_id="c1", tool="look", output="seen"), "e")
            add(ChatMessage(role=ChatRole.SYSTEM, text="It rains."), "c", after="b")
            add(AgentHandoff(old="Desk", new="Sales"), "z", after="")
            one.link.delete("a")
            await asyncio.sleep(0.1)
            assert one.server.conversation.errors == []
            assert one.server.conversation.texts == [
                "system: Sales took over from Desk.",
                "assistant: Hello.",
                "system: It rains.",
                "function_call: look {}",
                "function_call_output: seen",
            ]

    run(main())


def test_what_was_not_heard_is_cut_off_and_what_was_not_heard_at_all_is_deleted() -> None:
    async def main() -> None:
        async with talk(["One two three.", "Four."]) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.1)
            one.link.respond("r2")
            await asyncio.sleep(0.1)
            first, second = one.server.conversation.items
            one.link.truncate(first.id, 219.9)
            one.link.truncate(second.id, 0.0)
            await asyncio.sleep(0.1)
            assert one.server.conversation.truncated == [(first.id, 219)]
            assert one.server.conversation.items == [first]
            assert one.server.conversation.errors == []

    run(main())


def test_a_refused_request_is_trouble_and_the_conversation_goes_on() -> None:
    async def main() -> None:
        async with talk(["One two three."]) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.1)
            (item,) = one.server.conversation.items
            one.link.truncate(item.id, 5000.0)
            await asyncio.sleep(0.1)
            (trouble,) = one.of(RealtimeTrouble)
            assert str(trouble.error) == (
                "openai-realtime: the request was refused (invalid_value, audio_end_ms)"
            )
            one.link.respond("r2")
            await asyncio.sleep(0.1)
            assert len(one.of(ResponseDone)) == 2

    run(main())


def test_instructions_and_tools_change_in_the_middle() -> None:
    async def main() -> None:
        async with talk(["Hello."]) as one:
            one.link.respond("r1")
            one.link.update(instructions="Be long.", tools=[WAVE])
            await asyncio.sleep(0.1)
            session = one.server.conversation.session
            assert session["instructions"] == "Be long."
            assert [tool["name"] for tool in session["tools"]] == ["wave"]
            assert session["audio"]["output"]["voice"] == "marin"
            assert one.server.conversation.errors == []

    run(main())


# When it fails.


def test_a_dropped_connection_ends_the_events_with_a_link_error() -> None:
    async def main() -> None:
        async with talk([["Hello", Drops(1011)]]) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.1)
            assert isinstance(one.ended, LinkError)
            assert str(one.ended) == "openai-realtime: the connection was lost (1011)"
            one.link.push(bytes(320))
            one.link.respond("r2")
            await asyncio.sleep(0.1)

    run(main())


def test_the_vendors_longest_duration_is_a_link_error_so_that_another_can_follow() -> None:
    async def main() -> None:
        async with RealtimeServer(longest=60.0) as server:
            model = OpenAIRealtime(base_url=server.base_url)
            one = Talk(server, await model.connect(SETUP))
            await asyncio.sleep(61.0)
            assert isinstance(one.ended, LinkError)
            assert "longest duration" in str(one.ended)
            await one.close()
            await model.aclose()

    run(main())


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[]",
        '{"no": "type"}',
        json.dumps({"type": 5}),
        json.dumps(
            {
                "type": "response.output_audio.delta",
                "response_id": "RESPONSE",
                "item_id": "i",
                "delta": "no base64!",
            }
        ),
        json.dumps(
            {
                "type": "response.output_item.done",
                "response_id": "RESPONSE",
                "item": {"type": "function_call", "status": "completed"},
            }
        ),
    ],
)
def test_garbage_is_trouble_at_most(message: str) -> None:
    async def main() -> None:
        async with talk([[Sends(message), "Hello."]]) as one:
            one.link.respond("r1")
            await asyncio.sleep(0.1)
            assert one.words == "Hello."
            assert one.ended is None
            assert all(event.error.reason == "protocol" for event in one.of(RealtimeTrouble))

    run(main())


@pytest.mark.parametrize(
    "message",
    [
        {"type": "response.output_audio.delta", "response_id": "nobody", "delta": "AAAA"},
        {"type": "response.done", "response": {"id": "nobody", "status": "completed"}},
        {"type": "response.done", "response": []},
        {"type": "response.created", "response": {"id": "x", "metadata": {"request": "y"}}},
        {"type": "input_audio_buffer.committed"},
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": 7},
        {"type": "rate_limits.updated", "rate_limits": []},
        {"type": "something.new"},
        {"type": "error", "error": {"code": "response_cancel_not_active"}},
    ],
)
def test_what_concerns_nobody_is_ignored(message: dict[str, object]) -> None:
    async def main() -> None:
        async with talk() as one:
            one.server.conversation.tell(str(message.pop("type")), **message)
            await asyncio.sleep(0.1)
            assert one.events == []
            assert one.ended is None

    run(main())


@pytest.mark.parametrize(
    ("status", "text", "retryable"),
    [
        (401, "openai-realtime: the key was refused (401)", False),
        (404, "openai-realtime: there is no model gpt-realtime at this address (404)", False),
        (429, "openai-realtime: too many requests (429)", True),
        (503, "openai-realtime: the connection was refused (503)", True),
    ],
)
def test_a_refused_connection_says_why(status: int, text: str, retryable: bool) -> None:
    async def main() -> None:
        async with RealtimeServer(refusing=[status]) as server:
            model = OpenAIRealtime(base_url=server.base_url, api_key=KEY)
            with pytest.raises(ProviderError) as caught:
                await model.connect(SETUP)
            assert str(caught.value) == text
            assert caught.value.status == status
            assert caught.value.retryable is retryable
            await model.aclose()

    run(main())


def test_a_setup_that_is_refused_says_why() -> None:
    async def main() -> None:
        bad = ToolSchema(name="x", description="y", parameters={"type": "object"})
        setup = RealtimeSetup(sample_rate=8000, tools=(bad,))
        async with RealtimeServer() as server:
            model = OpenAIRealtime(base_url=server.base_url, turn_detection=SilenceTurns())
            model._voice = 5  # type: ignore[assignment]  # what only the server can refuse
            with pytest.raises(ProviderError, match="the request was refused"):
                await model.connect(setup)
            await model.aclose()

    run(main())


def test_nobody_there_is_a_link_error_that_names_the_host() -> None:
    async def main() -> None:
        model = OpenAIRealtime(base_url="http://127.0.0.1:9/v1")
        with pytest.raises(LinkError, match=r"cannot connect to 127\.0\.0\.1"):
            await model.connect(SETUP)
        await model.aclose()

    run(main())


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def main() -> None:
        async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        model = OpenAIRealtime(base_url=f"http://127.0.0.1:{port}/v1", connect_within=3.0)
        began = clock.now()
        with pytest.raises(LinkTimeout, match=r"no answer within 3\.0 s"):
            await model.connect(SETUP)
        assert 3.0 <= clock.now() - began < 3.5
        await model.aclose()
        server.close()
        await asyncio.sleep(0.1)  # until the other side has seen the end

    run(main())


def test_the_key_is_sent_and_never_told(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with RealtimeServer(key=KEY) as server:
            model = OpenAIRealtime(base_url=server.base_url, api_key=KEY)
            link = await model.connect(SETUP)
            await link.aclose()
            await model.aclose()
            other = OpenAIRealtime(base_url=server.base_url, api_key="sk-wrong-key")
            with pytest.raises(ProviderError) as caught:
                await other.connect(SETUP)
            await other.aclose()
            assert "sk-" not in str(caught.value)
            assert caught.value.__cause__ is None

    with caplog.at_level(logging.DEBUG):
        run(main())
    # The server under uvicorn tells what it reads; that is not us.
    ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]
    assert ours
    assert all("sk-" not in record.getMessage() for record in ours)


def test_without_a_key_or_a_server_the_message_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    async def main() -> None:
        with pytest.raises(ConfigError, match="set OPENAI_API_KEY or pass api_key="):
            await OpenAIRealtime().prepare()

    run(main())


def test_without_the_sdk_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)

    async def main() -> None:
        with pytest.raises(MissingExtra, match=r"hookflash\[openai\]"):
            await OpenAIRealtime(base_url="http://localhost/v1").prepare()

    run(main())


def test_the_file_loads_without_the_sdk() -> None:
    program = (
        "import sys, hookflash.providers.openai_realtime as module; "
        "sys.exit('openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_server_that_takes_no_audio_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with talk() as one:
            for _ in range(1001):
                one.link.push(bytes(320))  # faster than the writer is let
            await asyncio.sleep(1.0)
            assert isinstance(one.ended, LinkTimeout)

    run(main())


def test_what_our_server_sends_is_what_the_sdk_knows() -> None:
    sent: list[dict[str, Any]] = []

    async def main() -> None:
        script: Script = [
            ["One two.", Calls("look", {"n": 1})],
            Refuses(),
            Says("Three", delay=1.0),
        ]
        async with talk(script, hears=["hello", Heard("", fails=True)]) as one:
            for request in ("a", "b", "c"):
                one.link.respond(request)
                await asyncio.sleep(0.1)
            one.link.cancel("c")
            await one.say((beep(ms=300) + bytes(16_000)) * 2)
            one.link.clear()
            one.link.truncate(one.server.conversation.items[0].id, 100.0)
            one.link.truncate("nothing", 100.0)
            one.link.delete(one.server.conversation.items[1].id)
            await asyncio.sleep(0.1)
            sent.extend(one.server.conversation.sent)

    run(main())
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)
    kinds = {event["type"] for event in sent}
    assert len(kinds) > 20
    for kind in kinds:
        event = next(event for event in sent if event["type"] == kind)
        read = adapter.validate_python(event)
        assert read.type == kind
        assert not read.model_extra

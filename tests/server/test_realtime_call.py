"""Realtime models on telephone calls: the emulator's sockets, the app's, and the model's."""

import asyncio
from pathlib import Path

import pytest
from docs.snippets import realtime_desk, test_my_realtime_agent
from tests.server.street import OURS, THEIRS, street

from hookflash.agent import Agent, AgentSession
from hookflash.audio.tones import beep
from hookflash.calls import Call
from hookflash.cli.main import load_app
from hookflash.emulator import CarrierEmulator, Line, person
from hookflash.events.session import UtteranceSpoken
from hookflash.pipeline import Pipeline
from hookflash.providers.openai_realtime import OpenAIRealtime
from hookflash.runtime import clock
from hookflash.runtime.serve import serving
from hookflash.testing import Calls, ScriptedSTT, ScriptedTTS, ScriptedVAD
from hookflash.testing.realtime_server import RealtimeServer, RealtimeStep

ROOT = Path(__file__).resolve().parents[2]


def test_an_interrupted_caller_and_the_model_agree_on_what_was_heard() -> None:
    long = "We open at nine and we close at five in the afternoon on every day but Sunday."

    async def interrupts(line: Line) -> None:
        await line.wait_speech()
        await line.wait(1.0)
        await line.say(beep(ms=800))
        await line.wait_speech()
        await line.wait_quiet()

    async def main() -> None:
        ended: list[AgentSession[None]] = []
        script = [long, "Sure."]
        async with RealtimeServer(script, hears=["stop please"]) as server, street() as place:
            pipeline = Pipeline(realtime=OpenAIRealtime(base_url=server.base_url))

            @place.app.on_call
            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(Agent("Be brief."), pipeline)
                await session.start(call)
                session.reply("Tell the hours.")
                await session.wait_closed()
                ended.append(session)

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(interrupts))
            await call.ended()
            await place.app.drain()
            ((_, truncated),) = server.conversation.truncated
            first, second = call.line.heard.speech()
            await pipeline.aclose()
        # The caller heard what the model believes that they heard, give or take one frame.
        assert abs((first[1] - first[0]) * 1000 - truncated) <= 20
        assert second[1] - second[0] == pytest.approx(0.2, abs=0.05)
        _, cut, stop, sure = (message.text for message in ended[0].history.messages)
        assert long.startswith(cut)
        assert (stop, sure) == ("stop please", "Sure.")
        assert server.conversation.errors == []

    clock.run(main(), virtual=True)


def test_the_snippet_of_a_front_desk_answers_the_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "secret")

    async def asks(line: Line) -> None:
        await line.wait_speech()
        await line.wait_quiet()
        await line.say(beep(ms=800))
        await line.wait_speech()
        await line.wait_quiet()

    async def main() -> list[str]:
        script: list[RealtimeStep] = [
            "Harbour Dental, good morning.",
            Calls("opening_hours", {"day": "Monday"}),
            "From nine to five.",
        ]
        async with RealtimeServer(script, hears=["When are you open?"], key="sk-mine") as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
            app = load_app(ROOT / "docs/snippets/realtime_desk.py")
            emulator = CarrierEmulator(account_sid="AC" + "0" * 32, auth_token="secret")
            async with emulator as carrier, serving(app) as address:
                app.public_url = address.http
                carrier.add_number(OURS, voice_url=f"{address.http}/twilio/voice")
                call = carrier.call(to=OURS, from_=THEIRS, far_end=person(asks))
                await call.ended()
                await app.drain()
            await asyncio.sleep(0.1)
            assert server.conversation.closed
            assert server.conversation.errors == []
            return server.conversation.texts

    assert clock.run(main(), virtual=True) == [
        "assistant: Harbour Dental, good morning.",
        "user: When are you open?",
        'function_call: opening_hours {"day": "Monday"}',
        "function_call_output: Monday: nine to five",
        "assistant: From nine to five.",
    ]


def test_words_that_the_program_gives_are_heard_over_the_carriers_sockets() -> None:
    async def listens(line: Line) -> None:
        await line.wait_speech()
        await line.wait_quiet()
        line.hang_up()

    async def main() -> None:
        script = ["Harbour Dental, good morning."]
        async with RealtimeServer(script) as server, street() as place:
            pipeline = Pipeline(realtime=OpenAIRealtime(base_url=server.base_url))
            spoken: list[str] = []

            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(realtime_desk.Recorded(), pipeline)
                session.on(UtteranceSpoken, lambda event: spoken.append(event.heard))
                await session.start(call, run_until_shutdown=True)

            place.app.on_call(answer)
            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(listens))
            await call.ended()
            await place.app.drain()
            await pipeline.aclose()
            assert spoken == ["This call is recorded.", "Harbour Dental, good morning."]
            assert [request.get("conversation") for request in server.conversation.requests] == [
                "none",
                None,
            ]
            assert server.conversation.texts == [f"assistant: {heard}" for heard in spoken]
            assert server.conversation.errors == []
            # Eight words of 200 ms, and no word more.
            heard = sum(end - start for start, end in call.line.heard.speech(gap=0.02))
            assert 1.5 < heard < 1.7

    clock.run(main(), virtual=True)


def test_the_snippet_of_a_test_passes() -> None:
    test_my_realtime_agent.test_the_caller_is_told_the_hours()


def test_the_snippets_of_hybrids_are_pipelines() -> None:
    stt, tts, vad = ScriptedSTT(), ScriptedTTS(), ScriptedVAD()
    assert realtime_desk.with_our_voice(tts).tts is tts
    assert realtime_desk.with_our_ears(stt, vad).stt is stt
    assert realtime_desk.with_our_detector(vad).vad is vad
    both = realtime_desk.with_its_own_voice_and_ours(tts)
    assert both.realtime is not None
    assert both.realtime.speaks

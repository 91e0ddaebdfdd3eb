"""Sounds around the speech over real sockets, and the snippets of their page."""

import asyncio
import runpy
from pathlib import Path
from typing import Any

import numpy as np
from tests.server.street import OURS, THEIRS, street

from hookflash.agent import Agent, AgentSession, BackgroundAudioHandlerConfig
from hookflash.agent.utterance import UtteranceHandle
from hookflash.audio.frames import samples
from hookflash.audio.sounds import built_in_sound
from hookflash.audio.wav import read_wav, write_wav
from hookflash.calls import Call
from hookflash.emulator import Line, person
from hookflash.events.session import UtteranceSpoken
from hookflash.events.sound import SoundEnded, SoundStarted
from hookflash.pipeline import Pipeline, Sound
from hookflash.providers.chat import ToolCall
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg, ScriptedLLM, ScriptedTTS
from hookflash.testing.scripted import Calls

RATE = 8000
SPEECH, MUSIC = 440.0, 1000.0
ROOT = Path(__file__).resolve().parents[2]


def hum(hz: float) -> Sound:
    time = np.arange(RATE) / RATE
    return Sound.from_pcm((3000 * np.sin(2 * np.pi * hz * time)).astype("<i2").tobytes(), RATE)


def level(pcm: bytes, hz: float, begin: float, end: float) -> float:
    part = samples(pcm)[round(begin * RATE) : round(end * RATE)].astype(float)
    turn = np.exp(-2j * np.pi * hz * np.arange(part.size) / RATE)
    return float(2 * abs(part @ turn) / part.size)


def quiet_frames(pcm: bytes, begin: float, end: float) -> list[float]:
    """The moments of the 20 ms in which nothing is heard (mu-law's noise counts as nothing)."""
    wave = np.abs(samples(pcm).astype(int))
    starts = range(round(begin * RATE), round(end * RATE) - 160, 160)
    return [start / RATE for start in starts if wave[start : start + 160].max() < 100]


async def stays(line: Line) -> None:
    await line.wait_end()


def test_the_background_reaches_the_caller_through_an_interruption_and_into_the_recording(
    tmp_path: Path,
) -> None:
    said: list[UtteranceHandle] = []

    async def main() -> bytes:
        async with street(record_dir=tmp_path) as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                config = BackgroundAudioHandlerConfig(hum(MUSIC), looping=True)
                session: AgentSession[None] = AgentSession(
                    Agent(), Pipeline(tts=ScriptedTTS()), background_audio=config
                )
                await session.start(call)
                await asyncio.sleep(1.0)
                said.append(session.say(" ".join(["word"] * 20)))
                await asyncio.sleep(1.9)
                session.interrupt()
                await asyncio.sleep(2.0)
                await session.hangup()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await call.ended()
            await place.app.drain()
            assert place.carrier.log.of("notice") == []
            return call.line.heard.pcm()

    heard = clock.run(main(), virtual=True)
    (recording,) = tmp_path.rglob("*.wav")
    begin = next(at for at in np.arange(0, 3, 0.02) if level(heard, MUSIC, at, at + 0.1) > 1000)
    assert quiet_frames(heard, begin + 0.2, begin + 4.6) == []
    assert level(heard, MUSIC, begin + 0.5, begin + 0.9) > 2800
    assert level(heard, SPEECH, begin + 1.3, begin + 2.8) > 1000
    assert 400 < level(heard, MUSIC, begin + 1.3, begin + 2.8) < 800, "ducked by 14 dB"
    assert level(heard, SPEECH, begin + 3.2, begin + 4.6) < 20
    assert level(heard, MUSIC, begin + 4.5, begin + 4.9) > 2500
    (handle,) = said
    assert handle.spoken_text.split() == ["word"] * 9
    ours = samples(read_wav(recording).pcm).reshape(-1, 2)[:, 1].tobytes()
    assert level(ours, MUSIC, 0.5, 0.9) > 2800, "the recording has the mix"
    assert level(ours, SPEECH, 1.5, 2.5) > 1000


SNIPPET: dict[str, Any] = runpy.run_path(str(ROOT / "docs/snippets/sound.py"))


def test_the_snippets_sound_as_their_page_says(tmp_path: Path) -> None:
    file = tmp_path / "music.wav"
    write_wav(file, built_in_sound("chime"), RATE)

    async def main() -> None:
        leg = MemoryLeg()
        mind = ScriptedLLM([[Calls("find_order", {"number": "7"})], "It is on its way."])
        pipeline = Pipeline(llm=mind, tts=ScriptedTTS())
        desk = SNIPPET["OrderDesk"]()
        session: AgentSession[None] = AgentSession(desk, pipeline)
        told: list[str] = []
        session.on(SoundStarted, lambda event: told.append(f"{event.sound} {event.label}"))
        session.on(SoundEnded, lambda event: told.append(f"{event.sound} ends"))
        said: list[str] = []
        session.on(UtteranceSpoken, lambda event: said.append(event.said))
        await session.start(leg)
        await session.reply(user_input="Where is order seven?")
        assert told == ["thinking keyboard", "thinking ends"]
        assert any(isinstance(item, ToolCall) for item in session.history.items)
        await SNIPPET["music_for_a_while"](session, str(file))
        assert told[2:] == ["background music.wav", "background ends"]
        async with SNIPPET["on_hold"](session):
            await asyncio.sleep(50)
        assert told[4:] == ["hold hold_music", "hold ends"]
        assert [text for text in said if "more." in text] == [
            "It will take about 100 seconds more.",
            "It will take about 80 seconds more.",
        ]
        await SNIPPET["play_jingle"](session, str(file))
        await session.close()
        leg.close()
        assert session.call is not None
        await session.call.aclose()

    clock.run(main(), virtual=True)


def test_the_snippet_answers_a_call_with_an_office_around_it() -> None:
    async def main() -> bytes:
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                await SNIPPET["answer"](call, Pipeline(tts=ScriptedTTS()))

            async def leaves(line: Line) -> None:
                await asyncio.sleep(4)

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(leaves))
            await call.ended()
            await place.app.drain()
            return call.line.heard.pcm()

    heard = clock.run(main(), virtual=True)
    wave = samples(heard).astype(float)[2 * RATE : 3 * RATE]
    assert 100 < np.sqrt((wave**2).mean()) < 800

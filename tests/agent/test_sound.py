"""What the caller hears around the speech: measured at the far ear."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from tests.agent.stage import Script, Stage

from hookflash.agent import (
    Agent,
    AgentSession,
    BackgroundAudioHandlerConfig,
    HoldMusic,
    SessionOptions,
    ThinkingAudio,
    function_tool,
)
from hookflash.audio.frames import samples
from hookflash.errors import ConfigError, SessionClosed
from hookflash.events.session import ErrorOccurred, UtteranceBegan, UtteranceSpoken
from hookflash.events.sound import SoundEnded, SoundStarted
from hookflash.pipeline import Pipeline
from hookflash.pipeline.sound import Sound
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg, ScriptedTTS
from hookflash.testing.scripted import Calls, Says

RATE = 8000
SPEECH = 440.0  # what the scripted synthesiser hums
MUSIC, OTHER = 1000.0, 700.0
Wave = npt.NDArray[np.float64]


def hum(hz: float, seconds: float = 1.0) -> Sound:
    """A loop of one frequency, whole periods long and without soft edges."""
    time = np.arange(round(RATE * seconds)) / RATE
    return Sound.from_pcm((3000 * np.sin(2 * np.pi * hz * time)).astype("<i2").tobytes(), RATE)


def music(hz: float = MUSIC, **more: Any) -> BackgroundAudioHandlerConfig:
    return BackgroundAudioHandlerConfig(hum(hz), looping=True, **more)


def ear(leg: MemoryLeg) -> Wave:
    """What reached the far ear, each sample in its time since the loop began."""
    until = clock.now()
    track = np.zeros(round(until * RATE) + 2 * RATE)
    for at, frame in leg._played:
        start = round(at * RATE)
        wave = samples(frame)
        track[start : start + wave.size] = wave
    return track[: round(until * RATE)]


def level(track: Wave, hz: float, begin: float, end: float) -> float:
    """The amplitude of one frequency between two moments, in 16-bit steps."""
    part = track[round(begin * RATE) : round(end * RATE)]
    turn = np.exp(-2j * np.pi * hz * np.arange(part.size) / RATE)
    return float(2 * abs(part @ turn) / part.size)


def decibels(level: float, reference: float) -> float:
    return 20 * math.log10(level / reference)


def silences(track: Wave, begin: float, end: float) -> list[float]:
    """The moments at which 100 ms without any sound begin."""
    steps = np.arange(begin, end - 0.1, 0.1)
    return [
        round(float(at), 1)
        for at in steps
        if not track[round(at * RATE) : round((at + 0.1) * RATE)].any()
    ]


def sounds(stage: Stage) -> list[tuple[float, str, str]]:
    kinds = {SoundStarted: "starts", SoundEnded: "ends"}
    return [
        (round(event.at, 2), str(event.sound), kinds[type(event)])
        for event in stage.events
        if isinstance(event, SoundStarted | SoundEnded)
    ]


@asynccontextmanager
async def on_stage(
    agent: Agent | None = None,
    script: Script = (),
    *,
    background: BackgroundAudioHandlerConfig | None = None,
    **options: Any,
) -> AsyncIterator[Stage]:
    stage = Stage(agent or Agent(), script, **options)
    stage.session.background_audio_config = background
    await stage.session.start(stage.leg)
    try:
        yield stage
    finally:
        await stage.session.close()
        stage.leg.close()
        call = stage.session.call
        assert call is not None
        await call.aclose()


def virtually(main: Any) -> None:
    clock.run(main(), virtual=True)


# Background.


def test_the_background_of_the_constructor_is_heard_from_the_answer_to_the_end() -> None:
    async def main() -> None:
        leg = MemoryLeg()
        session: AgentSession[None] = AgentSession(
            Agent(), Pipeline(tts=ScriptedTTS()), background_audio=music()
        )
        await session.start(leg)
        await asyncio.sleep(3.0)
        track = ear(leg)
        assert silences(track, 0.1, 3.0) == []
        assert level(track, MUSIC, 1.0, 3.0) == pytest.approx(3000, rel=0.02)
        await session.close()
        await asyncio.sleep(1.0)
        assert not ear(leg)[round(3.3 * RATE) :].any(), "the call goes on without it"
        leg.close()
        assert session.call is not None
        await session.call.aclose()

    virtually(main)


def test_a15_a_background_goes_on_under_speech_and_when_the_agent_is_interrupted() -> None:
    async def main() -> None:
        async with on_stage(background=music()) as stage:
            await asyncio.sleep(1.0)
            handle = stage.session.say(" ".join(["word"] * 20))
            await asyncio.sleep(1.53)
            assert stage.session.interrupt()
            await handle
            await asyncio.sleep(2.0)
            assert handle.spoken_text.split() == ["word"] * 7, "heard is what was heard of speech"
            track = ear(stage.leg)
            assert silences(track, 0.1, 4.5) == []
            assert level(track, SPEECH, 1.3, 2.5) > 1000
            assert level(track, SPEECH, 2.6, 4.5) < 5
            assert level(track, MUSIC, 4.0, 4.5) == pytest.approx(3000, rel=0.02)
            # Half a second after the words it is still ducked; there is no step in it.
            assert level(track, MUSIC, 2.54, 2.64) > 400

    virtually(main)


def test_a_false_interruption_pauses_the_speech_alone() -> None:
    async def main() -> None:
        async with on_stage(background=music()) as stage:
            await asyncio.sleep(0.5)
            handle = stage.session.say(" ".join(["word"] * 10))
            await asyncio.sleep(1.0)
            stage.vad.voice.verdict(True, stage.now())
            await asyncio.sleep(0.4)
            assert stage.leg.paused
            stage.vad.voice.verdict(False, stage.now())
            await handle
            assert not handle.interrupted
            assert handle.spoken_text.split() == ["word"] * 10
            assert silences(ear(stage.leg), 0.1, stage.now()) == []

    virtually(main)


def test_it_is_softer_under_speech_and_comes_back() -> None:
    async def main() -> None:
        async with on_stage(background=music(duck_db=12.0)) as stage:
            await asyncio.sleep(1.0)
            await stage.session.say(" ".join(["word"] * 10))
            ended = stage.now()
            await asyncio.sleep(3.0)
            track = ear(stage.leg)
            full = level(track, MUSIC, 0.5, 1.0)
            assert decibels(level(track, MUSIC, 1.3, 2.8), full) == pytest.approx(-12.0, abs=0.2)
            after = decibels(level(track, MUSIC, ended, ended + 0.5), full)
            assert after == pytest.approx(-12.0, abs=0.5), "it waits for the next sentence"
            assert decibels(level(track, MUSIC, ended + 2, ended + 3), full) > -0.1

    virtually(main)


def test_the_words_begin_as_soon_as_without_a_background() -> None:
    async def begins(background: BackgroundAudioHandlerConfig | None) -> float:
        async with on_stage(background=background) as stage:
            await asyncio.sleep(1.007)
            stage.session.say("Hello")
            await asyncio.sleep(1.0)
            (began,) = stage.of(UtteranceBegan)
            return float(round(began.at - 1.007, 3))

    async def main() -> None:
        assert await begins(music()) <= await begins(None) + 0.001

    virtually(main)


def test_a_second_background_takes_the_place_of_the_first() -> None:
    async def main() -> None:
        async with on_stage(background=music()) as stage:
            await asyncio.sleep(1.0)
            await stage.session.play_background_audio(music(OTHER))
            await asyncio.sleep(2.0)
            assert len(stage.leg._beds) == 1, "nothing goes on unheard"
            track = ear(stage.leg)
            assert silences(track, 0.1, 3.0) == []
            assert level(track, MUSIC, 1.6, 3.0) < 5
            assert level(track, OTHER, 1.6, 3.0) == pytest.approx(3000, rel=0.02)
            # They cross: in the middle both are at the sine of 45 degrees.
            assert level(track, MUSIC, 1.2, 1.3) == pytest.approx(2100, rel=0.35)
            assert level(track, OTHER, 1.2, 1.3) == pytest.approx(2100, rel=0.35)
            assert sounds(stage) == [
                (0.0, "background", "starts"),
                (1.0, "background", "ends"),
                (1.0, "background", "starts"),
            ]

    virtually(main)


def test_it_begins_and_stops_without_a_click() -> None:
    async def main() -> None:
        async with on_stage() as stage:
            await stage.session.play_background_audio(music())
            await asyncio.sleep(1.05)
            await stage.session.stop_background_audio()
            await stage.session.stop_background_audio()
            await asyncio.sleep(2.0)
            track = ear(stage.leg)
            own = np.abs(np.diff(samples(hum(MUSIC).pcm(RATE)).astype(float))).max()
            assert np.abs(np.diff(track)).max() <= own + 1
            assert not track[round(1.6 * RATE) :].any()
            sent = len(stage.leg.received)
            await asyncio.sleep(1.0)
            assert len(stage.leg.received) == sent, "a silent leg sends nothing"

    virtually(main)


def test_a_background_that_does_not_loop_ends_by_itself() -> None:
    async def main() -> None:
        async with on_stage() as stage:
            config = BackgroundAudioHandlerConfig(hum(MUSIC, 0.5), fade_in=0.0)
            await stage.session.play_background_audio(config)
            await asyncio.sleep(2.0)
            assert sounds(stage) == [(0.0, "background", "starts"), (0.46, "background", "ends")]
            assert level(ear(stage.leg), MUSIC, 0.0, 0.5) == pytest.approx(3000, rel=0.01)

    virtually(main)


def test_volume_counts_and_disabled_is_silent() -> None:
    async def main() -> None:
        async with on_stage() as stage:
            await stage.session.play_background_audio(music(OTHER, enabled=False))
            await stage.session.play_background_audio(music(volume=0.5))
            await asyncio.sleep(2.0)
            track = ear(stage.leg)
            assert level(track, MUSIC, 1.0, 2.0) == pytest.approx(1500, rel=0.02)
            assert level(track, OTHER, 1.0, 2.0) < 5

    virtually(main)


def test_what_was_stopped_while_it_was_loaded_is_not_played() -> None:
    async def main() -> None:
        async with on_stage() as stage:
            playing = asyncio.create_task(stage.session.play_background_audio(music()))
            await asyncio.sleep(0)
            await stage.session.stop_background_audio()
            await playing
            early = asyncio.create_task(stage.session.play_background_audio(music()))
            await asyncio.sleep(0)
            await stage.session.play_background_audio(music(OTHER))
            await early
            await asyncio.sleep(1.0)
            assert len(sounds(stage)) == 1
            assert level(ear(stage.leg), MUSIC, 0.5, 1.0) < 5

    virtually(main)


def test_who_hears_of_its_end_may_interrupt_the_agent() -> None:
    async def main() -> None:
        async with on_stage() as stage:

            def interrupt(event: SoundEnded) -> None:
                stage.session.interrupt()

            stage.session.on(SoundEnded, interrupt)
            await stage.session.play_background_audio(
                BackgroundAudioHandlerConfig(hum(MUSIC, 1.0), fade_in=0.0)
            )
            handle = stage.session.say(" ".join(["word"] * 10))
            await handle
            assert handle.interrupted
            assert handle.spoken_text.split() == ["word"] * 5
            assert stage.of(ErrorOccurred) == []

    virtually(main)


def test_a_background_that_begins_on_hold_waits_for_the_end_of_it() -> None:
    async def main() -> None:
        async with on_stage() as stage:
            stage.session.hold(HoldMusic(music=None, comfort=()))
            await stage.session.play_background_audio(music(fade_in=0.0))
            await asyncio.sleep(1.0)
            assert not ear(stage.leg).any()
            stage.session.unhold()
            await asyncio.sleep(2.0)
            assert level(ear(stage.leg), MUSIC, 2.0, 3.0) == pytest.approx(3000, rel=0.02)

    virtually(main)


def test_an_agent_plays_by_itself(tmp_path: Path) -> None:
    class Host(Agent):
        async def on_enter(self) -> None:
            await self.play_background_audio(looping=True)
            await asyncio.sleep(1.0)
            await self.stop_background_audio()

    async def main() -> None:
        async with on_stage(Host()) as stage:
            (started,) = stage.of(SoundStarted)
            assert started.label == "office"
            assert silences(ear(stage.leg), 0.1, 1.0) == []

    virtually(main)


def test_a_background_that_cannot_be_read_fails_the_start_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    path.write_bytes(b"no music")

    async def main() -> None:
        stage = Stage(Agent())
        stage.session.background_audio_config = BackgroundAudioHandlerConfig(path)
        with pytest.raises(ConfigError, match=r"music\.wav is no sound file"):
            await stage.session.start(stage.leg)
        assert stage.session.closed
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    virtually(main)


def test_before_the_start_and_after_the_end_nothing_can_be_played() -> None:
    async def main() -> None:
        stage = Stage(Agent())
        with pytest.raises(SessionClosed, match="not started"):
            await stage.session.play_background_audio(music())
        async with on_stage() as other:
            pass
        with pytest.raises(SessionClosed, match="closed"):
            await other.session.play_background_audio(music())
        assert other.leg._beds == ()

    virtually(main)


# Thinking.


class Thinker(Agent):
    def __init__(self, delay: float = 0.6) -> None:
        super().__init__()
        self.set_thinking_audio(hum(OTHER), delay=delay)

    @function_tool
    async def search(self) -> str:
        """Search."""
        await asyncio.sleep(3.0)
        return "found"


def test_who_thinks_for_long_is_heard_thinking_until_the_first_word() -> None:
    async def main() -> None:
        async with on_stage(Thinker(), [[Says("Four.", delay=2.0)]]) as stage:
            handle = stage.session.reply(user_input="Two and two?")
            await asyncio.sleep(2.15)
            await handle
            await asyncio.sleep(1.0)
            track = ear(stage.leg)
            assert sounds(stage) == [(0.6, "thinking", "starts"), (2.0, "thinking", "ends")]
            assert not track[: round(0.6 * RATE)].any()
            assert silences(track, 0.7, 2.0) == []
            assert level(track, OTHER, 0.9, 1.9) == pytest.approx(900, rel=0.02)  # 0.3 of it
            assert level(track, OTHER, 2.1, 2.2) < 20, "the first word hushes it"
            assert level(track, SPEECH, 2.05, 2.2) > 1000

    virtually(main)


def test_who_answers_soon_is_not_heard_thinking() -> None:
    async def main() -> None:
        async with on_stage(Thinker(), [[Says("Four.", delay=0.5)]]) as stage:
            await stage.session.reply(user_input="Two and two?")
            await asyncio.sleep(2.0)
            assert sounds(stage) == []

    virtually(main)


def test_an_agent_without_a_thinking_sound_thinks_in_silence() -> None:
    async def main() -> None:
        async with on_stage(Agent(), [[Says("Four.", delay=2.0)]]) as stage:
            await stage.session.reply(user_input="Two and two?")
            assert sounds(stage) == []

    virtually(main)


def test_a_running_tool_is_heard_too_also_after_what_it_says() -> None:
    async def main() -> None:
        async with on_stage(
            Thinker(), [[Says("One moment.", 0.0), Calls("search")], "Found."]
        ) as stage:
            await stage.session.reply(user_input="Where is it?")
            track = ear(stage.leg)
            # The words last 0.4 s; the tool runs until 3.0.
            (first, _, _), (last, _, _) = sounds(stage)
            assert first == pytest.approx(1.0, abs=0.05)
            assert last == pytest.approx(3.0, abs=0.05)
            assert silences(track, 1.1, 3.0) == []

    virtually(main)


def test_a_background_may_keep_the_thinking_sound_away() -> None:
    async def main() -> None:
        async with on_stage(Thinker(), [[Says("Four.", delay=6.0)]]) as stage:
            await stage.session.play_background_audio(music(), override_thinking=False)
            handle = stage.session.reply(user_input="Two and two?")
            await asyncio.sleep(2.0)
            assert level(ear(stage.leg), OTHER, 0.5, 2.0) < 5
            await stage.session.stop_background_audio()
            await asyncio.sleep(2.0)
            assert level(ear(stage.leg), OTHER, 3.0, 4.0) == pytest.approx(900, rel=0.02)
            await stage.session.play_background_audio(music(), False)
            await asyncio.sleep(1.0)
            assert level(ear(stage.leg), OTHER, 4.5, 5.0) < 5
            await stage.session.play_background_audio(music(), override_thinking=True)
            await asyncio.sleep(0.9)
            track = ear(stage.leg)
            assert level(track, OTHER, 5.8, 5.9) > 800, "or let it be heard over it"
            assert level(track, MUSIC, 5.8, 5.9) > 2500
            await handle

    virtually(main)


def test_thinking_can_be_started_and_stopped_by_hand() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            await stage.session.start_thinking_audio()
            await stage.session.start_thinking_audio()
            await asyncio.sleep(1.0)
            await stage.session.stop_thinking_audio()
            await stage.session.stop_thinking_audio()
            await asyncio.sleep(1.0)
            assert sounds(stage) == [(0.0, "thinking", "starts"), (1.0, "thinking", "ends")]
            (started,) = stage.of(SoundStarted)
            assert started.label == "keyboard"
            await stage.session.start_thinking_audio()
            await asyncio.sleep(0.5)
            await stage.session.say("Here I am.")
            assert sounds(stage)[2:] == [(2.0, "thinking", "starts"), (2.5, "thinking", "ends")]

    virtually(main)


def test_thinking_that_is_stopped_while_it_is_loaded_is_not_heard() -> None:
    async def main() -> None:
        async with on_stage(Thinker(), [[Says("Four.", delay=3.0)]]) as stage:
            handle = stage.session.reply(user_input="Two and two?")
            starting = asyncio.create_task(stage.session.start_thinking_audio())
            await asyncio.sleep(0)
            await stage.session.stop_thinking_audio()
            await starting
            assert sounds(stage) == []
            await handle

    virtually(main)


def test_thinking_that_was_stopped_does_not_come_back_by_itself() -> None:
    async def main() -> None:
        async with on_stage(Thinker(), [[Says("Four.", delay=3.0)]]) as stage:
            handle = stage.session.reply(user_input="Two and two?")
            await asyncio.sleep(0.3)
            await stage.session.stop_thinking_audio()
            await handle
            assert sounds(stage) == []

    virtually(main)


def test_a_thinking_sound_that_cannot_be_read_is_an_event(tmp_path: Path) -> None:
    path = tmp_path / "keys.wav"
    path.write_bytes(b"no keys")

    async def main() -> None:
        agent = Agent()
        agent.set_thinking_audio(path)
        async with on_stage(agent, [[Says("Four.", delay=2.0)]]) as stage:
            await stage.session.reply(user_input="Two and two?")
            (error,) = stage.of(ErrorOccurred)
            assert (error.source, error.reason) == ("sound", "config")
            assert stage.items[-1] == "assistant: Four."

    virtually(main)


# Hold.


def test_on_hold_there_is_music_and_a_line_now_and_then() -> None:
    async def main() -> None:
        hold = HoldMusic(
            music=hum(OTHER), volume=1.0, comfort=["Thank you.", "Still there?"], comfort_every=5.0
        )
        async with on_stage(background=music()) as stage:
            await asyncio.sleep(1.0)
            stage.session.hold(hold)
            await asyncio.sleep(17.0)
            track = ear(stage.leg)
            assert silences(track, 0.1, 18.0) == []
            assert level(track, OTHER, 2.0, 5.0) == pytest.approx(3000, rel=0.02)
            assert level(track, MUSIC, 2.0, 5.0) < 5, "one music at a time"
            # Two words last 0.4 s, and five seconds of music follow each line.
            assert stage.tts.spoken[-3:] == ["Thank you.", "Still there?", "Thank you."]
            begins = [round(event.at, 1) for event in stage.of(UtteranceBegan)]
            assert begins == [6.0, 11.4, 16.8]
            assert decibels(level(track, OTHER, 6.2, 6.4), 3000) == pytest.approx(-14, abs=1)
            assert stage.session.history.messages == (), "the lines are no conversation"
            stage.session.unhold()
            await asyncio.sleep(7.0)
            track = ear(stage.leg)
            assert level(track, OTHER, 18.6, 25.0) < 5
            assert level(track, MUSIC, 20.0, 25.0) == pytest.approx(3000, rel=0.02)
            assert len(stage.of(UtteranceBegan)) == 3

    virtually(main)


def test_a_line_may_tell_how_long_it_takes() -> None:
    waited: list[float] = []

    def estimate(seconds: float) -> str | None:
        waited.append(seconds)
        return None if seconds < 3 else f"About {20 - round(seconds)} seconds."

    async def main() -> None:
        hold = HoldMusic(music=None, comfort=estimate, comfort_every=2.0)
        async with on_stage() as stage:
            stage.session.hold(hold)
            await asyncio.sleep(5.5)
            assert waited == [2.0, 4.0]
            assert [event.said for event in stage.of(UtteranceSpoken)] == ["About 16 seconds."]
            assert sounds(stage) == []
            stage.session.unhold()

    virtually(main)


def test_hold_plays_the_built_in_music_unless_told_otherwise() -> None:
    async def main() -> None:
        async with on_stage() as stage:
            stage.session.hold()
            await asyncio.sleep(3.0)
            stage.session.unhold()
            assert [event.label for event in stage.of(SoundStarted)] == ["hold_music"]
            assert silences(ear(stage.leg), 0.2, 3.0) == []
        options = SessionOptions(hold_music=HoldMusic(music=hum(OTHER)))
        async with on_stage(options=options) as stage:
            began = stage.now()
            stage.session.hold()
            await asyncio.sleep(1.0)
            assert level(ear(stage.leg), OTHER, began + 0.5, began + 1.0) > 2000

    virtually(main)


def test_hold_that_ends_before_its_music_was_loaded_plays_none() -> None:
    async def main() -> None:
        async with on_stage() as stage:
            stage.session.hold(HoldMusic(music=hum(OTHER)))
            stage.session.unhold()
            await asyncio.sleep(1.0)
            assert sounds(stage) == []

    virtually(main)


def test_music_that_cannot_be_read_is_an_event_and_the_lines_are_said(tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    path.write_bytes(b"no music")

    async def main() -> None:
        async with on_stage() as stage:
            stage.session.hold(HoldMusic(music=path, comfort=["Thank you."], comfort_every=1.0))
            await asyncio.sleep(1.2)
            (error,) = stage.of(ErrorOccurred)
            assert (error.source, error.reason) == ("sound", "config")
            assert stage.tts.spoken[-1] == "Thank you."

    virtually(main)


def test_nobody_is_heard_thinking_on_hold() -> None:
    async def main() -> None:
        async with on_stage(Thinker(), [[Calls("search")], "Found."]) as stage:
            stage.session.reply(user_input="Where is it?")
            await asyncio.sleep(1.0)
            stage.session.hold(HoldMusic(music=None, comfort=()))
            await asyncio.sleep(1.0)
            assert sounds(stage) == [(0.6, "thinking", "starts"), (1.0, "thinking", "ends")]
            stage.session.unhold()
            await asyncio.sleep(0.7)
            assert sounds(stage)[2:] == [(2.6, "thinking", "starts")]

    virtually(main)


# Ready-made audio.


def test_a_sound_can_be_said() -> None:
    async def main() -> None:
        async with on_stage() as stage:
            chime = Sound.built_in("chime")
            handle = stage.session.say("(a chime)", audio=chime)
            await handle
            assert handle.spoken_text == "(a chime)"
            heard = stage.leg.heard
            assert heard[: len(chime.pcm(RATE))] == chime.pcm(RATE)

    virtually(main)


# Values.


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (
            lambda: BackgroundAudioHandlerConfig("office", volume=1.5),
            "volume is 1.5; give a number from 0 to 1",
        ),
        (lambda: BackgroundAudioHandlerConfig("office", volume=math.nan), "volume is nan"),
        (lambda: BackgroundAudioHandlerConfig("office", fade_in=-1), "fade_in is -1; give"),
        (
            lambda: BackgroundAudioHandlerConfig("office", fade_out=61),
            "fade_out is 61; give a number from 0 to 60",
        ),
        (
            lambda: BackgroundAudioHandlerConfig("office", duck_db=-3),
            "duck_db is -3; give a number from 0 to inf",
        ),
        (lambda: BackgroundAudioHandlerConfig("office", True, cast("Any", "x")), "mode is 'x'"),
        (
            lambda: BackgroundAudioHandlerConfig("rain.ogg"),
            "file_path: there is no file 'rain.ogg'",
        ),
        (lambda: ThinkingAudio(delay=-1), "delay is -1"),
        (lambda: ThinkingAudio(volume=2), "volume is 2"),
        (lambda: ThinkingAudio("rain.ogg"), "file: there is no file 'rain.ogg'"),
        (lambda: HoldMusic(comfort_every=0.5), "comfort_every is 0.5; give seconds, 1 or more"),
        (lambda: HoldMusic(comfort="Thank you."), "comfort is one text"),
        (lambda: HoldMusic(volume=-1), "volume is -1"),
        (lambda: HoldMusic(music="rain.ogg"), "music: there is no file 'rain.ogg'"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(make: Any, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value).startswith(why)


def test_the_reference_fields_have_their_places_and_defaults() -> None:
    config = BackgroundAudioHandlerConfig("office", True, "mixing", 0.5, True)
    assert (config.enabled, config.mode, config.volume, config.looping) == (
        True,
        "mixing",
        0.5,
        True,
    )
    config = BackgroundAudioHandlerConfig("office")
    assert (config.enabled, config.mode, config.volume, config.looping) == (
        True,
        "playback",
        1.0,
        False,
    )
    assert ThinkingAudio() == ThinkingAudio("keyboard", 0.3, 0.6)

"""Who hears whom, when, and without a click. Each party hums a tone of its own."""

import asyncio
import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hookflash.audio.frames import frame_bytes, samples
from hookflash.audio.sounds import built_in_sound
from hookflash.audio.tones import tone
from hookflash.audio.wav import read_wav, split
from hookflash.calls.bridge import Bridge
from hookflash.calls.recording import Recorder
from hookflash.calls.track_recording import TrackRecorder
from hookflash.errors import LegClosed, UsageError
from hookflash.legs.base import Leg
from hookflash.pipeline.bed import Bed
from hookflash.pipeline.sound import Sound
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg

A, B, C = 400.0, 700.0, 1100.0


@functools.cache
def hum(hz: float, rate: int = 8000, ms: int = 2000) -> bytes:
    return tone((hz,), ms, rate=rate, level_dbfs=-20.0)


def ear(leg: MemoryLeg) -> npt.NDArray[np.int16]:
    """What the party at a leg's far end heard, from time 0 on: the carrier plays as frames come."""
    frames: list[tuple[int, npt.NDArray[np.int16]]] = []
    free = 0.0
    for arrived, pcm in leg.received:
        begins = max(arrived, free)
        frames.append((round(begins * leg.sample_rate), samples(pcm)))
        free = begins + 0.02
    heard = np.zeros(round(free * leg.sample_rate) + 1, np.int16)
    for start, wave in frames:
        heard[start : start + wave.size] = wave[: heard.size - start]
    return heard


def strength(wave: npt.NDArray[np.int16], hz: float, rate: int = 8000) -> float:
    """The amplitude of one frequency; a hum has 4634."""
    if not wave.size:
        return 0.0
    turn = np.exp(-2j * np.pi * hz / rate * np.arange(wave.size))
    return float(2 * abs(wave @ turn) / wave.size)


def tones_heard(leg: MemoryLeg, since: float, until: float) -> list[float]:
    """Which of the hums a party heard, all the time."""
    rate = leg.sample_rate
    heard = ear(leg)[round(since * rate) : round(until * rate)]
    pieces = np.array_split(heard, max(1, round((until - since) / 0.1)))
    return [hz for hz in (A, B, C) if min(strength(piece, hz, rate) for piece in pieces) > 2000]


def steepest(wave: npt.NDArray[np.int16]) -> int:
    return int(np.abs(np.diff(wave.astype(int))).max())


async def three(*rates: int) -> tuple[MemoryLeg, MemoryLeg, MemoryLeg]:
    a, b, c = (MemoryLeg(rate) for rate in rates or (8000, 8000, 8000))
    return a, b, c


async def all_hum(*legs: MemoryLeg, ms: int = 2000) -> None:
    hums = zip(legs, (A, B, C), strict=False)
    await asyncio.gather(*(leg.say(hum(hz, leg.sample_rate, ms)) for leg, hz in hums))


def end(*legs: Leg) -> None:
    for leg in legs:
        leg.close()


def test_two_parties_hear_each_other_and_not_themselves() -> None:
    async def main() -> None:
        a, b, _ = await three()
        bridge = Bridge()
        bridge.join(a)
        bridge.join(b)
        assert bridge.legs == (a, b)
        await all_hum(a, b)
        assert tones_heard(a, 0.1, 1.9) == [B]
        assert tones_heard(b, 0.1, 1.9) == [A]
        # With nothing to add up, what one says is what the other hears.
        assert samples(hum(A))[1600:8000].tobytes() in ear(b).tobytes()
        await bridge.aclose()
        end(a, b)

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("rates", [(8000, 8000, 8000), (16000, 16000, 16000), (8000, 16000, 8000)])
def test_three_parties_hear_the_two_others(rates: tuple[int, int, int]) -> None:
    async def main() -> None:
        a, b, c = await three(*rates)
        bridge = Bridge()
        for leg in (a, b, c):
            bridge.join(leg)
        await all_hum(a, b, c)
        assert tones_heard(a, 0.1, 1.9) == [B, C]
        assert tones_heard(b, 0.1, 1.9) == [A, C]
        assert tones_heard(c, 0.1, 1.9) == [A, B]
        await bridge.aclose()
        end(a, b, c)

    clock.run(main(), virtual=True)


def test_a_coach_hears_all_and_is_heard_by_one() -> None:
    async def main() -> None:
        caller, agent, coach = await three()
        bridge = Bridge()
        bridge.join(caller)
        bridge.join(agent)
        bridge.join(coach, heard_by=[agent])
        await all_hum(caller, agent, coach)
        assert tones_heard(caller, 0.1, 1.9) == [B]
        assert tones_heard(agent, 0.1, 1.9) == [A, C]
        assert tones_heard(coach, 0.1, 1.9) == [A, B]
        bridge.route(coach)  # barges in
        bridge.route(caller, hears=[coach], heard_by=[])
        await all_hum(caller, agent, coach)
        assert tones_heard(caller, 2.1, 3.9) == [C]
        assert tones_heard(agent, 2.1, 3.9) == [C]
        assert tones_heard(coach, 2.1, 3.9) == [B]
        await bridge.aclose()
        end(caller, agent, coach)

    clock.run(main(), virtual=True)


def test_whom_a_leg_hears_may_join_later() -> None:
    async def main() -> None:
        a, b, c = await three()
        bridge = Bridge()
        bridge.join(a, hears=[c])
        bridge.join(b)
        bridge.join(c)
        await all_hum(a, b, c)
        assert tones_heard(a, 0.1, 1.9) == [C]
        await bridge.aclose()
        end(a, b, c)

    clock.run(main(), virtual=True)


def test_a_leg_can_be_muted_and_made_louder_without_a_click() -> None:
    async def main() -> None:
        a, b, _ = await three()
        bridge = Bridge()
        bridge.join(a, gain_db=-6.0)
        bridge.join(b)
        humming = asyncio.create_task(a.say(hum(A, ms=4000)))
        await asyncio.sleep(1.0)
        bridge.set_gain(a, 6.0)
        await asyncio.sleep(1.0)
        bridge.mute(a)
        bridge.mute(a)
        bridge.set_gain(a, 0.0)
        await asyncio.sleep(1.0)
        bridge.unmute(a)
        await humming
        heard = ear(b)
        spans = [(0.2, 0.9), (1.2, 1.9), (2.2, 2.9), (3.2, 3.8)]
        levels = [
            strength(heard[round(since * 8000) : round(until * 8000)], A) / 4634
            for since, until in spans
        ]
        assert levels == pytest.approx([0.501, 1.995, 0.0, 1.0], abs=0.01)
        assert steepest(heard) <= 2.0 * 1.05 * steepest(samples(hum(A)))
        await bridge.aclose()
        end(a, b)

    clock.run(main(), virtual=True)


def test_gains_that_cannot_be_are_refused() -> None:
    async def main() -> None:
        a, b, _ = await three()
        bridge = Bridge()
        bridge.join(a, gain_db=float("-inf"))
        for gain in (20.5, float("nan"), float("inf")):
            with pytest.raises(UsageError, match="gain_db is"):
                bridge.set_gain(a, gain)
            with pytest.raises(UsageError, match="gain_db is"):
                bridge.join(b, gain_db=gain)
        assert bridge.legs == (a,)
        await bridge.aclose()
        end(a, b)

    clock.run(main(), virtual=True)


def delay(phase: float, joined: float = 13.7, *, rates: tuple[int, int] = (8000, 8000)) -> float:
    """Milliseconds from a frame's arrival to its being heard, found by correlation."""

    async def main() -> float:
        a, b = (MemoryLeg(rate) for rate in rates)
        bridge = Bridge()
        bridge.join(a)
        await asyncio.sleep(joined / 1000)
        bridge.join(b)
        await asyncio.sleep(1.0 + phase / 1000)
        began = clock.now()
        noise = np.random.default_rng(1).normal(0, 1500, rates[0]).cumsum()
        noise -= np.convolve(noise, np.ones(400) / 400, "same")
        said = np.clip(noise, -20000, 20000).astype("<i2")
        await a.say(said.tobytes())
        await asyncio.sleep(0.1)
        heard = ear(b)[round(began * rates[1]) :].astype(float)
        if rates[1] != rates[0]:
            heard = heard[:: rates[1] // rates[0]] if rates[1] > rates[0] else heard
        step = rates[0] // rates[1] if rates[0] > rates[1] else 1
        wanted = said[::step].astype(float)
        rate = min(rates)
        part = wanted[rate // 4 : rate // 2]
        scores = np.correlate(heard[rate // 4 : rate // 2 + rate // 8], part, "valid")
        await bridge.aclose()
        end(a, b)
        return float(int(scores.argmax()) * 1000 / rate)

    return clock.run(main(), virtual=True)


def test_the_bridge_adds_less_than_40_ms_however_frames_lie_to_each_other() -> None:
    phases = np.arange(0.0, 20.0, 2.3)
    delays = [delay(phase, joined) for phase in phases for joined in (0.3, 5.3, 10.3, 15.3)]
    assert min(delays) >= 2.0
    assert max(delays) <= 34.5
    assert sum(delays) / len(delays) == pytest.approx(16.0, abs=1.0)


def test_another_rate_takes_six_milliseconds_more() -> None:
    for rates in ((8000, 16000), (16000, 8000)):
        assert 5.0 <= delay(3.3, rates=rates) - delay(3.3) <= 6.0


def test_nobody_clicks_when_they_join_or_leave() -> None:
    async def main() -> None:
        a, b, c = await three()
        left: list[tuple[Leg, str]] = []
        bridge = Bridge(on_left=lambda leg, reason: left.append((leg, reason)))
        bridge.join(a)
        humming = asyncio.create_task(all_hum(a, b, c, ms=4000))
        for _ in range(3):  # in the middle of their hums
            await asyncio.sleep(0.5013)
            bridge.join(b)
            await asyncio.sleep(0.1013)
            bridge.join(c)
            await asyncio.sleep(0.5013)
            bridge.leave(b)
            bridge.leave(b)
            await asyncio.sleep(0.1013)
            bridge.leave(c, "done")
        await humming
        assert left == [(b, "left"), (c, "done")] * 3
        for leg, others in ((a, (B, C)), (b, (A, C)), (c, (A, B))):
            loudest = sum(steepest(samples(hum(hz))) for hz in others)
            assert steepest(ear(leg)) <= 1.1 * loudest
            assert leg.lead == (0.01 if leg is a else 0.04)
        await bridge.aclose()
        end(a, b, c)

    clock.run(main(), virtual=True)


def test_a_leg_that_is_closed_leaves_and_the_others_go_on_without_a_click() -> None:
    async def main() -> None:
        a, b, c = await three()
        left: list[tuple[Leg, str]] = []
        bridge = Bridge(on_left=lambda leg, reason: left.append((leg, reason)))
        for leg in (a, b, c):
            bridge.join(leg)
        humming = asyncio.create_task(all_hum(a, b, c))
        await asyncio.sleep(1.0)
        a.hang_up()
        assert bridge.legs == (b, c)
        assert left == []  # soon, not in the middle of what the leg is doing
        await asyncio.sleep(0.3)
        c.lose()
        await humming
        assert left == [(a, "peer_stopped"), (c, "link_lost")]
        assert tones_heard(b, 0.1, 1.0) == [A, C]
        assert tones_heard(b, 1.1, 1.3) == [C]
        assert not ear(b)[round(1.4 * 8000) :].any()
        assert steepest(ear(b)) <= 1.1 * (steepest(samples(hum(A))) + steepest(samples(hum(C))))
        await bridge.aclose()
        await bridge.aclose()
        assert [*bridge.legs] == []
        await asyncio.sleep(0)
        assert left[-1] == (b, "bridge_closed")
        assert not b.closed
        count = len(b.received)
        await asyncio.sleep(0.2)
        assert len(b.received) <= count + 3, "nothing more is sent"
        end(b)

    clock.run(main(), virtual=True)


def test_what_our_side_says_goes_over_the_bridge_or_instead_of_it() -> None:
    async def main() -> None:
        a, b, _ = await three()
        bridge = Bridge()
        bridge.join(a)
        bridge.join(b)
        humming = asyncio.create_task(a.say(hum(A, ms=4000)))
        await asyncio.sleep(1.0)
        over = await b.play(hum(C, ms=1000))
        assert (over.played_ms, over.interrupted) == (1000.0, False)
        await asyncio.sleep(0.5)
        await b.play(hum(C, ms=1000), alone=True)
        await humming
        assert tones_heard(b, 1.1, 1.9) == [A, C]
        assert tones_heard(b, 2.1, 2.4) == [A]
        assert tones_heard(b, 2.7, 3.4) == [C]
        assert tones_heard(a, 1.1, 1.9) == []  # it was said to b alone
        await bridge.aclose()
        end(a, b)

    clock.run(main(), virtual=True)


def test_speech_that_is_cut_short_over_a_bridge_leaves_the_others_whole() -> None:
    async def main() -> None:
        a, b, _ = await three()
        bridge = Bridge()
        bridge.join(a)
        bridge.join(b)
        humming = asyncio.create_task(a.say(hum(A)))
        await asyncio.sleep(0.5)
        playout = b.play(hum(C))
        await asyncio.sleep(0.5)
        b.clear()
        played = await playout
        await humming
        assert played.interrupted
        assert played.played_ms == pytest.approx(500, abs=25)
        heard = b.heard
        assert len(heard) / 16000 == pytest.approx(clock.now(), abs=0.05)
        middle = samples(heard)[800:15000]
        assert min(strength(piece, A) for piece in np.array_split(middle, 80)) > 3500
        await bridge.aclose()
        end(a, b)

    clock.run(main(), virtual=True)


def test_a_sound_is_played_to_all_or_to_some_and_not_to_who_comes_later() -> None:
    async def main() -> None:
        a, b, _ = await three(8000, 16000, 8000)
        late = MemoryLeg()
        bridge = Bridge()
        bridge.join(a)
        bridge.join(b)
        playing = asyncio.create_task(bridge.play(Sound.from_pcm(hum(C), 8000)))
        await asyncio.sleep(0.5)
        bridge.join(late)
        await playing
        assert clock.now() == pytest.approx(2.0, abs=0.03)
        assert tones_heard(a, 0.1, 1.9) == [C]
        assert tones_heard(b, 0.1, 1.9) == [C]
        assert tones_heard(late, 0.6, 1.9) == []
        await bridge.play(hum(A, 16000, 1000), rate=16000, to=[b])
        assert tones_heard(a, 2.1, 2.9) == []
        assert tones_heard(b, 2.1, 2.9) == [A]
        await bridge.aclose()
        end(a, b, late)

    clock.run(main(), virtual=True)


def test_a_sound_that_is_cancelled_fades_out_and_waits_for_nobody_who_left() -> None:
    async def main() -> None:
        a, b, _ = await three()
        bridge = Bridge()
        bridge.join(a)
        bridge.join(b)
        playing = asyncio.create_task(bridge.play(hum(C)))
        await asyncio.sleep(0.5)
        playing.cancel()
        await asyncio.sleep(0.5)
        assert playing.cancelled()
        assert tones_heard(a, 0.1, 0.5) == [C]
        assert not ear(a)[round(0.56 * 8000) :].any()
        assert steepest(ear(a)) <= 1.05 * steepest(samples(hum(C)))
        playing = asyncio.create_task(bridge.play(hum(C)))
        await asyncio.sleep(0.5)
        a.hang_up()
        bridge.leave(b)
        await playing
        assert clock.now() == pytest.approx(1.5, abs=0.01)
        await bridge.play(hum(C))  # to nobody
        assert clock.now() == pytest.approx(1.5, abs=0.01)
        await bridge.aclose()
        end(b)

    clock.run(main(), virtual=True)


def test_frames_that_stop_come_late_and_come_in_a_burst_do_no_more_than_that() -> None:
    async def main() -> None:
        a, b, _ = await three()
        bridge = Bridge()
        bridge.join(a)
        bridge.join(b)
        whole, size = hum(A, ms=6000), frame_bytes(8000)
        frames = [whole[start : start + size] for start in range(0, len(whole), size)]
        for number, frame in enumerate(frames):
            if number == 120:
                for held in frames[100:120]:
                    a.hear(held)
            if not 100 <= number < 120:  # 0.4 s are held up on the way
                a.hear(frame)
            await asyncio.sleep(0.02)
        heard = ear(b)
        assert tones_heard(b, 0.1, 1.9) == [A]
        assert not heard[round(2.1 * 8000) : round(2.3 * 8000)].any()
        assert tones_heard(b, 2.5, 5.9) == [A]
        assert steepest(heard) <= 1.05 * steepest(samples(whole))
        await bridge.aclose()
        end(a, b)

    clock.run(main(), virtual=True)


def test_a_clock_that_is_off_is_followed_for_minutes() -> None:
    async def main(step: float) -> tuple[float, int]:
        a, b, _ = await three()
        bridge = Bridge()
        bridge.join(a)
        bridge.join(b)
        frame = hum(A)[1600:1920]  # 8 periods: every frame is as good as another
        moment = clock.now()
        while clock.now() < 120.0:
            a.hear(frame)
            moment += step
            await clock.sleep_until(moment)
        heard = ear(b)[8000 : 118 * 8000]
        pieces = np.array_split(heard, heard.size // 800)
        weak = sum(strength(piece, A) < 4000 for piece in pieces)
        await bridge.aclose()
        end(a, b)
        return steepest(heard) / steepest(samples(hum(A))), weak

    # 500 ppm, ten times what a bad crystal does: a frame in 40 s is too many, or missing.
    for step in (0.02001, 0.01999):
        rise, weak = clock.run(main(step), virtual=True)
        assert rise <= 1.05
        assert weak <= 8


def test_the_gap_when_music_gives_way_to_the_bridge_is_less_than_60_ms(tmp_path: Path) -> None:
    async def main() -> None:
        caller, person, _ = await three()
        recorder = Recorder(caller, tmp_path / "caller.wav")
        bridge = Bridge()
        bridge.join(person)
        music = Bed(hum(C), 8000, looping=True)
        caller.lay_bed(music)
        humming = asyncio.create_task(person.say(hum(A, ms=4000)))
        await asyncio.sleep(2.0)
        caller.lift_bed(music)
        bridge.join(caller)
        await humming
        recorder.stop()
        await bridge.aclose()
        end(caller, person)

    clock.run(main(), virtual=True)
    heard = samples(split(read_wav(tmp_path / "caller.wav").pcm, 2)[1])
    loud = np.flatnonzero(np.abs(heard[800 : 8000 * 39 // 10].astype(int)) > 500)
    gap = int(np.diff(loud).max()) / 8
    assert gap <= 60.0
    assert strength(heard[8000:16000], C) > 4000
    assert strength(heard[17000:25000], A) > 4000


def test_silence_is_passed_on_as_silence() -> None:
    async def main() -> None:
        a, b, c = await three(8000, 16000, 8000)
        bridge = Bridge()
        for leg in (a, b, c):
            bridge.join(leg)
        await asyncio.gather(a.say(bytes(16000)), b.say(bytes(32000)))
        for leg in (a, b, c):
            assert {pcm for _, pcm in leg.received} == {bytes(leg.sample_rate // 25)}
            assert len(leg.received) == pytest.approx(50, abs=2)
        await bridge.aclose()
        end(a, b, c)

    clock.run(main(), virtual=True)


def test_a_party_each_has_a_track_where_they_said_it(tmp_path: Path) -> None:
    path = tmp_path / "bridge.wav"

    async def main() -> None:
        a, b, c = await three(8000, 8000, 16000)
        bridge = Bridge()
        recorder = bridge.record(path, parties=3)
        with pytest.raises(UsageError, match="being recorded already"):
            bridge.record(path)
        bridge.join(a)
        bridge.join(b)
        await a.say(hum(A, ms=1000))  # 0 to 1
        await b.say(hum(B, ms=1000))  # 1 to 2
        bridge.leave(b)
        await b.say(hum(B, ms=1000))  # not in the bridge any more, but still on its track
        bridge.join(c)
        await c.say(hum(C, 16000, 1000))  # 3 to 4
        bridge.join(b)
        await b.say(hum(B, ms=1000))  # 4 to 5
        a.hang_up()
        await bridge.play(hum(A, ms=1000))  # 5 to 6
        await bridge.aclose()
        assert recorder.stopped
        assert recorder.seconds == pytest.approx(6.0, abs=0.03)
        assert recorder.error is None
        end(b, c)

    clock.run(main(), virtual=True)
    wav = read_wav(path)
    assert (wav.rate, wav.channels) == (8000, 4)
    heard: dict[int, list[int]] = {}
    for number, (track, hz) in enumerate(zip(split(wav.pcm, 4), (A, B, C, A), strict=True)):
        wave = samples(track)
        seconds = np.array_split(wave[: 6 * 8000], 6)
        heard[number] = [
            at for at, part in enumerate(seconds) if strength(part[800:-800], hz) > 4000
        ]
        quiet = [part for at, part in enumerate(seconds) if at not in heard[number]]
        assert all(np.abs(part[200:-200].astype(int)).max() < 20 for part in quiet)
    assert heard == {0: [0], 1: [1, 2, 4], 2: [3], 3: [5]}
    # To the sample, as everything that a memory leg hears lies 20 ms before it was given.
    ours, theirs = samples(split(wav.pcm, 4)[1])[9000:15000], samples(hum(B, ms=1000))
    assert (ours == theirs[1160:7160]).all()


def test_one_recorder_may_go_on_over_bridges(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        a, b, _ = await three()
        recorder = TrackRecorder(path, tracks=3)
        assert recorder.add(a) == 0
        await a.say(hum(A, ms=1000))
        bridge = Bridge()
        bridge.join(a)
        assert bridge.record(recorder) is recorder
        bridge.join(b)
        await all_hum(a, b, ms=1000)
        await bridge.aclose()
        assert not recorder.stopped
        await a.say(hum(A, ms=1000))
        recorder.stop()
        recorder.stop()
        end(a, b)

    clock.run(main(), virtual=True)
    first, second, ours = map(samples, split(read_wav(path).pcm, 3))
    assert [strength(part[800:-800], A) > 4000 for part in np.array_split(first, 3)] == [True] * 3
    assert [strength(part[800:-800], B) > 4000 for part in np.array_split(second, 3)] == [
        *(False, True, False)
    ]
    assert not ours.any()


def test_what_cannot_be_is_refused() -> None:
    async def main() -> None:
        a, b, c = await three(8000, 8000, 22050)
        bridge = Bridge()
        bridge.join(a)
        with pytest.raises(UsageError, match="already"):
            bridge.join(a)
        with pytest.raises(UsageError, match="multiple of 8000 Hz, not 22050"):
            bridge.join(c)
        for refused in (bridge.route, bridge.mute, bridge.unmute):
            with pytest.raises(UsageError, match="not in the bridge"):
                refused(b)
        with pytest.raises(UsageError, match="not in the bridge"):
            await bridge.play(hum(A), to=[b])
        with pytest.raises(UsageError, match="even number"):
            await bridge.play(b"odd")
        b.close()
        with pytest.raises(LegClosed):
            bridge.join(b)
        await bridge.aclose()
        with pytest.raises(UsageError, match="closed"):
            bridge.join(a)
        end(a, c)

    clock.run(main(), virtual=True)


def test_music_is_louder_than_nothing_and_passes_two_rates() -> None:
    """Real sound, not sines: what one of 16 kHz plays is what one of 8 kHz hears."""

    async def main() -> float:
        a, b = MemoryLeg(16000), MemoryLeg(8000)
        bridge = Bridge()
        bridge.join(a)
        bridge.join(b)
        await a.say(built_in_sound("hold_music", 16000)[: 32000 * 2])
        wanted = samples(built_in_sound("hold_music", 8000))[4000:12000].astype(float)
        heard = ear(b)[4000:13000].astype(float)
        scores = np.correlate(heard, wanted, "valid")
        at = int(scores.argmax())
        found = heard[at : at + wanted.size]
        await bridge.aclose()
        end(a, b)
        return float(np.corrcoef(found, wanted)[0, 1])

    assert clock.run(main(), virtual=True) > 0.95

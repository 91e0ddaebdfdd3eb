"""Two calls on the pretend carrier's sockets, bridged in our process."""

import asyncio
from pathlib import Path

import numpy as np
from tests.server.street import OURS, THEIRS, street

from hookflash import Call
from hookflash.audio.frames import samples
from hookflash.audio.tones import tone
from hookflash.audio.wav import read_wav, split
from hookflash.calls.bridge import Bridge
from hookflash.emulator import FarEnd, Line, person
from hookflash.legs.base import Leg
from hookflash.pipeline.bed import Bed
from hookflash.runtime import clock

FIRST, SECOND, MUSIC = 400.0, 700.0, 1100.0


def hum(hz: float, ms: int) -> bytes:
    return tone((hz,), ms, level_dbfs=-20.0)


def share(pcm: bytes, hz: float) -> float:
    """How much of a sound is one frequency, 0 to 1."""
    wave = samples(pcm).astype(float)
    if not wave.any():
        return 0.0
    turn = np.exp(-2j * np.pi * hz / 8000 * np.arange(wave.size))
    return float(2 * abs(wave @ turn) ** 2 / wave.size / (wave @ wave))


def test_two_calls_on_the_line_hear_each_other_and_the_second_ends_when_the_first_does(
    tmp_path: Path,
) -> None:
    lines: dict[float, Line] = {}
    left: list[str] = []

    async def main() -> None:
        bridge = Bridge(on_left=lambda leg, reason: hang_up_the_others(reason))
        waiting: list[tuple[Leg, Bed]] = []

        def hang_up_the_others(reason: str) -> None:
            left.append(reason)
            for leg in bridge.legs:
                leg.close()

        async def answer(call: Call) -> None:
            leg = await call.answer()
            if not waiting:
                music = Bed(hum(MUSIC, 1000), 8000, looping=True)
                leg.lay_bed(music)
                waiting.append((leg, music))
            else:
                first, music = waiting[0]
                music.fade_out(0.02)
                bridge.record(tmp_path / "bridge.wav", parties=2)
                bridge.join(first)
                bridge.join(leg)
            await call.wait_ended()

        def hums(hz: float, ms: int) -> FarEnd:
            async def script(line: Line) -> None:
                lines[hz] = line
                await line.say(hum(hz, ms))
                line.hang_up()

            return person(script)

        async with street() as place:
            place.app.on_call(answer)
            first = place.carrier.call(to=OURS, from_=THEIRS, far_end=hums(FIRST, 6000))
            await asyncio.sleep(3.0)
            second = place.carrier.call(to=OURS, from_="+15550188", far_end=hums(SECOND, 9000))
            await first.ended()
            ended = clock.now()
            await second.ended()
            assert clock.now() - ended < 1.0
            await place.app.drain()
        await bridge.aclose()

    clock.run(main(), virtual=True)
    one, other = lines[FIRST].heard, lines[SECOND].heard
    ((begin, end),) = one.speech(gap=0.06)  # from the music on, no gap is longer
    assert end - begin > 5.0
    ((hears_from, until),) = other.speech(gap=0.06)
    assert share(other.pcm(hears_from + 0.1, until - 0.1), FIRST) > 0.98
    merged = end - (until - hears_from)
    assert share(one.pcm(begin + 0.1, merged - 0.3), MUSIC) > 0.98
    assert share(one.pcm(merged + 0.3, end - 0.1), SECOND) > 0.98
    assert left == ["peer_stopped", "we_closed"]
    first_track, second_track, ours = split(read_wav(tmp_path / "bridge.wav").pcm, 3)
    assert share(first_track[8000:24000], FIRST) > 0.98
    assert share(second_track[8000:24000], SECOND) > 0.98
    assert not any(ours)

import asyncio
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from hookflash.audio.frames import samples
from hookflash.audio.tones import tone
from hookflash.audio.wav import read_wav, split
from hookflash.calls.track_recording import RecordingState, TrackRecorder
from hookflash.errors import LegClosed, UsageError
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg

HUM = tone((400.0,), 5000, level_dbfs=-20.0)
SECOND = HUM[: 2 * 8000]


def loud_ms(pcm: bytes) -> list[tuple[int, int]]:
    """When a track is not silent, to 10 ms."""
    pieces = np.array_split(samples(pcm), len(pcm) // 160)
    loud = [bool(piece.any()) for piece in pieces]
    edges = [at for at in range(1, len(loud)) if loud[at] != loud[at - 1]]
    ends = [0, *edges] if loud[0] else edges
    ends += [len(loud)] if len(ends) % 2 else []
    return [(10 * begin, 10 * end) for begin, end in zip(ends[::2], ends[1::2], strict=True)]


def test_legs_come_and_go_and_keep_their_tracks(tmp_path: Path) -> None:
    async def main() -> None:
        a, b = MemoryLeg(), MemoryLeg()
        recorder = TrackRecorder(tmp_path / "call.wav", tracks=3)
        assert (recorder.add(b, 1), recorder.add(a), recorder.add(b)) == (1, 0, 1)
        await a.say(SECOND)
        recorder.remove(a)
        recorder.remove(a)
        await a.say(SECOND)
        assert recorder.add(a) == 0
        await a.say(SECOND)
        await b.say(SECOND)
        b.hang_up()
        with pytest.raises(LegClosed):
            recorder.add(b)
        recorder.put(2, SECOND, clock.now())
        await asyncio.sleep(1.0)
        recorder.stop()
        assert recorder.stopped
        assert recorder.seconds == pytest.approx(5.0)
        with pytest.raises(UsageError, match="over"):
            recorder.add(a)
        a.close()

    clock.run(main(), virtual=True)
    tracks = split(read_wav(tmp_path / "call.wav").pcm, 3)
    # What a memory leg is given at a moment it takes for the 20 ms before it.
    assert [loud_ms(track) for track in tracks] == [
        [(0, 980), (1980, 2980)],
        [(2980, 3980)],
        [(4000, 5000)],
    ]


def test_those_who_find_no_track_free_share_the_last(tmp_path: Path) -> None:
    async def main() -> None:
        a, b, c = MemoryLeg(), MemoryLeg(), MemoryLeg()
        recorder = TrackRecorder(tmp_path / "call.wav", tracks=2)
        assert [recorder.add(leg) for leg in (a, b, c)] == [0, 1, 1]
        await asyncio.gather(b.say(SECOND), c.say(tone((700.0,), 1000, level_dbfs=-20.0)))
        recorder.stop()
        for leg in (a, b, c):
            leg.close()

    clock.run(main(), virtual=True)
    first, last = split(read_wav(tmp_path / "call.wav").pcm, 2)
    assert not any(first)
    wave = samples(last)[800:7200]
    for hz in (400.0, 700.0):
        turn = np.exp(-2j * np.pi * hz / 8000 * np.arange(wave.size))
        assert 2 * abs(wave @ turn) / wave.size > 4000


def test_nothing_that_is_said_in_a_pause_is_recorded(tmp_path: Path) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        recorder = TrackRecorder(tmp_path / "call.wav", tracks=2)
        recorder.add(leg)
        saying = asyncio.create_task(leg.say(HUM[: 2 * 24000]))
        await asyncio.sleep(1.005)
        recorder.pause()
        recorder.put(1, SECOND[:3200], clock.now())
        await asyncio.sleep(1.0)
        recorder.resume()
        recorder.resume()
        recorder.put(1, SECOND[:3200], clock.now())
        await saying
        recorder.stop()
        leg.close()

    clock.run(main(), virtual=True)
    said, put = split(read_wav(tmp_path / "call.wav").pcm, 2)
    # To the sample: 1.005 s is sample 8040, 2.005 s is sample 16040.
    assert loud_ms(said) == [(0, 1010), (2000, 2980)]
    assert not any(said[2 * 8040 : 2 * 16040])
    assert loud_ms(put) == [(2000, 2210)]


def test_the_file_plays_while_it_grows_and_holds_an_hour_of_nobody(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        leg = MemoryLeg()
        recorder = TrackRecorder(path, tracks=2)
        recorder.add(leg)
        await leg.say(HUM)
        assert 3.0 <= len(read_wav(path).pcm) / 4 / 8000 <= 5.0
        await asyncio.sleep(3594.9)
        assert path.stat().st_size >= 44 + 3598 * 8000 * 4, "also while nobody speaks"
        await asyncio.sleep(0.1)
        recorder.stop()
        leg.close()

    clock.run(main(), virtual=True)
    assert path.stat().st_size == 44 + 3600 * 8000 * 4


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        recorder = TrackRecorder(tmp_path / "call.wav", tracks=2)
        recorder.add(leg)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            await leg.say(HUM)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert recorder.stopped
        assert isinstance(recorder.error, OSError)
        assert not leg.closed
        recorder.put(0, SECOND, clock.now())
        leg.close()

    clock.run(main(), virtual=True)


def test_a_recording_that_cannot_begin_says_why(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match=r"is a \.wav file, not \.opus"):
            TrackRecorder(tmp_path / "call.opus", tracks=3)
        for tracks in (0, 33, True):
            with pytest.raises(UsageError, match="tracks is"):
                TrackRecorder(tmp_path / "call.wav", tracks=tracks)
        with pytest.raises(UsageError, match="11025 Hz"):
            TrackRecorder(tmp_path / "call.wav", tracks=2, rate=11025)
        with pytest.raises(FileNotFoundError):
            TrackRecorder(tmp_path / "nowhere" / "call.wav", tracks=2)
        leg = MemoryLeg()
        recorder = TrackRecorder(tmp_path / "call.wav", tracks=2)
        for track in (-1, 2):
            with pytest.raises(UsageError, match="from 0 to 1"):
                recorder.add(leg, track)
        recorder.stop()
        leg.close()

    clock.run(main(), virtual=True)


def test_both_sides_of_a_leg_may_share_a_track_and_find_their_own_again(tmp_path: Path) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        recorder = TrackRecorder(tmp_path / "call.wav", tracks=3, until=leg)
        assert (recorder.add(leg), recorder.add(leg, of="heard")) == (0, 1)
        assert (recorder.add(leg, 0, of="speech"), recorder.add(leg, 2)) == (0, 0)
        leg.play(SECOND)
        await asyncio.sleep(1.0)
        recorder.remove(leg)
        await leg.say(SECOND)
        assert recorder.add(leg, of="heard") == 1
        leg.play(SECOND)
        await asyncio.sleep(1.0)
        leg.hang_up()
        assert recorder.stopped

    clock.run(main(), virtual=True)
    tracks = split(read_wav(tmp_path / "call.wav").pcm, 3)
    assert [loud_ms(track) for track in tracks] == [[(0, 1000)], [(0, 1000), (2000, 3000)], []]


def test_legs_of_another_rate_lie_where_they_were_heard_also_after_a_cut(tmp_path: Path) -> None:
    hum = tone((400.0,), 1000, rate=16000, level_dbfs=-20.0)

    async def main() -> None:
        leg = MemoryLeg(16000)
        recorder = TrackRecorder(tmp_path / "call.wav", tracks=1)
        recorder.add(leg, of="speech")
        leg.play(hum)
        await asyncio.sleep(0.5)
        leg.clear()
        leg.play(hum)  # at once, from the beginning
        await asyncio.sleep(2.0)
        leg.play(hum)
        await asyncio.sleep(1.0)
        recorder.stop()
        leg.close()

    clock.run(main(), virtual=True)
    said = samples(read_wav(tmp_path / "call.wav").pcm).astype(int)
    wanted = samples(SECOND).astype(int)
    for at, size in ((0, 4000), (4000, 7900), (20000, 7900)):
        # The filter's edge, where the sine begins out of nothing, is not to the bit.
        assert np.abs(said[at + 100 : at + size] - wanted[100:size]).max() < 40
    assert not said[12100:19900].any()


def test_who_watches_a_recording_is_told_until_they_do_no_more(tmp_path: Path) -> None:
    async def main() -> list[RecordingState]:
        states: list[RecordingState] = []

        def changed(recorder: TrackRecorder) -> None:
            states.append(recorder.state)

        recorder = TrackRecorder(tmp_path / "call.wav", tracks=1)
        recorder.watch(changed)
        recorder.pause()
        recorder.unwatch(changed)
        recorder.unwatch(changed)
        recorder.stop()
        return states

    assert clock.run(main(), virtual=True) == ["paused"]


def test_a_leg_that_comes_late_costs_no_memory_for_the_time_before(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> int:
        leg = MemoryLeg()
        recorder = TrackRecorder(path, tracks=1)
        await asyncio.sleep(3600.0)
        tracemalloc.start()
        recorder.add(leg)
        await leg.say(SECOND)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        recorder.stop()
        leg.close()
        return most

    assert clock.run(main(), virtual=True) < 2_000_000
    said = read_wav(path).pcm
    assert not any(said[: 3599 * 16000])
    assert loud_ms(said[3599 * 16000 :]) == [(980, 1980)]

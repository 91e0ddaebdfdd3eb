import asyncio
from array import array
from pathlib import Path

from hookflash.audio.tones import tone
from hookflash.audio.wav import read_wav, split
from hookflash.calls import Recorder
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg


def loud(pcm: bytes, *, at: float) -> bool:
    """Whether the 10 ms from `at` seconds on are loud."""
    start = 2 * round(at * 8000)
    return max(map(abs, array("h", pcm[start : start + 160])), default=0) > 1000


def test_a_recording_is_time_true_and_holds_what_was_heard(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        leg = MemoryLeg()
        recorder = Recorder(leg, path)
        await asyncio.sleep(1.0)
        leg.play(tone((440.0,), 3000))  # heard from 1.0 to 2.0
        await asyncio.sleep(1.0)
        leg.clear()
        await asyncio.sleep(1.0)
        await leg.say(tone((600.0,), 1000))  # heard from 3.0 to 4.0
        await asyncio.sleep(1.0)
        recorder.stop()
        recorder.stop()
        leg.close()

    clock.run(main(), virtual=True)
    wav = read_wav(path)
    assert (wav.rate, wav.channels) == (8000, 2)
    party, ours = split(wav.pcm, 2)
    assert [loud(ours, at=t) for t in (0.95, 1.05, 1.9, 2.05, 3.5)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert [loud(party, at=t) for t in (1.5, 2.9, 3.1, 3.9, 4.1)] == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert len(ours) == len(party) == 5 * 16000


def test_a_killed_process_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    sizes: list[float] = []

    async def main() -> None:
        leg = MemoryLeg()
        recorder = Recorder(leg, path)
        await leg.say(tone((600.0,), 5000))
        wav = read_wav(path)
        sizes.append(len(wav.pcm) / 4 / wav.rate)
        leg.hang_up()
        assert recorder is not None

    clock.run(main(), virtual=True)
    assert 3.0 < sizes[0] <= 5.0
    wav = read_wav(path)
    assert abs(len(wav.pcm) / 4 / wav.rate - 5.0) < 0.03

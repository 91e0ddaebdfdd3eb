import asyncio

import numpy as np
import pytest

from hookflash.audio.frames import Framer, silence
from hookflash.errors import UsageError
from hookflash.providers.base import VoiceVerdict
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.providers.silero import SileroStream, SileroVAD
from hookflash.runtime import clock

TEXT = "What are your opening hours on Saturday?"


def noise(seconds: float, rate: int) -> bytes:
    wave = np.random.default_rng(7).standard_normal(int(seconds * rate)) * 30
    return wave.astype("<i2").tobytes()


async def voice(rate: int, before: float = 1.0, after: float = 1.0) -> tuple[bytes, float]:
    """Return speech with noise around it, and when the speech ends."""
    async with EspeakTTS() as tts:
        pcm = await speak_pcm(tts, TEXT, rate)
    spoken = len(pcm) / (2 * rate)
    return noise(before, rate) + pcm + noise(after, rate), before + spoken


async def play(stream: SileroStream, pcm: bytes, rate: int) -> None:
    """Push 20 ms frames at their times."""
    for frame in Framer(rate).push(pcm):
        await asyncio.sleep(0.02)
        stream.push(frame, clock.now())
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_speech_starts_and_stops_where_it_was(rate: int) -> None:
    async def main() -> None:
        async with SileroVAD() as vad:
            pcm, ends = await voice(rate)
            verdicts: list[VoiceVerdict] = []
            stream = vad.watch(rate, verdicts.append)
            began = clock.now()
            await play(stream, pcm, rate)
            assert [verdict.speaking for verdict in verdicts] == [True, False]
            assert verdicts[0].at - began == pytest.approx(1.0, abs=0.15)
            assert verdicts[1].at - began == pytest.approx(ends, abs=0.2)
            stream.close()

    clock.run(main(), virtual=True)


@pytest.mark.slow
def test_many_calls_are_judged_together_as_each_would_be_alone() -> None:
    async def main() -> None:
        async with SileroVAD() as vad:
            pcm, _ = await voice(8000)
            found: list[list[VoiceVerdict]] = [[] for _ in range(20)]
            streams = [vad.watch(8000, verdicts.append) for verdicts in found]
            quiet: list[VoiceVerdict] = []
            silent = vad.watch(8000, quiet.append)
            for frame in Framer(8000).push(pcm):
                await asyncio.sleep(0.02)
                for stream in streams:
                    stream.push(frame, clock.now())
                silent.push(bytes(320), clock.now())
            await asyncio.sleep(0.1)
            assert [verdict.speaking for verdict in found[0]] == [True, False]
            assert all(verdicts == found[0] for verdicts in found)
            assert quiet == []

    clock.run(main(), virtual=True)


def test_frames_of_any_length_give_the_same_verdicts() -> None:
    async def main() -> None:
        async with SileroVAD() as vad:
            pcm, _ = await voice(8000)
            one: list[VoiceVerdict] = []
            whole = vad.watch(8000, one.append)
            whole.push(pcm, len(pcm) / 16000)
            await asyncio.sleep(0.1)
            two: list[VoiceVerdict] = []
            odd = vad.watch(8000, two.append)
            for start in range(0, len(pcm), 74):
                part = pcm[start : start + 74]
                odd.push(part, (start + len(part)) / 16000)
            await asyncio.sleep(0.1)
            assert [verdict.speaking for verdict in one] == [True, False]
            assert [verdict.speaking for verdict in two] == [True, False]
            ats = [verdict.at for verdict in two]
            assert [verdict.at for verdict in one] == pytest.approx(ats, abs=1e-6)

    clock.run(main(), virtual=True)


def test_a_slot_is_used_again_with_a_clean_state() -> None:
    async def main() -> None:
        async with SileroVAD() as vad:
            pcm, _ = await voice(8000, before=0.0, after=0.0)
            kept = vad.watch(8000, lambda _: None)
            first = vad.watch(8000, lambda _: None)
            first.push(pcm[: len(pcm) // 2], 1.0)
            slot = first.slot
            first.close()
            first.close()
            verdicts: list[VoiceVerdict] = []
            second = vad.watch(8000, verdicts.append)
            assert second.slot == slot
            second.push(silence(8000, 2000), 2.0)
            await asyncio.sleep(0.1)
            assert verdicts == []
            kept.close()

    clock.run(main(), virtual=True)


def test_after_closing_no_verdict_follows_and_audio_is_ignored() -> None:
    async def main() -> None:
        async with SileroVAD() as vad:
            pcm, _ = await voice(8000)
            verdicts: list[VoiceVerdict] = []
            stream = vad.watch(8000, verdicts.append)
            stream.push(pcm, 3.0)
            stream.close()
            stream.push(pcm, 6.0)
            await asyncio.sleep(0.1)
            assert verdicts == []

    clock.run(main(), virtual=True)


def test_the_arrays_double_and_a_call_costs_little_memory() -> None:
    async def main() -> None:
        async with SileroVAD() as vad:
            streams = [vad.watch(8000, lambda _: None) for _ in range(8)]
            small = vad.nbytes
            streams += [vad.watch(8000, lambda _: None) for _ in range(248)]
            assert (vad.nbytes - small) / 248 < 3200
            assert sorted(stream.slot for stream in streams) == list(range(256))

    clock.run(main(), virtual=True)


def test_what_cannot_be_watched_says_why() -> None:
    async def main() -> None:
        async with SileroVAD() as vad:
            with pytest.raises(UsageError, match="not 44100"):
                vad.watch(44100, lambda _: None)
            stream = vad.watch(8000, lambda _: None)
            with pytest.raises(UsageError, match="odd number"):
                stream.push(b"abc", 0.0)

    clock.run(main(), virtual=True)


def test_another_loop_may_use_it_once_its_streams_are_closed() -> None:
    vad = SileroVAD()

    async def watch(*, close: bool) -> SileroStream:
        stream = vad.watch(8000, lambda _: None)
        if close:
            stream.close()
        return stream

    clock.run(watch(close=True), virtual=True)
    left_open = clock.run(watch(close=False), virtual=True)
    with pytest.raises(UsageError, match="another event loop"):
        clock.run(watch(close=True), virtual=True)
    left_open.close()
    clock.run(watch(close=True), virtual=True)

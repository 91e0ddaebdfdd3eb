"""A warm transfer on the carrier's sockets, recorded from the first word to the last hang-up."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from tests.server.street import OURS, THEIRS, street
from tests.server.test_bridge import hum, share

from hookflash import Agent, AgentSession, Call, Pipeline, SessionOptions
from hookflash.agent import RecordingConfig
from hookflash.audio.frames import samples
from hookflash.audio.wav import read_wav, split
from hookflash.calls.recording import CallTracks, Recorder
from hookflash.calls.transfer_types import (
    PhoneDestination,
    WarmTransferConfig,
    WarmTransferPhaseReached,
)
from hookflash.emulator import Line, person
from hookflash.runtime import clock
from hookflash.testing import ScriptedTTS

ANN = "+14155550100"
CALLER_HZ, ANN_HZ = 700.0, 1000.0


class Recorded:
    """A call whose recording has ended, and when what happened in it."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.recorder: Recorder | None = None

    def mark(self, name: str) -> None:
        """It happens now."""
        self.at[name] = clock.now()

    def second(self, name: str) -> float:
        """When it happened, in seconds of the file."""
        return self.at[name] - self.at["began"]

    def tracks(self) -> list[bytes]:
        assert self.recorder is not None
        wav = read_wav(self.recorder.path)
        assert wav.rate == 8000
        return split(wav.pcm, wav.channels)


def part(track: bytes, since: float, until: float) -> bytes:
    return track[2 * round(since * 8000) : 2 * round(until * 8000)]


def sounds(track: bytes, *, gap: float = 0.06) -> list[tuple[float, float]]:
    """When a track sounds, in seconds; what `gap` and less parts is one sound."""
    size = 80  # 10 ms
    wave = samples(track)
    loud = [at for at in range(len(wave) // size) if abs(wave[at * size :][:size]).max() > 100]
    breaks = [pair for pair in pairwise(loud) if (pair[1] - pair[0] - 1) / 100 > gap]
    starts, ends = [loud[0], *(b for _, b in breaks)], [*(a for a, _ in breaks), loud[-1]]
    return [(start / 100, (end + 1) / 100) for start, end in zip(starts, ends, strict=True)]


def record_a_transfer(folder: Path, tracks: CallTracks) -> Recorded:
    """The caller is greeted and handed to Ann, who talks from the moment she takes the call.

    Both talk at once for a while, and Ann hangs up.
    """
    recorded = Recorded()
    merged = asyncio.Event()

    async def caller(line: Line) -> None:
        await line.wait(1.0)
        recorded.mark("caller")
        await line.say(hum(CALLER_HZ, 1000))
        await merged.wait()
        await line.wait(1.0)
        recorded.mark("caller again")
        await line.say(hum(CALLER_HZ, 3000))
        await line.wait_end()

    async def ann(line: Line) -> None:
        await line.wait(6.0)
        line.press("1")
        await line.wait(8.0)
        line.press("1")
        await line.wait_said()
        recorded.mark("ann")
        await line.say(hum(ANN_HZ, 6000))
        line.hang_up()

    async def main() -> None:
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(
                    Agent(),
                    Pipeline(tts=ScriptedTTS()),
                    options=SessionOptions(wording=None),
                    recording=RecordingConfig(folder=folder, tracks=tracks),
                )
                session.on("recording.started", lambda _: recorded.mark("began"))

                @session.on_warm_transfer("call_switched")
                def switched(_: WarmTransferPhaseReached) -> None:
                    recorded.mark("merged")
                    merged.set()

                await session.start(call)
                await asyncio.sleep(3.0)
                recorded.mark("agent")
                await session.say("Hello there.")
                config = WarmTransferConfig(PhoneDestination(ANN, "Ann"))
                assert (await session.warm_transfer(config)).success
                assert await session.wait_closed() == "transferred"
                recorder = recorded.recorder = call.recording
                assert recorder is not None
                assert recorder.state == "recording"
                await call.wait_ended()
                assert recorder.stopped
                recorded.mark("over")

            place.carrier.far_ends[ANN] = person(ann)
            phoned = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(caller))
            await phoned.ended()
            await place.app.drain()

    clock.run(main(), virtual=True)
    return recorded


def test_a_transfer_leaves_one_file_with_a_time_true_track_for_each_party(tmp_path: Path) -> None:
    recorded = record_a_transfer(tmp_path, "parties")
    assert [path.suffix for path in tmp_path.iterdir()] == [".wav"]
    caller, agent, ann = recorded.tracks()
    merged, over = recorded.second("merged"), recorded.second("over")
    assert len(caller) / 16000 == pytest.approx(over, abs=0.1)

    # Each where it was said, but for the way over the carrier.
    first, second = sounds(caller)
    assert first[0] == pytest.approx(recorded.second("caller"), abs=0.06)
    assert second[0] == pytest.approx(recorded.second("caller again"), abs=0.06)
    assert second[1] - second[0] == pytest.approx(3.0, abs=0.03)
    (said,) = sounds(ann)
    assert said[0] == pytest.approx(recorded.second("ann"), abs=0.06)
    assert said[1] - said[0] == pytest.approx(6.0, abs=0.03)
    # The agent's: a greeting and the hold line to the caller, and a briefing to Ann. No music
    # lies between them, and nobody's voice over or behind them.
    to_caller, to_ann = sounds(agent)
    assert to_caller[0] == pytest.approx(recorded.second("agent"), abs=0.06)
    assert to_caller[1] + 1.0 < to_ann[0]
    assert to_ann[1] < merged
    # The two talked at once, each on a track.
    assert share(part(caller, second[0] + 0.1, second[1] - 0.1), CALLER_HZ) > 0.95
    assert share(part(ann, said[0] + 0.1, said[1] - 0.1), ANN_HZ) > 0.95


def test_a_caller_hears_no_gap_of_more_than_60_ms_at_the_merge(tmp_path: Path) -> None:
    recorded = record_a_transfer(tmp_path, "sides")
    party, heard = recorded.tracks()
    merged, over = recorded.second("merged"), recorded.second("over")
    assert len(heard) / 16000 == pytest.approx(over, abs=0.1)
    # From the greeting over the music on hold into Ann's words: nowhere 60 ms of silence.
    (heard_all_along,) = sounds(heard, gap=0.06)
    assert heard_all_along[0] == pytest.approx(recorded.second("agent"), abs=0.06)
    assert heard_all_along[1] > recorded.second("ann") + 5.9
    assert share(part(heard, merged + 0.7, merged + 5.9), ANN_HZ) > 0.95
    assert share(part(party, merged + 1.2, merged + 3.8), CALLER_HZ) > 0.95

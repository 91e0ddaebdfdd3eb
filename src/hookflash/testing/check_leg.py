"""What every leg must do. A leg of your own passes this before anything is built on it."""

import asyncio
import cmath
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from hookflash.audio.dtmf import DtmfDetector
from hookflash.audio.frames import FRAME_MS, frame_bytes
from hookflash.audio.tones import tone
from hookflash.errors import LegClosed
from hookflash.legs.base import Leg

__all__ = ["FarSide", "check_leg"]


class FarSide(Protocol):
    """The party at the other end of the leg under test, as the check plays it."""

    def received(self) -> list[tuple[float, bytes]]:
        """Every 20 ms frame (PCM16 at the leg's rate) that arrived, and when, in loop seconds."""
        ...

    def send_frame(self, pcm: bytes) -> None:
        """Speak 20 ms to the leg now."""
        ...

    def press(self, digit: str) -> None:
        """Press one key, as this kind of link signals it."""
        ...

    def hang_up(self) -> None:
        """End the link from the far side."""
        ...

    def gone(self) -> bool:
        """Whether the far side has seen the link end."""
        ...


Connect = Callable[[], AbstractAsyncContextManager[tuple[Leg, FarSide]]]


class _Notes:
    """A listener that writes down what it is told."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.digits = ""
        self.closed: list[str] = []

    def audio_received(self, pcm: bytes, at: float) -> None:
        self.frames.append(pcm)

    def digit_received(self, digit: str, at: float) -> None:
        self.digits += digit

    def leg_closed(self, reason: str) -> None:
        self.closed.append(reason)


async def check_leg(connect: Connect) -> None:
    """Check a kind of leg. Run it on virtual time, or it takes half a minute.

    Args:
        connect: opens a fresh leg with its far side, and cleans up.

    Raises:
        AssertionError: what the leg did wrong.
    """
    await _plays_frames_of_20_ms_at_real_time_pace(connect)
    await _play_tells_how_much_was_heard(connect)
    await _utterances_play_in_order(connect)
    await _clear_stops_within_a_frame(connect)
    await _pause_keeps_the_place(connect)
    await _a_bed_fills_the_silence(connect)
    await _speech_lies_over_the_bed(connect)
    await _a_clear_spares_the_bed(connect)
    await _the_far_side_is_heard(connect)
    await _keys_are_heard(connect)
    await _keys_are_sent(connect)
    await _we_can_close(connect)
    await _they_can_close(connect)


class _about:  # noqa: N801  # reads as what it checks: `x in _about(500, 25)`
    def __init__(self, wanted: float, give: float) -> None:
        self._wanted = wanted
        self._give = give

    def __contains__(self, value: float) -> bool:
        return abs(value - self._wanted) <= self._give

    def __repr__(self) -> str:
        return f"{self._wanted} give or take {self._give}"


def _tone(leg: Leg, ms: int) -> bytes:
    # Not silence, so that padding shows; a tone survives every codec.
    return tone((440.0,), ms, rate=leg.sample_rate)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not condition():  # noqa: ASYNC110  # a far side is anybody's; it has no event to set
            await asyncio.sleep(0.005)


async def _plays_frames_of_20_ms_at_real_time_pace(connect: Connect) -> None:
    async with connect() as (leg, far):
        await leg.play(_tone(leg, 500))
        await _until(lambda: len(far.received()) >= 25)
        frames = far.received()
        size = frame_bytes(leg.sample_rate)
        assert [len(pcm) for _, pcm in frames] == [size] * 25, "frames are 20 ms long"
        began = frames[0][0]
        for index, (at, _) in enumerate(frames):
            ideal = began + index * FRAME_MS / 1000
            assert at <= ideal + 0.025, f"frame {index} was late"
            assert at >= ideal - leg.lead - 0.025, f"frame {index} was sent further ahead than lead"


async def _play_tells_how_much_was_heard(connect: Connect) -> None:
    async with connect() as (leg, _):
        began = asyncio.get_running_loop().time()
        played = await leg.play(_tone(leg, 330))
        assert played.total_ms in _about(330, 0.5)
        assert played.played_ms in _about(330, 0.5), "what was played was heard"
        assert not played.interrupted
        assert asyncio.get_running_loop().time() - began >= 0.32, "heard takes as long as it lasts"
        empty = await leg.play(b"")
        assert (empty.played_ms, empty.total_ms, empty.interrupted) == (0, 0, False)


async def _utterances_play_in_order(connect: Connect) -> None:
    async with connect() as (leg, far):
        first = leg.play()
        second = leg.play(_tone(leg, 40))
        await asyncio.sleep(0.1)
        assert far.received() == [], "the second waits for the first"
        first.write(_tone(leg, 30))
        first.close()
        assert (await first).played_ms in _about(30, 0.5)
        assert (await second).played_ms in _about(40, 0.5)
        await _until(lambda: len(far.received()) >= 4)
        tail = far.received()[1][1]
        assert not any(tail[-len(tail) // 4 :]) or _quiet(tail), "a tail is padded with silence"


def _quiet(frame: bytes) -> bool:
    """Whether the end of a frame is silence, give or take a codec's smallest steps."""
    end = memoryview(frame).cast("h")[-len(frame) // 8 :]
    return max(abs(sample) for sample in end) <= 8


async def _clear_stops_within_a_frame(connect: Connect) -> None:
    async with connect() as (leg, far):
        playout, queued = leg.play(_tone(leg, 3000)), leg.play(_tone(leg, 1000))
        await asyncio.sleep(1.0)
        leg.clear()
        cleared = asyncio.get_running_loop().time()
        played = await playout
        assert played.interrupted
        assert played.played_ms in _about(1000, FRAME_MS + 5)
        assert played.total_ms in _about(3000, 0.5)
        assert (await queued).played_ms == 0
        await asyncio.sleep(0.3)
        late = [at for at, _ in far.received() if at > cleared + FRAME_MS / 1000]
        assert late == [], "nothing is sent after a clear"
        again = await leg.play(_tone(leg, 100))
        assert again.played_ms in _about(100, 0.5), "and the leg still plays"
        assert not again.interrupted


async def _pause_keeps_the_place(connect: Connect) -> None:
    async with connect() as (leg, far):
        playout = leg.play(_tone(leg, 1000))
        await asyncio.sleep(0.5)
        leg.pause()
        await asyncio.sleep(0.1)
        sent = len(far.received())
        held = playout.played_ms
        assert held in _about(500, FRAME_MS + 5)
        await asyncio.sleep(1.0)
        assert len(far.received()) == sent, "nothing is sent while paused"
        assert playout.played_ms == held
        leg.resume()
        played = await playout
        assert not played.interrupted
        assert played.played_ms in _about(1000, 1.0)


class _Hum:
    """A bed: a sine that goes on where it was, until it is told to end."""

    def __init__(self, leg: Leg, hz: float) -> None:
        self._second = tone((hz,), 1000, rate=leg.sample_rate, level_dbfs=-30.0)
        self._size = frame_bytes(leg.sample_rate)
        self._at = 0
        self.spoken_over = 0
        self.ends = False

    def next_frame(self, *, speech: bool) -> bytes | None:
        if self.ends:
            return None
        self.spoken_over += speech
        begin, self._at = self._at, (self._at + self._size) % len(self._second)
        return self._second[begin : begin + self._size]


def _strength(frame: bytes, hz: float) -> float:
    """The amplitude of one frequency in 20 ms, which are whole periods of multiples of 50 Hz."""
    wave = memoryview(frame).cast("h")
    turn = 2 * cmath.pi * hz * FRAME_MS / 1000 / len(wave)
    return 2 * abs(sum(v * cmath.exp(-1j * turn * k) for k, v in enumerate(wave))) / len(wave)


async def _a_bed_fills_the_silence(connect: Connect) -> None:
    async with connect() as (leg, far):
        bed = _Hum(leg, 1000.0)
        leg.lay_bed(bed)
        leg.lay_bed(bed)
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(1.0)
        assert not leg.playing, "a bed is no utterance"
        bed.ends = True
        await asyncio.sleep(0.2)
        frames = far.received()
        assert len(frames) in _about(50, 4), "a frame every 20 ms"
        assert max(at for at, _ in frames) <= began + 1.1, "and none when it is over"
        quiet = sum(_strength(pcm, 1000.0) < 800 for _, pcm in frames)
        assert quiet <= 2, "all of it sounds"


async def _speech_lies_over_the_bed(connect: Connect) -> None:
    async with connect() as (leg, far):
        bed = _Hum(leg, 1000.0)
        leg.lay_bed(bed)
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        played = await leg.play(_tone(leg, 400))
        took = asyncio.get_running_loop().time() - began
        await asyncio.sleep(0.2)
        assert (played.played_ms, played.interrupted) == (400.0, False), "only speech counts"
        assert took in _about(0.43, 0.04), "it does not wait behind the bed"
        # Up to three frames were made when nothing was said yet, and are sent again.
        assert bed.spoken_over in _about(18.5, 1.5), "the bed knows what is said over it"
        spoken = [pcm for _, pcm in far.received() if _strength(pcm, 450.0) > 1000]
        assert len(spoken) in _about(20, 2)
        assert all(_strength(pcm, 1000.0) > 800 for pcm in spoken), "both are heard"


async def _a_clear_spares_the_bed(connect: Connect) -> None:
    async with connect() as (leg, far):
        leg.lay_bed(_Hum(leg, 1000.0))
        await asyncio.sleep(0.2)
        playout = leg.play(_tone(leg, 3000))
        await asyncio.sleep(1.0)
        leg.clear()
        cleared = asyncio.get_running_loop().time()
        played = await playout
        assert played.interrupted
        assert played.played_ms in _about(1000, FRAME_MS + 5)
        await asyncio.sleep(0.5)
        late = [pcm for at, pcm in far.received() if at > cleared + FRAME_MS / 1000]
        assert len(late) in _about(25, 4), "the bed goes on"
        assert not any(_strength(pcm, 450.0) > 1000 for pcm in late), "and the speech does not"
        assert all(_strength(pcm, 1000.0) > 600 for pcm in late), "without a hole"


async def _the_far_side_is_heard(connect: Connect) -> None:
    async with connect() as (leg, far):
        notes = _Notes()
        leg.listen(notes)
        tone, size = _tone(leg, 200), frame_bytes(leg.sample_rate)
        for start in range(0, len(tone), size):
            far.send_frame(tone[start : start + size])
        await _until(lambda: len(notes.frames) >= 10)
        assert [len(pcm) for pcm in notes.frames] == [size] * 10
        loudest = max(abs(sample) for sample in memoryview(b"".join(notes.frames)).cast("h"))
        wanted = max(abs(sample) for sample in memoryview(tone).cast("h"))
        assert loudest in _about(wanted, wanted * 0.05), "the level is kept"


async def _keys_are_heard(connect: Connect) -> None:
    async with connect() as (leg, far):
        notes = _Notes()
        leg.listen(notes)
        for digit in "147*0#":
            far.press(digit)
        await _until(lambda: len(notes.digits) >= 6)
        assert notes.digits == "147*0#"


async def _keys_are_sent(connect: Connect) -> None:
    async with connect() as (leg, far):
        if leg.capabilities.digits_out != "audio":
            return
        await leg.send_dtmf("159#")
        detector = DtmfDetector(leg.sample_rate)
        found = detector.push(b"".join(pcm for _, pcm in far.received()))
        found += detector.push(bytes(frame_bytes(leg.sample_rate) * 5))
        assert "".join(each.digit for each in found) == "159#"


async def _we_can_close(connect: Connect) -> None:
    async with connect() as (leg, far):
        notes = _Notes()
        leg.listen(notes)
        playout = leg.play(_tone(leg, 5000))
        await asyncio.sleep(0.5)
        leg.close()
        leg.close()
        assert (await playout).interrupted
        assert await leg.wait_closed() == "we_closed"
        assert notes.closed == ["we_closed"]
        await _until(far.gone)
        try:
            leg.play(b"")
        except LegClosed:
            return
        msg = "a closed leg refuses to play"
        raise AssertionError(msg)


async def _they_can_close(connect: Connect) -> None:
    async with connect() as (leg, far):
        notes = _Notes()
        leg.listen(notes)
        playout = leg.play(_tone(leg, 5000))
        await asyncio.sleep(0.5)
        far.hang_up()
        async with asyncio.timeout(5.0):
            reason = await leg.wait_closed()
        assert reason in {"peer_stopped", "peer_closed"}
        assert notes.closed == [reason]
        played = await playout
        assert played.interrupted
        assert 0 < played.played_ms <= 540

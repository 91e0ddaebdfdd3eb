"""Beds under the speech on a leg, to the sample."""

import asyncio
import math
from array import array
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.audio.tones import tone
from hookflash.errors import LegClosed
from hookflash.legs.base import Played, Playout
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg

RATE = 8000
FRAME = 160


class Counting:
    """A bed whose samples count, so that a gap, a repetition or a mix-up shows."""

    def __init__(self, *, lasting: int = 10_000) -> None:
        self.frames = 0
        self.speech: list[bool] = []
        self._lasting = lasting

    def next_frame(self, *, speech: bool) -> bytes | None:
        if self.frames == self._lasting:
            return None
        self.speech.append(speech)
        begin = self.frames * FRAME
        self.frames += 1
        return array("h", (k % 20_000 for k in range(begin, begin + FRAME))).tobytes()


def counted(samples: int) -> bytes:
    return array("h", (k % 20_000 for k in range(samples))).tobytes()


def wave(pcm: bytes) -> list[int]:
    return list(memoryview(pcm).cast("h"))


def on_leg(
    main: Callable[[MemoryLeg], Coroutine[Any, Any, None]], *, marks: bool = True
) -> MemoryLeg:
    async def run() -> MemoryLeg:
        leg = MemoryLeg(RATE, marks=marks)
        await main(leg)
        leg.close()
        return leg

    return clock.run(run(), virtual=True)


def test_a_bed_is_heard_from_the_first_sample_without_a_gap() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        await asyncio.sleep(2.0)
        assert leg.heard == counted(2 * RATE)
        assert leg.clears == []

    on_leg(main)


def test_speech_is_added_to_the_bed_and_saturates() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        await asyncio.sleep(1.0)
        await leg.play(array("h", [30_000] * RATE).tobytes())
        await asyncio.sleep(0.5)
        heard = wave(leg.heard)
        plain = wave(counted(len(heard)))
        changed = [
            k for k, (one, other) in enumerate(zip(heard, plain, strict=True)) if one != other
        ]
        assert len(changed) == RATE
        assert changed[-1] - changed[0] == RATE - 1
        assert {heard[k] for k in changed} == {min(32_767, 30_000 + plain[k]) for k in changed}

    on_leg(main)


@pytest.mark.parametrize("moment", [1.0, 1.0131, 1.02, 1.0399])
def test_an_interruption_leaves_the_bed_as_if_nothing_had_happened(moment: float) -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        await asyncio.sleep(0.5)
        # Speech that is silence changes no sample, so that all that is heard must count on.
        playout = leg.play(bytes(2 * RATE * 5))
        await asyncio.sleep(moment)
        leg.clear()
        assert (await playout).interrupted
        await asyncio.sleep(1.0)
        # One when the words begin, so that they need not wait behind the bed; one for the cut.
        assert len(leg.clears) == 2
        total = round((0.5 + moment + 1.0) * RATE)
        heard = wave(leg.heard)
        steps = [later - sooner for sooner, later in pairwise(heard)]
        # Half a sample may be lost or heard twice where the peer was cut between two.
        assert sorted({step for step in steps if step != -19_999}) in ([1], [0, 1], [1, 2])
        assert sum(step != 1 for step in steps if step != -19_999) <= 2
        assert abs(len(heard) - total) <= 2

    on_leg(main)


def test_a_pause_leaves_the_bed_and_the_speech_goes_on_where_it_was() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        await asyncio.sleep(0.5)
        playout = leg.play(array("h", [1] * RATE).tobytes())
        await asyncio.sleep(0.5)
        leg.pause()
        held = playout.played_ms
        await asyncio.sleep(1.0)
        assert playout.played_ms == held
        assert not playout.done
        leg.resume()
        assert await playout == Played(played_ms=1000.0, total_ms=1000.0, interrupted=False)
        await asyncio.sleep(0.1)
        heard = wave(leg.heard)
        plain = wave(counted(len(heard)))
        over = [a - b for a, b in zip(heard, plain, strict=True)]
        assert set(over) == {0, 1}
        assert sum(over) == RATE

    on_leg(main)


def test_dropping_one_utterance_of_two_leaves_the_bed_and_the_other() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        first, second = leg.play(bytes(2 * RATE)), leg.play(array("h", [1] * 800).tobytes())
        await asyncio.sleep(0.5)
        first.cancel()
        assert (await first).interrupted
        assert await second == Played(played_ms=100.0, total_ms=100.0, interrupted=False)
        await asyncio.sleep(0.1)
        heard = wave(leg.heard)
        over = [a - b for a, b in zip(heard, wave(counted(len(heard))), strict=True)]
        assert set(over) == {0, 1}
        assert sum(over) == 800

    on_leg(main)


@pytest.mark.parametrize("marks", [True, False])
def test_what_was_heard_of_speech_over_a_bed_is_exact(marks: bool) -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        await asyncio.sleep(0.503)
        playout = leg.play(array("h", [1] * RATE * 2).tobytes())
        await playout.wait_started()
        began = clock.now()
        heard = wave(leg.heard)
        over = [a - b for a, b in zip(heard, wave(counted(len(heard))), strict=True)]
        assert sum(over) == 0, "it is not told to have begun before it has"
        for _ in range(7):
            await asyncio.sleep(0.1)
            heard = wave(leg.heard)
            over = [a - b for a, b in zip(heard, wave(counted(len(heard))), strict=True)]
            assert abs(sum(over) / 8 - playout.played_ms) <= 0.25
        await asyncio.sleep(0.1)
        leg.clear()
        played = await playout
        assert abs(played.played_ms - (clock.now() - began) * 1000) <= 0.25
        over = [
            a - b for a, b in zip(wave(leg.heard), wave(counted(len(leg.heard) // 2)), strict=True)
        ]
        assert abs(sum(over) / 8 - played.played_ms) <= 0.25

    on_leg(main, marks=marks)


def test_a_slow_synthesiser_leaves_holes_that_the_bed_fills_and_that_count_for_nothing() -> None:
    async def main(leg: MemoryLeg) -> None:
        bed = Counting()
        leg.lay_bed(bed)
        playout = leg.play()
        for _ in range(5):
            playout.write(array("h", [1] * 800).tobytes())
            await asyncio.sleep(0.3)
        playout.close()
        assert await playout == Played(played_ms=500.0, total_ms=500.0, interrupted=False)
        assert sum(bed.speech) == 25 - 3  # of the first words' bed, what the peer had already
        heard = wave(leg.heard)
        over = [a - b for a, b in zip(heard, wave(counted(len(heard))), strict=True)]
        assert sum(over) == 4000

    on_leg(main)


def test_keys_sound_alone() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        await asyncio.sleep(0.5)
        await leg.send_dtmf("5")
        await asyncio.sleep(0.1)
        keys = leg.received[25:40]
        tones = b"".join(pcm for _, pcm in keys)
        assert tone((770.0, 1336.0), 100, rate=RATE) in tones

    on_leg(main)


def test_beds_add_up_and_end_one_by_one() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting(lasting=50))
        # The first one is three frames ahead: the lead, and the one that plays.
        leg.lay_bed(Counting(lasting=25))
        await asyncio.sleep(2.0)
        once, heard = wave(counted(RATE)), wave(leg.heard)
        assert heard == [
            k + (once[place - 480] if 480 <= place < 4480 else 0) for place, k in enumerate(once)
        ]

    on_leg(main)


def test_a_bed_that_is_lifted_ends_and_the_leg_falls_silent() -> None:
    async def main(leg: MemoryLeg) -> None:
        bed = Counting()
        leg.lay_bed(bed)
        await asyncio.sleep(1.0)
        leg.lift_bed(bed)
        leg.lift_bed(bed)
        sent = len(leg.received)
        await asyncio.sleep(1.0)
        assert len(leg.received) == sent
        leg.lay_bed(bed)
        await asyncio.sleep(1.0)
        assert len(leg.received) - sent in (50, 51, 52, 53)

    on_leg(main)


def test_an_interruption_without_speech_sends_no_clear() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        await asyncio.sleep(1.0)
        leg.clear()
        leg.pause()
        leg.resume()
        await asyncio.sleep(1.0)
        assert leg.clears == []
        heard = leg.heard
        assert heard == counted(len(heard) // 2)

    on_leg(main)


def test_a_leg_that_closes_lets_its_beds_go() -> None:
    async def main(leg: MemoryLeg) -> None:
        bed = Counting()
        leg.lay_bed(bed)
        await asyncio.sleep(0.5)
        leg.hang_up()
        taken = bed.frames
        await asyncio.sleep(0.5)
        assert bed.frames == taken
        with pytest.raises(LegClosed, match="the leg is closed"):
            leg.lay_bed(bed)

    on_leg(main)


class Tape:
    """A tap that keeps what it is told."""

    def __init__(self) -> None:
        self.sound: list[tuple[float, bytes]] = []
        self.cuts: list[float] = []
        self.closed = 0

    def tap_sound(self, pcm: bytes, at: float) -> None:
        self.sound.append((at, pcm))

    def tap_cut(self, at: float) -> None:
        self.cuts.append(at)

    def tap_closed(self) -> None:
        self.closed += 1


def test_a_tap_records_the_mix_as_it_was_heard() -> None:
    async def main(leg: MemoryLeg) -> None:
        tape = Tape()
        leg.tap(tape, "heard")
        leg.lay_bed(Counting())
        leg.play(bytes(2 * RATE))
        await asyncio.sleep(0.51)
        leg.clear()
        await asyncio.sleep(0.5)
        began, cut = tape.cuts
        assert (began, round(cut, 6)) == (0.0, 0.51)
        before = [at for at, _ in tape.sound if at < cut]
        again = next(index for index, (at, _) in enumerate(tape.sound) if math.isclose(at, cut))
        assert math.isclose(before[-1], 0.5)
        first = wave(tape.sound[again][1])
        assert first == wave(counted(round(0.53 * RATE)))[round(0.51 * RATE) :]

    on_leg(main)


def test_a_tap_of_speech_hears_what_is_said_without_the_beds_and_is_told_what_is_dropped() -> None:
    async def main(leg: MemoryLeg) -> None:
        tape = Tape()
        leg.tap(tape, "speech")
        leg.lay_bed(Counting())
        await asyncio.sleep(1.0)
        assert tape.sound == []
        words = array("h", [7] * RATE).tobytes()
        leg.play(words)
        await asyncio.sleep(0.31)
        leg.pause()
        (_, paused) = tape.cuts  # the first was for the bed, when the words began
        assert round(paused, 6) == 1.31
        sent = len(tape.sound)
        await asyncio.sleep(0.5)
        assert len(tape.sound) == sent
        leg.resume()
        await asyncio.sleep(2.0)
        assert round(tape.sound[0][0], 6) == 1.0
        assert round(tape.sound[sent][0], 6) == 1.87  # 60 ms of the bed are on their way
        before = b"".join(pcm for _, pcm in tape.sound[:sent])[: 2 * round(0.31 * RATE)]
        after = b"".join(pcm for _, pcm in tape.sound[sent:])
        assert before + after == words + bytes(160)  # the last frame is half full

    on_leg(main)


def test_a_tap_of_the_party_is_told_when_they_began_to_say_it_and_of_no_cuts() -> None:
    async def main(leg: MemoryLeg) -> None:
        tape = Tape()
        leg.tap(tape, "party")
        await asyncio.sleep(0.5)
        leg.hear(bytes(320))
        leg.play(bytes(2 * RATE))
        leg.clear()
        assert [(round(at, 6), pcm) for at, pcm in tape.sound] == [(0.48, bytes(320))]
        leg.untap(tape)
        leg.untap(tape)
        leg.hear(bytes(320))
        assert len(tape.sound) == 1
        leg.tap(tape, "party")
        leg.hang_up()
        assert (tape.cuts, tape.closed) == ([], 1)
        with pytest.raises(LegClosed):
            leg.tap(tape, "speech")

    on_leg(main)


def test_the_first_words_do_not_wait_behind_the_bed() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        await asyncio.sleep(1.0131)
        asked = clock.now()
        await leg.play(array("h", [1] * 800).tobytes()).wait_started()
        assert clock.now() == asked
        await asyncio.sleep(0.2)
        heard = wave(leg.heard)
        over = [a - b for a, b in zip(heard, wave(counted(len(heard))), strict=True)]
        assert over.index(1) == round(1.0131 * RATE)
        assert set(over) == {0, 1}
        assert sum(over) == 800

    on_leg(main)


def test_words_behind_unconfirmed_words_take_nothing_back() -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        leg.play(bytes(1600))
        await asyncio.sleep(0.09)
        sent = len(leg.clears)
        second = leg.play(bytes(1600))
        assert await second == Played(played_ms=100.0, total_ms=100.0, interrupted=False)
        assert len(leg.clears) == sent

    on_leg(main)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["play", "write", "close", "pause", "resume", "clear", "cancel", "wait"]),
        st.integers(0, 2_000),  # samples that pass before the next one
    ),
    max_size=25,
)


@given(moves=MOVES, marks=st.booleans())
@settings(max_examples=60)
def test_whatever_is_said_paused_and_dropped_the_bed_goes_on(
    moves: list[tuple[str, int]], marks: bool
) -> None:
    async def main(leg: MemoryLeg) -> None:
        leg.lay_bed(Counting())
        playouts: list[Playout] = []
        writing: list[Playout] = []
        for move, samples in moves:
            match move:
                case "play":
                    playouts.append(leg.play(bytes(2 * samples)))
                case "write":
                    writing.append(leg.play())
                    writing[-1].write(bytes(2 * samples))
                case "close" if writing:
                    writing.pop().close()
                case "pause":
                    leg.pause()
                case "resume":
                    leg.resume()
                case "clear":
                    leg.clear()
                case "cancel" if playouts:
                    playouts.pop(0).cancel()
            await asyncio.sleep(samples / RATE)
        await asyncio.sleep(0.2)
        heard = wave(leg.heard)
        passed = round((sum(samples for _, samples in moves) / RATE + 0.2) * RATE)
        slips = [
            step for step in map(int.__sub__, heard[1:], heard[:-1]) if step not in (1, -19_999)
        ]
        # The peer is cut at the sample that plays, which may be heard twice or not at all.
        assert len(slips) <= len(leg.clears)
        assert set(slips) <= {0, 2}
        assert abs(len(heard) - passed) <= 1 + len(leg.clears)

    on_leg(main, marks=marks)

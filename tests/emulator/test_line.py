import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.emulator.customer import go

from hookflash.audio.tones import dtmf_tones, tone
from hookflash.emulator import Line, placeholder_voice
from hookflash.emulator.line import SILENCE, Track, Trunk, cut, keypad_frames
from hookflash.errors import LegClosed, LinkTimeout, UsageError

LOUD = tone((400.0,), 20.0)


class Network:
    """Stands in for the call: ticks a line every 20 ms."""

    def __init__(self, *, keys_audible: bool = False, recorded: bool = True) -> None:
        self.line = Line(placeholder_voice, keys_audible=keys_audible, recorded=recorded)
        self.keys: list[tuple[float, str]] = []
        self.hung_up_at: float | None = None
        self.played: list[bytes] = []
        self.line.on_key = lambda key: self.keys.append((self._now(), key))
        self.line.on_hang_up = self._hung_up

    def _now(self) -> float:
        return round(asyncio.get_running_loop().time(), 3)

    def _hung_up(self) -> None:
        self.hung_up_at = self._now()
        self.line.close()

    async def play(self, *parts: tuple[bytes, float]) -> None:
        """Let the party hear frames, each so many seconds, then end the call."""
        for frame, seconds in parts:
            for _ in range(round(seconds / 0.02)):
                await asyncio.sleep(0.02)
                if not self.line.closed:
                    self.line.tick(frame, asyncio.get_running_loop().time())
        self.line.close()


def on_line(
    script: Callable[[Line], Awaitable[object]], *parts: tuple[bytes, float], **options: bool
) -> tuple[Network, float]:
    """Run a script while sound is played to it; return the network and when the script ended."""

    async def main() -> tuple[Network, float]:
        network = Network(**options)
        playing = asyncio.create_task(network.play(*parts))
        await script(network.line)
        ended = network._now()
        await playing
        return network, ended

    return go(main())


def test_saying_pcm_takes_as_long_as_it_lasts() -> None:
    network, ended = on_line(lambda line: line.say(LOUD * 50), (SILENCE, 3.0))
    # The first tick takes the first frame; the tick after the last one says that it is out.
    assert ended == 1.02
    assert network.line.spoke.speech() == [(0.0, 1.0)]


def test_saying_text_uses_the_voice() -> None:
    network, ended = on_line(lambda line: line.say("x" * 20), (SILENCE, 3.0))
    assert ended == 1.22
    assert network.line.spoke.speech() == [(0.0, 1.2)]


def test_keys_are_pressed_behind_what_is_said_one_every_200_ms() -> None:
    async def script(line: Line) -> None:
        speaking = asyncio.create_task(line.say(LOUD * 50))
        await asyncio.sleep(0.1)
        line.press("1#wA")
        await speaking
        await line.wait_said()

    network, ended = on_line(script, (SILENCE, 5.0))
    assert network.keys == [(1.02, "1"), (1.22, "#"), (1.92, "A")]
    assert ended == 2.12
    assert network.line.spoke.speech() == [(0.0, 1.0)]


def test_pressed_keys_are_heard_only_if_asked_for() -> None:
    async def script(line: Line) -> None:
        line.press("12")
        await line.wait_said()

    network, _ = on_line(script, (SILENCE, 1.0), keys_audible=True)
    assert network.line.spoke.digits() == "12"


def test_a_key_that_no_telephone_has_is_refused() -> None:
    async def script(line: Line) -> None:
        with pytest.raises(UsageError, match="0-9"):
            line.press("12E")

    on_line(script, (SILENCE, 0.1))


def test_hushing_drops_the_rest() -> None:
    async def script(line: Line) -> None:
        speaking = asyncio.create_task(line.say(LOUD * 50))
        await line.wait(0.49)
        line.hush()
        await speaking

    network, ended = on_line(script, (SILENCE, 2.0))
    assert ended == 0.5
    assert network.line.spoke.speech() == [(0.0, 0.48)]


def test_waiting_for_speech_takes_60_ms_of_it() -> None:
    _, ended = on_line(lambda line: line.wait_speech(), (SILENCE, 1.0), (LOUD, 1.0))
    assert ended == 1.06


def test_a_click_is_not_speech() -> None:
    async def script(line: Line) -> None:
        with pytest.raises(LinkTimeout, match="said nothing"):
            await line.wait_speech(timeout=1.5)

    on_line(script, (SILENCE, 1.0), (LOUD, 0.04), (SILENCE, 1.0))


def test_waiting_for_quiet_waits_for_speech_first_and_then_for_silence() -> None:
    _, ended = on_line(
        lambda line: line.wait_quiet(after=0.7), (SILENCE, 2.0), (LOUD, 1.0), (SILENCE, 2.0)
    )
    assert ended == 3.7


def test_a_pause_shorter_than_asked_for_is_not_the_end() -> None:
    _, ended = on_line(
        lambda line: line.wait_quiet(after=0.7),
        (LOUD, 1.0),
        (SILENCE, 0.6),
        (LOUD, 1.0),
        (SILENCE, 2.0),
    )
    assert ended == 3.3


def test_what_was_said_before_ones_own_last_word_does_not_count() -> None:
    async def script(line: Line) -> None:
        await line.wait_speech()
        await line.say(LOUD * 50)  # from 0.06; they fall silent in the middle of it
        with pytest.raises(LinkTimeout):
            await line.wait_quiet(after=0.5, timeout=1.0)

    on_line(script, (LOUD, 0.5), (SILENCE, 3.0))


def test_what_is_said_while_one_presses_keys_and_after_counts() -> None:
    async def script(line: Line) -> None:
        line.press("1")  # until 0.2
        await line.wait_quiet(after=0.5)

    _, ended = on_line(script, (LOUD, 0.4), (SILENCE, 3.0))
    assert ended == 0.9


def test_waiting_for_quiet_again_waits_for_more_speech() -> None:
    async def script(line: Line) -> None:
        await line.wait_quiet(after=0.5)
        await line.wait_quiet(after=0.5)

    _, ended = on_line(script, (LOUD, 1.0), (SILENCE, 1.0), (LOUD, 1.0), (SILENCE, 2.0))
    assert ended == 3.5


def test_waiting_for_keys_hears_tones_from_the_answer_on() -> None:
    async def script(line: Line) -> str:
        await line.wait(1.0)
        return await line.wait_digits(3)

    tones = [(frame, 0.02) for frame in cut(dtmf_tones("42") + bytes(20_000) + dtmf_tones("7"))]
    network, ended = on_line(script, *tones, (SILENCE, 1.0))
    assert 1.65 < ended < 1.9
    assert network.line.heard.digits() == "427"


def test_waiting_for_keys_needs_a_recording() -> None:
    async def script(line: Line) -> None:
        with pytest.raises(UsageError, match="record_lines"):
            await line.wait_digits(1)

    network, _ = on_line(script, (LOUD, 0.1), recorded=False)
    assert len(network.line.heard) == 0


def test_waiting_for_the_end_ends_with_the_call() -> None:
    _, ended = on_line(lambda line: line.wait_end(), (SILENCE, 4.0))
    assert ended == 4.0


def test_waiting_too_long_for_the_end_is_an_error() -> None:
    async def script(line: Line) -> None:
        with pytest.raises(LinkTimeout, match="did not end in 2"):
            await line.wait_end(timeout=2.0)

    on_line(script, (SILENCE, 3.0))


@pytest.mark.parametrize(
    "wait",
    [
        lambda line: line.say(LOUD * 500),
        lambda line: line.wait(100.0),
        lambda line: line.wait_speech(100.0),
        lambda line: line.wait_quiet(timeout=100.0),
        lambda line: line.wait_digits(1, 100.0),
    ],
)
def test_the_end_of_the_call_interrupts_every_wait(
    wait: Callable[[Line], Awaitable[object]],
) -> None:
    async def script(line: Line) -> None:
        with pytest.raises(LegClosed):
            await wait(line)

    _, ended = on_line(script, (SILENCE, 0.5))
    assert ended == 0.5


def test_a_dead_line_can_not_be_used() -> None:
    async def script(line: Line) -> None:
        line.hang_up()
        line.hang_up()
        with pytest.raises(LegClosed):
            line.press("1")
        with pytest.raises(LegClosed):
            await line.wait_speech()
        await line.wait_end()

    network, ended = on_line(script, (SILENCE, 0.1))
    assert network.hung_up_at == ended == 0.0


def test_a_track_keeps_its_time_when_frames_are_missing() -> None:
    track = Track()
    track.append(LOUD, 10.0)
    track.append(LOUD, 10.1)
    assert track.began_at == 10.0
    assert track.seconds == pytest.approx(0.12)
    assert track.pcm() == LOUD + SILENCE * 4 + LOUD
    assert track.pcm(since=0.08, until=0.1) == SILENCE
    assert track.speech(gap=0.05) == [(0.0, 0.02), (0.1, 0.12)]
    assert track.speech(gap=0.1) == [(0.0, 0.12)]


def test_cutting_pads_the_last_frame_and_knows_silence() -> None:
    frames = cut(LOUD + bytes(320) + b"\x01\x00")
    assert frames == [LOUD, SILENCE, b"\x01\x00".ljust(320, b"\0")]
    assert frames[1] is SILENCE
    assert cut(b"") == []


def test_silent_keys_take_the_same_time_as_audible_ones() -> None:
    audible, silent = keypad_frames("12", audible=True), keypad_frames("12", audible=False)
    assert len(audible) == len(silent) == 20
    assert [key for _, key in silent if key] == ["1", "2"]
    assert {frame for frame, _ in silent} == {SILENCE}


def test_the_ends_of_a_trunk_hear_each_other() -> None:
    near, far = Trunk.pair()
    assert near.tick(LOUD, 0.0) == SILENCE
    assert far.tick(SILENCE, 0.0) == LOUD
    assert near.tick(LOUD, 0.02) == SILENCE


def test_a_stalled_end_of_a_trunk_falls_behind_by_100_ms_at_most() -> None:
    near, far = Trunk.pair()
    for number in range(20):
        near.tick(bytes([number]), 0.0)
    assert far.tick(SILENCE, 0.0) == bytes([15])


def test_keys_and_the_end_cross_a_trunk() -> None:
    near, far = Trunk.pair()
    crossed: list[str] = []
    far.on_key = crossed.append
    far.on_hang_up = lambda: crossed.append("end")
    near.key("5")
    near.close()
    assert crossed == ["5", "end"]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.audio.frames import samples
from hookflash.audio.jitter import JitterBuffer, crossfade, fade_in, fade_out
from hookflash.audio.tones import tone

SIZE = 320


def frame(level: int) -> bytes:
    return np.full(160, level, "<i2").tobytes()


def level(pcm: bytes | None) -> int | str | None:
    """A frame of one level by its level; None as it is; another by its ends."""
    if pcm is None:
        return None
    wave = samples(pcm)
    if wave.min() == wave.max():
        return int(wave[0])
    return f"{round(int(wave[0]), -2)} to {round(int(wave[-1]), -2)}"


def heard(pushes: dict[float, int], pulls: list[float], buffer: JitterBuffer) -> list[object]:
    """What is pulled when; each push is a frame of that level. Milliseconds."""
    got: list[object] = []
    for at in sorted({*pushes, *pulls}):
        if at in pushes:
            buffer.push(frame(pushes[at]), at / 1000)
        if at in pulls:
            got.append(level(buffer.pull(at / 1000)))
    return got


def every_20(count: int, first: float = 10.0) -> list[float]:
    return [first + 20 * number for number in range(count)]


def test_frames_in_time_go_through_as_they_are_after_a_fade_in() -> None:
    buffer = JitterBuffer()
    pushes = {0.0: 1000, 20.0: 2000, 40.0: 3000}
    assert heard(pushes, every_20(3), buffer) == ["0 to 1000", 2000, 3000]
    assert (buffer.late, buffer.skipped, len(buffer)) == (0, 0, 0)


def test_nothing_is_heard_of_somebody_who_never_spoke() -> None:
    assert heard({}, every_20(3), JitterBuffer()) == [None, None, None]


def test_a_first_frame_that_comes_just_before_it_is_taken_waits_for_the_next_take() -> None:
    buffer = JitterBuffer()
    pushes = {8.5: 1000, 28.5: 2000, 48.5: 3000}
    assert heard(pushes, every_20(4), buffer) == [None, "0 to 1000", 2000, 3000]


def test_a_late_frame_is_replaced_without_a_step_and_played_when_it_comes() -> None:
    buffer = JitterBuffer()
    pushes = {0.0: 1000, 20.0: 2000, 55.0: 3000, 60.0: 4000, 80.0: 5000}
    assert heard(pushes, every_20(6), buffer) == [
        *("0 to 1000", 2000, "2000 to 0", "0 to 3000", 4000, 5000)
    ]
    assert buffer.late == 1


def test_a_missing_frame_is_replaced_and_adds_no_delay() -> None:
    buffer = JitterBuffer()
    pushes = {0.0: 1000, 40.0: 3000, 60.0: 4000}
    assert heard(pushes, every_20(4), buffer) == ["0 to 1000", "1000 to 0", "0 to 3000", 4000]
    assert len(buffer) == 0


def test_somebody_who_sends_nothing_in_silence_is_not_late_when_they_speak_again() -> None:
    buffer = JitterBuffer()
    pushes = {0.0: 1000, 200.0: 2000}
    assert heard(pushes, every_20(11), buffer) == [
        *("0 to 1000", "1000 to 0", *[None] * 8, "0 to 2000")
    ]
    assert buffer.late == 0


def test_delay_that_nobody_needs_is_given_back_after_two_seconds() -> None:
    buffer = JitterBuffer()
    # Each comes 30 ms before it is taken, where 10 would do.
    pushes = {20.0 * number: number for number in range(112)}
    got = heard(pushes, every_20(110, first=30.0), buffer)
    # The first take does not count: its frame may have been late. The hundredth that does
    # and the one behind it are made one.
    assert got[99:104] == [99, "100 to 100", 102, 103, 104]
    assert (buffer.late, buffer.skipped) == (0, 1)


@pytest.mark.parametrize(("takes", "skipped"), [(211, 0), (212, 1)])
def test_a_late_frame_doubles_the_time_that_delay_is_kept(takes: int, skipped: int) -> None:
    buffer = JitterBuffer()
    pushes = {20.0 * number: 1000 for number in range(takes)}
    del pushes[200.0]
    pushes[215.0] = 1000
    heard(pushes, every_20(takes), buffer)
    assert buffer.skipped == skipped


def test_a_burst_leaves_its_newest_40_ms() -> None:
    buffer = JitterBuffer()
    for number in range(7):
        buffer.push(frame(1000 * number), 0.0)
    assert buffer.skipped == 5
    got = [level(buffer.pull(0.01 + 0.02 * number)) for number in range(3)]
    # The oldest goes over into the first that is kept, and is itself faded in.
    assert got == ["0 to 5000", 6000, "6000 to 0"]


def test_a_burst_of_any_length_is_bounded() -> None:
    buffer = JitterBuffer()
    for number in range(1000):
        buffer.push(frame(number), 0.0)
    assert len(buffer) <= 6


def test_closing_fades_out_what_sounds() -> None:
    buffer = JitterBuffer()
    heard({0.0: 1000, 20.0: 2000}, [10.0], buffer)
    buffer.close()
    buffer.close()
    assert not buffer.over
    assert level(buffer.pull(0.03)) == "2000 to 0"
    assert buffer.over


def test_closing_goes_on_from_the_last_frame_if_there_is_no_other() -> None:
    buffer = JitterBuffer()
    heard({0.0: 1000}, [10.0], buffer)
    buffer.close()
    assert level(buffer.pull(0.03)) == "1000 to 0"
    assert buffer.over


def test_closing_in_silence_makes_no_sound() -> None:
    buffer = JitterBuffer()
    buffer.push(frame(1000), 0.0)
    buffer.close()
    assert buffer.pull(0.03) is None
    assert buffer.over


def test_no_fade_has_a_step() -> None:
    wave = tone((400.0,), 40, level_dbfs=-10.0)
    steepest = np.abs(np.diff(samples(wave).astype(int))).max()
    first, second = wave[:SIZE], wave[SIZE:]
    for made in (fade_in(first), fade_out(first), crossfade(first, second)):
        assert np.abs(np.diff(samples(made).astype(int))).max() <= 1.5 * steepest
    assert (samples(fade_in(first))[0], samples(fade_out(first))[-1]) == (0, 0)
    both = samples(crossfade(first, second))
    assert abs(int(both[0]) - int(samples(first)[0])) <= 1
    assert abs(int(both[-1]) - int(samples(second)[-1])) <= 1


@given(
    st.lists(
        st.tuples(st.floats(0.0, 0.2), st.booleans()),
        max_size=200,
    )
)
def test_whatever_comes_there_are_no_steps_and_no_more_than_120_ms(
    steps: list[tuple[float, bool]],
) -> None:
    buffer = JitterBuffer()
    now, at, got = 0.0, 0, b""
    wave = np.tile(samples(tone((200.0,), 1000, level_dbfs=-10.0))[400:7600], 30)
    for wait, pushes in steps:
        now += wait
        if pushes:
            buffer.push(wave[at : at + 160].tobytes(), now)
            at += 160
        else:
            got += buffer.pull(now) or bytes(SIZE)
        assert len(buffer) <= 6
    buffer.close()
    got += buffer.pull(now) or bytes(SIZE)
    # The sine itself has steps of 2300; 200 Hz fit the 20 ms, so that frames join anyhow.
    assert np.abs(np.diff(samples(got).astype(int))).max() < 3500

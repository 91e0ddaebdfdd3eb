import pytest

from hookflash.audio.timeline import Timeline
from hookflash.errors import UsageError

# At 1,000 Hz a millisecond is a sample, so that tracks can be read.
RATE = 1000


def pcm(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little", signed=True) for value in values)


def values(track: bytes) -> list[int]:
    return [
        int.from_bytes(track[i : i + 2], "little", signed=True) for i in range(0, len(track), 2)
    ]


def frame(value: int) -> bytes:
    return pcm(value) * 20


def runs(track: bytes) -> list[tuple[int, int]]:
    """Values and how often they follow one another."""
    found: list[tuple[int, int]] = []
    for value in values(track):
        if found and found[-1][0] == value:
            found[-1] = (value, found[-1][1] + 1)
        else:
            found.append((value, 1))
    return found


def test_sound_lies_where_it_is_placed_and_silence_between() -> None:
    timeline = Timeline(RATE)
    timeline.place(2, pcm(1, 2))
    timeline.place(6, pcm(3))
    assert values(timeline.pcm()) == [0, 0, 1, 2, 0, 0, 3]
    assert timeline.end_ms == 7.0


def test_what_is_placed_later_overwrites() -> None:
    timeline = Timeline(RATE)
    timeline.place(0, pcm(1, 1, 1, 1))
    timeline.place(1, pcm(2, 2))
    assert values(timeline.pcm()) == [1, 2, 2, 1]
    timeline.place(3, pcm(3, 3))
    assert values(timeline.pcm()) == [1, 2, 2, 3, 3]


def test_what_is_blended_is_added_and_saturates() -> None:
    timeline = Timeline(RATE)
    timeline.place(0, pcm(1, 30000, -30000, 4))
    timeline.blend(1, pcm(30000, -30000))
    assert values(timeline.pcm()) == [1, 32767, -32768, 4]
    timeline.blend(3, pcm(1, 2))
    timeline.blend(6, pcm(7))
    assert values(timeline.pcm()) == [1, 32767, -32768, 5, 2, 0, 7]


def test_times_are_rounded_to_the_nearest_sample() -> None:
    timeline = Timeline(8000)
    timeline.place(0.3, pcm(9))
    assert values(timeline.pcm()) == [0, 0, 9]
    assert timeline.end_ms == 0.375


def test_the_track_is_cut_or_filled_to_the_time_that_is_asked_for() -> None:
    timeline = Timeline(RATE)
    timeline.place(0, pcm(1, 2, 3))
    assert values(timeline.pcm(2)) == [1, 2]
    assert values(timeline.pcm(5)) == [1, 2, 3, 0, 0]
    assert timeline.pcm(0) == b""
    assert timeline.end_ms == 3.0


def test_what_was_not_heard_is_cut_off() -> None:
    timeline = Timeline(RATE)
    timeline.place(0, pcm(1, 2, 3, 4))
    timeline.truncate_from(9)
    assert values(timeline.pcm()) == [1, 2, 3, 4]
    timeline.truncate_from(2)
    assert values(timeline.pcm()) == [1, 2]
    timeline.place(3, pcm(5))
    assert values(timeline.pcm()) == [1, 2, 0, 5]
    timeline.truncate_from(0)
    assert timeline.pcm() == b""


def test_frames_with_jitter_are_put_end_to_end() -> None:
    timeline = Timeline(RATE)
    for value, at in ((1, 0), (2, 27), (3, 38), (4, 61), (5, 79), (6, 160)):
        timeline.append(at, frame(value))
    assert runs(timeline.pcm()) == [(1, 20), (2, 20), (3, 20), (4, 20), (5, 20), (6, 20)]


def test_a_frame_later_than_the_tolerance_leaves_a_gap_of_silence() -> None:
    timeline = Timeline(RATE)
    timeline.append(0, frame(1))
    timeline.append(81, frame(2))
    timeline.append(101, frame(3))
    assert runs(timeline.pcm()) == [(1, 20), (0, 61), (2, 20), (3, 20)]


def test_the_first_frame_may_be_late_too() -> None:
    timeline = Timeline(RATE, tolerance_ms=10)
    timeline.append(500, frame(1))
    assert runs(timeline.pcm()) == [(0, 500), (1, 20)]


def test_the_gap_closes_when_held_up_frames_arrive_at_once() -> None:
    timeline = Timeline(RATE)
    for number in range(5):
        timeline.append(20 * number, frame(1))
    # Frames 5 to 14 are stuck until 300 ms, when frame 15 is due.
    for _ in range(10):
        timeline.append(300, frame(2))
    # 40 ms of lag are left, which is within the tolerance.
    assert runs(timeline.pcm()) == [(1, 100), (0, 40), (2, 200)]
    for number in range(15, 20):
        timeline.append(20 * number, frame(3))
    assert runs(timeline.pcm()) == [(1, 100), (0, 40), (2, 200), (3, 100)]
    assert timeline.end_ms == 440.0


def test_no_more_is_closed_than_was_left_open() -> None:
    timeline = Timeline(RATE)
    timeline.append(0, frame(1))
    timeline.append(120, frame(2))
    for _ in range(12):
        timeline.append(140, frame(3))
    assert runs(timeline.pcm()) == [(1, 20), (2, 20), (3, 240)]


def test_frames_that_were_never_late_are_not_moved() -> None:
    timeline = Timeline(RATE)
    timeline.place(0, pcm(7) * 50)
    for _ in range(10):
        timeline.append(0, frame(1))
    assert runs(timeline.pcm()) == [(7, 50), (1, 200)]


def test_a_gap_that_was_cut_off_is_not_closed_later() -> None:
    timeline = Timeline(RATE)
    timeline.append(0, frame(1))
    timeline.append(120, frame(2))
    timeline.truncate_from(60)
    for _ in range(8):
        timeline.append(60, frame(3))
    assert runs(timeline.pcm()) == [(1, 20), (0, 40), (3, 160)]


def test_taking_hands_out_each_moment_once() -> None:
    timeline = Timeline(RATE)
    timeline.place(0, pcm(1, 2, 3, 4, 5))
    assert values(timeline.take(2)) == [1, 2]
    assert values(timeline.pcm()) == [3, 4, 5]
    assert values(timeline.take(4)) == [3, 4]
    assert timeline.take(4) == timeline.take(1) == b""
    timeline.place(6, pcm(7))
    assert timeline.end_ms == 7.0
    assert values(timeline.take(9)) == [5, 0, 7, 0, 0]
    assert timeline.end_ms == 9.0


def test_what_comes_after_its_time_was_taken_is_lost() -> None:
    timeline = Timeline(RATE)
    timeline.take(3)
    timeline.place(1, pcm(1, 2, 3, 4))
    assert values(timeline.pcm()) == [3, 4]
    timeline.blend(0, pcm(1, 1, 1, 1))
    assert values(timeline.pcm()) == [4, 4]
    timeline.place(0, pcm(9))
    assert values(timeline.pcm()) == [4, 4]
    timeline.truncate_from(1)
    assert timeline.pcm() == b""
    assert timeline.end_ms == 3.0


def test_only_what_is_left_of_a_gap_can_close() -> None:
    timeline = Timeline(RATE)
    timeline.append(0, frame(1))
    timeline.append(220, frame(2))
    assert runs(timeline.take(150)) == [(1, 20), (0, 130)]
    for _ in range(10):
        timeline.append(220, frame(3))
    assert runs(timeline.pcm()) == [(2, 20), (3, 200)]


def test_two_tracks_that_are_taken_together_stay_in_time() -> None:
    caller, agent = Timeline(RATE), Timeline(RATE)
    caller.append(0, frame(1))
    agent.append(100, frame(2))
    pairs = [(caller.take(until), agent.take(until)) for until in (50, 110, 130)]
    assert [(len(left), len(right)) for left, right in pairs] == [(100, 100), (120, 120), (40, 40)]
    assert runs(b"".join(right for _, right in pairs)) == [(0, 100), (2, 20), (0, 10)]


def test_nonsense_is_refused_and_changes_nothing() -> None:
    timeline = Timeline(RATE)
    for put in (timeline.place, timeline.blend, timeline.append):
        with pytest.raises(UsageError, match="milliseconds"):
            put(-1, pcm(1))
        with pytest.raises(UsageError, match="even number of bytes"):
            put(0, b"abc")
    with pytest.raises(UsageError, match="milliseconds"):
        timeline.pcm(-1)
    assert timeline.pcm() == b""
    with pytest.raises(UsageError, match="sample rate"):
        Timeline(0)
    with pytest.raises(UsageError, match="milliseconds"):
        Timeline(RATE, tolerance_ms=-1)


def test_a_track_may_begin_later_as_if_all_before_were_taken() -> None:
    timeline = Timeline(RATE, start_ms=100.0)
    assert (timeline.start_ms, timeline.end_ms) == (100.0, 100.0)
    timeline.append(100, frame(1))
    timeline.place(98, pcm(2, 2, 2))
    assert runs(timeline.take(130)) == [(2, 1), (1, 19), (0, 10)]
    assert timeline.start_ms == 130.0
    with pytest.raises(UsageError, match="0 or more"):
        Timeline(RATE, start_ms=-1.0)

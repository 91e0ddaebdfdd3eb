"""The arithmetic of the bench: what counts as late, as a turn, as missed."""

from array import array

import pytest
from bench.heard import Heard, Tally, lateness, percentile


def seconds(values: "array[float]") -> list[float]:
    return [round(value, 6) for value in values]


def heard(lead: float = 0.0) -> tuple[Heard, Tally]:
    tally = Tally()
    ears = Heard(tally, lead=lead)
    ears.count(0.0, 100.0)
    return ears, tally


def test_a_frame_behind_its_place_in_real_time_is_late_by_that() -> None:
    late, jitter = lateness([(5.0, 0.0), (5.02, 0.02), (5.05, 0.04), (5.06, 0.06)], 0.0)
    assert [round(one, 6) for one in late] == [0.0, 0.0, 0.01, 0.0]
    assert [round(one, 6) for one in jitter] == [0.0, 0.0, 0.01, 0.0]


def test_a_late_first_frame_does_not_excuse_itself() -> None:
    late, _ = lateness([(5.03, 0.0), (5.02, 0.02), (5.04, 0.04)], 0.0)
    assert [round(one, 6) for one in late] == [0.03, 0.0, 0.0]


def test_a_lead_is_used_up_before_the_caller_hears_a_gap() -> None:
    # Three frames at once, then one each 20 ms; the fifth comes 15 ms, the sixth 50 ms behind.
    arrivals = [(1.0, 0.0), (1.0, 0.02), (1.0, 0.04), (1.02, 0.06), (1.055, 0.08), (1.11, 0.1)]
    late, jitter = lateness(arrivals, 0.04)
    assert [round(one, 6) for one in late] == [0.0, 0.0, 0.0, 0.0, 0.0, 0.01]
    assert [round(one, 6) for one in jitter] == [0.0, 0.0, 0.0, 0.0, 0.015, 0.05]


def test_a_turn_is_from_the_callers_last_sound_to_the_agents_first() -> None:
    ears, tally = heard()
    ears.speech_began(1.0)
    ears.speech_ended(3.0)
    ears.audio(3.4, 0.02)
    ears.audio(3.43, 0.02)
    ears.speech_began(5.0)
    ears.cleared(5.25)
    assert seconds(tally.turns) == [0.4]
    assert seconds(tally.late) == [0.0, 0.01]
    assert seconds(tally.barge_ins) == [0.25]
    assert (tally.missed_turns, tally.missed_barge_ins) == (0, 0)


def test_an_answer_that_comes_after_three_seconds_is_missed() -> None:
    ears, tally = heard()
    ears.speech_ended(3.0)
    ears.audio(6.1, 0.02)
    ears.speech_ended(7.0)
    ears.check(10.1)
    assert seconds(tally.turns) == []
    assert tally.missed_turns == 2


def test_a_turn_that_nobody_answered_before_the_next_is_missed() -> None:
    ears, tally = heard()
    ears.speech_ended(3.0)
    ears.speech_ended(5.0)
    ears.audio(5.4, 0.02)
    assert seconds(tally.turns) == [0.4]
    assert tally.missed_turns == 1


def test_an_agent_that_talks_on_has_missed_the_interruption() -> None:
    ears, tally = heard()
    ears.speech_ended(3.0)
    for count in range(150):
        ears.audio(3.4 + count * 0.02, 0.02)
        if count == 80:
            ears.speech_began(5.0)
    ears.speech_ended(6.4)
    assert seconds(tally.barge_ins) == []
    assert tally.missed_barge_ins == 1


def test_an_agent_whose_audio_was_played_out_needs_no_clear_to_hush() -> None:
    ears, tally = heard()
    ears.speech_ended(3.0)
    for count in range(100):
        ears.audio(3.4 + count * 0.02, 0.02)
        if count == 80:
            ears.speech_began(5.0)
    ears.speech_ended(7.0)
    assert seconds(tally.barge_ins) == [0.4]
    assert tally.missed_barge_ins == 0


def test_only_what_begins_in_the_measured_time_counts() -> None:
    ears, tally = heard()
    ears.count(10.0, 20.0)
    ears.speech_ended(9.9)
    ears.audio(10.3, 0.02)
    ears.speech_ended(19.9)
    ears.audio(20.3, 0.02)
    ears.speech_ended(20.0)
    ears.audio(20.4, 0.02)
    assert seconds(tally.turns) == [0.4]
    assert seconds(tally.late) == [0.0]


@pytest.mark.parametrize(("share", "value"), [(0.5, 51.0), (0.99, 100.0), (1.0, 100.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile(array("d", range(100, 0, -1)), share) == value
    assert percentile(array("d"), share) == 0.0

import numpy as np
import pytest

from hookflash.errors import UsageError
from hookflash.providers.hysteresis import Change, Hysteresis, SileroConfig

WINDOW = 0.1


def judged(probabilities: list[float], config: SileroConfig | None = None) -> list[Change]:
    """Feed one slot windows of 0.1 s; return all changes."""
    minds = Hysteresis(config or SileroConfig(), 1)
    changes: list[Change] = []
    for index, probability in enumerate(probabilities):
        began = np.array([index * WINDOW])
        slots, probs = np.array([0]), np.array([probability], dtype=np.float32)
        changes += minds.judge(slots, probs, began, began + WINDOW)
    return [(slot, speaking, round(at, 6)) for slot, speaking, at in changes]


def test_speech_is_confirmed_after_its_minimum_and_dated_back_to_its_onset() -> None:
    assert judged([0.1, 0.9]) == []
    assert judged([0.1, 0.9, 0.9]) == [(0, True, 0.1)]


def test_silence_is_confirmed_after_its_minimum_and_dated_back_to_its_beginning() -> None:
    assert judged([0.9, 0.9, 0.1, 0.1, 0.1]) == [(0, True, 0.0)]
    assert judged([0.9, 0.9, 0.1, 0.1, 0.1, 0.1]) == [(0, True, 0.0), (0, False, 0.2)]


def test_one_loud_window_and_one_breath_change_nothing() -> None:
    assert judged([0.1, 0.9, 0.1, 0.9, 0.1]) == []
    assert judged([0.9, 0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.9]) == [(0, True, 0.0)]


def test_a_window_between_the_thresholds_leaves_the_candidate_alone() -> None:
    assert judged([0.4, 0.4, 0.4]) == []
    assert judged([0.9, 0.4]) == [(0, True, 0.0)]
    assert judged([0.9, 0.9, 0.1, 0.4, 0.4, 0.4]) == [(0, True, 0.0), (0, False, 0.2)]


def test_the_thresholds_themselves_belong_to_speech() -> None:
    config = SileroConfig(min_speech=0.0, min_silence=0.0)
    assert judged([0.5, 0.35, 0.34], config) == [(0, True, 0.0), (0, False, 0.2)]


def test_slots_do_not_disturb_each_other_and_may_be_reset_and_grown() -> None:
    minds = Hysteresis(SileroConfig(min_speech=0.2), 2)
    slots, times = np.array([0, 1]), np.array([0.0, 5.0])
    probs = np.array([0.9, 0.1], dtype=np.float32)
    assert minds.judge(slots, probs, times, times + 0.2) == [(0, True, 0.0)]
    minds.reset(0)
    minds.grow(4)
    three, loud = np.array([0, 3]), np.array([0.1, 0.9], dtype=np.float32)
    assert minds.judge(three, loud, times, times + 1.0) == [(3, True, 5.0)]


@pytest.mark.parametrize(
    ("start", "stop", "speech", "silence"),
    [(0.5, 0.6, 0.2, 0.3), (1.0, 0.3, 0.2, 0.3), (0.5, 0.0, 0.2, 0.3), (0.5, 0.3, -0.1, 0.3)],
)
def test_impossible_settings_are_refused(
    start: float, stop: float, speech: float, silence: float
) -> None:
    with pytest.raises(UsageError):
        SileroConfig(
            start_threshold=start, stop_threshold=stop, min_speech=speech, min_silence=silence
        )

import math
from itertools import pairwise

import numpy as np
import pytest

from hookflash.audio.frames import frame_bytes, samples
from hookflash.audio.levels import rms_dbfs
from hookflash.audio.mix import mix
from hookflash.audio.tones import tone
from hookflash.errors import UsageError
from hookflash.pipeline.bed import Bed

RATE = 8000
SIZE = frame_bytes(RATE)
FLAT = (np.ones(160, "<i2") * 10_000).tobytes()


def frames(bed: Bed, count: int, *, speech: bool = False) -> list[bytes]:
    taken = [bed.next_frame(speech=speech) for _ in range(count)]
    return [frame for frame in taken if frame is not None]


def levels(parts: list[bytes]) -> list[float]:
    """The last sample of each frame of a flat sound, as a share of its full level."""
    return [float(samples(frame)[-1]) / 10_000 for frame in parts]


def largest_step(pcm: bytes) -> int:
    return int(np.abs(np.diff(samples(pcm).astype(int))).max())


def test_a_bed_at_full_volume_is_the_sound_itself_and_ends_with_it() -> None:
    sound = tone((440.0,), 90, rate=RATE)
    over: list[bool] = []
    bed = Bed(sound, RATE, on_over=lambda: over.append(True))
    assert b"".join(frames(bed, 5)) == sound.ljust(5 * SIZE, b"\0")
    assert not over
    assert bed.next_frame(speech=False) is None
    assert bed.next_frame(speech=True) is None
    assert bed.over
    assert over == [True]


def test_a_loop_goes_round_to_the_sample() -> None:
    sound = np.arange(250, dtype="<i2").tobytes()
    bed = Bed(sound, RATE, looping=True)
    assert b"".join(frames(bed, 25)) == (sound * 16)[: 25 * SIZE]


def test_volume_is_a_factor() -> None:
    bed = Bed(FLAT, RATE, volume=0.25, looping=True)
    assert levels(frames(bed, 2)) == [0.25, 0.25]


def test_it_fades_in_along_a_sine_and_without_a_click() -> None:
    bed = Bed(FLAT, RATE, looping=True, fade_in=0.1)
    parts = frames(bed, 7)
    wanted = [math.sin(math.pi / 2 * share) for share in (0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0)]
    assert levels(parts) == pytest.approx(wanted, abs=1e-4)
    assert largest_step(bytes(2) + b"".join(parts)) < 25


def test_it_fades_out_and_ends_in_silence() -> None:
    bed = Bed(FLAT, RATE, looping=True)
    frames(bed, 3)
    bed.fade_out(0.1)
    parts = frames(bed, 10)
    assert len(parts) == 5
    assert bed.over
    assert levels(parts)[-1] == 0.0
    assert largest_step(b"".join(parts)) < 25


def test_two_that_cross_fade_keep_their_power() -> None:
    old = Bed(tone((500.0,), 1000, rate=RATE), RATE, looping=True)
    frames(old, 5)
    new = Bed(tone((700.0,), 1000, rate=RATE), RATE, looping=True, fade_in=0.4)
    old.fade_out(0.4)
    both = [mix(pair) for pair in zip(frames(old, 20), frames(new, 20), strict=True)]
    assert len(both) == 20
    # Beside the ends, where the sines' own beginning is soft.
    for five in range(5, 20, 5):
        assert rms_dbfs(b"".join(both[five - 5 : five])) == pytest.approx(-13.0, abs=1.0)


def test_it_stands_back_for_speech_at_once_and_comes_back_late_and_slowly() -> None:
    bed = Bed(FLAT, RATE, looping=True, duck_db=20.0)
    assert levels(frames(bed, 1)) == [1.0]
    spoken = levels(frames(bed, 5, speech=True))
    assert spoken == pytest.approx([0.4642, 0.2154, 0.1, 0.1, 0.1], abs=1e-3)
    after = levels(frames(bed, 80))
    assert after[:29] == pytest.approx([0.1] * 29, abs=1e-3), "it waits for the next sentence"
    assert after[30:71] == sorted(after[30:71])
    assert after[71:] == pytest.approx([1.0] * 9, abs=1e-3)
    assert all(later / sooner < 1.07 for sooner, later in pairwise(after)), "and does not pump"


def test_pauses_between_sentences_do_not_let_it_up() -> None:
    bed = Bed(FLAT, RATE, looping=True, duck_db=14.0)
    frames(bed, 50, speech=True)
    for _ in range(5):
        assert max(levels(frames(bed, 25))) < 0.21
        assert max(levels(frames(bed, 50, speech=True))) < 0.21


def test_without_end_it_can_be_hushed_and_brought_back() -> None:
    bed = Bed(FLAT, RATE, looping=True, volume=0.5)
    bed.fade(0.0, 0.1)
    assert levels(frames(bed, 100))[4:] == [0.0] * 96
    bed.fade(1.0, 0.2)
    assert levels(frames(bed, 10))[-1] == 0.5
    assert not bed.over


def test_infinite_ducking_is_silence() -> None:
    bed = Bed(FLAT, RATE, looping=True, duck_db=math.inf)
    assert levels(frames(bed, 2, speech=True)) == [0.0, 0.0]
    assert levels(frames(bed, 75))[-1] == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"volume": 1.1},
        {"volume": -0.1},
        {"volume": math.nan},
        {"fade_in": -1.0},
        {"duck_db": -1.0},
    ],
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="volume of 0 to 1"):
        Bed(FLAT, RATE, **wrong)  # type: ignore[arg-type]  # a row has the one field it is about


def test_a_bed_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one sample"):
        Bed(b"", RATE)

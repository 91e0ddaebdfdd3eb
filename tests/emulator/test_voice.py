from tests.emulator.customer import go

from hookflash.audio.levels import rms_dbfs
from hookflash.emulator import placeholder_voice
from hookflash.emulator.line import LOUD_DBFS, cut


def test_the_placeholder_lasts_60_ms_for_each_character() -> None:
    assert len(go(placeholder_voice("x" * 50, None))) == 3 * 16_000


def test_the_placeholder_is_rounded_up_to_whole_frames_and_is_never_shorter_than_200_ms() -> None:
    assert len(go(placeholder_voice("x" * 11, None))) == round(0.66 * 16_000)
    assert len(go(placeholder_voice(" a ", None))) == round(0.2 * 16_000)


def test_the_placeholder_is_loud_from_the_first_frame_to_the_last() -> None:
    frames = cut(go(placeholder_voice("Good morning, how can I help?", None)))
    assert min(map(rms_dbfs, frames)) > LOUD_DBFS
    assert max(map(rms_dbfs, frames)) < -6.0

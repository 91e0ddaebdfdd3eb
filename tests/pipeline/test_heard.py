"""The words that were heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.pipeline.heard import HeardText
from hookflash.providers.base import WordTime


def timed(text: str, *ends: float) -> tuple[WordTime, ...]:
    words = text.split()
    return tuple(WordTime(word=word, end_ms=end) for word, end in zip(words, ends, strict=False))


def test_with_word_times_a_word_is_heard_once_all_but_its_last_50_ms_were_played() -> None:
    heard = HeardText()
    text = "We are open, from nine to five."
    heard.add(text, 1700, timed(text, 200, 400, 800, 1000, 1300, 1400, 1690))
    assert heard.heard(0) == ""
    assert heard.heard(149) == ""
    assert heard.heard(150) == "We"
    assert heard.heard(740) == "We are"
    assert heard.heard(750) == "We are open"
    assert heard.heard(960) == "We are open, from"
    assert heard.heard(1630) == "We are open, from nine to"
    assert heard.heard(1640) == "We are open, from nine to five."
    assert heard.heard(99_999) == text == heard.full


def test_without_word_times_the_audio_is_divided_by_the_length_of_the_words() -> None:
    heard = HeardText()
    # Letters, two for each gap, six for the comma, four for the stop: 6 + 14 + 6 + 14 = 40.
    heard.add("abcd efghij, klmn opqrstuv.", 4000)
    assert heard.heard(579) == ""
    assert heard.heard(580) == "abcd"
    assert heard.heard(1979) == "abcd"
    assert heard.heard(1980) == "abcd efghij"
    assert heard.heard(2579) == "abcd efghij"
    assert heard.heard(2580) == "abcd efghij, klmn"
    assert heard.heard(3979) == "abcd efghij, klmn"
    assert heard.heard(3980) == "abcd efghij, klmn opqrstuv."


def test_digits_take_longer_to_say_than_letters() -> None:
    heard = HeardText()
    heard.add("aaaa 4711 bbbb", 4200)  # 6 + 30 + 6
    assert heard.heard(580) == "aaaa"
    assert heard.heard(3579) == "aaaa"
    assert heard.heard(3580) == "aaaa 4711"


def test_pieces_follow_one_another_and_a_full_stop_that_was_heard_stays() -> None:
    heard = HeardText()
    heard.add("Of course,", 500, timed("Of course,", 200, 490))
    heard.add("we are open.", 900, timed("we are open.", 200, 400, 880))
    heard.add("Anything else?", 800)
    assert heard.total_ms == 2200
    assert heard.heard(490) == "Of course"
    assert heard.heard(700) == "Of course, we"
    assert heard.heard(1400) == "Of course, we are open."
    assert heard.heard(2200) == "Of course, we are open. Anything else?"


def test_a_piece_that_still_grows_is_not_taken_for_whole() -> None:
    heard = HeardText()
    heard.add("This sentence has only just begun to be synthesised.", 200, complete=False)
    assert heard.heard(200) == ""
    heard.extend(200)
    # At 44 ms per letter "This" ends at 264 ms.
    assert heard.heard(243) == ""
    assert heard.heard(400) == "This"
    heard.extend(2600)
    assert heard.heard(3000) == "This sentence has only just begun to be synthesised."
    heard.extend(1000, complete=True)
    assert heard.heard(3000) == "This sentence has only just begun to be"
    assert heard.heard(4000) == heard.full


def test_a_growing_piece_is_judged_at_the_pace_of_those_before_it() -> None:
    heard = HeardText()
    heard.add("aaaa bbbb", 1200)  # 100 ms a letter
    heard.add("cccc dddd", 0, complete=False)
    assert heard.heard(1200 + 579) == "aaaa bbbb"
    assert heard.heard(1200 + 580) == "aaaa bbbb cccc"


def test_words_whose_times_are_not_known_yet_lie_between_those_that_are() -> None:
    heard = HeardText()
    heard.add("aaaa bbbb cccc dddd", 1000, [WordTime(word="aaaa", end_ms=400)], complete=False)
    assert heard.heard(350) == "aaaa"
    assert heard.heard(500) == "aaaa"
    heard.extend(1000, [WordTime(word="cccc", end_ms=1600)], complete=True)
    assert heard.heard(979) == "aaaa"
    assert heard.heard(980) == "aaaa bbbb"
    assert heard.heard(1549) == "aaaa bbbb"
    assert heard.heard(1550) == "aaaa bbbb cccc"
    assert heard.heard(1980) == "aaaa bbbb cccc dddd"


def test_words_that_the_engine_spells_otherwise_are_laid_beside_the_text() -> None:
    text = "Room 5 — please"
    heard = HeardText()
    spoken = [("room", 300.0), ("five", 600.0), ("please", 1500.0)]
    heard.add(text, 1500, [WordTime(word=word, end_ms=end) for word, end in spoken])
    assert heard.heard(250) == "Room"
    assert heard.heard(1449) == "Room 5"
    assert heard.heard(1450) == "Room 5 — please"

    same_number = HeardText()
    same_number.add("Room 5", 700, [WordTime(word=word, end_ms=end) for word, end in spoken[:2]])
    assert same_number.heard(549) == "Room"
    assert same_number.heard(550) == "Room 5"


def test_times_that_go_backwards_or_past_the_audio_are_put_right() -> None:
    heard = HeardText()
    heard.add("one two three", 900, timed("one two three", 500, 300, 5000))
    assert heard.heard(449) == ""
    assert heard.heard(500) == "one two"
    assert heard.heard(870) == "one two three"


def test_the_last_frame_of_a_piece_need_not_be_whole() -> None:
    heard = HeardText()
    heard.add("Goodbye.", 1003.7)
    assert heard.heard(983) == ""
    assert heard.heard(1000) == "Goodbye."


def test_scripts_without_spaces_are_counted_by_signs_and_joined_without_a_space() -> None:
    heard = HeardText()
    heard.add("我们开门。", 500)  # 7 + 7 + 7 + 7 + 4
    heard.add("再见。", 300)
    assert heard.full == "我们开门。再见。"
    assert heard.heard(250) == "我们"
    assert heard.heard(495) == "我们开门。"
    assert heard.heard(800) == "我们开门。再见。"


def test_nothing_added_is_nothing_heard() -> None:
    heard = HeardText()
    heard.extend(100)
    assert (heard.full, heard.total_ms, heard.heard(500)) == ("", 0.0, "")
    heard.add("", 100)
    assert heard.heard(500) == ""


_SENTENCES = st.lists(
    st.text(alphabet="ab ,.5—字", min_size=1, max_size=24).map(str.strip), min_size=1, max_size=4
)


@given(
    sentences=_SENTENCES,
    lengths=st.lists(st.floats(0, 3000), min_size=4, max_size=4),
    ends=st.lists(st.floats(0, 3000), max_size=6),
    complete=st.booleans(),
)
def test_what_was_heard_grows_with_what_was_played_and_is_the_beginning_of_the_text(
    sentences: list[str], lengths: list[float], ends: list[float], complete: bool
) -> None:
    heard = HeardText()
    for sentence, ms in zip(sentences, lengths, strict=False):
        heard.add(sentence, ms, timed(sentence, *sorted(ends)), complete=complete)
    before = ""
    for played in range(0, int(heard.total_ms) + 2000, 97):
        now = heard.heard(played)
        assert heard.full.startswith(now)
        assert now.startswith(before)
        before = now
    if complete:
        assert heard.heard(heard.total_ms + 1) == heard.full


@pytest.mark.parametrize("tolerance", [50])
@given(gaps=st.lists(st.integers(1, 700), min_size=1, max_size=12), played=st.integers(0, 9000))
def test_never_more_words_than_were_played(tolerance: int, gaps: list[int], played: int) -> None:
    ends = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    text = " ".join(f"w{index}" for index in range(len(gaps)))
    heard = HeardText()
    heard.add(text, ends[-1], timed(text, *ends))
    allowed = sum(end - tolerance <= played for end in ends)
    assert len(heard.heard(played).split()) <= allowed
    assert len(heard.heard(played).split()) >= sum(end <= played for end in ends) * (played > 0)

"""Sentences out of a stream of words."""

# ruff: noqa: RUF001  # punctuation of other scripts is part of what is tested

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.errors import UsageError
from hookflash.pipeline.sentences import SentenceSplitter


def split(text: str, splitter: SentenceSplitter | None = None) -> list[str]:
    """Push a text sign by sign, as the slowest stream would."""
    splitter = splitter or SentenceSplitter(first_min_chars=200)
    pieces: list[str] = []
    for sign in text:
        pieces += splitter.push(sign)
    return pieces + splitter.flush()


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_a_sentence_is_given_as_soon_as_the_next_one_begins() -> None:
    splitter = SentenceSplitter()
    assert splitter.push("We are open until five.") == []
    assert splitter.push(" Shall") == ["We are open until five."]
    assert splitter.push(" I book?") == []
    assert splitter.flush() == ["Shall I book?"]


def test_the_first_piece_may_end_at_a_clause_and_later_ones_may_not() -> None:
    text = (
        "Of course I can do that, let me look at the calendar for you. "
        "There is a place on Monday at ten, and another one on Friday."
    )
    assert split(text, SentenceSplitter()) == [
        "Of course I can do that,",
        "let me look at the calendar for you.",
        "There is a place on Monday at ten, and another one on Friday.",
    ]


def test_a_clause_shorter_than_the_first_minimum_does_not_end_the_first_piece() -> None:
    assert split("Well, yes, we do that, and more.", SentenceSplitter(first_min_chars=20)) == [
        "Well, yes, we do that,",
        "and more.",
    ]


def test_a_clause_does_not_end_inside_dates_and_ranges() -> None:
    text = "Your appointment is on March 3, 2026, from 9 – 10 in the morning"
    assert split(text, SentenceSplitter()) == [
        "Your appointment is on March 3, 2026,",
        "from 9 – 10 in the morning",
    ]


def test_a_sentence_shorter_than_the_minimum_is_joined_to_the_next() -> None:
    assert split("Sure. I can do that. Yes. No. Maybe.") == [
        "Sure. I can do that.",
        "Yes. No. Maybe.",
    ]


def test_flush_makes_the_splitter_ready_for_another_answer() -> None:
    splitter = SentenceSplitter()
    text = "I will look that up for you, one moment please."
    once = [*splitter.push(text), *splitter.flush()]
    assert [*splitter.push(text), *splitter.flush()] == once
    assert once == ["I will look that up for you,", "one moment please."]


@pytest.mark.parametrize(
    "text",
    [
        "Please ask for Dr. Smith or Mrs. Jones at St. Mary's today.",
        "Bring papers, e.g. Your passport or i.e. Anything official.",
        "The number pi is about 3.14 and the room is 9.30 to 10.15 tonight.",
        "The author is J. K. Rowling of the U.K. Office here.",
        "Write to info@harbour.example.com or see www.harbour.example/a.b?c=d today.",
        "I think... well, perhaps… we should wait a little longer.",
        "Take room No. 5 on Jan. 3 and dial ext. 204 when you arrive.",
        "We are open until 5 p.m. on weekdays and approx. noon on Sundays.",
        "The company is Acme Inc. and it is well known in the city.",
    ],
)
def test_stops_inside_a_sentence_do_not_end_it(text: str) -> None:
    assert split(text) == [text]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("We close at 5 p.m. Please come early.", ["We close at 5 p.m.", "Please come early."]),
        ('She said "Come in." Then she left.', ['She said "Come in."', "Then she left."]),
        ("(We are closed now.) Call later.", ["(We are closed now.)", "Call later."]),
        ("He said “I am here.” She left.", ["He said “I am here.”", "She left."]),
        ("Wait a moment... Here it is.", ["Wait a moment...", "Here it is."]),
        ("Are you sure?! I am not so sure.", ["Are you sure?!", "I am not so sure."]),
        ("Is it yahoo! or something else?", ["Is it yahoo!", "or something else?"]),
        ("It costs 3.14. Then 5 more.", ["It costs 3.14.", "Then 5 more."]),
        ("See example.com. Then call us.", ["See example.com.", "Then call us."]),
        ("We have no. We are sorry for it.", ["We have no.", "We are sorry for it."]),
    ],
)
def test_stops_at_the_end_of_a_sentence_end_it_with_what_closes_behind_them(
    text: str, pieces: list[str]
) -> None:
    assert split(text) == pieces


def test_every_line_is_a_piece_and_the_numbers_of_a_list_stay_with_it() -> None:
    text = "You can choose:\n1. Opening hours\n2. A new appointment\n- Yes\n\n\nThank you"
    assert split(text) == [
        "You can choose:",
        "1. Opening hours",
        "2. A new appointment",
        "- Yes",
        "Thank you",
    ]


def test_the_number_of_a_list_is_no_sentence_however_short_sentences_may_be() -> None:
    splitter = SentenceSplitter(first_min_chars=50, min_chars=1)
    assert split("1. Hours. Ok. 2. Prices.\n3. Go.", splitter) == [
        "1. Hours.",
        "Ok.",
        "2. Prices.",
        "3. Go.",
    ]


def test_chinese_and_japanese_stops_end_a_sentence_without_a_space() -> None:
    assert split("我们九点开门。您需要预约吗？请告诉我。") == [
        "我们九点开门。",
        "您需要预约吗？",
        "请告诉我。",
    ]
    assert split("「はい、そうです。」と言いました。 次です。") == [
        "「はい、そうです。」",
        "と言いました。",
        "次です。",
    ]
    assert split("当然可以为您预约明天上午，请稍等。", SentenceSplitter()) == [
        "当然可以为您预约明天上午，",
        "请稍等。",
    ]


def test_a_text_without_stops_is_cut_at_its_last_clause_or_space_or_at_the_limit() -> None:
    short: dict[str, Any] = {"first_min_chars": 19, "min_chars": 5, "max_chars": 20}
    assert split("one two, three four five six", SentenceSplitter(**short)) == [
        "one two,",
        "three four five six",
    ]
    assert split("one two three four five six", SentenceSplitter(**short)) == [
        "one two three four",
        "five six",
    ]
    assert split("x" * 45, SentenceSplitter(**short)) == ["x" * 20, "x" * 20, "x" * 5]


def test_white_space_alone_is_nothing() -> None:
    assert split(" \n\t \r\n ") == []


@pytest.mark.parametrize(
    ("first", "least", "most"), [(0, 10, 100), (10, 0, 100), (30, 10, 30), (10, 30, 30)]
)
def test_numbers_that_cannot_be_are_refused(first: int, least: int, most: int) -> None:
    with pytest.raises(UsageError, match="max_chars above both"):
        SentenceSplitter(first_min_chars=first, min_chars=least, max_chars=most)


_WORDS = st.sampled_from(
    [
        *("Dr.", "St.", "e.g.", "J.", "K.", "No.", "3.14", "9.30", "5", "a.m.", "...", "…", "1."),
        *("Hello", "there", "it", "is", "ok.", "Yes.", "no!", "what?", 'said "no."', "(ok.)", "–"),
        *(
            "one,",
            "two;",
            "note:",
            "はい。",
            "元気？」",
            "我，",
            "https://a.b/c.d",
            "a@b.co",
            "x" * 30,
        ),
        *("\n", "- ", " ", "  ", "\t", "\u00a0", "\r\n", "।", ".", "?", "'", "”"),
    ]
)
_TEXTS = st.lists(_WORDS, max_size=40).flatmap(
    lambda words: st.sampled_from(["", " "]).map(lambda gap: gap.join(words))
) | st.text(max_size=120)


@given(text=_TEXTS, cuts=st.lists(st.integers(0, 200), max_size=12), limit=st.integers(13, 80))
def test_any_cutting_of_the_stream_gives_the_same_pieces_and_loses_nothing(
    text: str, cuts: list[int], limit: int
) -> None:
    def fresh() -> SentenceSplitter:
        return SentenceSplitter(first_min_chars=12, min_chars=6, max_chars=limit)

    whole = fresh()
    pieces = [*whole.push(text), *whole.flush()]
    chunked = fresh()
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    again: list[str] = []
    for start, end in pairwise(edges):
        again += chunked.push(text[start:end])
    again += chunked.flush()

    assert again == pieces
    assert split(text, fresh()) == pieces
    assert squeezed("".join(pieces)) == squeezed(text)
    assert all(piece and piece == piece.strip() and len(piece) <= limit for piece in pieces)
    place = 0
    for piece in pieces:
        found = text.index(piece, place)
        assert not text[place:found].strip()
        place = found + len(piece)

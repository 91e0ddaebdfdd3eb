import pytest
from msgspec.structs import replace

from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.machines.endpointing import (
    ENGLISH,
    Completeness,
    completeness,
    content_words,
    opens_with_stop_word,
    spelled_length,
    spoken_digits,
    words,
)

ANYTHING = ExpectationSet(expects=Expectation.ANYTHING)
YES_NO = ExpectationSet(expects=Expectation.YES_NO)
MENU = ExpectationSet(expects=Expectation.CHOICE, words=("billing", "opening hours", "sign in"))
FOUR_DIGITS = ExpectationSet(expects=Expectation.DIGITS, length=4)
SOME_DIGITS = ExpectationSet(expects=Expectation.DIGITS, words=("operator",))
FIVE_LETTERS = ExpectationSet(expects=Expectation.SPELLING, length=5)
SOME_LETTERS = ExpectationSet(expects=Expectation.SPELLING)
DICTATION = ExpectationSet(expects=Expectation.DICTATION)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ...  ", []),
        ("Uh-huh, that\u2019s RIGHT.", ["uh", "huh", "that's", "right"]),
        ("415-555-0100", ["415", "555", "0100"]),
        ("'quoted' o'clock", ["quoted", "o'clock"]),
        ("Grüße aus Köln", ["grüße", "aus", "köln"]),
    ],
)
def test_words_are_lower_case_and_keep_only_the_apostrophe(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Mhm.", 0),
        ("uh-huh, yeah, okay", 0),
        ("um", 0),
        ("all right, I see", 0),
        ("yes", 1),
        ("yeah but", 1),
        ("right now please", 2),
        ("I want to cancel", 4),
        ("I see a problem", 2),
    ],
)
def test_backchannels_and_hesitation_are_not_content(text: str, count: int) -> None:
    assert content_words(text) == count


@pytest.mark.parametrize(
    ("text", "opens"),
    [
        ("", False),
        ("stop", True),
        ("Wait a minute", True),
        ("no", True),
        ("no, the other one", True),
        ("uh, hold on", True),
        ("okay okay stop", True),
        ("hold", False),
        ("okay", False),
        ("I will wait", False),
        ("no problem", False),
        ("oh no worries", False),
        ("no problem, but wait", False),
        ("just a second", True),
    ],
)
def test_a_stop_word_counts_at_the_beginning_after_backchannels(text: str, opens: bool) -> None:
    assert opens_with_stop_word(text) is opens


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("", ""),
        ("my number is", ""),
        ("four two oh one", "4201"),
        ("Four, two; 0 one", "4201"),
        ("415-555-0100", "4155550100"),
        ("double four seven", "447"),
        ("triple nine", "999"),
        ("double oh seven", "007"),
        ("double 4", "44"),
        ("double twelve", "12"),
        ("double click four", "4"),
        ("twenty three", "23"),
        ("twenty double three", "2033"),
        ("twenty", "20"),
        ("twenty zero", "200"),
        ("twenty twenty four", "2024"),
        ("twenty and three", "203"),
        ("ten five", "105"),
        ("nineteen eighty four", "1984"),
        ("one eight hundred five five five", "1800555"),
        ("ninety nine nine", "999"),
        ("20 three", "203"),
        ("\u0663\u0664", ""),
        ("b12", ""),
    ],
)
def test_digits_are_read_as_they_are_said_on_the_telephone(text: str, digits: str) -> None:
    assert spoken_digits(text) == digits


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("smith", 0),
        ("s m i t h", 5),
        ("S-M-I-T-H", 5),
        ("bravo oscar bravo", 3),
        ("b as in bravo, o, b for bravo", 3),
        ("b as in", 1),
        ("double l", 2),
        ("double u", 1),
        ("w h i double t", 5),
        ("x-ray zed", 2),
        ("a b four twenty double two", 7),
        ("double seven 42", 4),
        ("it's spelled k", 1),
    ],
)
def test_letters_and_digits_are_counted_in_what_is_spelled(text: str, length: int) -> None:
    assert spelled_length(text) == length


@pytest.mark.parametrize(
    ("text", "expected", "judged"),
    [
        # Nothing in particular is expected: only a trailing word speaks.
        ("", ANYTHING, Completeness.PLAIN),
        ("I want to book a table", ANYTHING, Completeness.PLAIN),
        ("yes", ANYTHING, Completeness.PLAIN),
        ("yes it is", ANYTHING, Completeness.PLAIN),
        ("I want to book a table and", ANYTHING, Completeness.OPEN),
        ("my number is", ANYTHING, Completeness.OPEN),
        ("um", ANYTHING, Completeness.OPEN),
        ("Who is it for?", ANYTHING, Completeness.PLAIN),
        ("It is for.", ANYTHING, Completeness.OPEN),
        ("on Tuesday,", ANYTHING, Completeness.OPEN),
        ("on Tuesday...", ANYTHING, Completeness.OPEN),
        ("on Tuesday\u2026 ", ANYTHING, Completeness.OPEN),
        ("on Tuesday.", ANYTHING, Completeness.PLAIN),
        # Yes or no.
        ("Yes.", YES_NO, Completeness.COMPLETE),
        ("uh, yes please", YES_NO, Completeness.COMPLETE),
        ("no thank you", YES_NO, Completeness.COMPLETE),
        ("mhm", YES_NO, Completeness.COMPLETE),
        ("yes it is", YES_NO, Completeness.COMPLETE),
        ("of course not", YES_NO, Completeness.COMPLETE),
        ("please", YES_NO, Completeness.PLAIN),
        ("yes on Tuesday", YES_NO, Completeness.PLAIN),
        ("yes but", YES_NO, Completeness.OPEN),
        # A menu.
        ("Billing.", MENU, Completeness.COMPLETE),
        ("the opening hours please", MENU, Completeness.COMPLETE),
        ("sign in", MENU, Completeness.COMPLETE),
        ("billing or", MENU, Completeness.OPEN),
        ("opening", MENU, Completeness.PLAIN),
        # Digits.
        ("four two oh one", FOUR_DIGITS, Completeness.COMPLETE),
        ("double four double two and", FOUR_DIGITS, Completeness.COMPLETE),
        ("42011", FOUR_DIGITS, Completeness.COMPLETE),
        ("four two oh", FOUR_DIGITS, Completeness.OPEN),
        ("let me look", FOUR_DIGITS, Completeness.OPEN),
        ("four two oh one", SOME_DIGITS, Completeness.OPEN),
        ("operator please", SOME_DIGITS, Completeness.COMPLETE),
        # Letters, and free dictation.
        ("s m i t h", FIVE_LETTERS, Completeness.COMPLETE),
        ("s m i t", FIVE_LETTERS, Completeness.OPEN),
        ("s m i t h", SOME_LETTERS, Completeness.OPEN),
        ("twelve Park Lane", DICTATION, Completeness.OPEN),
    ],
)
def test_words_are_judged_as_an_answer_to_what_was_expected(
    text: str, expected: ExpectationSet, judged: Completeness
) -> None:
    assert completeness(text, expected) is judged


def test_another_language_brings_its_own_words() -> None:
    german = replace(
        ENGLISH,
        backchannels=frozenset({"genau", "ja ja"}),
        stop_words=frozenset({"moment"}),
        trailing=frozenset({"und"}),
        answers=frozenset({"ja", "nein"}),
        courtesies=frozenset({"bitte"}),
    )
    assert content_words("ja ja genau", german) == 0
    assert opens_with_stop_word("ja ja, Moment", german)
    assert completeness("ja bitte", YES_NO, german) is Completeness.COMPLETE
    assert completeness("und", YES_NO, german) is Completeness.OPEN

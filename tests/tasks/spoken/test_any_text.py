"""No text breaks a normaliser, or keeps it busy."""

import time
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.tasks.spoken import (
    Heard,
    grounded,
    hear_address,
    hear_card_number,
    hear_choice,
    hear_date,
    hear_digits,
    hear_email,
    hear_expiry,
    hear_name,
    hear_phone,
    hear_security_code,
    hear_time,
    hear_yes_no,
)
from hookflash.tasks.spoken.english import ENGLISH

TODAY = date(2026, 11, 20)
NORMALISERS: list[Callable[[str], Heard[object]]] = [
    lambda text: hear_email(text),
    lambda text: hear_phone(text),
    lambda text: hear_digits(text),
    lambda text: hear_date(text, today=TODAY),
    lambda text: hear_time(text),
    lambda text: hear_name(text),
    lambda text: hear_address(text),
    lambda text: hear_card_number(text),
    lambda text: hear_expiry(text, today=TODAY),
    lambda text: hear_security_code(text),
    lambda text: hear_yes_no(text),
    lambda text: hear_choice(text, ["tea", "coffee"]),
]
WORDS = sorted(
    {
        *ENGLISH.digits, *ENGLISH.digit_sounds, *ENGLISH.numbers, *ENGLISH.tens, *ENGLISH.months,
        *ENGLISH.ordinals, *ENGLISH.repeats, *ENGLISH.letter_sounds, *ENGLISH.alphabet,
        "hundred", "thousand", "and", "a", "o", "oh", "no", "not", "sorry", "wait", "at", "dot",
        "as in", "for", "like", "spelled", "that's", "is", "gmail", "com", "street", "apartment",
        "illinois", "usa", "zip", "extension", "capital", "pm", "past", "quarter", "jane", "smith",
        "@", ".", "-", "+", "#", ",", "'", "a@b.co", "62704", "SW1A 1AA", "3rd", "x", "first name",
    }
)  # fmt: skip
SAID = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))


@settings(max_examples=150, deadline=None)
@given(text=SAID)
def test_any_text_gives_a_value_or_a_problem(text: str) -> None:
    for hear in NORMALISERS:
        found = hear(text)
        assert (found.value is None) == (found.problem is not None)


@settings(max_examples=100, deadline=None)
@given(
    value=SAID,
    turns=st.lists(SAID, max_size=3),
    kind=st.sampled_from(["email", "phone", "digits", "date", "time", "name", "address", "card"]),
)
def test_any_value_of_a_model_is_grounded_or_not(value: str, turns: list[str], kind: str) -> None:
    assert grounded(value, turns, kind, today=TODAY) in {True, False}


@pytest.mark.real_time
@pytest.mark.parametrize(
    "phrase",
    ["no ", "five no ", "no b as in boy ", "a@", "a.a", "capital ", "double ", "5 sorry 55 5 ",
     "jane dot doe at gmail dot com no ", "march ", "apartment 4 ", "smith s m i t h "],
)  # fmt: skip
def test_the_longest_text_of_the_worst_words_takes_a_moment(phrase: str) -> None:
    text = phrase * (4000 // len(phrase))
    began = time.process_time()
    for hear in NORMALISERS:
        hear(text)
    # All of them together; a pattern that backtracks would take minutes.
    assert time.process_time() - began < 3.0

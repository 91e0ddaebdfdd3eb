"""What a model passes on must have been said."""

from datetime import date

import pytest

from hookflash.errors import UsageError
from hookflash.tasks.spoken import grounded

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("value", "heard", "kind"),
    [
        ("jane.doe@gmail.com", ["jane dot doe at gmail dot com"], "email"),
        ("Jane.Doe@gmail.com", ["JANE.DOE@GMAIL.COM"], "email"),
        ("jane@gmail.com", ["jane at", "gmail dot com"], "email"),
        ("john@gmail.com", ["jane at gmail dot com", "no, john at gmail dot com"], "email"),
        ("jane@x.org", ["write to jane@x.org or call bob@x.org"], "email"),
        ("+14155550132", ["four one five", "five five five oh one three two"], "phone"),
        ("(415) 555-0132", ["4155550132"], "phone"),
        ("1 2 3 4", ["1234"], "digits"),
        ("1984-03-04", ["march fourth eighty four"], "date"),
        ("1984-03-04", ["3 4 84"], "date"),
        ("John Smith", ["hi this is john smith and I need help with my bill"], "name"),
        ("Jon Smith", ["john smith", "that's j o n smith"], "name"),
        ("O'Brien", ["it's o'brien"], "name"),
        (
            "450 N Main St, Springfield, IL 62704",
            ["four fifty north main street", "springfield illinois", "62704"],
            "address",
        ),
        ("04/27", ["oh four twenty seven"], "expiry"),
        ("4242424242424242", ["4242 4242", "4242 4242"], "card"),
        ("012", ["oh one two"], "code"),
    ],
)
def test_what_was_said_is_grounded(value: str, heard: list[str], kind: str) -> None:
    assert grounded(value, heard, kind, today=TODAY, date_kind="birth")


@pytest.mark.parametrize(
    ("value", "heard", "kind"),
    [
        ("jane@gmail.com", [], "email"),
        ("jane@gmail.com", ["john at gmail dot com"], "email"),
        ("jane@gmail.com", ["jane at gmial.com"], "email"),
        ("ane@gmail.com", ["jane@gmail.com"], "email"),
        ("jane@gmail.com", ["jane at gmail dot com", "no, john at gmail dot com"], "email"),
        ("nonsense", ["nonsense"], "email"),
        ("+14155550133", ["415 555 0132"], "phone"),
        ("+442079460958", ["the number I'm calling from"], "phone"),
        ("4242", ["4 2 4 2 5"], "digits"),
        ("123", ["1234"], "digits"),
        ("1984-03-05", ["march fourth eighty four"], "date"),
        ("Jon Smith", ["hi this is john smith"], "name"),
        ("Jane", ["my name is john, no, bob"], "name"),
        ("Smith John", ["john smith"], "name"),
        ("451 N Main St, Springfield, IL 62704",
         ["450 north main street springfield illinois 62704"],
         "address"),
        ("450 Main St, Springfield, IL 62704", ["450 main street"], "address"),
        ("4242424242424242", ["yes please"], "card"),
        ("013", ["oh one two"], "code"),
    ],
)  # fmt: skip
def test_what_was_not_said_is_not(value: str, heard: list[str], kind: str) -> None:
    assert not grounded(value, heard, kind, today=TODAY, date_kind="birth")


def test_the_callers_number_counts_once_they_refer_to_it() -> None:
    ours = "+14155550132"
    assert grounded(ours, ["the number I'm calling from"], "phone", caller_number=ours)
    assert not grounded(ours, ["hello"], "phone", caller_number=ours)


def test_only_the_last_turns_count() -> None:
    heard = ["jane at gmail dot com", *["all right then"] * 8]
    assert not grounded("jane@gmail.com", heard, "email")


def test_the_kind_and_today_are_checked() -> None:
    with pytest.raises(UsageError, match="kind must be"):
        grounded("1", ["1"], "shoe size")
    with pytest.raises(UsageError, match="today"):
        grounded("1984-03-04", ["1984-03-04"], "date")

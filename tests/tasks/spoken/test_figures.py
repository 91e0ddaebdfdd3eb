"""Digits and telephone numbers."""

import pytest

from hookflash.errors import UsageError
from hookflash.tasks.spoken import PhoneNumber, ProblemKind, hear_digits, hear_phone


@pytest.mark.parametrize(
    ("said", "figures"),
    [
        ("forty two fifteen", "4215"),
        ("my pin is one two three four", "1234"),
        ("oh one double five", "0155"),
        ("a thousand two hundred thirty four", "1234"),
        ("four to for won", "4241"),
        ("twenty for fifteen", "2415"),
        ("one two three five, no, four", "1234"),
        ("one two three five, sorry, one two three four", "1234"),
        ("1 2 fifty not 15", "1250"),
        ("9876, scratch that, 1234", "1234"),
    ],
)
def test_four_digits_are_heard_however_they_are_said(said: str, figures: str) -> None:
    assert hear_digits(said, length=4).value == figures


def test_too_few_too_many_and_none_are_different_questions() -> None:
    kinds = [
        problem.kind
        for said in ("one two", "one two three four five", "I do not know")
        if (problem := hear_digits(said, length=4).problem)
    ]
    assert kinds == [ProblemKind.INCOMPLETE, ProblemKind.INVALID, ProblemKind.NOTHING]


def test_a_leading_for_may_be_a_figure_or_not() -> None:
    assert hear_digits("for five six").candidates == ("456", "56")
    assert hear_digits("for five six", length=2).value == "56"


def test_a_correction_that_fits_in_several_places_is_a_question() -> None:
    found = hear_digits("one two three, no, four")
    assert found.value is None
    assert found.problem is not None
    assert found.problem.kind is ProblemKind.AMBIGUOUS


def test_the_lengths_must_be_possible() -> None:
    with pytest.raises(UsageError, match="1 to 64"):
        hear_digits("1", minimum=3, maximum=2)


@pytest.mark.parametrize(
    ("said", "region", "number"),
    [
        ("four one five, five five five, oh one three two", "US", "+14155550132"),
        ("+1 (415) 555-0132", "DE", "+14155550132"),
        ("one eight hundred five five five one two one two", "US", "+18005551212"),
        ("two one two seven three six five thousand", "US", "+12127365000"),
        ("07911 123456", "GB", "+447911123456"),
        ("oh seven nine double one, one two three four five six", "GB", "+447911123456"),
        ("plus forty four seven nine double one one two three four five six", "US",
         "+447911123456"),
        ("double oh forty four seven nine one one one two three four five six", "US",
         "+447911123456"),
        ("+44 (0)20 7946 0958", "FR", "+442079460958"),
        ("oh six twelve thirty four fifty six seventy eight", "FR", "+33612345678"),
        ("nine eight seven six five four three two one oh", "IN", "+919876543210"),
        ("oh six, one two three four, five six seven eight", "IT", "+390612345678"),
        ("415 555 0132, sorry, 0133", "US", "+14155550133"),
        ("4 1 5 5 5 6 no 5 0 1 3 2", "US", "+14155550132"),
        ("it's 415 555, no, 556 0132", "US", "+14155560132"),
        ("it's the same number, 415 555 0132", "US", "+14155550132"),
    ],
)  # fmt: skip
def test_a_number_is_heard_in_the_plan_of_its_country(said: str, region: str, number: str) -> None:
    found = hear_phone(said, default_region=region)
    assert found.value is not None
    assert found.value.number == number


def test_an_extension_is_kept_apart() -> None:
    found = hear_phone("415 555 0132 extension twelve")
    assert found.value == PhoneNumber("+14155550132", "12", "US")
    assert str(found.value) == "+14155550132;ext=12"


@pytest.mark.parametrize(
    "said",
    ["the number I'm calling from", "use this number", "the one I am calling from please"],
)
def test_the_callers_own_number_may_be_meant(said: str) -> None:
    found = hear_phone(said, caller_number="+14155550132")
    assert found.value == PhoneNumber("+14155550132", region="US")
    assert hear_phone(said).value is None


def test_another_number_is_not_the_callers_own() -> None:
    assert hear_phone("not this number", caller_number="+14155550132").value is None


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("911", ProblemKind.INCOMPLETE),
        ("no idea", ProblemKind.NOTHING),
        ("415 555 0132 4", ProblemKind.INVALID),
        ("415 555 0132 or 212 736 5000", ProblemKind.AMBIGUOUS),
    ],
)
def test_what_is_no_number_is_a_question(said: str, kind: ProblemKind) -> None:
    found = hear_phone(said)
    assert found.value is None
    assert found.problem is not None
    assert found.problem.kind is kind


def test_a_region_that_does_not_exist_is_told() -> None:
    with pytest.raises(UsageError, match="default_region"):
        hear_phone("1", default_region="XX")

"""Postal addresses."""

import pytest

from hookflash.errors import UsageError
from hookflash.tasks.spoken import Address, ProblemKind, hear_address


@pytest.mark.parametrize(
    ("said", "country", "address"),
    [
        ("450 Main St, Salt Lake City, UT 84101", "US",
         "450 Main Street, Salt Lake City, UT 84101, US"),
        ("four fifty north main street apartment four b springfield illinois six two seven oh four",
         "US", "450 North Main Street, Apartment 4B, Springfield, IL 62704, US"),
        ("12 main street tulsa OK 74103", "US", "12 Main Street, Tulsa, OK 74103, US"),
        ("one hundred fifth avenue new york n y one zero zero one one", "US",
         "100 5th Avenue, New York, NY 10011, US"),
        ("1600 Pennsylvania Avenue NW Washington DC 20500", "US",
         "1600 Pennsylvania Avenue Northwest, Washington, DC 20500, US"),
        ("p o box one two three springfield illinois six two seven oh four", "US",
         "PO Box 123, Springfield, IL 62704, US"),
        ("123 county road 12 austin texas 78701", "US",
         "123 County Road 12, Austin, TX 78701, US"),
        ("300 st james avenue boston massachusetts 02116", "US",
         "300 St James Avenue, Boston, MA 02116, US"),
        ("221B Baker Street, London NW1 6XE", "US", "221B Baker Street, London, NW1 6XE, GB"),
        ("flat three, ten kings road, london, s w one a one a a", "GB",
         "10 Kings Road, Flat 3, London, SW1A 1AA, GB"),
        ("twelve main street montreal quebec h two x one y four", "CA",
         "12 Main Street, Montreal, QC H2X 1Y4, CA"),
        ("12 main street springfield illinois 62704, sorry, 62705", "US",
         "12 Main Street, Springfield, IL 62705, US"),
        ("12 main, no, maple street springfield illinois 62704", "US",
         "12 Maple Street, Springfield, IL 62704, US"),
        ("12 main street springfield illinois 62704, no wait, 14 main street", "US",
         "14 Main Street, Springfield, IL 62704, US"),
    ],
)  # fmt: skip
def test_an_address_is_taken_apart(said: str, country: str, address: str) -> None:
    assert str(hear_address(said, default_country=country).value) == address


def test_a_missing_part_is_asked_for_and_the_rest_is_kept() -> None:
    found = hear_address("10 downing street", default_country="GB")
    assert found.value is None
    assert found.problem is not None
    assert found.problem.kind is ProblemKind.INCOMPLETE
    assert found.problem.ask == "The town and the postal code are missing. Ask for that."
    assert found.candidates == (Address(street="10 Downing Street", country="GB"),)


def test_what_cannot_be_taken_apart_is_kept_as_it_was_said() -> None:
    found = hear_address("some house in the woods")
    assert found.value is None
    assert found.candidates == (Address(street="Some House In the Woods", country="US"),)


def test_number_and_street_that_run_together_are_asked_about() -> None:
    found = hear_address("twenty two forty second street new york new york 10036")
    assert [way.street for way in found.candidates] == ["22 42nd Street", "2240 2nd Street"]


def test_nothing_is_made_of_a_question() -> None:
    found = hear_address("why")
    assert found.problem is not None
    assert found.problem.kind is ProblemKind.NOTHING


def test_a_country_that_is_not_known_is_told() -> None:
    with pytest.raises(UsageError, match="default_country"):
        hear_address("1", default_country="FR")

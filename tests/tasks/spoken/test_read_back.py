"""Values are read back so that they can be heard."""

from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import UsageError
from hookflash.tasks.spoken import (
    Address,
    Expiry,
    PersonName,
    PhoneNumber,
    Reading,
    SpokenValue,
    hear_address,
    hear_card_number,
    hear_date,
    hear_digits,
    hear_email,
    hear_expiry,
    hear_name,
    hear_phone,
    hear_time,
    spell_out,
)

TODAY = date(2026, 11, 20)
HEARD = st.sampled_from([Reading.WHOLE, Reading.PARTS, Reading.SPELLED])


@pytest.mark.parametrize(
    ("value", "kind", "way", "said"),
    [
        ("jane.doe9@gmail.com", "email", "whole", "jane dot doe nine at gmail dot com"),
        ("jane.doe9@gmail.com", "email", "parts", "jane dot doe nine, at gmail dot com"),
        ("al@ups.com", "email", "spelled",
         "a as in alfa, l as in lima, at, u as in uniform, p as in papa, s as in sierra dot com"),
        ("a@b.co", "email", "written", "a @ b . c o"),
        (PhoneNumber("+14155550132", "12"), "phone", "whole",
         "plus one, four one five, five five five, zero one three two, extension one two"),
        ("+442079460958", "phone", "parts",
         "plus four four. two zero. seven nine four six. zero nine five eight"),
        ("123456", "digits", "whole", "one two three, four five six"),
        ("012", "code", "spelled", "zero, one, two"),
        ("378282246310005", "card", "whole",
         "three seven eight two, eight two two four six three, one zero zero zero five"),
        (date(1984, 3, 3), "date", "whole", "March third, nineteen eighty-four"),
        (date(1984, 3, 3), "date", "written", "March, 3, 1984"),
        (time(15, 5), "time", "whole", "three oh five PM"),
        (Expiry(4, 2027), "expiry", "whole", "April twenty twenty-seven"),
        (Expiry(4, 2027), "expiry", "written", "04/27"),
        (PersonName("Jo", "", "Ek"), "name", "spelled",
         "Jo, j as in juliett, o as in oscar. Ek, e as in echo, k as in kilo"),
        (PersonName("Jo", "", "Ek"), "name", "written", "J o, E k"),
        (Address("450 Main Street", "Apartment 4B", "Springfield", "IL", "62704", "US"), "address",
         "parts", "four five zero Main Street. Apartment four B. Springfield. Illinois. "
         "six two seven zero four"),
    ],
)  # fmt: skip
def test_a_value_is_said(value: SpokenValue, kind: str, way: str, said: str) -> None:
    assert spell_out(value, kind, way) == said


LOCAL = st.from_regex(r"[a-z0-9]{1,12}([._+-][a-z0-9]{1,8}){0,2}", fullmatch=True)
DOMAIN = st.one_of(
    st.sampled_from(["gmail.com", "outlook.com", "bbc.co.uk", "acme.org", "north-light.de"]),
    st.from_regex(r"[a-z]{5,10}\.(com|org|net|io|de|co\.uk)", fullmatch=True),
)


@settings(max_examples=100, deadline=None)
@given(local=LOCAL, domain=DOMAIN, way=HEARD)
def test_an_email_address_comes_back(local: str, domain: str, way: Reading) -> None:
    address = f"{local}@{domain}"
    found = hear_email(spell_out(address, "email", way))
    # A domain that looks like a slip is asked about, however it is said.
    assert found.value == address or address in found.candidates


@settings(max_examples=100, deadline=None)
@given(figures=st.from_regex(r"[0-9]{1,20}", fullmatch=True), way=HEARD)
def test_figures_come_back(figures: str, way: Reading) -> None:
    assert hear_digits(spell_out(figures, "digits", way)).value == figures


@settings(max_examples=100, deadline=None)
@given(
    day=st.dates(date(1907, 1, 1), TODAY),
    when=st.times().map(lambda t: time(t.hour, t.minute)),
    way=st.sampled_from(Reading),
)
def test_dates_and_times_come_back(day: date, when: time, way: Reading) -> None:
    assert hear_date(spell_out(day, "date", way), today=TODAY, kind="birth").value == day
    assert hear_time(spell_out(when, "time", way)).value == when


@pytest.mark.parametrize("way", [Reading.WHOLE, Reading.PARTS, Reading.SPELLED])
def test_numbers_names_and_cards_come_back(way: Reading) -> None:
    for number in ("+14155550132", "+442079460958", "+390612345678", "+5511961234567"):
        phone = hear_phone(number).value
        assert phone is not None
        assert hear_phone(spell_out(phone, "phone", way)).value == phone
    for first, last in (("Jane", "Doe"), ("Mary-Jane", "O'Neill"), ("Jo", "McDonald")):
        name = PersonName(first, "", last)
        assert hear_name(spell_out(name, "name", way)).value == name
    for card in ("4242424242424242", "378282246310005"):
        assert hear_card_number(spell_out(card, "card", way)).value == card
    expiry = Expiry(12, 2030)
    assert hear_expiry(spell_out(expiry, "expiry", way), today=TODAY).value == expiry


@pytest.mark.parametrize("way", [Reading.WHOLE, Reading.PARTS, Reading.WRITTEN])
def test_an_address_comes_back(way: Reading) -> None:
    for address in (
        Address("450 North Main Street", "Apartment 4B", "Springfield", "IL", "62704", "US"),
        Address("12 Maple Lane", "", "Ottawa", "ON", "K1A 0B1", "CA"),
        Address("221B Baker Street", "Flat 3", "London", "", "NW1 6XE", "GB"),
    ):
        found = hear_address(spell_out(address, "address", way), default_country=address.country)
        assert found.value == address


def test_a_value_of_another_kind_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be a date"):
        spell_out(TODAY, "email")
    with pytest.raises(UsageError, match="way one of"):
        spell_out("1", "digits", "backwards")

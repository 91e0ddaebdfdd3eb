"""Payment cards."""

from datetime import date

import pytest

from hookflash.tasks.spoken import (
    Issuer,
    ProblemKind,
    hear_card_number,
    hear_expiry,
    hear_security_code,
    issuer_of,
)

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("number", "issuer"),
    [
        ("4242424242424242", Issuer.VISA),
        ("5555555555554444", Issuer.MASTERCARD),
        ("2223003122003222", Issuer.MASTERCARD),
        ("2720990000000007", Issuer.MASTERCARD),
        ("378282246310005", Issuer.AMEX),
        ("6011111111111117", Issuer.DISCOVER),
        ("30569309025904", Issuer.DINERS),
        ("3566002020360505", Issuer.JCB),
        ("6200000000000005", Issuer.UNIONPAY),
        ("6759649826438453", Issuer.MAESTRO),
        ("9999999999999995", None),
    ],
)
def test_a_number_tells_its_scheme(number: str, issuer: Issuer | None) -> None:
    assert hear_card_number(" ".join(number)).value == number
    assert issuer_of(number) == issuer


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("4242 4242 4242 4241", ProblemKind.INVALID),
        ("4242 4242", ProblemKind.INCOMPLETE),
        ("3782 822463 1000", ProblemKind.INCOMPLETE),
        ("I'd rather not say", ProblemKind.NOTHING),
    ],
)
def test_a_number_that_is_not_right_is_a_question(said: str, kind: ProblemKind) -> None:
    found = hear_card_number(said)
    assert found.value is None
    assert found.problem is not None
    assert found.problem.kind is kind
    assert not any(sign.isdigit() for sign in found.problem.ask)


def test_a_correction_is_found_by_the_check_digit() -> None:
    assert hear_card_number("4242 4242 4242 4243 sorry 4242").value == "4242424242424242"


@pytest.mark.parametrize(
    ("said", "expiry"),
    [
        ("oh four twenty seven", "04/27"),
        ("April twenty seven", "04/27"),
        ("four two thousand twenty seven", "04/27"),
        ("4/27", "04/27"),
        ("0427", "04/27"),
        ("twelve thirty", "12/30"),
        ("one two three oh", "12/30"),
        ("eleven twenty six", "11/26"),
        ("may twenty seven, no, june twenty seven", "06/27"),
    ],
)
def test_an_expiry_date_is_heard(said: str, expiry: str) -> None:
    assert str(hear_expiry(said, today=TODAY).value) == expiry


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("thirteen thirty", "no such month"),
        ("ten twenty six", "expired"),
        ("oh four sixty", "so long"),
        ("may", "missing"),
        ("hello", "No expiry date"),
    ],
)
def test_an_expiry_date_that_cannot_be_is_a_question(said: str, told: str) -> None:
    found = hear_expiry(said, today=TODAY)
    assert found.value is None
    assert found.problem is not None
    assert told in found.problem.ask


def test_a_security_code_has_three_figures_or_four_for_amex() -> None:
    assert hear_security_code("oh one two").value == "012"
    assert hear_security_code("one two three four", issuer=Issuer.AMEX).value == "1234"
    assert hear_security_code("one two three", issuer=Issuer.AMEX).value is None
    assert hear_security_code("one two three four", issuer=Issuer.VISA).value is None
    assert hear_security_code("one two").value is None

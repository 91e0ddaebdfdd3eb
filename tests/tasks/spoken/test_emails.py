"""E-mail addresses, as callers say them."""

import pytest

from hookflash.tasks.spoken import ProblemKind, hear_email

AMBIGUOUS, INCOMPLETE, NOTHING, INVALID = (
    ProblemKind.AMBIGUOUS,
    ProblemKind.INCOMPLETE,
    ProblemKind.NOTHING,
    ProblemKind.INVALID,
)


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("jane dot doe at gmail dot com", "jane.doe@gmail.com"),
        (" A@b.co ", "a@b.co"),
        ("My email is Jane.Doe@gmail.com.", "jane.doe@gmail.com"),
        ("um it's j o h n underscore smith at g mail dot com, thanks", "john_smith@gmail.com"),
        ("jay oh aitch en at gmail", "john@gmail.com"),
        ("j for john d for david at gmail", "jd@gmail.com"),
        ("b as in boy o b double u at u p s dot com", "bobw@ups.com"),
        ("charlie delta echo at yahoo dot co dot uk", "cde@yahoo.co.uk"),
        ("J-O-H-N at proton dot me", "john@proton.me"),
        ("smith spelled s m y t h e at yahoo", "smythe@yahoo.com"),
        ("it's j smith, j s m i t h, at gmail dot com", "jsmith@gmail.com"),
        ("jane at gmail dot com that's j a y n e", "jayne@gmail.com"),
        ("jane smith nineteen eighty four at hotmail dot com", "janesmith1984@hotmail.com"),
        ("jane doe all one word at gmail dot com", "janedoe@gmail.com"),
        ("mike add gmail dot calm", "mike@gmail.com"),
        ("info at deutsche dash bahn dot d e", "info@deutsche-bahn.de"),
        ("jane at g m a i l dot c o m", "jane@gmail.com"),
        ("no reply at acme dot com", "noreply@acme.com"),
        ("you can reach me at jane at gmail dot com and my phone is five", "jane@gmail.com"),
        # Corrections.
        ("jane dot do, no, doe at gmail dot com", "jane.doe@gmail.com"),
        ("d a n, no b a n at gmail dot com", "ban@gmail.com"),
        ("s a d, no b as in boy, l e at gmail dot com", "sable@gmail.com"),
        ("j a m e f, sorry, s at gmail dot com", "james@gmail.com"),
        ("jane at gmail dot com, sorry, at yahoo dot com", "jane@yahoo.com"),
        ("jane at gmail dot com, sorry, yahoo dot com", "jane@yahoo.com"),
        ("jane fifty not fifteen at gmail dot com", "jane50@gmail.com"),
        ("jane fifteen at gmail dot com, no, fifty not fifteen", "jane50@gmail.com"),
        ("tom dot smyth at gmail dot com no wait smith", "tom.smith@gmail.com"),
        ("jim at hotmail dot com, no wait, jane at gmail dot com", "jane@gmail.com"),
    ],
)
def test_what_is_certain_is_the_value(said: str, address: str) -> None:
    assert hear_email(said).value == address


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("", NOTHING),
        ("nope", NOTHING),
        ("I don't have one", NOTHING),
        ("why do you need that", NOTHING),
        ("jane dot doe", INCOMPLETE),
        ("at gmail dot com", INCOMPLETE),
        ("jane at acme", INCOMPLETE),
        ("jane..doe@gmail.com", INVALID),
        ("jane-@-acme.com", INVALID),
        ("jon without an h at gmail dot com", AMBIGUOUS),
        ("dave at work at gmail dot com", AMBIGUOUS),
    ],
)
def test_what_is_not_certain_is_a_question(said: str, kind: ProblemKind) -> None:
    found = hear_email(said)
    assert found.value is None
    assert found.problem is not None
    assert found.problem.kind is kind


def test_a_slip_in_a_well_known_domain_is_asked_about() -> None:
    found = hear_email("jane at gmial.com")
    assert (found.value, found.candidates) == (None, ("jane@gmail.com", "jane@gmial.com"))
    assert hear_email("jane@gmail.con").candidates[0] == "jane@gmail.com"
    assert hear_email("jane@gmail.co").candidates[0] == "jane@gmail.com"
    assert hear_email("jane@mail.com").value == "jane@mail.com"


def test_two_words_that_may_be_letters_are_asked_about() -> None:
    found = hear_email("jay kay at gmail dot com")
    assert (found.value, found.candidates) == (None, ("jaykay@gmail.com", "jk@gmail.com"))


def test_the_repr_holds_nothing_that_was_said() -> None:
    assert "jane" not in repr(hear_email("jane at gmail dot com"))

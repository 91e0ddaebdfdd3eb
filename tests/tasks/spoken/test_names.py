"""Names of people."""

import pytest

from hookflash.errors import UsageError
from hookflash.tasks.spoken import PersonName, ProblemKind, hear_name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("my name is john smith", "John Smith"),
        ("It's Mary-Jane O'Brien", "Mary-Jane O'Brien"),
        ("mary hyphen jane watson", "Mary-Jane Watson"),
        ("this is Jane McDonald speaking", "Jane McDonald"),
        ("the name's Bond, James Bond", "James Bond"),
        ("doctor susan lee please", "Susan Lee"),
        ("Maria de la Cruz", "Maria de la Cruz"),
        ("john smith junior", "John Smith Jr"),
        ("john smith s m y t h", "John Smyth"),
        ("john smith j o n s m y t h", "Jon Smyth"),
        ("j o h n, s m i t h", "John Smith"),
        ("j as in juliett o h n, s m i t h", "John Smith"),
        ("b for boy i double l, m i l l e r", "Bill Miller"),
        ("my last name is doe d o e and my first name is jane", "Jane Doe"),
        ("jane do, sorry, doe", "Jane Doe"),
        ("john no jane doe", "Jane Doe"),
    ],
)
def test_a_name_is_heard(said: str, name: str) -> None:
    assert str(hear_name(said).value) == name


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("john", ProblemKind.INCOMPLETE),
        ("why do you need that", ProblemKind.NOTHING),
        ("null", ProblemKind.NOTHING),
        ("n/a", ProblemKind.NOTHING),
        ("4242", ProblemKind.INVALID),
        ("john paul smith", ProblemKind.AMBIGUOUS),
        ("dan smith no p as in papa", ProblemKind.AMBIGUOUS),
        ("jon with an h smith", ProblemKind.NOTHING),
    ],
)
def test_what_is_no_name_is_a_question(said: str, kind: ProblemKind) -> None:
    found = hear_name(said)
    assert found.value is None
    assert found.problem is not None
    assert found.problem.kind is kind


def test_the_parts_that_are_asked_for_are_filled() -> None:
    assert hear_name("jane", parts=["first"]).value == PersonName(first="Jane")
    assert hear_name("van der berg", parts=["last"]).value == PersonName(last="van der Berg")
    found = hear_name("john paul smith", parts=["first", "middle", "last"])
    assert found.value == PersonName("John", "Paul", "Smith")
    with pytest.raises(UsageError, match="parts"):
        hear_name("jane", parts=[])

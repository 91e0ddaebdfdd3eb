"""Yes, no, and one of several."""

import pytest

from hookflash.errors import UsageError
from hookflash.tasks.spoken import hear_choice, hear_yes_no


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("yes", True),
        ("yup", True),
        ("yeah that's right", True),
        ("no wait yes", True),
        ("you got it", True),
        ("1", True),
        ("no", False),
        ("that's not right", False),
        ("yes, I mean no", False),
        ("2", False),
        ("yes but with a y", None),
        ("I don't know", None),
        ("hmm", None),
        ("", None),
    ],
)
def test_an_answer_is_yes_or_no_or_neither(said: str, meant: bool | None) -> None:
    assert hear_yes_no(said).value is meant


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ("sales please", "sales"),
        ("the second one", "billing"),
        ("option three", "support"),
        ("I have a question about an invoice", "billing"),
        ("billing no wait sales", "sales"),
        ("I want the pizza", None),
        ("sales and support", None),
        ("number nine", None),
    ],
)
def test_one_of_several_is_chosen_by_word_or_place(said: str, chosen: str | None) -> None:
    options = {"sales": (), "billing": ("invoice",), "support": ("technical help",)}
    assert hear_choice(said, options).value == chosen


def test_there_must_be_something_to_choose_from() -> None:
    with pytest.raises(UsageError, match="options"):
        hear_choice("yes", [])

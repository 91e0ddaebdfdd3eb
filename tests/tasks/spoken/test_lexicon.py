"""A language is a table; a package that is missing is named."""

import sys
from dataclasses import replace

import pytest

from hookflash.errors import MissingExtra
from hookflash.tasks.spoken import ENGLISH, hear_card_number, hear_digits, hear_email, hear_phone
from hookflash.tasks.spoken.lexicon import Phrases

GERMAN = replace(
    ENGLISH,
    digits={"null": "0", "eins": "1", "zwei": "2", "zwo": "2", "drei": "3", "vier": "4"},
    digit_sounds={},
    repeats={"doppel": 2},
    corrections=Phrases.of(("nein", "entschuldigung")),
)


def test_another_table_is_another_language() -> None:
    found = hear_digits("vier doppel zwei eins, nein, drei", length=4, lexicon=GERMAN)
    assert found.value == "4223"
    assert hear_digits("four two", lexicon=GERMAN).value is None


def test_the_longest_phrase_counts() -> None:
    phrases = Phrases.of(("no", "no wait"))
    assert phrases.at(["no", "wait"], 0) == (2, "no wait")
    assert phrases.at(["no", "way"], 0) == (1, "no")
    assert phrases.at(["wait"], 0) is None
    assert phrases.within(["a", "no", "no", "wait"]) == [(1, 2, "no"), (2, 4, "no wait")]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("email_validator", "phonenumbers", "stdnum"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"email-validator.*hookflash\[tasks\]"):
        hear_email("jane at gmail dot com")
    with pytest.raises(MissingExtra, match=r"phonenumbers.*hookflash\[tasks\]"):
        hear_phone("1")
    with pytest.raises(MissingExtra, match=r"python-stdnum.*hookflash\[tasks\]"):
        hear_card_number("4242 4242 4242 4242")

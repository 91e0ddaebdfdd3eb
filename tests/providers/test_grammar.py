import pytest

from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.machines.endpointing import ENGLISH
from hookflash.providers.grammar import (
    ANSWERS,
    COMMANDS,
    CONTROLS,
    COURTESIES,
    Grammar,
    build_grammar,
)

UNKNOWN = {"xyzzy", "plugh"}


def built(
    *phrases: str, expects: Expectation | None = None, length: int | None = None, words: str = ""
) -> Grammar:
    expectation = None
    if expects is not None:
        expectation = ExpectationSet(expects=expects, length=length, words=tuple(words.split()))
    return build_grammar(expectation, phrases, lambda word: word not in UNKNOWN)


def test_without_phrases_it_is_the_base_grammar_in_full() -> None:
    grammar = built()
    for phrase in (*ANSWERS, *COMMANDS, *COURTESIES, *CONTROLS):
        assert grammar.accepts(phrase)
    assert not grammar.accepts("")
    assert not grammar.accepts("speak to a")
    assert not grammar.accepts("yes no")
    assert grammar.jsgf.startswith("#JSGF V1.0;\ngrammar turn;\n")
    assert grammar.jsgf.endswith("public <turn> = <common>;\n")


def test_phrases_may_be_politely_framed() -> None:
    grammar = built("When is my appointment?")
    assert grammar.accepts("when is my appointment")
    assert grammar.accepts("wait when is my appointment please")
    assert not grammar.accepts("wait when is my")
    assert not grammar.accepts("wait wait when is my appointment")
    assert "[<opener>] <own> [<closer>]" in grammar.jsgf
    assert "(when is my appointment)" in grammar.jsgf


def test_digits_are_heard_only_when_expected_and_as_many_as_expected() -> None:
    four = built(expects=Expectation.DIGITS, length=4)
    assert four.accepts("four two one seven")
    assert not four.accepts("four two one")
    assert not four.accepts("four two one seven nine")
    assert "<symbol> <symbol> <symbol> <symbol>;" in four.jsgf
    any_number = built(expects=Expectation.DIGITS)
    assert any_number.accepts("four")
    assert any_number.accepts("four oh zero")
    assert not built(expects=Expectation.ANYTHING).accepts("four two one seven")
    assert built(expects=Expectation.DIGITS, length=-3).accepts("one two")


def test_spelling_takes_letters_their_names_and_digits() -> None:
    grammar = built(expects=Expectation.SPELLING)
    assert grammar.accepts("b. o. bravo nine")
    assert not grammar.accepts("b. opening")


def test_the_words_of_a_menu_are_answers() -> None:
    assert built(expects=Expectation.CHOICE, words="billing support").accepts("billing please")


def test_phrases_with_unknown_words_are_left_out_and_named() -> None:
    grammar = built("say xyzzy", "opening hours", "plugh")
    assert grammar.left_out == ("say xyzzy", "plugh")
    assert grammar.accepts("opening hours")
    assert not UNKNOWN & grammar.words


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("OPENING hours!", "opening hours"),
        ("what\u2019s new?", "what's new"),
        ("gate 42", "gate four two"),
        ("opening hours;<x>|(y)*{z}", "opening hours x y z"),
        ("  - opening -- hours ...", "opening hours"),
    ],
)
def test_signs_that_mean_something_to_jsgf_never_reach_it(written: str, spoken: str) -> None:
    grammar = built(written)
    assert grammar.accepts(spoken)
    assert f"<own> = (({spoken}));" in grammar.jsgf


def test_words_that_the_dictionary_writes_otherwise_are_found() -> None:
    known = {"check", "in", "email", "pm"}
    phrases = ("check-in", "e-mail", "p.m.", "check-out")
    grammar = build_grammar(None, phrases, lambda word: word in known)
    assert "(check in) | (email) | (pm)" in grammar.jsgf
    assert "check-out" in grammar.left_out


def test_every_word_in_the_grammar_is_declared() -> None:
    grammar = built("opening hours", expects=Expectation.SPELLING)
    for line in grammar.jsgf.splitlines()[2:]:
        names = line.partition("=")[2].replace("(", " ").replace(")", " ").split()
        words = {name.rstrip(";") for name in names if name[0].isalpha()}
        assert words <= grammar.words


def test_too_long_a_phrase_is_left_out() -> None:
    assert built("very " * 17).left_out == ("very " * 17,)


def test_its_commands_stop_the_agent_in_the_turn_machine() -> None:
    for command in ("stop", "wait", "hold on"):
        assert command in COMMANDS
        assert command in ENGLISH.stop_words

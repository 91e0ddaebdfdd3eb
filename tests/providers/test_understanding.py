"""What words mean: phrases, yes and no, values."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hookflash.providers.base import TextDelta, ToolCallReady
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolSchema
from hookflash.providers.rules import Rule, RuleLLM
from hookflash.providers.understanding import (
    Utterance,
    best_match,
    best_overlap,
    value_for,
    wants_digits,
    yes_or_no,
)


def value(name: str, text: str, *, asked: bool = False, **schema: object) -> object:
    return value_for(name, schema, Utterance(text), asked=asked)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I'd like, uh, what's THEIR Menu?", "i would like uh what is their menu"),
        ("we\u2019re not open; can't, won't, don't", "we are not open can not will not do not"),
        ("the caller's well-known name's", "the caller well known name"),
        ("3.50 at 9:30, no. 5", "3.50 at 9:30 no 5"),
        ("o'clock", "oclock"),
        ("\u00e9t\u00e9 \u4f60\u597d", "\u00e9t\u00e9 \u4f60\u597d"),
        ("...", ""),
    ],
)
def test_words_are_plain_and_contractions_written_out(text: str, words: str) -> None:
    assert " ".join(Utterance(text).words) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("booking", "reserved"),
        ("appointments", "a reservation"),
        ("changing prices", "change the price"),
        ("cancelling", "cancel"),
        ("calling", "call"),
        ("stopped studies", "stop study"),
        ("addresses", "location"),
        ("boxes", "box"),
        ("an agent", "the operator"),
        ("four", "4"),
        ("goodbye", "bye"),
    ],
)
def test_endings_and_synonyms_do_not_matter(one: str, other: str) -> None:
    assert Utterance(one).content == Utterance(other).content


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("cancel", "cancel"),
        ("I want to cancel my appointment", "cancel one"),
        ("the appointment, cancel it", "cancel one"),
        ("cancel the order", "cancel"),
        ("I do not want to cancel", None),
        ("do not cancel but show me the menu", "menu"),
        ("I never wanted to cancel, I'd like the menu", "menu"),
        ("not that, cancel", "cancel"),
        ("without cancelling", None),
        ("it is not working", "broken"),
        ("nothing", None),
        ("", None),
    ],
)
def test_the_best_phrase_is_the_longest_that_is_not_negated(text: str, best: str | None) -> None:
    candidates = [
        ("cancel", ("cancel",)),
        ("cancel one", ("cancel an appointment",)),
        ("menu", ("the menu",)),
        ("broken", ("not working",)),
        ("all fillers", ("what is it to you",)),
    ]
    assert best_match(Utterance(text), candidates) == best


def test_a_phrase_of_little_words_must_stand_word_by_word() -> None:
    candidates = [("me", ("is it you",))]
    assert best_match(Utterance("well is it you there"), candidates) == "me"
    assert best_match(Utterance("you is it"), candidates) is None


def test_loose_matches_can_be_kept_to_longer_phrases() -> None:
    candidates = [("leave", ("leave it",))]
    assert best_match(Utterance("leave my car"), candidates) == "leave"
    assert best_match(Utterance("leave my car"), candidates, loosely_from=2) is None
    assert best_match(Utterance("please leave it"), candidates, loosely_from=2) == "leave"


def test_overlap_needs_two_points_and_a_clear_winner() -> None:
    candidates = [
        ("hours", "opening_hours", "Tell the opening hours."),
        ("stock", "check_stock", "See whether a book is on the shelf."),
    ]
    assert best_overlap(Utterance("is the shop open"), candidates) == "hours"
    assert best_overlap(Utterance("a book on a shelf"), candidates) == "stock"
    assert best_overlap(Utterance("a shelf"), candidates) is None
    assert best_overlap(Utterance("open the stock"), candidates) is None
    assert best_overlap(Utterance("not open"), candidates) is None
    assert best_overlap(Utterance("open"), []) is None


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("yes", True),
        ("Yeah, go ahead!", True),
        ("of course", True),
        ("that's right", True),
        ("no", False),
        ("no thank you", False),
        ("nope, that is wrong", False),
        ("not really", False),
        ("that is not right", False),
        ("I'm not sure", None),
        ("I do not know", None),
        ("maybe", None),
        ("", None),
        ("yes but first tell me about parking places nearby", None),
    ],
)
def test_yes_and_no(text: str, meaning: bool | None) -> None:
    assert yes_or_no(Utterance(text)) is meaning


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("forty two people", 42),
        ("one hundred and five", 105),
        ("two thousand and twenty six", 2026),
        ("three hundred thousand", 300_000),
        ("4 7", 4),
        ("four seven one one", 4711),
        ("twenty, three", 23),
        ("ten five", 10),
        ("room 12", 12),
        ("at 9:30 we are 3", 3),
        ("1.2.3 or 7", 7),
        ("12345678901234567890 or 7", 7),
        ("zero", 0),
        ("one", 1),
        ("some and hundred", None),
    ],
)
def test_numbers_are_understood_in_digits_and_in_words(text: str, number: int | None) -> None:
    assert value("n", text, type="integer") == number


def test_whole_numbers_are_not_cut_from_broken_ones() -> None:
    assert value("n", "3.5", type="integer") is None
    assert value("n", "3.5", type="number") == 3.5
    assert value("n", "3.0", type="integer") == 3


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four seven double one", "4711"),
        ("forty seven eleven", "4711"),
        ("twenty twenty", "2020"),
        ("oh one triple five", "01555"),
        ("47 11", "4711"),
        ("my number is 47 and 1234", "1234"),
        ("none", None),
    ],
)
def test_digits_are_strung_together(text: str, digits: str | None) -> None:
    assert value("account_number", text, type="string") == digits


def test_which_arguments_are_numbers_to_key_in() -> None:
    assert wants_digits("x", {"type": "integer"})
    assert wants_digits("phone", {"type": "string"})
    assert wants_digits("x", {"type": "string", "pattern": "^[0-9]{4}$"})
    assert wants_digits("pin", {"anyOf": [{"type": "null"}, {"type": "string"}]})
    assert not wants_digits("phone", {"type": "string", "format": "date"})
    assert not wants_digits("number", {"enum": ["one", "two"]})
    assert not wants_digits("name", {"type": "string"})


def test_choices_are_found_by_their_words() -> None:
    choices = ["sales", "customer_support", "support"]
    assert value("d", "the customer support please", enum=choices) == "customer_support"
    assert value("d", "support", enum=choices) == "support"
    assert value("d", "not sales, support", enum=choices) == "support"
    assert value("d", "billing", enum=choices) is None
    assert value("d", "anything", const="fixed") == "fixed"
    optional = [{"type": "null"}, {"enum": choices}]
    assert value("d", "sales", anyOf=optional) == "sales"
    assert value("d", "sales", anyOf=[{"type": "null"}, 5]) is None


def test_truth_is_told_by_yes_and_no_or_by_the_name_of_the_argument() -> None:
    assert value("urgent", "it is urgent", type="boolean") is True
    assert value("urgent", "it is not urgent", type="boolean") is False
    assert value("urgent", "yes", type="boolean") is None
    assert value("urgent", "yes", type="boolean", asked=True) is True


def test_lists_hold_all_that_was_named() -> None:
    names = {"enum": ["ham", "egg", "cheese"]}
    assert value("x", "egg and ham", type="array", items=names) == ["ham", "egg"]
    assert value("x", "nothing", type="array", items=names) is None
    assert value("x", "5 and seven", type="array", items={"type": "integer"}) == [5, 7]
    text = {"type": "string"}
    assert value("x", "Ann, Bob and Eve.", type="array", items=text, asked=True) == [
        "Ann",
        "Bob",
        "Eve",
    ]
    assert value("x", "Ann, Bob", type="array", items=text) is None
    assert value("x", "Ann", type="array") is None


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("name", "Hi, my name is Ann Lee and I need help", "Ann Lee"),
        ("caller_name", "this is Bob from Leeds", "Bob"),
        ("name", "I'm calling about a bill", None),
        ("name", "I am not sure", None),
        ("name", "Ann", None),
        ("title", 'the book "Dune Messiah" please', "Dune Messiah"),
        ("day", "can I come next Tuesday at ten?", "next Tuesday"),
        ("date", "on the 3rd of March", "the 3rd of March"),
        ("date", "March 3 perhaps", "March 3"),
        ("visit_day", "the day after tomorrow", "the day after tomorrow"),
        ("day", "soon", None),
        ("time", "at half past nine", "half past nine"),
        ("time", "10:30 would be fine", "10:30"),
        ("time", "let us say 3 pm", "3 pm"),
        ("time", "at ten thirty", "ten thirty"),
        ("time", "at noon", "noon"),
        ("email", "write to ann.lee+x@mail.example.com please", "ann.lee+x@mail.example.com"),
        ("email_address", "ann at example", None),
        ("e_mail", "a@b.co", "a@b.co"),
        ("reason", "because", None),
    ],
)
def test_texts_are_found_by_what_the_argument_is_called(
    name: str, text: str, found: str | None
) -> None:
    assert value(name, text, type="string") == found


def test_asked_for_a_text_all_that_was_said_is_it() -> None:
    assert value("name", "Ann Lee.", type="string", asked=True) == "Ann Lee"
    assert value("day", "as soon as possible", type="string", asked=True) == "as soon as possible"
    assert value("reason", " ... ", type="string", asked=True) is None
    assert value("email", "ann at example", type="string", asked=True) is None


def test_iso_dates_are_taken_only_as_they_are() -> None:
    assert value("day", "2026-03-04", type="string", format="date") == "2026-03-04"
    assert value("day", "tomorrow", type="string", format="date", asked=True) is None
    assert value("at", "09:30", type="string", format="time") == "09:30"
    moment = "2026-03-04T09:30:00Z"
    assert value("at", moment, type="string", format="date-time") == moment


def test_kinds_that_nobody_can_say_have_no_value() -> None:
    assert value("x", "anything", type="object", asked=True) is None
    assert value("x", "anything") is None


_SAID = st.text(max_size=60) | st.lists(
    st.sampled_from(
        [
            "yes",
            "no",
            "not",
            "help",
            "book",
            "appointment",
            "monday",
            "ten",
            "4711",
            "keypad:",
            "bye",
        ]
    ),
    max_size=12,
).map(" ".join)


@given(turns=st.lists(_SAID, max_size=4))
@example(turns=["BOOK", "\u00b2"])
@example(turns=["BOOK", "5\u00b2"])
def test_whatever_is_said_the_mind_answers(turns: list[str]) -> None:
    tool = ToolSchema(
        name="book",
        description="Book.",
        parameters={
            "properties": {
                "day": {"type": "string"},
                "code": {"type": "string", "pattern": "^\\d+$"},
                "kind": {"enum": ["yes", "no"]},
                "count": {"type": "integer"},
            },
            "required": ["day", "code", "kind"],
        },
        phrases=("book an appointment",),
    )
    mind = RuleLLM([Rule(phrases=("4711",), call="book", arguments={"day": "x"})])
    context = ChatContext()

    async def main() -> None:
        for said in turns:
            context.add(ChatMessage(role=ChatRole.USER, text=said))
            chunks = [chunk async for chunk in mind.chat(context, tools=[tool])]
            assert chunks
            text = "".join(chunk.text for chunk in chunks if isinstance(chunk, TextDelta))
            context.add(ChatMessage(role=ChatRole.ASSISTANT, text=text))
            for chunk in chunks:
                if isinstance(chunk, ToolCallReady):
                    context.add(chunk.call)

    asyncio.run(main())

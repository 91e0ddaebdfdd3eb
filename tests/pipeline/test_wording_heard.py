"""Spoken words beside written ones: what was heard, and where sentences are cut."""

import pytest

from hookflash.pipeline.heard import HeardText
from hookflash.pipeline.sentences import SentenceSplitter
from hookflash.pipeline.wording import SpokenText, TextForSpeech
from hookflash.providers.base import WordTime


def test_the_heard_words_are_the_written_ones() -> None:
    heard = HeardText()
    words = ["It", "is", "two", "dollars", "and", "fifty", "cents", "today."]
    times = [WordTime(word=word, end_ms=200.0 * at) for at, word in enumerate(words, 1)]
    heard.add(TextForSpeech().of("It is **$2.50** today."), 1600, times)
    assert heard.full == "It is **$2.50** today."
    assert heard.heard(400) == "It is"
    assert heard.heard(1349) == "It is **"
    assert heard.heard(1350) == "It is **$2.50**"
    assert heard.heard(1600) == "It is **$2.50** today."


def test_without_word_times_the_spoken_words_take_the_time() -> None:
    heard = HeardText()
    # 6 letters and gaps for "aaaa", and 30 for "one two three four" (3 + 3 + 5 + 4, 8 for gaps).
    heard.add(SpokenText.edited("aaaa 1234", []).then([]), 3600)
    assert heard.heard(700) == "aaaa"
    worded = HeardText()
    worded.add(TextForSpeech(lexicon={"1234": "bbbb cccc dddd eeee"}).of("aaaa 1234 ffff"), 3600)
    assert worded.heard(600) == "aaaa"
    assert worded.heard(2979) == "aaaa"
    assert worded.heard(2980) == "aaaa 1234"
    assert worded.heard(3600) == "aaaa 1234 ffff"


def test_a_line_of_marks_is_heard_with_what_stands_before_it() -> None:
    heard = HeardText()
    utterance = TextForSpeech().begin()
    heard.add(utterance.take("Do this:"), 500)
    heard.add(utterance.take("```sh"), 0)
    heard.add(utterance.take("make all"), 500)
    assert heard.heard(250) == "Do"
    assert heard.heard(500) == "Do this: ```sh"
    assert heard.full == "Do this: ```sh make all"


def cut(text: str, splitter: SentenceSplitter) -> list[str]:
    return [*splitter.push(text), *splitter.flush()]


@pytest.mark.parametrize(
    "text",
    [
        "Wir sehen uns am 3. März um zehn Uhr.",
        "Das ist der 2. Weltkrieg im Film gewesen.",
        "Bringen Sie z.B. Ihren Ausweis oder ggf. Ihren Pass mit.",
        "Wir sind in der Bahnhofstr. 5 bei Nr. 12 im Hof.",
    ],
)
def test_ordinal_numbers_and_abbreviations_end_no_german_sentence(text: str) -> None:
    assert cut(text, TextForSpeech("de").splitter()) == [text]


def test_a_stop_behind_a_number_ends_an_english_sentence_and_a_year_a_german_one() -> None:
    assert cut("You are number 3. Then it is you.", TextForSpeech().splitter()) == [
        "You are number 3.",
        "Then it is you.",
    ]
    assert cut("Das war im Jahr 2024. Danach nicht mehr.", TextForSpeech("de").splitter()) == [
        "Das war im Jahr 2024.",
        "Danach nicht mehr.",
    ]


def test_a_long_text_is_not_cut_between_figures_or_before_a_unit() -> None:
    splitter = SentenceSplitter(first_min_chars=19, min_chars=5, max_chars=28)
    assert cut("please phone us at 415 555 0100 today", splitter) == [
        "please phone us",
        "at 415 555 0100 today",
    ]
    splitter = SentenceSplitter(first_min_chars=10, min_chars=5, max_chars=24)
    assert cut("we are open on March 3, 2026 and later", splitter) == [
        "we are open on",
        "March 3, 2026 and later",
    ]

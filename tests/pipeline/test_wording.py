"""What is spoken for what is written."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hookflash.errors import ConfigError, MissingExtra
from hookflash.pipeline.wording import Edit, SpokenText, TextForSpeech
from hookflash.pipeline.wording.languages import language_of

GOLDEN = Path(__file__).parent / "wording"


def lines(language: str) -> list[tuple[str, str]]:
    """Return what is written and what is said for it, as the golden file has them."""
    pairs: list[tuple[str, str]] = []
    for line in (GOLDEN / f"{language}.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("# "):
            written, spoken = line.split(" => ")
            pairs.append((written.replace("\\n", "\n"), spoken.replace("\\n", "\n")))
    return pairs


@pytest.mark.parametrize(("written", "spoken"), lines("en"), ids=lambda text: text[:40])
def test_english_is_said_as_a_good_reader_says_it(written: str, spoken: str) -> None:
    assert TextForSpeech().of(written).spoken == spoken


@pytest.mark.parametrize(
    ("language", "written", "spoken"),
    [
        (language, *pair)
        for language in ("de", "fr", "es", "pt", "it", "nl")
        for pair in lines(language)
    ],
    ids=lambda text: text[:40],
)
def test_other_languages_are_said_as_a_good_reader_says_them(
    language: str, written: str, spoken: str
) -> None:
    assert TextForSpeech(language).of(written).spoken == spoken


@pytest.mark.parametrize(
    "spoken", [spoken for _, spoken in lines("en")], ids=lambda text: text[:40]
)
def test_what_is_in_words_already_stays_as_it_is(spoken: str) -> None:
    assert TextForSpeech().of(spoken) == SpokenText.plain(spoken)


def test_a_language_without_numbers_keeps_them_and_loses_the_marks() -> None:
    polish = TextForSpeech("pl")
    assert polish.of("**Cena:** 2,50 zł 🎉").spoken == "Cena: 2,50 zł"
    assert (
        polish.of("Napisz na biuro@firma.pl.").spoken == "Napisz na biuro małpa firma kropka P L."
    )
    unknown = TextForSpeech("xx")
    assert unknown.of("- 5 https://a.example").spoken == "5 a.example."


def test_the_order_of_dates_is_that_of_the_territory_unless_told() -> None:
    american, british = TextForSpeech("en-US"), TextForSpeech("en-GB")
    assert american.of("3/4/2026").spoken == "March fourth, twenty twenty-six"
    assert british.of("3/4/2026").spoken == "April third, twenty twenty-six"
    assert TextForSpeech(date_order="dmy").of("3/4/2026") == british.of("3/4/2026")
    assert TextForSpeech("de", date_order="mdy").of("3/4/2026").spoken.startswith("vierter März")


def test_the_numbers_of_brazil_are_brazilian() -> None:
    assert TextForSpeech("pt-BR").of("16").spoken == "dezesseis"
    assert TextForSpeech("pt-PT").of("16").spoken == "dezasseis"


def test_the_lexicon_goes_before_every_rule_and_over_the_words_that_they_made() -> None:
    wording = TextForSpeech(
        lexicon={
            "SQL": "sequel",
            "sql server": "sequel server twenty",
            "US": "you ess",
            "zero": "oh",
            "twenty": "never",
            "API": "a p i",
        }
    )
    assert wording.of("SQL in the US, tell us.").spoken == "sequel in the you ess, tell us."
    assert wording.of("The SQL Server API").spoken == "The sequel server twenty a p i"
    assert wording.of("code 4020").spoken == "code four oh two oh"
    assert wording.of("mysqlx sql@example.com MySQL") == TextForSpeech().of(
        "mysqlx sql@example.com MySQL"
    )


def test_own_patterns_go_before_the_lexicon() -> None:
    wording = TextForSpeech(replace={r"\bT-(\d)\b": r"tier \1"}, lexicon={"T-1": "tea one"})
    assert wording.of("a T-1 ticket for $5").spoken == "a tier 1 ticket for five dollars"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"language": "english please"}, "language must be a BCP 47 tag"),
        ({"date_order": "ymd"}, "date_order must be 'mdy', 'dmy' or None"),
        ({"replace": {"(": "x"}}, r"replace: '\('"),
        ({"replace": {"x": r"\3"}}, "replace: 'x'"),
        ({"lexicon": {" ": "x"}}, "lexicon: an entry must have 1 to 200 characters"),
        ({"lexicon": {"x": "y" * 201}}, "lexicon: an entry must have 1 to 200 characters"),
    ],
)
def test_values_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        TextForSpeech(**options)


def test_a_missing_package_is_named_and_another_language_in_mid_call_does_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "num2words", None)
    language_of.cache_clear()
    with pytest.raises(MissingExtra, match=r"hookflash\[languages\]"):
        TextForSpeech("fr")
    french = TextForSpeech(lexicon={"bonjour": "salut"}).variant("fr")
    assert french.of("**Bonjour**, 3 fois").spoken == "salut, 3 fois"
    language_of.cache_clear()


def test_the_code_that_follows_in_the_next_piece_is_a_code() -> None:
    utterance = TextForSpeech().begin()
    assert utterance.take("Your reference is:").spoken == "Your reference is:"
    assert utterance.take("1204").spoken == "one two zero four"
    assert utterance.take("We have 1204 of them.").spoken.startswith("We have one thousand two")


def test_code_in_a_fence_keeps_its_signs_and_the_fence_is_not_spoken() -> None:
    utterance = TextForSpeech().begin()
    said = [utterance.take(line).spoken for line in ("```python", "a_b = **c", "```", "**ok**")]
    assert said == ["", "a_b = **c", "", "ok"]


def test_of_what_is_said_otherwise_nothing_counts_before_the_whole_of_it() -> None:
    text = TextForSpeech().of("It is **$2.50** today.")
    assert text.spoken == "It is two dollars and fifty cents today."
    ends = {text.spoken[:end]: text.written[: text.written_end(end)] for end in range(41)}
    assert ends[""] == ""
    assert ends["It is"] == "It is"
    assert ends["It is two dollars and fifty"] == "It is **"
    assert ends["It is two dollars and fifty cents"] == "It is **$2.50**"
    assert ends["It is two dollars and fifty cents today"] == "It is **$2.50** today"
    assert ends[text.spoken] == text.written


def test_edits_of_edits_are_counted_in_what_was_written() -> None:
    once = SpokenText.edited("a *b* c", [Edit(2, 3, ""), Edit(4, 5, "")])
    assert once.spoken == "a b c"
    twice = once.then([Edit(0, 3, "xx"), Edit(5, 5, "!")])
    assert (twice.spoken, twice.edits) == (
        "xx c!",
        (Edit(0, 4, "xx"), Edit(4, 5, ""), Edit(7, 7, "!")),
    )
    across = once.then([Edit(0, 4, "y")])
    assert (across.spoken, across.edits) == ("yc", (Edit(0, 6, "y"),))
    overlapping = SpokenText.edited("12", [Edit(0, 2, "one two")]).then([Edit(4, 7, "zwei")])
    assert overlapping.edits == (Edit(0, 2, "one zwei"),)


_SCRAPS = st.sampled_from(
    [
        *("$2.50", "£5", "20 €", "3:30 PM", "9-5", "2026-03-14", "3/4", "March 3", "1,234.5", "-5"),
        *(
            "**",
            "*",
            "_",
            "`",
            "```",
            "# ",
            "- ",
            "1. ",
            "> ",
            "[a](b)",
            "[",
            "](",
            "|",
            "~~",
            "<b>",
        ),
        *("&amp;", "&", "🎉", "#5", "#tag", "@bob", "bob@example.com", "https://a.example/b_c?d=e"),
        *(
            "code is ",
            "ending in ",
            "+1 415 555 0100",
            "0042",
            "AB-12",
            "U.S.",
            "Dr.",
            "St.",
            "etc.",
        ),
        *(
            "5 km",
            "72°F",
            "½",
            "5²",
            "√",
            "=",
            "+",
            "\u00d7",
            "<",
            "24/7",
            "v2.1.3",
            "IV",
            "Henry VIII",
        ),
        *(
            " ",
            "  ",
            "\n",
            ",",
            ".",
            ":",
            "(",
            ")",
            '"',
            "word",
            "Word",
            "WORD",
            "é",
            "字",
            "٣",
            "²",
        ),
        *(
            "1.234,56 €",
            "15h30",
            "3. März",
            "1er",
            "2ª",
            "Uhr",
            "código ",
            "\\",
            "{",
            "x",
            "°",
            "%",
        ),
    ]
)
_TEXTS = st.lists(_SCRAPS, max_size=30).map("".join) | st.text(max_size=80)
_LANGUAGES = st.sampled_from(["en", "en-GB", "de", "fr", "es", "pt-BR", "it", "nl", "pl", "xx"])


@settings(max_examples=400, deadline=None)
@given(text=_TEXTS, language=_LANGUAGES)
def test_nothing_raises_and_every_written_character_has_its_place(text: str, language: str) -> None:
    worded = TextForSpeech(language, lexicon={"word": "deed", "a b": "c"}).of(text)
    assert worded.written == text
    place = 0
    for edit in worded.edits:
        assert place <= edit.start <= edit.end <= len(text)
        place = edit.end
    assert SpokenText.edited(text, worded.edits) == worded
    ends = [worded.written_end(end) for end in range(len(worded.spoken) + 1)]
    assert ends == sorted(ends)
    assert not worded.spoken or ends[-1] == len(text)


@settings(max_examples=100, deadline=None)
@given(
    words=st.lists(
        st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), min_size=1, max_size=12
    ),
    ends=st.lists(
        st.sampled_from([" ", ", ", "; ", ": ", " — ", "... "]), min_size=12, max_size=12
    ),
    last=st.sampled_from([".", "?", "!", "", "…"]),
)
def test_plain_words_stay_as_they_are(words: list[str], ends: list[str], last: str) -> None:
    text = "".join(map("".join, zip(words, ends, strict=False))).strip(" ,;:—.") + last
    assume(text and not any(word in text.split() for word in ("w", "v")))
    assert TextForSpeech().of(text).spoken == text


@pytest.mark.parametrize(
    "scrap", ["*", "[", "](", "`", "$1,", "1-", "a@", "/a", "1 ", "\\", "<b", "é1:2 "]
)
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_time_grows_with_the_text_and_not_faster(scrap: str, language: str) -> None:
    wording = TextForSpeech(language)
    wording.of(scrap * 100)

    def seconds(times: int) -> float:
        began = time.process_time()
        wording.of(scrap * times)
        return time.process_time() - began

    short, long = (min(seconds(times) for _ in range(3)) for times in (500, 4000))
    assert long < 24 * short + 0.02, (short, long)

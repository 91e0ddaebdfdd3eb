"""What must be known of a language to read spelled letters, numbers and corrections in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Lexicon", "Phrases"]

T = TypeVar("T")


class Phrases(Generic[T]):
    """Phrases of one or more words, each with what it stands for; the longest match counts."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[str, T]) -> None:
        """Take phrases of lower-case words with single spaces between them."""
        self._rows: dict[str, list[tuple[tuple[str, ...], T]]] = {}
        for phrase, meaning in rows.items():
            words = tuple(phrase.split())
            self._rows.setdefault(words[0], []).append((words, meaning))
        for row in self._rows.values():
            row.sort(key=lambda entry: -len(entry[0]))

    @classmethod
    def of(cls, phrases: Iterable[str]) -> "Phrases[str]":
        """Make phrases that stand for themselves."""
        return Phrases({phrase: phrase for phrase in phrases})

    def at(self, words: Sequence[str], place: int) -> tuple[int, T] | None:
        """Return how many words the phrase at a place has, and its meaning; None if none is."""
        for phrase, meaning in self._rows.get(words[place], ()):
            if tuple(words[place : place + len(phrase)]) == phrase:
                return len(phrase), meaning
        return None

    def within(self, words: Sequence[str]) -> list[tuple[int, int, T]]:
        """Return all phrases, from left to right and not overlapping: begin, end, meaning."""
        found: list[tuple[int, int, T]] = []
        place = 0
        while place < len(words):
            hit = self.at(words, place)
            if hit is None:
                place += 1
            else:
                found.append((place, place + hit[0], hit[1]))
                place += hit[0]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Lexicon:
    """The words of a language, lower case. `english.ENGLISH` is one.

    Attributes:
        digits: words for one figure, to the figure.
        digit_sounds: other words that recognisers write for figures ("to", "for"). They count
            beside figures only.
        zero_or_o: words that are the figure 0 beside figures and the letter O beside letters.
        numbers: words for 10 to 19.
        tens: words for 20, 30 ... 90.
        hundred: the word for 100.
        thousand: the word for 1000.
        joins: words within numbers that mean nothing ("and").
        ordinals: words for first to nineteenth, twentieth and thirtieth.
        repeats: words that repeat the next figure or letter ("double"), to how often.
        months: names and abbreviations, to 1 to 12.
        weekdays: names, to 0 (Monday) to 6.
        letters: names of letters that are no other word, and phrases ("double u"), to the letter.
        letter_sounds: names of letters that are other words as well ("are"). They count among
            letters only.
        alphabet: words of spelling alphabets; they count among letters only.
        likened: what stands between a letter and the word that explains it ("as in").
        cases: what is said before a letter for its case.
        signs: names of signs, to the sign.
        signs_typed: names of "@" that a recogniser mishears; the last resort.
        compounds: phrases that are one word, and would mean something else otherwise.
        fillers: phrases without meaning.
        leads: phrases after which the value comes ("my e-mail is").
        between_figures: words between groups of one number ("area code"), which mean nothing.
        prose: words that show that something else was said than a name or an address.
        respelled: phrases between a word and its spelling.
        corrections: phrases that take back what was said before.
        denial: the word before what is wrong ("fifty, not fifteen").
    """

    digits: Mapping[str, str]
    digit_sounds: Mapping[str, str]
    zero_or_o: frozenset[str]
    numbers: Mapping[str, int]
    tens: Mapping[str, int]
    hundred: str
    thousand: str
    joins: frozenset[str]
    ordinals: Mapping[str, int]
    repeats: Mapping[str, int]
    months: Mapping[str, int]
    weekdays: Mapping[str, int]
    letters: Phrases[str]
    letter_sounds: Mapping[str, str]
    alphabet: Mapping[str, str]
    likened: Phrases[str]
    cases: Phrases[str]
    signs: Phrases[str]
    signs_typed: frozenset[str]
    compounds: Phrases[str]
    fillers: Phrases[str]
    leads: Phrases[str]
    between_figures: frozenset[str]
    prose: frozenset[str]
    respelled: Phrases[str]
    corrections: Phrases[str]
    denial: str

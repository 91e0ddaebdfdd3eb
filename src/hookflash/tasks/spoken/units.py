"""Words of a caller, as letters, figures, signs and words; what they take back is marked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.lexicon import Lexicon
from hookflash.tasks.spoken.numbers import number_at
from hookflash.tasks.spoken.tokens import Token, tokens

__all__ = ["Kind", "Segment", "Unit", "read", "said", "segments", "sounds_like"]


class Kind(Enum):
    """What a unit is."""

    LETTERS = auto()
    """A spelled letter, or the same letter twice."""
    FIGURES = auto()
    """One number, as figures."""
    SIGN = auto()
    WORD = auto()
    LEAD = auto()
    """A phrase after which the value comes."""
    RESPELLED = auto()
    """A phrase between a word and its spelling."""
    CORRECTION = auto()
    """A phrase that takes back what was said before it."""
    DENIAL = auto()
    """The word before what is wrong."""


# Kinds of units until their neighbours have decided.
_SOUND = "sound"
_ZERO = "zero"
_WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of what was said.

    Attributes:
        kind: what it is.
        text: what it stands for: letters, figures, a sign, or the word in lower case.
        raw: what was said, in the recogniser's spelling.
        pause: the comma or stop before it.
        glued: it was written without a gap to the unit before it.
        maybe: a "to" or "for" before figures: perhaps a figure, perhaps a word.
        doubtful: letter and explanation contradict each other, or it is one of two words that
            may be letters.
    """

    kind: Kind
    text: str
    raw: str = ""
    pause: str = ""
    glued: bool = False
    maybe: bool = False
    doubtful: bool = False
    undecided: str = ""


# Letters that sound alike on a telephone line.
_ALIKE = ("bcdegptvz", "mn", "fsx", "ajkh", "iy", "quw", "lo", "r")


def sounds_like(one: str, other: str) -> bool:
    """Return whether two letters are easily taken for each other."""
    return any(one in group and other in group for group in _ALIKE)


def read(
    text: str, lexicon: Lexicon = ENGLISH, *, numeric: bool = False, mixed: bool = False,
    pairs: bool = False, words: frozenset[str] = frozenset(),
) -> list[Unit]:  # fmt: skip
    """Read what was said.

    Args:
        text: a recogniser's or a model's.
        lexicon: the language.
        numeric: figures are expected: "to" and "for" among figures are figures.
        mixed: letters beside figures are expected, as in postal codes.
        pairs: take two words for letters that may be either ("jay kay").
        words: what is no letter here, though a spelling alphabet has it ("quebec").
    """
    units = _Reading(tokens(text), lexicon, words).units()
    units = _sounds(units, lexicon, numeric=numeric)
    units = _zeros(units, numeric=numeric)
    units = _letters(units, lexicon, mixed=mixed, pairs=pairs)
    return _leads(units)


def said(units: Iterable[Unit]) -> str:
    """Return the words of units."""
    return " ".join(unit.raw for unit in units)


class _Reading:
    """One pass from left to right, which leaves open what the neighbours decide."""

    def __init__(
        self, items: Sequence[Token], lexicon: Lexicon, no_letters: frozenset[str]
    ) -> None:
        self._items = items
        self._no_letters = no_letters
        self._words = [item.text for item in items]
        self._lexicon = lexicon

    def units(self) -> list[Unit]:
        units: list[Unit] = []
        place = 0
        while place < len(self._items):
            found, end = self._next(place)
            first = self._items[place]
            for unit in found:
                raw = " ".join(item.raw for item in self._items[place:end])
                units.append(replace(unit, raw=raw, pause=first.pause, glued=first.glued))
                first = replace(first, pause="", glued=True)
            place = max(end, place + 1)
        return units

    def _next(self, place: int) -> tuple[list[Unit], int]:
        lexicon, words, token = self._lexicon, self._words, self._items[place]
        loose = not token.glued and not self._glued(place + 1)
        if hit := lexicon.compounds.at(words, place):
            return [Unit(Kind.WORD, hit[1])], place + hit[0]
        if loose and token.text == lexicon.denial:
            return [Unit(Kind.DENIAL, token.text)], place + 1
        if (
            loose
            and (hit := lexicon.corrections.at(words, place))
            and not self._sign(place + hit[0])
        ):
            return [Unit(Kind.CORRECTION, hit[1])], place + hit[0]
        scales = {lexicon.hundred, lexicon.thousand}
        if not (token.text == "a" and scales & set(words[place + 1 : place + 2])) and (
            letter := self._letter(place)
        ):
            return [letter[0]], letter[1]
        if loose and (phrase := self._phrase(place)):
            return phrase
        if hit := lexicon.signs.at(words, place):
            sign, rest = hit[1][:1], hit[1][1:]
            return [Unit(Kind.SIGN, sign), *([Unit(Kind.WORD, rest)] if rest else [])], (
                place + hit[0]
            )
        if number := number_at(self._items, place, lexicon):
            return [Unit(Kind.FIGURES, number[0])], number[1]
        if token.text in lexicon.digit_sounds:
            figure = lexicon.digit_sounds[token.text]
            return [Unit(Kind.WORD, figure, undecided=_SOUND)], place + 1
        if not token.text[0].isalnum():
            return [Unit(Kind.SIGN, token.text)], place + 1
        return [Unit(Kind.WORD, token.text)], place + 1

    def _phrase(self, place: int) -> tuple[list[Unit], int] | None:
        """Read the longest phrase that is no part of a value: "that's it" before "that's"."""
        lexicon = self._lexicon
        hits = [
            (hit, kind)
            for kind, phrases in (
                (None, lexicon.fillers),
                (Kind.RESPELLED, lexicon.respelled),
                (Kind.LEAD, lexicon.leads),
            )
            if (hit := phrases.at(self._words, place))
        ]
        if not hits:
            return None
        (length, meaning), kind = max(hits, key=lambda entry: entry[0][0])
        return [Unit(kind, meaning)] if kind else [], place + length

    def _glued(self, place: int) -> bool:
        return place < len(self._items) and self._items[place].glued

    def _sign(self, place: int) -> bool:
        """Whether a sign follows, so that "no dot reply" is not a correction."""
        hit = self._lexicon.signs.at(self._words, place) if place < len(self._words) else None
        return hit is not None and hit[1] != "@"

    def _letter(self, place: int) -> tuple[Unit, int] | None:
        """Read a letter: its case, how often, its name, what it is likened to."""
        lexicon, words = self._lexicon, self._words
        if (case := lexicon.cases.at(words, place)) and place + case[0] < len(words):
            place += case[0]
            name = self._named(place)
            if name is None or name[1] == _WEAK:
                return None
        times, start = 1, place
        plain = lexicon.letters.at(words, place)
        if plain is None and words[place] in lexicon.repeats and place + 1 < len(words):
            times, start = lexicon.repeats[words[place]], place + 1
            if number := self._repeated(start, times):
                return number
        name = self._named(start)
        if name is None:
            return None
        letter, weak, end = name
        if likened := self._likened(letter, end, weak=bool(weak)):
            unit, end = likened
            return replace(unit, text=unit.text * times), end
        if weak == _ZERO:
            return Unit(Kind.LETTERS, letter * times, undecided=_ZERO), end
        if times > 1:
            return Unit(Kind.LETTERS, letter * times), end
        return Unit(Kind.LETTERS, letter, undecided=weak), end

    def _repeated(self, place: int, times: int) -> tuple[Unit, int] | None:
        word = self._words[place]
        if word in self._lexicon.digits:
            return Unit(Kind.FIGURES, self._lexicon.digits[word] * times), place + 1
        if word.isdecimal():
            return Unit(Kind.FIGURES, word[0] * (times - 1) + word), place + 1
        return None

    def _named(self, place: int) -> tuple[str, str, int] | None:
        """Return the letter, whether its neighbours must decide, and where it ends."""
        lexicon, word = self._lexicon, self._words[place]
        if word in self._no_letters:
            return None
        if word in lexicon.zero_or_o:
            return "o", _ZERO, place + 1
        if len(word) == 1 and word.isalpha():
            return word, "", place + 1
        hit = lexicon.letters.at(self._words, place)
        sound = lexicon.letter_sounds.get(word) or lexicon.alphabet.get(word)
        if hit and not (sound and hit[0] == 1):
            return hit[1], "", place + hit[0]
        return (sound, _WEAK, place + 1) if sound else None

    def _likened(self, letter: str, place: int, *, weak: bool) -> tuple[Unit, int] | None:
        """Read "as in boy" behind a letter; the word counts more than the letter heard."""
        hit = self._lexicon.likened.at(self._words, place) if place < len(self._words) else None
        if hit is None or place + hit[0] >= len(self._words):
            return None
        word = self._words[place + hit[0]]
        end = place + hit[0] + 1
        if not word[0].isalpha() or (len(word) < 2 and word != letter):
            return None
        if word == "x" and self._words[end : end + 2] == ["-", "ray"]:
            end += 2
        if hit[1] in {"4", "four"} and word not in self._lexicon.alphabet:
            return None
        meant = self._lexicon.alphabet.get(word, word[0])
        if meant == letter:
            return Unit(Kind.LETTERS, letter), end
        certain = hit[1] in {"as in", "is in", "like in"}
        if not certain or (weak and not sounds_like(meant, letter)):
            return None
        return Unit(Kind.LETTERS, meant, doubtful=not sounds_like(meant, letter)), end


def _sounds(units: Sequence[Unit], lexicon: Lexicon, *, numeric: bool) -> list[Unit]:
    """Decide whether "to" and "for" are figures."""
    result: list[Unit] = []
    for place, unit in enumerate(units):
        if unit.undecided != _SOUND:
            result.append(unit)
            continue
        last = result[-1] if result else None
        before = last is not None and (last.kind is Kind.FIGURES or last.undecided == _ZERO)
        follows = _what_follows(units, place + 1)
        after = follows is not None and follows.kind is Kind.FIGURES
        ends = follows is None or follows.kind is Kind.CORRECTION
        if not ((before and (after or (numeric and ends))) or (numeric and after)):
            result.append(replace(unit, text=unit.raw.lower(), undecided=""))
        elif last is not None and last.raw.lower() in lexicon.tens and not unit.pause:
            # "eighty for" is 84.
            result[-1] = replace(last, text=last.text[0] + unit.text, raw=f"{last.raw} {unit.raw}")
        else:
            result.append(replace(unit, kind=Kind.FIGURES, undecided="", maybe=not before))
    return result


def _what_follows(units: Sequence[Unit], place: int) -> Unit | None:
    """Return the first unit that is certain, behind a few that are not."""
    for unit in units[place : place + 4]:
        if unit.undecided not in {_SOUND, _ZERO}:
            return unit
    return units[place + 4] if place + 4 < len(units) else None


def _zeros(units: Sequence[Unit], *, numeric: bool) -> list[Unit]:
    """Decide whether "oh" is 0, the letter, or only a sigh."""
    result: list[Unit] = []
    for place, unit in enumerate(units):
        if unit.undecided != _ZERO:
            result.append(unit)
            continue
        after = next((u for u in units[place + 1 : place + 5] if u.undecided != _ZERO), None)
        left = result[-1].kind if result else None
        right = after.kind if after else None
        figures = Kind.FIGURES in (left, right)
        letters = left is Kind.LETTERS or (after is not None and _spells(after))
        letter_o = unit.raw.lower().endswith(" o") or unit.raw.lower() == "o"
        if figures and (numeric or not letters or not letter_o):
            result.append(replace(unit, kind=Kind.FIGURES, text="0" * len(unit.text), undecided=""))
        elif letters or letter_o or len(unit.text) > 1:
            kind = Kind.FIGURES if numeric and len(unit.text) > 1 else Kind.LETTERS
            text = "0" * len(unit.text) if kind is Kind.FIGURES else unit.text
            result.append(replace(unit, kind=kind, text=text, undecided=""))
    return result


def _spells(unit: Unit) -> bool:
    return unit.kind is Kind.LETTERS


def _letters(units: Sequence[Unit], lexicon: Lexicon, *, mixed: bool, pairs: bool) -> list[Unit]:
    """Decide in each run of possible letters whether they are letters."""
    result: list[Unit] = []
    place = 0
    while place < len(units):
        end = place
        while end < len(units) and _spells(units[end]):
            end += 1
        if end == place:
            result.append(units[place])
            place += 1
            continue
        run = units[place:end]
        beside = [units[i] for i in (place - 1, end) if 0 <= i < len(units)]
        figures = any(unit.kind is Kind.FIGURES for unit in beside)
        weak = sum(unit.undecided == _WEAK for unit in run)
        spelled = len(run) > 2 or not weak or (mixed and figures)
        for unit in run:
            if spelled or unit.undecided != _WEAK or (pairs and len(run) == 2):
                doubtful = unit.doubtful or (not spelled and unit.undecided == _WEAK)
                result.append(replace(unit, undecided="", doubtful=doubtful))
            else:
                result.append(_as_word(unit, lexicon, doubtful=len(run) == 2))
        place = end
    return result


def _as_word(unit: Unit, lexicon: Lexicon, *, doubtful: bool) -> Unit:
    word = unit.raw.lower()
    if lexicon.leads.at([word], 0):
        return replace(unit, kind=Kind.LEAD, text=word, undecided="")
    return replace(unit, kind=Kind.WORD, text=word, undecided="", doubtful=doubtful)


def _leads(units: Sequence[Unit]) -> list[Unit]:
    """Tell "that's" before a value from "that's" between a word and its spelling."""
    result: list[Unit] = []
    for place, unit in enumerate(units):
        if unit.kind is Kind.RESPELLED:
            before = result[-1].kind if result else Kind.LEAD
            after = units[place + 1].kind if place + 1 < len(units) else Kind.LEAD
            between = before not in {Kind.LEAD, Kind.CORRECTION} and after is Kind.LETTERS
            result.append(unit if between else replace(unit, kind=Kind.LEAD))
        else:
            result.append(unit)
    return result


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said between two corrections.

    Attributes:
        units: what holds.
        wrong: what was denied within it: the "fifteen" of "fifty, not fifteen".
    """

    units: tuple[Unit, ...]
    wrong: tuple[Unit, ...] = ()


def segments(units: Sequence[Unit]) -> list[Segment]:
    """Split at corrections; what has nothing to correct is no correction."""
    parts: list[list[Unit]] = [[]]
    for unit in units:
        if unit.kind is Kind.CORRECTION:
            if parts[-1]:
                parts.append([])
        else:
            parts[-1].append(unit)
    return [_denied(part) for part in parts if part]


def _denied(units: Sequence[Unit]) -> Segment:
    """Take out what follows a "not": as much of it as stands before the "not"."""
    kept: list[Unit] = []
    wrong: list[Unit] = []
    place = 0
    while place < len(units):
        if units[place].kind is not Kind.DENIAL:
            kept.append(units[place])
            place += 1
            continue
        place += 1
        if place == len(units):
            break
        kind = units[place].kind
        room = sum(len(unit.text) for unit in _tail(kept, kind)) or 1
        taken = 0
        while place < len(units) and units[place].kind is kind and taken < room:
            if taken and units[place].pause:
                break
            wrong.append(units[place])
            taken += len(units[place].text)
            place += 1
    return Segment(tuple(kept), tuple(wrong))


def _tail(units: Sequence[Unit], kind: Kind) -> list[Unit]:
    tail: list[Unit] = []
    for unit in reversed(units):
        if unit.kind is not kind:
            break
        tail.append(unit)
    return tail

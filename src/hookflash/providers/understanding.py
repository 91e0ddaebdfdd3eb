"""What a caller's words mean, as far as rules can tell: phrases, yes and no, values. Pure.

English only. Words are compared after small changes that do not alter what is meant: case,
punctuation, contractions, endings, a few synonyms, and digits for number words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar, cast

import msgspec

from hookflash.machines.assent import FILLERS, NEGATORS, assents

__all__ = ["Utterance", "best_match", "best_overlap", "value_for", "wants_digits", "yes_or_no"]

KeyT = TypeVar("KeyT")

_UNITS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: value for value, word in enumerate(_UNITS.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 1000}
_REPEATS = {"double": 2, "triple": 3}

# Words of one line mean the same; the first stands for all.
_SYNONYMS = """
person human agent representative operator colleague receptionist advisor somebody someone
book schedule reserve arrange make
appointment reservation visit
hour time when
price cost fee charge
address location located where
speak talk
bill invoice
help assistance assist
hello hi
bye goodbye
"""
# "Not that" has said what it is about; "not want to cancel" has not.
_PRONOUNS = frozenset({"him", "it", "so", "that", "these", "this", "those"})
_HEDGES = frozenset({"intend", "mean", "plan", "quite", "think", "try", "wanted", "wish"})

_CLAUSE = re.compile(r"[,;:.!?\n]+(?=\s|$)|\s[-\u2013\u2014]+\s")
_WORD = re.compile(r"\d+(?:[.:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")
_IRREGULAR = {"can't": "can not", "won't": "will not", "cannot": "can not", "let's": "let us"}
_SHORTENED = {
    "'re": "are",
    "'m": "am",
    "'ll": "will",
    "'d": "would",
    "'ve": "have",
    "n't": "not",
}
# Behind other words `'s` is a possessive.
_IS = frozenset({"he", "here", "how", "it", "she", "that", "there", "what", "when", "where", "who"})


class _Match(msgspec.Struct, frozen=True):
    """Where a phrase stands in an utterance, and how good the match is (more is better)."""

    start: int
    end: int
    rank: tuple[int, int, int]


class Utterance:
    """What somebody said, as words.

    Attributes:
        text: as it was written.
        words: lower case, contractions written out, no punctuation.
        meant: the same with endings cut, synonyms and small numbers unified.
        clauses: for each word, the number of the clause it stands in.
    """

    __slots__ = ("clauses", "meant", "text", "words")

    def __init__(self, text: str) -> None:
        """Read a text."""
        self.text = text
        words: list[str] = []
        clauses: list[int] = []
        plain = text.lower().replace("\u2019", "'").replace("-", " - ")
        for clause, part in enumerate(_CLAUSE.split(plain)):
            # `split` also returns nothing for what it splits at: there are no groups.
            for found in _WORD.findall(part or ""):
                for word in _written_out(found).split():
                    words.append(word)
                    clauses.append(clause)
        self.words: tuple[str, ...] = tuple(words)
        self.meant: tuple[str, ...] = tuple(
            _CANONICAL.get(stem, stem) for stem in map(_stem, words)
        )
        self.clauses: tuple[int, ...] = tuple(clauses)

    @property
    def content(self) -> tuple[str, ...]:
        """The words as meant that carry the wish."""
        return tuple(
            meant for word, meant in zip(self.words, self.meant, strict=True) if word not in FILLERS
        )

    def match(self, phrase: "Utterance", *, loosely_from: int = 1) -> _Match | None:
        """Find a phrase: word by word, or else all its content in any order.

        Args:
            phrase: what to look for.
            loosely_from: how many words of content it must have to be found in any order.
        """
        size = len(phrase.meant)
        for start in range(len(self.meant) - size + 1) if size else ():
            if self.meant[start : start + size] == phrase.meant:
                return _Match(start, start + size, (len(phrase.content), 1, size))
        content = phrase.content
        places = [
            next(
                (
                    place
                    for place, word in enumerate(self.meant)
                    if word == wanted and self.words[place] not in FILLERS
                ),
                None,
            )
            for wanted in content
        ]
        found = [place for place in places if place is not None]
        if len(content) < loosely_from or len(found) < len(content):
            return None
        return _Match(min(found), max(found) + 1, (len(content), 0, size))

    def _negates(self, negator: int, start: int) -> bool:
        """Whether a negating word is about what begins at `start`."""
        between = self.words[negator + 1 : start]
        return (
            negator < start
            and self.clauses[negator] == self.clauses[start]
            and not (between and between[0] in _PRONOUNS)
            and all(word in FILLERS or word in _HEDGES for word in between)
        )

    def unnegated(self, matches: Sequence[_Match]) -> list[_Match]:
        """Leave out those that the speaker says no to; a negation takes the nearest one only."""
        negated: list[_Match] = []
        for place, word in enumerate(self.words):
            if word not in NEGATORS:
                continue
            reached = [match for match in matches if self._negates(place, match.start)]
            in_phrase = any(match.start <= place < match.end for match in matches)
            if reached and not in_phrase:  # as it is in "it does not work"
                first = min(reached, key=lambda match: match.start)
                negated += [one for one in matches if first.start <= one.start < first.end]
        return [match for match in matches if match not in negated]


def best_match(
    utterance: Utterance,
    candidates: Iterable[tuple[KeyT, Iterable[str]]],
    *,
    loosely_from: int = 1,
) -> KeyT | None:
    """Return the candidate whose phrase matches best, None if none does.

    The longest phrase wins, counted in words that carry meaning; then one that stands word by
    word; then the earlier candidate. What the speaker says no to does not count.
    `loosely_from` is as in `Utterance.match`.
    """
    found = [
        (key, match)
        for key, phrases in candidates
        for phrase in phrases
        if (match := utterance.match(Utterance(phrase), loosely_from=loosely_from)) is not None
    ]
    wanted = utterance.unnegated([match for _, match in found])
    ranked = [(key, match) for key, match in found if match in wanted]
    return max(ranked, key=lambda pair: pair[1].rank)[0] if ranked else None


def best_overlap(utterance: Utterance, candidates: Iterable[tuple[KeyT, str, str]]) -> KeyT | None:
    """Return the candidate that shares the most words with the utterance, None if that is vague.

    Args:
        utterance: what was said; anything negated in it makes every guess vague.
        candidates: key, name and description of each. A word of the name counts two, one of the
            description one; two are needed, and more than any other candidate has.
    """
    if NEGATORS.intersection(utterance.words):
        return None
    said = set(utterance.content)
    scores: list[tuple[int, KeyT]] = []
    for key, name, description in candidates:
        named = said.intersection(Utterance(name.replace("_", " ")).content)
        described = said.intersection(Utterance(description).content) - named
        scores.append((2 * len(named) + len(described), key))
    scores.sort(key=lambda pair: pair[0], reverse=True)
    if not scores or scores[0][0] < 2 or (len(scores) > 1 and scores[1][0] == scores[0][0]):
        return None
    return scores[0][1]


def yes_or_no(utterance: Utterance) -> bool | None:
    """Return what an answer to a yes-or-no question means; None if it says more, or is unclear."""
    return assents(utterance.text)


# Values.

_QUOTED = re.compile(r"[\"\u201c]([^\"\u201d]+)[\"\u201d]")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CALLED = re.compile(
    r"\b(?:my name is|my name's|name is|i am|i'm|this is|call me|it is|it's)\s+"
    r"([^\W\d_][\w'\u2019-]*(?:\s+[^\W\d_][\w'\u2019-]*){0,3})",
    re.IGNORECASE,
)
_NAME_ENDS = re.compile(r"\s+(?:and|calling|for|from|here|i|on|speaking|with)\b.*", re.IGNORECASE)
_WEEKDAY = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAY = re.compile(
    rf"\b(?:the )?day after tomorrow\b|\btoday\b|\btonight\b|\btomorrow\b"
    rf"|\b(?:next |this )?(?:{_WEEKDAY})\b|\bnext week\b"
    rf"|\b(?:the )?\d{{1,2}}(?:st|nd|rd|th)? (?:of )?(?:{_MONTH})\b"
    rf"|\b(?:{_MONTH}) (?:the )?\d{{1,2}}(?:st|nd|rd|th)?\b",
    re.IGNORECASE,
)
_SPOKEN_HOUR = "|".join(_UNITS.split()[1:13])
_TIME = re.compile(
    rf"\b(?:half past |quarter past |quarter to )?(?:\d{{1,2}}(?:[:.]\d\d)?|{_SPOKEN_HOUR})"
    rf"(?: (?:fifteen|thirty|forty[ -]five))?(?: ?(?:a\.?m|p\.?m|o'clock|oclock)\b\.?)"
    rf"|\b(?:half past|quarter past|quarter to) (?:\d{{1,2}}|{_SPOKEN_HOUR})\b"
    rf"|\b\d{{1,2}}[:.]\d\d\b|\b(?:noon|midday|midnight)\b"
    rf"|(?<=\bat )(?:\d{{1,2}}|{_SPOKEN_HOUR})\b(?: (?:fifteen|thirty|forty[ -]five)\b)?",
    re.IGNORECASE,
)
_ISO = {
    "date": re.compile(r"\b\d{4}-\d\d-\d\d\b"),
    "date-time": re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?"),
    "time": re.compile(r"\b\d\d:\d\d(?::\d\d)?\b"),
}
_DIGIT_NAMES = frozenset({"account", "code", "digit", "digits", "number", "phone", "pin", "zip"})
# An integer of Python from text is limited to some thousand digits; a caller's to fewer.
_MOST_DIGITS = 18


def value_for(
    name: str, schema: Mapping[str, object], utterance: Utterance, *, asked: bool
) -> object:
    """Find a value for one argument in what was said; None if there is none.

    Choices, numbers, digits, yes and no, names, e-mail addresses, quoted words, and days and
    times as they were said. ISO dates and times only where they were given as such: there is no
    calendar here.

    Args:
        name: the argument's name.
        schema: its JSON Schema.
        utterance: what was said.
        asked: whether the caller was asked for this argument; then a text may be all they said.
    """
    schema = _not_null(schema)
    choices = schema.get("enum")
    if "const" in schema:
        return schema["const"]
    if isinstance(choices, list):
        return _choice(cast("list[object]", choices), utterance)
    match schema.get("type"):
        case "boolean":
            return _truth(name, utterance, asked=asked)
        case "integer":
            number = next(iter(_numbers(utterance.words)), None)
            return None if number is None or number != int(number) else int(number)
        case "number":
            return next(iter(_numbers(utterance.words)), None)
        case "array":
            items = schema.get("items")
            if not isinstance(items, dict):
                return None
            return _several(cast("Mapping[str, object]", items), utterance, asked=asked)
        case "string":
            return _wording(name, schema, utterance, asked=asked)
        case _:
            return None


def wants_digits(name: str, schema: Mapping[str, object]) -> bool:
    """Return whether an argument is a number that can be keyed in."""
    schema = _not_null(schema)
    kind = schema.get("type")
    if "enum" in schema:
        return False
    pattern = str(schema.get("pattern", ""))
    told = set(Utterance(f"{name.replace('_', ' ')}").words)
    return kind in {"integer", "number"} or (
        kind == "string"
        and "format" not in schema
        and (pattern.startswith((r"^\d", "^[0-9]")) or bool(_DIGIT_NAMES & told))
    )


def _not_null(schema: Mapping[str, object]) -> Mapping[str, object]:
    """Return the branch of an optional argument's schema that is not null."""
    branches = schema.get("anyOf")
    if isinstance(branches, list):
        for branch in cast("list[object]", branches):
            if isinstance(branch, dict):
                kind = cast("Mapping[str, object]", branch)
                if kind.get("type") != "null":
                    return kind
    return schema


def _choice(choices: Sequence[object], utterance: Utterance) -> object:
    return best_match(utterance, ((choice, (str(choice).replace("_", " "),)) for choice in choices))


def _truth(name: str, utterance: Utterance, *, asked: bool) -> bool | None:
    if asked:
        return yes_or_no(utterance)
    named = Utterance(name.replace("_", " "))
    match = utterance.match(named)
    return None if match is None else bool(utterance.unnegated([match]))


def _several(inner: Mapping[str, object], utterance: Utterance, *, asked: bool) -> object:
    choices = _not_null(inner).get("enum")
    if isinstance(choices, list):
        found = [
            choice
            for choice in cast("list[object]", choices)
            if _choice([choice], utterance) is not None
        ]
        return found or None
    if inner.get("type") in {"integer", "number"}:
        return [int(n) if n == int(n) else n for n in _numbers(utterance.words)] or None
    if inner.get("type") == "string" and asked and utterance.words:
        parts = re.split(r",\s*(?:and\s+)?|\s+and\s+", utterance.text.strip(" .!?"))
        return [part for part in parts if part]
    return None


def _wording(
    name: str, schema: Mapping[str, object], utterance: Utterance, *, asked: bool
) -> str | None:
    text = utterance.text
    form = str(schema.get("format", ""))
    if form in _ISO:
        found = _ISO[form].search(text)
        return found[0] if found else None
    words = set(Utterance(name.replace("_", " ")).words)
    if wants_digits(name, schema):
        return _digits(utterance.words)
    if form == "email" or "email" in words or {"e", "mail"} <= words:
        found = _EMAIL.search(text)
        return found[0] if found else None
    if found := _QUOTED.search(text):
        return found[1].strip()
    if words & {"day", "date", "weekday"}:
        found = _DAY.search(text)
    elif words & {"time", "hour"}:
        found = _TIME.search(text)
    elif "name" in words:
        found = _CALLED.search(text)
        called = _NAME_ENDS.sub("", found[1]) if found else ""
        first = called.split(" ")[0].lower()
        if called and first not in FILLERS | NEGATORS and not first.endswith("ing"):
            return called
        found = None
    if found:
        return found[0]
    return text.strip(" .!?,;:") or None if asked else None


def _numbers(words: Sequence[str]) -> list[float]:
    """Return the numbers that were said: `42`, `forty two`, `one hundred and five`, `four two`."""
    numbers: list[float] = []
    run: list[str] = []
    for word in (*words, ""):
        in_scale = bool(run) and run[-1] in _SCALES
        if word in _NUMBERS or (run and word in _SCALES) or (in_scale and word == "and"):
            run.append(word)
            continue
        numbers += _spelled(run)
        run = []
        # Decimal digits alone: "²" is a digit, too, and no number.
        digits = word.replace(".", "", 1)
        if word[:1].isdigit() and digits.isdecimal() and len(word) <= _MOST_DIGITS:
            numbers.append(float(word) if "." in word else int(word))
    return numbers


def _spelled(run: Sequence[str]) -> list[float]:
    """Return the numbers that a run of number words makes."""
    if len(run) > 1 and all(_NUMBERS.get(word, 10) < 10 for word in run):
        # Single digits in a row are read out one by one.
        return [int("".join(str(_NUMBERS[word]) for word in run[:_MOST_DIGITS]))]
    numbers: list[float] = []
    total = part = 0
    last = ""
    for word in run:
        if word == "thousand":
            total, part = (total + part) * 1000, 0
        elif word == "hundred":
            part *= 100
        elif word != "and":
            value = _NUMBERS[word]
            after_tens = last in _NUMBERS and part % 100 >= 20 and part % 10 == 0 and value < 10
            if last in _NUMBERS and not after_tens:
                numbers.append(total + part)
                total = part = 0
            part += value
        last = word
    return [*numbers, total + part] if run else []


def _digits(words: Sequence[str]) -> str | None:
    """Return the longest run of digits that was read out: `four double one, forty seven`."""
    runs: list[str] = [""]
    before = ""
    for word in words:
        value = 0 if word in {"o", "oh"} else _NUMBERS.get(word)
        if word.isdecimal():
            runs[-1] += word
        elif value is not None:
            if 0 < value < 10 and _NUMBERS.get(before, 0) >= 20:
                runs[-1] = runs[-1][:-1]
            runs[-1] += str(value) * _REPEATS.get(before, 1)
        elif word not in _REPEATS:
            runs.append("")
        before = word
    return max(runs, key=len) or None


# Words.


def _written_out(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("'s"):
        return f"{word[:-2]} is" if word[:-2] in _IS else word[:-2]
    for short, long in _SHORTENED.items():
        if word.endswith(short):
            return f"{word.removesuffix(short)} {long}"
    return word.replace("'", "")


def _stem(word: str) -> str:
    """Cut the endings that make `booking`, `booked`, `books` of `book`."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word.removesuffix(ending)
            doubled = stem[-1] == stem[-2] and (stem[-1] not in "aeiouls" or stem[-2:] == "ll")
            # "cancelling", but "calling".
            return stem[:-1] if doubled and (stem[-1] != "l" or len(stem) > 5) else _bare(stem)
    if re.search(r"(?:s|x|z|ch|sh)es$", word):
        return _bare(word[:-2])
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return _bare(word[:-1])
    return _bare(word)


def _bare(stem: str) -> str:
    """Cut the silent e, which `changing` has lost."""
    return stem[:-1] if len(stem) > 4 and stem.endswith("e") else stem


_CANONICAL = {
    _stem(word): line.split()[0] for line in _SYNONYMS.strip().splitlines() for word in line.split()
} | {word: str(value) for word, value in _NUMBERS.items() if value < 10}

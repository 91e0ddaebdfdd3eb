"""Names of people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

from hookflash.errors import UsageError
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.heard import Heard, ambiguous, incomplete, invalid, nothing
from hookflash.tasks.spoken.lexicon import Lexicon, Phrases
from hookflash.tasks.spoken.repair import alike
from hookflash.tasks.spoken.units import Kind, Segment, Unit, read, said, segments, sounds_like

__all__ = ["NamePart", "PersonName", "hear_name"]

NamePart: TypeAlias = Literal["first", "middle", "last"]

_PARTS: tuple[NamePart, ...] = ("first", "middle", "last")
_ENDS: tuple[NamePart, NamePart] = ("first", "last")
_LABELS: Phrases[NamePart] = Phrases(
    {
        "first name": "first", "given name": "first", "christian name": "first",
        "middle name": "middle", "middle initial": "middle", "second name": "middle",
        "last name": "last", "surname": "last", "family name": "last",
    }
)  # fmt: skip
_TITLES = frozenset({"mr", "mister", "mrs", "ms", "miss", "dr", "doctor", "sir", "madam"})
_AROUND = frozenset(
    {
        "my",
        "the",
        "name",
        "names",
        "full",
        "space",
        "agent",
        "help",
        "speaking",
        "here",
        "and",
        "it",
        "a",
        "an",
        "i",
        "in",
    }
)
# Begin a family name of several words, in Dutch, German, French, Spanish, Italian, Arabic.
_PARTICLES = frozenset(
    (
        "van", "von", "de", "del", "della", "der", "den", "di", "da", "dos", "du", "la", "le",
        "al", "el", "bin", "ibn", "st", "saint", "ten", "ter", "zu",
    )
)  # fmt: skip
_SUFFIXES = {"junior": "Jr", "jr": "Jr", "senior": "Sr", "sr": "Sr"}
_ALIKE = 0.55
_MOST_WAYS = 8


@dataclass(frozen=True, slots=True)
class PersonName:
    """The parts of a name; empty for what was not asked or not said."""

    first: str = ""
    middle: str = ""
    last: str = ""

    def __str__(self) -> str:
        """Return the parts with spaces between them."""
        return " ".join(part for part in (self.first, self.middle, self.last) if part)


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    raw: str
    label: NamePart | None = None
    spelled: bool = False

    def written(self) -> str:
        return _capitalised(self.text, self.raw)


def hear_name(
    text: str,
    *,
    parts: Sequence[NamePart] = ("first", "last"),
    lexicon: Lexicon = ENGLISH,
) -> Heard[PersonName]:
    """Hear a name: said, spelled, or said and then spelled.

    How a name that was not spelled is written only the recogniser knows; what it wrote is taken.

    Args:
        text: what was said.
        parts: what is asked for; the order is always first, middle, last.
        lexicon: the language.

    Returns:
        A name that has all the parts, with capitals where they usually are.

    Raises:
        UsageError: `parts` is empty or names no part.
    """
    wanted: list[NamePart] = [part for part in _PARTS if part in parts]
    if not wanted or not set(parts) <= set(_PARTS):
        msg = "parts must hold one or more of 'first', 'middle' and 'last'"
        raise UsageError(msg)
    found = segments(read(text, lexicon))
    used = "; ".join(said(part.units) for part in found)
    options: list[list[_Piece]] = [[]]
    for part in found:
        new = _pieces(part.units)
        if new:
            ways = (way for old in options for way in _repaired(old, new, part, len(wanted)))
            options = list(islice(ways, _MOST_WAYS))
    pieces = _unrepeated(options[0], len(wanted))
    if not pieces or any(piece.text in lexicon.prose for piece in pieces) or len(pieces) > 6:
        return nothing("No name was heard. Ask for it.", used)
    if any(any(sign.isdigit() for sign in piece.text) for piece in pieces):
        return invalid("A name has no digits. Ask for it, letter by letter.", used)
    if len(options) > 1:
        return ambiguous("It is not clear what was corrected. Ask to spell it.", used)
    if any(unit.doubtful and "as in" in unit.raw for part in found for unit in part.units):
        return ambiguous("A letter is not clear. Ask to spell it again.", used)
    return _assigned(pieces, wanted, used)


def _assigned(pieces: list[_Piece], wanted: Sequence[NamePart], used: str) -> Heard[PersonName]:
    """Give the pieces to the parts of the name."""
    if any(piece.label for piece in pieces):
        labelled: dict[NamePart, str] = {
            part: " ".join(piece.written() for piece in pieces if piece.label == part)
            for part in wanted
        }
        names = [_name(labelled)]
    else:
        cuts = _cuts(pieces, len(wanted))
        names = [
            _name(
                {
                    part: " ".join(piece.written() for piece in group)
                    for part, group in zip(wanted, cut, strict=False)
                }
            )
            for cut in cuts
        ]
    if len(names) > 1:
        return ambiguous(
            "It is not clear which words belong to which part. Ask for the last name alone.",
            used,
            tuple(names),
        )
    missing = [part for part in wanted if not getattr(names[0], part)]
    if missing:
        return incomplete(
            f"The {' and the '.join(missing)} name: missing. Ask for it.", used, tuple(names)
        )
    return Heard(value=names[0], used=used)


def _unrepeated(pieces: list[_Piece], count: int) -> list[_Piece]:
    """Return "James Bond" for "Bond, James Bond", and "John Public" for "John Q Public"."""
    if len(pieces) == 3 and count == 2:
        if pieces[0].text == pieces[2].text:
            return pieces[1:]
        if len(pieces[1].text) == 1 and not pieces[1].label:
            return [pieces[0], pieces[2]]
    return pieces


def _name(parts: dict[NamePart, str]) -> PersonName:
    return PersonName(parts.get("first", ""), parts.get("middle", ""), parts.get("last", ""))


def _cuts(pieces: list[_Piece], count: int) -> list[list[list[_Piece]]]:
    """Return the ways to cut words into so many parts."""
    if len(pieces) <= count:
        return [[[piece] for piece in pieces]]
    head = count - 1
    if pieces[-1].text in _SUFFIXES and len(pieces) == count + 1:
        return [[[piece] for piece in pieces[:head]] + [pieces[head:]]]
    if count > 1 and pieces[head].text in _PARTICLES:
        return [[[piece] for piece in pieces[:head]] + [pieces[head:]]]
    if count == 1 and pieces[0].text in _PARTICLES:
        return [[pieces]]
    if count == 1:
        return [[[piece]] for piece in (pieces[0], pieces[-1])]
    rest = pieces[head:]
    return [
        [[piece] for piece in pieces[:head]] + [rest],
        [pieces[: len(pieces) - head], *[[piece] for piece in pieces[len(pieces) - head :]]],
    ]


def _pieces(units: Sequence[Unit]) -> list[_Piece]:
    """Return the words of a name; spelled ones in the place of those that they spell."""
    words = [unit.text for unit in units]
    labels = _LABELS.within(words)
    start = 0
    if not labels:
        leads = [place + 1 for place, unit in enumerate(units) if unit.kind is Kind.LEAD]
        start = max(leads, default=0)
    pieces: list[_Piece] = []
    spelled: list[Unit] = []
    label: NamePart | None = None
    joined = told = False
    inside = {place: found for found in labels for place in range(found[0], found[1])}
    for place, unit in enumerate(units[start:], start):
        if unit.kind is Kind.LETTERS and place not in inside:
            spelled.append(unit)
            continue
        pieces = _spelled(pieces, spelled, label, told=told)
        told = unit.kind is Kind.RESPELLED
        if spelled and unit.text == "".join(each.text for each in spelled):
            spelled = []
            continue
        spelled = []
        if place in inside:
            label = inside[place][2]
        elif unit.kind is Kind.SIGN:
            joined = unit.text in {"-", "'"} and bool(pieces)
            if joined:
                last = pieces[-1]
                pieces[-1] = _Piece(last.text + unit.text, last.raw + unit.text, last.label)
        elif unit.kind in {Kind.WORD, Kind.FIGURES}:
            if joined:
                last = pieces[-1]
                pieces[-1] = _Piece(last.text + unit.text, last.raw + unit.raw, last.label)
            elif unit.text not in _TITLES | _AROUND:
                pieces.append(_Piece(unit.text, unit.raw, label))
            joined = False
    return _spelled(pieces, spelled, label, told=told)


def _spelled(
    pieces: list[_Piece], units: Sequence[Unit], label: NamePart | None, *, told: bool
) -> list[_Piece]:
    """Add a spelling, or let it replace what it spells."""
    if not units:
        return pieces
    pauses = sum(bool(unit.pause) for unit in units[1:])
    runs = [""]
    for unit in units:
        # Commas behind every letter separate nothing.
        if unit.pause and runs[-1] and pauses < len(units) - 1:
            runs.append("")
        runs[-1] += unit.text
    kept = list(pieces)
    for run in runs:
        kept = _with_spelling(kept, run, label, told=told)
    return kept


def _with_spelling(
    pieces: list[_Piece], run: str, label: NamePart | None, *, told: bool
) -> list[_Piece]:
    new = _Piece(run, run, label, spelled=True)
    if len(run) == 1 and not told:
        # An initial.
        return [*pieces, new]
    plain = [piece.text.replace("-", "").replace("'", "") for piece in pieces]
    both = "".join(plain[-2:])
    if (
        len(pieces) > 1
        and not pieces[-1].spelled
        and alike(both, run) > max(_ALIKE, alike(plain[-1], run))
    ):
        cut = max(
            range(1, len(run)),
            key=lambda at: alike(plain[-2], run[:at]) + alike(plain[-1], run[at:]),
        )
        first, second = _respelt(pieces[-2], run[:cut]), _respelt(pieces[-1], run[cut:])
        return [*pieces[:-2], first, second]
    near = [
        (alike(word, run), place)
        for place, word in enumerate(plain)
        if word and (told or not pieces[place].spelled)
    ]
    score, place = max(near, default=(0.0, 0))
    if score >= _ALIKE or (told and pieces):
        place = place if score >= _ALIKE else len(pieces) - 1
        return [*pieces[:place], _respelt(pieces[place], run), *pieces[place + 1 :]]
    return [*pieces, new]


def _respelt(piece: _Piece, letters: str) -> _Piece:
    """Put letters into a piece; hyphens and apostrophes are not spelled, as a rule."""
    if piece.text.replace("-", "").replace("'", "") == letters:
        return piece
    return _Piece(letters, letters, piece.label, spelled=True)


def _repaired(
    old: list[_Piece], new: list[_Piece], part: Segment, count: int
) -> Iterable[list[_Piece]]:
    """Return the names that may be meant after a correction."""
    wrong = {unit.text for unit in part.wrong}
    if not old:
        return [new]
    if wrong & {piece.text for piece in old} and len(new) == 1:
        return [[new[0] if piece.text in wrong else piece for piece in old]]
    if any(piece.label for piece in new):
        labels = {piece.label for piece in new}
        kept = [
            piece if piece.label else _Piece(piece.text, piece.raw, label)
            for piece, label in zip(old, _ENDS, strict=False)
        ]
        return [[*(piece for piece in kept if piece.label not in labels), *new]]
    if len(new) >= max(count, 2) or len(old) == 1 == count:
        return [new]
    if len(new) == 1 and len(new[0].text) == 1:
        return _relettered(old, new[0].text)
    scores = [(alike(piece.text, new[0].text), place) for place, piece in enumerate(old)]
    score, place = max(scores)
    if score >= 0.5 and sum(value > score - 0.1 for value, _ in scores) == 1:
        return [[*old[:place], *new, *old[place + len(new) :]]]
    return [old, new]


def _relettered(old: list[_Piece], letter: str) -> list[list[_Piece]]:
    """Return the names with one letter replaced by another that sounds like it."""
    ways: list[list[_Piece]] = []
    for place, piece in enumerate(old):
        for at, sign in enumerate(piece.text):
            if sign != letter and sounds_like(sign, letter):
                text = piece.text[:at] + letter + piece.text[at + 1 :]
                ways.append([*old[:place], _Piece(text, text, piece.label), *old[place + 1 :]])
    return ways or [old, old]


def _capitalised(text: str, raw: str) -> str:
    """Write a name as names are written, or as the recogniser wrote it if that is special."""
    if text in _SUFFIXES:
        return _SUFFIXES[text]
    if any(sign.isupper() for sign in raw[1:]) and not raw.isupper():
        return raw
    if text in _PARTICLES and not raw[:1].isupper():
        return text
    result = ""
    for place, sign in enumerate(text):
        before = text[:place]
        starts = not before or before[-1] == "-" or before in {"mc", "o'", "d'"}
        result += sign.upper() if starts else sign
    return result

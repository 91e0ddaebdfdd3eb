"""Text, as words, figures and signs."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MOST_TEXT", "Token", "tokens"]

MOST_TEXT = 2000
"""Characters of a text that are read, the last ones; nobody needs more to say a value, and what
is read stays cheap."""

_TOKEN = re.compile(
    r"(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)|(?P<figures>[0-9]+(?:st|nd|rd|th)?(?![a-z]))|[0-9]+|\S",
    re.IGNORECASE,
)
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u2011": "-"})
_STOPS = ".,;:!?\u2026"


@dataclass(frozen=True, slots=True)
class Token:
    """A word, some figures, or a sign.

    Attributes:
        text: lower case.
        raw: as it was written.
        glued: nothing stands between it and the token before it.
        pause: the comma or stop that stands before it, if any.
    """

    text: str
    raw: str
    glued: bool = False
    pause: str = ""


def tokens(text: str) -> list[Token]:
    """Split a text.

    Punctuation becomes the `pause` of what follows it; a sign within a word stays a token, as
    do `@ + # & _ /` everywhere.
    """
    plain = unicodedata.normalize("NFKC", text[-MOST_TEXT:]).translate(_APOSTROPHES)
    found = list(_TOKEN.finditer(plain))
    written = _written_addresses(plain)
    result: list[Token] = []
    pause = ""
    for place, match in enumerate(found):
        raw = match[0]
        glued_left = place > 0 and found[place - 1].end() == match.start()
        if not raw[0].isalnum() and raw not in "@+#&_/":
            glued_right = place + 1 < len(found) and found[place + 1].start() == match.end()
            inside = glued_left and glued_right and _solid(found[place - 1][0])
            alone = not glued_left and not glued_right and raw in ".-'" and _spaced(found, place)
            within = match.start() in written
            if not alone and not within and not (inside and _solid(found[place + 1][0])):
                pause = raw if raw in _STOPS else pause or " "
                continue
        glued = glued_left and bool(result) and not pause
        result.append(Token(raw.lower(), raw, glued, pause.strip()))
        pause = ""
    return _plain_hyphens(result)


def _written_addresses(text: str) -> set[int]:
    """Return the places within words with an "@", where every sign counts."""
    places: set[int] = set()
    for word in re.finditer(r"\S+", text):
        if "@" in word[0]:
            solid = [place for place, sign in enumerate(word[0], word.start()) if sign.isalnum()]
            if solid:
                places.update(range(solid[0], solid[-1]))
    return places


def _spaced(found: Sequence[re.Match[str]], place: int) -> bool:
    """Whether a sign stands among single characters, as in "j . d o e @ ..."."""
    sides = (place - 1, place + 1)
    return all(0 <= side < len(found) and len(found[side][0]) == 1 for side in sides)


def _solid(text: str) -> bool:
    return text[0].isalnum() or text in "_@"


def _plain_hyphens(items: Sequence[Token]) -> list[Token]:
    """Drop the hyphens of "J-O-H-N", which a recogniser has put there, but not of an address."""
    kept: list[Token] = []
    typed = False
    for place in range(len(items) - 1, -1, -1):
        token = items[place]
        typed = token.text == "@" or (typed and items[place + 1].glued)
        if token.text == "-" and token.glued and 0 < place < len(items) - 1 and not typed:
            left, right = items[place - 1].text, items[place + 1].text
            if len(left) == len(right) == 1 and left.isalpha() and right.isalpha():
                continue
        kept.append(token)
    return kept[::-1]

"""What kind of answer do these words ask for? A guess from the text alone, for endpointing."""

import re

from hookflash.events.turn import Expectation, ExpectationSet

__all__ = ["guess_expectation"]

_NUMBER_WORDS = {
    "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12,
}  # fmt: skip
_KEYED = re.compile(r"\b(digits?|pin|keypad|key in|(number|code)s? (please|on your))\b", re.I)
_LENGTH = re.compile(r"\b(\w+)[- ]digits?\b", re.I)
_SPELLED = re.compile(r"\b(spell|letter by letter)\b", re.I)
_YES_NO = re.compile(
    r"^(is|are|was|were|do|does|did|can|could|shall|should|will|would|have|has|may)\b"
    r"|\byes or no\b|\b(correct|right|okay)\?$",
    re.I,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def guess_expectation(text: str) -> ExpectationSet:
    """Return what the last sentence of an agent's words asks for; `ANYTHING` if it is not clear."""
    sentences = _SENTENCE_END.split(text.strip())
    last = sentences[-1] if sentences else ""
    if _SPELLED.search(last):
        return ExpectationSet(expects=Expectation.SPELLING)
    if _KEYED.search(last):
        return ExpectationSet(expects=Expectation.DIGITS, length=_length(last))
    if last.endswith("?") and _YES_NO.search(last):
        return ExpectationSet(expects=Expectation.YES_NO)
    return ExpectationSet(expects=Expectation.ANYTHING)


def _length(text: str) -> int | None:
    match = _LENGTH.search(text)
    if match is None:
        return None
    word = match.group(1).lower()
    if word.isascii() and word.isdigit() and 0 < int(word) <= 64:
        return int(word)
    return _NUMBER_WORDS.get(word)

"""Numbers in words, as figures: "forty two fifteen" is 42 and 15."""

from collections.abc import Sequence

from hookflash.tasks.spoken.lexicon import Lexicon
from hookflash.tasks.spoken.tokens import Token

__all__ = ["number_at", "ordinal_at"]


class _Reader:
    """Reads one number from left to right."""

    def __init__(self, items: Sequence[Token], place: int, lexicon: Lexicon) -> None:
        self._items = items
        self._start = place
        self._lexicon = lexicon

    def word(self, place: int) -> str:
        """The word at a place; empty behind a pause, so that "twenty, five" are two numbers."""
        if place >= len(self._items) or (place > self._start and self._items[place].pause):
            return ""
        return self._items[place].text

    def beyond(self, place: int) -> int:
        """Skip the hyphen of "forty-two"."""
        return place + 1 if self.word(place) == "-" else place

    def small(self, place: int) -> tuple[int, int] | None:
        """Read 1 to 99: value and end."""
        lexicon, word = self._lexicon, self.word(place)
        if word in lexicon.numbers:
            return lexicon.numbers[word], place + 1
        if word in lexicon.tens:
            after = self.beyond(place + 1)
            one = lexicon.digits.get(self.word(after), "0")
            if one != "0":
                return lexicon.tens[word] + int(one), after + 1
            return lexicon.tens[word], place + 1
        figure = lexicon.digits.get(word, "0")
        return (int(figure), place + 1) if figure != "0" else None

    def below_thousand(self, place: int) -> tuple[int, int] | None:
        """Read 1 to 9900: "twenty five hundred" is one number, too."""
        found = self.small(place)
        if found is None and self.word(place) == "a" and self.word(place + 1) in self._scales():
            found = 1, place + 1
        if found is None or self.word(found[1]) != self._lexicon.hundred:
            return found
        return self.more(found[0] * 100, found[1] + 1)

    def more(self, value: int, place: int) -> tuple[int, int]:
        """Add what follows a scale: "two hundred and five". But 800 is 800 in "800 555"."""
        joined = self.word(place) in self._lexicon.joins
        rest = self.small(place + 1 if joined else place)
        if rest is None:
            return value, place
        if rest[0] < 10 and not joined and self.small(rest[1]) is not None:
            return value, place
        if not joined and self.word(rest[1]) in self._lexicon.digits:
            return value, place
        return value + rest[0], rest[1]

    def number(self) -> tuple[int, int] | None:
        """Read 1 to 99 999."""
        found = self.below_thousand(self._start)
        if found is None or self.word(found[1]) != self._lexicon.thousand:
            return found
        value, place = found[0] * 1000, found[1] + 1
        joined = self.word(place) in self._lexicon.joins
        rest = self.below_thousand(place + 1) if joined else self.below_thousand(place)
        if rest is not None and rest[0] >= 100:
            return value + rest[0], rest[1]
        return self.more(value, place)

    def _scales(self) -> tuple[str, str]:
        return self._lexicon.hundred, self._lexicon.thousand


def number_at(items: Sequence[Token], place: int, lexicon: Lexicon) -> tuple[str, int] | None:
    """Read one number, written or in words, up to 99 999.

    Returns:
        Its figures, and where it ends; None if there is none.
    """
    text = items[place].text
    if text[0] in "0123456789":
        if not text.isdecimal():
            return None
        if len(text) <= 2 and place + 1 < len(items) and not items[place + 1].pause:
            scale = {lexicon.hundred: "00", lexicon.thousand: "000"}.get(items[place + 1].text)
            if scale and text != "0":
                return text + scale, place + 2
        return text, place + 1
    if lexicon.digits.get(text) == "0":
        return "0", place + 1
    found = _Reader(items, place, lexicon).number()
    return None if found is None else (str(found[0]), found[1])


def ordinal_at(items: Sequence[Token], place: int, lexicon: Lexicon) -> tuple[int, int] | None:
    """Read "third", "twenty-first", "3rd": the value and where it ends; None if there is none."""
    text = items[place].text
    if text[0] in "0123456789":
        return None if text.isdecimal() else (int(text[:-2][:4]), place + 1)
    if text in lexicon.ordinals:
        return lexicon.ordinals[text], place + 1
    if text in lexicon.tens:
        after = place + 1
        if after < len(items) and items[after].text == "-":
            after += 1
        if after < len(items) and not items[after].pause:
            one = lexicon.ordinals.get(items[after].text, 0)
            if 0 < one < 10:
                return lexicon.tens[text] + one, after + 1
    return None

"""Cut a stream of words into sentences that can be spoken, as early as each is certain.

A cut is decided by the text alone, never by how the text arrived: a decision needs the sentence's
stop and the first character after the space behind it, and language models deliver a word with
the space before it, so waiting for that character costs no extra token.
"""

# ruff: noqa: RUF001, RUF003  # punctuation that looks alike is what this file tells apart

import re
from functools import cache

from hookflash.errors import UsageError

__all__ = ["SentenceSplitter"]

_STOPS = ".!?…؟।"
_WIDE_STOPS = "。！？｡"
_CLOSERS = "\"'”’»)\\]}*_"
_WIDE_CLOSERS = "」』）】》〉”’"
_CLAUSES = ",;:،—–"
_WIDE_CLAUSES = "，、；："

_LAST_WORD = re.compile(r"[^\s\"'“‘«(\[{*_]+$")
# Initials and acronyms: "J. K.", "U.S.".
_LETTERS = re.compile(r"[^\W\d_](?:\.[^\W\d_])*$")
_SPACE = re.compile(r"[ \t\u00a0]")
_ORDINAL = re.compile(r"(?<![\w.,:])[0-9]{1,2}\.$")
_LIST_NUMBER = re.compile(r"\d{1,3}")
# The first code point of the scripts whose signs are each about a syllable (CJK radicals).
_FIRST_WIDE = 0x2E80
# Such a sign takes about as long to say as this many Latin letters.
_WIDE_WEIGHT = 3


class _Patterns:
    """Compiled when the first piece is cut."""

    def __init__(self) -> None:
        # Where a piece may end, and in `after` or `sign` the character that makes it certain: the
        # first behind the space, or, in scripts written without spaces, the very next.
        self.place = re.compile(
            rf"(?P<line>\n)"
            rf"|(?:(?P<stop>[{_STOPS}]+[{_CLOSERS}]*)|(?P<clause>[{_CLAUSES}][{_CLOSERS}]*))"
            rf"(?=[^\S\n]+(?P<after>\S))"
            rf"|(?:(?P<wide_stop>[{_WIDE_STOPS}]+[{_WIDE_CLOSERS}{_CLOSERS}]*)"
            rf"|(?P<wide_clause>[{_WIDE_CLAUSES}]))"
            rf"(?=(?P<sign>[^{_WIDE_STOPS}{_WIDE_CLOSERS}{_CLOSERS}]))"
        )
        # Never the end of a sentence, whatever follows.
        self.title = re.compile(
            r"adm|bzw|capt|cf|cmdr|col|cpl|d\.h|dott|dr|dra|e\.?g|evtl|fr|ft|gen|ggf|gov|hon|i\.?e|inkl|lt|"
            r"maj|messrs|mrs?|ms|mt|mx|p\.?ej|pres|prof|rep|rev|sen|sgt|sig|sra|srta|st|supt|u\.a|usw|viz|vs|z\.b"
        )
        # No end of a sentence before a number ("No. 5", "Jan. 3"), but perhaps before a capital.
        self.counted = re.compile(
            r"apr|approx|apt|art|aug|bldg|ca|ch|dec|dept|ext|feb|figs?|jan|jul|jun|mar|max|min|nos?|nov|"
            r"n[ro]|nro|núm|oct|op|para|pp|pt|rm|sect?|sept?|ste|\w*str|suite|tel|vol"
        )


@cache
def _patterns() -> _Patterns:
    return _Patterns()


class SentenceSplitter:
    """Takes the deltas of one answer and gives back pieces to synthesise, in order.

    Nothing but white space around pieces is ever dropped or changed. The same text gives the same
    pieces, however it was cut into deltas; `flush` alone gives what the text's end makes certain.

    A sentence ends at a stop followed by a space, not inside abbreviations, initials, numbers,
    times, addresses of the web, or an ellipsis before a small letter; at a line break; and at the
    stops of Chinese and Japanese. The very first piece may already end at a comma or the like, so
    that the caller hears something soon.

    Args:
        first_min_chars: the first piece may end at a clause once it is this long. Twenty-four
            characters are about one and a half seconds of speech, which covers the synthesis of
            the next piece.
        min_chars: a sentence shorter than this is joined to the one after it ("Sure. I can do
            that."), because each piece costs a synthesis and tiny ones sound chopped.
        max_chars: a piece longer than this is cut at its last clause, else at its last space,
            else where it stands; not between figures if there is another place.
        ordinal_dots: the language writes ordinal numbers with a stop ("am 3. März"), so that a stop
            behind one or two figures ends no sentence.

    Raises:
        UsageError: a number is below 1, or `max_chars` is not above the other two.
    """

    __slots__ = ("_first", "_first_min", "_max", "_min", "_ordinal_dots", "_text")

    def __init__(
        self,
        *,
        first_min_chars: int = 24,
        min_chars: int = 10,
        max_chars: int = 240,
        ordinal_dots: bool = False,
    ) -> None:
        if min(first_min_chars, min_chars) < 1 or max_chars <= max(first_min_chars, min_chars):
            msg = "first_min_chars and min_chars must be at least 1 and max_chars above both"
            raise UsageError(msg)
        self._first_min = first_min_chars
        self._min = min_chars
        self._max = max_chars
        self._ordinal_dots = ordinal_dots
        self._text = ""
        self._first = True

    def push(self, delta: str) -> list[str]:
        """Take more text; return the pieces that are certain now."""
        self._text = (self._text + delta).lstrip()
        pieces: list[str] = []
        while (end := self._next_end()) is not None:
            pieces.append(self._text[:end].rstrip())
            self._text = self._text[end:].lstrip()
            self._first = False
        return pieces

    def flush(self) -> list[str]:
        """The text is complete: return the rest. The splitter is then ready for another answer."""
        rest = self._text.rstrip()
        self._text = ""
        self._first = True
        return [rest] if rest else []

    def _next_end(self) -> int | None:
        """Return where the first piece of the text ends, or None while that is not certain."""
        text = self._text
        clause = 0
        for place in _patterns().place.finditer(text):
            certain_at = max(place.start(group) for group in ("line", "after", "sign"))
            if certain_at > self._max:
                break
            if self._is_end(place):
                return place.end()
            if place["wide_clause"] or (place["clause"] and not place["after"].isdigit()):
                clause = place.end()
        if len(text) <= self._max:
            return None
        if clause:
            return clause
        spaces = [found.start() for found in _SPACE.finditer(text, 1, self._max + 1)]
        # "5 km", "March 3" and the groups of a telephone number stay together. What stands behind
        # the last place is not known yet.
        apart = [
            at
            for at in spaces
            if at < self._max and not (text[at - 1].isdigit() or text[at + 1].isdigit())
        ]
        return (apart or spaces or [self._max])[-1]

    def _is_end(self, place: "re.Match[str]") -> bool:
        if place["line"]:
            return True
        weight = _weight(place.string[: place.end()])
        if place["clause"] or place["wide_clause"]:
            # Not within "March 3, 2026" or "9 – 5".
            in_number = bool(place["clause"]) and place["after"].isdigit()
            return self._first and weight >= self._first_min and not in_number
        if weight < self._min or not place["stop"]:
            return weight >= self._min
        return not (
            _is_inside(place)
            or (self._ordinal_dots and _ORDINAL.search(place.string, 0, place.end()))
        )


def _is_inside(place: "re.Match[str]") -> bool:
    """Return whether a stop ends no sentence: an abbreviation, a list's number, and so on."""
    stop, after = place["stop"], place["after"]
    if not stop.startswith((".", "…")) or "!" in stop or "?" in stop:
        return False
    if after.islower():
        return True
    if stop.startswith(("..", "…")):
        return False
    before = place.string[: place.start()]
    if _LIST_NUMBER.fullmatch(before):
        return True
    found = _LAST_WORD.search(before)
    word = found[0].lower() if found else ""
    if word in {"a.m", "p.m"}:
        return False
    if _patterns().title.fullmatch(word) or _LETTERS.fullmatch(word):
        return True
    return after.isdigit() and _patterns().counted.fullmatch(word) is not None


def _weight(text: str) -> int:
    """Return how long a text is to say, in Latin letters."""
    if text.isascii():
        return len(text)
    return sum(_WIDE_WEIGHT if ord(sign) >= _FIRST_WIDE else 1 for sign in text)

"""Marks that are seen and not spoken: markdown, HTML, emoji. The words between them are kept."""

import re
from functools import cache
from html import unescape

from hookflash.pipeline.wording.alignment import Edit

__all__ = ["Markup"]

# Emoji and pictographs, with what joins and colours them (Unicode 16, emoji-data.txt; whole
# blocks where nothing in them is ever spoken).
_EMOJI = (
    "\u20e3\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\u3030\u303d\u3297\u3299\ufe0e\ufe0f\u200d"
    "\U0001f000-\U0001faff\U000e0020-\U000e007f"
)
_SENTENCE_END = ".!?:;,\u2026\u3002\uff01\uff1f\uff1a"


class Markup:
    """Finds the marks in one utterance, line after line; remembers that it is in a code fence.

    A mark without its partner is a mark all the same: sentences are cut before both are there.
    """

    __slots__ = ("_dates", "_fenced")

    def __init__(self, dates: re.Pattern[str] | None = None) -> None:
        """Begin outside of any fence.

        Args:
            dates: finds, at the beginning of a line, a date that looks like an item of a numbered
                list, such as "3. März".
        """
        self._dates = dates
        self._fenced = False

    def edits(self, line: str) -> list[Edit]:
        """Return what to leave out of a line or a part of one, and what to say in its place."""
        if _marks().search(line) is None:
            return []
        patterns = _patterns()
        if patterns.fence.fullmatch(line):
            self._fenced = not self._fenced
            return [Edit(0, len(line), "")]
        if self._fenced:
            return []
        if patterns.rule.fullmatch(line):
            return [Edit(0, len(line), "")]
        edits: list[Edit] = []
        start, item = self._opening(line, edits)
        for found in patterns.inline.finditer(line, start):
            marks = _inline(found, opens=found.start() == start)
            if found.start() == start and marks and not marks[-1].text:
                # A mark that opens something may be followed by another one.
                start = marks[0].end
            edits += marks
        if item and (said := line.rstrip(" \t*_`~|#)\"'\u201d")) and said[-1] not in _SENTENCE_END:
            _end_sentence(line, edits)
        return edits

    def _opening(self, line: str, edits: list[Edit]) -> tuple[int, bool]:
        """Handle what opens a line; return where its words begin, and whether it stands alone."""
        patterns = _patterns()
        start = 0
        if quote := patterns.quote.match(line):
            start = quote.end()
        item = False
        if head := patterns.item.match(line, start):
            start, item = head.end(), True
        if start:
            edits.append(Edit(0, start, ""))
        number = patterns.number.match(line, start)
        if number and not (self._dates and self._dates.match(line, start)):
            edits.append(Edit(number.end(1), number.end(), ", "))
            start, item = number.end(), True
        elif row := patterns.row.match(line, start):
            edits.append(Edit(start, row.end(), ""))
            start, item = row.end(), True
        return start, item


@cache
def _marks() -> "re.Pattern[str]":
    """Return what finds a first sign of marks: most lines have none, and need no more."""
    return re.compile(
        rf"[*_`#~<>|\[\]\\&\u00ad\u00a9\u00ae\u2122\u2020-\u2022\u2190-\u21ff\u200b\u2060\ufeff"
        rf"\u3010{_EMOJI}]|[-=]>|[:;]['-]?[)(DP]|^\s*(?:[-\u2013\u2014+=]|[0-9]{{1,3}}[.)]\s)"
    )


class _Patterns:
    """Compiled when the first mark is seen."""

    def __init__(self) -> None:
        self.fence = re.compile(r"\s*(?:`{3,}|~{3,})[\w+.-]{0,20}\s*")
        # A rule across the page, or the line below a table's head.
        self.rule = re.compile(r"(?=.*[-=*_].*[-=*_])[\s|:=+*_-]{3,}")
        self.quote = re.compile(r"\s*>+(?:\s*>)*\s*")
        self.item = re.compile(
            r"\s*(?:#{1,6}\s+|[-*\u2022\u2023\u25e6\u25aa\u25cf\u2013\u2014+]\s+(?:\[[ xX]\]\s+)?)"
        )
        self.number = re.compile(r"\s*([0-9]{1,3})[.)]\s+(?=\S)")
        self.row = re.compile(r"\s*\|(?=[^|]*\|)\s*")
        self.inline = re.compile(
            # A masked number is no emphasis.
            r"(?P<keep>(?<![\w*])(?:[*xX\u2022]{3,12}[ -]?){1,4}[0-9]{2,4}(?![*\w])"
            # Nor is the star of "*67".
            r"|(?<![\w*])\*[0-9]{1,4}(?![*\w])"
            # Addresses keep their underscores and the like.
            r"|(?:https?://|www\.)[^\s<>()\[\]`*]{1,2000}|[\w.+-]{1,64}@[\w.-]{1,255})"
            r"|(?P<code>(?P<ticks>`{1,3})(?P<inner>[^`]{1,2000})(?P=ticks))"
            r"|(?P<auto><((?:https?://|mailto:)[^\s<>]{1,2000}|[^\s<>@]{1,64}@[^\s<>@]{1,255})>)"
            r"|(?P<entity>&(?:[a-zA-Z]{2,8}|\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6});)"
            r"|(?P<gap></?(?:br|p|li|tr|td|th|div|ul|ol|h[1-6]|table)\b[^<>]{0,200}>)"
            r"|(?P<escaped>\\(?=[\\`*_{}\[\]()\#+.!|~<>$-]).)"
            r"|(?P<comma>[ \t]{0,3}(?:[\u2190-\u21ff\u2794\u279c\u279e\u2022]|[-=]{1,2}>|"
            r"\|(?:[ \t]{0,40}\|)*)[ \t]{0,3})"
            r"|(?P<gone>"
            r"`+|~~|!?\[(?=[^\[\]]*\][(\[])"
            r'|\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s+"[^"\n]*")?\)|\]\[[^\[\]]*\]'
            r"|</?(?:[biua]|em|strong|span|code|pre|su[bp]|small|mark|del|s|speak|prosody|emphasis"
            r"|break|say-as|phoneme|voice|img)\b[^<>]{0,200}>|<!--[^<>]{0,500}-->"
            r"|(?<=[\w.,;!?)])(?:\[\^?[0-9]{1,3}\])+|\u3010[^\u3010\u3011]{0,80}\u3011"
            r"|\*{2,}(?![0-9])|(?<![0-9*])\*{2,}|(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*])"
            r"|(?<![\w/@.=-])_{1,3}(?=[^\s_])|(?<=[^\s_])_{1,3}(?![\w@/=])"
            r"|(?:(?<!\S)|(?<=[.!?])|[ \t]{1,3})[:;]['-]?[)(DP](?!\w)"
            rf"|[ \t]{{0,3}}[{_EMOJI}](?:[ \t]{{0,3}}[{_EMOJI}]+)*"
            r"|[\u00ad\u00a9\u00ae\u2122\u2020\u2021\u200b\u2060\ufeff]+)"
        )


@cache
def _patterns() -> _Patterns:
    return _Patterns()


def _inline(found: "re.Match[str]", *, opens: bool) -> list[Edit]:
    """Return the edits for one mark; `opens` if nothing is spoken in the line before it."""
    start, end = found.span()
    match found.lastgroup:
        case "gone" | "gap" | "comma":
            said = {"gone": "", "gap": " ", "comma": ", "}[found.lastgroup]
            rest = found.string[end:]
            if opens or not rest.strip():
                # The space behind what opens a line goes, too.
                end += len(rest) - len(rest.lstrip()) if opens else 0
                said = ""
            return [Edit(start, end, said)]
        case "code":
            ticks = len(found["ticks"])
            return [Edit(start, start + ticks, ""), Edit(end - ticks, end, "")]
        case "auto":
            scheme = len("mailto:") if found[0].startswith("<mailto:") else 0
            return [Edit(start, start + 1 + scheme, ""), Edit(end - 1, end, "")]
        case "entity":
            sign = unescape(found[0])
            return [] if sign == found[0] else [Edit(start, end, sign.replace("\u00a0", " "))]
        case "escaped":
            return [Edit(start, start + 1, "")]
        case _:
            return []


def _end_sentence(line: str, edits: list[Edit]) -> None:
    """Let an item of a list end like a sentence."""
    if edits and edits[-1].end == len(line) and edits[-1].start < len(line):
        last = edits.pop()
        edits.append(Edit(last.start, last.end, "."))
    else:
        edits.append(Edit(len(line), len(line), "."))

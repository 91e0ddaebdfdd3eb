"""What a synthesiser is given for what a model wrote."""

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Literal, TypeAlias, TypedDict

from hookflash.errors import ConfigError, MissingExtra
from hookflash.pipeline.sentences import SentenceSplitter
from hookflash.pipeline.wording.alignment import Edit, SpokenText
from hookflash.pipeline.wording.languages import Language, language_of, without_numbers
from hookflash.pipeline.wording.lexicon import Lexicon
from hookflash.pipeline.wording.markup import Markup
from hookflash.pipeline.wording.rules import Rule, RuleSet, claim

__all__ = ["DateOrder", "TextForSpeech", "UtteranceWording"]

_log = logging.getLogger("hookflash.pipeline")

DateOrder: TypeAlias = Literal["mdy", "dmy"]

_TAG = re.compile(r"([a-zA-Z]{2,3})(?:[-_][a-zA-Z]{4})?(?:[-_]([a-zA-Z]{2}))?(?:[-_].*)?")
# English dates in figures begin with the month in the United States, the Philippines and Palau.
_MONTH_FIRST = (None, "US", "PH", "PW")
# How much of what came before is looked at, to know a code from a quantity.
_CONTEXT = 60


class _Options(TypedDict):
    lexicon: Mapping[str, str]
    replace: Mapping[str, str]
    date_order: DateOrder | None


class TextForSpeech:
    """Turns what a model writes into what is said: "$2.50" into "two dollars and fifty cents".

    One serves all sessions of a process. The text of an utterance goes through `begin()` piece by
    piece, as `SentenceSplitter` cuts it; each comes back as a `SpokenText`, which knows both forms
    and which part of the one is how much of the other. So a synthesiser is given words, while
    transcripts and the history hold what was written.

    In all languages: markdown, HTML, emoji and stray marks are left out, and the words in them
    kept (those of code, too); items of lists end like sentences. In English, and with the extra
    `languages` in German, French, Spanish, Portuguese, Italian and Dutch: numbers, money, dates,
    times, percent, ordinals, units, telephone numbers, codes and addresses are put into words.
    Other languages keep their numbers as written; their synthesisers know better.

    What a rule is not sure of stays as it is written. It never raises, and takes time in proportion
    to the text.
    """

    def __init__(
        self,
        language: str = "en",
        *,
        numbers: bool = True,
        lexicon: Mapping[str, str] | None = None,
        replace: Mapping[str, str] | None = None,
        date_order: DateOrder | None = None,
    ) -> None:
        r"""Choose a language.

        Args:
            language: a BCP 47 tag, such as `en`, `en-GB`, `pt-BR`, of the language that is
                spoken. The rules of one language spoil the numbers of another.
            numbers: whether numbers, dates, money and the like are put into words. False leaves
                them to a synthesiser that knows how; marks and addresses are still seen to.
            lexicon: how words are said: `{"SQL": "sequel", "Nguyen": "win"}`. Whole words and
                phrases, the longest first; in any case if written in small letters, else only as
                they stand. They go before every rule and are applied to the words that rules
                make; what they say is never looked at again.
            replace: regular expressions and what is said for their matches (`\1` is a group);
                these go even before the lexicon. Keep them linear in the text.
            date_order: whether 3/4/2026 is March 4 (`mdy`) or April 3 (`dmy`). None lets the
                language decide: `mdy` for English of the United States, else `dmy`.

        Raises:
            ConfigError: a value that cannot be; the message names it.
            MissingExtra: the language needs babel and num2words.
        """
        if date_order not in {None, "mdy", "dmy"}:
            msg = f"date_order must be 'mdy', 'dmy' or None, not {date_order!r}"
            raise ConfigError(msg)
        self.language = language
        self._numbers = numbers
        self._options = _Options(
            lexicon=dict(lexicon or {}), replace=dict(replace or {}), date_order=date_order
        )
        base, territory, order = _parts(language, date_order)
        self._rules = language_of(base, territory, order) if numbers else without_numbers(base)
        self._lexicon = Lexicon(lexicon or {})
        self._own = _own_rules(replace or {}, self._lexicon)
        self._prepared = False

    def begin(self) -> "UtteranceWording":
        """Begin an utterance, or another text that is given piece by piece."""
        return UtteranceWording(self._rules, self._own, self._lexicon)

    def of(self, text: str) -> SpokenText:
        """Word a whole text."""
        return self.begin().take(text)

    def splitter(self) -> SentenceSplitter:
        """Return a splitter that knows what ends no sentence in this language."""
        return SentenceSplitter(ordinal_dots=self._rules.ordinal_dots)

    def variant(self, language: str) -> "TextForSpeech":
        """Return the same for another language.

        Without the extra `languages` its numbers stay as written.

        Raises:
            ConfigError: it is no language.
        """
        try:
            return TextForSpeech(language, numbers=self._numbers, **self._options)
        except MissingExtra as exc:
            _log.warning("numbers stay as written: %s", exc)
            return TextForSpeech(language, numbers=False, **self._options)

    async def prepare(self) -> None:
        """Compile the rules; else the first text that needs them waits 40 ms. Idempotent."""
        if not self._prepared:
            await asyncio.to_thread(self.of, "Call 1, **now**.")
            self._prepared = True


class UtteranceWording:
    """The wording of one utterance, which remembers what its last piece led to. See `begin`."""

    __slots__ = ("_before", "_language", "_lexicon", "_markup", "_own")

    def __init__(self, language: Language, own: tuple[RuleSet, ...], lexicon: Lexicon) -> None:
        """Begin; made by `TextForSpeech.begin`."""
        self._language = language
        self._own = own
        self._lexicon = lexicon
        self._markup = Markup(language.dates)
        self._before = ""

    def take(self, piece: str) -> SpokenText:
        """Word the next piece: a sentence, a line, or several lines."""
        if "\n" not in piece:
            return self._line(piece)
        edits: list[Edit] = []
        at = 0
        for line in piece.split("\n"):
            worded = self._line(line)
            edits += (Edit(at + edit.start, at + edit.end, edit.text) for edit in worded.edits)
            at += len(line) + 1
        return SpokenText.edited(piece, edits)

    def _line(self, line: str) -> SpokenText:
        marks = self._markup.edits(line)
        stripped = SpokenText.edited(line, marks) if marks else SpokenText.plain(line)
        before, text = self._before, stripped.spoken
        start = len(before)
        edits = claim(
            before + text, start, (*self._own, *self._language.sets()), self._lexicon.apply
        )
        if text.strip():
            self._before = self._led_to(text)
        if start:
            edits = [Edit(edit.start - start, edit.end - start, edit.text) for edit in edits]
        return stripped.then(edits)

    def _led_to(self, text: str) -> str:
        """Return the end of a piece if a code is to follow: "Here is your PIN:"."""
        lead = self._language.code_lead
        if lead is None or not text.endswith((":", ": ")):
            return ""
        end = f"{text[-_CONTEXT:].rstrip()} "
        return end if lead().search(end) else ""


def _parts(language: str, date_order: DateOrder | None) -> tuple[str, str | None, DateOrder]:
    """Return language, territory, and in which order dates are written there."""
    tag = _TAG.fullmatch(language)
    if tag is None:
        msg = f"language must be a BCP 47 tag such as 'en' or 'pt-BR', not {language[:40]!r}"
        raise ConfigError(msg)
    base, territory = tag[1].lower(), tag[2].upper() if tag[2] else None
    mdy = base == "en" and territory in _MONTH_FIRST
    return base, territory, date_order or ("mdy" if mdy else "dmy")


def _own_rules(replace: Mapping[str, str], lexicon: Lexicon) -> tuple[RuleSet, ...]:
    sets: list[RuleSet] = []
    for pattern, words in replace.items():
        try:
            compiled = re.compile(pattern)
            # A template with a group that is not there fails here, not in a call.
            re.compile(f"(?:{pattern})|").sub(words, "", 1)
        except (re.error, IndexError) as exc:
            msg = f"replace: {pattern[:40]!r} is no pattern for {words[:40]!r}: {exc}"
            raise ConfigError(msg) from exc
        sets.append(RuleSet(compiled, [_template(compiled, words)], final=True))
    if lexicon:
        sets.append(RuleSet(lexicon.pattern, [lexicon.rule()], final=True))
    return tuple(sets)


def _template(pattern: re.Pattern[str], words: str) -> Rule:
    return Rule(pattern, lambda found: found.expand(words) if found[0] else None)

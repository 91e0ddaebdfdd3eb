"""Which words of an utterance the caller heard, from how much of its audio was played."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache

import msgspec

from hookflash.pipeline.wording.alignment import SpokenText
from hookflash.providers.base import WordTime

__all__ = ["HeardText"]

_WIDE = "\u2e80-\u2fdf\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff"
_FIRST_WIDE = 0x2E80

# How long a word takes to say, counted in letters. Fitted to the word times of espeak-ng (36
# sentences, three voices): the end of a word is found to within 105 ms on average, against
# 195 ms when characters alone are counted.
_GAP = 2
_DIGIT = 7
_SIGN = 5
_AT_CLAUSE = 6
_AT_STOP = 4
# Milliseconds per letter so counted, at 165 words a minute, until the utterance shows its own.
_PACE = 44.0

# What was played is known to one telephone frame.
_FRAME_MS = 20.0
# The last of a word need not be heard to understand it; its time may include the gap behind it.
_TAIL_MS = 50.0

# A comma before words that were never heard says nothing; a full stop says that the sentence was
# heard to its end.
_LOOSE_ENDS = ",;:-\u2013\u2014\u060c\u3001\uff0c\uff1a\uff1b"


class _Piece(msgspec.Struct):
    text: SpokenText
    offset: float
    ms: float
    complete: bool
    words: list[WordTime] = msgspec.field(default_factory=list[WordTime])


class HeardText:
    """The text of one utterance beside its audio.

    Pieces (sentences) are added in the order in which they are played; the audio of each begins
    where that of the one before ended. Only the newest piece may still be growing.

    With word times from the synthesiser the answer is exact: a word was heard if all but its last
    50 ms were played. Without, the time of a piece is divided among its words by their length,
    digits and pauses counted; while a piece is still being synthesised its length is estimated,
    never below what is already there.

    A piece whose words differ from how it is written is added as a `SpokenText`: the words are
    what takes time, and the text that was heard is given as it is written. Of what is said
    differently ("$2.50") nothing counts as heard before the whole of it was.
    """

    __slots__ = ("_pieces",)

    def __init__(self) -> None:
        """Start with nothing."""
        self._pieces: list[_Piece] = []

    def add(
        self,
        text: str | SpokenText,
        ms: float = 0.0,
        words: Iterable[WordTime] = (),
        *,
        complete: bool = True,
    ) -> None:
        """Add the next piece. The piece before it is complete by that.

        Args:
            text: as it was written, with what was given to the synthesiser if that is another.
            ms: how much audio of it there is.
            words: its word times as far as they are known, relative to the piece's own start.
            complete: False if `extend` will follow with more of its audio.
        """
        if self._pieces:
            self._pieces[-1].complete = True
        if isinstance(text, str):
            text = SpokenText.plain(text)
        self._pieces.append(_Piece(text, self.total_ms, ms, complete, list(words)))

    def extend(self, ms: float, words: Iterable[WordTime] = (), *, complete: bool = False) -> None:
        """The newest piece has `ms` more audio, and these words' times became known.

        `extend(0, complete=True)` says that its synthesis has ended. Without a piece, nothing
        happens.
        """
        if self._pieces:
            piece = self._pieces[-1]
            piece.ms += ms
            piece.words.extend(words)
            piece.complete = piece.complete or complete

    @property
    def total_ms(self) -> float:
        """How much audio there is so far."""
        return self._pieces[-1].offset + self._pieces[-1].ms if self._pieces else 0.0

    @property
    def full(self) -> str:
        """The whole text, as written."""
        return _joined([piece.text.written for piece in self._pieces])

    def heard(self, played_ms: float) -> str:
        """Return the beginning of the text that was heard when so much of the audio was played.

        It stands as written. Only a comma or the like behind its last word is left out if more
        words followed it.
        """
        if played_ms <= 0:
            return ""
        pace = self._pace()
        texts: list[str] = []
        for piece in self._pieces:
            ends, times = _schedule(piece, pace)
            if piece.complete and played_ms >= piece.offset + piece.ms - _FRAME_MS:
                texts.append(piece.text.written)
                continue
            count = bisect_right(times, played_ms - piece.offset)
            if count:
                end = piece.text.written_end(ends[count - 1])
                texts.append(piece.text.written[:end].rstrip())
            if count < len(ends):
                break
        heard = _joined(texts)
        return heard if heard == self.full else heard.rstrip().rstrip(_LOOSE_ENDS).rstrip()

    def _pace(self) -> float:
        """Milliseconds per letter in the pieces whose length is known."""
        done = [piece for piece in self._pieces if piece.complete and piece.ms > 0]
        weight = sum(
            _weight(token[0]) for piece in done for token in _token().finditer(piece.text.spoken)
        )
        return sum(piece.ms for piece in done) / weight if weight else _PACE


@cache
def _token() -> "re.Pattern[str]":
    """Return what finds one spoken unit with its punctuation. Made at need: it takes 5 ms.

    A unit is a word, or one sign of the scripts that are written without spaces.
    """
    return re.compile(rf"[^\s{_WIDE}]*[{_WIDE}][^\s\w]*|[^\s{_WIDE}]+")


def _schedule(piece: _Piece, pace: float) -> tuple[list[int], list[float]]:
    """Return where each word of a piece ends in its text, and when it counts as heard (ms)."""
    tokens = list(_token().finditer(piece.text.spoken))
    weights = [_weight(token[0]) for token in tokens]
    exact = _known_ends([token[0] for token in tokens], piece)
    known = dict(exact)
    last = len(tokens) - 1
    if piece.complete:
        known.setdefault(last, piece.ms)
    elif last not in known:
        after = max(known, default=-1)
        rest = known.get(after, 0.0) + sum(weights[after + 1 :]) * pace
        known[last] = max(rest, piece.ms)

    times: list[float] = []
    begin = 0.0
    for index in range(len(tokens)):
        anchor = next(later for later in sorted(known) if later >= index)
        share = weights[index] / sum(weights[index : anchor + 1])
        end = begin + max(known[anchor] - begin, 0.0) * share
        slack = _TAIL_MS if index in exact else _FRAME_MS
        times.append(end - min(slack, (end - begin) / 2))
        begin = end
    return [token.end() for token in tokens], times


def _known_ends(tokens: list[str], piece: _Piece) -> dict[int, float]:
    """Lay the synthesiser's words beside those of the text; return the end of each found one."""
    limit = piece.ms if piece.complete else float("inf")
    if len(piece.words) == len(tokens):
        return {index: min(word.end_ms, limit) for index, word in enumerate(piece.words)}
    plain = [_plain(token) for token in tokens]
    known: dict[int, float] = {}
    cursor = 0
    for word in piece.words:
        # Engines may speak "5 km" as three words, or leave out a dash: look a little ahead.
        for index in range(cursor, min(cursor + 4, len(plain))):
            if plain[index] and plain[index] == _plain(word.word):
                known[index] = min(word.end_ms, limit)
                cursor = index + 1
                break
    return known


def _plain(word: str) -> str:
    return "".join(sign for sign in word.casefold() if sign.isalnum())


def _weight(token: str) -> float:
    """Return how long a word takes to say, with the pause behind it, in letters."""
    weight = float(_GAP)
    for sign in token:
        if sign.isdigit():
            weight += _DIGIT
        elif sign.isalpha():
            weight += 1 if ord(sign) < _FIRST_WIDE else _SIGN
    if token[-1] in _LOOSE_ENDS:
        weight += _AT_CLAUSE
    elif not token[-1].isalnum():
        weight += _AT_STOP
    return weight


def _joined(texts: list[str]) -> str:
    """Join pieces as one writes them: a space between, except in scripts that have none."""
    joined = ""
    for text in filter(None, texts):
        together = not joined or min(ord(joined[-1]), ord(text[0])) >= _FIRST_WIDE
        joined += text if together else f" {text}"
    return joined

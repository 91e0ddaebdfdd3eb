"""Times of day, in English."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.heard import Heard, ambiguous, invalid, nothing
from hookflash.tasks.spoken.lexicon import Phrases
from hookflash.tasks.spoken.numbers import number_at
from hookflash.tasks.spoken.tokens import Token, tokens

__all__ = ["hear_time"]

_HALVES = Phrases(
    {
        "am": "am", "a m": "am", "a . m": "am", "pm": "pm", "p m": "pm", "p . m": "pm",
        "in the morning": "am", "in the afternoon": "pm", "in the evening": "pm",
        "at night": "night", "this morning": "am", "this afternoon": "pm", "this evening": "pm",
        "tonight": "pm", "o'clock": "", "hours": "24", "hundred hours": "24",
    }
)  # fmt: skip
_NAMED = {"noon": time(12), "midday": time(12), "midnight": time(0)}
_AFTER = frozenset({"past", "after"})
_BEFORE = frozenset({"to", "till", "til", "before", "of"})
_PARTS = {"half": "30", "quarter": "15"}


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said of a time: numbers and the words between them, and the half of the day."""

    pieces: tuple[str, ...]
    half: str


def hear_time(text: str) -> Heard[time]:
    """Hear a time of day: "half past three in the afternoon", "7:45 pm", "fifteen hundred".

    From one to twelve without a half of the day there are two: ambiguous, the earlier first.
    """
    found: tuple[int, int, bool] | time | None = None
    half = ""
    for part in _parts(tokens(text)):
        said = _said(part)
        half = said.half or half
        named = [_NAMED[word] for word in said.pieces if word in _NAMED]
        clock = _clock(said.pieces)
        if named or clock:
            found = named[0] if named else clock
    if found is None:
        return nothing("No time was heard. Ask for it.", text)
    if isinstance(found, time):
        return Heard(value=found, used=text)
    hour, minute, certain = found
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        return invalid("There is no such time. Ask for it again.", text)
    return _day_half(hour, minute, half, text, certain=certain or half == "24")


def _day_half(hour: int, minute: int, half: str, text: str, *, certain: bool) -> Heard[time]:
    if half == "night":
        half = "am" if hour == 12 or hour < 5 else "pm"
    if half == "pm" and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    elif half not in {"am", "pm"} and 1 <= hour <= 12 and not certain:
        early = time(hour % 12, minute)
        return ambiguous(
            "It is not clear whether this is in the morning or in the afternoon. Ask.",
            text,
            (early, time(hour % 12 + 12, minute)),
        )
    return Heard(value=time(hour % 24, minute), used=text)


def _parts(items: Sequence[Token]) -> list[list[Token]]:
    """Split at corrections."""
    words = [item.text for item in items]
    parts: list[list[Token]] = []
    start = 0
    for begin, end, _ in ENGLISH.corrections.within(words):
        parts.append(list(items[start:begin]))
        start = end
    return [*parts, list(items[start:])]


def _said(items: Sequence[Token]) -> _Said:
    words = [item.text for item in items]
    pieces: list[str] = []
    half = ""
    place = 0
    while place < len(items):
        if hit := _HALVES.at(words, place):
            place += hit[0]
            half = hit[1] or half
        elif number := number_at(items, place, ENGLISH):
            pieces.append(number[0])
            place = number[1]
        else:
            word = "0" if words[place] in ENGLISH.zero_or_o else words[place]
            pieces.append(_PARTS.get(word, word))
            place += 1
    kept = [
        piece
        for piece in pieces
        if piece[0].isdigit() or piece in _NAMED or piece in _AFTER | _BEFORE
    ]
    return _Said(tuple(kept), half)


def _clock(pieces: Sequence[str]) -> tuple[int, int, bool] | None:
    """Return hour, minute, and whether the hour is one of 24."""
    for place, word in enumerate(pieces):
        if word in _AFTER | _BEFORE and 0 < place < len(pieces) - 1:
            minute, hour = pieces[place - 1], pieces[place + 1]
            if minute.isdecimal() and hour.isdecimal() and 0 < int(minute) < 60 and len(hour) < 3:
                if word in _AFTER:
                    return int(hour), int(minute), int(hour) > 12
                before = (int(hour) - 1) % 24 or 12
                return before, 60 - int(minute), int(hour) > 13
    figures = [piece for piece in pieces if piece.isdecimal()]
    match figures:
        case ["0", "0", minute, *_] if len(minute) <= 2:
            return 0, int(minute), True
        case ["0", hour, *minutes] if len(hour) == 1 and len(minutes) < 3:
            return int(hour), _minute(minutes), True
        case ["0", hundreds] if len(hundreds) == 3:
            return int(hundreds[0]), int(hundreds[1:]), True
        case [hour] if 3 <= len(hour) <= 4:
            return int(hour[:-2]), int(hour[-2:]), hour[0] == "0" or hour.endswith("00")
        case [hour, *minutes] if len(hour) <= 2 and len(minutes) <= 2:
            return int(hour), _minute(minutes), hour[0] == "0"
        case _:
            return None


def _minute(figures: Sequence[str]) -> int:
    """Read "thirty", "oh five", "five" and nothing."""
    return int("".join(figures)[:3] or "0")

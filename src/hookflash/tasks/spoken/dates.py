"""Dates."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

from hookflash.errors import UsageError
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.heard import Heard, ambiguous, incomplete, invalid, nothing
from hookflash.tasks.spoken.lexicon import Lexicon
from hookflash.tasks.spoken.units import Kind, Unit, read, said, segments

__all__ = ["OLDEST", "DateKind", "hear_date"]

DateKind: TypeAlias = Literal["birth", "past", "future", "any"]

OLDEST = 120
"""Years that somebody may have lived. The oldest age that is documented is 122."""

# The order of figures in dates, by country; day, month, year elsewhere. From the short date
# patterns of the Unicode CLDR; in Canada and the Philippines two orders are common.
_MONTH_FIRST = frozenset({"US", "FM", "MH", "PW", "GU", "PR"})
_YEAR_FIRST = frozenset({"CN", "HU", "JP", "KR", "LT", "MN", "TW"})
_UNCLEAR = frozenset({"CA", "PH", ""})
_FUTURE_WINDOW = 20
_RELATIVE = {"today": 0, "tomorrow": 1, "yesterday": -1, "tonight": 0}
_MOST_GROUPS = 10


@dataclass(frozen=True, slots=True)
class _Slots:
    """What was said of a date; 0 for what was not.

    Attributes:
        sure: 2 if the year was said in full, 1 if two figures of it.
    """

    day: int = 0
    month: int = 0
    year: int = 0
    sure: int = 2

    def over(self, other: "_Slots") -> "_Slots":
        """Correct another by what was said in this one."""
        sure = self.sure if self.year else other.sure
        return _Slots(
            self.day or other.day, self.month or other.month, self.year or other.year, sure
        )

    @property
    def count(self) -> int:
        return bool(self.day) + bool(self.month) + bool(self.year)


def hear_date(
    text: str,
    *,
    today: date,
    kind: DateKind = "any",
    region: str | None = None,
    lexicon: Lexicon = ENGLISH,
) -> Heard[date]:
    """Hear a date: in words, in figures, relative to today.

    Years of two figures are the latest that is not in the future for "birth" and "past", and up
    to 20 years ahead otherwise. A year that is left out is the next or the last for "future"
    and "past", and is asked for otherwise.

    Args:
        text: what was said.
        today: the day of the call, where the caller is.
        kind: "birth" is not in the future, and not longer ago than people live (`OLDEST`).
        region: ISO 3166 code of the country whose order of figures holds for "3 4 84"; None if
            it is unknown, and then such a date is ambiguous.
        lexicon: the language.

    Raises:
        UsageError: there is no such kind.
    """
    if kind not in {"birth", "past", "future", "any"}:
        msg = f"kind must be 'birth', 'past', 'future' or 'any', not {kind!r}"
        raise UsageError(msg)
    years = _Years(today, kind)
    parts = segments(read(text, lexicon, numeric=True))
    used = "; ".join(said(part.units) for part in parts)
    relative = None if kind == "birth" else _relative(parts[-1].units if parts else (), years)
    options: list[_Slots] = []
    for part in parts:
        found = list(_read(part.units, region, years, lexicon))
        if found:
            merged = [new.over(old) for new in found for old in options] or found
            options = list(dict.fromkeys(merged))[:64]
    if not options:
        if relative:
            return Heard(value=relative, used=used)
        return nothing("No date was heard. Ask for it.", used)
    return _verdict(options, years, used)


def _verdict(options: Sequence[_Slots], years: "_Years", used: str) -> Heard[date]:
    whole = [years.completed(slots) for slots in options]
    whole = [slots for slots in whole if slots.count == 3]
    if not whole:
        best = max(options, key=lambda slots: slots.count)
        missing = [
            name
            for name, value in (("day", best.day), ("month", best.month), ("year", best.year))
            if not value
        ]
        verb = "is" if len(missing) == 1 else "are"
        return incomplete(f"The {' and the '.join(missing)} {verb} missing. Ask for that.", used)
    dates = [(slots.sure, day) for slots in whole if (day := _calendar(slots))]
    if not dates:
        return invalid("There is no such day. Ask for the date again.", used)
    allowed = [(sure, day) for sure, day in dates if years.problem(day) is None]
    if not allowed:
        return invalid(years.problem(dates[0][1]) or "", used)
    surest = max(sure for sure, _ in allowed)
    days = tuple(dict.fromkeys(day for sure, day in allowed if sure == surest))
    if len(days) == 1:
        return Heard(value=days[0], used=used)
    return ambiguous(
        "The date can be understood in several ways. Ask for the month by its name.", used, days
    )


def _calendar(slots: _Slots) -> date | None:
    try:
        return date(slots.year, slots.month, slots.day)
    except ValueError:
        return None


class _Years:
    """What years are meant, seen from a day."""

    def __init__(self, today: date, kind: DateKind) -> None:
        self.today = today
        self.kind = kind

    def of_two_figures(self, figures: int) -> int:
        ahead = 0 if self.kind in {"birth", "past"} else _FUTURE_WINDOW
        year = self.today.year // 100 * 100 + figures
        return year - 100 if year > self.today.year + ahead else year

    def completed(self, slots: _Slots) -> _Slots:
        """Add the year that goes without saying."""
        if slots.year or not (slots.day and slots.month) or self.kind not in {"past", "future"}:
            return slots
        years = range(self.today.year, self.today.year + (9 if self.kind == "future" else -9),
                      1 if self.kind == "future" else -1)  # fmt: skip
        for year in years:
            day = _calendar(_Slots(slots.day, slots.month, year))
            if day and self.problem(day) is None:
                return _Slots(slots.day, slots.month, year)
        return _Slots(slots.day, slots.month, self.today.year)

    def problem(self, day: date) -> str | None:
        """Return what is wrong with a date."""
        if self.kind in {"birth", "past"} and day > self.today:
            return "That date is in the future. Ask for the date again, with the year."
        if self.kind == "birth" and day.year < self.today.year - OLDEST:
            return "That is too long ago. Ask for the date again, with the year."
        if self.kind == "future" and day < self.today:
            return "That date is in the past. Ask for another."
        return None


def _relative(units: Sequence[Unit], years: _Years) -> date | None:
    """Read "tomorrow" and "next Friday"."""
    words = [unit.text for unit in units]
    for place, word in enumerate(words):
        if word in _RELATIVE:
            later = words[max(0, place - 2) : place] == ["day", "after"]
            days = _RELATIVE[word] + later
            return years.today + timedelta(days=days)
        if word in ENGLISH.weekdays:
            ahead = (ENGLISH.weekdays[word] - years.today.weekday() - 1) % 7 + 1
            return years.today + timedelta(days=ahead - 7 if years.kind == "past" else ahead)
    return None


def _read(
    units: Sequence[Unit], region: str | None, years: _Years, lexicon: Lexicon
) -> Iterator[_Slots]:
    """Read what may have been said of a date."""
    months: list[tuple[int, int]] = []
    ordinals: list[tuple[int, int]] = []
    groups: list[tuple[int, str, bool]] = []
    for place, unit in enumerate(unit for unit in units if unit.kind is not Kind.SIGN):
        if unit.kind is Kind.FIGURES:
            groups.append((place, unit.text, bool(unit.pause)))
        elif unit.text in lexicon.months and unit.kind is Kind.WORD:
            months.append((place, lexicon.months[unit.text]))
        elif unit.kind is Kind.WORD and (value := _ordinal(unit, lexicon)):
            tens = groups[-1] if groups and groups[-1][0] == place - 1 else None
            if tens and value < 10 and tens[1] in {"20", "30"} and not unit.pause:
                groups.pop()
                value += int(tens[1])
            ordinals.append((place, value))
    if len(groups) > _MOST_GROUPS or len(months) > 1:
        return
    if months:
        yield from _with_month(months[0], ordinals, groups, years)
    elif len(ordinals) == 2:
        # "The third of the fourth": the day comes first.
        for year, sure in _year_or_none([group[1:] for group in groups], years):
            yield _Slots(ordinals[0][1], ordinals[1][1], year, sure)
    elif len(ordinals) == 1:
        for year, sure in _year_or_none([group[1:] for group in groups], years):
            yield _Slots(ordinals[0][1], 0, year, sure)
    elif groups:
        yield from _in_figures([group[1:] for group in groups], region, years)


def _ordinal(unit: Unit, lexicon: Lexicon) -> int:
    if unit.text in lexicon.ordinals:
        return lexicon.ordinals[unit.text]
    if unit.text[0] in "0123456789" and unit.text[-2:] in {"st", "nd", "rd", "th"}:
        return int(unit.text[:-2][:3])
    return 0


_Groups: TypeAlias = Sequence[tuple[str, bool]]
"""Figures, and whether there was a pause before them."""


def _with_month(
    month: tuple[int, int],
    ordinals: Sequence[tuple[int, int]],
    groups: Sequence[tuple[int, str, bool]],
    years: _Years,
) -> Iterator[_Slots]:
    place, value = month
    before = [group[1:] for group in groups if group[0] < place]
    after = [group[1:] for group in groups if group[0] > place]
    if len(ordinals) > 1:
        return
    if ordinals:
        for year, sure in _year_or_none([*before, *after], years):
            yield _Slots(ordinals[0][1], value, year, sure)
        return
    if before and (day := _small(before)):
        for year, sure in _year_or_none(after, years):
            yield _Slots(day, value, year, sure)
        return
    if after and (day := _small(after)):
        for year, sure in _year(before, years):
            yield _Slots(day, value, year, sure)
    if before and not after:
        after = before
    whole = list(_year(after, years))
    if whole and (len(after) > 1 or len(after[0][0]) > 2 or int(after[0][0]) > 31):
        # "March nineteen eighty-four" has no day.
        for year, sure in whole:
            yield _Slots(0, value, year, sure)
        return
    for cut in (1, 2):
        if len(after) >= cut and (day := _small(after[:cut])):
            for year, sure in _year_or_none(after[cut:], years):
                yield _Slots(day, value, year, sure)
    if not after:
        yield _Slots(0, value)


def _in_figures(groups: _Groups, region: str | None, years: _Years) -> Iterator[_Slots]:
    """Read "3 4 84" in the order of a country, in all orders if that is unclear."""
    figures = "".join(text for text, _ in groups)
    if len(groups) == 1 or all(len(text) == 1 for text, _ in groups):
        cuts = {8: ((2, 2, 4), (4, 2, 2)), 6: ((2, 2, 2),)}.get(len(figures), ())
        pieces = [_cut(figures, sizes) for sizes in cuts]
    else:
        pieces = []
    pieces += [
        (groups[:one], groups[one:two], groups[two:])
        for one in range(1, len(groups) - 1)
        for two in range(one + 1, len(groups))
    ]
    found = [(order, slots) for piece in pieces for order, slots in _ordered(piece, years)]
    wanted = _orders(region)
    preferred = [slots for order, slots in found if order in wanted or order == "ymd"]
    usable = [slots for slots in preferred if _calendar(slots)]
    others = [slots for _, slots in found if _calendar(slots)]
    complete = usable or others or preferred or [slots for _, slots in found]
    if complete:
        yield from complete
        return
    for year, sure in _year(groups, years):
        if sure == 2 or year % 100 > 31:
            yield _Slots(0, 0, year, sure)
    if day := _small(groups):
        yield _Slots(day)


def _orders(region: str | None) -> tuple[str, ...]:
    code = (region or "").upper()
    if code in _UNCLEAR:
        return ("mdy", "dmy")
    if code in _YEAR_FIRST:
        return ("ymd",)
    return ("mdy",) if code in _MONTH_FIRST else ("dmy",)


def _cut(figures: str, sizes: Iterable[int]) -> tuple[_Groups, _Groups, _Groups]:
    texts: list[_Groups] = []
    for size in sizes:
        texts.append([(figures[:size], False)])
        figures = figures[size:]
    first, second, third = texts
    return first, second, third


def _ordered(
    piece: tuple[_Groups, _Groups, _Groups], years: _Years
) -> Iterator[tuple[str, _Slots]]:
    first, second, third = piece
    one, two, three = _small(first), _small(second), _small(third)
    for year, sure in _year(third, years):
        if one and two:
            yield "mdy", _Slots(two, one, year, sure)
            yield "dmy", _Slots(one, two, year, sure)
    if two and three:
        for year, sure in _year(first, years):
            if sure == 2:
                yield "ymd", _Slots(three, two, year, sure)


def _small(groups: _Groups) -> int:
    """Read a day or a month: "12", "oh four"; 0 if it is none."""
    texts = [text for text, _ in groups]
    if len(texts) == 1 and len(texts[0]) <= 2:
        return int(texts[0]) if int(texts[0]) <= 31 else 0
    if len(texts) == 2 and texts[0] == "0" and len(texts[1]) == 1:
        return int(texts[1])
    return 0


def _year_or_none(groups: _Groups, years: _Years) -> list[tuple[int, int]]:
    return list(_year(groups, years)) if groups else [(0, 2)]


def _year(groups: _Groups, years: _Years) -> Iterator[tuple[int, int]]:
    """Read a year: itself, and how sure it is (see `_Slots`)."""
    texts = [text for text, _ in groups]
    if any(pause for _, pause in groups[1:]):
        return
    match texts:
        case [year] if len(year) == 4:
            yield int(year), 2
        case [year] if len(year) == 2:
            yield years.of_two_figures(int(year)), 1
        case [century, year] if century in {"18", "19", "20"} and len(year) == 2:
            yield int(century + year), 2
        case [century, "0", year] if century in {"18", "19", "20"} and len(year) == 1:
            yield int(century + "0" + year), 2
        case [one, two] if len(one) == len(two) == 1:
            yield years.of_two_figures(int(one + two)), 1
        case [_, _, _, _] if all(len(text) == 1 for text in texts) and texts[0] in "12":
            yield int("".join(texts)), 2
        case _:
            return

"""English: dates, times of day, years, decades, ordinals."""

from datetime import date

from hookflash.pipeline.wording.english_numbers import PLURAL, cardinal, ordinal, whole, year
from hookflash.pipeline.wording.rules import Match, Rule, RuleSet, rule, rule_set

__all__ = ["date_rules", "day_rules", "time_rules"]

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = (
    r"(?P<month>January|February|March|April|May|June|July|August|September|October|November|"
    r"December|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
)
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_DAY = (
    r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?)"
)
_NTH = r"(?:st|nd|rd|th)"
_DASH = r"\s?[-\u2013\u2014]\s?"
_ON = r"(?:on|by|until|till|from|since|before|after|due|dated|is|was|for|through|to|and|between)"
_CLOCK = r"(?P<hour>[01]?[0-9]|2[0-4])(?::(?P<minute>[0-5][0-9]))?"
_HALF = r"\s?(?P<half>[AaPp])(?:\.\s?[Mm]\.|\.?[Mm]\b\.?)"


def date_rules(date_order: str) -> list[RuleSet]:
    """Return the rules for days, the first first.

    Args:
        date_order: `mdy` or `dmy`, for dates in figures that could be either.
    """
    return [
        rule_set(r"[0-9][-/.][0-9]", _figure_rules(date_order == "mdy"), figures=True),
        rule_set(r"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec", _month_rules(), figures=True),
        rule_set(r"[0-9]/[0-9]", _short_rules(date_order == "mdy"), figures=True),
    ]


def _figure_rules(mdy: bool) -> list[Rule]:
    def in_figures(found: Match) -> str | None:
        first, second = int(found["first"]), int(found["second"])
        month, day = (first, second) if mdy else (second, first)
        if month > 12 >= day:
            month, day = day, month
        return _spoken_date(_full_year(found["year"]), month, day)

    return [
        rule(
            r"(?<![\w-])(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
            r"(?:(?:T| (?=[0-9:]{5,8}(?:Z|[+-][0-9]{2}|(?![\w:-]))))(?P<hour>[0-2][0-9]):"
            r"(?P<minute>[0-5][0-9])(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
            r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?(?![\w-])",
            _iso,
        ),
        rule(
            r"(?<![\w/])(?P<year>[12][0-9]{3})/(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})(?![\w/])",
            lambda found: _spoken_date(int(found["year"]), int(found["month"]), int(found["day"])),
        ),
        rule(
            r"(?<![\w/.-])(?P<first>[0-9]{1,2})(?:/(?P<second>[0-9]{1,2})/(?P<year>[0-9]{4}|[0-9]{2})"
            r")(?![\w/])",
            in_figures,
        ),
        rule(
            r"(?<![\w/.-])(?P<first>[0-9]{1,2})(?P<mark>[.-])(?P<second>[0-9]{1,2})(?P=mark)"
            r"(?P<year>[12][0-9]{3})(?![\w/-])",
            lambda found: (
                _spoken_date(int(found["year"]), int(found["second"]), int(found["first"]))
                if found["mark"] == "."
                else in_figures(found)
            ),
        ),
    ]


def _month_rules() -> list[Rule]:
    return [
        # "March 3", "Mar. 3rd-5th, 2026".
        rule(
            rf"(?:(?P<weekday>{_DAY}),?\s)?\b{_MONTH}\s(?P<day>[0-3]?[0-9]){_NTH}?"
            rf"(?:{_DASH}(?P<last>[0-3]?[0-9]){_NTH}?(?![\w:]))?(?:,?\s(?P<year>[12][0-9]{{3}})"
            rf"(?![\w:-]|[.,][0-9]))?(?![0-9:]|[.,][0-9]|\s?[apAP]\.?[mM]\b|%|{_NTH})",
            _month_first,
        ),
        # "3 March", "the 3rd of March 2026".
        rule(
            rf"(?:(?P<weekday>{_DAY}),?\s)?(?P<the>\b[Tt]he\s)?(?<![\w.,:/-])"
            rf"(?P<day>[0-3]?[0-9]){_NTH}?(?:{_DASH}(?P<last>[0-3]?[0-9]){_NTH}?)?(?:\s[Oo]f)?\s"
            rf"{_MONTH}(?!\w)(?:,?\s(?P<year>[12][0-9]{{3}})(?![\w:-]|[.,][0-9]))?",
            _day_first,
        ),
        rule(
            rf"\b{_MONTH},?\s(?P<year>[12][0-9]{{3}})(?![\w:-]|[.,][0-9])",
            lambda found: f"{_month(found['month'])} {year(int(found['year']))}",
        ),
        # "March 3 - April 5".
        rule(rf"(?<=[0-9]){_DASH}(?={_MONTH}\s[0-9])", " to "),
    ]


def _short_rules(mdy: bool) -> list[Rule]:
    def without_year(found: Match) -> str | None:
        first, second = int(found["first"]), int(found["second"])
        month, day = (first, second) if mdy else (second, first)
        if month > 12 >= day:
            month, day = day, month
        return _spoken_date(None, month, day)

    return [
        rule(
            rf"\b(?:{_ON}|{_DAY},?)\s(?P<x>(?P<first>[0-9]{{1,2}})/(?P<second>[0-9]{{1,2}}))(?![\w/]|"
            r"\s(?:of|cup|inch|mile|hour|tea|table|pound|full|price))",
            without_year,
        ),
        # The other numbers settle which of the two it is.
        rule(
            r"(?<![\w/.])(?:(?P<first>1[3-9]|2[0-9]|3[01])/(?P<second>0?[1-9]|1[0-2])|"
            r"(?P<month>0?[1-9]|1[0-2])/(?P<day>1[3-9]|2[0-9]|3[01]))(?![\w/]|\s(?:of|inch|cup))",
            lambda found: (
                _spoken_date(None, int(found["second"]), int(found["first"]))
                if found["first"]
                else _spoken_date(None, int(found["month"]), int(found["day"]))
            ),
        ),
    ]


def day_rules() -> list[Rule]:
    """Return the rules for days of the week, the first first."""
    return [
        rule(
            rf"(?P<x>\b{_DAY}{_DASH}{_DAY})(?!\w)",
            lambda found: " to ".join(_weekday(part.strip()) for part in _split_dash(found[0])),
        ),
        # An abbreviated day of the week, where no other word can be meant.
        rule(
            rf"\b(?P<x>(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?)(?=,?\s(?:[0-9]|at\s[0-9]|{_MONTH}\s"
            rf"[0-9])|\s?[/&]\s?{_DAY}|:\s?[0-9])",
            lambda found: _weekday(found["x"]),
        ),
        rule(
            r"(?<=[/&]\s)(?P<x>(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\b\.?)",
            lambda found: _weekday(found["x"]),
        ),
    ]


def time_rules() -> list[RuleSet]:
    """Return the rules for times of day, ordinals and years, the first first."""
    return [
        rule_set(
            r"[0-9] ?(?:[AaPp]\.?\s?[Mm]|:[0-9]|[-\u2013\u2014])", _clock_rules(), figures=True
        ),
        rule_set(r"[0-9](?:[0-9]|st|nd|rd|th|ST|ND|RD|TH)", _year_rules(), figures=True),
    ]


def _year_rules() -> list[Rule]:
    return [
        rule(
            r"(?<![\w.,/-])(?P<day>[0-9]{1,4}|[0-9]{1,3},[0-9]{3})(?:st|nd|rd|th|ST|ND|RD|TH)\b",
            lambda found: ordinal(whole(found["day"]) or 0),
        ),
        # Decades: "1990s", "the '80s".
        rule(
            r"(?<![\w.,/-])(?P<year>1[1-9][0-9]|20[0-9])0['\u2019]?s\b",
            lambda found: _decade(int(found["year"]) * 10),
        ),
        rule(
            r"(?:(?<![\w])['\u2018\u2019]|(?<=\b[Tt]he )|(?<=\b[Ll]ate )|(?<=\b[Ee]arly )|"
            r"(?<=\b[Mm]id ))"
            r"(?P<year>[2-9])0['\u2019]?s\b",
            lambda found: _decade(int(found["year"]) * 10),
        ),
        # Years, and what lies between two.
        rule(
            r"(?<![\w.,:/$-])(?P<first>1[1-9][0-9]{2}|20[0-9]{2})\s?[-\u2013\u2014]\s?"
            r"(?P<last>1[1-9][0-9]{2}|20[0-9]{2}|[0-9]{2})(?![\w:-]|[.,][0-9])",
            _years,
        ),
        rule(
            r"(?<![\w.,:/#$+-])(?P<x>(?:1[1-9]|20)[0-9]{2})(?![\w:/%+-]|[.,][0-9]|"
            rf"{PLURAL}|\s(?:people|feet|more|of)\b)(?:\s?(?P<era>BCE?|AD|CE)\b)?",
            lambda found: year(int(found["x"])) if _is_year(found) else None,
        ),
    ]


def _clock_rules() -> list[Rule]:
    return [
        # "Monday to Friday 9-5".
        rule(
            rf"\b(?:{_DAY}|[Oo]pen|[Hh]ours(?:\sare)?|[Dd]aily|[Ww]eekdays|[Ww]eekends|[Ff]rom)[,:]?\s"
            rf"(?P<x>(?P<hour>1[0-2]|[1-9]){_DASH}(?P<until>1[0-2]|[1-9]))(?![\w:/]|[.,-][0-9]|\s?[AaPp]\.?[Mm]\b)",
            lambda found: f"{cardinal(int(found['hour']))} to {cardinal(int(found['until']))}",
        ),
        # "9-5pm", "9:00 am - 5:30 pm".
        rule(
            rf"(?<![\w:.,/-]){_CLOCK}(?P<first>\s?[AaPp]\.?[Mm]\.?)?\s?(?:-|\u2013|\u2014)\s?"
            rf"(?=(?:[0-9]{{1,2}})(?::[0-9]{{2}})?{_HALF})",
            lambda found: f"{_clock(found['hour'], found['minute'], found['first'] or '?')} to ",
        ),
        rule(rf"(?<![\w:.,/]){_CLOCK}{_HALF}", _twelve_hours),
        rule(
            r"(?<![\w:.,/-])(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])\s?[-\u2013\u2014]\s?"
            r"(?P<to_hour>[01]?[0-9]|2[0-4]):(?P<to_minute>[0-5][0-9])(?![\w:])",
            lambda found: (
                f"{_clock(found['hour'], found['minute'], '')} to "
                f"{_clock(found['to_hour'], found['to_minute'], '')}"
            ),
        ),
        rule(
            r"(?<![\w:.,/-])(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])"
            r"(?::(?P<second>[0-5][0-9]))?(?![\w:])",
            _day_time,
        ),
        rule(
            r"(?<![\w:.,/-])(?P<a>[0-9]{1,2}):(?P<b>[0-9])(?![\w:.])",
            lambda found: f"{cardinal(int(found['a']))} to {cardinal(int(found['b']))}",
        ),
    ]


def _split_dash(text: str) -> list[str]:
    return text.replace("\u2013", "-").replace("\u2014", "-").split("-")


def _month(text: str) -> str:
    return next(name for name in _MONTHS if name.startswith(text[:3]))


def _weekday(text: str) -> str:
    return next(name for name in _DAYS if name.startswith(text[:3]))


def _full_year(text: str) -> int:
    # The century as POSIX strptime chooses it.
    value = int(text)
    return value if len(text) == 4 else value + (2000 if value < 69 else 1900)


def _spoken_date(year_: int | None, month: int, day: int) -> str | None:
    """Return "March third, twenty twenty-six"; None if there is no such day."""
    try:
        date(year_ or 2000, month, day)
    except ValueError:
        return None
    spoken = f"{_MONTHS[month - 1]} {ordinal(day)}"
    return spoken if year_ is None else f"{spoken}, {year(year_)}"


def _iso(found: Match) -> str | None:
    spoken = _spoken_date(int(found["year"]), int(found["month"]), int(found["day"]))
    if spoken is None or found["hour"] is None:
        return spoken
    zone = " U T C" if found["zone"] == "Z" else ""
    return f"{spoken}, at {_clock(found['hour'], found['minute'], '')}{zone}"


def _month_first(found: Match) -> str | None:
    day, last = int(found["day"]), int(found["last"] or 0)
    if not 1 <= day <= 31 or last > 31:
        return None
    spoken = f"{_month(found['month'])} {ordinal(day)}"
    if last:
        spoken += f" to {ordinal(last)}"
    if found["weekday"]:
        spoken = f"{_weekday(found['weekday'])}, {spoken}"
    return f"{spoken}, {year(int(found['year']))}" if found["year"] else spoken


def _day_first(found: Match) -> str | None:
    day, last = int(found["day"]), int(found["last"] or 0)
    if not 1 <= day <= 31 or last > 31:
        return None
    spoken = f"{found['the'] or 'the '}{ordinal(day)}"
    if last:
        spoken += f" to the {ordinal(last)}"
    spoken += f" of {_month(found['month'])}"
    if found["weekday"]:
        spoken = f"{_weekday(found['weekday'])}, {spoken}"
    return f"{spoken}, {year(int(found['year']))}" if found["year"] else spoken


def _clock(hour_text: str, minute_text: str | None, half: str) -> str:
    """Return a time in words.

    `half` is "am" or "pm" as written, "?" where the other end of a range says it, or empty: then
    hours past twelve, and those written with a leading zero, are those of a day of 24 hours.
    """
    hour, minute = int(hour_text), int(minute_text or 0)
    marks = {"a": " A M", "p": " P M"}
    said = marks.get(half.strip()[:1].lower(), "")
    if said and hour == 12 and not minute:
        return "noon" if said == " P M" else "midnight"
    if not half:
        if hour in {0, 24} and not minute:
            return "midnight"
        if hour > 12 or hour == 0:
            said = " P M" if 12 < hour < 24 else " A M"
        elif hour_text.startswith("0"):
            said = " A M"
    hour = hour % 12 or 12
    if minute:
        minutes = f"oh {cardinal(minute)}" if minute < 10 else cardinal(minute)
        return f"{cardinal(hour)} {minutes}{said}"
    return cardinal(hour) + (said or ("" if half else " o'clock"))


def _twelve_hours(found: Match) -> str | None:
    if not 1 <= int(found["hour"]) <= 12:
        return None
    spoken = _clock(found["hour"], found["minute"], found["half"])
    # The stop of "p.m." may be the sentence's, too.
    ends = found[0].endswith(".") and not found.string[found.end() : found.end() + 8].strip(
        " \"')\u201d"
    )
    return f"{spoken}." if ends else spoken


def _day_time(found: Match) -> str | None:
    spoken = _clock(found["hour"], found["minute"], "")
    if found["second"]:
        value = int(found["second"])
        spoken += f" and {cardinal(value)} second{'' if value == 1 else 's'}"
    return spoken


def _decade(value: int) -> str:
    spoken = year(value) if value > 100 else cardinal(value)
    return f"{spoken[:-1]}ies" if spoken.endswith("y") else f"{spoken}s"


def _years(found: Match) -> str | None:
    first, last = int(found["first"]), int(found["last"])
    if len(found["last"]) == 2:
        last += first - first % 100
    return f"{year(first)} to {year(last)}" if first < last < first + 200 else None


def _is_year(found: Match) -> bool:
    return bool(found["era"]) or 1900 <= int(found["x"]) < 2100 or _after_year_word(found)


def _after_year_word(found: Match) -> bool:
    before = found.string[max(0, found.start() - 10) : found.start()].lower().split()
    return bool(before) and before[-1] in {"in", "since", "year", "until", "circa", "early", "late"}

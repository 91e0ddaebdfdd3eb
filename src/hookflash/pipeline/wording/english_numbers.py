"""English numbers in words."""

__all__ = [
    "PLURAL",
    "cardinal",
    "digits",
    "grouped",
    "number",
    "ordinal",
    "room",
    "spelled",
    "whole",
    "year",
]

PLURAL = (
    r"\s(?!(?:is|was|has|as|this|its|us|plus|does|gets|leaves|starts|arrives|opens|closes|departs|"
    r"ends|works|expires|costs|means|needs|comes|always|yes|looks|goes|boards)\b)[a-z]{2,20}s\b"
)
"""Finds, behind a number, what is counted: a word that is a plural as far as one can see."""

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = [
    "zero",
    "ten",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
_SCALES = ("", "thousand", "million", "billion", "trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LONGEST = 15
"""Figures of a number that is said as one; longer ones are read figure by figure."""


def cardinal(value: int) -> str:
    """Return a whole number from 0 up to 999 trillion in words."""
    if value < 20:
        return _ONES[value]
    if value < 100:
        ten, one = divmod(value, 10)
        return f"{_TENS[ten]}-{_ONES[one]}" if one else _TENS[ten]
    if value < 1000:
        hundred, rest = divmod(value, 100)
        return f"{_ONES[hundred]} hundred" + (f" {cardinal(rest)}" if rest else "")
    parts: list[str] = []
    for scale in _SCALES:
        value, group = divmod(value, 1000)
        if group:
            parts.append(f"{cardinal(group)} {scale}".rstrip())
    return " ".join(reversed(parts))


def ordinal(value: int) -> str:
    """Return "twenty-first" for 21."""
    head, gap, last = cardinal(value).rpartition("-" if value % 100 > 20 and value % 10 else " ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = f"{last[:-1]}ieth"
    else:
        last += "th"
    return f"{head}{gap}{last}"


def year(value: int) -> str:
    """Return "nineteen eighty-four" for 1984, as years are read from 1100 to 2099."""
    century, rest = divmod(value, 100)
    if not 1100 <= value < 2100 or 2000 <= value < 2010 or value == 1000:
        return cardinal(value)
    if not rest:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {f'oh {_ONES[rest]}' if rest < 10 else cardinal(rest)}"


def room(value: int) -> str:
    """Return "two oh five" for 205, as the numbers of houses, rooms and flights are read."""
    hundreds, rest = divmod(value, 100)
    if not 100 < value < 10_000:
        return cardinal(value) if value < 1000 else digits(str(value))
    if not rest:
        return cardinal(value) if not hundreds % 10 else f"{cardinal(hundreds)} hundred"
    return f"{cardinal(hundreds)} {f'oh {_ONES[rest]}' if rest < 10 else cardinal(rest)}"


def digits(text: str) -> str:
    """Return the figures of a text one by one; everything else in it is passed over."""
    return " ".join(_ONES[int(sign)] for sign in text if sign in "0123456789")


def spelled(text: str) -> str:
    """Return letters and figures one by one, with a pause for what stands between them."""
    groups: list[list[str]] = [[]]
    for sign in text:
        if sign in "0123456789":
            groups[-1].append(_ONES[int(sign)])
        elif sign.isalpha():
            groups[-1].append(sign.upper())
        elif groups[-1]:
            groups.append([])
    return ", ".join(" ".join(group) for group in groups if group)


def grouped(text: str) -> str:
    """Return the figures of a long number one by one, in groups that one can write down."""
    figures = "".join(sign for sign in text if sign in "0123456789")
    size = len(figures)
    if size <= 6:
        sizes = [size] if size < 6 else [3, 3]
    elif size % 4 == 0:
        sizes = [4] * (size // 4)
    elif size % 3 == 2:
        sizes = [3] * (size // 3 - 1) + [3, 2]
    elif size % 3 == 1:
        sizes = [3] * (size // 3 - 1) + [4]
    else:
        sizes = [3] * (size // 3)
    groups: list[str] = []
    for each in sizes:
        groups.append(digits(figures[:each]))
        figures = figures[each:]
    return ", ".join(groups)


def whole(text: str) -> int | None:
    """Return the value of "1,234"; None if it is too long to be said as one number."""
    figures = text.replace(",", "").replace(" ", "")
    return int(figures) if figures and len(figures) <= _LONGEST else None


def number(text: str) -> str:
    """Return "one thousand two hundred point five" for "1,200.5"."""
    before, point, after = text.partition(".")
    value = whole(before or "0")
    words = digits(before) if value is None else cardinal(value)
    return f"{words} point {digits(after)}" if point else words

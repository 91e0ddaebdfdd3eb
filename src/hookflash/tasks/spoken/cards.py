"""Payment cards: number, expiry, security code. What is returned is secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from hookflash.errors import MissingExtra
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.figures import hear_digits, hear_figures
from hookflash.tasks.spoken.heard import Heard, ambiguous, incomplete, invalid, nothing
from hookflash.tasks.spoken.lexicon import Lexicon
from hookflash.tasks.spoken.units import Kind, Unit, read, segments

__all__ = [
    "Expiry",
    "Issuer",
    "hear_card_number",
    "hear_expiry",
    "hear_security_code",
    "issuer_of",
]


class Issuer(StrEnum):
    """Whose scheme a card belongs to."""

    VISA = "Visa"
    MASTERCARD = "Mastercard"
    AMEX = "American Express"
    DISCOVER = "Discover"
    DINERS = "Diners Club"
    JCB = "JCB"
    UNIONPAY = "UnionPay"
    MAESTRO = "Maestro"


# First figures, from and to, and lengths. From ISO/IEC 7812 and the schemes' own pages:
# Mastercard's 2-series since 2017, Discover with Diners, JCB and UnionPay as its network lists
# them. The first row that matches counts.
_RANGES: Sequence[tuple[Issuer, str, str, frozenset[int]]] = (
    (Issuer.AMEX, "34", "34", frozenset({15})),
    (Issuer.AMEX, "37", "37", frozenset({15})),
    (Issuer.DINERS, "300", "305", frozenset({14, 16})),
    (Issuer.DINERS, "3095", "3095", frozenset({14, 16})),
    (Issuer.DINERS, "36", "36", frozenset({14, 16})),
    (Issuer.DINERS, "38", "39", frozenset({14, 16})),
    (Issuer.JCB, "3528", "3589", frozenset({16, 17, 18, 19})),
    (Issuer.VISA, "4", "4", frozenset({13, 16, 19})),
    (Issuer.MASTERCARD, "51", "55", frozenset({16})),
    (Issuer.MASTERCARD, "2221", "2720", frozenset({16})),
    (Issuer.DISCOVER, "6011", "6011", frozenset({16, 17, 18, 19})),
    (Issuer.DISCOVER, "644", "649", frozenset({16, 17, 18, 19})),
    (Issuer.DISCOVER, "65", "65", frozenset({16, 17, 18, 19})),
    (Issuer.UNIONPAY, "62", "62", frozenset({16, 17, 18, 19})),
    (Issuer.MAESTRO, "50", "50", frozenset(range(12, 20))),
    (Issuer.MAESTRO, "56", "59", frozenset(range(12, 20))),
    (Issuer.MAESTRO, "60", "69", frozenset(range(12, 20))),
)
_LENGTHS = range(12, 20)
_LONGEST_AHEAD = 20
"""Years that a card is valid at most; issuers give 3 to 5, some 10."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """The last month in which a card is valid."""

    month: int
    year: int

    def __str__(self) -> str:
        """Return `MM/YY`, as it stands on the card."""
        return f"{self.month:02d}/{self.year % 100:02d}"


def issuer_of(number: str) -> Issuer | None:
    """Return the scheme of a card number, by its first figures; None if it is not known."""
    for issuer, low, high, _ in _RANGES:
        if low <= number[: len(low)] <= high and len(number) >= len(low):
            return issuer
    return None


def hear_card_number(text: str, *, lexicon: Lexicon = ENGLISH) -> Heard[str]:
    """Hear the number of a payment card.

    Returns:
        12 to 19 figures, of a length that the scheme has, with a check digit that is right
        (ISO/IEC 7812-1, Luhn).

    Raises:
        MissingExtra: `python-stdnum` is not installed.
    """
    found = hear_figures(text, _is_card, lexicon)
    if len(found.fitting) == 1:
        return Heard(value=found.fitting[0], used=found.used)
    if found.fitting:
        return ambiguous("It is not clear which digits are meant. Ask again.", found.used)
    count = len(found.longest)
    if not count:
        return nothing("No card number was heard. Ask for it.", found.used)
    if count < (min(_lengths(found.longest), default=12)):
        return incomplete("Digits are missing. Ask for the whole card number.", found.used)
    return invalid(
        "The card number is not right. Ask for it again, four digits at a time.", found.used
    )


def _lengths(number: str) -> frozenset[int]:
    for _, low, high, lengths in _RANGES:
        if low <= number[: len(low)] <= high:
            return lengths
    return frozenset(_LENGTHS)


def _is_card(figures: str) -> bool:
    try:
        from stdnum import luhn
    except ImportError as exc:
        raise MissingExtra("python-stdnum", "tasks") from exc
    if not figures.isdecimal() or len(figures) not in _lengths(figures):
        return False
    return luhn.is_valid(figures)


def hear_security_code(
    text: str, *, issuer: Issuer | None = None, lexicon: Lexicon = ENGLISH
) -> Heard[str]:
    """Hear the code that is printed on a card: 4 figures for American Express, 3 for others.

    Args:
        text: what was said.
        issuer: whose card; None accepts both lengths.
        lexicon: the language.
    """
    if issuer is None:
        return hear_digits(text, minimum=3, maximum=4, lexicon=lexicon)
    return hear_digits(text, length=4 if issuer is Issuer.AMEX else 3, lexicon=lexicon)


def hear_expiry(text: str, *, today: date, lexicon: Lexicon = ENGLISH) -> Heard[Expiry]:
    """Hear when a card expires: "oh four twenty seven", "April 2027", "4/27".

    Args:
        text: what was said.
        today: the day of the call; a card that has expired is invalid.
        lexicon: the language.
    """
    parts = [part.units for part in segments(read(text, lexicon, numeric=True))]
    found: set[Expiry] = set()
    for units in parts:
        found = set(_expiries(units, today, lexicon)) or found
    if not found:
        if any(unit.kind is Kind.FIGURES or unit.text in lexicon.months
               for units in parts for unit in units):  # fmt: skip
            return incomplete("Month or year is missing. Ask for both.", text)
        return nothing("No expiry date was heard. Ask for month and year.", text)
    real = {each for each in found if 1 <= each.month <= 12}
    if not real:
        return invalid("There is no such month. Ask for the expiry date again.", text)
    valid = {each for each in real if (each.year, each.month) >= (today.year, today.month)}
    if not valid:
        return invalid("The card has expired. Ask whether the date is right.", text)
    near = {each for each in valid if each.year <= today.year + _LONGEST_AHEAD}
    if not near:
        return invalid("No card is valid for so long. Ask for the expiry date again.", text)
    if len(near) > 1:
        ways = tuple(sorted(near, key=str))
        return ambiguous("Month and year are not clear. Ask for the month's name.", text, ways)
    return Heard(value=near.pop(), used=text)


def _expiries(units: Sequence[Unit], today: date, lexicon: Lexicon) -> list[Expiry]:
    months = [lexicon.months[unit.text] for unit in units if unit.text in lexicon.months]
    groups = [unit.text for unit in units if unit.kind is Kind.FIGURES]
    figures = "".join(groups)
    if months:
        return [Expiry(months[-1], year) for year in _expiry_years(figures, today)]
    cuts: list[tuple[str, str]] = []
    match groups:
        case [month, year] if len(month) <= 2 and len(year) in {2, 4}:
            cuts = [(month, year)]
        case ["0", month, *year] if len(month) == 1:
            cuts = [(month, "".join(year))]
        case _ if len(figures) in {4, 6}:
            cuts = [(figures[:2], figures[2:])]
        case _ if len(figures) in {3, 5}:
            cuts = [(figures[:1], figures[1:])]
        case _:
            pass
    return [
        Expiry(int(month), number) for month, year in cuts for number in _expiry_years(year, today)
    ]


def _expiry_years(figures: str, today: date) -> list[int]:
    if len(figures) == 2:
        return [today.year // 100 * 100 + int(figures)]
    return [int(figures)] if len(figures) == 4 and figures.startswith("20") else []

"""How a value is read back to the caller."""

from collections.abc import Callable, Iterable
from datetime import date, time
from enum import StrEnum
from itertools import groupby
from typing import TypeAlias

from hookflash.errors import MissingExtra, UsageError
from hookflash.pipeline.wording.english_numbers import cardinal, digits, grouped, ordinal, year
from hookflash.tasks.spoken.addresses import Address
from hookflash.tasks.spoken.cards import Expiry
from hookflash.tasks.spoken.emails import PROVIDERS, hear_email
from hookflash.tasks.spoken.english import ENGLISH, NATO
from hookflash.tasks.spoken.names import PersonName
from hookflash.tasks.spoken.phones import PhoneNumber
from hookflash.tasks.spoken.places import REGIONS
from hookflash.tasks.spoken.units import Kind, read

__all__ = ["Reading", "SpokenValue", "ValueKind", "spell_out"]

SpokenValue: TypeAlias = str | date | time | PhoneNumber | PersonName | Address | Expiry
"""What the normalisers return."""


class ValueKind(StrEnum):
    """What a value is."""

    EMAIL = "email"
    PHONE = "phone"
    DIGITS = "digits"
    DATE = "date"
    TIME = "time"
    NAME = "name"
    ADDRESS = "address"
    CARD = "card"
    EXPIRY = "expiry"
    CODE = "code"


class Reading(StrEnum):
    """How a value is read back; each is slower and surer than the one before."""

    WHOLE = "whole"
    """As people say it: "jane dot doe at gmail dot com"."""
    PARTS = "parts"
    """The same with a pause between the parts."""
    SPELLED = "spelled"
    """Sign by sign, letters by the spelling alphabet."""
    WRITTEN = "written"
    """Sign by sign, for a model that says it: "j a n e @ g m a i l . c o m"."""


_MONTHS = [name.capitalize() for name in ENGLISH.months if len(name) > 3 or name == "may"]
_SIGNS = {"@": "at", ".": "dot", "_": "underscore", "-": "dash", "+": "plus", "'": "apostrophe",
          "&": "ampersand"}  # fmt: skip
_ENDINGS = frozenset({"com", "org", "net", "co", "info", "biz", "me", "dev", "app", "online"})


def spell_out(value: SpokenValue, kind: ValueKind | str, way: Reading | str = Reading.WHOLE) -> str:
    """Put a value into words for the synthesiser, in English.

    What is said can be heard: `hear_*` of it gives the value again, except for an address that
    is spelled. What is `WRITTEN` is not meant to be heard.

    Args:
        value: what a normaliser returned, or the same as text.
        kind: what it is.
        way: how to say it.

    Raises:
        UsageError: there is no such kind or way, or the value is of another kind.
    """
    if kind not in set(ValueKind) or way not in set(Reading):
        msg = (
            f"kind must be one of {', '.join(ValueKind)}, and way one of {', '.join(Reading)}, "
            f"not {str(kind)!r} and {str(way)!r}"
        )
        raise UsageError(msg)
    reading = Reading(way)
    match value, ValueKind(kind):
        case str(), ValueKind.EMAIL:
            return _email(value, reading)
        case PhoneNumber(), ValueKind.PHONE:
            return _phone(value, reading)
        case str(), ValueKind.PHONE:
            return _phone(PhoneNumber(value), reading)
        case str(), ValueKind.DIGITS | ValueKind.CODE:
            return _figures(grouped(value), value, reading)
        case str(), ValueKind.CARD:
            return _figures(_card_groups(value), value, reading)
        case Expiry(), ValueKind.EXPIRY:
            return _expiry(value, reading)
        case date(), ValueKind.DATE:
            return _date(value, reading)
        case time(), ValueKind.TIME:
            return _time(value)
        case PersonName(), ValueKind.NAME:
            return _name(value, reading)
        case Address() as address, ValueKind.ADDRESS:
            return _address(address, reading)
        case _:
            msg = f"a value of the kind {str(kind)!r} cannot be a {type(value).__name__}"
            raise UsageError(msg)


def _email(value: str, way: Reading) -> str:
    local, _, domain = value.lower().partition("@")
    if way is Reading.WRITTEN:
        return " ".join(value)
    if way is not Reading.SPELLED:
        gap = ", " if way is Reading.PARTS else " "
        whole = f"{_said(local)}{gap}at {_domain(domain, _word)}"
        # Some words would be heard as something else here; they are spelled.
        if hear_email(whole).value == value.lower():
            return whole
    return f"{_nato(local)}, at, {_domain(domain, _nato)}"


def _domain(text: str, say: Callable[[str], str]) -> str:
    labels = text.split(".")
    return " dot ".join(
        label
        if (label in PROVIDERS and place == 0) or (label in _ENDINGS and place)
        else _letters(label)
        if place and place == len(labels) - 1 and len(label) < 4
        else _said(label, say)
        for place, label in enumerate(labels)
    )


def _said(text: str, say: Callable[[str], str] | None = None) -> str:
    """Say words as words, figures one by one, signs by name."""
    pieces: list[str] = []
    for kind, signs in groupby(text, key=_sort):
        piece = "".join(signs)
        if kind == "figure":
            pieces.append(digits(piece))
        elif kind == "letter":
            pieces.append((say or _word)(piece))
        else:
            pieces += [_SIGNS.get(sign, sign) for sign in piece]
    return " ".join(pieces)


def _sort(sign: str) -> str:
    return "letter" if sign.isalpha() else "figure" if sign in "0123456789" else "sign"


def _word(text: str) -> str:
    """Say a word, or spell what means something else, cannot be said, or is but a letter."""
    units = read(text)
    plain = len(units) == 1 and units[0].kind is Kind.WORD and units[0].text == text
    said = plain and any(sign in "aeiouy" for sign in text) and text not in ENGLISH.digit_sounds
    return text if said else _letters(text)


def _letters(text: str) -> str:
    return _nato(text) if len(text) == 1 or "o" in text else " ".join(text)


def _nato(text: str) -> str:
    said: list[str] = []
    for sign in text:
        if sign.lower() in NATO:
            said.append(f"{sign.lower()} as in {NATO[sign.lower()]}")
        elif sign in "0123456789":
            said.append(digits(sign))
        else:
            said.append(_SIGNS.get(sign, sign))
    return ", ".join(said)


def _figures(groups: str, value: str, way: Reading) -> str:
    match way:
        case Reading.WHOLE:
            return groups
        case Reading.PARTS:
            return groups.replace(", ", ". ")
        case Reading.SPELLED:
            return digits(value).replace(" ", ", ")
        case Reading.WRITTEN:
            return " ".join(value)


def _card_groups(value: str) -> str:
    sizes = (4, 6, 5) if len(value) == 15 else (4,) * (len(value) // 4 + 1)
    return _in_groups(value, sizes)


def _in_groups(value: str, sizes: Iterable[int]) -> str:
    groups: list[str] = []
    for size in sizes:
        if value:
            groups.append(digits(value[:size]))
        value = value[size:]
    return ", ".join(groups)


def _phone(value: PhoneNumber, way: Reading) -> str:
    try:
        import phonenumbers
    except ImportError as exc:
        raise MissingExtra("phonenumbers", "tasks") from exc
    try:
        parsed = phonenumbers.parse(value.number)
    except phonenumbers.NumberParseException as exc:
        msg = "a telephone number to be read back must be in E.164, such as +14155550132"
        raise UsageError(msg) from exc
    style = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    written = phonenumbers.format_number(parsed, style).replace("-", " ")
    groups = "plus " + ", ".join(digits(group) for group in written.split())
    number = _figures(groups, value.number, way)
    if way is Reading.SPELLED:
        number = f"plus, {number}"
    return f"{number}, extension {digits(value.extension)}" if value.extension else number


def _date(value: date, way: Reading) -> str:
    month = _MONTHS[value.month - 1]
    match way:
        case Reading.WHOLE:
            return f"{month} {ordinal(value.day)}, {year(value.year)}"
        case Reading.PARTS:
            return f"{month}, {ordinal(value.day)}, {year(value.year)}"
        case Reading.SPELLED:
            return f"{month}, {ordinal(value.day)}, {digits(f'{value.year:04d}')}"
        case Reading.WRITTEN:
            return f"{month}, {value.day}, {value.year:04d}"


def _time(value: time) -> str:
    hour = cardinal(value.hour % 12 or 12)
    half = "AM" if value.hour < 12 else "PM"
    if not value.minute:
        return f"{hour} {half}"
    minute = f"oh {cardinal(value.minute)}" if value.minute < 10 else cardinal(value.minute)
    return f"{hour} {minute} {half}"


def _expiry(value: Expiry, way: Reading) -> str:
    month = _MONTHS[value.month - 1]
    if way is Reading.WRITTEN:
        return str(value)
    if way is Reading.SPELLED:
        return f"{month}, {digits(str(value.year))}"
    return f"{month}{',' if way is Reading.PARTS else ''} {year(value.year)}"


def _name(value: PersonName, way: Reading) -> str:
    parts = [part for part in (value.first, value.middle, value.last) if part]
    match way:
        case Reading.WHOLE:
            return " ".join(parts)
        case Reading.PARTS:
            return ", ".join(parts)
        case Reading.SPELLED:
            return ". ".join(f"{part}, {_nato(_alphabetic(part))}" for part in parts)
        case Reading.WRITTEN:
            return ", ".join(" ".join(part) for part in parts)


def _alphabetic(text: str) -> str:
    return "".join(sign for sign in text if sign.isalpha())


def _address(value: Address, way: Reading) -> str:
    names = {code: name for rows in REGIONS.values() for name, code in rows.items()}
    number, _, street = value.street.partition(" ")
    if not number[:1].isdigit():
        number, street = "", value.street
    unit, _, within = value.unit.partition(" ")
    fields = [
        f"{_mixed(number)} {street}".strip(),
        f"{unit} {_mixed(within)}".strip(),
        value.locality,
        names.get(value.region, value.region).title().replace(" Of ", " of "),
        _mixed(value.postal_code),
    ]
    if way is Reading.SPELLED:
        for place, text in ((0, street), (2, value.locality)):
            if text:
                fields[place] += f", spelled {_nato(_alphabetic(text.split(' ')[0]))}"
    gap = ", " if way in {Reading.WHOLE, Reading.WRITTEN} else ". "
    if way is Reading.WRITTEN:
        fields = [value.street, value.unit, value.locality, value.region, value.postal_code]
    return gap.join(field for field in fields if field)


def _mixed(text: str) -> str:
    """Say figures and letters one by one."""
    return " ".join(
        digits(sign) if sign in "0123456789" else sign.upper() for sign in text if sign.isalnum()
    )

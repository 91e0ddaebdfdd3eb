"""Postal addresses, in English: the United States, Canada and the United Kingdom."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from hookflash.errors import UsageError
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.heard import Heard, ambiguous, incomplete, nothing
from hookflash.tasks.spoken.places import (
    COUNTRIES,
    DIRECTIONS,
    POSTAL,
    POSTAL_WORDS,
    REGIONS,
    STREETS,
    UNITS,
)
from hookflash.tasks.spoken.repair import alike
from hookflash.tasks.spoken.units import Kind, Unit, read, said, segments

__all__ = ["Address", "hear_address"]

_AROUND = frozenset(
    (
        "my", "home", "mailing", "street", "billing", "shipping", "address", "our", "the", "in",
        "number", "city", "of", "and", "town", "state", "that", "at", "it", "house",
    )
)  # fmt: skip
_SMALL = frozenset({"of", "the", "on", "upon", "under", "de", "la", "le", "and", "by", "sur"})
_NO_LETTERS = frozenset({"quebec"})
_SAINTS = frozenset({"st", "saint", "mc"})
# State codes that a recogniser writes; some of them are words ("OK", "IN", "OR").
_CODE = re.compile(r"\b([A-Za-z]{2}),? +(?=[0-9]{5}(?:-[0-9]{4})?\b)")
_TYPED = re.compile(
    r"\b(?:[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}|"
    r"[A-Za-z][0-9][A-Za-z] ?[0-9][A-Za-z][0-9])\b"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; what was not said is empty.

    Attributes:
        street: number and street: `450 North Main Street`.
        unit: within the building: `Apartment 4B`.
        locality: town or city.
        region: code of the state or province; empty in the United Kingdom.
        postal_code: as it is written: `84101`, `K1A 0B1`, `SW1A 1AA`.
        country: ISO 3166 code.
    """

    street: str = ""
    unit: str = ""
    locality: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""

    def __str__(self) -> str:
        """Return the address in one line."""
        place = [self.locality, f"{self.region} {self.postal_code}".strip()]
        return ", ".join(part for part in (self.street, self.unit, *place, self.country) if part)


def hear_address(text: str, *, default_country: str = "US") -> Heard[Address]:
    """Hear a postal address.

    It is taken apart from its end: country, postal code, state, and before them street and town.
    Abbreviations are written out; nothing is added, but the country if only one is possible.

    Args:
        text: what was said.
        default_country: US, CA or GB: where addresses are that name no country.

    Returns:
        An address with street, town, and a state or a postal code (in the United Kingdom, the
        postal code). If a part is missing, what was understood is the candidate.

    Raises:
        UsageError: there is no such country.
    """
    if default_country not in REGIONS:
        msg = f"default_country must be one of {', '.join(REGIONS)}, not {default_country!r}"
        raise UsageError(msg)
    prepared, typed = _prepared(text, default_country)
    parts = segments(read(prepared, ENGLISH, mixed=True, words=_NO_LETTERS))
    used = "; ".join(said(part.units) for part in parts)
    whole: _Parse | None = None
    doubt = False
    for part in parts:
        new = _Parse(part.units, default_country)
        if whole is None:
            whole = new
        else:
            doubt = not whole.correct(new)
    if whole is None or not whole.found():
        return nothing("No address was heard. Ask for street and number.", used)
    if typed and not whole.address.postal_code:
        whole.take_postal(typed)
    address = whole.address
    if whole.open and not address.street:
        address = replace(address, street=whole.open)
    if whole.ways:
        others = tuple(replace(address, street=street) for street in whole.ways)
        return ambiguous("House number and street are not clear. Ask for each.", used, others)
    if doubt:
        return ambiguous("It is not clear what was corrected. Ask again.", used, (address,))
    missing = _missing(whole.address)
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        asks = f"The {' and the '.join(missing)} {verb} missing. Ask for that."
        return incomplete(asks, used, (address,))
    return Heard(value=address, used=used)


def _missing(address: Address) -> list[str]:
    missing = [name for name in ("street", "locality") if not getattr(address, name)]
    missing = ["town" if name == "locality" else name for name in missing]
    if address.street and not address.street[0].isdigit() and address.street[:6] != "PO Box":
        missing.append("house number")
    if not address.postal_code and (address.country == "GB" or not address.region):
        missing.append("postal code")
    return missing


def _prepared(text: str, country: str) -> tuple[str, str]:
    """Write out the state before a written postal code; take a written code of letters out."""
    names = {code: name for name, code in REGIONS["US"].items()}

    def state(found: re.Match[str]) -> str:
        name = names.get(found[1].upper())
        return f", {name} " if name else found[0]

    typed = ""
    found = list(_TYPED.finditer(text[-2000:]))
    if found:
        code = found[-1][0].replace(" ", "").lower()
        if any(POSTAL[where].fullmatch(code) for where in ("CA", "GB")):
            cut = len(text) - len(text[-2000:])
            text = text[: cut + found[-1].start()] + " , " + text[cut + found[-1].end() :]
            typed = code
    return _CODE.sub(state, text), typed


class _Parse:
    """One address, taken apart from its end."""

    def __init__(self, units: Sequence[Unit], country: str) -> None:
        self.address = Address(country=country)
        self.ways: tuple[str, ...] = ()
        self.open = ""
        self._units = _without_lead(units)
        self._country()
        self._postal()
        self._region()
        self._unit()
        self._street()
        self._locality()

    def found(self) -> bool:
        """Whether there was anything of an address."""
        address = self.address
        return bool(
            address.street or address.postal_code or address.unit
            or (address.region and address.locality) or self.open
        )  # fmt: skip

    def _known(self) -> bool:
        return bool(self.address.postal_code or self.address.region or self.address.unit)

    def take_postal(self, code: str) -> None:
        """Take a postal code of letters and figures."""
        country = "CA" if POSTAL["CA"].fullmatch(code) else "GB"
        self.address = replace(
            self.address, postal_code=_written_postal(code, country), country=country
        )

    def correct(self, new: "_Parse") -> bool:
        """Take what was said then in the place of what was said before; False if unclear."""
        old = self.address
        if new.open and not old.street and self.open and new.address.street:
            street = new.address.street
        elif new.address.street and not new.address.street[0].isdigit():
            number = (old.street or self.open).split(" ")[0]
            street = f"{number} {new.address.street}" if number.isdigit() else ""
        else:
            street = new.address.street
        if new.open and not street:
            words = new.open
            if old.locality and alike(old.locality.lower(), words.lower()) >= 0.5:
                self.address = replace(old, locality=words)
                return True
            if words.isdigit() and old.street:
                head, _, tail = old.street.partition(" ")
                self.address = replace(old, street=f"{words} {tail}" if head else old.street)
                return True
            return False
        given = {
            field.name: getattr(new.address, field.name)
            for field in fields(Address)
            if getattr(new.address, field.name)
        }
        if street:
            given["street"] = street
        self.address = replace(old, **given)
        self.ways = new.ways
        self.open = "" if street else self.open
        return True

    def _country(self) -> None:
        words = [unit.text for unit in self._units]
        for begin, end, country in COUNTRIES.within(words):
            if end == len(words) and begin:
                self.address = replace(self.address, country=country)
                self._units = self._units[:begin]

    def _postal(self) -> None:
        start = len(self._units)
        while start and self._units[start - 1].kind in {Kind.FIGURES, Kind.LETTERS, Kind.SIGN}:
            start -= 1
        country = self.address.country
        for begin in range(max(start, len(self._units) - 12), len(self._units)):
            kept = self._units[begin:]
            code = "".join(unit.text for unit in kept if unit.kind is not Kind.SIGN)
            for where in dict.fromkeys((country, *POSTAL)):
                if POSTAL[where].fullmatch(code) and kept[0].kind is not Kind.SIGN:
                    self.address = replace(
                        self.address, postal_code=_written_postal(code, where), country=where
                    )
                    self._units = self._units[:begin]
                    self._drop_tail()
                    return

    def _drop_tail(self) -> None:
        """Drop "zip code" before the code."""
        words = [unit.text for unit in self._units]
        for begin, end, _ in POSTAL_WORDS.within(words):
            if end == len(words):
                self._units = self._units[:begin]
        while self._units and self._units[-1].text in {"the", "and", "is"}:
            self._units = self._units[:-1]

    def _region(self) -> None:
        country = self.address.country
        for where in dict.fromkeys((country, "US", "CA")):
            names = REGIONS[where]
            for size in (4, 3, 2, 1):
                tail = " ".join(unit.text for unit in self._units[-size:])
                if len(self._units) >= size and tail in names and where in {country, "US", "CA"}:
                    if country == "GB":
                        return
                    self.address = replace(self.address, region=names[tail], country=where)
                    self._units = self._units[:-size]
                    return
            tail = "".join(unit.text for unit in self._units[-2:]).upper()
            both = [unit.kind for unit in self._units[-2:]] == [Kind.LETTERS, Kind.LETTERS]
            if both and tail in names.values() and country != "GB":
                self.address = replace(self.address, region=tail, country=where)
                self._units = self._units[:-2]
                return
            last = self._units[-1] if self._units else None
            if last and last.raw.isupper() and last.raw in names.values() and country != "GB":
                self.address = replace(self.address, region=last.raw, country=where)
                self._units = self._units[:-1]
                return

    def _unit(self) -> None:
        for place, unit in enumerate(self._units):
            sign = unit.kind is Kind.SIGN and unit.text == "#"
            if not sign and unit.text not in UNITS:
                continue
            name = "Unit" if sign else UNITS[unit.text]
            first = place == 0
            start = place + 1
            if start < len(self._units) and self._units[start].text in {"number", "#"}:
                start += 1
            end = start
            text = ""
            while end < len(self._units) and self._units[end].kind in {Kind.FIGURES, Kind.LETTERS}:
                if text and self._units[end].pause:
                    break
                if first and text and self._units[end].kind is Kind.FIGURES:
                    break
                text += self._units[end].text.upper()
                end += 1
            if text:
                self.address = replace(self.address, unit=f"{name} {text}")
                rest = self._units[end:]
                if rest:
                    rest = [replace(rest[0], pause=rest[0].pause or ","), *rest[1:]]
                self._units = [*self._units[:place], *rest]
                return

    def _street(self) -> None:
        units = self._units
        start = next((i for i, unit in enumerate(units) if unit.kind is Kind.FIGURES), None)
        if start is None:
            start = 0
        end = start
        while end < len(units) and units[end].kind is Kind.FIGURES:
            if end > start and units[end].pause:
                break
            end += 1
        number = "".join(unit.text for unit in units[start:end])
        ordinal = _compound(units, start, end)
        name_from = end
        if name_from < len(units) - 1 and number and units[name_from].kind is Kind.LETTERS:
            letter = units[name_from].text
            british = self.address.country == "GB"
            if units[name_from + 1].kind is Kind.WORD and (british or letter not in DIRECTIONS):
                number += letter.upper()
                name_from += 1
        if self._box(start, end, number):
            return
        stop = _street_end(units, name_from)
        if stop is None:
            self._unclear(start, name_from, number)
            return
        if ordinal and stop > end:
            self._compound(start, end, stop, ordinal)
        else:
            name = _street_words(units[name_from:stop])
            self.address = replace(self.address, street=f"{number} {name}".strip())
        self._units = [*units[:start], *units[stop:]]

    def _box(self, start: int, end: int, number: str) -> bool:
        """Read "P.O. box 123"."""
        before = [unit.text for unit in self._units[:start] if unit.kind is not Kind.SIGN]
        if before[-1:] != ["box"] or not number:
            return False
        self.address = replace(self.address, street=f"PO Box {number}")
        self._units = self._units[end:]
        return True

    def _compound(self, start: int, end: int, stop: int, ordinal: int) -> None:
        """Read "twelve forty second street": 12 and 42nd, or 1240 and 2nd?"""
        units = self._units
        last = units[end - 1]
        rest = _street_words(units[end + 1 : stop])
        compound = f"{_nth(int(last.text[-2:]) + ordinal)} {rest}"
        house = "".join(unit.text for unit in units[start : end - 1]) + last.text[:-2]
        if last.glued or units[end].glued or not house or len(last.text) > 2:
            self.address = replace(self.address, street=f"{house} {compound}".strip())
            return
        other = "".join(unit.text for unit in units[start:end])
        self.ways = (f"{house} {compound}", f"{other} {_nth(ordinal)} {rest}")
        self.address = replace(self.address, street=self.ways[0])

    def _unclear(self, start: int, name_from: int, number: str) -> None:
        """No word for a street: it ends at the first comma, if there is one."""
        units = self._units
        stop = next((i for i in range(name_from + 1, len(units)) if units[i].pause), None)
        if stop is not None and number and stop > name_from:
            name = _street_words(units[name_from:stop])
            self.address = replace(self.address, street=f"{number} {name}".strip())
            self._units = [*units[:start], *units[stop:]]
        elif number or len(units) > 1 or self._known():
            self.open = f"{number} {_street_words(units[name_from:])}".strip()
            self._units = []

    def _locality(self) -> None:
        units = [
            unit for unit in self._units
            if unit.kind in {Kind.WORD, Kind.LETTERS} or unit.text in {"-", "'"}
        ]  # fmt: skip
        while units and (units[0].text in _AROUND or units[0].kind is Kind.SIGN):
            units = units[1:]
        self._units = []
        text = ""
        for place, unit in enumerate(units):
            if unit.kind is Kind.SIGN:
                text += unit.text
                continue
            glue = place and units[place - 1].kind is Kind.SIGN
            comma = place and unit.pause == ","
            text += ("" if glue or not text else ", " if comma else " ") + _titled(unit)
        self.address = replace(self.address, locality=text)


def _without_lead(units: Sequence[Unit]) -> list[Unit]:
    leads = [place for place, unit in enumerate(units) if unit.kind is Kind.LEAD]
    first = next((i for i, unit in enumerate(units) if unit.kind is Kind.FIGURES), len(units))
    start = max((place + 1 for place in leads if place < max(first, 1)), default=0)
    kept = [unit for unit in units[start:] if unit.kind is not Kind.RESPELLED]
    while kept and (kept[0].text in _AROUND or kept[0].text == "@"):
        kept = kept[1:]
    return [unit for unit in kept if unit.kind is not Kind.LEAD]


def _written_postal(code: str, country: str) -> str:
    code = code.upper()
    if country == "US":
        return code if len(code) == 5 else f"{code[:5]}-{code[5:]}"
    return f"{code[:-3]} {code[-3:]}"


def _street_end(units: Sequence[Unit], start: int) -> int | None:
    """Return where the street's name ends: behind the first word for a street, or several."""
    for place in range(start, len(units)):
        if place > start and units[place].pause and units[place].text not in STREETS:
            return None
        word = units[place].text
        if word in STREETS and (place > start or word == "broadway"):
            end = place + 1
            while end < len(units) and units[end].text in STREETS and not units[end].pause:
                end += 1
            end += _direction_follows(units, end)
            # "County Road 12".
            numbered = end < len(units) and units[end].kind is Kind.FIGURES
            return end + int(numbered and not units[end].pause)
    return None


def _direction_follows(units: Sequence[Unit], place: int) -> int:
    """Return 1 if a direction belongs to the street: not that of "West Springfield"."""
    if place >= len(units) or units[place].pause or units[place].text not in DIRECTIONS:
        return 0
    if len(DIRECTIONS[units[place].text]) > 5 or units[place].kind is Kind.LETTERS:
        return 1
    return int(place + 1 < len(units) and bool(units[place + 1].pause))


def _compound(units: Sequence[Unit], start: int, end: int) -> int:
    """Return the ordinal behind figures that are a number of tens: the second of "forty second"."""
    if end >= len(units) or end == start:
        return 0
    after = units[end]
    value = ENGLISH.ordinals.get(after.text, 0)
    tens = units[end - 1].text
    word = not units[end - 1].raw[-1].isdigit()
    if 0 < value < 10 and len(tens) == 2 and tens[1] == "0" and tens > "10" and word:
        return value if not after.pause else 0
    return 0


def _street_words(units: Sequence[Unit]) -> str:
    words: list[str] = []
    for place, unit in enumerate(units):
        text = unit.text
        last = place == len(units) - 1
        if unit.kind is Kind.SIGN:
            continue
        if text in STREETS and place and (last or units[place + 1].text in DIRECTIONS):
            words.append(STREETS[text])
        elif text in DIRECTIONS and (place == 0 or last):
            words.append(DIRECTIONS[text])
        elif text in ENGLISH.ordinals:
            words.append(_nth(ENGLISH.ordinals[text]))
        elif unit.kind is Kind.FIGURES and not last and units[place + 1].text in ENGLISH.ordinals:
            continue
        else:
            words.append(_titled(unit))
        before = units[place - 1] if place else None
        if (
            text in ENGLISH.ordinals and before and before.kind is Kind.FIGURES
            and ENGLISH.ordinals[text] < 10
        ):  # fmt: skip
            words[-1] = _nth(int(before.text[-2:]) + ENGLISH.ordinals[text])
    return " ".join(words)


def _titled(unit: Unit) -> str:
    if unit.kind is Kind.LETTERS:
        return unit.text.upper()
    if any(sign.isupper() for sign in unit.raw[1:]) and not unit.raw.isupper():
        return unit.raw
    if unit.text in _SMALL or not unit.text[0].isalpha():
        return unit.text
    if unit.text in _SAINTS:
        return {"st": "St", "saint": "Saint", "mc": "Mc"}[unit.text]
    return unit.text[0].upper() + unit.text[1:]


def _nth(value: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{'th' if 10 < value % 100 < 14 else ending}"

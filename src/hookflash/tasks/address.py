"""Collecting a postal address."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Unpack

from hookflash.agent import RunContext, function_tool
from hookflash.tasks.asking import Asking, FieldTexts
from hookflash.tasks.caller import region_of
from hookflash.tasks.capture import CaptureOptions, CaptureTask
from hookflash.tasks.errors import TaskMisconfigured
from hookflash.tasks.spoken import (
    ENGLISH,
    Address,
    Heard,
    Reading,
    ValueKind,
    grounded,
    hear_address,
    spell_out,
)
from hookflash.tasks.spoken.units import Kind, read

__all__ = ["GetAddressResult", "GetAddressTask"]

_COUNTRIES: Final = {"US": "United States", "CA": "Canada", "GB": "United Kingdom"}
"""Countries whose addresses are taken apart."""

_LATEST = 8
"""Turns of the caller's that count, as in `grounded`."""

_TEXTS = FieldTexts(
    field="address",
    label="address",
    tool="address",
    declined="address",
    missing="error: no address was provided, `update_address` must be called before",
    about=(
        "It consists of street with house number, unit if there is one, locality with region and "
        "postal code, and country. Postal codes are said sign by sign; write ordinals and numbers "
        "in figures; keep accents, and ask when you are not sure of one. If the user did not name "
        "the country and it is clear, do not ask."
    ),
    askings=(
        Asking(
            questions=("What is your address, with the postal code?",),
            advice="ask for the whole address.",
        ),
        Asking(
            questions=(
                "Let us take it in two parts. What are the house number and the street?",
                "And the town or city, with the postal code?",
            ),
            advice="ask for house number and street first, then for town and postal code.",
            joined="{0}, {1}",
        ),
        Asking(
            questions=(
                "Please say the house number and the street, and spell the street's name.",
                "Now the town or city, and please spell its name.",
                "And the state and the postal code, sign by sign.",
            ),
            advice=(
                "ask the user to spell the street's name, then that of the town, and to say the "
                "postal code sign by sign."
            ),
            joined="{0}, {1}, {2}",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class GetAddressResult:
    """A postal address.

    Attributes:
        street_address: house number and street.
        unit_number: within the building; empty if there is none.
        locality: town or city, with region and postal code where there are such.
        country: its name.
        parts: the same taken apart: addresses of the United States, Canada and the United Kingdom
            only, else None.
    """

    street_address: str
    unit_number: str = ""
    locality: str = ""
    country: str = ""
    parts: Address | None = None

    @property
    def address(self) -> str:
        """All of it in one line, with spaces between the fields."""
        return " ".join(filter(None, self.fields))

    @property
    def fields(self) -> tuple[str, str, str, str]:
        """Street, unit, locality and country."""
        return self.street_address, self.unit_number, self.locality, self.country

    @property
    def region(self) -> str:
        """Code of the state or province, if it is known."""
        return self.parts.region if self.parts is not None else ""

    @property
    def postal_code(self) -> str:
        """The postal code, if it is known."""
        return self.parts.postal_code if self.parts is not None else ""


class GetAddressTask(CaptureTask[GetAddressResult, GetAddressResult]):
    """Collects a postal address; whether it exists is not asked."""

    def __init__(
        self, *, default_region: str | None = None, **options: Unpack[CaptureOptions]
    ) -> None:
        """Describe the job.

        Args:
            default_region: US, CA or GB: where addresses are that name no country. None is the
                caller's country by the numbers of the call, if it is one of these, else US.
            options: see `CaptureOptions`.

        Raises:
            TaskMisconfigured: an option is out of its range.
            UsageError: two tools have the same name.
        """
        if default_region is not None and default_region not in _COUNTRIES:
            msg = f"default_region is {default_region!r}; give one of {', '.join(_COUNTRIES)}"
            raise TaskMisconfigured(msg)
        self._default_region = default_region
        super().__init__(_TEXTS, **options)

    @function_tool
    async def update_address(
        self,
        ctx: RunContext[None],
        street_address: str,
        unit_number: str,
        locality: str,
        country: str,
    ) -> str | None:
        """Take the address as the user has given it so far.

        Args:
            ctx: The reply.
            street_address: House number and street.
            unit_number: Apartment, suite or the like; empty if there is none.
            locality: Town or city, with region and postal code.
            country: The country.
        """
        street, unit, town, land = (
            " ".join(text.split()) for text in (street_address, unit_number, locality, country)
        )
        missing = [
            f"{name} is required but was not provided"
            for name, text in (("street address", street), ("locality", town), ("country", land))
            if not any(sign.isalnum() for sign in text)
        ]
        if missing:
            self.refuse(f"Incomplete address: {'; '.join(missing)}")
        whole = ", ".join(filter(None, (street, unit, town, land)))
        parts = hear_address(whole, default_country=self._region).value
        return self.offer(ctx, GetAddressResult(street, unit, town, land, parts))

    @property
    def _region(self) -> str:
        region = self._default_region or region_of(self.session) or ""
        return region if region in _COUNTRIES else "US"

    def hear(self, text: str) -> Heard[GetAddressResult]:
        """Understand an address."""
        heard = hear_address(text, default_country=self._region)
        return Heard(
            value=_taken_apart(heard.value) if heard.value is not None else None,
            problem=heard.problem,
            candidates=tuple(map(_taken_apart, heard.candidates)),
            used=heard.used,
        )

    def written(self, value: GetAddressResult) -> str:
        """Return it in one line."""
        return value.address

    def reading(self, value: GetAddressResult, way: Reading) -> str:
        """Put it into words."""
        if value.parts is not None:
            return spell_out(value.parts, ValueKind.ADDRESS, way)
        return ", ".join(filter(None, value.fields))

    def read_back(self, value: GetAddressResult, *, spelled: bool) -> str:
        """Tell the model how to read it back."""
        if not spelled:
            return super().read_back(value, spelled=False)
        names = ("street", "unit", "locality", "country")
        fields = [
            f"{name}: {' '.join(text) if name == 'street' else text}"
            for name, text in zip(names, value.fields, strict=True)
            if text
        ]
        return f"Repeat the address field by field: {'; '.join(fields)}"

    def was_said(self, value: GetAddressResult, turns: Sequence[str]) -> bool:
        """Whether it can be derived from these turns. The country need not have been said.

        Of an address that is not taken apart, each word and figure must have been said.
        """
        if value.parts is not None:
            return grounded(value.parts, turns, ValueKind.ADDRESS, default_region=self._region)
        said = _words(" , ".join(turns[-_LATEST:]))
        return all(
            _within(word, said) for text in value.fields[:3] for word in _figures_joined(text)
        )

    def result(self, value: GetAddressResult) -> GetAddressResult:
        """Return the result."""
        return value


def _taken_apart(address: Address) -> GetAddressResult:
    town = " ".join(filter(None, (address.locality, address.region, address.postal_code)))
    country = _COUNTRIES.get(address.country, address.country)
    return GetAddressResult(address.street, address.unit, town, country, address)


def _words(text: str) -> list[str]:
    """Return the words of a text; what was said as a number in figures."""
    units = read(text, ENGLISH, mixed=True)
    return [unit.text for unit in units if unit.kind is not Kind.SIGN]


def _figures_joined(text: str) -> list[str]:
    """Return the words of a text, figures that follow each other as one."""
    joined: list[str] = []
    for word in _words(text):
        if joined and joined[-1].isdecimal() and word.isdecimal():
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _within(word: str, said: Sequence[str]) -> bool:
    """Whether a word was said, or its figures one after the other."""
    return any(
        word == "".join(said[start:end])
        for start in range(len(said))
        for end in range(start + 1, min(start + 1 + len(word), len(said) + 1))
        if end == start + 1 or all(map(str.isdecimal, said[start:end]))
    )

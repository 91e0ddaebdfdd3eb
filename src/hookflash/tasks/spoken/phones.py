"""Telephone numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookflash.errors import MissingExtra, UsageError
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.figures import figures_of
from hookflash.tasks.spoken.heard import Heard, ambiguous, incomplete, invalid, nothing
from hookflash.tasks.spoken.lexicon import Lexicon, Phrases
from hookflash.tasks.spoken.tokens import tokens
from hookflash.tasks.spoken.units import Kind, read

if TYPE_CHECKING:
    import phonenumbers

__all__ = ["PhoneNumber", "hear_phone"]

_EXTENSION = frozenset({"extension", "ext", "extn"})
_SAME = Phrases.of(
    (
        "number i am calling from", "number i'm calling from", "number i call from",
        "one i am calling from", "one i'm calling from", "one i am calling on",
        "one i'm calling on", "number i am calling on", "number i'm calling on", "this number",
        "this one", "same number", "current number", "number i'm on", "number i am on",
        "number you have", "number you see", "caller id", "number i'm using",
        "one i'm using", "this phone", "number i called from", "number on your screen",
    )
)  # fmt: skip
_OTHER = frozenset({"not", "another", "different", "no", "isn't"})
_LONGEST = 24


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A telephone number.

    Attributes:
        number: E.164, such as `+14155550132`.
        extension: figures to key once connected; empty if none.
        region: ISO 3166 code of the country, such as `US`; empty if unknown.
    """

    number: str
    extension: str = ""
    region: str = ""

    def __str__(self) -> str:
        """E.164, with `;ext=` of RFC 3966 where there is an extension."""
        return f"{self.number};ext={self.extension}" if self.extension else self.number


def hear_phone(
    text: str,
    *,
    default_region: str = "US",
    caller_number: str | None = None,
    lexicon: Lexicon = ENGLISH,
) -> Heard[PhoneNumber]:
    """Hear a telephone number, said or written in any form that is usual.

    Args:
        text: what was said. "The number I am calling from" is understood.
        default_region: ISO 3166 code of the country of numbers without a country's code.
        caller_number: the number that the caller calls from, in E.164, if it is known.
        lexicon: the language; the phrases for the caller's own number are English.

    Returns:
        A number that its country's numbering plan has, by the tables of `phonenumbers`.

    Raises:
        MissingExtra: `phonenumbers` is not installed.
        UsageError: there is no such region.
    """
    plan = _Plan(default_region)
    words = [token.text for token in tokens(text)]
    units = read(text, lexicon, numeric=True)
    split = next(
        (place for place, unit in enumerate(units)
         if unit.text in _EXTENSION or (unit.text == "x" and 0 < place < len(units) - 1)),
        len(units),
    )  # fmt: skip
    extension = "".join(unit.text for unit in units[split:] if unit.kind is Kind.FIGURES)
    found = figures_of(units[:split], plan.has, lexicon)
    numbers = tuple(dict.fromkeys(plan.number(figures, extension) for figures in found.fitting))
    if len(found.longest) < 2 and _SAME.within(words) and not _OTHER & set(words):
        if caller_number is None:
            return nothing("The caller's own number is not known. Ask for it digit by digit.")
        return Heard(value=plan.own(caller_number), used=text)
    if len(numbers) == 1:
        return Heard(value=numbers[0], used=found.used)
    if numbers:
        return ambiguous(
            "It is not clear which digits are meant. Ask for the whole number again.",
            found.used,
            numbers,
        )
    if not found.longest:
        return nothing("No telephone number was heard. Ask for it with the area code.", found.used)
    if plan.too_short(found.longest):
        return incomplete(
            "Digits are missing. Ask for the whole number, with the area code.", found.used
        )
    return invalid(
        "There is no such telephone number. Ask for it again, a few digits at a time.", found.used
    )


class _Plan:
    """The numbering plans of the world, seen from one country."""

    def __init__(self, region: str) -> None:
        try:
            import phonenumbers
        except ImportError as exc:
            raise MissingExtra("phonenumbers", "tasks") from exc
        self._lib = phonenumbers
        self._region = region.upper()
        if self._region not in phonenumbers.SUPPORTED_REGIONS:
            msg = f"default_region must be an ISO 3166 code such as 'US', not {region!r}"
            raise UsageError(msg)

    def has(self, figures: str) -> bool:
        """Whether this is a number that is or may be assigned."""
        number = self._parsed(figures)
        return number is not None and self._lib.is_valid_number(number)

    def too_short(self, figures: str) -> bool:
        number = self._parsed(figures)
        if number is None:
            return len(figures) < 7
        reason = self._lib.is_possible_number_with_reason(number)
        return reason in {
            self._lib.ValidationResult.TOO_SHORT,
            self._lib.ValidationResult.IS_POSSIBLE_LOCAL_ONLY,
        }

    def number(self, figures: str, extension: str) -> PhoneNumber:
        """Return a number that the plan has."""
        number = self._parsed(figures)
        assert number is not None
        text = self._lib.format_number(number, self._lib.PhoneNumberFormat.E164)
        return PhoneNumber(text, extension[:11], self._lib.region_code_for_number(number) or "")

    def own(self, number: str) -> PhoneNumber:
        """Return the caller's number as the carrier tells it."""
        parsed = self._parsed(number)
        region = self._lib.region_code_for_number(parsed) if parsed else None
        return PhoneNumber(number, region=region or "")

    def _parsed(self, figures: str) -> "phonenumbers.PhoneNumber | None":
        if len(figures) > _LONGEST:
            return None
        # Said from abroad: 00 almost everywhere, 011 from North America.
        for prefix in ("00", "011"):
            if figures.startswith(prefix) and len(figures) > 9:
                figures = "+" + figures.removeprefix(prefix)
                break
        try:
            return self._lib.parse(figures, self._region)
        except self._lib.NumberParseException:
            return None

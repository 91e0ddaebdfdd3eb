"""Did the caller say this? A model's values are not taken on trust."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import date, time

from hookflash.errors import UsageError
from hookflash.tasks.spoken.addresses import Address, hear_address
from hookflash.tasks.spoken.cards import hear_card_number, hear_expiry
from hookflash.tasks.spoken.dates import DateKind, hear_date
from hookflash.tasks.spoken.emails import hear_email
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.figures import hear_digits
from hookflash.tasks.spoken.heard import Heard
from hookflash.tasks.spoken.names import PersonName
from hookflash.tasks.spoken.phones import PhoneNumber, hear_phone
from hookflash.tasks.spoken.read_back import SpokenValue, ValueKind
from hookflash.tasks.spoken.times import hear_time
from hookflash.tasks.spoken.tokens import tokens
from hookflash.tasks.spoken.units import Kind, Unit, read, segments

__all__ = ["grounded"]

_TURNS = 8
_TOGETHER = 4


def grounded(
    value: SpokenValue,
    heard: Sequence[str],
    kind: ValueKind | str,
    *,
    default_region: str = "US",
    caller_number: str | None = None,
    today: date | None = None,
    date_kind: DateKind = "any",
) -> bool:
    """Return whether a value can be derived from what the caller said or keyed.

    The rule. A value is grounded if one of these holds for the last eight turns:

    - the normaliser of its kind, given a turn or up to four turns in a row, returns it. Case and
      format do not count, corrections do. A date or time that is ambiguous counts as both;
      suggestions never count;
    - a turn contains it literally (e-mail addresses);
    - all its words were said or spelled, next to each other and in this order (names);
    - each of its fields was said (addresses). The country need not be.

    A turn that begins with a correction and holds a whole value of its own makes everything
    before it count no more. When in doubt the answer is False: to ask again is better than to
    take what nobody said.

    Args:
        value: what the model passed, or a normaliser's value.
        heard: the caller's turns, what they keyed among them, the oldest first.
        kind: what the value is.
        default_region: for telephone numbers, addresses and the order of dates.
        caller_number: in E.164, for "the number I am calling from".
        today: the day of the call; needed for dates and expiry dates.
        date_kind: see `hear_date`.

    Raises:
        UsageError: there is no such kind, or `today` is missing.
    """
    if kind not in set(ValueKind):
        msg = f"kind must be one of {', '.join(ValueKind)}, not {str(kind)!r}"
        raise UsageError(msg)
    what = ValueKind(kind)
    if what in {ValueKind.DATE, ValueKind.EXPIRY} and today is None:
        msg = f"grounded needs today= for the kind {str(kind)!r}"
        raise UsageError(msg)
    check = _Check(what, default_region, caller_number, today or date.min, date_kind)
    wanted = check.wanted(value)
    if wanted is None:
        return False
    turns = [turn for turn in heard if turn.strip()][-_TURNS:]
    for end in range(len(turns), 0, -1):
        for size in range(1, min(_TOGETHER, end) + 1):
            if check.said(wanted, " , ".join(turns[end - size : end])):
                return True
        if _corrects(turns[end - 1]) and check.whole(wanted, turns[end - 1]):
            return False
    return False


def _corrects(turn: str) -> bool:
    words = [token.text for token in tokens(turn)]
    return bool(words) and ENGLISH.corrections.at(words, 0) is not None


class _Check:
    """Compares values of one kind with what was said."""

    def __init__(
        self, kind: ValueKind, region: str, caller: str | None, today: date, date_kind: DateKind
    ) -> None:
        self._kind = kind
        self._region = region
        self._country = region if region in {"US", "CA", "GB"} else "US"
        self._caller = caller
        self._today = today
        self._date_kind: DateKind = date_kind

    def wanted(self, value: SpokenValue) -> SpokenValue | None:
        """Return the value as a normaliser would; None if it is no value of the kind."""
        if not isinstance(value, str):
            return value
        match self._kind:
            case ValueKind.DIGITS | ValueKind.CODE:
                figures = re.sub(r"[\s.-]", "", value)
                return figures if figures.isdecimal() and len(figures) <= 64 else None
            case ValueKind.NAME:
                return PersonName(first=value) if value.strip() else None
            case ValueKind.ADDRESS:
                found = hear_address(value, default_country=self._country)
                return found.value or next(iter(found.candidates), None)
            case ValueKind.PHONE:
                return hear_phone(value, default_region=self._region).value or (
                    PhoneNumber(value) if value == self._caller else None
                )
            case ValueKind.DATE:
                return hear_date(
                    value, today=self._today, kind=self._date_kind, region=self._region
                ).value
            case _:
                return self._heard(value, "").value

    def said(self, wanted: SpokenValue, text: str) -> bool:
        """Return whether a text gives the value."""
        match wanted:
            case Address():
                return self._address(wanted, text)
            case PersonName():
                return _name(wanted, text)
            case _:
                pass
        if self._kind is ValueKind.EMAIL and _literally(str(wanted), text):
            return True
        found = self._heard(text, wanted)
        ways = [found.value]
        if isinstance(wanted, (date, time)):
            ways += found.candidates
        return any(_same(way, wanted) for way in ways)

    def whole(self, wanted: SpokenValue, text: str) -> bool:
        """Return whether a text holds some value of the kind."""
        if isinstance(wanted, (Address, PersonName)):
            return False
        return self._heard(text, wanted).value is not None

    def _heard(self, text: str, wanted: SpokenValue) -> Heard[SpokenValue]:
        match self._kind:
            case ValueKind.EMAIL:
                return hear_email(text)
            case ValueKind.PHONE:
                return hear_phone(text, default_region=self._region, caller_number=self._caller)
            case ValueKind.CARD:
                return hear_card_number(text)
            case ValueKind.EXPIRY:
                return hear_expiry(text, today=self._today)
            case ValueKind.DATE:
                return hear_date(text, today=self._today, kind=self._date_kind, region=self._region)
            case ValueKind.TIME:
                return hear_time(text)
            case _:
                return hear_digits(text, length=len(str(wanted)) or None)

    def _address(self, wanted: Address, text: str) -> bool:
        found = hear_address(text, default_country=self._country)
        ways = [way for way in (found.value, *found.candidates) if way]
        names = [field.name for field in fields(Address) if field.name != "country"]
        return any(
            all(
                str(getattr(wanted, name)).casefold() in {"", str(getattr(way, name)).casefold()}
                for name in names
            )
            for way in ways
        ) and any(getattr(wanted, name) for name in names)


def _same(one: SpokenValue | None, other: SpokenValue) -> bool:
    if isinstance(one, PhoneNumber) and isinstance(other, PhoneNumber):
        # What the model leaves out of an extension it does not invent.
        return one.number == other.number and other.extension in {"", one.extension}
    return one == other


def _literally(value: str, text: str) -> bool:
    return bool(
        re.search(rf"(?<![\w.+-]){re.escape(value)}(?![\w-]|\.\w)", text.casefold()[-4000:])
    )


def _name(wanted: PersonName, text: str) -> bool:
    """Return whether all words of a name were said or spelled, next to each other."""
    words = [_bare(word) for word in re.split(r"\s+", str(wanted)) if _bare(word)]
    parts = segments(read(text))
    if not words or not parts:
        return False
    spoken = list(_words(parts[-1].units))
    for part in parts[:-1]:
        # What was corrected counts no more; a name beside it does.
        spoken = [*_words(part.units), *spoken] if len(spoken) < len(words) else spoken
    return any(_follow(words, spoken[start:]) for start in range(len(spoken)))


def _follow(words: Sequence[str], spoken: Sequence[frozenset[str]]) -> bool:
    return len(spoken) >= len(words) and all(
        word in said for word, said in zip(words, spoken, strict=False)
    )


def _words(units: Sequence[Unit]) -> Iterator[frozenset[str]]:
    """Yield the words; one that is then spelled is the word or the spelling."""
    pending: set[str] = set()
    spelled = ""
    for unit in [*units, Unit(Kind.LEAD, "")]:
        if unit.kind is Kind.LETTERS:
            spelled += unit.text
            continue
        if unit.kind is Kind.RESPELLED or (unit.kind is Kind.SIGN and not spelled):
            continue
        if spelled:
            near = any(word[0] == spelled[0] for word in pending)
            if pending and not near:
                yield frozenset(pending)
            yield frozenset({*(pending if near else ()), spelled})
            pending.clear()
            spelled = ""
        elif pending:
            yield frozenset(pending)
            pending.clear()
        if unit.kind is Kind.WORD:
            pending = {_bare(unit.text)} - {""}
    if pending:
        yield frozenset(pending)


def _bare(word: str) -> str:
    return "".join(sign for sign in word.casefold() if sign.isalpha())

"""Which languages there are; and the rules for those whose numbers babel and num2words know."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache

import msgspec

from hookflash.pipeline.wording.addresses import AddressWords, address_rules
from hookflash.pipeline.wording.english import english
from hookflash.pipeline.wording.english_codes import CODE_LEAD
from hookflash.pipeline.wording.numerals import Numerals
from hookflash.pipeline.wording.rules import Match, Rule, RuleSet, rule
from hookflash.pipeline.wording.vocabulary import ADDRESS_SIGNS, VOCABULARIES, Currency

__all__ = ["Language", "language_of", "without_numbers"]

_SYMBOLS = {
    "$": "USD",
    "US$": "USD",
    "\u00a3": "GBP",
    "\u20ac": "EUR",
    "\u00a5": "JPY",
    "\u20b9": "INR",
    "R$": "BRL",
}
_CODES = "EUR|USD|GBP|JPY|CHF|INR|BRL|MXN|CAD|AUD|SEK|NOK|DKK|PLN|CZK|TRY|ARS|COP|CLP"
_UNITS = {
    "km/h": "speed-kilometer-per-hour",
    "km": "length-kilometer",
    "m": "length-meter",
    "cm": "length-centimeter",
    "mm": "length-millimeter",
    "kg": "mass-kilogram",
    "g": "mass-gram",
    "mg": "mass-milligram",
    "l": "volume-liter",
    "L": "volume-liter",
    "ml": "volume-milliliter",
    "m\u00b2": "area-square-meter",
    "km\u00b2": "area-square-kilometer",
    "GB": "digital-gigabyte",
    "MB": "digital-megabyte",
    "TB": "digital-terabyte",
    "kW": "power-kilowatt",
    "W": "power-watt",
    "kWh": "energy-kilowatt-hour",
    "min": "duration-minute",
    "\u00b0C": "temperature-celsius",
    "\u00b0F": "temperature-fahrenheit",
    "\u00b0": "angle-degree",
}
_ANY_DASH = r"\s?[-\u2013\u2014]\s?"
# What a German ordinal number ends in, by the word before it.
_WEAK = ("der", "die", "das")
_OBLIQUE = (
    "am",
    "vom",
    "zum",
    "den",
    "dem",
    "im",
    "seit",
    "bis",
    "ab",
    "beim",
    "zur",
    "des",
    "einem",
)


_ORDINAL_DOTS = frozenset(
    {"cs", "da", "de", "fi", "hr", "hu", "nb", "nn", "no", "pl", "sk", "sl", "tr"}
)


class Language(msgspec.Struct, frozen=True, eq=False):
    """What is known of a language.

    Attributes:
        sets: gives the rules, and compiles them when it is called first.
        dates: finds at the beginning of a line a date that looks like an item of a list.
        code_lead: gives what finds, at the end of a text, the words after which a code comes.
        ordinal_dots: whether "3." is an ordinal number, so that it ends no sentence.
    """

    sets: Callable[[], tuple[RuleSet, ...]]
    dates: re.Pattern[str] | None = None
    code_lead: Callable[[], re.Pattern[str]] | None = None
    ordinal_dots: bool = False


@cache
def language_of(language: str, territory: str | None, date_order: str) -> Language:
    """Return the rules of a language.

    Args:
        language: ISO 639-1, small letters.
        territory: ISO 3166-1, capitals, if it is known.
        date_order: `mdy` or `dmy`.

    Raises:
        MissingExtra: its numbers need babel and num2words.
    """
    if language == "en":
        # Nothing is compiled before it is needed: sessions have this language unless told.
        return Language(lambda: english(date_order), code_lead=_english_lead)
    if language in VOCABULARIES:
        rules = _Rules(Numerals(language, territory), date_order)
        lead = re.compile(rf"{rules.code_lead}$")
        months = "|".join(rules.numerals.months)
        return Language(
            rules.sets,
            dates=re.compile(rf"\s*[0-9]{{1,2}}\.\s(?:{months})", re.IGNORECASE),
            code_lead=lambda: lead,
            ordinal_dots=language in _ORDINAL_DOTS,
        )
    return without_numbers(language)


def without_numbers(language: str) -> Language:
    """Return the rules that need neither package: marks and addresses."""
    return Language(lambda: _elsewhere(language), ordinal_dots=language in _ORDINAL_DOTS)


@cache
def _english_lead() -> re.Pattern[str]:
    return re.compile(rf"(?i:{CODE_LEAD})$")


@cache
def _elsewhere(language: str) -> tuple[RuleSet, ...]:
    """Addresses alone; where even their signs are not known, only what nobody would read out."""
    known = VOCABULARIES.get(language)
    signs = known.signs if known else ADDRESS_SIGNS.get(language)
    if signs is None:
        bare = rule(r"(?:https?://(?:www\.)?|mailto:)(?=[\w])", "")
        return (RuleSet(re.compile(r"://|mailto:"), [bare]),)
    words = AddressWords(*signs, plus="+", figure=lambda figure: figure)
    return (RuleSet(re.compile(r"@|/|\w\.\w"), address_rules(words)),)


class _Rules:
    """The rules of one language whose numbers are known."""

    def __init__(self, numerals: Numerals, date_order: str) -> None:
        self.numerals = numerals
        self._vocabulary = numerals.vocabulary
        self._language = numerals.language
        self._mdy = date_order == "mdy"
        self._sets: tuple[RuleSet, ...] = ()
        codes = numerals.vocabulary.codes
        self.code_lead = rf"(?i:\b(?:{codes}))(?:\s(?:ist|lautet|est|es|é|è|is))?\s?[:#]?\s?"
        # Both ways of grouping are in use wherever the comma is the decimal sign.
        groups = "." if numerals.decimal == "," else ","
        group = f"[{groups}\u00a0\u202f{' ' if self._vocabulary.pairs_group else ''}]"
        self._integer = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}}(?![0-9])){{1,4}}|[0-9]{{1,15}})"
        self._number = rf"{self._integer}(?:{re.escape(numerals.decimal)}[0-9]{{1,12}})?"
        self._cents = rf"{self._integer}(?:[.,][0-9]{{1,2}}(?![0-9]))?"

    def sets(self) -> tuple[RuleSet, ...]:
        if not self._sets:
            signs = self._vocabulary.signs
            words = AddressWords(*signs, plus=self._vocabulary.plus, figure=self.numerals.figure)
            self._sets = (
                RuleSet(re.compile(r"@|/|\w\.\w"), address_rules(words)),
                RuleSet(
                    re.compile(r"[0-9]"),
                    [
                        *self._dates(),
                        *self._codes(),
                        *self._times(),
                        *self._amounts(),
                        *self._bare(),
                    ],
                ),
                RuleSet(
                    re.compile("&"),
                    [rule(r"(?<=\w)\s?&\s?(?=\w)", f" {self._vocabulary.ampersand} ")],
                ),
            )
        return self._sets

    # Days.

    def _dates(self) -> list[Rule]:
        months = "|".join(self.numerals.months)
        rules = [
            rule(
                r"(?<![\w-])(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})(?![\w-])",
                self._date,
            ),
            rule(
                r"(?<![\w./-])(?P<day>[0-9]{1,2})(?P<mark>[./-])(?P<month>[0-9]{1,2})(?P=mark)"
                r"(?P<year>[12][0-9]{3}|[0-9]{2})(?![\w/-]|[.,][0-9])",
                self._date,
            ),
        ]
        if self._language == "de":
            rules.append(
                rule(
                    rf"(?<![\w.,/-])(?P<day>[0-9]{{1,2}})\.\s?(?P<month_name>(?:{months})\b)"
                    r"(?:\s(?P<year>[12][0-9]{3})(?![\w.,/-][0-9]))?",
                    self._german_day,
                )
            )
            rules.append(
                rule(
                    r"(?i:\b(?:der|die|das|am|vom|zum|den|dem|im|beim|zur|des|einem|jeden|jeder|mein|meine|"
                    r"ihr|ihre|seit|bis))\s(?P<x>(?P<day>[0-9]{1,3})\.)(?=\s\w|$)",
                    lambda found: self._german_ordinal(int(found["day"]), found),
                )
            )
        elif self._vocabulary.first:
            rules.append(
                rule(
                    rf"(?<![\w.,/-])1(?:er|\u00ba|\u00b0)?(?=\s(?:de\s)?(?i:{months})\b)",
                    self._vocabulary.first,
                )
            )
        rules.append(
            rule(
                rf"(?i:\b(?:{months}|{self._vocabulary.years}))\s(?:de\s|del\s|di\s)?(?P<x>[12][0-9]{{3}})(?!\w|[.,:/-][0-9]|\s[%\u20ac$])",
                lambda found: self.numerals.year(int(found["x"])),
            )
        )
        return rules

    def _date(self, found: Match) -> str | None:
        year, month, day = int(found["year"]), int(found["month"]), int(found["day"])
        if len(found["year"]) == 2:
            year += 2000 if year < 69 else 1900
        swapped = self._mdy and len(found["month"]) < 3 and found["year"] != found[0][:4]
        if (swapped and day <= 12) or month > 12 >= day:
            month, day = day, month
        try:
            date(year, month, day)
        except ValueError:
            return None
        numerals = self.numerals
        if self._language == "de":
            day_words = self._german_ordinal(day, found)
        elif day == 1 and self._vocabulary.first:
            day_words = self._vocabulary.first
        else:
            day_words = numerals.cardinal(day)
        return self._vocabulary.date.format(
            day=day_words, month=numerals.months[month - 1], year=numerals.year(year)
        )

    def _german_day(self, found: Match) -> str | None:
        day = int(found["day"])
        if not 1 <= day <= 31:
            return None
        spoken = f"{self._german_ordinal(day, found)} {found['month_name']}"
        return f"{spoken} {self.numerals.year(int(found['year']))}" if found["year"] else spoken

    def _german_ordinal(self, value: int, found: Match) -> str:
        """Decline it as the words before it ask for."""
        start = found.start("x") if "x" in found.re.groupindex else found.start()
        before = re.findall(r"\w+", found.string[max(0, start - 24) : start].lower())
        weak = self.numerals.ordinal(value)
        last = before[-1] if before else ""
        if last in _WEAK:
            return weak
        # "am Montag, 3. März"
        if last in _OBLIQUE or (
            len(before) > 1 and last.endswith(("tag", "woch")) and before[-2] in _OBLIQUE
        ):
            return f"{weak}n"
        return f"{weak}r"

    # Codes and telephone numbers.

    def _codes(self) -> list[Rule]:
        sep = r"[ ./\u00a0\u2011\u2013-]"
        after = r"(?![\w%]|[.,:-][0-9])"
        return [
            rule(
                rf"(?<![\w.,+])\+[0-9]{{1,3}}(?:{sep}?\(?[0-9]{{1,6}}\)?){{1,6}}{after}",
                self._phone,
            ),
            rule(
                rf"(?<![\w.,/+-])(?<![0-9]\s)\(?0[0-9]{{1,5}}\)?(?:{sep}{{1,3}}[0-9]{{2,8}}){{1,5}}{after}",
                self._phone,
            ),
            *(
                []
                if self._vocabulary.pairs_group
                else [
                    rule(
                        rf"(?<![\w.,/+-])[1-9][0-9]{{2}}(?:[ -][0-9]{{2,3}}){{2,3}}{after}",
                        self._phone,
                    )
                ]
            ),
            rule(
                rf"{self.code_lead}(?P<x>(?=[A-Z-]{{0,12}}[0-9])[A-Z0-9]{{2,20}}(?:-[A-Z0-9]{{1,12}}){{0,5}}|"
                r"[0-9]{2,6}(?: [0-9]{2,6}){1,4})(?![\w%\u00b0/]|-\w|[.,:][0-9])",
                lambda found: self._code(found["x"]),
            ),
            rule(
                r"(?<![\w.@/#+-])(?=[A-Z0-9-]{0,16}[0-9]{2})(?=[A-Z-]{1,6}[0-9])[A-Z]{1,4}-?[0-9]{2,12}(?![\w@/-]|[.]\w)",
                lambda found: self._spelled(found[0]),
            ),
            rule(
                r"(?<![\w.,/:#+-])[0-9]{7,20}(?![\w/%]|[.,:-][0-9])",
                lambda found: self.numerals.digits(found[0]),
            ),
            rule(
                r"(?<![\w#&])#(?P<number>[0-9]{1,6})(?!\w)",
                lambda found: (
                    f"{self._vocabulary.number_sign} {self.numerals.cardinal(int(found['number']))}"
                ),
            ),
        ]

    def _phone(self, found: Match) -> str | None:
        parts = re.findall(r"[0-9]+", found[0])
        if not 6 <= sum(map(len, parts)) <= 15:
            return None
        spoken = ", ".join(self.numerals.digits(part) for part in parts)
        return f"{self._vocabulary.plus} {spoken}" if found[0].startswith("+") else spoken

    def _code(self, text: str) -> str | None:
        if text.isdigit() and len(text) < 3:
            return None
        return self._spelled(text)

    def _spelled(self, text: str) -> str:
        groups = re.findall(r"[A-Z0-9]+", text)
        return ", ".join(
            " ".join(self.numerals.figure(sign) if sign.isdigit() else sign for sign in group)
            for group in groups
        )

    # Times of day.

    def _times(self) -> list[Rule]:
        tail = {"de": r"(?:\s?Uhr\b)?", "nl": r"(?:\s?uur\b)?"}.get(self._language, "")
        rules = [
            rule(
                r"(?<![\w:.,/-])(?P<hour>[01]?[0-9]|2[0-4])"
                rf":(?P<minute>[0-5][0-9]){_ANY_DASH}(?P<to_hour>[01]?[0-9]|2[0-4]):"
                rf"(?P<to_minute>[0-5][0-9]){tail}(?![\w:])",
                lambda found: (
                    self._clock(int(found["hour"]), int(found["minute"]))
                    + f" {self._vocabulary.to} "
                    + self._clock(int(found["to_hour"]), int(found["to_minute"]))
                ),
            ),
            rule(
                r"(?<![\w:.,/-])(?P<hour>[01]?[0-9]|2[0-4])"
                rf":(?P<minute>[0-5][0-9]){tail}(?![\w:])",
                self._time,
            ),
        ]
        if self._language in {"fr", "pt", "es"}:
            rules.append(
                rule(
                    r"(?<![\w:.,/-])(?P<hour>[01]?[0-9]|2[0-4])\s?h\s?(?P<minute>[0-5][0-9])?(?![\w:])",
                    self._time,
                )
            )
        if self._language in {"de", "nl"}:
            word = "Uhr" if self._language == "de" else "uur"
            rules.append(
                rule(
                    rf"(?<![\w:.,/-])(?P<hour>[01]?[0-9]|2[0-4])(?:\.(?P<minute>[0-5][0-9]))?\s?{word}\b",
                    self._time,
                )
            )
        return rules

    def _time(self, found: Match) -> str:
        return self._clock(int(found["hour"]), int(found["minute"] or 0))

    def _clock(self, hour: int, minute: int) -> str:
        numerals = self.numerals
        minutes = numerals.cardinal(minute)
        match self._language:
            case "de":
                hours = f"{numerals.counting(hour)} Uhr"
                return f"{hours} {minutes}" if minute else hours
            case "nl":
                hours = f"{numerals.cardinal(hour)} uur"
                return f"{hours} {minutes}" if minute else hours
            case "fr":
                if not minute and hour in {0, 12, 24}:
                    return "midi" if hour == 12 else "minuit"
                hours = f"{numerals.counting(hour, feminine=True)} heure{'s' if hour > 1 else ''}"
                return f"{hours} {minutes}" if minute else hours
            case "pt":
                hours = numerals.counting(hour, feminine=True)
                if not minute:
                    return f"{hours} {'hora' if hour == 1 else 'horas'}"
                return f"{hours} e {minutes}"
            case "it":
                hours = "una" if hour == 1 else numerals.cardinal(hour)
                return f"{hours} e {minutes}" if minute else hours
            case _:
                hours = numerals.counting(hour, feminine=True)
                if not minute:
                    return f"{hours} horas" if hour > 12 else hours
                return f"{hours} {f'cero {minutes}' if minute < 10 else minutes}"

    # Amounts.

    def _amounts(self) -> list[Rule]:
        symbols = "|".join(re.escape(symbol) for symbol in sorted(_SYMBOLS, key=len, reverse=True))
        units = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
        sign = r"(?:(?<![\w.,)])(?P<sign>[-\u2212]))?"
        before = r"(?<![\w.,:/])"
        span = rf"{sign}{before}(?P<low>{self._number})(?:{_ANY_DASH}(?P<high>{self._number}))?"
        money = rf"{sign}{before}(?P<low>{self._cents})(?:{_ANY_DASH}(?P<high>{self._cents}))?"
        return [
            rule(rf"(?<!\w)(?P<unit>{symbols})\s?{money}(?!\w|[.,][0-9])", self._money),
            rule(rf"{money}\s?(?P<unit>{symbols})(?!\w)", self._money),
            rule(rf"{money}\s?(?P<unit>{_CODES})\b", self._money),
            rule(rf"\b(?P<unit>{_CODES})\s{money}(?!\w|[.,][0-9])", self._money),
            rule(
                rf"{span}\s?%",
                lambda found: f"{self._span(found)} {self._vocabulary.percent}",
            ),
            rule(rf"{span}\s?(?P<unit>{units})(?!\w|/)", self._measure),
            rule(
                rf"{before}(?<!-)(?P<low>[0-9]{{1,4}}){_ANY_DASH}(?P<high>[0-9]{{1,4}})(?![\w/.,-])",
                self._range,
            ),
            rule(
                rf"(?:(?<=\s)|(?<=^)|(?<=[(\"]))[-\u2212](?P<low>{self._number})(?![\w/-]|[.,:][0-9])",
                lambda found: f"{self._vocabulary.minus} {self._figures(found['low'])}",
            ),
        ]

    def _whole(self, text: str) -> int:
        return int(re.sub(r"[^0-9]", "", text) or "0")

    def _figures(self, text: str) -> str:
        """Return a number as written in words, with its decimals."""
        before, sign, after = text.partition(self.numerals.decimal)
        words = self.numerals.cardinal(self._whole(before))
        if not sign or not after:
            return words
        one_by_one = self._vocabulary.decimals_one_by_one or after[0] == "0" or len(after) > 2
        decimals = self.numerals.digits(after) if one_by_one else self.numerals.cardinal(int(after))
        return f"{words} {self._vocabulary.point} {decimals}"

    def _span(self, found: Match) -> str:
        sign = f"{self._vocabulary.minus} " if found["sign"] else ""
        to = f" {self._vocabulary.to} {self._figures(found['high'])}" if found["high"] else ""
        return f"{sign}{self._figures(found['low'])}{to}"

    def _range(self, found: Match) -> str | None:
        low, high = int(found["low"]), int(found["high"])
        if low >= high or "0" in (found["low"][0], found["high"][0]):
            return None
        return f"{self.numerals.cardinal(low)} {self._vocabulary.to} {self.numerals.cardinal(high)}"

    def _money(self, found: Match) -> str:
        unit = found["unit"]
        currency = self.numerals.currency(_SYMBOLS.get(unit, unit))
        sign = f"{self._vocabulary.minus} " if found["sign"] else ""
        if found["high"]:
            low = self._sum_alone(found["low"])
            return f"{sign}{low} {self._vocabulary.to} {self._sum(found['high'], currency)}"
        return sign + self._sum(found["low"], currency)

    def _split(self, text: str) -> tuple[int, int]:
        cents = re.search(r"[.,]([0-9]{1,2})$", text)
        if cents is None:
            return self._whole(text), 0
        return self._whole(text[: cents.start()]), int(cents[1].ljust(2, "0"))

    def _sum_alone(self, text: str) -> str:
        large, small = self._split(text)
        words = self.numerals.cardinal(large)
        return (
            f"{words} {self._vocabulary.point} {self.numerals.cardinal(small)}" if small else words
        )

    def _sum(self, text: str, currency: Currency) -> str:
        large, small = self._split(text)
        numerals = self.numerals
        if small and not large and currency.part:
            return f"{numerals.counting(small)} {currency.part if small == 1 else currency.parts}"
        count = numerals.counting(large, feminine=currency.feminine)
        name = currency.one if large == 1 else currency.many
        if large and not large % 1_000_000 and self._vocabulary.of:
            of = self._vocabulary.of
            name = (
                f"d'{name}"
                if of == "de" and self._language == "fr" and name[0] in "aeiou"
                else f"{of} {name}"
            )
        words = f"{count} {name}"
        if not small:
            return words
        return self._vocabulary.sum.format(large=words, small=numerals.cardinal(small))

    def _measure(self, found: Match) -> str:
        unit = _UNITS[found["unit"]]
        one = not found["high"] and found["low"] == "1"
        name = self.numerals.unit(unit, 1 if one else 2)
        if one:
            feminine = unit in self._vocabulary.feminine_units
            sign = f"{self._vocabulary.minus} " if found["sign"] else ""
            return f"{sign}{self.numerals.counting(1, feminine=feminine)} {name}"
        return f"{self._span(found)} {name}"

    # Numbers alone.

    def _bare(self) -> list[Rule]:
        rules = [
            rule(
                rf"(?<![\w.,:/-]){self._integer}{re.escape(self.numerals.decimal)}[0-9]{{1,12}}(?![\w/]|[.,:-][0-9])",
                lambda found: self._figures(found[0]),
            )
        ]
        match self._language:
            case "fr":
                rules.append(
                    rule(
                        r"(?<![\w.,:/-])(?P<number>[0-9]{1,3})(?P<end>er|re|\u00e8re|e|\u00e8me|\u00e8)\b",
                        lambda found: self.numerals.ordinal(
                            int(found["number"]), feminine=found["end"] in {"re", "\u00e8re"}
                        ),
                    )
                )
            case "es" | "pt" | "it":
                rules.append(
                    rule(
                        r"(?<![\w.,:/-])(?P<number>[0-9]{1,3})\.?(?P<end>[\u00ba\u00aa])(?P<noun>(?=\s\w))?",
                        self._roman_ordinal,
                    )
                )
            case "nl":
                rules.append(
                    rule(
                        r"(?<![\w.,:/-])(?P<number>[0-9]{1,3})(?:e|de|ste)\b",
                        lambda found: self.numerals.ordinal(int(found["number"])),
                    )
                )
            case _:
                pass
        rules.append(
            rule(
                rf"(?<![\w.,:/#-])(?P<x>{self._integer})(?![\w/:%\u00b0\u00ba\u00aa]|[.,][0-9]|-\w)"
                r"(?=\s(?P<word>[^\W\d_]{1,30})|(?P<stop>\.\s\S)|)",
                self._plain,
            )
        )
        return rules

    def _roman_ordinal(self, found: Match) -> str:
        words = self.numerals.ordinal(int(found["number"]), feminine=found["end"] == "\u00aa")
        # "el tercer piso"
        short = self._language == "es" and found["noun"] is not None
        return words[:-1] if short and words.endswith(("primero", "tercero")) else words

    def _plain(self, found: Match) -> str | None:
        text, word = found["x"], found["word"]
        value = self._whole(text)
        if text[0] == "0" and len(text) > 1:
            return self.numerals.digits(text)
        if text.isdigit() and len(text) > 4:
            return None
        if self._language == "de" and found["stop"]:
            # Perhaps an ordinal number.
            return None
        if word and self._depends(value) and not self._is_date(word):
            return None
        return self.numerals.cardinal(value)

    def _depends(self, value: int) -> bool:
        """Whether the words of a number depend on the gender of what is counted."""
        vocabulary = self._vocabulary
        teen = 10 < value % 100 < 20
        if self._language in {"it", "de"}:
            return value == 1 or (self._language == "de" and value % 100 == 1)
        if value % 10 in vocabulary.agrees and not teen:
            return True
        return vocabulary.hundreds_agree and value % 1000 >= 200

    def _is_date(self, word: str) -> bool:
        return word in {"de", "y", "e"} or word.lower() in {
            name.lower() for name in self.numerals.months
        }

"""Numbers, months, units and currencies in words, from num2words and babel (extra `languages`)."""

from importlib import import_module
from typing import Protocol, cast

from hookflash.errors import MissingExtra
from hookflash.pipeline.wording.vocabulary import VOCABULARIES, Currency, Vocabulary

__all__ = ["Numerals"]


class _InWords(Protocol):
    """`num2words.num2words`, which has no types."""

    def __call__(self, number: int, *, lang: str, to: str = "cardinal") -> str: ...


class Numerals:
    """The numbers of one language.

    Attributes:
        language: as ISO 639-1 has it.
        vocabulary: its other words.
        months: their names, January first.
        decimal: the decimal sign.
        figures: the words for 0 to 9.
    """

    def __init__(self, language: str, territory: str | None) -> None:
        """Load what is needed.

        Raises:
            MissingExtra: babel or num2words is not installed.
        """
        try:
            import babel.dates
            import babel.localedata
            import babel.numbers
            import babel.units

            num2words = import_module("num2words")
        except ImportError as exc:
            raise MissingExtra((exc.name or "babel").partition(".")[0], "languages") from exc
        self.language = language
        self.vocabulary: Vocabulary = VOCABULARIES[language]
        # babel's "pt" is Brazil, num2words' is Portugal.
        territory = territory or ("PT" if language == "pt" else None)
        locale = f"{language}_{territory}" if territory else language
        self._locale = locale if babel.localedata.exists(locale) else language
        self._lang = "pt_BR" if self._locale == "pt_BR" else language
        self._in_words = cast("_InWords", num2words.num2words)
        self._format_unit = babel.units.format_unit
        self._currency_name = babel.numbers.get_currency_name
        names = babel.dates.get_month_names(locale=self._locale)
        self.months = tuple(names[number] for number in range(1, 13))
        self.decimal = babel.numbers.get_decimal_symbol(self._locale)
        self.figures = tuple(self.cardinal(figure) for figure in range(10))

    def cardinal(self, value: int) -> str:
        """Return a number that stands alone or counts."""
        return self._in_words(value, lang=self._lang)

    def counting(self, value: int, *, feminine: bool = False) -> str:
        """Return a number that stands before what it counts, in its form for that."""
        words = self.cardinal(value)
        match self.language:
            case "de" if words.endswith("eins"):
                return f"{words[:-1]}e" if feminine and value == 1 else words[:-1]
            case "fr" if feminine and (words == "un" or words.endswith(" un")):
                return f"{words}e"
            case "es" if feminine:
                words = words.replace("cientos", "cientas").replace("quinientos", "quinientas")
                return f"{words[:-1]}a" if words.endswith("uno") else words
            case "es" if words.endswith("veintiuno"):
                return f"{words[:-3]}ún"
            case "es" if words.endswith("uno"):
                return words[:-1]
            case "pt" if feminine:
                words = words.replace("entos", "entas")
                if words.endswith("um"):
                    return f"{words}a"
                return f"{words[:-4]}duas" if words.endswith("dois") else words
            case "it" if value == 1:
                return "una" if feminine else "un"
            case _:
                pass
        return words

    def ordinal(self, value: int, *, feminine: bool = False) -> str:
        """Return an ordinal number; in German its weak form ("dritte")."""
        words = self._in_words(value, lang=self._lang, to="ordinal")
        if not feminine:
            return words
        if self.language == "fr":
            return "première" if value == 1 else words
        return " ".join(f"{word[:-1]}a" if word[-1] == "o" else word for word in words.split())

    def year(self, value: int) -> str:
        """Return a year as it is read."""
        return self._in_words(value, lang=self._lang, to="year").replace(" honderd", "honderd")

    def figure(self, figure: str) -> str:
        """Return the word for one figure."""
        return self.figures[int(figure)]

    def digits(self, text: str) -> str:
        """Return the figures of a text one by one."""
        return " ".join(self.figure(sign) for sign in text if sign in "0123456789")

    def unit(self, unit: str, value: int) -> str:
        """Return the name of a unit (as babel calls it) as it stands behind a number."""
        shown = self._format_unit(value, unit, length="long", locale=self._locale)
        return shown.replace(str(value), "", 1).replace("\u00a0", " ").strip()

    def currency(self, code: str) -> Currency:
        """Return how a currency (ISO 4217) is called."""
        if known := self.vocabulary.currencies.get(code):
            return known
        one, many = (
            self._currency_name(code, count=count, locale=self._locale) for count in (1, 2)
        )
        return Currency(one, many, "", "")

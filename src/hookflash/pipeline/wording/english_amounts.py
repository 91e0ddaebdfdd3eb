"""English: money, percent, units, temperatures, and the ranges of all of them."""

from hookflash.pipeline.wording.english_numbers import cardinal, digits, number, whole
from hookflash.pipeline.wording.rules import Match, Rule, RuleSet, rule, rule_set

__all__ = ["NUMBER", "amount_rules"]

_INTEGER = r"(?:[0-9]{1,3}(?:,[0-9]{2,3}){0,5},[0-9]{3}(?![0-9])|[0-9]{1,18})"
NUMBER = rf"(?:{_INTEGER}(?:\.[0-9]{{1,12}})?|\.[0-9]{{1,12}})"
"""A number as English writes it; the Indian grouping (1,00,000), too."""

_SIGN = r"(?:(?<![\w.,)])(?P<sign>[-\u2212]|\u00b1))?"
_BEFORE = r"(?<![\w.,:/])"
_DASH = r"\s?[-\u2013\u2014]\s?"
_SPAN = rf"{_SIGN}(?P<low>{NUMBER})(?:{_DASH}(?P<high>{NUMBER}))?"
_SCALE = r"(?:\s?(?P<scale>thousand|million|billion|trillion|mn|bn|tn|[kKmMbB])(?![\w]))?"
_SCALES = {
    "k": "thousand",
    "m": "million",
    "mn": "million",
    "b": "billion",
    "bn": "billion",
    "tn": "trillion",
}
_SIGNS = {"-": "minus ", "\u2212": "minus ", "\u00b1": "plus or minus "}

_Currency = tuple[str, str, str, str]
_DOLLAR = ("dollar", "dollars", "cent", "cents")


def _kind(adjective: str, currency: _Currency) -> _Currency:
    one, many, part, parts = currency
    return (f"{adjective} {one}", f"{adjective} {many}", part, parts)


_BY_SIGN: dict[str, _Currency] = {
    "$": _DOLLAR,
    "\u00a3": ("pound", "pounds", "penny", "pence"),
    "\u20ac": ("euro", "euros", "cent", "cents"),
    "\u00a5": ("yen", "yen", "", ""),
    "\u20b9": ("rupee", "rupees", "paisa", "paise"),
    "\u20a9": ("won", "won", "", ""),
    "\u20bd": ("ruble", "rubles", "kopeck", "kopecks"),
    "\u20ba": ("lira", "lira", "kurus", "kurus"),
    "\u20aa": ("shekel", "shekels", "agora", "agorot"),
    "\u20ab": ("dong", "dong", "", ""),
    "\u20a6": ("naira", "naira", "kobo", "kobo"),
    "\u20b1": ("peso", "pesos", "centavo", "centavos"),
    "\u20b4": ("hryvnia", "hryvnias", "kopeck", "kopecks"),
    "\u0e3f": ("baht", "baht", "satang", "satang"),
    "US$": _kind("U S", _DOLLAR),
    "CA$": _kind("Canadian", _DOLLAR),
    "C$": _kind("Canadian", _DOLLAR),
    "AU$": _kind("Australian", _DOLLAR),
    "A$": _kind("Australian", _DOLLAR),
    "NZ$": _kind("New Zealand", _DOLLAR),
    "HK$": _kind("Hong Kong", _DOLLAR),
    "MX$": ("Mexican peso", "Mexican pesos", "centavo", "centavos"),
    "R$": ("real", "reais", "centavo", "centavos"),
}
_BY_CODE: dict[str, _Currency] = {
    "USD": _kind("U S", _DOLLAR),
    "EUR": _BY_SIGN["\u20ac"],
    "GBP": _kind("British", _BY_SIGN["\u00a3"]),
    "JPY": _BY_SIGN["\u00a5"],
    "INR": _kind("Indian", _BY_SIGN["\u20b9"]),
    "CAD": _BY_SIGN["CA$"],
    "AUD": _BY_SIGN["A$"],
    "NZD": _BY_SIGN["NZ$"],
    "HKD": _BY_SIGN["HK$"],
    "SGD": _kind("Singapore", _DOLLAR),
    "MXN": _BY_SIGN["MX$"],
    "BRL": _kind("Brazilian", _BY_SIGN["R$"]),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
    "KRW": _BY_SIGN["\u20a9"],
    "SEK": ("Swedish krona", "Swedish kronor", "ore", "ore"),
    "NOK": ("Norwegian krone", "Norwegian kroner", "ore", "ore"),
    "DKK": ("Danish krone", "Danish kroner", "ore", "ore"),
    "PLN": ("zloty", "zlotys", "grosz", "groszy"),
    "ZAR": ("rand", "rand", "cent", "cents"),
    "AED": ("dirham", "dirhams", "fils", "fils"),
    "TRY": _BY_SIGN["\u20ba"],
}
_PREFIX = (
    rf"(?:US|CA|AU|NZ|HK|MX|[CAR])?\$|[{''.join(sign for sign in _BY_SIGN if len(sign) == 1)}]"
)
_CODES = "|".join(_BY_CODE)

# After "a" and before its noun an amount is an adjective: "a twenty dollar fee".
_ARTICLE = r"(?P<article>\b(?:[Aa]n?|[Tt]he|[Yy]our|[Oo]ur|[Tt]his|[Tt]hat|[Ee]ach)\s)?"
_THING = (
    r"(?P<thing>(?=\s(?:bill|note|fee|deposit|charge|credit|discount|coupon|voucher|gift|card|copay|"
    r"refund|payment|limit|minimum|fine|surcharge|tip|plan|ticket|co-pay|bonus|donation|transfer|"
    r"purchase|order|balance|deductible|reward)s?\b))?"
)

_UNITS: dict[str, tuple[str, str]] = {
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "m/s": ("meter per second", "meters per second"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "nm": ("nanometer", "nanometers"),
    "m": ("meter", "meters"),
    "mi": ("mile", "miles"),
    "yd": ("yard", "yards"),
    "yds": ("yard", "yards"),
    "ft": ("foot", "feet"),
    "sq ft": ("square foot", "square feet"),
    "sq. ft": ("square foot", "square feet"),
    "sqft": ("square foot", "square feet"),
    "ft\u00b2": ("square foot", "square feet"),
    "sq m": ("square meter", "square meters"),
    "m\u00b2": ("square meter", "square meters"),
    "km\u00b2": ("square kilometer", "square kilometers"),
    "m\u00b3": ("cubic meter", "cubic meters"),
    "kg": ("kilogram", "kilograms"),
    "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"),
    "mcg": ("microgram", "micrograms"),
    "\u00b5g": ("microgram", "micrograms"),
    "\u03bcg": ("microgram", "micrograms"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "fl oz": ("fluid ounce", "fluid ounces"),
    "gal": ("gallon", "gallons"),
    "qt": ("quart", "quarts"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tsp": ("teaspoon", "teaspoons"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "cl": ("centiliter", "centiliters"),
    "h": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "sec": ("second", "seconds"),
    "s": ("second", "seconds"),
    "secs": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"),
    "yr": ("year", "years"),
    "yrs": ("year", "years"),
    "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "W": ("watt", "watts"),
    "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "mAh": ("milliamp hour", "milliamp hours"),
    "V": ("volt", "volts"),
    "dB": ("decibel", "decibels"),
    "psi": ("P S I", "P S I"),
    "bpm": ("beat per minute", "beats per minute"),
    "rpm": ("R P M", "R P M"),
    "kcal": ("kilocalorie", "kilocalories"),
    "cal": ("calorie", "calories"),
    "px": ("pixel", "pixels"),
}
_UNIT = "|".join(
    sorted(map(_escaped := lambda unit: unit.replace(".", r"\."), _UNITS), key=len)[::-1]
)
_PER = {
    "mo": "month",
    "yr": "year",
    "hr": "hour",
    "h": "hour",
    "min": "minute",
    "s": "second",
    "sec": "second",
    "wk": "week",
    "pp": "person",
    "ea": "each",
    "sq ft": "square foot",
    "sqft": "square foot",
    "lb": "pound",
    "kg": "kilogram",
    "gal": "gallon",
    "GB": "gigabyte",
    "kWh": "kilowatt hour",
}
_PER_WORDS = (
    "hour|day|night|week|month|quarter|year|minute|second|person|user|unit|item|call|gallon|mile|"
    "pound|ounce|seat|room|guest|adult|child|visit|session|mo|yr|hr|h|min|sec|wk|pp|ea|sq ft|sqft|"
    "lb|kg|gal|GB|kWh"
)


def amount_rules() -> list[RuleSet]:
    """Return the rules, the first first."""
    return [
        rule_set(rf"{_PREFIX}|[A-Z]{{3}}|\u00a2", _money_rules(), figures=True),
        rule_set(r"[0-9] ?[^\s,.;:!?0-9)]|[\u2103\u2109]", _measure_rules(), figures=True),
        rule_set(r"[-+\u2212\u00b1\u2013\u2014]", _range_rules(), figures=True),
    ]


def _money_rules() -> list[Rule]:
    return [
        rule(
            rf"{_ARTICLE}(?P<x>{_SIGN}(?<![\w.])(?P<sym>{_PREFIX})\s?(?P<low>{NUMBER})"
            rf"(?:{_DASH}(?:{_PREFIX})?(?P<high>{NUMBER}))?{_SCALE})(?!\w){_THING}",
            lambda found: _money(found, _BY_SIGN[found["sym"]]),
        ),
        rule(
            rf"{_ARTICLE}{_BEFORE}(?P<x>{_SPAN}{_SCALE}\s?(?P<sym>[\u00a3\u20ac\u20b9]))(?!\w){_THING}",
            lambda found: _money(found, _BY_SIGN[found["sym"]]),
        ),
        rule(
            rf"{_ARTICLE}{_BEFORE}(?P<x>{_SPAN}{_SCALE}\s?(?P<sym>{_CODES}))\b{_THING}",
            lambda found: _money(found, _BY_CODE[found["sym"]]),
        ),
        rule(
            rf"{_ARTICLE}(?P<x>\b(?P<sym>{_CODES})\s?{_SPAN}{_SCALE})(?!\w){_THING}",
            lambda found: _money(found, _BY_CODE[found["sym"]]),
        ),
        # "2,50 €": the decimal comma of the continent.
        rule(
            r"(?<![\w.,])(?P<low>[0-9]{1,9}),(?P<part>[0-9]{2})\s?(?P<sym>[\u20ac\u00a3])(?!\w)",
            lambda found: _sum(f"{found['low']}.{found['part']}", _BY_SIGN[found["sym"]]),
        ),
        rule(rf"{_BEFORE}(?P<low>[0-9]{{1,3}})\s?\u00a2", _cents),
    ]


def _measure_rules() -> list[Rule]:
    return [
        rule(rf"{_BEFORE}{_SPAN}\s?(?P<unit>%|\u2030)", _percent),
        rule(
            rf"{_BEFORE}{_SPAN}\s?[\u00b0\u00ba](?:\s?(?P<unit>[CFK])(?!\w))?|(?P<alone>[\u2103\u2109])",
            _degrees,
        ),
        rule(
            r"(?<![\w.])(?P<feet>[0-9])['\u2019\u2032]\s?(?P<inches>1[01]|[0-9])(?:\"|''|\u2033|\u201d)",
            lambda found: f"{cardinal(int(found['feet']))} foot {cardinal(int(found['inches']))}",
        ),
        rule(
            rf"{_BEFORE}(?P<low>{NUMBER})(?:\u2033|\"(?=\s(?:x|by|screen|display|monitor|tv|TV|wide|tall|"
            r"long|deep|pipe|pizza|tablet|laptop|ruler)\b))",
            lambda found: f"{number(found['low'])} inch",
        ),
        rule(
            rf"(?P<article>\b[Aa]n?\s)?{_BEFORE}(?P<x>{_SPAN}(?P<gap>[ \u00a0\u202f-]?)"
            rf"(?P<unit>{_UNIT})\b"
            r"(?:\.(?=\s[a-z(]|,))?)(?![\w'\u2019/])(?!-[0-9])",
            _measure,
        ),
        # "1/2 lb".
        rule(
            rf"(?<=[0-9]/[0-9]\s)(?P<unit>{_UNIT})\b(?![\w'\u2019/-])",
            lambda found: _UNITS[found["unit"]][0],
        ),
        rule(
            rf"(?<=[\w%)]) ?/ ?(?P<per>{_PER_WORDS})\b(?!/)",
            lambda found: (
                " each" if found["per"] == "ea" else f" per {_PER.get(found['per'], found['per'])}"
            ),
        ),
        # "2.5M users", "10k".
        rule(
            rf"{_BEFORE}(?P<low>{NUMBER})(?:(?P<scale>k|bn|mn)\b|(?P<big>[MB])\b(?=\s[a-z]+s\b))",
            lambda found: (
                f"{number(found['low'])} {_SCALES[(found['scale'] or found['big']).lower()]}"
            ),
        ),
    ]


def _range_rules() -> list[Rule]:
    return [
        # Two numbers with a sign of arithmetic between them are settled elsewhere.
        rule(
            rf"{_BEFORE}(?<!-)(?P<x>(?P<low>{NUMBER}){_DASH}(?P<high>{NUMBER}))(?![\w/]|-[0-9]|[.,:][0-9])",
            _range,
        ),
        rule(
            rf"(?:(?<=\s)|(?<=^)|(?<=[(\"]))(?P<sign>[-\u2212\u00b1+])(?P<low>{NUMBER})(?![\w/-]|[.,:][0-9])",
            lambda found: _plus(found) + number(found["low"]),
        ),
    ]


def _plus(found: Match) -> str:
    return "plus " if found["sign"] == "+" else _SIGNS[found["sign"]]


def _range(found: Match) -> str | None:
    low, high = _value(found["low"]), _value(found["high"])
    if low is None or high is None:
        return None
    if low < high:
        return f"{number(found['low'])} to {number(found['high'])}"
    if low == high:
        return f"{number(found['low'])} {number(found['high'])}"
    return None


def _value(text: str) -> float | None:
    # "007" is no quantity.
    if text.startswith("0") and len(text) > 1 and text[1] != ".":
        return None
    return float(text.replace(",", "")) if len(text) < 16 else None


def _span(found: Match) -> str:
    high = found["high"]
    sign = _SIGNS.get(found["sign"] or "", "")
    return f"{sign}{number(found['low'])}" + (f" to {number(high)}" if high else "")


def _is_one(found: Match) -> bool:
    return not found["high"] and found["low"] == "1"


def _money(found: Match, currency: _Currency) -> str:
    sign = _SIGNS.get(found["sign"] or "", "")
    adjective = bool(found["article"] and found["thing"] is not None)
    one, many, _, _ = currency
    scale = found["scale"]
    if scale or found["high"]:
        low = number(found["low"])
        to = f" to {number(found['high'])}" if found["high"] else ""
        scale = f" {_SCALES.get(scale.lower(), scale.lower())}" if scale else ""
        return f"{sign}{low}{to}{scale} {one if adjective else many}"
    return sign + _sum(found["low"], currency, adjective=adjective)


def _sum(text: str, currency: _Currency, *, adjective: bool = False) -> str:
    """Return "two dollars and fifty cents" for "2.50"."""
    one, many, part, parts = currency
    before, point, after = text.partition(".")
    value = whole(before or "0")
    if value is None:
        return f"{digits(before)} {many}"
    if point and (len(after) > 2 or not part):
        return f"{number(text)} {many}"
    cents = int(after.ljust(2, "0")) if after else 0
    large = f"{cardinal(value)} {one if value == 1 or adjective else many}"
    small = f"{cardinal(cents)} {part if cents == 1 or adjective else parts}"
    if not cents:
        return large
    return f"{large} and {small}" if value else small


def _cents(found: Match) -> str:
    value = int(found["low"])
    return f"{cardinal(value)} {'cent' if value == 1 else 'cents'}"


def _percent(found: Match) -> str:
    return f"{_span(found)} {'percent' if found['unit'] == '%' else 'per mille'}"


def _degrees(found: Match) -> str:
    if found["alone"]:
        return " degrees Celsius" if found["alone"] == "\u2103" else " degrees Fahrenheit"
    scale = {"C": " Celsius", "F": " Fahrenheit", "K": " Kelvin", None: ""}[found["unit"]]
    return f"{_span(found)} {'degree' if _is_one(found) else 'degrees'}{scale}"


def _measure(found: Match) -> str | None:
    unit, gap = found["unit"], found["gap"]
    if unit == "s" and not gap:
        return None
    one, many = _UNITS[unit]
    adjective = bool(found["article"]) or gap == "-"
    return f"{_span(found)} {one if _is_one(found) or adjective else many}"

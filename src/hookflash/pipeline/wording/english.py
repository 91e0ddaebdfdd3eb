"""English: which rules there are, in which order; and abbreviations, acronyms, signs, numbers."""

import re
from functools import cache

from hookflash.pipeline.wording.addresses import AddressWords, address_rules
from hookflash.pipeline.wording.english_amounts import NUMBER, amount_rules
from hookflash.pipeline.wording.english_calendar import date_rules, day_rules, time_rules
from hookflash.pipeline.wording.english_codes import code_rules
from hookflash.pipeline.wording.english_numbers import (
    cardinal,
    digits,
    number,
    ordinal,
    spelled,
    whole,
)
from hookflash.pipeline.wording.english_places import PLACES, place_rules, state_rules
from hookflash.pipeline.wording.rules import Match, Rule, RuleSet, rule, rule_set

__all__ = ["english"]

_TITLES = {
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Miz",
    "Dr": "Doctor",
    "Prof": "Professor",
    "Rev": "Reverend",
    "Capt": "Captain",
    "Sgt": "Sergeant",
    "Lt": "Lieutenant",
    "Gen": "General",
    "Col": "Colonel",
    "Gov": "Governor",
    "Sen": "Senator",
    "Hon": "Honorable",
    "Mt": "Mount",
    "Ft": "Fort",
}
_SHORT = {
    "vs.": "versus",
    "etc.": "et cetera",
    "e.g.": "for example",
    "i.e.": "that is",
    "approx.": "approximately",
    "dept.": "department",
    "Dept.": "Department",
    "appt.": "appointment",
    "appts.": "appointments",
    "incl.": "including",
    "excl.": "excluding",
    "est.": "estimated",
    "Ltd.": "Limited",
    "Inc.": "Incorporated",
    "Corp.": "Corporation",
    "Bros.": "Brothers",
    "Jr.": "Junior",
    "Sr.": "Senior",
    "Ph.D.": "P H D",
    "mgmt.": "management",
    "govt.": "government",
    "tel.": "telephone",
    "Tel.": "Telephone",
    "misc.": "miscellaneous",
    "temp.": "temperature",
}
_COUNTED = {
    "no": "number",
    "nos": "numbers",
    "fig": "figure",
    "figs": "figures",
    "vol": "volume",
    "ch": "chapter",
    "sec": "section",
    "para": "paragraph",
    "art": "article",
    "p": "page",
    "pp": "pages",
    "pt": "part",
    "ver": "version",
}
_IDIOMS = {
    "24/7": "twenty-four seven",
    "50/50": "fifty fifty",
    "20/20": "twenty twenty",
    "9/11": "nine eleven",
    "and/or": "and or",
    "he/she": "he or she",
    "she/he": "she or he",
    "his/her": "his or her",
    "him/her": "him or her",
    "yes/no": "yes or no",
    "Yes/No": "Yes or No",
    "w/o": "without",
    "c/o": "care of",
    "n/a": "not applicable",
    "N/A": "not applicable",
    "TCP/IP": "T C P I P",
    "C++": "C plus plus",
    "C#": "C sharp",
    "F#": "F sharp",
    ".NET": "dot net",
}
# Spelled although there is a vowel in them; others with a vowel may be words in capitals. A space
# around each.
_SPELLED = (
    " API ATM CEO CFO CIO COO CTO CIA FBI IRS USA UK EU UN UAE UPS USPS URL USB UTC ETA EST EDT "
    "IOU ISO IPO IQ ISP IP UI UX UV AI AC EV ER ICU IV IVR MRI ECG EEG EKG AED OTP ID DOA DOB EMI "
    "ESL ESPN FAQ FYI GPA GPU CPU IBM IDE IMO IPA IRA IUD LED LAPD NYPD MBA MLA NBA NCAA NFL NHL "
    "MLB NHS OCD ADHD PTA PO QA ROI SEO SIP SUV TBA TIA TSA UAT UFO VIP VOIP USD EUR AUD AKA AWS "
    "BBC CNN CBS NBC ABC HBO KPI SLA POS ETF APR APY HOA HSA FSA EOB PTO HMO PPO EPA FAA FDA HR "
    "EOD BYOB RSVP DIY "
)
_ROMAN = re.compile(r"(?=[IVXL])(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMANS = {"I": 1, "V": 5, "X": 10, "L": 50}
_RULERS = (
    "Henry|Elizabeth|Charles|George|Louis|James|Edward|Richard|William|Mary|John|Paul|Benedict|Pius|"
    "Francis|Philip|Catherine|Peter|Nicholas|Frederick|Wilhelm|Ramses|Napoleon|Alexander|Leo|Gregory|"
    "Innocent|Clement|Urban|Felipe|Juan Carlos|Carl Gustaf|Harald|Margrethe|Frederik"
)
_PARTS = (
    "War|Chapter|Part|Act|Scene|Volume|Book|Section|Article|Phase|Type|Level|Stage|Class|Category|"
    "Grade|Appendix|Title|Bowl|Tier|Schedule|Episode|Rocky|Rome"
)
_FRACTIONS = {
    "\u00bd": (1, 2),
    "\u2153": (1, 3),
    "\u2154": (2, 3),
    "\u00bc": (1, 4),
    "\u00be": (3, 4),
    "\u2155": (1, 5),
    "\u2156": (2, 5),
    "\u2157": (3, 5),
    "\u2158": (4, 5),
    "\u215b": (1, 8),
    "\u215c": (3, 8),
    "\u215d": (5, 8),
    "\u215e": (7, 8),
}
_MEASURED = (
    r"(?=\s(?:of|an?\s|cups?|inch(?:es)?|hours?|miles?|teaspoons?|tablespoons?|pounds?|full|price|off|"
    r"the|day|bath|empty|tsp|tbsp|cup|lb|oz)\b)"
)
_OPERATORS = {
    "+": "plus",
    "=": "equals",
    "\u00d7": "times",
    "*": "times",
    "\u00f7": "divided by",
    "<": "is less than",
    ">": "is greater than",
    "\u2264": "is at most",
    "\u2265": "is at least",
    "\u2260": "is not equal to",
    "\u2248": "is about",
    "\u2212": "minus",
    "<=": "is at most",
    ">=": "is at least",
    "!=": "is not equal to",
    "==": "equals",
}

_WORDS_OF_ADDRESSES = AddressWords(
    at="at",
    dot="dot",
    slash="slash",
    dash="dash",
    underscore="underscore",
    plus="plus",
    figure=digits,
)


@cache
def english(date_order: str) -> tuple[RuleSet, ...]:
    """Return the rules, the first first. The first call compiles them, which takes a while.

    Args:
        date_order: `mdy` or `dmy`, for dates in figures that could be either.
    """
    short = "|".join(re.escape(text[:-1]) for text in _SHORT)
    return (
        rule_set(r"@|/|\w\.\w", address_rules(_WORDS_OF_ADDRESSES)),
        rule_set(r"[/#+]|\.N", _idiom_rules()),
        # A stop within the text, or one that may be an abbreviation's.
        rule_set(
            rf"\.(?![\"')\u201d\s]*$)|\b(?:{short}|[A-Z])\.|\b(?:Mrs?|Ms|Dr) ",
            _abbreviation_rules(),
        ),
        rule_set(r"[*#]", _key_rules()),
        rule_set(PLACES, place_rules(), figures=True),
        *date_rules(date_order),
        rule_set(
            r"[0-9][ ().-]{0,3}[0-9]|[0-9][A-Z-]|[A-Z-] ?[0-9]|#[0-9]|\b[Ee]xt",
            code_rules(),
            figures=True,
        ),
        *time_rules(),
        rule_set(r"[0-9]/[0-9]", _fraction_rules(), figures=True),
        rule_set(
            r"[+=<>*/^\u00d7\u00f7\u2212\u2248\u2260-\u2265\u221a\u00b2\u00b3]|[0-9)] ?[-xX]",
            _sum_rules(),
        ),
        rule_set(r"[0-9]\.[0-9]|[vV][0-9]", _version_rules(), figures=True),
        *amount_rules(),
        rule_set(r"[0-9\u00bc-\u00be\u2150-\u215e]", _number_rules()),
        rule_set(r"[^\w\s.,!?'\"-]", _sign_rules()),
        rule_set(
            r"[A-Z]{2}|[A-Z]&|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)|day[ \u2013-]"
            r"|[A-Z][a-z]{2,12} [IVX]\b",
            _capital_rules(),
        ),
    )


def _stop(found: Match) -> str:
    """The stop of an abbreviation, where it is the sentence's, too."""
    rest = found.string[found.end() : found.end() + 8].strip(" \"')\u201d")
    return "." if found[0].endswith(".") and not rest else ""


def _idiom_rules() -> list[Rule]:
    idioms = "|".join(re.escape(text) for text in sorted(_IDIOMS, key=len, reverse=True))
    return [
        rule(rf"(?<![\w/.])(?:{idioms})(?![\w/+#])", lambda found: _IDIOMS[found[0]]),
        rule(r"\bw/\s?(?=[a-z])", "with "),
    ]


def _abbreviation_rules() -> list[Rule]:
    short = "|".join(re.escape(text) for text in sorted(_SHORT, key=len, reverse=True))
    return [
        rule(
            rf"\b(?P<x>(?P<title>{'|'.join(_TITLES)})\.)(?=\s(?:[A-Z]|and\s|or\s|&))",
            lambda found: _TITLES[found["title"]],
        ),
        rule(
            r"\b(?P<title>Mr|Mrs|Ms|Dr)(?=\s[A-Z][a-z])",
            lambda found: _TITLES[found["title"]],
        ),
        # "St. Mary's", but not "Main St. Suite 5".
        rule(
            r"(?:^|(?<=[a-z,(\"]\s)|(?<=\bin )|(?<=\bat ))(?<![A-Z]\w\s)(?P<x>St\.)(?=\s[A-Z])",
            _saint,
        ),
        rule(rf"(?<![\w.])(?:{short})(?!\w)", lambda found: _SHORT[found[0]] + _stop(found)),
        rule(
            rf"\b(?P<x>(?P<word>(?i:{'|'.join(_COUNTED)}))\.\s?)(?=[0-9])",
            lambda found: f"{_as_cased(_COUNTED[found['word'].lower()], found['word'])} ",
        ),
        # "U.S.", "J.K. Rowling".
        rule(
            r"(?<![\w.])(?:[A-Z]\.){2,5}(?:[A-Z](?!\w))?",
            lambda found: " ".join(found[0].replace(".", "")) + _stop(found),
        ),
    ]


def _as_cased(word: str, like: str) -> str:
    return word.capitalize() if like[0].isupper() else word


def _saint(found: Match) -> str | None:
    before = found.string[max(0, found.start() - 40) : found.start()].split()
    return None if before and before[-1][0].isupper() and len(before) > 1 else "Saint"


def _parts(top: int, bottom: int) -> str:
    if bottom == 2:
        return "one half" if top == 1 else f"{cardinal(top)} halves"
    name = "quarter" if bottom == 4 else ordinal(bottom)
    return f"{cardinal(top)} {name}{'' if top == 1 else 's'}"


def _mixed(whole_number: str | None, top: int, bottom: int) -> str:
    fraction = _parts(top, bottom)
    if whole_number is None:
        return fraction
    if top == 1:
        fraction = f"a {fraction.removeprefix('one ')}"
        if fraction == "a eighth":
            fraction = "an eighth"
    return f"{cardinal(int(whole_number))} and {fraction}"


def _fraction_rules() -> list[Rule]:
    return [
        rule(
            r"(?<![\w/.,-])(?:(?P<whole>[0-9]{1,4})[ -])?(?P<top>[1-9][0-9]?)/"
            r"(?P<bottom>[2-9]|10|12|16|32)"
            r"(?![\w/]|[.,][0-9])",
            _fraction,
        ),
        # "4.5/5", "rated 8/10".
        rule(
            r"(?<![\w/.,])(?P<a>[0-9]{1,3}\.[0-9]{1,2})/(?P<b>5|10|100)(?![\w/]|[.,][0-9])",
            lambda found: f"{number(found['a'])} out of {number(found['b'])}",
        ),
        rule(
            r"\b(?i:rat(?:ed|ing|es?)|scor(?:e[ds]?|ing)|pain|got)\s(?:is\s|it\s|a\s|an\s|of\s|level\s)?"
            r"(?P<x>(?P<a>[0-9]{1,3})/(?P<b>5|10|20|100))(?![\w/]|[.,][0-9])",
            lambda found: f"{number(found['a'])} out of {number(found['b'])}",
        ),
    ]


def _fraction(found: Match) -> str | None:
    top, bottom = int(found["top"]), int(found["bottom"])
    if top >= bottom:
        return None
    common = (top, bottom) in {(1, 2), (1, 3), (2, 3), (1, 4), (3, 4)}
    measured = re.match(_MEASURED, found.string[found.end() :])
    if not (common or measured or (found["whole"] and bottom in {2, 3, 4, 8, 16})):
        return None
    return _mixed(found["whole"], top, bottom)


def _sum_rules() -> list[Rule]:
    operators = "|".join(re.escape(sign) for sign in sorted(_OPERATORS, key=len, reverse=True))
    term = r"(?:[0-9][0-9.,]{0,15}|[a-z](?!\w))"
    return [
        rule(
            rf"(?:(?<=[0-9)%\u00b2\u00b3])|(?<=\b[a-z]))(?P<x>\s(?P<sign>{operators})\s)(?=[-(\u221a$]?{term})",
            lambda found: f" {_OPERATORS[found['sign']]} ",
        ),
        rule(
            rf"(?<=[0-9)])(?P<sign>[+*\u00d7\u00f7=])(?=\(?{term})",
            lambda found: f" {_by(found)} ",
        ),
        # A hyphen is a minus where there is a result.
        rule(r"(?<=[0-9)])(?P<x>\s-\s)(?=[0-9(][^=]{0,40}=)", " minus "),
        rule(r"(?<=[0-9)])\s/\s(?=[0-9(])", " divided by "),
        rule(r"(?<=[0-9])\s?[xX]\s?(?=[$\u00a3\u20ac][0-9])", " times "),
        rule(r"(?<=[0-9])(?:\s[xX]\s|[xX])(?=[0-9])", " by "),
        rule(
            rf"(?:(?<![\w.,:/])(?P<low>{NUMBER})|(?<=[a-zA-Z)]))(?:\^(?P<power>[23])(?![0-9])|"
            r"(?P<sign>[\u00b2\u00b3]))",
            lambda found: (
                (number(found["low"]) if found["low"] else "")
                + (" squared" if (found["power"] or found["sign"]) in "2\u00b2" else " cubed")
            ),
        ),
        rule(r"(?<=[\w)])\^(?=[0-9])", " to the power of "),
        rule(r"\u221a\s?(?=[0-9(a-z])", "the square root of "),
    ]


def _by(found: Match) -> str:
    # "8\u00d710" is a size unless something equals it.
    sign = found["sign"]
    return "by" if sign == "\u00d7" and "=" not in found.string else _OPERATORS[sign]


def _version_rules() -> list[Rule]:
    return [
        rule(
            r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w.]{2}|\w)",
            lambda found: " dot ".join(digits(part) for part in found[0].split(".")),
        ),
        rule(
            r"(?<![\w.])(?P<v>[vV])?(?P<version>[0-9]{1,4}(?:\.[0-9]{1,4}){2,4})(?!\w|\.[0-9])",
            lambda found: ("version " if found["v"] else "") + _version(found["version"]),
        ),
        rule(
            r"(?<![\w.-])[vV](?P<version>[0-9]{1,3}(?:\.[0-9]{1,3})?)(?!\w|\.[0-9])",
            lambda found: f"version {_version(found['version'])}",
        ),
        rule(
            r"\b(?i:version|release|python|macos|ios|android)\s(?P<x>[0-9]{1,3}\.[0-9]{1,3})(?!\w|\.[0-9])",
            lambda found: _version(found["x"]),
        ),
    ]


def _version(text: str) -> str:
    return " point ".join(
        digits(part) if part[0] == "0" else cardinal(int(part)) for part in text.split(".")
    )


def _number_rules() -> list[Rule]:
    fractions = "".join(_FRACTIONS)
    return [
        rule(
            rf"(?:(?<![\w.,])(?P<whole>[0-9]{{1,4}})\s?)?(?P<sign>[{fractions}])(?!\w)",
            lambda found: _mixed(found["whole"], *_FRACTIONS[found["sign"]]),
        ),
        rule(r"(?<![\w#])#(?P<number>[0-9]{1,3})(?!\w|[.,:-][0-9])", _number_sign),
        rule(
            r"(?<![\w#])#(?P<number>[0-9][0-9-]{3,20})(?!\w|[.,:][0-9])",
            lambda found: f"number {spelled(found['number'])}",
        ),
        rule(
            rf"(?<![\w.,:/])~\s?(?P<low>{NUMBER})(?!\w|[.,:/-][0-9])",
            lambda found: f"about {number(found['low'])}",
        ),
        rule(
            r"(?<![\w.,])(?P<low>[0-9]{1,4})x(?!\w)",
            lambda found: f"{cardinal(int(found['low']))} time{'' if found['low'] == '1' else 's'}",
        ),
        rule(
            rf"(?<![\w.,:/])(?P<low>{NUMBER})(?P<more>\+)(?!\w)",
            lambda found: f"{number(found['low'])} plus",
        ),
        # Decimals.
        rule(
            r"(?<![\w.,:/])(?:[0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,15})?\.[0-9]{1,15}(?![\w/]|[.,:][0-9]|-[0-9])",
            lambda found: number(found[0]),
        ),
        rule(
            r"(?<![\w.,:/#-])[0-9]{1,3}(?:,[0-9]{2,3}){1,5}(?![\w/]|[.,:-][0-9])",
            _integer,
        ),
        # "24-hour", "the 3-day trip".
        rule(r"(?<![\w.,:/#-])[0-9]{1,3}(?=-[A-Za-z])", _integer),
        rule(
            r"(?<![\w.,:/#])(?<![0-9A-Z]-)[0-9]{1,4}(?![\w/:\u00b0%]|[.,][0-9]|-\w)",
            _plain_number,
        ),
        rule(r"(?<![\w.,:/#-])[0-9]{5,6}(?=\s[a-z]{2,20}s\b)", _integer),
    ]


def _integer(found: Match) -> str | None:
    text = found[0]
    if text[0] == "0" and len(text) > 1:
        return digits(text)
    value = whole(text)
    return None if value is None else cardinal(value)


def _number_sign(found: Match) -> str:
    value = int(found["number"])
    return f"number {cardinal(value)}"


def _plain_number(found: Match) -> str | None:
    """Leave "Boeing 747" to the synthesiser: names have their own ways with numbers."""
    if len(found[0]) == 3 and found[0][0] != "0":
        start = max(0, found.start() - 30)
        *_, name = ["", *found.string[start : found.start()].split(" ")[:-1]]
        opens = found.start() <= len(name) + 1
        if len(name) > 2 and name[0].isupper() and name[-1].isalnum() and not opens:
            return found[0]
    return _integer(found)


def _key_rules() -> list[Rule]:
    return [
        # The keys of a telephone.
        rule(
            r"(?i:\b(?:press|press\sthe|dial|hit|hit\sthe|key|enter|or|then|and|the|with))\s"
            r"(?P<x>[*#])(?!\S*[\w#*])",
            lambda found: "star" if found["x"] == "*" else "pound",
        ),
        rule(
            r"(?<![\w*])\*(?P<code>[0-9]{1,4})(?P<end>#?)(?![\w*])",
            lambda found: f"star {digits(found['code'])}" + (" pound" if found["end"] else ""),
        ),
        rule(
            r"(?<!\w)(?P<keys>[0-9]{1,12})#(?![\w#])",
            lambda found: f"{digits(found['keys'])} pound",
        ),
        rule(r"(?<=[0-9])#(?![\w#])", " pound"),
    ]


def _sign_rules() -> list[Rule]:
    return [
        rule(
            r"\b[A-Z]{1,3}&[A-Z]{1,3}(?![\w&])",
            lambda found: " and ".join(" ".join(part) for part in found[0].split("&")),
        ),
        rule(r"(?<=\w)\s?&\s?(?=\w)", " and "),
        rule(
            r"(?<![\w&/])#(?P<tag>[A-Za-z]\w{1,60})",
            lambda found: f"hashtag {_camel(found['tag'])}",
        ),
        rule(r"(?<![\w.])@(?P<name>[A-Za-z]\w{1,40})", lambda found: f"at {_camel(found['name'])}"),
        rule(r"\u00a7\s?(?=[0-9])", "section "),
        rule(r"(?<=\b[A-F])\+(?!\w)", " plus"),
        rule(r"(?<=[a-zA-Z])\s=\s(?=[a-zA-Z0-9])", " equals "),
        rule(r"(?<=[a-z])\s\+\s(?=[a-zA-Z])", " plus "),
        rule(r"\s?\u00b7\s?", ", "),
    ]


def _camel(text: str) -> str:
    return " ".join(re.findall(r"[A-Z]{2,}(?![a-z])|[A-Z]?[a-z]+|[A-Z]|[0-9]+", text)) or text


def _capital_rules() -> list[Rule]:
    return [
        *state_rules(),
        *day_rules(),
        rule(
            rf"\b(?:{_RULERS})\s(?P<x>[IVX]{{1,5}})\b(?!\s(?:am|was|have|will|can|would|think)\b)",
            _the_nth,
        ),
        rule(
            rf"\b(?:{_PARTS})\s(?P<x>[IVXL]{{1,7}})\b",
            lambda found: None if (value := _roman(found["x"])) is None else cardinal(value),
        ),
        rule(
            r"\bIT(?=\s(?:[Dd]epartment|[Ss]upport|[Tt]eam|[Dd]esk|[Ss]pecialist|[Ss]taff|[Hh]elp|[Ss]ecurity)\b)",
            "I T",
        ),
        rule(r"\b(?:the|The|in|across|within)\s(?P<x>US)\b", _not_shouted),
        rule(r"(?<![\w@#-])[A-Z]{2,6}(?:s|'s|\u2019s)?(?![\w@])", _acronym),
    ]


def _roman(text: str) -> int | None:
    if _ROMAN.fullmatch(text) is None:
        return None
    values = [_ROMANS[sign] for sign in text]
    return sum(
        -value if value < after else value
        for value, after in zip(values, [*values[1:], 0], strict=True)
    )


def _the_nth(found: Match) -> str | None:
    value = _roman(found["x"])
    # "George I" begins a new clause more often than it is a king.
    if value is None or found["x"] == "I":
        return None
    return f"the {ordinal(value)}"


def _not_shouted(found: Match) -> str | None:
    return "U S" if re.search(r"[a-z]{3}", found.string) else None


def _acronym(found: Match) -> str | None:
    text = found[0]
    core = re.match(r"[A-Z]+", text)
    letters = core[0] if core else text
    plural = "'s" if len(text) > len(letters) else ""
    unsayable = not set(letters) & set("AEIOUY") and _ROMAN.fullmatch(letters) is None
    if not unsayable and f" {letters} " not in _SPELLED:
        return None
    return " ".join(letters) + plural

"""English: telephone numbers, codes, card endings, and everything else that is spelled."""

import re

from hookflash.pipeline.wording.english_numbers import (
    PLURAL,
    cardinal,
    digits,
    grouped,
    number,
    room,
    spelled,
)
from hookflash.pipeline.wording.rules import Match, Rule, rule

__all__ = ["CODE_LEAD", "code_rules"]

# What is always a code, and what is one when it is followed by "number" or straight by the code.
_SURE = (
    r"code|codes|pin|passcode|otp|password|reference|ref|confirmation|reservation|pnr|serial|tracking|"
    r"extension|ext|zip(?:\scode)?|postcode|postal\scode|routing|iban|swift|vin|sku|imei|ssn|"
    r"licen[cs]e\splate|plate|registration|locator|voucher|token"
)
_THINGS = (
    r"order|booking|ticket|account|acct|card|case|invoice|policy|member|membership|customer|claim|"
    r"phone|telephone|fax|mobile|cell|contact|patient|passport|licen[cs]e|part|model|item|product|"
    r"appointment|employee|student|user|transaction|delivery|parcel|shipment|badge|meeting|webinar|"
    r"conference|access|security|request|incident|record|file|job|contract|loan|certificate"
)
_IS = r"(?:\s(?:is|are|was|number|no\.?|code|id|with|of))?(?:\s(?:is|was))?\s?[:=-]?\s?[\"'\u201c]?"
CODE_LEAD = (
    rf"(?:\b(?:{_SURE}){_IS}|\b(?:{_THINGS})\s(?:number|no\.?|id|code|ref(?:erence)?){_IS}|"
    rf"\b(?:{_THINGS})\s(?=#)|"
    rf"\b(?:number|digits)\s(?:is|are|was)?\s?:?\s?|\b(?:ID|id)(?:\s(?:is|was))?\s?:?\s?|"
    rf"\bending\s(?:in|with)\s|\bends\s(?:in|with)\s|\bending\s|\blast\s(?:four|4)(?:\sdigits)?"
    rf"(?:\s(?:are|is|of|were))?\s?:?\s?|\bfour\sdigits\s(?:are|is)\s)"
)
"""Finds the words after which figures are a code; matched regardless of case."""

_THING_AND_CODE = rf"\b(?:{_THINGS})\s"
_TOKEN = (
    r"(?P<x>\#?[0-9]{2,8}(?: [0-9]{2,8}){1,5}|\#?(?=[A-Z-]{0,12}[0-9])"
    r"[A-Z0-9]{1,20}(?:-[A-Z0-9]{1,12}){0,6})"
    rf"(?![\w%\u00b0/]|-\w|[.,:][0-9]|\s(?:[AaPp]\.?[Mm]\b|%)|{PLURAL})"
)
_QUANTITY = re.compile(
    r"[0-9]{1,5}(?:[KMGTP]B|[KMWVLBX]|[KMG]?HZ|[AP]M|MPH|KM|KG|LB|OZ|FT|ML|ST|ND|RD|TH)"
    r"|[AP]M-[0-9]{1,2}"
)
_SEP = r"[ .\u00a0\u2011\u2013-]"
_BEFORE = r"(?<![\w.,$\u00a3\u20ac/+-])"
_AFTER = r"(?![\w/%]|[.,:-][0-9])"


def code_rules() -> list[Rule]:
    """Return the rules, the first first."""
    return [
        # "**** 4242", "xxxx-xxxx-xxxx-4242".
        rule(
            r"(?P<lead>\bending\s(?:in|with)?\s?)?(?P<x>(?<![\w*])(?:[*xX\u2022]{3,12}[ -]?){1,4}"
            r"(?P<last>[0-9]{2,4}))(?![*\w])",
            lambda found: (
                digits(found["last"]) if found["lead"] else f"ending in {digits(found['last'])}"
            ),
        ),
        # +1 (415) 555-0100, 1-800-555-0199, (415) 555 0100, 415.555.0100.
        rule(
            rf"(?<![\w.,/+-])(?:(?P<country>\+?1){_SEP}?)?\(?(?P<area>[2-9][0-9]{{2}})\)?{_SEP}{{0,2}}"
            rf"(?P<exchange>[0-9]{{3}}){_SEP}(?P<line>[0-9]{{4}})(?:,?\s?(?:ext\.?|x|extension)\s?"
            rf"(?P<ext>[0-9]{{1,6}}))?{_AFTER}",
            _north_american,
        ),
        rule(
            rf"(?<![\w.,/+-])(?P<country>\+?1)(?P<area>[2-9][0-9]{{2}})(?P<exchange>[2-9][0-9]{{2}})"
            rf"(?P<line>[0-9]{{4}})(?P<ext>){_AFTER}",
            _north_american,
        ),
        # 1-800-FLOWERS.
        rule(
            r"(?<![\w-])1[- ](?P<area>8[0-9]{2})[- ](?P<word>[A-Z]{4,10})\b",
            lambda found: f"one, {_area(found['area'])}, {found['word'].capitalize()}",
        ),
        rule(
            rf"(?<![\w+])\+[0-9]{{1,3}}(?:{_SEP}?\(?[0-9]{{1,5}}\)?){{1,6}}{_AFTER}", _international
        ),
        # 020 7946 0958, 0151 496 0123.
        rule(
            rf"(?<![\w.,/+-])\(?0[0-9]{{2,5}}\)?(?:[ -][0-9]{{2,6}}){{1,4}}{_AFTER}",
            lambda found: _as_grouped(found[0]),
        ),
        rule(
            rf"{_BEFORE}[2-9][0-9]{{2}}[-.][0-9]{{4}}{_AFTER}", lambda found: _as_grouped(found[0])
        ),
        # Numbers of cards and social security; figures joined by more than one hyphen.
        rule(
            rf"{_BEFORE}[0-9]{{4}}(?:[ -][0-9]{{4}}){{2,4}}{_AFTER}",
            lambda found: _as_grouped(found[0]),
        ),
        rule(
            rf"{_BEFORE}[0-9]{{1,6}}(?:-[0-9]{{1,6}}){{2,6}}{_AFTER}",
            lambda found: _as_grouped(found[0]),
        ),
        rule(
            r"(?i:\b(?:call|dial|dialing|dialling|text|press|ring|calling))\s(?P<x>[0-9]{3,6})"
            r"(?![\w%/]|[.,:-][0-9])"
            rf"(?!{PLURAL})",
            lambda found: digits(found["x"]),
        ),
        rule(
            r"(?<![\w])(?P<x>(?:[Ee]xt\.|[Ee]xtension|(?<=[0-9] )x|(?<=[0-9], )x)\s?"
            r"(?P<ext>[0-9]{1,6}))\b",
            lambda found: f"extension {digits(found['ext'])}",
        ),
        # "flight UA1234", "room 204".
        rule(
            r"\b(?:[Ff]lights?|[Tt]rains?)\s(?:number\s)?(?P<x>(?P<line>(?:[A-Z]{2,3}|[A-Z][0-9]|[0-9][A-Z])\s?)?"
            r"(?P<number>[0-9]{1,4}))(?!\w|[.,:-][0-9])",
            lambda found: f"{spelled(found['line'] or '')} {room(int(found['number']))}".strip(),
        ),
        rule(
            r"\b(?i:room|suite|ste\.?|apartment|apt\.?|unit|bus|route|highway|interstate|gate|terminal|"
            r"platform|area|channel|building|bldg\.?|level|floor|locker|box|aisle|line)\s(?:number\s)?#?"
            r"(?P<x>(?P<number>[1-9][0-9]{0,3})(?P<letter>[A-Z])?)(?!\w|[.,:-][0-9]|/|\s?%)"
            rf"(?!{PLURAL})",
            lambda found: f"{room(int(found['number']))} {found['letter'] or ''}".rstrip(),
        ),
        rule(
            r"\bI-(?P<number>[0-9]{1,3})\b",
            lambda found: f"I {room(int(found['number']))}",
        ),
        rule(rf"(?i:{CODE_LEAD}){_TOKEN}", _after_lead),
        rule(rf"(?i:{_THING_AND_CODE}){_TOKEN}", _thing),
        # Postcodes of the United Kingdom.
        rule(
            r"\b(?P<out>[A-Z]{1,2}[0-9][A-Z0-9]?)\s(?P<in>[0-9][A-Z]{2})\b",
            lambda found: f"{spelled(found['out'])}, {spelled(found['in'])}",
        ),
        rule(
            r"\b(?:COVID|FY|Covid)-?(?P<number>[0-9]{2})\b",
            lambda found: (
                ("F Y " if found[0].startswith("FY") else "COVID ") + cardinal(int(found["number"]))
            ),
        ),
        # Letters and figures in one: "HB-4821", "7XKJ92"; short ones are names: "B12", "MP3".
        rule(
            r"(?<![\w.@/#:+-])(?=[A-Z0-9-]{0,24}[0-9])(?=[A-Z0-9-]{0,24}[A-Z])"
            r"[A-Z0-9]{1,16}(?:-[A-Z0-9]{1,16}){0,5}(?![\w@/]|-\w|[.][\w])",
            lambda found: _mixed(found[0]),
        ),
        rule(
            r"(?<![\w.,$\u00a3\u20ac/:#+-])[0-9]{7,20}(?![\w/%]|[.,:-][0-9])" rf"(?!{PLURAL})",
            lambda found: grouped(found[0]),
        ),
    ]


def _area(text: str) -> str:
    return f"{cardinal(int(text[0]))} hundred" if text.endswith("00") else digits(text)


def _north_american(found: Match) -> str:
    country, ext = found["country"], found["ext"]
    groups = [
        *(["plus one" if country.startswith("+") else "one"] if country else []),
        _area(found["area"]),
        digits(found["exchange"]),
        digits(found["line"]),
        *([f"extension {digits(ext)}"] if ext else []),
    ]
    return ", ".join(groups)


def _as_grouped(text: str) -> str | None:
    """Read figures in the groups in which they are written."""
    groups = [digits(part) for part in _parts(text)]
    return ", ".join(groups) if all(len(part) > 1 for part in _parts(text)) else " ".join(groups)


def _parts(text: str) -> list[str]:
    return "".join(sign if sign in "0123456789" else " " for sign in text).split()


def _international(found: Match) -> str | None:
    text = found[0]
    count = sum(sign in "0123456789" for sign in text)
    if not 8 <= count <= 15:
        return None
    parts = _parts(text)
    if len(parts) > 1:
        return f"plus {', '.join(digits(part) for part in parts)}"
    # Written without gaps: where the country's code ends cannot be seen.
    return f"plus {grouped(text)}"


def _after_lead(found: Match) -> str:
    text = found["x"]
    sign = text.startswith("#") and "number" not in found[0].lower()
    return f"number {_code(text[1:])}" if sign else _code(text.removeprefix("#"))


def _code(text: str) -> str:
    if text.isdigit():
        # "number 12" counts; "code 12" would not be so short.
        return cardinal(int(text)) if len(text) <= 2 and text[0] != "0" else _figures(text)
    if " " in text:
        return ", ".join(digits(part) for part in text.split())
    return spelled(text)


def _figures(text: str) -> str:
    return digits(text) if len(text) <= 6 else grouped(text)


def _thing(found: Match) -> str | None:
    """Handle "order 48213", which is a code, and "order 12", which may be how many."""
    text = found["x"].removeprefix("#")
    return _code(text) if len(text) >= 4 or not text.isdigit() else None


def _mixed(text: str) -> str | None:
    if _QUANTITY.fullmatch(text):
        return None
    letters = sum(sign.isalpha() for sign in text)
    figures = sum(sign in "0123456789" for sign in text)
    head = text.rstrip("0123456789")
    tail = text[len(head) :]
    if head.isalpha() and len(head) <= 3 and 1 <= len(tail) <= 2 and tail[0] != "0":
        return f"{' '.join(head)} {number(tail)}"
    if figures == 1 and letters <= 2 and text[0] in "0123456789":
        return f"{number(text[0])} {' '.join(text[1:])}"
    if head.endswith("-") and head[:-1].isalpha() and len(tail) <= 2 and tail[0] != "0":
        # "SPRING-25" is a word and its number, "B-12" a letter.
        return f"{head[:-1] if len(head) > 4 else ' '.join(head[:-1])} {number(tail)}"
    if letters > 4 and figures < 3:
        return None
    return spelled(text)

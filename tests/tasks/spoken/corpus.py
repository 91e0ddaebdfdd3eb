"""Things that callers say, made from grammars, each with the value that it stands for.

Nothing here knows the normalisers: a grammar takes a value, says it in one of the ways in which
people say such values, dresses it with fillers and politeness, lets a recogniser write it, and
now and then misspeaks and corrects itself.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time

from hookflash.tasks.spoken import (
    Address,
    Expiry,
    Heard,
    PersonName,
    hear_address,
    hear_card_number,
    hear_date,
    hear_digits,
    hear_email,
    hear_expiry,
    hear_name,
    hear_phone,
    hear_security_code,
    hear_time,
)

__all__ = ["TODAY", "Case", "corpus"]

TODAY = date(2026, 11, 20)


@dataclass(frozen=True)
class Case:
    """Something said.

    Attributes:
        kind: what it is about.
        said: as a recogniser writes it.
        expected: the value, as text.
        hear: the normaliser that is asked.
    """

    kind: str
    said: str
    expected: str
    hear: Callable[[str], Heard[object]]

    def heard(self) -> Heard[object]:
        return self.hear(self.said)


# Figures.

ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = [
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
]  # fmt: skip
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
MISHEARD_FIGURES = {"two": "to", "four": "for", "eight": "ate", "one": "won"}


def two_figures(text: str) -> str:
    value = int(text)
    if value < 10:
        return f"oh {ONES[value]}" if value else "double oh"
    if value < 20:
        return TEENS[value - 10]
    return TENS[value // 10] + (f" {ONES[value % 10]}" if value % 10 else "")


def say_figures(rng: random.Random, figures: str) -> str:
    """One by one, with doubles, in pairs, or as the recogniser writes numbers."""
    way = rng.choice(["one by one", "one by one", "doubles", "pairs", "written", "mixed"])
    if way == "written":
        return figures
    if way == "pairs" and len(figures) % 2 == 0 and not figures.startswith("0"):
        pairs = [figures[i : i + 2] for i in range(0, len(figures), 2)]
        # "Twenty" before a figure would be one number with it.
        if all(pair[0] != "0" and pair[1] != "0" for pair in pairs):
            return " ".join(two_figures(pair) for pair in pairs)
    zero = rng.choice(["zero", "oh", "nought"])
    words: list[str] = []
    place = 0
    while place < len(figures):
        same = len(figures) - place - len(figures[place:].lstrip(figures[place]))
        word = zero if figures[place] == "0" else ONES[int(figures[place])]
        if way in {"doubles", "mixed"} and same >= 2:
            count = 3 if same >= 3 and rng.random() < 0.5 else 2
            words.append(f"{'triple' if count == 3 else 'double'} {word}")
            place += count
        else:
            digit = way == "mixed" and rng.random() < 0.4
            words.append(figures[place] if digit else word)
            place += 1
    return " ".join(words)


def misheard_figures(rng: random.Random, said: str) -> str:
    """One figure within is written as the word that sounds like it."""
    words = said.split()
    places = [
        i for i in range(1, len(words) - 1)
        if words[i] in MISHEARD_FIGURES
        and words[i - 1] in ONES and words[i + 1] in ONES
    ]  # fmt: skip
    if places:
        place = rng.choice(places)
        words[place] = MISHEARD_FIGURES[words[place]]
    return " ".join(words)


# Letters.

NATO = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        [
            "alpha",
            "bravo",
            "charlie",
            "delta",
            "echo",
            "foxtrot",
            "golf",
            "hotel",
            "india",
            "juliet",
            "kilo",
            "lima",
            "mike",
            "november",
            "oscar",
            "papa",
            "quebec",
            "romeo",
            "sierra",
            "tango",
            "uniform",
            "victor",
            "whiskey",
            "x-ray",
            "yankee",
            "zulu",
        ],
        strict=True,
    )
)
NAMES_OF_LETTERS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        [
            "a",
            "bee",
            "see",
            "dee",
            "ee",
            "eff",
            "gee",
            "aitch",
            "eye",
            "jay",
            "kay",
            "ell",
            "em",
            "en",
            "oh",
            "pee",
            "cue",
            "are",
            "ess",
            "tee",
            "you",
            "vee",
            "double u",
            "ex",
            "why",
            "zee",
        ],
        strict=True,
    )
)
LIKE = {"b": "boy", "d": "dog", "m": "mary", "n": "nancy", "p": "peter", "s": "sam", "t": "tom",
        "v": "victor", "f": "frank", "e": "edward", "c": "cat", "g": "george"}  # fmt: skip


def say_letters(rng: random.Random, word: str) -> str:
    way = rng.choice(["plain", "plain", "names", "nato", "hyphens", "capitals", "likened"])
    if way == "names" and len(word) > 3:
        return " ".join(NAMES_OF_LETTERS[sign] for sign in word)
    if way == "nato" and len(word) > 2:
        return " ".join(NATO[sign] for sign in word)
    if way == "hyphens" and len(word) > 2:
        return "-".join(word.upper())
    if way == "capitals":
        return " ".join(word.upper())
    said: list[str] = []
    place = 0
    while place < len(word):
        sign = word[place]
        if word[place : place + 2] == sign * 2 and sign != "u" and rng.random() < 0.7:
            said.append(f"double {sign}")
            place += 2
            continue
        if way == "likened" and sign in LIKE and rng.random() < 0.6:
            said.append(f"{sign} {rng.choice(['as in', 'for', 'like'])} {LIKE[sign]}")
        else:
            said.append("double u" if sign == "w" and rng.random() < 0.5 else sign)
        place += 1
    return " ".join(said)


# Dressing.

BEFORE = ("", "", "", "um ", "uh, ", "yeah ", "okay so ", "sure, ", "well, ", "hmm let me see, ")
AFTER = ("", "", "", ".", " please", ", thanks", " thank you", ", that's it", " okay")
CUES = (", no, ", ", sorry, ", " no wait ", ", I mean ", ", scratch that, ", ", oh sorry, ",
        ", actually, ", " wait, ", ", my mistake, ")  # fmt: skip


def dressed(rng: random.Random, said: str, leads: Sequence[str]) -> str:
    text = rng.choice(BEFORE) + rng.choice(leads) + said + rng.choice(AFTER)
    return text[:1].upper() + text[1:] if rng.random() < 0.5 else text


# E-mail addresses.

FIRST = ["jane", "john", "mark", "anna", "peter", "lucy", "robert", "emily", "tom", "sofia",
         "hannah", "bill", "william", "deepa", "jennifer", "brad", "wendy"]  # fmt: skip
LAST = ["smith", "doe", "miller", "jones", "brown", "garcia", "patel", "keller", "bennett",
        "walsh", "hughes", "morris", "nguyen", "fischer", "rossi", "wallace"]  # fmt: skip
DOMAINS = [
    ("gmail.com", ("gmail dot com", "gmail.com", "g mail dot com", "gmail", "Gmail.com")),
    ("yahoo.com", ("yahoo dot com", "yahoo.com", "yahoo")),
    ("hotmail.com", ("hotmail dot com", "hot mail dot com", "hotmail")),
    ("outlook.com", ("outlook dot com", "outlook.com", "outlook")),
    ("outlook.co.uk", ("outlook dot co dot uk", "outlook dot co dot u k")),
    ("icloud.com", ("icloud dot com", "i cloud dot com", "icloud.com")),
    ("proton.me", ("proton dot me",)),
    ("acme.org", ("acme dot org", "a c m e dot org", "acme.org")),
    ("harbour-dental.com", ("harbour dash dental dot com", "harbour hyphen dental dot com")),
    ("bbc.co.uk", ("b b c dot co dot uk", "bbc dot co dot uk")),
    ("ups.com", ("u p s dot com", "ups dot com")),
    ("example.io", ("example dot i o", "example dot io")),
    ("northlight.de", ("northlight dot d e", "north light dot de")),
    ("state.edu", ("state dot edu", "state dot e d u")),
]
EMAIL_LEADS = ("", "", "it's ", "my email is ", "my email address is ", "that would be ",
               "you can reach me at ", "the best one would be ", "it is ")  # fmt: skip
SIGNS = {".": ("dot", "period", "point"), "_": ("underscore", "under score"),
         "-": ("dash", "hyphen", "minus"), "+": ("plus",)}  # fmt: skip


def say_local(rng: random.Random, first: str, sign: str, last: str, figures: str) -> str:
    def part(word: str) -> str:
        way = rng.random()
        if way < 0.5 or not word:
            return word
        # A word that is said and then spelled.
        return say_letters(rng, word) if way < 0.8 else f"{word} {' '.join(word)}"

    said = [part(first), rng.choice(SIGNS[sign]) if sign else "", part(last)]
    if figures:
        said.append(rng.choice([" ".join(ONES[int(f)] for f in figures), figures]))
    return " ".join(piece for piece in said if piece)


def emails(rng: random.Random, count: int) -> Iterator[Case]:
    for number in range(count):
        first, last = rng.choice(FIRST), rng.choice(LAST)
        sign = rng.choice([".", ".", "_", "-", "+"])
        figures = rng.choice(["", "", "", "7", "84", "2019", "123"])
        domain, spoken = rng.choice(DOMAINS)
        local = f"{first}{sign}{last}{figures}"
        said = f"{say_local(rng, first, sign, last, figures)} at {rng.choice(spoken)}"
        if number % 5 == 1:
            _, other_spoken = rng.choice(DOMAINS)
            match rng.randrange(4):
                case 0:
                    # From the beginning again.
                    wrong = f"{rng.choice(FIRST)} dot {rng.choice(LAST)} at {other_spoken[0]}"
                    said = wrong + rng.choice(CUES) + said
                case 1:
                    # Only the domain.
                    said = f"{said.rpartition(' at ')[0]} at {other_spoken[0]}"
                    said += f"{rng.choice(CUES)}at {rng.choice(spoken)}"
                case 2:
                    # In the middle of a name.
                    word = rng.choice(SIGNS[sign])
                    figure = " ".join(ONES[int(f)] for f in figures)
                    said = f"{first} {word} {last[:3]}{rng.choice(CUES)}{last} {figure}"
                    said += f" at {spoken[0]}"
                case _:
                    word = rng.choice(SIGNS[sign])
                    local = f"{first}{sign}{last}50"
                    said = f"{first} {word} {last} fifty not fifteen at {spoken[0]}"
        elif number % 5 == 2:
            # As a recogniser writes it.
            said = f"{local}@{domain}" if rng.random() < 0.7 else f"{local} @ {domain}"
            said = said.title() if rng.random() < 0.3 else said
        elif number % 5 == 3 and rng.random() < 0.5 and " dot com" in said:
            said = said.replace(" dot com", rng.choice([" dot calm", " dot come", " dotcom"]))
        elif number % 5 == 4 and rng.random() < 0.4:
            said = said.replace(" at ", " add ")
        yield Case("e-mail", dressed(rng, said, EMAIL_LEADS), f"{local}@{domain}", hear_email)


# Telephone numbers.

PHONES: dict[str, tuple[str, tuple[str, ...]]] = {
    # Region: the code of the country, and numbers as they are dialled within it, in groups.
    "US": ("1", ("415 555 0132", "212 736 5000", "617 253 1000", "800 555 1212", "305 377 2200")),
    "CA": ("1", ("416 392 2489", "604 873 7000", "514 872 1111", "613 580 2400")),
    "GB": ("44", ("020 7946 0958", "07911 123456", "0161 496 0123", "07400 123 457")),
    "DE": ("49", ("030 23125 412", "0151 2345 6789", "089 636 48018", "040 66969 117")),
    "FR": ("33", ("01 42 68 53 19", "06 12 34 56 78", "04 65 71 45 92", "07 82 31 44 57")),
    "IN": ("91", ("098765 43210", "081234 56789", "022 2757 1834", "074104 10123")),
    "ES": ("34", ("612 345 678", "915 327 418", "934 821 756", "711 245 893")),
    "IT": ("39", ("312 345 6789", "06 1234 5678", "02 8646 1372", "347 812 5536")),
    "AU": ("61", ("0412 345 678", "02 9374 4000", "03 9650 7123", "0487 612 395")),
    "BR": ("55", ("11 96123 4567", "21 2123 4567", "31 98765 4321", "11 3061 2458")),
}
PHONE_LEADS = ("", "", "it's ", "my number is ", "the number is ", "that would be ",
               "you can call me at ", "my phone number is ")  # fmt: skip
KEEPS_ZERO = {"IT"}


def e164(region: str, number: str) -> str:
    code, _ = PHONES[region]
    figures = number.replace(" ", "")
    if region not in KEEPS_ZERO:
        figures = figures.removeprefix("0")
    return f"+{code}{figures}"


def phones(rng: random.Random, count: int) -> Iterator[Case]:
    regions = list(PHONES)
    for number in range(count):
        region = regions[number % len(regions)]
        code, numbers = PHONES[region]
        figures = rng.choice(numbers)
        expected = e164(region, figures)
        groups = figures.split()
        gap = rng.choice([" ", ", "])
        match number // len(regions) % 5:
            case 0:
                said = gap.join(say_figures(rng, group) for group in groups)
            case 1:
                said = misheard_figures(
                    rng, gap.join(" ".join(ONES[int(f)] for f in group) for group in groups)
                )
            case 2:
                # With the country's code.
                plus = rng.choice(["plus ", "+", "plus "])
                lead = " ".join(ONES[int(f)] for f in code) if plus != "+" else code
                rest = expected[1 + len(code) :]
                said = f"{plus}{lead} {say_figures(rng, rest)}"
            case 3:
                # All again, or the end again.
                right = gap.join(say_figures(rng, group) for group in groups)
                wrong = figures[:-1] + str((int(figures[-1]) + 3) % 10)
                if rng.random() < 0.5 or region not in {"US", "CA", "ES", "FR", "AU"}:
                    said = say_figures(rng, wrong.replace(" ", "")) + rng.choice(CUES) + right
                else:
                    said = gap.join(say_figures(rng, group) for group in wrong.split())
                    said += rng.choice(CUES) + say_figures(rng, groups[-1])
            case _:
                said = figures.replace(" ", rng.choice([" ", "-", "."]))
                if region == "US":
                    said += rng.choice(["", " extension one two", " ext 12"])
                    expected += ";ext=12" if "ext" in said else ""

        def hear(text: str, region: str = region) -> Heard[object]:
            return hear_phone(text, default_region=region)

        yield Case("telephone number", dressed(rng, said, PHONE_LEADS), expected, hear)


# Digits.


def figures_only(rng: random.Random, count: int) -> Iterator[Case]:
    for number in range(count):
        length = rng.choice([4, 6, 8, 10])
        figures = "".join(rng.choice("0123456789") for _ in range(length))
        said = say_figures(rng, figures)
        if number % 4 == 1:
            wrong = figures[:-2] + str(99 - int(figures[-2:])).zfill(2)
            said = say_figures(rng, wrong) + rng.choice(CUES) + said
        elif number % 4 == 2:
            said = misheard_figures(rng, " ".join(ONES[int(f)] for f in figures))
        elif number % 4 == 3:
            half = length // 2
            said = f"{say_figures(rng, figures[:half])}, um, {say_figures(rng, figures[half:])}"

        def hear(text: str, length: int = length) -> Heard[object]:
            return hear_digits(text, length=length)

        leads = ("", "it's ", "my code is ", "the number is ", "that's ")
        yield Case("digits", dressed(rng, said, leads), figures, hear)


# Dates and times.

MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
]  # fmt: skip
ORDINALS = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
    "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth",
    "seventeenth", "eighteenth", "nineteenth", "twentieth",
]  # fmt: skip


def say_ordinal(rng: random.Random, value: int) -> str:
    if rng.random() < 0.3:
        ending = {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
        return f"{value}{'th' if 10 < value < 14 else ending}"
    if value <= 20:
        return ORDINALS[value - 1]
    if value == 30:
        return "thirtieth"
    return f"{TENS[value // 10]}{rng.choice([' ', '-'])}{ORDINALS[value % 10 - 1]}"


def say_year(rng: random.Random, year: int, *, short: bool = True) -> str:
    ways = [str(year)]
    if short and not year >= 2010:
        ways.append(two_figures(f"{year % 100:02d}").replace("double oh", "two thousand"))
    if 2000 < year < 2010:
        ways += [f"two thousand and {ONES[year % 10]}", f"two thousand {ONES[year % 10]}"]
        ways.append(f"twenty oh {ONES[year % 10]}")
    elif year == 2000:
        ways.append("two thousand")
    elif year % 100 > 9:
        ways.append(f"{two_figures(str(year // 100))} {two_figures(str(year % 100))}")
    else:
        ways.append(f"nineteen oh {ONES[year % 100]}" if year % 100 else "nineteen hundred")
    return rng.choice(ways)


def dates(rng: random.Random, count: int) -> Iterator[Case]:
    leads = (
        "",
        "",
        "it's ",
        "I was born on ",
        "my date of birth is ",
        "that's ",
        "my birthday is ",
    )
    for number in range(count):
        day = date(rng.randrange(1930, 2020), rng.randrange(1, 13), rng.randrange(1, 29))
        month = MONTHS[day.month - 1]
        region: str | None = None
        match number % 6:
            case 0:
                said = f"{month} {say_ordinal(rng, day.day)} {say_year(rng, day.year)}"
            case 1:
                said = f"the {say_ordinal(rng, day.day)} of {month}, {say_year(rng, day.year)}"
            case 2:
                cardinal = two_figures(f"{day.day:02d}").removeprefix("oh ")
                said = f"{month} {cardinal}, {say_year(rng, day.year, short=False)}"
            case 3:
                region = rng.choice(["US", "GB"])
                first, second = day.month, day.day
                if region == "GB":
                    first, second = second, first
                said = rng.choice(
                    [
                        f"{first}/{second}/{day.year}",
                        f"{first:02d}-{second:02d}-{day.year}",
                        f"{first} {second} {day.year}",
                        f"{two_figures(f'{first:02d}')}, {two_figures(f'{second:02d}')}, "
                        f"{say_year(rng, day.year, short=False)}",
                        day.isoformat(),
                    ]
                )
            case 4:
                wrong = MONTHS[day.month % 12]
                right = f"{month} {say_ordinal(rng, day.day)} {say_year(rng, day.year)}"
                said = f"{wrong} {say_ordinal(rng, day.day)} {day.year}{rng.choice(CUES)}"
                said += rng.choice([right, month])
            case _:
                right_day = say_ordinal(rng, day.day)
                other = say_ordinal(rng, day.day % 28 + 1)
                said = f"{month} {other}{rng.choice(CUES)}{right_day}, {say_year(rng, day.year)}"

        def hear(text: str, region: str | None = region) -> Heard[object]:
            return hear_date(text, today=TODAY, kind="birth", region=region)

        yield Case("date of birth", dressed(rng, said, leads), day.isoformat(), hear)


def times(rng: random.Random, count: int) -> Iterator[Case]:
    halves = {"am": ("am", "a.m.", "in the morning"), "pm": ("pm", "p.m.", "P M")}
    for number in range(count):
        when = time(rng.randrange(24), rng.choice([0, 5, 15, 20, 30, 45, 50]))
        hour = when.hour % 12 or 12
        half = rng.choice(halves["am" if when.hour < 12 else "pm"])
        spoken_hour = two_figures(f"{hour:02d}").removeprefix("oh ")
        minute = two_figures(f"{when.minute:02d}") if when.minute else ""
        match number % 4:
            case 0:
                said = f"{spoken_hour} {minute} {half}".replace("  ", " ")
            case 1:
                said = f"{hour}:{when.minute:02d} {half}"
            case 2 if when.minute in {15, 30}:
                word = {15: "quarter past", 30: "half past"}[when.minute]
                said = f"{word} {spoken_hour} {half}"
            case 2 if when.minute == 45 and when.hour % 12 != 11:
                to = two_figures(f"{hour % 12 + 1:02d}").removeprefix("oh ")
                said = f"quarter to {to} {half}"
            case _:
                wrong = two_figures(f"{hour % 12 + 1:02d}").removeprefix("oh ")
                said = f"{wrong}{rng.choice(CUES)}{spoken_hour} {minute} {half}"
        leads = ("", "at ", "it's ", "around ", "let's say ")
        yield Case("time", dressed(rng, said, leads), when.isoformat(), hear_time)


# Names.

NAME_LEADS = ("", "", "my name is ", "it's ", "this is ", "I'm ", "the name is ")


def names(rng: random.Random, count: int) -> Iterator[Case]:
    for number in range(count):
        first, last = rng.choice(FIRST).title(), rng.choice(LAST).title()
        expected = f"{first} {last}"
        plain = expected if rng.random() < 0.5 else expected.lower()
        match number % 7:
            case 0:
                said = plain
            case 1:
                said = f"{plain}, {rng.choice(['', 'that is spelled '])}{' '.join(last.lower())}"
            case 2:
                said = f"{say_letters(rng, first.lower())}, {say_letters(rng, last.lower())}"
                if len(last) < 3 or len(first) < 4 or "-" in said:
                    said = plain
            case 3:
                said = f"{rng.choice(FIRST)} {rng.choice(LAST)}{rng.choice(CUES)}{plain}"
            case 4:
                said = f"first name {first} last name {last}"
                if rng.random() < 0.5:
                    said = f"my last name is {last} and my first name is {first}"
            case 5:
                second = rng.choice(LAST).title()
                expected = f"{first} {last}-{second}"
                said = rng.choice([expected, f"{first} {last} hyphen {second}"])
            case _:
                wrong = last[:-1] + ("a" if last[-1] != "a" else "o")
                said = f"{first} {wrong}{rng.choice(CUES)}{last}"
        leads = NAME_LEADS if number % 7 != 4 else ("",)
        yield Case("name", dressed(rng, said, leads), expected, hear_name)


# Addresses.

STREETS = ["Main Street", "Oak Avenue", "North Park Road", "Elm Drive", "Sunset Boulevard",
           "Maple Lane", "5th Avenue", "Court Street", "West Lake Drive",
           "Cedar Court"]  # fmt: skip
TOWNS = {
    "US": [("Springfield", "Illinois", "IL", "62704"), ("Tulsa", "Oklahoma", "OK", "74103"),
           ("Salt Lake City", "Utah", "UT", "84101"), ("Portland", "Oregon", "OR", "97201"),
           ("New York", "New York", "NY", "10036"),
           ("Charlotte", "North Carolina", "NC", "28202")],
    "CA": [("Ottawa", "Ontario", "ON", "K1A 0B1"),
           ("Vancouver", "British Columbia", "BC", "V6B 4Y8"),
           ("Montreal", "Quebec", "QC", "H2X 1Y4")],
    "GB": [("London", "", "", "SW1A 1AA"), ("Manchester", "", "", "M1 4BT"),
           ("Bristol", "", "", "BS1 5TR"), ("Edinburgh", "", "", "EH8 9YL")],
}  # fmt: skip
ADDRESS_LEADS = ("", "", "it's ", "my address is ", "I live at ", "that's ")


def say_code(rng: random.Random, code: str) -> str:
    if rng.random() < 0.4:
        return code
    if code.isdigit():
        return say_figures(rng, code)
    return " ".join(
        ONES[int(sign)] if sign.isdigit() else sign.lower() for sign in code if sign != " "
    )


def addresses(rng: random.Random, count: int) -> Iterator[Case]:
    for number in range(count):
        country = ["US", "US", "CA", "GB"][number % 4]
        town, state, short, code = rng.choice(TOWNS[country])
        street = rng.choice(STREETS)
        house = rng.choice(["12", "450", "1234", "7", "221", "88"])
        unit = rng.choice(["", "", "4B", "12", "305"])
        name = "Flat" if country == "GB" else rng.choice(["Apartment", "Suite"])
        expected = Address(
            street=f"{house} {street}", unit=f"{name} {unit}" if unit else "", locality=town,
            region=short, postal_code=code, country=country,
        )  # fmt: skip
        written = rng.random() < 0.3
        place = " ".join(part for part in (town, short if written else state) if part)
        if written:
            number_said, unit_said, code_said = house, unit, code
            street_said = street.replace("Street", "St").replace("Avenue", "Ave")
        else:
            number_said = say_figures(rng, house)
            street_said = street.lower().replace("5th", "fifth")
            unit_said = " ".join(ONES[int(s)] if s.isdigit() else s.lower() for s in unit)
            code_said = say_code(rng, code)
            code_said = rng.choice(["", "", "zip code "]) * (country == "US") + code_said
        within = f"{name.lower()} {unit_said}" if unit else ""
        gap = ", " if written or rng.random() < 0.5 else " "
        pieces = [f"{number_said} {street_said}", within, place]
        said = f"{gap.join(piece for piece in pieces if piece)} {code_said}"
        if number % 6 == 5:
            match rng.randrange(3):
                case 0:
                    said = f"99 {street_said} {place} {code_said}{rng.choice(CUES)}{said}"
                case 1 if country == "US":
                    wrong = f"{gap.join(p for p in pieces if p)} 90210"
                    said = f"{wrong}{rng.choice(CUES)}{code_said}"
                case _:
                    wrong = f"99 {street_said}{gap}{place} {code_said}"
                    expected = Address(
                        street=expected.street, locality=town, region=short, postal_code=code,
                        country=country,
                    )  # fmt: skip
                    said = f"{wrong}{rng.choice(CUES)}{number_said} {street_said}"

        def hear(text: str, country: str = country) -> Heard[object]:
            return hear_address(text, default_country=country)

        yield Case("address", dressed(rng, said, ADDRESS_LEADS), str(expected), hear)


# Cards.

# The numbers that payment processors publish for tests.
CARDS = ["4242424242424242", "5555555555554444", "2223003122003222", "378282246310005",
         "6011111111111117", "3056930009020004", "3566002020360505", "6200000000000005",
         "4000056655665556", "5200828282828210"]  # fmt: skip


def cards(rng: random.Random, count: int) -> Iterator[Case]:
    leads = ("", "", "it's ", "the card number is ", "my card is ")
    for number in range(count):
        card = rng.choice(CARDS)
        sizes = (4, 6, 5) if len(card) == 15 else (4, 4, 4, 4)
        groups: list[str] = []
        rest = card
        for size in sizes:
            groups.append(rest[:size])
            rest = rest[size:]
        gap = rng.choice([" ", ", ", ", um, "])
        said = gap.join(say_figures(rng, group) for group in groups)
        if number % 4 == 1:
            wrong = str((int(groups[-1][0]) + 1) % 10) + groups[-1][1:]
            said = gap.join([*(say_figures(rng, group) for group in groups[:-1])])
            said += f" {say_figures(rng, wrong)}{rng.choice(CUES)}{say_figures(rng, groups[-1])}"
        elif number % 4 == 2:
            said = misheard_figures(rng, " ".join(ONES[int(f)] for f in card))
        yield Case("card number", dressed(rng, said, leads), card, hear_card_number)


def expiries(rng: random.Random, count: int) -> Iterator[Case]:
    def hear(text: str) -> Heard[object]:
        return hear_expiry(text, today=TODAY)

    for number in range(count):
        value = Expiry(rng.randrange(1, 13), rng.randrange(2027, 2036))
        year = str(value.year % 100)
        month = two_figures(f"{value.month:02d}")
        ways = [
            f"{month} {two_figures(year)}",
            f"{MONTHS[value.month - 1]} {two_figures(year)}",
            f"{MONTHS[value.month - 1]} {value.year}",
            f"{value.month:02d}/{year}",
            f"{value.month} {value.year}",
            f"{month.removeprefix('oh ')} {two_figures(year)}",
            f"{value.month:02d}{year}",
            f"{month} slash {two_figures(year)}",
            f"{MONTHS[value.month - 1]} two thousand {two_figures(year)}",
        ]
        said = rng.choice(ways)
        if number % 5 == 1:
            wrong = f"{MONTHS[value.month % 12]} {two_figures(year)}"
            said = f"{wrong}{rng.choice(CUES)}{said}"
        leads = ("", "it's ", "it expires ", "the expiry date is ")
        yield Case("card expiry", dressed(rng, said, leads), str(value), hear)


def codes(rng: random.Random, count: int) -> Iterator[Case]:
    for _ in range(count):
        code = "".join(rng.choice("0123456789") for _ in range(rng.choice([3, 3, 4])))
        leads = ("", "it's ", "the code is ", "the security code is ")
        yield Case(
            "security code", dressed(rng, say_figures(rng, code), leads), code, hear_security_code
        )


def corpus(seed: int = 1) -> list[Case]:
    """Return the corpus: the same for the same seed."""
    rng = random.Random(seed)
    return [
        *emails(rng, 120),
        *phones(rng, 120),
        *figures_only(rng, 40),
        *dates(rng, 90),
        *times(rng, 40),
        *names(rng, 70),
        *addresses(rng, 90),
        *cards(rng, 40),
        *expiries(rng, 30),
        *codes(rng, 20),
    ]


def right(case: Case, heard: Heard[PersonName] | Heard[object]) -> bool:
    """Return whether the value is the right one, to the sign."""
    value = heard.value
    if value is None:
        return False
    if isinstance(value, (date, time)):
        return value.isoformat() == case.expected
    return str(value) == case.expected

"""English: postal addresses of the United States."""

from hookflash.pipeline.wording.english_numbers import digits, room
from hookflash.pipeline.wording.rules import Match, Rule, rule

__all__ = ["PLACES", "place_rules", "state_rules"]

# The usual abbreviations of USPS Publication 28, appendix C1, and the full words.
_STREETS = {
    "St": "Street",
    "Ave": "Avenue",
    "Av": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Dr": "Drive",
    "Ln": "Lane",
    "Ct": "Court",
    "Pl": "Place",
    "Sq": "Square",
    "Hwy": "Highway",
    "Pkwy": "Parkway",
    "Ter": "Terrace",
    "Cir": "Circle",
    "Trl": "Trail",
}
_POINTS = {
    "N": "North",
    "S": "South",
    "E": "East",
    "W": "West",
    "NE": "Northeast",
    "NW": "Northwest",
    "SE": "Southeast",
    "SW": "Southwest",
}
_UNITS = {
    "Apt": "apartment",
    "Ste": "suite",
    "Fl": "floor",
    "Rm": "room",
    "Bldg": "building",
}
_STATES = {
    "AL": "Alabama",
    "AK": "Alaska",
    "AZ": "Arizona",
    "AR": "Arkansas",
    "CA": "California",
    "CO": "Colorado",
    "CT": "Connecticut",
    "DE": "Delaware",
    "DC": "D C",
    "FL": "Florida",
    "GA": "Georgia",
    "HI": "Hawaii",
    "ID": "Idaho",
    "IL": "Illinois",
    "IN": "Indiana",
    "IA": "Iowa",
    "KS": "Kansas",
    "KY": "Kentucky",
    "LA": "Louisiana",
    "ME": "Maine",
    "MD": "Maryland",
    "MA": "Massachusetts",
    "MI": "Michigan",
    "MN": "Minnesota",
    "MS": "Mississippi",
    "MO": "Missouri",
    "MT": "Montana",
    "NE": "Nebraska",
    "NV": "Nevada",
    "NH": "New Hampshire",
    "NJ": "New Jersey",
    "NM": "New Mexico",
    "NY": "New York",
    "NC": "North Carolina",
    "ND": "North Dakota",
    "OH": "Ohio",
    "OK": "Oklahoma",
    "OR": "Oregon",
    "PA": "Pennsylvania",
    "RI": "Rhode Island",
    "SC": "South Carolina",
    "SD": "South Dakota",
    "TN": "Tennessee",
    "TX": "Texas",
    "UT": "Utah",
    "VT": "Vermont",
    "VA": "Virginia",
    "WA": "Washington",
    "WV": "West Virginia",
    "WI": "Wisconsin",
    "WY": "Wyoming",
}
# These are words as well: only a postcode makes them a state.
_WORDS = {"HI", "ID", "IN", "LA", "MA", "ME", "OH", "OK", "OR", "PA"}


_FULL = (
    "Street|Avenue|Boulevard|Road|Drive|Lane|Court|Place|Square|Highway|Parkway|Terrace|Circle|Trail|"
    "Way|Row|Alley|Broadway|Crescent"
)
PLACES = rf"\b(?:{'|'.join(_STREETS)}|{_FULL}|{'|'.join(_UNITS)})\b|[A-Z]{{2}} [0-9]{{5}}"
"""Finds whether there may be an address."""


def place_rules() -> list[Rule]:
    """Return the rules, the first first."""
    points = "|".join(sorted(_POINTS, key=len, reverse=True))
    streets = "|".join(_STREETS)
    name = r"(?:[A-Z0-9][\w'\u2019]{0,20}\s){1,3}"
    house = r"(?<![\w.,:/$#-])[1-9][0-9]{0,4}[A-Z]?"
    states = "|".join(_STATES)
    return [
        rule(
            rf"(?<![\w.,:/$#-])(?P<x>(?P<number>[1-9][0-9]{{0,4}})(?P<letter>[A-Z])?)(?=\s(?:(?:{points})\.?\s)?"
            rf"{name}(?:{streets}|{_FULL})\b)",
            _house,
        ),
        rule(
            rf"{house}\s(?P<x>(?P<point>{points})\b\.?)(?=\s{name}(?:{streets}|{_FULL})\b)",
            lambda found: _POINTS[found["point"]],
        ),
        rule(
            rf"{house}\s(?:(?:{points})\.?\s)?{name}(?P<x>(?P<street>{streets})\b\.?)",
            _street,
        ),
        rule(
            rf"{house}\s(?:(?:{points})\.?\s)?{name}(?:{streets}|{_FULL})\b\.?\s(?P<x>(?P<point>{points})\b\.?)",
            lambda found: _POINTS[found["point"]],
        ),
        rule(
            rf"\b(?P<x>(?P<unit>{'|'.join(_UNITS)})\b\.?)(?=\s#?[0-9])",
            lambda found: _UNITS[found["unit"]],
        ),
        rule(
            rf"(?<=[a-z,]\s)(?P<x>(?P<state>{states})\s(?P<zip>[0-9]{{5}})(?P<plus>-[0-9]{{4}})?)(?![\w-])",
            lambda found: (
                f"{_STATES[found['state']]} {digits(found['zip'])}"
                + (f", {digits(found['plus'])}" if found["plus"] else "")
            ),
        ),
    ]


def state_rules() -> list[Rule]:
    """Return the rule for "Austin, TX"."""
    certain = "|".join(sorted(_STATES.keys() - _WORDS))
    return [
        rule(
            rf"\b[A-Z][a-z]{{2,20}},\s(?P<x>{certain})\b(?!\s[A-Z])",
            lambda found: _STATES[found["x"]],
        ),
    ]


def _house(found: Match) -> str:
    return f"{room(int(found['number']))} {found['letter'] or ''}".rstrip()


def _street(found: Match) -> str:
    name = _STREETS[found["street"]]
    rest = found.string[found.end() : found.end() + 8].strip(" \"')\u201d")
    ends = found["x"].endswith(".") and not rest
    return f"{name}." if ends else name

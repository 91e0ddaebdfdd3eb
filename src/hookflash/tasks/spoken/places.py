"""What is known of addresses in the United States, Canada and the United Kingdom."""

import re

from hookflash.tasks.spoken.lexicon import Phrases

__all__ = [
    "COUNTRIES",
    "DIRECTIONS",
    "POSTAL",
    "POSTAL_WORDS",
    "REGIONS",
    "STREETS",
    "UNITS",
]

_STATES = {
    "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA",
    "colorado": "CO", "connecticut": "CT", "delaware": "DE", "district of columbia": "DC",
    "florida": "FL", "georgia": "GA", "hawaii": "HI", "idaho": "ID", "illinois": "IL",
    "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY", "louisiana": "LA",
    "maine": "ME", "maryland": "MD", "massachusetts": "MA", "michigan": "MI",
    "minnesota": "MN", "mississippi": "MS", "missouri": "MO", "montana": "MT",
    "nebraska": "NE", "nevada": "NV", "new hampshire": "NH", "new jersey": "NJ",
    "new mexico": "NM", "new york": "NY", "north carolina": "NC", "north dakota": "ND",
    "ohio": "OH", "oklahoma": "OK", "oregon": "OR", "pennsylvania": "PA",
    "puerto rico": "PR", "rhode island": "RI", "south carolina": "SC", "south dakota": "SD",
    "tennessee": "TN", "texas": "TX", "utah": "UT", "vermont": "VT", "virginia": "VA",
    "washington": "WA", "west virginia": "WV", "wisconsin": "WI", "wyoming": "WY",
}  # fmt: skip
_PROVINCES = {
    "alberta": "AB", "british columbia": "BC", "manitoba": "MB", "new brunswick": "NB",
    "newfoundland": "NL", "newfoundland and labrador": "NL", "northwest territories": "NT",
    "nova scotia": "NS", "nunavut": "NU", "ontario": "ON", "prince edward island": "PE",
    "quebec": "QC", "saskatchewan": "SK", "yukon": "YT",
}  # fmt: skip

REGIONS: dict[str, dict[str, str]] = {"US": _STATES, "CA": _PROVINCES, "GB": {}}
"""Names of states and provinces, to their codes (USPS Publication 28; Canada Post)."""

COUNTRIES: Phrases[str] = Phrases(
    {
        "united states": "US", "united states of america": "US", "usa": "US", "u s a": "US",
        "america": "US", "us": "US", "u s": "US", "canada": "CA", "united kingdom": "GB",
        "uk": "GB", "u k": "GB", "great britain": "GB", "england": "GB", "scotland": "GB",
        "wales": "GB", "northern ireland": "GB", "britain": "GB",
    }
)  # fmt: skip

POSTAL = {
    "US": re.compile(r"[0-9]{5}(?:[0-9]{4})?"),
    "CA": re.compile(r"[abceghj-nprstvxy][0-9][abceghj-nprstv-z][0-9][abceghj-nprstv-z][0-9]"),
    "GB": re.compile(r"[a-pr-uwyz][a-hk-y]?[0-9][a-z0-9]?[0-9][abd-hjlnp-uw-z]{2}"),
}
"""Postal codes without spaces, in lower case (USPS; Canada Post; Royal Mail)."""

POSTAL_WORDS: Phrases[str] = Phrases.of(
    (
        "zip code", "zip", "zipcode", "postal code", "postcode", "post code", "and the zip code",
        "and the zip", "and the postcode", "and the postal code", "with zip code",
    )
)  # fmt: skip

STREETS = {
    "street": "Street", "st": "Street", "avenue": "Avenue", "ave": "Avenue", "av": "Avenue",
    "road": "Road", "rd": "Road", "drive": "Drive", "dr": "Drive", "lane": "Lane",
    "ln": "Lane", "boulevard": "Boulevard", "blvd": "Boulevard", "court": "Court",
    "ct": "Court", "place": "Place", "pl": "Place", "square": "Square", "sq": "Square",
    "terrace": "Terrace", "ter": "Terrace", "circle": "Circle", "cir": "Circle",
    "way": "Way", "parkway": "Parkway", "pkwy": "Parkway", "highway": "Highway",
    "hwy": "Highway", "crescent": "Crescent", "close": "Close", "row": "Row", "trail": "Trail",
    "mews": "Mews", "gardens": "Gardens", "grove": "Grove", "alley": "Alley",
    "broadway": "Broadway", "loop": "Loop", "plaza": "Plaza", "quay": "Quay",
}  # fmt: skip
"""What streets are called, and their abbreviations (USPS Publication 28, appendix C1)."""

UNITS = {
    "apartment": "Apartment", "apt": "Apartment", "flat": "Flat", "suite": "Suite",
    "ste": "Suite", "unit": "Unit", "room": "Room", "floor": "Floor",
}  # fmt: skip

DIRECTIONS = {
    "north": "North", "south": "South", "east": "East", "west": "West", "n": "North",
    "s": "South", "e": "East", "w": "West", "northeast": "Northeast",
    "northwest": "Northwest", "southeast": "Southeast", "southwest": "Southwest",
    "ne": "Northeast", "nw": "Northwest", "se": "Southeast", "sw": "Southwest",
}  # fmt: skip

"""What callers say, as values: e-mail addresses, numbers, dates, names, addresses, cards.

Each `hear_*` takes a recogniser's text (or what a model wrote, or what was keyed) and returns
`Heard`: a value that is certain enough to be read back, or a problem that says what to ask. None
of them raises because of a text, knows a session, or reads a clock.
"""

from hookflash.tasks.spoken.addresses import Address, hear_address
from hookflash.tasks.spoken.answers import hear_choice, hear_yes_no
from hookflash.tasks.spoken.cards import (
    Expiry,
    Issuer,
    hear_card_number,
    hear_expiry,
    hear_security_code,
    issuer_of,
)
from hookflash.tasks.spoken.dates import DateKind, hear_date
from hookflash.tasks.spoken.emails import hear_email
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.figures import hear_digits
from hookflash.tasks.spoken.grounding import grounded
from hookflash.tasks.spoken.heard import Heard, Problem, ProblemKind
from hookflash.tasks.spoken.lexicon import Lexicon, Phrases
from hookflash.tasks.spoken.names import NamePart, PersonName, hear_name
from hookflash.tasks.spoken.phones import PhoneNumber, hear_phone
from hookflash.tasks.spoken.read_back import Reading, SpokenValue, ValueKind, spell_out
from hookflash.tasks.spoken.times import hear_time

__all__ = [
    "ENGLISH",
    "Address",
    "DateKind",
    "Expiry",
    "Heard",
    "Issuer",
    "Lexicon",
    "NamePart",
    "PersonName",
    "PhoneNumber",
    "Phrases",
    "Problem",
    "ProblemKind",
    "Reading",
    "SpokenValue",
    "ValueKind",
    "grounded",
    "hear_address",
    "hear_card_number",
    "hear_choice",
    "hear_date",
    "hear_digits",
    "hear_email",
    "hear_expiry",
    "hear_name",
    "hear_phone",
    "hear_security_code",
    "hear_time",
    "hear_yes_no",
    "issuer_of",
    "spell_out",
]

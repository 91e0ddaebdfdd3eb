"""What a call tells about the one who calls: their number, and the country that it is of."""

import re
from typing import Any

from hookflash.agent import AgentSession
from hookflash.errors import UsageError
from hookflash.tasks.errors import TaskMisconfigured
from hookflash.tasks.spoken import hear_phone

__all__ = ["check_region", "other_number", "region_of"]

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def other_number(session: AgentSession[Any]) -> str | None:
    """Return the caller's number in E.164; None if it is withheld or unknown."""
    call = session.call
    if call is None:
        return None
    number = call.from_ if call.direction == "inbound" else call.to
    return number if _E164.fullmatch(number) else None


def region_of(session: AgentSession[Any]) -> str | None:
    """Return the ISO 3166 code of the country where the caller, or else our own line, is.

    None if neither number tells.

    Raises:
        MissingExtra: `phonenumbers` is not installed.
    """
    call = session.call
    if call is None:
        return None
    numbers = (call.from_, call.to) if call.direction == "inbound" else (call.to, call.from_)
    for number in numbers:
        known = hear_phone(number).value if _E164.fullmatch(number) else None
        if known is not None and known.region:
            return known.region
    return None


def check_region(region: str | None) -> None:
    """Refuse what is no country.

    Raises:
        TaskMisconfigured: there is no such ISO 3166 code.
        MissingExtra: `phonenumbers` is not installed.
    """
    if region is None:
        return
    try:
        hear_phone("", default_region=region)
    except UsageError as exc:
        msg = f"default_region is {region!r}; give an ISO 3166 code such as 'US'"
        raise TaskMisconfigured(msg) from exc

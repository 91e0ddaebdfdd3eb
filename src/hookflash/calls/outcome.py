"""What dialling somebody, and handing a call over, came to."""

import re
from typing import Literal, TypeAlias

import msgspec

from hookflash.events.call import Outcome

__all__ = ["TransferOutcome", "TransferVia", "refined", "sip_status"]

_SIP_STATUS = re.compile(r"[1-6]\d\d")
# RFC 3261, 21.6.2: somebody was reached, and does not want to take part.
_SIP_DECLINE = 603

TransferVia: TypeAlias = Literal["auto", "carrier", "bridge"]
"""Who connects the two: the carrier alone, or our process, through which they then talk."""


class TransferOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a transfer without a word before came to.

    Attributes:
        success: the two are connected, and the call is out of our hands.
        outcome: how the call to the other party ended; `completed` if they are connected,
            `canceled` if the caller hung up first.
        via: who has, or would have, connected them.
        cause: the carrier's own word or code.
        sip_code: the SIP status that it ended with, 100 to 699, where the carrier tells.
    """

    success: bool
    outcome: Outcome
    via: Literal["carrier", "bridge"]
    cause: str | None = None
    sip_code: int | None = None


def sip_status(cause: str | None) -> int | None:
    """Return a carrier's cause as a SIP status, 100 to 699; None if it is something else.

    SIP statuses have three digits; a carrier's own codes have more.
    """
    return int(cause) if cause is not None and _SIP_STATUS.fullmatch(cause) else None


def refined(outcome: Outcome, cause: str | None) -> Outcome:
    """Return `rejected` where the SIP status says so, of which Twilio says `failed`."""
    declined = outcome is Outcome.FAILED and sip_status(cause) == _SIP_DECLINE
    return Outcome.REJECTED if declined else outcome

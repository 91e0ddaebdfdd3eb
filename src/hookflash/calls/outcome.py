"""What handing a call over came to."""

from typing import Literal, TypeAlias

import msgspec

from hookflash.events.call import Outcome

__all__ = ["TransferOutcome", "TransferVia"]

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

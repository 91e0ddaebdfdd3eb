"""Keyed numbers: what the digits machine sees and says, and what a session tells of keys."""

from typing import Final

from hookflash.events.base import Record, named
from hookflash.events.session import SessionRecord

__all__ = ["MASK", "DigitsEntered", "DtmfSent"]

MASK: Final = "•"
"""Stands for a digit, or a key, that must not be seen."""


@named("digits.entered")
class DigitsEntered(Record, frozen=True, kw_only=True):
    """The caller has finished keying.

    Attributes:
        digits: without the finishing key; never empty. Keys that must not be seen are `MASK`.
        reason: `finish_key`, `length`, or `pause`.
    """

    digits: str
    reason: str


@named("dtmf.sent")
class DtmfSent(SessionRecord, frozen=True, kw_only=True):
    """The agent has pressed keys, to their end.

    Attributes:
        digits: as they were given; each is `MASK` in sensitive mode.
        sensitive: whether that mode was on.
    """

    digits: str
    sensitive: bool = False

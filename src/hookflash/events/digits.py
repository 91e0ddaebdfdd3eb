"""Keyed numbers: what the digits machine sees and says."""

from dataclasses import dataclass

from hookflash.events.base import Record, named

__all__ = ["DigitsEntered"]


@named("digits.entered")
@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsEntered(Record):
    """The caller has finished keying.

    Attributes:
        digits: without the finishing key; never empty.
        reason: `finish_key`, `length`, or `pause`.
    """

    digits: str
    reason: str

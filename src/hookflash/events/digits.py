"""Keyed numbers: what the digits machine sees and says."""

from hookflash.events.base import Record, named

__all__ = ["DigitsEntered"]


@named("digits.entered")
class DigitsEntered(Record, frozen=True, kw_only=True):
    """The caller has finished keying.

    Attributes:
        digits: without the finishing key; never empty.
        reason: `finish_key`, `length`, or `pause`.
    """

    digits: str
    reason: str

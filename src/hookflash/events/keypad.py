"""A number asked for: what the keypad machine sees and asks for, until it has it or gives up."""

from enum import StrEnum
from typing import TypeAlias

from hookflash.events.base import Record, named
from hookflash.events.idle import BusyChanged
from hookflash.events.turn import CallerLeft, DigitReceived

__all__ = [
    "AnswerUnclear",
    "AskAgain",
    "DigitsSpoken",
    "EntryAnswered",
    "EntryEnd",
    "EntryFailed",
    "EntryTaken",
    "EntryTrouble",
    "HushQuestion",
    "KeypadCommand",
    "KeypadEvent",
    "QuestionHeard",
    "ReadBack",
]


class EntryTrouble(StrEnum):
    """Why an entry was not taken."""

    NO_INPUT = "no_input"
    """Nothing was keyed or said in time."""
    TOO_SHORT = "too_short"
    """The stop key or a pause came too early."""
    TOO_LONG = "too_long"
    """More was said than is asked for."""
    INVALID = "invalid"
    """It holds a key that is no digit, is none of the codes, or was not understood."""
    TIMEOUT = "timeout"
    """The entry took too long as a whole."""
    CLEARED = "cleared"
    """The caller pressed the clear key; this is no failed attempt."""
    REJECTED = "rejected"
    """The caller said that it is wrong."""
    UNCONFIRMED = "unconfirmed"
    """The caller did not say whether it is right."""


class EntryEnd(StrEnum):
    """By what an entry was complete."""

    LENGTH = "length"
    STOP_KEY = "stop_key"
    PAUSE = "pause"


# What happened. Keys are `DigitReceived`; reasons to stop the timers are `BusyChanged`.


@named("keypad.question_heard")
class QuestionHeard(Record, frozen=True, kw_only=True):
    """The newest question, or read-back, is over.

    Attributes:
        whole: whether the caller heard all of it.
    """

    whole: bool = True


@named("keypad.digits_spoken")
class DigitsSpoken(Record, frozen=True, kw_only=True):
    """The caller said digits, or the words for a code.

    Attributes:
        digits: what was said, as keys.
        whole: whether it stands in place of what was keyed or said before it.
    """

    digits: str
    whole: bool = False


@named("keypad.answer_unclear")
class AnswerUnclear(Record, frozen=True, kw_only=True):
    """The caller said something that is no answer."""


@named("keypad.entry_answered")
class EntryAnswered(Record, frozen=True, kw_only=True):
    """The caller said whether the entry is right."""

    right: bool


# What to do.


@named("keypad.ask_again")
class AskAgain(Record, frozen=True, kw_only=True):
    """Ask for the whole number again, and say `QuestionHeard` afterwards.

    Attributes:
        trouble: why.
        attempt: how often it has failed.
        digits_count: how many keys and digits there were.
    """

    trouble: EntryTrouble
    attempt: int
    digits_count: int


@named("keypad.read_back")
class ReadBack(Record, frozen=True, kw_only=True):
    """Read the entry back, ask whether it is right, and say `QuestionHeard` afterwards."""

    digits: str


@named("keypad.hush_question")
class HushQuestion(Record, frozen=True, kw_only=True):
    """What is being asked or read back is of no use any more."""


@named("keypad.entry_taken")
class EntryTaken(Record, frozen=True, kw_only=True):
    """The number is there.

    Attributes:
        digits: it.
        by: what made it complete.
    """

    digits: str
    by: EntryEnd


@named("keypad.entry_failed")
class EntryFailed(Record, frozen=True, kw_only=True):
    """There will be no number.

    Attributes:
        trouble: why the last attempt failed.
        same: whether all attempts failed alike.
        attempts: how many there were.
        digits_count: how many keys and digits there were in the last one.
    """

    trouble: EntryTrouble
    same: bool
    attempts: int
    digits_count: int


KeypadEvent: TypeAlias = (
    DigitReceived
    | DigitsSpoken
    | AnswerUnclear
    | EntryAnswered
    | QuestionHeard
    | BusyChanged
    | CallerLeft
)
KeypadCommand: TypeAlias = AskAgain | ReadBack | HushQuestion | EntryTaken | EntryFailed

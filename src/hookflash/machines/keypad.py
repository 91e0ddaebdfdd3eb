"""Has the caller given the number that was asked for, or is it to be asked for again?

Drawn as a diagram in `docs/design/keypad.md`.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.idle import BusyChanged
from hookflash.events.keypad import (
    AnswerUnclear,
    AskAgain,
    DigitsSpoken,
    EntryAnswered,
    EntryEnd,
    EntryFailed,
    EntryTaken,
    EntryTrouble,
    HushQuestion,
    KeypadCommand,
    KeypadEvent,
    QuestionHeard,
    ReadBack,
)
from hookflash.events.turn import CallerLeft, DigitReceived

__all__ = ["MOST_DIGITS", "TRANSITIONS", "KeypadConfig", "KeypadMachine", "KeypadState"]

MOST_DIGITS = 64
"""The longest number that is collected."""

_KEYS = frozenset("0123456789*#ABCD")
_YES, _AGAIN = "1", "2"


class KeypadState(StrEnum):
    """Where the machine is."""

    WAITING = "waiting"
    """Nothing was keyed yet."""
    KEYING = "keying"
    CONFIRMING = "confirming"
    """The number is complete; the caller is asked whether it is right."""
    OVER = "over"


_W, _K, _C, _O = KeypadState

# An event that is missing from a state's row is ignored there.
TRANSITIONS: Mapping[KeypadState, Mapping[str, tuple[KeypadState, ...]]] = {
    _W: {
        DigitReceived.name: (_W, _K, _C, _O),
        DigitsSpoken.name: (_W, _K, _C, _O),
        AnswerUnclear.name: (_W, _O),
        QuestionHeard.name: (_W,),
        BusyChanged.name: (_W,),
        CallerLeft.name: (_O,),
        "tick": (_W, _O),
    },
    _K: {
        DigitReceived.name: (_K, _W, _C, _O),
        DigitsSpoken.name: (_K, _W, _C, _O),
        AnswerUnclear.name: (_K,),
        QuestionHeard.name: (_K,),
        BusyChanged.name: (_K,),
        CallerLeft.name: (_O,),
        "tick": (_K, _W, _C, _O),
    },
    _C: {
        DigitReceived.name: (_C, _K, _W, _O),
        DigitsSpoken.name: (_C, _K, _W, _O),
        AnswerUnclear.name: (_C, _O),
        EntryAnswered.name: (_C, _W, _O),
        QuestionHeard.name: (_C, _O),
        BusyChanged.name: (_C,),
        CallerLeft.name: (_O,),
        "tick": (_C, _W, _O),
    },
    _O: {},
}


class KeypadConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What number is asked for, and how patiently. Times are seconds above 0.

    Attributes:
        minimum: the fewest digits.
        maximum: the most; the number is complete with the last of them.
        codes: the only entries that count, instead of the two above; an entry is complete when no
            longer code begins like it.
        first_digit: for the first key after the question, and for the answer to a read-back.
        between_digits: without a key, after which the number is complete.
        total: for one attempt from the end of its question, whatever else goes on.
        stop_key: completes the number and is not part of it; empty for none.
        clear_key: empties it; empty for none.
        back_key: takes the last digit away; empty for none.
        attempts: how many may fail before it gives up.
        confirm: whether the caller is asked if it is right, by the keys 1 (yes) and 2 (again).

    Raises:
        ConfigError: a field is out of its range.
    """

    minimum: int = 1
    maximum: int = MOST_DIGITS
    codes: tuple[str, ...] = ()
    first_digit: float = 8.0
    between_digits: float = 4.0
    total: float = 60.0
    stop_key: str = "#"
    clear_key: str = "*"
    back_key: str = ""
    attempts: int = 3
    confirm: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 1 <= self.minimum <= self.maximum <= MOST_DIGITS:
            msg = (
                f"minimum is {self.minimum} and maximum is {self.maximum}; give "
                f"1 <= minimum <= maximum <= {MOST_DIGITS}"
            )
            raise ConfigError(msg)
        for field in ("first_digit", "between_digits", "total"):
            if not 0 < getattr(self, field) < math.inf:
                msg = f"{field} is {getattr(self, field)}; give seconds above 0"
                raise ConfigError(msg)
        if not 1 <= self.attempts <= 20:
            msg = f"attempts is {self.attempts}; give a number from 1 to 20"
            raise ConfigError(msg)
        special = [key for key in (self.stop_key, self.clear_key, self.back_key) if key]
        if len(set(special)) < len(special) or not set(special) <= _KEYS - set("0123456789"):
            msg = "stop_key, clear_key and back_key must be three different keys of * # A B C D"
            raise ConfigError(msg)
        for code in self.codes:
            if not 1 <= len(code) <= MOST_DIGITS or not set(code) <= _KEYS - set(special):
                msg = (
                    f"codes holds {code!r}; give keys of 0-9 * # A-D that are not the stop, clear "
                    "or back key"
                )
                raise ConfigError(msg)


class KeypadMachine:
    """Collects one number over several attempts.

    Timers run only while no question is being heard and nobody is busy, and begin anew then;
    but for `total`, which nothing stops.
    """

    def __init__(self, config: KeypadConfig | None = None) -> None:
        """Begin; the first question is being asked, and its `QuestionHeard` is waited for."""
        self._config = config or KeypadConfig()
        self._state = KeypadState.WAITING
        self._entry = ""
        self._ended_by = EntryEnd.LENGTH
        self._asking = True
        self._heard_back = False
        self._assent = False
        """Whether the caller said yes while the number was still being read to them."""
        self._busy: set[str] = set()
        self._since = 0.0
        """When something last happened."""
        self._attempt_ends: float | None = None
        self._failed: list[EntryTrouble] = []
        self._commands: list[KeypadCommand] = []

    @property
    def state(self) -> KeypadState:
        """Where the machine is."""
        return self._state

    @property
    def entry(self) -> str:
        """What was keyed and said until now in this attempt."""
        return self._entry

    @property
    def read_back_heard(self) -> bool:
        """Whether the caller has heard what waits for their yes."""
        return self._state is KeypadState.CONFIRMING and self._heard_back

    def receive(self, event: KeypadEvent, now: float) -> Sequence[KeypadCommand]:
        """Take one event."""
        allowed = TRANSITIONS[self._state].get(event.name)
        if allowed is None:
            return ()
        self._since = now
        match event:
            case DigitReceived():
                self._key(event.digit)
            case DigitsSpoken():
                self._spoken(event)
            case AnswerUnclear():
                self._unclear()
            case EntryAnswered():
                self._answered(right=event.right)
            case QuestionHeard():
                self._question_heard(whole=event.whole)
            case BusyChanged():
                (self._busy.add if event.busy else self._busy.discard)(event.why)
            case CallerLeft():
                self._state = KeypadState.OVER
            case _:
                assert_never(event)
        return self._said(allowed)

    def deadline(self) -> float | None:
        """Return when a timer runs out."""
        if self._state is KeypadState.OVER:
            return None
        ends = [] if self._attempt_ends is None else [self._attempt_ends]
        if not self._asking and not self._busy:
            ends.append(self._since + self._patience)
        return min(ends, default=None)

    def tick(self, now: float) -> Sequence[KeypadCommand]:
        """A timer may have run out."""
        due = self.deadline()
        if due is None or now < due:
            return ()
        allowed = TRANSITIONS[self._state]["tick"]
        self._since = now
        if self._attempt_ends is not None and self._attempt_ends <= now:
            self._fail(EntryTrouble.TIMEOUT)
        elif self._state is KeypadState.KEYING:
            self._complete(EntryEnd.PAUSE)
        elif self._state is KeypadState.CONFIRMING:
            self._read_again()
        else:
            self._fail(EntryTrouble.NO_INPUT)
        return self._said(allowed)

    @property
    def _patience(self) -> float:
        keying = self._state is KeypadState.KEYING
        return self._config.between_digits if keying else self._config.first_digit

    def _said(self, allowed: tuple[KeypadState, ...]) -> Sequence[KeypadCommand]:
        assert self._state in allowed, (self._state, allowed)
        commands, self._commands = self._commands, []
        return tuple(commands)

    # Keys and words.

    def _key(self, key: str) -> None:
        config = self._config
        if self._state is KeypadState.CONFIRMING:
            if key == _YES:
                self._answered(right=True)
                return
            if key in {_AGAIN, config.clear_key}:
                self._answered(right=False)
                return
            if key in {config.stop_key, config.back_key}:
                return  # one too many after the number
            self._begin_anew()
        if key and key == config.stop_key:
            self._complete(EntryEnd.STOP_KEY)
        elif key and key == config.clear_key:
            self._ask_again(EntryTrouble.CLEARED)
        elif key and key == config.back_key:
            self._entry = self._entry[:-1]
            self._state = KeypadState.KEYING if self._entry else KeypadState.WAITING
        else:
            self._add(key)

    def _spoken(self, event: DigitsSpoken) -> None:
        if self._state is KeypadState.CONFIRMING:
            self._begin_anew()
        if event.whole:
            self._entry = ""
        self._add(event.digits)

    def _begin_anew(self) -> None:
        """The caller gives another number instead of saying whether the one is right."""
        self._entry = ""
        self._state = KeypadState.KEYING
        self._attempt_ends = self._since + self._config.total
        if self._asking:
            self._asking = False
            self._commands.append(HushQuestion())

    def _add(self, keys: str) -> None:
        self._entry += keys
        self._state = KeypadState.KEYING
        codes = self._config.codes
        if codes:
            longer = any(code.startswith(self._entry) and code != self._entry for code in codes)
            if not longer:
                self._complete(EntryEnd.LENGTH)
        elif len(self._entry) > self._config.maximum:
            self._fail(EntryTrouble.TOO_LONG)
        elif len(self._entry) == self._config.maximum:
            self._complete(EntryEnd.LENGTH)

    def _complete(self, by: EntryEnd) -> None:
        config, entry = self._config, self._entry
        valid = entry in config.codes if config.codes else entry.isdecimal()
        if not entry or (not config.codes and len(entry) < config.minimum):
            self._fail(EntryTrouble.TOO_SHORT)
        elif not valid:
            self._fail(EntryTrouble.INVALID)
        elif config.confirm:
            self._ended_by = by
            self._state = KeypadState.CONFIRMING
            self._read_back()
        else:
            self._take(by)

    def _take(self, by: EntryEnd) -> None:
        self._state = KeypadState.OVER
        self._commands.append(EntryTaken(digits=self._entry, by=by))

    def _unclear(self) -> None:
        if self._state is KeypadState.CONFIRMING:
            self._read_again()
        elif self._state is KeypadState.WAITING:
            self._fail(EntryTrouble.INVALID)

    # Is it right?

    def _answered(self, *, right: bool) -> None:
        if not right:
            self._fail(EntryTrouble.REJECTED)
        elif self._asking:
            self._assent = True  # counts once they have heard all of it
        elif self._heard_back:
            self._take(self._ended_by)
        else:
            self._read_again()

    def _read_back(self) -> None:
        self._asking, self._heard_back, self._assent = True, False, False
        self._attempt_ends = None
        self._commands.append(ReadBack(digits=self._entry))

    def _read_again(self) -> None:
        if self._counts(EntryTrouble.UNCONFIRMED):
            self._read_back()

    def _question_heard(self, *, whole: bool) -> None:
        if not self._asking:
            return
        self._asking = False
        self._attempt_ends = self._since + self._config.total
        if self._state is KeypadState.CONFIRMING:
            self._heard_back = whole
            if self._assent:
                self._answered(right=True)

    # What went wrong.

    def _fail(self, trouble: EntryTrouble) -> None:
        if self._counts(trouble):
            self._ask_again(trouble)

    def _counts(self, trouble: EntryTrouble) -> bool:
        """An attempt has failed; return whether there is another."""
        self._failed.append(trouble)
        if len(self._failed) < self._config.attempts:
            return True
        self._state = KeypadState.OVER
        self._commands.append(
            EntryFailed(
                trouble=trouble,
                same=len(set(self._failed)) == 1,
                attempts=len(self._failed),
                digits_count=len(self._entry),
            )
        )
        return False

    def _ask_again(self, trouble: EntryTrouble) -> None:
        self._commands.append(
            AskAgain(trouble=trouble, attempt=len(self._failed), digits_count=len(self._entry))
        )
        self._entry = ""
        self._state = KeypadState.WAITING
        self._asking = True
        self._attempt_ends = None

"""When has the caller finished keying a number?

Drawn as a diagram in `docs/design/digits.md`.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from hookflash.events.digits import DigitsEntered
from hookflash.events.turn import CallerLeft, DigitReceived, Expectation, ExpectationSet

__all__ = ["TRANSITIONS", "DigitsConfig", "DigitsEvent", "DigitsMachine", "DigitsState"]

DigitsEvent = DigitReceived | ExpectationSet | CallerLeft

_MOST = 64


class DigitsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When a keyed number is complete.

    Attributes:
        pause: seconds without a key after which the number is complete. People look keys up;
            2 s leaves time for that
            and is short enough not to feel stuck.
        finish_key: completes the number at once and is not part of it; empty for none.
    """

    pause: float = 2.0
    finish_key: str = "#"


class DigitsState(StrEnum):
    """Where the machine is."""

    WAITING = "waiting"
    KEYING = "keying"
    GONE = "gone"


_W, _K, _G = DigitsState.WAITING, DigitsState.KEYING, DigitsState.GONE

# An event that is missing from a state's row is ignored there.
TRANSITIONS: Mapping[DigitsState, Mapping[str, tuple[DigitsState, ...]]] = {
    _W: {
        DigitReceived.name: (_W, _K),
        ExpectationSet.name: (_W,),
        CallerLeft.name: (_G,),
    },
    _K: {
        DigitReceived.name: (_K, _W),
        ExpectationSet.name: (_K,),
        CallerLeft.name: (_G,),
        "tick": (_W,),
    },
    _G: {},
}


class DigitsMachine:
    """Collects keys into numbers: by finish key, by expected length, or by a pause."""

    def __init__(self, config: DigitsConfig | None = None) -> None:
        """Begin with nothing keyed and no length expected."""
        self._config = config or DigitsConfig()
        self._state = DigitsState.WAITING
        self._digits = ""
        self._length: int | None = None
        self._deadline: float | None = None

    @property
    def state(self) -> DigitsState:
        """Where the machine is."""
        return self._state

    def receive(self, event: DigitsEvent, now: float) -> Sequence[DigitsEntered]:
        """Take one event."""
        allowed = TRANSITIONS[self._state].get(event.name)
        if allowed is None:
            return ()
        said: Sequence[DigitsEntered] = ()
        match event:
            case ExpectationSet():
                wanted = event.expects is Expectation.DIGITS
                self._length = event.length if wanted else None
            case CallerLeft():
                self._state = DigitsState.GONE
                self._digits, self._deadline = "", None
            case DigitReceived():
                said = self._key(event.digit, now)
        assert self._state in allowed
        return said

    def _key(self, digit: str, now: float) -> Sequence[DigitsEntered]:
        if digit == self._config.finish_key:
            return self._complete("finish_key")
        self._digits += digit
        self._state = DigitsState.KEYING
        self._deadline = now + self._config.pause
        if len(self._digits) == self._length or len(self._digits) >= _MOST:
            return self._complete("length")
        return ()

    def _complete(self, reason: str) -> Sequence[DigitsEntered]:
        digits, self._digits, self._deadline = self._digits, "", None
        self._state = DigitsState.WAITING
        return (DigitsEntered(digits=digits, reason=reason),) if digits else ()

    def deadline(self) -> float | None:
        """Return when the pause will be long enough."""
        return self._deadline

    def tick(self, now: float) -> Sequence[DigitsEntered]:
        """Complete the number if the pause was long enough."""
        if self._deadline is None or now < self._deadline:
            return ()
        return self._complete("pause")

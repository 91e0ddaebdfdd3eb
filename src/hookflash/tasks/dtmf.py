"""A number that the caller keys, or says: codes, extensions, PINs, account numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from hookflash.agent.tools import StopResponse, Tool, function_tool
from hookflash.errors import ConfigError, ToolError
from hookflash.events.keypad import (
    AskAgain,
    DigitsSpoken,
    EntryAnswered,
    EntryTaken,
    EntryTrouble,
    KeypadEvent,
)
from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.machines.keypad import MOST_DIGITS, KeypadConfig, KeypadState
from hookflash.providers.chat import ChatContext
from hookflash.tasks.errors import CaptureDeclined, TaskMisconfigured
from hookflash.tasks.keyed import KeyedOptions, KeyedTask
from hookflash.tasks.mind import Mind
from hookflash.tasks.spoken.figures import hear_digits

__all__ = ["DtmfEvent", "GetDtmfResult", "GetDtmfTask", "dtmf_event_to_code", "format_dtmf"]


class DtmfEvent(StrEnum):
    """A key of a telephone."""

    ONE = "1"
    TWO = "2"
    THREE = "3"
    FOUR = "4"
    FIVE = "5"
    SIX = "6"
    SEVEN = "7"
    EIGHT = "8"
    NINE = "9"
    ZERO = "0"
    STAR = "*"
    POUND = "#"
    A = "A"
    B = "B"
    C = "C"
    D = "D"


_CODES = {event: code for code, event in enumerate(map(DtmfEvent, "0123456789*#ABCD"))}


def dtmf_event_to_code(event: DtmfEvent) -> int:
    """Return the number that stands for a key in RTP telephone events (RFC 4733, table 3).

    Raises:
        ValueError: it is no key.
    """
    return _CODES[DtmfEvent(event)]


def format_dtmf(events: Iterable[DtmfEvent]) -> str:
    """Return keys with spaces between them, such as `1 2 #`."""
    return " ".join(DtmfEvent(event).value for event in events)


@dataclass(frozen=True, slots=True, repr=False)
class GetDtmfResult:
    """The number that was keyed or said. Its `repr` shows only how long it is.

    Attributes:
        user_input: its digits with spaces between them, `1 2 3`.
    """

    user_input: str

    @classmethod
    def from_dtmf_inputs(cls, dtmf_inputs: Iterable[DtmfEvent]) -> "GetDtmfResult":
        """Make one of keys."""
        return cls(user_input=format_dtmf(dtmf_inputs))

    @property
    def digits(self) -> str:
        """The number without spaces, `123`."""
        return self.user_input.replace(" ", "")

    def __repr__(self) -> str:
        return f"GetDtmfResult({len(self.digits)} digits)"


_INSTRUCTIONS = """\
You are one step of a larger conversation on the telephone. Only collect {what} from the caller; \
the rest is for others.
The caller keys it, or says it; both are taken without you, and read back where that is needed. \
You are asked only when the caller says something else: answer in one short sentence and ask for \
{what} again. Never guess, complete or invent digits, and never say that you have them.
If the caller refuses, cannot give it, or wants somebody else, call `decline_dtmf_capture` with \
the reason. Do not greet, and use no markdown."""
_NOT_THEIRS = (
    "These are not the digits that the caller keyed or said. Never supply digits yourself: ask the "
    "caller to key them."
)
_TO_CONFIRM = "error: the user must confirm the digits explicitly"
_SORRY = "Sorry, "


class GetDtmfTask(KeyedTask[GetDtmfResult]):
    """Asks for a number that is keyed or said.

    It is complete with its last digit, at the stop key, or after a pause. An attempt that fails is
    asked for again, and says what was wrong. No model passes digits on: what was not keyed or said
    is never the result.

    Awaiting it raises, besides what `AgentTask` does, `DtmfCollectionError` when the attempts are
    used up, and `CaptureDeclined`.
    """

    def __init__(
        self,
        num_digits: int | None = None,
        *,
        minimum: int = 1,
        maximum: int | None = None,
        ask_for_confirmation: bool = False,
        dtmf_input_timeout: float = 4.0,
        dtmf_stop_event: DtmfEvent | None = DtmfEvent.POUND,
        clear_key: DtmfEvent | None = DtmfEvent.STAR,
        back_key: DtmfEvent | None = None,
        first_digit_timeout: float = 8.0,
        total_timeout: float = 60.0,
        max_attempts: int = 3,
        prompt: str | None = None,
        reprompts: Sequence[str] = (),
        interruptible: bool = True,
        sensitive: bool = False,
        voice: bool = True,
        mind: Mind | None = None,
        chat_ctx: ChatContext | None = None,
        extra_instructions: str = "",
        timeout: float | None = None,
    ) -> None:
        """Say what number is wanted.

        Args:
            num_digits: exactly so many, 1 to 64; or
            minimum: the fewest, and
            maximum: the most; None is 64. With None, only the stop key or a pause completes it.
            ask_for_confirmation: whether it is read back, to be confirmed by the key 1 or a yes,
                and given again after the key 2 or a no.
            dtmf_input_timeout: seconds without a key after which the number is complete.
            dtmf_stop_event: the key that completes it; None for none.
            clear_key: the key after which it begins anew; None for none.
            back_key: the key that takes the last digit away; None for none.
            first_digit_timeout: seconds for the first key after the question.
            total_timeout: seconds for one attempt, whatever else goes on.
            max_attempts: how many may fail, 1 to 20.
            prompt: the question; None: a model puts it in its words, and without one there is a
                plain sentence.
            reprompts: the questions after failed attempts instead of those that say what went
                wrong; the last one stays.
            interruptible: whether a key or the caller's voice cuts the question short. Keys count
                either way.
            sensitive: whether the number is concealed, as in `session.sensitive()`. Nor is it on
                the tape or read back.
            voice: whether spoken digits count, alone or mixed with keys.
            mind: who answers what else the caller says: `model`, `rules`, or None: rules if the
                session has no language model, or a rule-driven one.
            chat_ctx: what a model is shown to begin with.
            extra_instructions: for a model, such as what the number is for.
            timeout: seconds that the whole may take; None: any time.

        Raises:
            TaskMisconfigured: a value is out of its range, or values contradict each other; a
                `ValueError`.
        """
        if num_digits is not None:
            if minimum != 1 or maximum is not None:
                msg = "give num_digits, or minimum and maximum, not both"
                raise TaskMisconfigured(msg)
            if not 1 <= num_digits <= MOST_DIGITS:
                msg = f"num_digits is {num_digits}; give a number from 1 to {MOST_DIGITS}, or None"
                raise TaskMisconfigured(msg)
            minimum = maximum = num_digits
        try:
            keypad = KeypadConfig(
                minimum=minimum,
                maximum=MOST_DIGITS if maximum is None else maximum,
                first_digit=first_digit_timeout,
                between_digits=dtmf_input_timeout,
                total=total_timeout,
                stop_key=dtmf_stop_event or "",
                clear_key=clear_key or "",
                back_key=back_key or "",
                attempts=max_attempts,
                confirm=ask_for_confirmation,
            )
        except ConfigError as exc:
            raise TaskMisconfigured(str(exc)) from exc
        self._lengths = _lengths(keypad)
        self._candidates: set[str] = set()
        instructions = _INSTRUCTIONS.format(what=self._number)
        super().__init__(
            "\n".join(filter(None, (instructions, extra_instructions))),
            self._make_tools(confirm=ask_for_confirmation, secret=sensitive),
            KeyedOptions(
                field="digits",
                prompt=prompt,
                reprompts=tuple(reprompts),
                interruptible=interruptible,
                voice=voice,
                sensitive=sensitive,
                mind=mind,
            ),
            keypad,
            chat_ctx=chat_ctx,
            timeout=timeout,
        )

    @property
    def _number(self) -> str:
        return f"a number of {self._lengths}" if self._lengths else "a number"

    # For a model.

    def _make_tools(self, *, confirm: bool, secret: bool) -> list[Tool]:
        @function_tool
        async def decline_dtmf_capture(reason: str) -> None:
            """The caller refuses, cannot give the digits, or wants somebody else.

            Args:
                reason: why, in a few words.
            """
            self.finish(CaptureDeclined("digits", reason))

        @function_tool
        async def confirm_inputs(inputs: list[DtmfEvent]) -> None:
            """The caller has agreed, in words of their own, that the digits read back are right.

            Args:
                inputs: the digits that were read back.
            """
            self._confirm("".join(inputs))

        @function_tool
        async def record_inputs(inputs: list[DtmfEvent]) -> None:
            """The caller has said the digits in a way that only you could understand.

            Args:
                inputs: the digits that the caller said; never others.
            """
            self._record("".join(inputs))

        if secret:  # a model is never shown them
            return [decline_dtmf_capture]
        return [decline_dtmf_capture, confirm_inputs if confirm else record_inputs]

    def _confirm(self, digits: str) -> NoReturn:
        if digits != self._machine.entry:
            raise ToolError(_NOT_THEIRS)
        if not self._machine.read_back_heard or not self._turns_since_question:
            raise ToolError(_TO_CONFIRM)
        self._feed(EntryAnswered(right=True))
        raise StopResponse

    def _record(self, digits: str) -> NoReturn:
        if digits not in {self._machine.entry, *self._candidates} or not digits:
            raise ToolError(_NOT_THEIRS)
        self._feed(DigitsSpoken(digits=digits, whole=True))
        raise StopResponse

    # What the task says and hears.

    def ask(self) -> str:
        """Ask for the number."""
        stop = self._keypad.stop_key
        ends = "" if self._exact or stop != "#" else ", and then the hash key"
        what, it = "your number", "it"
        if self._lengths:
            your = "" if self._lengths.startswith("at least") else "your "
            what, it = f"{your}{self._lengths}", "them"
        said = f", or say {it}" if self._options.voice else ""
        return f"Please enter {what} on your keypad{ends}{said}."

    def ask_again(self, again: AskAgain) -> str:
        """Say what was wrong, without the digits, and ask again."""
        match again.trouble:
            case EntryTrouble.CLEARED:
                wrong = "All right. "
            case EntryTrouble.REJECTED:
                wrong = "All right, once more. "
            case EntryTrouble.NO_INPUT:
                wrong = f"{_SORRY}I did not get anything. "
            case EntryTrouble.TOO_SHORT | EntryTrouble.TOO_LONG:
                count = again.digits_count
                got = "I got no digits" if not count else f"that was {_counted(count)}"
                wrong = f"{_SORRY}{got}. "
            case EntryTrouble.TIMEOUT:
                wrong = f"{_SORRY}that took too long. "
            case EntryTrouble.INVALID | EntryTrouble.UNCONFIRMED:
                wrong = f"{_SORRY}I did not understand that. "
        return wrong + self.ask()

    def ask_whether(self, digits: str) -> str:
        """Read the digits back one by one, or, if they are secret, say how many there are."""
        read = _counted(len(digits)) if self._options.sensitive else ", ".join(digits)
        return f"I have {read}. If that is right, press 1 or say yes. To do it again, press 2."

    def expectation(self) -> ExpectationSet:
        """Digits."""
        length = self._keypad.maximum if self._exact else None
        return ExpectationSet(expects=Expectation.DIGITS, length=length)

    def shortfall(self, digits_count: int) -> str:
        """Say how many were wanted, and how many came."""
        wanted = self._lengths or "at least 1 digit"
        return f"Digits input not fully received. Expect {wanted}, got {digits_count}"

    def hear(self, text: str) -> KeypadEvent | None:
        """Understand digits: those that are missing, or all of them anew."""
        config = self._keypad
        entry = "" if self._machine.state is KeypadState.CONFIRMING else self._machine.entry
        missing = max(1, config.minimum - len(entry)), config.maximum - len(entry)
        whole = hear_digits(text, minimum=config.minimum, maximum=config.maximum)
        self._candidates = set(whole.candidates)
        if missing[0] <= missing[1]:
            rest = hear_digits(text, minimum=missing[0], maximum=missing[1])
            if rest.value is not None:
                return DigitsSpoken(digits=rest.value, whole=not entry)
        if whole.value is not None:
            return DigitsSpoken(digits=whole.value, whole=True)
        if whole.candidates:
            return None
        some = hear_digits(text)
        return None if some.value is None else DigitsSpoken(digits=some.value)

    def take(self, taken: EntryTaken) -> GetDtmfResult:
        """The number."""
        return GetDtmfResult.from_dtmf_inputs(DtmfEvent(digit) for digit in taken.digits)

    @property
    def _exact(self) -> bool:
        return self._keypad.minimum == self._keypad.maximum


def _counted(count: int) -> str:
    return "1 digit" if count == 1 else f"{count} digits"


def _lengths(keypad: KeypadConfig) -> str:
    """Return how many digits are wanted; nothing if any number is."""
    if keypad.minimum == keypad.maximum:
        return _counted(keypad.minimum)
    if keypad.maximum < MOST_DIGITS:
        return f"{keypad.minimum} to {keypad.maximum} digits"
    return f"at least {keypad.minimum} digits" if keypad.minimum > 1 else ""

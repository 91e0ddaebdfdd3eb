"""A menu: the caller presses a key, or says what it stands for."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Generic, NoReturn, TypeVar

from hookflash.agent.tools import StopResponse, Tool, function_tool
from hookflash.errors import ConfigError, ToolError
from hookflash.events.keypad import AskAgain, DigitsSpoken, EntryTaken, EntryTrouble, KeypadEvent
from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.machines.keypad import KeypadConfig
from hookflash.providers.chat import ChatContext
from hookflash.tasks.errors import CaptureDeclined, TaskMisconfigured
from hookflash.tasks.keyed import KeyedOptions, KeyedTask
from hookflash.tasks.mind import Mind
from hookflash.tasks.spoken.answers import hear_choice
from hookflash.tasks.spoken.figures import hear_digits

__all__ = ["DtmfMenu"]

ValueT = TypeVar("ValueT")

_NO_WORDS: Mapping[str, Sequence[str]] = MappingProxyType({})

_INSTRUCTIONS = """\
You are one step of a larger conversation on the telephone. The caller is to choose from a menu; \
the rest is for others.
The menu: {menu}
Keys, and the words of the menu, are taken without you. You are asked only when the caller says \
something else: call `choose_option` if it is clear what they want, else answer in one short \
sentence and name the options again. If the caller wants none of them, or somebody else, call \
`decline_menu` with the reason. Do not greet, and use no markdown."""


class DtmfMenu(KeyedTask[ValueT], Generic[ValueT]):
    """Lets the caller choose by a key, or by a word; its result is what the key stands for.

    ```python
    department = await DtmfMenu({"1": "sales", "2": "support"})
    ```

    Awaiting it raises, besides what `AgentTask` does, `DtmfCollectionError` when the attempts are
    used up, and `CaptureDeclined`.
    """

    def __init__(
        self,
        options: Mapping[str, ValueT],
        *,
        words: Mapping[str, Sequence[str]] = _NO_WORDS,
        prompt: str | None = None,
        reprompts: Sequence[str] = (),
        interruptible: bool = True,
        voice: bool = True,
        first_digit_timeout: float = 8.0,
        between_digits_timeout: float = 3.0,
        total_timeout: float = 60.0,
        max_attempts: int = 3,
        mind: Mind | None = None,
        chat_ctx: ChatContext | None = None,
        extra_instructions: str = "",
        timeout: float | None = None,
    ) -> None:
        """Say what there is to choose from.

        Args:
            options: what each key, or row of keys, stands for.
            words: for each key what the caller may say, the one for the question first. A key that
                has none and stands for text has that text.
            prompt: the question; None makes it from the words: "For sales, press 1."
            reprompts: the questions after failed attempts, the last one for all that follow.
            interruptible: whether a key or the caller's voice cuts the question short.
            voice: whether words count.
            first_digit_timeout: seconds for the choice.
            between_digits_timeout: seconds for the next key, if a longer code begins alike.
            total_timeout: seconds for one attempt, whatever else goes on.
            max_attempts: how many may fail, 1 to 20.
            mind: who understands what else the caller says, as of `GetDtmfTask`.
            chat_ctx: what a model is shown to begin with.
            extra_instructions: for a model.
            timeout: seconds that the whole may take; None: any time.

        Raises:
            TaskMisconfigured: there are no options, a key is none, `words` has a key that is no
                option, or there is neither a prompt nor words for it.
        """
        if not options:
            msg = "options is empty; give at least one key and what it stands for"
            raise TaskMisconfigured(msg)
        if unknown := [key for key in words if key not in options]:
            msg = f"words has {unknown[0]!r}, which is no key of options"
            raise TaskMisconfigured(msg)
        self._choices = dict(options)
        self._words = {
            key: tuple(words.get(key, _text_of(value))) for key, value in options.items()
        }
        if prompt is None and not all(self._words.values()):
            msg = "prompt is missing; give it, or words for every key"
            raise TaskMisconfigured(msg)
        try:
            keypad = KeypadConfig(
                codes=tuple(options),
                first_digit=first_digit_timeout,
                between_digits=between_digits_timeout,
                total=total_timeout,
                stop_key="",
                clear_key="",
                attempts=max_attempts,
            )
        except ConfigError as exc:
            raise TaskMisconfigured(str(exc)) from exc
        menu = prompt or self.ask()
        super().__init__(
            "\n".join(filter(None, (_INSTRUCTIONS.format(menu=menu), extra_instructions))),
            self._make_tools(),
            KeyedOptions(
                field="choice",
                prompt=menu,
                reprompts=tuple(reprompts),
                interruptible=interruptible,
                voice=voice,
                sensitive=False,
                mind=mind,
            ),
            keypad,
            chat_ctx=chat_ctx,
            timeout=timeout,
        )

    def _make_tools(self) -> list[Tool]:
        @function_tool
        async def choose_option(key: str) -> None:
            """The caller wants one of the options.

            Args:
                key: of the option.
            """
            self._choose(key)

        @function_tool
        async def decline_menu(reason: str) -> None:
            """The caller wants none of the options, or somebody else.

            Args:
                reason: why, in a few words.
            """
            self.finish(CaptureDeclined("choice", reason))

        return [choose_option, decline_menu]

    def _choose(self, key: str) -> NoReturn:
        if key not in self._choices:
            msg = f"There is no option {key!r}. The keys are {', '.join(self._choices)}."
            raise ToolError(msg)
        self._feed(DigitsSpoken(digits=key, whole=True))
        raise StopResponse

    # What the task says and hears.

    def ask(self) -> str:
        """Name the options."""
        return " ".join(f"For {words[0]}, press {key}." for key, words in self._words.items())

    def ask_again(self, again: AskAgain) -> str:
        """Say what was wrong, and name the options again."""
        wrong = "that took too long" if again.trouble is EntryTrouble.TIMEOUT else ""
        if again.trouble is EntryTrouble.NO_INPUT:
            wrong = "I did not get anything"
        elif not wrong:
            wrong = "that is not one of the choices"
        return f"Sorry, {wrong}. {self._options.prompt}"

    def ask_whether(self, digits: str) -> str:
        """Name the choice; a menu does not ask."""
        return f"You chose {self._words[digits][0]}."

    def expectation(self) -> ExpectationSet:
        """One of the words."""
        words = tuple(word.lower() for each in self._words.values() for word in each)
        return ExpectationSet(expects=Expectation.CHOICE, words=words)

    def shortfall(self, digits_count: int) -> str:
        """Say that nothing was chosen."""
        return "The caller chose none of the options."

    def hear(self, text: str) -> KeypadEvent | None:
        """Understand a key's number, or its words."""
        number = hear_digits(text).value
        if number is not None:
            return DigitsSpoken(digits=number, whole=True) if number in self._choices else None
        key = hear_choice(text, self._words).value
        return None if key is None else DigitsSpoken(digits=key, whole=True)

    def take(self, taken: EntryTaken) -> ValueT:
        """What the key stands for."""
        return self._choices[taken.digits]


def _text_of(value: object) -> tuple[str, ...]:
    return (value.replace("_", " "),) if isinstance(value, str) and value else ()

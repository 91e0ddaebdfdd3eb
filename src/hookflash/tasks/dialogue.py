"""Leading a caller to one value without a language model: ask, understand, read back, ask again."""

from typing import Generic, Protocol, TypeVar

from hookflash.agent import UtteranceHandle
from hookflash.tasks.asking import Asking
from hookflash.tasks.mind import Wish, hear_wish
from hookflash.tasks.spoken import Heard, ProblemKind, Reading, hear_yes_no

__all__ = ["Dialogue", "Field"]

ValueT = TypeVar("ValueT")

_SORRY = {
    ProblemKind.NOTHING: "Sorry, I did not get that.",
    ProblemKind.INCOMPLETE: "Sorry, something is missing.",
    ProblemKind.INVALID: "Sorry, that does not seem right.",
    ProblemKind.AMBIGUOUS: "Sorry, I am not sure that I got that.",
}
_MOST_CANDIDATES = 2
# "No" and at most one word more is an answer, not a correction.
_CORRECTION = 3


class Field(Protocol[ValueT]):
    """What the dialogue is about, and who it is told."""

    @property
    def asking(self) -> Asking:
        """How to ask now."""
        ...

    @property
    def failures(self) -> int:
        """How many attempts have failed."""
        ...

    @property
    def confirms(self) -> bool:
        """Whether values are read back."""
        ...

    def hear(self, text: str) -> Heard[ValueT]:
        """Understand the caller's words."""
        ...

    def reading(self, value: ValueT, way: Reading) -> str:
        """Put a value into words."""
        ...

    def say(self, words: str) -> UtteranceHandle:
        """Let the caller hear something."""
        ...

    def fail(self) -> bool:
        """An attempt has failed; return whether there may be another."""
        ...

    def accept(self, value: ValueT) -> None:
        """This is it."""
        ...

    def decline(self, why: str) -> None:
        """The caller will not say."""
        ...


class Dialogue(Generic[ValueT]):
    """Leads one caller to one value. The caller's turns go in by `answered`."""

    def __init__(self, field: Field[ValueT]) -> None:
        """Nothing is asked yet."""
        self._field = field
        self._answers: list[str] = []
        self._value: ValueT | None = None
        self._candidates: tuple[ValueT, ...] = ()
        self._heard_in = ""
        self._question = ""
        self._read_back: tuple[UtteranceHandle, int] | None = None

    def ask(self, before: str = "") -> None:
        """Ask from the beginning, or again for agreement, with a word before the question."""
        if self._value is not None:
            self._read(self._value)
            return
        self._answers.clear()
        self._say(f"{before} {self._field.asking.questions[0]}".strip())

    def answered(self, text: str) -> None:
        """The caller has said, or keyed, something."""
        heard = self._field.hear(text)
        wish = hear_wish(text) if heard.value is None else None
        if wish in {Wish.PERSON, Wish.REFUSES}:
            self._field.decline(f"the caller {wish}")
        elif wish is Wish.MOMENT:
            self._field.say("Take your time.")
        elif wish is Wish.AGAIN:
            self._repeat()
        elif self._value is not None:
            self._settle(self._value, text, heard)
        else:
            self._collect(text, heard)

    # Until there is a value.

    def _collect(self, text: str, heard: Heard[ValueT]) -> None:
        """Put an answer to those before it, and try to make a value of them."""
        asking = self._field.asking
        self._answers.append(text)
        if heard.value is None and len(self._answers) < len(asking.questions):
            self._say(asking.questions[len(self._answers)])
            return
        if heard.value is None and len(self._answers) > 1:
            text = asking.joined.format(*self._answers)
            heard = self._field.hear(text)
        self._take(heard, text)

    def _take(self, heard: Heard[ValueT], text: str) -> None:
        self._answers.clear()
        self._heard_in = text
        self._candidates = ()
        problem = heard.problem.kind if heard.problem is not None else ProblemKind.NOTHING
        if heard.value is not None and not self._field.confirms:
            self._field.accept(heard.value)
        elif heard.value is not None:
            self._read(heard.value)
        elif heard.candidates and problem is ProblemKind.AMBIGUOUS:
            first, *others = heard.candidates[:_MOST_CANDIDATES]
            self._candidates = tuple(others)
            self._read(first)
        else:
            self._fail(_SORRY[problem])

    # Once there is one.

    def _read(self, value: ValueT) -> None:
        """Read a value back, slower once something went wrong, and ask whether it is right."""
        again = self._field.failures > 0
        self._value = value
        words = f"I have {self._field.reading(value, Reading.SPELLED if again else Reading.WHOLE)}."
        keys = " Press 1 for yes, or 2 for no." if again else ""
        handle = self._say(f"{words}{keys} Is that right?")
        self._read_back = handle, len(words.split())

    def _settle(self, value: ValueT, text: str, heard: Heard[ValueT]) -> None:
        """The caller answers whether the value that was read back is right."""
        agreed = hear_yes_no(text).value
        if agreed and " but " in text:
            agreed = None
        other = heard.value
        if other is None and agreed is not True and len(text.split()) >= _CORRECTION:
            # "No, B as in boy" goes on from where the value was heard.
            text = f"{self._heard_in}, {text}"
            other = self._field.hear(text).value
            other = None if other == value else other
        if agreed is True or (agreed is None and other == value):
            if self._was_read_out():
                self._field.accept(value)
            else:
                self._read(value)
        elif other is not None and other != value:
            if self._field.fail():
                self._take(Heard(value=other), text)
        elif agreed is False and self._candidates:
            following, *others = self._candidates
            self._candidates = tuple(others)
            self._read(following)
        elif agreed is False:
            self._value = None
            self._fail("Sorry about that.")
        elif self._field.fail():
            self._read(value)

    def _was_read_out(self) -> bool:
        """Whether the caller has heard the value, though perhaps not the question behind it."""
        if self._read_back is None:
            return False
        handle, count = self._read_back
        return handle.done() and len(handle.spoken_text.split()) >= count

    def _fail(self, sorry: str) -> None:
        if self._field.fail():
            self.ask(sorry)

    def _repeat(self) -> None:
        if self._value is not None:
            self._read(self._value)
        else:
            self._say(self._question)

    def _say(self, words: str) -> UtteranceHandle:
        self._question = words
        return self._field.say(words)

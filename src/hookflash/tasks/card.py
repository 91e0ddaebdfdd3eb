"""Collecting a payment card.

The number, the expiration date and the code are keyed, or said; this task takes them itself, in
sensitive mode: no language model is asked about anything until they are there, and neither
history, events, tape nor recording hold them. Only the name on the card is an ordinary question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Generic, TypeVar, Unpack

from hookflash.agent import StopResponse, Tool, UtteranceHandle, function_tool
from hookflash.agent.answers import Answer
from hookflash.errors import ConfigError, ToolError
from hookflash.events.session import (
    DtmfReceived,
    SessionRecord,
    UserStateChanged,
    UserTranscription,
)
from hookflash.providers.chat import ChatContext
from hookflash.runtime import clock
from hookflash.tasks.asking import Asking
from hookflash.tasks.capture import CaptureOptions
from hookflash.tasks.errors import (
    AttemptsExceeded,
    CaptureDeclined,
    CardCaptureDeclinedError,
    CardCollectionRestartError,
)
from hookflash.tasks.mind import Mind, Wish, hear_wish
from hookflash.tasks.name import GetNameTask
from hookflash.tasks.secret import Secret
from hookflash.tasks.spoken import (
    Expiry,
    Heard,
    Issuer,
    ProblemKind,
    hear_card_number,
    hear_digits,
    hear_expiry,
    hear_security_code,
    hear_yes_no,
    issuer_of,
)
from hookflash.tasks.task import AgentTask

__all__ = ["GetCreditCardResult", "GetCreditCardTask"]

T = TypeVar("T")

_FIELD: Final = "card details"
_OTHER: Final = "Other"
_STAR: Final = "*"
_ALL_DIGITS: Final = 15
"""Digits from which a number that is not valid is wrong, and not one of which the rest follows."""
_VALID_FOR: Final = 20
"""Years for which `hear_expiry` takes a card to be valid at most."""
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_START_AGAIN = (
    "start over", "start again", "begin again", "from the beginning", "another card",
    "different card", "other card", "wrong card",
)  # fmt: skip

_NUMBER_QUESTIONS = (
    "Please key in, or say, the 15 or 16 digits of your card number.",
    "Please key in or say your card number again, slowly, from the beginning.",
    "Please use the keypad: key in your card number, and then press the hash key.",
)
_EXPIRY_QUESTIONS = (
    "When does the card expire? Please say the month and the year, or key in 4 digits.",
    "Please say the month and the year again, or key them in as 4 digits.",
    "Please use the keypad: key in 4 digits, two for the month and two for the year.",
)
_CODE_AGAIN = "Please say or key in the security code once more."
_NOTHING = "I am sorry, I heard nothing. "
_TAKE_YOUR_TIME = "Of course, take your time."


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCreditCardResult:
    """A card. Its `repr` shows neither the number nor the code.

    Attributes:
        cardholder_name: as it is printed.
        issuer: `Visa`, `Mastercard`, `American Express`, ... by the number; `Other` if it is not
            known.
        last_four: of the number; what may be shown.
        expiration_date: `MM/YY`.
        card_number: the number; None if there is a token for it.
        security_code: the code; None as above. It must not be stored (PCI DSS, requirement 3.3).
        token: what `tokenise` returned for the card.
    """

    cardholder_name: str
    issuer: str
    last_four: str
    expiration_date: str
    card_number: Secret | None
    security_code: Secret | None
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step(Generic[T]):
    """One value of the card.

    Attributes:
        field: what it is, for errors.
        questions: how it is asked for; each failure goes on to the next, and the last one stays.
        hear: understands an answer.
        wrong: says what is wrong with one that is complete.
        goes_on: whether more of it may follow an answer that is not valid.
    """

    field: str
    questions: tuple[str, ...]
    hear: Callable[[str], Heard[T]]
    wrong: Callable[[str], str]
    goes_on: Callable[[str], bool] = lambda _: False


class _CardholderName(GetNameTask):
    """Asks for the name, and lets the caller begin again with the card."""

    def __init__(self, **options: Unpack[CaptureOptions]) -> None:
        options["require_explicit_ask"] = True
        super().__init__(last_name=True, **options)
        asking = Asking(
            questions=("What is the name on the card?",), advice="ask for the name on the card."
        )
        self.texts = replace(self.texts, askings=(asking, *self.texts.askings[1:]))

    async def on_user_turn_completed(self, text: str) -> None:
        """Look for that wish first."""
        if _wants_again(text):
            self.finish(CardCollectionRestartError("the caller wants to start again"))
            raise StopResponse
        await super().on_user_turn_completed(text)


class GetCreditCardTask(AgentTask[GetCreditCardResult]):
    """Collects a card: number, expiration date, security code, name.

    Each is checked before the next is asked for. The number and the date are read back (of the
    number the last four digits), and a code that was said is asked for twice. At any point the
    caller may start again (`*` clears what they keyed), refuse, or ask for a person.

    Awaiting it raises, besides what `AgentTask` does, `CardCaptureDeclinedError` and
    `AttemptsExceeded`.
    """

    def __init__(
        self,
        *,
        chat_ctx: ChatContext | None = None,
        tools: Iterable[Tool] = (),
        require_confirmation: bool | None = None,
        extra_instructions: str = "",
        tokenise: Callable[[GetCreditCardResult], Awaitable[str]] | None = None,
        mind: Mind | None = None,
        max_attempts: int = 4,
        answer_within: float = 15.0,
        more_within: float = 4.0,
        timeout: float | None = None,
    ) -> None:
        """Describe the job.

        Args:
            chat_ctx: what the model is shown when the name is asked for.
            tools: what it may call then, besides the task's own.
            require_confirmation: False takes what is valid without reading it back.
            extra_instructions: for the model, then.
            tokenise: is given the card as soon as it is complete, and returns a token for it; the
                result then holds the token, and neither number nor code. A `ToolError` that it
                raises ends the task; so does all else, without its message.
            mind: who asks for the name; see `CaptureOptions`.
            max_attempts: failures at one value, and beginnings, after which it gives up; 1 to 20.
            answer_within: seconds of silence after a question that count as a failure. 15 if not
                given: people look for their cards.
            more_within: seconds of silence after a part of a number before it is asked for anew.
            timeout: seconds that the whole may take; None: any time.

        Raises:
            ConfigError: a number is out of its range.
            UsageError: two tools have the same name.
        """
        if not 1 <= max_attempts <= 20:
            msg = f"max_attempts is {max_attempts}; give a number from 1 to 20"
            raise ConfigError(msg)
        for name, seconds in (("answer_within", answer_within), ("more_within", more_within)):
            if not seconds > 0:
                msg = f"{name} is {seconds}; give seconds above 0"
                raise ConfigError(msg)
        super().__init__(chat_ctx=chat_ctx, timeout=timeout)
        self._name_context = chat_ctx
        self._name_tools = tuple(tools)
        self._extra_instructions = extra_instructions
        self._require_confirmation = require_confirmation
        self._tokenise = tokenise
        self._mind: Mind | None = mind
        self._max_attempts = max_attempts
        self._answer_within = answer_within
        self._more_within = more_within
        self._turns: asyncio.Queue[Answer] = asyncio.Queue()
        self._stirred = 0.0
        self._question: UtteranceHandle | None = None
        self._name: _CardholderName | None = None

    # For the model, while the name is asked for.

    @function_tool
    async def decline_card_capture(self, reason: str) -> None:
        """Call when the user will not or cannot give their card.

        Args:
            reason: Why, in a few words.
        """
        self._end_name(CardCaptureDeclinedError(reason))

    @function_tool
    async def restart_card_collection(self, reason: str) -> None:
        """Call when the user wants to begin again with the card number, or use another card.

        Args:
            reason: Why, in a few words.
        """
        self._end_name(CardCollectionRestartError(reason))

    def _end_name(self, error: ToolError) -> None:
        if self._name is not None:
            self._name.finish(error)
        raise StopResponse

    # The task.

    async def on_enter(self) -> None:
        """Collect the card, from the beginning as often as the caller wants."""
        kinds = (DtmfReceived, UserStateChanged, UserTranscription)
        for kind in kinds:
            self.session.on(kind, self._stir)
        try:
            self.finish(await self._collect())
        finally:
            self.session.off(self._stir)

    async def on_user_turn_completed(self, text: str) -> None:
        """Let no model answer; what is said between two questions is passed over."""
        raise StopResponse

    @contextmanager
    def _taking_turns(self) -> Generator[None]:
        """Have what the caller keys and says, so that nobody else is asked about it."""

        def take(answer: Answer) -> bool:
            self._turns.put_nowait(answer)
            return True

        release = self.session.take_turns(take)
        try:
            yield
        finally:
            release()
            self._turns = asyncio.Queue()

    def _stir(self, _: SessionRecord) -> None:
        self._stirred = clock.now()

    async def _collect(self) -> GetCreditCardResult:
        for attempt in range(self._max_attempts):
            try:
                return await self._once("" if attempt == 0 else "All right, let us start again. ")
            except CardCollectionRestartError:
                continue
        raise AttemptsExceeded(_FIELD, self._max_attempts)

    async def _once(self, before: str) -> GetCreditCardResult:
        today = clock.wall().date()
        with self.session.sensitive(), self._taking_turns():
            number, _ = await self._take(_number_step(), before)
            issuer = issuer_of(number)
            expiry, _ = await self._take(_expiry_step(today))
            if self._require_confirmation is not False:
                await self._confirm(_read_back(number, issuer, expiry))
            code = await self._take_code(issuer)
        card = GetCreditCardResult(
            cardholder_name=await self._ask_name(),
            issuer=_OTHER if issuer is None else issuer.value,
            last_four=number[-4:],
            expiration_date=str(expiry),
            card_number=Secret(number),
            security_code=Secret(code),
        )
        return card if self._tokenise is None else await _tokenised(card, self._tokenise)

    async def _take_code(self, issuer: Issuer | None) -> str:
        step, before = _code_step(issuer), ""
        for _ in range(self._max_attempts):
            code, keyed = await self._take(step, before)
            if keyed or self._require_confirmation is False:
                return code
            # It must not be said aloud, so it is not read back: it is said again.
            again, _ = await self._take(replace(step, questions=(_CODE_AGAIN,)))
            if again == code:
                return code
            before = "The two codes do not match. "
        raise AttemptsExceeded(step.field, self._max_attempts)

    async def _ask_name(self) -> str:
        task = self._name = _CardholderName(
            require_confirmation=self._require_confirmation,
            extra_instructions=(
                "Ask for the name as it is printed on the card. Never ask for the card's number "
                f"or code, and never repeat them. {self._extra_instructions}"
            ).strip(),
            chat_ctx=self._name_context,
            tools=(
                *self._name_tools,
                self.decline_card_capture,
                self.restart_card_collection,
            ),
            mind=self._mind,
            max_attempts=self._max_attempts,
        )
        try:
            name = await task
        except CardCaptureDeclinedError:
            raise
        except CaptureDeclined as exc:
            raise CardCaptureDeclinedError(exc.reason) from exc
        return name.full_name

    # Questions.

    async def _take(self, step: _Step[T], said_before: str = "") -> tuple[T, bool]:
        """Ask for a value until it is valid; return it, and whether all of it was keyed.

        Raises:
            AttemptsExceeded: it never was.
            CardCaptureDeclinedError, CardCollectionRestartError: the caller wants that.
        """
        for attempt in range(self._max_attempts):
            self._ask(said_before + step.questions[min(attempt, len(step.questions) - 1)])
            said_before, text, keyed, within = _NOTHING, "", True, self._answer_within
            while (answer := await self._answer(within)) is not None:
                keyed = keyed and answer.keyed
                heard, text = _joined(step, text, answer)
                if heard.value is not None:
                    return heard.value, keyed
                wish = None if answer.keyed else self._wish(answer.text)
                if wish is Wish.MOMENT:
                    self._ask(_TAKE_YOUR_TIME)
                    continue
                said_before = "" if wish is Wish.AGAIN else step.wrong(text)
                if not _goes_on(step, heard, text):
                    break
                within = self._more_within
        self._ask("I am sorry, I could not get it.")
        raise AttemptsExceeded(step.field, self._max_attempts)

    async def _confirm(self, words: str) -> None:
        """Read back, until the caller has heard it and agreed.

        Raises:
            AttemptsExceeded: they said neither yes nor no.
            CardCaptureDeclinedError, CardCollectionRestartError: the caller wants that, or says no.
        """
        for _ in range(self._max_attempts):
            said = self._ask(f"{words} Is that right?")
            while (answer := await self._answer(self._answer_within)) is not None:
                agrees = hear_yes_no(answer.text).value
                if agrees is False:
                    raise CardCollectionRestartError("the card was not understood")
                if agrees is None:
                    self._wish(answer.text)
                    break
                if len(said.spoken_text.split()) >= len(words.split()):
                    return
                # A yes to what was not heard yet is none: the question goes on.
        raise AttemptsExceeded(_FIELD, self._max_attempts)

    def _ask(self, words: str) -> UtteranceHandle:
        """Say something instead of what is being said.

        A key does not cut it short: it may be a `#` out of habit after a number that was complete.
        """
        if self._question is not None:
            self._question.interrupt(force=True)
        self._question = self.session.say(words, interruptible=False)
        return self._question

    def _wish(self, text: str) -> Wish | None:
        """Return what a caller wants who says something else.

        Raises:
            CardCaptureDeclinedError, CardCollectionRestartError: that.
        """
        if _wants_again(text):
            raise CardCollectionRestartError("the caller wants to start again")
        wish = hear_wish(text)
        if wish in {Wish.PERSON, Wish.REFUSES}:
            raise CardCaptureDeclinedError(f"the caller {wish}")
        return wish

    async def _answer(self, within: float) -> Answer | None:
        """Wait for what the caller keys or says; None if all was quiet for so many seconds.

        The silence is counted from the end of the question, or of what the caller is at.
        """
        began = clock.now()
        while True:
            quiet_since = max(began, self._stirred)
            if self._question is not None:
                finished = self._question.finished_at
                quiet_since = max(quiet_since, clock.now() if finished is None else finished)
            left = quiet_since + within - clock.now()
            if left <= 0:
                return None
            with suppress(TimeoutError):
                return await asyncio.wait_for(self._turns.get(), left)


def _number_step() -> _Step[str]:
    return _Step(
        field="card number",
        questions=_NUMBER_QUESTIONS,
        hear=hear_card_number,
        wrong=lambda _: "I am sorry, that card number is not valid. ",
        goes_on=lambda text: len(_digits(text)) < _ALL_DIGITS,
    )


def _expiry_step(today: date) -> _Step[Expiry]:
    def hear(text: str) -> Heard[Expiry]:
        return hear_expiry(text, today=today)

    def wrong(text: str) -> str:
        problem = hear(text).problem
        if problem is None or problem.kind is not ProblemKind.INVALID:
            return "I am sorry, I did not get the month and the year. "
        # On which days would it have been right?
        right = [
            years
            for years in (-_VALID_FOR, *range(_VALID_FOR, 100, _VALID_FOR))
            if hear_expiry(text, today=today.replace(year=today.year + years, day=1)).value
        ]
        if not right:
            return "I am sorry, the expiration month is invalid. "
        if right[0] < 0:
            return "I am sorry, the card is expired. "
        return "I am sorry, the expiration year is invalid. "

    return _Step(field="expiration date", questions=_EXPIRY_QUESTIONS, hear=hear, wrong=wrong)


def _code_step(issuer: Issuer | None) -> _Step[str]:
    if issuer is Issuer.AMEX:
        where = "Please key in, or say, the 4 digits on the front of your card."
    else:
        where = "Please key in, or say, the 3 digits on the back of your card."
    return _Step(
        field="security code",
        questions=(where,),
        hear=lambda text: hear_security_code(text, issuer=issuer),
        wrong=lambda _: "I am sorry, that security code is not complete. ",
    )


def _joined(step: _Step[T], before: str, answer: Answer) -> tuple[Heard[T], str]:
    """Understand an answer alone, or as the rest of what came before it."""
    text = answer.text
    if answer.keyed and _STAR in text:
        before, text = "", text.rpartition(_STAR)[2]
    alone = step.hear(text)
    if alone.value is not None or not before:
        return alone, text
    whole = f"{before} {text}"
    return step.hear(whole), whole


def _goes_on(step: _Step[T], heard: Heard[T], text: str) -> bool:
    """Whether the rest of a value may follow."""
    problem = heard.problem
    if problem is None or problem.kind is ProblemKind.NOTHING:
        return False
    return problem.kind is ProblemKind.INCOMPLETE or step.goes_on(text)


def _digits(text: str) -> str:
    return hear_digits(text, maximum=64).value or ""


def _wants_again(text: str) -> bool:
    words = text.lower()
    return any(phrase in words for phrase in _START_AGAIN)


def _read_back(number: str, issuer: Issuer | None, expiry: Expiry) -> str:
    card = "card" if issuer is None else f"{issuer.value} card"
    month = _MONTHS[expiry.month - 1]
    return f"I have a {card} ending in {' '.join(number[-4:])}, valid until {month} {expiry.year}."


async def _tokenised(
    card: GetCreditCardResult, tokenise: Callable[[GetCreditCardResult], Awaitable[str]]
) -> GetCreditCardResult:
    try:
        token = await tokenise(card)
    except ToolError:
        raise
    except Exception:  # noqa: BLE001  # the program's function
        # Its message and its frames may hold the number.
        msg = "the card could not be stored; offer another way to pay"
        raise ToolError(msg) from None
    return replace(card, card_number=None, security_code=None, token=token)

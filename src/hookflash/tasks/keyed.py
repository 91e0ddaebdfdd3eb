"""What tasks that ask for keys share: the caller's keys and words, the timers, the attempts."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TypeVar

import msgspec

from hookflash.agent.answers import Answer
from hookflash.agent.tools import Tool
from hookflash.agent.utterance import UtteranceHandle
from hookflash.events.idle import BusyChanged
from hookflash.events.keypad import (
    AnswerUnclear,
    AskAgain,
    EntryAnswered,
    EntryFailed,
    EntryTaken,
    EntryTrouble,
    HushQuestion,
    KeypadCommand,
    KeypadEvent,
    QuestionHeard,
    ReadBack,
)
from hookflash.events.session import (
    AgentState,
    AgentStateChanged,
    UserState,
    UserStateChanged,
)
from hookflash.events.tasks import TaskEnded, TaskStarted
from hookflash.events.turn import DigitReceived, Expectation, ExpectationSet
from hookflash.machines.keypad import KeypadConfig, KeypadMachine, KeypadState
from hookflash.providers.chat import ChatContext
from hookflash.runtime.driver import Driver
from hookflash.tasks.errors import CaptureDeclined, DtmfCollectionError, TaskMisconfigured
from hookflash.tasks.mind import Mind, Wish, hear_wish, mind_of
from hookflash.tasks.spoken.answers import hear_yes_no
from hookflash.tasks.spoken.figures import hear_digits
from hookflash.tasks.task import AgentTask

__all__ = ["SWALLOWED_FOR", "WORDS_WITHIN", "KeyedOptions", "KeyedTask"]

ResultT = TypeVar("ResultT")

SWALLOWED_FOR = 1.0
"""Seconds after the end in which keys are dropped: one too many, or a `#` out of habit, is part of
the number that was asked for and no turn of the conversation."""

WORDS_WITHIN = 1.5
"""Seconds for which a key waits for the words of what was said before it, so that mixed digits stay
in their order: recognisers answer later than keypads."""

_WORKING = frozenset(
    {
        AgentState.THINKING,
        AgentState.SPEAKING,
        AgentState.TOOL_RUNNING,
        AgentState.ON_HOLD,
        AgentState.TRANSFERRING,
    }
)
_KEYS_SAID = {"1": True, "2": False}
_GIVES_UP = "I am sorry, I did not get it."
_TAKE_YOUR_TIME = "Of course, take your time."


class KeyedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a keyed task talks with the caller.

    Attributes:
        field: what is asked for, such as `digits`, for errors.
        prompt: the question; None lets a model put it in its own words.
        reprompts: the questions after failed attempts, the last one for all that follow; none has
            them made from what went wrong.
        interruptible: whether a key or the caller's voice cuts the question short.
        voice: whether what the caller says counts beside keys.
        sensitive: whether nobody else may see the number.
        mind: who leads; None: as `mind_of` finds.
    """

    field: str
    prompt: str | None
    reprompts: tuple[str, ...]
    interruptible: bool
    voice: bool
    sensitive: bool
    mind: Mind | None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.mind not in {"model", "rules", None}:
            msg = f"mind is {self.mind!r}; give 'model', 'rules', or None"
            raise TaskMisconfigured(msg)
        if self.prompt is not None and not self.prompt.strip():
            msg = "prompt is empty; give a question, or None"
            raise TaskMisconfigured(msg)


class KeyedTask(AgentTask[ResultT]):
    """Asks for something that can be keyed. What it is, its subclasses say.

    The task itself takes the keys, and the digits or words that the caller says; no model ever
    passes them on. A model that leads is asked about everything else that the caller says.
    """

    def __init__(
        self,
        instructions: str,
        tools: Iterable[Tool],
        options: KeyedOptions,
        keypad: KeypadConfig,
        *,
        chat_ctx: ChatContext | None,
        timeout: float | None,
    ) -> None:
        """Describe the job.

        Args:
            instructions: what a model is told.
            tools: what it may call.
            options: how the task talks.
            keypad: what is asked for, and how patiently.
            chat_ctx: what a model is shown to begin with.
            timeout: seconds that the whole may take; None: any time.
        """
        super().__init__(instructions, tools, chat_ctx=chat_ctx, timeout=timeout)
        self._options = options
        self._keypad = keypad
        self._machine = KeypadMachine(keypad)
        self._driver: Driver[KeypadEvent, KeypadCommand] | None = None
        self._question: UtteranceHandle | None = None
        self._last_words = ""
        self._leader: Mind = "rules"
        self._releases: tuple[Callable[[], None], Callable[[], None]] | None = None
        self._turns_since_question = 0
        self._words_due = False
        self._waiting_keys: list[str] = []
        self._words_timer: asyncio.TimerHandle | None = None

    # What a subclass says.

    @abstractmethod
    def ask(self) -> str:
        """Return the first question, for a task without `prompt`."""

    @abstractmethod
    def ask_again(self, again: AskAgain) -> str:
        """Return the question after something went wrong."""

    @abstractmethod
    def ask_whether(self, digits: str) -> str:
        """Return the read-back, and the question whether it is right."""

    @abstractmethod
    def hear(self, text: str) -> KeypadEvent | None:
        """Return what the caller's words mean as an answer; None if they are none."""

    @abstractmethod
    def expectation(self) -> ExpectationSet:
        """Return what kind of answer comes next."""

    @abstractmethod
    def take(self, taken: EntryTaken) -> ResultT:
        """Return the result."""

    @abstractmethod
    def shortfall(self, digits_count: int) -> str:
        """Return the message of the error when the attempts are used up; never the digits."""

    # The task.

    async def on_enter(self) -> None:
        """Ask, and take keys and words until there is a result."""
        session = self.session
        self._leader = self._options.mind or mind_of(session)
        with ExitStack() as until_done:
            tape = None if session.call is None else session.call.tape
            if self._options.sensitive:
                until_done.enter_context(session.sensitive())
                tape = None  # the machine decides on the real digits
            driver = Driver(
                self._machine, self._obey, name="keypad", tape=tape, config=self._keypad
            )
            self._driver = driver
            until_done.callback(driver.close)
            until_done.callback(self._words_over)
            self._listen()
            until_done.callback(self._stop_listening, SWALLOWED_FOR)
            for kind in (TaskStarted, TaskEnded):
                session.on(kind, self._line_lent)
            until_done.callback(session.off, self._line_lent)
            session.on(AgentStateChanged, self._agent_state_changed)
            until_done.callback(session.off, self._agent_state_changed)
            session.on(UserStateChanged, self._user_state_changed)
            until_done.callback(session.off, self._user_state_changed)
            self._agent_busy(session.agent_state)
            self._user_busy(session.user_state)
            self._ask_first()
            await asyncio.wait([self._outcome])

    def _feed(self, event: KeypadEvent) -> None:
        if self._driver is not None and not self.done():
            self._driver.feed(event)

    def _listen(self) -> None:
        session = self.session
        self._releases = (
            session.take_keys(self._key_pressed),
            session.take_turns(self._turn_over),
        )

    def _stop_listening(self, swallowed_for: float = 0.0) -> None:
        """Take keys and turns no more; but drop keys for so many seconds."""
        if self._releases is None:
            return
        (release_keys, release_turns), self._releases = self._releases, None
        release_turns()
        if swallowed_for:
            asyncio.get_running_loop().call_later(swallowed_for, release_keys)
        else:
            release_keys()

    # What happens.

    def _line_lent(self, _: TaskStarted | TaskEnded) -> None:
        """Leave keys, turns and silence to another task for as long as that has the line."""
        lent = self.session.agent is not self
        if lent:
            self._stop_listening()
        elif self._releases is None and not self.done():
            self._listen()
        self._feed(BusyChanged(why="lent", busy=lent))

    def _key_pressed(self, digit: str) -> None:
        if self._words_due:
            self._waiting_keys.append(digit)
            self._wait_for_words()
        else:
            self._feed(DigitReceived(digit=digit))

    def _agent_state_changed(self, event: AgentStateChanged) -> None:
        self._agent_busy(event.new)

    def _user_state_changed(self, event: UserStateChanged) -> None:
        self._user_busy(event.new)

    def _agent_busy(self, state: AgentState) -> None:
        self._feed(BusyChanged(why="agent", busy=state in _WORKING))

    def _user_busy(self, state: UserState) -> None:
        speaking = state is UserState.SPEAKING
        self._feed(BusyChanged(why="caller", busy=speaking))
        if speaking:
            self._words_due = True
        elif self._words_due:
            self._wait_for_words()

    def _wait_for_words(self) -> None:
        if self._words_timer is None:
            loop = asyncio.get_running_loop()
            self._words_timer = loop.call_later(WORDS_WITHIN, self._words_over)

    def _words_over(self) -> None:
        """What was said is known, or will not be: take the keys that were pressed after it."""
        self._words_due = False
        if self._words_timer is not None:
            self._words_timer.cancel()
            self._words_timer = None
        keys, self._waiting_keys = self._waiting_keys, []
        for key in keys:
            self._feed(DigitReceived(digit=key))

    def _turn_over(self, answer: Answer) -> bool:
        """Take the caller's turn, if it is an answer, or if there is no model to answer it."""
        if self.done() or not answer.text.strip():
            return False
        if answer.keyed:
            self._keyed_ahead(answer.text)
            return True
        self._turns_since_question += 1
        taken = self._answered(answer.text)
        self._words_over()
        return taken

    def _keyed_ahead(self, keys: str) -> None:
        """Take what was keyed before the task had the line, if nothing was keyed since."""
        if self._machine.state is KeypadState.WAITING:
            for key in keys:
                self._feed(DigitReceived(digit=key))

    def _answered(self, text: str) -> bool:
        event = self._hear(text)
        if event is not None:
            self._feed(event)
        elif self._leader == "model":
            return False
        else:
            self._without_model(text)
        return True

    def _hear(self, text: str) -> KeypadEvent | None:
        if self._machine.state is KeypadState.CONFIRMING:
            agrees = hear_yes_no(text).value
            if agrees is None:  # "one", for the key
                agrees = _KEYS_SAID.get(hear_digits(text, maximum=1).value or "")
            if agrees is not None:
                return EntryAnswered(right=agrees)
        return self.hear(text) if self._options.voice else None

    def _without_model(self, text: str) -> None:
        match hear_wish(text):
            case Wish.PERSON | Wish.REFUSES as wish:
                self.finish(CaptureDeclined(self._options.field, f"the caller {wish}"))
            case Wish.AGAIN:
                self._say(self._last_words)
            case Wish.MOMENT:
                self._speak(_TAKE_YOUR_TIME)
            case None:
                self._feed(AnswerUnclear())

    # What is to be done.

    def _obey(self, command: KeypadCommand) -> None:
        if self.done():
            return
        match command:
            case AskAgain():
                reprompts: Sequence[str] = self._options.reprompts
                if command.trouble is EntryTrouble.CLEARED or not reprompts:
                    self._say(self.ask_again(command))
                else:
                    self._say(reprompts[min(command.attempt, len(reprompts)) - 1])
            case ReadBack():
                # Not to be cut short: a yes counts only when all of it was heard.
                self._say(self.ask_whether(command.digits), interruptible=False)
            case HushQuestion():
                self._hush()
            case EntryTaken():
                if self._question is not None and self._question.interruptible:
                    self._hush()
                self.finish(self.take(command))
            case EntryFailed():
                if self._leader == "rules":
                    self._speak(_GIVES_UP)
                self.finish(self._failure(command))

    def _failure(self, failed: EntryFailed) -> DtmfCollectionError:
        shown = failed.trouble not in {EntryTrouble.REJECTED, EntryTrouble.UNCONFIRMED}
        return DtmfCollectionError(
            self.shortfall(failed.digits_count)
            if shown
            else "The caller did not confirm what they keyed or said.",
            reason=failed.trouble.value if failed.same and shown else "attempts_exceeded",
            digits_count=failed.digits_count,
            attempts=failed.attempts,
        )

    # Questions.

    def _ask_first(self) -> None:
        if self._options.prompt is not None or self._leader == "rules":
            self._say(self._options.prompt or self.ask())
            return
        self._last_words = self.ask()
        self._listen_for(
            self.session.reply(
                f"Ask the caller for it now, in one short sentence. For example: {self.ask()}",
                tool_choice="none",
                interruptible=self._options.interruptible,
            )
        )

    def _say(self, text: str, *, interruptible: bool | None = None) -> None:
        self._hush()
        self._last_words = text
        if interruptible is None:
            interruptible = self._options.interruptible
        self._listen_for(self._speak(text, interruptible=interruptible))

    def _speak(self, text: str, *, interruptible: bool = True) -> UtteranceHandle:
        pipeline = self.session.pipeline
        if pipeline.tts is None and pipeline.realtime is not None:  # the model's is the only voice
            told = f"Say exactly this, and nothing else: {text}"
            return self.session.reply(told, tool_choice="none", interruptible=interruptible)
        return self.session.say(text, interruptible=interruptible)

    def _listen_for(self, question: UtteranceHandle) -> None:
        self._question = question
        self._turns_since_question = 0
        self.session.expect(self._expected())
        question.add_done_callback(self._question_over)

    def _question_over(self, question: UtteranceHandle) -> None:
        if question is not self._question or self.done():
            return
        self._question = None
        self._turns_since_question = 0
        self.session.expect(self._expected())
        self._feed(QuestionHeard(whole=question.error is None and not question.interrupted))

    def _hush(self) -> None:
        question, self._question = self._question, None
        if question is not None:
            question.interrupt(force=True)

    def _expected(self) -> ExpectationSet:
        if self._machine.state is KeypadState.CONFIRMING:
            return ExpectationSet(expects=Expectation.YES_NO)
        return self.expectation()

"""What all tasks that collect one value share: ask, understand, check, read back, ask otherwise.

A value is taken from the caller's words, or passed by the model and then compared with them. It is
checked, read back, and confirmed by the caller in a later turn. Each failure counts, and makes the
next question another one: for the whole, for parts, for its letters. After so many the task gives
up.

With a language model the model leads the conversation, by the tools `update_...`, `confirm_...`
and `decline_..._capture`. Without one, or with a rule-driven one, `Dialogue` leads it.
"""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NoReturn, TypedDict, TypeVar, Unpack

from hookflash.agent import RunContext, StopResponse, Tool, UtteranceHandle, function_tool
from hookflash.agent.conversation import KEYPAD
from hookflash.errors import ToolError
from hookflash.events.session import AgentState, UserState
from hookflash.providers.chat import ChatContext, ChatItem, ChatMessage, ChatRole, ToolCall
from hookflash.tasks.asking import Asking, FieldTexts
from hookflash.tasks.dialogue import Dialogue
from hookflash.tasks.errors import AttemptsExceeded, CaptureDeclined, TaskMisconfigured
from hookflash.tasks.mind import Mind, mind_of
from hookflash.tasks.spoken import Heard, Reading, hear_yes_no
from hookflash.tasks.task import AgentTask

__all__ = ["CaptureOptions", "CaptureTask"]

ValueT = TypeVar("ValueT")
ResultT = TypeVar("ResultT")


class CaptureOptions(TypedDict, total=False):
    """What every capture task can be given, by keyword.

    Attributes:
        instructions: replaces all that the model is told about the job.
        extra_instructions: added to it, such as what the value is for.
        chat_ctx: what the model is shown to begin with. What the caller says in it counts as said.
        tools: besides the task's own.
        require_confirmation: None and True read every value back and wait for the caller's
            agreement, as is due on a telephone; False takes the first that is valid.
        require_explicit_ask: whether a value counts only if the caller said it when asked.
        mind: who leads: `model`, `rules`, or None: rules if the session's pipeline has no language
            model, or a rule-driven one.
        max_attempts: failures after which it gives up, 1 to 20; 4 if not given.
        answer_within: seconds of silence that count as a failure, above 0; 12 if not given, for
            people look things up. None leaves silence to the session.
        timeout: seconds that all of it may take; None: any time.
        inherit_context: whether the model is shown the whole conversation until now.
        preserve_function_call_history: as of `AgentTask`.
    """

    instructions: str | None
    extra_instructions: str
    chat_ctx: ChatContext | None
    tools: Iterable[Tool]
    require_confirmation: bool | None
    require_explicit_ask: bool
    mind: Mind | None
    max_attempts: int
    answer_within: float | None
    timeout: float | None
    inherit_context: bool
    preserve_function_call_history: bool


_RULES = """\
You are one step of a larger conversation on the telephone. Only collect the {field}; the rest is \
for others.
{about}
Call `update_{tool}` whenever you have a new idea of the {field}, before you speak of it, and \
pass only what the user has said: never guess, never complete. Understand spoken forms silently, \
and do not mention corrections.{confirm}
If the user refuses, cannot give it, or wants somebody else, call `decline_{declined}_capture` \
with the reason. Pass over what does not belong here. Do not greet, and use no markdown. Do not \
say that something is noted without calling the tool."""

_CONFIRM = """
Read what the tool says back to the user, ask whether it is right, and call `confirm_{tool}` only \
when the user has agreed in an answer of their own."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[ValueT]):
    """A value from the model that waits for the caller's agreement, and the call that gave it."""

    value: ValueT
    call_id: str


class CaptureTask(AgentTask[ResultT], ABC, Generic[ValueT, ResultT]):
    """Collects one value from the caller.

    A subclass has an `update_...` tool that calls `offer` or `refuse`, and says what its values are
    like in `hear`, `written`, `reading`, `was_said` and `result`.

    Awaiting it raises `CaptureDeclined`, `AttemptsExceeded`, and what `AgentTask` raises.

    Attributes:
        texts: what is asked for, and how.
    """

    def __init__(self, texts: FieldTexts, **options: Unpack[CaptureOptions]) -> None:
        """Describe the job.

        Args:
            texts: what is asked for, and how.
            options: see `CaptureOptions`.

        Raises:
            TaskMisconfigured: an option is out of its range.
            UsageError: two tools have the same name.
        """
        self.texts = texts
        self._max_attempts = options.get("max_attempts", 4)
        self._answer_within = options.get("answer_within", 12.0)
        self._mind: Mind | None = options.get("mind")
        _check(self._max_attempts, self._answer_within, self._mind)
        self._confirms = options.get("require_confirmation") is not False
        self._explicit = options.get("require_explicit_ask", False)
        self._failures = 0
        self._updates = 0
        self._waiting: _Waiting[ValueT] | None = None
        self._opening: UtteranceHandle | None = None
        self._entered_at = 0
        self._dialogue: Dialogue[ValueT] | None = None
        chat_ctx = options.get("chat_ctx")
        self._shown: tuple[ChatItem, ...] = () if chat_ctx is None else tuple(chat_ctx.items)
        told = options.get("instructions")
        more = options.get("extra_instructions", "")
        self._told = "\n".join(filter(None, (self._rules() if told is None else told, more)))
        self._own_tools = self.make_tools()
        super().__init__(
            self._advised(),
            options.get("tools", ()),
            chat_ctx=chat_ctx,
            inherit_context=options.get("inherit_context", False),
            preserve_function_call_history=options.get("preserve_function_call_history", False),
            timeout=options.get("timeout"),
        )

    # What a subclass says about its values.

    @abstractmethod
    def hear(self, text: str) -> Heard[ValueT]:
        """Understand the caller's words."""

    @abstractmethod
    def written(self, value: ValueT) -> str:
        """Return it as it is written, for the model."""

    @abstractmethod
    def reading(self, value: ValueT, way: Reading) -> str:
        """Put it into words."""

    @abstractmethod
    def was_said(self, value: ValueT, turns: Sequence[str]) -> bool:
        """Whether it can be derived from these turns, the oldest first."""

    @abstractmethod
    def result(self, value: ValueT) -> ResultT:
        """Make the task's result of it."""

    def read_back(self, value: ValueT, *, spelled: bool) -> str:
        """Tell the model how to read it back."""
        if not spelled:
            return f"Repeat the {self.texts.label} back to the user."
        signs = self.reading(value, Reading.WRITTEN)
        return f"Repeat the {self.texts.label} character by character: {signs}"

    def was_read(self, value: ValueT, words: str) -> bool:
        """Whether words that the caller heard read it back, written or said in some way."""
        ways = (self.written(value), *(self.reading(value, way) for way in Reading))
        heard = _bare(words)
        return any(_bare(way) in heard for way in ways) or self.was_said(value, [words])

    # The model's tools.

    def offer(self, ctx: RunContext[None], value: ValueT) -> str | None:
        """Take a valid value from the model; return what the model must know.

        Raises:
            ToolError: the caller has not said it, or was not asked.
            StopResponse: that was the last attempt.
        """
        texts = self.texts
        if self._explicit:
            self._require_asked(ctx)
        if not self.was_said(value, self._turns()):
            self.refuse(
                f"error: the user has not said this {texts.field}; "
                "ask them for it, and pass only what they say"
            )
        if not self._confirms:
            self.accept(value)
            return None
        before, self._waiting = self._waiting, _Waiting(value, ctx.call.call_id)
        rejected = before is not None and before.value != value
        if before is not None and rejected and self._heard_since(before)[1] is not None:
            self._fail_or_stop()
        self._updates += 1
        return "\n".join(
            (
                f"The {texts.label} has been updated to {self.written(value)}",
                self.read_back(value, spelled=self._updates > 1),
                f"Prompt the user for confirmation, do not call `confirm_{texts.tool}` directly",
            )
        )

    def refuse(self, text: str) -> NoReturn:
        """Refuse a value of the model's: nothing awaits confirmation any more.

        Raises:
            ToolError: with this text.
            StopResponse: that was the last attempt.
        """
        self._waiting = None
        self._fail_or_stop()
        raise ToolError(text)

    def _fail_or_stop(self) -> None:
        if not self.fail():
            raise StopResponse

    def _confirm(self, ctx: RunContext[None]) -> None:
        """Complete with the value that waits, if the caller has heard it and then agreed."""
        texts, waiting = self.texts, self._waiting
        if waiting is None and not self._updates:
            raise ToolError(texts.missing)
        if waiting is None:
            msg = (
                "error: there is nothing awaiting confirmation, "
                f"`update_{texts.tool}` must be called before"
            )
            raise ToolError(msg)
        heard, answer = self._heard_since(waiting)
        if answer is None:
            msg = f"error: the user must confirm the {texts.field} explicitly"
            raise ToolError(msg)
        if not self.was_read(waiting.value, heard):
            words = self.reading(waiting.value, Reading.WHOLE)
            msg = (
                f"error: the user has not heard the whole {texts.field}; "
                f"say it again and ask whether it is right: {words}"
            )
            raise ToolError(msg)
        if hear_yes_no(answer).value is False:
            msg = f"error: the user did not agree; ask what is wrong with the {texts.field}"
            raise ToolError(msg)
        self.accept(waiting.value)

    def make_tools(self) -> tuple[Tool, ...]:
        """Make the tools that depend on the texts and options; once, before the rest is there."""
        texts = self.texts

        @function_tool(
            name=f"confirm_{texts.tool}",
            description=f"Call when the user has agreed to the {texts.field} that was read back.",
        )
        async def confirm(ctx: RunContext[None]) -> None:
            self._confirm(ctx)

        @function_tool(
            name=f"decline_{texts.declined}_capture",
            description=f"Call when the user will not or cannot give the {texts.field}.",
        )
        async def decline(ctx: RunContext[None], reason: str) -> None:
            """Decline.

            Args:
                ctx: The reply.
                reason: Why, in a few words.
            """
            self._require_asked(ctx)
            self.decline(reason)

        return (confirm, decline) if self._confirms else (decline,)

    def update_tools(self, tools: Iterable[Tool]) -> None:
        """Have these tools besides the task's own, from the model's next request on.

        Raises:
            UsageError: two different tools have the same name; the tools stay as they were.
        """
        super().update_tools((*self._own_tools, *tools))

    def _require_asked(self, ctx: RunContext[None]) -> None:
        if ctx.utterance is self._opening:
            msg = "error: the user has not been asked yet; ask them first"
            raise ToolError(msg)

    # What was said.

    def _turns(self) -> list[str]:
        """Return the caller's turns that count."""
        items = self.session.history.items
        counted = items[self._entered_at :] if self._explicit else (*self._shown, *items)
        return [words for item in counted if (words := _from_caller(item)) is not None]

    def _heard_since(self, waiting: _Waiting[ValueT]) -> tuple[str, str | None]:
        """Return what the caller heard since a value was given, and what they then answered.

        What the reply said before it gave the value counts as well. Without an answer it is None.
        """
        items = self.session.history.items
        places = {item.call_id: n for n, item in enumerate(items) if isinstance(item, ToolCall)}
        call = places.get(waiting.call_id, len(items))
        turns = [place for place, item in enumerate(items) if _from_caller(item) is not None]
        first = max((place for place in turns if place < call), default=-1)
        last = max((place for place in turns if place > call), default=None)
        if last is None:
            return "", None
        heard = " ".join(
            item.text
            for item in items[first + 1 : last]
            if isinstance(item, ChatMessage) and item.role is ChatRole.ASSISTANT
        )
        return heard, _from_caller(items[last])

    # What the model is told.

    def _rules(self) -> str:
        texts = self.texts
        return _RULES.format(
            field=texts.field,
            about=texts.about,
            tool=texts.tool,
            declined=texts.declined,
            confirm=_CONFIRM.format(tool=texts.tool) if self._confirms else "",
        )

    def _advised(self) -> str:
        return f"{self._told}\nNow, {self.asking.advice}"

    # The course of it.

    @property
    def asking(self) -> Asking:
        """How to ask now."""
        askings = self.texts.askings
        return askings[min(self._failures, len(askings) - 1)]

    @property
    def failures(self) -> int:
        """How many attempts have failed."""
        return self._failures

    @property
    def confirms(self) -> bool:
        """Whether values are read back and wait for the caller's agreement."""
        return self._confirms

    def say(self, words: str) -> UtteranceHandle:
        """Say something to the caller."""
        return self.session.say(words)

    def accept(self, value: ValueT) -> None:
        """Complete with a value."""
        self.finish(self.result(value))

    def decline(self, why: str) -> None:
        """Complete without one: the caller will not or cannot give it."""
        if self._dialogue is not None:
            self.say("All right.")
        self.finish(CaptureDeclined(self.texts.field, why))

    def fail(self) -> bool:
        """An attempt has failed: ask otherwise, or give up; return whether it goes on."""
        self._failures += 1
        self.instructions = self._advised()
        if self._failures < self._max_attempts or self.done():
            return not self.done()
        if self._dialogue is not None:
            self.say(f"I am sorry, I could not get the {self.texts.field}.")
        return not self.finish(AttemptsExceeded(self.texts.field, self._failures))

    async def on_enter(self) -> None:
        """Ask, and go on asking when nothing comes: then it returns when the task is over."""
        self._entered_at = len(self.session.history.items)
        if (self._mind or mind_of(self.session)) == "rules":
            self._dialogue = Dialogue(self)
            self._dialogue.ask()
        else:
            self._opening = self.session.reply(
                f"Ask the user for the {self.texts.field}.",
                tool_choice="none" if self._explicit else None,
            )
        if self._answer_within is not None:
            await self._mind_silence(self._answer_within)

    async def _mind_silence(self, within: float) -> None:
        session = self.session
        while not self.done():
            await session.wait_for_idle()
            before = self._stirrings()
            await asyncio.sleep(within)
            free = session.agent_state in {AgentState.IDLE, AgentState.LISTENING}
            silent = session.user_state is not UserState.SPEAKING and session.agent is self
            if free and silent and before == self._stirrings() and not self.done():
                self._nothing_came()

    def _stirrings(self) -> int:
        """Count what the caller and the model did; what is merely said to the caller is nothing."""
        return sum(
            not (isinstance(item, ChatMessage) and item.role is ChatRole.ASSISTANT)
            for item in self.session.history.items
        )

    def _nothing_came(self) -> None:
        if not self.fail():
            return
        if self._dialogue is not None:
            self._dialogue.ask("I did not hear anything.")
        else:
            self.session.reply("The user has not answered. Ask again, in other words.")

    async def on_user_turn_completed(self, text: str) -> None:
        """Answer the caller's turn, if no model does.

        Raises:
            StopResponse: it was answered.
        """
        if self._dialogue is not None:
            if not self.done():
                self._dialogue.answered(text.removeprefix(KEYPAD))
            raise StopResponse


def _check(max_attempts: int, answer_within: float | None, mind: str | None) -> None:
    if not 1 <= max_attempts <= 20:
        msg = f"max_attempts is {max_attempts}; give a number from 1 to 20"
        raise TaskMisconfigured(msg)
    if answer_within is not None and not answer_within > 0:
        msg = f"answer_within is {answer_within}; give seconds above 0, or None for any time"
        raise TaskMisconfigured(msg)
    if mind not in {"model", "rules", None}:
        msg = f"mind is {mind!r}; give 'model', 'rules', or None"
        raise TaskMisconfigured(msg)


def _bare(text: str) -> str:
    """Return the letters and digits of a text, small, with nothing between them."""
    return re.sub(r"[\W_]+", "", text.casefold())


def _from_caller(item: ChatItem) -> str | None:
    """Return what the caller said or keyed, if the item is that."""
    if isinstance(item, ChatMessage) and item.role is ChatRole.USER:
        return item.text.removeprefix(KEYPAD)
    return None

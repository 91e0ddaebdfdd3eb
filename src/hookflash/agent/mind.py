"""What minds have in common: a reply is rounds of requests and of tools, until the model speaks.

A mind of a cascade is `agent.replies`, that of a realtime model `agent.realtime`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from hookflash.agent.emitter import Emitter
from hookflash.agent.history import History
from hookflash.agent.options import SessionOptions
from hookflash.agent.speech import AnsweredTurn, Speech
from hookflash.agent.speech_queue import SpeechItem
from hookflash.agent.tool_runs import ToolRuns
from hookflash.agent.tools import ForSession
from hookflash.errors import HookflashError
from hookflash.events.measures import ModelFinished
from hookflash.pipeline.hooks import RunningHooks
from hookflash.providers.base import Usage
from hookflash.providers.chat import ToolCall, ToolSchema
from hookflash.runtime.tasks import TaskOwner

__all__ = ["HandOff", "Mind", "MindParts", "Round"]

HandOff = Callable[[SpeechItem, ForSession], Coroutine[Any, Any, bool]]
"""Does what a value that a tool returned to the session asks for; returns whether somebody has
spoken, so that the model need not."""


class MindParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a mind has of its conversation.

    Attributes:
        speech: says what the model says.
        runs: runs the tools.
        tools: gives what the model is told about the agent's tools as of now.
        tools_ready: waits a little for tools that are still on their way.
        hand_off: does what a tool's value for the session asks for.
        history: is asked about and added to.
        emitter: tells listeners.
        owner: whose tasks do what goes on beside a reply.
        options: deadlines and limits.
        hooks: see requests and words.
    """

    speech: Speech
    runs: ToolRuns
    tools: Callable[[], Sequence[ToolSchema]]
    tools_ready: Callable[[], Coroutine[Any, Any, None]]
    hand_off: HandOff
    history: History
    emitter: Emitter
    owner: TaskOwner
    options: SessionOptions
    hooks: RunningHooks


class Round(msgspec.Struct):
    """What one request to the model gave, and when, in the loop's seconds.

    Attributes:
        began: when it was made.
        first: when the first of its answer came; None if nothing has.
        calls: the tools that it asked for.
        usage: what it cost, as far as the model says.
        failed: why it failed, if it did.
        stopped: whether it was dropped before its end.
    """

    began: float
    first: float | None = None
    calls: list[ToolCall] = msgspec.field(default_factory=list[ToolCall])
    usage: Usage | None = None
    failed: HookflashError | None = None
    stopped: bool = True


class Mind(ABC):
    """Makes the replies of one live session."""

    def __init__(self, parts: MindParts) -> None:
        """Know everybody."""
        self._speech = parts.speech
        self._runs = parts.runs
        self._tools = parts.tools
        self._tools_ready = parts.tools_ready
        self._hand_off = parts.hand_off
        self._history = parts.history
        self._emitter = parts.emitter
        self._owner = parts.owner
        self._options = parts.options
        self._hooks = parts.hooks

    async def answer(
        self,
        item: SpeechItem,
        turn: AnsweredTurn | None = None,
        *,
        instructions: str | None = None,
        tool_choice: str | None = None,
    ) -> None:
        """Reply as the running `item`; returns when everything of it was heard, or it was stopped.

        Args:
            item: what runs.
            turn: the caller's turn that is answered, for its measures.
            instructions: for this reply alone.
            tool_choice: for the first request.
        """
        self._speech.think(item, active=True)
        try:
            await item.unless_stopped(self._tools_ready())
            for step in range(self._options.max_tool_steps + 1):
                last = step == self._options.max_tool_steps
                choice = "none" if last else tool_choice if step == 0 else None
                done = await item.unless_stopped(self._ask(item, turn, instructions, choice))
                if done is None:
                    break
                if done.failed is not None:
                    item.handle.fail(done.failed)
                    await self._apologise(item)
                    break
                if not done.calls or not await self._run_tools(item, done.calls):
                    break
        finally:
            self._speech.think(item, active=False)
        item.handle.thought()
        await self._speech.settled(item)

    @abstractmethod
    def think_ahead(self, text: str) -> None:
        """Begin to think of the answer to the caller's words until now, if it is worth it."""

    @abstractmethod
    def forget_ahead(self) -> None:
        """Drop what was thought of ahead. Idempotent."""

    @abstractmethod
    def close(self) -> None:
        """The session ends. Idempotent."""

    @property
    @abstractmethod
    def _name(self) -> str:
        """The model's provider."""

    @abstractmethod
    async def _ask(
        self,
        item: SpeechItem,
        turn: AnsweredTurn | None,
        instructions: str | None,
        tool_choice: str | None,
    ) -> Round:
        """One request: its answer is said as it comes, its tool calls are returned."""

    @abstractmethod
    async def _apologise(self, item: SpeechItem) -> None:
        """Say that something went wrong, in whatever voice there is."""

    async def _run_tools(self, item: SpeechItem, calls: Sequence[ToolCall]) -> bool:
        """Run tools, and what they ask of the session; return whether the model goes on."""
        outcome = await self._runs.run(item, calls)
        if outcome.hand_off is None:
            return outcome.again
        spoken = await item.unless_stopped(self._hand_off(item, outcome.hand_off))
        return outcome.again and not spoken and item.stopped is None

    def _tell_request(self, item: SpeechItem, turn: AnsweredTurn | None, done: Round) -> None:
        since, usage = self._emitter.since_began, done.usage or Usage()
        stopped = "stopped" if done.stopped else ""
        self._emitter.tell(
            ModelFinished,
            turn="" if turn is None else turn.id,
            utterance=item.handle.id,
            provider=self._name,
            began=since(done.began),
            first_text=None if done.first is None else since(done.first),
            ended=self._emitter.now(),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            tool_calls=len(done.calls),
            failed=stopped if done.failed is None else done.failed.reason,
        )

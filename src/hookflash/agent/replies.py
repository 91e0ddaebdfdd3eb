"""Replies: ask the model, say what it says as it comes, run the tools it asks for, and again."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from hookflash.agent.emitter import Emitter
from hookflash.agent.history import History
from hookflash.agent.options import SessionOptions
from hookflash.agent.speech import AnsweredTurn, Speech
from hookflash.agent.speech_queue import SpeechItem
from hookflash.agent.thinking_ahead import Ahead
from hookflash.agent.tool_runs import ToolRuns
from hookflash.agent.tools import ForSession
from hookflash.errors import HookflashError, LegClosed, LinkTimeout, ProviderError
from hookflash.events.measures import ModelFinished
from hookflash.pipeline.hooks import LLM_REQUEST, LLM_WORDS, RunningHooks
from hookflash.pipeline.plain import without_controls
from hookflash.pipeline.voice import Speaking
from hookflash.providers.base import LLM, LlmChunk, TextDelta, ToolCallReady, Usage
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolCall, ToolSchema
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner

__all__ = ["HandOff", "Replies"]

_log = logging.getLogger("hookflash.agent")

HandOff = Callable[[SpeechItem, ForSession], Coroutine[Any, Any, bool]]
"""Does what a value that a tool returned to the session asks for; returns whether somebody has
spoken, so that the model need not."""

_AHEAD_MOST = 3
# A model that writes more than this in one answer has lost its way: ten minutes of speech. Each
# piece counts as a character, so that one that writes nothing, for ever, ends as well.
_MOST = 10_000


@dataclass(slots=True)
class _Round:
    """What one request to the model gave, and when."""

    began: float
    first_text: float | None = None
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    usage: Usage | None = None
    failed: HookflashError | None = None
    stopped: bool = True


class Replies:
    """Makes the replies of one live session.

    Attributes:
        llm: the model, prepared; may be replaced between requests.
    """

    def __init__(
        self,
        llm: LLM,
        speech: Speech,
        runs: ToolRuns,
        *,
        tools: Callable[[], Sequence[ToolSchema]],
        tools_ready: Callable[[], Coroutine[Any, Any, None]],
        hand_off: HandOff,
        history: History,
        emitter: Emitter,
        owner: TaskOwner,
        options: SessionOptions,
        hooks: RunningHooks,
    ) -> None:
        """Know everybody.

        Args:
            llm: prepared.
            speech: says what the model says.
            runs: runs the tools.
            tools: gives what the model is told about the agent's tools as of now.
            tools_ready: waits a little for tools that are still on their way.
            hand_off: does what a tool's value for the session asks for.
            history: is asked about and added to.
            emitter: tells listeners.
            owner: whose tasks think ahead.
            options: deadlines and limits.
            hooks: see requests and words.
        """
        self.llm = llm
        self._speech = speech
        self._runs = runs
        self._tools = tools
        self._tools_ready = tools_ready
        self._hand_off = hand_off
        self._history = history
        self._emitter = emitter
        self._owner = owner
        self._options = options
        self._hooks = hooks
        self._ahead: Ahead | None = None
        self._ahead_count = 0

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
                    self._speech.apologise(item)
                    break
                if not done.calls or not await self._run_tools(item, done.calls):
                    break
        finally:
            self._speech.think(item, active=False)
        item.handle.thought()
        await self._speech.settled(item)

    async def _run_tools(self, item: SpeechItem, calls: Sequence[ToolCall]) -> bool:
        """Run tools, and what they ask of the session; return whether the model goes on."""
        outcome = await self._runs.run(item, calls)
        if outcome.hand_off is None:
            return outcome.again
        spoken = await item.unless_stopped(self._hand_off(item, outcome.hand_off))
        return outcome.again and not spoken and item.stopped is None

    async def _ask(
        self,
        item: SpeechItem,
        turn: AnsweredTurn | None,
        instructions: str | None,
        tool_choice: str | None,
    ) -> _Round:
        """One request: its words are said as they come, its tool calls are returned."""
        done = _Round(began=clock.now())
        try:
            await self._request(item, turn, instructions, tool_choice, done)
        finally:
            self._tell_request(item, turn, done)
        return done

    async def _request(
        self,
        item: SpeechItem,
        turn: AnsweredTurn | None,
        instructions: str | None,
        tool_choice: str | None,
        done: _Round,
    ) -> None:
        speaking: Speaking | None = None
        try:
            context = self._history.for_model(instructions)
            words = self._words(context, tool_choice, done)
            if self._hooks.any(LLM_WORDS):
                words = self._hooks.words(words)
            async with aclosing(words) as deltas:
                async for delta in deltas:
                    if speaking is None:
                        speaking = self._speech.begin(item, turn=turn)
                    speaking.push(delta)
            if tool_choice == "none":
                done.calls.clear()
            if not done.calls and (speaking is None or not speaking.said):
                msg = "the model gave neither words nor a tool call"
                raise ProviderError(msg, retryable=True)
            done.stopped = False
        except LegClosed:
            done.calls.clear()
            return
        except HookflashError as exc:
            done.failed = exc
        except Exception as exc:  # noqa: BLE001  # a provider's bug: the caller must hear something
            _log.error("the language model's provider raised", exc_info=exc)
            done.failed = ProviderError(f"{type(exc).__name__} in the model's provider")
            done.failed.__cause__ = exc
        if done.failed is not None:
            self._emitter.tell_error("llm", done.failed.reason, str(done.failed))
        if speaking is not None:
            speaking.finish(drop_unfinished=done.failed is not None)
            self._speech.expect(speaking.said)

    def _tell_request(self, item: SpeechItem, turn: AnsweredTurn | None, done: _Round) -> None:
        first, since = done.first_text, self._emitter.since_began
        usage = done.usage or Usage()
        stopped = "stopped" if done.stopped else ""
        self._emitter.tell(
            ModelFinished,
            turn="" if turn is None else turn.id,
            utterance=item.handle.id,
            provider=self.llm.name,
            began=since(done.began),
            first_text=None if first is None else since(first),
            ended=self._emitter.now(),
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            tool_calls=len(done.calls),
            failed=stopped if done.failed is None else done.failed.reason,
        )

    async def _words(
        self, context: ChatContext, tool_choice: str | None, done: _Round
    ) -> AsyncGenerator[str, None]:
        """The words of one request; what else it gives is put into `done`."""
        within = self._options.llm_within
        most = _MOST
        tools = self._tools()
        ahead = self._take_ahead(context, tools) if tool_choice is None else None
        if ahead is not None:
            done.began = ahead.began
            stream = ahead.stream()
        else:
            context = await self._hooks.run(LLM_REQUEST, context)
            stream = self.llm.chat(context, tools=tools, tool_choice=tool_choice)
        async with aclosing(stream) as chunks:
            while True:
                try:
                    async with asyncio.timeout(within):
                        chunk = await anext(chunks, None)
                except TimeoutError as exc:
                    msg = f"the model gave nothing for {within:.1f} s"
                    raise LinkTimeout(msg) from exc
                most -= 1
                match chunk:
                    case None:
                        return
                    case TextDelta():
                        text = without_controls(chunk.text)
                        most -= len(text)
                        if done.first_text is None:
                            done.first_text = ahead.first_text if ahead else clock.now()
                        if text:
                            yield text
                    case ToolCallReady():
                        done.calls.append(chunk.call)
                    case Usage():
                        done.usage = chunk
                if most < 0:
                    msg = "the model does not end"
                    raise ProviderError(msg)

    # Thinking ahead.

    def think_ahead(self, text: str) -> None:
        """Begin to think of the answer to `text`, the caller's words until now, if it is worth it.

        The request is about a fork of the conversation: if the turn turns out otherwise, nothing
        of it is left.
        """
        if not self._options.think_ahead or self._ahead_count >= _AHEAD_MOST:
            return
        if self._ahead is not None and self._ahead.is_for(text):
            return
        self.forget_ahead()
        self._ahead_count += 1
        context = self._history.for_model()
        context.add(ChatMessage(role=ChatRole.USER, text=text))
        self._ahead = Ahead(context, self._tools(), self._stream_ahead, self._owner)

    def forget_ahead(self) -> None:
        """Drop what was thought of ahead. Idempotent."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    async def _stream_ahead(
        self, context: ChatContext, tools: Sequence[ToolSchema]
    ) -> AsyncGenerator[LlmChunk, None]:
        context = await self._hooks.run(LLM_REQUEST, context)
        async with aclosing(self.llm.chat(context, tools=tools)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _take_ahead(self, context: ChatContext, tools: Sequence[ToolSchema]) -> Ahead | None:
        """Return the request that was begun ahead, if it is about exactly this."""
        ahead, self._ahead = self._ahead, None
        self._ahead_count = 0
        if ahead is None:
            return None
        if not ahead.fits(context, tools):
            ahead.close()
            return None
        return ahead

    def close(self) -> None:
        """The session ends: calls whose tools will not come back are answered so."""
        self.forget_ahead()
        self._runs.close()

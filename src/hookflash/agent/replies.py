"""Replies: ask the model, say what it says as it comes, run the tools it asks for, and again."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from hookflash.agent.emitter import Emitter
from hookflash.agent.history import History
from hookflash.agent.options import SessionOptions
from hookflash.agent.speech import AnsweredTurn, Speech, running_item
from hookflash.agent.speech_queue import SpeechItem
from hookflash.agent.status import Status
from hookflash.agent.tools import AnyTool, ToolContext, ToolResult
from hookflash.agent.utterance import UtteranceHandle
from hookflash.errors import HookflashError, LegClosed, LinkTimeout, ProviderError
from hookflash.events.session import ToolFinished, ToolStarted
from hookflash.pipeline.voice import Speaking
from hookflash.providers.base import LLM, TextDelta, ToolCallReady, Usage
from hookflash.providers.chat import ToolCall, ToolOutput
from hookflash.runtime import clock

__all__ = ["Replies"]

_log = logging.getLogger("hookflash.agent")

Tools = Callable[[], Mapping[str, AnyTool]]
MakeContext = Callable[[ToolCall, UtteranceHandle], ToolContext]


@dataclass(slots=True)
class _Round:
    """What one request to the model gave."""

    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    failed: HookflashError | None = None


class Replies:
    """Makes the replies of one live session."""

    def __init__(
        self,
        llm: LLM,
        speech: Speech,
        *,
        tools: Tools,
        make_context: MakeContext,
        history: History,
        status: Status,
        emitter: Emitter,
        options: SessionOptions,
    ) -> None:
        """Know everybody.

        Args:
            llm: prepared.
            speech: says what the model says.
            tools: gives the agent's tools as of now.
            make_context: makes what a tool is told about its run.
            history: is asked about and added to.
            status: is told when tools run.
            emitter: tells listeners.
            options: deadlines and limits.
        """
        self._llm = llm
        self._speech = speech
        self._tools = tools
        self._make_context = make_context
        self._history = history
        self._status = status
        self._emitter = emitter
        self._options = options

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
        self._speech.think(active=True)
        try:
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
            self._speech.think(active=False)
        await self._speech.settled(item)

    async def _ask(
        self,
        item: SpeechItem,
        turn: AnsweredTurn | None,
        instructions: str | None,
        tool_choice: str | None,
    ) -> _Round:
        """One request: its words are said as they come, its tool calls are returned."""
        done = _Round()
        speaking: Speaking | None = None
        within = self._options.llm_within
        schemas = [tool.schema for tool in self._tools().values()]
        try:
            stream = self._llm.chat(
                self._history.for_model(instructions), tools=schemas, tool_choice=tool_choice
            )
            async with aclosing(stream) as chunks:
                while True:
                    async with asyncio.timeout(within):
                        chunk = await anext(chunks, None)
                    match chunk:
                        case None:
                            break
                        case TextDelta():
                            if turn is not None and turn.first_text is None:
                                turn.first_text = clock.now()
                            if speaking is None:
                                speaking = self._speech.begin(item, turn=turn)
                            speaking.push(chunk.text)
                        case ToolCallReady():
                            done.calls.append(chunk.call)
                        case Usage():
                            pass
            if speaking is None and not done.calls:
                msg = "the model gave neither words nor a tool call"
                raise ProviderError(msg, retryable=True)
        except TimeoutError:
            done.failed = LinkTimeout(f"the model gave nothing for {within:.1f} s")
        except LegClosed:
            return _Round()
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
        return done

    async def _run_tools(self, item: SpeechItem, calls: Sequence[ToolCall]) -> bool:
        """Run the calls side by side; answer each exactly once. False: no further round.

        A stopped reply lets its tools finish: half a booking is worse than a late one, and their
        outputs belong in the history.
        """
        for call in calls:
            self._history.add(call)
        self._status.begin("tool")
        try:
            results = await asyncio.gather(*(self._run_tool(item, call) for call in calls))
        finally:
            self._status.end("tool")
        done = item.stopped is not None or self._speech.ending
        return not done and not all(result.stop for result in results)

    async def _run_tool(self, item: SpeechItem, call: ToolCall) -> ToolResult:
        began = clock.now()
        self._emitter.tell(ToolStarted, tool=call.tool, call_id=call.call_id)
        tools = self._tools()
        tool = tools.get(call.tool)
        if tool is None:
            known = ", ".join(tools) or "none"
            text = f"There is no tool of that name. The tools are: {known}."
            result = ToolResult(output=text, is_error=True)
        else:
            token = running_item.set(item)
            try:
                result = await tool.call(call.arguments, self._make_context(call, item.handle))
            finally:
                running_item.reset(token)
        self.answer_call(call, result)
        if result.ignored:
            names = ", ".join(result.ignored)
            self._emitter.tell_error("tool", "unknown_arguments", f"{call.tool}: {names}")
        if result.error is not None:
            kind = type(result.error).__name__
            self._emitter.tell_error("tool", "tool_failed", f"{call.tool}: {kind}")
        self._emitter.tell(
            ToolFinished,
            tool=call.tool,
            call_id=call.call_id,
            is_error=result.is_error,
            seconds=clock.now() - began,
        )
        return result

    def answer_call(self, call: ToolCall, result: ToolResult) -> None:
        """Put a call's output into the history, unless it has one."""
        if any(waiting.call_id == call.call_id for waiting in self._history.open_calls()):
            self._history.add(
                ToolOutput(
                    call_id=call.call_id,
                    tool=call.tool,
                    output=result.output,
                    is_error=result.is_error,
                )
            )

    def close(self) -> None:
        """The session ends: calls whose tools will not come back are answered so."""
        for call in self._history.open_calls():
            self.answer_call(call, ToolResult(output="The call ended.", is_error=True))

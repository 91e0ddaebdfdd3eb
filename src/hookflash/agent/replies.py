"""Replies: ask the model, say what it says as it comes, run the tools it asks for, and again."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from hookflash.agent.mind import Mind, MindParts, Round
from hookflash.agent.speech import AnsweredTurn
from hookflash.agent.speech_queue import SpeechItem
from hookflash.agent.thinking_ahead import Ahead
from hookflash.errors import HookflashError, LegClosed, LinkTimeout, ProviderError
from hookflash.pipeline.hooks import LLM_REQUEST, LLM_WORDS
from hookflash.pipeline.plain import without_controls
from hookflash.pipeline.voice import Speaking
from hookflash.providers.base import LLM, LlmChunk, TextDelta, ToolCallReady, Usage
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolSchema
from hookflash.runtime import clock

__all__ = ["Replies"]

_log = logging.getLogger("hookflash.agent")

_AHEAD_MOST = 3
# A model that writes more than this in one answer has lost its way: ten minutes of speech. Each
# piece counts as a character, so that one that writes nothing, for ever, ends as well.
_MOST = 10_000


class Replies(Mind):
    """Makes the replies of one live session with a language model.

    Attributes:
        llm: the model, prepared; may be replaced between requests.
    """

    def __init__(self, llm: LLM, parts: MindParts) -> None:
        """Take a prepared model."""
        super().__init__(parts)
        self.llm = llm
        self._ahead: Ahead | None = None
        self._ahead_count = 0

    @property
    def _name(self) -> str:
        return self.llm.name

    async def _apologise(self, item: SpeechItem) -> None:
        self._speech.apologise(item)

    async def _ask(
        self,
        item: SpeechItem,
        turn: AnsweredTurn | None,
        instructions: str | None,
        tool_choice: str | None,
    ) -> Round:
        """One request: its words are said as they come, its tool calls are returned."""
        done = Round(began=clock.now())
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
        done: Round,
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

    async def _words(
        self, context: ChatContext, tool_choice: str | None, done: Round
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
                        if done.first is None:
                            done.first = ahead.first_text if ahead else clock.now()
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
        """The session ends. Idempotent."""
        self.forget_ahead()

"""Minds that stand in for each other, in the middle of a sentence if need be."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Unpack

from hookflash.errors import HookflashError
from hookflash.providers.base import LLM, LlmChunk, TextDelta, ToolCallReady
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolSchema
from hookflash.providers.fallback.base import (
    Fallback,
    HealthOptions,
    Slot,
    is_request,
    positive,
)

__all__ = ["FallbackLLM"]

_GO_ON = (
    "The last assistant message is the beginning of your answer. It was cut off behind its last "
    "word, and the caller has heard it. Go on right there, in the middle of the sentence if it is "
    "unfinished. Repeat none of it, and do not begin anew. If it is complete, say nothing."
)
# A word that may go on with the next piece, and the space before it. In scripts without spaces
# (from U+2E80 on) every sign stands for itself.
_UNFINISHED = re.compile(r"\s*(?:(?![\u2e80-\uffef])[\w'\u2019-])*\Z")
_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
_CLINGS = re.compile(r"[\s,.;:!?)\]}\u2019\u201d\u2026\u2e80-\uffef]")
# One repeated word may be meant ("that that"); two are a repetition, but for those of a number.
_SURE = 2
_MARKS = ",.;:!?\u2026"


class FallbackLLM(Fallback[LLM], LLM):
    """Several models, the best first: what one fails at, the next does.

    The rule of an answer that breaks off:

    - Nothing was given out yet: the next model is asked the same.
    - Words were given out: the next model is asked to go on behind them, on a fork of the
      context in which they are the last message. What it repeats of their end is left out.
      Words are given out whole, so that a word is never cut between two models.
    - A tool call was given out: the error is raised, since the caller of `chat` may be running
      the tool, and asking again might run it twice.
    - No model is left: the last error is raised.

    An answer without words or tool calls counts as a failure; a continuation may be empty.
    """

    stage = "llm"

    def __init__(
        self,
        providers: Sequence[LLM],
        *,
        first_chunk_timeout: float = 5.0,
        idle_timeout: float = 5.0,
        prepare_timeout: float = 30.0,
        **health: Unpack[HealthOptions],
    ) -> None:
        """Take the models.

        Args:
            providers: the best first.
            first_chunk_timeout: seconds within which the first word or tool call must come.
            idle_timeout: seconds within which each further piece must come.
            prepare_timeout: seconds within which a model must be prepared.
            **health: when a model is left alone, and for how long: `BreakerConfig`.

        Raises:
            UsageError: no model, one twice, or something else.
            ConfigError: a number is out of its range.
        """
        super().__init__(providers, LLM, prepare_timeout=prepare_timeout, health=health)
        self.reads_instructions = all(each.reads_instructions for each in providers)
        self._first_within = positive("first_chunk_timeout", first_chunk_timeout)
        self._next_within = positive("idle_timeout", idle_timeout)

    async def chat(
        self,
        context: ChatContext,
        *,
        tools: Sequence[ToolSchema] = (),
        tool_choice: str | None = None,
    ) -> AsyncGenerator[LlmChunk, None]:
        """Answer the conversation, streaming, by whichever model works. See `LLM.chat`.

        Raises:
            HookflashError: the last model that was asked failed, or the request is wrong.
        """
        given = ""
        called = False
        tried: list[Slot[LLM]] = []
        failure: HookflashError | None = None
        while (slot := self.next_slot(tried)) is not None:
            tried.append(slot)
            asked = _to_go_on(context, given) if given else context
            words = _Words(given)
            answer = self.ask(
                slot,
                _request(asked, tools, tool_choice),
                first_within=self._first_within,
                next_within=self._next_within,
                counts=_counts,
                may_be_empty=bool(given),
            )
            try:
                async with aclosing(answer) as chunks:
                    async for chunk in chunks:
                        text = words.push(chunk.text) if isinstance(chunk, TextDelta) else ""
                        if isinstance(chunk, ToolCallReady):
                            called = True
                            text = words.flush()
                        if text:
                            given += text
                            yield TextDelta(text=text)
                        if not isinstance(chunk, TextDelta):
                            yield chunk
            except HookflashError as exc:
                if called or is_request(exc):
                    raise
                failure = exc
                continue
            if text := words.flush():
                yield TextDelta(text=text)
            return
        assert failure is not None
        raise failure


def _request(
    context: ChatContext, tools: Sequence[ToolSchema], tool_choice: str | None
) -> Callable[[LLM], AsyncGenerator[LlmChunk, None]]:
    return lambda llm: llm.chat(context, tools=tools, tool_choice=tool_choice)


def _counts(chunk: LlmChunk) -> bool:
    return isinstance(chunk, ToolCallReady) or (
        isinstance(chunk, TextDelta) and bool(chunk.text.strip())
    )


def _to_go_on(context: ChatContext, given: str) -> ChatContext:
    """Return a fork in which what was given out is the last message, to be gone on with."""
    fork = context.fork(_GO_ON)
    fork.add(ChatMessage(role=ChatRole.ASSISTANT, text=given))
    return fork


class _Words:
    """Gives out a model's text in whole words, without what repeats the end of `before`."""

    def __init__(self, before: str) -> None:
        self._before = before
        self._heard = _plain(before)
        self._undecided = bool(before)
        self._left_out = False
        self._held = ""

    def push(self, text: str) -> str:
        """Take the next text; return what may be given out."""
        self._held += text
        unfinished = _UNFINISHED.search(self._held)
        assert unfinished is not None
        return self._give(unfinished.start(), final=False)

    def flush(self) -> str:
        """No more text comes for now; return all that is left."""
        return self._give(len(self._held), final=True)

    def _give(self, until: int, *, final: bool) -> str:
        if not self._undecided:
            text, self._held = self._held[:until], self._held[until:]
            return text
        repeated = 0 if self._left_out else self._repeated(self._held[:until], final=final)
        if repeated is None:
            return ""
        self._left_out = self._left_out or repeated > 0
        text, self._held = self._held[repeated:until], self._held[until:]
        if self._left_out and not self._before.rstrip()[-1].isalnum():
            text = text.lstrip(_MARKS)
        text = text.lstrip()
        if text:
            self._undecided = False
            if not _CLINGS.match(text) and not self._before[-1].isspace():
                text = f" {text}"
            return text
        return ""  # what comes next has still to be joined

    def _repeated(self, text: str, *, final: bool) -> int | None:
        """Return how many characters of `text` repeat the end of what was given; None: wait."""
        found = list(_WORD.finditer(text))
        words = [match[0].casefold() for match in found]
        heard, count = self._heard, len(words)
        longer = range(count + 1, len(heard) + 1)
        if not final and any(heard[-size:][:count] == words for size in longer):
            return None
        for size in range(min(count, len(heard)), 0, -1):
            again = words[:size]
            sure = size == len(heard) or (size >= _SURE and len(set(again)) > 1)
            if heard[-size:] == again and sure and not all(map(_is_number, again)):
                return found[size - 1].end()
        return 0


def _is_number(word: str) -> bool:
    return any(sign.isdigit() for sign in word)


def _plain(text: str) -> list[str]:
    return [match[0].casefold() for match in _WORD.finditer(text)]

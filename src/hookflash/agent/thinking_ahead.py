"""An answer that is thought of before it is certain that the caller has finished."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from hookflash.providers.base import LlmChunk, TextDelta
from hookflash.providers.chat import ChatContext, ChatItem, ChatMessage, ChatRole, ToolSchema
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner

__all__ = ["Ahead"]

Stream = Callable[[ChatContext, Sequence[ToolSchema]], AsyncGenerator[LlmChunk, None]]


class Ahead:
    """One request to the model, running; its chunks wait until somebody wants them.

    Attributes:
        began: when it was made, in the loop's seconds.
        first_text: when its first words came; None as long as none have.
    """

    def __init__(
        self, context: ChatContext, tools: Sequence[ToolSchema], ask: Stream, owner: TaskOwner
    ) -> None:
        """Begin.

        Args:
            context: a fork of the conversation that ends with the caller's words as guessed.
            tools: what the model is told about.
            ask: makes the request.
            owner: whose task reads it.
        """
        self._context = context
        self._tools = list(tools)
        self._chunks: asyncio.Queue[LlmChunk | Exception | None] = asyncio.Queue()
        self.began = clock.now()
        self.first_text: float | None = None
        self._task = owner.start(self._read(ask), name="think ahead")

    def is_for(self, text: str) -> bool:
        """Whether it answers these words of the caller's."""
        return _same_words(self._context.last_user_text(), text)

    def fits(self, context: ChatContext, tools: Sequence[ToolSchema]) -> bool:
        """Whether the request that is to be made is this one, but for signs and capitals."""
        guessed, wanted = self._context.items, context.items
        return (
            len(guessed) == len(wanted)
            and all(map(_same_item, guessed, wanted))
            and self._tools == list(tools)
        )

    async def stream(self) -> AsyncGenerator[LlmChunk, None]:
        """Give what came and what comes; closing it ends the request."""
        try:
            while (chunk := await self._chunks.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        """End the request. Idempotent."""
        self._task.cancel()

    async def _read(self, ask: Stream) -> None:
        try:
            async with aclosing(ask(self._context, self._tools)) as chunks:
                async for chunk in chunks:
                    if self.first_text is None and isinstance(chunk, TextDelta):
                        self.first_text = clock.now()
                    self._chunks.put_nowait(chunk)
        except Exception as exc:  # noqa: BLE001  # raised where the stream is read, if it ever is
            self._chunks.put_nowait(exc)
        else:
            self._chunks.put_nowait(None)


def _same_item(guessed: ChatItem, wanted: ChatItem) -> bool:
    if (
        isinstance(guessed, ChatMessage)
        and isinstance(wanted, ChatMessage)
        and guessed.role is ChatRole.USER
        and wanted.role is ChatRole.USER
    ):
        return _same_words(guessed.text, wanted.text)
    return guessed == wanted


def _same_words(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(text: str) -> list[str]:
    words = ("".join(sign for sign in word if sign.isalnum()) for word in text.casefold().split())
    return [word for word in words if word]

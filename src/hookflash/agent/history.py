"""The conversation so far: what the caller said, and what the caller heard."""

from collections.abc import Callable
from dataclasses import dataclass

from hookflash.providers.chat import (
    ChatContext,
    ChatItem,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
)

__all__ = ["History", "Place"]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A place kept in the history for words that are being said.

    Attributes:
        said: tells all the words until now.
        heard: tells those heard until now.
    """

    said: Callable[[], str]
    heard: Callable[[], str]


class History:
    """Items in the order in which they came to be; words being said keep their place."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._instructions = ""
        self._items: list[ChatItem | Place] = []

    def set_instructions(self, text: str) -> None:
        """Replace the one system message."""
        self._instructions = text

    def add(self, item: ChatItem) -> None:
        """Append what the caller said, or what a tool was asked or answered."""
        self._items.append(item)

    def keep_place(self, said: Callable[[], str], heard: Callable[[], str]) -> Place:
        """Keep the next place for words that are about to be said."""
        place = Place(said, heard)
        self._items.append(place)
        return place

    def settle(self, place: Place, heard: str, *, interrupted: bool) -> None:
        """The words are out: what was heard of them stays, for good; nothing, if none were."""
        message = ChatMessage(role=ChatRole.ASSISTANT, text=heard, interrupted=interrupted)
        at = self._items.index(place)
        self._items[at : at + 1] = [message] if heard else []

    def as_heard(self) -> ChatContext:
        """Return a copy as of now: of words being said, those that were heard."""
        return self._copy(lambda place: place.heard())

    def for_model(self, extra_instructions: str | None = None) -> ChatContext:
        """Return a copy for a model to answer: words being said count whole, or it says them twice.

        Tool calls that run (a tool asks for a reply) are among it without an output.
        """
        return self._copy(lambda place: place.said()).fork(extra_instructions)

    def _copy(self, words: Callable[[Place], str]) -> ChatContext:
        context = ChatContext()
        if self._instructions:
            context.set_instructions(self._instructions)
        for item in self._items:
            if not isinstance(item, Place):
                context.add(item)
            elif text := words(item):
                context.add(ChatMessage(role=ChatRole.ASSISTANT, text=text))
        return context

    def open_calls(self) -> tuple[ToolCall, ...]:
        """Tool calls that have no output yet."""
        answered = {item.call_id for item in self._items if isinstance(item, ToolOutput)}
        return tuple(
            item
            for item in self._items
            if isinstance(item, ToolCall) and item.call_id not in answered
        )

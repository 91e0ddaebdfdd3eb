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


@dataclass(slots=True, eq=False)
class Place:
    """A place kept in the history for words that are being said.

    Attributes:
        said: tells all the words until now.
        heard: tells those heard until now.
        settled: the final message, or None if nothing was heard.
    """

    said: Callable[[], str]
    heard: Callable[[], str]
    settled: ChatMessage | None = None
    open: bool = True

    def message(self, text: str) -> ChatMessage | None:
        """Return the message with this text while open; the settled one afterwards."""
        if not self.open:
            return self.settled
        return ChatMessage(role=ChatRole.ASSISTANT, text=text) if text else None


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
        """The words are out: what was heard of them stays, for good."""
        place.open = False
        if heard:
            place.settled = ChatMessage(
                role=ChatRole.ASSISTANT, text=heard, interrupted=interrupted
            )
        else:
            self._items = [item for item in self._items if item is not place]

    def as_heard(self) -> ChatContext:
        """Return a copy as of now: of words being said, those that were heard."""
        return self._copy(lambda place: place.message(place.heard()))

    def for_model(self, extra_instructions: str | None = None) -> ChatContext:
        """Return a copy for a model to answer: words being said count whole, or it says them twice.

        Tool calls without an output (a tool that is running asks for a reply) are left out.
        """
        context = self._copy(lambda place: place.message(place.said()))
        return context.fork(extra_instructions)

    def _copy(self, render: Callable[[Place], ChatMessage | None]) -> ChatContext:
        context = ChatContext()
        if self._instructions:
            context.set_instructions(self._instructions)
        for item in self._items:
            shown = render(item) if isinstance(item, Place) else item
            if shown is not None:
                context.add(shown)
        return context

    def open_calls(self) -> tuple[ToolCall, ...]:
        """Tool calls that have no output yet."""
        answered = {item.call_id for item in self._items if isinstance(item, ToolOutput)}
        return tuple(
            item
            for item in self._items
            if isinstance(item, ToolCall) and item.call_id not in answered
        )

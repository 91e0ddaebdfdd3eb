"""The conversation so far: what the caller said, and what the caller heard."""

from collections.abc import Callable
from dataclasses import dataclass

from hookflash.providers.chat import (
    AgentHandoff,
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
        self._hidden = 0

    def set_instructions(self, text: str) -> None:
        """Replace the one system message."""
        self._instructions = text

    def hand_off(self, handoff: AgentHandoff, instructions: str, *, carry: bool) -> None:
        """Another agent takes over, with its own system message.

        Args:
            handoff: who from whom.
            instructions: of the new agent.
            carry: whether its model is shown the conversation until now. The history keeps it
                all either way.
        """
        self.add(handoff)
        self.set_instructions(instructions)
        if not carry:
            self._hidden = len(self._items)

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
        if not heard and at < self._hidden:
            self._hidden -= 1

    def as_heard(self) -> ChatContext:
        """Return a copy as of now: of words being said, those that were heard."""
        return self._copy(self._items, lambda place: place.heard())

    def for_model(self, extra_instructions: str | None = None) -> ChatContext:
        """Return a copy for a model to answer: words being said count whole, or it says them twice.

        Tool calls that run (a tool asks for a reply) are among it without an output.
        """
        shown = self._items[self._hidden :]
        calls = {item.call_id for item in shown if isinstance(item, ToolCall)}
        shown = [item for item in shown if not _is_beyond_a_model(item, calls)]
        return self._copy(shown, lambda place: place.said()).fork(extra_instructions)

    def _copy(self, items: "list[ChatItem | Place]", words: Callable[[Place], str]) -> ChatContext:
        context = ChatContext()
        if self._instructions:
            context.set_instructions(self._instructions)
        for item in items:
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


def _is_beyond_a_model(item: ChatItem | Place, calls: set[str]) -> bool:
    """Whether it says nothing to a model: a hand-off, or an output whose call it is not shown."""
    orphan = isinstance(item, ToolOutput) and item.call_id not in calls
    return orphan or isinstance(item, AgentHandoff)

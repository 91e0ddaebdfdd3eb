"""The conversation so far: what the caller said, and what the caller heard."""

from collections.abc import Callable
from dataclasses import dataclass

from hookflash.errors import UsageError
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


@dataclass(slots=True, eq=False)
class Place:
    """A place kept in the history for words that are being said, or are not known yet.

    Attributes:
        said: tells all the words until now.
        heard: tells those heard until now.
        role: whose words they are.
        settled: whether the words are out.
        message: what stands in the place since then; None if nothing was heard.
    """

    said: Callable[[], str]
    heard: Callable[[], str]
    role: ChatRole = ChatRole.ASSISTANT
    settled: bool = False
    message: ChatMessage | None = None


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

    def keep_place(
        self,
        said: Callable[[], str],
        heard: Callable[[], str],
        role: ChatRole = ChatRole.ASSISTANT,
    ) -> Place:
        """Keep the next place for words that are about to be said, or will be known later."""
        place = Place(said, heard, role)
        self._items.append(place)
        return place

    def newest_place(self) -> Place:
        """Return the place that was kept last, of those that are not settled.

        Raises:
            UsageError: there is none.
        """
        for item in reversed(self._items):
            if isinstance(item, Place):
                return item
        msg = "no place is kept in the history"
        raise UsageError(msg)

    def settle(self, place: Place, heard: str, *, interrupted: bool) -> None:
        """The words are out: what was heard of them stays, for good; nothing, if none were."""
        message = ChatMessage(role=place.role, text=heard, interrupted=interrupted)
        place.settled, place.message = True, message if heard else None
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
        return self._copy(self.shown(), lambda place: place.said()).fork(extra_instructions)

    def shown(self) -> "list[ChatItem | Place]":
        """What a model is shown, but the system message, as it stands: with places in it."""
        shown = self._items[self._hidden :]
        calls = {item.call_id for item in shown if isinstance(item, ToolCall)}
        return [item for item in shown if not _is_beyond_a_model(item, calls)]

    def _copy(self, items: "list[ChatItem | Place]", words: Callable[[Place], str]) -> ChatContext:
        context = ChatContext()
        if self._instructions:
            context.set_instructions(self._instructions)
        for item in items:
            if not isinstance(item, Place):
                context.add(item)
            elif text := words(item):
                context.add(ChatMessage(role=item.role, text=text))
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

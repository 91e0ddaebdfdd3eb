"""What a realtime model knows of the history, kept alike with it.

The model has a conversation of its own. Some of it is born there: what the model said, heard and
asked of tools. All else it must be told. Before each answer it is told whatever of the history it
does not know yet, each thing in its place; and what is in the history no more, it forgets.
"""

from collections.abc import Callable, Sequence

import msgspec

from hookflash.agent.history import History, Place
from hookflash.providers.chat import ChatItem, ChatMessage, ToolCall, ToolSchema
from hookflash.providers.realtime import RealtimeConversation

__all__ = ["RealtimeMemory"]


class _Known(msgspec.Struct, frozen=True):
    """An entry of the history that the model knows.

    Attributes:
        entry: itself, so that it stays alive, and with it its identity.
        item_id: the model's name for it.
        by_audio: whether the model heard or spoke it. What of it was not heard is then cut off
            where it is; words that were told must be told anew.
    """

    entry: ChatItem | Place
    item_id: str
    by_audio: bool = False


class RealtimeMemory:
    """Keeps a model's conversation and a session's history alike."""

    def __init__(self, history: History, tools: Callable[[], Sequence[ToolSchema]]) -> None:
        """Begin with a model that knows nothing.

        Args:
            history: what it shall know.
            tools: gives what it is told about the agent's tools as of now.
        """
        self._history = history
        self._tools = tools
        self._part: tuple[str, tuple[ToolSchema, ...]] = ("", ())
        self._known: dict[int, _Known] = {}
        self._calls: dict[str, str] = {}
        self._minted = 0

    @property
    def instructions(self) -> str:
        """What the model was told about its part."""
        return self._part[0]

    def begin(self) -> tuple[str, tuple[ToolSchema, ...]]:
        """A fresh conversation knows nothing but the instructions and tools that this returns."""
        self._known.clear()
        self._calls.clear()
        self._part = self._part_now()
        return self._part

    # What is born in the model's conversation.

    def shares(self, place: Place, item_id: str, *, by_audio: bool) -> None:
        """What stands in this place of the history is an item of the model's."""
        self._known[id(place)] = _Known(place, item_id, by_audio)

    def shares_call(self, call_id: str, item_id: str) -> None:
        """A tool call is an item of the model's."""
        self._calls[call_id] = item_id

    def forget(self, link: RealtimeConversation, place: Place, item_ids: Sequence[str]) -> None:
        """These items are one message of the history: the model will be told of it anew."""
        self._known.pop(id(place), None)
        for item_id in item_ids:
            link.delete(item_id)

    # What it is told.

    def tell(self, link: RealtimeConversation) -> None:
        """Let the model know what it does not know yet, in its place; and forget what is gone."""
        part = self._part_now()
        if part != self._part:
            self._part = part
            link.update(instructions=part[0], tools=part[1])
        self._settle(link)
        shown = self._history.shown()
        known = [self._recall(entry) for entry in shown]
        last = max((index for index, item_id in enumerate(known) if item_id), default=-1)
        previous = ""
        for index, entry in enumerate(shown):
            item_id = known[index]
            if item_id is None:
                told = _as_told(entry)
                if told is None:
                    continue
                self._minted += 1
                item_id = f"hf_{self._minted}"
                link.add(told, item_id=item_id, after=None if index > last else previous)
                self._remember(entry, item_id)
            previous = item_id
        self._drop_all_but(shown, link)

    def _part_now(self) -> tuple[str, tuple[ToolSchema, ...]]:
        return self._history.instructions, tuple(self._tools())

    def _settle(self, link: RealtimeConversation) -> None:
        """Words that were being said are a message by now, or nothing: that is known henceforth."""
        for key, known in tuple(self._known.items()):
            place = known.entry
            if not isinstance(place, Place) or not place.settled:
                continue
            del self._known[key]
            message = place.message
            if message is not None and (known.by_audio or not message.interrupted):
                self._known[id(message)] = _Known(message, known.item_id, known.by_audio)
            elif not known.by_audio:
                link.delete(known.item_id)

    def _recall(self, entry: ChatItem | Place) -> str | None:
        if isinstance(entry, ToolCall):
            return self._calls.get(entry.call_id)
        known = self._known.get(id(entry))
        return None if known is None else known.item_id

    def _remember(self, entry: ChatItem | Place, item_id: str) -> None:
        if isinstance(entry, ToolCall):
            self._calls[entry.call_id] = item_id
        else:
            self._known[id(entry)] = _Known(entry, item_id)

    def _drop_all_but(self, shown: Sequence[ChatItem | Place], link: RealtimeConversation) -> None:
        present = {id(entry) for entry in shown}
        for key in [key for key in self._known if key not in present]:
            link.delete(self._known.pop(key).item_id)
        calls = {entry.call_id for entry in shown if isinstance(entry, ToolCall)}
        for call_id in [call_id for call_id in self._calls if call_id not in calls]:
            link.delete(self._calls.pop(call_id))


def _as_told(entry: ChatItem | Place) -> ChatItem | None:
    """Return what the model is told of an entry; None if it says nothing yet."""
    if not isinstance(entry, Place):
        return entry
    text = entry.said()
    return ChatMessage(role=entry.role, text=text) if text else None

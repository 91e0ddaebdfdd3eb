"""The conversation as a language model sees it.

Items in the order in which they happened: messages, tool calls, tool outputs. What stands in an
assistant message is what the caller heard.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TypeAlias

from hookflash.errors import UsageError

__all__ = [
    "AgentHandoff",
    "ChatContext",
    "ChatItem",
    "ChatMessage",
    "ChatRole",
    "ToolCall",
    "ToolOutput",
    "ToolSchema",
    "as_plain",
]


class ChatRole(StrEnum):
    """Who a message is from."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """Words.

    Attributes:
        role: who they are from.
        text: for an assistant, the words that were heard.
        interrupted: True if the caller cut it short.
    """

    role: ChatRole
    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model asks for a tool to run.

    Attributes:
        call_id: unique within the conversation; its `ToolOutput` repeats it.
        tool: the tool's name.
        arguments: JSON text as the model wrote it; not yet validated.
    """

    call_id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOutput:
    """What a tool answered. Every `ToolCall` gets exactly one.

    Attributes:
        output: text for the model; JSON unless the tool returned text.
        is_error: True if the tool failed or its arguments were not valid.
    """

    call_id: str
    tool: str
    output: str
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentHandoff:
    """Another agent took over. It stands in the history; models are not shown it.

    Attributes:
        old: class of the agent that had the call.
        new: class of the one that has it from here on.
    """

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSchema:
    """What the model is told about a tool.

    Attributes:
        name: `[a-zA-Z0-9_-]{1,64}`.
        description: what it does and when to use it.
        parameters: JSON Schema (object) of its arguments.
        phrases: things a caller says when they want this tool; only rule-driven models and
            grammar recognisers use them.
    """

    name: str
    description: str
    parameters: dict[str, object] = field(default_factory=dict[str, object])
    phrases: tuple[str, ...] = ()


ChatItem: TypeAlias = ChatMessage | ToolCall | ToolOutput | AgentHandoff

_TYPES: Mapping[type[ChatItem], str] = {
    ChatMessage: "message",
    ToolCall: "function_call",
    ToolOutput: "function_call_output",
    AgentHandoff: "agent_handoff",
}


def as_plain(item: ChatItem) -> dict[str, object]:
    """Return an item as a dictionary, ready for JSON: its fields, and what it is as `type`."""
    return {"type": _TYPES[type(item)], **asdict(item)}


class ChatContext:
    """The items of one conversation, in order. Not shared between sessions."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[ChatItem] = ()) -> None:
        """Start with these items."""
        self._items: list[ChatItem] = list(items)

    @property
    def items(self) -> tuple[ChatItem, ...]:
        """All items, oldest first."""
        return tuple(self._items)

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """The messages alone, oldest first."""
        return tuple(item for item in self._items if isinstance(item, ChatMessage))

    @property
    def instructions(self) -> str:
        """The text of the system message; empty if there is none."""
        first = self._items[0] if self._items else None
        if isinstance(first, ChatMessage) and first.role is ChatRole.SYSTEM:
            return first.text
        return ""

    def set_instructions(self, text: str) -> None:
        """Replace the one system message, which always stands first."""
        message = ChatMessage(role=ChatRole.SYSTEM, text=text)
        if self._items and self.instructions:
            self._items[0] = message
        else:
            self._items.insert(0, message)

    def add(self, item: ChatItem) -> int:
        """Append an item; return its index.

        Raises:
            UsageError: a tool output without its call, or a second output for a call.
        """
        if isinstance(item, ToolOutput):
            calls = [i for i in self._items if isinstance(i, ToolCall)]
            if all(call.call_id != item.call_id for call in calls):
                msg = f"tool output {item.call_id!r} has no call"
                raise UsageError(msg)
            outputs = [i for i in self._items if isinstance(i, ToolOutput)]
            if any(output.call_id == item.call_id for output in outputs):
                msg = f"tool call {item.call_id!r} already has its output"
                raise UsageError(msg)
        self._items.append(item)
        return len(self._items) - 1

    def unanswered_calls(self) -> tuple[ToolCall, ...]:
        """Tool calls that have no output yet."""
        answered = {item.call_id for item in self._items if isinstance(item, ToolOutput)}
        return tuple(
            item
            for item in self._items
            if isinstance(item, ToolCall) and item.call_id not in answered
        )

    def fork(self, extra_instructions: str | None = None) -> "ChatContext":
        """Return a copy that can change alone, its instructions optionally lengthened."""
        copy = ChatContext(self._items)
        if extra_instructions:
            head = copy.instructions
            copy.set_instructions(f"{head}\n\n{extra_instructions}" if head else extra_instructions)
        return copy

    def last_user_text(self) -> str:
        """The newest words of the caller; empty if there are none."""
        for item in reversed(self._items):
            if isinstance(item, ChatMessage) and item.role is ChatRole.USER:
                return item.text
        return ""

    def last_assistant_text(self) -> str:
        """The newest words that the caller heard from the agent; empty if there are none."""
        for item in reversed(self._items):
            if isinstance(item, ChatMessage) and item.role is ChatRole.ASSISTANT:
                return item.text
        return ""

    def __len__(self) -> int:
        return len(self._items)

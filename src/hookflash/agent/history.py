"""The conversation so far: what the caller said, and what the caller heard.

One list holds it all. Agents take turns at having the line, and each one's model is shown its own
part of the list: its *frame*. A hand-off begins a frame in the place of the one before; an agent
that has the line for a while (a task) begins one inside.
"""

from collections.abc import Callable, Iterable, Sequence
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


@dataclass(slots=True, eq=False)
class _Frame:
    """What one agent's model is shown.

    Attributes:
        instructions: its system message.
        before: whose entries it is shown as well, if it carries them.
        outer: the frame inside which it is; None at the bottom.
        given: items that it was given to begin with, shown to it and to those that carry it.
        keeps_calls: whether tool calls of it are shown to the outer one.
        summed_up: whether the outer one is shown a summary instead of it.
    """

    instructions: str = ""
    before: "_Frame | None" = None
    outer: "_Frame | None" = None
    given: tuple[ChatItem, ...] = ()
    keeps_calls: bool = False
    summed_up: bool = False

    def follows(self, other: "_Frame") -> bool:
        """Whether it carries the entries of another."""
        before = self.before
        while before is not None and before is not other:
            before = before.before
        return before is other

    @property
    def all_given(self) -> tuple[ChatItem, ...]:
        """What it was given, and those that it carries."""
        return (*(self.before.all_given if self.before is not None else ()), *self.given)


@dataclass(slots=True, eq=False)
class _Entry:
    """What stands in the list, and whose it is; `aside` is for models alone: nobody said it."""

    item: ChatItem | Place
    frame: _Frame
    aside: bool = False


class History:
    """Items in the order in which they came to be; words being said keep their place."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._entries: list[_Entry] = []
        self._frame = _Frame()

    # Who has the line.

    @property
    def instructions(self) -> str:
        """The system message of whoever has the line; empty if there is none."""
        return self._frame.instructions

    def set_instructions(self, text: str) -> None:
        """Replace the system message of whoever has the line."""
        self._frame.instructions = text

    def hand_off(self, handoff: AgentHandoff, instructions: str, *, carry: bool) -> None:
        """Another agent takes over, with its own system message.

        Args:
            handoff: who from whom.
            instructions: of the new agent.
            carry: whether its model is shown the conversation until now. The history keeps it
                all either way.
        """
        old = self._frame
        self.add(handoff)
        self._frame = _Frame(instructions, before=old if carry else None, outer=old.outer)

    def enter(
        self, instructions: str, *, carry: bool, given: Iterable[ChatItem] = (), keeps_calls: bool
    ) -> None:
        """An agent takes the line for a while; `leave` ends that.

        Args:
            instructions: of that agent.
            carry: whether its model is shown the conversation until now.
            given: items that its model is shown to begin with.
            keeps_calls: whether its tool calls are shown to the agent that had the line before,
                once that has it again. Its messages always are.
        """
        outer = self._frame
        self._frame = _Frame(
            instructions,
            before=outer if carry else None,
            outer=outer,
            given=tuple(given),
            keeps_calls=keeps_calls,
        )

    def leave(self) -> None:
        """The agent that had the line for a while gives it back.

        Raises:
            UsageError: nobody has it for a while.
        """
        if self._frame.outer is None:
            msg = "no agent has the line for a while"
            raise UsageError(msg)
        self._frame = self._frame.outer

    def sum_up(self, text: str) -> None:
        """Show a summary, as the agent's words, in place of what was said since it has the line.

        The agent that had the line before, and those above, are shown it; the history as it was
        heard is not changed.

        Raises:
            UsageError: it does not have the line for a while.
        """
        frame = self._frame
        if frame.outer is None:
            msg = "only what was said in a task can be summed up"
            raise UsageError(msg)
        frame.summed_up = True
        message = ChatMessage(role=ChatRole.ASSISTANT, text=text)
        self._entries.append(_Entry(message, frame.outer, aside=True))

    def note(self, text: str) -> None:
        """Let models know what nobody has said, from here on; it is no part of the history.

        They are shown it as a system message in its place, for as long as they are shown what was
        said by whoever has the line now.
        """
        message = ChatMessage(role=ChatRole.SYSTEM, text=text)
        self._entries.append(_Entry(message, self._frame, aside=True))

    # What is said.

    def add(self, item: ChatItem) -> None:
        """Append what the caller said, or what a tool was asked or answered."""
        frame = self._frame
        if isinstance(item, ToolOutput):
            # It belongs to whoever made the call, though another may have the line meanwhile.
            frame = next(
                (
                    entry.frame
                    for entry in self._entries
                    if isinstance(entry.item, ToolCall) and entry.item.call_id == item.call_id
                ),
                frame,
            )
        self._append(item, frame)

    def keep_place(
        self,
        said: Callable[[], str],
        heard: Callable[[], str],
        role: ChatRole = ChatRole.ASSISTANT,
    ) -> Place:
        """Keep the next place for words that are about to be said, or will be known later."""
        place = Place(said, heard, role)
        self._append(place, self._frame)
        return place

    def newest_place(self) -> Place:
        """Return the place that was kept last, of those that are not settled.

        Raises:
            UsageError: there is none.
        """
        for entry in reversed(self._entries):
            if isinstance(entry.item, Place):
                return entry.item
        msg = "no place is kept in the history"
        raise UsageError(msg)

    def settle(self, place: Place, heard: str, *, interrupted: bool) -> None:
        """The words are out: what was heard of them stays, for good; nothing, if none were."""
        message = ChatMessage(role=place.role, text=heard, interrupted=interrupted)
        place.settled, place.message = True, message if heard else None
        entry = next(entry for entry in self._entries if entry.item is place)
        if heard:
            entry.item = message
        else:
            self._entries.remove(entry)

    # What is shown.

    def as_heard(self) -> ChatContext:
        """Return a copy as of now: of words being said, those that were heard."""
        items = [entry.item for entry in self._entries if not entry.aside]
        return self._copy(items, lambda place: place.heard())

    def for_model(self, extra_instructions: str | None = None) -> ChatContext:
        """Return a copy for a model to answer: words being said count whole, or it says them twice.

        Tool calls that run (a tool asks for a reply) are among it without an output. A call during
        which the caller spoke (it was a task) stands right before its output.
        """
        return self._copy(_settled(self.shown()), lambda place: place.said()).fork(
            extra_instructions
        )

    def shown(self) -> "list[ChatItem | Place]":
        """What a model is shown, but the system message, as it stands: with places in it."""
        frame = self._frame
        shown: list[ChatItem | Place] = [
            *frame.all_given,
            *(entry.item for entry in self._entries if _is_shown(entry, frame)),
        ]
        calls = {item.call_id for item in shown if isinstance(item, ToolCall)}
        return [item for item in shown if not _is_beyond_a_model(item, calls)]

    def open_calls(self) -> tuple[ToolCall, ...]:
        """Tool calls that have no output yet."""
        items = [entry.item for entry in self._entries]
        answered = {item.call_id for item in items if isinstance(item, ToolOutput)}
        return tuple(
            item for item in items if isinstance(item, ToolCall) and item.call_id not in answered
        )

    def _append(self, item: ChatItem | Place, frame: _Frame) -> None:
        self._entries.append(_Entry(item, frame))

    def _copy(
        self, items: "Iterable[ChatItem | Place]", words: Callable[[Place], str]
    ) -> ChatContext:
        context = ChatContext()
        if self._frame.instructions:
            context.set_instructions(self._frame.instructions)
        for item in items:
            if not isinstance(item, Place):
                context.add(item)
            elif text := words(item):
                context.add(ChatMessage(role=item.role, text=text))
        return context


def _is_shown(entry: _Entry, frame: _Frame) -> bool:
    """Whether the model of a frame is shown an entry."""
    owner = entry.frame
    if owner is frame or frame.follows(owner):
        return True
    # What was said inside of it, or inside of those that it follows; not what they did.
    while owner.outer is not None:
        if owner.summed_up:
            return False
        if not owner.keeps_calls and isinstance(entry.item, (ToolCall, ToolOutput, AgentHandoff)):
            return False
        owner = owner.outer
        if owner is frame or frame.follows(owner):
            return True
    return False


def _is_beyond_a_model(item: ChatItem | Place, calls: set[str]) -> bool:
    """Whether it says nothing to a model: a hand-off, or an output whose call it is not shown."""
    orphan = isinstance(item, ToolOutput) and item.call_id not in calls
    return orphan or isinstance(item, AgentHandoff)


def _settled(items: "Sequence[ChatItem | Place]") -> "list[ChatItem | Place]":
    """Return the items with calls through which the caller spoke moved to their outputs."""
    waiting: dict[str, ToolCall] = {}
    moved: dict[str, ToolCall] = {}
    for item in items:
        if isinstance(item, ToolCall):
            waiting[item.call_id] = item
        elif isinstance(item, ToolOutput):
            waiting.pop(item.call_id, None)
        elif isinstance(item, (ChatMessage, Place)) and item.role is ChatRole.USER:
            moved.update(waiting)
    answered = {item.call_id for item in items if isinstance(item, ToolOutput)}
    settled: list[ChatItem | Place] = []
    for item in items:
        if isinstance(item, ToolCall) and item.call_id in moved and item.call_id in answered:
            continue
        if isinstance(item, ToolOutput) and item.call_id in moved:
            settled.append(moved[item.call_id])
        settled.append(item)
    return settled

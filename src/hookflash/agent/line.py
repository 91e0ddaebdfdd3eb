"""Who has the line: the agent that was handed it, and above it those that have it for a while.

An agent that has the line is asked about the caller's turns, its tools may be called, and its
instructions are the model's. `hand_over` gives the line away for good. `lend` gives it to another
agent until something is done, while the one that lends waits: what its reply is at is suspended, so
that the caller can talk with the other agent meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Generic, Protocol, TypeVar

from hookflash.agent.emitter import Emitter
from hookflash.agent.guard import Guard
from hookflash.agent.history import History
from hookflash.agent.speech import Speech, running_item
from hookflash.agent.speech_queue import SpeechItem
from hookflash.agent.status import Status
from hookflash.errors import HookflashError, TaskCancelled, TaskTimedOut, UsageError
from hookflash.events.session import AgentSwitched
from hookflash.events.tasks import TaskEnded, TaskStarted
from hookflash.providers.chat import AgentHandoff, ChatItem
from hookflash.runtime.tasks import TaskOwner

__all__ = ["HOOK_WITHIN", "Line", "OnLine", "running_agent"]

HOOK_WITHIN = 5.0
"""Seconds that an agent's `on_exit` may take, and what it says."""


class OnLine(Protocol):
    """What an agent must have to be given the line."""

    @property
    def instructions(self) -> str:
        """Its system message."""
        ...

    @property
    def inherit_context(self) -> bool:
        """Whether its model is shown the conversation before it."""
        ...

    async def on_enter(self) -> None:
        """It has the line."""
        ...

    async def on_exit(self) -> None:
        """It gives the line away."""
        ...


AgentT = TypeVar("AgentT", bound=OnLine)

running_agent: ContextVar[OnLine | None] = ContextVar("hookflash_running_agent", default=None)
"""The agent on whose behalf the current task runs: that whose tool or hook this is."""


class _Loan(Generic[AgentT]):
    """The line, given to an agent for a while."""

    def __init__(self, agent: AgentT, until: "asyncio.Future[object]", item: SpeechItem | None):
        self.agent = agent
        self.until = until
        self.item = item

    def end(self, error: HookflashError) -> None:
        """End it without a result. Idempotent."""
        if not self.until.done():
            self.until.set_exception(error)
            self.until.exception()  # whoever waits is told; nobody else need be


class Line(Generic[AgentT]):
    """The line of one session."""

    def __init__(
        self,
        agent: AgentT,
        *,
        history: History,
        status: Status,
        emitter: Emitter,
        guard: Guard,
        owner: TaskOwner,
        speech: Callable[[], Speech],
        took: Callable[[AgentT], None],
    ) -> None:
        """Give the line to the first agent; it has not entered yet.

        Args:
            agent: the first.
            history: is told whose part begins.
            status: is told what does not show meanwhile.
            emitter: tells listeners.
            guard: runs hooks.
            owner: whose tasks do the work.
            speech: the session's, once it is live.
            took: told of each agent that has the line from now on.
        """
        self._bottom = agent
        self._loans: list[_Loan[AgentT]] = []
        self._slots: dict[OnLine, asyncio.Lock] = {}
        self._returned = asyncio.Event()
        self._handing: asyncio.Task[None] | None = None
        self._closed: HookflashError | None = None
        self._history = history
        self._status = status
        self._emitter = emitter
        self._guard = guard
        self._owner = owner
        self._speech = speech
        self._took = took
        history.set_instructions(agent.instructions)

    @property
    def agent(self) -> AgentT:
        """Who has the line."""
        return self._loans[-1].agent if self._loans else self._bottom

    async def enter(self) -> None:
        """Run the first agent's `on_enter`; what it raises is raised."""
        with _on_behalf_of(self.agent):
            await self.agent.on_enter()

    async def exit(self) -> None:
        """Run `on_exit` of whoever has the line; its failure is an event."""
        with _on_behalf_of(self.agent):
            await self._guard.run(self.agent.on_exit(), within=HOOK_WITHIN)

    def on_behalf_of_agent(self, work: Callable[[], Awaitable[None]]) -> Awaitable[None]:
        """Return a hook of whoever has the line, begun so that it may lend the line."""

        async def run() -> None:
            with _on_behalf_of(self.agent):
                await work()

        return run()

    # For good.

    async def hand_over(self, agent: AgentT) -> None:
        """Give the line to another agent: `on_exit` of the one, then `on_enter` of the other.

        Agents that have it for a while lose it; whoever waits for them is told by `TaskCancelled`.
        """
        before = self._handing
        item = running_item.get()
        # In a task of its own, for what asks for it may end with what it ends.
        self._handing = self._owner.start(self._hand_over(agent, item, before), name="hand over")
        await asyncio.shield(self._handing)

    async def _hand_over(
        self, agent: AgentT, item: SpeechItem | None, before: "asyncio.Task[None] | None"
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        if agent is self.agent:
            return
        nested = bool(self._loans)
        for loan in tuple(self._loans):
            if loan.item is not None:
                loan.item.stop("handed_over")
            loan.end(TaskCancelled("The line was handed to another agent."))
        if nested:
            self._speech().queue.stop_levels("handed_over")
        await self.wait_returned()
        old, self._bottom = self._bottom, agent
        running_item.set(None if nested else item)
        with _on_behalf_of(old):
            await self._guard.run(old.on_exit(), within=HOOK_WITHIN)
        handoff = AgentHandoff(old=type(old).__name__, new=type(agent).__name__)
        self._history.hand_off(handoff, agent.instructions, carry=agent.inherit_context)
        self._emitter.tell(AgentSwitched, old=handoff.old, new=handoff.new)
        self._took(agent)
        with _on_behalf_of(agent):
            await self._guard.run(agent.on_enter())

    # For a while.

    async def lend(
        self,
        agent: AgentT,
        until: "asyncio.Future[object]",
        *,
        within: float | None = None,
        given: Iterable[ChatItem] = (),
        keeps_calls: bool = False,
    ) -> None:
        """Let another agent have the line until the future is done.

        Returns when the line is back with the agent that lent it: the one whose tool or hook this
        is called in. Several calls at once for the same agent take turns. If `on_enter` of the
        other raises, that is the future's exception. When the waiting task is cancelled, the line
        comes back at once.

        Args:
            agent: who shall have it.
            until: done when it has done its job; never cancelled here.
            within: seconds after which its exception is `TaskTimedOut`; None: never.
            given: items that its model is shown to begin with.
            keeps_calls: whether its tool calls are shown to the lender's model afterwards.

        Raises:
            UsageError: this is not called in a tool or hook.
            TaskCancelled: the lender has lost the line meanwhile, or the session is over.
        """
        lender, item = running_agent.get(), running_item.get()
        if lender is None:
            name = type(agent).__name__
            msg = (
                f"{name} should only be awaited inside tool_functions or the on_enter/on_exit "
                "methods of an Agent, or in tasks that they start"
            )
            raise UsageError(msg)
        if item is not None and item.handle.done():
            item = None  # the reply is over whose tool began this
        async with self._slots.setdefault(lender, asyncio.Lock()):
            queue = self._speech().queue
            await queue.wait_free(item)
            self._may_lend(lender, item)
            loan = _Loan(agent, until, item)
            level = queue.open_level()
            worker = self._owner.start(queue.run_level(level), name="speech of a task")
            self._begin(loan, given=given, keeps_calls=keeps_calls)
            entering = self._owner.start(self._enter(loan), name="on_enter of a task")
            until.add_done_callback(lambda _: queue.finish_level(level))
            in_order = False
            try:
                await asyncio.wait([until], timeout=within)
                loan.end(TaskTimedOut(f"There was no result within {within} seconds."))
                cut = isinstance(until.exception(), (TaskCancelled, TaskTimedOut))
                in_order = self._closed is None and not cut
            finally:

                async def give_back() -> None:
                    running_item.set(None)
                    await self._end_above(loan)
                    if in_order:
                        with _on_behalf_of(agent):
                            await self._guard.run(agent.on_exit(), within=HOOK_WITHIN)
                        await queue.end_level(level)
                    for task in (entering, worker):
                        task.cancel()
                    await asyncio.wait([entering, worker])
                    self._end(loan)

                await _see_through(self._owner.start(give_back(), name="give the line back"))

    def _may_lend(self, lender: OnLine, item: SpeechItem | None) -> None:
        if self._closed is not None:
            raise self._closed
        if lender is not self.agent or (item is not None and item.stopped is not None):
            msg = "The agent does not have the line any more."
            raise TaskCancelled(msg)

    def _begin(self, loan: _Loan[AgentT], *, given: Iterable[ChatItem], keeps_calls: bool) -> None:
        if loan.item is not None:
            self._status.suspend(loan.item)
        self._speech().tell_thinking()
        agent = loan.agent
        self._history.enter(
            agent.instructions, carry=agent.inherit_context, given=given, keeps_calls=keeps_calls
        )
        self._loans.append(loan)
        self._emitter.tell(TaskStarted, task=type(agent).__name__)
        self._took(agent)

    async def _enter(self, loan: _Loan[AgentT]) -> None:
        running_item.set(None)
        try:
            with _on_behalf_of(loan.agent):
                await loan.agent.on_enter()
        except Exception as exc:  # noqa: BLE001  # told to whoever waits for the task
            if not loan.until.done():
                loan.until.set_exception(exc)

    async def _end_above(self, loan: _Loan[AgentT]) -> None:
        """Take the line back from those to whom its agent has lent it in turn."""
        while self._loans[-1] is not loan:
            self._loans[-1].end(TaskCancelled("The task that waited for it is over."))
            self._returned.clear()
            await self._returned.wait()

    def _end(self, loan: _Loan[AgentT]) -> None:
        self._loans.remove(loan)
        self._returned.set()
        self._history.leave()
        if loan.item is not None:
            self._status.resume(loan.item)
        self._speech().tell_thinking()
        outcome = "done"
        if not loan.until.done():
            outcome = "abandoned"
        elif (error := loan.until.exception()) is not None:
            # The class's word: a reason of its own may be the caller's.
            outcome = type(error).reason if isinstance(error, HookflashError) else "failed"
        self._emitter.tell(TaskEnded, task=type(loan.agent).__name__, outcome=outcome)
        self._took(self.agent)

    def close(self, error: HookflashError) -> None:
        """The session ends: whoever waits for a task is told, and nobody gets the line any more.

        Idempotent.
        """
        self._closed = self._closed or error
        for loan in tuple(self._loans):
            loan.end(error)

    async def wait_returned(self) -> None:
        """Wait until nobody has the line for a while any more."""
        while self._loans:  # each ends in the task that waits for it
            self._returned.clear()
            await self._returned.wait()


@contextmanager
def _on_behalf_of(agent: OnLine) -> Generator[None]:
    """Run what is within, and the tasks begun there, on behalf of an agent."""
    token = running_agent.set(agent)
    try:
        yield
    finally:
        running_agent.reset(token)


async def _see_through(task: "asyncio.Task[None]") -> None:
    """Wait for a task to its end, though the waiting be cancelled; then pass the cancelling on."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as exc:
            cancelled = exc
    with suppress(asyncio.CancelledError):
        task.result()
    if cancelled is not None:
        raise cancelled

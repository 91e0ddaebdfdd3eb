"""A small job that an agent does with the caller, and its typed result."""

import asyncio
import re
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar, cast

from hookflash.agent import Agent
from hookflash.agent.line import running_agent
from hookflash.agent.tools import Tool
from hookflash.errors import ConfigError, TaskCancelled, UsageError
from hookflash.providers.chat import ChatContext, ChatItem, ChatMessage, ChatRole
from hookflash.providers.tool_server import ToolServer

__all__ = ["AgentTask", "TaskMisused"]

ResultT = TypeVar("ResultT")


class TaskMisused(UsageError, RuntimeError):
    """A task was used in a way that cannot be: awaited twice, completed twice, awaited elsewhere.

    A `RuntimeError` as well, which is what programs written for other frameworks expect.
    """

    reason = "task_misused"


class AgentTask(Agent, Generic[ResultT]):
    """An agent that has the line until it has a result, and then gives it back.

    Await it in a tool, in `on_enter` or `on_exit`, or in tasks that these start: `wait_for`,
    `timeout` and `gather` of asyncio work. Several awaited at once for the same agent run one
    after the other. Subclass it: say what is wanted in `on_enter`, call `complete` in a tool.

    Awaiting raises what `complete` was given, what `on_enter` raised, and the `ToolError`s
    `TaskTimedOut`, `TaskCancelled` (by `cancel`, a hand-off or the session's end) and
    `CallerHungUp`.
    """

    def __init__(
        self,
        instructions: str = "",
        tools: Iterable[Tool] = (),
        *,
        chat_ctx: ChatContext | None = None,
        inherit_context: bool = False,
        preserve_function_call_history: bool = False,
        mcp_servers: Iterable[ToolServer] = (),
        timeout: float | None = None,
    ) -> None:
        """Describe the job.

        Args:
            instructions: what the model is told.
            tools: besides the methods marked `@function_tool`.
            chat_ctx: what the model is shown to begin with; its system message is left out.
            inherit_context: whether it is shown the whole conversation until now.
            preserve_function_call_history: whether the agent that awaits is shown the task's tool
                calls afterwards. It always sees what was said.
            mcp_servers: as of `Agent`.
            timeout: seconds that it may take, from when it has the line; None: any time.

        Raises:
            ConfigError: `timeout` is not above 0.
            UsageError: two tools have the same name.
        """
        if timeout is not None and not timeout > 0:
            msg = f"timeout is {timeout}; give seconds above 0, or None for any time"
            raise ConfigError(msg)
        super().__init__(
            instructions, tools, mcp_servers=mcp_servers, inherit_context=inherit_context
        )
        self._given = () if chat_ctx is None else _without_system(chat_ctx)
        self._keeps_calls = preserve_function_call_history
        self._timeout = timeout
        self._awaited = False
        self._outcome: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()

    @property
    def id(self) -> str:
        """Its class in snake case, such as `get_email_task`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    def done(self) -> bool:
        """Whether it has a result, or will never have one."""
        return self._outcome.done()

    def complete(self, result: ResultT | Exception) -> None:
        """Give the result, or the reason why there is none. What is being said is said.

        Raises:
            TaskMisused: it is done already.
        """
        if not self.finish(result):
            msg = f"{type(self).__name__} is already done"
            raise TaskMisused(msg)

    def finish(self, result: ResultT | Exception) -> bool:
        """Give the result, unless it is done already; return whether it was not."""
        if self._outcome.done():
            return False
        if isinstance(result, Exception):
            self._outcome.set_exception(result)
            self._outcome.exception()  # told to whoever awaits; nobody else need be
        else:
            self._outcome.set_result(result)
        return True

    def cancel(self) -> None:
        """End it without a result: what it says is cut short. Idempotent."""
        self.finish(TaskCancelled(f"AgentTask {self.id} is cancelled"))

    def __await__(self) -> Generator[object, None, ResultT]:
        """Give it the line; return its result."""
        return self._run().__await__()

    async def _run(self) -> ResultT:
        if self._awaited:
            msg = f"{type(self).__name__} is not re-entrant, await only once"
            raise TaskMisused(msg)
        asker = running_agent.get()
        if not isinstance(asker, Agent):
            msg = (
                f"{type(self).__name__} should only be awaited inside tool_functions or the "
                "on_enter/on_exit methods of an Agent, or in tasks that they start"
            )
            raise TaskMisused(msg)
        self._awaited = True
        try:
            await asker.session.lend_line(
                self,
                cast("asyncio.Future[object]", self._outcome),
                within=self._timeout,
                given=self._given,
                keeps_calls=self._keeps_calls,
            )
        finally:
            self.cancel()
        return self._outcome.result()


def _without_system(context: ChatContext) -> tuple[ChatItem, ...]:
    return tuple(
        item
        for item in context.items
        if not (isinstance(item, ChatMessage) and item.role is ChatRole.SYSTEM)
    )

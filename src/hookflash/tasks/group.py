"""Several tasks in order, through which the caller may go back."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self, TypeVar

from hookflash.agent import StopResponse, Tool, function_tool
from hookflash.agent.tools import ToolContext, ToolResult
from hookflash.errors import ConfigError, HookflashError, ToolError, UsageError
from hookflash.events.session import SessionRecord, TurnCompleted, UserTranscription
from hookflash.events.task_group import TaskGroupProgress, TaskStep
from hookflash.providers.base import LLM, TextDelta
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolSchema
from hookflash.tasks.mind import mind_of
from hookflash.tasks.task import AgentTask

__all__ = ["TaskCompletedEvent", "TaskGroup", "TaskGroupResult"]

T = TypeVar("T")

_WAY_BACK: Final = "out_of_scope"
_SUM_UP: Final = """\
Sum up this part of a phone call for the agent that goes on with it: what the caller told and \
decided, what they were promised, what is still open. Keep names, numbers and dates as they were \
said. Write a few plain sentences. Add nothing that was not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCompletedEvent:
    """A task of a group has a result.

    Attributes:
        agent_task: the task.
        task_id: its id in the group.
        result: what it was completed with.
    """

    agent_task: AgentTask[Any]  # each task has its own type of result
    task_id: str
    result: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGroupResult:
    """The results of a group's tasks.

    Attributes:
        task_results: by id, in the order in which the tasks were added; with
            `return_exceptions`, exceptions are among them.
    """

    task_results: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Entry:
    """A task as it was added.

    Attributes:
        outdated_by: ids of all the tasks whose answers it depends on, also by way of others.
    """

    id: str
    description: str
    factory: Callable[[], AgentTask[Any]]
    outdated_by: frozenset[str]


@dataclass(slots=True, eq=False)
class _Visit:
    """A task that has begun and has no result yet.

    Attributes:
        outdated: whether an answer that it depends on has changed meanwhile.
    """

    entry: _Entry
    task: AgentTask[Any] = field(repr=False)
    outdated: bool = False


class _Outdated(ToolError):
    """A task is done again, for an answer that it depends on has changed."""

    reason = "outdated"


class TaskGroup(AgentTask[TaskGroupResult]):
    """Tasks that are done in the order in which they were added.

    ```python
    group = TaskGroup()
    group.add(lambda: GetNameTask(), id="name", description="Gets the caller's name")
    group.add(lambda: GetEmailTask(), id="email", description="Gets their e-mail address")
    results = (await group).task_results
    ```

    Once the caller has said something in a task, its model has the tool `out_of_scope`, by which
    it goes back to tasks done before. The one that is interrupted is suspended: when those are
    done again, it goes on where it was, with all it had. What depends on an answer that has
    changed (`depends_on`) is done again.

    Each task's model is shown what was said in the group before. A task is told nothing of the
    others' tool calls or results.
    """

    def __init__(
        self,
        *,
        summarize_chat_ctx: bool = True,
        return_exceptions: bool = False,
        chat_ctx: ChatContext | None = None,
        inherit_context: bool = False,
        on_task_completed: Callable[[TaskCompletedEvent], Awaitable[None]] | None = None,
        summarize_within: float = 5.0,
        timeout: float | None = None,
    ) -> None:
        """Begin without tasks.

        Args:
            summarize_chat_ctx: whether the session's model sums up what was said, so that the
                agent that awaits the group is shown the summary instead. A rule-driven mind sums
                up nothing. If it fails the results stay, and there is an `error` event.
            return_exceptions: whether what a task raises is its result. Otherwise it ends the
                group: no further task begins, and nothing is summed up.
            chat_ctx: what the tasks' models are shown to begin with.
            inherit_context: whether they are shown the whole conversation until now.
            on_task_completed: called for each result, also when a task was done again; what it
                raises ends the group.
            summarize_within: seconds that the summary may take. The caller waits meanwhile.
            timeout: seconds that the group may take; None: any time.

        Raises:
            ConfigError: a number is not above 0.
        """
        super().__init__(chat_ctx=chat_ctx, inherit_context=inherit_context, timeout=timeout)
        if not summarize_within > 0:
            msg = f"summarize_within is {summarize_within}; give seconds above 0"
            raise ConfigError(msg)
        self._summarize = summarize_chat_ctx
        self._summarize_within = summarize_within
        self._return_exceptions = return_exceptions
        self._on_task_completed = on_task_completed
        self._entries: dict[str, _Entry] = {}
        self._results: dict[str, object] = {}
        self._visited: set[str] = set()
        # Those that have begun, the one that has the line last.
        self._visits: list[_Visit] = []

    def add(
        self,
        factory: Callable[[], AgentTask[T]],
        *,
        id: str,  # noqa: A002  # the name that other frameworks have
        description: str,
        depends_on: Iterable[str] = (),
    ) -> Self:
        """Add a task to the end.

        Args:
            factory: makes it, each time that it is done.
            id: a name for it, for the results and the model.
            description: what it does, for the model.
            depends_on: ids of earlier tasks. When the answer of one changes, because the caller
                went back to it, this one is done again.

        Raises:
            UsageError: the id is taken or empty, or one in `depends_on` was not added before.
        """
        if not id or id in self._entries:
            msg = f"id is {id!r}; give each task of a group an id of its own"
            raise UsageError(msg)
        direct = frozenset(depends_on)
        if unknown := sorted(direct - self._entries.keys()):
            msg = f"depends_on names {unknown[0]!r}; add that task before {id!r}"
            raise UsageError(msg)
        everything = direct.union(*(self._entries[other].outdated_by for other in direct))
        self._entries[id] = _Entry(
            id=id, description=description, factory=factory, outdated_by=everything
        )
        return self

    def __await__(self) -> Generator[object, None, TaskGroupResult]:
        """Do all the tasks; return their results.

        Raises:
            UsageError: there are none.
        """
        if not self._entries:
            msg = "the group has no tasks; add() at least one before you await it"
            raise UsageError(msg)
        return super().__await__()

    async def on_enter(self) -> None:
        """Do what has no result, until all has; what a task raises is raised."""
        while (entry := self._next()) is not None:
            await self._carry_out(entry)
        await self._sum_up()
        self.finish(
            TaskGroupResult(task_results={name: self._results[name] for name in self._entries})
        )

    async def on_user_turn_completed(self, text: str) -> None:
        """Leave what is said between two tasks to the next."""
        raise StopResponse

    def _next(self) -> _Entry | None:
        waiting = (entry for name, entry in self._entries.items() if name not in self._results)
        return next(waiting, None)

    async def _carry_out(self, entry: _Entry) -> None:
        """Do one task, and keep its result; unless it is outdated before it has one."""
        task = entry.factory()
        # It is shown what was said in the group: "the same as before" is an answer too.
        task.inherit_context = True
        visit = _Visit(entry, task)
        self._visits.append(visit)
        self._tell(entry, TaskStep.STARTED)
        result: object
        try:
            with self._way_back(visit):
                result = await task
        except _Outdated:
            self._tell(entry, TaskStep.OUTDATED)
            return
        except Exception as exc:
            self._tell(entry, TaskStep.FAILED)
            if self.done() or not self._return_exceptions:
                raise
            result = exc
        finally:
            self._visits.remove(visit)
            self._visited.add(entry.id)
        self._keep(entry, result)
        if not isinstance(result, Exception):
            self._tell(entry, TaskStep.COMPLETED)
            if self._on_task_completed is not None:
                await self._on_task_completed(
                    TaskCompletedEvent(agent_task=task, task_id=entry.id, result=result)
                )

    def _keep(self, entry: _Entry, result: object) -> None:
        changed = entry.id in self._results and self._results[entry.id] != result
        self._results[entry.id] = result
        if not changed:
            return
        for other in self._entries.values():
            if entry.id in other.outdated_by and other.id in self._results:
                del self._results[other.id]
                self._tell(other, TaskStep.OUTDATED)
        for visit in self._visits:
            visit.outdated = visit.outdated or entry.id in visit.entry.outdated_by

    def _tell(self, entry: _Entry, step: TaskStep) -> None:
        self.session.tell(
            TaskGroupProgress,
            task=entry.id,
            step=step,
            done=len(self._results),
            total=len(self._entries),
        )

    # Going back.

    @contextmanager
    def _way_back(self, visit: _Visit) -> Generator[None]:
        """Give a task the tool to go back, once the caller has said something in it.

        In `on_enter` a model has no reason to leave the task that it begins.
        """
        begun = {each.entry.id for each in self._visits}
        earlier = {
            name: entry.description
            for name, entry in self._entries.items()
            if name in self._visited and name not in begun
        }
        task, session = visit.task, self.session

        def heard(_: SessionRecord) -> None:
            if session.agent is task:
                session.off(heard)
                task.update_tools((*task.tools.values(), way_back))

        async def go_back(task_ids: list[str]) -> str:
            return await self._go_back(visit, task_ids, earlier)

        name = _WAY_BACK
        while name in task.tools:
            name = f"group_{name}"
        way_back = _WayBack(name, earlier, go_back)
        if earlier:
            session.on(UserTranscription, heard)
            session.on(TurnCompleted, heard)
        try:
            yield
        finally:
            session.off(heard)

    async def _go_back(
        self, visit: _Visit, task_ids: Sequence[str], earlier: Mapping[str, str]
    ) -> str:
        if not task_ids:
            msg = "unable to regress, no task id was given"
            raise ToolError(msg)
        for name in task_ids:
            if name not in earlier:
                msg = f"unable to regress, invalid task id {name}"
                raise ToolError(msg)
        self._tell(visit.entry, TaskStep.SUSPENDED)
        try:
            for name in dict.fromkeys(task_ids):
                await self._carry_out(self._entries[name])
        except Exception as exc:
            visit.task.finish(exc)
            raise StopResponse from exc
        if visit.outdated:
            visit.task.finish(_Outdated("An answer that it depends on has changed."))
            raise StopResponse
        self._tell(visit.entry, TaskStep.RESUMED)
        return f"That is done. Go on where you were: {visit.entry.description}"

    # The summary.

    async def _sum_up(self) -> None:
        llm = self.session.pipeline.llm
        if not self._summarize or llm is None or mind_of(self.session) == "rules":
            return
        said = [
            f"{'Caller' if message.role is ChatRole.USER else 'Agent'}: {message.text}"
            for message in self.session.context_for_model().messages
            if message.role is not ChatRole.SYSTEM
        ]
        if not said:
            return
        try:
            async with asyncio.timeout(self._summarize_within):
                summary = await _answer(llm, _SUM_UP, "\n".join(said))
        except (HookflashError, TimeoutError) as exc:
            reason = exc.reason if isinstance(exc, HookflashError) else "timeout"
            self.session.tell_error("llm", reason, "the tasks were not summed up")
            return
        if summary:
            self.session.sum_up(f"<chat_history_summary>\n{summary}\n</chat_history_summary>")


class _WayBack(Tool):
    """The tool by which a model goes back to earlier tasks."""

    def __init__(
        self, name: str, earlier: Mapping[str, str], go_back: Callable[[list[str]], Awaitable[str]]
    ) -> None:
        async def out_of_scope(task_ids: list[str]) -> str:
            return await go_back(task_ids)

        self.name = name
        self._tool = function_tool(
            name=name,
            description=(
                "Go back to earlier tasks when the user wants to change or add to what they said "
                "in them. Give their ids, in the order in which they are to be done again; the "
                "present task goes on afterwards. The tasks by id: " + json.dumps(earlier)
            ),
        )(out_of_scope)
        self._ids = list(earlier)

    @property
    def schema(self) -> ToolSchema:
        """The ids are those of tasks that were done."""
        schema = self._tool.schema
        ids = {
            "type": "array",
            "items": {"type": "string", "enum": self._ids},
            "minItems": 1,
            "description": "Ids of the tasks to go back to.",
        }
        return ToolSchema(
            name=schema.name,
            description=schema.description,
            parameters={**schema.parameters, "properties": {"task_ids": ids}},
        )

    async def call(self, arguments: str, context: ToolContext) -> ToolResult:
        """Go back, and return when the present task goes on."""
        return await self._tool.call(arguments, context)


async def _answer(llm: LLM, instructions: str, text: str) -> str:
    """Ask a model something beside the conversation."""
    context = ChatContext([ChatMessage(role=ChatRole.USER, text=text)])
    context.set_instructions(instructions)
    answer = ""
    async with aclosing(llm.chat(context)) as chunks:
        async for chunk in chunks:
            if isinstance(chunk, TextDelta):
                answer += chunk.text
    return answer.strip()

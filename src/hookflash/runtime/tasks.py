"""Owned tasks. Whoever starts a task ends it; no task outlives its owner."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hookflash.errors import UsageError

__all__ = ["TaskOwner"]

_log = logging.getLogger("hookflash.runtime")

# Seconds that cancelled tasks have to clean up. More than any of ours needs; less than whoever
# closes a session would wait.
_PATIENCE = 10.0

T = TypeVar("T")


class TaskOwner:
    """Owns background tasks for as long as something lives.

    A task that raises is reported at once: to `on_error` if given, else to the loop's exception
    handler (which fails a test). It never ends its siblings.
    """

    def __init__(
        self, name: str, *, on_error: Callable[[str, BaseException], None] | None = None
    ) -> None:
        """Name the owner; `on_error(task name, exception)` hears of tasks that raised."""
        self._name = name
        self._on_error = on_error
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> "asyncio.Task[T]":
        """Run `work` in a task of this owner.

        Raises:
            UsageError: the owner is closed.
        """
        if self._closed:
            work.close()
            msg = f"{self._name} is closed; cannot start {name}"
            raise UsageError(msg)
        task = asyncio.get_running_loop().create_task(work, name=f"{self._name}/{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    @property
    def closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._closed

    def __len__(self) -> int:
        return len(self._tasks)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if self._on_error is not None:
            self._on_error(task.get_name(), error)
        else:
            task.get_loop().call_exception_handler(
                {"message": f"task {task.get_name()} raised", "exception": error, "task": task}
            )

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it, but not for ever. Idempotent.

        A task that does not let itself be cancelled is logged and left behind. The owner's own
        tasks, if one of them calls this, are not waited for.
        """
        self._closed = True
        current = asyncio.current_task()
        rest = {task for task in self._tasks if task is not current}
        for task in rest:
            task.cancel()
        if not rest:
            return
        _, stubborn = await asyncio.wait(rest, timeout=_PATIENCE)
        for task in stubborn:
            _log.error("%s does not let itself be cancelled; it is left behind", task.get_name())

"""The pytest plugin: what a test left behind fails it; `virtual_time` runs it fast."""

import asyncio
import asyncio.runners
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar, cast

import pytest

from hookflash.runtime import clock

__all__ = ["no_loose_ends", "virtual_time"]

T = TypeVar("T")


@pytest.fixture
def no_loose_ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a task running, or an exception that nobody caught.

    Covers every loop that the test runs through `asyncio.run`, `asyncio.Runner` or
    `hookflash.runtime.clock.run`.
    Use it everywhere from your `conftest.py`: an `autouse` fixture that names it.
    """
    found: list[str] = []
    # Private, and the one place that sees all tasks of a loop that ends.
    sweep = cast(
        "Callable[[asyncio.AbstractEventLoop], None]",
        getattr(asyncio.runners, "_cancel_all_tasks"),  # noqa: B009
    )
    report = asyncio.BaseEventLoop.call_exception_handler

    def note_tasks(loop: asyncio.AbstractEventLoop) -> None:
        found.extend(f"leaked {task.get_name()}" for task in asyncio.all_tasks(loop))
        sweep(loop)

    def note_exception(loop: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        found.append(f"{context['message']}: {error!r}")
        report(loop, context)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", note_tasks)
    monkeypatch.setattr(asyncio.BaseEventLoop, "call_exception_handler", note_exception)
    yield
    if found:
        pytest.fail("loose ends: " + "; ".join(found), pytrace=False)


@pytest.fixture
def virtual_time() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Return a function that runs a coroutine on virtual time: waiting costs nothing."""

    def run(main: Coroutine[Any, Any, T]) -> T:
        return clock.run(main, virtual=True)

    return run

"""Waiting for whichever comes first, without leaving anything behind."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

__all__ = ["cut_short", "first_of", "stop"]

T = TypeVar("T")


async def first_of(*futures: "asyncio.Future[Any]", timeout: float | None = None) -> None:
    """Wait until one of the futures is done, or the time is up. None of them is cancelled."""
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


async def stop(task: "asyncio.Future[Any]") -> None:
    """Cancel a task unless it has ended, and wait for it; its result is the caller's affair."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task})


async def cut_short(
    work: Awaitable[T], *signals: "asyncio.Future[Any]", timeout: float | None = None
) -> T | None:
    """Return what `work` returns; None if a signal or the time cuts it short.

    What `work` raises is raised, if it ends by itself.
    """
    task = asyncio.ensure_future(work)
    try:
        await first_of(task, *signals, timeout=timeout)
        return task.result() if task.done() else None
    finally:
        await stop(task)

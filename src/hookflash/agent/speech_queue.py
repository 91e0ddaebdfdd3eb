"""Speech is a queue. Its rules, all in this place:

- What is to be said waits its turn: one item at a time, first come first served.
- An item says itself by running; children of a running item (what a tool says) do not queue.
- An interruption stops the running item and drops the waiting ones, except those that are not
  interruptible; `force` spares none.
- Closing stops everything.
"""  # noqa: D415

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from hookflash.agent.utterance import UtteranceHandle

__all__ = ["SpeechItem", "SpeechQueue"]

T = TypeVar("T")


class SpeechItem:
    """Something waiting to be said, or being said."""

    def __init__(
        self, handle: UtteranceHandle, work: "Callable[[SpeechItem], Awaitable[None]]"
    ) -> None:
        """`work(item)` says it; it must honour `stopped` and run long waits in `unless_stopped`."""
        self.handle = handle
        self.stopped: str | None = None
        """Why it was stopped; None while it may go on."""
        self._work = work
        self._stoppable: set[asyncio.Task[Any]] = set()
        self._on_stop: list[Callable[[], None]] = []
        self.adopted: set[asyncio.Task[None]] = set()
        """Tasks that speak for it; it is not over before they are."""
        handle.bind(self.stop)

    async def run(self) -> None:
        """Say it."""
        try:
            if self.stopped is None:
                await self._work(self)
        finally:
            self.handle.finish()

    def adopt(self, task: "asyncio.Task[None]") -> None:
        """Count a task as part of the item."""
        self.adopted.add(task)
        task.add_done_callback(self.adopted.discard)

    def when_stopped(self, hush: Callable[[], None]) -> None:
        """Call `hush` when the item is stopped; at once if it is already."""
        if self.stopped is None:
            self._on_stop.append(hush)
        else:
            hush()

    async def unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Await `work`; stopping the item cancels it, and None is returned."""
        if self.stopped is not None:
            work.close()
            return None
        task = asyncio.ensure_future(work)
        self._stoppable.add(task)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        finally:
            self._stoppable.discard(task)
        if task.cancelled():
            return None
        return task.result()

    def stop(self, reason: str) -> None:
        """Cut it short. Idempotent."""
        if self.stopped is not None or self.handle.done():
            return
        self.stopped = reason
        self.handle.cut()
        for hush in self._on_stop:
            hush()
        for task in tuple(self._stoppable):
            task.cancel()


class SpeechQueue:
    """The queue of one session. `run` is its worker."""

    def __init__(self) -> None:
        """Begin empty."""
        self._waiting: deque[SpeechItem] = deque()
        self._current: SpeechItem | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    @property
    def current(self) -> SpeechItem | None:
        """What is being said."""
        return self._current

    def add(self, item: SpeechItem) -> None:
        """Queue an item."""
        if self._closed:
            item.stop("closed")
            item.handle.finish()
            return
        self._waiting.append(item)
        self._idle.clear()
        self._wake.set()

    def interrupt(self, reason: str, *, force: bool = False) -> bool:
        """Stop and drop what may be; return whether there was anything of it."""
        hit = False
        current = self._current
        if current is not None and (force or current.handle.interruptible):
            hit = current.stopped is None
            current.stop(reason)
        kept: deque[SpeechItem] = deque()
        for item in self._waiting:
            if force or item.handle.interruptible:
                hit = True
                item.stop(reason)
                item.handle.finish()
            else:
                kept.append(item)
        self._waiting = kept
        return hit

    async def wait_idle(self) -> None:
        """Wait until nothing is said and nothing waits."""
        await self._idle.wait()

    async def run(self) -> None:
        """Say one item after the other, until cancelled."""
        try:
            while True:
                if not self._waiting:
                    self._idle.set()
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                self._current = self._waiting.popleft()
                try:
                    await self._current.run()
                finally:
                    self._current = None
        finally:
            self._closed = True
            self.interrupt("closed", force=True)
            self._idle.set()

"""Speech is a queue. Its rules, all in this place:

- What is to be said waits its turn: one item at a time, higher priority first, and among equals
  first come first served.
- `SpeechMode.INTERRUPT` cuts short what is being said and goes before all that waits;
  `SpeechMode.REPLACE` also drops what waits. What is not interruptible is spared by both.
- An item says itself by running; children of a running item (what a tool says) do not queue.
- An interruption stops the running item and drops the waiting ones, except those that are not
  interruptible; `force` spares none.
- While the queue is held, nothing of it begins, except what was added for the time of the hold.
- Closing stops everything.
"""  # noqa: D415

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from typing import Any, TypeVar

from hookflash.agent.utterance import UtteranceHandle
from hookflash.errors import HookflashError

__all__ = ["SpeechItem", "SpeechMode", "SpeechQueue"]

_log = logging.getLogger("hookflash.agent")

T = TypeVar("T")


class SpeechMode(StrEnum):
    """What becomes of what is said and waits when something new is to be said."""

    QUEUE = "queue"
    """Nothing: it comes first."""
    INTERRUPT = "interrupt"
    """What is being said is cut short; what waits comes after the new."""
    REPLACE = "replace"
    """What is being said is cut short and what waits is dropped."""


class SpeechItem:
    """Something waiting to be said, or being said."""

    def __init__(
        self,
        handle: UtteranceHandle,
        work: "Callable[[SpeechItem], Awaitable[None]]",
        *,
        priority: int = 0,
        during_hold: bool = False,
    ) -> None:
        """`work(item)` says it; it must honour `stopped` and run long waits in `unless_stopped`.

        Args:
            handle: what the program holds.
            work: says it. A `HookflashError` that it raises becomes the handle's error.
            priority: a higher one is said earlier.
            during_hold: may be said while the queue is held.
        """
        self.handle = handle
        self.priority = priority
        self.during_hold = during_hold
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
                self.handle.begin()
                await self._work(self)
        except HookflashError as exc:
            # A leg that closed meanwhile, most often: whoever holds the handle is told.
            _log.info("%s was not said: %s", self.handle.id, exc.reason)
            self.handle.fail(exc)
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
        self._waiting: list[SpeechItem] = []
        self._current: SpeechItem | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._holds: set[str] = set()
        self._closed = False

    @property
    def current(self) -> SpeechItem | None:
        """What is being said."""
        return self._current

    @property
    def waiting(self) -> tuple[SpeechItem, ...]:
        """What waits, in the order in which it will be said."""
        return tuple(self._waiting)

    def add(self, item: SpeechItem, mode: SpeechMode = SpeechMode.QUEUE) -> None:
        """Queue an item."""
        if self._closed:
            item.stop("closed")
            item.handle.finish()
            return
        if mode is SpeechMode.REPLACE:
            self.interrupt("replaced")
        elif mode is SpeechMode.INTERRUPT:
            self._stop_current("replaced")
        ahead = (
            index
            for index, other in enumerate(self._waiting)
            if other.priority < item.priority
            or (mode is SpeechMode.INTERRUPT and other.priority == item.priority)
        )
        self._waiting.insert(next(ahead, len(self._waiting)), item)
        self._idle.clear()
        self._wake.set()

    def hold(self, reason: str) -> None:
        """Let nothing more begin, until every reason to hold was released. Idempotent."""
        self._holds.add(reason)

    def release(self, reason: str) -> None:
        """That reason to hold is over. Idempotent."""
        self._holds.discard(reason)
        self._wake.set()

    @property
    def held(self) -> bool:
        """Whether there is a reason to hold."""
        return bool(self._holds)

    def interrupt(self, reason: str, *, force: bool = False) -> bool:
        """Stop and drop what may be; return whether there was anything of it."""
        hit = self._stop_current(reason, force=force)
        kept: list[SpeechItem] = []
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
                item = self._next()
                if item is None:
                    if not self._waiting:
                        self._idle.set()
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                self._current = item
                try:
                    await item.run()
                finally:
                    self._current = None
        finally:
            self._closed = True
            self.interrupt("closed", force=True)
            self._idle.set()

    def _next(self) -> SpeechItem | None:
        for index, item in enumerate(self._waiting):
            if item.during_hold or not self._holds:
                return self._waiting.pop(index)
        return None

    def _stop_current(self, reason: str, *, force: bool = False) -> bool:
        current = self._current
        if current is None or not (force or current.handle.interruptible):
            return False
        hit = current.stopped is None
        current.stop(reason)
        return hit

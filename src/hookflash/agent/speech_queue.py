"""Speech is a queue. Its rules, all in this place:

- What is to be said waits its turn: one item at a time, higher priority first, and among equals
  first come first served.
- `SpeechMode.INTERRUPT` cuts short what is being said and goes before all that waits;
  `SpeechMode.REPLACE` also drops what waits. What is not interruptible is spared by both.
- An item says itself by running; children of a running item (what a tool says) do not queue.
- An interruption stops the running item and drops the waiting ones, except those that are not
  interruptible; `force` spares none.
- While the queue is held, nothing of it begins, except what was added for the time of the hold.
- An item may be suspended while another agent has the line for a while (its tool waits for a task):
  then a level of its own is said and interrupted, and what is below waits until that ends.
- Closing stops everything.
"""  # noqa: D415

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from typing import Any, TypeVar

from hookflash.agent.utterance import UtteranceHandle
from hookflash.errors import HookflashError
from hookflash.events.status import Doing

__all__ = ["Level", "SpeechItem", "SpeechMode", "SpeechQueue"]

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
        asks: bool = False,
    ) -> None:
        """`work(item)` says it; it must honour `stopped` and run long waits in `unless_stopped`.

        Args:
            handle: what the program holds.
            work: says it. A `HookflashError` that it raises becomes the handle's error.
            priority: a higher one is said earlier.
            during_hold: may be said while the queue is held.
            asks: whether it is a reply, of which the model (or the agent) must think.
        """
        self.handle = handle
        self.asks = asks
        self.priority = priority
        self.during_hold = during_hold
        self.stopped: str | None = None
        """Why it was stopped; None while it may go on."""
        self.ending = False
        """Whether it shall come to its end: nothing new is thought of for it."""
        self.doing: Counter[Doing] = Counter()
        """What goes on for it; `Status` counts that."""
        self.suspended = False
        """Whether another agent has the line meanwhile."""
        self.resumed_at = 0.0
        """When the line was last given back, in the loop's seconds."""
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
        except asyncio.CancelledError:
            # Nobody says it any more: what it began must not keep the line.
            self.stop("cancelled")
            raise
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


class Level:
    """What is said, and what waits, while one agent has the line."""

    def __init__(self) -> None:
        """Begin empty."""
        self.waiting: list[SpeechItem] = []
        self.current: SpeechItem | None = None
        self.changed = asyncio.Event()
        self.moved = asyncio.Event()
        self.closed = False
        self.idle = asyncio.Event()
        self.idle.set()

    def free_of(self, item: SpeechItem | None) -> bool:
        """Whether nothing is said; or nothing but an item that will be suspended."""
        if item is not None:
            return self.current is item
        return self.current is None and not self.waiting


class SpeechQueue:
    """The queue of one session. `run` is its worker."""

    def __init__(self) -> None:
        """Begin empty."""
        self._levels = [Level()]
        self._holds: set[str] = set()
        self._closed = False

    @property
    def current(self) -> SpeechItem | None:
        """What is being said."""
        return self._top.current

    @property
    def waiting(self) -> tuple[SpeechItem, ...]:
        """What waits, in the order in which it will be said."""
        return tuple(self._top.waiting)

    def add(self, item: SpeechItem, mode: SpeechMode = SpeechMode.QUEUE) -> None:
        """Queue an item."""
        if self._closed:
            item.stop("closed")
            item.handle.finish()
            return
        level = self._open
        if mode is SpeechMode.REPLACE:
            self.interrupt("replaced")
        elif mode is SpeechMode.INTERRUPT:
            _stop_current(level, "replaced")
        ahead = (
            index
            for index, other in enumerate(level.waiting)
            if other.priority < item.priority
            or (mode is SpeechMode.INTERRUPT and other.priority == item.priority)
        )
        level.waiting.insert(next(ahead, len(level.waiting)), item)
        level.idle.clear()
        level.changed.set()

    def hold(self, reason: str) -> None:
        """Let nothing more begin, until every reason to hold was released. Idempotent."""
        self._holds.add(reason)

    def release(self, reason: str) -> None:
        """That reason to hold is over. Idempotent."""
        self._holds.discard(reason)
        self._top.changed.set()

    @property
    def held(self) -> bool:
        """Whether there is a reason to hold."""
        return bool(self._holds)

    def interrupt(self, reason: str, *, force: bool = False) -> bool:
        """Stop and drop what may be; return whether there was anything of it.

        What is suspended is spared.
        """
        return _interrupt(self._top, reason, force=force)

    async def wait_idle(self) -> None:
        """Wait until nothing is said and nothing waits."""
        await self._top.idle.wait()

    async def run(self) -> None:
        """Say one item after the other, until cancelled."""
        try:
            await self._run(self._levels[0])
        finally:
            self._closed = True
            for level in reversed(self._levels):
                _interrupt(level, "closed", force=True)
                level.idle.set()

    async def wait_free(self, item: SpeechItem | None) -> None:
        """Wait until nothing is said and nothing waits; or, with an item, until that is running."""
        level = self._top
        while not level.free_of(item):
            level.moved.clear()
            await level.moved.wait()

    def open_level(self) -> "Level":
        """Let what is said from now on be a level of its own; `run_level` is its worker."""
        level = Level()
        self._levels.append(level)
        return level

    async def run_level(self, level: "Level") -> None:
        """Say what is added to a level, until cancelled; then the level is gone."""
        try:
            await self._run(level)
        finally:
            _interrupt(level, "closed", force=True)
            level.idle.set()
            self._levels.remove(level)

    def stop_levels(self, reason: str) -> None:
        """Stop and drop all that is said above the lowest level."""
        for level in self._levels[1:]:
            _interrupt(level, reason, force=True)

    def finish_level(self, level: "Level") -> None:
        """A level shall come to its end: its reply asks no more, and those that wait are given on.

        Nothing happens if it is gone already.
        """
        if level not in self._levels:
            return
        if level.current is not None:
            level.current.ending = True
        below = self._levels[self._levels.index(level) - 1]
        below.waiting += [item for item in level.waiting if item.asks]
        level.waiting = [item for item in level.waiting if not item.asks]

    async def end_level(self, level: "Level") -> None:
        """Wait until all of a level is said; what is added from now on is below it."""
        self.finish_level(level)
        level.closed = True
        level.changed.set()
        await level.idle.wait()

    @property
    def _top(self) -> Level:
        return self._levels[-1]

    @property
    def _open(self) -> Level:
        return next(level for level in reversed(self._levels) if not level.closed)

    async def _run(self, level: Level) -> None:
        while True:
            item = self._next(level)
            if item is None:
                if not level.waiting:
                    level.idle.set()
                    level.moved.set()
                level.changed.clear()
                await level.changed.wait()
                continue
            level.current = item
            try:
                await item.run()
            finally:
                level.current = None
                level.moved.set()

    def _next(self, level: Level) -> SpeechItem | None:
        for index, item in enumerate(level.waiting):
            if item.during_hold or not self._holds:
                return level.waiting.pop(index)
        return None


def _interrupt(level: Level, reason: str, *, force: bool) -> bool:
    hit = _stop_current(level, reason, force=force)
    kept: list[SpeechItem] = []
    for item in level.waiting:
        if force or item.handle.interruptible:
            hit = True
            item.stop(reason)
            item.handle.finish()
        else:
            kept.append(item)
    level.waiting = kept
    return hit


def _stop_current(level: Level, reason: str, *, force: bool = False) -> bool:
    current = level.current
    if current is None or not (force or current.handle.interruptible):
        return False
    hit = current.stopped is None
    current.stop(reason)
    return hit

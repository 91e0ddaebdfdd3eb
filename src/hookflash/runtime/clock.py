"""Time. The running event loop's clock is the only clock, real or virtual.

On a `VirtualLoop` time does not pass by itself: whenever every task waits, the clock jumps to the
next deadline. Sockets on loopback, worker threads and helper processes work as usual; while work
is outstanding in a thread, or `outside` says that a foreign process owes us an answer, time
stands still and the loop waits for real. So a ten-minute call takes as long as its computing.
"""

import asyncio
import os
import selectors
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

__all__ = ["VirtualLoop", "in_step", "is_virtual", "now", "outside", "run", "sleep_until", "wall"]

T = TypeVar("T")

# A fixed birthday for virtual time: recordings, logs and certificates of a replayed call then
# carry the same dates each time.
_VIRTUAL_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def now() -> float:
    """Return the seconds of the running loop's monotonic clock."""
    return asyncio.get_running_loop().time()


def wall() -> datetime:
    """Return the date and time of day, UTC. Virtual time has its own fixed calendar."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualLoop):
        return _VIRTUAL_EPOCH + timedelta(seconds=loop.time())
    return datetime.now(UTC)


def is_virtual() -> bool:
    """Return whether the running loop's time is virtual."""
    return isinstance(asyncio.get_running_loop(), VirtualLoop)


async def sleep_until(moment: float) -> None:
    """Sleep until the clock shows `moment`; return at once if it is past."""
    await asyncio.sleep(max(0.0, moment - now()))


@contextmanager
def outside() -> Generator[None]:
    """Hold virtual time still while a foreign process works for us. No effect in real time."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        yield
        return
    loop.outstanding += 1
    try:
        yield
    finally:
        loop.outstanding -= 1


@contextmanager
def in_step() -> Generator[None]:
    """Let virtual time keep step with real time meanwhile. No effect in real time.

    For a foreign process that may never answer: other than with `outside`, timeouts come to pass.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        yield
        return
    loop.in_step += 1
    try:
        yield
    finally:
        loop.in_step -= 1


# Python's `time.sleep(0)` is a system call that sleeps, a hundred times as slow.
_yield_processor: Callable[[], None] = getattr(os, "sched_yield", lambda: time.sleep(0))


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the operating system what is ready; if nothing is, moves the clock."""

    # A datagram or segment on loopback is queued at its receiver before `send` returns, but the
    # kernel may defer that under load; looking again after a yield costs microseconds.
    _LOOKS = 2
    _POLL = 0.05

    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualLoop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self.loop
        if loop is None or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        for _ in range(self._LOOKS):
            ready = super().select(0)
            if ready:
                return ready
            _yield_processor()
        if loop.outstanding:
            # Short waits, so that a wake-up from a thread that comes between looks is not missed.
            return super().select(self._POLL)
        if timeout is None:
            # Nothing scheduled: only a signal or a foreign socket can wake us.
            return super().select(self._POLL)
        if loop.in_step:
            began = time.monotonic()
            ready = super().select(timeout)
            loop.jump(min(timeout, time.monotonic() - began) if ready else timeout)
            return ready
        loop.jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next deadline when everything waits."""

    def __init__(self) -> None:
        """Start at zero seconds."""
        selector = _JumpingSelector()
        self._virtual_now = 0.0
        self.outstanding = 0
        """How many pieces of work outside this thread owe us an answer."""
        self.in_step = 0
        """How many want time to pass as it really does."""
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        """Return virtual seconds."""
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Move the clock forward."""
        self._virtual_now += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run in a thread as usual, and hold time still until it has finished."""
        self.outstanding += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _future: asyncio.Future[Any]) -> None:
        self.outstanding -= 1


def _real_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # absent on Windows and PyPy
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(main: Coroutine[Any, Any, T], *, virtual: bool = False, longest: float = 7200.0) -> T:
    """Run a program to its end, on real time (uvloop where there is one) or on virtual time.

    Args:
        main: the program.
        virtual: on virtual time.
        longest: virtual seconds after which a program that has not ended is taken to wait for
            ever. On real time it would stand still; on virtual time music on hold, say, keeps
            the clock running as fast as the processor can.

    Raises:
        TimeoutError: it took longer, on virtual time.
    """
    if not virtual:
        with asyncio.Runner(loop_factory=_real_loop) as runner:
            return runner.run(main)

    async def bounded() -> T:
        async with asyncio.timeout(longest):
            return await main

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(bounded())

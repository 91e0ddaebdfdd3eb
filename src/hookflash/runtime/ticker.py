"""One pacing ticker for all calls of a process.

The wheel has a slot per 5 ms of the 20 ms frame, so that the legs of a busy process do not all
send in the same instant. One timer sleeps to the next occupied slot's *absolute* deadline: a late
wake-up makes one frame late, never the ones after it. After a stall longer than `_GIVE_UP` the
missed slots are skipped and every entry is called once, with the present deadline; entries pace by
the deadline that they are given, so they can catch up as they see fit.
"""

import asyncio
import logging
from collections.abc import Callable
from weakref import WeakKeyDictionary

__all__ = ["TICK", "Ticker", "TickerEntry"]

TICK = 0.02
"""Seconds between two calls of an entry: one telephone frame."""

_SLOTS = 4
_SLOT = TICK / _SLOTS
_GIVE_UP = 0.5

_log = logging.getLogger("hookflash.ticker")


class TickerEntry:
    """A place on the wheel; `cancel` leaves it."""

    __slots__ = ("_callback", "_cancelled", "_slot", "_ticker")

    def __init__(self, ticker: "Ticker", slot: int, callback: Callable[[float], None]) -> None:
        """Made by `Ticker.add`."""
        self._ticker = ticker
        self._slot = slot
        self._callback = callback
        self._cancelled = False

    def cancel(self) -> None:
        """Stop being called. Idempotent; also from within the callback."""
        if not self._cancelled:
            self._cancelled = True
            self._ticker.forget(self, self._slot)

    def fire(self, deadline: float) -> None:
        """Call the callback unless cancelled; a raising callback is logged and stays."""
        if self._cancelled:
            return
        try:
            self._callback(deadline)
        except Exception:  # noqa: BLE001  # the supervisor of all calls: one must not stop the others
            _log.exception("a ticker entry raised")


class Ticker:
    """The wheel of one event loop. `Ticker.current()` finds or makes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Made by `current`."""
        self._loop = loop
        self._slots: list[list[TickerEntry]] = [[] for _ in range(_SLOTS)]
        self._timer: asyncio.TimerHandle | None = None
        self._step = 0
        self._origin = 0.0
        self.lateness = 0.0
        """Seconds by which the newest wake-up was late."""

    @classmethod
    def current(cls) -> "Ticker":
        """Return the running loop's ticker."""
        loop = asyncio.get_running_loop()
        ticker = _of_loop.get(loop)
        if ticker is None:
            ticker = _of_loop[loop] = cls(loop)
        return ticker

    def add(self, callback: Callable[[float], None]) -> TickerEntry:
        """Call `callback(deadline)` every 20 ms from the next slot on, until cancelled.

        `deadline` is the moment the call was due, in the loop's seconds. The callback must not
        block.
        """
        slot = min(range(_SLOTS), key=lambda index: len(self._slots[index]))
        entry = TickerEntry(self, slot, callback)
        self._slots[slot].append(entry)
        if self._timer is None:
            self._origin = self._loop.time()
            self._step = 0
            self._arm()
        return entry

    def forget(self, entry: TickerEntry, slot: int) -> None:
        """Take an entry off the wheel."""
        self._slots[slot] = [other for other in self._slots[slot] if other is not entry]
        if self._timer is not None and not any(self._slots):
            self._timer.cancel()
            self._timer = None

    def __len__(self) -> int:
        return sum(map(len, self._slots))

    def _deadline(self) -> float:
        return self._origin + self._step * _SLOT

    def _arm(self) -> None:
        self._step += 1
        while not self._slots[self._step % _SLOTS] and any(self._slots):
            self._step += 1
        self._timer = self._loop.call_at(self._deadline(), self._turn)

    def _turn(self) -> None:
        now = self._loop.time()
        self.lateness = max(0.0, now - self._deadline())
        if self.lateness > _GIVE_UP:
            # Come back on a whole round, so that each entry keeps its phase.
            rounds = int(self.lateness / TICK)
            self._step += rounds * _SLOTS
        deadline = self._deadline()
        for entry in self._slots[self._step % _SLOTS]:
            entry.fire(deadline)
        if any(self._slots):
            self._arm()
        else:
            self._timer = None


_of_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Ticker]" = WeakKeyDictionary()

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from hookflash.runtime import clock
from hookflash.runtime.ticker import TICK, Ticker, TickerEntry


def test_an_entry_is_called_every_20_ms_on_absolute_deadlines() -> None:
    calls: list[tuple[float, float]] = []

    async def main() -> None:
        entry = Ticker.current().add(lambda due: calls.append((due, clock.now())))
        await asyncio.sleep(1.0)
        entry.cancel()
        entry.cancel()
        await asyncio.sleep(1.0)

    clock.run(main(), virtual=True)
    assert len(calls) == 50
    first = calls[0][0]
    for index, (due, at) in enumerate(calls):
        assert due == pytest.approx(first + index * TICK)
        assert at == due


def test_entries_are_spread_over_the_wheel() -> None:
    phases: dict[int, float] = {}

    async def main() -> None:
        ticker = Ticker.current()

        def note(index: int) -> Callable[[float], None]:
            return lambda due: phases.update({index: phases.get(index, due)})

        entries = [ticker.add(note(index)) for index in range(8)]
        assert len(ticker) == 8
        await asyncio.sleep(0.05)
        for entry in entries:
            entry.cancel()
        assert len(ticker) == 0

    clock.run(main(), virtual=True)
    slots = sorted(round((phase % TICK) / 0.005) % 4 for phase in phases.values())
    assert slots == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_raising_entry_hurts_no_other(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[float] = []

    def bad(_due: float) -> None:
        raise ValueError

    async def main() -> None:
        ticker = Ticker.current()
        entries = [ticker.add(bad), ticker.add(calls.append)]
        await asyncio.sleep(0.1)
        for entry in entries:
            entry.cancel()

    clock.run(main(), virtual=True)
    assert len(calls) >= 4
    assert "a ticker entry raised" in caplog.text


def test_after_a_stall_missed_rounds_are_skipped_and_the_phase_is_kept() -> None:
    calls: list[float] = []

    async def main() -> None:
        entry = Ticker.current().add(calls.append)
        await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        loop.jump(10.0)
        await asyncio.sleep(0.1)
        entry.cancel()

    clock.run(main(), virtual=True)
    assert 9 <= len(calls) <= 12
    gaps = [round(b - a, 6) for a, b in pairwise(calls)]
    assert all(round(gap / TICK, 3) == round(gap / TICK) for gap in gaps)


def test_an_entry_may_cancel_itself_and_add_others() -> None:
    calls: list[str] = []

    async def main() -> None:
        ticker = Ticker.current()

        def once(_due: float) -> None:
            calls.append("once")
            first.cancel()
            others.append(ticker.add(lambda _: calls.append("other")))

        others: list[TickerEntry] = []
        first = ticker.add(once)
        await asyncio.sleep(0.1)
        others[0].cancel()

    clock.run(main(), virtual=True)
    assert calls[0] == "once"
    assert calls.count("once") == 1
    assert calls.count("other") >= 4

"""Virtual time that keeps step with real time while a foreign process may answer."""

import asyncio
import threading
import time

import pytest

from hookflash.runtime import clock


@pytest.mark.real_time
def test_time_passes_as_it_really_does_and_timeouts_come_to_pass() -> None:
    async def main() -> None:
        began = time.monotonic()
        with clock.in_step():
            await asyncio.sleep(0.1)
            assert time.monotonic() - began >= 0.1
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asyncio.Event().wait()
        assert 0.15 <= time.monotonic() - began < 5
        assert round(clock.now(), 2) == 0.15
        await asyncio.sleep(100)
        assert time.monotonic() - began < 5

    clock.run(main(), virtual=True)


@pytest.mark.real_time
def test_an_answer_from_outside_takes_as_long_as_it_took() -> None:
    async def main() -> None:
        answered = asyncio.Event()
        loop = asyncio.get_running_loop()
        with clock.in_step():
            threading.Timer(0.05, loop.call_soon_threadsafe, (answered.set,)).start()
            async with asyncio.timeout(60):
                await answered.wait()
        assert 0.03 < clock.now() < 30

    clock.run(main(), virtual=True)


def test_in_real_time_it_changes_nothing() -> None:
    async def main() -> None:
        with clock.in_step():
            await asyncio.sleep(0)

    clock.run(main())

import asyncio

import pytest

from hookflash.errors import UsageError
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner


def test_closing_the_owner_ends_its_tasks() -> None:
    async def main() -> tuple[bool, int]:
        owner = TaskOwner("call")
        task = owner.start(asyncio.sleep(100), name="sleep")
        await asyncio.sleep(0)
        await owner.aclose()
        await owner.aclose()
        return task.cancelled(), len(owner)

    assert clock.run(main(), virtual=True) == (True, 0)


def test_a_closed_owner_starts_nothing() -> None:
    async def main() -> None:
        owner = TaskOwner("call")
        await owner.aclose()
        assert owner.closed
        with pytest.raises(UsageError, match="call is closed; cannot start work"):
            owner.start(asyncio.sleep(0), name="work")

    clock.run(main(), virtual=True)


def test_a_raising_task_is_reported_and_its_siblings_go_on() -> None:
    reported: list[tuple[str, str]] = []

    async def fails() -> None:
        raise ValueError("broken")

    async def main() -> bool:
        owner = TaskOwner("call", on_error=lambda name, exc: reported.append((name, str(exc))))
        sibling = owner.start(asyncio.sleep(1), name="sibling")
        owner.start(fails(), name="bad")
        await asyncio.sleep(2)
        await owner.aclose()
        return sibling.done() and not sibling.cancelled()

    assert clock.run(main(), virtual=True)
    assert reported == [("call/bad", "broken")]


def test_an_owner_may_be_closed_from_its_own_task() -> None:
    async def main() -> str:
        owner = TaskOwner("call")

        async def work() -> str:
            await owner.aclose()
            return "survived"

        return await owner.start(work(), name="work")

    assert clock.run(main(), virtual=True) == "survived"


def test_a_task_that_will_not_be_cancelled_is_left_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def stubborn() -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        owner = TaskOwner("call")
        task = owner.start(stubborn(), name="stubborn")
        await asyncio.sleep(0)
        began = clock.now()
        await owner.aclose()
        assert clock.now() - began == 10.0
        assert not task.done()
        assert "call/stubborn does not let itself be cancelled" in caplog.text
        release.set()
        await task

    clock.run(main(), virtual=True)

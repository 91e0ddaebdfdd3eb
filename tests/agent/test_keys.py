import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hookflash.agent.emitter import Emitter
from hookflash.agent.keys import DTMFHandler, KeyCalls
from hookflash.events.session import ErrorOccurred
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner


@asynccontextmanager
async def calling(handler: DTMFHandler) -> AsyncIterator[tuple[KeyCalls, list[ErrorOccurred]]]:
    owner, emitter = TaskOwner("test"), Emitter()
    errors: list[ErrorOccurred] = []
    emitter.on(ErrorOccurred, errors.append)
    yield KeyCalls(handler, owner, emitter), errors
    await owner.aclose()


def test_keys_come_in_order_and_one_at_a_time() -> None:
    log: list[tuple[float, str]] = []

    async def slow(digit: str) -> None:
        log.append((clock.now(), digit))
        await asyncio.sleep(1.0 if digit == "1" else 0.5)
        log.append((clock.now(), f"{digit} done"))

    async def main() -> None:
        async with calling(DTMFHandler(slow)) as (keys, _):
            for digit in "12#":
                keys.take(digit)
            await asyncio.sleep(5.0)

    clock.run(main(), virtual=True)
    assert log == [
        (0.0, "1"),
        (1.0, "1 done"),
        (1.0, "2"),
        (1.5, "2 done"),
        (1.5, "#"),
        (2.0, "# done"),
    ]


def test_functions_and_coroutine_functions_both_do_and_may_be_changed() -> None:
    async def main() -> None:
        pressed: list[str] = []
        handler = DTMFHandler()
        async with calling(handler) as (keys, errors):
            keys.take("1")
            await asyncio.sleep(0.1)
            handler.set_callback(pressed.append)
            keys.take("2")
            keys.take("0")
            await asyncio.sleep(0.1)
            handler.set_callback(None)
            keys.take("3")
            await asyncio.sleep(0.1)
        assert (pressed, errors) == (["2", "0"], [])

    clock.run(main(), virtual=True)


def test_a_callback_that_raises_is_an_error_event_without_the_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pressed: list[str] = []

    def picky(digit: str) -> None:
        pressed.append(digit)
        if digit == "7":
            msg = f"I do not like {digit}"
            raise ValueError(msg)

    async def main() -> None:
        async with calling(DTMFHandler(picky)) as (keys, errors):
            for digit in "678":
                keys.take(digit)
            await asyncio.sleep(0.1)
            assert [(e.source, e.reason, e.message) for e in errors] == [
                ("handler", "handler_failed", "ValueError")
            ]

    with caplog.at_level(logging.DEBUG):
        clock.run(main(), virtual=True)
    assert pressed == ["6", "7", "8"]
    messages = [record.getMessage() for record in caplog.records if "hookflash" in record.name]
    assert messages
    assert not any("7" in message for message in messages)


def test_a_callback_that_never_returns_costs_keys_and_not_memory() -> None:
    async def stuck(_digit: str) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        async with calling(DTMFHandler(stuck)) as (keys, errors):
            await asyncio.sleep(0)
            for _ in range(300):
                keys.take("1")
            assert {error.reason for error in errors} == {"keys_dropped"}
            assert len(errors) == 300 - 256

    clock.run(main(), virtual=True)

import asyncio
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from hookflash.runtime import clock


def test_virtual_time_jumps_to_the_next_deadline() -> None:
    async def main() -> float:
        await asyncio.sleep(600)
        return clock.now()

    began = time.perf_counter()
    assert clock.run(main(), virtual=True) == 600
    assert time.perf_counter() - began < 5


def test_virtual_time_keeps_the_order_of_deadlines() -> None:
    order: list[tuple[float, str]] = []

    async def wait(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        order.append((clock.now(), name))

    async def main() -> None:
        await asyncio.gather(wait(3, "c"), wait(1, "a"), wait(2, "b"))

    clock.run(main(), virtual=True)
    assert order == [(1, "a"), (2, "b"), (3, "c")]


def test_virtual_time_stands_still_while_a_thread_works() -> None:
    async def main() -> tuple[str, float]:
        alarm = asyncio.create_task(asyncio.sleep(1))

        def work() -> str:
            time.sleep(0.05)
            return "done"

        result = await asyncio.to_thread(work)
        at = clock.now()
        await alarm
        return result, at

    assert clock.run(main(), virtual=True) == ("done", 0)


def test_virtual_time_stands_still_while_a_foreign_process_works() -> None:
    async def main() -> tuple[bytes, float]:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(5, ours.close)
        with clock.outside():
            answer = loop.create_task(loop.sock_recv(ours, 10))
            await asyncio.sleep(0)
            # Nobody of this loop sends: a thread of the operating system's choosing does.
            sender = threading.Timer(0.05, theirs.send, [b"late"])
            sender.start()
            data = await answer
        sender.join()
        at = clock.now()
        timer.cancel()
        ours.close()
        theirs.close()
        return data, at

    assert clock.run(main(), virtual=True) == (b"late", 0)


def test_loopback_sockets_work_on_virtual_time() -> None:
    async def main() -> tuple[bytes, float]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            data = await reader.read(100)
            await asyncio.sleep(30)
            writer.write(data.upper())
            await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello")
        answer = await reader.read(100)
        at = clock.now()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return answer, at

    assert clock.run(main(), virtual=True) == (b"HELLO", 30)


def test_virtual_time_has_a_fixed_calendar() -> None:
    async def main() -> tuple[datetime, datetime, bool]:
        first = clock.wall()
        await asyncio.sleep(60)
        return first, clock.wall(), clock.is_virtual()

    first, second, virtual = clock.run(main(), virtual=True)
    assert first == datetime(2026, 1, 1, tzinfo=UTC)
    assert second - first == timedelta(minutes=1)
    assert virtual


def test_sleep_until_a_past_moment_returns_at_once() -> None:
    async def main() -> float:
        await clock.sleep_until(-5)
        await clock.sleep_until(2)
        return clock.now()

    assert clock.run(main(), virtual=True) == 2


def test_real_time_is_the_loops_clock() -> None:
    async def main() -> tuple[bool, bool]:
        before = clock.now()
        await asyncio.sleep(0.01)
        with clock.outside():
            return clock.now() > before, clock.is_virtual()

    assert clock.run(main()) == (True, False)


def test_a_program_that_would_run_for_ever_on_virtual_time_is_ended() -> None:
    async def ticks() -> None:
        while True:  # noqa: ASYNC110  # nothing to wait for is what it tests
            await asyncio.sleep(0.02)

    with pytest.raises(TimeoutError):
        clock.run(ticks(), virtual=True, longest=60.0)

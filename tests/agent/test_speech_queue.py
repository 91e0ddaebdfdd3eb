import asyncio

from hookflash.agent.speech_queue import SpeechItem, SpeechQueue
from hookflash.agent.utterance import UtteranceHandle
from hookflash.runtime import clock


def item(
    name: str, log: list[str], *, interruptible: bool = True, seconds: float = 1.0
) -> SpeechItem:
    async def work(running: SpeechItem) -> None:
        log.append(f"{name} begins")
        done = await running.unless_stopped(asyncio.sleep(seconds, "done"))
        log.append(f"{name} {done or running.stopped}")

    return SpeechItem(UtteranceHandle(name, interruptible=interruptible), work)


def test_items_are_said_one_after_the_other() -> None:
    log: list[str] = []

    async def main() -> None:
        queue = SpeechQueue()
        running = asyncio.create_task(queue.run())
        items = [item("a", log), item("b", log)]
        for each in items:
            queue.add(each)
        await queue.wait_idle()
        assert log == ["a begins", "a done", "b begins", "b done"]
        assert all(each.handle.done() and not each.handle.interrupted for each in items)
        assert queue.current is None
        running.cancel()
        await asyncio.wait([running])

    clock.run(main(), virtual=True)


def test_an_interruption_stops_and_drops_all_but_what_is_not_interruptible() -> None:
    log: list[str] = []

    async def main() -> None:
        queue = SpeechQueue()
        running = asyncio.create_task(queue.run())
        items = [item("a", log), item("b", log), item("c", log, interruptible=False)]
        for each in items:
            queue.add(each)
        await asyncio.sleep(0.5)
        assert queue.current is items[0]
        assert queue.interrupt("words")
        await asyncio.sleep(0.5)
        assert not queue.interrupt("words"), "what is left may not be interrupted"
        await queue.wait_idle()
        assert log == ["a begins", "a words", "c begins", "c done"]
        assert [each.handle.interrupted for each in items] == [True, True, False]
        queue.add(item("d", log, interruptible=False))
        await asyncio.sleep(0.1)
        assert queue.interrupt("program", force=True)
        await queue.wait_idle()
        assert log[-1] == "d program"
        assert not queue.interrupt("nothing")
        running.cancel()
        await asyncio.wait([running])

    clock.run(main(), virtual=True)


def test_ending_the_queue_ends_everything_in_it() -> None:
    log: list[str] = []

    async def main() -> None:
        queue = SpeechQueue()
        running = asyncio.create_task(queue.run())
        items = [item("a", log, interruptible=False), item("b", log)]
        for each in items:
            queue.add(each)
        await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.wait([running])
        late = item("late", log)
        queue.add(late)
        assert all(each.handle.done() for each in [*items, late])
        assert log == ["a begins"]

    clock.run(main(), virtual=True)


def test_a_stopped_item_runs_nothing_more() -> None:
    async def main() -> None:
        hushed: list[str] = []
        stopped = item("a", [])
        stopped.when_stopped(lambda: hushed.append("first"))
        stopped.stop("words")
        stopped.stop("again")
        stopped.when_stopped(lambda: hushed.append("late"))
        assert stopped.stopped == "words"
        assert hushed == ["first", "late"]
        assert await stopped.unless_stopped(asyncio.sleep(1, "done")) is None
        await stopped.run()
        assert stopped.handle.done()

    clock.run(main(), virtual=True)

"""The driver feeds a machine and does what it says, as itself."""

from collections.abc import Sequence
from contextvars import ContextVar

from hookflash.events.idle import Activity, WakeUp
from hookflash.runtime import clock
from hookflash.runtime.driver import Driver

who: ContextVar[str] = ContextVar("who", default="nobody")


class Echo:
    """Wakes at once, and a second later."""

    def __init__(self) -> None:
        self._due: float | None = None

    def receive(self, event: Activity, now: float) -> Sequence[WakeUp]:
        self._due = now + 1.0
        return [WakeUp(count=1)]

    def deadline(self) -> float | None:
        return self._due

    def tick(self, now: float) -> Sequence[WakeUp]:
        self._due = None
        return [WakeUp(count=2)]


def test_what_a_machine_says_is_done_on_nobodys_behalf_who_feeds_it() -> None:
    async def main() -> None:
        done: list[tuple[int, str]] = []
        who.set("owner")
        driver: Driver[Activity, WakeUp] = Driver(
            Echo(), lambda command: done.append((command.count, who.get())), name="echo"
        )
        who.set("passer-by")
        driver.feed(Activity())
        await clock.sleep_until(clock.now() + 2.0)
        assert done == [(1, "owner"), (2, "owner")]

    clock.run(main(), virtual=True)

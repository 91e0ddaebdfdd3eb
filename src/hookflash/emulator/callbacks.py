"""What is told about one call, or one conference: requests whose answers do not matter."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Final

from hookflash.emulator.account import Account
from hookflash.emulator.webhooks import Purpose

__all__ = ["Callbacks"]

# How long a callback that is to be overtaken waits for the next one.
_PATIENCE: Final = 5.0


class Callbacks:
    """Tells the application, in order.

    The vendor does not promise an order; this one keeps tests the same from run to run. A fault
    can have it otherwise (`faults.Faults`).
    """

    def __init__(self, account: Account, name: str, *, call_sid: str | None = None) -> None:
        """Begin with nothing to tell.

        Args:
            account: whose.
            name: of its tasks.
            call_sid: for the log.
        """
        self._account = account
        self._name = name
        self._call_sid = call_sid
        self._last: asyncio.Task[None] | None = None
        self._delivering: set[asyncio.Task[None]] = set()
        self._overtaken: list[asyncio.Future[asyncio.Task[None]]] = []

    def post(self, purpose: Purpose, url: str, method: str, fields: Mapping[str, str]) -> None:
        """Tell something; nothing is told once the emulator ends."""
        if self._account.tasks.closed:
            return

        async def deliver(
            before: "asyncio.Task[None] | None" = None,
            *,
            seconds: float = 0.0,
            overtaking: "asyncio.Future[asyncio.Task[None]] | None" = None,
        ) -> None:
            if before is not None:
                await asyncio.wait({before})
            if overtaking is not None:
                await asyncio.wait({overtaking}, timeout=_PATIENCE)
                if overtaking.done():
                    await asyncio.wait({overtaking.result()})
            await asyncio.sleep(seconds)
            await self._account.webhooks.request(
                purpose, url, method, fields, call_sid=self._call_sid
            )

        def start(work: Coroutine[object, object, None]) -> "asyncio.Task[None]":
            task = self._account.tasks.start(work, name=f"{self._name}/{purpose}")
            self._delivering.add(task)
            task.add_done_callback(self._delivering.discard)
            return task

        fault = self._account.faults.callback(purpose, fields)
        if fault is not None and fault.kind == "delayed":
            start(deliver(seconds=fault.seconds))
            return
        if fault is not None and fault.kind == "overtaken":
            overtaking: asyncio.Future[asyncio.Task[None]]
            overtaking = asyncio.get_running_loop().create_future()
            start(deliver(overtaking=overtaking))
            self._overtaken.append(overtaking)
            return
        self._last = start(deliver(self._last))
        for overtaking in self._overtaken:
            if not overtaking.done():
                overtaking.set_result(self._last)
        self._overtaken.clear()
        if fault is not None and fault.kind == "doubled":
            start(deliver(self._last, seconds=fault.seconds))

    async def told(self) -> None:
        """Wait until everything was answered."""
        while self._delivering:
            await asyncio.wait(self._delivering)

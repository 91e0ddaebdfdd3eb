"""A desk that awaits a task in a tool, and the call in which it does: for tests of keyed tasks."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import Agent, function_tool
from hookflash.runtime import clock
from hookflash.tasks.errors import DtmfCollectionError
from hookflash.tasks.task import AgentTask
from hookflash.testing import Calls

Play = Callable[[Stage], Awaitable[None]]


class Desk(Agent):
    """Awaits a task in a tool, and keeps what came of it, and when."""

    def __init__(self, make: Callable[[], AgentTask[Any]]) -> None:
        super().__init__("You are a desk.")
        self.make = make
        self.got: list[Any] = []
        self.at = 0.0

    @function_tool
    async def collect(self) -> str:
        """Collect something."""
        try:
            self.got.append(await self.make())
        except Exception as exc:
            self.got.append(exc)
            raise
        finally:
            self.at = clock.now()
        return "collected"

    @property
    def digits(self) -> list[str]:
        return [result.digits for result in self.got]

    @property
    def error(self) -> DtmfCollectionError:
        (error,) = self.got
        assert isinstance(error, DtmfCollectionError)
        return error


def play_call(
    make: Callable[[], AgentTask[Any]], play: Play, script: Script = (), **options: Any
) -> tuple[Desk, Stage]:
    """Play a call in which a model calls the tool; the play begins when the question was heard."""
    desk = Desk(make)

    async def main() -> Stage:
        async with on_stage(desk, [[Calls("collect")], *script], **options) as stage:
            await stage.caller_says("take my number")
            await asyncio.sleep(2.0)
            await play(stage)
            await asyncio.sleep(2.0)
            return stage

    return desk, clock.run(main(), virtual=True)


async def keys(stage: Stage, keyed: str, *, every: float = 0.3) -> None:
    for key in keyed:
        stage.leg.press(key)
        await asyncio.sleep(every)


def said(stage: Stage) -> list[str]:
    """What the caller heard of the task."""
    return [
        item.removeprefix("assistant: ")
        for item in stage.items
        if item.startswith("assistant: ") and not item.endswith("All right.")
    ]

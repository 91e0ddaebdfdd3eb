"""An agent that wants one thing of the caller, for the tests of tasks that collect it."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.agent.stage import Stage

from hookflash.agent import Agent, function_tool
from hookflash.testing import Calls

WANTS = [Calls("want")]


class Asks(Agent):
    """Awaits a task in a tool, and keeps what came of it."""

    def __init__(self, task: Callable[[], Awaitable[Any]]) -> None:
        super().__init__("You want something.")
        self.make = task
        self.got: list[Any] = []

    @function_tool(phrases=("begin",))
    async def want(self) -> str:
        """Want it."""
        try:
            self.got.append(await self.make())
        except Exception as exc:
            self.got.append(exc)
            raise
        return "I have it."


def outputs(stage: Stage, tool: str) -> list[str]:
    """Return what came of the calls of one tool; errors begin with `error`."""
    found = [
        item.partition(f" {tool}: ")
        for item in stage.items
        if item.startswith((f"output {tool}: ", f"error {tool}: "))
    ]
    return [f"error {text}" if kind == "error" else text for kind, _, text in found]


def said(stage: Stage) -> list[str]:
    """Return what the caller has heard."""
    return [item.removeprefix("assistant: ") for item in stage.items if item[:4] == "assi"]

"""Tools of a parcel service: options, context, progress, failures, and a tool server."""

import asyncio
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field

from hookflash import Agent, RunContext, StopResponse, ToolError, function_tool
from hookflash.agent import Filler, SessionOptions
from hookflash.providers.mcp import MCPServerHTTP, MCPServerStdio


@dataclass
class Caller:
    customer: str
    notes: list[str] = field(default_factory=list)


class Parcels(Agent):
    def __init__(self) -> None:
        super().__init__("You answer the phone of a parcel service. Be brief.")

    @function_tool(filler="One moment, I look that up.", on_duplicate="join")
    async def track(self, number: Annotated[int, "the number on the slip"]) -> str:
        """Tell where a parcel is."""
        await asyncio.sleep(3)
        if number > 9_999:
            raise ToolError("There is no such parcel. Ask the caller to read the number again.")
        return f"parcel {number} is in Bergen"

    @function_tool(timeout=20.0, on_interrupt="cancel")
    async def plan(
        self,
        ctx: RunContext[Caller],
        day: date,
        parcels: Annotated[int, Field(ge=1, le=20)] = 1,
    ) -> str:
        """Plan a pick-up at the caller's door.

        Args:
            day: when the van shall come.
            parcels: how many there are.
        """
        ctx.update("asked the drivers")
        await asyncio.sleep(2)
        ctx.update("I have found a driver.", say=True)
        await asyncio.sleep(2)
        return f"planned for {ctx.userdata.customer} on {day:%A}: {parcels}"

    @function_tool
    async def confirm(self, ctx: RunContext[Caller]) -> None:
        """Confirm the pick-up, when the caller has agreed to it."""
        ctx.disallow_interruptions()
        ctx.userdata.notes.append("confirmed")
        await ctx.session.say("Your pick-up is confirmed. Goodbye!", interruptible=False)
        raise StopResponse


options = SessionOptions(
    tool_timeout=15.0,
    tool_filler=Filler(texts=("One moment, please.", "Still working on it."), after=1.5),
)

warehouse = MCPServerStdio(
    sys.executable,
    [str(Path(__file__).with_name("warehouse.py"))],
    allowed_tools=["stock"],
    tool_timeout=5.0,
)
routes = MCPServerHTTP(
    "https://tools.example.com/mcp",
    {"Authorization": "Bearer ..."},
    prefix="routes",
)


class Warehouse(Agent):
    def __init__(self) -> None:
        super().__init__("You know what is in stock.", mcp_servers=[warehouse])

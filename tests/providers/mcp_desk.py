"""A tool server on standard input and output, made with the official SDK."""

import asyncio
import os
import sys
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer

desk = MCPServer("desk")


@desk.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@desk.tool()
async def hang(ctx: Context) -> str:
    """Never come back."""
    await ctx.report_progress(1, 2, "half way")
    await asyncio.sleep(3600)
    return "never"


@desk.tool()
def environment() -> str:
    """Name the variables."""
    return " ".join(sorted(os.environ))


@desk.tool()
def where() -> str:
    """Tell the process and its directory."""
    return f"{os.getpid()} {Path.cwd()}"


if __name__ == "__main__":
    sys.stderr.write("ready\n")
    desk.run("stdio")

"""The tools of servers, beside an agent's own."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

from hookflash.agent.emitter import Emitter
from hookflash.agent.signature import InvalidArguments, decode_arguments
from hookflash.agent.tools import Tool, ToolContext, ToolResult
from hookflash.errors import ToolError
from hookflash.providers.chat import ToolSchema
from hookflash.providers.tool_server import ToolServer
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner

__all__ = ["RemoteTool", "ServerTools"]

_LONGEST_NAME = 64
_LEAVE_WITHIN = 5.0


class RemoteTool(Tool):
    """A tool that a server carries out."""

    def __init__(self, server: ToolServer, schema: ToolSchema, name: str) -> None:
        """Take one of the server's tools; the model calls it `name`."""
        self.name = name
        self.timeout = server.tool_timeout
        self._server = server
        self._offered = schema

    @property
    def schema(self) -> ToolSchema:
        """What the model is told: what the server says."""
        return replace(self._offered, name=self.name)

    async def call(self, arguments: str, context: ToolContext) -> ToolResult:
        """Let the server carry it out. It is the server that checks the arguments."""
        try:
            given = decode_arguments(arguments)
        except InvalidArguments as exc:
            return ToolResult(output=str(exc), is_error=True)
        try:
            text = await self._server.call(
                self._offered.name,
                _without_nulls(given, self._offered.parameters),
                context.update,
            )
        except ToolError as exc:
            return ToolResult(output=str(exc), is_error=True, error=exc)
        return ToolResult(output=text, value=text)


class ServerTools:
    """The servers that a session's agent names, and what they offer.

    What goes wrong with them is an `error` event with the source `mcp`. The call goes on.
    """

    def __init__(self, emitter: Emitter, owner: TaskOwner, *, within: float) -> None:
        """Begin with none.

        Args:
            emitter: tells of trouble.
            owner: whose tasks join and leave.
            within: seconds that `ready` waits for servers.
        """
        self._emitter = emitter
        self._owner = owner
        self._within = within
        self._servers: list[ToolServer] = []
        self._joining: set[asyncio.Task[None]] = set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._ready_by = 0.0
        self._warned: set[tuple[str, str]] = set()

    def use(self, servers: Iterable[ToolServer]) -> None:
        """Join these servers and leave all others, in the background."""
        wanted = list(dict.fromkeys(servers))
        for server in self._servers:
            if server not in wanted:
                self._leaving.add(
                    self._owner.start(server.leave(self), name=f"leave {server.name}")
                )
        for server in wanted:
            if server not in self._servers:
                self._joining.add(self._owner.start(server.join(self), name=f"join {server.name}"))
                self._ready_by = clock.now() + self._within
        self._servers = wanted

    async def ready(self) -> None:
        """Wait until the servers have been tried, or have had their time."""
        waiting = {task for task in self._joining if not task.done()}
        left = self._ready_by - clock.now()
        if waiting and left > 0:
            await asyncio.wait(waiting, timeout=left)

    async def aclose(self) -> None:
        """Leave all, and wait until those that nobody else uses have ended. Idempotent.

        One that does not end in time is left to the owner, which cancels what is still going on.
        """
        self.use(())
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=_LEAVE_WITHIN)

    def beside(self, own: Mapping[str, Tool]) -> Mapping[str, Tool]:
        """Return the agent's own tools and those of the servers, by the names that models use."""
        tools = dict(own)
        for server in self._servers:
            for schema in server.tools:
                name = schema.name
                if name in tools:
                    name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{server.name}_{name}")[:_LONGEST_NAME]
                    self._warn(
                        server, schema.name, "left out" if name in tools else f"called {name}"
                    )
                if name not in tools:
                    tools[name] = RemoteTool(server, schema, name)
        return tools

    def tools_changed(self, server: ToolServer) -> None:
        """The next request tells the model."""

    def server_in_trouble(self, server: ToolServer, reason: str, message: str) -> None:
        """Tell everyone."""
        self._emitter.tell_error("mcp", reason, f"{server.name}: {message}")

    def _warn(self, server: ToolServer, tool: str, what: str) -> None:
        """Tell once that a name was taken."""
        if (server.name, tool) not in self._warned:
            self._warned.add((server.name, tool))
            message = f"the name {tool} is taken; it is {what} here"
            self.server_in_trouble(server, "name_clash", message)


def _without_nulls(
    given: Mapping[str, object], parameters: Mapping[str, object]
) -> Mapping[str, object]:
    """Leave out what is null but may not be: models write null for what they leave out."""
    properties = cast("Mapping[str, object]", parameters.get("properties", {}))
    required = cast("list[str]", parameters.get("required", []))
    return {
        name: value
        for name, value in given.items()
        if value is not None or name in required or _takes_null(properties.get(name))
    }


def _takes_null(schema: object) -> bool:
    """Whether a JSON schema lets null pass, as far as one can see without validating."""
    if not isinstance(schema, Mapping):
        return True
    shape = cast("Mapping[str, object]", schema)
    kind = shape.get("type")
    if isinstance(kind, str):
        return kind == "null"
    if isinstance(kind, list):
        return "null" in kind
    branches = shape.get("anyOf") or shape.get("oneOf")
    if isinstance(branches, list):
        return any(map(_takes_null, cast("list[object]", branches)))
    return True

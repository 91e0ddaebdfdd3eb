"""Tool servers that speak the Model Context Protocol, through the official `mcp` SDK (2.x).

Protocol: https://modelcontextprotocol.io/specification
"""

import asyncio
import importlib
import importlib.util
import json
import logging
import math
import os
import re
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import (
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TextIO, TypeVar, cast
from urllib.parse import urlsplit

import anyio

from hookflash.errors import (
    ConfigError,
    HookflashError,
    LinkError,
    LinkTimeout,
    MissingExtra,
    ProtocolError,
    ProviderError,
    ToolError,
    UsageError,
)
from hookflash.providers.chat import ToolSchema
from hookflash.providers.tool_server import ToolServer, ToolServerUser
from hookflash.runtime import clock

if TYPE_CHECKING:
    import mcp
    from mcp.client import IncomingMessage, Transport

__all__ = ["MCPServerHTTP", "MCPServerStdio"]

_log = logging.getLogger("hookflash.mcp")

ItemT_co = TypeVar("ItemT_co", covariant=True)

# Between attempts to connect, doubling. A server that was up for a while begins anew.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
# A stream of changes that broke off is opened again.
_LISTEN_AGAIN = 5.0
# The SDK needs up to six seconds to end a process that does not want to.
_END_WITHIN = 10.0

# What a server may offer; more costs every answer of the model time.
_MOST_TOOLS = 128
_MOST_PAGES = 20
_LONGEST_SCHEMA = 16_384
_LONGEST_DESCRIPTION = 1024
_LONGEST_NAME = 64
_LONGEST_PROGRESS = 200

_DONE = "Done."
_UNREACHABLE = "The tool cannot be reached at the moment."
_BROKE_OFF = "The connection broke off before the tool answered. It may or may not have been done."
_TOO_LONG = "The tool took too long and was given up. It may or may not have been done."
_REFUSED = "The tool could not be run."


class _MCPServer(ToolServer):
    """What both transports have in common. Options as `MCPServerStdio`."""

    foreign: bool
    """Whether the server is a process of its own, for which virtual time must wait."""

    def __init__(
        self,
        name: str,
        *,
        session_timeout: float,
        allowed_tools: Iterable[str] | None,
        tool_timeout: float,
        prefix: str | None,
    ) -> None:
        if importlib.util.find_spec("mcp") is None:
            raise MissingExtra("mcp", "mcp")
        super().__init__(name, prefix=prefix, tool_timeout=tool_timeout)
        self.check_seconds("session_timeout", session_timeout)
        if isinstance(allowed_tools, str):
            msg = "allowed_tools takes several names; put the one into a list"
            raise ConfigError(msg)
        self.session_timeout = session_timeout
        self._allowed = None if allowed_tools is None else frozenset(allowed_tools)
        self._tools: dict[str, tuple[str, ToolSchema]] = {}
        self._users: list[ToolServerUser] = []
        self._connection: _Connection | None = None

    @abstractmethod
    def transport(self, ended: Callable[[], None]) -> "Transport":
        """Open the way to the server; call `ended` when it breaks, if it cannot raise."""

    @property
    def tools(self) -> tuple[ToolSchema, ...]:
        """What it offers, as last known; nothing before the first connection."""
        return tuple(schema for _, schema in self._tools.values())

    @property
    def connected(self) -> bool:
        """Whether it can be used now."""
        return self._connection is not None and self._connection.up

    async def join(self, user: ToolServerUser) -> None:
        """Begin to use it; returns when it was connected, or the first attempt failed."""
        if user in self._users:
            msg = f"{self!r} has that user already"
            raise UsageError(msg)
        self._users.append(user)
        if self._connection is None:
            self._connection = _Connection(self)
        await self._connection.tried.wait()

    async def leave(self, user: ToolServerUser) -> None:
        """Use it no more. Idempotent; when the last one leaves, waits until all has ended."""
        if user not in self._users:
            return
        self._users.remove(user)
        if not self._users and self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.aclose()

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, object],
        on_progress: Callable[[str], None] | None = None,
    ) -> str:
        """Carry out a tool; see `ToolServer.call`."""
        connection = self._connection
        if connection is None:
            msg = f"{self!r} is not connected; name it in Agent(mcp_servers=) or use `async with`"
            raise UsageError(msg)
        if tool not in self._tools:
            msg = "The tool is not offered any more."
            raise ToolError(msg)
        original, _ = self._tools[tool]
        try:
            async with asyncio.timeout(self.tool_timeout):
                return await connection.call(original, arguments, on_progress)
        except TimeoutError as exc:
            raise ToolError(_TOO_LONG) from exc

    # For its connection.

    def offered(self, tools: "Iterable[mcp.Tool]") -> None:
        """Take what the server offers now, and tell everyone if that is new."""
        found: dict[str, tuple[str, ToolSchema]] = {}
        seen: set[str] = set()
        left_out = 0
        for tool in tools:
            if self._allowed is not None and tool.name not in self._allowed:
                continue
            seen.add(tool.name)
            schema = self._schema(tool)
            if schema is None or schema.name in found or len(found) >= _MOST_TOOLS:
                left_out += 1
            else:
                found[schema.name] = (tool.name, schema)
        if left_out:
            why = f"the same name, a schema that is too long, or more than {_MOST_TOOLS}"
            self.trouble("tool_left_out", f"{left_out} of its tools: {why}")
        for missing in sorted((self._allowed or frozenset()) - seen):
            self.trouble("tool_missing", f"it does not offer the allowed tool {missing}")
        if found != self._tools:
            self._tools = found
            for user in tuple(self._users):
                user.tools_changed(self)

    def trouble(self, reason: str, message: str) -> None:
        """Tell everyone."""
        for user in tuple(self._users):
            user.server_in_trouble(self, reason, message)

    def _schema(self, tool: "mcp.Tool") -> ToolSchema | None:
        """Return a tool in our form; None if no model could use it."""
        parameters: dict[str, object] = {"type": "object", "properties": {}, **tool.input_schema}
        if parameters["type"] != "object" or len(json.dumps(parameters)) > _LONGEST_SCHEMA:
            return None
        name = tool.name if self.prefix is None else f"{self.prefix}_{tool.name}"
        return ToolSchema(
            name=re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_LONGEST_NAME],
            description=(tool.description or tool.title or tool.name)[:_LONGEST_DESCRIPTION],
            parameters=parameters,
        )


class MCPServerStdio(_MCPServer):
    """A server that runs as a process of ours and speaks on its standard input and output.

    The process ends with the connection: it is asked to, and killed with its children if it does
    not. If it dies, it is started again.

    Args:
        executable_path: the program, looked for in `PATH` if it is a bare name.
        process_arguments: what it is called with.
        environment_vars: its environment besides the harmless part of ours (`PATH`, `HOME`,
            `USER`, `SHELL`, `TERM`, `LOGNAME`). It gets nothing else of ours, no key above all.
        working_directory: where it runs; None means where we do.
        session_timeout: seconds for the process to start, greet and list its tools.
        allowed_tools: names, as the server spells them, of the tools that the agent gets; None
            means all.
        tool_timeout: seconds that a call may take.
        prefix: put before the names of all its tools, as in `crm_find`; None: only before one
            whose name is taken, and then `name` is used.
        name: what events and errors call it; None means the program's file name.
        stderr: where its standard error goes, an open file; None drops it.

    Raises:
        ConfigError: a value is out of its range.
        MissingExtra: the `mcp` package is not installed.
    """

    foreign = True

    def __init__(
        self,
        executable_path: str | Path,
        process_arguments: Iterable[str] = (),
        environment_vars: Mapping[str, str] | None = None,
        working_directory: str | Path | None = None,
        session_timeout: float = 5.0,
        *,
        allowed_tools: Iterable[str] | None = None,
        tool_timeout: float = 20.0,
        prefix: str | None = None,
        name: str | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self._command = str(executable_path)
        if not self._command:
            msg = "executable_path must not be empty"
            raise ConfigError(msg)
        if isinstance(process_arguments, str):
            msg = "process_arguments takes a list of arguments, not one text"
            raise ConfigError(msg)
        super().__init__(
            name or Path(self._command).stem,
            session_timeout=session_timeout,
            allowed_tools=allowed_tools,
            tool_timeout=tool_timeout,
            prefix=prefix,
        )
        self._arguments = list(process_arguments)
        self._environment = dict(environment_vars or {})
        self._directory = working_directory
        self._stderr = stderr

    @asynccontextmanager
    async def transport(self, ended: Callable[[], None]) -> AsyncGenerator[Any]:
        """Start the process."""
        from mcp import StdioServerParameters, stdio_client

        parameters = StdioServerParameters(
            command=self._command,
            args=self._arguments,
            env=self._environment,
            cwd=self._directory,
        )
        with ExitStack() as stack:
            stderr = self._stderr
            if stderr is None:
                stderr = stack.enter_context(Path(os.devnull).open("w"))  # noqa: ASYNC230  # no disk
            async with stdio_client(parameters, errlog=stderr) as (incoming, outgoing):
                try:
                    yield _Watched(incoming, ended), outgoing
                finally:
                    # The process gets real seconds to end.
                    stack.enter_context(clock.in_step())


class MCPServerHTTP(_MCPServer):
    """A server that is reached over HTTP (the protocol's streamable HTTP transport).

    Args:
        endpoint_url: its address, as in `https://tools.example.com/mcp`.
        request_headers: sent with each request, such as `Authorization`.
        connection_timeout: seconds to open a connection.
        stream_read_timeout: seconds between two pieces of an answer.
        session_timeout: seconds to connect, greet and list the tools.
        allowed_tools: names, as the server spells them, of the tools that the agent gets; None
            means all.
        tool_timeout: seconds that a call may take.
        prefix: put before the names of all its tools, as in `crm_find`; None: only before one
            whose name is taken, and then `name` is used.
        name: what events and errors call it; None means the host's name.

    Raises:
        ConfigError: a value is out of its range.
        MissingExtra: the `mcp` package is not installed.
    """

    foreign = False

    def __init__(
        self,
        endpoint_url: str,
        request_headers: Mapping[str, str] | None = None,
        connection_timeout: float = 10.0,
        stream_read_timeout: float = 300.0,
        session_timeout: float = 5.0,
        *,
        allowed_tools: Iterable[str] | None = None,
        tool_timeout: float = 20.0,
        prefix: str | None = None,
        name: str | None = None,
    ) -> None:
        parts = urlsplit(endpoint_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "endpoint_url must be a URL, as in https://tools.example.com/mcp"
            raise ConfigError(msg)
        super().__init__(
            name or parts.hostname,
            session_timeout=session_timeout,
            allowed_tools=allowed_tools,
            tool_timeout=tool_timeout,
            prefix=prefix,
        )
        self.check_seconds("connection_timeout", connection_timeout)
        self.check_seconds("stream_read_timeout", stream_read_timeout)
        self._url = endpoint_url
        self._headers = dict(request_headers or {})
        self._connect_within = connection_timeout
        self._read_within = stream_read_timeout

    @asynccontextmanager
    async def transport(self, ended: Callable[[], None]) -> AsyncGenerator[Any]:
        """Make a client; a request that gets no answer at all ends it with an exception."""
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        within = httpx2.Timeout(self._connect_within, read=self._read_within)
        async with (
            httpx2.AsyncClient(headers=self._headers, timeout=within) as client,
            streamable_http_client(self._url, http_client=client) as streams,
        ):
            yield streams


class _Connection:
    """A server's connection from its first user to its last, made anew as often as it breaks.

    All of it lives in one task, because the SDK's scopes must be left by the task that entered
    them. Calls come from other tasks.
    """

    def __init__(self, server: _MCPServer) -> None:
        self.tried = asyncio.Event()
        """Set while no attempt to connect is under way, after the first."""
        self._server = server
        self._client: mcp.Client | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._wanted = False
        self._ended = False
        self._stale = False
        self._task = asyncio.create_task(self._keep(), name=f"mcp {server.name}")

    @property
    def up(self) -> bool:
        """Whether it stands."""
        return self._client is not None

    async def aclose(self) -> None:
        """End it, and wait until it has ended."""
        self._closing = True
        self._wake.set()
        done, _ = await asyncio.wait({self._task}, timeout=_END_WITHIN)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, object],
        on_progress: Callable[[str], None] | None,
    ) -> str:
        """Call a tool; without a connection, make another attempt first."""
        from mcp import MCPError

        if self._client is None:
            self._wanted = True
            self.tried.clear()
            self._wake.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._server.session_timeout):
                    await self.tried.wait()
        client = self._client
        if client is None:
            raise ToolError(_UNREACHABLE)

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            if message and on_progress is not None:
                on_progress(message[:_LONGEST_PROGRESS])

        try:
            with self._foreign():
                result = await client.call_tool(tool, dict(arguments), progress_callback=progressed)
        except MCPError as exc:
            # Perhaps the server has forgotten us. Listing its tools again will tell.
            self._look_again()
            error = _mapped(exc)
            self._server.trouble(error.reason, str(error))
            raise ToolError(_BROKE_OFF if isinstance(error, LinkError) else _REFUSED) from exc
        except Exception as exc:
            # Among others: an answer that is not what the tool's schema promises.
            error = _mapped(exc)
            self._server.trouble(error.reason, str(error))
            raise ToolError(_REFUSED) from exc
        text = _text(result)
        if result.is_error:
            raise ToolError(text)
        return text

    async def _keep(self) -> None:
        await asyncio.to_thread(importlib.import_module, "mcp.client.streamable_http")
        pause = _FIRST_PAUSE
        told = ""
        while not self._closing:
            began = clock.now()
            self._wanted = False
            try:
                await self._connected()
            except Exception as exc:  # supervised here: told, and tried again
                if self._task.cancelling():
                    # The program ends without leaving; another error must not hide that.
                    raise asyncio.CancelledError from exc
                error = _mapped(exc)
                _log.info("tool server %s: %s", self._server.name, error)
                if str(error) != told:
                    told = str(error)  # once, not with each attempt
                    self._server.trouble(error.reason, told)
            finally:
                self._client = None
                if not self._wanted:
                    self.tried.set()
            if clock.now() - began > _LONGEST_PAUSE:
                pause, told = _FIRST_PAUSE, ""
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._until(lambda: self._closing or self._wanted)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self.tried.set()

    async def _connected(self) -> None:
        """Connect, and stay so until the connection breaks (which raises) or is to be closed."""
        from mcp import Client, types

        async def notified(message: "IncomingMessage") -> None:
            if isinstance(message, types.ToolListChangedNotification):
                self._look_again()

        def ended() -> None:
            self._ended = True
            self._client = None
            self._wake.set()

        self._ended = self._stale = False
        within = self._server.session_timeout
        with anyio.fail_after(within) as limit, ExitStack() as waiting:
            waiting.enter_context(self._foreign())
            client = Client(
                self._server.transport(ended),
                read_timeout_seconds=self._server.session_timeout,
                message_handler=notified,
                cache=None,
            )
            async with client, anyio.create_task_group() as group:
                try:
                    await self._list(client)
                finally:
                    waiting.close()
                limit.deadline = math.inf
                self._client = None if self._ended else client
                self.tried.set()
                group.start_soon(self._follow, client)
                await self._stay(client)
                group.cancel_scope.cancel()

    async def _stay(self, client: "mcp.Client") -> None:
        while not self._closing:
            if self._ended:
                msg = "the connection ended"
                raise LinkError(msg)
            if self._stale:
                self._stale = False
                await self._list(client)
            await self._until(lambda: self._closing or self._ended or self._stale)

    async def _until(self, so: Callable[[], bool]) -> None:
        while not so():
            self._wake.clear()
            await self._wake.wait()

    async def _list(self, client: "mcp.Client") -> None:
        """Learn what the server offers."""
        tools: list[mcp.Tool] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        self._server.offered(tools)

    async def _follow(self, client: "mcp.Client") -> None:
        """Learn of changes from a server of the newer protocol, which must be asked to tell."""
        from mcp import MCPError
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost

        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    async for _ in changes:
                        self._look_again()
            except (ListenNotSupportedError, MCPError):
                return
            except (SubscriptionLost, TimeoutError):
                pass
            await anyio.sleep(_LISTEN_AGAIN)
            # What happened meanwhile is not told again.
            self._look_again()

    def _look_again(self) -> None:
        self._stale = True
        self._wake.set()

    def _foreign(self) -> AbstractContextManager[None]:
        return clock.in_step() if self._server.foreign else nullcontext()


class _Incoming(Protocol[ItemT_co]):
    """The part of the SDK's streams that is used here."""

    async def receive(self) -> ItemT_co: ...
    async def aclose(self) -> None: ...
    async def __anext__(self) -> ItemT_co: ...


class _Watched(Generic[ItemT_co]):
    """Messages from a process; tells when there will be no more, which the SDK keeps to itself."""

    def __init__(self, stream: _Incoming[ItemT_co], ended: Callable[[], None]) -> None:
        self._stream = stream
        self._ended = ended

    async def receive(self) -> ItemT_co:
        return await self._stream.receive()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ItemT_co:
        try:
            return await self._stream.__anext__()
        except BaseException:
            self._ended()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


def _text(result: "mcp.types.CallToolResult") -> str:
    """Return what a model can read of a result."""
    parts: list[str] = []
    for block in result.content:
        match block.type:
            case "text":
                parts.append(block.text)
            case "resource":
                text = getattr(block.resource, "text", None)
                parts.append(text if isinstance(text, str) else "[data]")
            case "resource_link":
                parts.append(f"[{block.name}: {block.uri}]")
            case _:
                parts.append(f"[{block.type}]")
    if not parts and result.structured_content is not None:
        parts.append(json.dumps(result.structured_content))
    return "\n".join(parts) or _DONE


def _mapped(error: BaseException) -> HookflashError:
    """Return the error as one of ours, without words of the server's."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    if isinstance(error, HookflashError):
        return error
    import httpx2
    from mcp import MCPError

    kind = type(error).__name__
    match error:
        case MCPError(code=-32000):  # the SDK's own code for a closed connection
            return LinkError("the connection broke off")
        case MCPError(code=-32001):
            return LinkTimeout("no answer in time")
        case MCPError():
            return ProviderError(f"the server answered with the error {error.code}")
        case TimeoutError() | httpx2.TimeoutException():
            return LinkTimeout("no answer in time")
        case OSError():
            return LinkError(f"cannot be started or reached: {error.strerror or kind}")
        case httpx2.TransportError():
            return LinkError(f"cannot be reached: {kind}")
        case _:
            return ProtocolError(f"{kind} in the protocol")

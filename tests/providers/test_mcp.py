"""Tool servers that speak the Model Context Protocol: real ones, made with the official SDK."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import stdio
from mcp.server.mcpserver import Context, MCPServer
from starlette.applications import Starlette

from hookflash.errors import ConfigError, ToolError, UsageError
from hookflash.providers.mcp import MCPServerHTTP, MCPServerStdio
from hookflash.providers.tool_server import ToolServer
from hookflash.runtime import clock
from hookflash.runtime.clock import run
from hookflash.runtime.serve import serving

HERE = Path(__file__).parent
DESK = str(HERE / "mcp_desk.py")


class User:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.offers: list[list[str]] = []
        self.troubles: list[tuple[str, str]] = []

    def tools_changed(self, server: ToolServer) -> None:
        self.offers.append([tool.name for tool in server.tools])

    def server_in_trouble(self, server: ToolServer, reason: str, message: str) -> None:
        self.troubles.append((reason, message))


@asynccontextmanager
async def used(server: ToolServer) -> AsyncIterator[User]:
    user = User()
    await server.join(user)
    try:
        yield user
    finally:
        await server.leave(user)


def bare(kind: str, **options: Any) -> MCPServerStdio:
    return MCPServerStdio(sys.executable, ["-S", str(HERE / "mcp_bare.py"), kind], **options)


async def refusal(server: ToolServer, tool: str, **arguments: object) -> str:
    with pytest.raises(ToolError) as failure:
        await server.call(tool, arguments)
    return str(failure.value)


async def until(so: Callable[[], bool]) -> None:
    """Wait for a foreign process to have done something."""
    with clock.in_step():
        async with asyncio.timeout(10):
            while not so():  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)


def children() -> set[int]:
    of_us = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(pid) for pid in of_us.read_text().split()}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# A process of ours.


def test_a_server_on_standard_input_is_started_used_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234")

    async def main() -> None:
        server = MCPServerStdio(
            sys.executable,
            [DESK],
            {"CITY": "Bergen"},
            tmp_path,
            allowed_tools=["add", "hang", "environment", "where", "none_such"],
            tool_timeout=0.8,
        )
        async with used(server) as user:
            assert user.offers == [["add", "hang", "environment", "where"]]
            assert user.troubles == [
                ("tool_missing", "it does not offer the allowed tool none_such")
            ]
            add = server.tools[0]
            assert (add.description, sorted(add.parameters)) == (
                "Add two numbers.",
                ["properties", "required", "title", "type"],
            )
            assert await server.call("add", {"a": 1, "b": 2}) == "3"
            assert "a\n" in await refusal(server, "add", a="x", b=1)
            assert await refusal(server, "none_such") == "The tool is not offered any more."
            names = (await server.call("environment", {})).split()
            assert "CITY" in names
            assert "OPENAI_API_KEY" not in names
            pid, _, directory = (await server.call("where", {})).partition(" ")
            assert directory == str(tmp_path)
            progress: list[str] = []
            with pytest.raises(ToolError, match="took too long"):
                await server.call("hang", {}, progress.append)
            assert progress == ["half way"]
            assert await server.call("add", {"a": 2, "b": 2}) == "4"
        assert not alive(int(pid))

    run(main(), virtual=True)
    assert "ready" not in capfd.readouterr().err


def test_a_process_that_dies_in_a_call_is_an_answer_and_is_started_again() -> None:
    async def main() -> None:
        server = bare("talk")
        async with used(server) as user:
            assert await refusal(server, "die") == (
                "The connection broke off before the tool answered. It may or may not have been "
                "done."
            )
            # The next call does not wait for the pause to pass.
            pid = int(await server.call("pid", {}))
            os.kill(pid, signal.SIGKILL)
            await until(lambda: not server.connected)
            await until(lambda: server.connected)
            assert int(await server.call("pid", {})) != pid
            assert [reason for reason, _ in user.troubles] == ["link", "link"]
            assert len(user.offers) == 1

    run(main(), virtual=True)


def test_stderr_goes_where_it_is_asked_to(tmp_path: Path) -> None:
    async def main() -> None:
        with (tmp_path / "log").open("w") as log:
            server = bare("talk", stderr=log)
            async with used(server):
                pass

    run(main(), virtual=True)
    assert "ready" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("server", "trouble"),
    [
        (
            MCPServerStdio("/no/such/program"),
            ("link", "cannot be started or reached: No such file or directory"),
        ),
        (MCPServerStdio("/tmp"), ("link", "cannot be started or reached: Permission denied")),
        (bare("deaf"), ("link", "the connection broke off")),
        (bare("mute", session_timeout=0.3), ("timeout", "no answer in time")),
    ],
    ids=["missing", "directory", "exits", "never answers"],
)
def test_a_server_that_cannot_be_had_is_told_of_once_and_tried_again(
    server: MCPServerStdio, trouble: tuple[str, str]
) -> None:
    async def main() -> None:
        async with used(server) as user:
            assert server.tools == ()
            assert user.troubles == [trouble]
            await asyncio.sleep(3)
            assert user.troubles == [trouble]
            assert await refusal(server, "add") == "The tool is not offered any more."

    run(main(), virtual=True)


@pytest.mark.slow
@pytest.mark.real_time
def test_a_process_that_does_not_want_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Seconds that the protocol's package waits for a process to end, before each harsher step.
    monkeypatch.setattr(stdio, "PROCESS_TERMINATION_TIMEOUT", 0.3)
    monkeypatch.setattr(stdio, "FORCE_KILL_TIMEOUT", 0.3)

    async def main() -> None:
        server = bare("deaf_to_the_end")
        before = children()
        async with used(server):
            (pid,) = children() - before
        assert not alive(pid)

    run(main())


# What servers say.


def test_names_that_no_model_takes_are_changed_and_what_is_too_much_is_left_out() -> None:
    async def main() -> None:
        async with used(bare("odd", prefix="desk")) as user:
            assert user.offers == [["desk_files_read_now", "desk_" + "x" * 59]]
            assert user.troubles == [
                (
                    "tool_left_out",
                    "2 of its tools: the same name, a schema that is too long, or more than 128",
                )
            ]
        server = bare("odd")
        async with used(server):
            assert [tool.description for tool in server.tools] == ["Read a file", "y" * 1024]
            assert await server.call("files_read_now", {}) == "Done."

    run(main(), virtual=True)


def test_a_list_without_end_is_cut() -> None:
    async def main() -> None:
        server = bare("many")
        async with used(server) as user:
            assert len(server.tools) == 128
            assert {reason for reason, _ in user.troubles} == {"tool_left_out"}
            assert len(user.troubles) == 1

    run(main(), virtual=True)


def test_a_changed_list_is_followed() -> None:
    async def main() -> None:
        server = bare("changing")
        async with used(server) as user:
            await server.call("change", {})
            await until(lambda: len(user.offers) == 2)
            assert user.offers == [["change"], ["change", "new"]]

    run(main(), virtual=True)


def test_all_kinds_of_content_become_text() -> None:
    async def main() -> None:
        server = bare("talk")
        async with used(server):
            assert await server.call("talk", {"b": 1, "a": 2}) == (
                "got ['a', 'b']\n[image]\nsome text\n[data]\n[a: file:///a]"
            )

    run(main(), virtual=True)


def test_lines_that_are_no_json_are_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "mcp")

    async def main() -> None:
        server = bare("garbage")
        async with used(server) as user:
            assert user.offers == [["talk", "die", "pid"]]
            assert (await server.call("talk", {})).startswith("got []")

    run(main(), virtual=True)


def test_what_a_server_says_of_an_error_stays_out_of_events() -> None:
    async def main() -> None:
        server = bare("refusing")
        async with used(server) as user:
            assert await refusal(server, "talk") == "The tool could not be run."
            assert user.troubles == [
                ("provider_failed", "the server answered with the error -32603")
            ]

    run(main(), virtual=True)


# Over HTTP.


def growing() -> MCPServer:
    server = MCPServer("desk")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    async def hang(ctx: Context) -> str:
        await ctx.report_progress(1, 2, "half way")
        await asyncio.sleep(3600)
        return "never"

    @server.tool()
    async def grow(ctx: Context) -> str:
        server.add_tool(add, name="more")
        await ctx.notify_tools_changed()
        return "grown"

    return server


class Guarded:
    """Lets requests with the right header pass."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        if scope["type"] == "http" and headers.get(b"authorization") != b"Bearer 4711":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"the token is 4711"})
            return
        await self._app(scope, receive, send)


def test_a_server_over_http_is_used_with_its_headers_and_its_changes_are_followed() -> None:
    async def main() -> None:
        # In step with real time: news that several hops bring must not be overtaken by a jump.
        with clock.in_step():
            async with serving(Guarded(growing().streamable_http_app())) as address:
                server = MCPServerHTTP(
                    f"{address.http}/mcp", {"Authorization": "Bearer 4711"}, tool_timeout=1.0
                )
                async with used(server) as user:
                    assert user.offers == [["add", "hang", "grow"]]
                    assert await server.call("add", {"a": 1, "b": 2}) == "3"
                    began = clock.now()
                    progress: list[str] = []
                    with pytest.raises(ToolError, match="took too long"):
                        await server.call("hang", {}, progress.append)
                    assert clock.now() - began > 0.99
                    assert progress == ["half way"]
                    assert await server.call("grow", {}) == "grown"
                    async with asyncio.timeout(10):
                        while len(user.offers) < 2:  # noqa: ASYNC110  # told by the server, whenever
                            await asyncio.sleep(0.02)
                    assert user.offers[1:] == [["add", "hang", "grow", "more"]]
                    assert await server.call("more", {"a": 2, "b": 2}) == "4"
                    assert user.troubles == []

    run(main(), virtual=True)


def test_a_server_that_refuses_us_is_told_of_without_secrets() -> None:
    async def main() -> None:
        async with serving(Guarded(growing().streamable_http_app())) as address:
            server = MCPServerHTTP(f"{address.http}/mcp", {"Authorization": "Bearer 0815"})
            async with used(server) as user:
                ((reason, message),) = user.troubles
                assert reason == "provider_failed"
                assert "4711" not in message
                assert "0815" not in message + repr(server)

    run(main(), virtual=True)


def test_a_server_that_goes_away_and_comes_back_is_found_again() -> None:
    async def main() -> None:
        async with serving(growing().streamable_http_app()) as address:
            server = MCPServerHTTP(f"{address.http}/mcp")
            user = User()
            await server.join(user)
        failed = await refusal(server, "add", a=1, b=1)
        assert failed.startswith("The connection broke off")
        await asyncio.sleep(5)
        assert await refusal(server, "add", a=1, b=1) == "The tool cannot be reached at the moment."
        assert ("link", "cannot be reached: ConnectError") in user.troubles
        count = len(user.troubles)
        async with serving(growing().streamable_http_app(), port=address.port):
            assert await server.call("add", {"a": 1, "b": 1}) == "2"
            assert len(user.troubles) == count
            await server.leave(user)

    run(main(), virtual=True)


# Who uses it.


def test_all_users_share_one_connection_and_the_last_one_closes_it() -> None:
    async def main() -> None:
        async with serving(growing().streamable_http_app()) as address:
            server = MCPServerHTTP(f"{address.http}/mcp")
            with pytest.raises(UsageError, match="is not connected"):
                await server.call("add", {"a": 1, "b": 1})
            async with server, used(server) as one:
                async with used(server) as two:
                    assert (one.offers, two.offers) == ([], [])
                    assert [tool.name for tool in server.tools] == ["add", "hang", "grow"]
                    with pytest.raises(UsageError, match="has that user already"):
                        await server.join(two)
                await server.leave(two)
                assert await server.call("add", {"a": 1, "b": 1}) == "2"
            assert not server.connected
            async with used(server):
                assert await server.call("add", {"a": 1, "b": 1}) == "2"

    run(main(), virtual=True)


def test_options_out_of_range_are_refused_with_the_range() -> None:
    url = "https://tools.example.com/mcp"
    for make, message in (
        (lambda: MCPServerStdio(""), "executable_path must not be empty"),
        (lambda: MCPServerStdio("x", "-v"), "process_arguments takes a list"),
        (lambda: MCPServerStdio("x", session_timeout=0), "session_timeout must be seconds above 0"),
        (lambda: MCPServerStdio("x", tool_timeout=-1), "tool_timeout must be seconds above 0"),
        (lambda: MCPServerStdio("x", allowed_tools="add"), "allowed_tools takes several names"),
        (lambda: MCPServerStdio("x", prefix="a b"), "prefix 'a b' must be of letters"),
        (lambda: MCPServerStdio("/"), "name must not be empty"),
        (lambda: MCPServerHTTP("tools.example.com"), "endpoint_url must be a URL"),
        (lambda: MCPServerHTTP(url, connection_timeout=0), "connection_timeout must be seconds"),
        (lambda: MCPServerHTTP(url, stream_read_timeout=0), "stream_read_timeout must be seconds"),
    ):
        with pytest.raises(ConfigError, match=message):
            make()
    assert repr(MCPServerHTTP(url)) == "<MCPServerHTTP tools.example.com>"
    assert repr(MCPServerStdio("/usr/bin/desk.py")) == "<MCPServerStdio desk>"

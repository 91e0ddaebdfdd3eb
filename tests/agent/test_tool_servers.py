"""Tool servers in a session: names, waiting, trouble, and who leaves when."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.agent.stage import APOLOGY, Script, Stage, on_stage
from tests.agent.test_tool_runs import spoken

from hookflash.agent import Agent, RunContext, SessionOptions, function_tool
from hookflash.agent.tool_servers import RemoteTool
from hookflash.agent.tools import ToolContext
from hookflash.errors import ToolError
from hookflash.events.session import ErrorOccurred
from hookflash.events.tools import ToolProgress
from hookflash.providers.chat import ToolCall, ToolSchema
from hookflash.providers.tool_server import ToolServer, ToolServerUser
from hookflash.runtime.clock import run
from hookflash.testing import Calls


class MemoryServer(ToolServer):
    """A server in memory."""

    def __init__(
        self, name: str, *tools: str, takes: float = 0.0, fails: bool = False, runs: float = 0.0
    ) -> None:
        super().__init__(name, prefix=None, tool_timeout=5.0)
        self.users: list[ToolServerUser] = []
        self.calls: list[tuple[str, Mapping[str, object]]] = []
        self._names = list(tools)
        self._takes = takes
        self._fails = fails
        self._runs = runs
        self._known = False

    @property
    def tools(self) -> tuple[ToolSchema, ...]:
        names = self._names if self._known else []
        return tuple(ToolSchema(name=name, description=f"Do {name}.") for name in names)

    def offer(self, *names: str) -> None:
        self._names = list(names)
        for user in self.users:
            user.tools_changed(self)

    async def join(self, user: ToolServerUser) -> None:
        self.users.append(user)
        await asyncio.sleep(self._takes)
        if self._fails:
            user.server_in_trouble(self, "link", "cannot be reached")
        else:
            self._known = True
            user.tools_changed(self)

    async def leave(self, user: ToolServerUser) -> None:
        await asyncio.sleep(0.1)
        self.users.remove(user)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, object],
        on_progress: Callable[[str], None] | None = None,
    ) -> str:
        self.calls.append((tool, arguments))
        if on_progress is not None and self._runs:
            on_progress("half way")
        await asyncio.sleep(self._runs)
        if tool == "broken":
            msg = "The tool cannot be reached at the moment."
            raise ToolError(msg)
        return f"{self.name} did {tool}"


def troubles(stage: Stage) -> list[tuple[str, str, str]]:
    return [(event.source, event.reason, event.message) for event in stage.of(ErrorOccurred)]


def outputs(stage: Stage) -> list[str]:
    return [item for item in stage.items if item.startswith(("output", "error"))]


def test_an_agents_own_tools_win_and_a_clashing_one_gets_its_servers_name() -> None:
    @function_tool
    async def find() -> str:
        return "found here"

    async def main() -> None:
        servers = [
            MemoryServer("crm.example", "find", "add"),
            MemoryServer("stock", "add", "find", "count"),
            MemoryServer("stock", "find"),
        ]
        agent = Agent(tools=[find], mcp_servers=servers)
        script: Script = [
            [Calls("find"), Calls("crm_example_find"), Calls("add"), Calls("stock_add")],
            "Done.",
        ]
        async with on_stage(agent, script) as stage:
            await stage.session.reply()
            assert sorted(outputs(stage)) == [
                "output add: crm.example did add",
                "output crm_example_find: crm.example did find",
                "output find: found here",
                "output stock_add: stock did add",
            ]
            assert troubles(stage) == [
                (
                    "mcp",
                    "name_clash",
                    "crm.example: the name find is taken; it is called crm_example_find here",
                ),
                ("mcp", "name_clash", "stock: the name add is taken; it is called stock_add here"),
                (
                    "mcp",
                    "name_clash",
                    "stock: the name find is taken; it is called stock_find here",
                ),
            ]

    run(main(), virtual=True)


def test_the_greeting_does_not_wait_for_servers_and_the_first_reply_does() -> None:
    class Desk(Agent):
        async def on_enter(self) -> None:
            self.session.say("Hello there.")
            self.session.reply()

    async def main() -> None:
        agent = Desk(mcp_servers=[MemoryServer("crm", "find", takes=2.0)])
        async with on_stage(agent, [Calls("find"), "Found."]) as stage:
            await asyncio.sleep(5)
            assert spoken(stage) == [(0.0, "Hello there."), (2.0, "Found.")]
            assert outputs(stage) == ["output find: crm did find"]

    run(main(), virtual=True)


def test_a_server_that_takes_too_long_is_not_waited_for_and_its_tools_come_later() -> None:
    async def main() -> None:
        agent = Agent(mcp_servers=[MemoryServer("crm", "find", takes=20.0)])
        setting = SessionOptions(apology=APOLOGY, tool_servers_within=1.5)
        script: Script = [Calls("find"), "Not yet.", Calls("find"), "Found."]
        async with on_stage(agent, script, options=setting) as stage:
            await stage.session.reply()
            assert spoken(stage) == [(1.5, "Not yet.")]
            await asyncio.sleep(20)
            await stage.session.reply()
            assert outputs(stage) == [
                "error find: There is no tool of that name. The tools are: none.",
                "output find: crm did find",
            ]

    run(main(), virtual=True)


def test_a_dead_server_is_a_warning_and_its_failing_tool_an_answer() -> None:
    async def main() -> None:
        agent = Agent(mcp_servers=[MemoryServer("dead", fails=True), MemoryServer("crm", "broken")])
        async with on_stage(agent, [Calls("broken"), "Sorry about that."]) as stage:
            await stage.session.reply()
            assert outputs(stage) == ["error broken: The tool cannot be reached at the moment."]
            assert spoken(stage) == [(0.0, "Sorry about that.")]
            assert troubles(stage) == [
                ("mcp", "link", "dead: cannot be reached"),
                ("tool", "tool_failed", "broken: ToolError"),
            ]

    run(main(), virtual=True)


def test_a_changed_list_is_what_the_next_request_offers() -> None:
    async def main() -> None:
        server = MemoryServer("crm", "find")
        script: Script = ["One.", Calls("count"), "Two."]
        async with on_stage(Agent(mcp_servers=[server]), script) as stage:
            await stage.session.reply()
            server.offer("find", "count")
            await stage.session.reply()
            assert outputs(stage) == ["output count: crm did count"]

    run(main(), virtual=True)


def test_what_a_server_says_of_its_progress_is_told() -> None:
    async def main() -> None:
        server = MemoryServer("crm", "find", runs=2.0)
        async with on_stage(Agent(mcp_servers=[server]), [Calls("find"), "Found."]) as stage:
            await stage.session.reply()
            (progress,) = stage.of(ToolProgress)
            assert (progress.tool, progress.text, progress.said) == ("find", "half way", False)

    run(main(), virtual=True)


def test_a_hand_off_leaves_the_servers_of_the_one_and_joins_those_of_the_other() -> None:
    shared, first, second = (
        MemoryServer("shared", "hours"),
        MemoryServer("first", "find"),
        MemoryServer("second", "pay"),
    )

    class Billing(Agent):
        async def on_enter(self) -> None:
            self.session.say("Billing.")

    @function_tool
    async def to_billing(ctx: RunContext[None]) -> Agent:
        return Billing(mcp_servers=[shared, second])

    async def main() -> None:
        agent = Agent(tools=[to_billing], mcp_servers=[shared, first])
        script: Script = [Calls("to_billing"), [Calls("find"), Calls("pay")], "Paid."]
        async with on_stage(agent, script) as stage:
            await stage.session.reply()
            await asyncio.sleep(1)
            assert [len(server.users) for server in (shared, first, second)] == [1, 0, 1]
            await stage.session.reply()
            assert sorted(outputs(stage)[1:]) == [
                "error find: There is no tool of that name. The tools are: hours, pay.",
                "output pay: second did pay",
            ]
        assert [len(server.users) for server in (shared, first, second)] == [0, 0, 0]

    run(main(), virtual=True)


def test_nulls_that_a_server_would_refuse_are_left_out() -> None:
    schema = ToolSchema(
        name="find",
        description="",
        parameters={
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "city": {"type": "string"},
                "floor": {"type": ["integer", "null"]},
                "street": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "house": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
                "free": {},
            },
            "required": ["name"],
        },
    )

    async def main() -> None:
        server = MemoryServer("crm")
        tool = RemoteTool(server, schema, "crm_find")
        context = ToolContext(ToolCall(call_id="1", tool="crm_find", arguments=""))
        assert tool.schema.name == "crm_find"
        names = ("name", "city", "floor", "street", "house", "free", "other")
        result = await tool.call(json.dumps(dict.fromkeys(names)), context)
        assert (result.output, result.is_error) == ("crm did find", False)
        everything: dict[str, Any] = dict.fromkeys(("name", "floor", "street", "free", "other"))
        assert server.calls == [("find", everything)]
        wrong = await tool.call("[1]", context)
        assert wrong.is_error
        assert "one JSON object" in wrong.output

    run(main(), virtual=True)

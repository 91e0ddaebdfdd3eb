"""A tool of a real tool server, used in a call over the pretend carrier's sockets."""

import asyncio

from mcp.server.mcpserver import Context, MCPServer
from tests.agent.stage import short
from tests.server.street import OURS, THEIRS, street

from hookflash import Agent, AgentSession, Call, Pipeline
from hookflash.agent import Filler, SessionOptions
from hookflash.emulator import Line, person
from hookflash.events.session import ToolFinished
from hookflash.events.tools import ToolProgress
from hookflash.providers.mcp import MCPServerHTTP
from hookflash.runtime import clock
from hookflash.runtime.serve import serving
from hookflash.testing import Calls, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD


def test_a_caller_hears_a_filler_while_a_tool_server_works_and_then_its_answer() -> None:
    parcels = MCPServer("parcels")
    told: list[object] = []
    items: list[str] = []

    @parcels.tool()
    async def track(ctx: Context, number: int) -> str:
        """Tell where a parcel is."""
        await asyncio.sleep(2)
        await ctx.report_progress(1, 2, "found the parcel")
        await asyncio.sleep(2)
        return f"parcel {number} is in Bergen"

    async def main() -> None:
        ears = ScriptedSTT()
        mind = ScriptedLLM([Calls("track", {"number": "7"}), "It is in Bergen."])
        pipeline = Pipeline(stt=ears, llm=mind, tts=ScriptedTTS(), vad=ScriptedVAD())
        filler = Filler(texts=("One moment.",), after=1.0)

        async with serving(parcels.streamable_http_app()) as address, street() as place:
            server = MCPServerHTTP(f"{address.http}/mcp")

            @place.app.on_call
            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(
                    Agent(mcp_servers=[server]),
                    pipeline,
                    options=SessionOptions(tool_filler=filler),
                )
                session.on("*", told.append)
                await session.start(call)
                await asyncio.sleep(1)
                ears.hearing.final("where is parcel seven")
                await session.wait_closed()
                items.extend(short(item) for item in session.history.items)
                assert not server.connected

            async def listens(line: Line) -> None:
                await line.wait(12)
                line.hang_up()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(listens))
            await call.ended()
            await place.app.drain()
            # The filler, another one after the progress or none, and the answer.
            filled, *_, last = call.line.heard.speech()
            assert 0.3 < filled[1] - filled[0] < 0.6
            assert 0.7 < last[1] - last[0] < 1.0

    clock.run(main(), virtual=True)
    assert items == [
        "user: where is parcel seven",
        'call track({"number": "7"})',
        "assistant: One moment.",
        "output track: parcel 7 is in Bergen",
        "assistant: It is in Bergen.",
    ]
    assert [event.text for event in told if isinstance(event, ToolProgress)] == ["found the parcel"]
    (finished,) = [event for event in told if isinstance(event, ToolFinished)]
    assert not finished.is_error
    assert 4.0 <= finished.seconds < 4.2

"""A test of a realtime agent: a local server that speaks the protocol, and virtual time."""

import asyncio

from docs.snippets.realtime_desk import FrontDesk

from hookflash import AgentSession, Pipeline
from hookflash.audio import beep
from hookflash.providers.openai_realtime import OpenAIRealtime
from hookflash.runtime import clock
from hookflash.testing import Calls, MemoryLeg
from hookflash.testing.realtime_server import RealtimeServer, RealtimeStep


def test_the_caller_is_told_the_hours() -> None:
    async def main() -> list[str]:
        script: list[RealtimeStep] = [
            "Harbour Dental, good morning.",
            Calls("opening_hours", {"day": "Monday"}),
            "From nine to five.",
        ]
        async with RealtimeServer(script, hears=["When are you open on Monday?"]) as server:
            pipeline = Pipeline(realtime=OpenAIRealtime(base_url=server.base_url))
            leg = MemoryLeg()
            session: AgentSession[None] = AgentSession(FrontDesk(), pipeline)
            await session.start(leg)
            await leg.say(beep(ms=800) + bytes(16_000))  # any sound, then a second of silence
            await asyncio.sleep(3)
            leg.hang_up()
            await session.wait_closed()
            assert session.call is not None
            await session.call.aclose()
            await pipeline.aclose()
            return [message.text for message in session.history.messages[1:]]

    assert clock.run(main(), virtual=True) == [
        "Harbour Dental, good morning.",
        "When are you open on Monday?",
        "From nine to five.",
    ]

"""A test of an agent: scripted ears, mind and voice, a leg in memory, and virtual time."""

import asyncio

from hookflash import Agent, AgentSession, Pipeline, function_tool
from hookflash.runtime import clock
from hookflash.testing import Calls, MemoryLeg, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD


class FrontDesk(Agent):
    async def on_enter(self) -> None:
        await self.session.say("Harbour Dental, how can I help?")

    @function_tool
    def opening_hours(self) -> str:
        """Tell when the practice is open."""
        return "nine to five"


def test_the_caller_is_told_the_hours() -> None:
    async def main() -> list[str]:
        leg, ears = MemoryLeg(), ScriptedSTT()
        mind = ScriptedLLM([[Calls("opening_hours")], "From nine to five."])
        pipeline = Pipeline(stt=ears, llm=mind, tts=ScriptedTTS(), vad=ScriptedVAD())
        session: AgentSession[None] = AgentSession(FrontDesk(), pipeline)
        await session.start(leg)
        ears.hearing.final("when are you open")
        await asyncio.sleep(5)
        leg.hang_up()
        await session.wait_closed()
        return [message.text for message in session.history.messages]

    assert clock.run(main(), virtual=True) == [
        "Harbour Dental, how can I help?",
        "when are you open",
        "From nine to five.",
    ]

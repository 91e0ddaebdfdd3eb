"""An agent that says things in every way there is."""

import asyncio

from hookflash import Agent, AgentSession, RunContext, SpeechMode, function_tool, wake_up_ladder
from hookflash.calls import Call
from hookflash.events.session import UtteranceSpoken
from hookflash.pipeline import Pipeline


class Pharmacy(Agent):
    def __init__(self) -> None:
        super().__init__("You are the telephone service of a pharmacy. Be brief.")

    async def on_enter(self) -> None:
        await self.session.say("Harbour Pharmacy, good morning.")
        self.session.say("This call may be monitored.", interruptible=False)
        self.session.reply("Ask how you can help.")

    @function_tool
    async def find_prescription(self, ctx: RunContext[None], number: str) -> str:
        """Look up a prescription."""
        await ctx.session.say("One moment, I am looking that up.")
        await asyncio.sleep(2)
        return f"Prescription {number} is ready."


async def announce(session: AgentSession[None]) -> bool:
    handle = session.say("We close in five minutes.", mode=SpeechMode.INTERRUPT)
    await handle
    return not handle.interrupted and handle.spoken_text == "We close in five minutes."


def keep_minutes(session: AgentSession[None], minutes: list[str]) -> None:
    @session.on(UtteranceSpoken)
    def note(event: UtteranceSpoken) -> None:
        minutes.append(event.heard)


async def answer(call: Call, pipeline: Pipeline) -> None:
    session: AgentSession[None] = AgentSession(Pharmacy(), pipeline, wake_up=wake_up_ladder(8.0))
    await session.start(call, run_until_shutdown=True)

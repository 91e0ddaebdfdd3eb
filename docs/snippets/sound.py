"""An agent with sounds around its speech."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hookflash import (
    Agent,
    AgentSession,
    BackgroundAudioHandlerConfig,
    Call,
    HoldMusic,
    Pipeline,
    Sound,
    function_tool,
)


async def answer(call: Call, pipeline: Pipeline) -> None:
    office = BackgroundAudioHandlerConfig("office", looping=True, volume=0.7)
    session: AgentSession[None] = AgentSession(OrderDesk(), pipeline, background_audio=office)
    await session.start(call, run_until_shutdown=True)


async def music_for_a_while(session: AgentSession[None], file: str) -> None:
    music = BackgroundAudioHandlerConfig(
        file,
        looping=True,
        volume=0.5,
        fade_in=2.0,
        duck_db=18.0,
    )
    await session.play_background_audio(music)
    await asyncio.sleep(20)
    await session.stop_background_audio()


class OrderDesk(Agent):
    def __init__(self) -> None:
        super().__init__("You tell callers where their order is.")
        self.set_thinking_audio()

    @function_tool
    async def find_order(self, number: str) -> str:
        """Find out where an order is."""
        await asyncio.sleep(3)  # the caller hears somebody type
        return f"Order {number} is on its way."


def seconds_left(waited: float) -> str | None:
    left = 120 - round(waited, -1)
    return f"It will take about {left:.0f} seconds more." if left > 0 else None


@asynccontextmanager
async def on_hold(session: AgentSession[None]) -> AsyncIterator[None]:
    session.hold(HoldMusic(volume=0.6, comfort=seconds_left, comfort_every=20))
    try:
        yield
    finally:
        session.unhold()


async def play_jingle(session: AgentSession[None], file: str) -> None:
    await session.say("(jingle)", audio=Sound.from_file(file), add_to_chat_context=False)

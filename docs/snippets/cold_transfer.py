"""Hand a caller to somebody without a word to them before; a room of one's own."""

from hookflash import Agent, App, Call, function_tool
from hookflash.calls import Room

SALES = "+14155550100"


class Reception(Agent):
    def __init__(self) -> None:
        super().__init__("You are the reception of a water company.")

    @function_tool
    async def put_through_to_sales(self) -> str:
        """Put the caller through to sales, when they want to buy something."""
        outcome = await self.session.call_transfer(SALES, ring_timeout=20.0)
        # Only a caller who is back gets here for long: the session of another closes.
        return f"Nobody in sales took the call: {outcome.outcome}. Offer to take a message."


async def ask_a_colleague(app: App, caller: Call, agent: Call) -> None:
    """Caller and agent talk in a room; a colleague listens, and whispers to the agent."""
    room = Room(app)
    await room.enter(caller)
    await room.enter(agent, ends=True)

    colleague = await app.dial("+14155550111", caller.line)
    await colleague.answer()
    await room.enter(colleague, coaches=agent)

    await agent.wait_ended()
    room.close()

"""Two agents that pass a caller between them, and a session that changes its voice."""

from hookflash import Agent, AgentSession, function_tool


class Billing(Agent):
    def __init__(self) -> None:
        super().__init__("You are the billing desk of a water company.", inherit_context=True)

    async def on_enter(self) -> None:
        self.session.say("Billing here. I have heard what you told my colleague.")


class Reception(Agent):
    def __init__(self) -> None:
        super().__init__("You are the reception of a water company.")

    async def on_exit(self) -> None:
        await self.session.say("I put you through.")

    @function_tool
    async def to_billing(self) -> Agent:
        """Pass the caller to the billing desk, for questions about bills."""
        return Billing()


async def go_on_in_german(session: AgentSession[None]) -> None:
    await session.change(language="de", instructions="Du bist der Empfang. Sprich Deutsch.")

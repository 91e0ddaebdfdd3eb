"""Keys: those that the caller presses, those that the agent presses, and secret ones."""

from hookflash import Agent, AgentSession, App, Call, Pipeline, function_tool
from hookflash.agent import DTMFHandler

app = App()


class Payments(Agent):
    async def on_enter(self) -> None:
        self.session.say("Harbour Dental, payments. Please key your booking number.")

    @function_tool
    async def take_card(self) -> str:
        """Take the caller's card number and charge it."""
        with self.session.sensitive() as secret:
            self.session.say("Please key your card number, and then the hash key.")
            answer = await secret.answer(within=60)
            if answer is None or not answer.keyed:
                return "The caller gave no card number."
            charge(answer.text)
        return "The card was charged."

    @function_tool
    async def dial_workshop(self) -> str:
        """Reach the workshop through its menu."""
        await self.session.send_dtmf("2w*17")
        return "The workshop rings."


def charge(card: str) -> None:
    """Your payment service goes here."""


async def key_pressed(digit: str) -> None:
    if digit == "0":
        print("the caller wants a person")


@app.on_call
async def answer(call: Call) -> None:
    session: AgentSession[None] = AgentSession(
        Payments(), Pipeline.local(), dtmf_handler=DTMFHandler(key_pressed)
    )
    await session.start(call, run_until_shutdown=True)

"""Digits and menus: a bank line that asks for an account number, a PIN and a department."""

from hookflash import Agent, AgentSession, App, Call, Pipeline, function_tool
from hookflash.tasks import (
    CaptureDeclined,
    DtmfCollectionError,
    DtmfMenu,
    GetDtmfTask,
)

app = App()


class Bank(Agent):
    async def on_enter(self) -> None:
        self.session.say("Harbour Bank.")
        department = await DtmfMenu(
            {"1": "accounts", "2": "cards", "0": "a person"},
            words={"2": ("cards", "my card", "a stolen card")},
        )
        await self.session.say(f"You are with {department}.")

    @function_tool(phrases=("my balance",))
    async def balance(self) -> str:
        """Tell the caller their balance."""
        account = await GetDtmfTask(
            num_digits=6,
            ask_for_confirmation=True,
            prompt="Please key or say the 6 digits of your account number.",
        )
        pin = await GetDtmfTask(
            num_digits=4,
            sensitive=True,
            voice=False,
            prompt="And now your 4 digit PIN, on your keypad please.",
        )
        return look_up(account.digits, pin.digits)

    @function_tool(phrases=("check an invoice",))
    async def check_invoice(self) -> str:
        """Check whether an invoice was paid."""
        try:
            invoice = await GetDtmfTask(
                minimum=5,
                maximum=8,
                first_digit_timeout=15,
                max_attempts=2,
                prompt="Please key your invoice number, and then the hash key.",
                reprompts=("The invoice number is at the top right. Please key it now.",),
            )
        except CaptureDeclined as declined:
            return f"No invoice was checked: {declined.reason}."
        except DtmfCollectionError as failed:
            return f"No invoice was checked: {failed.reason}, {failed.digits_count} digits."
        return f"Invoice {invoice.digits} is paid."


def look_up(account: str, pin: str) -> str:
    """Your bank goes here."""
    return "Your balance is twelve pounds."


@app.on_call
async def answer(call: Call) -> None:
    session: AgentSession[None] = AgentSession(Bank(), Pipeline.local())
    await session.start(call, run_until_shutdown=True)

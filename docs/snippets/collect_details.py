"""An agent that collects a caller's details, one task for each."""

from hookflash import Agent, AgentSession, App, Call, Pipeline, function_tool
from hookflash.tasks import (
    AttemptsExceeded,
    CaptureDeclined,
    GetAddressTask,
    GetDOBTask,
    GetEmailTask,
    GetNameTask,
    GetPhoneNumberTask,
)

app = App()


class Reception(Agent):
    def __init__(self) -> None:
        super().__init__("You register patients of a dental practice.")

    @function_tool(phrases=("newsletter",))
    async def newsletter(self) -> str:
        """Put the caller on the list of the newsletter."""
        try:
            email = await GetEmailTask(extra_instructions="It is for the newsletter.")
        except CaptureDeclined as exc:
            return f"The caller gave none: {exc.reason}."
        except AttemptsExceeded:
            return "It could not be understood. Offer to take it by letter."
        return f"{email.email_address} is on the list."

    @function_tool(phrases=("call me back",))
    async def call_back(self) -> str:
        """Have the caller called back."""
        number = await GetPhoneNumberTask(default_region="GB")
        return f"We will call {number.phone_number}."

    @function_tool(phrases=("register",))
    async def register(self) -> str:
        """Register the caller as a patient."""
        name = await GetNameTask(last_name=True, verify_spelling=True)
        born = await GetDOBTask(min_age=16)
        home = await GetAddressTask(require_explicit_ask=True)
        return f"{name.full_name}, born {born.date_of_birth}, lives at {home.address}."


@app.on_call
async def answer(call: Call) -> None:
    session: AgentSession[None] = AgentSession(Reception(), Pipeline.local())
    await session.start(call, run_until_shutdown=True)

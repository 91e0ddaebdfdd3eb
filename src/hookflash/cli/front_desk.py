"""The agent of the demo: the front desk of a dental practice."""

import asyncio

from hookflash.agent import Agent, RunContext, function_tool
from hookflash.agent.session import KEYPAD

__all__ = ["FrontDesk"]

_APPOINTMENTS = {"4217": "Tuesday at ten fifteen with Doctor Lee"}

_INSTRUCTIONS = f"""\
You answer the phone for Harbour Dental. Be friendly and brief: this is a phone call, so answer in
one or two short sentences without lists or symbols. Use the tools for opening hours and
appointments. To find an appointment, ask the caller to key in their four digit booking number;
what they key arrives as "{KEYPAD}1234". When the caller says goodbye, use end_call."""


class FrontDesk(Agent):
    """Tells the opening hours, finds an appointment by its keyed number, says goodbye."""

    def __init__(self) -> None:
        """Begin without having served anybody."""
        super().__init__(_INSTRUCTIONS)
        self.used: list[str] = []
        """The tools that were used, in order."""

    async def on_enter(self) -> None:
        """Greet."""
        await self.session.say("Harbour Dental, good morning. How can I help you?")

    @function_tool(
        phrases=(
            "what are your opening hours",
            "opening hours",
            "when are you open",
            "when do you open",
        )
    )
    def opening_hours(self) -> str:
        """Tell when the practice is open."""
        self.used.append("opening_hours")
        return (
            "We are open from Monday to Friday, from nine in the morning until five in the "
            "afternoon. On Saturday we are open from ten until two. We are closed on Sunday and "
            "on public holidays."
        )

    @function_tool(phrases=("check my appointment", "my appointment", "when is my appointment"))
    async def find_appointment(self, booking_number: str) -> str:
        """Find the caller's appointment.

        Args:
            booking_number: your four digit booking number
        """
        self.used.append("find_appointment")
        # As a practice's booking system would take a moment.
        await asyncio.sleep(0.3)
        digits = "".join(each for each in booking_number if each.isdigit())
        found = _APPOINTMENTS.get(digits)
        if found is None:
            return "I cannot find that booking number. Please key in the four digits again."
        return f"Your appointment is on {found}. Is there anything else?"

    @function_tool(phrases=("goodbye", "that is all", "thank you goodbye"))
    async def end_call(self, ctx: RunContext[None]) -> None:
        """Hang up, after you have said goodbye."""
        self.used.append("end_call")
        await ctx.session.hangup()

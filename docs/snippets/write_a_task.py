"""Tasks of one's own: a plain one, and one that collects a value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hookflash.agent import Agent, RunContext, function_tool
from hookflash.tasks import AgentTask, Asking, CaptureTask, FieldTexts
from hookflash.tasks.spoken import Heard, Problem, ProblemKind, Reading, hear_digits


class GetConsent(AgentTask[bool]):
    def __init__(self) -> None:
        super().__init__("Find out whether the caller agrees to be recorded.", timeout=60)

    async def on_enter(self) -> None:
        self.session.say("May I record this call?")

    @function_tool(phrases=("yes", "of course"))
    async def agree(self) -> None:
        """The caller agrees."""
        self.complete(True)

    @function_tool(phrases=("no", "I would rather not"))
    async def disagree(self) -> None:
        """The caller does not agree."""
        self.complete(False)


class Desk(Agent):
    async def on_enter(self) -> None:
        if await GetConsent():
            self.session.say("Thank you. How can I help?")
        else:
            self.session.say("All right, nothing is recorded. How can I help?")


PARCEL = FieldTexts(
    field="parcel number",
    label="parcel number",
    tool="parcel",
    declined="parcel",
    missing="error: no parcel number was provided, `update_parcel` must be called before",
    about="It has eight digits.",
    askings=(
        Asking(questions=("What is the parcel number?",), advice="ask for the number."),
        Asking(
            questions=("Please say the first four digits.", "And the last four digits?"),
            advice="ask for the first four digits, then for the last four.",
            joined="{0} {1}",
        ),
    ),
)


@dataclass(frozen=True)
class Parcel:
    number: str


class GetParcelTask(CaptureTask[str, Parcel]):
    def __init__(self) -> None:
        super().__init__(PARCEL)

    @function_tool
    async def update_parcel(self, ctx: RunContext[None], number: str) -> str | None:
        """Take the parcel number as the user has given it so far.

        Args:
            ctx: The reply.
            number: Eight digits.
        """
        digits = re.sub(r"\D", "", number)
        if len(digits) != 8:
            self.refuse(f"Invalid parcel number provided: {number}")
        return self.offer(ctx, digits)

    def hear(self, text: str) -> Heard[str]:
        heard = hear_digits(text, length=8)
        if heard.value == "00000000":
            return Heard(problem=Problem(ProblemKind.INVALID, "There is no such parcel."))
        return heard

    def written(self, value: str) -> str:
        return value

    def reading(self, value: str, way: Reading) -> str:
        return " ".join(value) if way is not Reading.WHOLE else f"{value[:4]} {value[4:]}"

    def was_said(self, value: str, turns: Sequence[str]) -> bool:
        return any(self.hear(text).value == value for text in (*turns, " ".join(turns[-2:])))

    def result(self, value: str) -> Parcel:
        return Parcel(value)

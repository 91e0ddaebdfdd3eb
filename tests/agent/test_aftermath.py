"""What the model knows of a transfer that has failed, and what the history says of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.agent.stage import Script, short
from tests.agent.test_transfer import HOLD_LINE, ended_well, spoken, virtually
from tests.agent.transfer_stage import ANN, SUMMARY, TransferStage, at_desks

from hookflash.agent import Agent, function_tool
from hookflash.calls.transfer_types import PhoneDestination, WarmTransferConfig, WarmTransferError
from hookflash.events.call import Outcome
from hookflash.testing.scripted import Calls

BUSY = (
    "system: The caller was to be handed to Ann; nobody took the call (busy). "
    "They are back with you."
)
SORRY = "I'm sorry, the line is busy. Let me go on helping you."
BOB = PhoneDestination("+14155550111", "Bob")


def shown(place: TransferStage) -> list[str]:
    """What the model was shown when it was asked last."""
    return [short(item) for item in place.stage.llm.requests[-1].items]


async def fails(place: TransferStage, outcome: Outcome = Outcome.BUSY) -> None:
    await place.desk.rings()
    place.desk.ends(outcome)


def test_a_caller_who_talks_over_the_apology_is_answered_by_a_model_that_knows() -> None:
    async def main() -> None:
        async with at_desks(script=["Yes, of course."]) as place:
            transfer = place.begin()
            await fails(place)
            await asyncio.sleep(0.5)
            await place.caller_says("Can you call them later?")
            await transfer
            await asyncio.sleep(2.0)
            *_, cut, answer = spoken(place)
            assert answer == "Yes, of course."
            heard = [f"assistant: {HOLD_LINE}", f"assistant: {cut} [cut]"]
            heard.append("user: Can you call them later?")
            assert shown(place) == [heard[0], BUSY, *heard[1:]]

            session = place.stage.session
            assert place.stage.items == [*heard, "assistant: Yes, of course."]
            plain = session.get_context_history(include_system_messages=True)
            roles = [item["role"] for item in plain]
            assert roles == ["assistant", "assistant", "user", "assistant"]
            assert BUSY in [short(item) for item in session.context_for_model().items]

    virtually(main)


class Clerk(Agent):
    """Hands the caller over in a tool."""

    def __init__(self, ask: Callable[[Agent], Any]) -> None:
        super().__init__()
        self._ask = ask

    @function_tool
    async def get_a_person(self) -> str:
        """Get a person."""
        await self._ask(self)
        return "Nobody is there."


@pytest.mark.parametrize("cold", [False, True])
def test_in_a_tool_its_output_says_it_and_nothing_else_does(cold: bool) -> None:
    async def main() -> None:
        config = WarmTransferConfig(ANN)

        async def ask(agent: Agent) -> None:
            if cold:
                await agent.session.call_transfer(ANN.number)
            else:
                await agent.session.warm_transfer(config)

        summary = () if cold else (SUMMARY,)
        script: Script = [[Calls("get_a_person")], *summary, "What else?"]
        async with at_desks(Clerk(ask), script) as place:
            await place.caller_says("A person, please.")
            await fails(place)
            await asyncio.sleep(10.0)
            lines = [] if cold else [f"assistant: {HOLD_LINE}", f"assistant: {SORRY}"]
            assert shown(place) == [
                "user: A person, please.",
                "call get_a_person({})",
                *lines,
                "output get_a_person: Nobody is there.",
            ]

    virtually(main)


def test_a_tool_that_ran_out_of_time_has_not_said_it() -> None:
    class Hasty(Agent):
        @function_tool(timeout=8.0)
        async def get_a_person(self) -> None:
            """Get a person."""
            await self.session.warm_transfer(config)

    config = WarmTransferConfig(ANN)

    async def main() -> None:
        script: Script = [[Calls("get_a_person")], SUMMARY, "One moment.", "They are busy."]
        async with at_desks(Hasty(), script) as place:
            await place.caller_says("A person, please.")
            await place.desk.rings()
            await asyncio.sleep(10.0)
            place.desk.ends(Outcome.BUSY)
            await asyncio.sleep(10.0)
            await place.caller_says("And now?")
            await asyncio.sleep(2.0)
            assert BUSY in shown(place)

    virtually(main)


def test_a_hook_has_no_output_so_its_model_is_told() -> None:
    class Eager(Agent):
        async def on_user_turn_completed(self, text: str) -> None:
            if "person" in text:
                await self.session.warm_transfer(config)

    config = WarmTransferConfig(ANN)

    async def main() -> None:
        async with at_desks(Eager(), ["One moment.", SUMMARY, "What else?"]) as place:
            await place.caller_says("A person, please.")
            await fails(place)
            await asyncio.sleep(10.0)
            assert shown(place) == [
                "user: A person, please.",
                f"assistant: {HOLD_LINE}",
                BUSY,
                f"assistant: {SORRY}",
            ]
            assert spoken(place)[-1] == "What else?"

    virtually(main)


async def note_of(place: TransferStage, transfer: "asyncio.Task[Any]") -> str:
    """What models are told once a transfer has failed."""
    await asyncio.wait([transfer])
    await ended_well(place)
    items = place.stage.session.context_for_model().items
    (note,) = [short(item) for item in items if short(item).startswith("system: ")]
    return note.removeprefix("system: The caller was to be handed to ")


def test_each_of_several_attempts_is_told_with_its_reason() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(destinations=[ANN, BOB])
            await fails(place)
            await fails(place, Outcome.NO_ANSWER)
            assert await note_of(place, transfer) == (
                "Ann or Bob; nobody took the call (Ann: busy, Bob: no answer). "
                "They are back with you."
            )

    virtually(main)


def test_the_reason_for_a_no_is_told_in_one_line_and_no_number_is() -> None:
    async def main() -> None:
        said = "Call\n415 555 0177 at 5. " + "No. " * 100
        script: Script = [[Calls("decline_transfer", {"reason": said})]]
        async with at_desks(script=script) as place:
            desk = PhoneDestination("+14155550100", "Desk +14155550100")
            transfer = place.begin(destination=desk)
            await place.briefed()
            await place.supervisor_says("No.")
            note = await note_of(place, transfer)
            assert note.startswith(
                "Desk +•••••••••••; nobody took the call (declined: Call ••• ••• •••• at 5. No."
            )
            assert len(note) < 300

    virtually(main)


def test_a_caller_who_did_not_want_to_wait_is_told_of_as_one() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await asyncio.sleep(0.5)
            place.stage.leg.press("*")
            assert await note_of(place, transfer) == (
                "Ann; they did not want to wait any longer. They are back with you."
            )

    virtually(main)


def test_a_transfer_that_the_program_gave_up_is_told_of_as_one() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.desk.rings()
            transfer.cancel()
            assert await note_of(place, transfer) == (
                "Ann; that was given up. They are back with you."
            )

    virtually(main)


def test_a_transfer_of_which_the_caller_heard_nothing_is_not_told_of() -> None:
    async def main() -> None:
        async with at_desks() as place:
            place.call.control = None
            with pytest.raises(WarmTransferError):
                await place.begin()
            assert place.stage.session.context_for_model().items == ()

    virtually(main)


def test_after_a_transfer_without_a_word_that_failed_the_model_is_told() -> None:
    async def main() -> None:
        async with at_desks(script=["Then what?"]) as place:
            session = place.stage.session
            transfer = asyncio.create_task(session.call_transfer(ANN.number))
            await fails(place)
            await transfer
            await place.caller_says("Well?")
            await asyncio.sleep(2.0)
            assert shown(place) == [
                "system: The caller was to be handed to somebody else; "
                "nobody took the call (busy). They are back with you.",
                "user: Well?",
            ]
            assert place.stage.items == ["user: Well?", "assistant: Then what?"]

    virtually(main)

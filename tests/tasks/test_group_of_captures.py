"""Groups of the ready-made tasks: going back suspends one that listens by itself."""

import asyncio
from typing import Any

from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import Agent, function_tool
from hookflash.runtime import clock
from hookflash.tasks.dtmf import GetDtmfTask
from hookflash.tasks.email import GetEmailTask
from hookflash.tasks.group import TaskGroup
from hookflash.testing import Calls


class Desk(Agent):
    """Gets an e-mail address, and then a number."""

    def __init__(self) -> None:
        super().__init__("You are a desk.")
        self.results: dict[str, Any] = {}

    @function_tool
    async def form(self) -> str:
        """Fill in the form."""
        group = TaskGroup(summarize_chat_ctx=False)
        group.add(
            lambda: GetEmailTask(require_confirmation=False),
            id="email",
            description="Gets the e-mail address",
        )
        group.add(
            lambda: GetDtmfTask(4, prompt="Please key in 4 digits."),
            id="code",
            description="Gets the code",
        )
        self.results = (await group).task_results
        return "done"


def email(address: str) -> list[Calls]:
    return [Calls("update_email_address", {"email": address})]


SCRIPT: Script = [
    [Calls("form")],
    "What is your email address?",
    email("jane@example.com"),
    [Calls("out_of_scope", {"task_ids": ["email"]})],
    "What is your email address then?",
]


async def begin(stage: Stage) -> None:
    for words, pause in (
        ("fill in the form", 2.0),
        ("jane at example dot com", 3.0),
        ("sorry the address was wrong", 3.0),
    ):
        await stage.caller_says(words)
        await asyncio.sleep(pause)


def said_since(stage: Stage, words: str) -> list[str]:
    items = [item for item in stage.items if item.startswith("assistant")]
    place = max(index for index, item in enumerate(items) if words in item)
    return items[place + 1 :]


def test_an_interrupted_task_does_not_take_what_the_caller_says_in_another() -> None:
    async def main() -> None:
        desk = Desk()
        script: Script = [*SCRIPT, email("john1234@example.com"), "And the code?"]
        async with on_stage(desk, script) as stage:
            await begin(stage)
            await stage.caller_says("john one two three four at example dot com")
            await asyncio.sleep(3.0)
            assert desk.results == {}
            stage.leg.press("5678")
            await asyncio.sleep(2.0)
            assert desk.results["email"].email_address == "john1234@example.com"
            assert desk.results["code"].digits == "5678"

    clock.run(main(), virtual=True)


def test_an_interrupted_task_does_not_take_keys() -> None:
    async def main() -> None:
        desk = Desk()
        script: Script = [*SCRIPT, "Please say it.", email("john@example.com"), "And the code?"]
        async with on_stage(desk, script) as stage:
            await begin(stage)
            stage.leg.press("9999#")
            await asyncio.sleep(3.0)
            assert "user: Keypad: 9999" in stage.items
            assert desk.results == {}
            await stage.caller_says("john at example dot com")
            await asyncio.sleep(3.0)
            stage.leg.press("5678")
            await asyncio.sleep(2.0)
            assert desk.results["code"].digits == "5678"

    clock.run(main(), virtual=True)


def test_an_interrupted_task_does_not_ask_while_the_caller_is_silent_in_another() -> None:
    async def main() -> None:
        desk = Desk()
        async with on_stage(desk, SCRIPT) as stage:
            await begin(stage)
            await asyncio.sleep(10.0)
            assert said_since(stage, "What is your email address then?") == []

    clock.run(main(), virtual=True)


def test_an_interrupted_capture_does_not_ask_while_the_caller_is_silent_in_another() -> None:
    class TwoEmails(Desk):
        @function_tool
        async def form(self) -> str:
            """Fill in the form."""
            group = TaskGroup(summarize_chat_ctx=False)
            group.add(
                lambda: GetDtmfTask(4, prompt="Please key in 4 digits."),
                id="code",
                description="Gets the code",
            )
            group.add(
                lambda: GetEmailTask(answer_within=5.0, max_attempts=2),
                id="email",
                description="Gets the e-mail address",
            )
            self.results = (await group).task_results
            return "done"

    async def main() -> None:
        desk = TwoEmails()
        script: Script = [
            [Calls("form")],
            "What is your email address?",
            [Calls("out_of_scope", {"task_ids": ["code"]})],
        ]
        async with on_stage(desk, script) as stage:
            await stage.caller_says("fill in the form")
            await asyncio.sleep(3.0)
            stage.leg.press("1234")
            await asyncio.sleep(3.0)
            await stage.caller_says("sorry the number was wrong")
            await asyncio.sleep(8.0)
            stage.leg.press("5678")
            await asyncio.sleep(2.0)
            assert "output out_of_scope" in stage.items[-2]
            assert stage.items[-1] == "assistant: All right."
            assert len([item for item in stage.items if "Please key in" in item]) == 2

    clock.run(main(), virtual=True)

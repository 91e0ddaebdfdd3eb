"""The programs of the pages about groups of tasks and cards run."""

import asyncio

from docs.snippets import collect_card, task_group
from tests.agent.stage import Script, on_stage

from hookflash.runtime import clock
from hookflash.testing import Calls


def test_the_survey_of_the_page_collects_both_answers() -> None:
    async def main() -> None:
        survey = task_group.Survey()
        script: Script = [
            [Calls("ask")],
            "How often will you come again?",
            "They were happy.",
            "Goodbye.",
        ]
        async with on_stage(survey, script) as stage:
            await stage.caller_says("I am ready")
            await asyncio.sleep(4)
            stage.leg.press("1")
            await asyncio.sleep(5)
            stage.leg.press("9")
            await asyncio.sleep(5)
            assert survey.answered == ["visit", "again"]
            assert "output ask: The visit was good, coming again 9 of 9." in stage.items

    clock.run(main(), virtual=True)


def test_the_order_of_the_page_says_what_is_missing() -> None:
    async def main() -> None:
        async with on_stage(task_group.Order(), [[Calls("take_order")]]) as stage:
            await stage.caller_says("I want to order")
            await asyncio.sleep(5)
            stage.leg.press("1234")
            await asyncio.sleep(90)
            assert "output take_order: Could not get: quantity" in stage.items

    clock.run(main(), virtual=True)


async def pay(agent: collect_card.Till | collect_card.Subscriptions, tool: str) -> list[str]:
    script: Script = [
        [Calls(tool)],
        "What name is on the card?",
        [Calls("update_name", {"first_name": "Jane", "last_name": "Doe"})],
        "Jane Doe, is that right?",
        [Calls("confirm_name")],
        "Done.",
    ]
    async with on_stage(agent, script) as stage:
        await stage.caller_says("here is my card")
        for keys in ("4242424242424242", "0435", "1", "012"):
            await asyncio.sleep(6)
            stage.leg.press(keys)
        for words in ("Jane Doe", "yes"):
            await asyncio.sleep(5)
            await stage.caller_says(words)
        await asyncio.sleep(4)
        return stage.items


def test_the_till_of_the_page_charges_the_card() -> None:
    items = clock.run(pay(collect_card.Till(), "pay"), virtual=True)
    assert "output pay: Charged the Visa card ending in 4242." in items
    assert collect_card.CHARGED == ["4242424242424242"]


def test_the_tokeniser_of_the_page_keeps_the_card() -> None:
    items = clock.run(pay(collect_card.Subscriptions(), "renew"), virtual=True)
    assert "output renew: Renewed with tok_0." in items
    assert collect_card.VAULT == {"tok_0": "4242424242424242"}

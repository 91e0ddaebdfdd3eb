"""The program of the page about tools does what the page says."""

import asyncio

from docs.snippets import tools
from tests.agent.stage import Script, on_stage
from tests.agent.test_tool_runs import spoken

from hookflash.events.tools import ToolProgress
from hookflash.runtime import clock
from hookflash.testing import Calls


def test_the_parcel_service_tracks_plans_and_confirms() -> None:
    async def main() -> None:
        caller = tools.Caller("Ms Holm")
        script: Script = [
            Calls("track", {"number": "12"}),
            "It is in Bergen.",
            Calls("track", {"number": 12_000}),
            "Could you read it again?",
            Calls("plan", {"day": "2026-03-02", "parcels": 50}),
            Calls("plan", {"day": "2026-03-02", "parcels": "5"}),
            "Monday then.",
            Calls("confirm"),
        ]
        async with on_stage(
            tools.Parcels(), script, options=tools.options, userdata=caller
        ) as stage:
            for _ in range(4):
                await stage.session.reply()
            assert [words for _, words in spoken(stage)] == [
                "One moment, I look that up.",
                "It is in Bergen.",
                "One moment, I look that up.",
                "Could you read it again?",
                "One moment, please.",
                "I have found a driver.",
                "Monday then.",
                "Your pick-up is confirmed. Goodbye!",
            ]
            outputs = [item for item in stage.items if item.startswith(("output", "error"))]
            assert outputs == [
                "output track: parcel 12 is in Bergen",
                "error track: There is no such parcel. Ask the caller to read the number again.",
                "error plan: The arguments are not valid. parcels: Input should be less than or "
                "equal to 20. Correct them and call again.",
                "output plan: planned for Ms Holm on Monday: 5",
                "output confirm: Done.",
            ]
            assert len(stage.of(ToolProgress)) == 2
            assert caller.notes == ["confirmed"]

    clock.run(main(), virtual=True)


def test_the_warehouse_is_asked() -> None:
    async def main() -> None:
        script: Script = [Calls("stock", {"article": "rope"}), "Four."]
        async with tools.warehouse, on_stage(tools.Warehouse(), script) as stage:
            await stage.session.reply()
            await asyncio.sleep(1)
            assert stage.items[1:] == [
                'call stock({"article": "rope"})',
                "output stock: 4 pieces",
                "assistant: Four.",
            ]

    clock.run(main(), virtual=True)

"""The programs of the pages about sessions do what the pages say."""

import asyncio

from docs.snippets import hand_off, hooks, speech
from tests.agent.stage import Script, on_stage

from hookflash.agent import Agent
from hookflash.runtime import clock
from hookflash.testing import Calls


def test_the_pharmacy_speaks_in_every_way() -> None:
    async def main() -> None:
        script: Script = [
            "How can I help?",
            [Calls("find_prescription", {"number": "12"})],
            "It is ready.",
        ]
        async with on_stage(speech.Pharmacy(), script) as stage:
            minutes: list[str] = []
            speech.keep_minutes(stage.session, minutes)
            await stage.session.wait_for_idle()
            await stage.caller_says("prescription twelve please")
            await asyncio.sleep(8)
            assert await speech.announce(stage.session)
            assert minutes == [
                "This call may be monitored.",
                "How can I help?",
                "One moment, I am looking that up.",
                "It is ready.",
                "We close in five minutes.",
            ]

    clock.run(main(), virtual=True)


def test_the_reception_passes_the_caller_on() -> None:
    async def main() -> None:
        script: Script = [[Calls("to_billing")], "Which month?"]
        async with on_stage(hand_off.Reception(), script) as stage:
            await stage.session.reply(user_input="my bill is wrong")
            assert stage.items == [
                "system: You are the billing desk of a water company.",
                "user: my bill is wrong",
                "call to_billing({})",
                "output to_billing: Done.",
                "assistant: I put you through.",
                "hand-off Reception to Billing",
                "assistant: Billing here. I have heard what you told my colleague.",
            ]

    clock.run(main(), virtual=True)


def test_the_hooks_correct_inform_and_pronounce() -> None:
    async def main() -> None:
        async with on_stage(Agent("Be brief."), ["We guarantee a space at Cholmondeley."]) as stage:
            hooks.add_hooks(stage.pipeline)
            await stage.caller_says("parking at harper dental")
            await asyncio.sleep(4)
            assert stage.items[1:] == [
                "user: parking at harbour dental",
                "assistant: We expect a space at Cholmondeley.",
            ]
            assert stage.tts.spoken[-1] == "We expect a space at Chumley."
            assert "behind the house" in stage.llm.requests[-1].instructions

    clock.run(main(), virtual=True)

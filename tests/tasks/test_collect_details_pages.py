"""The programs of the pages about collecting details, and about writing a task, run."""

import asyncio

from docs.snippets import collect_details, write_a_task
from tests.agent.stage import Script, Stage, on_stage
from tests.tasks.callers import WANTS, Asks, said

from hookflash.agent import Agent
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.testing import Calls


async def turns(stage: Stage, *texts: str) -> None:
    for text in texts:
        await stage.caller_says(text)
        await asyncio.sleep(5)


def test_the_newsletter_of_the_page_gets_an_address() -> None:
    async def main() -> None:
        script: Script = [
            [Calls("newsletter")], "What is it?",
            [Calls("update_email_address", {"email": "a@b.co"})], "It is a@b.co, right?",
            [Calls("confirm_email_address")], "Done.",
        ]  # fmt: skip
        async with on_stage(collect_details.Reception(), script) as stage:
            await turns(stage, "the newsletter please", "a at b dot co", "yes")
            assert "output newsletter: a@b.co is on the list." in stage.items

    clock.run(main(), virtual=True)


def test_the_newsletter_of_the_page_is_declined() -> None:
    async def main() -> None:
        decline = [Calls("decline_email_capture", {"reason": "private"})]
        script: Script = [[Calls("newsletter")], "What is it?", decline, "Fine."]
        async with on_stage(collect_details.Reception(), script) as stage:
            await turns(stage, "the newsletter please", "that is private")
            assert "output newsletter: The caller gave none: private." in stage.items

    clock.run(main(), virtual=True)


def test_the_registration_of_the_page_is_complete() -> None:
    home = {
        "street_address": "10 Oak St",
        "unit_number": "",
        "locality": "Provo UT 84601",
        "country": "United States",
    }
    script: Script = [
        [Calls("register")], "Your name?",
        [Calls("update_name", {"first_name": "Jane", "last_name": "Doe"})], "Jane Doe?",
        [Calls("confirm_name")], "Your birth?",
        [Calls("update_dob", {"year": 1984, "month": 3, "day": 4})], "March fourth 1984?",
        [Calls("confirm_dob")], "Your address?",
        [Calls("update_address", home)], "10 Oak St Provo UT 84601 United States?",
        [Calls("confirm_address")], "Welcome.",
    ]  # fmt: skip

    async def main() -> None:
        async with on_stage(collect_details.Reception(), script) as stage:
            await turns(stage, "register me", "jane doe", "yes", "march fourth 1984", "yes")
            await turns(stage, "ten oak street provo utah eight four six oh one", "yes")
            assert (
                "output register: Jane Doe, born 1984-03-04, lives at "
                "10 Oak St Provo UT 84601 United States."
            ) in stage.items

    clock.run(main(), virtual=True)


def test_the_consent_of_the_page_is_asked_for() -> None:
    async def main() -> None:
        stage = Stage(write_a_task.Desk(), [[Calls("agree")]])
        starting = asyncio.ensure_future(stage.session.start(stage.leg))
        await asyncio.sleep(2)
        await turns(stage, "of course")
        await starting
        await stage.session.wait_for_idle()
        assert said(stage) == ["May I record this call?", "Thank you. How can I help?"]
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)


def test_the_parcel_task_of_the_page_works_with_a_model() -> None:
    script: Script = [
        WANTS, "Your parcel?", [Calls("update_parcel", {"number": "1234 5678"})],
        "1234 5678?", [Calls("confirm_parcel")], "Thanks.",
    ]  # fmt: skip

    async def main() -> None:
        agent = Asks(write_a_task.GetParcelTask)
        async with on_stage(agent, script) as stage:
            await turns(stage, "begin", "one two three four five six seven eight", "yes")
            assert agent.got == [write_a_task.Parcel("12345678")]

    clock.run(main(), virtual=True)


def test_the_parcel_task_of_the_page_works_without_a_model() -> None:
    class Depot(Agent):
        got: write_a_task.Parcel | None = None

        async def on_enter(self) -> None:
            self.got = await write_a_task.GetParcelTask()

    async def main() -> None:
        agent = Depot()
        stage = Stage(agent)
        stage.session.pipeline = Pipeline(stt=stage.stt, vad=stage.vad, tts=stage.tts)
        starting = asyncio.ensure_future(stage.session.start(stage.leg))
        await asyncio.sleep(3)
        await turns(stage, "one two three", "one two three four", "five six seven eight", "yes")
        await starting
        assert agent.got == write_a_task.Parcel("12345678")
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)

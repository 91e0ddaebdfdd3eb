"""Digits and menus on real sockets, with the pretend carrier."""

import random
from typing import Any

import pytest
from tests.server.street import OURS, THEIRS, street

from hookflash.agent import Agent, AgentSession
from hookflash.calls import Call
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.emulator import CarrierEmulator, Line, person
from hookflash.emulator.twilio_sdk import twilio_async_http_client
from hookflash.pipeline import Pipeline
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.runtime import clock
from hookflash.runtime.serve import serving
from hookflash.server import App, Settings
from hookflash.tasks.dtmf import GetDtmfTask
from hookflash.tasks.menu import DtmfMenu
from hookflash.testing import ScriptedTTS


class Collector(Agent):
    """Asks for one number after the other, and hangs up."""

    def __init__(self, lengths: list[int]) -> None:
        super().__init__()
        self.lengths = lengths
        self.got: list[str] = []

    async def on_enter(self) -> None:
        for length in self.lengths:
            result = await GetDtmfTask(length, prompt="Your number, please.")
            self.got.append(result.digits)
        await self.session.hangup()


@pytest.mark.parametrize("pace", ["", "w", "W"], ids=["at once", "0.5 s apart", "1 s apart"])
def test_every_keyed_digit_arrives_at_any_pace(pace: str) -> None:
    chance = random.Random(pace)  # not for secrets
    numbers = ["".join(chance.choices("0123456789", k=length)) for length in (1, 3, 4, 6, 10, 16)]
    agents: list[Collector] = []

    async def keys(line: Line) -> None:
        for number in numbers:
            await line.wait_speech()
            await line.wait_quiet()
            line.press(pace.join(number))
            await line.wait_said()
        await line.wait_end()

    async def main() -> None:
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                agents.append(Collector([len(number) for number in numbers]))
                session: AgentSession[None] = AgentSession(agents[0], Pipeline(tts=ScriptedTTS()))
                await session.start(call)

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(keys))
            await call.ended()
            await place.app.drain()

    clock.run(main(), virtual=True)
    assert agents[0].got == numbers


class Branch(Agent):
    """A menu, a number that is read back, and what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    async def on_enter(self) -> None:
        self.got.append(await DtmfMenu({"1": "parking", "2": "opening hours"}))
        number = await GetDtmfTask(4, ask_for_confirmation=True)
        self.got.append(number.digits)
        await self.session.hangup()


def test_a_call_with_local_speech_by_keys_and_by_words() -> None:
    caller = EspeakTTS("en-us+f2", words_per_minute=140)
    agents: list[Branch] = []

    async def speak(text: str, voice: str | None) -> bytes:
        return await speak_pcm(caller, text, 8000)

    async def keys(line: Line) -> None:
        await line.wait_quiet(after=1.5, timeout=20)
        line.press("2")
        await line.wait_speech()
        await line.wait_quiet(after=1.5, timeout=20)
        line.press("4217")
        await line.wait_speech()
        await line.wait_quiet(after=1.5, timeout=20)
        line.press("1")
        await line.wait_end()

    async def speaks(line: Line) -> None:
        await line.wait_quiet(after=1.5, timeout=20)
        await line.say("opening hours please")
        await line.wait_speech()
        await line.wait_quiet(after=1.5, timeout=20)
        line.press("4217")
        await line.wait_speech()
        await line.wait_quiet(after=1.5, timeout=20)
        await line.say("yes please")
        await line.wait_end()

    async def main() -> None:
        async with CarrierEmulator(voice=speak) as carrier:
            account = TwilioCarrier(
                carrier.account_sid,
                carrier.auth_token,
                http_client=lambda: twilio_async_http_client(carrier.base_url),
            )
            app = App(carrier=account, settings=Settings())

            @app.on_call
            async def answer(call: Call) -> None:
                agents.append(Branch())
                session: AgentSession[None] = AgentSession(agents[-1], Pipeline.local())
                await session.start(call)

            async with serving(app) as address:
                app.public_url = address.http
                carrier.add_number(OURS, voice_url=f"{address.http}/twilio/voice")
                for script in (keys, speaks):
                    call = carrier.call(to=OURS, from_=THEIRS, far_end=person(script))
                    await call.ended()
                await app.drain()
        await Pipeline.local().aclose()
        await caller.aclose()

    clock.run(main(), virtual=True)
    assert [agent.got for agent in agents] == [["opening hours", "4217"]] * 2

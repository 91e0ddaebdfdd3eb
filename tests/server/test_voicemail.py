"""Who answers the phone: whole calls over the carrier's sockets, with synthetic voices."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from docs.snippets.leave_a_message import remind, with_a_callback
from tests.server.street import OURS, THEIRS

from hookflash import Agent, AgentSession, App, Call, Pipeline, VoiceMailDetector, function_tool
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.emulator import (
    CarrierEmulator,
    EmulatedCall,
    FarEnd,
    Line,
    call_screening,
    fax,
    ivr,
    person,
    silence,
    twilio_async_http_client,
    voicemail,
)
from hookflash.events import Record
from hookflash.events.call import Outcome
from hookflash.events.voicemail import (
    MessageLeft,
    VoicemailBeep,
    VoicemailDetected,
    VoicemailMethod,
    VoicemailVerdict,
)
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.providers.silero import SileroVAD
from hookflash.runtime import clock
from hookflash.runtime.serve import serving
from hookflash.testing import ScriptedLLM, ScriptedSTT, ScriptedTTS
from hookflash.testing.scripted import Calls

T = TypeVar("T")


@dataclass
class Exchange:
    """A carrier whose far ends speak, and an App on it."""

    app: App
    carrier: CarrierEmulator
    vad: SileroVAD
    events: list[Record]

    def pipeline(self, *heard: str, llm: ScriptedLLM | None = None) -> Pipeline:
        """Ears that are told the words when a voice falls silent."""
        return Pipeline(stt=ScriptedSTT(heard), llm=llm, tts=ScriptedTTS(), vad=self.vad)

    async def phone(
        self,
        far_end: FarEnd,
        agent: Agent,
        pipeline: Pipeline,
        detector: VoiceMailDetector,
        *,
        lasting: float = 30.0,
    ) -> EmulatedCall:
        """Phone a far end and wait until the call is over, or for so many seconds."""
        self.carrier.far_ends[THEIRS] = far_end
        session: AgentSession[None] = AgentSession(agent, pipeline, voice_mail_detector=detector)
        session.on("*", self.events.append)
        call = await self.app.dial(THEIRS, from_=OURS)
        await session.start(call)
        try:
            async with asyncio.timeout(lasting):
                await session.wait_closed()
        except TimeoutError:
            await session.hangup()
        (theirs,) = self.carrier.calls.values()
        await theirs.ended()
        return theirs

    def of(self, kind: type[Record]) -> list[Any]:
        return [event for event in self.events if type(event) is kind]


@asynccontextmanager
async def exchange() -> AsyncIterator[Exchange]:
    speaker = EspeakTTS("en-us+f2", words_per_minute=150)

    async def speak(text: str, voice: str | None) -> bytes:
        return await speak_pcm(speaker, text, 8000)

    async with CarrierEmulator(voice=speak) as carrier, SileroVAD() as vad:
        account = TwilioCarrier(
            carrier.account_sid,
            carrier.auth_token,
            http_client=lambda: twilio_async_http_client(carrier.base_url),
        )
        app = App(carrier=account)
        async with serving(app) as address:
            app.public_url = address.http
            carrier.add_number(OURS, voice_url=f"{address.http}/twilio/voice")
            yield Exchange(app, carrier, vad, [])
            await app.drain()
    await speaker.aclose()


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return clock.run(main(), virtual=True)


class Greeter(Agent):
    async def on_enter(self) -> None:
        self.session.say("Good morning, Acme here.")


def says(text: str, *, stays: float = 20.0) -> FarEnd:
    async def script(line: Line) -> None:
        await line.wait(0.6)
        await line.say(text)
        await line.wait(stays)

    return person(script)


def test_a_person_hears_the_agent_within_a_second_of_their_hello() -> None:
    async def main() -> None:
        async with exchange() as place:
            call = await place.phone(
                says("Hello?", stays=5.0), Greeter(), place.pipeline("Hello?"), VoiceMailDetector()
            )
            ((_, hello_ended),) = call.line.spoke.speech()
            (ours_began, _), *_ = call.line.heard.speech()
            assert 0.7 < ours_began - hello_ended < 1.0
            (verdict,) = place.of(VoicemailDetected)
            assert verdict.result is VoicemailVerdict.HUMAN

    run(main)


@pytest.mark.parametrize("words", [("Hi, leave a message after the tone.",), ()])
def test_a_mailbox_is_left_the_message_after_its_beep(words: tuple[str, ...]) -> None:
    async def main() -> None:
        async with exchange() as place:
            greeting = "Hi, this is Ann Miller's phone. Please leave a message after the tone."
            call = await place.phone(
                voicemail(greeting),
                Greeter(),
                place.pipeline(*words),
                VoiceMailDetector(message="Please call us back."),
            )
            assert place.of(VoicemailDetected)[-1].result is VoicemailVerdict.MACHINE
            (beep,) = place.of(VoicemailBeep)
            assert beep.frequency_hz == pytest.approx(1000.0, abs=3.0)
            (left,) = place.of(MessageLeft)
            assert (left.whole, left.beep) == (True, True)
            beep_ended = call.line.spoke.speech(gap=0.1)[-1][1]
            ((began, ended),) = call.line.heard.speech()
            assert 0.0 < began - beep_ended < 0.2
            assert ended - began == pytest.approx(0.8, abs=0.05)  # four words
            assert call.status == "completed"

    run(main)


@pytest.mark.parametrize("calling", [False, True])
def test_a_fax_is_hung_up_on_within_two_seconds(calling: bool) -> None:
    async def main() -> None:
        async with exchange() as place:
            call = await place.phone(
                fax(calling=calling), Greeter(), place.pipeline(), VoiceMailDetector()
            )
            (verdict,) = place.of(VoicemailDetected)
            assert (verdict.result, verdict.method) == (
                VoicemailVerdict.FAX,
                VoicemailMethod.TONE,
            )
            assert verdict.seconds < 1.5
            assert call.line.heard.speech() == []

    run(main)


def test_a_silent_line_hears_the_agent_after_three_seconds() -> None:
    async def main() -> None:
        async with exchange() as place:
            call = await place.phone(
                silence(), Greeter(), place.pipeline(), VoiceMailDetector(), lasting=8.0
            )
            (verdict,) = place.of(VoicemailDetected)
            assert verdict.result is VoicemailVerdict.UNKNOWN
            (began, _), *_ = call.line.heard.speech()
            assert began == pytest.approx(3.1, abs=0.2)

    run(main)


class Navigator(Greeter):
    @function_tool
    async def press(self, key: str) -> str:
        """Press a key.

        Args:
            key: the key.
        """
        await self.session.send_dtmf(key)
        return "pressed"


def test_an_agent_gets_through_a_menu_to_a_person() -> None:
    async def main() -> None:
        async with exchange() as place:
            prompt = "Thank you for calling. For sales, press one. For service, press two."
            llm = ScriptedLLM([[Calls("press", {"key": "2"})], "", "At last."])
            call = await place.phone(
                ivr(prompt, {"1": silence(), "2": says("Service?", stays=6.0)}),
                Navigator(),
                place.pipeline(prompt, "Service?", llm=llm),
                VoiceMailDetector(),
            )
            (verdict,) = place.of(VoicemailDetected)
            assert verdict.result is VoicemailVerdict.IVR
            assert call.line.heard.digits() == "2"
            spoken = [each.text for each in llm.requests[-1].messages]
            assert spoken[-1] == "Service?"
            assert "Good morning, Acme here." not in spoken

    run(main)


def test_an_assistant_is_told_who_calls_and_its_mailbox_gets_the_message() -> None:
    async def main() -> None:
        async with exchange() as place:
            asks = "Please say your name and reason for calling."
            takes = "Please leave a message after the tone."
            await place.phone(
                call_screening(asks, then=voicemail(takes)),
                Greeter(),
                place.pipeline(asks, "Thank you. Please wait.", takes, takes),
                VoiceMailDetector(message="Please call us back."),
                lasting=40.0,
            )
            assert [each.result for each in place.of(VoicemailDetected)] == [
                VoicemailVerdict.CALL_SCREENING,
                VoicemailVerdict.MACHINE,
            ]
            assert [(each.whole, each.beep) for each in place.of(MessageLeft)] == [(True, True)]

    run(main)


def test_a_call_that_comes_in_is_not_judged() -> None:
    async def main() -> None:
        async with exchange() as place:
            sessions: list[AgentSession[None]] = []

            @place.app.on_call
            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(
                    Greeter(), place.pipeline(), voice_mail_detector=VoiceMailDetector()
                )
                sessions.append(session)
                await session.start(call, run_until_shutdown=True)

            async def listens(line: Line) -> None:
                await line.wait_quiet()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(listens))
            await call.ended()
            (session,) = sessions
            assert session.voicemail_verdict is None
            assert call.line.heard.speech()[0][0] < 0.5

    run(main)


# The snippets of the how-to page.


@pytest.mark.parametrize(
    ("far_end", "heard", "outcome"),
    [
        (voicemail("You have reached Ann."), "You have reached Ann.", "message left"),
        (says("Hello?", stays=6.0), "Hello?", "spoken to"),
        (fax(), "", "answered by: fax"),
    ],
    ids=["machine", "person", "fax"],
)
def test_the_snippet_that_leaves_a_message_says_what_came_of_it(
    far_end: FarEnd, heard: str, outcome: str
) -> None:
    async def main() -> None:
        async with exchange() as place:
            place.carrier.far_ends[THEIRS] = far_end
            assert await remind(place.app, place.pipeline(heard), THEIRS) == outcome

    run(main)


def test_the_snippet_with_a_callback_speaks_after_the_beep_and_hangs_up() -> None:
    async def main() -> None:
        async with exchange() as place:
            place.carrier.far_ends[THEIRS] = voicemail("Leave a message.")
            sessions: list[AgentSession[None]] = []
            session: AgentSession[None] = AgentSession(
                Greeter(),
                place.pipeline("Leave a message."),
                voice_mail_detector=with_a_callback(sessions),
            )
            sessions.append(session)
            ours = await place.app.dial(THEIRS, from_=OURS)
            await session.start(ours)
            assert await session.wait_closed() == "voicemail"
            assert (await ours.wait_ended()).outcome is Outcome.VOICEMAIL
            (call,) = place.carrier.calls.values()
            await call.ended()
            ((began, ended),) = call.line.heard.speech()
            assert began > call.line.spoke.speech(gap=0.1)[-1][1]
            assert ended - began == pytest.approx(1.0, abs=0.05)  # five words

    run(main)

"""A session on a real telephone line: the pretend carrier's sockets, spoken words, keys."""

from tests.agent.stage import short
from tests.server.street import OURS, THEIRS, street

from hookflash import Agent, AgentSession, Call, Pipeline, function_tool, wake_up_ladder
from hookflash.emulator import Line, person
from hookflash.events.session import AgentSwitched, HoldChanged, SpeechInterrupted
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.runtime import clock


class Billing(Agent):
    async def on_enter(self) -> None:
        self.session.say("Billing desk.")

    async def on_exit(self) -> None:
        await self.session.say("Farewell.")


class Reception(Agent):
    async def on_enter(self) -> None:
        await self.session.say("Harbour Water, which desk would you like?")

    @function_tool(phrases=("billing please", "billing"))
    async def billing(self) -> Agent:
        """Pass the caller to the billing desk."""
        return Billing()


def test_a_caller_is_handed_over_put_on_hold_and_left_with_a_goodbye() -> None:
    told: list[object] = []
    histories: list[list[str]] = []
    reasons: list[str] = []

    async def main() -> None:
        pipeline = Pipeline.local()
        caller = EspeakTTS("en-us+f2", words_per_minute=140)

        async def answer(call: Call) -> None:
            session: AgentSession[None] = AgentSession(
                Reception(), pipeline, wake_up=wake_up_ladder(4.0, reprompts=("Hello?",))
            )
            for kind in (AgentSwitched, HoldChanged, SpeechInterrupted):
                session.on(kind, told.append)

            @session.on("dtmf.received")
            def hold(_: object) -> None:
                (session.unhold if session.agent_state == "on_hold" else session.hold)()

            await session.start(run_until_shutdown=True)
            reasons.append(await session.wait_closed())
            histories.append([short(item) for item in session.history.items])

        async def asks(line: Line) -> None:
            await line.wait_quiet(timeout=20)
            await line.say(await speak_pcm(caller, "billing please", 8000))
            await line.wait_speech()
            await line.wait_quiet(timeout=20)
            line.press("1")
            await line.wait(10)
            line.press("1")
            await line.wait_end()

        async with street() as place:
            place.app.on_call(answer)
            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(asks))
            await call.ended()
            await place.app.drain()
        await pipeline.aclose()
        await caller.aclose()

    clock.run(main(), virtual=True)
    kinds = [type(event).__name__ for event in told]
    assert kinds[0] == "AgentSwitched"
    assert kinds.count("HoldChanged") == 2
    assert reasons == ["silence"]
    (history,) = histories
    assert history[:5] == [
        "assistant: Harbour Water, which desk would you like?",
        "user: billing please",
        "call billing({})",
        "output billing: Done.",
        "hand-off Reception to Billing",
    ]
    assert "assistant: Billing desk." in history
    assert history[-3:] == [
        "assistant: Hello?",
        "assistant: I'll hang up now. Please call again. Goodbye.",
        "assistant: Farewell.",
    ]

"""A task on a call over real sockets, with the pretend carrier, keys, and no language model."""

from tests.server.street import street

from hookflash.agent import Agent, AgentSession
from hookflash.calls import Call
from hookflash.emulator import Line, person
from hookflash.errors import CallerHungUp
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.tasks.phone import GetPhoneNumberResult, GetPhoneNumberTask
from hookflash.testing import ScriptedSTT, ScriptedTTS, ScriptedVAD

LINE = "+14155550100"
LONDON = "+442079460123"


class CallBack(Agent):
    """Asks for a number, and hangs up."""

    got: object = None

    async def on_enter(self) -> None:
        try:
            self.got = await GetPhoneNumberTask()
        except CallerHungUp as exc:
            self.got = exc
            raise
        await self.session.hangup()


def call_back(turns: list[str]) -> object:
    """Let somebody in London call; return what came of it. Turns of digits are keyed."""
    agents: list[CallBack] = []

    async def main() -> None:
        ears = ScriptedSTT()
        pipeline = Pipeline(stt=ears, tts=ScriptedTTS(), vad=ScriptedVAD())

        async def keys(line: Line) -> None:
            for turn in turns:
                await line.wait_speech()
                await line.wait_quiet()
                if turn == "leaves":
                    line.hang_up()
                elif turn.strip("#").isdecimal():
                    line.press(turn)
                else:
                    ears.hearing.final(turn)
                await line.wait_said()
            await line.wait_end()

        async with street() as place:
            place.carrier.add_number(LINE, voice_url=f"{place.address.http}/twilio/voice")

            @place.app.on_call
            async def answer(call: Call) -> None:
                agents.append(CallBack())
                session: AgentSession[None] = AgentSession(agents[0], pipeline)
                await session.start(call)
                await session.wait_closed()

            call = place.carrier.call(to=LINE, from_=LONDON, far_end=person(keys))
            await call.ended()
            await place.app.drain()

    clock.run(main(), virtual=True)
    return agents[0].got


def test_a_keyed_number_is_read_back_and_agreed_to_by_a_key() -> None:
    # The number is of the caller's country.
    got = call_back(["07400123456#", "1#"])
    assert got == GetPhoneNumberResult("+447400123456", region="GB")


def test_the_number_that_the_caller_calls_from_is_known() -> None:
    got = call_back(["the number I am calling from", "yes"])
    assert got == GetPhoneNumberResult(LONDON, region="GB")


def test_who_hangs_up_ends_the_task() -> None:
    assert isinstance(call_back(["leaves"]), CallerHungUp)

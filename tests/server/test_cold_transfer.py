"""A caller who is handed to somebody without a word before, over the carrier's sockets."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from docs.snippets.cold_transfer import SALES, Reception, ask_a_colleague
from tests.server.street import OURS, THEIRS, Street, street
from tests.server.test_bridge import hum, share
from tests.server.test_transfer import ENDED, stays

from hookflash import Agent, AgentSession, Call, Pipeline, SessionOptions, function_tool
from hookflash.calls.outcome import TransferOutcome
from hookflash.calls.transfer_types import PhoneDestination, WarmTransferConfig, WarmTransferError
from hookflash.carriers.base import Answer, HangUp, PlaySound, Webhook
from hookflash.emulator import FarEnd, Line, busy, no_answer, person, reject
from hookflash.errors import UsageError
from hookflash.events.call import Outcome
from hookflash.events.transfer import CallTransferred
from hookflash.providers.chat import ToolOutput
from hookflash.runtime import clock
from hookflash.testing import ScriptedLLM, ScriptedTTS
from hookflash.testing.scripted import Calls

ANN = "+14155550100"
CALLER_HZ, ANN_HZ = 700.0, 1000.0
either_way = pytest.mark.parametrize("via", ["carrier", "bridge"])


class Desk:
    """A caller, an agent who transfers them, and what came of it."""

    def __init__(self, place: Street) -> None:
        self.place = place
        self.outcomes: list[TransferOutcome] = []
        self.told: list[CallTransferred] = []
        self.closed = ""
        self.lines: dict[str, Line] = {}
        self.back_at = self.ended_at = 0.0

    def hums(self, name: str, hz: float, *, hangs_up_after: float | None = None) -> FarEnd:
        async def script(line: Line) -> None:
            self.lines[name] = line
            if hangs_up_after is None:
                await line.say(hum(hz, 60_000))
                await stays(line)
            await line.say(hum(hz, round((hangs_up_after or 0.0) * 1000)))
            line.hang_up()

        return person(script)

    async def phone(self, caller: FarEnd, ann: FarEnd, **transfer: Any) -> None:
        async def answer(call: Call) -> None:
            session: AgentSession[None] = AgentSession(
                Agent(), Pipeline(tts=ScriptedTTS()), options=SessionOptions(wording=None)
            )
            session.on(CallTransferred, self.told.append)
            await session.start(call)
            await session.say("One moment.")
            self.outcomes.append(await session.call_transfer(ANN, **transfer))
            self.back_at = clock.now()
            if not session.closed:
                await session.say("And now?")
                await session.hangup()
            self.closed = await session.wait_closed()

        self.place.app.on_call(answer)
        self.place.carrier.far_ends[ANN] = ann
        call = self.place.carrier.call(to=OURS, from_=THEIRS, far_end=caller)
        await call.ended()
        self.ended_at = clock.now()
        await self.place.app.drain(60.0)
        await asyncio.sleep(1.0)
        assert all(each.status in ENDED for each in self.place.carrier.calls.values())
        assert not self.place.app.calls


def run(main: Callable[[Desk], Any]) -> None:
    async def on_the_street() -> None:
        async with street() as place:
            await main(Desk(place))

    clock.run(on_the_street(), virtual=True)


def heard(line: Line, last: float, hz: float) -> float:
    assert line.heard.began_at is not None
    end = clock.now() - line.heard.began_at
    return share(line.heard.pcm(end - last, end), hz)


@either_way
@pytest.mark.parametrize("first", ["caller", "ann"])
def test_the_two_talk_until_one_hangs_up(via: str, first: str) -> None:
    async def main(desk: Desk) -> None:
        caller = desk.hums("caller", CALLER_HZ, hangs_up_after=15.0 if first == "caller" else None)
        ann = desk.hums("ann", ANN_HZ, hangs_up_after=10.0 if first == "ann" else None)

        async def watch() -> None:
            await asyncio.sleep(10.0)
            assert heard(desk.lines["caller"], 3.0, ANN_HZ) > 0.95
            assert heard(desk.lines["ann"], 3.0, CALLER_HZ) > 0.95
            states = {call.state.value for call in desk.place.app.calls}
            assert states == ({"away"} if via == "carrier" else {"answered"})

        watching = asyncio.create_task(watch())
        await desk.phone(caller, ann, via=via)
        await watching
        assert desk.outcomes == [
            TransferOutcome(success=True, outcome=Outcome.COMPLETED, via=desk.told[0].via)  # type: ignore[arg-type]
        ]
        assert [(told.success, told.via) for told in desk.told] == [(True, via)]
        assert desk.closed == "transferred"
        ends = [each.ended_at or 0.0 for each in desk.place.carrier.calls.values()]
        assert max(ends) - min(ends) < 1.0

    run(main)


@either_way
@pytest.mark.parametrize(
    ("ann", "outcome", "sip_code"),
    [
        (busy, Outcome.BUSY, 486),
        (reject, Outcome.REJECTED, 603),
        (no_answer, Outcome.NO_ANSWER, None),
    ],
)
def test_a_caller_whom_nobody_takes_is_back_and_hears_the_agent(
    via: str, ann: Callable[[], FarEnd], outcome: Outcome, sip_code: int | None
) -> None:
    async def main(desk: Desk) -> None:
        async def caller(line: Line) -> None:
            desk.lines["caller"] = line
            await stays(line)

        await desk.phone(person(caller), ann(), via=via, ring_timeout=6.0)
        (came,) = desk.outcomes
        assert (came.success, came.outcome, came.via) == (False, outcome, via)
        if sip_code is not None:
            assert came.sip_code == sip_code
        assert [told.outcome for told in desk.told] == [outcome]
        assert desk.closed == "hangup", "the agent had the last word"
        line = desk.lines["caller"]
        assert line.heard.began_at is not None
        assert line.heard.began_at + line.heard.speech(gap=0.1)[-1][1] > desk.back_at

    run(main)


@either_way
def test_a_caller_who_hangs_up_while_it_rings_ends_the_ringing(via: str) -> None:
    async def main(desk: Desk) -> None:
        async def caller(line: Line) -> None:
            await line.wait(5.0)
            line.hang_up()

        await desk.phone(person(caller), no_answer(), via=via)
        assert [came.outcome for came in desk.outcomes] == [Outcome.CANCELED]
        assert desk.closed == "caller_hung_up"
        statuses = [each.status.value for each in desk.place.carrier.calls.values()]
        assert sorted(statuses) == ["canceled", "completed"]

    run(main)


@pytest.mark.parametrize("status", [400, 500])
@either_way
def test_a_carrier_that_refuses_leaves_the_caller_with_the_agent(via: str, status: int) -> None:
    async def main(desk: Desk) -> None:
        desk.place.carrier.faults.refuse_rest(status, method="POST", path="*/Calls*.json")
        await desk.phone(desk.hums("caller", CALLER_HZ), no_answer(), via=via)
        (came,) = desk.outcomes
        assert (came.success, came.outcome) == (False, Outcome.FAILED)
        assert came.cause == "carrier_refused"
        assert desk.closed == "hangup"

    run(main)


def test_a_tool_transfers_and_says_why_it_did_not() -> None:
    class SalesDesk(Agent):
        @function_tool
        async def put_through(self) -> str:
            """Put the caller through to sales."""
            outcome = await self.session.call_transfer(ANN)
            return f"It did not work: {outcome.outcome}."

    async def main(desk: Desk) -> None:
        llm = ScriptedLLM([["Of course. ", Calls("put_through")], "They are busy."])
        said: list[str] = []

        async def answer(call: Call) -> None:
            session: AgentSession[None] = AgentSession(
                SalesDesk(), Pipeline(tts=ScriptedTTS(), llm=llm)
            )
            await session.start(call)
            await session.reply(user_input="Sales, please.")
            said.extend(message.text for message in session.history.messages[-2:])
            await session.hangup()

        desk.place.app.on_call(answer)
        desk.place.carrier.far_ends[ANN] = busy()
        far_end = desk.hums("caller", CALLER_HZ)
        call = desk.place.carrier.call(to=OURS, from_=THEIRS, far_end=far_end)
        await call.ended()
        await desk.place.app.drain()
        assert said == ["Of course.", "They are busy."]
        output = llm.requests[-1].items[-1]
        assert isinstance(output, ToolOutput)
        assert output.output == "It did not work: busy."

    run(main)


def test_another_application_gets_a_call_that_is_redirected() -> None:
    async def main(desk: Desk) -> None:
        place = desk.place

        async def theirs(_webhook: Webhook) -> Answer:
            sound = place.app.sound(hum(ANN_HZ, 4000), 8000)
            return place.app.carrier.write(PlaySound(url=sound.url), HangUp())

        async def caller(line: Line) -> None:
            desk.lines["caller"] = line
            await line.wait(5.0)
            assert heard(line, 2.0, ANN_HZ) > 0.95
            await stays(line)

        async def answer(call: Call) -> None:
            await call.answer()
            with pytest.raises(UsageError, match="no web address"):
                await call.redirect("example.com/voice")
            await call.redirect(place.app.callback(theirs).url)

        place.app.on_call(answer)
        call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(caller))
        await call.ended()
        await place.app.drain(60.0)
        assert not place.app.calls

    run(main)


def test_what_cannot_be_is_refused_by_name() -> None:
    async def main(desk: Desk) -> None:
        failures: list[str] = []

        async def answer(call: Call) -> None:
            session: AgentSession[None] = AgentSession(Agent(), Pipeline(tts=ScriptedTTS()))
            await session.start(call)
            for to, ring_timeout in ((THEIRS, 30.0), ("", 30.0), ("nobody", 30.0), (ANN, 0.0)):
                with pytest.raises(ValueError, match="give") as refused:
                    await session.call_transfer(to, ring_timeout=ring_timeout)
                failures.append(str(refused.value).partition(" ")[0])
            warm = asyncio.create_task(
                session.warm_transfer(WarmTransferConfig(PhoneDestination(ANN, "Ann")))
            )
            await asyncio.sleep(1.0)
            with pytest.raises(WarmTransferError, match="already in progress"):
                await session.call_transfer(ANN)
            warm.cancel()
            await asyncio.wait([warm])
            assert session.agent_state != "transferring", "the caller is back"
            await session.hangup()

        desk.place.app.on_call(answer)
        desk.place.carrier.far_ends[ANN] = no_answer()
        far_end = desk.hums("caller", CALLER_HZ)
        call = desk.place.carrier.call(to=OURS, from_=THEIRS, far_end=far_end)
        await call.ended()
        await desk.place.app.drain()
        assert failures == ["to", "to", "to", "ring_timeout"]

    run(main)


def test_the_reception_of_the_page_says_that_nobody_took_the_call() -> None:
    async def main(desk: Desk) -> None:
        llm = ScriptedLLM([[Calls("put_through_to_sales")], "Shall I take a message?"])

        async def answer(call: Call) -> None:
            session: AgentSession[None] = AgentSession(
                Reception(), Pipeline(tts=ScriptedTTS(), llm=llm)
            )
            await session.start(call)
            await session.reply(user_input="I want to buy a pump.")
            await session.hangup()

        desk.place.app.on_call(answer)
        desk.place.carrier.far_ends[SALES] = busy()
        far_end = desk.hums("caller", CALLER_HZ)
        call = desk.place.carrier.call(to=OURS, from_=THEIRS, far_end=far_end)
        await call.ended()
        await desk.place.app.drain()
        output = llm.requests[-1].items[-1]
        assert isinstance(output, ToolOutput)
        assert output.output.startswith("Nobody in sales took the call: busy.")

    run(main)


def test_the_colleague_of_the_page_hears_both_and_is_heard_by_the_agent_alone() -> None:
    async def main(desk: Desk) -> None:
        bob_hz = 1300.0

        async def answer(call: Call) -> None:
            await call.answer()
            agent = await desk.place.app.dial(ANN, OURS)
            await agent.answer()
            asking = asyncio.create_task(ask_a_colleague(desk.place.app, call, agent))
            await asyncio.sleep(6.0)
            assert heard(desk.lines["ann"], 2.0, bob_hz) > 0.3
            assert heard(desk.lines["caller"], 2.0, bob_hz) < 0.05
            assert heard(desk.lines["caller"], 2.0, ANN_HZ) > 0.95
            desk.lines["ann"].hang_up()
            await asking

        desk.place.app.on_call(answer)
        desk.place.carrier.far_ends[ANN] = desk.hums("ann", ANN_HZ)
        desk.place.carrier.far_ends["+14155550111"] = desk.hums("bob", bob_hz)
        far_end = desk.hums("caller", CALLER_HZ)
        call = desk.place.carrier.call(to=OURS, from_=THEIRS, far_end=far_end)
        await call.ended()
        await desk.place.app.drain(60.0)

    run(main)

"""A caller, an agent and a supervisor on the carrier's sockets; keys take the call."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docs.snippets.warm_transfer import (
    BY_DIAL,
    IN_CONFERENCE,
    IN_TURN,
    LONG_CALLS,
    Reception,
    log_phases,
)
from tests.server.street import OURS, THEIRS, Street, street
from tests.server.test_bridge import hum, share

from hookflash import Agent, AgentSession, Call, Pipeline, SessionOptions
from hookflash.calls.transfer_types import (
    PhoneDestination,
    WarmTransferConfig,
    WarmTransferPhaseReached,
    WarmTransferResult,
)
from hookflash.emulator import FarEnd, Line, busy, no_answer, person
from hookflash.runtime import clock
from hookflash.runtime.replay import replay
from hookflash.testing import ScriptedLLM, ScriptedTTS
from hookflash.testing.scripted import Calls

ANN = "+14155550100"
CALLER_HZ, ANN_HZ = 700.0, 1000.0  # the agent hums at 440 Hz


@dataclass
class Office:
    """What happened at the agent's desk."""

    place: Street
    results: list[WarmTransferResult] = field(default_factory=list[WarmTransferResult])
    phases: list[str] = field(default_factory=list[str])
    lines: dict[str, Line] = field(default_factory=dict[str, Line])
    closed: list[str] = field(default_factory=list[str])
    merged: asyncio.Event = field(default_factory=asyncio.Event)
    ended_at: float = 0.0

    def at(self, name: str, script: Callable[[Line], Coroutine[Any, Any, None]]) -> FarEnd:
        """A person who holds a line that the test sees."""

        async def held(line: Line) -> None:
            self.lines[name] = line
            await script(line)

        return person(held)

    async def phone(
        self,
        caller: FarEnd,
        supervisor: FarEnd,
        wish: WarmTransferConfig | None = None,
        **config: Any,
    ) -> None:
        """The caller phones, is greeted, and is to be handed to the supervisor."""

        async def answer(call: Call) -> None:
            session: AgentSession[None] = AgentSession(
                Agent(), Pipeline(tts=ScriptedTTS()), options=SessionOptions(wording=None)
            )

            def told(event: WarmTransferPhaseReached) -> None:
                self.phases.append(event.phase.value)
                if event.phase == "call_switched":
                    self.merged.set()

            session.on_warm_transfer(callback=told)
            await session.start(call)
            await session.say("Hello.")
            wanted = wish or WarmTransferConfig(PhoneDestination(ANN, "Ann"), **config)
            self.results.append(await session.warm_transfer(wanted))
            if not session.closed:
                await session.say("And now?")
                await session.hangup()
            self.closed.append(await session.wait_closed())

        self.place.app.on_call(answer)
        self.place.carrier.far_ends[ANN] = supervisor
        call = self.place.carrier.call(to=OURS, from_=THEIRS, far_end=caller)
        await call.ended()
        self.ended_at = clock.now()
        await self.place.app.drain()
        await asyncio.sleep(1.0)  # the program's function returns
        assert all(each.status in ENDED for each in self.place.carrier.calls.values())


ENDED = ("completed", "busy", "no-answer", "failed", "canceled")


def run(
    main: Callable[[Office], Coroutine[Any, Any, None]], record_dir: Path | None = None
) -> None:
    async def on_the_street() -> None:
        async with street(record_dir=record_dir) as place:
            await main(Office(place))

    clock.run(on_the_street(), virtual=True)


async def stays(line: Line) -> None:
    await line.wait(200.0)


async def hears_out(line: Line) -> None:
    """Be silent, show to be a person by a key, and hear what it is about."""
    await line.wait(6.0)
    line.press("1")
    await line.wait(8.0)


def test_a_caller_is_handed_over_the_carriers_sockets_and_both_hear_each_other(
    tmp_path: Path,
) -> None:
    async def main(office: Office) -> None:
        moments: dict[str, float] = {}

        async def ann(line: Line) -> None:
            await hears_out(line)
            line.press("1")
            await office.merged.wait()
            moments["merged"] = clock.now()
            await line.say(hum(ANN_HZ, 6000))
            moments["over"] = clock.now()
            line.hang_up()

        async def caller(line: Line) -> None:
            await office.merged.wait()
            await line.say(hum(CALLER_HZ, 5000))
            await stays(line)

        await office.phone(office.at("caller", caller), office.at("ann", ann))
        assert office.ended_at - moments["over"] < 1.0

        (result,) = office.results
        assert (result.success, result.human_agent_identity) == (True, "Ann")
        assert office.phases[-2:] == ["call_switched", "transfer_complete"]
        assert office.closed == ["transferred"], "and the caller's call went on"
        heard = office.lines["caller"].heard
        began, merged = heard.began_at, moments["merged"]
        assert began is not None
        since = merged - began
        assert share(heard.pcm(since + 0.7, since + 5.5), ANN_HZ) > 0.95
        gaps = heard.speech(gap=0.06)
        assert any(start < since and end > since + 5.5 for start, end in gaps), "not one gap"
        ann_heard = office.lines["ann"].heard
        assert ann_heard.began_at is not None
        since = merged - ann_heard.began_at
        assert share(ann_heard.pcm(since + 0.5, since + 4.5), CALLER_HZ) > 0.95

    run(main, tmp_path)
    tapes = [path.read_text("utf-8").splitlines() for path in tmp_path.glob("*.tape.jsonl")]
    replays = [replay(lines) for lines in tapes]
    assert [each.differences for each in replays] == [(), ()]
    assert sum("transfer" in each.machines for each in replays) == 1


def test_the_reception_of_the_page_puts_a_caller_through_and_logs_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="docs.snippets.warm_transfer")

    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await hears_out(line)
            line.press("2")
            await stays(line)

        async def answer(call: Call) -> None:
            llm = ScriptedLLM([[Calls("get_a_person")], "A person, please.", "I see."])
            session: AgentSession[None] = AgentSession(
                Reception(), Pipeline(tts=ScriptedTTS(), llm=llm)
            )
            log_phases(session)
            await session.start(call)
            await session.reply(user_input="A person, please.")
            assert session.history.messages[-1].text == "I see."
            await session.hangup()

        office.place.app.on_call(answer)
        office.place.carrier.far_ends[ANN] = office.at("ann", ann)
        far_end = office.at("caller", stays)
        call = office.place.carrier.call(to=OURS, from_=THEIRS, far_end=far_end)
        await call.ended()
        await office.place.app.drain()

    run(main)
    assert caplog.messages[0] == "transfer: started"
    assert caplog.messages[-2:] == ["transfer: transfer_cancelled", "no transfer: declined"]


def test_the_pages_destinations_are_tried_in_turn() -> None:
    async def main(office: Office) -> None:
        office.place.carrier.far_ends["+14155550111"] = no_answer()
        await office.phone(office.at("caller", stays), busy(), wish=IN_TURN)
        (result,) = office.results
        reasons = [attempt.reason for attempt in result.attempts]
        assert reasons == ["supervisor_busy", "supervisor_no_answer"]

    run(main)


@pytest.mark.parametrize("wish", [LONG_CALLS, IN_CONFERENCE, BY_DIAL], ids=["long", "room", "dial"])
def test_the_pages_topologies_connect_the_two(wish: WarmTransferConfig) -> None:
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await hears_out(line)
            line.press("1")
            await office.merged.wait()
            await line.wait(6.0)
            line.hang_up()

        await office.phone(office.at("caller", stays), office.at("ann", ann), wish=wish)
        assert office.results[0].success

    run(main)

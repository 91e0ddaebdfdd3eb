"""The task that hands a caller over, on the carrier's sockets: the agents of its page."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docs.snippets.transfer_task import ANY_OF_US, Night, Reception, anybody
from tests.server.street import OURS, THEIRS, Street, street
from tests.server.test_bridge import hum, share

from hookflash import Agent, AgentSession, Call, Pipeline, SessionOptions
from hookflash.agent.record import RecordConfig, load_record
from hookflash.emulator import FarEnd, Line, busy, no_answer, person, reject
from hookflash.events.session import UtteranceSpoken
from hookflash.events.tasks import TaskEnded
from hookflash.runtime import clock
from hookflash.tasks import WarmTransferTask
from hookflash.testing import ScriptedLLM, ScriptedTTS
from hookflash.testing.scripted import Calls, Step

ANN = "+14155550100"
CALLER_HZ, ANN_HZ = 700.0, 1000.0  # the agent hums at 440 Hz
ASKED = "A person, please."
Lines = Callable[[Line], Coroutine[Any, Any, None]]


@dataclass
class Desk:
    """What happened at the agent's desk."""

    place: Street
    directory: Path
    ended: list[TaskEnded] = field(default_factory=list[TaskEnded])
    spoken: list[str] = field(default_factory=list[str])
    outputs: list[str] = field(default_factory=list[str])
    closed: str = ""
    ended_at: float = 0.0
    lines: dict[str, Line] = field(default_factory=dict[str, Line])

    async def phone(
        self, agent: Agent, caller: Lines, supervisor: FarEnd, then: list[Step] | None = None
    ) -> None:
        """The caller asks for a person, and the agent's tool finds one."""

        async def answer(call: Call) -> None:
            llm = ScriptedLLM([[Calls("get_a_person")], "They ask for a person.", *(then or [])])
            session: AgentSession[None] = AgentSession(
                agent,
                Pipeline(tts=ScriptedTTS(), llm=llm),
                options=SessionOptions(wording=None, record=RecordConfig(directory=self.directory)),
            )
            session.on(TaskEnded, self.ended.append)
            session.on(UtteranceSpoken, lambda event: self.spoken.append(event.heard))
            await session.start(call)
            await session.reply(user_input=ASKED)
            if not session.closed:
                await session.hangup()
            self.closed = await session.wait_closed()
            context = session.get_context_history(include_function_calls=True)
            self.outputs += [str(item["output"]) for item in context if "output" in item]

        self.place.app.on_call(answer)
        self.place.carrier.far_ends[ANN] = supervisor
        call = self.place.carrier.call(
            to=OURS, from_=THEIRS, far_end=person(self.held("caller", caller))
        )
        await call.ended()
        self.ended_at = clock.now()
        await asyncio.sleep(1.0)
        live = {"queued", "ringing", "in-progress"}
        assert not live & {each.status for each in self.place.carrier.calls.values()}
        await self.place.app.drain()
        await asyncio.sleep(1.0)  # the program's function returns

    def held(self, name: str, script: Lines) -> Lines:
        async def lines(line: Line) -> None:
            self.lines[name] = line
            await script(line)

        return lines


def run(folder: Path, main: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    async def on_the_street() -> None:
        async with street() as place:
            await main(Desk(place, folder))

    clock.run(on_the_street(), virtual=True)


async def stays(line: Line) -> None:
    await line.wait(200.0)


def leaves_after(seconds: float) -> Lines:
    async def caller(line: Line) -> None:
        await line.wait(seconds)
        line.hang_up()

    return caller


async def hears_out(line: Line) -> None:
    """Be silent, show to be a person by a key, and hear what it is about."""
    await line.wait(6.0)
    line.press("1")
    await line.wait(8.0)


def test_35_the_reception_of_the_page_hands_a_caller_over_and_keeps_a_record(
    tmp_path: Path,
) -> None:
    moments: dict[str, float] = {}

    async def ann(line: Line) -> None:
        await hears_out(line)
        line.press("1")
        await line.wait(3.0)
        moments["talk"] = clock.now()
        await line.say(hum(ANN_HZ, 4000))
        moments["over"] = clock.now()
        line.hang_up()

    async def main(desk: Desk) -> None:
        await desk.phone(Reception(), stays, person(desk.held("ann", ann)))
        assert desk.closed == "transferred"
        assert [event.outcome for event in desk.ended] == ["done"]
        assert desk.outputs == ["They are connected."]
        assert desk.spoken == ["Please hold on while I find somebody for you."]
        assert desk.ended_at - moments["over"] < 1.0
        heard = desk.lines["caller"].heard
        assert heard.began_at is not None
        since = moments["talk"] - heard.began_at
        assert share(heard.pcm(since + 0.5, since + 3.5), ANN_HZ) > 0.95
        assert desk.lines["ann"].heard.digits() == "42"

    run(tmp_path, main)
    (file,) = tmp_path.glob("*.record.json")
    (transfer,) = load_record(file).transfers
    assert transfer.phase == "transfer_complete"
    (attempt,) = transfer.attempts
    assert attempt.destination == "Ann"
    moments_of_ann = (attempt.answered_at, attempt.human_at, attempt.accepted_at, attempt.merged_at)
    assert all(moment is not None for moment in moments_of_ann)
    assert ANN not in file.read_text("utf-8")


@pytest.mark.parametrize(
    ("supervisor", "missed"),
    [
        (busy(), "supervisor_busy, SIP 486"),
        (reject(), "supervisor_rejected, SIP 603"),
        (no_answer(), "supervisor_no_answer, SIP None"),
    ],
)
def test_35_who_could_not_be_dialled_is_told_with_the_reason_and_the_sip_status(
    tmp_path: Path, supervisor: FarEnd, missed: str
) -> None:
    async def main(desk: Desk) -> None:
        night = Night()
        await desk.phone(night, leaves_after(60.0), supervisor)
        assert night.missed == [missed]

    run(tmp_path, main)


def test_36_a_caller_who_hangs_up_while_it_rings_ends_the_ringing_within_a_second(
    tmp_path: Path,
) -> None:
    async def main(desk: Desk) -> None:
        night = Night()
        await desk.phone(night, leaves_after(6.0), no_answer())
        assert night.missed == ["the caller did not wait"]
        assert (desk.closed, [event.outcome for event in desk.ended]) == (
            "caller_hung_up",
            ["caller_hung_up"],
        )
        (other,) = (each for each in desk.place.carrier.calls.values() if each.to == ANN)
        assert other.status == "canceled"

    run(tmp_path, main)
    (file,) = tmp_path.glob("*.record.json")
    (transfer,) = load_record(file).transfers
    assert (transfer.phase, transfer.reason) == ("transfer_cancelled", "caller_disconnected")


def test_the_pages_task_for_anybody_is_one(tmp_path: Path) -> None:
    async def main() -> None:
        assert isinstance(anybody(), WarmTransferTask)
        assert [target.name for target in ANY_OF_US.targets] == ["Ann", "Bob"]

    clock.run(main(), virtual=True)

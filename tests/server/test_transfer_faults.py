"""Transfers while the carrier does everything wrong that it can: nobody is lost, nothing is left.

The table in `docs/design/transfer.md` says what becomes of which; this is its proof. Everybody hums
at a pitch of their own, so that it is heard who hears whom.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from tests.server.street import OURS, THEIRS, Street, street
from tests.server.test_bridge import hum, share

from hookflash import Agent, AgentSession, Call, Pipeline, SessionOptions
from hookflash.calls.transfer_types import (
    PhoneDestination,
    WarmTransferConfig,
    WarmTransferPhaseReached,
    WarmTransferResult,
)
from hookflash.emulator import FarEnd, Line, Race, busy, no_answer, person
from hookflash.emulator.call import EmulatedCall
from hookflash.emulator.faults import Faults
from hookflash.runtime import clock
from hookflash.testing import ScriptedTTS

ANN = "+14155550100"
AGENT_HZ, CALLER_HZ, ANN_HZ = 440.0, 700.0, 1000.0
TERMINAL = ("transfer_complete", "transfer_cancelled", "transfer_failed")
RINGS_FOR = 8.0
# Ours, our reserve for the carrier, and the vendor's own.
RINGS_AT_MOST = RINGS_FOR + 5.0 + 5.0

Fault: TypeAlias = Callable[[Faults], object]
Script: TypeAlias = Callable[[Line], Coroutine[Any, Any, None]]


class CallersVoice:
    """Hears the caller as the agent does."""

    def __init__(self) -> None:
        self.pcm = b""

    def audio_received(self, pcm: bytes, at: float) -> None:
        self.pcm += pcm

    def digit_received(self, digit: str, at: float) -> None:
        pass

    def leg_closed(self, reason: str) -> None:
        pass


def heard(line: Line, since: float, until: float) -> bytes:
    """What a party heard from one time to another, on the loop's clock."""
    began = line.heard.began_at
    assert began is not None
    return line.heard.pcm(since - began, until - began)


@dataclass
class Scene:
    """A caller, an agent that hands them to Ann, and what goes wrong when it is time for it."""

    place: Street
    fault: Fault
    result: WarmTransferResult | None = None
    phases: list[str] = field(default_factory=list[str])
    closed: str = ""
    lines: dict[str, Line] = field(default_factory=dict[str, Line])
    together: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """The program has done with the caller's call."""
    rings_for: float = RINGS_FOR
    wrong_at: float = 0.0
    result_at: float = 0.0
    back: bool = False
    """The caller, who is with the agent again, hears the agent and is heard."""
    met: bool = False
    """Caller and Ann heard each other for a second."""

    def goes_wrong(self) -> None:
        self.wrong_at = clock.now()
        self.fault(self.place.carrier.faults)

    async def caller(self, line: Line) -> None:
        self.lines["caller"] = line
        while True:
            await line.say(hum(CALLER_HZ, 2000))

    async def ann(self, line: Line) -> None:
        """Show to be a person, hear what it is about, take the call, talk, and hang up."""
        await self.is_briefed(line)
        line.press("1")
        await self.talks(line)

    async def is_briefed(self, line: Line) -> None:
        self.lines["ann"] = line
        await line.wait_speech(30.0)
        line.press("1")
        await line.wait(1.0)

    async def talks(self, line: Line) -> None:
        await line.wait(0.3)
        await line.say(hum(ANN_HZ, 3500))

    async def play(self, ann: Script | FarEnd, caller: Script | None = None) -> None:
        """Let the caller phone; return once their call is over."""
        app, carrier = self.place.app, self.place.carrier
        app.on_call(self._answer)
        carrier.far_ends[ANN] = ann if isinstance(ann, FarEnd) else person(ann)
        call = carrier.call(to=OURS, from_=THEIRS, far_end=person(caller or self.caller))
        await call.ended()

    async def _answer(self, call: Call) -> None:
        session: AgentSession[None] = AgentSession(
            Agent(), Pipeline(tts=ScriptedTTS()), options=SessionOptions(wording=None)
        )
        session.on_warm_transfer(callback=self._told)
        await session.start(call)
        ann = PhoneDestination(ANN, "Ann", ring_timeout=self.rings_for)
        wish = WarmTransferConfig(ann, topology="bridge", hold_line="Please hold.")
        self.result = await session.warm_transfer(wish)
        self.result_at = clock.now()
        if not session.closed:
            await self._talk(session, call)
            await session.hangup()
        self.closed = await session.wait_closed()
        self.over.set()

    async def _talk(self, session: AgentSession[None], call: Call) -> None:
        assert call.leg is not None
        voice = CallersVoice()
        call.leg.listen(voice)
        began = clock.now()
        await session.say("What else can I do for you?")
        call.leg.unlisten(voice)
        agent = heard(self.lines["caller"], began + 0.2, clock.now() - 0.1)
        self.back = share(agent, AGENT_HZ) > 0.9 and share(voice.pcm, CALLER_HZ) > 0.9

    def _told(self, event: WarmTransferPhaseReached) -> None:
        self.phases.append(event.phase.value)
        if event.phase == "call_switched":
            asyncio.get_running_loop().call_later(1.8, self._compare, clock.now())
            self.together.set()

    def _compare(self, merged: float) -> None:
        """Listen to what the two have heard of each other."""
        since, until = merged + 0.7, merged + 1.7
        caller, ann = (heard(self.lines[name], since, until) for name in ("caller", "ann"))
        self.met = share(caller, ANN_HZ) > 0.9 and share(ann, CALLER_HZ) > 0.9

    @property
    def anns(self) -> list[EmulatedCall]:
        """The calls that were made to Ann."""
        return [each for each in self.place.carrier.calls.values() if each.to == ANN]

    async def settle(self) -> None:
        """Wait until every call is over, and look that nothing is left of them."""
        for each in self.place.carrier.calls.values():
            await each.ended(60.0)
        async with asyncio.timeout(15.0):
            await self.over.wait()
        await self.place.app.drain()
        assert self.place.app.calls == ()
        assert self.place.carrier.log.of("failure") == []
        assert [phase for phase in self.phases if phase in TERMINAL] == self.phases[-1:]


def play(main: Callable[[Scene], Awaitable[None]], fault: Fault) -> None:
    async def on_the_street() -> None:
        before = asyncio.all_tasks()
        async with street() as place:
            scene = Scene(place, fault)
            await main(scene)
            await scene.settle()
        assert asyncio.all_tasks() == before

    clock.run(on_the_street(), virtual=True)


# What can go wrong with a request. Its answer never comes: longer than any client waits for it.
def refused(path: str, status: int, *, carried_out: bool = False) -> Fault:
    return lambda faults: faults.refuse_rest(
        status, method="POST", path=path, carried_out=carried_out
    )


def slow(path: str, seconds: float, *, done_first: bool = False) -> Fault:
    return lambda faults: faults.slow_rest(seconds, method="POST", path=path, done_first=done_first)


def wrongs(path: str) -> Mapping[str, Fault]:
    return {
        "is refused": refused(path, 400),
        "fails": refused(path, 503),
        "fails, but was done": refused(path, 503, carried_out=True),
        "is done and answered late": slow(path, 3.0),
        "is done and then answered late": slow(path, 3.0, done_first=True),
        "is done and answered far too late": slow(path, 30.0),
        "is done, and the answer comes far too late": slow(path, 30.0, done_first=True),
    }


CREATE, UPDATE = wrongs("*/Calls.json"), wrongs("*/Calls/*.json")
DONE_AT_ONCE = {wrong for wrong in UPDATE if wrong.startswith(("fails, but", "is done and then"))}
DONE_AT_ONCE.add("is done, and the answer comes far too late")
AT_ONCE = DONE_AT_ONCE | {"is refused", "fails"}


# The order to phone Ann.


@pytest.mark.parametrize(
    ("wrong", "error", "statuses"),
    [
        ("is refused", "dial_failed", []),
        ("fails", "dial_failed", []),
        ("fails, but was done", "dial_failed", ["canceled"]),
        ("is done and answered late", None, ["completed"]),
        ("is done and then answered late", None, ["completed"]),
        # The order that was given up is carried out after all: the first report of it ends it.
        ("is done and answered far too late", "supervisor_no_answer", ["canceled"]),
        ("is done, and the answer comes far too late", None, ["completed"]),
    ],
)
def test_an_order_to_dial_that_goes_wrong_gives_ann_the_caller_or_the_agent_keeps_them(
    wrong: str, error: str | None, statuses: list[str]
) -> None:
    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.play(scene.ann)
        await asyncio.sleep(30.0)
        await scene.settle()
        assert scene.result is not None
        assert scene.result.error == error
        assert (scene.met, scene.back) == (error is None, error is not None)
        assert [each.status for each in scene.anns] == statuses

    play(main, CREATE[wrong])


def test_an_order_to_dial_without_an_answer_is_given_up_though_it_could_ring_for_longer() -> None:
    async def main(scene: Scene) -> None:
        scene.rings_for = 60.0
        scene.goes_wrong()
        await scene.play(scene.ann)
        assert scene.result is not None
        assert (scene.result.error, scene.back) == ("dial_failed", True)
        assert scene.result.seconds < 25.0

    play(main, CREATE["is done and answered far too late"])


# The order to end a call to Ann, ringing or answered.


@pytest.mark.parametrize("wrong", UPDATE)
@pytest.mark.parametrize("leaves", [False, True])
def test_a_phone_that_cannot_be_told_to_stop_ringing_stops_by_itself(
    wrong: str, leaves: bool
) -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.say(hum(CALLER_HZ, 2500))
            scene.goes_wrong()
            if leaves:
                line.hang_up()
            line.press("*")
            await scene.caller(line)

        await scene.play(no_answer(), caller)
        await scene.settle()
        assert scene.phases[-1] == "transfer_cancelled"
        assert scene.result is not None
        reason = "caller_disconnected" if leaves else "caller_cancelled"
        assert (scene.result.error, scene.back) == (reason, not leaves)
        assert scene.closed == ("caller_hung_up" if leaves else "hangup")
        (ann,) = scene.anns
        assert ann.answered_at is None
        assert ann.ended_at is not None
        assert scene.result_at - scene.wrong_at < 4.0, "an apology"
        rang_on = ann.ended_at - scene.result_at
        assert rang_on < (1.0 if wrong in DONE_AT_ONCE else RINGS_AT_MOST)

    play(main, UPDATE[wrong])


@pytest.mark.parametrize("wrong", UPDATE)
@pytest.mark.parametrize("leaves", [False, True])
def test_a_supervisor_whose_call_cannot_be_ended_is_let_go_all_the_same(
    wrong: str, leaves: bool
) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong()
            if leaves:
                scene.lines["caller"].hang_up()
            else:
                line.press("2")
            await line.wait(60.0)

        await scene.play(ann)
        await scene.settle()
        assert scene.result is not None
        reason = "caller_disconnected" if leaves else "declined"
        assert (scene.result.error, scene.back) == (reason, not leaves)
        assert scene.closed == ("caller_hung_up" if leaves else "hangup")
        (call,) = scene.anns
        assert call.status == "completed"
        assert call.ended_at is not None
        # A farewell of at most two seconds, and five for an answer of the carrier's.
        assert scene.result_at - scene.wrong_at < 4.0, "an apology"
        assert call.ended_at - scene.wrong_at < (2.6 if wrong in AT_ONCE else 7.6)

    play(main, UPDATE[wrong])


# The order to end the one call when the other has ended.


@pytest.mark.parametrize("wrong", UPDATE)
@pytest.mark.parametrize("who_hangs_up", ["ann", "caller"])
def test_when_one_of_the_two_hangs_up_the_other_is_let_go_all_the_same(
    wrong: str, who_hangs_up: str
) -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            while not scene.together.is_set():
                await line.say(hum(CALLER_HZ, 500))
            await line.say(hum(CALLER_HZ, 3500 if who_hangs_up == "caller" else 60_000))
            scene.goes_wrong()

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await line.wait(0.3)
            await line.say(hum(ANN_HZ, 3500 if who_hangs_up == "ann" else 60_000))
            scene.goes_wrong()

        await scene.play(ann, caller)
        await scene.settle()
        assert scene.result is not None
        assert (scene.result.success, scene.met, scene.closed) == (True, True, "transferred")
        first, last = sorted(each.ended_at or 0.0 for each in scene.place.carrier.calls.values())
        assert last - first < (1.0 if wrong in AT_ONCE else 5.5)

    play(main, UPDATE[wrong])


# The carrier's reports.


REPORTS: Mapping[str, Fault] = {
    "lost": lambda faults: faults.lose("status", times=100),
    "doubled": lambda faults: faults.double("status", apart=0.5, times=100),
    "late": lambda faults: faults.delay("status", seconds=4.0, times=100),
    "out of order": lambda faults: faults.overtake("status", times=100),
}


@pytest.mark.parametrize("how", REPORTS)
@pytest.mark.parametrize("accepts", [True, False])
def test_reports_of_the_carrier_that_go_wrong_change_nothing_once_somebody_has_answered(
    how: str, accepts: bool
) -> None:
    async def main(scene: Scene) -> None:
        async def declines(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("2")
            await line.wait(60.0)

        scene.goes_wrong()
        await scene.play(scene.ann if accepts else declines)
        await scene.settle()
        assert scene.result is not None
        assert scene.result.error == (None if accepts else "declined")
        assert (scene.met, scene.back) == (accepts, not accepts)

    play(main, REPORTS[how])


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("lost", "supervisor_no_answer"),
        ("doubled", "supervisor_busy"),
        ("late", "supervisor_busy"),
        ("out of order", "supervisor_busy"),
    ],
)
def test_a_busy_line_of_which_the_report_is_lost_counts_as_not_answered(
    how: str, error: str
) -> None:
    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.play(busy())
        await scene.settle()
        assert scene.result is not None
        assert (scene.result.error, scene.back) == (error, True)

    play(main, REPORTS[how])


# Audio.


@pytest.mark.parametrize(
    ("whose", "when", "error"),
    [
        ("ann", "briefed", "supervisor_disconnected"),
        ("ann", "together", "supervisor_disconnected"),
        ("ann", "later", None),
        ("caller", "briefed", "caller_disconnected"),
        ("caller", "together", "caller_disconnected"),
        ("caller", "later", None),
    ],
)
def test_audio_that_breaks_off_is_as_if_they_had_hung_up(
    whose: str, when: str, error: str | None
) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            if when != "briefed":
                line.press("1")
                await scene.together.wait()
                await line.say(hum(ANN_HZ, 1000 if when == "together" else 3000))
            for call in scene.place.carrier.calls.values():
                if (call.to == ANN) is (whose == "ann"):
                    call.drop_streams()
            await line.wait(60.0)

        await scene.play(ann)
        await scene.settle()
        assert scene.result is not None
        assert scene.result.error == error
        assert scene.result.rollback is (when == "together" and whose == "ann")
        assert scene.met is (when == "later")
        assert scene.back is (error is not None and whose == "ann")

    play(main, lambda faults: None)


# Two things that happen at the same moment.


async def is_cancelled(scene: Scene) -> None:
    """The caller wants back while it rings; Ann is slow to answer."""

    async def caller(line: Line) -> None:
        scene.lines["caller"] = line
        await line.say(hum(CALLER_HZ, 2500))
        line.press("*")
        await scene.caller(line)

    await scene.play(person(scene.ann, answer_after=5.0), caller)


async def is_left(scene: Scene) -> None:
    """The caller hangs up while it rings; Ann is slow to answer."""

    async def caller(line: Line) -> None:
        scene.lines["caller"] = line
        await line.say(hum(CALLER_HZ, 2500))

    await scene.play(person(scene.ann, answer_after=5.0), caller)


async def is_taken(scene: Scene) -> None:
    await scene.play(scene.ann)


async def is_too_late(scene: Scene) -> None:
    """The order to cancel does not arrive, either, however often it is given."""
    for _ in range(3):
        UPDATE["fails"](scene.place.carrier.faults)
    await scene.play(scene.ann)


RACES: Mapping[Race, tuple[Callable[[Scene], Awaitable[None]], str | None, bool]] = {
    # What is going on, what becomes of the transfer, whether Ann's phone was answered.
    Race.ANSWERED_AS_CALLER_HANGS_UP: (is_left, "caller_disconnected", True),
    Race.ANSWERED_AS_CANCELED: (is_cancelled, "caller_cancelled", True),
    Race.ANSWERED_AFTER_TIMEOUT: (is_too_late, "supervisor_no_answer", True),
    Race.CREATE_ANSWERED_LATE: (is_taken, None, True),
    Race.STATUS_OUT_OF_ORDER: (is_taken, None, True),
    # A bridge asks the carrier neither who has answered nor for a conference.
    Race.VERDICT_AFTER_MERGE: (is_taken, None, True),
    Race.CONFERENCE_ENDED_BEFORE_JOIN: (is_taken, None, True),
}


@pytest.mark.parametrize("race", Race)
def test_a_race_ends_as_if_one_had_been_first(race: Race) -> None:
    happens, error, answered = RACES[race]

    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await happens(scene)
        await scene.settle()
        assert scene.result is not None
        assert scene.result.error == error
        assert scene.met is (error is None)
        assert scene.back is (error not in (None, "caller_disconnected"))
        (ann,) = scene.anns
        assert (ann.answered_at is not None) is answered
        assert ann.ended_at is not None
        if error is not None and answered:
            assert ann.answered_at is not None
            assert ann.ended_at - ann.answered_at < 1.0, "nobody waits for a caller who is gone"

    play(main, lambda faults: faults.provoke(race))

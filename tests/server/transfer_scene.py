"""A caller, an agent that hands them to Ann, and what goes wrong: the stage of transfers' faults.

Everybody hums at a pitch of their own, so that it is heard who hears whom.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.server.street import OURS, THEIRS, Street, street
from tests.server.test_bridge import hum, share

from hookflash import Agent, AgentSession, Call, Pipeline, SessionOptions
from hookflash.calls.transfer_types import (
    PhoneDestination,
    WarmTransferConfig,
    WarmTransferPhaseReached,
    WarmTransferResult,
)
from hookflash.emulator import FarEnd, Line, person
from hookflash.emulator.call import EmulatedCall
from hookflash.emulator.faults import Faults
from hookflash.runtime import clock
from hookflash.testing import ScriptedTTS

__all__ = [
    "AGENT_HZ",
    "ANN",
    "ANN_HZ",
    "AT_ONCE",
    "BOB",
    "CALLER_HZ",
    "CREATE",
    "DONE_AT_ONCE",
    "REPORTS",
    "RINGS_AT_MOST",
    "UPDATE",
    "Fault",
    "Scene",
    "Script",
    "heard",
    "nothing",
    "play",
    "reports",
    "wrongs",
]

ANN, BOB = "+14155550100", "+14155550111"
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
    wish: Mapping[str, Any] = field(default_factory=lambda: {"topology": "bridge"})
    """What the config of the transfer has, beside Ann."""
    program: Callable[["Scene", Call], Coroutine[Any, Any, None]] | None = None
    """What is done with the caller's call instead of one transfer."""
    result: WarmTransferResult | None = None
    phases: list[str] = field(default_factory=list[str])
    closed: str = ""
    lines: dict[str, Line] = field(default_factory=dict[str, Line])
    together: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """The program has done with the caller's call."""
    rings_for: float = RINGS_FOR
    talks_for: float = 3.5
    """How long Ann talks, once she is connected, before she hangs up."""
    stays_for: float = 0.0
    """How long a caller who is back stays with the agent."""
    compared: tuple[float, ...] = (1.7,)
    """When it is looked, in seconds after the merge, what both have heard in the last second."""
    wrong_at: float = 0.0
    merged_at: float = 0.0
    result_at: float = 0.0
    back: bool = False
    """The caller, who is with the agent again, hears the agent and is heard."""
    mutual: list[bool] = field(default_factory=list[bool])
    """Whether caller and Ann heard each other, each time that it was looked."""

    @property
    def met(self) -> bool:
        """Caller and Ann heard each other whenever it was looked."""
        return bool(self.mutual) and all(self.mutual)

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
        await line.wait(2.0)

    async def talks(self, line: Line) -> None:
        await self.together.wait()
        await line.say(hum(ANN_HZ, round(1000 * self.talks_for)))

    async def play(self, ann: Script | FarEnd, caller: Script | None = None) -> None:
        """Let the caller phone; return once their call is over."""
        app, carrier = self.place.app, self.place.carrier
        app.on_call(self._answer)
        carrier.far_ends[ANN] = ann if isinstance(ann, FarEnd) else person(ann)
        call = carrier.call(to=OURS, from_=THEIRS, far_end=person(caller or self.caller))
        await call.ended()

    async def run(self, ann: Script | FarEnd, caller: Script | None = None) -> None:
        """As `play`; return when nothing is left of it."""
        await self.play(ann, caller)
        await self.settle()

    async def _answer(self, call: Call) -> None:
        try:
            await (self.program or Scene.transfers)(self, call)
        finally:
            self.over.set()

    async def transfers(self, call: Call) -> None:
        """Hand the caller to Ann; talk with a caller who is back, and hang up."""
        session = self.session()
        await session.start(call)
        self.result = await session.warm_transfer(self.config())
        self.result_at = clock.now()
        if not session.closed:
            await self.talk(session, call)
            await asyncio.sleep(self.stays_for)
            await session.hangup()
        self.closed = await session.wait_closed()

    def session(self, **parts: Any) -> AgentSession[None]:
        """Return one whose transfers are watched."""
        session: AgentSession[None] = AgentSession(
            parts.pop("agent", None) or Agent(),
            Pipeline(tts=ScriptedTTS(), **parts),
            options=SessionOptions(wording=None),
        )
        session.on_warm_transfer(callback=self.told)
        return session

    def config(self) -> WarmTransferConfig:
        """Return what is wished."""
        ann = PhoneDestination(ANN, "Ann", ring_timeout=self.rings_for)
        wish = {"destination": ann, "hold_line": "Please hold.", **self.wish}
        return WarmTransferConfig(**wish)

    async def talk(self, session: AgentSession[None], call: Call) -> None:
        """Let the agent say something; is the caller back?"""

        async def says() -> None:
            await session.say("What else can I do for you?")

        await self.listen(call, says())

    async def listen(self, call: Call, agent: Awaitable[None]) -> None:
        """While the agent makes a sound: is the caller back?"""
        assert call.leg is not None
        voice = CallersVoice()
        call.leg.listen(voice)
        began = clock.now()
        await agent
        call.leg.unlisten(voice)
        sound = heard(self.lines["caller"], began + 0.2, clock.now() - 0.1)
        self.back = share(sound, AGENT_HZ) > 0.9 and share(voice.pcm, CALLER_HZ) > 0.9

    def told(self, event: WarmTransferPhaseReached) -> None:
        """A transfer has come to a phase."""
        self.phases.append(event.phase.value)
        if event.phase == "call_switched":
            self.merged_at = clock.now()
            for seconds in self.compared:
                asyncio.get_running_loop().call_later(seconds + 0.1, self._compare, seconds)
            self.together.set()

    def _compare(self, seconds: float) -> None:
        """Listen to what the two have heard of each other."""
        until = self.merged_at + seconds
        caller, ann = (heard(self.lines[name], until - 1.0, until) for name in ("caller", "ann"))
        self.mutual.append(share(caller, ANN_HZ) > 0.9 and share(ann, CALLER_HZ) > 0.9)

    def goes_wrong_with(self, call: EmulatedCall, wrong: str) -> None:
        """The next order about a call goes wrong."""
        self.wrong_at = clock.now()
        wrongs(f"*/Calls/{call.sid}.json")[wrong](self.place.carrier.faults)

    @property
    def anns(self) -> list[EmulatedCall]:
        """The calls that were made to Ann."""
        return [each for each in self.place.carrier.calls.values() if each.to == ANN]

    @property
    def phoned(self) -> EmulatedCall:
        """The caller's call."""
        return next(each for each in self.place.carrier.calls.values() if each.to == OURS)

    async def settle(self) -> None:
        """Wait until every call is over, and look that nothing is left of them."""
        for each in self.place.carrier.calls.values():
            await each.ended(60.0)
        async with asyncio.timeout(45.0):
            await self.over.wait()
        await self.place.app.drain()
        assert self.place.app.calls == ()
        assert self.place.carrier.log.of("failure") == []
        ends = [phase for phase in self.phases if phase in TERMINAL]
        assert len(ends) == self.phases.count("started")
        assert ends[-1:] == self.phases[-1:]


def nothing(_faults: Faults) -> None:
    """Nothing goes wrong."""


def play(
    main: Callable[[Scene], Awaitable[None]],
    fault: Fault = nothing,
    wish: Mapping[str, Any] | None = None,
) -> None:
    """Run a scene, and look that no task is left of it."""

    async def on_the_street() -> None:
        before = asyncio.all_tasks()
        async with street() as place:
            scene = Scene(place, fault) if wish is None else Scene(place, fault, wish)
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
    """What can go wrong with the next request to such a path."""
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


def reports(purpose: str) -> Mapping[str, Fault]:
    """What can go wrong with all reports of a kind from now on."""
    return {
        "lost": lambda faults: faults.lose(purpose, times=100),
        "doubled": lambda faults: faults.double(purpose, apart=0.5, times=100),
        "late": lambda faults: faults.delay(purpose, seconds=4.0, times=100),
        "out of order": lambda faults: faults.overtake(purpose, times=100),
    }


REPORTS = reports("status")

"""A session whose call can phone supervisors: what the tests of transfers play on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import Agent, SessionOptions
from hookflash.audio.frames import Pcm
from hookflash.calls.addresses import Address, Responder
from hookflash.calls.call import Call
from hookflash.calls.cold_transfer import transfer
from hookflash.calls.outcome import TransferOutcome, TransferVia
from hookflash.calls.transfer_types import PhoneDestination, WarmTransferConfig
from hookflash.carriers.base import Answer, Carrier
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.errors import HookflashError
from hookflash.events.call import CallState, CarrierStatus, Outcome
from hookflash.events.transfer import WarmTransferPhaseReached, WarmTransferResult
from hookflash.testing import MemoryLeg

NUMBER = "+14155550100"
ANN = PhoneDestination(NUMBER, "Ann")
SUMMARY = "They want their money back."
OPTIONS = SessionOptions(apology="Sorry.", not_understood="Pardon?", wording=None)


class PlainCarrier(TwilioCarrier):
    """Has neither conferences, nor dials for a call."""

    name = "plain"
    has_rooms = False
    detects_machines = False
    dials = False


class Desk:
    """Phones at which supervisors sit, on a carrier that can do nothing but dial."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.orders: list[tuple[str, str]] = []
        self.dialled_at: list[float] = []
        self.refuses: HookflashError | None = None
        self.answers_early = False
        self._rung = asyncio.Event()
        self.carrier: Carrier = PlainCarrier("AC" + "0" * 32, "token")

    def media_answer(self, call: Call) -> Answer:
        raise NotImplementedError

    async def transfer(
        self,
        call: Call,
        to: str,
        *,
        from_: str | None = None,
        ring_timeout: float = 30.0,
        via: TransferVia = "auto",
    ) -> TransferOutcome:
        return await transfer(call, to, from_=from_, ring_timeout=ring_timeout, via=via)

    def callback(self, responder: Responder) -> Address:
        raise NotImplementedError

    def sound(self, pcm: Pcm, rate: int) -> Address:
        raise NotImplementedError

    async def dial(
        self, to: str, from_: str, *, ring_timeout: float, detect_machine: bool = False
    ) -> Call:
        if self.refuses is not None:
            raise self.refuses
        call = Call(direction="outbound", from_=from_, to=to)
        call.report(CarrierStatus(state=CallState.DIALING))
        self.orders.append((to, from_))
        self.dialled_at.append(asyncio.get_running_loop().time())
        self.calls.append(call)
        if self.answers_early:
            self.answer()
            await asyncio.sleep(0.5)
        self._rung.set()
        return call

    async def rings(self) -> Call:
        """Wait until somebody is phoned."""
        async with asyncio.timeout(30.0):
            await self._rung.wait()
        self._rung.clear()
        self.calls[-1].report(CarrierStatus(state=CallState.RINGING))
        return self.calls[-1]

    def answer(self) -> MemoryLeg:
        leg = MemoryLeg()
        self.calls[-1].attach(leg)
        return leg

    def ends(self, outcome: Outcome, cause: str | None = None) -> None:
        self.calls[-1].report(CarrierStatus(state=CallState.ENDED, outcome=outcome, cause=cause))


class TransferStage:
    """A caller, an agent, and supervisors at their phones."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.desk = Desk()
        call = stage.session.call
        assert call is not None
        self.call = call
        self.call.control = self.desk

    def begin(self, **config: Any) -> "asyncio.Task[WarmTransferResult]":
        """Ask for a transfer from outside of any tool."""
        transfer = self.stage.session.warm_transfer(self.config(**config))
        return asyncio.create_task(transfer)

    def config(self, **config: Any) -> WarmTransferConfig:
        if not config.keys() & {"destination", "destinations"}:
            config["destination"] = ANN
        return WarmTransferConfig(**config)

    async def supervisor_answers(self) -> MemoryLeg:
        """They are phoned, and take up the phone a second later."""
        await self.desk.rings()
        await asyncio.sleep(1.0)
        leg = self.desk.answer()
        await asyncio.sleep(0.02)  # the briefing begins to listen
        return leg

    async def caller_says(self, text: str) -> None:
        await self._says(0, text)

    async def supervisor_says(self, text: str) -> None:
        await self._says(-1, text)

    async def _says(self, stream: int, text: str) -> None:
        """Speak into the first ears that were opened, or the last."""
        voice, hearing = self.stage.vad.streams[stream], self.stage.stt.streams[stream]
        onset = self.stage.now()
        await asyncio.sleep(0.2)
        voice.verdict(True, onset)
        await asyncio.sleep(0.3)
        hearing.partial(text)
        offset = self.stage.now()
        await asyncio.sleep(0.3)
        voice.verdict(False, offset)
        hearing.final(text)

    async def briefed(self) -> MemoryLeg:
        """They answer, say hello, and have heard the summary."""
        leg = await self.supervisor_answers()
        await self.supervisor_says("Hello?")
        await asyncio.sleep(20.0)
        return leg

    @property
    def phases(self) -> list[str]:
        return [str(event.phase) for event in self.told]

    @property
    def told(self) -> list[WarmTransferPhaseReached]:
        return self.stage.of(WarmTransferPhaseReached)


@asynccontextmanager
async def at_desks(
    agent: Agent | None = None, script: Script = (SUMMARY,), **options: Any
) -> AsyncGenerator[TransferStage]:
    options.setdefault("options", OPTIONS)
    async with on_stage(agent or Agent(), script, **options) as stage:
        place = TransferStage(stage)
        try:
            yield place
        finally:
            await stage.session.close()
            for call in place.desk.calls:
                await call.aclose()

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from hookflash.calls import Call, CallNotAnswered
from hookflash.carriers.base import (
    Answer,
    Carrier,
    CarrierReport,
    IncomingCall,
    Line,
    PlacedCall,
    Webhook,
)
from hookflash.errors import LinkError, SessionClosed, UsageError
from hookflash.events.call import CallEnded, CallState, CarrierStatus, Outcome
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg


class Switchboard(Carrier):
    """A carrier that only ends calls, or fails to."""

    name = "switchboard"

    def __init__(self, *, dead: bool = False) -> None:
        self.ended: list[tuple[str, bool]] = []
        self._dead = dead

    async def end(self, carrier_call_id: str, *, cancel: bool = False) -> None:
        self.ended.append((carrier_call_id, cancel))
        if self._dead:
            msg = "no answer"
            raise LinkError(msg)

    def check(self, webhook: Webhook) -> bool:
        raise NotImplementedError

    def read_incoming(self, webhook: Webhook) -> IncomingCall:
        raise NotImplementedError

    def read_report(self, webhook: Webhook) -> CarrierReport:
        raise NotImplementedError

    def connect_media(self, url: str, parameters: Mapping[str, str]) -> Answer:
        raise NotImplementedError

    def reject(self, reason: str = "rejected") -> Answer:
        raise NotImplementedError

    async def place(
        self,
        *,
        to: str,
        from_: str,
        answer: Answer,
        status_url: str | None = None,
        verdict_url: str | None = None,
        ring_timeout: float = 60.0,
    ) -> PlacedCall:
        raise NotImplementedError

    async def instruct(self, carrier_call_id: str, answer: Answer) -> None:
        raise NotImplementedError

    async def look_up(self, carrier_call_id: str) -> CarrierStatus:
        raise NotImplementedError

    async def lines(self, number: str | None = None) -> Sequence[Line]:
        raise NotImplementedError

    async def point(self, line_id: str, *, voice_url: str, status_url: str | None = None) -> Line:
        raise NotImplementedError


def test_hanging_up_ends_the_call_at_the_carrier_and_the_leg() -> None:
    async def main() -> None:
        carrier = Switchboard()
        call = Call(direction="inbound", carrier=carrier, carrier_call_id="CA1")
        leg = MemoryLeg()
        call.attach(leg)
        assert await call.answer() is leg
        assert call.state is CallState.ANSWERED
        await asyncio.sleep(2)
        ended = await call.hangup()
        assert ended == CallEnded(outcome=Outcome.COMPLETED, reason="hangup", duration=2.0)
        assert carrier.ended == [("CA1", False)]
        assert leg.closed
        assert await call.hangup() == ended
        await call.aclose()

    clock.run(main(), virtual=True)


def test_a_carrier_that_does_not_answer_does_not_keep_the_call_alive() -> None:
    async def main() -> None:
        carrier = Switchboard(dead=True)
        call = Call(direction="outbound", carrier=carrier, carrier_call_id="CA1")
        ended = await call.hangup()
        assert (ended.outcome, clock.now()) == (Outcome.CANCELED, 5.0)
        with pytest.raises(CallNotAnswered) as info:
            await call.answer()
        assert info.value.outcome is Outcome.CANCELED
        await call.aclose()

    clock.run(main(), virtual=True)


def test_a_call_that_nobody_answers_is_cancelled_in_time() -> None:
    async def main() -> None:
        carrier = Switchboard()
        call = Call(direction="outbound", carrier=carrier, carrier_call_id="CA1")
        call.report(CarrierStatus(state=CallState.RINGING))
        with pytest.raises(CallNotAnswered) as info:
            await call.answer()
        assert info.value.outcome is Outcome.NO_ANSWER
        assert carrier.ended == [("CA1", True)]
        assert clock.now() == 60.0
        await call.aclose()

    clock.run(main(), virtual=True)


def test_events_past_are_seen_by_late_readers() -> None:
    async def main() -> None:
        call = Call.of_leg(MemoryLeg())
        await call.hangup()
        names = [event.name async for event in call.events()]
        assert names == ["call.answered", "call.ended"]
        await call.aclose()

    clock.run(main(), virtual=True)


def test_digits_need_an_open_leg() -> None:
    async def main() -> None:
        leg = MemoryLeg()
        call = Call.of_leg(leg)
        await call.send_digits("1w2")
        assert len(leg.received) >= 25
        with pytest.raises(UsageError):
            await call.send_digits("x")
        await call.hangup()
        with pytest.raises(SessionClosed):
            await call.send_digits("1")
        await call.aclose()

    clock.run(main(), virtual=True)


def test_what_cannot_be_is_refused() -> None:
    async def main() -> None:
        call = Call.of_leg(MemoryLeg())
        with pytest.raises(UsageError, match="has a leg already"):
            call.attach(MemoryLeg())
        with pytest.raises(UsageError, match="use hangup"):
            call.reject()
        await call.aclose()
        outbound = Call(direction="outbound")
        with pytest.raises(UsageError, match="use hangup"):
            outbound.reject()
        await outbound.aclose()

    clock.run(main(), virtual=True)

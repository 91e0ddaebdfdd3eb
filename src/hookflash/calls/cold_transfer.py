"""Handing a call to somebody without a word to them before."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from hookflash.audio.frames import frame_bytes
from hookflash.audio.tones import ringback
from hookflash.calls.bridge import Bridge
from hookflash.calls.call import Call, CallControl, CallNotAnswered
from hookflash.calls.carrier_dial import CarrierDial
from hookflash.calls.outcome import TransferOutcome, TransferVia, refined, sip_status
from hookflash.calls.pair import end_together
from hookflash.calls.transfer_types import TransferMisconfigured, check_address
from hookflash.carriers.base import Answer, CarrierReport, DialEnded, Step
from hookflash.errors import CarrierError, HookflashError, LinkError, UsageError
from hookflash.events.call import CallState, Outcome
from hookflash.events.voicemail import CarrierVerdict
from hookflash.legs.base import Leg

__all__ = ["transfer"]

# Beyond the ringing: an order, two reports, a stream that comes back.
_CARRIER_TAKES = 15.0
_LEAST_RING, _MOST_RING = 5.0, 600.0


def _failed(
    via: Literal["carrier", "bridge"], outcome: Outcome | None, cause: str | None
) -> TransferOutcome:
    return TransferOutcome(
        success=False,
        outcome=refined(outcome or Outcome.FAILED, cause),
        cause=cause,
        sip_code=sip_status(cause),
        via=via,
    )


async def transfer(
    call: Call,
    to: str,
    *,
    from_: str | None = None,
    ring_timeout: float = 30.0,
    via: TransferVia = "auto",
) -> TransferOutcome:
    """Hand a call to somebody; what `Call.transfer` says, holds here.

    Raises:
        UsageError, SessionClosed: as there.
    """
    check_address("to", to)
    if to == call.party:
        msg = "to is who is on the call already; give somebody else's number"
        raise TransferMisconfigured(msg)
    if from_ is not None:
        check_address("from_", from_)
    if not _LEAST_RING <= ring_timeout <= _MOST_RING:
        msg = f"ring_timeout is {ring_timeout}; give seconds from 5 to 600"
        raise TransferMisconfigured(msg)
    if via not in ("auto", "carrier", "bridge"):
        msg = f"via is {via!r}; give auto, carrier or bridge"
        raise TransferMisconfigured(msg)
    control = call.control
    if control is None:
        msg = "this call has no carrier account to transfer it with; use a call of an App"
        raise UsageError(msg)
    if via == "carrier" or (via == "auto" and control.carrier.dials):
        return await _ByCarrier(call, control).run(to, from_ or call.line, ring_timeout)
    return await _ByBridge(call).run(to, from_, ring_timeout)


class _ByCarrier:
    """The carrier dials, and connects. As a `DialFollower`."""

    def __init__(self, call: Call, control: CallControl) -> None:
        self._call = call
        self._control = control
        self._done: asyncio.Future[TransferOutcome] = asyncio.get_running_loop().create_future()
        self._answered_back = False  # asked what follows, we have said that they come back

    async def run(self, to: str, from_: str, ring_timeout: float) -> TransferOutcome:
        call = self._call
        dial = CarrierDial(self._control, call, self, whispers=False)
        # The call may outlive us by hours, and its end is told there.
        call.when_ended(dial.close)
        over = asyncio.ensure_future(call.wait_ended())
        try:
            await call.lend(dial.step(to, from_, ring_timeout=ring_timeout), followed=dial.begun)
            waits: set[asyncio.Future[Any]] = {self._done, over}
            await asyncio.wait(
                waits, timeout=ring_timeout + _CARRIER_TAKES, return_when=asyncio.FIRST_COMPLETED
            )
        except (CarrierError, LinkError) as exc:
            dial.close()
            return _failed("carrier", Outcome.FAILED, exc.reason)
        except asyncio.CancelledError:
            self._done.cancel()
            await self._come_back(dial)
            raise
        finally:
            over.cancel()
        if not self._done.done():
            await call.check()
            if call.ended is not None:
                return _failed("carrier", Outcome.CANCELED, None)
        # Nobody rings any more, and no end of it was told: they talk, of which nothing was, either.
        self._connected()
        outcome = self._done.result()
        if not outcome.success:
            await self._come_back(dial)
        return outcome

    async def _come_back(self, dial: CarrierDial) -> None:
        """Have the audio back; a call that the carrier does not give back is ended."""
        call = self._call
        try:
            await call.fetch(asked=self._answered_back)
        except HookflashError:
            call.end("no_media")
        dial.close()

    # As the dial's follower.

    def progressed(self, report: CarrierReport) -> None:
        """The party rings, has answered, or is gone."""
        if report.status.state is CallState.ANSWERED:
            self._connected()

    def answered(self, carrier_call_id: str) -> None:
        """Of a whisper, which there is not."""

    async def pressed(self, key: str) -> None:
        """Of a whisper, which there is not."""

    def judged(self, verdict: CarrierVerdict) -> None:
        """Nobody has asked."""

    def whisper(self) -> Sequence[Step]:
        """Say nothing."""
        return ()

    async def ended(self, ended: DialEnded) -> Answer:
        """They are not connected, or no longer."""
        if ended.connected:
            self._connected()
        if not self._done.done():
            self._done.set_result(_failed("carrier", ended.status.outcome, ended.status.cause))
        if not self._done.cancelled() and self._done.result().success:
            return self._call.way_out("other_party_left")
        self._answered_back = True
        return self._call.way_back()

    def _connected(self) -> None:
        if not self._done.done():
            self._done.set_result(
                TransferOutcome(success=True, outcome=Outcome.COMPLETED, via="carrier")
            )


class _ByBridge:
    """We dial, and connect."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def run(self, to: str, from_: str | None, ring_timeout: float) -> TransferOutcome:
        call, leg = self._call, self._call.leg
        try:
            other = await call.dial_another(to, from_=from_, ring_timeout=ring_timeout)
        except (CarrierError, LinkError) as exc:
            return _failed("bridge", Outcome.FAILED, exc.reason)
        assert leg is not None
        ringing = _Ringing(leg.sample_rate)
        leg.lay_bed(ringing)
        answer = asyncio.ensure_future(other.answer())
        over = asyncio.ensure_future(call.wait_ended())
        try:
            waits: set[asyncio.Future[Any]] = {answer, over}
            await asyncio.wait(waits, timeout=ring_timeout, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await other.hangup("transfer_ended")
                gone = call.ended is not None
                return _failed("bridge", Outcome.CANCELED if gone else Outcome.NO_ANSWER, None)
            theirs = answer.result()
        except CallNotAnswered as exc:
            return _failed("bridge", exc.outcome, exc.cause)
        except BaseException:
            other.end("transfer_ended")
            raise
        finally:
            answer.cancel()
            over.cancel()
            leg.lift_bed(ringing)
        return self._connect(leg, other, theirs)

    def _connect(self, leg: Leg, other: Call, theirs: Leg) -> TransferOutcome:
        bridge = Bridge()
        try:
            bridge.join(theirs)
            bridge.join(leg)
        except HookflashError as exc:  # one of the two has hung up at this very moment
            other.end("transfer_ended")
            return _failed("bridge", Outcome.FAILED, exc.reason)
        end_together(self._call, other)
        self._call.handed_over = other.handed_over = True
        return TransferOutcome(success=True, outcome=Outcome.COMPLETED, via="bridge")


class _Ringing:
    """What the caller hears until somebody answers. As a `LegBed`."""

    def __init__(self, rate: int) -> None:
        self._size = frame_bytes(rate)
        self._pcm = ringback(rate)
        self._place = 0

    def next_frame(self, *, speech: bool) -> bytes | None:
        """Return the next 20 ms, again and again."""
        frame = self._pcm[self._place : self._place + self._size]
        self._place = (self._place + self._size) % len(self._pcm)
        return frame

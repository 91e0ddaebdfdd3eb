"""The carrier rings somebody on behalf of a call, and connects the two without us."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from hookflash.calls.addresses import AddressBook
from hookflash.calls.call import Call, CallControl
from hookflash.carriers.base import (
    Answer,
    CarrierReport,
    DialEnded,
    DialParty,
    Step,
    Webhook,
)
from hookflash.errors import UsageError
from hookflash.events.call import CallState, CarrierStatus
from hookflash.events.voicemail import CarrierVerdict

__all__ = ["CarrierDial", "DialFollower"]

_REPORT_WITHIN = 0.5


class DialFollower(Protocol):
    """Who decides what becomes of it."""

    def progressed(self, report: CarrierReport) -> None:
        """The carrier says where the call to the party is."""
        ...

    def answered(self, carrier_call_id: str) -> None:
        """Somebody or something has answered, and hears `whisper` next. Not told without one."""
        ...

    async def pressed(self, key: str) -> None:
        """They have pressed a key that a whisper asked for; they hear `whisper` next."""
        ...

    def judged(self, verdict: CarrierVerdict) -> None:
        """The carrier says who has answered. Not told unless it was asked to find out."""
        ...

    def whisper(self) -> Sequence[Step]:
        """Return what they hear before they are connected; nothing connects them."""
        ...

    async def ended(self, ended: DialEnded) -> Answer:
        """The two are not connected, or no longer; return what the call does next."""
        ...


class CarrierDial:
    """One party that is rung for a call. `close` it when that is over.

    Attributes:
        whisper_url: asks `DialFollower.whisper` again; for a `GoTo` at the end of one.
        key_url: for an `AskKey` in a whisper.
        begun: set once the carrier has told anything of it.
    """

    def __init__(
        self, control: CallControl, call: Call, follower: DialFollower, *, whispers: bool
    ) -> None:
        """Make the addresses; nobody is rung before the call is told to do `step`.

        Args:
            control: the application.
            call: whom the party is to talk with.
            follower: is told, and asked.
            whispers: whether the party hears something before they are connected.

        Raises:
            UsageError: the carrier cannot ring anybody for a call.
        """
        if not control.carrier.dials:
            msg = f"{control.carrier.name} cannot ring somebody for a call"
            raise UsageError(msg)
        self._carrier = control.carrier
        self._call = call
        self._follower = follower
        self._addresses = AddressBook(control)
        self._over: asyncio.Future[CarrierStatus] = asyncio.get_running_loop().create_future()
        self._asked = asyncio.Event()
        self.begun = asyncio.Event()

        address = self._addresses.callback
        self._status_url = address(self._progressed).url
        self._ended_url = address(self._ended).url
        self._verdict_url = address(self._judged).url
        self.whisper_url = address(self._answered).url if whispers else ""
        self.key_url = address(self._pressed).url if whispers else ""

    def step(
        self,
        to: str,
        from_: str,
        *,
        ring_timeout: float,
        send_digits: str = "",
        detect_machine: bool = False,
    ) -> DialParty:
        """Return what the call is to be told to do.

        Args:
            to: E.164 or a `sip:` address.
            from_: the number that they see.
            ring_timeout: seconds; the carrier takes 5 to 600.
            send_digits: keys to press once they have answered.
            detect_machine: whether the carrier finds out who has answered.
        """
        return DialParty(
            to=to,
            from_=from_,
            ring_timeout=ring_timeout,
            ended_url=self._ended_url,
            whisper_url=self.whisper_url or None,
            status_url=self._status_url,
            verdict_url=self._verdict_url if detect_machine else None,
            send_digits=send_digits,
        )

    def close(self) -> None:
        """Take no more notice of it. Idempotent."""
        self._addresses.close()

    # What the carrier tells.

    async def _progressed(self, webhook: Webhook) -> None:
        report = self._carrier.read_report(webhook)
        self.begun.set()
        if report.status.state is CallState.ENDED:
            if not self._over.done():
                self._over.set_result(report.status)
            # It may have ended because the caller has hung up, which is told by another way.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _REPORT_WITHIN)
        self._follower.progressed(report)

    async def _judged(self, webhook: Webhook) -> None:
        self._follower.judged(self._carrier.read_verdict(webhook))

    async def _answered(self, webhook: Webhook) -> Answer:
        self.begun.set()
        self._follower.answered(self._carrier.read_report(webhook).carrier_call_id)
        return self._carrier.write(*self._follower.whisper())

    async def _pressed(self, webhook: Webhook) -> Answer:
        await self._follower.pressed(self._carrier.read_key(webhook))
        return self._carrier.write(*self._follower.whisper())

    async def _ended(self, webhook: Webhook) -> Answer:
        answer = self._call.answer_if_not_lent(self._carrier.read_report(webhook).status)
        self._asked.set()
        if answer is not None:
            return answer
        ended = self._carrier.read_dial_ended(webhook)
        # The report of the party's own call travels by another way, and knows the SIP status.
        await asyncio.wait([self._over], timeout=_REPORT_WITHIN)
        if self._over.done():
            ended = msgspec.structs.replace(ended, status=self._over.result())
        return await self._follower.ended(ended)

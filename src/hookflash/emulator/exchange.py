"""The telephone exchange: whose numbers there are, and how calls find their far ends."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from hookflash.emulator.account import Account
from hookflash.emulator.call import (
    CallPlan,
    Document,
    EmulatedCall,
    Party,
    Status,
    Subscription,
)
from hookflash.emulator.conference import Conferences
from hookflash.emulator.engine import Engine
from hookflash.emulator.far_end import Answer, FarEnd, invalid
from hookflash.emulator.faults import Race
from hookflash.emulator.line import Line, Trunk
from hookflash.emulator.queueing import Queues

__all__ = ["Exchange", "PhoneNumber"]


@dataclass(slots=True, kw_only=True)
class PhoneNumber:
    """A number that the account owns, as the REST interface shows it.

    Attributes:
        sid: PN...
        phone_number: E.164.
        friendly_name: for people.
        created: when it was bought.
        updated: when it was last changed.
        settings: the vendor's fields that can be set, such as `voice_url`.
    """

    sid: str
    phone_number: str
    friendly_name: str
    created: datetime
    updated: datetime
    settings: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def voice_url(self) -> str:
        """Who is asked what to do with a call; "" if nobody."""
        return self.settings.get("voice_url", "")


class Exchange:
    """All numbers, far ends and calls of an account."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.numbers: dict[str, PhoneNumber] = {}
        """By SID."""
        self.caller_ids: set[str] = set()
        """Numbers of others that may be shown as `From`."""
        self.calls: dict[str, EmulatedCall] = {}
        """By SID, in the order in which they began."""
        self.far_ends: dict[str, FarEnd] = {}
        """Who picks up, by the number, `sip:` or `client:` address that is dialled."""
        self._live: dict[EmulatedCall, None] = {}  # a set that keeps its order
        self.conferences = Conferences(account)
        self.queues = Queues(account)
        self._engine = Engine(account, self.place, self.conferences, self.queues)

    def number(self, phone_number: str) -> PhoneNumber | None:
        """Return the account's number, if it is one."""
        for number in self.numbers.values():
            if number.phone_number == phone_number:
                return number
        return None

    def owns(self, phone_number: str) -> bool:
        """Say whether calls may show this number."""
        return self.number(phone_number) is not None or phone_number in self.caller_ids

    @property
    def live_calls(self) -> list[EmulatedCall]:
        """The calls that have not ended."""
        return list(self._live)

    def _is_full(self) -> bool:
        if len(self._live) < self.account.settings.max_calls:
            return False
        self.account.lint("max_calls", "a call was refused: EmulatorSettings.max_calls are live")
        return True

    def place(self, plan: CallPlan) -> EmulatedCall | None:
        """Start an outgoing call, to an own number or to a far end; None if there are too many."""
        if self._is_full():
            return None
        own = self.number(plan.to)
        if own is not None:
            return self._start(plan, self._trunk_to(own, plan))
        far_end = self.far_ends.get(plan.to)
        if far_end is None:
            self.account.lint(
                "nobody_there", "nobody has this number: set far_ends for it before it is dialled"
            )
            far_end = invalid()
        return self._start(plan, self._party(far_end))

    def receive(self, number: PhoneNumber, from_: str, far_end: FarEnd) -> EmulatedCall | None:
        """Start a call of somebody to an own number; None if there are too many."""
        return self._receive(number, from_, self._party(far_end))

    def _receive(self, number: PhoneNumber, from_: str, party: Party) -> EmulatedCall | None:
        if self._is_full():
            return None
        settings = number.settings
        callback = settings.get("status_callback")
        plan = CallPlan(
            direction="inbound",
            from_=from_,
            to=number.phone_number,
            document=Document(
                url=number.voice_url,
                method=settings.get("voice_method", "POST"),
                fallback_url=settings.get("voice_fallback_url") or None,
                fallback_method=settings.get("voice_fallback_method", "POST"),
            ),
            subscription=Subscription(
                url=callback, method=settings.get("status_callback_method", "POST")
            )
            if callback
            else None,
            number_sid=number.sid,
        )
        if not number.voice_url:
            # A number that leads nowhere: the call fails, and nobody is told.
            call = self._new(CallPlan(direction="inbound", from_=from_, to=plan.to), party)
            self.account.lint(
                "no_voice_url", "a call came in on a number without a voice URL", call_sid=call.sid
            )
            call.start()
            call.end(Status.FAILED, by="emulator", sip_code=404)
            return call
        return self._start(plan, party)

    def _trunk_to(self, number: PhoneNumber, plan: CallPlan) -> Party:
        """Return the far end of a call to an own number: another call, coming in on it."""
        near, far = Trunk.pair()
        other: list[EmulatedCall] = []

        async def ring() -> Answer:
            party = Party(line=far, ring=_never, run=_wait_for_the_other_end)
            incoming = self._receive(number, plan.from_, party)
            if incoming is None:
                return Answer.BUSY
            other.append(incoming)
            await asyncio.wait({incoming.picked_up})
            if incoming.answered_at is not None:
                return Answer.ANSWERED
            if incoming.status is Status.BUSY:
                return Answer.BUSY
            return Answer.NO_ANSWER if incoming.status is Status.NO_ANSWER else Answer.INVALID

        async def run() -> None:
            for incoming in other:
                await asyncio.wait({incoming.over})

        return Party(line=near, ring=ring, run=run)

    def _party(self, far_end: FarEnd) -> Party:
        settings = self.account.settings
        line = Line(
            self.account.voice,
            voice=far_end.voice,
            keys_audible=settings.keys_audible,
            recorded=settings.record_lines,
        )
        return Party(
            line=line,
            ring=far_end.ring,
            rings=far_end.rings,
            run=lambda: far_end.run(line),
            verdict=far_end.verdict,
            refer=far_end.refer,
        )

    def _start(self, plan: CallPlan, party: Party) -> EmulatedCall:
        call = self._new(plan, party)
        call.start()
        return call

    def _new(self, plan: CallPlan, party: Party) -> EmulatedCall:
        sid = self.account.sids.new("CA")
        call = self.calls[sid] = EmulatedCall(self.account, plan, party, self._engine, sid)
        self._live[call] = None
        call.over.add_done_callback(lambda _: self._ended(call))
        return call

    def _ended(self, call: EmulatedCall) -> None:
        self._live.pop(call, None)
        ringing = [
            other
            for other in self._live
            if other.direction != "inbound" and other.status is Status.RINGING
        ]
        if (
            ringing
            and call.ended_by == "caller"
            and self.account.faults.happens(Race.ANSWERED_AS_CALLER_HANGS_UP)
        ):
            for other in ringing:
                other.pick_up()


async def _never() -> Answer:
    """A caller is not phoned."""
    return Answer.NO_ANSWER


async def _wait_for_the_other_end() -> None:
    """The trunk itself tells an incoming call when the outgoing one ends."""
    await asyncio.get_running_loop().create_future()

"""Queues: calls that wait in order until somebody takes them out.

Source: https://www.twilio.com/docs/voice/twiml/enqueue, https://www.twilio.com/docs/voice/twiml/queue
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from hookflash.emulator.account import Account
from hookflash.emulator.bridging import bridge
from hookflash.emulator.call import Document, EmulatedCall
from hookflash.emulator.line import FRAME_SECONDS
from hookflash.emulator.sound import Loop
from hookflash.emulator.waiting import cut_short
from hookflash.runtime.clock import now, wall
from hookflash.wire.twiml import Dial, Enqueue, Queue

__all__ = [
    "MAX_QUEUE_SIZE",
    "CallQueue",
    "Dequeuing",
    "Enqueuing",
    "QueueResult",
    "Queues",
    "Waiting",
]

MAX_QUEUE_SIZE: Final = 5000
"""The longest queue that the vendor makes."""

_DEFAULT_SIZE: Final = 1000

QueueResult: TypeAlias = Literal["bridged", "queue-full", "redirected", "hangup", "leave"]
"""The vendor's words for how a call left a queue."""


def _future() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


@dataclass(eq=False, slots=True, kw_only=True)
class Waiting:
    """A call in a queue.

    Attributes:
        call: whose party waits.
        since: in the loop's seconds.
        enqueued: the same as a date.
        summoned: done when somebody takes it out.
        released: done when it is no longer connected with them.
    """

    call: EmulatedCall
    since: float = field(default_factory=now)
    enqueued: datetime = field(default_factory=wall)
    summoned: "asyncio.Future[None]" = field(default_factory=_future)
    released: "asyncio.Future[None]" = field(default_factory=_future)

    @property
    def seconds(self) -> int:
        """How long it has waited."""
        return round(now() - self.since)


class CallQueue:
    """A queue."""

    def __init__(self, sid: str, friendly_name: str, max_size: int) -> None:
        self.sid = sid
        """QU..."""
        self.friendly_name = friendly_name
        self.max_size = max_size
        self.created = self.updated = wall()
        self.members: list[Waiting] = []
        """Who waits, the longest first."""
        self.joined = asyncio.Event()

    @property
    def average_wait(self) -> int:
        """Seconds that those in it have waited, on average."""
        if not self.members:
            return 0
        return round(sum(now() - one.since for one in self.members) / len(self.members))

    def join(self, call: EmulatedCall) -> Waiting:
        """Let a call wait."""
        one = Waiting(call=call)
        self.members.append(one)
        self.updated = wall()
        self.joined.set()
        return one

    def leave(self, one: Waiting) -> None:
        """Let it out. Idempotent."""
        if one in self.members:
            self.members.remove(one)
            self.updated = wall()

    def member(self, name: str) -> Waiting | None:
        """Return the member of a call SID, or that in `Front`."""
        if name == "Front":
            return self.members[0] if self.members else None
        return next((one for one in self.members if one.call.sid == name), None)

    def fields(self, one: Waiting) -> dict[str, str]:
        """Return what the document that is heard while waiting is told."""
        return {
            "QueueSid": self.sid,
            "QueuePosition": str(self.members.index(one) + 1),
            "QueueTime": str(one.seconds),
            "AvgQueueTime": str(self.average_wait),
            "CurrentQueueSize": str(len(self.members)),
        }

    async def front(self) -> Waiting:
        """Take out the one who has waited longest; wait for one if need be."""
        while not self.members:
            self.joined.clear()
            await self.joined.wait()
        one = self.members[0]
        self.leave(one)
        one.summoned.set_result(None)
        return one


class Queues:
    """All queues of an account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.by_sid: dict[str, CallQueue] = {}
        """In the order in which they were made."""

    def named(self, name: str) -> CallQueue | None:
        """Return the queue of a friendly name or SID."""
        for queue in self.by_sid.values():
            if name in {queue.sid, queue.friendly_name}:
                return queue
        return None

    def make(self, name: str, max_size: int = _DEFAULT_SIZE) -> CallQueue:
        """Make a queue."""
        sid = self._account.sids.new("QU")
        queue = self.by_sid[sid] = CallQueue(sid, name, max_size)
        return queue


class Enqueuing:
    """One execution of `<Enqueue>` on a call."""

    def __init__(
        self,
        call: EmulatedCall,
        verb: Enqueue,
        name: str,
        *,
        queues: Queues,
        absolute: Callable[[str], str | None],
        hear: Callable[[Document], Awaitable[Literal["next", "leave", "end"]]],
        times: int,
    ) -> None:
        """Prepare.

        Args:
            call: who waits.
            verb: how.
            name: of the queue, which is made if need be.
            queues: all of them.
            absolute: completes addresses of the document.
            hear: carries out a document on the call; returns `leave` if it held a `Leave`, `end`
                if the call should end, `next` if it was finished.
            times: how often the document is heard, before there is music for good.
        """
        self._call = call
        self._verb = verb
        self._queue = queues.named(name) or queues.make(name)
        self._absolute = absolute
        self._hear = hear
        self._times = times
        self._one: Waiting | None = None
        self._result: QueueResult = "queue-full"
        self.hung_up = False
        """Whether the document that was heard ended the call."""

    def fields(self) -> dict[str, str]:
        """Return what the `action` is told."""
        fields: dict[str, str] = {"QueueResult": self._result}
        if self._one is not None:
            fields |= {"QueueSid": self._queue.sid, "QueueTime": str(self._one.seconds)}
        return fields

    async def run(self) -> None:
        """Wait, and be connected with whoever takes the call out."""
        queue = self._queue
        if len(queue.members) >= min(self._verb.max_queue_size, queue.max_size):
            return
        one = self._one = queue.join(self._call)
        try:
            self._result = "leave"
            await cut_short(self._wait(one), one.summoned)
            if one.summoned.done():
                self._result = "bridged"
                await asyncio.shield(one.released)
        except asyncio.CancelledError:
            if not one.summoned.done():
                self._result = "hangup" if self._call.is_over else "redirected"
            raise
        finally:
            queue.leave(one)

    async def _wait(self, one: Waiting) -> None:
        """Hear the document again and again, or music, until one of them lets the call out."""
        url = self._absolute(self._verb.wait_url) if self._verb.wait_url else None
        for _ in range(self._times if url else 0):
            document = Document(
                url=url,
                method=self._verb.wait_url_method,
                purpose="wait",
                params=self._queue.fields(one),
            )
            then = await self._hear(document)
            if then != "next":
                self.hung_up = then == "end"
                return
            # A document that takes no time must not take all of it.
            await asyncio.sleep(FRAME_SECONDS)
        with self._call.playing(Loop.music()):
            await asyncio.shield(one.summoned)


class Dequeuing:
    """One execution of `<Dial><Queue>` on a call."""

    def __init__(
        self,
        call: EmulatedCall,
        verb: Dial,
        noun: Queue,
        *,
        queues: Queues,
        absolute: Callable[[str], str | None],
        whisper: Callable[[EmulatedCall, Document], Awaitable[bool]],
    ) -> None:
        """Prepare.

        Args:
            call: who takes somebody out.
            verb: the verb around the noun.
            noun: which queue.
            queues: all of them.
            absolute: completes addresses of the document.
            whisper: carries out a document on the call that waited, before the two are connected.
        """
        self._call = call
        self._verb = verb
        self._noun = noun
        self._queues = queues
        self._absolute = absolute
        self._whisper = whisper
        self._status = "failed"
        self._bridged_at: float | None = None

    def fields(self) -> dict[str, str]:
        """Return what the `action` is told."""
        fields = {"DialCallStatus": self._status}
        if self._bridged_at is not None:
            fields["DialCallDuration"] = str(round(now() - self._bridged_at))
        return fields

    async def run(self) -> None:
        """Connect with the one who has waited longest, until one of the two leaves."""
        queue = self._queues.named(self._noun.queue)
        if queue is None:
            return
        self._status = "no-answer"
        with self._call.playing(Loop.music()):
            one = await cut_short(queue.front(), timeout=float(self._verb.timeout))
        if one is None:
            return
        try:
            url = self._absolute(self._noun.url) if self._noun.url else None
            if url is not None:
                told = {
                    "QueueSid": queue.sid,
                    "QueueTime": str(one.seconds),
                    "DequeingCallSid": self._call.sid,
                }
                document = Document(
                    url=url, method=self._noun.method, purpose="whisper", params=told
                )
                if not await self._whisper(one.call, document):
                    return
            self._status = "completed"
            self._bridged_at = now()
            await bridge(
                self._call,
                one.call,
                one.call.over,
                one.call.redirected,
                hangup_on_star=self._verb.hangup_on_star,
            )
        finally:
            one.released.set_result(None)

"""One call (the vendor's "leg"): its life, its callbacks, and the sound that passes through it.

Life: `queued`, `ringing`, `in-progress`, then one of `completed busy no-answer failed canceled`.
A call that comes in from a caller begins with `ringing` and is answered by its document; one that
goes out is answered by its far end and then begins its document. A call dialled by another one
has no document until the REST interface gives it one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import Final, Literal, Protocol

from hookflash.emulator.account import Account
from hookflash.emulator.callbacks import Callbacks
from hookflash.emulator.detection import Detection, GreetingJudge, Verdict
from hookflash.emulator.far_end import Answer
from hookflash.emulator.faults import Race
from hookflash.emulator.line import FarLine, Line
from hookflash.emulator.log import CallChange, Failure
from hookflash.emulator.sound import Channel, Source
from hookflash.emulator.waiting import cut_short, first_of, stop
from hookflash.emulator.webhooks import Purpose
from hookflash.errors import LegClosed, LinkTimeout, UsageError
from hookflash.runtime.clock import now, wall
from hookflash.runtime.ticker import Ticker, TickerEntry

__all__ = [
    "API_VERSION",
    "FINAL",
    "CallPlan",
    "CallStream",
    "Document",
    "EmulatedCall",
    "Party",
    "Program",
    "Status",
    "Subscription",
    "Tap",
]

API_VERSION: Final = "2010-04-01"
"""The version of the REST interface, which every webhook repeats."""


class Status(StrEnum):
    """Where a call is in its life, in the vendor's words."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"


FINAL: Final = frozenset(
    {Status.COMPLETED, Status.BUSY, Status.NO_ANSWER, Status.FAILED, Status.CANCELED}
)
"""Once there, a call stays there."""

_EndedBy = Literal[
    "api", "caller", "far_end", "document", "peer_leg", "timeout", "time_limit", "emulator"
]
# What a phone network answers for each way in which nobody is reached (RFC 3261).
_UNREACHED: Final = {
    Answer.BUSY: (Status.BUSY, 486),
    Answer.NO_ANSWER: (Status.NO_ANSWER, 480),
    Answer.REJECTED: (Status.FAILED, 603),
    Answer.INVALID: (Status.FAILED, 404),
}

# How much later a verdict comes that comes too late.
_LATE_VERDICT: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Where a call's instructions come from.

    Attributes:
        url: to be asked for them; also what relative addresses in them are relative to.
        method: `GET` or `POST`.
        twiml: the instructions themselves; then nothing is asked.
        purpose: of the request, for the log.
        params: fields to send beside the usual ones.
        fallback_url: asked when something is wrong with the document.
        fallback_method: `GET` or `POST`.
    """

    url: str | None = None
    method: str = "POST"
    twiml: str | None = None
    purpose: Purpose = "voice"
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    fallback_url: str | None = None
    fallback_method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who is told about a call's progress.

    Attributes:
        url: absolute.
        method: `GET` or `POST`.
        events: of `initiated ringing answered completed`.
    """

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """What is known of a call before it begins.

    Attributes:
        direction: the vendor's word.
        from_: who calls.
        to: who is called.
        document: what to do when it is answered; None for a dialled leg.
        subscription: who is told.
        timeout: seconds of ringing.
        time_limit: seconds of talking.
        parent_sid: the call that dialled this one.
        number_sid: the number of ours that it came in on.
        send_digits: keys to press as soon as it is answered.
        detection: find out who answers; None does not.
    """

    direction: Literal["inbound", "outbound-api", "outbound-dial"]
    from_: str
    to: str
    document: Document | None = None
    subscription: Subscription | None = None
    timeout: float = 60.0
    time_limit: float = 14_400.0
    parent_sid: str | None = None
    number_sid: str | None = None
    send_digits: str = ""
    detection: Detection | None = None


async def _refuse_to_refer(_uri: str) -> tuple[int, int | None]:
    """Answer a request to call somebody else: method not allowed (RFC 3261)."""
    return 405, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who is at the far end of a call.

    Attributes:
        line: its telephone.
        ring: returns what comes of phoning it.
        rings: whether it rings until then.
        run: what it does from the answer on; it hangs up when this returns.
        verdict: what the detection of answering machines says of it; None lets it listen.
        refer: takes a request to call somebody else; returns the SIP code of the answer to it and
            that of the new call, or None if nothing is heard of that.
    """

    line: FarLine
    ring: Callable[[], Awaitable[Answer]]
    run: Callable[[], Awaitable[None]]
    rings: bool = True
    verdict: Verdict | None = None
    refer: Callable[[str], Awaitable[tuple[int, int | None]]] = _refuse_to_refer


class Tap(Protocol):
    """Something that listens to a call, such as a stream or a recorder."""

    def frame(self, spoken: bytes, heard: bytes, deadline: float) -> None:
        """Take the 20 ms that the far end spoke, and those that it heard.

        Args:
            spoken: from the far end: the vendor's `inbound` track.
            heard: towards the far end: the `outbound` track.
            deadline: when the frames were due, in the loop's seconds.
        """
        ...


class CallStream(Protocol):
    """A media stream of a call, as the call and the REST interface see it."""

    sid: str
    name: str | None
    is_live: bool
    bidirectional: bool

    def stop(self) -> None:
        """Say that no audio follows, and close. Idempotent."""
        ...

    def drop(self) -> None:
        """Cut the connection without a word. Idempotent."""
        ...


class Program(Protocol):
    """Carries out a document on a call; returns when the call should end."""

    def __call__(self, call: "EmulatedCall", document: Document) -> Coroutine[object, object, None]:
        """Run from the document's first verb; cancelled when the call ends or is redirected."""
        ...


class EmulatedCall:
    """A call. `CarrierEmulator.call` returns one; `CarrierEmulator.calls` has all."""

    def __init__(
        self, account: Account, plan: CallPlan, party: Party, program: Program, sid: str
    ) -> None:
        """Made by the emulator; begins with `start`."""
        self._account = account
        self._plan = plan
        self._party = party
        self._program = program
        self.sid = sid
        """CA..."""
        self.status = Status.RINGING if plan.direction == "inbound" else Status.QUEUED
        self.subscription = plan.subscription
        self.created = self.updated = wall()
        self.started: datetime | None = None
        self.finished: datetime | None = None
        self.answered_at: float | None = None
        """In the loop's seconds."""
        self.ended_at: float | None = None
        self.ended_by: str | None = None
        """What ended it, in the words of `log.CallChange`."""
        self.sip_code = 200
        self.verdict: Verdict | None = None
        """Who has answered, once that was found out."""
        self.streams: list[CallStream] = []
        self.send_digits = plan.send_digits
        """Keys that are still to be pressed before the first document."""
        loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = loop.create_future()
        """Done when the call has ended."""
        self.picked_up: asyncio.Future[None] = loop.create_future()
        """Done when the call was answered, or has ended without."""
        self._picked_up_early: asyncio.Future[None] = loop.create_future()
        self._next: asyncio.Future[Document] = loop.create_future()
        self._ear = Channel()
        self._taps: list[Tap] = []
        self._key_listeners: list[Callable[[str], None]] = []
        self._word_listeners: list[Callable[[str], None]] = []
        self._pacing: TickerEntry | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._callbacks = Callbacks(account, sid, call_sid=sid)
        self._announced = 0
        self._life: asyncio.Task[None] | None = None
        party.line.on_key = self._key_pressed
        party.line.on_words = self._words_said
        party.line.on_hang_up = self._far_end_hung_up

    # Facts.

    @property
    def direction(self) -> str:
        """`inbound`, `outbound-api` or `outbound-dial`."""
        return self._plan.direction

    @property
    def from_(self) -> str:
        """Who called."""
        return self._plan.from_

    @property
    def to(self) -> str:
        """Who was called."""
        return self._plan.to

    @property
    def parent_sid(self) -> str | None:
        """The call that dialled this one."""
        return self._plan.parent_sid

    @property
    def number_sid(self) -> str | None:
        """The number of ours that it came in on."""
        return self._plan.number_sid

    @property
    def line(self) -> Line:
        """The far end's telephone.

        Raises:
            UsageError: the far end is another call of the same carrier.
        """
        if not isinstance(self._party.line, Line):
            msg = "the far end of this call is another call; ask that one for its line"
            raise UsageError(msg)
        return self._party.line

    @property
    def takes_keys(self) -> bool:
        """Whether keys reach the far end without being heard."""
        return self._party.line.takes_keys

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL

    @property
    def duration(self) -> int | None:
        """Seconds from the answer to the end, whole as the vendor counts; None before the end."""
        if self.ended_at is None:
            return None
        return 0 if self.answered_at is None else round(self.ended_at - self.answered_at)

    # For tests and far ends.

    async def answered(self, timeout: float = 60.0) -> None:
        """Wait until the call is answered.

        Raises:
            LinkTimeout: it was not, in `timeout` seconds.
            LegClosed: it ended without an answer.
        """
        await self._wait(self.picked_up, timeout, "was not answered")
        if self.answered_at is None:
            msg = f"the call ended as {self.status} without an answer"
            raise LegClosed(msg)

    async def ended(self, timeout: float = 600.0) -> Status:
        """Wait until the call has ended and all callbacks about it were answered.

        Raises:
            LinkTimeout: it went on for `timeout` seconds.
        """
        await self._wait(self._life or self.over, timeout, "did not end")
        return self.status

    def hang_up(self) -> None:
        """Let the far end hang up; a caller who was not answered gives up. Idempotent."""
        self._far_end_hung_up()

    def drop_streams(self) -> None:
        """Cut the call's media sockets without a word, as a failing network does."""
        for stream in self.streams:
            stream.drop()

    async def _wait(self, future: "asyncio.Future[None]", timeout: float, failure: str) -> None:
        done, _ = await asyncio.wait({future}, timeout=timeout)
        if not done:
            msg = f"the call {failure} in {timeout:g} s; it is {self.status}"
            raise LinkTimeout(msg)

    # Life.

    def start(self) -> None:
        """Begin to live."""
        self._account.log.add(
            CallChange(
                call_sid=self.sid,
                status=self.status,
                by="caller" if self.direction == "inbound" else "api",
            )
        )
        self._life = self._account.tasks.start(self._live(), name=self.sid)

    def answer(self) -> None:
        """Pick up: sound flows from now on. Idempotent."""
        if self.is_over or self.answered_at is not None:
            return
        self.answered_at = now()
        self.started = wall()
        self._change(Status.IN_PROGRESS, "document" if self.direction == "inbound" else "far_end")
        self._pacing = Ticker.current().add(self._tick)
        self._set_limit(self._plan.time_limit)
        self._account.tasks.start(self._run_party(), name=f"{self.sid}/far-end")
        self.picked_up.set_result(None)
        self._announce("answered", Status.IN_PROGRESS.value)

    def pick_up(self) -> None:
        """Let the far end answer now, if it rings. Idempotent."""
        if self.status is Status.RINGING and self.direction != "inbound":
            self._picked_up_early.set_result(None)
            self.answer()

    def end(self, status: Status, *, by: _EndedBy, sip_code: int = 200) -> None:
        """End at once: sound stops, streams stop, the far end's line goes dead. Idempotent.

        Args:
            status: a final one.
            by: for the log.
            sip_code: for the status callback.
        """
        if self.is_over:
            return
        self.ended_by = by
        self.ended_at = now()
        self.finished = wall()
        self.sip_code = sip_code
        self._change(status, by)
        if self._pacing is not None:
            self._pacing.cancel()
        if self._limit is not None:
            self._limit.cancel()
        for stream in self.streams:
            stream.stop()
        self._ear.close()
        self._taps.clear()
        self._key_listeners.clear()
        self._word_listeners.clear()
        self._party.line.close()
        self.over.set_result(None)
        if not self.picked_up.done():
            self.picked_up.set_result(None)
        self._announce("completed", status.value)

    def redirect(self, document: Document) -> None:
        """Drop what the call does, and carry out another document."""
        if self._next.done():
            # A second update before the first one was noticed; the last one counts.
            self._next = asyncio.get_running_loop().create_future()
        self._next.set_result(document)

    @property
    def redirected(self) -> "asyncio.Future[Document]":
        """Done when a live update has pulled the call out of what it does."""
        return self._next

    def set_time_limit(self, seconds: float) -> None:
        """End the call so many seconds after its answer."""
        if self.answered_at is not None and not self.is_over:
            self._set_limit(max(0.0, self.answered_at + seconds - now()))

    def _set_limit(self, seconds: float) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._limit = asyncio.get_running_loop().call_later(seconds, self._limit_reached)

    def _limit_reached(self) -> None:
        self.end(Status.COMPLETED, by="time_limit")

    async def _live(self) -> None:
        try:
            if self.direction != "inbound":
                await self._reach()
            await self._follow()
        finally:
            # Only a fault of ours comes here with a live call; nobody should be left on it.
            self.end(Status.FAILED, by="emulator")
        await self._callbacks.told()

    async def _reach(self) -> None:
        """Phone the far end."""
        self._announce("initiated", "initiated")
        await cut_short(asyncio.sleep(self._account.settings.setup_seconds), self.over)
        if self.is_over:
            return
        if self._party.rings:
            self._change(Status.RINGING, "far_end")
            self._announce("ringing", Status.RINGING.value)
        grace = self._account.settings.ring_grace
        ringing = self._party.ring()
        if self._account.faults.happens(Race.ANSWERED_AFTER_TIMEOUT):
            ringing = _answers_late(self._plan.timeout + grace / 2, instead_of=ringing)
        answer = await cut_short(
            ringing, self.over, self._picked_up_early, timeout=self._plan.timeout + grace
        )
        if answer is Answer.ANSWERED or self._picked_up_early.done():
            self.answer()
        elif answer is not None:
            status, sip_code = _UNREACHED[answer]
            self.end(status, by="far_end", sip_code=sip_code)
        else:
            self.end(Status.NO_ANSWER, by="timeout", sip_code=487)

    async def _follow(self) -> None:
        """Carry out documents until one of them, or something else, ends the call."""
        document = self._plan.document
        detection = self._plan.detection
        if detection is not None and not self.is_over:
            if detection.asynchronous:
                self._account.tasks.start(self._tell_verdict(detection), name=f"{self.sid}/amd")
            elif await cut_short(self._find_out(detection), self.over, self._next):
                assert document is not None
                assert self.verdict is not None
                document = replace(document, params={**document.params, **self.verdict.fields()})
            if self._next.done():
                document = self._next.result()
        while not self.is_over:
            if self._next.done():
                self._next = asyncio.get_running_loop().create_future()
            work: asyncio.Task[None] | None = None
            if document is not None:
                work = asyncio.create_task(
                    self._program(self, document), name=f"{self.sid}/document"
                )
            try:
                await first_of(self.over, self._next, *([work] if work else []))
            finally:
                if work is not None:
                    await stop(work)
            if work is not None and not work.cancelled():
                work.result()  # raises what went wrong in it
            if self._next.done():
                document = self._next.result()
            else:
                self.end(Status.COMPLETED, by="document")

    async def _find_out(self, detection: Detection) -> bool:
        """Wait for the verdict on who has answered; False if the call ended before."""
        assert self.answered_at is not None
        scripted = self._party.verdict
        if scripted is not None:
            await cut_short(asyncio.sleep(scripted.after), self.over)
            verdict = scripted
        else:
            judge = GreetingJudge(detection)
            self.add_tap(judge)
            await first_of(judge.done, self.over)
            self.remove_tap(judge)
            if not judge.done.done():
                return False
            verdict = Verdict(answered_by=judge.done.result(), after=now() - self.answered_at)
        if self.is_over:
            return False
        self.verdict = verdict
        return True

    async def _tell_verdict(self, detection: Detection) -> None:
        if not await self._find_out(detection):
            return
        assert self.verdict is not None
        verdict = self.verdict
        if self._account.faults.happens(Race.VERDICT_AFTER_MERGE):
            await asyncio.sleep(_LATE_VERDICT)
        if detection.callback is not None:
            fields = {"AccountSid": self._account.sid, "CallSid": self.sid} | verdict.fields()
            self.post("amd", detection.callback, detection.method, fields)

    async def _run_party(self) -> None:
        try:
            await self._party.run()
        except LegClosed:
            if not self.is_over:
                raise
        finally:
            self._far_end_hung_up()

    def _far_end_hung_up(self) -> None:
        if self.direction == "inbound":
            # The vendor's word for a caller who gave up before an answer.
            status = Status.NO_ANSWER if self.answered_at is None else Status.COMPLETED
            self.end(status, by="caller", sip_code=487 if self.answered_at is None else 200)
        elif self.answered_at is not None:
            self.end(Status.COMPLETED, by="far_end")

    def _change(self, status: Status, by: str) -> None:
        self.status = status
        self.updated = wall()
        self._account.log.add(CallChange(call_sid=self.sid, status=status, by=by))

    # Sound.

    def playing(self, source: Source) -> AbstractContextManager[None]:
        """Let the far end hear `source` while the block runs."""
        return self._ear.playing(source)

    def add_tap(self, tap: Tap) -> None:
        """Let `tap` listen."""
        self._taps.append(tap)

    def remove_tap(self, tap: Tap) -> None:
        """Stop that; idempotent."""
        if tap in self._taps:
            self._taps.remove(tap)

    @contextmanager
    def keys_to(self, listener: Callable[[str], None]) -> Generator[None]:
        """Tell `listener` of keys that the far end presses while the block runs."""
        self._key_listeners.append(listener)
        try:
            yield
        finally:
            if listener in self._key_listeners:
                self._key_listeners.remove(listener)

    @contextmanager
    def words_to(self, listener: Callable[[str], None]) -> Generator[None]:
        """Tell `listener` what the far end says, if its words are known, while the block runs."""
        self._word_listeners.append(listener)
        try:
            yield
        finally:
            if listener in self._word_listeners:
                self._word_listeners.remove(listener)

    async def refer(self, uri: str) -> tuple[int, int | None]:
        """Ask the far end to call somebody else; return its SIP answer, and what came of it."""
        return await self._party.refer(uri)

    def send_key(self, digit: str) -> None:
        """Press a key towards the far end."""
        self._party.line.key(digit)

    def _tick(self, deadline: float) -> None:
        try:
            heard = self._ear.next_frame()
            spoken = self._party.line.tick(heard, deadline)
            for tap in tuple(self._taps):
                tap.frame(spoken, heard, deadline)
        except Exception as exc:  # noqa: BLE001  # kept for `check`; one call's fault ends one call
            self._account.log.add(Failure(call_sid=self.sid, where="the sound path", error=exc))
            self.end(Status.FAILED, by="emulator")

    def _key_pressed(self, digit: str) -> None:
        for listener in tuple(self._key_listeners):
            listener(digit)

    def _words_said(self, words: str) -> None:
        for listener in tuple(self._word_listeners):
            listener(words)

    # Telling the application.

    def request_fields(self, call_status: str | None = None) -> dict[str, str]:
        """Return the fields that every request about this call has.

        Source: https://www.twilio.com/docs/voice/twiml#request-parameters

        Args:
            call_status: instead of the present one.
        """
        fields = {
            "AccountSid": self._account.sid,
            "ApiVersion": API_VERSION,
            "CallSid": self.sid,
            "CallStatus": call_status or self.status.value,
            "Direction": self.direction,
            "From": self.from_,
            "To": self.to,
            "Caller": self.from_,
            "Called": self.to,
        }
        if self.parent_sid is not None:
            fields["ParentCallSid"] = self.parent_sid
        if self.direction == "inbound":
            fields["StirVerstat"] = "TN-Validation-Passed-A"
            fields["CallToken"] = f'{{"call":"{self.sid}"}}'
        for prefix, address in (
            ("From", self.from_),
            ("To", self.to),
            ("Caller", self.from_),
            ("Called", self.to),
        ):
            if address.startswith("+"):
                # The vendor looks the place up; blank is what it sends when it finds none.
                fields |= {f"{prefix}City": "", f"{prefix}State": "", f"{prefix}Zip": ""}
                fields[f"{prefix}Country"] = "US" if address.startswith("+1") else ""
        return fields

    def _announce(self, event: str, call_status: str) -> None:
        subscription = self.subscription
        if subscription is None or event not in subscription.events:
            return
        fields = self.request_fields(call_status) | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._announced),
            "Timestamp": format_datetime(wall()),
        }
        if event == "completed":
            seconds = self.duration or 0
            fields |= {
                "CallDuration": str(seconds),
                "Duration": str(-(-seconds // 60)),
                "SipResponseCode": str(self.sip_code),
            }
            if self.verdict is not None:
                fields["AnsweredBy"] = self.verdict.answered_by
        self._announced += 1
        self.post("status", subscription.url, subscription.method, fields)

    def post(self, purpose: Purpose, url: str, method: str, fields: Mapping[str, str]) -> None:
        """Tell the application something whose answer does not matter (see `Callbacks`)."""
        self._callbacks.post(purpose, url, method, fields)


async def _answers_late(seconds: float, *, instead_of: Awaitable[Answer]) -> Answer:
    """Answer after so many seconds, whatever the far end had in mind."""
    await stop(asyncio.ensure_future(instead_of))
    await asyncio.sleep(seconds)
    return Answer.ANSWERED

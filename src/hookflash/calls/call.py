"""A call: one leg, the carrier that carries it, and its life."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from hookflash.calls.addresses import AddressGiver
from hookflash.calls.outcome import TransferOutcome, TransferVia
from hookflash.calls.recording import CallTracks, Recorder
from hookflash.carriers.base import Answer, Carrier, GoTo, HangUp, Step, Wait
from hookflash.errors import (
    CarrierError,
    HookflashError,
    LinkError,
    LinkTimeout,
    MissingExtra,
    PeerError,
    SessionClosed,
    UsageError,
)
from hookflash.events.call import (
    AskCarrier,
    CallAnswered,
    CallCommand,
    CallEnded,
    CallEvent,
    CallLifecycleEvent,
    CallRinging,
    CallState,
    CarrierStatus,
    Direction,
    EndCarrierCall,
    HangupRequested,
    LegLost,
    LegUp,
    MediaLent,
    Outcome,
)
from hookflash.events.session import SessionRecord
from hookflash.events.voicemail import CarrierVerdict
from hookflash.ids import CallId
from hookflash.legs.base import Leg
from hookflash.machines.call import CallConfig, CallMachine
from hookflash.runtime import clock
from hookflash.runtime.chance import new_id
from hookflash.runtime.driver import Driver
from hookflash.runtime.log import mask
from hookflash.runtime.tape import Tape
from hookflash.runtime.tasks import TaskOwner

__all__ = ["Call", "CallControl", "CallNotAnswered", "current_call"]

_log = logging.getLogger("hookflash.calls")

# Seconds between orders to end a call that nothing else ends, where the first one went wrong.
_ASK_AGAIN = (0.5, 2.0)
# How often the audio is asked back: a caller who stays with the carrier has nobody.
_FETCHES = 3
# For an answer to the carrier that brings the audio back.
_ANSWER_FOLLOWED_WITHIN = 4.0
# After an order that went wrong, for a sign that it was followed all the same.
_FOLLOWED_WITHIN = 2.0
# A call that waits for an order which is on its way: for as long as we would give it again.
_STAYS = 30

current_call: ContextVar["Call | None"] = ContextVar("hookflash_current_call", default=None)
"""The call that an app's `on_call` function was given, in the tasks that it started."""


class CallNotAnswered(PeerError):
    """The call ended before it was answered.

    Attributes:
        outcome: how.
        cause: the carrier's own word or code, if it gave one.
    """

    reason = "not_answered"

    def __init__(self, ended: CallEnded) -> None:
        """Keep how the call ended."""
        super().__init__(f"the call was not answered ({ended.outcome})", code=ended.cause)
        self.outcome = ended.outcome
        self.cause = ended.cause


class CallControl(AddressGiver, Protocol):
    """One carrier account, and addresses of ours that it can reach; an `App` is one."""

    @property
    def carrier(self) -> Carrier:
        """The account."""
        ...

    async def dial(
        self, to: str, from_: str, *, ring_timeout: float, detect_machine: bool = False
    ) -> "Call":
        """Phone somebody; return a call that dials, as soon as the carrier has taken the order.

        Args:
            to: E.164 number or `sip:` address.
            from_: one of our lines.
            ring_timeout: seconds to let it ring.
            detect_machine: whether the carrier finds out who has answered (`Call.verdict`).

        Raises:
            UsageError: no calls are made any more, or the carrier does not find that out.
            CarrierError: the carrier refused.
            LinkError: the carrier cannot be reached.
        """
        ...

    def media_answer(self, call: "Call") -> Answer:
        """Return the instruction that brings a call's audio to us, for the first time or again."""
        ...

    async def transfer(
        self,
        call: "Call",
        to: str,
        *,
        from_: str | None = None,
        ring_timeout: float = 30.0,
        via: TransferVia = "auto",
    ) -> TransferOutcome:
        """Hand a call to somebody, as `Call.transfer`."""
        ...


class Call:
    """One call, in or out. Made by an `App` (or by `Call.of_leg` for a leg without a carrier).

    Attributes:
        id: ours.
        direction: `inbound` (they phoned us) or `outbound`.
        from_: who phones.
        to: who is phoned.
        carrier_call_id: the carrier's name for it; None while it is not known.
        headers: what else the carrier said about an inbound call.
        started_at: when it began, UTC.
        tape: where its machines write, if anywhere.
        record_dir: where the records of its sessions go; None keeps none.
        observers: told every event of every session on it; for who made the call.
        control: the application that has it, which phones others for it and has the carrier
            connect it elsewhere; None cannot.
        handed_over: another party has it, in a bridge that ends it: it outlives the program's
            function that took it.
    """

    def __init__(
        self,
        *,
        direction: Literal["inbound", "outbound"],
        call_id: CallId | None = None,
        from_: str = "",
        to: str = "",
        carrier: Carrier | None = None,
        carrier_call_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        tape: Tape | None = None,
        config: CallConfig | None = None,
    ) -> None:
        """Begin: ringing if inbound, dialling if outbound."""
        self.id = call_id or CallId(new_id("call"))
        self.direction = direction
        self.from_ = from_
        self.to = to
        self.carrier_call_id = carrier_call_id
        self.headers: Mapping[str, str] = dict(headers or {})
        self.started_at: datetime = clock.wall()
        self.tape = tape
        self.record_dir: Path | None = None
        self.observers: list[Callable[[SessionRecord], None]] = []
        self.control: CallControl | None = None
        self.handed_over = False
        self._carrier = carrier
        self._leg: Leg | None = None
        self._recording: Recorder | None = None
        self._ended: CallEnded | None = None
        loop = asyncio.get_running_loop()
        self._decision: asyncio.Future[str | None] = loop.create_future()
        self._leg_up: asyncio.Future[Leg] = loop.create_future()
        self._over: asyncio.Future[CallEnded] = loop.create_future()
        self._readers: list[asyncio.Queue[CallLifecycleEvent]] = []
        self._said: list[CallLifecycleEvent] = []
        self._with_us = asyncio.Event()
        self._fetched = False
        self._fetching: asyncio.Task[HookflashError | None] | None = None
        self._verdict: CarrierVerdict | None = None
        self._verdict_watchers: list[Callable[[CarrierVerdict], None]] = []
        self._tasks = TaskOwner(self.id)
        config = config or CallConfig()
        self._machine = CallMachine(Direction(direction), config)
        self._driver: Driver[CallEvent, CallCommand] = Driver(
            self._machine,
            self._obey,
            name="call",
            tape=tape,
            config={"direction": direction, **msgspec.structs.asdict(config)},
        )

    @classmethod
    def of_leg(cls, leg: Leg) -> "Call":
        """Make an answered inbound call of a leg that no carrier controls; they share a tape."""
        call = cls(direction="inbound", tape=leg.tape)
        call._decision.set_result(None)
        call.attach(leg)
        return call

    # What the user's program asks.

    @property
    def state(self) -> CallState:
        """Where the call is in its life."""
        return self._machine.state

    @property
    def leg(self) -> Leg | None:
        """The call's media path, once there is one."""
        return self._leg

    @property
    def recording(self) -> Recorder | None:
        """Its recording, going on or stopped; None if there was none."""
        return self._recording

    @property
    def ended(self) -> CallEnded | None:
        """How it ended; None while it lives."""
        return self._ended

    async def answer(self) -> Leg:
        """Answer an inbound call, or wait until an outbound one is answered; return its leg.

        Raises:
            CallNotAnswered: it ended first: busy, no answer, rejected, canceled, failed.
        """
        if not self._decision.done():
            self._decision.set_result(None)
        waits: set[asyncio.Future[Any]] = {self._leg_up, self._over}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if not self._leg_up.done():
            raise CallNotAnswered(self._over.result())
        return self._leg_up.result()

    def reject(self, reason: Literal["rejected", "busy"] = "rejected") -> None:
        """Do not answer an inbound call.

        Raises:
            UsageError: it is outbound, or was answered already.
        """
        if self.direction == "outbound" or (self._decision.done() and self._leg is not None):
            msg = "only an inbound call that is not answered can be rejected; use hangup()"
            raise UsageError(msg)
        if not self._decision.done():
            self._decision.set_result(reason)

    async def hangup(self, reason: str = "hangup") -> CallEnded:
        """End the call and wait until it has ended. What is queued to be said is dropped."""
        self.end(reason)
        return await self.wait_ended()

    def end(self, reason: str = "hangup") -> None:
        """End the call without waiting for that; as `hangup`."""
        self._driver.feed(HangupRequested(reason=reason))

    def record(self, path: Path, tracks: CallTracks = "sides") -> Recorder:
        """Record from now until the call ends, or the recording is stopped.

        Args:
            path: the file, `.wav`, or for `sides` also `.opus` or `.ogg`; overwritten.
            tracks: what is on its tracks: see `Recorder`.

        Raises:
            SessionClosed: the call has no leg, or it is over.
            UsageError: it is being recorded already, another kind of file, or other tracks.
            MissingExtra: Opus, and `soundfile` is not installed.
            OSError: the file cannot be written.
        """
        leg = self._open_leg("record")
        if self._recording is not None and not self._recording.stopped:
            msg = "the call is being recorded already; stop that recording first"
            raise UsageError(msg)
        self._recording = Recorder(leg, path, tracks)
        return self._recording

    async def send_digits(self, digits: str) -> None:
        """Press keys (`0-9 * # A-D`, `w` waits 0.5 s, `W` 1 s); return when they were played.

        Raises:
            SessionClosed: the call has no leg, or it is over.
            UsageError: a character that no key has.
        """
        await self._open_leg("send digits on").send_dtmf(digits)

    @property
    def party(self) -> str:
        """The number or address of whoever is on it."""
        return self.from_ if self.direction == "inbound" else self.to

    @property
    def can_dial(self) -> bool:
        """Whether `dial_another` has somebody to dial with."""
        return self.control is not None

    async def dial_another(
        self,
        to: str,
        *,
        from_: str | None = None,
        ring_timeout: float = 60.0,
        detect_machine: bool = False,
    ) -> "Call":
        """Phone somebody else, over the account that this call came by; return at once.

        Args:
            to: E.164 number or `sip:` address.
            from_: the number that they see; None: our line on this call.
            ring_timeout: seconds to let it ring.
            detect_machine: whether the carrier finds out who has answered.

        Returns:
            A call that dials: `await call.answer()` next.

        Raises:
            UsageError: this call has no carrier account, or the app takes no calls any more.
            CarrierError: the carrier refused.
            LinkError: the carrier cannot be reached.
        """
        return await self._controlled().dial(
            to, from_ or self.line, ring_timeout=ring_timeout, detect_machine=detect_machine
        )

    @property
    def line(self) -> str:
        """The number or address of ours that it goes by."""
        return self.to if self.direction == "inbound" else self.from_

    # Handing it over.

    async def transfer(
        self,
        to: str,
        *,
        from_: str | None = None,
        ring_timeout: float = 30.0,
        via: TransferVia = "auto",
    ) -> TransferOutcome:
        """Hand the call to somebody without a word to them before; the caller hears ringing.

        If they answer, the two talk until one hangs up, and then the other's call ends as well. If
        not, the call is as it was: its audio is back when this returns.

        Args:
            to: E.164 or a `sip:` address.
            from_: the number that they see; None: our line on the call.
            ring_timeout: seconds, 5 to 600.
            via: `carrier` takes the audio away from us, `bridge` keeps it; `auto` is the carrier if
                it can.

        Raises:
            TransferMisconfigured: a value is out of its range, or `to` is on the call already; a
                `ValueError`.
            UsageError: the call has no carrier that could do it.
            SessionClosed: the call has no leg, or it is over.
        """
        return await self._controlled().transfer(
            self, to, from_=from_, ring_timeout=ring_timeout, via=via
        )

    async def redirect(self, url: str) -> None:
        """Let another application have the call: the carrier asks at `url` what to do with it.

        We hear of it only when it has ended.

        Args:
            url: `http://` or `https://`, in full.

        Raises:
            UsageError: it is no such URL, or the call has no carrier that could do it.
            SessionClosed: the call has no leg, or it is over.
            CarrierError, LinkError: as `lend`.
        """
        if not url.startswith(("http://", "https://")):
            msg = "url is no web address; give it in full, such as https://example.com/voice"
            raise UsageError(msg)
        await self.lend(GoTo(url=url))
        self.handed_over = True

    # The carrier has its audio for a while.

    async def lend(self, *steps: Step, followed: asyncio.Event | None = None) -> None:
        """Have the carrier do something with the call instead of streaming its audio to us.

        The call goes on, and so does its leg, which hears nothing until `fetch`. What is playing
        is cut short, and what is played meanwhile waits.

        Args:
            steps: what to do. When all are done the call ends.
            followed: as `instruct`.

        Raises:
            UsageError: the call has no carrier, or its carrier does not know such steps.
            SessionClosed: it has no leg, or it is over.
            CarrierError: the carrier refused. If it failed rather (`retryable`), the order may have
                got through all the same, and the audio was asked back.
            LinkError: the carrier cannot be reached; also then.
        """
        leg = self._open_leg("lend")
        answer = self._controlled().carrier.write(*steps)
        self._with_us.clear()
        leg.outlives_link = True
        self._driver.feed(MediaLent())
        try:
            await self.instruct(answer, followed=followed)
        except asyncio.CancelledError:
            if self._ended is None:
                self._tasks.start(self._bring_back(leg), name="bring back")
            raise
        except HookflashError as exc:
            if isinstance(exc, CarrierError) and not exc.retryable:
                self._keep_media(leg)  # it was understood, and refused
            else:
                await self._bring_back(leg)
            raise

    async def instruct(self, answer: Answer, *, followed: asyncio.Event | None = None) -> None:
        """Give a call that the carrier has another instruction; what it does now ends.

        Args:
            answer: the instruction.
            followed: set by who sees in another way that it is followed. Then it does not matter
                what the carrier says about it, or when.

        Raises:
            UsageError: the call has no carrier.
            SessionClosed: it has ended.
            CarrierError: the carrier refused.
            LinkError: the carrier cannot be reached.
        """
        carrier = self._controlled().carrier
        self._check_lives()
        if self.carrier_call_id is None:
            msg = "the carrier's name for the call is not known yet"
            raise UsageError(msg)
        order = _tried(carrier.instruct(self.carrier_call_id, answer))
        error = await (order if followed is None else self._seen(order, followed))
        if error is not None:
            raise error

    async def _seen(
        self, order: Coroutine[Any, Any, HookflashError | None], followed: asyncio.Event
    ) -> HookflashError | None:
        """Return what went wrong with an order, unless it is seen to be followed."""
        ordering = self._tasks.start(order, name="order")
        seen = asyncio.ensure_future(followed.wait())
        waits: set[asyncio.Future[Any]] = {ordering, seen}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            error = self._came_to(ordering) if ordering.done() else None
            if error is not None and error.retryable:
                await asyncio.wait([seen], timeout=_FOLLOWED_WITHIN)
        except asyncio.CancelledError:
            ordering.cancel()
            raise
        finally:
            seen.cancel()
        return None if followed.is_set() else error

    def way_back(self) -> Answer:
        """Return the instruction that brings the audio back; for who answers the carrier.

        Raises:
            UsageError: the call has no carrier.
        """
        return self._controlled().media_answer(self)

    def way_out(self, reason: str) -> Answer:
        """End the call, and return the instruction that does; for who answers the carrier."""
        self.end(reason)
        return self._controlled().carrier.write(HangUp())

    def stay(self) -> Answer:
        """Return the instruction to be silent, while another order for the call is on its way."""
        return self._controlled().carrier.write(Wait(seconds=_STAYS))

    def answer_if_not_lent(self, status: CarrierStatus) -> Answer | None:
        """The carrier asks what the call does next, and says where it is.

        Returns:
            The instruction; None if the carrier still has the call, so that whoever lent it says.
        """
        if status.state is CallState.ENDED:
            self.report(status)
        if self._ended is not None:
            return self._controlled().carrier.write(HangUp())
        # What brings it back, and has ended what the carrier did, is on its way.
        return None if self.lent else self.stay()

    async def fetch(self, *, within: float = 10.0, asked: bool = False) -> None:
        """Have the audio back from the carrier; return when it is.

        However many ask for it, it is ordered once; an order that goes wrong is given again.

        Args:
            within: seconds from the order to the audio.
            asked: whether the carrier asks, or will in a moment, what the call does next, and is
                answered with `way_back`: it is given four seconds to follow that.

        Raises:
            UsageError: the call has no carrier.
            SessionClosed: the call has ended.
            CarrierError: the carrier refused.
            LinkError: the carrier cannot be reached, or the audio does not come in time.
        """
        if self._with_us.is_set():
            return
        self._check_lives()
        if self._fetching is None or self._fetching.done():
            work = _tried(self._have_back(within, asked=asked))
            self._fetching = self._tasks.start(work, name="fetch")
        await asyncio.wait([self._fetching])
        error = self._came_to(self._fetching)
        if error is not None:
            raise error

    def _came_to(self, task: "asyncio.Task[HookflashError | None]") -> HookflashError | None:
        """Return what went wrong in a task of the call; one that was cancelled ended with it."""
        return SessionClosed("the call has ended") if task.cancelled() else task.result()

    async def _have_back(self, within: float, *, asked: bool) -> None:
        if asked:
            with suppress(LinkTimeout):
                await self.wait_back(within=_ANSWER_FOLLOWED_WITHIN)
                return
        for left in reversed(range(_FETCHES)):
            self._fetched = True
            try:
                await self.instruct(self.way_back(), followed=self._with_us)
                break
            except (CarrierError, LinkError):
                await self.check()  # it may be over
                if not left or self._ended is not None:
                    self._fetched = False
                    raise
        await self.wait_back(within=within)

    @property
    def lent(self) -> bool:
        """Whether the carrier has its audio, and was not asked to give it back."""
        return self.state is CallState.AWAY and not self._fetched

    async def wait_back(self, *, within: float = 10.0) -> None:
        """Wait until the audio is back, which was asked for.

        Raises:
            SessionClosed: the call has ended.
            LinkTimeout: it does not come in time.
        """
        if not await self.wait_for(self._with_us, within=within):
            msg = f"the carrier did not bring the audio back in {within:g} s"
            raise LinkTimeout(msg)
        self._check_lives()

    async def wait_for(self, event: asyncio.Event, *, within: float) -> bool:
        """Wait for something to happen as long as the call lives; return whether it did in time.

        Raises:
            SessionClosed: the call has ended.
        """
        happened = asyncio.ensure_future(event.wait())
        waits: set[asyncio.Future[Any]] = {happened, self._over}
        try:
            await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            happened.cancel()
        if not event.is_set():
            self._check_lives()
        return event.is_set()

    def _check_lives(self) -> None:
        if self._ended is not None:
            msg = "the call has ended"
            raise SessionClosed(msg)

    async def check(self) -> None:
        """Ask the carrier whether the call still lives; what it says is reported.

        A carrier that does not say is asked again later.
        """
        if self._carrier is None or self.carrier_call_id is None or self._ended is not None:
            return
        try:
            self.report(await self._carrier.look_up(self.carrier_call_id))
        except HookflashError as exc:
            _log.warning("%s: the carrier does not say where it is (%s)", self.id, exc.reason)

    async def _bring_back(self, leg: Leg) -> None:
        """Undo an order of which it is not known whether it got through."""
        try:
            await self.fetch()
        except HookflashError:
            self._keep_media(leg)

    def _keep_media(self, leg: Leg) -> None:
        """The carrier has not taken the audio after all."""
        leg.outlives_link = False
        if leg.linked:
            self.media_back()
        else:
            leg.close("link_lost")

    def _controlled(self) -> CallControl:
        if self.control is None:
            msg = "this call has no carrier account to act with; use a call of an App"
            raise UsageError(msg)
        return self.control

    async def wait_ended(self) -> CallEnded:
        """Wait until the call is over; return how it ended."""
        return await asyncio.shield(self._over)

    def when_ended(self, callback: Callable[[], object]) -> None:
        """Call it once the call is over; soon, if it is already."""
        self._over.add_done_callback(lambda _: callback())

    async def events(self) -> AsyncIterator[CallLifecycleEvent]:
        """Iterate over `CallRinging`, `CallAnswered` and `CallEnded`, those past included."""
        queue: asyncio.Queue[CallLifecycleEvent] = asyncio.Queue()
        for event in self._said:
            queue.put_nowait(event)
        self._readers.append(queue)
        try:
            while True:
                event = await queue.get()
                yield event
                if isinstance(event, CallEnded):
                    return
        finally:
            self._readers.remove(queue)

    @property
    def verdict(self) -> CarrierVerdict | None:
        """Who has answered, by the carrier's latest word; None if it has not said."""
        return self._verdict

    def watch_verdict(self, watcher: Callable[[CarrierVerdict], None]) -> None:
        """Call `watcher` with what the carrier says about who has answered, or has said already."""
        self._verdict_watchers.append(watcher)
        if self._verdict is not None:
            watcher(self._verdict)

    # What the carrier's side tells (for `App`).

    def judged(self, verdict: CarrierVerdict) -> None:
        """The carrier has found out who has answered; it may find out more."""
        self._verdict = verdict
        for watcher in tuple(self._verdict_watchers):
            watcher(verdict)

    @property
    def decided(self) -> bool:
        """Whether the program has answered or rejected it."""
        return self._decision.done()

    async def wait_decision(self) -> str | None:
        """Wait until the program answers (None) or rejects (the reason) an inbound call."""
        return await asyncio.shield(self._decision)

    def attach(self, leg: Leg) -> None:
        """The media path is open.

        Raises:
            UsageError: the call has a leg already.
        """
        if self._leg is not None:
            msg = "the call has a leg already"
            raise UsageError(msg)
        self._leg = leg
        self._leg_up.set_result(leg)
        self.media_back()
        leg.listen(self)

    def media_back(self) -> None:
        """The audio runs through us, for the first time or again."""
        self._with_us.set()
        self._fetched = False
        self._driver.feed(LegUp())

    def report(self, status: CarrierStatus) -> None:
        """The carrier said where the call is."""
        self._driver.feed(status)

    async def aclose(self) -> None:
        """End the call if it lives, and everything of it. Idempotent."""
        if self._ended is None:
            await self.hangup("shutdown")
        await self._tasks.aclose()

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """Of no interest here."""

    def digit_received(self, digit: str, at: float) -> None:
        """Of no interest here."""

    def leg_closed(self, reason: str) -> None:
        """The media path is gone."""
        self._driver.feed(LegLost(reason=reason))

    def _open_leg(self, what_for: str) -> Leg:
        if self._leg is None or self._leg.closed:
            msg = f"the call has no open leg to {what_for}"
            raise SessionClosed(msg)
        return self._leg

    def _obey(self, command: CallCommand) -> None:
        match command:
            case EndCarrierCall():
                self._tasks.start(self._end_at_carrier(cancel=command.cancel), name="end")
            case AskCarrier():
                self._tasks.start(self.check(), name="check")
            case CallRinging():
                self._tell(command)
            case CallAnswered():
                _log.info("%s answered, %s", self.id, mask(self.from_))
                self._tell(command)
            case CallEnded():
                self._end(command)

    def _end(self, ended: CallEnded) -> None:
        self._ended = ended
        _log.info("%s ended: %s (%s), %.1f s", self.id, ended.outcome, ended.reason, ended.duration)
        self._driver.close()
        if self._leg is not None:
            # Of a call that the carrier has, only the carrier can tell that they have hung up.
            hung_up = ended.reason == "caller_hung_up"
            self._leg.close("peer_stopped" if hung_up else "we_closed")
        if not self._decision.done():
            self._decision.set_result("busy" if ended.outcome is Outcome.BUSY else "rejected")
        self._tell(ended)
        if not self._over.done():
            self._over.set_result(ended)

    def _tell(self, event: CallLifecycleEvent) -> None:
        self._said.append(event)
        for queue in self._readers:
            queue.put_nowait(event)

    async def _end_at_carrier(self, *, cancel: bool) -> None:
        """Let the carrier end the call; without its control, closing the stream does."""
        ended = self._leg is not None
        if self._carrier is not None and self.carrier_call_id is not None:
            try:
                await self._order_end(self._carrier, self.carrier_call_id, cancel=cancel)
                ended = True
            except MissingExtra as exc:
                _log.info("%s: ended by closing its stream (%s)", self.id, exc)
            except HookflashError as exc:
                # The stream below is the other way to end it, and the machine's deadline the last.
                _log.warning("%s: the carrier did not end it (%s)", self.id, exc.reason)
        if self._leg is not None:
            self._leg.close()
        if ended:
            self._driver.feed(CarrierStatus(state=CallState.ENDED))

    async def _order_end(self, carrier: Carrier, carrier_call_id: str, *, cancel: bool) -> None:
        """Have the carrier end it; it is asked again where closing a stream would not do it."""
        streams = self._leg is not None and self._leg.linked
        for wait in (*(() if streams else _ASK_AGAIN), None):
            try:
                await carrier.end(carrier_call_id, cancel=cancel)
            except HookflashError as exc:
                if wait is None or isinstance(exc, UsageError):
                    raise
                await asyncio.sleep(wait)
            else:
                return


async def _tried(work: Awaitable[None]) -> HookflashError | None:
    """Return what went wrong, where another task than this one tells it."""
    try:
        await work
    except HookflashError as exc:
        return exc
    return None

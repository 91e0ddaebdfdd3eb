"""`<Dial>`: ring one or several, connect the first who answers, and tell how it went."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from hookflash.emulator.account import Account
from hookflash.emulator.bridging import bridge
from hookflash.emulator.call import CallPlan, Document, EmulatedCall, Status, Subscription
from hookflash.emulator.detection import Detection
from hookflash.emulator.line import keypad_frames
from hookflash.emulator.sound import Clip, Loop
from hookflash.emulator.waiting import cut_short, first_of
from hookflash.runtime.clock import now
from hookflash.wire.twiml import Client, Dial, Number, Sip

__all__ = ["E164", "Dialling", "Place"]

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""A telephone number in the form that the REST interface and `<Dial>` take."""

_Endpoint = Number | Sip | Client


class Place(Protocol):
    """Starts an outgoing call."""

    def __call__(self, plan: CallPlan) -> EmulatedCall | None:
        """Dial `plan.to`; None if there are too many live calls."""
        ...


class Dialling:
    """One execution of `<Dial>` on a call, the parent."""

    def __init__(
        self,
        account: Account,
        call: EmulatedCall,
        verb: Dial,
        *,
        place: Place,
        absolute: Callable[[str], str | None],
        whisper: Callable[[EmulatedCall, Document], Awaitable[bool]],
    ) -> None:
        """Prepare.

        Args:
            account: whose.
            call: the parent.
            verb: whom to ring, and how.
            place: dials.
            absolute: completes addresses of the document.
            whisper: carries out a document on the called party before the two are connected, and
                says whether they may be.
        """
        self._account = account
        self._call = call
        self._verb = verb
        self._place = place
        self._absolute = absolute
        self._whisper = whisper
        self._status = "failed"
        self._callee: EmulatedCall | None = None
        self._bridged_at: float | None = None
        self._bridge_ended_at: float | None = None

    def fields(self) -> dict[str, str]:
        """Return what the `action` is told."""
        fields = {
            "DialCallStatus": self._status,
            "DialBridged": "false" if self._bridged_at is None else "true",
        }
        if self._callee is not None:
            fields["DialCallSid"] = self._callee.sid
        if self._bridged_at is not None:
            until = now() if self._bridge_ended_at is None else self._bridge_ended_at
            fields["DialCallDuration"] = str(round(until - self._bridged_at))
        return fields

    async def run(self) -> None:
        """Ring, connect, and return when the two are no longer connected."""
        endpoints = [noun for noun in self._verb.nouns if isinstance(noun, Number | Sip | Client)]
        if self._verb.record != "do-not-record":
            self._not_emulated("record in <Dial>")
        reachable = [one for one in endpoints if self._is_sound(one)]
        groups = [[one] for one in reachable] if self._verb.sequential else [reachable]
        try:
            for group in groups:
                if group and await self._ring(group):
                    return
        except asyncio.CancelledError:
            if self._bridged_at is None:
                self._status = "canceled"
            raise

    def _is_sound(self, noun: _Endpoint) -> bool:
        if isinstance(noun, Number) and not E164.fullmatch(noun.number):
            self._account.notice(
                "13224", "<Dial> has a number that is not E.164", call_sid=self._call.sid
            )
            return False
        return True

    async def _ring(self, group: Sequence[_Endpoint]) -> bool:
        """Ring all at once; return whether somebody was connected."""
        callees: dict[EmulatedCall, _Endpoint] = {}
        # Done when a live update pulls the winner away; it lives on without us then.
        redirected: asyncio.Future[Document] | None = None
        try:
            with self._call.playing(Loop.ringing()):
                for noun in group:
                    callee = self._dial(noun)
                    if callee is not None:
                        callees[callee] = noun
                winner = await self._first_answer(list(callees))
                if winner is None:
                    return False
                self._callee = winner
                for other in callees:
                    if other is not winner:
                        _release(other)
                redirected = winner.redirected
                if not await self._introduce(winner, callees[winner], redirected):
                    self._status = "no-answer"
                    return False
            await self._bridge(winner, redirected)
            return True
        finally:
            if redirected is None or not redirected.done():
                for callee in callees:
                    _release(callee)

    def _dial(self, noun: _Endpoint) -> EmulatedCall | None:
        match noun:
            case Number(number=to):
                pass
            case Sip(uri=to):
                pass
            case Client(identity=identity):
                to = f"client:{identity}"
        subscription: Subscription | None = None
        url = self._absolute(noun.status_callback) if noun.status_callback else None
        if url is not None:
            subscription = Subscription(
                url=url,
                method=noun.status_callback_method,
                events=frozenset(noun.status_callback_event),
            )
        return self._place(
            CallPlan(
                direction="outbound-dial",
                from_=self._verb.caller_id or self._call.from_,
                to=to,
                subscription=subscription,
                timeout=float(self._verb.timeout),
                time_limit=float(self._verb.time_limit),
                parent_sid=self._call.sid,
                detection=self._detection(noun),
            )
        )

    def _detection(self, noun: _Endpoint) -> Detection | None:
        if isinstance(noun, Client) or noun.machine_detection is None:
            return None
        return Detection(
            to_message_end=noun.machine_detection == "DetectMessageEnd",
            asynchronous=True,
            callback=self._absolute(noun.amd_status_callback) if noun.amd_status_callback else None,
            method=noun.amd_status_callback_method,
            timeout=noun.machine_detection_timeout,
            speech_threshold=noun.machine_detection_speech_threshold / 1000,
            speech_end_threshold=noun.machine_detection_speech_end_threshold / 1000,
            silence_timeout=noun.machine_detection_silence_timeout / 1000,
        )

    async def _first_answer(self, callees: list[EmulatedCall]) -> EmulatedCall | None:
        """Wait for the first answer; None when nobody is left who could."""
        waiting = {asyncio.ensure_future(_outcome(callee)): callee for callee in callees}
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    callee = waiting.pop(task)
                    self._callee = callee
                    if task.result():
                        return callee
                    self._status = callee.status.value
            return None
        finally:
            for task in waiting:
                task.cancel()

    async def _introduce(
        self, callee: EmulatedCall, noun: _Endpoint, redirected: "asyncio.Future[Document]"
    ) -> bool:
        """Press the keys and whisper the words that come before the connection."""
        if isinstance(noun, Number) and noun.send_digits:
            pairs = keypad_frames(noun.send_digits, audible=not callee.takes_keys)
            clip = Clip(
                [frame for frame, _ in pairs],
                keys=[key for _, key in pairs],
                on_key=callee.send_key,
            )
            with callee.playing(clip):
                await first_of(clip.done, callee.over, redirected)
        url = noun.url and self._absolute(noun.url)
        if url:
            document = Document(url=url, method=noun.method, purpose="whisper")
            whisper = self._whisper(callee, document)
            return await cut_short(whisper, callee.over, redirected) or False
        return not callee.is_over and not redirected.done()

    async def _bridge(self, callee: EmulatedCall, redirected: "asyncio.Future[Document]") -> None:
        """Connect the two until one of them leaves."""
        call = self._call
        call.answer()
        self._status = "completed"
        self._bridged_at = now()
        try:
            await bridge(
                call,
                callee,
                callee.over,
                redirected,
                hangup_on_star=self._verb.hangup_on_star,
            )
        finally:
            self._bridge_ended_at = now()

    def _not_emulated(self, what: str) -> None:
        self._account.lint(
            "not_emulated", f"the emulator does not know {what}", call_sid=self._call.sid
        )


def _release(callee: EmulatedCall) -> None:
    """End a dialled call that is not needed any more; nothing happens if it is over."""
    if callee.answered_at is None:
        callee.end(Status.CANCELED, by="peer_leg", sip_code=487)
    else:
        callee.end(Status.COMPLETED, by="peer_leg")


async def _outcome(callee: EmulatedCall) -> bool:
    """Wait until a call is answered or over; return whether it was answered."""
    await asyncio.wait({callee.picked_up})
    return callee.answered_at is not None

"""Conferences: rooms in which calls hear each other.

A room is made when the first party is dialled into it, and starts when there are two, one of whom
has `startConferenceOnEnter`; until then each hears its `waitUrl`. From then on the room mixes:
fifty times a second it takes the frame that each party spoke and gives each the sum of the
others'. What is spoken is heard 20 to 40 ms later.

Source: https://www.twilio.com/docs/voice/twiml/conference,
https://www.twilio.com/docs/voice/api/conference-participant-resource
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import format_datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from hookflash.audio.tones import beep
from hookflash.emulator.account import Account, Recording
from hookflash.emulator.call import Document, EmulatedCall, Status, Subscription
from hookflash.emulator.callbacks import Callbacks
from hookflash.emulator.documents import perform
from hookflash.emulator.faults import Race
from hookflash.emulator.line import RATE, SILENCE, cut
from hookflash.emulator.participant import LeaveReason, Participant, Terms, add
from hookflash.emulator.sound import Channel, Clip, Loop
from hookflash.emulator.waiting import cut_short, first_of
from hookflash.errors import LinkTimeout
from hookflash.runtime.clock import wall
from hookflash.runtime.ticker import Ticker, TickerEntry

__all__ = [
    "MAX_PARTICIPANTS",
    "ConferenceStatus",
    "Conferences",
    "EmulatedConference",
]

MAX_PARTICIPANTS: Final = 250
"""The most that the vendor lets into one room."""

_CONFERENCE_SID: Final = re.compile("CF[0-9a-f]{32}")

_Ended: TypeAlias = Literal[
    "conference-ended-via-api",
    "participant-with-end-conference-on-exit-left",
    "participant-with-end-conference-on-exit-kicked",
    "last-participant-left",
    "last-participant-kicked",
]
_WHY: Final[Mapping[str, str]] = {
    "conference-ended-via-api": "The conference was ended by a request",
    "participant-with-end-conference-on-exit-left": "A participant who ends the conference left",
    "participant-with-end-conference-on-exit-kicked": "A participant who ends it was removed",
    "last-participant-left": "The last participant left",
    "last-participant-kicked": "The last participant was removed",
}
# What must be subscribed for each event.
_WORDS: Final[Mapping[str, str]] = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "participant-speech-start": "speaker",
    "participant-speech-stop": "speaker",
    "announcement-end": "announcement",
    "announcement-fail": "announcement",
}


class ConferenceStatus(StrEnum):
    """Where a conference is in its life, in the vendor's words."""

    INIT = "init"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


class EmulatedConference:
    """A room. `CarrierEmulator.conferences` has all, also those that are over."""

    def __init__(self, account: Account, sid: str, friendly_name: str) -> None:
        self._account = account
        self.sid = sid
        """CF..."""
        self.friendly_name = friendly_name
        self.status = ConferenceStatus.INIT
        self.created = self.updated = wall()
        self.participants: dict[str, Participant] = {}
        """By call SID: who is in the room or being dialled into it, in the order of asking."""
        self.reason_ended: str | None = None
        self.call_sid_ending: str | None = None
        self.subscription: Subscription | None = None
        self.recording: Recording | None = None
        self.tell_recording: Callable[[Recording], None] | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the conference has ended."""
        self._callbacks = Callbacks(account, sid)
        self._announced = 0
        self._beeps = Channel()
        self._announcements = Channel()
        self._last_announcement: asyncio.Task[None] | None = None
        self._recorded: list[bytes] = []
        self._pacing: TickerEntry | None = None

    # Facts.

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status is ConferenceStatus.COMPLETED

    @property
    def present(self) -> list[Participant]:
        """Who is in the room, in the order of asking."""
        return [one for one in self.participants.values() if one.is_present]

    def participant(self, name: str) -> Participant | None:
        """Return a party by its call SID or label."""
        for one in self.participants.values():
            if name in {one.call.sid, one.terms.label}:
                return one
        return None

    async def ended(self, timeout: float = 600.0) -> None:
        """Wait until the conference has ended and all callbacks about it were answered.

        Raises:
            LinkTimeout: it went on for `timeout` seconds.
        """
        await first_of(self.over, timeout=timeout)
        if not self.over.done():
            msg = f"the conference did not end in {timeout:g} s; it is {self.status}"
            raise LinkTimeout(msg)
        await self.told()

    async def told(self) -> None:
        """Wait until all callbacks so far were answered."""
        await self._callbacks.told()

    # Coming and going.

    def expect(self, call: EmulatedCall, terms: Terms) -> Participant:
        """Expect a party; should its call end before it comes, that is told as its leaving."""
        one = Participant(
            call, terms, has_started=lambda: self.status is ConferenceStatus.IN_PROGRESS
        )
        self.participants[call.sid] = one
        call.over.add_done_callback(lambda _: self._not_reached(one))
        return one

    async def attend(self, one: Participant, *, leave: "asyncio.Future[None]") -> None:
        """Let a party take part until it leaves.

        Args:
            one: who was expected.
            leave: done when the party itself wants out without hanging up.
        """
        call = one.call
        is_alone = list(self.participants) == [call.sid]
        if not is_alone and self._account.faults.happens(Race.CONFERENCE_ENDED_BEFORE_JOIN):
            self.end()
        if one.left.done():
            return
        self._join(one)
        call.add_tap(one)
        try:
            with call.playing(one):
                await first_of(one.left, call.over, call.redirected, leave)
        finally:
            call.remove_tap(one)
            by_request = call.redirected.done() or call.ended_by == "api"
            self._leave(
                one,
                "participant_updated_via_api" if by_request else "participant_hung_up",
                kicked=by_request,
            )

    def remove(self, one: Participant) -> None:
        """Put a party out; its call goes on with what follows. Who is still dialled is hung up."""
        if one.is_present:
            self._leave(one, "participant_updated_via_api", kicked=True)
        else:
            _hang_up(one.call)

    def end(self) -> None:
        """End by request. Idempotent."""
        self._finish("conference-ended-via-api", None, "conference_ended_via_api")

    def _join(self, one: Participant) -> None:
        one.is_present = True
        one.entered.set_result(None)
        self._touch()
        self._tell("participant-join", one)
        present = self.present
        may_start = len(present) > 1 and any(other.terms.start_on_enter for other in present)
        if self.status is ConferenceStatus.INIT and may_start:
            self._start()
        if self.status is ConferenceStatus.IN_PROGRESS and one.terms.beep_on_enter:
            self._beep()
        self.entertain(one)

    def _start(self) -> None:
        self.status = ConferenceStatus.IN_PROGRESS
        self._pacing = Ticker.current().add(self._tick)
        if self.recording is not None:
            self.recording.started = wall()
            self._account.recordings[self.recording.sid] = self.recording
            self._tell_recording()
        self._tell("conference-start")
        for other in self.present:
            self.entertain(other)

    def _leave(self, one: Participant, reason: LeaveReason, *, kicked: bool = False) -> None:
        """Let a party out of the room, which may end the conference. Idempotent."""
        if not one.is_present:
            return
        one.is_present = False
        del self.participants[one.call.sid]
        self._part(one, reason)
        if self.is_over:
            return
        if one.terms.end_on_exit:
            self._finish(
                "participant-with-end-conference-on-exit-kicked"
                if kicked
                else "participant-with-end-conference-on-exit-left",
                one,
                "moderator_ended_conference",
            )
        elif not self.participants:
            self._finish(
                "last-participant-kicked" if kicked else "last-participant-left",
                one,
                "moderator_ended_conference",
            )
        elif one.terms.beep_on_exit:
            self._beep()

    def _not_reached(self, one: Participant) -> None:
        """Forget somebody whose call ended before they joined."""
        # The call may have been here before, and have left or come again.
        if one.is_present or self.participants.get(one.call.sid) is not one:
            return
        del self.participants[one.call.sid]
        self._part(one, "participant_add_failed")
        if not self.is_over and not self.participants:
            self._finish("last-participant-left", one, "moderator_ended_conference")

    def _part(self, one: Participant, reason: LeaveReason) -> None:
        self._touch()
        one.reason_left = reason
        if one.entertainment is not None:
            one.entertainment.cancel()
        if not one.entered.done():
            one.entered.set_result(None)
        one.left.set_result(None)
        self._tell(
            "participant-leave",
            one,
            ParticipantCallStatus=one.call.status.value,
            ReasonParticipantLeft=reason,
        )

    def _finish(self, reason: _Ended, by: Participant | None, left: LeaveReason) -> None:
        if self.is_over:
            return
        self.status = ConferenceStatus.COMPLETED
        self.reason_ended = reason
        self.call_sid_ending = None if by is None else by.call.sid
        self._touch()
        if self._pacing is not None:
            self._pacing.cancel()
        for other in tuple(self.participants.values()):
            if other.is_present:
                self._leave(other, left)
            else:
                del self.participants[other.call.sid]
                _hang_up(other.call)
                self._part(other, "participant_add_failed")
        ending = {"ReasonConferenceEnded": reason, "Reason": _WHY[reason]}
        if by is not None:
            ending["CallSidEndingConference"] = by.call.sid
            if by.terms.label is not None:
                ending["ParticipantLabelEndingConference"] = by.terms.label
        self._tell("conference-end", None, **ending)
        if self.recording is not None and self._pacing is not None:
            self.recording.pcm = b"".join(self._recorded)
            self.recording.status = "completed" if self._recorded else "absent"
            self._tell_recording()
        self.over.set_result(None)

    def _touch(self) -> None:
        self.updated = wall()

    # Changes.

    def change(self, one: Participant, terms: Terms) -> None:
        """Let a party take part on other terms."""
        before, one.terms = one.terms, terms
        one.updated = wall()
        if not one.is_present:
            return
        if terms.muted is not before.muted:
            self._tell("participant-mute" if terms.muted else "participant-unmute", one)
        if terms.hold is not before.hold:
            self._tell("participant-hold" if terms.hold else "participant-unhold", one)
        same = replace(
            terms,
            muted=before.muted,
            hold=before.hold,
            hold_url=before.hold_url,
            hold_method=before.hold_method,
        )
        if same != before:
            self._tell("participant-modify", one)
        on_hold = (terms.hold, terms.hold_url, terms.hold_method)
        waiting = (terms.wait_url, terms.wait_method)
        if on_hold != (before.hold, before.hold_url, before.hold_method) or waiting != (
            before.wait_url,
            before.wait_method,
        ):
            self.entertain(one)

    def entertain(self, one: Participant) -> None:
        """Let a party that is apart hear its music, and one that is not the others."""
        if one.entertainment is not None:
            one.entertainment.cancel()
            one.entertainment = None
        one.mouth.clear()
        one.ear.clear()
        if one.is_apart and not self._account.tasks.closed:
            one.entertainment = self._account.tasks.start(
                self._entertain(one), name=f"{self.sid}/{one.call.sid}/music"
            )

    async def _entertain(self, one: Participant) -> None:
        terms = one.terms
        url = terms.hold_url if terms.hold else terms.wait_url
        if url is None:
            with one.meanwhile.playing(Loop.music()):
                await first_of(one.left)
        elif url:
            document = Document(
                url=url,
                method=terms.hold_method if terms.hold else terms.wait_method,
                purpose="hold" if terms.hold else "wait",
            )
            failure = await perform(
                self._account,
                document,
                one.meanwhile,
                one.call.request_fields() | self._fields(),
                call_sid=one.call.sid,
                sounds_loop=True,
            )
            if failure is not None and not terms.hold:
                # The vendor does not let in whoever has nothing to hear while waiting.
                self._leave(one, "participant_add_failed")

    def announce(self, url: str, method: str, one: Participant | None = None) -> None:
        """Say something to all who hear each other, or to one party; one after the other."""
        self._last_announcement = self._account.tasks.start(
            self._announce(url, method, one, self._last_announcement),
            name=f"{self.sid}/announcement",
        )

    async def _announce(
        self,
        url: str,
        method: str,
        one: Participant | None,
        before: "asyncio.Task[None] | None",
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        call_sid = None if one is None else one.call.sid
        fields = {"AccountSid": self._account.sid} | self._fields()
        if one is not None:
            fields |= one.call.request_fields()
        failure = await cut_short(
            perform(
                self._account,
                Document(url=url, method=method, purpose="announce"),
                self._announcements if one is None else one.announcements,
                fields,
                call_sid=call_sid,
                sounds_loop=False,
            ),
            self.over if one is None else one.left,
        )
        if self.is_over:
            return
        about = one if one is not None and one.is_present else None
        if failure is None:
            self._tell("announcement-end", about, AnnounceUrl=url)
        else:
            self._tell(
                "announcement-fail",
                about,
                AnnounceUrl=url,
                ReasonAnnouncementFailed=failure.message,
            )

    # Sound.

    def _tick(self, deadline: float) -> None:
        """Give everybody the sum of the others."""
        common = [self._beeps.next_frame(), self._announcements.next_frame()]
        listeners = [one for one in self.present if not one.terms.hold]
        voices: list[tuple[Participant, bytes]] = []
        hears_speakers = self._is_subscribed("participant-speech-start")
        for one in listeners:
            spoken = one.mouth.popleft() if one.mouth else SILENCE
            if one.terms.muted:
                spoken = SILENCE
            if spoken is not SILENCE:
                voices.append((one, spoken))
            if hears_speakers and one.speech_changed(spoken):
                event = "start" if one.is_speaking else "stop"
                self._tell(f"participant-speech-{event}", one)
        for listener in listeners:
            others = [
                spoken
                for speaker, spoken in voices
                if speaker is not listener and speaker.terms.coached in {None, listener.call.sid}
            ]
            listener.ear.append(add(common + others))
        if self.recording is not None:
            self._recorded.append(
                add(spoken for speaker, spoken in voices if speaker.terms.coached is None)
            )

    def _beep(self) -> None:
        if self._account.tasks.closed:
            return
        clip = Clip(cut(beep(RATE, 200.0)))

        async def sound() -> None:
            with self._beeps.playing(clip):
                await first_of(clip.done, self.over)

        self._account.tasks.start(sound(), name=f"{self.sid}/beep")

    # Telling the application.

    def _fields(self) -> dict[str, str]:
        return {"ConferenceSid": self.sid, "FriendlyName": self.friendly_name}

    def _is_subscribed(self, event: str) -> bool:
        return self.subscription is not None and _WORDS[event] in self.subscription.events

    def _tell(self, event: str, one: Participant | None = None, **more: str) -> None:
        subscription = self.subscription
        if subscription is None or not self._is_subscribed(event):
            return
        self._announced += 1
        fields = {
            "AccountSid": self._account.sid,
            **self._fields(),
            "SequenceNumber": str(self._announced),
            "StatusCallbackEvent": event,
            "Timestamp": format_datetime(wall()),
            **({} if one is None else one.fields()),
            **more,
        }
        self._callbacks.post("conference", subscription.url, subscription.method, fields)

    def _tell_recording(self) -> None:
        if self.recording is not None and self.tell_recording is not None:
            self.tell_recording(self.recording)

    def post_recording(self, url: str, method: str, fields: Mapping[str, str]) -> None:
        """Tell of the recording, in order with everything else about the conference."""
        self._callbacks.post("recording", url, method, fields)


class Conferences:
    """All conferences of an account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.by_sid: dict[str, EmulatedConference] = {}
        """In the order in which they were made."""

    def live(self, name: str) -> EmulatedConference | None:
        """Return the conference of this friendly name or SID that is not over."""
        for conference in self.by_sid.values():
            if name in {conference.sid, conference.friendly_name} and not conference.is_over:
                return conference
        return None

    def room(self, name: str) -> EmulatedConference | None:
        """Return the conference of a name, made if need be; None for the SID of none."""
        conference = self.live(name)
        if conference is None and not _CONFERENCE_SID.fullmatch(name):
            sid = self._account.sids.new("CF")
            conference = self.by_sid[sid] = EmulatedConference(self._account, sid, name)
        return conference


def _hang_up(call: EmulatedCall) -> None:
    status = Status.CANCELED if call.answered_at is None else Status.COMPLETED
    call.end(status, by="api", sip_code=487 if call.answered_at is None else 200)

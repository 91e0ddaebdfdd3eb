"""`<Dial><Conference>`: a call goes into a room, and out again."""

import asyncio
import re
from collections.abc import Callable
from email.utils import format_datetime
from typing import Final

from hookflash.emulator.account import Account, Recording
from hookflash.emulator.call import EmulatedCall, Subscription
from hookflash.emulator.conference import Conferences, EmulatedConference
from hookflash.emulator.participant import Terms
from hookflash.runtime.clock import wall
from hookflash.wire.twiml import Conference, Dial

__all__ = ["Attendance", "label_fault"]

_CALL_SID: Final = re.compile("CA[0-9a-f]{32}")
_MAX_LABEL: Final = 128


class Attendance:
    """One execution of `<Dial><Conference>` on a call."""

    def __init__(
        self,
        account: Account,
        call: EmulatedCall,
        verb: Dial,
        noun: Conference,
        *,
        conferences: Conferences,
        absolute: Callable[[str], str | None],
    ) -> None:
        """Prepare.

        Args:
            account: whose.
            call: whose party enters.
            verb: the verb around the noun.
            noun: the room, and on which terms.
            conferences: all rooms.
            absolute: completes addresses of the document.
        """
        self._account = account
        self._call = call
        self._verb = verb
        self._noun = noun
        self._conferences = conferences
        self._absolute = absolute
        self._status = "failed"

    def fields(self) -> dict[str, str]:
        """Return what the `action` is told."""
        return {"DialCallStatus": self._status}

    async def run(self) -> None:
        """Enter, and return when the party is out again."""
        conference = self._conferences.room(self._noun.room)
        if conference is None:
            self._refuse("13236", "<Conference> names a conference that is not, or is over")
            return
        one = conference.participants.get(self._call.sid)
        if one is None:
            terms = self._terms()
            fault = self._fault(conference, terms)
            if fault is not None:
                self._refuse(*fault)
                return
            if not conference.participants:
                self._set_up(conference)
            one = conference.expect(self._call, terms)
        leave: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def key_pressed(digit: str) -> None:
            if digit == "*" and self._verb.hangup_on_star and not leave.done():
                leave.set_result(None)

        self._status = "answered"
        with self._call.keys_to(key_pressed):
            await conference.attend(one, leave=leave)
        if one.reason_left == "participant_add_failed":
            self._status = "failed"

    def _terms(self) -> Terms:
        noun = self._noun
        return Terms(
            label=noun.participant_label,
            muted=noun.muted,
            wait_url=self._absolute(noun.wait_url) if noun.wait_url else noun.wait_url,
            wait_method=noun.wait_method,
            beep_on_enter=noun.beep in {"true", "onEnter"},
            beep_on_exit=noun.beep in {"true", "onExit"},
            start_on_enter=noun.start_conference_on_enter,
            end_on_exit=noun.end_conference_on_exit,
            coached=noun.coach,
        )

    def _fault(self, conference: EmulatedConference, terms: Terms) -> tuple[str, str] | None:
        if len(conference.participants) >= self._noun.max_participants:
            return "16020", "the conference is full"
        if terms.coached is not None and conference.participant(terms.coached) is None:
            return "13240", "<Conference> coaches a call that is not in the conference"
        fault = label_fault(conference, terms.label)
        return None if fault is None else (str(fault[0]), fault[1])

    def _set_up(self, conference: EmulatedConference) -> None:
        """Take what the first party says for the whole conference."""
        noun = self._noun
        url = self._absolute(noun.status_callback) if noun.status_callback else None
        if url is not None:
            conference.subscription = Subscription(
                url=url,
                method=noun.status_callback_method,
                events=frozenset(noun.status_callback_event),
            )
        if noun.record == "record-from-start":
            conference.recording = Recording(
                sid=self._account.sids.new("RE"),
                call_sid=self._call.sid,
                pcm=b"",
                status="in-progress",
                source="Conference",
                started=wall(),
                conference_sid=conference.sid,
            )
            recorded = noun.recording_status_callback
            target = self._absolute(recorded) if recorded else None
            if target is not None:
                conference.tell_recording = lambda one: self._tell_recording(
                    conference, one, target
                )

    def _tell_recording(
        self, conference: EmulatedConference, recording: Recording, url: str
    ) -> None:
        noun = self._noun
        if recording.status not in noun.recording_status_callback_event:
            return
        account = self._account
        fields = {
            "AccountSid": account.sid,
            "ConferenceSid": conference.sid,
            "RecordingSid": recording.sid,
            "RecordingUrl": f"{account.base_url}{account.path}/Recordings/{recording.sid}",
            "RecordingDuration": str(recording.seconds),
            "RecordingStatus": recording.status,
            "RecordingChannels": "1",
            "RecordingSource": recording.source,
            "RecordingStartTime": format_datetime(recording.started),
        }
        conference.post_recording(url, noun.recording_status_callback_method, fields)

    def _refuse(self, code: str, message: str) -> None:
        self._account.notice(code, message, call_sid=self._call.sid)


def label_fault(conference: EmulatedConference, label: str | None) -> tuple[int, str] | None:
    """Return the vendor's code and our words for what is wrong with a new label, if anything."""
    if label is None:
        return None
    if not label or len(label) > _MAX_LABEL or "/" in label or _CALL_SID.fullmatch(label):
        return 16023, "a label has 1 to 128 characters, no slash, and is no call SID"
    if conference.participant(label) is not None:
        return 16025, "the conference has a participant with this label"
    return None

"""The REST interface of conferences and their participants.

Source: https://www.twilio.com/docs/voice/api/conference-resource,
https://www.twilio.com/docs/voice/api/conference-participant-resource
"""

from dataclasses import replace
from typing import Any, Final

from starlette.requests import Request

from hookflash.emulator.attendance import label_fault
from hookflash.emulator.call import CallPlan, Document, Subscription
from hookflash.emulator.conference import MAX_PARTICIPANTS, EmulatedConference
from hookflash.emulator.exchange import Exchange
from hookflash.emulator.participant import Participant, Terms
from hookflash.emulator.resources import conference_json, participant_json
from hookflash.emulator.rest_fields import (
    MAX_TIME_LIMIT,
    MAX_TIMEOUT,
    Fields,
    Reply,
    RestError,
    Work,
    answer_late,
    bad,
    detection,
    is_within,
    missing,
    page,
    parties,
    subscription,
)
from hookflash.wire.twiml import Conference, Dial, Response, render

__all__ = ["ConferenceRest"]

# Whether there is a beep when the party joins, and when it leaves.
_BEEPS: Final = {
    "true": (True, True),
    "false": (False, False),
    "onEnter": (True, False),
    "onExit": (False, True),
}


class ConferenceRest:
    """The work behind each address."""

    def __init__(self, exchange: Exchange) -> None:
        """Serve the conferences of an exchange."""
        self._exchange = exchange
        self._account = exchange.account
        self._conferences = exchange.conferences

    def table(self, account: str) -> list[tuple[str, dict[str, Work]]]:
        """Return what is done at which address.

        Args:
            account: the account's part of the path.
        """
        conference = account + "/Conferences/{conference}"
        participants = conference + "/Participants"
        return [
            (account + "/Conferences.json", {"GET": self.list_conferences}),
            (
                participants + ".json",
                {"GET": self.list_participants, "POST": self.create_participant},
            ),
            (
                participants + "/{participant}.json",
                {
                    "GET": self.show_participant,
                    "POST": self.update_participant,
                    "DELETE": self.delete_participant,
                },
            ),
            (
                conference + ".json",
                {"GET": self.show_conference, "POST": self.update_conference},
            ),
        ]

    # Conferences.

    def _conference(self, request: Request) -> EmulatedConference:
        """Return a conference by SID, or a live one by name."""
        name = request.path_params["conference"]
        conference = self._conferences.by_sid.get(name) or self._conferences.live(name)
        if conference is None:
            raise missing(request)
        return conference

    async def list_conferences(self, request: Request, fields: Fields) -> Reply:
        """List, the newest first."""
        name = fields.get("FriendlyName")
        status = fields.get("Status")
        shown = [
            conference_json(self._account, one)
            for one in reversed(self._conferences.by_sid.values())
            if (not name or name == one.friendly_name)
            and (not status or status == one.status)
            and is_within(fields, "DateCreated", one.created)
            and is_within(fields, "DateUpdated", one.updated)
        ]
        return 200, page(request, fields, "conferences", shown)

    async def show_conference(self, request: Request, _fields: Fields) -> Reply:
        """Show one."""
        return 200, conference_json(self._account, self._conference(request))

    async def update_conference(self, request: Request, fields: Fields) -> Reply:
        """End one, or announce something to all in it."""
        conference = self._conference(request)
        status = fields.get("Status")
        announce_url = fields.address("AnnounceUrl")
        method = fields.method("AnnounceMethod")
        if status not in {None, "", "completed"}:
            raise bad(20001, "Status must be completed")
        if conference.is_over and (status or announce_url):
            raise bad(20001, "The conference is over")
        if announce_url:
            conference.announce(announce_url, method)
        if status:
            conference.end()
        return 200, conference_json(self._account, conference)

    # Participants.

    def _participant(self, request: Request) -> tuple[EmulatedConference, Participant]:
        conference = self._conference(request)
        one = conference.participant(request.path_params["participant"])
        if one is None:
            raise missing(request)
        return conference, one

    async def list_participants(self, request: Request, fields: Fields) -> Reply:
        """List those who are in the room or dialled into it; none of a conference that is over."""
        conference = self._conference(request)
        wanted = {name: fields.truth(name) for name in ("Muted", "Hold", "Coaching")}
        shown: list[dict[str, object]] = []
        for one in conference.participants.values():
            facts = {
                "Muted": one.terms.muted,
                "Hold": one.terms.hold,
                "Coaching": one.terms.coached is not None,
            }
            if all(value in {None, facts[name]} for name, value in wanted.items()):
                shown.append(participant_json(self._account, conference, one))
        return 200, page(request, fields, "participants", shown)

    async def show_participant(self, request: Request, _fields: Fields) -> Reply:
        """Show one, by call SID or label."""
        conference, one = self._participant(request)
        return 200, participant_json(self._account, conference, one)

    async def create_participant(self, request: Request, fields: Fields) -> Reply:
        """Dial somebody into a conference, which is made if need be."""
        to, from_ = parties(self._exchange, fields)
        most = fields.number("MaxParticipants", MAX_PARTICIPANTS, 2, MAX_PARTICIPANTS)
        name = request.path_params["conference"]
        live = self._conferences.live(name)
        terms = self._terms(live, fields)
        told = self._told(fields)
        plan = CallPlan(
            direction="outbound-api",
            from_=fields.get("CallerId") or from_,
            to=to,
            subscription=subscription(self._account, fields),
            timeout=fields.number("Timeout", 60, 5, MAX_TIMEOUT),
            time_limit=fields.number("TimeLimit", 14_400, 1, MAX_TIME_LIMIT),
            detection=detection(fields, in_conference=True),
        )
        for field in ("Record", "ConferenceRecord"):
            if (fields.get(field) or "false") not in {"false", "do-not-record"}:
                self._account.lint(
                    "not_emulated", f"the emulator does not know {field} of a participant"
                )
        if live is not None and len(live.participants) >= most:
            raise bad(16020, "The conference is full")
        conference = self._conferences.room(name)
        if conference is None:
            raise missing(request)
        enters = Response((Dial((Conference(conference.sid),)),))
        call = self._exchange.place(replace(plan, document=Document(twiml=render(enters))))
        if call is None:
            raise RestError(429, 20429, "Too many live calls")
        if not conference.participants and conference.subscription is None:
            conference.subscription = told
        one = conference.expect(call, terms)
        await answer_late(self._account, call)
        return 201, participant_json(self._account, conference, one)

    def _terms(self, conference: EmulatedConference | None, fields: Fields) -> Terms:
        label = fields.get("Label") or None
        fault = None if conference is None else label_fault(conference, label)
        if fault is not None:
            raise bad(*fault)
        beep = fields.get("Beep") or "true"
        if beep not in _BEEPS:
            raise bad(20001, "Beep must be true, false, onEnter or onExit")
        enter, leave = _BEEPS[beep]
        wait_url = fields.get("WaitUrl")
        return Terms(
            label=label,
            muted=fields.truth("Muted") or False,
            beep_on_enter=enter,
            beep_on_exit=leave,
            start_on_enter=fields.truth("StartConferenceOnEnter") is not False,
            end_on_exit=fields.truth("EndConferenceOnExit") or False,
            wait_url="" if wait_url == "" else fields.address("WaitUrl"),
            wait_method=fields.method("WaitMethod"),
            coached=self._coached(conference, fields, None),
        )

    def _told(self, fields: Fields) -> Subscription | None:
        """Return who is told about the conference, if this is its first participant."""
        url = fields.address("ConferenceStatusCallback")
        if url is None:
            return None
        return Subscription(
            url=url,
            method=fields.method("ConferenceStatusCallbackMethod"),
            events=frozenset(fields.words("ConferenceStatusCallbackEvent")),
        )

    def _coached(
        self, conference: EmulatedConference | None, fields: Fields, before: str | None
    ) -> str | None:
        """Return the call that is coached."""
        coaching = fields.truth("Coaching")
        sid = fields.get("CallSidToCoach") or None
        if coaching is False:
            return None
        if coaching is None and sid is None:
            return before
        sid = sid or before
        if sid is None or conference is None or sid not in conference.participants:
            raise bad(13240, "CallSidToCoach is not a call in this conference")
        return sid

    async def update_participant(self, request: Request, fields: Fields) -> Reply:
        """Mute, hold, coach, or announce something to one party."""
        conference, one = self._participant(request)
        before = one.terms
        changes: dict[str, Any] = {"coached": self._coached(conference, fields, before.coached)}
        for name, field in (
            ("Muted", "muted"),
            ("Hold", "hold"),
            ("EndConferenceOnExit", "end_on_exit"),
            ("BeepOnExit", "beep_on_exit"),
        ):
            value = fields.truth(name)
            if value is not None:
                changes[field] = value
        if fields.truth("Hold"):
            changes["hold_url"] = fields.address("HoldUrl")
            changes["hold_method"] = fields.method("HoldMethod", "GET")
        if fields.get("WaitUrl") is not None:
            changes["wait_url"] = fields.address("WaitUrl") or ""
            changes["wait_method"] = fields.method("WaitMethod")
        announce_url = fields.address("AnnounceUrl")
        method = fields.method("AnnounceMethod")
        if announce_url and not one.is_present:
            raise bad(21220, "The participant is not in the conference yet")
        conference.change(one, replace(before, **changes))
        if announce_url:
            conference.announce(announce_url, method, one)
        return 200, participant_json(self._account, conference, one)

    async def delete_participant(self, request: Request, _fields: Fields) -> Reply:
        """Put a party out; its call goes on with what follows in its document."""
        conference, one = self._participant(request)
        conference.remove(one)
        return 204, None

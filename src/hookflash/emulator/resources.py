"""What the REST interface shows of the emulator's objects: JSON bodies with the vendor's fields.

Source: https://www.twilio.com/docs/voice/api/call-resource and its siblings.
"""

from datetime import datetime
from email.utils import format_datetime

from hookflash.emulator.account import Account, Recording
from hookflash.emulator.call import API_VERSION, CallStream, EmulatedCall
from hookflash.emulator.conference import EmulatedConference
from hookflash.emulator.exchange import PhoneNumber
from hookflash.emulator.log import Notice
from hookflash.emulator.participant import Participant
from hookflash.emulator.queueing import CallQueue, Waiting

__all__ = [
    "Json",
    "account_json",
    "call_json",
    "conference_json",
    "member_json",
    "notice_json",
    "number_json",
    "participant_json",
    "queue_json",
    "recording_json",
    "rfc2822",
    "stream_json",
]

Json = dict[str, object]


def rfc2822(moment: datetime | None) -> str | None:
    """Return a date in the form of the REST interface: `Thu, 01 Jan 2026 00:00:00 +0000`."""
    return None if moment is None else format_datetime(moment)


def account_json(account: Account, created: datetime) -> Json:
    """Show the account. Its token is shown, as the vendor does to whoever has it already."""
    return {
        "sid": account.sid,
        "auth_token": account.auth_token,
        "friendly_name": "Emulated account",
        "owner_account_sid": account.sid,
        "status": "active",
        "type": "Full",
        "date_created": rfc2822(created),
        "date_updated": rfc2822(created),
        "uri": f"{account.path}.json",
        "subresource_uris": {
            "calls": f"{account.path}/Calls.json",
            "incoming_phone_numbers": f"{account.path}/IncomingPhoneNumbers.json",
            "recordings": f"{account.path}/Recordings.json",
        },
    }


def call_json(account: Account, call: EmulatedCall) -> Json:
    """Show a call. Nobody is charged, so it has no price."""
    path = f"{account.path}/Calls/{call.sid}"
    answered = call.answered_at is not None
    return {
        "sid": call.sid,
        "account_sid": account.sid,
        "parent_call_sid": call.parent_sid,
        "phone_number_sid": call.number_sid or "",
        "api_version": API_VERSION,
        "direction": call.direction,
        "from": call.from_,
        "from_formatted": call.from_,
        "to": call.to,
        "to_formatted": call.to,
        "status": call.status.value,
        "date_created": rfc2822(call.created),
        "date_updated": rfc2822(call.updated),
        "start_time": rfc2822(call.started or call.finished),
        "end_time": rfc2822(call.finished),
        "duration": None if call.duration is None else str(call.duration),
        "answered_by": None if call.verdict is None else call.verdict.answered_by,
        "caller_name": "" if call.direction == "inbound" else None,
        "forwarded_from": None,
        "group_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "stir_verstat": "TN-Validation-Passed-A" if call.direction == "inbound" else None,
        "trunk_sid": "",
        "annotation": None,
        "uri": f"{path}.json",
        "subresource_uris": {
            "notifications": f"{path}/Notifications.json",
            "recordings": f"{path}/Recordings.json",
            "streams": f"{path}/Streams.json",
        }
        | ({"events": f"{path}/Events.json"} if answered else {}),
    }


def conference_json(account: Account, conference: EmulatedConference) -> Json:
    """Show a conference."""
    path = f"{account.path}/Conferences/{conference.sid}"
    return {
        "sid": conference.sid,
        "account_sid": account.sid,
        "friendly_name": conference.friendly_name,
        "api_version": API_VERSION,
        "region": "us1",
        "status": conference.status.value,
        "reason_conference_ended": conference.reason_ended,
        "call_sid_ending_conference": conference.call_sid_ending,
        "date_created": rfc2822(conference.created),
        "date_updated": rfc2822(conference.updated),
        "uri": f"{path}.json",
        "subresource_uris": {
            "participants": f"{path}/Participants.json",
            "recordings": f"{path}/Recordings.json",
        },
    }


def participant_json(account: Account, conference: EmulatedConference, one: Participant) -> Json:
    """Show a party of a conference."""
    terms = one.terms
    return {
        "account_sid": account.sid,
        "call_sid": one.call.sid,
        "label": terms.label,
        "conference_sid": conference.sid,
        "call_sid_to_coach": terms.coached,
        "coaching": terms.coached is not None,
        "muted": terms.muted,
        "hold": terms.hold,
        "start_conference_on_enter": terms.start_on_enter,
        "end_conference_on_exit": terms.end_on_exit,
        "status": one.status,
        "queue_time": "0",
        "date_created": rfc2822(one.created),
        "date_updated": rfc2822(one.updated),
        "uri": f"{account.path}/Conferences/{conference.sid}/Participants/{one.call.sid}.json",
    }


def queue_json(account: Account, queue: CallQueue) -> Json:
    """Show a queue."""
    path = f"{account.path}/Queues/{queue.sid}"
    return {
        "sid": queue.sid,
        "account_sid": account.sid,
        "friendly_name": queue.friendly_name,
        "max_size": queue.max_size,
        "current_size": len(queue.members),
        "average_wait_time": queue.average_wait,
        "date_created": rfc2822(queue.created),
        "date_updated": rfc2822(queue.updated),
        "uri": f"{path}.json",
        "subresource_uris": {"members": f"{path}/Members.json"},
    }


def member_json(account: Account, queue: CallQueue, one: Waiting) -> Json:
    """Show a call that waits in a queue."""
    return {
        "queue_sid": queue.sid,
        "call_sid": one.call.sid,
        "date_enqueued": rfc2822(one.enqueued),
        "wait_time": one.seconds,
        "position": queue.members.index(one) + 1,
        "uri": f"{account.path}/Queues/{queue.sid}/Members/{one.call.sid}.json",
    }


def number_json(account: Account, number: PhoneNumber) -> Json:
    """Show a number that the account owns."""
    texts = {
        name: number.settings.get(name, "")
        for name in (
            "voice_url",
            "voice_fallback_url",
            "voice_application_sid",
            "status_callback",
            "sms_url",
            "sms_fallback_url",
            "sms_application_sid",
        )
    }
    methods = {
        name: number.settings.get(name, "POST")
        for name in (
            "voice_method",
            "voice_fallback_method",
            "status_callback_method",
            "sms_method",
            "sms_fallback_method",
        )
    }
    return {
        "sid": number.sid,
        "account_sid": account.sid,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name,
        "api_version": API_VERSION,
        "date_created": rfc2822(number.created),
        "date_updated": rfc2822(number.updated),
        "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
        "beta": False,
        "origin": "twilio",
        "status": "in-use",
        "type": "local",
        "trunk_sid": None,
        "voice_caller_id_lookup": False,
        "voice_receive_mode": "voice",
        "address_requirements": "none",
        "address_sid": None,
        "bundle_sid": None,
        "identity_sid": None,
        "emergency_status": "Inactive",
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "uri": f"{account.path}/IncomingPhoneNumbers/{number.sid}.json",
        **texts,
        **methods,
    }


def stream_json(account: Account, call: EmulatedCall, stream: CallStream) -> Json:
    """Show a media stream."""
    return {
        "sid": stream.sid,
        "account_sid": account.sid,
        "call_sid": call.sid,
        "name": stream.name or stream.sid,
        "status": "in-progress" if stream.is_live else "stopped",
        "date_updated": rfc2822(call.updated),
        "uri": f"{account.path}/Calls/{call.sid}/Streams/{stream.sid}.json",
    }


def recording_json(account: Account, recording: Recording) -> Json:
    """Show a recording; `media_url` leads to its WAV file."""
    path = f"{account.path}/Recordings/{recording.sid}"
    finished = recording.status != "in-progress"
    return {
        "sid": recording.sid,
        "account_sid": account.sid,
        "call_sid": recording.call_sid,
        "conference_sid": recording.conference_sid,
        "api_version": API_VERSION,
        "status": recording.status,
        "source": recording.source,
        "channels": 1,
        "track": "inbound",
        "duration": str(recording.seconds) if finished else None,
        "start_time": rfc2822(recording.started),
        "date_created": rfc2822(recording.started),
        "date_updated": rfc2822(recording.started),
        "price": None,
        "price_unit": "USD",
        "error_code": None,
        "encryption_details": None,
        "media_url": f"{account.base_url}{path}",
        "uri": f"{path}.json",
        "subresource_uris": {},
    }


def notice_json(account: Account, notice: Notice, when: datetime) -> Json:
    """Show an entry of the debugger, of log level 0 (error) or 1 (warning)."""
    return {
        "sid": notice.sid,
        "account_sid": account.sid,
        "call_sid": notice.call_sid,
        "api_version": API_VERSION,
        "error_code": notice.code,
        "log": "0" if notice.level == "error" else "1",
        "message_text": notice.message,
        "message_date": rfc2822(when),
        "more_info": f"https://www.twilio.com/docs/errors/{notice.code}",
        "request_method": None,
        "request_url": notice.url,
        "date_created": rfc2822(when),
        "date_updated": rfc2822(when),
        "uri": f"{account.path}/Notifications/{notice.sid}.json",
    }

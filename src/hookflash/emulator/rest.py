"""The vendor's REST interface, so far as calls, conferences, queues, numbers and recordings go.

A list's page has exactly one key beside the paging keys, which is how the vendor's SDK finds the
records. Errors have the vendor's codes and our own words.

Source: https://www.twilio.com/docs/usage/requests-to-twilio, https://www.twilio.com/docs/usage/twilios-response
"""

import asyncio
import binascii
import hmac
import io
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookflash.audio.wav import write_wav
from hookflash.emulator.account import Account, Recording
from hookflash.emulator.call import CallPlan, Document, EmulatedCall, Status
from hookflash.emulator.conference_rest import ConferenceRest
from hookflash.emulator.dialling import E164
from hookflash.emulator.exchange import Exchange, PhoneNumber
from hookflash.emulator.faults import Race
from hookflash.emulator.line import RATE
from hookflash.emulator.log import Notice, RestRequest
from hookflash.emulator.media import MediaStream
from hookflash.emulator.queue_rest import QueueRest
from hookflash.emulator.resources import (
    account_json,
    call_json,
    notice_json,
    number_json,
    recording_json,
    stream_json,
)
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
    read_fields,
    subscription,
)
from hookflash.emulator.webhooks import is_web_address
from hookflash.runtime.clock import now, wall
from hookflash.wire.twiml import Parameter, Stream, Track

__all__ = ["rest_app"]

_MAX_TWIML_CHARACTERS: Final = 4000
_MAX_SEND_DIGITS: Final = 32
_TONES: Final = frozenset("0123456789*#ABCDwW")
# The fields of a number that can be set, as the SDK spells them.
_NUMBER_FIELDS: Final = {
    "FriendlyName": "friendly_name",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "SmsUrl": "sms_url",
    "SmsMethod": "sms_method",
    "SmsFallbackUrl": "sms_fallback_url",
    "SmsFallbackMethod": "sms_fallback_method",
    "SmsApplicationSid": "sms_application_sid",
}


def rest_app(exchange: Exchange) -> Starlette:
    """Return the REST interface of an exchange as an ASGI application."""
    rest = _Rest(exchange)
    account = "/2010-04-01/Accounts/{account}"
    call = account + "/Calls/{call}"
    table: list[tuple[str, dict[str, Work]]] = [
        (account + ".json", {"GET": rest.show_account}),
        (account + "/Calls.json", {"GET": rest.list_calls, "POST": rest.create_call}),
        (call + "/Streams.json", {"POST": rest.create_stream}),
        (call + "/Streams/{stream}.json", {"POST": rest.update_stream}),
        (call + "/Recordings.json", {"GET": rest.list_recordings}),
        (call + "/Recordings/{recording}.json", {"GET": rest.show_recording}),
        (call + "/Notifications.json", {"GET": rest.list_notices}),
        (
            call + ".json",
            {"GET": rest.show_call, "POST": rest.update_call, "DELETE": rest.delete_call},
        ),
        (
            account + "/IncomingPhoneNumbers.json",
            {"GET": rest.list_numbers, "POST": rest.create_number},
        ),
        (
            account + "/IncomingPhoneNumbers/{number}.json",
            {
                "GET": rest.show_number,
                "POST": rest.update_number,
                "DELETE": rest.delete_number,
            },
        ),
        (account + "/Notifications.json", {"GET": rest.list_notices}),
        (account + "/Recordings.json", {"GET": rest.list_recordings}),
        (
            account + "/Recordings/{recording}.json",
            {"GET": rest.show_recording, "DELETE": rest.delete_recording},
        ),
        *ConferenceRest(exchange).table(account),
        *QueueRest(exchange).table(account),
    ]
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    routes = [Route(path, rest.endpoint(works), methods=methods) for path, works in table]
    for ending in (".wav", ""):
        path = account + "/Recordings/{recording}" + ending
        routes.append(Route(path, rest.recording_file, methods=["GET"]))
    routes.append(Route("/{path:path}", rest.endpoint({}), methods=methods))
    return Starlette(routes=routes)


class _Rest:
    """The work behind each address."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._account: Account = exchange.account
        self._created = wall()
        self._began = now()

    def endpoint(self, works: Mapping[str, Work]) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of an address that does this work for these methods."""

        async def answer(request: Request) -> Response:
            fields = Fields(())
            code: int | None = None
            fault = self._account.faults.rest(request.method, request.url.path)
            try:
                fields = Fields(await read_fields(request))
                self._authenticate(request)
                work = works.get(request.method)
                if not works:
                    raise missing(request)
                if work is None:
                    raise RestError(405, 20004, "Method not allowed")
                if fault is None:
                    status, body = await work(request, fields)
                else:
                    await asyncio.sleep(fault.before)
                    if fault.status is not None and not fault.carried_out:
                        raise _refusal(fault.status)
                    status, body = await work(request, fields)
                    await asyncio.sleep(fault.after)
                    if fault.status is not None:
                        raise _refusal(fault.status)
            except RestError as refused:
                status, code = refused.status, refused.code
                body = {
                    "code": code,
                    "message": refused.message,
                    "more_info": f"https://www.twilio.com/docs/errors/{code}",
                    "status": status,
                }
            self._account.log.add(
                RestRequest(
                    call_sid=request.path_params.get("call"),
                    method=request.method,
                    path=request.url.path,
                    params=fields.pairs,
                    status=status,
                    code=code,
                )
            )
            return Response(status_code=204) if body is None else JSONResponse(body, status)

        return answer

    def _authenticate(self, request: Request) -> None:
        """Take `AC:token` (basic) for the account that the path names."""
        kind, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        known = self._account
        right = hmac.compare_digest(user.encode(), known.sid.encode()) & hmac.compare_digest(
            password.encode(), known.auth_token.encode()
        )
        if kind.lower() != "basic" or not right:
            raise RestError(401, 20003, "Authenticate")
        if request.path_params.get("account", known.sid) != known.sid:
            raise missing(request)

    # Accounts and notices.

    async def show_account(self, _request: Request, _fields: Fields) -> Reply:
        return 200, account_json(self._account, self._created)

    async def list_notices(self, request: Request, fields: Fields) -> Reply:
        sid = request.path_params.get("call")
        notices = [
            notice
            for notice in self._account.log.of(Notice)
            if sid is None or notice.call_sid == sid
        ]
        shown = [
            notice_json(
                self._account, notice, self._created + timedelta(seconds=notice.at - self._began)
            )
            for notice in reversed(notices)
        ]
        return 200, page(request, fields, "notifications", shown)

    # Calls.

    def _call(self, request: Request) -> EmulatedCall:
        call = self._exchange.calls.get(request.path_params["call"])
        if call is None:
            raise missing(request)
        return call

    async def show_call(self, request: Request, _fields: Fields) -> Reply:
        return 200, call_json(self._account, self._call(request))

    async def list_calls(self, request: Request, fields: Fields) -> Reply:
        calls: Iterable[EmulatedCall] = reversed(self._exchange.calls.values())
        tests: dict[str, Callable[[EmulatedCall], str | None]] = {
            "To": lambda call: call.to,
            "From": lambda call: call.from_,
            "ParentCallSid": lambda call: call.parent_sid,
            "Status": lambda call: call.status.value,
        }
        for name, value_of in tests.items():
            wanted = fields.get(name)
            if wanted:
                calls = [call for call in calls if value_of(call) == wanted]
        times: dict[str, Callable[[EmulatedCall], datetime | None]] = {
            "StartTime": lambda call: call.started or call.finished,
            "EndTime": lambda call: call.finished,
        }
        for name, time_of in times.items():
            calls = [call for call in calls if is_within(fields, name, time_of(call))]
        shown = [call_json(self._account, call) for call in calls]
        return 200, page(request, fields, "calls", shown)

    async def create_call(self, _request: Request, fields: Fields) -> Reply:
        to, from_ = parties(self._exchange, fields)
        digits = fields.get("SendDigits") or ""
        if len(digits) > _MAX_SEND_DIGITS or not _TONES.issuperset(digits):
            raise bad(20001, "SendDigits takes up to 32 of 0-9 A-D * # w W")
        plan = CallPlan(
            direction="outbound-api",
            from_=from_,
            to=to,
            document=self._document(fields),
            subscription=subscription(self._account, fields),
            timeout=fields.number("Timeout", 60, 1, MAX_TIMEOUT),
            time_limit=fields.number("TimeLimit", 14_400, 1, MAX_TIME_LIMIT),
            send_digits=digits,
            detection=detection(fields),
        )
        if (fields.get("Record") or "false") != "false":
            self._account.lint("not_emulated", "the emulator does not know Record of a call")
        call = self._exchange.place(plan)
        if call is None:
            raise RestError(429, 20429, "Too many live calls")
        await answer_late(self._account, call)
        return 201, call_json(self._account, call)

    def _document(self, fields: Fields) -> Document:
        url = fields.address("Url")
        twiml = fields.get("Twiml")
        if not url and not twiml:
            raise bad(21205, "Url or Twiml is required")
        if not url and twiml and len(twiml) > _MAX_TWIML_CHARACTERS:
            raise bad(20001, f"Twiml takes up to {_MAX_TWIML_CHARACTERS} characters")
        return Document(
            url=url,
            method=fields.method("Method"),
            twiml=None if url else twiml,
            fallback_url=fields.address("FallbackUrl"),
            fallback_method=fields.method("FallbackMethod"),
        )

    async def update_call(self, request: Request, fields: Fields) -> Reply:
        call = self._call(request)
        status = fields.get("Status")
        document: Document | None = None
        if fields.get("Url") or fields.get("Twiml"):
            document = self._document(fields)
        if status not in {None, "", "completed", "canceled"}:
            raise bad(20001, "Status must be completed or canceled")
        if status or document is not None:
            self._change_call(call, status, document)
        if fields.get("StatusCallback"):
            call.subscription = subscription(self._account, fields)
        if fields.get("TimeLimit"):
            call.set_time_limit(fields.number("TimeLimit", 14_400, 1, MAX_TIME_LIMIT))
        return 200, call_json(self._account, call)

    def _change_call(
        self, call: EmulatedCall, status: str | None, document: Document | None
    ) -> None:
        ringing = call.status is Status.RINGING and call.direction != "inbound"
        if status and ringing and self._account.faults.happens(Race.ANSWERED_AS_CANCELED):
            call.pick_up()
        if status == "canceled":
            if call.status not in {Status.QUEUED, Status.RINGING}:
                raise bad(21220, "The call is neither queued nor ringing; it cannot be canceled")
            call.end(Status.CANCELED, by="api", sip_code=487)
        elif status == "completed":
            if call.is_over:
                raise bad(21220, "The call is not in progress; it cannot be ended")
            final = Status.CANCELED if call.answered_at is None else Status.COMPLETED
            call.end(final, by="api", sip_code=487 if call.answered_at is None else 200)
        elif document is not None:
            if call.status is not Status.IN_PROGRESS:
                raise bad(21220, "The call is not in progress; it cannot be redirected")
            call.redirect(document)

    async def delete_call(self, request: Request, _fields: Fields) -> Reply:
        call = self._call(request)
        if not call.is_over:
            raise RestError(409, 20009, "A call can be deleted when it has ended")
        del self._exchange.calls[call.sid]
        return 204, None

    # Streams.

    async def create_stream(self, request: Request, fields: Fields) -> Reply:
        call = self._call(request)
        if call.status is not Status.IN_PROGRESS:
            raise bad(21220, "The call is not in progress; it has no sound to stream")
        url = fields.get("Url")
        if not url:
            raise bad(21205, "Url is required")
        method = fields.method("StatusCallbackMethod")
        described = Stream(
            url,
            parameters=_parameters(fields),
            name=fields.get("Name"),
            track=_track(fields),
            status_callback=fields.get("StatusCallback") or None,
            status_callback_method="GET" if method == "GET" else "POST",
        )
        stream = MediaStream(self._account, call, described, bidirectional=False)
        # It is on its way; whether it arrives, the callback and the notices tell.
        stream.is_live = True
        self._account.tasks.start(stream.open(), name=f"{call.sid}/{stream.sid}")
        return 201, stream_json(self._account, call, stream)

    async def update_stream(self, request: Request, fields: Fields) -> Reply:
        call = self._call(request)
        name = request.path_params["stream"]
        for stream in call.streams:
            if name in {stream.sid, stream.name} and not stream.bidirectional:
                if fields.get("Status") != "stopped":
                    raise bad(20001, "Status must be stopped")
                stream.stop()
                return 200, stream_json(self._account, call, stream)
        raise missing(request)

    # Numbers.

    def _number(self, request: Request) -> PhoneNumber:
        number = self._exchange.numbers.get(request.path_params["number"])
        if number is None:
            raise missing(request)
        return number

    async def show_number(self, request: Request, _fields: Fields) -> Reply:
        return 200, number_json(self._account, self._number(request))

    async def list_numbers(self, request: Request, fields: Fields) -> Reply:
        wanted = f"*{fields.get('PhoneNumber') or ''}*"
        name = fields.get("FriendlyName")
        shown = [
            number_json(self._account, number)
            for number in self._exchange.numbers.values()
            if fnmatchcase(number.phone_number, wanted)
            and (not name or name == number.friendly_name)
        ]
        return 200, page(request, fields, "incoming_phone_numbers", shown)

    async def create_number(self, _request: Request, fields: Fields) -> Reply:
        phone_number = fields.get("PhoneNumber")
        if not phone_number or not E164.fullmatch(phone_number):
            raise bad(21421, "PhoneNumber is not a valid phone number")
        if self._exchange.number(phone_number) is not None:
            raise bad(21422, "PhoneNumber is not available")
        number = PhoneNumber(
            sid=self._account.sids.new("PN"),
            phone_number=phone_number,
            friendly_name=phone_number,
            created=wall(),
            updated=wall(),
        )
        self._set_number(number, fields)
        self._exchange.numbers[number.sid] = number
        return 201, number_json(self._account, number)

    async def update_number(self, request: Request, fields: Fields) -> Reply:
        number = self._number(request)
        self._set_number(number, fields)
        number.updated = wall()
        return 200, number_json(self._account, number)

    def _set_number(self, number: PhoneNumber, fields: Fields) -> None:
        changes: dict[str, str] = {}
        for spelled, name in _NUMBER_FIELDS.items():
            value = fields.get(spelled)
            if value is None:
                continue
            if spelled.endswith("Method"):
                value = fields.method(spelled)
            elif (
                value
                and (spelled.endswith("Url") or spelled == "StatusCallback")
                and not is_web_address(value)
            ):
                raise bad(21502, f"{spelled} is not a valid absolute address")
            changes[name] = value
        number.friendly_name = changes.pop("friendly_name", number.friendly_name)
        # An empty text clears a setting.
        number.settings = {
            name: value for name, value in (number.settings | changes).items() if value
        }

    async def delete_number(self, request: Request, _fields: Fields) -> Reply:
        del self._exchange.numbers[self._number(request).sid]
        return 204, None

    # Recordings.

    def _recording(self, request: Request) -> Recording:
        recording = self._account.recordings.get(request.path_params["recording"])
        if recording is None:
            raise missing(request)
        return recording

    async def show_recording(self, request: Request, _fields: Fields) -> Reply:
        return 200, recording_json(self._account, self._recording(request))

    async def list_recordings(self, request: Request, fields: Fields) -> Reply:
        sid = request.path_params.get("call") or fields.get("CallSid")
        shown = [
            recording_json(self._account, recording)
            for recording in reversed(self._account.recordings.values())
            if not sid or recording.call_sid == sid
        ]
        return 200, page(request, fields, "recordings", shown)

    async def delete_recording(self, request: Request, _fields: Fields) -> Reply:
        del self._account.recordings[self._recording(request).sid]
        return 204, None

    async def recording_file(self, request: Request) -> Response:
        """Serve the WAV file. As at the vendor, whoever has the address may have it."""
        recording = self._account.recordings.get(request.path_params["recording"])
        if recording is None or request.path_params["account"] != self._account.sid:
            return Response(status_code=404)
        file = io.BytesIO()
        write_wav(file, recording.pcm, RATE)
        return Response(file.getvalue(), media_type="audio/x-wav")


def _track(fields: Fields) -> Track:
    match fields.get("Track") or "inbound_track":
        case "inbound_track":
            return "inbound_track"
        case "outbound_track":
            return "outbound_track"
        case "both_tracks":
            return "both_tracks"
        case _:
            raise bad(20001, "Track must be inbound_track, outbound_track or both_tracks")


def _parameters(fields: Fields) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for place in range(1, 100):
        name = fields.get(f"Parameter{place}.Name")
        if name:
            found.append(Parameter(name, fields.get(f"Parameter{place}.Value") or ""))
    return tuple(found)


def _refusal(status: int) -> RestError:
    """Return the error of a fault that was asked for."""
    code = {429: 20429, 401: 20003, 403: 20003, 404: 20404}.get(
        status, 20500 if status >= 500 else 20001
    )
    return RestError(status, code, "A fault that was asked for")

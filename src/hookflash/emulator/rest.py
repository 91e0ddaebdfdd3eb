"""The vendor's REST interface, so far as calls, numbers, streams and recordings go.

A list's page has exactly one key beside the paging keys, which is how the vendor's SDK finds the
records. Errors have the vendor's codes and our own words.

Source: https://www.twilio.com/docs/usage/requests-to-twilio, https://www.twilio.com/docs/usage/twilios-response
"""

import binascii
import hmac
import io
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hookflash.audio.wav import write_wav
from hookflash.emulator.account import Account, Recording
from hookflash.emulator.call import CallPlan, Document, EmulatedCall, Status, Subscription
from hookflash.emulator.dialling import E164
from hookflash.emulator.exchange import Exchange, PhoneNumber
from hookflash.emulator.line import RATE
from hookflash.emulator.log import Notice, RestRequest
from hookflash.emulator.media import MediaStream
from hookflash.emulator.resources import (
    Json,
    account_json,
    call_json,
    notice_json,
    number_json,
    recording_json,
    stream_json,
)
from hookflash.emulator.webhooks import is_web_address
from hookflash.errors import ProtocolError
from hookflash.runtime.clock import now, wall
from hookflash.wire.forms import MAX_FORM_BYTES, Form, dump_form, parse_form
from hookflash.wire.twiml import Parameter, Stream, Track

__all__ = ["rest_app"]

_MAX_TWIML_CHARACTERS: Final = 4000
_MAX_SEND_DIGITS: Final = 32
_MAX_TIMEOUT: Final = 600
_MAX_TIME_LIMIT: Final = 86_400
_DEFAULT_PAGE: Final = 50
_MAX_PAGE: Final = 1000
_TONES: Final = frozenset("0123456789*#ABCDwW")
_EVENTS: Final = frozenset({"initiated", "ringing", "answered", "completed"})
_METHODS: Final = frozenset({"GET", "POST"})
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


class _RestError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def _bad(code: int, message: str) -> _RestError:
    return _RestError(400, code, message)


def _missing(request: Request) -> _RestError:
    return _RestError(404, 20404, f"The requested resource {request.url.path} was not found")


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of a query or a form."""

    pairs: Form

    def get(self, name: str) -> str | None:
        """Return the first value of a field; None if it is not there."""
        for key, value in self.pairs:
            if key == name:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [value for key, value in self.pairs if key == name]

    def method(self, name: str) -> str:
        """Return a field that holds an HTTP method."""
        value = (self.get(name) or "POST").upper()
        if value not in _METHODS:
            raise _bad(20001, f"{name} must be GET or POST")
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a field that holds a number."""
        text = self.get(name)
        if text is None or text == "":
            return default
        if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
            raise _bad(20001, f"{name} must be a whole number from {low} to {high}")
        return int(text)


_Reply = tuple[int, Json | None]
_Work = Callable[["_Rest", Request, _Fields], Awaitable[_Reply]]


def rest_app(exchange: Exchange) -> Starlette:
    """Return the REST interface of an exchange as an ASGI application."""
    rest = _Rest(exchange)
    account = "/2010-04-01/Accounts/{account}"
    call = account + "/Calls/{call}"
    table: list[tuple[str, dict[str, _Work]]] = [
        (account + ".json", {"GET": _Rest.show_account}),
        (account + "/Calls.json", {"GET": _Rest.list_calls, "POST": _Rest.create_call}),
        (call + "/Streams.json", {"POST": _Rest.create_stream}),
        (call + "/Streams/{stream}.json", {"POST": _Rest.update_stream}),
        (call + "/Recordings.json", {"GET": _Rest.list_recordings}),
        (call + "/Recordings/{recording}.json", {"GET": _Rest.show_recording}),
        (call + "/Notifications.json", {"GET": _Rest.list_notices}),
        (
            call + ".json",
            {"GET": _Rest.show_call, "POST": _Rest.update_call, "DELETE": _Rest.delete_call},
        ),
        (
            account + "/IncomingPhoneNumbers.json",
            {"GET": _Rest.list_numbers, "POST": _Rest.create_number},
        ),
        (
            account + "/IncomingPhoneNumbers/{number}.json",
            {
                "GET": _Rest.show_number,
                "POST": _Rest.update_number,
                "DELETE": _Rest.delete_number,
            },
        ),
        (account + "/Notifications.json", {"GET": _Rest.list_notices}),
        (account + "/Recordings.json", {"GET": _Rest.list_recordings}),
        (
            account + "/Recordings/{recording}.json",
            {"GET": _Rest.show_recording, "DELETE": _Rest.delete_recording},
        ),
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

    def endpoint(self, works: Mapping[str, _Work]) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of an address that does this work for these methods."""

        async def answer(request: Request) -> Response:
            fields = _Fields(())
            code: int | None = None
            try:
                fields = _Fields(await _read_fields(request))
                self._authenticate(request)
                work = works.get(request.method)
                if not works:
                    raise _missing(request)
                if work is None:
                    raise _RestError(405, 20004, "Method not allowed")
                status, body = await work(self, request, fields)
            except _RestError as refused:
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
            raise _RestError(401, 20003, "Authenticate")
        if request.path_params.get("account", known.sid) != known.sid:
            raise _missing(request)

    # Accounts and notices.

    async def show_account(self, _request: Request, _fields: _Fields) -> _Reply:
        return 200, account_json(self._account, self._created)

    async def list_notices(self, request: Request, fields: _Fields) -> _Reply:
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
        return 200, _page(request, fields, "notifications", shown)

    # Calls.

    def _call(self, request: Request) -> EmulatedCall:
        call = self._exchange.calls.get(request.path_params["call"])
        if call is None:
            raise _missing(request)
        return call

    async def show_call(self, request: Request, _fields: _Fields) -> _Reply:
        return 200, call_json(self._account, self._call(request))

    async def list_calls(self, request: Request, fields: _Fields) -> _Reply:
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
            calls = [call for call in calls if _is_within(fields, name, time_of(call))]
        shown = [call_json(self._account, call) for call in calls]
        return 200, _page(request, fields, "calls", shown)

    async def create_call(self, _request: Request, fields: _Fields) -> _Reply:
        to = fields.get("To")
        from_ = fields.get("From")
        if not to:
            raise _bad(21201, "No 'To' number is specified")
        if not _is_address(to):
            raise _bad(21211, "The 'To' number is not a valid phone number")
        if not from_:
            raise _bad(21213, "No 'From' number is specified")
        if not _is_address(from_):
            raise _bad(21212, "The 'From' number is not a valid phone number or caller ID")
        if E164.fullmatch(from_) and not self._owns(from_):
            raise _bad(21210, "The 'From' number is neither owned nor verified")
        digits = fields.get("SendDigits") or ""
        if len(digits) > _MAX_SEND_DIGITS or not _TONES.issuperset(digits):
            raise _bad(20001, "SendDigits takes up to 32 of 0-9 A-D * # w W")
        plan = CallPlan(
            direction="outbound-api",
            from_=from_,
            to=to,
            document=self._document(fields),
            subscription=self._subscription(fields),
            timeout=fields.number("Timeout", 60, 1, _MAX_TIMEOUT),
            time_limit=fields.number("TimeLimit", 14_400, 1, _MAX_TIME_LIMIT),
            send_digits=digits,
        )
        for name in ("MachineDetection", "Record"):
            if (fields.get(name) or "false") not in {"false", "none"}:
                self._account.lint("not_emulated", f"the emulator does not know {name} of a call")
        call = self._exchange.place(plan)
        if call is None:
            raise _RestError(429, 20429, "Too many live calls")
        return 201, call_json(self._account, call)

    def _owns(self, number: str) -> bool:
        return self._exchange.number(number) is not None or number in self._exchange.caller_ids

    def _document(self, fields: _Fields) -> Document:
        url = fields.get("Url")
        twiml = fields.get("Twiml")
        if not url and not twiml:
            raise _bad(21205, "Url or Twiml is required")
        if url and not is_web_address(url):
            raise _bad(21205, "Url is not a valid absolute address")
        if not url and twiml and len(twiml) > _MAX_TWIML_CHARACTERS:
            raise _bad(20001, f"Twiml takes up to {_MAX_TWIML_CHARACTERS} characters")
        fallback = fields.get("FallbackUrl")
        if fallback and not is_web_address(fallback):
            raise _bad(21205, "FallbackUrl is not a valid absolute address")
        return Document(
            url=url or None,
            method=fields.method("Method"),
            twiml=None if url else twiml,
            fallback_url=fallback or None,
            fallback_method=fields.method("FallbackMethod"),
        )

    def _subscription(self, fields: _Fields) -> Subscription | None:
        url = fields.get("StatusCallback")
        if not url:
            return None
        method = fields.method("StatusCallbackMethod")
        if not is_web_address(url):
            # The vendor places the call and tells nobody.
            self._account.notice("21609", "StatusCallback is not a valid address", url=url)
            return None
        events = [word for value in fields.all("StatusCallbackEvent") for word in value.split()]
        known = frozenset(events) & _EVENTS
        if len(known) < len(set(events)):
            self._account.notice(
                "21626", "StatusCallbackEvent has an event that does not exist", level="warning"
            )
        return Subscription(
            url=url, method=method, events=known if events else frozenset({"completed"})
        )

    async def update_call(self, request: Request, fields: _Fields) -> _Reply:
        call = self._call(request)
        status = fields.get("Status")
        document: Document | None = None
        if fields.get("Url") or fields.get("Twiml"):
            document = self._document(fields)
        if status not in {None, "", "completed", "canceled"}:
            raise _bad(20001, "Status must be completed or canceled")
        if status or document is not None:
            self._change_call(call, status, document)
        if fields.get("StatusCallback"):
            call.subscription = self._subscription(fields)
        if fields.get("TimeLimit"):
            call.set_time_limit(fields.number("TimeLimit", 14_400, 1, _MAX_TIME_LIMIT))
        return 200, call_json(self._account, call)

    def _change_call(
        self, call: EmulatedCall, status: str | None, document: Document | None
    ) -> None:
        if status == "canceled":
            if call.status not in {Status.QUEUED, Status.RINGING}:
                raise _bad(21220, "The call is neither queued nor ringing; it cannot be canceled")
            call.end(Status.CANCELED, by="api", sip_code=487)
        elif status == "completed":
            if call.is_over:
                raise _bad(21220, "The call is not in progress; it cannot be ended")
            final = Status.CANCELED if call.answered_at is None else Status.COMPLETED
            call.end(final, by="api", sip_code=487 if call.answered_at is None else 200)
        elif document is not None:
            if call.status is not Status.IN_PROGRESS:
                raise _bad(21220, "The call is not in progress; it cannot be redirected")
            call.redirect(document)

    async def delete_call(self, request: Request, _fields: _Fields) -> _Reply:
        call = self._call(request)
        if not call.is_over:
            raise _RestError(409, 20009, "A call can be deleted when it has ended")
        del self._exchange.calls[call.sid]
        return 204, None

    # Streams.

    async def create_stream(self, request: Request, fields: _Fields) -> _Reply:
        call = self._call(request)
        if call.status is not Status.IN_PROGRESS:
            raise _bad(21220, "The call is not in progress; it has no sound to stream")
        url = fields.get("Url")
        if not url:
            raise _bad(21205, "Url is required")
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

    async def update_stream(self, request: Request, fields: _Fields) -> _Reply:
        call = self._call(request)
        name = request.path_params["stream"]
        for stream in call.streams:
            if name in {stream.sid, stream.name} and not stream.bidirectional:
                if fields.get("Status") != "stopped":
                    raise _bad(20001, "Status must be stopped")
                stream.stop()
                return 200, stream_json(self._account, call, stream)
        raise _missing(request)

    # Numbers.

    def _number(self, request: Request) -> PhoneNumber:
        number = self._exchange.numbers.get(request.path_params["number"])
        if number is None:
            raise _missing(request)
        return number

    async def show_number(self, request: Request, _fields: _Fields) -> _Reply:
        return 200, number_json(self._account, self._number(request))

    async def list_numbers(self, request: Request, fields: _Fields) -> _Reply:
        wanted = f"*{fields.get('PhoneNumber') or ''}*"
        name = fields.get("FriendlyName")
        shown = [
            number_json(self._account, number)
            for number in self._exchange.numbers.values()
            if fnmatchcase(number.phone_number, wanted)
            and (not name or name == number.friendly_name)
        ]
        return 200, _page(request, fields, "incoming_phone_numbers", shown)

    async def create_number(self, _request: Request, fields: _Fields) -> _Reply:
        phone_number = fields.get("PhoneNumber")
        if not phone_number or not E164.fullmatch(phone_number):
            raise _bad(21421, "PhoneNumber is not a valid phone number")
        if self._exchange.number(phone_number) is not None:
            raise _bad(21422, "PhoneNumber is not available")
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

    async def update_number(self, request: Request, fields: _Fields) -> _Reply:
        number = self._number(request)
        self._set_number(number, fields)
        number.updated = wall()
        return 200, number_json(self._account, number)

    def _set_number(self, number: PhoneNumber, fields: _Fields) -> None:
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
                raise _bad(21502, f"{spelled} is not a valid absolute address")
            changes[name] = value
        number.friendly_name = changes.pop("friendly_name", number.friendly_name)
        # An empty text clears a setting.
        number.settings = {
            name: value for name, value in (number.settings | changes).items() if value
        }

    async def delete_number(self, request: Request, _fields: _Fields) -> _Reply:
        del self._exchange.numbers[self._number(request).sid]
        return 204, None

    # Recordings.

    def _recording(self, request: Request) -> Recording:
        recording = self._account.recordings.get(request.path_params["recording"])
        if recording is None:
            raise _missing(request)
        return recording

    async def show_recording(self, request: Request, _fields: _Fields) -> _Reply:
        return 200, recording_json(self._account, self._recording(request))

    async def list_recordings(self, request: Request, fields: _Fields) -> _Reply:
        sid = request.path_params.get("call") or fields.get("CallSid")
        shown = [
            recording_json(self._account, recording)
            for recording in reversed(self._account.recordings.values())
            if not sid or recording.call_sid == sid
        ]
        return 200, _page(request, fields, "recordings", shown)

    async def delete_recording(self, request: Request, _fields: _Fields) -> _Reply:
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


async def _read_fields(request: Request) -> Form:
    """Read the query of a GET, or the form of a POST."""
    try:
        if request.method != "POST":
            return parse_form(request.url.query)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_FORM_BYTES:
                break
        return parse_form(body)
    except ProtocolError as exc:
        raise _RestError(exc.status or 400, 20001, str(exc)) from exc


def _page(request: Request, fields: _Fields, key: str, records: Sequence[Json]) -> Json:
    """Return one page of a list in the 2010 API's shape."""
    size = fields.number("PageSize", _DEFAULT_PAGE, 1, _MAX_PAGE)
    page = fields.number("Page", 0, 0, 1_000_000)
    start = page * size
    shown = records[start : start + size]
    others = [pair for pair in fields.pairs if pair[0] not in {"Page", "PageSize", "PageToken"}]

    def address(number: int) -> str:
        query: list[tuple[str, str]] = [*others, ("PageSize", str(size)), ("Page", str(number))]
        if number:
            query.append(("PageToken", f"PA{number}"))
        return f"{request.url.path}?{dump_form(query)}"

    return {
        "first_page_uri": address(0),
        "previous_page_uri": address(page - 1) if page else None,
        "next_page_uri": address(page + 1) if start + size < len(records) else None,
        "page": page,
        "page_size": size,
        "start": start,
        "end": start + len(shown) - 1 if shown else start,
        "uri": address(page),
        key: list(shown),
    }


def _is_within(fields: _Fields, name: str, moment: datetime | None) -> bool:
    """Say whether a time fits the filters `name`, `name<` and `name>`."""
    for sign in ("", "<", ">"):
        text = fields.get(name + sign)
        if not text:
            continue
        try:
            limit = datetime.fromisoformat(text)
        except ValueError as exc:
            raise _bad(20001, f"{name} must be a date in ISO 8601") from exc
        if limit.tzinfo is None:
            limit = limit.replace(tzinfo=UTC)
        if moment is None:
            return False
        if sign == "<" and moment > limit:
            return False
        if sign == ">" and moment < limit:
            return False
        if sign == "" and moment.date() != limit.date():
            return False
    return True


def _track(fields: _Fields) -> Track:
    match fields.get("Track") or "inbound_track":
        case "inbound_track":
            return "inbound_track"
        case "outbound_track":
            return "outbound_track"
        case "both_tracks":
            return "both_tracks"
        case _:
            raise _bad(20001, "Track must be inbound_track, outbound_track or both_tracks")


def _parameters(fields: _Fields) -> tuple[Parameter, ...]:
    found: list[Parameter] = []
    for place in range(1, 100):
        name = fields.get(f"Parameter{place}.Name")
        if name:
            found.append(Parameter(name, fields.get(f"Parameter{place}.Value") or ""))
    return tuple(found)


def _is_address(text: str) -> bool:
    return bool(E164.fullmatch(text)) or text.startswith(("sip:", "sips:", "client:"))

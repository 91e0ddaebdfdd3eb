"""What requests to the REST interface have in common: fields, errors, pages, how to dial."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request

from hookflash.emulator.account import Account
from hookflash.emulator.call import EmulatedCall, Subscription
from hookflash.emulator.detection import Detection
from hookflash.emulator.dialling import E164
from hookflash.emulator.exchange import Exchange
from hookflash.emulator.faults import Race
from hookflash.emulator.resources import Json
from hookflash.emulator.waiting import first_of
from hookflash.emulator.webhooks import is_web_address
from hookflash.errors import ProtocolError
from hookflash.wire.forms import MAX_FORM_BYTES, Form, dump_form, parse_form

__all__ = [
    "MAX_TIMEOUT",
    "MAX_TIME_LIMIT",
    "Fields",
    "Reply",
    "RestError",
    "Work",
    "answer_late",
    "bad",
    "detection",
    "is_within",
    "missing",
    "page",
    "parties",
    "read_fields",
    "subscription",
]

MAX_TIMEOUT: Final = 600
"""Seconds of ringing that can be asked for."""

MAX_TIME_LIMIT: Final = 86_400
"""Seconds of talking that can be asked for."""

_DEFAULT_PAGE: Final = 50
_MAX_PAGE: Final = 1000
_EVENTS: Final = frozenset({"initiated", "ringing", "answered", "completed"})
_METHODS: Final = frozenset({"GET", "POST"})
_TRUTHS: Final = {"true": True, "false": False}
_LATE: Final = 0.5


class RestError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, code: int, message: str) -> None:
        """Say what is answered.

        Args:
            status: HTTP.
            code: the vendor's.
            message: our words.
        """
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad(code: int, message: str) -> RestError:
    """Return the error of a request that cannot be."""
    return RestError(400, code, message)


def missing(request: Request) -> RestError:
    """Return the error of a path that leads nowhere."""
    return RestError(404, 20404, f"The requested resource {request.url.path} was not found")


@dataclass(frozen=True, slots=True)
class Fields:
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

    def words(self, name: str) -> list[str]:
        """Return the words of a field, whether it is repeated or has spaces between."""
        return [word for value in self.all(name) for word in value.split()]

    def method(self, name: str, default: str = "POST") -> str:
        """Return a field that holds an HTTP method.

        Raises:
            RestError: it is neither `GET` nor `POST`.
        """
        value = (self.get(name) or default).upper()
        if value not in _METHODS:
            raise bad(20001, f"{name} must be GET or POST")
        return value

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a field that holds a number.

        Raises:
            RestError: it holds something else, or is out of range.
        """
        text = self.get(name)
        if text is None or text == "":
            return default
        if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
            raise bad(20001, f"{name} must be a whole number from {low} to {high}")
        return int(text)

    def truth(self, name: str) -> bool | None:
        """Return a field that holds true or false; None if it is not there.

        Raises:
            RestError: it holds something else.
        """
        text = self.get(name)
        if not text:
            return None
        if text.lower() not in _TRUTHS:
            raise bad(20001, f"{name} must be true or false")
        return _TRUTHS[text.lower()]

    def address(self, name: str, code: int = 21205) -> str | None:
        """Return a field that holds an absolute web address; None if it is not there or empty.

        Raises:
            RestError: it holds something else.
        """
        url = self.get(name)
        if url and not is_web_address(url):
            raise bad(code, f"{name} is not a valid absolute address")
        return url or None


Reply = tuple[int, Json | None]
Work = Callable[[Request, Fields], Awaitable[Reply]]
"""What is done for a request: returns the status and the body of the answer."""


async def read_fields(request: Request) -> Form:
    """Read the query of a GET, or the form of a POST.

    Raises:
        RestError: it is malformed or too long.
    """
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
        raise RestError(exc.status or 400, 20001, str(exc)) from exc


def page(request: Request, fields: Fields, key: str, records: Sequence[Json]) -> Json:
    """Return one page of a list in the 2010 API's shape.

    Raises:
        RestError: the page cannot be.
    """
    size = fields.number("PageSize", _DEFAULT_PAGE, 1, _MAX_PAGE)
    number = fields.number("Page", 0, 0, 1_000_000)
    start = number * size
    shown = records[start : start + size]
    others = [pair for pair in fields.pairs if pair[0] not in {"Page", "PageSize", "PageToken"}]

    def address(place: int) -> str:
        query: list[tuple[str, str]] = [*others, ("PageSize", str(size)), ("Page", str(place))]
        if place:
            query.append(("PageToken", f"PA{place}"))
        return f"{request.url.path}?{dump_form(query)}"

    return {
        "first_page_uri": address(0),
        "previous_page_uri": address(number - 1) if number else None,
        "next_page_uri": address(number + 1) if start + size < len(records) else None,
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + len(shown) - 1 if shown else start,
        "uri": address(number),
        key: list(shown),
    }


def is_within(fields: Fields, name: str, moment: datetime | None) -> bool:
    """Say whether a time fits the filters `name`, `name<` and `name>`.

    Raises:
        RestError: a filter is no date.
    """
    for sign in ("", "<", ">"):
        text = fields.get(name + sign)
        if not text:
            continue
        try:
            limit = datetime.fromisoformat(text)
        except ValueError as exc:
            raise bad(20001, f"{name} must be a date in ISO 8601") from exc
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


def parties(exchange: Exchange, fields: Fields) -> tuple[str, str]:
    """Return whom to call, and who calls.

    Raises:
        RestError: one of them cannot be.
    """
    to = fields.get("To")
    from_ = fields.get("From")
    if not to:
        raise bad(21201, "No 'To' number is specified")
    if not _is_address(to):
        raise bad(21211, "The 'To' number is not a valid phone number")
    if not from_:
        raise bad(21213, "No 'From' number is specified")
    if not _is_address(from_):
        raise bad(21212, "The 'From' number is not a valid phone number or caller ID")
    if E164.fullmatch(from_) and not exchange.owns(from_):
        raise bad(21210, "The 'From' number is neither owned nor verified")
    return to, from_


def _is_address(text: str) -> bool:
    return bool(E164.fullmatch(text)) or text.startswith(("sip:", "sips:", "client:"))


def subscription(account: Account, fields: Fields) -> Subscription | None:
    """Return who is told about a call's progress; a bad address is noticed, and nobody told.

    Raises:
        RestError: the method cannot be.
    """
    url = fields.get("StatusCallback")
    if not url:
        return None
    method = fields.method("StatusCallbackMethod")
    if not is_web_address(url):
        # The vendor places the call and tells nobody.
        account.notice("21609", "StatusCallback is not a valid address", url=url)
        return None
    events = fields.words("StatusCallbackEvent")
    known = frozenset(events) & _EVENTS
    if len(known) < len(set(events)):
        account.notice(
            "21626", "StatusCallbackEvent has an event that does not exist", level="warning"
        )
    return Subscription(
        url=url, method=method, events=known if events else frozenset({"completed"})
    )


def detection(fields: Fields, *, in_conference: bool = False) -> Detection | None:
    """Return how to find out who answers; None if that is not asked for.

    Args:
        fields: of the request.
        in_conference: the call is that of a conference's participant, whose detection is always
            asynchronous and has other fields.

    Raises:
        RestError: a field cannot be.
    """
    wanted = fields.get("MachineDetection") or "none"
    if in_conference and (fields.get("AsyncAmd") or fields.get("AsyncAmdStatusCallback")):
        raise bad(21263, "AsyncAmd and AsyncAmdStatusCallback are not for participants")
    if wanted.lower() in {"none", "false"} or fields.get("SendDigits"):
        return None
    if wanted not in {"Enable", "DetectMessageEnd"}:
        raise bad(20001, "MachineDetection must be Enable or DetectMessageEnd")
    callback = "AmdStatusCallback" if in_conference else "AsyncAmdStatusCallback"
    return Detection(
        to_message_end=wanted == "DetectMessageEnd",
        asynchronous=in_conference or bool(fields.truth("AsyncAmd")),
        callback=fields.address(callback, 21262),
        method=fields.method(f"{callback}Method"),
        timeout=fields.number("MachineDetectionTimeout", 30, 3, 59),
        speech_threshold=fields.number("MachineDetectionSpeechThreshold", 2400, 1000, 6000) / 1000,
        speech_end_threshold=fields.number("MachineDetectionSpeechEndThreshold", 1200, 500, 5000)
        / 1000,
        silence_timeout=fields.number("MachineDetectionSilenceTimeout", 5000, 2000, 10_000) / 1000,
    )


async def answer_late(account: Account, call: EmulatedCall) -> None:
    """Hold the answer to the request that dialled a call back, if that is provoked."""
    if account.faults.happens(Race.CREATE_ANSWERED_LATE):
        await first_of(call.picked_up)
        await asyncio.sleep(_LATE)

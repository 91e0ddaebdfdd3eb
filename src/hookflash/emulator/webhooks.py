"""Requests that the carrier makes of the application: signed, bounded, never raising."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx

from hookflash.emulator.log import EventLog, Webhook
from hookflash.runtime.clock import now
from hookflash.wire.forms import dump_form
from hookflash.wire.signatures import twilio_signature

__all__ = [
    "MAX_MEDIA_BYTES",
    "MAX_TWIML_BYTES",
    "PURPOSES",
    "NoReply",
    "Purpose",
    "Reply",
    "Webhooks",
    "is_web_address",
    "join_address",
]

Purpose = Literal[
    "voice",
    "fallback",
    "action",
    "redirect",
    "whisper",
    "wait",
    "hold",
    "announce",
    "status",
    "conference",
    "amd",
    "stream",
    "recording",
    "media",
]
"""What a request is for; see `log.Webhook`."""

PURPOSES: Final[frozenset[str]] = frozenset(get_args(Purpose))

MAX_TWIML_BYTES: Final = 65_536
"""The longest document that Twilio takes."""

MAX_MEDIA_BYTES: Final = 41_943_040
"""The largest file that is played: 40 MB."""

_MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a status of 200 to 299.

    Attributes:
        status: HTTP.
        media_type: without parameters, lower case; "" if there was none.
        body: as it came.
        charset: of a text, as announced; `utf-8` if not.
    """

    status: int
    media_type: str
    body: bytes
    charset: str

    @property
    def text(self) -> str:
        """The body, decoded without failing."""
        try:
            return self.body.decode(self.charset, errors="replace")
        except LookupError:
            return self.body.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class NoReply:
    """No usable answer.

    Attributes:
        code: the vendor's.
        message: our words.
        status: HTTP, if there was an answer.
    """

    code: str
    message: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class _Moved:
    location: str
    keeps_method: bool


@dataclass(frozen=True, slots=True)
class _Patience:
    """The connection overrides of a URL's fragment: `#ct=2000&rc=3&rp=5xx`.

    Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    """

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    retried: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, fragment: str) -> "_Patience":
        """Read a fragment; what is out of range or unknown is ignored, as Twilio does."""
        fields = dict(parse_qsl(fragment))
        retried = frozenset(fields.get("rp", "ct").split(","))
        return cls(
            connect=_within(fields.get("ct"), 100, 10_000, 5000) / 1000,
            read=_within(fields.get("rt"), 100, 15_000, 15_000) / 1000,
            total=_within(fields.get("tt"), 100, 15_000, 15_000) / 1000,
            retries=_within(fields.get("rc"), 0, 5, 1),
            retried=frozenset({"ct", "rt", "4xx", "5xx"}) if "all" in retried else retried,
        )


def _within(text: str | None, low: int, high: int, default: int) -> int:
    if text is None or not text.isdecimal() or not low <= int(text) <= high:
        return default
    return int(text)


class Webhooks:
    """The carrier's HTTP client."""

    def __init__(
        self,
        *,
        auth_token: str,
        log: EventLog,
        is_lost: Callable[[str, Mapping[str, str]], bool] = lambda _purpose, _fields: False,
    ) -> None:
        """Prepare.

        Args:
            auth_token: signs.
            log: where requests are written.
            is_lost: says of a purpose and its fields whether the application is out of reach.
        """
        self._token = auth_token
        self._log = log
        self._is_lost = is_lost
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def request(
        self,
        purpose: Purpose,
        url: str,
        method: str = "POST",
        params: Mapping[str, str] | None = None,
        *,
        call_sid: str | None = None,
        limit: int = MAX_TWIML_BYTES,
    ) -> Reply | NoReply:
        """Ask the application, and write that into the log.

        Args:
            purpose: for the log.
            url: absolute; a fragment may hold connection overrides and is not sent.
            method: `POST` sends the fields as a form, `GET` appends them to the query.
            params: the fields.
            call_sid: for the log.
            limit: the longest answer.
        """
        began = now()
        fields = dict(params or {})
        answer: Reply | NoReply
        if self._is_lost(purpose, fields):
            answer = NoReply("11205", "the server could not be reached: a fault that was asked for")
        else:
            answer = await self._ask(url, method, fields, limit)
        keep_body = isinstance(answer, Reply) and purpose != "media"
        self._log.add(
            Webhook(
                call_sid=call_sid,
                purpose=purpose,
                method=method,
                url=url,
                params=fields,
                status=answer.status,
                body=answer.text if keep_body and isinstance(answer, Reply) else "",
                error=answer.code if isinstance(answer, NoReply) else None,
                began=began,
            )
        )
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.aclose()

    async def _ask(
        self, url: str, method: str, fields: dict[str, str], limit: int
    ) -> Reply | NoReply:
        address, _, fragment = url.partition("#")
        patience = _Patience.of(fragment)
        answer: Reply | NoReply = NoReply("11205", f"no answer in {patience.total:g} s")
        try:
            async with asyncio.timeout(patience.total):
                for _ in range(patience.retries + 1):
                    answer, kind = await self._attempt(address, method, fields, limit, patience)
                    if kind not in patience.retried:
                        break
        except TimeoutError:
            return NoReply("11205", f"no answer in {patience.total:g} s")
        return answer

    async def _attempt(
        self, url: str, method: str, fields: dict[str, str], limit: int, patience: _Patience
    ) -> tuple[Reply | NoReply, str]:
        """Return the answer, and the kind of failure in the words of `rp`, or ""."""
        for _ in range(_MAX_REDIRECTS):
            if not is_web_address(url):
                return NoReply("11100", "the URL is not an absolute http or https address"), ""
            try:
                answer = await self._send(url, method, fields, limit, patience)
            except httpx.ConnectTimeout:
                return NoReply("11205", "connecting took too long"), "ct"
            except httpx.ConnectError as exc:
                code = "11210" if _is_name_error(exc) else "11205"
                return NoReply(code, "the server could not be reached"), "ct"
            except httpx.TimeoutException:
                return NoReply("11205", "the answer took too long"), "rt"
            except httpx.InvalidURL:
                return NoReply("11100", "the URL is malformed"), ""
            except httpx.HTTPError:
                return NoReply("11206", "the server broke the HTTP protocol"), ""
            if isinstance(answer, _Moved):
                url = join_address(url, answer.location) or ""
                if not answer.keeps_method:
                    method, fields = "GET", {}
                continue
            if isinstance(answer, NoReply) and answer.status is not None:
                return answer, f"{answer.status // 100}xx"
            return answer, ""
        return NoReply("11215", "too many redirections"), ""

    async def _send(
        self, url: str, method: str, fields: dict[str, str], limit: int, patience: _Patience
    ) -> "Reply | NoReply | _Moved":
        body: bytes | None = None
        headers = {"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"}
        # What is packed could unpack to any size.
        headers["Accept-Encoding"] = "identity"
        if method == "GET":
            if fields:
                url += ("&" if "?" in url else "?") + dump_form(fields.items())
            signature = twilio_signature(self._token, url)
        else:
            body = dump_form(fields.items()).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            signature = twilio_signature(self._token, url, fields.items())
        headers["X-Twilio-Signature"] = signature
        timeout = httpx.Timeout(patience.read, connect=patience.connect)
        client = self._client(urlsplit(url).scheme)
        async with client.stream(
            method, url, content=body, headers=headers, timeout=timeout
        ) as response:
            # Cookies would leak from one call into all others.
            client.cookies.clear()
            status = response.status_code
            if status in _REDIRECTS and "location" in response.headers:
                # RFC 9110, section 15.4.
                return _Moved(response.headers["location"], status in {307, 308})
            if not 200 <= status <= 299:
                return NoReply("11200", f"the server answered {status}", status)
            chunks: list[bytes] = []
            size = 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > limit:
                    return NoReply("11750", f"the answer is longer than {limit} bytes", status)
                chunks.append(chunk)
            media_type = response.headers.get("content-type", "").partition(";")[0]
            return Reply(
                status,
                media_type.strip().lower(),
                b"".join(chunks),
                response.charset_encoding or "utf-8",
            )

    def _client(self, scheme: str) -> httpx.AsyncClient:
        """Return the client for a scheme."""
        if scheme not in self._clients:
            # Reading the system's certificates takes longer than a call on virtual time, so it
            # waits until somebody needs them; a context of its own trusts nobody.
            context = (
                ssl.create_default_context()
                if scheme == "https"
                else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
            # Without the environment's proxies: the application is on this machine or reachable.
            self._clients[scheme] = httpx.AsyncClient(
                trust_env=False,
                verify=context,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
            )
        return self._clients[scheme]


def is_web_address(text: str) -> bool:
    """Say whether a text is an absolute `http` or `https` address."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:  # such as an open bracket
        return False


def join_address(base: str | None, address: str) -> str | None:
    """Return an address made absolute; None if there is nothing to make it so, or it is malformed.

    Args:
        base: of the document that holds it.
        address: absolute or relative.
    """
    try:
        if urlsplit(address).scheme:
            return address
        return urljoin(base, address) if base else None
    except ValueError:
        return None


def _is_name_error(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return True
        cause = cause.__cause__ or cause.__context__
    return False

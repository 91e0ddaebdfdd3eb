"""A customer of the carrier: a web application whose every request the vendor's SDK checks."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from hookflash.emulator import (
    CarrierEmulator,
    EmulatorSettings,
    Line,
    Voice,
    twilio_async_http_client,
)
from hookflash.runtime import clock
from hookflash.runtime.serve import serving
from hookflash.wire.forms import parse_form

T = TypeVar("T")

OWN = "+15550100"
CALLER = "+15550199"
FRIEND = "+15550142"

SILENT_CODES = b"\xff" * 160
LOUD_CODES = b"\x10\x90" * 80
"""20 ms that no detector takes for silence, in mu-law."""


def go(work: Coroutine[Any, Any, T]) -> T:
    """Run a test on virtual time."""
    return clock.run(work, virtual=True)


@dataclass
class Asked:
    """A request that the application got."""

    at: float
    method: str
    path: str
    params: dict[str, str]


@dataclass
class Session:
    """A media stream, seen by the application."""

    websocket: WebSocket
    path: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    closed: "asyncio.Future[int]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sid(self) -> str:
        return str(self.of("start")[0]["streamSid"])

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]

    def audio(self) -> bytes:
        return b"".join(base64.b64decode(one["media"]["payload"]) for one in self.of("media"))

    async def until(self, event: str, count: int = 1, timeout: float = 60.0) -> None:
        """Wait for so many messages of a kind."""
        async with asyncio.timeout(timeout):
            while self.counts[event] < count:
                self.changed.clear()
                await self.changed.wait()

    async def send(self, event: str, **body: object) -> None:
        await self.websocket.send_text(json.dumps({"event": event, "streamSid": self.sid, **body}))

    async def play(self, codes: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(codes).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})

    async def clear(self) -> None:
        await self.send("clear")


Answer = str | Response | Callable[[dict[str, str]], "str | Response | Awaitable[str | Response]"]
Conversation = Callable[[Session], Awaitable[None]]


async def listens(session: Session) -> None:
    """Say nothing until the carrier closes."""
    await session.closed


class Application:
    """What the customer runs."""

    def __init__(self, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)
        self.pages: dict[str, Answer] = {}
        self.converse: Conversation = listens
        self.asked: list[Asked] = []
        self.forged: list[str] = []
        self.sessions: list[Session] = []
        self.joined = asyncio.Event()
        self.refuses_streams = False
        self.http = ""
        self.ws = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{page:path}", self._page, methods=["GET", "POST"]),
                WebSocketRoute("/{page:path}", self._stream),
            ]
        )

    def at(self, path: str) -> list[Asked]:
        """Return the requests of a page."""
        return [one for one in self.asked if one.path == path]

    async def session(self) -> Session:
        """Wait for the first stream."""
        async with asyncio.timeout(60.0):
            while not self.sessions:
                self.joined.clear()
                await self.joined.wait()
        return self.sessions[0]

    async def _page(self, request: Request) -> Response:
        body = await request.body()
        form = dict(parse_form(body))
        signature = request.headers.get("x-twilio-signature", "")
        if not self._validator.validate(str(request.url), form, signature):
            self.forged.append(str(request.url))
        params = form or dict(request.query_params)
        path = request.url.path
        self.asked.append(Asked(clock.now(), request.method, path, params))
        answer: Any = self.pages.get(path, Response(status_code=404))
        if callable(answer) and not isinstance(answer, Response):
            answer = answer(params)
        if isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, str):
            answer = Response(answer, media_type="text/xml")
        assert isinstance(answer, Response)
        return answer

    async def _stream(self, websocket: WebSocket) -> None:
        signature = websocket.headers.get("x-twilio-signature", "")
        if not self._validator.validate(str(websocket.url), {}, signature):
            self.forged.append(str(websocket.url))
        if self.refuses_streams:
            await websocket.close()
            return
        await websocket.accept()
        session = Session(websocket, websocket.url.path)
        self.sessions.append(session)
        self.joined.set()
        talking = asyncio.create_task(self._talk(session))
        code = 1006
        try:
            while True:
                message = json.loads(await websocket.receive_text())
                session.messages.append(message)
                session.counts[message["event"]] += 1
                session.times.append(clock.now())
                session.changed.set()
        except WebSocketDisconnect as gone:
            code = gone.code
        finally:
            session.closed.set_result(code)
            if not session.counts["start"]:
                talking.cancel()
                await asyncio.wait({talking})
            else:
                await talking

    async def _talk(self, session: Session) -> None:
        await session.until("start")
        try:
            await self.converse(session)
        finally:
            if not session.closed.done():
                await session.websocket.close()


@asynccontextmanager
async def stage(
    pages: Mapping[str, Answer] | None = None,
    *,
    voice: Voice | None = None,
    settings: EmulatorSettings | None = None,
) -> AsyncIterator[tuple[CarrierEmulator, Application]]:
    """Run a carrier with one number, and the application that serves it at `/voice`."""
    carrier = CarrierEmulator(voice=voice, settings=settings)
    application = Application(carrier.auth_token)
    application.pages.update(pages or {})
    async with serving(application.app()) as address:
        application.http, application.ws = address.http, address.ws
        async with carrier:
            carrier.add_number(
                OWN,
                voice_url=f"{address.http}/voice",
                status_callback=f"{address.http}/status",
            )
            application.pages.setdefault("/status", "")
            yield carrier, application
        assert application.forged == []


@asynccontextmanager
async def sdk(carrier: CarrierEmulator) -> AsyncIterator[Client]:
    """The vendor's own client, which asks the carrier without a thread."""
    http_client = twilio_async_http_client(carrier.base_url)
    try:
        yield Client(carrier.account_sid, carrier.auth_token, http_client=http_client)
    finally:
        await http_client.close()


async def stays(line: Line) -> None:
    """A caller who says nothing and leaves the hanging up to the other side."""
    await line.wait_end(timeout=100_000.0)

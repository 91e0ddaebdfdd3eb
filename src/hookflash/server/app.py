"""The application that carriers talk to: webhooks, media sockets, health; and the calls of it.

`App` is an ASGI application. For each carrier it serves, below the public URL:

| path | what |
|---|---|
| `/{carrier}/voice` | asks what to do with a call to one of our lines |
| `/{carrier}/status` | reports where a call is |
| `/{carrier}/media` | the WebSocket of a call's audio |
| `/{carrier}/callback/{token}` | whatever was asked of it for one call, such as a transfer |
| `/{carrier}/sound/{token}.wav` | a sound to play on one call |
| `/healthz` | 200 while the process lives |
| `/readyz` | 200 while new calls are taken, 503 while it starts, drains or is full |
| `/metrics` | figures for Prometheus, if `Settings.metrics` is on |

Each request's signature is checked against the public URL. A media socket must repeat a secret
that was made for its call, and gets that call once: a second socket is turned away.
"""

import asyncio
import hmac
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from hookflash.audio.frames import Pcm
from hookflash.calls.addresses import Address, Responder
from hookflash.calls.call import Call, current_call
from hookflash.calls.cold_transfer import transfer
from hookflash.calls.outcome import TransferOutcome, TransferVia
from hookflash.carriers.base import Answer, Carrier, CarrierReport, Webhook
from hookflash.errors import ConfigError, HookflashError, ProtocolError, UsageError
from hookflash.events.call import CallState, CarrierStatus, Outcome
from hookflash.events.media import StreamStarted
from hookflash.ids import CallId
from hookflash.legs.media_stream import TWILIO, MediaDialect, MediaStreamDoor, MediaStreamLeg
from hookflash.machines.call import CallConfig
from hookflash.runtime.chance import new_id, new_token
from hookflash.runtime.log import call_scope, mask
from hookflash.runtime.tape import Tape
from hookflash.runtime.tasks import TaskOwner
from hookflash.runtime.websocket import MAX_MESSAGE_BYTES, Socket, converse
from hookflash.server.addresses import Addresses
from hookflash.server.prometheus import PrometheusFigures
from hookflash.server.settings import Settings, checked_public_url
from hookflash.wire.forms import Form, parse_form

__all__ = ["App"]

_log = logging.getLogger("hookflash.server")

OnCall = Callable[[Call], Awaitable[None]]
OnCallT = TypeVar("OnCallT", bound=OnCall)

_DIALECTS: dict[str, MediaDialect] = {"twilio": TWILIO}
_FORM = "application/x-www-form-urlencoded"
_ORDER = "order"
# Seconds beyond its ringing in which a carrier may report a call that we have given up.
_ORDER_LASTS = 60.0
_TOKEN = "hookflash_token"  # noqa: S105  # the name of a field


class App:
    """Takes and makes calls for one program, on one carrier account."""

    def __init__(
        self,
        *,
        carrier: Carrier | None = None,
        public_url: str | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Know the carrier; nothing is opened yet.

        Args:
            carrier: the account; None makes a `TwilioCarrier` from the settings when needed.
            public_url: overrides the settings'.
            settings: None loads them from the environment and `hookflash.toml`.

        Raises:
            MissingExtra: metrics are on, and prometheus-client is not installed.
        """
        self.settings = settings if settings is not None else Settings.load()
        self._public_url = checked_public_url(public_url) if public_url else ""
        self._carrier = carrier
        self._handler: OnCall | None = None
        self._calls: dict[str, Call] = {}
        self._by_carrier_id: dict[str, Call] = {}
        self._waiting: dict[str, Call] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}
        self._orders: dict[str, _Order] = {}
        self._addresses = Addresses(lambda: f"{self.public_url}/{self.carrier.name}")
        self._tasks: TaskOwner | None = None
        self._draining = False
        self._figures: PrometheusFigures | None = None
        if self.settings.metrics:
            self._figures = PrometheusFigures(lambda: len(self._calls))
        self._web = Starlette(
            routes=[
                Route("/{carrier}/voice", self._voice, methods=["GET", "POST"]),
                Route("/{carrier}/status", self._status, methods=["GET", "POST"]),
                WebSocketRoute("/{carrier}/media", self._media),
                Route("/{carrier}/callback/{token}", self._callback, methods=["GET", "POST"]),
                Route("/{carrier}/sound/{token}.wav", self._sound),
                Route("/healthz", self._health),
                Route("/readyz", self._ready),
                *([Route("/metrics", self._metrics)] if self._figures is not None else []),
            ],
            lifespan=self._lifespan,
            exception_handlers={HookflashError: _refused},
        )

    # What the user's program does.

    def on_call(self, handler: OnCallT) -> OnCallT:
        """Run `handler(call)` for each inbound call; when it returns, the call ends. A decorator.

        It runs while the caller hears ringing: it must `answer()` (a session's `start` does) or
        `reject()` within `Settings.decide_within` seconds.

        Raises:
            UsageError: there is a handler already.
        """
        if self._handler is not None:
            msg = "this app has an on_call function already"
            raise UsageError(msg)
        self._handler = handler
        return handler

    @property
    def public_url(self) -> str:
        """How carriers reach us.

        Raises:
            ConfigError: it was not set.
        """
        url = self._public_url or self.settings.public_url
        if not url:
            msg = "set HOOKFLASH_PUBLIC_URL (or App(public_url=...)) to how your carrier reaches us"
            raise ConfigError(msg)
        return url

    @public_url.setter
    def public_url(self, url: str) -> None:
        self._public_url = checked_public_url(url)

    @property
    def carrier(self) -> Carrier:
        """The account.

        Raises:
            ConfigError: none was given, and the settings name none.
        """
        if self._carrier is None:
            from hookflash.carriers.twilio import TwilioCarrier  # loaded when chosen

            self._carrier = TwilioCarrier(
                self.settings.twilio_account_sid, self.settings.twilio_auth_token
            )
        return self._carrier

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls that live."""
        return tuple(self._calls.values())

    async def dial(
        self, to: str, from_: str, *, ring_timeout: float = 60.0, detect_machine: bool = False
    ) -> Call:
        """Phone somebody; return at once with a call that dials. `await call.answer()` next.

        Args:
            to: E.164 number or `sip:` address.
            from_: one of our lines.
            ring_timeout: seconds to let it ring.
            detect_machine: whether the carrier finds out who has answered: see `Call.verdict`. A
                session's `voice_mail_detector` is told.

        Raises:
            UsageError: the app is not being served, or drains; or the carrier does not find out
                who has answered.
            CarrierError: the carrier refused.
            LinkError: the carrier cannot be reached.
        """
        if self._tasks is None or self._draining:
            msg = "dial() needs a served app that takes calls"
            raise UsageError(msg)
        if detect_machine and not self.carrier.detects_machines:
            msg = f"detect_machine is set, and {self.carrier.name} does not find that out"
            raise UsageError(msg)
        call_id = CallId(new_id("call"))
        call = Call(
            direction="outbound",
            call_id=call_id,
            from_=from_,
            to=to,
            carrier=self.carrier,
            tape=self._new_tape(call_id),
            # Who lets it ring for longer than usual means it.
            config=CallConfig(ring_timeout=max(CallConfig().ring_timeout, ring_timeout)),
        )
        self._keep(call)
        await self._order(call, ring_timeout, detect_machine=detect_machine)
        _log.info("%s dials %s", call.id, mask(to))
        return call

    async def _order(self, call: Call, ring_timeout: float, *, detect_machine: bool) -> None:
        """Have the carrier dial; return when it says that it does, or reports that it did."""
        token = new_token()
        reported = self._orders[token] = _Order(call)
        placing = asyncio.ensure_future(
            self.carrier.place(
                to=call.to,
                from_=call.from_,
                answer=self.media_answer(call),
                status_url=f"{self.public_url}/{self.carrier.name}/status?{_ORDER}={token}",
                verdict_url=self._verdict_url(call) if detect_machine else None,
                ring_timeout=ring_timeout,
            )
        )
        # Who answers very soon is not to wait for a carrier that is slow to say what it did.
        waits: set[asyncio.Future[Any]] = {placing, reported.known}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if placing.done():
                placed = placing.result()
                self._known(call, placed.carrier_call_id)
                call.report(placed.status)
            else:
                placing.add_done_callback(lambda late: late.cancelled() or late.exception())
        except BaseException:
            placing.cancel()
            call.report(CarrierStatus(state=CallState.ENDED, outcome=Outcome.FAILED))
            await call.aclose()
            await asyncio.wait([self._watches[call.id]])
            raise
        finally:
            # An order that went wrong may have been carried out: the first report of it ends it.
            lasting = ring_timeout + _ORDER_LASTS
            asyncio.get_running_loop().call_later(lasting, self._orders.pop, token, None)

    def _verdict_url(self, call: Call) -> str:
        async def judged(webhook: Webhook) -> None:
            call.judged(self.carrier.read_verdict(webhook))

        address = self._addresses.callback(judged)
        call.when_ended(address.close)
        return address.url

    def _known(self, call: Call, carrier_call_id: str) -> None:
        call.carrier_call_id = carrier_call_id
        self._by_carrier_id[carrier_call_id] = call

    async def serve(self, host: str = "127.0.0.1", port: int = 8000) -> None:
        """Serve until SIGINT or SIGTERM; then take no more calls and let those that live end.

        Raises:
            ConfigError: the port is taken, or a setting is missing.
        """
        from hookflash.runtime.serve import serving  # another server may be the one that serves

        self.check_settings()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        try:
            async with serving(self, host=host, port=port) as address:
                _log.info("serving %s as %s", address.http, self.public_url)
                await stop.wait()
                await self.drain()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def check_settings(self) -> None:
        """Say now what would fail at the first call.

        Raises:
            ConfigError: a setting is missing.
            UsageError: no `on_call` function.
        """
        _ = (self.public_url, self.carrier)
        if self._handler is None:
            msg = "no function takes calls: decorate one with @app.on_call"
            raise UsageError(msg)

    async def drain(self, timeout: float = 30.0) -> None:
        """Take no more calls; wait for those that live, then end them."""
        self._draining = True
        if self._watches:
            await asyncio.wait(self._watches.values(), timeout=timeout)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        await self._web(scope, receive, send)

    # Life.

    @asynccontextmanager
    async def _lifespan(self, _web: Starlette) -> AsyncGenerator[None]:
        self._tasks = TaskOwner("app", on_error=self._task_failed)
        self._draining = False
        try:
            yield
        finally:
            self._draining = True
            for call in self.calls:
                await call.aclose()
            await self._tasks.aclose()
            self._tasks = None
            if self._carrier is not None:
                await self._carrier.aclose()

    def _task_failed(self, name: str, error: BaseException) -> None:
        _log.error("%s failed", name, exc_info=error)

    def _new_tape(self, call_id: CallId) -> Tape | None:
        folder = self.settings.record_dir
        if folder is None:
            return None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            msg = f"record_dir: cannot write to {folder} ({exc.strerror})"
            raise ConfigError(msg) from exc
        return Tape(folder / f"{call_id}.tape.jsonl")

    def _keep(self, call: Call) -> None:
        self._calls[call.id] = call
        call.record_dir = self.settings.record_dir
        call.control = self
        if self._figures is not None:
            call.observers.append(self._figures.happened)
        if call.carrier_call_id is not None:
            self._by_carrier_id[call.carrier_call_id] = call
        assert self._tasks is not None
        watch = self._tasks.start(self._forget_when_ended(call), name=f"watch {call.id}")
        self._watches[call.id] = watch

    async def _forget_when_ended(self, call: Call) -> None:
        ended = await call.wait_ended()
        if self._figures is not None:
            self._figures.call_ended(call.direction, ended)
        self._calls.pop(call.id, None)
        if call.carrier_call_id is not None:
            self._by_carrier_id.pop(call.carrier_call_id, None)
        self._waiting = {
            token: other for token, other in self._waiting.items() if other is not call
        }
        await call.aclose()
        if call.tape is not None:
            call.tape.close()
        self._watches.pop(call.id, None)

    # For calls.

    async def transfer(
        self,
        call: Call,
        to: str,
        *,
        from_: str | None = None,
        ring_timeout: float = 30.0,
        via: TransferVia = "auto",
    ) -> TransferOutcome:
        """Hand a call to somebody; as `Call.transfer`."""
        return await transfer(call, to, from_=from_, ring_timeout=ring_timeout, via=via)

    def callback(self, responder: Responder) -> Address:
        """Let the carrier tell us something for one call; as `CallControl.callback`."""
        return self._addresses.callback(responder)

    def sound(self, pcm: Pcm, rate: int) -> Address:
        """Let the carrier fetch a sound for one call; as `CallControl.sound`."""
        return self._addresses.sound(pcm, rate)

    def media_answer(self, call: Call) -> Answer:
        """Return the instruction that brings a call's audio to us."""
        token = new_token()
        self._waiting[token] = call
        url = f"ws{self.public_url.removeprefix('http')}/{self.carrier.name}/media"
        return self.carrier.connect_media(url, {_TOKEN: token})

    # Webhooks.

    async def _voice(self, request: Request) -> Response:
        carrier = self._carrier_of(request)
        incoming = carrier.read_incoming(await self._checked(request, carrier))
        known = self._by_carrier_id.get(incoming.carrier_call_id)
        if known is not None:
            # The carrier asks again (it got no answer, or our document ended): the same call.
            return await self._instructions(known, carrier)
        if self._draining or self._tasks is None or len(self._calls) >= self.settings.max_calls:
            _log.warning("busy: a call from %s was turned away", mask(incoming.from_))
            return _document(carrier.reject("busy"))
        call_id = CallId(new_id("call"))
        call = Call(
            direction="inbound",
            call_id=call_id,
            from_=incoming.from_,
            to=incoming.to,
            carrier=carrier,
            carrier_call_id=incoming.carrier_call_id,
            headers=incoming.details,
            tape=self._new_tape(call_id),
        )
        self._keep(call)
        _log.info("%s rings: %s phones %s", call.id, mask(call.from_), mask(call.to))
        self._tasks.start(self._run_handler(call), name=f"on_call {call.id}")
        return await self._instructions(call, carrier)

    async def _instructions(self, call: Call, carrier: Carrier) -> Response:
        try:
            async with asyncio.timeout(self.settings.decide_within):
                reason = await call.wait_decision()
        except TimeoutError:
            _log.error(
                "%s: on_call neither answered nor rejected within %.0f s",
                call.id,
                self.settings.decide_within,
            )
            reason = "busy"
        if reason is None:
            return _document(self.media_answer(call))
        rejected = Outcome.BUSY if reason == "busy" else Outcome.REJECTED
        call.report(CarrierStatus(state=CallState.ENDED, outcome=rejected))
        return _document(carrier.reject(reason))

    async def _run_handler(self, call: Call) -> None:
        handler = self._handler
        with call_scope(call.id):
            try:
                if handler is None:
                    _log.error("no on_call function; the call is rejected")
                    return
                current_call.set(call)
                await handler(call)
            except Exception:  # noqa: BLE001  # the user's program: no caller is left in silence
                _log.exception("on_call raised; the call is ended")
            finally:
                if call.ended is None and not call.handed_over:
                    if call.direction == "inbound" and not call.decided:
                        call.reject("busy")
                    else:
                        await call.hangup("handler_ended")

    async def _status(self, request: Request) -> Response:
        carrier = self._carrier_of(request)
        report = carrier.read_report(await self._checked(request, carrier))
        call = self._by_carrier_id.get(report.carrier_call_id)
        order = self._orders.get(request.query_params.get(_ORDER, ""))
        if call is None and order is not None:
            call = order.call
            if call.ended is None:
                self._known(call, report.carrier_call_id)
            elif report.status.state is not CallState.ENDED:
                await self._end_unwanted(report)
        if call is not None:
            call.report(report.status)
        if order is not None and not order.known.done():
            order.known.set_result(None)
        return Response(status_code=204)

    async def _end_unwanted(self, report: CarrierReport) -> None:
        """End a call that the carrier makes though it said, or seemed to say, that it would not."""
        _log.warning("the carrier makes a call that was given up; it is ended")
        try:
            ringing = report.status.state is not CallState.ANSWERED
            await self.carrier.end(report.carrier_call_id, cancel=ringing)
        except HookflashError as exc:  # its next report tries again
            _log.warning("it could not be ended (%s)", exc.reason)

    async def _callback(self, request: Request) -> Response:
        carrier = self._carrier_of(request)
        webhook = await self._checked(request, carrier)
        responder = self._addresses.responder(request.path_params["token"])
        if responder is None:  # late: what it is about is over
            return Response(status_code=204)
        answer = await responder(webhook)
        return Response(status_code=204) if answer is None else _document(answer)

    async def _sound(self, request: Request) -> Response:
        self._carrier_of(request)
        wav = self._addresses.wav(request.path_params["token"])
        return Response(status_code=404) if wav is None else Response(wav, media_type="audio/wav")

    def _carrier_of(self, connection: HTTPConnection) -> Carrier:
        if connection.path_params["carrier"] != self.carrier.name:
            msg = "no such carrier here"
            raise ProtocolError(msg, status=404)
        return self.carrier

    async def _checked(self, request: Request, carrier: Carrier) -> Webhook:
        """Read a request, bounded, and check its signature."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_MESSAGE_BYTES:
                msg = "the request is too large"
                raise ProtocolError(msg, status=413)
        form: Form = ()
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
            form, body = parse_form(body), b""
        webhook = self._webhook(request, self.public_url, form, body)
        self._check_signature(webhook, carrier)
        return webhook

    def _webhook(
        self, connection: HTTPConnection, base: str, form: Form = (), body: bytes = b""
    ) -> Webhook:
        query = connection.scope["query_string"].decode("latin-1")
        path = connection.scope.get("raw_path", connection.url.path.encode()).decode("latin-1")
        path = path.partition("?")[0]
        return Webhook(
            method=connection.scope.get("method", "GET"),
            url=f"{base}{path}" + (f"?{query}" if query else ""),
            headers={name.lower(): value for name, value in connection.headers.items()},
            form=form,
            body=body,
            query=parse_form(query),
        )

    def _check_signature(self, webhook: Webhook, carrier: Carrier) -> None:
        if self.settings.check_signatures and not carrier.check(webhook):
            _log.warning(
                "a request to %s was refused: its signature is not the carrier's. If it is real, "
                "check the auth token, and that public_url is what the carrier was given",
                webhook.url.partition("?")[0],
            )
            msg = "the signature is not the carrier's"
            raise ProtocolError(msg, status=403)

    # Media.

    async def _media(self, websocket: WebSocket) -> None:
        try:
            carrier = self._carrier_of(websocket)
            base = f"ws{self.public_url.removeprefix('http')}"
            self._check_signature(self._webhook(websocket, base), carrier)
        except HookflashError:
            await websocket.close(code=1008)
            return
        dialect = _DIALECTS[carrier.name]
        await websocket.accept()
        await converse(websocket, lambda socket: MediaStreamDoor(socket, dialect, self._claim))

    def _claim(self, started: StreamStarted, socket: Socket) -> MediaStreamLeg | None:
        """Give a described stream its call, if it knows the call's secret; once."""
        call = self._waiting.pop(started.parameters.get(_TOKEN, ""), None)
        if call is None or call.ended is not None:
            return None
        if call.carrier_call_id is not None and call.carrier_call_id != started.call_id:
            return None
        if call.leg is not None:
            # Its own stream, back from where the carrier had it.
            leg = call.leg
            if not isinstance(leg, MediaStreamLeg) or not leg.relink(socket, started):
                return None
            call.media_back()
            return leg
        with call_scope(call.id):
            leg = MediaStreamLeg(socket, _DIALECTS[self.carrier.name], started, tape=call.tape)
            call.attach(leg)
            self._record(call)
        return leg

    def _record(self, call: Call) -> None:
        folder = self.settings.record_dir
        if folder is None:
            return
        try:
            call.record(folder / f"{call.id}.{self.settings.record_format}")
        except (OSError, UsageError) as exc:
            # A call that is not recorded is better than no call.
            _log.error("the call is not recorded: %s", exc)

    # Health.

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _ready(self, _request: Request) -> Response:
        full = len(self._calls) >= self.settings.max_calls
        ready = self._tasks is not None and not self._draining and not full
        status = "ready" if ready else "full" if full else "draining"
        body = {"status": status, "calls": len(self._calls), "max_calls": self.settings.max_calls}
        return JSONResponse(body, status_code=200 if ready else 503)

    async def _metrics(self, request: Request) -> Response:
        token, given = self.settings.metrics_token, request.headers.get("authorization", "")
        if token and not hmac.compare_digest(f"Bearer {token}".encode(), given.encode()):
            return PlainTextResponse("the token is missing or wrong", status_code=401)
        assert self._figures is not None
        text, kind = self._figures.text()
        return Response(text, headers={"content-type": kind})


class _Order:
    """An order to dial.

    Attributes:
        call: what it makes.
        known: done when the carrier has reported it.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.known: asyncio.Future[None] = asyncio.get_running_loop().create_future()


def _document(answer: Answer) -> Response:
    return Response(answer.body, media_type=answer.content_type)


async def _refused(_request: Request, exc: Exception) -> Response:
    status = getattr(exc, "status", None) if isinstance(exc, ProtocolError) else None
    return PlainTextResponse(str(exc), status_code=status or 500)

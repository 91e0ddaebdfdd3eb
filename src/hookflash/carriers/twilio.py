"""Twilio. Webhooks need no package; control uses the official SDK (extra `twilio`)."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, assert_never, cast

from hookflash.carriers.base import (
    Answer,
    AskKey,
    Carrier,
    CarrierReport,
    DialEnded,
    DialParty,
    EnterRoom,
    GoTo,
    HangUp,
    IncomingCall,
    Line,
    PlacedCall,
    PlaySound,
    RoomEvent,
    RoomReport,
    SayWords,
    Step,
    Wait,
    Webhook,
)
from hookflash.errors import (
    CarrierError,
    ConfigError,
    LinkError,
    LinkTimeout,
    MissingExtra,
    ProtocolError,
    UsageError,
)
from hookflash.events.call import CallState, CarrierStatus, Outcome
from hookflash.events.voicemail import CarrierVerdict
from hookflash.wire.signatures import check_twilio
from hookflash.wire.twiml import (
    CallProgress,
    Conference,
    ConferenceProgress,
    Connect,
    Dial,
    Gather,
    Hangup,
    Number,
    Parameter,
    Pause,
    Play,
    Prompt,
    Redirect,
    Reject,
    Response,
    Say,
    Sip,
    Stream,
    Verb,
    render,
)

if TYPE_CHECKING:  # the vendor's types, not an arrow of ours
    from twilio.http import AsyncHttpClient
    from twilio.http.async_http_client import AsyncTwilioHttpClient
    from twilio.rest import Client
    from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberInstance

__all__ = ["TwilioCarrier", "twilio_status"]

_XML = "text/xml"

# https://www.twilio.com/docs/voice/api/call-resource#call-status-values
_STATUSES: Mapping[str, tuple[CallState, Outcome | None]] = {
    "queued": (CallState.DIALING, None),
    "initiated": (CallState.DIALING, None),
    "ringing": (CallState.RINGING, None),
    "in-progress": (CallState.ANSWERED, None),
    "completed": (CallState.ENDED, Outcome.COMPLETED),
    "busy": (CallState.ENDED, Outcome.BUSY),
    "no-answer": (CallState.ENDED, Outcome.NO_ANSWER),
    "failed": (CallState.ENDED, Outcome.FAILED),
    "canceled": (CallState.ENDED, Outcome.CANCELED),
}
# https://www.twilio.com/docs/voice/twiml/dial#action: what it says besides, of the dialled call.
_DIALLED: Mapping[str, Outcome] = {
    "answered": Outcome.COMPLETED,
    **{word: outcome for word, (_, outcome) in _STATUSES.items() if outcome is not None},
}
# https://www.twilio.com/docs/voice/twiml/conference#statuscallbackevent
_ROOM_EVENTS: Mapping[str, RoomEvent] = {
    "participant-join": RoomEvent.JOINED,
    "participant-leave": RoomEvent.LEFT,
    "announcement-end": RoomEvent.ANNOUNCED,
    "announcement-fail": RoomEvent.ANNOUNCED,
}
_VERDICTS = frozenset(verdict.value for verdict in CarrierVerdict)
_PROGRESS: tuple[CallProgress, ...] = ("initiated", "ringing", "answered", "completed")
_ROOM_PROGRESS: tuple[ConferenceProgress, ...] = ("join", "leave", "announcement")
# "Call is not in-progress. Cannot redirect." Also: it ended before we could end it.
_NOT_IN_STATE = 21220
_NOT_FOUND = 20404
_TOO_MANY = 429
# Seconds. The company answers in well under one; a caller hears ringing or music meanwhile.
_ANSWER_WITHIN = 10.0
_SERVER_FAULT = 500


def twilio_status(
    word: str, *, cause: str | None = None, sequence: int | None = None
) -> CarrierStatus:
    """Translate Twilio's word for where a call is.

    Raises:
        ProtocolError: it is none of Twilio's.
    """
    if word not in _STATUSES:
        msg = "an unknown call status"
        raise ProtocolError(msg)
    state, outcome = _STATUSES[word]
    return CarrierStatus(state=state, outcome=outcome, cause=cause, sequence=sequence)


class TwilioCarrier(Carrier):
    """An account at Twilio."""

    name = "twilio"
    has_rooms = True
    detects_machines = True
    dials = True

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        further_tokens: Sequence[str] = (),
        http_client: "Callable[[], AsyncHttpClient] | None" = None,
    ) -> None:
        """Know the account.

        Args:
            account_sid: `AC` and 32 hexadecimal digits.
            auth_token: signs webhooks and opens the REST API.
            further_tokens: tokens that webhooks may be signed with besides, while one replaces
                another.
            http_client: makes the SDK's HTTP client, for proxies and tests; made on first use,
                inside the running loop.

        Raises:
            ConfigError: one of the two is empty.
        """
        if not account_sid or not auth_token:
            msg = (
                "Twilio needs an account SID and an auth token: "
                "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"
            )
            raise ConfigError(msg)
        self.account_sid = account_sid
        self._auth_token = auth_token
        self._tokens = (auth_token, *further_tokens)
        self._make_http_client = http_client
        self._client: Client | None = None

    def __repr__(self) -> str:
        """Show the account, never the token."""
        return f"TwilioCarrier({self.account_sid!r})"

    # Webhooks.

    def check(self, webhook: Webhook) -> bool:
        """Say whether Twilio signed the request."""
        return check_twilio(
            self._tokens,
            webhook.headers.get("x-twilio-signature"),
            webhook.url,
            params=webhook.form,
            body=webhook.body,
            settings=webhook.headers.get("x-twilio-webhooks-signature-settings"),
        )

    def read_incoming(self, webhook: Webhook) -> IncomingCall:
        """Read a voice request."""
        call_id = webhook.field("CallSid")
        if not call_id or webhook.field("AccountSid") != self.account_sid:
            msg = "not a voice request for this account"
            raise ProtocolError(msg, status=400)
        return IncomingCall(
            carrier_call_id=call_id,
            from_=webhook.field("From"),
            to=webhook.field("To"),
            details=dict((*webhook.query, *webhook.form)),
        )

    def read_report(self, webhook: Webhook) -> CarrierReport:
        """Read a call status callback."""
        call_id = webhook.field("CallSid")
        if not call_id:
            msg = "not a status callback"
            raise ProtocolError(msg, status=400)
        cause = webhook.field("SipResponseCode") or webhook.field("ErrorCode") or None
        return CarrierReport(
            carrier_call_id=call_id,
            status=twilio_status(
                webhook.field("CallStatus"),
                cause=cause,
                sequence=_sequence(webhook),
            ),
        )

    def read_verdict(self, webhook: Webhook) -> CarrierVerdict:
        """Read the callback of asynchronous answering-machine detection."""
        answered_by = webhook.field("AnsweredBy")
        if not webhook.field("CallSid") or answered_by not in _VERDICTS:
            msg = "not a verdict of answering-machine detection"
            raise ProtocolError(msg, status=400)
        return CarrierVerdict(answered_by)

    def connect_media(self, url: str, parameters: Mapping[str, str]) -> Answer:
        """Write `<Connect><Stream>`; when we close the stream, the call ends with the document."""
        repeated = tuple(Parameter(name, value) for name, value in parameters.items())
        document = Response((Connect(Stream(url, parameters=repeated)),))
        return Answer(body=render(document), content_type=_XML)

    def reject(self, reason: str = "rejected") -> Answer:
        """Write `<Reject>`; the caller hears a busy tone, or that the number is out of service."""
        word: Literal["busy", "rejected"] = "busy" if reason == "busy" else "rejected"
        return Answer(body=render(Response((Reject(reason=word),))), content_type=_XML)

    def write(self, *steps: Step) -> Answer:
        """Write one document."""
        return Answer(body=render(Response(tuple(map(_verb, steps)))), content_type=_XML)

    def read_key(self, webhook: Webhook) -> str:
        """Read the action of a `<Gather>` of one key."""
        key = webhook.field("Digits")
        if len(key) != 1 or key not in "0123456789*#":
            msg = "not one key"
            raise ProtocolError(msg, status=400)
        return key

    def read_dial_ended(self, webhook: Webhook) -> DialEnded:
        """Read the action of a `<Dial>`."""
        outcome = _DIALLED.get(webhook.field("DialCallStatus"))
        if outcome is None:
            msg = "not the end of a <Dial>"
            raise ProtocolError(msg, status=400)
        return DialEnded(
            status=CarrierStatus(state=CallState.ENDED, outcome=outcome),
            connected=webhook.field("DialBridged") == "true",
        )

    def read_room_report(self, webhook: Webhook) -> RoomReport:
        """Read a conference status callback."""
        room_id = webhook.field("ConferenceSid")
        if not room_id:
            msg = "not a conference status callback"
            raise ProtocolError(msg, status=400)
        return RoomReport(
            event=_ROOM_EVENTS.get(webhook.field("StatusCallbackEvent"), RoomEvent.OTHER),
            room_id=room_id,
            sequence=_sequence(webhook) or 0,
            carrier_call_id=webhook.field("CallSid"),
        )

    # Control.

    async def place(
        self,
        *,
        to: str,
        from_: str,
        answer: Answer,
        status_url: str | None = None,
        verdict_url: str | None = None,
        ring_timeout: float = 60.0,
    ) -> PlacedCall:
        """Create a call with inline TwiML (at most 4,000 characters)."""
        client = self._rest()
        events = ["initiated", "ringing", "answered", "completed"]
        async with _mapped():
            call = await client.calls.create_async(
                to=to,
                from_=from_,
                twiml=answer.body,
                timeout=_ring_seconds(ring_timeout),
                **(
                    {"status_callback": status_url, "status_callback_event": events}
                    if status_url
                    else {}
                ),
                **(
                    {
                        # Also tells when a machine's greeting has ended.
                        "machine_detection": "DetectMessageEnd",
                        "async_amd": "true",
                        "async_amd_status_callback": verdict_url,
                    }
                    if verdict_url
                    else {}
                ),
            )
        return PlacedCall(carrier_call_id=str(call.sid), status=twilio_status(str(call.status)))

    async def end(self, carrier_call_id: str, *, cancel: bool = False) -> None:
        """Set the call's status; a cancel that comes too late ends the answered call."""
        client = self._rest()
        try:
            async with _mapped():
                await client.calls(carrier_call_id).update_async(
                    status="canceled" if cancel else "completed"
                )
        except CarrierError as exc:
            if exc.code == str(_NOT_FOUND):
                return
            if exc.code != str(_NOT_IN_STATE):
                raise
            if cancel:
                await self.end(carrier_call_id)

    async def instruct(self, carrier_call_id: str, answer: Answer) -> None:
        """Replace the call's TwiML."""
        client = self._rest()
        async with _mapped():
            await client.calls(carrier_call_id).update_async(twiml=answer.body)

    async def hold_in_room(
        self, room_id: str, carrier_call_id: str, *, on: bool, sound_url: str | None = None
    ) -> None:
        """Set the participant's `Hold`."""
        party = self._rest().conferences(room_id).participants(carrier_call_id)
        async with _mapped():
            if sound_url is None:
                await party.update_async(hold=on)
            else:
                await party.update_async(hold=on, hold_url=sound_url, hold_method="POST")

    async def announce_in_room(
        self, room_id: str, url: str, *, carrier_call_id: str | None = None
    ) -> None:
        """Set `AnnounceUrl` of the conference, or of one participant."""
        room = self._rest().conferences(room_id)
        async with _mapped():
            if carrier_call_id is None:
                await room.update_async(announce_url=url, announce_method="POST")
            else:
                party = room.participants(carrier_call_id)
                await party.update_async(announce_url=url, announce_method="POST")

    async def look_up(self, carrier_call_id: str) -> CarrierStatus:
        """Fetch the call."""
        client = self._rest()
        async with _mapped():
            call = await client.calls(carrier_call_id).fetch_async()
        return twilio_status(str(call.status))

    async def lines(self, number: str | None = None) -> Sequence[Line]:
        """List `IncomingPhoneNumbers`."""
        client = self._rest()
        async with _mapped():
            every = client.incoming_phone_numbers
            found = await (every.list_async(phone_number=number) if number else every.list_async())
        lines = [_line(each) for each in found]
        # Twilio's filter matches parts of numbers, too.
        return [line for line in lines if number is None or line.number == number]

    async def point(self, line_id: str, *, voice_url: str, status_url: str | None = None) -> Line:
        """Update an `IncomingPhoneNumber`."""
        client = self._rest()
        async with _mapped():
            updated = await client.incoming_phone_numbers(line_id).update_async(
                voice_url=voice_url,
                voice_method="POST",
                **(
                    {"status_callback": status_url, "status_callback_method": "POST"}
                    if status_url is not None
                    else {}
                ),
            )
        return _line(updated)

    async def aclose(self) -> None:
        """Close the SDK's HTTP session."""
        client, self._client = self._client, None
        if client is not None:
            await cast("AsyncTwilioHttpClient", client.http_client).close()

    def _rest(self) -> "Client":
        if self._client is None:
            try:
                from twilio.http.async_http_client import AsyncTwilioHttpClient
                from twilio.rest import Client
            except ImportError as exc:
                raise MissingExtra("twilio", "twilio") from exc
            make = self._make_http_client or (lambda: AsyncTwilioHttpClient(timeout=10.0))
            self._client = Client(self.account_sid, self._auth_token, http_client=make())
        return self._client


def _line(resource: "IncomingPhoneNumberInstance") -> Line:
    return Line(
        number=str(resource.phone_number),
        line_id=str(resource.sid),
        label=str(resource.friendly_name or ""),
        voice_url=str(resource.voice_url or ""),
        status_url=str(resource.status_callback or ""),
    )


@asynccontextmanager
async def _mapped() -> AsyncGenerator[None]:
    """Turn the SDK's exceptions, and those of the HTTP client in it, into ours."""
    import aiohttp
    from twilio.base.exceptions import TwilioException, TwilioRestException

    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            yield
    except TwilioRestException as exc:
        msg = f"Twilio refused ({exc.status}, code {exc.code})"
        raise CarrierError(
            msg,
            status=exc.status,
            code=str(exc.code),
            retryable=exc.status == _TOO_MANY or exc.status >= _SERVER_FAULT,
        ) from exc
    except TwilioException as exc:
        msg = f"Twilio's answer could not be read ({type(exc).__name__})"
        raise CarrierError(msg, retryable=True) from exc
    except TimeoutError as exc:
        msg = f"Twilio did not answer in {_ANSWER_WITHIN:g} s"
        raise LinkTimeout(msg) from exc
    except (aiohttp.ClientError, OSError) as exc:
        msg = f"Twilio cannot be reached ({type(exc).__name__})"
        raise LinkError(msg) from exc


def _ring_seconds(ring_timeout: float) -> int:
    return round(min(max(ring_timeout, 5.0), 600.0))


def _sequence(webhook: Webhook) -> int | None:
    sequence = webhook.field("SequenceNumber")
    return int(sequence) if sequence.isascii() and sequence.isdigit() else None


def _verb(step: Step) -> Verb:
    match step:
        case PlaySound() | SayWords():
            return _prompt(step)
        case Wait():
            return Pause(length=step.seconds)
        case GoTo():
            return Redirect(step.url)
        case HangUp():
            return Hangup()
        case AskKey():
            return Gather(
                tuple(map(_prompt, step.prompts)),
                action=step.answer_url,
                timeout=step.within,
                finish_on_key="",  # so that # is a key like all others
                num_digits=1,
            )
        case DialParty():
            return Dial(
                (_party(step),),
                action=step.ended_url,
                answer_on_bridge=True,
                caller_id=step.from_,
                timeout=_ring_seconds(step.ring_timeout),
            )
        case EnterRoom():
            return Dial(
                (_conference(step),),
                action=step.left_url,
                hangup_on_star=step.left_url is not None,
            )
        case _:
            assert_never(step)


def _prompt(step: PlaySound | SayWords) -> Prompt:
    if isinstance(step, SayWords):
        return Say(step.text)
    return Play(step.url, loop=0 if step.forever else 1)


def _party(step: DialParty) -> Number | Sip:
    if step.to.startswith(("sip:", "sips:")):
        if step.send_digits:
            msg = "send_digits: Twilio presses keys at telephone numbers, not at SIP addresses"
            raise UsageError(msg)
        party: Sip | Number = Sip(step.to)
    else:
        party = Number(step.to, send_digits=step.send_digits or None)
    return replace(
        party,
        url=step.whisper_url,
        status_callback=step.status_url,
        status_callback_event=_PROGRESS if step.status_url else ("completed",),
        machine_detection="Enable" if step.verdict_url else None,
        amd_status_callback=step.verdict_url,
    )


def _conference(step: EnterRoom) -> Conference:
    return Conference(
        step.room,
        beep="false",
        start_conference_on_enter=step.starts,
        end_conference_on_exit=step.ends,
        # People talk through it: the least delay that the company offers with a buffer.
        jitter_buffer_size="small",
        wait_url=step.wait_url,
        status_callback=step.report_url,
        status_callback_event=_ROOM_PROGRESS if step.report_url else (),
        coach=step.coaches,
    )

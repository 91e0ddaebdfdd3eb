"""The vendor's own SDK, as it is installed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from tests.emulator.customer import FRIEND, OWN, Application, go, stage
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.base.page import Page
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from hookflash.emulator import (
    CarrierEmulator,
    SocketMessage,
    patched_twilio_sdk,
    silence,
    twilio_async_http_client,
    twilio_http_client,
)

T = TypeVar("T")
TALK = "<Response><Pause length='60'/></Response>"


@asynccontextmanager
async def account() -> AsyncIterator[tuple[Client, CarrierEmulator, Application]]:
    """Run a carrier, and a client of the SDK that asks it."""
    async with stage() as (carrier, application):
        carrier.far_ends[FRIEND] = silence()
        http_client = twilio_http_client(carrier.base_url)
        client = Client(carrier.account_sid, carrier.auth_token, http_client=http_client)
        try:
            yield client, carrier, application
        finally:
            http_client.session.close()


async def on_thread(ask: Callable[[], T]) -> T:
    """Ask with the SDK's blocking client."""
    return await asyncio.to_thread(ask)


def test_a_call_is_created_fetched_updated_and_deleted() -> None:
    async def main() -> None:
        async with account() as (client, carrier, application):
            created = await on_thread(
                lambda: client.calls.create(
                    to=FRIEND,
                    from_=OWN,
                    twiml=TALK,
                    timeout=20,
                    status_callback=f"{application.http}/status",
                    status_callback_event=["initiated", "ringing", "answered", "completed"],
                )
            )
            assert (created.status, created.direction) == ("queued", "outbound-api")
            call = carrier.calls[created.sid]
            await call.answered()
            fetched = await on_thread(lambda: client.calls(created.sid).fetch())
            assert (fetched.status, fetched.to, fetched._from) == ("in-progress", FRIEND, OWN)
            assert fetched.start_time.isoformat() == "2026-01-01T00:00:01+00:00"
            updated = await on_thread(
                lambda: client.calls(created.sid).update(
                    twiml="<Response><Pause length='5'/></Response>"
                )
            )
            assert updated.status == "in-progress"
            await asyncio.sleep(2.0)
            ended = await on_thread(lambda: client.calls(created.sid).update(status="completed"))
            assert (ended.status, ended.duration) == ("completed", "2")
            await call.ended()
            assert await on_thread(lambda: client.calls(created.sid).delete()) is True
            assert [one.params["CallStatus"] for one in application.at("/status")] == [
                "initiated",
                "ringing",
                "in-progress",
                "completed",
            ]

    go(main())


def test_calls_are_listed_page_by_page() -> None:
    async def main() -> None:
        async with account() as (client, _, _):

            def create_and_list() -> list[list[str]]:
                sids = [client.calls.create(to=FRIEND, from_=OWN, twiml=TALK).sid for _ in range(7)]
                found = [
                    [call.sid for call in client.calls.list(page_size=3)],
                    [call.sid for call in client.calls.list(limit=2)],
                    [call.sid for call in client.calls.list(to="+15550143")],
                    [call.sid for call in client.calls.stream(page_size=2)],
                ]
                assert found[0] == sids[::-1]
                return found

            found = await on_thread(create_and_list)
            assert [len(sids) for sids in found] == [7, 2, 0, 7]

    go(main())


def test_a_page_with_another_key_would_not_be_read() -> None:
    response = Response(200, '{"calls": [], "page": 0, "extra": 1}')
    with pytest.raises(TwilioException, match="can not be deserialized"):
        Page(None, response)


def test_numbers_are_listed_fetched_and_updated() -> None:
    async def main() -> None:
        async with account() as (client, carrier, _):

            def use() -> None:
                (number,) = client.incoming_phone_numbers.list(phone_number=OWN, limit=1)
                assert number.capabilities["voice"] is True
                number.update(voice_url="https://example.com/voice", voice_method="GET")
                fetched = client.incoming_phone_numbers(number.sid).fetch()
                assert (fetched.voice_url, fetched.voice_method) == (
                    "https://example.com/voice",
                    "GET",
                )
                assert number.update(voice_url="").voice_url == ""
                assert client.api.accounts(carrier.account_sid).fetch().status == "active"

            await on_thread(use)

    go(main())


def test_streams_recordings_and_notices_are_read() -> None:
    async def main() -> None:
        async with account() as (client, carrier, application):
            created = await on_thread(
                lambda: client.calls.create(
                    to=FRIEND,
                    from_=OWN,
                    twiml="<Response><Say/><Record playBeep='false' maxLength='9'/></Response>",
                )
            )
            await carrier.calls[created.sid].answered()
            stream = await on_thread(
                lambda: client.calls(created.sid).streams.create(
                    url=f"{application.ws}/media", name="copy", parameter1_name="k"
                )
            )
            assert (stream.status, stream.sid[:2]) == ("in-progress", "MZ")
            await carrier.log.wait_for(SocketMessage, event="start")
            stopped = await on_thread(
                lambda: client.calls(created.sid).streams("copy").update(status="stopped")
            )
            assert stopped.status == "stopped"
            await carrier.calls[created.sid].ended()
            (recording,) = await on_thread(lambda: client.recordings.list(call_sid=created.sid))
            assert recording.status == "absent"
            (notice,) = await on_thread(lambda: client.calls(created.sid).notifications.list())
            assert (notice.error_code, notice.log) == ("13520", "1")

    go(main())


@pytest.mark.parametrize(
    ("ask", "status", "code"),
    [
        (lambda client: client.calls.create(to="x", from_=OWN, twiml=TALK), 400, 21211),
        (lambda client: client.calls.create(to=FRIEND, from_="+1999999999", url="u"), 400, 21210),
        (lambda client: client.calls.create(to=FRIEND, from_=OWN), 400, 21205),
        (lambda client: client.calls("CA0").fetch(), 404, 20404),
    ],
)
def test_errors_arrive_as_the_sdks_exception_with_the_vendors_code(
    ask: Callable[[Client], object], status: int, code: int
) -> None:
    async def main() -> None:
        async with account() as (client, _, _):
            with pytest.raises(TwilioRestException) as caught:
                await on_thread(lambda: ask(client))
            assert (caught.value.status, caught.value.code) == (status, code)

    go(main())


def test_a_wrong_token_is_20003() -> None:
    async def main() -> None:
        async with stage() as (carrier, _):
            http_client = twilio_http_client(carrier.base_url)
            client = Client(carrier.account_sid, "wrong", http_client=http_client)
            with pytest.raises(TwilioRestException) as caught:
                await on_thread(lambda: client.calls("CA0").fetch())
            assert (caught.value.status, caught.value.code) == (401, 20003)
            http_client.session.close()

    go(main())


def test_the_asynchronous_client_works_without_a_thread() -> None:
    async def main() -> None:
        async with stage() as (carrier, _):
            carrier.far_ends[FRIEND] = silence()
            http_client = twilio_async_http_client(carrier.base_url)
            client = Client(carrier.account_sid, carrier.auth_token, http_client=http_client)
            created = await client.calls.create_async(to=FRIEND, from_=OWN, twiml=TALK)
            assert [call.sid for call in await client.calls.list_async()] == [created.sid]
            ended = await client.calls(created.sid).update_async(status="completed")
            assert ended.status == "canceled"
            with pytest.raises(TwilioRestException):
                await client.calls("CA0").fetch_async()
            await http_client.close()

    go(main())


def test_edge_and_region_do_not_lead_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    monkeypatch.setenv("TWILIO_REGION", "ie1")

    async def main() -> None:
        async with account() as (client, _, _):
            assert await on_thread(lambda: client.calls.list()) == []

    go(main())


def test_code_that_makes_its_own_client_is_led_to_the_emulator_and_back() -> None:
    async def main() -> None:
        original = TwilioHttpClient.request
        async with stage() as (carrier, _):

            def somebody_elses_code() -> list[str]:
                client = Client(carrier.account_sid, carrier.auth_token)
                try:
                    return [number.phone_number for number in client.incoming_phone_numbers.list()]
                finally:
                    client.http_client.session.close()

            with patched_twilio_sdk(carrier.base_url):
                assert await on_thread(somebody_elses_code) == [OWN]
        assert TwilioHttpClient.request is original

    go(main())


def test_asynchronous_code_that_makes_its_own_client_is_led_to_the_emulator() -> None:
    async def main() -> None:
        async with stage() as (carrier, _):
            with patched_twilio_sdk(carrier.base_url):
                http_client = AsyncTwilioHttpClient()
                client = Client(carrier.account_sid, carrier.auth_token, http_client=http_client)
                (number,) = await client.incoming_phone_numbers.list_async()
                assert number.phone_number == OWN
                await http_client.close()

    go(main())

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from tests.emulator.customer import CALLER, FRIEND, OWN, Application, go, stage

from hookflash.emulator import CarrierEmulator, EmulatorSettings, Lint, RestRequest, silence

META = {
    "end",
    "first_page_uri",
    "next_page_uri",
    "page",
    "page_size",
    "previous_page_uri",
    "start",
    "uri",
}
TALK = "<Response><Pause length='60'/></Response>"


class Rest:
    """A client of the REST interface that uses no SDK."""

    def __init__(self, client: httpx.AsyncClient, carrier: CarrierEmulator) -> None:
        self._client = client
        self.carrier = carrier
        self.path = f"/2010-04-01/Accounts/{carrier.account_sid}"

    async def ask(self, method: str, path: str, **fields: str) -> tuple[int, dict[str, Any]]:
        url = self.path + path
        if method == "POST":
            response = await self._client.post(url, data=fields)
        else:
            response = await self._client.request(method, url, params=fields)
        return response.status_code, response.json() if response.content else {}

    async def create(self, **fields: str) -> tuple[int, dict[str, Any]]:
        given = {"To": FRIEND, "From": OWN, "Twiml": TALK} | fields
        return await self.ask(
            "POST", "/Calls.json", **{name: value for name, value in given.items() if value}
        )


@asynccontextmanager
async def interface(
    settings: EmulatorSettings | None = None,
) -> AsyncIterator[tuple[Rest, Application]]:
    async with stage(settings=settings) as (carrier, application):
        carrier.far_ends[FRIEND] = silence()
        async with httpx.AsyncClient(
            base_url=carrier.base_url,
            auth=(carrier.account_sid, carrier.auth_token),
            trust_env=False,
        ) as client:
            yield Rest(client, carrier), application


# Who may ask.


@pytest.mark.parametrize(
    "auth", [None, ("AC0", "wrong"), ("RIGHT", "wrong"), ("AC0", "RIGHT"), ("é", "é")]
)
def test_without_the_right_token_nothing_is_answered(auth: tuple[str, str] | None) -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            carrier = rest.carrier
            if auth is not None:
                user = carrier.account_sid if auth[0] == "RIGHT" else auth[0]
                word = carrier.auth_token if auth[1] == "RIGHT" else auth[1]
            async with httpx.AsyncClient(base_url=carrier.base_url, trust_env=False) as client:
                response = await client.get(
                    f"{rest.path}/Calls.json", auth=None if auth is None else (user, word)
                )
            assert response.status_code == 401
            assert response.json() == {
                "code": 20003,
                "message": "Authenticate",
                "more_info": "https://www.twilio.com/docs/errors/20003",
                "status": 401,
            }

    go(main())


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Bearer abc", "Basic /////w=="])
def test_a_broken_authorisation_is_none(header: str) -> None:
    async def main() -> None:
        async with (
            interface() as (rest, _),
            httpx.AsyncClient(base_url=rest.carrier.base_url, trust_env=False) as client,
        ):
            response = await client.get(
                f"{rest.path}/Calls.json", headers={"Authorization": header}
            )
            assert response.status_code == 401

    go(main())


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/Calls/CA0.json", 404, 20404),
        ("POST", "/Calls/CA0.json", 404, 20404),
        ("DELETE", "/Calls/CA0.json", 404, 20404),
        ("GET", "/IncomingPhoneNumbers/PN0.json", 404, 20404),
        ("GET", "/Recordings/RE0.json", 404, 20404),
        ("GET", "/Conferences/CF0.json", 404, 20404),
        ("POST", "/Conferences/CF0.json", 404, 20404),
        ("GET", "/Conferences/CF0/Participants.json", 404, 20404),
        ("DELETE", "/Conferences/CF0/Participants/CA0.json", 404, 20404),
        ("GET", "/Messages.json", 404, 20404),
        ("GET", "/../AC0/Calls.json", 404, 20404),
        ("PUT", "/Calls.json", 405, 20004),
        ("DELETE", "/Calls.json", 405, 20004),
        ("POST", ".json", 405, 20004),
    ],
)
def test_what_is_not_there_or_can_not_be_done_is_an_error(
    method: str, path: str, status: int, code: int
) -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            answered, body = await rest.ask(method, path)
            assert (answered, body["code"]) == (status, code)

    go(main())


def test_a_form_that_is_broken_or_too_long_is_refused() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            client = rest._client
            broken = await client.post(f"{rest.path}/Calls.json", content=b"To=%zz")
            assert (broken.status_code, broken.json()["code"]) == (400, 20001)
            long = await client.post(f"{rest.path}/Calls.json", content=b"To=" + b"1" * 70_000)
            assert (long.status_code, long.json()["code"]) == (413, 20001)

    go(main())


# Calls.


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": ""}, 21201),
        ({"To": "five"}, 21211),
        ({"To": "+1"}, 21211),
        ({"From": ""}, 21213),
        ({"From": "nobody"}, 21212),
        ({"From": CALLER}, 21210),
        ({"Twiml": ""}, 21205),
        ({"Url": "/relative"}, 21205),
        ({"FallbackUrl": "ftp://example.com"}, 21205),
        ({"Twiml": "x" * 4001}, 20001),
        ({"Method": "PATCH"}, 20001),
        ({"Timeout": "601"}, 20001),
        ({"Timeout": "soon"}, 20001),
        ({"TimeLimit": "0"}, 20001),
        ({"SendDigits": "12E"}, 20001),
        ({"SendDigits": "1" * 33}, 20001),
        ({"MachineDetection": "Maybe"}, 20001),
        ({"MachineDetection": "Enable", "AsyncAmd": "yes"}, 20001),
        ({"MachineDetection": "Enable", "AsyncAmdStatusCallback": "/relative"}, 21262),
        ({"MachineDetection": "Enable", "MachineDetectionTimeout": "60"}, 20001),
        ({"MachineDetection": "Enable", "MachineDetectionSpeechThreshold": "999"}, 20001),
        ({"MachineDetection": "Enable", "MachineDetectionSpeechEndThreshold": "5001"}, 20001),
        ({"MachineDetection": "Enable", "MachineDetectionSilenceTimeout": "1999"}, 20001),
    ],
)
def test_a_call_that_can_not_be_is_refused_with_the_vendors_code(
    fields: dict[str, str], code: int
) -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            status, body = await rest.create(**fields)
            assert (status, body["code"]) == (400, code)
            assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
            assert rest.carrier.calls == {}

    go(main())


def test_a_verified_number_may_be_shown() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            rest.carrier.add_caller_id(CALLER)
            assert (await rest.create(From=CALLER))[0] == 201

    go(main())


def test_a_call_is_shown_with_all_of_the_vendors_fields() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            status, body = await rest.create()
            assert status == 201
            sid = body["sid"]
            path = f"{rest.path}/Calls/{sid}"
            assert body == {
                "sid": sid,
                "account_sid": rest.carrier.account_sid,
                "annotation": None,
                "answered_by": None,
                "api_version": "2010-04-01",
                "caller_name": None,
                "date_created": "Thu, 01 Jan 2026 00:00:00 +0000",
                "date_updated": "Thu, 01 Jan 2026 00:00:00 +0000",
                "direction": "outbound-api",
                "duration": None,
                "end_time": None,
                "forwarded_from": None,
                "from": OWN,
                "from_formatted": OWN,
                "group_sid": None,
                "parent_call_sid": None,
                "phone_number_sid": "",
                "price": None,
                "price_unit": "USD",
                "queue_time": "0",
                "start_time": None,
                "status": "queued",
                "stir_verstat": None,
                "subresource_uris": {
                    "notifications": f"{path}/Notifications.json",
                    "recordings": f"{path}/Recordings.json",
                    "streams": f"{path}/Streams.json",
                },
                "to": FRIEND,
                "to_formatted": FRIEND,
                "trunk_sid": "",
                "uri": f"{path}.json",
            }
            assert (await rest.carrier.calls[sid].ended()) == "completed"
            _, later = await rest.ask("GET", f"/Calls/{sid}.json")
            assert later["status"] == "completed"
            assert later["duration"] == "60"
            assert later["start_time"] == "Thu, 01 Jan 2026 00:00:01 +0000"
            assert later["end_time"] == "Thu, 01 Jan 2026 00:01:01 +0000"

    go(main())


def test_a_subscription_takes_its_events_repeated_or_in_one_field() -> None:
    async def main() -> None:
        async with interface() as (rest, application):
            application.pages["/a"] = application.pages["/b"] = ""
            await rest.create(
                StatusCallback=f"{application.http}/a", StatusCallbackEvent="initiated ringing"
            )
            await rest._client.post(
                f"{rest.path}/Calls.json",
                content=(
                    f"To=%2B15550142&From=%2B15550100&Twiml=%3CResponse%2F%3E&"
                    f"StatusCallback={application.http}/b"
                    "&StatusCallbackEvent=answered&StatusCallbackEvent=completed"
                ).encode(),
            )
            for call in rest.carrier.calls.values():
                await call.ended()
            assert [one.params["CallStatus"] for one in application.at("/a")] == [
                "initiated",
                "ringing",
            ]
            assert [one.params["CallStatus"] for one in application.at("/b")] == [
                "in-progress",
                "completed",
            ]

    go(main())


def test_a_bad_callback_is_noticed_and_the_call_is_placed_all_the_same() -> None:
    async def main() -> None:
        async with interface() as (rest, application):
            assert (await rest.create(StatusCallback="nowhere"))[0] == 201
            status, _ = await rest.create(
                StatusCallback=f"{application.http}/status", StatusCallbackEvent="sneezed"
            )
            assert status == 201
            _, notices = await rest.ask("GET", "/Notifications.json")
            assert [(one["error_code"], one["log"]) for one in notices["notifications"]] == [
                ("21626", "1"),
                ("21609", "0"),
            ]

    go(main())


def test_what_the_emulator_does_not_know_is_noticed() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            await rest.create(Record="true")
            assert [one.rule for one in rest.carrier.log.of(Lint)] == ["not_emulated"]

    go(main())


def test_too_many_live_calls_are_refused() -> None:
    async def main() -> None:
        async with interface(EmulatorSettings(max_calls=1)) as (rest, _):
            assert (await rest.create())[0] == 201
            status, body = await rest.create()
            assert (status, body["code"]) == (429, 20429)

    go(main())


def test_a_ringing_call_can_be_canceled_and_an_answered_one_can_not() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            _, body = await rest.create()
            status, shown = await rest.ask("POST", f"/Calls/{body['sid']}.json", Status="canceled")
            assert (status, shown["status"], shown["duration"]) == (200, "canceled", "0")
            _, body = await rest.create()
            call = rest.carrier.calls[body["sid"]]
            await call.answered()
            status, shown = await rest.ask("POST", f"/Calls/{call.sid}.json", Status="canceled")
            assert (status, shown["code"], call.status) == (400, 21220, "in-progress")

    go(main())


def test_completing_ends_a_call_once() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            _, body = await rest.create()
            call = rest.carrier.calls[body["sid"]]
            await call.answered()
            status, shown = await rest.ask("POST", f"/Calls/{call.sid}.json", Status="completed")
            assert (status, shown["status"]) == (200, "completed")
            status, shown = await rest.ask("POST", f"/Calls/{call.sid}.json", Status="completed")
            assert (status, shown["code"]) == (400, 21220)

    go(main())


def test_completing_a_call_that_rings_cancels_it() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            _, body = await rest.create()
            _, shown = await rest.ask("POST", f"/Calls/{body['sid']}.json", Status="completed")
            assert shown["status"] == "canceled"

    go(main())


def test_a_new_document_replaces_the_one_that_is_carried_out() -> None:
    async def main() -> None:
        async with interface() as (rest, application):
            application.pages["/new"] = "<Response><Pause length='3'/></Response>"
            _, body = await rest.create()
            call = rest.carrier.calls[body["sid"]]
            status, shown = await rest.ask("POST", f"/Calls/{call.sid}.json", Twiml=TALK)
            assert (status, shown["code"]) == (400, 21220)
            await call.answered()
            status, _ = await rest.ask(
                "POST", f"/Calls/{call.sid}.json", Url=f"{application.http}/new", Method="GET"
            )
            assert status == 200
            await call.ended()
            assert call.duration == 3
            (asked,) = application.at("/new")
            assert (asked.method, asked.params["CallSid"]) == ("GET", call.sid)
            status, shown = await rest.ask("POST", f"/Calls/{call.sid}.json", Twiml=TALK)
            assert (status, shown["code"]) == (400, 21220)

    go(main())


def test_a_live_call_gets_a_new_limit_and_a_new_callback() -> None:
    async def main() -> None:
        async with interface() as (rest, application):
            _, body = await rest.create()
            call = rest.carrier.calls[body["sid"]]
            await call.answered()
            await rest.ask(
                "POST",
                f"/Calls/{call.sid}.json",
                TimeLimit="10",
                StatusCallback=f"{application.http}/status",
            )
            await call.ended()
            assert call.duration == 10
            assert application.at("/status")[0].params["CallDuration"] == "10"

    go(main())


def test_an_unknown_status_is_refused() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            _, body = await rest.create()
            status, shown = await rest.ask("POST", f"/Calls/{body['sid']}.json", Status="paused")
            assert (status, shown["code"]) == (400, 20001)

    go(main())


def test_a_call_can_be_deleted_when_it_has_ended() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            _, body = await rest.create()
            path = f"/Calls/{body['sid']}.json"
            assert (await rest.ask("DELETE", path))[0] == 409
            await rest.ask("POST", path, Status="canceled")
            assert await rest.ask("DELETE", path) == (204, {})
            assert (await rest.ask("GET", path))[0] == 404

    go(main())


# Lists.


def test_a_page_has_the_paging_keys_and_one_other() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            for path, key in (
                ("/Calls.json", "calls"),
                ("/IncomingPhoneNumbers.json", "incoming_phone_numbers"),
                ("/Recordings.json", "recordings"),
                ("/Notifications.json", "notifications"),
            ):
                status, body = await rest.ask("GET", path)
                assert status == 200
                assert set(body) == META | {key}

    go(main())


def test_pages_lead_to_each_other_newest_first() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            sids = [(await rest.create())[1]["sid"] for _ in range(5)]
            found: list[list[str]] = []
            uri = f"{rest.path}/Calls.json?PageSize=2&To=%2B15550142"
            while uri:
                page = (await rest._client.get(uri)).json()
                found.append([call["sid"] for call in page["calls"]])
                uri = page["next_page_uri"]
            newest = sids[::-1]
            assert found == [newest[:2], newest[2:4], newest[4:]]
            assert (page["start"], page["end"], page["page"]) == (4, 4, 2)
            previous = (await rest._client.get(page["previous_page_uri"])).json()
            assert [call["sid"] for call in previous["calls"]] == newest[2:4]

    go(main())


def test_calls_are_filtered() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            first = (await rest.create())[1]["sid"]
            await rest.carrier.calls[first].ended()
            second = (await rest.create())[1]["sid"]
            await rest.carrier.calls[second].answered()
            for fields, found in (
                ({"Status": "in-progress"}, [second]),
                ({"Status": "completed"}, [first]),
                ({"To": FRIEND}, [second, first]),
                ({"To": "+15550143"}, []),
                ({"From": OWN, "Status": "completed"}, [first]),
                ({"ParentCallSid": "CA0"}, []),
                ({"StartTime": "2026-01-01"}, [second, first]),
                ({"StartTime": "2026-01-02"}, []),
                ({"StartTime>": "2026-01-01T00:00:30Z"}, [second]),
                ({"StartTime<": "2026-01-01T00:00:30Z"}, [first]),
                ({"EndTime>": "2026-01-01"}, [first]),
            ):
                _, body = await rest.ask("GET", "/Calls.json", **fields)
                assert [call["sid"] for call in body["calls"]] == found, fields

    go(main())


def test_a_filter_that_is_no_date_is_refused() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            await rest.create()
            status, _ = await rest.ask("GET", "/Calls.json", StartTime="yesterday")
            assert status == 400

    go(main())


# Numbers.


def test_numbers_are_found_by_a_part_or_a_pattern() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            rest.carrier.add_number("+442079460000", friendly_name="London")
            for fields, count in (
                ({}, 2),
                ({"PhoneNumber": "+15550100"}, 1),
                ({"PhoneNumber": "0100"}, 1),
                ({"PhoneNumber": "+44*00"}, 1),
                ({"PhoneNumber": "+49"}, 0),
                ({"FriendlyName": "London"}, 1),
            ):
                _, body = await rest.ask("GET", "/IncomingPhoneNumbers.json", **fields)
                assert len(body["incoming_phone_numbers"]) == count, fields

    go(main())


def test_a_numbers_settings_are_changed_and_cleared() -> None:
    async def main() -> None:
        async with interface() as (rest, application):
            (number,) = rest.carrier.numbers.values()
            path = f"/IncomingPhoneNumbers/{number.sid}.json"
            status, body = await rest.ask(
                "POST",
                path,
                VoiceUrl=f"{application.http}/other",
                VoiceMethod="get",
                FriendlyName="Desk",
            )
            assert status == 200
            assert body["voice_url"] == f"{application.http}/other"
            assert (body["voice_method"], body["friendly_name"]) == ("GET", "Desk")
            assert body["status_callback"] == f"{application.http}/status"
            _, body = await rest.ask("POST", path, VoiceUrl="")
            assert body["voice_url"] == ""
            status, body = await rest.ask("POST", path, VoiceUrl="nowhere")
            assert (status, body["code"]) == (400, 21502)
            _, body = await rest.ask("GET", path)
            assert body["capabilities"] == {"voice": True, "sms": False, "mms": False, "fax": False}

    go(main())


def test_a_number_can_be_bought_and_given_back() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            path = "/IncomingPhoneNumbers.json"
            status, body = await rest.ask("POST", path, PhoneNumber="+15550177")
            assert status == 201
            assert (await rest.ask("POST", path, PhoneNumber="+15550177"))[1]["code"] == 21422
            assert (await rest.ask("POST", path, PhoneNumber="me"))[1]["code"] == 21421
            one = f"/IncomingPhoneNumbers/{body['sid']}.json"
            assert (await rest.ask("DELETE", one))[0] == 204
            assert (await rest.ask("GET", one))[0] == 404

    go(main())


# Streams and recordings.


def test_a_fork_is_started_and_stopped() -> None:
    async def main() -> None:
        async with interface() as (rest, application):
            _, body = await rest.create()
            call = rest.carrier.calls[body["sid"]]
            path = f"/Calls/{call.sid}/Streams.json"
            fields = {
                "Url": f"{application.ws}/media",
                "Name": "copy",
                "Track": "both_tracks",
                "Parameter1.Name": "k",
                "Parameter1.Value": "v",
            }
            assert (await rest.ask("POST", path, **fields))[1]["code"] == 21220
            await call.answered()
            assert (await rest.ask("POST", path))[1]["code"] == 21205
            assert (await rest.ask("POST", path, Url="x", Track="left"))[1]["code"] == 20001
            status, shown = await rest.ask("POST", path, **fields)
            assert (status, shown["status"], shown["name"]) == (201, "in-progress", "copy")
            session = await application.session()
            await session.until("media", 100)
            start = session.of("start")[0]["start"]
            assert start["streamSid"] == shown["sid"]
            assert (start["customParameters"], start["tracks"]) == (
                {"k": "v"},
                ["inbound", "outbound"],
            )
            one = f"/Calls/{call.sid}/Streams/copy.json"
            assert (await rest.ask("POST", one, Status="gone"))[1]["code"] == 20001
            assert (await rest.ask("POST", one, Status="stopped"))[1]["status"] == "stopped"
            assert (await rest.ask("POST", f"/Calls/{call.sid}/Streams/x.json"))[0] == 404
            await session.closed
            assert session.messages[-1]["event"] == "stop"

    go(main())


def test_recordings_are_listed_served_and_deleted() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            _, body = await rest.create(
                Twiml="<Response><Record playBeep='false' maxLength='2'/></Response>"
            )
            sid = body["sid"]
            await rest.carrier.calls[sid].ended()
            _, page = await rest.ask("GET", f"/Calls/{sid}/Recordings.json")
            (shown,) = page["recordings"]
            assert (shown["status"], shown["source"], shown["call_sid"]) == (
                "absent",
                "RecordVerb",
                sid,
            )
            _, page = await rest.ask("GET", "/Recordings.json", CallSid="CA0")
            assert page["recordings"] == []
            async with httpx.AsyncClient(trust_env=False) as anybody:
                file = await anybody.get(shown["media_url"] + ".wav")
                assert file.headers["content-type"] == "audio/x-wav"
                assert file.content[:4] == b"RIFF"
                missing = await anybody.get(shown["media_url"] + "0")
                assert missing.status_code == 404
            path = f"/Recordings/{shown['sid']}.json"
            assert (await rest.ask("GET", path))[1]["sid"] == shown["sid"]
            assert (await rest.ask("DELETE", path))[0] == 204
            assert (await rest.ask("GET", path))[0] == 404

    go(main())


def test_the_account_is_shown_and_requests_are_logged() -> None:
    async def main() -> None:
        async with interface() as (rest, _):
            status, body = await rest.ask("GET", ".json")
            assert (status, body["status"], body["type"]) == (200, "active", "Full")
            await rest.ask("GET", "/Calls.json", To="x")
            await rest.ask("GET", "/Calls/CA0.json")
            assert [
                (one.method, one.path.removeprefix(rest.path), one.params, one.status, one.code)
                for one in rest.carrier.log.of(RestRequest)
            ] == [
                ("GET", ".json", (), 200, None),
                ("GET", "/Calls.json", (("To", "x"),), 200, None),
                ("GET", "/Calls/CA0.json", (), 404, 20404),
            ]

    go(main())

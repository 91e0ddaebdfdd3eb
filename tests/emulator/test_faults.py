"""What can be made to go wrong, and the races by name."""

import asyncio
from collections.abc import Callable

import httpx
import pytest
from tests.emulator.customer import CALLER, FRIEND, OWN, Application, go, sdk, stage, stays
from twilio.base.exceptions import TwilioRestException

from hookflash.emulator import (
    CarrierEmulator,
    EmulatedCall,
    Faults,
    Notice,
    Race,
    Webhook,
    no_answer,
    person,
    silence,
)
from hookflash.errors import UsageError
from hookflash.runtime import clock

TALK = "<Response><Pause length='60'/></Response>"
ALL = ["initiated", "ringing", "answered", "completed"]


async def dial(carrier: CarrierEmulator, application: Application, **more: object) -> EmulatedCall:
    """Phone somebody through the SDK, with all callbacks."""
    async with sdk(carrier) as client:
        created = await client.calls.create_async(
            **{
                "to": FRIEND,
                "from_": OWN,
                "twiml": TALK,
                "status_callback": f"{application.http}/status",
                "status_callback_event": ALL,
                **more,
            }
        )
    return carrier.calls[created.sid]


def statuses(application: Application) -> list[str]:
    return [one.params["CallStatus"] for one in application.at("/status")]


# The REST interface.


@pytest.mark.parametrize(
    ("status", "code"), [(429, 20429), (500, 20500), (503, 20500), (404, 20404), (400, 20001)]
)
def test_a_request_is_refused_so_often_and_nothing_is_done(status: int, code: int) -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = silence()
            carrier.faults.refuse_rest(status, method="POST", path="*/Calls.json", times=2)
            for _ in range(2):
                with pytest.raises(TwilioRestException) as refused:
                    await dial(carrier, application)
                assert (refused.value.status, refused.value.code) == (status, code)
            assert carrier.calls == {}
            assert (await dial(carrier, application)).status == "queued"

    go(main())


def test_a_request_may_be_carried_out_although_it_is_refused() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = silence()
            carrier.faults.refuse_rest(502, carried_out=True)
            with pytest.raises(TwilioRestException):
                await dial(carrier, application)
            assert len(carrier.calls) == 1

    go(main())


@pytest.mark.parametrize(("done_first", "done_at"), [(True, 0.0), (False, 8.0)])
def test_a_request_is_answered_late_and_done_first_or_late_too(
    done_first: bool, done_at: float
) -> None:
    async def main() -> None:
        async with stage() as (carrier, _):
            carrier.far_ends[FRIEND] = silence()
            carrier.faults.slow_rest(8.0, path="*/Calls.json", done_first=done_first)
            began = clock.now()
            async with httpx.AsyncClient(
                auth=(carrier.account_sid, carrier.auth_token), trust_env=False, timeout=20.0
            ) as client:
                answer = await client.post(
                    f"{carrier.base_url}/2010-04-01/Accounts/{carrier.account_sid}/Calls.json",
                    data={"To": FRIEND, "From": OWN, "Twiml": TALK},
                )
            assert answer.status_code == 201
            assert clock.now() - began == pytest.approx(8.0, abs=0.05)
            (call,) = carrier.calls.values()
            (number,) = carrier.numbers.values()
            assert (call.created - number.created).total_seconds() == pytest.approx(
                done_at, abs=0.05
            )

    go(main())


# Callbacks.


def test_a_callback_that_is_late_is_overtaken_by_those_after_it() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = person(lambda line: line.wait(2.0))
            carrier.faults.delay("status", event="ringing", seconds=30.0)
            call = await dial(carrier, application)
            await call.ended()
            assert statuses(application) == ["initiated", "in-progress", "completed", "ringing"]
            assert [one.params["SequenceNumber"] for one in application.at("/status")] == [
                "0",
                "2",
                "3",
                "1",
            ]

    go(main())


def test_two_callbacks_are_swapped() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = person(lambda line: line.wait(2.0))
            carrier.faults.overtake("status", event="ringing")
            await (await dial(carrier, application)).ended()
            assert statuses(application) == ["initiated", "in-progress", "ringing", "completed"]

    go(main())


def test_status_out_of_order_swaps_the_next_two() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = person(lambda line: line.wait(2.0))
            carrier.faults.provoke(Race.STATUS_OUT_OF_ORDER)
            await (await dial(carrier, application)).ended()
            assert statuses(application) == ["ringing", "initiated", "in-progress", "completed"]

    go(main())


def test_the_last_callback_is_delivered_though_none_follows() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = person(lambda line: line.wait(2.0))
            carrier.faults.overtake("status", event="completed")
            await (await dial(carrier, application)).ended()
            assert statuses(application) == ["initiated", "ringing", "in-progress", "completed"]

    go(main())


def test_a_callback_is_delivered_twice() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = person(lambda line: line.wait(2.0))
            carrier.faults.double("status", event="in-progress", apart=10.0)
            await (await dial(carrier, application)).ended()
            first, second = (
                one
                for one in application.at("/status")
                if one.params["CallStatus"] == "in-progress"
            )
            assert first.params == second.params
            assert second.at - first.at == pytest.approx(10.0, abs=0.05)

    go(main())


def test_a_callback_is_lost_and_the_log_says_so() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = person(lambda line: line.wait(2.0))
            carrier.faults.lose("status", event="completed")
            await (await dial(carrier, application)).ended()
            assert statuses(application) == ["initiated", "ringing", "in-progress"]
            (lost,) = carrier.log.of(Webhook, error="11205")
            assert lost.params["CallStatus"] == "completed"

    go(main())


def test_an_application_out_of_reach_is_not_asked_for_its_document() -> None:
    async def main() -> None:
        async with stage({"/voice": TALK}) as (carrier, application):
            carrier.faults.lose("voice")
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.ended()
            assert application.at("/voice") == []
            assert [one.code for one in carrier.log.of(Notice)] == ["11205"]
            assert len(call.line.heard.speech()) == 1  # the apology

    go(main())


# Streams.


def test_a_stream_breaks_after_a_while() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Connect><Stream url='{application.ws}/media'/></Connect>"
                "<Pause length='2'/></Response>"
            )
            carrier.faults.break_stream(after=3.0)
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.ended()
            assert call.duration == 5
            assert application.sessions[0].of("stop") == []
            assert [one.code for one in carrier.log.of(Notice)] == ["31921"]
            again = carrier.call(to=OWN, from_=CALLER, far_end=person(lambda line: line.wait(9.0)))
            await again.ended()
            assert again.duration == 9

    go(main())


# Races.


def test_who_rings_answers_as_the_caller_hangs_up() -> None:
    async def main() -> None:
        async with stage({"/done": ""}) as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Dial action='/done'>{FRIEND}</Dial></Response>"
            )
            carrier.far_ends[FRIEND] = no_answer()
            carrier.faults.provoke(Race.ANSWERED_AS_CALLER_HANGS_UP)
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await asyncio.sleep(3.0)
            callee = list(carrier.calls.values())[1]
            call.hang_up()
            await callee.ended()
            assert (callee.answered_at, callee.status) == (call.ended_at, "completed")

    go(main())


@pytest.mark.parametrize("status", ["canceled", "completed"])
def test_who_rings_answers_before_the_request_that_cancels(status: str) -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = no_answer()
            carrier.faults.provoke(Race.ANSWERED_AS_CANCELED)
            call = await dial(carrier, application)
            await asyncio.sleep(2.0)
            async with sdk(carrier) as client:
                if status == "canceled":
                    with pytest.raises(TwilioRestException) as refused:
                        await client.calls(call.sid).update_async(status="canceled")
                    assert refused.value.code == 21220
                    assert call.status == "in-progress"
                ended = await client.calls(call.sid).update_async(status="completed")
                assert ended.status == "completed"
            await call.ended()
            assert statuses(application) == ["initiated", "ringing", "in-progress", "completed"]

    go(main())


def test_who_rings_answers_after_the_timeout_that_was_asked_for() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = no_answer()
            carrier.faults.provoke(Race.ANSWERED_AFTER_TIMEOUT)
            call = await dial(carrier, application, timeout=10)
            began = clock.now()
            await call.answered()
            assert clock.now() - began == pytest.approx(12.6, abs=0.1)

    go(main())


def test_callbacks_come_before_the_answer_to_the_request_that_dialled() -> None:
    async def main() -> None:
        async with stage({"/conf": ""}) as (carrier, application), sdk(carrier) as client:
            carrier.far_ends[FRIEND] = silence()
            carrier.faults.provoke(Race.CREATE_ANSWERED_LATE, times=2)
            call = await dial(carrier, application)
            assert call.status == "in-progress"
            assert statuses(application) == ["initiated", "ringing", "in-progress"]
            created = await client.conferences("room").participants.create_async(
                to=FRIEND,
                from_=OWN,
                conference_status_callback=f"{application.http}/conf",
                conference_status_callback_event=["join"],
            )
            assert created.status == "connected"
            assert [one.params["CallSid"] for one in application.at("/conf")] == [created.call_sid]

    go(main())


def test_the_conference_ends_as_the_one_who_was_dialled_into_it_answers() -> None:
    async def main() -> None:
        async with stage({"/conf": ""}) as (carrier, application), sdk(carrier) as client:
            application.pages["/voice"] = (
                "<Response><Dial><Conference statusCallback='/conf' "
                "statusCallbackEvent='start end join leave'>room</Conference></Dial></Response>"
            )
            caller = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await asyncio.sleep(1.0)
            carrier.far_ends[FRIEND] = silence()
            carrier.faults.provoke(Race.CONFERENCE_ENDED_BEFORE_JOIN)
            created = await client.conferences("room").participants.create_async(
                to=FRIEND, from_=OWN
            )
            await carrier.calls[created.call_sid].ended()
            await caller.ended()
            await carrier.conferences[created.conference_sid].ended()
            assert [
                (one.params["StatusCallbackEvent"], one.params.get("ReasonParticipantLeft"))
                for one in application.at("/conf")
            ] == [
                ("participant-join", None),
                ("participant-leave", "conference_ended_via_api"),
                ("participant-leave", "participant_add_failed"),
                ("conference-end", None),
            ]

    go(main())


# The rules themselves.


def test_what_was_asked_for_can_be_forgotten() -> None:
    faults = Faults()
    faults.refuse_rest()
    faults.double("status")
    faults.break_stream(after=1.0)
    faults.provoke(Race.ANSWERED_AS_CANCELED)
    faults.clear()
    assert faults.rest("GET", "/") is None
    assert faults.callback("status", {}) is None
    assert faults.stream_breaks() is None
    assert not faults.happens(Race.ANSWERED_AS_CANCELED)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda faults: faults.refuse_rest(200), "status"),
        (lambda faults: faults.refuse_rest(times=0), "times"),
        (lambda faults: faults.slow_rest(-1.0), "seconds"),
        (lambda faults: faults.delay("status", seconds=float("nan")), "seconds"),
        (lambda faults: faults.lose("stautus"), "purpose"),
        (lambda faults: faults.break_stream(after=-1.0), "seconds"),
        (lambda faults: faults.provoke(Race.ANSWERED_AS_CANCELED, times=0), "times"),
    ],
)
def test_a_fault_that_can_not_be_is_refused(ask: Callable[[Faults], None], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ask(Faults())

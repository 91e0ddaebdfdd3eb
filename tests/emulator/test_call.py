import asyncio

import pytest
from tests.emulator.customer import CALLER, FRIEND, OWN, Application, go, stage, stays

from hookflash.emulator import (
    CallChange,
    CarrierEmulator,
    EmulatedCall,
    EmulatorSettings,
    FarEnd,
    Line,
    Lint,
    busy,
    fax,
    invalid,
    no_answer,
    person,
    reject,
    silence,
    voicemail,
)
from hookflash.emulator.call import CallPlan, Document, Subscription
from hookflash.errors import LegClosed, LinkTimeout, UsageError

ALL = frozenset({"initiated", "ringing", "answered", "completed"})
HELLO = f"<Response><Say>{'x' * 50}</Say></Response>"


def place(
    carrier: CarrierEmulator,
    application: Application,
    to: str = FRIEND,
    *,
    twiml: str = HELLO,
    timeout: float = 60.0,
    time_limit: float = 14_400.0,
    events: frozenset[str] = ALL,
    send_digits: str = "",
) -> EmulatedCall:
    """Start an outgoing call as the REST interface does."""
    call = carrier._exchange.place(
        CallPlan(
            direction="outbound-api",
            from_=OWN,
            to=to,
            document=Document(twiml=twiml),
            subscription=Subscription(url=f"{application.http}/status", events=events),
            timeout=timeout,
            time_limit=time_limit,
            send_digits=send_digits,
        )
    )
    assert call is not None
    return call


def changes(carrier: CarrierEmulator, call: EmulatedCall) -> list[tuple[float, str, str]]:
    began = carrier.log.of(CallChange, call_sid=call.sid)[0].at
    return [
        (round(one.at - began, 2), str(one.status), one.by)
        for one in carrier.log.of(CallChange, call_sid=call.sid)
    ]


def outgoing(far_end: FarEnd | None, *, timeout: float = 60.0) -> list[tuple[float, str, str]]:
    """Phone somebody; return how the call went."""

    async def main() -> list[tuple[float, str, str]]:
        async with stage() as (carrier, application):
            if far_end is not None:
                carrier.far_ends[FRIEND] = far_end
            call = place(carrier, application, timeout=timeout)
            await call.ended()
            told = [one.params["CallStatus"] for one in application.at("/status")]
            assert told[-1] == call.status
            return changes(carrier, call)

    return go(main())


# Whom one can phone.


def test_a_person_answers_after_a_while_and_hangs_up_at_the_end() -> None:
    async def script(line: Line) -> None:
        await line.wait(2.0)

    assert outgoing(person(script, answer_after=3.0)) == [
        (0.0, "queued", "api"),
        (0.1, "ringing", "far_end"),
        (3.1, "in-progress", "far_end"),
        (5.1, "completed", "far_end"),
    ]


def test_silence_answers_and_leaves_the_end_to_the_document() -> None:
    assert outgoing(silence(answer_after=1.0))[2:] == [
        (1.1, "in-progress", "far_end"),
        (4.12, "completed", "document"),
    ]


def test_a_busy_line_does_not_ring() -> None:
    assert outgoing(busy(after=0.5)) == [(0.0, "queued", "api"), (0.6, "busy", "far_end")]


def test_a_number_that_leads_nowhere_fails() -> None:
    assert outgoing(invalid()) == [(0.0, "queued", "api"), (0.3, "failed", "far_end")]


def test_somebody_who_declines_lets_the_call_fail() -> None:
    assert outgoing(reject(after=2.0))[1:] == [
        (0.1, "ringing", "far_end"),
        (2.1, "failed", "far_end"),
    ]


def test_nobody_answers_until_the_timeout_and_the_vendors_five_seconds_are_over() -> None:
    assert outgoing(no_answer(), timeout=20.0)[1:] == [
        (0.1, "ringing", "far_end"),
        (25.1, "no-answer", "timeout"),
    ]


def test_a_number_that_nobody_set_up_fails_and_the_log_says_so() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            call = place(carrier, application)
            assert await call.ended() == "failed"
            assert [one.rule for one in carrier.log.of(Lint)] == ["nobody_there"]

    go(main())


def test_voicemail_greets_beeps_listens_and_hangs_up() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = voicemail("x" * 50, limit=10.0)
            call = place(carrier, application, twiml="<Response><Pause length='60'/></Response>")
            await call.ended()
            line = call.line
            # The greeting, the beep, ten seconds of listening.
            assert line.spoke.speech(gap=0.1) == [(0.5, 3.5), (3.82, 4.32)]
            assert call.duration == 14
            assert changes(carrier, call)[-1][1:] == ("completed", "far_end")

    go(main())


def test_a_fax_sings() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = fax()
            call = place(carrier, application, twiml="<Response><Pause length='5'/></Response>")
            await call.ended()
            ((began, ended),) = call.line.spoke.speech()
            assert ended - began == pytest.approx(3.0, abs=0.03)

    go(main())


# Callbacks.


def test_progress_is_told_in_order_with_its_number_and_time() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = silence(answer_after=3.0)
            call = place(
                carrier, application, twiml=f"<Response><Say>{'x' * 1200}</Say></Response>"
            )
            await call.ended()
            told = [
                {
                    name: one.params.get(name)
                    for name in ("SequenceNumber", "CallStatus", "Timestamp", "CallDuration")
                }
                for one in application.at("/status")
            ]
            day = "Thu, 01 Jan 2026"
            assert told == [
                {
                    "SequenceNumber": "0",
                    "CallStatus": "initiated",
                    "Timestamp": f"{day} 00:00:00 +0000",
                    "CallDuration": None,
                },
                {
                    "SequenceNumber": "1",
                    "CallStatus": "ringing",
                    "Timestamp": f"{day} 00:00:00 +0000",
                    "CallDuration": None,
                },
                {
                    "SequenceNumber": "2",
                    "CallStatus": "in-progress",
                    "Timestamp": f"{day} 00:00:03 +0000",
                    "CallDuration": None,
                },
                {
                    "SequenceNumber": "3",
                    "CallStatus": "completed",
                    "Timestamp": f"{day} 00:01:15 +0000",
                    "CallDuration": "72",
                },
            ]
            last = application.at("/status")[-1].params
            assert last["Duration"] == "2"
            assert last["SipResponseCode"] == "200"
            assert last["CallbackSource"] == "call-progress-events"
            assert last["CallSid"] == call.sid

    go(main())


def test_a_slow_application_gets_its_callbacks_in_order_all_the_same() -> None:
    async def slow(_params: dict[str, str]) -> str:
        await asyncio.sleep(5.0)
        return ""

    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/status"] = slow
            carrier.far_ends[FRIEND] = silence()
            await place(carrier, application).ended()
            assert [one.params["CallStatus"] for one in application.at("/status")] == [
                "initiated",
                "ringing",
                "in-progress",
                "completed",
            ]

    go(main())


def test_only_what_was_subscribed_is_told_and_counted() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = silence()
            await place(carrier, application, events=frozenset({"answered", "completed"})).ended()
            assert [
                (one.params["SequenceNumber"], one.params["CallStatus"])
                for one in application.at("/status")
            ] == [("0", "in-progress"), ("1", "completed")]

    go(main())


def test_the_codes_of_the_phone_network_are_told() -> None:
    codes: list[str] = []

    async def main(far_end: FarEnd) -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = far_end
            await place(carrier, application, timeout=5.0).ended()
            codes.append(application.at("/status")[-1].params["SipResponseCode"])

    for far_end in (silence(), busy(), no_answer(), reject(), invalid()):
        go(main(far_end))
    assert codes == ["200", "486", "487", "603", "404"]


def test_the_voice_request_has_the_vendors_fields() -> None:
    async def main() -> None:
        async with stage({"/voice": HELLO}) as (carrier, application):
            call = carrier.call(to=OWN, from_="+442079460000", far_end=person(stays))
            await call.ended()
            (asked,) = application.at("/voice")
            places = {
                f"{side}{part}": ""
                for side in ("From", "To", "Caller", "Called")
                for part in ("City", "State", "Zip", "Country")
            }
            assert asked.params == places | {
                "ToCountry": "US",
                "CalledCountry": "US",
                "AccountSid": carrier.account_sid,
                "ApiVersion": "2010-04-01",
                "CallSid": call.sid,
                "CallStatus": "ringing",
                "Direction": "inbound",
                "From": "+442079460000",
                "Caller": "+442079460000",
                "To": OWN,
                "Called": OWN,
                "CallToken": asked.params["CallToken"],
                "StirVerstat": "TN-Validation-Passed-A",
            }

    go(main())


# Ends.


def test_a_caller_who_hangs_up_ends_the_call() -> None:
    async def script(line: Line) -> None:
        await line.wait(1.5)
        line.hang_up()

    async def main() -> None:
        page = "<Response><Pause length='1'/><Say loop='0'>hold</Say></Response>"
        async with stage({"/voice": page}) as (carrier, application):
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(script))
            assert await call.ended() == "completed"
            assert changes(carrier, call) == [
                (0.0, "ringing", "caller"),
                (1.0, "in-progress", "document"),
                (2.5, "completed", "caller"),
            ]
            assert application.at("/status")[0].params["CallStatus"] == "completed"

    go(main())


def test_a_caller_who_gives_up_before_the_answer_is_a_no_answer() -> None:
    async def main() -> None:
        page = "<Response><Pause length='30'/></Response>"
        async with stage({"/voice": page}) as (carrier, _):
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await asyncio.sleep(4.0)
            call.hang_up()
            assert await call.ended() == "no-answer"
            assert call.duration == 0
            with pytest.raises(LegClosed, match="no-answer"):
                await call.answered()

    go(main())


def test_a_call_lasts_no_longer_than_its_limit() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = silence(answer_after=1.0)
            endless = "<Response><Say loop='0'>hello</Say></Response>"
            call = place(carrier, application, twiml=endless, time_limit=30.0)
            await call.ended()
            assert changes(carrier, call)[-1] == (31.1, "completed", "time_limit")

    go(main())


def test_keys_are_sent_before_the_document_begins() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = silence()
            call = place(carrier, application, send_digits="w42")
            await call.ended()
            assert call.line.heard.digits() == "42"
            assert call.line.heard.speech(gap=0.1)[-1][0] == 0.92

    go(main())


def test_waiting_for_an_answer_or_an_end_has_a_limit() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = no_answer()
            call = place(carrier, application)
            with pytest.raises(LinkTimeout, match="was not answered in 10 s"):
                await call.answered(timeout=10.0)
            with pytest.raises(LinkTimeout, match="did not end in 10 s"):
                await call.ended(timeout=10.0)

    go(main())


def test_calls_that_live_at_the_end_are_ended() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = silence()
            call = place(
                carrier, application, twiml="<Response><Say loop='0'>hello</Say></Response>"
            )
            await call.answered()
        assert changes(carrier, call)[-1][1:] == ("completed", "emulator")
        assert application.at("/status")[-1].params["CallStatus"] == "completed"

    go(main())


def test_a_script_that_raises_ends_its_call_and_is_raised_at_the_end() -> None:
    async def script(line: Line) -> None:
        await line.wait_speech(timeout=2.0)

    async def main() -> None:
        page = "<Response><Gather timeout='60'/></Response>"
        async with stage({"/voice": page}) as (carrier, _):
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(script))
            assert await call.ended() == "completed"
            assert call.duration == 2

    with pytest.raises(LinkTimeout, match="said nothing"):
        go(main())


def test_a_voice_that_raises_ends_the_call_and_is_raised_at_the_end() -> None:
    async def voice(text: str, voice: str | None) -> bytes:
        msg = "no voice today"
        raise ValueError(msg)

    async def main() -> None:
        async with stage({"/voice": HELLO}, voice=voice) as (carrier, _):
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            assert await call.ended() == "failed"

    with pytest.raises(ValueError, match="no voice today"):
        go(main())


# Own numbers.


def test_calling_an_own_number_makes_two_calls_that_hear_each_other() -> None:
    async def main() -> None:
        page = f"<Response><Pause length='2'/><Say>{'x' * 50}</Say></Response>"
        async with stage({"/voice": page}) as (carrier, application):
            outer = place(
                carrier,
                application,
                OWN,
                twiml="<Response><Record playBeep='false' timeout='3'/></Response>",
            )
            await outer.ended()
            (inner,) = [call for call in carrier.calls.values() if call is not outer]
            assert (outer.direction, inner.direction) == ("outbound-api", "inbound")
            assert inner.number_sid == next(iter(carrier.numbers))
            # The outer call rings as long as the inner one does.
            assert changes(carrier, outer)[1:3] == [
                (0.1, "ringing", "far_end"),
                (2.1, "in-progress", "far_end"),
            ]
            assert [one.status for one in (outer, inner)] == ["completed", "completed"]
            (recording,) = carrier.recordings.values()
            assert recording.call_sid == outer.sid
            assert recording.seconds == 3

    go(main())


def test_keys_sent_to_an_own_number_arrive_as_keys() -> None:
    async def main() -> None:
        pages = {
            "/voice": "<Response><Gather numDigits='3' action='/keys'/></Response>",
            "/keys": "<Response><Pause length='1'/></Response>",
        }
        async with stage(pages) as (carrier, application):
            twiml = "<Response><Play digits='w407'/><Pause length='30'/></Response>"
            await place(carrier, application, OWN, twiml=twiml).ended()
            assert application.at("/keys")[0].params["Digits"] == "407"

    go(main())


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("<Reject reason='busy'/>", "busy"),
        ("<Reject/>", "no-answer"),
        ("<Hangup/>", "failed"),
    ],
)
def test_an_own_number_that_does_not_answer_decides_the_outer_call(page: str, status: str) -> None:
    async def main() -> None:
        async with stage({"/voice": f"<Response>{page}</Response>"}) as (carrier, application):
            assert await place(carrier, application, OWN).ended() == status

    go(main())


def test_an_own_number_that_answers_and_leaves_at_once_ends_the_outer_call() -> None:
    async def main() -> None:
        page = "<Response><Say></Say></Response>"
        async with stage({"/voice": page}) as (carrier, application):
            call = place(carrier, application, OWN)
            assert await call.ended() == "completed"

    go(main())


def test_the_end_of_the_outer_call_ends_the_inner_one() -> None:
    async def main() -> None:
        page = "<Response><Say loop='0'>hello</Say></Response>"
        async with stage({"/voice": page}) as (carrier, application):
            outer = place(
                carrier, application, OWN, twiml="<Response><Pause length='5'/></Response>"
            )
            await outer.ended()
            inner = list(carrier.calls.values())[1]
            assert await inner.ended() == "completed"
            assert inner.duration == 5
            with pytest.raises(UsageError, match="another call"):
                _ = outer.line

    go(main())


def test_an_own_number_without_a_voice_url_fails_silently() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            carrier.add_number(FRIEND, status_callback=f"{application.http}/status")
            call = place(carrier, application, FRIEND, events=frozenset())
            assert await call.ended() == "failed"
            assert [one.status for one in carrier.calls.values()] == ["failed", "failed"]
            assert application.asked == []

    go(main())


def test_an_own_number_is_busy_when_there_are_too_many_calls() -> None:
    async def main() -> None:
        async with stage({"/voice": HELLO}, settings=EmulatorSettings(max_calls=1)) as (
            carrier,
            application,
        ):
            assert await place(carrier, application, OWN).ended() == "busy"

    go(main())


def test_live_calls_are_limited() -> None:
    async def main() -> None:
        page = "<Response><Pause length='60'/></Response>"
        settings = EmulatorSettings(max_calls=1)
        async with stage({"/voice": page}, settings=settings) as (carrier, _):
            carrier.call(to=OWN, from_=CALLER, far_end=silence())
            with pytest.raises(UsageError, match="max_calls"):
                carrier.call(to=OWN, from_=CALLER, far_end=silence())

    go(main())

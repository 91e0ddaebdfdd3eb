import asyncio
from collections.abc import Mapping

import pytest
from tests.emulator.customer import CALLER, FRIEND, OWN, Application, go, stage, stays

from hookflash.audio.tones import tone
from hookflash.emulator import (
    CarrierEmulator,
    EmulatedCall,
    EmulatorSettings,
    FarEnd,
    Line,
    Lint,
    Notice,
    busy,
    no_answer,
    person,
    silence,
)
from hookflash.emulator.call import Document

OTHER = "+15550143"
SOUND = tone((400.0,), 1000.0)


async def dialled(
    carrier: CarrierEmulator,
    application: Application,
    verb: str,
    far_ends: Mapping[str, FarEnd],
    *,
    caller: FarEnd | None = None,
    after: str = "",
) -> tuple[EmulatedCall, list[EmulatedCall]]:
    """Phone an application that dials on; return the caller's call and the others."""
    application.pages["/voice"] = f"<Response>{verb}{after}</Response>"
    application.pages.setdefault("/done", "<Response/>")
    carrier.far_ends.update(far_ends)
    call = carrier.call(to=OWN, from_=CALLER, far_end=caller or person(stays))
    await call.ended()
    return call, [other for other in carrier.calls.values() if other is not call]


async def talks(line: Line) -> None:
    await line.wait(1.0)
    await line.say(SOUND)
    await line.wait(1.0)


def test_the_two_hear_each_other_until_one_hangs_up() -> None:
    async def caller(line: Line) -> None:
        await line.wait_speech(timeout=30.0)  # the ringing
        await line.wait(4.0)
        await line.say(SOUND)
        await line.wait_end()

    async def main() -> None:
        async with stage() as (carrier, application):
            call, (callee,) = await dialled(
                carrier,
                application,
                f"<Dial action='/done'>{FRIEND}</Dial><Say>never</Say>",
                {FRIEND: person(talks, answer_after=2.0)},
                caller=person(caller),
            )
            assert (callee.direction, callee.parent_sid) == ("outbound-dial", call.sid)
            assert (callee.from_, callee.to) == (CALLER, FRIEND)
            ringing, voice = call.line.heard.speech()
            assert ringing == (0.0, 2.0)
            assert voice == (3.1, 4.1)
            assert callee.line.heard.speech() == [(1.96, 2.96)]
            (done,) = application.at("/done")
            assert {
                name: value for name, value in done.params.items() if name.startswith("Dial")
            } == {
                "DialCallStatus": "completed",
                "DialCallSid": callee.sid,
                "DialCallDuration": "3",
                "DialBridged": "true",
            }

    go(main())


def test_without_an_action_the_next_verb_follows() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            call, _ = await dialled(
                carrier,
                application,
                f"<Dial>{FRIEND}</Dial>",
                {FRIEND: busy()},
                after="<Pause length='1'/><Say>They are busy.</Say>",
            )
            # Ringing, then words.
            assert len(call.line.heard.speech()) == 2
            assert call.status == "completed"

    go(main())


@pytest.mark.parametrize(
    ("far_end", "status"), [(busy(), "busy"), (no_answer(), "no-answer"), (None, "failed")]
)
def test_the_action_learns_why_nobody_was_reached(far_end: FarEnd | None, status: str) -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            far_ends = {} if far_end is None else {FRIEND: far_end}
            _, (callee,) = await dialled(
                carrier, application, f"<Dial action='/done' timeout='10'>{FRIEND}</Dial>", far_ends
            )
            (done,) = application.at("/done")
            assert done.params["DialCallStatus"] == status
            assert done.params["DialCallSid"] == callee.sid
            assert done.params["DialBridged"] == "false"
            assert "DialCallDuration" not in done.params

    go(main())


def test_a_dial_gives_up_after_its_timeout_and_the_vendors_five_seconds() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            call, _ = await dialled(
                carrier, application, f"<Dial timeout='10'>{FRIEND}</Dial>", {FRIEND: no_answer()}
            )
            assert call.duration == 15

    go(main())


def test_the_caller_keeps_ringing_until_the_callee_answers_if_the_answer_waits() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            call, (callee,) = await dialled(
                carrier,
                application,
                f"<Dial answerOnBridge='true'>{FRIEND}</Dial>",
                {FRIEND: person(talks, answer_after=3.0)},
            )
            assert call.answered_at == callee.answered_at
            assert len(call.line.heard.speech()) == 1

    go(main())


def test_the_first_who_answers_has_the_call_and_the_others_stop_ringing() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            _, callees = await dialled(
                carrier,
                application,
                f"<Dial action='/done'><Number>{FRIEND}</Number><Number>{OTHER}</Number></Dial>",
                {FRIEND: silence(answer_after=5.0), OTHER: person(talks, answer_after=2.0)},
            )
            assert [(one.to, one.status) for one in callees] == [
                (FRIEND, "canceled"),
                (OTHER, "completed"),
            ]
            assert application.at("/done")[0].params["DialCallSid"] == callees[1].sid

    go(main())


def test_sequential_dialling_tries_the_next_when_the_first_is_busy() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            _, callees = await dialled(
                carrier,
                application,
                "<Dial sequential='true' action='/done'>"
                f"<Number>{FRIEND}</Number><Number>{OTHER}</Number></Dial>",
                {FRIEND: busy(after=3.0), OTHER: person(talks)},
            )
            first, second = callees
            assert first.ended_at is not None
            assert second.answered_at is not None
            assert second.answered_at - first.ended_at == pytest.approx(1.1)
            assert application.at("/done")[0].params["DialCallStatus"] == "completed"

    go(main())


def test_the_caller_hanging_up_cancels_the_ringing_and_the_action_hears_of_it() -> None:
    async def caller(line: Line) -> None:
        await line.wait(3.0)

    async def main() -> None:
        async with stage() as (carrier, application):
            _, (callee,) = await dialled(
                carrier,
                application,
                f"<Dial action='/done'>{FRIEND}</Dial>",
                {FRIEND: no_answer()},
                caller=person(caller),
            )
            assert callee.status == "canceled"
            (done,) = application.at("/done")
            assert done.params["DialCallStatus"] == "canceled"
            assert done.params["CallStatus"] == "completed"

    go(main())


def test_the_caller_hanging_up_ends_the_callees_call() -> None:
    async def caller(line: Line) -> None:
        await line.wait(5.0)

    async def main() -> None:
        async with stage() as (carrier, application):
            _, (callee,) = await dialled(
                carrier,
                application,
                f"<Dial>{FRIEND}</Dial>",
                {FRIEND: silence(answer_after=1.0)},
                caller=person(caller),
            )
            assert (callee.status, callee.duration) == ("completed", 4)

    go(main())


def test_a_star_ends_the_callees_call_only() -> None:
    async def caller(line: Line) -> None:
        await line.wait(4.0)
        line.press("1*")
        await line.wait_end()

    async def main() -> None:
        async with stage() as (carrier, application):
            call, (callee,) = await dialled(
                carrier,
                application,
                f"<Dial hangupOnStar='true'>{FRIEND}</Dial>",
                {FRIEND: silence(answer_after=1.0)},
                caller=person(caller),
                after="<Pause length='2'/>",
            )
            assert (callee.duration, call.duration) == (3, 6)

    go(main())


def test_the_talk_lasts_no_longer_than_its_limit() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            _, (callee,) = await dialled(
                carrier, application, f"<Dial timeLimit='7'>{FRIEND}</Dial>", {FRIEND: silence()}
            )
            assert callee.duration == 7

    go(main())


def test_the_callee_sees_the_number_that_the_document_gives() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            _, (callee,) = await dialled(
                carrier, application, f"<Dial callerId='{OWN}'>{FRIEND}</Dial>", {FRIEND: busy()}
            )
            assert callee.from_ == OWN

    go(main())


def test_the_callees_progress_is_told() -> None:
    async def main() -> None:
        async with stage({"/leg": ""}) as (carrier, application):
            await dialled(
                carrier,
                application,
                "<Dial><Number statusCallback='/leg' statusCallbackEvent='ringing answered "
                f"completed'>{FRIEND}</Number></Dial>",
                {FRIEND: person(talks)},
            )
            assert [
                (one.params["CallStatus"], one.params["Direction"])
                for one in application.at("/leg")
            ] == [
                ("ringing", "outbound-dial"),
                ("in-progress", "outbound-dial"),
                ("completed", "outbound-dial"),
            ]

    go(main())


def test_keys_are_sent_and_a_whisper_is_heard_by_the_callee_alone_before_they_are_connected() -> (
    None
):
    async def main() -> None:
        pages = {"/whisper": f"<Response><Say>{'x' * 50}</Say></Response>"}
        async with stage(pages) as (carrier, application):
            call, (callee,) = await dialled(
                carrier,
                application,
                f"<Dial><Number sendDigits='42' url='/whisper'>{FRIEND}</Number></Dial>",
                {FRIEND: person(stays)},
                caller=person(lambda line: line.wait(12.0)),
            )
            assert callee.line.heard.digits() == "42"
            assert callee.line.heard.speech(gap=0.1)[-1] == (0.42, 3.42)
            # The caller hears ringing: 2 s of 6.
            assert call.line.heard.speech() == [(0.0, 2.0)]
            (asked,) = application.at("/whisper")
            assert asked.params["ParentCallSid"] == call.sid

    go(main())


def test_a_hangup_in_the_whisper_declines() -> None:
    async def main() -> None:
        pages = {"/whisper": "<Response><Say>no</Say><Hangup/></Response>"}
        async with stage(pages) as (carrier, application):
            _, (callee,) = await dialled(
                carrier,
                application,
                f"<Dial action='/done'><Number url='/whisper'>{FRIEND}</Number></Dial>",
                {FRIEND: silence()},
            )
            (done,) = application.at("/done")
            assert (done.params["DialCallStatus"], done.params["DialBridged"]) == (
                "no-answer",
                "false",
            )
            assert callee.status == "completed"

    go(main())


def test_telephones_in_applications_and_sip_addresses_can_be_dialled() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            _, callees = await dialled(
                carrier,
                application,
                "<Dial sequential='true'><Client>ann</Client><Sip>sip:bob@example.com</Sip></Dial>",
                {"client:ann": busy(), "sip:bob@example.com": person(talks)},
            )
            assert [(one.to, one.status) for one in callees] == [
                ("client:ann", "busy"),
                ("sip:bob@example.com", "completed"),
            ]

    go(main())


def test_an_own_number_can_be_dialled() -> None:
    async def main() -> None:
        async with stage({"/other": f"<Response><Say>{'x' * 50}</Say></Response>"}) as (
            carrier,
            application,
        ):
            carrier.add_number(OTHER, voice_url=f"{application.http}/other")
            call, legs = await dialled(carrier, application, f"<Dial>{OTHER}</Dial>", {})
            assert [one.direction for one in legs] == ["outbound-dial", "inbound"]
            began, ended = call.line.heard.speech()[-1]
            assert ended - began == pytest.approx(3.0, abs=0.15)

    go(main())


def test_a_number_that_is_none_fails_without_being_dialled() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            _, legs = await dialled(carrier, application, "<Dial action='/done'>five</Dial>", {})
            assert legs == []
            assert [one.code for one in carrier.log.of(Notice)] == ["13224"]
            assert application.at("/done")[0].params["DialCallStatus"] == "failed"

    go(main())


def test_a_dial_fails_when_there_are_too_many_calls() -> None:
    async def main() -> None:
        async with stage(settings=EmulatorSettings(max_calls=1)) as (carrier, application):
            _, legs = await dialled(
                carrier, application, f"<Dial action='/done'>{FRIEND}</Dial>", {FRIEND: silence()}
            )
            assert legs == []
            assert application.at("/done")[0].params["DialCallStatus"] == "failed"
            assert [one.rule for one in carrier.log.of(Lint)] == ["max_calls"]

    go(main())


def test_of_two_who_answer_at_the_same_moment_one_has_the_call() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            _, callees = await dialled(
                carrier,
                application,
                f"<Dial><Number>{FRIEND}</Number><Number>{OTHER}</Number></Dial>",
                {FRIEND: person(talks), OTHER: person(talks)},
            )
            assert sorted(one.duration or 0 for one in callees) == [0, 3]

    go(main())


def test_recording_a_dial_is_not_emulated_and_the_log_says_so() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            await dialled(
                carrier,
                application,
                f"<Dial action='/done' record='record-from-answer'>{FRIEND}</Dial>",
                {FRIEND: busy()},
            )
            assert application.at("/done")[0].params["DialCallStatus"] == "busy"
            assert [one.rule for one in carrier.log.of(Lint)] == ["not_emulated"]

    go(main())


def test_redirecting_the_callee_lets_the_caller_go_on() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Dial>{FRIEND}</Dial><Pause length='4'/></Response>"
            )
            carrier.far_ends[FRIEND] = person(stays)
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await asyncio.sleep(5.0)
            callee = list(carrier.calls.values())[1]

            callee.redirect(Document(twiml="<Response><Pause length='10'/></Response>"))
            await call.ended()
            await callee.ended()
            assert (call.duration, callee.duration) == (9, 14)

    go(main())


def test_redirecting_the_caller_ends_the_callees_call() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages |= {
                "/voice": f"<Response><Dial action='/done'>{FRIEND}</Dial></Response>",
                "/done": "<Response><Say>never</Say></Response>",
            }
            carrier.far_ends[FRIEND] = person(stays)
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await asyncio.sleep(5.0)
            callee = list(carrier.calls.values())[1]

            call.redirect(Document(twiml="<Response><Pause length='3'/></Response>"))
            assert await callee.ended() == "completed"
            assert not call.is_over
            await call.ended()
            assert call.duration == 8
            # The outcome is still announced; what is answered is not carried out.
            assert application.at("/done")[0].params["DialCallStatus"] == "completed"
            assert len(call.line.heard.speech()) == 1

    go(main())

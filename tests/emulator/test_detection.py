"""Who has answered: by the sound of them, or as written down; told in the document or beside it."""

import asyncio

import pytest
from tests.emulator.customer import FRIEND, OWN, Application, go, sdk, stage, stays

from hookflash.audio.tones import tone
from hookflash.emulator import (
    CarrierEmulator,
    FarEnd,
    Line,
    Race,
    detected_as,
    fax,
    person,
    silence,
    voicemail,
)

TALK = "<Response><Pause length='40'/></Response>"
GREETING = "You have reached Ann. Please leave a message and I will call you back."


def plays(pcm: bytes) -> FarEnd:
    async def script(line: Line) -> None:
        await line.say(pcm)
        await line.wait_end(timeout=1000.0)

    return person(script)


def says(text: str, *, again: str = "") -> FarEnd:
    async def script(line: Line) -> None:
        await line.wait(0.5)
        await line.say(text)
        if again:
            await line.wait(0.6)
            await line.say(again)
        await line.wait_end(timeout=1000.0)

    return person(script)


async def dial(
    carrier: CarrierEmulator, application: Application, far_end: FarEnd, **more: object
) -> dict[str, str]:
    """Phone somebody with synchronous detection; return what the document's request says."""
    carrier.far_ends[FRIEND] = far_end
    async with sdk(carrier) as client:
        created = await client.calls.create_async(
            to=FRIEND, from_=OWN, url=f"{application.http}/out", **more
        )
        call = carrier.calls[created.sid]
        await call.answered()
        await asyncio.sleep(45.0)
        asked = application.at("/out")
        assert call.answered_at is not None
        waited = asked[0].at - call.answered_at if asked else -1.0
        fetched = await client.calls(created.sid).fetch_async()
    assert not asked or fetched.answered_by == asked[0].params["AnsweredBy"]
    return {"waited": f"{waited:.1f}"} | (asked[0].params if asked else {})


def verdict(far_end: FarEnd, mode: str = "Enable", /, **more: object) -> tuple[str, str, str]:
    """Return who has answered, in how many milliseconds, and how long the document waited."""

    async def main() -> tuple[str, str, str]:
        async with stage({"/out": TALK}) as (carrier, application):
            told = await dial(carrier, application, far_end, machine_detection=mode, **more)
            return told["AnsweredBy"], told["MachineDetectionDuration"], told["waited"]

    return go(main())


# A voice hums 0.06 s for each character: the greeting takes 4.2 s.


def test_a_short_greeting_is_a_human_as_soon_as_its_silence_is_long_enough() -> None:
    # Speaks from 0.5 to 1.1 s.
    assert verdict(says("x" * 10)) == ("human", "2300", "2.3")


def test_a_pause_within_a_greeting_does_not_end_it() -> None:
    # 0.6 s, a pause of 0.6 s, 0.6 s.
    assert verdict(says("x" * 10, again="x" * 10)) == ("human", "3520", "3.5")


@pytest.mark.parametrize("mode", ["Enable", "DetectMessageEnd"])
def test_who_says_nothing_is_unknown_after_five_seconds(mode: str) -> None:
    assert verdict(silence(), mode) == ("unknown", "5000", "5.0")


def test_a_long_greeting_is_a_machine_at_once() -> None:
    assert verdict(voicemail(GREETING)) == ("machine_start", "2900", "2.9")


def test_the_end_of_a_machines_greeting_is_its_beep() -> None:
    answered_by, milliseconds, _ = verdict(voicemail(GREETING), "DetectMessageEnd")
    assert answered_by == "machine_end_beep"
    # The greeting is over at 4.7 s; the beep sounds from 5.0 to 5.5 s.
    assert 5500 <= int(milliseconds) <= 5700


def test_without_a_beep_it_is_the_silence_after_it() -> None:
    far_end = voicemail(GREETING, beeps=False)
    assert verdict(far_end, "DetectMessageEnd") == ("machine_end_silence", "5900", "5.9")


def test_a_greeting_without_end_is_given_up_when_the_time_is_up() -> None:
    answered = verdict(says("x" * 900), "DetectMessageEnd", machine_detection_timeout=12)
    assert answered == ("machine_end_other", "12000", "12.0")


@pytest.mark.parametrize("calling", [False, True])
def test_a_fax_is_known_by_its_tone(calling: bool) -> None:
    answered_by, milliseconds, _ = verdict(fax(calling=calling))
    assert answered_by == "fax"
    assert int(milliseconds) < 1500


@pytest.mark.parametrize(
    ("more", "answered"),
    [
        ({"machine_detection_silence_timeout": 2000}, ("human", "2300", "2.3")),
        ({"machine_detection_speech_end_threshold": 500}, ("human", "1600", "1.6")),
        ({"machine_detection_speech_threshold": 1000}, ("human", "2300", "2.3")),
    ],
)
def test_the_thresholds_can_be_set(more: dict[str, int], answered: tuple[str, str, str]) -> None:
    assert verdict(says("x" * 10), **more) == answered


def test_a_lower_threshold_takes_a_talkative_human_for_a_machine() -> None:
    far_end = says("x" * 25)
    assert verdict(far_end)[0] == "human"
    assert verdict(far_end, machine_detection_speech_threshold=1000)[0] == "machine_start"


def test_a_verdict_can_be_written_down_right_or_wrong() -> None:
    far_end = detected_as(says("x" * 10), "machine_end_other", after=6.9)
    assert verdict(far_end) == ("machine_end_other", "6900", "6.9")


def test_nothing_is_asked_when_the_far_end_hangs_up_before_the_verdict() -> None:
    async def main() -> None:
        async with stage({"/out": TALK}) as (carrier, application):
            told = await dial(
                carrier,
                application,
                person(lambda line: line.wait(1.0)),
                machine_detection="Enable",
            )
            assert told == {"waited": "-1.0"}

    go(main())


def test_keys_to_be_sent_switch_the_detection_off() -> None:
    async def main() -> None:
        async with stage({"/out": TALK}) as (carrier, application):
            carrier.far_ends[FRIEND] = silence()
            async with sdk(carrier) as client:
                await client.calls.create_async(
                    to=FRIEND,
                    from_=OWN,
                    url=f"{application.http}/out",
                    machine_detection="Enable",
                    send_digits="1",
                )
                await asyncio.sleep(3.0)
            assert "AnsweredBy" not in application.at("/out")[0].params

    go(main())


def test_an_update_does_not_wait_for_the_verdict() -> None:
    async def main() -> None:
        async with stage({"/out": TALK}) as (carrier, application):
            carrier.far_ends[FRIEND] = silence()
            async with sdk(carrier) as client:
                created = await client.calls.create_async(
                    to=FRIEND,
                    from_=OWN,
                    url=f"{application.http}/out",
                    machine_detection="Enable",
                )
                call = carrier.calls[created.sid]
                await call.answered()
                await asyncio.sleep(1.0)
                await client.calls(created.sid).update_async(
                    twiml="<Response><Pause length='2'/></Response>"
                )
                await call.ended()
            assert call.duration == 3
            assert application.at("/out") == []

    go(main())


# Beside the document.


def test_asynchronous_detection_lets_the_document_begin_and_tells_its_verdict_beside_it() -> None:
    async def main() -> None:
        async with stage({"/out": TALK, "/amd": ""}) as (carrier, application):
            carrier.far_ends[FRIEND] = voicemail(GREETING)
            async with sdk(carrier) as client:
                created = await client.calls.create_async(
                    to=FRIEND,
                    from_=OWN,
                    url=f"{application.http}/out",
                    machine_detection="Enable",
                    async_amd="true",
                    async_amd_status_callback=f"{application.http}/amd",
                    status_callback=f"{application.http}/status",
                )
                call = carrier.calls[created.sid]
                await call.answered()
                await asyncio.sleep(5.0)
                await client.calls(created.sid).update_async(status="completed")
            await call.ended()
            (out,), (amd,) = application.at("/out"), application.at("/amd")
            assert out.at == pytest.approx(call.answered_at, abs=0.01)
            assert "AnsweredBy" not in out.params
            assert amd.params == {
                "AccountSid": carrier.account_sid,
                "CallSid": created.sid,
                "AnsweredBy": "machine_start",
                "MachineDetectionDuration": "2900",
            }
            assert application.at("/status")[-1].params["AnsweredBy"] == "machine_start"

    go(main())


def test_a_verdict_can_come_long_after_the_call_was_connected() -> None:
    async def main() -> None:
        async with stage({"/out": TALK, "/amd": ""}) as (carrier, application):
            carrier.far_ends[FRIEND] = voicemail(GREETING)
            carrier.faults.provoke(Race.VERDICT_AFTER_MERGE)
            async with sdk(carrier) as client:
                created = await client.calls.create_async(
                    to=FRIEND,
                    from_=OWN,
                    url=f"{application.http}/out",
                    machine_detection="Enable",
                    async_amd="true",
                    async_amd_status_callback=f"{application.http}/amd",
                )
            call = carrier.calls[created.sid]
            await call.answered()
            await asyncio.sleep(34.0)
            (amd,) = application.at("/amd")
            assert call.answered_at is not None
            assert amd.at - call.answered_at == pytest.approx(32.9, abs=0.01)
            assert amd.params["MachineDetectionDuration"] == "2900"

    go(main())


def test_a_dialled_number_is_judged_while_the_two_already_talk() -> None:
    async def main() -> None:
        async with stage({"/amd": ""}) as (carrier, application):
            carrier.far_ends[FRIEND] = says("x" * 10)
            application.pages["/voice"] = (
                "<Response><Dial><Number machineDetection='Enable' amdStatusCallback='/amd' "
                f"machineDetectionSpeechEndThreshold='800'>{FRIEND}</Number></Dial></Response>"
            )
            call = carrier.call(to=OWN, from_="+15550199", far_end=person(stays))
            await asyncio.sleep(6.0)
            (amd,) = application.at("/amd")
            callee = list(carrier.calls.values())[1]
            assert amd.params["CallSid"] == callee.sid
            assert amd.params["AnsweredBy"] == "human"
            # Two calls tick at different moments of a frame.
            assert 1880 <= int(amd.params["MachineDetectionDuration"]) <= 1920
            assert not call.is_over

    go(main())


def test_a_participant_is_judged_while_it_is_in_the_conference() -> None:
    async def main() -> None:
        async with stage({"/amd": ""}) as (carrier, application), sdk(carrier) as client:
            carrier.far_ends[FRIEND] = voicemail(GREETING)
            created = await client.conferences("room").participants.create_async(
                to=FRIEND,
                from_=OWN,
                machine_detection="DetectMessageEnd",
                amd_status_callback=f"{application.http}/amd",
            )
            await carrier.calls[created.call_sid].answered()
            await asyncio.sleep(7.0)
            (amd,) = application.at("/amd")
            assert amd.params["AnsweredBy"] == "machine_end_beep"
            assert carrier.conferences[created.conference_sid].status == "init"

    go(main())


def test_a_hum_is_no_beep() -> None:
    # What the emulator's own voice says must not be taken for a tone.
    assert verdict(says("x" * 30))[0] == "human"
    assert verdict(plays(tone((1000.0,), 500.0)), "DetectMessageEnd")[0] == "machine_end_beep"


@pytest.mark.parametrize("scripted", [True, False])
def test_no_verdict_is_told_when_the_far_end_hangs_up_before_it(scripted: bool) -> None:
    async def main() -> None:
        async with stage({"/amd": ""}) as (carrier, application), sdk(carrier) as client:
            far_end = person(lambda line: line.wait(1.0))
            carrier.far_ends[FRIEND] = detected_as(far_end, "human") if scripted else far_end
            created = await client.calls.create_async(
                to=FRIEND,
                from_=OWN,
                twiml=TALK,
                machine_detection="Enable",
                async_amd="true",
                async_amd_status_callback=f"{application.http}/amd",
            )
            await carrier.calls[created.sid].ended()
            await asyncio.sleep(5.0)
            assert application.at("/amd") == []
            assert (await client.calls(created.sid).fetch_async()).answered_by is None

    go(main())

"""Dial a supervisor into the caller's conference with the SDK, on a carrier that is slow."""

import asyncio

from twilio.rest import Client

from hookflash.emulator import (
    CarrierEmulator,
    Line,
    Race,
    detected_as,
    person,
    twilio_async_http_client,
)
from hookflash.runtime import clock

WAITS = "<Response><Dial><Conference>room</Conference></Dial></Response>"


async def caller(line: Line) -> None:
    await line.wait(5.0)
    await line.say("Hello? Is somebody there?")
    await line.wait_end()


async def supervisor(line: Line) -> None:
    await line.say("Hello, this is Ann.")
    await line.wait_quiet(timeout=20.0)
    await line.say("Yes, I am.")


async def dial_a_supervisor() -> None:
    async with CarrierEmulator() as carrier:
        http_client = twilio_async_http_client(carrier.base_url)
        client = Client(carrier.account_sid, carrier.auth_token, http_client=http_client)
        carrier.add_number("+15550100")
        carrier.far_ends["+15550199"] = person(caller)
        carrier.far_ends["+15550142"] = detected_as(person(supervisor), "human", after=2.0)

        waiting = await client.calls.create_async(to="+15550199", from_="+15550100", twiml=WAITS)
        await carrier.calls[waiting.sid].answered()
        await asyncio.sleep(1.0)
        held = await client.conferences("room").participants(waiting.sid).update_async(hold=True)
        assert held.hold

        carrier.faults.provoke(Race.CREATE_ANSWERED_LATE)
        created = await client.conferences("room").participants.create_async(
            to="+15550142",
            from_="+15550100",
            label="supervisor",
            machine_detection="Enable",
            end_conference_on_exit=True,
        )
        assert created.status == "connected"  # they answered before we were told of them

        await client.conferences("room").participants(waiting.sid).update_async(hold=False)
        conference = carrier.conferences[created.conference_sid]
        await conference.ended()
        await http_client.close()

    heard = carrier.calls[waiting.sid].line.heard
    assert len(heard.speech(gap=1.0)) >= 1
    assert conference.reason_ended == "participant-with-end-conference-on-exit-left"


def test_a_supervisor_is_dialled_in() -> None:
    clock.run(dial_a_supervisor(), virtual=True)

"""Calls that wait in a queue, and those who take them out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest
from tests.emulator.customer import CALLER, FRIEND, OWN, Answer, Application, go, sdk, stage, stays
from twilio.base.exceptions import TwilioRestException

from hookflash.audio.tones import tone
from hookflash.emulator import CarrierEmulator, EmulatedCall, FarEnd, Line, Lint, person

OTHER = "+15550144"
SOUND = tone((400.0,), 1000.0)
WAITING = "<Response><Enqueue action='/out' waitUrl=''>support</Enqueue></Response>"


def wait_in_line(
    play: Callable[[CarrierEmulator, Application, EmulatedCall], Awaitable[None]],
    *,
    document: str = WAITING,
    pages: Mapping[str, Answer] | None = None,
    caller: FarEnd | None = None,
) -> None:
    """Let a caller wait in the queue, and `play` go on."""

    async def main() -> None:
        shown: dict[str, Answer] = {"/out": "<Response/>", **(pages or {})}
        async with stage(shown) as (carrier, application):
            application.pages["/voice"] = document
            carrier.add_number(OTHER, voice_url=f"{application.http}/agent")
            call = carrier.call(to=OWN, from_=CALLER, far_end=caller or person(stays))
            await call.answered()
            await asyncio.sleep(0.5)
            await play(carrier, application, call)

    go(main())


def agent(carrier: CarrierEmulator, far_end: FarEnd | None = None) -> EmulatedCall:
    return carrier.call(to=OTHER, from_=FRIEND, far_end=far_end or person(stays))


TAKES = "<Response><Dial action='/done'><Queue>support</Queue></Dial></Response>"


def test_who_waits_longest_is_connected_and_told_how_it_ended() -> None:
    async def caller(line: Line) -> None:
        await line.wait(4.0)
        await line.say(SOUND)
        await line.wait_end()

    async def play(carrier: CarrierEmulator, application: Application, call: EmulatedCall) -> None:
        await asyncio.sleep(2.0)
        taker = agent(carrier, person(lambda line: line.wait(6.0)))
        await taker.ended()
        await call.ended()
        assert len(taker.line.heard.speech()) == 1
        (out,), (done,) = application.at("/out"), application.at("/done")
        assert out.params["QueueResult"] == "bridged"
        assert out.params["QueueSid"].startswith("QU")
        assert out.params["CallSid"] == call.sid
        assert (done.params["DialCallStatus"], done.params["DialCallDuration"]) == (
            "completed",
            "6",
        )

    wait_in_line(play, pages={"/agent": TAKES, "/done": ""}, caller=person(caller))


def test_a_whisper_is_heard_by_who_waited_before_the_two_are_connected() -> None:
    async def play(carrier: CarrierEmulator, application: Application, call: EmulatedCall) -> None:
        await asyncio.sleep(1.0)
        taker = agent(carrier)
        await asyncio.sleep(4.0)
        (asked,) = application.at("/soon")
        assert asked.params["CallSid"] == call.sid
        assert asked.params["DequeingCallSid"] == taker.sid
        assert asked.params["QueueTime"] in {"1", "2"}
        began, ended = call.line.heard.speech()[-1]
        assert ended - began == pytest.approx(1.2)

    wait_in_line(
        play,
        pages={
            "/agent": "<Response><Dial><Queue url='/soon'>support</Queue></Dial></Response>",
            "/wait": "<Response><Pause length='60'/></Response>",
            "/soon": f"<Response><Say>{'x' * 20}</Say></Response>",
        },
        document="<Response><Enqueue waitUrl='/wait'>support</Enqueue></Response>",
    )


def test_who_dials_an_empty_queue_waits_as_long_as_dial_does() -> None:
    async def play(carrier: CarrierEmulator, application: Application, call: EmulatedCall) -> None:
        call.hang_up()
        await call.ended()
        taker = agent(carrier)
        await taker.ended()
        assert taker.duration == 7
        assert application.at("/done")[0].params["DialCallStatus"] == "no-answer"
        assert application.at("/out")[0].params["QueueResult"] == "hangup"

    wait_in_line(
        play,
        pages={
            "/agent": "<Response><Dial action='/done' timeout='7'><Queue>support</Queue></Dial>"
            "</Response>",
            "/done": "<Response/>",
        },
    )


def test_a_queue_that_is_not_fails() -> None:
    async def play(carrier: CarrierEmulator, application: Application, call: EmulatedCall) -> None:
        await agent(carrier).ended()
        assert application.at("/done")[0].params["DialCallStatus"] == "failed"

    wait_in_line(
        play,
        pages={"/agent": TAKES.replace("support", "sales"), "/done": "<Response/>"},
    )


def test_the_wait_document_is_repeated_told_the_place_and_may_leave() -> None:
    times: list[dict[str, str]] = []

    def wait(params: dict[str, str]) -> str:
        times.append(params)
        verb = "<Leave/>" if len(times) == 3 else f"<Say>{'x' * 20}</Say>"
        return f"<Response>{verb}</Response>"

    async def play(carrier: CarrierEmulator, application: Application, call: EmulatedCall) -> None:
        await call.ended()
        assert [one["QueuePosition"] for one in times] == ["1", "1", "1"]
        assert [one["QueueTime"] for one in times] == ["0", "1", "2"]
        assert times[0]["CurrentQueueSize"] == "1"
        assert application.at("/out")[0].params["QueueResult"] == "leave"

    wait_in_line(
        play,
        document="<Response><Enqueue action='/out' waitUrl='/wait'>support</Enqueue></Response>",
        pages={"/wait": wait},
    )


def test_a_full_queue_takes_nobody() -> None:
    async def play(carrier: CarrierEmulator, application: Application, call: EmulatedCall) -> None:
        second = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
        await second.ended()
        (out,) = application.at("/out")
        assert out.params["QueueResult"] == "queue-full"
        assert "QueueSid" not in out.params

    wait_in_line(play, document=WAITING.replace("waitUrl", "maxQueueSize='1' waitUrl"))


def test_queues_are_made_listed_and_removed_and_members_taken_out_by_request() -> None:
    async def play(carrier: CarrierEmulator, application: Application, call: EmulatedCall) -> None:
        await asyncio.sleep(2.5)
        async with sdk(carrier) as client:
            (queue,) = await client.queues.list_async()
            assert (queue.friendly_name, queue.current_size, queue.average_wait_time) == (
                "support",
                1,
                3,
            )
            (member,) = await client.queues(queue.sid).members.list_async()
            assert (member.call_sid, member.position, member.wait_time) == (call.sid, 1, 3)
            with pytest.raises(TwilioRestException) as refused:
                await client.queues(queue.sid).delete_async()
            assert refused.value.status == 400
            taken = (
                await client.queues(queue.sid)
                .members("Front")
                .update_async(url=f"{application.http}/taken")
            )
            assert taken.call_sid == call.sid
            await call.ended()
            assert len(application.at("/taken")) == 1
            assert application.at("/out")[0].params["QueueResult"] == "redirected"
            made = await client.queues.create_async(friendly_name="sales", max_size=7)
            assert (made.max_size, made.current_size) == (7, 0)
            changed = await client.queues(made.sid).update_async(max_size=9)
            assert (await client.queues(made.sid).fetch_async()).max_size == changed.max_size == 9
            with pytest.raises(TwilioRestException) as refused:
                await client.queues.create_async(friendly_name="sales")
            assert refused.value.code == 22003
            assert await client.queues(made.sid).delete_async() is True
            with pytest.raises(TwilioRestException) as refused:
                await client.queues(queue.sid).members(call.sid).fetch_async()
            assert refused.value.status == 404

    wait_in_line(play, pages={"/taken": "<Response><Pause length='2'/></Response>"})


def test_a_workflow_is_not_emulated_and_the_log_says_so() -> None:
    async def play(carrier: CarrierEmulator, application: Application, call: EmulatedCall) -> None:
        await call.ended()
        assert [one.rule for one in carrier.log.of(Lint)] == ["not_emulated"]

    wait_in_line(play, document="<Response><Enqueue workflowSid='WW1'/><Pause/></Response>")

"""A caller, an agent and a supervisor whom the carrier connects, over its sockets."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.server.test_bridge import hum, share
from tests.server.test_transfer import (
    ANN,
    ANN_HZ,
    CALLER_HZ,
    ENDED,
    Office,
    hears_out,
    run,
    stays,
)

from hookflash.calls.transfer_types import PhoneDestination, WarmTransferConfig
from hookflash.emulator import Line, busy, no_answer, reject, voicemail
from hookflash.emulator.faults import Race
from hookflash.runtime import clock

BOB = "+14155550111"
WAYS: dict[str, dict[str, Any]] = {
    "conference": {"topology": "conference"},
    "dial": {"topology": "dial"},
    "detached": {"detach_after_merge": True},
}
every_way = pytest.mark.parametrize("way", WAYS)
taken_away = pytest.mark.parametrize("way", ["conference", "dial"])
CALL_PATH = "*/Calls/CA*.json"


def heard(line: Line, begin: float, end: float) -> bytes:
    """What a line heard from one moment of the clock to another."""
    assert line.heard.began_at is not None
    return line.heard.pcm(begin - line.heard.began_at, end - line.heard.began_at)


def longest_gap(line: Line, begin: float, end: float) -> float:
    """How long a line heard nothing at all, at the longest."""
    assert line.heard.began_at is not None
    edges = [begin - line.heard.began_at]
    for start, stop in line.heard.speech(gap=0.05):
        if stop > edges[0] and start < end - line.heard.began_at:
            edges += [start, stop]
    edges.append(end - line.heard.began_at)
    return max(after - before for before, after in zip(edges[::2], edges[1::2], strict=True))


async def takes(line: Line) -> None:
    await hears_out(line)
    line.press("1")


@every_way
@pytest.mark.parametrize("first", ["ann", "caller"])
def test_both_hear_each_other_without_us_and_end_together(way: str, first: str) -> None:
    async def main(office: Office) -> None:
        hung_up = asyncio.Event()

        async def talks(line: Line, hz: float, mine: bool) -> None:
            await office.merged.wait()
            await line.say(hum(hz, 8000))
            if mine:
                line.hang_up()
                hung_up.set()
            await stays(line)

        async def ann(line: Line) -> None:
            await takes(line)
            await talks(line, ANN_HZ, first == "ann")

        async def caller(line: Line) -> None:
            await talks(line, CALLER_HZ, first == "caller")

        async def watch() -> None:
            await office.merged.wait()
            merged = clock.now()
            await asyncio.sleep(7.5)
            for name, hz in (("caller", ANN_HZ), ("ann", CALLER_HZ)):
                line = office.lines[name]
                assert share(heard(line, merged + 4.5, merged + 7.0), hz) > 0.95, name
                assert share(heard(line, merged + 0.7, merged + 1.9), hz) > 0.95, name
            for call in office.place.app.calls:
                assert call.state == "away"
                assert call.leg is not None
                assert not call.leg.linked
            await hung_up.wait()
            await asyncio.sleep(1.0)
            assert all(each.status in ENDED for each in office.place.carrier.calls.values())
            assert not office.place.app.calls

        watching = asyncio.create_task(watch())
        await office.phone(office.at("caller", caller), office.at("ann", ann), **WAYS[way])
        await watching
        (result,) = office.results
        assert (result.success, result.human_agent_identity) == (True, "Ann")
        assert office.phases[-2:] == ["call_switched", "transfer_complete"]
        assert office.closed == ["transferred"]

    run(main)


@taken_away
def test_a_supervisor_who_does_not_answer_leaves_the_caller_with_the_agent(way: str) -> None:
    async def main(office: Office) -> None:
        await office.phone(
            office.at("caller", stays), no_answer(), supervisor_join_timeout=20.0, **WAYS[way]
        )
        (result,) = office.results
        assert result.error == "supervisor_join_timeout"
        assert result.attempts[0].ringing_at is not None
        assert result.attempts[0].answered_at is None
        assert office.closed == ["hangup"], "the agent had the last word"
        line = office.lines["caller"]
        assert line.heard.speech()[-1][1] > 20.0
        if way == "conference":  # ringing has pauses of four seconds
            assert longest_gap(line, 4.0, 24.0) < 1.0

    run(main)


@taken_away
@pytest.mark.parametrize(
    ("supervisor", "error", "sip_code"),
    [(busy, "supervisor_busy", 486), (reject, "supervisor_rejected", 603)],
)
def test_why_nobody_answered_is_told_with_its_sip_status(
    way: str, supervisor: Callable[[], Any], error: str, sip_code: int
) -> None:
    async def main(office: Office) -> None:
        await office.phone(office.at("caller", stays), supervisor(), **WAYS[way])
        (result,) = office.results
        assert (result.error, result.sip_code) == (error, sip_code)
        assert office.closed == ["hangup"]

    run(main)


@taken_away
def test_the_next_destination_is_tried_and_the_caller_does_not_come_back_between(
    way: str,
) -> None:
    async def main(office: Office) -> None:
        async def bob(line: Line) -> None:
            await takes(line)
            await office.merged.wait()
            await line.wait(3.0)
            line.hang_up()

        office.place.carrier.far_ends[BOB] = office.at("bob", bob)
        wish = WarmTransferConfig(
            destinations=[PhoneDestination(ANN, "Ann"), PhoneDestination(BOB, "Bob")], **WAYS[way]
        )
        await office.phone(office.at("caller", stays), busy(), wish=wish)
        (result,) = office.results
        assert [attempt.reason for attempt in result.attempts] == ["supervisor_busy", None]
        assert (result.success, result.human_agent_identity) == (True, "Bob")

    run(main)


@every_way
def test_a_supervisor_who_declines_hears_a_farewell_and_the_caller_is_back(way: str) -> None:
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await hears_out(line)
            line.press("2")
            await stays(line)

        await office.phone(office.at("caller", stays), office.at("ann", ann), **WAYS[way])
        (result,) = office.results
        assert result.error == "declined"
        assert result.attempts[0].ended_by == "agent"
        assert office.closed == ["hangup"]
        # Six words of farewell, 0.2 s each, after the key.
        start, end = office.lines["ann"].heard.speech(gap=0.1)[-1]
        assert start > 13.9
        assert 0.9 < end - start < 1.6

    run(main)


@taken_away
def test_a_caller_who_hangs_up_while_it_rings_ends_the_ringing(way: str) -> None:
    async def main(office: Office) -> None:
        async def caller(line: Line) -> None:
            await line.wait(6.0)
            line.hang_up()

        await office.phone(office.at("caller", caller), no_answer(), **WAYS[way])
        (result,) = office.results
        assert (result.phase, result.error) == ("transfer_cancelled", "caller_disconnected")
        assert office.closed == ["caller_hung_up"]
        statuses = [each.status for each in office.place.carrier.calls.values()]
        assert sorted(statuses) == ["canceled", "completed"]

    run(main)


@taken_away
def test_a_caller_who_hangs_up_in_the_briefing_does_not_leave_a_supervisor_behind(
    way: str,
) -> None:
    async def main(office: Office) -> None:
        async def caller(line: Line) -> None:
            await line.wait(16.0)
            line.hang_up()

        async def ann(line: Line) -> None:
            await hears_out(line)
            await stays(line)

        await office.phone(office.at("caller", caller), office.at("ann", ann), **WAYS[way])
        (result,) = office.results
        assert result.error == "caller_disconnected"
        assert result.attempts[0].human_at is not None

    run(main)


@taken_away
def test_a_mailbox_hears_nothing_private_and_the_caller_is_back(way: str) -> None:
    async def main(office: Office) -> None:
        await office.phone(office.at("caller", stays), voicemail(), **WAYS[way])
        (result,) = office.results
        # Where the carrier alone speaks to them, only a key shows who is there.
        wanted = {"conference": "voicemail", "dial": "supervisor_not_confirmed"}
        assert result.error == wanted[way]
        assert "briefing_started" not in office.phases
        assert office.closed == ["hangup"]

    run(main)


@every_way
def test_w10_a_supervisor_who_hangs_up_right_after_the_merge_gives_the_caller_back(
    way: str,
) -> None:
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await takes(line)
            await office.merged.wait()
            await line.wait(1.0)
            line.hang_up()

        await office.phone(office.at("caller", stays), office.at("ann", ann), **WAYS[way])
        (result,) = office.results
        assert (result.success, result.error) == (False, "supervisor_disconnected")
        assert result.rollback
        assert office.closed == ["hangup"], "the agent had the last word"

    run(main)


def test_a_caller_in_the_conference_comes_back_by_a_star() -> None:
    async def main(office: Office) -> None:
        async def caller(line: Line) -> None:
            await line.wait(8.0)
            line.press("*")
            await stays(line)

        await office.phone(office.at("caller", caller), no_answer(), topology="conference")
        (result,) = office.results
        assert result.error == "caller_cancelled"
        assert office.closed == ["hangup"]
        assert result.seconds < 9.0

    run(main)


def test_a_star_that_is_not_the_cancel_key_or_comes_later_leaves_a_caller_in_the_conference() -> (
    None
):
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await takes(line)
            await office.merged.wait()
            await line.say(hum(ANN_HZ, 8000))
            line.hang_up()

        async def caller(line: Line) -> None:
            await line.wait(8.0)
            line.press("*")
            await office.merged.wait()
            await line.wait(4.0)
            line.press("*")
            await line.wait(2.0)
            now = clock.now()
            assert share(heard(line, now - 1.0, now), ANN_HZ) > 0.95
            await stays(line)

        far_end = office.at("caller", caller)
        await office.phone(far_end, office.at("ann", ann), topology="conference", cancel_key="")
        assert office.results[0].success
        assert office.closed == ["transferred"]

    run(main)


def test_both_are_introduced_in_the_conference() -> None:
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await takes(line)
            await office.merged.wait()
            await line.wait(10.0)
            line.hang_up()

        far_end = office.at("caller", stays)
        await office.phone(
            far_end,
            office.at("ann", ann),
            topology="conference",
            introduction="Ann is on the line now.",
        )
        assert office.results[0].success
        # Seven words, 0.2 s each, and nothing else after the merge.
        start, end = office.lines["ann"].heard.speech(gap=0.1)[-1]
        assert 1.2 < end - start < 1.6
        _, heard_until = office.lines["caller"].heard.speech(gap=0.1)[-1]
        began = [office.lines[name].heard.began_at or 0.0 for name in ("ann", "caller")]
        assert began[0] + end == pytest.approx(began[1] + heard_until, abs=0.1)

    run(main)


# When the carrier does not do what it is told.


def office_with(
    wish: Callable[[Office], None],
    check: Callable[[Office], None],
    supervisor: Callable[[Line], Coroutine[Any, Any, None]] = takes,
    **config: Any,
) -> None:
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await supervisor(line)
            await stays(line)

        wish(office)
        await office.phone(office.at("caller", stays), office.at("ann", ann), **config)
        check(office)

    run(main)


@taken_away
@pytest.mark.parametrize(
    ("status", "carried_out"), [(400, False), (500, False), (503, True)], ids=str
)
def test_a_carrier_that_does_not_take_the_caller_leaves_them_with_the_agent(
    way: str, status: int, carried_out: bool
) -> None:
    def wish(office: Office) -> None:
        office.place.carrier.faults.refuse_rest(
            status, method="POST", path=CALL_PATH, carried_out=carried_out
        )

    def check(office: Office) -> None:
        (result,) = office.results
        assert (result.phase, result.error) == ("transfer_failed", "dial_failed")
        assert office.closed == ["hangup"], "the agent had the last word"

    office_with(wish, check, **WAYS[way])


@taken_away
def test_a_carrier_that_does_not_answer_leaves_the_caller_with_the_agent(way: str) -> None:
    def wish(office: Office) -> None:
        office.place.carrier.faults.slow_rest(40.0, method="POST", path=CALL_PATH, done_first=True)

    def check(office: Office) -> None:
        (result,) = office.results
        assert not result.success
        assert office.closed == ["hangup"], "the agent had the last word"

    office_with(wish, check, **WAYS[way])


@pytest.mark.parametrize("status", [400, 500])
def test_w12_a_conference_that_the_supervisor_does_not_get_into_gives_the_caller_back(
    status: int,
) -> None:
    async def fails_at_the_merge(office: Office, line: Line) -> None:
        await hears_out(line)
        office.place.carrier.faults.refuse_rest(status, method="POST", path=CALL_PATH)
        line.press("1")
        await stays(line)

    async def main(office: Office) -> None:
        far_end = office.at("ann", lambda line: fails_at_the_merge(office, line))
        await office.phone(office.at("caller", stays), far_end, topology="conference")
        (result,) = office.results
        assert (result.phase, result.error) == ("transfer_failed", "switch_failed")
        assert office.closed == ["hangup"], "the agent had the last word"
        # Nine words for the supervisor, who is still on a stream.
        start, end = office.lines["ann"].heard.speech(gap=0.1)[-1]
        assert 1.5 < end - start < 2.2

    run(main)


@pytest.mark.parametrize("status", [400, 500])
def test_a_carrier_that_does_not_take_a_connected_call_leaves_it_in_the_bridge(
    status: int,
) -> None:
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await takes(line)
            await office.merged.wait()
            office.place.carrier.faults.refuse_rest(status, method="POST", path=CALL_PATH)
            await line.say(hum(ANN_HZ, 12_000))
            line.hang_up()

        async def caller(line: Line) -> None:
            await office.merged.wait()
            await line.wait(10.0)
            now = clock.now()
            assert share(heard(line, now - 4.0, now), ANN_HZ) > 0.95
            assert all(call.state == "answered" for call in office.place.app.calls)
            await stays(line)

        far_end = office.at("caller", caller)
        await office.phone(far_end, office.at("ann", ann), detach_after_merge=True)
        assert office.results[0].success

    run(main)


def test_a_conference_that_is_over_before_the_supervisor_comes_gives_the_caller_back() -> None:
    async def main(office: Office) -> None:
        office.place.carrier.faults.provoke(Race.CONFERENCE_ENDED_BEFORE_JOIN)
        far_end = office.at("ann", takes)
        await office.phone(office.at("caller", stays), far_end, topology="conference")
        (result,) = office.results
        assert not result.success
        assert office.closed == ["hangup"], "the agent had the last word"

    run(main)

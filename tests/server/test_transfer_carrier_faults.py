"""Transfers that the carrier connects, while it does everything wrong that it can.

As `test_transfer_faults`, for the carrier's conference, its dial, and calls that are left to it
after the merge. The caller is away when most of it happens, and must come back, or talk with Ann.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from tests.server.test_bridge import hum
from tests.server.transfer_scene import (
    ANN,
    ANN_HZ,
    AT_ONCE,
    BOB,
    CALLER_HZ,
    REPORTS,
    UPDATE,
    Fault,
    Scene,
    nothing,
    play,
    reports,
    wrongs,
)

from hookflash.calls.transfer_types import PhoneDestination
from hookflash.emulator import Line, Race, detected_as, no_answer, person

CARL = "+14155550122"
CONFERENCE: Mapping[str, Any] = {"topology": "conference"}
DIAL: Mapping[str, Any] = {"topology": "dial"}
DETACHED: Mapping[str, Any] = {"detach_after_merge": True}
WAYS = {"conference": CONFERENCE, "dial": DIAL, "detached": DETACHED}
FAR_TOO_LATE = "is done and answered far too late"
# That it is answered at all after it was done, and when, makes no difference any more.
WRONGS = [wrong for wrong in UPDATE if wrong != "is done and then answered late"]
taken_away = pytest.mark.parametrize("way", ["conference", "dial"])
every_way = pytest.mark.parametrize("way", WAYS)


def error_of(scene: Scene) -> str | None:
    assert scene.result is not None
    return scene.result.error


def connected(scene: Scene) -> None:
    assert (error_of(scene), scene.closed, scene.met) == (None, "transferred", True)


def is_back(scene: Scene, error: str) -> None:
    assert (error_of(scene), scene.closed, scene.back) == (error, "hangup", True)


def both_go_together(scene: Scene, within: float = 1.0) -> None:
    ends = sorted(each.ended_at or 0.0 for each in (scene.phoned, *scene.anns))
    assert ends[-1] - ends[0] < within


# The order to take the caller: into the conference, or to dial for them.


@pytest.mark.parametrize(
    ("way", "wrong"),
    [
        *(("conference", wrong) for wrong in WRONGS),
        *(("dial", wrong) for wrong in ("is refused", "fails, but was done", FAR_TOO_LATE)),
    ],
)
def test_an_order_to_take_the_caller_that_is_not_followed_leaves_them_with_the_agent(
    way: str, wrong: str
) -> None:
    # By dial the order to take the caller is the order to ring, whose time is over first.
    too_late = "supervisor_no_answer" if way == "dial" else "dial_failed"
    not_followed = {"is refused": "dial_failed", "fails": "dial_failed", FAR_TOO_LATE: too_late}

    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.run(scene.ann)
        error = not_followed.get(wrong)
        if error is None:
            connected(scene)
            both_go_together(scene)
        else:
            is_back(scene, error)
            assert scene.anns == []

    play(main, UPDATE[wrong], WAYS[way])


@taken_away
def test_an_order_that_is_followed_though_its_answer_never_comes_does_not_part_the_two(
    way: str,
) -> None:
    async def main(scene: Scene) -> None:
        scene.talks_for, scene.compared = 14.0, (1.7, 13.0)
        scene.goes_wrong()
        await scene.run(scene.ann)
        connected(scene)

    play(main, UPDATE["is done, and the answer comes far too late"], WAYS[way])


@taken_away
def test_an_order_that_is_followed_half_a_minute_late_ends_the_call_and_keeps_nobody(
    way: str,
) -> None:
    async def main(scene: Scene) -> None:
        scene.stays_for = 60.0
        scene.goes_wrong()
        await scene.run(scene.ann)
        assert scene.back
        assert scene.closed == "caller_hung_up"
        assert scene.phoned.ended_at is not None
        assert 30.0 < scene.phoned.ended_at - scene.wrong_at < 33.0
        for ann in scene.anns:
            assert ann.ended_at is not None
            assert ann.ended_at - scene.phoned.ended_at < 1.0

    play(main, UPDATE[FAR_TOO_LATE], WAYS[way])


# The order to let Ann into the conference.


@pytest.mark.parametrize("wrong", WRONGS)
def test_an_order_to_let_ann_in_that_is_not_followed_brings_the_caller_back(wrong: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong_with(scene.anns[0], wrong)
            line.press("1")
            await scene.talks(line)

        await scene.run(ann)
        if wrong in ("is refused", "fails", FAR_TOO_LATE):
            is_back(scene, "switch_failed")
        else:
            connected(scene)
            both_go_together(scene)

    play(main, nothing, CONFERENCE)


# The order to give the caller back.


@pytest.mark.parametrize(
    "wrong", [wrong for wrong in WRONGS if wrong != "is done and answered late"]
)
def test_an_order_to_give_the_caller_back_from_the_conference_is_given_again(wrong: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong_with(scene.phoned, wrong)
            line.press("2")
            await line.wait(60.0)

        await scene.run(ann)
        is_back(scene, "declined")
        # The apology takes three seconds.
        waited = {"fails": 5.5, FAR_TOO_LATE: 15.5}
        assert scene.result_at - scene.wrong_at < waited.get(wrong, 3.5)

    play(main, nothing, CONFERENCE)


@pytest.mark.parametrize("wrong", ["is refused", "fails, but was done", FAR_TOO_LATE])
def test_an_order_to_give_the_caller_back_from_a_phone_that_rings_on_is_given_again(
    wrong: str,
) -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.say(hum(CALLER_HZ, 2500))
            scene.goes_wrong_with(scene.anns[0], "is refused")
            scene.goes_wrong_with(scene.phoned, wrong)
            await scene.caller(line)

        await scene.run(no_answer(), caller)
        is_back(scene, "supervisor_join_timeout")
        (ann,) = scene.anns
        assert ann.answered_at is None
        assert ann.ended_at is not None

    play(main, nothing, {**DIAL, "supervisor_join_timeout": 3.0})


def test_a_carrier_that_does_not_give_the_caller_back_at_all_ends_their_call() -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            for wrong in ("is refused", "fails", "is refused"):
                scene.goes_wrong_with(scene.phoned, wrong)
            line.press("2")
            await line.wait(60.0)

        await scene.run(ann)
        assert (error_of(scene), scene.back) == ("declined", False)
        assert scene.phoned.ended_at is not None
        assert scene.phoned.ended_at - scene.wrong_at < 3.0

    play(main, nothing, CONFERENCE)


# The order to end Ann's call.


@pytest.mark.parametrize(
    ("way", "wrong"),
    [
        ("conference", "is refused"),
        ("conference", FAR_TOO_LATE),
        ("dial", "is refused"),
    ],
)
def test_ann_whose_call_cannot_be_ended_is_let_go_and_the_caller_comes_back(
    way: str, wrong: str
) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong_with(scene.anns[0], wrong)
            line.press("2")
            await line.wait(60.0)

        await scene.run(ann)
        is_back(scene, "declined")
        (call,) = scene.anns
        assert call.ended_at is not None
        # A farewell of at most two seconds; and five for an answer of the carrier's, where it is
        # not the end of what the carrier says to her.
        assert scene.result_at - scene.wrong_at < 6.0
        assert call.ended_at - scene.wrong_at < (2.6 if way == "dial" or wrong in AT_ONCE else 7.6)

    play(main, nothing, WAYS[way])


@pytest.mark.parametrize(
    "wrong", ["is refused", "fails", "is done and answered late", FAR_TOO_LATE]
)
def test_ann_is_not_left_alone_in_the_conference_by_an_order_that_goes_wrong(wrong: str) -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            while not scene.together.is_set():
                await line.say(hum(CALLER_HZ, 500))
            await line.say(hum(CALLER_HZ, 3500))
            scene.goes_wrong_with(scene.anns[0], wrong)

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await line.wait(60.0)

        scene.compared = ()
        await scene.run(ann, caller)
        assert (error_of(scene), scene.closed) == (None, "transferred")
        both_go_together(scene, 1.0 if wrong in AT_ONCE else 5.5)

    play(main, nothing, CONFERENCE)


# The orders that leave both to the carrier.


@pytest.mark.parametrize(
    ("whose", "wrong"),
    [
        ("caller", "is refused"),
        ("caller", "fails, but was done"),
        ("caller", FAR_TOO_LATE),
        ("ann", "fails"),
    ],
)
def test_two_whom_the_carrier_does_not_take_go_on_talking(whose: str, wrong: str) -> None:
    async def main(scene: Scene) -> None:
        # Two seconds after the merge they are taken; of an answer that never comes it is known
        # twelve seconds later.
        scene.talks_for, scene.compared = 8.0, (1.7, 7.5)
        if wrong == FAR_TOO_LATE:
            scene.talks_for, scene.compared = 17.5, (1.7, 17.0)

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await scene.together.wait()
            scene.goes_wrong_with(scene.phoned if whose == "caller" else scene.anns[0], wrong)
            await scene.talks(line)

        await scene.run(ann)
        connected(scene)
        both_go_together(scene)

    play(main, nothing, DETACHED)


def test_one_who_is_taken_half_a_minute_late_is_not_kept_alone() -> None:
    async def main(scene: Scene) -> None:
        scene.talks_for = 60.0

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await scene.together.wait()
            scene.goes_wrong_with(scene.phoned, FAR_TOO_LATE)
            await scene.talks(line)

        await scene.run(ann)
        connected(scene)
        both_go_together(scene, 2.5)
        assert scene.phoned.ended_at is not None
        assert scene.phoned.ended_at - scene.wrong_at < 35.0

    play(main, nothing, DETACHED)


def test_two_of_whom_the_carrier_keeps_one_are_let_go() -> None:
    async def main(scene: Scene) -> None:
        scene.talks_for, scene.compared = 60.0, ()

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await scene.together.wait()
            scene.goes_wrong_with(scene.anns[0], FAR_TOO_LATE)
            await line.wait(5.0)
            for wrong in ("is refused", "fails", "is refused"):
                scene.goes_wrong_with(scene.phoned, wrong)
            await scene.talks(line)

        await scene.run(ann)
        assert scene.closed == "transferred"
        both_go_together(scene)
        assert scene.phoned.ended_at is not None
        assert scene.phoned.ended_at - scene.merged_at < 17.0

    play(main, nothing, DETACHED)


# The order to ring the next one.


@pytest.mark.parametrize("wrong", ["is refused", "fails, but was done", FAR_TOO_LATE])
def test_an_order_to_ring_the_next_one_that_goes_wrong_does_not_lose_those_after_them(
    wrong: str,
) -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.say(hum(CALLER_HZ, 2500))
            scene.goes_wrong_with(scene.phoned, wrong)
            await scene.caller(line)

        scene.place.carrier.far_ends[BOB] = no_answer()
        scene.place.carrier.far_ends[CARL] = person(scene.ann)
        await scene.run(no_answer(), caller)
        connected(scene)
        assert scene.result is not None
        first, second, third = scene.result.attempts
        assert (first.reason, third.reason) == ("supervisor_no_answer", None)
        refused = wrong in ("is refused", "fails")
        assert second.reason == ("dial_failed" if refused else "supervisor_no_answer")
        assert third.dialed_at < (7.8 if refused else 10.5)

    names = ((ANN, "Ann"), (BOB, "Bob"), (CARL, "Carl"))
    targets = [PhoneDestination(number, name, ring_timeout=5.0) for number, name in names]
    play(main, nothing, {**DIAL, "destination": None, "destinations": targets})


# The order to announce.


ANNOUNCE = wrongs("*/Conferences/*.json")


@pytest.mark.parametrize("wrong", ["is refused", "is lost"])
def test_an_introduction_that_cannot_be_announced_is_left_out(wrong: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong()
            line.press("1")
            await scene.together.wait()
            await line.wait(5.0)
            await line.say(hum(ANN_HZ, 2500))

        scene.compared = (7.0,)
        await scene.run(ann)
        connected(scene)

    lost: Fault = reports("announce")["lost"]
    wish = {**CONFERENCE, "introduction": "Here is Ann."}
    play(main, lost if wrong == "is lost" else ANNOUNCE[wrong], wish)


def test_a_supervisor_who_leaves_an_introduction_without_an_end_gives_the_caller_back() -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong()
            line.press("1")
            await scene.together.wait()
            await line.wait(5.0)

        scene.compared = ()
        await scene.run(ann)
        is_back(scene, "supervisor_disconnected")

    wish = {**CONFERENCE, "introduction": "Here is Ann."}
    play(main, lambda faults: faults.lose("conference", event="announcement-end"), wish)


# Reports.


async def declines(scene: Scene) -> None:
    async def ann(line: Line) -> None:
        await scene.is_briefed(line)
        line.press("2")
        await line.wait(60.0)

    scene.goes_wrong()
    await scene.run(ann)
    is_back(scene, "declined")


async def takes(scene: Scene) -> None:
    scene.goes_wrong()
    await scene.run(scene.ann)
    connected(scene)
    both_go_together(scene)


async def takes_and_the_caller_hangs_up(scene: Scene) -> None:
    async def caller(line: Line) -> None:
        scene.lines["caller"] = line
        while not scene.together.is_set():
            await line.say(hum(CALLER_HZ, 500))
        await line.say(hum(CALLER_HZ, 3500))

    async def ann(line: Line) -> None:
        await scene.is_briefed(line)
        line.press("1")
        await scene.together.wait()
        await line.say(hum(ANN_HZ, 60_000))

    scene.goes_wrong()
    await scene.run(ann, caller)
    connected(scene)
    both_go_together(scene)


@taken_away
@pytest.mark.parametrize("how", REPORTS)
def test_reports_about_calls_that_go_wrong_change_nothing(way: str, how: str) -> None:
    play(takes, REPORTS[how], WAYS[way])


@taken_away
def test_reports_that_are_lost_keep_nobody_when_the_caller_hangs_up(way: str) -> None:
    play(takes_and_the_caller_hangs_up, REPORTS["lost"], WAYS[way])


@pytest.mark.parametrize(
    ("how", "course"),
    [
        ("doubled", takes_and_the_caller_hangs_up),
        ("late", declines),
        ("out of order", takes_and_the_caller_hangs_up),
    ],
)
def test_so_do_reports_about_the_conference(
    how: str, course: Callable[[Scene], Awaitable[None]]
) -> None:
    play(course, reports("conference")[how], CONFERENCE)


def test_reports_that_are_lost_do_not_keep_a_caller_whom_nobody_takes() -> None:
    play(declines, REPORTS["lost"], DIAL)


@pytest.mark.parametrize("when", ["at once", "at the merge"])
def test_a_conference_of_which_nothing_is_heard_gives_the_caller_back(when: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong()
            line.press("1")
            await scene.talks(line)

        if when == "at once":
            scene.goes_wrong()
        await scene.run(ann)
        is_back(scene, "dial_failed" if when == "at once" else "switch_failed")

    play(main, reports("conference")["lost"], CONFERENCE)


@every_way
def test_two_of_whom_nothing_is_heard_any_more_still_end_together(way: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await scene.together.wait()
            await line.say(hum(ANN_HZ, 3000))
            scene.goes_wrong()

        await scene.run(ann)
        assert scene.closed == "transferred"
        # In a conference of which the carrier tells nothing, we ask for the call now and then.
        both_go_together(scene, 31.0 if way == "conference" else 4.0)

    play(main, reports("*")["lost"], WAYS[way])


# What the carrier asks for: documents, sounds.


@pytest.mark.parametrize(
    ("way", "purpose", "error"),
    [
        # Neither music nor comfort: the carrier's own music is.
        ("conference", "wait", None),
        ("conference", "media", None),
        # She hears that the application has failed, and is hung up on.
        ("dial", "whisper", "supervisor_unreachable"),
        ("dial", "redirect", "supervisor_disconnected"),
    ],
)
def test_a_document_that_the_carrier_does_not_get(
    way: str, purpose: str, error: str | None
) -> None:
    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.run(scene.ann)
        if error is None:
            connected(scene)
        else:
            is_back(scene, error)

    play(main, reports(purpose)["lost"], WAYS[way])


def test_a_key_that_does_not_reach_us_ends_the_whisper_and_the_caller_comes_back() -> None:
    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.run(scene.ann)
        is_back(scene, "supervisor_disconnected")

    play(main, lambda faults: faults.lose("action"), DIAL)


def test_a_carrier_that_cannot_ask_what_comes_after_a_dial_ends_the_call() -> None:
    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.run(scene.ann)
        assert (error_of(scene), scene.back) == ("supervisor_disconnected", False)
        assert scene.closed == "caller_hung_up"

    play(main, reports("action")["lost"], DIAL)


# Audio.


async def breaks_when_it_is_back(scene: Scene) -> None:
    async def ann(line: Line) -> None:
        await scene.is_briefed(line)
        scene.place.carrier.faults.break_stream(after=0.5)
        line.press("2")
        await line.wait(60.0)

    await scene.run(ann)
    assert (error_of(scene), scene.closed, scene.back) == ("declined", "link_lost", False)


async def breaks_while_it_is_taken(scene: Scene) -> None:
    async def caller(line: Line) -> None:
        scene.lines["caller"] = line
        asyncio.get_running_loop().call_later(2.0, scene.phoned.drop_streams)
        await scene.caller(line)

    UPDATE["is done and answered late"](scene.place.carrier.faults)
    await scene.run(scene.ann, caller)
    assert (error_of(scene), scene.closed) == ("caller_disconnected", "link_lost")


@taken_away
@pytest.mark.parametrize("course", [breaks_when_it_is_back, breaks_while_it_is_taken])
def test_audio_of_the_caller_that_breaks_off_is_as_if_they_had_hung_up(
    way: str, course: Callable[[Scene], Awaitable[None]]
) -> None:
    play(course, nothing, WAYS[way])


def test_audio_of_ann_that_breaks_off_in_the_briefing_is_as_if_she_had_hung_up() -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.anns[0].drop_streams()
            await line.wait(60.0)

        await scene.run(ann)
        is_back(scene, "supervisor_disconnected")

    play(main, nothing, CONFERENCE)


# Two things that happen at the same moment.


@taken_away
def test_a_caller_who_is_asked_for_as_the_two_part_comes_back_once(way: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await scene.together.wait()
            await line.wait(1.0)
            scene.goes_wrong_with(scene.phoned, "is done and answered late")
            line.hang_up()

        scene.compared = ()
        await scene.run(ann)
        is_back(scene, "supervisor_disconnected")
        assert scene.result is not None
        assert scene.result.rollback

    play(main, nothing, WAYS[way])


def test_a_caller_who_leaves_the_conference_while_they_are_asked_for_comes_back_once() -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong_with(scene.phoned, "is done and answered late")
            line.press("2")
            await line.wait(1.0)
            scene.lines["caller"].hush()
            scene.lines["caller"].press("*")
            await line.wait(60.0)

        await scene.run(ann)
        is_back(scene, "declined")

    play(main, nothing, CONFERENCE)


def test_a_phone_that_rings_out_while_the_caller_is_asked_for_does_not_disturb_that() -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.say(hum(CALLER_HZ, 2500))
            scene.goes_wrong_with(scene.anns[0], "is refused")
            path = f"*/Calls/{scene.phoned.sid}.json"
            scene.place.carrier.faults.slow_rest(9.0, method="POST", path=path)
            await scene.caller(line)

        await scene.run(no_answer(), caller)
        is_back(scene, "supervisor_join_timeout")
        (ann,) = scene.anns
        assert ann.status == "no-answer"

    play(main, nothing, {**DIAL, "supervisor_join_timeout": 3.0})


@pytest.mark.parametrize("wrong", ["fails", "is slow"])
def test_a_carrier_that_does_not_say_whether_ann_has_gone_gives_the_caller_back(
    wrong: str,
) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await scene.together.wait()
            await line.wait(1.0)
            faults = scene.place.carrier.faults
            if wrong == "fails":
                faults.refuse_rest(503, method="GET", times=5)
            else:
                faults.slow_rest(30.0, method="GET", times=5)
            line.hang_up()

        scene.compared = ()
        await scene.run(ann)
        is_back(scene, "supervisor_disconnected")

    play(main, nothing, CONFERENCE)


async def is_taken(scene: Scene) -> None:
    scene.goes_wrong()
    await scene.run(scene.ann)


async def is_taken_and_judged(scene: Scene) -> None:
    """The carrier takes Ann for a machine, and says so when they have long been talking."""
    scene.talks_for, scene.compared = 30.0, (1.7, 29.0)
    scene.goes_wrong()
    await scene.run(detected_as(person(scene.ann), "machine_start"))


async def is_left(scene: Scene) -> None:
    """The caller hangs up while it rings; Ann is slow to answer."""

    async def caller(line: Line) -> None:
        scene.lines["caller"] = line
        await line.say(hum(CALLER_HZ, 2500))

    scene.goes_wrong()
    await scene.run(person(scene.ann, answer_after=5.0), caller)


async def is_given_up(scene: Scene) -> None:
    """It has rung for long enough; Ann is slow to answer."""
    scene.goes_wrong()
    await scene.run(person(scene.ann, answer_after=5.0))


RACES: Mapping[Race, tuple[Callable[[Scene], Awaitable[None]], Mapping[str, Any], str | None]] = {
    # What is going on, with which wish, and what becomes of the transfer.
    Race.ANSWERED_AS_CALLER_HANGS_UP: (is_left, {}, "caller_disconnected"),
    Race.ANSWERED_AS_CANCELED: (
        is_given_up,
        {"supervisor_join_timeout": 3.0},
        "supervisor_join_timeout",
    ),
    Race.ANSWERED_AFTER_TIMEOUT: (is_taken, {}, "supervisor_no_answer"),
    Race.CREATE_ANSWERED_LATE: (is_taken, {}, None),
    Race.STATUS_OUT_OF_ORDER: (is_taken, {}, None),
    Race.VERDICT_AFTER_MERGE: (is_taken_and_judged, {"detect_machine": True}, None),
}
NOT_IN_A_DIAL = (Race.CREATE_ANSWERED_LATE, Race.STATUS_OUT_OF_ORDER)


@pytest.mark.parametrize(
    ("way", "race"),
    [
        *(("conference", race) for race in RACES),
        # Nobody orders a call to her; of reports see above.
        *(("dial", race) for race in RACES if race not in NOT_IN_A_DIAL),
    ],
)
def test_a_race_ends_as_if_one_had_been_first(way: str, race: Race) -> None:
    happens, wish, error = RACES[race]

    async def main(scene: Scene) -> None:
        await happens(scene)
        if error is None:
            connected(scene)
        elif error == "caller_disconnected":
            assert (error_of(scene), scene.closed) == (error, "caller_hung_up")
        else:
            is_back(scene, error)
        (ann,) = scene.anns
        assert ann.ended_at is not None
        if error is not None and ann.answered_at is not None:
            assert ann.ended_at - ann.answered_at < 1.0, "nobody waits for a caller who is gone"

    play(main, lambda faults: faults.provoke(race), {**WAYS[way], **wish})


def test_a_conference_that_ends_as_ann_joins_it_gives_the_caller_back() -> None:
    async def main(scene: Scene) -> None:
        await is_taken(scene)
        is_back(scene, "supervisor_disconnected")

    play(main, lambda faults: faults.provoke(Race.CONFERENCE_ENDED_BEFORE_JOIN), CONFERENCE)


def test_a_conference_that_ends_as_two_are_left_to_it_ends_both_their_calls() -> None:
    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.run(scene.ann)
        connected(scene)
        both_go_together(scene)

    play(main, lambda faults: faults.provoke(Race.CONFERENCE_ENDED_BEFORE_JOIN), DETACHED)


@pytest.mark.parametrize("wrong", ["is refused", "fails"])
def test_by_dial_who_is_next_gets_a_caller_whom_the_carrier_did_not_take_for_the_first(
    wrong: str,
) -> None:
    async def main(scene: Scene) -> None:
        scene.place.carrier.far_ends[BOB] = person(scene.ann)
        scene.goes_wrong()
        await scene.run(scene.ann)
        assert scene.result is not None
        assert [attempt.reason for attempt in scene.result.attempts] == ["dial_failed", None]
        assert (scene.result.human_agent_identity, scene.met) == ("Bob", True)

    targets = [PhoneDestination(ANN, "Ann"), PhoneDestination(BOB, "Bob")]
    wish = {**DIAL, "destination": None, "destinations": targets}
    play(main, UPDATE[wrong], wish)

"""Transfers while the carrier does everything wrong that it can: nobody is lost, nothing is left.

The table in `docs/design/transfer.md` says what becomes of which; this is its proof. Everybody hums
at a pitch of their own, so that it is heard who hears whom.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest
from tests.server.test_bridge import hum
from tests.server.transfer_scene import (
    ANN,
    ANN_HZ,
    AT_ONCE,
    CALLER_HZ,
    CREATE,
    DONE_AT_ONCE,
    REPORTS,
    RINGS_AT_MOST,
    UPDATE,
    Scene,
    nothing,
    play,
)

from hookflash.emulator import Line, Race, busy, no_answer, person

# That it is answered at all after it was done, and when, makes no difference.
WRONGS = [wrong for wrong in UPDATE if wrong != "is done and then answered late"]

# Each of them in one case, and two in the other.
EITHER_WAY = [
    *((wrong, False) for wrong in WRONGS),
    ("is refused", True),
    ("is done and answered far too late", True),
]


# The order to phone Ann.


@pytest.mark.parametrize(
    ("wrong", "error", "statuses"),
    [
        ("is refused", "dial_failed", []),
        ("fails", "dial_failed", []),
        ("fails, but was done", "dial_failed", ["canceled"]),
        ("is done and answered late", None, ["completed"]),
        ("is done and then answered late", None, ["completed"]),
        # The order that was given up is carried out after all: the first report of it ends it.
        ("is done and answered far too late", "supervisor_no_answer", ["canceled"]),
        ("is done, and the answer comes far too late", None, ["completed"]),
    ],
)
def test_an_order_to_dial_that_goes_wrong_gives_ann_the_caller_or_the_agent_keeps_them(
    wrong: str, error: str | None, statuses: list[str]
) -> None:
    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.play(scene.ann)
        await asyncio.sleep(30.0)
        await scene.settle()
        assert scene.result is not None
        assert scene.result.error == error
        assert (scene.met, scene.back) == (error is None, error is not None)
        assert [each.status for each in scene.anns] == statuses

    play(main, CREATE[wrong])


def test_an_order_to_dial_without_an_answer_is_given_up_though_it_could_ring_for_longer() -> None:
    async def main(scene: Scene) -> None:
        scene.rings_for = 60.0
        scene.goes_wrong()
        await scene.play(scene.ann)
        assert scene.result is not None
        assert (scene.result.error, scene.back) == ("dial_failed", True)
        assert scene.result.seconds < 25.0

    play(main, CREATE["is done and answered far too late"])


# The order to end a call to Ann, ringing or answered.


@pytest.mark.parametrize(("wrong", "leaves"), EITHER_WAY)
def test_a_phone_that_cannot_be_told_to_stop_ringing_stops_by_itself(
    wrong: str, leaves: bool
) -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.say(hum(CALLER_HZ, 2500))
            scene.goes_wrong()
            if leaves:
                line.hang_up()
            line.press("*")
            await scene.caller(line)

        await scene.play(no_answer(), caller)
        await scene.settle()
        assert scene.phases[-1] == "transfer_cancelled"
        assert scene.result is not None
        reason = "caller_disconnected" if leaves else "caller_cancelled"
        assert (scene.result.error, scene.back) == (reason, not leaves)
        assert scene.closed == ("caller_hung_up" if leaves else "hangup")
        (ann,) = scene.anns
        assert ann.answered_at is None
        assert ann.ended_at is not None
        assert scene.result_at - scene.wrong_at < 4.0, "an apology"
        rang_on = ann.ended_at - scene.result_at
        assert rang_on < (1.0 if wrong in DONE_AT_ONCE else RINGS_AT_MOST)

    play(main, UPDATE[wrong])


@pytest.mark.parametrize(("wrong", "leaves"), EITHER_WAY)
def test_a_supervisor_whose_call_cannot_be_ended_is_let_go_all_the_same(
    wrong: str, leaves: bool
) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong()
            if leaves:
                scene.lines["caller"].hang_up()
            else:
                line.press("2")
            await line.wait(60.0)

        await scene.play(ann)
        await scene.settle()
        assert scene.result is not None
        reason = "caller_disconnected" if leaves else "declined"
        assert (scene.result.error, scene.back) == (reason, not leaves)
        assert scene.closed == ("caller_hung_up" if leaves else "hangup")
        (call,) = scene.anns
        assert call.status == "completed"
        assert call.ended_at is not None
        # A farewell of at most two seconds, and five for an answer of the carrier's.
        assert scene.result_at - scene.wrong_at < 4.0, "an apology"
        assert call.ended_at - scene.wrong_at < (2.6 if wrong in AT_ONCE else 7.6)

    play(main, UPDATE[wrong])


# The order to end the one call when the other has ended.


@pytest.mark.parametrize(
    ("wrong", "who_hangs_up"),
    [(wrong, "caller" if other else "ann") for wrong, other in EITHER_WAY],
)
def test_when_one_of_the_two_hangs_up_the_other_is_let_go_all_the_same(
    wrong: str, who_hangs_up: str
) -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            while not scene.together.is_set():
                await line.say(hum(CALLER_HZ, 500))
            await line.say(hum(CALLER_HZ, 3500 if who_hangs_up == "caller" else 60_000))
            scene.goes_wrong()

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await line.wait(0.3)
            await line.say(hum(ANN_HZ, 3500 if who_hangs_up == "ann" else 60_000))
            scene.goes_wrong()

        await scene.play(ann, caller)
        await scene.settle()
        assert scene.result is not None
        assert (scene.result.success, scene.met, scene.closed) == (True, True, "transferred")
        first, last = sorted(each.ended_at or 0.0 for each in scene.place.carrier.calls.values())
        assert last - first < (1.0 if wrong in AT_ONCE else 5.5)

    play(main, UPDATE[wrong])


# The carrier's reports.


@pytest.mark.parametrize("how", REPORTS)
@pytest.mark.parametrize("accepts", [True, False])
def test_reports_of_the_carrier_that_go_wrong_change_nothing_once_somebody_has_answered(
    how: str, accepts: bool
) -> None:
    async def main(scene: Scene) -> None:
        async def declines(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("2")
            await line.wait(60.0)

        scene.goes_wrong()
        await scene.play(scene.ann if accepts else declines)
        await scene.settle()
        assert scene.result is not None
        assert scene.result.error == (None if accepts else "declined")
        assert (scene.met, scene.back) == (accepts, not accepts)

    play(main, REPORTS[how])


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("lost", "supervisor_no_answer"),
        ("doubled", "supervisor_busy"),
        ("late", "supervisor_busy"),
        ("out of order", "supervisor_busy"),
    ],
)
def test_a_busy_line_of_which_the_report_is_lost_counts_as_not_answered(
    how: str, error: str
) -> None:
    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await scene.play(busy())
        await scene.settle()
        assert scene.result is not None
        assert (scene.result.error, scene.back) == (error, True)

    play(main, REPORTS[how])


# Audio.


@pytest.mark.parametrize(
    ("whose", "when", "error"),
    [
        ("ann", "briefed", "supervisor_disconnected"),
        ("ann", "together", "supervisor_disconnected"),
        ("ann", "later", None),
        ("caller", "briefed", "caller_disconnected"),
        ("caller", "together", "caller_disconnected"),
        ("caller", "later", None),
    ],
)
def test_audio_that_breaks_off_is_as_if_they_had_hung_up(
    whose: str, when: str, error: str | None
) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            if when != "briefed":
                line.press("1")
                await scene.together.wait()
                await line.say(hum(ANN_HZ, 1000 if when == "together" else 3000))
            for call in scene.place.carrier.calls.values():
                if (call.to == ANN) is (whose == "ann"):
                    call.drop_streams()
            await line.wait(60.0)

        await scene.play(ann)
        await scene.settle()
        assert scene.result is not None
        assert scene.result.error == error
        assert scene.result.rollback is (when == "together" and whose == "ann")
        assert scene.met is (when == "later")
        assert scene.back is (error is not None and whose == "ann")

    play(main, nothing)


# Two things that happen at the same moment.


async def is_cancelled(scene: Scene) -> None:
    """The caller wants back while it rings; Ann is slow to answer."""

    async def caller(line: Line) -> None:
        scene.lines["caller"] = line
        await line.say(hum(CALLER_HZ, 2500))
        line.press("*")
        await scene.caller(line)

    await scene.play(person(scene.ann, answer_after=5.0), caller)


async def is_left(scene: Scene) -> None:
    """The caller hangs up while it rings; Ann is slow to answer."""

    async def caller(line: Line) -> None:
        scene.lines["caller"] = line
        await line.say(hum(CALLER_HZ, 2500))

    await scene.play(person(scene.ann, answer_after=5.0), caller)


async def is_taken(scene: Scene) -> None:
    await scene.play(scene.ann)


async def is_too_late(scene: Scene) -> None:
    """The order to cancel does not arrive, either, however often it is given."""
    for _ in range(3):
        UPDATE["fails"](scene.place.carrier.faults)
    await scene.play(scene.ann)


RACES: Mapping[Race, tuple[Callable[[Scene], Awaitable[None]], str | None, bool]] = {
    # What is going on, what becomes of the transfer, whether Ann's phone was answered.
    Race.ANSWERED_AS_CALLER_HANGS_UP: (is_left, "caller_disconnected", True),
    Race.ANSWERED_AS_CANCELED: (is_cancelled, "caller_cancelled", True),
    Race.ANSWERED_AFTER_TIMEOUT: (is_too_late, "supervisor_no_answer", True),
    Race.CREATE_ANSWERED_LATE: (is_taken, None, True),
    Race.STATUS_OUT_OF_ORDER: (is_taken, None, True),
    # A bridge asks the carrier neither who has answered nor for a conference.
    Race.VERDICT_AFTER_MERGE: (is_taken, None, True),
    Race.CONFERENCE_ENDED_BEFORE_JOIN: (is_taken, None, True),
}


@pytest.mark.parametrize("race", Race)
def test_a_race_ends_as_if_one_had_been_first(race: Race) -> None:
    happens, error, answered = RACES[race]

    async def main(scene: Scene) -> None:
        scene.goes_wrong()
        await happens(scene)
        await scene.settle()
        assert scene.result is not None
        assert scene.result.error == error
        assert scene.met is (error is None)
        assert scene.back is (error not in (None, "caller_disconnected"))
        (ann,) = scene.anns
        assert (ann.answered_at is not None) is answered
        assert ann.ended_at is not None
        if error is not None and answered:
            assert ann.answered_at is not None
            assert ann.ended_at - ann.answered_at < 1.0, "nobody waits for a caller who is gone"

    play(main, lambda faults: faults.provoke(race))

"""Transfers without a word before, while the carrier does not do what it is told."""

import asyncio

import pytest
from tests.server.test_bridge import hum, share
from tests.server.transfer_scene import (
    ANN,
    ANN_HZ,
    CALLER_HZ,
    REPORTS,
    UPDATE,
    Fault,
    Scene,
    heard,
    nothing,
    play,
    reports,
)

from hookflash import Call
from hookflash.calls.outcome import TransferOutcome
from hookflash.emulator import FarEnd, Line, no_answer, person, reject
from hookflash.events.call import Outcome
from hookflash.runtime import clock


class Desk:
    """What came of handing the caller to Ann."""

    def __init__(self) -> None:
        self.outcome: TransferOutcome | None = None
        self.met = False

    def ann(self, seconds: float) -> FarEnd:
        """Ann, who talks, and in the end looks what the two have heard last."""

        async def script(line: Line) -> None:
            await line.say(hum(ANN_HZ, round(seconds * 1000)))
            now = clock.now()
            both = ((line, CALLER_HZ), (self.scene.lines["caller"], ANN_HZ))
            self.met = all(share(heard(one, now - 1.0, now), hz) > 0.9 for one, hz in both)

        return person(script)

    def play(self, ann: FarEnd, fault: Fault, give_up_after: float | None = None) -> Scene:
        async def hands_over(scene: Scene, call: Call) -> None:
            session = scene.session()
            await session.start(call)
            scene.goes_wrong()
            transfer = asyncio.ensure_future(session.call_transfer(ANN, ring_timeout=6.0))
            await asyncio.wait([transfer], timeout=give_up_after)
            if give_up_after is not None:
                transfer.cancel()
                await asyncio.wait([transfer])
            else:
                self.outcome = transfer.result()
            scene.result_at = clock.now()
            if not session.closed:
                await scene.talk(session, call)
                await session.hangup()
            scene.closed = await session.wait_closed()

        async def main(scene: Scene) -> None:
            self.scene = scene
            scene.program = hands_over
            await scene.run(ann)

        play(main, fault)
        return self.scene


@pytest.mark.parametrize(
    ("wrong", "seconds"),
    [("fails, but was done", 4.0), ("is done, and the answer comes far too late", 14.0)],
)
def test_an_order_that_is_followed_connects_the_two_whatever_the_carrier_answers(
    wrong: str, seconds: float
) -> None:
    desk = Desk()
    scene = desk.play(desk.ann(seconds), UPDATE[wrong])
    assert desk.outcome == TransferOutcome(success=True, outcome=Outcome.COMPLETED, via="carrier")
    assert (desk.met, scene.closed) == (True, "transferred")


@pytest.mark.parametrize("wrong", ["is refused", "fails", "is done and answered far too late"])
def test_an_order_that_is_not_followed_leaves_the_caller_with_the_agent(wrong: str) -> None:
    desk = Desk()
    scene = desk.play(desk.ann(4.0), UPDATE[wrong])
    assert desk.outcome is not None
    assert (desk.outcome.outcome, scene.back, scene.anns) == (Outcome.FAILED, True, [])


def test_two_who_talk_are_left_alone_though_no_report_comes() -> None:
    desk = Desk()
    scene = desk.play(desk.ann(30.0), REPORTS["lost"])
    assert desk.outcome == TransferOutcome(success=True, outcome=Outcome.COMPLETED, via="carrier")
    assert (desk.met, scene.closed) == (True, "transferred")


def test_a_caller_whom_nobody_takes_is_back_though_no_report_comes() -> None:
    desk = Desk()
    scene = desk.play(reject(), REPORTS["lost"])
    assert desk.outcome is not None
    assert (desk.outcome.outcome, scene.back) == (Outcome.FAILED, True)


def test_a_caller_whose_call_the_carrier_ended_is_not_taken_for_connected() -> None:
    desk = Desk()
    scene = desk.play(reject(), reports("*")["lost"])
    assert desk.outcome is not None
    assert desk.outcome.outcome is Outcome.CANCELED
    assert scene.closed == "caller_hung_up"


def test_a_transfer_that_is_given_up_while_it_rings_has_the_caller_back() -> None:
    desk = Desk()
    scene = desk.play(no_answer(), nothing, give_up_after=3.0)
    assert (scene.back, scene.closed) == (True, "hangup")
    assert scene.result_at < 4.0
    (ann,) = scene.anns
    assert ann.status == "canceled"

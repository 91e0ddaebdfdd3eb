"""Calls whose audio the carrier has for a while, over its sockets."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.server.street import OURS, THEIRS, Street, street
from tests.server.test_bridge import hum, share

from hookflash import Call
from hookflash.calls import room as room_module
from hookflash.calls.room import Room
from hookflash.carriers.base import Answer, HangUp, PlaySound, Wait
from hookflash.emulator import FarEnd, Line, person
from hookflash.errors import CarrierError, LinkTimeout, SessionClosed, UsageError
from hookflash.events.call import CallState, Outcome
from hookflash.runtime import clock

ANN = "+14155550100"
BOB = "+14155550111"
OUR_HZ, ROOM_HZ, CALLER_HZ, ANN_HZ, BOB_HZ = 440.0, 550.0, 700.0, 1000.0, 1300.0


class Lines:
    """Who holds which line, and hums."""

    def __init__(self) -> None:
        self.held: dict[str, Line] = {}

    def hums(self, name: str, hz: float) -> FarEnd:
        async def script(line: Line) -> None:
            self.held[name] = line
            await line.say(hum(hz, 60_000))

        return person(script)

    def waits(self, name: str) -> FarEnd:
        async def script(line: Line) -> None:
            self.held[name] = line
            await line.wait(600.0)

        return person(script)

    def heard(self, name: str, last: float, hz: float) -> float:
        """Of what was heard in the last seconds: how much was this tone."""
        heard = self.held[name].heard
        assert heard.began_at is not None
        end = clock.now() - heard.began_at
        return share(heard.pcm(end - last, end), hz)


def run(
    program: Callable[[Street, Call, Lines], Coroutine[Any, Any, None]],
    *,
    caller: Callable[[Lines], FarEnd] = lambda lines: lines.waits("caller"),
) -> None:
    """Let a caller phone, and the program do something with the call."""

    async def main() -> None:
        lines = Lines()
        failures: list[BaseException] = []
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                await call.answer()
                try:
                    await program(place, call, lines)
                except BaseException as exc:
                    failures.append(exc)
                    raise

            phoned = place.carrier.call(to=OURS, from_=THEIRS, far_end=caller(lines))
            await phoned.ended()
            await place.app.drain(60.0)
        if failures:
            raise failures[0]

    clock.run(main(), virtual=True)


def play(call: Call, hz: float, ms: int) -> None:
    assert call.leg is not None
    call.leg.play(hum(hz, ms))


def test_a_lent_call_hears_the_carrier_and_is_heard_again_when_its_audio_is_back() -> None:
    async def program(place: Street, call: Call, lines: Lines) -> None:
        leg = call.leg
        assert leg is not None
        play(call, OUR_HZ, 20_000)
        await asyncio.sleep(2.0)
        assert lines.heard("caller", 1.0, OUR_HZ) > 0.95
        sound = place.app.sound(hum(ROOM_HZ, 5000), 8000)
        await call.lend(PlaySound(url=sound.url), Wait(seconds=30))
        await asyncio.sleep(3.0)
        assert call.state is CallState.AWAY
        assert not leg.linked
        assert lines.heard("caller", 1.0, ROOM_HZ) > 0.95

        play(call, OUR_HZ, 3000)  # waits until the party can hear it
        await call.fetch()
        await asyncio.sleep(2.0)
        assert (call.state, call.leg, leg.linked) == (CallState.ANSWERED, leg, True)
        assert lines.heard("caller", 1.0, OUR_HZ) > 0.95
        async with asyncio.timeout(1.0):
            async for _frame in leg.frames():
                break
        await call.hangup()

    run(program)


def test_a_lent_call_ends_when_its_party_hangs_up() -> None:
    async def program(place: Street, call: Call, lines: Lines) -> None:
        await call.lend(Wait(seconds=60))
        await asyncio.sleep(2.0)
        lines.held["caller"].hang_up()
        async with asyncio.timeout(70.0):
            ended = await call.wait_ended()
        assert (ended.outcome, ended.reason) == (Outcome.COMPLETED, "caller_hung_up")
        with pytest.raises(SessionClosed):
            await call.lend(Wait(seconds=1))

    run(program)


def test_a_carrier_that_refuses_to_take_a_call_leaves_its_audio_with_us() -> None:
    async def program(place: Street, call: Call, lines: Lines) -> None:
        place.carrier.faults.refuse_rest(400, method="POST", path="*/Calls/*")
        with pytest.raises(CarrierError):
            await call.lend(Wait(seconds=60))
        play(call, OUR_HZ, 3000)
        await asyncio.sleep(2.0)
        assert call.state is CallState.ANSWERED
        assert lines.heard("caller", 1.0, OUR_HZ) > 0.95
        await call.hangup()

    run(program)


def test_calls_in_a_room_hear_each_other_without_us_and_one_can_be_apart() -> None:
    async def program(place: Street, call: Call, lines: Lines) -> None:
        place.carrier.far_ends[ANN] = lines.hums("ann", ANN_HZ)
        left: list[Call] = []
        ann = await place.app.dial(ANN, OURS)
        await ann.answer()
        room = Room(place.app, on_left=left.append)
        await room.enter(call, starts=False, waits_with=[room.offer(hum(ROOM_HZ, 5000), 8000)])
        await asyncio.sleep(2.0)
        assert lines.heard("caller", 1.0, ROOM_HZ) > 0.9

        await room.enter(ann, ends=True)
        await asyncio.sleep(2.0)
        assert room.calls == (call, ann)
        assert lines.heard("caller", 1.0, ANN_HZ) > 0.95
        assert lines.heard("ann", 1.0, CALLER_HZ) > 0.95

        await room.hold(call, with_=[room.offer(hum(ROOM_HZ, 60_000), 8000)])
        await asyncio.sleep(2.0)
        assert lines.heard("caller", 1.0, ROOM_HZ) > 0.9
        assert lines.heard("ann", 1.0, CALLER_HZ) < 0.05
        await room.hold(call, on=False)
        await asyncio.sleep(2.0)
        assert lines.heard("caller", 1.0, ANN_HZ) > 0.95

        lines.held["ann"].hang_up()
        async with asyncio.timeout(1.0):
            await call.wait_ended()
            await ann.wait_ended()
        assert set(left) == {call, ann}
        room.close()

    run(program, caller=lambda lines: lines.hums("caller", CALLER_HZ))


def test_a_coach_in_a_room_is_heard_by_one_and_an_announcement_by_all() -> None:
    async def program(place: Street, call: Call, lines: Lines) -> None:
        place.carrier.far_ends[ANN] = lines.waits("ann")
        place.carrier.far_ends[BOB] = lines.hums("bob", BOB_HZ)
        ann, bob = await place.app.dial(ANN, OURS), await place.app.dial(BOB, OURS)
        await asyncio.gather(ann.answer(), bob.answer())
        room = Room(place.app)
        await room.enter(call)
        await room.enter(ann)
        await room.enter(bob, coaches=ann)
        await asyncio.sleep(2.0)
        assert lines.heard("ann", 1.0, BOB_HZ) > 0.95
        assert lines.heard("caller", 1.0, BOB_HZ) < 0.05

        began = clock.now()
        await room.announce(room.offer(hum(ROOM_HZ, 2000), 8000))
        assert 1.9 < clock.now() - began < 3.0, "it returns when it was heard"
        assert lines.heard("caller", 1.5, ROOM_HZ) > 0.9
        for each in (bob, ann, call):
            await each.hangup()
        room.close()

    run(program)


def test_who_comes_out_of_a_room_is_asked_for_and_may_go_back_in() -> None:
    async def program(place: Street, call: Call, lines: Lines) -> None:
        answers: list[str] = []
        room = Room(place.app)

        async def came_out() -> Answer:
            answers.append("out")
            return room.way_in(call) if len(answers) == 1 else call.way_back()

        await room.enter(call, starts=False, came_out=came_out)
        lines.held["caller"].press("*")
        await asyncio.sleep(2.0)
        assert list(room.calls) == [call]
        lines.held["caller"].press("*")
        await call.wait_back()
        play(call, OUR_HZ, 3000)
        await asyncio.sleep(2.0)
        assert not list(room.calls)
        assert lines.heard("caller", 1.0, OUR_HZ) > 0.95
        room.close()
        await call.hangup()

    run(program)


def test_a_call_of_which_nobody_says_that_it_got_into_the_room_is_brought_back() -> None:
    async def program(place: Street, call: Call, lines: Lines) -> None:
        room = Room(place.app)
        place.carrier.faults.lose("conference", times=100)
        with pytest.raises(LinkTimeout, match="into the conference"):
            await room.enter(call)
        play(call, OUR_HZ, 3000)
        await asyncio.sleep(2.0)
        assert lines.heard("caller", 1.0, OUR_HZ) > 0.95
        room.close()
        await call.hangup()

    run(program)


def test_a_call_without_a_carrier_cannot_be_lent_and_strangers_are_not_in_rooms() -> None:
    async def program(place: Street, call: Call, lines: Lines) -> None:
        room = Room(place.app)
        with pytest.raises(UsageError, match="not in the conference"):
            room.way_in(call)
        control, call.control = call.control, None
        with pytest.raises(UsageError, match="no carrier account"):
            await call.lend(HangUp())
        call.control = control
        room.close()
        await call.hangup()

    run(program)


def test_who_comes_out_again_and_again_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "_MOST_EXITS", 2)

    async def program(place: Street, call: Call, lines: Lines) -> None:
        room = Room(place.app)

        async def came_out() -> Answer:
            return room.way_in(call)

        await room.enter(call, starts=False, came_out=came_out)
        for _ in range(2):
            lines.held["caller"].press("*")
            await asyncio.sleep(2.0)
            assert list(room.calls) == [call]
        lines.held["caller"].press("*")
        async with asyncio.timeout(60.0):
            await call.wait_ended()
        room.close()

    run(program)

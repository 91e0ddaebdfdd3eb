import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hookflash.legs.base import Leg
from hookflash.legs.loopback import LoopbackLeg, loopback
from hookflash.runtime import clock
from hookflash.runtime.ticker import TICK
from hookflash.testing import FarSide, check_leg


class OtherEnd:
    """The far side of a loopback is the other leg."""

    def __init__(self, leg: LoopbackLeg) -> None:
        self._leg = leg
        self._received: list[tuple[float, bytes]] = []
        leg.tap(self, "party")

    def tap_sound(self, pcm: bytes, at: float) -> None:
        self._received.append((at + TICK, pcm))

    def tap_cut(self, at: float) -> None:
        pass

    def tap_closed(self) -> None:
        pass

    def received(self) -> list[tuple[float, bytes]]:
        return self._received

    def send_frame(self, pcm: bytes) -> None:
        self._leg._send_frame(pcm)

    def press(self, digit: str) -> None:
        self._leg.press(digit)

    def hang_up(self) -> None:
        self._leg.close()

    def gone(self) -> bool:
        return self._leg.closed


def test_a_loopback_leg_does_what_every_leg_must() -> None:
    @asynccontextmanager
    async def connect() -> AsyncIterator[tuple[Leg, FarSide]]:
        near, far = loopback()
        yield near, OtherEnd(far)
        near.close()
        await asyncio.sleep(0)

    clock.run(check_leg(connect), virtual=True)


def test_frames_can_be_iterated_until_the_leg_closes() -> None:
    async def main() -> int:
        near, far = loopback(16000)

        async def count() -> int:
            return len([frame async for frame in far.frames()])

        counting = asyncio.create_task(count())
        await asyncio.sleep(0)
        await near.play(bytes(640 * 5))
        near.close()
        return await counting

    assert clock.run(main(), virtual=True) == 5

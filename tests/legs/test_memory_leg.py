from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hookflash.legs.base import Leg
from hookflash.runtime import clock
from hookflash.testing import FarSide, MemoryLeg, check_leg


class InMemory:
    def __init__(self, leg: MemoryLeg) -> None:
        self._leg = leg

    def received(self) -> list[tuple[float, bytes]]:
        return self._leg.received

    def send_frame(self, pcm: bytes) -> None:
        self._leg.hear(pcm)

    def press(self, digit: str) -> None:
        self._leg.press(digit)

    def hang_up(self) -> None:
        self._leg.hang_up()

    def gone(self) -> bool:
        return self._leg.closed


@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_memory_leg_does_what_every_leg_must(marks: bool, rate: int) -> None:
    @asynccontextmanager
    async def connect() -> AsyncIterator[tuple[Leg, FarSide]]:
        leg = MemoryLeg(rate, marks=marks)
        yield leg, InMemory(leg)
        leg.close()

    clock.run(check_leg(connect), virtual=True)

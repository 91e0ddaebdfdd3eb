"""Caller and supervisor are legs of a bridge in our process."""

import asyncio

from hookflash.agent.topology.base import HOLD, TransferParts
from hookflash.agent.topology.streamed import Streamed
from hookflash.calls.bridge import Bridge
from hookflash.calls.room import Room
from hookflash.errors import HookflashError

__all__ = ["Bridged"]


class Bridged(Streamed):
    """Both stay on their streams, and the bridge lets them hear each other.

    With `detach_after_merge` the carrier gets both once they have each other for good. If it does
    not take them, they go on talking in the bridge.
    """

    def __init__(self, parts: TransferParts) -> None:
        """Nobody is connected yet."""
        super().__init__(parts)
        self._bridge: Bridge | None = None

    async def merge(self, target: int) -> None:
        """Let both into the bridge; the music fades under their first words."""
        leg = self.streamed(target).leg
        assert leg is not None
        self.hush(target)
        self._bridge = Bridge()
        self._bridge.join(self.parts.host.leg)
        self._bridge.join(leg)
        self.parts.host.sound.lull()

    async def introduce(self, target: int, text: str) -> None:
        """Say it to both at once."""
        briefing = self.streamed(target).briefing
        await asyncio.gather(self.parts.say(text), briefing.announce(text))

    def unmerge(self) -> None:
        """Take the caller out of the bridge."""
        host = self.parts.host
        if self._bridge is not None:
            self._bridge.leave(host.leg)
        host.sound.hold(host.music, self.parts.say, reason=HOLD)

    async def leave(self, target: int) -> None:
        """Leave them in the bridge, or with the carrier."""
        room: Room | None = None
        control = self.parts.host.call.control
        if self.parts.config.detach_after_merge and control is not None:
            room = Room(control)
        self.end_together(target, None if room is None else room.close)
        await self.streamed(target).briefing.leave()
        if room is not None:
            self.parts.owner.start(self._detach(room, target), name="detach")

    async def _detach(self, room: Room, target: int) -> None:
        """Give both to the carrier; if it does not take one, both stay with us."""
        calls = (self.parts.host.call, self.call_of(target))
        entering = [room.enter(call, ends=True, waits_with=()) for call in calls]
        came = await asyncio.gather(*entering, return_exceptions=True)
        failed = [result for result in came if result is not None]
        if failed:
            # The bridge has kept their places.
            back = [call.fetch() for call in calls if call.ended is None]
            lost = [each for each in await asyncio.gather(*back, return_exceptions=True) if each]
            if lost:
                self.call_of(target).end("no_media")  # and the caller's with it
            failed += lost
        for error in failed:
            if not isinstance(error, HookflashError):
                raise error

    async def aclose(self) -> None:
        """End the bridge."""
        if self._bridge is not None:
            await self._bridge.aclose()

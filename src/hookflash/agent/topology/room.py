"""Caller and supervisor meet in a conference of the carrier's.

The caller waits there, with the carrier; the supervisor is briefed on a stream of their own, and
then follows.
"""

import asyncio

import msgspec
import numpy as np

from hookflash.agent.sound import HoldMusic
from hookflash.agent.topology.base import HOLD, TransferParts
from hookflash.agent.topology.prompts import prompt_of
from hookflash.agent.topology.streamed import Streamed
from hookflash.audio.frames import pcm_bytes, samples
from hookflash.calls.room import Prompt, Room
from hookflash.carriers.base import Answer
from hookflash.errors import HookflashError
from hookflash.events.turn import DigitReceived
from hookflash.pipeline.sound import sound_of

__all__ = ["InRoom"]

# What is decided when somebody comes out of the room: a webhook is answered within 15 s.
_DECIDED_WITHIN = 8.0
_STAR = "*"


class InRoom(Streamed):
    """The caller's audio leaves us before anybody is dialled, and is back if nobody takes them."""

    def __init__(self, parts: TransferParts) -> None:
        """The room is made when the caller enters."""
        super().__init__(parts)
        control = parts.host.call.control
        assert control is not None
        self._room = Room(control)
        self._merged: int | None = None
        self._at_door = False  # the carrier asks what follows, and our answer can bring them back
        # Whether the caller comes back: known when the transfer is over for them.
        self._comes_back: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def park(self) -> None:
        """Let the caller into the room, where they hear music, and comfort, until it starts."""
        host = self.parts.host
        waits_with = await self._waiting(host.music)
        await self._room.enter(
            host.call, starts=False, waits_with=waits_with, came_out=self._came_out
        )
        # Comfort is the room's business now; back with us there is music again until we speak.
        music = msgspec.structs.replace(host.music, comfort=())
        host.sound.hold(music, self.parts.say, reason=HOLD)

    async def _waiting(self, music: HoldMusic) -> tuple[Prompt, ...] | None:
        """Return what the caller hears while they wait, a turn of it: music, and lines between."""
        if music.music is None:
            return ()
        host = self.parts.host
        rate = host.leg.sample_rate
        try:
            pcm = await (await sound_of(music.music)).ready(rate)
        except HookflashError as exc:
            host.emitter.tell_error("sound", exc.reason, str(exc))
            return None
        wave = samples(pcm) * music.volume
        lines = () if callable(music.comfort) else music.comfort
        if not lines:
            return (self._room.offer(pcm_bytes(wave), rate, forever=True),)
        between = np.resize(wave, round(music.comfort_every * rate))
        played = self._room.offer(pcm_bytes(between), rate)
        prompts: list[Prompt] = []
        for line in lines:
            prompts += [played, await prompt_of(line, host.conversation.speech, self._room.offer)]
        return tuple(prompts)

    async def _came_out(self) -> Answer:
        """The caller has pressed a key, or the supervisor, with whom the room ends, has left it."""
        call = self.parts.host.call
        self._at_door = True
        if self._merged is None:
            if self.parts.plan.cancel_key == _STAR:
                self.parts.feed(DigitReceived(digit=_STAR))
        else:
            supervisor = self.call_of(self._merged)
            await supervisor.check()
            if supervisor.ended is not None:
                await asyncio.wait([self._comes_back], timeout=_DECIDED_WITHIN)
                if not self._comes_back.done() or not self._comes_back.result():
                    return call.way_out("other_party_left")
        if self._comes_back.done() and self._comes_back.result():
            return call.way_back()
        self._at_door = False
        return self._room.way_in(call)

    async def merge(self, target: int) -> None:
        """Let the supervisor follow; the room starts with them, and ends with them."""
        self.hush(target)
        self._merged = target
        await self._room.enter(self.call_of(target), ends=True)

    async def introduce(self, target: int, text: str) -> None:
        """Announce it in the room."""
        speech = self.parts.host.conversation.speech
        try:
            await self._room.announce(await prompt_of(text, speech, self._room.offer))
        except HookflashError as exc:
            self.parts.host.emitter.tell_error("transfer", exc.reason, "nobody was introduced")

    def wants_back(self) -> None:
        """Who comes out of the room now is on the way to us."""
        if not self._comes_back.done():
            self._comes_back.set_result(True)

    async def bring_back(self) -> None:
        """Have the caller's audio back."""
        await self.parts.host.call.fetch(asked=self._at_door)

    async def leave(self, target: int) -> None:
        """Leave them in the room."""
        self._comes_back.set_result(False)
        self.end_together(target, self._room.close)
        await self.streamed(target).briefing.leave()

    async def aclose(self) -> None:
        """Close the room's addresses."""
        self._room.close()

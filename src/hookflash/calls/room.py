"""A conference of the carrier's: calls hear each other there, without us."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from hookflash.audio.frames import Pcm
from hookflash.calls.addresses import Address, AddressBook
from hookflash.calls.call import Call, CallControl
from hookflash.carriers.base import (
    Answer,
    EnterRoom,
    HangUp,
    PlaySound,
    RoomEvent,
    SayWords,
    Step,
    Webhook,
)
from hookflash.errors import LinkTimeout, UsageError
from hookflash.events.call import Outcome
from hookflash.runtime.chance import new_id

__all__ = ["CameOut", "Prompt", "Room"]

CameOut: TypeAlias = Callable[[], Awaitable[Answer]]
"""Says what follows for a party that has left a room and has not hung up."""
Prompt: TypeAlias = PlaySound | SayWords
"""A sound of ours, or the carrier's voice."""

# A carrier's order, its new document, the first report: a second or two in all.
_ENTER_WITHIN = 10.0
# How often a party comes out and goes in again before that counts as a carrier in a circle.
_MOST_EXITS = 50
# The longest announcement that is waited for.
_HEARD_WITHIN = 60.0


@dataclass(eq=False)
class _Party:
    """A call that was sent into the room."""

    key: str  # the carrier's name for it
    call: Call
    step: EnterRoom
    left_at: Address | None
    inside: bool = False
    room_id: str = ""  # where it has joined, and by which report
    sequence: int = 0
    exits: int = 0
    joined: asyncio.Event = field(default_factory=asyncio.Event)


class Room:
    """A conference. Made inside a running loop; `close` it when its calls have ended.

    The audio of a call that enters leaves us (`Call.lend`), and is back with `Call.fetch`.
    """

    def __init__(
        self,
        control: CallControl,
        *,
        name: str | None = None,
        on_left: Callable[[Call], None] | None = None,
    ) -> None:
        """Know the carrier; the room is made when the first call enters.

        Args:
            control: the application whose calls enter.
            name: of the room; None makes one.
            on_left: called when a call has left, whoever wanted that.

        Raises:
            UsageError: the carrier has no rooms.
        """
        if not control.carrier.has_rooms:
            msg = f"{control.carrier.name} has no conferences"
            raise UsageError(msg)
        self.name = name or new_id("room")
        self._control = control
        self._on_left = on_left
        self._room_id = self.name
        self._parties: dict[str, _Party] = {}
        self._addresses = AddressBook(control)
        self._report_url = self._addresses.callback(self._reported).url
        self._announced: list[asyncio.Event] = []

    @property
    def calls(self) -> tuple[Call, ...]:
        """Who is in it, in the order in which they were sent."""
        return tuple(party.call for party in self._parties.values() if party.inside)

    async def enter(
        self,
        call: Call,
        *,
        starts: bool = True,
        ends: bool = False,
        waits_with: Sequence[Prompt] | None = None,
        came_out: CameOut | None = None,
        coaches: Call | None = None,
    ) -> None:
        """Send a call into the room; return when it is there.

        Args:
            call: whose audio leaves us.
            starts: those in the room hear each other from now on; else the party waits.
            ends: the room is over when this party leaves.
            waits_with: what the party hears again and again while it waits; empty: nothing; None:
                the carrier's music.
            came_out: asked what follows when the party has left without hanging up, also by `*`,
                or the room is over. None ends the call then.
            coaches: the one call in the room that hears this one.

        Raises:
            UsageError: the call has no carrier, or no name there yet.
            SessionClosed: it has ended, or has no leg.
            CarrierError: the carrier refused; the audio stays with us.
            LinkError: the carrier cannot be reached, or the call does not come in time; the audio
                was asked back.
        """
        key = self._key(call)
        left_at = None if came_out is None else self._left_at(call, came_out)
        wait_url = None if waits_with is None else ""
        if waits_with:
            wait_url = self._document(waits_with)
        step = EnterRoom(
            room=self.name,
            starts=starts,
            ends=ends,
            wait_url=wait_url,
            report_url=self._report_url,
            left_url=None if left_at is None else left_at.url,
            coaches=None if coaches is None else self._key(coaches),
        )
        party = self._parties[key] = _Party(key, call, step, left_at)
        try:
            await call.lend(step, followed=party.joined)
            await self._wait_inside(party)
        except BaseException:
            self._forget(party)
            raise

    def way_in(self, call: Call) -> Answer:
        """Return the instruction that brings a call that came out back in.

        Raises:
            UsageError: it was never sent in.
        """
        return self._control.carrier.write(self._party(call).step)

    async def hold(self, call: Call, on: bool = True, *, with_: Sequence[Prompt] = ()) -> None:
        """Take a party apart from the others, or let it back.

        Args:
            call: whose.
            on: whether it hears music instead of the others, who do not hear it.
            with_: what it hears again and again; empty: the carrier's music.

        Raises:
            UsageError: it is not in the room.
            CarrierError, LinkError: the carrier refused, or cannot be reached.
        """
        await self._control.carrier.hold_in_room(
            self._room_id,
            self._party(call).key,
            on=on,
            sound_url=self._document(with_) if with_ and on else None,
        )

    async def announce(self, *prompts: Prompt, to: Call | None = None) -> None:
        """Play something; return when it was heard, or could not be.

        Args:
            prompts: what.
            to: who alone hears it; None: everybody.

        Raises:
            UsageError: `to` is not in the room.
            CarrierError, LinkError: the carrier refused, or cannot be reached.
        """
        heard = asyncio.Event()
        self._announced.append(heard)
        key = None if to is None else self._party(to).key
        try:
            await self._control.carrier.announce_in_room(
                self._room_id, self._document(prompts), carrier_call_id=key
            )
            async with asyncio.timeout(_HEARD_WITHIN):
                await heard.wait()
        except TimeoutError as exc:
            msg = "the carrier does not say that an announcement was heard"
            raise LinkTimeout(msg) from exc
        finally:
            if heard in self._announced:
                self._announced.remove(heard)

    def offer(self, pcm: Pcm, rate: int, *, forever: bool = False) -> PlaySound:
        """Let the room play a sound of ours, PCM16 mono at `rate` Hz, until it is closed."""
        return self._addresses.sound(pcm, rate, forever=forever)

    def close(self) -> None:
        """Take no more notice of it. Idempotent; the calls in it stay there."""
        self._addresses.close()
        for heard in self._announced:  # nobody tells any more
            heard.set()

    # What the carrier tells.

    async def _reported(self, webhook: Webhook) -> None:
        report = self._control.carrier.read_room_report(webhook)
        if report.event is RoomEvent.ANNOUNCED and self._announced:
            self._announced.pop(0).set()
        party = self._parties.get(report.carrier_call_id)
        if party is None:
            return
        if report.event is RoomEvent.JOINED:
            # With nobody in it the room is over, and another one of its name is made.
            party.room_id = self._room_id = report.room_id
            party.sequence = report.sequence
            party.inside = True
            party.joined.set()
        elif report.event is RoomEvent.LEFT and party.inside:
            if report.room_id != party.room_id or report.sequence < party.sequence:
                return  # from before it came back in: reports overtake each other
            party.inside = False
            if self._on_left is not None:
                self._on_left(party.call)
            # Who has hung up has left, too, and may have nobody else to tell us.
            await party.call.check()

    def _left_at(self, call: Call, came_out: CameOut) -> Address:
        async def left(webhook: Webhook) -> Answer:
            carrier = self._control.carrier
            answer = call.answer_if_not_lent(carrier.read_report(webhook).status)
            if answer is not None:
                return answer
            ended = carrier.read_dial_ended(webhook)
            party = self._parties.get(self._key(call))
            if party is not None:
                party.exits += 1
                if party.exits > _MOST_EXITS:
                    return carrier.write(HangUp())
            if ended.status.outcome is Outcome.FAILED and party is not None and party.step.wait_url:
                # What they were to hear was not there, and nobody waits in silence.
                party.step = msgspec.structs.replace(party.step, wait_url=None)
                return self.way_in(call)
            return await came_out()

        return self._addresses.callback(left)

    def _document(self, prompts: Sequence[Step]) -> str:
        """Have a document of these steps somewhere."""
        return self._addresses.document(self._control.carrier.write(*prompts))

    async def _wait_inside(self, party: _Party) -> None:
        if await party.call.wait_for(party.joined, within=_ENTER_WITHIN):
            return
        await party.call.fetch()
        msg = f"the carrier did not let the call into the conference in {_ENTER_WITHIN:g} s"
        raise LinkTimeout(msg)

    def _forget(self, party: _Party) -> None:
        self._parties.pop(party.key, None)
        if party.left_at is not None:
            party.left_at.close()

    def _key(self, call: Call) -> str:
        if call.carrier_call_id is None:
            msg = "the carrier's name for the call is not known yet"
            raise UsageError(msg)
        return call.carrier_call_id

    def _party(self, call: Call) -> _Party:
        party = self._parties.get(self._key(call))
        if party is None:
            msg = "this call is not in the conference"
            raise UsageError(msg)
        return party

"""The carrier alone rings the supervisor and connects them: nothing runs through us meanwhile.

The supervisor hears the summary as a whisper before they are connected, and answers with keys.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from hookflash.agent.briefing import GREETING, briefing_words, screening_words
from hookflash.agent.topology.base import Supervisor, Topology, TransferParts
from hookflash.agent.topology.prompts import prompt_of
from hookflash.agent.topology.streamed import ended_by, seen_number, tell_refused
from hookflash.calls.addresses import AddressBook
from hookflash.calls.call import CallControl
from hookflash.calls.carrier_dial import CarrierDial
from hookflash.calls.room import Prompt
from hookflash.carriers.base import (
    Answer,
    AskKey,
    CarrierReport,
    DialEnded,
    GoTo,
    HangUp,
    Step,
    Wait,
)
from hookflash.errors import HookflashError
from hookflash.events.call import CallState, CarrierStatus
from hookflash.events.transfer import (
    DialRefused,
    LegAnswered,
    LegCreated,
    LegRinging,
    SupervisorJudged,
    SupervisorPressed,
)
from hookflash.events.voicemail import CarrierVerdict

__all__ = ["Dialled"]

# Seconds that a key is waited for before the words are said again.
_KEY_WITHIN = 6
# What is decided when a dial has ended: a webhook is answered within 15 s.
_DECIDED_WITHIN = 8.0


class Dialled(Topology):
    """The caller hears ringing while the carrier rings one supervisor after the other."""

    judged = False

    def __init__(self, parts: TransferParts) -> None:
        """Nobody is dialled yet."""
        self.parts = parts
        control = parts.host.call.control
        assert control is not None
        self.control: CallControl = control
        # Keys alone are heard, and asked for.
        self.config = replace(parts.config, accept="key")
        self._supervisors: dict[int, _Whispered] = {}
        self._sounds = AddressBook(control)
        # What the caller does next, for the carrier that asks at the end of a dial.
        self._next: asyncio.Future[Answer] | None = None
        # The same once and for all, when it is decided.
        self._decided: Callable[[], Answer] | None = None
        self._rung = 0

    def supervisor(self, target: int) -> Supervisor:
        """Return the one of this number."""
        return self._whispered(target)

    def _whispered(self, target: int) -> "_Whispered":
        if target not in self._supervisors:
            self._supervisors[target] = _Whispered(target, self)
        return self._supervisors[target]

    async def merge(self, target: int) -> None:
        """Let the whisper end: then the carrier connects them."""
        await self._whispered(target).let_through()

    async def introduce(self, target: int, text: str) -> None:
        """Nobody can: a config that asks for it is refused."""

    def wants_back(self) -> None:
        """Whoever asks what the caller does next is told: back to us."""
        self._decide(self.parts.host.call.way_back)

    async def bring_back(self) -> None:
        """Have the caller's audio back; a dial that goes on ends by it."""
        await self.parts.host.call.fetch(asked=True)

    async def leave(self, target: int) -> None:
        """Leave them to the carrier: it ends both calls when one hangs up."""
        call = self.parts.host.call
        self._decide(lambda: call.way_out("other_party_left"))
        call.when_ended(self._close)

    def _decide(self, what: Callable[[], Answer]) -> None:
        self._decided = what
        self._reply(what)

    def _reply(self, what: Callable[[], Answer]) -> bool:
        """Answer the carrier if it asks just now what the caller does next; return whether."""
        if self._next is None or self._next.done():
            return False
        self._next.set_result(what())
        return True

    async def aclose(self) -> None:
        """Close all addresses."""
        self._close()

    def _close(self) -> None:
        for supervisor in self._supervisors.values():
            supervisor.close()
        self._sounds.close()

    # For supervisors.

    async def ring(self, target: int, step: Step, begun: asyncio.Event) -> None:
        """Have the carrier ring somebody for the caller.

        Args:
            target: whom.
            step: how.
            begun: set once the carrier does it.

        Raises:
            HookflashError: the carrier did not take the order.
        """
        call = self.parts.host.call
        self._rung = target
        if not call.lent:
            await call.lend(step, followed=begun)
        elif not self._reply(lambda: self.control.carrier.write(step)):
            await call.instruct(self.control.carrier.write(step), followed=begun)

    async def asked_what_next(self, target: int) -> Answer:
        """Return what the caller does at the end of a dial, once that is decided."""
        call = self.parts.host.call
        if self._decided is not None:
            return self._decided()
        if target != self._rung:  # the order to ring the next one is on its way, and ended this
            return call.stay()
        self._next = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._next], timeout=_DECIDED_WITHIN)
        return self._next.result() if self._next.done() else call.way_back()

    async def prompt(self, text: str) -> Prompt:
        """Return a text that the carrier can say."""
        return await prompt_of(text, self.parts.host.conversation.speech, self._sounds.sound)


class _Whispered:
    """One supervisor, with whom we speak by what the carrier plays to them. A `DialFollower`."""

    def __init__(self, target: int, topology: Dialled) -> None:
        self._target = target
        self._topology = topology
        self._feed = topology.parts.feed
        self._destination = topology.config.targets[target]
        self._dial: CarrierDial | None = None
        self._call_id = ""
        self._said: tuple[Prompt, ...] = ()
        self._picked_up = False
        self._owes_farewell = False
        self._farewell: Prompt | None = None
        self._let_through = False
        self._through = asyncio.Event()
        self._over = False
        self._pressing = False

    # As the supervisor.

    async def dial(self) -> None:
        """Have the carrier ring them for the caller."""
        topology, destination = self._topology, self._destination
        parts = topology.parts
        self._said = (
            await topology.prompt(GREETING),
            await topology.prompt(screening_words(topology.config)),
        )
        dial = self._dial = CarrierDial(topology.control, parts.host.call, self, whispers=True)
        step = dial.step(
            destination.address,
            seen_number(destination) or parts.host.call.line,
            ring_timeout=parts.plan.targets[self._target].ring_timeout,
            send_digits=destination.send_digits,
            detect_machine=topology.config.detect_machine,
        )
        try:
            await topology.ring(self._target, step, dial.begun)
        except HookflashError as exc:
            tell_refused(parts.host, exc)
            self._feed(DialRefused(target=self._target, cause=exc.reason))

    async def screen(self) -> None:
        """The first whisper asks for a key."""

    def brief(self, summary: str) -> None:
        """Have the summary said next."""
        self._said = ()
        topology = self._topology
        topology.parts.owner.start(self._brief(summary), name="briefing")

    async def _brief(self, summary: str) -> None:
        words = briefing_words(summary, self._topology.config)
        self._said = (await self._topology.prompt(words),)

    async def end(self, words: str) -> None:
        """Hang up; a last word is said only as the answer to a key of theirs."""
        self._over = True
        if self._pressing and words:
            self._owes_farewell = True
            self._farewell = await self._topology.prompt(words)
        elif self._call_id:
            await self._topology.control.carrier.end(self._call_id, cancel=not self._picked_up)

    async def let_through(self) -> None:
        """Say nothing more: the two are connected when the carrier has been told so."""
        self._let_through = True
        await self._through.wait()

    def close(self) -> None:
        """Take no more notice of them."""
        if self._dial is not None:
            self._dial.close()

    # As the dial's follower.

    def progressed(self, report: CarrierReport) -> None:
        """Their call has come somewhere."""
        if not self._call_id:
            self._call_id = report.carrier_call_id
            self._feed(LegCreated(target=self._target, call_id=self._call_id))
        status = report.status
        if status.state is CallState.RINGING:
            self._feed(LegRinging(target=self._target))
        elif status.state is CallState.ENDED:
            self._tell_ended(status)

    def _tell_ended(self, status: CarrierStatus) -> None:
        if status.outcome is not None:
            self._feed(ended_by(self._target, status.outcome, status.cause))

    def answered(self, carrier_call_id: str) -> None:
        """They, or a machine, hear the whisper."""
        self._call_id = carrier_call_id
        self._picked_up = True
        self._feed(
            LegAnswered(
                target=self._target, participant_id=carrier_call_id, call_id=carrier_call_id
            )
        )

    async def pressed(self, key: str) -> None:
        """They have answered with a key; what is decided about it shows in the next whisper."""
        self._pressing = True
        self._feed(SupervisorPressed(target=self._target, digit=key))
        await asyncio.sleep(0)  # orders are carried out by tasks
        self._pressing = False

    def judged(self, verdict: CarrierVerdict) -> None:
        """The carrier has found out who has answered."""
        self._feed(SupervisorJudged(target=self._target, verdict=verdict.verdict))

    def whisper(self) -> Sequence[Step]:
        """Return what they hear next."""
        assert self._dial is not None
        again = GoTo(url=self._dial.whisper_url)
        if self._farewell is not None:
            return (self._farewell, HangUp())
        if self._over and not self._owes_farewell:
            return (HangUp(),)
        if self._let_through:
            self._through.set()
            return ()
        if self._owes_farewell or not self._said:  # words are being made
            return (Wait(seconds=1), again)
        ask = AskKey(prompts=self._said, answer_url=self._dial.key_url, within=_KEY_WITHIN)
        return (ask, again)

    async def ended(self, ended: DialEnded) -> Answer:
        """They are not connected, or no longer; the caller asks what is next."""
        self._tell_ended(ended.status)
        return await self._topology.asked_what_next(self._target)

"""A supervisor on a media stream of their own: with us until the merge, and able to talk."""

import asyncio
from collections.abc import Callable

from hookflash.agent.briefing import Briefing
from hookflash.agent.topology.base import Supervisor, Topology, TransferHost, TransferParts
from hookflash.calls.call import Call, CallNotAnswered
from hookflash.calls.outcome import refined, sip_status
from hookflash.calls.pair import end_together
from hookflash.calls.transfer_types import (
    PhoneDestination,
    TransferDestination,
    WarmTransferConfig,
)
from hookflash.errors import ConfigError, HookflashError, UsageError
from hookflash.events.call import CallAnswered, CallEnded, CallRinging, Outcome
from hookflash.events.transfer import (
    DialRefused,
    LegAnswered,
    LegCreated,
    LegEnded,
    LegRinging,
    TransferEvent,
)
from hookflash.ids import SessionId
from hookflash.legs.base import Leg
from hookflash.pipeline.pipeline import Pipeline

__all__ = ["Streamed", "StreamedSupervisor", "ended_by", "seen_number", "tell_refused"]

# The machine says when it has rung for long enough; the carrier's limit is for when we are gone.
_CARRIER_RINGS_ON = 5.0


class StreamedSupervisor:
    """One target that is dialled: its call, its leg, and the talk with whoever answers."""

    def __init__(
        self,
        target: int,
        destination: TransferDestination,
        config: WarmTransferConfig,
        host: TransferHost,
        *,
        session_id: SessionId,
        ring_timeout: float,
        feed: Callable[[TransferEvent], None],
    ) -> None:
        """Know whom to dial; nothing happens yet."""
        self.briefing = Briefing(target, config, session_id, feed=feed)
        self.call: Call | None = None
        self.leg: Leg | None = None
        self._target = target
        self._destination = destination
        self._config = config
        self._host = host
        self._ring_timeout = ring_timeout
        self._feed = feed
        self._opening: asyncio.Task[object] | None = None

    async def dial(self) -> None:
        """Phone them, and tell what becomes of the call until it ends."""
        try:
            self.call = await self._host.call.dial_another(
                self._destination.address,
                from_=seen_number(self._destination),
                ring_timeout=self._ring_timeout,
                detect_machine=self._config.detect_machine,
            )
        except HookflashError as exc:
            tell_refused(self._host, exc)
            self._feed(DialRefused(target=self._target, cause=exc.reason))
            return
        call = self.call
        self._feed(LegCreated(target=self._target, call_id=call.carrier_call_id or call.id))
        async for event in call.events():
            match event:
                case CallRinging():
                    self._feed(LegRinging(target=self._target))
                case CallAnswered():
                    await self._answered(call)
                case CallEnded():
                    self._feed(ended_by(self._target, event.outcome, event.cause))

    async def _answered(self, call: Call) -> None:
        try:
            self.leg = await call.answer()
        except CallNotAnswered:
            return  # it has ended, and that is told next
        recording = self._host.call.recording
        if recording is not None:
            recording.add_person(self.leg)
        self._feed(LegAnswered(target=self._target, participant_id=self.leg.id))
        self.leg.listen(self)

    async def screen(self) -> None:
        """Let the briefing's session find out whether it is a person."""
        assert self.call is not None
        self._opening = asyncio.current_task()
        emitter = self._host.emitter
        try:
            if self._destination.send_digits:
                await self.call.send_digits(self._destination.send_digits)
            await self._host.brief(self.call, self._pipeline(), self.briefing)
        except HookflashError as exc:
            emitter.tell_error("transfer", exc.reason, "the briefing could not begin")
            self.briefing.failed()
        except Exception as exc:  # noqa: BLE001  # the program's factory: an event, and no briefing
            emitter.tell_error("transfer", "internal", f"the briefing: {type(exc).__name__}")
            self.briefing.failed()

    def _pipeline(self) -> Pipeline:
        factory = self._config.briefing_pipeline_factory
        made = self._host.pipeline if factory is None else factory()
        if not isinstance(made, Pipeline):
            msg = f"briefing_pipeline_factory returned a {type(made).__name__}, not a Pipeline"
            raise ConfigError(msg)
        return made

    def brief(self, summary: str) -> None:
        """Let the briefing's session tell them."""
        self.briefing.tell(summary)

    async def end(self, words: str) -> None:
        """End the call, after a last word if there is one. Idempotent."""
        if self.call is None:
            return  # the order to dial is not answered yet; the machine will ask again
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait([self._opening])
        try:
            # Where the carrier has their audio nobody would hear a word.
            await self.briefing.end(words if self.leg is not None and self.leg.linked else "")
        finally:
            await self.call.hangup("transfer_ended")

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The briefing's session takes it, or the bridge."""

    def digit_received(self, digit: str, at: float) -> None:
        """The briefing's session takes it."""

    def leg_closed(self, reason: str) -> None:
        """They are gone; the carrier's word on that may take a moment."""
        self._feed(LegEnded(target=self._target, outcome=Outcome.COMPLETED))


class Streamed(Topology):
    """What the topologies have in common in which supervisors are briefed on streams."""

    def __init__(self, parts: TransferParts) -> None:
        """Nobody is dialled yet."""
        self.parts = parts
        self._supervisors: dict[int, StreamedSupervisor] = {}

    def supervisor(self, target: int) -> Supervisor:
        """Return the one of this number."""
        return self.streamed(target)

    def streamed(self, target: int) -> StreamedSupervisor:
        """Return the one of this number."""
        found = self._supervisors.get(target)
        if found is None:
            parts = self.parts
            first = parts.session_id
            found = self._supervisors[target] = StreamedSupervisor(
                target,
                parts.config.targets[target],
                parts.config,
                parts.host,
                session_id=first if target == 0 else SessionId(f"{first}-{target + 1}"),
                ring_timeout=parts.plan.targets[target].ring_timeout + _CARRIER_RINGS_ON,
                feed=parts.feed,
            )
        return found

    def hush(self, target: int) -> None:
        """The caller comes: the briefing says and hears nothing any more."""
        self.streamed(target).briefing.hush()

    def call_of(self, target: int) -> Call:
        """Return the call of one who has answered."""
        call = self.streamed(target).call
        assert call is not None
        return call

    def end_together(self, target: int, over: Callable[[], None] | None = None) -> None:
        """From now on, when one of the two goes, the other's call ends.

        Args:
            target: with whom the caller is.
            over: called when both have gone.
        """
        end_together(self.parts.host.call, self.call_of(target), over=over)


def tell_refused(host: TransferHost, error: HookflashError) -> None:
    """Tell the program why nobody was dialled, as far as it is ours to say."""
    # What the carrier says in words of its own may hold numbers.
    why = str(error) if isinstance(error, UsageError) else "the carrier did not take the order"
    host.emitter.tell_error("transfer", error.reason, f"nobody was dialled: {why}")


def seen_number(destination: TransferDestination) -> str | None:
    """Return the number that a supervisor sees; None: our line on the caller's call."""
    if isinstance(destination, PhoneDestination):
        return destination.caller_id
    return destination.sip_call_from


def ended_by(target: int, outcome: Outcome, cause: str | None) -> LegEnded:
    """Return how a call to a target ended, as the machine takes it."""
    return LegEnded(
        target=target, outcome=refined(outcome, cause), cause=cause, sip_code=sip_status(cause)
    )

"""Handing the caller of a session to a person: carries out what the transfer machine decides.

How the parties are connected is up to a topology. Until the machine is sure of it, both sessions
keep their legs, so that either can be spoken to again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any, TypeAlias, TypeVar, assert_never

from hookflash.agent.cold_transfer import Aftermath, last_words
from hookflash.agent.emitter import Emitter
from hookflash.agent.line import running_agent
from hookflash.agent.speech import running_item
from hookflash.agent.speech_queue import Level
from hookflash.agent.topology.base import HOLD, Topology, TransferHost, TransferParts
from hookflash.agent.topology.bridge import Bridged
from hookflash.agent.topology.dial import Dialled
from hookflash.agent.topology.room import InRoom
from hookflash.agent.transfer_summary import extract_summary, sum_up
from hookflash.calls.call import Call
from hookflash.calls.transfer_types import (
    TransferMisconfigured,
    WarmTransferConfig,
    WarmTransferError,
)
from hookflash.errors import HookflashError
from hookflash.events.session import UserTranscription, UtteranceBegan
from hookflash.events.status import Doing
from hookflash.events.transfer import (
    BeginBriefing,
    BeginScreening,
    BridgeConfirmed,
    BridgeFailed,
    CancelDial,
    Dial,
    DialRefused,
    EndLeg,
    FinishTransfer,
    HoldCaller,
    HoldLineHeard,
    Introduce,
    IntroductionDone,
    MakeSummary,
    Merge,
    PrepareFailed,
    PrepareTransfer,
    RefuseTransfer,
    ReturnCaller,
    SayHoldLine,
    SessionEnding,
    SummaryFailed,
    SummaryReady,
    TellAttempt,
    TellPhase,
    TransferCommand,
    TransferEvent,
    TransferPrepared,
    TransferRequested,
    UndoMerge,
    WarmTransferAttemptEnded,
    WarmTransferPhase,
    WarmTransferPhaseReached,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.events.turn import CallerLeft, DigitReceived, TranscriptFinal
from hookflash.ids import SessionId
from hookflash.machines.transfer import TransferMachine, TransferState
from hookflash.providers.chat import ChatMessage
from hookflash.runtime import clock
from hookflash.runtime.chance import new_id
from hookflash.runtime.driver import Driver
from hookflash.runtime.tasks import TaskOwner

__all__ = [
    "OnWarmTransfer",
    "OnWarmTransferT",
    "TransferHost",
    "WarmTransfer",
    "subscribe_to_phases",
]

OnWarmTransfer: TypeAlias = Callable[[WarmTransferPhaseReached], Awaitable[None] | None]
"""What the program wants called when a transfer has come so far."""
OnWarmTransferT = TypeVar("OnWarmTransferT", bound=OnWarmTransfer)

_REASON = "transfer"
# A farewell to a supervisor, and the carrier's word that the call has ended.
_END_WITHIN = 5.0
# Characters of what a supervisor gives as the reason for a no.
_LONGEST_REASON = 200

_TOPOLOGIES: Mapping[str, Callable[[TransferParts], Topology]] = {
    "auto": Bridged,
    "bridge": Bridged,
    "conference": InRoom,
    "dial": Dialled,
}

_NEVER_BEGAN = {
    WarmTransferReason.NOT_A_PHONE_CALL: (
        "This call has no carrier to phone a supervisor with; a warm transfer needs one."
    ),
    WarmTransferReason.CALL_LOOKUP_FAILED: "The caller's call could not be made ready to move.",
}


class WarmTransfer:
    """One transfer. Made inside a running loop; `run` it once.

    It owns all that it begins, and outlives the session: after a transfer that worked, the bridge
    lives until one of the two hangs up, and then the other call is ended.
    """

    def __init__(self, config: WarmTransferConfig, host: TransferHost) -> None:
        """Look at the wish; nothing happens yet.

        Args:
            config: whom to hand the caller to, and how.
            host: the session, as far as a transfer needs it.

        Raises:
            TransferMisconfigured: the caller would be handed to themselves, or in a way that their
                carrier does not know.
        """
        config.check_caller(host.call.party)
        _check_carrier(config, host.call)
        self._config = config
        self._host = host
        self._plan = config.plan()
        self._owner = TaskOwner(f"{host.call.id}/transfer", on_error=self._task_failed)
        self._machine = TransferMachine(self._plan)
        # What the transfer does is no part of the tool that asked for it.
        self._driver: Driver[TransferEvent, TransferCommand] = _outside_of_tools().run(
            lambda: Driver(
                self._machine, self._obey, name="transfer", tape=host.call.tape, config=self._plan
            )
        )
        self._in_tool = running_item.get() is not None
        self._aftermath = Aftermath(host.history)
        self._messages: tuple[ChatMessage, ...] = ()
        self._briefing_id = new_id("session")
        self._preparing: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None
        self._parking: asyncio.Future[None] | None = None
        self._merging: asyncio.Task[None] | None = None
        self._merged: int | None = None
        self._held = False
        self._level: Level | None = None
        self._levels_worker: asyncio.Task[None] | None = None
        self._give_back: list[Callable[[], None]] = []
        self._apology = ""
        # What must have ended before the transfer is over for the session.
        self._ending: set[asyncio.Task[None]] = set()
        self._done: asyncio.Future[WarmTransferResult] = asyncio.get_running_loop().create_future()
        parts = TransferParts(
            config=config,
            plan=self._plan,
            host=host,
            owner=self._owner,
            feed=self._feed,
            say=self._say_over_music,
            session_id=SessionId(self._briefing_id),
        )
        # Without a carrier it will not come to dialling, and any topology does.
        chosen = config.topology if host.call.can_dial else "bridge"
        self._topology: Topology = _TOPOLOGIES[chosen](parts)

    @property
    def over(self) -> bool:
        """Whether the result is known, and the caller is where it says."""
        return self._done.done()

    async def run(self) -> WarmTransferResult:
        """Hand the caller over; return what came of it, once the caller is there or back.

        Cancelling gives the transfer up, and waits until the caller is back. Not so in a tool: the
        reply may end for reasons that are none of the caller's, and the transfer goes on.

        Raises:
            WarmTransferError: it was given up before the caller heard anything of it.
        """
        self._host.leg.listen(self)
        self._host.emitter.on(UserTranscription, self._words_heard)
        self._feed(TransferRequested(start_time=clock.wall().timestamp()))
        try:
            result = await asyncio.shield(self._done)
        except asyncio.CancelledError:
            if not self._in_tool:
                self._feed(SessionEnding())
                await asyncio.wait([self._done], timeout=_END_WITHIN)
            raise
        reason = result.reason
        if reason is not None and reason in _NEVER_BEGAN:
            raise WarmTransferError(_NEVER_BEGAN[reason], reason, result)
        return result

    async def aclose(self) -> None:
        """The session ends: so does the transfer, unless it is done. Idempotent.

        Waits until calls that were made for it have ended, for five seconds at most; what takes
        longer goes on without us.
        """
        self._feed(SessionEnding())
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=_END_WITHIN)

    # What happens.

    def _feed(self, event: TransferEvent) -> None:
        self._driver.feed(event)

    def _words_heard(self, heard: UserTranscription) -> None:
        if heard.final:
            self._feed(TranscriptFinal(text=heard.text))

    def _key_pressed(self, digit: str) -> None:
        # It is the real one, also in sensitive mode. The machine asks for one key alone, and no
        # other is for it or its tape to see.
        if digit == self._plan.cancel_key:
            self._feed(DigitReceived(digit=digit))

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The caller speaks; the session's ears take it."""

    def digit_received(self, digit: str, at: float) -> None:
        """The session gives it to us as long as the caller waits."""

    def leg_closed(self, reason: str) -> None:
        """The caller is gone."""
        self._feed(CallerLeft())

    def _task_failed(self, name: str, error: BaseException) -> None:
        # The machine's deadlines see to it that the transfer ends all the same.
        self._host.emitter.tell_error(_REASON, "internal", f"{name}: {type(error).__name__}")

    # What is done about it.

    def _obey(self, command: TransferCommand) -> None:
        match command:
            case TellPhase():
                self._host.emitter.tell(
                    WarmTransferPhaseReached,
                    phase=command.phase,
                    data=command.data,
                    timestamp=clock.wall().timestamp(),
                    consultation_room_id=command.consultation_room_id,
                )
            case TellAttempt():
                self._host.emitter.tell(WarmTransferAttemptEnded, attempt=command.attempt)
            case RefuseTransfer():
                pass  # the session has refused it
            case PrepareTransfer():
                self._preparing = self._start(self._prepare(), "prepare")
            case HoldCaller():
                self._hold()
            case SayHoldLine():
                self._start(self._say_hold_line(command.text), "hold line")
            case MakeSummary():
                self._start(self._sum_up(), "summary")
            case ReturnCaller():
                self._topology.wants_back()
                self._returning = self._end(self._return_caller(command.words), "return")
            case Merge():
                self._merging = self._start(self._merge(command.target), "merge")
            case Introduce():
                self._start(self._introduce(command.target, command.text), "introduction")
            case UndoMerge():
                self._unmerge()
            case FinishTransfer():
                self._finish(command.result)
            case Dial() | CancelDial() | EndLeg() | BeginScreening() | BeginBriefing():
                self._obey_about_leg(command)
            case _:
                assert_never(command)

    def _obey_about_leg(
        self, command: Dial | CancelDial | EndLeg | BeginScreening | BeginBriefing
    ) -> None:
        supervisor = self._topology.supervisor(command.target)
        match command:
            case Dial():
                self._start(self._dial(command.target), "dial")
            case CancelDial():
                self._end(supervisor.end(""), "cancel dialling")
            case EndLeg():
                self._end(supervisor.end(command.words), "end a leg")
            case BeginScreening():
                self._start(supervisor.screen(), "screening")
            case BeginBriefing():
                supervisor.brief(command.summary)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        return self._owner.start(work, name=name)

    def _end(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """Begin something before whose end the transfer is not over."""
        task = self._start(work, name)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    # The caller.

    async def _prepare(self) -> None:
        host = self._host
        if not host.call.can_dial:
            self._feed(PrepareFailed(reason=WarmTransferReason.NOT_A_PHONE_CALL))
            return
        self._held = True
        await last_words(host.conversation, _REASON, in_tool=self._in_tool)
        self._messages = host.history.as_heard().messages
        self._feed(
            TransferPrepared(
                caller_call_id=host.call.carrier_call_id or host.call.id,
                caller_participant_id=host.leg.id,
                room_id=new_id("room"),
                session_id=self._briefing_id,
                briefing_agent_id=new_id("briefing"),
                fallback_summary=extract_summary(self._messages),
            )
        )

    def _hold(self) -> None:
        """Music, and a level of speech of our own: a reply whose tool this is goes on below it."""
        host = self._host
        queue = host.conversation.speech.queue
        self._level = queue.open_level()
        self._levels_worker = self._start(queue.run_level(self._level), "speech")
        self._give_back = [
            # The caller's keys and words are for the machine alone.
            host.conversation.take_keys(self._key_pressed),
            host.answers.take(lambda _answer: True),
        ]
        host.status.begin(Doing.TRANSFERRING)
        host.sound.hold(host.music, self._say_over_music, reason=HOLD)

    async def _say_hold_line(self, text: str) -> None:
        await self._say_over_music(text, keep=True)
        if self._machine.state is TransferState.HOLDING:
            with suppress(HookflashError):  # whoever dials is told
                await self._parked()
        self._feed(HoldLineHeard())

    async def _say_over_music(self, line: str, *, keep: bool = False) -> None:
        speech = self._host.conversation.speech
        if not speech.mute:
            await speech.say(line, interruptible=False, keep=keep, during_hold=True)

    async def _sum_up(self) -> None:
        config, own = self._config, self._host.pipeline.llm
        llm = config.summary_llm or (own if own is not None and own.reads_instructions else None)
        summary = ""
        if llm is not None:
            try:
                async with asyncio.timeout(config.summary_timeout):
                    summary = await sum_up(llm, self._messages, config.summary_prompt)
            except TimeoutError:
                self._host.emitter.tell_error("llm", "timeout", "no summary in time")
            except HookflashError as exc:
                self._host.emitter.tell_error("llm", exc.reason, "no summary")
        self._feed(SummaryReady(summary=summary) if summary else SummaryFailed())

    async def _return_caller(self, words: str) -> None:
        """Give the caller back to the agent; the music ends where our first word begins."""
        host = self._host
        speech = host.conversation.speech
        speech.interrupt(_REASON, force=True)
        try:
            if self._parking is not None:
                await asyncio.wait([self._parking])
            await self._topology.bring_back()
        except HookflashError as exc:
            if host.call.ended is None:
                host.emitter.tell_error(_REASON, exc.reason, "the caller could not be brought back")
                host.call.end("no_media")
        for release in self._give_back:
            release()
        host.conversation.ears.undeafen(_REASON)
        if words and not speech.mute and not host.leg.closed:
            host.emitter.on(UtteranceBegan, self._utterance_began)
            handle = speech.say(words, during_hold=True)
            self._apology = handle.id
            await handle
            host.emitter.off(self._utterance_began)
        host.sound.unhold(HOLD)

    def _utterance_began(self, utterance: UtteranceBegan) -> None:
        if utterance.utterance == self._apology:
            self._host.sound.unhold(HOLD)

    async def _release(self) -> None:
        """Let the agent speak again: what waited is said."""
        if not self._held:
            return
        conversation = self._host.conversation
        queue = conversation.speech.queue
        queue.release(_REASON)
        if self._level is not None:
            await queue.end_level(self._level)
            await self._end_level()
            self._host.status.end(Doing.TRANSFERRING)
        # In a tool, the reply of which it is part answers what the caller has said meanwhile.
        conversation.release_speech(_REASON, answer=not self._in_tool)

    async def _end_level(self) -> None:
        """What is said from now on is said where it was before the transfer."""
        if self._levels_worker is not None:
            self._levels_worker.cancel()
            await asyncio.wait([self._levels_worker])

    # Supervisors.

    async def _dial(self, target: int) -> None:
        """Phone somebody. The caller is where they wait, unless that has taken too long."""
        try:
            await self._parked()
        except HookflashError as exc:
            told = "the carrier did not put the caller on hold"
            self._host.emitter.tell_error(_REASON, exc.reason, told)
            self._feed(DialRefused(target=target, cause=exc.reason))
            return
        await self._topology.supervisor(target).dial()

    async def _parked(self) -> None:
        if self._parking is None:
            self._parking = asyncio.ensure_future(self._topology.park())
            self._parking.add_done_callback(lambda parked: parked.cancelled() or parked.exception())
        await asyncio.shield(self._parking)

    # Together.

    async def _merge(self, target: int) -> None:
        conversation = self._host.conversation
        # From here on the two talk with each other, and not with us.
        conversation.ears.deafen(_REASON)
        conversation.speech.interrupt(_REASON, force=True)
        self._merged = target
        try:
            await self._topology.merge(target)
        except HookflashError as exc:
            self._host.emitter.tell_error(_REASON, exc.reason, "the two could not be connected")
            self._feed(BridgeFailed(target=target))
            return
        self._feed(BridgeConfirmed(target=target))

    async def _introduce(self, target: int, text: str) -> None:
        await self._topology.introduce(target, text)
        self._feed(IntroductionDone())

    def _unmerge(self) -> None:
        if self._merging is not None:
            self._merging.cancel()
        self._topology.unmerge()

    # The end.

    def _finish(self, result: WarmTransferResult) -> None:
        host = self._host
        host.leg.unlisten(self)
        host.emitter.off(self._words_heard)
        if not result.success:
            if self._returning is not None:
                # Before anything is said: the caller may talk over the words that tell them.
                self._aftermath.tell(*_what_became_of(result, self._config))
            self._end(self._fail(result), "finish")
            return
        assert self._merged is not None
        self._end(self._leave(self._merged), "leave")
        self._done.set_result(result)
        host.hand_over()

    async def _fail(self, result: WarmTransferResult) -> None:
        if self._preparing is not None:
            self._preparing.cancel()
        if self._returning is not None:
            await asyncio.wait([self._returning])
        await self._topology.aclose()
        await self._release()
        if not self._done.done():
            self._done.set_result(result)

    async def _leave(self, target: int) -> None:
        """Leave the two alone."""
        await self._topology.leave(target)
        await self._end_level()


def _check_carrier(config: WarmTransferConfig, call: Call) -> None:
    """Refuse a way of connecting that the call's carrier does not know."""
    asks = config.detach_after_merge or config.detect_machine
    needs = asks or config.topology in ("conference", "dial")
    if call.control is None or not needs:
        return  # that it cannot be transferred at all is found out, and told, in its time
    carrier = call.control.carrier
    name = carrier.name
    if config.detach_after_merge and not carrier.has_rooms:
        msg = f"detach_after_merge is set, and {name} has no conferences; leave it out"
    elif config.detect_machine and not carrier.detects_machines:
        msg = f"detect_machine is set, and {name} does not find that out; leave it out"
    elif config.topology == "conference" and not carrier.has_rooms:
        msg = f"topology is 'conference', and {name} has none; give 'bridge'"
    elif config.topology == "dial" and not carrier.dials:
        msg = f"topology is 'dial', and {name} cannot dial for a call; give 'bridge'"
    else:
        return
    raise TransferMisconfigured(msg)


def _what_became_of(result: WarmTransferResult, config: WarmTransferConfig) -> tuple[str, str]:
    """Return to whom the caller was to be handed, and why nobody has them."""
    tried = [attempt.destination for attempt in result.attempts] or [config.targets[0].name]
    whom = " or ".join(dict.fromkeys(tried))
    match result.reason:
        case WarmTransferReason.CALLER_CANCELLED:
            return whom, "they did not want to wait any longer"
        case WarmTransferReason.SESSION_CLOSED:
            return whom, "that was given up"
        case _:
            whys = [_why_not(attempt.reason, attempt.decline_reason) for attempt in result.attempts]
            if len(set(tried)) > 1:
                whys = [f"{name}: {why}" for name, why in zip(tried, whys, strict=True)]
            return whom, f"nobody took the call ({', '.join(whys)})"


def _why_not(reason: WarmTransferReason | None, words: str | None) -> str:
    why = reason.value.removeprefix("supervisor_").replace("_", " ") if reason is not None else ""
    return f"{why}: {words[:_LONGEST_REASON]}" if words else why


def subscribe_to_phases(
    emitter: Emitter, phase: WarmTransferPhase | None, callback: OnWarmTransferT
) -> OnWarmTransferT:
    """Have `callback` called when a transfer has come to a phase; None: to any."""

    def reached(event: WarmTransferPhaseReached) -> Awaitable[None] | None:
        return callback(event) if phase in (None, event.phase) else None

    emitter.on(WarmTransferPhaseReached, reached)
    return callback


def _outside_of_tools() -> Context:
    """Return the present context, but that of no reply and no agent."""
    context = copy_context()
    context.run(running_item.set, None)
    context.run(running_agent.set, None)
    return context

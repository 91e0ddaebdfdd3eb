"""Handing the caller of a session to a person: carries out what the transfer machine decides.

The parties are connected in our process: caller and supervisor are legs of a `Bridge`. Until the
machine is sure of it, both sessions keep their legs, so that either can be spoken to again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, assert_never

from hookflash.agent.answers import Answers
from hookflash.agent.briefing import Briefing
from hookflash.agent.conversation import Conversation
from hookflash.agent.emitter import Emitter
from hookflash.agent.line import running_agent
from hookflash.agent.sound import HoldMusic, SessionSound
from hookflash.agent.speech import running_item
from hookflash.agent.speech_queue import Level
from hookflash.agent.status import Status
from hookflash.agent.transfer_summary import extract_summary, sum_up
from hookflash.calls.bridge import Bridge
from hookflash.calls.call import Call, CallNotAnswered
from hookflash.calls.transfer_types import (
    PhoneDestination,
    TransferDestination,
    TransferMisconfigured,
    WarmTransferConfig,
    WarmTransferError,
)
from hookflash.errors import ConfigError, HookflashError
from hookflash.events.call import CallAnswered, CallEnded, CallRinging, Outcome
from hookflash.events.session import DtmfReceived, UserTranscription, UtteranceBegan
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
    LegAnswered,
    LegCreated,
    LegEnded,
    LegRinging,
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
from hookflash.legs.base import Leg
from hookflash.machines.transfer import TransferMachine
from hookflash.pipeline.pipeline import Pipeline
from hookflash.providers.chat import ChatContext, ChatMessage
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
# What is being said when the program asks for the transfer is said to its end, within reason.
_LAST_WORDS = 4.0
# The machine says when it has rung for long enough; the carrier's limit is for when we are gone.
_CARRIER_RINGS_ON = 5.0
# A farewell to a supervisor, and the carrier's word that the call has ended.
_END_WITHIN = 5.0
# RFC 3261, 21.6.2: somebody was reached, and does not want to take part.
_SIP_DECLINE = 603

_NEVER_BEGAN = {
    WarmTransferReason.NOT_A_PHONE_CALL: (
        "This call has no carrier to phone a supervisor with; a warm transfer needs one."
    ),
    WarmTransferReason.CALL_LOOKUP_FAILED: "The caller's call could not be made ready to move.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferHost:
    """What a transfer has of the session whose caller it hands over.

    Attributes:
        call: the caller's.
        leg: the caller's.
        pipeline: gives the briefing its parts unless the program has others for it.
        music: what the caller hears meanwhile.
        history: what was said and heard.
        conversation: speaks to the caller, and listens.
        sound: plays the music.
        status: shows that a transfer goes on.
        emitter: tells listeners.
        answers: who gets the caller's turns.
        brief: starts a session on a supervisor's call, which begins the briefing.
        leave: closes the session for a reason; the call stays.
    """

    call: Call
    leg: Leg
    pipeline: Pipeline
    music: HoldMusic
    history: Callable[[], ChatContext]
    conversation: Conversation
    sound: SessionSound
    status: Status
    emitter: Emitter
    answers: Answers
    brief: Callable[[Call, Pipeline, Briefing], Awaitable[None]]
    leave: Callable[[str], object]


class WarmTransfer:
    """One transfer. Made inside a running loop; `run` it once.

    It owns all that it begins, and outlives the session: after a transfer that worked, the bridge
    lives until one of the two hangs up, and then the other call is ended.
    """

    def __init__(self, config: WarmTransferConfig, host: TransferHost) -> None:
        """Look at the wish; nothing happens yet.

        Raises:
            TransferMisconfigured: the caller would be handed to themselves, or in a way that is
                not offered here.
        """
        if config.topology not in ("auto", "bridge") or config.detach_after_merge:
            msg = "topology: only 'auto' and 'bridge' are offered, without detach_after_merge"
            raise TransferMisconfigured(msg)
        config.check_caller(host.call.party)
        self._config = config
        self._host = host
        self._plan = config.plan()
        self._owner = TaskOwner(f"{host.call.id}/transfer", on_error=self._task_failed)
        self._machine = TransferMachine(self._plan)
        self._driver: Driver[TransferEvent, TransferCommand] = Driver(
            self._machine, self._obey, name="transfer", tape=host.call.tape, config=self._plan
        )
        self._clean = _outside_of_tools()
        self._in_tool = running_item.get() is not None
        self._messages: tuple[ChatMessage, ...] = ()
        self._briefing_id = new_id("session")
        self._preparing: asyncio.Task[None] | None = None
        self._returning: asyncio.Task[None] | None = None
        self._supervisors: dict[int, _Supervisor] = {}
        self._bridge: Bridge | None = None
        self._taker: _Supervisor | None = None
        self._connected = False  # the two have each other, for good
        self._held = False
        self._level: Level | None = None
        self._levels_worker: asyncio.Task[None] | None = None
        self._give_back: list[Callable[[], None]] = []
        self._apology = ""
        # What must have ended before the transfer is over for the session.
        self._ending: set[asyncio.Task[None]] = set()
        self._done: asyncio.Future[WarmTransferResult] = asyncio.get_running_loop().create_future()

    @property
    def over(self) -> bool:
        """Whether the result is known, and the caller is where it says."""
        return self._done.done()

    async def run(self) -> WarmTransferResult:
        """Hand the caller over; return what came of it, once the caller is there or back.

        Cancelling gives the transfer up, except in a tool: there the reply may end for reasons
        that are none of the caller's, and the transfer goes on.

        Raises:
            WarmTransferError: it was given up before the caller heard anything of it.
        """
        self._host.leg.listen(self)
        self._host.emitter.on(UserTranscription, self._words_heard)
        self._host.emitter.on(DtmfReceived, self._key_heard)
        self._feed(TransferRequested(start_time=clock.wall().timestamp()))
        try:
            result = await asyncio.shield(self._done)
        except asyncio.CancelledError:
            if not self._in_tool:
                self._feed(SessionEnding())
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
        """Let the machine know, from wherever.

        A supervisor's tool may be what tells: what is done about it is not part of its reply.
        """
        self._clean.copy().run(self._driver.feed, event)

    def _words_heard(self, heard: UserTranscription) -> None:
        if heard.final:
            self._feed(TranscriptFinal(text=heard.text))

    def _key_heard(self, key: DtmfReceived) -> None:
        self._feed(DigitReceived(digit=key.digit))

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The caller speaks; the session's ears take it."""

    def digit_received(self, digit: str, at: float) -> None:
        """The session tells it, as far as it may be seen."""

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
                self._returning = self._end(self._return_caller(command.words), "return")
            case Merge():
                self._merge(self._supervisors[command.target])
            case Introduce():
                supervisor = self._supervisors[command.target]
                self._start(self._introduce(supervisor, command.text), "introduction")
            case UndoMerge():
                self._undo_merge()
            case FinishTransfer():
                self._finish(command.result)
            case Dial() | CancelDial() | EndLeg() | BeginScreening() | BeginBriefing():
                self._obey_about_leg(command)
            case _:
                assert_never(command)

    def _obey_about_leg(
        self, command: Dial | CancelDial | EndLeg | BeginScreening | BeginBriefing
    ) -> None:
        match command:
            case Dial():
                supervisor = self._supervisor(command.target)
                self._start(supervisor.dial(), "dial")
            case CancelDial():
                self._end(self._supervisors[command.target].end(""), "cancel dialling")
            case EndLeg():
                self._end(self._supervisors[command.target].end(command.words), "end a leg")
            case BeginScreening():
                supervisor = self._supervisors[command.target]
                supervisor.opening = self._start(self._screen(supervisor), "screening")
            case BeginBriefing():
                self._supervisors[command.target].briefing.tell(command.summary)

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
        await self._last_words()
        self._messages = host.history().messages
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

    async def _last_words(self) -> None:
        """Let what is being said be heard; nothing new is begun."""
        conversation, speech = self._host.conversation, self._host.conversation.speech
        conversation.hold_speech(_REASON)
        self._held = True
        current = speech.queue.current
        if current is not None and not self._in_tool:
            await current.handle.wait(timeout=_LAST_WORDS)
            if not current.handle.done():
                speech.interrupt(_REASON, force=True)
        await speech.wait_heard(timeout=_LAST_WORDS)

    def _hold(self) -> None:
        """Music, and a level of speech of our own: a reply whose tool this is goes on below it."""
        host = self._host
        queue = host.conversation.speech.queue
        self._level = queue.open_level()
        self._levels_worker = self._start(queue.run_level(self._level), "speech")
        self._give_back = [
            # The caller's keys and words are for the machine alone.
            host.conversation.take_keys(lambda _digit: None),
            host.answers.take(lambda _answer: True),
        ]
        host.status.begin(Doing.TRANSFERRING)
        host.sound.hold(host.music, self._say_over_music)

    async def _say_hold_line(self, text: str) -> None:
        await self._say_over_music(text, keep=True)
        self._feed(HoldLineHeard())

    async def _say_over_music(self, line: str, *, keep: bool = False) -> None:
        speech = self._host.conversation.speech
        if not speech.mute:
            await speech.say(line, interruptible=False, keep=keep, during_hold=True)

    async def _sum_up(self) -> None:
        config = self._config
        llm = config.summary_llm or self._host.pipeline.llm
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
        for release in self._give_back:
            release()
        host.conversation.ears.undeafen(_REASON)
        if words and not speech.mute and not host.leg.closed:
            host.emitter.on(UtteranceBegan, self._utterance_began)
            handle = speech.say(words, during_hold=True)
            self._apology = handle.id
            await handle
            host.emitter.off(self._utterance_began)
        host.sound.unhold()

    def _utterance_began(self, utterance: UtteranceBegan) -> None:
        if utterance.utterance == self._apology:
            self._host.sound.unhold()

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

    # A supervisor.

    def _supervisor(self, target: int) -> "_Supervisor":
        session_id = self._briefing_id if target == 0 else f"{self._briefing_id}-{target + 1}"
        briefing = Briefing(target, self._config, SessionId(session_id), feed=self._feed)
        supervisor = self._supervisors[target] = _Supervisor(
            target,
            self._config.targets[target],
            self._host.call,
            briefing,
            ring_timeout=self._plan.targets[target].ring_timeout + _CARRIER_RINGS_ON,
            feed=self._feed,
        )
        return supervisor

    async def _screen(self, supervisor: "_Supervisor") -> None:
        call, briefing = supervisor.call, supervisor.briefing
        assert call is not None
        try:
            if supervisor.destination.send_digits:
                await call.send_digits(supervisor.destination.send_digits)
            await self._host.brief(call, self._briefing_pipeline(), briefing)
        except HookflashError as exc:
            self._host.emitter.tell_error(_REASON, exc.reason, "the briefing could not begin")
            briefing.failed()
        except Exception as exc:  # noqa: BLE001  # the program's factory: an event, and no briefing
            self._task_failed("the briefing", exc)
            briefing.failed()

    def _briefing_pipeline(self) -> Pipeline:
        factory = self._config.briefing_pipeline_factory
        made = self._host.pipeline if factory is None else factory()
        if not isinstance(made, Pipeline):
            msg = f"briefing_pipeline_factory returned a {type(made).__name__}, not a Pipeline"
            raise ConfigError(msg)
        return made

    # Together.

    def _merge(self, supervisor: "_Supervisor") -> None:
        host = self._host
        assert supervisor.leg is not None
        self._taker = supervisor
        supervisor.briefing.hush()
        # From here on the two talk with each other, and not with us.
        host.conversation.ears.deafen(_REASON)
        host.conversation.speech.interrupt(_REASON, force=True)
        self._bridge = Bridge(on_left=self._left)
        try:
            self._bridge.join(host.leg)
            self._bridge.join(supervisor.leg)
        except HookflashError:
            self._feed(BridgeFailed(target=supervisor.target))
            return
        host.sound.unhold()
        self._feed(BridgeConfirmed(target=supervisor.target))

    async def _introduce(self, supervisor: "_Supervisor", text: str) -> None:
        await asyncio.gather(self._say_over_music(text), supervisor.briefing.announce(text))
        self._feed(IntroductionDone())

    def _undo_merge(self) -> None:
        if self._bridge is not None:
            self._bridge.leave(self._host.leg)
        self._host.sound.hold(self._host.music, self._say_over_music)

    # The end.

    def _finish(self, result: WarmTransferResult) -> None:
        host = self._host
        host.leg.unlisten(self)
        host.emitter.off(self._words_heard)
        host.emitter.off(self._key_heard)
        if not result.success:
            self._end(self._fail(result), "finish")
            return
        # Nothing new is thought of: the tool whose reply this is has nothing more to say.
        host.conversation.speech.ending = True
        host.call.handed_over = True
        assert self._taker is not None
        self._connected = True
        self._end(self._leave(self._taker), "leave")
        self._done.set_result(result)
        host.leave("transferred")

    async def _fail(self, result: WarmTransferResult) -> None:
        if self._bridge is not None:
            await self._bridge.aclose()
        if self._preparing is not None:
            self._preparing.cancel()
        if self._returning is not None:
            await asyncio.wait([self._returning])
        await self._release()
        if not self._done.done():
            self._done.set_result(result)

    async def _leave(self, supervisor: "_Supervisor") -> None:
        """Leave the two alone."""
        await supervisor.briefing.leave()
        await self._end_level()

    def _left(self, _leg: Leg, _reason: str) -> None:
        """One of the two has left the bridge: so does the other, if it was for good."""
        if self._connected and self._taker is not None and self._taker.call is not None:
            self._host.call.end("other_party_left")
            self._taker.call.end("other_party_left")


class _Supervisor:
    """One target that is dialled: its call, its leg, and the talk with whoever answers."""

    def __init__(
        self,
        target: int,
        destination: TransferDestination,
        caller: Call,
        briefing: Briefing,
        *,
        ring_timeout: float,
        feed: Callable[[TransferEvent], None],
    ) -> None:
        self.target = target
        self.destination = destination
        self.briefing = briefing
        self.call: Call | None = None
        self.leg: Leg | None = None
        self.opening: asyncio.Task[None] | None = None
        self._caller = caller
        self._ring_timeout = ring_timeout
        self._feed = feed

    async def dial(self) -> None:
        """Phone them, and tell what becomes of the call until it ends."""
        if isinstance(self.destination, PhoneDestination):
            shown = self.destination.caller_id
        else:
            shown = self.destination.sip_call_from
        try:
            self.call = await self._caller.dial_another(
                self.destination.address, from_=shown, ring_timeout=self._ring_timeout
            )
        except HookflashError as exc:
            self._feed(DialRefused(target=self.target, cause=exc.reason))
            return
        call = self.call
        self._feed(LegCreated(target=self.target, call_id=call.carrier_call_id or call.id))
        async for event in call.events():
            match event:
                case CallRinging():
                    self._feed(LegRinging(target=self.target))
                case CallAnswered():
                    await self._answered(call)
                case CallEnded():
                    self._ended(event)

    async def _answered(self, call: Call) -> None:
        try:
            self.leg = await call.answer()
        except CallNotAnswered:
            return  # it has ended, and that is told next
        self._feed(LegAnswered(target=self.target, participant_id=self.leg.id))
        self.leg.listen(self)

    def _ended(self, ended: CallEnded) -> None:
        outcome, cause = ended.outcome, ended.cause
        # SIP statuses have three digits; a carrier's own codes have more.
        sip = int(cause) if cause is not None and cause.isdecimal() and len(cause) == 3 else None
        if outcome is Outcome.FAILED and sip == _SIP_DECLINE:
            outcome = Outcome.REJECTED  # of which Twilio says `failed`, as of a number that is none
        self._feed(LegEnded(target=self.target, outcome=outcome, cause=cause, sip_code=sip))

    async def end(self, words: str) -> None:
        """End the call, after a last word if there is one. Idempotent."""
        if self.call is None:
            return  # the order to dial is not answered yet; the machine will ask again
        if self.opening is not None and not self.opening.done():
            self.opening.cancel()
            await asyncio.wait([self.opening])
        try:
            await self.briefing.end(words)
        finally:
            await self.call.hangup("transfer_ended")

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The briefing's session takes it, or the bridge."""

    def digit_received(self, digit: str, at: float) -> None:
        """The briefing's session takes it."""

    def leg_closed(self, reason: str) -> None:
        """They are gone; the carrier's word on that may take a moment."""
        self._feed(LegEnded(target=self.target, outcome=Outcome.COMPLETED))


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

"""An agent's session: it runs one agent on one call.

The session is what a program holds. The conversation itself (`agent.conversation`) lives from the
answer to the end: its ears say when the caller's turn is over and when the agent must hush, all
that is said queues in one place, replies are thought of in `agent.replies`, and the history holds
what was heard. No lock is held anywhere while a model, a tool or the caller is waited for.
"""

import asyncio
import logging
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, overload

import msgspec

from hookflash.agent.answers import Answer, Answers
from hookflash.agent.briefing import Briefing
from hookflash.agent.cold_transfer import cold_transfer
from hookflash.agent.conversation import KEYPAD, Conversation, Host
from hookflash.agent.emitter import Emitter, Handler
from hookflash.agent.guard import Guard
from hookflash.agent.history import History
from hookflash.agent.hold import Hold
from hookflash.agent.keys import DTMFHandler
from hookflash.agent.line import HOOK_WITHIN, Line
from hookflash.agent.measures import SessionMetrics, TurnMeter
from hookflash.agent.options import SessionOptions
from hookflash.agent.record import Journal
from hookflash.agent.recording import RecordingConfig, SessionRecording
from hookflash.agent.sensitive import Sensitive
from hookflash.agent.sound import (
    BackgroundAudioHandlerConfig,
    HoldMusic,
    SessionSound,
    ThinkingAudio,
)
from hookflash.agent.speech import Speech, running_item
from hookflash.agent.speech_queue import SpeechItem, SpeechMode
from hookflash.agent.status import Status
from hookflash.agent.switches import Switches
from hookflash.agent.time_limit import TimeLimit
from hookflash.agent.tool_servers import ServerTools
from hookflash.agent.tools import ForSession, Tool, ToolContext, find_tools, tools_by_name
from hookflash.agent.transfer import (
    OnWarmTransfer,
    OnWarmTransferT,
    TransferHost,
    WarmTransfer,
    subscribe_to_phases,
)
from hookflash.agent.utterance import UtteranceHandle
from hookflash.agent.voicemail import VoiceMailDetector
from hookflash.agent.wake_up import WakeUps, WakeUpStep, idle_config
from hookflash.calls.call import Call, current_call
from hookflash.calls.outcome import TransferOutcome, TransferVia
from hookflash.calls.recording import Recorder
from hookflash.calls.transfer_types import (
    WarmTransferConfig,
    WarmTransferError,
    WarmTransferPhase,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.errors import (
    CallerHungUp,
    HookflashError,
    SessionClosed,
    TaskCancelled,
    UsageError,
)
from hookflash.events import Record
from hookflash.events.session import (
    AgentState,
    PipelineChanged,
    SessionClosedEvent,
    SessionRecord,
    SessionStarted,
    UserState,
)
from hookflash.events.turn import ExpectationSet
from hookflash.events.voicemail import CarrierVerdict, VoicemailDetected, VoicemailVerdict
from hookflash.ids import SessionId
from hookflash.legs.base import Leg
from hookflash.machines.status import StatusConfig
from hookflash.pipeline.concealment import Concealment
from hookflash.pipeline.expectation import guess_expectation
from hookflash.pipeline.hooks import Hooks, RunningHooks
from hookflash.pipeline.pipeline import Pipeline, changed, differences
from hookflash.pipeline.sound import Sound, SoundSource
from hookflash.providers.base import LLM, STT, TTS, VAD
from hookflash.providers.chat import (
    ChatContext,
    ChatItem,
    ChatMessage,
    ChatRole,
    ToolCall,
    as_plain,
)
from hookflash.providers.tool_server import ToolServer
from hookflash.runtime.chance import new_id
from hookflash.runtime.tasks import TaskOwner

__all__ = ["KEYPAD", "Agent", "AgentSession", "RunContext", "WarmTransferAgent"]

_log = logging.getLogger("hookflash.agent")

UserDataT = TypeVar("UserDataT")
RecordT = TypeVar("RecordT", bound=Record)
HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[None] | None])

# Seconds in which those who wait for a task learn that the session ends.
_TOLD_WITHIN = 0.5

_LEG_REASONS: Mapping[str, str] = {
    "peer_stopped": "caller_hung_up",
    "peer_closed": "caller_hung_up",
    "we_closed": "hangup",
}


class Agent(ForSession):
    """Instructions, tools and hooks. Subclass it; methods marked `@function_tool` are its tools.

    A tool that returns an agent hands the call over to it.

    Attributes:
        tools: by name, as of now.
        mcp_servers: whose tools it has besides.
        inherit_context: whether its model is shown the conversation that other agents had before.
        thinking_audio: what is heard while it thinks; None is nothing.
    """

    def __init__(
        self,
        instructions: str = "",
        tools: Iterable[Tool] = (),
        *,
        mcp_servers: Iterable[ToolServer] = (),
        inherit_context: bool = True,
    ) -> None:
        """Take instructions, and tools besides the methods marked as such.

        Args:
            instructions: what the model is told about its part.
            tools: functions marked `@function_tool`.
            mcp_servers: servers whose tools it has besides; see `ToolServer`.
            inherit_context: whether its model is shown the conversation of agents before it.

        Raises:
            UsageError: two tools have the same name.
        """
        self._instructions = instructions
        self.tools: dict[str, Tool] = {}
        self.update_tools(tools)
        self.mcp_servers = tuple(mcp_servers)
        self.inherit_context = inherit_context
        self.thinking_audio: ThinkingAudio | None = None
        self._session: AgentSession[Any] | None = None

    @property
    def instructions(self) -> str:
        """What the model is told about its part. Set, it holds from the next request on."""
        return self._instructions

    @instructions.setter
    def instructions(self, text: str) -> None:
        self._instructions = text
        if self._session is not None:
            self._session.instructions_changed(self)

    @property
    def session(self) -> "AgentSession[Any]":
        """The session that runs this agent.

        Raises:
            UsageError: none does.
        """
        if self._session is None:
            msg = "this agent is in no session; start one with AgentSession(agent=...)"
            raise UsageError(msg)
        return self._session

    def update_tools(self, tools: Iterable[Tool]) -> None:
        """Have these tools besides the methods marked as such, from the model's next request on.

        Raises:
            UsageError: two different tools have the same name; the tools stay as they were.
        """
        self.tools = tools_by_name((*find_tools(self).values(), *tools))

    def join(self, session: "AgentSession[Any]") -> None:
        """A session takes the agent.

        Raises:
            UsageError: another session has it.
        """
        if self._session is not None and self._session is not session and not self._session.closed:
            msg = "this agent is in another session; make an agent for each"
            raise UsageError(msg)
        self._session = session

    def set_thinking_audio(
        self, file: SoundSource | None = None, volume: float = 0.3, delay: float = 0.6
    ) -> None:
        """Let a sound be heard while this agent thinks or its tools run and nothing is said.

        Args:
            file: a file, a built-in sound's name or a `Sound`; None is the built-in keyboard.
            volume: factor from 0 to 1.
            delay: seconds of thinking before it begins.

        Raises:
            ConfigError: a number is out of its range, or there is no such file.
        """
        self.thinking_audio = ThinkingAudio(file or "keyboard", volume, delay)

    async def play_background_audio(
        self,
        file: SoundSource | None = None,
        volume: float = 1.0,
        looping: bool = False,
        override_thinking: bool = True,
    ) -> None:
        """Play a sound in the background, as `AgentSession.play_background_audio`.

        Args:
            file: a file, a built-in sound's name or a `Sound`; None is the built-in office.
            volume: factor from 0 to 1.
            looping: begin again where it ends.
            override_thinking: whether the thinking sound may be heard over it.

        Raises:
            ConfigError: a number is out of its range, or the file cannot be read.
            MissingExtra: the file needs `hookflash[sound]`.
            UsageError: the agent is in no session.
        """
        config = BackgroundAudioHandlerConfig(
            file or "office", mode="mixing", volume=volume, looping=looping
        )
        await self.session.play_background_audio(config, override_thinking)

    async def stop_background_audio(self) -> None:
        """Fade the background out, as `AgentSession.stop_background_audio`.

        Raises:
            UsageError: the agent is in no session.
        """
        await self.session.stop_background_audio()

    async def on_enter(self) -> None:
        """The agent has the line. Say the greeting here."""

    async def on_exit(self) -> None:
        """The agent gives the line away, or the session ends. A last word can be said here."""

    async def on_user_turn_completed(self, text: str) -> None:
        """The caller has finished a turn; the reply begins when this returns.

        Raise `StopResponse` to give no reply.
        """


class WarmTransferAgent(Agent):
    """Speaks with a supervisor about a caller; made by `AgentSession.warm_transfer`."""

    def __init__(self, briefing: Briefing) -> None:
        """Take the briefing that this agent holds, and its tools."""
        super().__init__(briefing.instructions, briefing.tools)
        self._briefing = briefing

    async def on_enter(self) -> None:
        """Somebody or something has answered."""
        mind = self.session.pipeline
        self.session.on(VoicemailDetected, self._briefing.judged)
        llm = mind.llm
        # Rules that the program has written for briefings are up to it.
        reads = llm is not None and (llm.reads_instructions or self._briefing.has_own_pipeline)
        thinks = reads or mind.realtime is not None
        self._briefing.begin(self.session, self._instruct, thinks=thinks)

    def _instruct(self, instructions: str) -> None:
        self.instructions = instructions


class RunContext(ToolContext, Generic[UserDataT]):
    """What a running tool knows. A tool that names it as a parameter's type is given it.

    Attributes:
        session: the session in which it runs.
        utterance: the reply that it is part of.
    """

    def __init__(
        self, call: ToolCall, session: "AgentSession[UserDataT]", utterance: UtteranceHandle
    ) -> None:
        """Made for each call of a tool."""
        super().__init__(call)
        self.session = session
        self.utterance = utterance

    @property
    def userdata(self) -> UserDataT:
        """What the program keeps with the session."""
        return self.session.userdata

    def disallow_interruptions(self) -> None:
        """From now on the caller cannot cut this reply short."""
        self.utterance.interruptible = False

    async def wait_for_playout(self) -> None:
        """Wait until what this reply has said so far was heard."""
        await self.session.wait_for_playout()


class AgentSession(Generic[UserDataT]):
    """Runs one agent on one call. Made inside a running loop.

    `say` and `reply` return a handle at once; await it to wait until it was heard. They work
    everywhere, also in tools and hooks.

    Attributes:
        id: ours.
        pipeline: its ears, mind and voice as of now.
        options: how it behaves.
        hooks: see, and may change, what goes through the stages of this session.
        background_audio_config: what is heard in the background from the answer on.
        voice_mail_detector: finds out who has answered; None if nobody asked.
    """

    def __init__(
        self,
        agent: Agent,
        pipeline: Pipeline,
        *,
        wake_up: float | Sequence[WakeUpStep] | None = None,
        background_audio: BackgroundAudioHandlerConfig | None = None,
        dtmf_handler: DTMFHandler | None = None,
        recording: RecordingConfig | None = None,
        voice_mail_detector: VoiceMailDetector | None = None,
        options: SessionOptions | None = None,
        userdata: UserDataT | None = None,
    ) -> None:
        """Bring an agent and a pipeline together; nothing runs yet.

        Args:
            agent: who speaks.
            pipeline: its ears, mind and voice; may serve other sessions too.
            wake_up: seconds of silence after which `on_wake_up` is called, and again after each
                further; or steps (`wake_up_ladder()` makes the usual ones); None never does.
            background_audio: heard from the answer on.
            dtmf_handler: what to do with each key that the caller presses.
            recording: how the call is recorded; None leaves that to the app.
            voice_mail_detector: finds out who has answered before anything is said. Not used on a
                call that came in through a carrier: a person phones us.
            options: how it behaves.
            userdata: the program's own data, for tools (`RunContext.userdata`).

        Raises:
            ConfigError: a value is out of its range.
            UsageError: the agent is in another session.
        """
        self.id = SessionId(new_id("session"))
        self.pipeline = pipeline
        self.options = options or SessionOptions()
        self.hooks = Hooks()
        self.background_audio_config = background_audio
        self.voice_mail_detector = voice_mail_detector
        self._userdata = userdata
        self._emitter = Emitter()
        self._meter = TurnMeter(self._emitter, closing=lambda: self.closed)
        self._journal: Journal | None = None
        self._history = History()
        self._guard = Guard(self._emitter)
        status = StatusConfig(away_after=self.options.away_after)
        self._status = Status(self._emitter, status, idle_config(wake_up))
        self._owner = TaskOwner(self.id, on_error=self._task_failed)
        self._wake_ups = WakeUps(
            wake_up,
            emitter=self._emitter,
            guard=self._guard,
            owner=self._owner,
            say=self.say,
            reply=self.reply,
            hang_up=self.hangup,
        )
        self._servers = ServerTools(
            self._emitter, self._owner, within=self.options.tool_servers_within
        )
        self._switches = Switches(self._emitter)
        self._answers = Answers()
        self._concealment = Concealment(self.options.turn.lexicon, changed=self._concealed)
        self._dtmf_handler = dtmf_handler
        self._recording_config = recording
        self._recording: SessionRecording | None = None
        self._call: Call | None = None
        self._leg: Leg | None = None
        self._conversation: Conversation | None = None
        self._sound: SessionSound | None = None
        self._limit: TimeLimit | None = None
        self._transfer: WarmTransfer | None = None
        self._exited = False
        self._exiting = False
        self._hangup_reason: str | None = None
        self._closer: asyncio.Task[None] | None = None
        self._closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        agent.join(self)
        self._line = Line(
            agent,
            history=self._history,
            status=self._status,
            emitter=self._emitter,
            guard=self._guard,
            owner=self._owner,
            speech=lambda: self._started().speech,
            took=self._took_line,
        )

    # State.

    @property
    def agent(self) -> Agent:
        """Who has the line."""
        return self._line.agent

    @property
    def current_agent(self) -> Agent:
        """The same, by the name that other frameworks use."""
        return self._line.agent

    @property
    def userdata(self) -> UserDataT:
        """The program's own data.

        Raises:
            UsageError: none was given.
        """
        if self._userdata is None:
            msg = "this session has no userdata; give AgentSession(userdata=...)"
            raise UsageError(msg)
        return self._userdata

    @property
    def call(self) -> Call | None:
        """The call, once started."""
        return self._call

    @property
    def history(self) -> ChatContext:
        """The conversation as of now, a copy: what was said to us, and what was heard of us."""
        return self._history.as_heard()

    def get_context_history(
        self, *, include_function_calls: bool = False, include_system_messages: bool = False
    ) -> list[dict[str, object]]:
        """Return the conversation as of now in plain dictionaries, ready for JSON.

        Args:
            include_function_calls: also tool calls, their outputs, and hand-offs.
            include_system_messages: also the agent's instructions.
        """
        items: list[dict[str, object]] = []
        for item in self.history.items:
            if isinstance(item, ChatMessage):
                if item.role is not ChatRole.SYSTEM or include_system_messages:
                    items.append(as_plain(item))
            elif include_function_calls:
                items.append(as_plain(item))
        return items

    def context_for_model(self) -> ChatContext:
        """What the model of the agent that has the line would be shown now, a copy."""
        return self._history.for_model()

    def sum_up(self, text: str) -> None:
        """Show the agents that wait for a task a summary in place of what was said in it.

        Called while the task has the line. The history is not changed.

        Raises:
            UsageError: no task has the line.
        """
        self._history.sum_up(text)

    @property
    def metrics(self) -> SessionMetrics:
        """The session in figures as of now; complete once it is closed."""
        return self._meter.snapshot()

    @property
    def agent_state(self) -> AgentState:
        """What the agent is at."""
        return self._status.agent

    @property
    def user_state(self) -> UserState:
        """What the caller is at."""
        return self._status.user

    @property
    def current_utterance(self) -> UtteranceHandle | None:
        """What is being said or thought about."""
        speech = self._speech
        current = speech.queue.current if speech is not None else None
        return current.handle if current is not None else None

    @property
    def voicemail_verdict(self) -> VoicemailVerdict | None:
        """Who has answered; None before it is known, and without a detector."""
        watch = self._conversation.voicemail if self._conversation is not None else None
        return watch.verdict if watch is not None else None

    @property
    def is_voicemail_detected(self) -> bool:
        """Whether an answering machine has answered, as far as is known."""
        return self.voicemail_verdict is VoicemailVerdict.MACHINE

    @property
    def closed(self) -> bool:
        """Whether the session is over, or closing."""
        return self._closer is not None

    @property
    def on_wake_up(self) -> Callable[[], Awaitable[None] | None] | None:
        """Called when nobody was heard for the seconds that `wake_up` says. Set it."""
        return self._wake_ups.call_back

    @on_wake_up.setter
    def on_wake_up(self, call_back: Callable[[], Awaitable[None] | None] | None) -> None:
        self._wake_ups.call_back = call_back

    # Events.

    @overload
    def on(self, event: type[RecordT], handler: Handler[RecordT]) -> Handler[RecordT]: ...
    @overload
    def on(self, event: str, handler: Handler[Any]) -> Handler[Any]: ...
    @overload
    def on(self, event: type[Record] | str) -> Callable[[HandlerT], HandlerT]: ...

    def on(self, event: type[Record] | str, handler: Handler[Any] | None = None) -> Any:
        """Subscribe to an event class or dotted name (`*`: all); a decorator without `handler`.

        Functions are called at once; coroutine functions one after the other. One that raises
        causes an `error` event and nothing else.
        """
        if handler is None:
            return self._emitter.on(event)
        return self._emitter.on(cast("str", event), handler)

    def off(self, handler: Callable[..., Awaitable[None] | None]) -> None:
        """End all subscriptions of a handler. Idempotent."""
        self._emitter.off(handler)

    def tell(self, kind: type[SessionRecord], **fields: object) -> None:
        """Tell the listeners that something happened; tasks tell of their steps so.

        Args:
            kind: the event's class.
            fields: its own; number, time and turn are given to it here.
        """
        self._emitter.tell(kind, **fields)

    def tell_error(self, source: str, reason: str, message: str) -> None:
        """Tell them an `error` after which the session goes on, and log it.

        Args:
            source: as of `ErrorOccurred`.
            reason: short stable word.
            message: for people; holds no words of the caller.
        """
        self._emitter.tell_error(source, reason, message)

    # Life.

    async def start(
        self,
        call: Call | Leg | None = None,
        *,
        wait_for_participant: bool = False,
        run_until_shutdown: bool = False,
    ) -> None:
        """Answer the call and let the agent have it.

        Returns when the agent's `on_enter` has returned, or, with `run_until_shutdown`, when the
        session is over.

        Args:
            call: an inbound call (it is answered), an outbound one (its answer is waited for), or
                a bare leg; None takes the call that the app's `on_call` function was given.
            wait_for_participant: whether `on_enter` waits for the first audio of the far side; some
                carriers open the media before anybody is there.
            run_until_shutdown: wait for the end.

        Raises:
            CallNotAnswered: the call ended before it was answered.
            ConfigError: the background's file cannot be read.
            MissingExtra: a provider's package, or one for the background, is not installed.
            ProviderError: a provider cannot work as configured.
            UsageError: the session was started before, or there is no call.
            SessionClosed: it is over.
        """
        self._require_open()
        if self._call is not None:
            msg = "this session was started already; make another"
            raise UsageError(msg)
        call = call or current_call.get()
        if call is None:
            msg = "there is no call: give start(call), or call it in the app's on_call function"
            raise UsageError(msg)
        self._call = call if isinstance(call, Call) else Call.of_leg(call)
        await self.pipeline.prepare()
        if self.options.wording is not None:
            await self.options.wording.prepare()
        if self.voice_mail_detector is not None:
            await self.voice_mail_detector.prepare()
        leg = self._leg = await self._call.answer()
        self._emitter.start(self._owner)
        self._switches.follow(self.pipeline.providers)
        for observer in self._call.observers:
            self._emitter.on("*", observer)
        self._journal = Journal.for_call(
            self._call,
            self.options.record,
            session=self.id,
            emitter=self._emitter,
            history=self._history.as_heard,
            owner=self._owner,
            sensitive=lambda: self._concealment.on,
        )
        self._servers.use(self.agent.mcp_servers)
        self._conversation = Conversation(
            leg,
            self.pipeline,
            Host(
                agent=lambda: self.agent,
                tools=lambda: self._servers.beside(self.agent.tools),
                tools_ready=self._servers.ready,
                make_context=lambda call, handle: RunContext(call, self, handle),
                turn_completed=self._turn_completed,
                hand_off=self._hand_off,
                line_lost=self._line_lost,
                give_up=lambda: self._begin_hangup("error"),
            ),
            history=self._history,
            status=self._status,
            emitter=self._emitter,
            owner=self._owner,
            guard=self._guard,
            options=self.options,
            hooks=RunningHooks(
                (self.pipeline.hooks, self.hooks),
                within=self.options.hook_within,
                failed=self._guard.failed,
            ),
            meter=self._meter,
            tape=self._call.tape,
            concealment=self._concealment,
            answers=self._answers,
            dtmf_handler=self._dtmf_handler,
        )
        detector = self.voice_mail_detector
        if detector is not None and detector.judges(self._call):
            self._conversation.watch_for_voicemail(detector, self._end_call, self._call.tape)
            self._call.watch_verdict(self.carrier_said)
        recording = self._recording = SessionRecording(
            self._call,
            self._recording_config,
            say=lambda text: self.say(text, interruptible=False),
            answers=self._answers,
            emitter=self._emitter,
            owner=self._owner,
        )
        self._sound = SessionSound(
            leg,
            emitter=self._emitter,
            owner=self._owner,
            thinking=lambda: self.agent.thinking_audio,
        )
        if self.background_audio_config is not None:
            try:
                await self._sound.play_background_audio(self.background_audio_config)
            except HookflashError:
                await self.close("error")
                raise
        if wait_for_participant:
            async with aclosing(leg.frames()) as frames:
                await anext(frames, None)
        self._status.start(self._wake_ups.wake, self._call.tape)
        self._limit = TimeLimit(
            self.options, self._conversation.speech, self._begin_hangup, self._call.tape
        )
        self._emitter.tell(SessionStarted)
        try:
            await self._unless_closed(recording.begin())
            if not self.closed:
                await self._unless_closed(self._line.enter())
        except Exception:
            await self.close("error")
            raise
        if run_until_shutdown:
            await self.wait_closed()

    async def wait_closed(self) -> str:
        """Wait until the session is over; return why."""
        return await asyncio.shield(self._closed)

    async def hangup(self, reason: str = "hangup") -> None:
        """Let what is being said be heard, end the call, and close.

        In a tool this does not return: the tool ends with the session.
        """
        speech = self._speech
        if speech is not None and not speech.ending and not self.closed:
            speech.ending = True
            self._hangup_reason = reason
            if self._transfer is not None:
                await self._transfer.aclose()
            await speech.wait_said(self.options.hangup_within)
            await self._exit()
        if self._call is not None and self._call.ended is None and not self.closed:
            await self._call.hangup(reason)
        await self.close(reason)

    async def leave(self) -> None:
        """Let what is being said be heard, and close; the call stays as it is.

        In a tool this does not return: the tool ends with the session.
        """
        speech = self._speech
        if speech is not None and not speech.ending and not self.closed:
            speech.ending = True
            await speech.wait_said(self.options.hangup_within)
        await self.close("left")

    async def close(self, reason: str = "closed") -> None:
        """End the session; the call stays as it is. Idempotent; waits until all has ended.

        What is being said is cut short. Afterwards `say` and `reply` raise `SessionClosed`, and
        the history stays readable.
        """
        await asyncio.shield(self._begin_close(reason))

    # Speech.

    def say(
        self,
        message: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        audio: bytes | Sound | Iterable[bytes] | AsyncIterable[bytes] | None = None,
        add_to_chat_context: bool = True,
        mode: SpeechMode = SpeechMode.QUEUE,
        priority: int = 0,
    ) -> UtteranceHandle:
        """Say something; return its handle at once.

        It queues behind what is being said. In a tool it is spoken now.

        Args:
            message: plain text, whole or as it comes.
            interruptible: whether the caller may cut it short.
            audio: ready-made PCM16 at the leg's sample rate, whole or as it comes, or a `Sound`,
                instead of synthesis.
            add_to_chat_context: whether it goes into the history.
            mode: what becomes of what is said and waits.
            priority: of what waits, a higher one is said earlier.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: there is no audio, and no voice: neither a synthesiser nor a realtime model
                that says given words (`RealtimeModel.recites`).
        """
        conversation = self._live()
        return conversation.speech.say(
            message,
            interruptible=interruptible,
            audio=_as_audio(audio, conversation.sample_rate),
            keep=add_to_chat_context,
            mode=mode,
            priority=priority,
        )

    def reply(
        self,
        instructions: str | None = None,
        *,
        user_input: str | None = None,
        tool_choice: str | None = None,
        wait_for_playback: bool = True,
        interruptible: bool = True,
        mode: SpeechMode = SpeechMode.QUEUE,
        priority: int = 0,
    ) -> UtteranceHandle:
        """Let the model say something; return the handle of the reply at once.

        Args:
            instructions: for this reply alone; they do not enter the history.
            user_input: words that count as the caller's; they do enter it.
            tool_choice: `auto`, `none`, `required` or a tool's name, for the first request.
            wait_for_playback: whether awaiting the handle waits until it was heard; else until
                all of it is thought of and its tools have run.
            interruptible: whether the caller may cut it short.
            mode: what becomes of what is said and waits.
            priority: of what waits, a higher one is said earlier.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: there is no language model, or no synthesiser.
        """
        return self._live().reply(
            instructions,
            user_input=user_input,
            tool_choice=tool_choice,
            wait_for_playback=wait_for_playback,
            interruptible=interruptible,
            mode=mode,
            priority=priority,
        )

    def interrupt(self, force: bool = False) -> bool:
        """Cut short what is being said and drop what waits; return whether there was anything.

        Args:
            force: also what is not interruptible.
        """
        return self._speech is not None and self._speech.interrupt("program", force=force)

    async def wait_for_playout(self) -> None:
        """Wait until what has been said so far was heard."""
        if self._speech is not None:
            await self._speech.wait_heard()

    async def wait_for_idle(self) -> None:
        """Wait until nothing is said, nothing is thought of and nothing waits to be said."""
        if self._speech is not None:
            await self._speech.queue.wait_idle()

    def expect(self, expectation: ExpectationSet) -> None:
        """Say what kind of answer comes next, where the agent's words do not show it."""
        if self._conversation is not None:
            self._conversation.expect(expectation)

    def take_keys(self, taker: Callable[[str], None]) -> Callable[[], None]:
        """Have each key that the caller presses, instead of numbers that are turns.

        The one who took them last gets them, one by one, the real ones. A key hushes the agent as
        ever; `dtmf.received` is told and a `DTMFHandler` is called as ever.

        Args:
            taker: called at once with one of `0-9 * # A-D`; must not block.

        Returns:
            What gives them back; idempotent.

        Raises:
            SessionClosed: the session is over, or was not started.
        """
        return self._live().take_keys(taker)

    def take_turns(self, taker: Callable[[Answer], bool]) -> Callable[[], None]:
        """Be offered what the caller says, before the agent is asked about it.

        The one who came last is asked first, at once when the turn is over. The history holds the
        turn whoever takes it.

        Args:
            taker: is given the turn, its numbers not masked; returns whether it takes it, so that
                the agent does not reply. Must not block.

        Returns:
            What ends it; idempotent.
        """
        return self._answers.take(taker)

    async def send_dtmf(self, digits: str) -> None:
        """Press keys, after what is queued to be said; return when they were played.

        In a tool they are pressed now.

        Args:
            digits: `0-9 * # A-D`; `w` waits 0.5 s, `W` 1 s.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: there are none, or a character that no key has; nothing was sent.
        """
        if not digits:
            msg = "send_dtmf() was given no keys"
            raise UsageError(msg)
        await self._live().speech.press(digits)

    # What nobody else may see.

    def sensitive(self) -> Sensitive:
        """Conceal the caller's numbers while `with session.sensitive() as secret:` lasts.

        Every digit is `•` to listeners, on the tape, in the history and to the model, and the
        recording is paused. `await secret.answer()` has the real ones.
        """
        return Sensitive(self._concealment, self._answers)

    def _concealed(self, on: bool) -> None:
        if self._recording is not None:
            self._recording.conceal(on)

    # Recording.

    @property
    def recording(self) -> Recorder | None:
        """The call's recording, going on or stopped; None if there was none."""
        return self._call.recording if self._call is not None else None

    def start_recording(self, path: Path) -> Recorder:
        """Record the call from now until it or the session ends.

        Args:
            path: the file, `.wav`, `.opus` or `.ogg`; overwritten.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: it is being recorded already, or another kind of file.
            MissingExtra: Opus, and `soundfile` is not installed.
            OSError: the file cannot be written.
        """
        return self._live_recording().start(path)

    def pause_recording(self) -> None:
        """Record silence from now on; time goes on in the file. Idempotent.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: the call is not recorded.
        """
        self._live_recording().pause()

    def resume_recording(self) -> None:
        """Record sound again, unless sensitive mode is on. Idempotent.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: the call is not recorded.
        """
        self._live_recording().resume()

    def stop_recording(self) -> None:
        """End the recording, and finish the file. Idempotent.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: the call is not recorded.
        """
        self._live_recording().stop()

    def _live_recording(self) -> SessionRecording:
        self._live()
        if self._recording is None:
            msg = "the session is not started; call start() first"
            raise SessionClosed(msg)
        return self._recording

    # Sounds.

    async def play_background_audio(
        self, config: BackgroundAudioHandlerConfig, override_thinking: bool = True
    ) -> None:
        """Play a sound under whatever is said; it cross-fades with the one that plays.

        Returns when it has begun. It goes on when the agent is interrupted.

        Args:
            config: what, and how.
            override_thinking: whether the thinking sound may be heard over it.

        Raises:
            ConfigError: the file cannot be read; the message says why.
            MissingExtra: the file needs `hookflash[sound]`.
            SessionClosed: the session is over, or was not started.
        """
        await self._live_sound().play_background_audio(config, override_thinking)

    async def stop_background_audio(self) -> None:
        """Fade the background out. Nothing happens if there is none.

        Raises:
            SessionClosed: the session is over, or was not started.
        """
        await self._live_sound().stop_background_audio()

    async def start_thinking_audio(self) -> None:
        """Play the agent's thinking sound now, until it speaks or `stop_thinking_audio`.

        It comes by itself when an agent with `set_thinking_audio` keeps the caller waiting.

        Raises:
            ConfigError, MissingExtra: as `play_background_audio`.
            SessionClosed: the session is over, or was not started.
        """
        await self._live_sound().start_thinking_audio()

    async def stop_thinking_audio(self) -> None:
        """Hush the thinking sound until the agent thinks anew. Idempotent.

        Raises:
            SessionClosed: the session is over, or was not started.
        """
        await self._live_sound().stop_thinking_audio()

    def _live_sound(self) -> SessionSound:
        self._live()
        if self._sound is None:
            msg = "the session is not started; call start() first"
            raise SessionClosed(msg)
        return self._sound

    # Hold.

    def hold(self, music: HoldMusic | None = None) -> None:
        """Put the caller on hold: they are not listened to, and nothing new is said. Idempotent.

        What is being said is said to its end; what is asked to be said waits. Keys are heard.

        Args:
            music: what they hear meanwhile; None is `SessionOptions.hold_music`.

        Raises:
            SessionClosed: the session is over, or was not started.
        """
        self._live_hold().begin(music or self.options.hold_music)

    def unhold(self) -> None:
        """Take the caller off hold; what waited is said. Idempotent.

        Raises:
            SessionClosed: the session is over, or was not started.
        """
        self._live_hold().end()

    def _live_hold(self) -> Hold:
        return Hold(self._live(), self._live_sound(), self._status, self._emitter)

    # Handing the caller to a person.

    async def call_transfer(
        self,
        transfer_to: str,
        *,
        from_: str | None = None,
        ring_timeout: float = 30.0,
        via: TransferVia = "auto",
    ) -> TransferOutcome:
        """Hand the caller to somebody without a word to them before; the caller hears ringing.

        What is being said is heard first. If somebody answers, the session closes (`transferred`)
        and the two talk until one hangs up. If not, the caller is back with the agent when this
        returns, and `TransferOutcome.outcome` says why: `busy`, `no_answer`, ...

        Args:
            transfer_to: E.164 or a `sip:` address.
            from_: the number that they see; None: the line that the caller is on.
            ring_timeout: seconds, 5 to 600.
            via: `carrier` lets the carrier connect the two, and they talk without us; `bridge`
                connects them in our process; `auto` is the carrier if it can.

        Raises:
            TransferMisconfigured: a value is out of its range, or the caller's own; a `ValueError`.
            UsageError: the call has no carrier that could do it.
            WarmTransferError: a warm transfer is in progress.
            SessionClosed: the session is over, or was not started.
        """
        host = self._transfer_host(self.options.hold_music)
        return await cold_transfer(
            host, transfer_to, from_=from_, ring_timeout=ring_timeout, via=via
        )

    def _transfer_host(self, music: HoldMusic) -> TransferHost:
        """Return what a transfer needs of the session, unless one goes on."""
        conversation, sound = self._live(), self._live_sound()
        if self._transfer is not None and not self._transfer.over:
            msg = "A warm transfer is already in progress for this session."
            raise WarmTransferError(msg, WarmTransferReason.ALREADY_IN_PROGRESS)
        assert self._call is not None
        assert self._leg is not None
        return TransferHost(
            call=self._call,
            leg=self._leg,
            pipeline=self.pipeline,
            music=music,
            history=self._history,
            conversation=conversation,
            sound=sound,
            status=self._status,
            emitter=self._emitter,
            answers=self._answers,
            brief=self._brief,
            leave=self._begin_close,
        )

    async def warm_transfer(
        self, config: WarmTransferConfig, *, hold_music: HoldMusic | None = None
    ) -> WarmTransferResult:
        """Hand the caller to a person, who is told before what it is about.

        The caller hears music meanwhile. If nobody takes the call they are told so, and are back
        with the agent when this returns. If somebody does, the session closes (`transferred`) and
        the two calls go on until one of them hangs up; in a tool nothing is said after that.

        Cancelled, or when the session closes, the transfer is given up, and the caller is back when
        this ends; a tool that is cancelled leaves it going on.

        Args:
            config: whom to hand the caller to, and how.
            hold_music: what the caller hears meanwhile; None: `SessionOptions.hold_music`.

        Raises:
            WarmTransferError: one is in progress already, or it was given up before the caller
                heard anything of it; `reason` says why.
            TransferMisconfigured: the destination is the caller, or a way is asked for that is not
                offered.
            SessionClosed: the session is over, or was not started.
        """
        transfer = WarmTransfer(config, self._transfer_host(hold_music or self.options.hold_music))
        self._transfer = transfer
        return await transfer.run()

    @overload
    def on_warm_transfer(
        self, phase: WarmTransferPhase | str | None = None, *, callback: OnWarmTransferT
    ) -> OnWarmTransferT: ...
    @overload
    def on_warm_transfer(
        self, phase: WarmTransferPhase | str | None, callback: OnWarmTransferT
    ) -> OnWarmTransferT: ...
    @overload
    def on_warm_transfer(
        self, phase: WarmTransferPhase | str | None = None, callback: None = None
    ) -> Callable[[OnWarmTransferT], OnWarmTransferT]: ...

    def on_warm_transfer(
        self,
        phase: WarmTransferPhase | str | None = None,
        callback: OnWarmTransfer | None = None,
    ) -> Any:
        """Have a function called when a transfer has come so far; a decorator without `callback`.

        Args:
            phase: such as `supervisor_joined`; None: every one.
            callback: plain or `async`, given the `WarmTransferPhaseReached`. One that raises
                causes an `error` event and nothing else.

        Raises:
            ValueError: there is no such phase.
        """
        wanted = None if phase is None else WarmTransferPhase(phase)
        if callback is None:
            return partial(subscribe_to_phases, self._emitter, wanted)
        return subscribe_to_phases(self._emitter, wanted, callback)

    async def _brief(self, call: Call, pipeline: Pipeline, briefing: Briefing) -> None:
        """Let an agent speak with a supervisor, in a session of its own."""
        session = AgentSession[None](
            WarmTransferAgent(briefing),
            pipeline,
            # The callback hangs up for nobody: what to do with a machine, the transfer decides.
            voice_mail_detector=VoiceMailDetector(callback=lambda: None),
            options=msgspec.structs.replace(self.options, record=None),
        )
        session.id = briefing.session_id
        try:
            await session.start(call)
        except BaseException:
            await session.close("error")
            raise

    # Changes in mid-call.

    async def update_agent(self, agent: Agent) -> None:
        """Hand the call to another agent: `on_exit` of the one, then `on_enter` of the other.

        What is being said goes on. In a tool, returning the agent does the same.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: the agent is in another session.
        """
        self._live()
        agent.join(self)
        await self._unless_closed(self._line.hand_over(agent))

    async def lend_line(
        self,
        agent: Agent,
        until: "asyncio.Future[object]",
        *,
        within: float | None = None,
        given: Iterable[ChatItem] = (),
        keeps_calls: bool = False,
    ) -> None:
        """Let another agent have the line until a future is done; what `AgentTask` is made of.

        Called in a tool or hook of the agent that has the line, or in a task that it started.

        Args:
            agent: who shall have it.
            until: done when it has done its job.
            within: seconds after which its exception is `TaskTimedOut`; None: never.
            given: items that its model is shown to begin with.
            keeps_calls: whether its tool calls are shown to the lender's model afterwards.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: it is called elsewhere, or the agent is in another session.
            TaskCancelled: the lender has lost the line meanwhile, or the session is over.
        """
        self._live()
        agent.join(self)
        await self._line.lend(agent, until, within=within, given=given, keeps_calls=keeps_calls)

    async def change(
        self,
        *,
        stt: STT | None = None,
        llm: LLM | None = None,
        tts: TTS | None = None,
        vad: VAD | None = None,
        voice: str | None = None,
        language: str | None = None,
        instructions: str | None = None,
    ) -> None:
        """Change parts of the pipeline, or how they are used, in mid-call: all of it or nothing.

        New parts are prepared first. What is being said is said to its end in the old voice; the
        parts that go are not closed, for other sessions may use them.

        Args:
            stt: another recogniser.
            llm: another model.
            tts: another synthesiser.
            vad: another detector.
            voice: another voice of the synthesiser.
            language: another language (BCP 47, such as `de`) of synthesiser, recogniser and
                wording.
            instructions: others for the agent that has the line.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: there is nothing to change, or a part cannot do it; nothing has changed.
            ProviderError, LinkError: a part cannot be prepared; nothing has changed.
        """
        conversation, old = self._live(), self.pipeline
        new = changed(old, stt=stt, llm=llm, tts=tts, vad=vad, voice=voice, language=language)
        what = differences(old, new)
        if instructions is not None:
            what = (*what, "instructions")
        if not what:
            msg = "change() was given nothing to change"
            raise UsageError(msg)
        wording = conversation.speech.wording
        if language is not None and wording is not None:
            wording = await asyncio.to_thread(wording.variant, language)
            await wording.prepare()
        fresh = [part for part in new.providers if part not in old.providers]
        await asyncio.gather(*(part.prepare() for part in fresh))
        self._require_open()
        conversation.replace_ears(stt=new.stt, vad=new.vad)
        # Nothing below can fail.
        self.pipeline = new
        self._switches.follow(new.providers)
        if new.llm is not old.llm:
            conversation.replace_llm(new.llm)
        if new.tts is not old.tts:
            conversation.speech.replace_tts(new.tts, wording)
        if instructions is not None:
            self.agent.instructions = instructions
        self._emitter.tell(PipelineChanged, what=what)

    def instructions_changed(self, agent: Agent) -> None:
        """An agent's instructions were set; those of the one that has the line count at once."""
        if agent is self.agent:
            self._history.set_instructions(agent.instructions)

    async def _hand_off(self, item: SpeechItem, value: ForSession) -> bool:
        """Do what a tool's value asks for; return whether somebody spoke."""
        if not isinstance(value, Agent):
            return False
        asked = self._live().speech.asked
        token = running_item.set(item)
        try:
            await self.update_agent(value)
        finally:
            running_item.reset(token)
        return self._live().speech.asked > asked

    def _took_line(self, agent: Agent) -> None:
        self._history.set_instructions(agent.instructions)
        self._servers.use(agent.mcp_servers)
        if self._conversation is not None:
            self._conversation.expect(guess_expectation(""))

    async def _turn_completed(self, text: str) -> None:
        await self._line.on_behalf_of_agent(lambda: self.agent.on_user_turn_completed(text))

    # Who has answered.

    def carrier_said(self, verdict: CarrierVerdict) -> None:
        """Tell the `voice_mail_detector` what the carrier says about who answered.

        It is told by itself of a call that was dialled with `detect_machine`. Nothing
        happens without a detector, or once that is done.
        """
        if self._conversation is not None and self._conversation.voicemail is not None:
            self._conversation.voicemail.carrier_said(verdict)

    async def _end_call(self, reason: str) -> None:
        """Hang up without a last word: there is nobody to hear it."""
        self._hangup_reason = reason
        if self._speech is not None:
            self._speech.ending = True
        if self._call is not None and self._call.ended is None:
            await self._call.hangup(reason)
        await self.close(reason)

    # The end.

    def _begin_hangup(self, reason: str) -> None:
        self._owner.start(self.hangup(reason), name="hangup")

    def _line_lost(self, reason: str) -> None:
        # The carrier takes the line away when we hang up, too.
        hung_up = self._hangup_reason
        self._begin_close(hung_up or _LEG_REASONS.get(reason, "link_lost"))

    async def _exit(self) -> None:
        """Let the agent say a last word, once."""
        if self._exited or self._leg is None:
            return
        self._exited = self._exiting = True
        try:
            await self._line.exit()
            if self._speech is not None:
                await self._speech.wait_said(HOOK_WITHIN)
        finally:
            self._exiting = False

    def _begin_close(self, reason: str) -> "asyncio.Task[None]":
        if self._closer is None:
            loop = asyncio.get_running_loop()
            self._closer = loop.create_task(self._close(reason), name=f"{self.id}/close")
        return self._closer

    async def _close(self, reason: str) -> None:
        self._status.close()
        if self._transfer is not None:
            await self._transfer.aclose()
        left = reason == "caller_hung_up"
        self._line.close(
            CallerHungUp("The caller hung up.") if left else TaskCancelled("The session has ended.")
        )
        if self._limit is not None:
            self._limit.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_TOLD_WITHIN):
                await self._line.wait_returned()
        conversation = self._conversation
        if conversation is not None:
            conversation.speech.queue.interrupt("closed", force=True)
            await self._exit()
            await conversation.aclose()
        if self._sound is not None:
            self._sound.close()
        self._switches.close()
        self._meter.close()
        self._answers.close()
        self._concealment.close()
        if self._recording is not None:
            self._recording.close()
        self._emitter.tell(SessionClosedEvent, reason=reason)
        await self._emitter.drain()
        if self._journal is not None:
            await self._journal.finish(reason)
        await self._servers.aclose()
        await self._owner.aclose()
        if not self._closed.done():
            self._closed.set_result(reason)

    # Guards.

    @property
    def _speech(self) -> Speech | None:
        return self._conversation.speech if self._conversation is not None else None

    def _require_open(self) -> None:
        if self.closed and not self._exiting:
            msg = "the session is closed"
            raise SessionClosed(msg)

    def _live(self) -> Conversation:
        self._require_open()
        return self._started()

    def _started(self) -> Conversation:
        if self._conversation is None:
            msg = "the session is not started; call start() first"
            raise SessionClosed(msg)
        return self._conversation

    def _task_failed(self, name: str, error: BaseException) -> None:
        _log.error("%s failed", name, exc_info=error)
        self._emitter.tell_error("session", "internal", type(error).__name__)

    async def _unless_closed(self, work: Awaitable[None]) -> None:
        """Await the program's hook; it is dropped when the session ends first."""
        task = asyncio.ensure_future(work)
        waits: set[asyncio.Future[Any]] = {task, self._closed}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


def _as_audio(
    audio: bytes | Sound | Iterable[bytes] | AsyncIterable[bytes] | None, rate: int
) -> bytes | AsyncIterable[bytes] | None:
    if audio is None or isinstance(audio, (bytes, AsyncIterable)):
        return audio
    return audio.pcm(rate) if isinstance(audio, Sound) else b"".join(audio)

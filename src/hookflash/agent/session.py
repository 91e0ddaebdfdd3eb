"""An agent's session: it runs one agent on one call.

The session owns the conversation. Its ears (`pipeline.ears`) say when the caller's turn is over
and when the agent must hush; what is to be said queues in one place (`agent.speech_queue`); its
voice (`pipeline.voice`) says it; and its history holds what was heard. No lock is held anywhere
while a model, a tool or the caller is waited for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast, overload

from hookflash.agent.emitter import Emitter, Handler
from hookflash.agent.history import History
from hookflash.agent.speech_queue import SpeechItem, SpeechQueue
from hookflash.agent.tools import (
    AnyTool,
    StopResponse,
    ToolContext,
    ToolResult,
    find_tools,
    tools_by_name,
)
from hookflash.agent.utterance import UtteranceHandle
from hookflash.calls.call import Call
from hookflash.errors import (
    HookflashError,
    LegClosed,
    LinkTimeout,
    ProviderError,
    SessionClosed,
    UsageError,
)
from hookflash.events import Record
from hookflash.events.idle import Activity, BusyChanged, IdleCommand, IdleEvent, IdleStopped
from hookflash.events.session import (
    AgentState,
    AgentStateChanged,
    DtmfReceived,
    ErrorOccurred,
    FalseInterruption,
    LineSilent,
    SessionClosedEvent,
    SessionRecord,
    SessionStarted,
    SpeechInterrupted,
    ToolFinished,
    ToolStarted,
    TurnCompleted,
    TurnMetrics,
    UserState,
    UserStateChanged,
    UserTranscription,
    UtteranceBegan,
    UtteranceSpoken,
)
from hookflash.events.turn import (
    AgentSpeechEnded,
    AgentSpeechStarted,
    AgentThinking,
    EndTurn,
    ExpectationSet,
    Trouble,
    TurnEndReason,
)
from hookflash.ids import SessionId
from hookflash.legs.base import Leg
from hookflash.machines.digits import DigitsConfig
from hookflash.machines.idle import IdleConfig, IdleMachine
from hookflash.machines.turn import TurnConfig
from hookflash.pipeline.ears import Ears
from hookflash.pipeline.expectation import guess_expectation
from hookflash.pipeline.pipeline import Pipeline
from hookflash.pipeline.voice import Speaking, Voice
from hookflash.providers.base import TextDelta, ToolCallReady
from hookflash.providers.chat import (
    ChatContext,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
    ToolSchema,
)
from hookflash.runtime import clock
from hookflash.runtime.chance import new_id
from hookflash.runtime.driver import Driver
from hookflash.runtime.tasks import TaskOwner

__all__ = ["KEYPAD", "Agent", "AgentSession", "RunContext", "SessionOptions"]

_log = logging.getLogger("hookflash.agent")

UserDataT = TypeVar("UserDataT")
RecordT = TypeVar("RecordT", bound=Record)
HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[None] | None])

KEYPAD = "Keypad: "
"""How a keyed number begins in the caller's words, for the model."""

_HOOK_WITHIN = 5.0
_running: ContextVar[SpeechItem | None] = ContextVar("hookflash_running", default=None)

_LEG_REASONS: Mapping[str, str] = {
    "peer_stopped": "caller_hung_up",
    "peer_closed": "caller_hung_up",
    "we_closed": "hangup",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session behaves.

    Attributes:
        turn: when the caller's turn is over, and when the agent hushes.
        digits: when a keyed number is complete.
        apology: said when the model or a synthesiser failed and nothing else was said.
        not_understood: said when there was speech but no words came of it.
        llm_within: seconds within which the model's next piece must come; a cold local model may
            need more.
        tts_within: seconds within which a sentence's next audio must come.
        max_tool_steps: rounds of tool calls in one reply, before the model must speak.
        hangup_within: seconds that `hangup` waits for what is being said to be heard.
    """

    turn: TurnConfig = field(default_factory=TurnConfig)
    digits: DigitsConfig = field(default_factory=DigitsConfig)
    apology: str = "Sorry, something went wrong on my side. Could you say that again?"
    not_understood: str = "Sorry, I didn't catch that. Could you say it again?"
    llm_within: float = 10.0
    tts_within: float = 5.0
    max_tool_steps: int = 5
    hangup_within: float = 15.0


class Agent:
    """Instructions, tools and hooks. Subclass it; methods marked `@function_tool` are its tools.

    Attributes:
        instructions: what the model is told about its part.
    """

    def __init__(self, instructions: str = "", tools: Iterable[AnyTool] = ()) -> None:
        """Take instructions, and tools besides the methods marked as such.

        Raises:
            UsageError: two tools have the same name.
        """
        self.instructions = instructions
        self.tools: dict[str, AnyTool] = tools_by_name((*find_tools(self).values(), *tools))
        self._session: AgentSession[Any] | None = None

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

    def join(self, session: "AgentSession[Any]") -> None:
        """A session takes the agent."""
        self._session = session

    async def on_enter(self) -> None:
        """The agent has the line. Say the greeting here."""

    async def on_exit(self) -> None:
        """The agent is about to lose the line; a live leg still speaks."""

    async def on_user_turn_completed(self, text: str) -> None:
        """The caller has finished a turn; the reply begins when this returns.

        Raise `StopResponse` to give no reply.
        """


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


@dataclass(slots=True)
class _Turn:
    """The caller's turn that is being answered, and when things happened."""

    id: str
    ended: float
    speech_ended: float | None
    first_text: float | None = None
    tts_first_audio: float | None = None
    measured: bool = False


@dataclass(slots=True)
class _Round:
    """What one request to the model gave."""

    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    spoke: bool = False
    failed: HookflashError | None = None


class AgentSession(Generic[UserDataT]):
    """Runs one agent on one call. Made inside a running loop.

    `say` and `reply` return a handle at once; await it to wait until it was heard. They work
    everywhere, also in tools and hooks.
    """

    def __init__(
        self,
        agent: Agent,
        pipeline: Pipeline,
        *,
        wake_up: float | None = None,
        options: SessionOptions | None = None,
        userdata: UserDataT | None = None,
    ) -> None:
        """Bring an agent and a pipeline together; nothing runs yet.

        Args:
            agent: who speaks.
            pipeline: its ears, mind and voice; may serve other sessions too.
            wake_up: seconds of silence after which `on_wake_up` is called; None never does.
            options: how it behaves.
            userdata: the program's own data, for tools (`RunContext.userdata`).
        """
        self.id = SessionId(new_id("session"))
        self.agent = agent
        self.pipeline = pipeline
        self.options = options or SessionOptions()
        self.on_wake_up: Callable[[], Awaitable[None] | None] | None = None
        """Called when nobody was heard for `wake_up` seconds, and again after each further."""
        self._userdata = userdata
        self._wake_up = wake_up
        self._idle: Driver[IdleEvent, IdleCommand] | None = None
        self._made = clock.now()
        self._sequence = 0
        self._history = History()
        self._emitter = Emitter(self._handler_failed)
        self._owner = TaskOwner(self.id, on_error=self._task_failed)
        self._queue = SpeechQueue()
        self._call: Call | None = None
        self._leg: Leg | None = None
        self._ears: Ears | None = None
        self._voice: Voice | None = None
        self._apology: bytes | None = None
        self._audible: dict[Speaking, SpeechItem] = {}
        self._speakings: set[asyncio.Task[None]] = set()
        self._says: set[UtteranceHandle] = set()
        self._turn: _Turn | None = None
        self._thinking = 0
        self._tools_running = 0
        self._caller_speaking = False
        self._busy_with: set[str] = set()
        self._agent_state = AgentState.STARTING
        self._user_state = UserState.IDLE
        self._ending = False
        self._closer: asyncio.Task[None] | None = None
        self._closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        agent.join(self)
        self._history.set_instructions(agent.instructions)

    # State.

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

    @property
    def agent_state(self) -> AgentState:
        """What the agent is at."""
        return self._agent_state

    @property
    def user_state(self) -> UserState:
        """What the caller is at."""
        return self._user_state

    @property
    def current_utterance(self) -> UtteranceHandle | None:
        """What is being said or thought about."""
        current = self._queue.current
        return current.handle if current is not None else None

    @property
    def closed(self) -> bool:
        """Whether the session is over, or closing."""
        return self._closer is not None

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

    # Life.

    async def start(self, call: Call | Leg, *, run_until_shutdown: bool = False) -> None:
        """Answer the call and let the agent have it.

        Returns when the agent's `on_enter` has returned, or, with `run_until_shutdown`, when the
        session is over.

        Args:
            call: an inbound call (it is answered), an outbound one (its answer is waited for), or
                a bare leg.
            run_until_shutdown: wait for the end.

        Raises:
            CallNotAnswered: the call ended before it was answered.
            MissingExtra: a provider's package is not installed.
            ProviderError: a provider cannot work as configured.
            UsageError: the session was started before.
            SessionClosed: it is over.
        """
        self._require_open()
        if self._call is not None:
            msg = "this session was started already; make another"
            raise UsageError(msg)
        self._call = call if isinstance(call, Call) else Call.of_leg(call)
        await self.pipeline.prepare()
        leg = self._leg = await self._call.answer()
        self._emitter.start(self._owner)
        voice = self._voice = Voice(
            leg, self.pipeline.tts, first_audio_within=self.options.tts_within
        )
        if self.pipeline.tts is not None:
            self._owner.start(self._prepare_apology(voice), name="apology")
        self._ears = Ears(
            leg,
            self.pipeline,
            self,
            owner=self._owner,
            turn=self.options.turn,
            digits=self.options.digits,
            tape=self._call.tape,
        )
        self._ears.expect(guess_expectation(""), self._tool_schemas())
        leg.listen(self)
        idle = IdleConfig(wake_up=self._wake_up)
        self._idle = Driver(
            IdleMachine(idle), self._wake, name="idle", tape=self._call.tape, config=idle
        )
        self._idle.feed(Activity())
        self._owner.start(self._queue.run(), name="speech")
        self._emit(SessionStarted)
        self._refresh()
        try:
            await self._unless_closed(self.agent.on_enter())
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
        if not self._ending and not self.closed:
            self._ending = True
            await self._wait_said(self.options.hangup_within)
            if self._call is not None and self._call.ended is None:
                await self._call.hangup(reason)
        await self.close(reason)

    async def close(self, reason: str = "closed") -> None:
        """End the session; the call stays as it is. Idempotent; waits until all has ended.

        Afterwards `say` and `reply` raise `SessionClosed`, and the history stays readable.
        """
        await asyncio.shield(self._begin_close(reason))

    def _begin_close(self, reason: str) -> "asyncio.Task[None]":
        if self._closer is None:
            loop = asyncio.get_running_loop()
            self._closer = loop.create_task(self._close(reason), name=f"{self.id}/close")
        return self._closer

    async def _close(self, reason: str) -> None:
        self._refresh()
        if self._leg is not None:
            await self._run_hook(self.agent.on_exit(), "on_exit")
        if self._idle is not None:
            self._idle.feed(IdleStopped())
            self._idle.close()
        if self._ears is not None:
            await self._ears.aclose()
        if self._leg is not None:
            self._leg.unlisten(self)
        self._queue.interrupt("closed", force=True)
        for call in self._history.open_calls():
            self._answer_call(call, ToolResult(output="The call ended.", is_error=True))
        # What was being said settles into the history before its tasks are ended.
        if self._speakings:
            await asyncio.wait(self._speakings, timeout=1.0)
        self._emit(SessionClosedEvent, reason=reason)
        await self._emitter.drain()
        await self._owner.aclose()
        if not self._closed.done():
            self._closed.set_result(reason)

    # Speech.

    def say(
        self,
        message: str,
        *,
        interruptible: bool = True,
        audio: bytes | None = None,
        add_to_chat_context: bool = True,
    ) -> UtteranceHandle:
        """Say something; return its handle at once.

        It queues behind what is being said. In a tool it is spoken now.

        Args:
            message: plain text.
            interruptible: whether the caller may cut it short.
            audio: ready-made PCM16 at the leg's sample rate, instead of synthesis.
            add_to_chat_context: whether it goes into the history.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: there is neither a synthesiser nor audio.
        """
        self._require_open()
        voice = self._require_voice(audio)
        handle = UtteranceHandle(new_id("utterance"), interruptible=interruptible)

        async def work(item: SpeechItem) -> None:
            self._expect(message)
            speaking = self._begin_speaking(item, voice, audio=audio, keep=add_to_chat_context)
            speaking.push(message)
            speaking.finish()
            await self._settled(item)

        self._says.add(handle)
        handle.add_done_callback(self._says.discard)
        self._enqueue(SpeechItem(handle, work))
        return handle

    def reply(
        self,
        instructions: str | None = None,
        *,
        user_input: str | None = None,
        tool_choice: str | None = None,
        interruptible: bool = True,
    ) -> UtteranceHandle:
        """Let the model say something; return the handle of the reply at once.

        Args:
            instructions: for this reply alone; they do not enter the history.
            user_input: words that count as the caller's; they do enter it.
            tool_choice: `auto`, `none`, `required` or a tool's name, for the first request.
            interruptible: whether the caller may cut it short.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: there is no language model, or no synthesiser.
        """
        self._require_open()
        self._require_voice(None)
        if self.pipeline.llm is None:
            msg = "reply() needs a language model: Pipeline(llm=...)"
            raise UsageError(msg)
        if user_input is not None:
            self._history.add(ChatMessage(role=ChatRole.USER, text=user_input))
        handle = UtteranceHandle(new_id("reply"), interruptible=interruptible)
        turn = self._turn

        async def work(item: SpeechItem) -> None:
            await self._answer(item, turn, instructions, tool_choice)

        self._enqueue(SpeechItem(handle, work))
        return handle

    def interrupt(self, force: bool = False) -> bool:
        """Cut short what is being said and drop what waits; return whether there was anything.

        Args:
            force: also what is not interruptible.
        """
        return self._interrupt("program", force=force)

    async def wait_for_playout(self) -> None:
        """Wait until what has been said so far was heard."""
        if self._speakings:
            await asyncio.wait(set(self._speakings))

    def expect(self, expectation: ExpectationSet) -> None:
        """Say what kind of answer comes next, where the agent's words do not show it."""
        if self._ears is not None:
            self._ears.expect(expectation, self._tool_schemas())

    async def send_dtmf(self, digits: str) -> None:
        """Press keys, after what is queued to be said; return when they were played.

        Raises:
            SessionClosed: the session is over, or was not started.
            UsageError: a character that no key has.
        """
        self._require_open()
        if self._leg is None:
            msg = "the session has no leg yet"
            raise SessionClosed(msg)
        await self._leg.send_dtmf(digits)

    # From the ears.

    def turn_ended(self, turn: EndTurn) -> None:
        """The caller's turn is over."""
        self._turn_over(turn.text, turn.reason, turn.speech_ended_at)

    def number_keyed(self, digits: str) -> None:
        """The caller has keyed a number: a turn of its own."""
        self._interrupt("keys")
        self._turn_over(f"{KEYPAD}{digits}", "keypad", None)

    def digit_keyed(self, digit: str) -> None:
        """The caller pressed one key."""
        self._stir()
        self._emit(DtmfReceived, digit=digit)

    def caller_speaking(self, speaking: bool) -> None:
        """The caller began to speak, or stopped."""
        self._caller_speaking = speaking
        self._refresh()

    def words_heard(self, text: str, final: bool) -> None:
        """The recogniser has words."""
        self._stir()
        self._emit(UserTranscription, text=text, final=final)

    def interrupted(self, reason: str) -> None:
        """The caller has taken the turn."""
        self._interrupt(reason)

    def speech_resumed(self) -> None:
        """It was no interruption."""
        self._emit(FalseInterruption)

    def not_understood(self, trouble: Trouble) -> None:
        """There was speech without words: say so, unless something is being said anyway."""
        self._report_error("stt", trouble.value, "speech without words", recoverable=True)
        if self._queue.current is None and not self._ending and not self.closed:
            self.say(self.options.not_understood)

    def ear_failed(self, source: str, error: HookflashError, recoverable: bool) -> None:
        """The detector or the recogniser failed."""
        self._report_error(source, error.reason, str(error), recoverable=recoverable)
        if self.closed or self._ending or self._leg is None or self._leg.closed:
            return
        self._apologise()
        if not recoverable:
            self._owner.start(self.hangup("error"), name="hangup")

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The ears take it."""

    def digit_received(self, digit: str, at: float) -> None:
        """The ears take it."""

    def leg_closed(self, reason: str) -> None:
        """The line is gone."""
        self._begin_close(_LEG_REASONS.get(reason, "link_lost"))

    # Turns.

    def _turn_over(self, text: str, reason: str, speech_ended: float | None) -> None:
        turn = self._turn = _Turn(new_id("turn"), clock.now(), speech_ended)
        self._emit(TurnCompleted, text=text, reason=str(reason))
        self._history.add(ChatMessage(role=ChatRole.USER, text=text))
        gone = reason == TurnEndReason.LEFT or self._leg is None or self._leg.closed
        mute = self._voice is None or self._voice.tts is None or self.pipeline.llm is None
        if gone or mute or self._ending or self.closed:
            return

        async def work(item: SpeechItem) -> None:
            if await self._run_hook(self.agent.on_user_turn_completed(text), "turn"):
                await self._answer(item, turn, None, None)

        handle = UtteranceHandle(new_id("reply"), interruptible=True)
        self._enqueue(SpeechItem(handle, work))

    async def _answer(
        self,
        item: SpeechItem,
        turn: _Turn | None,
        instructions: str | None,
        tool_choice: str | None,
    ) -> None:
        """Ask the model, say what it says, run what it asks for, and again."""
        self._think(+1)
        try:
            for step in range(self.options.max_tool_steps + 1):
                last = step == self.options.max_tool_steps
                choice = "none" if last else tool_choice if step == 0 else None
                done = await item.unless_stopped(self._round(item, turn, instructions, choice))
                if done is None:
                    break
                if done.failed is not None:
                    item.handle.fail(done.failed)
                    self._apologise(item)
                    break
                if not done.calls:
                    break
                if not await self._run_tools(item, done.calls):
                    break
        finally:
            self._think(-1)
        await self._settled(item)

    async def _round(
        self,
        item: SpeechItem,
        turn: _Turn | None,
        instructions: str | None,
        tool_choice: str | None,
    ) -> _Round:
        """One request: its words are said as they come, its tool calls are returned."""
        llm, voice = self.pipeline.llm, self._voice
        assert llm is not None
        assert voice is not None
        done = _Round()
        speaking: Speaking | None = None
        within = self.options.llm_within
        context = self._history.for_model(instructions)
        try:
            stream = llm.chat(context, tools=self._tool_schemas(), tool_choice=tool_choice)
            async with aclosing(stream) as chunks:
                while True:
                    async with asyncio.timeout(within):
                        chunk = await anext(chunks, None)
                    match chunk:
                        case None:
                            break
                        case TextDelta():
                            if turn is not None and turn.first_text is None:
                                turn.first_text = clock.now()
                            if speaking is None:
                                speaking = self._begin_speaking(item, voice, turn=turn)
                            speaking.push(chunk.text)
                        case ToolCallReady():
                            done.calls.append(chunk.call)
                        case _:
                            pass
            if speaking is None and not done.calls:
                msg = "the model gave neither words nor a tool call"
                raise ProviderError(msg, retryable=True)
        except TimeoutError:
            done.failed = LinkTimeout(f"the model gave nothing for {within:.1f} s")
        except LegClosed:
            done.failed = None
        except HookflashError as exc:
            done.failed = exc
        except Exception as exc:  # noqa: BLE001  # a provider's bug: the caller must hear something
            _log.exception("the language model's provider raised")
            done.failed = ProviderError(f"{type(exc).__name__} in the model's provider")
            done.failed.__cause__ = exc
        if done.failed is not None:
            self._report_error("llm", done.failed.reason, str(done.failed), recoverable=True)
        if speaking is not None:
            done.spoke = True
            speaking.finish(drop_unfinished=done.failed is not None)
            self._expect(speaking.said)
        return done

    def _apologise(self, parent: SpeechItem | None = None) -> None:
        """Say that something went wrong, from ready-made audio if there is some."""
        if self.closed or self._ending or (self._apology is None and self.pipeline.tts is None):
            return
        token = _running.set(parent)
        try:
            self.say(self.options.apology, audio=self._apology)
        finally:
            _running.reset(token)

    async def _prepare_apology(self, voice: Voice) -> None:
        """Have the apology ready, so that it can be said when the synthesiser cannot."""
        try:
            self._apology = await voice.render_once(self.options.apology)
        except HookflashError as exc:
            self._report_error("tts", exc.reason, str(exc), recoverable=True)

    # Tools.

    def _tool_schemas(self) -> Sequence[ToolSchema]:
        return [tool.schema for tool in self.agent.tools.values()]

    async def _run_tools(self, item: SpeechItem, calls: Sequence[ToolCall]) -> bool:
        """Run the calls side by side; answer each exactly once. False: no further round."""
        for call in calls:
            self._history.add(call)
        self._tools_running += 1
        self._refresh()
        try:
            results = await asyncio.gather(*(self._run_tool(item, call) for call in calls))
        finally:
            self._tools_running -= 1
            self._refresh()
        stopped = item.stopped is not None or self._ending or self.closed
        return not stopped and not all(result.stop for result in results)

    async def _run_tool(self, item: SpeechItem, call: ToolCall) -> ToolResult:
        tool = self.agent.tools.get(call.tool)
        began = clock.now()
        self._emit(ToolStarted, tool=call.tool, call_id=call.call_id)
        if tool is None:
            known = ", ".join(self.agent.tools) or "none"
            text = f"There is no tool of that name. The tools are: {known}."
            result = ToolResult(output=text, is_error=True)
        else:
            context = RunContext(call, self, item.handle)
            token = _running.set(item)
            try:
                result = await tool.call(call.arguments, context)
            finally:
                _running.reset(token)
        self._answer_call(call, result)
        if result.error is not None:
            kind = type(result.error).__name__
            self._report_error("tool", "tool_failed", f"{call.tool}: {kind}", recoverable=True)
        self._emit(
            ToolFinished,
            tool=call.tool,
            call_id=call.call_id,
            is_error=result.is_error,
            seconds=clock.now() - began,
        )
        return result

    def _answer_call(self, call: ToolCall, result: ToolResult) -> None:
        if any(open_call.call_id == call.call_id for open_call in self._history.open_calls()):
            self._history.add(
                ToolOutput(
                    call_id=call.call_id,
                    tool=call.tool,
                    output=result.output,
                    is_error=result.is_error,
                )
            )

    # Speaking.

    def _enqueue(self, item: SpeechItem) -> None:
        parent = _running.get()
        if parent is None or parent.stopped is not None or parent.handle.done():
            self._queue.add(item)
            return
        # A child of the running item: it speaks now, and ends with its parent.
        parent.when_stopped(lambda: item.stop(parent.stopped or "parent"))
        parent.adopt(self._owner.start(item.run(), name=f"child {item.handle.id}"))

    def _begin_speaking(
        self,
        item: SpeechItem,
        voice: Voice,
        *,
        turn: _Turn | None = None,
        audio: bytes | None = None,
        keep: bool = True,
    ) -> Speaking:
        def begun() -> None:
            self._audible_now(speaking, item, turn)

        speaking = voice.begin(self._owner, on_begin=begun, audio=audio)
        place = (
            self._history.keep_place(lambda: speaking.said, lambda: speaking.heard)
            if keep
            else None
        )
        item.when_stopped(speaking.stop)

        async def settle() -> None:
            spoken = await speaking.spoken()
            if place is not None:
                self._history.settle(place, spoken.heard, interrupted=spoken.played.interrupted)
            item.handle.heard(spoken.heard)
            if spoken.played.interrupted:
                item.handle.cut()
            self._silent_now(speaking)
            self._emit(
                UtteranceSpoken,
                utterance=item.handle.id,
                said=spoken.said,
                heard=spoken.heard,
                played_ms=spoken.played.played_ms,
                interrupted=spoken.played.interrupted,
            )
            if spoken.error is not None:
                item.handle.fail(spoken.error)
                self._report_error("tts", spoken.error.reason, str(spoken.error), recoverable=True)
                if audio is None and self._apology is not None:
                    self._apologise()

        task = self._owner.start(settle(), name=f"settle {item.handle.id}")
        self._speakings.add(task)
        task.add_done_callback(self._speakings.discard)
        item.adopt(task)
        return speaking

    async def _settled(self, item: SpeechItem) -> None:
        """Wait until everything that the item said, and its children, are over."""
        while item.adopted:
            await asyncio.wait(set(item.adopted))

    async def _wait_said(self, within: float) -> None:
        """Wait until what was asked to be said was heard."""
        deadline = clock.now() + within
        while self._says or self._speakings:
            waits: set[asyncio.Future[Any]] = set(self._speakings)
            waits |= {asyncio.ensure_future(handle.wait()) for handle in self._says}
            left = deadline - clock.now()
            if left <= 0 or (self._leg is not None and self._leg.closed):
                return
            await asyncio.wait(waits, timeout=left)

    def _audible_now(self, speaking: Speaking, item: SpeechItem, turn: _Turn | None) -> None:
        first = not self._audible
        self._audible[speaking] = item
        if self._ears is not None and first:
            self._ears.tell(AgentThinking(active=False))
            self._ears.tell(AgentSpeechStarted(interruptible=item.handle.interruptible))
        self._emit(UtteranceBegan, utterance=item.handle.id)
        if turn is not None and not turn.measured:
            turn.measured = True
            self._emit_metrics(turn, speaking)
        self._refresh()

    def _silent_now(self, speaking: Speaking) -> None:
        self._audible.pop(speaking, None)
        if self._ears is not None and not self._audible:
            self._ears.tell(AgentSpeechEnded())
            if self._thinking:
                self._ears.tell(AgentThinking(active=True))
        self._refresh()

    def _think(self, change: int) -> None:
        self._thinking += change
        if self._ears is not None and not self._audible:
            self._ears.tell(AgentThinking(active=self._thinking > 0))
        self._refresh()

    def _interrupt(self, reason: str, *, force: bool = False) -> bool:
        hit = self._queue.interrupt(reason, force=force)
        if self._leg is not None:
            # What may not be interrupted goes on, if the caller's voice had paused it.
            self._leg.resume()
        if hit:
            self._emit(SpeechInterrupted, reason=reason)
        return hit

    def _expect(self, words: str) -> None:
        self.expect(guess_expectation(words))

    # Telling.

    def _emit(self, kind: type[SessionRecord], **fields: Any) -> None:
        self._sequence += 1
        turn = self._turn.id if self._turn is not None else ""
        at = clock.now() - self._made
        self._emitter.emit(kind(sequence=self._sequence, at=at, turn=turn, **fields))

    def _emit_metrics(self, turn: _Turn, speaking: Speaking) -> None:
        now = clock.now()
        began = turn.speech_ended
        self._emit(
            TurnMetrics,
            latency=None if began is None else now - began,
            endpointing=None if began is None else turn.ended - began,
            llm_first_text=None if turn.first_text is None else turn.first_text - turn.ended,
            tts_first_audio=speaking.first_audio_after,
        )

    def _report_error(self, source: str, reason: str, message: str, *, recoverable: bool) -> None:
        _log.warning("%s: %s (%s)", source, reason, message)
        self._emit(
            ErrorOccurred, source=source, reason=reason, message=message, recoverable=recoverable
        )

    def _handler_failed(self, kind: str) -> None:
        self._report_error("handler", "handler_failed", kind, recoverable=True)

    def _task_failed(self, name: str, error: BaseException) -> None:
        _log.error("%s failed", name, exc_info=error)
        self._report_error("session", "internal", type(error).__name__, recoverable=True)

    def _refresh(self) -> None:
        """Work out both states from what goes on, and tell of changes."""
        agent = self._derived_agent_state()
        if agent is not self._agent_state:
            old, self._agent_state = self._agent_state, agent
            self._emit(AgentStateChanged, old=old, new=agent)
        user = (
            UserState.SPEAKING
            if self._caller_speaking
            else UserState.LISTENING
            if self._audible
            else UserState.IDLE
        )
        if user is not self._user_state:
            before, self._user_state = self._user_state, user
            self._emit(UserStateChanged, old=before, new=user)

        self._busy("agent_speaking", bool(self._audible))
        self._busy("thinking", self._thinking > 0)
        self._busy("tool", self._tools_running > 0)
        self._busy("caller_speaking", self._caller_speaking)

    def _busy(self, why: str, busy: bool) -> None:
        if self._idle is not None and busy != (why in self._busy_with):
            self._busy_with ^= {why}
            self._idle.feed(BusyChanged(why=why, busy=busy))

    def _stir(self) -> None:
        """Somebody was heard: the count of silence begins anew."""
        if self._idle is not None:
            self._idle.feed(Activity())

    def _wake(self, command: IdleCommand) -> None:
        self._emit(LineSilent, count=command.count)
        if self.on_wake_up is not None:
            pending = self.on_wake_up()
            if pending is not None:
                self._owner.start(self._run_hook(pending, "on_wake_up"), name="on_wake_up")

    def _derived_agent_state(self) -> AgentState:
        if self.closed:
            return AgentState.CLOSING
        if self._audible:
            return AgentState.SPEAKING
        if self._tools_running:
            return AgentState.TOOL_RUNNING
        if self._thinking:
            return AgentState.THINKING
        return AgentState.LISTENING if self._caller_speaking else AgentState.IDLE

    # Guards.

    def _require_open(self) -> None:
        if self.closed:
            msg = "the session is closed"
            raise SessionClosed(msg)

    def _require_voice(self, audio: bytes | None) -> Voice:
        if self._voice is None:
            msg = "the session is not started; call start() first"
            raise SessionClosed(msg)
        if self._voice.tts is None and audio is None:
            msg = "there is no synthesiser: give Pipeline(tts=...), or audio"
            raise UsageError(msg)
        return self._voice

    async def _run_hook(self, hook: Awaitable[None], name: str) -> bool:
        """Run a hook of the agent's; its failure is an event. False: it wants no reply."""
        from_hook = asyncio.ensure_future(hook)
        await asyncio.wait([from_hook], timeout=_HOOK_WITHIN if name == "on_exit" else None)
        if not from_hook.done():
            from_hook.cancel()
            await asyncio.wait([from_hook])
        if from_hook.cancelled():
            return False
        error = from_hook.exception()
        if error is None:
            return True
        if not isinstance(error, StopResponse):
            self._report_error(
                "hook", "hook_failed", f"{name}: {type(error).__name__}", recoverable=True
            )
            _log.error("%s raised", name, exc_info=error)
            return True
        return False

    async def _unless_closed(self, work: Awaitable[None]) -> None:
        """Await the program's hook; it is dropped when the session ends first."""
        task = asyncio.ensure_future(work)
        waits: set[asyncio.Future[Any]] = {task, self._closed}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

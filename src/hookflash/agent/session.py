"""An agent's session: it runs one agent on one call.

The session owns the conversation. Its ears (`pipeline.ears`) say when the caller's turn is over
and when the agent must hush; everything that is said queues in one place (`agent.speech`); replies
are thought of in `agent.replies`; and the history holds what was heard. No lock is held anywhere
while a model, a tool or the caller is waited for.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast, overload

from hookflash.agent.emitter import Emitter, Handler
from hookflash.agent.history import History
from hookflash.agent.options import SessionOptions
from hookflash.agent.replies import Replies
from hookflash.agent.speech import AnsweredTurn, Speech
from hookflash.agent.speech_queue import SpeechItem
from hookflash.agent.status import Status
from hookflash.agent.tools import AnyTool, StopResponse, ToolContext, find_tools, tools_by_name
from hookflash.agent.utterance import UtteranceHandle
from hookflash.calls.call import Call
from hookflash.errors import HookflashError, SessionClosed, UsageError
from hookflash.events import Record
from hookflash.events.idle import IdleCommand
from hookflash.events.session import (
    AgentState,
    DtmfReceived,
    FalseInterruption,
    LineSilent,
    SessionClosedEvent,
    SessionStarted,
    TurnCompleted,
    UserState,
    UserTranscription,
)
from hookflash.events.turn import EndTurn, ExpectationSet, Trouble, TurnEndReason
from hookflash.ids import SessionId
from hookflash.legs.base import Leg
from hookflash.pipeline.ears import Ears
from hookflash.pipeline.expectation import guess_expectation
from hookflash.pipeline.pipeline import Pipeline
from hookflash.providers.chat import ChatContext, ChatMessage, ChatRole, ToolCall, ToolSchema
from hookflash.runtime import clock
from hookflash.runtime.chance import new_id
from hookflash.runtime.tasks import TaskOwner

__all__ = ["KEYPAD", "Agent", "AgentSession", "RunContext"]

_log = logging.getLogger("hookflash.agent")

UserDataT = TypeVar("UserDataT")
RecordT = TypeVar("RecordT", bound=Record)
HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[None] | None])

KEYPAD = "Keypad: "
"""How a keyed number begins in the caller's words, for the model."""

_HOOK_WITHIN = 5.0

_LEG_REASONS: Mapping[str, str] = {
    "peer_stopped": "caller_hung_up",
    "peer_closed": "caller_hung_up",
    "we_closed": "hangup",
}


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
        """The session ends. Nothing more can be said from here."""

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
        self._emitter = Emitter()
        self._history = History()
        self._status = Status(self._emitter)
        self._owner = TaskOwner(self.id, on_error=self._task_failed)
        self._call: Call | None = None
        self._leg: Leg | None = None
        self._ears: Ears | None = None
        self._speech: Speech | None = None
        self._replies: Replies | None = None
        self._turn: AnsweredTurn | None = None
        self._hangup_reason: str | None = None
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
        return self._status.agent

    @property
    def user_state(self) -> UserState:
        """What the caller is at."""
        return self._status.user

    @property
    def current_utterance(self) -> UtteranceHandle | None:
        """What is being said or thought about."""
        current = self._speech.queue.current if self._speech is not None else None
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
        ears = self._ears = Ears(
            leg,
            self.pipeline,
            self,
            owner=self._owner,
            turn=self.options.turn,
            digits=self.options.digits,
            tape=self._call.tape,
        )
        speech = self._speech = Speech(
            leg,
            self.pipeline.tts,
            ears,
            history=self._history,
            status=self._status,
            emitter=self._emitter,
            owner=self._owner,
            options=self.options,
            tools=self._tool_schemas,
        )
        if self.pipeline.llm is not None:
            self._replies = Replies(
                self.pipeline.llm,
                speech,
                tools=lambda: self.agent.tools,
                make_context=lambda call, handle: RunContext(call, self, handle),
                history=self._history,
                status=self._status,
                emitter=self._emitter,
                options=self.options,
            )
        ears.expect(guess_expectation(""), self._tool_schemas())
        leg.listen(self)
        self._status.watch_silence(self._wake_up, self._wake, self._call.tape)
        self._emitter.tell(SessionStarted)
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
        speech = self._speech
        if speech is not None and not speech.ending and not self.closed:
            speech.ending = True
            self._hangup_reason = reason
            await speech.wait_said(self.options.hangup_within)
        if self._call is not None and self._call.ended is None and not self.closed:
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
        self._status.begin("closing")
        self._status.close()
        if self._leg is not None:
            await self._run_hook(self.agent.on_exit(), within=_HOOK_WITHIN)
            self._leg.unlisten(self)
        if self._ears is not None:
            await self._ears.aclose()
        if self._speech is not None:
            self._speech.queue.interrupt("closed", force=True)
        if self._replies is not None:
            self._replies.close()
        if self._speech is not None:
            # What was being said settles into the history before its tasks are ended.
            await self._speech.wait_heard(timeout=1.0)
        self._emitter.tell(SessionClosedEvent, reason=reason)
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
        return self._live_speech().say(
            message, interruptible=interruptible, audio=audio, keep=add_to_chat_context
        )

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
        speech = self._live_speech()
        speech.require_voice()
        replies, turn = self._replies, self._turn
        if replies is None:
            msg = "reply() needs a language model: Pipeline(llm=...)"
            raise UsageError(msg)
        if user_input is not None:
            self._history.add(ChatMessage(role=ChatRole.USER, text=user_input))

        async def work(item: SpeechItem) -> None:
            await replies.answer(item, turn, instructions=instructions, tool_choice=tool_choice)

        handle = UtteranceHandle(new_id("reply"), interruptible=interruptible)
        speech.enqueue(SpeechItem(handle, work))
        return handle

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
        self.interrupted("keys")
        self._turn_over(f"{KEYPAD}{digits}", "keypad", None)

    def digit_keyed(self, digit: str) -> None:
        """The caller pressed one key."""
        self._status.stir()
        self._emitter.tell(DtmfReceived, digit=digit)

    def caller_speaking(self, speaking: bool) -> None:
        """The caller began to speak, or stopped."""
        (self._status.begin if speaking else self._status.end)("caller_speaking")

    def words_heard(self, text: str, final: bool) -> None:
        """The recogniser has words."""
        self._status.stir()
        self._emitter.tell(UserTranscription, text=text, final=final)

    def interrupted(self, reason: str) -> None:
        """The caller has taken the turn."""
        if self._speech is not None:
            self._speech.interrupt(reason)

    def speech_resumed(self) -> None:
        """It was no interruption."""
        self._emitter.tell(FalseInterruption)

    def not_understood(self, trouble: Trouble) -> None:
        """There was speech without words: say so, unless something is being said anyway."""
        self._emitter.tell_error("stt", trouble.value, "speech without words")
        speech = self._speech
        if speech is None or speech.mute or speech.ending or self.closed:
            return
        if speech.queue.current is None:
            speech.say(self.options.not_understood)

    def ear_failed(self, source: str, error: HookflashError, recoverable: bool) -> None:
        """The detector or the recogniser failed."""
        self._emitter.tell_error(source, error.reason, str(error), recoverable=recoverable)
        if self._speech is None or self._speech.ending or self.closed:
            return
        self._speech.apologise()
        if not recoverable:
            self._owner.start(self.hangup("error"), name="hangup")

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The ears take it."""

    def digit_received(self, digit: str, at: float) -> None:
        """The ears take it."""

    def leg_closed(self, reason: str) -> None:
        """The line is gone."""
        # The carrier takes the line away when we hang up, too.
        hung_up = self._hangup_reason
        self._begin_close(hung_up or _LEG_REASONS.get(reason, "link_lost"))

    # Turns.

    def _turn_over(self, text: str, reason: str, speech_ended: float | None) -> None:
        turn = self._turn = AnsweredTurn(new_id("turn"), clock.now(), speech_ended)
        self._emitter.turn = turn.id
        self._emitter.tell(TurnCompleted, text=text, reason=str(reason))
        self._history.add(ChatMessage(role=ChatRole.USER, text=text))
        speech, replies = self._speech, self._replies
        gone = reason == TurnEndReason.LEFT or self._leg is None or self._leg.closed
        if gone or speech is None or replies is None or self.closed:
            return
        if speech.mute or speech.ending:
            return

        async def work(item: SpeechItem) -> None:
            if await self._run_hook(self.agent.on_user_turn_completed(text)):
                await replies.answer(item, turn)

        handle = UtteranceHandle(new_id("reply"), interruptible=True)
        speech.enqueue(SpeechItem(handle, work))

    def _wake(self, command: IdleCommand) -> None:
        self._emitter.tell(LineSilent, count=command.count)
        if self.on_wake_up is not None:
            pending = self.on_wake_up()
            if pending is not None:
                self._owner.start(self._run_hook(pending), name="on_wake_up")

    def _tool_schemas(self) -> Sequence[ToolSchema]:
        return [tool.schema for tool in self.agent.tools.values()]

    # Guards.

    def _require_open(self) -> None:
        if self.closed:
            msg = "the session is closed"
            raise SessionClosed(msg)

    def _live_speech(self) -> Speech:
        self._require_open()
        if self._speech is None:
            msg = "the session is not started; call start() first"
            raise SessionClosed(msg)
        return self._speech

    def _task_failed(self, name: str, error: BaseException) -> None:
        _log.error("%s failed", name, exc_info=error)
        self._emitter.tell_error("session", "internal", type(error).__name__)

    async def _run_hook(self, hook: Awaitable[None], *, within: float | None = None) -> bool:
        """Run a hook of the agent's; its failure is an event. False: it wants no reply."""
        running = asyncio.ensure_future(hook)
        try:
            await asyncio.wait([running], timeout=within)
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait([running])
        if running.cancelled():
            return False
        error = running.exception()
        if error is None or isinstance(error, StopResponse):
            return error is None
        _log.error("a hook raised", exc_info=error)
        self._emitter.tell_error("hook", "hook_failed", type(error).__name__)
        return True

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

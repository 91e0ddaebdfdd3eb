"""The conversation on one live leg: what the ears find becomes turns, and turns become replies."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from hookflash.agent.emitter import Emitter
from hookflash.agent.guard import Guard
from hookflash.agent.history import History
from hookflash.agent.options import SessionOptions
from hookflash.agent.replies import HandOff, Replies
from hookflash.agent.speech import AnsweredTurn, Speech, running_item
from hookflash.agent.speech_queue import SpeechItem, SpeechMode
from hookflash.agent.status import Status
from hookflash.agent.tool_runs import MakeContext, ToolRuns
from hookflash.agent.tools import AnyTool
from hookflash.agent.utterance import UtteranceHandle
from hookflash.errors import HookflashError, UsageError
from hookflash.events.session import (
    AgentState,
    DtmfReceived,
    FalseInterruption,
    TurnCompleted,
    UserTranscription,
)
from hookflash.events.status import Doing
from hookflash.events.turn import EndTurn, ExpectationSet, Trouble, TurnEndReason
from hookflash.legs.base import Leg
from hookflash.pipeline.ears import Ears
from hookflash.pipeline.expectation import guess_expectation
from hookflash.pipeline.hooks import USER_TURN_ENDED, USER_TURN_STARTED, RunningHooks
from hookflash.pipeline.pipeline import Pipeline
from hookflash.providers.base import LLM
from hookflash.providers.chat import ChatMessage, ChatRole, ToolSchema
from hookflash.runtime import clock
from hookflash.runtime.chance import new_id
from hookflash.runtime.tape import Tape
from hookflash.runtime.tasks import TaskOwner

__all__ = ["KEYPAD", "Conversation", "Host"]

KEYPAD = "Keypad: "
"""How a keyed number begins in the caller's words, for the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a conversation asks of the session whose it is.

    Attributes:
        tools: the agent's tools as of now.
        make_context: what a tool is told about its run.
        turn_completed: the agent's hook.
        hand_off: does what a tool's value for the session asks for.
        line_lost: the leg has closed, and why.
        give_up: nothing can be heard any more.
    """

    tools: Callable[[], Mapping[str, AnyTool]]
    make_context: MakeContext
    turn_completed: Callable[[str], Awaitable[None]]
    hand_off: HandOff
    line_lost: Callable[[str], None]
    give_up: Callable[[], None]


class Conversation:
    """Ears, voice and mind on one leg, from the answer to the end.

    Attributes:
        speech: everything that is said.
        ears: everything that is heard.
        replies: the mind; None without a model.
    """

    def __init__(
        self,
        leg: Leg,
        pipeline: Pipeline,
        host: Host,
        *,
        history: History,
        status: Status,
        emitter: Emitter,
        owner: TaskOwner,
        guard: Guard,
        options: SessionOptions,
        hooks: RunningHooks,
        tape: Tape | None,
    ) -> None:
        """Begin to listen. The pipeline is prepared."""
        self._leg = leg
        self._host = host
        self._history = history
        self._status = status
        self._emitter = emitter
        self._owner = owner
        self._guard = guard
        self._options = options
        self._hooks = hooks
        self._turn: AnsweredTurn | None = None
        self._finals: list[str] = []
        self._unanswered: tuple[str, AnsweredTurn] | None = None
        self.ears = Ears(
            leg,
            self,
            stt=pipeline.stt,
            vad=pipeline.vad,
            hooks=hooks,
            owner=owner,
            turn=options.turn,
            digits=options.digits,
            tape=tape,
        )
        self.speech = Speech(
            leg,
            pipeline.tts,
            self.ears,
            history=history,
            status=status,
            emitter=emitter,
            owner=owner,
            options=options,
            hooks=hooks,
            tools=self.tool_schemas,
        )
        self._runs = ToolRuns(
            self.speech,
            tools=host.tools,
            make_context=host.make_context,
            late_hand_off=host.hand_off,
            history=history,
            status=status,
            emitter=emitter,
            owner=owner,
            options=options,
            hooks=hooks,
        )
        self.replies: Replies | None = None
        self.replace_llm(pipeline.llm)
        self.ears.expect(guess_expectation(""), self.tool_schemas())
        leg.listen(self)

    # What the session asks.

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
        during_hold: bool = False,
    ) -> UtteranceHandle:
        """Let the model say something; as `AgentSession.reply`."""
        self.speech.require_voice()
        turn = self._turn
        if self.replies is None:
            msg = "reply() needs a language model: Pipeline(llm=...)"
            raise UsageError(msg)
        if user_input is not None:
            self._history.add(ChatMessage(role=ChatRole.USER, text=user_input))

        async def work(item: SpeechItem) -> None:
            if self.replies is not None:
                await self.replies.answer(
                    item, turn, instructions=instructions, tool_choice=tool_choice
                )

        handle = UtteranceHandle(new_id("reply"), interruptible=interruptible)
        if not wait_for_playback:
            handle.await_thought_only()
        item = SpeechItem(handle, work, priority=priority, during_hold=during_hold)
        self.speech.enqueue(item, mode)
        return handle

    def expect(self, expectation: ExpectationSet) -> None:
        """Say what kind of answer comes next."""
        self.ears.expect(expectation, self.tool_schemas())

    def hold_speech(self, reason: str) -> None:
        """Say and answer nothing until released; what is asked to be said waits. Idempotent."""
        self.speech.queue.hold(reason)

    def release_speech(self, reason: str) -> None:
        """That reason is over. A turn that nobody has answered meanwhile is answered now."""
        queue = self.speech.queue
        queue.release(reason)
        if queue.held:
            return
        unanswered, self._unanswered = self._unanswered, None
        if unanswered is not None and not queue.waiting and queue.current is None:
            self._answer(*unanswered)

    def replace_llm(self, llm: LLM | None) -> None:
        """Let another model, prepared, think from the next request on."""
        if llm is None:
            self.replies = None
        elif self.replies is not None:
            self.replies.forget_ahead()
            self.replies.llm = llm
        else:
            self.replies = Replies(
                llm,
                self.speech,
                self._runs,
                tools=self.tool_schemas,
                hand_off=self._host.hand_off,
                history=self._history,
                emitter=self._emitter,
                owner=self._owner,
                options=self._options,
                hooks=self._hooks,
            )

    def tool_schemas(self) -> Sequence[ToolSchema]:
        """What a model is told about the agent's tools."""
        return [tool.schema for tool in self._host.tools().values()]

    async def aclose(self) -> None:
        """End it: what was said settles into the history as it was heard. Idempotent."""
        self._leg.unlisten(self)
        await self.ears.aclose()
        self.speech.queue.interrupt("closed", force=True)
        if self.replies is not None:
            self.replies.close()
        self._runs.close()
        # What was being said settles into the history before its tasks are ended.
        await self.speech.wait_heard(timeout=1.0)

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
        if speaking:
            self._status.begin(Doing.CALLER_SPEAKING)
            self._hooks.plain(USER_TURN_STARTED, "")
            if self.replies is not None:
                self.replies.forget_ahead()
        else:
            self._status.end(Doing.CALLER_SPEAKING)

    def words_heard(self, text: str, final: bool) -> None:
        """The recogniser has words."""
        self._status.stir()
        self._emitter.tell(UserTranscription, text=text, final=final)
        if not final:
            return
        self._finals.append(text)
        ready = self._status.agent in {AgentState.IDLE, AgentState.LISTENING}
        if ready and self.replies is not None and self._may_answer():
            self.replies.think_ahead(" ".join(self._finals))

    def interrupted(self, reason: str) -> None:
        """The caller has taken the turn."""
        self.speech.interrupt(reason)

    def speech_resumed(self) -> None:
        """It was no interruption."""
        self._emitter.tell(FalseInterruption)

    def not_understood(self, trouble: Trouble) -> None:
        """There was speech without words: say so, unless something is being said anyway."""
        self._emitter.tell_error("stt", trouble.value, "speech without words")
        if self._may_answer() and self.speech.queue.current is None:
            self.speech.say(self._options.not_understood)

    def ear_failed(self, source: str, error: HookflashError, recoverable: bool) -> None:
        """The detector or the recogniser failed."""
        self._emitter.tell_error(source, error.reason, str(error), recoverable=recoverable)
        if self.speech.ending:
            return
        self.speech.apologise()
        if not recoverable:
            self._host.give_up()

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The ears take it."""

    def digit_received(self, digit: str, at: float) -> None:
        """The ears take it."""

    def leg_closed(self, reason: str) -> None:
        """The line is gone."""
        self._host.line_lost(reason)

    # Turns.

    def _turn_over(self, text: str, reason: str, speech_ended: float | None) -> None:
        self._finals.clear()
        turn = self._turn = AnsweredTurn(new_id("turn"), clock.now(), speech_ended)
        self._emitter.turn = turn.id
        text = self._hooks.plain(USER_TURN_ENDED, text)
        self._emitter.tell(TurnCompleted, text=text, reason=str(reason))
        self._history.add(ChatMessage(role=ChatRole.USER, text=text))
        if reason == TurnEndReason.LEFT or not self._may_answer():
            return
        if self.speech.queue.held:
            self._unanswered = (text, turn)
        else:
            self._answer(text, turn)

    def _answer(self, text: str, turn: AnsweredTurn) -> None:
        async def work(item: SpeechItem) -> None:
            # What the hook says is said as part of this reply.
            token = running_item.set(item)
            try:
                hook = self._guard.run(self._host.turn_completed(text))
                wanted = await item.unless_stopped(hook)
            finally:
                running_item.reset(token)
            if wanted and self.replies is not None:
                await self.replies.answer(item, turn)
            else:
                await self.speech.settled(item)

        handle = UtteranceHandle(new_id("reply"), interruptible=True)
        self.speech.enqueue(SpeechItem(handle, work))

    def _may_answer(self) -> bool:
        return not (self._leg.closed or self.speech.mute or self.speech.ending)

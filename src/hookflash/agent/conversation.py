"""The conversation on one live leg: what the ears find becomes turns, and turns become replies."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hookflash.agent.answers import Answer, Answers
from hookflash.agent.emitter import Emitter
from hookflash.agent.guard import Guard
from hookflash.agent.history import History
from hookflash.agent.keys import DTMFHandler, KeyCalls
from hookflash.agent.line import OnLine
from hookflash.agent.measures import TurnMeter
from hookflash.agent.mind import HandOff, Mind, MindParts
from hookflash.agent.options import SessionOptions
from hookflash.agent.quiet import Quiet
from hookflash.agent.realtime import AudioTurn, RealtimeReplies
from hookflash.agent.realtime_link import RealtimeEars
from hookflash.agent.replies import Replies
from hookflash.agent.speech import AnsweredTurn, Speech, running_item
from hookflash.agent.speech_queue import SpeechItem, SpeechMode
from hookflash.agent.status import Status
from hookflash.agent.tool_runs import MakeContext, ToolRuns
from hookflash.agent.tools import Tool
from hookflash.agent.turn_judge import TurnJudge
from hookflash.agent.utterance import UtteranceHandle
from hookflash.agent.voicemail import VoiceMailDetector, VoicemailHost, VoicemailWatch
from hookflash.errors import HookflashError, UsageError
from hookflash.events.digits import MASK
from hookflash.events.measures import AgentHushed, CallerSpeechBegan, CallerSpeechEnded
from hookflash.events.session import (
    AgentState,
    DtmfReceived,
    FalseInterruption,
    TurnCompleted,
    UserTranscription,
)
from hookflash.events.status import Doing
from hookflash.events.turn import EndTurn, ExpectationSet, Trouble, TurnEndReason, TurnJudged
from hookflash.legs.base import Leg
from hookflash.pipeline.concealment import Concealment
from hookflash.pipeline.ears import Ears
from hookflash.pipeline.expectation import guess_expectation
from hookflash.pipeline.hooks import USER_TURN_ENDED, USER_TURN_STARTED, RunningHooks
from hookflash.pipeline.pipeline import Pipeline
from hookflash.providers.base import LLM, STT, VAD
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
        agent: who has the line.
        tools: the agent's tools as of now.
        tools_ready: waits a little for tools that are still on their way.
        make_context: what a tool is told about its run.
        turn_completed: the agent's hook.
        hand_off: does what a tool's value for the session asks for.
        line_lost: the leg has closed, and why.
        give_up: nothing can be heard any more.
    """

    agent: Callable[[], OnLine]
    tools: Callable[[], Mapping[str, Tool]]
    tools_ready: Callable[[], Coroutine[Any, Any, None]]
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
        voicemail: finds out who has answered; None if nobody asked.
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
        meter: TurnMeter,
        tape: Tape | None,
        concealment: Concealment,
        answers: Answers,
        dtmf_handler: DTMFHandler | None,
    ) -> None:
        """Begin to listen. The pipeline is prepared."""
        self._leg = leg
        self._host = host
        self._history = history
        self._status = status
        self._emitter = emitter
        self._owner = owner
        self._guard = guard
        self._quiet = Quiet(emitter)
        self._options = options
        self._hooks = hooks
        self._meter = meter
        self._concealment = concealment
        self._answers = answers
        self._keys = KeyCalls(dtmf_handler, owner, emitter) if dtmf_handler is not None else None
        self._turn: AnsweredTurn | None = None
        self._finals: list[str] = []
        self._judge: TurnJudge | None = None
        if pipeline.turn_detector is not None:
            self._judge = TurnJudge(
                pipeline.turn_detector,
                owner,
                emitter,
                context=history.for_model,
                tell=self._judged,
            )
        self._unanswered: tuple[str | AudioTurn, AnsweredTurn] | None = None
        self._realtime: RealtimeReplies | None = None
        hears = pipeline.realtime is not None and pipeline.stt is None
        self._model_ears = RealtimeEars(self._let_model_hear) if hears else None
        self.voicemail: VoicemailWatch | None = None
        self.ears = Ears(
            leg,
            self,
            stt=pipeline.stt or self._model_ears,
            vad=pipeline.vad,
            hooks=hooks,
            owner=owner,
            turn=options.turn,
            digits=options.digits,
            tape=tape,
            concealment=concealment,
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
            concealment=concealment,
            tools=self.tool_schemas,
        )
        self._runs = ToolRuns(
            self.speech,
            agent=host.agent,
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
        self._mind_parts = MindParts(
            speech=self.speech,
            runs=self._runs,
            tools=self.tool_schemas,
            tools_ready=host.tools_ready,
            hand_off=host.hand_off,
            history=history,
            emitter=emitter,
            owner=owner,
            options=options,
            hooks=hooks,
        )
        self.replies: Mind | None = None
        if pipeline.realtime is None:
            self.replace_llm(pipeline.llm)
        else:
            self.replies = self._realtime = RealtimeReplies(
                pipeline.realtime,
                self,
                self._mind_parts,
                sample_rate=leg.sample_rate,
                hears=hears,
                local_turns=pipeline.vad is not None,
            )
        self.ears.expect(guess_expectation(""), self.tool_schemas())
        leg.listen(self)

    # What the session asks.

    @property
    def sample_rate(self) -> int:
        """Hz of the leg."""
        return self._leg.sample_rate

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
        if self._mute:
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
        item = SpeechItem(handle, work, priority=priority, during_hold=during_hold, asks=True)
        self.speech.enqueue(item, mode)
        return handle

    def expect(self, expectation: ExpectationSet) -> None:
        """Say what kind of answer comes next."""
        self.ears.expect(expectation, self.tool_schemas())

    def take_keys(self, taker: Callable[[str], None]) -> Callable[[], None]:
        """Give each key to `taker` instead of collecting numbers; as `AgentSession.take_keys`."""
        return self.ears.take_keys(taker)

    def hold_speech(self, reason: str) -> None:
        """Say and answer nothing until released; what is asked to be said waits. Idempotent."""
        self.speech.queue.hold(reason)

    def release_speech(self, reason: str, *, answer: bool = True) -> None:
        """That reason is over. A turn that nobody has answered meanwhile is answered now.

        Args:
            reason: as it was held.
            answer: False lets such a turn go without an answer.
        """
        queue = self.speech.queue
        queue.release(reason)
        if queue.held:
            return
        unanswered, self._unanswered = self._unanswered, None
        if answer and unanswered is not None and not queue.waiting and queue.current is None:
            self._answer(*unanswered)

    def watch_for_voicemail(
        self,
        detector: VoiceMailDetector,
        end_call: Callable[[str], Coroutine[Any, Any, None]],
        tape: Tape | None,
    ) -> None:
        """Find out who has answered before anything is said.

        Args:
            detector: finds it out.
            end_call: hangs up for a reason, without a last word.
            tape: where its machine writes.
        """
        speech = self.speech
        self.voicemail = VoicemailWatch(
            detector,
            self._leg,
            VoicemailHost(
                hold=lambda: self.hold_speech("voicemail"),
                release=lambda answer: self.release_speech("voicemail", answer=answer),
                waits=lambda: bool(speech.queue.waiting),
                drop=lambda reason: speech.interrupt(reason, force=True),
                say=lambda text: speech.say(text, interruptible=False, during_hold=True),
                end_call=end_call,
            ),
            emitter=self._emitter,
            owner=self._owner,
            guard=self._guard,
            tape=tape,
        )

    def replace_llm(self, llm: LLM | None) -> None:
        """Let another model, prepared, think from the next request on."""
        if llm is None:
            self.replies = None
        elif isinstance(self.replies, Replies):
            self.replies.forget_ahead()
            self.replies.llm = llm
        else:
            self.replies = Replies(llm, self._mind_parts)

    def replace_ears(self, *, stt: STT | None, vad: VAD | None) -> None:
        """Let another recogniser and detector, prepared, hear what comes from now on.

        Raises:
            UsageError: one of them cannot be used at the leg's rate, or a realtime model hears
                the caller by itself; nothing has changed then.
        """
        if self._model_ears is not None and stt is not None:
            msg = "the realtime model hears the caller itself; give Pipeline an stt at the start"
            raise UsageError(msg)
        self.ears.replace(stt=stt or self._model_ears, vad=vad)
        if self._realtime is not None:
            self._realtime.local_turns = vad is not None

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
        if self.voicemail is not None:
            self.voicemail.close()

    def _judged(self, verdict: TurnJudged) -> None:
        self.ears.tell(verdict)

    # From the ears.

    def turn_ended(self, turn: EndTurn) -> None:
        """The caller's turn is over."""
        answer = Answer(text=self._concealment.turn(turn.text), keyed=False)
        self._turn_over(turn.text, turn.reason, turn.speech_ended_at, answer)

    def number_keyed(self, digits: str) -> None:
        """The caller has keyed a number: a turn of its own."""
        self.interrupted("keys")
        answer = Answer(text=self._concealment.number(digits), keyed=True)
        self._turn_over(f"{KEYPAD}{digits}", "keypad", None, answer)

    def digit_keyed(self, digit: str) -> None:
        """The caller pressed one key."""
        self._status.stir()
        secret = self._concealment.on
        self._emitter.tell(DtmfReceived, digit=MASK if secret else digit, sensitive=secret)
        if self._keys is not None:
            self._keys.take(digit)

    def caller_speaking(self, speaking: bool, at: float) -> None:
        """The caller began to speak, or stopped."""
        if self.voicemail is not None:
            self.voicemail.caller_speaking(speaking, at)
        moment = self._emitter.since_began(at)
        if speaking:
            self._emitter.tell(CallerSpeechBegan, began=moment)
            self._status.begin(Doing.CALLER_SPEAKING)
            self._hooks.plain(USER_TURN_STARTED, "")
            if self.replies is not None:
                self.replies.forget_ahead()
        else:
            self._emitter.tell(CallerSpeechEnded, ended=moment)
            self._status.end(Doing.CALLER_SPEAKING)
        if self._realtime is not None:
            self._realtime.caller_speaking(speaking)

    def words_heard(self, text: str, final: bool) -> None:
        """The recogniser has words."""
        self._status.stir()
        self._emitter.tell(UserTranscription, text=text, final=final)
        if self.voicemail is not None:
            self.voicemail.words_heard(text, final)
        if not final:
            return
        self._finals.append(text)
        if self._judge is not None:
            self._judge.judge(" ".join(self._finals))
        ready = self._status.agent in {AgentState.IDLE, AgentState.LISTENING}
        # The program wants the answer, not a reply to it; or has something to say that is held; or
        # it is a greeting, not a question.
        taken = self._answers.waiting or bool(self.speech.queue.waiting)
        taken = taken or (self.voicemail is not None and self.voicemail.keeps_turn(clock.now()))
        if ready and self.replies is not None and self._may_answer() and not taken:
            self.replies.think_ahead(" ".join(self._finals))

    def interrupted(self, reason: str) -> None:
        """The caller has taken the turn."""
        self.speech.interrupt(reason)

    def speech_paused(self) -> None:
        """The agent hushed for what may be an interruption."""
        self._emitter.tell(AgentHushed)

    def speech_resumed(self) -> None:
        """It was no interruption."""
        self._emitter.tell(FalseInterruption)

    def not_understood(self, trouble: Trouble) -> None:
        """There was speech without words: say so, unless something is being said anyway."""
        self._emitter.tell_error("stt", trouble.value, "speech without words")
        queue = self.speech.queue
        free = queue.current is None and not queue.held and not self.speech.mute
        if free and self._may_answer():
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

    def _turn_over(
        self, text: str, reason: str, speech_ended: float | None, answer: Answer
    ) -> None:
        turn = self._next_turn(speech_ended)
        text = self._hooks.plain(USER_TURN_ENDED, text)
        self._tell_turn(text, reason, speech_ended)
        self._history.add(ChatMessage(role=ChatRole.USER, text=text))
        if self._answers.give(answer):
            return
        if reason != TurnEndReason.LEFT:
            self._answer_unless_kept(text, turn)

    def _next_turn(self, speech_ended: float | None) -> AnsweredTurn:
        self._finals.clear()
        self._meter.next_turn()
        turn = self._turn = AnsweredTurn(new_id("turn"), speech_ended)
        self._emitter.turn = turn.id
        return turn

    def _tell_turn(self, text: str, reason: str, speech_ended: float | None) -> None:
        ended = None if speech_ended is None else self._emitter.since_began(speech_ended)
        self._emitter.tell(TurnCompleted, text=text, reason=str(reason), speech_ended=ended)

    def _answer(self, heard: str | AudioTurn, turn: AnsweredTurn) -> None:
        async def work(item: SpeechItem) -> None:
            # What the hook says is said as part of this reply.
            token = running_item.set(item)
            try:
                if isinstance(heard, AudioTurn):
                    # Its words come later, and the hook with them.
                    heard.item, wanted = item, not heard.unwanted
                else:
                    wanted = bool(await item.unless_stopped(self._ask_agent(heard)))
            finally:
                running_item.reset(token)
            if wanted and self.replies is not None:
                await self.replies.answer(item, turn)
            else:
                await self.speech.settled(item)

        handle = UtteranceHandle(new_id("reply"), interruptible=True)
        self._meter.answers(turn.id, handle)
        self.speech.enqueue(SpeechItem(handle, work, asks=True))

    async def _ask_agent(self, heard: str) -> bool:
        """Run the agent's hook; return whether it wants a reply."""
        began = clock.now()
        patience = self._options.tool_timeout
        return await self._guard.run(
            self._host.turn_completed(heard),
            enough=self._quiet.lasting(patience, since=lambda: began),
        )

    def _may_answer(self) -> bool:
        return not (self._leg.closed or self._mute or self.speech.ending)

    @property
    def _mute(self) -> bool:
        """Whether no reply can be heard: neither we nor the model have a voice."""
        return self.speech.mute and not (self._realtime is not None and self._realtime.speaks)

    # From a realtime model.

    def audio_turn_ended(self, audio: AudioTurn) -> None:
        """The caller's turn, which the model heard, is over; its words come later."""
        turn = self._next_turn(audio.speech_ended)
        self._tell_turn("", TurnEndReason.SILENCE, audio.speech_ended)
        asked = self._answers.waiting
        self._owner.start(self._take_words(audio, turn, asked=asked), name=f"words {turn.id}")
        if not asked:
            self._answer_unless_kept(audio, turn)

    def _answer_unless_kept(self, heard: str | AudioTurn, turn: AnsweredTurn) -> None:
        """Answer a turn, unless nobody may, or somebody else has it; later, if speech is held."""
        if not self._may_answer():
            return
        if self.voicemail is not None and self.voicemail.keeps_turn(turn.speech_ended):
            return
        if self.speech.queue.held:
            self._unanswered = (heard, turn)
        else:
            self._answer(heard, turn)

    async def _take_words(self, audio: AudioTurn, turn: AnsweredTurn, *, asked: bool) -> None:
        """Put the words of a turn where they belong, once they are there."""
        text = self._hooks.plain(USER_TURN_ENDED, await audio.words)
        self._history.settle(audio.place, text, interrupted=False)
        if asked:
            if self._answers.give(Answer(text=text, keyed=False)):
                return
            self._answer_unless_kept(audio, turn)
        if not await self._guard.run(self._host.turn_completed(text)):
            audio.drop()

    def _let_model_hear(self, pcm: bytes) -> None:
        if self._realtime is not None:
            # What must not be seen must not be heard by a model either.
            self._realtime.hear(bytes(len(pcm)) if self._concealment.on else pcm)

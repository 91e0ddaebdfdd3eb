"""The speaking side of a live session: everything that is said goes through here."""

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from hookflash.agent.emitter import Emitter
from hookflash.agent.history import History, Place
from hookflash.agent.options import SessionOptions
from hookflash.agent.speech_queue import SpeechItem, SpeechMode, SpeechQueue
from hookflash.agent.status import Status
from hookflash.agent.utterance import UtteranceHandle
from hookflash.audio.tones import dtmf_tones
from hookflash.errors import HookflashError, UsageError
from hookflash.events.digits import MASK, DtmfSent
from hookflash.events.measures import VoiceFinished
from hookflash.events.session import SpeechInterrupted, UtteranceBegan, UtteranceSpoken
from hookflash.events.status import Doing
from hookflash.events.turn import AgentSpeechEnded, AgentSpeechStarted, AgentThinking
from hookflash.legs.base import Leg
from hookflash.pipeline.concealment import Concealment
from hookflash.pipeline.ears import Ears
from hookflash.pipeline.expectation import guess_expectation
from hookflash.pipeline.hooks import AGENT_TURN_ENDED, AGENT_TURN_STARTED, RunningHooks
from hookflash.pipeline.voice import Speaking, Synthesis, Voice, synthesis_error
from hookflash.pipeline.wording import TextForSpeech
from hookflash.providers.base import TTS
from hookflash.providers.chat import ToolSchema
from hookflash.runtime import clock
from hookflash.runtime.chance import new_id
from hookflash.runtime.tasks import TaskOwner

__all__ = ["AnsweredTurn", "Reciter", "Speech", "running_item"]

running_item: ContextVar[SpeechItem | None] = ContextVar("hookflash_running_item", default=None)
"""The item on whose behalf the current task runs: that of the reply whose tool this is."""


@dataclass(slots=True)
class AnsweredTurn:
    """A turn of the caller's that is being answered.

    Attributes:
        id: of the turn.
        speech_ended: when the caller stopped speaking; None if they did not speak.
    """

    id: str
    speech_ended: float | None


class Reciter(Protocol):
    """A model with a voice of its own, that says words which it is given."""

    async def recite(self, item: SpeechItem, text: str, *, keep: bool) -> HookflashError | None:
        """Have them said as part of a running item.

        Returns when no more of it comes; what came may still have to be heard.

        Args:
            item: what runs.
            text: the words.
            keep: whether what is heard goes into the history.

        Returns:
            Why they were not said, or not to the end; None if they were.
        """
        ...


class Speech:
    """Says things on one leg, one at a time, and knows what was heard of them.

    Attributes:
        queue: what is said and what waits.
        reciter: whose voice says words where there is no synthesiser; None if nobody's does.
        ending: True once the session is about to hang up: nothing new is thought of.
        asked: how many things were asked to be said until now.
    """

    def __init__(
        self,
        leg: Leg,
        tts: TTS | None,
        ears: Ears,
        *,
        history: History,
        status: Status,
        emitter: Emitter,
        owner: TaskOwner,
        options: SessionOptions,
        hooks: RunningHooks,
        concealment: Concealment,
        tools: Callable[[], Sequence[ToolSchema]],
    ) -> None:
        """Begin the queue, and have the apology rendered."""
        self.queue = SpeechQueue()
        self.reciter: Reciter | None = None
        self.ending = False
        self.asked = 0
        self._leg = leg
        self._voice = Voice(
            leg,
            tts,
            first_audio_within=options.tts_within,
            hooks=hooks,
            wording=options.wording,
        )
        self._ears = ears
        self._history = history
        self._status = status
        self._emitter = emitter
        self._owner = owner
        self._options = options
        self._hooks = hooks
        self._concealment = concealment
        self._tools = tools
        self._apology: bytes | None = None
        self._audible: set[Speaking] = set()
        self._to_be_heard: dict[Speaking, SpeechItem] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._says: set[UtteranceHandle] = set()
        owner.start(self.queue.run(), name="speech")
        if tts is not None:
            owner.start(self._prepare_apology(), name="apology")

    @property
    def mute(self) -> bool:
        """Whether only ready-made audio can be said."""
        return self._voice.tts is None and self.reciter is None

    @property
    def sample_rate(self) -> int:
        """Hz of what is rendered, and of ready-made audio: the leg's."""
        return self._leg.sample_rate

    async def render(self, text: str) -> bytes:
        """Return a text as PCM16 in the synthesiser's voice, for somebody else to play.

        Raises:
            UsageError: there is no synthesiser.
            ProviderError, LinkError: it failed.
        """
        try:
            return await self._voice.render(text)
        except Exception as exc:
            raise synthesis_error(exc) from exc

    @property
    def wording(self) -> TextForSpeech | None:
        """What is said for what is written."""
        return self._voice.wording

    def replace_tts(self, tts: TTS | None, wording: TextForSpeech | None) -> None:
        """Let another synthesiser, prepared, say what is begun from now on, in other words."""
        self._voice.tts = tts
        self._voice.wording = wording
        if tts is not None:
            self._owner.start(self._prepare_apology(), name="apology")

    def say(
        self,
        message: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        audio: bytes | AsyncIterable[bytes] | None = None,
        keep: bool = True,
        mode: SpeechMode = SpeechMode.QUEUE,
        priority: int = 0,
        during_hold: bool = False,
    ) -> UtteranceHandle:
        """Queue an utterance, or, in a running tool, say it now.

        Args:
            message: its words, whole or as they come.
            interruptible: whether the caller may cut it short.
            audio: ready-made, PCM16 at the leg's sample rate.
            keep: whether it goes into the history.
            mode: what becomes of what is said and waits; without meaning in a tool.
            priority: a higher one is said earlier.
            during_hold: may be said while the queue is held.

        Raises:
            UsageError: there is no voice, and no audio.
        """
        self.require_voice(audio)
        handle = UtteranceHandle(new_id("utterance"), interruptible=interruptible)

        async def work(item: SpeechItem) -> None:
            if audio is None and self._voice.tts is None and self.reciter is not None:
                await self._recite(self.reciter, item, message, keep=keep)
            else:
                await self._speak(item, message, audio, keep=keep)
            handle.thought()
            await self.settled(item)

        self._says.add(handle)
        handle.add_done_callback(self._says.discard)
        item = SpeechItem(handle, work, priority=priority, during_hold=during_hold)
        self.enqueue(item, mode)
        return handle

    async def _speak(
        self,
        item: SpeechItem,
        message: str | AsyncIterable[str],
        audio: bytes | AsyncIterable[bytes] | None,
        *,
        keep: bool,
    ) -> None:
        speaking = self.begin(item, audio=audio, keep=keep)
        try:
            if isinstance(message, str):
                speaking.push(message)
            else:
                await item.unless_stopped(_push(message, speaking.push))
        finally:
            self.expect(speaking.said)
            speaking.finish()

    async def _recite(
        self, reciter: Reciter, item: SpeechItem, message: str | AsyncIterable[str], *, keep: bool
    ) -> None:
        if isinstance(message, str):
            text = message
        else:
            words: list[str] = []
            await item.unless_stopped(_push(message, words.append))
            text = "".join(words)
        if self._concealment.shown()(text) != text:
            msg = "numbers are concealed now, and no model is given any: use Pipeline(tts=...)"
            raise UsageError(msg)
        if text.strip():
            failed = await item.unless_stopped(reciter.recite(item, text, keep=keep))
            if failed is not None:
                item.handle.fail(failed)

    def press(self, digits: str) -> UtteranceHandle:
        """Queue keys to be pressed; nobody's voice cuts them short.

        Raises:
            UsageError: a character that no key has.
        """
        dtmf_tones(digits)  # a wrong digit is found here, before anything is sent
        handle = UtteranceHandle(new_id("keys"), interruptible=False)

        async def work(item: SpeechItem) -> None:
            keys = self._leg.send_dtmf(digits)
            item.when_stopped(keys.cancel)
            if (await keys).interrupted:
                handle.cut()
            else:
                secret = self._concealment.on
                told = MASK * len(digits) if secret else digits
                self._emitter.tell(DtmfSent, digits=told, sensitive=secret)

        self.enqueue(SpeechItem(handle, work))
        return handle

    def apologise(self, parent: SpeechItem | None = None) -> None:
        """Say that something went wrong, from audio made beforehand if there is some."""
        if self.ending or (self._apology is None and self.mute):
            return
        token = running_item.set(parent)
        try:
            self.say(self._options.apology, audio=self._apology)
        finally:
            running_item.reset(token)

    def enqueue(self, item: SpeechItem, mode: SpeechMode = SpeechMode.QUEUE) -> None:
        """Queue an item; a child of a running one speaks now, and ends with its parent."""
        self.asked += 1
        parent = running_item.get()
        if parent is None or parent.stopped is not None or parent.handle.done():
            self.queue.add(item, mode)
            return
        parent.when_stopped(lambda: item.stop(parent.stopped or "parent"))
        parent.adopt(self._owner.start(item.run(), name=f"child {item.handle.id}"))

    def begin(
        self,
        item: SpeechItem,
        *,
        turn: AnsweredTurn | None = None,
        audio: bytes | AsyncIterable[bytes] | None = None,
        keep: bool = True,
    ) -> Speaking:
        """Begin to say something as part of a running item: `push` its words, then `finish`."""
        of = self._emitter.turn if turn is None else turn.id

        def begun() -> None:
            self._began(speaking, item, of)

        speaking = self._voice.begin(self._owner, on_begin=begun, audio=audio)
        item.when_stopped(speaking.stop)
        if item.doing[Doing.THINKING]:
            # Until its first sound is heard, the caller is still waiting for the agent's thought.
            self._to_be_heard[speaking] = item
            self._status.begin(Doing.THINKING, item)
        shown = self._concealment.shown()
        place = (
            self._history.keep_place(lambda: shown(speaking.said), lambda: shown(speaking.heard))
            if keep
            else None
        )
        settle = self._settle(item, speaking, place, of, shown, ready_made=audio is not None)
        task = self._owner.start(settle, name=f"settle {item.handle.id}")
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        item.adopt(task)
        return speaking

    def interrupt(self, reason: str, *, force: bool = False) -> bool:
        """Stop and drop what may be; return whether there was anything of it."""
        hit = self.queue.interrupt(reason, force=force)
        # What may not be interrupted goes on, if the caller's voice had paused it.
        self._leg.resume()
        if hit:
            self._emitter.tell(SpeechInterrupted, reason=reason)
        return hit

    def think(self, item: SpeechItem, *, active: bool) -> None:
        """A reply begins or ends to be thought of."""
        (self._status.begin if active else self._status.end)(Doing.THINKING, item)
        self.tell_thinking()

    def expect(self, words: str) -> None:
        """Tell the ears what kind of answer these words ask for."""
        self._ears.expect(guess_expectation(words), self._tools())

    async def settled(self, item: SpeechItem) -> None:
        """Wait until everything that the item said, and its children, are over."""
        while item.adopted:
            await asyncio.wait(set(item.adopted))

    async def wait_heard(self, timeout: float | None = None) -> None:
        """Wait until what is being said was heard."""
        if self._settling:
            await asyncio.wait(set(self._settling), timeout=timeout)

    async def wait_said(self, within: float) -> None:
        """Wait until everything that was asked to be said was heard, at most so many seconds."""
        deadline = clock.now() + within
        while (self._says or self._settling) and not self._leg.closed:
            left = deadline - clock.now()
            if left <= 0:
                return
            waits: set[asyncio.Future[Any]] = set(self._settling)
            waits |= {handle.finished for handle in self._says}
            await asyncio.wait(waits, timeout=left)

    def require_voice(self, audio: object = None) -> None:
        """Check that something can be said.

        Raises:
            UsageError: there is no voice, and no audio.
        """
        if self.mute and audio is None:
            msg = (
                "there is no synthesiser: give Pipeline(tts=...), or audio. "
                "This model speaks its own words: use reply(instructions=...)"
            )
            raise UsageError(msg)

    async def _settle(
        self,
        item: SpeechItem,
        speaking: Speaking,
        place: Place | None,
        turn: str,
        shown: Callable[[str], str],
        *,
        ready_made: bool,
    ) -> None:
        """Wait until it is over, and put what was heard where it belongs."""
        spoken = await speaking.spoken()
        interrupted = spoken.played.interrupted
        if place is not None:
            self._history.settle(place, shown(spoken.heard), interrupted=interrupted)
        item.handle.heard(spoken.heard)
        if interrupted:
            item.handle.cut()
        self._fell_silent(speaking)
        self._hooks.plain(AGENT_TURN_ENDED, shown(spoken.heard))
        if spoken.synthesis is not None:
            self._tell_synthesis(item.handle.id, turn, spoken.synthesis, spoken.error)
        self._emitter.tell(
            UtteranceSpoken,
            turn=turn,
            utterance=item.handle.id,
            said=shown(spoken.said),
            heard=shown(spoken.heard),
            played_ms=spoken.played.played_ms,
            interrupted=interrupted,
        )
        if spoken.error is not None:
            item.handle.fail(spoken.error)
            self._emitter.tell_error("tts", spoken.error.reason, str(spoken.error))
            if not ready_made and self._apology is not None:
                self.apologise()

    def _began(self, speaking: Speaking, item: SpeechItem, turn: str) -> None:
        if not self._audible:
            self._ears.tell(AgentThinking(active=False))
            self._ears.tell(AgentSpeechStarted(interruptible=item.handle.interruptible))
        self._audible.add(speaking)
        self._status.begin(Doing.AGENT_SPEAKING)
        self._thought_of(speaking)
        self._hooks.plain(AGENT_TURN_STARTED, "")
        self._emitter.tell(UtteranceBegan, turn=turn, utterance=item.handle.id)

    def _thought_of(self, speaking: Speaking) -> None:
        """It is heard now, or never will be."""
        item = self._to_be_heard.pop(speaking, None)
        if item is not None:
            self._status.end(Doing.THINKING, item)

    def tell_thinking(self) -> None:
        """Let the ears know whether an answer is being thought of."""
        if not self._audible:
            self._ears.tell(AgentThinking(active=self._status.goes_on(Doing.THINKING)))

    def _fell_silent(self, speaking: Speaking) -> None:
        if speaking in self._to_be_heard:
            self._thought_of(speaking)
            self.tell_thinking()
        if speaking not in self._audible:
            return
        self._audible.discard(speaking)
        if not self._audible:
            self._ears.tell(AgentSpeechEnded())
            if self._status.goes_on(Doing.THINKING):
                self._ears.tell(AgentThinking(active=True))
        self._status.end(Doing.AGENT_SPEAKING)

    def _tell_synthesis(
        self, utterance: str, turn: str, made: Synthesis, error: HookflashError | None
    ) -> None:
        first, since = made.first_audio, self._emitter.since_began
        self._emitter.tell(
            VoiceFinished,
            turn=turn,
            utterance=utterance,
            provider=made.provider,
            began=since(made.began),
            first_audio=None if first is None else since(first),
            ended=since(made.ended),
            characters=made.characters,
            audio_ms=made.audio_ms,
            failed="" if error is None else error.reason,
        )

    async def _prepare_apology(self) -> None:
        """Have the apology ready, so that it can be said when the synthesiser cannot."""
        try:
            self._apology = await self._voice.render_once(self._options.apology)
        except Exception as exc:  # noqa: BLE001  # a provider's bug ends like its failure
            error = synthesis_error(exc)
            self._emitter.tell_error("tts", error.reason, str(error))


async def _push(words: AsyncIterable[str], take: Callable[[str], None]) -> None:
    try:
        async for word in words:
            take(word)
    except HookflashError:
        raise
    except Exception as exc:
        msg = f"the words given to say() broke off: {type(exc).__name__}"
        raise UsageError(msg) from exc

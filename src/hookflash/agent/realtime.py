"""Replies of a realtime model, which hears and speaks by itself.

They have the place of `agent.replies`, and to everybody else look the same: items of the speech
queue, tools run by `ToolRuns`, words in the history as they were heard. `agent.realtime_link` keeps
the connection, `agent.realtime_memory` tells the model what it does not know yet.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol

import msgspec

from hookflash.agent.history import Place
from hookflash.agent.mind import Mind, MindParts, Round
from hookflash.agent.realtime_link import RealtimeLink
from hookflash.agent.realtime_memory import RealtimeMemory
from hookflash.agent.speech import AnsweredTurn
from hookflash.agent.speech_queue import SpeechItem
from hookflash.audio.frames import duration_ms
from hookflash.errors import HookflashError, LegClosed, LinkError, LinkTimeout, ProviderError
from hookflash.pipeline.hooks import LLM_WORDS
from hookflash.pipeline.voice import Speaking
from hookflash.providers.chat import ChatRole
from hookflash.providers.realtime import (
    AudioDelta,
    CallerCommitted,
    CallerSpeech,
    CallerWords,
    RealtimeConversation,
    RealtimeEvent,
    RealtimeModel,
    RealtimeTrouble,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    ToolCallAsked,
    WordsDelta,
)
from hookflash.runtime import clock
from hookflash.runtime.chance import new_id

__all__ = ["AudioTurn", "RealtimeListener", "RealtimeReplies"]

# How often an answer is asked for, if the model fails at it.
_ATTEMPTS = 3
# A cancelled answer ends within a round trip; after this, the next is asked for regardless.
_CANCEL_WITHIN = 2.0

_GO_ON = (
    "The line to you broke while you were speaking. The conversation holds what the caller has "
    "heard. Go on from there, without saying it again."
)
_MISSED = (
    "The line to you broke, and you did not hear what the caller said last. Ask them, in a few "
    "words, to say it again."
)
_WORD_FOR_WORD = "Say only this, word for word: "


class AudioTurn(msgspec.Struct, eq=False):
    """A turn of the caller's that the model heard.

    Attributes:
        place: where its words stand in the history, once they are known.
        speech_ended: when the caller stopped speaking, in the clock's seconds; None if unknown.
        words: its words, in the end; empty if they cannot be known.
        heard_by: the connection over which it was heard.
        item: what answers it, if something does.
        unwanted: whether the program wants no answer.
    """

    place: Place
    speech_ended: float | None
    words: "asyncio.Future[str]"
    heard_by: RealtimeConversation | None
    item: SpeechItem | None = None
    unwanted: bool = False

    def drop(self) -> None:
        """The program wants no answer, be it under way or not."""
        self.unwanted = True
        if self.item is not None:
            self.item.stop("program")


class RealtimeListener(Protocol):
    """Who runs the conversation."""

    def caller_speaking(self, speaking: bool, at: float) -> None:
        """The model's detector hears that the caller began to speak at `at`, or stopped."""
        ...

    def interrupted(self, reason: str) -> None:
        """The caller has taken the turn."""
        ...

    def words_heard(self, text: str, final: bool) -> None:
        """The model has words of the caller's."""
        ...

    def audio_turn_ended(self, audio: AudioTurn) -> None:
        """The caller's turn is over: answer it. Its words come later."""
        ...

    def ear_failed(self, source: str, error: HookflashError, recoverable: bool) -> None:
        """The model failed for good: the conversation is at its end."""
        ...


class _Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the model is asked for.

    Attributes:
        turn: what is answered.
        instructions: for this answer alone.
        tool_choice: for this answer alone.
        text: words to say beside the conversation; None asks for an answer of the model's own.
        keep: whether what is heard of it goes into the history.
    """

    turn: AnsweredTurn | None = None
    instructions: str | None = None
    tool_choice: str | None = None
    text: str | None = None
    keep: bool = True


class _Response:
    """An answer that is being made: what comes of it waits here."""

    def __init__(self) -> None:
        self.request = new_id("reply")
        self.events: asyncio.Queue[RealtimeEvent | HookflashError] = asyncio.Queue()
        self._over = asyncio.Event()

    def put(self, event: RealtimeEvent | HookflashError) -> None:
        self.events.put_nowait(event)
        if isinstance(event, (ResponseDone, HookflashError)):
            self._over.set()

    def cancel(self, link: RealtimeConversation) -> None:
        """Let the model stop; after a while it counts as over, whatever the model says."""
        if not self._over.is_set():
            link.cancel(self.request)
            asyncio.get_running_loop().call_later(_CANCEL_WITHIN, self._over.set)

    async def wait_over(self) -> None:
        """Wait until nothing more of it comes."""
        await self._over.wait()


class _Feed:
    """Audio of the model's on its way to the caller.

    Attributes:
        ms: how much has come.
    """

    def __init__(self, sample_rate: int) -> None:
        self.ms = 0.0
        self._rate = sample_rate
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    def write(self, pcm: bytes) -> None:
        self.ms += duration_ms(pcm, self._rate)
        self._pieces.put_nowait(pcm)

    def end(self) -> None:
        self._pieces.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (pcm := await self._pieces.get()) is not None:
            yield pcm


class RealtimeReplies(Mind):
    """Makes the replies of one live session with a realtime model.

    Attributes:
        speaks: whether the model's own voice is heard.
        local_turns: whether a voice detector of ours says when the caller speaks; may change.
    """

    def __init__(
        self,
        model: RealtimeModel,
        listener: RealtimeListener,
        parts: MindParts,
        *,
        sample_rate: int,
        hears: bool,
        local_turns: bool,
    ) -> None:
        """Know everybody, and begin to connect.

        Args:
            model: prepared.
            listener: who runs the conversation.
            parts: what it has of the conversation.
            sample_rate: Hz of the leg.
            hears: whether the model is given the caller's audio; else a recogniser of ours gives
                it words.
            local_turns: whether a voice detector of ours says when the caller speaks.
        """
        super().__init__(parts)
        self.speaks = parts.speech.mute if model.speaks is None else model.speaks
        self.local_turns = local_turns
        self._model = model
        self._listener = listener
        self._rate = sample_rate
        self._response: _Response | None = None
        self._turns: dict[str, AudioTurn] = {}
        self._partials: dict[str, str] = {}
        self._newest_turn: AudioTurn | None = None
        self._speech_ended: float | None = None
        if self.speaks and model.recites:
            parts.speech.reciter = self
        self._memory = RealtimeMemory(parts.history, parts.tools)
        self._link = RealtimeLink(
            model,
            self._memory,
            self,
            sample_rate=sample_rate,
            hears=hears,
            speaks=self.speaks,
            turn=parts.options.turn,
            emitter=parts.emitter,
            owner=parts.owner,
        )

    @property
    def _name(self) -> str:
        return self._model.name

    # What the conversation asks.

    def think_ahead(self, text: str) -> None:
        """A realtime model thinks while it hears."""

    def forget_ahead(self) -> None:
        """Nothing was thought of ahead."""

    def close(self) -> None:
        """The session ends. Idempotent."""
        self._link.close()
        self._forget_turns()

    def hear(self, pcm: bytes) -> None:
        """Let the model hear the caller: 20 ms of PCM16."""
        self._link.hear(pcm)

    def caller_speaking(self, speaking: bool) -> None:
        """A detector of ours hears the caller begin to speak, or stop."""
        if self.local_turns:
            self._speech_ended = (
                None if speaking else clock.now() - self._options.turn.detector_stop
            )
            self._link.caller_speaking(speaking)

    # As the link's user.

    @property
    def busy(self) -> bool:
        """Whether an answer, or words of the caller's, are on their way."""
        return self._response is not None or bool(self._turns)

    def link_ended(self, error: HookflashError | None) -> None:
        """What was on its way will not come."""
        self._forget_turns()
        if self._response is not None:
            msg = f"the connection to {self._model.name} was renewed"
            self._response.put(error or LinkError(msg))
            self._response = None

    def given_up(self, error: HookflashError) -> None:
        """There is no mind any more."""
        self._listener.ear_failed("realtime", error, False)

    def take(self, event: RealtimeEvent) -> None:
        """Something came."""
        match event:
            case CallerSpeech():
                self._caller_heard(event)
            case CallerCommitted():
                self._turn_ended(event.item_id)
            case CallerWords():
                self._words_came(event)
            case RealtimeTrouble():
                self._emitter.tell_error("realtime", event.error.reason, str(event.error))
            case ResponseStarted() | AudioDelta() | WordsDelta() | ToolCallAsked() | ResponseDone():
                response = self._response
                # What was asked for by nobody, or nobody wants any more, goes nowhere.
                if response is not None and response.request == event.request:
                    response.put(event)
                    if isinstance(event, ResponseDone):
                        self._response = None

    # What the caller says.

    def _caller_heard(self, event: CallerSpeech) -> None:
        if self.local_turns:
            return
        moment = clock.now() - event.ago
        self._speech_ended = None if event.speaking else moment
        self._listener.caller_speaking(event.speaking, moment)
        if event.speaking:
            self._listener.interrupted("speech")

    def _turn_ended(self, item_id: str) -> None:
        if self.local_turns:
            # Our own detector may have been in doubt whether this was an interruption.
            self._listener.interrupted("speech")
        words: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def until_now() -> str:
            return words.result() if words.done() else self._partials.get(item_id, "")

        place = self._history.keep_place(until_now, until_now, role=ChatRole.USER)
        self._memory.shares(place, item_id, by_audio=True)
        turn = AudioTurn(place, self._speech_ended, words, self._link.current)
        self._turns[item_id] = self._newest_turn = turn
        self._speech_ended = None
        self._listener.audio_turn_ended(turn)

    def _words_came(self, event: CallerWords) -> None:
        text = event.text.strip()
        if text:
            self._listener.words_heard(text, event.final)
        if not event.final:
            self._partials[event.item_id] = text
            return
        self._partials.pop(event.item_id, None)
        turn = self._turns.pop(event.item_id, None)
        if turn is not None:
            turn.words.set_result(text)

    def _forget_turns(self) -> None:
        """The words that did not come yet will not."""
        turns, self._turns = self._turns, {}
        for item_id, turn in turns.items():
            turn.words.set_result(self._partials.get(item_id, ""))
        self._partials.clear()

    def _missed(self) -> bool:
        """Whether the model, freshly connected, cannot know what the caller said last."""
        turn = self._newest_turn
        if turn is None or turn.heard_by is self._link.current:
            return False
        return not (turn.words.done() and turn.words.result())

    # Answers.

    async def _ask(
        self,
        item: SpeechItem,
        turn: AnsweredTurn | None,
        instructions: str | None,
        tool_choice: str | None,
    ) -> Round:
        """One answer: it is said as it comes, its tool calls are returned."""
        wish = _Wish(turn=turn, instructions=instructions, tool_choice=tool_choice)
        return await self._ask_for(item, wish)

    async def recite(self, item: SpeechItem, text: str, *, keep: bool) -> HookflashError | None:
        """Have words said in the model's voice, as `Reciter.recite`.

        They are no part of the model's own conversation: it is told of them, as far as they were
        heard, like of all that others say.
        """
        return (await self._ask_for(item, _Wish(text=text, keep=keep))).failed

    async def _ask_for(self, item: SpeechItem, wish: _Wish) -> Round:
        """Ask the model; if it fails, again, unless that is of no use, or was waited for too long.

        Words that were given to it and can have been heard in part are not said again.
        """
        asked = wish
        attempt = 1
        while True:
            done = await self._ask_once(item, asked)
            error = done.failed
            if error is None:
                return done
            # A connection that broke has been told of.
            broke = isinstance(error, LinkError) and not isinstance(error, LinkTimeout)
            if not broke and error is not self._link.lost:
                self._emitter.tell_error("realtime", error.reason, str(error))
            if isinstance(error, LinkTimeout):
                self._link.replace()
                return done
            if not error.retryable or self._link.lost is not None or attempt == _ATTEMPTS:
                return done
            attempt += 1
            if wish.text is not None:
                if done.first is not None:
                    return done
            elif done.first is not None:  # some of it can have been heard
                asked = _with_more(wish, _GO_ON)
            elif self._missed():
                asked = _with_more(wish, _MISSED)

    async def _ask_once(self, item: SpeechItem, wish: _Wish) -> Round:
        done = Round(began=clock.now())
        try:
            await self._generate(item, wish, done)
            done.stopped = False
        except LegClosed:
            done.calls.clear()
        except HookflashError as exc:
            done.failed = exc
        finally:
            self._tell_request(item, wish.turn, done)
        return done

    async def _generate(self, item: SpeechItem, wish: _Wish, done: Round) -> None:
        link = await self._free_link()
        response = self._response = _Response()
        try:
            self._send(link, response.request, wish)
            if self.speaks:
                await self._speak(link, response, item, wish, done)
            else:
                await self._write(link, response, item, wish.turn, done)
        finally:
            response.cancel(link)
        if not done.calls and done.first is None:
            msg = f"{self._model.name} gave neither words nor a tool call"
            raise ProviderError(msg, retryable=True)

    def _send(self, link: RealtimeConversation, request: str, wish: _Wish) -> None:
        if wish.text is not None:
            link.recite(request, wish.text)
            return
        self._memory.tell(link)
        instructions = wish.instructions
        if instructions is not None:
            instructions = _joined(self._memory.instructions, instructions)
        link.respond(request, instructions=instructions, tool_choice=wish.tool_choice)

    async def _free_link(self) -> RealtimeConversation:
        """Wait for the connection, and until no other answer is being made on it.

        Raises:
            LinkTimeout: there is none in time.
            HookflashError: none can be had any more.
        """
        while True:
            link = await self._link.wait(self._options.llm_within)
            before = self._response
            if before is None:
                return link
            # One that was cancelled, that of another tool which asked for a reply, or words that
            # are said meanwhile.
            await before.wait_over()
            if self._response is before:
                self._response = None

    async def _events(
        self, response: _Response, done: Round
    ) -> AsyncGenerator[AudioDelta | WordsDelta, None]:
        """Sound and words of an answer; what else comes of it is put into `done`.

        Raises:
            ProviderError: the model failed at it.
            LinkError: the connection broke, or nothing came in time.
        """
        within = self._options.llm_within
        while True:
            try:
                async with asyncio.timeout(within):
                    event = await response.events.get()
            except TimeoutError as exc:
                msg = f"{self._model.name} gave nothing for {within:.1f} s"
                raise LinkTimeout(msg) from exc
            match event:
                case AudioDelta() | WordsDelta():
                    if done.first is None:
                        done.first = clock.now()
                    yield event
                case ToolCallAsked():
                    self._memory.shares_call(event.call.call_id, event.item_id)
                    done.calls.append(event.call)
                case ResponseDone():
                    done.usage = event.usage
                    self._check(event)
                    return
                case HookflashError():
                    raise event
                case _:
                    pass

    def _check(self, event: ResponseDone) -> None:
        """Judge how an answer ended.

        Raises:
            ProviderError: it failed, or was cancelled by somebody else.
        """
        match event.status:
            case ResponseStatus.COMPLETED:
                return
            case ResponseStatus.INCOMPLETE:
                # What was said was said.
                error = event.error or ProviderError(f"{self._model.name} was cut off")
                self._emitter.tell_error("realtime", error.reason, str(error))
            case ResponseStatus.CANCELLED:
                msg = f"{self._model.name} dropped its answer"
                raise ProviderError(msg, retryable=True)
            case ResponseStatus.FAILED:
                raise event.error or ProviderError(f"{self._model.name} failed", retryable=True)

    async def _speak(
        self,
        link: RealtimeConversation,
        response: _Response,
        item: SpeechItem,
        wish: _Wish,
        done: Round,
    ) -> None:
        """Let the caller hear the model's own voice."""
        item_id = ""
        feed: _Feed | None = None
        speaking: Speaking | None = None
        try:
            async with aclosing(self._events(response, done)) as events:
                async for event in events:
                    if feed is None or speaking is None or event.item_id != item_id:
                        if feed is not None and speaking is not None:
                            feed.end()
                            speaking.finish()
                        item_id, feed = event.item_id, _Feed(self._rate)
                        speaking = self._begin(link, item, wish, item_id, feed)
                    if isinstance(event, AudioDelta):
                        feed.write(event.pcm)
                    else:
                        speaking.push(event.text)
        finally:
            if feed is not None and speaking is not None:
                feed.end()
                speaking.finish()
                self._speech.expect(speaking.said)

    def _begin(
        self,
        link: RealtimeConversation,
        item: SpeechItem,
        wish: _Wish,
        item_id: str,
        feed: _Feed,
    ) -> Speaking:
        speaking = self._speech.begin(item, turn=wish.turn, audio=feed, keep=wish.keep)
        if wish.text is None:
            self._memory.shares(self._history.newest_place(), item_id, by_audio=True)
            forget = self._forget_unheard(link, item_id, speaking, feed)
            item.adopt(self._owner.start(forget, name=f"truncate {item_id}"))
        return speaking

    async def _forget_unheard(
        self, link: RealtimeConversation, item_id: str, speaking: Speaking, feed: _Feed
    ) -> None:
        """Let the model know no more of its words than the caller heard."""
        played = (await speaking.spoken()).played
        if played.interrupted and link is self._link.current:
            link.truncate(item_id, min(played.played_ms, feed.ms))

    async def _write(
        self,
        link: RealtimeConversation,
        response: _Response,
        item: SpeechItem,
        turn: AnsweredTurn | None,
        done: Round,
    ) -> None:
        """Let a synthesiser of ours speak what the model writes."""
        item_ids: list[str] = []
        speaking: Speaking | None = None
        place: Place | None = None
        failed = True
        words = self._written(response, done, item_ids)
        if self._hooks.any(LLM_WORDS):
            words = self._hooks.words(words)
        try:
            async with aclosing(words) as deltas:
                async for delta in deltas:
                    if speaking is None:
                        speaking = self._speech.begin(item, turn=turn)
                        place = self._history.newest_place()
                        if item_ids:
                            self._memory.shares(place, item_ids[0], by_audio=False)
                    speaking.push(delta)
            failed = False
        finally:
            if speaking is not None:
                speaking.finish(drop_unfinished=failed)
                self._speech.expect(speaking.said)
            if place is not None and len(item_ids) > 1:
                self._memory.forget(link, place, item_ids)

    async def _written(
        self, response: _Response, done: Round, item_ids: list[str]
    ) -> AsyncGenerator[str, None]:
        async with aclosing(self._events(response, done)) as events:
            async for event in events:
                if isinstance(event, WordsDelta):
                    if event.item_id not in item_ids:
                        item_ids.append(event.item_id)
                    yield event.text

    async def _apologise(self, item: SpeechItem) -> None:
        if self._speech.mute and not self._speech.ending and self._link.lost is None:
            # It says no words that it is given, but may say these of its own will.
            text = f'{_WORD_FOR_WORD}"{self._options.apology}"'
            wish = _Wish(instructions=text, tool_choice="none")
            done = await item.unless_stopped(self._ask_once(item, wish))
            if done is not None and done.failed is not None:
                self._emitter.tell_error("realtime", done.failed.reason, str(done.failed))
        else:
            self._speech.apologise(item)


def _with_more(wish: _Wish, instructions: str) -> _Wish:
    return msgspec.structs.replace(wish, instructions=_joined(wish.instructions, instructions))


def _joined(first: str | None, second: str) -> str:
    return f"{first}\n\n{second}" if first else second

"""The listening half of a session: a leg's audio to detector and recogniser, their findings to
the turn machine, its decisions to whoever runs the conversation.
"""  # noqa: D205

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from hookflash.errors import HookflashError, ProviderError
from hookflash.events.digits import DigitsEntered
from hookflash.events.turn import (
    BackchannelHeard,
    CallerLeft,
    DigitReceived,
    EndTurn,
    ExpectationSet,
    FlushTranscript,
    PausePlayout,
    ReportTrouble,
    ResumePlayout,
    SpeechStarted,
    SpeechStopped,
    StopPlayout,
    TranscriptFinal,
    TranscriptPartial,
    Trouble,
    TurnCommand,
    TurnEvent,
)
from hookflash.legs.base import Leg
from hookflash.machines.digits import DigitsConfig, DigitsEvent, DigitsMachine
from hookflash.machines.turn import TurnConfig, TurnMachine
from hookflash.pipeline.hooks import STT_AUDIO, STT_WORDS, RunningHooks
from hookflash.providers.base import STT, VAD, Hearing, VoiceStream, VoiceVerdict
from hookflash.providers.chat import ToolSchema
from hookflash.runtime import clock
from hookflash.runtime.driver import Driver
from hookflash.runtime.tape import Tape
from hookflash.runtime.tasks import TaskOwner

__all__ = ["ConversationListener", "Ears"]

_log = logging.getLogger("hookflash.pipeline")

_RESTARTS = 3
# Seconds that a replaced recogniser has for the words of what it was given before.
_LAST_WORDS = 2.0


class ConversationListener(Protocol):
    """Who runs the conversation. Called on the loop's thread; must not block."""

    def turn_ended(self, turn: EndTurn) -> None:
        """The caller's turn is over: answer it."""
        ...

    def number_keyed(self, digits: str) -> None:
        """The caller has keyed a number."""
        ...

    def digit_keyed(self, digit: str) -> None:
        """The caller pressed one key."""
        ...

    def caller_speaking(self, speaking: bool) -> None:
        """The caller began to speak, or stopped."""
        ...

    def words_heard(self, text: str, final: bool) -> None:
        """The recogniser has words."""
        ...

    def interrupted(self, reason: str) -> None:
        """The caller has taken the turn: stop speaking and thinking."""
        ...

    def speech_resumed(self) -> None:
        """What looked like an interruption was none."""
        ...

    def not_understood(self, trouble: Trouble) -> None:
        """There was speech, but no words came of it."""
        ...

    def ear_failed(self, source: str, error: HookflashError, recoverable: bool) -> None:
        """The detector or the recogniser failed."""
        ...


class Ears:
    """Listens to one leg for one conversation."""

    def __init__(
        self,
        leg: Leg,
        listener: ConversationListener,
        *,
        stt: STT | None,
        vad: VAD | None,
        hooks: RunningHooks,
        owner: TaskOwner,
        turn: TurnConfig,
        digits: DigitsConfig,
        tape: Tape | None = None,
    ) -> None:
        """Begin to listen.

        Args:
            leg: whom to hear.
            listener: who is told.
            stt: recogniser, prepared.
            vad: detector, prepared.
            hooks: see the audio and the words.
            owner: whose tasks read the recogniser.
            turn: for the turn machine.
            digits: for the digits machine.
            tape: where the machines write.
        """
        self._leg = leg
        self._stt = stt
        self._listener = listener
        self._hooks = hooks
        self._owner = owner
        self._deaf: set[str] = set()
        self._caller_speaking = False
        self._restarts = 0
        self._expectation: tuple[ExpectationSet, Sequence[ToolSchema]] | None = None
        self._turn: Driver[TurnEvent, TurnCommand] = Driver(
            TurnMachine(turn), self._obey, name="turn", tape=tape, config=turn
        )
        self._digits: Driver[DigitsEvent, DigitsEntered] = Driver(
            DigitsMachine(digits), self._number_entered, name="digits", tape=tape, config=digits
        )
        self._vad = vad
        self._voice: VoiceStream | None = None
        if vad is not None:
            self._voice = vad.watch(leg.sample_rate, self._verdict)
        self._hearing: Hearing | None = None
        self._listen()
        leg.listen(self)

    # What the conversation tells.

    def tell(self, event: TurnEvent) -> None:
        """Let the turn machine know what the agent does."""
        self._turn.feed(event)

    def expect(self, expectation: ExpectationSet, tools: Sequence[ToolSchema]) -> None:
        """Let everyone know what kind of answer comes next."""
        self._expectation = (expectation, tools)
        self._turn.feed(expectation)
        self._digits.feed(expectation)
        if self._hearing is not None:
            self._hearing.expect(expectation, tools)

    def replace(self, *, stt: STT | None, vad: VAD | None) -> None:
        """Let another recogniser and detector, prepared, hear what comes from now on.

        What is the same stays as it is. A recogniser that goes gives its last words first, if it
        has any.

        Raises:
            UsageError: one of them cannot be used at the leg's rate; nothing has changed then.
        """
        rate = self._leg.sample_rate
        new_ears = stt is not self._stt
        hearing = stt.listen(rate) if new_ears and stt is not None else None
        if vad is not self._vad:
            voice = vad.watch(rate, self._verdict) if vad is not None else None
            if self._voice is not None:
                self._voice.close()
            self._vad, self._voice = vad, voice
            if self._caller_speaking:
                self._verdict(VoiceVerdict(speaking=False, at=clock.now()))
        if new_ears:
            self._stt, self._restarts = stt, 0
            before, self._hearing = self._hearing, None
            if before is not None:
                before.flush()
                self._owner.start(_retire(before), name="retire stt")
            if hearing is not None:
                self._hear_with(hearing)

    def deafen(self, reason: str) -> None:
        """Hear silence instead of the caller, but for keys, until every reason is over. Idempotent."""
        self._deaf.add(reason)

    def undeafen(self, reason: str) -> None:
        """That reason to be deaf is over. Idempotent."""
        self._deaf.discard(reason)

    async def aclose(self) -> None:
        """Stop listening. Idempotent."""
        self._leg.unlisten(self)
        self._turn.close()
        self._digits.close()
        if self._voice is not None:
            self._voice.close()
        if self._hearing is not None:
            await self._hearing.aclose()

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """20 ms of the caller."""
        if self._deaf:
            # Silence, not nothing: detector and recogniser count time by what they are given.
            pcm = bytes(len(pcm))
        pcm = self._hooks.plain(STT_AUDIO, pcm)
        if self._voice is not None:
            self._voice.push(pcm, at)
        if self._hearing is not None:
            self._hearing.push(pcm)

    def digit_received(self, digit: str, at: float) -> None:
        """A key of the caller."""
        self._listener.digit_keyed(digit)
        self._turn.feed(DigitReceived(digit=digit))
        self._digits.feed(DigitReceived(digit=digit))

    def leg_closed(self, reason: str) -> None:
        """No more will come."""
        self._turn.feed(CallerLeft())
        self._digits.feed(CallerLeft())

    # From detector and recogniser.

    def _verdict(self, verdict: VoiceVerdict) -> None:
        self._caller_speaking = verdict.speaking
        self._listener.caller_speaking(verdict.speaking)
        if verdict.speaking:
            self._turn.feed(SpeechStarted(onset=verdict.at))
        else:
            self._turn.feed(SpeechStopped(offset=verdict.at))

    def _listen(self) -> None:
        if self._stt is not None:
            self._hear_with(self._stt.listen(self._leg.sample_rate))

    def _hear_with(self, hearing: Hearing) -> None:
        self._hearing = hearing
        if self._expectation is not None:
            hearing.expect(*self._expectation)
        self._owner.start(self._read(hearing), name="stt")

    async def _read(self, hearing: Hearing) -> None:
        try:
            async for heard in hearing.transcripts():
                transcript = await self._hooks.run(STT_WORDS, heard)
                text = transcript.text.strip()
                if text:
                    self._listener.words_heard(text, transcript.final)
                if transcript.final:
                    self._turn.feed(TranscriptFinal(text=text, confidence=transcript.confidence))
                elif text:
                    self._turn.feed(TranscriptPartial(text=text))
        except Exception as exc:  # noqa: BLE001  # a provider's bug ends like its failure
            if hearing is not self._hearing:
                return  # it was replaced meanwhile
            error = exc if isinstance(exc, HookflashError) else _foreign(exc)
            self._restarts += 1
            again = self._restarts <= _RESTARTS and not self._leg.closed
            self._listener.ear_failed("stt", error, again)
            self._hearing = None
            if again:
                self._listen()
        finally:
            if hearing is not self._hearing:
                await asyncio.shield(hearing.aclose())

    # From the machines.

    def _obey(self, command: TurnCommand) -> None:
        match command:
            case EndTurn():
                self._listener.turn_ended(command)
            case PausePlayout():
                self._leg.pause()
            case ResumePlayout():
                self._leg.resume()
                self._listener.speech_resumed()
            case StopPlayout():
                self._listener.interrupted(command.reason)
            case FlushTranscript():
                if self._hearing is not None:
                    self._hearing.flush()
            case ReportTrouble():
                self._listener.not_understood(command.trouble)
            case BackchannelHeard():
                pass

    def _number_entered(self, entered: DigitsEntered) -> None:
        self._listener.number_keyed(entered.digits)


def _foreign(exc: Exception) -> HookflashError:
    _log.error("the recogniser's provider raised", exc_info=exc)
    error = ProviderError(f"{type(exc).__name__} in the recogniser's provider")
    error.__cause__ = exc
    return error


async def _retire(hearing: Hearing) -> None:
    """Give a replaced recogniser a moment for its last words, then end it."""
    try:
        await asyncio.sleep(_LAST_WORDS)
    finally:
        await asyncio.shield(hearing.aclose())

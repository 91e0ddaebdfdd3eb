"""The listening half of a session: a leg's audio to detector and recogniser, their findings to
the turn machine, its decisions to whoever runs the conversation.
"""  # noqa: D205

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from hookflash.errors import HookflashError, LinkError, ProviderError, UsageError
from hookflash.events.digits import MASK, DigitsEntered
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
from hookflash.pipeline.concealment import Concealment
from hookflash.pipeline.hooks import STT_AUDIO, STT_WORDS, RunningHooks
from hookflash.pipeline.plain import without_controls
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
        """The caller's turn is over: answer it. Its words as they may be seen."""
        ...

    def number_keyed(self, digits: str) -> None:
        """The caller has keyed a number. Its digits as they may be seen."""
        ...

    def digit_keyed(self, digit: str) -> None:
        """The caller pressed one key; the real one."""
        ...

    def caller_speaking(self, speaking: bool, at: float) -> None:
        """The caller began to speak at `at`, or stopped; before now, by the loop's clock."""
        ...

    def words_heard(self, text: str, final: bool) -> None:
        """The recogniser has words."""
        ...

    def interrupted(self, reason: str) -> None:
        """The caller has taken the turn: stop speaking and thinking."""
        ...

    def speech_paused(self) -> None:
        """The agent hushed for what may be an interruption."""
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
        concealment: Concealment | None = None,
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
            concealment: what may be seen of keys and words; None conceals nothing.
        """
        self._leg = leg
        self._stt = stt
        self._listener = listener
        self._hooks = hooks
        self._owner = owner
        self._concealment = concealment or Concealment()
        self._finish_key = digits.finish_key
        self._deaf: set[str] = set()
        self._key_takers: list[Callable[[str], None]] = []
        self._caller_speaking = False
        self._restarts = 0
        self._excused = False
        """Whether what is being said was lost with a recogniser, and the caller knows."""
        self._closed = False
        self._expectation: tuple[ExpectationSet, Sequence[ToolSchema]] | None = None
        self._turn: Driver[TurnEvent, TurnCommand] = Driver(
            TurnMachine(turn), self._obey, name="turn", tape=tape, config=turn
        )
        self._digits: Driver[DigitsEvent, DigitsEntered] = Driver(
            DigitsMachine(digits), self._number_entered, name="digits", tape=tape, config=digits
        )
        self._vad: VAD | None = vad
        self._vad_restarts = 0
        self._voice: VoiceStream | None = None
        self._watch()
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

    def take_keys(self, taker: Callable[[str], None]) -> Callable[[], None]:
        """Give each key, the real one, to `taker` instead of collecting keys into numbers.

        The one who took them last gets them. A key hushes the agent as ever, and is given on when
        it has ended the caller's turn, if there was one.

        Returns:
            What gives them back; idempotent.
        """
        self._key_takers.append(taker)

        def release() -> None:
            if taker in self._key_takers:
                self._key_takers.remove(taker)

        return release

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
        """Hear silence instead of the caller, until every reason is over. Keys are heard.

        Idempotent.
        """
        self._deaf.add(reason)

    def undeafen(self, reason: str) -> None:
        """That reason to be deaf is over. Idempotent."""
        self._deaf.discard(reason)

    async def aclose(self) -> None:
        """Stop listening. Idempotent."""
        self._closed = True
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
        try:
            if self._voice is not None:
                self._voice.push(pcm, at)
        except Exception as exc:  # noqa: BLE001  # a provider's bug must not reach the leg
            self._detector_failed(exc)
        try:
            if self._hearing is not None:
                self._hearing.push(pcm)
        except Exception as exc:  # noqa: BLE001  # as above
            self._recogniser_failed(exc)

    def digit_received(self, digit: str, at: float) -> None:
        """A key of the caller."""
        self._listener.digit_keyed(digit)
        if self._key_takers:
            self._turn.feed(DigitReceived(digit=MASK if self._concealment.on else digit))
            self._key_takers[-1](digit)
            return
        key = DigitReceived(digit=self._concealment.key(digit, finish_key=self._finish_key))
        self._turn.feed(key)
        self._digits.feed(key)

    def leg_closed(self, reason: str) -> None:
        """No more will come."""
        self._turn.feed(CallerLeft())
        self._digits.feed(CallerLeft())

    # From detector and recogniser.

    def _verdict(self, verdict: VoiceVerdict) -> None:
        self._caller_speaking = verdict.speaking
        self._concealment.speaking(verdict.speaking)
        self._listener.caller_speaking(verdict.speaking, verdict.at)
        if verdict.speaking:
            self._excused = False
            self._turn.feed(SpeechStarted(onset=verdict.at))
        else:
            self._turn.feed(SpeechStopped(offset=verdict.at))

    def _watch(self) -> None:
        if self._vad is None:
            return
        try:
            self._voice = self._vad.watch(self._leg.sample_rate, self._verdict)
        except Exception as exc:
            if isinstance(exc, UsageError) and not self._vad_restarts:
                raise
            # Told when there is somebody to listen.
            self._owner.start(self._later(self._detector_failed, exc), name="vad failed")

    def _listen(self) -> None:
        if self._stt is None:
            return
        try:
            self._hear_with(self._stt.listen(self._leg.sample_rate))
        except Exception as exc:
            if isinstance(exc, UsageError) and not self._restarts:
                raise
            self._owner.start(self._later(self._recogniser_failed, exc), name="stt failed")

    async def _later(self, tell: Callable[[Exception], None], exc: Exception) -> None:
        tell(exc)

    def _hear_with(self, hearing: Hearing) -> None:
        self._hearing = hearing
        if self._expectation is not None:
            hearing.expect(*self._expectation)
        self._owner.start(self._read(hearing), name="stt")

    async def _read(self, hearing: Hearing) -> None:
        try:
            async for heard in hearing.transcripts():
                # One that never pauses must not stop everything else.
                await asyncio.sleep(0)
                transcript = await self._hooks.run(STT_WORDS, heard)
                said = without_controls(transcript.text).strip()
                text = self._concealment.words(said, final=transcript.final)
                if text:
                    self._listener.words_heard(text, transcript.final)
                if transcript.final:
                    self._restarts = 0
                    self._turn.feed(TranscriptFinal(text=text, confidence=transcript.confidence))
                elif text:
                    self._turn.feed(TranscriptPartial(text=text))
            if not self._closed and not self._leg.closed:
                msg = "the recogniser ended its stream"
                raise LinkError(msg)
        except Exception as exc:  # noqa: BLE001  # a provider's bug ends like its failure
            if hearing is self._hearing:  # it was not replaced meanwhile
                self._recogniser_failed(exc)
        finally:
            if hearing is not self._hearing:
                await asyncio.shield(hearing.aclose())

    def _recogniser_failed(self, exc: Exception) -> None:
        """Tell, and begin anew with a fresh stream; after too many, give up."""
        error = exc if isinstance(exc, HookflashError) else _foreign("recogniser", exc)
        before, self._hearing = self._hearing, None
        if before is not None:
            self._owner.start(before.aclose(), name="close stt")
        self._excused = True
        self._restarts += 1
        again = self._restarts <= _RESTARTS and not self._leg.closed
        self._listener.ear_failed("stt", error, again)
        if again:
            self._listen()

    def _detector_failed(self, exc: Exception) -> None:
        """Tell, and begin anew with a fresh stream; after too many, hear without one."""
        error = exc if isinstance(exc, HookflashError) else _foreign("detector", exc)
        before, self._voice = self._voice, None
        if before is not None:
            before.close()
        if self._caller_speaking:
            self._verdict(VoiceVerdict(speaking=False, at=clock.now()))
        self._vad_restarts += 1
        if self._vad_restarts <= _RESTARTS:
            self._watch()
        self._listener.ear_failed("vad", error, True)

    # From the machines.

    def _obey(self, command: TurnCommand) -> None:
        match command:
            case EndTurn():
                self._listener.turn_ended(command)
            case PausePlayout():
                self._leg.pause()
                self._listener.speech_paused()
            case ResumePlayout():
                self._leg.resume()
                self._listener.speech_resumed()
            case StopPlayout():
                self._listener.interrupted(command.reason)
            case FlushTranscript():
                if self._hearing is not None:
                    self._hearing.flush()
            case ReportTrouble():
                if not self._excused:
                    self._listener.not_understood(command.trouble)
            case BackchannelHeard():
                self._concealment.turn(command.text)

    def _number_entered(self, entered: DigitsEntered) -> None:
        self._listener.number_keyed(entered.digits)


def _foreign(whose: str, exc: Exception) -> HookflashError:
    _log.error("the %s's provider raised", whose, exc_info=exc)
    error = ProviderError(f"{type(exc).__name__} in the {whose}'s provider")
    error.__cause__ = exc
    return error


async def _retire(hearing: Hearing) -> None:
    """Give a replaced recogniser a moment for its last words, then end it."""
    try:
        await asyncio.sleep(_LAST_WORDS)
    finally:
        await asyncio.shield(hearing.aclose())

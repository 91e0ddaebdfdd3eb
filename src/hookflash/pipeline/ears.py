"""The listening half of a session: a leg's audio to detector and recogniser, their findings to
the turn machine, its decisions to whoever runs the conversation.
"""  # noqa: D205

import asyncio
from collections.abc import Sequence
from typing import Protocol

from hookflash.errors import HookflashError
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
from hookflash.pipeline.pipeline import Pipeline
from hookflash.providers.base import Hearing, VoiceStream, VoiceVerdict
from hookflash.providers.chat import ToolSchema
from hookflash.runtime.driver import Driver
from hookflash.runtime.tape import Tape
from hookflash.runtime.tasks import TaskOwner

__all__ = ["ConversationListener", "Ears"]

_RESTARTS = 3


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
        pipeline: Pipeline,
        listener: ConversationListener,
        *,
        owner: TaskOwner,
        turn: TurnConfig,
        digits: DigitsConfig,
        tape: Tape | None = None,
    ) -> None:
        """Begin to listen. The pipeline is prepared.

        Args:
            leg: whom to hear.
            pipeline: its `stt` and `vad` are used.
            listener: who is told.
            owner: whose tasks read the recogniser.
            turn: for the turn machine.
            digits: for the digits machine.
            tape: where the machines write.
        """
        self._leg = leg
        self._stt = pipeline.stt
        self._listener = listener
        self._owner = owner
        self._restarts = 0
        self._expectation: tuple[ExpectationSet, Sequence[ToolSchema]] | None = None
        self._turn: Driver[TurnEvent, TurnCommand] = Driver(
            TurnMachine(turn), self._obey, name="turn", tape=tape, config=turn
        )
        self._digits: Driver[DigitsEvent, DigitsEntered] = Driver(
            DigitsMachine(digits), self._number_entered, name="digits", tape=tape, config=digits
        )
        self._voice: VoiceStream | None = None
        if pipeline.vad is not None:
            self._voice = pipeline.vad.watch(leg.sample_rate, self._verdict)
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
        self._listener.caller_speaking(verdict.speaking)
        if verdict.speaking:
            self._turn.feed(SpeechStarted(onset=verdict.at))
        else:
            self._turn.feed(SpeechStopped(offset=verdict.at))

    def _listen(self) -> None:
        if self._stt is None:
            return
        self._hearing = self._stt.listen(self._leg.sample_rate)
        if self._expectation is not None:
            self._hearing.expect(*self._expectation)
        self._owner.start(self._read(self._hearing), name="stt")

    async def _read(self, hearing: Hearing) -> None:
        try:
            async for transcript in hearing.transcripts():
                text = transcript.text.strip()
                if text:
                    self._listener.words_heard(text, transcript.final)
                if transcript.final:
                    self._turn.feed(TranscriptFinal(text=text, confidence=transcript.confidence))
                elif text:
                    self._turn.feed(TranscriptPartial(text=text))
        except HookflashError as exc:
            self._restarts += 1
            again = self._restarts <= _RESTARTS and not self._leg.closed
            self._listener.ear_failed("stt", exc, again)
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

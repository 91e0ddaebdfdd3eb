"""Whose turn it is: what the turn machine hears and what it asks for."""

from enum import StrEnum
from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "AgentSpeechEnded",
    "AgentSpeechStarted",
    "AgentThinking",
    "BackchannelHeard",
    "CallerLeft",
    "DigitReceived",
    "EndTurn",
    "Expectation",
    "ExpectationSet",
    "FlushTranscript",
    "PausePlayout",
    "ReportTrouble",
    "ResumePlayout",
    "SpeechStarted",
    "SpeechStopped",
    "StopPlayout",
    "TranscriptFinal",
    "TranscriptPartial",
    "Trouble",
    "TurnCommand",
    "TurnEndReason",
    "TurnEvent",
    "TurnJudged",
]


class Expectation(StrEnum):
    """What kind of answer the agent's last words asked for; a hint for endpointing."""

    ANYTHING = "anything"
    YES_NO = "yes_no"
    CHOICE = "choice"
    DIGITS = "digits"
    SPELLING = "spelling"
    DICTATION = "dictation"


class TurnEndReason(StrEnum):
    """Why the caller's turn was taken to be over."""

    SILENCE = "silence"
    """The caller was silent for long enough after what was said."""
    COMPLETE = "complete"
    """The answer was complete for what was expected; a shorter silence was enough."""
    KEYS = "keys"
    """A key press ended the turn."""
    LIMIT = "limit"
    """Audio without end; the turn was cut at its maximum length."""
    LEFT = "left"
    """The caller hung up with words still uncommitted."""


class Trouble(StrEnum):
    """What the watchdogs found."""

    NO_TRANSCRIPT = "no_transcript"
    """There was speech, and the recogniser gave no words for it in time."""
    ENDLESS_AUDIO = "endless_audio"
    """Speech was reported for longer than a turn may last (noise, music, a stuck detector)."""


# What happened.


@named("speech.started")
class SpeechStarted(Record, frozen=True, kw_only=True):
    """The voice-activity detector hears the caller speak.

    Attributes:
        onset: when the speech began, in the machine's seconds; it is earlier than now by the
            detector's confirmation time. None means now.
    """

    onset: float | None = None


@named("speech.stopped")
class SpeechStopped(Record, frozen=True, kw_only=True):
    """The voice-activity detector no longer hears the caller speak.

    Attributes:
        offset: when the speech ended; None means now.
    """

    offset: float | None = None


@named("transcript.partial")
class TranscriptPartial(Record, frozen=True, kw_only=True):
    """A guess at the words so far of the segment being spoken; replaces the one before."""

    text: str


@named("transcript.final")
class TranscriptFinal(Record, frozen=True, kw_only=True):
    """The words of one segment; will not change. A turn may have several segments.

    An empty text says that the recogniser found no words in the segment, which spares the
    machine the wait for them. Recognisers that can say so, should.
    """

    text: str
    confidence: float | None = None


@named("turn.digit")
class DigitReceived(Record, frozen=True, kw_only=True):
    """The caller pressed a key."""

    digit: str


@named("agent.speech_started")
class AgentSpeechStarted(Record, frozen=True, kw_only=True):
    """The caller hears the agent begin to speak.

    Attributes:
        interruptible: whether the caller may cut this utterance short.
    """

    interruptible: bool = True


@named("agent.speech_ended")
class AgentSpeechEnded(Record, frozen=True, kw_only=True):
    """The agent has nothing left to be heard: played to its end, or stopped."""


@named("agent.thinking")
class AgentThinking(Record, frozen=True, kw_only=True):
    """The agent works on an answer (True), or does so no longer (False)."""

    active: bool


@named("turn.expectation_set")
class ExpectationSet(Record, frozen=True, kw_only=True):
    """What kind of answer comes next.

    Attributes:
        expects: the kind.
        length: how many digits or letters make the answer complete, if known.
        words: answers that are complete as they stand (menu words), lower case.
    """

    expects: Expectation
    length: int | None = None
    words: tuple[str, ...] = ()


@named("turn.judged")
class TurnJudged(Record, frozen=True, kw_only=True):
    """A turn detector has judged how complete the caller's words are.

    Attributes:
        text: all words of the turn that it judged.
        completeness: how likely they are a whole turn, 0.0 to 1.0.
    """

    text: str
    completeness: float


@named("turn.caller_left")
class CallerLeft(Record, frozen=True, kw_only=True):
    """The leg is gone; no more will come."""


# What to do.


@named("turn.end")
class EndTurn(Record, frozen=True, kw_only=True):
    """The caller's turn is over: answer it.

    Attributes:
        text: the words of the whole turn, segments joined by one space.
        reason: why it was taken to be over.
        speech_ended_at: when the caller stopped speaking, in the machine's seconds; None if
            there was no speech.
    """

    text: str
    reason: TurnEndReason
    speech_ended_at: float | None = None


@named("turn.backchannel")
class BackchannelHeard(Record, frozen=True, kw_only=True):
    """The caller showed that they listen ("mhm"), and no more: there is nothing to answer.

    Attributes:
        text: the words, which will be in no turn.
    """

    text: str


@named("playout.pause")
class PausePlayout(Record, frozen=True, kw_only=True):
    """Hush at once, but keep the place: this may be an interruption."""


@named("playout.resume")
class ResumePlayout(Record, frozen=True, kw_only=True):
    """It was no interruption: go on from the word that was being said."""


@named("playout.stop")
class StopPlayout(Record, frozen=True, kw_only=True):
    """The caller has taken the turn: drop what is left to say and what is being thought of.

    Attributes:
        reason: `words`, `stop_word`, `duration`, `keys`, or `left` when the caller hung up
            during a pause.
    """

    reason: str


@named("transcript.flush")
class FlushTranscript(Record, frozen=True, kw_only=True):
    """Tell the recogniser to give its final words for what it has heard."""


@named("turn.trouble")
class ReportTrouble(Record, frozen=True, kw_only=True):
    """A watchdog ran out; the agent should say that it did not catch that."""

    trouble: Trouble


TurnEvent: TypeAlias = (
    SpeechStarted
    | SpeechStopped
    | TranscriptPartial
    | TranscriptFinal
    | DigitReceived
    | AgentSpeechStarted
    | AgentSpeechEnded
    | AgentThinking
    | ExpectationSet
    | TurnJudged
    | CallerLeft
)
TurnCommand: TypeAlias = (
    EndTurn
    | BackchannelHeard
    | PausePlayout
    | ResumePlayout
    | StopPlayout
    | FlushTranscript
    | ReportTrouble
)

"""Who has answered a call that we made: what the voicemail machine hears, says, and is told of.

The three `SessionRecord`s at the end are what a session tells its listeners.
"""

from enum import StrEnum
from typing import TypeAlias

from hookflash.events.base import Record, named
from hookflash.events.session import SessionRecord
from hookflash.events.turn import (
    CallerLeft,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TranscriptPartial,
)

__all__ = [
    "AskModel",
    "CarrierSaid",
    "CarrierVerdict",
    "GiveUp",
    "MessageLeft",
    "ModelSaid",
    "PartyAnswered",
    "PartyJudged",
    "ReadyToSpeak",
    "ToneHeard",
    "VoicemailBeep",
    "VoicemailCommand",
    "VoicemailDetected",
    "VoicemailEvent",
    "VoicemailMethod",
    "VoicemailVerdict",
]


class VoicemailVerdict(StrEnum):
    """Who or what has answered."""

    HUMAN = "human"
    MACHINE = "machine"
    """An answering machine or a mailbox: it greets, beeps and records."""
    IVR = "ivr"
    """A menu that wants keys or words."""
    CALL_SCREENING = "call_screening"
    """An assistant that asks who is calling and why, and may then fetch its owner."""
    FAX = "fax"
    UNKNOWN = "unknown"
    """Nobody spoke, or it could not be told in time."""


class VoicemailMethod(StrEnum):
    """What a verdict rests on."""

    CARRIER = "carrier"
    """The telephone company said so."""
    TIMING = "timing"
    """How long somebody spoke before falling silent."""
    WORDS = "words"
    """Phrases of people and of machines."""
    LLM = "llm"
    """The language model read the words."""
    TONE = "tone"
    """A beep or a fax tone."""
    TIMEOUT = "timeout"
    """Time ran out."""


class CarrierVerdict(StrEnum):
    """What telephone companies say about who answered: the values of Twilio's `AnsweredBy`.

    Source: https://www.twilio.com/docs/voice/answering-machine-detection
    """

    HUMAN = "human"
    MACHINE_START = "machine_start"
    """A machine; its greeting goes on."""
    MACHINE_END_BEEP = "machine_end_beep"
    """A machine; its greeting ended with a beep."""
    MACHINE_END_SILENCE = "machine_end_silence"
    """A machine; its greeting ended with silence."""
    MACHINE_END_OTHER = "machine_end_other"
    """A machine; its greeting ended somehow."""
    FAX = "fax"
    UNKNOWN = "unknown"

    @property
    def verdict(self) -> VoicemailVerdict:
        """Who it is, whatever their greeting is at."""
        match self:
            case CarrierVerdict.HUMAN:
                return VoicemailVerdict.HUMAN
            case CarrierVerdict.FAX:
                return VoicemailVerdict.FAX
            case CarrierVerdict.UNKNOWN:
                return VoicemailVerdict.UNKNOWN
            case _:
                return VoicemailVerdict.MACHINE


# What happened.


@named("voicemail.party_answered")
class PartyAnswered(Record, frozen=True, kw_only=True):
    """The call was answered; the audio begins."""


@named("voicemail.tone_heard")
class ToneHeard(Record, frozen=True, kw_only=True):
    """The party's side sent a steady tone, which has ended (a fax's may go on).

    Attributes:
        hz: its frequency; of two, that of the stronger.
        ms: how long it lasted, or has lasted.
    """

    hz: float
    ms: float


@named("voicemail.carrier_said")
class CarrierSaid(Record, frozen=True, kw_only=True):
    """The telephone company told who answered. It may come at any time, and more than once."""

    verdict: CarrierVerdict


@named("voicemail.model_said")
class ModelSaid(Record, frozen=True, kw_only=True):
    """The language model has answered `AskModel`.

    Attributes:
        verdict: its word; None if it failed or said something else.
    """

    verdict: VoicemailVerdict | None = None


# What to do.


@named("voicemail.party_judged")
class PartyJudged(Record, frozen=True, kw_only=True):
    """This is who answered. Said once; at most once more, with `corrected`.

    Attributes:
        verdict: who.
        method: what it rests on.
        corrected: the verdict before was wrong (or an assistant has passed us on to a machine).
        text: the words heard since the answer, or since the verdict before.
    """

    verdict: VoicemailVerdict
    method: VoicemailMethod
    corrected: bool = False
    text: str = ""


@named("voicemail.ask_model")
class AskModel(Record, frozen=True, kw_only=True):
    """Ask the language model who says this. It is waited for only so long.

    Attributes:
        text: the words heard so far.
    """

    text: str


@named("voicemail.ready")
class ReadyToSpeak(Record, frozen=True, kw_only=True):
    """The machine's greeting is over: it records now.

    Attributes:
        beep: whether a beep was heard. One that comes while a message is already being left, after
            a silence was taken for the end, brings this a second time: begin again.
    """

    beep: bool


@named("voicemail.give_up")
class GiveUp(Record, frozen=True, kw_only=True):
    """The machine's greeting does not end."""


VoicemailEvent: TypeAlias = (
    PartyAnswered
    | SpeechStarted
    | SpeechStopped
    | TranscriptPartial
    | TranscriptFinal
    | ToneHeard
    | CarrierSaid
    | ModelSaid
    | CallerLeft
)
VoicemailCommand: TypeAlias = PartyJudged | AskModel | ReadyToSpeak | GiveUp


# What a session tells.


@named("voicemail.detected")
class VoicemailDetected(SessionRecord, frozen=True, kw_only=True):
    """It was decided who answered: a machine, or anybody else.

    Attributes:
        result: who.
        method: what the verdict rests on.
        seconds: from the answer to the verdict.
        corrected: whether this replaces an earlier verdict.
        transcript: the words on which it was decided; empty if none were recognised.
    """

    result: VoicemailVerdict
    method: VoicemailMethod
    seconds: float
    corrected: bool = False
    transcript: str = ""


@named("voicemail.beep")
class VoicemailBeep(SessionRecord, frozen=True, kw_only=True):
    """A beep was heard on the other side.

    Attributes:
        frequency_hz: of two, the stronger.
        duration_ms: how long it was.
    """

    frequency_hz: float
    duration_ms: int


@named("voicemail.message_left")
class MessageLeft(SessionRecord, frozen=True, kw_only=True):
    """The message to the machine is over; the call ends.

    Attributes:
        whole: whether all of it was played into the line.
        beep: whether a beep was heard before it.
    """

    whole: bool
    beep: bool

"""The pretend carrier: a stateful Twilio on loopback, with people to phone.

`CarrierEmulator` is the front door; `person` and its siblings are the parties at the far ends;
`Faults` and `Race` are what can go wrong; the classes of `log` are what tests assert on. It knows
nothing of our own carrier clients and legs, so that a fault of theirs is not mirrored here.
"""

from hookflash.emulator.account import EmulatorSettings, Recording
from hookflash.emulator.call import EmulatedCall, Status
from hookflash.emulator.carrier import CarrierEmulator
from hookflash.emulator.conference import ConferenceStatus, EmulatedConference
from hookflash.emulator.detection import AnsweredBy
from hookflash.emulator.exchange import PhoneNumber
from hookflash.emulator.far_end import (
    Answer,
    FarEnd,
    Script,
    busy,
    call_screening,
    detected_as,
    fax,
    invalid,
    ivr,
    no_answer,
    person,
    reject,
    silence,
    voicemail,
)
from hookflash.emulator.faults import Faults, Race
from hookflash.emulator.line import Line, Track
from hookflash.emulator.log import (
    CallChange,
    Entry,
    EventLog,
    Failure,
    Lint,
    Notice,
    RestRequest,
    SocketMessage,
    VerbStep,
    Webhook,
)
from hookflash.emulator.participant import Participant
from hookflash.emulator.twilio_sdk import (
    patched_twilio_sdk,
    twilio_async_http_client,
    twilio_http_client,
)
from hookflash.emulator.voice import SECONDS_PER_CHARACTER, Voice, placeholder_voice

__all__ = [
    "SECONDS_PER_CHARACTER",
    "Answer",
    "AnsweredBy",
    "CallChange",
    "CarrierEmulator",
    "ConferenceStatus",
    "EmulatedCall",
    "EmulatedConference",
    "EmulatorSettings",
    "Entry",
    "EventLog",
    "Failure",
    "FarEnd",
    "Faults",
    "Line",
    "Lint",
    "Notice",
    "Participant",
    "PhoneNumber",
    "Race",
    "Recording",
    "RestRequest",
    "Script",
    "SocketMessage",
    "Status",
    "Track",
    "VerbStep",
    "Voice",
    "Webhook",
    "busy",
    "call_screening",
    "detected_as",
    "fax",
    "invalid",
    "ivr",
    "no_answer",
    "patched_twilio_sdk",
    "person",
    "placeholder_voice",
    "reject",
    "silence",
    "twilio_async_http_client",
    "twilio_http_client",
    "voicemail",
]

"""Calls: a leg, its carrier's control, and its life from ringing to the end."""

from hookflash.calls.bridge import Bridge
from hookflash.calls.call import Call, CallNotAnswered
from hookflash.calls.outcome import TransferOutcome
from hookflash.calls.recording import Recorder
from hookflash.calls.room import Room
from hookflash.calls.track_recording import TrackRecorder

__all__ = [
    "Bridge",
    "Call",
    "CallNotAnswered",
    "Recorder",
    "Room",
    "TrackRecorder",
    "TransferOutcome",
]

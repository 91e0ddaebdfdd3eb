"""Calls: a leg, its carrier's control, and its life from ringing to the end."""

from hookflash.calls.call import Call, CallNotAnswered
from hookflash.calls.recording import Recorder

__all__ = ["Call", "CallNotAnswered", "Recorder"]

"""Names for the identifiers that travel between rooms. All are opaque text."""

from typing import NewType

__all__ = ["CallId", "LegId", "SessionId", "TurnId", "UtteranceId"]

CallId = NewType("CallId", str)
LegId = NewType("LegId", str)
SessionId = NewType("SessionId", str)
TurnId = NewType("TurnId", str)
UtteranceId = NewType("UtteranceId", str)

"""What a person at the terminal sees of a transfer, once it is over."""

from hookflash.events import Record
from hookflash.events.transfer import (
    TransferAttempt,
    WarmTransferAttemptEnded,
    WarmTransferPhase,
    WarmTransferPhaseReached,
)
from hookflash.runtime import clock

__all__ = ["Timeline"]

_STEPS = (
    ("dialed_at", "dialled"),
    ("ringing_at", "ringing"),
    ("answered_at", "answered"),
    ("human_at", "is a person"),
    ("accepted_at", "accepted"),
    ("merged_at", "connected"),
)


class Timeline:
    """What happened when in one transfer: its phases, and the calls that were made for it."""

    def __init__(self) -> None:
        """Begin without any."""
        self._began = 0.0
        # When, the phase, and what happened to a call.
        self._rows: list[tuple[float, str, str]] = []
        self.summary = ""
        """What the supervisor was, or would have been, told."""

    def happened(self, event: Record) -> None:
        """Take an event of the caller's session."""
        match event:
            case WarmTransferPhaseReached():
                if event.phase is WarmTransferPhase.STARTED:
                    self._began = clock.now()
                elif event.phase is WarmTransferPhase.SUMMARY_READY:
                    self.summary = str(event.data["summary"])
                self._rows.append((clock.now() - self._began, event.phase, ""))
            case WarmTransferAttemptEnded():
                self._add_attempt(event.attempt)
            case _:
                pass

    def add(self, what: str) -> None:
        """Add what happened to a call just now."""
        self._rows.append((clock.now() - self._began, "", what))

    def text(self) -> str:
        """Return it as lines, in seconds since the transfer was asked for."""
        rows = sorted(self._rows, key=lambda row: round(row[0], 2))
        lines = [f"{at:7.2f}  {phase:<26} {call}".rstrip() for at, phase, call in rows]
        return "\n".join(["The transfer, in seconds", *lines])

    def _add_attempt(self, attempt: TransferAttempt) -> None:
        for field, step in _STEPS:
            at: float | None = getattr(attempt, field)
            if at is not None:
                self._rows.append((at, "", f"{attempt.destination}: {step}"))
        if attempt.ended_at is not None:
            ended = f"{attempt.destination}: ended by the {attempt.ended_by}, {attempt.reason}"
            self._rows.append((attempt.ended_at, "", ended))

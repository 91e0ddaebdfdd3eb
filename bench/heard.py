"""What one caller of the load heard, and how late: pure arithmetic on arrival times.

A caller speaks and is silent by turns, and speaks over the agent's answer each time. Of each turn
we want to know when the answer came, whether its frames came in time, and when the agent hushed.
All times are seconds of one clock.
"""

from array import array
from dataclasses import dataclass, field

__all__ = ["MISSED_AFTER", "Heard", "Tally", "lateness", "percentile"]

MISSED_AFTER = 3.0
"""Seconds after the caller's speech without any answer: the turn counts as missed."""
_HUSHED_FOR = 0.5
"""Seconds of the agent's silence, while the caller speaks, that are no accident."""


@dataclass(slots=True)
class Tally:
    """What all callers of a run found, in seconds."""

    late: "array[float]" = field(default_factory=lambda: array("d"))
    """Of each frame of the agent's, how long the caller had to wait for it: silence in a word."""
    jitter: "array[float]" = field(default_factory=lambda: array("d"))
    """Of each frame, how far behind the agent's own pace it came, whether or not that was heard."""
    turns: "array[float]" = field(default_factory=lambda: array("d"))
    """Of each turn, from the end of the caller's speech to the agent's first frame."""
    barge_ins: "array[float]" = field(default_factory=lambda: array("d"))
    """Of each interruption, from the caller's first sound to the agent's `clear`."""
    missed_turns: int = 0
    missed_barge_ins: int = 0
    """The caller spoke to its end, and the agent had not hushed."""


def lateness(arrivals: list[tuple[float, float]], lead: float) -> tuple[list[float], list[float]]:
    """Return how late each frame of one utterance was, and how far behind the agent's own pace.

    The schedule is the earliest in step with real time that no frame came before. An agent may
    begin by sending `lead` seconds ahead of real time: then a frame is behind its pace once that
    lead has shrunk, and late only when it is used up.

    Args:
        arrivals: when each frame came, and the seconds of audio before it.
        lead: how far the agent says that it sends ahead.
    """
    paces = [max(0.0, before - lead) for _, before in arrivals]
    origin = min((at - pace for (at, _), pace in zip(arrivals, paces, strict=True)), default=0.0)
    late = [max(0.0, at - origin - before) for at, before in arrivals]
    jitter = [at - origin - pace for (at, _), pace in zip(arrivals, paces, strict=True)]
    return late, jitter


def percentile(values: "array[float]", share: float) -> float:
    """Return the value that `share` of all do not exceed; 0.0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Heard:
    """One caller's ears. Whatever it finds goes to the tally, from `begin` until `end`."""

    def __init__(self, tally: Tally, *, lead: float) -> None:
        self._tally = tally
        self._lead = lead
        self._counted = (float("inf"), float("inf"))
        self._utterance: list[tuple[float, float]] = []
        self._position = 0.0
        self._plays_until = 0.0
        self._asked: float | None = None
        self._spoke_over: float | None = None

    def count(self, begin: float, end: float) -> None:
        """Say which time counts: what begins in it."""
        self._counted = (begin, end)

    @property
    def waits(self) -> bool:
        """Whether an answer, or the agent's hushing, that counts is still to come."""
        return any(
            since is not None and self._counts(since) for since in (self._asked, self._spoke_over)
        )

    def speech_began(self, at: float) -> None:
        """The caller's first sound."""
        self.check(at)
        self._spoke_over = at if self._utterance else None

    def speech_ended(self, at: float) -> None:
        """The caller's last sound: an answer is due."""
        self.check(at)
        if self._spoke_over is not None and self._plays_until < at - _HUSHED_FOR:
            # It stopped in the instant in which all that it had sent was played.
            self.cleared(self._plays_until)
        elif self._spoke_over is not None and self._counts(self._spoke_over):
            self._tally.missed_barge_ins += 1
        self._spoke_over = None
        self._finish()
        if self._asked is not None and self._counts(self._asked):
            self._tally.missed_turns += 1
        self._asked = at

    def audio(self, at: float, seconds: float) -> None:
        """A frame of the agent's came."""
        if self._asked is not None:
            self.check(at)
        if self._asked is not None:
            if self._counts(self._asked):
                self._tally.turns.append(at - self._asked)
            self._asked = None
        self._utterance.append((at, self._position))
        self._position += seconds
        self._plays_until = max(self._plays_until, at) + seconds

    def cleared(self, at: float) -> None:
        """The agent hushed."""
        self._plays_until = at
        if self._spoke_over is not None:
            if self._counts(self._spoke_over):
                self._tally.barge_ins.append(at - self._spoke_over)
            self._spoke_over = None
        self._finish()

    def check(self, now: float) -> None:
        """Give up on an answer that is too late."""
        if self._asked is not None and now - self._asked > MISSED_AFTER:
            if self._counts(self._asked):
                self._tally.missed_turns += 1
            self._asked = None

    def _finish(self) -> None:
        if self._utterance and self._counts(self._utterance[0][0]):
            late, jitter = lateness(self._utterance, self._lead)
            self._tally.late.extend(late)
            self._tally.jitter.extend(jitter)
        self._utterance = []
        self._position = 0.0

    def _counts(self, at: float) -> bool:
        begin, end = self._counted
        return begin <= at < end

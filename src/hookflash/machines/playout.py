"""What the party on one leg has heard of what we sent.

The leg's player hands audio to the peer at real-time pace. The peer is taken to be a first-in,
first-out buffer, empty at first, that plays in real time from when audio arrives (Twilio's media
stream is one: audio and marks in one queue, a mark comes back when all before it was played, and
a clear drops the audio and returns *every* pending mark at once). So three sources say what was
heard, in rising order of trust:

- the clock: each run of audio plays from `max(the buffer's end, when it was handed over)`;
- a mark that is missing: nothing behind it is believed once it is overdue, whatever the clock
  says;
- a mark that came back, and was not dropped by a hold or a clear: all before it was heard.

A clear travels to the peer as long as the audio before it did, so what the clock says at the
moment of the clear is what the peer had played when the clear arrived.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError, UsageError
from hookflash.events.playout import (
    AudioQueued,
    AudioSent,
    MarkPassed,
    PlaceMark,
    PlayoutCleared,
    PlayoutClosed,
    PlayoutCommand,
    PlayoutEvent,
    PlayoutHeld,
    UtteranceClosed,
    UtteranceFinished,
    UtteranceStarted,
)

__all__ = ["TRANSITIONS", "PlayoutConfig", "PlayoutMachine", "PlayoutState"]

_SLACK_MS = 1.0
"""A player goes on after a hold from a whole sample, and sums of floats drift: positions less
than this apart are the same position. One sample at 8 kHz is 0.125 ms."""


class PlayoutState(StrEnum):
    """What the leg's playout is doing."""

    IDLE = "idle"
    """No utterance is open."""
    PLAYING = "playing"
    """An utterance is open: it plays, or waits for its audio."""
    HELD = "held"
    """Paused in an utterance; the peer holds none of our audio."""
    CLOSED = "closed"
    """The leg is gone."""


TRANSITIONS: Mapping[PlayoutState, Mapping[str, tuple[PlayoutState, ...]]] = {
    PlayoutState.IDLE: {
        AudioQueued.name: (PlayoutState.IDLE, PlayoutState.PLAYING),
        UtteranceClosed.name: (PlayoutState.IDLE,),
        PlayoutClosed.name: (PlayoutState.CLOSED,),
    },
    PlayoutState.PLAYING: {
        AudioQueued.name: (PlayoutState.PLAYING, PlayoutState.IDLE),
        UtteranceClosed.name: (PlayoutState.PLAYING, PlayoutState.IDLE),
        AudioSent.name: (PlayoutState.PLAYING, PlayoutState.IDLE),
        MarkPassed.name: (PlayoutState.PLAYING, PlayoutState.IDLE),
        PlayoutHeld.name: (PlayoutState.HELD, PlayoutState.IDLE),
        PlayoutCleared.name: (PlayoutState.PLAYING, PlayoutState.IDLE),
        PlayoutClosed.name: (PlayoutState.CLOSED,),
        "tick": (PlayoutState.PLAYING, PlayoutState.IDLE),
    },
    PlayoutState.HELD: {
        AudioQueued.name: (PlayoutState.HELD,),
        UtteranceClosed.name: (PlayoutState.HELD, PlayoutState.IDLE),
        AudioSent.name: (PlayoutState.PLAYING, PlayoutState.IDLE),
        PlayoutCleared.name: (PlayoutState.HELD, PlayoutState.IDLE),
        PlayoutClosed.name: (PlayoutState.CLOSED,),
    },
    PlayoutState.CLOSED: {
        AudioQueued.name: (PlayoutState.CLOSED,),
        UtteranceClosed.name: (PlayoutState.CLOSED,),
    },
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""


class PlayoutConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the peer tells what it has played.

    Raises:
        ConfigError: a field is out of its range.
    """

    marks: bool = True
    """Whether the peer returns marks. Without them the clock alone decides."""
    mark_every_ms: float = 1000.0
    """Audio between two marks while an utterance plays; above 0. A second is the most that is
    in doubt if marks stop coming, and one message in fifty."""
    mark_tolerance: float = 0.25
    """Seconds that a mark may come back after its time before the audio behind it is doubted;
    at least 0. Covers a slow round trip between continents and the peer's own tick."""
    finish_grace: float = 2.0
    """Seconds to wait for the mark at an utterance's end before the clock is believed; at least
    0. Long enough for a lost TCP segment to be sent again, short enough to leave no dead air."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 0 < self.mark_every_ms < math.inf:
            msg = f"mark_every_ms is {self.mark_every_ms}; give a number above 0"
            raise ConfigError(msg)
        for setting in ("mark_tolerance", "finish_grace"):
            seconds: float = getattr(self, setting)
            if not 0 <= seconds < math.inf:
                msg = f"{setting} is {seconds}; give seconds, 0 or more"
                raise ConfigError(msg)


class _Utterance(msgspec.Struct, kw_only=True, eq=False):
    """One thing said. Positions in milliseconds: `heard <= sent <= queued`."""

    name: str
    ordinal: int
    queued: float = 0.0
    sent: float = 0.0
    heard: float = 0.0  # beyond doubt; the runs that are in flight may add to it
    marked: float | None = None  # position of the last mark that was not dropped
    marks: int = 0
    closed: bool = False
    started: bool = False
    finished: bool = False

    @property
    def all_sent(self) -> bool:
        return self.closed and self.sent == self.queued

    @property
    def all_heard(self) -> bool:
        return self.closed and self.heard == self.queued


class _Run(msgspec.Struct, kw_only=True, eq=False):
    """Audio in the peer's buffer that plays without a gap, and the mark behind it."""

    utterance: _Utterance
    begin: float
    end: float
    starts: float
    mark: str | None = None
    asked: float = -math.inf  # when the mark was placed

    @property
    def ends(self) -> float:
        return self.starts + (self.end - self.begin) / 1000

    @property
    def due(self) -> float:
        """When the peer passes the mark: at once if it was placed behind audio long played."""
        return max(self.ends, self.asked)

    def reached(self, now: float) -> float:
        # At `ends` exactly the quotient above need not multiply back to the whole length.
        if now >= self.ends:
            return self.end
        return min(self.end, self.begin + (now - self.starts) * 1000)


class PlayoutMachine:
    """Knows, for each utterance on one leg, how much was queued, sent and heard.

    Utterances are played in the order in which their first audio was queued. `UtteranceStarted`
    is said at most once for each, `UtteranceFinished` exactly once, in that order among
    utterances too; but the next one may start before the end of the last one is confirmed.

    What the peer does (marks late, lost, repeated, unknown) is never an error. What our own
    player does wrongly raises `UsageError` and changes nothing.
    """

    def __init__(self, config: PlayoutConfig | None = None) -> None:
        self._config = config or PlayoutConfig()
        self._state = PlayoutState.IDLE
        self._now = -math.inf
        self._known: dict[str, _Utterance] = {}
        self._queue: list[_Utterance] = []  # open ones, in the order in which they are played
        self._runs: list[_Run] = []  # sent, and not yet heard beyond doubt
        self._drained_at = -math.inf  # when the peer's buffer runs empty

    @property
    def state(self) -> PlayoutState:
        """Where the playout is."""
        return self._state

    def heard_ms(self, utterance: str, now: float) -> float:
        """Return how much of an utterance, open or finished, was heard by `now`.

        Never more than was sent. It grows with time, but an overdue mark takes back the at most
        `mark_tolerance` seconds that the clock had run ahead of it.

        Raises:
            UsageError: no audio of that utterance was ever queued.
        """
        return self._heard(self._named(utterance), max(now, self._now))

    def sent_ms(self, utterance: str) -> float:
        """Return how much of an utterance was handed to the peer and not dropped by a hold.

        After `PlayoutHeld` this is where the player goes on.

        Raises:
            UsageError: no audio of that utterance was ever queued.
        """
        return self._named(utterance).sent

    def receive(self, event: PlayoutEvent, now: float) -> Sequence[PlayoutCommand]:
        """Take one event; return the marks to place and what became true.

        Raises:
            UsageError: the player queued audio after it had closed the utterance, closed one
                that was never opened, or sent more than was queued or out of turn.
        """
        self._refuse_misuse(event)
        return self._step(event.name, now, event)

    def tick(self, now: float) -> Sequence[PlayoutCommand]:
        """Return what became true by time alone."""
        return self._step("tick", now, None)

    def deadline(self) -> float | None:
        """Return when an utterance starts to be heard, or ends by the clock; None if neither."""
        moments = [run.starts for run in self._runs if not run.utterance.started][:1]
        if self._queue and self._queue[0].all_sent:
            moments.append(self._ends_by_clock(self._queue[0]))
        return min(moments, default=None)

    def _step(self, name: str, now: float, event: PlayoutEvent | None) -> list[PlayoutCommand]:
        legal = TRANSITIONS[self._state].get(name)
        if legal is None:
            return []
        self._now = max(self._now, now)
        commands = self._tell()  # what became true before the event did
        if event is not None:
            commands += self._apply(event)
            commands += self._tell()
        if not self._queue and self._state is not PlayoutState.CLOSED:
            self._state = PlayoutState.IDLE
        assert self._state in legal, (name, self._state)
        return commands

    def _apply(self, event: PlayoutEvent) -> list[PlayoutCommand]:
        match event:
            case AudioQueued():
                return self._queued(event)
            case UtteranceClosed():
                utterance = self._known[event.utterance]
                utterance.closed = True
                return self._mark(utterance)
            case AudioSent():
                return self._sent(event)
            case MarkPassed():
                self._passed(event.mark)
                return []
            case PlayoutHeld():
                self._recall()
                self._state = PlayoutState.HELD
                return []
            case PlayoutCleared():
                return self._cleared(event.utterance)
            case PlayoutClosed():
                self._state = PlayoutState.CLOSED
                return self._cleared(None)
            case _:
                assert_never(event)

    def _queued(self, event: AudioQueued) -> list[PlayoutCommand]:
        utterance = self._known.get(event.utterance)
        if utterance is None:
            utterance = _Utterance(name=event.utterance, ordinal=len(self._known) + 1)
            self._known[event.utterance] = utterance
            self._queue.append(utterance)
        if utterance.finished:
            return []  # a clear came first; whoever makes the audio has yet to learn of it
        utterance.queued += event.ms
        if self._state is PlayoutState.CLOSED:
            return [self._finish(utterance)]
        if self._state is PlayoutState.IDLE:
            self._state = PlayoutState.PLAYING
        return []

    def _sent(self, event: AudioSent) -> list[PlayoutCommand]:
        self._state = PlayoutState.PLAYING
        utterance = self._known[event.utterance]
        position = utterance.sent + event.ms
        if position > utterance.queued - _SLACK_MS:
            position = utterance.queued
        if position == utterance.sent:
            return []
        last = self._runs[-1] if self._runs else None
        if (
            last is not None
            and last.utterance is utterance
            and last.mark is None
            and event.began <= self._drained_at
        ):
            last.end = position
        else:
            last = _Run(
                utterance=utterance,
                begin=utterance.sent,
                end=position,
                starts=max(self._drained_at, event.began),
            )
            self._runs.append(last)
        utterance.sent = position
        self._drained_at = last.ends
        return self._mark(utterance)

    def _mark(self, utterance: _Utterance) -> list[PlayoutCommand]:
        """Place a mark behind the audio sent so far, if one is wanted there."""
        if not self._config.marks or utterance.sent == utterance.heard:
            return []
        marked = utterance.marked
        wanted = (
            marked is None
            or utterance.sent - marked >= self._config.mark_every_ms
            or (utterance.all_sent and marked < utterance.sent)
        )
        if not wanted:
            return []
        utterance.marks += 1
        utterance.marked = utterance.sent
        run = self._runs[-1]
        run.mark = f"{utterance.ordinal}.{utterance.marks}"
        run.asked = self._now
        return [PlaceMark(mark=run.mark)]

    def _passed(self, mark: str) -> None:
        passed = [index for index, run in enumerate(self._runs) if run.mark == mark]
        if not passed:
            return
        self._confirm(passed[0] + 1)
        # The peer was at this mark no earlier than this. If that is later than the clock had
        # it, the peer lags, and all that is queued behind the mark plays later too.
        earliest = self._now - self._config.mark_tolerance
        for run in self._runs:
            run.starts = max(run.starts, earliest)
            earliest = run.ends
        self._drained_at = max(self._drained_at, earliest)

    def _confirm(self, count: int) -> None:
        """Take the first `count` runs as heard."""
        for run in self._runs[:count]:
            run.utterance.heard = run.end
        del self._runs[:count]

    def _recall(self) -> None:
        """The peer dropped what it had not played: it is unsent again, and its marks void."""
        for utterance in self._queue:
            utterance.heard = utterance.sent = self._heard(utterance, self._now)
            utterance.marked = None
        self._runs.clear()
        self._drained_at = self._now

    def _cleared(self, only: str | None) -> list[PlayoutCommand]:
        dropped = [one for one in self._queue if only in (None, one.name)]
        # One that has not begun is taken out of our own queue; the peer has none of it.
        if any(one.sent > 0 for one in dropped):
            self._recall()
        return [self._finish(one) for one in dropped]

    def _finish(self, utterance: _Utterance) -> UtteranceFinished:
        utterance.finished = True
        self._queue.remove(utterance)
        return UtteranceFinished(
            utterance=utterance.name,
            played_ms=utterance.heard,
            total_ms=utterance.queued,
            interrupted=not utterance.all_heard,
        )

    def _tell(self) -> list[PlayoutCommand]:
        """Say what is true by now: who has started, and who, in turn, has finished."""
        if not self._config.marks:
            self._confirm(sum(run.ends <= self._now for run in self._runs))
        commands: list[PlayoutCommand] = []
        in_turn = True
        for utterance in tuple(self._queue):
            if not utterance.started and self._is_begun(utterance):
                utterance.started = True
                commands.append(UtteranceStarted(utterance=utterance.name))
            in_turn = in_turn and self._is_over(utterance)
            if in_turn:
                commands.append(self._finish(utterance))
        return commands

    def _is_begun(self, utterance: _Utterance) -> bool:
        return utterance.heard > 0 or any(
            run.utterance is utterance and run.starts <= self._now for run in self._runs
        )

    def _is_over(self, utterance: _Utterance) -> bool:
        """Say whether the utterance at the head of the queue was heard to its end."""
        if (
            utterance.all_sent
            and not utterance.all_heard
            and self._ends_by_clock(utterance) <= self._now
        ):
            self._confirm(sum(run.utterance is utterance for run in self._runs))
        return utterance.all_heard

    def _ends_by_clock(self, head: _Utterance) -> float:
        """Return when the head of the queue, all sent, is over if no mark says so before."""
        last = [run for run in self._runs if run.utterance is head][-1]
        return last.due + self._config.finish_grace if self._config.marks else last.ends

    def _heard(self, utterance: _Utterance, now: float) -> float:
        position = utterance.heard
        for run in self._runs:
            if now < run.starts:
                break
            if run.utterance is utterance:
                position = run.reached(now)
            if run.mark is not None and now >= run.due + self._config.mark_tolerance:
                break
        return position

    def _named(self, name: str) -> _Utterance:
        try:
            return self._known[name]
        except KeyError:
            msg = f"utterance {name!r} is unknown; report AudioQueued for it first"
            raise UsageError(msg) from None

    def _refuse_misuse(self, event: PlayoutEvent) -> None:
        match event:
            case AudioQueued():
                if not 0 <= event.ms < math.inf:
                    msg = f"AudioQueued of {event.ms} ms; give a length of 0 or more"
                    raise UsageError(msg)
                known = self._known.get(event.utterance)
                if known is not None and known.closed:
                    msg = f"utterance {known.name!r} is closed; open another for more audio"
                    raise UsageError(msg)
            case UtteranceClosed():
                self._named(event.utterance)
            case AudioSent() if self._state is not PlayoutState.CLOSED:
                self._refuse_sent(event)
            case _:
                pass

    def _refuse_sent(self, event: AudioSent) -> None:
        if not (0 <= event.ms < math.inf and math.isfinite(event.began)):
            msg = f"AudioSent of {event.ms} ms at {event.began}; give a length and a time"
            raise UsageError(msg)
        utterance = self._named(event.utterance)
        if utterance.finished:
            msg = f"utterance {utterance.name!r} is over; send nothing more of it"
            raise UsageError(msg)
        first = next(one for one in self._queue if one is utterance or not one.all_sent)
        if first is not utterance:
            msg = f"utterance {utterance.name!r} was sent before {first.name!r} was all sent"
            raise UsageError(msg)
        if utterance.sent + event.ms > utterance.queued + _SLACK_MS:
            msg = (
                f"{event.ms} ms of {utterance.name!r} sent at {utterance.sent} ms, but only"
                f" {utterance.queued} ms are queued; report AudioQueued first"
            )
            raise UsageError(msg)

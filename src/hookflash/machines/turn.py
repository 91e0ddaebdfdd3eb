"""Whose turn it is: when the caller has finished, and when the agent must hush.

Two questions make the state. How is the agent heard: silent, audible, or hushed (paused because
the caller spoke)? And the caller: nothing to wait for, speaking, or silent with words kept or
still awaited from the recogniser?

|                | nothing | speaking | words kept or awaited |
|----------------|---------|----------|-----------------------|
| agent silent   | QUIET   | CALLER   | WAITING               |
| agent audible  | AGENT   | OVERLAP  | HELD                  |
| agent hushed   |         | PAUSED   | DOUBT                 |

The caller's events move along a row, the agent's speech and our own commands change the row, and
time ends what waits: WAITING becomes a turn, DOUBT becomes a false interruption.

No final is ever lost: its words come out in exactly one `EndTurn` or `BackchannelHeard`. A
partial is only a guess, and stands in for a final that did not come; should the final come after
all, it counts as new words.
"""

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.turn import (
    AgentSpeechEnded,
    AgentSpeechStarted,
    AgentThinking,
    BackchannelHeard,
    CallerLeft,
    DigitReceived,
    EndTurn,
    Expectation,
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
    TurnEndReason,
    TurnEvent,
    TurnJudged,
)
from hookflash.machines.endpointing import (
    ENGLISH,
    Completeness,
    Lexicon,
    completeness,
    content_words,
    opens_with_stop_word,
    words,
)

__all__ = ["TRANSITIONS", "TurnConfig", "TurnMachine", "TurnState"]

_LAST_CALL = 1.0
"""Seconds before the longest turn is cut at which the recogniser is asked for its words; it needs
some of them to answer."""


class TurnState(StrEnum):
    """How the agent is heard, and what is waited for from the caller."""

    QUIET = "quiet"
    """Nobody is heard and nothing is awaited. The agent may be thinking."""
    CALLER = "caller"
    """The caller speaks; the agent does not."""
    WAITING = "waiting"
    """The caller stopped (or words came without speech): is the turn over?"""
    AGENT = "agent"
    """The agent is heard; the caller is silent."""
    OVERLAP = "overlap"
    """Both are heard: not long enough to pause, or the agent may not be interrupted."""
    HELD = "held"
    """The agent is heard; words of the caller are kept (or awaited) until it has finished."""
    PAUSED = "paused"
    """The agent was hushed, for the caller speaks. Perhaps an interruption."""
    DOUBT = "doubt"
    """The agent is hushed and the caller silent again: was it an interruption?"""
    LEFT = "left"
    """The caller is gone."""


_S = TurnState

TRANSITIONS: Mapping[TurnState, Mapping[str, tuple[TurnState, ...]]] = {
    _S.QUIET: {
        SpeechStarted.name: (_S.CALLER,),
        TranscriptPartial.name: (_S.QUIET, _S.WAITING),
        TranscriptFinal.name: (_S.QUIET, _S.WAITING),
        AgentSpeechStarted.name: (_S.AGENT,),
        AgentThinking.name: (_S.QUIET,),
        ExpectationSet.name: (_S.QUIET,),
        CallerLeft.name: (_S.LEFT,),
    },
    _S.CALLER: {
        SpeechStopped.name: (_S.WAITING,),
        TranscriptPartial.name: (_S.CALLER,),
        TranscriptFinal.name: (_S.CALLER,),
        DigitReceived.name: (_S.CALLER,),
        AgentSpeechStarted.name: (_S.OVERLAP,),
        AgentThinking.name: (_S.CALLER,),
        TurnJudged.name: (_S.CALLER,),
        ExpectationSet.name: (_S.CALLER,),
        CallerLeft.name: (_S.LEFT,),
        "tick": (_S.CALLER,),
    },
    _S.WAITING: {
        SpeechStarted.name: (_S.CALLER,),
        TranscriptPartial.name: (_S.WAITING,),
        TranscriptFinal.name: (_S.WAITING,),
        DigitReceived.name: (_S.WAITING, _S.QUIET),
        AgentSpeechStarted.name: (_S.HELD, _S.AGENT),
        AgentThinking.name: (_S.WAITING,),
        TurnJudged.name: (_S.WAITING,),
        ExpectationSet.name: (_S.WAITING,),
        CallerLeft.name: (_S.LEFT,),
        "tick": (_S.QUIET,),
    },
    _S.AGENT: {
        SpeechStarted.name: (_S.OVERLAP,),
        TranscriptPartial.name: (_S.AGENT, _S.HELD, _S.WAITING),
        TranscriptFinal.name: (_S.AGENT, _S.HELD, _S.WAITING),
        DigitReceived.name: (_S.AGENT, _S.QUIET),
        AgentSpeechStarted.name: (_S.AGENT,),
        AgentSpeechEnded.name: (_S.QUIET,),
        AgentThinking.name: (_S.AGENT,),
        ExpectationSet.name: (_S.AGENT,),
        CallerLeft.name: (_S.LEFT,),
    },
    _S.OVERLAP: {
        SpeechStopped.name: (_S.HELD, _S.AGENT),
        TranscriptPartial.name: (_S.OVERLAP, _S.CALLER),
        TranscriptFinal.name: (_S.OVERLAP, _S.CALLER),
        DigitReceived.name: (_S.OVERLAP, _S.CALLER),
        AgentSpeechStarted.name: (_S.OVERLAP,),
        AgentSpeechEnded.name: (_S.CALLER,),
        AgentThinking.name: (_S.OVERLAP,),
        TurnJudged.name: (_S.OVERLAP,),
        ExpectationSet.name: (_S.OVERLAP,),
        CallerLeft.name: (_S.LEFT,),
        "tick": (_S.PAUSED, _S.CALLER),
    },
    _S.HELD: {
        SpeechStarted.name: (_S.OVERLAP,),
        TranscriptPartial.name: (_S.HELD, _S.AGENT, _S.WAITING),
        TranscriptFinal.name: (_S.HELD, _S.AGENT, _S.WAITING),
        DigitReceived.name: (_S.HELD, _S.WAITING, _S.QUIET),
        AgentSpeechStarted.name: (_S.HELD,),
        AgentSpeechEnded.name: (_S.WAITING,),
        AgentThinking.name: (_S.HELD,),
        TurnJudged.name: (_S.HELD,),
        ExpectationSet.name: (_S.HELD,),
        CallerLeft.name: (_S.LEFT,),
        "tick": (_S.HELD, _S.AGENT),
    },
    _S.PAUSED: {
        SpeechStopped.name: (_S.DOUBT, _S.HELD, _S.AGENT),
        TranscriptPartial.name: (_S.PAUSED, _S.CALLER),
        TranscriptFinal.name: (_S.PAUSED, _S.CALLER),
        DigitReceived.name: (_S.PAUSED, _S.CALLER),
        AgentSpeechStarted.name: (_S.PAUSED, _S.OVERLAP),
        AgentSpeechEnded.name: (_S.CALLER,),
        AgentThinking.name: (_S.PAUSED,),
        TurnJudged.name: (_S.PAUSED,),
        ExpectationSet.name: (_S.PAUSED,),
        CallerLeft.name: (_S.LEFT,),
        "tick": (_S.CALLER, _S.OVERLAP),
    },
    _S.DOUBT: {
        SpeechStarted.name: (_S.PAUSED,),
        TranscriptPartial.name: (_S.DOUBT, _S.HELD, _S.AGENT, _S.WAITING),
        TranscriptFinal.name: (_S.HELD, _S.AGENT, _S.WAITING),
        DigitReceived.name: (_S.DOUBT, _S.WAITING),
        AgentSpeechStarted.name: (_S.DOUBT, _S.HELD),
        AgentSpeechEnded.name: (_S.WAITING,),
        AgentThinking.name: (_S.DOUBT,),
        TurnJudged.name: (_S.DOUBT,),
        ExpectationSet.name: (_S.DOUBT,),
        CallerLeft.name: (_S.LEFT,),
        "tick": (_S.HELD,),
    },
    _S.LEFT: {},
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""

_SILENT = frozenset({_S.QUIET, _S.CALLER, _S.WAITING})
_SPEAKING = frozenset({_S.CALLER, _S.OVERLAP, _S.PAUSED})
_AUDIBLE = frozenset({_S.AGENT, _S.OVERLAP, _S.HELD})
_HUSHED = frozenset({_S.PAUSED, _S.DOUBT})


class TurnConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the agent is, and how easily it is interrupted. Times are seconds.

    Raises:
        ConfigError: a field is out of its range.
    """

    complete_delay: float = 0.3
    """From the end of speech to the end of the turn after a complete answer to what was asked;
    at most `min_delay`. The voice detector's own stop time is within it, so nothing is added."""
    min_delay: float = 0.5
    """The same when nothing is known: longer than the pauses within most sentences, and still
    felt as prompt."""
    max_delay: float = 1.5
    """The same after words that ask for more ("and", "my"), and while digits, letters or an
    address are dictated: people breathe and look at their card there. At least `min_delay`."""
    min_duration: float = 0.2
    """Speech over the agent for this long hushes it. A pause that proves wrong costs little, and
    anything shorter is a click or a breath."""
    min_words: int = 1
    """Words, backchannels not counted, that make speech over the agent an interruption; at least
    1. One, because callers say "operator" or "billing", and because the voice detector has to
    agree first; 2 suits noisy rooms and recognisers that hear words in noise."""
    interrupt_duration: float | None = 0.8
    """Continuous speech that interrupts when the recogniser has given no words for it, for those
    that give none before the end. Longer than a cough or an "uh-huh"; None turns it off."""
    detector_stop: float = 0.35
    """How long the voice detector waits before it reports that speech has stopped. Speech that
    goes on is known to have lasted only as long as it has gone on less this."""
    false_interruption_timeout: float = 1.0
    """From the end of speech that hushed the agent to its going on, if the recogniser gives no
    words: time enough for a recogniser over the network."""
    max_pause: float = 8.0
    """The longest that the agent stays hushed without a decision: a noise that comes and goes, or
    a hum that never ends, must not silence it."""
    answer_window: float = 1.0
    """A backchannel over the agent is kept this long; if the agent ends meanwhile it was an
    answer ("yeah" at the end of a question), otherwise it is dropped."""
    digits_interrupt: bool = True
    """Whether a key press interrupts the agent."""
    min_speech: float = 0.5
    """Speech without words is only troubling if it was longer than this; coughs are not."""
    no_transcript_timeout: float = 3.0
    """From the end of speech to giving up on the recogniser. Above what a healthy one takes, and
    below the four seconds after which callers ask whether somebody is there."""
    max_turn: float = 60.0
    """The longest turn; above 1. Nobody talks to an agent for a minute on end; music does."""
    lexicon: Lexicon = ENGLISH
    """The words to look for."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        seconds = {
            "complete_delay": self.complete_delay,
            "min_duration": self.min_duration,
            "interrupt_duration": self.interrupt_duration or 0.0,
            "detector_stop": self.detector_stop,
            "false_interruption_timeout": self.false_interruption_timeout,
            "max_pause": self.max_pause,
            "answer_window": self.answer_window,
            "min_speech": self.min_speech,
            "no_transcript_timeout": self.no_transcript_timeout,
        }
        for setting, value in seconds.items():
            if not 0 <= value < math.inf:
                msg = f"{setting} is {value}; give seconds, 0 or more"
                raise ConfigError(msg)
        if not self.complete_delay <= self.min_delay <= self.max_delay < math.inf:
            msg = "give delays so that complete_delay <= min_delay <= max_delay"
            raise ConfigError(msg)
        if not _LAST_CALL < self.max_turn < math.inf:
            msg = f"max_turn is {self.max_turn}; give seconds above {_LAST_CALL}"
            raise ConfigError(msg)
        if self.min_words < 1:
            msg = f"min_words is {self.min_words}; give 1 or more"
            raise ConfigError(msg)


class _Turn(msgspec.Struct, kw_only=True):
    """What is known of the caller's turn. A new one begins with nothing known."""

    began: float = 0.0  # what `max_turn` is counted from
    onset: float = 0.0  # of the last run of speech
    offset: float | None = None  # of the last run of speech that stopped
    news_at: float = 0.0  # when words last came, or began to be kept
    finals: list[str] = msgspec.field(default_factory=list[str])
    partial: str = ""
    awaited: bool = False  # the last run of speech has brought no final yet
    wordless: bool = True  # ... and no partial either
    barred: bool = False  # ... and may not interrupt: too short for it, or judged to be noise
    flushed: bool = False  # the last call before `max_turn` was made
    voiced: float = 0.0  # the longest run of speech that the agent did not talk over
    hushed_at: float = 0.0  # when the agent was last paused
    judged: TurnJudged | None = None  # how complete a turn detector took some words to be

    @property
    def text(self) -> str:
        """All words so far, the guess included."""
        return " ".join([*self.finals, self.partial] if self.partial else self.finals)

    @property
    def newest(self) -> str:
        """The words that came last."""
        return self.partial or (self.finals[-1] if self.finals else "")

    @property
    def pending(self) -> bool:
        """Whether there are words, or some may come."""
        return bool(self.finals or self.partial or self.awaited)

    @property
    def silent_since(self) -> float:
        """When the caller fell silent; without speech, when the last words came."""
        return self.news_at if self.offset is None else self.offset

    def settle_for_partial(self) -> None:
        """Take the guess for the final that did not come, and await no more."""
        if self.partial:
            self.finals.append(self.partial)
        self.partial = ""
        self.awaited = False


class TurnMachine:
    """Decides when the caller's turn is over and when the agent must hush.

    Owned by the agent's session, which tells it what the voice detector, the recogniser and the
    playout report, and obeys its commands. It relies on three things:

    - `AgentSpeechStarted` and `AgentSpeechEnded` say what the caller hears. After `StopPlayout`
      the machine takes the agent to be silent at once; the `AgentSpeechEnded` that follows is
      ignored.
    - `StopPlayout` also cancels an answer that is being thought of. New words while the agent
      thinks bring one, and the `EndTurn` that follows carries only the new words.
    - Each `PausePlayout` is followed by exactly one `ResumePlayout` or `StopPlayout`.

    While the agent may not be interrupted nothing is paused, and what is said becomes a turn as
    soon as the agent has finished.
    """

    def __init__(self, config: TurnConfig | None = None) -> None:
        self._config = config or TurnConfig()
        self._state = TurnState.QUIET
        self._turn = _Turn()
        self._interruptible = True
        self._thinking = False
        self._expected = ExpectationSet(expects=Expectation.ANYTHING)
        self._commands: list[TurnCommand] = []

    @property
    def state(self) -> TurnState:
        """How the agent is heard, and what is waited for from the caller."""
        return self._state

    def receive(self, event: TurnEvent, now: float) -> Sequence[TurnCommand]:
        """Take one event; what has come due by `now` follows it."""
        if event.name in TRANSITIONS[self._state]:
            match event:
                case SpeechStarted():
                    after = self._speech_started(event, now)
                case SpeechStopped():
                    after = self._speech_stopped(event, now)
                case TranscriptPartial():
                    after = self._heard(event.text, now, final=False)
                case TranscriptFinal():
                    after = self._heard(event.text, now, final=True)
                case DigitReceived():
                    after = self._digit_received(now)
                case AgentSpeechStarted():
                    after = self._agent_speech_started(event)
                case AgentSpeechEnded():
                    after = self._agent_speech_ended()
                case AgentThinking():
                    self._thinking = event.active
                    after = self._state
                case ExpectationSet():
                    self._expected = event
                    after = self._state
                case TurnJudged():
                    self._turn.judged = event
                    after = self._state
                case CallerLeft():
                    after = self._caller_left(now)
                case _:
                    assert_never(event)
            self._enter(after, event.name, now)
        return self.tick(now)

    def tick(self, now: float) -> Sequence[TurnCommand]:
        """Carry out what has come due by `now`."""
        while (due := self.deadline()) is not None and due <= now:
            self._enter(self._come_due(now), "tick", now)
        commands, self._commands = self._commands, []
        return commands

    def deadline(self) -> float | None:
        """Return when the present state has lasted too long; None while nothing is waited for."""
        config, turn = self._config, self._turn
        match self._state:
            case TurnState.QUIET | TurnState.AGENT | TurnState.LEFT:
                return None
            case TurnState.CALLER:
                return self._limit() if turn.flushed else self._limit() - _LAST_CALL
            case TurnState.WAITING:
                return min(self._wait_ends(), self._limit())
            case TurnState.OVERLAP:
                may_pause = self._interruptible and not turn.barred
                return turn.onset + config.min_duration if may_pause else None
            case TurnState.HELD:
                if turn.partial or turn.awaited:
                    return turn.news_at + config.no_transcript_timeout
                return turn.news_at + config.answer_window if self._is_backchannel() else None
            case TurnState.PAUSED:
                return min(self._duration_interrupts(), turn.hushed_at + config.max_pause)
            case TurnState.DOUBT:
                false_at = turn.silent_since + config.false_interruption_timeout
                return min(false_at, turn.hushed_at + config.max_pause)
            case _:
                assert_never(self._state)

    # What happened.

    def _speech_started(self, event: SpeechStarted, now: float) -> TurnState:
        onset = _at_latest(event.onset, now)
        self._open_turn(onset)
        self._turn.onset = onset
        self._turn.awaited = True
        self._turn.wordless = True
        self._turn.barred = False
        return self._where(speaking=True)

    def _speech_stopped(self, event: SpeechStopped, now: float) -> TurnState:
        turn = self._turn
        turn.offset = max(turn.onset, _at_latest(event.offset, now))
        self._commands.append(FlushTranscript())
        lasted = turn.offset - turn.onset
        if self._state is TurnState.CALLER:
            turn.voiced = max(turn.voiced, lasted)
            return TurnState.WAITING
        if lasted < self._config.min_duration:
            turn.barred = True
        if self._state in _HUSHED and (turn.barred or not (turn.partial or turn.awaited)):
            return self._resume(speaking=False)
        return self._where(speaking=False)

    def _heard(self, text: str, now: float, *, final: bool) -> TurnState:
        said = text.strip() if words(text) else ""
        if said:
            self._open_turn(now)
        turn = self._turn
        if said:
            turn.news_at = now
            turn.wordless = False
        if final:
            turn.finals += [said] if said else []
            turn.awaited = False
        turn.partial = "" if final else said
        claim = self._claims_floor(now) if said else None
        if claim is not None:
            self._stop(claim)
            return self._where(agent_heard=False)
        if self._state is TurnState.DOUBT and not (turn.partial or turn.awaited):
            return self._resume(speaking=False)
        if self._state is TurnState.WAITING:
            return TurnState.WAITING
        return self._where()

    def _digit_received(self, now: float) -> TurnState:
        heard = self._state not in _SILENT
        if heard and not (self._interruptible and self._config.digits_interrupt):
            return self._state
        if heard:
            self._stop("keys")
        # The keys are the answer, or part of it: what was said before needs no apology.
        self._turn.voiced = 0.0
        if self._state in _SPEAKING:
            self._turn.onset = now
        if self._turn.finals:
            self._end_turn(TurnEndReason.KEYS, now)
        return self._where(agent_heard=False)

    def _agent_speech_started(self, event: AgentSpeechStarted) -> TurnState:
        self._interruptible = event.interruptible
        if self._state not in _HUSHED:
            return self._where(agent_heard=True)
        return self._state if self._interruptible else self._resume()

    def _agent_speech_ended(self) -> TurnState:
        if self._state in _HUSHED:
            self._commands.append(ResumePlayout())
        return self._where(agent_heard=False)

    def _caller_left(self, now: float) -> TurnState:
        if self._state in _HUSHED:
            self._stop("left")
        self._turn.settle_for_partial()
        self._thinking = False
        if self._turn.finals:
            self._end_turn(TurnEndReason.LEFT, now)
        return TurnState.LEFT

    # What has come due.

    def _come_due(self, now: float) -> TurnState:
        turn = self._turn
        match self._state:
            case TurnState.CALLER:
                self._reach_limit(now)
                return TurnState.CALLER
            case TurnState.WAITING:
                self._end_wait(now)
                return TurnState.QUIET
            case TurnState.OVERLAP:
                claim = None if turn.wordless else self._claims_floor(now)
                if claim is not None:
                    self._stop(claim)
                    return TurnState.CALLER
                turn.hushed_at = now
                self._commands.append(PausePlayout())
                return TurnState.PAUSED
            case TurnState.PAUSED:
                if self._duration_interrupts() <= now:
                    self._stop("duration")
                    return TurnState.CALLER
                turn.barred = True
                return self._resume()
            case TurnState.DOUBT:
                return self._resume()
            case TurnState.HELD:
                if turn.partial or turn.awaited:
                    turn.settle_for_partial()
                else:
                    self._drop_backchannel()
                return self._where()
            case TurnState.QUIET | TurnState.AGENT | TurnState.LEFT:  # pragma: no cover
                return self._state  # they have no deadline
            case _:
                assert_never(self._state)

    def _reach_limit(self, now: float) -> None:
        """Make the last call before the longest turn, or cut the turn and go on listening."""
        turn = self._turn
        if not turn.flushed:
            turn.flushed = True
            self._commands.append(FlushTranscript())
            return
        if not turn.finals:
            turn.settle_for_partial()
        if turn.finals:
            self._end_turn(TurnEndReason.LIMIT, now)
        else:
            self._commands.append(ReportTrouble(trouble=Trouble.ENDLESS_AUDIO))
            self._begin_again(now)
        # Whatever it is, it must not keep the agent from speaking.
        turn.barred = True

    def _end_wait(self, now: float) -> None:
        """Make a turn of the words; without any, say so if it was more than a cough."""
        turn = self._turn
        cut = self._limit() < self._wait_ends()
        turn.settle_for_partial()
        if not turn.finals:
            # While the agent thinks, an answer is on its way in any case.
            if turn.voiced > self._config.min_speech and not self._thinking:
                self._commands.append(ReportTrouble(trouble=Trouble.NO_TRANSCRIPT))
        elif self._thinking and not self._content_words():
            self._drop_backchannel()
        elif cut:
            self._end_turn(TurnEndReason.LIMIT, now)
        elif self._completeness() is Completeness.COMPLETE:
            self._end_turn(TurnEndReason.COMPLETE, now)
        else:
            self._end_turn(TurnEndReason.SILENCE, now)

    # When.

    def _limit(self) -> float:
        return self._turn.began + self._config.max_turn

    def _wait_ends(self) -> float:
        """Return when the turn is over if nothing more comes."""
        config, turn = self._config, self._turn
        if turn.partial:
            return max(turn.silent_since, turn.news_at) + config.no_transcript_timeout
        if turn.awaited and not turn.finals:
            return turn.silent_since + config.no_transcript_timeout
        if turn.awaited or not turn.finals:
            # A cough after the words; or the recogniser has answered that there are none, and
            # the caller may be about to say it again.
            return turn.silent_since + config.max_delay
        delays = {
            Completeness.COMPLETE: config.complete_delay,
            Completeness.PLAIN: config.min_delay,
            Completeness.OPEN: config.max_delay,
        }
        rule, judged = self._completeness(), turn.judged
        if judged is not None and judged.text == turn.text and rule is not Completeness.COMPLETE:
            spread = config.max_delay - config.complete_delay
            return turn.silent_since + config.complete_delay + spread * (1 - judged.completeness)
        return turn.silent_since + delays[rule]

    def _duration_interrupts(self) -> float:
        """Return when the speech that paused the agent interrupts it by its length alone."""
        config, turn = self._config, self._turn
        if config.interrupt_duration is None or not turn.wordless:
            return math.inf
        return turn.onset + config.interrupt_duration + config.detector_stop

    # What the words say.

    def _completeness(self) -> Completeness:
        return completeness(self._turn.text, self._expected, self._config.lexicon)

    def _content_words(self) -> int:
        return content_words(self._turn.text, self._config.lexicon)

    def _is_backchannel(self) -> bool:
        """Whether the words only show that the caller listens, and answer nothing."""
        return not self._content_words() and self._completeness() is not Completeness.COMPLETE

    def _claims_floor(self, now: float) -> str | None:
        """Return why the newest words take the turn from an agent that is heard or thinks."""
        config, turn = self._config, self._turn
        heard = self._state not in _SILENT
        if not (self._interruptible if heard else self._thinking):
            return None
        if opens_with_stop_word(turn.newest, config.lexicon):
            return "stop_word"
        too_short = self._state is TurnState.OVERLAP and now < turn.onset + config.min_duration
        if turn.barred or too_short or not content_words(turn.newest, config.lexicon):
            return None
        # An answer that is not yet heard is cancelled for a single word.
        needed = config.min_words if heard else 1
        return "words" if self._content_words() >= needed else None

    # What to do.

    def _stop(self, reason: str) -> None:
        self._thinking = False
        self._commands.append(StopPlayout(reason=reason))

    def _resume(self, *, speaking: bool | None = None) -> TurnState:
        self._commands.append(ResumePlayout())
        return self._where(agent_heard=True, speaking=speaking)

    def _drop_backchannel(self) -> None:
        self._commands.append(BackchannelHeard(text=" ".join(self._turn.finals)))
        self._turn.finals.clear()

    def _end_turn(self, reason: TurnEndReason, now: float) -> None:
        """Hand over the finals. A partial, and words still awaited, stay for the next turn."""
        turn = self._turn
        if self._thinking:  # about an earlier turn; one answer for both is enough
            self._stop("keys" if reason is TurnEndReason.KEYS else "words")
        speaking = self._state in _SPEAKING
        self._commands.append(
            EndTurn(
                text=" ".join(turn.finals),
                reason=reason,
                speech_ended_at=now if speaking else turn.offset,
            )
        )
        turn.finals.clear()
        if speaking:
            self._begin_again(now)

    def _begin_again(self, now: float) -> None:
        """Count what the caller goes on to say as a new turn."""
        turn = self._turn
        turn.began = turn.onset = now
        turn.awaited = True
        turn.flushed = False

    # Where to go.

    def _open_turn(self, began: float) -> None:
        """Begin a turn if none is open."""
        if self._state in (TurnState.QUIET, TurnState.AGENT):
            self._turn = _Turn(began=began)

    def _where(self, *, agent_heard: bool | None = None, speaking: bool | None = None) -> TurnState:
        """Return the state in the table above; what is None stays as it is."""
        if speaking is None:
            speaking = self._state in _SPEAKING
        if agent_heard is None and self._state in _HUSHED:
            return TurnState.PAUSED if speaking else TurnState.DOUBT
        if agent_heard is None:
            agent_heard = self._state in _AUDIBLE
        if speaking:
            return TurnState.OVERLAP if agent_heard else TurnState.CALLER
        if self._turn.pending:
            return TurnState.HELD if agent_heard else TurnState.WAITING
        return TurnState.AGENT if agent_heard else TurnState.QUIET

    def _enter(self, state: TurnState, cause: str, now: float) -> None:
        assert state in TRANSITIONS[self._state][cause], (self._state, cause, state)
        if state in _SILENT and self._state not in _SILENT:
            # The longest turn is counted from when the caller has the floor.
            self._turn.began = now
            self._turn.flushed = False
        elif state is TurnState.HELD and self._state is not TurnState.HELD:
            self._turn.news_at = now
        self._state = state


def _at_latest(moment: float | None, now: float) -> float:
    """Return `moment`, or `now` if it is not given or not past."""
    return moment if moment is not None and moment <= now else now

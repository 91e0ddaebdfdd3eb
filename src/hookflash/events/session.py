"""What an agent's session tells its listeners. The same names go over the platform's WebSocket."""

from enum import StrEnum
from typing import TypeAlias

from hookflash.events.base import Record, named

__all__ = [
    "AgentState",
    "AgentStateChanged",
    "DtmfReceived",
    "ErrorOccurred",
    "FalseInterruption",
    "LineSilent",
    "SessionClosedEvent",
    "SessionEvent",
    "SessionRecord",
    "SessionStarted",
    "SpeechInterrupted",
    "ToolFinished",
    "ToolStarted",
    "TurnCompleted",
    "TurnMetrics",
    "UserState",
    "UserStateChanged",
    "UserTranscription",
    "UtteranceBegan",
    "UtteranceSpoken",
]


class AgentState(StrEnum):
    """What the agent is at."""

    STARTING = "starting"
    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    TOOL_RUNNING = "tool_running"
    CLOSING = "closing"


class UserState(StrEnum):
    """What the caller is at."""

    IDLE = "idle"
    SPEAKING = "speaking"
    LISTENING = "listening"


class SessionRecord(Record, frozen=True, kw_only=True):
    """What all of these have.

    Attributes:
        sequence: counts the session's events from 1.
        at: seconds since the session was made, on its monotonic clock.
        turn: the caller's turn it belongs to; empty outside of turns.
    """

    sequence: int
    at: float
    turn: str = ""


@named("session.started")
class SessionStarted(SessionRecord, frozen=True, kw_only=True):
    """The agent has the line; its `on_enter` runs next."""


@named("session.closed")
class SessionClosedEvent(SessionRecord, frozen=True, kw_only=True):
    """The session is over.

    Attributes:
        reason: `hangup`, `caller_hung_up`, `link_lost`, `closed`, `error`, or what `close` or
            `hangup` was given.
    """

    reason: str


@named("agent.state_changed")
class AgentStateChanged(SessionRecord, frozen=True, kw_only=True):
    """The agent is at something else now."""

    old: AgentState
    new: AgentState


@named("user.state_changed")
class UserStateChanged(SessionRecord, frozen=True, kw_only=True):
    """The caller is at something else now."""

    old: UserState
    new: UserState


@named("user.transcription")
class UserTranscription(SessionRecord, frozen=True, kw_only=True):
    """Words of the caller, as recognised until now (`final` False) or for good."""

    text: str
    final: bool


@named("turn.completed")
class TurnCompleted(SessionRecord, frozen=True, kw_only=True):
    """The caller's turn is over, and will be answered.

    Attributes:
        text: its words.
        reason: as `TurnEndReason`, or `keypad`.
    """

    text: str
    reason: str


@named("turn.metrics")
class TurnMetrics(SessionRecord, frozen=True, kw_only=True):
    """How long the parts of an answer took, in seconds. None: it did not happen, or not measured.

    Attributes:
        latency: from the end of the caller's speech to the first sound heard of the answer.
        endpointing: from the end of the caller's speech to the decision that the turn is over.
        llm_first_text: from that decision to the model's first words.
        tts_first_audio: from the first sentence to its first audio.
    """

    latency: float | None = None
    endpointing: float | None = None
    llm_first_text: float | None = None
    tts_first_audio: float | None = None


@named("agent.utterance_began")
class UtteranceBegan(SessionRecord, frozen=True, kw_only=True):
    """The caller begins to hear an utterance."""

    utterance: str


@named("agent.utterance_spoken")
class UtteranceSpoken(SessionRecord, frozen=True, kw_only=True):
    """Nothing more of an utterance will be heard.

    Attributes:
        said: all the words that were to be said.
        heard: those that were.
        played_ms: how much audio was heard.
        interrupted: whether it was cut short.
    """

    utterance: str
    said: str
    heard: str
    played_ms: float
    interrupted: bool


@named("agent.speech_interrupted")
class SpeechInterrupted(SessionRecord, frozen=True, kw_only=True):
    """The caller took the turn while the agent spoke or thought.

    Attributes:
        reason: `words`, `stop_word`, `duration`, `keys`, or `program`.
    """

    reason: str


@named("agent.false_interruption")
class FalseInterruption(SessionRecord, frozen=True, kw_only=True):
    """The agent hushed for what was no interruption, and went on where it was."""


@named("line.silent")
class LineSilent(SessionRecord, frozen=True, kw_only=True):
    """Nobody was heard for the session's `wake_up` seconds.

    Attributes:
        count: 1 for the first silence since the caller was heard, 2 for the next, and so on.
    """

    count: int


@named("tool.started")
class ToolStarted(SessionRecord, frozen=True, kw_only=True):
    """A tool runs."""

    tool: str
    call_id: str


@named("tool.finished")
class ToolFinished(SessionRecord, frozen=True, kw_only=True):
    """A tool has answered."""

    tool: str
    call_id: str
    is_error: bool
    seconds: float


@named("dtmf.received")
class DtmfReceived(SessionRecord, frozen=True, kw_only=True):
    """The caller pressed a key."""

    digit: str


@named("error")
class ErrorOccurred(SessionRecord, frozen=True, kw_only=True):
    """Something failed. The session goes on if it can.

    Attributes:
        source: `stt`, `llm`, `tts`, `vad`, `tool`, `hook`, `turn`, `handler`.
        reason: short stable word, as `HookflashError.reason`.
        message: for people; holds no words of the caller.
        recoverable: whether the session goes on.
    """

    source: str
    reason: str
    message: str
    recoverable: bool


SessionEvent: TypeAlias = (
    SessionStarted
    | SessionClosedEvent
    | AgentStateChanged
    | UserStateChanged
    | UserTranscription
    | TurnCompleted
    | TurnMetrics
    | UtteranceBegan
    | UtteranceSpoken
    | SpeechInterrupted
    | FalseInterruption
    | LineSilent
    | ToolStarted
    | ToolFinished
    | DtmfReceived
    | ErrorOccurred
)

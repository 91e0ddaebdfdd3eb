"""What an agent's session tells its listeners. The same names go over the platform's WebSocket."""

from enum import StrEnum

import msgspec

from hookflash.events.base import Record, named

__all__ = [
    "AgentState",
    "AgentStateChanged",
    "AgentSwitched",
    "DtmfReceived",
    "ErrorOccurred",
    "FalseInterruption",
    "HoldChanged",
    "LineSilent",
    "PipelineChanged",
    "SessionClosedEvent",
    "SessionRecord",
    "SessionStarted",
    "SpeechInterrupted",
    "ToolFinished",
    "ToolMeasure",
    "ToolStarted",
    "TurnCompleted",
    "TurnMetrics",
    "TurnOutcome",
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
    ON_HOLD = "on_hold"
    TRANSFERRING = "transferring"
    CLOSING = "closing"


class UserState(StrEnum):
    """What the caller is at."""

    IDLE = "idle"
    SPEAKING = "speaking"
    LISTENING = "listening"
    AWAY = "away"


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


@named("agent.switched")
class AgentSwitched(SessionRecord, frozen=True, kw_only=True):
    """Another agent has the line; its `on_enter` runs next.

    Attributes:
        old: class of the agent that had it.
        new: class of the one that has it now.
    """

    old: str
    new: str


@named("call.hold_changed")
class HoldChanged(SessionRecord, frozen=True, kw_only=True):
    """The caller was put on hold, or taken off it."""

    on_hold: bool


@named("pipeline.changed")
class PipelineChanged(SessionRecord, frozen=True, kw_only=True):
    """Parts of the pipeline, or how they are used, were changed in mid-call.

    Attributes:
        what: names of what was changed: `stt`, `llm`, `tts`, `vad`, `instructions`, `voice`,
            `language`.
    """

    what: tuple[str, ...]


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
        text: its words; empty if a realtime model heard the turn: they follow as
            `user.transcription`.
        reason: as `TurnEndReason`, or `keypad`.
        speech_ended: when the caller stopped speaking, in seconds as `at`; None if they keyed.
    """

    text: str
    reason: str
    speech_ended: float | None = None


class TurnOutcome(StrEnum):
    """What became of the answer to a turn."""

    ANSWERED = "answered"
    """It was heard whole."""
    INTERRUPTED = "interrupted"
    """It was cut short, by the caller or by the program."""
    FAILED = "failed"
    """The model or the synthesiser failed; the caller heard an apology if there was one."""
    SILENT = "silent"
    """Nothing was said: nobody wanted to answer, or nobody could."""
    ENDED = "ended"
    """The session was over first."""


class ToolMeasure(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a tool.

    Attributes:
        tool: its name.
        seconds: how long it ran.
        is_error: whether the model was told that it failed.
    """

    tool: str
    seconds: float
    is_error: bool


@named("turn.metrics")
class TurnMetrics(SessionRecord, frozen=True, kw_only=True):
    """What the answer to a turn was like, told when nothing more of it will be heard.

    Times are seconds between two measured moments, never sums of other figures. None: it did not
    happen, or it was not measured. Sums of a session are in `SessionMetrics`.

    Attributes:
        outcome: what became of the answer.
        latency: from the end of the caller's speech to the first sound heard of the answer.
        endpointing: from the end of the caller's speech to the decision that the turn is over.
        stt: from the end of the caller's speech to the recogniser's last final words; 0.0 if they
            were there already.
        llm_first_text: from that decision to the model's first words; 0.0 if they were there
            already.
        llm_total: how long the model was at work, all requests of the answer together.
        tts_first_audio: from the first text for the synthesiser to its first audio.
        playout: from the first sound heard of the answer to the last.
        barge_in: from the caller's first sound over the agent to the agent's silence, if it was an
            interruption.
        interruptions: how often the caller or the program cut the agent short.
        false_interruptions: how often the agent hushed for nothing.
        dead_air: seconds in which nobody was heard though an answer was due: from the end of the
            caller's speech to the last sound of the answer, less what was heard between.
        talk_over: seconds in which both were heard.
        input_tokens: what the model read, as far as it says.
        output_tokens: what the model wrote, as far as it says.
        characters: what was given to the synthesiser.
        tools: the calls of tools that ended, in the order in which they did.
    """

    outcome: TurnOutcome = TurnOutcome.ANSWERED
    latency: float | None = None
    endpointing: float | None = None
    stt: float | None = None
    llm_first_text: float | None = None
    llm_total: float | None = None
    tts_first_audio: float | None = None
    playout: float | None = None
    barge_in: float | None = None
    interruptions: int = 0
    false_interruptions: int = 0
    dead_air: float = 0.0
    talk_over: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    characters: int = 0
    tools: tuple[ToolMeasure, ...] = ()


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
        reason: `words`, `stop_word`, `duration`, `keys`, `speech` (a realtime model heard the
            caller), or `program`.
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
    """The caller pressed a key.

    Attributes:
        digit: one of `0-9 * # A-D`; `•` in sensitive mode.
        sensitive: whether that mode was on.
    """

    digit: str
    sensitive: bool = False


@named("error")
class ErrorOccurred(SessionRecord, frozen=True, kw_only=True):
    """Something failed. The session goes on if it can.

    Attributes:
        source: `stt`, `llm`, `realtime`, `tts`, `vad`, `tool`, `hook`, `turn`, `handler`, `record`.
        reason: short stable word, as `HookflashError.reason`.
        message: for people; holds no words of the caller.
        recoverable: whether the session goes on.
    """

    source: str
    reason: str
    message: str
    recoverable: bool

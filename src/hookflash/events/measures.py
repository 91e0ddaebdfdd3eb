"""What a session tells so that it can be measured: moments, where they were measured.

Moments are seconds since the session was made, as `SessionRecord.at` is. They are told together
when a piece of work is over, so that measuring costs an event for each piece and not one for each
moment.
"""

from hookflash.events.base import named
from hookflash.events.session import SessionRecord

__all__ = [
    "AgentHushed",
    "CallerSpeechBegan",
    "CallerSpeechEnded",
    "ModelFinished",
    "VoiceFinished",
]


@named("caller.speech_began")
class CallerSpeechBegan(SessionRecord, frozen=True, kw_only=True):
    """The voice-activity detector is sure that the caller speaks.

    Attributes:
        began: when they began; earlier than `at` by what the detector needs to be sure.
    """

    began: float


@named("caller.speech_ended")
class CallerSpeechEnded(SessionRecord, frozen=True, kw_only=True):
    """The voice-activity detector is sure that the caller has stopped.

    Attributes:
        ended: when they stopped; earlier than `at` by what the detector needs to be sure.
    """

    ended: float


@named("agent.hushed")
class AgentHushed(SessionRecord, frozen=True, kw_only=True):
    """The agent fell silent because the caller was heard; its place is kept.

    `agent.speech_interrupted` follows if it was an interruption, `agent.false_interruption` if
    the agent goes on.
    """


@named("llm.finished")
class ModelFinished(SessionRecord, frozen=True, kw_only=True):
    """A request to a language model is over.

    Attributes:
        utterance: the reply that it was for.
        provider: the model's name, as `Provider.name`.
        began: when it was sent.
        first_text: when the first words came; None if none did.
        ended: when it was over.
        input_tokens: what it read, as far as the model says.
        output_tokens: what it wrote, as far as the model says.
        tool_calls: how many tools it asked for.
        failed: the error's reason; empty if there was none. `stopped` if nobody wanted it any
            longer.
    """

    utterance: str
    began: float
    ended: float
    provider: str = ""
    first_text: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    tool_calls: int = 0
    failed: str = ""


@named("tts.finished")
class VoiceFinished(SessionRecord, frozen=True, kw_only=True):
    """The synthesis of an utterance is over.

    Attributes:
        utterance: of what.
        provider: the synthesiser's name, as `Provider.name`.
        began: when it was given the first text.
        first_audio: when the first audio came; None if none did.
        ended: when the last audio came, or it failed, or was stopped.
        characters: how many it was given.
        audio_ms: how much audio it made.
        failed: the error's reason; empty if there was none.
    """

    utterance: str
    began: float
    ended: float
    provider: str = ""
    first_audio: float | None = None
    characters: int = 0
    audio_ms: float = 0.0
    failed: str = ""

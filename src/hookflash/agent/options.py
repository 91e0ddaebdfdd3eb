"""How a session behaves."""

from dataclasses import dataclass, field

from hookflash.machines.digits import DigitsConfig
from hookflash.machines.turn import TurnConfig

__all__ = ["SessionOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session behaves.

    Attributes:
        turn: when the caller's turn is over, and when the agent hushes.
        digits: when a keyed number is complete.
        apology: said when the model or a synthesiser failed and nothing else was said.
        not_understood: said when there was speech but no words came of it.
        llm_within: seconds within which the model's next piece must come; a cold local model may
            need more.
        tts_within: seconds within which a sentence's next audio must come.
        max_tool_steps: rounds of tool calls in one reply, before the model must speak.
        hangup_within: seconds that `hangup` waits for what is being said to be heard.
    """

    turn: TurnConfig = field(default_factory=TurnConfig)
    digits: DigitsConfig = field(default_factory=DigitsConfig)
    apology: str = "Sorry, something went wrong on my side. Could you say that again?"
    not_understood: str = "Sorry, I didn't catch that. Could you say it again?"
    llm_within: float = 10.0
    tts_within: float = 5.0
    max_tool_steps: int = 5
    hangup_within: float = 15.0

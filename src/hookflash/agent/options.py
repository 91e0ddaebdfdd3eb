"""How a session behaves."""

import math

import msgspec

from hookflash.agent.record import RecordConfig
from hookflash.agent.sound import HoldMusic
from hookflash.agent.tool_policy import Filler
from hookflash.errors import ConfigError
from hookflash.machines.digits import DigitsConfig
from hookflash.machines.time_limit import TimeLimitConfig
from hookflash.machines.turn import TurnConfig
from hookflash.pipeline.wording import TextForSpeech

__all__ = ["SessionOptions"]


class SessionOptions(msgspec.Struct, frozen=True, kw_only=True):
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
        tool_timeout: seconds of silence on the line after which a tool without a timeout of its own
            is given up, and so is an agent's `on_user_turn_completed`. While somebody is heard, on
            hold and in a transfer they do not count.
        tool_output_limit: characters of a tool's answer that the model is given, at least 100.
        tool_servers_within: seconds from the start that replies wait for tool servers which are
            still being connected, from 0.0.
        tool_filler: said while a tool that has no filler of its own keeps the caller waiting.
        hangup_within: seconds that `hangup` and `leave` wait for what is being said to be heard.
        hook_within: seconds that a pipeline hook may take.
        think_ahead: whether a reply is thought of while it is not yet certain that the caller has
            finished. Saves most of the model's latency, and costs a request in vain when the
            caller goes on; at most three in a turn.
        away_after: seconds of quiet after which the caller counts as away; None never.
        hold_music: what a caller on hold hears, unless `hold` says otherwise.
        time_limit: how long the call may last.
        time_limit_warning: said before the time is up.
        time_limit_goodbye: said when it is up, before the call is ended.
        wording: what a synthesiser is given for what is written: "two dollars and fifty cents"
            for "$2.50", no markdown, no emoji. English unless told (`TextForSpeech("de")`); None
            gives it the text as it is.
        record: how the session is written down; None keeps a record where the `App` records
            (`Settings.record_dir`), and none without.

    Raises:
        ConfigError: a field is out of its range.
    """

    turn: TurnConfig = msgspec.field(default_factory=TurnConfig)
    digits: DigitsConfig = msgspec.field(default_factory=DigitsConfig)
    apology: str = "Sorry, something went wrong on my side. Could you say that again?"
    not_understood: str = "Sorry, I didn't catch that. Could you say it again?"
    llm_within: float = 10.0
    tts_within: float = 5.0
    max_tool_steps: int = 5
    tool_timeout: float = 30.0
    tool_output_limit: int = 16_000
    tool_servers_within: float = 3.0
    tool_filler: Filler | None = None
    hangup_within: float = 15.0
    hook_within: float = 5.0
    think_ahead: bool = True
    away_after: float | None = 15.0
    hold_music: HoldMusic = msgspec.field(default_factory=HoldMusic)
    time_limit: TimeLimitConfig = msgspec.field(default_factory=TimeLimitConfig)
    time_limit_warning: str = "I'm sorry, we have only a little time left on this call."
    time_limit_goodbye: str = "Our time is up, I'm afraid. Thank you for calling. Goodbye."
    wording: TextForSpeech | None = TextForSpeech()
    record: RecordConfig | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in ("llm_within", "tts_within", "tool_timeout", "hangup_within", "hook_within"):
            seconds = getattr(self, name)
            if not 0 < seconds < math.inf:
                msg = f"{name} is {seconds}; give seconds above 0"
                raise ConfigError(msg)
        if not 0 <= self.tool_servers_within < math.inf:
            msg = f"tool_servers_within is {self.tool_servers_within}; give seconds from 0"
            raise ConfigError(msg)
        if self.tool_output_limit < 100:
            msg = f"tool_output_limit is {self.tool_output_limit}; give characters, 100 or more"
            raise ConfigError(msg)
        if self.max_tool_steps < 0:
            msg = f"max_tool_steps is {self.max_tool_steps}; give a count, 0 or more"
            raise ConfigError(msg)

"""What an agent does about a silent line."""

from collections.abc import Sequence
from dataclasses import dataclass

from hookflash.errors import ConfigError
from hookflash.machines.idle import IdleConfig

__all__ = ["WakeUpStep", "idle_config", "wake_up_ladder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeUpStep:
    """One step of what is done about a silent line. Steps begin anew when the caller is heard.

    Attributes:
        after: seconds of silence before it, counted from the last sound that was played or heard.
        say: what is said then.
        instructions: what the model is told to say then, instead of `say`.
        hang_up: whether the call is ended after that.

    Raises:
        ConfigError: `after` is not above 0, or there is nothing to do.
    """

    after: float
    say: str | None = None
    instructions: str | None = None
    hang_up: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        IdleConfig(wake_up=self.after)
        if self.say is not None and self.instructions is not None:
            msg = "a WakeUpStep has either say or instructions"
            raise ConfigError(msg)
        if self.say is None and self.instructions is None and not self.hang_up:
            msg = "a WakeUpStep needs say, instructions or hang_up"
            raise ConfigError(msg)


def wake_up_ladder(
    after: float = 8.0,
    *,
    reprompts: Sequence[str] = ("Are you still there?", "Hello? I can't hear you."),
    goodbye: str = "I'll hang up now. Please call again. Goodbye.",
) -> tuple[WakeUpStep, ...]:
    """Return the usual ladder: ask again, ask once more, say goodbye and hang up.

    Args:
        after: seconds of silence before each step.
        reprompts: what is asked, in turn.
        goodbye: said before the call is ended.

    Raises:
        ConfigError: `after` is not above 0.
    """
    asking = [WakeUpStep(after=after, say=line) for line in reprompts]
    return (*asking, WakeUpStep(after=after, say=goodbye, hang_up=True))


def idle_config(wake_up: float | Sequence[WakeUpStep] | None) -> IdleConfig:
    """Return what the idle machine counts by.

    Raises:
        ConfigError: seconds are not above 0, or there is no step.
    """
    if wake_up is None or isinstance(wake_up, (int, float)):
        return IdleConfig(wake_up=wake_up)
    if not wake_up:
        msg = "wake_up has no step; give seconds, steps, or None for never"
        raise ConfigError(msg)
    return IdleConfig(wake_up=tuple(step.after for step in wake_up))

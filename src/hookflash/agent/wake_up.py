"""What an agent does about a silent line."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from hookflash.agent.emitter import Emitter
from hookflash.agent.guard import Guard
from hookflash.errors import ConfigError
from hookflash.events.idle import IdleCommand
from hookflash.events.session import LineSilent
from hookflash.machines.idle import IdleConfig
from hookflash.runtime.tasks import TaskOwner

__all__ = ["WakeUpStep", "WakeUps", "idle_config", "wake_up_ladder"]


class WakeUpStep(msgspec.Struct, frozen=True, kw_only=True):
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


class WakeUps:
    """Does what is to be done each time the line was silent for too long.

    Attributes:
        call_back: the program's own function; it comes before the step.
    """

    def __init__(
        self,
        wake_up: float | Sequence[WakeUpStep] | None,
        *,
        emitter: Emitter,
        guard: Guard,
        owner: TaskOwner,
        say: Callable[[str], object],
        reply: Callable[[str], object],
        hang_up: Callable[[str], Awaitable[None]],
    ) -> None:
        """Know the steps, and who does them.

        Args:
            wake_up: steps; seconds or None are no steps, only occasions for `call_back`.
            emitter: tells of the silence.
            guard: runs `call_back`.
            owner: whose tasks do the work.
            say: says a step's line.
            reply: lets the model follow a step's instructions.
            hang_up: ends the call, for a reason.
        """
        self.call_back: Callable[[], Awaitable[None] | None] | None = None
        self._steps = () if wake_up is None or isinstance(wake_up, (int, float)) else wake_up
        self._emitter = emitter
        self._guard = guard
        self._owner = owner
        self._say = say
        self._reply = reply
        self._hang_up = hang_up

    def wake(self, command: IdleCommand) -> None:
        """The line was silent for too long."""
        self._emitter.tell(LineSilent, count=command.count)
        self._owner.start(self._do(command.count), name="wake_up")

    async def _do(self, count: int) -> None:
        if self.call_back is not None:
            await self._guard.call("on_wake_up", self.call_back)
        if count > len(self._steps):
            return
        step = self._steps[count - 1]
        if step.say is not None:
            self._say(step.say)
        elif step.instructions is not None:
            self._reply(step.instructions)
        if step.hang_up:
            await self._hang_up("silence")

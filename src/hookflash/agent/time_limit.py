"""How long a call may last: says the warning and the goodbye, and hangs up."""

from collections.abc import Callable

from hookflash.agent.options import SessionOptions
from hookflash.agent.speech import Speech
from hookflash.events.time_limit import (
    LimitReached,
    LimitStarted,
    LimitStopped,
    LimitWarning,
    TimeLimitCommand,
    TimeLimitEvent,
)
from hookflash.machines.time_limit import TimeLimitMachine
from hookflash.runtime.driver import Driver
from hookflash.runtime.tape import Tape

__all__ = ["TimeLimit"]


class TimeLimit:
    """The time limit of one call, from now on."""

    def __init__(
        self,
        options: SessionOptions,
        speech: Speech,
        hang_up: Callable[[str], None],
        tape: Tape | None,
    ) -> None:
        """Begin to count, if there is a limit.

        Args:
            options: the limit and what is said.
            speech: says it.
            hang_up: begins to end the call, for a reason.
            tape: where the machine writes.
        """
        self._options = options
        self._speech = speech
        self._hang_up = hang_up
        self._driver: Driver[TimeLimitEvent, TimeLimitCommand] | None = None
        config = options.time_limit
        if config.most is not None:
            machine = TimeLimitMachine(config)
            self._driver = Driver(machine, self._obey, name="time_limit", tape=tape, config=config)
            self._driver.feed(LimitStarted())

    def close(self) -> None:
        """There is no limit any more. Idempotent."""
        if self._driver is not None:
            self._driver.feed(LimitStopped())
            self._driver.close()

    def _obey(self, command: TimeLimitCommand) -> None:
        speech = self._speech
        if speech.ending:
            return
        match command:
            case LimitWarning():
                if not speech.mute:
                    speech.say(self._options.time_limit_warning)
            case LimitReached():
                if not speech.mute:
                    speech.interrupt("time_limit", force=True)
                    speech.say(self._options.time_limit_goodbye, interruptible=False)
                self._hang_up("time_limit")

"""What the two sides are at, worked out from what goes on; and how long the line is silent."""

from collections.abc import Callable

from hookflash.agent.emitter import Emitter
from hookflash.events.idle import Activity, BusyChanged, IdleCommand, IdleEvent, IdleStopped
from hookflash.events.session import (
    AgentState,
    AgentStateChanged,
    UserState,
    UserStateChanged,
)
from hookflash.machines.idle import IdleConfig, IdleMachine
from hookflash.runtime.driver import Driver
from hookflash.runtime.tape import Tape

__all__ = ["Status"]

_ORDER = ("closing", "agent_speaking", "tool", "thinking", "caller_speaking")
_AGENT_STATES = {
    "closing": AgentState.CLOSING,
    "agent_speaking": AgentState.SPEAKING,
    "tool": AgentState.TOOL_RUNNING,
    "thinking": AgentState.THINKING,
    "caller_speaking": AgentState.LISTENING,
}


class Status:
    """Keeps what goes on, by name: `closing agent_speaking tool thinking caller_speaking`."""

    def __init__(self, emitter: Emitter) -> None:
        """Begin with nothing going on, the agent still starting."""
        self.agent = AgentState.STARTING
        self.user = UserState.IDLE
        self._emitter = emitter
        self._going_on: dict[str, int] = {}
        self._idle: Driver[IdleEvent, IdleCommand] | None = None

    def watch_silence(
        self, wake_up: float | None, wake: Callable[[IdleCommand], None], tape: Tape | None
    ) -> None:
        """From now on, call `wake` when nobody is heard for `wake_up` seconds; None never does."""
        config = IdleConfig(wake_up=wake_up)
        self._idle = Driver(IdleMachine(config), wake, name="idle", tape=tape, config=config)
        self.stir()
        self._refresh()

    def begin(self, what: str) -> None:
        """One more of `what` goes on."""
        count = self._going_on[what] = self._going_on.get(what, 0) + 1
        if count == 1:
            self._changed(what, busy=True)

    def end(self, what: str) -> None:
        """One less of `what` goes on."""
        count = self._going_on.get(what, 0) - 1
        if count >= 0:
            self._going_on[what] = count
        if count == 0:
            self._changed(what, busy=False)

    def goes_on(self, what: str) -> bool:
        """Whether any of `what` goes on."""
        return self._going_on.get(what, 0) > 0

    def stir(self) -> None:
        """Somebody was heard: the count of silence begins anew."""
        if self._idle is not None:
            self._idle.feed(Activity())

    def close(self) -> None:
        """The session is over: never wake again. Idempotent."""
        if self._idle is not None:
            self._idle.feed(IdleStopped())
            self._idle.close()

    def _changed(self, what: str, *, busy: bool) -> None:
        if self._idle is not None:
            self._idle.feed(BusyChanged(why=what, busy=busy))
        self._refresh()

    def _refresh(self) -> None:
        first = next((what for what in _ORDER if self.goes_on(what)), None)
        agent = AgentState.IDLE if first is None else _AGENT_STATES[first]
        if agent is not self.agent:
            old, self.agent = self.agent, agent
            self._emitter.tell(AgentStateChanged, old=old, new=agent)
        user = UserState.IDLE
        if self.goes_on("caller_speaking"):
            user = UserState.SPEAKING
        elif self.goes_on("agent_speaking"):
            user = UserState.LISTENING
        if user is not self.user:
            before, self.user = self.user, user
            self._emitter.tell(UserStateChanged, old=before, new=user)

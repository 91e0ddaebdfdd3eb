"""What the two sides are at, worked out from what goes on; and how long the line is silent."""

from collections.abc import Callable

from hookflash.agent.emitter import Emitter
from hookflash.agent.speech_queue import SpeechItem
from hookflash.events.idle import Activity, BusyChanged, IdleCommand, IdleEvent, IdleStopped
from hookflash.events.session import AgentState, AgentStateChanged, UserState, UserStateChanged
from hookflash.events.status import (
    AgentIs,
    CallerActive,
    Doing,
    DoingBegan,
    DoingEnded,
    StatusCommand,
    StatusEvent,
    StatusStarted,
    UserIs,
)
from hookflash.machines.idle import IdleConfig, IdleMachine
from hookflash.machines.status import StatusConfig, StatusMachine
from hookflash.runtime import clock
from hookflash.runtime.driver import Driver
from hookflash.runtime.tape import Tape

__all__ = ["Status"]


class Status:
    """Feeds what goes on to the status and idle machines, and tells what they say."""

    def __init__(self, emitter: Emitter, config: StatusConfig, idle: IdleConfig) -> None:
        """Begin with nothing going on, the agent still starting."""
        self._emitter = emitter
        self._config = config
        self._machine = StatusMachine(config)
        self._idle_config = idle
        self._status: Driver[StatusEvent, StatusCommand] | None = None
        self._idle: Driver[IdleEvent, IdleCommand] | None = None

    def start(self, wake: Callable[[IdleCommand], None], tape: Tape | None) -> None:
        """The agent has the line. From now on call `wake` when nobody is heard for too long."""
        self._status = Driver(
            self._machine, self._tell, name="status", tape=tape, config=self._config
        )
        self._idle = Driver(
            IdleMachine(self._idle_config), wake, name="idle", tape=tape, config=self._idle_config
        )
        self._status.feed(StatusStarted())
        self._idle.feed(Activity())

    @property
    def agent(self) -> AgentState:
        """What the agent is at."""
        return self._machine.state

    @property
    def user(self) -> UserState:
        """What the caller is at."""
        return self._machine.user

    def begin(self, what: Doing, item: SpeechItem | None = None) -> None:
        """One more of `what` goes on, perhaps for an item; of one that is suspended later."""
        if item is not None:
            item.doing[what] += 1
            if item.suspended:
                return
        if self._status is not None and self._idle is not None:
            self._status.feed(DoingBegan(what=what))
            self._idle.feed(BusyChanged(why=what, busy=True))

    def end(self, what: Doing, item: SpeechItem | None = None) -> None:
        """One less of `what` goes on, perhaps for an item."""
        if item is not None:
            item.doing[what] -= 1
            if item.suspended:
                return
        if self._status is not None and self._idle is not None:
            self._status.feed(DoingEnded(what=what))
            self._idle.feed(BusyChanged(why=what, busy=False))

    def suspend(self, item: SpeechItem) -> None:
        """Another agent has the line: what goes on for the item does not show. Idempotent."""
        if not item.suspended:
            for what in tuple(item.doing.elements()):
                self.end(what)
            item.suspended = True

    def resume(self, item: SpeechItem) -> None:
        """The line was given back: what goes on for the item shows again. Idempotent."""
        if item.suspended:
            item.suspended = False
            item.resumed_at = clock.now()
            for what in tuple(item.doing.elements()):
                self.begin(what)

    def goes_on(self, what: Doing) -> bool:
        """Whether any of `what` goes on."""
        return self._machine.goes_on(what)

    def stir(self) -> None:
        """The caller was heard: the count of silence begins anew."""
        if self._status is not None and self._idle is not None:
            self._status.feed(CallerActive())
            self._idle.feed(Activity())

    def close(self) -> None:
        """The session is over: the agent is closing, and never woken again. Idempotent."""
        if self._status is not None and self._idle is not None:
            self._idle.feed(IdleStopped())
            self._status.feed(DoingBegan(what=Doing.CLOSING))
            self._status.close()
            self._idle.close()

    def _tell(self, command: StatusCommand) -> None:
        match command:
            case AgentIs():
                self._emitter.tell(AgentStateChanged, old=command.old, new=command.new)
            case UserIs():
                self._emitter.tell(UserStateChanged, old=command.old, new=command.new)

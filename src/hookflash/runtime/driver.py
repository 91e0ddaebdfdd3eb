"""The one driver: feeds a machine, carries out its commands, wakes it, writes the tape."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

from hookflash.events import Record
from hookflash.runtime.tape import Tape
from hookflash.sansio import Machine

__all__ = ["Driver"]

EventT = TypeVar("EventT", bound=Record)
CommandT = TypeVar("CommandT", bound=Record)


class Driver(Generic[EventT, CommandT]):
    """Runs one machine on the running loop's clock.

    Commands are carried out in order, after the machine has returned. A command whose execution
    feeds the machine again is fine: the event waits until the commands before it are done.
    """

    def __init__(
        self,
        machine: Machine[EventT, CommandT],
        execute: Callable[[CommandT], None],
        *,
        name: str,
        tape: Tape | None = None,
        config: object = None,
    ) -> None:
        """Take a fresh machine.

        Args:
            machine: what decides.
            execute: carries out one command; must not block.
            name: the machine's name on the tape.
            tape: where to write; None writes nothing.
            config: what the machine was made with, for the tape.
        """
        self._machine = machine
        self._execute = execute
        self._name = name
        self._tape = tape
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[EventT | None] = deque()
        # What a command begins is begun by the machine, not by whoever happened to feed it.
        self._context = copy_context()
        self._busy = False
        self._closed = False
        if tape is not None:
            tape.open_machine(self._loop.time(), name, type(machine).__name__, config)

    def feed(self, event: EventT) -> None:
        """Something happened. After `close` it is ignored."""
        self._take(event)

    def close(self) -> None:
        """Stop waking the machine. Idempotent."""
        self._closed = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take(self, event: EventT | None) -> None:
        if self._closed:
            return
        self._waiting.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            self._context.run(self._work_off)
        finally:
            self._busy = False
        self._arm()

    def _work_off(self) -> None:
        while self._waiting:
            self._step(self._waiting.popleft())

    def _step(self, event: EventT | None) -> None:
        now = self._loop.time()
        machine = self._machine
        commands = machine.tick(now) if event is None else machine.receive(event, now)
        if self._tape is not None:
            self._tape.write(now, self._name, event, commands)
        for command in commands:
            self._execute(command)

    def _arm(self) -> None:
        deadline = None if self._closed else self._machine.deadline()
        timer = self._timer
        if timer is not None:
            if deadline is not None and timer.when() == deadline:
                return
            timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._take(None)

"""Since when the line is quiet."""

import asyncio
from collections.abc import Callable

from hookflash.agent.emitter import Emitter
from hookflash.events.session import (
    AgentState,
    AgentStateChanged,
    DtmfReceived,
    UserState,
    UserStateChanged,
)
from hookflash.runtime import clock

__all__ = ["Quiet"]

_NOT_HEARD = frozenset({UserState.IDLE, UserState.AWAY})
# On hold and in a transfer the caller hears music or a person, and is not kept waiting by a tool.
_ELSEWHERE = frozenset({AgentState.ON_HOLD, AgentState.TRANSFERRING, AgentState.SPEAKING})

# Not worth another timer; and rounding must not make it an endless one.
_NEAR = 0.001


class Quiet:
    """Knows since when neither side is heard, from what the session tells its listeners."""

    def __init__(self, emitter: Emitter) -> None:
        """Take the line for quiet until told otherwise."""
        self._user = UserState.IDLE
        self._agent = AgentState.IDLE
        self._since: float | None = clock.now()
        self._changed = asyncio.Event()
        emitter.on(UserStateChanged, self._user_changed)
        emitter.on(AgentStateChanged, self._agent_changed)
        emitter.on(DtmfReceived, self._key_pressed)

    async def lasting(self, seconds: float, *, since: Callable[[], float]) -> None:
        """Wait until the line has been quiet for so long, counted from `since()` at the earliest.

        `since` may grow meanwhile.
        """
        while True:
            self._changed.clear()
            left = None
            if self._since is not None:
                left = max(self._since, since()) + seconds - clock.now()
                if left < _NEAR:
                    return
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _user_changed(self, event: UserStateChanged) -> None:
        self._user = event.new
        self._work_out()

    def _agent_changed(self, event: AgentStateChanged) -> None:
        self._agent = event.new
        self._work_out()

    def _key_pressed(self, _event: DtmfReceived) -> None:
        # Who keys a number is at it, though nobody is heard.
        if self._since is not None:
            self._since = clock.now()
            self._changed.set()

    def _work_out(self) -> None:
        quiet = self._user in _NOT_HEARD and self._agent not in _ELSEWHERE
        if quiet != (self._since is not None):
            self._since = clock.now() if quiet else None
            self._changed.set()

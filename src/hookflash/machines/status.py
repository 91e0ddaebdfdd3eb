"""What the agent and the caller are at, from what goes on.

Drawn as a diagram in `docs/design/status.md`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import assert_never

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.session import AgentState, UserState
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

__all__ = ["TRANSITIONS", "StatusConfig", "StatusMachine"]

_AT: Mapping[Doing, AgentState] = {
    Doing.CLOSING: AgentState.CLOSING,
    Doing.TRANSFERRING: AgentState.TRANSFERRING,
    Doing.ON_HOLD: AgentState.ON_HOLD,
    Doing.AGENT_SPEAKING: AgentState.SPEAKING,
    Doing.TOOL: AgentState.TOOL_RUNNING,
    Doing.THINKING: AgentState.THINKING,
    Doing.CALLER_SPEAKING: AgentState.LISTENING,
}

_ONGOING = tuple(
    state for state in AgentState if state not in {AgentState.STARTING, AgentState.CLOSING}
)
_ANYTHING = (*_ONGOING, AgentState.CLOSING)

TRANSITIONS: Mapping[AgentState, Mapping[str, tuple[AgentState, ...]]] = {
    AgentState.STARTING: {
        StatusStarted.name: _ONGOING,
        DoingBegan.name: (AgentState.STARTING, AgentState.CLOSING),
        DoingEnded.name: (AgentState.STARTING,),
        CallerActive.name: (AgentState.STARTING,),
    },
    **{
        state: {
            DoingBegan.name: _ANYTHING,
            DoingEnded.name: _ONGOING,
            CallerActive.name: (state,),
            "tick": (state,),
        }
        for state in _ONGOING
    },
    AgentState.CLOSING: {},
}
"""State, then event name or `tick`, to the states that may follow. What is not here is ignored."""


class StatusConfig(msgspec.Struct, frozen=True, kw_only=True):
    """When the caller counts as away.

    Raises:
        ConfigError: a field is out of its range.
    """

    away_after: float | None = 15.0
    """Seconds during which neither side was heard; None: never. Fifteen is what users of other
    frameworks are used to, and longer than anyone looks for a card in silence."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.away_after is not None and not 0 < self.away_after < math.inf:
            msg = f"away_after is {self.away_after}; give seconds above 0, or None for never"
            raise ConfigError(msg)


class StatusMachine:
    """Counts what goes on by name, and says when either side is at something else.

    Two tools at once are two beginnings and two ends. An end without its beginning is ignored.
    A caller who is away is so until they are heard or press a key, whatever the agent does.
    """

    def __init__(self, config: StatusConfig | None = None) -> None:
        """Begin with nothing going on, the agent still starting."""
        self._config = config or StatusConfig()
        self._agent = AgentState.STARTING
        self._user = UserState.IDLE
        self._going_on: Counter[Doing] = Counter()
        self._started = False
        self._present = True
        self._quiet_since: float | None = None

    @property
    def state(self) -> AgentState:
        """What the agent is at."""
        return self._agent

    @property
    def user(self) -> UserState:
        """What the caller is at."""
        return self._user

    def goes_on(self, what: Doing) -> bool:
        """Whether any of `what` goes on."""
        return self._going_on[what] > 0

    def receive(self, event: StatusEvent, now: float) -> Sequence[StatusCommand]:
        """Take one event."""
        legal = TRANSITIONS[self._agent].get(event.name)
        if legal is None:
            return []
        match event:
            case StatusStarted():
                self._started = True
            case DoingBegan():
                self._going_on[event.what] += 1
                self._present = self._present or event.what is Doing.CALLER_SPEAKING
            case DoingEnded():
                if self._going_on[event.what] == 0:
                    return []
                self._going_on[event.what] -= 1
            case CallerActive():
                self._present = True
            case _:
                assert_never(event)
        self._quiet_since = None if self._going_on.total() else now
        commands = self._compare()
        assert self._agent in legal, (event.name, self._agent)
        return commands

    def deadline(self) -> float | None:
        """Return when the caller will count as away; None while somebody is busy."""
        after = self._config.away_after
        if self._quiet_since is None or after is None or not self._started or not self._present:
            return None
        return self._quiet_since + after

    def tick(self, now: float) -> Sequence[StatusCommand]:
        """Return the caller's leaving if the line was quiet for long enough."""
        deadline = self.deadline()
        if deadline is None or now < deadline:
            return []
        self._present = False
        return self._compare()

    def _compare(self) -> list[StatusCommand]:
        """Work out what both are at; return what is new."""
        said: list[StatusCommand] = []
        agent, user = self._agent_now(), self._user_now()
        if agent is not self._agent:
            said.append(AgentIs(old=self._agent, new=agent))
            self._agent = agent
        if user is not self._user:
            said.append(UserIs(old=self._user, new=user))
            self._user = user
        return said

    def _agent_now(self) -> AgentState:
        if not self._started and not self.goes_on(Doing.CLOSING):
            return AgentState.STARTING
        return next((_AT[what] for what in Doing if self.goes_on(what)), AgentState.IDLE)

    def _user_now(self) -> UserState:
        if not self._present:
            return UserState.AWAY
        if self.goes_on(Doing.CALLER_SPEAKING):
            return UserState.SPEAKING
        return UserState.LISTENING if self.goes_on(Doing.AGENT_SPEAKING) else UserState.IDLE

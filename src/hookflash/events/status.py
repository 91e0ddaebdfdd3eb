"""What goes on in a session, and what the two sides are therefore at."""

from enum import StrEnum
from typing import TypeAlias

from hookflash.events.base import Record, named
from hookflash.events.session import AgentState, UserState

__all__ = [
    "AgentIs",
    "CallerActive",
    "Doing",
    "DoingBegan",
    "DoingEnded",
    "StatusCommand",
    "StatusEvent",
    "StatusStarted",
    "UserIs",
]


class Doing(StrEnum):
    """Something that goes on. What stands first decides what the agent is at."""

    CLOSING = "closing"
    TRANSFERRING = "transferring"
    ON_HOLD = "on_hold"
    AGENT_SPEAKING = "agent_speaking"
    TOOL = "tool"
    THINKING = "thinking"
    CALLER_SPEAKING = "caller_speaking"


@named("status.started")
class StatusStarted(Record, frozen=True, kw_only=True):
    """The agent has the line."""


@named("status.began")
class DoingBegan(Record, frozen=True, kw_only=True):
    """One more of `what` goes on."""

    what: Doing


@named("status.ended")
class DoingEnded(Record, frozen=True, kw_only=True):
    """One less of `what` goes on."""

    what: Doing


@named("status.caller_active")
class CallerActive(Record, frozen=True, kw_only=True):
    """The caller was heard, or pressed a key."""


@named("status.agent_is")
class AgentIs(Record, frozen=True, kw_only=True):
    """The agent is at something else now."""

    old: AgentState
    new: AgentState


@named("status.user_is")
class UserIs(Record, frozen=True, kw_only=True):
    """The caller is at something else now."""

    old: UserState
    new: UserState


StatusEvent: TypeAlias = StatusStarted | DoingBegan | DoingEnded | CallerActive
StatusCommand: TypeAlias = AgentIs | UserIs

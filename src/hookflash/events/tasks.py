"""What a session tells about small jobs for which an agent has the line for a while."""

from hookflash.events.base import named
from hookflash.events.session import SessionRecord

__all__ = ["TaskEnded", "TaskStarted"]


@named("task.started")
class TaskStarted(SessionRecord, frozen=True, kw_only=True):
    """A task has the line.

    Attributes:
        task: its class.
    """

    task: str


@named("task.ended")
class TaskEnded(SessionRecord, frozen=True, kw_only=True):
    """The agent that waited for a task has the line again.

    Attributes:
        task: its class.
        outcome: `done`; or why there is no result: a `ToolError`'s reason, `failed`, or
            `abandoned` if nobody waited for it any more.
    """

    task: str
    outcome: str

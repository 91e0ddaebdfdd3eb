"""What a session tells about a group of tasks."""

from enum import StrEnum

from hookflash.events.base import named
from hookflash.events.session import SessionRecord

__all__ = ["TaskGroupProgress", "TaskStep"]


class TaskStep(StrEnum):
    """What became of one task of a group."""

    STARTED = "started"
    SUSPENDED = "suspended"
    """The caller goes back to an earlier one."""
    RESUMED = "resumed"
    COMPLETED = "completed"
    FAILED = "failed"
    OUTDATED = "outdated"
    """An answer that it depends on has changed: it is done again."""


@named("task_group.progress")
class TaskGroupProgress(SessionRecord, frozen=True, kw_only=True):
    """A group of tasks has come a step further, or back.

    Attributes:
        task: its id in the group.
        step: what became of it.
        done: how many of the group's tasks have a result now.
        total: how many there are.
    """

    task: str
    step: TaskStep
    done: int
    total: int

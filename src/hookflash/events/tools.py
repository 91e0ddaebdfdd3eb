"""What a session tells of its tools, besides that they ran."""

from hookflash.events.base import named
from hookflash.events.session import SessionRecord

__all__ = ["ToolProgress"]


@named("tool.progress")
class ToolProgress(SessionRecord, frozen=True, kw_only=True):
    """A running tool says how far it is.

    Attributes:
        tool: its name.
        call_id: which of its calls.
        text: what it says, in the program's words.
        said: whether the caller is told.
    """

    tool: str
    call_id: str
    text: str
    said: bool

"""Why a task has no result."""

from hookflash.errors import ConfigError, ToolError

__all__ = [
    "AttemptsExceeded",
    "CaptureDeclined",
    "CardCaptureDeclinedError",
    "CardCollectionRestartError",
    "DtmfCollectionError",
    "TaskMisconfigured",
]


class CaptureDeclined(ToolError):
    """The caller will not, or cannot, give what a task asks for.

    Attributes:
        field: what was asked for, such as `email address`.
        reason: why, in words, as the model or the task understood the caller.
    """

    reason = "capture_declined"

    def __init__(self, field: str, reason: str) -> None:
        """Say what was asked for, and why there is none."""
        super().__init__(f"couldn't get the {field}: {reason}")
        self.field = field
        self.reason = reason


class AttemptsExceeded(ToolError):
    """A task asked so often in vain that it gave up.

    Attributes:
        field: what was asked for, such as `email address`.
        attempts: how often it failed.
    """

    reason = "attempts_exceeded"

    def __init__(self, field: str, attempts: int) -> None:
        """Say what was asked for, and how often."""
        super().__init__(f"couldn't get the {field}: {attempts} attempts have failed")
        self.field = field
        self.attempts = attempts


class DtmfCollectionError(ToolError):
    """The caller keyed or said no usable number, as often as they were asked.

    Attributes:
        reason: `no_input`, `too_short`, `too_long`, `invalid` or `timeout` if every attempt failed
            alike, else `attempts_exceeded`.
        digits_count: how many keys and digits there were in the last attempt.
        attempts: how many there were.
    """

    reason = "dtmf_collection"

    def __init__(self, message: str, *, reason: str, digits_count: int, attempts: int) -> None:
        """Say what was expected; never which digits came."""
        super().__init__(message)
        self.reason = reason
        self.digits_count = digits_count
        self.attempts = attempts


class TaskMisconfigured(ConfigError, ValueError):
    """A task was asked for what cannot be.

    A `ValueError` as well, which is what programs written for other frameworks expect.
    """


class CardCaptureDeclinedError(CaptureDeclined):
    """The caller will not, or cannot, give a card."""

    reason = "card_capture_declined"

    def __init__(self, reason: str) -> None:
        """Say why."""
        super().__init__("card details", reason)


class CardCollectionRestartError(ToolError):
    """The caller wants to begin again with the card's number.

    Attributes:
        reason: why, in words.
    """

    reason = "card_collection_restart"

    def __init__(self, reason: str) -> None:
        """Say why."""
        super().__init__(f"restarting card collection: {reason}")
        self.reason = reason

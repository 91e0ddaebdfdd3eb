"""The one exception tree.

Three trunks: you (`UsageError`), them (`PeerError`), the line between (`LinkError`); and beside
them a leaf, `ToolError`, by which a tool tells the language model that it could not do its job.
Each class carries its verdict, so that whoever catches it need not know who raised it.

```
HookflashError
├── UsageError              the program asked for something that cannot be
│   ├── ConfigError         a setting is missing or wrong
│   ├── MissingExtra        a package of an optional extra is not installed
│   └── SessionClosed       the session (or leg, or call) is over
├── PeerError               the other side answered, and the answer is no
│   ├── CarrierError        a telephone company refused
│   ├── ProviderError       a speech or language service refused
│   └── ProtocolError       the other side broke its own protocol
├── LinkError               no answer: connection lost, timed out, refused
│   ├── LinkTimeout
│   └── LegClosed           the media path ended while we used it
└── ToolError               a tool or task says why it could not be done
    ├── TaskTimedOut
    └── TaskCancelled       ended by the program, a hand-off, or the session's end
        └── CallerHungUp
```
"""

from typing import ClassVar

__all__ = [
    "CallerHungUp",
    "CarrierError",
    "ConfigError",
    "HookflashError",
    "LegClosed",
    "LinkError",
    "LinkTimeout",
    "MissingExtra",
    "PeerError",
    "ProtocolError",
    "ProviderError",
    "SessionClosed",
    "TaskCancelled",
    "TaskTimedOut",
    "ToolError",
    "UsageError",
]


class HookflashError(Exception):
    """Root of all errors that hookflash raises.

    Attributes:
        reason: short stable word for logs, events and metrics, such as `carrier_refused`.
        retryable: whether the same request may succeed later without a change.
        http_status: what an HTTP API of ours answers when this error ends a request.
        sip_code: what a SIP leg of ours answers when this error ends a call.
    """

    reason: str = "error"
    retryable: bool = False
    http_status: ClassVar[int] = 500
    sip_code: ClassVar[int] = 500


class UsageError(HookflashError):
    """The calling program asked for something that cannot be."""

    reason = "usage"
    http_status = 400


class ConfigError(UsageError):
    """A setting is missing or wrong. The message names the setting and says what to put."""

    reason = "config"


class MissingExtra(UsageError):
    """A package of an optional extra is not installed."""

    reason = "missing_extra"

    def __init__(self, package: str, extra: str) -> None:
        """Name the package that was looked for and the extra that installs it."""
        super().__init__(f"{package} is not installed. Run: pip install 'hookflash[{extra}]'")
        self.package = package
        self.extra = extra


class SessionClosed(UsageError):
    """The session, call or leg is over; what was asked needs a live one."""

    reason = "session_closed"
    http_status = 409


class PeerError(HookflashError):
    """The other side answered, and the answer is no.

    Attributes:
        status: HTTP (or SIP) status that the peer gave, if any.
        code: the peer's own error code, if any, as text.
    """

    reason = "peer"
    http_status = 502

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        """Keep the peer's verdict beside the message; `retryable` overrides the class's."""
        super().__init__(message)
        self.status = status
        self.code = code
        if retryable is not None:
            self.retryable = retryable


class CarrierError(PeerError):
    """A telephone company refused a request."""

    reason = "carrier_refused"


class ProviderError(PeerError):
    """A speech or language service refused a request or failed at it."""

    reason = "provider_failed"


class ProtocolError(PeerError):
    """The other side broke its own protocol."""

    reason = "protocol"


class LinkError(HookflashError):
    """No answer: the connection was refused, lost, or never came to be."""

    reason = "link"
    retryable = True
    http_status = 504
    sip_code = 503


class LinkTimeout(LinkError):
    """No answer in time."""

    reason = "timeout"
    sip_code = 408


class LegClosed(LinkError):
    """The media path ended while it was in use."""

    reason = "leg_closed"
    retryable = False


class ToolError(HookflashError):
    """A tool or task could not do its job. The language model reads the message.

    So the message says what to tell the caller or what to try next, and holds nothing secret.
    """

    reason = "tool_failed"


class TaskCancelled(ToolError):
    """A task was ended before it had a result: by the program, a hand-off, or the session's end."""

    reason = "task_cancelled"


class TaskTimedOut(ToolError):
    """A task had no result in time."""

    reason = "task_timed_out"


class CallerHungUp(TaskCancelled):
    """The caller left before a task had a result."""

    reason = "caller_hung_up"

"""What every server of tools can do, whatever it speaks: the side of it that an agent sees."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from hookflash.errors import ConfigError
from hookflash.providers.chat import ToolSchema

__all__ = ["ToolServer", "ToolServerUser"]

_PREFIX = re.compile(r"[a-zA-Z0-9_-]{1,32}")


class ToolServerUser(Protocol):
    """Who uses a server and is told how it fares. Called on the loop; must not block."""

    def tools_changed(self, server: "ToolServer") -> None:
        """`server.tools` are others now."""

    def server_in_trouble(self, server: "ToolServer", reason: str, message: str) -> None:
        """Something is wrong with it; it goes on trying.

        Args:
            server: which.
            reason: short stable word, as `HookflashError.reason`.
            message: for people; holds nothing secret.
        """


class ToolServer(ABC):
    """Offers tools over one connection, which all who use it share.

    The connection is there while anybody uses the server: the sessions whose agents name it, and
    the program itself inside `async with server`. The first to join opens it, the last to leave
    closes it. So a server that an agent makes for itself lives as long as the call, and one that a
    program holds for its whole life connects once for all calls.

    A server that cannot be reached is no error of the program's: its users are told, its tools fail
    with a `ToolError`, and it is tried again in the background.

    Attributes:
        name: what events, errors and clashing tools' names call it.
        prefix: put before the names of all its tools, as in `crm_find`; None: only before one whose
            name is taken, and then `name` is used.
        tool_timeout: seconds that a call may take.
    """

    def __init__(self, name: str, *, prefix: str | None, tool_timeout: float) -> None:
        """Set what all servers have.

        Raises:
            ConfigError: a value is out of its range.
        """
        self.name = name
        self.prefix = prefix
        self.tool_timeout = tool_timeout
        self.check_seconds("tool_timeout", tool_timeout)
        if not name:
            msg = "name must not be empty"
            raise ConfigError(msg)
        if prefix is not None and not _PREFIX.fullmatch(prefix):
            msg = f"prefix {prefix!r} must be of letters, digits, _ and -, at most 32"
            raise ConfigError(msg)
        self._here: ToolServerUser | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @staticmethod
    def check_seconds(field: str, value: float) -> None:
        """Check a number of seconds.

        Raises:
            ConfigError: it is not above 0, or endless.
        """
        if not 0 < value < math.inf:
            msg = f"{field} must be seconds above 0, not {value}"
            raise ConfigError(msg)

    @property
    @abstractmethod
    def tools(self) -> tuple[ToolSchema, ...]:
        """What it offers, as last known; nothing before the first connection."""

    @abstractmethod
    async def join(self, user: ToolServerUser) -> None:
        """Begin to use it; returns when it was connected, or the first attempt failed.

        Raises:
            UsageError: this user has joined already.
        """

    @abstractmethod
    async def leave(self, user: ToolServerUser) -> None:
        """Use it no more. Idempotent; when the last one leaves, waits until all has ended."""

    @abstractmethod
    async def call(
        self,
        tool: str,
        arguments: Mapping[str, object],
        on_progress: Callable[[str], None] | None = None,
    ) -> str:
        """Carry out a tool, within `tool_timeout`; cancelling ends it at the server, too.

        Args:
            tool: its name as in `tools`.
            arguments: JSON values; the server checks them.
            on_progress: called with what the server says meanwhile of how far it is.

        Returns:
            Text for the model.

        Raises:
            ToolError: it failed, or the server cannot be reached; the text is for the model.
            UsageError: nobody has joined.
        """

    async def __aenter__(self) -> Self:
        """The program uses it."""
        self._here = _Silent()
        await self.join(self._here)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._here is not None:
            await self.leave(self._here)


class _Silent:
    """A user that nobody asks."""

    def tools_changed(self, server: ToolServer) -> None:
        """Nobody to tell."""

    def server_in_trouble(self, server: ToolServer, reason: str, message: str) -> None:
        """Its other users are told."""

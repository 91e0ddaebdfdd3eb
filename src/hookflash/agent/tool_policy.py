"""How a tool's run is treated: what is said meanwhile, and what interrupts or repeats it."""

import math
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias, cast

import msgspec

from hookflash.errors import ConfigError
from hookflash.providers.chat import ToolCall

__all__ = ["Filler", "FillerTexts", "OnDuplicate", "OnInterrupt"]

OnInterrupt: TypeAlias = Literal["finish", "cancel"]
"""What becomes of a tool when the caller interrupts the reply that runs it.

`finish`: it runs on, and its answer is in the history for the next turn. Half a booking is worse
than a late one. `cancel`: its coroutine is cancelled, and the model is told so.
"""

OnDuplicate: TypeAlias = Literal["run", "reject", "join"]
"""What becomes of a call that repeats another.

A call is a duplicate if it names the same tool with the same arguments (as JSON: the order of keys
and white space do not matter) while the other still runs, in this reply or an earlier one, or
after the other succeeded in this same reply. `run`: it runs as well. `reject`: it does not, and
the model is told so. `join`: it gets the other's answer.
"""

FillerTexts: TypeAlias = tuple[str, ...] | Callable[[ToolCall], str | Awaitable[str]]


class Filler(msgspec.Struct, frozen=True, kw_only=True):
    """What is said while a tool keeps the caller waiting.

    Never over other speech: the line must have been quiet for a while. What has not begun to be
    heard when the tool returns is dropped; what has, is heard to its end.

    Attributes:
        texts: said one after the other, and from the first again. Or a function, plain or `async`,
            that is given the call and returns what to say; nothing is said if it returns "". With
            no texts nothing is ever said.
        after: seconds of quiet before the first, from 0.0.
        every: seconds of quiet before each further one, above 0.0.
        most: how many in one run, from 1 to 20.

    Raises:
        ConfigError: a field is out of its range.
    """

    texts: FillerTexts = ("One moment, please.",)
    after: float = 1.0
    every: float = 6.0
    most: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if isinstance(cast("object", self.texts), str):
            msg = "Filler(texts=) takes a tuple of texts, or a function"
            raise ConfigError(msg)
        if not 0 <= self.after < math.inf:
            msg = f"Filler(after=) must be seconds from 0, not {self.after}"
            raise ConfigError(msg)
        if not 0 < self.every < math.inf:
            msg = f"Filler(every=) must be seconds above 0, not {self.every}"
            raise ConfigError(msg)
        if not 1 <= self.most <= 20:
            msg = f"Filler(most=) must be from 1 to 20, not {self.most}"
            raise ConfigError(msg)

    def text(self, call: ToolCall, count: int) -> str | Awaitable[str]:
        """Return what to say the `count`th time (from 0) while this call runs."""
        if callable(self.texts):
            return self.texts(call)
        return self.texts[count % len(self.texts)] if self.texts else ""

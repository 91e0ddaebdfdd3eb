"""Two calls that end together."""

import asyncio
from collections.abc import Callable

from hookflash.calls.call import Call

__all__ = ["end_together"]


def end_together(one: Call, other: Call, *, over: Callable[[], None] | None = None) -> None:
    """From now on, when one of the two loses its leg for good, the other's call ends.

    Args:
        one: with a leg.
        other: the same.
        over: called when both have gone.
    """
    pair = _Pair((one, other), over)
    for call in (one, other):
        if call.leg is not None:
            call.leg.listen(pair)


class _Pair:
    """As the listener of both legs."""

    def __init__(self, calls: tuple[Call, Call], over: Callable[[], None] | None) -> None:
        self._calls = calls
        self._over = over
        self._gone = 0

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The others take it."""

    def digit_received(self, digit: str, at: float) -> None:
        """The others take it."""

    def leg_closed(self, reason: str) -> None:
        """One of the two is gone."""
        self._gone += 1
        if self._gone == len(self._calls) and self._over is not None:
            self._over()
        # Soon: it may be this leg's own call that is just being ended.
        asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        for call in self._calls:
            call.end("other_party_left")

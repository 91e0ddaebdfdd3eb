"""Asking the caller something and taking the answer away from the conversation."""

import asyncio
from collections.abc import Callable

import msgspec

from hookflash.errors import SessionClosed

__all__ = ["Answer", "Answers"]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller answered. Its `repr` does not show it.

    Attributes:
        text: the words, or the keys without the finishing one; not masked.
        keyed: whether they were keys.
    """

    text: str
    keyed: bool

    def __repr__(self) -> str:
        """Say nothing of the answer."""
        return "Answer(...)"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Nor to rich, which asks a structure for its fields."""
        return []


class Answers:
    """Who waits for the caller's next turn, to have it instead of the agent's reply.

    The one who asked last is the one who is answered; then those are asked who take what they can
    use.
    """

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._waiting: list[asyncio.Future[Answer]] = []
        self._takers: list[Callable[[Answer], bool]] = []
        self._closed = False

    async def wait(self, within: float | None = None) -> Answer | None:
        """Wait for the caller's next turn, or keyed number; None if none came in time.

        Args:
            within: seconds; None waits as long as the session lives.

        Raises:
            SessionClosed: the session is over.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        if self._closed:
            answer.cancel()
        try:
            await asyncio.wait([answer], timeout=within)
        finally:
            self._waiting.remove(answer)
        if answer.cancelled():
            msg = "the session ended before the caller answered"
            raise SessionClosed(msg)
        return answer.result() if answer.done() else None

    def take(self, taker: Callable[[Answer], bool]) -> Callable[[], None]:
        """Offer each turn to `taker` when it is over; it returns whether it takes it.

        The one who came last is asked first.

        Returns:
            What ends it; idempotent.
        """
        self._takers.append(taker)

        def release() -> None:
            if taker in self._takers:
                self._takers.remove(taker)

        return release

    @property
    def waiting(self) -> bool:
        """Whether somebody may want the next turn."""
        return bool(self._takers) or any(not each.done() for each in self._waiting)

    def give(self, answer: Answer) -> bool:
        """The caller has answered; return whether somebody wanted it."""
        waiting = next((each for each in reversed(self._waiting) if not each.done()), None)
        if waiting is None:
            return any(taker(answer) for taker in reversed(tuple(self._takers)))
        waiting.set_result(answer)
        return True

    def close(self) -> None:
        """The session is over. Idempotent."""
        self._closed = True
        for waiting in self._waiting:
            waiting.cancel()

"""Asking the caller something and taking the answer away from the conversation."""

import asyncio
from dataclasses import dataclass

from hookflash.errors import SessionClosed

__all__ = ["Answer", "Answers"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answer:
    """What the caller answered. Its `repr` does not show it.

    Attributes:
        text: the words, or the keys without the finishing one; not masked.
        keyed: whether they were keys.
    """

    text: str
    keyed: bool


class Answers:
    """Who waits for the caller's next turn, to have it instead of the agent's reply.

    The one who asked last is the one who is answered.
    """

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._waiting: list[asyncio.Future[Answer]] = []
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

    @property
    def waiting(self) -> bool:
        """Whether somebody waits."""
        return any(not each.done() for each in self._waiting)

    def give(self, answer: Answer) -> bool:
        """The caller has answered; return whether somebody waited for it."""
        waiting = next((each for each in reversed(self._waiting) if not each.done()), None)
        if waiting is None:
            return False
        waiting.set_result(answer)
        return True

    def close(self) -> None:
        """The session is over. Idempotent."""
        self._closed = True
        for waiting in self._waiting:
            waiting.cancel()

"""Sensitive mode: the caller says or keys what nobody else may see."""

from types import TracebackType
from typing import Self

from hookflash.agent.answers import Answer, Answers
from hookflash.pipeline.concealment import Concealment

__all__ = ["Sensitive"]


class Sensitive:
    """A stretch of a call in which numbers are concealed; made by `AgentSession.sensitive`.

    ```python
    with session.sensitive() as secret:
        session.say("Please key your card number, and then the hash key.")
        answer = await secret.answer(within=30)
    ```

    While it lasts, every digit is `•` in events, on the tape, in the history and so in what the
    model is told, and the recording is paused. It nests, and lasts until the caller has finished
    what was going on when it ended. The real digits are had from `answer`, or key by key by the
    session's `DTMFHandler`.
    """

    def __init__(self, concealment: Concealment, answers: Answers) -> None:
        """Made by a session."""
        self._concealment = concealment
        self._answers = answers

    async def answer(self, within: float | None = None) -> Answer | None:
        """Wait for the next number that the caller keys, or the next turn; None if none came.

        The agent does not reply to it; the history holds it masked.

        Args:
            within: seconds; None waits as long as the session lives.

        Raises:
            SessionClosed: the session is over.
        """
        return await self._answers.wait(within)

    def __enter__(self) -> Self:
        self._concealment.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._concealment.end()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

"""A handle on something that the agent says."""

import asyncio
from collections.abc import Callable, Generator

from hookflash.errors import HookflashError, UsageError

__all__ = ["UtteranceHandle"]


class UtteranceHandle:
    """One thing said, or one reply (which may consist of several). Await it to the end.

    Awaiting waits until it was heard, cut short or failed, and returns the handle; it raises
    nothing. Cancelling a task that waits never cancels the utterance.
    """

    def __init__(self, utterance_id: str, *, interruptible: bool) -> None:
        """Made by `AgentSession.say` and `reply`."""
        self.id = utterance_id
        self.interruptible = interruptible
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._began_at: float | None = None
        self._finished_at: float | None = None
        self._done: asyncio.Future[None] = loop.create_future()
        self._thought: asyncio.Future[None] = loop.create_future()
        self._wait_for_playback = True
        self._interrupted = False
        self._error: HookflashError | None = None
        self._spoken: list[str] = []
        self._stop: Callable[[str], None] | None = None

    def done(self) -> bool:
        """Whether nothing more of it will be heard."""
        return self._done.done()

    @property
    def interrupted(self) -> bool:
        """Whether it was cut short, by the caller or by `interrupt`."""
        return self._interrupted

    @property
    def spoken_text(self) -> str:
        """The words that the caller heard; complete once it is done."""
        return " ".join(self._spoken)

    @property
    def error(self) -> HookflashError | None:
        """Why it failed, if it did."""
        return self._error

    @property
    def started_at(self) -> float | None:
        """When its turn came, in the loop's seconds; None while it waits, or if it never did."""
        return self._began_at

    @property
    def finished_at(self) -> float | None:
        """When it was done, in the loop's seconds."""
        return self._finished_at

    def interrupt(self, force: bool = False) -> None:
        """Cut it short. Nothing happens if it is done.

        Raises:
            UsageError: it is not interruptible, and `force` is False.
        """
        if self.done():
            return
        if not self.interruptible and not force:
            msg = "this utterance is not interruptible; use interrupt(force=True)"
            raise UsageError(msg)
        if self._stop is not None:
            self._stop("program")

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds; return whether it is done."""
        await asyncio.wait([self._done], timeout=timeout)
        return self.done()

    def add_done_callback(self, callback: Callable[["UtteranceHandle"], None]) -> None:
        """Call `callback(handle)` once it is done; at the loop's next turn if it is already."""
        self._done.add_done_callback(lambda _: callback(self))

    def __await__(self) -> Generator[object, None, "UtteranceHandle"]:
        """Wait until it is done; without `wait_for_playback`, until all of it is thought of."""
        awaited = self._done if self._wait_for_playback else self._thought
        yield from asyncio.shield(awaited).__await__()
        return self

    # For the session.

    @property
    def finished(self) -> "asyncio.Future[None]":
        """Done when the utterance is; not to be cancelled."""
        return self._done

    def bind(self, stop: Callable[[str], None]) -> None:
        """Say how it is cut short."""
        self._stop = stop

    def await_thought_only(self) -> None:
        """Awaiting the handle shall not wait until it was heard."""
        self._wait_for_playback = False

    def begin(self) -> None:
        """Its turn has come."""
        if self._began_at is None:
            self._began_at = self._loop.time()

    def thought(self) -> None:
        """All of its words are known, and its tools have run. Idempotent."""
        if not self._thought.done():
            self._thought.set_result(None)

    def heard(self, text: str) -> None:
        """Words of it were heard."""
        if text:
            self._spoken.append(text)

    def cut(self) -> None:
        """It was cut short."""
        self._interrupted = True

    def finish(self, error: HookflashError | None = None) -> None:
        """Nothing more of it will be heard. Idempotent."""
        if not self._done.done():
            self._error = self._error or error
            self._finished_at = self._loop.time()
            self._done.set_result(None)
            self.thought()

    def fail(self, error: HookflashError) -> None:
        """Remember why; the first one stays."""
        self._error = self._error or error

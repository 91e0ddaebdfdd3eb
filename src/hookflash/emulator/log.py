"""Everything that crossed the emulated carrier, in order: what tests assert on.

Each kind of entry is a class. Ask for entries by class (typed) or by its `kind` (short):

```python
log.of(Webhook, purpose="status")
log.of("notice", code="31920")
await log.wait_for(SocketMessage, event="mark", timeout=5.0)
```
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar, cast, overload

from hookflash.errors import LinkTimeout
from hookflash.runtime.clock import now

__all__ = [
    "CallChange",
    "Entry",
    "EventLog",
    "Failure",
    "Lint",
    "Notice",
    "RestRequest",
    "SocketMessage",
    "VerbStep",
    "Webhook",
]

_MAX_ENTRIES = 100_000
_SHOWN = 12


@dataclass(slots=True, kw_only=True)
class Entry:
    """Something that happened.

    Attributes:
        at: when, in the loop's seconds; set when it is added.
        call_sid: the call that it belongs to, if it belongs to one.
    """

    kind: ClassVar[str] = ""
    at: float = 0.0
    call_sid: str | None = None


EntryT = TypeVar("EntryT", bound=Entry)


@dataclass(slots=True, kw_only=True)
class RestRequest(Entry):
    """The application asked the REST interface for something and was answered.

    Attributes:
        method: `GET`, `POST` or `DELETE`.
        path: without the query.
        params: the fields of the query and of the form body.
        status: of the answer.
        code: the vendor's error code, if the answer is an error.
    """

    kind: ClassVar[str] = "rest"
    method: str
    path: str
    params: tuple[tuple[str, str], ...]
    status: int
    code: int | None = None


@dataclass(slots=True, kw_only=True)
class Webhook(Entry):
    """The carrier asked the application for something and was answered (or not).

    Added when the answer has come; `began` says when it was sent.

    Attributes:
        purpose: of documents `voice`, `fallback`, `action`, `redirect`, `whisper`, `wait`, `hold`
            and `announce`; of callbacks `status`, `conference`, `amd`, `stream` and `recording`;
            of files `media`.
        method: `GET` or `POST`.
        url: as configured.
        params: the fields that were sent.
        status: of the answer; None if there was none.
        body: of the answer, as text; empty for `media`.
        error: the vendor's error code, if the request failed.
        began: when the request was sent.
    """

    kind: ClassVar[str] = "webhook"
    purpose: str
    method: str
    url: str
    params: dict[str, str]
    status: int | None = None
    body: str = ""
    error: str | None = None
    began: float = 0.0


@dataclass(slots=True, kw_only=True)
class SocketMessage(Entry):
    """A message on a media stream, or a run of audio messages in one direction.

    The entry of a run grows: `count` and `until` change while audio goes on.

    Attributes:
        stream_sid: MZ...
        direction: `to_app` or `from_app`.
        event: `connected start media dtmf mark clear stop`, `refused` for a message that was not
            understood, and `close`.
        text: the mark's name, the digit, the reason of a refusal, or the close code.
        count: how many messages the entry stands for.
        until: when the last of them crossed.
    """

    kind: ClassVar[str] = "websocket"
    stream_sid: str
    direction: Literal["to_app", "from_app"]
    event: str
    text: str = ""
    count: int = 1
    until: float = 0.0


@dataclass(slots=True, kw_only=True)
class VerbStep(Entry):
    """The call began or ended one verb of its document.

    Attributes:
        verb: such as `Say` or `Connect`.
        phase: `begun` or `ended`; a verb that was cut short (hang-up, live update) has no end.
    """

    kind: ClassVar[str] = "verb"
    verb: str
    phase: Literal["begun", "ended"]


@dataclass(slots=True, kw_only=True)
class CallChange(Entry):
    """A call changed its status.

    Attributes:
        status: the new one.
        by: what brought it about: `api`, `caller`, `far_end`, `document`, `peer_leg`, `timeout`,
            `time_limit` or `emulator`.
    """

    kind: ClassVar[str] = "call"
    status: str
    by: str


@dataclass(slots=True, kw_only=True)
class Notice(Entry):
    """What the vendor would show in its debugger: an error or a warning with a code.

    Attributes:
        code: the vendor's.
        level: `error` or `warning`.
        message: our own words.
        url: the request that it concerns.
        sid: NO..., its name in the REST interface.
    """

    kind: ClassVar[str] = "notice"
    code: str
    level: Literal["error", "warning"]
    message: str
    url: str = ""
    sid: str = ""


@dataclass(slots=True, kw_only=True)
class Lint(Entry):
    """Something that works here and will hurt on the real network.

    Attributes:
        rule: short stable word.
        message: what was seen and what to do.
    """

    kind: ClassVar[str] = "lint"
    rule: str
    message: str


@dataclass(slots=True, kw_only=True)
class Failure(Entry):
    """A far end's script raised, or the emulator has a fault. Raised by `EventLog.check`.

    Attributes:
        where: the name of the task.
        error: what was raised.
    """

    kind: ClassVar[str] = "failure"
    where: str
    error: BaseException


@dataclass(slots=True)
class _Waiter:
    matches: Callable[[Entry], bool]
    future: "asyncio.Future[Entry]" = field(repr=False)


class EventLog:
    """An ordered, bounded list of entries; the oldest go when there are 100,000."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_MAX_ENTRIES)
        self._waiters: list[_Waiter] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __str__(self) -> str:
        """One line for each entry."""
        return "\n".join(map(str, self._entries))

    def add(self, entry: EntryT) -> EntryT:
        """Append an entry, stamp it, and wake who waits for it."""
        entry.at = now()
        self._entries.append(entry)
        for waiter in self._waiters:
            if not waiter.future.done() and waiter.matches(entry):
                waiter.future.set_result(entry)
        return entry

    @overload
    def of(
        self,
        kind: type[EntryT],
        where: Callable[[EntryT], bool] | None = None,
        **fields: object,
    ) -> list[EntryT]: ...
    @overload
    def of(
        self, kind: str, where: Callable[[Entry], bool] | None = None, **fields: object
    ) -> list[Entry]: ...
    def of(
        self,
        kind: type[EntryT] | str,
        where: Callable[[EntryT], bool] | None = None,
        **fields: object,
    ) -> list[EntryT] | list[Entry]:
        """Return the entries of a kind, in order.

        Args:
            kind: a class of this module, or its `kind`.
            where: a further condition.
            fields: attributes that must have these values.
        """
        matches = _condition(kind, where, fields)
        return [entry for entry in self._entries if matches(entry)]

    @overload
    async def wait_for(
        self,
        kind: type[EntryT],
        where: Callable[[EntryT], bool] | None = None,
        *,
        timeout: float = 10.0,
        **fields: object,
    ) -> EntryT: ...
    @overload
    async def wait_for(
        self,
        kind: str,
        where: Callable[[Entry], bool] | None = None,
        *,
        timeout: float = 10.0,
        **fields: object,
    ) -> Entry: ...
    async def wait_for(
        self,
        kind: type[EntryT] | str,
        where: Callable[[EntryT], bool] | None = None,
        *,
        timeout: float = 10.0,
        **fields: object,
    ) -> EntryT | Entry:
        """Return the first entry that matches (see `of`), waiting for it if need be.

        Raises:
            LinkTimeout: none came in `timeout` seconds; the message shows the newest entries.
        """
        matches = _condition(kind, where, fields)
        for entry in self._entries:
            if matches(entry):
                return entry
        waiter = _Waiter(matches, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                return await waiter.future
        except TimeoutError:
            newest = "\n".join(map(str, list(self._entries)[-_SHOWN:]))
            msg = f"no such entry ({kind}, {fields}) in {timeout} s. The newest:\n{newest}"
            raise LinkTimeout(msg) from None
        finally:
            self._waiters.remove(waiter)

    def check(self) -> None:
        """Raise what far ends' scripts and the emulator's own tasks raised, if anything.

        One exception is raised as it is, several as an `ExceptionGroup`. They stay in the log.
        """
        errors = [entry.error for entry in self.of(Failure)]
        if len(errors) == 1:
            raise errors[0]
        if errors:
            msg = "several far ends or tasks of the emulator failed"
            raise BaseExceptionGroup(msg, errors)


def _condition(
    kind: type[EntryT] | str,
    where: Callable[[EntryT], bool] | None,
    fields: dict[str, object],
) -> Callable[[Entry], bool]:
    def matches(entry: Entry) -> bool:
        if isinstance(kind, str):
            if entry.kind != kind:
                return False
        elif not isinstance(entry, kind):
            return False
        if any(getattr(entry, name) != value for name, value in fields.items()):
            return False
        return where is None or where(cast("EntryT", entry))

    return matches

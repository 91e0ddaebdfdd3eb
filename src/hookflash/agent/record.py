r"""What is kept of a session: a journal while it lives, and one record when it is over.

The journal is JSON lines, written at least once a second, so that a process that is killed loses
no more than that of it:

    {"journal":1,"session":"session-...","began":"...","call":{...}}
    {"event":{"name":"turn.completed","sequence":9,"at":4.2,"turn":"turn-...","text":"..."}}
    {"history":3,"items":[{"type":"message","role":"user","text":"..."}]}
    {"end":{"reason":"caller_hung_up","at":31.8,"call":{...}}}

A history line replaces everything from that index on. The record is what `recover` makes of a
journal, whether the session ended or its process died: there is one way to make one. When it is
written the journal is removed.
"""

import asyncio
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from hookflash.agent.emitter import Emitter
from hookflash.agent.measures import SessionMetrics, measure
from hookflash.calls.call import Call
from hookflash.errors import ConfigError, UsageError
from hookflash.events import Record, from_wire, to_wire
from hookflash.events.call import CallState
from hookflash.events.measures import CallerSpeechBegan
from hookflash.events.session import (
    ErrorOccurred,
    SessionClosedEvent,
    SessionRecord,
    TurnCompleted,
    TurnMetrics,
    UserTranscription,
    UtteranceSpoken,
)
from hookflash.events.transfer import (
    TransferAttempt,
    WarmTransferAttemptEnded,
    WarmTransferPhase,
    WarmTransferPhaseReached,
)
from hookflash.providers.chat import ChatContext, ChatItem, as_plain
from hookflash.runtime import clock
from hookflash.runtime.log import mask
from hookflash.runtime.tasks import TaskOwner

__all__ = [
    "JOURNAL_SUFFIX",
    "PROCESS_DIED",
    "RECORD_SUFFIX",
    "CallFacts",
    "CallRecord",
    "Journal",
    "RecordConfig",
    "TransferRecord",
    "TurnRecord",
    "Usage",
    "load_record",
    "record_path",
    "recover",
    "write_record",
]

Json = dict[str, Any]

JOURNAL_SUFFIX = ".journal.jsonl"
RECORD_SUFFIX = ".record.json"
PROCESS_DIED = "process died"
"""`CallRecord.ended` of a session whose process was gone before it ended."""

_FORMAT = 1
# Seconds: longer than `CallConfig.hangup_timeout`, after which a call ends by itself.
_OUTCOME = 6.0
_MAX_JOURNAL = 200_000_000
# Text in a field of any other name may be somebody's words. So what is new is kept out until it is
# known to hold none.
_NAMES = frozenset(
    {
        *("name", "turn", "utterance", "provider", "reason", "source", "old", "new"),
        *("tool", "call_id", "outcome", "failed", "verdict", "phase", "state", "type", "role"),
        *("destination", "cause", "ended_by", "resolution"),
    }
)
# Of what is within an event, these are told of by the same names.
_WITHIN = frozenset({"attempt", "data"})
_TERMINAL = frozenset(
    {
        WarmTransferPhase.TRANSFER_COMPLETE,
        WarmTransferPhase.TRANSFER_CANCELLED,
        WarmTransferPhase.TRANSFER_FAILED,
    }
)
# As many digits as a telephone number has at least, however it is written.
_LIKE_A_NUMBER = re.compile(r"(?:\d[\s().-]*){7}")


class RecordConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where a session is written down, and what of it.

    Attributes:
        directory: made if it is not there. Files are named for the call.
        content: whether words are kept (what was said on both sides, what tools were given and
            answered, instructions) and keyed digits; without, names, counts and times are.
            What the session is told to treat as sensitive is never kept.
        numbers: whether telephone numbers are kept whole; without, they are masked as in logs.
        every: seconds between two writes to the journal, above 0, at most 1.

    Raises:
        ConfigError: `every` is out of its range.
    """

    directory: Path
    content: bool = True
    numbers: bool = False
    every: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 0 < self.every <= 1:
            msg = f"every is {self.every}; give seconds above 0, at most 1"
            raise ConfigError(msg)


class CallFacts(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The call that a session was on.

    Attributes:
        id: ours.
        direction: `inbound` or `outbound`.
        from_: who phoned; masked unless asked otherwise.
        to: who was phoned; as `from_`.
        carrier_call_id: the carrier's name for it.
        outcome: how it ended, as `Outcome`; None if it had not ended when the session had.
        reason: our word for why it ended.
        cause: the carrier's word or code for it.
        duration: seconds from the answer to the end.
    """

    id: str
    direction: str
    from_: str = ""
    to: str = ""
    carrier_call_id: str | None = None
    outcome: str | None = None
    reason: str | None = None
    cause: str | None = None
    duration: float | None = None


class TurnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A turn of the caller's, and the answer.

    Attributes:
        turn: its id.
        at: when it was over, in seconds since the session was made.
        reason: why it was taken to be over.
        text: the caller's words.
        heard: what the caller heard in answer.
        metrics: what the answer was like.
    """

    turn: str
    at: float
    reason: str
    text: str
    heard: str
    metrics: TurnMetrics | None


class TransferRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer of the caller to a person, from the request to its end.

    Attributes:
        at: when it was asked for, in seconds since the session was made.
        phase: how far it came; `transfer_complete`, `transfer_cancelled` or `transfer_failed`
            unless the process died before its end.
        reason: why it came to nothing, as `WarmTransferReason`; None if it did not.
        sip_code: the SIP status behind the reason, where the carrier told.
        seconds: how long it took; None if its end is not known.
        attempts: the destinations that were dialled, with their times in seconds since `at`. Who
            they are is told by their display names, without telephone numbers.
    """

    at: float
    phase: WarmTransferPhase
    reason: str | None = None
    sip_code: int | None = None
    seconds: float | None = None
    attempts: tuple[TransferAttempt, ...] = ()


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a session used, for those who bill it.

    Attributes:
        seconds: of the session.
        input_tokens: what language models read, as far as they say.
        output_tokens: what they wrote, as far as they say.
        characters: what was given to synthesisers.
    """

    seconds: float
    input_tokens: int
    output_tokens: int
    characters: int


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of a session.

    Attributes:
        record: version of the format.
        session: the session's id.
        began: when it was made, ISO 8601, UTC.
        ended: why it ended, as `SessionClosedEvent.reason`; `process died` if it did not end.
        call: on which call.
        turns: the caller's turns with their answers.
        history: the conversation as it was heard: messages, tool calls, tool outputs.
        usage: what it used.
        metrics: the session in figures.
        errors: the `error` events.
        events: all events as they go over the wire, partial transcriptions left out.
        transfers: each transfer to a person that was tried, with its attempts.
    """

    record: int
    session: str
    began: str
    ended: str
    call: CallFacts
    turns: tuple[TurnRecord, ...]
    history: tuple[Json, ...]
    usage: Usage
    metrics: SessionMetrics
    errors: tuple[Json, ...]
    events: tuple[Json, ...]
    transfers: tuple[TransferRecord, ...] = ()


class Journal:
    """Writes down one live session; makes the record when it is over.

    Events are kept as they come and written every `RecordConfig.every` seconds. A disk that fails
    is an `error` event from `record`, and the session goes on without a journal.
    """

    @classmethod
    def for_call(
        cls,
        call: Call,
        config: RecordConfig | None,
        *,
        session: str,
        emitter: Emitter,
        history: Callable[[], ChatContext],
        owner: TaskOwner,
        sensitive: Callable[[], bool],
    ) -> "Journal | None":
        """Begin to write if the session is configured so, or the call's app keeps records."""
        if config is None and call.record_dir is not None:
            config = RecordConfig(directory=call.record_dir)
        if config is None:
            return None
        return cls(
            config,
            session=session,
            call=call,
            emitter=emitter,
            history=history,
            owner=owner,
            sensitive=sensitive,
        )

    def __init__(
        self,
        config: RecordConfig,
        *,
        session: str,
        call: Call,
        emitter: Emitter,
        history: Callable[[], ChatContext],
        owner: TaskOwner,
        sensitive: Callable[[], bool] = lambda: False,
    ) -> None:
        """Begin to write.

        Args:
            config: where, and what.
            session: its id.
            call: the call that it is on.
            emitter: whose events are written.
            history: gives the conversation as of now.
            owner: whose task writes.
            sensitive: whether what happens now is to be kept out.
        """
        self._config = config
        self._call = call
        self._emitter = emitter
        self._history = history
        self._sensitive = sensitive
        self._encode = msgspec.json.Encoder().encode
        self._waiting: list[tuple[SessionRecord, bool]] = []
        self._written: tuple[ChatItem, ...] = ()
        self._path: Path | None = None
        began = clock.wall() - timedelta(seconds=emitter.now())
        head: Json = {
            "journal": _FORMAT,
            "session": session,
            "began": began.isoformat(),
            "call": msgspec.to_builtins(self._facts()),
        }
        try:
            config.directory.mkdir(parents=True, exist_ok=True)
            self._path = _free_path(config.directory, call.id)
            self._append([head])
        except OSError as exc:
            self._fail(exc)
        emitter.on("*", self._happened)
        self._task = owner.start(self._write_on(), name="journal")

    @property
    def path(self) -> Path | None:
        """The journal's file; None once there is none."""
        return self._path

    async def finish(self, reason: str) -> Path | None:
        """The session is over: write the record; return its file, or None if that failed.

        If the call is about to end, its outcome is waited for: a carrier tells it up to seconds
        after the media path has closed.
        """
        self._emitter.off(self._happened)
        self._task.cancel()
        at = self._emitter.now()
        self.flush()
        if self._path is None:
            return None
        if self._call.state is CallState.ENDING:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._call.wait_ended(), _OUTCOME)
        end = {"reason": reason, "at": at, "call": msgspec.to_builtins(self._facts())}
        journal, self._path = self._path, None
        try:
            self._append([{"end": end}], journal)
            return await asyncio.to_thread(_complete, journal)
        except (OSError, UsageError) as exc:
            self._fail(exc)
        return None

    def flush(self) -> None:
        """Hand everything until now to the operating system."""
        if self._path is None:
            self._waiting.clear()
            return
        lines: list[Json] = []
        for event, sensitive in self._waiting:
            body = to_wire(event)
            if isinstance(event, WarmTransferAttemptEnded) and not self._config.numbers:
                body["attempt"] = {**body["attempt"], "destination": _named(event.attempt)}
            hidden = sensitive or body.get("sensitive") is True
            lines.append({"event": _without_content(body) if hidden else self._plain(body)})
        self._waiting.clear()
        items = self._history().items
        same = _same(self._written, items)
        if same < max(len(items), len(self._written)):
            self._written = items
            new = [self._plain(as_plain(item)) for item in items[same:]]
            lines.append({"history": same, "items": new})
        if lines:
            try:
                self._append(lines)
            except OSError as exc:
                self._fail(exc)

    def _happened(self, event: SessionRecord) -> None:
        if not isinstance(event, UserTranscription) or event.final:
            self._waiting.append((event, self._sensitive()))

    async def _write_on(self) -> None:
        while self._path is not None:
            await asyncio.sleep(self._config.every)
            self.flush()

    def _append(self, lines: Sequence[Json], path: Path | None = None) -> None:
        # One write of a few kilobytes, into memory of the system's: the loop does not wait for
        # the disk. Between two there is no open file, so that two hundred calls need none.
        where = path or self._path
        assert where is not None
        with where.open("ab") as file:
            file.write(b"".join(self._encode(line) + b"\n" for line in lines))

    def _fail(self, exc: OSError | UsageError) -> None:
        self._path = None
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        self._emitter.tell_error("record", "disk", f"not written down ({why})")

    def _facts(self) -> CallFacts:
        call, ended = self._call, self._call.ended
        shown: Callable[[str], str] = str if self._config.numbers else _masked
        return CallFacts(
            id=call.id,
            direction=call.direction,
            from_=shown(call.from_),
            to=shown(call.to),
            carrier_call_id=call.carrier_call_id,
            outcome=None if ended is None else ended.outcome.value,
            reason=None if ended is None else ended.reason,
            cause=None if ended is None else ended.cause,
            duration=None if ended is None else ended.duration,
        )

    def _plain(self, body: Json) -> Json:
        return body if self._config.content else _without_content(body)


def recover(lines: Iterable[bytes]) -> CallRecord:
    """Make the record of a journal, whether or not the session came to its end.

    Lines that are torn or not known are left out.

    Raises:
        UsageError: it is no journal.
    """
    head: Json | None = None
    end: Json = {}
    events: list[Json] = []
    history: list[Json] = []
    for line in lines:
        body = _object(line)
        if head is None:
            head = body if body is not None and body.get("journal") == _FORMAT else {}
        elif body is None:
            continue
        elif isinstance(event := body.get("event"), dict):
            events.append(cast("Json", event))
        elif isinstance(since := body.get("history"), int) and isinstance(body.get("items"), list):
            history[since:] = body["items"]
        elif isinstance(body.get("end"), dict):
            end = body["end"]
    try:
        call = msgspec.convert(end.get("call", (head or {}).get("call")), CallFacts)
        session, began = str((head or {})["session"]), str((head or {})["began"])
    except (msgspec.ValidationError, KeyError) as exc:
        msg = f"this is no journal of a session: its first line must say so ({exc})"
        raise UsageError(msg) from exc
    known = _known(events)
    measures = measure(known)
    told = (event.reason for event in known if isinstance(event, SessionClosedEvent))
    closed = next(told, PROCESS_DIED)
    at = end.get("at")
    metrics = measures.snapshot(at if isinstance(at, float) else None)
    return CallRecord(
        record=_FORMAT,
        session=session,
        began=began,
        ended=str(end.get("reason", closed)),
        call=call,
        turns=_turns(known, measures.turns),
        history=tuple(history),
        usage=Usage(
            seconds=metrics.seconds,
            input_tokens=metrics.input_tokens,
            output_tokens=metrics.output_tokens,
            characters=metrics.characters,
        ),
        metrics=metrics,
        errors=tuple(event for event in events if event.get("name") == ErrorOccurred.name),
        events=tuple(events),
        transfers=_transfers(known),
    )


def load_record(file: Path) -> CallRecord:
    """Read a record, or recover it from a journal.

    Raises:
        UsageError: the file is neither, or cannot be read.
    """
    try:
        if file.stat().st_size > _MAX_JOURNAL:
            msg = f"{file} is larger than any record: {_MAX_JOURNAL // 1_000_000} MB"
            raise UsageError(msg)
        content = file.read_bytes()
    except OSError as exc:
        msg = f"cannot read {file}: {exc.strerror}"
        raise UsageError(msg) from exc
    if file.name.endswith(RECORD_SUFFIX):
        try:
            return msgspec.json.decode(content, type=CallRecord)
        except msgspec.DecodeError as exc:
            msg = f"{file} is no record of a session: {exc}"
            raise UsageError(msg) from exc
    return recover(content.splitlines())


def write_record(record: CallRecord, file: Path) -> None:
    """Write a record so that the file is whole or not there at all, also after a power cut.

    Raises:
        OSError: it cannot be written.
    """
    content = msgspec.json.format(msgspec.json.encode(record), indent=1)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("wb") as out:
            out.write(content + b"\n")
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def record_path(journal: Path) -> Path:
    """Where the record of a journal belongs: beside it."""
    return journal.with_name(journal.name.removesuffix(JOURNAL_SUFFIX) + RECORD_SUFFIX)


def _complete(journal: Path) -> Path:
    """Make the record of a journal that has its end, and remove the journal."""
    file = record_path(journal)
    write_record(load_record(journal), file)
    journal.unlink()
    return file


def _free_path(directory: Path, name: str) -> Path:
    """A name for a journal that no other session on the same call took."""
    for count in range(1, 1_000):
        path = directory / f"{name if count == 1 else f'{name}-{count}'}{JOURNAL_SUFFIX}"
        if not path.exists() and not record_path(path).exists():
            return path
    msg = "too many sessions on one call"
    raise OSError(0, msg)


def _masked(number: str) -> str:
    return mask(number) if number else ""


def _named(attempt: TransferAttempt) -> str:
    """The display name of who was dialled, unless it is their number."""
    name = attempt.destination
    return mask(name) if _LIKE_A_NUMBER.search(name) else name


def _without_content(body: Mapping[str, Any]) -> Json:
    """What is left without words: text that is no name is emptied, lists are left out."""
    left: Json = {}
    for key, value in body.items():
        if isinstance(value, str):
            left[key] = value if key in _NAMES else ""
        elif isinstance(value, dict):
            if key in _WITHIN:
                left[key] = _without_content(cast("Json", value))
        elif not isinstance(value, (list, tuple)) or key == "tools":
            left[key] = value
    return left


def _same(before: Sequence[ChatItem], now: Sequence[ChatItem]) -> int:
    """How many items at the beginning are the same."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if old is not new and old != new:
            break
        count += 1
    return count


def _object(line: bytes) -> Json | None:
    try:
        body = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return cast("Json", body) if isinstance(body, dict) else None


def _known(events: Iterable[Json]) -> list[SessionRecord]:
    """Events as this version knows them; a journal of another version may hold others."""
    known: list[SessionRecord] = []
    for body in events:
        try:
            event: Record = from_wire(body)
        except UsageError:
            continue
        if isinstance(event, SessionRecord) and math.isfinite(event.at):
            known.append(event)
    return known


def _turns(
    events: Sequence[SessionRecord], measured: Sequence[TurnMetrics]
) -> tuple[TurnRecord, ...]:
    heard: dict[str, list[str]] = {}
    late: dict[str, list[str]] = {}
    between = False
    for event in events:
        match event:
            case UtteranceSpoken() if event.heard:
                heard.setdefault(event.turn, []).append(event.heard)
            case CallerSpeechBegan() | TurnCompleted():
                between = isinstance(event, TurnCompleted)
            case UserTranscription() if between:
                # A realtime model answers first, and tells afterwards what it has heard.
                late.setdefault(event.turn, []).append(event.text)
            case _:
                pass
    metrics = {each.turn: each for each in measured}
    return tuple(
        TurnRecord(
            turn=event.turn,
            at=event.at,
            reason=event.reason,
            text=event.text or " ".join(late.get(event.turn, ())),
            heard=" ".join(heard.get(event.turn, ())),
            metrics=metrics.get(event.turn),
        )
        for event in events
        if isinstance(event, TurnCompleted)
    )


def _transfers(events: Sequence[SessionRecord]) -> tuple[TransferRecord, ...]:
    transfers: list[TransferRecord] = []
    for event in events:
        match event:
            case WarmTransferPhaseReached(phase=WarmTransferPhase.STARTED):
                transfers.append(TransferRecord(at=event.at, phase=event.phase))
            case WarmTransferPhaseReached() if transfers:
                transfers[-1] = _further(transfers[-1], event)
            case WarmTransferAttemptEnded() if transfers:
                attempts = (*transfers[-1].attempts, event.attempt)
                transfers[-1] = msgspec.structs.replace(transfers[-1], attempts=attempts)
            case _:
                pass
    return tuple(transfers)


def _further(transfer: TransferRecord, event: WarmTransferPhaseReached) -> TransferRecord:
    if event.phase not in _TERMINAL:
        return msgspec.structs.replace(transfer, phase=event.phase)
    reason, sip_code = event.data.get("reason"), event.data.get("sip_code")
    return msgspec.structs.replace(
        transfer,
        phase=event.phase,
        reason=reason if isinstance(reason, str) else None,
        sip_code=sip_code if isinstance(sip_code, int) else None,
        seconds=event.at - transfer.at,
    )

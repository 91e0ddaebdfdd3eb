"""What goes wrong at a carrier, on request.

Refused and slow answers; callbacks that are late, doubled, out of order or lost; sockets that
break; two things that happen at the same moment. Each method of `Faults` adds a rule; a rule
applies to the next requests that fit it, `times` of them, and the first that fits wins.

```python
carrier.faults.refuse_rest(503, path="*/Participants.json")
carrier.faults.delay("status", event="ringing", seconds=5.0)
carrier.faults.provoke(Race.ANSWERED_AS_CANCELED)
```
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final, Literal, TypeVar

from hookflash.emulator.webhooks import PURPOSES
from hookflash.errors import UsageError

__all__ = ["CallbackFault", "Faults", "Race", "RestFault"]

# Where a callback says what has happened.
_EVENT_FIELDS: Final = ("StatusCallbackEvent", "CallStatus", "StreamEvent", "AnsweredBy")


class Race(StrEnum):
    """Two things that happen at the same moment, in the order that hurts.

    Attributes:
        ANSWERED_AS_CALLER_HANGS_UP: a caller hangs up, and whoever was rung for them answers.
        ANSWERED_AS_CANCELED: whoever rings answers just before the REST request that cancels it
            is carried out: `canceled` is refused with 21220, `completed` ends a call that was
            answered.
        ANSWERED_AFTER_TIMEOUT: the next that is rung answers after its `Timeout`, but within the
            seconds that the vendor rings longer (`EmulatorSettings.ring_grace`).
        VERDICT_AFTER_MERGE: the next verdict of the asynchronous answering-machine detection is
            told half a minute late.
        CREATE_ANSWERED_LATE: the request that dials next is answered only when the far end has
            answered, or cannot any more, and half a second has passed: callbacks come first.
        STATUS_OUT_OF_ORDER: the next status callback is overtaken by the one after it.
        CONFERENCE_ENDED_BEFORE_JOIN: the conference into which somebody was dialled ends as they
            answer.
    """

    ANSWERED_AS_CALLER_HANGS_UP = "answered_as_caller_hangs_up"
    ANSWERED_AS_CANCELED = "answered_as_canceled"
    ANSWERED_AFTER_TIMEOUT = "answered_after_timeout"
    VERDICT_AFTER_MERGE = "verdict_after_merge"
    CREATE_ANSWERED_LATE = "create_answered_late"
    STATUS_OUT_OF_ORDER = "status_out_of_order"
    CONFERENCE_ENDED_BEFORE_JOIN = "conference_ended_before_join"


@dataclass(slots=True, kw_only=True)
class _Rule:
    """What all rules have: how often they still apply."""

    left: int


@dataclass(slots=True, kw_only=True)
class RestFault(_Rule):
    """A request to the REST interface that goes wrong.

    Attributes:
        method: which; `*` is any.
        path: a pattern of the path, such as `*/Calls.json`.
        status: the error that is answered; None answers as usual.
        carried_out: whether what was asked is done all the same.
        before: seconds to wait before it is done.
        after: seconds to wait before it is answered.
    """

    method: str
    path: str
    status: int | None
    carried_out: bool
    before: float
    after: float


@dataclass(slots=True, kw_only=True)
class CallbackFault(_Rule):
    """A request of the carrier that goes wrong.

    Attributes:
        kind: `lost`, `delayed`, `doubled` or `overtaken` (by the next one about the same call).
        purpose: which, in the words of `log.Webhook`; `*` is any.
        event: what it tells, such as `ringing` or `participant-join`; `*` is anything.
        seconds: how late, or how far apart.
    """

    kind: Literal["lost", "delayed", "doubled", "overtaken"]
    purpose: str
    event: str
    seconds: float = 0.0


_RuleT = TypeVar("_RuleT", bound=_Rule)


class Faults:
    """What shall go wrong next. `CarrierEmulator.faults` is one; it begins with nothing."""

    def __init__(self) -> None:
        self._rest: list[RestFault] = []
        self._callbacks: list[CallbackFault] = []
        self._streams: list[tuple[_Rule, float]] = []
        self._races: dict[Race, int] = {}

    # For tests.

    def refuse_rest(
        self,
        status: int = 503,
        *,
        method: str = "*",
        path: str = "*",
        times: int = 1,
        carried_out: bool = False,
    ) -> None:
        """Answer requests to the REST interface with an error.

        Args:
            status: 400 to 599; 429 has the vendor's code 20429, others 20500 or 20001.
            method: such as `POST`; `*` is any.
            path: a pattern, such as `*/Calls/*.json`.
            times: how many requests.
            carried_out: do what was asked all the same, so that only the answer is wrong.

        Raises:
            UsageError: a status that is no error, or fewer than one time.
        """
        if not 400 <= status <= 599:
            msg = "status must be an error of HTTP: 400 to 599"
            raise UsageError(msg)
        self._rest.append(
            RestFault(
                left=_counted(times),
                method=method,
                path=path,
                status=status,
                carried_out=carried_out,
                before=0.0,
                after=0.0,
            )
        )

    def slow_rest(
        self,
        seconds: float,
        *,
        method: str = "*",
        path: str = "*",
        times: int = 1,
        done_first: bool = False,
    ) -> None:
        """Answer requests to the REST interface late: longer than a client waits is a timeout.

        Args:
            seconds: how late.
            method: such as `POST`; `*` is any.
            path: a pattern, such as `*/Calls/*.json`.
            times: how many requests.
            done_first: do what was asked at once, and only answer late.

        Raises:
            UsageError: negative seconds, or fewer than one time.
        """
        seconds = _lasting(seconds)
        self._rest.append(
            RestFault(
                left=_counted(times),
                method=method,
                path=path,
                status=None,
                carried_out=True,
                before=0.0 if done_first else seconds,
                after=seconds if done_first else 0.0,
            )
        )

    def lose(self, purpose: str = "status", *, event: str = "*", times: int = 1) -> None:
        """Do not reach the application: neither for callbacks nor, as `voice`, for documents.

        Args:
            purpose: in the words of `log.Webhook`; `*` is any.
            event: what a callback tells, such as `ringing`, `participant-join` or `human`.
            times: how many requests.

        Raises:
            UsageError: no such purpose, or fewer than one time.
        """
        self._add("lost", purpose, event, times)

    def delay(
        self, purpose: str = "status", *, seconds: float, event: str = "*", times: int = 1
    ) -> None:
        """Deliver callbacks late; those that come after do not wait for them.

        Args:
            purpose: in the words of `log.Webhook`; `*` is any.
            seconds: how late.
            event: what the callback tells.
            times: how many callbacks.

        Raises:
            UsageError: no such purpose, negative seconds, or fewer than one time.
        """
        self._add("delayed", purpose, event, times, _lasting(seconds))

    def double(
        self, purpose: str = "status", *, event: str = "*", apart: float = 0.0, times: int = 1
    ) -> None:
        """Deliver callbacks twice.

        Args:
            purpose: in the words of `log.Webhook`; `*` is any.
            event: what the callback tells.
            apart: seconds between the two.
            times: how many callbacks.

        Raises:
            UsageError: no such purpose, negative seconds, or fewer than one time.
        """
        self._add("doubled", purpose, event, times, _lasting(apart))

    def overtake(self, purpose: str = "status", *, event: str = "*", times: int = 1) -> None:
        """Deliver callbacks after the next one about the same call or conference.

        One that none follows for five seconds is delivered then.

        Args:
            purpose: in the words of `log.Webhook`; `*` is any.
            event: what the callback tells.
            times: how many callbacks.

        Raises:
            UsageError: no such purpose, or fewer than one time.
        """
        self._add("overtaken", purpose, event, times)

    def break_stream(self, *, after: float, times: int = 1) -> None:
        """Cut media sockets without a word.

        Args:
            after: seconds from the stream's `start` message.
            times: how many streams.

        Raises:
            UsageError: negative seconds, or fewer than one time.
        """
        self._streams.append((_Rule(left=_counted(times)), _lasting(after)))

    def provoke(self, race: Race, *, times: int = 1) -> None:
        """Let a race happen at the next occasion.

        Raises:
            UsageError: fewer than one time.
        """
        if race is Race.STATUS_OUT_OF_ORDER:
            self.overtake("status", times=times)
            return
        self._races[race] = self._races.get(race, 0) + _counted(times)

    def clear(self) -> None:
        """Forget all rules that have not been used up."""
        self._rest.clear()
        self._callbacks.clear()
        self._streams.clear()
        self._races.clear()

    def _add(
        self,
        kind: Literal["lost", "delayed", "doubled", "overtaken"],
        purpose: str,
        event: str,
        times: int,
        seconds: float = 0.0,
    ) -> None:
        if purpose != "*" and purpose not in PURPOSES:
            msg = f"purpose must be * or one of {', '.join(sorted(PURPOSES))}"
            raise UsageError(msg)
        self._callbacks.append(
            CallbackFault(
                left=_counted(times), kind=kind, purpose=purpose, event=event, seconds=seconds
            )
        )

    # For the emulator: each use counts.

    def rest(self, method: str, path: str) -> RestFault | None:
        """Return what goes wrong with a request to the REST interface, if anything."""
        for rule in self._rest:
            if rule.method in {"*", method} and fnmatchcase(path, rule.path):
                return _used(rule, self._rest)
        return None

    def callback(self, purpose: str, fields: Mapping[str, str]) -> CallbackFault | None:
        """Return what goes wrong with the delivery of a callback; of `lost` see `is_lost`."""
        return self._callback(purpose, fields, lost=False)

    def is_lost(self, purpose: str, fields: Mapping[str, str]) -> bool:
        """Say whether a request of the carrier does not arrive."""
        return self._callback(purpose, fields, lost=True) is not None

    def _callback(
        self, purpose: str, fields: Mapping[str, str], *, lost: bool
    ) -> CallbackFault | None:
        told = {fields.get(name) for name in _EVENT_FIELDS}
        for rule in self._callbacks:
            fits = rule.purpose in {"*", purpose} and (rule.event == "*" or rule.event in told)
            if fits and (rule.kind == "lost") is lost:
                return _used(rule, self._callbacks)
        return None

    def stream_breaks(self) -> float | None:
        """Return after how many seconds a stream that begins now breaks, if it does."""
        for place in self._streams:
            rule, after = place
            rule.left -= 1
            if not rule.left:
                self._streams.remove(place)
            return after
        return None

    def happens(self, race: Race) -> bool:
        """Say whether a race happens at this occasion."""
        left = self._races.get(race, 0)
        if left:
            self._races[race] = left - 1
        return left > 0


def _used(rule: _RuleT, rules: list[_RuleT]) -> _RuleT:
    rule.left -= 1
    if not rule.left:
        rules.remove(rule)
    return rule


def _counted(times: int) -> int:
    if times < 1:
        msg = "times must be 1 or more"
        raise UsageError(msg)
    return times


def _lasting(seconds: float) -> float:
    if not 0.0 <= seconds <= 86_400.0:
        msg = "seconds must be 0 to 86,400"
        raise UsageError(msg)
    return seconds

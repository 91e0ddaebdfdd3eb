"""What a telephone company must do for us. Everything above this room sees only this page.

Two halves. The webhook half is pure: requests that the company sends us are checked and read,
answers are written. The control half calls the company's REST API; it raises `CarrierError` (it
said no) and `LinkError` (no answer), and loads the vendor's SDK when it is first used.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

import msgspec

from hookflash.errors import UsageError
from hookflash.events.call import CarrierStatus
from hookflash.events.voicemail import CarrierVerdict
from hookflash.wire.forms import Form

__all__ = [
    "Answer",
    "AskKey",
    "Carrier",
    "CarrierReport",
    "DialEnded",
    "DialParty",
    "EnterRoom",
    "GoTo",
    "HangUp",
    "IncomingCall",
    "Line",
    "PlacedCall",
    "PlaySound",
    "RoomEvent",
    "RoomReport",
    "SayWords",
    "Step",
    "Wait",
    "Webhook",
]


# What a company can be told to do with a call, one step after the other.


class PlaySound(msgspec.Struct, frozen=True, kw_only=True):
    """Play a WAV file once, or without end.

    Attributes:
        url: where the company fetches it.
        forever: begin again where it ends.
    """

    url: str
    forever: bool = False


class SayWords(msgspec.Struct, frozen=True, kw_only=True):
    """Say a text in the company's own voice."""

    text: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Be silent for whole seconds, 1 or more."""

    seconds: int


class AskKey(msgspec.Struct, frozen=True, kw_only=True):
    """Say something and wait for one key. If none comes, go on with the next step.

    Attributes:
        prompts: what is said; a key cuts it short.
        answer_url: is told the key (`Carrier.read_key`), and answers with the steps that follow.
        within: whole seconds after the prompts, 1 or more.
    """

    prompts: tuple[PlaySound | SayWords, ...]
    answer_url: str
    within: int


class GoTo(msgspec.Struct, frozen=True, kw_only=True):
    """Ask there what to do next."""

    url: str


class HangUp(msgspec.Struct, frozen=True, kw_only=True):
    """End the call."""


class DialParty(msgspec.Struct, frozen=True, kw_only=True):
    """Ring somebody, and connect the call with them once they have answered.

    Attributes:
        to: E.164 or a `sip:` address.
        from_: the number that they see.
        ring_timeout: seconds, 5 to 600.
        ended_url: is told how it went (`Carrier.read_dial_ended`) when the two are not, or no
            longer, connected, and answers with the steps that follow.
        whisper_url: answers with what they hear before they are connected; no steps connect them,
            a `HangUp` declines. None connects them at once.
        status_url: is told about their call, as of every call. None: nobody is.
        verdict_url: is told who has answered (`Carrier.read_verdict`), a person or a machine; they
            are connected meanwhile. None: nobody finds out.
        send_digits: keys to press once they have answered; `w` waits half a second.
    """

    to: str
    from_: str
    ring_timeout: float
    ended_url: str
    whisper_url: str | None = None
    status_url: str | None = None
    verdict_url: str | None = None
    send_digits: str = ""


class EnterRoom(msgspec.Struct, frozen=True, kw_only=True):
    """Take part in a room of the company's, a conference; it is made when the first one enters.

    Attributes:
        room: its name.
        starts: those in the room hear each other from now on; else the party waits for somebody
            with whom they do.
        ends: the room is over when the party leaves.
        wait_url: answers with what the party hears while it waits; empty is nothing, None the
            company's music.
        report_url: is told who comes and goes (`Carrier.read_room_report`); the first party's
            counts for the room.
        left_url: answers with what follows for the party when it has left, the room is over, or it
            has pressed `*`; None ends the call then, and `*` does nothing.
        coaches: the company's name for the call of the one party that hears this one.
    """

    room: str
    starts: bool = True
    ends: bool = False
    wait_url: str | None = None
    report_url: str | None = None
    left_url: str | None = None
    coaches: str | None = None


Step: TypeAlias = PlaySound | SayWords | Wait | AskKey | GoTo | HangUp | DialParty | EnterRoom


class RoomEvent(StrEnum):
    """What is told about a room."""

    JOINED = "joined"
    LEFT = "left"
    ANNOUNCED = "announced"
    """An announcement was heard, or could not be."""
    OTHER = "other"


class RoomReport(msgspec.Struct, frozen=True, kw_only=True):
    """Something happened in a room.

    Attributes:
        event: what.
        room_id: the company's name for the room, which differs when one of the same name is made
            after it.
        sequence: the company's count of its reports about this room.
        carrier_call_id: whose call; empty if it is about the room.
    """

    event: RoomEvent
    room_id: str
    sequence: int = 0
    carrier_call_id: str = ""


class DialEnded(msgspec.Struct, frozen=True, kw_only=True):
    """What a `DialParty` came to.

    Attributes:
        status: how the call to the party ended; its `outcome` is set.
        connected: whether the two heard each other.
    """

    status: CarrierStatus
    connected: bool = False


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a company sent us.

    Attributes:
        method: upper case; `GET` for a WebSocket upgrade.
        url: in full, as the company was given it, query as it came.
        headers: names in lower case.
        form: the fields of a form body; empty for all other bodies.
        body: the raw body unless it is a form.
        query: the fields of the URL's query.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    form: Form = ()
    body: bytes = b""
    query: Form = ()

    def field(self, name: str) -> str:
        """Return the first value of a field of the form or the query; empty if there is none."""
        for key, value in (*self.form, *self.query):
            if key == name:
                return value
        return ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What we answer to a webhook: a document of instructions."""

    body: str
    content_type: str


class IncomingCall(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody phones one of our lines.

    Attributes:
        carrier_call_id: the company's name for the call.
        from_: who calls, as the company writes it.
        to: which line of ours.
        details: everything else that the company said.
    """

    carrier_call_id: str
    from_: str
    to: str
    details: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class CarrierReport(msgspec.Struct, frozen=True, kw_only=True):
    """Where a call is, by the company's word."""

    carrier_call_id: str
    status: CarrierStatus


class PlacedCall(msgspec.Struct, frozen=True, kw_only=True):
    """The company accepted to dial."""

    carrier_call_id: str
    status: CarrierStatus


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A telephone number that we own.

    Attributes:
        number: E.164.
        line_id: the company's name for it.
        label: the name that the owner gave it.
        voice_url: where the company asks what to do with a call; empty if nowhere.
        status_url: where it reports what became of calls; empty if nowhere.
    """

    number: str
    line_id: str
    label: str = ""
    voice_url: str = ""
    status_url: str = ""


class Carrier(ABC):
    """One account at one company. Shared by all calls of a process."""

    name: str = ""
    """Short stable word; also the first part of the paths of its webhooks."""
    has_rooms: bool = False
    """Whether `EnterRoom` is known, and the methods about rooms work."""
    detects_machines: bool = False
    """Whether it finds out who has answered (`verdict_url`)."""
    dials: bool = False
    """Whether `DialParty` and `AskKey` are known."""

    # Webhooks.

    @abstractmethod
    def check(self, webhook: Webhook) -> bool:
        """Say whether the request is really the company's (its signature)."""

    @abstractmethod
    def read_incoming(self, webhook: Webhook) -> IncomingCall:
        """Read the request that asks what to do with a call.

        Raises:
            ProtocolError: it is no such request.
        """

    @abstractmethod
    def read_report(self, webhook: Webhook) -> CarrierReport:
        """Read a status callback.

        Raises:
            ProtocolError: it is no status callback.
        """

    def read_verdict(self, webhook: Webhook) -> CarrierVerdict:
        """Read who has answered a call.

        Raises:
            ProtocolError: it is no such request.
            UsageError: the company does not find out.
        """
        raise self._not_offered()

    @abstractmethod
    def connect_media(self, url: str, parameters: Mapping[str, str]) -> Answer:
        """Instruct: answer, and stream the call's audio both ways.

        Args:
            url: `wss://...` without a query.
            parameters: what the stream's description shall repeat to us.
        """

    @abstractmethod
    def reject(self, reason: str = "rejected") -> Answer:
        """Instruct: do not answer. `reason` is `rejected` or `busy`."""

    def write(self, *steps: Step) -> Answer:
        """Instruct: do these, one after the other; the call ends after the last one.

        Raises:
            UsageError: the company cannot be told such steps, or not these.
        """
        raise self._not_offered()

    def read_key(self, webhook: Webhook) -> str:
        """Read the answer to an `AskKey`: one of `0-9*#`.

        Raises:
            ProtocolError: it is none.
        """
        raise self._not_offered()

    def read_dial_ended(self, webhook: Webhook) -> DialEnded:
        """Read what a `DialParty` came to.

        Raises:
            ProtocolError: it is no such request.
        """
        raise self._not_offered()

    def read_room_report(self, webhook: Webhook) -> RoomReport:
        """Read what happened in a room.

        Raises:
            ProtocolError: it is no such request.
        """
        raise self._not_offered()

    def _not_offered(self) -> UsageError:
        return UsageError(f"calls of {self.name} cannot be told to do this")

    # Control.

    @abstractmethod
    async def place(
        self,
        *,
        to: str,
        from_: str,
        answer: Answer,
        status_url: str | None = None,
        verdict_url: str | None = None,
        ring_timeout: float = 60.0,
    ) -> PlacedCall:
        """Dial, and follow `answer` once somebody answers.

        Args:
            to: E.164, or `sip:` address.
            from_: one of our lines.
            answer: instructions, as from `connect_media`.
            status_url: where to report ringing, answered and ended.
            verdict_url: where to report who has answered, a person or a machine; the call does not
                wait for that. None: nobody finds out.
            ring_timeout: seconds, 5 to 600.
        """

    @abstractmethod
    async def end(self, carrier_call_id: str, *, cancel: bool = False) -> None:
        """End a call; one that has ended already is no error.

        Args:
            carrier_call_id: which.
            cancel: True while it still rings.
        """

    @abstractmethod
    async def instruct(self, carrier_call_id: str, answer: Answer) -> None:
        """Give a live call new instructions; those it follows now, a stream included, end."""

    async def hold_in_room(
        self, room_id: str, carrier_call_id: str, *, on: bool, sound_url: str | None = None
    ) -> None:
        """Take a party apart from the others in a room, or let it back.

        Args:
            room_id: as reported, or the room's name.
            carrier_call_id: whose call.
            on: whether it hears music instead of the others, who do not hear it.
            sound_url: answers with what it hears; None is the company's music.

        Raises:
            UsageError: the company has no rooms.
        """
        raise self._not_offered()

    async def announce_in_room(
        self, room_id: str, url: str, *, carrier_call_id: str | None = None
    ) -> None:
        """Play something in a room; a `RoomReport` tells when it was heard.

        Args:
            room_id: as reported, or the room's name.
            url: answers with the steps, sounds alone.
            carrier_call_id: whose call alone hears it; None: everybody.

        Raises:
            UsageError: the company has no rooms.
        """
        raise self._not_offered()

    @abstractmethod
    async def look_up(self, carrier_call_id: str) -> CarrierStatus:
        """Ask where a call is."""

    @abstractmethod
    async def lines(self, number: str | None = None) -> Sequence[Line]:
        """List our numbers, or the one that is `number`."""

    @abstractmethod
    async def point(self, line_id: str, *, voice_url: str, status_url: str | None = None) -> Line:
        """Set where a number of ours asks and reports. An empty URL clears it."""

    async def aclose(self) -> None:
        """Close connections. Idempotent."""
        return

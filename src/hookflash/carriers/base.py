"""What a telephone company must do for us. Everything above this room sees only this page.

Two halves. The webhook half is pure: requests that the company sends us are checked and read,
answers are written. The control half calls the company's REST API; it raises `CarrierError` (it
said no) and `LinkError` (no answer), and loads the vendor's SDK when it is first used.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import msgspec

from hookflash.events.call import CarrierStatus
from hookflash.wire.forms import Form

__all__ = [
    "Answer",
    "Carrier",
    "CarrierReport",
    "IncomingCall",
    "Line",
    "PlacedCall",
    "Webhook",
]


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

    # Control.

    @abstractmethod
    async def place(
        self,
        *,
        to: str,
        from_: str,
        answer: Answer,
        status_url: str | None = None,
        ring_timeout: float = 60.0,
    ) -> PlacedCall:
        """Dial, and follow `answer` once somebody answers.

        Args:
            to: E.164, or `sip:` address.
            from_: one of our lines.
            answer: instructions, as from `connect_media`.
            status_url: where to report ringing, answered and ended.
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

"""What a program says and gets when it hands a caller to a person.

Names, fields and their order are VideoSDK's as far as it has them; what comes after `KW_ONLY` in a
class is ours.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, TypeAlias, cast

from hookflash.errors import ConfigError, ToolError
from hookflash.events.transfer import (
    AttemptEnder,
    TransferAttempt,
    WarmTransferAttemptEnded,
    WarmTransferPhase,
    WarmTransferPhaseReached,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.machines.transfer_config import TransferConfig, TransferTarget
from hookflash.providers.base import LLM

__all__ = [
    "AttemptEnder",
    "PhoneDestination",
    "SIPDestination",
    "TransferAttempt",
    "TransferDestination",
    "TransferMisconfigured",
    "WarmTransferAttemptEnded",
    "WarmTransferConfig",
    "WarmTransferError",
    "WarmTransferPhase",
    "WarmTransferPhaseReached",
    "WarmTransferReason",
    "WarmTransferResult",
    "check_address",
]

# ITU-T E.164: at most 15 digits, no country code begins with 0. Fewer than seven reach nobody.
_E164 = re.compile(r"\+[1-9]\d{6,14}")
# RFC 3261, 19.1.1, as far as it matters here: a scheme, a host, and nothing that ends a header.
_SIP = re.compile(r"sips?:(?:[^\s@<>,;]+@)?[^\s@<>,]+")
# Behind a trunk there are extensions, and carriers that want no plus.
_EXTENSION = re.compile(r"\d{2,15}")
_KEYS = re.compile(r"[0-9*#A-Dw]{0,64}")
_RESERVED = frozenset({"routingRuleId", "sipCallTo", "sipCallFrom", "destinationRoomId"})
# While one phone rings out and others wait for their turn.
_RING_IN_TURN = 25.0


class TransferMisconfigured(ConfigError, ValueError):
    """A transfer was described that cannot be. The message names the field.

    A `ValueError` as well, which is what programs written for other frameworks expect.
    """


class WarmTransferError(ToolError):
    """A transfer could not begin, or was given up before the caller was told anything.

    Attributes:
        reason: a `WarmTransferReason`, such as `already_in_progress` or `not_a_phone_call`.
        result: what it came to; None if it never began.
    """

    def __init__(
        self, message: str, reason: WarmTransferReason, result: WarmTransferResult | None = None
    ) -> None:
        """Keep why, and what came of it, beside the message."""
        super().__init__(message)
        self.reason = reason.value
        self.result = result


# Dataclasses, for only they take fields by place and others by name alone.
@dataclass(frozen=True, slots=True)
class PhoneDestination:
    """A telephone to call through the caller's carrier.

    Raises:
        TransferMisconfigured: a field is out of its range.
    """

    number: str
    """E.164, `+14155550100`, or a `sip:` address that the carrier can call."""
    display_name: str = "Supervisor"
    """For the record and the result; whatever it says, whoever answers may be a person."""
    _: KW_ONLY
    caller_id: str | None = None
    """The number that the supervisor sees, E.164; None: the line that the caller is on."""
    send_digits: str = ""
    """Keys to press once it is answered, to reach an extension: `0-9*#A-D`, and `w` waits half a
    second. At most 64."""
    ring_timeout: float | None = None
    """Seconds above 0 until it counts as not answered; None: 25 if others are left to be tried in
    turn, else the transfer's `supervisor_join_timeout`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be called."""
        check_address("number", self.number)
        if self.caller_id is not None and not _E164.fullmatch(self.caller_id):
            _refuse("caller_id", "is no number", "+ and 7 to 15 digits, or None")
        _check_common(self.display_name, self.send_digits, self.ring_timeout, "display_name")

    @property
    def address(self) -> str:
        """What is dialled."""
        return self.number

    @property
    def name(self) -> str:
        """What it is called in the record."""
        return self.display_name


@dataclass(frozen=True, slots=True)
class SIPDestination:
    """Somebody to call over a SIP trunk.

    Raises:
        TransferMisconfigured: a field is out of its range.
    """

    routing_rule_id: str
    """The trunk or rule by which the call leaves."""
    sip_call_to: str
    """E.164, the digits of an extension behind the trunk, or a `sip:` address."""
    sip_call_from: str
    """The number that the supervisor sees, in the same forms."""
    participant_display_name: str = "Supervisor"
    """For the record and the result; whatever it says, whoever answers may be a person."""
    extra_options: Mapping[str, object] = field(default_factory=dict[str, object])
    """What else the trunk's interface takes; it cannot replace what the other fields say."""
    _: KW_ONLY
    send_digits: str = ""
    """As `PhoneDestination.send_digits`."""
    ring_timeout: float | None = None
    """As `PhoneDestination.ring_timeout`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be called."""
        if not self.routing_rule_id.strip():
            _refuse("routing_rule_id", "is empty", "the name of a trunk or rule")
        for name, value in (
            ("sip_call_to", self.sip_call_to),
            ("sip_call_from", self.sip_call_from),
        ):
            if not any(form.fullmatch(value) for form in (_E164, _SIP, _EXTENSION)):
                wanted = "+ and 7 to 15 digits, an extension's 2 to 15, or a sip: address"
                _refuse(name, "cannot be called", wanted)
        reserved = sorted(_RESERVED & self.extra_options.keys())
        if reserved:
            found = f"has {', '.join(reserved)}"
            _refuse("extra_options", found, "these in the destination's own fields")
        name = "participant_display_name"
        _check_common(self.participant_display_name, self.send_digits, self.ring_timeout, name)

    @property
    def address(self) -> str:
        """What is dialled."""
        return self.sip_call_to

    @property
    def name(self) -> str:
        """What it is called in the record."""
        return self.participant_display_name


TransferDestination: TypeAlias = PhoneDestination | SIPDestination


@dataclass(frozen=True, slots=True)
class WarmTransferConfig:
    """Whom to hand the caller to, and how.

    Raises:
        TransferMisconfigured: a field is out of its range.
    """

    destination: TransferDestination | None = None
    """Whom to call; or give `destinations`."""
    summary_llm: LLM | None = None
    """Sums the conversation up; None: the session's model."""
    summary_prompt: str | None = None
    """Instructions for the summary, instead of ours."""
    briefing_pipeline_factory: Callable[[], object] | None = None
    """Makes the `Pipeline` of the briefing; None: one like the session's, with its keys and
    voices."""
    supervisor_join_timeout: float = 120.0
    """Seconds from the first order to dial to a person on the line."""
    briefing_timeout: float = 180.0
    """Seconds from the beginning of the briefing to the supervisor's word."""
    _: KW_ONLY
    destinations: Sequence[TransferDestination] = ()
    """Several to call, instead of `destination`."""
    order: Literal["in_turn", "together"] = "in_turn"
    """One after the other until somebody takes the call; or all at once, and the first person who
    answers is asked."""
    topology: Literal["auto", "bridge", "conference", "dial"] = "auto"
    """How the parties are connected: in our process, in the carrier's conference, or by the carrier
    alone, which says the summary to the supervisor as a whisper. `auto` bridges."""
    detach_after_merge: bool = False
    """Leave the connected call to the carrier, so that it no longer runs through our process. What
    the carrier connects does not do so anyway."""
    detect_machine: bool = False
    """Have the carrier find out, too, whether a machine answers; most bill for that."""
    accept: Literal["voice", "key"] = "voice"
    """How a supervisor shows to be a person and takes the call: by speaking, or the accept key as
    well; or only by that key, which no mailbox presses."""
    accept_key: str = "1"
    """One of `0-9*#`; empty for none."""
    decline_key: str = "2"
    """As `accept_key`."""
    cancel_key: str = "*"
    """Brings a caller who is waiting back to the agent; as `accept_key`."""
    cancel_phrases: Sequence[str] = ("never mind", "go back", "cancel the transfer")
    """What the caller may say to the same end."""
    on_briefing_timeout: Literal["cancel", "connect"] = "cancel"
    """What becomes of a supervisor who has heard the summary and says neither yes nor no."""
    hold_line: str = "Please hold on while I find somebody for you."
    """What the caller hears before anybody is called."""
    introduction: str | None = None
    """Said to both once they are connected; the agent leaves after it. None: it leaves at once."""
    summary_timeout: float = 8.0
    """Seconds for the summary; then one is made by rules from what was said and heard."""
    compat_order: bool = False
    """Tell phases in VideoSDK's order, `caller_on_hold` after `summary_ready`, and call nobody
    before the summary is there."""
    apologies: Mapping[WarmTransferReason, str] = field(
        default_factory=dict[WarmTransferReason, str]
    )
    """What the caller is told when it comes to nothing, by reason, instead of our words."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        self._check_kinds()
        if self.destination is None and not self.destinations:
            _refuse("destination", "is missing", "one, or several as destinations")
        if self.destination is not None and self.destinations:
            _refuse("destinations", "comes on top of destination", "one of the two")
        for name in ("supervisor_join_timeout", "briefing_timeout", "summary_timeout"):
            seconds: float = getattr(self, name)
            if not 0 < seconds < math.inf:
                _refuse(name, f"is {seconds}", "seconds above 0")
        choices: tuple[tuple[str, str, tuple[str, ...]], ...] = (
            ("order", self.order, ("in_turn", "together")),
            ("topology", self.topology, ("auto", "bridge", "conference", "dial")),
            ("accept", self.accept, ("voice", "key")),
            ("on_briefing_timeout", self.on_briefing_timeout, ("cancel", "connect")),
        )
        for name, chosen, possible in choices:
            if chosen not in possible:
                _refuse(name, f"is {chosen!r}", " or ".join(possible))
        for name, words in (("hold_line", self.hold_line), ("introduction", self.introduction)):
            if words is not None and not words.strip():
                _refuse(name, "is empty", "words")
        if self.topology == "conference" and self.cancel_key not in ("", "*"):
            found = f"is {self.cancel_key}, and a caller in a conference is not heard pressing it"
            _refuse("cancel_key", found, "'*', or '' for none")
        if self.topology == "dial":
            self._check_dial()
        try:
            self.plan()
        except ConfigError as exc:  # the keys
            raise TransferMisconfigured(str(exc)) from exc

    def _check_kinds(self) -> None:
        """Refuse what is easily given for something else, such as one phrase for several."""
        kinds = (PhoneDestination, SIPDestination)
        if self.destination is not None and not _are(kinds, [self.destination]):
            _refuse("destination", "is no destination", "a PhoneDestination or SIPDestination")
        if not _are(kinds, self.destinations):
            found = "is no sequence of destinations"
            _refuse("destinations", found, "one, such as [PhoneDestination(...)]")
        if not _are((str,), self.cancel_phrases):
            _refuse("cancel_phrases", "is no sequence of phrases", "one, such as ['stop']")
        reasons = [reason.value for reason in WarmTransferReason]
        if not _maps(self.apologies):
            _refuse("apologies", "is no mapping", f"words by reason, of {', '.join(reasons)}")
        for reason in self.apologies:
            if reason not in reasons:
                _refuse("apologies", f"has {reason!r}", f"as keys, of {', '.join(reasons)}")

    def _check_dial(self) -> None:
        """Refuse what the carrier alone cannot do."""
        if self.order == "together":
            _refuse("order", "is 'together', and topology 'dial' rings one at a time", "'in_turn'")
        if self.introduction is not None:
            _refuse("introduction", "is set, and topology 'dial' has nobody to say it", "None")
        if not self.accept_key:
            _refuse("accept_key", "is empty, and topology 'dial' hears keys alone", "one of 0-9*#")

    @property
    def targets(self) -> tuple[TransferDestination, ...]:
        """All destinations, in order."""
        return (self.destination,) if self.destination is not None else tuple(self.destinations)

    def check_caller(self, caller: str) -> None:
        """Refuse a transfer of a caller to themselves.

        Args:
            caller: the number or address that the caller phones from; empty if unknown.

        Raises:
            TransferMisconfigured: it is one of the destinations.
        """
        if caller and any(target.address == caller for target in self.targets):
            name = "destination" if self.destination is not None else "destinations"
            _refuse(name, "is the caller's own number", "somebody else's")

    def plan(self) -> TransferConfig:
        """Return what the transfer machine is made with."""
        targets = self.targets
        in_turn = self.order == "in_turn" and len(targets) > 1
        by_dial = self.topology == "dial"
        unlimited = _RING_IN_TURN if in_turn else self.supervisor_join_timeout
        return TransferConfig(
            targets=tuple(
                TransferTarget(name=target.name, ring_timeout=target.ring_timeout or unlimited)
                for target in targets
            ),
            together=self.order == "together",
            # Where the carrier alone speaks to them, nobody listens.
            key_only=self.accept == "key" or by_dial,
            judged=not by_dial,
            accept_key=self.accept_key,
            decline_key=self.decline_key,
            cancel_key=self.cancel_key,
            cancel_phrases=tuple(phrase.lower() for phrase in self.cancel_phrases),
            hold_line=self.hold_line,
            introduction=self.introduction,
            briefing_timeout_connects=self.on_briefing_timeout == "connect",
            compat_order=self.compat_order,
            summary_within=self.summary_timeout,
            join_within=self.supervisor_join_timeout,
            brief_within=self.briefing_timeout,
            apologies=dict(self.apologies),
        )


def _are(kinds: tuple[type, ...], several: object) -> bool:
    """Whether it is a sequence of these, and not one of them."""
    if isinstance(several, str) or not isinstance(several, Sequence):
        return False
    return all(isinstance(one, kinds) for one in cast("Sequence[object]", several))


def _maps(given: object) -> bool:
    return isinstance(given, Mapping)


def check_address(name: str, address: str) -> None:
    """Refuse what cannot be called through a carrier.

    Args:
        name: of the field, for the message.
        address: E.164, or `sip:` address.

    Raises:
        TransferMisconfigured: it is neither.
    """
    if not _E164.fullmatch(address) and not _SIP.fullmatch(address):
        _refuse(name, "cannot be called", "+ and 7 to 15 digits, or a sip: address")


def _check_common(name: str, digits: str, ring_timeout: float | None, name_field: str) -> None:
    if not name.strip():
        _refuse(name_field, "is empty", "a name")
    if not _KEYS.fullmatch(digits):
        _refuse("send_digits", "has what is no key", "0-9*#A-D and w, at most 64")
    if ring_timeout is not None and not 0 < ring_timeout < math.inf:
        _refuse("ring_timeout", f"is {ring_timeout}", "seconds above 0, or None")


def _refuse(name: str, found: str, wanted: str) -> None:
    msg = f"{name} {found}; give {wanted}"
    raise TransferMisconfigured(msg)

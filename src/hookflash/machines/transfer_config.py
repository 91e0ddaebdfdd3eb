"""How a caller is handed over: whom to call, how long to wait for what, what to say."""

import math
from collections.abc import Mapping

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.transfer import WarmTransferReason
from hookflash.machines.endpointing import words

__all__ = ["APOLOGIES", "DEFAULT_APOLOGY", "FAREWELLS", "TransferConfig", "TransferTarget"]

_R = WarmTransferReason
_GO_ON = "Let me go on helping you."
_BACK = "I'm sorry, I could not put you through. You are back with me."

DEFAULT_APOLOGY = f"I'm sorry, I couldn't reach anybody. {_GO_ON}"
"""What the caller is told when there is no transfer, and no words of its own for the reason."""

APOLOGIES: Mapping[WarmTransferReason, str] = {
    _R.DECLINED: f"I'm sorry, nobody can take your call just now. {_GO_ON}",
    _R.VOICEMAIL: f"I'm sorry, I only reached a mailbox. {_GO_ON}",
    _R.SUPERVISOR_DISCONNECTED: f"I'm sorry, we lost the person I had found for you. {_GO_ON}",
    _R.SUPERVISOR_BUSY: f"I'm sorry, the line is busy. {_GO_ON}",
    _R.BRIEFING_TIMEOUT: f"I'm sorry, I got no answer in time. {_GO_ON}",
    _R.BRIEFING_FAILED: _BACK,
    _R.SWITCH_FAILED: _BACK,
    _R.CALLER_CANCELLED: "All right, I'm back with you. What can I do?",
    _R.SESSION_CLOSED: "",
}
"""What the caller is told for which reason."""

FAREWELLS: Mapping[WarmTransferReason, str] = {
    _R.DECLINED: "All right. Thank you, and goodbye.",
    _R.ANSWERED_ELSEWHERE: "Somebody else has just taken this call. Thank you, and goodbye.",
    _R.BRIEFING_TIMEOUT: "I'll go back to the caller for now. Thank you, and goodbye.",
    _R.SWITCH_FAILED: "I'm sorry, I could not connect the caller. Goodbye.",
    _R.CALLER_DISCONNECTED: "The caller has hung up. Thank you for your time. Goodbye.",
    _R.CALLER_CANCELLED: "The caller no longer needs to be put through. Thank you. Goodbye.",
}
"""What somebody who has answered is told before we hang up. For other reasons we just do."""


def _check_seconds(name: str, seconds: float) -> None:
    if not 0 < seconds < math.inf:
        msg = f"{name} is {seconds}; give seconds above 0"
        raise ConfigError(msg)


class TransferTarget(msgspec.Struct, frozen=True, kw_only=True):
    """One destination.

    Raises:
        ConfigError: a field is out of its range.
    """

    name: str = "Supervisor"
    """For the record; no number."""
    ring_timeout: float = 30.0
    """Seconds above 0 from the order to dial to an answer."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        _check_seconds("ring_timeout", self.ring_timeout)


class TransferConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a caller is handed over. Times are seconds above 0.

    Raises:
        ConfigError: a field is out of its range.
    """

    targets: tuple[TransferTarget, ...] = (TransferTarget(),)
    """Whom to call; at least one."""
    together: bool = False
    """All phones ring at once, and whoever first proves to be a person is told; else one is tried
    after the other."""
    key_only: bool = False
    """Only the accept key proves that a person has answered, and that they take the call."""
    judged: bool = True
    """Somebody tells `SupervisorJudged`. Words alone then prove nothing (mailboxes talk), unless
    the verdict is `unknown`: nobody spoke until we asked. False: whoever speaks is a person."""
    accept_key: str = "1"
    """One of `0-9*#`, or empty for none."""
    decline_key: str = "2"
    """As `accept_key`."""
    cancel_key: str = "*"
    """With which the caller goes back to the agent; as `accept_key`."""
    cancel_phrases: tuple[str, ...] = ("never mind", "go back", "cancel the transfer")
    """With which they do, too, in any language: they must begin or end an utterance of at most
    eight words. Case and punctuation do not count. That "don't go back" and "you know what, never
    mind" are not what they look like is understood in English only. Of a script without spaces,
    give whole utterances."""
    hold_line: str = "Please hold on while I find somebody for you."
    """Said to the caller before anybody is dialled."""
    introduction: str | None = None
    """Said to both when they are connected, before the agent leaves; None says nothing."""
    briefing_timeout_connects: bool = False
    """A supervisor who has heard everything and does not answer is given the caller."""
    compat_order: bool = False
    """Tell phases in VideoSDK's order: `caller_on_hold` after `summary_ready`. Nobody is dialled
    before the summary is there, then."""
    prepare_within: float = 10.0
    """To look up the caller's call and make room."""
    hold_line_within: float = 15.0
    """For the hold line to be heard; then dialling begins all the same."""
    summary_within: float = 8.0
    """For the model's summary, from the hold on; then the fallback is used."""
    join_within: float = 120.0
    """From the first order to dial to a person on the line; begins anew when one was lost and
    others are left to be tried."""
    screen_within: float = 30.0
    """From an answer to the proof that a person gave it."""
    brief_within: float = 180.0
    """From the briefing's beginning to their word."""
    merge_within: float = 10.0
    """For the bridge to be confirmed."""
    introduce_within: float = 20.0
    """For the introduction to be heard."""
    watch_for: float = 2.0
    """After the merge, how long a supervisor who hangs up counts as lost, and the caller is
    brought back."""
    apologies: dict[WarmTransferReason, str] = {}
    """Words instead of those in `APOLOGIES`, for some reasons; empty words say nothing."""
    farewells: dict[WarmTransferReason, str] = {}
    """Words instead of those in `FAREWELLS`; a mailbox is never told any."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not self.targets:
            msg = "targets is empty; give at least one"
            raise ConfigError(msg)
        for name in self.__struct_fields__:
            if name.endswith("_within") or name == "watch_for":
                _check_seconds(name, getattr(self, name))
        for name in ("accept_key", "decline_key", "cancel_key"):
            key: str = getattr(self, name)
            if len(key) > 1 or key not in "0123456789*#":
                msg = f"{name} is not a key; give one of 0-9*#, or '' for none"
                raise ConfigError(msg)
        if not all(words(phrase) for phrase in self.cancel_phrases):
            msg = "cancel_phrases has one without words; give words"
            raise ConfigError(msg)
        if self.accept_key and self.accept_key == self.decline_key:
            msg = "decline_key is the accept_key; give another"
            raise ConfigError(msg)
        if self.key_only and not self.accept_key:
            msg = "accept_key is empty, and key_only needs one; give one of 0-9*#"
            raise ConfigError(msg)

"""What a program may say about a transfer, and what it is told if that cannot be."""

import math
from collections.abc import Callable

import pytest

from hookflash.calls.transfer_types import (
    PhoneDestination,
    SIPDestination,
    TransferMisconfigured,
    WarmTransferConfig,
    WarmTransferError,
    WarmTransferPhase,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.errors import ConfigError, ToolError
from hookflash.machines.transfer_config import TransferConfig, TransferTarget

DESK = PhoneDestination("+14155550100", "Desk")
TRUNK = SIPDestination("trunk", "+14155550101", "+14155550199")


def test_w18_a_sip_destination_with_nothing_in_it_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"^routing_rule_id "):
        SIPDestination("", "+1", "")


BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: PhoneDestination(""), "number"),
    (lambda: PhoneDestination("4155550100"), "number"),
    (lambda: PhoneDestination("+1"), "number"),
    (lambda: PhoneDestination("+04155550100"), "number"),
    (lambda: PhoneDestination("+1415555010012345"), "number"),
    (lambda: PhoneDestination("sip:ann@host\r\nX-Evil: 1"), "number"),
    (lambda: PhoneDestination("+14155550100", ""), "display_name"),
    (lambda: PhoneDestination("+14155550100", caller_id="Ann"), "caller_id"),
    (lambda: PhoneDestination("+14155550100", send_digits="1x2"), "send_digits"),
    (lambda: PhoneDestination("+14155550100", send_digits="1" * 65), "send_digits"),
    (lambda: PhoneDestination("+14155550100", ring_timeout=0.0), "ring_timeout"),
    (lambda: SIPDestination("trunk", "", "+14155550199"), "sip_call_to"),
    (lambda: SIPDestination("trunk", "+1", "+14155550199"), "sip_call_to"),
    (lambda: SIPDestination("trunk", "+14155550100", ""), "sip_call_from"),
    (lambda: SIPDestination("trunk", "1001", "1000", " "), "participant_display_name"),
    (
        lambda: SIPDestination("trunk", "1001", "1000", "Ann", {"sipCallTo": "1002"}),
        "extra_options",
    ),
    (lambda: SIPDestination("trunk", "1001", "1000", send_digits="p"), "send_digits"),
    (lambda: SIPDestination("trunk", "1001", "1000", ring_timeout=math.inf), "ring_timeout"),
    (lambda: WarmTransferConfig(), "destination"),  # made when it is called
    (lambda: WarmTransferConfig(DESK, destinations=[TRUNK]), "destinations"),
    (lambda: WarmTransferConfig(DESK, supervisor_join_timeout=0.0), "supervisor_join_timeout"),
    (lambda: WarmTransferConfig(DESK, briefing_timeout=-1.0), "briefing_timeout"),
    (lambda: WarmTransferConfig(DESK, summary_timeout=math.nan), "summary_timeout"),
    (lambda: WarmTransferConfig(DESK, hold_line=" "), "hold_line"),
    (lambda: WarmTransferConfig(DESK, introduction=""), "introduction"),
    (lambda: WarmTransferConfig(DESK, decline_key="1"), "decline_key"),
    (lambda: WarmTransferConfig(DESK, accept="key", accept_key=""), "accept_key"),
    (
        lambda: WarmTransferConfig(DESK, order="random"),  # type: ignore[arg-type]  # refused
        "order",
    ),
    (
        lambda: WarmTransferConfig(DESK, topology="ring"),  # type: ignore[arg-type]  # refused
        "topology",
    ),
    (lambda: WarmTransferConfig(DESK, cancel_phrases="stop"), "cancel_phrases"),
    (
        lambda: WarmTransferConfig(DESK, cancel_phrases=[7]),  # type: ignore[list-item]  # refused
        "cancel_phrases",
    ),
    (
        lambda: WarmTransferConfig(destinations=DESK),  # type: ignore[arg-type]  # refused
        "destinations",
    ),
    (
        lambda: WarmTransferConfig(destinations=["+14155550100"]),  # type: ignore[list-item]  # too
        "destinations",
    ),
    (
        lambda: WarmTransferConfig("+14155550100"),  # type: ignore[arg-type]  # refused
        "destination",
    ),
    (
        lambda: WarmTransferConfig([DESK]),  # type: ignore[arg-type]  # refused
        "destination",
    ),
    (
        lambda: WarmTransferConfig(DESK, apologies="Sorry."),  # type: ignore[arg-type]  # refused
        "apologies",
    ),
    (
        lambda: WarmTransferConfig(DESK, apologies={"busy": "Sorry."}),  # type: ignore[dict-item]
        "apologies",
    ),
]


@pytest.mark.parametrize(("make", "named"), BAD)
def test_what_cannot_be_is_refused_by_name(make: Callable[[], object], named: str) -> None:
    with pytest.raises(TransferMisconfigured, match=f"^{named} ") as refused:
        make()
    assert isinstance(refused.value, ConfigError)
    assert isinstance(refused.value, ValueError)
    assert "415555" not in str(refused.value)


def test_the_message_says_what_to_give() -> None:
    with pytest.raises(TransferMisconfigured, match=r"phrases; give one, such as \['stop'\]"):
        WarmTransferConfig(DESK, cancel_phrases="stop")
    with pytest.raises(TransferMisconfigured, match=r"^apologies has 'busy'; give as keys, of dec"):
        WarmTransferConfig(DESK, apologies={"busy": "Sorry."})  # type: ignore[dict-item]  # refused


def test_the_value_of_a_reason_stands_for_it() -> None:
    config = WarmTransferConfig(DESK, apologies={"voicemail": "No."})  # type: ignore[dict-item]
    assert config.plan().apologies[WarmTransferReason.VOICEMAIL] == "No."


@pytest.mark.parametrize(
    "number", ["+4930123456", "sip:ann@pbx.example", "sips:ann@pbx.example:5061;transport=tls"]
)
def test_numbers_and_sip_addresses_can_be_called(number: str) -> None:
    assert PhoneDestination(number).address == number


def test_an_extension_can_be_called_behind_a_trunk() -> None:
    ann = SIPDestination("trunk", "1001", "1000", "Ann", {"headers": {"X-Reason": "refund"}})
    assert (ann.address, ann.name) == ("1001", "Ann")


def test_a_caller_is_not_handed_to_themselves() -> None:
    config = WarmTransferConfig(destinations=[TRUNK, DESK])
    config.check_caller("+14155550177")
    config.check_caller("")
    with pytest.raises(TransferMisconfigured, match=r"^destinations "):
        config.check_caller("+14155550100")
    with pytest.raises(TransferMisconfigured, match=r"^destination "):
        WarmTransferConfig(DESK).check_caller("+14155550100")


def test_one_destination_rings_as_long_as_there_is_time() -> None:
    assert WarmTransferConfig(DESK).plan() == TransferConfig(
        targets=(TransferTarget(name="Desk", ring_timeout=120.0),)
    )


def test_several_have_their_turns() -> None:
    slow = PhoneDestination("+14155550102", ring_timeout=60.0)
    config = WarmTransferConfig(
        destinations=[TRUNK, slow],
        supervisor_join_timeout=90.0,
        topology="dial",
        on_briefing_timeout="connect",
        cancel_phrases=["Nevermind"],
        apologies={WarmTransferReason.DECLINED: "No."},
    )
    assert config.plan() == TransferConfig(
        targets=(
            TransferTarget(name="Supervisor", ring_timeout=25.0),
            TransferTarget(name="Supervisor", ring_timeout=60.0),
        ),
        key_only=True,
        judged=False,
        briefing_timeout_connects=True,
        cancel_phrases=("nevermind",),
        join_within=90.0,
        apologies={WarmTransferReason.DECLINED: "No."},
    )


def test_a_group_rings_together() -> None:
    group = WarmTransferConfig(destinations=[TRUNK, DESK], order="together").plan()
    assert group.together
    assert [target.ring_timeout for target in group.targets] == [120.0, 120.0]


def test_an_error_says_why_and_what_it_came_to() -> None:
    came_to = WarmTransferResult(
        success=False,
        phase=WarmTransferPhase.TRANSFER_FAILED,
        reason=WarmTransferReason.NOT_A_PHONE_CALL,
    )
    error = WarmTransferError("not a call", WarmTransferReason.NOT_A_PHONE_CALL, came_to)
    assert (str(error), error.reason) == ("not a call", "not_a_phone_call")
    assert error.result is came_to
    assert isinstance(error, ToolError)

"""Hand a caller to a person, who is told before what it is about."""

import logging

from hookflash import (
    Agent,
    AgentSession,
    PhoneDestination,
    WarmTransferConfig,
    WarmTransferReason,
    function_tool,
)
from hookflash.events.transfer import WarmTransferPhaseReached

_log = logging.getLogger(__name__)


class Reception(Agent):
    def __init__(self) -> None:
        super().__init__("You are the reception of a water company.")

    @function_tool
    async def get_a_person(self) -> str:
        """Put the caller through to a person, when they ask for one."""
        result = await self.session.warm_transfer(
            WarmTransferConfig(PhoneDestination("+14155550100", "Ann"))
        )
        # Only a caller who is back gets here for long: the session of another closes.
        return f"Nobody could take the call: {result.error}. The caller knows."


IN_TURN = WarmTransferConfig(
    destinations=[
        PhoneDestination("+14155550100", "Ann", ring_timeout=20.0),
        PhoneDestination("+14155550111", "the desk", send_digits="wwww42"),
    ],
    accept="key",
    introduction="Ann is on the line now.",
    apologies={WarmTransferReason.SUPERVISOR_BUSY: "They are all busy. I'll take a message."},
)

LONG_CALLS = WarmTransferConfig(
    PhoneDestination("+14155550100", "Ann"),
    detach_after_merge=True,
)

IN_CONFERENCE = WarmTransferConfig(
    PhoneDestination("+14155550100", "Ann"),
    topology="conference",
    introduction="Ann is on the line now.",
)

BY_DIAL = WarmTransferConfig(
    PhoneDestination("+14155550100", "Ann", ring_timeout=20.0),
    topology="dial",
)


def log_phases(session: AgentSession[None]) -> None:
    @session.on_warm_transfer()
    def reached(event: WarmTransferPhaseReached) -> None:
        _log.info("transfer: %s", event.phase)

    @session.on_warm_transfer("transfer_cancelled")
    async def cancelled(event: WarmTransferPhaseReached) -> None:
        _log.info("no transfer: %s", event.data["reason"])

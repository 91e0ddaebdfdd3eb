"""Hand a caller to a person by a task that is awaited."""

from hookflash import Agent, PhoneDestination, WarmTransferConfig, function_tool
from hookflash.tasks import (
    CallerHungUp,
    GetPhoneNumberTask,
    WarmTransferFailed,
    WarmTransferTask,
)


class Reception(Agent):
    def __init__(self) -> None:
        super().__init__("You are the reception of a water company.")

    @function_tool
    async def get_a_person(self) -> str:
        """Put the caller through to a person, when they ask for one."""
        await WarmTransferTask(
            "+14155550100",
            display_name="Ann",
            dtmf="ww42",
            ringing_timeout=20.0,
            hold_audio="office",
        )
        return "They are connected."


class Night(Agent):
    def __init__(self) -> None:
        super().__init__("You answer for a water company at night.")
        self.missed: list[str] = []

    @function_tool
    async def get_a_person(self) -> str:
        """Put the caller through to a person, when they ask for one."""
        try:
            await WarmTransferTask("+14155550100", ringing_timeout=30.0)
        except CallerHungUp:
            self.missed.append("the caller did not wait")
            raise
        except WarmTransferFailed as failed:
            if failed.reason == "caller_cancelled":
                return "The caller would rather go on with you."
            self.missed.append(f"{failed.reason}, SIP {failed.sip_status}")
            number = await GetPhoneNumberTask()
            return f"Nobody is there. Somebody will call {number.phone_number} back."
        return "They are connected."


ANY_OF_US = WarmTransferConfig(
    destinations=[
        PhoneDestination("+14155550100", "Ann"),
        PhoneDestination("+14155550111", "Bob"),
    ],
    order="together",
    accept="key",
)


def anybody() -> WarmTransferTask:
    return WarmTransferTask(config=ANY_OF_US)

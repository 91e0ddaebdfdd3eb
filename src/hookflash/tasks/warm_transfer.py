"""Handing the caller to a person, as a job that is awaited like others."""

from collections.abc import Mapping

import msgspec

from hookflash.agent.sound import HoldMusic
from hookflash.calls.transfer_types import (
    PhoneDestination,
    TransferMisconfigured,
    WarmTransferConfig,
    WarmTransferError,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.errors import CallerHungUp
from hookflash.pipeline.sound import SoundSource, check_source
from hookflash.tasks.errors import TaskMisconfigured
from hookflash.tasks.task import AgentTask

__all__ = ["WarmTransferFailed", "WarmTransferTask"]

_Reason = WarmTransferReason

# No person was ever on the line.
_NOT_REACHED = frozenset(
    {
        *(_Reason.SUPERVISOR_BUSY, _Reason.SUPERVISOR_NO_ANSWER, _Reason.SUPERVISOR_REJECTED),
        *(_Reason.SUPERVISOR_UNREACHABLE, _Reason.SUPERVISOR_NOT_CONFIRMED),
        *(_Reason.SUPERVISOR_JOIN_TIMEOUT, _Reason.DIAL_FAILED, _Reason.NOT_A_PHONE_CALL),
        _Reason.CALL_LOOKUP_FAILED,
    }
)
# What a destination calls what the task calls otherwise.
_OURS: Mapping[str, str] = {
    "number": "sip_call_to",
    "caller_id": "sip_number",
    "send_digits": "dtmf",
    "ring_timeout": "ringing_timeout",
}


class WarmTransferFailed(WarmTransferError):
    """Nobody has taken the caller, who was told so and is back with the agent.

    The message is for the model: `human agent declined to connect: <reason>`, `voicemail detected`,
    `could not dial human agent`, or `room closed: <reason>`.

    Attributes:
        reason: a `WarmTransferReason`.
        sip_status: the SIP status behind it, 100 to 699; None where the carrier told none.
        result: all that is known, with every attempt; None if the transfer never began.
    """

    reason = "warm_transfer_failed"

    def __init__(
        self, reason: WarmTransferReason, result: WarmTransferResult | None, message: str = ""
    ) -> None:
        """Say what came of it.

        Args:
            reason: why nobody has the caller.
            result: what it came to.
            message: instead of the words that go with the reason.
        """
        super().__init__(message or _words(reason, result), reason, result)
        self.sip_status = None if result is None else result.sip_code


class WarmTransferTask(AgentTask[WarmTransferResult]):
    """Hands the caller to a person, who is told before what it is about.

    It is `AgentSession.warm_transfer`, awaited in a tool or hook like any task: the caller hears
    the hold line and music, and nobody answers them meanwhile; what they say is in the history for
    whoever awaits.

    Awaiting it returns the result once caller and person have each other; the session then closes
    (`transferred`), and a tool that awaits says nothing more. Else it raises `WarmTransferFailed`
    when the caller is back, `CallerHungUp` when they have left, and what `AgentTask` raises. A task
    that is cancelled, or has no time left, gives the transfer up and ends when the caller is back.
    """

    def __init__(
        self,
        sip_call_to: str | None = None,
        *,
        sip_number: str | None = None,
        dtmf: str = "",
        ringing_timeout: float | None = None,
        display_name: str = "Supervisor",
        hold_audio: HoldMusic | SoundSource | None = None,
        config: WarmTransferConfig | None = None,
        timeout: float | None = None,
    ) -> None:
        """Describe whom to call; or give `config` for all that a transfer can be.

        Args:
            sip_call_to: whom to call through the caller's carrier: E.164, `+14155550100`, or a
                `sip:` address.
            sip_number: the number that the person sees, E.164; None: the line of the caller's call.
            dtmf: keys to press once it is answered, to reach an extension; `w` waits half a second.
            ringing_timeout: seconds above 0 until it counts as not answered; None: 120.
            display_name: of the person, for the record and `human_agent_identity` of the result.
            hold_audio: what the caller hears meanwhile; a sound alone takes the place of the music
                in the session's `hold_music`. None: the session's.
            config: instead of `sip_call_to` and what goes with it.
            timeout: seconds that it may take in all; None: as long as its steps may.

        Raises:
            TaskMisconfigured: there is no destination, or there are two, or it cannot be called.
            ConfigError: `timeout` is not above 0, or there is no such sound.
        """
        if config is None:
            destination = _destination(sip_call_to, display_name, sip_number, dtmf, ringing_timeout)
            config = WarmTransferConfig(destination)
        elif sip_call_to is not None:
            msg = "sip_call_to comes on top of config; give one of the two"
            raise TaskMisconfigured(msg)
        super().__init__(timeout=timeout)
        if hold_audio is not None and not isinstance(hold_audio, HoldMusic):
            check_source(hold_audio, "hold_audio")
        self._config = config
        self._hold_audio = hold_audio

    async def on_enter(self) -> None:
        """Hand the caller over."""
        session = self.session
        give_turns_back = session.take_turns(lambda _turn: True)
        try:
            music = self._music(session.options.hold_music)
            result = await session.warm_transfer(self._config, hold_music=music)
        except WarmTransferError as exc:
            reason = _Reason(exc.reason)
            # Another transfer of the session's; that has words of its own.
            message = str(exc) if reason is _Reason.ALREADY_IN_PROGRESS else ""
            self.finish(WarmTransferFailed(reason, exc.result, message))
        else:
            self.finish(_outcome(result))
        finally:
            give_turns_back()

    def _music(self, own: HoldMusic) -> HoldMusic:
        match self._hold_audio:
            case None:
                return own
            case HoldMusic() as music:
                return music
            case sound:
                return msgspec.structs.replace(own, music=sound)


def _destination(
    to: str | None, name: str, caller_id: str | None, digits: str, ring_timeout: float | None
) -> PhoneDestination:
    if not to:
        msg = "sip_call_to must be set: + and 7 to 15 digits, or a sip: address; or give config"
        raise TaskMisconfigured(msg)
    try:
        return PhoneDestination(
            to, name, caller_id=caller_id, send_digits=digits, ring_timeout=ring_timeout
        )
    except TransferMisconfigured as exc:
        field, space, rest = str(exc).partition(" ")
        msg = f"{_OURS.get(field, field)}{space}{rest}"
        raise TaskMisconfigured(msg) from exc


def _outcome(result: WarmTransferResult) -> WarmTransferResult | Exception:
    match result.reason:
        case None:
            return result
        case _Reason.CALLER_DISCONNECTED:
            return CallerHungUp("The caller hung up.")
        case reason:
            return WarmTransferFailed(reason, result)


def _words(reason: WarmTransferReason, result: WarmTransferResult | None) -> str:
    if reason in _NOT_REACHED:
        return "could not dial human agent"
    if reason is _Reason.DECLINED:
        why = result.decline_reason if result is not None else None
        return "human agent declined to connect" + (f": {why}" if why else "")
    if reason is _Reason.VOICEMAIL:
        return "voicemail detected"
    if reason is _Reason.CALLER_CANCELLED:
        return "the caller did not want to wait any longer"
    return f"room closed: {reason.value}"

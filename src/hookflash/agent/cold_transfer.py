"""Handing the caller of a session to somebody without a word to them before."""

from hookflash.agent.conversation import Conversation
from hookflash.agent.history import History
from hookflash.agent.line import running_agent
from hookflash.agent.speech import running_item
from hookflash.agent.topology.base import TransferHost
from hookflash.calls.outcome import TransferOutcome, TransferVia
from hookflash.events.call import Outcome
from hookflash.events.status import Doing
from hookflash.events.transfer import CallTransferred
from hookflash.pipeline.concealment import mask_numbers

__all__ = ["Aftermath", "cold_transfer", "last_words"]

_REASON = "cold_transfer"
# What is being said when the program asks for the transfer is said to its end, within reason.
_LAST_WORDS = 4.0
# As short as a telephone number can be that reaches somebody.
_DIGITS_OF_A_NUMBER = 7


class Aftermath:
    """Lets the model know that a transfer has failed, whatever the caller has heard of it.

    A tool that has asked for the transfer tells its model itself, with its output.
    """

    def __init__(self, history: History) -> None:
        """A transfer is asked for.

        Args:
            history: what models are shown.
        """
        self._history = history
        self._calls = frozenset(history.open_calls() if running_agent.get() is not None else ())

    def tell(self, whom: str, why: str) -> None:
        """The caller is back.

        Args:
            whom: to whom they were to be handed; numbers are masked.
            why: what became of it instead, to go on with after a semicolon.
        """
        if not self._calls.isdisjoint(self._history.open_calls()):
            return
        text = f"The caller was to be handed to {whom}; {why}. They are back with you."
        self._history.note(mask_numbers(" ".join(text.split()), least=_DIGITS_OF_A_NUMBER))


async def last_words(conversation: Conversation, reason: str, *, in_tool: bool) -> None:
    """Let what is being said be heard; nothing new is begun until `reason` is released.

    Args:
        conversation: whose.
        reason: see above.
        in_tool: whether it was asked for in a tool, of whose own reply only what it has said so
            far is heard: it cannot end before the tool does.
    """
    speech = conversation.speech
    conversation.hold_speech(reason)
    current = speech.queue.current
    if current is not None and not in_tool:
        await current.handle.wait(timeout=_LAST_WORDS)
        if not current.handle.done():
            speech.interrupt(reason, force=True)
    await speech.wait_heard(timeout=_LAST_WORDS)


async def cold_transfer(
    host: TransferHost, to: str, *, from_: str | None, ring_timeout: float, via: TransferVia
) -> TransferOutcome:
    """Hand the caller over, and close the session; or have them back. As `Call.transfer`.

    They hear last words first; while it rings, the session neither listens nor speaks.

    Raises:
        UsageError, SessionClosed: as `Call.transfer`.
    """
    in_tool = running_item.get() is not None
    aftermath = Aftermath(host.history)
    try:
        await last_words(host.conversation, _REASON, in_tool=in_tool)
        host.conversation.ears.deafen(_REASON)
        host.status.begin(Doing.TRANSFERRING)
        outcome = await host.call.transfer(to, from_=from_, ring_timeout=ring_timeout, via=via)
    except BaseException:
        _release(host, answer=False)
        raise
    host.emitter.tell(
        CallTransferred,
        success=outcome.success,
        outcome=outcome.outcome,
        via=outcome.via,
        cause=outcome.cause,
        sip_code=outcome.sip_code,
    )
    if outcome.success:
        host.hand_over()
    elif outcome.outcome is not Outcome.CANCELED:
        why = outcome.outcome.value.replace("_", " ")
        aftermath.tell("somebody else", f"nobody took the call ({why})")
        _release(host, answer=not in_tool)
    return outcome


def _release(host: TransferHost, *, answer: bool) -> None:
    host.status.end(Doing.TRANSFERRING)
    host.conversation.ears.undeafen(_REASON)
    host.conversation.release_speech(_REASON, answer=answer)

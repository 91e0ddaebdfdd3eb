"""Handing the caller of a session to somebody without a word to them before."""

from collections.abc import Callable

from hookflash.agent.conversation import Conversation
from hookflash.agent.emitter import Emitter
from hookflash.agent.speech import running_item
from hookflash.agent.status import Status
from hookflash.calls.call import Call
from hookflash.calls.outcome import TransferOutcome, TransferVia
from hookflash.events.call import Outcome
from hookflash.events.status import Doing
from hookflash.events.transfer import CallTransferred

__all__ = ["cold_transfer", "last_words"]

_REASON = "cold_transfer"
# What is being said when the program asks for the transfer is said to its end, within reason.
_LAST_WORDS = 4.0


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
    call: Call,
    conversation: Conversation,
    status: Status,
    emitter: Emitter,
    to: str,
    *,
    from_: str | None,
    ring_timeout: float,
    via: TransferVia,
    leave: Callable[[str], object],
) -> TransferOutcome:
    """Hand the caller over, and close the session; or have them back.

    Args:
        call: the caller's.
        conversation: says its last words, and neither listens nor speaks while it rings.
        status: shows that a transfer goes on.
        emitter: tells what came of it.
        to: as `Call.transfer`, and so are the others.
        from_: see there.
        ring_timeout: see there.
        via: see there.
        leave: closes the session for a reason; the call stays.

    Raises:
        UsageError, SessionClosed: as `Call.transfer`.
    """
    in_tool = running_item.get() is not None
    try:
        await last_words(conversation, _REASON, in_tool=in_tool)
        conversation.ears.deafen(_REASON)
        status.begin(Doing.TRANSFERRING)
        outcome = await call.transfer(to, from_=from_, ring_timeout=ring_timeout, via=via)
    except BaseException:
        _release(conversation, status, answer=False)
        raise
    emitter.tell(
        CallTransferred,
        success=outcome.success,
        outcome=outcome.outcome,
        via=outcome.via,
        cause=outcome.cause,
        sip_code=outcome.sip_code,
    )
    if outcome.success:
        # Nothing new is thought of: the tool whose reply this is has nothing more to say.
        conversation.speech.ending = True
        call.handed_over = True
        leave("transferred")
    elif outcome.outcome is not Outcome.CANCELED:
        _release(conversation, status, answer=not in_tool)
    return outcome


def _release(conversation: Conversation, status: Status, *, answer: bool) -> None:
    status.end(Doing.TRANSFERRING)
    conversation.ears.undeafen(_REASON)
    conversation.release_speech(_REASON, answer=answer)

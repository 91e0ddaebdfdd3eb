"""What a transfer asks of the way in which its parties are connected."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from hookflash.agent.answers import Answers
from hookflash.agent.briefing import Briefing
from hookflash.agent.conversation import Conversation
from hookflash.agent.emitter import Emitter
from hookflash.agent.history import History
from hookflash.agent.sound import HoldMusic, SessionSound
from hookflash.agent.status import Status
from hookflash.calls.call import Call
from hookflash.calls.transfer_types import WarmTransferConfig
from hookflash.events.transfer import TransferEvent
from hookflash.ids import SessionId
from hookflash.legs.base import Leg
from hookflash.machines.transfer_config import TransferConfig
from hookflash.pipeline.pipeline import Pipeline
from hookflash.runtime.tasks import TaskOwner

__all__ = ["HOLD", "Supervisor", "Topology", "TransferHost", "TransferParts"]

HOLD = "transfer"
"""Why the caller of a transfer hears music: for `SessionSound.hold` and `unhold`."""


class TransferHost(msgspec.Struct, frozen=True, kw_only=True):
    """What a transfer has of the session whose caller it hands over.

    Attributes:
        call: the caller's.
        leg: the caller's.
        pipeline: gives the briefing its parts unless the program has others for it.
        music: what the caller hears meanwhile.
        history: what was said and heard; models are told there what became of the transfer.
        conversation: speaks to the caller, and listens.
        sound: plays the music.
        status: shows that a transfer goes on.
        emitter: tells listeners.
        answers: who gets the caller's turns.
        brief: starts a session on a supervisor's call, which begins the briefing.
        leave: closes the session for a reason; the call stays.
    """

    call: Call
    leg: Leg
    pipeline: Pipeline
    music: HoldMusic
    history: History
    conversation: Conversation
    sound: SessionSound
    status: Status
    emitter: Emitter
    answers: Answers
    brief: Callable[[Call, Pipeline, Briefing], Awaitable[None]]
    leave: Callable[[str], object]

    def hand_over(self) -> None:
        """Somebody else has the caller: the session closes, and the call goes on without it."""
        # Nothing new is thought of: the tool whose reply this is has nothing more to say.
        self.conversation.speech.ending = True
        self.call.handed_over = True
        self.leave("transferred")


class TransferParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a topology has of its transfer.

    Attributes:
        config: as the program gave it.
        plan: as the machine has it.
        host: the session.
        owner: whose tasks outlive the session.
        feed: tells the machine.
        say: says a line to the caller, over the music, and waits until it was heard.
        session_id: of the first supervisor's briefing; further ones are numbered.
    """

    config: WarmTransferConfig
    plan: TransferConfig
    host: TransferHost
    owner: TaskOwner
    feed: Callable[[TransferEvent], None]
    say: Callable[[str], Awaitable[None]]
    session_id: SessionId


class Supervisor(Protocol):
    """One target, dialled or to be dialled."""

    async def dial(self) -> None:
        """Phone them, and tell what becomes of the call until it ends."""
        ...

    async def screen(self) -> None:
        """They have answered: find out whether it is a person. Say nothing private."""
        ...

    def brief(self, summary: str) -> None:
        """Tell them what it is about, and ask whether they take the call."""
        ...

    async def end(self, words: str) -> None:
        """End the call, after a last word if there is one. Idempotent."""
        ...


class Topology(ABC):
    """One way of connecting caller and supervisor. Made for one transfer.

    Until the caller is given away for good, each step can be undone: `bring_back` makes the session
    speak with the caller again.
    """

    judged = True
    """Whether somebody finds out who has answered, before anybody is asked for a key."""

    @abstractmethod
    def supervisor(self, target: int) -> Supervisor:
        """Return the one of this number, always the same."""

    async def park(self) -> None:
        """The caller has heard the hold line: put them where they wait. Done before any dialling.

        Raises:
            HookflashError: the carrier did not take them; they are still with us.
        """
        return

    @abstractmethod
    async def merge(self, target: int) -> None:
        """Let caller and supervisor hear each other, and return when they do.

        Raises:
            HookflashError: they do not.
        """

    @abstractmethod
    async def introduce(self, target: int, text: str) -> None:
        """Say this to both, and return when it was heard, or cannot be."""

    def unmerge(self) -> None:
        """Take the caller from the supervisor, as far as they are together, onto the music."""
        return

    def wants_back(self) -> None:
        """It is decided that the caller comes back; `bring_back` follows."""
        return

    async def bring_back(self) -> None:
        """Return when the caller hears us, and we them.

        Raises:
            HookflashError: the carrier does not give them back, or they have gone.
        """
        return

    @abstractmethod
    async def leave(self, target: int) -> None:
        """The two have each other for good: leave them alone. Whoever stays when one goes, ends."""

    async def aclose(self) -> None:
        """It came to nothing, and the caller is back: let go of everything."""
        return

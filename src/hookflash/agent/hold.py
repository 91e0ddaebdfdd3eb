"""Hold: the caller is not listened to and hears music until somebody is back."""

from hookflash.agent.conversation import Conversation
from hookflash.agent.emitter import Emitter
from hookflash.agent.sound import HoldMusic, SessionSound
from hookflash.agent.status import Status
from hookflash.events.session import HoldChanged
from hookflash.events.status import Doing

__all__ = ["Hold"]

_REASON = "on_hold"


class Hold:
    """Puts the caller of one session on hold, and takes them off it."""

    def __init__(
        self, conversation: Conversation, sound: SessionSound, status: Status, emitter: Emitter
    ) -> None:
        """Know everybody; nobody is on hold."""
        self._conversation = conversation
        self._sound = sound
        self._status = status
        self._emitter = emitter

    def begin(self, music: HoldMusic) -> None:
        """What is being said is said to its end, and nothing new begins. Idempotent."""
        if self._status.goes_on(Doing.ON_HOLD):
            return
        self._conversation.hold_speech(_REASON)
        self._conversation.ears.deafen(_REASON)
        self._status.begin(Doing.ON_HOLD)
        self._emitter.tell(HoldChanged, on_hold=True)
        self._sound.hold(music, self._say, reason=_REASON)

    def end(self) -> None:
        """What waited is said. Idempotent."""
        if not self._status.goes_on(Doing.ON_HOLD):
            return
        self._status.end(Doing.ON_HOLD)
        self._conversation.ears.undeafen(_REASON)
        self._sound.unhold(_REASON)
        self._emitter.tell(HoldChanged, on_hold=False)
        self._conversation.release_speech(_REASON)

    async def _say(self, line: str) -> None:
        """Say a line of comfort over the music."""
        speech = self._conversation.speech
        if not speech.mute:
            await speech.say(line, interruptible=False, keep=False, during_hold=True)

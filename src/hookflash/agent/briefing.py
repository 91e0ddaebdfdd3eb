"""The talk with a supervisor before a caller is handed over: is it a person, and do they want it?

The talk is a session of its own on the supervisor's leg. What it finds out goes to the transfer
machine, which decides; nothing of the caller's is known to the session before the machine says so.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from hookflash.agent.answers import Answer
from hookflash.agent.sound import HoldMusic
from hookflash.agent.tools import StopResponse, Tool, find_tools, function_tool
from hookflash.agent.utterance import UtteranceHandle
from hookflash.calls.transfer_types import WarmTransferConfig
from hookflash.errors import HookflashError, SessionClosed
from hookflash.events import Record
from hookflash.events.session import ErrorOccurred, SessionClosedEvent
from hookflash.events.transfer import (
    BriefingDeclined,
    BriefingDone,
    BriefingFailed,
    SupervisorJudged,
    SupervisorPressed,
    SupervisorSpoke,
    TransferEvent,
)
from hookflash.events.voicemail import CarrierVerdict, VoicemailDetected, VoicemailVerdict
from hookflash.ids import SessionId
from hookflash.machines.assent import assents
from hookflash.machines.greeting import judge_words

__all__ = ["GREETING", "Briefing", "BriefingSession", "briefing_words", "screening_words"]

RecordT = TypeVar("RecordT", bound=Record)

GREETING = "Hello, I have a caller for you."
_SILENT = HoldMusic(music=None, comfort=())

_BEFORE = "You phone somebody who may take over a caller. You know nothing of the caller yet."
_ABOUT = """\
You are on the phone with a person who may take over a caller, who is on hold meanwhile. You have
told them the following, and asked whether they take the call:

{summary}

Answer their questions in a sentence, from this alone. When they agree to take the call, call
done_briefing. When they refuse, call decline_transfer with their reason. When you hear a recorded
voice, call voicemail_detected. Say nothing when you call one of these."""


class BriefingSession(Protocol):
    """The session on a supervisor's leg, as far as a transfer needs one."""

    def on(self, event: type[RecordT], handler: Callable[[RecordT], None]) -> object:
        """Tell of its events."""
        ...

    @property
    def voicemail_verdict(self) -> VoicemailVerdict | None:
        """Who has answered, as far as that is known."""
        ...

    def carrier_said(self, verdict: CarrierVerdict) -> None:
        """Be told who has answered, and find out no longer."""
        ...

    def say(self, message: str, *, interruptible: bool = True) -> UtteranceHandle:
        """Queue something to be said."""
        ...

    def interrupt(self, force: bool = False) -> bool:
        """Drop what is said and waits."""
        ...

    def hold(self, music: HoldMusic | None = None) -> None:
        """Neither listen nor speak."""
        ...

    def unhold(self) -> None:
        """Listen and speak again."""
        ...

    async def hangup(self, reason: str = "hangup") -> None:
        """End the call once what was said was heard."""
        ...

    async def close(self, reason: str = "closed") -> None:
        """Leave the call as it is."""
        ...

    def take_keys(self, taker: Callable[[str], None]) -> Callable[[], None]:
        """Have the supervisor's keys."""
        ...

    def take_turns(self, taker: Callable[[Answer], bool]) -> Callable[[], None]:
        """Be offered the supervisor's turns."""
        ...


class Briefing:
    """The talk with one supervisor.

    Attributes:
        instructions: what the model is told before a person was proven to be there.
        session_id: for the session that holds the talk.
    """

    instructions = _BEFORE

    def __init__(
        self,
        target: int,
        config: WarmTransferConfig,
        session_id: SessionId,
        *,
        feed: Callable[[TransferEvent], None],
    ) -> None:
        """Know the supervisor's number among the targets; nobody is spoken to yet.

        Args:
            target: which.
            config: keys, and whether they alone count.
            session_id: for the session.
            feed: tells the transfer machine.
        """
        self.session_id = session_id
        self._target = target
        self._config = config
        self._thinks = False
        self._feed = feed
        self._session: BriefingSession | None = None
        self._instruct: Callable[[str], None] | None = None
        self._summary: str | None = None  # of which the supervisor is told
        self._over = False

    @property
    def tools(self) -> Sequence[Tool]:
        """What the model can do."""
        return tuple(find_tools(self).values())

    @property
    def has_own_pipeline(self) -> bool:
        """Whether the program has made one for it."""
        return self._config.briefing_pipeline_factory is not None

    # What happens on the leg.

    def begin(
        self, session: BriefingSession, instruct: Callable[[str], None], *, thinks: bool
    ) -> None:
        """The session has the leg. What is said now waits until it is known who answered.

        Args:
            session: on the supervisor's leg.
            instruct: gives the agent that has the line there other instructions.
            thinks: whether a model answers; else yes and no are understood by rules.
        """
        self._session, self._instruct, self._thinks = session, instruct, thinks
        session.take_keys(self._pressed)
        session.take_turns(self._answered)
        session.on(ErrorOccurred, self._went_wrong)
        session.on(SessionClosedEvent, self._closed)
        self._say(GREETING)
        if self._summary is not None:  # that it is a person was known before they answered
            self.tell(self._summary)
        if session.voicemail_verdict is not None:  # by the carrier, while the session began
            self._found(session.voicemail_verdict)

    def judged(self, verdict: VoicemailDetected) -> None:
        """It was found out who answered, for now."""
        self._found(verdict.result)

    def _found(self, found: VoicemailVerdict) -> None:
        proven = found is VoicemailVerdict.HUMAN and self._config.accept != "key"
        machine = found in (VoicemailVerdict.MACHINE, VoicemailVerdict.FAX)
        if not (proven or machine or self._summary is not None or self._over):
            self._say(screening_words(self._config))
        self._feed(SupervisorJudged(target=self._target, verdict=found))

    def _went_wrong(self, error: ErrorOccurred) -> None:
        if error.source == "llm":
            self._thinks = False  # a plain yes or no is understood without it

    def _closed(self, _event: SessionClosedEvent) -> None:
        self.failed()  # or it was to be closed

    def _pressed(self, digit: str) -> None:
        self._feed(SupervisorPressed(target=self._target, digit=digit))
        if digit == self._config.accept_key and self._session is not None:
            # No machine does that: what waits until it is known who answered waits no longer.
            self._session.carrier_said(CarrierVerdict.HUMAN)

    def _answered(self, answer: Answer) -> bool:
        """Whether the model must not answer a turn."""
        if self._over:
            return True
        if self._summary is None:
            self._first_words(answer.text)
            return True
        if self._thinks:
            return False
        match assents(answer.text):
            case True:
                self._feed(BriefingDone(target=self._target))
            case False:
                self._feed(BriefingDeclined(target=self._target))
            case None:
                self._say(briefing_words("", self._config))
        return True

    def _first_words(self, text: str) -> None:
        """Somebody speaks of whom it was not found out who they are: some mailboxes begin late."""
        found = judge_words(text)
        if found is None or found.verdict is VoicemailVerdict.HUMAN:
            self._feed(SupervisorSpoke(target=self._target))
        else:
            self._feed(SupervisorJudged(target=self._target, verdict=found.verdict))

    @function_tool
    async def done_briefing(self) -> None:
        """The person takes the call."""
        self._feed(BriefingDone(target=self._target))
        raise StopResponse

    @function_tool
    async def decline_transfer(self, reason: str = "") -> None:
        """The person does not take the call.

        Args:
            reason: why, in their words; empty if they gave none.
        """
        self._feed(BriefingDeclined(target=self._target, reason=reason))
        raise StopResponse

    @function_tool
    async def voicemail_detected(self) -> None:
        """A recorded voice answers, not a person."""
        machine = VoicemailVerdict.MACHINE
        self._feed(SupervisorJudged(target=self._target, verdict=machine))
        raise StopResponse

    # What the transfer asks.

    def tell(self, summary: str) -> None:
        """Tell the summary, as soon as the session has the leg; ask whether they take the call."""
        self._summary = summary
        if self._instruct is not None:
            self._instruct(_ABOUT.format(summary=summary))
            self._say(briefing_words(summary, self._config))

    def hush(self) -> None:
        """Say and hear nothing any more: the caller is here."""
        self._over = True
        if self._session is not None:
            with suppress(SessionClosed):
                self._session.interrupt(force=True)
                self._session.hold(_SILENT)

    async def announce(self, words: str) -> None:
        """Say something after all, and wait until it was heard."""
        if self._session is not None:
            with suppress(HookflashError):
                self._session.unhold()
                await self._session.say(words, interruptible=False)
                self._session.hold(_SILENT)

    async def end(self, words: str) -> None:
        """Say a last word, if there is one, and hang up."""
        self._over = True
        if self._session is None:
            return
        with suppress(SessionClosed):  # it could not begin, or they have hung up
            self._session.interrupt(force=True)
            self._session.unhold()
            if words:
                self._say(words, interruptible=False)
        await self._session.hangup("transfer_ended")

    async def leave(self) -> None:
        """Leave the supervisor alone with the caller."""
        if self._session is not None:
            await self._session.close("transferred")

    def failed(self) -> None:
        """Nothing can be said to the supervisor."""
        if not self._over:
            self._feed(BriefingFailed(target=self._target))

    def _say(self, words: str, *, interruptible: bool = True) -> None:
        assert self._session is not None
        try:
            handle = self._session.say(words, interruptible=interruptible)
        except HookflashError:  # there is no voice, or the leg is gone
            self.failed()
            return
        handle.add_done_callback(lambda said: self.failed() if said.error is not None else None)


def screening_words(config: WarmTransferConfig) -> str:
    """Return how somebody is asked to show that they are a person."""
    key = f"press {config.accept_key}" if config.accept_key else ""
    ways = [key] if config.accept == "key" else [key, "say hello"]
    return f"To hear what it is about, {', or '.join(way for way in ways if way)}."


def briefing_words(summary: str, config: WarmTransferConfig) -> str:
    """Return what a person is told, and how they are asked whether they take the call."""
    by_voice = config.accept != "key"

    def choice(what: str, word: str, key: str) -> str:
        say, press = f"say {word}" if by_voice else "", f"press {key}" if key else ""
        ways = ", or ".join(way for way in (say, press) if way)
        return f"To {what}, {ways}." if ways else ""

    take = choice("take the call", "yes", config.accept_key)
    decline = choice("decline", "no", config.decline_key)
    return " ".join(part for part in (summary, take, decline) if part)

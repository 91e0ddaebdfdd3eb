"""`hookflash demo --transfer`: an agent hands its caller to a person, or takes them back."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from importlib.util import find_spec

from hookflash.agent import Agent, AgentSession, RunContext, function_tool
from hookflash.agent.recording import RecordingConfig
from hookflash.audio.tones import beep
from hookflash.calls.transfer_types import (
    PhoneDestination,
    WarmTransferConfig,
    WarmTransferPhase,
    WarmTransferPhaseReached,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.cli.demo import DemoOptions, Outcome, Party, PhoneDemo
from hookflash.cli.timeline import Timeline
from hookflash.cli.view import View
from hookflash.emulator import FarEnd, Line, no_answer, person
from hookflash.errors import MissingExtra, UsageError
from hookflash.events.session import SessionRecord, UtteranceSpoken
from hookflash.pipeline import Pipeline
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.pocketsphinx import PocketsphinxSTT
from hookflash.providers.rules import Rule, RuleLLM
from hookflash.runtime import clock
from hookflash.server import App

__all__ = ["TransferWay", "run_transfer_demo"]

_ANN = "Ann"
_NUMBER = "+14155550142"
_RINGS_FOR = 8.0
_COMPLAINT = "I was charged twice for my cleaning on Monday."
_SUMMARY = "A patient says that they were charged twice for a cleaning."
_THE_DAY = "It was on Monday."
_BUSY = "with a patient"
_MAILBOX = (
    "Hi, this is Ann at Harbour Dental. I can't take your call just now. Please leave a message "
    "after the tone, and I will call you back as soon as I can."
)
_HEARD = (
    "Rules think, answer and sum up in this call, for it has no model. Caller, agent and Ann have "
    "a voice each. Nothing is told to the ears: words and keys are really heard."
)

_SUMS_UP = (Rule(phrases=("charged twice",), say=_SUMMARY),)
_BRIEFS = (
    Rule(phrases=("which day was it",), say=_THE_DAY),
    Rule(phrases=("yes put them through",), call="done_briefing"),
    Rule(phrases=("no i am with a patient",), call="decline_transfer", arguments={"reason": _BUSY}),
)


class TransferWay(StrEnum):
    """What becomes of the transfer."""

    ACCEPTS = "accepts"
    VOICEMAIL = "voicemail"
    DECLINES = "declines"
    NO_ANSWER = "no-answer"
    CALLER_HANGS_UP = "caller-hangs-up"


def run_transfer_demo(way: str, options: DemoOptions, *, alone: bool) -> bool:
    """Hold the call; return whether the transfer went that way.

    Args:
        way: one of `TransferWay`.
        options: what the command line asked for.
        alone: whether it asked for nothing that these calls do not have.

    Raises:
        UsageError: there is no such way, or it asked for more.
        MissingExtra: the SDK that dials Ann is not installed.
    """
    if way not in list(TransferWay):
        msg = f"--transfer is {way!r}; give {', '.join(TransferWay)}"
        raise UsageError(msg)
    if find_spec("twilio") is None:  # which dials Ann
        package = extra = "twilio"
        raise MissingExtra(package, extra)
    if not alone:
        msg = "--transfer plays a call of its own; leave out --task, --text, --llm and --model"
        raise UsageError(msg)
    return clock.run(_DEMOS[TransferWay(way)](options).run(), virtual=options.fast)


class _Desk(Agent):
    """Takes a complaint, and puts the caller through to Ann."""

    def __init__(self, wish: WarmTransferConfig) -> None:
        super().__init__("You answer the phone for Harbour Dental.")
        self._wish = wish
        self.result: WarmTransferResult | None = None

    async def on_enter(self) -> None:
        await self.session.say("Harbour Dental, good morning. How can I help you?")

    @function_tool(phrases=(_COMPLAINT,))
    def complain(self) -> str:
        """Hear what is wrong with a bill."""
        return "I am sorry about that. Shall I put you through to Ann in the office?"

    @function_tool(phrases=("put you through", "put me through"))
    async def get_a_person(self) -> str:
        """Put the caller through."""
        self.result = await self.session.warm_transfer(self._wish)
        return "Ann will call you back today. Is there anything else?"

    @function_tool(phrases=("goodbye", "thank you goodbye"))
    async def end_call(self, ctx: RunContext[None]) -> None:
        """Hang up, after you have said goodbye."""
        await ctx.session.hangup()


class _TransferDemo(PhoneDemo):
    """A call whose caller is to be handed to Ann. Subclasses say what Ann does about it."""

    tracks = f"a track each: caller, agent, {_ANN}"
    picks_up = _ANN

    def __init__(self, options: DemoOptions) -> None:
        super().__init__(options)
        # A third voice, well above the caller's 190 Hz and the agent's 100.
        self.voices[_ANN] = EspeakTTS("en-us+f5", words_per_minute=140, pitch=70)
        self.timeline = Timeline()
        self.told = ""
        self.connected = asyncio.Event()
        self.briefing = asyncio.Event()
        self.over = asyncio.Event()
        self._briefs: Pipeline | None = None
        self._desk = _Desk(
            WarmTransferConfig(
                PhoneDestination(_NUMBER, _ANN, ring_timeout=_RINGS_FOR),
                summary_llm=RuleLLM(_SUMS_UP),
                briefing_pipeline_factory=lambda: self._briefs,
                introduction="Ann is on the line now.",
            )
        )

    def agent(self) -> Agent:
        return self._desk

    def pipeline(self) -> Pipeline:
        self.note(_HEARD)
        phrases = [phrase for rule in _BRIEFS for phrase in rule.phrases]
        self._briefs = Pipeline.local(stt=PocketsphinxSTT(phrases=phrases), llm=RuleLLM(_BRIEFS))
        return super().pipeline()

    def session(self, app: App, pipeline: Pipeline, view: View) -> AgentSession[None]:
        session: AgentSession[None] = AgentSession(
            self._desk, pipeline, recording=RecordingConfig(tracks="parties")
        )
        session.on("*", self.timeline.happened)

        @session.on_warm_transfer()
        def reached(event: WarmTransferPhaseReached) -> None:
            view.line("", f"transfer: {event.phase}", note=True)
            if event.phase is WarmTransferPhase.SUPERVISOR_DIALED:
                (call,) = (call for call in app.calls if call.to == _NUMBER)
                call.observers += [view.watch_beside(self.picks_up), self._told]
            self._reached(event.phase)

        return session

    def _told(self, event: SessionRecord) -> None:
        if isinstance(event, UtteranceSpoken):
            self.told += f" {event.heard}"

    def _reached(self, phase: WarmTransferPhase) -> None:
        match phase:
            case WarmTransferPhase.BRIEFING_STARTED:
                self.briefing.set()
            case WarmTransferPhase.CALL_SWITCHED:
                self.connected.set()
            case (
                WarmTransferPhase.TRANSFER_COMPLETE
                | WarmTransferPhase.TRANSFER_CANCELLED
                | WarmTransferPhase.TRANSFER_FAILED
            ):
                self.over.set()
            case _:
                pass

    def people(self, view: View) -> Mapping[str, FarEnd]:
        async def ann(line: Line) -> None:
            await self.answer(Party(line, view, self.picks_up))

        return {_NUMBER: person(ann, answer_after=3.0, voice=_ANN)}

    async def phone(self, line: Line, view: View) -> None:
        caller = Party(line, view)
        await caller.listen()
        await caller.says(_COMPLAINT)
        await caller.listen()
        await caller.says("Yes, please.")
        await self.wait(caller)
        await caller.leave()

    @abstractmethod
    async def answer(self, ann: Party) -> None:
        """Do what Ann does when her phone has rung for three seconds."""

    @abstractmethod
    async def wait(self, caller: Party) -> None:
        """Do what the caller does from when they have agreed to be put through."""

    def report(self) -> str:
        told = "nothing"
        if self.briefing.is_set():
            summary = self.timeline.summary
            told = summary if summary in self.told else f"{summary} (not to its end)"
        return (
            f"\n{self.timeline.text()}\n\n"
            f"Told to Ann {told}\nResult      {_in_words(self._desk.result)}"
        )

    def came_to(self, reason: WarmTransferReason | None) -> bool:
        """Whether that is why there was no transfer; None: there was one."""
        result = self._desk.result
        return result is not None and result.reason is reason


class _Accepts(_TransferDemo):
    """Ann asks a question, and takes the call."""

    def __init__(self, options: DemoOptions) -> None:
        super().__init__(options)
        self._ann: Line | None = None
        self._together_at = 0.0
        self._left_at = 0.0
        self._alone_for = 0.0

    async def answer(self, ann: Party) -> None:
        self._ann = ann.line
        await ann.says("Hello?")
        await ann.listen(after=1.2)
        await ann.says("Which day was it?")
        await ann.listen()
        await ann.says("Yes, put them through.")
        await ann.listen()
        self._together_at = clock.now()
        await ann.says("Hello, this is Ann. You will have your money back tomorrow.")
        await ann.listen()
        await ann.says("You are welcome. Goodbye.")
        self.timeline.add("Ann: hangs up")
        self._left_at = clock.now()
        ann.hangs_up()

    async def wait(self, caller: Party) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (self.connected, self.over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        if not self.connected.is_set():
            return
        await caller.listen(after=1.2)
        await caller.says("That is great. Thank you, Ann.")
        await caller.leave()
        self.timeline.add("caller: call ended")
        self._alone_for = clock.now() - self._left_at

    def goals(self, outcome: Outcome) -> dict[str, bool]:
        assert self._ann is not None
        return {
            "Ann was told the summary": _SUMMARY in self.told,
            "her question was answered": _THE_DAY in self.told,
            "she was given the caller": self.came_to(None),
            "the two heard each other": all(
                _heard_since(self._together_at, line) > 1.0 for line in (outcome.line, self._ann)
            ),
            "the caller's call ended within a second of hers": 0 <= self._alone_for < 1,
        }


class _BackWithTheAgent(_TransferDemo):
    """Ann does not take the call."""

    reason: WarmTransferReason

    async def wait(self, caller: Party) -> None:
        await self.over.wait()
        await caller.listen(after=1.2)
        await caller.says("Thank you, goodbye.")

    def goals(self, outcome: Outcome) -> dict[str, bool]:
        return {
            f"there was no transfer: {self.reason}": self.came_to(self.reason),
            "the caller was told so": "i'm sorry" in outcome.heard,
            "and was back with the agent": "anything else" in outcome.heard
            and outcome.ended.reason == "hangup",
        }


class _Voicemail(_BackWithTheAgent):
    """Her mailbox answers."""

    picks_up = "mailbox"
    reason = WarmTransferReason.VOICEMAIL

    async def answer(self, ann: Party) -> None:
        await ann.says(_MAILBOX)
        await ann.line.say(beep(ms=500.0))
        await ann.leave()

    def goals(self, outcome: Outcome) -> dict[str, bool]:
        return super().goals(outcome) | {
            "the mailbox was told nothing about the caller": "charged" not in self.told
        }


class _Declines(_BackWithTheAgent):
    """Ann has no time."""

    reason = WarmTransferReason.DECLINED

    async def answer(self, ann: Party) -> None:
        await ann.says("Hello?")
        await ann.listen(after=1.2)
        await ann.says("No, I am with a patient.")
        await ann.leave()

    def goals(self, outcome: Outcome) -> dict[str, bool]:
        return super().goals(outcome) | {
            "Ann was thanked": "Thank you, and goodbye." in self.told,
        }


class _NoAnswer(_BackWithTheAgent):
    """Nobody is there."""

    reason = WarmTransferReason.SUPERVISOR_NO_ANSWER

    def people(self, view: View) -> Mapping[str, FarEnd]:
        return {_NUMBER: no_answer()}

    async def answer(self, ann: Party) -> None:
        """It rings on."""


class _CallerHangsUp(_TransferDemo):
    """The caller has enough in the middle of the briefing."""

    async def answer(self, ann: Party) -> None:
        await ann.says("Hello?")
        await ann.leave()

    async def wait(self, caller: Party) -> None:
        await self.briefing.wait()
        await caller.line.wait(3.0)
        self.timeline.add("caller: hangs up")
        caller.hangs_up()

    def goals(self, outcome: Outcome) -> dict[str, bool]:
        return {
            "there was no transfer": self.came_to(WarmTransferReason.CALLER_DISCONNECTED),
            "Ann was told that the caller is gone": "The caller has hung up." in self.told,
        }


_DEMOS: dict[TransferWay, type[_TransferDemo]] = {
    TransferWay.ACCEPTS: _Accepts,
    TransferWay.VOICEMAIL: _Voicemail,
    TransferWay.DECLINES: _Declines,
    TransferWay.NO_ANSWER: _NoAnswer,
    TransferWay.CALLER_HANGS_UP: _CallerHangsUp,
}


def _heard_since(moment: float, line: Line) -> float:
    """Return how many seconds of sound came out of a telephone since then."""
    began = line.heard.began_at
    assert began is not None
    spans = line.heard.speech()
    return sum(max(0.0, end - max(start, moment - began)) for start, end in spans)


def _in_words(result: WarmTransferResult | None) -> str:
    if result is None:
        return "the transfer did not come to its end"
    if result.success:
        return f"{result.human_agent_identity} has the caller"
    declined = f" ({result.decline_reason})" if result.decline_reason else ""
    return f"no transfer: {result.error}{declined}"

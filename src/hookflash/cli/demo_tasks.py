"""`hookflash demo --task NAME`: an agent collects something from its caller."""

from abc import abstractmethod
from enum import StrEnum

from hookflash.agent import Agent
from hookflash.cli.demo import DemoOptions, Outcome, Party, PhoneDemo
from hookflash.cli.told import ToldSTT
from hookflash.cli.view import View
from hookflash.emulator import Line
from hookflash.errors import ToolError, UsageError
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.tasks.card import GetCreditCardResult, GetCreditCardTask
from hookflash.tasks.dtmf import GetDtmfResult, GetDtmfTask
from hookflash.tasks.email import GetEmailResult, GetEmailTask
from hookflash.tasks.group import TaskGroup, TaskGroupResult
from hookflash.tasks.menu import DtmfMenu
from hookflash.tasks.phone import GetPhoneNumberResult, GetPhoneNumberTask

__all__ = ["TaskName", "run_task_demo"]

_CARD = "4242424242424242"
_BOOKING = "4217"
_TOLD = (
    "The local recogniser understands phrases, not free speech. So in this call the ears are TOLD "
    "the caller's words once they were spoken; when the caller speaks and stops is really heard. "
    "Everything else is real: keys, voices, the task."
)
_HEARD = "Nothing is told to the ears in this call: keys and words are really heard."


class TaskName(StrEnum):
    """What is collected."""

    EMAIL = "email"
    DIGITS = "digits"
    CARD = "card"
    SURVEY = "survey"


def run_task_demo(task: str, options: DemoOptions, *, alone: bool) -> bool:
    """Hold the call; return whether the agent has got what it was to collect.

    Args:
        task: one of `TaskName`.
        options: what the command line asked for.
        alone: whether it asked for nothing that these calls do not have.

    Raises:
        UsageError: there is no such task, or it asked for more.
    """
    if task not in list(TaskName):
        msg = f"--task is {task!r}; give {', '.join(TaskName)}"
        raise UsageError(msg)
    if not alone:
        msg = "--task plays a call of its own; leave out --text, --llm and --model"
        raise UsageError(msg)
    return clock.run(_DEMOS[TaskName(task)](options).run(), virtual=options.fast)


class _Collector(Agent):
    """Greets, collects, thanks, hangs up."""

    def __init__(self, demo: "_TaskDemo") -> None:
        super().__init__("You answer the phone for Harbour Dental.")
        self._demo = demo

    async def on_enter(self) -> None:
        self.session.say(self._demo.greeting)
        try:
            self._demo.result = await self._demo.collect()
        except ToolError:
            self.session.say("I am sorry. Somebody will call you back.")
        else:
            self.session.say("Thank you. Goodbye.")
        await self.session.hangup()


class _Caller(Party):
    """What the caller does when they were asked."""

    def __init__(self, line: Line, view: View, ears: ToldSTT | None) -> None:
        super().__init__(line, view)
        self._ears = ears

    async def says(self, words: str) -> None:
        """Listen, and then say something."""
        await self.listen()
        await super().says(words)
        if self._ears is not None:
            self.view.line("", "(the ears are told these words)", note=True)
            self._ears.tell(words)

    async def keys(self, digits: str) -> None:
        """Listen, and then press keys."""
        await self.listen()
        await super().keys(digits)


class _TaskDemo(PhoneDemo):
    """A call in which one task is done."""

    greeting = ""
    told = True

    def __init__(self, options: DemoOptions) -> None:
        super().__init__(options)
        self.result: object = None
        self._ears: ToldSTT | None = None

    def agent(self) -> Agent:
        return _Collector(self)

    def pipeline(self) -> Pipeline:
        if not self.told:
            self.note(_HEARD)
            return super().pipeline()
        self.note(_TOLD)
        self._ears = ToldSTT()
        return Pipeline.local(stt=self._ears)

    @abstractmethod
    async def collect(self) -> object:
        """Do the task."""

    @abstractmethod
    async def answer(self, caller: _Caller) -> None:
        """Do what the caller does when they are asked."""

    async def phone(self, line: Line, view: View) -> None:
        caller = _Caller(line, view, self._ears)
        await self.answer(caller)
        await caller.leave()

    @abstractmethod
    def is_right(self) -> bool:
        """Whether the result is what the caller gave."""

    def goals(self, outcome: Outcome) -> dict[str, bool]:
        self.note(f"Result      {self.result!r}")
        return {
            "the result is what the caller gave": self.is_right(),
            "what was said was audible at the caller's ear": outcome.was_audible,
            "the agent hung up": outcome.ended.reason == "hangup",
            **self.more_goals(outcome),
        }

    def more_goals(self, outcome: Outcome) -> dict[str, bool]:
        """Return what else was to come of it."""
        return {}


class _EmailDemo(_TaskDemo):
    greeting = "Harbour Dental. I will send you a confirmation."

    async def collect(self) -> GetEmailResult:
        return await GetEmailTask()

    async def answer(self, caller: _Caller) -> None:
        await caller.says("It is jane dot doe at example dot com.")
        await caller.says("No, it is jane underscore doe at example dot com.")
        await caller.says("Yes, that is right.")

    def is_right(self) -> bool:
        return self.result == GetEmailResult("jane_doe@example.com")


class _DigitsDemo(_TaskDemo):
    greeting = "Harbour Dental."
    told = False

    async def collect(self) -> GetDtmfResult:
        return await GetDtmfTask(
            num_digits=len(_BOOKING),
            ask_for_confirmation=True,
            prompt="Please key in the four digits of your booking number.",
        )

    async def answer(self, caller: _Caller) -> None:
        await caller.keys(_BOOKING)
        await caller.says("Yes.")

    def is_right(self) -> bool:
        return isinstance(self.result, GetDtmfResult) and self.result.digits == _BOOKING


class _CardDemo(_TaskDemo):
    greeting = "Harbour Dental. I can take your payment now."

    async def collect(self) -> GetCreditCardResult:
        return await GetCreditCardTask()

    async def answer(self, caller: _Caller) -> None:
        await caller.keys(f"{_CARD}#")
        await caller.keys("0435")
        await caller.keys("1")
        await caller.keys("012")
        await caller.says("Jane Doe.")
        await caller.says("Yes.")

    def is_right(self) -> bool:
        card = self.result
        return (
            isinstance(card, GetCreditCardResult)
            and card.card_number is not None
            and card.card_number.reveal() == _CARD
            and (card.issuer, card.expiration_date) == ("Visa", "04/35")
            and card.cardholder_name == "Jane Doe"
        )

    def more_goals(self, outcome: Outcome) -> dict[str, bool]:
        """The number is in nothing that the call has left."""
        shown = "\n".join(outcome.view.transcript) + repr(self.result)
        return {
            "neither transcript nor result show the number": _CARD not in shown
            and set(outcome.view.digits) <= {"•", "#"}
        }


class _SurveyDemo(_TaskDemo):
    greeting = "Harbour Dental. Three short questions about your visit."

    async def collect(self) -> TaskGroupResult:
        group = TaskGroup()
        group.add(
            lambda: DtmfMenu({"1": "good", "2": "fair", "3": "poor"}),
            id="visit",
            description="Asks how the visit was",
        )
        group.add(
            lambda: GetDtmfTask(
                num_digits=1, prompt="From 1 to 9, how likely are you to come again? Key one digit."
            ),
            id="again",
            description="Asks how likely the caller is to come again",
        )
        group.add(
            GetPhoneNumberTask, id="phone", description="Gets the number for questions of ours"
        )
        return await group

    async def answer(self, caller: _Caller) -> None:
        await caller.says("It was good.")
        await caller.keys("9")
        await caller.says("The number I am calling from.")
        await caller.says("Yes, please.")

    def is_right(self) -> bool:
        if not isinstance(self.result, TaskGroupResult):
            return False
        results = self.result.task_results
        phone = results["phone"]
        return (
            results["visit"] == "good"
            and results["again"].digits == "9"
            and isinstance(phone, GetPhoneNumberResult)
            and phone.phone_number == "+14155550199"
        )


_DEMOS: dict[TaskName, type[_TaskDemo]] = {
    TaskName.EMAIL: _EmailDemo,
    TaskName.DIGITS: _DigitsDemo,
    TaskName.CARD: _CardDemo,
    TaskName.SURVEY: _SurveyDemo,
}

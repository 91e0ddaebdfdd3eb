"""Who picks up the phone, or phones us: scripted parties.

```python
async def asks_for_the_hours(line: Line) -> None:
    await line.wait_quiet()                 # let them greet us
    await line.say("When are you open?")
    await line.wait_speech()
    await line.wait(0.5)
    await line.say("Sorry, only Saturday.") # speak over them
    await line.wait_quiet()
    line.press("1#")
    await line.wait_end()                   # they hang up

carrier.call(to="+15550100", from_="+15550199", far_end=person(asks_for_the_hours))
carrier.far_ends["+15550142"] = voicemail("You have reached Ann.")
```
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeAlias

from hookflash.audio.tones import beep, tone
from hookflash.emulator.line import Line

__all__ = [
    "Answer",
    "FarEnd",
    "Script",
    "busy",
    "fax",
    "invalid",
    "no_answer",
    "person",
    "reject",
    "silence",
    "voicemail",
]

Script: TypeAlias = Callable[[Line], Awaitable[None]]
"""What a party does from the answer on. When it returns, the party hangs up."""


class Answer(StrEnum):
    """What happens when somebody is phoned."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    INVALID = "invalid"


class FarEnd:
    """A party: how it reacts to ringing, and what it does on the line. May serve many calls.

    Subclass and override `run`, or pass a script to `person`.
    """

    def __init__(
        self,
        *,
        answer: Answer = Answer.ANSWERED,
        answer_after: float = 1.0,
        rings: bool = True,
        voice: str | None = None,
    ) -> None:
        """Describe the reaction.

        Args:
            answer: what happens when it is phoned.
            answer_after: seconds until that happens.
            rings: whether the phone rings until then.
            voice: the voice for text that it says.
        """
        self.answer = answer
        self.answer_after = answer_after
        self.rings = rings
        self.voice = voice

    async def ring(self) -> Answer:
        """Be phoned: return what comes of it. Without an answer it never returns."""
        if self.answer is Answer.NO_ANSWER:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self.answer_after)
        return self.answer

    async def run(self, line: Line) -> None:
        """Be on the line, from the answer on. The party hangs up when this returns.

        The default says nothing and waits for the other side to hang up.
        """
        await line.wait_end(timeout=24 * 3600.0)


class _Person(FarEnd):
    def __init__(self, script: Script, answer_after: float, voice: str | None) -> None:
        super().__init__(answer_after=answer_after, voice=voice)
        self._script = script

    async def run(self, line: Line) -> None:
        await self._script(line)


class _Voicemail(FarEnd):
    def __init__(
        self, greeting: bytes | str, beeps: bool, limit: float, answer_after: float
    ) -> None:
        super().__init__(answer_after=answer_after)
        self._greeting = greeting
        self._beeps = beeps
        self._limit = limit

    async def run(self, line: Line) -> None:
        # A machine takes a moment between picking up and speaking.
        await line.wait(0.5)
        await line.say(self._greeting)
        if self._beeps:
            await line.wait(0.3)
            await line.say(beep(ms=500.0))
        await line.wait(self._limit)


class _Fax(FarEnd):
    async def run(self, line: Line) -> None:
        # ITU-T T.30: the answering machine sends 2,100 Hz for 2.6 to 4 s.
        await line.wait(0.2)
        await line.say(tone((2100.0,), 3000.0))
        await line.wait(30.0)


def person(script: Script, *, answer_after: float = 1.0, voice: str | None = None) -> FarEnd:
    """A human being who does what `script` says, and hangs up when it returns.

    Args:
        script: see `Script`.
        answer_after: seconds of ringing, when phoned.
        voice: the voice for text.
    """
    return _Person(script, answer_after, voice)


def silence(*, answer_after: float = 1.0) -> FarEnd:
    """Somebody who picks up, says nothing and never hangs up."""
    return FarEnd(answer_after=answer_after)


def voicemail(
    greeting: bytes | str = "Please leave a message after the tone.",
    *,
    beeps: bool = True,
    limit: float = 120.0,
    answer_after: float = 4.0,
) -> FarEnd:
    """An answering machine: a greeting, a beep, then it listens and at last hangs up.

    Args:
        greeting: text, or PCM16 mono at 8 kHz.
        beeps: whether it beeps after the greeting.
        limit: seconds that it records.
        answer_after: seconds of ringing.
    """
    return _Voicemail(greeting, beeps, limit, answer_after)


def fax(*, answer_after: float = 1.0) -> FarEnd:
    """A fax machine: its answer tone, then silence."""
    return _Fax(answer_after=answer_after)


def busy(*, after: float = 0.5) -> FarEnd:
    """A line in use: SIP 486, without ringing."""
    return FarEnd(answer=Answer.BUSY, answer_after=after, rings=False)


def no_answer() -> FarEnd:
    """A phone that rings until the one who calls gives up: SIP 480."""
    return FarEnd(answer=Answer.NO_ANSWER)


def reject(*, after: float = 2.0) -> FarEnd:
    """Somebody who looks at the number and declines: SIP 603."""
    return FarEnd(answer=Answer.REJECTED, answer_after=after)


def invalid() -> FarEnd:
    """A number that leads nowhere: SIP 404, without ringing."""
    return FarEnd(answer=Answer.INVALID, answer_after=0.2, rings=False)

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
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import TypeAlias

from hookflash.audio.tones import beep, fax_cng, tone
from hookflash.emulator.detection import AnsweredBy, Verdict
from hookflash.emulator.line import Line
from hookflash.errors import LinkTimeout

__all__ = [
    "Answer",
    "FarEnd",
    "Script",
    "busy",
    "call_screening",
    "detected_as",
    "fax",
    "invalid",
    "ivr",
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
        self.referral: tuple[int, int | None] = (202, 200)
        """How a SIP telephone answers `<Refer>`, and what comes of the new call; see `refer`."""
        self.verdict: Verdict | None = None
        """What the detection of answering machines says of it; None lets it listen."""

    async def ring(self) -> Answer:
        """Be phoned: return what comes of it. Without an answer it never returns."""
        if self.answer is Answer.NO_ANSWER:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(self.answer_after)
        return self.answer

    async def refer(self, uri: str) -> tuple[int, int | None]:
        """Be asked, as a SIP telephone, to call somebody else (RFC 3515).

        Returns:
            The SIP code of the answer (202 accepts), and that of the new call as it is reported a
            second later (200 was answered); None if nothing is reported.
        """
        await asyncio.sleep(0.1)
        accepted, outcome = self.referral
        if accepted // 100 == 2 and outcome is not None:
            await asyncio.sleep(1.0)
        return self.referral

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


# A machine takes a moment between picking up and speaking.
_PICKS_UP = 0.5


class _Voicemail(FarEnd):
    def __init__(
        self,
        greeting: bytes | str,
        sound: bytes | None,
        pause: float,
        limit: float,
        answer_after: float,
    ) -> None:
        super().__init__(answer_after=answer_after)
        self._greeting = greeting
        self._sound = sound
        self._pause = pause
        self._limit = limit

    async def run(self, line: Line) -> None:
        await line.wait(_PICKS_UP)
        await line.say(self._greeting)
        if self._sound is not None:
            await line.wait(self._pause)
            await line.say(self._sound)
        await line.wait(self._limit)


class _Fax(FarEnd):
    def __init__(self, *, calling: bool, answer_after: float) -> None:
        super().__init__(answer_after=answer_after)
        self._calling = calling

    async def run(self, line: Line) -> None:
        # ITU-T T.30: the answering machine sends 2,100 Hz for 2.6 to 4 s, the calling one half a
        # second of 1,100 Hz every three and a half.
        await line.wait(0.2)
        await line.say(fax_cng(ms=30_000.0) if self._calling else tone((2100.0,), 3000.0))
        await line.wait(30.0)


class _Menu(FarEnd):
    # Seconds that it waits for a key before it says everything again.
    _PATIENCE = 4.0

    def __init__(
        self, prompt: bytes | str, choices: Mapping[str, FarEnd], times: int, answer_after: float
    ) -> None:
        super().__init__(answer_after=answer_after)
        self._prompt = prompt
        self._choices = choices
        self._times = times

    async def run(self, line: Line) -> None:
        await line.wait(_PICKS_UP)
        pressed = 0
        for _ in range(self._times):
            await line.say(self._prompt)
            try:
                keys = await line.wait_digits(pressed + 1, self._PATIENCE)
            except LinkTimeout:
                continue
            chosen = self._choices.get(keys[pressed])
            pressed = len(keys)
            if chosen is not None:
                await chosen.run(line)
                return


class _CallScreening(FarEnd):
    # How long the owner's phone rings, and how long it waits for somebody to say who they are.
    _RINGS = 3.0
    _PATIENCE = 15.0

    def __init__(self, prompt: bytes | str, then: FarEnd | None, answer_after: float) -> None:
        super().__init__(answer_after=answer_after)
        self._prompt = prompt
        self._then = then

    async def run(self, line: Line) -> None:
        await line.wait(_PICKS_UP)
        await line.say(self._prompt)
        try:
            await line.wait_quiet(after=1.5, timeout=self._PATIENCE)
        except LinkTimeout:
            return
        await line.say("Thank you. Please wait.")
        if self._then is not None:
            await line.wait(self._RINGS)
            await self._then.run(line)


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
    sound: bytes | None = None,
    pause: float = 0.3,
    limit: float = 120.0,
    answer_after: float = 4.0,
) -> FarEnd:
    """An answering machine: a greeting, a beep, then it listens and at last hangs up.

    Args:
        greeting: text, or PCM16 mono at 8 kHz.
        beeps: whether it beeps after the greeting.
        sound: its beep, PCM16 mono at 8 kHz; None is half a second of 1,000 Hz.
        pause: seconds between the greeting and the beep.
        limit: seconds that it records.
        answer_after: seconds of ringing.
    """
    sound = (sound or beep(ms=500.0)) if beeps else None
    return _Voicemail(greeting, sound, pause, limit, answer_after)


def ivr(
    prompt: bytes | str, choices: Mapping[str, FarEnd], *, times: int = 3, answer_after: float = 1.0
) -> FarEnd:
    """A menu (IVR): it says its prompt, and the key that it then hears says who comes next.

    It hears keys as tones. Without one for four seconds, or after one that it does not offer, it
    says its prompt again, and at last hangs up.

    Args:
        prompt: text, or PCM16 mono at 8 kHz.
        choices: by key, who takes the line; only what they do on the line counts.
        times: how often it says its prompt.
        answer_after: seconds of ringing.
    """
    return _Menu(prompt, choices, times, answer_after)


def call_screening(
    prompt: bytes | str = (
        "Hi. If you record your name and reason for calling, I'll see if this person is available."
    ),
    *,
    then: FarEnd | None = None,
    answer_after: float = 1.0,
) -> FarEnd:
    """An assistant that asks who calls and why, and fetches its owner once it has heard that.

    Args:
        prompt: text, or PCM16 mono at 8 kHz.
        then: who takes the line after three seconds; None hangs up.
        answer_after: seconds of ringing.
    """
    return _CallScreening(prompt, then, answer_after)


def fax(*, calling: bool = False, answer_after: float = 1.0) -> FarEnd:
    """A fax machine: its tone, then silence.

    Args:
        calling: its calling tone instead of its answer tone.
        answer_after: seconds of ringing.
    """
    return _Fax(calling=calling, answer_after=answer_after)


def detected_as(far_end: FarEnd, answered_by: AnsweredBy, *, after: float = 3.0) -> FarEnd:
    """Write down what the detection of answering machines says of somebody, right or wrong.

    Args:
        far_end: who; it is changed.
        answered_by: the verdict.
        after: seconds from the answer until it comes.

    Returns:
        The same far end.
    """
    far_end.verdict = Verdict(answered_by=answered_by, after=after)
    return far_end


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

"""What the voicemail detector makes of those who answer, and how soon.

    ./scripts/bench voicemail

Each far end is phoned by an App over the emulator's sockets, on virtual time: mu-law, synthetic
voices, voice activity by Silero. The words come from a recogniser that is told them: each word a
third of a second after it was spoken, as partial transcripts of streaming recognisers come. Every
call is made once more without a recogniser, so that only timing and tones can tell.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from hookflash import Agent, AgentSession, App, Pipeline, Settings, VoiceMailDetector
from hookflash.audio import beep, tone, ulaw_decode, ulaw_encode
from hookflash.audio.steady_tones import ToneDetector
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.emulator import (
    CarrierEmulator,
    FarEnd,
    Line,
    call_screening,
    fax,
    ivr,
    person,
    silence,
    twilio_async_http_client,
    voicemail,
)
from hookflash.errors import LinkTimeout
from hookflash.events.voicemail import MessageLeft, VoicemailDetected, VoicemailVerdict
from hookflash.providers.base import STT, Hearing, Transcript
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.providers.silero import SileroVAD
from hookflash.runtime import clock
from hookflash.runtime.serve import serving

__all__ = ["print_voicemail"]

_OURS, _THEIRS = "+15550100", "+15550199"
_VOICES = (("en-us", 165), ("en-us+f2", 150), ("en-us+m3", 180))
_LAG = 0.33
_LONG = (
    "Hi, you have reached the voicemail of Ann Miller. I am away or on the other line. Please "
    "leave your name, your number and a short message after the tone, and I will get back to you "
    "as soon as I can. Thank you."
)
_FIRM = "Good morning, Miller and sons, plumbing and heating. This is Anna. How can I help you?"
_MENU = "Thank you for calling Acme. For sales, press one. For service, press two."
_VOWELS = (
    "Oooh no! Who, you, two, do, moo, zoom. Hmmmm. Aaah. Eeee. Mmmm, mhm, um. Do re mi fa so la ti "
    "do. One, two, three, four, five, six, seven, eight, nine, ten. Whooo are yoou?"
)
_SPEAKERS = (
    *("en-us", "en-us+f1", "en-us+f2", "en-us+f3", "en-us+f4", "en-us+f5"),
    *("en-us+m1", "en-us+m3", "en-us+m7", "en-us+whisper", "en-gb", "en-gb+f2", "de", "fr+f3"),
)
_MESSAGE = "This is the surgery. Please call us back."


class _ToldHearing(Hearing):
    def __init__(self) -> None:
        self._out: asyncio.Queue[Transcript | None] = asyncio.Queue()
        self._words: list[str] = []

    def push(self, pcm: bytes) -> None:
        """It is told, it need not hear."""

    def word(self, word: str) -> None:
        """One more word."""
        self._words.append(word)
        self._out.put_nowait(Transcript(text=" ".join(self._words), final=False))

    def flush(self) -> None:
        """Give the words so far for good."""
        words, self._words = self._words, []
        self._out.put_nowait(Transcript(text=" ".join(words), final=True))

    async def transcripts(self) -> AsyncIterator[Transcript]:
        """Give what it was told."""
        while (item := await self._out.get()) is not None:
            yield item

    async def aclose(self) -> None:
        """End."""
        self._out.put_nowait(None)


class _ToldSTT(STT):
    name = "told"

    def __init__(self) -> None:
        self._streams: list[_ToldHearing] = []

    def listen(self, sample_rate: int) -> _ToldHearing:
        """Open a stream."""
        self._streams.append(_ToldHearing())
        return self._streams[-1]

    def tell(self, text: str, seconds: float) -> None:
        """The far end begins to say this now, and takes so long."""
        words = text.split()
        loop = asyncio.get_running_loop()
        for place, word in enumerate(words, start=1):
            loop.call_later(_LAG + seconds * place / len(words), self._word, word)

    def _word(self, word: str) -> None:
        if self._streams:
            self._streams[-1].word(word)


def _says(*parts: str | float) -> FarEnd:
    """Somebody who says these, or waits so many seconds, and then listens."""

    async def script(line: Line) -> None:
        for part in parts:
            await (line.say(part) if isinstance(part, str) else line.wait(part))
        try:
            await line.wait_end(timeout=15.0)
        except LinkTimeout:
            return

    return person(script)


class _Pausing(FarEnd):
    """A machine that says hello, pauses, and goes on."""

    async def run(self, line: Line) -> None:
        await line.wait(0.5)
        await line.say("Hi!")
        await line.wait(1.2)
        await line.say("This is Ann. Please leave a message after the tone.")
        await line.wait(0.4)
        await line.say(beep(ms=400.0))
        await line.wait(60.0)


_V = VoicemailVerdict


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    far_end: Callable[[], FarEnd]
    expected: VoicemailVerdict


_CASES: Sequence[_Case] = (
    _Case('a person: "Hello?"', lambda: _says(0.6, "Hello?"), _V.HUMAN),
    _Case('a person: "Yes?" ... "Hello?"', lambda: _says(0.6, "Yes?", 0.5, "Hello?"), _V.HUMAN),
    _Case("a person who is slow", lambda: _says(2.3, "Hello, Ann Miller."), _V.HUMAN),
    _Case('a person: "Hello, who is this?"', lambda: _says(0.6, "Hello, who is this?"), _V.HUMAN),
    _Case("a person at a firm, 5 s", lambda: _says(0.6, _FIRM), _V.HUMAN),
    _Case("a silent line", silence, _V.UNKNOWN),
    _Case("a mailbox, short", lambda: voicemail("Please leave a message."), _V.MACHINE),
    _Case("a mailbox, long", lambda: voicemail(_LONG), _V.MACHINE),
    _Case('a mailbox that pauses after "Hi"', _Pausing, _V.MACHINE),
    _Case("a mailbox without a beep", lambda: voicemail(beeps=False), _V.MACHINE),
    _Case("a beep of 440 Hz, 0.2 s", lambda: voicemail(sound=tone((440.0,), 200.0)), _V.MACHINE),
    _Case("a beep of 1400 Hz, 1 s", lambda: voicemail(sound=tone((1400.0,), 1000.0)), _V.MACHINE),
    _Case(
        "a beep of 850 and 1250 Hz",
        lambda: voicemail(sound=tone((850.0, 1250.0), 400.0)),
        _V.MACHINE,
    ),
    _Case("a beep 3.5 s late", lambda: voicemail(pause=3.5), _V.MACHINE),
    _Case("a menu", lambda: ivr(_MENU, {"2": silence()}), _V.IVR),
    _Case("call screening", lambda: call_screening(then=_says("Hello?")), _V.CALL_SCREENING),
    _Case("a fax", fax, _V.FAX),
    _Case("a calling fax", lambda: fax(calling=True), _V.FAX),
)


class _Caller(Agent):
    async def on_enter(self) -> None:
        self.session.say("Good morning, this is the surgery.")


@dataclass(frozen=True, slots=True)
class _Outcome:
    verdict: VoicemailVerdict
    seconds: float
    wait: float | None
    """From the last sound of the other side to our first."""
    left: str


async def _call(case: _Case, speaker: EspeakTTS, *, words: bool) -> _Outcome:
    stt = _ToldSTT()

    async def speak(text: str, voice: str | None) -> bytes:
        pcm = await speak_pcm(speaker, text, 8000)
        stt.tell(text, len(pcm) / 16000)
        return pcm

    verdicts: list[VoicemailDetected] = []
    left: list[MessageLeft] = []
    tts = EspeakTTS()
    vad = SileroVAD()
    async with CarrierEmulator(voice=speak) as carrier:
        account = TwilioCarrier(
            carrier.account_sid,
            carrier.auth_token,
            http_client=lambda: twilio_async_http_client(carrier.base_url),
        )
        app = App(carrier=account, settings=Settings(max_calls=2))
        async with serving(app) as address:
            app.public_url = address.http
            carrier.add_number(_OURS, voice_url=f"{address.http}/twilio/voice")
            carrier.far_ends[_THEIRS] = case.far_end()
            session: AgentSession[None] = AgentSession(
                _Caller(),
                Pipeline(stt=stt if words else None, tts=tts, vad=vad),
                voice_mail_detector=VoiceMailDetector(message=_MESSAGE),
            )
            session.on(VoicemailDetected, verdicts.append)
            session.on(MessageLeft, left.append)
            call = await app.dial(_THEIRS, from_=_OURS)
            async with asyncio.timeout(90.0):
                await session.start(call)
                try:
                    async with asyncio.timeout(30.0):
                        await session.wait_closed()
                except TimeoutError:
                    await session.hangup()
            (theirs,) = carrier.calls.values()
            await theirs.ended()
            await app.drain()
            spoke, heard = theirs.line.spoke.speech(gap=0.05), theirs.line.heard.speech()
    for part in (tts, vad):
        await part.aclose()
    return _Outcome(
        verdicts[-1].result,
        verdicts[-1].seconds,
        _wait(spoke, heard),
        ("whole" if left[0].whole else "cut") + (", beep" if left[0].beep else "") if left else "",
    )


def _wait(
    spoke: Sequence[tuple[float, float]], heard: Sequence[tuple[float, float]]
) -> float | None:
    if not spoke or not heard:
        return None
    # The last that we said begins after the last that they said before it.
    first = heard[-1][0]
    before = [end for _, end in spoke if end <= first]
    return first - before[-1] if before else None


def print_voicemail() -> None:
    """Print what was made of each far end, over all voices."""
    print("| who answers | verdict | seconds | our first word after | message | without words |")
    print("|---|---|---|---|---|---|")
    for case in _CASES:
        rows = clock.run(_over_voices(case), virtual=True)
        print(_row(case, rows), flush=True)
    seconds, tones, cost = clock.run(_over_speech(), virtual=True)
    print(
        f"\nIn {seconds / 60:.0f} minutes of speech: {tones} tones. A 20 ms frame: {cost:.0f} us."
    )


async def _over_speech() -> tuple[float, int, float]:
    """Listen for tones in nothing but speech; return its seconds, what was found, the cost."""
    size, tones, cpu = 0, 0, 0.0
    for name in _SPEAKERS:
        async with EspeakTTS(name, words_per_minute=120) as speaker:
            for text in (_LONG, _FIRM, _MENU, _VOWELS):
                line = ulaw_decode(ulaw_encode(await speak_pcm(speaker, text, 8000)))
                detector = ToneDetector(8000)
                began = time.process_time()
                for start in range(0, len(line), 320):
                    tones += len(detector.push(line[start : start + 320]))
                cpu += time.process_time() - began
                size += len(line)
    return size / 16000, tones, cpu / (size / 320) * 1e6


async def _over_voices(case: _Case) -> list[tuple[_Outcome, _Outcome]]:
    rows: list[tuple[_Outcome, _Outcome]] = []
    for name, pace in _VOICES:
        async with EspeakTTS(name, words_per_minute=pace) as voice:
            rows.append(
                (await _call(case, voice, words=True), await _call(case, voice, words=False))
            )
    return rows


def _row(case: _Case, rows: Sequence[tuple[_Outcome, _Outcome]]) -> str:
    with_words = [row[0] for row in rows]
    return " | ".join(
        (
            f"| {case.name}",
            _verdicts(case, with_words),
            _span([each.seconds for each in with_words]),
            _span([each.wait for each in with_words if each.wait is not None]),
            ", ".join(sorted({each.left for each in with_words})),
            _verdicts(case, [row[1] for row in rows]) + " |",
        )
    )


def _verdicts(case: _Case, outcomes: Sequence[_Outcome]) -> str:
    right = sum(each.verdict is case.expected for each in outcomes)
    if right == len(outcomes):
        return str(case.expected)
    others = sorted({str(each.verdict) for each in outcomes if each.verdict is not case.expected})
    return f"{case.expected} {right} of {len(outcomes)}, else {', '.join(others)}"


def _span(seconds: Sequence[float]) -> str:
    if not seconds:
        return ""
    low, high = min(seconds), max(seconds)
    return f"{low:.1f}" if high - low < 0.1 else f"{low:.1f} to {high:.1f}"

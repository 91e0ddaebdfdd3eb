"""`hookflash demo`: a phone call that works, on one machine."""

import asyncio
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hookflash.agent import Agent, AgentSession, SessionOptions
from hookflash.calls import Call
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.cli.front_desk import FrontDesk
from hookflash.cli.typed import MuteTTS, TypedSTT
from hookflash.cli.view import View
from hookflash.emulator import CarrierEmulator, Line, person, twilio_async_http_client
from hookflash.errors import ConfigError, HookflashError
from hookflash.events.call import CallEnded
from hookflash.legs.loopback import loopback
from hookflash.pipeline import Pipeline
from hookflash.providers.base import LLM
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.providers.openai import OpenAILLM
from hookflash.providers.rules import RuleLLM
from hookflash.runtime import clock
from hookflash.runtime.log import mask
from hookflash.runtime.serve import serving
from hookflash.server import App, Settings

__all__ = ["DemoOptions", "Outcome", "PhoneDemo", "run_demo", "run_text_demo"]

_LINE = "+14155550100"
_CALLER = "+14155550199"
_BOOKING = "4217"
_CALLER_VOICE = "en-us+f2"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the command line asked for.

    Attributes:
        fast: virtual time.
        llm: base URL of an OpenAI-compatible server; None uses the rules.
        model: the model there.
        record: folder for recording, transcript and tape.
        port: of the agent's server; 0 takes a free one.
    """

    fast: bool
    llm: str | None
    model: str | None
    record: Path
    port: int


def run_demo(options: DemoOptions) -> bool:
    """Hold the call; return whether the caller got what it came for."""
    return clock.run(_FrontDeskDemo(options).run(), virtual=options.fast)


def run_text_demo(options: DemoOptions) -> bool:
    """Let a person type to the agent; return whether the call ended properly."""
    return clock.run(_typed_call(options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a demonstration call was like.

    Attributes:
        view: what was shown.
        ended: how the call ended.
        audible: seconds of speech at the caller's ear.
    """

    view: View
    ended: CallEnded
    audible: float

    @property
    def heard(self) -> str:
        """What the caller heard of the agent, in small letters."""
        return " ".join(each.heard for each in self.view.spoken).lower()

    @property
    def was_audible(self) -> bool:
        """Whether most of what the agent said reached the caller's ear."""
        said = sum(each.played_ms for each in self.view.spoken) / 1000
        return self.audible > 0.6 * said > 0


class PhoneDemo(ABC):
    """One demonstration call. Subclasses say who talks, and what is to come of it."""

    def __init__(self, options: DemoOptions) -> None:
        """Begin with nothing loaded."""
        self._options = options
        self._console = Console(highlight=False, soft_wrap=True)
        self._caller = EspeakTTS(_CALLER_VOICE, words_per_minute=140)

    @abstractmethod
    def agent(self) -> Agent:
        """Return who answers the phone."""

    def pipeline(self) -> Pipeline:
        """Return what it hears, thinks and speaks with."""
        return Pipeline.local(llm=_mind(self._options))

    @abstractmethod
    async def phone(self, line: Line, view: View) -> None:
        """Do what the caller does."""

    @abstractmethod
    def goals(self, outcome: Outcome) -> dict[str, bool]:
        """Return what was to come of it, and whether it did."""

    def note(self, text: str) -> None:
        """Print something that nobody said."""
        self._console.print(text, markup=False)

    async def run(self) -> bool:
        """Hold the call; return whether all came of it that was to."""
        options = self._options
        folder = _writable(options.record)
        began = clock.now()
        with self._console.status("Loading ears and voices (the first time takes a while) ..."):
            pipeline = self.pipeline()
            await pipeline.prepare()
            await self._caller.prepare()
        try:
            async with CarrierEmulator(voice=self._speak) as carrier:
                account = TwilioCarrier(
                    carrier.account_sid,
                    carrier.auth_token,
                    http_client=lambda: twilio_async_http_client(carrier.base_url),
                )
                app = App(carrier=account, settings=Settings(record_dir=folder))
                async with serving(app, port=options.port) as address:
                    app.public_url = address.http
                    carrier.add_number(_LINE, voice_url=f"{address.http}/twilio/voice")
                    return await self._hold(app, carrier, pipeline, folder)
        finally:
            await pipeline.aclose()
            await self._caller.aclose()
            if options.fast:
                self._console.print(f"({clock.now() - began:.0f} s of call on virtual time)")

    async def _hold(
        self, app: App, carrier: CarrierEmulator, pipeline: Pipeline, folder: Path
    ) -> bool:
        view = View(self._console)
        served: asyncio.Future[Call] = asyncio.get_running_loop().create_future()

        @app.on_call
        async def answer(call: Call) -> None:
            session: AgentSession[None] = AgentSession(self.agent(), pipeline)
            view.watch(session)
            try:
                await session.start(call, run_until_shutdown=True)
            finally:
                served.set_result(call)

        async def caller(line: Line) -> None:
            await self.phone(line, view)

        view.line("", f"{mask(_CALLER)} phones {mask(_LINE)}", note=True)
        growing = asyncio.create_task(_grow(view))
        theirs = carrier.call(to=_LINE, from_=_CALLER, far_end=person(caller))
        await theirs.ended(timeout=180)
        call = await served
        ended = await call.wait_ended()
        await app.drain()  # its recording is being written
        growing.cancel()
        await asyncio.wait([growing])
        view.line("", f"the call has ended: {ended.outcome}, {ended.duration:.1f} s", note=True)
        transcript = folder / f"{call.id}.txt"
        transcript.write_text("\n".join(view.transcript) + "\n", "utf-8")
        self._console.print()
        view.summary()
        self._console.print(f"Recording   {folder / f'{call.id}.wav'} (left caller, right agent)")
        self._console.print(f"Transcript  {transcript}")
        self._console.print(
            f"Tape        {folder / f'{call.id}.tape.jsonl'} (hookflash replay FILE)"
        )
        audible = sum(end - start for start, end in theirs.line.heard.speech())
        return self._verdict(self.goals(Outcome(view=view, ended=ended, audible=audible)))

    async def _speak(self, text: str, voice: str | None) -> bytes:
        return await speak_pcm(self._caller, text, 8000)

    def _verdict(self, goals: dict[str, bool]) -> bool:
        self._console.print()
        for goal, reached in goals.items():
            mark = "[green]yes[/green]" if reached else "[red]NO [/red]"
            self._console.print(f"  {mark}  {goal}")
        return all(goals.values())


class _FrontDeskDemo(PhoneDemo):
    """Somebody asks a dental practice for its hours and an appointment."""

    def __init__(self, options: DemoOptions) -> None:
        super().__init__(options)
        self._desk: FrontDesk | None = None

    def agent(self) -> Agent:
        self._desk = FrontDesk()
        return self._desk

    async def phone(self, line: Line, view: View) -> None:
        async def say(text: str) -> None:
            view.line("caller", text)
            await line.say(text)

        await line.wait_quiet(timeout=20)
        await say("What are your opening hours?")
        await line.wait_speech(timeout=20)
        await line.wait(5.0)
        await say("Wait, when is my appointment?")
        await line.wait_quiet(timeout=30)
        view.line("caller", f"(keys {'•' * len(_BOOKING)})")
        line.press(_BOOKING)
        await line.wait_speech(timeout=20)
        await line.wait_quiet(timeout=30)
        await say("Could you repeat that?")
        await line.wait_speech(timeout=20)
        await line.wait_quiet(timeout=30)
        await say("Thank you, goodbye.")
        await line.wait_end(timeout=30)

    def goals(self, outcome: Outcome) -> dict[str, bool]:
        used = [] if self._desk is None else self._desk.used
        view = outcome.view
        return {
            "the caller was told the opening hours": "opening_hours" in used
            and "nine" in outcome.heard,
            "the agent hushed when interrupted": view.interruptions > 0
            and any(each.interrupted and each.heard for each in view.spoken),
            "the keyed booking number found the appointment": view.digits == _BOOKING
            and "tuesday" in outcome.heard,
            "the agent said goodbye and hung up": "end_call" in used
            and outcome.ended.reason == "hangup",
            "what was said was audible at the caller's ear": outcome.was_audible,
        }


async def _grow(view: View) -> None:
    while True:
        await asyncio.sleep(0.1)
        view.grow()


def _mind(options: DemoOptions) -> LLM:
    if options.llm is None and options.model is None:
        return RuleLLM()
    if not options.model:
        msg = "--llm URL needs --model NAME as well"
        raise ConfigError(msg)
    return OpenAILLM(options.model, base_url=options.llm)


def _writable(folder: Path) -> Path:
    """Make the folder and make sure that files can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".hookflash"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        msg = f"cannot write to {folder} ({exc.strerror}). Choose another folder with --record."
        raise ConfigError(msg) from exc
    return folder


async def _typed_call(options: DemoOptions) -> bool:
    console = Console(highlight=False, soft_wrap=True)
    ears = TypedSTT()
    pipeline = Pipeline(stt=ears, llm=_mind(options), tts=MuteTTS())
    view = View(console)
    near, far = loopback()
    session: AgentSession[None] = AgentSession(
        FrontDesk(), pipeline, options=SessionOptions(llm_within=60.0)
    )
    view.watch(session)
    console.print("Type what you would say; digits alone are keyed. An empty line hangs up.")
    growing = asyncio.create_task(_grow(view))
    try:
        await session.start(near)
        closed = asyncio.ensure_future(session.wait_closed())
        while not closed.done():
            typing = asyncio.ensure_future(asyncio.to_thread(sys.stdin.readline))
            await asyncio.wait({typing, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not typing.done():
                console.print("(press Enter)")
            line = (await typing).strip()
            if closed.done():
                break
            if not line:
                break
            if line.isascii() and line.rstrip("#*").isdigit():
                for digit in line:
                    far.press(digit)
            else:
                view.transcript.append(f"caller: {line}")
                ears.type(line)
        return True
    except HookflashError:
        raise
    finally:
        await session.close()
        growing.cancel()
        await asyncio.wait([growing])
        near.close()
        await pipeline.aclose()

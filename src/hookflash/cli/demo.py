"""`hookflash demo`: a phone call that works, on one machine."""

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from hookflash.agent import Agent, AgentSession, SessionOptions
from hookflash.calls import Call
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.cli.front_desk import FrontDesk
from hookflash.cli.typed import MuteTTS, TypedSTT
from hookflash.cli.view import View
from hookflash.emulator import CarrierEmulator, FarEnd, Line, person, twilio_async_http_client
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

__all__ = ["DemoOptions", "Outcome", "Party", "PhoneDemo", "run_demo", "run_text_demo"]

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
        line: the caller's telephone.
    """

    view: View
    ended: CallEnded
    line: Line

    @property
    def heard(self) -> str:
        """What the caller heard of the agent, in small letters."""
        return " ".join(each.heard for each in self.view.spoken).lower()

    @property
    def was_audible(self) -> bool:
        """Whether most of what the agent said reached the caller's ear."""
        said = sum(each.played_ms for each in self.view.spoken) / 1000
        audible = sum(end - start for start, end in self.line.heard.speech())
        return audible > 0.6 * said > 0


class Party:
    """A person on a line, shown as they speak."""

    def __init__(self, line: Line, view: View, name: str = "caller") -> None:
        """Take the telephone.

        Args:
            line: theirs.
            view: where they are shown.
            name: as what.
        """
        self.line = line
        self.view = view
        self.name = name

    async def listen(self, *, after: float = 0.7) -> None:
        """Wait for the other side to speak, and then to be silent for `after` seconds."""
        await self.line.wait_speech(timeout=20)
        await self.line.wait_quiet(after, timeout=60)

    async def says(self, words: str) -> None:
        """Say something."""
        self.view.line(self.name, words)
        await self.line.say(words)

    async def keys(self, digits: str) -> None:
        """Press keys."""
        self.view.line(self.name, f"(keys {'•' * len(digits)})")
        self.line.press(digits)
        await self.line.wait_said()

    def hangs_up(self) -> None:
        """Put the phone down."""
        self.view.line(self.name, "(hangs up)")
        self.line.hang_up()

    async def leave(self) -> None:
        """Wait for the end."""
        await self.line.wait_end(timeout=60)


class PhoneDemo(ABC):
    """One demonstration call. Subclasses say who talks, and what is to come of it.

    Attributes:
        options: what the command line asked for.
        console: where all is shown.
        voices: of people, by name; the caller's has none.
        tracks: who is on which track of the recording.
    """

    tracks = "left caller, right agent"

    def __init__(self, options: DemoOptions) -> None:
        """Begin with nothing loaded."""
        self.options = options
        self.console = Console(highlight=False, soft_wrap=True)
        self.voices = {"": EspeakTTS(_CALLER_VOICE, words_per_minute=140)}

    @abstractmethod
    def agent(self) -> Agent:
        """Return who answers the phone."""

    def pipeline(self) -> Pipeline:
        """Return what it hears, thinks and speaks with."""
        return Pipeline.local(llm=_mind(self.options))

    def session(self, app: App, pipeline: Pipeline, view: View) -> AgentSession[None]:
        """Return what serves the call; `view` follows it by itself."""
        return AgentSession(self.agent(), pipeline)

    def people(self, view: View) -> Mapping[str, FarEnd]:
        """Return who else can be phoned, by number."""
        return {}

    def report(self) -> str:
        """Return what else is to be seen of this call, as lines."""
        return ""

    @abstractmethod
    async def phone(self, line: Line, view: View) -> None:
        """Do what the caller does."""

    @abstractmethod
    def goals(self, outcome: Outcome) -> dict[str, bool]:
        """Return what was to come of it, and whether it did."""

    def note(self, text: str) -> None:
        """Print something that nobody said."""
        self.console.print(text, markup=False)

    async def run(self) -> bool:
        """Hold the call; return whether all came of it that was to."""
        options = self.options
        folder = _writable(options.record)
        began = clock.now()
        with self.console.status("Loading ears and voices (the first time takes a while) ..."):
            pipeline = self.pipeline()
            await pipeline.prepare()
            await asyncio.gather(*(voice.prepare() for voice in self.voices.values()))
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
            for voice in self.voices.values():
                await voice.aclose()
            if options.fast:
                self.console.print(f"({clock.now() - began:.0f} s of call on virtual time)")

    async def _hold(
        self, app: App, carrier: CarrierEmulator, pipeline: Pipeline, folder: Path
    ) -> bool:
        view = View(self.console)
        carrier.far_ends.update(self.people(view))
        served: asyncio.Future[Call] = asyncio.get_running_loop().create_future()

        @app.on_call
        async def answer(call: Call) -> None:
            try:
                session = self.session(app, pipeline, view)
                view.watch(session)
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
        self.console.print()
        view.summary()
        if report := self.report():
            self.note(report)
        self.console.print(f"Recording   {folder / f'{call.id}.wav'} ({self.tracks})")
        self.console.print(f"Transcript  {transcript}")
        self.console.print(
            f"Tape        {folder / f'{call.id}.tape.jsonl'} (hookflash replay FILE)"
        )
        self.console.print(
            f"Record      {folder / f'{call.id}.record.json'} (hookflash record FILE)"
        )
        return self._verdict(self.goals(Outcome(view=view, ended=ended, line=theirs.line)))

    async def _speak(self, text: str, voice: str | None) -> bytes:
        return await speak_pcm(self.voices[voice or ""], text, 8000)

    def _verdict(self, goals: dict[str, bool]) -> bool:
        self.console.print()
        for goal, reached in goals.items():
            mark = "[green]yes[/green]" if reached else "[red]NO [/red]"
            self.console.print(f"  {mark}  {goal}")
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
        caller = Party(line, view)
        await line.wait_quiet(timeout=20)
        await caller.says("What are your opening hours?")
        await line.wait_speech(timeout=20)
        await line.wait(5.0)
        await caller.says("Wait, when is my appointment?")
        await line.wait_quiet(timeout=30)
        await caller.keys(_BOOKING)
        await caller.listen()
        await caller.says("Could you repeat that?")
        await caller.listen()
        await caller.says("Thank you, goodbye.")
        await caller.leave()

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

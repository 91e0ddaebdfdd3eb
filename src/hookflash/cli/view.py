"""What a person at the terminal sees of a call: both sides, as it happens."""

from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hookflash.agent import AgentSession
from hookflash.events import Record
from hookflash.events.session import (
    DtmfReceived,
    ErrorOccurred,
    FalseInterruption,
    SessionClosedEvent,
    SessionRecord,
    SpeechInterrupted,
    ToolFinished,
    TurnMetrics,
    UserTranscription,
    UtteranceBegan,
    UtteranceSpoken,
)
from hookflash.events.voicemail import VoicemailDetected
from hookflash.runtime import clock

__all__ = ["View"]

_STYLES = {"agent": "cyan", "caller": "green", "": "dim"}
_SOMEBODY_ELSE = "magenta"


class View:
    """Prints a call line by line; an agent's line grows word by word, as the caller hears it."""

    def __init__(self, console: Console) -> None:
        """Begin the clock of the lines."""
        self._console = console
        self._began = clock.now()
        self._open = False
        # What stands before the agent's words; empty once it was printed.
        self._head = ""
        self._printed = ""
        self._before = ""
        self._session: AgentSession[None] | None = None
        self.spoken: list[UtteranceSpoken] = []
        self.metrics: list[TurnMetrics] = []
        self.interruptions = 0
        self.digits = ""
        self.transcript: list[str] = []

    def watch(self, session: AgentSession[None]) -> None:
        """Follow a session."""
        self._session = session
        session.on("*", self._happened)

    def watch_beside(self, name: str) -> Callable[[SessionRecord], None]:
        """Return what follows another talk of the agent, with somebody of this name.

        It is for `Call.observers`. The agent's words are shown when they were heard.
        """

        def happened(event: SessionRecord) -> None:
            match event:
                case UtteranceSpoken() if event.heard:
                    self.line("agent", f"(to {name}) {event.heard}{_cut(event)}")
                case UserTranscription(final=True):
                    self.line("", f"understood of {name}: {event.text}", note=True)
                case DtmfReceived():
                    self.line("", f"{name}'s key {event.digit}", note=True)
                case VoicemailDetected():
                    self.line("", f"who answered: {event.result} ({event.method})", note=True)
                case ErrorOccurred():
                    self.line("", f"error in {event.source}: {event.message}", note=True)
                case _:
                    pass

        return happened

    def grow(self) -> None:
        """Print the words heard since the last time. Called a few times a second."""
        if self._open and self._session is not None:
            heard = self._session.history.last_assistant_text()
            if heard != self._before:
                self._words(heard)

    def line(self, who: str, text: str, *, note: bool = False) -> None:
        """Print a line."""
        self._end_line()
        style = "dim" if note else _STYLES.get(who, _SOMEBODY_ELSE)
        self._console.print(Text(self._stamp(who)) + Text(text, style=style))
        if not note:
            self.transcript.append(f"{self._elapsed():7.2f}  {who}: {text}")

    def summary(self) -> None:
        """Print what was said against what was heard, and how long turns took."""
        table = Table(title="Said and heard", title_justify="left", box=None, padding=(0, 2, 0, 0))
        table.add_column("heard by the caller")
        table.add_column("said, not heard", style="dim")
        table.add_column("seconds", justify="right")
        for each in self.spoken:
            rest = each.said[len(each.heard) :] if each.interrupted else ""
            table.add_row(each.heard, rest.strip(), f"{each.played_ms / 1000:.2f}")
        self._console.print(table)
        turns = Table(title="Turns, in ms", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for name in ("end of speech to answer heard", "endpointing", "mind", "voice"):
            turns.add_column(name, justify="right")
        for turn in self.metrics:
            turns.add_row(
                *(
                    "" if value is None else f"{value * 1000:.0f}"
                    for value in (
                        turn.latency,
                        turn.endpointing,
                        turn.llm_first_text,
                        turn.tts_first_audio,
                    )
                )
            )
        self._console.print(turns)

    def _happened(self, event: Record) -> None:
        match event:
            case UtteranceBegan():
                self._begin_line()
            case UtteranceSpoken():
                self._said(event)
            case UserTranscription(final=True):
                self.line("", f"understood: {event.text}", note=True)
            case SpeechInterrupted():
                self.interruptions += 1
                self.line("", "the caller interrupts: the agent hushes", note=True)
            case FalseInterruption():
                self.line("", "no interruption: the agent goes on", note=True)
            case DtmfReceived():
                self.digits += event.digit
                self.line("", f"key {event.digit}", note=True)
            case ToolFinished():
                outcome = "failed" if event.is_error else f"{event.seconds * 1000:.0f} ms"
                self.line("", f"tool {event.tool}: {outcome}", note=True)
            case TurnMetrics():
                self.metrics.append(event)
            case ErrorOccurred():
                self.line("", f"error in {event.source}: {event.message}", note=True)
            case SessionClosedEvent():
                self.line("", f"the session ends: {event.reason}", note=True)
            case _:
                pass

    def _said(self, event: UtteranceSpoken) -> None:
        self.spoken.append(event)
        if event.heard:
            if not self._open and event.heard != self._printed:
                self._open, self._head = True, self._stamp("agent")
            self._words(event.heard)
            self.transcript.append(f"{self._elapsed():7.2f}  agent: {event.heard}{_cut(event)}")
        self._end_line()

    def _begin_line(self) -> None:
        self._end_line()
        self._open, self._head, self._printed = True, self._stamp("agent"), ""
        if self._session is not None:
            self._before = self._session.history.last_assistant_text()

    def _words(self, heard: str) -> None:
        if self._open and heard.startswith(self._printed):
            self._console.print(Text(self._head), end="")
            self._head = ""
            self._console.print(Text(heard[len(self._printed) :], style=_STYLES["agent"]), end="")
            self._printed = heard

    def _end_line(self) -> None:
        if self._open:
            self._open = False
            if not self._head:
                self._console.print()

    def _elapsed(self) -> float:
        return clock.now() - self._began

    def _stamp(self, who: str) -> str:
        return f"{self._elapsed():6.1f}  {who:<7} "


def _cut(event: UtteranceSpoken) -> str:
    return " [interrupted]" if event.interrupted else ""

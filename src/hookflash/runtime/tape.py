r"""The tape of a call: everything that its machines saw and decided, as JSON lines.

The first line of a machine says what it is and how it was configured; each further line is one
event or tick with the commands that it led to:

    {"t":0.0,"machine":"turn","open":"TurnMachine","config":{...}}
    {"t":1.52,"machine":"turn","event":{"name":"speech.started","onset":1.32},"commands":[]}
    {"t":2.02,"machine":"turn","commands":[{"name":"turn.end","text":"yes",...}]}

`t` is seconds on the call's clock, written exactly. A tape holds the caller's words: keep it as
you would keep a recording. It never holds audio.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from hookflash.errors import UsageError
from hookflash.events import Record, to_wire

__all__ = ["Tape", "read_tape"]

_MAX_LINE = 1_000_000


class Tape:
    """Where drivers write. In memory unless it is given a path.

    Lines go to the file in batches and when `flush` or `close` is called, so that writing costs
    the audio path little.
    """

    _BATCH = 64

    def __init__(self, path: Path | None = None) -> None:
        """Open the file (its folder must exist), or keep the lines in memory."""
        self._lines: list[bytes] = []
        self._unwritten: list[bytes] = []
        self._file: IO[bytes] | None = path.open("wb") if path is not None else None
        self._encode = msgspec.json.Encoder().encode

    def open_machine(self, now: float, machine: str, kind: str, config: object) -> None:
        """Write what a machine is."""
        body = {"t": now, "machine": machine, "open": kind, "config": msgspec.to_builtins(config)}
        self._write(body)

    def write(
        self, now: float, machine: str, event: Record | None, commands: Sequence[Record]
    ) -> None:
        """Write one event (None: a tick) and the commands it led to."""
        body: dict[str, Any] = {"t": now, "machine": machine}
        if event is not None:
            body["event"] = to_wire(event)
        body["commands"] = [to_wire(command) for command in commands]
        self._write(body)

    def _write(self, body: dict[str, Any]) -> None:
        line = self._encode(body)
        if self._file is None:
            self._lines.append(line)
            return
        self._unwritten.append(line)
        if len(self._unwritten) >= self._BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand what is written to the operating system."""
        if self._file is not None and self._unwritten:
            self._file.write(b"\n".join(self._unwritten) + b"\n")
            self._file.flush()
            self._unwritten.clear()

    def close(self) -> None:
        """Finish the file. Idempotent; later lines are kept in memory."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def lines(self) -> tuple[str, ...]:
        """The lines kept in memory."""
        return tuple(line.decode() for line in self._lines)


def read_tape(lines: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    """Iterate over a tape's lines as objects; a torn last line (a killed process) ends it.

    Raises:
        UsageError: a line is not a tape line; the message says which.
    """
    torn: str | None = None
    for number, line in enumerate(lines, start=1):
        if torn is not None:
            raise UsageError(torn)
        text = line.strip()
        if not text:
            continue
        try:
            body = msgspec.json.decode(text) if len(text) <= _MAX_LINE else None
        except msgspec.DecodeError:
            torn = f"line {number} is not JSON"
            continue
        if not isinstance(body, dict) or "t" not in body or "machine" not in body:
            msg = f"line {number} is not a line of a tape"
            raise UsageError(msg)
        yield body

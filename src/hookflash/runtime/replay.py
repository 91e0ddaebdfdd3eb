"""Feed a tape to fresh machines and compare what they decide with what was decided."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from hookflash.errors import UsageError
from hookflash.events import Record, from_wire, to_wire
from hookflash.events.call import Direction
from hookflash.machines.call import CallConfig, CallMachine
from hookflash.machines.digits import DigitsConfig, DigitsMachine
from hookflash.machines.idle import IdleConfig, IdleMachine
from hookflash.machines.keypad import KeypadConfig, KeypadMachine
from hookflash.machines.playout import PlayoutConfig, PlayoutMachine
from hookflash.machines.status import StatusConfig, StatusMachine
from hookflash.machines.time_limit import TimeLimitConfig, TimeLimitMachine
from hookflash.machines.transfer import TransferMachine
from hookflash.machines.transfer_config import TransferConfig
from hookflash.machines.turn import TurnConfig, TurnMachine
from hookflash.machines.voicemail import VoicemailConfig, VoicemailMachine
from hookflash.runtime.tape import read_tape
from hookflash.sansio import Machine

__all__ = ["Difference", "Replay", "replay"]

AnyMachine = Machine[Any, Record]


class Difference(msgspec.Struct, frozen=True):
    """A decision that came out differently.

    Attributes:
        line: of the tape, from 1.
        machine: which one.
        recorded: the commands on the tape, in JSON.
        replayed: the commands of the fresh machine, in JSON.
    """

    line: int
    machine: str
    recorded: str
    replayed: str


class Replay(msgspec.Struct, frozen=True):
    """What came of a replay.

    Attributes:
        decisions: how many events and ticks were fed.
        machines: the names of the machines, in the order in which they began.
        differences: those that came out differently, in order; empty if all is as recorded.
    """

    decisions: int
    machines: tuple[str, ...]
    differences: tuple[Difference, ...]


def _call(config: Mapping[str, Any]) -> AnyMachine:
    rest = {name: value for name, value in config.items() if name != "direction"}
    return CallMachine(Direction(config["direction"]), msgspec.convert(rest, CallConfig))


_MAKERS: Mapping[str, Callable[[Mapping[str, Any]], AnyMachine]] = {
    "CallMachine": _call,
    "DigitsMachine": lambda config: DigitsMachine(msgspec.convert(config, DigitsConfig)),
    "IdleMachine": lambda config: IdleMachine(msgspec.convert(config, IdleConfig)),
    "KeypadMachine": lambda config: KeypadMachine(msgspec.convert(config, KeypadConfig)),
    "StatusMachine": lambda config: StatusMachine(msgspec.convert(config, StatusConfig)),
    "TimeLimitMachine": lambda config: TimeLimitMachine(msgspec.convert(config, TimeLimitConfig)),
    "PlayoutMachine": lambda config: PlayoutMachine(msgspec.convert(config, PlayoutConfig)),
    "TransferMachine": lambda config: TransferMachine(msgspec.convert(config, TransferConfig)),
    "TurnMachine": lambda config: TurnMachine(msgspec.convert(config, TurnConfig)),
    "VoicemailMachine": lambda config: VoicemailMachine(msgspec.convert(config, VoicemailConfig)),
}


def replay(lines: Iterable[str | bytes]) -> Replay:
    """Replay a tape.

    Args:
        lines: of the tape, as `Tape` wrote them.

    Raises:
        UsageError: it is no tape, or of machines that this version does not have.
    """
    machines: dict[str, AnyMachine] = {}
    differences: list[Difference] = []
    decisions = 0
    for number, body in enumerate(read_tape(lines), start=1):
        name = str(body["machine"])
        try:
            if "open" in body:
                machines[name] = _make(str(body["open"]), body.get("config") or {})
                continue
            replayed = _decide(machines[name], body)
            recorded = cast("list[dict[str, Any]]", body["commands"])
        except (KeyError, TypeError, ValueError, msgspec.ValidationError, UsageError) as exc:
            msg = f"line {number} of the tape cannot be replayed: {exc}"
            raise UsageError(msg) from exc
        decisions += 1
        # As the tape would have it: a tuple there is a list.
        ours = msgspec.json.decode(msgspec.json.encode([to_wire(one) for one in replayed]))
        if ours != recorded:
            differences.append(Difference(number, name, _json(recorded), _json(ours)))
    if not machines:
        msg = "the tape is empty"
        raise UsageError(msg)
    return Replay(decisions, tuple(machines), tuple(differences))


def _make(kind: str, config: Mapping[str, Any]) -> AnyMachine:
    if kind not in _MAKERS:
        msg = f"there is no {kind} in this version"
        raise UsageError(msg)
    return _MAKERS[kind](config)


def _decide(machine: AnyMachine, body: Mapping[str, Any]) -> Sequence[Record]:
    now = float(body["t"])
    if "event" in body:
        return machine.receive(from_wire(body["event"]), now)
    return machine.tick(now)


def _json(commands: object) -> str:
    return msgspec.json.encode(commands).decode()

"""The name tag that every event and command wears, and its JSON form."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

import msgspec

from hookflash.errors import UsageError

__all__ = ["Record", "from_wire", "named", "to_wire"]


class Record:
    """Base of all events and commands: something with a dotted wire name."""

    __slots__ = ()
    name: ClassVar[str] = ""


RecordT = TypeVar("RecordT", bound=Record)
_by_name: dict[str, type[Record]] = {}


def named(name: str) -> Callable[[type[RecordT]], type[RecordT]]:
    """Give a dataclass its dotted wire name, such as `speech.started`. Names are unique.

    Raises:
        UsageError: another class already has that name.
    """

    def tag(cls: type[RecordT]) -> type[RecordT]:
        taken = _by_name.get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            msg = f"the wire name {name!r} already belongs to {taken.__qualname__}"
            raise UsageError(msg)
        cls.name = name
        _by_name[name] = cls
        return cls

    return tag


def to_wire(record: Record) -> dict[str, Any]:
    """Return the JSON-ready form: `{"name": ..., field: ...}`, fields that are None left out."""
    fields = dataclasses.fields(cast("Any", record))
    body: dict[str, Any] = {"name": record.name}
    for field in fields:
        value = getattr(record, field.name)
        if value is not None:
            body[field.name] = msgspec.to_builtins(value)
    return body


def from_wire(body: Mapping[str, Any]) -> Record:
    """Rebuild a record from its JSON form.

    Raises:
        UsageError: no class has that name, or a field is missing or of the wrong type.
    """
    fields = dict(body)
    name = fields.pop("name", None)
    cls = _by_name.get(name) if isinstance(name, str) else None
    if cls is None:
        msg = f"no event or command is named {name!r}"
        raise UsageError(msg)
    try:
        return msgspec.convert(fields, cls)
    except msgspec.ValidationError as exc:
        msg = f"{name}: {exc}"
        raise UsageError(msg) from exc

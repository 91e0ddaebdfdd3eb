"""The name tag that every event and command wears, and its JSON form."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import msgspec

from hookflash.errors import UsageError

__all__ = ["Record", "from_wire", "named", "to_wire"]


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events and commands: frozen, keyword-only, with a dotted wire name.

    A msgspec structure rather than a dataclass: there are a hundred of them, each is made
    thousands of times a call, and these are defined and made several times as fast.
    """

    name: ClassVar[str] = ""


RecordT = TypeVar("RecordT", bound=Record)
_by_name: dict[str, type[Record]] = {}


def named(name: str) -> Callable[[type[RecordT]], type[RecordT]]:
    """Give a record its dotted wire name, such as `speech.started`. Names are unique.

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
    body: dict[str, Any] = {"name": record.name}
    for field in record.__struct_fields__:
        value = getattr(record, field)
        if value is not None:
            body[field] = msgspec.to_builtins(value)
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

"""What a model must be told to call a function, and its arguments made fit for the call."""

import inspect
import json
import re
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

import pydantic
import pydantic_core

from hookflash.errors import UsageError

__all__ = ["InvalidArguments", "Signature", "decode_arguments", "read_docstring"]

# More than any sensible call; a model that loops is cut off here.
_MAX_ARGUMENTS = 65_536


class InvalidArguments(Exception):  # its message goes to the model, not to a person
    """A language model's arguments do not fit. The message says how to put it right."""


class Signature:
    """A function's parameters: their schema for the language model, and the way to a call.

    Attributes:
        parameters: JSON Schema of the arguments that the language model gives.

    Args:
        function: to be read.
        tool: its name as a tool, for messages.
        is_method: whether the first parameter is the instance.
        context: base class that marks a parameter as one for the run's context.
        about: descriptions of parameters.

    Raises:
        UsageError: a parameter's type is missing, unknown, or nothing that JSON can hold.
    """

    def __init__(
        self,
        function: Callable[..., object],
        *,
        tool: str,
        is_method: bool,
        context: type[object],
        about: Mapping[str, str],
    ) -> None:
        self._tool = tool
        parameters = list(inspect.signature(function).parameters.values())
        if is_method:
            parameters = parameters[1:]
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except (NameError, TypeError) as exc:
            raise self._wrong(f"its type hints cannot be read ({exc})") from exc

        self._order = parameters
        self._contexts: dict[str, type[object]] = {}
        self._not_null: set[str] = set()
        self._fields: dict[str, str] = {}
        definitions: dict[str, Any] = {}
        for parameter in parameters:
            name = parameter.name
            if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
                raise self._wrong(f"a model cannot fill {parameter}; name each parameter")
            if name not in hints:
                raise self._wrong(f"the parameter {name} needs a type hint")
            hint = hints[name]
            kind = _class_of(hint)
            if kind is not None and issubclass(kind, context):
                self._contexts[name] = kind
                continue
            # Fields have names of their own: a parameter may be called `schema` or `_x`.
            self._fields[name] = f"p{len(self._fields)}"
            definitions[self._fields[name]] = (
                hint,
                _field(parameter, hint, about.get(name)),
            )
            if parameter.default is not parameter.empty and not _takes_null(hint):
                self._not_null.add(name)
        try:
            self._model = pydantic.create_model(
                tool,
                __config__=pydantic.ConfigDict(coerce_numbers_to_str=True),
                **definitions,
            )
            schema = self._model.model_json_schema(by_alias=True)
        except (pydantic.PydanticUserError, NameError) as exc:
            raise self._wrong(f"a parameter's type cannot come from JSON ({exc})") from exc
        self.parameters = _tidy(schema)
        self._property_names = _property_names(self.parameters)

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"the tool {self._tool}: {what}")

    def read(self, arguments: str) -> tuple[dict[str, object], tuple[str, ...]]:
        """Return the given parameters' values, converted to their types, and ignored names.

        Args:
            arguments: JSON text as the language model wrote it.

        Raises:
            InvalidArguments: the message tells the model how to put it right.
        """
        given = decode_arguments(arguments)
        # Models write null for what they leave out.
        present = {
            name: value
            for name, value in given.items()
            if name in self._fields and not (value is None and name in self._not_null)
        }
        try:
            model = self._model.model_validate(present)
        except pydantic.ValidationError as exc:
            complaints = "; ".join(self._complaint(error) for error in exc.errors()[:5])
            msg = f"The arguments are not valid. {complaints}. Correct them and call again."
            raise InvalidArguments(msg) from None
        values = {
            name: getattr(model, field)
            for name, field in self._fields.items()
            if field in model.model_fields_set
        }
        return values, tuple(name for name in given if name not in self._fields)

    def lay_out(
        self, values: Mapping[str, object], context: object
    ) -> tuple[list[object], dict[str, object]]:
        """Return the positional and the named arguments of the function."""
        args: list[object] = []
        kwargs: dict[str, object] = {}
        for parameter in self._order:
            name = parameter.name
            wanted = self._contexts.get(name)
            if wanted is not None and not isinstance(context, wanted):
                raise self._wrong(f"{name} must be a {wanted.__name__}, which this run is not")
            if wanted is None and name not in values:
                if parameter.kind is parameter.POSITIONAL_ONLY:
                    args.append(parameter.default)
                continue
            value = context if wanted is not None else values[name]
            if parameter.kind is parameter.POSITIONAL_ONLY:
                args.append(value)
            else:
                kwargs[name] = value
        return args, kwargs

    def _complaint(self, error: "pydantic_core.ErrorDetails") -> str:
        """Say what is wrong with which argument, without repeating any value."""
        first, *rest = error["loc"] or ("arguments",)
        # Keys of free mappings and names of union branches are not the schema's words.
        named = [step for step in rest if isinstance(step, int) or step in self._property_names]
        place = ".".join(map(str, (first, *named)))
        kind, text = error["type"], error["msg"]
        if kind == "missing":
            return f"{place} is missing"
        written_by_us = kind not in _FREE_TEXT
        if not written_by_us and (kind not in _OF_VALIDATORS or str(error["input"]) in text):
            return f"{place} is not a value that is accepted"
        return f"{place}: {text.removeprefix('Value error, ').removeprefix('Assertion failed, ')}"


# Kinds of errors whose text may hold what the model wrote, and those of them whose text the
# tool's author wrote.
_OF_VALIDATORS = frozenset({"value_error", "assertion_error"})
_FREE_TEXT = _OF_VALIDATORS | {"union_tag_invalid"}


def decode_arguments(arguments: str) -> dict[str, object]:
    """Read the model's JSON. Nothing and null are no arguments; an object in a string counts.

    Raises:
        InvalidArguments: it is no object, or too long.
    """
    text = arguments.strip()
    if len(text) > _MAX_ARGUMENTS:
        msg = "The arguments are too long. Call again with shorter ones."
        raise InvalidArguments(msg)
    decoded: object = None
    try:
        decoded = json.loads(text) if text else None
        if isinstance(decoded, str):
            decoded = json.loads(decoded) if decoded.strip() else None
    except (ValueError, RecursionError):
        decoded = text
    if decoded is None:
        return {}
    if not isinstance(decoded, dict):
        msg = "The arguments must be one JSON object. Call again with such arguments."
        raise InvalidArguments(msg)
    return cast("dict[str, object]", decoded)


def _class_of(hint: object) -> type[object] | None:
    """Return the class that a hint names, its parameters dropped; None for other hints."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    kind = get_origin(hint) or hint
    return kind if isinstance(kind, type) else None


def _takes_null(hint: object) -> bool:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in {Union, UnionType}:
        return any(_takes_null(part) for part in get_args(hint))
    return hint in {None, NoneType, object, Any}


def _field(parameter: inspect.Parameter, hint: object, about: str | None) -> Any:
    """Describe a parameter to pydantic."""
    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    # Their class is not imported: pydantic loads most of itself when first used, and so late.
    described = any(isinstance(e, type(pydantic.Field())) and e.description for e in extras)
    words = next((extra for extra in extras if isinstance(extra, str)), about)
    shape: dict[str, Any] = {"alias": parameter.name}
    if words and not described:
        shape["description"] = words
    default = parameter.default
    if default is parameter.empty:
        return pydantic.Field(**shape)
    if isinstance(default, str | int | float | bool | None) and not isinstance(default, Enum):
        return pydantic.Field(default, **shape)
    # The function's own default is used; the schema only needs to know that there is one.
    return pydantic.Field(default_factory=lambda: default, **shape)


_SECTION = re.compile(
    r"(args|arguments|parameters|params|attributes|examples?|keyword args|keyword arguments|notes?|"
    r"raises|references|returns?|see also|todo|warnings?|warns|yields?):\s*",
    re.IGNORECASE,
)
_PARAMETER_SECTIONS = frozenset({"args", "arguments", "parameters", "params"})
_PARAMETER = re.compile(r"(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Return what a Google-style docstring says of a function and of each parameter.

    Source: https://google.github.io/styleguide/pyguide.html#383-functions-and-methods
    """
    head: list[str] = []
    about: dict[str, list[str]] = {}
    section: str | None = None
    level = 0
    current: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        indent = len(line) - len(line.lstrip())
        if bare and indent == 0:
            title = _SECTION.fullmatch(line)
            if title is None and section is None:
                head.append(bare)
                continue
            section = title[1].lower() if title else "other"
            level = 0
        elif section is None:
            head.append(bare)
        elif section in _PARAMETER_SECTIONS and bare:
            level = level or indent
            entry = _PARAMETER.fullmatch(bare) if indent <= level else None
            if entry:
                current = about.setdefault(entry[1], [])
            current.append(entry[2] if entry else bare)
    paragraphs = "\n".join(head).strip().split("\n\n")
    summary = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return summary, {name: " ".join(lines).strip() for name, lines in about.items()}


# JSON Schema keywords whose value is a schema, a list of schemas, or schemas by name.
_ONE = frozenset({"additionalProperties", "contains", "if", "items", "not", "propertyNames"})
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"$defs", "patternProperties", "properties"})


def _tidy(schema: dict[str, object]) -> dict[str, object]:
    """Return the schema without titles, and without references unless it is recursive.

    Titles repeat the names; small local models and their servers stumble over references.
    """
    definitions = cast("dict[str, dict[str, object]]", schema.get("$defs", {}))
    recursive = False

    def clean(part: object, inside: tuple[str, ...]) -> Any:
        nonlocal recursive
        if not isinstance(part, dict):
            return part
        part = cast("dict[str, object]", part)
        reference = part.get("$ref")
        if isinstance(reference, str):
            name = reference.removeprefix("#/$defs/")
            if name in inside:
                recursive = True
                return part
            rest = {key: value for key, value in part.items() if key != "$ref"}
            return clean({**definitions[name], **rest}, (*inside, name))
        result: dict[str, object] = {}
        for key, value in part.items():
            if key in {"title", "discriminator"} or (key == "$defs" and not inside):
                continue
            if key in _ONE:
                result[key] = clean(value, inside)
            elif key in _MANY:
                result[key] = [clean(one, inside) for one in cast("list[object]", value)]
            elif key in _NAMED:
                named = cast("dict[str, object]", value)
                result[key] = {name: clean(one, inside) for name, one in named.items()}
            else:
                result[key] = value
        return result

    cleaned = cast("dict[str, object]", clean(schema, ()))
    return schema if recursive else cleaned


def _property_names(schema: object) -> frozenset[str]:
    """Return all names that a schema gives to properties, at any depth."""
    if isinstance(schema, list):
        parts = cast("list[object]", schema)
    elif isinstance(schema, dict):
        branch = cast("dict[str, object]", schema)
        parts = list(branch.values())
        names = branch.get("properties")
        if isinstance(names, dict):
            own = frozenset(cast("dict[str, object]", names))
            return own.union(*map(_property_names, parts))
    else:
        return frozenset()
    return frozenset[str]().union(*map(_property_names, parts))

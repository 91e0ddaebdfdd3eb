"""Functions that a language model may call: their schema, their arguments, their answers."""

import asyncio
import inspect
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import (
    Concatenate,
    Generic,
    ParamSpec,
    Self,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    overload,
)

import pydantic_core

from hookflash.agent.signature import InvalidArguments, Signature, read_docstring
from hookflash.agent.tool_policy import Filler, OnDuplicate, OnInterrupt
from hookflash.errors import ConfigError, ToolError, UsageError
from hookflash.providers.chat import ToolCall, ToolSchema

__all__ = [
    "AnyTool",
    "ForSession",
    "FunctionTool",
    "StopResponse",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolResult",
    "find_tools",
    "function_tool",
    "tools_by_name",
]

P = ParamSpec("P")
Q = ParamSpec("Q")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
ToolT = TypeVar("ToolT", bound="Tool")

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DONE = "Done."
_FAILED = "The tool failed."
_TOO_LONG = "The tool took too long and was stopped."


class StopResponse(Exception):  # no error: a tool's way to say that all is said
    """Raised in a tool: the model must not answer this turn; the tool has said what is to say."""


class ToolContext:
    """What a tool may know about its run. A session gives its own subclass with more.

    A parameter annotated with this class or a subclass receives it and is not in the schema.

    Attributes:
        call: the model's call that is being carried out.
    """

    def __init__(self, call: ToolCall) -> None:
        """Made for each call of a tool."""
        self.call = call
        self._report: Callable[[str, bool], None] | None = None

    def update(self, text: str, *, say: bool = False) -> None:
        """Tell how far the tool is: a `tool.progress` event. Also from a plain function's thread.

        The count of silence until a filler, or until the tool is given up, begins anew.

        Args:
            text: in words fit for the caller if they are to hear it.
            say: whether the caller hears it, as soon as nothing else is being said by this reply.
        """
        if self._report is not None:
            self._report(text, say)

    def when_updated(self, report: Callable[[str, bool], None]) -> None:
        """For whoever runs the tool: `report(text, say)` is called by `update`, in its thread."""
        self._report = report


class ForSession:
    """Base of values that a tool returns to the session instead of the model.

    Returned alone, or in a tuple beside what the model shall read.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What came of a tool call.

    Attributes:
        output: text for the model.
        is_error: whether the tool failed, declined, or got arguments that are not valid.
        value: what the function returned, as it is; None if it did not return.
        stop: whether the tool raised `StopResponse`: the model must not answer.
        ignored: names of arguments that the tool does not have; they were left out.
        error: what the function raised, if it failed or declined. Its text is for logs, except
            a `ToolError`'s, which the model may read.
    """

    output: str
    is_error: bool = False
    value: object = None
    stop: bool = False
    ignored: tuple[str, ...] = ()
    error: Exception | None = None


class Tool(ABC):
    """Something that a model may call, and how its runs are treated.

    Attributes:
        name: what the model calls it: `[a-zA-Z0-9_-]{1,64}`.
        timeout: seconds after which a call is given up. None leaves it to the session, which
            gives up on a tool after `SessionOptions.tool_timeout` seconds of silence on the line.
        on_interrupt: what becomes of a run when the caller interrupts.
        on_duplicate: what becomes of a call that repeats another.
        filler: what is said meanwhile; None leaves it to the session.
    """

    name: str = ""
    timeout: float | None = None
    on_interrupt: OnInterrupt = "finish"
    on_duplicate: OnDuplicate = "run"
    filler: Filler | None = None

    @property
    @abstractmethod
    def schema(self) -> ToolSchema:
        """What the model is told.

        Raises:
            UsageError: there is no telling.
        """

    @abstractmethod
    async def call(self, arguments: str, context: ToolContext) -> ToolResult:
        """Carry out one call, within `timeout`. Whatever goes wrong is part of the result.

        Args:
            arguments: JSON text as the model wrote it.
            context: what the tool may know about its run.

        Raises:
            UsageError: the program's own mistake.
        """


class FunctionTool(Tool, Generic[P, R_co]):
    """A function with what a model needs to know to call it. Made by `@function_tool`.

    It is called as the function itself was. On a class it is a method: `instance.tool` is the
    tool bound to that instance. Two are equal if they call the same function of the same instance.

    Attributes:
        description: what it does, for the model.
        phrases: what a caller says who wants it.
    """

    def __init__(self, declaration: "_Declaration", *bound: object) -> None:
        """Made by `function_tool` and `bind`."""
        self._declaration = declaration
        self._bound = bound
        self.name = declaration.name
        self.description = declaration.description
        self.phrases = declaration.phrases
        self.timeout = declaration.timeout
        self.on_interrupt = declaration.on_interrupt
        self.on_duplicate = declaration.on_duplicate
        self.filler = declaration.filler
        self.__doc__ = declaration.function.__doc__
        self.__name__ = declaration.function.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function as if it were not a tool."""
        return cast("R_co", self._declaration.function(*self._bound, *args, **kwargs))

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn that it is a method."""
        self._declaration.is_method = True

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(
        self: "FunctionTool[Concatenate[S, Q], R_co]", instance: S, owner: type | None = None
    ) -> "FunctionTool[Q, R_co]": ...
    def __get__(self, instance: object, owner: type | None = None) -> object:
        """Bind to the instance that it was read from."""
        return self if instance is None else self.bind(instance)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FunctionTool):
            return NotImplemented
        other = cast("AnyTool", other)
        return self._declaration is other._declaration and list(map(id, self._bound)) == list(
            map(id, other._bound)
        )

    def __hash__(self) -> int:
        return hash(id(self._declaration))

    def __repr__(self) -> str:
        return f"<FunctionTool {self.name}>"

    def bind(self, instance: object) -> "AnyTool":
        """Return the tool as a method of this instance; itself if it is no method."""
        if not self._declaration.is_method or self._bound:
            return self
        return FunctionTool(self._declaration, instance)

    @property
    def schema(self) -> ToolSchema:
        """What the model is told.

        Raises:
            UsageError: a parameter's type is missing, unknown, or nothing that JSON can hold.
        """
        return ToolSchema(
            name=self.name,
            description=self.description,
            parameters=self._declaration.signature.parameters,
            phrases=self.phrases,
        )

    async def call(self, arguments: str, context: ToolContext) -> ToolResult:
        """Validate the model's arguments, run the function, and make text of what it returns.

        Numbers in text and the like are converted to what the function declares. A plain
        function runs in a thread: it must not touch the session, and when it is given up it
        runs on unseen. Whatever it raises becomes part of the result; only cancelling passes
        through.

        Args:
            arguments: JSON text as the model wrote it.
            context: what a context parameter receives.

        Raises:
            UsageError: the function cannot be called so: it is a method that is not bound, or
                wants another kind of context.
        """
        if self._declaration.is_method and not self._bound:
            msg = f"the tool {self.name} is a method; bind it to its object first"
            raise UsageError(msg)
        signature = self._declaration.signature
        try:
            values, ignored = signature.read(arguments)
        except InvalidArguments as exc:
            return ToolResult(output=str(exc), is_error=True)
        args, kwargs = signature.lay_out(values, context)
        limit = asyncio.timeout(self.timeout)
        try:
            async with limit:
                value = await self._declaration.run((*self._bound, *args), kwargs)
            return ToolResult(output=_told(value), value=value, ignored=ignored)
        except StopResponse:
            return ToolResult(output=_DONE, stop=True, ignored=ignored)
        except ToolError as exc:
            return ToolResult(output=str(exc), is_error=True, ignored=ignored, error=exc)
        except Exception as exc:  # noqa: BLE001  # the caller reports `error`; the model gets an answer
            text = _TOO_LONG if limit.expired() else _FAILED
            return ToolResult(output=text, is_error=True, ignored=ignored, error=exc)


AnyTool: TypeAlias = FunctionTool[..., object]


@overload
def function_tool(function: Callable[P, R_co], /) -> FunctionTool[P, R_co]: ...
@overload
def function_tool(
    *,
    name: str | None = None,
    description: str | None = None,
    phrases: Iterable[str] = (),
    timeout: float | None = None,
    on_interrupt: OnInterrupt = "finish",
    on_duplicate: OnDuplicate = "run",
    filler: Filler | str | None = None,
) -> Callable[[Callable[P, R_co]], FunctionTool[P, R_co]]: ...
def function_tool(
    function: Callable[P, R_co] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    phrases: Iterable[str] = (),
    timeout: float | None = None,
    on_interrupt: OnInterrupt = "finish",
    on_duplicate: OnDuplicate = "run",
    filler: Filler | str | None = None,
) -> FunctionTool[P, R_co] | Callable[[Callable[P, R_co]], FunctionTool[P, R_co]]:
    """Make a function or a method, plain or `async`, a tool that a model may call.

    The schema comes from the type hints; descriptions from the docstring, in Google style: all
    before the first section describes the tool, `Args:` its parameters.

    Args:
        function: when used without arguments: `@function_tool`.
        name: instead of the function's; letters, digits, `_` and `-`, at most 64.
        description: instead of the docstring's.
        phrases: what a caller says who wants this tool, for rule-driven minds and grammars.
        timeout: seconds after which a call is given up, above 0; None leaves it to the session,
            which counts silence only. A tool that waits for the caller needs none.
        on_interrupt: when the caller interrupts the reply, `finish` lets the tool run on, `cancel`
            cancels it. A plain function cannot be cancelled: it runs on unseen.
        on_duplicate: `run`, `reject` or `join` a call that repeats another; see `OnDuplicate`.
        filler: what the caller hears while the tool keeps them waiting: a text, a `Filler`, or ""
            for nothing; None leaves it to the session.

    Raises:
        UsageError: the name cannot be used, the function is a generator, takes `*args` or
            `**kwargs`, or is no function.
        ConfigError: an option is out of its range.
    """

    def declare(function: Callable[P, R_co]) -> FunctionTool[P, R_co]:
        declaration = _Declaration(
            function,
            name=name,
            description=description,
            phrases=tuple(phrases),
            timeout=timeout,
            on_interrupt=on_interrupt,
            on_duplicate=on_duplicate,
            filler=filler,
        )
        return FunctionTool(declaration)

    return declare if function is None else declare(function)


def find_tools(instance: object) -> dict[str, AnyTool]:
    """Return the tools among an object's methods by name, bound to it.

    Base classes come first, each in the order of its source. A method that overrides a tool
    without being one removes it. No attribute of the object is read, so properties do not run.

    Raises:
        UsageError: two methods give the same name.
    """
    found: dict[str, AnyTool] = {}
    for owner in reversed(type(instance).__mro__):
        for attribute, member in vars(owner).items():
            if isinstance(member, FunctionTool):
                found[attribute] = cast("AnyTool", member).bind(instance)
            else:
                found.pop(attribute, None)
    return tools_by_name(found.values())


def tools_by_name(tools: Iterable[ToolT]) -> dict[str, ToolT]:
    """Index tools by name, in order. The same tool twice counts once.

    Raises:
        UsageError: two different ones have the same name.
    """
    named: dict[str, ToolT] = {}
    for tool in tools:
        if named.get(tool.name, tool) != tool:
            msg = f"two tools are named {tool.name!r}; give one another name: function_tool(name=)"
            raise UsageError(msg)
        named[tool.name] = tool
    return named


class _Declaration:
    """The function and what the decorator said about it; shared by all tools bound from one."""

    def __init__(
        self,
        function: Callable[..., object],
        *,
        name: str | None,
        description: str | None,
        phrases: tuple[str, ...],
        timeout: float | None,
        on_interrupt: OnInterrupt,
        on_duplicate: OnDuplicate,
        filler: Filler | str | None,
    ) -> None:
        if not inspect.isfunction(function) and not inspect.ismethod(function):
            msg = "function_tool takes a function or a method, and no other object"
            raise UsageError(msg)
        self.function: Callable[..., object] = function
        self.name = name or function.__name__
        self.is_method = False
        self.phrases = phrases
        self.timeout = timeout
        self.on_interrupt: OnInterrupt = on_interrupt
        self.on_duplicate: OnDuplicate = on_duplicate
        if isinstance(filler, str):
            filler = Filler(texts=(filler,) if filler else ())
        self.filler = filler
        if not _NAME.fullmatch(self.name):
            msg = f"{self.name!r} cannot name a tool: use letters, digits, _ and -, at most 64"
            raise UsageError(msg)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            msg = f"the tool {self.name} is a generator; return the whole answer instead"
            raise UsageError(msg)
        if timeout is not None and not 0 < timeout < math.inf:
            msg = f"the tool {self.name}: timeout must be seconds above 0, not {timeout}"
            raise ConfigError(msg)
        for option, value, known in (
            ("on_interrupt", on_interrupt, get_args(OnInterrupt)),
            ("on_duplicate", on_duplicate, get_args(OnDuplicate)),
        ):
            if value not in known:
                choices = ", ".join(known)
                msg = f"the tool {self.name}: {option} must be one of {choices}, not {value!r}"
                raise ConfigError(msg)
        summary, self.about = read_docstring(inspect.getdoc(function) or "")
        self.description = description or summary or self.name.replace("_", " ")

    @cached_property
    def signature(self) -> Signature:
        return Signature(
            self.function,
            tool=self.name,
            is_method=self.is_method,
            context=ToolContext,
            about=self.about,
        )

    async def run(self, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        if inspect.iscoroutinefunction(self.function):
            return await cast("Awaitable[object]", self.function(*args, **kwargs))
        value = await asyncio.to_thread(self._run_plainly, args, kwargs)
        return await cast("Awaitable[object]", value) if inspect.isawaitable(value) else value

    def _run_plainly(self, args: tuple[object, ...], kwargs: dict[str, object]) -> object:
        try:
            return self.function(*args, **kwargs)
        except StopIteration as exc:
            # A future cannot carry it: whoever awaits the thread would wait for ever.
            msg = "the tool raised StopIteration"
            raise RuntimeError(msg) from exc


# Making text of the answer.


def _told(value: object) -> str:
    """Return what the model reads of a value that a tool returned.

    Raises:
        ToolError: JSON cannot hold it.
    """
    kind = type(value).__name__
    if isinstance(value, tuple):
        value = _for_model(cast("tuple[object, ...]", value))
    if value is None or isinstance(value, ForSession):
        return _DONE
    if isinstance(value, str) and not isinstance(value, Enum):
        return value
    try:
        return pydantic_core.to_json(value).decode()
    except (pydantic_core.PydanticSerializationError, RecursionError, ValueError) as exc:
        msg = f"The tool ran, but returned a {kind}, which cannot be read as text."
        raise ToolError(msg) from exc


def _for_model(parts: tuple[object, ...]) -> object:
    """Return a tuple without what is for the session; what is left of it if that is one thing."""
    kept = tuple(part for part in parts if not isinstance(part, ForSession))
    if len(kept) == len(parts):
        return parts
    return kept[0] if len(kept) == 1 else kept or None

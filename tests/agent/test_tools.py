"""Tools: what the model is told, what it may send, what it gets back."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import wraps
from typing import Annotated, Generic, Literal, TypeVar

import pydantic
import pytest
from pydantic import Field

from hookflash.agent.tool_policy import Filler
from hookflash.agent.tools import (
    AnyTool,
    ForSession,
    StopResponse,
    ToolContext,
    ToolError,
    ToolResult,
    find_tools,
    function_tool,
    tools_by_name,
)
from hookflash.errors import ConfigError, HookflashError, UsageError
from hookflash.providers.chat import ToolCall
from hookflash.runtime.clock import now, run

UserDataT = TypeVar("UserDataT")


class RichContext(ToolContext, Generic[UserDataT]):
    """What a session would give."""


class Department(Enum):
    SALES = "sales"
    SUPPORT = "support"


class Address(pydantic.BaseModel):
    street: str
    number: int


@dataclass
class Visit:
    day: date
    price: Decimal
    department: Department


def context() -> ToolContext:
    return RichContext[int](ToolCall(call_id="call_1", tool="t", arguments="{}"))


def called(tool: AnyTool, arguments: str = "{}") -> ToolResult:
    return run(tool.call(arguments, context()), virtual=True)


# The schema.


@function_tool
def book(
    ctx: ToolContext,
    day: date,
    department: Department,
    *,
    people: Annotated[int, Field(ge=1, le=8)] = 1,
    note: str | None = None,
    kinds: list[Literal["cleaning", "check"]] | None = None,
) -> str:
    """Book a visit at the clinic.

    Only after the caller has named a day,
    and never twice.

    Args:
        ctx: the run.
        day: The day of the visit,
            as the caller named it.
        department (Department): Who is visited.
        people: How many come.

    Returns:
        A sentence.
    """
    return f"{day} {department.value} {people} {note} {kinds} {type(ctx).__name__}"


def test_the_schema_comes_from_the_hints_and_the_docstring_without_titles_and_references() -> None:
    schema = book.schema
    assert schema.name == "book"
    assert schema.description == (
        "Book a visit at the clinic.\n\nOnly after the caller has named a day, and never twice."
    )
    assert schema.parameters == {
        "type": "object",
        "properties": {
            "day": {
                "type": "string",
                "format": "date",
                "description": "The day of the visit, as the caller named it.",
            },
            "department": {
                "type": "string",
                "enum": ["sales", "support"],
                "description": "Who is visited.",
            },
            "people": {
                "type": "integer",
                "minimum": 1,
                "maximum": 8,
                "default": 1,
                "description": "How many come.",
            },
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "kinds": {
                "anyOf": [
                    {"type": "array", "items": {"type": "string", "enum": ["cleaning", "check"]}},
                    {"type": "null"},
                ],
                "default": None,
            },
        },
        "required": ["day", "department"],
    }


def test_the_decorator_can_name_describe_and_time_a_tool() -> None:
    @function_tool(name="say-hello", description="Greet.", phrases=["hello", "hi"], timeout=2.5)
    def greet() -> str:
        """Something else."""
        return "hi"

    assert (greet.name, greet.description, greet.timeout) == ("say-hello", "Greet.", 2.5)
    assert greet.schema.phrases == ("hello", "hi")
    assert greet.schema.parameters == {"type": "object", "properties": {}}
    assert repr(greet) == "<FunctionTool say-hello>"


def test_without_a_docstring_the_name_describes_the_tool() -> None:
    @function_tool
    def opening_hours() -> str:
        return "nine to five"

    assert opening_hours.description == "opening hours"


def test_a_description_in_the_hint_goes_before_the_docstrings() -> None:
    @function_tool
    def find(
        a: Annotated[int, Field(description="from the field")],
        b: Annotated[str, "from a text"],
        c: str,
    ) -> str:
        """Find.

        Args:
            a: no.
            b: no.
            c: yes: with a colon.
        """
        return f"{a}{b}{c}"

    properties = find.schema.parameters["properties"]
    assert properties == {
        "a": {"type": "integer", "description": "from the field"},
        "b": {"type": "string", "description": "from a text"},
        "c": {"type": "string", "description": "yes: with a colon."},
    }


def test_models_inside_models_are_written_out_and_a_property_may_be_called_title() -> None:
    class Person(pydantic.BaseModel):
        title: str
        home: Address

    @function_tool
    def greet(person: Person) -> str:
        return f"{person.title} {person.home.street}"

    address = {
        "type": "object",
        "properties": {"street": {"type": "string"}, "number": {"type": "integer"}},
        "required": ["street", "number"],
    }
    assert greet.schema.parameters["properties"] == {
        "person": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "home": address},
            "required": ["title", "home"],
        }
    }


class Tree(pydantic.BaseModel):
    branches: "list[Tree]" = []


def test_a_recursive_schema_keeps_its_references() -> None:
    @function_tool
    def climb(tree: Tree) -> str:
        return str(len(tree.branches))

    assert "$defs" in climb.schema.parameters
    assert called(climb, '{"tree": {"branches": [{}, {}]}}').output == "2"


def test_mappings_are_told_with_what_they_hold() -> None:
    @function_tool
    def f(counts: dict[str, int], anything: dict[str, object]) -> str:
        return f"{counts}{anything}"

    assert f.schema.parameters["properties"] == {
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "anything": {"type": "object", "additionalProperties": True},
    }


def test_parameters_may_have_names_that_pydantic_uses_itself() -> None:
    @function_tool
    def odd(schema: str, copy: int, _hidden: int, model_config: str = "m") -> str:
        return f"{schema} {copy} {_hidden} {model_config}"

    assert list(odd.schema.parameters["properties"]) == [  # type: ignore[call-overload]  # a dict
        "schema", "copy", "_hidden", "model_config",
    ]  # fmt: skip
    assert called(odd, '{"schema": "s", "copy": 2, "_hidden": 3}').output == "s 2 3 m"


def test_string_annotations_are_understood_also_for_a_parametrised_context() -> None:
    @function_tool
    async def look(number: "int", ctx: "RichContext[int]") -> "str":
        return f"{number} {ctx.call.call_id}"

    assert look.schema.parameters["required"] == ["number"]
    assert called(look, '{"number": 3}').output == "3 call_1"


def test_what_a_model_cannot_fill_is_refused_with_the_parameters_name() -> None:
    @function_tool
    def bare(x) -> str:  # type: ignore[no-untyped-def]  # the missing hint is the test
        return str(x)

    @function_tool
    def many(*x: int) -> str:
        return str(x)

    @function_tool
    def lost(x: "Nowhere") -> str:  # type: ignore[name-defined]  # noqa: F821  # the test
        return str(x)

    @function_tool
    def live(x: threading.Lock) -> str:
        return str(x)

    def text_of(tool: AnyTool) -> str:
        with pytest.raises(UsageError) as caught:
            _ = tool.schema
        return str(caught.value)

    assert text_of(bare) == "the tool bare: the parameter x needs a type hint"
    assert text_of(many) == "the tool many: a model cannot fill *x: int; name each parameter"
    assert text_of(lost).startswith("the tool lost: its type hints cannot be read (name 'Nowhere'")
    assert text_of(live).startswith("the tool live: a parameter's type cannot come from JSON")


def test_what_cannot_be_a_tool_is_refused_at_once() -> None:
    def some() -> Iterator[int]:
        yield 1

    async def later() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(UsageError, match="generator"):
        function_tool(some)
    with pytest.raises(UsageError, match="generator"):
        function_tool(later)
    with pytest.raises(UsageError, match="cannot name a tool"):
        function_tool(name="no spaces")(lambda: None)
    with pytest.raises(UsageError, match="cannot name a tool"):
        function_tool(lambda: None)
    with pytest.raises(UsageError, match="takes a function"):
        function_tool(int)


def test_options_out_of_range_are_refused_with_the_range() -> None:
    def look() -> str:
        return "seen"

    for option, value in (("timeout", 0), ("timeout", math.inf), ("timeout", math.nan)):
        with pytest.raises(
            ConfigError, match=f"look: {option} must be seconds above 0, not {value}"
        ):
            function_tool(timeout=value)(look)
    with pytest.raises(ConfigError, match="on_interrupt must be one of finish, cancel, not 'stop'"):
        function_tool(on_interrupt="stop")(look)  # type: ignore[call-overload]  # that is the test
    with pytest.raises(
        ConfigError, match="on_duplicate must be one of run, reject, join, not 'no'"
    ):
        function_tool(on_duplicate="no")(look)  # type: ignore[call-overload]  # as above
    for wrong, message in (
        ({"after": -1.0}, "after=. must be seconds from 0, not -1.0"),
        ({"after": math.inf}, "after=. must be seconds from 0, not inf"),
        ({"every": 0.0}, "every=. must be seconds above 0, not 0.0"),
        ({"most": 0}, "most=. must be from 1 to 20, not 0"),
        ({"most": 21}, "most=. must be from 1 to 20, not 21"),
        ({"texts": "Wait."}, "texts=. takes a tuple of texts, or a function"),
    ):
        with pytest.raises(ConfigError, match=message):
            Filler(**wrong)


def test_a_filler_may_be_a_text_and_no_text_is_no_filler() -> None:
    @function_tool(filler="One moment.")
    def slow() -> str:
        return "done"

    @function_tool(filler="", on_interrupt="cancel", on_duplicate="join")
    def quick() -> str:
        return "done"

    @function_tool
    def plain() -> str:
        return "done"

    assert slow.filler == Filler(texts=("One moment.",), after=1.0, every=6.0, most=3)
    assert (slow.on_interrupt, slow.on_duplicate) == ("finish", "run")
    assert quick.filler == Filler(texts=())
    assert (quick.on_interrupt, quick.on_duplicate) == ("cancel", "join")
    assert plain.filler is None


# The arguments.


def test_arguments_are_converted_to_what_the_function_declares() -> None:
    arguments = '{"day": "2026-03-04", "department": "sales", "people": "5", "kinds": ["check"]}'
    assert called(book, arguments).output == ("2026-03-04 sales 5 None ['check'] RichContext")


def test_numbers_become_text_where_text_is_wanted() -> None:
    @function_tool
    def dial(number: str, area: int, loud: bool) -> str:
        return f"{number!r} {area!r} {loud!r}"

    assert called(dial, '{"number": 4711, "area": 5.0, "loud": "yes"}').output == "'4711' 5 True"


def test_unknown_arguments_are_left_out_and_reported() -> None:
    @function_tool
    def f(n: int) -> str:
        return str(n)

    assert called(f, '{"n": "5", "x": 1}') == ToolResult(output="5", value="5", ignored=("x",))


def test_null_means_not_given_unless_the_parameter_takes_null() -> None:
    @function_tool
    def f(a: int = 7, b: int | None = 8) -> str:
        return f"{a} {b}"

    assert called(f, '{"a": null, "b": null}').output == "7 None"
    assert called(f, "").output == "7 8"
    assert called(f, "null").output == "7 8"
    assert called(f, '"{\\"a\\": 1}"').output == "1 8"


def test_invalid_arguments_tell_the_model_what_to_repair_and_never_repeat_a_value() -> None:
    result = called(book, '{"department": "kitchen", "people": "4111111111111111"}')
    assert result == ToolResult(
        output="The arguments are not valid. day is missing; department: Input should be 'sales' "
        "or 'support'; people: Input should be less than or equal to 8. Correct them and call "
        "again.",
        is_error=True,
    )


@pytest.mark.parametrize("arguments", ["[]", "5", "{", '"x"', "[" * 50_000, '{"a": 1} {'])
def test_arguments_that_are_no_object_are_an_error_text(arguments: str) -> None:
    result = called(book, arguments)
    assert result.is_error
    assert result.output == "The arguments must be one JSON object. Call again with such arguments."


def test_arguments_without_end_are_an_error_text() -> None:
    assert called(book, '{"note": "' + "x" * 70_000 + '"}').output == (
        "The arguments are too long. Call again with shorter ones."
    )


def test_an_authors_own_check_speaks_to_the_model_unless_it_repeats_the_value() -> None:
    def even(value: int) -> int:
        if value % 2:
            msg = "must be even"
            raise ValueError(msg)
        return value

    def secret(value: str) -> str:
        msg = f"{value} is no code"
        raise ValueError(msg)

    @function_tool
    def f(
        n: Annotated[int, pydantic.AfterValidator(even)],
        code: Annotated[str, pydantic.AfterValidator(secret)],
    ) -> str:
        return f"{n}{code}"

    output = called(f, '{"n": 3, "code": "9876"}').output
    assert "n: must be even; code is not a value that is accepted." in output
    assert "9876" not in output


def test_complaints_name_the_place_inside_an_argument_but_no_key_of_the_model() -> None:
    @function_tool
    def f(homes: list[Address], codes: dict[str, int]) -> str:
        return f"{homes}{codes}"

    output = called(f, '{"homes": [{"street": "A"}], "codes": {"k9876": "x"}}').output
    assert "homes.0.number is missing; codes: Input should be a valid integer" in output
    assert "k9876" not in output


def test_a_context_of_the_wrong_kind_is_the_programs_error() -> None:
    @function_tool
    def f(ctx: RichContext[int]) -> str:
        return ctx.call.tool

    plain = ToolContext(ToolCall(call_id="c", tool="f", arguments="{}"))
    with pytest.raises(UsageError, match="ctx must be a RichContext"):
        run(f.call("{}", plain))


def test_parameters_may_be_positional_only_and_the_context_may_stand_anywhere() -> None:
    @function_tool
    def f(a: int, b: int = 2, /, *, ctx: ToolContext, c: int = 3) -> str:
        return f"{a} {b} {c} {ctx.call.tool}"

    assert called(f, '{"a": 1}').output == "1 2 3 t"
    assert called(f, '{"a": 1, "b": 5, "c": 6}').output == "1 5 6 t"


def test_a_default_that_json_cannot_hold_is_still_used() -> None:
    @function_tool
    def f(
        when: datetime = datetime(2026, 1, 1, tzinfo=UTC), kind: Department = Department.SALES
    ) -> str:
        return f"{when.year} {kind.value}"

    assert f.schema.parameters == {
        "type": "object",
        "properties": {
            "when": {"type": "string", "format": "date-time"},
            "kind": {"type": "string", "enum": ["sales", "support"]},
        },
    }
    assert called(f).output == "2026 sales"


# The run.


def test_a_plain_function_runs_in_a_thread_and_a_coroutine_on_the_loop() -> None:
    here = threading.get_ident()

    @function_tool
    def plain() -> bool:
        return threading.get_ident() == here

    @function_tool
    async def coroutine() -> bool:
        return threading.get_ident() == here

    def wrapped(function: Callable[[], object]) -> Callable[[], object]:
        @wraps(function)
        def inner() -> object:
            return function()

        return inner

    @function_tool
    @wrapped
    async def decorated() -> bool:
        return threading.get_ident() == here

    assert [called(tool).value for tool in (plain, coroutine, decorated)] == [False, True, True]


class Loud(StrEnum):
    YES = "yes"


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("as it is", "as it is"),
        ("", ""),
        (None, "Done."),
        (5, "5"),
        (True, "true"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (["ä", 1.5], '["ä",1.5]'),
        (Loud.YES, '"yes"'),
        (Address(street="Quay", number=4), '{"street":"Quay","number":4}'),
        (
            Visit(date(2026, 3, 4), Decimal("9.50"), Department.SALES),
            '{"day":"2026-03-04","price":"9.50","department":"sales"}',
        ),
        (datetime(2026, 3, 4, 9, 30, tzinfo=UTC), '"2026-03-04T09:30:00Z"'),
        (ForSession(), "Done."),
        ((ForSession(), "Over to Ann."), "Over to Ann."),
        ((ForSession(), "a", 1), '["a",1]'),
        ((ForSession(),), "Done."),
        ((1, 2), "[1,2]"),
    ],
)
def test_what_a_tool_returns_becomes_text_and_is_kept_as_it_was(value: object, output: str) -> None:
    @function_tool
    async def f() -> object:
        return value

    assert called(f) == ToolResult(output=output, value=value)


def test_what_json_cannot_hold_is_a_clear_error() -> None:
    @function_tool
    async def f() -> object:
        return threading.Lock()

    result = called(f)
    assert result.is_error
    assert result.output == "The tool ran, but returned a lock, which cannot be read as text."

    @function_tool
    async def circular() -> object:
        knot: list[object] = []
        knot.append(knot)
        return knot

    assert called(circular).output == (
        "The tool ran, but returned a list, which cannot be read as text."
    )


def test_an_exceptions_text_is_for_the_caller_of_the_tool_and_not_for_the_model() -> None:
    failure = RuntimeError("password is hunter2")

    @function_tool
    async def f() -> str:
        raise failure

    assert called(f) == ToolResult(output="The tool failed.", is_error=True, error=failure)


def test_a_tool_errors_text_is_for_the_model() -> None:
    refusal = ToolError("There is no free place on that day; offer the next one.")

    @function_tool
    def f() -> str:
        raise refusal

    assert isinstance(refusal, HookflashError)
    assert called(f) == ToolResult(
        output="There is no free place on that day; offer the next one.",
        is_error=True,
        error=refusal,
    )


def test_stop_response_is_no_error_and_says_that_the_model_must_not_answer() -> None:
    @function_tool
    async def f(n: int) -> str:
        raise StopResponse

    assert called(f, '{"n": 1, "z": 2}') == ToolResult(output="Done.", stop=True, ignored=("z",))


def test_a_plain_function_that_raises_stop_iteration_does_not_hang() -> None:
    @function_tool
    def f() -> str:
        return next(iter(()))

    assert called(f).output == "The tool failed."


def test_a_tool_is_given_up_after_its_timeout() -> None:
    @function_tool(timeout=2.0)
    async def slow() -> str:
        await asyncio.sleep(60)
        return "late"

    async def main() -> tuple[ToolResult, float]:
        return await slow.call("{}", context()), now()

    result, at = run(main(), virtual=True)
    assert (result.output, result.is_error) == ("The tool took too long and was stopped.", True)
    assert isinstance(result.error, TimeoutError)
    assert at == 2.0


def test_a_timeout_inside_the_tool_is_an_ordinary_failure() -> None:
    @function_tool(timeout=2.0)
    async def f() -> str:
        raise TimeoutError

    assert called(f).output == "The tool failed."


def test_cancelling_passes_through() -> None:
    @function_tool
    async def slow() -> str:
        await asyncio.sleep(60)
        return "late"

    async def main() -> None:
        task = asyncio.create_task(slow.call("{}", context()))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main(), virtual=True)


# Methods.


class Desk:
    """An agent, as far as tools are concerned."""

    def __init__(self, greeting: str) -> None:
        self.greeting = greeting

    @function_tool
    async def greet(self, ctx: ToolContext, name: str) -> str:
        """Greet somebody."""
        return f"{self.greeting}, {name}"

    @function_tool(name="bye", timeout=3)
    def leave(self) -> str:
        return f"goodbye from {self.greeting}"

    @property
    def trap(self) -> str:
        msg = "a property ran"
        raise AssertionError(msg)


class FrenchDesk(Desk):
    @function_tool
    def zut(self) -> str:
        return "zut"

    @function_tool
    async def greet(self, ctx: ToolContext, name: str) -> str:
        return f"Bonjour, {name}"


class SilentDesk(Desk):
    async def greet(self, ctx: ToolContext, name: str) -> str:  # type: ignore[override]  # the test
        return ""


def test_the_tools_of_an_object_are_found_bound_to_it_and_no_property_runs() -> None:
    found = find_tools(Desk("Hello"))
    assert list(found) == ["greet", "bye"]
    assert found["bye"].timeout == 3
    assert called(found["greet"], '{"name": "Ann"}').output == "Hello, Ann"
    assert called(found["bye"]).output == "goodbye from Hello"
    assert list(found["greet"].schema.parameters["properties"]) == ["name"]  # type: ignore[call-overload]  # a dict


def test_two_instances_do_not_share_their_tools() -> None:
    one, two = find_tools(Desk("One")), find_tools(Desk("Two"))
    assert called(one["bye"]).output == "goodbye from One"
    assert called(two["bye"]).output == "goodbye from Two"


def test_a_subclass_replaces_or_removes_a_tool() -> None:
    found = find_tools(FrenchDesk("Hello"))
    assert list(found) == ["greet", "bye", "zut"]
    assert called(found["greet"], '{"name": "Ann"}').output == "Bonjour, Ann"
    assert list(find_tools(SilentDesk("Hello"))) == ["bye"]


def test_a_decorated_method_is_still_called_as_before() -> None:
    desk = Desk("Hello")
    assert desk.leave() == "goodbye from Hello"
    assert run(desk.greet(context(), name="Ann")) == "Hello, Ann"
    assert book(context(), date(2026, 3, 4), Department.SALES).startswith("2026-03-04 sales 1")
    assert desk.leave.bind(Desk("Other"))() == "goodbye from Hello"
    assert book.bind(desk) is book


def test_a_method_that_is_not_bound_cannot_be_called_by_a_model() -> None:
    with pytest.raises(UsageError, match="bind it"):
        run(Desk.leave.call("{}", context()))
    assert Desk.greet.schema.parameters["required"] == ["name"]


def test_two_tools_of_one_name_are_refused() -> None:
    class Twice:
        @function_tool(name="same")
        def one(self) -> str:
            return "1"

        @function_tool(name="same")
        def two(self) -> str:
            return "2"

    with pytest.raises(UsageError, match="two tools are named 'same'"):
        find_tools(Twice())

    @function_tool(name="book")
    def other() -> str:
        return "another"

    tools: list[AnyTool] = [book, other]
    with pytest.raises(UsageError, match="two tools are named 'book'"):
        tools_by_name(tools)


def test_the_same_tool_twice_counts_once() -> None:
    assert tools_by_name([book, book]) == {"book": book}
    desk, other = Desk("Hello"), Desk("Hello")
    assert desk.greet == desk.greet
    assert hash(desk.greet) == hash(desk.greet)
    assert desk.greet != other.greet
    assert desk.greet != "greet"
    with pytest.raises(UsageError, match="two tools are named 'greet'"):
        tools_by_name([desk.greet, other.greet])

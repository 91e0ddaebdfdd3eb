"""Numbers, names, dates and addresses, with a model that follows a script."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, time
from typing import Any

import pytest
from tests.agent.stage import Script, on_stage
from tests.tasks.callers import WANTS, Asks, outputs

from hookflash.errors import ConfigError
from hookflash.runtime import clock
from hookflash.tasks.address import GetAddressResult, GetAddressTask
from hookflash.tasks.birth import GetDOBResult, GetDOBTask
from hookflash.tasks.name import GetNameResult, GetNameTask
from hookflash.tasks.phone import GetPhoneNumberResult, GetPhoneNumberTask
from hookflash.testing import Calls


def play(task: Any, script: Script, turns: list[str], tool: str) -> tuple[Any, list[str]]:
    """Play a script to a caller's turns; return the outcome, and what one tool told."""
    found: list[tuple[Any, list[str]]] = []

    async def main() -> None:
        agent = Asks(task)
        async with on_stage(agent, [WANTS, "Please?", *script]) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(2)
            for turn in turns:
                await stage.caller_says(turn)
                await asyncio.sleep(8)
            found.append((agent.got[0] if agent.got else None, outputs(stage, tool)))

    clock.run(main(), virtual=True)
    return found[0]


def at_once(
    task: Any, tool: str, arguments: Mapping[str, object], said: str, **options: Any
) -> Any:
    """Return what comes of one update without confirmation: the result, or the tool's error."""
    outcome, told = play(
        lambda: task(require_confirmation=False, **options),
        [[Calls(tool, arguments)], "Well."],
        [said],
        tool,
    )
    return told[0].removeprefix("error ") if outcome is None else outcome


def test_09_an_address_keeps_its_fields() -> None:
    fields = {
        "street_address": "450 Main St",
        "unit_number": " ",
        "locality": "Salt Lake City UT 84101",
        "country": "United States",
    }
    said = "four fifty main street salt lake city utah eight four one oh one"
    result = at_once(GetAddressTask, "update_address", fields, said)
    assert isinstance(result, GetAddressResult)
    assert result.address == "450 Main St Salt Lake City UT 84101 United States"
    assert result.fields == ("450 Main St", "", "Salt Lake City UT 84101", "United States")
    assert (result.region, result.postal_code) == ("UT", "84101")
    empty = at_once(GetAddressTask, "update_address", fields | {"street_address": " "}, said)
    assert empty == "Incomplete address: street address is required but was not provided"


def test_an_address_of_another_country_must_have_been_said_word_by_word() -> None:
    fields = {
        "street_address": "12 Rue de Rivoli",
        "unit_number": "",
        "locality": "Paris 75001",
        "country": "France",
    }
    said = "twelve rue de rivoli paris seven five zero zero one"
    result = at_once(GetAddressTask, "update_address", fields, said)
    assert isinstance(result, GetAddressResult)
    assert result.address == "12 Rue de Rivoli Paris 75001 France"
    assert result.parts is None
    refused = at_once(GetAddressTask, "update_address", fields | {"unit_number": "4B"}, said)
    assert refused.startswith("error: the user has not said this address;")


@pytest.mark.parametrize(
    ("given", "said", "options", "number"),
    [
        ("+1 (415) 555-0199", "four one five, five five five, oh one nine nine",
         {}, "+14155550199"),
        ("07911 123456", "oh seven nine one one, one two three four five six",
         {"default_region": "GB"}, "+447911123456"),
        ("4155550199", "Keypad: 4155550199", {}, "+14155550199"),
    ],
)  # fmt: skip
def test_10_a_phone_number_is_e164(
    given: str, said: str, options: dict[str, Any], number: str
) -> None:
    arguments: dict[str, object] = {"phone_number": given}
    result = at_once(GetPhoneNumberTask, "update_phone_number", arguments, said, **options)
    assert isinstance(result, GetPhoneNumberResult)
    assert result.phone_number == number


def test_10_what_no_numbering_plan_has_is_refused() -> None:
    refused = at_once(GetPhoneNumberTask, "update_phone_number", {"phone_number": "911"}, "911")
    assert refused == "Invalid phone number provided: 911"


def test_a_phone_number_tells_its_extension_and_national_form() -> None:
    arguments: dict[str, object] = {"phone_number": "+14155550199 ext 42"}
    said = "four one five, five five five, oh one nine nine, extension four two"
    result = at_once(GetPhoneNumberTask, "update_phone_number", arguments, said)
    assert (result.phone_number, result.extension, result.region) == ("+14155550199", "42", "US")
    assert result.national == "(415) 555-0199"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("null", "Incomplete name: first name is required but was not provided"),
        ("4242", "Incomplete name: first name contains no letters"),
    ],
)
def test_11_a_name_that_is_none_is_refused(name: str, wrong: str) -> None:
    arguments: dict[str, object] = {"first_name": name, "last_name": "Doe"}
    told = at_once(GetNameTask, "update_name", arguments, "doe", last_name=True)
    assert told == wrong


def test_11_all_that_is_wrong_with_a_name_is_told_at_once() -> None:
    told = at_once(GetNameTask, "update_name", {"first_name": "7"}, "seven", last_name=True)
    assert told == (
        "Incomplete name: first name contains no letters; "
        "last name is required but was not provided"
    )


def test_12_a_name_without_parts_cannot_be_asked_for() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="first_name, middle_name and last_name are all False"):
            GetNameTask(first_name=False)

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("said", ["mary jane", "Mary-Jane.", "m a r y j a n e"])
def test_11_quotes_around_a_name_are_cut(said: str) -> None:
    result = at_once(GetNameTask, "update_name", {"first_name": "'Mary-Jane'"}, said)
    assert result == GetNameResult(first_name="Mary-Jane")


def test_13_a_year_of_two_figures_is_the_latest_that_has_been() -> None:
    assert dob(5, 3, 4, "march fourth two thousand and five") == date(2005, 3, 4)
    assert dob(90, 3, 4, "march fourth nineteen ninety") == date(1990, 3, 4)


def dob(year: int, month: int, day: int, said: str, **options: Any) -> Any:
    """Return the date, or what is wrong with it. The day of these calls is 1 January 2026."""
    arguments: dict[str, object] = {"year": year, "month": month, "day": day}
    result = at_once(GetDOBTask, "update_dob", arguments, said, **options)
    return result.date_of_birth if isinstance(result, GetDOBResult) else result


def test_13_a_day_that_cannot_be_a_birth_is_refused() -> None:
    assert dob(1990, 2, 30, "february thirtieth").startswith("Invalid date: ")
    assert dob(2099, 1, 1, "january first 2099") == (
        "Invalid date of birth: January 01, 2099 is in the future. "
        "Date of birth cannot be a future date."
    )
    assert dob(1850, 1, 1, "january first eighteen fifty") == (
        "Invalid date of birth: January 01, 1850 is more than 120 years ago."
    )
    assert dob(10**12, 1, 1, "whenever").startswith("Invalid date: ")
    assert dob(2010, 1, 2, "january second 2010", min_age=16) == (
        "Invalid date of birth: January 02, 2010 is less than 16 years ago."
    )


def test_the_time_of_birth_is_waited_for() -> None:
    outcome, told = play(
        lambda: GetDOBTask(include_time=True, require_confirmation=False),
        [
            [Calls("update_dob", {"year": 1984, "month": 3, "day": 4})],
            "And when?",
            [Calls("update_time", {"hour": 14, "minute": 30})],
            "Thanks.",
        ],
        ["march fourth 1984", "half past two in the afternoon"],
        "update_dob",
    )
    assert told == [
        "The date of birth has been updated to March 04, 1984\n"
        "Ask the user for the time of birth, and call `update_time`."
    ]
    assert outcome == GetDOBResult(date(1984, 3, 4), time(14, 30))


READ_BACKS = [
    (
        GetPhoneNumberTask, "phone_number",
        [{"phone_number": "4155550199"}, {"phone_number": "4155550132"}],
        ["four one five, five five five, oh one nine nine",
         "no, four one five, five five five, oh one three two"],
        ["Read the number back to the user in groups.",
         "Repeat the phone number character by character: + 1 4 1 5 5 5 5 0 1 3 2"],
    ),
    (
        GetNameTask, "name", [{"first_name": "Jon"}, {"first_name": "Joan"}], ["jon", "no, joan"],
        ["Repeat the name back to the user.",
         "Repeat the name character by character: J o a n"],
    ),
    (
        GetDOBTask, "dob",
        [{"year": 1984, "month": 3, "day": 4}, {"year": 1984, "month": 3, "day": 5}],
        ["march fourth 1984", "no, march fifth 1984"],
        ["Repeat the date of birth back to the user as one says a date: "
         "March fourth, nineteen eighty-four",
         "Repeat the date of birth back to the user in parts: March, 5, 1984"],
    ),
    (
        GetAddressTask, "address",
        [{"street_address": f"{number} Oak St", "unit_number": "", "locality": "Provo UT 84601",
          "country": "United States"} for number in (10, 12)],
        ["ten oak street provo utah eight four six oh one",
         "no, twelve oak street provo utah eight four six oh one"],
        ["Repeat the address back to the user.",
         "Repeat the address field by field: street: 1 2   O a k   S t; "
         "locality: Provo UT 84601; country: United States"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("task", "tool", "values", "turns", "lines"), READ_BACKS)
def test_08_the_second_reading_is_in_signs_or_parts(
    task: Any, tool: str, values: list[Any], turns: list[str], lines: list[str]
) -> None:
    update = f"update_{tool}"
    one, other = ([Calls(update, value)] for value in values)
    _, told = play(task, [one, "That?", other, "This?"], turns, update)
    assert [text.splitlines()[1] for text in told] == lines


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: GetNameTask(name_format="{first_name} {nick_name}"), "name_format is"),
        (lambda: GetNameTask(name_format="{first_name"), "name_format cannot be read"),
        (lambda: GetPhoneNumberTask(default_region="XX"), "default_region is 'XX'"),
        (lambda: GetDOBTask(default_region="XX"), "default_region is 'XX'"),
        (lambda: GetAddressTask(default_region="FR"), "default_region is 'FR'"),
        (lambda: GetDOBTask(min_age=30, max_age=20), "min_age is 30 and max_age 20"),
    ],
)
def test_an_option_that_cannot_be_is_named(make: Callable[[], object], wrong: str) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError) as caught:
            make()
        assert str(caught.value).startswith(wrong)

    clock.run(main(), virtual=True)


def test_a_name_is_told_in_the_format_that_was_given() -> None:
    name = {"first_name": "Jane", "last_name": "Doe"}
    _, told = play(
        lambda: GetNameTask(last_name=True, name_format="{last_name}, {first_name}"),
        [[Calls("update_name", name)], "Jane Doe?"],
        ["jane doe"],
        "update_name",
    )
    assert told[0].splitlines()[0] == "The name has been updated to Doe, Jane"

"""Collecting an e-mail address, with a model that follows a script and without any."""

import asyncio
from typing import Any

import pytest
from tests.agent.stage import Script, on_stage
from tests.tasks.callers import WANTS, Asks, outputs, said

from hookflash.errors import ConfigError, ToolError
from hookflash.runtime import clock
from hookflash.tasks.email import GetEmailResult, GetEmailTask
from hookflash.tasks.errors import AttemptsExceeded, CaptureDeclined
from hookflash.testing import Calls

UPDATE = "update_email_address"
CONFIRM = "confirm_email_address"
ASKED = "What is your address?"
READ = "I have a@b.co, is that right?"


def gives(email: str) -> Calls:
    return Calls(UPDATE, {"email": email})


def collect(
    script: Script, turns: list[str], **options: Any
) -> tuple[Any, dict[str, list[str]], list[str]]:
    """Play a script to a caller's turns; return the outcome, the tools' outputs, what was heard."""
    found: list[tuple[Any, dict[str, list[str]], list[str]]] = []

    async def main() -> None:
        agent = Asks(lambda: GetEmailTask(**options))
        async with on_stage(agent, [WANTS, *script]) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(3)
            for turn in turns:
                await stage.caller_says(turn)
                await asyncio.sleep(6)
            names = (UPDATE, CONFIRM, "decline_email_capture")
            outcome = agent.got[0] if agent.got else None
            found.append((outcome, {name: outputs(stage, name) for name in names}, said(stage)))

    clock.run(main(), virtual=True)
    return found[0]


def test_01_a_value_is_to_be_read_back_before_it_counts() -> None:
    outcome, told, _ = collect([ASKED, [gives(" a@b.co ")], READ], ["a at b dot co"])
    assert outcome is None
    assert told[UPDATE] == [
        "The email has been updated to a@b.co\n"
        "Repeat the email back to the user.\n"
        "Prompt the user for confirmation, do not call `confirm_email_address` directly"
    ]


@pytest.mark.parametrize(
    "calls", [[[gives("a@b.co"), Calls(CONFIRM)]], [[gives("a@b.co")], [Calls(CONFIRM)]]]
)
def test_02_nothing_is_confirmed_in_the_turn_in_which_it_was_said(calls: Script) -> None:
    outcome, told, _ = collect([ASKED, *calls, READ], ["a at b dot co"])
    assert outcome is None
    assert told[CONFIRM] == ["error error: the user must confirm the email address explicitly"]


def test_03_the_callers_yes_in_a_later_turn_confirms() -> None:
    script: Script = [ASKED, [gives("a@b.co")], READ, [Calls(CONFIRM)], "Thanks."]
    outcome, _, heard = collect(script, ["a at b dot co", "yes"])
    assert outcome == GetEmailResult("a@b.co")
    assert (outcome.domain, outcome.local_part) == ("b.co", "a")
    assert heard == [ASKED, READ, "Thanks."]


def test_04_without_confirmation_the_first_valid_value_is_the_result() -> None:
    outcome, told, _ = collect(
        [ASKED, [gives("x@y.io")], "Thanks."], ["x at y dot io"], require_confirmation=False
    )
    assert outcome == GetEmailResult("x@y.io")
    assert told[UPDATE] == ["Done."]
    task_tools: list[str] = []

    async def main() -> None:
        task_tools.extend(GetEmailTask(require_confirmation=False).tools)

    clock.run(main(), virtual=True)
    assert task_tools == [UPDATE, "decline_email_capture"]


def test_05_an_invalid_address_is_refused() -> None:
    outcome, told, _ = collect([ASKED, [gives("nope")], "Again?"], ["nope"])
    assert outcome is None
    assert told[UPDATE] == ["error Invalid email address provided: nope"]


def test_06_a_refused_address_leaves_nothing_to_confirm() -> None:
    script: Script = [
        ASKED, [gives("a@b.co")], READ, [gives("nope")], "Again?", [Calls(CONFIRM)], "Hm.",
    ]  # fmt: skip
    outcome, told, _ = collect(script, ["a at b dot co", "nope", "yes"])
    assert outcome is None
    assert told[CONFIRM] == [
        "error error: there is nothing awaiting confirmation, "
        "`update_email_address` must be called before"
    ]


def test_07_who_declines_is_a_typed_error_with_the_reason() -> None:
    script: Script = [ASKED, [Calls("decline_email_capture", {"reason": "private"})], "Fine."]
    outcome, _, _ = collect(script, ["that is private"])
    assert isinstance(outcome, ToolError)
    assert isinstance(outcome, CaptureDeclined)
    assert str(outcome) == "couldn't get the email address: private"
    assert (outcome.field, outcome.reason) == ("email address", "private")


def test_08_the_second_address_is_read_back_letter_by_letter() -> None:
    script: Script = [ASKED, [gives("e@b.co")], "I have e@b.co?", [gives("a@b.co")], READ]
    outcome, told, _ = collect(script, ["e at b dot co", "no, it is a at b dot co"])
    assert outcome is None
    assert told[UPDATE][1].splitlines() == [
        "The email has been updated to a@b.co",
        "Repeat the email character by character: a @ b . c o",
        "Prompt the user for confirmation, do not call `confirm_email_address` directly",
    ]


# What must not happen again.


def test_a_confirmed_value_is_never_one_that_was_refused_since() -> None:
    script: Script = [
        ASKED, [gives("old@b.co")], "I have old@b.co?", [gives("nope")], "Again?",
        [gives("new@b.co")], "I have new@b.co?", [Calls(CONFIRM)], "Thanks.",
    ]  # fmt: skip
    outcome, _, _ = collect(script, ["old at b dot co", "no, nope", "new at b dot co", "yes"])
    assert outcome == GetEmailResult("new@b.co")


def test_a_decline_before_anything_was_asked_is_refused() -> None:
    script: Script = [[Calls("decline_email_capture", {"reason": "no"})], ASKED]
    outcome, told, _ = collect(script, [])
    assert outcome is None
    assert told["decline_email_capture"] == [
        "error error: the user has not been asked yet; ask them first"
    ]


def test_refused_values_end_in_a_typed_failure_and_not_in_a_loop() -> None:
    script: Script = [ASKED, [gives("nope")], "Again?", [gives("nope")], "Sorry."]
    outcome, told, _ = collect(script, ["nope", "nope"], max_attempts=2)
    assert isinstance(outcome, AttemptsExceeded)
    assert outcome.attempts == 2
    assert told[UPDATE] == ["error Invalid email address provided: nope", "Done."]


def test_a_read_back_that_was_cut_short_is_to_be_repeated() -> None:
    async def main() -> None:
        agent = Asks(GetEmailTask)
        script: Script = [
            WANTS, ASKED, [gives("a@b.co")], "Now let me see what I have: it is a@b.co, right?",
            [Calls(CONFIRM)], "I said a@b.co, is that right?", [Calls(CONFIRM)], "Thanks.",
        ]  # fmt: skip
        async with on_stage(agent, script) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(3)
            await stage.caller_says("a at b dot co")
            await asyncio.sleep(0.5)
            await stage.caller_says("yes")
            await asyncio.sleep(4)
            assert agent.got == []
            assert outputs(stage, CONFIRM) == [
                "error error: the user has not heard the whole email address; say it again and "
                "ask whether it is right: a as in alfa at b as in bravo dot co"
            ]
            await stage.caller_says("yes")
            await asyncio.sleep(3)
            assert agent.got == [GetEmailResult("a@b.co")]

    clock.run(main(), virtual=True)


def test_what_the_caller_said_before_is_read_back_too() -> None:
    async def main() -> None:
        agent = Asks(GetEmailTask)
        script: Script = [WANTS, [gives("a@b.co")], READ, [Calls(CONFIRM)], "Thanks."]
        async with on_stage(agent, script) as stage:
            await stage.caller_says("begin, my address is a at b dot co")
            await asyncio.sleep(4)
            assert agent.got == [], "though the model had it at once"
            await stage.caller_says("yes")
            await asyncio.sleep(3)
            assert agent.got == [GetEmailResult("a@b.co")]

    clock.run(main(), virtual=True)


def test_with_an_explicit_ask_what_was_said_before_does_not_count() -> None:
    async def main() -> None:
        agent = Asks(lambda: GetEmailTask(require_explicit_ask=True))
        script: Script = [WANTS, ASKED, [gives("a@b.co")], "Your address?"]
        async with on_stage(agent, script) as stage:
            await stage.caller_says("begin, my address is a at b dot co")
            await asyncio.sleep(3)
            await stage.caller_says("I told you")
            await asyncio.sleep(3)
            assert agent.got == []
            assert stage.llm.choices[:2] == [None, "none"]
            assert outputs(stage, UPDATE)[0].startswith("error error: the user has not said this")

    clock.run(main(), virtual=True)


def test_a_value_that_the_caller_did_not_say_is_refused() -> None:
    outcome, told, _ = collect([ASKED, [gives("john@b.co")], "Your address?"], ["it is at work"])
    assert outcome is None
    assert told[UPDATE] == [
        "error error: the user has not said this email address; ask them for it, and pass only "
        "what they say"
    ]


def test_a_confirmation_after_a_no_is_refused() -> None:
    script: Script = [ASKED, [gives("a@b.co")], READ, [Calls(CONFIRM)], "What is wrong?"]
    outcome, told, _ = collect(script, ["a at b dot co", "no"])
    assert outcome is None
    assert told[CONFIRM] == [
        "error error: the user did not agree; ask what is wrong with the email address"
    ]


def test_a_confirmation_of_nothing_is_refused() -> None:
    _, told, _ = collect([ASKED, [Calls(CONFIRM)], "Your address?"], ["yes"])
    assert told[CONFIRM] == [
        "error error: no email address were provided, `update_email_address` must be called before"
    ]


def test_what_looks_like_a_slip_is_taken_with_a_question() -> None:
    _, told, _ = collect([ASKED, [gives("a@gmial.com")], "Hm?"], ["it is a at gmial dot com"])
    assert told[UPDATE][0].splitlines()[-1] == (
        "Ask whether they mean a@gmail.com, which is more usual."
    )


def test_spelling_can_be_wanted_from_the_first_reading() -> None:
    script: Script = [ASKED, [gives("a@b.co")], READ]
    _, told, _ = collect(
        script, ["a at b dot co"], verify_spelling=True, require_confirmation=False
    )
    assert told[UPDATE][0].splitlines()[1] == (
        "Repeat the email character by character: a @ b . c o"
    )


def test_each_failure_changes_how_the_model_is_told_to_ask() -> None:
    async def main() -> None:
        agent = Asks(GetEmailTask)
        script: Script = [WANTS, ASKED, [gives("nope")], "Again?"]
        async with on_stage(agent, script) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(3)
            await stage.caller_says("nope")
            await asyncio.sleep(3)
            told = "\n".join(request.instructions for request in stage.llm.requests[1:])
            assert [line for line in told.splitlines() if line.startswith("Now, ")] == [
                "Now, ask for the whole address.",
                "Now, ask for the whole address.",
                "Now, ask in two parts: first for what comes before the at sign, then for the "
                "rest.",
            ]

    clock.run(main(), virtual=True)


def test_silence_lets_the_model_ask_again_until_it_gives_up() -> None:
    async def main() -> None:
        agent = Asks(lambda: GetEmailTask(max_attempts=2))
        script: Script = [WANTS, ASKED, "Hello, your address?", "Too bad."]
        async with on_stage(agent, script) as stage:
            await stage.caller_says("begin")
            await asyncio.sleep(32)
            assert [type(error) for error in agent.got] == [AttemptsExceeded]
            assert said(stage) == [ASKED, "Hello, your address?", "Too bad."]

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"max_attempts": 0}, "max_attempts is 0; give a number from 1 to 20"),
        ({"answer_within": 0.0}, "answer_within is 0.0; give seconds above 0"),
        ({"mind": "mine"}, "mind is 'mine'; give 'model', 'rules', or None"),
        ({"timeout": -1.0}, "timeout is -1.0; give seconds above 0"),
    ],
)
def test_an_option_that_cannot_be_is_named(options: dict[str, Any], wrong: str) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError) as caught:
            GetEmailTask(**options)
        assert str(caught.value).startswith(wrong)

    clock.run(main(), virtual=True)

"""Collecting a card: what is checked, what is said, and what nobody else sees."""

import asyncio
import copy
import pickle
import re
from typing import Any

import pytest
from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import Agent, function_tool
from hookflash.errors import CallerHungUp, ConfigError, TaskTimedOut, ToolError
from hookflash.events import to_wire
from hookflash.events.session import UtteranceSpoken
from hookflash.runtime import clock
from hookflash.tasks.card import GetCreditCardResult, GetCreditCardTask
from hookflash.tasks.errors import (
    AttemptsExceeded,
    CaptureDeclined,
    CardCaptureDeclinedError,
)
from hookflash.tasks.secret import Secret
from hookflash.testing import Calls

VISA = "4242424242424242"
AMEX = "378282246310005"


class Shop(Agent):
    def __init__(self, **options: Any) -> None:
        super().__init__("You sell.")
        self.options: dict[str, Any] = {"mind": "rules", **options}
        self.got: list[Any] = []

    @function_tool
    async def pay(self) -> str:
        """Take a card."""
        try:
            card = await GetCreditCardTask(**self.options)
        except BaseException as exc:
            self.got.append(exc)
            raise
        self.got.append(card)
        return "paid"


PAY: Script = [[Calls("pay")], "Thank you."]


class Caller:
    """Keys and says things on a stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def keys(self, digits: str, *, after: float = 4.0) -> None:
        await asyncio.sleep(after)
        self.stage.leg.press(digits)

    async def says(self, text: str, *, after: float = 4.0) -> None:
        await asyncio.sleep(after)
        await self.stage.caller_says(text)

    async def names(self) -> None:
        await self.says("John Smith", after=6.0)
        await self.says("yes", after=3.0)
        await asyncio.sleep(3.0)


def spoken(stage: Stage) -> list[str]:
    """What the agent said, as the events tell it."""
    return [event.said for event in stage.of(UtteranceSpoken)]


def pays(steps: str, script: Script = PAY, **options: Any) -> tuple[Shop, Stage]:
    """Play a caller: each line is what they key (digits) or say; `name` gives the name."""

    async def main() -> tuple[Shop, Stage]:
        shop = Shop(**options)
        async with on_stage(shop, script) as stage:
            caller = Caller(stage)
            await caller.says("I want to pay", after=0.5)
            for step in filter(None, map(str.strip, steps.splitlines())):
                if step == "name":
                    await caller.names()
                elif step.startswith("wait "):
                    await asyncio.sleep(float(step[5:]))
                elif step[0] in "0123456789*#":
                    await caller.keys(step)
                else:
                    await caller.says(step)
            await asyncio.sleep(6.0)
            if shop.got:
                assert stage.session.agent is shop
            return shop, stage

    return clock.run(main(), virtual=True)


def test_a_keyed_card_is_read_back_by_its_last_four_digits_and_returned() -> None:
    shop, stage = pays(f"{VISA}#\n0435\nyes\n012\nname")
    (card,) = shop.got
    assert card == GetCreditCardResult(
        cardholder_name="John Smith",
        issuer="Visa",
        last_four="4242",
        expiration_date="04/35",
        card_number=Secret(VISA),
        security_code=Secret("012"),
    )
    assert spoken(stage)[:4] == [
        "Please key in, or say, the 15 or 16 digits of your card number.",
        "When does the card expire? Please say the month and the year, or key in 4 digits.",
        "I have a Visa card ending in • • • •, valid until April ••••. Is that right?",
        "Please key in, or say, the 3 digits on the back of your card.",
    ]
    aloud = " ".join(stage.tts.spoken)
    assert aloud.count("four two four two") == 1
    assert "four two four two four" not in aloud
    assert stage.items[-2] == "output pay: paid"


@pytest.mark.parametrize(
    ("number", "issuer"),
    [
        ("4242 4242 4242 4242", "Visa"),
        ("2223003122003222", "Mastercard"),
        ("3530111333300000", "JCB"),
        ("30569309025904", "Diners Club"),
        ("6011111111111117", "Discover"),
        ("9999999999999995", "Other"),
    ],
)
def test_22_the_issuer_is_found_by_the_range_of_the_number(number: str, issuer: str) -> None:
    shop, _ = pays(f"{number.replace(' ', '')}#\n0435\nyes\n012\nname")
    (card,) = shop.got
    assert card.issuer == issuer


def test_22_a_number_with_a_wrong_check_digit_is_rejected_at_the_first_reading() -> None:
    shop, stage = pays(f"4242424242424241#\n{VISA}#\n0435\nyes\n012\nname")
    assert spoken(stage)[1].startswith("I am sorry, that card number is not valid. Please key in")
    (card,) = shop.got
    assert card.card_number.reveal() == VISA


@pytest.mark.parametrize(
    ("keyed", "told"),
    [
        ("1330", "the expiration month is invalid"),
        ("0420", "the card is expired"),
        ("1225", "the card is expired"),
        ("0199", "the expiration year is invalid"),
    ],
)
def test_23_an_expiration_date_that_cannot_be_is_told_why(keyed: str, told: str) -> None:
    shop, stage = pays(f"{VISA}#\n{keyed}\n0435\nyes\n012\nname")
    assert spoken(stage)[2].startswith(f"I am sorry, {told}. Please say the month")
    (card,) = shop.got
    assert card.expiration_date == "04/35"


@pytest.mark.parametrize(
    "words", ["April twenty thirty five", "April 2035", "oh four thirty five", "zero four 2035"]
)
def test_23_the_year_may_be_said_with_two_digits_or_four(words: str) -> None:
    shop, _ = pays(f"{VISA}#\n{words}\nyes\n012\nname")
    (card,) = shop.got
    assert card.expiration_date == "04/35"


def test_the_month_in_which_a_card_expires_still_counts() -> None:
    shop, _ = pays(f"{VISA}#\n0126\nyes\n012\nname")  # virtual time is in January 2026
    (card,) = shop.got
    assert card.expiration_date == "01/26"


def test_24_a_short_code_is_refused_and_a_leading_zero_is_kept() -> None:
    shop, stage = pays(f"{VISA}#\n0435\nyes\n12#\nwait 5\n012\nname")
    assert spoken(stage)[4].startswith("I am sorry, that security code is not complete.")
    (card,) = shop.got
    assert card.security_code.reveal() == "012"


def test_24_american_express_has_codes_of_four_digits() -> None:
    shop, stage = pays(f"{AMEX}#\n0435\nyes\n123#\nwait 5\n0123\nname")
    assert spoken(stage)[3] == "Please key in, or say, the 4 digits on the front of your card."
    assert spoken(stage)[4].startswith("I am sorry, that security code is not complete.")
    (card,) = shop.got
    assert (card.issuer, card.security_code.reveal()) == ("American Express", "0123")


def test_a_card_may_be_said_in_parts() -> None:
    shop, stage = pays(
        """four two four two, four two four two
        double four oh sorry
        """
        f"{VISA}#\n0435\nyes\n012\nname"
    )
    (card,) = shop.got
    assert card.card_number.reveal() == VISA
    shop, stage = pays(
        """it is four two four two, four two four two
        four two four two, four two four two
        April twenty thirty five
        yes
        zero one two
        oh one two
        name"""
    )
    (card,) = shop.got
    assert card.card_number.reveal() == VISA
    assert card.security_code.reveal() == "012"
    assert "Please say or key in the security code once more." in spoken(stage)


def test_a_code_that_is_said_differently_is_asked_for_again() -> None:
    shop, stage = pays(
        f"{VISA}#\n0435\nyes\nzero one two\nzero one three\n345\nname",
    )
    assert any(said.startswith("The two codes do not match.") for said in spoken(stage))
    (card,) = shop.got
    assert card.security_code.reveal() == "345"


def test_a_part_that_nothing_follows_is_asked_for_anew() -> None:
    shop, stage = pays(f"42424242#\nwait 6\n{VISA}#\n0435\nyes\n012\nname")
    assert spoken(stage)[1].startswith("I am sorry, that card number is not valid.")
    (card,) = shop.got
    assert card.card_number.reveal() == VISA


def test_the_star_key_clears_what_was_keyed() -> None:
    shop, _ = pays(f"9999*{VISA}#\n0435\nyes\n012\nname")
    (card,) = shop.got
    assert card.card_number.reveal() == VISA


def test_25_the_caller_may_start_again_at_any_point() -> None:
    shop, stage = pays(f"{AMEX}#\n0435\nyes\nwrong card, sorry\n{VISA}#\n0435\nyes\n012\nname")
    assert "All right, let us start again." in " ".join(spoken(stage))
    (card,) = shop.got
    assert card.card_number.reveal() == VISA


def test_25_the_caller_may_start_again_when_the_name_is_asked_for() -> None:
    shop, _ = pays(f"{AMEX}#\n0435\nyes\n0123\nwait 3\nstart over\n{VISA}#\n0435\nyes\n012\nname")
    (card,) = shop.got
    assert card.card_number.reveal() == VISA


def test_no_to_the_read_back_starts_again() -> None:
    shop, _ = pays(f"{AMEX}#\n0435\nno\n{VISA}#\n0435\nyes\n012\nname")
    (card,) = shop.got
    assert card.card_number.reveal() == VISA


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("I would rather not say", "the caller does not want to say"),
        ("can I talk to a person", "the caller wants a person"),
    ],
)
@pytest.mark.parametrize("before", ["", f"{VISA}#", f"{VISA}#\n0435\nyes"])
def test_25_the_caller_may_decline_at_any_point(before: str, words: str, reason: str) -> None:
    shop, stage = pays(f"{before}\n{words}")
    (error,) = shop.got
    assert isinstance(error, CardCaptureDeclinedError)
    assert isinstance(error, CaptureDeclined)
    assert str(error) == f"couldn't get the card details: {reason}"
    assert error.reason == reason
    assert stage.items[-2:] == [f"error pay: {error}", "assistant: Thank you."]


def test_25_declining_the_name_declines_the_card() -> None:
    shop, _ = pays(f"{VISA}#\n0435\nyes\n012\nwait 4\nI would rather not say")
    (error,) = shop.got
    assert isinstance(error, CardCaptureDeclinedError)
    assert str(error).startswith("couldn't get the card details: ")


def test_25_a_model_that_asks_for_the_name_may_decline_for_the_caller() -> None:
    script: Script = [
        [Calls("pay")],
        "What name is on the card?",
        [Calls("decline_card_capture", {"reason": "it is not theirs"})],
        "Never mind.",
    ]
    card = f"{VISA}#\n0435\nyes\n012"
    shop, stage = pays(f"{card}\nwait 4\nI do not own it", script, mind="model")
    (error,) = shop.got
    assert isinstance(error, CardCaptureDeclinedError)
    assert str(error) == "couldn't get the card details: it is not theirs"
    assert stage.items[-1] == "assistant: Never mind."
    name = stage.llm.requests[1]
    assert "printed on the card" in name.instructions
    assert VISA[:4] not in repr(name.items)


def test_25_a_model_that_asks_for_the_name_may_begin_again_for_the_caller() -> None:
    again = [Calls("restart_card_collection", {"reason": "another card"})]
    update = [Calls("update_name", {"first_name": "John", "last_name": "Smith"})]
    script: Script = [
        [Calls("pay")],
        "What name is on the card?",
        again,
        "What name is on the card?",
        [*update],
        "John Smith, right?",
        [Calls("confirm_name")],
        "Thank you.",
    ]
    card = f"{VISA}#\n0435\nyes\n012"
    shop, stage = pays(
        f"{AMEX}#\n0435\nyes\n0123\nwait 4\nI have got a newer one\n"
        f"{card}\nwait 4\nJohn Smith\nyes",
        script,
        mind="model",
    )
    (result,) = shop.got
    assert (result.card_number.reveal(), result.cardholder_name) == (VISA, "John Smith")
    assert stage.items[-1] == "assistant: Thank you."


def test_a_yes_before_the_last_four_were_heard_is_no_confirmation() -> None:
    async def main() -> None:
        shop = Shop()
        async with on_stage(shop, PAY) as stage:
            caller = Caller(stage)
            await caller.says("I want to pay", after=0.5)
            await caller.keys(f"{VISA}#")
            await caller.keys("0435")
            await caller.says("yes that is right", after=0.2)
            await asyncio.sleep(4.0)
            assert spoken(stage)[-1].startswith("I have a Visa card")
            assert not stage.of(UtteranceSpoken)[-1].interrupted
            await caller.says("yes", after=1.0)
            await asyncio.sleep(1.0)
            assert stage.session.history.last_assistant_text().startswith("Please key in, or say")
            assert len([said for said in spoken(stage) if said.startswith("I have a")]) == 1


def test_a_hash_key_out_of_habit_does_not_hush_the_next_question() -> None:
    shop, stage = pays(f"{VISA}\n#\n0435#\nyes\n012#\nname")
    assert isinstance(shop.got[0], GetCreditCardResult)
    assert not any(event.interrupted for event in stage.of(UtteranceSpoken))


def test_an_answer_hushes_the_question() -> None:
    async def main() -> None:
        shop = Shop()
        async with on_stage(shop, PAY) as stage:
            caller = Caller(stage)
            await caller.says("I want to pay", after=0.5)
            await caller.keys(f"{VISA}#", after=0.5)
            await asyncio.sleep(0.5)
            (asked,) = stage.of(UtteranceSpoken)
            assert asked.interrupted
            assert asked.heard == "Please"

    clock.run(main(), virtual=True)


def test_silence_is_asked_again_and_then_given_up() -> None:
    shop, stage = pays("wait 80", max_attempts=3)
    (error,) = shop.got
    assert isinstance(error, AttemptsExceeded)
    assert str(error) == "couldn't get the card number: 3 attempts have failed"
    assert [said[:30] for said in spoken(stage)[:4]] == [
        "Please key in, or say, the 15 ",
        "I am sorry, I heard nothing. P",
        "I am sorry, I heard nothing. P",
        "I am sorry, I could not get it",
    ]


def test_something_else_is_asked_again_and_a_moment_is_given() -> None:
    shop, stage = pays(
        f"let me look for it\nwhat is the weather like\nplease repeat that\n"
        f"{VISA}#\n0435\nyes\n012\nname"
    )
    assert spoken(stage)[1] == "Of course, take your time."
    assert spoken(stage)[2].startswith("I am sorry, that card number is not valid.")
    assert spoken(stage)[3].startswith("Please use the keypad: key in your card number")
    assert isinstance(shop.got[0], GetCreditCardResult)


def test_without_confirmation_nothing_is_read_back() -> None:
    shop, stage = pays(f"{VISA}#\n0435\nzero one two\nwait 1\nname", require_confirmation=False)
    assert not any("ending in" in said for said in spoken(stage))
    (card,) = shop.got
    assert card.security_code.reveal() == "012"


def test_hanging_up_and_time_limits_end_it() -> None:
    async def main() -> None:
        shop = Shop()
        async with on_stage(shop, PAY) as stage:
            caller = Caller(stage)
            await caller.says("I want to pay", after=0.5)
            await caller.keys("4242")
            stage.leg.hang_up()
            await stage.session.wait_closed()
            assert [type(got) for got in shop.got] == [CallerHungUp]

    clock.run(main(), virtual=True)
    shop, stage = pays("wait 20", timeout=10.0)
    assert [type(got) for got in shop.got] == [TaskTimedOut]
    assert stage.items[-1] == "assistant: Thank you."


def test_no_model_is_asked_before_number_and_code_are_there() -> None:
    _, stage = pays(f"what do you need it for\n{VISA}#\nApril 2035\nyes\n012\nwait 2")
    assert len(stage.llm.requests) == 1, "that of the shop"


def test_nothing_shows_number_or_code() -> None:
    secrets = (VISA, "4242 4242", "4 2 4 2 4 2 4 2", "918", "nine one eight", "nine eighteen")
    shop, stage = pays(f"{VISA[:8]}#\n{VISA[8:]}#\n0435\nyes\nnine one eight\nnine eighteen\nname")
    (card,) = shop.got
    assert card.security_code.reveal() == "918"
    seen = [
        *map(repr, stage.session.history.items),
        *(repr(to_wire(event)) for event in stage.events),
        *(repr(request.items) for request in stage.llm.requests),
        repr(card),
        f"{card}",
    ]
    for text in seen:
        # Identifiers made by chance, and moments, may hold any three digits.
        plain = re.sub(r"_[0-9a-f]{12}|\d+\.\d+", "", text)
        for secret in secrets:
            assert secret not in plain


def test_a_tokeniser_is_given_the_card_and_the_result_holds_its_token() -> None:
    given: list[GetCreditCardResult] = []

    async def tokenise(card: GetCreditCardResult) -> str:
        given.append(card)
        return "tok_1"

    shop, _ = pays(f"{VISA}#\n0435\nyes\n012\nname", tokenise=tokenise)
    (card,) = shop.got
    assert given[0].card_number == Secret(VISA)
    assert (card.token, card.card_number, card.security_code) == ("tok_1", None, None)
    assert (card.last_four, card.issuer) == ("4242", "Visa")


def test_what_a_tokeniser_raises_does_not_show_the_card(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def tokenise(card: GetCreditCardResult) -> str:
        assert card.card_number is not None
        raise ValueError(card.card_number.reveal())

    shop, stage = pays(f"{VISA}#\n0435\nyes\n012\nname", tokenise=tokenise)
    (error,) = shop.got
    assert type(error) is ToolError
    assert str(error) == "the card could not be stored; offer another way to pay"
    assert VISA not in caplog.text
    assert VISA not in "".join(repr(to_wire(event)) for event in stage.events)

    async def declines(card: GetCreditCardResult) -> str:
        raise ToolError("the bank says no")

    shop, _ = pays(f"{VISA}#\n0435\nyes\n012\nname", tokenise=declines)
    assert [str(got) for got in shop.got] == ["the bank says no"]


def test_bad_options_are_refused_by_name() -> None:
    async def main() -> None:
        for name, value in (("max_attempts", 0), ("answer_within", 0), ("more_within", -1)):
            with pytest.raises(ConfigError, match=f"{name} is {value}"):
                GetCreditCardTask(**{name: value})  # type: ignore[arg-type]  # by name
        with pytest.raises(ConfigError, match="timeout is 0"):
            GetCreditCardTask(timeout=0)

    clock.run(main(), virtual=True)


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("4242")
    assert secret.reveal() == "4242"
    assert [repr(secret), str(secret), f"{secret}"] == ["Secret(••••)", "••••", "••••"]
    assert secret == Secret("4242")
    assert secret != Secret("4243")
    assert secret != "4242"
    assert len({secret, Secret("4242")}) == 1
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)

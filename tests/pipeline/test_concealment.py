import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.machines.endpointing import ENGLISH, completeness, spoken_digits
from hookflash.pipeline.concealment import LINGER, Concealment, mask_numbers
from hookflash.runtime import clock


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("my card is 4111 1111 1111 1111", "my card is •••• •••• •••• ••••"),
        ("four one double one, please", "• • double •, please"),
        ("twenty three fifteen", "•• ••"),
        ("Twenty-Three", "••"),
        ("eight hundred", "• ••"),
        ("it's 4,111.50 or 4th", "it's •,•••.•• or •••"),
        ("passport C01X00T47", "passport •••••••••"),
        ("\u0664\u0661", "••"),
        ("no number here", "no number here"),
        ("", ""),
    ],
)
def test_numbers_are_masked_digit_by_digit_in_every_spelling(said: str, seen: str) -> None:
    assert mask_numbers(said) == seen


def test_short_numbers_can_be_spared() -> None:
    said = "One moment, your 16 digits: four one, 1 1."
    assert mask_numbers(said, least=3) == "One moment, your 16 digits: • •, • •."


number_words = st.sampled_from([*ENGLISH.digits, "double", "please", "4111", "and", "it's", "7"])


@given(st.lists(number_words).map(" ".join))
def test_a_masked_text_counts_as_many_digits_and_shows_none(said: str) -> None:
    seen = mask_numbers(said)
    assert len(spoken_digits(seen)) == len(spoken_digits(said))
    assert spoken_digits(seen).strip("0") == ""
    expected = ExpectationSet(expects=Expectation.DIGITS, length=4)
    assert completeness(seen, expected) is completeness(said, expected)


@given(st.text())
def test_masking_never_fails_and_masking_again_changes_nothing(said: str) -> None:
    seen = mask_numbers(said)
    assert not any(char.isdigit() for char in seen)
    assert mask_numbers(seen) == seen


def test_keys_are_masked_while_it_is_on_and_the_number_is_known_to_who_may() -> None:
    async def main() -> None:
        concealment = Concealment()
        assert concealment.key("4", finish_key="#") == "4"
        concealment.begin()
        assert [concealment.key(key, finish_key="#") for key in "2*#"] == ["•", "•", "#"]
        assert concealment.number("4••") == "42*"
        concealment.end()
        assert not concealment.on
        assert concealment.key("7", finish_key="#") == "7"
        assert concealment.number("7") == "7"

    clock.run(main(), virtual=True)


def test_the_words_of_a_turn_are_known_to_who_may() -> None:
    async def main() -> None:
        concealment = Concealment()
        assert concealment.words("it is four", final=True) == "it is four"
        concealment.begin()
        assert concealment.words("one", final=False) == "•"
        assert concealment.words("one one", final=True) == "• •"
        assert concealment.words("two two", final=True) == "• •"
        assert concealment.turn("it is four • • • •") == "it is four one one two two"
        # What the machine has dropped is passed over; a guess that it settled for is not.
        concealment.words("mhm", final=True)
        concealment.words("nine", final=False)
        assert concealment.turn("•") == "nine"
        # And what is unknown stays masked.
        assert concealment.turn("• and more") == "• and more"

    clock.run(main(), virtual=True)


def test_it_nests_and_tells_when_it_goes_on_and_off() -> None:
    told: list[bool] = []

    async def main() -> None:
        concealment = Concealment(changed=told.append)
        concealment.begin()
        concealment.begin()
        concealment.end()
        assert concealment.on
        concealment.end()
        assert told == [True, False]

    clock.run(main(), virtual=True)


def test_it_lasts_until_the_caller_has_finished_what_was_going_on() -> None:
    async def main() -> None:
        concealment = Concealment()
        concealment.begin()
        concealment.speaking(True)
        concealment.end()
        await asyncio.sleep(60.0)  # they go on and on
        assert concealment.words("four two", final=False) == "• •"
        concealment.speaking(False)
        assert concealment.words("four two", final=True) == "• •"
        assert concealment.turn("• •") == "four two"
        assert not concealment.on

        concealment.begin()
        concealment.key("4", finish_key="#")
        concealment.end()
        assert concealment.key("2", finish_key="#") == "•"
        assert concealment.number("••") == "42"
        assert not concealment.on
        concealment.close()

    clock.run(main(), virtual=True)


def test_a_cough_does_not_keep_it_on_for_ever() -> None:
    async def main() -> None:
        concealment = Concealment()
        concealment.begin()
        concealment.speaking(True)
        concealment.end()
        await asyncio.sleep(1.0)
        concealment.speaking(False)
        await asyncio.sleep(LINGER - 0.1)
        assert concealment.on
        await asyncio.sleep(0.2)
        assert not concealment.on

    clock.run(main(), virtual=True)


def test_after_the_call_it_does_not_linger() -> None:
    async def main() -> None:
        concealment = Concealment()
        concealment.begin()
        concealment.speaking(True)
        concealment.key("4", finish_key="#")
        concealment.close()
        concealment.end()
        assert not concealment.on

    clock.run(main(), virtual=True)


def test_beginning_again_while_it_lingers_keeps_it_on() -> None:
    async def main() -> None:
        concealment = Concealment()
        concealment.begin()
        concealment.key("4", finish_key="#")
        concealment.end()
        concealment.begin()
        await asyncio.sleep(LINGER + 1.0)
        assert concealment.on
        concealment.close()
        concealment.close()

    clock.run(main(), virtual=True)

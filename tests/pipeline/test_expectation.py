import pytest

from hookflash.events.turn import Expectation
from hookflash.pipeline.expectation import guess_expectation


@pytest.mark.parametrize(
    ("words", "expects", "length"),
    [
        ("", Expectation.ANYTHING, None),
        ("How can I help you?", Expectation.ANYTHING, None),
        ("Is that correct?", Expectation.YES_NO, None),
        ("That is Tuesday at ten, right?", Expectation.YES_NO, None),
        ("We are open. Would you like to book?", Expectation.YES_NO, None),
        ("Would you like to book? Thank you.", Expectation.ANYTHING, None),
        ("Please say yes or no?", Expectation.YES_NO, None),
        ("Please key in your four digit booking number.", Expectation.DIGITS, 4),
        ("Please key in the 6-digit code.", Expectation.DIGITS, 6),
        ("Please key in your number.", Expectation.DIGITS, None),
        ("Please enter 99999-digit nonsense digits.", Expectation.DIGITS, None),
        ("Could you spell that for me?", Expectation.SPELLING, None),
        ("I will give you ten. Now, which day?", Expectation.ANYTHING, None),
    ],
)
def test_the_last_sentence_tells_what_is_expected(
    words: str, expects: Expectation, length: int | None
) -> None:
    guess = guess_expectation(words)
    assert (guess.expects, guess.length) == (expects, length)

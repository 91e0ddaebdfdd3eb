import pytest

from hookflash.tasks.mind import Wish, hear_wish


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        ("Can I talk to a person, please?", Wish.PERSON),
        ("operator", Wish.PERSON),
        ("agent", Wish.PERSON),
        ("my agent told me so", None),
        ("I\u2019d rather not say", Wish.REFUSES),
        ("I don't want to repeat it, give me somebody to talk to a human", Wish.PERSON),
        ("I don't want to repeat it", Wish.REFUSES),
        ("cancel", Wish.REFUSES),
        ("could you repeat that", Wish.AGAIN),
        ("what?", Wish.AGAIN),
        ("that is what it is", None),
        ("hold on please", Wish.MOMENT),
        ("I like trains", None),
        ("no", None),
        ("", None),
    ],
)
def test_what_a_caller_wants_who_does_not_answer(words: str, wish: Wish | None) -> None:
    assert hear_wish(words) is wish

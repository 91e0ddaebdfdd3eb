import pytest

from hookflash.machines.assent import assents


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("yes", True),
        ("Yeah, go ahead!", True),
        ("of course", True),
        ("that's right", True),
        ("That\u2019s it.", True),
        ("I do", True),
        ("please do", True),
        ("sounds good to me", True),
        ("yes, thanks", True),
        ("no", False),
        ("no thank you", False),
        ("nope, that is wrong", False),
        ("not really", False),
        ("of course not", False),
        ("I don't", False),
        ("I can't", False),
        ("I cannot", False),
        ("that is not right", False),
        ("I'm not sure", None),
        ("I do not know", None),
        ("maybe", None),
        ("ahead of what?", None),
        ("", None),
        ("yes but first tell me about parking places nearby", None),
    ],
)
def test_an_answer_means_yes_or_no_or_neither(text: str, meaning: bool | None) -> None:
    assert assents(text) is meaning

"""What the first words of an answered call say about who says them."""

import pytest
from msgspec.structs import replace

from hookflash.errors import ConfigError
from hookflash.events.voicemail import VoicemailVerdict
from hookflash.machines.greeting import ENGLISH_GREETINGS, Judgement, judge_words


def sure(verdict: VoicemailVerdict) -> Judgement:
    return Judgement(verdict, sure=True)


@pytest.mark.parametrize(
    "text",
    [
        "Hi, this is Ann. I can't come to the phone right now.",
        "Your call has been forwarded to an automated voice messaging system.",
        "The person you are trying to reach is not available.",
        "Please record your message. When you have finished, press one or hang up.",
        "Sorry we missed your call! Leave us a message and we\u2019ll call you back.",
        "At the tone, please start speaking.",
    ],
)
def test_mailboxes_say_so(text: str) -> None:
    assert judge_words(text) == sure(VoicemailVerdict.MACHINE)


@pytest.mark.parametrize("text", ["You've reached Ann Miller.", "Ann is unavailable."])
def test_hints_are_no_more_than_that(text: str) -> None:
    assert judge_words(text) == Judgement(VoicemailVerdict.MACHINE, sure=False)


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for calling Acme. For sales, press 1.",
        "Please listen carefully, as our menu has changed.",
        "This call may be recorded.",
        "If you know your party's extension, enter it now.",
    ],
)
def test_menus_offer_keys(text: str) -> None:
    assert judge_words(text) == sure(VoicemailVerdict.IVR)


@pytest.mark.parametrize(
    "text",
    [
        "If you record your name and reason for calling, I'll see if this person is available.",
        "The person you are calling is using a screening service. Say your name.",
        "Before I try to connect you, can you tell me who's calling and why?",
    ],
)
def test_assistants_ask_who_is_calling(text: str) -> None:
    assert judge_words(text) == sure(VoicemailVerdict.CALL_SCREENING)


@pytest.mark.parametrize(
    "text",
    [
        "Hello? Who is this?",
        "You've reached Miller and sons, how can I help you?",
        "She's out. Would you like to leave a message?",
    ],
)
def test_people_ask_us_something(text: str) -> None:
    assert judge_words(text) == sure(VoicemailVerdict.HUMAN)


@pytest.mark.parametrize("text", ["", "Hello?", "Ann Miller speaking", "Did you press anyone?"])
def test_other_words_tell_nothing(text: str) -> None:
    assert judge_words(text) is None


def test_phrases_can_be_added() -> None:
    phrases = replace(ENGLISH_GREETINGS, machine=ENGLISH_GREETINGS.machine | {"nach dem signalton"})
    text = "Bitte sprechen Sie nach dem Signalton."
    assert judge_words(text) is None
    assert judge_words(text, phrases) == sure(VoicemailVerdict.MACHINE)


def test_a_phrase_that_could_never_match_is_refused_with_the_way_to_write_it() -> None:
    with pytest.raises(ConfigError, match=r"ivr has 'Press 1!'.*write 'press 1'"):
        replace(ENGLISH_GREETINGS, ivr=frozenset({"Press 1!"}))

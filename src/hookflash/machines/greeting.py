"""Who greets like this? What the first words of an answered call say about who says them.

Phrases are compared as whole words, in lower case, without punctuation. A phrase is `sure` if
hardly anybody else says it, so that it may be acted upon in the middle of a sentence; a hint is
believed only when the greeting is over and nothing else was said.
"""

from collections.abc import Set

import msgspec

from hookflash.errors import ConfigError
from hookflash.events.voicemail import VoicemailVerdict
from hookflash.machines.endpointing import words

__all__ = ["ENGLISH_GREETINGS", "GreetingPhrases", "Judgement", "judge_words"]


class GreetingPhrases(msgspec.Struct, frozen=True, kw_only=True):
    """What people and machines say when they pick up. Lower case, no punctuation but apostrophes.

    To add to a list:
    `msgspec.structs.replace(ENGLISH_GREETINGS, machine=ENGLISH_GREETINGS.machine | {...})`.
    For another language make one of your own, or unite two lists.

    Raises:
        ConfigError: a phrase could never match; the message says which, and how to write it.
    """

    machine: Set[str]
    """Said by mailboxes, and by nobody else."""
    machine_hints: Set[str]
    """Said by mailboxes, and sometimes by people and firms."""
    ivr: Set[str]
    """Said by menus."""
    call_screening: Set[str]
    """Said by assistants that ask who is calling."""
    human: Set[str]
    """Said by people alone: they ask us something, or say that it is them."""

    def __post_init__(self) -> None:
        """Refuse phrases that could never match."""
        for name in self.__struct_fields__:
            phrases: Set[str] = getattr(self, name)
            for phrase in phrases:
                if not phrase or " ".join(words(phrase)) != phrase:
                    plain = " ".join(words(phrase))
                    msg = f"{name} has {phrase!r}, which never matches; write {plain!r}"
                    raise ConfigError(msg)


_KEYS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *(str(key) for key in range(10)),
    *("star", "pound", "hash"),
)

ENGLISH_GREETINGS = GreetingPhrases(
    machine=frozenset(
        {
            *("after the tone", "after the beep", "at the tone", "at the beep"),
            *("sound of the tone", "sound of the beep", "hear the tone", "hear the beep"),
            *("leave a message", "leave me a message", "leave us a message", "leave your message"),
            *("leave a brief message", "leave a short message", "leave a detailed message"),
            *("leave your name", "leave me your name", "leave your number", "leave a voicemail"),
            *("record your message", "record a message", "recording your message"),
            *("voicemail of", "voice mail of", "voicemail for", "voice mailbox", "voice mail box"),
            *("voicemail box", "mailbox is full", "mailbox of", "mailbox for", "the mailbox"),
            *("forwarded to voicemail", "forwarded to voice mail", "forwarded to an automated"),
            *("automatic voice message", "automated voice messaging", "voice messaging system"),
            *("my voicemail", "my voice mail", "my answering machine", "answering machine of"),
            *("can't come to the phone", "cannot come to the phone", "can't take your call"),
            *("cannot take your call", "unable to take your call", "unable to answer your call"),
            *("can't answer the phone", "can't get to the phone", "unable to come to the phone"),
            *("unable to answer the phone", "missed your call", "you are trying to reach"),
            *("you're trying to reach", "you are calling is not", "you're calling is not"),
            *("the person you are calling", "the person you have called"),
            *("the subscriber you", "the party you are calling", "is not available right now"),
            *("is not available at the moment", "return your call as soon", "your call has been"),
        }
    ),
    machine_hints=frozenset(
        {
            *("you've reached", "you have reached", "you've called", "you have called"),
            *(
                "not available",
                "isn't available",
                "unavailable",
                "away from my",
                "out of the office",
            ),
            *("get back to you as soon", "call you back as soon", "return your call"),
            *("voicemail", "voice mail", "mailbox", "answering machine", "the beep", "the tone"),
            *("not here right now", "not in right now", "nobody is home", "no one is home"),
            *("reason for your call", "missed you", "brief message", "short message"),
        }
    ),
    ivr=frozenset(
        {
            *(f"press {key}" for key in _KEYS),
            *(f"dial {key}" for key in _KEYS),
            *("press any key", "press the", "main menu", "following options", "following menu"),
            *("listen carefully", "menu options", "our menu", "your party's extension"),
            *("enter your", "the extension of", "please say", "you can say", "for sales"),
            *("for customer service", "for billing", "for support", "to speak to a representative"),
            *("to speak with a representative", "to speak to an operator", "touch tone"),
            *("your call is important", "next available representative", "next available agent"),
            *("may be recorded", "will be recorded", "is being recorded", "is recorded"),
            *("our office hours", "our hours are", "our business hours"),
        }
    ),
    call_screening=frozenset(
        {
            *("name and reason for calling", "name and the reason for calling"),
            *("name and why you are calling", "name and why you're calling"),
            *("name and reason for your call", "name and the reason for your call"),
            *("say your name", "state your name", "record your name", "tell me your name"),
            *("screening service", "call is being screened", "call may be screened"),
            *("call assistant", "who is calling and why", "who's calling and why"),
            *("see if this person is available", "see if they are available"),
            *("see if they're available", "before i try to connect you", "before i connect you"),
        }
    ),
    human=frozenset(
        {
            *("who is this", "who's this", "who is that", "who's calling", "who is calling"),
            *("who am i speaking", "how can i help", "how may i help", "can i help you"),
            *("may i help you", "what can i do for you", "this is she", "this is he"),
            *("can i take a message", "may i take a message", "would you like to leave"),
            *("do you want to leave", "can you hear me", "anybody there", "anyone there"),
            *("are you there", "hello hello", "what do you want", "what's up", "wrong number"),
        }
    ),
)
"""English as phones are answered in it."""


class Judgement(msgspec.Struct, frozen=True):
    """What the words say.

    Attributes:
        verdict: who says them.
        sure: False for a hint.
    """

    verdict: VoicemailVerdict
    sure: bool


def judge_words(text: str, phrases: GreetingPhrases = ENGLISH_GREETINGS) -> Judgement | None:
    """Return who says `text`; None if the phrases do not tell.

    An assistant's question goes before all, since it may also say that its owner is unavailable.
    A person's question goes before a machine's phrase ("would you like to leave a message?"), and
    a machine's before a menu's: mailboxes offer keys, too.
    """
    spoken = f" {' '.join(words(text))} "
    for verdict, sure, listed in (
        (VoicemailVerdict.CALL_SCREENING, True, phrases.call_screening),
        (VoicemailVerdict.HUMAN, True, phrases.human),
        (VoicemailVerdict.MACHINE, True, phrases.machine),
        (VoicemailVerdict.IVR, True, phrases.ivr),
        (VoicemailVerdict.MACHINE, False, phrases.machine_hints),
    ):
        if any(f" {phrase} " in spoken for phrase in listed):
            return Judgement(verdict, sure)
    return None

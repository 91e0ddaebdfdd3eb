"""What the words themselves say about whether the speaker has finished. Pure functions of text.

A pause tells little: people stop for breath after "and" as long as they do after an answer. The
words tell more. Nothing here is a model: the rules are few, can be read, and cost microseconds.
"""

import re
from collections.abc import Mapping, Set
from enum import StrEnum
from typing import assert_never

import msgspec

from hookflash.events.digits import MASK
from hookflash.events.turn import Expectation, ExpectationSet

__all__ = [
    "ENGLISH",
    "Completeness",
    "Lexicon",
    "completeness",
    "content_words",
    "opens_with_stop_word",
    "spelled_length",
    "spoken_digits",
    "words",
]

_WORD = re.compile(rf"[\w{MASK}]+(?:'\w+)*")
_LONGEST_PHRASE = 4
_TENS = frozenset({"20", "30", "40", "50", "60", "70", "80", "90"})
_OPEN_PUNCTUATION = (",", "...", "…", "-", "\u2013", "\u2014", ":")


class Completeness(StrEnum):
    """How finished an utterance sounds."""

    COMPLETE = "complete"
    """It is a whole answer to what was asked; hardly anything can follow."""
    PLAIN = "plain"
    """Nothing speaks for or against more to come."""
    OPEN = "open"
    """It stops in the middle; more will come."""


class Lexicon(msgspec.Struct, frozen=True, kw_only=True):
    """The words of one language that the rules look for.

    Lower case; phrases of at most four words, joined by one space, without punctuation except
    the apostrophe. Derive your own with `msgspec.structs.replace(ENGLISH, stop_words=...)`.
    """

    backchannels: frozenset[str]
    """What a listener says to show that they listen, and noises of hesitation."""
    stop_words: frozenset[str]
    """What a caller says to be let in; it counts at the beginning of what they say."""
    trailing: frozenset[str]
    """Single words after which a sentence goes on."""
    answers: frozenset[str]
    """Ways to say yes or no."""
    courtesies: frozenset[str]
    """What may stand beside an answer without making it another one."""
    digits: Mapping[str, str]
    """Number words and the digits they stand for; "-ty" words take a unit after them."""
    repeats: Mapping[str, int]
    """Words that multiply the next digit or letter."""
    letters: frozenset[str]
    """Names of letters beyond the letter itself; each is one letter."""
    explanations: frozenset[str]
    """What stands between a letter and a word that explains it ("b as in bravo")."""


_TO_NINETEEN = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TIES = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

ENGLISH = Lexicon(
    backchannels=frozenset(
        {
            *("mhm", "mm", "mmm", "mm hm", "mm hmm", "mmhm", "mmhmm", "hm", "hmm", "uh huh"),
            *("ah", "aha", "oh", "yeah", "yep", "yup", "ok", "okay", "right", "sure"),
            *("alright", "all right", "i see", "got it", "gotcha", "of course", "understood"),
            *("makes sense", "exactly", "great", "cool", "wow", "no problem", "no worries"),
            *("um", "umm", "uhm", "uh", "er", "erm"),
        }
    ),
    stop_words=frozenset(
        {
            *("stop", "wait", "no", "nope", "hold on", "hang on", "hey", "excuse me", "pardon"),
            *("sorry", "one moment", "one second", "just a moment", "just a second"),
            *("just a minute", "never mind", "enough", "cancel", "operator", "agent"),
            *("representative", "be quiet", "shut up", "please stop", "please wait"),
        }
    ),
    trailing=frozenset(
        {
            *("and", "or", "but", "nor", "because", "cause", "if", "when", "while", "although"),
            *("though", "unless", "until", "since", "than", "whether", "plus", "which"),
            *("at", "by", "for", "from", "in", "into", "of", "on", "onto", "to", "with"),
            *("without", "about", "between", "near", "via", "per", "towards", "during"),
            *("a", "an", "the", "my", "your", "our", "their", "his", "its"),
            *("i", "i'm", "i'd", "i'll", "i've", "it's", "we're", "we'd", "he's", "she's"),
            *("they're", "there's", "that's", "is", "are", "was", "were"),
            *("um", "umm", "uhm", "uh", "er", "erm"),
        }
    ),
    answers=frozenset(
        {
            *("yes", "yeah", "yep", "yup", "ok", "okay", "sure", "right", "correct", "of course"),
            *("absolutely", "definitely", "certainly", "exactly", "mhm", "mm hmm", "uh huh"),
            *("no", "nope", "nah", "no way", "never", "uh uh", "not really", "not at all"),
            *("i do", "i don't", "i did", "i didn't", "i am", "i'm not", "i will", "i won't"),
            *("it is", "it isn't", "it's not", "that's right", "that's it", "that is right"),
            *("that's correct", "that is correct", "that's wrong", "that's not right"),
            *("i think so", "i don't think so", "go ahead", "please do", "sounds good"),
            *("of course not", "absolutely not", "definitely not", "certainly not"),
        }
    ),
    courtesies=frozenset(
        {
            *("please", "thanks", "thank you", "thank you very much", "sir", "madam", "ma'am"),
            *("um", "uh", "er", "erm", "oh", "well", "hmm"),
        }
    ),
    digits={
        **{word: str(number) for number, word in enumerate(_TO_NINETEEN)},
        **{word: str(10 * number) for number, word in enumerate(_TIES, start=2)},
        **dict.fromkeys(("oh", "o", "nought", "naught", "nil"), "0"),
        "niner": "9",
        "hundred": "00",
    },
    repeats={"double": 2, "triple": 3, "treble": 3},
    letters=frozenset(
        {
            # ICAO Annex 10, volume II, 5.2.1.3, with the spellings that recognisers write.
            *("alfa", "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf"),
            *("hotel", "india", "juliett", "juliet", "kilo", "lima", "mike", "november"),
            *("oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor"),
            *("whiskey", "whisky", "x ray", "xray", "yankee", "zulu"),
            *("zed", "zee", "double u", "double you"),
        }
    ),
    explanations=frozenset({"as in", "like", "for"}),
)
"""English as spoken on the telephone. "Yes" is no backchannel: who says it answers something."""


def words(text: str) -> list[str]:
    """Split into lower-case words; punctuation and hyphens separate, apostrophes do not."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))


def content_words(text: str, lexicon: Lexicon = ENGLISH) -> int:
    """Count the words that are neither backchannel nor hesitation."""
    return len(_uncovered(words(text), lexicon.backchannels))


def opens_with_stop_word(text: str, lexicon: Lexicon = ENGLISH) -> bool:
    """Whether the text begins, after backchannels and hesitation, with a stop-word or phrase."""
    spoken = words(text)
    at = 0
    while at < len(spoken):
        stop = _phrase_length(spoken, at, lexicon.stop_words)
        backchannel = _phrase_length(spoken, at, lexicon.backchannels)
        if stop > backchannel:
            return True
        if not backchannel:
            return False
        at += backchannel
    return False


def spoken_digits(text: str, lexicon: Lexicon = ENGLISH) -> str:
    """Return the digits that were read out, in order; other words are passed over.

    Understands numerals, number words, "twenty three" (23), "double four" (44) and "eight
    hundred" (800); a concealed digit (`MASK`) counts as 0. It reads as telephone and account
    numbers are read: "hundred" is two zeros, not a multiplication.
    """
    read = ""
    times = 1
    tens = False  # the last word ended on "-ty", and a unit may take the place of its zero
    for word in words(text):
        if word in lexicon.repeats:
            times, tens = lexicon.repeats[word], False
            continue
        number = lexicon.digits.get(word, "")
        if tens and len(number) == 1 and number != "0":
            read = read[:-1] + number
            tens = False
        else:
            plain = word.replace(MASK, "0")
            numeral = plain if plain.isascii() and plain.isdecimal() else ""
            digits = number or numeral
            read += digits * times if len(digits) == 1 else digits
            tens = number in _TENS
        times = 1
    return read


def spelled_length(text: str, lexicon: Lexicon = ENGLISH) -> int:
    """Count the letters and digits that were spelled out; other words are passed over.

    A word of one character is a letter, so is a letter's name ("bravo"); "double l" is two; the
    word that explains a letter ("b as in bravo", "b for bravo") is not counted.
    """
    spoken = words(text)
    count = 0
    times = 1
    at = 0
    while at < len(spoken):
        word = spoken[at]
        named = _phrase_length(spoken, at, lexicon.letters)
        if not named and word in lexicon.repeats:
            times = lexicon.repeats[word]
            at += 1
            continue
        if named or len(word) == 1:
            count += times
            at += named or 1
            explained = _phrase_length(spoken, at, lexicon.explanations)
            if explained:
                at += explained + 1
        else:
            digits = len(spoken_digits(word, lexicon))
            count += digits * times if digits == 1 else digits
            at += 1
        times = 1
    return count


def completeness(text: str, expected: ExpectationSet, lexicon: Lexicon = ENGLISH) -> Completeness:
    """Judge how finished the words are as an answer to what was expected."""
    spoken = words(text)
    listed = frozenset(expected.words)
    bare = _uncovered(spoken, lexicon.courtesies)
    if " ".join(spoken) in listed or " ".join(bare) in listed:
        return Completeness.COMPLETE
    answer = bool(bare) and not _uncovered(spoken, lexicon.answers | lexicon.courtesies)
    trails = not answer and _trails(text, spoken, lexicon)
    complete = False
    dictated = False
    match expected.expects:
        case Expectation.ANYTHING:
            pass
        case Expectation.YES_NO:
            complete = answer
        case Expectation.CHOICE:
            named = any(_phrase_length(spoken, at, listed) for at in range(len(spoken)))
            complete = named and not trails
        case Expectation.DIGITS:
            dictated = True
            complete = _reaches(len(spoken_digits(text, lexicon)), expected.length)
        case Expectation.SPELLING:
            dictated = True
            complete = _reaches(spelled_length(text, lexicon), expected.length)
        case Expectation.DICTATION:
            dictated = True
        case _:
            assert_never(expected.expects)
    if complete:
        return Completeness.COMPLETE
    return Completeness.OPEN if dictated or trails else Completeness.PLAIN


def _reaches(count: int, length: int | None) -> bool:
    return length is not None and count >= length


def _trails(text: str, spoken: list[str], lexicon: Lexicon) -> bool:
    """Whether the words stop where a sentence goes on. A question may end on "for?"."""
    ending = text.rstrip()
    if ending.endswith("?"):
        return False
    return ending.endswith(_OPEN_PUNCTUATION) or (bool(spoken) and spoken[-1] in lexicon.trailing)


def _phrase_length(spoken: list[str], at: int, phrases: Set[str]) -> int:
    """Return how many words the longest of `phrases` that stands at `at` has; 0 if none does."""
    for length in range(min(_LONGEST_PHRASE, len(spoken) - at), 0, -1):
        if " ".join(spoken[at : at + length]) in phrases:
            return length
    return 0


def _uncovered(spoken: list[str], phrases: Set[str]) -> list[str]:
    """Return the words that are part of none of `phrases`."""
    rest: list[str] = []
    at = 0
    while at < len(spoken):
        length = _phrase_length(spoken, at, phrases)
        if not length:
            rest.append(spoken[at])
        at += length or 1
    return rest

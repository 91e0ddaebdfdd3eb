"""English words. A language of your own is a table like this one."""

from hookflash.tasks.spoken.lexicon import Lexicon, Phrases

__all__ = ["ENGLISH", "NATO"]

NATO = {
    "a": "alfa", "b": "bravo", "c": "charlie", "d": "delta", "e": "echo", "f": "foxtrot",
    "g": "golf", "h": "hotel", "i": "india", "j": "juliett", "k": "kilo", "l": "lima",
    "m": "mike", "n": "november", "o": "oscar", "p": "papa", "q": "quebec", "r": "romeo",
    "s": "sierra", "t": "tango", "u": "uniform", "v": "victor", "w": "whiskey", "x": "x-ray",
    "y": "yankee", "z": "zulu",
}  # fmt: skip
"""The spelling alphabet of ICAO Annex 10, volume II, 5.2.1.3."""

_ALPHABET = {word: letter for letter, word in NATO.items()} | {
    "alpha": "a", "juliet": "j", "whisky": "w", "xray": "x",
}  # fmt: skip
_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

ENGLISH = Lexicon(
    digits={word: str(value) for value, word in enumerate(_UNITS)}
    | {"nought": "0", "naught": "0", "nil": "0", "niner": "9"},
    digit_sounds={
        "to": "2", "too": "2", "for": "4", "fore": "4", "ate": "8", "won": "1", "tree": "3",
        "sicks": "6", "fife": "5",
    },
    zero_or_o=frozenset({"oh", "o"}),
    numbers={word: value for value, word in enumerate(_TEENS, 10)},
    tens={word: 10 * value for value, word in enumerate(_TENS, 2)} | {"fourty": 40},
    hundred="hundred",
    thousand="thousand",
    joins=frozenset({"and"}),
    ordinals={word: value for value, word in enumerate(_ORDINALS, 1)}
    | {"thirtieth": 30, "forth": 4},
    repeats={"double": 2, "triple": 3, "treble": 3, "quadruple": 4},
    months={word: value for value, word in enumerate(_MONTHS, 1)}
    | {word[:3]: value for value, word in enumerate(_MONTHS, 1)}
    | {"sept": 9, "febuary": 2},
    weekdays={word: value for value, word in enumerate(_WEEKDAYS)},
    letters=Phrases(
        {
            "double u": "w", "double you": "w", "double-u": "w", "aitch": "h", "haitch": "h",
            "ess": "s", "zed": "z", "zee": "z", "vee": "v", "wye": "y", "x ray": "x",
            "x - ray": "x", "bee": "b", "cee": "c", "dee": "d", "gee": "g", "pee": "p",
            "tee": "t", "eff": "f", "ell": "l", "kay": "k", "jay": "j", "ar": "r", "ex": "x",
            "em": "m", "en": "n", "cue": "q",
        }
    ),
    letter_sounds={
        "are": "r", "you": "u", "why": "y", "see": "c", "sea": "c", "be": "b", "tea": "t",
        "eye": "i", "ee": "e", "el": "l", "ay": "a", "eh": "a", "queue": "q", "jay": "j",
        "kay": "k", "dee": "d", "bee": "b", "em": "m", "pea": "p", "ex": "x", "ar": "r",
        "gee": "g",
    },
    alphabet=_ALPHABET,
    likened=Phrases.of(
        ("as in", "is in", "like in", "like", "for", "is for", "as", "4", "four")
    ),
    cases=Phrases.of(
        ("capital", "upper case", "uppercase", "lower case", "lowercase", "letter", "small", "big")
    ),
    signs=Phrases(
        {
            "dot": ".", "period": ".", "point": ".", "full stop": ".", "dotcom": ".com",
            "at sign": "@", "at symbol": "@", "at": "@", "the at sign": "@",
            "underscore": "_", "under score": "_", "dash": "-", "hyphen": "-", "minus": "-",
            "minus sign": "-",
            "plus": "+", "plus sign": "+", "dot com": ".com", "ampersand": "&", "apostrophe": "'",
        }
    ),
    signs_typed=frozenset({"add", "hat", "et", "ad"}),
    compounds=Phrases(
        {
            "no reply": "noreply", "do not reply": "donotreply", "n / a": "null",
            "the gmail": "gmail", "the yahoo": "yahoo", "the hotmail": "hotmail",
            "the outlook": "outlook",
        }
    ),
    fillers=Phrases.of(
        (
            "um", "umm", "uh", "uhm", "er", "erm", "ah", "hm", "hmm", "mm", "okay", "ok", "yeah",
            "yes", "yep", "sure", "please", "thanks", "thank you", "thank you very much",
            "thanks a lot", "cheers", "let me see", "let's see", "let me think", "you know",
            "of course", "certainly", "alright", "all right", "and then", "so", "well", "right",
            "that's it", "that's all", "that is it", "that is all", "got it", "did you get that",
            "is that okay", "is that right", "one moment", "one second", "just a second",
            "just a moment", "hello", "hi", "basically", "then", "if you don't mind", "got that",
            "bye", "goodbye", "all one word", "one word", "all lower case", "all lowercase",
            "in lower case", "all in lower case", "no spaces", "with no spaces", "without spaces",
            "good morning", "good afternoon", "that one",
        )
    ),
    leads=Phrases.of(
        (
            "is", "it's", "it is", "that's", "that is", "that would be", "would be", "will be",
            "this is", "they are", "are", "i'm", "i am", "reach me at", "contact me at",
            "live at", "was born on", "was born in", "was born", "born on", "born in", "born",
            "call me", "use", "name's", "number's", "email's", "address's", "write to",
            "send it to", "mail me at", "email me at", "called", "expires", "expires on",
            "expiring", "go with", "be", "make that", "make it", "expires in", "stay at",
            "living at", "my email", "my email address", "email address", "the email", "email",
            "e mail", "calling from", "go by", "put", "find me at", "try",
        )
    ),
    between_figures=frozenset(
        (
            "and", "area", "by", "code", "comma", "country", "digit", "digits", "followed", "next",
            "number", "numbers", "prefix", "slash", "space", "the",
        )
    ),
    prose=frozenset(
        (
            "about", "again", "because", "but", "can", "can't", "could", "did", "do", "does",
            "don't", "except", "for", "from", "give", "has", "have", "he", "how", "human", "idea",
            "if", "instead", "know", "matter", "me", "need", "nil", "none", "not", "nothing",
            "null", "of", "on", "one", "person", "prefer", "private", "question", "rather",
            "repeat", "said", "say", "she", "should", "something", "speak", "talk", "tell", "that",
            "there", "they", "this", "to", "unknown", "unspecified", "want", "was", "we", "were",
            "what", "when", "where", "who", "why", "with", "without", "won't", "would", "you",
            "your",
        )
    ),
    respelled=Phrases.of(
        (
            "spelled", "spelt", "that's spelled", "that is spelled", "which is spelled", "spell",
            "that's spelt", "it's spelled", "i spell it", "that's", "that is", "and that's",
            "spelling", "i'll spell it", "let me spell it", "let me spell that",
            "i'll spell that", "which is",
        )
    ),
    corrections=Phrases.of(
        (
            "no", "nope", "no no", "no wait", "wait", "wait no", "no sorry", "sorry", "oh sorry",
            "i'm sorry", "sorry no", "sorry i meant", "i meant", "i mean", "no i mean",
            "no i meant", "sorry i mean", "scratch that", "strike that", "no scratch that",
            "correction", "my mistake", "oops", "wait sorry", "start over", "let me start over",
            "start again", "let me start again", "hold on", "no hold on", "no that's wrong",
            "that's wrong", "no actually", "actually no", "actually", "actually make that",
            "no make that", "sorry make that", "make that", "wait i mean", "wait i meant",
            "excuse me", "i take that back", "forget that", "no it's", "sorry it's", "no that's",
            "pardon me", "pardon",
        )
    ),
    denial="not",
)  # fmt: skip

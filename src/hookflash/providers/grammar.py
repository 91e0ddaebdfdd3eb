"""What a caller may say next, as a grammar for a recogniser that needs one: pure.

A small recogniser cannot take down free speech from a telephone, but it can tell apart the few
things that a caller is likely to say. So the grammar is built anew for each turn, from what the
agent can do (the phrases of its tools) and from what it has just asked for.

Every part of the grammar exists twice: as JSGF for the recogniser, and as a regular expression
that tells whether the recogniser reached the grammar's end or stopped somewhere on the way.
"""

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from hookflash.events.turn import Expectation, ExpectationSet

__all__ = ["ANSWERS", "COMMANDS", "CONTROLS", "COURTESIES", "Grammar", "build_grammar"]

# Few, and unlike each other: every phrase more is one more that noise and other words are taken
# for. "Bye", "hi" and "um" are short enough to fit anything, and "stop" is taken for "help", so
# they are not here.
ANSWERS = (
    *("yes", "yes please", "okay", "that's right"),
    *("no", "no thank you", "no thanks", "that's all"),
)
"""Yes and no."""

COMMANDS = ("stop", "wait", "hold on", "hold on a second")
"""What a caller says to be let in."""

COURTESIES = ("hello", "thank you", "thanks", "goodbye")
"""What stands between the things that matter."""

CONTROLS = (
    *("can you help me", "operator", "speak to a person", "can i speak to a person"),
    *("repeat that", "could you repeat that", "say that again"),
)
"""What any telephone system should understand at any time."""

_OPENERS = ("hello", "yes", "no", "wait", "thank you", "okay")
_CLOSERS = ("please", "thank you", "goodbye")

_DIGITS = ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LETTERS = tuple(f"{letter}." for letter in "abcdefghijklmnopqrstuvwxyz")
# ICAO Annex 10, volume II, 5.2.1.3, as the CMU dictionary spells the words.
_ALPHABET = (
    *("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india"),
    *("juliet", "kilo", "lima", "mike", "november", "oscar", "papa", "quebec", "romeo"),
    *("sierra", "tango", "uniform", "victor", "whiskey", "x-ray", "yankee", "zulu"),
)
# Longest run of digits or letters when the length is not known: a card number.
_LONGEST_RUN = 19
# How many phrases one grammar may hold. An agent has tens of tools, not thousands.
_MOST_PHRASES = 2000
_MOST_WORDS = 16

# How the regular expression ends a word: everything is matched against words each followed by it.
_END = " "


class Grammar(msgspec.Struct, frozen=True, kw_only=True):
    """A grammar, ready for a recogniser.

    Attributes:
        jsgf: JSpeech Grammar Format (W3C note of 2000), one public rule.
        words: every word in it.
        left_out: phrases that are not in it, for a word of theirs has no known pronunciation.
    """

    jsgf: str
    words: frozenset[str]
    left_out: tuple[str, ...]
    pattern: re.Pattern[str]

    def accepts(self, text: str) -> bool:
        """Return whether the words are a whole sentence of the grammar."""
        words = text.split()
        return self.pattern.fullmatch("".join(word + _END for word in words)) is not None


class _Rule(msgspec.Struct, frozen=True):
    """A piece of grammar, in both languages."""

    jsgf: str
    pattern: str


def build_grammar(
    expectation: ExpectationSet | None,
    phrases: Iterable[str],
    known: Callable[[str], bool],
) -> Grammar:
    """Build the grammar of the next turn.

    Args:
        expectation: what was asked for; None stands for anything.
        phrases: what this agent's callers say, in plain writing. Case, punctuation and order do
            not matter.
        known: whether a word (lower case) can be pronounced.

    Returns:
        A grammar that always has the answers, commands, courtesies and controls of this page;
        the phrases, politely framed ("hello, ... please"); and digits or letters if those are
        expected, exactly `length` of them if that is known.
    """
    wanted = expectation.words if expectation is not None else ()
    left_out: list[str] = []
    used: set[str] = set()

    def spoken(texts: Sequence[str]) -> list[tuple[str, ...]]:
        kept: dict[tuple[str, ...], None] = {}
        for text in texts:
            words = _spelled(text, known)
            if words is None:
                left_out.append(text)
            elif words:
                kept.setdefault(words)
        return list(kept)

    own = spoken([*wanted, *phrases][:_MOST_PHRASES])
    common = spoken([*ANSWERS, *COMMANDS, *COURTESIES, *CONTROLS])
    openers, closers = spoken(_OPENERS), spoken(_CLOSERS)
    for group in (own, common, openers, closers):
        used.update(word for words in group for word in words)

    rules: dict[str, _Rule] = {"common": _any_of(common)}
    top = ["common"]
    if own:
        rules["opener"] = _any_of(openers)
        rules["closer"] = _any_of(closers)
        rules["own"] = _any_of(own)
        opener, closer, phrase = (rules[name].pattern for name in ("opener", "closer", "own"))
        rules["wish"] = _Rule(
            "[<opener>] <own> [<closer>]",
            f"(?:{opener})?{phrase}(?:{closer})?",
        )
        top.append("wish")
    run = _run(expectation, known)
    if run is not None:
        symbols, length = run
        used.update(symbols)
        rules["symbol"] = _any_of([(symbol,) for symbol in symbols])
        symbol = rules["symbol"].pattern
        if length is None:
            rules["run"] = _Rule("<symbol>+", f"{symbol}{{1,{_LONGEST_RUN}}}")
        else:
            rules["run"] = _Rule(" ".join(["<symbol>"] * length), f"{symbol}{{{length}}}")
        top.append("run")
    lines = ["#JSGF V1.0;", "grammar turn;"]
    lines += [f"<{name}> = {rule.jsgf};" for name, rule in rules.items()]
    lines.append(f"public <turn> = {' | '.join(f'<{name}>' for name in top)};")
    pattern = "|".join(rules[name].pattern for name in top)
    return Grammar(
        jsgf="\n".join(lines) + "\n",
        words=frozenset(used),
        left_out=tuple(left_out),
        pattern=re.compile(f"(?:{pattern})"),
    )


def _run(
    expectation: ExpectationSet | None, known: Callable[[str], bool]
) -> tuple[list[str], int | None] | None:
    """Return the symbols of a run of digits or letters, and how many there are, if expected."""
    if expectation is None:
        return None
    if expectation.expects is Expectation.DIGITS:
        symbols: tuple[str, ...] = _DIGITS
    elif expectation.expects is Expectation.SPELLING:
        symbols = _LETTERS + _ALPHABET + _DIGITS
    else:
        return None
    length = expectation.length
    if length is not None and not 0 < length <= _LONGEST_RUN:
        length = None
    return [symbol for symbol in symbols if known(symbol)], length


def _any_of(alternatives: Sequence[tuple[str, ...]]) -> _Rule:
    """One of these sequences of words."""
    jsgf = " | ".join(f"({' '.join(words)})" for words in alternatives)
    patterns = ("".join(re.escape(word) + _END for word in words) for words in alternatives)
    return _Rule(f"({jsgf})", f"(?:{'|'.join(patterns)})")


# What may stand in a word. Nothing else gets into the grammar, so nothing needs escaping.
_WORD = re.compile(r"[a-z'][a-z'.-]*")
_NOT_IN_WORDS = re.compile(r"[^a-z0-9'.\- ]+")


def _spelled(text: str, known: Callable[[str], bool]) -> tuple[str, ...] | None:
    """Return a phrase's words as the dictionary spells them; None if one is not in it."""
    plain = text.lower().replace("\u2019", "'").replace("\u2018", "'")
    words: list[str] = []
    for token in _NOT_IN_WORDS.sub(" ", plain).split():
        found = _in_dictionary(token, known)
        if found is None or len(words) + len(found) > _MOST_WORDS:
            return None
        words += found
    return tuple(words)


def _in_dictionary(token: str, known: Callable[[str], bool]) -> list[str] | None:
    """Return the dictionary's spelling of one token: the token itself, without its full stops and
    dashes, or its parts.
    """  # noqa: D205
    if token.isdecimal() and len(token) <= _MOST_WORDS:
        digits = [_DIGITS[0], *_DIGITS[2:]]
        return [digits[int(digit)] for digit in token]
    bare = token.strip(".-'")
    for candidate in (token, bare, bare.replace(".", ""), bare.replace("-", "")):
        if _WORD.fullmatch(candidate) and known(candidate):
            return [candidate]
    parts = [part for part in re.split(r"[.-]+", bare) if part]
    if len(parts) > 1 and all(_WORD.fullmatch(part) and known(part) for part in parts):
        return parts
    return [] if not bare else None

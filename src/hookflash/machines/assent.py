"""Whether an answer says yes or no, as far as rules can tell. English only; pure."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import product

from hookflash.machines.endpointing import words

__all__ = ["FILLERS", "NEGATORS", "assents"]

_FILLER_WORDS = """
a about all alright am an and any are at be because can could did do does eh er for from get give
go got great have hello hey hi how i if in into is it its just keypad know let like lot madam many
may me might mine moment much must my need now of oh ok okay on or our out please put really right
shall should sir so some sorry sure tell than that the their them then there these they thing this
those to too uh um up us very want was we well were what which who will with would yeah yes yet
you your
"""
FILLERS = frozenset(_FILLER_WORDS.split())
"""Words that a wish can do without."""
NEGATORS = frozenset({"neither", "never", "nor", "not", "without"})
"""Words that say no to those beside them."""


class _Mark(StrEnum):
    """What a word or phrase does to an answer."""

    YES = "yes"
    OKAY = "okay"
    """A yes if nothing else is said: "Okay, the number has changed" is none."""
    NO = "no"
    NOT = "not"
    """Says no to what stands beside it."""
    ASKS = "asks"
    BUT = "but"
    """Takes a yes back, or puts it off."""
    OTHER = "other"
    NOTHING = "nothing"


def _each(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


def _any_of(*parts: str) -> list[str]:
    """Return all phrases with one of the words, divided by `/`, from each part."""
    return [" ".join(chosen) for chosen in product(*(part.split("/") for part in parts))]


# With more words than these that are no part of an answer, it is about something else.
_MOST_OTHERS = 2
_YES = _each("absolutely aye certainly correct definitely exactly sure yea yeah yep yes yup")
_OKAY = _each("alright fine ok okay right")
_NO = _each("nah negative nevermind no nope wrong")
_BUT = _each(
    "afraid again although another busy but except explain hang hold however huh if instead later "
    "maybe meeting message minute moment more or pardon perhaps probably question questions repeat "
    "sec second though unfortunately unless voicemail wait"
)
# "I am not sure" is no no.
_UNSURE = _each("catch certain hear know sure understand")
_COURTESIES = _each(
    "awesome brilliant cool excellent good help lovely ma'am nice perfect thank thanks"
)
# What somebody says of a call that they are asked to take.
_OF_CALLS = _each(
    "answer call caller connect customer he her here him line ready she speak take talk through "
    "transfer"
)
_MEANING: Mapping[str, _Mark] = {
    **dict.fromkeys(FILLERS | _COURTESIES | _OF_CALLS, _Mark.NOTHING),
    **dict.fromkeys(_BUT, _Mark.BUT),
    **dict.fromkeys(NEGATORS, _Mark.NOT),
    **dict.fromkeys(_NO, _Mark.NO),
    **dict.fromkeys(_OKAY, _Mark.OKAY),
    **dict.fromkeys(_YES, _Mark.YES),
}


_SOMEBODY = "them/him/her/the call/the caller/the customer"
_PHRASES: Mapping[str, _Mark] = {
    **dict.fromkeys(_any_of("go ahead/of course/please do/that is it"), _Mark.YES),
    **dict.fromkeys(_any_of("sounds", "good/great/fine"), _Mark.YES),
    **dict.fromkeys(
        (
            # What says yes with a word that says no.
            *_any_of("no", "problem/problems/worries/objection/objections/issue/issues/trouble"),
            *_any_of("not a problem/why not"),
            *_any_of("do/would", "not mind"),
            *_any_of("do/can", "not see why not"),
            *_any_of("all right/be my guest/by all means/do it/can do/fire away/happy to"),
            *_any_of("i am ready/that works/will do/works for me/you bet"),
            *_any_of("i am", "fine/good/ok/okay", "with"),
            *_any_of("bring/let/patch/put/send", _SOMEBODY, "in/on/over/through"),
            *_any_of("connect/transfer", f"{_SOMEBODY}/me/us"),
            *_any_of("i", "can/will", "take", f"it/that/this/{_SOMEBODY}"),
        ),
        _Mark.OKAY,
    ),
    **dict.fromkeys(
        (
            # "No, I'm fine" is a no, and "right now" no yes.
            *_any_of("i am", "alright/fine/good/ok/okay"),
            *_any_of("right", "away/here/now/there"),
            *_any_of("if you", "insist/like/must/want/wish"),
            *_any_of("got/have", "a/one", "minute/moment/sec/second"),
            *_any_of("by me/you know what"),
        ),
        _Mark.NOTHING,
    ),
    **dict.fromkeys(_any_of("make sure/yes and no/yes or no"), _Mark.BUT),
    **dict.fromkeys(_any_of("did/do", "not get", "it/that/you"), _Mark.BUT),
}
_LONGEST_PHRASE = max(len(phrase.split()) for phrase in _PHRASES)
# Whole answers, which are none as part of a sentence: "I do have one more question".
_SHORT_ANSWERS = frozenset(("it is", "they are", *_any_of("i", "am/can/did/do/will/would")))

_CLAUSE = re.compile(r"[^.,;:!?\u2026\u2013\u2014]+(?:!*\?)?")
_ENDINGS = {"'s": "is", "'m": "am", "'re": "are", "'ll": "will", "'ve": "have", "'d": "would"}
_VERBS_WITH_NOT = ("are", "could", "did", "do", "does", "is", "should", "was", "would")
_WRITTEN_OUT: Mapping[str, str] = {
    **{f"{verb}nt": f"{verb} not" for verb in _VERBS_WITH_NOT},
    **dict.fromkeys(("can't", "cant", "cannot"), "can not"),
    **dict.fromkeys(("won't", "wont"), "will not"),
    "let's": "let us",
}

_QUESTION_WORDS = _each("how what which who whom whose why")
_AUXILIARIES = _each(
    "am are can could did do does has have is may shall should was were will would"
)
_SUBJECTS = _each("he i it she that the there they this we you")
_ORDERS = frozenset(_any_of("do/have", "it/that/the/this"))
# What may stand before the verb of a question.
_LEADS = _each("actually and but er hello hey hi just now oh please so sorry uh um well")


def assents(text: str) -> bool | None:
    """Return what an answer to a yes-or-no question means; None if it says more, or is unclear.

    Whoever gets None can ask again, so that it is the safe answer. A yes before a question is none
    ("Yes? Who is this?"), nor one with a reserve ("Okay, but I'm busy"), nor one that comes after a
    no ("No, that's fine"); nor is "mm-hmm", which listeners say. But "Yes, but not now" is a no.
    """
    clauses = [_written_out(clause) for clause in _CLAUSE.findall(text)]
    marked = [_marks(clause) for clause in clauses]
    marks = [mark for clause in marked for mark in clause]
    if marks.count(_Mark.OTHER) > _MOST_OTHERS:
        return None
    if _Mark.NOT in marks:
        negated = [at for at, clause in enumerate(marked) if _Mark.NOT in clause]
        unsure = any(not _UNSURE.isdisjoint(clauses[at]) for at in negated)
        changed = any(_Mark.YES in clause for clause in marked[negated[-1] + 1 :])
        return None if unsure or changed else False
    yes = _last(marks, _Mark.YES, _Mark.OKAY)
    no = _last(marks, _Mark.NO)
    if no >= 0:
        return None if yes > no else False
    clear = _Mark.YES in marks or _Mark.OTHER not in marks
    said = clear and _Mark.BUT not in marks and yes > _last(marks, _Mark.ASKS)
    return True if said else None


def _last(marks: Sequence[_Mark], *wanted: _Mark) -> int:
    return max((at for at, mark in enumerate(marks) if mark in wanted), default=-1)


def _written_out(clause: str) -> list[str]:
    """Return the words of a clause without contractions; a question mark is one."""
    spoken: list[str] = []
    for word in words(clause):
        stem, apostrophe, ending = word.rpartition("'")
        if word in _WRITTEN_OUT:
            spoken += _WRITTEN_OUT[word].split()
        elif ending == "t" and stem.endswith("n"):
            spoken += [stem.removesuffix("n"), "not"]
        elif stem and apostrophe + ending in _ENDINGS:
            spoken += [stem, _ENDINGS[apostrophe + ending]]
        else:
            spoken.append(word)
    return [*spoken, "?"] if clause.endswith("?") else spoken


def _marks(clause: Sequence[str]) -> list[_Mark]:
    """Return what the words of a clause mean, up to where it becomes a question."""
    if " ".join(clause) in _SHORT_ANSWERS:
        return [_Mark.YES]
    if clause[-3:] == ["why", "not", "?"]:
        clause = clause[:-1]
    marks: list[_Mark] = []
    at = 0
    while at < len(clause):
        if clause[at] == "?":
            return [_Mark.ASKS]  # all of it is the question: "Yes?"
        if length := _phrase_length(clause, at):
            marks.append(_PHRASES[" ".join(clause[at : at + length])])
        elif _asks(clause, at):
            return [*marks, _Mark.ASKS]
        else:
            marks.append(_MEANING.get(clause[at], _Mark.OTHER))
        at += length or 1
    return marks


def _phrase_length(clause: Sequence[str], at: int) -> int:
    """Return how many words the longest phrase has that begins here; 0 if none does."""
    longest = min(_LONGEST_PHRASE, len(clause) - at)
    lengths = range(longest, 1, -1)
    return next((n for n in lengths if " ".join(clause[at : at + n]) in _PHRASES), 0)


def _asks(clause: Sequence[str], at: int) -> bool:
    """Whether a question begins here: recognisers may write no question marks."""
    word, before = clause[at], clause[:at]
    following = clause[at + 1] if at + 1 < len(clause) else ""
    if word in _QUESTION_WORDS:
        return before[-2:] != ["that", "is"]  # "That's what I said."
    if word in ("when", "where"):
        return following in _AUXILIARIES | {"", "?"}
    inverted = word in _AUXILIARIES and following in _SUBJECTS
    leads = _LEADS | _YES | _OKAY | _NO | _COURTESIES
    return inverted and f"{word} {following}" not in _ORDERS and leads.issuperset(before)

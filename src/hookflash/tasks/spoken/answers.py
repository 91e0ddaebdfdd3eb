"""Answers to questions that offer them: yes or no, one of several. English."""

from collections.abc import Mapping, Sequence

from hookflash.errors import UsageError
from hookflash.providers.understanding import Utterance, best_match, yes_or_no
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.heard import Heard, ambiguous, nothing
from hookflash.tasks.spoken.lexicon import Phrases
from hookflash.tasks.spoken.tokens import tokens
from hookflash.tasks.spoken.units import read, said, segments

__all__ = ["hear_choice", "hear_yes_no"]

_YES_PHRASES = frozenset(
    ("yup", "yea", "ya", "uh huh", "mhm", "you got it", "affirmative", "perfect", "spot on",
     "that works", "it is", "exactly right")
)  # fmt: skip
_NO_PHRASES = frozenset({"uh uh", "it isn't", "it is not", "that isn't it"})
# "Yes, but with a y" is not a yes.
_MORE = frozenset({"but", "except", "although"})
_YES = frozenset({"1"})
_NO = frozenset({"2"})
# Between an answer and another: a "no" is not among them.
_CHANGED = Phrases.of(
    ("wait", "i mean", "i meant", "sorry", "actually", "scratch that", "hold on", "correction")
)


def hear_yes_no(text: str) -> Heard[bool]:
    """Hear whether a caller agrees. The keys 1 and 2 are yes and no.

    "No, wait, yes" is what was said last. What says more than yes or no has no value.
    """
    keyed = text.strip()
    plain = " ".join(token.text for token in tokens(text))
    if keyed in _YES | _NO:
        return Heard(value=keyed in _YES, used=text)
    if plain in _YES_PHRASES or plain in _NO_PHRASES:
        return Heard(value=plain in _YES_PHRASES, used=text)
    words = [token.text for token in tokens(text)]
    answer = next(
        (
            later
            for begin, end, _ in reversed(_CHANGED.within(words))
            if begin and (later := yes_or_no(Utterance(" ".join(words[end:])))) is not None
        ),
        yes_or_no(Utterance(text)),
    )
    if answer is None or _MORE & set(words):
        return nothing("Neither yes nor no was heard. Ask again.", text)
    return Heard(value=answer, used=text)


def hear_choice(text: str, options: Mapping[str, Sequence[str]] | Sequence[str]) -> Heard[str]:
    """Hear which of several things a caller chooses.

    Args:
        text: what was said or keyed.
        options: what there is to choose from; or each with other words for it. Their places,
            from "one" and "the first" on, choose too.

    Raises:
        UsageError: there are no options.
    """
    named: Mapping[str, Sequence[str]] = (
        options if isinstance(options, Mapping) else dict.fromkeys(options, ())
    )
    if not named:
        msg = "options must hold at least one"
        raise UsageError(msg)
    parts = segments(read(text))
    used = said(parts[-1].units) if parts else ""
    matched = _matching(text, named)
    if len(matched) > 1:
        # After a correction only what was said last counts.
        matched = _matching(used, named) or matched
    if len(matched) == 1:
        return Heard(value=matched[0], used=used)
    if not matched:
        place = _place(used)
        if 1 <= place <= len(named):
            return Heard(value=list(named)[place - 1], used=used)
        return nothing("None of the options was heard. Name them again.", used)
    clear = best_match(Utterance(used), [(option, (option, *w)) for option, w in named.items()])
    others = tuple(option for option in matched if option != clear)
    candidates = (clear, *others) if clear else tuple(matched)
    return ambiguous("More than one option was heard. Ask which one.", used, candidates)


def _matching(text: str, named: Mapping[str, Sequence[str]]) -> list[str]:
    utterance = Utterance(text)
    return [
        option
        for option, words in named.items()
        if best_match(utterance, [(option, (option, *words))]) is not None
    ]


def _place(text: str) -> int:
    """Return the place in a list that was said; 0 if none."""
    words = text.lower().replace("number", " ").replace("option", " ").split()
    words = [word for word in words if word not in {"the", "one's"}]
    for word in words[:1]:
        if word.isdecimal() and len(word) < 3:
            return int(word)
        if word in ENGLISH.ordinals:
            return ENGLISH.ordinals[word]
        if word in ENGLISH.digits:
            return int(ENGLISH.digits[word])
    return 0

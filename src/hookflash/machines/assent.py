"""Whether an answer says yes or no, as far as rules can tell. English only; pure."""

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

_YES_WORDS = (
    "absolutely aye certainly correct definitely exactly fine ok okay right sure yeah yep yes"
)
_YES = frozenset(_YES_WORDS.split())
_NO = NEGATORS | {"no", "nah", "nope", "wrong", "negative"}
_YES_PHRASES = ("go ahead", "of course", "please do", "sounds good", "i do", "that is it")
_UNSURE = frozenset({"sure", "know", "certain"})
_THANKS = frozenset({"thank", "thanks"})


def assents(text: str) -> bool | None:
    """Return what an answer to a yes-or-no question means; None if it says more, or is unclear."""
    spoken: list[str] = []
    for word in words(text):
        stem, _, ending = word.partition("'")
        if ending == "t" or word == "cannot":
            spoken.append("not")
        else:
            spoken += [stem, "is"] if ending == "s" else [stem]
    said = frozenset(spoken)
    others = [word for word in spoken if word not in FILLERS | _YES | _NO | _THANKS]
    if len(others) > 2 or ("not" in said and said & _UNSURE):
        return None
    if said & _NO:
        return False
    line = f" {' '.join(spoken)} "
    yes = said & _YES or any(f" {phrase} " in line for phrase in _YES_PHRASES)
    return True if yes else None

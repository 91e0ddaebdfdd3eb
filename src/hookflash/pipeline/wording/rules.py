"""Rules that find what is not written as it is spoken; the first that knows a place claims it."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from hookflash.pipeline.wording.alignment import Edit

__all__ = ["Match", "Rule", "RuleSet", "claim", "rule", "rule_set"]

_FIGURE = re.compile(r"[0-9]")

Match: TypeAlias = "re.Match[str]"


class Rule(msgspec.Struct, frozen=True, eq=False):
    """A pattern, and what is said for what it finds.

    Attributes:
        pattern: where it has a group `x`, that group alone is replaced, and the rest is context.
        say: the words for a match, or None if it is not certain what it is. Returning it as it
            stands keeps it from all later rules.
    """

    pattern: re.Pattern[str]
    say: Callable[[Match], str | None]


class RuleSet(msgspec.Struct, frozen=True, eq=False):
    """Rules that can only find something in a text in which `trigger` is found.

    Attributes:
        trigger: cheaper than the rules.
        rules: the first first.
        final: whether what they say is not to be changed any more.
        figures: whether they need a figure from 0 to 9 in the text.
    """

    trigger: re.Pattern[str]
    rules: Sequence[Rule]
    final: bool = False
    figures: bool = False


def rule(pattern: str, say: Callable[[Match], str | None] | str) -> Rule:
    """Make a rule; a constant may be given for what is said."""
    return Rule(re.compile(pattern), (lambda _: say) if isinstance(say, str) else say)


def rule_set(trigger: str, rules: Sequence[Rule], *, figures: bool = False) -> RuleSet:
    """Make a set of rules from the pattern of its trigger."""
    return RuleSet(re.compile(trigger), rules, figures=figures)


def claim(
    text: str, start: int, sets: Iterable[RuleSet], finish: Callable[[str], str]
) -> list[Edit]:
    """Apply rules to a text, the first first.

    Args:
        text: what is said, with what came before it.
        start: where it begins; what stands before that is context and stays.
        sets: every rule leaves alone what one before it has claimed.
        finish: applied to the words of rules that are not final.

    Returns:
        The edits, in order and apart from each other; places are counted in `text`.
    """
    claimed = bytearray(len(text))
    edits: list[Edit] = []
    figures = _FIGURE.search(text) is not None
    for each in sets:
        if (each.figures and not figures) or each.trigger.search(text) is None:
            continue
        for one in each.rules:
            group = "x" if "x" in one.pattern.groupindex else 0
            for found in one.pattern.finditer(text):
                begin, end = found.span(group)
                if begin < start or claimed.find(1, begin, end) >= 0:
                    continue
                words = one.say(found)
                if words is None:
                    continue
                claimed[begin:end] = b"\1" * (end - begin)
                if not each.final:
                    words = finish(words)
                if words != text[begin:end]:
                    edits.append(Edit(begin, end, words))
    edits.sort(key=lambda edit: edit.start)
    return edits

"""Where does a correction go? "four one five six, no, five" replaces the last figure."""

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from hookflash.tasks.spoken.units import sounds_like

__all__ = ["alike", "best", "repairs"]

_MOST = 48
"""Ways to read a chain of corrections that are kept."""
_SURE = 0.5
_MARGIN = 0.2


def alike(one: str, other: str) -> float:
    """Return how alike two short texts are, from 0 to 1."""
    return SequenceMatcher(None, one[:64], other[:64], autojunk=False).ratio()


def repairs(
    before: Sequence[tuple[float, str]],
    after: str,
    wrong: str = "",
    *,
    starts: Sequence[int] = (),
    restart: float = 0.9,
) -> list[tuple[float, str]]:
    """Return the ways in which `after` may correct what was said before, with their likelihood.

    Who corrects themselves goes back to where the error is and goes on from there, and what they
    say again mostly resembles what it replaces; so each place from which it may replace is
    weighed by how much the old and the new resemble each other there. Starting over is one of
    the ways.

    Args:
        before: the ways to read what was said until now.
        after: what was said then.
        wrong: what was said to be wrong.
        starts: places at which the replaced part may begin; all if empty.
        restart: how likely it is that something as long as the old replaces all of it.
    """
    ways: dict[str, float] = {}
    for likely, old in before[:_MOST]:
        if wrong and old.count(wrong) == 1:
            ways[old.replace(wrong, after)] = 2.0
            continue
        for start in starts or range(max(0, len(old) - len(after)), len(old)):
            new = old[:start] + after
            ways[new] = max(ways.get(new, 0.0), likely * _retraced(old[start:], after))
    whole = bool(before) and len(after) >= len(before[0][1])
    ways[after] = max(ways.get(after, 0.0), restart if whole else 0.01)
    return sorted(((score, new) for new, score in ways.items()), reverse=True)[:_MOST]


def _retraced(old: str, new: str) -> float:
    """Return the share of the old that comes again in the new, letters that sound alike by half."""
    score = sum(1.0 if a == b else 0.5 * sounds_like(a, b) for a, b in zip(old, new, strict=False))
    return score / len(old)


def best(ways: Sequence[tuple[float, str]], fits: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the one way that is right, or all that may be; none if nothing fits."""
    fitting = [way for way in ways if fits(way[1])]
    if not fitting:
        return ()
    if len(fitting) == 1 or (fitting[0][0] >= _SURE and fitting[0][0] - fitting[1][0] >= _MARGIN):
        return (fitting[0][1],)
    return tuple(text for _, text in fitting)

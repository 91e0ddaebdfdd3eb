"""Numbers that are said figure by figure: codes, account numbers, and what others build on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hookflash.errors import UsageError
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.heard import Heard, ambiguous, incomplete, invalid, nothing
from hookflash.tasks.spoken.lexicon import Lexicon
from hookflash.tasks.spoken.repair import best, repairs
from hookflash.tasks.spoken.units import Kind, Unit, read, said, segments

__all__ = ["Figures", "figures_of", "hear_digits", "hear_figures"]

_MOST = 64


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures in what was said.

    Attributes:
        fitting: the ways to read them that fit; one if that is certain.
        longest: all that was said, if nothing fits.
        used: the words that were read.
    """

    fitting: tuple[str, ...]
    longest: str
    used: str


def hear_digits(
    text: str,
    *,
    minimum: int = 1,
    maximum: int = _MOST,
    length: int | None = None,
    lexicon: Lexicon = ENGLISH,
) -> Heard[str]:
    """Hear a number that is said figure by figure, or in groups.

    Args:
        text: what was said or keyed.
        minimum: the fewest figures, 1 or more.
        maximum: the most figures, up to 64.
        length: exactly so many; instead of the two above.
        lexicon: the language.

    Returns:
        The figures, `0` to `9`.

    Raises:
        UsageError: the lengths contradict each other.
    """
    if length is not None:
        minimum = maximum = length
    if not 1 <= minimum <= maximum <= _MOST:
        msg = f"minimum, maximum and length must be 1 to {_MOST} digits, and minimum <= maximum"
        raise UsageError(msg)
    found = hear_figures(
        text, lambda figures: figures.isdecimal() and minimum <= len(figures) <= maximum, lexicon
    )
    if len(found.fitting) == 1:
        return Heard(value=found.fitting[0], used=found.used)
    if found.fitting:
        return ambiguous(
            "It is not clear which digits are meant. Ask for the whole number again.",
            found.used,
            found.fitting,
        )
    count = len(found.longest)
    wanted = f"{minimum}" if minimum == maximum else f"{minimum} to {maximum}"
    if not count:
        return nothing("No digits were heard. Ask for the number, digit by digit.", found.used)
    told = f"{count} digits were heard, but it must be {wanted}. Ask for the whole number again."
    return (incomplete if count < minimum else invalid)(told, found.used)


def hear_figures(text: str, fits: Callable[[str], bool], lexicon: Lexicon = ENGLISH) -> Figures:
    """Find the figures that fit; a `+` before them is kept.

    Args:
        text: what was said.
        fits: whether figures are such a number as is wanted.
        lexicon: the language.
    """
    return figures_of(read(text, lexicon, numeric=True), fits, lexicon)


def figures_of(units: Iterable[Unit], fits: Callable[[str], bool], lexicon: Lexicon) -> Figures:
    """Find the figures that fit in what was read. See `hear_figures`."""
    parts = [
        (runs, "".join(unit.text for unit in part.wrong if unit.kind is Kind.FIGURES), part.units)
        for part in segments(list(units))
        if (runs := _runs(part.units, lexicon))
    ]
    used = "; ".join(said(part[2]) for part in parts)
    if not parts:
        return Figures((), "", used)
    if len(parts) == 1:
        return Figures(_choose(parts[0][0], fits), _plain("".join(parts[0][0])), used)
    ways = [(1.0, _plain("".join(parts[0][0])))]
    for runs, wrong, _ in parts[1:]:
        ways = repairs(ways, _plain("".join(runs)), wrong)
    return Figures(best(ways, fits), ways[0][1], used)


def _runs(units: Iterable[Unit], lexicon: Lexicon) -> list[str]:
    """Return the figures between words; a figure that is perhaps a word is in parentheses."""
    runs = [""]
    for unit in units:
        if unit.kind is Kind.FIGURES:
            runs[-1] += f"({unit.text})" if unit.maybe else unit.text
        elif unit.kind is Kind.SIGN:
            runs[-1] += "+" if unit.text == "+" and not runs[-1] else ""
        elif unit.kind is not Kind.WORD or unit.text not in lexicon.between_figures:
            runs.append("")
    return [run for run in runs if run.strip("+")]


def _plain(run: str) -> str:
    return run.replace("(", "").replace(")", "").lstrip("+") if "(" in run else run


def _without(run: str) -> str:
    """Leave out the figure that is perhaps a word."""
    before, _, rest = run.partition("(")
    return before + rest.partition(")")[2] if rest else run


def _choose(runs: list[str], fits: Callable[[str], bool]) -> tuple[str, ...]:
    """Return what fits: all figures, those of one stretch, or without the doubtful ones."""
    whole = "".join(runs)
    ways = dict.fromkeys(
        form
        for way in (whole, *runs)
        for form in (_plain(way), _plain(_without(way)))
        if fits(form)
    )
    return tuple(ways)

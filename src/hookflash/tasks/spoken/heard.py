"""What was made of a caller's words."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Never, TypeVar

__all__ = ["Heard", "Problem", "ProblemKind", "ambiguous", "incomplete", "invalid", "nothing"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ProblemKind(StrEnum):
    """Why there is no value."""

    NOTHING = "nothing"
    """Nothing of the kind was said."""
    INCOMPLETE = "incomplete"
    """A part is missing."""
    INVALID = "invalid"
    """It was said in full, but there is no such thing."""
    AMBIGUOUS = "ambiguous"
    """It can be understood in several ways: the candidates."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no value, and what to do about it.

    Attributes:
        kind: why.
        ask: what is wrong and what to ask the caller, for the model or the agent. Holds nothing
            that the caller said.
    """

    kind: ProblemKind
    ask: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Generic[T_co]):
    """What was made of a caller's words. It has either a value or a problem.

    Its `repr` shows only the problem: it may be about a card.

    Attributes:
        value: certain enough to be read back to the caller; None if it is not.
        problem: why there is no value.
        candidates: what it may have been, the likeliest first; to ask about, never to take.
        used: the words that were read, without those that the caller took back and fillers.
    """

    value: T_co | None = field(default=None, repr=False)
    problem: Problem | None = None
    candidates: tuple[T_co, ...] = field(default=(), repr=False)
    used: str = field(default="", repr=False)


def nothing(ask: str, used: str = "") -> Heard[Never]:
    """Nothing of the kind was said."""
    return Heard(problem=Problem(ProblemKind.NOTHING, ask), used=used)


def incomplete(ask: str, used: str = "", candidates: tuple[T, ...] = ()) -> Heard[T]:
    """A part is missing."""
    return Heard(problem=Problem(ProblemKind.INCOMPLETE, ask), used=used, candidates=candidates)


def invalid(ask: str, used: str = "", candidates: tuple[T, ...] = ()) -> Heard[T]:
    """It was said in full, but there is no such thing."""
    return Heard(problem=Problem(ProblemKind.INVALID, ask), used=used, candidates=candidates)


def ambiguous(ask: str, used: str = "", candidates: tuple[T, ...] = ()) -> Heard[T]:
    """It can be understood in several ways."""
    return Heard(problem=Problem(ProblemKind.AMBIGUOUS, ask), used=used, candidates=candidates)

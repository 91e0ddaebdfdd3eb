"""How a value is asked for, and what the words around it are."""

from dataclasses import dataclass

__all__ = ["Asking", "FieldTexts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One way to ask for a value.

    Attributes:
        questions: asked one after the other.
        advice: the same for a model, as an instruction.
        joined: how the answers make one text, by their places: `{0} at {1}`.
    """

    questions: tuple[str, ...]
    advice: str
    joined: str = "{0}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTexts:
    """What is asked for, and how.

    Attributes:
        field: what it is, such as `email address`.
        label: the same in "The ... has been updated to".
        tool: how it is called in `update_...` and `confirm_...`.
        declined: how it is called in `decline_..._capture`.
        missing: the error when something is to be confirmed and nothing was given.
        about: what a model must know about this kind of value.
        askings: ways to ask, the first one first. Each failure goes on to the next; the last one
            stays.
    """

    field: str
    label: str
    tool: str
    declined: str
    missing: str
    about: str
    askings: tuple[Asking, ...]

"""A value that does not show itself."""

import hmac
from typing import Final, NoReturn, Self

__all__ = ["Secret"]

_SHOWN: Final = "••••"


class Secret:
    """A text that only `reveal` shows: not `repr`, not `str`, not a format, not a pickle.

    Two are equal if their texts are. It keeps a text from logs and traces by accident; it does
    not protect it from a program that looks for it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hide a text."""
        self._text = text

    def reveal(self) -> str:
        """Return the text. Do not log it."""
        return self._text

    def __repr__(self) -> str:
        """Show that there is something."""
        return f"Secret({_SHOWN})"

    def __str__(self) -> str:
        """Show that there is something."""
        return _SHOWN

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Self:
        """Return itself: it does not change."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return itself, so that `dataclasses.asdict` works on what holds it."""
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        msg = "a secret cannot be pickled; reveal() it where it is needed"
        raise TypeError(msg)

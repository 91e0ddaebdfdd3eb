"""Collecting a person's name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Final, Unpack

from hookflash.agent import RunContext, function_tool
from hookflash.tasks.asking import Asking, FieldTexts
from hookflash.tasks.capture import CaptureOptions, CaptureTask
from hookflash.tasks.errors import TaskMisconfigured
from hookflash.tasks.mind import hear_wish
from hookflash.tasks.spoken import (
    Heard,
    NamePart,
    PersonName,
    Problem,
    ProblemKind,
    Reading,
    ValueKind,
    grounded,
    hear_name,
    spell_out,
)

__all__ = ["GetNameResult", "GetNameTask"]

_PARTS: Final[tuple[NamePart, ...]] = ("first", "middle", "last")
# What a model writes for a part that it does not have.
_PLACEHOLDERS = frozenset({"null", "none", "nil", "n/a", "unknown", "unspecified"})
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"


@dataclass(frozen=True, slots=True)
class GetNameResult:
    """A name. The parts that were not asked for are None."""

    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None

    @property
    def full_name(self) -> str:
        """The parts with spaces between them."""
        return " ".join(filter(None, (self.first_name, self.middle_name, self.last_name)))


class GetNameTask(CaptureTask[PersonName, GetNameResult]):
    """Collects a name, or parts of it."""

    def __init__(
        self,
        *,
        first_name: bool = True,
        last_name: bool = False,
        middle_name: bool = False,
        name_format: str | None = None,
        verify_spelling: bool = False,
        **options: Unpack[CaptureOptions],
    ) -> None:
        """Describe the job.

        Args:
            first_name: whether it is asked for; so with the others.
            last_name: as above.
            middle_name: as above.
            name_format: how the name is written, such as `{last_name}, {first_name}`; None is
                first, middle, last.
            verify_spelling: whether the name is spelled from the first reading on.
            options: see `CaptureOptions`.

        Raises:
            TaskMisconfigured: nothing is asked for, `name_format` names another part, or an
                option is out of its range.
            UsageError: two tools have the same name.
        """
        wanted = {"first": first_name, "middle": middle_name, "last": last_name}
        self._parts: tuple[NamePart, ...] = tuple(part for part in _PARTS if wanted[part])
        if not self._parts:
            msg = "first_name, middle_name and last_name are all False; ask for at least one"
            raise TaskMisconfigured(msg)
        self._format = name_format or " ".join(f"{{{part}_name}}" for part in self._parts)
        _check_format(self._format, self._parts)
        self._verify_spelling = verify_spelling
        super().__init__(_texts(self._parts, self._format), **options)

    @function_tool
    async def update_name(
        self,
        ctx: RunContext[None],
        first_name: str | None = None,
        middle_name: str | None = None,
        last_name: str | None = None,
    ) -> str | None:
        """Take the name as the user has given it so far.

        Args:
            ctx: The reply.
            first_name: The given name.
            middle_name: The middle name.
            last_name: The family name.
        """
        given = {
            "first": _cleaned(first_name),
            "middle": _cleaned(middle_name),
            "last": _cleaned(last_name),
        }
        problems = [
            f"{part} name {problem}" for part in self._parts if (problem := _problem(given[part]))
        ]
        if problems:
            self.refuse(f"Incomplete name: {'; '.join(problems)}")
        return self.offer(ctx, PersonName(**{part: given[part] for part in self._parts}))

    def hear(self, text: str) -> Heard[PersonName]:
        """Understand a name, said or spelled."""
        if hear_wish(text) is not None:
            problem = Problem(ProblemKind.NOTHING, "No name was heard. Ask for it.")
            return Heard(problem=problem, used=text)
        return hear_name(text, parts=self._parts)

    def written(self, value: PersonName) -> str:
        """Return it in the format."""
        parts = {f"{part}_name": getattr(value, part) for part in _PARTS}
        return " ".join(self._format.format(**parts).split())

    def reading(self, value: PersonName, way: Reading) -> str:
        """Put it into words."""
        spelled = self._verify_spelling and way is Reading.WHOLE
        return spell_out(value, ValueKind.NAME, Reading.SPELLED if spelled else way)

    def read_back(self, value: PersonName, *, spelled: bool) -> str:
        """Tell the model how to read it back."""
        return super().read_back(value, spelled=spelled or self._verify_spelling)

    def was_said(self, value: PersonName, turns: Sequence[str]) -> bool:
        """Whether it can be derived from these turns; hyphens and apostrophes are not heard."""
        return grounded(value, turns, ValueKind.NAME) or _run_together(str(value), turns)

    def result(self, value: PersonName) -> GetNameResult:
        """Return the result."""
        return GetNameResult(value.first or None, value.middle or None, value.last or None)


def _texts(parts: Sequence[NamePart], name_format: str) -> FieldTexts:
    asked = "full name" if len(parts) > 1 else f"{parts[0]} name"
    order = re.sub(r"[{}]", "", name_format).replace("_", " ")
    each = tuple(f"What is your {part} name?" for part in parts)
    spelled = tuple(f"Please spell your {part} name, letter by letter." for part in parts)
    joined = ", ".join(
        f"my {part} name is {{{place}}}" if len(parts) > 1 else f"{{{place}}}"
        for place, part in enumerate(parts)
    )
    in_parts = Asking(
        questions=each, advice="ask for one part of the name after the other.", joined=joined
    )
    whole = Asking(questions=(f"What is your {asked}?",), advice=f"ask for the {asked}.")
    letters = Asking(
        questions=spelled, advice="ask the user to spell the name, part by part.", joined=joined
    )
    return FieldTexts(
        field="name",
        label="name",
        tool="name",
        declined="name",
        missing="error: no name was provided, `update_name` must be called before",
        about=(
            f"You need the {' and the '.join(f'{part} name' for part in parts)}; a name is written "
            f"as: {order}. Begin each part with a capital, keep hyphens and apostrophes, and "
            "understand spelled letters and code words such as 'b as in boy'. Spell it when you "
            "are not sure how it is written."
        ),
        askings=(whole, in_parts, letters) if len(parts) > 1 else (whole, letters),
    )


def _check_format(name_format: str, parts: Sequence[NamePart]) -> None:
    known = {f"{part}_name" for part in parts}
    try:
        used = {name for _, name, _, _ in Formatter().parse(name_format) if name is not None}
    except ValueError as exc:
        msg = f"name_format cannot be read: {exc}"
        raise TaskMisconfigured(msg) from exc
    if used != known:
        names = ", ".join(f"{{{name}}}" for name in sorted(known))
        msg = f"name_format is {name_format!r}; it must name the parts asked for: {names}"
        raise TaskMisconfigured(msg)


def _cleaned(text: str | None) -> str:
    """Return a part of a name as the model gave it, empty if that is none."""
    bare = (text or "").strip().strip(_QUOTES).strip()
    return "" if bare.casefold() in _PLACEHOLDERS else bare


def _problem(text: str) -> str:
    if not text:
        return "is required but was not provided"
    return "" if any(sign.isalpha() for sign in text) else "contains no letters"


def _run_together(name: str, turns: Sequence[str]) -> bool:
    """Whether words of a turn, next to each other, have the letters of the name."""
    wanted = _letters(name)
    for turn in turns:
        words = [_letters(word) for word in turn.split()]
        if any(
            "".join(words[start:end]) == wanted
            for start in range(len(words))
            for end in range(start + 1, min(start + 9, len(words) + 1))
        ):
            return True
    return False


def _letters(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalpha())

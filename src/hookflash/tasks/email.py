"""Collecting an e-mail address."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from hookflash.agent import RunContext, function_tool
from hookflash.tasks.asking import Asking, FieldTexts
from hookflash.tasks.capture import CaptureOptions, CaptureTask
from hookflash.tasks.spoken import (
    Heard,
    ProblemKind,
    Reading,
    ValueKind,
    grounded,
    hear_email,
    spell_out,
)

__all__ = ["GetEmailResult", "GetEmailTask"]

_LATEST = 8
"""Turns of the caller's that count, as in `grounded`."""

_TEXTS = FieldTexts(
    field="email address",
    label="email",
    tool="email_address",
    declined="email",
    missing=("error: no email address were provided, `update_email_address` must be called before"),
    about=(
        "Spoken addresses hold 'dot', 'underscore', 'dash', 'plus' and 'at', spelled letters, "
        "'double u', code words such as 'b as in boy', number words and fillers: write the "
        "address that is meant."
    ),
    askings=(
        Asking(
            questions=("What is your email address?",),
            advice="ask for the whole address.",
        ),
        Asking(
            questions=(
                "Let us take it in two parts. What comes before the at sign?",
                "And what comes after the at sign?",
            ),
            advice="ask in two parts: first for what comes before the at sign, then for the rest.",
            joined="{0} at {1}",
        ),
        Asking(
            questions=(
                "Please spell what comes before the at sign, letter by letter.",
                "And now please spell what comes after the at sign.",
            ),
            advice="ask the user to spell it, letter by letter, first what is before the at sign.",
            joined="{0} at {1}",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class GetEmailResult:
    """An address.

    Attributes:
        email_address: all of it.
    """

    email_address: str

    @property
    def local_part(self) -> str:
        """What comes before the `@`."""
        return self.email_address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """What comes after it."""
        return self.email_address.rpartition("@")[2]


class GetEmailTask(CaptureTask[str, GetEmailResult]):
    """Collects an e-mail address. Its form is checked, not whether it can be reached."""

    def __init__(self, *, verify_spelling: bool = False, **options: Unpack[CaptureOptions]) -> None:
        """Describe the job.

        Args:
            verify_spelling: whether the address is spelled from the first reading on, and
                confirmed even with `require_confirmation=False`.
            options: see `CaptureOptions`.

        Raises:
            TaskMisconfigured: an option is out of its range.
            UsageError: two tools have the same name.
        """
        if verify_spelling:
            options["require_confirmation"] = True
        self._verify_spelling = verify_spelling
        super().__init__(_TEXTS, **options)

    @function_tool
    async def update_email_address(self, ctx: RunContext[None], email: str) -> str | None:
        """Take the email address as the user has given it so far.

        Args:
            ctx: The reply.
            email: The whole address, such as jane.doe@example.com.
        """
        heard = hear_email(email)
        value = _as_it_was_said(heard)
        if value is None:
            self.refuse(f"Invalid email address provided: {email}")
        told = self.offer(ctx, value)
        if told is None or heard.value is not None:
            return told
        return f"{told}\nAsk whether they mean {heard.candidates[0]}, which is more usual."

    def hear(self, text: str) -> Heard[str]:
        """Understand an address, said or spelled."""
        return hear_email(text)

    def written(self, value: str) -> str:
        """Return the address."""
        return value

    def reading(self, value: str, way: Reading) -> str:
        """Put it into words."""
        spelled = self._verify_spelling and way is Reading.WHOLE
        return spell_out(value, ValueKind.EMAIL, Reading.SPELLED if spelled else way)

    def read_back(self, value: str, *, spelled: bool) -> str:
        """Tell the model how to read it back."""
        return super().read_back(value, spelled=spelled or self._verify_spelling)

    def was_said(self, value: str, turns: Sequence[str]) -> bool:
        """Whether it can be derived from these turns; a domain that looks like a slip may stand."""
        return grounded(value, turns, ValueKind.EMAIL) or any(
            value == _as_it_was_said(hear_email(turn)) for turn in turns[-_LATEST:]
        )

    def result(self, value: str) -> GetEmailResult:
        """Return the result."""
        return GetEmailResult(value)


def _as_it_was_said(heard: Heard[str]) -> str | None:
    """Return the address; of one whose domain looks like a slip, the one with the slip."""
    doubt = heard.problem is not None and heard.problem.kind is ProblemKind.AMBIGUOUS
    return heard.candidates[-1] if doubt and heard.candidates else heard.value

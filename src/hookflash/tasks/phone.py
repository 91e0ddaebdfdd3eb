"""Collecting a telephone number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from hookflash.agent import RunContext, function_tool
from hookflash.errors import MissingExtra
from hookflash.tasks.asking import Asking, FieldTexts
from hookflash.tasks.caller import check_region, other_number, region_of
from hookflash.tasks.capture import CaptureOptions, CaptureTask
from hookflash.tasks.spoken import (
    Heard,
    PhoneNumber,
    Reading,
    ValueKind,
    grounded,
    hear_phone,
    spell_out,
)

__all__ = ["GetPhoneNumberResult", "GetPhoneNumberTask"]

_TEXTS = FieldTexts(
    field="phone number",
    label="phone number",
    tool="phone_number",
    declined="phone_number",
    missing="error: no phone number was provided, `update_phone_number` must be called before",
    about=(
        "Spoken numbers hold 'oh', 'double' and 'triple', number words, corrections and fillers: "
        "write the digits that are meant, with a plus if the country was said. If they mean the "
        "number that they are calling from, pass 'the number I am calling from'. Never read a "
        "number in one block: first the area code, then the rest, in groups."
    ),
    askings=(
        Asking(
            questions=("What is your phone number? You can say it, or use the keypad.",),
            advice="ask for the whole number with its area code.",
        ),
        Asking(
            questions=(
                "Let us take it in two parts. What is the area code? Say its digits.",
                "And the other digits?",
            ),
            advice="ask in two parts: first for the area code, then for the rest.",
            joined="{0} {1}",
        ),
        Asking(
            questions=("Please key in the whole number on your keypad, and then the hash key.",),
            advice="ask the user to key the number in on the keypad, and then the hash key.",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class GetPhoneNumberResult:
    """A telephone number.

    Attributes:
        phone_number: E.164, such as `+14155550199`.
        extension: figures to key once connected; empty if none.
        region: ISO 3166 code of its country; empty if unknown.
    """

    phone_number: str
    extension: str = ""
    region: str = ""

    @property
    def national(self) -> str:
        """As it is written in its country, such as `(415) 555-0199`.

        Raises:
            MissingExtra: `phonenumbers` is not installed.
        """
        try:
            import phonenumbers
        except ImportError as exc:
            raise MissingExtra("phonenumbers", "tasks") from exc
        style = phonenumbers.PhoneNumberFormat.NATIONAL
        return phonenumbers.format_number(phonenumbers.parse(self.phone_number), style)


class GetPhoneNumberTask(CaptureTask[PhoneNumber, GetPhoneNumberResult]):
    """Collects a telephone number that its country's numbering plan has."""

    def __init__(
        self,
        *,
        default_region: str | None = None,
        **options: Unpack[CaptureOptions],
    ) -> None:
        """Describe the job.

        Args:
            default_region: ISO 3166 code of the country of numbers without a country's code; None
                is the caller's own, by the numbers of the call, and the US if these do not tell.
            options: see `CaptureOptions`.

        Raises:
            TaskMisconfigured: an option is out of its range.
            UsageError: two tools have the same name.
            MissingExtra: `phonenumbers` is not installed.
        """
        check_region(default_region)
        self._default_region = default_region
        super().__init__(_TEXTS, **options)

    @function_tool
    async def update_phone_number(self, ctx: RunContext[None], phone_number: str) -> str | None:
        """Take the phone number as the user has given it so far.

        Args:
            ctx: The reply.
            phone_number: All digits, such as +14155550199 or 415 555 0199.
        """
        value = self.hear(phone_number).value
        if value is None:
            self.refuse(f"Invalid phone number provided: {phone_number}")
        return self.offer(ctx, value)

    @property
    def _region(self) -> str:
        return self._default_region or region_of(self.session) or "US"

    def hear(self, text: str) -> Heard[PhoneNumber]:
        """Understand a number, said or keyed."""
        return hear_phone(
            text, default_region=self._region, caller_number=other_number(self.session)
        )

    def written(self, value: PhoneNumber) -> str:
        """Return it in E.164, with its extension."""
        return f"{value.number} extension {value.extension}" if value.extension else value.number

    def reading(self, value: PhoneNumber, way: Reading) -> str:
        """Put it into words."""
        return spell_out(value, ValueKind.PHONE, way)

    def read_back(self, value: PhoneNumber, *, spelled: bool) -> str:
        """Tell the model how to read it back."""
        if spelled:
            return super().read_back(value, spelled=True)
        return "Read the number back to the user in groups."

    def was_said(self, value: PhoneNumber, turns: Sequence[str]) -> bool:
        """Whether it can be derived from these turns."""
        return grounded(
            value,
            turns,
            ValueKind.PHONE,
            default_region=self._region,
            caller_number=other_number(self.session),
        )

    def result(self, value: PhoneNumber) -> GetPhoneNumberResult:
        """Return the result."""
        return GetPhoneNumberResult(value.number, value.extension, value.region)

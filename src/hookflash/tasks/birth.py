"""Collecting a date of birth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from typing import Unpack

from hookflash.agent import RunContext, Tool, function_tool
from hookflash.runtime import clock
from hookflash.tasks.asking import Asking, FieldTexts
from hookflash.tasks.caller import check_region, region_of
from hookflash.tasks.capture import CaptureOptions, CaptureTask
from hookflash.tasks.errors import TaskMisconfigured
from hookflash.tasks.spoken import (
    Heard,
    Problem,
    ProblemKind,
    Reading,
    ValueKind,
    grounded,
    hear_date,
    hear_time,
    spell_out,
)

__all__ = ["GetDOBResult", "GetDOBTask"]

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip

_OLDEST = 120
"""Years that somebody may have lived. The oldest age that is documented is 122."""

_NO_TIME: Heard[time] = Heard()

_ASKINGS = (
    Asking(
        questions=("What is your date of birth?",),
        advice="ask for day, month and year of birth.",
    ),
    Asking(
        questions=(
            "Let us go step by step. In which year were you born?",
            "In which month?",
            "And on which day of the month?",
        ),
        advice="ask for the year alone, then for the month, then for the day.",
        joined="{0} {1} {2}",
    ),
    Asking(
        questions=(
            "Please use your keypad. Key in the 4 digits of the year of your birth.",
            "Now the number of the month, 2 digits.",
            "And the day of the month, 2 digits.",
        ),
        advice=(
            "ask the user to key in, on the keypad, first the four digits of the year, then the "
            "number of the month, then the day."
        ),
        joined="{0} {1} {2}",
    ),
)

_TEXTS = FieldTexts(
    field="date of birth",
    label="date of birth",
    tool="dob",
    declined="dob",
    missing="error: no date of birth was provided, `update_dob` must be called before",
    about=(
        "Understand dates in words and in figures, in any order; of two-digit years take the "
        "latest that has been. Ask for the month by its name if the order of figures is not clear."
    ),
    askings=_ASKINGS,
)


@dataclass(frozen=True, slots=True)
class GetDOBResult:
    """A date of birth.

    Attributes:
        date_of_birth: the day.
        time_of_birth: the time of day; None if it was not asked for, or is not known.
    """

    date_of_birth: date
    time_of_birth: time | None = None


class GetDOBTask(CaptureTask[GetDOBResult, GetDOBResult]):
    """Collects a date of birth: a day of the calendar, not in the future, of a plausible age."""

    def __init__(
        self,
        *,
        include_time: bool = False,
        default_region: str | None = None,
        min_age: int = 0,
        max_age: int = _OLDEST,
        **options: Unpack[CaptureOptions],
    ) -> None:
        """Describe the job.

        Args:
            include_time: whether the time of birth is asked for as well.
            default_region: ISO 3166 code of the country whose order of figures holds ("3 4 84");
                None is the caller's, by the numbers of the call. If these do not tell, the caller
                is asked.
            min_age: youngest age in years that is taken, 0 to `max_age`.
            max_age: oldest, up to 120.
            options: see `CaptureOptions`.

        Raises:
            TaskMisconfigured: an option is out of its range.
            UsageError: two tools have the same name.
        """
        if not 0 <= min_age <= max_age <= _OLDEST:
            msg = f"min_age is {min_age} and max_age {max_age}; give 0 <= min_age <= max_age <= 120"
            raise TaskMisconfigured(msg)
        check_region(default_region)
        self._default_region = default_region
        self._ages = (min_age, max_age)
        self._include_time = include_time
        self._day: date | None = None
        self._time: time | None = None
        self._time_given = False
        texts = _with_time(_TEXTS) if include_time else _TEXTS
        super().__init__(texts, **options)

    @function_tool
    async def update_dob(
        self, ctx: RunContext[None], year: int, month: int, day: int
    ) -> str | None:
        """Take the date of birth as the user has given it so far.

        Args:
            ctx: The reply.
            year: Four digits, such as 1984.
            month: 1 to 12.
            day: 1 to 31.
        """
        self._day = None
        today = clock.wall().date()
        if 0 <= year < 100:
            year += 2000 if year <= today.year % 100 else 1900
        try:
            born = date(year, month, day)
        except (ValueError, OverflowError) as exc:
            self.refuse(f"Invalid date: {exc}")
        if problem := self._implausible(born, today):
            self.refuse(f"Invalid date of birth: {_in_words(born)} {problem}")
        self._day = born
        return self._offer_both(ctx)

    def _update_time(self, ctx: RunContext[None], hour: int | None, minute: int) -> str | None:
        self._time_given = False
        try:
            self._time = None if hour is None else time(hour, minute)
        except (ValueError, OverflowError) as exc:
            self.refuse(f"Invalid time: {exc}")
        self._time_given = True
        return self._offer_both(ctx)

    def _offer_both(self, ctx: RunContext[None]) -> str | None:
        """Offer the date, once the time is there as well if that is asked for."""
        if self._day is None:
            return "The time of birth has been noted. Ask the user for the date of birth."
        if self._include_time and not self._time_given:
            return (
                f"The date of birth has been updated to {_in_words(self._day)}\n"
                "Ask the user for the time of birth, and call `update_time`."
            )
        return self.offer(ctx, GetDOBResult(self._day, self._time))

    def make_tools(self) -> tuple[Tool, ...]:
        """Make the tools that depend on the options."""
        if not self._include_time:
            return super().make_tools()

        @function_tool
        async def update_time(
            ctx: RunContext[None], hour: int | None = None, minute: int = 0
        ) -> str | None:
            """Take the time of birth as the user has given it so far.

            Args:
                ctx: The reply.
                hour: 0 to 23; leave it out if the user does not know the time.
                minute: 0 to 59.
            """
            return self._update_time(ctx, hour, minute)

        return (*super().make_tools(), update_time)

    def _implausible(self, born: date, today: date) -> str:
        """Return what is wrong with a day as that of a birth."""
        youngest, oldest = self._ages
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        if born > today:
            return "is in the future. Date of birth cannot be a future date."
        if age > oldest:
            return f"is more than {oldest} years ago."
        return f"is less than {youngest} years ago." if age < youngest else ""

    # What the values are like.

    @property
    def _region(self) -> str | None:
        return self._default_region or region_of(self.session)

    def hear(self, text: str) -> Heard[GetDOBResult]:
        """Understand a date, said or keyed; on a second line a time, if that is asked for."""
        said, _, told_time = text.partition("\n")
        today = clock.wall().date()
        days = hear_date(said, today=today, kind="birth", region=self._region)
        times = hear_time(told_time) if self._include_time else _NO_TIME
        for heard in (days, times):
            if heard.problem is not None and not heard.candidates:
                return Heard(problem=heard.problem, used=heard.used)
        found = [
            GetDOBResult(day, at)
            for day in ((days.value,) if days.value else days.candidates)
            for at in ((times.value,) if times.value else times.candidates or (None,))
        ]
        good = [each for each in found if not self._implausible(each.date_of_birth, today)]
        if not good:
            problem = Problem(ProblemKind.INVALID, "That cannot be a date of birth. Ask again.")
            return Heard(problem=problem, used=text)
        if len(good) > 1:
            doubt = days.problem or times.problem
            return Heard(problem=doubt, candidates=tuple(good), used=text)
        return Heard(value=good[0], used=text)

    def written(self, value: GetDOBResult) -> str:
        """Return it with the month's name."""
        at = value.time_of_birth
        return _in_words(value.date_of_birth) + (f" at {at:%H:%M}" if at else "")

    def reading(self, value: GetDOBResult, way: Reading) -> str:
        """Put it into words."""
        said = spell_out(value.date_of_birth, ValueKind.DATE, way)
        at = value.time_of_birth
        return f"{said} at {spell_out(at, ValueKind.TIME, way)}" if at else said

    def read_back(self, value: GetDOBResult, *, spelled: bool) -> str:
        """Tell the model how to read it back."""
        way = Reading.WRITTEN if spelled else Reading.WHOLE
        manner = "in parts" if spelled else "as one says a date"
        return f"Repeat the date of birth back to the user {manner}: {self.reading(value, way)}"

    def was_said(self, value: GetDOBResult, turns: Sequence[str]) -> bool:
        """Whether it can be derived from these turns."""
        at = value.time_of_birth
        return grounded(
            value.date_of_birth,
            turns,
            ValueKind.DATE,
            default_region=self._region or "",
            today=clock.wall().date(),
            date_kind="birth",
        ) and (at is None or grounded(at, turns, ValueKind.TIME))

    def result(self, value: GetDOBResult) -> GetDOBResult:
        """Return the result."""
        return value


def _with_time(texts: FieldTexts) -> FieldTexts:
    return replace(
        texts,
        about=f"{texts.about} Ask for the time of birth too, and call `update_time` with it.",
        askings=tuple(
            replace(
                asking,
                questions=(*asking.questions, "And at what time of the day were you born?"),
                joined=f"{asking.joined}\n{{{len(asking.questions)}}}",
            )
            for asking in texts.askings
        ),
    )


def _in_words(day: date) -> str:
    return f"{_MONTHS[day.month - 1]} {day.day:02d}, {day.year:04d}"

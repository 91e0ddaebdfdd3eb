"""Dates and times."""

from datetime import date, time

import pytest

from hookflash.errors import UsageError
from hookflash.tasks.spoken import DateKind, ProblemKind, hear_date, hear_time

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("the third of March nineteen eighty four", "1984-03-03"),
        ("March third, 1984", "1984-03-03"),
        ("march three nineteen ninety", "1990-03-03"),
        ("march nineteen nineteen ninety", "1990-03-19"),
        ("two thousand and five, May the twenty-first", "2005-05-21"),
        ("twenty one may twenty ten", "2010-05-21"),
        ("June 2nd '05", "2005-06-02"),
        ("the third of the fourth eighty four", "1984-04-03"),
        ("february twenty ninth two thousand", "2000-02-29"),
        ("1984-03-04", "1984-03-04"),
        ("15/04/1984", "1984-04-15"),
        ("the first of august ninety please", "1990-08-01"),
        ("march fifteenth eighty for", "1984-03-15"),
        ("march third nineteen eighty four, sorry, fourth", "1984-03-04"),
        ("april the fourth no the fifth nineteen eighty five no eighty six", "1986-04-05"),
        ("the fifteenth not the fiftieth of march nineteen eighty", "1980-03-15"),
    ],
)
def test_a_date_of_birth_is_heard(said: str, day: str) -> None:
    found = hear_date(said, today=TODAY, kind="birth")
    assert found.value == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("region", "day"), [("US", "1984-03-04"), ("GB", "1984-04-03"), ("DE", "1984-04-03")]
)
def test_figures_are_in_the_order_of_the_region(region: str, day: str) -> None:
    for said in ("3 4 84", "three four eighty four", "03/04/1984", "oh three oh four eighty four"):
        found = hear_date(said, today=TODAY, kind="birth", region=region)
        assert found.value == date.fromisoformat(day)


@pytest.mark.parametrize("region", [None, "CA"])
def test_without_an_order_figures_are_ambiguous(region: str | None) -> None:
    found = hear_date("3 4 84", today=TODAY, kind="birth", region=region)
    assert found.value is None
    assert found.candidates == (date(1984, 3, 4), date(1984, 4, 3))


@pytest.mark.parametrize(
    ("said", "kind", "problem"),
    [
        ("february thirtieth nineteen ninety", "birth", ProblemKind.INVALID),
        ("january first two thousand thirty", "birth", ProblemKind.INVALID),
        ("the first of june eighteen fifty", "birth", ProblemKind.INVALID),
        ("May 5", "birth", ProblemKind.INCOMPLETE),
        ("march nineteen eighty four", "birth", ProblemKind.INCOMPLETE),
        ("born in 84", "birth", ProblemKind.INCOMPLETE),
        ("I'd rather not", "birth", ProblemKind.NOTHING),
        ("march 3 2020", "future", ProblemKind.INVALID),
    ],
)
def test_what_is_no_date_is_a_question(said: str, kind: DateKind, problem: ProblemKind) -> None:
    found = hear_date(said, today=TODAY, kind=kind)
    assert found.value is None
    assert found.problem is not None
    assert found.problem.kind is problem


def test_a_year_of_two_figures_is_never_in_the_future_of_a_birth() -> None:
    years = {
        said: found.value.year
        for said in ("may first 05", "may first 90", "may first 26", "may first 27")
        if (found := hear_date(said, today=TODAY, kind="birth")).value
    }
    assert list(years.values()) == [2005, 1990, 2026, 1927]


def test_days_are_also_told_from_today() -> None:
    days = [
        hear_date(said, today=TODAY, kind="future").value
        for said in ("tomorrow", "the day after tomorrow", "next friday", "march 3")
    ]
    assert days == [date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 27), date(2027, 3, 3)]
    assert hear_date("yesterday", today=TODAY, kind="past").value == date(2026, 11, 19)


def test_a_kind_that_does_not_exist_is_told() -> None:
    with pytest.raises(UsageError, match="kind must be"):
        hear_date("1", today=TODAY, kind="sometimes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("half past three in the afternoon", time(15, 30)),
        ("quarter to five pm", time(16, 45)),
        ("ten to five p.m.", time(16, 50)),
        ("fifteen hundred hours", time(15)),
        ("seven oh five am", time(7, 5)),
        ("oh seven thirty", time(7, 30)),
        ("19:45", time(19, 45)),
        ("12 am", time(0)),
        ("noon", time(12)),
        ("three o'clock, no four o'clock in the morning", time(4)),
    ],
)
def test_a_time_is_heard(said: str, when: time) -> None:
    assert hear_time(said).value == when


def test_a_time_without_a_half_of_the_day_is_ambiguous() -> None:
    assert hear_time("three thirty").candidates == (time(3, 30), time(15, 30))
    assert hear_time("25:00").value is None
    assert hear_time("hello").value is None

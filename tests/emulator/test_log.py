import asyncio

import pytest
from tests.emulator.customer import go

from hookflash.emulator.log import CallChange, EventLog, Failure, Lint, SocketMessage
from hookflash.errors import LinkTimeout


def lint(rule: str, call_sid: str | None = None) -> Lint:
    return Lint(rule=rule, message="", call_sid=call_sid)


def test_entries_are_found_by_class_by_kind_by_field_and_by_condition() -> None:
    async def main() -> None:
        log = EventLog()
        one = log.add(lint("a", "CA1"))
        two = log.add(CallChange(status="ringing", by="api", call_sid="CA1"))
        three = log.add(lint("b", "CA2"))
        assert list(log) == [one, two, three]
        assert log.of(Lint) == [one, three]
        assert log.of("lint", call_sid="CA2") == [three]
        assert log.of(Lint, lambda entry: entry.rule > "a") == [three]
        assert log.of("notice") == []
        assert len(log) == 3

    go(main())


def test_entries_are_stamped_when_they_are_added() -> None:
    async def main() -> None:
        log = EventLog()
        await asyncio.sleep(2.5)
        assert log.add(lint("a")).at == 2.5

    go(main())


def test_waiting_finds_what_was_there_already() -> None:
    async def main() -> None:
        log = EventLog()
        one = log.add(lint("a"))
        assert await log.wait_for(Lint, rule="a") is one

    go(main())


def test_waiting_ends_with_the_first_entry_that_matches() -> None:
    async def main() -> None:
        log = EventLog()
        waiting = asyncio.create_task(log.wait_for("lint", rule="b"))
        await asyncio.sleep(1.0)
        log.add(lint("a"))
        two = log.add(lint("b"))
        log.add(lint("b"))
        assert await waiting is two

    go(main())


def test_waiting_in_vain_shows_what_came_instead() -> None:
    async def main() -> None:
        log = EventLog()
        log.add(lint("something else"))
        with pytest.raises(LinkTimeout, match="something else"):
            await log.wait_for(SocketMessage, event="mark", timeout=3.0)
        assert asyncio.get_running_loop().time() == 3.0

    go(main())


def test_the_text_of_a_log_has_a_line_for_each_entry() -> None:
    async def main() -> None:
        log = EventLog()
        log.add(lint("a"))
        log.add(lint("b"))
        assert len(str(log).splitlines()) == 2

    go(main())


def test_check_raises_a_single_failure_as_it_is_and_several_as_a_group() -> None:
    async def main() -> None:
        log = EventLog()
        log.check()
        log.add(Failure(where="x", error=ValueError("one")))
        with pytest.raises(ValueError, match="one"):
            log.check()
        log.add(Failure(where="y", error=KeyError("two")))
        with pytest.raises(ExceptionGroup) as caught:
            log.check()
        assert [type(error) for error in caught.value.exceptions] == [ValueError, KeyError]

    go(main())

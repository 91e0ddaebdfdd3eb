import asyncio

import pytest
from rich.pretty import pretty_repr

from hookflash.agent.answers import Answer, Answers
from hookflash.errors import SessionClosed
from hookflash.runtime import clock


def test_the_one_who_asked_last_is_answered() -> None:
    async def main() -> None:
        answers = Answers()
        assert not answers.give(Answer(text="early", keyed=False))
        first = asyncio.create_task(answers.wait())
        await asyncio.sleep(1.0)
        second = asyncio.create_task(answers.wait())
        await asyncio.sleep(1.0)
        assert answers.give(Answer(text="42", keyed=True))
        assert answers.give(Answer(text="yes", keyed=False))
        assert not answers.give(Answer(text="nobody", keyed=False))
        assert (await first, await second) == (
            Answer(text="yes", keyed=False),
            Answer(text="42", keyed=True),
        )

    clock.run(main(), virtual=True)


def test_waiting_ends_in_time() -> None:
    async def main() -> None:
        answers = Answers()
        assert await answers.wait(within=5.0) is None
        assert asyncio.get_running_loop().time() == 5.0
        assert not answers.give(Answer(text="late", keyed=False))

    clock.run(main(), virtual=True)


def test_waiting_ends_with_the_session() -> None:
    async def main() -> None:
        answers = Answers()
        waiting = asyncio.create_task(answers.wait())
        await asyncio.sleep(1.0)
        answers.close()
        answers.close()
        with pytest.raises(SessionClosed):
            await waiting
        with pytest.raises(SessionClosed):
            await answers.wait()

    clock.run(main(), virtual=True)


def test_an_answer_does_not_show_itself() -> None:
    assert "4111" not in repr(Answer(text="4111", keyed=True))
    assert "4111" not in pretty_repr(Answer(text="4111", keyed=True))
    assert "4111" not in f"{Answer(text='4111', keyed=True)}"

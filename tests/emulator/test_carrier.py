import asyncio

import pytest
from tests.emulator.customer import CALLER, FRIEND, LOUD_CODES, OWN, Session, go, stage, stays

from hookflash.emulator import (
    CarrierEmulator,
    EmulatorSettings,
    FarEnd,
    Line,
    SocketMessage,
    person,
    placeholder_voice,
    silence,
)
from hookflash.errors import ConfigError, UsageError
from hookflash.runtime import clock

DIALOGUE = "<Response><Say>Welcome.</Say><Gather numDigits='1' action='/voice'/></Response>"


async def asks(line: Line) -> None:
    await line.wait_quiet()
    await line.say("a question")
    line.press("1")
    await line.wait_quiet()


def test_the_same_seed_gives_the_same_log() -> None:
    async def main(seed: int) -> tuple[str, str]:
        carrier = CarrierEmulator(seed=seed)
        async with carrier:
            # An address that is refused, so that no port differs.
            carrier.add_number(OWN, voice_url="http://127.0.0.1:1/")
            await carrier.call(to=OWN, from_=CALLER, far_end=person(stays)).ended()
        return carrier.account_sid, str(carrier.log)

    first, again, other = go(main(7)), go(main(7)), go(main(8))
    assert first == again
    assert first[0] != other[0]


def test_account_and_token_can_be_given() -> None:
    async def main() -> None:
        async with CarrierEmulator(account_sid="AC" + "1" * 32, auth_token="secret") as carrier:
            assert (carrier.account_sid, carrier.auth_token) == ("AC" + "1" * 32, "secret")

    go(main())


def test_it_listens_on_loopback_inside_its_block_only() -> None:
    async def main() -> None:
        carrier = CarrierEmulator()
        with pytest.raises(UsageError, match="async with"):
            _ = carrier.base_url
        async with carrier:
            assert carrier.base_url.startswith("http://127.0.0.1:")

    go(main())


def test_a_taken_port_is_told() -> None:
    async def main() -> None:
        async with CarrierEmulator() as carrier:
            port = int(carrier.base_url.rpartition(":")[2])
            with pytest.raises(ConfigError, match="cannot listen"):
                await CarrierEmulator(port=port).__aenter__()

    go(main())


@pytest.mark.parametrize("number", ["15550100", "+1555", "+05550100", "client:ann", ""])
def test_only_a_number_can_be_added(number: str) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="plus sign"):
            CarrierEmulator().add_number(number)

    go(main())


def test_a_number_can_be_added_once() -> None:
    async def main() -> None:
        carrier = CarrierEmulator()
        carrier.add_number(OWN)
        with pytest.raises(UsageError, match="already"):
            carrier.add_number(OWN)

    go(main())


def test_only_own_numbers_can_be_called() -> None:
    async def main() -> None:
        async with stage() as (carrier, _):
            with pytest.raises(UsageError, match="add_number"):
                carrier.call(to=FRIEND, from_=CALLER, far_end=silence())

    go(main())


def test_a_whole_conversation_with_a_party_of_ones_own_class() -> None:
    class Impatient(FarEnd):
        async def run(self, line: Line) -> None:
            await asks(line)
            line.hang_up()

    async def main() -> None:
        async with stage({"/voice": DIALOGUE}) as (carrier, application):
            call = carrier.call(to=OWN, from_=CALLER, far_end=Impatient(voice="gruff"))
            assert await call.ended() == "completed"
            assert [one.params.get("Digits") for one in application.at("/voice")] == [None, "1"]
            assert len(call.line.spoke.speech()) == 1
            assert len(call.line.heard.speech()) == 2

    go(main())


def test_a_far_ends_words_are_spoken_in_its_own_voice() -> None:
    asked: list[tuple[str, str | None]] = []

    async def voice(text: str, voice: str | None) -> bytes:
        asked.append((text, voice))
        return await placeholder_voice(text, voice)

    async def script(line: Line) -> None:
        await line.say("one")
        await line.say("two", voice="other")

    async def main() -> None:
        page = "<Response><Gather/></Response>"
        async with stage({"/voice": page}, voice=voice) as (carrier, _):
            far_end = person(script, voice="mine")
            await carrier.call(to=OWN, from_=CALLER, far_end=far_end).ended()

    go(main())
    assert asked == [("one", "mine"), ("two", "other")]


def test_nothing_is_left_when_the_block_is_cancelled() -> None:
    async def use() -> None:
        async with stage({"/voice": "<Response><Say loop='0'>hi</Say></Response>"}) as (carrier, _):
            carrier.call(to=OWN, from_=CALLER, far_end=person(asks))
            await asyncio.sleep(1000.0)

    async def main() -> None:
        task = asyncio.create_task(use())
        await asyncio.sleep(5.0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    go(main())


def test_an_error_of_the_block_is_not_hidden_by_one_of_a_script() -> None:
    async def script(line: Line) -> None:
        msg = "in the script"
        raise ValueError(msg)

    async def main() -> None:
        async with stage({"/voice": DIALOGUE}) as (carrier, _):
            await carrier.call(to=OWN, from_=CALLER, far_end=person(script)).ended()
            msg = "in the block"
            raise KeyError(msg)

    with pytest.raises(KeyError, match="in the block"):
        go(main())


def test_an_application_that_does_not_answer_the_last_callback_does_not_keep_us_long() -> None:
    async def never(_params: dict[str, str]) -> str:
        await asyncio.sleep(10.0)
        return ""

    async def main() -> None:
        async with stage({"/voice": "<Response><Say loop='0'>hi</Say></Response>"}) as (
            carrier,
            application,
        ):
            application.pages["/status"] = never
            await carrier.call(to=OWN, from_=CALLER, far_end=silence()).answered()
            began = clock.now()
        # Two seconds of grace; the server of the application waits for its own page.
        assert clock.now() - began < 15.0

    go(main())


def test_lines_need_not_be_kept() -> None:
    async def main() -> None:
        settings = EmulatorSettings(record_lines=False)
        async with stage({"/voice": DIALOGUE}, settings=settings) as (carrier, application):
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(asks))
            await call.ended()
            assert len(application.at("/voice")) == 2
            assert call.line.heard.pcm() == call.line.spoke.pcm() == b""

    go(main())


def test_many_calls_at_once_do_not_disturb_each_other() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = (
                f'<Response><Connect><Stream url="{application.ws}/media"/></Connect></Response>'
            )

            async def script(line: Line) -> None:
                line.press("12")
                await line.wait(2.0)

            calls = [carrier.call(to=OWN, from_=CALLER, far_end=person(script)) for _ in range(25)]
            for call in calls:
                assert await call.ended() == "completed"
            assert len(application.sessions) == 25
            for session in application.sessions:
                assert [one["dtmf"]["digit"] for one in session.of("dtmf")] == ["1", "2"]
                assert 99 <= len(session.of("media")) <= 101
            assert len(carrier.log.of(SocketMessage, event="stop")) == 25

    go(main())


@pytest.mark.real_time
def test_a_call_takes_its_time_on_a_real_clock() -> None:
    async def main() -> float:
        async with stage() as (carrier, application):

            async def converse(session: Session) -> None:
                await session.play(LOUD_CODES * 20)
                await session.mark("end")
                await session.until("mark")

            application.converse = converse
            application.pages["/voice"] = (
                f'<Response><Connect><Stream url="{application.ws}/media"/></Connect></Response>'
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.ended()
            assert call.answered_at is not None
            assert call.ended_at is not None
            return call.ended_at - call.answered_at

    assert 0.38 < clock.run(main()) < 2.0

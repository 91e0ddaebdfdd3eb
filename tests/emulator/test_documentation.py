"""The programs in the documentation do what it says."""

import asyncio

from docs.snippets import dial_a_supervisor, phone_an_app
from tests.emulator.customer import go
from tests.server.street import street

from hookflash.emulator import Lint


def test_the_snippet_phones_an_app() -> None:
    phone_an_app.test_a_caller_is_served()


def test_the_snippet_dials_a_supervisor() -> None:
    dial_a_supervisor.test_a_supervisor_is_dialled_in()


def test_the_snippet_leaves_a_message() -> None:
    async def main() -> None:
        async with street() as place:
            await phone_an_app.leave_a_message(place.app, place.carrier)
            (call,) = place.carrier.calls.values()
            assert await call.ended() == "completed"
            assert call.line.heard.speech() != []
            assert place.carrier.log.of(Lint) == []
            await asyncio.sleep(3.0)

    go(main())

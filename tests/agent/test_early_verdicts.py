"""What is known of who answers before they have answered, or before anybody speaks with them."""

import asyncio

from tests.agent.test_transfer import GREETING, HOLD_LINE, TAKE, ended_well, hum, virtually
from tests.agent.transfer_stage import TransferStage, at_desks

from hookflash.events.transfer import SupervisorJudged
from hookflash.events.voicemail import CarrierVerdict, VoicemailVerdict

NOTHING_SAID = "The caller has not said what it is about."
DECLINE = "To decline, say no, or press 2."


def told(place: TransferStage) -> list[str]:
    """What was synthesised after the hold line."""
    lines = place.stage.tts.spoken
    return lines[lines.index(HOLD_LINE) + 1 :]


def test_a_person_whom_the_carrier_announced_before_the_answer_is_briefed() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            call = await place.desk.rings()
            call.judged(CarrierVerdict.HUMAN)
            supervisor = place.desk.answer()
            await asyncio.sleep(15.0)
            assert told(place) == [GREETING, NOTHING_SAID, TAKE, DECLINE]
            supervisor.press("1")
            await supervisor.say(hum(400, 3))
            assert (await transfer).success

    virtually(main)


def test_with_a_key_alone_a_person_whom_the_carrier_announced_is_asked_for_it() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(accept="key")
            call = await place.desk.rings()
            call.judged(CarrierVerdict.HUMAN)
            supervisor = place.desk.answer()
            await asyncio.sleep(5.0)
            assert told(place) == [GREETING, "To hear what it is about,", "press 1."]
            supervisor.press("2")
            assert (await transfer).error == "declined"

    virtually(main)


def test_a_mailbox_that_the_carrier_announced_before_the_answer_hears_nothing() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            call = await place.desk.rings()
            call.judged(CarrierVerdict.MACHINE_START)
            mailbox = place.desk.answer()
            assert (await transfer).error == "voicemail"
            assert not any(any(pcm) for _, pcm in mailbox.received)
            await ended_well(place)

    virtually(main)


def test_a_person_who_is_proven_before_the_answer_is_spoken_with_all_the_same() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.desk.rings()
            running = place.stage.session._transfer
            assert running is not None
            running._feed(SupervisorJudged(target=0, verdict=VoicemailVerdict.HUMAN))
            supervisor = place.desk.answer()
            await asyncio.sleep(15.0)
            assert place.phases[-2:] == ["supervisor_joined", "briefing_started"]
            assert told(place) == [GREETING, NOTHING_SAID, TAKE, DECLINE]
            supervisor.press("1")
            await supervisor.say(hum(400, 3))
            assert (await transfer).success

    virtually(main)


def test_who_is_proven_before_the_answer_and_hangs_up_at_once_is_told_nothing() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.desk.rings()
            running = place.stage.session._transfer
            assert running is not None
            running._feed(SupervisorJudged(target=0, verdict=VoicemailVerdict.HUMAN))
            supervisor = place.desk.answer()
            supervisor.hang_up()
            assert (await transfer).error == "supervisor_disconnected"
            assert NOTHING_SAID not in place.stage.tts.spoken
            await ended_well(place)

    virtually(main)

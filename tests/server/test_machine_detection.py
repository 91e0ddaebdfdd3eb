"""The carrier finds out who has answered, over its sockets."""

import asyncio

import pytest
from tests.server.street import OURS, THEIRS, street
from tests.server.test_transfer import ANN, Office, hears_out, run, stays

from hookflash import Agent, AgentSession, Pipeline, VoiceMailDetector
from hookflash.emulator import Line, detected_as, person, silence, voicemail
from hookflash.emulator.detection import AnsweredBy
from hookflash.emulator.faults import Race
from hookflash.errors import UsageError
from hookflash.events.voicemail import CarrierVerdict, VoicemailDetected
from hookflash.runtime import clock
from hookflash.testing import ScriptedTTS


def test_a_call_knows_who_has_answered_and_so_does_its_session() -> None:
    async def main() -> None:
        async with street() as place:
            place.carrier.far_ends[THEIRS] = detected_as(silence(), "machine_start", after=2.0)
            call = await place.app.dial(THEIRS, OURS, detect_machine=True)
            heard: list[CarrierVerdict] = []
            call.watch_verdict(heard.append)
            session: AgentSession[None] = AgentSession(
                Agent(),
                Pipeline(tts=ScriptedTTS()),
                voice_mail_detector=VoiceMailDetector(callback=lambda: None),
            )
            told: list[VoicemailDetected] = []
            session.on(VoicemailDetected, told.append)
            await session.start(call)
            await asyncio.sleep(4.0)
            assert call.verdict is CarrierVerdict.MACHINE_START
            assert heard == [CarrierVerdict.MACHINE_START]
            assert [(each.result, each.method) for each in told] == [("machine", "carrier")]
            await session.hangup()

            place.carrier.far_ends[THEIRS] = silence()
            call = await place.app.dial(THEIRS, OURS)
            await call.answer()
            await asyncio.sleep(6.0)
            assert call.verdict is None, "nobody has asked"
            await call.hangup()

            place.app.carrier.detects_machines = False
            with pytest.raises(UsageError, match="detect_machine"):
                await place.app.dial(THEIRS, OURS, detect_machine=True)

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("topology", ["bridge", "conference", "dial"])
def test_a_mailbox_that_the_carrier_knows_is_left_at_once(topology: str) -> None:
    async def main(office: Office) -> None:
        ann = detected_as(voicemail(), "machine_start", after=1.5)
        caller = office.at("caller", stays)
        await office.phone(caller, ann, topology=topology, detect_machine=True)
        (result,) = office.results
        assert result.error == "voicemail"
        (attempt,) = result.attempts
        assert attempt.ended_at is not None
        assert attempt.answered_at is not None
        assert attempt.ended_at - attempt.answered_at < 2.5
        assert "briefing_started" not in office.phases

    run(main)


@pytest.mark.parametrize("answered_by", ["human", "unknown"])
def test_by_dial_only_the_key_tells_anything_whatever_the_carrier_says(
    answered_by: AnsweredBy,
) -> None:
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await hears_out(line)
            line.press("1")
            await line.wait(5.0)
            line.hang_up()

        far_end = detected_as(office.at("ann", ann), answered_by, after=1.0)
        caller = office.at("caller", stays)
        await office.phone(caller, far_end, topology="dial", detect_machine=True)
        (result,) = office.results
        assert result.success
        human_at, answered_at = result.attempts[0].human_at, result.attempts[0].answered_at
        assert human_at is not None
        assert answered_at is not None
        assert human_at - answered_at > 5.0

    run(main)


@pytest.mark.parametrize("topology", ["bridge", "dial"])
def test_a_verdict_that_comes_after_the_merge_changes_nothing(topology: str) -> None:
    async def main(office: Office) -> None:
        async def ann(line: Line) -> None:
            await hears_out(line)
            line.press("1")
            await office.merged.wait()
            await line.wait(30.0)
            line.hang_up()

        office.place.carrier.faults.provoke(Race.VERDICT_AFTER_MERGE)
        office.place.carrier.far_ends[ANN] = person(ann)
        far_end = detected_as(office.at("ann", ann), "machine_start", after=1.0)
        caller = office.at("caller", stays)
        await office.phone(caller, far_end, topology=topology, detect_machine=True)
        assert office.results[0].success
        assert office.closed == ["transferred"]

    run(main)

"""What goes wrong in the warm transfers that others offer, and does not here.

Numbered as the study of VideoSDK's transfer numbers its defects; 13 to 15 are those that survived
its last rewrite and are in none of the twelve. Where one of the behaviours W01 to W20 is the cure,
its number is in the name, too.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.agent.stage import Script
from tests.agent.test_transfer import (
    GREETING,
    HAPPY,
    HOLD_LINE,
    Clerk,
    ended_well,
    heard_between,
    hum,
    longest_silence,
    share,
    spoken,
    virtually,
)
from tests.agent.transfer_stage import ANN, NUMBER, SUMMARY, TransferStage, at_desks

from hookflash.agent import AgentSession
from hookflash.agent.session import WarmTransferAgent
from hookflash.calls.transfer_types import PhoneDestination
from hookflash.errors import CarrierError
from hookflash.events.call import Outcome
from hookflash.events.session import (
    AgentState,
    DtmfReceived,
    UserTranscription,
    UtteranceSpoken,
)
from hookflash.events.transfer import AttemptEnder
from hookflash.testing import MemoryLeg
from hookflash.testing.scripted import Calls, Says

SECRET = "+14155550142 https://carrier.example/?token=1"


def test_defect_01_w02_in_a_tool_the_hold_line_is_heard_before_dialling_and_nothing_after_it() -> (
    None
):
    async def main() -> None:
        places: list[TransferStage] = []
        clerk = Clerk(places)
        script: Script = [
            [Says("One moment."), Calls("get_a_person")],
            SUMMARY,
            "What else can I do?",
        ]
        async with at_desks(clerk, script) as place:
            places.append(place)
            stage = place.stage
            await place.caller_says("A person, please.")
            supervisor = await place.supervisor_answers()
            said = spoken(place)
            assert said == ["One moment.", HOLD_LINE]
            line = stage.of(UtteranceSpoken)[-1]
            assert place.desk.dialled_at[0] >= line.at
            await place.supervisor_says("Hello?")
            await asyncio.sleep(10.0)
            assert longest_silence(stage.leg, 2.0, stage.now()) < 0.1
            supervisor.press("1")
            await stage.session.wait_closed()
            assert spoken(place) == said
            assert place.phases == HAPPY
            assert place.call.ended is None

    virtually(main)


def test_defect_01_w02_in_a_tool_the_reply_goes_on_after_the_apology() -> None:
    async def main() -> None:
        places: list[TransferStage] = []
        clerk = Clerk(places)
        script: Script = [[Calls("get_a_person")], SUMMARY, "What else can I do?"]
        async with at_desks(clerk, script) as place:
            places.append(place)
            await place.caller_says("A person, please.")
            await place.desk.rings()
            place.desk.ends(Outcome.BUSY)
            await asyncio.sleep(10.0)
            apology = "I'm sorry, the line is busy. Let me go on helping you."
            assert spoken(place) == [HOLD_LINE, apology, "What else can I do?"]
            assert [result.error for result in clerk.results] == ["supervisor_busy"]
            assert place.stage.session.agent_state is AgentState.IDLE

    virtually(main)


def test_defect_02_w05_an_answer_before_the_order_to_dial_is_confirmed_is_not_missed() -> None:
    async def main() -> None:
        async with at_desks() as place:
            place.desk.answers_early = True
            transfer = place.begin()
            await place.desk.rings()
            await asyncio.sleep(0.02)
            await place.supervisor_says("Hello?")
            await asyncio.sleep(20.0)
            leg = place.desk.calls[0].leg
            assert isinstance(leg, MemoryLeg)
            leg.press("1")
            assert (await transfer).success

    virtually(main)


def test_defect_03_w06_whoever_is_called_an_agent_may_be_a_person() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(destination=PhoneDestination(NUMBER, "Billing Agent"))
            supervisor = await place.briefed()
            supervisor.press("1")
            assert (await transfer).human_agent_identity == "Billing Agent"

    virtually(main)


def test_defect_04_w10b_who_says_yes_and_hangs_up_is_not_given_the_caller() -> None:
    async def main() -> None:
        late = [Calls("done_briefing", delay=1.0)]
        async with at_desks(script=[late]) as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            await place.supervisor_says("Yes, I take it.")
            await asyncio.sleep(0.5)
            supervisor.hang_up()
            result = await transfer
            assert (result.success, result.error) == (False, "supervisor_disconnected")
            assert (result.rollback, result.switched_call_id) == (False, None)
            assert "call_switched" not in place.phases
            assert spoken(place)[-1].startswith("I'm sorry, we lost the person")

    virtually(main)


def test_defect_04_who_takes_the_call_and_hangs_up_at_once_does_not_keep_the_caller() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            supervisor.hang_up()
            result = await transfer
            assert (result.success, result.error) == (False, "supervisor_disconnected")
            assert place.stage.session.agent_state is AgentState.IDLE
            assert spoken(place)[-1].startswith("I'm sorry, we lost the person")

    virtually(main)


def test_defect_05_a_briefing_that_is_closed_is_no_consent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    briefings: list[AgentSession[Any]] = []
    enter = WarmTransferAgent.on_enter

    async def noted(agent: WarmTransferAgent) -> None:
        briefings.append(agent.session)
        await enter(agent)

    monkeypatch.setattr(WarmTransferAgent, "on_enter", noted)

    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.briefed()
            closed = place.stage.now()
            await briefings[0].close("broken")
            result = await transfer
            assert result.error == "briefing_failed"
            assert place.told[-1].at == pytest.approx(closed, abs=0.1), "at once"
            assert "call_switched" not in place.phases
            await ended_well(place)

    virtually(main)


def test_defect_06_w12_a_caller_who_does_not_arrive_is_back_and_still_recorded(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with at_desks(script=["Here I am."]) as place:
            recording = place.call.record(tmp_path / "call.wav")
            transfer = place.begin()
            await place.desk.rings()
            supervisor = MemoryLeg(12000)  # no bridge takes that rate
            place.desk.calls[0].attach(supervisor)
            await asyncio.sleep(0.02)
            await place.supervisor_says("Hello?")
            await asyncio.sleep(20.0)
            supervisor.press("1")
            result = await transfer
            assert (result.phase, result.error) == ("transfer_failed", "switch_failed")
            assert place.stage.session.agent_state is AgentState.IDLE
            await ended_well(place)
            assert "I'm sorry, I could not connect the caller." in place.stage.tts.spoken
            await place.caller_says("Hello?")
            await asyncio.sleep(2.0)
            assert spoken(place)[-1] == "Here I am."
            assert recording.state == "recording"

    virtually(main)


@pytest.mark.parametrize("stage_of_it", ["holding", "dialing", "screening", "briefing", "merged"])
def test_defect_06_w11_a_caller_who_hangs_up_ends_the_transfer_and_the_supervisors_call(
    stage_of_it: str,
) -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            match stage_of_it:
                case "holding":
                    await asyncio.sleep(0.5)
                case "dialing":
                    await place.desk.rings()
                case "screening":
                    await place.supervisor_answers()
                case _:
                    supervisor = await place.briefed()
                    if stage_of_it == "merged":
                        supervisor.press("1")
                        await asyncio.sleep(1.0)
            before = spoken(place)
            place.stage.leg.hang_up()
            result = await transfer
            assert (result.phase, result.error) == ("transfer_cancelled", "caller_disconnected")
            assert await place.stage.session.wait_closed() == "caller_hung_up"
            assert spoken(place)[1:] == before[1:], "nothing but what was left of the hold line"
            farewell = "The caller has hung up." in place.stage.tts.spoken
            assert farewell is (stage_of_it not in ("holding", "dialing"))
            assert len(place.desk.calls) == (stage_of_it != "holding")
            await ended_well(place)

    virtually(main)


def test_defect_07_w08_a_mailbox_hears_nothing_of_the_caller() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.supervisor_answers()
            greeting = "Hi, this is Ann. Please leave a message after the tone."
            await place.supervisor_says(greeting)
            result = await transfer
            assert result.error == "voicemail"
            assert place.stage.tts.spoken == [
                "Sorry.",
                HOLD_LINE,
                "I'm sorry, I only reached a mailbox.",
                "Let me go on helping you.",
            ]
            await ended_well(place)

    virtually(main)


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        ("decline_transfer", "done_briefing", "declined"),
        ("done_briefing", "decline_transfer", None),
    ],
)
def test_defect_08_of_yes_and_no_in_one_breath_the_first_counts(
    first: str, second: str, error: str | None
) -> None:
    async def main() -> None:
        async with at_desks(script=[[Calls(first), Calls(second)]]) as place:
            transfer = place.begin()
            await place.briefed()
            await place.supervisor_says("Well, no, yes, no.")
            assert (await transfer).error == error

    virtually(main)


def test_defect_09_the_consent_of_one_who_has_left_is_not_taken_for_that_of_the_next() -> None:
    async def main() -> None:
        bob = PhoneDestination("+14155550111", "Bob")
        late = [Calls("done_briefing", delay=8.0)]
        async with at_desks(script=[late]) as place:
            transfer = place.begin(destinations=[ANN, bob])
            ann = await place.briefed()
            await place.supervisor_says("Yes, I take it.")
            ann.hang_up()
            supervisor = await place.briefed()
            assert place.phases[-1] == "briefing_started"
            supervisor.press("1")
            result = await transfer
            assert result.human_agent_identity == "Bob"
            reasons = [attempt.reason for attempt in result.attempts]
            assert reasons == ["supervisor_disconnected", None]

    virtually(main)


def test_defect_10_a_supervisor_at_another_sample_rate_changes_nothing_for_the_caller() -> None:
    async def main() -> None:
        async with at_desks() as place:
            caller = place.stage.leg
            transfer = place.begin()
            await place.desk.rings()
            supervisor = MemoryLeg(16000)
            place.desk.calls[0].attach(supervisor)
            await asyncio.sleep(0.02)
            await place.supervisor_says("Hello?")
            await asyncio.sleep(20.0)
            supervisor.press("1")
            merged = place.stage.now()
            wide = hum(350, 8)  # 8 s at 8 kHz are 4 s of 700 Hz at 16 kHz
            await asyncio.gather(caller.say(hum(400, 4)), supervisor.say(wide))
            assert (await transfer).success
            assert share(heard_between(caller, merged + 0.5, merged + 3.5), 700) > 0.98
            assert share(heard_between(supervisor, merged + 0.5, merged + 3.5), 200) > 0.98
            assert (caller.sample_rate, supervisor.sample_rate) == (8000, 16000)

    virtually(main)


def test_defect_11_what_is_said_in_the_briefing_is_no_event_of_the_callers_session() -> None:
    async def main() -> None:
        async with at_desks(script=["A Mr Jones."]) as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            await place.supervisor_says("What is their name?")
            await asyncio.sleep(3.0)
            supervisor.press("5")
            await place.caller_says("Is anybody there?")
            transfer.cancel()
            await ended_well(place)
            stage = place.stage
            assert {event.text for event in stage.of(UserTranscription)} == {"Is anybody there?"}
            assert stage.of(DtmfReceived) == []
            assert HOLD_LINE in spoken(place)
            assert not set(spoken(place)) & {GREETING, "A Mr Jones."}
            assert stage.items == [
                f"assistant: {HOLD_LINE}",
                "user: Is anybody there?",
                "assistant: All right.",
            ]

    virtually(main)


def test_defect_12_what_the_carrier_says_in_its_own_words_is_told_to_nobody() -> None:
    async def main() -> None:
        async with at_desks() as place:
            place.desk.refuses = CarrierError(f"cannot call {SECRET}")
            result = await place.begin()
            assert (result.error, result.attempts[0].cause) == ("dial_failed", "carrier_refused")
            told = repr([*place.stage.events, result])
            assert not any(part in told for part in SECRET.split())

    virtually(main)


def test_defect_13_w09_neither_yes_nor_no_in_time_is_no_consent() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(briefing_timeout=30.0)
            await place.briefed()
            result = await transfer
            assert result.error == "briefing_timeout"
            await ended_well(place)

    virtually(main)


def test_defect_13_w09_unless_it_was_to_be_taken_for_one() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(briefing_timeout=30.0, on_briefing_timeout="connect")
            supervisor = await place.briefed()
            caller = place.stage.leg
            began = place.stage.now()
            await asyncio.gather(caller.say(hum(400, 20)), supervisor.say(hum(700, 20)))
            assert (await transfer).success
            (over,) = (event for event in place.told if event.phase == "briefing_complete")
            assert over.data["resolution"] == "timeout"
            merged = over.at
            assert began < merged < began + 15.0
            assert share(heard_between(caller, merged + 0.5, merged + 3.0), 700) > 0.98
            assert share(heard_between(supervisor, merged + 0.5, merged + 3.0), 400) > 0.98

    virtually(main)


def test_defect_14_who_hangs_up_before_a_word_was_said_is_told_from_who_never_answered() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.supervisor_answers()
            supervisor.hang_up()
            gone = place.stage.now()
            result = await transfer
            assert result.error == "supervisor_disconnected"
            assert result.attempts[0].ended_by is AttemptEnder.SUPERVISOR
            assert place.told[-1].at == pytest.approx(gone)

    virtually(main)


def test_defect_15_w03_nobody_who_answers_in_time_brings_the_caller_back_with_an_apology() -> None:
    async def main() -> None:
        async with at_desks() as place:
            stage = place.stage
            transfer = place.begin(supervisor_join_timeout=1.0)
            await place.desk.rings()
            result = await transfer
            assert (result.success, result.phase, result.error) == (
                False,
                "transfer_cancelled",
                "supervisor_join_timeout",
            )
            assert result.switched_call_id is None
            sorry = "I'm sorry, I couldn't reach anybody. Let me go on helping you."
            assert spoken(place) == [HOLD_LINE, sorry]
            back = stage.now()
            assert stage.session.agent_state is AgentState.IDLE
            await place.caller_says("Then tell me yourself.")
            await asyncio.sleep(2.0)
            assert spoken(place)[-1] == SUMMARY, "the agent answers again"
            await ended_well(place)
            assert not any(heard_between(stage.leg, back + 5.0, stage.now())), "no music any more"

    virtually(main)

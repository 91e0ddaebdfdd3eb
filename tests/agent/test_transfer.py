"""Handing a caller to a person: the whole of a transfer, on legs in memory."""

import asyncio
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from tests.agent.stage import Script
from tests.agent.transfer_stage import (
    ANN,
    NUMBER,
    OPTIONS,
    SUMMARY,
    TransferStage,
    at_desks,
)

from hookflash.agent import Agent, HoldMusic, RunContext, SpeechMode, function_tool
from hookflash.audio.frames import samples
from hookflash.audio.tones import tone
from hookflash.calls.transfer_types import (
    PhoneDestination,
    TransferMisconfigured,
    WarmTransferError,
    WarmTransferPhaseReached,
    WarmTransferResult,
)
from hookflash.errors import CarrierError
from hookflash.events.call import CallState, Outcome
from hookflash.events.session import (
    AgentState,
    AgentStateChanged,
    DtmfReceived,
    ErrorOccurred,
    UtteranceSpoken,
)
from hookflash.events.transfer import AttemptEnder, WarmTransferAttemptEnded
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.runtime.replay import replay
from hookflash.runtime.tape import Tape
from hookflash.testing import MemoryLeg, ScriptedTTS
from hookflash.testing.scripted import Calls, Says

HOLD_LINE = "Please hold on while I find somebody for you."
GREETING = "Hello, I have a caller for you."
TAKE, DECLINE = "To take the call, say yes, or press 1.", "To decline, say no, or press 2."
HAPPY = [
    "started",
    "caller_on_hold",
    "summary_generating",
    "summary_ready",
    "consultation_room_created",
    "supervisor_dialed",
    "supervisor_joined",
    "briefing_started",
    "briefing_complete",
    "call_switched",
    "transfer_complete",
]


def virtually(main: Any) -> None:
    clock.run(main(), virtual=True)


def hum(hz: float, seconds: float) -> bytes:
    return tone((hz,), round(1000 * seconds), level_dbfs=-20.0)


def share(pcm: bytes, hz: float) -> float:
    """How much of a sound is one frequency, 0 to 1."""
    wave = samples(pcm).astype(float)
    if not wave.any():
        return 0.0
    turn = np.exp(-2j * np.pi * hz / 8000 * np.arange(wave.size))
    return float(2 * abs(wave @ turn) ** 2 / wave.size / (wave @ wave))


def heard_between(leg: MemoryLeg, since: float, until: float) -> bytes:
    """What was sent to an ear from one time to another."""
    return b"".join(pcm for at, pcm in leg.received if since <= at < until)


def longest_silence(leg: MemoryLeg, since: float, until: float) -> float:
    """The longest time without any sound, in seconds."""
    loud = [at for at, pcm in leg.received if since <= at < until and any(pcm)]
    marks = [since, *loud, until]
    return max(later - earlier for earlier, later in pairwise(marks))


def spoken(place: TransferStage) -> list[str]:
    """What the caller heard of the agent."""
    return [event.heard for event in place.stage.of(UtteranceSpoken)]


async def ended_well(place: TransferStage) -> None:
    """Every call to a supervisor is over, and the session can go on."""
    await asyncio.sleep(6.0)
    assert [call.state for call in place.desk.calls] == [CallState.ENDED] * len(place.desk.calls)


# It works.


def test_w01_a_caller_is_handed_over_and_both_hear_each_other() -> None:
    async def main() -> None:
        async with at_desks() as place:
            stage = place.stage
            stage.llm.requests.clear()
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            merged = stage.now()
            await asyncio.gather(stage.leg.say(hum(400, 4)), supervisor.say(hum(700, 4)))
            result = await transfer

            assert place.phases == HAPPY
            rooms = [event.consultation_room_id for event in place.told]
            assert rooms == [None] * 4 + [result.consultation_room_id] * 7
            times = [event.timestamp for event in place.told]
            assert times == sorted(times)
            assert place.told[0].data == {"start_time": times[0]}
            (attempt,) = result.attempts
            assert (result.success, result.error, result.reason) == (True, None, None)
            assert result.human_agent_identity == "Ann"
            assert result.switched_call_id == place.call.id
            assert result.supervisor_call_id == attempt.call_id == place.desk.calls[0].id
            assert result.supervisor_participant_id == supervisor.id
            assert result.caller_participant_id == stage.leg.id
            assert result.consultation_room_id
            assert result.consultation_session_id
            assert result.briefing_agent_participant_id
            assert place.desk.orders == [(NUMBER, "")]
            assert longest_silence(stage.leg, 0.5, merged + 4) < 0.1
            assert share(heard_between(stage.leg, merged + 0.5, merged + 3.5), 700) > 0.98
            assert share(heard_between(supervisor, merged + 0.5, merged + 3.5), 400) > 0.98

            assert stage.session.closed
            assert await stage.session.wait_closed() == "transferred"
            assert place.call.ended is None
            assert place.call.handed_over
            hung_up = stage.now()
            stage.leg.hang_up()
            ended = await place.desk.calls[0].wait_ended()
            assert stage.now() - hung_up < 1.0
            assert ended.reason == "other_party_left"

    virtually(main)


def test_w16_the_supervisor_hears_the_models_summary_of_what_was_said_and_heard() -> None:
    async def main() -> None:
        async with at_desks(script=["Of course.", SUMMARY]) as place:
            await place.caller_says("I want my money back.")
            await asyncio.sleep(2.0)
            transfer = place.begin()
            await place.briefed()
            assert place.stage.tts.spoken[-5:] == [HOLD_LINE, GREETING, SUMMARY, TAKE, DECLINE]
            _, request = place.stage.llm.requests
            *_, transcript = request.messages
            assert transcript.text == "Caller: I want my money back.\nAgent: Of course."
            (ready,) = (each for each in place.told if each.phase == "summary_ready")
            assert ready.data == {"summary": SUMMARY, "source": "llm"}
            transfer.cancel()

    virtually(main)


def test_a_yes_takes_the_call_where_no_model_listens() -> None:
    async def main() -> None:
        quiet = Pipeline(stt=None)
        async with at_desks() as place:
            stage = place.stage
            quiet = Pipeline(stt=stage.stt, vad=stage.vad, tts=stage.tts)
            transfer = place.begin(briefing_pipeline_factory=lambda: quiet)
            await place.briefed()
            await place.supervisor_says("Yes, put them through.")
            result = await transfer
            assert result.success
            assert stage.llm.requests == [], "nothing was said yet, and nobody asked a model"

    virtually(main)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("No problem, put them through.", None),
        ("I don't mind.", None),
        ("Yes, but not now.", "declined"),
        ("Right, what's the account number?", "briefing_timeout"),
    ],
)
def test_without_a_model_a_question_takes_and_declines_nothing_and_is_asked_again(
    answer: str, error: str | None
) -> None:
    async def main() -> None:
        async with at_desks() as place:
            stage = place.stage
            quiet = Pipeline(stt=stage.stt, vad=stage.vad, tts=stage.tts)
            transfer = place.begin(briefing_pipeline_factory=lambda: quiet, briefing_timeout=40.0)
            await place.briefed()
            await place.supervisor_says(answer)
            assert (await transfer).error == error
            asked = 2 if error == "briefing_timeout" else 1
            assert stage.tts.spoken.count(DECLINE) == asked

    virtually(main)


def test_the_models_tool_takes_the_call_and_what_it_says_then_is_not_heard() -> None:
    async def main() -> None:
        async with at_desks(script=[[Calls("done_briefing")], "Great!"]) as place:
            transfer = place.begin()
            await place.briefed()
            await place.supervisor_says("I'll have them.")
            assert (await transfer).success
            assert "Great!" not in place.stage.tts.spoken

    virtually(main)


def test_a_supervisor_may_ask_about_the_caller() -> None:
    async def main() -> None:
        async with at_desks(script=["A Mr Jones."]) as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            await place.supervisor_says("What is their name?")
            await asyncio.sleep(3.0)
            assert place.stage.tts.spoken[-1] == "A Mr Jones."
            (asked,) = place.stage.llm.requests
            assert "The caller has not said what it is about." in asked.instructions
            supervisor.press("1")
            assert (await transfer).success

    virtually(main)


def test_both_are_introduced_before_the_agent_leaves() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(introduction="You are connected.")
            supervisor = await place.briefed()
            supervisor.press("1")
            merged = place.stage.now()
            assert (await transfer).success
            assert place.stage.tts.spoken[-2:] == ["You are connected."] * 2
            for leg in (place.stage.leg, supervisor):
                assert share(heard_between(leg, merged + 0.1, merged + 0.5), 440) > 0.9

    virtually(main)


def test_the_supervisors_extension_is_keyed_before_anything_is_said() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(destination=PhoneDestination(NUMBER, send_digits="ww42"))
            await place.desk.rings()
            leg = MemoryLeg(digits_out="signal")
            place.desk.calls[0].attach(leg)
            await asyncio.sleep(10.0)
            assert [digit for _, digit in leg.digits_sent] == ["4", "2"]
            transfer.cancel()

    virtually(main)


# From inside a tool.


class Clerk(Agent):
    """Has one tool, which hands the caller over."""

    def __init__(self, place: "list[TransferStage]", **config: Any) -> None:
        super().__init__()
        self.place = place
        self.config = config
        self.results: list[WarmTransferResult] = []

    @function_tool
    async def get_a_person(self, context: RunContext[Any]) -> str:
        """Hand the caller over."""
        result = await self.session.warm_transfer(self.place[0].config(**self.config))
        self.results.append(result)
        return "They are back."


def test_w14_a_caller_who_talks_over_the_music_does_not_end_the_tool_or_the_transfer() -> None:
    async def main() -> None:
        places: list[TransferStage] = []
        script: Script = [[Calls("get_a_person")], SUMMARY, "Hm?"]
        async with at_desks(Clerk(places), script) as place:
            places.append(place)
            stage = place.stage
            await place.caller_says("A person, please.")
            await asyncio.sleep(1.0)
            await place.caller_says("What a lovely tune they play here, I must say.")
            stage.session.interrupt(force=True)
            supervisor = await place.briefed()
            supervisor.press("1")
            await stage.session.wait_closed()
            assert place.phases == HAPPY
            assert stage.tts.spoken.count("Hm?") == 0

    virtually(main)


# The ways back.


@pytest.mark.parametrize(
    ("outcome", "cause", "error", "sip_code"),
    [
        (Outcome.BUSY, "486", "supervisor_busy", 486),
        (Outcome.NO_ANSWER, "480", "supervisor_no_answer", 480),
        (Outcome.REJECTED, "603", "supervisor_rejected", 603),
        (Outcome.FAILED, "603", "supervisor_rejected", 603),
        (Outcome.FAILED, "13224", "supervisor_unreachable", None),
    ],
)
def test_w04_what_the_carrier_says_is_the_reason_at_once(
    outcome: Outcome, cause: str, error: str, sip_code: int | None
) -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.desk.rings()
            place.desk.ends(outcome, cause)
            told = place.stage.now()
            result = await transfer
            assert (result.error, result.sip_code) == (error, sip_code)
            (attempt,) = place.stage.of(WarmTransferAttemptEnded)
            assert attempt.attempt.cause == cause
            assert place.told[-1].at == pytest.approx(told)

    virtually(main)


def test_an_order_to_dial_that_is_refused_fails_the_transfer() -> None:
    async def main() -> None:
        async with at_desks() as place:
            place.desk.refuses = CarrierError("no such number")
            result = await place.begin()
            assert (result.phase, result.error) == ("transfer_failed", "dial_failed")
            assert result.attempts[0].ended_by is AttemptEnder.CARRIER
            assert place.stage.session.agent_state is AgentState.IDLE

    virtually(main)


def test_w07_a_supervisor_who_declines_gives_a_reason_and_the_caller_hears_an_apology() -> None:
    async def main() -> None:
        declines = [Calls("decline_transfer", {"reason": "in a meeting"})]
        async with at_desks(script=[declines]) as place:
            transfer = place.begin()
            await place.briefed()
            await place.supervisor_says("Sorry, I'm in a meeting.")
            result = await transfer
            assert (result.error, result.decline_reason) == ("declined", "in a meeting")
            assert place.phases[-2:] == ["briefing_complete", "transfer_cancelled"]
            sorry = "I'm sorry, nobody can take your call just now. Let me go on helping you."
            assert spoken(place) == [HOLD_LINE, sorry]
            await ended_well(place)
            assert "Thank you, and goodbye." in place.stage.tts.spoken

    virtually(main)


def test_w20_a_key_takes_the_call_without_a_model() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.supervisor_answers()
            supervisor.press("1")
            await asyncio.sleep(15.0)
            supervisor.press("1")
            assert (await transfer).success
            assert place.stage.llm.requests == []

    virtually(main)


def test_w20_a_key_declines() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("2")
            result = await transfer
            assert (result.error, result.decline_reason) == ("declined", None)
            await ended_well(place)

    virtually(main)


def test_with_a_key_alone_a_hello_tells_nothing() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(accept="key")
            supervisor = await place.supervisor_answers()
            await place.supervisor_says("Hello?")
            await asyncio.sleep(8.0)
            assert place.stage.tts.spoken[-3:] == [
                GREETING,
                "To hear what it is about,",
                "press 1.",
            ]
            supervisor.press("1")
            await asyncio.sleep(12.0)
            assert place.phases[-1] == "briefing_started"
            supervisor.press("1")
            assert (await transfer).success

    virtually(main)


def test_w10a_a_supervisor_who_hangs_up_in_the_briefing_leaves_the_caller_with_the_agent() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.hang_up()
            gone = place.stage.now()
            result = await transfer
            assert (result.error, result.rollback) == ("supervisor_disconnected", False)
            assert result.attempts[0].ended_by is AttemptEnder.SUPERVISOR
            assert place.told[-1].at == pytest.approx(gone)
            assert "call_switched" not in place.phases

    virtually(main)


def test_w10c_a_supervisor_who_hangs_up_right_after_the_merge_brings_the_caller_back() -> None:
    async def main() -> None:
        async with at_desks(script=["Here I am."]) as place:
            stage = place.stage
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            await asyncio.sleep(1.5)
            supervisor.hang_up()
            lost = stage.now()
            result = await transfer
            assert (result.success, result.error, result.rollback) == (
                False,
                "supervisor_disconnected",
                True,
            )
            assert spoken(place)[-1].startswith("I'm sorry, we lost the person")
            assert longest_silence(stage.leg, lost, lost + 2.0) < 0.2
            assert not stage.session.closed
            await place.caller_says("Hello?")
            await asyncio.sleep(2.0)
            assert spoken(place)[-1] == "Here I am."

    virtually(main)


def test_a_supervisor_to_whom_nothing_can_be_said_is_given_up() -> None:
    async def main() -> None:
        mute = Pipeline()
        async with at_desks() as place:
            transfer = place.begin(briefing_pipeline_factory=lambda: mute)
            await place.supervisor_answers()
            result = await transfer
            assert result.error == "briefing_failed"
            await ended_well(place)

    virtually(main)


def breaks() -> object:
    raise RuntimeError


@pytest.mark.parametrize(("factory", "reason"), [(breaks, "internal"), (object, "config")])
def test_a_factory_that_gives_no_pipeline_ends_the_transfer(factory: Any, reason: str) -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(briefing_pipeline_factory=factory)
            await place.supervisor_answers()
            assert (await transfer).error == "briefing_failed"
            (error,) = place.stage.of(ErrorOccurred)
            assert (error.source, error.reason) == ("transfer", reason)
            await ended_well(place)

    virtually(main)


def test_w19_the_next_destination_is_tried_when_the_first_is_busy() -> None:
    async def main() -> None:
        async with at_desks() as place:
            bob = PhoneDestination("+14155550111", "Bob", caller_id="+14155550122")
            transfer = place.begin(destinations=[ANN, bob])
            await place.desk.rings()
            place.desk.ends(Outcome.BUSY, "486")
            supervisor = await place.briefed()
            supervisor.press("1")
            result = await transfer
            assert result.success
            assert result.human_agent_identity == "Bob"
            assert [attempt.reason for attempt in result.attempts] == ["supervisor_busy", None]
            assert place.desk.orders == [(NUMBER, ""), ("+14155550111", "+14155550122")]
            assert place.stage.tts.spoken.count(HOLD_LINE) == 1

    virtually(main)


# The caller.


def test_a_caller_who_presses_the_cancel_key_is_back_with_the_agent() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.desk.rings()
            place.stage.leg.press("*")
            result = await transfer
            assert result.error == "caller_cancelled"
            assert spoken(place)[-1] == "All right, I'm back with you. What can I do?"
            await ended_well(place)

    virtually(main)


def test_the_cancel_key_works_in_sensitive_mode_and_no_key_is_seen_for_it() -> None:
    tape = Tape()

    async def main() -> None:
        async with at_desks(tape=tape) as place:
            with place.stage.session.sensitive():
                transfer = place.begin()
                await place.desk.rings()
                place.stage.leg.press("73*")
                assert (await transfer).error == "caller_cancelled"
            seen = [(event.digit, event.sensitive) for event in place.stage.of(DtmfReceived)]
            assert seen == [("•", True)] * 3
            await ended_well(place)

    virtually(main)
    keys = [line for line in tape.lines() if '"turn.digit"' in line]
    assert [line.partition('"digit":')[2][:3] for line in keys] == ['"•"', '"•"', '"•"', '"*"']
    assert replay(tape.lines()).differences == ()


def test_a_caller_who_says_never_mind_is_back_with_the_agent() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.desk.rings()
            await place.caller_says("Oh, never mind.")
            result = await transfer
            assert result.error == "caller_cancelled"
            await ended_well(place)

    virtually(main)


# The program.


def test_w13_a_session_that_closes_ends_the_transfer_and_all_calls_of_it() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.briefed()
            began = place.stage.now()
            await place.stage.session.close()
            assert place.stage.now() - began < 5.0
            assert place.desk.calls[0].state is CallState.ENDED
            assert (await transfer).error == "session_closed"
            assert place.phases[-1] == "transfer_cancelled"
            assert place.told[-1].data["reason"] == "session_closed"

    virtually(main)


@pytest.mark.parametrize("merged", [False, True])
def test_a_hang_up_ends_a_transfer_that_goes_on_but_not_a_call_that_was_handed_over(
    merged: bool,
) -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            if merged:
                supervisor.press("1")
                await asyncio.sleep(0.5)
            await place.stage.session.hangup()
            assert (await transfer).success is merged
            assert (place.call.ended is None) is merged
            assert (place.desk.calls[0].ended is None) is merged

    virtually(main)


def test_w13_a_task_that_is_cancelled_gives_the_transfer_up_and_the_agent_goes_on() -> None:
    async def main() -> None:
        async with at_desks(script=["I am here."]) as place:
            transfer = place.begin()
            await place.briefed()
            transfer.cancel()
            await ended_well(place)
            assert place.told[-1].data["reason"] == "session_closed"
            await place.caller_says("Hello?")
            await asyncio.sleep(2.0)
            assert spoken(place)[-1] == "I am here."

    virtually(main)


def test_w14_a_second_transfer_is_refused_and_the_first_goes_on() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            with pytest.raises(WarmTransferError) as caught:
                await place.begin()
            assert str(caught.value) == ("A warm transfer is already in progress for this session.")
            assert caught.value.reason == "already_in_progress"
            supervisor.press("1")
            assert (await transfer).success

    virtually(main)


def test_after_a_transfer_that_came_to_nothing_there_may_be_another() -> None:
    async def main() -> None:
        async with at_desks() as place:
            first = place.begin()
            await place.desk.rings()
            place.desk.ends(Outcome.BUSY)
            assert (await first).error == "supervisor_busy"
            second = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            assert (await second).success

    virtually(main)


def test_w15_a_call_without_a_carrier_is_refused_before_the_caller_hears_anything() -> None:
    async def main() -> None:
        async with at_desks() as place:
            place.call.control = None
            with pytest.raises(WarmTransferError) as caught:
                await place.begin()
            assert caught.value.reason == "not_a_phone_call"
            assert caught.value.result is not None
            assert caught.value.result.phase == "transfer_failed"
            assert place.phases == ["started", "transfer_failed"]
            assert place.stage.of(AgentStateChanged)[-1].new is AgentState.IDLE
            await place.stage.session.say("I am still here.")
            assert spoken(place) == ["I am still here."]

    virtually(main)


def test_a_caller_cannot_be_handed_to_themselves_nor_by_a_way_that_is_not_there() -> None:
    async def main() -> None:
        async with at_desks() as place:
            place.call.from_ = NUMBER
            with pytest.raises(TransferMisconfigured, match="the caller's own number"):
                await place.begin()
            place.call.from_ = "+14155550199"
            with pytest.raises(TransferMisconfigured, match="topology"):
                await place.begin(topology="conference")
            assert place.phases == []

    virtually(main)


def test_w16_a_model_that_hangs_does_not_hold_the_transfer_up() -> None:
    async def main() -> None:
        hangs = Says("Never.", delay=100.0)
        async with at_desks(script=["Yes?", hangs]) as place:
            await place.caller_says("I want my money back.")
            await asyncio.sleep(2.0)
            transfer = place.begin()
            began = place.stage.now()
            supervisor = await place.briefed()
            (ready,) = (each for each in place.told if each.phase == "summary_ready")
            assert ready.at - began == pytest.approx(8.0)
            assert ready.data == {
                "summary": 'The caller began with: "I want my money back."',
                "source": "fallback",
            }
            assert place.desk.dialled_at[0] - began == pytest.approx(1.8)
            supervisor.press("1")
            assert (await transfer).success

    virtually(main)


def test_what_was_being_said_is_heard_before_the_hold_line() -> None:
    async def main() -> None:
        async with at_desks() as place:
            place.stage.session.say("First I tell you this.")
            place.stage.session.say("And this comes later.", mode=SpeechMode.QUEUE)
            await asyncio.sleep(0.3)
            transfer = place.begin()
            await place.desk.rings()
            assert spoken(place) == ["First I tell you this.", HOLD_LINE]
            place.desk.ends(Outcome.BUSY)
            await transfer
            await asyncio.sleep(3.0)
            assert spoken(place)[-1] == "And this comes later."

    virtually(main)


def test_comfort_lines_are_said_while_the_caller_waits() -> None:
    async def main() -> None:
        music = HoldMusic(comfort=["Still looking."], comfort_every=5.0)
        options = OPTIONS.__class__(apology="Sorry.", hold_music=music, wording=None)
        async with at_desks(options=options) as place:
            transfer = place.begin()
            await place.desk.rings()
            await asyncio.sleep(5.0)
            assert spoken(place) == [HOLD_LINE, "Still looking."]
            assert place.stage.items == [f"assistant: {HOLD_LINE}"]
            transfer.cancel()

    virtually(main)


# Listeners, and the tape.


def test_w17_listeners_are_called_once_for_their_phase_and_one_that_raises_hurts_nobody() -> None:
    async def main() -> None:
        plain: list[WarmTransferPhaseReached] = []
        later: list[WarmTransferPhaseReached] = []
        every: list[str] = []
        async with at_desks() as place:
            session = place.stage.session
            session.on_warm_transfer("supervisor_joined", plain.append)

            @session.on_warm_transfer("supervisor_joined")
            async def joined(event: WarmTransferPhaseReached) -> None:
                later.append(event)

            @session.on_warm_transfer("supervisor_joined")
            def breaks(event: WarmTransferPhaseReached) -> None:
                raise RuntimeError

            def note(event: WarmTransferPhaseReached) -> None:
                every.append(event.phase.value)

            session.on_warm_transfer(callback=note)
            with pytest.raises(ValueError, match="nonsense"):
                session.on_warm_transfer("nonsense", plain.append)
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            assert (await transfer).success
            assert len(plain) == len(later) == 1
            assert plain[0].consultation_room_id == place.told[-1].consultation_room_id
            assert every == HAPPY
            (error,) = place.stage.of(ErrorOccurred)
            assert error.reason == "handler_failed"

    virtually(main)


def test_the_agent_is_transferring_meanwhile() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.desk.rings()
            place.desk.ends(Outcome.BUSY)
            await transfer
            states = [event.new for event in place.stage.of(AgentStateChanged)]
            assert states == [AgentState.IDLE, AgentState.TRANSFERRING, AgentState.IDLE]

    virtually(main)


def test_the_tape_of_a_transfer_replays() -> None:
    tape = Tape()

    async def main() -> None:
        async with at_desks(tape=tape) as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            await transfer

    virtually(main)
    replayed = replay(tape.lines())
    assert "transfer" in replayed.machines
    assert replayed.differences == ()


def test_a_voice_that_fails_does_not_leave_the_caller_waiting() -> None:
    async def main() -> None:
        from hookflash.errors import ProviderError

        async with at_desks() as place:
            voice = ScriptedTTS(fails=[ProviderError("broken")] * 20)
            pipeline = Pipeline(stt=place.stage.stt, vad=place.stage.vad, tts=voice)
            transfer = place.begin(briefing_pipeline_factory=lambda: pipeline)
            await place.supervisor_answers()
            await place.supervisor_says("Hello?")
            assert (await transfer).error == "briefing_failed"
            await ended_well(place)

    virtually(main)


def test_of_those_who_ring_together_the_first_person_is_asked_and_the_others_stop_ringing() -> None:
    async def main() -> None:
        async with at_desks() as place:
            bob = PhoneDestination("+14155550111", "Bob")
            transfer = place.begin(destinations=[ANN, bob], order="together")
            supervisor = await place.briefed()  # the last who was phoned
            supervisor.press("1")
            result = await transfer
            assert result.human_agent_identity == "Bob"
            assert result.consultation_session_id is not None
            assert [attempt.reason for attempt in result.attempts] == ["answered_elsewhere", None]
            assert place.desk.calls[0].state is CallState.ENDED
            assert place.desk.calls[1].ended is None

    virtually(main)


def test_a_caller_who_speaks_into_the_apology_is_answered() -> None:
    async def main() -> None:
        async with at_desks(script=["Yes, of course."]) as place:
            transfer = place.begin()
            await place.desk.rings()
            place.desk.ends(Outcome.BUSY)
            await asyncio.sleep(0.5)
            await place.caller_says("Can you call them later?")
            await transfer
            await asyncio.sleep(2.0)
            *_, cut, answer = spoken(place)
            assert cut.startswith("I'm sorry")
            assert not cut.endswith("helping you.")
            assert answer == "Yes, of course."

    virtually(main)


def test_a_person_who_answers_before_the_summary_is_there_is_told_it_then() -> None:
    async def main() -> None:
        slow = Says(SUMMARY, delay=7.0)
        async with at_desks(script=["Yes?", slow]) as place:
            await place.caller_says("I want my money back.")
            await asyncio.sleep(2.0)
            transfer = place.begin()
            supervisor = await place.briefed()
            phases = place.phases
            assert phases.index("supervisor_joined") < phases.index("summary_ready")
            assert phases.index("summary_ready") < phases.index("briefing_started")
            assert place.stage.tts.spoken[-4:] == [GREETING, SUMMARY, TAKE, DECLINE]
            supervisor.press("1")
            assert (await transfer).success

    virtually(main)

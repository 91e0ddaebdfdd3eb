"""Handing the caller to a person by a task: what whoever awaits it gets, for every outcome."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.agent.stage import Script
from tests.agent.transfer_stage import ANN, NUMBER, OPTIONS, SUMMARY, TransferStage, at_desks
from tests.tasks.callers import outputs

from hookflash.agent import Agent, HoldMusic, StopResponse, function_tool
from hookflash.calls.transfer_types import (
    WarmTransferConfig,
    WarmTransferReason,
    WarmTransferResult,
)
from hookflash.errors import CallerHungUp, CarrierError, ConfigError, TaskCancelled, TaskTimedOut
from hookflash.events.call import CallState, Outcome
from hookflash.events.session import AgentState, UtteranceSpoken
from hookflash.events.sound import SoundEnded, SoundKind, SoundStarted
from hookflash.events.tasks import TaskEnded, TaskStarted
from hookflash.runtime import clock
from hookflash.tasks import TaskMisconfigured, WarmTransferFailed, WarmTransferTask
from hookflash.testing import MemoryLeg
from hookflash.testing.scripted import Calls, Says

BUSY = "I'm sorry, the line is busy. Let me go on helping you."
PROMISE = "Of course, I will look for a person who can help you with that right now."
HOLD_LINE = "Please hold on while I find somebody for you."
ASKS: Script = [[Calls("put_through")], SUMMARY, "What else can I do?"]
Play = Callable[[TransferStage], Awaitable[None]]


def ann(**options: Any) -> WarmTransferTask:
    return WarmTransferTask(NUMBER, display_name="Ann", **options)


class Clerk(Agent):
    """Puts callers through by a task, in a tool, and keeps what came of it."""

    def __init__(self, make: Callable[[], WarmTransferTask] = ann) -> None:
        super().__init__("You are a clerk.")
        self.make = make
        self.task: WarmTransferTask | None = None
        self.got: list[WarmTransferResult | Exception] = []
        self.at = 0.0

    @function_tool
    async def put_through(self) -> str:
        """Put the caller through to a person."""
        self.task = self.make()
        try:
            self.got.append(await self.task)
        except Exception as exc:
            self.got.append(exc)
            raise
        finally:
            self.at = clock.now()
        return "They talk."

    @property
    def result(self) -> WarmTransferResult:
        (result,) = self.got
        assert isinstance(result, WarmTransferResult), result
        return result

    @property
    def failure(self) -> WarmTransferFailed:
        (failure,) = self.got
        assert isinstance(failure, WarmTransferFailed), failure
        return failure


def spoken(place: TransferStage) -> list[str]:
    """What the caller heard of the agent."""
    return [event.heard for event in place.stage.of(UtteranceSpoken)]


class Flags(NamedTuple):
    """What shows whether the caller is with the agent as before."""

    state: AgentState
    held: bool
    music: bool
    hears: bool
    agent: Agent
    hold_music: HoldMusic


async def flags(place: TransferStage) -> Flags:
    """Look, and try whether the caller's words are a turn for the agent."""
    session, stage = place.stage.session, place.stage
    conversation = session._conversation
    assert conversation is not None
    assert session._sound is not None
    before = len(stage.llm.requests)
    await place.caller_says("Are you there?")
    await asyncio.sleep(4.0)
    return Flags(
        state=session.agent_state,
        held=conversation.speech.queue.held,
        music=session._sound._on_hold,
        hears=len(stage.llm.requests) > before,
        agent=session.current_agent,
        hold_music=session.options.hold_music,
    )


def play(what: Play, script: Script = ASKS, agent: Clerk | None = None, **options: Any) -> Clerk:
    """Let a caller be put through by the clerk's tool; what follows is played.

    In the end no call to a supervisor is left over.
    """
    clerk = agent or Clerk()

    async def main() -> None:
        async with at_desks(clerk, script, **options) as place:
            await place.caller_says("A person, please.")
            await what(place)
            await asyncio.sleep(8.0)
            assert {call.state for call in place.desk.calls} <= {CallState.ENDED}

    clock.run(main(), virtual=True)
    return clerk


async def takes_the_call(place: TransferStage) -> None:
    supervisor = await place.briefed()
    supervisor.press("1")
    assert await place.stage.session.wait_closed() == "transferred"
    supervisor.hang_up()


# It works.


def test_35_the_tool_that_awaits_gets_the_result_with_who_has_the_caller() -> None:
    async def what(place: TransferStage) -> None:
        supervisor = await place.supervisor_answers()
        stage = place.stage
        assert spoken(place) == [HOLD_LINE]
        assert place.desk.dialled_at[0] >= stage.of(UtteranceSpoken)[-1].at
        await place.supervisor_says("Hello?")
        await asyncio.sleep(10.0)
        supervisor.press("1")
        assert await stage.session.wait_closed() == "transferred"
        assert spoken(place) == [HOLD_LINE], "and the tool's reply says nothing more"
        assert place.phases[-2:] == ["call_switched", "transfer_complete"]
        assert place.call.ended is None
        assert [event.task for event in stage.of(TaskStarted)] == ["WarmTransferTask"]
        assert [event.outcome for event in stage.of(TaskEnded)] == ["done"]
        supervisor.hang_up()

    clerk = play(what)
    assert clerk.result.success
    assert clerk.result.human_agent_identity == "Ann"
    assert clerk.result.attempts[0].merged_at is not None


def test_35_a_yes_to_the_models_tool_takes_the_call() -> None:
    async def what(place: TransferStage) -> None:
        await place.briefed()
        await place.supervisor_says("Yes, put them through")
        assert await place.stage.session.wait_closed() == "transferred"
        place.stage.leg.hang_up()

    clerk = play(what, [[Calls("put_through")], SUMMARY, Calls("done_briefing")])
    assert clerk.result.human_agent_identity == "Ann"


def test_the_destinations_extension_number_and_ringing_are_as_given() -> None:
    def make() -> WarmTransferTask:
        return WarmTransferTask(NUMBER, sip_number="+14155550199", dtmf="w42", ringing_timeout=9.0)

    async def what(place: TransferStage) -> None:
        await place.desk.rings()
        assert place.desk.orders == [(NUMBER, "+14155550199")]
        rang = place.stage.now()
        await asyncio.sleep(8.5)
        assert not clerk.got
        await asyncio.sleep(4.0)
        assert clerk.at - rang > 9.0

    clerk = Clerk(make)
    play(what, agent=clerk)
    assert clerk.failure.reason == "supervisor_no_answer"


def test_everything_else_is_said_by_a_config() -> None:
    config = WarmTransferConfig(ANN, hold_line="Wait.", introduction="Ann is here.")

    async def what(place: TransferStage) -> None:
        await takes_the_call(place)
        assert spoken(place) == ["Wait.", "Ann is here."]

    play(what, agent=Clerk(lambda: WarmTransferTask(config=config)))


@pytest.mark.parametrize(
    ("given", "label", "lines"),
    [
        ("office", "office", 1),
        (HoldMusic(music=None, comfort=()), None, 0),
        (None, "hold_music", 1),
    ],
)
def test_the_caller_hears_the_music_of_this_transfer_and_later_the_sessions(
    given: Any, label: str | None, lines: int
) -> None:
    own = HoldMusic(comfort=("Still looking.",), comfort_every=10.0)

    async def what(place: TransferStage) -> None:
        await place.desk.rings()
        await asyncio.sleep(12.0)
        place.desk.ends(Outcome.BUSY)
        await asyncio.sleep(6.0)
        played = [each for each in place.stage.of(SoundStarted) if each.sound is SoundKind.HOLD]
        assert [each.label for each in played] == ([] if label is None else [label])
        assert spoken(place).count("Still looking.") == lines
        assert place.stage.session.options.hold_music is own

    options = OPTIONS.__class__(hold_music=own, wording=None)
    play(what, agent=Clerk(lambda: ann(hold_audio=given)), options=options)


def test_in_a_hook_it_is_the_same_and_the_agent_has_the_last_word() -> None:
    class Eager(Clerk):
        async def on_user_turn_completed(self, text: str) -> None:
            try:
                await ann()
            except WarmTransferFailed as failed:
                self.got.append(failed)
                self.session.say("I'll take a message.")
            raise StopResponse

    async def what(place: TransferStage) -> None:
        await is_busy(place)
        await asyncio.sleep(8.0)
        assert spoken(place) == [HOLD_LINE, BUSY, "I'll take a message."]

    assert play(what, (), Eager()).failure.reason == "supervisor_busy"


async def is_busy(place: TransferStage) -> None:
    await place.desk.rings()
    place.desk.ends(Outcome.BUSY)


# It fails, and says how.


def test_35_a_supervisor_who_declines_is_told_to_the_model_with_the_reason() -> None:
    async def what(place: TransferStage) -> None:
        await place.briefed()
        await place.supervisor_says("I am busy")
        await asyncio.sleep(12.0)
        stage = place.stage
        error = "human agent declined to connect: busy"
        assert outputs(stage, "put_through") == [f"error {error}"]
        sorry = "I'm sorry, nobody can take your call just now. Let me go on helping you."
        assert spoken(place) == [HOLD_LINE, sorry, "What else can I do?"]
        assert [event.outcome for event in stage.of(TaskEnded)] == ["warm_transfer_failed"]

    decline = Calls("decline_transfer", {"reason": "busy"})
    clerk = play(what, [[Calls("put_through")], SUMMARY, decline, "What else can I do?"])
    assert str(clerk.failure) == "human agent declined to connect: busy"
    assert clerk.failure.reason == "declined"
    assert clerk.failure.result is not None
    assert clerk.failure.result.decline_reason == "busy"


def test_35_a_supervisor_who_declines_by_key_gives_no_reason() -> None:
    async def what(place: TransferStage) -> None:
        supervisor = await place.briefed()
        supervisor.press("2")
        await asyncio.sleep(10.0)

    assert str(play(what).failure) == "human agent declined to connect"


def test_35_a_mailbox_is_told_as_such() -> None:
    async def what(place: TransferStage) -> None:
        await place.supervisor_answers()
        await place.supervisor_says(
            "Hi, you have reached Ann. Please leave a message after the tone."
        )
        await asyncio.sleep(10.0)

    failure = play(what).failure
    assert (str(failure), failure.reason) == ("voicemail detected", "voicemail")


@pytest.mark.parametrize(
    ("outcome", "cause", "reason", "sip_status"),
    [
        (Outcome.BUSY, "486", "supervisor_busy", 486),
        (Outcome.REJECTED, "603", "supervisor_rejected", 603),
        (Outcome.NO_ANSWER, None, "supervisor_no_answer", None),
        (Outcome.FAILED, "404", "supervisor_unreachable", 404),
    ],
)
def test_35_who_could_not_be_dialled_is_one_text_but_not_one_reason(
    outcome: Outcome, cause: str | None, reason: str, sip_status: int | None
) -> None:
    async def what(place: TransferStage) -> None:
        await place.desk.rings()
        place.desk.ends(outcome, cause)
        await asyncio.sleep(8.0)

    failure = play(what).failure
    assert str(failure) == "could not dial human agent"
    assert (failure.reason, failure.sip_status) == (reason, sip_status)
    assert failure.result is not None
    assert [attempt.cause for attempt in failure.result.attempts] == [cause]


def test_35_an_order_to_dial_that_is_refused_could_not_dial_either() -> None:
    clerk = Clerk()

    async def main() -> None:
        async with at_desks(clerk, ASKS) as place:
            place.desk.refuses = CarrierError("no")
            await place.caller_says("A person, please.")
            await asyncio.sleep(10.0)

    clock.run(main(), virtual=True)
    assert str(clerk.failure) == "could not dial human agent"
    assert clerk.failure.reason == "dial_failed"


def test_35_a_supervisor_who_hangs_up_in_the_briefing_has_closed_the_room() -> None:
    async def what(place: TransferStage) -> None:
        supervisor = await place.briefed()
        supervisor.hang_up()
        await asyncio.sleep(8.0)

    assert str(play(what).failure) == "room closed: supervisor_disconnected"


def test_a_caller_who_wants_back_is_told_to_the_model() -> None:
    async def what(place: TransferStage) -> None:
        await place.desk.rings()
        place.stage.leg.press("*")
        await asyncio.sleep(8.0)

    failure = play(what).failure
    assert failure.reason == "caller_cancelled"
    assert str(failure) == "the caller did not want to wait any longer"


def test_a_call_that_no_carrier_handles_could_not_dial() -> None:
    clerk = Clerk()

    async def main() -> None:
        async with at_desks(clerk, [[Calls("put_through")], "What else can I do?"]) as place:
            place.call.control = None
            await place.caller_says("A person, please.")
            await asyncio.sleep(8.0)
            assert spoken(place) == ["What else can I do?"], "and the caller heard nothing of it"

    clock.run(main(), virtual=True)
    assert (str(clerk.failure), clerk.failure.reason) == (
        "could not dial human agent",
        "not_a_phone_call",
    )


def test_a_second_transfer_at_a_time_is_refused_in_words_of_its_own() -> None:
    clerk = Clerk()

    async def main() -> None:
        script: Script = [[Calls("put_through")], "What else can I do?"]
        async with at_desks(clerk, script) as place:
            others: list[asyncio.Task[WarmTransferResult]] = []
            place.stage.session.on(TaskStarted, lambda _: others.append(place.begin()))
            await place.caller_says("A person, please.")
            await is_busy(place)
            await asyncio.sleep(8.0)
            (other,) = others
            assert (await other).reason == "supervisor_busy"

    clock.run(main(), virtual=True)
    assert clerk.failure.reason == "already_in_progress"
    assert str(clerk.failure) == "A warm transfer is already in progress for this session."
    assert clerk.failure.result is None


# The caller leaves, the program gives up.


@pytest.mark.parametrize("when", ["ringing", "briefing"])
def test_36_a_caller_who_hangs_up_ends_the_other_call_and_the_task(when: str) -> None:
    left: list[float] = []

    async def what(place: TransferStage) -> None:
        await (place.briefed() if when == "briefing" else place.desk.rings())
        place.stage.leg.hang_up()
        left.append(clock.now())
        if when == "ringing":
            await asyncio.sleep(0.9)
            assert place.desk.calls[0].state is CallState.ENDING
            place.desk.ends(Outcome.CANCELED)
        assert await place.stage.session.wait_closed() == "caller_hung_up"
        sounds = [type(each) for each in place.stage.events if each.name.startswith("sound.")]
        assert sounds == [SoundStarted, SoundEnded]
        if when == "briefing":
            assert "The caller has hung up." in place.stage.tts.spoken

    clerk = play(what)
    (error,) = clerk.got
    assert isinstance(error, CallerHungUp)
    assert clerk.at - left[0] < 1.0


def test_37_a_merge_that_fails_brings_the_caller_back_and_tells_the_supervisor() -> None:
    async def what(place: TransferStage) -> None:
        await place.desk.rings()
        supervisor = MemoryLeg(12000)  # no bridge takes that rate
        place.desk.calls[0].attach(supervisor)
        await asyncio.sleep(0.02)
        await place.supervisor_says("Hello?")
        await asyncio.sleep(20.0)
        supervisor.press("1")
        await asyncio.sleep(12.0)
        session = place.stage.session
        assert session.agent_state is AgentState.IDLE
        assert session.current_agent is clerk
        assert spoken(place)[-1] == "What else can I do?"
        assert "I'm sorry, I could not connect the caller." in place.stage.tts.spoken

    clerk = Clerk()
    play(what, agent=clerk)
    assert str(clerk.failure) == "room closed: switch_failed"


def test_37_a_supervisor_who_hangs_up_right_after_the_merge_ends_the_task_too() -> None:
    async def what(place: TransferStage) -> None:
        supervisor = await place.briefed()
        supervisor.press("1")
        await asyncio.sleep(1.5)
        supervisor.hang_up()
        await asyncio.sleep(10.0)
        assert not place.stage.session.closed
        assert spoken(place)[-1] == "What else can I do?"

    failure = play(what).failure
    assert (failure.reason, failure.result and failure.result.rollback) == (
        "supervisor_disconnected",
        True,
    )


async def declines(place: TransferStage) -> None:
    (await place.briefed()).press("2")


async def hangs_up_after_the_merge(place: TransferStage) -> None:
    supervisor = await place.briefed()
    supervisor.press("1")
    await asyncio.sleep(1.0)
    supervisor.hang_up()


async def caller_cancels(place: TransferStage) -> None:
    await place.desk.rings()
    place.stage.leg.press("*")


async def is_cancelled(place: TransferStage) -> None:
    await place.desk.rings()
    clerk = place.stage.session.agent
    assert isinstance(clerk, WarmTransferTask)
    clerk.cancel()


async def has_no_time_left(place: TransferStage) -> None:
    await place.desk.rings()
    await asyncio.sleep(30.0)


@pytest.mark.parametrize(
    "what",
    [is_busy, declines, hangs_up_after_the_merge, caller_cancels, is_cancelled, has_no_time_left],
)
def test_38_after_any_outcome_the_caller_hears_and_is_heard_as_before(what: Play) -> None:
    clerk = Clerk(lambda: ann(timeout=25.0 if what is has_no_time_left else None))
    script: Script = ["Yes.", [Calls("put_through")], SUMMARY, "What else can I do?", "Yes."]

    async def main() -> None:
        async with at_desks(clerk, script) as place:
            before = await flags(place)
            await place.caller_says("A person, please.")
            await what(place)
            await asyncio.sleep(12.0)
            assert len(clerk.got) == 1
            assert await flags(place) == before
            assert before.hears
            assert spoken(place)[-2:] == ["What else can I do?", "Yes."]
            await asyncio.sleep(6.0)
            assert [call.state for call in place.desk.calls] == [CallState.ENDED]

    clock.run(main(), virtual=True)


def test_38_a_caller_who_was_on_hold_before_is_on_hold_again_and_hears_music() -> None:
    class Holds(Clerk):
        async def on_user_turn_completed(self, text: str) -> None:
            self.session.hold()

    async def what(place: TransferStage) -> None:
        await is_busy(place)
        await asyncio.sleep(10.0)
        stage = place.stage
        assert stage.session.agent_state is AgentState.ON_HOLD
        assert spoken(place) == [HOLD_LINE, BUSY, "What else can I do?"]
        since = stage.now() - 4.0
        loud = [at for at, pcm in stage.leg.received if at > since and any(pcm)]
        assert len(loud) > 190, "20 ms each"

    play(what, agent=Holds())


def test_a_task_that_is_cancelled_ends_when_the_caller_is_back() -> None:
    back = "You are back with me."
    apologies = {WarmTransferReason.SESSION_CLOSED: back}

    async def what(place: TransferStage) -> None:
        await place.desk.rings()
        assert clerk.task is not None
        clerk.task.cancel()
        cancelled = clock.now()
        await asyncio.sleep(8.0)
        assert spoken(place) == [HOLD_LINE, back, "What else can I do?"]
        assert clerk.at - cancelled >= 1.0, "five words, 0.2 s each"

    clerk = Clerk(lambda: WarmTransferTask(config=WarmTransferConfig(ANN, apologies=apologies)))
    play(what, agent=clerk)
    (error,) = clerk.got
    assert isinstance(error, TaskCancelled)


def test_a_task_that_has_no_time_left_gives_the_transfer_up() -> None:
    async def what(place: TransferStage) -> None:
        await place.desk.rings()
        await asyncio.sleep(12.0)
        assert place.phases[-1] == "transfer_cancelled"

    clerk = Clerk(lambda: ann(timeout=10.0))
    play(what, agent=clerk)
    (error,) = clerk.got
    assert isinstance(error, TaskTimedOut)


def test_what_the_caller_says_meanwhile_is_left_to_whoever_awaits() -> None:
    async def what(place: TransferStage) -> None:
        await asyncio.sleep(0.5)
        await place.caller_says("What a lovely tune they play here, I must say.")
        await is_busy(place)
        await asyncio.sleep(8.0)
        assert spoken(place)[-1] == "What else can I do?"
        assert place.stage.tts.spoken.count("Hm?") == 0
        said = [item for item in place.stage.items if item.startswith("user: ")]
        assert said[-1] == "user: What a lovely tune they play here, I must say."

    play(what, [*ASKS, "Hm?"])


def test_thanks_for_the_promise_of_a_person_are_not_answered_by_the_task() -> None:
    async def what(place: TransferStage) -> None:
        await asyncio.sleep(0.5)
        await place.caller_says("Thanks a lot.")
        await asyncio.sleep(1.0)
        assert place.desk.orders == [], "the promise is still being heard"
        await is_busy(place)
        await asyncio.sleep(8.0)
        assert spoken(place) == [PROMISE, HOLD_LINE, BUSY, "What else can I do?"]
        assert "user: Thanks a lot." in place.stage.items
        assert len(place.stage.llm.requests) == 3

    promise: Script = [[Says(PROMISE), Calls("put_through")], SUMMARY, "What else can I do?", "Hm?"]
    play(what, promise)


# What cannot be.


def test_a_task_without_a_destination_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="sip_call_to must be set"):
            WarmTransferTask()
        with pytest.raises(TaskMisconfigured, match="give one of the two"):
            WarmTransferTask(NUMBER, config=WarmTransferConfig(ANN))

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sip_call_to": "nobody"}, "sip_call_to cannot be called; give"),
        ({"sip_number": "Ann"}, "sip_number is no number; give"),
        ({"dtmf": "x"}, "dtmf has what is no key; give"),
        ({"ringing_timeout": 0.0}, "ringing_timeout is 0.0; give"),
        ({"display_name": " "}, "display_name is empty; give"),
    ],
)
def test_what_cannot_be_called_is_refused_by_the_name_it_was_given(
    options: dict[str, Any], message: str
) -> None:
    async def main() -> None:
        with pytest.raises(TaskMisconfigured, match=f"^{message}"):
            WarmTransferTask(**{"sip_call_to": NUMBER, **options})

    clock.run(main(), virtual=True)


def test_a_sound_that_is_not_there_and_no_time_at_all_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match="hold_audio"):
            ann(hold_audio=tmp_path / "absent.wav")
        with pytest.raises(ConfigError, match="timeout is 0"):
            ann(timeout=0.0)

    clock.run(main(), virtual=True)

"""A caller, an agent and a supervisor on the carrier's sockets, in every way of connecting them.

Whatever connects them, the same holds; what only one way has comes last.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.server.test_bridge import hum, share
from tests.server.test_recorded_transfer import part, sounds
from tests.server.transfer_scene import ANN, ANN_HZ, BOB, CALLER_HZ, Scene, heard, play

from hookflash import Agent, AgentSession, Call, Pipeline, SessionOptions, function_tool
from hookflash.agent import RecordingConfig
from hookflash.audio.wav import read_wav, split
from hookflash.calls.transfer_types import PhoneDestination, WarmTransferResult
from hookflash.emulator import FarEnd, Line, busy, no_answer, person, reject, voicemail
from hookflash.emulator.log import RestRequest
from hookflash.events.session import UtteranceSpoken
from hookflash.runtime import clock
from hookflash.testing import ScriptedLLM, ScriptedTTS
from hookflash.testing.scripted import Calls

WAYS: dict[str, dict[str, Any]] = {
    "bridge": {"topology": "bridge"},
    "conference": {"topology": "conference"},
    "dial": {"topology": "dial"},
    "detached": {"detach_after_merge": True},
}
# A call that is left to the carrier after the merge is in the bridge until then.
each_way = pytest.mark.parametrize("way", ["bridge", "conference", "dial"])
taken_away = pytest.mark.parametrize("way", ["conference", "dial"])
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


def result_of(scene: Scene) -> WarmTransferResult:
    assert scene.result is not None
    return scene.result


def is_back(scene: Scene, error: str) -> None:
    """The caller talks with the agent, and hears why."""
    assert (result_of(scene).error, scene.closed, scene.back) == (error, "hangup", True)
    assert result_of(scene).switched_call_id is None
    assert all(each.ended_at is not None for each in scene.anns)


def longest_gap(line: Line, begin: float, end: float) -> float:
    """How long a line heard nothing at all, at the longest."""
    assert line.heard.began_at is not None
    edges = [begin - line.heard.began_at]
    for start, stop in line.heard.speech(gap=0.05):
        if stop > edges[0] and start < end - line.heard.began_at:
            edges += [start, stop]
    edges.append(end - line.heard.began_at)
    return max(after - before for before, after in zip(edges[::2], edges[1::2], strict=True))


def spoken_to(scene: Scene, since: float) -> float:
    """How long Ann was still spoken to from a moment of the loop's clock on."""
    line = scene.lines["ann"]
    assert line.heard.began_at is not None
    _, end = line.heard.speech(gap=0.1)[-1]
    until = line.heard.began_at + end
    assert share(heard(line, until - 0.6, until), 440.0) > 0.9
    return until - since


@pytest.mark.parametrize(
    ("way", "first"), [*((way, "ann") for way in WAYS), ("conference", "caller")]
)
def test_w01_both_hear_each_other_and_end_together(way: str, first: str) -> None:
    async def main(scene: Scene) -> None:
        def watch() -> None:
            by_carrier = way != "bridge"
            for call in scene.place.app.calls:
                assert call.leg is not None
                assert call.state == ("away" if by_carrier else "answered")
                assert call.leg.linked is not by_carrier

        async def talks(line: Line, hz: float, mine: bool) -> None:
            while not scene.together.is_set():
                await line.say(hum(hz, 500))
            asyncio.get_running_loop().call_later(4.5, watch)
            await line.say(hum(hz, 7500 if mine else 60_000))

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await scene.together.wait()
            await talks(line, ANN_HZ, first == "ann")

        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await talks(line, CALLER_HZ, first == "caller")

        scene.compared = (1.9, 7.0)
        await scene.run(ann, caller)
        result = result_of(scene)
        assert (result.success, result.human_agent_identity) == (True, "Ann")
        assert scene.met
        assert scene.phases == HAPPY
        assert scene.closed == "transferred"
        assert result.switched_call_id == scene.phoned.sid
        assert result.supervisor_call_id == scene.anns[0].sid
        ends = [scene.phoned.ended_at or 0.0, scene.anns[0].ended_at or 0.0]
        assert max(ends) - min(ends) < 1.0

    play(main, wish=WAYS[way])


@each_way
def test_w03_a_supervisor_who_does_not_answer_leaves_the_caller_with_the_agent(way: str) -> None:
    async def main(scene: Scene) -> None:
        await scene.run(no_answer())
        is_back(scene, "supervisor_join_timeout")
        (attempt,) = result_of(scene).attempts
        assert attempt.ringing_at is not None
        assert attempt.answered_at is None
        if way != "dial":  # ringing has pauses of four seconds
            line = scene.lines["caller"]
            assert line.heard.began_at is not None
            began = line.heard.began_at
            assert longest_gap(line, began + 1.0, began + 7.0) < 1.0

    play(main, wish={**WAYS[way], "supervisor_join_timeout": 7.0})


@pytest.mark.parametrize(
    ("way", "supervisor", "error", "sip_code"),
    [
        ("bridge", busy, "supervisor_busy", 486),
        ("bridge", reject, "supervisor_rejected", 603),
        ("conference", busy, "supervisor_busy", 486),
        ("dial", busy, "supervisor_busy", 486),
        ("dial", reject, "supervisor_rejected", 603),
    ],
)
def test_w04_why_nobody_answered_is_told_at_once_with_its_sip_status(
    way: str, supervisor: Callable[[], FarEnd], error: str, sip_code: int
) -> None:
    async def main(scene: Scene) -> None:
        await scene.run(supervisor())
        is_back(scene, error)
        result = result_of(scene)
        assert result.sip_code == sip_code
        assert result.attempts[0].ended_at is not None
        assert result.attempts[0].ended_at < 4.0

    play(main, wish=WAYS[way])


@each_way
def test_w07_a_supervisor_who_declines_hears_a_farewell_and_the_caller_is_back(way: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("2")
            await line.wait_said()
            scene.wrong_at = clock.now()
            await line.wait(60.0)

        await scene.run(ann)
        is_back(scene, "declined")
        assert result_of(scene).attempts[0].ended_by == "agent"
        # Six words of farewell, 0.2 s each.
        # A carrier that asks for words which are being made is told to ask again in a second.
        assert 0.9 < spoken_to(scene, scene.wrong_at) < (2.6 if way == "dial" else 1.6)

    play(main, wish=WAYS[way])


@each_way
def test_w08_a_mailbox_hears_nothing_private_and_the_caller_is_back(way: str) -> None:
    async def main(scene: Scene) -> None:
        await scene.run(voicemail())
        # Where the carrier alone speaks to them, only a key shows who is there.
        is_back(scene, "supervisor_not_confirmed" if way == "dial" else "voicemail")
        assert "briefing_started" not in scene.phases

    play(main, wish=WAYS[way])


@pytest.mark.parametrize(
    ("way", "when"),
    [
        ("bridge", "in the briefing"),
        ("dial", "in the briefing"),
        ("conference", "after her yes"),
        *((way, "together") for way in WAYS),
    ],
)
def test_w10_a_supervisor_who_hangs_up_too_early_gives_the_caller_back(way: str, when: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            if when == "after her yes":
                scene.goes_wrong_with(scene.anns[0], "is done and answered late")
            if when != "in the briefing":
                line.press("1")
            await line.wait(1.0)

        scene.compared = ()
        await scene.run(ann)
        is_back(scene, "supervisor_disconnected")
        assert result_of(scene).rollback is (when == "together")

    play(main, wish=WAYS[way])


@each_way
@pytest.mark.parametrize("when", ["it rings", "she is briefed"])
def test_w11_a_caller_who_hangs_up_leaves_nobody_behind(way: str, when: str) -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.say(hum(CALLER_HZ, 2000 if when == "it rings" else 5500))

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            await line.wait(60.0)

        await scene.run(no_answer() if when == "it rings" else person(ann), caller)
        result = result_of(scene)
        assert (result.phase, result.error) == ("transfer_cancelled", "caller_disconnected")
        assert scene.closed == "caller_hung_up"
        assert (result.attempts[0].human_at is not None) is (when == "she is briefed")
        (call,) = scene.anns
        assert call.ended_at is not None
        assert scene.phoned.ended_at is not None
        # A sentence, if she was on the line and can be spoken to.
        talks = when == "she is briefed" and way != "dial"
        assert call.ended_at - scene.phoned.ended_at < (2.6 if talks else 1.0)

    play(main, wish=WAYS[way])


def test_w12_a_supervisor_who_does_not_get_into_the_conference_is_told_so() -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            scene.goes_wrong_with(scene.anns[0], "is refused")
            line.press("1")
            await line.wait(60.0)

        await scene.run(ann)
        is_back(scene, "switch_failed")
        assert result_of(scene).phase == "transfer_failed"
        # Nine words for her, who is still on a stream.
        assert 1.5 < spoken_to(scene, scene.wrong_at) < 2.4

    play(main, wish=WAYS["conference"])


@taken_away
@pytest.mark.parametrize(
    ("stage", "how"),
    [
        ("caller_on_hold", "close"),
        ("supervisor_dialed", "cancel"),
        ("supervisor_dialed", "hangup"),
        ("briefing_started", "close"),
        ("briefing_started", "hangup"),
        ("call_switched", "close"),
        ("call_switched", "cancel"),
    ],
)
def test_w13_a_session_that_ends_at_any_stage_leaves_nobody_behind(
    way: str, stage: str, how: str
) -> None:
    async def ends(scene: Scene, call: Call) -> None:
        session = scene.session()
        reached = asyncio.Event()
        session.on_warm_transfer(stage, lambda _: reached.set())
        await session.start(call)
        transfer = asyncio.ensure_future(session.warm_transfer(scene.config()))
        await reached.wait()
        await asyncio.sleep(0.3)
        began = clock.now()
        if how == "close":
            await session.close()
        elif how == "hangup":
            await session.hangup()
        else:
            transfer.cancel()
            await asyncio.wait([transfer])
        assert clock.now() - began < 5.0
        if not call.handed_over and call.ended is None:
            assert call.leg is not None
            await scene.listen(call, _hummed(call))
            await call.hangup()
        await asyncio.wait([transfer])
        await session.close()
        if not transfer.cancelled():
            scene.result = transfer.result()

    async def _hummed(call: Call) -> None:
        assert call.leg is not None
        await call.leg.play(hum(440.0, 1500))

    async def main(scene: Scene) -> None:
        scene.program = ends
        await scene.run(person(scene.ann, answer_after=2.0))
        together = stage == "call_switched"
        assert scene.phases[-1] == ("transfer_complete" if together else "transfer_cancelled")
        assert scene.met is together
        assert scene.back is (how != "hangup" and not together)
        if scene.result is not None:
            assert scene.result.error == (None if together else "session_closed")

    play(main, wish=WAYS[way])


@each_way
def test_w19_the_next_destination_is_tried_and_the_caller_does_not_come_back_between(
    way: str,
) -> None:
    async def main(scene: Scene) -> None:
        scene.place.carrier.far_ends[BOB] = person(scene.ann)
        await scene.run(busy())
        result = result_of(scene)
        assert [attempt.reason for attempt in result.attempts] == ["supervisor_busy", None]
        assert (result.success, result.human_agent_identity, scene.met) == (True, "Bob", True)

    targets = [PhoneDestination(ANN, "Ann"), PhoneDestination(BOB, "Bob")]
    play(main, wish={**WAYS[way], "destination": None, "destinations": targets})


@pytest.mark.parametrize("way", ["bridge", "conference"])
@pytest.mark.parametrize("key", ["1", "2"])
def test_w20_where_keys_alone_count_no_sound_takes_the_call(way: str, key: str) -> None:
    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            scene.lines["ann"] = line
            await line.wait_speech(30.0)
            await line.say(hum(ANN_HZ, 3000))
            assert "briefing_started" not in scene.phases
            line.press("1")
            await line.wait(2.0)
            line.press(key)
            await scene.talks(line)

        await scene.run(ann)
        if key == "2":
            is_back(scene, "declined")
        else:
            assert (scene.met, scene.phases) == (True, HAPPY)

    play(main, wish={**WAYS[way], "accept": "key"})


# Several transfers, and tools.


@taken_away
def test_a_transfer_that_failed_does_not_stand_in_the_way_of_the_next_one(way: str) -> None:
    async def transfers_twice(scene: Scene, call: Call) -> None:
        session = scene.session()
        await session.start(call)
        first = await session.warm_transfer(scene.config())
        assert first.error == "declined"
        await scene.talk(session, call)
        scene.result = await session.warm_transfer(scene.config())
        scene.closed = await session.wait_closed()

    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1" if len(scene.anns) == 2 else "2")
            await scene.talks(line)

        scene.program = transfers_twice
        await scene.run(ann)
        assert scene.back
        assert (result_of(scene).success, scene.met, scene.closed) == (True, True, "transferred")
        assert len(scene.anns) == 2

    play(main, wish=WAYS[way])


@taken_away
@pytest.mark.parametrize("takes", [True, False])
def test_a_tools_hold_line_is_heard_before_the_caller_is_taken_and_its_reply_goes_on_after(
    way: str, takes: bool
) -> None:
    spoken: list[tuple[float, str]] = []
    summary, after = "Wants a person.", "Shall I call you back?"
    llm = ScriptedLLM([["One moment. ", Calls("get_a_person")], summary, after])

    async def talks(scene: Scene, call: Call) -> None:
        class Desk(Agent):
            @function_tool
            async def get_a_person(self) -> str:
                """Hand the caller to a person."""
                scene.result = await self.session.warm_transfer(scene.config())
                return f"Nobody: {scene.result.error}"

        session = scene.session(agent=Desk(), llm=llm)
        session.on(UtteranceSpoken, lambda said: spoken.append((clock.now(), said.heard)))
        await session.start(call)
        await session.reply(user_input="A person, please.")
        if not takes:
            await scene.talk(session, call)
            await session.hangup()
        scene.closed = await session.wait_closed()

    async def main(scene: Scene) -> None:
        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1" if takes else "2")
            await scene.talks(line)

        scene.program = talks
        await scene.run(ann)
        assert scene.met is takes
        assert scene.back is not takes
        orders = [
            request
            for request in scene.place.carrier.log.of("rest")
            if isinstance(request, RestRequest)
            and request.call_sid == scene.phoned.sid
            and dict(request.params).get("Twiml")
        ]
        (_, first), (held_at, hold_line), *rest = spoken
        assert (first, hold_line) == ("One moment.", "Please hold.")
        assert held_at <= orders[0].at
        apology = "I'm sorry, nobody can take your call just now. Let me go on helping you."
        back = [apology, after, "What else can I do for you?"]
        assert [words for _, words in rest] == ([] if takes else back)

    play(main, wish=WAYS[way])


# The recording.


@taken_away
def test_the_recording_of_a_caller_who_was_away_stays_true_in_time(
    way: str, tmp_path: Path
) -> None:
    at: dict[str, float] = {}

    async def is_recorded(scene: Scene, call: Call) -> None:
        session: AgentSession[None] = AgentSession(
            Agent(),
            Pipeline(tts=ScriptedTTS()),
            options=SessionOptions(wording=None),
            recording=RecordingConfig(folder=tmp_path, tracks="parties"),
        )
        session.on_warm_transfer(callback=scene.told)
        session.on("recording.started", lambda _: at.update(began=clock.now()))
        await session.start(call)
        await asyncio.sleep(2.0)
        at["away"] = clock.now()
        scene.result = await session.warm_transfer(scene.config())
        await asyncio.sleep(1.0)
        at["back"] = clock.now()
        await session.say("What else can I do for you?")
        await session.hangup()
        scene.closed = await session.wait_closed()
        assert call.recording is not None
        assert call.recording.stopped
        at["over"] = clock.now()

    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            await line.say(hum(CALLER_HZ, 1000))
            while "back" not in at:
                await line.wait(0.1)
            at["caller"] = clock.now()
            await line.say(hum(CALLER_HZ, 1000))
            await line.wait(60.0)

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("2")
            await line.wait(60.0)

        scene.program = is_recorded
        await scene.run(ann, caller)

    play(main, wish=WAYS[way])
    (file,) = tmp_path.glob("*.wav")
    wav = read_wav(file)
    caller, agent, _people = split(wav.pcm, wav.channels)
    assert len(caller) / 16000 == pytest.approx(at["over"] - at["began"], abs=0.1)
    first, second = sounds(caller)
    assert first[1] < at["away"] - at["began"]
    assert second[0] == pytest.approx(at["caller"] - at["began"], abs=0.06)
    assert second[1] - second[0] == pytest.approx(1.0, abs=0.03)
    assert share(part(caller, second[0] + 0.1, second[1] - 0.1), CALLER_HZ) > 0.95
    words = sounds(agent)
    assert words[0][0] == pytest.approx(at["away"] - at["began"], abs=0.06)
    assert words[-1][0] == pytest.approx(at["back"] - at["began"], abs=0.06)


# What the conference alone has.


def test_a_caller_in_the_conference_comes_back_by_a_star() -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.say(hum(CALLER_HZ, 3000))
            line.press("*")
            await scene.caller(line)

        await scene.run(no_answer(), caller)
        is_back(scene, "caller_cancelled")
        assert result_of(scene).seconds < 4.0

    play(main, wish=WAYS["conference"])


def test_a_star_that_is_not_the_cancel_key_or_comes_later_leaves_a_caller_in_the_conference() -> (
    None
):
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.say(hum(CALLER_HZ, 1000))
            line.press("*")
            while not scene.together.is_set():
                await line.say(hum(CALLER_HZ, 500))
            await line.say(hum(CALLER_HZ, 3000))
            line.press("*")
            await line.say(hum(CALLER_HZ, 4000))
            await line.wait(60.0)

        scene.talks_for, scene.compared = 7.0, (1.9, 6.5)
        await scene.run(scene.ann, caller)
        assert (result_of(scene).success, scene.met, scene.closed) == (True, True, "transferred")

    play(main, wish={**WAYS["conference"], "cancel_key": ""})


def test_both_are_introduced_in_the_conference() -> None:
    async def main(scene: Scene) -> None:
        async def caller(line: Line) -> None:
            scene.lines["caller"] = line
            await line.wait(60.0)

        async def ann(line: Line) -> None:
            await scene.is_briefed(line)
            line.press("1")
            await scene.together.wait()
            await line.wait(6.0)

        scene.compared = ()
        await scene.run(ann, caller)
        assert result_of(scene).success
        # Six words, 0.2 s each, and nothing else after the merge.
        assert 1.2 < spoken_to(scene, scene.merged_at) < 1.7
        said = heard(scene.lines["caller"], scene.merged_at + 0.4, scene.merged_at + 1.2)
        assert share(said, 440.0) > 0.9

    wish = {**WAYS["conference"], "introduction": "Ann is on the line now."}
    play(main, wish=wish)

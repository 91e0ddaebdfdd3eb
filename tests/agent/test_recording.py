import asyncio
from pathlib import Path

import pytest
from tests.agent.stage import Stage, on_stage
from tests.agent.transfer_stage import at_desks
from tests.calls.test_recording import small_disk

from hookflash.agent import Agent, BackgroundAudioHandlerConfig, RecordingConfig
from hookflash.audio.tones import tone
from hookflash.audio.wav import read_wav, split
from hookflash.calls import Call
from hookflash.errors import ConfigError, MissingExtra, SessionClosed, UsageError
from hookflash.events.recording import RecordingDeclined, RecordingStarted, RecordingStopped
from hookflash.events.session import ErrorOccurred
from hookflash.runtime import clock

CONSENT = "This call is recorded."
MAY_WE = "This call may be recorded, is that all right?"


class Greeter(Agent):
    async def on_enter(self) -> None:
        self.session.say("Harbour Dental.")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def told(stage: Stage) -> list[str]:
    return [event.name for event in stage.events if event.name.startswith("recording.")]


def test_a_session_records_its_call_into_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "calls" / "today"

    async def main() -> None:
        config = RecordingConfig(folder=folder)
        async with on_stage(Greeter(), recording=config) as stage:
            call = stage.session.call
            assert call is not None
            path = folder / f"{call.id}.wav"
            await stage.leg.say(tone((600.0,), 3000))
            assert stage.session.recording is call.recording
            stage.leg.hang_up()
            await stage.session.wait_closed()
            (started,) = stage.of(RecordingStarted)
            (stopped,) = stage.of(RecordingStopped)
            assert started.path == str(path)
            assert (stopped.path, stopped.pauses, stopped.failed) == (str(path), (), False)
            assert round(stopped.seconds, 3) == 3.0
            assert stage.events[-1].name == "session.closed"
            party, ours = split(read_wav(path).pcm, 2)
            assert any(party)
            assert any(ours)

    clock.run(main(), virtual=True)


def test_a_recording_ends_with_the_session_that_began_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_stage(Agent(), recording=RecordingConfig(folder=tmp_path)) as stage:
            await asyncio.sleep(1.0)
            await stage.session.close()
            assert told(stage) == ["recording.started", "recording.stopped"]
            assert not stage.leg.closed

    clock.run(main(), virtual=True)


def test_pauses_are_told_with_their_times(tmp_path: Path) -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            session = stage.session
            assert [session.recording] == [None]
            with pytest.raises(UsageError, match="start_recording"):
                session.pause_recording()
            await asyncio.sleep(1.0)
            recorder = session.start_recording(tmp_path / "call.wav")
            assert session.recording is recorder
            with pytest.raises(UsageError, match="stop that recording first"):
                session.start_recording(tmp_path / "other.wav")
            await asyncio.sleep(1.0)
            session.pause_recording()
            session.pause_recording()
            await asyncio.sleep(2.0)
            session.resume_recording()
            await asyncio.sleep(1.0)
            session.pause_recording()
            await asyncio.sleep(0.5)
            session.stop_recording()
            session.stop_recording()
            assert told(stage) == [
                "recording.started",
                "recording.paused",
                "recording.resumed",
                "recording.paused",
                "recording.stopped",
            ]
            (stopped,) = stage.of(RecordingStopped)
            assert [(round(a, 3), round(b, 3)) for a, b in stopped.pauses] == [
                (1.0, 3.0),
                (4.0, 4.5),
            ]
            await session.close()
            with pytest.raises(SessionClosed):
                session.start_recording(tmp_path / "late.wav")

    clock.run(main(), virtual=True)


def test_the_consent_sentence_comes_first_and_is_not_itself_recorded(tmp_path: Path) -> None:
    async def main() -> None:
        config = RecordingConfig(folder=tmp_path, consent=CONSENT)
        async with on_stage(Greeter(), recording=config) as stage:
            await stage.session.wait_for_idle()
            assert stage.items == [f"assistant: {CONSENT}", "assistant: Harbour Dental."]
            said = [
                (event.name, getattr(event, "said", ""))
                for event in stage.events
                if event.name in {"agent.utterance_spoken", "recording.started"}
            ]
            assert said == [
                ("agent.utterance_spoken", CONSENT),
                ("recording.started", ""),
                ("agent.utterance_spoken", "Harbour Dental."),
            ]

    clock.run(main(), virtual=True)


def test_a_consent_sentence_that_was_not_heard_is_no_consent(tmp_path: Path) -> None:
    async def main() -> None:
        config = RecordingConfig(folder=tmp_path, consent=CONSENT)
        async with on_stage(Agent(), recording=config) as stage:
            await asyncio.sleep(0.3)
            stage.session.interrupt(force=True)
            await asyncio.sleep(1.0)
            assert told(stage) == []
            assert [error.reason for error in stage.of(ErrorOccurred)] == ["consent_not_heard"]
            assert files(tmp_path) == []

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("yes that's fine", "recorded"),
        ("No problem.", "recorded"),
        ("no I don't want that", "no"),
        ("Yes, but not my name.", "no"),
        ("Okay, but what for?", "unclear"),
        ("Yes? Who is this?", "unclear"),
        ("what opening hours do you have on monday", "unclear"),
        (None, "silence"),
    ],
)
def test_who_must_consent_is_asked_before_the_agent_begins(
    tmp_path: Path, answer: str | None, outcome: str
) -> None:
    async def main() -> None:
        config = RecordingConfig(folder=tmp_path, consent=MAY_WE, require_consent=True)
        stage = Stage(Greeter(), recording=config)
        starting = asyncio.create_task(stage.session.start(stage.leg))
        await asyncio.sleep(4.0)
        assert stage.items == [f"assistant: {MAY_WE}"]
        if answer is not None:
            await stage.caller_says(answer)
        await starting
        await stage.session.wait_for_idle()
        asked = [f"assistant: {MAY_WE}", *([f"user: {answer}"] if answer else [])]
        if outcome == "recorded":
            assert told(stage) == ["recording.started"]
            assert stage.items == [*asked, "assistant: Harbour Dental."]
        else:
            assert [event.reason for event in stage.of(RecordingDeclined)] == [outcome]
            assert stage.items == [
                *asked,
                "assistant: All right, this call is not recorded.",
                "assistant: Harbour Dental.",
            ]
            assert files(tmp_path) == []
        assert stage.llm.requests == []  # the answer was for us, not for the model
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)


def test_who_hangs_up_instead_of_consenting_is_not_recorded(tmp_path: Path) -> None:
    async def main() -> None:
        config = RecordingConfig(folder=tmp_path, consent=MAY_WE, require_consent=True)
        stage = Stage(Greeter(), recording=config)
        starting = asyncio.create_task(stage.session.start(stage.leg))
        await asyncio.sleep(4.0)
        stage.leg.hang_up()
        await starting
        await stage.session.wait_closed()
        assert files(tmp_path) == []
        assert told(stage) == []
        assert stage.of(ErrorOccurred) == []

    clock.run(main(), virtual=True)


def test_what_the_app_recorded_before_the_consent_is_deleted(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(Agent(), recording=RecordingConfig(consent=CONSENT))
        call = Call.of_leg(stage.leg)
        early = call.record(tmp_path / "call.wav")
        await asyncio.sleep(1.0)
        await stage.session.start(call)
        assert files(tmp_path) == []
        await stage.session.wait_for_idle()
        await asyncio.sleep(0.1)
        late = call.recording
        assert late is not None
        assert late is not early
        assert late.path == early.path
        assert late.path.exists()
        stage.leg.hang_up()
        await stage.session.wait_closed()
        assert late.seconds < 0.2
        await call.aclose()

    clock.run(main(), virtual=True)


def test_a_recording_of_the_app_is_told_of_and_outlives_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(Agent())
        call = Call.of_leg(stage.leg)
        call.record(tmp_path / "call.wav")
        await stage.session.start(call)
        stage.session.pause_recording()
        stage.session.resume_recording()
        await stage.session.close()
        assert told(stage) == ["recording.started", "recording.paused", "recording.resumed"]
        assert call.recording is not None
        assert call.recording.state == "recording"
        stage.leg.close()
        await call.aclose()

    clock.run(main(), virtual=True)


def test_a_folder_that_cannot_be_written_is_an_error_event_and_the_call_goes_on(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("no folder")

    async def main() -> None:
        config = RecordingConfig(folder=tmp_path / "file")
        async with on_stage(Greeter(), recording=config) as stage:
            await stage.session.wait_for_idle()
            (error,) = stage.of(ErrorOccurred)
            assert (error.source, error.reason) == ("recording", "recording_failed")
            assert error.message.endswith("File exists") or "Not a directory" in error.message
            assert stage.items == ["assistant: Harbour Dental."]
            assert told(stage) == []

    clock.run(main(), virtual=True)


def test_no_folder_at_all_is_found_before_the_agent_begins() -> None:
    async def main() -> None:
        stage = Stage(Greeter(), recording=RecordingConfig())
        with pytest.raises(ConfigError, match="folder"):
            await stage.session.start(stage.leg)
        assert stage.session.closed
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)


def test_the_configuration_says_what_is_wrong_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="wav or opus"):
        RecordingConfig(format="mp3")  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(ConfigError, match="sides or parties"):
        RecordingConfig(tracks="both")  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(ConfigError, match="give wav"):
        RecordingConfig(format="opus", tracks="parties")
    with pytest.raises(ConfigError, match="question in consent"):
        RecordingConfig(require_consent=True)
    with pytest.raises(ConfigError, match="at most 60"):
        RecordingConfig(answer_within=0.0)
    monkeypatch.setattr("hookflash.agent.recording.find_spec", lambda _: None)
    with pytest.raises(MissingExtra):
        RecordingConfig(format="opus")


# A track for each party, and what is after a transfer.


def loud_from(track: bytes, since: float = 0.0) -> float | None:
    """The first second of a track that is not silent, from `since` on."""
    for at in range(round(since * 100), len(track) // 160):
        if any(track[160 * at : 160 * (at + 1)]):
            return at / 100
    return None


def part(track: bytes, since: float, until: float) -> bytes:
    return track[2 * round(since * 8000) : 2 * round(until * 8000)]


def test_a_recording_goes_on_over_a_transfer_with_a_track_for_each_party(tmp_path: Path) -> None:
    async def main() -> None:
        config = RecordingConfig(folder=tmp_path, tracks="parties")
        background = BackgroundAudioHandlerConfig("office", looping=True)
        async with at_desks(recording=config) as place:
            stage, recorder = place.stage, place.call.recording
            assert recorder is not None
            await stage.session.play_background_audio(background)
            began = stage.now()
            transfer = place.begin()
            supervisor = await place.briefed()
            briefed = stage.now() - began
            supervisor.press("1")
            assert (await transfer).success
            assert await stage.session.wait_closed() == "transferred"
            assert told(stage) == ["recording.started"]
            assert recorder.state == "recording"
            merged = stage.now() - began
            await stage.leg.say(tone((600.0,), 2000))
            await supervisor.say(tone((600.0,), 2000))
            stage.leg.hang_up()
            assert recorder.state == "stopped"
            over = stage.now() - began
            assert recorder.seconds == pytest.approx(over, abs=0.02)
            await place.desk.calls[0].wait_ended()
            assert told(stage) == ["recording.started"], "the session was over"

            wav = read_wav(recorder.path)
            assert wav.channels == 3
            caller, agent, person = split(wav.pcm, 3)
            assert loud_from(caller) == pytest.approx(merged, abs=0.03)
            assert loud_from(caller, merged + 2.0) is None
            assert loud_from(person) == pytest.approx(merged + 2.0, abs=0.03)
            # To the caller the hold line, to the supervisor the rest, and nothing of the sounds.
            assert loud_from(agent) == pytest.approx(0.0, abs=0.1)
            assert loud_from(agent, 5.0) is not None
            assert loud_from(agent, briefed) is None

    clock.run(main(), virtual=True)


def test_two_sides_go_on_over_a_transfer_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with at_desks(recording=RecordingConfig(folder=tmp_path)) as place:
            recorder = place.call.recording
            assert recorder is not None
            began = place.stage.now()
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            assert (await transfer).success
            await place.stage.session.wait_closed()
            merged = place.stage.now() - began
            await supervisor.say(tone((600.0,), 2000))
            place.call.end()
            await place.call.wait_ended()
            assert recorder.seconds == pytest.approx(merged + 2.0, abs=0.05)
            party, heard = split(read_wav(recorder.path).pcm, 2)
            assert not any(party)
            assert any(part(heard, merged + 1.0, merged + 1.5))

    clock.run(main(), virtual=True)


def test_who_does_not_take_the_call_leaves_the_recording_to_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        config = RecordingConfig(folder=tmp_path, tracks="parties")
        async with at_desks(recording=config) as place:
            stage, recorder = place.stage, place.call.recording
            assert recorder is not None
            transfer = place.begin()
            supervisor = await place.briefed()
            await supervisor.say(tone((600.0,), 1000))
            supervisor.press("2")
            assert (await transfer).error == "declined"
            await stage.session.close()
            assert told(stage) == ["recording.started", "recording.stopped"]
            _, _, person = split(read_wav(recorder.path).pcm, 3)
            assert any(person)

    clock.run(main(), virtual=True)


def test_sensitive_mode_silences_all_parties_and_ends_with_the_session(tmp_path: Path) -> None:
    async def main() -> None:
        config = RecordingConfig(folder=tmp_path, tracks="parties")
        async with at_desks(recording=config) as place:
            stage, recorder = place.stage, place.call.recording
            assert recorder is not None
            transfer = place.begin()
            supervisor = await place.briefed()
            with stage.session.sensitive():
                hidden = recorder.seconds
                await asyncio.gather(
                    supervisor.say(tone((600.0,), 1000)), stage.leg.say(tone((600.0,), 1000))
                )
                supervisor.press("1")
                assert (await transfer).success
                await stage.session.wait_closed()
                assert recorder.state == "recording"
                shown = recorder.seconds
                await supervisor.say(tone((600.0,), 1000))
            stage.leg.hang_up()
            assert told(stage) == ["recording.started", "recording.paused"]
            tracks = split(read_wav(recorder.path).pcm, 3)
            assert not any(any(part(track, hidden, shown)) for track in tracks)
            assert any(part(tracks[2], shown, shown + 1.0))

    clock.run(main(), virtual=True)


def test_a_full_disk_after_the_transfer_ends_the_recording_and_not_the_call(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        config = RecordingConfig(folder=tmp_path, tracks="parties")
        async with at_desks(recording=config) as place:
            stage, recorder = place.stage, place.call.recording
            assert recorder is not None
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            assert (await transfer).success
            await stage.session.wait_closed()
            with small_disk(recorder.path.stat().st_size + 50_000):
                await supervisor.say(tone((600.0,), 5000))
            assert isinstance(recorder.error, OSError)
            assert place.call.ended is None
            assert stage.of(ErrorOccurred) == []

    clock.run(main(), virtual=True)


def test_a_stereo_recording_of_the_app_gives_way_to_tracks(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(Agent(), recording=RecordingConfig(tracks="parties"))
        call = Call.of_leg(stage.leg)
        early = call.record(tmp_path / "call.wav")
        await asyncio.sleep(1.0)
        await stage.session.start(call)
        late = call.recording
        assert early.stopped
        assert late is not None
        assert (late.path, late.layout, late.tracks) == (tmp_path / "call.wav", "parties", 3)
        stage.leg.hang_up()
        await stage.session.wait_closed()
        await call.aclose()
        assert files(tmp_path) == ["call.wav"]

    clock.run(main(), virtual=True)


def test_an_opus_recording_of_the_app_gives_way_to_tracks_in_wav(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")

    async def main() -> None:
        stage = Stage(Agent(), recording=RecordingConfig(tracks="parties"))
        call = Call.of_leg(stage.leg)
        call.record(tmp_path / "call.opus")
        await stage.session.start(call)
        assert files(tmp_path) == ["call.wav"]
        assert stage.of(ErrorOccurred) == []
        stage.leg.hang_up()
        await stage.session.wait_closed()
        await call.aclose()

    clock.run(main(), virtual=True)


def test_what_an_app_records_tells_nobody_of_a_session_that_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        stage = Stage(Agent())
        call = Call.of_leg(stage.leg)
        recorder = call.record(tmp_path / "call.wav")
        await stage.session.start(call)
        await stage.session.close()
        recorder.pause()
        stage.leg.hang_up()
        assert recorder.stopped
        assert told(stage) == ["recording.started"]
        await call.aclose()

    clock.run(main(), virtual=True)

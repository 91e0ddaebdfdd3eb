import asyncio
from pathlib import Path

import pytest
from tests.agent.stage import Stage, on_stage

from hookflash.agent import Agent, RecordingConfig
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
        ("no I don't want that", "no"),
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
    with pytest.raises(ConfigError, match="question in consent"):
        RecordingConfig(require_consent=True)
    with pytest.raises(ConfigError, match="at most 60"):
        RecordingConfig(answer_within=0.0)
    monkeypatch.setattr("hookflash.agent.recording.find_spec", lambda _: None)
    with pytest.raises(MissingExtra):
        RecordingConfig(format="opus")

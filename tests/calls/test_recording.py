import asyncio
import resource
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hookflash.audio.frames import samples
from hookflash.audio.tones import tone
from hookflash.audio.wav import read_wav, split
from hookflash.calls import Call, Recorder
from hookflash.calls.opus import OpusWriter
from hookflash.calls.track_recording import Pause, RecordingState
from hookflash.errors import LegClosed, MissingExtra, SessionClosed, UsageError
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def loud(pcm: bytes, *, at: float) -> bool:
    """Whether the 10 ms from `at` seconds on are loud."""
    start = 2 * round(at * 8000)
    return max(map(abs, array("h", pcm[start : start + 160])), default=0) > 1000


def test_a_recording_is_time_true_and_holds_what_was_heard(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        leg = MemoryLeg()
        recorder = Recorder(leg, path)
        await asyncio.sleep(1.0)
        leg.play(tone((440.0,), 3000))  # heard from 1.0 to 2.0
        await asyncio.sleep(1.0)
        leg.clear()
        await asyncio.sleep(1.0)
        await leg.say(tone((600.0,), 1000))  # heard from 3.0 to 4.0
        await asyncio.sleep(1.0)
        recorder.stop()
        recorder.stop()
        leg.close()

    clock.run(main(), virtual=True)
    wav = read_wav(path)
    assert (wav.rate, wav.channels) == (8000, 2)
    party, ours = split(wav.pcm, 2)
    assert [loud(ours, at=t) for t in (0.95, 1.05, 1.9, 2.05, 3.5)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert [loud(party, at=t) for t in (1.5, 2.9, 3.1, 3.9, 4.1)] == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert len(ours) == len(party) == 5 * 16000


def test_a_killed_process_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    sizes: list[float] = []

    async def main() -> None:
        leg = MemoryLeg()
        recorder = Recorder(leg, path)
        await leg.say(tone((600.0,), 5000))
        wav = read_wav(path)
        sizes.append(len(wav.pcm) / 4 / wav.rate)
        leg.hang_up()
        assert recorder is not None

    clock.run(main(), virtual=True)
    assert 3.0 < sizes[0] <= 5.0
    wav = read_wav(path)
    assert abs(len(wav.pcm) / 4 / wav.rate - 5.0) < 0.03


def first_loud(pcm: bytes, after: float) -> int:
    """The first sample from `after` seconds on that is not silent."""
    wave = array("h", pcm)
    return next(at for at in range(round(after * 8000), len(wave)) if wave[at])


def test_a_paused_recording_is_silent_and_time_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> Recorder:
        leg = MemoryLeg()
        recorder = Recorder(leg, path)
        leg.play(tone((440.0,), 6000))
        speaking = asyncio.create_task(leg.say(tone((600.0,), 6000)))
        await asyncio.sleep(1.005)
        recorder.pause()
        recorder.pause()
        await asyncio.sleep(2.0)
        recorder.resume()
        recorder.resume()
        await speaking
        assert recorder.pauses == (
            Pause(track=0, began=1.005, ended=3.005),
            Pause(track=1, began=1.005, ended=3.005),
        )
        recorder.stop()
        leg.close()
        return recorder

    recorder = clock.run(main(), virtual=True)
    party, ours = split(read_wav(path).pcm, 2)
    for side in (party, ours):
        # To the sample: 1.005 s is sample 8040, 3.005 s is sample 24040.
        assert not any(side[2 * 8040 : 2 * 24040])
        assert first_loud(side, 1.004) < 8040 - 2
    # Our side comes back with what is sent after the resume: the leg's lead and a frame later.
    assert first_loud(party, 2.0) <= 24040 + 2
    assert first_loud(ours, 2.0) <= 24040 + 0.06 * 8000
    # What lies behind the pause lies where it was heard.
    whole = tone((600.0,), 6000)
    # (What a memory leg is given at a moment it takes for the 20 ms before it.)
    assert party[2 * 30000 : 2 * 40000] == whole[2 * 30160 : 2 * 40160]
    assert tone((440.0,), 6000)[2 * 30000 : 2 * 40000] == ours[2 * 30000 : 2 * 40000]
    assert round(recorder.seconds, 6) == 6.0


def test_one_track_can_be_paused_alone(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        leg = MemoryLeg()
        recorder = Recorder(leg, path)
        recorder.pause(track=0)
        leg.play(tone((440.0,), 1000))
        await leg.say(tone((600.0,), 1000))
        assert recorder.state is RecordingState.PAUSED
        leg.close()

    clock.run(main(), virtual=True)
    party, ours = split(read_wav(path).pcm, 2)
    assert not any(party)
    assert loud(ours, at=0.5)


def test_a_recording_goes_on_when_all_who_paused_it_have_resumed(tmp_path: Path) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        states: list[RecordingState] = []
        recorder = Recorder(leg, tmp_path / "call.wav")
        recorder.watch(lambda recorder: states.append(recorder.state))
        recorder.pause("sensitive")
        recorder.pause("program")
        recorder.resume("program")
        assert recorder.state is RecordingState.PAUSED
        recorder.resume("sensitive")
        recorder.resume("never asked")
        leg.hang_up()
        recorder.pause()
        recorder.resume()
        recorder.stop()
        assert states == ["paused", "recording", "stopped"]

    clock.run(main(), virtual=True)


def test_a_frame_of_a_pause_is_silent_however_late_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        leg = MemoryLeg()
        recorder = Recorder(leg, path)
        frame = tone((600.0,), 1000)[3200:3520]
        leg.hear(frame)
        recorder.pause()
        for _ in range(25):  # held up on the way, then all at once
            leg.hear(frame)
        await asyncio.sleep(0.5)
        recorder.resume()
        for _ in range(5):
            leg.hear(frame)
        recorder.stop()
        leg.close()

    clock.run(main(), virtual=True)
    party, _ = split(read_wav(path).pcm, 2)
    assert not any(party[320:])  # what was spoken after the resume had not been by then


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("name", "size"), [("call.wav", 100_000), ("call.opus", 10_000)])
def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, name: str, size: int
) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        states: list[RecordingState] = []
        recorder = Recorder(leg, tmp_path / name)
        recorder.watch(lambda recorder: states.append(recorder.state))
        with small_disk(size):
            await leg.say(tone((600.0, 1000.0, 1700.0), 8000))
        assert states == [RecordingState.STOPPED]
        assert isinstance(recorder.error, OSError)
        assert 1.0 < recorder.seconds < 8.0
        assert not leg.closed
        leg.close()

    clock.run(main(), virtual=True)


def test_a_recording_that_cannot_begin_says_why(tmp_path: Path) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        with pytest.raises(FileNotFoundError):
            Recorder(leg, tmp_path / "nowhere" / "call.wav")
        with pytest.raises(FileNotFoundError):
            Recorder(leg, tmp_path / "nowhere" / "call.opus")
        full = tmp_path / "full.wav"
        full.symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left"):
            Recorder(leg, full)
        with pytest.raises(UsageError, match=r"\.wav, \.opus or \.ogg"):
            Recorder(leg, tmp_path / "call.mp3")
        leg.close()

    clock.run(main(), virtual=True)


def test_a_discarded_recording_leaves_no_file(tmp_path: Path) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        recorder = Recorder(leg, tmp_path / "call.wav")
        await leg.say(tone((600.0,), 3000))
        recorder.discard()
        recorder.discard()
        assert files(tmp_path) == []
        leg.close()

    clock.run(main(), virtual=True)


def test_a_call_has_one_recording_at_a_time(tmp_path: Path) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        call = Call.of_leg(leg)
        assert [call.recording] == [None]
        first = call.record(tmp_path / "one.wav")
        with pytest.raises(UsageError, match="stop that recording first"):
            call.record(tmp_path / "two.wav")
        first.stop()
        assert call.recording is first
        second = call.record(tmp_path / "two.wav")
        assert call.recording is second
        leg.hang_up()
        await call.wait_ended()
        assert second.state is RecordingState.STOPPED
        with pytest.raises(SessionClosed):
            call.record(tmp_path / "three.wav")
        await call.aclose()

    clock.run(main(), virtual=True)


def test_an_opus_recording_is_the_wav_one_but_for_the_coding(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")

    async def main() -> None:
        leg = MemoryLeg()
        recorders = [Recorder(leg, tmp_path / f"call.{kind}") for kind in ("wav", "opus")]
        leg.play(tone((440.0, 300.0), 2000))
        await leg.say(tone((600.0, 1000.0), 2000))
        for recorder in recorders:
            recorder.pause()
        await leg.say(tone((600.0, 1000.0), 2000))
        for recorder in recorders:
            recorder.resume()
        leg.play(tone((500.0,), 1000))
        await leg.say(tone((700.0,), 2000))
        leg.hang_up()

    clock.run(main(), virtual=True)
    wav = read_wav(tmp_path / "call.wav")
    decoded, rate = soundfile.read(str(tmp_path / "call.opus"), dtype="float64", always_2d=True)
    assert (rate, decoded.shape) == (8000, (48000, 2))
    for side, track in enumerate(split(wav.pcm, 2)):
        original = samples(track) / 32768
        for start, end in ((0, 15000), (33000, 48000)):
            ours, theirs = original[start:end], decoded[start:end, side]
            correlation = np.corrcoef(ours, theirs)[0, 1]
            assert correlation > 0.95
        assert np.abs(decoded[16500:31500, side]).max() < 0.01
    assert (tmp_path / "call.opus").stat().st_size < (tmp_path / "call.wav").stat().st_size / 4


def test_an_opus_recording_plays_while_it_grows(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / "call.opus"

    async def main() -> None:
        leg = MemoryLeg()
        recorder = Recorder(leg, path)
        await leg.say(tone((600.0,), 6000))
        # As a killed process would leave it: all but what is settling, and the last page.
        copy = tmp_path / "copy.opus"
        copy.write_bytes(path.read_bytes())
        assert 4.0 <= len(soundfile.read(str(copy))[0]) / 8000 <= 6.0
        recorder.stop()
        leg.close()

    clock.run(main(), virtual=True)


def test_opus_has_rates_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("soundfile")
    with pytest.raises(UsageError, match="44100"):
        OpusWriter(tmp_path / "call.opus", 44100)


def test_opus_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"hookflash\[sound\]"):
        OpusWriter(tmp_path / "call.opus", 8000)


# A track for each who speaks.

CALLER, AGENT, PERSON, MUSIC = 400.0, 700.0, 1000.0, 1500.0


def hum(hz: float, ms: int, rate: int = 8000) -> bytes:
    return tone((hz,), ms, rate=rate, level_dbfs=-20.0)


def strength(pcm: bytes, hz: float) -> float:
    """How loud a frequency is, in units of a sample."""
    wave = samples(pcm)
    turn = np.exp(-2j * np.pi * hz / 8000 * np.arange(wave.size))
    return float(2 * abs(wave @ turn) / wave.size)


def who_at(track: bytes, seconds: int) -> list[str]:
    """Whose hum is on each second of a track, but for 50 ms at its edges."""
    names = {CALLER: "caller", AGENT: "agent", PERSON: "person", MUSIC: "music"}
    found: list[str] = []
    for second in range(seconds):
        part = track[16000 * second + 800 : 16000 * (second + 1) - 800]
        found.append(" ".join(name for hz, name in names.items() if strength(part, hz) > 300))
        if not found[-1]:
            assert not any(part)
    return found


class Music:
    """A bed."""

    def __init__(self, rate: int = 8000) -> None:
        self._frame = hum(MUSIC, 20, rate)

    def next_frame(self, *, speech: bool) -> bytes:
        return self._frame


@pytest.mark.parametrize("rate", [8000, 16000])
def test_each_party_has_a_track_and_the_music_none(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        caller, person = MemoryLeg(), MemoryLeg(rate)
        recorder = Recorder(caller, path, "parties")
        caller.lay_bed(Music())
        await caller.say(hum(CALLER, 1000))  # 0 to 1
        caller.play(hum(AGENT, 1000))  # 1 to 2
        await asyncio.sleep(1.0)
        person.lay_bed(Music(rate))
        recorder.add_person(person)
        recorder.add_person(person)
        person.play(hum(AGENT, 1000, rate))  # 2 to 3
        await asyncio.sleep(1.0)
        await person.say(hum(PERSON, 1000, rate))  # 3 to 4
        await asyncio.gather(  # 4 to 5
            caller.say(hum(CALLER, 1000)), person.say(hum(PERSON, 1000, rate))
        )
        person.hang_up()
        recorder.add_person(person)
        other = MemoryLeg(rate)
        recorder.add_person(other)
        await other.say(hum(PERSON, 1000, rate))  # 5 to 6
        caller.hang_up()
        assert recorder.stopped
        recorder.add_person(other)
        other.close()

    clock.run(main(), virtual=True)
    wav = read_wav(path)
    assert (wav.rate, wav.channels) == (8000, 3)
    tracks = split(wav.pcm, 3)
    assert [who_at(track, 6) for track in tracks] == [
        ["caller", "", "", "", "caller", ""],
        ["", "agent", "agent", "", "", ""],
        ["", "", "", "person", "person", "person"],
    ]
    # To the sample; what a memory leg is given at a moment it takes for the 20 ms before it.
    assert tracks[0][:15000] == hum(CALLER, 1000)[320:15320]
    assert tracks[1][16000:32000] == hum(AGENT, 1000)
    theirs, ours = samples(tracks[2])[24000:31000], samples(hum(PERSON, 1000))[160:7160]
    if rate == 8000:
        assert (theirs == ours).all()
    else:
        assert np.abs(theirs.astype(int) - ours)[100:].max() < 40


def test_words_that_were_dropped_on_one_leg_leave_those_on_the_other(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        caller, person = MemoryLeg(), MemoryLeg()
        recorder = Recorder(caller, path, "parties")
        recorder.add_person(person)
        caller.play(hum(AGENT, 5000))
        person.play(hum(PERSON, 2000))  # another voice of ours
        await asyncio.sleep(1.005)
        caller.clear()
        await asyncio.sleep(1.995)
        recorder.stop()
        caller.close()
        person.close()

    clock.run(main(), virtual=True)
    ours = split(read_wav(path).pcm, 3)[1]
    assert who_at(ours, 3) == ["agent person", "person", ""]
    # To the sample: 1.005 s is sample 8040.
    both = samples(hum(AGENT, 2000)).astype(int) + samples(hum(PERSON, 2000))
    assert (samples(ours)[:8040] == both[:8040]).all()
    assert (samples(ours)[8040:16000] == samples(hum(PERSON, 2000))[8040:]).all()


def test_words_that_went_on_after_a_pause_of_speech_are_not_recorded_twice(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        caller = MemoryLeg()
        Recorder(caller, path, "parties")
        caller.lay_bed(Music())
        caller.play(hum(AGENT, 1000))
        await asyncio.sleep(0.5)
        caller.pause()
        await asyncio.sleep(0.5)
        caller.resume()
        await asyncio.sleep(1.0)
        caller.close()

    clock.run(main(), virtual=True)
    ours = split(read_wav(path).pcm, 3)[1]
    words = hum(AGENT, 1000)
    # The bed that lies in the buffer is heard before them.
    again = 2 * round(1.06 * 8000)
    assert ours == words[:8000] + bytes(again - 8000) + words[8000:] + bytes(32000 - again - 8000)


def test_a_pause_is_silent_on_all_tracks_whenever_a_person_comes(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    async def main() -> None:
        caller, person = MemoryLeg(), MemoryLeg()
        recorder = Recorder(caller, path, "parties")
        caller.play(hum(AGENT, 4000))
        talking = asyncio.create_task(caller.say(hum(CALLER, 4000)))
        await asyncio.sleep(1.0)
        recorder.pause("sensitive")
        recorder.add_person(person)
        answering = asyncio.create_task(person.say(hum(PERSON, 3000)))
        await asyncio.sleep(1.0)
        recorder.resume("sensitive")
        await asyncio.gather(talking, answering)
        assert {(pause.track, pause.began, pause.ended) for pause in recorder.pauses} == {
            (track, 1.0, 2.0) for track in range(3)
        }
        caller.close()
        person.close()

    clock.run(main(), virtual=True)
    tracks = split(read_wav(path).pcm, 3)
    assert [who_at(track, 4) for track in tracks] == [
        ["caller", "", "caller", "caller"],
        ["agent", "", "agent", "agent"],
        ["", "", "person", "person"],
    ]
    assert not any(any(track[16000:32000]) for track in tracks)


def test_a_full_disk_ends_a_recording_of_three_tracks_and_nothing_else(tmp_path: Path) -> None:
    async def main() -> None:
        caller, person = MemoryLeg(), MemoryLeg()
        recorder = Recorder(caller, tmp_path / "call.wav", "parties")
        recorder.add_person(person)
        caller.play(hum(AGENT, 8000))
        with small_disk(100_000):
            await asyncio.gather(caller.say(hum(CALLER, 8000)), person.say(hum(PERSON, 8000)))
        assert isinstance(recorder.error, OSError)
        assert 2.0 < recorder.seconds < 4.0
        assert not caller.closed
        assert not person.closed
        caller.close()
        person.close()

    clock.run(main(), virtual=True)
    wav = read_wav(tmp_path / "call.wav")
    assert 2.0 <= len(wav.pcm) / 6 / 8000 < 2.1, "what was written plays"


def test_people_are_no_part_of_two_sides(tmp_path: Path) -> None:
    async def main() -> None:
        caller, person = MemoryLeg(), MemoryLeg()
        recorder = Recorder(caller, tmp_path / "call.wav")
        recorder.add_person(person)
        await person.say(hum(PERSON, 1000))
        recorder.stop()
        caller.close()
        person.close()

    clock.run(main(), virtual=True)
    assert not any(read_wav(tmp_path / "call.wav").pcm)


def test_what_three_tracks_cannot_be_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        leg = MemoryLeg()
        with pytest.raises(UsageError, match=r"3 tracks is a \.wav file, not \.opus"):
            Recorder(leg, tmp_path / "call.opus", "parties")
        with pytest.raises(UsageError, match="sides or parties"):
            Recorder(leg, tmp_path / "call.wav", "both")  # type: ignore[arg-type]  # is refused
        recorder = Recorder(leg, tmp_path / "call.wav", "parties")
        with pytest.raises(UsageError, match="from 0 to 2"):
            recorder.pause(track=3)
        leg.close()
        with pytest.raises(LegClosed):
            Recorder(leg, tmp_path / "late.wav")
        assert files(tmp_path) == ["call.wav"]

    clock.run(main(), virtual=True)

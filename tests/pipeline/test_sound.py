import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hookflash.audio.frames import samples
from hookflash.audio.levels import rms_dbfs
from hookflash.audio.sounds import built_in_sound
from hookflash.audio.tones import tone
from hookflash.audio.wav import interleave, write_wav
from hookflash.errors import ConfigError, MissingExtra, UsageError
from hookflash.pipeline import sound as module
from hookflash.pipeline.sound import Sound, check_source, sound_of
from hookflash.runtime import clock


def middle(pcm: bytes) -> bytes:
    """Without the soft edges and what a resampler needs to settle."""
    return pcm[1000:-1000]


def strongest(pcm: bytes, rate: int) -> float:
    wave = samples(pcm).astype(float)
    return float(np.fft.rfftfreq(wave.size, 1 / rate)[np.abs(np.fft.rfft(wave)).argmax()])


def test_a_wav_file_is_mixed_to_one_channel_and_resampled(tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    left, right = tone((440.0,), 1000, rate=44100), bytes(2 * 44100)
    write_wav(path, interleave([left, right]), 44100, channels=2)
    sound = Sound.from_file(path)
    for rate in (8000, 16000):
        pcm = sound.pcm(rate)
        assert len(pcm) == 2 * rate
        assert strongest(pcm, rate) == 440.0
        assert rms_dbfs(middle(pcm)) == pytest.approx(-13.0 - 6.02, abs=0.1)
    assert sound.duration_ms() == 1000.0
    assert repr(sound) == "Sound('music.wav')"


@pytest.mark.parametrize(
    ("ending", "subtype"),
    [("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", None), ("aiff", "PCM_24"), ("wav", "FLOAT")],
)
def test_other_formats_are_read_by_soundfile(
    tmp_path: Path, ending: str, subtype: str | None
) -> None:
    path = tmp_path / f"music.{ending}"
    wave = samples(tone((440.0,), 1000, rate=16000)) / 32768
    soundfile.write(path, np.column_stack((wave, wave)), 16000, subtype=subtype)
    pcm = Sound.from_file(path).pcm(8000)
    assert len(pcm) == pytest.approx(16000, abs=200)
    assert strongest(pcm, 8000) == pytest.approx(440.0, abs=1.0)
    assert rms_dbfs(middle(pcm)) == pytest.approx(-13.0, abs=0.5)


def test_a_file_neither_clicks_nor_has_a_seam(tmp_path: Path) -> None:
    path = tmp_path / "step.wav"
    write_wav(path, (np.ones(8000, "<i2") * 20_000).tobytes(), 8000)
    wave = samples(Sound.from_file(path).pcm(8000)).astype(int)
    round_and_round = np.concatenate((wave, wave))
    assert np.abs(np.diff(round_and_round)).max() <= 20_000 / 40 + 1
    assert wave[0] == wave[-1] == 0
    assert (wave[40:-40] == 20_000).all()


def test_a_file_is_decoded_once_and_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, tone((440.0,), 100, rate=8000), 8000)
    os.utime(path, ns=(1, 1))
    first = Sound.from_file(path)
    assert Sound.from_file(str(path)) is first
    assert first.pcm(8000) is first.pcm(8000)
    write_wav(path, tone((880.0,), 100, rate=8000), 8000)
    os.utime(path, ns=(2, 2))
    assert Sound.from_file(path) is not first


def test_calls_that_begin_together_decode_a_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.wav"
    write_wav(path, tone((440.0,), 100, rate=8000), 8000)
    decode, decoded = module._decode, list[Path]()

    def count(path: Path) -> tuple[bytes, int]:
        decoded.append(path)
        return decode(path)

    monkeypatch.setattr(module, "_decode", count)
    found: list[Sound] = []
    threads = [threading.Thread(target=lambda: found.append(Sound.from_file(path))) for _ in "1234"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert decoded == [path]
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_files_long_unused_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CACHE_BYTES", 40_000)
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    for path in paths:
        write_wav(path, tone((440.0,), 1000, rate=8000), 8000)
    a, b = Sound.from_file(paths[0]), Sound.from_file(paths[1])
    assert Sound.from_file(paths[0]) is a
    Sound.from_file(paths[2])
    assert Sound.from_file(paths[0]) is a
    assert Sound.from_file(paths[1]) is not b


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def why(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            Sound.from_file(path)
        assert str(path) in str(caught.value)
        return str(caught.value).replace(str(path), "FILE")

    header = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    assert "FILE is no sound file that can be read" in why("a.mp3", b"no music" * 100)
    assert why("b.wav", header) == "FILE: this WAV file ends before its sound begins"
    assert why("c.wav", header + b"data\0\0\0\0") == "FILE holds no sound"
    assert why("empty.ogg", b"").startswith("FILE is no sound file")
    with pytest.raises(ConfigError, match=r"gone\.wav cannot be read: No such file"):
        Sound.from_file(tmp_path / "gone.wav")
    with pytest.raises(ConfigError, match="is not a file"):
        Sound.from_file(tmp_path)
    monkeypatch.setattr(module, "MAX_SOUND_SECONDS", 0.5)
    long = header + b"data" + struct.pack("<I", 16_000) + bytes(16_000)
    assert why("long.wav", long) == "FILE is longer than 0 s; give a shorter file"
    monkeypatch.setattr(module, "_MAX_FILE_BYTES", 10_000)
    assert why("big.wav", long) == "FILE has 16044 bytes; a sound file has at most 10000"


def test_a_rate_without_a_reasonable_filter_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    write_wav(path, tone((440.0,), 100, rate=44_099), 44_099)
    with pytest.raises(ConfigError, match=r"odd\.wav: no reasonable filter"):
        Sound.from_file(path).pcm(8000)


def test_without_soundfile_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    path = tmp_path / "music.ogg"
    path.write_bytes(b"OggS")
    with pytest.raises(MissingExtra, match=r"pip install 'hookflash\[sound\]'"):
        Sound.from_file(path)


def test_pcm_is_taken_as_it_is() -> None:
    pcm = tone((440.0,), 100, rate=8000)
    assert Sound.from_pcm(pcm, 8000).pcm(8000) == pcm
    assert len(Sound.from_pcm(pcm, 8000).pcm(16000)) == 2 * len(pcm)
    with pytest.raises(UsageError, match="without a sample"):
        Sound.from_pcm(b"", 8000)
    with pytest.raises(UsageError, match="even number"):
        Sound.from_pcm(b"abc", 8000)


def test_a_source_is_a_name_a_path_or_a_sound(tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    write_wav(path, tone((440.0,), 100, rate=8000), 8000)
    sound = Sound.from_pcm(bytes(320), 8000)

    async def main() -> None:
        assert await sound_of(sound) is sound
        assert await (await sound_of("office")).ready(8000) is built_in_sound("office", 8000)
        assert await sound_of(path) is Sound.from_file(path)
        assert await (await sound_of(path)).ready(8000) == Sound.from_file(path).pcm(8000)

    clock.run(main(), virtual=True)
    for source in (sound, "office", path, str(path)):
        check_source(source, "file_path")
    with pytest.raises(ConfigError, match="file_path: there is no file 'rain', and the built-in"):
        check_source("rain", "file_path")
    with pytest.raises(ConfigError, match="file_path is of type int; give a path"):
        check_source(5, "file_path")
    with pytest.raises(ConfigError, match="no built-in sound is called 'rain'"):
        Sound.built_in("rain")

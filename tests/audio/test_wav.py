import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from hookflash.audio.frames import samples
from hookflash.audio.g711 import alaw_encode, ulaw_encode
from hookflash.audio.wav import Wav, WavWriter, interleave, read_wav, split, write_wav
from hookflash.errors import UsageError

SOUND = np.array([0, 1, -1, 1000, -1000, 32767, -32768, 8], "<i2").tobytes()


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Build a RIFF file by hand."""
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def fmt(tag: int, bits: int, *, channels: int = 1, rate: int = 8000, block: int = -1) -> bytes:
    block = channels * bits // 8 if block < 0 else block
    return struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)


def read(data: bytes) -> Wav:
    return read_wav(io.BytesIO(data))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_what_is_written_is_read(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "sound.wav"
    write_wav(path, SOUND, rate, channels)
    assert read_wav(path) == Wav(rate, channels, SOUND)
    assert read_wav(str(path)) == Wav(rate, channels, SOUND)
    with wave.open(str(path)) as peer:
        assert peer.getparams()[:4] == (channels, 2, rate, 8 // channels)
        assert peer.readframes(8) == SOUND


def test_files_that_are_open_stay_open() -> None:
    file = io.BytesIO()
    write_wav(file, SOUND, 8000)
    assert len(file.getvalue()) == 44 + 16
    file.seek(0)
    assert read_wav(file) == Wav(8000, 1, SOUND)
    assert not file.closed


def test_a_file_may_hold_no_sound() -> None:
    file = io.BytesIO()
    write_wav(file, b"", 8000)
    assert read(file.getvalue()) == Wav(8000, 1, b"")


@pytest.mark.parametrize(
    ("width", "stored", "expected"),
    [
        (1, bytes([0, 128, 129, 255]), [-32768, 0, 256, 32512]),
        (2, b"\x00\x80\xff\x7f", [-32768, 32767]),
        (3, b"\x00\x00\x80\x7f\x12\x34\x80\x12\x34\xff\xff\x7f", [-32768, 0x3412, 0x3413, 32767]),
        (4, b"\0\0\0\x80\xff\x7f\x12\x34\0\x80\x12\x34\0\x80\xff\xff", [-32768, 0x3412, 0x3413, 0]),
    ],
)
def test_pcm_of_any_width_becomes_16_bit(
    tmp_path: Path, width: int, stored: bytes, expected: list[int]
) -> None:
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as peer:
        peer.setparams((1, width, 16000, 0, "NONE", "not compressed"))
        peer.writeframes(stored)
    read_back = read_wav(path)
    assert (read_back.rate, read_back.channels) == (16000, 1)
    assert samples(read_back.pcm).tolist() == expected


def test_ulaw_and_alaw_are_decoded() -> None:
    telephone = np.array([0, 32124, -32124, 8], "<i2").tobytes()
    assert read(riff((b"fmt ", fmt(7, 8)), (b"data", ulaw_encode(telephone)))).pcm == telephone
    telephone = np.array([8, -8, 32256], "<i2").tobytes()
    assert read(riff((b"fmt ", fmt(6, 8)), (b"data", alaw_encode(telephone)))).pcm == telephone


def test_the_longer_format_header_of_ulaw_is_read() -> None:
    header = fmt(7, 8, channels=2) + b"\0\0"
    data = riff((b"fmt ", header), (b"fact", bytes(4)), (b"data", b"\xff\x80"))
    assert read(data) == Wav(8000, 2, b"\x00\x00\x7c\x7d")


def test_the_extensible_header_is_read() -> None:
    tail = bytes.fromhex("000000001000800000aa00389b71")
    header = fmt(0xFFFE, 24) + struct.pack("<HHIH", 22, 24, 4, 1) + tail
    assert read(riff((b"fmt ", header), (b"data", b"\0\1\2"))) == Wav(8000, 1, b"\x01\x02")
    other = fmt(0xFFFE, 24) + struct.pack("<HHIH", 22, 24, 4, 1) + bytes(14)
    with pytest.raises(UsageError, match="format tag 65534 with 24 bits"):
        read(riff((b"fmt ", other), (b"data", b"\0\1\2")))


def test_other_chunks_are_passed_over() -> None:
    data = riff((b"JUNK", bytes(28)), (b"fmt ", fmt(1, 16)), (b"LIST", b"odd"), (b"data", SOUND))
    assert read(data) == Wav(8000, 1, SOUND)


def test_what_follows_the_sound_is_not_sound() -> None:
    data = riff((b"fmt ", fmt(1, 16)), (b"data", SOUND), (b"LIST", b"tail"))
    assert read(data).pcm == SOUND


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000, 18])
def test_a_header_that_promises_too_much_is_forgiven(size: int) -> None:
    data = riff((b"fmt ", fmt(1, 16)), (b"data", SOUND))
    data = data[:40] + struct.pack("<I", size) + data[44:]
    assert read(data) == Wav(8000, 1, SOUND)


def test_a_sample_that_is_cut_off_is_dropped() -> None:
    data = riff((b"fmt ", fmt(1, 16, channels=2)), (b"data", SOUND))
    assert read(data[:-1]).pcm == SOUND[:12]


def test_no_prefix_of_a_file_is_a_surprise() -> None:
    data = riff((b"JUNK", bytes(4)), (b"fmt ", fmt(1, 16)), (b"data", SOUND))
    start = data.index(b"data") + 8
    for end in range(start):
        with pytest.raises(UsageError, match="WAV"):
            read(data[:end])
    for end in range(start, len(data)):
        assert read(data[:end]).pcm == SOUND[: (end - start) // 2 * 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a WAV file"),
        (b"ID3\x04" + bytes(40), "not a WAV file"),
        (b"RIFF\0\0\0\0AVI " + bytes(40), "not a WAV file"),
        (riff(), "ends before its sound"),
        (riff((b"fmt ", fmt(1, 16))), "ends before its sound"),
        (riff((b"data", SOUND), (b"fmt ", fmt(1, 16))), "format before its sound"),
        (riff((b"fmt ", fmt(1, 16)[:15]), (b"data", SOUND)), "header of this WAV file is cut off"),
        (riff((b"fmt ", fmt(3, 32)), (b"data", SOUND)), "format tag 3 with 32 bits"),
        (riff((b"fmt ", fmt(0x55, 0)), (b"data", SOUND)), "format tag 85 with 0 bits"),
        (riff((b"fmt ", fmt(1, 12, block=2)), (b"data", SOUND)), "format tag 1 with 12 bits"),
        (riff((b"fmt ", fmt(7, 16)), (b"data", SOUND)), "format tag 7 with 16 bits"),
        (riff((b"fmt ", fmt(1, 16, channels=0)), (b"data", SOUND)), "1 to 32 channels, not 0"),
        (riff((b"fmt ", fmt(1, 16, channels=999)), (b"data", SOUND)), "1 to 32 channels, not 999"),
        (riff((b"fmt ", fmt(1, 16, rate=0)), (b"data", SOUND)), "sample rate"),
        (riff((b"fmt ", fmt(1, 16, rate=2**30)), (b"data", SOUND)), "sample rate"),
        (riff((b"fmt ", fmt(1, 16, block=4)), (b"data", SOUND)), "1 x 16 bits in 4 bytes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(data)


def test_what_cannot_be_written_is_refused_before_a_file_appears(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with pytest.raises(UsageError, match="6 bytes are not a whole number"):
        write_wav(path, bytes(6), 8000, 2)
    with pytest.raises(UsageError, match="sample rate"):
        write_wav(path, SOUND, 0)
    with pytest.raises(UsageError, match="channels, not 0"):
        write_wav(path, SOUND, 8000, 0)
    with pytest.raises(UsageError, match="sample rate"):
        WavWriter(path, -1)
    with pytest.raises(UsageError, match="channels, not 33"):
        WavWriter(path, 8000, 33)
    assert not path.exists()


def test_interleaving_fills_the_shorter_tracks() -> None:
    left, right = b"\x01\0\x02\0\x03\0", b"\x0a\0"
    both = interleave([left, right])
    assert both == b"\x01\0\x0a\0\x02\0\0\0\x03\0\0\0"
    assert split(both, 2) == [left, b"\x0a\0\0\0\0\0"]
    assert interleave([b"", right]) == b"\0\0\x0a\0"
    assert interleave([b"", b""]) == b""
    assert interleave([left]) == left
    assert split(interleave([left, right, left]), 3) == [left, b"\x0a\0\0\0\0\0", left]
    with pytest.raises(UsageError, match="channels, not 0"):
        interleave([])
    with pytest.raises(UsageError, match="even number"):
        interleave([left, b"odd"])


def test_splitting_needs_whole_samples_of_all_channels() -> None:
    assert split(SOUND, 1) == [SOUND]
    assert split(b"", 2) == [b"", b""]
    with pytest.raises(UsageError, match="6 bytes are not a whole number"):
        split(bytes(6), 2)


def test_a_recording_plays_at_any_moment_after_a_flush(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    writer = WavWriter(path, 8000, 2)
    assert read_wav(path) == Wav(8000, 2, b"")
    for count in range(1, 4):
        writer.write(SOUND)
        writer.flush()
        assert read_wav(path) == Wav(8000, 2, SOUND * count)
        with wave.open(str(path)) as peer:
            assert peer.getnframes() == 4 * count
    writer.close()
    assert read_wav(path) == Wav(8000, 2, SOUND * 3)
    assert writer.written == 48


def test_a_recording_is_never_more_than_a_second_behind(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    second = bytes(2 * 2 * 8000)
    with WavWriter(path, 8000, 2) as writer:
        writer.write(second[:-4])
        writer.write(second[:4])
        assert read_wav(path).pcm == second
        writer.write(second[:4])
        assert read_wav(path).pcm == second
    assert len(read_wav(path).pcm) == len(second) + 4


def test_a_recording_is_closed_when_its_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"

    def crash() -> None:
        with WavWriter(path, 8000) as writer:
            writer.write(SOUND)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert read_wav(path) == Wav(8000, 1, SOUND)


def test_a_closed_recording_takes_no_more(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "call.wav", 8000)
    writer.close()
    writer.close()
    writer.flush()
    with pytest.raises(UsageError, match="closed"):
        writer.write(SOUND)


def test_a_recording_takes_whole_samples_only(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "call.wav", 8000, 2) as writer:
        with pytest.raises(UsageError, match="2 bytes are not a whole number"):
            writer.write(b"\0\0")
        writer.write(b"")


def test_a_recording_ends_before_its_header_overflows(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "call.wav", 8000) as writer:
        writer.written = 0xFFFFFFFF - 36 - 1
        with pytest.raises(UsageError, match="at most 4 GiB"):
            writer.write(SOUND)

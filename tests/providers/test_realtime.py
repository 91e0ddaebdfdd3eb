import math
from array import array

import pytest

from hookflash.audio.g711 import alaw_decode, ulaw_decode
from hookflash.audio.levels import rms_dbfs
from hookflash.errors import UsageError
from hookflash.providers.realtime import AudioBridge, AudioEncoding, AudioFormat, best_format

ULAW = AudioFormat(encoding=AudioEncoding.ULAW, sample_rate=8000)
ALAW = AudioFormat(encoding=AudioEncoding.ALAW, sample_rate=8000)
PCM24 = AudioFormat(encoding=AudioEncoding.PCM16, sample_rate=24_000)
PCM16 = AudioFormat(encoding=AudioEncoding.PCM16, sample_rate=16_000)


def wave(rate: int, ms: int) -> bytes:
    step = 2 * math.pi * 440 / rate
    count = rate * ms // 1000
    return array("h", (int(8000 * math.sin(step * index)) for index in range(count))).tobytes()


def test_the_first_format_at_the_rate_of_the_call_is_taken() -> None:
    assert best_format([ULAW, ALAW, PCM24], 8000) is ULAW
    assert best_format([PCM24, ALAW, ULAW], 8000) is ALAW
    assert best_format([ULAW, PCM24], 24_000) is PCM24


def test_a_call_at_another_rate_takes_the_highest() -> None:
    assert best_format([ULAW, PCM24, PCM16], 48_000) is PCM24


def test_a_model_without_formats_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one audio format"):
        best_format([], 8000)


def test_telephone_audio_reaches_the_model_in_the_octets_in_which_it_came() -> None:
    octets = bytes(code for code in range(256) if code != 0x7F)
    bridge = AudioBridge(ULAW, 8000)
    assert bridge.to_model(ulaw_decode(octets)) == octets
    assert bridge.from_model(octets) == ulaw_decode(octets)
    assert bridge.flush() == b""


def test_a_law_is_only_spelled_differently_too() -> None:
    octets = bytes(range(256))
    bridge = AudioBridge(ALAW, 8000)
    assert bridge.to_model(alaw_decode(octets)) == octets
    assert bridge.from_model(octets) == alaw_decode(octets)


def test_another_rate_is_resampled_both_ways_as_a_stream() -> None:
    bridge = AudioBridge(PCM24, 8000)
    up = b"".join(bridge.to_model(wave(8000, 20)) for _ in range(10))
    assert 0.95 * 9600 < len(up) <= 9600
    sound = wave(24_000, 200)
    cut = 4801  # in the middle of a sample
    down = bridge.from_model(sound[:cut]) + bridge.from_model(sound[cut:]) + bridge.flush()
    assert len(down) == 3200
    assert abs(rms_dbfs(down) - rms_dbfs(sound)) < 0.3


def test_after_a_flush_the_next_utterance_begins_anew() -> None:
    bridge = AudioBridge(PCM24, 8000)
    sound = wave(24_000, 100)
    first = bridge.from_model(sound + b"\x01") + bridge.flush()
    assert first == bridge.from_model(sound) + bridge.flush()

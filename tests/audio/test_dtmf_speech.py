"""Talk-off: ten minutes of everything that is no key, without one false digit."""

import os
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest

from hookflash.audio.dtmf import DtmfDetector, DtmfDigit
from hookflash.audio.frames import pcm_bytes
from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.audio.levels import rms_dbfs
from hookflash.audio.resample import Resampler
from hookflash.audio.tones import beep, busy, fax_cng, ringback, tone

Floats = npt.NDArray[np.float64]
RATE = 8000

# First three formants in Hz of the vowels of heed, hid, head, had, hod, hawed, hood, who'd, hud
# and heard, women's voices (Peterson and Barney 1952); men's are a sixth lower.
VOWELS = np.array(
    [
        (310, 2790, 3310),
        (430, 2480, 3070),
        (610, 2330, 2990),
        (860, 2050, 2850),
        (850, 1220, 2810),
        (590, 920, 2710),
        (470, 1160, 2680),
        (370, 950, 2670),
        (760, 1400, 2780),
        (500, 1640, 1960),
    ]
)


def syllable(rng: np.random.Generator) -> Floats:
    """A hiss, then a vowel that glides in pitch from one colour to another, then a pause."""
    count = int(rng.uniform(0.08, 0.4) * RATE)
    course = np.linspace(0, 1, count)
    pitch = rng.uniform(85, 380) * (1 + rng.uniform(-0.25, 0.25) * course)
    pitch *= 1 + 0.01 * np.sin(2 * np.pi * 5.5 * course * count / RATE)
    number = np.arange(1, int(3700 / pitch.max()) + 1)
    size = rng.choice((1.0, 0.84))
    gains = [
        sum(
            1 / (1 + ((number * pitch[0] - hz * size) / (60 + hz / 20)) ** 2) * weight
            for hz, weight in zip(vowel, (1.0, 0.5, 0.25), strict=True)
        )
        for vowel in VOWELS[rng.choice(len(VOWELS), 2)]
    ]
    envelope = np.outer(1 - course, gains[0]) + np.outer(course, gains[1])
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = (np.sin(np.outer(phase, number)) * envelope).sum(axis=1) * np.sin(np.pi * course) ** 0.5
    hiss = np.diff(rng.normal(0, 0.2, int(rng.uniform(0.02, 0.12) * RATE)))
    pause = np.zeros(int(rng.exponential(0.05) * RATE))
    return np.concatenate((hiss, voice / np.abs(voice).max(), pause))


def talk(rng: np.random.Generator, seconds: int) -> Floats:
    parts: list[Floats] = []
    while sum(part.size for part in parts) < seconds * RATE:
        parts.append(syllable(rng))
    return 9000 * np.concatenate(parts)[: seconds * RATE]


def babble(voice: Floats, talkers: int) -> Floats:
    """Several at once: the same voice at several places."""
    total = np.zeros(voice.size)
    for number in range(talkers):
        total += np.roll(voice, voice.size * number // talkers)
    return total / 2


def noise(rng: np.random.Generator, seconds: int, slope: float) -> Floats:
    """Noise whose power falls with frequency to the power of `slope`: 0 is white, 1 is pink."""
    spectrum = np.fft.rfft(rng.normal(0, 1, seconds * RATE))
    spectrum[1:] *= np.arange(1, spectrum.size) ** (-slope / 2)
    wave = np.fft.irfft(spectrum, seconds * RATE)
    return 5000 * wave / np.std(wave)


def music(rng: np.random.Generator, seconds: int) -> Floats:
    """Chords of one to four notes of an organ, none longer than a second."""
    parts: list[Floats] = []
    while sum(part.size for part in parts) < seconds * RATE:
        time = np.arange(int(rng.uniform(0.1, 1.0) * RATE)) / RATE
        chord = np.zeros(time.size)
        for note in rng.choice(np.arange(43, 84), rng.integers(1, 5), replace=False):
            pitch = 440 * 2 ** ((note - 69) / 12)
            for number in range(1, min(8, int(3800 / pitch)) + 1):
                chord += np.sin(2 * np.pi * number * pitch * time + number) / number
        parts.append(5000 * chord * np.exp(-time))
    return np.concatenate(parts)[: seconds * RATE]


def sweep(seconds: int) -> Floats:
    """One sine, slowly from 200 to 3,600 Hz."""
    hz = np.linspace(200, 3600, seconds * RATE)
    return 9000 * np.sin(2 * np.pi * np.cumsum(hz) / RATE)


def presses(pcm: bytes) -> list[DtmfDigit]:
    detector = DtmfDetector(RATE)
    return detector.push(pcm) + detector.flush()


def test_ten_minutes_of_speech_music_noise_and_tones_hold_no_key() -> None:
    rng = np.random.default_rng(2024)
    voice = talk(rng, 210)
    sounds = {
        "talk": pcm_bytes(voice),
        "talk through mu-law": ulaw_decode(ulaw_encode(pcm_bytes(0.3 * voice[: 60 * RATE]))),
        "talk on a noisy line": pcm_bytes(voice[-60 * RATE :] + noise(rng, 60, 0.5) / 20),
        "babble": pcm_bytes(babble(voice[: 60 * RATE], 5)),
        "music": pcm_bytes(music(rng, 60)),
        "white noise": pcm_bytes(noise(rng, 30, 0.0)),
        "pink noise": pcm_bytes(noise(rng, 30, 1.0)),
        "brown noise": pcm_bytes(noise(rng, 20, 2.0)),
        "a sweep": pcm_bytes(sweep(30)),
        "dial tone": tone((350.0, 440.0), 10_000),
        "ringback": ringback(ms=12_000.0),
        "busy": busy(ms=10_000.0),
        "a fax": fax_cng(ms=7_000.0),
        "a beep": beep(ms=1_000.0),
    }
    assert sum(map(len, sounds.values())) >= 600 * RATE * 2
    assert all(rms_dbfs(sound) > -40.0 for sound in sounds.values())
    assert {name: presses(sound) for name, sound in sounds.items()} == {name: [] for name in sounds}


ESPEAK = """
import ctypes, os, sys
import espeakng_loader

library = ctypes.CDLL(espeakng_loader.get_library_path())
rate = library.espeak_Initialize(1, 0, os.fsencode(espeakng_loader.get_data_path()), 0)
assert rate == 22050, rate

@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
def sound(wave, count, events):
    if wave and count > 0:
        sys.stdout.buffer.write(ctypes.string_at(wave, 2 * count))
    return 0

library.espeak_SetSynthCallback(sound)
text = sys.stdin.buffer.read()
for voice in sys.argv[1:]:
    name, speed, pitch = voice.split(":")
    assert library.espeak_SetVoiceByName(name.encode()) == 0, name
    library.espeak_SetParameter(1, int(speed), 0)
    library.espeak_SetParameter(3, int(pitch), 0)
    assert library.espeak_Synth(text, len(text) + 1, 0, 1, 0, 1, None, None) == 0
    assert library.espeak_Synchronize() == 0
"""

TEXT = """
Good morning, you have reached the front desk. How can I help you today? I would like to know
when you are open on Saturdays, please. We are open from nine in the morning until half past six
in the evening, and on Sundays from ten to four. Oh, that is wonderful! Could you also tell me
whether I can bring my dog along? Of course you can, as long as it stays on a lead. Is there
anything else that I can do for you? No, thank you very much indeed, that was all. One moment,
would you spell your surname for me? A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T,
U, V, W, X, Y, Z. My number is four one five, five five five, zero one three two. Eeeh, aaah, ooooh,
mmmh, well, I really do not know. Who was that? A hundred and twenty three thousand, four hundred
and fifty six. Please hold the line while I put you through to a colleague of mine. Goodbye!
"""


def test_synthetic_voices_hold_no_key() -> None:
    pytest.importorskip("espeakng_loader")
    # The high female voices are the dangerous ones: two of their harmonics may carry it all.
    voices = (
        *("en:175:50", "en+f1:170:99", "en+f1:150:85", "en+f3:175:80", "en+f4:160:90"),
        *("en-us+f2:190:60", "en+m3:160:30", "en+m7:170:20"),
    )
    run = subprocess.run(
        [sys.executable, "-c", ESPEAK, *voices],
        input=TEXT.encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
        env=dict(os.environ),
    )
    to_8k = Resampler(22050, RATE)
    speech = to_8k.push(run.stdout) + to_8k.flush()
    assert len(speech) > 400 * RATE * 2
    assert presses(speech) == []

"""What sound is: frames, G.711, rates, levels, tones, sounds, keys, WAV files, recordings.

Sound is PCM: signed 16-bit little-endian samples, mono, in `bytes`. Telephones use 8,000 Hz, and
20 ms make a frame. Everything here is pure computation but the reading and writing of WAV files.
"""

from hookflash.audio.dtmf import DtmfDetector, DtmfDigit
from hookflash.audio.frames import FRAME_MS, Framer, Pcm, duration_ms, frame_bytes, silence
from hookflash.audio.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from hookflash.audio.levels import peak_dbfs, rms_dbfs
from hookflash.audio.mix import mix, scale
from hookflash.audio.resample import Resampler
from hookflash.audio.sounds import BUILT_IN_SOUNDS, built_in_sound
from hookflash.audio.timeline import Timeline
from hookflash.audio.tones import beep, busy, dtmf_tones, fax_cng, ringback, tone
from hookflash.audio.wav import Wav, WavWriter, interleave, read_wav, split, write_wav

__all__ = [
    "BUILT_IN_SOUNDS",
    "FRAME_MS",
    "DtmfDetector",
    "DtmfDigit",
    "Framer",
    "Pcm",
    "Resampler",
    "Timeline",
    "Wav",
    "WavWriter",
    "alaw_decode",
    "alaw_encode",
    "beep",
    "built_in_sound",
    "busy",
    "dtmf_tones",
    "duration_ms",
    "fax_cng",
    "frame_bytes",
    "interleave",
    "mix",
    "peak_dbfs",
    "read_wav",
    "ringback",
    "rms_dbfs",
    "scale",
    "silence",
    "split",
    "tone",
    "ulaw_decode",
    "ulaw_encode",
    "write_wav",
]

"""Tones that telephones make: keys, beeps, ringing, fax.

Levels are RMS of the whole tone as `rms_dbfs` measures it. Every tone rises and falls within
`RAMP_MS`, inside its own length, so that none clicks.
"""

from collections.abc import Sequence

import numpy as np

from hookflash.audio.frames import pcm_bytes, sample_count, silence
from hookflash.audio.levels import amplitude
from hookflash.errors import UsageError

__all__ = [
    "DTMF_DIGITS",
    "DTMF_HIGH_HZ",
    "DTMF_LOW_HZ",
    "RAMP_MS",
    "beep",
    "busy",
    "dtmf_tones",
    "fax_cng",
    "ringback",
    "tone",
]

DTMF_LOW_HZ = (697.0, 770.0, 852.0, 941.0)
"""The rows of the keypad (ITU-T Q.23)."""
DTMF_HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
"""The columns of the keypad (ITU-T Q.23)."""
DTMF_DIGITS = "123A456B789C*0#D"
"""The keys, row by row."""
RAMP_MS = 2.0
"""How long a tone takes to rise or fall: Q.23 wants both done within 5 ms."""

_PAUSE_MS = {"w": 500.0, "W": 1000.0}
_MIN_DIGIT_MS = 40.0
_TONE_DBFS = -13.0


def tone(
    frequencies: Sequence[float], ms: float, *, rate: int = 8000, level_dbfs: float = _TONE_DBFS
) -> bytes:
    """Return the sum of equally strong sines: one makes a beep, two a dual tone.

    Args:
        frequencies: in Hz, each above 0 and below half of `rate`.
        ms: length, ramps included.
        rate: Hz.
        level_dbfs: RMS level of the steady part; what cannot be that loud without clipping
            (above -3.01 dBFS for one sine, -6.02 for two) is refused.

    Raises:
        UsageError: one of the above does not hold.
    """
    count = sample_count(rate, ms)
    if not frequencies or not all(0.0 < hz < rate / 2 for hz in frequencies):
        msg = f"a tone of {rate} Hz audio needs frequencies between 0 and {rate / 2:g} Hz"
        raise UsageError(msg)
    number = len(frequencies)
    each = amplitude(level_dbfs) * (2.0 / number) ** 0.5
    # Not-a-number fails this too.
    if not each * number <= 32768.0:
        msg = f"{number} sines without clipping are at most {-10 * np.log10(2 * number):.1f} dBFS"
        raise UsageError(msg)
    time = np.arange(count) / rate
    wave = np.zeros(count)
    for hz in frequencies:
        wave += each * np.sin(2 * np.pi * hz * time)
    ramp = min(sample_count(rate, RAMP_MS), count // 2)
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp) + 0.5) / ramp)
    wave[:ramp] *= rise
    wave[count - ramp :] *= rise[::-1]
    return pcm_bytes(wave)


def dtmf_tones(
    digits: str,
    rate: int = 8000,
    tone_ms: float = 100.0,
    gap_ms: float = 100.0,
    level_dbfs: float = _TONE_DBFS,
) -> bytes:
    """Return the tones of pressed keys, each followed by a gap; `""` gives `b""`.

    Both frequencies of a key are equally strong (no twist), so each is 3 dB below `level_dbfs`:
    with the default -16 dBFS, which is -10 dBm0 on a mu-law line.

    Args:
        digits: keys `0-9 * # A-D` (either case), and pauses: `w` half a second, `W` one second.
        rate: Hz.
        tone_ms: length of a tone, at least 40: receivers may miss shorter ones (ITU-T Q.24).
        gap_ms: silence after each tone, at least 40 for the same reason.
        level_dbfs: RMS level of a tone, at most -6.02.

    Raises:
        UsageError: something else among `digits` (the message does not repeat them: they may be
            secret), or a length or level outside its range.
    """
    if not (tone_ms >= _MIN_DIGIT_MS and gap_ms >= _MIN_DIGIT_MS):
        msg = f"DTMF tones and the gaps between them last at least {_MIN_DIGIT_MS:g} ms each"
        raise UsageError(msg)
    gap = silence(rate, gap_ms)
    parts: list[bytes] = []
    for key in digits:
        if key in _PAUSE_MS:
            parts.append(silence(rate, _PAUSE_MS[key]))
            continue
        place = DTMF_DIGITS.find(key.upper())
        if place < 0:
            msg = "DTMF digits are 0-9, *, #, A-D, and w or W for a pause; something else is there"
            raise UsageError(msg)
        pair = (DTMF_LOW_HZ[place // 4], DTMF_HIGH_HZ[place % 4])
        parts += (tone(pair, tone_ms, rate=rate, level_dbfs=level_dbfs), gap)
    return b"".join(parts)


def beep(rate: int = 8000, ms: float = 200.0, level_dbfs: float = _TONE_DBFS) -> bytes:
    """Return a voicemail's "speak now": a 1,000 Hz sine."""
    return tone((1000.0,), ms, rate=rate, level_dbfs=level_dbfs)


def fax_cng(rate: int = 8000, ms: float = 3500.0, level_dbfs: float = _TONE_DBFS) -> bytes:
    """Return a calling fax: 1,100 Hz for 0.5 s, then 3 s of silence, over and over (ITU-T T.30)."""
    return _cadence((1100.0,), 500.0, 3000.0, ms=ms, rate=rate, level_dbfs=level_dbfs)


def ringback(rate: int = 8000, ms: float = 6000.0, level_dbfs: float = -19.0) -> bytes:
    """Return North American ringing: 440 + 480 Hz, 2 s on and 4 s off (ITU-T E.180 supp. 2)."""
    return _cadence((440.0, 480.0), 2000.0, 4000.0, ms=ms, rate=rate, level_dbfs=level_dbfs)


def busy(rate: int = 8000, ms: float = 1000.0, level_dbfs: float = -24.0) -> bytes:
    """Return the North American busy tone: 480 + 620 Hz, 0.5 s on and 0.5 s off."""
    return _cadence((480.0, 620.0), 500.0, 500.0, ms=ms, rate=rate, level_dbfs=level_dbfs)


def _cadence(
    frequencies: Sequence[float],
    on_ms: float,
    off_ms: float,
    *,
    ms: float,
    rate: int,
    level_dbfs: float,
) -> bytes:
    """Repeat a tone and a pause, cut to `ms`. A tone that is cut off still ends in its ramp."""
    whole, rest = divmod(ms, on_ms + off_ms)
    period = tone(frequencies, on_ms, rate=rate, level_dbfs=level_dbfs) + silence(rate, off_ms)
    last = tone(frequencies, min(rest, on_ms), rate=rate, level_dbfs=level_dbfs)
    size = 2 * sample_count(rate, ms)
    return (period * int(whole) + last)[:size].ljust(size, b"\0")

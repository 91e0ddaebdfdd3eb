"""A recording of several legs: one time-true file, with a track for each party."""

import asyncio
import logging
from pathlib import Path

import numpy as np

from hookflash.audio.frames import Pcm, duration_ms, frame_bytes, samples
from hookflash.audio.resample import Resampler
from hookflash.audio.timeline import Timeline
from hookflash.audio.wav import WavWriter
from hookflash.calls.recording import why_unwritable
from hookflash.errors import LegClosed, UsageError
from hookflash.legs.base import Leg

__all__ = ["TrackRecorder"]

_log = logging.getLogger("hookflash.calls")

_MOST_TRACKS = 32
# As for a recording of one leg: what is older cannot change any more.
_SETTLED_MS = 500.0
_WRITE_EVERY_MS = 1000.0
# Bounds memory when nobody has spoken for an hour.
_BLOCK_MS = 10_000.0


class TrackRecorder:
    """Records what the parties of several legs say, until it is stopped.

    Legs come (`add`) and go; their tracks stay where they are, and time goes on. Tracks are
    numbered from 0 and interleaved as the channels of a WAV file, which plays at any moment, also
    when the process dies: it lacks the last second.

    A file that cannot be written any more ends the recording, and nothing else.

    Attributes:
        path: the file.
        rate: Hz.
        tracks: how many there are.
        error: why it ended by itself, if it did.
    """

    def __init__(self, path: Path, *, tracks: int, rate: int = 8000) -> None:
        """Begin.

        Args:
            path: a `.wav` file; overwritten.
            tracks: 1 to 32.
            rate: Hz, of which 20 ms are whole samples; legs of other rates are resampled.

        Raises:
            UsageError: another kind of file, or a number outside its range.
            OSError: the file cannot be written.
        """
        if path.suffix.lower() != ".wav":
            msg = f"a recording of several tracks is a .wav file, not {path.suffix or 'nameless'}"
            raise UsageError(msg)
        if type(tracks) is not int or not 1 <= tracks <= _MOST_TRACKS:
            msg = f"tracks is {tracks!r}; give a number from 1 to {_MOST_TRACKS}"
            raise UsageError(msg)
        frame_bytes(rate)
        self.path = path
        self.rate = rate
        self.tracks = tracks
        self.error: OSError | UsageError | None = None
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._seconds: float | None = None
        self._timelines = [Timeline(rate) for _ in range(tracks)]
        self._ears: dict[Leg, _Ear] = {}
        self._track_of: dict[Leg, int] = {}
        self._silent = False
        self._silent_until = 0.0
        self._written_ms = 0.0
        self._file = WavWriter(path, rate, channels=tracks)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._now_ms() / 1000 if self._seconds is None else self._seconds

    @property
    def stopped(self) -> bool:
        """Whether it has ended."""
        return self._seconds is not None

    def add(self, leg: Leg, track: int | None = None) -> int:
        """Record what the leg's party says from now on, until it is closed; return the track.

        A leg that is recorded already stays on its track.

        Args:
            leg: whom.
            track: where; None takes back the leg's own, else the first on which no leg has ever
                been. Those who find all taken share the last one.

        Raises:
            UsageError: there is no such track, or the recording is over.
            LegClosed: the leg is over.
        """
        if self.stopped:
            msg = "this recording is over; begin another"
            raise UsageError(msg)
        if leg.closed:
            msg = "a leg that is closed cannot be recorded"
            raise LegClosed(msg)
        if track is not None and not 0 <= track < self.tracks:
            msg = f"track is {track!r}; give a number from 0 to {self.tracks - 1}"
            raise UsageError(msg)
        if leg in self._ears:
            return self._track_of[leg]
        if track is None:
            track = self._track_of.get(leg)
        if track is None:
            taken = set(self._track_of.values())
            free = (number for number in range(self.tracks) if number not in taken)
            track = next(free, self.tracks - 1)
        self._track_of[leg] = track
        shared = list(self._track_of.values()).count(track) > 1
        self._ears[leg] = _Ear(self, leg, track, shared=shared)
        return track

    def remove(self, leg: Leg) -> None:
        """Record this leg no more. Idempotent."""
        ear = self._ears.pop(leg, None)
        if ear is not None:
            ear.close()

    def put(self, track: int, pcm: Pcm, at: float) -> None:
        """Add a sound to a track.

        Args:
            track: which.
            pcm: PCM16 at `rate`.
            at: when its first sample is heard, in the loop's seconds.
        """
        ms = (at - self._began) * 1000
        if not self.stopped and not self._hushes(at) and ms >= 0.0:
            self._timelines[track].blend(ms, pcm)
            self._write_settled()

    def pause(self) -> None:
        """Record silence from now on, on all tracks. Idempotent."""
        self._silent = True

    def resume(self) -> None:
        """Record sound again. Idempotent."""
        if self._silent:
            self._silent = False
            self._silent_until = self._loop.time()

    def stop(self) -> None:
        """End, and finish the file. Idempotent."""
        self._end(None)

    # From the ears.

    def said(self, track: int, pcm: bytes, began: float, *, shared: bool) -> None:
        """A party said `pcm` from `began` on."""
        ms = (began - self._began) * 1000
        if self.stopped or ms < 0.0:
            return
        # Whole frames: what was said while one asked for silence is in none of them.
        if self._hushes(began):
            pcm = bytes(len(pcm))
        if shared:
            self._timelines[track].blend(ms, pcm)
        else:
            self._timelines[track].append(ms, pcm)
        self._write_settled()

    def _hushes(self, began: float) -> bool:
        return self._silent or began < self._silent_until

    # Writing.

    def _write_settled(self) -> None:
        settled = self._now_ms() - _SETTLED_MS
        if settled - self._written_ms >= _WRITE_EVERY_MS:
            try:
                self._write(settled)
            except (OSError, UsageError) as exc:
                self._end(exc)

    def _write(self, until_ms: float) -> None:
        while self._written_ms < until_ms:
            step = min(until_ms, self._written_ms + _BLOCK_MS)
            self._file.write(_interleaved([line.take(step) for line in self._timelines]))
            self._written_ms = step

    def _end(self, error: OSError | UsageError | None) -> None:
        if self.stopped:
            return
        now = self._now_ms()
        self._seconds = now / 1000
        for leg in tuple(self._ears):
            self.remove(leg)
        try:
            if error is None:
                self._write(now)
            self._file.close()
        except (OSError, UsageError) as exc:
            error = error or exc
        self.error = error
        if error is not None:
            _log.error("a recording ended: it cannot be written (%s)", why_unwritable(error))

    def _now_ms(self) -> float:
        return (self._loop.time() - self._began) * 1000


class _Ear:
    """Hears one leg for the recorder: as the leg's tap, and its listener."""

    def __init__(self, recorder: TrackRecorder, leg: Leg, track: int, *, shared: bool) -> None:
        self._recorder = recorder
        self._leg = leg
        self._track = track
        self._shared = shared
        same = leg.sample_rate == recorder.rate
        self._resampler = None if same else Resampler(leg.sample_rate, recorder.rate)
        leg.tap(self)
        leg.listen(self)

    def close(self) -> None:
        self._leg.untap(self)
        self._leg.unlisten(self)

    def tap_in(self, pcm: bytes, at: float) -> None:
        """The party's audio, whose end was received at `at`."""
        began = at - duration_ms(pcm, self._leg.sample_rate) / 1000
        if self._resampler is not None:
            # The first piece lacks what the filter holds back: silence in its place, and all of
            # it lies that much earlier.
            size = len(pcm) * self._recorder.rate // self._leg.sample_rate
            pcm = self._resampler.push(pcm).rjust(size, b"\0")
            began -= self._resampler.delay_ms / 1000
        self._recorder.said(self._track, pcm, began, shared=self._shared)

    def tap_out(self, pcm: bytes, at: float) -> None:
        """What a party hears is on the tracks of those who say it."""

    def tap_cut(self, at: float) -> None:
        """Nothing of it was recorded."""

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The tap has it."""

    def digit_received(self, digit: str, at: float) -> None:
        """Keys make no sound here."""

    def leg_closed(self, reason: str) -> None:
        self._recorder.remove(self._leg)


def _interleaved(tracks: list[bytes]) -> bytes:
    """Put mono tracks of one length side by side."""
    return np.stack([samples(track) for track in tracks], axis=1).tobytes()

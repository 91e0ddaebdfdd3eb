"""A recording of legs: one time-true file, with tracks on which they lie where they were heard."""

import asyncio
import logging
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import msgspec

from hookflash.audio.frames import Pcm, duration_ms, frame_bytes, sample_count
from hookflash.audio.mix import mix
from hookflash.audio.resample import Resampler
from hookflash.audio.timeline import Timeline
from hookflash.audio.wav import WavWriter, interleave
from hookflash.calls.opus import OpusWriter
from hookflash.errors import LegClosed, UsageError
from hookflash.ids import LegId
from hookflash.legs.base import Leg, TapOf

__all__ = ["Pause", "RecordingState", "TrackRecorder", "why_unwritable"]

_log = logging.getLogger("hookflash.calls")

_MOST_TRACKS = 32
_MOST_OPUS_TRACKS = 2
# What is older than this cannot change any more: a leg sends less far ahead, and a clear takes
# back less. The file is written that far behind the call.
_SETTLED_MS = 500.0
# Seconds. A frame more than the second after which a WAV writer renews its header by itself.
_WAV_EVERY = 1.02
_OPUS_EVERY = 0.2
# How late a frame may be before there is a gap. The party's come as the network lets them
# through; of what we send the leg says exactly when it is heard, and this rides out rounding.
_TOLERANCE_MS: Final[dict[TapOf, float]] = {"party": 60.0, "heard": 1.0, "speech": 1.0}


class RecordingState(StrEnum):
    """What a recording is at."""

    RECORDING = "recording"
    PAUSED = "paused"
    STOPPED = "stopped"


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a recording that is silent because it was paused. Seconds of the file.

    Attributes:
        track: which.
        began: from here on.
        ended: to here; None while it lasts.
    """

    track: int
    began: float
    ended: float | None


class TrackRecorder:
    """Records sides of several legs, until it is stopped.

    Legs come (`add`) and go; their tracks stay where they are, and time goes on. What several legs
    have on one track is added up. Tracks are numbered from 0 and interleaved as the channels of
    the file. What was sent to a party and then dropped is cut out again. While a track is paused
    it is silent. The file plays at any moment, also when the process dies: WAV lacks at most the
    last second and a half, Opus half a second more.

    A file that cannot be written any more ends the recording, and nothing else.

    Attributes:
        path: the file.
        rate: Hz.
        tracks: how many there are.
        state: what it is at.
        error: why it ended by itself, if it did.
    """

    def __init__(
        self, path: Path, *, tracks: int, rate: int = 8000, until: Leg | None = None
    ) -> None:
        """Begin.

        Args:
            path: the file; overwritten. `.wav` is PCM16; `.opus` and `.ogg` are Ogg Opus, which
                has at most two tracks.
            tracks: 1 to 32.
            rate: Hz, of which 20 ms are whole samples; legs of other rates are resampled.
            until: the leg with which the recording ends; None: none does that.

        Raises:
            MissingExtra: Opus, and `soundfile` is not installed.
            UsageError: another kind of file, or a number outside its range.
            LegClosed: `until` is over.
            OSError: the file cannot be written.
        """
        if type(tracks) is not int or not 1 <= tracks <= _MOST_TRACKS:
            msg = f"tracks is {tracks!r}; give a number from 1 to {_MOST_TRACKS}"
            raise UsageError(msg)
        frame_bytes(rate)
        if until is not None:
            _check_open(until)
        self.path = path
        self.rate = rate
        self.tracks = tracks
        self.state = RecordingState.RECORDING
        self.error: OSError | UsageError | None = None
        self._until = until
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._seconds = 0.0
        self._tracks = [_Track(rate) for _ in range(tracks)]
        self._feeds: dict[tuple[Leg, TapOf], _Feed] = {}
        self._track_of: dict[tuple[LegId, TapOf], int] = {}
        self._holds: dict[str, frozenset[int]] = {}
        self._watchers: list[Callable[[TrackRecorder], None]] = []
        self._written_ms = 0.0
        self._file, self._write_every = _open(path, rate, tracks)
        first = self._write_every + _SETTLED_MS / 1000
        self._timer = self._loop.call_later(first, self._write_settled)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._seconds if self.stopped else self._now_ms() / 1000

    @property
    def stopped(self) -> bool:
        """Whether it has ended."""
        return self.state is RecordingState.STOPPED

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """The stretches that are silent because it was paused, in the order of their beginning."""
        pauses = [
            Pause(track=number, began=began / 1000, ended=None if ended is None else ended / 1000)
            for number, track in enumerate(self._tracks)
            for began, ended in track.hushed
        ]
        return tuple(sorted(pauses, key=lambda pause: pause.began))

    # What is recorded.

    def add(self, leg: Leg, track: int | None = None, of: TapOf = "party") -> int:
        """Record one side of a leg from now on, until the leg is closed; return the track.

        A side that is recorded already stays on its track.

        Args:
            leg: whom.
            track: where; None takes back the side's own, else the first on which nobody has ever
                been. Those who find all taken share the last one.
            of: what of it; see `legs.base.TapOf`.

        Raises:
            UsageError: there is no such track, or the recording is over.
            LegClosed: the leg is over.
        """
        if self.stopped:
            msg = "this recording is over; begin another"
            raise UsageError(msg)
        _check_open(leg)
        if track is not None:
            self._track(track)
        if (leg, of) in self._feeds:
            return self._track_of[leg.id, of]
        if track is None:
            track = self._track_of.get((leg.id, of))
        if track is None:
            taken = self._track_of.values()
            free = (number for number in range(self.tracks) if number not in taken)
            track = next(free, self.tracks - 1)
        self._track_of[leg.id, of] = track
        self._feeds[leg, of] = _Feed(self, leg, of, self._tracks[track])
        return track

    def remove(self, leg: Leg) -> None:
        """Record this leg no more. Idempotent."""
        for key, feed in tuple(self._feeds.items()):
            if key[0] is leg:
                del self._feeds[key]
                feed.close()

    def put(self, track: int, pcm: Pcm, at: float) -> None:
        """Add a sound to a track. Once the recording is over it does nothing.

        Args:
            track: which.
            pcm: PCM16 at `rate`.
            at: when its first sample is heard, in the loop's seconds.

        Raises:
            UsageError: there is no such track, or an odd number of bytes.
        """
        where, ms = self._track(track), self.ms(at)
        if ms >= 0.0 and not self.stopped:
            where.blend(ms, bytes(pcm))

    # Pauses, and the end.

    def watch(self, watcher: Callable[["TrackRecorder"], None]) -> None:
        """Call `watcher(recorder)` after each change of its state."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[["TrackRecorder"], None]) -> None:
        """Call it no more. Idempotent."""
        self._watchers = [other for other in self._watchers if other != watcher]

    def pause(self, why: str = "program", track: int | None = None) -> None:
        """Record silence from now on. Idempotent; after the end it does nothing.

        Args:
            why: who asked. It goes on when all who asked have resumed.
            track: which not to record; None: all.

        Raises:
            UsageError: there is no such track.
        """
        if track is not None:
            self._track(track)
        if not self.stopped:
            self._holds[why] = frozenset(range(self.tracks) if track is None else (track,))
            self._hold()

    def resume(self, why: str = "program") -> None:
        """Record sound again, unless somebody else has it paused too. Idempotent.

        Our side comes back with what is sent from now on, which a party hears some 60 ms later.
        """
        if not self.stopped and self._holds.pop(why, None) is not None:
            self._hold()

    def stop(self) -> None:
        """End, and finish the file. Idempotent."""
        self._end(None)

    def discard(self) -> None:
        """End, and delete the file. Idempotent."""
        self._end(None)
        self.path.unlink(missing_ok=True)

    # From the feeds.

    def ms(self, at: float) -> float:
        """Return a moment of the loop's clock in milliseconds of the file."""
        return (at - self._began) * 1000

    def leg_over(self, leg: Leg) -> None:
        """A leg is closed."""
        if leg is self._until:
            self.stop()
        else:
            self.remove(leg)

    def _track(self, number: int) -> "_Track":
        if not 0 <= number < self.tracks:
            msg = f"track is {number!r}; give a number from 0 to {self.tracks - 1}"
            raise UsageError(msg)
        return self._tracks[number]

    def _hold(self) -> None:
        now = self._now_ms()
        silent = frozenset[int]().union(*self._holds.values())
        for number, track in enumerate(self._tracks):
            track.hush(now, number in silent)
        state = RecordingState.PAUSED if self._holds else RecordingState.RECORDING
        if state is not self.state:
            self.state = state
            self._tell()

    def _write_settled(self) -> None:
        """Write what cannot change any more, and do it again soon."""
        try:
            self._write(self._now_ms() - _SETTLED_MS)
        except (OSError, UsageError) as exc:
            self._end(exc)
        else:
            self._timer = self._loop.call_later(self._write_every, self._write_settled)

    def _write(self, until_ms: float) -> None:
        if until_ms > self._written_ms:
            self._file.write(interleave([track.take(until_ms) for track in self._tracks]))
            self._written_ms = until_ms

    def _end(self, error: OSError | UsageError | None) -> None:
        if self.stopped:
            return
        self.state = RecordingState.STOPPED
        self._timer.cancel()
        now = self._now_ms()
        self._seconds = now / 1000
        for feed in self._feeds.values():
            feed.close()
        self._feeds.clear()
        for track in self._tracks:
            track.hush(now, False)
        try:
            if error is None:
                self._write(now)
            self._file.close()
        except (OSError, UsageError) as exc:
            error = error or exc
        self.error = error
        if error is not None:
            _log.error("a recording ended: it cannot be written (%s)", why_unwritable(error))
        self._tell()

    def _tell(self) -> None:
        for watcher in tuple(self._watchers):
            watcher(self)

    def _now_ms(self) -> float:
        return self.ms(self._loop.time())


class _Track:
    """A track: the sum of its feeds' lines, and where it is to be silent.

    Each feed has a line of its own, so that what one leg drops stays on another's. Sound is
    silenced as it comes in, by when it was heard, so that nothing of a pause gets into the file
    wherever a line puts a frame that was early or late.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        # Sounds that come from no feed, and what feeds have left that are gone.
        self._own = Timeline(rate)
        self._lines = [self._own]
        self.hushed: list[tuple[float, float | None]] = []
        """From when to when, in milliseconds; the last one may last."""

    def open_line(self, tolerance_ms: float) -> Timeline:
        """Return a line for a feed."""
        line = Timeline(self._rate, tolerance_ms=tolerance_ms, start_ms=self._own.start_ms)
        self._lines.append(line)
        return line

    def close_line(self, line: Timeline) -> None:
        """Keep what is on it, and take nothing more from it."""
        self._lines.remove(line)
        self._own.blend(line.start_ms, line.pcm())

    def hush(self, now_ms: float, silent: bool) -> None:
        """Be silent from now on, or no more."""
        lasts = bool(self.hushed) and self.hushed[-1][1] is None
        if silent and not lasts:
            self.hushed.append((now_ms, None))
            # What is on its way to a party will be heard during the pause.
            for line in self._lines:
                ahead = line.end_ms - now_ms
                if ahead > 0:
                    line.place(now_ms, bytes(2 * sample_count(self._rate, ahead)))
        elif lasts and not silent:
            self.hushed[-1] = (self.hushed[-1][0], now_ms)

    def append(self, line: Timeline, at_ms: float, pcm: bytes) -> None:
        """Put a feed's sound on its line."""
        line.append(at_ms, self._silenced(at_ms, pcm))

    def blend(self, at_ms: float, pcm: bytes) -> None:
        """Add a sound that comes from no feed."""
        self._own.blend(at_ms, self._silenced(at_ms, pcm))

    def take(self, until_ms: float) -> bytes:
        """Return the sum of all that is on it as far as `until_ms`, and forget it."""
        pieces = [line.take(until_ms) for line in self._lines]
        silence = bytes(len(pieces[0]))
        loud = [piece for piece in pieces if piece != silence]
        if len(loud) > 1:
            return mix(loud)
        return loud[0] if loud else silence

    def _silenced(self, at_ms: float, pcm: bytes) -> bytes:
        end_ms = at_ms + duration_ms(pcm, self._rate)
        for began, ended in reversed(self.hushed):
            if ended is not None and ended <= at_ms:
                break
            start = self._place(began - at_ms)
            stop = max(start, self._place(min(end_ms, ended or end_ms) - at_ms))
            pcm = pcm[:start] + bytes(min(stop, len(pcm)) - min(start, len(pcm))) + pcm[stop:]
        return pcm

    def _place(self, ms: float) -> int:
        return 2 * sample_count(self._rate, max(0.0, ms))


class _Feed:
    """Brings one side of a leg onto a track: the leg's tap."""

    def __init__(self, recorder: TrackRecorder, leg: Leg, of: TapOf, track: _Track) -> None:
        self._recorder = recorder
        self._leg = leg
        self._track = track
        self._line = track.open_line(_TOLERANCE_MS[of])
        same = leg.sample_rate == recorder.rate
        self._resampler = None if same else Resampler(leg.sample_rate, recorder.rate)
        # Where the next frame begins if there is no gap, and what the filter holds back.
        self._next_ms = self._held_ms = 0.0
        leg.tap(self, of)

    def close(self) -> None:
        self._leg.untap(self)
        self._track.close_line(self._line)

    def tap_sound(self, pcm: bytes, at: float) -> None:
        ms = self._recorder.ms(at)
        if self._resampler is not None:
            ms, pcm = self._resampled(self._resampler, ms, pcm)
        if ms < 0.0:  # what was said before the recording began is not part of it
            pcm = pcm[2 * sample_count(self._recorder.rate, -ms) :]
        self._track.append(self._line, max(0.0, ms), pcm)

    def tap_cut(self, at: float) -> None:
        self._line.truncate_from(max(0.0, self._recorder.ms(at)))
        self._begin_anew()

    def tap_closed(self) -> None:
        self._recorder.leg_over(self._leg)

    def _resampled(self, resampler: Resampler, ms: float, pcm: bytes) -> tuple[float, bytes]:
        """Return what comes out of the filter, and where it lies."""
        if ms - self._next_ms > self._line.tolerance_ms:
            self._begin_anew()
        self._next_ms = ms + duration_ms(pcm, resampler.from_rate)
        # It comes out late by so much, all but the first of it.
        held, self._held_ms = self._held_ms, resampler.delay_ms
        return ms - held, resampler.push(pcm)

    def _begin_anew(self) -> None:
        """What the filter holds, some 6 ms, must not sound where the next frame lies."""
        if self._resampler is not None:
            self._resampler.flush()
            self._held_ms = 0.0


class _SoundFile(Protocol):
    """Where the recording goes."""

    def write(self, pcm: Pcm) -> None: ...
    def close(self) -> None: ...


def _open(path: Path, rate: int, tracks: int) -> tuple[_SoundFile, float]:
    """Return the file, and every how many seconds to write.

    A second of WAV costs nothing to write; a second of Opus would keep the calls of the process
    waiting for longer than the ticker's slot.
    """
    suffix = path.suffix.lower()
    if suffix == ".wav":
        return WavWriter(path, rate, tracks), _WAV_EVERY
    if suffix not in (".opus", ".ogg"):
        msg = f"a recording is a .wav, .opus or .ogg file, not {suffix or 'without a suffix'}"
        raise UsageError(msg)
    if tracks > _MOST_OPUS_TRACKS:
        # With more channels Ogg Opus holds loudspeakers around a listener, whose sides it mixes.
        msg = f"a recording of {tracks} tracks is a .wav file, not {suffix}"
        raise UsageError(msg)
    return OpusWriter(path, rate, tracks), _OPUS_EVERY


def _check_open(leg: Leg) -> None:
    if leg.closed:
        msg = "a leg that is closed cannot be recorded"
        raise LegClosed(msg)


def why_unwritable(error: OSError | UsageError) -> str:
    """Return why a recording cannot be written, without the file's name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

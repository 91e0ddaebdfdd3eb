"""A recording of a leg: one stereo file, time-true, the party left and our side right."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from hookflash.audio.frames import Pcm, duration_ms, sample_count
from hookflash.audio.timeline import Timeline
from hookflash.audio.wav import WavWriter, stereo
from hookflash.calls.opus import OpusWriter
from hookflash.errors import UsageError
from hookflash.legs.base import Leg

__all__ = ["Pause", "Recorder", "RecordingState", "Side", "why_unwritable"]

_log = logging.getLogger("hookflash.calls")

Side: TypeAlias = Literal["party", "ours"]

_BOTH: Final[frozenset[Side]] = frozenset({"party", "ours"})

# What is older than this cannot change any more: a leg sends less far ahead, and a clear takes
# back less. The file is written that far behind the call.
_SETTLED_MS = 500.0
# The leg says exactly when the party hears what it sends; this rides out rounding.
_OUR_JITTER_MS = 1.0


class RecordingState(StrEnum):
    """What a recording is at."""

    RECORDING = "recording"
    PAUSED = "paused"
    STOPPED = "stopped"


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a recording that is silent because it was paused. Seconds of the file.

    Attributes:
        side: which channel.
        began: from here on.
        ended: to here; None while it lasts.
    """

    side: Side
    began: float
    ended: float | None


class Recorder:
    """Records both sides of a leg to a file from now until it is stopped or the leg closes.

    The left channel is the party, the right one is what the party heard: what was sent and then
    dropped is cut out again. While a side is paused its channel is silent, and time goes on. The
    file plays at any moment, also when the process dies: WAV is whole after every second, Opus
    lacks the last one.

    A file that cannot be written any more ends the recording, and nothing else.

    Attributes:
        path: the file.
        state: what it is at.
        error: why it ended by itself, if it did.
    """

    def __init__(self, leg: Leg, path: Path) -> None:
        """Begin.

        Args:
            leg: whom to record.
            path: the file; overwritten. `.wav` is PCM16 at the leg's sample rate, `.opus` and
                `.ogg` are Ogg Opus.

        Raises:
            MissingExtra: Opus, and `soundfile` is not installed.
            UsageError: another kind of file.
            OSError: the file cannot be written.
        """
        self.path = path
        self.state = RecordingState.RECORDING
        self.error: OSError | UsageError | None = None
        self._leg = leg
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._seconds = 0.0
        self._tracks: Mapping[Side, _Track] = {
            "party": _Track(Timeline(leg.sample_rate)),
            "ours": _Track(Timeline(leg.sample_rate, tolerance_ms=_OUR_JITTER_MS)),
        }
        self._holds: dict[str, frozenset[Side]] = {}
        self._file, self._write_every_ms = _open(path, leg.sample_rate)
        self._written_ms = 0.0
        self._watchers: list[Callable[[Recorder], None]] = []
        leg.tap(self)
        leg.listen(self)

    # What the program asks.

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._now_ms() / 1000 if self._live else self._seconds

    @property
    def pauses(self) -> tuple[Pause, ...]:
        """The stretches that are silent because it was paused, in the order of their beginning."""
        pauses = [
            Pause(side=side, began=began / 1000, ended=None if ended is None else ended / 1000)
            for side, track in self._tracks.items()
            for began, ended in track.hushed
        ]
        return tuple(sorted(pauses, key=lambda pause: pause.began))

    def watch(self, watcher: Callable[["Recorder"], None]) -> None:
        """Call `watcher(recorder)` after each change of its state."""
        self._watchers.append(watcher)

    def pause(self, why: str = "program", side: Side | None = None) -> None:
        """Record silence from now on. Idempotent; after the end it does nothing.

        Args:
            why: who asked. It goes on when all who asked have resumed.
            side: whose sound not to record; None: neither.
        """
        if self._live:
            self._holds[why] = _BOTH if side is None else frozenset({side})
            self._hold()

    def resume(self, why: str = "program") -> None:
        """Record sound again, unless somebody else has it paused too. Idempotent.

        Our side comes back with what is sent from now on, which the party hears some 60 ms later.
        """
        if self._live and self._holds.pop(why, None) is not None:
            self._hold()

    def stop(self) -> None:
        """End, and finish the file. Idempotent."""
        self._end(None)

    def discard(self) -> None:
        """End, and delete the file. Idempotent."""
        self._end(None)
        self.path.unlink(missing_ok=True)

    # As the leg's tap.

    def tap_in(self, pcm: bytes, at: float) -> None:
        """Audio from the party: its end was received at `at`."""
        rate = self._leg.sample_rate
        began = (at - self._began) * 1000 - duration_ms(pcm, rate)
        if began < 0:  # what was spoken before the recording began is not part of it
            pcm = pcm[2 * sample_count(rate, -began) :]
        self._tracks["party"].append(max(0.0, began), pcm)
        self._write_settled()

    def tap_out(self, pcm: bytes, at: float) -> None:
        """Audio to the party, heard from `at` on."""
        self._tracks["ours"].append(self._ms(at), pcm)
        self._write_settled()

    def tap_cut(self, at: float) -> None:
        """Nothing after `at` was heard."""
        self._tracks["ours"].timeline.truncate_from(self._ms(at))

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The tap has it."""

    def digit_received(self, digit: str, at: float) -> None:
        """Keys make no sound here."""

    def leg_closed(self, reason: str) -> None:
        """The call is over."""
        self.stop()

    @property
    def _live(self) -> bool:
        return self.state is not RecordingState.STOPPED

    def _hold(self) -> None:
        now = self._now_ms()
        silent = {side for sides in self._holds.values() for side in sides}
        for side, track in self._tracks.items():
            track.hush(now, side in silent)
        state = RecordingState.PAUSED if self._holds else RecordingState.RECORDING
        if state is not self.state:
            self.state = state
            self._tell()

    def _write_settled(self) -> None:
        settled = self._now_ms() - _SETTLED_MS
        if settled - self._written_ms >= self._write_every_ms:
            try:
                self._write(settled)
            except (OSError, UsageError) as exc:
                self._end(exc)

    def _write(self, until_ms: float) -> None:
        if until_ms > self._written_ms:
            party, ours = (self._tracks[side].timeline.take(until_ms) for side in _SIDES)
            self._file.write(stereo(party, ours))
            self._written_ms = until_ms

    def _end(self, error: OSError | UsageError | None) -> None:
        if not self._live:
            return
        self.state = RecordingState.STOPPED
        self._leg.untap(self)
        self._leg.unlisten(self)
        now = self._now_ms()
        self._seconds = now / 1000
        for track in self._tracks.values():
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

    def _ms(self, moment: float) -> float:
        return max(0.0, (moment - self._began) * 1000)

    def _now_ms(self) -> float:
        return self._ms(self._loop.time())


_SIDES: Final[tuple[Side, Side]] = ("party", "ours")


class _Track:
    """One side: its sound, and where it is to be silent.

    Sound is silenced as it comes in, by when it was heard, so that nothing of a pause gets into
    the file wherever the timeline puts a frame that was early or late.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.hushed: list[tuple[float, float | None]] = []
        """From when to when, in milliseconds; the last one may last."""

    def hush(self, now_ms: float, silent: bool) -> None:
        """Be silent from now on, or no more."""
        lasts = bool(self.hushed) and self.hushed[-1][1] is None
        if silent and not lasts:
            self.hushed.append((now_ms, None))
            # What is on its way to the party will be heard during the pause.
            ahead = self.timeline.end_ms - now_ms
            if ahead > 0:
                size = 2 * sample_count(self.timeline.rate, ahead)
                self.timeline.place(now_ms, bytes(size))
        elif lasts and not silent:
            self.hushed[-1] = (self.hushed[-1][0], now_ms)

    def append(self, at_ms: float, pcm: bytes) -> None:
        """Put on what is heard from `at_ms` on."""
        end_ms = at_ms + duration_ms(pcm, self.timeline.rate)
        for began, ended in reversed(self.hushed):
            if ended is not None and ended <= at_ms:
                break
            pcm = self._silenced(pcm, began - at_ms, min(end_ms, ended or end_ms) - at_ms)
        self.timeline.append(at_ms, pcm)

    def _silenced(self, pcm: bytes, from_ms: float, to_ms: float) -> bytes:
        start = 2 * sample_count(self.timeline.rate, max(0.0, from_ms))
        end = max(start, 2 * sample_count(self.timeline.rate, max(0.0, to_ms)))
        return pcm[:start] + bytes(min(end, len(pcm)) - min(start, len(pcm))) + pcm[end:]


class _SoundFile(Protocol):
    """Where the recording goes."""

    def write(self, pcm: Pcm) -> None: ...
    def close(self) -> None: ...


def _open(path: Path, rate: int) -> tuple[_SoundFile, float]:
    """Return the file, and how many milliseconds to write at a time.

    A second of WAV costs nothing to write; a second of Opus would keep the calls of the process
    waiting for longer than the ticker's slot.
    """
    match path.suffix.lower():
        case ".wav":
            return WavWriter(path, rate, channels=2), 1000.0
        case ".opus" | ".ogg":
            return OpusWriter(path, rate, channels=2), 200.0
        case suffix:
            msg = f"a recording is a .wav, .opus or .ogg file, not {suffix or 'without a suffix'}"
            raise UsageError(msg)


def why_unwritable(error: OSError | UsageError) -> str:
    """Return why a recording cannot be written, without the file's name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

"""A bridge: legs that hear each other.

Each leg that joins gets a bed (`legs.base.LegBed`), which sounds under whatever our own side says
on it. So our speech keeps its queue and its truth, and the leg's taps record what was heard. The
bed is asked by the leg's own place on the process's ticker; it takes 20 ms from everybody whom the
leg hears and adds them up. There is no task and no clock of the bridge.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from hookflash.audio.frames import Pcm, frame_bytes, pcm_bytes, samples
from hookflash.audio.jitter import JitterBuffer, fade_out
from hookflash.audio.mix import mix
from hookflash.audio.resample import Resampler
from hookflash.calls.track_recording import TrackRecorder
from hookflash.errors import LegClosed, UsageError
from hookflash.legs.base import Leg
from hookflash.runtime import clock

__all__ = ["Bridge", "BridgeSound"]

# Seconds that a leg sends ahead while it is in a bridge. What waits in the peer's buffer is delay
# between people; 10 ms are the middle of what the ticker's frame of 20 ms makes of it.
_LEAD = 0.01
_MOST_GAIN_DB = 20.0
# Rates that have a frame of whole samples, and simple ratios to each other.
_RATES = 8000


class BridgeSound(Protocol):
    """What can be played into a bridge besides PCM, such as a `Sound`."""

    async def ready(self, rate: int) -> bytes:
        """Return it as PCM16 mono at `rate` Hz."""
        ...


class Bridge:
    """Any number of legs that hear each other. Made inside a running loop; end it by `aclose`.

    Who hears whom is said when a leg joins, and may be changed: A is heard by B if A may be heard
    by B and B wants to hear A. Everybody hears everybody else unless something else is said.

    ```python
    bridge = Bridge()
    bridge.join(caller)
    bridge.join(agent)
    bridge.join(coach, heard_by=[agent])  # hears both, and whispers
    ```

    Between two legs of one rate it adds a delay of 2 to 35 ms, 16 on average, which depends on
    how their frames lie to each other; 6 ms more between 8 and 16 kHz. See
    `audio.jitter.JitterBuffer` for what becomes of late, missing and bursty frames.

    A leg that is closed leaves by itself. The bridge closes no legs.
    """

    def __init__(self, *, on_left: Callable[[Leg, str], None] | None = None) -> None:
        """Begin without anybody.

        Args:
            on_left: called soon after a leg has left, with the reason: its own if it was closed
                (`peer_stopped`, `link_lost`, ...), that given to `leave`, or `bridge_closed`.
        """
        self._on_left = on_left
        self._loop = asyncio.get_running_loop()
        self._parties: dict[Leg, _Party] = {}
        self._ways: dict[tuple[_Party, _Party], JitterBuffer] = {}
        self._clips: list[_Clip] = []
        self._recorder: TrackRecorder | None = None
        self._owns_recorder = False
        self._closed = False

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Who is in it, in the order in which they joined."""
        return tuple(self._parties)

    def join(
        self,
        leg: Leg,
        *,
        hears: Iterable[Leg] | None = None,
        heard_by: Iterable[Leg] | None = None,
        gain_db: float = 0.0,
    ) -> None:
        """Let a leg in; it fades in within 20 ms.

        Args:
            leg: who.
            hears: whom it hears, in the bridge now or later; None: everybody.
            heard_by: who hears it; None: everybody. `hears` of the others may still exclude it.
            gain_db: decibels by which it is louder for the others, at most 20.

        Raises:
            UsageError: it is in the bridge already, its rate is no multiple of 8 kHz, the gain is
                out of range, or the bridge is closed.
            LegClosed: the leg is over.
        """
        if self._closed:
            msg = "the bridge is closed; make another"
            raise UsageError(msg)
        if leg in self._parties:
            msg = "this leg is in the bridge already; use route() to change who hears it"
            raise UsageError(msg)
        if leg.closed:
            msg = "a leg that is closed cannot join a bridge"
            raise LegClosed(msg)
        if leg.sample_rate % _RATES:
            msg = f"a leg in a bridge has a multiple of {_RATES} Hz, not {leg.sample_rate} Hz"
            raise UsageError(msg)
        party = _Party(leg, _factor(gain_db), self._remove)
        self._parties[leg] = party
        party.choose(hears, heard_by)
        if self._recorder is not None and not self._recorder.stopped:
            self._recorder.add(leg)
        self._wire()
        party.begin()

    def route(
        self,
        leg: Leg,
        *,
        hears: Iterable[Leg] | None = None,
        heard_by: Iterable[Leg] | None = None,
    ) -> None:
        """Change whom a leg hears and who hears it, both anew, as for `join`.

        Raises:
            UsageError: it is not in the bridge.
        """
        self._party(leg).choose(hears, heard_by)
        self._wire()

    def set_gain(self, leg: Leg, gain_db: float) -> None:
        """Make a leg louder or softer for the others, within 20 ms; it keeps it when muted.

        Args:
            leg: who.
            gain_db: decibels, at most 20; `-inf` silences it.

        Raises:
            UsageError: it is not in the bridge, or the gain is out of range.
        """
        self._party(leg).gain = _factor(gain_db)

    def mute(self, leg: Leg) -> None:
        """Let nobody hear a leg, until `unmute`. Idempotent.

        Raises:
            UsageError: it is not in the bridge.
        """
        self._party(leg).muted = True

    def unmute(self, leg: Leg) -> None:
        """Let it be heard again. Idempotent.

        Raises:
            UsageError: it is not in the bridge.
        """
        self._party(leg).muted = False

    def leave(self, leg: Leg, reason: str = "left") -> None:
        """Let a leg go, which stays open; it fades out within 20 ms. Idempotent.

        Args:
            leg: who.
            reason: for `on_left`.
        """
        party = self._parties.get(leg)
        if party is not None:
            party.end()
            self._remove(party, reason)

    async def play(
        self, sound: Pcm | BridgeSound, *, to: Iterable[Leg] | None = None, rate: int = 8000
    ) -> None:
        """Play a sound over what is being said; return when everybody's leg has sent it.

        Cancelling fades it out. Who joins later does not hear it, and who leaves is not waited
        for. For music under one leg alone, use the leg's own beds.

        Args:
            sound: PCM16 mono, or a `Sound`.
            to: who hears it; None: everybody who is in the bridge.
            rate: Hz of PCM.

        Raises:
            UsageError: an odd number of bytes, a rate that is none, or one of `to` is not in the
                bridge.
            ConfigError, MissingExtra: the sound cannot be had.
        """
        hearers = tuple(self._parties.values()) if to is None else [self._party(leg) for leg in to]
        recorder = self._recorder
        rates = {party.leg.sample_rate for party in hearers}
        if recorder is not None:
            rates.add(recorder.rate)
        if isinstance(sound, bytes | bytearray | memoryview):
            waves = {each: _resampled(bytes(sound), rate, each) for each in rates}
        else:
            waves = {each: await sound.ready(each) for each in rates}
        clip = _Clip(waves, recorder)
        hearers = [party for party in hearers if self._parties.get(party.leg) is party]
        if not hearers:
            return
        self._clips.append(clip)
        for party in hearers:
            party.ears.append(clip.part(party))
        try:
            await clip.played
        finally:
            self._clips.remove(clip)
            clip.close()

    def record(self, recording: Path | TrackRecorder, *, parties: int = 3) -> TrackRecorder:
        """Record from now on: a track for each party, and a last one for what `play` plays.

        Parties take tracks in the order in which they join. One that leaves and comes back comes
        back to its own; those who find no track free share the last party's.

        Args:
            recording: a `.wav` file, overwritten; or a recorder that is running, whose last track
                is then that of `play`.
            parties: for how many there are tracks, 1 to 31: a WAV file cannot get more later.

        Returns:
            The recorder. `aclose` stops one that was made here; one that was given goes on.

        Raises:
            UsageError: the bridge is being recorded, or as `TrackRecorder`.
            OSError: the file cannot be written.
        """
        if self._recorder is not None and not self._recorder.stopped:
            msg = "the bridge is being recorded already; stop that recording first"
            raise UsageError(msg)
        self._owns_recorder = isinstance(recording, Path)
        if isinstance(recording, Path):
            recording = TrackRecorder(recording, tracks=parties + 1)
        self._recorder = recording
        for leg in self._parties:
            recording.add(leg)
        return recording

    async def aclose(self) -> None:
        """Let everybody go. Idempotent. The legs stay open."""
        self._closed = True
        for leg in self.legs:
            self.leave(leg, "bridge_closed")
        if self._recorder is not None and self._owns_recorder:
            self._recorder.stop()

    # The matrix.

    def _party(self, leg: Leg) -> "_Party":
        party = self._parties.get(leg)
        if party is None:
            msg = "this leg is not in the bridge"
            raise UsageError(msg)
        return party

    def _wire(self) -> None:
        """Open a way for each pair of whom one hears the other, and close all others."""
        parties = self._parties.values()
        wanted = {
            (speaker, hearer)
            for hearer in parties
            for speaker in parties
            if speaker is not hearer and speaker.is_heard_by(hearer)
        }
        for speaker, hearer in self._ways.keys() - wanted:
            way = self._ways.pop((speaker, hearer))
            speaker.hush(way, hearer.leg.sample_rate)
            way.close()
        for speaker, hearer in wanted - self._ways.keys():
            way = self._ways[speaker, hearer] = JitterBuffer()
            speaker.speak(way, hearer.leg.sample_rate)
            hearer.ears.append(way)

    def _remove(self, party: "_Party", reason: str) -> None:
        del self._parties[party.leg]
        self._wire()
        for clip in self._clips:
            clip.gone(party)
        if self._on_left is not None:
            # Soon: it may well close legs or begin to speak, and a leg is just telling us.
            self._loop.call_soon(self._on_left, party.leg, reason)


class _Ear(Protocol):
    """Something that a party hears."""

    @property
    def over(self) -> bool: ...
    def pull(self, at: float) -> bytes | None: ...
    def close(self) -> None: ...


class _Party:
    """A leg in the bridge: as its listener it speaks to others, as its bed it hears them."""

    def __init__(self, leg: Leg, gain: float, gone: Callable[["_Party", str], None]) -> None:
        self.leg = leg
        self.gain = gain
        self.muted = False
        self.ears: list[_Ear] = []
        self.hears: frozenset[Leg] | None = None
        self.heard_by: frozenset[Leg] | None = None
        self._gone = gone
        # The ways to those who hear it, by their sample rate.
        self._ways: dict[int, list[JitterBuffer]] = {}
        self._lead = leg.lead
        self._silence = bytes(frame_bytes(leg.sample_rate))
        self._silences: dict[int, bytes] = {}
        self._resamplers: dict[int, Resampler] = {}
        # What the newest frame was made louder by, and whether it was silence.
        self._gain_now = gain
        self._was_silent = False
        self._leaving = False

    def choose(self, hears: Iterable[Leg] | None, heard_by: Iterable[Leg] | None) -> None:
        """Set whom it hears, and who hears it."""
        self.hears = None if hears is None else frozenset(hears)
        self.heard_by = None if heard_by is None else frozenset(heard_by)

    def is_heard_by(self, other: "_Party") -> bool:
        """Whether both want it."""
        may = self.heard_by is None or other.leg in self.heard_by
        return may and (other.hears is None or self.leg in other.hears)

    def speak(self, way: JitterBuffer, rate: int) -> None:
        """Be heard on a way, at its hearer's rate."""
        self._ways.setdefault(rate, []).append(way)

    def hush(self, way: JitterBuffer, rate: int) -> None:
        """Be heard on it no more."""
        self._ways[rate].remove(way)
        if not self._ways[rate]:
            # A filter must not begin anew with what it held of some time ago.
            del self._ways[rate]
            self._resamplers.pop(rate, None)

    def begin(self) -> None:
        """Hear, and be heard."""
        self.leg.lead = min(self._lead, _LEAD)
        self.leg.listen(self)
        self.leg.lay_bed(self)

    def end(self) -> None:
        """Be heard no more; the bed ends by itself, faded out."""
        self.leg.unlisten(self)
        self.leg.lead = self._lead
        self._leaving = True
        for ear in self.ears:
            ear.close()

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """Pass 20 ms on to everybody who hears it."""
        gain = 0.0 if self.muted else self.gain
        before, self._gain_now = self._gain_now, gain
        if pcm == self._silence or gain == before == 0.0:
            pcm = self._silence
        elif gain != before:
            pcm = pcm_bytes(samples(pcm) * np.linspace(before, gain, len(pcm) // 2))
        elif gain != 1.0:
            pcm = pcm_bytes(samples(pcm) * gain)
        for rate, ways in self._ways.items():
            frame = pcm if rate == self.leg.sample_rate else self._resampled(pcm, rate)
            for way in ways:
                way.push(frame, at)
        self._was_silent = pcm is self._silence

    def digit_received(self, digit: str, at: float) -> None:
        """Keys are for whoever listens to the leg."""

    def leg_closed(self, reason: str) -> None:
        """It leaves."""
        self._leaving = True
        self._gone(self, reason)

    def _resampled(self, pcm: bytes, rate: int) -> bytes:
        resampler = self._resamplers.get(rate)
        if resampler is None:
            resampler = self._resamplers[rate] = Resampler(self.leg.sample_rate, rate)
            self._silences[rate] = bytes(frame_bytes(rate))
        elif self._was_silent and pcm is self._silence:
            # Nothing but silence is in the filter, and it takes none out.
            return self._silences[rate]
        # The first piece lacks what the filter holds back; with silence before it, all are whole.
        return resampler.push(pcm).rjust(len(self._silences[rate]), b"\0")

    # As the leg's bed.

    def next_frame(self, *, speech: bool) -> bytes | None:
        """Return 20 ms of all whom it hears."""
        now = clock.now()
        silence = self._silence
        loud: list[bytes] = []
        ended = False
        for ear in self.ears:
            frame = ear.pull(now)
            if frame is not None and frame is not silence and frame != silence:
                loud.append(frame)
            ended = ended or ear.over
        if ended:
            self.ears = [ear for ear in self.ears if not ear.over]
        if loud:
            return loud[0] if len(loud) == 1 else mix(loud)
        return None if self._leaving and not self.ears else silence


class _Clip:
    """A sound that is played to some parties."""

    def __init__(self, waves: Mapping[int, bytes], recorder: TrackRecorder | None) -> None:
        """Take the sound at each rate that is needed, the recorder's among them."""
        self.played: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waves = waves
        self._recorder = recorder
        self._parts: dict[_Party, _Part] = {}
        self._began = 0.0
        self._recorded = 0

    def part(self, party: _Party) -> "_Part":
        """Return an ear of `party` for it."""
        rate = party.leg.sample_rate
        part = self._parts[party] = _Part(self, party, self._waves[rate], frame_bytes(rate))
        return part

    def gone(self, party: _Party) -> None:
        """It is over for this party."""
        self._parts.pop(party, None)
        if not self._parts and not self.played.done():
            self.played.set_result(None)

    def close(self) -> None:
        """Fade it out for everybody."""
        for part in tuple(self._parts.values()):
            part.close()

    def heard(self, number: int, at: float) -> None:
        """The first of them hears frame `number`: it belongs into the recording."""
        if self._recorder is None or number < self._recorded:
            return
        if number == 0:
            self._began = at
        rate = self._recorder.rate
        size = frame_bytes(rate)
        frame = self._waves[rate][number * size : (number + 1) * size]
        self._recorder.put(self._recorder.tracks - 1, frame, self._began + number * 0.02)
        self._recorded = number + 1


class _Part:
    """A clip as one party hears it."""

    def __init__(self, clip: _Clip, party: _Party, pcm: bytes, size: int) -> None:
        self.over = False
        self._clip = clip
        self._party = party
        self._pcm = pcm
        self._size = size
        self._number = 0
        self._closing = False

    def close(self) -> None:
        self._closing = True

    def pull(self, at: float) -> bytes | None:
        begin = self._number * self._size
        frame = self._pcm[begin : begin + self._size]
        if frame:
            self._clip.heard(self._number, at)
        self._number += 1
        self.over = self._closing or begin + self._size >= len(self._pcm)
        if self.over:
            self._clip.gone(self._party)
        if not frame or (self._closing and begin == 0):
            return None
        frame = frame.ljust(self._size, b"\0")
        return fade_out(frame) if self._closing else frame


def _factor(gain_db: float) -> float:
    # Not-a-number fails this too.
    if not gain_db <= _MOST_GAIN_DB:
        msg = f"gain_db is {gain_db!r}; give decibels, at most {_MOST_GAIN_DB:g}"
        raise UsageError(msg)
    return math.pow(10.0, gain_db / 20)


def _resampled(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    resampler = Resampler(from_rate, to_rate)
    return resampler.push(pcm) + resampler.flush()

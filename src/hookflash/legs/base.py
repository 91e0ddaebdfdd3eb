"""A leg: one live two-way audio path to one party, whatever carries it.

In comes audio as 20 ms frames of PCM16, and key presses. Out goes whatever is played: queued
utterances, one after the other, paced on absolute deadlines by the process's one ticker, a little
(`Leg.lead`) ahead of real time. Under them lie beds (`LegBed`): background sounds that go on when
nothing is said, and also when what is said is paused or cut short. `machines.playout` keeps the
truth about what was heard of the utterances, and beds count for nothing there; the leg drives it.
A subclass only spells: how to send a frame, a mark, a clear, and how to close.
"""

import asyncio
import itertools
import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from hookflash.audio.frames import FRAME_MS, frame_bytes
from hookflash.audio.mix import mix
from hookflash.audio.tones import dtmf_tones
from hookflash.errors import LegClosed, UsageError
from hookflash.events.playout import (
    AudioQueued,
    AudioSent,
    MarkPassed,
    PlaceMark,
    PlayoutCleared,
    PlayoutClosed,
    PlayoutCommand,
    PlayoutEvent,
    PlayoutHeld,
    UtteranceClosed,
    UtteranceFinished,
    UtteranceStarted,
)
from hookflash.ids import LegId
from hookflash.legs.inband_digits import InbandDigits
from hookflash.machines.playout import PlayoutConfig, PlayoutMachine
from hookflash.runtime.chance import new_id
from hookflash.runtime.driver import Driver
from hookflash.runtime.tape import Tape
from hookflash.runtime.ticker import TICK, Ticker, TickerEntry

__all__ = [
    "DigitsBy",
    "Frame",
    "Leg",
    "LegBed",
    "LegCapabilities",
    "LegListener",
    "LegTap",
    "Played",
    "Playout",
    "TapOf",
]

DigitsBy: TypeAlias = Literal["signal", "audio"]
"""How keys cross a leg."""
TapOf: TypeAlias = Literal["party", "heard", "speech"]
"""What is recorded of a leg: what its party says; what its party hears; or of that our own
utterances alone, without beds such as music, a background or the others in a bridge."""

# Frames of a run are reported to the playout machine together; half a second bounds how much
# a crash could leave unreported.
_RUN_FRAMES = 25
_LATE_TOLERANCE = TICK / 8


class LegCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What this kind of leg can do.

    Attributes:
        marks: the peer tells when audio was played; else our clock says it.
        clear: the peer can drop audio that it has not played yet.
        digits_in: how the party's keys reach us: `signal` (the peer reports them) or `audio` (by
            their tones, and the leg listens for them).
        digits_out: `audio` (tones in the audio) or `signal` (the peer sends them).
    """

    marks: bool
    clear: bool
    digits_in: DigitsBy = "signal"
    digits_out: DigitsBy = "audio"


class Frame(msgspec.Struct, frozen=True):
    """20 ms of the party's audio.

    Attributes:
        pcm: PCM16 little-endian mono at the leg's sample rate.
        at: when it was received, in the loop's seconds.
    """

    pcm: bytes
    at: float


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an utterance.

    Attributes:
        played_ms: how much of it the party heard.
        total_ms: how much of it there was.
        interrupted: True if it was cut short.
    """

    played_ms: float
    total_ms: float
    interrupted: bool


class LegListener(Protocol):
    """Who hears the party. Called on the loop's thread; must not block."""

    def audio_received(self, pcm: bytes, at: float) -> None:
        """20 ms of PCM16 came in; `at` is now, in the loop's seconds."""
        ...

    def digit_received(self, digit: str, at: float) -> None:
        """The party pressed a key: one of `0-9 * # A-D`."""
        ...

    def leg_closed(self, reason: str) -> None:
        """The leg is over: `peer_stopped`, `peer_closed`, `link_lost`, `we_closed`, `protocol`."""
        ...


class LegTap(Protocol):
    """Who records a leg. Called on the loop's thread; must not block."""

    def tap_sound(self, pcm: bytes, at: float) -> None:
        """20 ms of PCM16, which the party began to say, or will begin to hear, at `at`."""
        ...

    def tap_cut(self, at: float) -> None:
        """Nothing that was to be heard after `at` will be heard. Not told of what a party says."""
        ...

    def tap_closed(self) -> None:
        """The leg is over."""
        ...


class LegBed(Protocol):
    """A sound that lies under whatever is said on a leg. Called by the ticker; must not block."""

    def next_frame(self, *, speech: bool) -> bytes | None:
        """Return the next 20 ms of PCM16 at the leg's sample rate; None once it is over.

        Called once for every frame that is sent, so that time passes for the bed as it does for
        the party. What a clear made the peer drop is sent again without asking.

        Args:
            speech: whether an utterance sounds over these 20 ms, to stand back for.
        """
        ...


class Playout:
    """One utterance on its way to the party. Await it to learn what was heard.

    Written by whoever synthesises: `write` as audio comes, then `close`. Cancelling an awaiting
    task does not stop it; `cancel` does.
    """

    __slots__ = (
        "_chunks",
        "_closed",
        "_finished",
        "_leg",
        "_offset",
        "_size",
        "_started",
        "_starts",
        "alone",
        "id",
    )

    def __init__(self, leg: "Leg", utterance: str, *, alone: bool) -> None:
        """Made by `Leg.play`."""
        self.id = utterance
        self.alone = alone
        self._leg = leg
        self._chunks: list[bytes] = []
        self._starts: list[int] = []
        self._size = 0
        self._offset = 0
        self._closed = False
        loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = loop.create_future()
        self._finished: asyncio.Future[Played] = loop.create_future()

    def write(self, pcm: bytes) -> None:
        """Append PCM16 at the leg's sample rate. Ignored once the utterance was cut short.

        Raises:
            UsageError: after `close`, or an odd number of bytes.
        """
        if self._finished.done():
            return
        if self._closed:
            msg = "this utterance is closed; play another"
            raise UsageError(msg)
        if len(pcm) % 2:
            msg = "PCM16 audio has an even number of bytes"
            raise UsageError(msg)
        if pcm:
            # Kept as they came: a copy would cost as much memory again.
            self._chunks.append(pcm)
            self._starts.append(self._size)
            self._size += len(pcm)
            self._leg.audio_written(self, len(pcm))

    def close(self) -> None:
        """Say that no audio follows. Idempotent."""
        if not self._closed:
            self._closed = True
            if not self._finished.done():
                self._leg.playout_closed(self)

    def cancel(self) -> None:
        """Drop what is left of it: what was heard until now is what `await` returns."""
        if not self._finished.done():
            self._leg.clear(self)

    @property
    def done(self) -> bool:
        """Whether nothing more of it will be heard."""
        return self._finished.done()

    @property
    def played_ms(self) -> float:
        """How much of it was heard until now."""
        if self._finished.done():
            return self._finished.result().played_ms
        return self._leg.heard_ms(self)

    def when_started(self, callback: Callable[[], None]) -> None:
        """Call it once the party begins to hear it; never, if it is over before."""
        self._started.add_done_callback(lambda _: callback())

    async def wait_started(self) -> None:
        """Wait until the party begins to hear it, or it is over."""
        waits: set[asyncio.Future[Any]] = {self._started, self._finished}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)

    def __await__(self) -> Generator[object, None, Played]:
        """Wait until nothing more of it will be heard."""
        return asyncio.shield(self._finished).__await__()

    # For the leg.

    def next_frame(self, size: int) -> bytes | None:
        """Take the next frame; a closed utterance's last one is padded with silence."""
        begin, end = self._offset, self._offset + size
        if end > self._size and not (self._closed and begin < self._size):
            return None
        self._offset = min(end, self._size)
        index = bisect_right(self._starts, begin) - 1
        begin -= self._starts[index]
        frame = self._chunks[index][begin : begin + size]
        while len(frame) < size and index + 1 < len(self._chunks):
            index += 1
            frame += self._chunks[index][: size - len(frame)]
        return frame.ljust(size, b"\0")

    def can_begin(self, size: int) -> bool:
        """Whether nothing of it was sent yet, and there is a frame to send."""
        return self._offset == 0 and (self._size >= size or (self._closed and self._size > 0))

    @property
    def sent_bytes(self) -> int:
        """How far sending has come."""
        return self._offset

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def sent_whole(self) -> bool:
        """Whether there is nothing left to send, for good."""
        return self._closed and self._offset >= self._size

    def rewind(self, offset: int) -> None:
        """Send again from here."""
        self._offset = offset

    def begin(self) -> None:
        """The party begins to hear it."""
        if not self._started.done():
            self._started.set_result(None)

    def finish(self, played: Played) -> None:
        """Nothing more of it will be heard; its audio is let go."""
        self._closed = True
        self._chunks.clear()
        self._starts.clear()
        self._size = self._offset
        if not self._finished.done():
            self._finished.set_result(played)


class Leg(ABC):
    """One live two-way audio path. Made inside a running loop; ends by `close` or by the peer.

    Attributes:
        id: ours.
        sample_rate: Hz of the PCM16 on both sides: 8000 for telephone legs.
        capabilities: what this kind can do.
        tape: where the leg's machine writes, if anywhere.
        lead: seconds that sending is ahead of real time. The peer's buffer rides out our jitter
            for that long, and a clear has no more than that to drop.
        outlives_link: whether the link may end without the leg: another is expected in its place.
            What is played meanwhile waits; nothing is heard.
    """

    def __init__(
        self,
        *,
        sample_rate: int,
        capabilities: LegCapabilities,
        lead: float = 0.04,
        tape: Tape | None = None,
    ) -> None:
        """Begin as an open leg with nothing to play."""
        self.id = LegId(new_id("leg"))
        self.sample_rate = sample_rate
        self.capabilities = capabilities
        self.lead = lead
        self.outlives_link = False
        self.tape = tape
        self._loop = asyncio.get_running_loop()
        self._listeners: list[LegListener] = []
        self._taps: dict[TapOf, tuple[LegTap, ...]] = {"party": (), "heard": (), "speech": ()}
        self._frame_bytes = frame_bytes(sample_rate)
        self._bytes_per_ms = sample_rate * 2 / 1000
        self._ordinal = 0
        self._open: dict[str, Playout] = {}
        self._to_send: deque[Playout] = deque()
        self._run: tuple[Playout, int, float] | None = None
        # Until when the party hears what was sent: of anything, of utterances, of beds alone.
        self._heard_until = 0.0
        self._speech_until = 0.0
        self._bed_until = 0.0
        self._next_due = 0.0
        self._beds: tuple[LegBed, ...] = ()
        # The beds' newest frames, as long as a clear may take them back; and what it took back.
        self._bed_sent: deque[bytes] = deque(maxlen=math.ceil(lead / TICK) + 2)
        self._bed_rest = b""
        self._paused = False
        self._linked = True
        self._entry: TickerEntry | None = None
        by_ear = capabilities.digits_in == "audio"
        self._inband_digits = InbandDigits(sample_rate) if by_ear else None
        self._close_reason: str | None = None
        self._closed: asyncio.Future[str] = self._loop.create_future()
        config = PlayoutConfig(marks=capabilities.marks)
        self._machine = PlayoutMachine(config)
        self._driver: Driver[PlayoutEvent, PlayoutCommand] = Driver(
            self._machine, self._obey, name="playout", tape=tape, config=config
        )

    # What a kind of leg must spell.

    @abstractmethod
    def _send_frame(self, pcm: bytes) -> None:
        """Send 20 ms of PCM16 to the peer. Must not block or raise."""

    @abstractmethod
    def _send_mark(self, mark: str) -> None:
        """Ask the peer to return `mark` when all audio before it was played."""

    @abstractmethod
    def _send_clear(self) -> None:
        """Ask the peer to drop the audio it has not played."""

    def _send_digit(self, digit: str) -> None:
        """Ask the peer to press a key. Only where `LegCapabilities.digits_out` is `signal`."""
        raise NotImplementedError

    @abstractmethod
    def _shut(self, reason: str) -> None:
        """Begin to close the link itself. Must not block or raise."""

    # Listening.

    def listen(self, listener: LegListener) -> None:
        """Tell `listener` what comes from the party, from now on."""
        self._listeners.append(listener)
        if self._close_reason is not None:
            listener.leg_closed(self._close_reason)

    def unlisten(self, listener: LegListener) -> None:
        """Tell it no more. Idempotent."""
        self._listeners = [other for other in self._listeners if other is not listener]

    def tap(self, tap: LegTap, of: TapOf) -> None:
        """Let `tap` record one side, from now on.

        Raises:
            LegClosed: the leg is over.
        """
        if self._close_reason is not None:
            msg = f"the leg is closed ({self._close_reason})"
            raise LegClosed(msg)
        self._taps[of] += (tap,)

    def untap(self, tap: LegTap) -> None:
        """Let it record no more. Idempotent."""
        for of, taps in self._taps.items():
            self._taps[of] = tuple(other for other in taps if other is not tap)

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Iterate over the party's audio from now until the leg is closed.

        A reader that falls more than 10 s behind loses the oldest frames.
        """
        queue: asyncio.Queue[Frame | None] = asyncio.Queue()
        reader = _FrameReader(queue)
        self.listen(reader)
        try:
            while (frame := await queue.get()) is not None:
                yield frame
        finally:
            self.unlisten(reader)

    # Playing.

    def play(self, pcm: bytes | None = None, *, alone: bool = False) -> Playout:
        """Queue an utterance behind those that are queued.

        Args:
            pcm: the whole of it, PCM16 at the leg's sample rate; None lets the caller `write`
                it as it is made, and `close`.
            alone: let no bed sound under it, as tones for a machine need it.

        Raises:
            LegClosed: the leg is over.
        """
        if self._close_reason is not None:
            msg = f"the leg is closed ({self._close_reason})"
            raise LegClosed(msg)
        self._ordinal += 1
        playout = Playout(self, str(self._ordinal), alone=alone)
        self._open[playout.id] = playout
        self._to_send.append(playout)
        self._driver.feed(AudioQueued(utterance=playout.id, ms=0))
        if pcm is not None:
            playout.write(pcm)
            playout.close()
        return playout

    def send_dtmf(self, digits: str) -> Playout:
        """Press keys, queued like an utterance. `w` waits 0.5 s, `W` 1 s.

        They are tones in the audio. A peer that sends keys itself is told of each when its tone
        would begin, and the audio is silent for as long.

        Raises:
            UsageError: a character that no key has; nothing was sent.
            LegClosed: the leg is over.
        """
        tones = dtmf_tones(digits, self.sample_rate)
        if self.capabilities.digits_out == "audio":
            return self.play(tones, alone=True)
        playout = self.play(bytes(len(tones)), alone=True)
        playout.when_started(lambda: self._signal(digits, playout))
        return playout

    def pause(self) -> None:
        """Hush within a frame and keep the place; beds go on. Idempotent."""
        if not self._paused and self._close_reason is None:
            self._hold()
            self._wake()

    def resume(self) -> None:
        """Go on where `pause` hushed. Idempotent."""
        if self._paused:
            self._paused = False
            self._wake()

    @property
    def paused(self) -> bool:
        """Whether `pause` holds."""
        return self._paused

    def clear(self, playout: Playout | None = None) -> None:
        """Drop what was not heard yet: all utterances, or one. Ends a pause; beds go on."""
        if self._close_reason is not None:
            return
        if playout is None or all(other is playout for other in self._open.values()):
            self._to_send.clear()
            self._paused = False
            self._cut(PlayoutCleared())
            self._wake()
        elif playout.sent_bytes == 0:
            self._to_send = deque(p for p in self._to_send if p is not playout)
            self._driver.feed(PlayoutCleared(utterance=playout.id))
        else:
            # Others are queued behind it: take the place of each, drop this one, go on.
            was_paused = self._paused
            if not was_paused:
                self._hold()
            self._to_send = deque(p for p in self._to_send if p is not playout)
            self._driver.feed(PlayoutCleared(utterance=playout.id))
            if not was_paused:
                self.resume()

    @property
    def playing(self) -> bool:
        """Whether anything queued was not heard to its end yet. Beds do not count."""
        return bool(self._open)

    # What lies under it.

    def lay_bed(self, bed: LegBed) -> None:
        """Let `bed` sound under everything, from now until it is over. Idempotent.

        The peer's buffer always holds up to `lead` of a bed. The first words after a silence do
        not wait behind it: it is taken back and sent again under them.

        Raises:
            LegClosed: the leg is over.
        """
        if self._close_reason is not None:
            msg = f"the leg is closed ({self._close_reason})"
            raise LegClosed(msg)
        if not self._beds:
            self._bed_over()
        if bed not in self._beds:
            self._beds += (bed,)
            self._wake()

    def lift_bed(self, bed: LegBed) -> None:
        """Let it sound no more, at once; a bed that fades out ends by itself. Idempotent."""
        self._beds = tuple(other for other in self._beds if other is not bed)
        if not self._beds:
            self._bed_over()

    # Closing.

    def close(self, reason: str = "we_closed") -> None:
        """End the leg now: what is queued is dropped. Idempotent."""
        if self._close_reason is None:
            self._shut(reason)
            self._over(reason)

    @property
    def closed(self) -> bool:
        """Whether the leg is over."""
        return self._close_reason is not None

    @property
    def linked(self) -> bool:
        """Whether there is a link: audio goes both ways."""
        return self._linked and self._close_reason is None

    async def wait_closed(self) -> str:
        """Wait until the leg is over; return why."""
        return await asyncio.shield(self._closed)

    # From the link (for subclasses).

    def _heard_audio(self, pcm: bytes) -> None:
        at = self._loop.time()
        for tap in self._taps["party"]:
            tap.tap_sound(pcm, at - len(pcm) / 2 / self.sample_rate)
        by_ear = self._inband_digits
        keys = by_ear.hear(pcm, at) if by_ear is not None else ()
        if by_ear is not None and by_ear.held:
            # A key's tone is no speech: detector and recogniser shall not take it for some.
            pcm = bytes(len(pcm))
        for listener in self._listeners:
            listener.audio_received(pcm, at)
        for digit in keys:
            self._tell_digit(digit, at)

    def _heard_digit(self, digit: str) -> None:
        at = self._loop.time()
        if self._inband_digits is None or self._inband_digits.report(digit, at):
            self._tell_digit(digit, at)

    def _tell_digit(self, digit: str, at: float) -> None:
        for listener in self._listeners:
            listener.digit_received(digit, at)

    def _mark_returned(self, mark: str) -> None:
        self._report_run()
        self._driver.feed(MarkPassed(mark=mark))

    def _link_over(self, reason: str) -> None:
        """The link has ended, and the leg with it unless it is to outlive its link."""
        if not self.outlives_link:
            self._over(reason)
        elif self.linked:
            # No mark comes back any more: what was not heard by now will not be.
            self.clear()
            self._linked = False
            self._stop_ticking()
            now = self._loop.time()
            self._tell_cut(now)
            self._bed_over()
            self._heard_until = self._speech_until = self._bed_until = now

    def _link_up(self) -> None:
        """There is a link again; what has waited is sent."""
        self.outlives_link = False
        self._linked = True
        self._wake()

    def _over(self, reason: str) -> None:
        """The link is gone, or we let it go. Tells everyone, once."""
        if self._close_reason is not None:
            return
        self._close_reason = reason
        self._report_run()
        self._to_send.clear()
        self._beds = ()
        self._bed_over()
        self._stop_ticking()
        self._driver.feed(PlayoutClosed())
        self._driver.close()
        now = self._loop.time()
        self._tell_cut(now)
        for tap in itertools.chain.from_iterable(tuple(self._taps.values())):
            tap.tap_closed()
        for listener in tuple(self._listeners):
            listener.leg_closed(reason)
        if not self._closed.done():
            self._closed.set_result(reason)

    # From playouts.

    def audio_written(self, playout: Playout, size: int) -> None:
        """More of an utterance is there to be sent."""
        self._driver.feed(AudioQueued(utterance=playout.id, ms=size / self._bytes_per_ms))
        self._wake()

    def playout_closed(self, playout: Playout) -> None:
        """An utterance is complete."""
        if playout.sent_whole:
            self._report_run()
        self._driver.feed(UtteranceClosed(utterance=playout.id))
        self._wake()

    def heard_ms(self, playout: Playout) -> float:
        """How much of an open utterance was heard until now."""
        self._report_run()
        return self._machine.heard_ms(playout.id, self._loop.time())

    def _signal(self, digits: str, playout: Playout) -> None:
        """Have the peer press each key in its time, as long as `playout` goes on."""

        def press(key: str) -> None:
            if not playout.done:
                self._send_digit(key)

        moment = 0.0
        for key in digits:
            if key not in "wW":
                self._loop.call_later(moment, press, key.upper())
            moment += len(dtmf_tones(key, self.sample_rate)) / 2 / self.sample_rate

    # Pacing.

    def _has_work(self) -> bool:
        work = self._beds or self._bed_rest or (self._to_send and not self._paused)
        return bool(work) and self._linked

    def _wake(self) -> None:
        if self._close_reason is not None or not self._has_work():
            return
        now = self._loop.time()
        if self._entry is not None:
            if not self._bed_is_in_the_way(now):
                return
            self._stop_ticking()
            self._drop(now)
        # After an underrun the peer may still play what is within the lead.
        self._next_due = max(now, self._heard_until)
        self._advance(now)
        if self._has_work():
            self._entry = Ticker.current().add(self._advance)

    def _bed_is_in_the_way(self, now: float) -> bool:
        """Whether new words would wait behind a bed, and nothing else is in the peer's buffer.

        Nothing else: an utterance whose end is not confirmed may still be playing there, if the
        peer lags behind our clock, and would lose its last word.
        """
        if self._paused or len(self._open) != 1 or not self._to_send:
            return False
        return (
            self.capabilities.clear
            and self._to_send[0].can_begin(self._frame_bytes)
            and self._heard_until - now > TICK
        )

    def _stop_ticking(self) -> None:
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    def _advance(self, deadline: float) -> None:
        """Send every frame whose time (less the lead) has come."""
        limit = deadline + self.lead + _LATE_TOLERANCE
        while self._next_due <= limit:
            if self._next_due < deadline - TICK:
                # A stall: the party heard a gap. Go on from now, in a run of its own.
                self._report_run()
                self._next_due = deadline
            speech = None if self._paused else self._next_speech()
            frame = None if speech is None else speech[1]
            if self._beds or self._bed_rest:
                bed = self._next_bed(speech=speech is not None)
                if speech is None or bed is None:
                    frame = frame or bed
                elif not speech[0].alone:
                    frame = mix((speech[1], bed))
            if frame is None:
                self._report_run()
                self._stop_ticking()
                return
            for tap in self._taps["heard"]:
                tap.tap_sound(frame, self._next_due)
            if speech is not None:
                for tap in self._taps["speech"]:
                    tap.tap_sound(speech[1], self._next_due)
            self._send_frame(frame)
            due = self._next_due
            self._next_due = self._heard_until = due + TICK
            if speech is None:
                self._report_run()
                self._bed_until = self._heard_until
            else:
                self._speech_until = self._heard_until
                # Not before the frame is sent: a mark belongs behind the audio it stands for.
                self._count(speech[0], speech[2], due)

    def _next_speech(self) -> tuple[Playout, bytes, int] | None:
        """Take the next frame of what is said: whose it is, and how many bytes are not padding."""
        while self._to_send:
            playout = self._to_send[0]
            before = playout.sent_bytes
            frame = playout.next_frame(self._frame_bytes)
            if frame is not None:
                return playout, frame, playout.sent_bytes - before
            if not playout.is_closed:
                return None
            self._to_send.popleft()
            self._report_run()
        return None

    def _next_bed(self, *, speech: bool) -> bytes | None:
        """Take the next frame of what lies under it, first what a clear took back."""
        size, rest = self._frame_bytes, self._bed_rest
        if len(rest) < size:
            frames: list[bytes] = []
            for bed in self._beds:
                frame = bed.next_frame(speech=speech)
                if frame is None:
                    self.lift_bed(bed)
                else:
                    frames.append(frame)
            if frames:
                rest += frames[0] if len(frames) == 1 else mix(frames)
            elif not rest:
                return None
        frame, self._bed_rest = rest[:size].ljust(size, b"\0"), rest[size:]
        self._bed_sent.append(frame)
        return frame

    def _bed_over(self) -> None:
        self._bed_rest = b""
        self._bed_sent.clear()

    def _count(self, playout: Playout, size: int, due: float) -> None:
        run = self._run
        if run is not None and run[0] is not playout:
            self._report_run()
            run = None
        if run is None:
            first = playout.sent_bytes == size
            # The machine does not know of a bed that lies in the peer's buffer before it.
            began = max(self._loop.time(), due - self.lead, self._bed_until)
            self._run = (playout, size, began)
            if first or playout.sent_whole:
                self._report_run()
            return
        total = run[1] + size
        self._run = (playout, total, run[2])
        if playout.sent_whole or total >= _RUN_FRAMES * self._frame_bytes:
            self._report_run()

    def _report_run(self) -> None:
        if self._run is not None:
            playout, size, began = self._run
            self._run = None
            ms = size / self._bytes_per_ms
            self._driver.feed(AudioSent(utterance=playout.id, ms=ms, began=began))

    def _hold(self) -> None:
        """Stop sending utterances, and go back to what was heard of them."""
        self._paused = True
        self._cut(PlayoutHeld())
        for playout in self._open.values():
            heard = self._machine.sent_ms(playout.id)
            playout.rewind(2 * round(heard * self._bytes_per_ms / 2))
        self._to_send = deque(p for p in self._open.values() if not p.sent_whole)

    def _cut(self, event: PlayoutHeld | PlayoutCleared) -> None:
        """Take back what the party has not heard, and tell the machine. `_wake` goes on."""
        self._report_run()
        self._stop_ticking()
        now = self._loop.time()
        if self._speech_until > now and self.capabilities.clear:
            self._drop(now)
        self._driver.feed(event)

    def _drop(self, now: float) -> None:
        """Let the peer drop what was not heard, and take back what of it was a bed."""
        self._send_clear()
        self._tell_cut(now)
        if self._beds:
            sent = b"".join(self._bed_sent)
            unheard = 2 * round((self._heard_until - now) * self.sample_rate)
            self._bed_rest = sent[max(0, len(sent) - unheard) :] + self._bed_rest
            self._bed_sent.clear()
        self._heard_until = self._speech_until = self._bed_until = now

    def _tell_cut(self, now: float) -> None:
        for tap in self._taps["heard"] + self._taps["speech"]:
            tap.tap_cut(now)

    def _obey(self, command: PlayoutCommand) -> None:
        match command:
            case PlaceMark():
                self._send_mark(command.mark)
            case UtteranceStarted():
                playout = self._open.get(command.utterance)
                if playout is not None:
                    playout.begin()
            case UtteranceFinished():
                playout = self._open.pop(command.utterance, None)
                if playout is not None:
                    playout.finish(
                        Played(
                            played_ms=command.played_ms,
                            total_ms=command.total_ms,
                            interrupted=command.interrupted,
                        )
                    )


class _FrameReader:
    """Puts frames on a queue for `Leg.frames`."""

    _MOST = 10_000 // FRAME_MS

    def __init__(self, queue: "asyncio.Queue[Frame | None]") -> None:
        self._queue = queue

    def audio_received(self, pcm: bytes, at: float) -> None:
        if self._queue.qsize() >= self._MOST:
            self._queue.get_nowait()
        self._queue.put_nowait(Frame(pcm, at))

    def digit_received(self, digit: str, at: float) -> None:
        """Not of interest here."""

    def leg_closed(self, reason: str) -> None:
        self._queue.put_nowait(None)

"""The two ends of an emulated call's sound: 20 ms frames of PCM16 at 8 kHz, both ways.

A call sits between the application (what its document plays, what its streams carry) and the far
end. Fifty times a second the call gives the far end the frame that it hears and takes the frame
that it speaks. The far end is a `Line`, held by a scripted party, or a `Trunk`, behind which is
another call of the same carrier.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from hookflash.audio.dtmf import DtmfDetector
from hookflash.audio.levels import rms_dbfs
from hookflash.audio.tones import dtmf_tones
from hookflash.errors import LegClosed, LinkTimeout, UsageError

__all__ = [
    "FRAME_SECONDS",
    "LOUD_DBFS",
    "RATE",
    "SILENCE",
    "FarLine",
    "Line",
    "Track",
    "Trunk",
    "cut",
    "keypad_frames",
]

RATE = 8000
"""Samples a second everywhere in the emulator."""

FRAME_SECONDS = 0.02
_FRAME_BYTES = 320

SILENCE = bytes(_FRAME_BYTES)
"""The silent frame. All silence that the emulator makes is this one object, so that it costs
nothing to record and is recognised without looking at it."""

LOUD_DBFS = -45.0
"""A frame above this level is taken for speech. Telephone speech is at -15 to -30 dBFS, the noise
of a quiet line below -55."""

# Speech, not a click: three frames in a row.
_SPEECH_FRAMES = 3
_KEYS = frozenset("0123456789*#ABCD")
_PAUSES = {"w": 0.5, "W": 1.0}


def cut(pcm: bytes) -> list[bytes]:
    """Cut PCM into frames; the last is padded with silence."""
    frames = [pcm[start : start + _FRAME_BYTES] for start in range(0, len(pcm), _FRAME_BYTES)]
    if frames and len(frames[-1]) < _FRAME_BYTES:
        frames[-1] = frames[-1].ljust(_FRAME_BYTES, b"\0")
    return [SILENCE if frame == SILENCE else frame for frame in frames]


def keypad_frames(digits: str, *, audible: bool) -> list[tuple[bytes, str]]:
    """Return the frames of keys pressed one after the other: 100 ms tone, 100 ms pause each.

    Args:
        digits: `0-9 * # A-D`; `w` and `W` pause 0.5 s and 1 s.
        audible: whether the frames hold the tones, or silence of the same length.

    Returns:
        Pairs of a frame and the key that begins in it, `""` for none.

    Raises:
        UsageError: another character.
    """
    pairs: list[tuple[bytes, str]] = []
    for digit in digits:
        if digit in _PAUSES:
            pairs += [(SILENCE, "")] * round(_PAUSES[digit] / FRAME_SECONDS)
            continue
        if digit not in _KEYS:
            msg = "a telephone has the keys 0-9 * # A B C D; w and W are pauses"
            raise UsageError(msg)
        # 100 ms on, 100 ms off: well over the 40 ms that ITU-T Q.24 asks receivers to accept.
        frames = cut(dtmf_tones(digit, RATE, tone_ms=100, gap_ms=100)) if audible else []
        frames += [SILENCE] * (10 - len(frames))
        pairs += [(frame, "" if place else digit) for place, frame in enumerate(frames)]
    return pairs


class FarLine(Protocol):
    """What a call knows of its far end's line."""

    on_key: Callable[[str], None]
    """Set by the call: the far end pressed a key."""
    on_words: Callable[[str], None]
    """Set by the call: the far end has said something whose words are known."""
    on_hang_up: Callable[[], None]
    """Set by the call: the far end put the phone down."""
    takes_keys: bool
    """Whether keys sent by the carrier reach the far end as keys, without being heard."""

    def tick(self, heard: bytes, deadline: float) -> bytes:
        """Take the frame that the far end hears; return the one that it speaks."""
        ...

    def key(self, digit: str) -> None:
        """The carrier sends a key to the far end, if it `takes_keys`."""
        ...

    def close(self) -> None:
        """The call is over."""
        ...


class Track:
    """One direction of a line: what was heard, or spoken, since the call was answered."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self.began_at: float | None = None
        """When the first frame crossed, in the loop's seconds."""

    def append(self, frame: bytes, deadline: float) -> None:
        """Put a frame at its place; if frames before it are missing, they were silent."""
        if self.began_at is None:
            self.began_at = deadline
        missing = round((deadline - self.began_at) / FRAME_SECONDS) - len(self._frames)
        if missing > 0:
            self._frames += [SILENCE] * missing
        self._frames.append(frame)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self._frames) * FRAME_SECONDS

    def pcm(self, since: float = 0.0, until: float | None = None) -> bytes:
        """Return the sound between two times, in seconds since the answer, by whole frames."""
        end = None if until is None else round(until / FRAME_SECONDS)
        return b"".join(self._frames[round(since / FRAME_SECONDS) : end])

    def speech(
        self, *, gap: float = 0.3, louder_than: float = LOUD_DBFS
    ) -> list[tuple[float, float]]:
        """Return when there was sound: beginnings and ends in seconds since the answer.

        Args:
            gap: silence up to this long does not divide, in seconds.
            louder_than: dBFS of a frame that counts as sound.
        """
        spans: list[tuple[int, int]] = []
        allowed = round(gap / FRAME_SECONDS)
        for place, frame in enumerate(self._frames):
            if frame is SILENCE or rms_dbfs(frame) <= louder_than:
                continue
            if spans and place - spans[-1][1] <= allowed:
                spans[-1] = (spans[-1][0], place + 1)
            else:
                spans.append((place, place + 1))
        return [
            (round(start * FRAME_SECONDS, 3), round(end * FRAME_SECONDS, 3)) for start, end in spans
        ]

    def digits(self) -> str:
        """Return the keys whose tones are in the sound."""
        detector = DtmfDetector(RATE)
        return "".join(found.digit for frame in self._frames for found in detector.push(frame))

    def since(self, place: int) -> list[bytes]:
        """Return the frames from a place on."""
        return self._frames[place:]

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._frames)


def _ignore_text(_text: str) -> None:
    """Stand in until the call is attached."""


def _ignore_hang_up() -> None:
    """Stand in until the call is attached."""


class Line:
    """A telephone in a scripted party's hand, off the hook from the answer on.

    The `wait_...` methods raise `LegClosed` when the call ends while they wait, and `LinkTimeout`
    when what they wait for does not come. A script need not catch `LegClosed`: the other side
    hanging up ends a script quietly.
    """

    takes_keys = False

    def __init__(
        self,
        speak: Callable[[str, str | None], Awaitable[bytes]],
        *,
        voice: str | None = None,
        keys_audible: bool = False,
        recorded: bool = True,
    ) -> None:
        """Made by the emulator.

        Args:
            speak: makes sound of text.
            voice: how the party sounds, unless it says otherwise.
            keys_audible: whether the tones of pressed keys are also in the sound.
            recorded: whether `heard` and `spoke` are kept.
        """
        self.on_key: Callable[[str], None] = _ignore_text
        self.on_words: Callable[[str], None] = _ignore_text
        self.on_hang_up: Callable[[], None] = _ignore_hang_up
        self.heard = Track()
        """What the party heard."""
        self.spoke = Track()
        """What the party said, on the same time scale."""
        self._speak = speak
        self._voice = voice
        self._keys_audible = keys_audible
        self._recorded = recorded
        self._mouth: deque[tuple[bytes, str]] = deque()
        # What was said, by how many frames are out when it was.
        self._words: deque[tuple[int, str]] = deque()
        self._queued = 0
        self._sent = 0
        self._played = 0
        self._loud_run = 0
        self._quiet_run = 0
        self._was_spoken_to = False
        self._closed = False
        self._detector: DtmfDetector | None = None
        self._digits_heard = ""
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    # For the script.

    @property
    def closed(self) -> bool:
        """Whether the call is over."""
        return self._closed

    async def say(
        self, what: bytes | str, *, voice: str | None = None, words: str | None = None
    ) -> None:
        """Speak, and return when it has been said (or dropped by `hush`).

        Args:
            what: PCM16 mono at 8 kHz, or text for the emulator's voice.
            voice: the voice for text; the party's own if None.
            words: what `<Gather input="speech">` understands; of text, the text itself if None.

        Raises:
            LegClosed: the call is over.
        """
        pcm = await self._speak(what, voice or self._voice) if isinstance(what, str) else what
        self._enqueue([(frame, "") for frame in cut(pcm)])
        if words is None and isinstance(what, str):
            words = what.strip()
        if words:
            self._words.append((self._queued, words))
        await self.wait_said()

    def press(self, digits: str) -> None:
        """Press keys, behind what is being said: 100 ms each and 100 ms between.

        Args:
            digits: `0-9 * # A-D`; `w` and `W` pause 0.5 s and 1 s.

        Raises:
            UsageError: another character.
            LegClosed: the call is over.
        """
        self._enqueue(keypad_frames(digits, audible=self._keys_audible))

    def hush(self) -> None:
        """Stop speaking and pressing at once."""
        self._mouth.clear()
        self._words.clear()
        self._sent = self._queued

    def hang_up(self) -> None:
        """Put the phone down, even in the middle of a word. Idempotent."""
        if not self._closed:
            self.on_hang_up()

    async def wait(self, seconds: float) -> None:
        """Do nothing for a time.

        Raises:
            LegClosed: the call is over.
        """
        try:
            await self._until(lambda: False, seconds, "")
        except LinkTimeout:
            return

    async def wait_said(self) -> None:
        """Wait until everything queued by `say` and `press` is out.

        Raises:
            LegClosed: the call is over.
        """
        end = self._queued
        await self._until(lambda: self._played >= end, None, "")

    async def wait_speech(self, timeout: float = 10.0) -> None:
        """Wait until the other side is audibly speaking (60 ms above -45 dBFS).

        Raises:
            LinkTimeout: it did not speak in `timeout` seconds.
            LegClosed: the call is over.
        """
        await self._until(
            lambda: self._loud_run >= _SPEECH_FRAMES, timeout, "the other side said nothing"
        )

    async def wait_quiet(self, after: float = 0.7, timeout: float = 30.0) -> None:
        """Wait until the other side has spoken, and then was silent for a while.

        What it said before the party's own last word or key does not count, nor what a former
        `wait_quiet` has already waited for.

        Args:
            after: how long it must be silent, in seconds. Speech pauses for up to half a second.
            timeout: in seconds.

        Raises:
            LinkTimeout: that did not happen in `timeout` seconds.
            LegClosed: the call is over.
        """
        frames = round(after / FRAME_SECONDS)
        await self._until(
            lambda: self._was_spoken_to and self._quiet_run >= frames,
            timeout,
            "the other side did not speak and fall silent",
        )
        self._was_spoken_to = False

    async def wait_digits(self, count: int, timeout: float = 10.0) -> str:
        """Wait until keys were heard as tones; return all heard since the answer.

        Raises:
            LinkTimeout: fewer than `count` came in `timeout` seconds.
            LegClosed: the call is over.
            UsageError: the emulator does not keep what its lines hear.
        """
        if not self._recorded:
            msg = "hearing keys needs EmulatorSettings(record_lines=True)"
            raise UsageError(msg)
        if self._detector is None:
            self._detector = DtmfDetector(RATE)
            for frame in self.heard.since(0):
                self._listen_for_keys(frame)
        await self._until(lambda: len(self._digits_heard) >= count, timeout, "too few keys came")
        return self._digits_heard

    async def wait_end(self, timeout: float = 60.0) -> None:
        """Wait until the call is over.

        Raises:
            LinkTimeout: it went on for `timeout` seconds.
        """
        try:
            await self._until(lambda: False, timeout, "the call did not end")
        except LegClosed:
            return

    # For the call.

    def tick(self, heard: bytes, deadline: float) -> bytes:
        """Take the frame that the party hears; return the one that it speaks."""
        self._played = self._sent
        if heard is not SILENCE and rms_dbfs(heard) > LOUD_DBFS:
            self._quiet_run = 0
            self._loud_run += 1
            if self._loud_run >= _SPEECH_FRAMES:
                self._was_spoken_to = True
        else:
            self._loud_run = 0
            self._quiet_run += 1
        if self._detector is not None:
            self._listen_for_keys(heard)
        frame = SILENCE
        if self._mouth:
            frame, digit = self._mouth.popleft()
            self._sent += 1
            if digit:
                self.on_key(digit)
            if not self._mouth:
                self._was_spoken_to = False
            while self._words and self._words[0][0] <= self._sent:
                self.on_words(self._words.popleft()[1])
        if self._recorded:
            self.heard.append(heard, deadline)
            self.spoke.append(frame, deadline)
        for condition, future in self._waiters:
            if not future.done() and condition():
                future.set_result(None)
        return frame

    def key(self, digit: str) -> None:
        """Ignored: the party hears the tones."""

    def close(self) -> None:
        """The call is over; whoever waits is told."""
        self._closed = True
        for _, future in self._waiters:
            if not future.done():
                future.set_exception(LegClosed("the call is over"))

    def _enqueue(self, pairs: list[tuple[bytes, str]]) -> None:
        if self._closed:
            msg = "the call is over"
            raise LegClosed(msg)
        self._mouth.extend(pairs)
        self._queued += len(pairs)

    def _listen_for_keys(self, frame: bytes) -> None:
        assert self._detector is not None
        for found in self._detector.push(frame):
            self._digits_heard += found.digit

    async def _until(
        self, condition: Callable[[], bool], timeout: float | None, failure: str
    ) -> None:
        if self._closed:
            msg = "the call is over"
            raise LegClosed(msg)
        if condition():
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (condition, future)
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            msg = f"{failure} in {timeout} s"
            raise LinkTimeout(msg) from None
        finally:
            self._waiters.remove(waiter)


class Trunk:
    """One end of the wire between two calls of the same carrier: each is the other's far end."""

    takes_keys = True
    # Both calls tick 50 times a second, but not together; more than this is a stalled peer.
    _DEPTH = 5

    def __init__(self) -> None:
        """Make both ends; `peer` is the other one."""
        self.on_key: Callable[[str], None] = _ignore_text
        self.on_words: Callable[[str], None] = _ignore_text
        self.on_hang_up: Callable[[], None] = _ignore_hang_up
        self._inbox: deque[bytes] = deque(maxlen=self._DEPTH)
        self.peer: Trunk = self

    @classmethod
    def pair(cls) -> "tuple[Trunk, Trunk]":
        """Return two ends of one wire."""
        near, far = cls(), cls()
        near.peer, far.peer = far, near
        return near, far

    def tick(self, heard: bytes, deadline: float) -> bytes:
        """Send a frame to the other call; return one of its."""
        self.peer._inbox.append(heard)  # noqa: SLF001  # the other end of the same wire
        return self._inbox.popleft() if self._inbox else SILENCE

    def key(self, digit: str) -> None:
        """Press a key for the other call."""
        self.peer.on_key(digit)

    def close(self) -> None:
        """Our call is over; so is the other."""
        self.peer.on_hang_up()

"""Ears that stand in for each other, in the middle of what the caller says if need be."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Unpack

import msgspec

from hookflash.errors import HookflashError, LinkError
from hookflash.events.turn import ExpectationSet
from hookflash.providers.base import STT, Hearing, Transcript
from hookflash.providers.chat import ToolSchema
from hookflash.providers.fallback.base import (
    Fallback,
    HealthOptions,
    Slot,
    is_request,
    positive,
    reason_for,
)
from hookflash.runtime import clock

__all__ = ["FallbackHearing", "FallbackSTT"]

_log = logging.getLogger("hookflash.providers")

_CLOSE_WITHIN = 1.0


class FallbackSTT(Fallback[STT], STT):
    """Several recognisers, the best first: what one did not hear to the end, the next hears.

    The audio since the last final transcript is kept and replayed to the next recogniser, so that
    no words are lost; partial transcripts that say no more than those given before are left out,
    so that none come twice. A call stays with the recogniser that it fell back to; others are
    served by the first one again as soon as it works.

    A recogniser hangs if nothing comes of a flush in time. One that says nothing about noise
    (rather than a final transcript without text) would seem to hang: give it
    `reaction_timeout=None`.
    """

    stage = "stt"

    def __init__(
        self,
        providers: Sequence[STT],
        *,
        reaction_timeout: float | None = 10.0,
        keep_seconds: float = 15.0,
        prepare_timeout: float = 30.0,
        **health: Unpack[HealthOptions],
    ) -> None:
        """Take the recognisers.

        Args:
            providers: the best first.
            reaction_timeout: seconds within which some transcript must follow the end of speech;
                None waits for ever.
            keep_seconds: how much audio is kept for the next recogniser; of a longer segment the
                beginning is lost when one fails.
            prepare_timeout: seconds within which a recogniser must be prepared.
            **health: when a recogniser is left alone, and for how long: `BreakerConfig`.

        Raises:
            UsageError: no recogniser, one twice, or something else.
            ConfigError: a number is out of its range.
        """
        super().__init__(providers, STT, prepare_timeout=prepare_timeout, health=health)
        self.reaction_timeout = reaction_timeout
        if reaction_timeout is not None:
            positive("reaction_timeout", reaction_timeout)
        self.prepare_timeout = prepare_timeout
        self.keep_seconds = positive("keep_seconds", keep_seconds)

    def variant(self, *, language: str) -> "FallbackSTT":
        """Return the same recognisers for another language, without those that do not know it.

        Raises:
            UsageError: none knows it.
        """
        return self.variants(lambda stt: stt.variant(language=language))

    def listen(self, sample_rate: int) -> "FallbackHearing":
        """Open a stream for one call. A recogniser is opened when `transcripts` is read."""
        return FallbackHearing(self, sample_rate)


class FallbackHearing(Hearing):
    """One call's stream. Made by `FallbackSTT.listen`."""

    def __init__(self, stt: FallbackSTT, sample_rate: int) -> None:
        """Begin to keep audio."""
        self._stt = stt
        self._rate = sample_rate
        self._segment = _Segment(round(stt.keep_seconds * sample_rate) * 2)
        self._expectation: tuple[ExpectationSet, Sequence[ToolSchema]] | None = None
        self._inner: Hearing | None = None
        self._begin = 0
        """Where in the audio the inner stream began."""
        self._closed = False
        self._broken: HookflashError | None = None
        self._asked_at: float | None = None
        """When the final that has not come was asked for."""
        self._stirred_at: float | None = None
        """When anything last came since then."""
        self._limit: asyncio.Timeout | None = None
        self._final_unasked = False
        self._partial: list[str] = []
        self._given: list[str] = []

    def push(self, pcm: bytes) -> None:
        """Keep the audio, and pass it on."""
        self._segment.push(pcm)
        self._tell(lambda hearing: hearing.push(pcm))

    def flush(self) -> None:
        """Ask for the final words of what was pushed so far."""
        # A recogniser that ends segments by itself may have given its words before we ask.
        answered = self._final_unasked and not self._partial
        self._final_unasked = False
        if not answered:
            self._segment.flush()
            if self._inner is not None and self._asked_at is None:
                self._asked_at = self._stirred_at = clock.now()
                self._wake_at(self._deadline())
        self._tell(lambda hearing: hearing.flush())

    def expect(self, expectation: ExpectationSet, tools: Sequence[ToolSchema] = ()) -> None:
        """Pass it on, now and to each recogniser that takes over."""
        self._expectation = (expectation, tools)
        self._tell(lambda hearing: hearing.expect(expectation, tools))

    async def transcripts(self) -> AsyncGenerator[Transcript, None]:
        """Iterate over transcripts of whichever recogniser works.

        Raises:
            HookflashError: the last recogniser that was asked failed.
        """
        tried: list[Slot[STT]] = []
        failure: HookflashError | None = None
        while not self._closed:
            slot = self._stt.next_slot(tried)
            if slot is None:
                assert failure is not None
                raise failure
            tried.append(slot)
            try:
                async with aclosing(self._hear(slot)) as found:
                    async for transcript in found:
                        if transcript.final:
                            # It has come further with it, so the others may be asked again.
                            tried = [slot]
                        yield transcript
            except HookflashError as exc:
                failure = exc

    async def aclose(self) -> None:
        """End the stream. Idempotent."""
        self._closed = True
        inner, self._inner = self._inner, None
        if inner is not None:
            await _close(inner)

    async def _hear(self, slot: Slot[STT]) -> AsyncGenerator[Transcript, None]:
        """Hear with one recogniser until it fails or the stream is closed."""
        with slot.health.attempt(self._stt.review) as attempt:
            try:
                async with asyncio.timeout(self._stt.prepare_timeout):
                    await slot.prepare()
                if self._closed:
                    return
                hearing = self._inner = slot.provider.listen(self._rate)
                try:
                    self._catch_up(hearing)
                    found = hearing.transcripts()
                    judged = False
                    while (transcript := await self._next(found)) is not None:
                        waited = self._waited() if transcript.final else None
                        if waited is not None or not judged:
                            judged = True
                            attempt.succeeded(waited)
                        if (fresh := self._take(transcript)) is not None:
                            yield fresh
                finally:
                    self._inner = None
                    await _close(hearing)
                if not self._closed:
                    msg = f"{slot.name} ended its stream"
                    raise LinkError(msg)
            except Exception as exc:
                if is_request(exc):
                    raise
                error = reason_for(exc, slot.name)
                attempt.failed(error)
                raise error from exc

    def _catch_up(self, hearing: Hearing) -> None:
        """Tell a new recogniser what is expected, and let it hear what has no final yet."""
        self._broken = None
        self._given, self._partial = self._partial or self._given, []
        self._final_unasked = False
        self._begin = self._segment.begin
        if self._expectation is not None:
            hearing.expect(*self._expectation)
        for pcm in self._segment.replay():
            if pcm is None:
                hearing.flush()
            else:
                hearing.push(pcm)
        self._asked_at = self._stirred_at = clock.now() if self._segment.asked else None

    async def _next(self, found: AsyncIterator[Transcript]) -> Transcript | None:
        """Return the next transcript, None at the end.

        Raises:
            TimeoutError: nothing came of a flush in time.
        """
        if self._broken is None:
            try:
                async with asyncio.timeout_at(self._deadline()) as self._limit:
                    return await anext(found, None)
            except TimeoutError:
                if self._broken is None:
                    raise
            finally:
                self._limit = None
        raise self._broken

    def _waited(self) -> float | None:
        return None if self._asked_at is None else clock.now() - self._asked_at

    def _deadline(self) -> float | None:
        within = self._stt.reaction_timeout
        return None if within is None or self._stirred_at is None else self._stirred_at + within

    def _wake_at(self, moment: float | None) -> None:
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(moment)

    def _tell(self, order: Callable[[Hearing], None]) -> None:
        """Let the recogniser do what must not fail."""
        if self._inner is not None and self._broken is None:
            try:
                order(self._inner)
            except Exception as exc:  # noqa: BLE001  # judged in `_hear`; nobody here can help it
                self._broken = reason_for(exc, type(self._inner).__name__)
                self._wake_at(clock.now())

    def _take(self, found: Transcript) -> Transcript | None:
        """Note what came; return it in the time of the whole stream, or None if it is no news."""
        shift = self._begin / (2 * self._rate)
        fresh = msgspec.structs.replace(
            found,
            start=None if found.start is None else found.start + shift,
            end=None if found.end is None else found.end + shift,
        )
        if found.final:
            self._final_unasked = not self._segment.asked
            self._segment.settle(None if fresh.end is None else round(fresh.end * self._rate) * 2)
            self._asked_at = self._stirred_at = None
            self._partial, self._given = [], []
            return fresh
        if self._stirred_at is not None:
            self._stirred_at = clock.now()
        words = found.text.casefold().split()
        if words == self._given[: len(words)]:
            return None
        self._partial, self._given = words, []
        return fresh


class _Segment:
    """The audio that has no final transcript yet, and where in it finals were asked for.

    Positions are bytes from the start of the stream.

    Attributes:
        begin: where the kept audio begins.
    """

    def __init__(self, most: int) -> None:
        """Keep at most so many bytes."""
        self.begin = 0
        self._end = 0
        self._most = most
        self._audio: deque[bytes] = deque()
        self._flushes: list[int] = []

    @property
    def asked(self) -> bool:
        """Whether a final was asked for that has not come."""
        return bool(self._flushes)

    def push(self, pcm: bytes) -> None:
        """Keep the next audio."""
        self._audio.append(pcm)
        self._end += len(pcm)
        self._drop(self._end - self._most)

    def flush(self) -> None:
        """A final is asked for here."""
        self._flushes.append(self._end)

    def settle(self, position: int | None) -> None:
        """All up to here has its final; None: up to the last flush, or all, if there was none."""
        if position is None:
            position = self._flushes[-1] if self._flushes else self._end
        self._flushes.clear()
        self._drop(position)

    def replay(self) -> Iterator[bytes | None]:
        """Iterate over the audio kept; None stands for each flush."""
        position = self.begin
        flushes = deque(self._flushes)
        for pcm in tuple(self._audio):
            while flushes and flushes[0] <= position:
                flushes.popleft()
                yield None
            yield pcm
            position += len(pcm)
        for _ in flushes:
            yield None

    def _drop(self, position: int) -> None:
        """Let go of whole pieces that end here or before."""
        while self._audio and self.begin + len(self._audio[0]) <= position:
            self.begin += len(self._audio.popleft())


async def _close(hearing: Hearing) -> None:
    """Close a recogniser's stream; one that has failed may fail at that, too."""
    try:
        async with asyncio.timeout(_CLOSE_WITHIN):
            await hearing.aclose()
    except Exception as exc:  # noqa: BLE001  # nothing depends on it any more; it is logged
        _log.warning("%s could not be closed: %s", type(hearing).__name__, type(exc).__name__)

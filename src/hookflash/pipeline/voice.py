"""The speaking half of a session: words in as they are thought, speech out, words heard back."""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from weakref import WeakKeyDictionary

import msgspec

from hookflash.audio.frames import duration_ms
from hookflash.errors import HookflashError, LinkTimeout, ProviderError, UsageError
from hookflash.legs.base import Leg, Played, Playout
from hookflash.pipeline.heard import HeardText
from hookflash.pipeline.hooks import TTS_AUDIO, TTS_WORDS, RunningHooks
from hookflash.pipeline.sentences import SentenceSplitter
from hookflash.pipeline.wording import SpokenText, TextForSpeech
from hookflash.providers.base import TTS
from hookflash.runtime.tasks import TaskOwner

__all__ = ["Speaking", "Spoken", "Synthesis", "Voice", "synthesis_error"]

_log = logging.getLogger("hookflash.pipeline")

# How much synthesised speech may wait to be played: enough for any network, little to throw away.
_AHEAD_MS = 8_000.0
# A synthesiser that gives more audio than this for a text has lost its way.
_MOST_MS = 10_000.0
_MOST_MS_PER_LETTER = 500.0
# What a chunk counts for, however little is in it.
_CHUNK_MS = 1.0


class Synthesis(msgspec.Struct, kw_only=True):
    """What the synthesiser did for an utterance. Moments are seconds of the loop's clock.

    Attributes:
        provider: its name.
        began: when it was given the first text.
        ended: when the last audio came, as of now.
        first_audio: when the first did.
        characters: how many it was given.
        audio_ms: how much audio it made.
    """

    provider: str
    began: float
    ended: float
    first_audio: float | None = None
    characters: int = 0
    audio_ms: float = 0.0

    def add(self, ms: float, at: float) -> None:
        """So much more audio came at `at`."""
        self.ended = at
        self.audio_ms += ms
        if self.first_audio is None:
            self.first_audio = at


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an utterance.

    Attributes:
        said: all the words that were to be said, as far as they were known.
        heard: the words that the party heard.
        played: how much of the audio.
        error: why the rest was not said, if the synthesiser failed.
        synthesis: what the synthesiser did, if it was asked.
    """

    said: str
    heard: str
    played: Played
    error: HookflashError | None = None
    synthesis: Synthesis | None = None


class Speaking:
    """One utterance being said. Made by `Voice`; await `spoken()` to learn what was heard."""

    def __init__(
        self,
        voice: "Voice",
        owner: TaskOwner,
        *,
        on_begin: Callable[[], None] | None,
        audio: bytes | AsyncIterable[bytes] | None = None,
    ) -> None:
        """Queue it on the voice's leg."""
        self._voice = voice
        self._playout: Playout = voice.leg.play()
        wording = voice.wording
        self._splitter = wording.splitter() if wording else SentenceSplitter()
        self._reword = wording.begin().take if wording else SpokenText.plain
        self._heard = HeardText()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._text = ""
        self._error: HookflashError | None = None
        self._ready_ms: float | None = None
        self._ready_whole = False
        self._stopped = False
        self._synthesis: Synthesis | None = None
        self._work = owner.start(self._synthesise(audio), name=f"speak {self._playout.id}")
        if on_begin is not None:
            owner.start(self._tell_begin(on_begin), name=f"begin {self._playout.id}")

    def push(self, text: str) -> None:
        """Add words."""
        self._text += text
        for piece in self._splitter.push(text):
            self._pieces.put_nowait(piece)

    def finish(self, *, drop_unfinished: bool = False) -> None:
        """No more words follow; `drop_unfinished` leaves out a sentence that has no end."""
        for piece in () if drop_unfinished else self._splitter.flush():
            self._pieces.put_nowait(piece)
        self._pieces.put_nowait(None)

    def stop(self) -> None:
        """Hush now; what was not heard is dropped. Idempotent."""
        if not self._stopped:
            self._stopped = True
            self._work.cancel()
            self._playout.cancel()

    @property
    def said(self) -> str:
        """All the words until now."""
        return self._text.strip()

    @property
    def heard(self) -> str:
        """The words that the party has heard until now."""
        return self._words.heard(self._playout.played_ms)

    @property
    def begun(self) -> bool:
        """Whether the party has begun to hear it."""
        return self._playout.played_ms > 0

    async def spoken(self) -> Spoken:
        """Wait until nothing more of it will be heard."""
        await asyncio.wait([self._work])
        self._playout.close()
        played = await self._playout
        cut = played.interrupted or self._error is not None
        heard = self._words.heard(played.played_ms) if cut else self._words.full
        return Spoken(
            said=self.said,
            heard=heard,
            played=played,
            error=self._error,
            synthesis=self._synthesis,
        )

    @property
    def _words(self) -> HeardText:
        """The words beside their audio; of ready-made audio, as far as both have come."""
        if self._ready_ms is None:
            return self._heard
        whole = HeardText()
        whole.add(self.said, self._ready_ms, complete=self._ready_whole)
        return whole

    async def _tell_begin(self, on_begin: Callable[[], None]) -> None:
        await self._playout.wait_started()
        if self.begun or not self._playout.done:
            on_begin()

    async def _synthesise(self, audio: bytes | AsyncIterable[bytes] | None) -> None:
        try:
            if audio is not None:
                await self._use(audio)
                return
            while (piece := await self._pieces.get()) is not None:
                await self._room(self._heard.total_ms)
                await self._say(piece)
        except HookflashError as exc:
            self._error = exc
        except Exception as exc:  # noqa: BLE001  # a provider's bug: the caller must hear something
            self._error = synthesis_error(exc)
        finally:
            self._playout.close()

    async def _use(self, audio: bytes | AsyncIterable[bytes]) -> None:
        """Play ready-made audio; the words pushed, before it or beside it, are what it says."""
        rate = self._voice.leg.sample_rate
        self._ready_ms = 0.0
        async for pcm in _in_parts(audio):
            await self._room(self._ready_ms)
            self._ready_ms += duration_ms(pcm, rate)
            self._write(pcm)
        self._ready_whole = True
        while await self._pieces.get() is not None:
            pass

    def _write(self, pcm: bytes) -> None:
        self._playout.write(self._voice.hooks.plain(TTS_AUDIO, pcm))

    async def _room(self, ready_ms: float) -> None:
        """Wait while enough is ready ahead of what was heard."""
        while (ahead := ready_ms - self._playout.played_ms) > _AHEAD_MS:  # noqa: ASYNC110
            # What is heard is known by the clock, so there is no event to wait for.
            # A frame at least: a rest that rounding leaves would make no time pass.
            await asyncio.sleep(max((ahead - _AHEAD_MS) / 1000, 0.02))

    async def _say(self, piece: str) -> None:
        rate = self._voice.leg.sample_rate
        tts, within = self._voice.tts, self._voice.first_audio_within
        if tts is None:
            msg = "there is no synthesiser"
            raise UsageError(msg)
        loop = asyncio.get_running_loop()
        worded = self._reword(piece)
        self._heard.add(worded, complete=False)
        words = await self._voice.hooks.run(TTS_WORDS, worded.spoken.strip())
        if not words:
            # A line of marks, such as the fence around code.
            return
        made = self._synthesis
        if made is None:
            now = loop.time()
            made = self._synthesis = Synthesis(provider=tts.name, began=now, ended=now)
        made.characters += len(words)
        half, audible = b"", 0.0
        most = _MOST_MS + _MOST_MS_PER_LETTER * len(words)
        async with aclosing(tts.speak(words, rate)) as chunks:
            while True:
                try:
                    async with asyncio.timeout(within):
                        chunk = await anext(chunks, None)
                except TimeoutError as exc:
                    msg = f"no audio within {within:.1f} s"
                    raise LinkTimeout(msg) from exc
                if chunk is None:
                    break
                pcm = half + chunk.pcm
                pcm, half = pcm[: len(pcm) & ~1], pcm[len(pcm) & ~1 :]
                length = duration_ms(pcm, rate)
                audible += length
                most -= length + _CHUNK_MS
                if most < 0:
                    msg = f"{tts.name} does not end"
                    raise ProviderError(msg)
                made.add(length, loop.time())
                self._heard.extend(length, chunk.words)
                self._write(pcm)
        if not audible and any(sign.isalnum() for sign in words):
            msg = f"{tts.name} gave no audio"
            raise ProviderError(msg, retryable=True)
        self._heard.extend(0, complete=True)


class Voice:
    """Speaks on one leg with one synthesiser."""

    def __init__(
        self,
        leg: Leg,
        tts: TTS | None,
        *,
        first_audio_within: float,
        hooks: RunningHooks,
        wording: TextForSpeech | None = None,
    ) -> None:
        """Know everybody.

        Args:
            leg: who shall hear it.
            tts: prepared; None speaks ready-made audio only.
            first_audio_within: seconds within which each sentence's next audio must come.
            hooks: see words before they are synthesised, and the audio.
            wording: what is said for what is written, before the hooks see it; None says it as
                it is written.
        """
        self.leg = leg
        self.tts = tts
        self.first_audio_within = first_audio_within
        self.hooks = hooks
        self.wording = wording

    def begin(
        self,
        owner: TaskOwner,
        *,
        on_begin: Callable[[], None] | None = None,
        audio: bytes | AsyncIterable[bytes] | None = None,
    ) -> Speaking:
        """Begin an utterance behind those queued on the leg; `push` its words, then `finish`.

        Args:
            owner: whose tasks do the work.
            on_begin: called when the party begins to hear it.
            audio: ready-made PCM16 at the leg's sample rate, instead of synthesis, whole or as
                it comes.

        Raises:
            LegClosed: the leg is over.
        """
        return Speaking(self, owner, on_begin=on_begin, audio=audio)

    async def render_once(self, text: str) -> bytes:
        """Synthesise a text whole, or find it rendered before by this synthesiser.

        Returns:
            PCM16 at the leg's sample rate.

        Raises:
            UsageError: there is no synthesiser.
            ProviderError, LinkError: it failed.
        """
        text, rate = self._spoken(text), self.leg.sample_rate
        rendered = {} if self.tts is None else _rendered.setdefault(self.tts, {})
        if (text, rate) not in rendered:
            rendered[text, rate] = await self._synthesised(text)
        return rendered[text, rate]

    async def render(self, text: str) -> bytes:
        """Synthesise a text whole, anew each time; as `render_once`."""
        return await self._synthesised(self._spoken(text))

    def _spoken(self, text: str) -> str:
        return text if self.wording is None else self.wording.of(text).spoken

    async def _synthesised(self, text: str) -> bytes:
        if self.tts is None:
            msg = "there is no synthesiser"
            raise UsageError(msg)
        parts: list[bytes] = []
        async with aclosing(self.tts.speak(text, self.leg.sample_rate)) as chunks:
            async for chunk in chunks:
                parts.append(chunk.pcm)
        pcm = b"".join(parts)
        if len(pcm) < 2:
            msg = f"{self.tts.name} gave no audio"
            raise ProviderError(msg, retryable=True)
        return pcm[: len(pcm) & ~1]


def synthesis_error(exc: Exception) -> HookflashError:
    """Return what a synthesiser raised as one of our errors; log it if it is a bug of it."""
    if isinstance(exc, HookflashError):
        return exc
    _log.error("the synthesiser's provider raised", exc_info=exc)
    error = ProviderError(f"{type(exc).__name__} in the synthesiser's provider")
    error.__cause__ = exc
    return error


async def _in_parts(audio: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(audio, bytes):
        yield audio
        return
    async for pcm in audio:
        yield pcm


# What was rendered once serves all later calls; it goes when its synthesiser goes.
_rendered: "WeakKeyDictionary[TTS, dict[tuple[str, int], bytes]]" = WeakKeyDictionary()

"""Speech that was synthesised once is there at once the next time, for all calls."""

import asyncio
import copy
import hashlib
import logging
import os
import tempfile
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from pathlib import Path

import msgspec

from hookflash.errors import ConfigError, LinkError, UsageError
from hookflash.providers.base import TTS, ProviderSwitch, SpeechChunk, WordTime
from hookflash.runtime.tasks import TaskOwner

__all__ = ["TTSAudioCache"]

_log = logging.getLogger("hookflash.providers")

_SUFFIX = ".speech"
# What a file begins with, and then the SHA-256 of what follows.
_MAGIC = b"hookflash speech 1\n"
_DIGEST_BYTES = 32


class _Entry(msgspec.Struct, frozen=True):
    """One text as it was spoken: PCM16, and its words with the milliseconds at which they end."""

    pcm: bytes
    words: tuple[tuple[str, float], ...]

    def as_chunk(self) -> SpeechChunk:
        """Return it in one piece."""
        words = tuple(WordTime(word=word, end_ms=end_ms) for word, end_ms in self.words)
        return SpeechChunk(pcm=self.pcm, words=words)


class TTSAudioCache(TTS):
    """A synthesiser that keeps what another one speaks, in memory and, if you like, on disk.

    Kept is what was spoken whole; the least recently used goes first. When several calls want the
    same text at the same time it is synthesised once, and all get it as it comes; one that is
    interrupted takes nothing from the others, and when all are, the synthesis ends.

    Texts are kept by the synthesiser's `identity` and the sample rate. Wrap each voice of a
    `FallbackTTS` rather than the whole, so that each keeps its own.
    """

    def __init__(
        self,
        tts: TTS,
        *,
        max_entries: int = 128,
        max_bytes: int = 64_000_000,
        directory: Path | str | None = None,
        max_disk_bytes: int = 1_000_000_000,
    ) -> None:
        """Keep what `tts` speaks.

        Args:
            tts: the synthesiser.
            max_entries: how many texts are kept in memory, 1 or more.
            max_bytes: how much audio is kept in memory, 1 or more; a minute at 8 kHz is 960,000.
            directory: where they are kept on disk as well, for later processes and other ones;
                None keeps them in memory only. It is made if need be, and belongs to the cache.
                What your agent says can be read from it.
            max_disk_bytes: how much is kept there, 1 or more.

        Raises:
            ConfigError: a number is out of its range, or the directory is a file.
            UsageError: the synthesiser has no lasting identity, which a directory needs.
        """
        limits = {
            "max_entries": max_entries,
            "max_bytes": max_bytes,
            "max_disk_bytes": max_disk_bytes,
        }
        for field, limit in limits.items():
            if limit < 1:
                msg = f"{field} is {limit}; give 1 or more"
                raise ConfigError(msg)
        if directory is not None and type(tts).identity is TTS.identity:
            msg = f"{type(tts).__name__} needs an `identity` of its own to be kept on disk"
            raise UsageError(msg)
        self.name = tts.name
        self._tts = tts
        self._disk = None if directory is None else _Disk(Path(directory), max_disk_bytes)
        self._memory = _Memory(max_entries, max_bytes)
        self._flights: dict[str, _Flight] = {}
        self._owner = TaskOwner("speech cache")

    @property
    def identity(self) -> str:
        """That of the synthesiser."""
        return self._tts.identity

    def on_switch(self, listener: Callable[[ProviderSwitch], None]) -> Callable[[], None]:
        """As the synthesiser."""
        return self._tts.on_switch(listener)

    def variant(self, *, voice: str | None = None, language: str | None = None) -> "TTSAudioCache":
        """Return a cache of the synthesiser's variant. What either keeps, both know."""
        other = copy.copy(self)
        other._tts = self._tts.variant(voice=voice, language=language)  # noqa: SLF001  # our copy
        other._owner = TaskOwner("speech cache")  # noqa: SLF001  # our copy
        return other

    async def prepare(self) -> None:
        """Prepare the synthesiser."""
        await self._tts.prepare()

    async def aclose(self) -> None:
        """End what is being synthesised, and close the synthesiser. What was kept stays."""
        await self._stored()
        owner, self._owner = self._owner, TaskOwner("speech cache")
        await owner.aclose()
        await self._tts.aclose()

    async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Give what was kept, in one piece; or speak, and keep it. See `TTS.speak`."""
        key = self._key(text, sample_rate)
        entry = self._memory.load(key)
        if entry is not None:
            yield entry.as_chunk()
            return
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight()
            work = self._synthesise(flight, key, text, sample_rate)
            flight.task = self._owner.start(work, name="synthesis")
        flight.readers += 1
        try:
            async with aclosing(flight.chunks()) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            flight.readers -= 1
            if not flight.readers and not flight.over:
                self._forget(key, flight)
                assert flight.task is not None
                flight.task.cancel()
                await asyncio.wait([flight.task])

    async def fetch(self, text: str, sample_rate: int = 8000) -> bytes:
        """Return a text as speech, PCM16 at `sample_rate`, such as `session.say(audio=)` takes.

        Raises:
            ProviderError, LinkError: the synthesiser failed.
        """
        async with aclosing(self.speak(text, sample_rate)) as chunks:
            pcm = b"".join([chunk.pcm async for chunk in chunks])
        await self._stored()
        return pcm

    async def preload(self, texts: Iterable[str], sample_rate: int = 8000) -> None:
        """Have these texts ready, one after the other. Give them as they will be spoken.

        Sessions cut what they say into sentences, so give sentences.

        Raises:
            ProviderError, LinkError: the synthesiser failed; what came before is kept.
        """
        for text in texts:
            await self.fetch(text, sample_rate)

    async def clear(self) -> None:
        """Let go of everything kept, on disk as well."""
        self._memory.clear()
        if self._disk is not None:
            await asyncio.to_thread(self._disk.clear)

    async def _stored(self) -> None:
        """Wait until what was spoken is on disk."""
        storing = [flight.task for flight in self._flights.values() if flight.over and flight.task]
        if storing:
            await asyncio.wait(storing)

    def _key(self, text: str, sample_rate: int) -> str:
        parts = (self.identity, "pcm16", str(sample_rate), text)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    async def _synthesise(self, flight: "_Flight", key: str, text: str, sample_rate: int) -> None:
        disk = self._disk
        try:
            entry = await asyncio.to_thread(disk.load, key) if disk is not None else None
            if entry is not None:
                flight.add(entry.as_chunk())
                self._memory.store(key, entry)
                return
            async with aclosing(self._tts.speak(text, sample_rate)) as chunks:
                async for chunk in chunks:
                    flight.add(chunk)
            entry = flight.entry()
            # A synthesiser that changed its voice meanwhile has spoken this with either.
            if _is_whole(entry, text) and self._key(text, sample_rate) == key:
                self._memory.store(key, entry)
                flight.end()
                if disk is not None:
                    await asyncio.to_thread(disk.store, key, entry)
        except Exception as exc:  # noqa: BLE001  # every reader raises it
            flight.error = exc
        except asyncio.CancelledError:
            flight.error = LinkError("the synthesis was ended")
            raise
        finally:
            flight.end()
            self._forget(key, flight)

    def _forget(self, key: str, flight: "_Flight") -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


class _Flight:
    """One synthesis that is going on, and who reads it.

    Attributes:
        task: does the work.
        readers: how many calls want it.
        over: whether no more will come.
        error: why not, if it failed.
    """

    def __init__(self) -> None:
        """Begin."""
        self.task: asyncio.Task[None] | None = None
        self.readers = 0
        self.over = False
        self.error: Exception | None = None
        self._chunks: list[SpeechChunk] = []
        self._news = asyncio.Event()

    def add(self, chunk: SpeechChunk) -> None:
        """Something was spoken."""
        self._chunks.append(chunk)
        self._wake()

    def end(self) -> None:
        """No more will come. Idempotent."""
        self.over = True
        self._wake()

    async def chunks(self) -> AsyncGenerator[SpeechChunk, None]:
        """Iterate over all chunks from the first."""
        place = 0
        while True:
            while place < len(self._chunks):
                yield self._chunks[place]
                place += 1
            if self.over:
                break
            await self._news.wait()
        if self.error is not None:
            raise self.error

    def entry(self) -> _Entry:
        """Return what was spoken, to be kept."""
        words = [(word.word, word.end_ms) for chunk in self._chunks for word in chunk.words]
        return _Entry(pcm=b"".join(chunk.pcm for chunk in self._chunks), words=tuple(words))

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _is_whole(entry: _Entry, text: str) -> bool:
    """Whether this can be all of a text: whole samples, and some if there is a word in it."""
    spoken = bool(entry.pcm) or not any(sign.isalnum() for sign in text)
    return spoken and len(entry.pcm) % 2 == 0


class _Memory:
    """The entries that were used last."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def load(self, key: str) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def store(self, key: str, entry: _Entry) -> None:
        if len(entry.pcm) > self._most_bytes:
            return
        if (before := self._entries.pop(key, None)) is not None:
            self._bytes -= len(before.pcm)
        self._entries[key] = entry
        self._bytes += len(entry.pcm)
        while len(self._entries) > self._most or self._bytes > self._most_bytes:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= len(oldest.pcm)

    def clear(self) -> None:
        self._entries.clear()
        self._bytes = 0


class _Disk:
    """Entries as files. Its methods block; call them in a thread.

    A file that cannot be read, or written, is as one that is not there: a cache may lose things.
    """

    def __init__(self, directory: Path, most: int) -> None:
        if directory.exists() and not directory.is_dir():
            msg = f"directory is {directory}, which is a file; give a directory"
            raise ConfigError(msg)
        self._directory = directory
        self._most = most

    def load(self, key: str) -> _Entry | None:
        path = self._directory / f"{key}{_SUFFIX}"
        try:
            content = path.read_bytes()
            os.utime(path)  # it was used
        except FileNotFoundError:
            return None
        except OSError as exc:
            _log.warning("kept speech cannot be read: %s", exc.strerror)
            return None
        body = content[len(_MAGIC) + _DIGEST_BYTES :]
        if content[: -len(body)] == _MAGIC + hashlib.sha256(body).digest():
            with suppress(msgspec.MsgspecError):
                return msgspec.msgpack.decode(body, type=_Entry)
        _log.warning("kept speech is damaged, and removed: %s", path.name)
        with suppress(OSError):
            path.unlink()
        return None

    def store(self, key: str, entry: _Entry) -> None:
        body = msgspec.msgpack.encode(entry)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._directory / f"{key}{_SUFFIX}", body)
            self._prune()
        except OSError as exc:
            _log.warning("speech cannot be kept on disk: %s", exc.strerror)

    def clear(self) -> None:
        for path in self._directory.glob(f"*{_SUFFIX}*"):
            with suppress(OSError):
                path.unlink()

    def _write(self, path: Path, body: bytes) -> None:
        """Write beside it, then put it in its place: nobody sees half a file."""
        descriptor, beside = tempfile.mkstemp(dir=self._directory, suffix=f"{_SUFFIX}-new")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(body).digest() + body)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise

    def _prune(self) -> None:
        """Remove what was not used for longest, until the rest is no more than allowed."""
        found: list[tuple[float, int, Path]] = []
        for path in self._directory.glob(f"*{_SUFFIX}*"):
            with suppress(FileNotFoundError):  # another process prunes, too
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._most:
                break
            path.unlink(missing_ok=True)
            total -= size

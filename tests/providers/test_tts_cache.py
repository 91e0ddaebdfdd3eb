"""Speech that is kept: once synthesised, for all calls, whole or not at all."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from hookflash.errors import ConfigError, LinkError, UsageError
from hookflash.providers.base import TTS, ProviderSwitch, SpeechChunk, WordTime
from hookflash.providers.fallback import FallbackTTS
from hookflash.providers.tts_cache import TTSAudioCache
from hookflash.runtime import clock
from hookflash.testing import ScriptedTTS

BROKEN = LinkError("the stream broke off")
RATE = 8000


class Voice(TTS):
    """A voice that needs a second for each word, and 100 ms of audio for it."""

    def __init__(self, accent: str = "plain", *, breaks_after: int | None = None) -> None:
        self.name = "voice"
        self.accent = accent
        self.spoken: list[str] = []
        self.ended = 0
        self._breaks_after = breaks_after

    @property
    def identity(self) -> str:
        return f"voice/{self.accent}"

    async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        self.spoken.append(text)
        try:
            for count, word in enumerate(text.split(), 1):
                if self._breaks_after is not None and count > self._breaks_after:
                    raise BROKEN
                await asyncio.sleep(1.0)
                yield SpeechChunk(
                    pcm=word[:1].encode() * (sample_rate // 5),
                    words=(WordTime(word=word, end_ms=100.0 * count),),
                )
        finally:
            self.ended += 1


async def heard(tts: TTS, text: str, rate: int = RATE) -> list[tuple[str, float]]:
    """Return what was spoken of which word, and when it came."""
    async with aclosing(tts.speak(text, rate)) as chunks:
        return [(chunk.pcm[:: rate // 5].decode(), clock.now()) async for chunk in chunks]


def test_a_text_is_synthesised_once_and_then_there_at_once_with_its_words() -> None:
    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice)
        assert await heard(cache, "one two") == [("o", 1.0), ("t", 2.0)]
        assert await heard(cache, "one two") == [("ot", 2.0)]
        (chunk,) = [chunk async for chunk in cache.speak("one two", RATE)]
        assert [(word.word, word.end_ms) for word in chunk.words] == [
            ("one", 100.0),
            ("two", 200.0),
        ]
        assert voice.spoken == ["one two"]

    clock.run(main(), virtual=True)


def test_text_rate_and_identity_tell_entries_apart() -> None:
    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice)
        await heard(cache, "one")
        await heard(cache, "one.")
        await heard(cache, "one", 16_000)
        voice.accent = "broad"
        await heard(cache, "one")
        assert voice.spoken == ["one", "one.", "one", "one"]
        await heard(cache, "one", 16_000)
        voice.accent = "plain"
        await heard(cache, "one", 16_000)
        assert voice.spoken[4:] == ["one"]

    clock.run(main(), virtual=True)


def test_calls_that_want_the_same_text_share_one_synthesis_as_it_comes() -> None:
    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice)
        first = asyncio.create_task(heard(cache, "one two three"))
        await asyncio.sleep(1.5)
        second = asyncio.create_task(heard(cache, "one two three"))
        assert await first == [("o", 1.0), ("t", 2.0), ("t", 3.0)]
        assert await second == [("o", 1.5), ("t", 2.0), ("t", 3.0)]
        assert voice.spoken == ["one two three"]

    clock.run(main(), virtual=True)


def test_one_call_that_is_interrupted_takes_nothing_from_the_other() -> None:
    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice)
        first = asyncio.create_task(heard(cache, "one two three"))
        second = asyncio.create_task(heard(cache, "one two three"))
        await asyncio.sleep(1.5)
        first.cancel()
        assert await second == [("o", 1.0), ("t", 2.0), ("t", 3.0)]
        assert voice.ended == 1

    clock.run(main(), virtual=True)


def test_when_all_are_interrupted_the_synthesis_ends_and_nothing_is_kept() -> None:
    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice)
        async with aclosing(cache.speak("one two", RATE)) as chunks:
            await anext(chunks)
        assert voice.ended == 1
        assert await heard(cache, "one two") == [("o", 2.0), ("t", 3.0)]

    clock.run(main(), virtual=True)


def test_a_failure_reaches_every_reader_after_what_came_and_nothing_is_kept() -> None:
    async def main() -> None:
        voice = Voice(breaks_after=1)
        cache = TTSAudioCache(voice)

        async def read() -> int:
            count = 0
            try:
                async for _ in cache.speak("one two", RATE):
                    count += 1
            except LinkError:
                return count
            return -1

        first, second = await asyncio.gather(read(), read())
        assert (first, second) == (1, 1)
        assert await read() == 1
        assert voice.spoken == ["one two", "one two"]

    clock.run(main(), virtual=True)


def test_silence_and_half_samples_are_not_kept() -> None:
    class Poor(Voice):
        async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
            self.spoken.append(text)
            yield SpeechChunk(pcm=b"" if text == "one" else b"abc")

    async def main() -> None:
        voice = Poor()
        cache = TTSAudioCache(voice)
        for text in ("one", "two", "one", "two"):
            await heard(cache, text)
        assert voice.spoken == ["one", "two", "one", "two"]

    clock.run(main(), virtual=True)


def test_what_was_used_least_recently_goes_first() -> None:
    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice, max_entries=2)
        for text in ("one", "two", "one", "three", "one", "two"):
            await heard(cache, text)
        assert voice.spoken == ["one", "two", "three", "two"]
        # 1,600 bytes a word.
        voice = Voice()
        cache = TTSAudioCache(voice, max_bytes=4000)
        for text in ("one", "two", "a b c", "one", "two", "three", "one"):
            await heard(cache, text)
        assert voice.spoken == ["one", "two", "a b c", "three", "one"]

    clock.run(main(), virtual=True)


def test_speech_is_fetched_and_preloaded_in_whole() -> None:
    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice)
        await cache.preload(["one", "two"])
        assert await cache.fetch("one") == b"o" * 1600
        assert await cache.fetch("one", 16_000) == b"o" * 3200
        assert voice.spoken == ["one", "two", "one"]
        await cache.clear()
        await cache.fetch("one")
        assert len(voice.spoken) == 4

    clock.run(main(), virtual=True)


def test_a_directory_serves_later_processes(tmp_path: Path) -> None:
    directory = tmp_path / "speech"

    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice, directory=directory)
        assert await cache.fetch("one two") == b"o" * 1600 + b"t" * 1600
        await cache.aclose()
        later = Voice()
        (chunk,) = [
            chunk
            async for chunk in TTSAudioCache(later, directory=directory).speak("one two", RATE)
        ]
        assert chunk.pcm == b"o" * 1600 + b"t" * 1600
        assert [word.word for word in chunk.words] == ["one", "two"]
        assert later.spoken == []
        (file,) = directory.iterdir()
        assert file.stat().st_mode & 0o777 == 0o600
        assert directory.stat().st_mode & 0o777 == 0o700
        await cache.clear()
        assert list(directory.iterdir()) == []

    clock.run(main(), virtual=True)


def listed(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.speech"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_a_damaged_file_is_removed_and_the_text_spoken_anew(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        await TTSAudioCache(Voice(), directory=tmp_path).fetch("one")
        (file,) = listed(tmp_path)
        content = file.read_bytes()
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        file.write_bytes(
            {"cut": content[:-9], "flipped": flipped, "empty": b"", "other": b"RIFF" * 99}[damage]
        )
        voice = Voice()
        disk = TTSAudioCache(voice, directory=tmp_path)
        assert await disk.fetch("one") == b"o" * 1600
        assert voice.spoken == ["one"]
        later = Voice()
        assert await TTSAudioCache(later, directory=tmp_path).fetch("one") == b"o" * 1600
        assert later.spoken == []

    caplog.set_level(logging.WARNING)
    clock.run(main(), virtual=True)
    assert "kept speech is damaged, and removed" in caplog.text
    assert "one" not in caplog.text.split("removed")[0]


def test_on_disk_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    async def main() -> None:
        cache = TTSAudioCache(Voice(), directory=tmp_path, max_disk_bytes=4000)
        for age, text in enumerate(["one", "two"]):
            await cache.fetch(text)
            for file in listed(tmp_path):
                os.utime(file, (100.0 + age, 100.0 + age))
        (tmp_path / "notes.txt").write_text("not ours")
        first = next(file for file in listed(tmp_path) if b"one" in file.read_bytes())
        os.utime(first, (200.0, 200.0))
        await cache.fetch("three")
        kept = [file.read_bytes() for file in listed(tmp_path)]
        assert sorted(b"two" in content for content in kept) == [False, False]
        assert (tmp_path / "notes.txt").exists()

    clock.run(main(), virtual=True)


def test_a_disk_that_cannot_be_written_or_read_costs_nothing_but_the_cache(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        voice = Voice()
        directory = tmp_path / "speech"
        cache = TTSAudioCache(voice, directory=directory)
        directory.write_text("in the way")
        assert await cache.fetch("one") == b"o" * 1600
        directory.unlink()
        await TTSAudioCache(voice, directory=directory).fetch("two")
        (file,) = directory.iterdir()
        file.unlink()
        file.mkdir()
        assert await TTSAudioCache(voice, directory=directory).fetch("two") == b"t" * 1600

    clock.run(main(), virtual=True)
    assert "speech cannot be kept on disk" in caplog.text
    assert "kept speech cannot be read" in caplog.text


def test_closing_ends_a_synthesis_and_its_readers_are_told() -> None:
    async def main() -> None:
        voice = Voice()
        cache = TTSAudioCache(voice)
        reader = asyncio.create_task(heard(cache, "one two"))
        await asyncio.sleep(0.5)
        await cache.aclose()
        with pytest.raises(LinkError, match="the synthesis was ended"):
            await reader
        assert voice.ended == 1
        assert await heard(cache, "one") == [("o", 1.5)]
        await cache.aclose()

    clock.run(main(), virtual=True)


def test_what_a_changing_voice_spoke_is_not_kept() -> None:
    async def main() -> None:
        first, second = ScriptedTTS(fails=[BROKEN]), ScriptedTTS(ms_per_word=300)
        cache = TTSAudioCache(FallbackTTS([first, second]))
        switches: list[ProviderSwitch] = []
        cache.on_switch(switches.append)
        assert len(await cache.fetch("one")) == 4800
        assert len(switches) == 1
        assert len(await cache.fetch("one")) == 4800
        assert len(await cache.fetch("one")) == 4800
        # The first time under the name of the first voice, the second under its own.
        assert second.spoken == ["one", "one"]

    clock.run(main(), virtual=True)


def test_a_variant_keeps_its_own_voice_and_shares_the_room() -> None:
    async def main() -> None:
        plain = ScriptedTTS()
        cache = TTSAudioCache(plain)
        await cache.fetch("one")
        other = cache.variant(voice="low")
        assert other.identity == "scripted/200/low/en"
        assert cache.identity == "scripted/200/hum/en"
        await other.fetch("one")
        again = other.variant(voice="low")
        await again.fetch("one")
        await cache.fetch("one")
        unused = again._tts
        assert isinstance(unused, ScriptedTTS)
        assert (plain.spoken, unused.spoken) == (["one"], [])

    clock.run(main(), virtual=True)


def test_settings_that_cannot_be_are_refused_by_name(tmp_path: Path) -> None:
    for field in ("max_entries", "max_bytes", "max_disk_bytes"):
        with pytest.raises(ConfigError, match=f"{field} is 0; give 1 or more"):
            TTSAudioCache(Voice(), **{field: 0})  # type: ignore[arg-type]  # wrong on purpose
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigError, match=r"directory is .*, which is a file; give a directory"):
        TTSAudioCache(Voice(), directory=file)

    class Nameless(ScriptedTTS):
        identity = TTS.identity

    with pytest.raises(UsageError, match="Nameless needs an `identity` of its own"):
        TTSAudioCache(Nameless(), directory=tmp_path)
    assert Nameless().identity != Nameless().identity

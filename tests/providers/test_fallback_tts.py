"""Voices that stand in for each other within a sentence."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from hookflash.audio.frames import duration_ms
from hookflash.errors import LinkError, ProviderError, UsageError
from hookflash.providers.base import TTS, SpeechChunk, WordTime
from hookflash.providers.fallback import FallbackTTS
from hookflash.runtime import clock
from hookflash.testing import ScriptedTTS

BROKEN = LinkError("the stream broke off")
RATE = 8000


@dataclass(frozen=True)
class Breaks:
    """After so many milliseconds of audio, the voice breaks off (or hangs)."""

    after_ms: int
    hang: bool = False


class Voice(TTS):
    """A voice at 200 ms a word, in chunks of 100 ms, that breaks where it is told to.

    Each sample holds the number of the voice, so that one hears who spoke.
    """

    def __init__(
        self,
        name: str,
        *breaks: Breaks | None,
        times: bool = True,
        early: bool = False,
        ms_per_word: int = 200,
    ) -> None:
        self.name = name
        self.spoken: list[str] = []
        self.rates: list[int] = []
        self._breaks = list(breaks)
        self._times = times
        self._early = early
        self._ms_per_word = ms_per_word

    async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        self.spoken.append(text)
        self.rates.append(sample_rate)
        stop = self._breaks.pop(0) if self._breaks else None
        words = [
            WordTime(word=word, end_ms=float(self._ms_per_word * n))
            for n, word in enumerate(text.split(), 1)
        ]
        total = self._ms_per_word * len(words)
        for start in range(0, total, 100):
            if stop is not None and start >= stop.after_ms:
                if stop.hang:
                    await asyncio.sleep(1000)
                raise BROKEN
            until = total if self._early else start + 100
            ready = [word for word in words if word.end_ms <= until] if self._times else []
            words = words[len(ready) :]
            pcm = self.name.encode()[:1] * (sample_rate // 10 * 2)
            yield SpeechChunk(pcm=pcm, words=tuple(ready))
        if stop is not None:
            raise BROKEN


async def spoken(tts: TTS, text: str) -> tuple[str, list[tuple[str, float]]]:
    """Return who spoke each 100 ms, and the words with their ends."""
    pcm, words = b"", list[tuple[str, float]]()
    async with aclosing(tts.speak(text, RATE)) as chunks:
        async for chunk in chunks:
            pcm += chunk.pcm
            ends = duration_ms(pcm, RATE)
            assert all(word.end_ms <= ends for word in chunk.words)
            words += [(word.word, word.end_ms) for word in chunk.words]
    return pcm[::1600].decode(), words


def test_the_first_voice_speaks_as_long_as_it_works() -> None:
    async def main() -> None:
        first, second = Voice("a"), Voice("b")
        assert await spoken(FallbackTTS([first, second]), "One two.") == (
            "aaaa",
            [("One", 200.0), ("two.", 400.0)],
        )
        assert second.spoken == []

    clock.run(main(), virtual=True)


def test_before_any_audio_the_next_voice_speaks_all() -> None:
    async def main() -> None:
        first, second = Voice("a", Breaks(0)), Voice("b")
        assert (await spoken(FallbackTTS([first, second]), "One two."))[0] == "bbbb"
        assert (second.spoken, second.rates) == (["One two."], [RATE])

    clock.run(main(), virtual=True)


def test_the_next_voice_begins_with_the_first_word_that_was_not_spoken_to_its_end() -> None:
    async def main() -> None:
        first, second = Voice("a", Breaks(500)), Voice("b")
        assert await spoken(FallbackTTS([first, second]), "One two, three four.") == (
            # The third word had begun; it is spoken again, for it must not be lost.
            "aaaaabbbb",
            [("One", 200.0), ("two,", 400.0), ("three", 700.0), ("four.", 900.0)],
        )
        assert second.spoken == ["three four."]

    clock.run(main(), virtual=True)


def test_word_times_that_run_ahead_of_the_audio_are_held_until_it_has_come() -> None:
    async def main() -> None:
        first, second = Voice("a", Breaks(400), early=True), Voice("b", early=True)
        assert await spoken(FallbackTTS([first, second]), "One two three.") == (
            "aaaabb",
            [("One", 200.0), ("two", 400.0), ("three.", 600.0)],
        )
        assert second.spoken == ["three."]

    clock.run(main(), virtual=True)


def test_a_voice_that_fails_behind_its_last_word_has_said_all() -> None:
    async def main() -> None:
        first, second = Voice("a", Breaks(9999)), Voice("b")
        assert (await spoken(FallbackTTS([first, second]), "One two."))[0] == "aaaa"
        assert second.spoken == []

    clock.run(main(), virtual=True)


def test_without_word_times_the_pace_of_the_voice_says_what_was_spoken() -> None:
    text = "word word word word word word"

    async def main() -> None:
        # It speaks slower than most: 500 ms for each word of four letters, as it has shown.
        first = Voice("a", None, Breaks(1500), times=False, ms_per_word=500)
        second = Voice("b")
        tts = FallbackTTS([first, second])
        await spoken(tts, text)
        assert (await spoken(tts, text))[0] == "a" * 15 + "b" * 6
        assert second.spoken == ["word word word"]

    clock.run(main(), virtual=True)


def test_without_word_times_and_pace_the_last_word_is_not_taken_for_spoken() -> None:
    async def main() -> None:
        first, second = Voice("a", Breaks(900), times=False, ms_per_word=500), Voice("b")
        await spoken(FallbackTTS([first, second]), "so it is")
        assert second.spoken == ["is"]

    clock.run(main(), virtual=True)


def test_scripts_without_spaces_go_on_at_a_sign() -> None:
    async def main() -> None:
        first, second = Voice("a", Breaks(200), times=False, ms_per_word=900), Voice("b")
        await spoken(FallbackTTS([first, second]), "営業は九時です。")
        assert second.spoken == ["業は九時です。"]

    clock.run(main(), virtual=True)


def test_a_voice_that_hangs_is_given_up_in_time_at_its_first_audio_and_later() -> None:
    async def main() -> None:
        first = Voice("a", Breaks(0, hang=True))
        tts = FallbackTTS([first, Voice("b")], first_audio_timeout=1.5, idle_timeout=0.5)
        await spoken(tts, "One.")
        assert clock.now() == 1.5
        second = Voice("c", Breaks(200, hang=True))
        tts = FallbackTTS([second, Voice("d")], first_audio_timeout=1.5, idle_timeout=0.5)
        assert (await spoken(tts, "One two."))[0] == "ccdd"
        assert clock.now() == 2.0

    clock.run(main(), virtual=True)


def test_silence_for_words_is_a_failure_and_for_none_is_not() -> None:
    class Mute(Voice):
        async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
            yield SpeechChunk(pcm=b"")

    async def main() -> None:
        tts = FallbackTTS([Mute("m"), Voice("b")])
        assert (await spoken(tts, "... !"))[0] == ""
        assert (await spoken(tts, "Yes."))[0] == "bb"

    clock.run(main(), virtual=True)


def test_half_samples_are_put_together() -> None:
    class Odd(Voice):
        async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
            for part in (b"abc", b"def", b"g"):
                yield SpeechChunk(pcm=part)

    async def main() -> None:
        tts = FallbackTTS([Odd("o")])
        assert [chunk.pcm async for chunk in tts.speak("Yes.", RATE)] == [b"ab", b"cdef", b""]

    clock.run(main(), virtual=True)


def test_when_all_voices_fail_the_last_error_is_raised_after_what_was_spoken() -> None:
    async def main() -> None:
        refusal = ProviderError("no credit")
        tts = FallbackTTS([Voice("a", Breaks(400)), ScriptedTTS(fails=[refusal])])
        heard: list[float] = []

        async def listen() -> None:
            async for chunk in tts.speak("One two three.", RATE):
                heard.append(duration_ms(chunk.pcm, RATE))

        with pytest.raises(ProviderError, match="no credit"):
            await listen()
        assert sum(heard) == 400.0

    clock.run(main(), virtual=True)


def test_a_text_that_cannot_be_is_refused_and_the_voice_keeps_its_trust() -> None:
    async def main() -> None:
        first = ScriptedTTS(fails=[UsageError("too long")])
        tts = FallbackTTS([first, Voice("b")])
        with pytest.raises(UsageError, match="too long"):
            await spoken(tts, "One.")
        assert tts.current is first

    clock.run(main(), virtual=True)


def test_its_identity_is_that_of_the_voice_that_speaks_at_present() -> None:
    async def main() -> None:
        first, second = Voice("a", Breaks(0)), Voice("b")
        tts = FallbackTTS([first, second])
        assert tts.identity == first.identity
        await spoken(tts, "One.")
        assert tts.identity == second.identity

    clock.run(main(), virtual=True)


def test_a_variant_gives_the_first_its_voice_and_leaves_out_who_lacks_the_language() -> None:
    first, second = ScriptedTTS(), ScriptedTTS(ms_per_word=100)
    tts = FallbackTTS([first, Voice("b"), second])
    german = tts.variant(voice="low", language="de")
    assert [slot.provider.identity for slot in german.slots] == [
        "scripted/200/low/de",
        "scripted/100/hum/de",
    ]
    low = tts.variant(voice="low")
    assert [slot.name for slot in low.slots] == ["scripted", "b", "scripted-2"]
    assert low.slots[1].provider is tts.slots[1].provider
    assert [slot.provider for slot in tts.slots][::2] == [first, second]
    with pytest.raises(UsageError, match="b has no choice of voices or languages"):
        FallbackTTS([Voice("b"), first]).variant(voice="low")
    with pytest.raises(UsageError, match="b has no choice of voices or languages"):
        FallbackTTS([Voice("b")]).variant(language="de")

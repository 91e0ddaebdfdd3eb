import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import numpy as np
import pytest

from hookflash.audio.frames import Framer, silence
from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.errors import MissingExtra, ProviderError, UsageError
from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.providers import pocketsphinx
from hookflash.providers.base import Transcript
from hookflash.providers.chat import ToolSchema
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.providers.pocketsphinx import PocketsphinxHearing, PocketsphinxSTT
from hookflash.runtime import clock

ANYTHING = ExpectationSet(expects=Expectation.ANYTHING)
FOUR_DIGITS = ExpectationSet(expects=Expectation.DIGITS, length=4)
TOOLS = (
    ToolSchema(
        name="hours",
        description="",
        phrases=("what are your opening hours", "when is my appointment"),
    ),
)


async def said(texts: Sequence[str], rate: int = 8000) -> list[bytes]:
    """Speak texts over a telephone line, with silence around each."""
    async with EspeakTTS("en-us+adam", words_per_minute=150) as tts:
        found: list[bytes] = []
        for text in texts:
            pcm = await speak_pcm(tts, text, rate)
            if rate == 8000:
                pcm = ulaw_decode(ulaw_encode(pcm))
            found.append(silence(rate, 500) + pcm + silence(rate, 450))
        return found


async def answer(hearing: PocketsphinxHearing, pcm: bytes) -> list[Transcript]:
    """Push audio in frames, flush, and return all transcripts up to the final one."""
    for frame in Framer(8000).push(pcm):
        hearing.push(frame)
    hearing.flush()
    return await until_final(hearing)


async def until_final(hearing: PocketsphinxHearing) -> list[Transcript]:
    found: list[Transcript] = []
    async with aclosing(hearing.transcripts()) as transcripts:
        async for transcript in transcripts:
            found.append(transcript)
            if transcript.final:
                break
    return found


def finals(
    texts: Sequence[str], expectation: ExpectationSet = ANYTHING, rate: int = 8000
) -> list[Transcript]:
    """Return the final transcript of each text, said in one call."""

    async def main() -> list[Transcript]:
        async with PocketsphinxSTT() as stt:
            hearing = stt.listen(rate)
            hearing.expect(expectation, TOOLS)
            found = [(await answer(hearing, pcm))[-1] for pcm in await said(texts, rate)]
            await hearing.aclose()
            return found

    return clock.run(main(), virtual=True)


@pytest.mark.slow
def test_it_understands_what_a_caller_of_a_front_desk_says() -> None:
    texts = [
        *("what are your opening hours", "wait when is my appointment", "thank you"),
        *("can i speak to a person", "yes", "no", "wait", "stop", "goodbye"),
    ]
    found = finals(texts)
    assert [transcript.text for transcript in found] == texts
    assert all((transcript.confidence or 0.0) > 0.5 for transcript in found)


def test_it_takes_down_as_many_digits_as_are_expected() -> None:
    texts = ["four two one seven", "nine seven two one"]
    assert [found.text for found in finals(texts, FOUR_DIGITS)] == texts


def test_it_listens_at_16_khz_as_well() -> None:
    assert finals(["when is my appointment"], rate=16000)[0].text == "when is my appointment"


def test_other_speech_is_not_forced_into_a_phrase() -> None:
    texts = ["my dog ate the newspaper this morning", "how much does a large pizza cost"]
    assert [found.text for found in finals(texts)] == ["", ""]


def test_words_come_while_they_are_spoken_and_times_tell_where() -> None:
    async def main() -> None:
        async with PocketsphinxSTT() as stt:
            hearing = stt.listen(8000)
            hearing.expect(ANYTHING, TOOLS)
            (pcm,) = await said(["what are your opening hours"])
            *partials, final = await answer(hearing, pcm)
            assert partials
            assert not any(partial.final for partial in partials)
            assert "what are your" in [partial.text for partial in partials]
            assert final.text == "what are your opening hours"
            assert final.start == pytest.approx(0.5, abs=0.15)
            assert final.end == pytest.approx(len(pcm) / 16000 - 0.45, abs=0.2)
            await hearing.aclose()

    clock.run(main(), virtual=True)


def test_each_flush_is_answered_by_one_final_even_after_silence() -> None:
    async def main() -> None:
        async with PocketsphinxSTT() as stt:
            hearing = stt.listen(8000)
            for pcm in (b"", silence(8000, 1000)):
                assert await answer(hearing, pcm) == [Transcript(text="", final=True)]
            await hearing.aclose()

    clock.run(main(), virtual=True)


def test_speech_without_a_flush_ends_by_itself() -> None:
    async def main() -> None:
        async with PocketsphinxSTT() as stt:
            hearing = stt.listen(8000)
            (pcm,) = await said(["goodbye"])
            hearing.push(pcm + silence(8000, 1500))
            assert (await until_final(hearing))[-1].text == "goodbye"
            await hearing.aclose()

    clock.run(main(), virtual=True)


def test_an_expectation_counts_from_the_next_segment_on() -> None:
    async def main() -> None:
        async with PocketsphinxSTT() as stt:
            hearing = stt.listen(8000)
            yes, digits = await said(["yes", "four two one seven"])
            hearing.push(yes[: len(yes) // 2])
            hearing.expect(FOUR_DIGITS)
            assert (await answer(hearing, yes[len(yes) // 2 :]))[-1].text == "yes"
            assert (await answer(hearing, digits))[-1].text == "four two one seven"
            for length in range(1, 12):
                hearing.expect(ExpectationSet(expects=Expectation.DIGITS, length=length))
            hearing.expect(ANYTHING)
            assert (await answer(hearing, yes))[-1].text == "yes"
            await hearing.aclose()

    clock.run(main(), virtual=True)


def test_closing_ends_the_transcripts_and_ignores_what_follows() -> None:
    async def main() -> None:
        async with PocketsphinxSTT() as stt:
            hearing = stt.listen(8000)
            (pcm,) = await said(["yes"])
            hearing.push(pcm)
            await asyncio.sleep(0.1)
            await hearing.aclose()
            await hearing.aclose()
            hearing.push(pcm)
            hearing.flush()
            assert [each async for each in hearing.transcripts() if each.final] == []

    clock.run(main(), virtual=True)


def test_a_failing_decoder_is_an_error_of_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with PocketsphinxSTT() as stt:
            hearing = stt.listen(8000)

            def fail() -> None:
                raise RuntimeError

            monkeypatch.setattr(hearing._recogniser, "begin", fail)
            hearing.push((np.ones(1600, dtype=np.int16) * 8000).tobytes())
            with pytest.raises(ProviderError, match="failed while decoding"):
                await until_final(hearing)
            await hearing.aclose()

    clock.run(main(), virtual=True)


def test_phrases_that_cannot_be_pronounced_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with PocketsphinxSTT(phrases=["open xqzwv", "opening hours"]) as stt:
            for _ in range(2):
                await stt.listen(8000).aclose()

    clock.run(main(), virtual=True)
    assert [record.getMessage() for record in caplog.records] == [
        "not listened for, since a word is not in the dictionary: 'open xqzwv'"
    ]


@pytest.mark.slow
def test_dictation_takes_free_speech_from_a_microphone() -> None:
    async def main() -> None:
        async with PocketsphinxSTT(mode="dictation") as stt:
            hearing = stt.listen(16000)
            (pcm,) = await said(["thank you very much"], 16000)
            final = (await answer(hearing, pcm))[-1]
            assert "thank you" in final.text
            assert final.confidence is None
            await hearing.aclose()

    clock.run(main(), virtual=True)


def test_what_cannot_be_heard_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="mode='grammar'"):
            PocketsphinxSTT(mode="dictation").listen(8000)
        with pytest.raises(UsageError, match="8000 Hz or more"):
            PocketsphinxSTT().listen(4000)
        monkeypatch.setattr(pocketsphinx, "find_spec", lambda _: None)
        with pytest.raises(MissingExtra, match=r"hookflash\[local\]"):
            await PocketsphinxSTT().prepare()

    clock.run(main(), virtual=True)

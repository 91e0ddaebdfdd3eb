import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from hookflash.audio.levels import peak_dbfs, rms_dbfs
from hookflash.errors import MissingExtra, ProviderError, UsageError
from hookflash.providers import espeak
from hookflash.providers.base import WordTime
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.runtime import clock

TEXT = "Harbour Dental, it is Dr. Lee at 9.30. How can I help you?"


async def spoken(tts: EspeakTTS, text: str, rate: int = 8000) -> tuple[bytes, list[WordTime]]:
    pcm, words = b"", list[WordTime]()
    async for chunk in tts.speak(text, rate):
        pcm += chunk.pcm
        words += chunk.words
    return pcm, words


def test_it_speaks_at_telephone_level_and_knows_when_words_end() -> None:
    async def main() -> None:
        async with EspeakTTS() as tts:
            pcm, words = await spoken(tts, TEXT)
            seconds = len(pcm) / 16000
            assert 4.0 < seconds < 7.0
            assert -23 < rms_dbfs(pcm) < -17
            assert peak_dbfs(pcm) <= -2.5
            assert [word.word for word in words] == TEXT.split()
            ends = [word.end_ms for word in words]
            assert ends == sorted(ends)
            assert ends[-1] == pytest.approx(seconds * 1000)
            wide, _ = await spoken(tts, TEXT, 24000)
            assert len(wide) == pytest.approx(3 * len(pcm), rel=0.01)
            assert clock.now() == 0, "virtual time stands still while the helper works"

    clock.run(main(), virtual=True)


def test_two_voices_are_two_voices() -> None:
    async def main() -> None:
        async with EspeakTTS() as one, EspeakTTS("en-us+f3", words_per_minute=140) as other:
            first, second = await speak_pcm(one, TEXT, 8000), await speak_pcm(other, TEXT, 8000)
            assert first != second
            assert len(second) > len(first) * 1.1
            # Not to the last bit: the library's filters remember what came before.
            assert len(first) == pytest.approx(len(await speak_pcm(one, TEXT, 8000)), rel=0.01)

    clock.run(main(), virtual=True)


def test_several_texts_at_once_are_each_whole() -> None:
    async def main() -> None:
        async with EspeakTTS() as tts:
            texts = [f"number {number}" for number in range(20)]
            alone = [len(await speak_pcm(tts, text, 8000)) for text in texts]
            together = await asyncio.gather(*(speak_pcm(tts, text, 8000) for text in texts))
            assert [len(pcm) for pcm in together] == pytest.approx(alone, rel=0.02)
            assert len(set(alone)) > 10

    clock.run(main(), virtual=True)


def test_nothing_to_say_is_no_sound() -> None:
    async def main() -> None:
        async with EspeakTTS() as tts:
            assert await spoken(tts, "") == (b"", [])
            assert await spoken(tts, " ... ") == (b"", [])

    clock.run(main(), virtual=True)


def test_a_helper_that_dies_is_started_again() -> None:
    async def main() -> None:
        async with EspeakTTS() as tts:
            before = await speak_pcm(tts, TEXT, 8000)
            os.kill(process_of(tts), signal.SIGKILL)
            after = await speak_pcm(tts, TEXT, 8000)
            assert len(after) == pytest.approx(len(before), rel=0.01)

    clock.run(main(), virtual=True)


def test_a_cancelled_text_leaves_the_helper_usable() -> None:
    async def main() -> None:
        async with EspeakTTS() as tts:
            before = await speak_pcm(tts, "hello", 8000)
            task = asyncio.create_task(speak_pcm(tts, TEXT * 20, 8000))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            after = await speak_pcm(tts, "hello", 8000)
            assert len(after) == pytest.approx(len(before), rel=0.02)

    clock.run(main(), virtual=True)


def process_of(tts: EspeakTTS) -> int:
    assert isinstance(tts._helper, espeak._Helper)
    assert tts._helper._process is not None
    return tts._helper._process.pid


def libraries_of(process: str) -> str:
    return Path(f"/proc/{process}/maps").read_text()


def test_the_library_is_never_loaded_into_our_process() -> None:
    async def main() -> None:
        async with EspeakTTS() as tts:
            await speak_pcm(tts, "hello", 8000)
            assert "espeak-ng.so" not in libraries_of("self")
            assert "espeak-ng.so" in libraries_of(str(process_of(tts)))

    clock.run(main(), virtual=True)


def test_the_helper_ends_with_the_provider() -> None:
    async def main() -> None:
        tts = EspeakTTS()
        await tts.prepare()
        await tts.prepare()
        pid = process_of(tts)
        await tts.aclose()
        await tts.aclose()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert await speak_pcm(tts, "hello", 8000), "and it may be prepared again"
        await tts.aclose()

    clock.run(main(), virtual=True)


def test_what_cannot_be_spoken_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with EspeakTTS("xx-yy") as tts:
            with pytest.raises(ProviderError, match="no such voice"):
                await speak_pcm(tts, "hello", 8000)
        async with EspeakTTS() as tts:
            with pytest.raises(UsageError, match="4000 characters"):
                await speak_pcm(tts, "x" * 4001, 8000)
        monkeypatch.setattr(espeak, "_HELPER", Path("/nowhere.py"))
        with pytest.raises(ProviderError, match="did not start"):
            await EspeakTTS().prepare()
        monkeypatch.setattr(espeak, "find_spec", lambda _: None)
        with pytest.raises(MissingExtra, match=r"hookflash\[local\]"):
            await EspeakTTS().prepare()

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    "options", [{"words_per_minute": 10}, {"pitch": 100}, {"voice": "../../etc"}, {"voice": ""}]
)
def test_impossible_voices_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        EspeakTTS(**options)  # type: ignore[arg-type]


def test_a_voice_may_be_named_by_its_language() -> None:
    async def main() -> None:
        async with EspeakTTS("en-gb") as british, EspeakTTS("en-us") as american:
            one, other = await speak_pcm(british, TEXT, 8000), await speak_pcm(american, TEXT, 8000)
            assert one
            assert one != other

    clock.run(main(), virtual=True)


# Stands for an installed espeak-ng: half a second of a tone, in a WAV whose sizes are wrong.
PROGRAM = """#!{python}
import array, math, struct, sys
if sys.argv[1:] != ["-v", "en-us", "-p", "50", "-s", "165", "--stdin", "--stdout"]:
    sys.exit(1)
assert sys.stdin.read() == "hello there"
body = array.array("h", (int(9000 * math.sin(i / 9)) for i in range(11025))).tobytes()
head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 2**31, b"WAVEfmt ", 16, 1, 1, 22050, 44100, 2, 16,
                   b"data", 2**31)
sys.stdout.buffer.write(head + body)
"""


def test_an_installed_program_is_used_where_the_library_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "espeak-ng"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(espeak, "find_spec", lambda _: None)

    async def main() -> None:
        async with EspeakTTS() as tts:
            pcm, words = await spoken(tts, "hello there")
            assert len(pcm) / 16000 == pytest.approx(0.5, abs=0.05)
            assert words == []
        async with EspeakTTS("en-gb", engine="system") as tts:
            with pytest.raises(ProviderError, match="is there such a voice"):
                await speak_pcm(tts, "hello there", 8000)
        program.unlink()
        with pytest.raises(ProviderError, match="no program espeak-ng"):
            await EspeakTTS(engine="system").prepare()

    clock.run(main(), virtual=True)

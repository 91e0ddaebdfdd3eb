"""How well the local recogniser tells expected phrases from each other, and from anything else."""

import resource
from collections.abc import Sequence

import numpy as np

from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.errors import ProviderError
from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.providers.chat import ToolSchema
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.local import speak_pcm
from hookflash.providers.pocketsphinx import PocketsphinxSTT
from hookflash.runtime import clock

__all__ = ["print_recogniser"]

_VOICES = (
    ("en-us", 165),
    ("en-us+f1", 140),
    ("en-us+f2", 140),
    ("en-us+m1", 140),
    ("en-us+adam", 150),
)
_TOOLS = (
    ToolSchema(
        name="hours",
        description="Tell the hours.",
        phrases=("what are your opening hours", "when are you open"),
    ),
    ToolSchema(
        name="appointment",
        description="Find an appointment.",
        phrases=("when is my appointment", "i would like to make an appointment"),
    ),
)
_PHRASES = (
    "what are your opening hours", "when are you open", "when is my appointment",
    "i would like to make an appointment", "hello when are you open please",
    "can i speak to a person", "could you repeat that", "help", "yes", "no", "yes please",
    "no thank you", "thank you", "thank you goodbye", "goodbye", "wait", "stop", "hold on",
    "wait when is my appointment",
)  # fmt: skip
_OTHERS = (
    "the weather in chicago is rather cold today", "my dog ate the newspaper this morning",
    "how much does a large pizza cost", "i have lost my password and cannot log in",
    "where is my package", "the train leaves at noon from platform nine",
    "do you sell garden furniture", "maybe", "banana", "she played the piano all afternoon",
    "is there parking nearby", "i need to change my address", "what is the meaning of this",
    "seven hundred and forty",
)  # fmt: skip
_ANYTHING = ExpectationSet(expects=Expectation.ANYTHING)


def print_recogniser() -> None:
    """Print, by voice and by limit, how much was understood, and the CPU of a second of speech."""
    clock.run(_measure(), virtual=True)


async def _measure() -> None:
    print(f"{'voice':>14} {'words/min':>9} {'phrases understood':>19} {'others taken for one':>21}")
    spoken: list[tuple[str, bool, bytes]] = []
    for voice, pace in _VOICES:
        async with EspeakTTS(voice, words_per_minute=pace) as tts:
            said = [(text, True, await _line(tts, text)) for text in _PHRASES]
            said += [(text, False, await _line(tts, text)) for text in _OTHERS]
        understood, taken = await _count(PocketsphinxSTT(), said)
        print(
            f"{voice:>14} {pace:>9} {understood:>11} of {len(_PHRASES)} "
            f"{taken:>14} of {len(_OTHERS)}"
        )
        spoken += said
    seconds = sum(len(pcm) / 16000 for _, _, pcm in spoken)
    phrases = len(_VOICES) * len(_PHRASES)
    others = len(_VOICES) * len(_OTHERS)
    print(f"\n{'rejection':>10} {'phrases understood':>19} {'others taken for one':>21} {'CPU':>8}")
    for limit in (7.2, 7.5, 7.8, None):
        before = resource.getrusage(resource.RUSAGE_SELF)
        understood, taken = await _count(PocketsphinxSTT(rejection=limit), spoken)
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        shown = "None" if limit is None else f"{limit}"
        print(
            f"{shown:>10} {understood:>12} of {phrases} {taken:>14} of {others} "
            f"{cpu / seconds:>7.1%}"
        )


async def _line(tts: EspeakTTS, text: str) -> bytes:
    """Speak over a telephone: mu-law, with a little noise around."""
    rng = np.random.default_rng(1)
    before, after = (rng.normal(0, 4, count).astype("<i2").tobytes() for count in (8000, 4000))
    pcm = before + await speak_pcm(tts, text, 8000) + after
    pcm += bytes(-len(pcm) % 320)
    return ulaw_decode(ulaw_encode(pcm))


async def _count(
    stt: PocketsphinxSTT, spoken: Sequence[tuple[str, bool, bytes]]
) -> tuple[int, int]:
    """Return how many phrases were understood word by word, and how many others as anything."""
    understood = taken = 0
    for text, expected, pcm in spoken:
        heard = await _recognise(stt, pcm)
        understood += expected and heard == text
        taken += not expected and bool(heard)
    await stt.aclose()
    return understood, taken


async def _recognise(stt: PocketsphinxSTT, pcm: bytes) -> str:
    hearing = stt.listen(8000)
    hearing.expect(_ANYTHING, _TOOLS)
    for start in range(0, len(pcm), 320):
        hearing.push(pcm[start : start + 320])
    hearing.flush()
    try:
        async for transcript in hearing.transcripts():
            if transcript.final:
                return transcript.text
    finally:
        await hearing.aclose()
    msg = "the recogniser said nothing"
    raise ProviderError(msg)

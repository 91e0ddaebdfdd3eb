"""The engines that need no key and no network, together. Extra `local`.

One set serves all sessions of a process. Nothing is loaded before it is prepared.
"""

from functools import cache

import msgspec

from hookflash.providers.base import LLM, STT, TTS, VAD
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.pocketsphinx import PocketsphinxSTT
from hookflash.providers.rules import RuleLLM
from hookflash.providers.silero import SileroVAD

__all__ = ["LocalProviders", "local_providers", "speak_pcm"]


class LocalProviders(msgspec.Struct, frozen=True, kw_only=True):
    """Ears, mind, voice, and a detector."""

    stt: STT
    llm: LLM
    tts: TTS
    vad: VAD


@cache
def local_providers() -> LocalProviders:
    """Return the process's set; the first call makes it."""
    return LocalProviders(stt=PocketsphinxSTT(), llm=RuleLLM(), tts=EspeakTTS(), vad=SileroVAD())


async def speak_pcm(tts: TTS, text: str, sample_rate: int) -> bytes:
    """Speak a text whole; return PCM16 mono at `sample_rate` Hz.

    Raises:
        ProviderError: the synthesiser failed.
        LinkError: it cannot be reached.
    """
    return b"".join([chunk.pcm async for chunk in tts.speak(text, sample_rate)])

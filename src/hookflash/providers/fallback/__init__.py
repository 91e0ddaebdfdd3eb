"""Providers that stand in for each other, so that one failing costs no caller a word."""

from hookflash.providers.fallback.llm import FallbackLLM
from hookflash.providers.fallback.stt import FallbackSTT
from hookflash.providers.fallback.tts import FallbackTTS

__all__ = ["FallbackLLM", "FallbackSTT", "FallbackTTS"]

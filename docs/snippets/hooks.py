"""Hooks of a pipeline: a corrected recogniser, knowledge for the model, a word that is not said."""

from collections.abc import AsyncIterator

from hookflash.pipeline import Pipeline
from hookflash.providers.base import Transcript
from hookflash.providers.chat import ChatContext


def add_hooks(pipeline: Pipeline) -> None:
    @pipeline.hooks.on("stt.words")
    def correct(words: Transcript) -> Transcript:
        return Transcript(text=words.text.replace("harper", "harbour"), final=words.final)

    @pipeline.hooks.on("llm.request")
    async def look_up(context: ChatContext) -> ChatContext | None:
        if "parking" in context.last_user_text():
            return context.fork("Parking is behind the house.")
        return None

    @pipeline.hooks.on("llm.words")
    async def never_promise(words: AsyncIterator[str]) -> AsyncIterator[str]:
        async for word in words:
            yield word.replace("guarantee", "expect")

    @pipeline.hooks.on("tts.words")
    def pronounce(text: str) -> str:
        return text.replace("Cholmondeley", "Chumley")

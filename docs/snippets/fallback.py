"""A front desk that goes on when a provider does not."""

from hookflash import Agent, AgentSession, App, Call, Pipeline, SessionOptions
from hookflash.events.providers import ProviderSwitched
from hookflash.providers.espeak import EspeakTTS
from hookflash.providers.fallback import FallbackLLM, FallbackSTT, FallbackTTS
from hookflash.providers.openai import OpenAILLM
from hookflash.providers.pocketsphinx import PocketsphinxSTT
from hookflash.providers.rules import RuleLLM
from hookflash.providers.tts_cache import TTSAudioCache

app = App()

mind = FallbackLLM(
    [
        OpenAILLM("gpt-4.1-mini"),
        OpenAILLM("llama3.1:8b", base_url="http://localhost:11434/v1", name="ollama"),
        RuleLLM(),
    ],
    first_chunk_timeout=2.5,
)

voice = FallbackTTS(
    [
        TTSAudioCache(EspeakTTS("en-gb"), directory="speech"),
        TTSAudioCache(EspeakTTS("en-us", engine="system")),
    ]
)

ears = FallbackSTT(
    [PocketsphinxSTT(), PocketsphinxSTT(mode="dictation")],
    temporary_disable_sec=30,
    latency_threshold_ms=1500,
)

# One for all calls: what one of them finds out about a provider, all know.
pipeline = Pipeline.local(stt=ears, llm=mind, tts=voice)


async def keep_the_greetings_ready() -> None:
    greetings = TTSAudioCache(EspeakTTS("en-gb"), directory="speech")
    async with greetings:
        await greetings.preload(["Harbour Dental, how can I help?", "One moment, please."])


class FrontDesk(Agent):
    async def on_enter(self) -> None:
        await self.session.reply("Greet the caller.")


@app.on_call
async def answer(call: Call) -> None:
    # Time for the first model to fail, and for the next to answer.
    options = SessionOptions(llm_within=15.0, tts_within=8.0)
    desk = FrontDesk("You answer for Harbour Dental.")
    session: AgentSession[None] = AgentSession(desk, pipeline, options=options)

    @session.on(ProviderSwitched)
    def told(event: ProviderSwitched) -> None:
        print(f"{event.stage}: {event.new} instead of {event.old} ({event.reason})")

    await session.start(call, run_until_shutdown=True)

"""A front desk that hears and speaks with a speech-to-speech model."""

from hookflash import Agent, AgentSession, App, Call, Pipeline, function_tool
from hookflash.providers.base import STT, TTS, VAD
from hookflash.providers.openai_realtime import OpenAIRealtime, SemanticTurns

app = App()
pipeline = Pipeline(realtime=OpenAIRealtime("gpt-realtime", voice="marin"))


class FrontDesk(Agent):
    def __init__(self) -> None:
        super().__init__("You answer the telephone for Harbour Dental. Be brief and friendly.")

    async def on_enter(self) -> None:
        await self.session.reply("Greet the caller: this is Harbour Dental.")

    @function_tool
    async def opening_hours(self, day: str) -> str:
        """Look up when the practice is open.

        Args:
            day: The day as the caller named it.
        """
        return f"{day}: nine to five"


@app.on_call
async def answer(call: Call) -> None:
    await AgentSession(FrontDesk(), pipeline).start(call, run_until_shutdown=True)


class Recorded(FrontDesk):
    async def on_enter(self) -> None:
        await self.session.say("This call is recorded.", interruptible=False)
        await self.session.reply("Greet the caller: this is Harbour Dental.")


def with_our_voice(tts: TTS) -> Pipeline:
    return Pipeline(realtime=OpenAIRealtime(), tts=tts)


def with_our_ears(stt: STT, vad: VAD) -> Pipeline:
    return Pipeline(realtime=OpenAIRealtime(), stt=stt, vad=vad)


def with_our_detector(vad: VAD) -> Pipeline:
    return Pipeline(realtime=OpenAIRealtime(turn_detection=SemanticTurns()), vad=vad)


def with_its_own_voice_and_ours(tts: TTS) -> Pipeline:
    return Pipeline(realtime=OpenAIRealtime(modality="audio"), tts=tts)

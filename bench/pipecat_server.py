"""Pipecat for the same calls. Runs in a virtual environment of its own (`bench/runs.py`).

Its FastAPI WebSocket transport with its Twilio serializer at 8 kHz, on uvicorn and uvloop; its
Silero analyzer with our thresholds and times; the turn ends with the detector's stop. Services
that cost nothing, of its own classes. Observers, metrics, turn tracking and its client protocol
are off, and so is its log.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import fields
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from bench.answer import ANSWER, QUESTION, RATE, SILENCE, START, THRESHOLD, answer_pcm
from bench.gauge import serve_until_done

_TONE = answer_pcm()


class InstantSTT(STTService):
    """Has the caller's words as soon as the caller has stopped."""

    def __init__(self) -> None:
        super().__init__(ttfs_p99_latency=0.0, settings=STTSettings(model=None, language=None))

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Not listen."""
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Give the words behind the end of speech."""
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame):
            await self.push_frame(
                TranscriptionFrame(QUESTION, "", time_now_iso8601(), finalized=True)
            )


class InstantLLM(LLMService):
    """Answers without thinking."""

    def __init__(self) -> None:
        super().__init__(settings=LLMSettings(**_nothing(LLMSettings)))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """One sentence, whole."""
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            await self.push_frame(LLMFullResponseStartFrame())
            await self.push_frame(LLMTextFrame(ANSWER))
            await self.push_frame(LLMFullResponseEndFrame())
        else:
            await self.push_frame(frame, direction)


class InstantTTS(TTSService):
    """Three seconds of a tone, all at once."""

    def __init__(self) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=RATE,
            settings=TTSSettings(model=None, voice=None, language=None),
        )

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame, None]:
        """The tone."""
        yield TTSAudioRawFrame(_TONE, RATE, 1, context_id=context_id)


def _nothing(settings: type[Any]) -> dict[str, None]:
    """Every setting, unset: a service that has none must say so."""
    return {field.name: None for field in fields(settings) if field.name != "extra"}


async def talk(websocket: WebSocket) -> None:
    """Run one call's pipeline."""
    await websocket.accept()
    stream = ""
    while not stream:
        message = await websocket.receive_json()
        if message["event"] == "start":
            stream = message["start"]["streamSid"]
    serializer = TwilioFrameSerializer(
        stream_sid=stream, params=TwilioFrameSerializer.InputParams(auto_hang_up=False)
    )
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, serializer=serializer
        ),
    )
    vad = SileroVADAnalyzer(
        sample_rate=RATE,
        params=VADParams(confidence=THRESHOLD, start_secs=START, stop_secs=SILENCE, min_volume=0.0),
    )
    turns = UserTurnStrategies(
        start=[VADUserTurnStartStrategy()],
        stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)],
    )
    caller, agent = LLMContextAggregatorPair(
        LLMContext([{"role": "system", "content": "Be brief."}]),
        user_params=LLMUserAggregatorParams(vad_analyzer=vad, user_turn_strategies=turns),
    )
    worker = PipelineWorker(
        Pipeline(
            [
                transport.input(),
                InstantSTT(),
                caller,
                InstantLLM(),
                InstantTTS(),
                transport.output(),
                agent,
            ]
        ),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        enable_rtvi=False,
        enable_turn_tracking=False,
        check_dangling_tasks=False,
        idle_timeout_secs=None,
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(_transport: object, _client: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
    await runner.add_workers(worker)
    await runner.run()


async def serve() -> None:
    """Take calls until the bench is done."""
    app = FastAPI()
    app.websocket("/media")(talk)
    config = uvicorn.Config(app, port=0, log_level="error", ws_per_message_deflate=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # it offers nothing to wait for
        await asyncio.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    await serve_until_done(f"ws://127.0.0.1:{port}/media")
    server.should_exit = True
    await serving


def main() -> None:
    """Serve."""
    logger.remove()
    uvloop.run(serve())


if __name__ == "__main__":
    main()

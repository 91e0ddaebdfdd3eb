"""The real path: App and server on uvloop, signed webhooks, a session for each call, Silero."""

import argparse
import cProfile
from typing import NoReturn

from bench.answer import SILENCE, START, THRESHOLD
from bench.callers import ACCOUNT, TOKEN
from bench.gauge import serve_until_done
from bench.instant import InstantLLM, InstantSTT, InstantTTS
from hookflash import Agent, AgentSession, App, Call, Pipeline, SessionOptions, Settings
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.errors import LinkError
from hookflash.machines.turn import TurnConfig
from hookflash.providers.silero import SileroConfig, SileroVAD
from hookflash.runtime import clock
from hookflash.runtime.serve import serving

__all__ = ["main"]


async def serve() -> None:
    """Take calls until the bench is done."""
    vad = SileroVAD(
        SileroConfig(
            start_threshold=THRESHOLD,
            stop_threshold=THRESHOLD,
            min_speech=START,
            min_silence=SILENCE,
        )
    )
    pipeline = Pipeline(stt=InstantSTT(), llm=InstantLLM(), tts=InstantTTS(), vad=vad)
    # The detector's stop time is all the silence that a turn waits for, as with the others.
    turn = TurnConfig(
        complete_delay=0.0, min_delay=SILENCE, min_duration=START, detector_stop=SILENCE
    )
    options = SessionOptions(turn=turn)
    carrier = TwilioCarrier(ACCOUNT, TOKEN, http_client=_no_network)
    app = App(carrier=carrier, settings=Settings(max_calls=10_000))

    @app.on_call
    async def answer(call: Call) -> None:
        session: AgentSession[None] = AgentSession(Agent("Be brief."), pipeline, options=options)
        await session.start(call, run_until_shutdown=True)

    async with serving(app) as address:
        app.public_url = address.http
        await serve_until_done(f"{address.http}/twilio/voice")
    await pipeline.aclose()


def _no_network() -> NoReturn:
    msg = "the bench has no carrier to ask"
    raise LinkError(msg)


def main() -> None:
    """Serve; with `--profile FILE`, under the profiler (which makes it several times slower)."""
    parser = argparse.ArgumentParser(prog="python -m bench.hookflash_server")
    parser.add_argument("--profile")
    options = parser.parse_args()
    if options.profile is None:
        clock.run(serve())
        return
    profiler = cProfile.Profile()
    profiler.enable()
    clock.run(serve())
    profiler.disable()
    profiler.dump_stats(options.profile)


if __name__ == "__main__":
    main()

"""The floor: what a careful program without a framework costs for the same calls.

The `websockets` library on uvloop, a task per call that reads, `json` and `base64`, mu-law by a
numpy table, the Silero network by onnxruntime (one session; one inference per call and window), a
task per answer that sleeps to absolute deadlines and sends ready-made messages. No webhook, no
signature, no recogniser, no model, no history, no truth about what was heard.
"""

import asyncio
import base64
import json
from collections.abc import Callable

import numpy as np
import onnxruntime
import uvloop
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from bench.answer import RATE, SILENCE, START, THRESHOLD, answer_pcm
from bench.gauge import serve_until_done
from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.providers.silero_weights import find_silero_file

__all__ = ["main"]

_FRAME = 0.02
_WINDOW = 256
_CONTEXT = 32
_START_WINDOWS = -(-round(START * RATE) // _WINDOW)
_STOP_WINDOWS = -(-round(SILENCE * RATE) // _WINDOW)

_Judge = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def load_network() -> _Judge:
    """Return what judges a window: (context and samples, state) to (probability, state)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(find_silero_file()), options)
    rate = np.array(RATE, np.int64)

    def judge(window: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        output, following = session.run(None, {"input": window, "state": state, "sr": rate})
        return output, following

    return judge


class Conversation:
    """One call."""

    def __init__(self, socket: ServerConnection, judge: _Judge, answer: list[str]) -> None:
        self._socket = socket
        self._judge = judge
        self._answer = answer
        self._stream = ""
        self._samples = np.zeros(0, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)
        self._speaking = False
        self._contrary = 0
        self._playing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Read until the caller hangs up."""
        try:
            async for message in self._socket:
                event = json.loads(message)
                if event["event"] == "media":
                    await self._hear(base64.b64decode(event["media"]["payload"]))
                elif event["event"] == "start":
                    self._stream = event["start"]["streamSid"]
                elif event["event"] == "stop":
                    return
        finally:
            if self._playing is not None:
                self._playing.cancel()

    async def _hear(self, payload: bytes) -> None:
        pcm = np.frombuffer(ulaw_decode(payload), np.int16).astype(np.float32) / 32768
        self._samples = np.concatenate((self._samples, pcm))
        while len(self._samples) >= _WINDOW:
            window = np.concatenate((self._context, self._samples[:_WINDOW]))
            self._samples = self._samples[_WINDOW:]
            self._context = window[-_CONTEXT:]
            probability, self._state = self._judge(window[None], self._state)
            await self._judged(bool(probability[0, 0] >= THRESHOLD))

    async def _judged(self, speech: bool) -> None:
        self._contrary = self._contrary + 1 if speech is not self._speaking else 0
        if self._contrary < (_STOP_WINDOWS if self._speaking else _START_WINDOWS):
            return
        self._speaking = speech
        self._contrary = 0
        if self._playing is not None:
            self._playing.cancel()
            self._playing = None
            await self._socket.send(json.dumps({"event": "clear", "streamSid": self._stream}))
        if not speech:
            self._playing = asyncio.create_task(self._play())

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        origin = loop.time()
        head = f'{{"event":"media","streamSid":"{self._stream}","media":{{"payload":"'
        for index, payload in enumerate(self._answer):
            await asyncio.sleep(origin + index * _FRAME - loop.time())
            await self._socket.send(f'{head}{payload}"}}}}')


async def serve() -> None:
    """Take calls until the bench is done."""
    judge = load_network()
    codes = ulaw_encode(answer_pcm())
    answer = [base64.b64encode(codes[at : at + 160]).decode() for at in range(0, len(codes), 160)]

    async def talk(socket: ServerConnection) -> None:
        await Conversation(socket, judge, answer).run()

    async with listen(talk, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        await serve_until_done(f"ws://127.0.0.1:{port}/media")


def main() -> None:
    """Serve."""
    uvloop.run(serve())


if __name__ == "__main__":
    main()

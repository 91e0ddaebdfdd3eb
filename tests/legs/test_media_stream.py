"""The media-stream leg over a real WebSocket, with a carrier's buffer at the other end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.emulator.buffer import PlayoutBuffer
from hookflash.events.media import ClearAudio, PlayAudio, SendMark, StreamStarted
from hookflash.legs.base import Leg
from hookflash.legs.media_stream import TWILIO, MediaStreamDoor, MediaStreamLeg
from hookflash.runtime import clock
from hookflash.runtime.serve import serving
from hookflash.runtime.ticker import Ticker
from hookflash.runtime.websocket import DIRECT, Socket, converse
from hookflash.testing import FarSide, check_leg
from hookflash.wire.twilio_media import CarrierWriter, parse_from_app


class Carrier:
    """The other end of the socket: plays what it is sent at real-time pace, as Twilio does."""

    def __init__(self, peer: websockets.ClientConnection) -> None:
        self._peer = peer
        self._writer = CarrierWriter(stream_id="MZ1", call_id="CA1", account_id="AC1")
        self._buffer = PlayoutBuffer()
        self._received: list[tuple[float, bytes]] = []
        self._timestamp = 0
        self._out: asyncio.Queue[str | None] = asyncio.Queue()
        self._gone = False
        self.refused = 0

    def received(self) -> list[tuple[float, bytes]]:
        return self._received

    def send_frame(self, pcm: bytes) -> None:
        self._timestamp += 20
        self._out.put_nowait(self._writer.media(ulaw_encode(pcm), self._timestamp))

    def press(self, digit: str) -> None:
        self._out.put_nowait(self._writer.dtmf(digit))

    def hang_up(self) -> None:
        self._out.put_nowait(self._writer.stop())
        self._out.put_nowait(None)

    def gone(self) -> bool:
        return self._gone

    async def run(self) -> None:
        self._out.put_nowait(self._writer.connected())
        self._out.put_nowait(self._writer.start({}))
        entry = Ticker.current().add(self._tick)
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(self._write())
            with suppress(websockets.ConnectionClosed):
                async for message in self._peer:
                    self._obey(message)
            writing.cancel()
        entry.cancel()
        self._gone = True

    async def _write(self) -> None:
        with suppress(websockets.ConnectionClosed):
            while (text := await self._out.get()) is not None:
                await self._peer.send(text)
        await self._peer.close()

    def _obey(self, message: str | bytes) -> None:
        match parse_from_app(message, "MZ1"):
            case PlayAudio(payload=payload):
                self._received.append((clock.now(), ulaw_decode(payload)))
                self._buffer.play(payload)
            case SendMark(mark=name):
                self._return(self._buffer.mark(name))
            case ClearAudio():
                self._return(self._buffer.clear())
            case _:
                self.refused += 1

    def _tick(self, _deadline: float) -> None:
        self._return(self._buffer.passed())
        self._buffer.take(160)

    def _return(self, names: list[str]) -> None:
        for name in names:
            self._out.put_nowait(self._writer.mark(name))


@asynccontextmanager
async def connected(*, direct: bool) -> AsyncGenerator[tuple[Leg, FarSide], None]:
    legs: asyncio.Queue[MediaStreamLeg] = asyncio.Queue()

    def claim(started: StreamStarted, socket: Socket) -> MediaStreamLeg:
        leg = MediaStreamLeg(socket, TWILIO, started)
        legs.put_nowait(leg)
        return leg

    async def media(websocket: WebSocket) -> None:
        if not direct:
            # As on a server that knows nothing of us.
            del websocket.scope["extensions"][DIRECT]
        await websocket.accept()
        await converse(websocket, lambda socket: MediaStreamDoor(socket, TWILIO, claim))

    async with (
        serving(Starlette(routes=[WebSocketRoute("/media", media)])) as address,
        websockets.connect(f"{address.ws}/media", proxy=None) as peer,
    ):
        carrier = Carrier(peer)
        running = asyncio.create_task(carrier.run())
        leg = await legs.get()
        yield leg, carrier
        leg.close()
        await running
        assert carrier.refused == 0


@pytest.mark.parametrize("direct", [True, False])
def test_a_media_stream_leg_does_what_every_leg_must(direct: bool) -> None:
    clock.run(check_leg(lambda: connected(direct=direct)), virtual=True)


@pytest.mark.parametrize("direct", [True, False])
def test_a_peer_that_takes_nothing_is_dropped(direct: bool) -> None:
    async def main() -> None:
        async with connected(direct=direct) as (leg, carrier):
            assert isinstance(carrier, Carrier)
            carrier._peer.transport.pause_reading()
            assert isinstance(leg, MediaStreamLeg)
            for _ in range(40_000):
                leg._send_frame(bytes(320))
                if leg.closed:
                    break
            carrier._peer.transport.resume_reading()
            assert await leg.wait_closed() in {"link_lost", "peer_closed"}

    clock.run(main(), virtual=True)


def test_too_many_malformed_messages_end_the_leg() -> None:
    async def main() -> None:
        async with connected(direct=True) as (leg, carrier):
            assert isinstance(carrier, Carrier)
            for _ in range(1_001):
                carrier._out.put_nowait('{"event":"media"}')
            assert await leg.wait_closed() == "protocol"
            assert isinstance(leg, MediaStreamLeg)
            assert leg.refused["type"] == 1_001

    clock.run(main(), virtual=True)

"""Frames of every kind, cut in every way, against the listener on our server."""

import asyncio
from typing import cast

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from hookflash.runtime import clock
from hookflash.runtime.fast_websocket import DirectWebSocketProtocol
from hookflash.runtime.websocket import DIRECT, MAX_MESSAGE_BYTES, Attach

UPGRADE = (
    b"GET /media HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Wire(asyncio.Transport):
    """What the protocol writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[bytes, bool]] = []

    def message_received(self, message: bytes, is_text: bool) -> None:
        assert type(message) is bytes
        self.heard.append((message, is_text))

    def socket_closed(self, code: int) -> None:
        self.heard.append((b"closed %d" % code, False))


def client(opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = True) -> bytes:
    return Frame(opcode, data, fin=fin).serialize(mask=mask, extensions=[])


def listened(
    data: bytes, step: int, *, early: bytes = b""
) -> tuple[list[tuple[bytes, bool]], Wire]:
    """Send `early` before anyone listens, then `data` in pieces of `step` bytes."""
    listener, wire = Listener(), Wire()

    async def main() -> None:
        ready, over = asyncio.Event(), asyncio.Event()
        scopes: list[Scope] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scopes.append(scope)
            await send({"type": "websocket.accept"})
            ready.set()
            await over.wait()

        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            ws_max_size=MAX_MESSAGE_BYTES,
            ws_per_message_deflate=False,
        )
        config.load()
        protocol = DirectWebSocketProtocol(config, ServerState(), {})
        protocol.connection_made(wire)
        protocol.data_received(UPGRADE)
        await ready.wait()
        protocol.data_received(early)
        attach = cast("dict[str, Attach]", scopes[0]["extensions"])[DIRECT]
        attach(listener)
        wire.sent.clear()
        for at in range(0, len(data), step):
            protocol.data_received(data[at : at + step])
        protocol.stop_keepalive()
        over.set()
        await asyncio.sleep(0)

    clock.run(main(), virtual=True)
    return listener.heard, wire


EVERYTHING = b"".join(
    (
        client(Opcode.TEXT, b"short"),
        client(Opcode.TEXT, b"x" * 125),
        client(Opcode.TEXT, b"y" * 126),
        client(Opcode.TEXT, b""),
        client(Opcode.PING, b"are you there"),
        client(Opcode.PONG, b""),
        client(Opcode.BINARY, b"\x00\x81\x80"),
        client(Opcode.TEXT, b"z" * 65_535),
        client(Opcode.TEXT, b"in ", fin=False),
        client(Opcode.PING, b"between"),
        client(Opcode.CONT, b"two parts"),
        client(Opcode.TEXT, b"w" * 65_536),
        client(Opcode.TEXT, b"last"),
    )
)
ALL_HEARD = [
    (b"short", True),
    (b"x" * 125, True),
    (b"y" * 126, True),
    (b"", True),
    (b"\x00\x81\x80", False),
    (b"z" * 65_535, True),
    (b"in two parts", True),
    (b"w" * 65_536, True),
    (b"last", True),
]


@pytest.mark.parametrize("step", [1, 3, 8, 1448, 1_000_000])
def test_messages_are_the_same_however_their_bytes_are_cut(step: int) -> None:
    heard, wire = listened(EVERYTHING, step)
    assert heard == ALL_HEARD
    pongs = (Frame(Opcode.PONG, b"are you there"), Frame(Opcode.PONG, b"between"))
    assert wire.sent == b"".join(pong.serialize(mask=False) for pong in pongs)


@pytest.mark.parametrize("split", [0, 1, 5, 11])
def test_what_came_before_anyone_listened_is_heard_first_and_whole(split: int) -> None:
    frames = client(Opcode.TEXT, b"early") + client(Opcode.TEXT, b"later")
    heard, _ = listened(frames[split:], 100, early=frames[:split])
    assert heard == [(b"early", True), (b"later", True)]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (client(Opcode.TEXT, b"unmasked", mask=False), 1002),
        (bytes((0xC1, 0x80, 0, 0, 0, 0)), 1002),
        (bytes((0x83, 0x80, 0, 0, 0, 0)), 1002),
        (bytes((0x80, 0x80, 0, 0, 0, 0)), 1002),
        (bytes((0x81, 0xFF)) + (MAX_MESSAGE_BYTES + 1).to_bytes(8) + bytes(4), 1009),
    ],
    ids=["no mask", "reserved bit", "unknown opcode", "continuation of nothing", "too long"],
)
def test_a_broken_frame_closes_the_socket_and_nothing_behind_it_is_heard(
    broken: bytes, code: int
) -> None:
    good = client(Opcode.TEXT, b"good")
    heard, wire = listened(good + broken + good, 10_000)
    assert heard == [(b"good", True)]
    assert wire.sent[0] == 0x88
    assert int.from_bytes(wire.sent[2:4]) == code
    assert wire.closed


def test_nothing_behind_the_peers_close_is_heard() -> None:
    data = client(Opcode.CLOSE, (1000).to_bytes(2)) + client(Opcode.TEXT, b"late")
    heard, wire = listened(data, 10_000)
    assert heard == [(b"closed 1000", False)]
    assert wire.sent == Frame(Opcode.CLOSE, (1000).to_bytes(2)).serialize(mask=False)
    assert wire.closed

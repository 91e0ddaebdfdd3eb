import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from hashlib import sha1

from tests.emulator.customer import go

from hookflash.emulator.media_socket import MediaSocket, Refusal

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Ears:
    """Writes down what comes."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.binaries = 0
        self.closed: list[int] = []

    def message_received(self, text: bytes) -> None:
        self.messages.append(text)

    def binary_received(self) -> None:
        self.binaries += 1

    def socket_closed(self, code: int) -> None:
        self.closed.append(code)


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """Run a server whose end of the protocol is written by hand."""
    handlers: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        # The stream's own callback would report a cancelled task as an exception.
        with suppress(asyncio.CancelledError):
            await serve(reader, writer)
        writer.transport.abort()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}/media"
    finally:
        listener.close()
        for task in handlers:
            task.cancel()
        if handlers:
            await asyncio.wait(handlers)


async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Answer the upgrade (RFC 6455, section 4.2.2); return the request."""
    request = await reader.readuntil(b"\r\n\r\n")
    lines = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if line)
    key = lines[b"Sec-WebSocket-Key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(sha1(key).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    return request


async def opened(url: str, ears: Ears, timeout: float = 10.0) -> MediaSocket | Refusal:
    return await MediaSocket.open(url, signature="signed=", listener=ears, timeout=timeout)


def test_the_upgrade_is_signed() -> None:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await upgrade(reader, writer))
        await reader.read()

    async def main() -> None:
        async with server(serve) as url:
            opening = await opened(url, Ears())
            assert isinstance(opening, MediaSocket)
            opening.close()
            await opening.lost
        assert requests[0].startswith(b"GET /media HTTP/1.1\r\n")
        assert b"\r\nX-Twilio-Signature: signed=\r\n" in requests[0]

    go(main())


def test_fragments_are_joined_and_pings_answered() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(b"\x01\x02he" + b"\x89\x01p" + b"\x00\x02ll" + b"\x80\x01o" + b"\x82\x01!")
        pong = await reader.readexactly(7)
        assert pong[:2] == b"\x8a\x81"
        writer.write(b"\x88\x02\x03\xe8")
        await reader.read()

    async def main() -> None:
        ears = Ears()
        async with server(serve) as url:
            opening = await opened(url, ears)
            assert isinstance(opening, MediaSocket)
            await opening.lost
        assert (ears.messages, ears.binaries, ears.closed) == ([b"hello"], 1, [1000])

    go(main())


def test_a_server_that_does_not_speak_websocket_is_refused() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await reader.read()

    async def main() -> None:
        async with server(serve) as url:
            assert await opened(url, Ears()) == Refusal(
                "31920", "the upgrade was answered with 200, not 101"
            )

    go(main())


def test_a_server_that_speaks_nonsense_is_refused() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await reader.read()

    async def main() -> None:
        async with server(serve) as url:
            refusal = await opened(url, Ears())
            assert isinstance(refusal, Refusal)
            assert refusal.code == "31920"

    go(main())


def test_a_server_that_hangs_up_is_refused() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def main() -> None:
        async with server(serve) as url:
            refusal = await opened(url, Ears())
            assert isinstance(refusal, Refusal)
            assert refusal.code == "31920"

    go(main())


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def main() -> None:
        async with server(serve) as url:
            began = asyncio.get_running_loop().time()
            refusal = await opened(url, Ears(), timeout=10.0)
            assert refusal == Refusal("31901", "no WebSocket in 10 s")
            assert asyncio.get_running_loop().time() - began == 10.0

    go(main())


def test_a_server_that_does_not_answer_the_close_is_left_after_5_s() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await reader.read()
        await asyncio.sleep(100.0)

    async def main() -> None:
        ears = Ears()
        async with server(serve) as url:
            opening = await opened(url, ears)
            assert isinstance(opening, MediaSocket)
            began = asyncio.get_running_loop().time()
            opening.close()
            opening.close()
            await opening.lost
            assert asyncio.get_running_loop().time() - began == 5.0
        assert ears.closed == [1006]

    go(main())


def test_a_server_that_takes_no_data_is_cut_off() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        # A reader whose buffer is full stops the transport.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.sleep(1000.0)

    async def main() -> None:
        ears = Ears()
        async with server(serve) as url:
            opening = await opened(url, ears)
            assert isinstance(opening, MediaSocket)
            sent = 0
            while not ears.closed:
                for _ in range(100):
                    opening.send("x" * 10_000)
                sent += 1
                assert sent < 50
                await asyncio.sleep(0.02)
            opening.send("dropped")
        assert ears.closed == [1006]

    go(main())

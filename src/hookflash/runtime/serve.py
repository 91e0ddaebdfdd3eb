"""An ASGI server inside our own process, on a port that is really bound when it says so."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import msgspec
import uvicorn
from starlette.types import ASGIApp

from hookflash.errors import ConfigError
from hookflash.runtime.fast_websocket import DirectWebSocketProtocol
from hookflash.runtime.websocket import MAX_MESSAGE_BYTES

__all__ = ["Address", "serving"]


class Address(msgspec.Struct, frozen=True):
    """Where a server listens."""

    host: str
    port: int

    @property
    def http(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://{self.host}:{self.port}"

    @property
    def ws(self) -> str:
        """The base URL for WebSockets, without a trailing slash."""
        return f"ws://{self.host}:{self.port}"


def bind(host: str, port: int) -> socket.socket:
    """Bind a listening socket; port 0 takes a free one.

    Raises:
        ConfigError: the port is taken or may not be used; the message says what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off on accepted connections; with
    # it on, every second small write (a media message) waits 40 ms for a delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as exc:
        listener.close()
        msg = f"cannot listen on {host}:{port} ({exc.strerror}). Choose another with --port."
        raise ConfigError(msg) from exc
    listener.setblocking(False)
    return listener


@asynccontextmanager
async def serving(
    app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[Address]:
    """Serve an ASGI application while the block runs; yields where it listens.

    Lifespan events run. On exit connections are closed and everything has ended.

    Raises:
        ConfigError: the port is taken, or the application failed to start.
    """
    listener = bind(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws=DirectWebSocketProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="server")
    try:
        await server.is_up(task)
        name = listener.getsockname()
        yield Address(host, int(name[1]))
    finally:
        server.should_exit = True
        await asyncio.wait([task])
        listener.close()


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: our process has its own."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield

    async def is_up(self, task: "asyncio.Task[None]") -> None:
        """Wait until connections are accepted."""
        while not self.started:
            if task.done():
                cause = None if task.cancelled() else task.exception()
                msg = "the application failed to start; its log says why"
                raise ConfigError(msg) from cause
            await asyncio.sleep(0.005)

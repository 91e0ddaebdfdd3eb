"""Point the vendor's own Python SDK (`twilio` 9) at an emulator.

```python
client = Client(carrier.account_sid, carrier.auth_token,
                http_client=twilio_http_client(carrier.base_url))
```

The SDK's synchronous client blocks: in a program that also runs the emulator, call it in a thread
(`asyncio.to_thread`). Code that makes its `Client` itself runs inside `patched_twilio_sdk`.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from hookflash.errors import MissingExtra

if TYPE_CHECKING:
    # The SDK is an extra, loaded when used; it has no types of its own.
    from twilio.http.async_http_client import AsyncTwilioHttpClient
    from twilio.http.http_client import TwilioHttpClient
    from twilio.http.response import Response

__all__ = ["patched_twilio_sdk", "twilio_async_http_client", "twilio_http_client"]


def _moved(url: str, base_url: str) -> str:
    """Replace scheme, host and port of `url`, whichever product's, region's or edge's it is."""
    base = urlsplit(base_url)
    return urlunsplit(urlsplit(url)._replace(scheme=base.scheme, netloc=base.netloc))


def _classes() -> "tuple[type[TwilioHttpClient], type[AsyncTwilioHttpClient]]":
    try:
        from twilio.http.async_http_client import AsyncTwilioHttpClient
        from twilio.http.http_client import TwilioHttpClient
    except ImportError as exc:
        raise MissingExtra("twilio", "twilio") from exc
    return TwilioHttpClient, AsyncTwilioHttpClient


def twilio_http_client(base_url: str) -> "TwilioHttpClient":
    """Return an `http_client` for `twilio.rest.Client` that asks the emulator.

    Args:
        base_url: `CarrierEmulator.base_url`.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    blocking, _ = _classes()

    class EmulatorHttpClient(blocking):  # type: ignore[misc,valid-type]  # no types
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> "Response":
            return super().request(method, _moved(url, base_url), *args, **kwargs)

    client = EmulatorHttpClient()
    # The environment's proxies do not lead to loopback.
    if client.session is not None:
        client.session.trust_env = False
    return client


def twilio_async_http_client(base_url: str) -> "AsyncTwilioHttpClient":
    """Return an `http_client` for the SDK's `..._async` methods. Close it with `await close()`.

    Args:
        base_url: `CarrierEmulator.base_url`.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    _, waiting = _classes()

    class EmulatorAsyncHttpClient(waiting):  # type: ignore[misc,valid-type]  # no types
        async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> "Response":
            return await super().request(method, _moved(url, base_url), *args, **kwargs)

    return EmulatorAsyncHttpClient()


@contextmanager
def patched_twilio_sdk(base_url: str) -> Generator[None]:
    """Let every client of the SDK in this process ask the emulator while the block runs.

    For code that makes its own `Client`.

    Args:
        base_url: `CarrierEmulator.base_url`.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    blocking, waiting = _classes()
    request, request_async = blocking.request, waiting.request

    @wraps(request)
    def moved(self: "TwilioHttpClient", method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        return request(self, method, _moved(url, base_url), *args, **kwargs)

    @wraps(request_async)
    async def moved_async(
        self: "AsyncTwilioHttpClient", method: str, url: str, *args: Any, **kwargs: Any
    ) -> Any:
        return await request_async(self, method, _moved(url, base_url), *args, **kwargs)

    blocking.request, waiting.request = moved, moved_async
    try:
        yield
    finally:
        blocking.request, waiting.request = request, request_async

"""With which key, and where, OpenAI's protocols are spoken."""

import os

from hookflash.errors import ConfigError

__all__ = ["openai_account"]

# Servers that want no key still get one, because the SDK insists on sending one.
_NO_KEY = "none"


def openai_account(api_key: str | None, base_url: str | None) -> tuple[str, str | None]:
    """Return the key to send, and the server's address; None is the vendor's own.

    Args:
        api_key: as the program gave it; without one, and without an address, `OPENAI_API_KEY`.
        base_url: as the program gave it; without one `OPENAI_BASE_URL`.

    Raises:
        ConfigError: the vendor is to be asked, and there is no key.
    """
    url = base_url or os.environ.get("OPENAI_BASE_URL")
    key = api_key
    if key is None and base_url is None:
        key = os.environ.get("OPENAI_API_KEY")
    if not key and not url:
        msg = (
            "OpenAI needs a key: set OPENAI_API_KEY or pass api_key=. "
            "A server that needs none is given by base_url="
        )
        raise ConfigError(msg)
    return key or _NO_KEY, url

"""Addresses that are made for one call: callbacks with a secret in them, and sounds to fetch."""

from collections.abc import Callable
from io import BytesIO

from hookflash.audio.frames import Pcm
from hookflash.audio.wav import write_wav
from hookflash.calls.addresses import Responder
from hookflash.errors import UsageError
from hookflash.runtime.chance import new_token

__all__ = ["Addresses"]

# A transfer needs less than ten; what is more is a leak.
_MOST_CALLBACKS = 10_000
# Ten minutes of speech for each of a hundred transfers at once.
_MOST_SOUND_BYTES = 1_000_000_000


class Addresses:
    """What carriers find below the public URL, by the secret in its address."""

    def __init__(self, base: Callable[[], str]) -> None:
        """Begin with none.

        Args:
            base: the public URL and the carrier's name, `https://example.com/twilio`.
        """
        self._base = base
        self._responders: dict[str, Responder] = {}
        self._sounds: dict[str, bytes] = {}

    def callback(self, responder: Responder) -> "_Address":
        """Have a responder at an address of its own.

        Raises:
            UsageError: there are too many.
        """
        if len(self._responders) >= _MOST_CALLBACKS:
            msg = f"more than {_MOST_CALLBACKS} callbacks are open; close those that are done"
            raise UsageError(msg)
        token = new_token()
        self._responders[token] = responder
        url = f"{self._base()}/callback/{token}"
        return _Address(url, lambda: self._responders.pop(token, None))

    def sound(self, pcm: Pcm, rate: int) -> "_Address":
        """Have a sound at an address of its own.

        Raises:
            UsageError: there are too many.
        """
        file = BytesIO()
        write_wav(file, pcm, rate)
        if sum(map(len, self._sounds.values())) + file.tell() > _MOST_SOUND_BYTES:
            msg = "too many sounds are offered to the carrier; close those that are done"
            raise UsageError(msg)
        token = new_token()
        self._sounds[token] = file.getvalue()
        url = f"{self._base()}/sound/{token}.wav"
        return _Address(url, lambda: self._sounds.pop(token, None))

    def responder(self, token: str) -> Responder | None:
        """Return who is asked there; None: nobody, or nobody any more."""
        return self._responders.get(token)

    def wav(self, token: str) -> bytes | None:
        """Return the WAV file that is there."""
        return self._sounds.get(token)


class _Address:
    """As `calls.addresses.Address`."""

    def __init__(self, url: str, close: Callable[[], object]) -> None:
        self.url = url
        self._close = close

    def close(self) -> None:
        self._close()

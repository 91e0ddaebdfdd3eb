"""Two legs joined to each other inside one process: what one plays, the other hears."""

from hookflash.legs.base import Leg, LegCapabilities
from hookflash.runtime.tape import Tape

__all__ = ["LoopbackLeg", "loopback"]

_CAPABILITIES = LegCapabilities(marks=False, clear=True, digits_in="audio")


class LoopbackLeg(Leg):
    """One end of a `loopback`. Without a buffer between the ends, sent means heard."""

    def __init__(self, sample_rate: int, *, tape: Tape | None = None) -> None:
        """Made by `loopback`, which joins it to its other end."""
        # Frames arrive as they are sent, so a lead would make them early at the other end.
        super().__init__(sample_rate=sample_rate, capabilities=_CAPABILITIES, lead=0.0, tape=tape)
        self._other: LoopbackLeg | None = None

    def join(self, other: "LoopbackLeg") -> None:
        """Make `other` the one that hears this end."""
        self._other = other

    def press(self, digit: str) -> None:
        """Signal a key press to the other end, as a carrier would report it."""
        if self._other is not None and not self._other.closed:
            self._other.take_digit(digit)

    def take_digit(self, digit: str) -> None:
        """The other end pressed a key."""
        self._heard_digit(digit)

    def take_frame(self, pcm: bytes) -> None:
        """The other end played 20 ms."""
        if not self.closed:
            self._heard_audio(pcm)

    def take_close(self) -> None:
        """The other end is gone."""
        self._over("peer_closed")

    def _send_frame(self, pcm: bytes) -> None:
        if self._other is not None:
            self._other.take_frame(pcm)

    def _send_mark(self, mark: str) -> None:
        """No marks: the clock says what was heard."""

    def _send_clear(self) -> None:
        """Nothing waits between the ends."""

    def _shut(self, reason: str) -> None:
        if self._other is not None:
            self._loop.call_soon(self._other.take_close)


def loopback(sample_rate: int = 8000) -> tuple[LoopbackLeg, LoopbackLeg]:
    """Make two legs that hear each other.

    Args:
        sample_rate: Hz on both ends: 8000 as a telephone, 16000 as a good microphone.
    """
    near, far = LoopbackLeg(sample_rate), LoopbackLeg(sample_rate)
    near.join(far)
    far.join(near)
    return near, far

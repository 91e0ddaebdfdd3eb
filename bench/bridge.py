"""What bridges cost, and how late frames are: three-party bridges over media streams, in real time.

The sockets lead nowhere, and the parties' frames are made in the same process, on the same core:
a little of what is measured is the load itself. All talk at once, or one by turns.
"""

import asyncio
import os
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hookflash.audio.g711 import ulaw_encode
from hookflash.calls.bridge import Bridge
from hookflash.events.media import AudioReceived, StreamStarted
from hookflash.legs.media_stream import TWILIO, MediaStreamLeg
from hookflash.runtime import clock

__all__ = ["print_bridges"]

_PARTIES = 3
_SECONDS = 10
_FRAME = 0.02
# A party's frames come at one of so many moments of the 20 ms.
_PHASES = 20
_STREAM = StreamStarted(
    stream_id="MZ1", call_id="CA1", account_id="AC1", encoding="mulaw", sample_rate=8000
)
_SILENT = AudioReceived(payload=b"\xff" * 160)


class _Nowhere:
    """A socket that swallows, and keeps when audio came."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def send(self, text: str) -> None:
        if '"media"' in text[:40]:
            self.times.append(time.monotonic())

    def close(self, code: int = 1000, reason: str = "") -> None:
        pass


def _voice() -> list[AudioReceived]:
    """A second of noise as loud as speech."""
    wave = np.random.default_rng(1).normal(0, 2000, 8000).astype("<i2").tobytes()
    ulaw = ulaw_encode(wave)
    return [AudioReceived(payload=ulaw[at : at + 160]) for at in range(0, 8000, 160)]


async def _feed(legs: Sequence[MediaStreamLeg], *, talkers: int) -> None:
    """Let each leg have a frame every 20 ms, on absolute deadlines."""
    voice = _voice()
    began = clock.now()
    for step in range(round(_SECONDS / _FRAME) * _PHASES):
        await clock.sleep_until(began + step * _FRAME / _PHASES)
        frame, phase = divmod(step, _PHASES)
        for number in range(phase, len(legs), _PHASES):
            speaks = (number + frame // 100) % _PARTIES < talkers
            legs[number].event_received(voice[(frame + number) % 50] if speaks else _SILENT)


def _late(times: Sequence[float]) -> npt.NDArray[np.float64]:
    """How far each frame was behind the leg's own pace, in seconds."""
    settled = np.array(times[50:], np.float64)
    behind: npt.NDArray[np.float64] = settled - np.arange(settled.size) * _FRAME
    # The pace is that of the frame least late: nothing is sent before its time.
    return behind - np.min(behind)


async def _bridges(count: int, *, talkers: int) -> tuple[float, tuple[float, ...]]:
    """Hold some bridges; return the share of a core, and the lateness at 50, 99 and 100 %."""
    sockets = [_Nowhere() for _ in range(count * _PARTIES)]
    legs = [MediaStreamLeg(socket, TWILIO, _STREAM) for socket in sockets]
    bridges = [Bridge() for _ in range(count)]
    for number, leg in enumerate(legs):
        bridges[number // _PARTIES].join(leg)
        await asyncio.sleep(_FRAME / len(legs))
    began = time.process_time()
    await _feed(legs, talkers=talkers)
    spent = (time.process_time() - began) / _SECONDS
    for bridge in bridges:
        await bridge.aclose()
    for leg in legs:
        leg.close()
    late = np.concatenate([_late(socket.times) for socket in sockets])
    return spent, tuple(float(share) for share in np.percentile(late, (50, 99, 100)))


async def _feeding(count: int) -> float:
    """Return the share of a core that feeding takes, without a bridge."""
    legs = [MediaStreamLeg(_Nowhere(), TWILIO, _STREAM) for _ in range(count * _PARTIES)]
    began = time.process_time()
    await _feed(legs, talkers=_PARTIES)
    spent = (time.process_time() - began) / _SECONDS
    for leg in legs:
        leg.close()
    return spent


def print_bridges(counts: Sequence[int] = (10, 100)) -> None:
    """Print, for so many three-party bridges, the share of a core and how late frames are sent."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"load of this machine before: {os.getloadavg()[0]:.2f}")
    for count in counts:
        print(f"{count:4} x {_PARTIES} legs, fed and not bridged: {clock.run(_feeding(count)):.0%}")
        for talkers in (0, 1, _PARTIES):
            spent, (half, most, worst) = clock.run(_bridges(count, talkers=talkers))
            print(
                f"{count:4} bridges, {talkers} of {_PARTIES} talk: {spent:4.0%} of a core;"
                f" frames late by {half * 1000:.1f} ms (p50), {most * 1000:.1f} (p99),"
                f" {worst * 1000:.1f} (worst)"
            )


if __name__ == "__main__":
    print_bridges()

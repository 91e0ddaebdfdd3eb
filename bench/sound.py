"""What a sound under the speech costs: legs over media streams whose sockets lead nowhere."""

import asyncio
import time
from collections.abc import Callable

from bench.answer import answer_pcm
from hookflash.audio.sounds import built_in_sound
from hookflash.events.media import AudioReceived, StreamStarted
from hookflash.legs.media_stream import TWILIO, MediaStreamLeg
from hookflash.pipeline.bed import Bed
from hookflash.runtime import clock

__all__ = ["print_sound"]

_CALLS = 20
_SECONDS = 40
_RATE = 8000
_HEARD = AudioReceived(payload=b"\xff" * 160)
_FIGURE = "{:34} {:8.0f} us {:6.2f}"


class _Nowhere:
    """A socket that swallows."""

    def send(self, text: str) -> None:
        pass

    def close(self, code: int = 1000, reason: str = "") -> None:
        pass


def _leg() -> MediaStreamLeg:
    started = StreamStarted(
        stream_id="MZ1", call_id="CA1", account_id="AC1", encoding="mulaw", sample_rate=_RATE
    )
    return MediaStreamLeg(_Nowhere(), TWILIO, started)


def _office(*, volume: float, duck_db: float) -> Bed:
    pcm = built_in_sound("office", _RATE)
    return Bed(pcm, _RATE, volume=volume, looping=True, duck_db=duck_db)


async def _calls(bed: Callable[[], Bed] | None, *, speaks: bool) -> float:
    """Hold some calls; return the CPU seconds of a second of one of them."""
    legs = [_leg() for _ in range(_CALLS)]
    if bed is not None:
        for leg in legs:
            leg.lay_bed(bed())
    answer = answer_pcm()[: 2 * 2 * _RATE]
    began = time.process_time()
    for second in range(_SECONDS):
        if speaks and second % 4 == 0:  # two seconds of four
            for leg in legs:
                leg.play(answer)
        for _ in range(50):
            for leg in legs:
                leg.event_received(_HEARD)
            await asyncio.sleep(0.02)
    spent = time.process_time() - began
    for leg in legs:
        leg.close()
    return spent / _CALLS / _SECONDS


def print_sound() -> None:
    """Print microseconds of CPU for a call-second of a leg, and the ratio to a leg that speaks."""
    kinds: dict[str, tuple[Callable[[], Bed] | None, bool]] = {
        "speaks half of the time": (None, True),
        "says nothing": (None, False),
        "background alone": (lambda: _office(volume=1.0, duck_db=14.0), False),
        "background alone, softer": (lambda: _office(volume=0.5, duck_db=14.0), False),
        "speaks over a background": (lambda: _office(volume=0.5, duck_db=14.0), True),
    }
    built_in_sound("office", _RATE)
    best = dict.fromkeys(kinds, float("inf"))
    for _ in range(3):  # interleaved, and the best of three: what disturbs only adds
        for kind, (bed, speaks) in kinds.items():
            spent = clock.run(_calls(bed, speaks=speaks), virtual=True)
            best[kind] = min(best[kind], spent)
    first = best["speaks half of the time"]
    for kind, spent in best.items():
        print(_FIGURE.format(kind, spent * 1e6, spent / first))

"""A recording of a leg: one stereo file, time-true, the party left and our side right."""

import asyncio
from pathlib import Path

from hookflash.audio.timeline import Timeline
from hookflash.audio.wav import WavWriter, stereo
from hookflash.legs.base import Leg

__all__ = ["Recorder"]

# What is older than this cannot change any more: a leg sends less far ahead, and a clear takes
# back less. The file is written that far behind the call, and about once a second.
_SETTLED_MS = 500.0
_WRITE_EVERY_MS = 1000.0


class Recorder:
    """Records both sides of a leg to a WAV file from now until it is stopped or the leg closes.

    Our side holds what the party heard: what was sent and then dropped is cut out again. The file
    is whole after every second, also when the process dies.
    """

    def __init__(self, leg: Leg, path: Path) -> None:
        """Begin.

        Args:
            leg: whom to record.
            path: the file; overwritten. Stereo PCM16 at the leg's sample rate.

        Raises:
            OSError: the file cannot be written.
        """
        self._leg = leg
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._party = Timeline(leg.sample_rate)
        self._ours = Timeline(leg.sample_rate)
        self._file: WavWriter | None = WavWriter(path, leg.sample_rate, channels=2)
        self._written_ms = 0.0
        leg.tap(self)
        leg.listen(self)

    def stop(self) -> None:
        """End, and finish the file. Idempotent."""
        if self._file is None:
            return
        self._leg.untap(self)
        self._leg.unlisten(self)
        self._write(self._now_ms())
        self._file.close()
        self._file = None

    # As the leg's tap.

    def tap_in(self, pcm: bytes, at: float) -> None:
        """Audio from the party: its end was received at `at`."""
        length = len(pcm) / 2 / self._leg.sample_rate
        self._party.append(self._ms(at - length), pcm)
        settled = self._now_ms() - _SETTLED_MS
        if settled - self._written_ms >= _WRITE_EVERY_MS:
            self._write(settled)

    def tap_out(self, pcm: bytes, at: float) -> None:
        """Audio to the party, heard from `at` on."""
        self._ours.append(self._ms(at), pcm)

    def tap_cut(self, at: float) -> None:
        """Nothing after `at` was heard."""
        self._ours.truncate_from(self._ms(at))

    # As the leg's listener.

    def audio_received(self, pcm: bytes, at: float) -> None:
        """The tap has it."""

    def digit_received(self, digit: str, at: float) -> None:
        """Keys make no sound here."""

    def leg_closed(self, reason: str) -> None:
        """The call is over."""
        self.stop()

    def _write(self, until_ms: float) -> None:
        if self._file is not None and until_ms > self._written_ms:
            self._file.write(stereo(self._party.take(until_ms), self._ours.take(until_ms)))
            self._written_ms = until_ms

    def _ms(self, moment: float) -> float:
        return max(0.0, (moment - self._began) * 1000)

    def _now_ms(self) -> float:
        return self._ms(self._loop.time())

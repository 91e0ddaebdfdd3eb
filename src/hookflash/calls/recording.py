"""A recording of a leg: one stereo file, time-true, the party left and our side right."""

import asyncio
from pathlib import Path

from hookflash.audio.timeline import Timeline
from hookflash.audio.wav import stereo, write_wav
from hookflash.legs.base import Leg

__all__ = ["Recorder"]


class Recorder:
    """Records both sides of a leg from now until it is stopped.

    Our side holds what the party heard: what was sent and then dropped is cut out again.
    """

    def __init__(self, leg: Leg) -> None:
        """Begin."""
        self._leg = leg
        self._began = asyncio.get_running_loop().time()
        self._party = Timeline(leg.sample_rate)
        self._ours = Timeline(leg.sample_rate)
        leg.tap(self)

    def tap_in(self, pcm: bytes, at: float) -> None:
        """Audio from the party: its end was received at `at`."""
        length = len(pcm) / 2 / self._leg.sample_rate
        self._party.append(self._ms(at - length), pcm)

    def tap_out(self, pcm: bytes, at: float) -> None:
        """Audio to the party, heard from `at` on."""
        self._ours.append(self._ms(at), pcm)

    def tap_cut(self, at: float) -> None:
        """Nothing after `at` was heard."""
        self._ours.truncate_from(self._ms(at))

    def _ms(self, moment: float) -> float:
        return max(0.0, (moment - self._began) * 1000)

    def stop(self) -> bytes:
        """End; return interleaved stereo PCM16 at the leg's sample rate. Idempotent."""
        self._leg.untap(self)
        left, right = self._party.pcm(), self._ours.pcm()
        return stereo(left, right)

    def save(self, path: Path) -> None:
        """End, and write a WAV file."""
        write_wav(path, self.stop(), self._leg.sample_rate, channels=2)

"""Answering-machine detection: who has picked up, judged by what is heard of them.

The rules go by the lengths that the vendor lets one set: a short greeting and then silence is a
human, a long one is a machine, a steady tone is a machine's beep or a fax. A far end may also
have its verdict written down (`far_end.detected_as`), which is what most tests want.

Source: https://www.twilio.com/docs/voice/answering-machine-detection
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from hookflash.audio.levels import rms_dbfs
from hookflash.audio.steady_tones import SteadyTone, ToneDetector
from hookflash.emulator.line import FRAME_SECONDS, LOUD_DBFS, RATE, SILENCE

__all__ = ["AnsweredBy", "Detection", "GreetingJudge", "Verdict"]

AnsweredBy: TypeAlias = Literal[
    "human",
    "machine_start",
    "machine_end_beep",
    "machine_end_silence",
    "machine_end_other",
    "fax",
    "unknown",
]
"""The vendor's words for who has answered."""

# ITU-T T.30: what an answering fax sends, and a calling one for half a second; both +-38 Hz at
# most.
_FAX_HZ: Final = (2100.0, 1100.0)
_FAX_TOLERANCE_HZ: Final = 38.0
_FAX_MS: Final = 350.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What was asked for; times are seconds.

    Attributes:
        to_message_end: wait until a machine's greeting is over (`DetectMessageEnd`).
        asynchronous: carry out the document meanwhile.
        callback: absolute; told of the verdict if `asynchronous`.
        method: `GET` or `POST`.
        timeout: after so long there is a verdict.
        speech_threshold: a greeting of this length is a machine's.
        speech_end_threshold: silence that ends a greeting.
        silence_timeout: silence at the beginning that is `unknown`.
    """

    to_message_end: bool = False
    asynchronous: bool = False
    callback: str | None = None
    method: str = "POST"
    timeout: float = 30.0
    speech_threshold: float = 2.4
    speech_end_threshold: float = 1.2
    silence_timeout: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Who has answered.

    Attributes:
        answered_by: see `AnsweredBy`.
        after: seconds from the answer.
    """

    answered_by: AnsweredBy
    after: float

    def fields(self) -> dict[str, str]:
        """Return what the application is told."""
        return {
            "AnsweredBy": self.answered_by,
            "MachineDetectionDuration": str(round(self.after * 1000)),
        }


class GreetingJudge:
    """A tap that listens to the far end from the answer on; `done` holds the verdict."""

    def __init__(self, detection: Detection) -> None:
        """Listen from the next frame on."""
        self._detection = detection
        self._tones = ToneDetector(RATE)
        self._frames = 0
        self._first_loud: int | None = None
        self._last_loud = 0
        self._is_machine = False
        self.done: asyncio.Future[AnsweredBy] = asyncio.get_running_loop().create_future()

    def frame(self, spoken: bytes, heard: bytes, deadline: float) -> None:
        """Listen to 20 ms."""
        if self.done.done():
            return
        if spoken is not SILENCE and rms_dbfs(spoken) > LOUD_DBFS:
            if self._first_loud is None:
                self._first_loud = self._frames
            self._last_loud = self._frames
        self._frames += 1
        tones = self._tones.push(spoken)
        verdict = self._by_tone(tones[0]) if tones else self._by_lengths()
        if verdict is not None:
            self.done.set_result(verdict)

    def _by_tone(self, tone: SteadyTone) -> AnsweredBy | None:
        is_first = self._first_loud is None or tone.started_ms <= (self._first_loud + 2) * 20
        if is_first and tone.ms >= _FAX_MS:
            for hz in _FAX_HZ:
                if abs(tone.hz - hz) <= _FAX_TOLERANCE_HZ:
                    return "fax"
        return "machine_end_beep" if self._detection.to_message_end else "machine_start"

    def _by_lengths(self) -> AnsweredBy | None:
        wanted = self._detection
        now = self._frames * FRAME_SECONDS
        if self._first_loud is None:
            return "unknown" if now >= min(wanted.silence_timeout, wanted.timeout) else None
        quiet = (self._frames - 1 - self._last_loud) * FRAME_SECONDS
        greeting = (self._last_loud + 1 - self._first_loud) * FRAME_SECONDS
        if greeting >= wanted.speech_threshold and not self._is_machine:
            self._is_machine = True
            if not wanted.to_message_end:
                return "machine_start"
        if quiet >= wanted.speech_end_threshold:
            return "machine_end_silence" if self._is_machine else "human"
        if now >= wanted.timeout:
            return "machine_end_other" if self._is_machine else "unknown"
        return None

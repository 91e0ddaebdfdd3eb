"""The recording of a call: two sides in stereo, or a track for each who spoke."""

from pathlib import Path
from typing import Literal, TypeAlias

from hookflash.calls.track_recording import TrackRecorder
from hookflash.errors import UsageError
from hookflash.legs.base import Leg

__all__ = ["CallTracks", "Recorder"]

CallTracks: TypeAlias = Literal["sides", "parties"]
"""What is on the tracks of a call's recording: `sides` or `parties`; see `Recorder`."""

_CALLER, _AGENT, _PEOPLE = range(3)


class Recorder(TrackRecorder):
    """Records a call from now until it is stopped or the call's leg closes.

    `sides` are two tracks: left what the party says, right what the party hears.

    `parties` are three: what the party says (0); what our side says, to the party and to whoever
    was brought in, without music and other sounds that lie under it (1); and what those say who
    were brought in (2), which they share.

    Attributes:
        layout: what is on the tracks.
    """

    def __init__(self, leg: Leg, path: Path, tracks: CallTracks = "sides") -> None:
        """Begin.

        Args:
            leg: whom to record.
            path: the file; overwritten. `.wav` is PCM16 at the leg's sample rate; `.opus` and
                `.ogg` are Ogg Opus, for `sides` alone.
            tracks: what is on them.

        Raises:
            MissingExtra: Opus, and `soundfile` is not installed.
            UsageError: another kind of file, or other tracks.
            LegClosed: the leg is over.
            OSError: the file cannot be written.
        """
        if tracks not in ("sides", "parties"):
            msg = f"tracks is {tracks!r}; give sides or parties"
            raise UsageError(msg)
        parties = tracks == "parties"
        super().__init__(path, tracks=3 if parties else 2, rate=leg.sample_rate, until=leg)
        self.layout: CallTracks = tracks
        self.add(leg, _CALLER)
        self.add(leg, _AGENT, "speech" if parties else "heard")

    def add_person(self, leg: Leg) -> None:
        """Record somebody who was brought in, and what our side says to them, until they leave.

        Of `sides` they are no part until the party hears them, and nothing happens; nor does it
        once the recording or the leg is over. Idempotent.
        """
        if self.layout == "parties" and not (self.stopped or leg.closed):
            self.add(leg, _PEOPLE)
            self.add(leg, _AGENT, "speech")

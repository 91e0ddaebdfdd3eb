"""A party of a conference: on which terms it takes part, what it hears and what is heard of it."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from hookflash.audio.levels import rms_dbfs
from hookflash.audio.mix import mix
from hookflash.emulator.call import EmulatedCall, Status
from hookflash.emulator.line import LOUD_DBFS, SILENCE
from hookflash.emulator.sound import Channel
from hookflash.runtime.clock import wall

__all__ = ["LeaveReason", "Participant", "Terms", "add"]

_DEPTH: Final = 3  # frames that one side of a ticker may run ahead of the other
_SPEECH_FRAMES: Final = 3
_PAUSE_FRAMES: Final = 50  # a second without sound: they have stopped speaking

LeaveReason: TypeAlias = Literal[
    "conference_ended_via_api",
    "moderator_ended_conference",
    "participant_updated_via_api",
    "participant_hung_up",
    "participant_add_failed",
]
"""The vendor's words for why somebody is not in a conference any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a party takes part.

    Attributes:
        label: its name within the room.
        muted: the others do not hear it.
        hold: it hears music instead of the others, and they do not hear it.
        hold_url: what it hears on hold, absolute; None is the vendor's music.
        hold_method: `GET` or `POST`.
        wait_url: what it hears until the conference starts, absolute; None is the vendor's music,
            "" is silence.
        wait_method: `GET` or `POST`.
        beep_on_enter: all hear a beep when it joins.
        beep_on_exit: the others hear one when it leaves.
        start_on_enter: the conference may start with it.
        end_on_exit: the conference ends with it.
        coached: the call of the one party that hears it, if it is a coach.
    """

    label: str | None = None
    muted: bool = False
    hold: bool = False
    hold_url: str | None = None
    hold_method: str = "GET"
    wait_url: str | None = None
    wait_method: str = "POST"
    beep_on_enter: bool = True
    beep_on_exit: bool = True
    start_on_enter: bool = True
    end_on_exit: bool = False
    coached: str | None = None


class Participant:
    """A party of a conference, or somebody who is being dialled into one.

    It is a tap and a source of its call.
    """

    def __init__(
        self, call: EmulatedCall, terms: Terms, *, has_started: Callable[[], bool]
    ) -> None:
        """Describe a party that is not in the room yet.

        Args:
            call: its own.
            terms: how it takes part.
            has_started: whether those in the room hear each other.
        """
        self.call = call
        self.terms = terms
        self._has_started = has_started
        self.is_present = False
        """Whether it is in the room."""
        self.created = self.updated = wall()
        self.entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when it has joined, or cannot any more."""
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when it is not in the room any more, or cannot come."""
        self.reason_left: LeaveReason | None = None
        self.announcements = Channel()
        self.meanwhile = Channel()
        """What it hears on hold, or while it waits for the conference to start."""
        self.entertainment: asyncio.Task[None] | None = None
        self.mouth: deque[bytes] = deque(maxlen=_DEPTH)
        self.ear: deque[bytes] = deque(maxlen=_DEPTH)
        self.is_speaking = False
        self._loud_run = 0
        self._quiet_run = 0

    @property
    def status(self) -> str:
        """The vendor's word: `queued connecting ringing connected complete failed`."""
        if self.is_present:
            return "connected"
        if self.call.is_over or self.left.done():
            return "failed" if self.call.answered_at is None else "complete"
        return {Status.QUEUED: "queued", Status.RINGING: "ringing"}.get(
            self.call.status, "connecting"
        )

    @property
    def is_apart(self) -> bool:
        """Whether it neither hears the others nor is heard."""
        return self.terms.hold or not self._has_started()

    def frame(self, spoken: bytes, heard: bytes, deadline: float) -> None:
        """Take what the party spoke; nobody hears it who is apart."""
        if not self.is_apart:
            self.mouth.append(spoken)

    def next_frame(self) -> bytes:
        """Return what the party hears; an announcement to it alone drowns music, not people."""
        announced = self.announcements.next_frame()
        if self.is_apart:
            meanwhile = self.meanwhile.next_frame()
            return meanwhile if announced is SILENCE else announced
        return add([self.ear.popleft() if self.ear else SILENCE, announced])

    def speech_changed(self, spoken: bytes) -> bool:
        """Listen to 20 ms; say whether the party has begun, or stopped, to speak."""
        if spoken is not SILENCE and rms_dbfs(spoken) > LOUD_DBFS:
            self._loud_run, self._quiet_run = self._loud_run + 1, 0
        else:
            self._loud_run, self._quiet_run = 0, self._quiet_run + 1
        changed = (
            self._quiet_run >= _PAUSE_FRAMES
            if self.is_speaking
            else self._loud_run >= _SPEECH_FRAMES
        )
        if changed:
            self.is_speaking = not self.is_speaking
        return changed

    def fields(self) -> dict[str, str]:
        """Return what callbacks say of it."""
        terms = self.terms
        fields = {
            "CallSid": self.call.sid,
            "Muted": _word(terms.muted),
            "Hold": _word(terms.hold),
            "Coaching": _word(terms.coached is not None),
            "EndConferenceOnExit": _word(terms.end_on_exit),
            "StartConferenceOnEnter": _word(terms.start_on_enter),
        }
        if terms.label is not None:
            fields["ParticipantLabel"] = terms.label
        return fields


def add(frames: Iterable[bytes]) -> bytes:
    """Add frames; silence stays the one silent frame."""
    loud = [frame for frame in frames if frame is not SILENCE]
    if not loud:
        return SILENCE
    return loud[0] if len(loud) == 1 else mix(loud)


def _word(value: bool) -> str:
    return "true" if value else "false"

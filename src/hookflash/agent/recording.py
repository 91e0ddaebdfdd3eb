"""The recording of a session's call: consent, pauses, and what listeners are told."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import msgspec

from hookflash.agent.answers import Answers
from hookflash.agent.emitter import Emitter
from hookflash.agent.utterance import UtteranceHandle
from hookflash.calls.call import Call
from hookflash.calls.recording import CallTracks, Recorder
from hookflash.calls.track_recording import RecordingState, TrackRecorder, why_unwritable
from hookflash.errors import ConfigError, MissingExtra, SessionClosed, UsageError
from hookflash.events.recording import (
    RecordingDeclined,
    RecordingPaused,
    RecordingResumed,
    RecordingStarted,
    RecordingStopped,
)
from hookflash.machines.assent import assents
from hookflash.runtime.tasks import TaskOwner

__all__ = ["RecordingConfig", "SessionRecording"]

_SENSITIVE = "sensitive"


class RecordingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a session's call is recorded.

    Attributes:
        folder: where the file goes, which is named for the call; it is made if it is not there.
            None: where the `App` records (`Settings.record_dir`).
        format: `wav`, or `opus`, which needs the extra `sound` and a tenth of the disk. It counts
            where there is a `folder`.
        tracks: `sides` is stereo: the caller left, right what the caller hears. `parties` gives a
            track each to the caller, the agent, and the people the caller is handed to: what each
            of them says, and no music; only as `wav`.
        consent: said before anything else; the recording begins when it was heard, and what the
            App had recorded until then is deleted. Empty: it begins at once.
        require_consent: whether the caller must say yes to it. Then the agent begins once they
            have answered; anything but a yes is a no.
        declined: said when they have said no; may be empty.
        answer_within: seconds that the caller has to answer. Silence is a no.

    Raises:
        ConfigError: a field is out of its range.
        MissingExtra: Opus, and `soundfile` is not installed.
    """

    folder: Path | None = None
    format: Literal["wav", "opus"] = "wav"
    tracks: CallTracks = "sides"
    consent: str = ""
    require_consent: bool = False
    declined: str = "All right, this call is not recorded."
    answer_within: float = 8.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.format not in ("wav", "opus"):
            msg = f"format is {self.format!r}; give wav or opus"
            raise ConfigError(msg)
        if self.tracks not in ("sides", "parties"):
            msg = f"tracks is {self.tracks!r}; give sides or parties"
            raise ConfigError(msg)
        if self.tracks == "parties" and self.format == "opus":
            msg = "format is opus, which has two tracks; tracks='parties' needs three: give wav"
            raise ConfigError(msg)
        if self.format == "opus" and find_spec("soundfile") is None:
            package = "soundfile"
            raise MissingExtra(package, "sound")
        if self.require_consent and not self.consent.strip():
            msg = "require_consent needs a question in consent"
            raise ConfigError(msg)
        if not 0 < self.answer_within <= 60:
            msg = f"answer_within is {self.answer_within}; give seconds above 0, at most 60"
            raise ConfigError(msg)


class SessionRecording:
    """Looks after the recording of one session's call, whoever began it."""

    def __init__(
        self,
        call: Call,
        config: RecordingConfig | None,
        *,
        say: Callable[[str], UtteranceHandle],
        answers: Answers,
        emitter: Emitter,
        owner: TaskOwner,
    ) -> None:
        """Know the call; `begin` is next.

        Args:
            call: answered.
            config: None begins no recording, and looks after the one that there is.
            say: says a sentence that cannot be interrupted.
            answers: where the caller's consent is waited for.
            emitter: tells listeners.
            owner: whose task waits until the consent sentence was heard.
        """
        self._call = call
        self._config = config
        self._say = say
        self._answers = answers
        self._emitter = emitter
        self._owner = owner
        self._state = RecordingState.STOPPED
        self._ours = False
        self._concealed = False
        self._followed: Recorder | None = None

    async def begin(self) -> None:
        """Begin to record as configured; ask the caller first if they must consent.

        Raises:
            ConfigError: there is no folder to record to.
            UsageError: there is no synthesiser for the consent sentence.
        """
        config, current = self._config, self._call.recording
        if current is not None and current.stopped:
            current = None
        if config is None:
            if current is not None:
                self._follow(current)
            return
        path = current.path if current is not None else None
        if config.folder is not None:
            path = config.folder / f"{self._call.id}.{config.format}"
        elif path is not None and config.tracks == "parties":
            path = path.with_suffix(".wav")  # the App may record Opus
        if path is None:
            msg = "give RecordingConfig(folder=...), or the App a record_dir"
            raise ConfigError(msg)
        if current is not None:
            as_wished = (current.path, current.layout) == (path, config.tracks)
            if as_wished and not config.consent:
                self._follow(current)
                return
            current.discard()
        if not config.consent:
            self._try(path)
            return
        sentence = self._say(config.consent)
        if config.require_consent:
            await sentence
            await self._ask(config, path)
        else:
            self._owner.start(self._once_heard(sentence, path), name="consent")

    def start(self, path: Path) -> Recorder:
        """Record to `path` from now on, with the tracks of the configuration.

        Raises:
            SessionClosed: the call is over.
            UsageError: it is being recorded already, or another kind of file.
            MissingExtra: Opus, and `soundfile` is not installed.
            OSError: the file cannot be written.
        """
        tracks = "sides" if self._config is None else self._config.tracks
        recorder = self._call.record(path, tracks)
        self._ours = True
        self._follow(recorder)
        return recorder

    def pause(self) -> None:
        """Record silence from now on. Idempotent."""
        self._recorder().pause()

    def resume(self) -> None:
        """Record sound again, unless sensitive mode is on. Idempotent."""
        self._recorder().resume()

    def stop(self) -> None:
        """End the recording. Idempotent."""
        self._recorder().stop()

    def conceal(self, on: bool) -> None:
        """Sensitive mode went on or off."""
        self._concealed = on
        recorder = self._call.recording
        if recorder is not None:
            (recorder.pause if on else recorder.resume)(_SENSITIVE)

    def close(self) -> None:
        """The session is over, and nothing more is told. Idempotent.

        What it began to record ends with it, unless the caller is with somebody else now: then
        the recording goes on until the caller's call ends.
        """
        recorder, self._followed = self._followed, None
        if recorder is None:
            return
        if self._ours and not self._call.handed_over:
            recorder.stop()
        recorder.unwatch(self._changed)
        if self._call.handed_over:
            recorder.resume(_SENSITIVE)  # what was to be kept secret was said to us

    def _recorder(self) -> Recorder:
        if self._call.recording is None:
            msg = "the call is not recorded; start_recording() begins"
            raise UsageError(msg)
        return self._call.recording

    def _follow(self, recorder: Recorder) -> None:
        self._followed = recorder
        self._state = RecordingState.RECORDING
        self._emitter.tell(RecordingStarted, path=str(recorder.path))
        recorder.watch(self._changed)
        if self._concealed:
            recorder.pause(_SENSITIVE)
        elif recorder.state is not self._state:
            self._changed(recorder)

    def _changed(self, recorder: TrackRecorder) -> None:
        self._state = recorder.state
        match recorder.state:
            case RecordingState.PAUSED:
                self._emitter.tell(RecordingPaused)
            case RecordingState.RECORDING:
                self._emitter.tell(RecordingResumed)
            case RecordingState.STOPPED:
                if recorder.error is not None:
                    self._failed(recorder.path, recorder.error)
                self._emitter.tell(
                    RecordingStopped,
                    path=str(recorder.path),
                    seconds=recorder.seconds,
                    pauses=_merged(recorder),
                    failed=recorder.error is not None,
                )

    async def _ask(self, config: RecordingConfig, path: Path) -> None:
        try:
            answer = await self._answers.wait(config.answer_within)
        except SessionClosed:
            return
        consents = None if answer is None else assents(answer.text)
        if consents:
            self._try(path)
            return
        reason = "silence" if answer is None else "unclear" if consents is None else "no"
        self._emitter.tell(RecordingDeclined, reason=reason)
        if config.declined:
            self._say(config.declined)

    async def _once_heard(self, sentence: UtteranceHandle, path: Path) -> None:
        await sentence
        if self._call.leg is None or self._call.leg.closed:
            return
        if sentence.error is not None or sentence.interrupted:
            self._emitter.tell_error(
                "recording", "consent_not_heard", "the call is not recorded: no consent sentence"
            )
            return
        self._try(path)

    def _try(self, path: Path) -> None:
        """Begin; a recording that cannot be is an event, and the call goes on."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.start(path)
        except SessionClosed:
            return
        except (OSError, UsageError) as exc:
            self._failed(path, exc)

    def _failed(self, path: Path, error: OSError | UsageError) -> None:
        why = why_unwritable(error)
        self._emitter.tell_error("recording", "recording_failed", f"{path.name}: {why}")


def _merged(recorder: TrackRecorder) -> tuple[tuple[float, float], ...]:
    spans: list[tuple[float, float]] = []
    for pause in recorder.pauses:
        ended = recorder.seconds if pause.ended is None else pause.ended
        if spans and pause.began <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], ended))
        else:
            spans.append((pause.began, ended))
    return tuple(spans)

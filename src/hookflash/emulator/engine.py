"""Carries out TwiML on a call.

Which verbs answer a call that still rings: all that need sound (`Say Play Gather Record Dial
Connect Start`); a `Pause`, `Redirect`, `Reject` or `Hangup` that comes first does not.

Source: https://www.twilio.com/docs/voice/twiml
"""

import asyncio
from dataclasses import replace
from enum import Enum
from typing import Final, Literal, assert_never

from hookflash.audio.tones import beep
from hookflash.emulator.account import Account, Recording
from hookflash.emulator.attendance import Attendance
from hookflash.emulator.call import Document, EmulatedCall, Status
from hookflash.emulator.conference import Conferences
from hookflash.emulator.dialling import Dialling, Place
from hookflash.emulator.documents import Player, read
from hookflash.emulator.gathering import gather
from hookflash.emulator.line import RATE, cut, keypad_frames
from hookflash.emulator.log import VerbStep
from hookflash.emulator.media import MediaStream
from hookflash.emulator.queueing import Dequeuing, Enqueuing, Queues
from hookflash.emulator.recorder import Recorder
from hookflash.emulator.sound import Clip
from hookflash.emulator.webhooks import NoReply, is_web_address, join_address
from hookflash.runtime.clock import wall
from hookflash.wire.twiml import (
    Conference,
    Connect,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Pause,
    Play,
    Queue,
    Record,
    Redirect,
    Refer,
    Reject,
    Response,
    Say,
    Start,
    Stop,
    Stream,
    Verb,
)

__all__ = ["Engine"]

_APPLICATION_ERROR: Final = "We are sorry. This application has failed. Goodbye."
_MAX_FORKS: Final = 4
# What becomes of a call that a SIP telephone was referred to, by the code that it reports.
_REFERRED: Final = {200: "in-progress", 486: "busy", 480: "no-answer", 408: "no-answer"}


class _Then(Enum):
    """What follows a verb, if not another document."""

    NEXT = "next"
    END = "end"
    LEAVE = "leave"


class Engine:
    """The program of every call: fetches its documents and carries them out."""

    def __init__(
        self, account: Account, place: Place, conferences: Conferences, queues: Queues
    ) -> None:
        """Work for an account.

        Args:
            account: whose calls.
            place: dials somebody for `Dial`.
            conferences: the rooms that calls meet in.
            queues: where calls wait.
        """
        self._account = account
        self._place = place
        self._conferences = conferences
        self._queues = queues

    async def __call__(self, call: EmulatedCall, document: Document) -> None:
        """Carry out a document and what follows from it, until the call should end."""
        run = _Run(self._account, self._place, self._conferences, self._queues, call)
        if call.send_digits:
            digits, call.send_digits = call.send_digits, ""
            await run.press(digits)
        await run.documents(document)


class _Run:
    """One call's way through its documents."""

    def __init__(
        self,
        account: Account,
        place: Place,
        conferences: Conferences,
        queues: Queues,
        call: EmulatedCall,
    ) -> None:
        self._account = account
        self._place = place
        self._conferences = conferences
        self._queues = queues
        self._call = call
        self._player = Player(account, call, call_sid=call.sid)
        self._document = Document()

    # Documents.

    async def documents(self, document: Document) -> _Then:
        """Carry out a document and its successors.

        Returns:
            `END` if a `Hangup` (or an error) ended them, `LEAVE` if a `Leave` did, `NEXT` if the
            last one was finished.
        """
        following: Document | _Then = document
        for _ in range(self._account.settings.max_documents):
            if isinstance(following, _Then):
                return following
            response = await self._load(following)
            if response is None:
                await self._apologise()
                return _Then.END
            following = await self._carry_out(response)
        self._notice("11200", "the documents of this call run in circles; it was ended")
        return _Then.END

    async def _load(self, document: Document) -> Response | None:
        """Fetch and read a document, or its fallback; None if neither is any good."""
        self._document = document
        fault = await self._read(document)
        if isinstance(fault, Response):
            return fault
        self._notice(fault.code, fault.message, document.url)
        if not document.fallback_url:
            return None
        fallback = Document(
            url=document.fallback_url,
            method=document.fallback_method,
            purpose="fallback",
            params={"ErrorCode": fault.code, "ErrorUrl": document.url or ""},
        )
        self._document = fallback
        second = await self._read(fallback)
        if isinstance(second, Response):
            return second
        self._notice(second.code, second.message, fallback.url)
        return None

    async def _read(self, document: Document) -> Response | NoReply:
        fields = self._call.request_fields()
        return await read(self._account, document, fields, call_sid=self._call.sid)

    async def _apologise(self) -> None:
        """Say that the application has failed."""
        self._call.answer()
        await self._player.say(Say(_APPLICATION_ERROR))

    def _goto(self, url: str | None, method: str, **params: str) -> Document | _Then:
        """Return the document at an address; None or "" is the present one's own."""
        target = self._absolute(url or self._document.url or "")
        if target is None:
            return _Then.NEXT
        return Document(
            url=target,
            method=method,
            purpose="action",
            params=params,
            fallback_url=self._document.fallback_url,
            fallback_method=self._document.fallback_method,
        )

    def _absolute(self, url: str) -> str | None:
        """Complete an address of the document; None, and a notice, if that cannot be done."""
        target = join_address(self._document.url, url)
        if target is None:
            self._notice("11100", "an address is malformed, or relative to no document's", url)
        return target

    # Verbs.

    async def _carry_out(self, response: Response) -> Document | _Then:
        for place, verb in enumerate(response.verbs):
            name = type(verb).__name__
            self._note(name, begun=True)
            self._look_ahead(verb, response.verbs[place + 1 :])
            then = await self._do(verb, first=place == 0)
            self._note(name, begun=False)
            if then is not _Then.NEXT:
                return then
        return _Then.NEXT

    async def _do(self, verb: Verb, *, first: bool) -> Document | _Then:
        match verb:
            case Pause(length=length):
                await asyncio.sleep(length)
            case Hangup():
                return _Then.END
            case Reject():
                return self._reject(verb, first=first)
            case Redirect(url=url, method=method):
                target = self._goto(url, method)
                if isinstance(target, Document):
                    return replace(target, purpose="redirect")
            case Stop(stream=name):
                self._stop_stream(name)
            case Dial():
                return await self._dial(verb)
            case Say() | Play() | Gather() | Record() | Connect() | Start():
                self._call.answer()
                return await self._sound(verb)
            case Refer():
                return await self._refer(verb)
            case Enqueue():
                return await self._enqueue(verb)
            case Leave():
                return _Then.LEAVE
            case _:
                assert_never(verb)
        return _Then.NEXT

    async def _sound(
        self, verb: Say | Play | Gather | Record | Connect | Start
    ) -> Document | _Then:
        match verb:
            case Say():
                await self._player.say(verb)
            case Play():
                await self._play(verb)
            case Gather():
                return await self._gather(verb)
            case Record():
                return await self._record(verb)
            case Connect():
                return await self._connect(verb)
            case Start(stream=stream):
                self._fork(stream)
            case _:
                assert_never(verb)
        return _Then.NEXT

    # Saying and playing.

    async def _play(self, verb: Play) -> None:
        if verb.digits is not None:
            await self.press(verb.digits)
        url = self._absolute(verb.url) if verb.url else None
        if url is not None:
            await self._player.play(url, verb.loop)

    async def press(self, digits: str) -> None:
        """Press keys towards the far end."""
        call = self._call
        audible = self._account.settings.keys_audible or not call.takes_keys
        pairs = keypad_frames(digits, audible=audible)
        clip = Clip(
            [frame for frame, _ in pairs], keys=[key for _, key in pairs], on_key=call.send_key
        )
        with call.playing(clip):
            await clip.done

    # Collecting.

    async def _gather(self, verb: Gather) -> Document | _Then:
        if verb.partial_result_callback:
            self._not_emulated("partialResultCallback of <Gather>")
        fields = await gather(self._call, verb, self._prompts(verb))
        return _Then.NEXT if fields is None else self._goto(verb.action, verb.method, **fields)

    async def _prompts(self, verb: Gather) -> None:
        for prompt in verb.prompts:
            match prompt:
                case Say():
                    await self._player.say(prompt)
                case Play():
                    await self._play(prompt)
                case Pause(length=length):
                    await asyncio.sleep(length)
                case _:
                    assert_never(prompt)

    async def _record(self, verb: Record) -> Document | _Then:
        if verb.transcribe or verb.transcribe_callback:
            self._not_emulated("transcription in <Record>")
        call = self._call
        if verb.play_beep:
            await self._player.repeat(cut(beep(RATE, 500.0)), 1)
        recording = Recording(
            sid=self._account.sids.new("RE"),
            call_sid=call.sid,
            pcm=b"",
            status="in-progress",
            source="RecordVerb",
            started=wall(),
        )
        self._account.recordings[recording.sid] = recording
        self._tell_recording(verb, recording, "in-progress")
        recorder = Recorder(
            timeout=float(verb.timeout),
            max_length=float(verb.max_length),
            finish_on_key=verb.finish_on_key,
        )
        call.add_tap(recorder)
        try:
            with call.keys_to(recorder.key):
                await recorder.done
        finally:
            call.remove_tap(recorder)
            recording.pcm = recorder.pcm(trim=verb.trim == "trim-silence")
            recording.status = "completed" if recorder.has_sound else "absent"
            self._tell_recording(verb, recording, recording.status)
            if call.is_over and recorder.has_sound:
                # Nobody is left to be told what to do, but the recording is announced.
                self._tell_action(verb, recording)
        if not recorder.has_sound:
            return _Then.NEXT
        fields = self._recording_fields(recording) | {"Digits": recorder.ended_by}
        return self._goto(verb.action, verb.method, **fields)

    def _tell_action(self, verb: Record, recording: Recording) -> None:
        target = self._goto(verb.action, verb.method)
        if isinstance(target, Document) and target.url is not None:
            fields = self._call.request_fields() | self._recording_fields(recording)
            self._call.post("action", target.url, verb.method, fields | {"Digits": "hangup"})

    def _recording_fields(self, recording: Recording) -> dict[str, str]:
        return {
            "RecordingSid": recording.sid,
            "RecordingUrl": f"{self._account.base_url}{self._account.path}"
            f"/Recordings/{recording.sid}",
            "RecordingDuration": str(recording.seconds),
        }

    def _tell_recording(self, verb: Record, recording: Recording, status: str) -> None:
        if not verb.recording_status_callback or status not in verb.recording_status_callback_event:
            return
        url = self._absolute(verb.recording_status_callback)
        if url is None:
            return
        fields = self._recording_fields(recording) | {
            "AccountSid": self._account.sid,
            "CallSid": self._call.sid,
            "RecordingStatus": status,
            "RecordingChannels": "1",
            "RecordingSource": recording.source,
            "RecordingTrack": "inbound",
            "RecordingStartTime": recording.started.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        }
        self._call.post("recording", url, verb.recording_status_callback_method, fields)

    # Streams.

    async def _connect(self, verb: Connect) -> Document | _Then:
        call = self._call
        callback = verb.stream.status_callback
        described = replace(
            verb.stream, status_callback=self._absolute(callback) if callback else None
        )
        stream = MediaStream(self._account, call, described, bidirectional=True)
        try:
            if await stream.open():
                with call.keys_to(stream.key), call.playing(stream):
                    await asyncio.shield(stream.ended)
        finally:
            stream.stop()
        if verb.action is None:
            return _Then.NEXT
        return self._goto(verb.action, verb.method)

    def _fork(self, described: Stream) -> None:
        callback = described.status_callback
        if callback and not is_web_address(callback):
            self._notice("11200", "callbacks of <Start> must have absolute addresses", callback)
            described = replace(described, status_callback=None)
        forks = [one for one in self._call.streams if one.is_live and not one.bidirectional]
        if len(forks) >= _MAX_FORKS:
            self._account.lint(
                "forks", f"a call has at most {_MAX_FORKS} forks", call_sid=self._call.sid
            )
            return
        stream = MediaStream(self._account, self._call, described, bidirectional=False)
        self._account.tasks.start(stream.open(), name=f"{self._call.sid}/{stream.sid}")

    def _stop_stream(self, name: str) -> None:
        named = [one for one in self._call.streams if one.name == name and not one.bidirectional]
        if not named:
            self._account.lint(
                "stop_unknown", "<Stop> names a stream that is not there", call_sid=self._call.sid
            )
        for stream in named:
            stream.stop()

    # Others.

    async def _dial(self, verb: Dial) -> Document | _Then:
        call = self._call
        meeting = [noun for noun in verb.nouns if isinstance(noun, Conference | Queue)]
        if meeting or not verb.answer_on_bridge:
            call.answer()
        return await self._carry_through(
            verb, self._met(verb, meeting[0]) if meeting else self._called(verb)
        )

    async def _enqueue(self, verb: Enqueue) -> Document | _Then:
        self._call.answer()
        if verb.queue is None:
            self._not_emulated("workflowSid of <Enqueue>")
            return _Then.NEXT
        waiting = Enqueuing(
            self._call,
            verb,
            verb.queue,
            queues=self._queues,
            absolute=self._absolute,
            hear=self._hear,
            times=self._account.settings.max_documents,
        )
        then = await self._carry_through(verb, waiting)
        return _Then.END if waiting.hung_up else then

    async def _hear(self, document: Document) -> Literal["next", "leave", "end"]:
        """Carry out a document that is heard while waiting."""
        return (await self._another(self._call).documents(document)).value

    async def _carry_through(
        self, verb: Dial | Enqueue, errand: Dialling | Attendance | Dequeuing | Enqueuing
    ) -> Document | _Then:
        """Run what a verb began, and tell its action how it ended."""
        call = self._call
        try:
            await errand.run()
        except asyncio.CancelledError:
            # Hung up or pulled away: the outcome is still announced, the answer not obeyed.
            if verb.action is not None:
                target = self._goto(verb.action, verb.method)
                if isinstance(target, Document) and target.url is not None:
                    fields = call.request_fields() | errand.fields()
                    call.post("action", target.url, verb.method, fields)
            raise
        if verb.action is None:
            return _Then.NEXT
        return self._goto(verb.action, verb.method, **errand.fields())

    def _another(self, call: EmulatedCall) -> "_Run":
        """Return a way through other documents."""
        return _Run(self._account, self._place, self._conferences, self._queues, call)

    def _met(self, verb: Dial, noun: Conference | Queue) -> Attendance | Dequeuing:
        if isinstance(noun, Conference):
            return Attendance(
                self._account,
                self._call,
                verb,
                noun,
                conferences=self._conferences,
                absolute=self._absolute,
            )
        return Dequeuing(
            self._call,
            verb,
            noun,
            queues=self._queues,
            absolute=self._absolute,
            whisper=self._whisper,
        )

    def _called(self, verb: Dial) -> Dialling:
        return Dialling(
            self._account,
            self._call,
            verb,
            place=self._place,
            absolute=self._absolute,
            whisper=self._whisper,
        )

    async def _refer(self, verb: Refer) -> Document | _Then:
        call = self._call
        call.answer()
        far = call.from_ if call.direction == "inbound" else call.to
        if not far.startswith(("sip:", "sips:")):
            self._notice("13801", "<Refer> is for calls from or to SIP telephones")
            return _Then.NEXT
        accepted, outcome = await call.refer(verb.uri)
        fields = {"ReferSipResponseCode": str(accepted)}
        if accepted // 100 == 2 and outcome is not None:
            fields["NotifySipResponseCode"] = str(outcome)
            fields["ReferCallStatus"] = _REFERRED.get(outcome, "failed")
        if verb.action is None:
            return _Then.NEXT
        return self._goto(verb.action, verb.method, **fields)

    async def _whisper(self, callee: EmulatedCall, document: Document) -> bool:
        """Carry out a document on the called party's call; whether it may be connected."""
        then = await self._another(callee).documents(document)
        return then is _Then.NEXT and not callee.is_over

    def _reject(self, verb: Reject, *, first: bool) -> _Then:
        if not first or self._call.answered_at is not None:
            self._notice("12200", "<Reject> must be the first verb", warn=True)
        elif verb.reason == "busy":
            self._call.end(Status.BUSY, by="document", sip_code=486)
        else:
            self._call.end(Status.NO_ANSWER, by="document", sip_code=603)
        return _Then.END

    def _look_ahead(self, verb: Verb, rest: tuple[Verb, ...]) -> None:
        if (
            isinstance(verb, Connect)
            and verb.action is None
            and rest
            and isinstance(rest[0], Pause)
        ):
            self._account.lint(
                "silent_line",
                "a <Pause> after <Connect> leaves a caller in silence once the stream ends",
                call_sid=self._call.sid,
            )

    def _not_emulated(self, what: str) -> None:
        self._account.lint(
            "not_emulated", f"the emulator does not know {what}", call_sid=self._call.sid
        )

    def _notice(
        self, code: str, message: str, url: str | None = None, *, warn: bool = False
    ) -> None:
        self._account.notice(
            code,
            message,
            call_sid=self._call.sid,
            url=url or "",
            level="warning" if warn else "error",
        )

    def _note(self, verb: str, *, begun: bool) -> None:
        phase: Literal["begun", "ended"] = "begun" if begun else "ended"
        self._account.log.add(VerbStep(call_sid=self._call.sid, verb=verb, phase=phase))

"""TwiML: what an App tells Twilio to do with a call, as values; rendered and parsed.

`render` writes what our App answers, `parse` reads what the carrier (our emulator) is answered.
Verbs and nouns are frozen dataclasses with Twilio's names: `hangup_on_star` here is `hangupOnStar`
there. A default is Twilio's own, so an attribute that has it is not written.

The two sides judge differently. `render` refuses what Twilio would refuse, strip or cut, since
our own program wrote it. `parse` takes what it can, as Twilio does: what it does not know it
leaves out, and adds a warning.

URLs are text, absolute or relative to the document's own; "" is the document's own URL. Lengths
and timeouts are whole seconds, those of machine detection milliseconds.

Source: https://www.twilio.com/docs/voice/twiml
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, Final, Literal, Never, TypeAlias, TypeVar, assert_never, cast, get_args

from hookflash.errors import ProtocolError, UsageError
from hookflash.wire.markup import Element, read_xml, write_xml

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "MAX_PARAMETER_CHARACTERS",
    "MAX_SAY_CHARACTERS",
    "Beep",
    "CallProgress",
    "Client",
    "Conference",
    "ConferenceProgress",
    "Connect",
    "Detection",
    "Dial",
    "DialNoun",
    "DialRecord",
    "Document",
    "Enqueue",
    "Gather",
    "GatherInput",
    "Hangup",
    "Leave",
    "Method",
    "Number",
    "Parameter",
    "Pause",
    "Play",
    "Prompt",
    "Queue",
    "Record",
    "RecordingProgress",
    "Redirect",
    "Refer",
    "Reject",
    "Response",
    "Say",
    "Sip",
    "Start",
    "Stop",
    "Stream",
    "Track",
    "Trim",
    "TwimlWarning",
    "Verb",
    "parse",
    "render",
]

MAX_DOCUMENT_BYTES: Final = 65_536
"""The longest document that Twilio takes."""

MAX_SAY_CHARACTERS: Final = 4096
"""The longest text of one `Say`."""

MAX_PARAMETER_CHARACTERS: Final = 499
"""The longest `Parameter`, name and value together."""

_MALFORMED: Final = "12100"  # "Document parse failure"
_SCHEMA: Final = "12200"  # "Schema validation warning"

Method: TypeAlias = Literal["GET", "POST"]
Track: TypeAlias = Literal["inbound_track", "outbound_track", "both_tracks"]
Trim: TypeAlias = Literal["trim-silence", "do-not-trim"]
Detection: TypeAlias = Literal["Enable", "DetectMessageEnd"]
GatherInput: TypeAlias = Literal["dtmf", "speech"]
Beep: TypeAlias = Literal["true", "false", "onEnter", "onExit"]
DialRecord: TypeAlias = Literal[
    "do-not-record",
    "record-from-answer",
    "record-from-ringing",
    "record-from-answer-dual",
    "record-from-ringing-dual",
]
CallProgress: TypeAlias = Literal["initiated", "ringing", "answered", "completed"]
RecordingProgress: TypeAlias = Literal["in-progress", "completed", "absent"]
ConferenceProgress: TypeAlias = Literal[
    "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"
]

# How a field is spelled as an attribute. What can be read back is what may be written.


@dataclass(frozen=True, slots=True)
class _Spelling:
    """Reads the text of one attribute; `read` raises ValueError, `wanted` says what it takes."""

    read: Callable[[str], object]
    wanted: str


_KIND: Final = "spelling"  # where a field's metadata has its _Spelling
OptionT = TypeVar("OptionT")


def _spelled(spelling: _Spelling) -> dict[str, _Spelling]:
    return {_KIND: spelling}


def _text() -> str | None:
    return field(default=None, metadata=_spelled(_Spelling(str, "text")))


def _private_text() -> str | None:
    return field(default=None, repr=False, metadata=_spelled(_Spelling(str, "text")))


def _word(default: str) -> str:
    return field(default=default, metadata=_spelled(_Spelling(str, "text")))


def _flag(default: bool) -> bool:
    def read(text: str) -> bool:
        if text not in {"true", "false"}:
            raise ValueError
        return text == "true"

    return field(default=default, metadata=_spelled(_Spelling(read, "true or false")))


def _read_number(low: int, high: int) -> _Spelling:
    def read(text: str) -> int:
        # int() alone would also take "1_0", " 1" and digits of other scripts.
        if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return _Spelling(read, f"a whole number from {low} to {high}")


def _number(default: int, low: int, high: int) -> int:
    return field(default=default, metadata=_spelled(_read_number(low, high)))


def _optional_number(low: int, high: int) -> int | None:
    return field(default=None, metadata=_spelled(_read_number(low, high)))


def _read_option(options: object) -> _Spelling:
    allowed: tuple[str, ...] = get_args(options)

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError
        return text

    return _Spelling(read, f"one of {', '.join(allowed)}")


def _choice(default: OptionT, options: object) -> OptionT:
    return field(default=default, metadata=_spelled(_read_option(options)))


def _optional_choice(options: object) -> Any:
    return field(default=None, metadata=_spelled(_read_option(options)))


def _method(default: Method = "POST") -> Method:
    one = _read_option(Method)
    return field(
        default=default,
        metadata=_spelled(_Spelling(lambda text: one.read(text.upper()), one.wanted)),
    )


def _words(default: tuple[OptionT, ...], options: object) -> tuple[OptionT, ...]:
    one = _read_option(options)

    def read(text: str) -> tuple[object, ...]:
        return tuple(one.read(word) for word in text.split())

    return field(
        default=default,
        metadata=_spelled(_Spelling(read, f"{one.wanted}, or several with a space between")),
    )


def _read_keys(keys: str, most: int = MAX_DOCUMENT_BYTES) -> _Spelling:
    def read(text: str) -> str:
        if len(text) > most or any(key not in keys for key in text):
            raise ValueError
        return text

    limit = "" if most == MAX_DOCUMENT_BYTES else f", at most {most}"
    return _Spelling(read, f"only of {' '.join(keys)}{limit}")


def _keys(default: str, keys: str) -> str:
    return field(default=default, metadata=_spelled(_read_keys(keys)))


def _secret_keys(keys: str, most: int = MAX_DOCUMENT_BYTES) -> str | None:
    return field(default=None, repr=False, metadata=_spelled(_read_keys(keys, most)))


def _speech_timeout() -> int | Literal["auto"] | None:
    number = _read_number(1, _LONG)

    def read(text: str) -> object:
        return text if text == "auto" else number.read(text)

    return field(default=None, metadata=_spelled(_Spelling(read, f"auto, or {number.wanted}")))


_LONG: Final = 14_400  # four hours: the longest call and the longest recording
_KEYPAD: Final = "0123456789*#"
_TONES: Final = _KEYPAD + "ABCDwW"

# Nouns of Connect and Start.


@dataclass(frozen=True, slots=True)
class Parameter:
    """A name and a value that come back in the stream's `start` message (or at the client)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A WebSocket that the carrier opens to carry the call's audio.

    Attributes:
        url: `wss://...`. Twilio strips its query, so `render` refuses one: use `parameters`.
            `ws://...` is for an emulator on this machine.
        name: to stop it by.
        track: which audio is sent. In `Connect` only `inbound_track` is possible.
        status_callback: where starting, stopping and errors are reported.
        connector_name: of an add-on.
    """

    url: str
    _: KW_ONLY
    parameters: tuple[Parameter, ...] = ()
    name: str | None = _text()
    track: Track = _choice("inbound_track", Track)
    status_callback: str | None = _text()
    status_callback_method: Method = _method()
    connector_name: str | None = _text()


# Nouns of Dial.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoint:
    """What all nouns that ring somebody have.

    Attributes:
        url: a document for the called party before the two are connected; a `Hangup` in it
            declines.
        status_callback: where the progress of the called party's call is reported.
    """

    url: str | None = _text()
    method: Method = _method()
    status_callback: str | None = _text()
    status_callback_event: tuple[CallProgress, ...] = _words(("completed",), CallProgress)
    status_callback_method: Method = _method()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Detected(_Endpoint):
    """What nouns have that a machine may answer.

    Attributes:
        machine_detection: None does not look for machines.
        machine_detection_timeout: seconds until it gives up.
        machine_detection_speech_threshold: ms; a longer greeting is a machine's.
        machine_detection_speech_end_threshold: ms of silence that end a greeting.
        machine_detection_silence_timeout: ms of silence at the start until it gives up.
        amd_status_callback: where the verdict is reported; the call does not wait for it.
    """

    machine_detection: Detection | None = _optional_choice(Detection)
    machine_detection_timeout: int = _number(30, 3, 60)
    machine_detection_speech_threshold: int = _number(2400, 1000, 6000)
    machine_detection_speech_end_threshold: int = _number(1200, 500, 5000)
    machine_detection_silence_timeout: int = _number(5000, 2000, 10_000)
    amd_status_callback: str | None = _text()
    amd_status_callback_method: Method = _method()


@dataclass(frozen=True, slots=True)
class Number(_Detected):
    """A telephone number, in E.164 form. Its `repr` shows neither number nor digits.

    Attributes:
        send_digits: keys to press once it is answered; `w` waits half a second, `W` one.
        byoc: the SID of a trunk of one's own.
    """

    number: str = field(repr=False)
    _: KW_ONLY
    send_digits: str | None = _secret_keys(_TONES, 32)
    byoc: str | None = _text()


@dataclass(frozen=True, slots=True)
class Sip(_Detected):
    """A SIP address: `sip:user@host`, headers to send as its query."""

    uri: str
    _: KW_ONLY
    username: str | None = _text()
    password: str | None = _private_text()


@dataclass(frozen=True, slots=True)
class Client(_Endpoint):
    """An application that holds a telephone in itself, by its identity."""

    identity: str
    _: KW_ONLY
    parameters: tuple[Parameter, ...] = ()
    status_callback_event: tuple[CallProgress, ...] = _words((), CallProgress)


@dataclass(frozen=True, slots=True)
class Conference:
    """A room, by its name; made when the first party enters.

    Attributes:
        participant_label: a name for this party within the room.
        coach: the call SID of the one party that hears this one.
        jitter_buffer_size: how long late audio is waited for: 20, 40 or 60 ms at least.
        wait_url: what a party hears until the conference starts; None is Twilio's music, "" is
            silence.
    """

    room: str
    _: KW_ONLY
    muted: bool = _flag(False)
    beep: Beep = _choice("true", Beep)
    start_conference_on_enter: bool = _flag(True)
    end_conference_on_exit: bool = _flag(False)
    participant_label: str | None = _text()
    jitter_buffer_size: Literal["small", "medium", "large", "off"] = _choice(
        "large", Literal["small", "medium", "large", "off"]
    )
    max_participants: int = _number(250, 2, 250)
    record: Literal["do-not-record", "record-from-start"] = _choice(
        "do-not-record", Literal["do-not-record", "record-from-start"]
    )
    region: str | None = _text()
    coach: str | None = _text()
    trim: Trim = _choice("trim-silence", Trim)
    wait_url: str | None = _text()
    wait_method: Method = _method()
    status_callback: str | None = _text()
    status_callback_event: tuple[ConferenceProgress, ...] = _words((), ConferenceProgress)
    status_callback_method: Method = _method()
    recording_status_callback: str | None = _text()
    recording_status_callback_method: Method = _method()
    recording_status_callback_event: tuple[RecordingProgress, ...] = _words(
        ("completed",), RecordingProgress
    )
    recording_configuration_id: str | None = _text()
    event_callback_url: str | None = _text()


@dataclass(frozen=True, slots=True)
class Queue:
    """The call that waits longest in the queue of this name.

    Attributes:
        url: a document for the waiting party before the two are connected.
    """

    queue: str
    _: KW_ONLY
    url: str | None = _text()
    method: Method = _method()
    reservation_sid: str | None = _text()
    post_work_activity_sid: str | None = _text()


DialNoun: TypeAlias = Number | Sip | Client | Conference | Queue

# Verbs.


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a text of at most `MAX_SAY_CHARACTERS`.

    Speech markup (SSML) in a document that is parsed is reduced to the words to be spoken.

    Attributes:
        loop: how often; 0 is without end.
    """

    text: str
    _: KW_ONLY
    voice: str | None = _text()
    language: str | None = _text()
    loop: int = _number(1, 0, 1000)


@dataclass(frozen=True, slots=True)
class Play:
    """Play a file, or press keys.

    Attributes:
        url: of a WAV, MP3, AIFF, GSM or µ-law file; not needed with `digits`.
        loop: how often; 0 is without end.
        digits: `0-9 A-D * #`; `w` waits half a second, `W` one.
    """

    url: str | None = None
    _: KW_ONLY
    loop: int = _number(1, 0, 1000)
    digits: str | None = _secret_keys(_TONES)


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait in silence. As the first verb it does not answer the call: it keeps ringing.

    Attributes:
        length: seconds.
    """

    _: KW_ONLY
    length: int = _number(1, 1, _LONG)


Prompt: TypeAlias = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Gather:
    """Collect keys or speech while prompts play; go on with the next verb if there was nothing.

    Attributes:
        prompts: what plays; the first key stops it.
        input: what is collected.
        action: where the result goes; its answer replaces this document. None is this document.
        timeout: seconds without a key (or a word) that end it.
        speech_timeout: seconds of silence that end speech; `auto` is up to Twilio; None is
            `timeout`.
        max_speech_time: seconds.
        finish_on_key: one key that ends it and is not part of the result; "" is no key.
        num_digits: how many keys end it; None is no limit.
        action_on_empty_result: go to `action` even if there was nothing.
    """

    prompts: tuple[Prompt, ...] = ()
    _: KW_ONLY
    input: tuple[GatherInput, ...] = _words(("dtmf",), GatherInput)
    action: str | None = _text()
    method: Method = _method()
    timeout: int = _number(5, 0, _LONG)
    speech_timeout: int | Literal["auto"] | None = _speech_timeout()
    max_speech_time: int = _number(60, 1, _LONG)
    finish_on_key: str = _keys("#", _KEYPAD)
    num_digits: int | None = _optional_number(1, _LONG)
    partial_result_callback: str | None = _text()
    partial_result_callback_method: Method = _method()
    language: str = _word("en-US")
    hints: str | None = _text()
    profanity_filter: bool = _flag(True)
    barge_in: bool = _flag(True)
    action_on_empty_result: bool = _flag(False)
    speech_model: str | None = _text()
    enhanced: bool = _flag(False)
    debug: bool = _flag(False)


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller; go on with the next verb if nothing was said.

    Attributes:
        action: where the recording's address goes; None is this document, so beware of a loop.
        timeout: seconds of silence that end it.
        finish_on_key: keys, each of which ends it; "" is none.
        max_length: seconds.
    """

    _: KW_ONLY
    action: str | None = _text()
    method: Method = _method()
    timeout: int = _number(5, 0, _LONG)
    finish_on_key: str = _keys("1234567890*#", _KEYPAD)
    max_length: int = _number(3600, 1, _LONG)
    play_beep: bool = _flag(True)
    trim: Trim = _choice("trim-silence", Trim)
    recording_status_callback: str | None = _text()
    recording_status_callback_method: Method = _method()
    recording_status_callback_event: tuple[RecordingProgress, ...] = _words(
        ("completed",), RecordingProgress
    )
    recording_configuration_id: str | None = _text()
    transcribe: bool = _flag(False)
    transcribe_callback: str | None = _text()


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring somebody and connect them with this call.

    Attributes:
        nouns: whom: all at once, and the first to answer has it; or one `Conference` or `Queue`.
        action: where the result goes; its answer replaces this document. None goes on with the
            next verb.
        timeout: seconds to ring.
        time_limit: seconds to talk.
        caller_id: what the called party sees; None is the caller's own.
        answer_on_bridge: the caller hears ringing, and is not answered, until they are.
        sequential: ring one after another.
        refer_url: where a request of the far end to be transferred goes.
    """

    nouns: tuple[DialNoun, ...]
    _: KW_ONLY
    action: str | None = _text()
    method: Method = _method()
    timeout: int = _number(30, 5, 600)
    time_limit: int = _number(_LONG, 1, _LONG)
    hangup_on_star: bool = _flag(False)
    caller_id: str | None = _private_text()
    answer_on_bridge: bool = _flag(False)
    sequential: bool = _flag(False)
    ring_tone: str | None = _text()
    record: DialRecord = _choice("do-not-record", DialRecord)
    recording_track: Literal["inbound", "outbound", "both"] = _choice(
        "both", Literal["inbound", "outbound", "both"]
    )
    trim: Trim = _choice("do-not-trim", Trim)
    recording_status_callback: str | None = _text()
    recording_status_callback_method: Method = _method()
    recording_status_callback_event: tuple[RecordingProgress, ...] = _words(
        ("completed",), RecordingProgress
    )
    recording_configuration_id: str | None = _text()
    refer_url: str | None = _text()
    refer_method: Method = _method()
    events: str | None = _text()
    passports: str | None = _text()


@dataclass(frozen=True, slots=True)
class Connect:
    """Hand the call's audio to a stream, both ways, until we close its WebSocket.

    Attributes:
        stream: one.
        action: requested when the stream has ended; None goes on with the next verb.
    """

    stream: Stream
    _: KW_ONLY
    action: str | None = _text()
    method: Method = _method()


@dataclass(frozen=True, slots=True)
class Start:
    """Begin to copy the call's audio to a stream, and go on with the next verb at once."""

    stream: Stream
    _: KW_ONLY
    action: str | None = _text()
    method: Method = _method()


@dataclass(frozen=True, slots=True)
class Stop:
    """End the stream of this name that `Start` began."""

    stream: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with the document at this URL. Nothing after it is carried out."""

    url: str
    _: KW_ONLY
    method: Method = _method()


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not answer. Must be the first verb."""

    _: KW_ONLY
    reason: Literal["rejected", "busy"] = _choice("rejected", Literal["rejected", "busy"])


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Wait in the queue of this name; None if a workflow assigns the call.

    Attributes:
        action: where the result goes; None goes on with the next verb.
        wait_url: what is heard meanwhile.
    """

    queue: str | None = None
    _: KW_ONLY
    action: str | None = _text()
    method: Method = _method()
    wait_url: str | None = _text()
    wait_url_method: Method = _method()
    max_queue_size: int = _number(100, 1, 5000)
    workflow_sid: str | None = _text()


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the queue (in a document that a waiting party hears)."""


@dataclass(frozen=True, slots=True)
class Refer:
    """Ask the caller's SIP telephone to call this address instead."""

    uri: str
    _: KW_ONLY
    action: str | None = _text()
    method: Method = _method()


Verb: TypeAlias = (
    Say
    | Play
    | Pause
    | Gather
    | Record
    | Dial
    | Connect
    | Start
    | Stop
    | Redirect
    | Reject
    | Hangup
    | Enqueue
    | Leave
    | Refer
)


@dataclass(frozen=True, slots=True)
class Response:
    """A document: verbs, carried out in order. After the last one the call ends."""

    verbs: tuple[Verb, ...] = ()


# Rendering.

_Item: TypeAlias = Response | Verb | DialNoun | Stream | Parameter


def render(response: Response) -> str:
    """Write a document; encode it as UTF-8 and serve it as `text/xml`.

    Raises:
        UsageError: Twilio would refuse, strip or cut something: a stream URL with a query or
            without `wss://` (`ws://`), a `Parameter` of more than `MAX_PARAMETER_CHARACTERS`, a
            `Say` of more than `MAX_SAY_CHARACTERS`, a value out of range, a `Dial` of nobody,
            a name that is empty, a document of more than `MAX_DOCUMENT_BYTES`. The message says
            where, and repeats no value.
    """
    document = write_xml(_element(response))
    if len(document.encode()) > MAX_DOCUMENT_BYTES:
        msg = f"the TwiML is longer than {MAX_DOCUMENT_BYTES} bytes; split it with a Redirect"
        raise UsageError(msg)
    return document


def _element(item: _Item) -> Element:
    element = Element(type(item).__name__, _attributes(item))
    match item:
        case Response(verbs=verbs):
            element.content += map(_element, verbs)
        case Gather(prompts=prompts):
            element.content += map(_element, prompts)
        case Dial(nouns=nouns):
            if not nouns:
                _refuse(element.tag, "name somebody to ring")
            element.content += map(_element, nouns)
        case Say(text=text):
            if len(text) > MAX_SAY_CHARACTERS:
                _refuse(element.tag, f"split texts of more than {MAX_SAY_CHARACTERS} characters")
            element.content += _text_content(text)
        case Play(url=url, digits=digits):
            if not url and not digits:
                _refuse(element.tag, "give a url or digits")
            element.content += _text_content(url)
        case Redirect(url=text) | Enqueue(queue=text):
            element.content += _text_content(text)
        case (
            Number(number=text)
            | Sip(uri=text)
            | Conference(room=text)
            | Queue(queue=text)
            | Client(identity=text, parameters=())
        ):
            element.content.append(_named(element.tag, text))
        case Client(identity=identity, parameters=parameters):
            element.content.append(Element("Identity", content=[_named(element.tag, identity)]))
            element.content += map(_element, parameters)
        case Refer(uri=uri):
            element.content.append(Element("Sip", content=[_named(element.tag, uri)]))
        case Connect(stream=stream) | Start(stream=stream):
            element.content.append(_element(stream))
        case Stop(stream=name):
            element.content.append(Element("Stream", {"name": _named(element.tag, name)}))
        case Stream(url=url, parameters=parameters):
            element.attributes["url"] = _stream_url(url)
            element.content += map(_element, parameters)
        case Parameter(name=name, value=value):
            if len(name) + len(value) > MAX_PARAMETER_CHARACTERS:
                _refuse(
                    element.tag,
                    f"name and value may have {MAX_PARAMETER_CHARACTERS} characters together",
                )
            element.attributes |= {"name": _named(element.tag, name), "value": value}
        case Pause() | Record() | Reject() | Hangup() | Leave():
            pass
        case _:
            assert_never(item)
    return element


def _attributes(item: _Item) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, spelling, default in _fields(type(item)):
        value: object = getattr(item, name)
        if value == default:
            continue
        text = _spell(value)
        try:
            sound = spelling.read(text) == value
        except ValueError:
            sound = False
        if not sound:
            _refuse(type(item).__name__, f"{name} must be {spelling.wanted}")
        attributes[_camel(name)] = text
    return attributes


def _fields(cls: type[_Item]) -> Iterable[tuple[str, _Spelling, object]]:
    for one in fields(cls):
        if _KIND in one.metadata:
            yield one.name, one.metadata[_KIND], one.default


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _spell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(cast("tuple[str, ...]", value))
    return str(value)


def _text_content(text: str | None) -> Sequence[str]:
    return (text,) if text else ()


def _named(tag: str, text: str) -> str:
    if not text.strip():
        _refuse(tag, "its name or address is empty")
    return text


def _stream_url(url: str) -> str:
    if not url.startswith(("wss://", "ws://")):
        _refuse("Stream", "url must begin with wss:// (or ws:// for an emulator)")
    if "?" in url:
        _refuse("Stream", "Twilio strips the query from url; pass a Parameter instead")
    return url


def _refuse(tag: str, why: str) -> Never:
    msg = f"TwiML <{tag}>: {why}"
    raise UsageError(msg)


# Parsing.


@dataclass(frozen=True, slots=True, kw_only=True)
class TwimlWarning:
    """Something in a document that is not as Twilio describes it; it was left out.

    Attributes:
        code: Twilio's number for it.
        line: where in the document, from 1.
        message: what; it names elements and attributes, and repeats no value.
    """

    code: str
    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document that was parsed, and what had to be left out of it, by line."""

    response: Response
    warnings: tuple[TwimlWarning, ...]


def parse(document: str | bytes) -> Document:
    """Read a document, leniently as Twilio does. Text loses blanks at its ends.

    Unknown elements and attributes, values that cannot be, and verbs without what they need are
    left out (an attribute then has its default), each with a warning.

    Raises:
        ProtocolError: code 12100: it is longer than `MAX_DOCUMENT_BYTES`, is not XML, has a
            document type, or its root is not `Response`.
    """
    if _length(document) > MAX_DOCUMENT_BYTES:
        msg = f"the TwiML is longer than {MAX_DOCUMENT_BYTES} bytes"
        raise ProtocolError(msg, code=_MALFORMED)
    try:
        root = read_xml(document)
    except ProtocolError as exc:
        raise ProtocolError(str(exc), code=_MALFORMED) from exc
    if root.tag != "Response":
        msg = "the TwiML's root is not <Response>"
        raise ProtocolError(msg, code=_MALFORMED)
    reader = _Reader()
    response = reader.response(root)
    warnings = sorted(reader.warnings, key=lambda warning: warning.line)
    return Document(response=response, warnings=tuple(warnings))


def _length(document: str | bytes) -> int:
    return len(document.encode(errors="replace") if isinstance(document, str) else document)


InnerT = TypeVar("InnerT")
_SPEECH_MARKUP: Final = frozenset(
    {"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"}
)
_APART: Final = frozenset({"break", "p", "s"})  # what stands between them is not one word


class _Reader:
    """Turns elements into verbs, and collects what it had to leave out."""

    def __init__(self) -> None:
        self.warnings: list[TwimlWarning] = []

    def warn(self, element: Element, message: str) -> None:
        self.warnings.append(TwimlWarning(code=_SCHEMA, line=element.line, message=message))

    def attributes(self, element: Element, cls: type[_Item], *others: str) -> dict[str, Any]:
        """Read all attributes but the `others`, whom the caller reads."""
        known = {_camel(name): (name, spelling) for name, spelling, _ in _fields(cls)}
        values: dict[str, Any] = {}
        for spelled, text in element.attributes.items():
            if spelled in others or spelled.startswith("xmlns"):
                continue
            if spelled not in known:
                self.warn(element, f"<{element.tag}> has no attribute {_short(spelled)}")
                continue
            name, spelling = known[spelled]
            try:
                values[name] = spelling.read(text)
            except ValueError:
                self.warn(element, f"{spelled} of <{element.tag}> must be {spelling.wanted}")
        return values

    def inner(
        self, element: Element, readers: "Mapping[str, Callable[[_Reader, Element], InnerT | None]]"
    ) -> tuple[InnerT, ...]:
        """Read the elements inside, each with the reader of its name."""
        found: list[InnerT] = []
        for part in element.content:
            if isinstance(part, str):
                if part.strip():
                    self.warn(element, f"<{element.tag}> takes no text")
            elif part.tag not in readers:
                self.warn(part, f"<{element.tag}> takes no <{_short(part.tag)}>")
            elif (value := readers[part.tag](self, part)) is not None:
                found.append(value)
        return tuple(found)

    def text(self, element: Element) -> str:
        """Read the text inside."""
        for part in element.content:
            if isinstance(part, Element):
                self.warn(part, f"<{element.tag}> takes no <{_short(part.tag)}>")
        return "".join(part for part in element.content if isinstance(part, str)).strip()

    def named(self, element: Element) -> str | None:
        """Read the text inside, which must not be empty."""
        text = self.text(element)
        if not text:
            self.warn(element, f"<{element.tag}> is empty")
        return text or None

    def spoken(self, element: Element) -> str:
        """Read the words inside, without the speech markup around them."""
        pieces: list[str] = []
        for part in element.content:
            if isinstance(part, str):
                pieces.append(part)
                continue
            if part.tag not in _SPEECH_MARKUP:
                self.warn(part, f"<Say> takes no <{_short(part.tag)}>")
            words = self.spoken(part)
            if part.tag == "sub":
                words = part.attributes.get("alias", words)
            pieces.append(f" {words} " if part.tag in _APART else words)
        return "".join(pieces)

    def only(self, element: Element, found: tuple[InnerT, ...]) -> InnerT | None:
        """Take the one thing that must be inside."""
        if not found:
            self.warn(element, f"<{element.tag}> has nothing to work on")
        if len(found) > 1:
            self.warn(element, f"<{element.tag}> takes one; all but the first are left out")
        return next(iter(found), None)

    def response(self, element: Element) -> Response:
        return Response(self.inner(element, _VERBS), **self.attributes(element, Response))

    def say(self, element: Element) -> Say:
        return Say(self.spoken(element).strip(), **self.attributes(element, Say))

    def play(self, element: Element) -> Play:
        play = Play(self.text(element) or None, **self.attributes(element, Play))
        if not play.url and not play.digits:
            self.warn(element, "<Play> has nothing to play")
        return play

    def gather(self, element: Element) -> Gather:
        return Gather(self.inner(element, _PROMPTS), **self.attributes(element, Gather))

    def dial(self, element: Element) -> Dial:
        nouns: tuple[DialNoun, ...]
        if any(isinstance(part, Element) for part in element.content):
            nouns = self.inner(element, _DIAL_NOUNS)
        else:
            number = self.text(element)
            nouns = (Number(number),) if number else ()
        if not nouns:
            self.warn(element, "<Dial> names nobody")
        return Dial(nouns, **self.attributes(element, Dial))

    def client(self, element: Element) -> Client | None:
        inner: tuple[str | Parameter, ...]
        if any(isinstance(part, Element) for part in element.content):
            inner = self.inner(element, _CLIENT_PARTS)
        else:
            inner = (self.text(element),)
        identity = "".join(part for part in inner if isinstance(part, str))
        if not identity:
            self.warn(element, "<Client> is empty")
            return None
        return Client(
            identity,
            parameters=tuple(part for part in inner if isinstance(part, Parameter)),
            **self.attributes(element, Client),
        )

    def connect(self, element: Element) -> Connect | None:
        stream = self.only(element, self.inner(element, _STREAMS))
        return Connect(stream, **self.attributes(element, Connect)) if stream else None

    def start(self, element: Element) -> Start | None:
        stream = self.only(element, self.inner(element, _STREAMS))
        return Start(stream, **self.attributes(element, Start)) if stream else None

    def stop(self, element: Element) -> Stop | None:
        name = self.only(element, self.inner(element, _STREAM_NAMES))
        return Stop(name, **self.attributes(element, Stop)) if name else None

    def stream(self, element: Element) -> Stream | None:
        url = element.attributes.get("url")
        if not url:
            self.warn(element, "<Stream> has no url")
            return None
        return Stream(
            url,
            parameters=self.inner(element, _PARAMETERS),
            **self.attributes(element, Stream, "url"),
        )

    def stream_name(self, element: Element) -> str | None:
        name = self.attributes(element, Stream, "url").get("name")
        if not name:
            self.warn(element, "<Stream> has no name")
        return name

    def parameter(self, element: Element) -> Parameter | None:
        name = element.attributes.get("name")
        if not name:
            self.warn(element, "<Parameter> has no name")
            return None
        return Parameter(
            name,
            element.attributes.get("value", ""),
            **self.attributes(element, Parameter, "name", "value"),
        )

    def redirect(self, element: Element) -> Redirect:
        return Redirect(self.text(element), **self.attributes(element, Redirect))

    def enqueue(self, element: Element) -> Enqueue:
        return Enqueue(self.text(element) or None, **self.attributes(element, Enqueue))

    def refer(self, element: Element) -> Refer | None:
        uri = self.only(element, self.inner(element, {"Sip": _Reader.named}))
        return Refer(uri, **self.attributes(element, Refer)) if uri else None


def _short(name: str) -> str:
    return name[:40]


def _bare(cls: type[Pause | Record | Reject | Hangup | Leave]) -> Callable[[_Reader, Element], Any]:
    def read(reader: _Reader, element: Element) -> Verb:
        reader.inner(element, {})
        return cls(**reader.attributes(element, cls))

    return read


def _noun(cls: type[Number | Sip | Conference | Queue]) -> Callable[[_Reader, Element], Any]:
    def read(reader: _Reader, element: Element) -> DialNoun | None:
        text = reader.named(element)
        return cls(text, **reader.attributes(element, cls)) if text else None

    return read


_PARAMETERS: Final = {"Parameter": _Reader.parameter}
_STREAMS: Final = {"Stream": _Reader.stream}
_STREAM_NAMES: Final = {"Stream": _Reader.stream_name}
_CLIENT_PARTS: Final[Mapping[str, Callable[[_Reader, Element], str | Parameter | None]]] = {
    "Identity": _Reader.named,
    "Parameter": _Reader.parameter,
}
_DIAL_NOUNS: Final[Mapping[str, Callable[[_Reader, Element], DialNoun | None]]] = {
    "Number": _noun(Number),
    "Sip": _noun(Sip),
    "Client": _Reader.client,
    "Conference": _noun(Conference),
    "Queue": _noun(Queue),
}
_PROMPTS: Final[Mapping[str, Callable[[_Reader, Element], Prompt | None]]] = {
    "Say": _Reader.say,
    "Play": _Reader.play,
    "Pause": _bare(Pause),
}
_VERBS: Final[Mapping[str, Callable[[_Reader, Element], Verb | None]]] = {
    "Say": _Reader.say,
    "Play": _Reader.play,
    "Pause": _bare(Pause),
    "Gather": _Reader.gather,
    "Record": _bare(Record),
    "Dial": _Reader.dial,
    "Connect": _Reader.connect,
    "Start": _Reader.start,
    "Stop": _Reader.stop,
    "Redirect": _Reader.redirect,
    "Reject": _bare(Reject),
    "Hangup": _bare(Hangup),
    "Enqueue": _Reader.enqueue,
    "Leave": _bare(Leave),
    "Refer": _Reader.refer,
}

"""The stream's messages: exact spelling, round trips both ways, and nothing that raises."""

import base64
import json
from typing import Any, Literal, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hookflash.events.media import (
    AudioReceived,
    ClearAudio,
    DigitPressed,
    MarkReturned,
    MediaCommand,
    MediaEvent,
    PlayAudio,
    SendMark,
    StreamConnected,
    StreamRefused,
    StreamStarted,
    StreamStopped,
)
from hookflash.wire.twilio_media import (
    MAX_COMMAND_TEXT,
    MAX_EVENT_PAYLOAD,
    MAX_EVENT_TEXT,
    AppWriter,
    CarrierWriter,
    parse,
    parse_from_app,
    refusal_code,
)

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CA5d0d0d8047bf685c3f0ff980fe62c123"
ACCOUNT = "ACaa1dc2a8e24e3b98b4f1e5d2e3e1b1c2"
FRAME = bytes(range(160))

texts = st.text(max_size=40)
payloads = st.binary(max_size=400)
patient = settings(deadline=None)


def carrier() -> CarrierWriter:
    return CarrierWriter(stream_id=STREAM, call_id=CALL, account_id=ACCOUNT)


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# What the carrier sends.


def test_the_carrier_spells_each_message_as_twilio_does() -> None:
    writer = carrier()
    frame = base64.b64encode(FRAME).decode()
    assert [
        writer.connected(),
        writer.start({"token": "t-1"}),
        writer.media(FRAME, 0),
        writer.media(FRAME, 20),
        writer.dtmf("1"),
        writer.mark("turn7.3"),
        writer.media(FRAME, 40),
        writer.stop(),
    ] == [
        '{"event":"connected","protocol":"Call","version":"1.0.0"}',
        '{"event":"start","sequenceNumber":"1","streamSid":"' + STREAM + '","start":{'
        '"accountSid":"' + ACCOUNT + '","streamSid":"' + STREAM + '","callSid":"' + CALL + '",'
        '"tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,'
        '"channels":1},"customParameters":{"token":"t-1"}}}',
        '{"event":"media","sequenceNumber":"2","streamSid":"' + STREAM + '","media":{'
        '"track":"inbound","chunk":"1","timestamp":"0","payload":"' + frame + '"}}',
        '{"event":"media","sequenceNumber":"3","streamSid":"' + STREAM + '","media":{'
        '"track":"inbound","chunk":"2","timestamp":"20","payload":"' + frame + '"}}',
        '{"event":"dtmf","sequenceNumber":"4","streamSid":"' + STREAM + '","dtmf":{'
        '"track":"inbound_track","digit":"1"}}',
        '{"event":"mark","sequenceNumber":"5","streamSid":"' + STREAM + '","mark":{'
        '"name":"turn7.3"}}',
        '{"event":"media","sequenceNumber":"6","streamSid":"' + STREAM + '","media":{'
        '"track":"inbound","chunk":"3","timestamp":"40","payload":"' + frame + '"}}',
        '{"event":"stop","sequenceNumber":"7","streamSid":"' + STREAM + '","stop":{'
        '"accountSid":"' + ACCOUNT + '","callSid":"' + CALL + '"}}',
    ]


def test_chunks_are_counted_by_track_and_messages_over_all() -> None:
    writer = carrier()
    writer.start({}, tracks=("inbound", "outbound"))
    tracks: tuple[Literal["inbound", "outbound"], ...] = ("inbound", "outbound", "inbound")
    sent = [json.loads(writer.media(b"", 0, track)) for track in tracks]
    assert [
        (one["sequenceNumber"], one["media"]["track"], one["media"]["chunk"]) for one in sent
    ] == [("2", "inbound", "1"), ("3", "outbound", "1"), ("4", "inbound", "2")]


def test_a_whole_stream_is_parsed_into_its_events() -> None:
    writer = carrier()
    assert [
        parse(writer.connected()),
        parse(writer.start({"token": "t-1"})),
        parse(writer.media(FRAME, 20)),
        parse(writer.media(FRAME, 20, "outbound")),
        parse(writer.dtmf("#")),
        parse(writer.mark("turn7.3")),
        parse(writer.stop()),
    ] == [
        StreamConnected(),
        StreamStarted(
            stream_id=STREAM,
            call_id=CALL,
            account_id=ACCOUNT,
            encoding="mulaw",
            sample_rate=8000,
            parameters={"token": "t-1"},
        ),
        AudioReceived(payload=FRAME, timestamp_ms=20, track="inbound"),
        AudioReceived(payload=FRAME, timestamp_ms=20, track="outbound"),
        DigitPressed(digit="#"),
        MarkReturned(mark="turn7.3"),
        StreamStopped(),
    ]


@patient
@given(payload=payloads, timestamp=st.integers(0, 2**53), sid=st.text(min_size=1, max_size=64))
def test_the_media_template_writes_what_json_would_write(
    payload: bytes, timestamp: int, sid: str
) -> None:
    written = CarrierWriter(stream_id=sid, call_id=CALL, account_id=ACCOUNT).media(
        payload, timestamp
    )
    assert written == compact(
        {
            "event": "media",
            "sequenceNumber": "1",
            "streamSid": sid,
            "media": {
                "track": "inbound",
                "chunk": "1",
                "timestamp": str(timestamp),
                "payload": base64.b64encode(payload).decode(),
            },
        }
    )
    assert parse(written) == AudioReceived(payload=payload, timestamp_ms=timestamp, track="inbound")


@patient
@given(
    parameters=st.dictionaries(texts, texts, max_size=5),
    rate=st.integers(1, 192_000),
    encoding=st.sampled_from(["mulaw", "alaw", "l16"]),
    sid=st.text(min_size=1, max_size=64),
)
def test_a_start_comes_back_as_it_was_described(
    parameters: dict[str, str],
    rate: int,
    encoding: Literal["mulaw", "alaw", "l16"],
    sid: str,
) -> None:
    writer = CarrierWriter(stream_id=sid, call_id=CALL, account_id=ACCOUNT)
    written = writer.start(parameters, encoding=encoding, sample_rate=rate)
    assert parse(written) == StreamStarted(
        stream_id=sid,
        call_id=CALL,
        account_id=ACCOUNT,
        encoding=encoding,
        sample_rate=rate,
        parameters=parameters,
    )


@patient
@given(name=texts, digit=st.sampled_from("0123456789*#ABCD"))
def test_marks_and_keys_come_back(name: str, digit: str) -> None:
    writer = carrier()
    assert parse(writer.mark(name)) == MarkReturned(mark=name)
    assert parse(writer.dtmf(digit).encode()) == DigitPressed(digit=digit)


@pytest.mark.parametrize("timestamp", ['"20"', "20", '"20.0"'])
def test_counters_may_be_text_or_numbers(timestamp: str) -> None:
    text = '{"event":"media","sequenceNumber":3,"media":{"timestamp":%s,"payload":"/w=="}}'
    assert parse(text % timestamp) == AudioReceived(payload=b"\xff", timestamp_ms=20)


def test_only_the_payload_of_audio_must_be_there() -> None:
    assert parse('{"media":{"payload":""},"event":"media"}') == AudioReceived(payload=b"")


@patient
@given(data=st.data())
def test_the_order_of_fields_does_not_matter(data: st.DataObject) -> None:
    writer = carrier()
    text = data.draw(
        st.sampled_from([writer.start({"a": "b"}), writer.media(FRAME, 20), writer.mark("m")])
    )
    message: dict[str, Any] = json.loads(text)
    body = message["event"]
    message[body] = dict(data.draw(st.permutations(list(message[body].items()))))
    message["somethingNew"] = {"nested": [1, None]}
    shuffled = dict(data.draw(st.permutations(list(message.items()))))
    assert parse(json.dumps(shuffled)) == parse(text)


MEDIA = '{"event":"media","media":{"payload":"AA=="%s}}'
START = json.loads(carrier().start({}))


def start_with(**changes: object) -> str:
    body = {**START["start"], **changes}
    return compact({**START, "start": {k: v for k, v in body.items() if v is not None}})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "json"),
        ("{", "json"),
        ("\ud800", "json"),
        (b"\xff\xfe", "json"),
        ('{"event":"stop"} x', "json"),
        ('{"event":"mark","mark":{"name":"\\ud800"}}', "json"),
        ('{"a":' * 10_000, "json"),
        ("[" * 60_000, "type"),
        ("null", "type"),
        ("[]", "type"),
        ("{}", "type"),
        ('{"event":7}', "type"),
        ('{"event":"Media"}', "unknown_event"),
        ('{"event":"x"}', "unknown_event"),
        ('{"event":"media"}', "type"),
        ('{"event":"media","media":{}}', "type"),
        ('{"event":"media","media":"AA=="}', "type"),
        ('{"event":"media","media":{"payload":7}}', "type"),
        ('{"event":"media","media":{"payload":null}}', "type"),
        ('{"event":"media","media":{"payload":"AAA"}}', "base64"),
        ('{"event":"media","media":{"payload":"A A="}}', "base64"),
        ('{"event":"media","media":{"payload":"_-_-"}}', "base64"),
        ('{"event":"media","media":{"payload":"é==="}}', "base64"),
        (MEDIA % ',"timestamp":-1', "type"),
        (MEDIA % ',"timestamp":"soon"', "type"),
        (MEDIA % (',"timestamp":"%s"' % ("9" * 5000)), "type"),
        (MEDIA % ',"timestamp":1e400', "type"),
        (MEDIA % ',"track":"sideways"', "type"),
        ('{"event":"dtmf","dtmf":{"digit":"12"}}', "type"),
        ('{"event":"dtmf","dtmf":{"digit":"E"}}', "type"),
        ('{"event":"dtmf","dtmf":{"digit":1}}', "type"),
        ('{"event":"mark","mark":{"name":7}}', "type"),
        ('{"event":"start","streamSid":"MZ1"}', "type"),
        (start_with(streamSid=None), "type"),
        (start_with(streamSid=""), "type"),
        (start_with(callSid="C" * 129), "type"),
        (start_with(customParameters={"a": 1}), "type"),
        (start_with(mediaFormat={"encoding": "audio/x-mulaw"}), "type"),
        (start_with(mediaFormat={"encoding": "audio/x-mulaw", "sampleRate": 0}), "type"),
        (start_with(mediaFormat={"encoding": "audio/opus", "sampleRate": 48000}), "encoding"),
        (" " * (MAX_EVENT_TEXT + 1), "size"),
        (carrier().media(bytes(MAX_EVENT_PAYLOAD + 1), 0), "size"),
    ],
)
def test_a_message_that_makes_no_sense_is_refused_with_its_reason(
    text: str | bytes, why: str
) -> None:
    assert parse(text) == StreamRefused(why=why)


def test_a_message_at_its_limits_is_taken() -> None:
    payload = bytes(MAX_EVENT_PAYLOAD)
    text = carrier().media(payload, 0)
    assert parse(text.ljust(MAX_EVENT_TEXT)) == AudioReceived(payload=payload, timestamp_ms=0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
event_like = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "clear"])
        | json_values,
        "streamSid": st.just(STREAM) | json_values,
        "start": st.fixed_dictionaries(
            {}, optional={"streamSid": json_values, "mediaFormat": json_values}
        )
        | json_values,
        "media": st.fixed_dictionaries(
            {}, optional={"payload": texts | json_values, "timestamp": json_values}
        )
        | json_values,
        "mark": st.fixed_dictionaries({}, optional={"name": json_values}) | json_values,
        "dtmf": st.fixed_dictionaries({}, optional={"digit": json_values}) | json_values,
    },
)


@settings(deadline=None, max_examples=300)
@given(
    text=st.binary(max_size=200)
    | st.text(alphabet=st.characters(), max_size=200)
    | json_values.map(json.dumps)
    | event_like.map(json.dumps)
)
@example(text='{"event":"media","media":{"payload":"AA=="},"event":"mark"}')
def test_no_message_from_either_side_raises(text: str | bytes) -> None:
    assert isinstance(parse(text), get_args(MediaEvent))
    assert isinstance(parse_from_app(text, STREAM), (*get_args(MediaCommand), StreamRefused))


# What our App sends.


def test_our_app_spells_each_message_as_twilio_wants_it() -> None:
    writer = AppWriter(STREAM)
    assert [writer.media(b"\x00\xff"), writer.mark("turn7.3"), writer.clear()] == [
        '{"event":"media","streamSid":"' + STREAM + '","media":{"payload":"AP8="}}',
        '{"event":"mark","streamSid":"' + STREAM + '","mark":{"name":"turn7.3"}}',
        '{"event":"clear","streamSid":"' + STREAM + '"}',
    ]


@patient
@given(payload=payloads, name=texts, sid=texts)
def test_our_commands_reach_the_carrier_and_are_what_json_would_write(
    payload: bytes, name: str, sid: str
) -> None:
    writer = AppWriter(sid)
    commands: list[MediaCommand] = [PlayAudio(payload=payload), SendMark(mark=name), ClearAudio()]
    written = [writer.dump(command) for command in commands]
    encoded = base64.b64encode(payload).decode()
    assert written == [
        compact({"event": "media", "streamSid": sid, "media": {"payload": encoded}}),
        compact({"event": "mark", "streamSid": sid, "mark": {"name": name}}),
        compact({"event": "clear", "streamSid": sid}),
    ]
    assert [parse_from_app(text, sid) for text in written] == commands
    assert [parse_from_app(text.encode(), sid) for text in written] == commands


def test_audio_may_be_a_view_of_a_larger_buffer() -> None:
    view = memoryview(bytearray(b"\x01\x00\xff\x02"))[1:3]
    assert AppWriter(STREAM).media(view) == AppWriter(STREAM).media(b"\x00\xff")
    assert carrier().media(view, 0) == carrier().media(b"\x00\xff", 0)


def test_twenty_seconds_of_audio_in_one_message_are_taken() -> None:
    audio = bytes(160_000)
    assert parse_from_app(AppWriter(STREAM).media(audio), STREAM) == PlayAudio(payload=audio)


@pytest.mark.parametrize(
    ("text", "why", "code"),
    [
        ("hello", "json", "31950"),
        (b"RIFF\x00\xff", "json", "31950"),
        (" " * (MAX_COMMAND_TEXT + 1), "size", "31950"),
        ("[]", "type", "31951"),
        ('{"event":"clear"}', "type", "31951"),
        ('{"event":"clear","streamSid":7}', "type", "31951"),
        ('{"event":"clear","streamSid":"MZother"}', "stream", "31951"),
        ('{"event":"play","streamSid":"' + STREAM + '"}', "unknown_event", "31951"),
        ('{"event":"start","streamSid":"' + STREAM + '"}', "unknown_event", "31951"),
        ('{"event":"mark","streamSid":"' + STREAM + '"}', "type", "31951"),
        ('{"event":"mark","streamSid":"' + STREAM + '","mark":{"name":1}}', "type", "31951"),
        (
            '{"event":"media","streamSid":"' + STREAM + '","media":{"payload":"A"}}',
            "base64",
            "31951",
        ),
        ('{"event":"media","media":{"payload":"AA=="}}', "type", "31951"),
    ],
)
def test_the_carrier_refuses_what_twilio_warns_about(
    text: str | bytes, why: str, code: str
) -> None:
    refused = parse_from_app(text, STREAM)
    assert refused == StreamRefused(why=why)
    assert refusal_code(refused) == code


def test_a_binary_frame_is_a_malformed_message() -> None:
    assert refusal_code(StreamRefused(why="binary")) == "31950"

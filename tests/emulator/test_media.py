import asyncio
import base64
from collections.abc import Awaitable, Callable

import httpx
import pytest
from tests.emulator.customer import (
    CALLER,
    LOUD_CODES,
    OWN,
    SILENT_CODES,
    Application,
    Session,
    go,
    stage,
    stays,
)

from hookflash.audio.g711 import ulaw_decode, ulaw_encode
from hookflash.audio.tones import tone
from hookflash.emulator import (
    CarrierEmulator,
    EmulatedCall,
    EmulatorSettings,
    Line,
    Lint,
    Notice,
    SocketMessage,
    VerbStep,
    person,
)
from hookflash.runtime import clock

Converse = Callable[[Session], Awaitable[None]]
Script = Callable[[Line], Awaitable[None]]


def stream(application: Application, more: str = "", inside: str = "", path: str = "/media") -> str:
    return f'<Stream url="{application.ws}{path}" {more}>{inside}</Stream>'


async def listens(session: Session) -> None:
    await session.closed


def connected(
    converse: Converse,
    script: Script = stays,
    *,
    more: str = "",
    inside: str = "",
    after: str = "",
    connect: str = "",
    settings: EmulatorSettings | None = None,
) -> tuple[CarrierEmulator, Application, EmulatedCall]:
    """Phone an application that connects the call to a stream."""

    async def main() -> tuple[CarrierEmulator, Application, EmulatedCall]:
        async with stage(settings=settings) as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Connect {connect}>{stream(application, more, inside)}</Connect>"
                f"{after}</Response>"
            )
            application.pages["/callback"] = ""
            application.pages["/next"] = "<Response><Say>next</Say></Response>"
            application.converse = converse
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(script))
            await call.ended(timeout=1000.0)
        return carrier, application, call

    return go(main())


def crossed(carrier: CarrierEmulator, direction: str) -> list[tuple[str, str, int]]:
    return [
        (one.event, one.text, one.count)
        for one in carrier.log.of(SocketMessage, direction=direction)
    ]


# What the application gets.


def test_a_stream_is_greeted_described_carried_and_stopped_in_the_vendors_spelling() -> None:
    async def script(line: Line) -> None:
        await line.wait(0.09)

    inside = '<Parameter name="token" value="a&amp;b"/><Parameter name="lang" value="日本"/>'
    carrier, application, call = connected(listens, script, inside=inside)
    (session,) = application.sessions
    sid = carrier.log.of(SocketMessage)[0].stream_sid
    silence = base64.b64encode(SILENT_CODES).decode()
    media = [
        {
            "event": "media",
            "sequenceNumber": str(number + 1),
            "streamSid": sid,
            "media": {
                "track": "inbound",
                "chunk": str(number),
                "timestamp": str(20 * number),
                "payload": silence,
            },
        }
        for number in range(1, 5)
    ]
    assert session.messages == [
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
        {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": sid,
            "start": {
                "accountSid": carrier.account_sid,
                "streamSid": sid,
                "callSid": call.sid,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"token": "a&b", "lang": "日本"},
            },
        },
        *media,
        {
            "event": "stop",
            "sequenceNumber": "6",
            "streamSid": sid,
            "stop": {"accountSid": carrier.account_sid, "callSid": call.sid},
        },
    ]
    assert session.closed.result() == 1000


def test_what_the_caller_says_arrives_in_20_ms_frames_at_real_time_pace() -> None:
    sound = tone((400.0,), 1000.0)

    async def script(line: Line) -> None:
        await line.wait(1.0)
        await line.say(sound)
        await line.wait(1.0)

    _, application, _ = connected(listens, script)
    (session,) = application.sessions
    media = [
        (message["media"], round(at, 3))
        for message, at in zip(session.messages, session.times, strict=True)
        if message["event"] == "media"
    ]
    began = media[0][1]
    assert [at - began for _, at in media] == pytest.approx(
        [0.02 * number for number in range(len(media))]
    )
    assert ulaw_encode(sound) in session.audio()
    # Silence is sent like everything else.
    assert session.audio()[:7000] == b"\xff" * 7000


def test_each_key_is_one_message_and_silent_in_the_audio() -> None:
    async def script(line: Line) -> None:
        line.press("1#")
        await line.wait(1.0)

    _, application, _ = connected(listens, script)
    (session,) = application.sessions
    assert [message["dtmf"] for message in session.of("dtmf")] == [
        {"track": "inbound_track", "digit": "1"},
        {"track": "inbound_track", "digit": "#"},
    ]
    assert set(session.audio()) == {0xFF}


def test_keys_can_be_made_audible() -> None:
    async def script(line: Line) -> None:
        line.press("1")
        await line.wait(0.5)

    _, application, _ = connected(listens, script, settings=EmulatorSettings(keys_audible=True))
    assert set(application.sessions[0].audio()) != {0xFF}


def test_every_message_after_start_counts_one_more() -> None:
    async def converse(session: Session) -> None:
        await session.mark("m")
        await session.closed

    async def script(line: Line) -> None:
        line.press("12")
        await line.wait(0.5)

    _, application, _ = connected(converse, script)
    numbers = [
        message["sequenceNumber"]
        for message in application.sessions[0].messages
        if message["event"] != "connected"
    ]
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]


# What the application sends.


def test_audio_plays_at_once_and_the_caller_hears_exactly_it() -> None:
    sound = ulaw_encode(tone((400.0,), 500.0))

    async def converse(session: Session) -> None:
        await asyncio.sleep(0.5)
        await session.play(sound)
        await asyncio.sleep(1.0)

    _, _, call = connected(converse)
    assert call.line.heard.speech() == [(0.5, 1.0)]
    assert ulaw_decode(sound) in call.line.heard.pcm()


def test_20_seconds_in_one_message_play_20_seconds_and_the_mark_comes_then() -> None:
    async def converse(session: Session) -> None:
        await session.play(LOUD_CODES * 1000)
        await session.mark("end")
        began = clock.now()
        await session.until("mark")
        took.append(clock.now() - began)

    took: list[float] = []
    carrier, _, call = connected(converse)
    assert took == [pytest.approx(20.02)]
    assert call.line.heard.speech() == [(0.0, 20.0)]
    assert [one.rule for one in carrier.log.of(Lint)] == ["queued_audio"]


def test_a_mark_on_an_empty_buffer_comes_back_at_once() -> None:
    async def converse(session: Session) -> None:
        await asyncio.sleep(0.5)
        began = clock.now()
        await session.mark("now")
        await session.until("mark")
        took.append(clock.now() - began)

    took: list[float] = []
    connected(converse)
    assert took == [0.0]


def test_clear_returns_all_marks_at_once_in_order_and_drops_the_audio() -> None:
    async def converse(session: Session) -> None:
        for name in ("one", "two", "three"):
            await session.play(LOUD_CODES * 100)
            await session.mark(name)
        await asyncio.sleep(1.0)
        began = clock.now()
        await session.clear()
        await session.until("mark", 3)
        took.append(clock.now() - began)
        await asyncio.sleep(1.0)

    took: list[float] = []
    _, application, call = connected(converse)
    assert took == [0.0]
    names = [message["mark"]["name"] for message in application.sessions[0].of("mark")]
    assert names == ["one", "two", "three"]
    assert call.line.heard.speech() == [(0.0, 1.0)]


def test_pieces_of_any_length_are_joined_without_a_gap() -> None:
    sound = ulaw_encode(tone((400.0,), 300.0))

    async def converse(session: Session) -> None:
        for place in range(0, len(sound), 77):
            await session.play(sound[place : place + 77])
        await session.mark("end")
        await session.until("mark")

    _, _, call = connected(converse)
    assert call.line.heard.pcm(until=0.3) == ulaw_decode(sound)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hello", "31950"),
        ('{"event":"media"', "31950"),
        ('{"event":"media","media":{"payload":"/w=="}}', "31951"),
        ('{"event":"mark","streamSid":"MZ0","mark":{"name":"x"}}', "31951"),
        ('{"event":"dance","streamSid":"SID"}', "31951"),
        ('{"event":"media","streamSid":"SID","media":{"payload":"!"}}', "31951"),
    ],
)
def test_what_is_not_understood_is_a_warning_and_the_stream_goes_on(text: str, code: str) -> None:
    async def converse(session: Session) -> None:
        await session.websocket.send_text(text.replace("SID", session.sid))
        await session.mark("still here")
        await session.until("mark")

    carrier, _, _ = connected(converse)
    assert [(one.code, one.level) for one in carrier.log.of(Notice)] == [(code, "warning")]


def test_binary_messages_are_one_warning() -> None:
    async def converse(session: Session) -> None:
        for _ in range(3):
            await session.websocket.send_bytes(LOUD_CODES)
        await session.mark("still here")
        await session.until("mark")

    carrier, _, _ = connected(converse)
    assert [one.code for one in carrier.log.of(Notice)] == ["31950"]
    assert crossed(carrier, "from_app")[:3] == [("refused", "binary", 1)] * 3


def test_a_wav_header_in_the_audio_is_noticed() -> None:
    async def converse(session: Session) -> None:
        await session.play(b"RIFF" + bytes(100))
        await session.play(b"RIFF" + bytes(100))

    carrier, _, _ = connected(converse)
    assert [one.rule for one in carrier.log.of(Lint)] == ["wav_header"]


def test_very_many_pending_marks_are_noticed() -> None:
    async def converse(session: Session) -> None:
        await session.play(LOUD_CODES * 10)
        for number in range(4):
            await session.mark(str(number))
        await session.until("mark", 4)

    carrier, _, _ = connected(converse, settings=EmulatorSettings(lint_pending_marks=3))
    assert [one.rule for one in carrier.log.of(Lint)] == ["pending_marks"]


def test_a_message_larger_than_2_mb_ends_the_stream() -> None:
    async def converse(session: Session) -> None:
        await session.websocket.send_text("x" * 2_100_000)
        await session.closed

    carrier, application, call = connected(converse, after="<Say>later</Say>")
    assert application.sessions[0].closed.result() == 1009
    assert [one.code for one in carrier.log.of(Notice)] == ["31924"]
    assert call.line.heard.speech() != []


# Beginning and end.


def test_closing_the_socket_goes_on_with_the_next_verb() -> None:
    async def converse(session: Session) -> None:
        await asyncio.sleep(2.0)

    carrier, application, call = connected(converse, after="<Redirect>/next</Redirect>")
    assert call.answered_at is not None
    assert [
        (round(step.at - call.answered_at, 2), step.verb)
        for step in carrier.log.of(VerbStep, phase="begun")
    ] == [(0.0, "Connect"), (2.0, "Redirect"), (2.0, "Say")]
    # The socket is gone; there is nobody to say stop to.
    assert application.sessions[0].of("stop") == []
    assert application.at("/next")[0].params["CallStatus"] == "in-progress"


def test_closing_the_socket_ends_the_call_if_there_is_no_next_verb() -> None:
    async def converse(session: Session) -> None:
        await asyncio.sleep(2.0)

    _, _, call = connected(converse)
    assert (call.status, call.duration) == ("completed", 2)


def test_the_action_is_asked_when_the_stream_has_ended() -> None:
    async def converse(session: Session) -> None:
        await asyncio.sleep(1.0)

    _, application, call = connected(converse, connect='action="/next"', after="<Say>never</Say>")
    assert len(application.at("/next")) == 1
    ((began, ended),) = call.line.heard.speech()
    assert (round(began, 1), round(ended - began, 2)) == (1.0, 0.24)


def test_the_caller_hanging_up_stops_the_stream() -> None:
    async def script(line: Line) -> None:
        await line.wait(3.0)

    _, application, call = connected(listens, script)
    (session,) = application.sessions
    assert session.messages[-1]["event"] == "stop"
    assert session.closed.result() == 1000
    assert call.duration == 3


def test_the_query_of_a_streams_address_is_not_delivered() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Connect>{stream(application, path='/media?token=1')}</Connect>"
                "</Response>"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await carrier.log.wait_for(SocketMessage, event="start")
            call.hang_up()
            await call.ended()
            assert application.sessions[0].path == "/media"
            assert application.sessions[0].websocket.url.query == ""
            assert [one.rule for one in carrier.log.of(Lint)] == ["stream_query"]

    go(main())


def refused(url: str, settings: EmulatorSettings | None = None) -> tuple[list[str], list[str]]:
    """Return the codes and verbs of a call whose stream can not be opened."""

    async def main() -> tuple[list[str], list[str]]:
        async with stage(settings=settings) as (carrier, application):
            application.refuses_streams = True
            address = url.replace("WSS", application.ws.replace("ws:", "wss:"))
            address = address.replace("WS", application.ws)
            application.pages["/voice"] = (
                f'<Response><Connect><Stream url="{address}" statusCallback="/callback"/></Connect>'
                "<Say>sorry</Say></Response>"
            )
            application.pages["/callback"] = ""
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.ended()
            (told,) = application.at("/callback")
            assert told.params["StreamEvent"] == "stream-error"
            assert told.params["StreamError"]
            return (
                [one.code for one in carrier.log.of(Notice)],
                [one.verb for one in carrier.log.of(VerbStep, phase="begun")],
            )

    return go(main())


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("WS/media", "31920"),
        ("ws://127.0.0.1:1/media", "31902"),
        ("ws://example.com/media", "31922"),
        ("http://127.0.0.1/media", "31922"),
        ("/media", "31922"),
        ("wss://", "31923"),
        ("wss://[/media", "31923"),
        ("ws://127.0.0.1:99999/media", "31923"),
        ("WSS/media", "31910"),
    ],
)
def test_a_stream_that_can_not_be_opened_is_an_error_and_the_next_verb_follows(
    url: str, code: str
) -> None:
    assert refused(url) == ([code], ["Connect", "Say"])


def test_plain_websockets_can_be_refused_on_loopback_too() -> None:
    settings = EmulatorSettings(ws_on_loopback=False)
    assert refused("WS/media", settings) == (["31922"], ["Connect", "Say"])


def test_an_application_that_vanishes_is_an_error_and_the_next_verb_follows() -> None:
    async def converse(session: Session) -> None:
        await asyncio.sleep(1.0)
        await session.websocket.close(code=1011)

    carrier, application, _ = connected(
        converse, more='statusCallback="/callback"', after="<Say>x</Say>"
    )
    assert [one.code for one in carrier.log.of(Notice)] == ["31924"]
    assert [one.params["StreamEvent"] for one in application.at("/callback")] == [
        "stream-started",
        "stream-error",
        "stream-stopped",
    ]
    assert carrier.log.of(VerbStep, verb="Say")


def test_a_caller_who_hangs_up_while_the_stream_is_opened_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Connect>{stream(application)}</Connect></Response>"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.answered()
            call.hang_up()
            assert await call.ended() == "completed"
            assert carrier.log.of(SocketMessage) == []

    go(main())


def test_a_fork_that_is_opened_too_late_is_closed() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Start>{stream(application)}</Start><Hangup/></Response>"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.ended()
            await asyncio.sleep(1.0)
            assert [session.messages for session in application.sessions] in ([], [[]])
            assert carrier._account.sockets == set()

    go(main())


def test_a_connection_that_breaks_is_an_error_and_the_next_verb_follows() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Connect>{stream(application)}</Connect><Say>sorry</Say></Response>"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            session = await application.session()
            await session.until("media", 50)
            call.drop_streams()
            call.drop_streams()
            await call.ended()
            assert session.closed.result() in {1005, 1006}
            assert [one.code for one in carrier.log.of(Notice)] == ["31921"]
            assert call.line.heard.speech() == [(1.0, 1.3)]

    go(main())


def test_a_live_update_ends_the_stream_and_the_new_document_runs() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = (
                f"<Response><Connect>{stream(application)}</Connect><Say>never</Say></Response>"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            session = await application.session()
            await session.until("media", 50)
            async with httpx.AsyncClient(trust_env=False) as client:
                reply = await client.post(
                    f"{carrier.base_url}/2010-04-01/Accounts/{carrier.account_sid}"
                    f"/Calls/{call.sid}.json",
                    data={"Twiml": "<Response><Play digits='42'/></Response>"},
                    auth=(carrier.account_sid, carrier.auth_token),
                )
            assert reply.status_code == 200
            assert await call.ended() == "completed"
            assert session.messages[-1]["event"] == "stop"
            assert session.closed.result() == 1000
            assert call.line.heard.digits() == "42"
            assert len(call.line.heard.speech()) == 1

    go(main())


def test_a_streams_beginning_and_end_are_told() -> None:
    async def converse(session: Session) -> None:
        await asyncio.sleep(1.0)

    carrier, application, call = connected(converse, more='statusCallback="/callback" name="talk"')
    sid = application.sessions[0].sid
    common = {
        "AccountSid": carrier.account_sid,
        "CallSid": call.sid,
        "StreamSid": sid,
        "StreamName": "talk",
    }
    assert [one.params for one in application.at("/callback")] == [
        {**common, "StreamEvent": "stream-started", "Timestamp": "2026-01-01T00:00:00.010Z"},
        {**common, "StreamEvent": "stream-stopped", "Timestamp": "2026-01-01T00:00:01.010Z"},
    ]


def test_a_bidirectional_stream_has_the_inbound_track_only() -> None:
    carrier, application, _ = connected(listens, more='track="both_tracks"')
    assert [one.code for one in carrier.log.of(Notice)] == ["31941"]
    assert application.sessions == []


def test_a_pause_after_connect_is_noticed() -> None:
    async def converse(session: Session) -> None:
        await asyncio.sleep(0.1)

    carrier, _, _ = connected(converse, after="<Pause length='30'/>")
    assert [one.rule for one in carrier.log.of(Lint)] == ["silent_line"]


# Forks.


def test_a_fork_copies_both_tracks_while_the_next_verbs_run() -> None:
    sound = tone((400.0,), 400.0)

    async def script(line: Line) -> None:
        await line.say(sound)
        await line.wait_end()

    async def main() -> None:
        async with stage() as (carrier, application):
            fork = stream(application, 'track="both_tracks" name="copy"')
            application.pages["/voice"] = (
                f"<Response><Start>{fork}</Start><Say>{'x' * 10}</Say></Response>"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(script))
            await call.ended()
            (session,) = application.sessions
            media = [message["media"] for message in session.of("media")]
            assert session.of("start")[0]["start"]["tracks"] == ["inbound", "outbound"]
            assert [(one["track"], one["chunk"]) for one in media[:4]] == [
                ("inbound", "1"),
                ("outbound", "1"),
                ("inbound", "2"),
                ("outbound", "2"),
            ]
            inbound = b"".join(
                base64.b64decode(one["payload"]) for one in media if one["track"] == "inbound"
            )
            outbound = b"".join(
                base64.b64decode(one["payload"]) for one in media if one["track"] == "outbound"
            )
            assert inbound[:3200] == ulaw_encode(sound)
            assert outbound[: 30 * 160] == ulaw_encode(call.line.heard.pcm(until=0.6))
            assert session.messages[-1]["event"] == "stop"

    go(main())


def test_a_fork_hears_no_keys_and_takes_no_audio() -> None:
    async def converse(session: Session) -> None:
        await session.play(LOUD_CODES * 50)
        await session.closed

    async def script(line: Line) -> None:
        line.press("1")
        await line.wait_end()

    async def main() -> None:
        async with stage() as (carrier, application):
            application.converse = converse
            application.pages["/voice"] = (
                f"<Response><Start>{stream(application)}</Start><Pause length='1'/></Response>"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(script))
            await call.ended()
            assert application.sessions[0].of("dtmf") == []
            assert call.line.heard.speech() == []
            assert [(one.code, one.level) for one in carrier.log.of(Notice)] == [
                ("31951", "warning")
            ]

    go(main())


def test_stop_ends_a_fork_by_its_name() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            fork = stream(application, 'name="copy"')
            application.pages["/voice"] = (
                f"<Response><Start>{fork}</Start>"
                "<Pause length='1'/><Stop><Stream name='copy'/></Stop><Pause length='1'/>"
                "<Stop><Stream name='other'/></Stop></Response>"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.ended()
            assert application.sessions[0].messages[-1]["event"] == "stop"
            assert len(application.sessions[0].of("media")) == 50
            assert call.duration == 2
            assert [one.rule for one in carrier.log.of(Lint)] == ["stop_unknown"]

    go(main())


def test_a_call_has_at_most_four_forks() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            fork = f"<Start>{stream(application)}</Start><Pause length='1'/>"
            application.pages["/voice"] = f"<Response>{fork * 5}</Response>"
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.ended()
            assert len(application.sessions) == 4
            assert [one.rule for one in carrier.log.of(Lint)] == ["forks"]

    go(main())


def test_the_callback_of_a_fork_must_be_absolute() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            fork = stream(application, 'statusCallback="/callback"')
            application.pages["/voice"] = (
                f"<Response><Start>{fork}</Start><Pause length='1'/></Response>"
            )
            await carrier.call(to=OWN, from_=CALLER, far_end=person(stays)).ended()
            assert [one.code for one in carrier.log.of(Notice)] == ["11200"]
            assert application.at("/callback") == []

    go(main())


# The log.


def test_runs_of_audio_are_one_entry_each() -> None:
    async def converse(session: Session) -> None:
        for _ in range(3):
            await session.play(LOUD_CODES)
        await session.mark("m")
        await session.until("mark")
        await asyncio.sleep(1.0)

    carrier, _, _ = connected(converse)
    assert crossed(carrier, "from_app") == [
        ("media", "", 3),
        ("mark", "m", 1),
        ("close", "1000", 1),
    ]
    assert crossed(carrier, "to_app") == [
        ("connected", "", 1),
        ("start", "", 1),
        ("media", "", 3),
        ("mark", "m", 1),
        ("media", "", 51),
    ]

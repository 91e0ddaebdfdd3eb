import asyncio
import base64
import json
from pathlib import Path

import httpx
import pytest
import websockets
from tests.server.street import OURS, THEIRS, street

from hookflash.audio.levels import rms_dbfs
from hookflash.audio.tones import beep
from hookflash.audio.wav import read_wav
from hookflash.calls import Call, CallNotAnswered
from hookflash.carriers.base import Answer
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.emulator import (
    Line,
    busy,
    no_answer,
    person,
    silence,
    twilio_async_http_client,
)
from hookflash.emulator.log import Notice, Webhook
from hookflash.errors import CarrierError, LinkError, UsageError
from hookflash.events.call import CallAnswered, CallEnded, CallState, Outcome
from hookflash.legs.base import Leg
from hookflash.runtime import clock
from hookflash.server import App, Settings
from hookflash.wire.signatures import twilio_signature


async def stays(line: Line) -> None:
    await line.wait_end()


def test_a_caller_is_heard_and_hears() -> None:
    heard: list[str] = []

    async def speaks(line: Line) -> None:
        await line.wait_quiet()
        line.press("7")
        await line.say(beep(ms=500))
        await line.wait_end()

    async def main() -> None:
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                assert (call.direction, call.from_, call.to) == ("inbound", THEIRS, OURS)
                leg = await call.answer()
                digits = Digits()
                leg.listen(digits)
                await leg.play(beep(ms=1000))
                loudest = -100.0
                async for frame in leg.frames():
                    loudest = max(loudest, rms_dbfs(frame.pcm))
                    if digits.pressed and loudest > -30 and rms_dbfs(frame.pcm) < -60:
                        break
                heard.append(digits.pressed)
                await call.hangup()
                assert call.ended is not None
                assert call.ended.outcome is Outcome.COMPLETED

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(speaks))
            await call.ended()
            (speech,) = call.line.heard.speech()
            assert 0.9 < speech[1] - speech[0] < 1.1
            assert heard == ["7"]
            await asyncio.sleep(3)
            assert place.app.calls == ()

    clock.run(main(), virtual=True)


class Digits:
    def __init__(self) -> None:
        self.pressed = ""

    def audio_received(self, pcm: bytes, at: float) -> None:
        pass

    def digit_received(self, digit: str, at: float) -> None:
        self.pressed += digit

    def leg_closed(self, reason: str) -> None:
        pass


def test_the_caller_hanging_up_ends_the_call() -> None:
    async def leaves(line: Line) -> None:
        await line.wait(3.0)
        line.hang_up()

    async def main() -> None:
        async with street() as place:
            events: list[object] = []
            ended: asyncio.Future[CallEnded] = asyncio.get_running_loop().create_future()

            @place.app.on_call
            async def answer(call: Call) -> None:
                await call.answer()
                async for event in call.events():
                    events.append(type(event))
                ended.set_result(await call.wait_ended())

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(leaves))
            await call.ended()
            end = await ended
            assert end.outcome is Outcome.COMPLETED
            assert end.reason == "caller_hung_up"
            assert events == [CallAnswered, CallEnded]

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("reason", ["busy", "rejected"])
def test_a_call_can_be_rejected(reason: str) -> None:
    async def main() -> None:
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                call.reject("busy" if reason == "busy" else "rejected")

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await call.ended()
            assert call.line.heard.speech() == []
            assert place.carrier.log.of("verb", verb="Reject")
            await asyncio.sleep(10)
            assert place.app.calls == ()

    clock.run(main(), virtual=True)


def test_a_handler_that_raises_ends_the_call() -> None:
    async def main() -> None:
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                await call.answer()
                raise ValueError("broken program")

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await call.ended(timeout=30)
            await asyncio.sleep(10)
            assert place.app.calls == ()

    clock.run(main(), virtual=True)


def test_a_handler_that_never_decides_is_busy_in_time() -> None:
    async def main() -> None:
        async with street() as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                await asyncio.sleep(60)

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await call.ended(timeout=30)
            assert place.carrier.log.of("verb", verb="Reject")
            await asyncio.sleep(70)

    clock.run(main(), virtual=True)


def test_more_calls_than_allowed_hear_busy() -> None:
    async def main() -> None:
        async with street(max_calls=1) as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                await call.answer()
                await call.wait_ended()

            first = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await asyncio.sleep(3)
            assert len(place.app.calls) == 1
            async with httpx.AsyncClient(trust_env=False) as client:
                ready = await client.get(f"{place.address.http}/readyz")
                assert (ready.status_code, ready.json()["status"]) == (503, "full")
                assert (await client.get(f"{place.address.http}/healthz")).status_code == 200
            second = place.carrier.call(to=OURS, from_="+15550198", far_end=person(stays))
            await second.ended(timeout=10)
            assert len(place.carrier.log.of("verb", verb="Reject")) >= 1
            first.line.hang_up()
            await first.ended()

    clock.run(main(), virtual=True)


def test_we_phone_somebody_who_answers() -> None:
    async def greets(line: Line) -> None:
        await line.say(beep(ms=400))
        await line.wait_end()

    async def main() -> None:
        async with street() as place:
            place.carrier.far_ends[THEIRS] = person(greets, answer_after=4.0)
            call = await place.app.dial(THEIRS, OURS)
            leg: Leg = await call.answer()
            await leg.play(beep(ms=600))
            ended = await call.hangup()
            assert ended.outcome is Outcome.COMPLETED
            (theirs,) = place.carrier.calls.values()
            await theirs.ended()
            states = [hook.params["CallStatus"] for hook in place.carrier.log.of(Webhook)]
            assert states == ["initiated", "ringing", "in-progress", "completed"]
            await asyncio.sleep(5)

    clock.run(main(), virtual=True)


def test_outcomes_of_calls_that_are_not_answered() -> None:
    async def main() -> None:
        async with street() as place:
            place.carrier.far_ends[THEIRS] = busy()
            call = await place.app.dial(THEIRS, OURS)
            with pytest.raises(CallNotAnswered) as info:
                await call.answer()
            assert info.value.outcome is Outcome.BUSY

            place.carrier.far_ends[THEIRS] = no_answer()
            call = await place.app.dial(THEIRS, OURS, ring_timeout=10)
            with pytest.raises(CallNotAnswered) as info:
                await call.answer()
            assert info.value.outcome is Outcome.NO_ANSWER

            place.carrier.far_ends[THEIRS] = silence(answer_after=20.0)
            call = await place.app.dial(THEIRS, OURS)
            await asyncio.sleep(5)
            assert (await call.hangup()).outcome is Outcome.CANCELED

            with pytest.raises(CarrierError) as refused:
                await place.app.dial("nobody", OURS)
            assert refused.value.code == "21211"
            assert place.app.calls == ()

    clock.run(main(), virtual=True)


def test_numbers_can_be_listed_and_pointed_at_us() -> None:
    async def main() -> None:
        async with street() as place:
            account = place.app.carrier
            (line,) = await account.lines()
            assert (line.number, line.voice_url) == (OURS, f"{place.address.http}/twilio/voice")
            line = await account.point(line.line_id, voice_url="https://example.com/voice")
            assert line.voice_url == "https://example.com/voice"
            assert [each.number for each in await account.lines(OURS)] == [OURS]
            assert await account.lines("+15550101") == []

    clock.run(main(), virtual=True)


def test_a_live_call_can_be_looked_up_and_given_new_instructions() -> None:
    async def main() -> None:
        async with street() as place:
            ends: list[CallEnded] = []

            @place.app.on_call
            async def answer(call: Call) -> None:
                await call.answer()
                ends.append(await call.wait_ended())

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await asyncio.sleep(3)
            account = place.app.carrier
            assert (await account.look_up(call.sid)).state is CallState.ANSWERED
            document = "<Response><Play digits='12'/></Response>"
            await account.instruct(call.sid, Answer(body=document, content_type="text/xml"))
            await call.ended()
            assert call.line.heard.digits() == "12"
            assert (await account.look_up(call.sid)).outcome is Outcome.COMPLETED
            await account.end(call.sid)  # it is over already: no error
            await account.end("CA" + "0" * 32)
            with pytest.raises(CarrierError) as unknown:
                await account.look_up("CA" + "0" * 32)
            assert (unknown.value.code, unknown.value.retryable) == ("20404", False)
            await asyncio.sleep(10)
            assert [end.reason for end in ends] == ["caller_hung_up"]

    clock.run(main(), virtual=True)


def test_a_carrier_that_cannot_be_reached_is_a_link_error() -> None:
    async def main() -> None:
        account = TwilioCarrier(
            "AC" + "0" * 32,
            "secret",
            http_client=lambda: twilio_async_http_client("http://127.0.0.1:9"),
        )
        with pytest.raises(LinkError, match="cannot be reached"):
            await account.look_up("CA" + "0" * 32)
        await account.aclose()
        assert "secret" not in repr(account)

    clock.run(main(), virtual=True)


def test_a_forged_webhook_is_refused_and_leaves_no_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        async with street() as place:
            place.app.on_call(_never)
            form = {"CallSid": "CA1", "AccountSid": place.carrier.account_sid, "From": THEIRS}
            url = f"{place.address.http}/twilio/voice"
            async with httpx.AsyncClient(trust_env=False) as client:
                unsigned = await client.post(url, data=form)
                forged = await client.post(url, data=form, headers={"X-Twilio-Signature": "AAAA"})
                elsewhere = await client.post(f"{place.address.http}/plivo/voice", data=form)
                huge = await client.post(url, data={"x": "y" * 70_000})
                garbage = await client.post(
                    url,
                    content=b"%%%",
                    headers={"Content-Type": "application/x-www-form-urlencoded"},
                )
            assert (unsigned.status_code, forged.status_code) == (403, 403)
            assert (elsewhere.status_code, huge.status_code) == (404, 413)
            assert garbage.status_code == 400
            assert place.app.calls == ()

    clock.run(main(), virtual=True)
    assert "its signature is not the carrier's" in caplog.text
    assert THEIRS not in caplog.text


async def _never(call: Call) -> None:
    raise AssertionError


def test_a_media_socket_without_a_calls_secret_is_turned_away() -> None:
    async def main() -> None:
        async with street() as place:
            legs: list[Leg] = []

            @place.app.on_call
            async def answer(call: Call) -> None:
                legs.append(await call.answer())
                await call.wait_ended()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await asyncio.sleep(3)
            assert len(legs) == 1
            url = f"{place.address.ws}/twilio/media"
            signed = {
                "X-Twilio-Signature": twilio_signature(place.carrier.auth_token, url),
            }
            # Unsigned: refused before the upgrade.
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(url, proxy=None)
            # Signed, but describing a stream that no call waits for, or nothing at all.
            for first in (_start({"hookflash_token": "guess"}), _start({}), "nonsense", b"\x00"):
                async with websockets.connect(url, additional_headers=signed, proxy=None) as peer:
                    await peer.send(first)
                    with pytest.raises(websockets.ConnectionClosed) as closed:
                        await peer.recv()
                    assert closed.value.rcvd is not None
                    assert closed.value.rcvd.code == 1008
            # Nothing at all is given up after a while.
            async with websockets.connect(url, additional_headers=signed, proxy=None) as peer:
                with pytest.raises(websockets.ConnectionClosed):
                    await peer.recv()
            assert not legs[0].closed, "the live call is not disturbed"
            call.line.hang_up()
            await call.ended()

    clock.run(main(), virtual=True)


def _start(parameters: dict[str, str]) -> str:
    return json.dumps(
        {
            "event": "start",
            "sequenceNumber": "1",
            "streamSid": "MZ1",
            "start": {
                "accountSid": "AC1",
                "streamSid": "MZ1",
                "callSid": "CA1",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": parameters,
            },
        }
    )


def test_a_second_socket_cannot_take_over_a_live_stream() -> None:
    async def main() -> None:
        async with street() as place:
            legs: list[Leg] = []

            @place.app.on_call
            async def answer(call: Call) -> None:
                legs.append(await call.answer())
                await call.wait_ended()

            voice_url = f"{place.address.http}/twilio/voice"
            form = {
                "CallSid": "CA1",
                "AccountSid": place.carrier.account_sid,
                "From": THEIRS,
                "To": OURS,
                "CallStatus": "ringing",
            }
            token = place.carrier.auth_token
            async with httpx.AsyncClient(trust_env=False) as client:
                signature = twilio_signature(token, voice_url, form.items())
                answered = await client.post(
                    voice_url, data=form, headers={"X-Twilio-Signature": signature}
                )
            secret = answered.text.partition('value="')[2].partition('"')[0]
            url = f"{place.address.ws}/twilio/media"
            signed = {"X-Twilio-Signature": twilio_signature(token, url)}
            async with (
                websockets.connect(url, additional_headers=signed, proxy=None) as first,
                websockets.connect(url, additional_headers=signed, proxy=None) as second,
            ):
                await first.send(_start({"hookflash_token": secret}))
                await asyncio.sleep(0.1)
                await second.send(_start({"hookflash_token": secret}))
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await second.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1008
                assert len(legs) == 1
                assert not legs[0].closed
                # What is malformed is counted and ignored; the stream goes on.
                for bad in ("{", '{"event":"media"}', '{"event":"new"}', "[]"):
                    await first.send(bad)
                await first.send(b"binary")
                frame = base64.b64encode(b"\xff" * 160).decode()
                reader = legs[0].frames()
                reading = asyncio.ensure_future(anext(reader))
                await asyncio.sleep(0)
                await first.send(
                    json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": frame}})
                )
                assert len((await reading).pcm) == 320
                await reader.aclose()
            assert await legs[0].wait_closed() == "peer_closed"
            await asyncio.sleep(10)

    clock.run(main(), virtual=True)


def test_a_lost_socket_ends_the_call_as_a_lost_link() -> None:
    async def main() -> None:
        async with street() as place:
            ends: list[CallEnded] = []

            @place.app.on_call
            async def answer(call: Call) -> None:
                leg = await call.answer()
                playout = leg.play(beep(ms=5000))
                ends.append(await call.wait_ended())
                assert (await playout).interrupted

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await asyncio.sleep(3)
            call.drop_streams()
            await asyncio.sleep(10)
            (end,) = ends
            assert (end.outcome, end.reason) == (Outcome.FAILED, "link_lost")
            assert place.app.calls == ()

    clock.run(main(), virtual=True)


def test_a_kept_call_has_its_tape_and_its_recording(tmp_path: Path) -> None:
    async def main() -> None:
        async with street(record_dir=tmp_path) as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                leg = await call.answer()
                await leg.play(beep(ms=500))
                await call.hangup()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(stays))
            await call.ended()
            await asyncio.sleep(5)

    clock.run(main(), virtual=True)
    (tape,) = tmp_path.glob("*.tape.jsonl")
    assert '"machine":"playout"' in tape.read_text()
    (recording,) = tmp_path.glob("*.wav")
    wav = read_wav(recording)
    assert (wav.channels, wav.rate) == (2, 8000)


def test_an_app_is_served_only_when_it_knows_enough() -> None:
    app = App(settings=Settings())
    with pytest.raises(Exception, match="HOOKFLASH_PUBLIC_URL"):
        app.check_settings()
    app.public_url = "https://phone.example.com/"
    assert app.public_url == "https://phone.example.com"
    with pytest.raises(Exception, match="TWILIO_ACCOUNT_SID"):
        app.check_settings()
    app = App(
        public_url="https://phone.example.com",
        settings=Settings(twilio_account_sid="AC1", twilio_auth_token="secret"),
    )
    with pytest.raises(UsageError, match="on_call"):
        app.check_settings()
    app.on_call(_never)
    app.check_settings()
    with pytest.raises(UsageError, match="already"):
        app.on_call(_never)
    with pytest.raises(UsageError, match="served"):
        asyncio.run(app.dial(THEIRS, OURS))
    assert "secret" not in repr(app.settings)
    assert Notice is not None

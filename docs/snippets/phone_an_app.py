"""Phone an App through the pretend carrier: real webhooks and sockets, on virtual time."""

from hookflash import App, Call
from hookflash.audio.tones import beep
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.emulator import (
    CarrierEmulator,
    Line,
    Webhook,
    person,
    twilio_async_http_client,
    voicemail,
)
from hookflash.runtime import clock
from hookflash.runtime.serve import serving


async def caller(line: Line) -> None:
    await line.wait_quiet()  # let them greet us
    await line.say("When are you open?")
    await line.wait_speech()
    line.press("1#")
    await line.wait_end()  # they hang up


async def phone_the_app() -> None:
    async with CarrierEmulator() as carrier:
        account = TwilioCarrier(
            carrier.account_sid,
            carrier.auth_token,
            http_client=lambda: twilio_async_http_client(carrier.base_url),
        )
        app = App(carrier=account)

        @app.on_call
        async def answer(call: Call) -> None:
            leg = await call.answer()
            for _ in range(3):
                await leg.play(beep(ms=2000))
            await call.hangup()

        async with serving(app) as address:
            app.public_url = address.http
            carrier.add_number("+15550100", voice_url=f"{address.http}/twilio/voice")
            call = carrier.call(to="+15550100", from_="+15550199", far_end=person(caller))
            await call.ended()

    assert call.status == "completed"
    assert len(call.line.heard.speech(gap=5.0)) == 1
    assert [hook.status for hook in carrier.log.of(Webhook, purpose="voice")] == [200]
    assert carrier.log.of("notice") == []


def test_a_caller_is_served() -> None:
    clock.run(phone_the_app(), virtual=True)


async def leave_a_message(app: App, carrier: CarrierEmulator) -> None:
    carrier.far_ends["+15550142"] = voicemail("You have reached Ann.", answer_after=8.0)
    call = await app.dial("+15550142", from_="+15550100")
    leg = await call.answer()
    await leg.play(beep(ms=1000))
    await call.hangup()

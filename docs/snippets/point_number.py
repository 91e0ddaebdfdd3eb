"""Let a Twilio number ask this App what to do with calls."""

from hookflash import App


async def point(app: App, number: str) -> None:
    (line,) = await app.carrier.lines(number)
    await app.carrier.point(line.line_id, voice_url=f"{app.public_url}/twilio/voice")

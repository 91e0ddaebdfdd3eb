"""An App and the pretend carrier on loopback, joined: what the tests of servers play on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from hookflash.carriers.twilio import TwilioCarrier
from hookflash.emulator import CarrierEmulator
from hookflash.emulator.twilio_sdk import twilio_async_http_client
from hookflash.runtime.serve import Address, serving
from hookflash.server import App, Settings

OURS = "+15550100"
THEIRS = "+15550199"


class Street:
    """Everything at hand."""

    def __init__(self, app: App, carrier: CarrierEmulator, address: Address) -> None:
        self.app = app
        self.carrier = carrier
        self.address = address


@asynccontextmanager
async def street(
    app: App | None = None,
    *,
    record_dir: Path | None = None,
    max_calls: int = 200,
    settings: Settings | None = None,
) -> AsyncGenerator[Street, None]:
    async with CarrierEmulator() as carrier:
        account = TwilioCarrier(
            carrier.account_sid,
            carrier.auth_token,
            http_client=lambda: twilio_async_http_client(carrier.base_url),
        )
        settings = settings or Settings(record_dir=record_dir, max_calls=max_calls)
        app = app or App(carrier=account, settings=settings)
        async with serving(app) as address:
            app.public_url = address.http
            carrier.add_number(OURS, voice_url=f"{address.http}/twilio/voice")
            yield Street(app, carrier, address)

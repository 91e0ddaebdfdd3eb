"""The pretend telephone company."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final

from hookflash.emulator.account import Account, EmulatorSettings, Recording
from hookflash.emulator.call import EmulatedCall, Status
from hookflash.emulator.conference import EmulatedConference
from hookflash.emulator.dialling import E164
from hookflash.emulator.exchange import Exchange, PhoneNumber
from hookflash.emulator.far_end import FarEnd
from hookflash.emulator.faults import Faults
from hookflash.emulator.log import EventLog
from hookflash.emulator.rest import rest_app
from hookflash.emulator.sids import Sids
from hookflash.emulator.voice import Voice, placeholder_voice
from hookflash.errors import UsageError
from hookflash.runtime.clock import wall
from hookflash.runtime.serve import serving

__all__ = ["CarrierEmulator"]

# How long the last callbacks and closing handshakes may take at exit.
_GRACE: Final = 2.0


class CarrierEmulator:
    """A Twilio on loopback: REST interface, webhooks, TwiML, media streams, and people to phone.

    ```python
    async with CarrierEmulator() as carrier:
        carrier.add_number("+15550100", voice_url="http://127.0.0.1:8080/voice")
        call = carrier.call(to="+15550100", from_="+15550199", far_end=person(script))
        await call.ended()
        assert carrier.log.of(Webhook, purpose="voice")
    ```

    An asynchronous context manager, used once. On exit live calls are ended, with their callbacks,
    and everything the emulator started has ended. Then whatever far ends' scripts raised is raised
    (see `EventLog.check`), unless the block itself failed.
    """

    def __init__(
        self,
        *,
        account_sid: str | None = None,
        auth_token: str | None = None,
        seed: int = 0,
        voice: Voice | None = None,
        settings: EmulatorSettings | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Set up an account.

        Args:
            account_sid: AC...; None makes one of the seed.
            auth_token: None makes one of the seed.
            seed: of all identifiers.
            voice: speaks `<Say>` and far ends' text; None hums (see `placeholder_voice`).
            settings: how the network behaves.
            host: where the REST interface listens.
            port: 0 takes a free one.
        """
        sids = Sids(seed)
        self._account = Account(
            sid=account_sid or sids.new("AC"),
            auth_token=auth_token or sids.secret("token"),
            sids=sids,
            voice=voice or placeholder_voice,
            settings=settings or EmulatorSettings(),
        )
        self._exchange = Exchange(self._account)
        self._host = host
        self._port = port
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "CarrierEmulator":
        """Listen.

        Raises:
            ConfigError: the port is taken.
        """
        app = rest_app(self._exchange)
        address = await self._stack.enter_async_context(
            serving(app, host=self._host, port=self._port)
        )
        self._account.base_url = address.http
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End everything."""
        account = self._account
        try:
            for call in self._exchange.live_calls:
                call.end(Status.COMPLETED, by="emulator")
            await self._settle()
        finally:
            await account.tasks.aclose()
            for socket in tuple(account.sockets):
                socket.abort()
            await account.webhooks.aclose()
            await self._stack.aclose()
        if exc is None:
            self.log.check()

    async def _settle(self) -> None:
        """Let last callbacks and closing handshakes come to their end, for a while."""
        try:
            async with asyncio.timeout(_GRACE):
                for call in self._exchange.calls.values():
                    await call.ended()
                for conference in self._exchange.conferences.by_sid.values():
                    await conference.told()
                if self._account.sockets:
                    await asyncio.wait({socket.lost for socket in self._account.sockets})
        except TimeoutError:
            return

    @property
    def account_sid(self) -> str:
        """AC..., the user name of the REST interface."""
        return self._account.sid

    @property
    def auth_token(self) -> str:
        """The password of the REST interface, and the key of all signatures."""
        return self._account.auth_token

    @property
    def base_url(self) -> str:
        """Where the REST interface listens, such as `http://127.0.0.1:41234`.

        Raises:
            UsageError: outside of the `async with` block.
        """
        if not self._account.base_url:
            msg = "the emulator listens inside `async with CarrierEmulator() as carrier:`"
            raise UsageError(msg)
        return self._account.base_url

    @property
    def log(self) -> EventLog:
        """Everything that crossed."""
        return self._account.log

    @property
    def far_ends(self) -> dict[str, FarEnd]:
        """Who picks up, by number, `sip:` or `client:` address. Set before it is dialled."""
        return self._exchange.far_ends

    @property
    def calls(self) -> Mapping[str, EmulatedCall]:
        """All calls by SID, in the order in which they began."""
        return self._exchange.calls

    @property
    def conferences(self) -> Mapping[str, EmulatedConference]:
        """All conferences by SID, in the order in which they were made."""
        return self._exchange.conferences.by_sid

    @property
    def faults(self) -> Faults:
        """What shall go wrong next."""
        return self._account.faults

    @property
    def numbers(self) -> Mapping[str, PhoneNumber]:
        """The account's numbers by SID."""
        return self._exchange.numbers

    @property
    def recordings(self) -> Mapping[str, Recording]:
        """What `<Record>` and conferences recorded, by SID."""
        return self._account.recordings

    def add_number(
        self,
        phone_number: str,
        *,
        voice_url: str = "",
        voice_method: str = "POST",
        voice_fallback_url: str = "",
        status_callback: str = "",
        friendly_name: str = "",
    ) -> PhoneNumber:
        """Give the account a number.

        Args:
            phone_number: E.164.
            voice_url: asked what to do with calls to it; "" lets them fail.
            voice_method: `GET` or `POST`.
            voice_fallback_url: asked when the document is no good.
            status_callback: told when a call to it has ended.
            friendly_name: the number itself if empty.

        Raises:
            UsageError: it is no number, or taken.
        """
        if not E164.fullmatch(phone_number):
            msg = "a number is E.164, such as +15550100: a plus sign and 7 to 15 digits"
            raise UsageError(msg)
        if self._exchange.number(phone_number) is not None:
            msg = "the account has this number already; change it with carrier.numbers"
            raise UsageError(msg)
        settings = {
            "voice_url": voice_url,
            "voice_method": voice_method,
            "voice_fallback_url": voice_fallback_url,
            "status_callback": status_callback,
        }
        number = PhoneNumber(
            sid=self._account.sids.new("PN"),
            phone_number=phone_number,
            friendly_name=friendly_name or phone_number,
            created=wall(),
            updated=wall(),
            settings={name: value for name, value in settings.items() if value},
        )
        self._exchange.numbers[number.sid] = number
        return number

    def add_caller_id(self, phone_number: str) -> None:
        """Verify somebody else's number, so that calls may show it as `From`."""
        self._exchange.caller_ids.add(phone_number)

    def call(self, *, to: str, from_: str, far_end: FarEnd) -> EmulatedCall:
        """Let somebody phone one of the account's numbers.

        Args:
            to: the number.
            from_: the caller's.
            far_end: the caller; it begins to act when the call is answered.

        Raises:
            UsageError: the account does not have the number, or has too many live calls.
        """
        number = self._exchange.number(to)
        if number is None:
            msg = "the account does not have this number; give it one with add_number"
            raise UsageError(msg)
        call = self._exchange.receive(number, from_, far_end)
        if call is None:
            msg = "EmulatorSettings.max_calls are live already; raise it, or end some first"
            raise UsageError(msg)
        return call

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from starlette.responses import RedirectResponse, Response
from tests.emulator.customer import Application, go

from hookflash.emulator.log import EventLog, Webhook
from hookflash.emulator.webhooks import NoReply, Reply, Webhooks
from hookflash.runtime.clock import now
from hookflash.runtime.serve import serving

TOKEN = "12345"
Ask = Callable[[Webhooks, Application], Coroutine[Any, Any, None]]


def asking(ask: Ask, token: str = TOKEN) -> tuple[Application, EventLog]:
    """Run requests against an application that knows the token."""

    async def main() -> tuple[Application, EventLog]:
        log = EventLog()
        webhooks = Webhooks(auth_token=token, log=log)
        application = Application(TOKEN)
        async with serving(application.app()) as address:
            application.http = address.http
            try:
                await ask(webhooks, application)
            finally:
                await webhooks.aclose()
        return application, log

    return go(main())


FIELDS = {"CallSid": "CA1", "FromCity": "", "Name": "Zoë & Søn + 1=1", "From": "+15550100"}


def test_forms_are_signed_so_that_the_vendors_validator_takes_them() -> None:
    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages["/voice"] = "<Response/>"
        reply = await webhooks.request(
            "voice", f"{application.http}/voice?a=1&b=%20", "POST", FIELDS
        )
        assert reply == Reply(200, "text/xml", b"<Response/>", "utf-8")

    application, log = asking(ask)
    assert application.forged == []
    assert application.asked[0].params == FIELDS
    (entry,) = log.of(Webhook)
    assert (entry.purpose, entry.method, entry.status) == ("voice", "POST", 200)
    assert (entry.params, entry.body, entry.error) == (FIELDS, "<Response/>", None)


def test_the_fields_of_a_get_join_the_query_and_are_signed_with_it() -> None:
    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages["/voice"] = ""
        await webhooks.request("voice", f"{application.http}/voice?a=1", "GET", FIELDS)
        await webhooks.request("voice", f"{application.http}/voice", "GET", FIELDS)

    application, _ = asking(ask)
    assert application.forged == []
    assert [one.params for one in application.asked] == [{"a": "1"} | FIELDS, FIELDS]


def test_the_validator_of_another_account_refuses() -> None:
    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages["/voice"] = ""
        await webhooks.request("voice", f"{application.http}/voice", "POST", FIELDS)

    application, _ = asking(ask, token="54321")
    assert application.forged == [f"{application.http}/voice"]


def test_an_answer_that_is_no_success_is_11200() -> None:
    async def ask(webhooks: Webhooks, application: Application) -> None:
        reply = await webhooks.request("voice", f"{application.http}/missing")
        assert reply == NoReply("11200", "the server answered 404", 404)

    _, log = asking(ask)
    (entry,) = log.of(Webhook)
    assert (entry.status, entry.error, entry.body) == (404, "11200", "")


def test_an_answer_that_takes_longer_than_15_seconds_is_11205() -> None:
    async def never(_params: dict[str, str]) -> str:
        await asyncio.sleep(100.0)
        return ""

    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages["/slow"] = never
        began = now()
        reply = await webhooks.request("voice", f"{application.http}/slow")
        assert isinstance(reply, NoReply)
        assert (reply.code, now() - began) == ("11205", 15.0)

    asking(ask)


def test_a_server_that_is_not_there_is_11205_after_a_second_attempt() -> None:
    async def ask(webhooks: Webhooks, _application: Application) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
            reply = await webhooks.request("voice", url)
        assert reply == NoReply("11205", "the server could not be reached")

    asking(ask)


@pytest.mark.parametrize("url", ["/voice", "ftp://example.com/", "http://", "mailto:x", ""])
def test_an_address_that_is_none_is_11100(url: str) -> None:
    async def ask(webhooks: Webhooks, _application: Application) -> None:
        reply = await webhooks.request("voice", url)
        assert isinstance(reply, NoReply)
        assert reply.code == "11100"

    asking(ask)


def test_an_answer_that_is_too_long_is_11750() -> None:
    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages["/long"] = Response("x" * 1001)
        assert await webhooks.request("voice", f"{application.http}/long", limit=1000) == NoReply(
            "11750", "the answer is longer than 1000 bytes", 200
        )

    asking(ask)


def test_redirections_are_followed_and_signed_anew() -> None:
    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages |= {
            "/one": RedirectResponse("/two", 307),
            "/two": RedirectResponse(f"{application.http}/three", 302),
            "/three": "<Response/>",
        }
        reply = await webhooks.request("voice", f"{application.http}/one", "POST", {"a": "1"})
        assert isinstance(reply, Reply)

    application, _ = asking(ask)
    assert application.forged == []
    assert [(one.method, one.path, one.params) for one in application.asked] == [
        ("POST", "/one", {"a": "1"}),
        ("POST", "/two", {"a": "1"}),
        ("GET", "/three", {}),
    ]


def test_redirections_in_circles_end() -> None:
    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages["/one"] = RedirectResponse("/one", 302)
        reply = await webhooks.request("voice", f"{application.http}/one")
        assert reply == NoReply("11215", "too many redirections")

    asking(ask)


def test_the_fragment_sets_patience_and_is_neither_sent_nor_signed() -> None:
    answers = iter([Response(status_code=500), Response(status_code=503), Response("ok")])

    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages["/voice"] = lambda _params: next(answers)
        url = f"{application.http}/voice?a=1#rc=2&rp=5xx&ct=900000&nonsense"
        assert isinstance(await webhooks.request("voice", url, "POST", FIELDS), Reply)

    application, _ = asking(ask)
    assert len(application.asked) == 3
    assert application.forged == []


def test_a_read_timeout_can_be_shortened_and_retried() -> None:
    async def slow(_params: dict[str, str]) -> str:
        await asyncio.sleep(3.0)
        return ""

    async def ask(webhooks: Webhooks, application: Application) -> None:
        application.pages["/slow"] = slow
        began = now()
        reply = await webhooks.request("voice", f"{application.http}/slow#rt=1000&rc=1&rp=all")
        assert reply == NoReply("11205", "the answer took too long")
        assert now() - began == 2.0

    application, _ = asking(ask)
    assert len(application.asked) == 2


def test_a_body_in_an_unknown_charset_is_read_as_utf_8() -> None:
    assert Reply(200, "text/plain", "é".encode(), "klingon").text == "é"


def test_cookies_do_not_leak_from_one_request_to_the_next() -> None:
    heard: list[str | None] = []

    async def ask(webhooks: Webhooks, application: Application) -> None:
        def page(params: dict[str, str]) -> Response:
            response = Response("")
            response.set_cookie("session", "1")
            return response

        application.pages["/voice"] = page
        await webhooks.request("voice", f"{application.http}/voice")
        client = webhooks._client("http")
        heard.append(client.cookies.get("session"))

    asking(ask)
    assert heard == [None]

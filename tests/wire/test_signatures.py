"""Twilio's signature, side by side with the validator of Twilio's own SDK."""

from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import (
    RequestValidator,
)

from hookflash.errors import UsageError
from hookflash.wire.signatures import check_twilio, twilio_json_url, twilio_signature

TOKEN = "12345"
PAGE = "https://mycompany.com/myapp.php?foo=1&bar=2"

texts = st.text(max_size=20)
# Few names, so that they repeat; many values, blank and non-ASCII ones too.
fields = st.lists(
    st.tuples(st.sampled_from(["To", "Body", "to", "é", "Digits"]) | texts, texts), max_size=8
)
tokens = st.text(min_size=1, max_size=40)
hosts = st.sampled_from(["mycompany.com", "example.org:8443", "127.0.0.1:8080", "[::1]:8080"])
paths = st.text(alphabet="abc/.%20é~", max_size=20).map("/".__add__)
queries = st.just("") | st.text(alphabet="ab=&%2B", max_size=20).map("?a".__add__)
urls = st.builds(
    "{}://{}{}{}".format, st.sampled_from(["http", "https", "wss"]), hosts, paths, queries
)


def sdk_form(form: list[tuple[str, str]]) -> ImmutableMultiDict[str, str]:
    return ImmutableMultiDict(form)


def sdk_accepts(
    token: str, signature: str, url: str, params: object, algorithm: str | None = None
) -> bool:
    verdict = RequestValidator(token).validate(url, params, signature, algorithm)
    assert isinstance(verdict, bool)
    return verdict


def test_the_example_in_twilios_documentation_has_its_signature() -> None:
    form = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]
    assert twilio_signature(TOKEN, PAGE, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert check_twilio(TOKEN, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", PAGE, params=form)


@settings(deadline=None)
@given(token=tokens, url=urls, form=fields)
@example(token=TOKEN, url=PAGE, form=[("a", "2"), ("a", "1"), ("a", "2"), ("A", ""), ("é", "ü")])
def test_a_form_is_signed_as_the_sdk_signs_it(
    token: str, url: str, form: list[tuple[str, str]]
) -> None:
    for name, algorithm in ((None, "HMAC_SHA1"), ("HMAC_SHA256", "HMAC_SHA256")):
        theirs = RequestValidator(token).compute_signature(url, sdk_form(form), name)
        assert theirs == (
            twilio_signature(token, url, form)
            if algorithm == "HMAC_SHA1"
            else twilio_signature(token, url, form, algorithm="HMAC_SHA256")
        )


@settings(deadline=None)
@given(token=tokens, url=urls.filter(lambda url: "[" not in url), form=fields, body=st.binary())
def test_the_sdk_accepts_every_request_that_we_sign(
    token: str, url: str, form: list[tuple[str, str]], body: bytes
) -> None:
    text = body.decode("latin-1").encode().decode()
    hashed = twilio_json_url(url, text.encode())
    assert sdk_accepts(token, twilio_signature(token, url), url, {})
    assert sdk_accepts(token, twilio_signature(token, url, form), url, sdk_form(form))
    assert sdk_accepts(token, twilio_signature(token, hashed), hashed, text)


PORTS = ["", ":443", ":80", ":8443"]


@settings(deadline=None, max_examples=300)
@given(
    signed=st.tuples(st.sampled_from(PORTS), st.sampled_from(["http", "https"]), st.integers(0, 2)),
    seen=st.tuples(st.sampled_from(PORTS), st.sampled_from(["http", "https"]), st.integers(0, 2)),
    same_token=st.booleans(),
    path=paths,
)
def test_our_verdict_on_a_form_is_that_of_the_sdk(
    signed: tuple[str, str, int], seen: tuple[str, str, int], same_token: bool, path: str
) -> None:
    forms = [[], [("Body", ""), ("To", "é"), ("To", "1")], [("To", "1"), ("To", "é"), ("Body", "")]]
    port, scheme, form = signed
    signature = twilio_signature(
        TOKEN if same_token else "other", f"{scheme}://mycompany.com{port}{path}", forms[form]
    )
    port, scheme, form = seen
    url = f"{scheme}://mycompany.com{port}{path}"
    assert check_twilio(TOKEN, signature, url, params=forms[form]) == sdk_accepts(
        TOKEN, signature, url, sdk_form(forms[form])
    )


def test_our_verdict_on_the_ports_of_a_page_is_that_of_the_sdk_and_not_always_the_same() -> None:
    verdicts = {
        (scheme, signed, seen): check_twilio(
            TOKEN,
            twilio_signature(TOKEN, f"{scheme}://h.example{signed}/p"),
            f"{scheme}://h.example{seen}/p",
        )
        for scheme, signed, seen in product(["http", "https"], PORTS, PORTS)
    }
    for (scheme, signed, seen), ours in verdicts.items():
        signature = twilio_signature(TOKEN, f"{scheme}://h.example{signed}/p")
        assert ours == sdk_accepts(TOKEN, signature, f"{scheme}://h.example{seen}/p", {})
    assert {key for key, ours in verdicts.items() if not ours} == {
        (scheme, signed, seen)
        for scheme, signed, seen in verdicts
        if signed not in {seen, ""}
        and not (seen == "" and signed == {"http": ":80", "https": ":443"}[scheme])
    }


@settings(deadline=None)
@given(body=texts, changed=texts, with_hash=st.booleans())
def test_our_verdict_on_a_json_body_is_that_of_the_sdk(
    body: str, changed: str, with_hash: bool
) -> None:
    url = twilio_json_url(PAGE, (body if with_hash else changed).encode())
    signature = twilio_signature(TOKEN, url)
    assert check_twilio(TOKEN, signature, url, body=body.encode()) == sdk_accepts(
        TOKEN, signature, url, body
    )


def test_the_hash_of_a_body_joins_the_query() -> None:
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert twilio_json_url("https://h/p", b"{}") == f"https://h/p?bodySHA256={digest}"
    assert twilio_json_url("https://h/p?a=1", b"{}") == f"https://h/p?a=1&bodySHA256={digest}"
    assert twilio_json_url("https://h/p#rc=3", b"{}") == f"https://h/p?bodySHA256={digest}#rc=3"


@pytest.mark.parametrize(
    ("url", "body", "valid"),
    [
        (twilio_json_url(PAGE, b"{}"), b"{}", True),
        (twilio_json_url(PAGE, b"{}"), b"{ }", False),
        (twilio_json_url(PAGE, b"{}"), b"", False),
        (twilio_json_url(twilio_json_url(PAGE, b"{}"), b"{}"), b"{}", False),
        (PAGE + "&bodySHA256=", b"{}", False),
        (PAGE + "&bodySHA256=\xe9", b"{}", False),
        (PAGE, b"{}", False),
        (PAGE, b"", True),
    ],
)
def test_a_body_must_be_the_one_whose_hash_was_signed(url: str, body: bytes, valid: bool) -> None:
    assert check_twilio(TOKEN, twilio_signature(TOKEN, url), url, body=body) is valid


def test_a_signature_for_a_json_body_does_not_fit_a_form() -> None:
    url = twilio_json_url(PAGE, b"{}")
    assert not check_twilio(TOKEN, twilio_signature(TOKEN, url), url, params=[("To", "1")])


def test_the_websocket_upgrade_is_signed_with_its_own_scheme() -> None:
    url = "wss://voice.example/stream"
    signature = twilio_signature(TOKEN, url)
    assert sdk_accepts(TOKEN, signature, url, {})
    assert check_twilio(TOKEN, signature, url)
    assert not check_twilio(TOKEN, signature, "https://voice.example/stream")
    assert not check_twilio(TOKEN, signature, "wss://voice.example/stream/")


# Where we and the SDK (9.13) differ.


def test_the_default_port_of_wss_is_443_here_and_80_in_the_sdk() -> None:
    url = "wss://voice.example/stream"
    verdicts = {
        port: (
            check_twilio(TOKEN, signature, url),
            sdk_accepts(TOKEN, signature, url, {}),
        )
        for port, signature in (
            (port, twilio_signature(TOKEN, f"wss://voice.example:{port}/stream"))
            for port in (443, 80)
        )
    }
    assert verdicts == {443: (True, False), 80: (False, True)}


@pytest.mark.parametrize("host", ["[::1]", "user:word@h.example"])
def test_a_port_is_found_behind_a_colon_that_is_no_port(host: str) -> None:
    bare, full = f"https://{host}/p", f"https://{host}:8443/p"
    signature = twilio_signature(TOKEN, bare)
    assert check_twilio(TOKEN, signature, bare)
    assert check_twilio(TOKEN, signature, full)
    assert not sdk_accepts(TOKEN, signature, full, {})


def test_a_fragment_is_not_signed_here_and_is_in_the_sdk() -> None:
    url = "https://h.example/p#rc=3&rp=5xx"
    assert twilio_signature(TOKEN, url) == twilio_signature(TOKEN, "https://h.example/p")
    assert RequestValidator(TOKEN).compute_signature(url, {}) != twilio_signature(TOKEN, url)


def test_a_json_body_without_a_hash_is_refused_here_and_raises_in_the_sdk() -> None:
    signature = twilio_signature(TOKEN, PAGE)
    assert not check_twilio(TOKEN, signature, PAGE, body=b"{}")
    with pytest.raises(TypeError):
        sdk_accepts(TOKEN, signature, PAGE, "{}")


def test_a_missing_or_non_ascii_signature_is_refused_here_and_none_raises_in_the_sdk() -> None:
    assert not check_twilio(TOKEN, None, PAGE)
    with pytest.raises(TypeError):
        sdk_accepts(TOKEN, None, PAGE, {})  # type: ignore[arg-type]  # as it comes from a header


# Keys.


def test_while_one_token_replaces_another_both_are_good() -> None:
    for token in ("old", "new"):
        assert check_twilio(["new", "old"], twilio_signature(token, PAGE), PAGE)
    assert not check_twilio(["new", "old"], twilio_signature("third", PAGE), PAGE)


@pytest.mark.parametrize("token", ["", [], ["good", ""]])
def test_an_empty_token_would_let_anybody_in(token: str | list[str]) -> None:
    with pytest.raises(UsageError, match="the auth token is missing"):
        check_twilio(token, "x", PAGE)


def test_nothing_is_signed_with_an_empty_token() -> None:
    with pytest.raises(UsageError, match="the auth token is empty"):
        twilio_signature("", PAGE)


@pytest.mark.parametrize(
    ("settings_header", "algorithm"),
    [
        (None, "HMAC_SHA1"),
        ("", "HMAC_SHA1"),
        ("key=webhooks_sharedkey_1", "HMAC_SHA1"),
        ("algorithm=", "HMAC_SHA1"),
        ("key=k,algorithm=HMAC_SHA1", "HMAC_SHA1"),
        ("key=k, algorithm=hmac_sha256", "HMAC_SHA256"),
        ("algorithm=HMAC_SHA256,key=k", "HMAC_SHA256"),
        ("key=k,algorithm=NONE", None),
        ("key=k,algorithm=HMAC_SHA512", None),
    ],
)
def test_the_settings_header_names_the_algorithm(
    settings_header: str | None, algorithm: str | None
) -> None:
    form = [("To", "1")]
    signatures = {
        "HMAC_SHA1": twilio_signature("secret", PAGE, form),
        "HMAC_SHA256": twilio_signature("secret", PAGE, form, algorithm="HMAC_SHA256"),
    }
    assert {
        name: check_twilio("secret", signature, PAGE, params=form, settings=settings_header)
        for name, signature in signatures.items()
    } == {name: name == algorithm for name in signatures}


def test_the_sdk_accepts_our_signature_with_a_shared_key() -> None:
    signature = twilio_signature("secret", PAGE, algorithm="HMAC_SHA256")
    assert sdk_accepts("secret", signature, PAGE, {}, "HMAC_SHA256")


# Hostile requests.

anything = st.text(alphabet=st.characters(), max_size=40)


@settings(deadline=None, max_examples=300)
@given(
    signature=st.none() | anything | st.just(twilio_signature(TOKEN, PAGE)),
    url=anything | anything.map("https://h".__add__) | anything.map("wss://h:".__add__),
    form=st.lists(st.tuples(anything, anything), max_size=3),
    body=st.binary(max_size=20),
    header=st.none() | anything | anything.map("algorithm=".__add__),
)
@example(signature="x", url="https://[::1", form=[], body=b"", header=None)
@example(signature="é\ud800", url="https://h:99999999/p", form=[], body=b"", header="=,=")
@example(signature="x", url="https://h/\ud800", form=[], body=b"", header=None)
@example(signature="x", url="https://h/?bodySHA256=\ud800", form=[], body=b"x", header=None)
@example(signature="x", url="https://h/", form=[("\ud800", "")], body=b"", header=None)
def test_a_forged_request_is_refused_whatever_it_holds(
    signature: str | None,
    url: str,
    form: list[tuple[str, str]],
    body: bytes,
    header: str | None,
) -> None:
    assert not check_twilio(TOKEN, signature, url, params=form, body=body, settings=header)

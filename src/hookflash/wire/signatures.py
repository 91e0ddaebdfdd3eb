"""Request signatures: how a carrier proves that a webhook is its own.

Twilio signs the full URL as it was configured, followed by the fields of a form body: names
sorted, each distinct value of a name sorted, name and value joined without any separator. What
kind of request it is decides what else is covered:

| request | URL | fields | body |
|---|---|---|---|
| GET | with its query | none | none |
| POST of a form | with its query | of the body | covered by the fields |
| POST of JSON | with `bodySHA256=...` in its query | none | covered by that hash |
| WebSocket upgrade | `wss://...` as in the TwiML | none | none |

Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import hmac
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from hookflash.errors import UsageError

__all__ = [
    "Algorithm",
    "check_twilio",
    "twilio_json_url",
    "twilio_signature",
]

Algorithm: TypeAlias = Literal["HMAC_SHA1", "HMAC_SHA256"]
"""`HMAC_SHA1` with the account's auth token, `HMAC_SHA256` with the secret of a shared key."""

_DIGESTS: Final = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_AUTHORITY: Final = re.compile(
    "(?P<scheme>https?|wss?)://(?P<host>[^/?#]*?)(?::(?P<port>[0-9]*))?(?P<rest>(?:[/?#].*)?)",
    re.DOTALL,
)
_BODY_HASH: Final = "bodySHA256"


def twilio_signature(
    token: str,
    url: str,
    params: Iterable[tuple[str, str]] = (),
    *,
    algorithm: Algorithm = "HMAC_SHA1",
) -> str:
    """Sign a request as Twilio does; the result goes into `X-Twilio-Signature`.

    Args:
        token: the account's auth token, or the secret of a shared key.
        url: in full, with its query. A fragment (Twilio keeps connection options there) is not
            signed. For a JSON body, see `twilio_json_url`.
        params: the fields of a form body; empty for all other requests.
        algorithm: a shared key's signature is announced by a second header,
            `X-Twilio-Webhooks-Signature-Settings: key=NAME,algorithm=HMAC_SHA256`.

    Raises:
        UsageError: the token is empty: anybody could sign with it.
    """
    if not token:
        msg = "the auth token is empty; take it from the carrier's console"
        raise UsageError(msg)
    fields = "".join(name + value for name, value in sorted(set(params)))
    signed = url.partition("#")[0] + fields
    digest = hmac.digest(token.encode(), signed.encode(), _DIGESTS[algorithm])
    return b64encode(digest).decode("ascii")


def twilio_json_url(url: str, body: bytes) -> str:
    """Return the URL of a request with a JSON body: the hash of the body joins its query."""
    base, hash_sign, fragment = url.partition("#")
    joint = "&" if "?" in base else "?"
    return f"{base}{joint}{_BODY_HASH}={sha256(body).hexdigest()}{hash_sign}{fragment}"


def check_twilio(
    token: str | Sequence[str],
    signature: str | None,
    url: str,
    *,
    params: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    settings: str | None = None,
) -> bool:
    """Say whether a request was signed by somebody who knows the token.

    The comparison takes the same time for every wrong signature. A URL counts as signed with or
    without its port, because the carrier is not consistent about it; scheme, host, path and
    query must be those that the carrier was given, which behind a proxy are not those that the
    server sees.

    Args:
        token: the account's auth token, or several, while one replaces another.
        signature: `X-Twilio-Signature` as it came; None if it did not.
        url: in full, as configured at the carrier, with the query as it came, not decoded.
        params: the fields of a form body.
        body: the raw body of any request whose body is not a form. A body that the signature
            does not cover fails the check.
        settings: `X-Twilio-Webhooks-Signature-Settings` as it came.

    Raises:
        UsageError: there is no token, or an empty one. Whatever the request holds, nothing else
            is raised.
    """
    tokens = (token,) if isinstance(token, str) else tuple(token)
    if not tokens or not all(tokens):
        msg = "the auth token is missing; take it from the carrier's console"
        raise UsageError(msg)
    algorithm = _announced_algorithm(settings)
    if not signature or algorithm is None:
        return False
    if not params and not _body_is_covered(url, body):
        return False
    given = signature.encode(errors="replace")
    verdict = False
    try:
        for candidate in _spellings(url):
            for secret in tokens:
                expected = twilio_signature(secret, candidate, params, algorithm=algorithm)
                # No `or`, no early return: the time must not tell which token or spelling fits.
                verdict |= hmac.compare_digest(expected.encode(), given)
    except UnicodeEncodeError:  # a lone surrogate, which no carrier signs
        return False
    return verdict


def _announced_algorithm(settings: str | None) -> Algorithm | None:
    """Read `key=NAME,algorithm=NAME`. Without a word about it, it is SHA-1; None if unknown."""
    for part in (settings or "").split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            match value.strip().upper():
                case "HMAC_SHA1":
                    return "HMAC_SHA1"
                case "HMAC_SHA256":
                    return "HMAC_SHA256"
                case _:
                    return None
    return "HMAC_SHA1"


def _body_is_covered(url: str, body: bytes) -> bool:
    query = url.partition("#")[0].partition("?")[2]
    named = [field.partition("=") for field in query.split("&")]
    hashes = [value for name, _, value in named if name == _BODY_HASH]
    if not hashes:
        return not body
    expected = sha256(body).hexdigest()
    # Two hashes would leave open which one is meant.
    return len(hashes) == 1 and hmac.compare_digest(
        expected.encode(), hashes[0].encode(errors="replace")
    )


def _spellings(url: str) -> set[str]:
    """Return the URL as given, without its port, and with the default port of its scheme."""
    parts = _AUTHORITY.fullmatch(url)
    if parts is None:
        return {url}
    scheme, host, port, rest = parts.group("scheme", "host", "port", "rest")
    if port is None:
        return {url, f"{scheme}://{host}:{_DEFAULT_PORTS[scheme]}{rest}"}
    return {url, f"{scheme}://{host}{rest}"}

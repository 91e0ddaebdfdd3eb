"""HTML forms (`application/x-www-form-urlencoded`): the bodies and queries of webhooks.

A form is a sequence of pairs, in order: names may repeat and values may be blank, and a request's
signature covers both.

Source: https://url.spec.whatwg.org/#application/x-www-form-urlencoded
"""

import re
from collections.abc import Iterable
from typing import Final, TypeAlias
from urllib.parse import unquote_plus, urlencode

from hookflash.errors import ProtocolError

__all__ = ["MAX_FORM_BYTES", "MAX_FORM_FIELDS", "Form", "dump_form", "parse_form"]

Form: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they were sent."""

MAX_FORM_BYTES: Final = 65_536
"""The longest form that is read. A carrier's webhook has about one kilobyte."""

MAX_FORM_FIELDS: Final = 500
"""The most fields that are read. A carrier's webhook has about thirty."""

_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


def parse_form(body: bytes | str) -> Form:
    """Read a form strictly: exactly what serialisers write, nothing that only browsers forgive.

    Raises:
        ProtocolError: status 413: longer than `MAX_FORM_BYTES` or with more fields than
            `MAX_FORM_FIELDS`; status 400: not ASCII, a field without `=`, a broken escape, or
            an escape that is not UTF-8. The message repeats nothing of the form.
    """
    if len(body) > MAX_FORM_BYTES:
        msg = f"the form is longer than {MAX_FORM_BYTES} bytes"
        raise ProtocolError(msg, status=413)
    if not body:
        return ()
    if not body.isascii():
        msg = "the form has characters that should have been escaped"
        raise ProtocolError(msg, status=400)
    text = body if isinstance(body, str) else body.decode("ascii")
    if text.count("&") >= MAX_FORM_FIELDS:
        msg = f"the form has more than {MAX_FORM_FIELDS} fields"
        raise ProtocolError(msg, status=413)
    if _BROKEN_ESCAPE.search(text):
        msg = "the form has a broken escape"
        raise ProtocolError(msg, status=400)
    return tuple(_pair(field) for field in text.split("&"))


def _pair(field: str) -> tuple[str, str]:
    name, separator, value = field.partition("=")
    if not separator:
        msg = "the form has a field without a value"
        raise ProtocolError(msg, status=400)
    try:
        return unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
    except UnicodeDecodeError:
        msg = "the form has an escape that is not UTF-8"
        # The cause is cut off because it holds the value.
        raise ProtocolError(msg, status=400) from None


def dump_form(pairs: Iterable[tuple[str, str]]) -> str:
    """Write a form, for a body or for a query. The text is ASCII; a blank is written `+`."""
    return urlencode(tuple(pairs))

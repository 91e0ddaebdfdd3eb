"""Forms: what serialisers write is read back, all else is refused with a status."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import ProtocolError
from hookflash.wire.forms import (
    MAX_FORM_BYTES,
    MAX_FORM_FIELDS,
    Form,
    dump_form,
    parse_form,
)

texts = st.text(max_size=30)


def test_names_repeat_values_are_blank_and_the_order_stays() -> None:
    assert parse_form(b"To=%2B15005550006&Body=&MediaUrl=b&MediaUrl=a+b&%C3%A9=%26%3D") == (
        ("To", "+15005550006"),
        ("Body", ""),
        ("MediaUrl", "b"),
        ("MediaUrl", "a b"),
        ("é", "&="),
    )


def test_a_value_may_contain_the_separator_of_name_and_value() -> None:
    assert parse_form("q=a=b") == (("q", "a=b"),)


def test_nothing_is_an_empty_form() -> None:
    assert parse_form(b"") == ()
    assert dump_form(()) == ""


def test_a_form_is_written_in_ascii_with_plus_for_a_blank() -> None:
    assert dump_form([("From", "+1 415"), ("City", "Zürich"), ("City", "")]) == (
        "From=%2B1+415&City=Z%C3%BCrich&City="
    )


@settings(deadline=None)
@given(form=st.lists(st.tuples(texts, texts), max_size=10).map(tuple))
def test_what_is_written_is_read_back(form: Form) -> None:
    written = dump_form(form)
    assert parse_form(written) == form
    assert parse_form(written.encode("ascii")) == form
    assert tuple(parse_qsl(written, keep_blank_values=True)) == form


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"a=1&b", 400, "the form has a field without a value"),
        (b"a=1&&b=2", 400, "the form has a field without a value"),
        (b"a=%", 400, "the form has a broken escape"),
        (b"a=%4", 400, "the form has a broken escape"),
        (b"a=%zz", 400, "the form has a broken escape"),
        (b"a=%FF", 400, "the form has an escape that is not UTF-8"),
        (b"%ED%A0%80=a", 400, "the form has an escape that is not UTF-8"),
        ("a=é", 400, "the form has characters that should have been escaped"),
        (b"a=\xc3\xa9", 400, "the form has characters that should have been escaped"),
        (b"a" * (MAX_FORM_BYTES + 1), 413, "the form is longer than 65536 bytes"),
        (b"&".join([b"a="] * (MAX_FORM_FIELDS + 1)), 413, "the form has more than 500 fields"),
    ],
)
def test_what_no_serialiser_writes_is_refused_without_repeating_it(
    body: bytes | str, status: int, message: str
) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_form(body)
    assert (refused.value.status, str(refused.value)) == (status, message)
    assert refused.value.__cause__ is None


def test_a_form_at_its_limits_is_read() -> None:
    assert parse_form(b"&".join([b"a="] * MAX_FORM_FIELDS)) == (("a", ""),) * MAX_FORM_FIELDS
    assert parse_form("a=".ljust(MAX_FORM_BYTES, "x")) == (("a", "x" * (MAX_FORM_BYTES - 2)),)


@settings(deadline=None)
@given(body=st.binary(max_size=60) | st.text(alphabet="a=&%+0F\udc80é", max_size=30))
def test_a_hostile_form_is_read_or_refused_and_nothing_else(body: bytes | str) -> None:
    try:
        form = parse_form(body)
    except ProtocolError:
        return
    assert parse_form(dump_form(form)) == form

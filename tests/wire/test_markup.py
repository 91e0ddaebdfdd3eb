"""XML in and out: plain documents only."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import ProtocolError, UsageError
from hookflash.wire.markup import MAX_DEPTH, Element, read_xml, write_xml

# What XML can carry, with what must be escaped drawn often.
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("&<>\"'\t\r\n]"),
    min_size=1,
    max_size=30,
)
names = st.sampled_from(["Say", "a", "say-as", "xml:lang", "é"])
elements = st.recursive(
    st.builds(Element, names, st.dictionaries(names, texts, max_size=3)),
    lambda inner: st.builds(
        Element,
        names,
        st.dictionaries(names, texts, max_size=3),
        # Two texts side by side would be read as one.
        st.lists(inner, max_size=3) | texts.map(lambda text: [text]),
    ),
    max_leaves=6,
)


def without_lines(element: Element) -> Element:
    inner = [part if isinstance(part, str) else without_lines(part) for part in element.content]
    return Element(element.tag, element.attributes, inner)


def test_a_document_is_read_with_the_lines_of_its_elements() -> None:
    assert read_xml(
        '<?xml version="1.0"?>\n<!-- one --><a b="&quot;1&#10;">x &amp; <![CDATA[<y>]]>\n'
        "<c/><?php ?>z</a>\n"
    ) == Element(
        "a",
        {"b": '"1\n'},
        ["x & <y>\n", Element("c", line=3), "z"],
        line=2,
    )


def test_a_document_is_written_with_sorted_attributes_and_escapes() -> None:
    root = Element(
        "a", {"c": 'a"b<c>&\t\r\n', "b": "é"}, ["x<y>&\r\n", Element("d"), Element("e", {}, [""])]
    )
    assert write_xml(root) == (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<a b="é" c="a&quot;b&lt;c&gt;&amp;&#9;&#13;&#10;">x&lt;y&gt;&amp;&#13;\n<d/><e></e></a>'
    )


@settings(deadline=None)
@given(root=elements)
def test_what_is_written_is_read_back_by_us_and_by_python(root: Element) -> None:
    written = write_xml(root)
    assert without_lines(read_xml(written)) == root
    assert without_lines(read_xml(written.encode())) == root
    assert ET.fromstring(written).tag.endswith(root.tag.removeprefix("xml:"))


@pytest.mark.parametrize(
    "document",
    [b"\xef\xbb\xbf<a>\xc3\xa9</a>", "\ufeff<a>é</a>", b"<a>\xc3\xa9</a>"],
)
def test_utf8_is_read_with_and_without_its_mark(document: str | bytes) -> None:
    assert read_xml(document) == Element("a", {}, ["é"], line=1)


def test_utf8_is_read_whatever_the_document_says_that_it_is() -> None:
    assert read_xml('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>').content == ["é"]


BOMB = """<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>"""

FILE = """<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"""


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "the XML is not well-formed: no element found: line 1, column 0"),
        ("<a>", "the XML is not well-formed: no element found: line 1, column 3"),
        ("<a/><b/>", "the XML is not well-formed: junk after document element: line 1, column 4"),
        ("<a b='1' b='2'/>", "the XML is not well-formed: duplicate attribute: line 1, column 9"),
        ("<a>&c;</a>", "the XML is not well-formed: undefined entity: line 1, column 3"),
        (
            b"<a>\xe9</a>",
            "the XML is not well-formed: not well-formed (invalid token): line 1, column 3",
        ),
        (
            "<a>\x00</a>",
            "the XML is not well-formed: not well-formed (invalid token): line 1, column 3",
        ),
        ("<a>\ud800</a>", "the XML has half a character"),
        (BOMB, "the XML has a document type; leave it out"),
        (
            '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
            "the XML has a document type; leave it out",
        ),
        ("<a>" * (MAX_DEPTH + 1), "the XML nests deeper than 32 elements"),
    ],
)
def test_what_is_not_a_plain_document_is_refused(document: str | bytes, message: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        read_xml(document)
    assert str(refused.value) == message


def test_the_deepest_document_is_read() -> None:
    assert read_xml("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH).tag == "a"


@settings(deadline=None)
@given(
    document=st.binary(max_size=60)
    | st.text(alphabet="<a/>&;!?[]- =\"'xé\ud800", max_size=60).map("<a>{}</a>".format)
)
def test_a_hostile_document_is_read_or_refused_and_nothing_else(document: str | bytes) -> None:
    try:
        root = read_xml(document)
    except ProtocolError:
        return
    assert read_xml(write_xml(root)).tag == root.tag


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x0b", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_carry_is_not_written(character: str) -> None:
    wanted = "<a> has a character that XML cannot carry; take out control characters"
    for root in (Element("a", {}, [character]), Element("a", {"b": character})):
        with pytest.raises(UsageError) as refused:
            write_xml(root)
        assert str(refused.value) == wanted

"""Small XML documents: what carriers take as instructions.

A document is read whole, without a document type (so there are no entities to expand), and with
bounded depth. Only UTF-8 is read and written.

Source: https://www.w3.org/TR/xml/ (fifth edition)
"""

import re
from dataclasses import dataclass, field
from typing import Final, Never, TypeAlias
from xml.parsers import expat

from hookflash.errors import ProtocolError, UsageError

__all__ = ["MAX_DEPTH", "Content", "Element", "read_xml", "write_xml"]

MAX_DEPTH: Final = 32
"""How deep elements may nest in what we read. TwiML with speech markup has about six levels."""

# Section 2.2: everything but most control characters, surrogates and two non-characters.
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Blank characters are written as references where a reader would change them: every carriage
# return (2.11), and in attributes all but the space (3.3.3).
_TEXT_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE_ESCAPES: Final = _TEXT_ESCAPES | str.maketrans(
    {'"': "&quot;", "\t": "&#9;", "\n": "&#10;"}
)


@dataclass(slots=True)
class Element:
    """One element.

    Attributes:
        tag: its name as written; prefixes are not resolved.
        attributes: by name as written.
        content: elements and text, in order.
        line: where it began in the document that was read, from 1; 0 if it was not read.
    """

    tag: str
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    content: "list[Content]" = field(default_factory=list["Content"])
    line: int = 0


Content: TypeAlias = Element | str
"""What an element contains: elements, and text between them."""


def read_xml(document: str | bytes) -> Element:
    """Read a document and return its root. Comments and processing instructions are dropped.

    The caller bounds the length.

    Raises:
        ProtocolError: not well-formed, not UTF-8, has a document type, or nests deeper than
            `MAX_DEPTH`. The message says where, and repeats nothing of the document.
    """
    try:
        data = document.encode() if isinstance(document, str) else document
    except UnicodeEncodeError:
        msg = "the XML has half a character"
        raise ProtocolError(msg) from None
    # The explicit encoding overrules whatever the document declares.
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    top = Element("")
    stack = [top]

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            msg = f"the XML nests deeper than {MAX_DEPTH} elements"
            raise ProtocolError(msg)
        element = Element(tag, attributes, line=parser.CurrentLineNumber)
        stack[-1].content.append(element)
        stack.append(element)

    def end(_tag: str) -> None:
        stack.pop()

    def text(characters: str) -> None:
        stack[-1].content.append(characters)

    def doctype(*_: object) -> Never:
        msg = "the XML has a document type; leave it out"
        raise ProtocolError(msg)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as exc:
        msg = f"the XML is not well-formed: {exc}"
        raise ProtocolError(msg) from exc
    root = top.content[0]
    assert isinstance(root, Element)  # well-formed: one root, and no text outside it
    return root


def write_xml(root: Element) -> str:
    """Write a document with its declaration; encode it as UTF-8.

    Raises:
        UsageError: a text has a character that XML cannot carry, such as a control character.
    """
    pieces = ['<?xml version="1.0" encoding="UTF-8"?>']
    _write(root, pieces)
    return "".join(pieces)


def _write(element: Element, pieces: list[str]) -> None:
    pieces.append(f"<{element.tag}")
    for name, value in sorted(element.attributes.items()):
        pieces.append(f' {name}="{_escaped(value, _ATTRIBUTE_ESCAPES, element.tag)}"')
    if not element.content:
        pieces.append("/>")
        return
    pieces.append(">")
    for part in element.content:
        if isinstance(part, Element):
            _write(part, pieces)
        else:
            pieces.append(_escaped(part, _TEXT_ESCAPES, element.tag))
    pieces.append(f"</{element.tag}>")


def _escaped(text: str, escapes: dict[int, str], tag: str) -> str:
    if _UNWRITABLE.search(text):
        msg = f"<{tag}> has a character that XML cannot carry; take out control characters"
        raise UsageError(msg)
    return text.translate(escapes)

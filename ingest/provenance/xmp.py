"""Reads the few properties of an XMP packet that are markers, whatever else is in it."""

from __future__ import annotations

from collections import defaultdict
from xml.etree.ElementTree import ParseError

from graph.errors import InputError

IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
AIGC = "http://www.tc260.org.cn/ns/AIGC/1.0/"
SOURCE_TYPE = f"{{{IPTC}}}DigitalSourceType"
LABEL = f"{{{AIGC}}}AIGC"
_WANTED = (SOURCE_TYPE, LABEL)
_RESOURCE = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}resource"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DEEPEST = 100  # XMP of real tools stays under 20


class _Properties:
    """What the parser calls: keeps the text and attributes of wanted properties, and no tree."""

    def __init__(self) -> None:
        self.found: defaultdict[str, list[str]] = defaultdict(list)
        self._open: list[str] = []
        self._inside = ""
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._open.append(tag)
        if len(self._open) > _DEEPEST:
            raise InputError(f"elements more than {_DEEPEST} deep")
        for name in _WANTED:
            if name in attributes:
                self.found[name].append(attributes[name])
        if not self._inside and tag in _WANTED:
            self._inside, self._text = tag, []
            if _RESOURCE in attributes:
                self.found[tag].append(attributes[_RESOURCE])

    def data(self, text: str) -> None:
        if self._inside:
            self._text.append(text)

    def end(self, tag: str) -> None:
        self._open.pop()
        if tag == self._inside and tag not in self._open:
            value = "".join(self._text).strip()
            if value:
                self.found[tag].append(value)
            self._inside = ""

    def close(self) -> None:
        """Nothing is left to do."""


def properties(packet: bytes) -> dict[str, list[str]]:
    """Values of SOURCE_TYPE and LABEL in a packet, by name; names that are not there are left out.

    Raises:
        InputError: it is not well formed, nested too deep, or has a document type, which XMP has no use for.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import DefusedXMLParser

    target = _Properties()
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    try:
        # padding before or behind is no XML; in UTF-16, zeros are half of every letter
        parser.feed(packet if packet[:2] in _UTF_16 else packet.strip(b"\x00 \t\r\n"))
        parser.close()
    except ParseError as error:
        raise InputError(f"XMP is not well-formed XML ({error})") from None
    except DefusedXmlException as error:
        raise InputError(f"XMP with a document type or an entity is not read ({type(error).__name__})") from None
    except InputError as error:
        raise InputError(f"XMP: {error}") from None
    except (LookupError, ValueError) as error:  # an encoding that nobody knows
        raise InputError(f"XMP is in no encoding that can be read ({error})") from None
    return dict(target.found)

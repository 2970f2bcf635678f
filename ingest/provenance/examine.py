"""Everything one open media file says of where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from graph.errors import InputError
from ingest.provenance import c2pa_manifest, containers, gb45438, generators, iptc, xmp
from ingest.provenance.marker import MEANING, Marker, status
from ingest.provenance.parts import Parts

_TEXTS = {"png": "PNG text", "mp4": "MP4 key"}


def examine(file: BinaryIO, anchors: str | None) -> dict[str, Any]:
    """Status, markers and what was not read.

    Args:
        file: a whole media file, open for reading and seeking.
        anchors: PEM of the certificates that trust in a C2PA signature begins with; None: nobody is trusted.

    Returns:
        container, status, meaning, markers, and unread: why a part that can hold a marker was not read.

    Raises:
        InputError: it is none of the containers that are read, or one of too many parts.
    """
    parts = containers.read(file)
    unread = parts.unread
    markers = _declared(parts)
    broken = bool(unread)
    try:
        manifest = c2pa_manifest.find(file, containers.MIME[parts.container], anchors, embedded=parts.c2pa)
    except c2pa_manifest.ElsewhereError as error:  # read in full; what it points to is not part of it
        unread.append(str(error))
    except InputError as error:
        unread.append(str(error))
        broken = True
    else:
        markers[:0] = [manifest] if manifest else []
    found = status(markers, broken=broken)
    return {
        "container": parts.container,
        "status": found,
        "meaning": MEANING[found],
        "markers": [marker.plain() for marker in markers],
        "unread": unread,
    }


def _declared(parts: Parts) -> list[Marker]:
    """Every unsigned marker once; what cannot be read is added to `parts.unread`."""
    found: list[Marker] = []
    for markers in _finders(parts):
        try:
            for marker in markers:
                if marker not in found:
                    found.append(marker)
        except InputError as error:
            parts.unread.append(str(error))
    return found


def _finders(parts: Parts) -> Iterator[Iterator[Marker]]:
    """One search for each part, so that one that fails stops no other."""
    for packet in parts.xmp:
        yield _in_xmp(packet, parts)
    for block in parts.exif:
        yield _in_exif(block)
    where = _TEXTS.get(parts.container, "")
    yield iter(generators.in_texts(parts.texts, where))
    for keyword, text in parts.texts:
        if keyword == gb45438.NAME:
            yield _label(text, f"{where} {keyword}")


def _in_xmp(packet: bytes, parts: Parts) -> Iterator[Marker]:
    properties = xmp.properties(packet)
    yield from iptc.find(properties.get(xmp.SOURCE_TYPE, []))
    for value in properties.get(xmp.LABEL, []):
        try:
            yield gb45438.find(value, "XMP AIGC")
        except InputError as error:
            parts.unread.append(str(error))


def _in_exif(block: bytes) -> Iterator[Marker]:
    markers, texts = generators.in_exif(block)
    yield from markers
    for name, text in texts:
        if text.lstrip().startswith("{") and f'"{gb45438.NAME}"' in text:
            yield from _label(text, f"EXIF {name}")


def _label(text: str, where: str) -> Iterator[Marker]:
    yield gb45438.find(text, where)

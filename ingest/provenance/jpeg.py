"""JPEG: segments up to the first scan. XMP and EXIF in APP1, C2PA in APP11 (JUMBF)."""

from __future__ import annotations

from ingest.provenance.parts import PACKET, Parts, Source

MAGIC = b"\xff\xd8\xff"
_XMP = b"http://ns.adobe.com/xap/1.0/\x00"
_MORE = b"http://ns.adobe.com/xmp/extension/\x00"  # XMP that did not fit one segment, in pieces
_EXIF = b"Exif\x00\x00"
_APP1, _APP11, _SCAN, _END = 0xE1, 0xEB, 0xDA, 0xD9
_BARE = (0x01, *range(0xD0, 0xD8))  # markers without a length


def read(source: Source, parts: Parts) -> None:
    """Fill `parts` from the segments before the first scan; what comes after it is pixels.

    Raises:
        InputError: a segment does not fit the file, or is none.
    """
    at = 2
    pieces: dict[bytes, dict[int, bytes]] = {}
    try:
        while True:
            source.meet(at)
            lead, marker = source.take(at, 2)
            if lead != 0xFF:
                parts.unread.append(f"byte {at:,}: a segment was expected")
                return
            if marker == 0xFF:  # a fill byte
                at += 1
                continue
            if marker in (_SCAN, _END):
                return
            if marker in _BARE:
                at += 2
                continue
            length = int.from_bytes(source.take(at + 2, 2), "big")
            if length < 2:
                parts.unread.append(f"byte {at:,}: a segment that says it is {length} bytes long")
                return
            _segment(marker, source.take(at + 4, length - 2), parts, pieces)
            at += 2 + length
    finally:
        parts.xmp += [joined for joined in map(_joined, pieces.values()) if joined]


def _segment(marker: int, body: bytes, parts: Parts, pieces: dict[bytes, dict[int, bytes]]) -> None:
    if marker == _APP11 and body[:2] == b"JP" and b"c2pa" in body[:64]:
        parts.c2pa = True
    elif marker == _APP1 and body.startswith(_XMP):
        parts.xmp.append(body[len(_XMP) :])
    elif marker == _APP1 and body.startswith(_EXIF):
        parts.exif.append(body[len(_EXIF) :])
    elif marker == _APP1 and body.startswith(_MORE):
        # name of the whole (32 bytes), its length and this piece's offset (4 bytes each)
        head = body[len(_MORE) : len(_MORE) + 40]
        if len(head) == 40:
            pieces.setdefault(head[:32], {})[int.from_bytes(head[36:40], "big")] = body[len(_MORE) + 40 :]


def _joined(pieces: dict[int, bytes]) -> bytes:
    """Pieces in their order, as far as none is missing and the whole stays under PACKET."""
    whole = bytearray()
    for offset in sorted(pieces):
        if offset != len(whole) or offset > PACKET:
            break
        whole += pieces[offset]
    return bytes(whole)

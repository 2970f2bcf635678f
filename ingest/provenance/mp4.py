"""MP4: nested boxes. XMP and C2PA have boxes of their own, keys such as AIGC stand in QuickTime's or iTunes' lists."""

from __future__ import annotations

from collections.abc import Iterator

from graph.errors import InputError
from ingest.provenance.parts import Parts, RefusedError, Source

MAGIC = b"ftyp"  # at byte 4
# stills in the same container keep their metadata elsewhere
STILLS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_FOLDERS = (b"moov", b"trak", b"udta")
_DEEPEST = 8
_KEYS = 1000

Box = tuple[bytes, int, int]  # kind, and where its content begins and ends


def read(source: Source, parts: Parts) -> None:
    """Fill `parts` from every box that can hold a marker.

    Raises:
        InputError: a box does not fit the file, or the one around it; or there is no movie box.
    """
    _walk(source, 0, source.size, parts, 0)
    if all(kind != b"moov" for kind, _, _ in _boxes(source, 0, source.size)):
        raise InputError(f"byte {source.size:,}: the file ends without a box b'moov', which every video has")


def _boxes(source: Source, at: int, end: int) -> Iterator[Box]:
    while at + 8 <= end:
        source.meet(at)
        head = source.take(at, 8)
        length, kind, start = int.from_bytes(head[:4], "big"), head[4:], at + 8
        if length == 1:
            length, start = int.from_bytes(source.take(start, 8), "big"), at + 16
        elif length == 0:  # to the end
            length = end - at
        if length < start - at or at + length > end:
            raise InputError(
                f"byte {at:,}: a box {kind!r} that says it is {length:,} bytes long; {end - at:,} are left"
            )
        yield kind, start, at + length
        at += length


def _walk(source: Source, at: int, end: int, parts: Parts, depth: int) -> None:
    if depth > _DEEPEST:
        raise InputError(f"byte {at:,}: boxes more than {_DEEPEST} deep")
    for kind, start, stop in _boxes(source, at, end):
        try:
            if kind in _FOLDERS:
                _walk(source, start, stop, parts, depth + 1)
            elif kind == b"meta":
                _meta(source, start, stop, parts)
            elif kind == b"XMP_":
                parts.xmp.append(source.part(start, stop - start, "XMP"))
            elif kind == b"AIGC":
                parts.texts.append(("AIGC", _text(source.part(start, stop - start, "AIGC"))))
            elif kind == b"uuid" and stop - start >= 16:
                name = source.take(start, 16)
                if name == _XMP:
                    parts.xmp.append(source.part(start + 16, stop - start - 16, "XMP"))
                parts.c2pa |= name == _C2PA
        except RefusedError:
            raise
        except InputError as error:  # one bad box does not hide the next
            parts.unread.append(str(error))


def _meta(source: Source, start: int, stop: int, parts: Parts) -> None:
    """Keys and values: QuickTime's keys with ilst by number, or iTunes' ilst by name."""
    if source.take(start, min(8, stop - start))[4:] != b"hdlr":
        start += 4  # version and flags, which QuickTime leaves out
    keys: list[str] = []
    for kind, first, last in _boxes(source, start, stop):
        if kind == b"keys":
            keys = _keys(source, first, last)
        elif kind == b"ilst":
            for name, begin, end in _boxes(source, first, last):
                _item(source, name, begin, end, keys, parts)


def _keys(source: Source, first: int, last: int) -> list[str]:
    """Names, in the order of their numbers; each stands behind its length and namespace."""
    found: list[str] = []
    at = first + 8
    while at + 8 <= last and len(found) < _KEYS:
        length = int.from_bytes(source.take(at, 4), "big")
        if length < 8 or at + length > last:
            raise InputError(f"byte {at:,}: a key that says it is {length:,} bytes long; {last - at:,} are left")
        found.append(_text(source.part(at + 8, length - 8, "a key")))
        at += length
    return found


def _item(source: Source, name: bytes, begin: int, end: int, keys: list[str], parts: Parts) -> None:
    number = int.from_bytes(name, "big")
    key = keys[number - 1] if 1 <= number <= len(keys) else name.decode("latin-1")
    for kind, first, last in _boxes(source, begin, end):
        if kind == b"name" and name == b"----":  # iTunes' way to have names of one's own
            key = _text(source.part(min(first + 4, last), max(last - first - 4, 0), "a name"))
        elif kind == b"data" and last - first >= 8 and source.take(first, 4)[3] in (0, 1, 2):  # texts only
            parts.texts.append((key, _text(source.part(first + 8, last - first - 8, f"the value of {key[:40]!r}"))))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip("\x00")

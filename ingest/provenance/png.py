"""PNG: XMP and other texts in tEXt, zTXt and iTXt, EXIF in eXIf, C2PA in caBX."""

from __future__ import annotations

from graph.errors import InputError
from ingest.provenance.parts import Parts, Source, inflate

MAGIC = b"\x89PNG\r\n\x1a\n"
_XMP = "XML:com.adobe.xmp"
_RAW = "Raw profile type "  # ImageMagick: a profile in hexadecimal, after its name and length
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_LONGEST = 2**31 - 1


def read(source: Source, parts: Parts) -> None:
    """Fill `parts` from the chunks up to IEND, those after the pixels included.

    Raises:
        InputError: a chunk does not fit the file.
    """
    at = len(MAGIC)
    while True:
        source.meet(at)
        head = source.take(at, 8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if length > _LONGEST or at + 12 + length > source.size:
            raise InputError(
                f"byte {at:,}: a chunk {kind!r} that says it is {length:,} bytes long; "
                f"{max(source.size - at - 12, 0):,} are left"
            )
        if kind == b"IEND":
            return
        if kind == b"caBX":
            parts.c2pa = True
        elif kind == b"eXIf" or kind in _TEXTS:
            try:
                data = source.part(at + 8, length, kind.decode())
                if kind == b"eXIf":
                    parts.exif.append(data)
                else:
                    _text(kind, data, at, parts)
            except InputError as error:  # one bad chunk does not hide the next
                parts.unread.append(str(error))
        at += 12 + length


def _text(kind: bytes, data: bytes, at: int, parts: Parts) -> None:
    name, _, rest = data.partition(b"\x00")
    keyword = name.decode("latin-1")
    if kind == b"zTXt":
        rest = inflate(rest[1:], at, f"text {keyword[:79]!r}")
    elif kind == b"iTXt":
        compressed = rest[:1] == b"\x01"
        rest = rest[2:].split(b"\x00", 2)[-1]  # after compression come language and translated keyword
        if compressed:
            rest = inflate(rest, at, f"text {keyword[:79]!r}")
    if keyword == _XMP:
        parts.xmp.append(rest)
    elif keyword.startswith(_RAW):
        _raw(keyword.removeprefix(_RAW), rest, at, parts)
    else:
        parts.texts.append((keyword, _decoded(rest)))


def _raw(name: str, data: bytes, at: int, parts: Parts) -> None:
    if name not in ("xmp", "exif", "APP1"):
        return
    try:
        profile = bytes.fromhex(data.decode("ascii").strip().split("\n", 2)[2])
    except (ValueError, IndexError):
        raise InputError(f"byte {at:,}: {_RAW}{name} is not in hexadecimal") from None
    if profile.startswith(b"Exif\x00\x00"):
        parts.exif.append(profile[6:])
    else:
        parts.xmp.append(profile.removeprefix(b"http://ns.adobe.com/xap/1.0/\x00"))


def _decoded(text: bytes) -> str:
    """A tEXt is Latin-1 by the standard and often UTF-8 in fact."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")

"""WebP: chunks of a RIFF file. XMP, EXIF and C2PA have one each."""

from __future__ import annotations

from graph.errors import InputError
from ingest.provenance.parts import Parts, Source

MAGIC = b"RIFF"


def read(source: Source, parts: Parts) -> None:
    """Fill `parts` from the chunks.

    Raises:
        InputError: a chunk does not fit the file, or the file is shorter than it says.
    """
    end = 8 + int.from_bytes(source.take(4, 4), "little")
    at = 12
    while at + 8 <= min(end, source.size):
        source.meet(at)
        head = source.take(at, 8)
        kind, length = head[:4], int.from_bytes(head[4:], "little")
        if at + 8 + length > source.size:
            raise InputError(
                f"byte {at:,}: a chunk {kind!r} that says it is {length:,} bytes long; "
                f"{source.size - at - 8:,} are left"
            )
        if kind == b"C2PA":
            parts.c2pa = True
        elif kind in (b"XMP ", b"EXIF"):
            try:
                data = source.part(at + 8, length, kind.decode().strip())
                if kind == b"EXIF":
                    parts.exif.append(data.removeprefix(b"Exif\x00\x00"))
                else:
                    parts.xmp.append(data)
            except InputError as error:
                parts.unread.append(str(error))
        at += 8 + length + length % 2  # chunks begin at even bytes
    if end > source.size:
        raise InputError(f"byte {source.size:,}: the file says it is {end:,} bytes long, and ends here")

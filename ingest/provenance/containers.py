"""Which container a file is, by its first bytes and never by its name, and what it holds."""

from __future__ import annotations

from typing import BinaryIO

from graph.errors import InputError
from ingest.provenance import jpeg, mp4, png, webp
from ingest.provenance.parts import Parts, RefusedError, Source

MIME = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "mp4": "video/mp4"}
_READERS = {"jpeg": jpeg.read, "png": png.read, "webp": webp.read, "mp4": mp4.read}


def container(head: bytes) -> str:
    """jpeg, png, webp or mp4.

    Args:
        head: the first 16 bytes of the file, or fewer if there are no more.

    Raises:
        InputError: it is none of them.
    """
    if head.startswith(jpeg.MAGIC):
        return "jpeg"
    if head.startswith(png.MAGIC):
        return "png"
    if head.startswith(webp.MAGIC) and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == mp4.MAGIC and head[8:12] not in mp4.STILLS:
        return "mp4"
    raise InputError("neither JPEG, PNG, WebP nor MP4 by its first bytes")


def read(file: BinaryIO) -> Parts:
    """Everything in the file that can carry a marker; a file that breaks off keeps what came before.

    Raises:
        InputError: it is no container that is read here, or one of too many parts.
    """
    source = Source(file)
    parts = Parts(container(source.take(0, min(16, source.size))))
    try:
        _READERS[parts.container](source, parts)
    except RefusedError:
        raise
    except InputError as error:
        parts.unread.append(str(error))
    return parts

"""What a media file holds that can carry a marker, and reading it without believing what it says of its own sizes."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from graph.errors import InputError

PACKET = 4 * 2**20  # bytes of one part that are read at most: XMP, EXIF or a text, also after decompression
PARTS = 20_000  # segments, chunks or boxes that a file may have


class RefusedError(InputError):
    """Reading on would cost more than any file is worth."""


@dataclass
class Parts:
    """What was found so far. A reader fills it as it goes, so that a file that breaks off keeps what came before.

    Attributes:
        container: jpeg, png, webp or mp4.
        xmp: XMP packets, as bytes.
        exif: EXIF blocks, from the TIFF header on.
        texts: keyword and text of PNG's text chunks; key and value of MP4's metadata.
        c2pa: whether a C2PA manifest store is embedded.
        unread: why a part that can carry a marker could not be read, with its byte.
    """

    container: str
    xmp: list[bytes] = field(default_factory=list)
    exif: list[bytes] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    c2pa: bool = False
    unread: list[str] = field(default_factory=list)


class Source:
    """An open media file: bytes by offset, never more of them than there are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        self._met = 0

    def take(self, at: int, length: int) -> bytes:
        """`length` bytes from byte `at`.

        Raises:
            InputError: the file ends before.
        """
        if at + length > self.size:
            raise InputError(f"byte {at:,}: {length:,} bytes were expected, and the file ends after {self.size - at:,}")
        self._file.seek(at)
        return self._file.read(length)

    def part(self, at: int, length: int, what: str) -> bytes:
        """The same for a part that is kept, which may not be longer than PACKET."""
        if at + length <= self.size and length > PACKET:
            raise InputError(f"byte {at:,}: {what} of {length:,} bytes; {PACKET:,} are the limit")
        return self.take(at, length)

    def meet(self, at: int) -> None:
        """Count one more segment, chunk or box.

        Raises:
            RefusedError: there are more of them than any camera, generator or editor writes.
        """
        self._met += 1
        if self._met > PARTS:
            raise RefusedError(f"byte {at:,}: more than {PARTS:,} segments, chunks or boxes")


def inflate(data: bytes, at: int, what: str) -> bytes:
    """Undo zlib's compression, of at most PACKET bytes."""
    try:
        unpacked = zlib.decompressobj().decompress(data, PACKET + 1)
    except zlib.error as error:
        raise InputError(f"byte {at:,}: {what} is not compressed as it says ({error})") from None
    if len(unpacked) > PACKET:
        raise InputError(f"byte {at:,}: {what} unpacks to more than {PACKET:,} bytes")
    return unpacked

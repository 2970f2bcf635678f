"""The bytes of a source file of text: whole, compressed as its name says, and UTF-8.

The parsers would stop at a cut zstd stream without a word and name no line of a byte that is no text, so the bytes are
read once before them: 1 MiB at a time, whatever the size of the file.
"""

from __future__ import annotations

import codecs
import io
from pathlib import Path

import pyarrow as pa

from graph.errors import InputError

CHUNK = 1 << 20
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
# first bytes of what is no text, and what to say of it
MAGIC = (
    (b"\x1f\x8b", "is compressed by gzip; its name must end in .gz"),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd; its name must end in .zst"),
    (b"BZh", "is compressed by bzip2; gzip and zstd can be read"),
    (b"\xfd7zXZ", "is compressed by xz; gzip and zstd can be read"),
    (b"PK\x03\x04", "is a zip archive or a spreadsheet; unpack it, or export it as CSV in UTF-8"),
    (b"PAR1", "is Parquet; its name must end in .parquet"),
)
WIDE = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def compression_of(path: Path) -> str | None:
    """gzip, zstd or None, by the file's name."""
    return COMPRESSIONS.get(path.suffix.lower())


def opened(path: Path) -> io.BufferedReader:
    """The bytes of a file, decompressed. Reading may raise OSError for a stream that is none or is cut."""
    return io.BufferedReader(pa.input_stream(str(path), compression=compression_of(path)), CHUNK)


def check_text(path: Path) -> None:
    """Raise InputError unless the whole file is text in UTF-8, compressed as its name says.

    The message names the file and, for a byte that is no UTF-8, its line and place.
    """
    rest, line, line_start, done = b"", 1, 0, 0  # lines from 1, bytes from 0, of what was read so far
    try:
        with opened(path) as stream:
            chunk = stream.read(CHUNK)
            _refuse_other_kinds(path, chunk)
            while chunk:
                piece = rest + chunk
                whole = len(piece) - _unfinished(piece)
                piece, rest = piece[:whole], piece[whole:]
                try:
                    piece.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise _not_utf8(path, piece, error.start, line, line_start, done) from None
                breaks = piece.count(b"\n")
                if breaks:
                    line, line_start = line + breaks, done + piece.rindex(b"\n") + 1
                done += whole
                chunk = stream.read(CHUNK)
    except OSError as error:
        failed = "cannot be decompressed, or is cut short" if compression_of(path) else "cannot be read"
        raise InputError(f"{path}: {failed}: {str(error)[:200]}") from error
    if rest:
        raise InputError(f"{path}: line {line}: the file ends within a character: it is cut short")


def line_ends(path: Path) -> tuple[int, int] | None:
    """The first lines (from 1) that end in CRLF and in LF alone; None if all end alike."""
    found: dict[bool, int] = {}
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            found.setdefault(line.endswith(b"\r\n"), number)
            if len(found) == 2:
                return found[True], found[False]
    return None


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    for magic, said in MAGIC:
        if head.startswith(magic):
            raise InputError(f"{path}: {said}")
    for mark, name in WIDE:
        if head.startswith(mark):
            raise InputError(f"{path}: line 1, byte 1: {name}; expected UTF-8: iconv -f {name} -t UTF-8 makes it so")
    if head[:64].count(b"\0") > 8:
        raise InputError(f"{path}: line 1: holds NUL bytes, as UTF-16 does; expected UTF-8")


def _unfinished(piece: bytes) -> int:
    """How many bytes at the end begin a character whose other bytes are still to come."""
    for back in range(1, min(3, len(piece)) + 1):
        byte = piece[-back]
        if byte >= 0xF8:
            return 0
        if byte >= 0xC0:
            wanted = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return back if back < wanted else 0
        if byte < 0x80:
            return 0
    return 0


def _not_utf8(path: Path, piece: bytes, bad: int, line: int, line_start: int, offset: int) -> InputError:
    """What to say of the byte at `bad` of a piece that begins at `offset` of the text."""
    before = piece[:bad]
    start = offset + before.rindex(b"\n") + 1 if b"\n" in before else line_start
    hint = ""
    try:
        read = piece[before.rfind(b"\n") + 1 :].partition(b"\n")[0].decode("gb18030")
        if any("\u4e00" <= character <= "\u9fff" for character in read):
            hint = "; as GB18030 it is text: iconv -f GB18030 -t UTF-8 makes it UTF-8"
    except UnicodeDecodeError:
        pass
    place, number = offset + bad, line + before.count(b"\n")
    return InputError(
        f"{path}: line {number}, byte {place - start + 1} (byte {place + 1} of the file): "
        f"{piece[bad : bad + 2].hex(' ')} is not UTF-8{hint}"
    )

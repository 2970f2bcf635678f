"""Bad input, case by case: what stands in a file, and what becomes of it.

docs/reference/bad-input.md is made from this table, and tests/ingest/test_corpus.py holds Shoal to it.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

HEAD = "event_id,account_id,kind,at,target_id,text\n"
GOOD = "e1,ann,comment,2026-09-01T10:00:00Z,n1,hello\n"
MORE = "e2,bob,comment,2026-09-01T10:00:20Z,n1,hello\n"
SHOWN = "event_id,account_id,kind,at,media\n"
ANSWER = {"file": "1.jpg", "status": "none", "markers": [], "hash": {"pdq": "ab" * 32}}
ROW = {"event_id": "e1", "account_id": "ann", "kind": "like", "at": "2026-09-01T10:00:00Z", "target_id": "n1"}


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        what: is in it, for a person.
        name: of the file; its ending matters.
        content: its bytes, or what makes them.
        format_name: how it is read.
        appended: rows that are stored.
        rejected: of each rejected row, a part of its reason, which names the column.
        refused: a part of the message, where the file is refused whole.
        texts: where it matters, the texts that are stored.
    """

    what: str
    name: str
    content: bytes | Callable[[], bytes]
    appended: int = 0
    rejected: dict[int, str] = field(default_factory=dict)
    refused: str = ""
    format_name: str = "native"
    texts: tuple[str, ...] | None = None

    def bytes(self) -> bytes:
        """The file."""
        return self.content if isinstance(self.content, bytes) else self.content()


def csv(*rows: str, head: str = HEAD) -> bytes:
    return (head + "".join(rows)).encode()


def lines(*rows: object) -> bytes:
    return "".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in rows).encode()


def changed(**change: object) -> dict[str, object]:
    return {**ROW, "event_id": "e2", **change}


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


def parquet(**columns: object) -> Callable[[], bytes]:
    def made() -> bytes:
        file = io.BytesIO()
        pq.write_table(pa.table(columns), file)
        return file.getvalue()

    return made


MANY = csv(GOOD, *(f"f{i},acc{i * 7919 % 1009},like,2026-09-01T10:00:00Z,n{i * 31 % 97},\n" for i in range(3000)))
A_ROW = {"account_id": ["ann", "bob"], "target_id": ["n1", "n1"], "kind": ["like", "like"]}
SECONDS = 1_788_256_800

CASES: dict[str, list[Case]] = {
    "Encodings": [
        Case("a byte order mark of UTF-8 before a CSV file", "a.csv", codecs.BOM_UTF8 + csv(GOOD), 1),
        Case("the same before JSON Lines", "a.jsonl", codecs.BOM_UTF8 + lines(ROW), 1),
        Case("the same before a JSON array", "a.json", codecs.BOM_UTF8 + json.dumps([ROW]).encode(), 1),
        Case("UTF-16 with its mark", "a.csv", csv(GOOD).decode().encode("utf-16"), refused="line 1, byte 1: UTF-16"),
        Case("UTF-16 without a mark", "a.csv", csv(GOOD).decode().encode("utf-16-le"), refused="line 1: holds NUL"),
        Case("UTF-32", "a.csv", csv(GOOD).decode().encode("utf-32"), refused="line 1, byte 1: UTF-32"),
        Case(
            "Chinese in GB18030",
            "a.csv",
            csv(GOOD, MORE.replace("hello", "你好")).decode().encode("gb18030"),
            refused="line 3, byte 40 (byte 128 of the file): c4 e3 is not UTF-8; as GB18030 it is text",
        ),
        Case(
            "an accent in Latin-1",
            "a.csv",
            csv(GOOD, MORE.replace("hello", "café au lait")).decode().encode("latin-1"),
            refused="line 3, byte 43 (byte 131 of the file): e9 20 is not UTF-8",
        ),
        Case(
            "a byte that no encoding has, in JSON Lines",
            "a.jsonl",
            lines(ROW) + b'{"account_id": "\xff"}\n',
            refused="line 2, byte 17",
        ),
        Case(
            "a file cut within a character", "a.csv", csv(GOOD) + "e2,é".encode()[:-1], refused="line 3: the file ends"
        ),
        Case("characters beyond the basic plane", "a.csv", csv(GOOD.replace("hello", "🐟🐟")), 1, texts=("🐟🐟",)),
        Case("half a surrogate pair, escaped", "a.jsonl", lines(ROW, '{"account_id": "\\ud800"}'), 1, {2: "record: "}),
    ],
    "Lines, and what ends them": [
        Case("CRLF in CSV", "a.csv", csv(GOOD, MORE).replace(b"\n", b"\r\n"), 2, texts=("hello", "hello")),
        Case("CRLF in JSON Lines", "a.jsonl", lines(ROW, changed()).replace(b"\n", b"\r\n"), 2),
        Case("CR alone in CSV", "a.csv", csv(GOOD, MORE).replace(b"\n", b"\r"), 2),
        Case(
            "some lines of a CSV file in CRLF, some in LF",
            "a.csv",
            csv(GOOD, MORE.replace("\n", "\r\n")),
            refused="line 3 ends in CRLF and line 1 in LF alone",
        ),
        Case(
            "CRLF, and LF within quotes",
            "a.csv",
            csv(GOOD.replace("hello", '"one#two"'), MORE).replace(b"\n", b"\r\n").replace(b"#", b"\n"),
            2,
            texts=("one\ntwo", "hello"),
        ),
        Case("empty lines between the rows of a CSV file", "a.csv", csv(GOOD, "\n", MORE, "\n\n"), 2),
        Case(
            "an empty line between JSON Lines, which counts as one",
            "a.jsonl",
            lines(ROW, "", changed(at="never")),
            1,
            {3: "at: never is no time"},
        ),
        Case("no end of the last line", "a.csv", csv(GOOD, MORE).rstrip(), 2),
        Case(
            "a Unicode line separator in a text", "a.jsonl", lines({**ROW, "text": "a\u2028b"}), 1, texts=("a\u2028b",)
        ),
    ],
    "NUL and other control characters": [
        Case("NUL in a text", "a.csv", csv(GOOD, MORE.replace("hello", "he\0llo")), 1, {2: "text: he"}),
        Case("NUL in an id", "a.csv", csv(GOOD, MORE.replace("bob", "b\0b")), 1, {2: "account_id: b"}),
        Case("NUL, escaped, in a text", "a.jsonl", lines(ROW, changed(text="a\0b")), 1, {2: "holds a NUL character"}),
        Case("NUL within JSON Lines", "a.jsonl", lines(ROW, '{"account_id": "\0"}'), 1, {2: "record: no JSON object"}),
        Case("a bell in an id", "a.jsonl", lines(ROW, changed(account_id="b\7b")), 1, {2: "holds control characters"}),
        Case(
            "a control character bare in JSON", "a.jsonl", lines(ROW, '{"account_id": "\1"}'), 1, {2: "record: no JSON"}
        ),
        Case("a line feed in a text, quoted", "a.csv", csv(GOOD.replace("hello", '"a\nb"')), 1, texts=("a\nb",)),
    ],
    "Quotes, delimiters and columns": [
        Case("doubled quotes", "a.csv", csv(GOOD.replace("hello", '"say ""hi"", now"')), 1, texts=('say "hi", now',)),
        Case("a quote within a field that has none around it", "a.csv", csv(GOOD.replace("hello", 'he"llo')), 1),
        Case(
            "text after the closing quote",
            "a.csv",
            csv(GOOD, MORE.replace("hello", '"he"llo')),
            1,
            {2: "record: Value with unterminated quote"},
        ),
        Case(
            "a quote that never closes takes the rest of the file with it",
            "a.csv",
            csv(GOOD, MORE.replace("hello", '"hello'), GOOD.replace("e1", "e3")),
            1,
            {2: "record: Value with unterminated quote"},
        ),
        Case("semicolons instead of commas", "a.csv", csv(GOOD, MORE).replace(b",", b";"), 2),
        Case("tabs, in a file of that name", "a.tsv", csv(GOOD, MORE).replace(b",", b"\t"), 2),
        Case(
            "a row with a field too many",
            "a.csv",
            csv(GOOD, MORE.replace("\n", ",x\n")),
            1,
            {2: "record: Expected Numb"},
        ),
        Case(
            "a row with a field too few", "a.csv", csv(GOOD, "e2,bob,like\n"), 1, {2: "record: Expected Number of Col"}
        ),
        Case("no header", "a.csv", csv(GOOD, MORE, head=""), refused="missing column account_id, kind, at"),
        Case("a header alone", "a.csv", csv(), refused="no rows"),
        Case("nothing", "a.csv", b"", refused="empty file"),
        Case("nothing but blanks", "a.jsonl", b"  \n\n", refused="no line of it is a JSON object"),
        Case("a column twice", "a.csv", csv("1,2\n", head="at,at\n"), refused="line 1: column 'at' stands there twice"),
        Case(
            "two columns that differ in case",
            "a.csv",
            csv("1,2\n", head="Text,text\n"),
            refused="line 1: column 'Text', 'text' stands there twice",
        ),
        Case("the same in JSON Lines", "a.jsonl", lines({**ROW, "Kind": "x"}), refused="column 'Kind', 'kind' stands"),
        Case(
            "a column without a name",
            "a.csv",
            csv("1,2,3\n", head="kind,,at\n"),
            refused="line 1: column 2 has no name",
        ),
        Case(
            "a column named source_row", "a.jsonl", lines({**ROW, "source_row": 7}), refused="column 'source_row': that"
        ),
        Case("over 1,000 different fields", "a.jsonl", lines({f"f{i}": i for i in range(1001)}), refused="over 1,000"),
        Case("a field with a quote in its name, kept", "a.jsonl", lines({**ROW, 'a"b': 1}), 1),
        Case(
            "a required column missing", "a.csv", csv("a,like\n", head="account_id,kind\n"), refused="missing column at"
        ),
    ],
    "JSON": [
        Case("a line that is no JSON", "a.jsonl", lines(ROW, "{broken", changed()), 2, {2: "record: no JSON object"}),
        Case("a line that is a list", "a.jsonl", lines(ROW, [1]), 1, {2: "record: no JSON object"}),
        Case("a line that is null", "a.jsonl", lines(ROW, "null"), 1, {2: "record: no JSON object"}),
        Case("two objects in one line", "a.jsonl", lines(ROW, '{"a": 1} {"a": 2}'), 1, {2: "record: no JSON object"}),
        Case("a comma after the last field, which is read over", "a.jsonl", lines(json.dumps(ROW)[:-1] + ",}"), 1),
        Case("the last line cut off", "a.jsonl", lines(ROW, changed())[:-20], 1, {2: "record: no JSON object"}),
        Case("a field twice: the first counts", "a.jsonl", lines('{"kind": "note", ' + json.dumps(ROW)[1:]), 1),
        Case("an array of objects in .json", "a.json", json.dumps([ROW, changed()]).encode(), 2),
        Case(
            "a number among the objects of an array", "a.json", json.dumps([ROW, 7]).encode(), 1, {2: "record: no JSON"}
        ),
        Case(
            "an array cut off",
            "a.json",
            json.dumps([ROW, ROW]).encode()[:-9],
            refused="row 2, byte 97 of it: no JSON: unexpected end",
        ),
        Case(
            "something after the array",
            "a.json",
            json.dumps([ROW]).encode() + b" more",
            refused="row 2, byte 1 of it: no JSON",
        ),
        Case("an array that is empty", "a.json", b"[]", refused="no record of it is a JSON object"),
        Case("text where JSON should be", "a.json", b"hello", refused="no JSON"),
        Case("an object as an id", "a.jsonl", lines(ROW, changed(account_id={"id": 1})), 1, {2: "account_id: {"}),
        Case("a list as an id", "a.jsonl", lines(ROW, changed(target_id=["n1"])), 1, {2: "is a list or an object"}),
        Case("objects where texts should be", "a.jsonl", lines(ROW, changed(urls=[{"u": 1}])), 1, {2: "urls: [{"}),
        Case("nulls and empty texts in a list are left out", "a.jsonl", lines({**ROW, "urls": [None, "", "u:1"]}), 1),
        Case(
            "2,000 lists within one another",
            "a.jsonl",
            lines({**ROW, "deep": "@"}).replace(b'"@"', b"[" * 2000 + b"]" * 2000),
            1,
        ),
        Case("an unknown field with an object in it, kept", "a.jsonl", lines({**ROW, "geo": {"a": [1, 2]}}), 1),
    ],
    "Huge": [
        Case(
            "an id of 513 characters", "a.jsonl", lines(ROW, changed(account_id="x" * 513)), 1, {2: "longer than 512"}
        ),
        Case("an id of 5 MB", "a.jsonl", lines(ROW, changed(account_id="x" * 5_000_000)), 1, {2: "longer than 512"}),
        Case(
            "a text of 100,001 characters",
            "a.csv",
            csv(GOOD, MORE.replace("hello", "y" * 100_001)),
            1,
            {2: "longer than"},
        ),
        Case("a list of 100,001 characters", "a.jsonl", lines(ROW, changed(urls=["u" * 100_000])), 1, {2: "urls: ["}),
        Case(
            "an unknown field of 100,001 characters", "a.jsonl", lines(ROW, changed(z="z" * 100_001)), 1, {2: "z: zzz"}
        ),
        Case("a number of 400 digits as a time", "a.jsonl", lines(ROW, changed(at=10**400)), 1, {2: "is no time"}),
    ],
    "Wrong types and values": [
        Case("numbers as ids", "a.jsonl", lines({**ROW, "account_id": 7, "target_id": 8}), 1),
        Case("an empty id", "a.csv", csv(GOOD, MORE.replace("bob", " ")), 1, {2: "account_id: empty"}),
        Case(
            "a kind that is none",
            "a.csv",
            csv(GOOD, MORE.replace("comment", "poke")),
            1,
            {2: "kind: poke is none of note"},
        ),
        Case(
            "a kind in capitals",
            "a.csv",
            csv(GOOD, MORE.replace("comment", "LIKE")),
            1,
            {2: "kind: LIKE is none of note"},
        ),
        Case(
            "a like of nothing", "a.csv", csv(GOOD, "e2,bob,like,2026-09-01T10:00:00Z,,\n"), 1, {2: "target_id: empty"}
        ),
        Case(
            "a text where a list should be", "a.jsonl", lines(ROW, changed(urls="u:1")), 1, {2: "urls: u:1 is no list"}
        ),
        Case(
            "a confidence above 1",
            "l.jsonl",
            lines(
                {"account_id": "a", "label": "genuine", "source": "review", "at": ROW["at"], "confidence": 0.5},
                {"account_id": "b", "label": "genuine", "source": "review", "at": ROW["at"], "confidence": 7},
                {"account_id": "c", "label": "guilty", "source": "review", "at": ROW["at"]},
            ),
            1,
            {2: "confidence: 7 is no number from 0 to 1", 3: "label: guilty is none of"},
        ),
        Case(
            "an automation that is neither true nor false",
            "c.jsonl",
            lines(
                {"account_id": "a", "declared_automation": True}, {"account_id": "b", "declared_automation": "maybe"}
            ),
            1,
            {2: "declared_automation: maybe is neither"},
        ),
        Case(
            "an event id used twice for different events",
            "a.jsonl",
            lines(ROW, {**ROW, "kind": "share"}),
            1,
            {2: "event_id: e1 was"},
        ),
        Case("a version of the format that is known", "a.jsonl", lines({**ROW, "format_version": 1}), 1),
        Case(
            "a version that is not known",
            "a.jsonl",
            lines(ROW, changed(format_version=2)),
            refused="row 2, format_version: 2 is not known; this Shoal reads version 1",
        ),
        Case(
            "decimals in a Parquet column of times",
            "a.parquet",
            parquet(**A_ROW, at=[SECONDS * 1e6, SECONDS * 1e6]),
            refused="none of its 2 rows can be used; row 1, at: 1788256800000000.0 is no time",
        ),
        Case(
            "a Parquet column of timestamps",
            "a.parquet",
            parquet(**A_ROW, at=pa.array([SECONDS, SECONDS], pa.timestamp("s", "UTC"))),
            2,
        ),
        Case(
            "an integer beyond 64 bits in Parquet",
            "a.parquet",
            parquet(**A_ROW, at=pa.array([SECONDS * 1_000_000, 2**64 - 1], pa.uint64())),
            1,
            {2: "at: 18446744073709551615 is no time"},
        ),
        Case(
            "a nested Parquet column as an id",
            "a.parquet",
            parquet(account_id=[{"i": "a"}], kind=["note"], at=[SECONDS * 1_000_000]),
            1,
        ),
    ],
    "Times": [
        Case(
            "a time without an offset",
            "a.csv",
            csv(GOOD, MORE.replace("20Z", "20")),
            1,
            {2: "is no time: expected ISO"},
        ),
        Case("a day that no calendar has", "a.csv", csv(GOOD, MORE.replace("09-01", "02-30")), 1, {2: "is no time"}),
        Case("a date alone", "a.csv", csv(GOOD, MORE.replace("T10:00:20Z", "")), 1, {2: "at: 2026-09-01 is no time"}),
        Case(
            "American order",
            "a.csv",
            csv(GOOD, MORE.replace("2026-09-01T10:00:20Z", "9/1/2026 10:00")),
            1,
            {2: "is no time"},
        ),
        Case(
            "seconds", "a.jsonl", lines(ROW, changed(at=SECONDS)), 1, {2: "is before 2000: expected microseconds UTC"}
        ),
        Case("milliseconds", "a.jsonl", lines(ROW, changed(at=SECONDS * 1000)), 1, {2: "is before 2000"}),
        Case("nanoseconds", "a.jsonl", lines(ROW, changed(at=SECONDS * 10**9)), 1, {2: "is no time"}),
        Case("microseconds and ISO 8601 in one column", "a.jsonl", lines(ROW, changed(at=SECONDS * 10**6)), 2),
        Case("a clock that is an hour ahead", "a.csv", csv(GOOD, MORE.replace("09-01T10:00", "09-21T15:00")), 2),
        Case(
            "a clock that is a year ahead",
            "a.csv",
            csv(GOOD, MORE.replace("2026", "2027")),
            1,
            {2: "lies in the future"},
        ),
        Case("a time before 1970", "a.jsonl", lines(ROW, changed(at=-5)), 1, {2: "at: -5 is before 2000"}),
        Case("a leap second", "a.csv", csv(GOOD, MORE.replace("10:00:20Z", "23:59:60Z")), 1, {2: "is no time"}),
        Case("an offset of 14 hours", "a.csv", csv(GOOD, MORE.replace("20Z", "20+14:00")), 2),
        Case(
            "seconds, where they are expected",
            "a.csv",
            b"account_id,object_id,content_id,timestamp_share\na,o,c,1600000000\nb,o,d,1600000000000\n",
            1,
            {2: "timestamp_share: 1600000000000 lies in the future"},
            format_name="coortweet",
        ),
    ],
    "Media": [
        Case(
            "media that are one name",
            "a.csv",
            csv("e1,ann,note,2026-09-01T10:00:00Z,1.jpg\n", head=SHOWN),
            0,
            refused="media: 1.jpg is no list",
        ),
        Case(
            "media that are pictures themselves",
            "a.jsonl",
            lines(ROW, {**ROW, "event_id": "e2", "media": [{"data": "..."}]}),
            1,
            {2: 'media: [{"data":"..."}] holds lists or objects'},
        ),
        Case(
            "an answer of check-media",
            "a.jsonl",
            lines(ANSWER, {**ANSWER, "file": "2.jpg", "hash": None}),
            2,
            format_name="check-media",
        ),
        Case(
            "a hash alone, in a CSV file",
            "a.csv",
            csv('1.jpg,none,[],"{""pdq"": ""' + "ab" * 32 + '""}"\n', head="file,status,markers,hash\n"),
            1,
            format_name="check-media",
        ),
        *(
            Case(
                what,
                "a.jsonl",
                lines(ANSWER, {**ANSWER, "file": "2.jpg", **wrong}),
                1,
                {2: said},
                format_name="check-media",
            )
            for what, wrong, said in (
                ("an answer that is an error", {"status": "error"}, "status: error is none of trusted"),
                ("a status that nobody gives", {"status": "human"}, "status: human is none of trusted"),
                ("markers that are no list", {"markers": {"kind": "c2pa"}}, "is no list of markers"),
                ("a hash that is no hexadecimal", {"hash": {"pdq": "xy" * 32}}, "holds no PDQ hash"),
                ("a hash that is too short", {"hash": {"pdq": "ab" * 31}}, "holds no PDQ hash"),
                (
                    "a hash with some of its variants",
                    {"hash": {"pdq": "ab" * 32, "variants": {"0.95": "ab" * 32}}},
                    "alone or with all 5 variants",
                ),
                (
                    "a quality over 100",
                    {"hash": {"pdq": "ab" * 32, "quality": 101}},
                    "quality: 101 is no number from 0 to 100",
                ),
            )
        ),
        Case(
            "two answers about one file",
            "a.jsonl",
            lines(ANSWER, {**ANSWER, "status": "declared"}),
            1,
            {2: "media_id: 1.jpg was used before"},
            format_name="check-media",
        ),
    ],
    "Compressed, cut and mistaken files": [
        Case("gzip", "a.csv.gz", gzip.compress(csv(GOOD, MORE), mtime=0), 2),
        Case("zstd", "a.csv.zst", lambda: zstd(csv(GOOD, MORE)), 2),
        Case("JSON Lines in zstd", "a.jsonl.zst", lambda: zstd(lines(ROW, changed())), 2),
        Case("a JSON array in gzip", "a.json.gz", gzip.compress(json.dumps([ROW]).encode(), mtime=0), 1),
        Case(
            "two gzip streams one after another", "a.csv.gz", gzip.compress(csv(GOOD)) + gzip.compress(MORE.encode()), 2
        ),
        Case(
            "gzip cut off", "a.csv.gz", gzip.compress(MANY, mtime=0)[:-900], refused="cannot be decompressed, or is cut"
        ),
        Case("zstd cut off", "a.csv.zst", lambda: zstd(MANY)[:-900], refused="cannot be decompressed, or is cut short"),
        Case(
            "gzip with a wrong byte in it",
            "a.csv.gz",
            lambda: _flipped(gzip.compress(MANY, mtime=0)),
            refused="cannot be decomp",
        ),
        Case("text in a file named .gz", "a.csv.gz", csv(GOOD), refused="cannot be decompressed"),
        Case(
            "gzip in a file not named so",
            "a.csv",
            gzip.compress(csv(GOOD), mtime=0),
            refused="its name must end in .gz",
        ),
        Case("zstd in a file not named so", "a.jsonl", lambda: zstd(lines(ROW)), refused="its name must end in .zst"),
        Case(
            "UTF-16 in gzip",
            "a.csv.gz",
            gzip.compress(csv(GOOD).decode().encode("utf-16")),
            refused="line 1, byte 1: UTF-16",
        ),
        Case("a spreadsheet named .csv", "a.csv", b"PK\x03\x04rest", refused="is a zip archive or a spreadsheet"),
        Case("Parquet named .csv", "a.csv", parquet(a=[1]), refused="is Parquet; its name must end in .parquet"),
        Case("text named .parquet", "a.parquet", csv(GOOD), refused="cannot be read as parquet"),
        Case(
            "Parquet cut off",
            "a.parquet",
            lambda: parquet(**A_ROW, at=[1, 2])()[:-8],
            refused="cannot be read as parquet",
        ),
        Case(
            "a CSV file cut within a row", "a.csv", csv(GOOD, MORE)[:-30], 1, {2: "record: Expected Number of Columns"}
        ),
        Case("a name without a known ending", "a.docx", b"hello", refused="expected a name ending in .csv"),
    ],
}


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]

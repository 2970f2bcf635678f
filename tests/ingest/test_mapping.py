"""Mapping files: what they make of a platform's own columns, and how their mistakes are named."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graph.errors import InputError
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.mapping import read_mapping
from shoal import cli

NOW = 1_790_000_000_000_000  # 2026-09-21
TEN = 1_788_256_800_000_000  # 2026-09-01T10:00:00Z

MAPPING = """\
name: xiaohongshu-like
table: interactions
columns:
  用户ID: account_id
  行为类型: kind
  时间: at
  笔记ID: target_id
  评论ID: [event_id, content_id]
  内容: text
  话题: hashtags
values:
  kind: {发布笔记: note, 评论: comment, 点赞: like, 私信: message}
times:
  form: "%Y-%m-%d %H:%M:%S"
  zone: Asia/Shanghai
lists:
  hashtags: "#"
drop: [手机号]
"""
EXPORT = """\
用户ID,行为类型,时间,笔记ID,评论ID,内容,话题,手机号,IP属地
u1,评论,2026-09-01 18:00:00,n1,c1,这个颜色太好看了,#口红 #秋冬穿搭,13800000000,上海
u2,私信,2026-09-01 18:00:20,u1,m1,加个好友,,13800000001,广东
u3,打赏,2026-09-01 18:00:20,n1,c3,不该出现,,13800000002,北京
u4,点赞,2026/09/01,n1,c4,,,13800000003,北京
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


def mapped(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "m.yml"
    path.write_text(text)
    return path


def logged(workspace: Workspace, query: str) -> list[tuple[object, ...]]:
    with workspace.log.connect() as connection:
        rows: list[tuple[object, ...]] = connection.execute(query).fetchall()
        return rows


def test_an_export_with_chinese_columns(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(EXPORT)
    mapping = read_mapping(mapped(tmp_path, MAPPING))
    done = ingest(workspace, path, mapping, now=NOW)
    assert (done.appended, done.rejected) == (2, 2)
    assert logged(
        workspace,
        'SELECT event_id, account_id, kind, "at", target_id, content_id, text, hashtags FROM interactions ORDER BY 1',
    ) == [
        ("c1", "u1", "comment", TEN, "n1", "c1", "这个颜色太好看了", ["口红", "秋冬穿搭"]),
        ("m1", "u2", "message", TEN + 20_000_000, "u1", "m1", None, None),
    ]
    # of private interactions nothing is kept, and what is dropped is nowhere
    assert logged(workspace, "SELECT row_id, fields FROM extras") == [("c1", '{"IP属地":"上海"}')]
    everything = b"".join(p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())
    assert b"1380000000" not in everything
    assert done.rejects is not None
    bad = [json.loads(line) for line in done.rejects.read_text().splitlines()]
    assert [row["row"] for row in bad] == [3, 4]
    assert bad[0]["reasons"][0].startswith("行为类型: 打赏 is none of note")
    assert bad[0]["record"]["内容"] is None  # it may have been private
    assert bad[1]["reasons"] == ["时间: 2026/09/01 is no time: expected %Y-%m-%d %H:%M:%S (Asia/Shanghai)"]


def test_the_mapping_is_part_of_what_a_batch_is(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(EXPORT)
    assert ingest(workspace, path, read_mapping(mapped(tmp_path, MAPPING)), now=NOW).appended == 2
    assert ingest(workspace, path, read_mapping(mapped(tmp_path, MAPPING)), now=NOW).known
    other = read_mapping(mapped(tmp_path, MAPPING.replace("点赞: like", "点赞: collect")))
    assert ingest(workspace, path, other, now=NOW).repeated == 2
    (info,) = [b.info["format"] for b in workspace.log.batches()][:1]
    assert info.startswith("mapping xiaohongshu-like (")


@pytest.mark.parametrize(
    ("times", "value"),
    [
        ("{form: iso}", "2026-09-01T18:00:00+08:00"),
        ("{form: iso, zone: '+08:00'}", "2026-09-01 18:00:00"),
        ("{form: iso, zone: '+08:00'}", "2026-09-01T10:00:00Z"),
        ("{form: iso, zone: Asia/Shanghai}", "2026-09-01 18:00:00"),
        ("{form: seconds}", "1788256800"),
        ("{form: milliseconds}", "1788256800000"),
        ("{form: microseconds}", "1788256800000000"),
        ("{form: '%d/%m/%Y %H:%M', zone: '-03:30'}", "01/09/2026 06:30"),
        ("{form: '%a %b %d %H:%M:%S %z %Y'}", "Tue Sep 01 10:00:00 +0000 2026"),
    ],
)
def test_times_in_any_form_and_zone(workspace: Workspace, tmp_path: Path, times: str, value: str) -> None:
    text = "table: actions\ncolumns: {who: account_id, what: object_id, when: at}\nconstants: {channel: share}\n"
    text += f"times: {times}\n"
    path = tmp_path / "x.csv"
    path.write_text(f"who,what,when\nann,o,{value}\nbob,o,never\n")
    done = ingest(workspace, path, read_mapping(mapped(tmp_path, text)), now=NOW)
    assert (done.appended, done.rejected) == (1, 1)
    assert logged(workspace, 'SELECT account_id, channel, object_id, "at" FROM actions') == [("ann", "share", "o", TEN)]


def test_a_zone_counts_for_parquet_timestamps_too(workspace: Workspace, tmp_path: Path) -> None:
    text = "table: actions\ncolumns: {who: account_id, what: object_id, when: at}\nconstants: {channel: share}\n"
    times = "times: {form: iso, zone: Asia/Shanghai}\n"
    local = pa.array([TEN + 8 * 3_600_000_000], pa.timestamp("us"))
    pq.write_table(pa.table({"who": ["a"], "what": ["o"], "when": local}), tmp_path / "x.parquet")
    ingest(workspace, tmp_path / "x.parquet", read_mapping(mapped(tmp_path, text + times)), now=NOW)
    assert logged(workspace, 'SELECT "at" FROM actions') == [(TEN,)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("table: interactions", "table: notes"), "line 2, column 8: 'notes' is none of interactions, accounts"),
        (("table: interactions\n", ""), "line 1, column 1: no `table`"),
        (("  用户ID: account_id", "  用户ID: acount_id"), "line 4, column 9: 'acount_id' is none of event_id"),
        (("  用户ID: account_id\n", ""), "line 4, column 3: no column for account_id"),
        (("  内容: text", "  时间: text"), "line 9, column 3: '时间' stands there twice"),
        (("  内容: text", "  内容: kind"), "line 9, column 7: kind is mapped twice: from '行为类型' and from '内容'"),
        (("评论: comment", "评论: coment"), "line 12, column 26: 'coment' is none of note, comment"),
        (("  kind: {", "  text: {"), ""),
        (("  kind: {", "  at: {"), "line 12, column 3: at holds times or lists"),
        (("  kind: {", "  urls: {"), "line 12, column 3: urls has no column of theirs"),
        (("Asia/Shanghai", "Asia/Atlantis"), "line 15, column 9: 'Asia/Atlantis' is no time zone"),
        (("  zone: Asia/Shanghai\n", ""), "has no offset (%z): give a zone"),
        (('"%Y-%m-%d %H:%M:%S"', "fortnights"), "line 14, column 9: 'fortnights' is none of iso, seconds"),
        (('"%Y-%m-%d %H:%M:%S"', "seconds"), "line 15, column 3: times as 'seconds' need no zone"),
        (('"%Y-%m-%d %H:%M:%S"', '"%Y-%Q"'), "line 14, column 9: '%Y-%Q'"),
        (('  hashtags: "#"', '  text: "#"'), "line 17, column 3: 'text' is none of urls, hashtags"),
        (("drop: [手机号]", "drop: {手机号: 1}"), "line 18, column 7: expected a text"),
        (("columns:", "colums:"), "line 3, column 1: 'colums' is none of name, table, columns"),
        (("columns:", "columns: 7\nnot:"), "line 4, column 1: 'not' is none of"),
        (("name: xiaohongshu-like", "name: [xiao"), "no YAML"),
        (("name: xiaohongshu-like", "name:"), "line 1, column 6: expected a text"),
        (("drop: [手机号]", "constants: {account_id: me}"), "account_id is mapped from '用户ID' already"),
        (("drop: [手机号]", "constants: {urls: me}"), "urls holds times or lists"),
    ],
)
def test_a_mistake_is_named_with_line_and_column(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    assert change[0] in MAPPING
    path = mapped(tmp_path, MAPPING.replace(change[0], change[1], 1))
    if not says:
        read_mapping(path)
        return
    with pytest.raises(InputError) as error:
        read_mapping(path)
    assert str(path) in str(error.value)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty file"),
        (b"# nothing\n", "nothing in it but comments"),
        (b"- a\n", "line 1, column 1: a mapping file: expected lines of"),
        (b"\xff", "byte 1: not UTF-8"),
        (b"a: b\n  c: d\n", "line 2, column 4: no YAML"),
        (b"a: \x07\n", "no YAML"),
        (b"a: " + b"x" * (1 << 20), "over 1 MiB"),
        (b"a: " + b"[" * 100_000, "no YAML"),
        (b"a: &x [*x]\n", "line 1, column 1: 'a' is none of"),
        (b"? [a]\n: b\n", "line 1, column 3: expected a text"),
    ],
)
def test_what_is_no_mapping_file(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "m.yml"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_mapping(path)
    assert str(path) in str(error.value)
    assert says in str(error.value)


def test_a_file_without_a_mapped_column_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text("用户ID,行为类型,时间\nu1,评论,2026-09-01 18:00:00\n")
    with pytest.raises(
        InputError, match="missing column 评论ID, 笔记ID, 内容, 话题, of which mapping xiaohongshu-like"
    ):
        ingest(workspace, path, read_mapping(mapped(tmp_path, MAPPING)), now=NOW)


SPACES = "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c) == "Zs")
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12)


@settings(max_examples=20, deadline=None)
@example(who="w", what="w", value=" ", separator=",")
@example(who="w", what="w", value="\u3000", separator=",")
@example(who="w", what="w", value="x\u00a0", separator=",")
@given(who=names, what=names, value=names, separator=names)
def test_names_and_values_of_any_spelling_travel_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, who: str, what: str, value: str, separator: str
) -> None:
    """Quotes, braces, percent signs and the like end in no other statement than the one meant."""
    columns = {f"{who}1": "account_id", f"{what}2": "target_id", "t3": "at", "k4": "kind", "h5": "hashtags"}
    folder = tmp_path_factory.mktemp("any")
    text = {
        "table": "interactions",
        "columns": columns,
        "values": {"kind": {value: "like"}},
        "lists": {"hashtags": separator},
    }
    path = folder / "x.jsonl"
    row = dict(zip(columns, ["a", "b", TEN, value, f"x{separator}y"], strict=True))
    path.write_text(json.dumps(row))
    workspace = Workspace(folder / "data")
    mapping = read_mapping(mapped(folder, json.dumps(text, ensure_ascii=False)))  # JSON is YAML
    meant = value.strip(SPACES)  # as values are read
    if value != meant:
        with pytest.raises(InputError, match="is none of note" if meant else "k4: empty"):
            ingest(workspace, path, mapping, now=NOW)
        return
    assert ingest(workspace, path, mapping, now=NOW).appended == 1
    assert logged(workspace, "SELECT account_id, kind, target_id FROM interactions") == [("a", "like", "b")]


def test_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(EXPORT)
    mapping, export = str(mapped(tmp_path, MAPPING)), str(tmp_path / "export.csv")

    def shoal(*arguments: str) -> str:
        done = CliRunner().invoke(cli, [*arguments])
        assert done.exit_code == 0, done.output
        return done.output

    said = shoal("ingest", export, "--mapping", mapping, "--dry-run", "--dir", str(tmp_path / "data"))
    assert "4 rows of interactions: 2 would be appended" in said
    assert "kept beside the rows: IP属地" in said
    assert not (tmp_path / "data").exists()
    assert "2 appended" in shoal("ingest", export, "--mapping", mapping, "--dir", str(tmp_path / "data"))
    assert "m.csv: 0 rows" in shoal("coact", export, "--mapping", mapping, "--out", str(tmp_path / "m.csv"))
    listed = shoal("formats")
    assert "x-api-v2" in listed
    assert "Recognised by" in listed
    both = CliRunner().invoke(cli, ["ingest", export, "--mapping", mapping, "--format", "native"])
    assert both.exit_code == 2
    assert "leave --format out" in both.output
    preset = ["coact", export, "--out", "x.csv", "--preset", "coortweet", "--mapping", mapping]
    assert "--mapping means nothing to --preset coortweet" in CliRunner().invoke(cli, preset).output
